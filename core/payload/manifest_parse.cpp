// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/units.h"
#include "core/checkpoint/json.h"
#include "core/payload/fingerprint.h"
#include "core/payload/manifest.h"

namespace deltascope {
namespace {

using nlohmann::json;

constexpr std::size_t kIdenticalFields = 8;  // name … base hash
constexpr std::size_t kCodedFields = 14;     // … forced; estimates follow in pairs
constexpr std::size_t kMaxRank = 64;

struct Context {
  const std::filesystem::path& path;
  tl::unexpected<Error> corrupt(std::string_view tensor, std::string_view what) const {
    return fail(ErrorCode::Corrupt, at({path, std::string(tensor), std::nullopt}, what),
                "the payload is damaged; make it again");
  }
};

Result<std::string> text(const Context& context, const std::map<std::string, std::string>& metadata, const char* key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return context.corrupt({}, "no " + std::string(key) + " in the header: not a delta payload");
  return found->second;
}

Result<void> checkVersion(const Context& context, const std::string& version) {
  int number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  if (error != std::errc() || end != version.data() + version.size() || number < 1)
    return context.corrupt({}, "the payload version \"" + version.substr(0, 20) + "\" is not a number");
  if (number != kPayloadVersion)
    return fail(ErrorCode::Unsupported, at({context.path, {}, std::nullopt}, "payload version " + version + " is not known"),
                "this program reads version " + std::to_string(kPayloadVersion) + "; use a newer one");
  return {};
}

Result<void> readShape(const Context& context, const json& field, TensorStats& t) {
  if (!field.is_array() || field.size() > kMaxRank) return context.corrupt(t.name, "bad shape in the manifest");
  std::optional<std::uint64_t> elements = 1;
  for (const auto& dimension : field) {
    if (!dimension.is_number_unsigned()) return context.corrupt(t.name, "bad shape in the manifest");
    t.shape.push_back(dimension.get<std::uint64_t>());
  }
  const bool empty = std::find(t.shape.begin(), t.shape.end(), 0u) != t.shape.end();
  for (const std::uint64_t dimension : t.shape) elements = elements ? checkedMul(*elements, dimension) : std::nullopt;
  if (empty) elements = 0;
  const auto bits = elements ? checkedMul(*elements, bitsOf(t.dtype)) : std::nullopt;
  if (!bits) return context.corrupt(t.name, "the shape's size overflows");
  t.elements = *elements;
  t.finalBytes = ceilDiv(*bits, 8);
  return {};
}

Result<void> readHashes(const Context& context, const json& finalField, const json& baseField, TensorStats& t) {
  if (!finalField.is_string() || !baseField.is_string()) return context.corrupt(t.name, "bad hash in the manifest");
  const auto finalHash = hashFromHex(finalField.get_ref<const std::string&>());
  if (!finalHash) return context.corrupt(t.name, "bad hash in the manifest");
  t.finalHash = *finalHash;
  const auto& baseText = baseField.get_ref<const std::string&>();
  if (t.base == BaseKind::None)
    return baseText.empty() ? Result<void>() : context.corrupt(t.name, "a base hash without a base");
  const auto baseHash = baseText.empty() ? finalHash : hashFromHex(baseText);
  if (!baseHash) return context.corrupt(t.name, "bad base hash in the manifest");
  t.baseHash = *baseHash;
  return {};
}

Result<void> readCoded(const Context& context, const json& row, TensorStats& t) {
  for (std::size_t i = kIdenticalFields; i < row.size(); ++i) {
    const bool modelField = i == kIdenticalFields + 4;
    if (!(modelField ? row[i].is_number_integer() : row[i].is_number_unsigned()))
      return context.corrupt(t.name, "field " + std::to_string(i) + " of the manifest is not a number");
  }
  t.chunkElements = row[8].get<std::uint64_t>();
  t.zeroDeltas = row[9].get<std::uint64_t>();
  t.patches = row[10].get<std::uint64_t>();
  t.rawTiles = row[11].get<std::uint64_t>();
  const auto model = row[12].get<std::int64_t>();
  t.forced = row[13].get<std::uint64_t>() != 0;
  if (t.chunkElements == 0 || t.chunkElements % kTileElements != 0)
    return context.corrupt(t.name, "chunks of " + std::to_string(t.chunkElements) + " elements: not a multiple of 4096");
  if (t.zeroDeltas > t.elements || t.patches > t.elements || t.rawTiles > t.elements)
    return context.corrupt(t.name, "a count in the manifest exceeds the tensor's elements");
  if (model < -1 || model > std::numeric_limits<int>::max()) return context.corrupt(t.name, "bad model index");
  t.model = static_cast<int>(model);
  t.chunkCount = ceilDiv(t.elements, t.chunkElements);
  for (std::size_t i = kCodedFields; i < row.size(); i += 2) {
    const auto codec = row[i].get<std::uint64_t>();
    const auto bits = row[i + 1].get<std::uint64_t>();
    if (codec >= kCodecCount || bits == 0 || bits > 1'000'000) return context.corrupt(t.name, "bad estimate in the manifest");
    t.estimate[codec] = static_cast<float>(static_cast<double>(bits) / 1000);
  }
  return {};
}

Result<TensorStats> readRow(const Context& context, const json& row) {
  TensorStats t;
  if (!row.is_array() || row.size() < kIdenticalFields || !row[0].is_string())
    return context.corrupt({}, "a row of the manifest is too short");
  t.name = row[0].get<std::string>();
  const auto dtype = row[1].is_string() ? dtypeFromName(row[1].get_ref<const std::string&>()) : std::nullopt;
  if (!dtype) return context.corrupt(t.name, "unknown element type in the manifest");
  t.dtype = *dtype;
  DELTASCOPE_TRY(readShape(context, row[2], t));
  for (const std::size_t i : {3, 4, 5})
    if (!row[i].is_number_unsigned())
      return context.corrupt(t.name, "field " + std::to_string(i) + " of the manifest is not a number");
  const auto codec = row[3].get<std::uint64_t>();
  const auto base = row[4].get<std::uint64_t>();
  if (codec >= kCodecCount) return context.corrupt(t.name, "unknown codec " + std::to_string(codec));
  if (base > static_cast<std::uint64_t>(BaseKind::Int8))
    return context.corrupt(t.name, "unknown kind of base " + std::to_string(base));
  t.codec = static_cast<CodecId>(codec);
  t.base = static_cast<BaseKind>(base);
  t.baseBytes = row[5].get<std::uint64_t>();
  if (t.base >= BaseKind::Nf4 && !isCodedFloat(t.dtype))
    return context.corrupt(t.name, "a quantized base of this element type");
  DELTASCOPE_TRY(readHashes(context, row[6], row[7], t));
  if (t.codec == CodecId::Identical) {
    if (row.size() != kIdenticalFields) return context.corrupt(t.name, "the row of the manifest is too long");
    if (t.base == BaseKind::None && t.elements != 0) return context.corrupt(t.name, "identical without a base");
    t.zeroDeltas = t.elements;
    return t;
  }
  if (row.size() < kCodedFields || (row.size() - kCodedFields) % 2 != 0)
    return context.corrupt(t.name, "the row of the manifest has a wrong length");
  DELTASCOPE_TRY(readCoded(context, row, t));
  return t;
}

Result<std::vector<TensorStats>> readRows(const Context& context, const json& rows) {
  if (!rows.is_array()) return context.corrupt({}, "the manifest is not a list");
  std::vector<TensorStats> tensors;
  tensors.reserve(rows.size());
  std::set<std::string_view> names;
  for (const auto& row : rows) {
    DELTASCOPE_ASSIGN(TensorStats t, readRow(context, row));
    if (t.name.starts_with(kReservedPrefix))
      return context.corrupt(t.name, "a tensor's name may not start with \"deltascope.\"");
    tensors.push_back(std::move(t));
    if (!names.insert(tensors.back().name).second)
      return context.corrupt(tensors.back().name, "the name occurs twice in the manifest");
  }
  return tensors;
}

bool isPlainFileName(const std::string& name) {
  return name.ends_with(".safetensors") && name.size() <= 255 &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos && name.front() != '.';
}

Result<ShardLayout> readShards(const Context& context, const json& list, const std::vector<TensorStats>& tensors) {
  ShardLayout shards;
  if (!list.is_array()) return context.corrupt({}, "the shard list is not a list");
  std::vector<bool> placed(tensors.size(), false);
  std::set<std::string> files;
  for (const auto& one : list) {
    if (!one.is_array() || one.empty() || !one[0].is_string() || one.size() % 2 != 1)
      return context.corrupt({}, "bad entry in the shard list");
    auto file = one[0].get<std::string>();
    if (!isPlainFileName(file) || !files.insert(file).second)
      return context.corrupt({}, "bad file name in the shard list: " + file.substr(0, 80));
    std::vector<std::string> names;
    for (std::size_t i = 1; i < one.size(); i += 2) {
      if (!one[i].is_number_unsigned() || !one[i + 1].is_number_unsigned())
        return context.corrupt({}, "bad run in the shard list");
      const auto start = one[i].get<std::uint64_t>(), count = one[i + 1].get<std::uint64_t>();
      if (start > tensors.size() || count > tensors.size() - start)
        return context.corrupt({}, "a shard holds rows that the manifest lacks");
      for (std::uint64_t r = start; r < start + count; ++r) {
        if (placed[r]) return context.corrupt(tensors[r].name, "the tensor is in two shards");
        placed[r] = true;
        names.push_back(tensors[r].name);
      }
    }
    shards.emplace_back(std::move(file), std::move(names));
  }
  if (!shards.empty())
    if (const auto lost = std::find(placed.begin(), placed.end(), false); lost != placed.end())
      return context.corrupt(tensors[static_cast<std::size_t>(lost - placed.begin())].name, "the tensor is in no shard");
  return shards;
}

}  // namespace

Result<Manifest> parseManifest(const std::map<std::string, std::string>& metadata, const std::filesystem::path& path) {
  const Context context{path};
  DELTASCOPE_ASSIGN(const std::string version, text(context, metadata, "deltascope.version"));
  DELTASCOPE_TRY(checkVersion(context, version));
  DELTASCOPE_ASSIGN(const std::string checksum, text(context, metadata, "deltascope.checksum"));
  if (checksum != metadataChecksum(metadata)) return context.corrupt({}, "the manifest does not match its checksum");
  DELTASCOPE_ASSIGN(const std::string rowsText, text(context, metadata, "deltascope.manifest"));
  DELTASCOPE_ASSIGN(const std::string factsText, text(context, metadata, "deltascope.facts"));
  DELTASCOPE_ASSIGN(const std::string shardsText, text(context, metadata, "deltascope.shards"));
  DELTASCOPE_ASSIGN(const json rows, parseJson(rowsText, path));
  DELTASCOPE_ASSIGN(const json facts, parseJson(factsText, path));
  DELTASCOPE_ASSIGN(const json shards, parseJson(shardsText, path));
  Manifest manifest;
  DELTASCOPE_ASSIGN(manifest.tensors, readRows(context, rows));
  if (!facts.is_object()) return context.corrupt({}, "the facts are not an object");
  for (const auto& [key, value] : facts.items()) {
    if (!value.is_string()) return context.corrupt({}, "the fact " + key.substr(0, 80) + " is not text");
    manifest.facts.emplace(key, value.get<std::string>());
  }
  DELTASCOPE_ASSIGN(manifest.shards, readShards(context, shards, manifest.tensors));
  DELTASCOPE_ASSIGN(const std::string fingerprint, text(context, metadata, "deltascope.base"));
  if (fingerprint != baseFingerprint(manifest.tensors))
    return context.corrupt({}, "the base fingerprint does not match the manifest");
  return manifest;
}

}  // namespace deltascope
