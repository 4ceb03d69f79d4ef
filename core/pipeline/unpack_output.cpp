// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/unpack_output.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/pipeline/replace.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::string> kMetadata{{"format", "pt"}};  // transformers asks for it

/// Absolute, with links resolved as far as the path exists.
fs::path resolved(const fs::path& path) {
  std::error_code error;
  auto whole = fs::weakly_canonical(path, error);
  if (error) whole = fs::absolute(path, error).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

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

/// Sets `exists` when there is something that has to make room.
Result<void> checkDestination(const ReconstructionSource& source, const UnpackRequest& request, bool& exists) {
  std::error_code ignored;
  const fs::path out = resolved(request.out);
  const bool folder = fs::is_directory(out, ignored);
  exists = folder ? !fs::is_empty(out, ignored) : fs::exists(out, ignored);
  if (!exists) return {};
  for (const auto& given : inputsOf(source)) {
    const fs::path input = resolved(given);
    if (isInside(out, input) || isInside(input, out))
      return fail(ErrorCode::InvalidArgument, at({request.out, {}, {}}, "overlaps the input " + given.string()),
                  "name another output");
  }
  if (!request.overwrite)
    return fail(ErrorCode::InvalidArgument, at({request.out, {}, {}}, "exists already"),
                "name another output, or add --overwrite");
  return folder ? checkReplaceable(out) : Result<void>{};
}

/// "model.safetensors" for "model-00001-of-00003.safetensors".
std::string indexStem(const std::string& shard) {
  std::string stem = shard.substr(0, shard.size() - std::string_view(".safetensors").size());
  const auto of = stem.rfind("-of-");
  if (of == std::string::npos) return "model";
  const auto number = stem.rfind('-', of == 0 ? 0 : of - 1);
  return number == std::string::npos || number == 0 ? "model" : stem.substr(0, number);
}

std::string renamed(std::string text, const std::string& from, const std::string& to) {
  for (auto found = text.find(from); found != std::string::npos; found = text.find(from, found + to.size()))
    text.replace(found, from.size(), to);
  return text;
}

}  // namespace

Result<UnpackOutput> UnpackOutput::create(const ReconstructionSource& source, const UnpackRequest& request) {
  UnpackOutput output;
  DELTASCOPE_TRY(checkDestination(source, request, output.m_replace));
  output.m_destination = request.out;
  std::error_code ignored;
  if (!request.out.string().ends_with(".safetensors")) {
    if (output.m_replace && !fs::is_directory(request.out, ignored))
      return fail(ErrorCode::InvalidArgument, at({request.out, {}, {}}, "is a file"), "name a folder, or a .safetensors file");
    const auto& place = output.m_destination = resolved(request.out);
    DELTASCOPE_ASSIGN(output.m_folder, AtomicFolder::create(output.m_replace ? replacementFor(place) : place));
  }
  if (auto opened = output.openShards(source); !opened) return tl::make_unexpected(output.shown(opened.error()));
  return output;
}

Result<void> UnpackOutput::openShards(const ReconstructionSource& source) {
  const auto& tensors = source.payload.tensors();
  m_shardOf.resize(tensors.size());
  for (const auto& tensor : tensors) {
    m_names.push_back(tensor.name);
    m_bytes += tensor.finalBytes;
  }
  const auto spec = [&](std::size_t i) { return TensorSpec{tensors[i].name, tensors[i].dtype, tensors[i].shape}; };
  std::map<std::string_view, std::size_t> indices;
  for (std::size_t i = 0; i < tensors.size(); ++i) indices.emplace(tensors[i].name, i);

  auto layout = source.payload.shards();
  if (!m_folder || layout.empty()) {
    layout.assign(1, {m_folder ? "model.safetensors" : m_destination.filename().string(), m_names});
  }
  for (const auto& [file, names] : layout) {
    std::vector<TensorSpec> specs;
    for (const auto& name : names) {
      const std::size_t index = indices.at(name);
      m_shardOf[index] = m_shards.size();
      specs.push_back(spec(index));
    }
    const fs::path path = m_folder ? m_folder->path() / file : m_destination;
    DELTASCOPE_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(path, std::move(specs), kMetadata));
    m_shards.push_back(std::move(writer));
    m_shardNames.push_back(file);
  }
  return {};
}

Result<void> UnpackOutput::write(std::size_t index, const TensorStats& tensor, std::uint64_t first,
                                 std::span<const std::byte> final) {
  auto written = m_shards[m_shardOf[index]].write(tensor.name, first * bitsOf(tensor.dtype) / 8, final);
  if (!written) return tl::make_unexpected(shown(written.error()));
  return {};
}

Result<void> UnpackOutput::writeIndex() const {
  if (m_shards.size() < 2) return {};
  nlohmann::ordered_json index;
  index["metadata"]["total_size"] = m_bytes;
  auto& map = index["weight_map"];
  map = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < m_names.size(); ++i) map[m_names[i]] = m_shardNames[m_shardOf[i]];
  return writeTextFile(m_folder->path() / (indexStem(m_shardNames.front()) + ".safetensors.index.json"), index.dump(2) + "\n");
}

Result<void> UnpackOutput::copyCompanions(const ReconstructionSource& source) const {
  if (!m_folder) return {};
  auto copied = copyCompanionFiles(source, m_folder->path());
  if (!copied) return tl::make_unexpected(shown(copied.error()));
  return {};
}

Result<void> UnpackOutput::commit(const JobContext& job) {
  for (auto& shard : m_shards) {
    if (job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    if (auto done = shard.commit(); !done) return tl::make_unexpected(shown(done.error()));
  }
  if (!m_folder) return {};
  if (auto done = writeIndex(); !done) return tl::make_unexpected(shown(done.error()));
  DELTASCOPE_TRY(m_folder->commit());
  return m_replace ? replaceFolder(m_folder->destination(), m_destination) : Result<void>{};
}

/// The folder's temporary name says nothing to the user.
Error UnpackOutput::shown(Error error) const {
  if (!m_folder || m_folder->path().empty()) return error;
  error.message = renamed(std::move(error.message), m_folder->path().string(), m_destination.string());
  return error;
}

}  // namespace deltascope
