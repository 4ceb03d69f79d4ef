// SPDX-License-Identifier: Apache-2.0
#include "core/payload/payload.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/base/units.h"
#include "core/payload/payload_state.h"

namespace deltascope {

std::uint64_t baseBytesOf(std::span<const TensorStats> tensors) {
  std::uint64_t bytes = 0;
  std::set<std::string_view> counted;
  for (const auto& tensor : tensors)
    if (counted.insert(tensor.nameInBase()).second) bytes += tensor.baseBytes;
  return bytes;
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
  DELTASCOPE_TRY(state->checkHeaderEnd());
  DELTASCOPE_TRY(state->attachStreams());
  DELTASCOPE_TRY(state->attachModels());
  DELTASCOPE_TRY(state->attachCompanions());
  auto& tensors = state->manifest.tensors;
  for (std::size_t i = 1; i < tensors.size(); ++i)
    if (!naturalLess(tensors[i - 1].name, tensors[i].name))
      return corruptPayload(path, tensors[i].name, std::nullopt, "the manifest is not in order");
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
const std::vector<Companion>& Payload::companions() const { return m_state->manifest.companions; }
int Payload::version() const { return m_state->manifest.fileVersion; }
const std::string& Payload::baseFingerprint() const { return m_state->fingerprint; }
const std::map<std::string, std::string>& Payload::facts() const { return m_state->manifest.facts; }
const std::vector<std::pair<std::string, std::vector<std::string>>>& Payload::shards() const {
  return m_state->manifest.shards;
}

const std::optional<FinalHeaders>& Payload::headers() const { return m_state->manifest.headers; }

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
      return corruptPayload(path(), t.name, stream->offset + i * kDirectoryEntry,
                            "chunk " + std::to_string(i) + " ends outside its stream");
    const std::uint64_t first = i * t.chunkElements;
    chunks.push_back({first, std::min(t.chunkElements, t.elements - first), position, end - position, directory[2 * i + 1]});
    position = roundUp(end, kPayloadAlignment);
  }
  if (position != stream->bytes) return corruptPayload(path(), t.name, stream->offset, "the chunks do not fill the stream");
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
    return corruptPayload(path(), tensor.name, stream->offset + chunk.begin,
                          "elements " + std::to_string(chunk.first) + "…" + std::to_string(chunk.first + chunk.elements - 1) +
                              " do not match their checksum");
  std::array<std::byte, kPayloadAlignment> padding{};
  const std::uint64_t end = chunk.begin + chunk.bytes, more = roundUp(end, kPayloadAlignment) - end;
  if (more == 0) return {};
  DELTASCOPE_TRY(m_state->file.read(*stream, end, std::span(padding).first(more)));
  if (std::ranges::any_of(padding, [](std::byte b) { return b != std::byte{0}; }))
    return corruptPayload(path(), tensor.name, stream->offset + end, "the padding after a chunk is not zero");
  return {};
}

Result<void> Payload::readPart(const TensorStats& tensor, const ChunkInfo& chunk, std::uint64_t begin,
                               std::span<std::byte> into) const {
  DELTASCOPE_ASSIGN(const TensorInfo* stream, m_state->streamOf(tensor));
  if (!stream || chunk.begin > stream->bytes || chunk.bytes > stream->bytes - chunk.begin || begin > chunk.bytes ||
      into.size() > chunk.bytes - begin)
    return fail(ErrorCode::InvalidArgument, at({path(), tensor.name, chunk.begin}, "no such part of a chunk"));
  return m_state->file.read(*stream, chunk.begin + begin, into);
}

}  // namespace deltascope
