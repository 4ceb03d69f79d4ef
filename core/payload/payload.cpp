// SPDX-License-Identifier: Apache-2.0
#include "core/payload/payload.h"

#include <algorithm>
#include <functional>
#include <mutex>

#include "core/base/units.h"
#include "core/payload/manifest.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kAlignment = 16;
constexpr std::uint64_t kDirectoryEntry = 16;
constexpr std::uint64_t kModelPrefix = 16;
constexpr const char* kDamaged = "the payload is damaged; make it again";

tl::unexpected<Error> corrupt(const std::filesystem::path& path, std::string_view tensor, std::optional<std::uint64_t> offset,
                              std::string_view what) {
  return fail(ErrorCode::Corrupt, at({path, std::string(tensor), offset}, what), kDamaged);
}

struct ModelSlot {
  const TensorInfo* stream = nullptr;
  std::optional<CodecId> codec;  ///< of its users; they agree
  std::vector<std::size_t> users;
  ModelPtr loaded;
};

}  // namespace

struct Payload::State {
  explicit State(SafetensorsFile f) : file(std::move(f)) {}

  SafetensorsFile file;
  Manifest manifest;
  std::string fingerprint;
  std::uint64_t headerBytes = 0;
  std::vector<const TensorInfo*> streams;  ///< for each tensor; null for identical ones
  mutable std::mutex mutex;                ///< guards ModelSlot::loaded
  mutable std::vector<ModelSlot> models;

  [[nodiscard]] std::size_t indexOf(const TensorStats& tensor) const {
    return static_cast<std::size_t>(&tensor - manifest.tensors.data());
  }
  [[nodiscard]] bool holds(const TensorStats& tensor) const {
    const auto* first = manifest.tensors.data();
    return std::less_equal<>()(first, &tensor) && std::less<>()(&tensor, first + manifest.tensors.size());
  }
  Result<const TensorInfo*> streamOf(const TensorStats& tensor) const;
  Result<void> attachStreams();
  Result<void> checkStream(const TensorStats& tensor, const TensorInfo& stream) const;
  Result<void> attachModels();
  Result<ModelPtr> loadModel(const ModelSlot& slot) const;
};

/// A row that is not this payload's own (a copy) is looked up by name.
Result<const TensorInfo*> Payload::State::streamOf(const TensorStats& tensor) const {
  if (holds(tensor)) return streams[indexOf(tensor)];
  for (std::size_t i = 0; i < manifest.tensors.size(); ++i)
    if (manifest.tensors[i].name == tensor.name) return streams[i];
  return fail(ErrorCode::NotFound, at({file.path(), tensor.name, std::nullopt}, "the payload holds no such tensor"));
}

Result<void> Payload::State::checkStream(const TensorStats& t, const TensorInfo& stream) const {
  if (stream.dtype != DType::U8 || stream.shape.size() != 1)
    return corrupt(file.path(), t.name, stream.offset, "a stream must be a list of bytes");
  if (stream.offset % kAlignment != 0 || stream.bytes % kAlignment != 0)
    return corrupt(file.path(), t.name, stream.offset, "the stream is not aligned to 16 bytes");
  if (t.chunkCount > stream.bytes / kDirectoryEntry)
    return corrupt(
        file.path(), t.name, stream.offset,
        "a stream of " + std::to_string(stream.bytes) + " bytes cannot hold " + std::to_string(t.chunkCount) + " chunks");
  return {};
}

Result<void> Payload::State::attachStreams() {
  std::map<std::string_view, const TensorInfo*> unclaimed;
  for (const auto& info : file.header().tensors) unclaimed.emplace(info.name, &info);
  for (auto& t : manifest.tensors) {
    const auto found = unclaimed.find(t.name);
    if (t.codec == CodecId::Identical) {
      if (found != unclaimed.end())
        return corrupt(file.path(), t.name, found->second->offset, "an identical tensor with a stream");
      streams.push_back(nullptr);
      continue;
    }
    if (found == unclaimed.end()) return corrupt(file.path(), t.name, std::nullopt, "its stream is missing");
    DELTASCOPE_TRY(checkStream(t, *found->second));
    t.storedBytes = found->second->bytes;
    streams.push_back(found->second);
    unclaimed.erase(found);
  }
  for (std::size_t i = 0; i < file.header().tensors.size(); ++i) {
    const auto found = unclaimed.find(modelStreamName(i));
    if (found == unclaimed.end()) break;
    models.push_back({.stream = found->second, .codec = {}, .users = {}, .loaded = {}});
    unclaimed.erase(found);
  }
  if (!unclaimed.empty())
    return corrupt(file.path(), unclaimed.begin()->first, unclaimed.begin()->second->offset,
                   "a stream that the manifest does not know");
  return {};
}

Result<void> Payload::State::attachModels() {
  for (std::size_t i = 0; i < manifest.tensors.size(); ++i) {
    const auto& t = manifest.tensors[i];
    if (t.model < 0) continue;
    if (static_cast<std::size_t>(t.model) >= models.size())
      return corrupt(file.path(), t.name, std::nullopt, "its model " + std::to_string(t.model) + " is missing");
    auto& slot = models[static_cast<std::size_t>(t.model)];
    if (slot.codec && *slot.codec != t.codec)
      return corrupt(file.path(), t.name, std::nullopt, "its model belongs to another codec");
    slot.codec = t.codec;
    slot.users.push_back(i);
  }
  for (const auto& slot : models) {
    const auto& stream = *slot.stream;
    if (stream.dtype != DType::U8 || stream.shape.size() != 1 || stream.offset % kAlignment != 0 ||
        stream.bytes % kAlignment != 0 || stream.bytes < kModelPrefix)
      return corrupt(file.path(), stream.name, stream.offset, "a model must be a list of at least 16 bytes, aligned to 16");
    if (slot.users.empty()) return corrupt(file.path(), stream.name, stream.offset, "a model that no tensor uses");
    const std::uint64_t share = stream.bytes / slot.users.size();
    for (const std::size_t user : slot.users) manifest.tensors[user].storedBytes += share;
    manifest.tensors[slot.users.front()].storedBytes += stream.bytes - share * slot.users.size();
  }
  return {};
}

Result<ModelPtr> Payload::State::loadModel(const ModelSlot& slot) const {
  const auto& stream = *slot.stream;
  std::array<std::uint64_t, 2> prefix{};
  DELTASCOPE_TRY(file.read(stream, 0, std::as_writable_bytes(std::span(prefix))));
  if (prefix[0] > stream.bytes - kModelPrefix || roundUp(prefix[0], kAlignment) != stream.bytes - kModelPrefix)
    return corrupt(file.path(), stream.name, stream.offset, "the model's size does not fit its stream");
  std::vector<std::byte> bytes(prefix[0]);
  DELTASCOPE_TRY(file.read(stream, kModelPrefix, bytes));
  if (hash64(bytes) != prefix[1])
    return corrupt(file.path(), stream.name, stream.offset, "the model does not match its checksum");
  auto model = codec(*slot.codec).parseModel(bytes);
  if (!model)
    return fail(model.error().code, at({file.path(), stream.name, stream.offset}, model.error().message), model.error().hint);
  return model;
}

Result<Payload> Payload::open(const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
  auto state = std::make_unique<State>(std::move(file));
  const auto& header = state->file.header();
  if (!header.metadata.contains("deltascope.version"))
    return fail(ErrorCode::Unsupported, at({path, {}, std::nullopt}, "a safetensors file, but not a delta payload"),
                "payloads are made by pack and end in .delta.safetensors");
  DELTASCOPE_ASSIGN(state->manifest, parseManifest(header.metadata, path));
  state->fingerprint = header.metadata.at("deltascope.base");
  std::uint64_t data = 0;
  for (const auto& info : header.tensors) data += info.bytes;
  state->headerBytes = state->file.size() - data;
  DELTASCOPE_TRY(state->attachStreams());
  DELTASCOPE_TRY(state->attachModels());
  auto& tensors = state->manifest.tensors;
  for (std::size_t i = 1; i < tensors.size(); ++i)
    if (!naturalLess(tensors[i - 1].name, tensors[i].name))
      return corrupt(path, tensors[i].name, std::nullopt, "the manifest is not in order");
  return Payload(std::move(state));
}

Payload::Payload(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Payload::Payload(Payload&&) noexcept = default;
Payload& Payload::operator=(Payload&&) noexcept = default;
Payload::~Payload() = default;

const std::filesystem::path& Payload::path() const { return m_state->file.path(); }
std::uint64_t Payload::fileSize() const { return m_state->file.size(); }
std::uint64_t Payload::headerBytes() const { return m_state->headerBytes; }
const std::vector<TensorStats>& Payload::tensors() const { return m_state->manifest.tensors; }
const std::string& Payload::baseFingerprint() const { return m_state->fingerprint; }
const std::map<std::string, std::string>& Payload::facts() const { return m_state->manifest.facts; }
const std::vector<std::pair<std::string, std::vector<std::string>>>& Payload::shards() const {
  return m_state->manifest.shards;
}

const TensorStats* Payload::find(std::string_view name) const {
  const auto& tensors = m_state->manifest.tensors;
  const auto found = std::lower_bound(tensors.begin(), tensors.end(), name,
                                      [](const TensorStats& t, std::string_view n) { return naturalLess(t.name, n); });
  return found != tensors.end() && found->name == name ? &*found : nullptr;
}

Result<std::vector<ChunkInfo>> Payload::chunks(const TensorStats& tensor) const {
  DELTASCOPE_ASSIGN(const TensorInfo* stream, m_state->streamOf(tensor));
  std::vector<ChunkInfo> chunks;
  if (!stream) return chunks;
  const TensorStats& t = m_state->holds(tensor) ? tensor : *find(tensor.name);
  std::vector<std::uint64_t> directory(2 * t.chunkCount);
  DELTASCOPE_TRY(m_state->file.read(*stream, 0, std::as_writable_bytes(std::span(directory))));
  std::uint64_t position = t.chunkCount * kDirectoryEntry;
  for (std::uint64_t i = 0; i < t.chunkCount; ++i) {
    const std::uint64_t end = directory[2 * i];
    if (end < position || end > stream->bytes)
      return corrupt(path(), t.name, stream->offset + i * kDirectoryEntry,
                     "chunk " + std::to_string(i) + " ends outside its stream");
    const std::uint64_t first = i * t.chunkElements;
    chunks.push_back({first, std::min(t.chunkElements, t.elements - first), position, end - position, directory[2 * i + 1]});
    position = roundUp(end, kAlignment);
  }
  if (position != stream->bytes) return corrupt(path(), t.name, stream->offset, "the chunks do not fill the stream");
  return chunks;
}

Result<ModelPtr> Payload::model(const TensorStats& tensor) const {
  const TensorStats* t = m_state->holds(tensor) ? &tensor : find(tensor.name);
  if (!t) return fail(ErrorCode::NotFound, at({path(), tensor.name, std::nullopt}, "the payload holds no such tensor"));
  if (t->model < 0) return ModelPtr{};
  std::lock_guard lock(m_state->mutex);
  auto& slot = m_state->models[static_cast<std::size_t>(t->model)];
  if (!slot.loaded) {
    DELTASCOPE_ASSIGN(slot.loaded, m_state->loadModel(slot));
  }
  return slot.loaded;
}

Result<std::vector<std::byte>> Payload::readChunk(const TensorStats& tensor, const ChunkInfo& chunk) const {
  DELTASCOPE_ASSIGN(const TensorInfo* stream, m_state->streamOf(tensor));
  // before memory is taken
  if (!stream || chunk.begin > stream->bytes || chunk.bytes > stream->bytes - chunk.begin)
    return fail(ErrorCode::InvalidArgument, at({path(), tensor.name, chunk.begin}, "no such chunk"));
  std::vector<std::byte> bytes(chunk.bytes);
  DELTASCOPE_TRY(readChunk(tensor, chunk, bytes));
  return bytes;
}

Result<void> Payload::readChunk(const TensorStats& tensor, const ChunkInfo& chunk, std::span<std::byte> into) const {
  DELTASCOPE_ASSIGN(const TensorInfo* stream, m_state->streamOf(tensor));
  if (!stream || chunk.begin > stream->bytes || chunk.bytes > stream->bytes - chunk.begin || into.size() != chunk.bytes)
    return fail(ErrorCode::InvalidArgument, at({path(), tensor.name, chunk.begin}, "no such chunk"));
  DELTASCOPE_TRY(m_state->file.read(*stream, chunk.begin, into));
  if (hash64(into) != chunk.checksum)
    return corrupt(path(), tensor.name, stream->offset + chunk.begin,
                   "elements " + std::to_string(chunk.first) + "…" + std::to_string(chunk.first + chunk.elements - 1) +
                       " do not match their checksum");
  return {};
}

}  // namespace deltascope
