// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/host.h"

#include <algorithm>
#include <cstring>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kReadBytes = std::uint64_t{4} << 20;

tl::unexpected<Error> cancelled() { return fail(ErrorCode::Cancelled, "cancelled"); }

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

Result<void> Host::put(void* to, std::span<const std::byte> bytes) {
  if (m_backend->onHost()) {
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    return {};
  }
  const std::lock_guard lock(m_copying);
  m_backend->copyIn(to, bytes.data(), bytes.size());
  return {};
}

Result<kernels::Buffer> Host::tileTable(const kernels::AnchorRule& rule, const kernels::PrefixTable* prefix,
                                        const kernels::FieldTable* fields) {
  const std::lock_guard lock(m_copying);
  return fromBackend(m_backend->makeTileTable(rule, prefix, fields));
}

Result<void> Host::fill(const kernels::Buffer& buffer, std::uint64_t bytes, std::uint64_t pieceBytes,
                        const std::stop_token& stop,
                        const std::function<Result<void>(std::uint64_t, std::span<std::byte>)>& read) {
  std::vector<std::byte> staging(m_backend->onHost() ? 0 : static_cast<std::size_t>(std::min(bytes, pieceBytes)));
  for (std::uint64_t begin = 0; begin < bytes; begin += pieceBytes) {
    if (stop.stop_requested()) return cancelled();
    const auto size = static_cast<std::size_t>(std::min(pieceBytes, bytes - begin));
    std::byte* const target = buffer.as<std::byte>() + begin;
    if (m_backend->onHost()) {
      DELTASCOPE_TRY(read(begin, {target, size}));
      continue;
    }
    const auto piece = std::span(staging).first(size);
    DELTASCOPE_TRY(read(begin, piece));
    DELTASCOPE_TRY(put(target, piece));
  }
  return {};
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
  const auto readStored = [&](const TensorInfo& info) {
    return fill(base->codes, info.bytes, kReadBytes, stop,
                [&](std::uint64_t begin, std::span<std::byte> piece) -> Result<void> {
                  DELTASCOPE_TRY(checkpoint.read(info, begin, piece));
                  hasher.update(piece);
                  return {};
                });
  };
  if (const QuantizedTensor* quantized = origin.quantized) {
    const auto scales = std::as_bytes(std::span(quantized->scales));
    DELTASCOPE_ASSIGN(base->codes, fromBackend(m_backend->allocate(quantized->codes->bytes, origin.spec.name)));
    DELTASCOPE_ASSIGN(base->scales, fromBackend(m_backend->allocate(scales.size(), origin.spec.name)));
    DELTASCOPE_TRY(readStored(*quantized->codes));
    DELTASCOPE_TRY(put(base->scales.data(), scales));
    base->group =
        std::max<std::uint64_t>(quantized->format == QuantFormat::Int8 ? quantized->columns : quantized->blocksize, 1);
    hasher.update(scales);
  } else if (origin.plain->dtype == origin.dtype) {
    DELTASCOPE_ASSIGN(base->codes, fromBackend(m_backend->allocate(origin.plain->bytes, origin.spec.name)));
    DELTASCOPE_TRY(readStored(*origin.plain));
  } else {
    const std::uint64_t bytes = residentBaseBytes(origin), size = deltascope::bytesOf(origin.dtype);
    DELTASCOPE_ASSIGN(base->codes, fromBackend(m_backend->allocate(bytes, origin.spec.name)));
    SliceBuffer slice;
    constexpr std::uint64_t kPiece = kReadBytes / sizeof(float) / kTileElements * kTileElements;
    const auto convert = [&](std::uint64_t begin, std::span<std::byte> piece) -> Result<void> {
      DELTASCOPE_TRY(model.slice(origin.spec.name, origin.dtype, begin / size, piece.size() / size, false, slice));
      hasher.update(slice.stored);
      std::memcpy(piece.data(), slice.values.data(), piece.size());
      return {};
    };
    DELTASCOPE_TRY(fill(base->codes, bytes, kPiece * size, stop, convert));
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
