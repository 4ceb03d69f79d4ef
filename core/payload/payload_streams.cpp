// SPDX-License-Identifier: Apache-2.0
// Which stream belongs to what, and those that are read as a whole.
#include <algorithm>
#include <array>

#include "core/base/units.h"
#include "core/codec/expansion.h"
#include "core/codec/zstd_frame.h"
#include "core/payload/payload_state.h"

namespace deltascope {

tl::unexpected<Error> corruptPayload(const std::filesystem::path& path, std::string_view tensor,
                                     std::optional<std::uint64_t> offset, std::string_view what) {
  return fail(ErrorCode::Corrupt, at({path, std::string(tensor), offset}, what), "the payload is damaged; make it again");
}

/// A row that is not this payload's own (a copy) is looked up by name.
Result<const TensorInfo*> Payload::State::streamOf(const TensorStats& tensor) const {
  if (holds(tensor)) return streams[indexOf(tensor)];
  for (std::size_t i = 0; i < manifest.tensors.size(); ++i)
    if (manifest.tensors[i].name == tensor.name) return streams[i];
  return fail(ErrorCode::NotFound, at({file.path(), tensor.name, std::nullopt}, "the payload holds no such tensor"));
}

Result<void> Payload::State::checkStream(const TensorStats& t, const TensorInfo& stream) const {
  if (stream.dtype != DType::U8 || stream.shape.size() != 1)
    return corruptPayload(file.path(), t.name, stream.offset, "a stream must be a list of bytes");
  if (stream.offset % kPayloadAlignment != 0 || stream.bytes % kPayloadAlignment != 0)
    return corruptPayload(file.path(), t.name, stream.offset, "the stream is not aligned to 16 bytes");
  if (t.chunkCount > stream.bytes / kDirectoryEntry)
    return corruptPayload(
        file.path(), t.name, stream.offset,
        "a stream of " + std::to_string(stream.bytes) + " bytes cannot hold " + std::to_string(t.chunkCount) + " chunks");
  if (t.base == BaseKind::None && !mayHold(stream.bytes, t.finalBytes))
    return corruptPayload(
        file.path(), t.name, stream.offset,
        "a stream of " + std::to_string(stream.bytes) + " bytes claims to hold " + std::to_string(t.finalBytes));
  return {};
}

Result<void> Payload::State::attachStreams() {
  std::map<std::string_view, const TensorInfo*> unclaimed;
  for (const auto& info : file.header().tensors) unclaimed.emplace(info.name, &info);
  std::uint64_t end = 0;  // of the streams so far
  for (auto& t : manifest.tensors) {
    const auto found = unclaimed.find(t.name);
    if (t.codec == CodecId::Identical) {
      if (found != unclaimed.end())
        return corruptPayload(file.path(), t.name, found->second->offset, "an identical tensor with a stream");
      streams.push_back(nullptr);
      continue;
    }
    if (found == unclaimed.end()) return corruptPayload(file.path(), t.name, std::nullopt, "its stream is missing");
    DELTASCOPE_TRY(checkStream(t, *found->second));
    if (found->second->offset < end)
      return corruptPayload(file.path(), t.name, found->second->offset, "the stream is out of order");
    end = found->second->offset + found->second->bytes;
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
  for (std::size_t i = 0; i < manifest.companions.size(); ++i) {
    const auto found = unclaimed.find(companionStreamName(i));
    if (found == unclaimed.end())
      return corruptPayload(file.path(), manifest.companions[i].path, std::nullopt, "the companion's stream is missing");
    companionStreams.push_back(found->second);
    unclaimed.erase(found);
  }
  if (!unclaimed.empty())
    return corruptPayload(file.path(), unclaimed.begin()->first, unclaimed.begin()->second->offset,
                          "a stream that the manifest does not know");
  return {};
}

Result<void> Payload::State::attachModels() {
  for (std::size_t i = 0; i < manifest.tensors.size(); ++i) {
    const auto& t = manifest.tensors[i];
    if (t.model < 0) continue;
    if (static_cast<std::size_t>(t.model) >= models.size())
      return corruptPayload(file.path(), t.name, std::nullopt, "its model " + std::to_string(t.model) + " is missing");
    auto& slot = models[static_cast<std::size_t>(t.model)];
    if (slot.codec && *slot.codec != t.codec)
      return corruptPayload(file.path(), t.name, std::nullopt, "its model belongs to another codec");
    slot.codec = t.codec;
    slot.users.push_back(i);
  }
  for (const auto& slot : models) {
    const auto& stream = *slot.stream;
    DELTASCOPE_TRY(checkWhole(stream));
    if (slot.users.empty()) return corruptPayload(file.path(), stream.name, stream.offset, "a model that no tensor uses");
    const std::uint64_t share = stream.bytes / slot.users.size();
    for (const std::size_t user : slot.users) manifest.tensors[user].storedBytes += share;
    manifest.tensors[slot.users.front()].storedBytes += stream.bytes - share * slot.users.size();
  }
  return {};
}

Result<void> Payload::State::attachCompanions() {
  for (std::size_t i = 0; i < companionStreams.size(); ++i) {
    auto& companion = manifest.companions[i];
    const auto& stream = *companionStreams[i];
    DELTASCOPE_TRY(checkWhole(stream));
    companion.storedBytes = stream.bytes;
    const std::uint64_t most = stream.bytes - kWholePrefix;
    if (companion.compressed ? !mayHold(most, companion.bytes) : companion.bytes > most)
      return corruptPayload(file.path(), companion.path, stream.offset, "the companion's size does not fit its stream");
  }
  return {};
}

/// A model or companion, but for its content.
Result<void> Payload::State::checkWhole(const TensorInfo& stream) const {
  if (stream.dtype == DType::U8 && stream.shape.size() == 1 && stream.offset % kPayloadAlignment == 0 &&
      stream.bytes % kPayloadAlignment == 0 && stream.bytes >= kWholePrefix)
    return {};
  return corruptPayload(file.path(), stream.name, stream.offset, "must be a list of at least 16 bytes, aligned to 16");
}

Result<std::vector<std::byte>> Payload::State::readWhole(const TensorInfo& stream) const {
  std::array<std::uint64_t, 2> prefix{};
  DELTASCOPE_TRY(file.read(stream, 0, std::as_writable_bytes(std::span(prefix))));
  const std::uint64_t room = stream.bytes - kWholePrefix;
  if (prefix[0] > room || roundUp(prefix[0], kPayloadAlignment) != room)
    return corruptPayload(file.path(), stream.name, stream.offset, "its size does not fit its stream");
  std::vector<std::byte> bytes(room);
  DELTASCOPE_TRY(file.read(stream, kWholePrefix, bytes));
  const auto padding = std::span(bytes).subspan(prefix[0]);
  if (std::ranges::any_of(padding, [](std::byte b) { return b != std::byte{0}; }))
    return corruptPayload(file.path(), stream.name, stream.offset, "its padding is not zero");
  bytes.resize(prefix[0]);
  if (hash64(bytes) != prefix[1])
    return corruptPayload(file.path(), stream.name, stream.offset, "it does not match its checksum");
  return bytes;
}

Result<ModelPtr> Payload::State::loadModel(const ModelSlot& slot) const {
  DELTASCOPE_ASSIGN(const std::vector<std::byte> bytes, readWhole(*slot.stream));
  auto model = codec(*slot.codec).parseModel(bytes);
  if (!model)
    return fail(model.error().code, at({file.path(), slot.stream->name, slot.stream->offset}, model.error().message),
                model.error().hint);
  return model;
}

/// Spaces alone follow the JSON, so that nothing lies in the file that no checksum covers.
Result<void> Payload::State::checkHeaderEnd() const {
  DELTASCOPE_ASSIGN(const RandomAccessFile raw, RandomAccessFile::open(file.path()));
  std::array<std::byte, 256> piece{};
  for (std::uint64_t end = headerBytes; end > 8;) {
    const std::uint64_t begin = std::max<std::uint64_t>(8, end - std::min<std::uint64_t>(piece.size(), end));
    const auto bytes = std::span(piece).first(end - begin);
    DELTASCOPE_TRY(raw.readAt(begin, bytes));
    const auto last = std::find_if(bytes.rbegin(), bytes.rend(), [](std::byte b) { return b != std::byte{' '}; });
    if (last != bytes.rend()) {
      if (*last == std::byte{'}'}) return {};
      return corruptPayload(file.path(), {}, begin, "something else than spaces follows the header's JSON");
    }
    end = begin;
  }
  return corruptPayload(file.path(), {}, 8, "the header is blank");
}

Result<std::vector<std::byte>> Payload::readCompanion(const Companion& companion) const {
  const auto& all = m_state->manifest.companions;
  const auto found = std::ranges::find(all, companion.path, &Companion::path);
  if (found == all.end())
    return fail(ErrorCode::NotFound, at({path(), companion.path, std::nullopt}, "the payload holds no such companion"));
  const auto& stream = *m_state->companionStreams[static_cast<std::size_t>(found - all.begin())];
  DELTASCOPE_ASSIGN(std::vector<std::byte> bytes, m_state->readWhole(stream));
  if (found->compressed) {
    std::vector<std::byte> inflated(found->bytes);
    if (auto done = inflateFrame(bytes, inflated); !done)
      return corruptPayload(path(), found->path, stream.offset, "the companion " + done.error().message);
    bytes = std::move(inflated);
  }
  if (bytes.size() != found->bytes || hash128(bytes) != found->hash)
    return corruptPayload(path(), found->path, stream.offset, "the companion does not match its hash");
  return bytes;
}

}  // namespace deltascope
