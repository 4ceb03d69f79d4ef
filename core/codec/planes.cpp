// SPDX-License-Identifier: Apache-2.0
#include "core/codec/planes.h"

#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

#include "core/codec/bytes.h"
#include "core/codec/zstd_frame.h"

namespace deltascope {
namespace {

constexpr std::size_t kHeader = 16;
enum Mode : std::uint32_t { kZero = 0, kStored = 1, kZstd = 2 };

std::size_t padded(std::size_t n) { return (n + 15) / 16 * 16; }

void putHeader(std::byte* at, std::uint32_t mode, std::uint64_t bytes) {
  const std::uint32_t zero = 0;
  std::memcpy(at, &mode, 4);
  std::memcpy(at + 4, &zero, 4);
  std::memcpy(at + 8, &bytes, 8);
}

ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  return context.get();
}

}  // namespace

void appendPlane(std::span<const std::byte> plane, int zstdLevel, std::vector<std::byte>& out, ZeroPlanes zeros) {
  const std::size_t start = out.size();
  out.resize(start + kHeader);
  const auto isZero = [](std::byte b) { return b == std::byte{0}; };
  if (plane.empty() || (zeros == ZeroPlanes::Bare && std::ranges::all_of(plane, isZero))) {
    putHeader(out.data() + start, kZero, 0);
    return;
  }
  out.resize(start + kHeader + plane.size());  // a frame no smaller than the plane is of no use
  const std::size_t written =
      ZSTD_compressCCtx(compressor(), out.data() + start + kHeader, plane.size(), plane.data(), plane.size(), zstdLevel);
  std::size_t stored = plane.size();
  if (ZSTD_isError(written)) {
    std::memcpy(out.data() + start + kHeader, plane.data(), plane.size());
    putHeader(out.data() + start, kStored, stored);
  } else {
    stored = written;
    putHeader(out.data() + start, kZstd, stored);
  }
  out.resize(start + kHeader + stored);
  out.resize(start + kHeader + padded(stored));
}

Result<std::size_t> planeBytes(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeader) return fail(ErrorCode::Corrupt, "byte plane is cut off");
  const auto stored = loadAs<std::uint64_t>(bytes.data() + 8);
  if (loadAs<std::uint32_t>(bytes.data() + 4) != 0) return fail(ErrorCode::Corrupt, "byte plane: reserved bytes are not zero");
  if (stored > bytes.size() - kHeader || padded(stored) > bytes.size() - kHeader)
    return fail(ErrorCode::Corrupt, "byte plane runs past the chunk");
  if (!isPadding(bytes.subspan(kHeader + stored, padded(stored) - stored)))
    return fail(ErrorCode::Corrupt, "byte plane: its padding is not zero");
  return kHeader + padded(stored);
}

Result<std::size_t> parsePlane(std::span<const std::byte> bytes, std::span<std::byte> plane) {
  DELTASCOPE_ASSIGN(const std::size_t used, planeBytes(bytes));
  const auto mode = loadAs<std::uint32_t>(bytes.data());
  const auto stored = loadAs<std::uint64_t>(bytes.data() + 8);
  const auto body = bytes.subspan(kHeader, stored);
  if (mode == kZero && stored == 0) {
    std::fill(plane.begin(), plane.end(), std::byte{0});
  } else if (mode == kStored && stored == plane.size()) {
    std::copy(body.begin(), body.end(), plane.begin());
  } else if (mode == kZstd) {
    if (auto done = inflateFrame(body, plane); !done) return fail(done.error().code, "byte plane: " + done.error().message);
  } else if (mode > kZstd) {
    return needsNewer("a byte plane of mode " + std::to_string(mode));
  } else {
    return fail(ErrorCode::Corrupt, "byte plane has the wrong size");
  }
  return used;
}

Result<InflatedPlane> inflatePlane(std::span<const std::byte> bytes, std::size_t planeBytes, std::span<std::byte> into) {
  if (into.size() < planeBound(planeBytes)) return fail(ErrorCode::Internal, "byte plane: no room to inflate it");
  std::uint32_t mode = 0;
  if (bytes.size() >= kHeader) std::memcpy(&mode, bytes.data(), 4);
  const bool zero = mode == kZero;
  DELTASCOPE_ASSIGN(const std::size_t read, parsePlane(bytes, into.subspan(kHeader, zero ? 0 : planeBytes)));
  putHeader(into.data(), zero ? kZero : kStored, zero ? 0 : planeBytes);
  if (zero) return InflatedPlane{read, kHeader};
  std::memset(into.data() + kHeader + planeBytes, 0, padded(planeBytes) - planeBytes);
  return InflatedPlane{read, kHeader + padded(planeBytes)};
}

std::size_t planeBound(std::size_t bytes) { return kHeader + padded(bytes); }

}  // namespace deltascope
