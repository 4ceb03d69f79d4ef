// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Small payloads, made on the spot, and ways to damage them.
#include <QString>
#include <QTemporaryDir>
#include <QtTest>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "core/base/units.h"
#include "core/codec/lowrank.h"
#include "core/payload/fingerprint.h"
#include "core/payload/writer.h"

namespace deltascope::test {

namespace fs = std::filesystem;

template <class T>
T take(Result<T> result) {
  if (!result) qFatal("%s", describe(result.error()).c_str());
  return std::move(*result);
}
inline void take(Result<void> result) {
  if (!result) qFatal("%s", describe(result.error()).c_str());
}

inline std::vector<std::byte> randomBytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

/// A row for a tensor of BF16 with what a plan knows of it.
inline TensorStats row(const std::string& name, std::vector<std::uint64_t> shape, CodecId codec, BaseKind base) {
  TensorStats t;
  t.name = name;
  t.shape = std::move(shape);
  t.elements = 1;
  for (const auto side : t.shape) t.elements *= side;
  t.finalBytes = 2 * t.elements;
  t.codec = codec;
  t.base = base;
  t.baseBytes = base == BaseKind::None ? 0 : t.finalBytes;
  t.chunkElements = 2 * kTileElements;
  return t;
}

inline ModelPtr tinyLowRank() {
  LowRankTerm term{.dtype = DType::F32, .rank = 1, .scale = 1, .a = randomBytes(8, 1), .b = randomBytes(12, 2)};
  return take(makeLowRankModel(3, 2, false, {term}));
}

/// What writePayload puts into the chunks of a tensor.
inline std::vector<std::byte> chunkBytes(std::size_t tensor, std::uint64_t chunk) {
  return randomBytes(7 * chunk + tensor, static_cast<unsigned>(100 * tensor + chunk));
}

/// Five tensors: raw in three chunks, identical, low-rank with a model, without elements, with an awkward name.
inline PayloadPlan smallPlan() {
  PayloadPlan plan;
  auto& tensors = plan.manifest.tensors;
  tensors = {row("a.weight", {5, 4096}, CodecId::Raw, BaseKind::Nf4), row("b.norm", {64}, CodecId::Identical, BaseKind::Same),
             row("c.lora", {3, 2}, CodecId::LowRank, BaseKind::Same),
             row("d.empty", {0, 4}, CodecId::Identical, BaseKind::None),
             row("e \"quoted\" \\ ünïcode\n", {1}, CodecId::Zstd, BaseKind::None)};
  tensors[0].estimate[static_cast<std::size_t>(CodecId::Raw)] = 16;
  tensors[0].estimate[static_cast<std::size_t>(CodecId::Entropy)] = 16.125F;
  tensors[2].model = 0;
  tensors[4].forced = true;
  plan.modelBytes = {tinyLowRank()->serialize().size()};
  plan.streamBounds = {5 * 8192, 0, 64, 0, 64};
  plan.manifest.facts = {{"tool", "deltascope test"}, {"base", "\"b\""}};
  plan.manifest.shards = {{"model-1.safetensors", {"a.weight", "c.lora", "d.empty"}},
                          {"model-2.safetensors", {"b.norm", "e \"quoted\" \\ ünïcode\n"}}};
  return plan;
}

/// Writes every tensor of `rows`, as smallPlan() has them.
inline void fillTensors(PayloadWriter& writer, const std::vector<TensorStats>& rows) {
  for (std::size_t t = 0; t < rows.size(); ++t) {
    TensorStats stats = rows[t];
    stats.finalHash = {t + 1, 2};
    stats.baseHash = t == 1 ? stats.finalHash : Hash128{t + 10, 3};
    stats.zeroDeltas = stats.elements / 3;
    stats.patches = std::min<std::uint64_t>(t, stats.elements);
    stats.rawTiles = stats.elements / 4096;
    const auto chunks = stats.codec == CodecId::Identical ? 0 : ceilDiv(stats.elements, stats.chunkElements);
    for (std::uint64_t c = 0; c < chunks; ++c) take(writer.appendChunk(t, chunkBytes(t, c)));
    take(writer.finishTensor(t, stats));
  }
}

inline PayloadWriter filledWriter(const fs::path& path) {
  auto plan = smallPlan();
  const auto rows = plan.manifest.tensors;
  auto writer = take(PayloadWriter::create(path, std::move(plan)));
  take(writer.writeModel(0, tinyLowRank()->serialize()));
  fillTensors(writer, rows);
  return writer;
}

inline fs::path writeSmallPayload(const QTemporaryDir& folder, const char* name = "small.delta.safetensors") {
  const fs::path path = fs::path(folder.path().toStdString()) / name;
  auto writer = filledWriter(path);
  take(writer.commit());
  return path;
}

inline std::string readAll(const fs::path& path) { return take(readTextFile(path)); }

inline void writeAll(const fs::path& path, const std::string& bytes) {
  fs::remove(path);  // ext4 flushes a file that is truncated and written again
  QFile file(QString::fromStdString(path.string()));
  if (!file.open(QIODevice::WriteOnly) || file.write(bytes.data(), static_cast<qint64>(bytes.size())) < 0)
    qFatal("cannot write %s", path.c_str());
}

/// The file with another header: its JSON edited, the checksum made right again.
inline std::string withHeader(const std::string& file, const std::function<void(nlohmann::json&)>& edit) {
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  auto header = nlohmann::json::parse(file.substr(8, length));
  edit(header);
  auto metadata = header["__metadata__"].get<std::map<std::string, std::string>>();
  header["__metadata__"]["deltascope.checksum"] = metadataChecksum(metadata);
  std::string text = header.dump();
  text.resize(roundUp(text.size() + 8, 16) - 8, ' ');
  const std::uint64_t size = text.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &size, 8);
  return out + text + file.substr(8 + length);
}

/// Edits one JSON text inside `__metadata__`.
inline std::function<void(nlohmann::json&)> inMetadata(const char* key, const std::function<void(nlohmann::json&)>& edit) {
  return [key, edit](nlohmann::json& header) {
    auto inner = nlohmann::json::parse(header["__metadata__"][key].get<std::string>());
    edit(inner);
    header["__metadata__"][key] = inner.dump();
  };
}

}  // namespace deltascope::test
