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

std::uint64_t bottomElements(const TensorOrigin& origin) {
  if (origin.quantized) return origin.quantized->elements;
  return origin.plain ? origin.plain->elements : 0;
}

std::uint64_t residentCodeBytes(const TensorOrigin& origin) {
  return origin.quantized->format == QuantFormat::Int8 ? origin.elements : ceilDiv(origin.elements, 2);
}

std::uint64_t residentScaleBytes(const TensorOrigin& origin) {
  const auto& quantized = *origin.quantized;
  if (origin.elements == quantized.elements) return scaleCount(quantized) * sizeof(float);
  const std::uint64_t group = quantized.format == QuantFormat::Int8 ? quantized.columns : quantized.blocksize;
  return ceilDiv(origin.elements, std::max<std::uint64_t>(group, 1)) * sizeof(float);
}

std::uint64_t residentBaseBytes(const TensorOrigin& origin) {
  if (origin.quantized) return residentCodeBytes(origin) + residentScaleBytes(origin);
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
  return {path.string(), origin.baseName, origin.quantized ? DType::U8 : origin.dtype, origin.elements};
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

/// A base of more or fewer rows than the final; its hash is over all that it stores.
Result<void> Host::readResized(const BaseModel& model, const TensorOrigin& origin, const std::stop_token& stop,
                               ResidentBase& base) {
  DELTASCOPE_ASSIGN(base.hash, model.hash(origin.baseName));
  const QuantizedTensor* quantized = origin.quantized;
  const bool int8 = quantized && quantized->format == QuantFormat::Int8;
  const std::uint64_t codeBytes = quantized ? residentCodeBytes(origin) : residentBaseBytes(origin);
  DELTASCOPE_ASSIGN(base.codes, fromBackend(m_backend->allocate(codeBytes, origin.spec.name)));
  // What a tile of elements takes: pieces begin where slices may.
  const std::uint64_t tile = !quantized ? kTileElements * deltascope::bytesOf(origin.dtype)
                             : int8     ? kTileElements
                                        : kTileElements / 2;
  SliceBuffer slice;
  const auto readPiece = [&](std::uint64_t begin, std::span<std::byte> piece) -> Result<void> {
    const std::uint64_t first = begin / tile * kTileElements;
    const std::uint64_t most = ceilDiv(piece.size(), tile) * kTileElements;
    const auto count = static_cast<std::size_t>(std::min(most, origin.elements - first));
    DELTASCOPE_TRY(model.slice(origin.baseName, origin.dtype, first, count, false, slice));
    const auto bytes = quantized ? std::as_bytes(slice.slice.codes) : slice.slice.values;
    std::memcpy(piece.data(), bytes.data(), piece.size());
    return {};
  };
  DELTASCOPE_TRY(fill(base.codes, codeBytes, kReadBytes / tile * tile, stop, readPiece));
  if (!quantized) return {};
  base.group = std::max<std::uint64_t>(int8 ? quantized->columns : quantized->blocksize, 1);
  std::vector<float> scales = quantized->scales;
  scales.resize(residentScaleBytes(origin) / sizeof(float), 0.0F);
  DELTASCOPE_ASSIGN(base.scales, fromBackend(m_backend->allocate(scales.size() * sizeof(float), origin.spec.name)));
  return put(base.scales.data(), std::as_bytes(std::span(scales)));
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
  if (bottomElements(origin) != origin.elements) {
    DELTASCOPE_TRY(readResized(model, origin, stop, *base));
  } else if (const QuantizedTensor* quantized = origin.quantized) {
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
      DELTASCOPE_TRY(model.slice(origin.baseName, origin.dtype, begin / size, piece.size() / size, false, slice));
      hasher.update(slice.stored);
      std::memcpy(piece.data(), slice.values.data(), piece.size());
      return {};
    };
    DELTASCOPE_TRY(fill(base->codes, bytes, kPiece * size, stop, convert));
  }
  if (bottomElements(origin) == origin.elements) base->hash = hasher.digest();
  if (origin.baseHash && base->hash != *origin.baseHash)
    return fail(ErrorCode::Mismatch,
                at({checkpoint.fileOf(origin.quantized ? *origin.quantized->codes : *origin.plain), origin.spec.name, {}},
                   "the base has the hash " + toHex(base->hash) + ", the payload was made over " + toHex(*origin.baseHash)),
                "this is another base, or it was changed since");
  return base;
}

}  // namespace deltascope
