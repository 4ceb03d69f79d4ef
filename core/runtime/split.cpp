// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/split.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/base/units.h"

namespace deltascope {
namespace {

std::uint64_t finalBytes(const TensorOrigin& origin) { return origin.elements * bytesOf(origin.dtype); }

bool isLayered(const TensorOrigin& origin) { return rowOf(origin.spec.role).layered; }

/// These layers of it, as a model of its own.
std::shared_ptr<Variant> partOf(const Variant& whole, const std::vector<std::uint32_t>& layers) {
  const bool embeds = layers.front() == 0, readsOut = layers.back() + 1 == whole.config.layerCount();
  auto part = std::make_shared<Variant>();
  part->config = whole.config;
  part->config.layers.clear();
  for (const std::uint32_t layer : layers) part->config.layers.push_back(whole.config.layers[layer]);
  part->config.tiedEmbeddings = whole.config.tiedEmbeddings && embeds && readsOut;
  part->files = whole.files;
  part->base = whole.base;
  part->payloads = whole.payloads;
  part->keepScales = true;  // other parts are read from the same base
  const TensorOrigin* embedding = nullptr;
  for (const auto& origin : whole.tensors) {
    const bool isEmbedding = origin.spec.role == WeightRole::Embedding;
    if (isEmbedding) embedding = &origin;
    if (!isLayered(origin)) {
      if (isEmbedding ? embeds : readsOut) part->tensors.push_back(origin);
      continue;
    }
    const auto own = std::ranges::lower_bound(layers, origin.spec.layer);
    if (own == layers.end() || *own != origin.spec.layer) continue;
    part->tensors.push_back(origin);
    part->tensors.back().spec.layer = static_cast<std::uint32_t>(own - layers.begin());
  }
  if (whole.config.tiedEmbeddings && readsOut && !embeds && embedding) {
    part->tensors.push_back(*embedding);
    part->tensors.back().spec.role = WeightRole::Head;
  }
  return part;
}

}  // namespace

LayerDeal dealInRows(std::span<const std::uint64_t> bytes, std::uint64_t before, std::uint64_t after,
                     std::span<const std::uint64_t> room) {
  const std::size_t layers = bytes.size(), devices = room.size();
  std::vector<double> sums(layers + 1, 0.0);
  for (std::size_t i = 0; i < layers; ++i) sums[i + 1] = sums[i] + static_cast<double>(bytes[i]);
  const auto fullness = [&](std::size_t device, std::size_t first, std::size_t end) {
    double held = sums[end] - sums[first];
    if (first == 0) held += static_cast<double>(before);
    if (end == layers) held += static_cast<double>(after);
    return held / static_cast<double>(std::max<std::uint64_t>(room[device], 1));
  };
  // least[d][n]: of the fullest of devices 0 … d, which have the first n layers, the least that it can be.
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> least(devices, std::vector<double>(layers + 1, kNever));
  std::vector<std::vector<std::size_t>> from(devices, std::vector<std::size_t>(layers + 1, 0));
  for (std::size_t n = 1; n <= layers; ++n) least[0][n] = fullness(0, 0, n);
  for (std::size_t d = 1; d < devices; ++d)
    for (std::size_t n = d + 1; n <= layers; ++n)
      for (std::size_t first = d; first < n; ++first)
        if (const double most = std::max(least[d - 1][first], fullness(d, first, n)); most < least[d][n]) {
          least[d][n] = most;
          from[d][n] = first;
        }
  LayerDeal deal(devices);
  std::size_t end = layers;
  for (std::size_t d = devices; d-- > 0; end = from[d][end]) {
    deal[d].resize(end - from[d][end]);
    std::iota(deal[d].begin(), deal[d].end(), static_cast<std::uint32_t>(from[d][end]));
  }
  return deal;
}

LayerDeal dealInTurn(std::uint32_t layers, std::size_t devices) {
  LayerDeal deal(devices);
  for (std::uint32_t layer = 0; layer < layers; ++layer) deal[layer % devices].push_back(layer);
  return deal;
}

Result<LayerDeal> dealInRows(const Variant& whole, std::span<const std::uint64_t> room) {
  const std::uint32_t layers = whole.config.layerCount();
  if (layers < room.size())
    return fail(ErrorCode::InvalidArgument,
                "the model has " + formatCount(layers) + (layers == 1 ? " layer" : " layers") + ", too few for " +
                    formatCount(room.size()) + " devices",
                "name " + formatCount(layers) + " at most");
  std::vector<std::uint64_t> bytes(layers);
  std::uint64_t before = 0, after = 0;
  for (const auto& origin : whole.tensors) {
    const bool embedding = origin.spec.role == WeightRole::Embedding;
    (isLayered(origin) ? bytes[origin.spec.layer] : embedding ? before : after) += finalBytes(origin);
    if (embedding && whole.config.tiedEmbeddings && room.size() > 1) after += finalBytes(origin);
  }
  return dealInRows(bytes, before, after, room);
}

std::vector<std::shared_ptr<Variant>> split(const std::shared_ptr<Variant>& whole, const LayerDeal& deal) {
  if (deal.size() == 1) return {whole};
  std::vector<std::shared_ptr<Variant>> parts;
  for (const auto& layers : deal) parts.push_back(partOf(*whole, layers));
  return parts;
}

}  // namespace deltascope
