// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Decides, from samples, how each tensor will be stored.
#include <functional>
#include <map>
#include <vector>

#include "core/base/meter.h"
#include "core/pack/sources.h"

namespace deltascope {

/// Whether a tensor equals its base.
enum class Sameness : std::uint8_t {
  No,
  Unsure,    ///< the sample differs, but only because its double quantization is not the whole's; the whole decides
  Possible,  ///< the sample is equal; the whole decides
  Yes,
};

struct TensorHashes {
  Hash128 final, base;
};

struct TensorPlan {
  Sameness same = Sameness::No;
  bool compared = false;         ///< nothing is left to read or write: it equals its base, the hashes are in PackPlan::hashes
  CodecId codec = CodecId::Raw;  ///< when it is not identical
  bool forced = false;
  int model = -1;  ///< index into PackPlan::models
  std::uint64_t chunkElements = 0;
  std::array<float, kCodecCount> estimate{};  ///< bits/weight, with a model of its own included
  std::uint64_t estimatedBytes = 0;           ///< of its chunks, without model and directory
};

/// A model of the payload. Low-rank factors are loaded when their tensor's turn comes, so that memory stays bounded.
struct PlannedModel {
  CodecId codec = CodecId::Raw;
  ModelPtr model;  ///< null: the factors of tensor `tensor`
  std::size_t tensor = 0;
  std::uint64_t bytes = 0;  ///< serialized
};

struct PackPlan {
  std::vector<TensorPlan> tensors;  ///< as PackSources::tensors()
  std::vector<PlannedModel> models;
  std::map<std::size_t, TensorHashes> hashes;  ///< of compared tensors, by index
};

/// Settles the tensors whose sample equals the base: sets each to Yes (with its hashes) or No.
using CompareWhole = std::function<Result<void>(PackPlan&)>;

/// Samples every tensor (at most `sampleTiles` tiles each, and about 128 MB in all), fits the models that tensors share and
/// those that pay for themselves, estimates every codec and chooses. Without `compare`, Possible is taken for Yes.
/// Parallel; stops within a few milliseconds.
[[nodiscard]] Result<PackPlan> planPack(const PackSources& sources, unsigned sampleTiles, const CompareWhole& compare,
                                        const JobContext& job, Meter& meter);

/// Largest number of elements a chunk: at most `chunks` chunks a tensor, whole tiles, and no chunk smaller than 65,536. Of a
/// stack, whose matrices are read one by one, a chunk ends where a matrix does, if its elements are whole tiles: then there may
/// be more chunks.
[[nodiscard]] std::uint64_t chunkElementsFor(std::uint64_t elements, unsigned chunks, std::uint64_t matrices = 1);

}  // namespace deltascope
