// SPDX-License-Identifier: Apache-2.0
// The manifest's rows.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/units.h"
#include "core/codec/expansion.h"
#include "core/payload/manifest_parse.h"

namespace deltascope {
namespace {

using nlohmann::json;

constexpr std::size_t kIdenticalFields = 8;  // name … base hash
constexpr std::size_t kCodedFields = 14;     // … forced; estimates follow in pairs
constexpr std::size_t kMaxRank = 64;

Result<void> readShape(const ManifestPlace& context, const json& field, TensorStats& t) {
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

Result<void> readHashes(const ManifestPlace& context, const json& finalField, const json& baseField, TensorStats& t) {
  if (!finalField.is_string() || !baseField.is_string()) return context.corrupt(t.name, "bad hash in the manifest");
  const auto finalHash = readHash(finalField.get_ref<const std::string&>());
  if (!finalHash) return context.corrupt(t.name, "bad hash in the manifest");
  t.finalHash = *finalHash;
  const auto& baseText = baseField.get_ref<const std::string&>();
  if (t.base == BaseKind::None)
    return baseText.empty() ? Result<void>() : context.corrupt(t.name, "a base hash without a base");
  const auto baseHash = baseText.empty() ? finalHash : readHash(baseText);
  if (!baseHash) return context.corrupt(t.name, "bad base hash in the manifest");
  t.baseHash = *baseHash;
  return {};
}

Result<void> readCoded(const ManifestPlace& context, const json& row, TensorStats& t) {
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
  if (row[13].get<std::uint64_t>() > 1) return context.corrupt(t.name, "field 13 of the manifest is neither 0 nor 1");
  t.forced = row[13].get<std::uint64_t>() != 0;
  if (t.chunkElements == 0 || t.chunkElements % kTileElements != 0)
    return context.corrupt(t.name, "chunks of " + std::to_string(t.chunkElements) + " elements: not a multiple of 4096");
  if (t.zeroDeltas > t.elements || t.patches > t.elements || t.rawTiles > t.elements)
    return context.corrupt(t.name, "a count in the manifest exceeds the tensor's elements");
  if (model < -1 || model > std::numeric_limits<int>::max()) return context.corrupt(t.name, "bad model index");
  t.model = static_cast<int>(model);
  t.chunkCount = ceilDiv(t.elements, t.chunkElements);
  if (std::min(t.elements, t.chunkElements) > kMostChunkBytes * 8 / bitsOf(t.dtype))
    return context.corrupt(t.name, "chunks of " + std::to_string(t.chunkElements) + " elements: larger than 16 GiB");
  for (std::size_t i = kCodedFields; i < row.size(); i += 2) {
    const auto codec = row[i].get<std::uint64_t>();
    const auto bits = row[i + 1].get<std::uint64_t>();
    if (bits == 0 || bits > 1'000'000) return context.corrupt(t.name, "bad estimate in the manifest");
    if (codec >= kCodecCount) continue;  // a codec that only newer programs consider
    t.estimate[codec] = static_cast<float>(static_cast<double>(bits) / 1000);
  }
  return {};
}

Result<void> readBaseShape(const ManifestPlace& context, const json& value, TensorStats& t) {
  if (!value.is_array() || value.size() != t.shape.size() || value.empty() || t.base == BaseKind::None)
    return context.corrupt(t.name, "bad shape of the base in the manifest");
  for (const auto& dimension : value) {
    if (!dimension.is_number_unsigned()) return context.corrupt(t.name, "bad shape of the base in the manifest");
    t.baseShape.push_back(dimension.get<std::uint64_t>());
  }
  if (!mayGrow(t.baseShape, t.shape))
    return context.corrupt(t.name, "the base's shape in the manifest does not fit the final's");
  return {};
}

Result<void> readBaseName(const ManifestPlace& context, const json& value, TensorStats& t) {
  if (value.is_string()) t.baseName = value.get<std::string>();
  if (t.baseName.empty() || t.baseName == t.name || t.base == BaseKind::None)
    return context.corrupt(t.name, "bad name of the base's tensor in the manifest");
  return {};
}

Result<void> readTransposed(const ManifestPlace& context, const json& tail, TensorStats& t) {
  if (tail.at("transposed") != true || t.base == BaseKind::None || t.shape.size() != 2 || t.elements == 0 ||
      bitsOf(t.dtype) % 8 != 0 || tail.contains("base"))
    return context.corrupt(t.name, "a row of the manifest cannot be transposed");
  t.transposed = true;
  return {};
}

/// What a row may end in: "base" from version 2 on, "name" and "transposed" from version 3 on.
Result<void> readTail(const ManifestPlace& context, const json& tail, TensorStats& t) {
  if (tail.empty()) return context.corrupt(t.name, "a row of the manifest ends in nothing");
  for (const auto& [key, value] : tail.items()) {
    if (key == "base") {
      DELTASCOPE_TRY(readBaseShape(context, value, t));
    } else if (key == "name" && context.version >= 3) {
      DELTASCOPE_TRY(readBaseName(context, value, t));
    } else if (key == "transposed" && context.version >= 3) {
      DELTASCOPE_TRY(readTransposed(context, tail, t));
    } else {
      return context.newer(t.name, "a row with \"" + printable(key, 40) + "\"");
    }
  }
  return {};
}

Result<TensorStats> readRow(const ManifestPlace& context, json row) {
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
  if (codec >= kCodecCount) return context.newer(t.name, "codec " + std::to_string(codec));
  const auto kind = baseKindFromNumber(base);
  if (!kind) return context.newer(t.name, "a base of kind " + std::to_string(base));
  t.codec = static_cast<CodecId>(codec);
  t.base = *kind;
  t.baseBytes = row[5].get<std::uint64_t>();
  if (isQuantized(t.base) && !isCodedFloat(t.dtype)) return context.corrupt(t.name, "a quantized base of this element type");
  DELTASCOPE_TRY(readHashes(context, row[6], row[7], t));
  if (context.version >= 2 && row.back().is_object()) {
    DELTASCOPE_TRY(readTail(context, row.back(), t));
    row.erase(row.size() - 1);
  }
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

}  // namespace

bool mayGrow(const std::vector<std::uint64_t>& base, const std::vector<std::uint64_t>& final) {
  if (base.size() < 2 || base.size() != final.size() || !std::equal(base.begin() + 1, base.end(), final.begin() + 1))
    return false;
  if (base == final || std::ranges::find(base, 0u) != base.end() || final.front() == 0) return false;
  return (final.front() - 1) / kMostGrowth < base.front();
}

Result<std::vector<TensorStats>> readRows(const ManifestPlace& context, const json& rows) {
  if (!rows.is_array()) return context.corrupt({}, "the manifest is not a list");
  std::vector<TensorStats> tensors;
  tensors.reserve(rows.size());
  std::set<std::string, std::less<>> names;
  for (const auto& row : rows) {
    DELTASCOPE_ASSIGN(TensorStats t, readRow(context, row));
    if (t.name.starts_with(kReservedPrefix))
      return context.corrupt(t.name, "a tensor's name may not start with \"deltascope.\"");
    if (!names.insert(t.name).second) return context.corrupt(t.name, "the name occurs twice in the manifest");
    tensors.push_back(std::move(t));
  }
  return tensors;
}

}  // namespace deltascope
