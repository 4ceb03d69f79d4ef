// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/unpack_output.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/output/replace.h"
#include "core/rebuild/transposed.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::string> kUnknown{{"format", "pt"}};  // transformers asked for it once

bool isInside(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

std::vector<fs::path> inputsOf(const ReconstructionSource& source) {
  std::vector<fs::path> inputs{source.files.path, source.files.payload};
  if (!source.base) return inputs;
  const Checkpoint& base = source.base->checkpoint();
  for (const auto& file : base.files()) inputs.push_back(file);
  inputs.push_back(base.path());
  return inputs;
}

Result<void> checkDestination(const ReconstructionSource& source, const UnpackRequest& request,
                              const std::vector<Sidecar>& companions) {
  std::error_code ignored;
  const fs::path out = resolvedPath(request.out);
  const bool folder = fs::is_directory(out, ignored);
  if (folder ? fs::is_empty(out, ignored) : !fs::exists(out, ignored)) return {};
  for (const auto& given : inputsOf(source)) {
    const fs::path input = resolvedPath(given);
    if (isInside(out, input) || isInside(input, out))
      return fail(ErrorCode::InvalidArgument, at({request.out, {}, {}}, "overlaps the input " + given.string()),
                  "name another output");
  }
  if (!request.overwrite)
    return fail(ErrorCode::InvalidArgument, at({request.out, {}, {}}, "exists already"),
                "name another output, or add --overwrite");
  return folder ? checkReplaceable(out, namesOf(companions)) : Result<void>{};
}

/// "model.safetensors" for "model-00001-of-00003.safetensors".
std::string indexStem(const std::string& shard) {
  std::string stem = shard.substr(0, shard.size() - std::string_view(".safetensors").size());
  const auto of = stem.rfind("-of-");
  if (of == std::string::npos) return "model";
  const auto number = stem.rfind('-', of == 0 ? 0 : of - 1);
  return number == std::string::npos || number == 0 ? "model" : stem.substr(0, number);
}

}  // namespace

Result<UnpackOutput> UnpackOutput::create(const ReconstructionSource& source, const std::vector<Sidecar>& companions,
                                          const UnpackRequest& request) {
  UnpackOutput output;
  DELTASCOPE_TRY(checkDestination(source, request, companions));
  std::error_code ignored;
  const bool folder = !request.out.string().ends_with(".safetensors");
  if (folder && fs::exists(request.out, ignored) && !fs::is_directory(request.out, ignored))
    return fail(ErrorCode::InvalidArgument, at({request.out, {}, {}}, "is a file"), "name a folder, or a .safetensors file");
  if (!folder && fs::is_directory(request.out, ignored))
    return fail(ErrorCode::InvalidArgument, at({request.out, {}, {}}, "is a folder"), "name a file to write");
  if (folder) {
    DELTASCOPE_ASSIGN(output.m_folder, OutputFolder::create(request.out));
    output.m_companions = companions;
  } else {
    DELTASCOPE_ASSIGN(output.m_file, StagedFile::create(request.out));
  }
  auto opened = output.openShards(source.payload);
  if (opened) opened = output.checkCompanions();
  if (!opened) return tl::make_unexpected(output.shown(opened.error()));
  return output;
}

/// A hostile payload could name one of its companions as the weights.
Result<void> UnpackOutput::checkCompanions() const {
  std::vector<Companion> all(m_companions.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i].path = m_companions[i].name;
  auto taken = m_shardNames;
  if (m_shards.size() > 1) taken.push_back(indexName());
  if (const auto bad = firstMisplaced(all, taken))
    return fail(ErrorCode::Corrupt, at({m_folder->destination(), {}, {}},
                                       "the file " + printable(all[*bad].path) + " cannot be written beside the others"));
  return {};
}

Result<void> UnpackOutput::openShards(const Payload& payload) {
  const auto& tensors = payload.tensors();
  m_shardOf.resize(tensors.size());
  for (const auto& tensor : tensors) {
    m_names.push_back(tensor.name);
    m_bytes += tensor.finalBytes;
  }
  const auto spec = [&](std::size_t i) { return TensorSpec{tensors[i].name, tensors[i].dtype, tensors[i].shapeOfFinal()}; };
  std::map<std::string_view, std::size_t> indices;
  for (std::size_t i = 0; i < tensors.size(); ++i) indices.emplace(tensors[i].name, i);

  auto layout = payload.shards();
  FinalHeaders headers = payload.headers().value_or(FinalHeaders{{layout.size(), kUnknown}, {}});
  if (!m_folder || layout.empty()) {
    layout.assign(1, {m_folder ? "model.safetensors" : made().filename().string(), m_names});
    if (headers.files.empty()) headers.files.push_back(kUnknown);
    for (auto& file : headers.files) headers.files.front().merge(file);
  }
  m_indexMetadata = headers.index;
  for (std::size_t at = 0; at < layout.size(); ++at) {
    const auto& [file, names] = layout[at];
    std::vector<TensorSpec> specs;
    for (const auto& name : names) {
      const std::size_t index = indices.at(name);
      m_shardOf[index] = m_shards.size();
      specs.push_back(spec(index));
    }
    const fs::path path = m_folder ? m_folder->path() / file : made();
    DELTASCOPE_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(path, std::move(specs), headers.files[at]));
    m_shards.push_back(std::move(writer));
    m_shardNames.push_back(file);
  }
  return {};
}

Result<void> UnpackOutput::write(std::size_t index, const TensorStats& tensor, std::uint64_t first,
                                 std::span<const std::byte> final) {
  auto& shard = m_shards[m_shardOf[index]];
  const auto write = [&](std::uint64_t begin, std::span<const std::byte> bytes) {
    return shard.write(tensor.name, begin, bytes);
  };
  auto written = tensor.transposed ? writeTransposed(tensor.shapeOfFinal(), bytesOf(tensor.dtype), first, final, write)
                                   : write(first * bitsOf(tensor.dtype) / 8, final);
  if (!written) return tl::make_unexpected(shown(written.error()));
  return {};
}

std::string UnpackOutput::indexName() const { return indexStem(m_shardNames.front()) + ".safetensors.index.json"; }

Result<void> UnpackOutput::writeIndex() const {
  if (m_shards.size() < 2) return {};
  nlohmann::json index;  // its keys are in order, as transformers writes them
  if (m_indexMetadata.empty())
    index["metadata"]["total_size"] = m_bytes;
  else
    index["metadata"] = nlohmann::json::parse(m_indexMetadata);
  auto& map = index["weight_map"];
  for (std::size_t i = 0; i < m_names.size(); ++i) map[m_names[i]] = m_shardNames[m_shardOf[i]];
  return writeTextFile(m_folder->path() / indexName(), index.dump(2) + "\n");
}

Result<void> UnpackOutput::finish(const JobContext& job) {
  const auto step = [&]() -> Result<void> {
    for (auto& shard : m_shards) {
      if (job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
      DELTASCOPE_TRY(shard.commit());
    }
    if (!m_folder) return {};
    DELTASCOPE_TRY(writeIndex());
    return deltascope::write(m_companions, m_folder->path());
  };
  auto done = step();
  if (!done) return tl::make_unexpected(shown(done.error()));
  return {};
}

Error UnpackOutput::shown(Error error) const {
  return m_folder ? m_folder->shown(std::move(error)) : m_file->shown(std::move(error));
}

}  // namespace deltascope
