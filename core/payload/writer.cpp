// SPDX-License-Identifier: Apache-2.0
#include "core/payload/writer.h"

#include <array>
#include <bit>
#include <cstring>
#include <set>

#include "core/base/units.h"
#include "core/codec/zstd_frame.h"

namespace deltascope {
namespace {

static_assert(std::endian::native == std::endian::little, "payloads are little-endian and written as they lie in memory");

constexpr std::uint64_t kAlignment = 16;
constexpr std::uint64_t kDirectoryEntry = 16;
constexpr std::uint64_t kModelPrefix = 16;

constexpr int kCompanionLevel = 9;  ///< of zstd: a tokenizer of 30 MB takes a second, a third more than level 3 saves

/// Of a model or companion.
std::uint64_t wholeStreamBytes(std::uint64_t bytes) { return kModelPrefix + roundUp(bytes, kAlignment); }

Result<void> checkNames(const Manifest& manifest) {
  std::set<std::string_view> names;
  for (const auto& t : manifest.tensors) {
    if (t.name.starts_with(kReservedPrefix) || t.name == "__metadata__")
      return fail(ErrorCode::InvalidArgument, "tensor " + printable(t.name) + ": the name is reserved in payloads");
    if (!names.insert(t.name).second)
      return fail(ErrorCode::InvalidArgument, "tensor " + printable(t.name) + ": the name occurs twice");
  }
  std::vector<std::string> files;
  for (const auto& [file, held] : manifest.shards) files.push_back(file);
  if (const auto bad = firstMisplaced(manifest.companions, files))
    return fail(ErrorCode::InvalidArgument,
                "companion " + printable(manifest.companions[*bad].path) + ": the name is not fit for a payload, or taken");
  for (const auto& companion : manifest.companions)
    if (companion.bytes > kMostCompanionBytes)
      return fail(ErrorCode::InvalidArgument, "companion " + printable(companion.path) + ": is larger than 1 GiB");
  return {};
}

/// Space for any header that the plan can turn into: every number at its widest.
Result<std::uint64_t> headerBound(const PayloadPlan& plan) {
  Manifest widest = plan.manifest;
  std::vector<std::pair<std::string, std::uint64_t>> streams;
  for (std::size_t i = 0; i < plan.modelBytes.size(); ++i)
    streams.emplace_back(modelStreamName(i), wholeStreamBytes(plan.modelBytes[i]));
  for (std::size_t i = 0; i < plan.manifest.companions.size(); ++i)
    streams.emplace_back(companionStreamName(i), wholeStreamBytes(plan.manifest.companions[i].bytes));
  for (std::size_t i = 0; i < widest.tensors.size(); ++i) {
    auto& t = widest.tensors[i];
    t.finalHash = {1, 0};
    t.baseHash = {2, 0};  // differs, so that both are spelled out
    if (t.codec == CodecId::Identical) continue;
    t.zeroDeltas = t.patches = t.rawTiles = t.elements;
    streams.emplace_back(t.name, plan.streamBounds[i] + t.chunkCount * kDirectoryEntry);
  }
  DELTASCOPE_ASSIGN(const std::string text, renderHeader(widest, {}));
  std::uint64_t total = 0;
  for (const auto& [name, bytes] : streams) total += bytes;
  std::uint64_t bound = text.size() + 8;
  for (const auto& [name, bytes] : streams) bound += streamEntry(name, bytes, total, total).size();
  return roundUp(bound, kAlignment);
}

}  // namespace

Result<PayloadWriter> PayloadWriter::create(const std::filesystem::path& path, PayloadPlan plan) {
  DELTASCOPE_TRY(checkNames(plan.manifest));
  if (plan.streamBounds.size() != plan.manifest.tensors.size())
    return fail(ErrorCode::Internal, "a payload plan without bounds");
  for (auto& t : plan.manifest.tensors) t.chunkCount = t.codec == CodecId::Identical ? 0 : ceilDiv(t.elements, t.chunkElements);
  DELTASCOPE_ASSIGN(const std::uint64_t space, headerBound(plan));
  DELTASCOPE_ASSIGN(AtomicFile file, AtomicFile::create(path));
  PayloadWriter writer(std::move(file));
  writer.m_plan = std::move(plan);
  writer.m_headerSpace = writer.m_position = space;
  return writer;
}

Result<void> PayloadWriter::writeModel(std::size_t index, std::span<const std::byte> model) {
  if (m_streamOpen || index >= m_plan.modelBytes.size() || model.size() != m_plan.modelBytes[index])
    return fail(ErrorCode::Internal, "a payload model that was not planned");
  DELTASCOPE_TRY(writeWhole(modelStreamName(index), model));
  ++m_models;
  return {};
}

std::uint64_t companionStreamBytes(std::span<const std::byte> bytes) {
  const std::size_t frame = deflateFrame(bytes, kCompanionLevel).size();
  return wholeStreamBytes(frame > 0 ? frame : bytes.size());
}

Result<void> PayloadWriter::writeCompanion(std::size_t index, std::span<const std::byte> bytes) {
  if (m_streamOpen || index >= m_plan.manifest.companions.size() || bytes.size() != m_plan.manifest.companions[index].bytes)
    return fail(ErrorCode::Internal, "a payload companion that was not planned");
  auto& companion = m_plan.manifest.companions[index];
  const std::vector<std::byte> frame = deflateFrame(bytes, kCompanionLevel);
  companion.hash = hash128(bytes);
  companion.compressed = !frame.empty();
  DELTASCOPE_TRY(writeWhole(companionStreamName(index), companion.compressed ? frame : bytes));
  ++m_companions;
  return {};
}

/// A stream that is known as a whole.
Result<void> PayloadWriter::writeWhole(std::string name, std::span<const std::byte> content) {
  std::vector<std::byte> bytes(wholeStreamBytes(content.size()));
  const std::array<std::uint64_t, 2> prefix{content.size(), hash64(content)};
  std::memcpy(bytes.data(), prefix.data(), sizeof prefix);
  if (!content.empty()) std::memcpy(bytes.data() + kModelPrefix, content.data(), content.size());
  DELTASCOPE_TRY(m_file.writeAt(m_position, bytes));
  m_streams.push_back({std::move(name), m_position - m_headerSpace, m_position - m_headerSpace + bytes.size()});
  m_position += bytes.size();
  return {};
}

Result<void> PayloadWriter::openStream(std::size_t index) {
  if (index != m_next || index >= m_plan.manifest.tensors.size())
    return fail(ErrorCode::Internal, "payload tensors out of order");
  if (m_streamOpen) return {};
  m_streamOpen = true;
  m_directory.clear();
  m_streamStart = m_position;
  m_position += m_plan.manifest.tensors[index].chunkCount * kDirectoryEntry;
  return {};
}

Result<void> PayloadWriter::appendChunk(std::size_t index, std::span<const std::byte> bytes) {
  DELTASCOPE_TRY(openStream(index));
  if (!bytes.empty()) DELTASCOPE_TRY(m_file.writeAt(m_position, bytes));
  m_directory.push_back(m_position + bytes.size() - m_streamStart);
  m_directory.push_back(hash64(bytes));
  const std::uint64_t padding = roundUp(bytes.size(), kAlignment) - bytes.size();
  if (padding > 0) {
    const std::array<std::byte, kAlignment> zeros{};
    DELTASCOPE_TRY(m_file.writeAt(m_position + bytes.size(), std::span(zeros).first(padding)));
  }
  m_position += bytes.size() + padding;
  return {};
}

Result<void> PayloadWriter::finishTensor(std::size_t index, const TensorStats& stats) {
  auto& row = m_plan.manifest.tensors.at(index);
  if (row.codec == CodecId::Identical) {
    if (index != m_next) return fail(ErrorCode::Internal, "payload tensors out of order");
  } else {
    DELTASCOPE_TRY(openStream(index));
    if (m_directory.size() != 2 * row.chunkCount)
      return fail(ErrorCode::Internal, "tensor " + printable(row.name) + ": chunks are missing");
    DELTASCOPE_TRY(m_file.writeAt(m_streamStart, std::as_bytes(std::span(m_directory))));
    m_streams.push_back({row.name, m_streamStart - m_headerSpace, m_position - m_headerSpace});
    row.zeroDeltas = stats.zeroDeltas;
    row.patches = stats.patches;
    row.rawTiles = stats.rawTiles;
  }
  row.finalHash = stats.finalHash;
  row.baseHash = stats.baseHash;
  m_streamOpen = false;
  ++m_next;
  return {};
}

Result<void> PayloadWriter::commit() {
  if (m_next != m_plan.manifest.tensors.size()) return fail(ErrorCode::Internal, "a payload tensor was not finished");
  if (m_models != m_plan.modelBytes.size()) return fail(ErrorCode::Internal, "a payload model was not written");
  if (m_companions != m_plan.manifest.companions.size())
    return fail(ErrorCode::Internal, "a payload companion was not written");
  DELTASCOPE_ASSIGN(std::string text, renderHeader(m_plan.manifest, m_streams));
  if (text.size() + 8 > m_headerSpace) return fail(ErrorCode::Internal, "the payload's header outgrew its space");
  text.resize(m_headerSpace - 8, ' ');
  const std::uint64_t length = text.size();
  DELTASCOPE_TRY(m_file.writeAt(0, std::as_bytes(std::span(&length, 1))));
  DELTASCOPE_TRY(m_file.writeAt(8, std::as_bytes(std::span(text))));
  return m_file.commit();
}

}  // namespace deltascope
