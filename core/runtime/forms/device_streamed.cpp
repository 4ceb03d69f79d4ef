// SPDX-License-Identifier: Apache-2.0
// On a GPU: the base there, its tiles brought by a feed for each use; a plain weight comes whole. Rows to look up are read from
// the files, base and delta.
#include "core/runtime/delta_source.h"
#include "core/runtime/forms/device_bytes.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/forms/streams.h"
#include "core/runtime/forms/tiles.h"
#include "core/runtime/plain_source.h"
#include "core/runtime/recent_steps.h"

namespace deltascope {
namespace {

std::optional<FormCost> costOnDevice(const TensorOrigin& origin, const FormSite& site) {
  if (isPart(origin)) return {};
  FormCost cost;
  cost.stepBytes = deviceStepBytes(origin);
  if (isPlain(origin)) {
    const std::uint64_t rowBytes = origin.spec.shape[1] * bytesOf(origin.dtype);
    for (const auto& rows : plainFeedRows(origin)) cost.pieceBytes = std::max(cost.pieceBytes, rows.rows * rowBytes);
    return cost;
  }
  if (origin.steps.empty() || !keepsRows(origin) || !hasTiles(origin)) return {};
  if (isLookedUp(origin, site.variant)) return cost;
  cost.residentBytes = deviceBaseBytes(origin, site) + deviceTableBytes(origin);
  cost.pieceBytes = tileStream(origin).largestItem();
  return cost;
}

class FedWeight final : public HeldWeight {
 public:
  FedWeight(const TensorOrigin& origin, const FormPlace& place, TiledParts parts)
      : m_origin(origin), m_place(place), m_parts(std::move(parts)) {}

  kernels::Matrix matrix() const override {
    if (m_lookup && m_feedRows.empty()) return rows();  // no product needs it
    kernels::Matrix matrix = m_parts.base ? m_parts.matrix(m_origin) : emptyMatrix(m_origin);
    matrix.feed = m_streams->feed();
    matrix.feedRows = m_feedRows;
    return matrix;
  }
  kernels::Matrix rows() const override {
    if (!m_lookup) return matrix();
    kernels::Matrix matrix = emptyMatrix(m_origin);
    matrix.form = kernels::Matrix::Form::Made;
    matrix.source = m_lookup.get();
    return matrix;
  }
  std::optional<kernels::Matrix> base() const override { return baseMatrix(m_origin, m_parts.base.get()); }
  bool comesAgain() const override { return !m_feedRows.empty(); }
  bool readsFiles() const override { return m_origin.spec.role == WeightRole::Embedding; }

  Result<void> join(WeightStreams& streams) override {
    m_streams = &streams;
    if (!isLookedUp(m_origin, *m_place.variant)) {
      DELTASCOPE_ASSIGN(m_feedRows, streams.toFeed(m_origin));
    }
    if (m_origin.spec.role != WeightRole::Embedding) return {};
    const auto& base = m_place.variant->base;
    if (isPlain(m_origin)) {
      m_lookup = std::make_unique<PlainSource>(base->checkpoint(), m_origin, nullptr, 0);
      return {};
    }
    DeltaPlaces places;
    places.file = base;
    places.byRows = true;
    DELTASCOPE_ASSIGN(auto source, DeltaSource::create(m_origin, std::move(places)));
    if (source->byTiles())
      m_lookup = std::make_unique<RecentSteps>(std::move(source), m_origin.spec.shape[1], bytesOf(m_origin.dtype));
    else
      m_lookup = std::move(source);
    return {};
  }

 private:
  const TensorOrigin& m_origin;
  const FormPlace& m_place;
  TiledParts m_parts;  ///< without a base: the weight is plain, or only looked up
  const WeightStreams* m_streams = nullptr;
  std::vector<kernels::FeedRows> m_feedRows;
  std::unique_ptr<kernels::ElementSource> m_lookup;
};

Result<std::unique_ptr<HeldWeight>> load(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop) {
  TiledParts parts;
  if (!isPlain(origin) && !isLookedUp(origin, *place.variant)) {
    DELTASCOPE_ASSIGN(parts, loadTiledParts(origin, place, false, stop));
  }
  return std::make_unique<FedWeight>(origin, place, std::move(parts));
}

}  // namespace

const Form forms::deviceStreamed{"streamed", Placement::Stream, costOnDevice, load};

}  // namespace deltascope
