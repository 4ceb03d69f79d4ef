// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/host.h"

#include <algorithm>
#include <cstring>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kReadBytes = std::uint64_t{4} << 20;

tl::unexpected<Error> cancelled() { return fail(ErrorCode::Cancelled, "cancelled"); }

/// A tensor's stored bytes into memory, piece by piece, so that a stop is heard.
Result<void> readStored(const Checkpoint& checkpoint, const TensorInfo& info, std::span<std::byte> into,
                        const std::stop_token& stop) {
  for (std::uint64_t begin = 0; begin < info.bytes; begin += kReadBytes) {
    if (stop.stop_requested()) return cancelled();
    const auto size = std::min<std::uint64_t>(kReadBytes, info.bytes - begin);
    DELTASCOPE_TRY(checkpoint.read(info, begin, into.subspan(begin, size)));
  }
  return {};
}

std::span<std::byte> bytesOf(const kernels::Buffer& buffer) {
  return {buffer.as<std::byte>(), static_cast<std::size_t>(buffer.bytes())};
}

}  // namespace

Result<Reservation> Reservation::take(std::shared_ptr<kernels::Backend> backend, std::uint64_t bytes, std::string_view what) {
  DELTASCOPE_TRY(fromBackend(backend->memory().take(bytes, what)));
  Reservation reservation;
  reservation.m_backend = std::move(backend);
  reservation.m_bytes = bytes;
  return reservation;
}

std::uint64_t scaleCount(const QuantizedTensor& tensor) {
  return tensor.format == QuantFormat::Int8 ? tensor.shape.front() : ceilDiv(tensor.elements, tensor.blocksize);
}

std::uint64_t residentBaseBytes(const TensorOrigin& origin) {
  if (origin.quantized) return origin.quantized->codes->bytes + scaleCount(*origin.quantized) * sizeof(float);
  return origin.plain ? origin.elements * deltascope::bytesOf(origin.dtype) : 0;
}

Host::Key Host::keyOf(const BaseModel& model, const TensorOrigin& origin) {
  std::error_code ignored;
  const auto path = std::filesystem::weakly_canonical(model.checkpoint().path(), ignored);
  return {path.string(), origin.spec.name, origin.quantized ? DType::U8 : origin.dtype};
}

bool Host::holds(const BaseModel& model, const TensorOrigin& origin) const {
  std::lock_guard lock(m_mutex);
  const auto found = m_bases.find(keyOf(model, origin));
  return found != m_bases.end() && !found->second.expired();
}

Result<std::shared_ptr<const ResidentBase>> Host::base(const BaseModel& model, const TensorOrigin& origin,
                                                       const std::stop_token& stop) {
  const Key key = keyOf(model, origin);
  {
    std::lock_guard lock(m_mutex);
    if (const auto found = m_bases.find(key); found != m_bases.end())
      if (auto base = found->second.lock()) return base;
  }
  DELTASCOPE_ASSIGN(auto base, read(model, origin, stop));
  std::lock_guard lock(m_mutex);
  m_bases[key] = base;
  return base;
}

Result<std::shared_ptr<const ResidentBase>> Host::read(const BaseModel& model, const TensorOrigin& origin,
                                                       const std::stop_token& stop) {
  auto base = std::make_shared<ResidentBase>();
  base->kind = origin.bottom;
  const Checkpoint& checkpoint = model.checkpoint();
  Hasher128 hasher;
  if (const QuantizedTensor* quantized = origin.quantized) {
    const std::uint64_t scaleBytes = quantized->scales.size() * sizeof(float);
    DELTASCOPE_ASSIGN(base->codes, fromBackend(m_backend->allocate(quantized->codes->bytes, origin.spec.name)));
    DELTASCOPE_ASSIGN(base->scales, fromBackend(m_backend->allocate(scaleBytes, origin.spec.name)));
    DELTASCOPE_TRY(readStored(checkpoint, *quantized->codes, bytesOf(base->codes), stop));
    if (scaleBytes > 0) std::memcpy(base->scales.data(), quantized->scales.data(), scaleBytes);
    base->group =
        std::max<std::uint64_t>(quantized->format == QuantFormat::Int8 ? quantized->columns : quantized->blocksize, 1);
    hasher.update(bytesOf(base->codes));
    hasher.update(bytesOf(base->scales));
  } else if (origin.plain->dtype == origin.dtype) {
    DELTASCOPE_ASSIGN(base->codes, fromBackend(m_backend->allocate(origin.plain->bytes, origin.spec.name)));
    DELTASCOPE_TRY(readStored(checkpoint, *origin.plain, bytesOf(base->codes), stop));
    hasher.update(bytesOf(base->codes));
  } else {
    DELTASCOPE_ASSIGN(base->codes, fromBackend(m_backend->allocate(residentBaseBytes(origin), origin.spec.name)));
    SliceBuffer slice;
    constexpr std::uint64_t kPiece = kReadBytes / sizeof(float) / kTileElements * kTileElements;
    for (std::uint64_t first = 0; first < origin.elements; first += kPiece) {
      if (stop.stop_requested()) return cancelled();
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, origin.elements - first));
      DELTASCOPE_TRY(model.slice(origin.spec.name, origin.dtype, first, count, false, slice));
      hasher.update(slice.stored);
      std::memcpy(base->codes.as<std::byte>() + first * deltascope::bytesOf(origin.dtype), slice.values.data(),
                  slice.values.size());
    }
  }
  base->hash = hasher.digest();
  if (origin.baseHash && base->hash != *origin.baseHash)
    return fail(ErrorCode::Mismatch,
                at({checkpoint.fileOf(origin.quantized ? *origin.quantized->codes : *origin.plain), origin.spec.name, {}},
                   "the base has the hash " + toHex(base->hash) + ", the payload was made over " + toHex(*origin.baseHash)),
                "this is another base, or it was changed since");
  return base;
}

}  // namespace deltascope
