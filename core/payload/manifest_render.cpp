// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/payload/fingerprint.h"
#include "core/payload/manifest.h"
#include "core/quant/base_format.h"

namespace deltascope {
namespace {

using nlohmann::json;

std::uint64_t thousandths(float bits) {
  if (!(bits > 0)) return 0;
  return static_cast<std::uint64_t>(std::clamp(std::llround(double(bits) * 1000), 1LL, 1'000'000LL));
}

void addCoded(const TensorStats& t, json& fields) {
  for (const std::uint64_t n : {t.chunkElements, t.zeroDeltas, t.patches, t.rawTiles}) fields.push_back(n);
  fields.push_back(t.model);
  fields.push_back(t.forced ? 1 : 0);
  for (std::size_t i = 0; i < kCodecCount; ++i) {
    if (const auto bits = thousandths(t.estimate[i]); bits > 0) {
      fields.push_back(i);
      fields.push_back(bits);
    }
  }
}

json row(const TensorStats& t) {
  json fields = json::array(
      {t.name, nameOf(t.dtype), t.shape, static_cast<int>(t.codec), static_cast<int>(t.base), t.baseBytes, toHex(t.finalHash)});
  const bool sameHash = t.base == BaseKind::None || t.baseHash == t.finalHash;
  fields.push_back(sameHash ? std::string() : toHex(t.baseHash));
  if (t.codec != CodecId::Identical) addCoded(t, fields);
  json tail;
  if (!t.baseShape.empty()) tail["base"] = t.baseShape;
  if (!t.baseName.empty()) tail["name"] = t.baseName;
  if (t.transposed) tail["transposed"] = true;
  if (!tail.is_null()) fields.push_back(std::move(tail));
  return fields;
}

/// `head`, then `rows` (ascending) as runs: first, count, first, count …
json runsOf(const std::string& head, const std::vector<std::size_t>& rows) {
  json runs = json::array({head});
  for (std::size_t i = 0; i < rows.size();) {
    std::size_t length = 1;
    while (i + length < rows.size() && rows[i + length] == rows[i] + length) ++length;
    runs.push_back(rows[i]);
    runs.push_back(length);
    i += length;
  }
  return runs;
}

json shardRuns(const Manifest& manifest) {
  std::map<std::string_view, std::size_t> rows;
  for (std::size_t i = 0; i < manifest.tensors.size(); ++i) rows.emplace(manifest.tensors[i].name, i);
  json all = json::array();
  for (const auto& [file, names] : manifest.shards) {
    std::vector<std::size_t> indices;
    for (const auto& name : names)
      if (const auto found = rows.find(name); found != rows.end()) indices.push_back(found->second);
    std::sort(indices.begin(), indices.end());
    all.push_back(runsOf(file, indices));
  }
  return all;
}

/// The states of four-bit bases: hash, first row, rows, first row, rows … Nothing where one is not known.
std::optional<json> stateRuns(const std::vector<TensorStats>& tensors) {
  std::map<Hash128, std::vector<std::size_t>> byState;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!formatOf(tensors[i].base).hasState()) continue;
    if (tensors[i].baseState == Hash128{}) return std::nullopt;
    byState[tensors[i].baseState].push_back(i);
  }
  if (byState.empty()) return std::nullopt;
  json all = json::array();
  for (const auto& [state, rows] : byState) all.push_back(runsOf(toHex(state), rows));
  return all;
}

json companionRows(const std::vector<Companion>& companions) {
  json rows = json::array();
  for (const auto& c : companions) rows.push_back({c.path, c.bytes, toHex(c.hash), c.compressed ? 1 : 0});
  return rows;
}

json headerRows(const FinalHeaders& headers) {
  json object{{"files", headers.files}};
  if (!headers.index.empty()) object["index"] = json::parse(headers.index);
  return object;
}

}  // namespace

int Manifest::version() const {
  int version = companions.empty() ? 1 : 2;
  for (const auto& t : tensors) {
    const int tail = t.transposed || !t.baseName.empty() ? 3 : (!t.baseShape.empty() ? 2 : 1);
    version = std::max({version, tail, formatOf(t.base).payloadVersion()});
  }
  return version;
}

std::string modelStreamName(std::size_t index) { return std::string(kReservedPrefix) + "model." + std::to_string(index); }

std::string companionStreamName(std::size_t index) {
  return std::string(kReservedPrefix) + "companion." + std::to_string(index);
}

std::string streamEntry(std::string_view name, std::uint64_t bytes, std::uint64_t begin, std::uint64_t end) {
  std::string text(",");
  text.append(json(name).dump()).append(":{\"dtype\":\"U8\",\"shape\":[").append(std::to_string(bytes));
  text.append("],\"data_offsets\":[").append(std::to_string(begin)).append(",").append(std::to_string(end)).append("]}");
  return text;
}

Result<std::string> renderHeader(const Manifest& manifest, std::span<const StreamRange> streams) try {
  json rows = json::array();
  for (const auto& tensor : manifest.tensors) rows.push_back(row(tensor));
  std::map<std::string, std::string> metadata{
      {"deltascope.version", std::to_string(manifest.version())},
      {"deltascope.base", baseFingerprint(manifest.tensors)},
      {"deltascope.fingerprint", fullFingerprint(manifest.tensors)},
      {"deltascope.manifest", rows.dump()},
      {"deltascope.facts", json(manifest.facts).dump()},
      {"deltascope.shards", shardRuns(manifest).dump()},
  };
  if (const auto states = stateRuns(manifest.tensors)) metadata.emplace("deltascope.states", states->dump());
  if (!manifest.companions.empty()) metadata.emplace("deltascope.companions", companionRows(manifest.companions).dump());
  if (manifest.headers) metadata.emplace("deltascope.headers", headerRows(*manifest.headers).dump());
  metadata.emplace("deltascope.checksum", metadataChecksum(metadata));
  std::string text = "{\"__metadata__\":" + json(metadata).dump();
  for (const auto& stream : streams) text.append(streamEntry(stream.name, stream.end - stream.begin, stream.begin, stream.end));
  text.append("}");
  return text;
} catch (const json::exception&) {
  return fail(ErrorCode::InvalidArgument, "the name of a tensor or companion, or a fact, is not UTF-8 text");
}

}  // namespace deltascope
