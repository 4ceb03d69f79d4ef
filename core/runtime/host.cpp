// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/host.h"

#include <algorithm>
#include <cstring>

#include "core/base/units.h"
#include "core/payload/hash_faults.h"
#include "core/quant/base_hasher.h"
#include "kernels/gpu_ops.h"

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

IndexRange baseElements(const TensorOrigin& origin) { return isPart(origin) ? origin.needs : IndexRange{0, origin.elements}; }

std::uint64_t bottomElements(const TensorOrigin& origin) {
  if (isPart(origin)) return origin.bottom == BaseKind::None ? 0 : origin.elements;
  if (origin.quantized) return origin.quantized->elements;
  return origin.plain ? origin.plain->elements : 0;
}

std::uint64_t residentCodeBytes(const TensorOrigin& origin) {
  return origin.quantized->layout.codesOf(baseElements(origin)).count;
}

std::uint64_t residentScaleBytes(const TensorOrigin& origin) {
  return origin.quantized->layout.scalesOf(baseElements(origin)).count * sizeof(float);
}

std::uint64_t residentBaseBytes(const TensorOrigin& origin) {
  if (origin.quantized) return residentCodeBytes(origin) + residentScaleBytes(origin);
  return origin.plain ? baseElements(origin).count * deltascope::bytesOf(origin.dtype) : 0;
}

Result<void> Host::put(void* to, std::span<const std::byte> bytes) {
  if (inPlace()) {
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
  return fromBackend(m_backend->gpu()->makeTileTable(rule, prefix, fields));
}

Result<void> Host::fill(const kernels::Buffer& buffer, std::uint64_t bytes, std::uint64_t pieceBytes,
                        const std::stop_token& stop,
                        const std::function<Result<void>(std::uint64_t, std::span<std::byte>)>& read) {
  std::vector<std::byte> staging(inPlace() ? 0 : static_cast<std::size_t>(std::min(bytes, pieceBytes)));
  for (std::uint64_t begin = 0; begin < bytes; begin += pieceBytes) {
    if (stop.stop_requested()) return cancelled();
    const auto size = static_cast<std::size_t>(std::min(pieceBytes, bytes - begin));
    std::byte* const target = buffer.as<std::byte>() + begin;
    if (inPlace()) {
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
  const IndexRange elements = baseElements(origin);
  return {path.string(),   origin.baseName, origin.quantized ? DType::U8 : origin.dtype,
          origin.elements, elements.first,  elements.count};
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

/// Codes and scales, cut or continued to the final's rows.
Result<void> Host::readQuantized(const BaseModel& model, const TensorOrigin& origin, const std::stop_token& stop,
                                 ResidentBase& base) {
  const QuantizedTensor& tensor = *origin.quantized;
  const BaseLayout& layout = tensor.layout;
  const IndexRange elements = baseElements(origin);
  const bool whole = tensor.elements == elements.count;
  base.group = layout.group;
  base.begin = elements.first;
  base.columns = layout.columns;
  DELTASCOPE_ASSIGN(base.codes, fromBackend(m_backend->allocate(residentCodeBytes(origin), origin.spec.name)));
  BaseHasher hasher;
  const auto readPiece = [&](std::uint64_t begin, std::span<std::byte> piece) -> Result<void> {
    const std::uint64_t first = layout.elementsIn(begin);
    const std::uint64_t count = std::min(layout.elementsIn(piece.size()), elements.count - first);
    DELTASCOPE_TRY(model.readCodes(tensor, {elements.first + first, count}, piece));
    if (whole) hasher.add(piece);
    return {};
  };
  DELTASCOPE_TRY(fill(base.codes, residentCodeBytes(origin), layout.wholeTiles(kReadBytes), stop, readPiece));
  std::vector<float> padded;
  std::span<const float> scales = tensor.scales;
  if (whole) {
    base.hash = hasher.finish(scales);
  } else {  // the hash is over all that the base stores
    if (origin.baseHash) {
      DELTASCOPE_ASSIGN(base.hash, model.hash(origin.baseName));
    }
    const IndexRange groups = layout.scalesOf(elements);
    if (groups.first < tensor.scales.size())
      padded.assign(tensor.scales.begin() + static_cast<std::ptrdiff_t>(groups.first),
                    tensor.scales.begin() + static_cast<std::ptrdiff_t>(
                                                std::min<std::uint64_t>(groups.first + groups.count, tensor.scales.size())));
    padded.resize(static_cast<std::size_t>(groups.count), 0.0F);
    scales = padded;
  }
  DELTASCOPE_ASSIGN(base.scales, fromBackend(m_backend->allocate(scales.size_bytes(), origin.spec.name)));
  return put(base.scales.data(), std::as_bytes(scales));
}

/// Values in the final's type and rows.
Result<void> Host::readPlain(const BaseModel& model, const TensorOrigin& origin, const std::stop_token& stop,
                             ResidentBase& base) {
  const std::uint64_t bytes = residentBaseBytes(origin), size = deltascope::bytesOf(origin.dtype);
  const std::uint64_t first = baseElements(origin).first;
  const bool whole = origin.plain->elements == baseElements(origin).count;
  base.begin = first;
  DELTASCOPE_ASSIGN(base.codes, fromBackend(m_backend->allocate(bytes, origin.spec.name)));
  BaseHasher hasher;
  SliceBuffer slice;
  const auto readPiece = [&](std::uint64_t begin, std::span<std::byte> piece) -> Result<void> {
    if (whole && origin.plain->dtype == origin.dtype) {
      DELTASCOPE_TRY(model.checkpoint().read(*origin.plain, begin, piece));
      hasher.add(piece);
      return {};
    }
    DELTASCOPE_TRY(model.slice(origin.baseName, origin.dtype, first + begin / size, piece.size() / size, false, slice));
    if (whole) hasher.add(slice);
    std::memcpy(piece.data(), slice.slice.values.data(), piece.size());
    return {};
  };
  constexpr std::uint64_t kPiece = kReadBytes / sizeof(float) / kTileElements * kTileElements;
  DELTASCOPE_TRY(fill(base.codes, bytes, kPiece * size, stop, readPiece));
  if (whole) {
    base.hash = hasher.finish({});
  } else if (origin.baseHash) {
    DELTASCOPE_ASSIGN(base.hash, model.hash(origin.baseName));
  }
  return {};
}

Result<std::shared_ptr<const ResidentBase>> Host::read(const BaseModel& model, const TensorOrigin& origin,
                                                       const std::stop_token& stop) {
  auto base = std::make_shared<ResidentBase>();
  base->kind = origin.bottom;
  DELTASCOPE_TRY(origin.quantized ? readQuantized(model, origin, stop, *base) : readPlain(model, origin, stop, *base));
  if (origin.baseHash && base->hash != *origin.baseHash)
    return tl::make_unexpected(wrongBaseHash(
        {model.checkpoint().fileOf(origin.quantized ? *origin.quantized->codes : *origin.plain), origin.spec.name, {}},
        base->hash, *origin.baseHash));
  return base;
}

}  // namespace deltascope
