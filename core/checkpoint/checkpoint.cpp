// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <variant>

#include "core/base/units.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/torch_file.h"
#include "core/checkpoint/weights_layout.h"

namespace deltascope {

namespace {

/// A file of either format, opened.
using TensorFile = std::variant<SafetensorsFile, TorchFile>;

const std::filesystem::path& pathOf(const TensorFile& file) {
  return std::visit([](const auto& f) -> const std::filesystem::path& { return f.path(); }, file);
}

const std::vector<TensorInfo>& tensorsOf(const TensorFile& file) {
  if (const auto* safetensors = std::get_if<SafetensorsFile>(&file)) return safetensors->header().tensors;
  return std::get<TorchFile>(file).tensors();
}

}  // namespace

struct Checkpoint::State {
  std::filesystem::path path;
  WeightsLayout layout;
  std::vector<TensorFile> files;
  std::vector<TensorInfo> tensors;
  std::unordered_map<std::string_view, std::size_t> byName;  // views into `tensors`, which never changes once filled
  std::map<std::string, std::string> metadata;
  nlohmann::json config;
  std::uint64_t totalBytes = 0;
};

namespace {

constexpr std::uint64_t kLargestConfig = 64u << 20;

Result<TensorFile> openShard(const std::filesystem::path& shard, const std::filesystem::path& index) {
  if (isTorchName(shard)) {
    DELTASCOPE_ASSIGN(TorchFile file, TorchFile::open(shard));
    return TensorFile(std::move(file));
  }
  auto file = SafetensorsFile::open(shard);
  if (file) return TensorFile(std::move(*file));
  if (!index.empty() && file.error().code == ErrorCode::NotFound)
    return fail(ErrorCode::NotFound, at({shard, {}, {}}, "is missing, " + index.filename().string() + " names it"),
                "copy or download the shard");
  return tl::make_unexpected(std::move(file).error());
}

Result<nlohmann::json> readConfig(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return nullptr;
  DELTASCOPE_ASSIGN(const auto text, readTextFile(path, kLargestConfig));
  DELTASCOPE_ASSIGN(auto config, parseJson(text, path));
  if (!config.is_object()) return fail(ErrorCode::Corrupt, at({path, {}, {}}, "is not a JSON object"));
  return config;
}

}  // namespace

Checkpoint::Checkpoint(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& path, std::string_view stem) {
  auto state = std::make_unique<State>();
  state->path = path;
  DELTASCOPE_ASSIGN(state->layout, locateWeights(path, stem));
  const auto& layout = state->layout;
  for (const auto& shard : layout.shards) {
    DELTASCOPE_ASSIGN(auto file, openShard(shard, layout.index));
    for (auto tensor : tensorsOf(file)) {
      tensor.file = static_cast<std::uint32_t>(state->files.size());
      const auto total = checkedAdd(state->totalBytes, tensor.bytes);
      if (!total) return fail(ErrorCode::Corrupt, at({shard, tensor.name, tensor.offset}, "the checkpoint exceeds 16 EiB"));
      state->totalBytes = *total;
      state->tensors.push_back(std::move(tensor));
    }
    state->files.push_back(std::move(file));
  }
  auto& tensors = state->tensors;
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return naturalLess(a.name, b.name); });
  state->byName.reserve(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (const auto [other, isNew] = state->byName.try_emplace(tensors[i].name, i); !isNew)
      return fail(ErrorCode::Corrupt,
                  at({pathOf(state->files[tensors[i].file]), tensors[i].name, tensors[i].offset},
                     "is in " + pathOf(state->files[tensors[other->second].file]).filename().string() + " too"));
  for (const auto& [name, shard] : layout.mapped) {
    const auto found = state->byName.find(name);
    if (found == state->byName.end() || tensors[found->second].file != shard)
      return fail(
          ErrorCode::Corrupt,
          at({layout.shards[shard], name, {}}, "is not in this file, though " + layout.index.filename().string() + " says so"),
          "copy or download the checkpoint again");
  }
  if (const auto* first = std::get_if<SafetensorsFile>(&state->files.front())) state->metadata = first->header().metadata;
  DELTASCOPE_ASSIGN(state->config, readConfig(layout.folder));
  return Checkpoint(std::move(state));
}

const std::filesystem::path& Checkpoint::path() const { return m_state->path; }
const std::filesystem::path& Checkpoint::folder() const { return m_state->layout.folder; }
const std::vector<TensorInfo>& Checkpoint::tensors() const { return m_state->tensors; }

const TensorInfo* Checkpoint::find(std::string_view name) const {
  const auto found = m_state->byName.find(name);
  return found == m_state->byName.end() ? nullptr : &m_state->tensors[found->second];
}

const std::filesystem::path& Checkpoint::fileOf(const TensorInfo& tensor) const {
  return pathOf(m_state->files.at(tensor.file));
}

std::vector<std::filesystem::path> Checkpoint::files() const {
  auto files = m_state->layout.shards;
  if (!m_state->layout.index.empty()) files.push_back(m_state->layout.index);
  return files;
}

std::uint64_t Checkpoint::totalBytes() const { return m_state->totalBytes; }
const std::map<std::string, std::string>& Checkpoint::metadata() const { return m_state->metadata; }
const nlohmann::json& Checkpoint::config() const { return m_state->config; }

Result<void> Checkpoint::read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const {
  return std::visit([&](const auto& file) { return file.read(tensor, begin, into); }, m_state->files.at(tensor.file));
}

Result<std::vector<std::byte>> Checkpoint::readAll(const TensorInfo& tensor) const {
  try {
    std::vector<std::byte> bytes(tensor.bytes);
    DELTASCOPE_TRY(read(tensor, 0, bytes));
    return bytes;
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::OutOfMemory,
                at({fileOf(tensor), tensor.name, tensor.offset}, "not enough memory for " + formatGib(tensor.bytes)));
  }
}

}  // namespace deltascope
