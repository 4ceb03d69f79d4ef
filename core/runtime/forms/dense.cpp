// SPDX-License-Identifier: Apache-2.0
// Every element there, made once and checked: what is static.
#include <algorithm>

#include "core/base/units.h"
#include "core/payload/hash_faults.h"
#include "core/runtime/delta_source.h"
#include "core/runtime/forms/device_bytes.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/plain_source.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kReadElements = 512 * kTileElements;
/// Elements of a quantized weight that are dequantized at a time.
constexpr std::uint64_t kDequantizeStep = 32 * kTileElements;

class DenseWeight final : public HeldWeight {
 public:
  DenseWeight(const TensorOrigin& origin, kernels::Buffer elements)
      : m_shape(emptyMatrix(origin)), m_elements(std::move(elements)) {}
  kernels::Matrix matrix() const override {
    kernels::Matrix matrix = m_shape;
    matrix.elements = m_elements.data();
    return matrix;
  }

 private:
  kernels::Matrix m_shape;
  kernels::Buffer m_elements;
};

std::optional<FormCost> costOnHost(const TensorOrigin& origin, const FormSite&) {
  const std::uint64_t size = bytesOf(origin.dtype);
  FormCost cost;
  cost.residentBytes = origin.elements * size;
  if (!origin.steps.empty()) {
    const PieceShape shape = pieceShape(origin);
    cost.loadWorkBytes = shape.pieceBytes + shape.workBytes + 2 * shape.step * size;
  } else if (origin.quantized) {
    cost.loadWorkBytes = kDequantizeStep * (size + 1);
  }
  return cost;
}

std::optional<FormCost> costOnDevice(const TensorOrigin& origin, const FormSite&) {
  FormCost cost;
  cost.residentBytes = accountedBytes(origin.elements * bytesOf(origin.dtype));
  return cost;
}

class DenseLoad {
 public:
  DenseLoad(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop)
      : m_origin(origin), m_place(place), m_stop(stop) {}

  Result<std::unique_ptr<HeldWeight>> run() {
    const std::uint64_t bytes = m_origin.elements * m_size;
    DELTASCOPE_ASSIGN(m_elements, fromBackend(m_place.host->backend().allocate(bytes, m_origin.spec.name)));
    DELTASCOPE_TRY(m_origin.steps.empty() ? copy(bytes) : make());
    DELTASCOPE_TRY(checkFinal());
    return std::make_unique<DenseWeight>(m_origin, std::move(m_elements));
  }

 private:
  /// As it is stored, or converted by the one rounding that base tensors of another float type get.
  Result<void> read(std::uint64_t first, std::span<std::byte> into) const {
    const BaseModel& base = *m_place.variant->base;
    first += m_origin.first;
    if (isPlain(m_origin)) return base.checkpoint().read(*m_origin.plain, first * m_size, into);
    SliceBuffer slice;
    const std::uint64_t before = first % kTileElements;
    DELTASCOPE_TRY(base.slice(m_origin.baseName, m_origin.dtype, first - before, before + into.size() / m_size, true, slice));
    std::ranges::copy(slice.slice.values.subspan(before * m_size), into.begin());
    return {};
  }

  Result<void> copy(std::uint64_t bytes) {
    const auto piece = [&](std::uint64_t begin, std::span<std::byte> into) -> Result<void> {
      DELTASCOPE_TRY(read(begin / m_size, into));
      if (hashed()) m_hasher.update(into);
      return {};
    };
    return m_place.host->fill(m_elements, bytes, kReadElements * m_size, m_stop, piece);
  }

  Result<void> make() {
    Host& host = *m_place.host;
    DeltaPlaces places;
    places.file = m_place.variant->base;
    if (places.file && host.inPlace() && host.holds(*places.file, m_origin)) {
      DELTASCOPE_ASSIGN(places.base, host.base(*places.file, m_origin, m_stop));
    }
    DELTASCOPE_ASSIGN(const auto source, DeltaSource::create(m_origin, std::move(places)));
    std::vector<std::byte> staging(host.inPlace() ? 0 : source->step() * m_size);
    for (std::size_t piece = 0; piece < source->pieces(); ++piece) {
      const auto makeStep = [&](std::uint64_t first, std::uint64_t count) -> Result<void> {
        if (m_stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
        std::byte* const to = m_elements.as<std::byte>() + first * m_size;
        std::byte* const made = host.inPlace() ? to : staging.data();
        if (auto done = fromBackend(source->make(piece, first, count, made)); !done) {
          DELTASCOPE_TRY(checkBaseOf(*m_place.variant, m_origin));
          return done;
        }
        const std::span<const std::byte> bytes(made, static_cast<std::size_t>(count * m_size));
        if (hashed()) m_hasher.update(bytes);
        if (made != to) DELTASCOPE_TRY(host.put(to, bytes));
        return {};
      };
      DELTASCOPE_TRY(eachStep(*source, piece, makeStep));
    }
    return {};
  }

  /// The final's hash is known of whole tensors.
  [[nodiscard]] bool hashed() const { return m_origin.finalHash && !isPart(m_origin); }

  /// The lossless check. Where it fails, the base's own hash tells whether it is the right base. Of a part, that and the
  /// chunks' checksums are what is checked.
  Result<void> checkFinal() const {
    if (isPart(m_origin)) return checkBaseOf(*m_place.variant, m_origin);
    if (!m_origin.finalHash) return {};
    const Hash128 hash = m_hasher.digest();
    if (hash == *m_origin.finalHash) return {};
    DELTASCOPE_TRY(checkBaseOf(*m_place.variant, m_origin));
    const auto& path =
        m_origin.steps.empty() ? m_place.variant->payloads.back()->path() : m_origin.steps.back().payload->path();
    return tl::make_unexpected(wrongFinalHash(ErrorCode::Corrupt, {path, m_origin.spec.name, {}}, hash, *m_origin.finalHash));
  }

  const TensorOrigin& m_origin;
  FormPlace& m_place;
  const std::stop_token& m_stop;
  const std::uint64_t m_size = bytesOf(m_origin.dtype);
  kernels::Buffer m_elements;
  Hasher128 m_hasher;
};

Result<std::unique_ptr<HeldWeight>> load(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop) {
  return DenseLoad(origin, place, stop).run();
}

}  // namespace

const Form forms::dense{"dense", Placement::Static, costOnHost, load};
const Form forms::deviceDense{"dense", Placement::Static, costOnDevice, load};

}  // namespace deltascope
