// SPDX-License-Identifier: Apache-2.0
#include "core/codec/zstd_frame.h"

#include <zstd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

namespace deltascope {
namespace {

constexpr std::uint32_t kMagic = 0xFD2FB528;

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  return context.get();
}

}  // namespace

Result<void> inflateFrame(std::span<const std::byte> bytes, std::span<std::byte> into) {
  std::uint32_t magic = 0;
  if (bytes.size() >= sizeof magic) std::memcpy(&magic, bytes.data(), sizeof magic);
  if (magic != kMagic) return fail(ErrorCode::Corrupt, "is no zstd frame");
  const std::size_t length = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
  if (ZSTD_isError(length)) return fail(ErrorCode::Corrupt, std::string("zstd says ") + ZSTD_getErrorName(length));
  if (length != bytes.size()) return fail(ErrorCode::Corrupt, "bytes follow the zstd frame");
  if (!decompressor()) return fail(ErrorCode::OutOfMemory, "not enough memory to decompress");
  const std::size_t size = ZSTD_decompressDCtx(decompressor(), into.data(), into.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size)) return fail(ErrorCode::Corrupt, std::string("zstd says ") + ZSTD_getErrorName(size));
  if (size != into.size())
    return fail(ErrorCode::Corrupt,
                "the zstd frame holds " + std::to_string(size) + " bytes, not " + std::to_string(into.size()));
  return {};
}

std::vector<std::byte> deflateFrame(std::span<const std::byte> bytes, int level) {
  std::vector<std::byte> out(bytes.size());
  const std::size_t size = out.empty() ? 0 : ZSTD_compress(out.data(), out.size() - 1, bytes.data(), bytes.size(), level);
  out.resize(ZSTD_isError(size) ? 0 : size);
  return out;
}

}  // namespace deltascope
