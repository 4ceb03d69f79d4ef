// SPDX-License-Identifier: Apache-2.0
// On a processor: the base there, its deltas read from the files for each use; a plain weight read whole. A ring reads ahead
// what every pass needs; of experts, each thread reads the piece that it makes, once a token has chosen them.
#include "core/base/units.h"
#include "core/runtime/delta_source.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/forms/quantized.h"
#include "core/runtime/forms/streams.h"
#include "core/runtime/plain_source.h"

namespace deltascope {
namespace {

/// Elements of a plain weight that are read at a time.
constexpr std::uint64_t kPlainStep = 32 * kTileElements;

std::optional<FormCost> costOfPlain(const TensorOrigin& origin) {
  if (!isPlain(origin) || origin.elements <= kPlainPieceElements) return {};
  const std::uint64_t size = bytesOf(origin.dtype);
  FormCost cost;
  cost.stepBytes = kPlainStep * size;
  cost.pieces = plainPieces(origin);
  cost.atOnceBytes = atOnceBytes(origin);
  if (!origin.spec.expert) cost.pieceBytes = kPlainPieceElements * size;
  return cost;
}

std::optional<FormCost> costOnHost(const TensorOrigin& origin, const FormSite& site) {
  if (origin.steps.empty()) return costOfPlain(origin);
  const PieceShape shape = pieceShape(origin);
  FormCost cost;
  cost.residentBytes = site.holdsBase(origin) ? 0 : residentBaseBytes(origin);
  cost.stepBytes = shape.step * bytesOf(origin.dtype);
  cost.pieces = shape.pieces.size() - 1;
  cost.atOnceBytes = atOnceBytes(origin);
  cost.workBytes = shape.workBytes;
  (origin.spec.expert ? cost.workBytes : cost.pieceBytes) += shape.pieceBytes;
  return cost;
}

/// Products take its pieces from the ring; look-ups, which need few of them and do not wait for their turn, read for
/// themselves.
class StreamedWeight final : public HeldWeight {
 public:
  StreamedWeight(const TensorOrigin& origin, const FormPlace& place, std::shared_ptr<const ResidentBase> base)
      : m_origin(origin), m_place(place), m_base(std::move(base)) {}

  kernels::Matrix matrix() const override { return madeOf(*m_source); }
  kernels::Matrix rows() const override { return madeOf(m_lookup ? *m_lookup : *m_source); }
  /// A plain weight is read once more: out of turn, drafts cost what a pass does.
  std::optional<kernels::Matrix> base() const override {
    return m_origin.steps.empty() ? madeOf(*m_lookup) : baseMatrix(m_origin, m_base.get());
  }
  std::optional<std::size_t> turn() const override { return m_turn; }
  bool comesAgain() const override { return m_turn || m_origin.spec.expert; }

  Result<void> join(WeightStreams& streams) override {
    if (!isLookedUp(m_origin, *m_place.variant) && !m_origin.spec.expert) m_turn = streams.toRing(pieces());
    DELTASCOPE_ASSIGN(m_source, source(m_turn ? &streams.ring() : nullptr));
    if (m_origin.spec.role != WeightRole::Embedding && !m_origin.steps.empty()) return {};
    DELTASCOPE_ASSIGN(m_lookup, source(nullptr));
    return {};
  }

 private:
  [[nodiscard]] kernels::Matrix madeOf(const kernels::ElementSource& source) const {
    kernels::Matrix matrix = emptyMatrix(m_origin);
    matrix.form = kernels::Matrix::Form::Made;
    matrix.source = &source;
    return matrix;
  }

  [[nodiscard]] const Checkpoint& checkpoint() const { return m_place.variant->base->checkpoint(); }

  [[nodiscard]] std::vector<StreamPiece> pieces() const {
    std::vector<StreamPiece> pieces;
    const bool plain = m_origin.steps.empty();
    const std::size_t count = plain ? plainPieces(m_origin) : m_origin.steps.back().chunks.size();
    for (std::size_t p = 0; p < count; ++p)
      pieces.push_back(plain ? plainPiece(checkpoint(), m_origin, p) : streamPiece(m_origin, p));
    return pieces;
  }

  Result<std::unique_ptr<kernels::ElementSource>> source(StreamRing* ring) const {
    const std::size_t turn = m_turn.value_or(0);
    if (m_origin.steps.empty()) return std::make_unique<PlainSource>(checkpoint(), m_origin, ring, turn);
    DeltaPlaces places;
    places.base = m_base;
    places.ring = ring;
    places.ringTensor = turn;
    return DeltaSource::create(m_origin, std::move(places));
  }

  const TensorOrigin& m_origin;
  const FormPlace& m_place;
  std::shared_ptr<const ResidentBase> m_base;
  std::unique_ptr<kernels::ElementSource> m_source, m_lookup;
  std::optional<std::size_t> m_turn;
};

Result<std::unique_ptr<HeldWeight>> load(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop) {
  std::shared_ptr<const ResidentBase> base;
  if (origin.bottom != BaseKind::None && !isPlain(origin)) {
    DELTASCOPE_ASSIGN(base, place.host->base(*place.variant->base, origin, stop));
  }
  return std::make_unique<StreamedWeight>(origin, place, std::move(base));
}

}  // namespace

const Form forms::streamed{"streamed", Placement::Stream, costOnHost, load};

}  // namespace deltascope
