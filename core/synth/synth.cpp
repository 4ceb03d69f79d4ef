// SPDX-License-Identifier: Apache-2.0
#include "core/synth/synth.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/base/meter.h"
#include "core/base/ordered.h"
#include "core/base/units.h"
#include "core/model/roles.h"
#include "core/output/output_folder.h"
#include "core/quant/quant.h"
#include "core/source/layout.h"
#include "core/synth/gauss.h"
#include "core/synth/shapes.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;  // elements made at once; a multiple of kGaussBlock
constexpr std::uint64_t kLargestFile = 5'000'000'000;
constexpr double kNormSpread = 0.05;
constexpr std::uint64_t kMostLayers = 1024;

std::uint64_t elementsOf(const TensorSpec& spec) {
  std::uint64_t elements = 1;
  for (const auto dimension : spec.shape) elements *= dimension;
  return elements;
}

/// The checkpoint's files, as the Hub names them.
struct Shards {
  std::vector<SafetensorsWriter> files;
  std::vector<std::string> names;
  std::vector<std::size_t> fileOf;  ///< by tensor
};

std::string shardName(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

Result<Shards> openShards(const std::filesystem::path& folder, const std::vector<TensorSpec>& tensors) {
  Shards shards;
  std::vector<std::vector<TensorSpec>> specs(1);
  std::uint64_t bytes = 0;
  for (const auto& tensor : tensors) {
    const std::uint64_t size = elementsOf(tensor) * bytesOf(tensor.dtype);
    if (bytes > 0 && bytes + size > kLargestFile) {
      specs.emplace_back();
      bytes = 0;
    }
    bytes += size;
    specs.back().push_back(tensor);
    shards.fileOf.push_back(specs.size() - 1);
  }
  for (std::size_t i = 0; i < specs.size(); ++i) {
    shards.names.push_back(shardName(i, specs.size()));
    DELTASCOPE_ASSIGN(SafetensorsWriter writer,
                      SafetensorsWriter::create(folder / shards.names.back(), std::move(specs[i]), {{"format", "pt"}}));
    shards.files.push_back(std::move(writer));
  }
  return shards;
}

Result<void> writeIndex(const std::filesystem::path& folder, const std::vector<TensorSpec>& tensors, const Shards& shards,
                        std::uint64_t bytes) {
  if (shards.files.size() < 2) return {};
  nlohmann::ordered_json index;
  index["metadata"]["total_size"] = bytes;
  for (std::size_t i = 0; i < tensors.size(); ++i) index["weight_map"][tensors[i].name] = shards.names[shards.fileOf[i]];
  return writeTextFile(folder / kIndexName, index.dump(2) + "\n");
}

struct Piece {
  std::size_t tensor = 0;
  std::uint64_t first = 0, count = 0;
  bool last = false;
};

std::vector<Piece> piecesOf(const std::vector<TensorSpec>& tensors) {
  std::vector<Piece> pieces;
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    const std::uint64_t elements = elementsOf(tensors[t]);
    for (std::uint64_t first = 0; first < elements; first += kPiece) {
      const std::uint64_t count = std::min(kPiece, elements - first);
      pieces.push_back({t, first, count, first + count == elements});
    }
  }
  return pieces;
}

/// Weights around 0, but for those of norms.
std::vector<std::byte> makePiece(const SynthRequest& request, const TensorSpec& tensor, const Piece& piece, float normCentre) {
  std::vector<float> values(piece.count);
  gauss(gaussKey(request.seed, tensor.name), piece.first, values);
  const bool norm = tensor.name.find("norm") != std::string::npos;
  const auto spread = static_cast<float>(norm ? kNormSpread : request.std);
  const bool added = !tensor.name.ends_with(rowOf(WeightRole::RecurrentNorm).name);  // to 1, where the others are
  const bool factor = tensor.name.ends_with(rowOf(WeightRole::LayerScale).name);
  const float centre = norm ? (added ? normCentre : 1.0F) : factor ? 1.0F : 0.0F;
  for (float& value : values) value = centre + spread * value;
  std::vector<std::byte> bytes(piece.count * bytesOf(tensor.dtype));
  fromFloat(tensor.dtype, values, bytes);
  return bytes;
}

Result<void> checkRequest(const SynthRequest& request) {
  std::string known;
  for (const auto& name : synthArchitectures()) known += (known.empty() ? "" : ", ") + name;
  if (!findArchitecture(request.arch))
    return fail(ErrorCode::InvalidArgument, "architecture " + request.arch + " is not known", "choose one of " + known);
  if (request.layers && (*request.layers < 1 || *request.layers > kMostLayers))
    return fail(ErrorCode::InvalidArgument, "layers must be 1 to " + std::to_string(kMostLayers), "leave them out for all");
  if (!std::isfinite(request.std) || request.std < 0)
    return fail(ErrorCode::InvalidArgument, "the standard deviation must be a positive number", "0.02 is usual");
  if (!isCodedFloat(request.dtype))
    return fail(ErrorCode::InvalidArgument, "weights cannot be " + std::string(nameOf(request.dtype)),
                "choose BF16, F16 or F32");
  return checkOutputFolder(request.out, request.overwrite);
}

Result<SynthResult> writeModel(const SynthRequest& request, const OutputFolder& folder, Meter& meter, const JobContext& job) {
  const Architecture& architecture = *findArchitecture(request.arch);
  const std::uint64_t layers = request.layers ? *request.layers : architecture.layers;
  DELTASCOPE_ASSIGN(const auto tensors, tensorsOf(architecture, layers, request.dtype));
  DELTASCOPE_ASSIGN(const float normCentre, normCentreOf(architecture));
  SynthResult result;
  for (const auto& tensor : tensors) result.elements += elementsOf(tensor);
  result.tensors = tensors.size();
  result.bytes = result.elements * bytesOf(request.dtype);
  meter.setTotals(result.bytes, result.tensors);
  meter.phase("writing");
  DELTASCOPE_ASSIGN(Shards shards, openShards(folder.path(), tensors));
  const auto pieces = piecesOf(tensors);
  auto written = runOrdered<std::size_t>(
      pieces.size(), job.threadCount(), job.threadCount() + 2, job.stop,
      [&](std::size_t i) -> Result<std::size_t> {
        const auto& piece = pieces[i];
        const auto& tensor = tensors[piece.tensor];
        const auto bytes = makePiece(request, tensor, piece, normCentre);
        auto& file = shards.files[shards.fileOf[piece.tensor]];
        DELTASCOPE_TRY(file.write(tensor.name, piece.first * bytesOf(tensor.dtype), bytes));
        return bytes.size();
      },
      [&](std::size_t i, std::size_t&& bytes) -> Result<void> {
        meter.add(tensors[pieces[i].tensor].name, bytes, pieces[i].last);
        return {};
      });
  DELTASCOPE_TRY(written);
  for (auto& file : shards.files) {
    if (job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    DELTASCOPE_TRY(file.commit());
  }
  DELTASCOPE_TRY(writeIndex(folder.path(), tensors, shards, result.bytes));
  DELTASCOPE_TRY(writeTextFile(folder.path() / kConfigName, configOf(architecture, layers, request.dtype).dump(2) + "\n"));
  return result;
}

}  // namespace

Result<SynthResult> synth(const SynthRequest& request, const JobContext& job) {
  Meter meter(job);
  DELTASCOPE_TRY(checkRequest(request));
  DELTASCOPE_ASSIGN(OutputFolder folder, OutputFolder::create(request.out));
  auto result = writeModel(request, folder, meter, job);
  if (!result) return tl::make_unexpected(folder.shown(result.error()));
  DELTASCOPE_TRY(folder.commit());
  meter.finish();
  result->seconds = meter.seconds();
  return result;
}

std::vector<std::string> synthArchitectures() {
  std::vector<std::string> names;
  for (const auto& architecture : architectures()) names.emplace_back(architecture.name);
  return names;
}

}  // namespace deltascope
