// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <variant>

#include "core/base/units.h"
#include "core/checkpoint/foreign.h"
#include "core/checkpoint/gguf_layout.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/torch_file.h"
#include "core/checkpoint/weights_layout.h"

namespace deltascope {

namespace {

/// A file of any format, opened.
using TensorFile = std::variant<SafetensorsFile, TorchFile, GgufFile>;

const std::filesystem::path& pathOf(const TensorFile& file) {
  return std::visit([](const auto& f) -> const std::filesystem::path& { return f.path(); }, file);
}

const std::vector<TensorInfo>& tensorsOf(const TensorFile& file) {
  if (const auto* safetensors = std::get_if<SafetensorsFile>(&file)) return safetensors->header().tensors;
  if (const auto* gguf = std::get_if<GgufFile>(&file)) return gguf->tensors();
  return std::get<TorchFile>(file).tensors();
}

}  // namespace

struct Checkpoint::State {
  std::filesystem::path path;
  WeightsLayout layout;
  std::vector<TensorFile> files;
  std::vector<TensorInfo> tensors;
  std::unordered_map<std::string_view, std::size_t> byName;  // views into `tensors`, which never changes once filled
  nlohmann::json config;
  std::optional<Error> configError;
  std::uint64_t totalBytes = 0;

  [[nodiscard]] Result<void> dropCopies();
};

namespace {

constexpr std::uint64_t kLargestConfig = 64u << 20;

Result<TensorFile> openShard(const std::filesystem::path& shard) {
  if (isTorchName(shard)) {
    DELTASCOPE_ASSIGN(TorchFile file, TorchFile::open(shard));
    return TensorFile(std::move(file));
  }
  if (isGgufName(shard)) {
    DELTASCOPE_ASSIGN(GgufFile file, GgufFile::open(shard));
    return TensorFile(std::move(file));
  }
  auto file = SafetensorsFile::open(shard);
  if (file) return TensorFile(std::move(*file));
  return tl::make_unexpected(std::move(file).error());
}

Result<TensorFile> openListed(const std::filesystem::path& shard, const std::filesystem::path& index) {
  auto file = openShard(shard);
  if (!file && file.error().code == ErrorCode::NotFound && isGgufName(shard) && !isNamed(shard))
    return fail(ErrorCode::NotFound, at({shard, {}, {}}, "this part of the model is missing"), downloadAgain(shard));
  if (file || index.empty() || file.error().code != ErrorCode::NotFound || isNamed(shard)) return file;
  return fail(ErrorCode::NotFound, at({shard, {}, {}}, "is missing, " + index.filename().string() + " names it"),
              downloadAgain(shard));
}

bool sameFolder(const std::filesystem::path& a, const std::filesystem::path& b) {
  return (a / "").lexically_normal() == (b / "").lexically_normal();
}

Result<nlohmann::json> readConfig(const std::filesystem::path& folder, const CompanionSource& beside) {
  const auto path = folder / kConfigFile;
  if (!isNamed(path) && !beside.has(kConfigFile)) return nullptr;
  DELTASCOPE_ASSIGN(const std::string text, beside.read(kConfigFile, kLargestConfig));
  DELTASCOPE_ASSIGN(auto config, parseJson(text, path));
  if (!config.is_object()) return fail(ErrorCode::Corrupt, at({path, {}, {}}, "is not a JSON object"));
  return config;
}

/// Type, shape and bytes.
Result<bool> sameTensor(const TensorFile& fileA, const TensorInfo& a, const TensorFile& fileB, const TensorInfo& b) {
  if (a.dtype != b.dtype || a.shape != b.shape) return false;
  constexpr std::uint64_t kPiece = 1u << 20;
  std::vector<std::byte> left, right;
  for (std::uint64_t begin = 0; begin < a.bytes; begin += kPiece) {
    left.resize(static_cast<std::size_t>(std::min(kPiece, a.bytes - begin)));
    right.resize(left.size());
    DELTASCOPE_TRY(std::visit([&](const auto& file) { return file.read(a, begin, left); }, fileA));
    DELTASCOPE_TRY(std::visit([&](const auto& file) { return file.read(b, begin, right); }, fileB));
    if (left != right) return false;
  }
  return true;
}

}  // namespace

/// Of the tensors, sorted by name, those that are in a second shard, with the same bytes.
Result<void> Checkpoint::State::dropCopies() {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    if (tensors[kept].name != tensors[i].name) {
      if (++kept != i) tensors[kept] = std::move(tensors[i]);
      continue;
    }
    const auto &first = files[tensors[kept].file], &second = files[tensors[i].file];
    DELTASCOPE_ASSIGN(const bool same, sameTensor(first, tensors[kept], second, tensors[i]));
    if (!same)
      return fail(ErrorCode::Corrupt,
                  at({pathOf(second), tensors[i].name, tensors[i].offset},
                     "is in " + pathOf(first).filename().string() + " too, with other bytes"),
                  "one of the two shards is of another version of the model; " + downloadAgain(pathOf(second)));
    totalBytes -= tensors[i].bytes;
  }
  if (!tensors.empty()) tensors.resize(kept + 1);
  return {};
}

Checkpoint::Checkpoint(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& path, std::string_view stem,
                                    std::shared_ptr<const CompanionSource> beside) {
  auto state = std::make_unique<State>();
  state->path = path;
  DELTASCOPE_ASSIGN(state->layout, locateWeights(path, stem));
  const auto& layout = state->layout;
  for (const auto& shard : layout.shards) {
    DELTASCOPE_ASSIGN(auto file, openListed(shard, layout.index));
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
  std::vector<const GgufFile*> parts;
  for (const auto& file : state->files)
    if (const auto* gguf = std::get_if<GgufFile>(&file)) parts.push_back(gguf);
  if (!parts.empty()) {
    DELTASCOPE_TRY(checkGgufParts(parts));
    DELTASCOPE_TRY(setGgufRowOrder(*parts.front(), tensors));
  }
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const TensorInfo& a, const TensorInfo& b) { return naturalLess(a.name, b.name); });
  DELTASCOPE_TRY(state->dropCopies());
  state->byName.reserve(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) state->byName.emplace(tensors[i].name, i);
  if (!beside || !sameFolder(beside->shown(), layout.folder)) beside = std::make_shared<FolderCompanions>(layout.folder);
  if (auto config = readConfig(layout.folder, *beside))
    state->config = std::move(*config);
  else
    state->configError = std::move(config).error();
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

const std::map<std::string, std::string>& Checkpoint::metadataOf(const TensorInfo& tensor) const {
  static const std::map<std::string, std::string> kNone;
  const auto* file = std::get_if<SafetensorsFile>(&m_state->files.at(tensor.file));
  return file ? file->header().metadata : kNone;
}

std::vector<std::filesystem::path> Checkpoint::files() const {
  auto files = m_state->layout.shards;
  if (!m_state->layout.index.empty()) files.push_back(m_state->layout.index);
  return files;
}

std::uint64_t Checkpoint::totalBytes() const { return m_state->totalBytes; }
const std::string& Checkpoint::indexMetadata() const { return m_state->layout.indexMetadata; }
const GgufFile* Checkpoint::gguf() const { return std::get_if<GgufFile>(&m_state->files.front()); }
const nlohmann::json& Checkpoint::config() const { return m_state->config; }
const std::optional<Error>& Checkpoint::configError() const { return m_state->configError; }

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
