// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "core/checkpoint/json.h"
#include "core/payload/fingerprint.h"
#include "core/payload/manifest_parse.h"
#include "core/quant/base_format.h"

namespace deltascope {
namespace {

using nlohmann::json;

Result<std::string> text(const ManifestPlace& context, const std::map<std::string, std::string>& metadata, const char* key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return context.corrupt({}, "no " + std::string(key) + " in the header: not a delta payload");
  return found->second;
}

/// "1", "2": digits as they are written, not 01 or +1.
Result<int> readVersion(const ManifestPlace& context, const std::string& version) {
  const bool digits = !version.empty() && version.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || version.front() == '0')
    return context.corrupt({}, "the payload version \"" + printable(version, 20) + "\" is not a number");
  int number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  if (error != std::errc() || number > kPayloadVersion) return context.newer({}, "payload version " + printable(version, 20));
  return number;
}

bool isPlainFileName(const std::string& name) {
  return name.ends_with(".safetensors") && name.size() <= 255 &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos && name.front() != '.';
}

/// A text, and the rows that it is said of, which no other entry has.
struct Run {
  std::string head;
  std::vector<std::size_t> rows;
};

/// The entries of a list `[text, first row, rows, first row, rows …]`. `what`: of an entry, for messages.
Result<std::vector<Run>> readRuns(const ManifestPlace& context, const json& list, const std::vector<TensorStats>& tensors,
                                  const std::string& what) {
  if (!list.is_array()) return context.corrupt({}, "the list of " + what + "s is not a list");
  std::vector<Run> runs;
  std::vector<bool> placed(tensors.size(), false);
  for (const auto& one : list) {
    if (!one.is_array() || one.empty() || !one[0].is_string() || one.size() % 2 != 1)
      return context.corrupt({}, "bad entry in the list of " + what + "s");
    Run run{one[0].get<std::string>(), {}};
    for (std::size_t i = 1; i < one.size(); i += 2) {
      if (!one[i].is_number_unsigned() || !one[i + 1].is_number_unsigned())
        return context.corrupt({}, "bad run in the list of " + what + "s");
      const auto start = one[i].get<std::uint64_t>(), count = one[i + 1].get<std::uint64_t>();
      if (start > tensors.size() || count > tensors.size() - start)
        return context.corrupt({}, "a " + what + " holds rows that the manifest lacks");
      for (std::uint64_t r = start; r < start + count; ++r) {
        if (placed[r]) return context.corrupt(tensors[r].name, "the tensor is in two " + what + "s");
        placed[r] = true;
        run.rows.push_back(r);
      }
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

Result<ShardLayout> readShards(const ManifestPlace& context, const json& list, const std::vector<TensorStats>& tensors) {
  DELTASCOPE_ASSIGN(const auto runs, readRuns(context, list, tensors, "shard"));
  ShardLayout shards;
  std::set<std::string> files;
  std::size_t placed = 0;
  for (const auto& run : runs) {
    if (!isPlainFileName(run.head) || !files.insert(run.head).second)
      return context.corrupt({}, "bad file name in the list of shards: " + printable(run.head, 80));
    std::vector<std::string> names;
    for (const std::size_t row : run.rows) names.push_back(tensors[row].name);
    placed += names.size();
    shards.emplace_back(run.head, std::move(names));
  }
  if (!shards.empty() && placed != tensors.size()) return context.corrupt({}, "a tensor is in no shard");
  return shards;
}

/// What older files do not say, and other versions need not.
Result<void> readStates(const ManifestPlace& context, const std::map<std::string, std::string>& metadata,
                        std::vector<TensorStats>& tensors) {
  const auto found = metadata.find("deltascope.states");
  if (found == metadata.end()) return {};
  DELTASCOPE_ASSIGN(const json list, parseJson(found->second, context.path));
  DELTASCOPE_ASSIGN(const auto runs, readRuns(context, list, tensors, "quantization state"));
  for (const auto& run : runs) {
    const auto hash = readHash(run.head);
    if (!hash) return context.corrupt({}, "bad hash of a quantization state");
    for (const std::size_t row : run.rows) {
      if (!formatOf(tensors[row].base).hasState())
        return context.corrupt(tensors[row].name, "a quantization state without a four-bit base");
      tensors[row].baseState = *hash;
    }
  }
  for (const auto& t : tensors)
    if (formatOf(t.base).hasState() && t.baseState == Hash128{})
      return context.corrupt(t.name, "its quantization state is missing");
  return {};
}

/// Facts are for display: what is there must be readable, none need be there.
Result<std::map<std::string, std::string>> readFacts(const ManifestPlace& context,
                                                     const std::map<std::string, std::string>& metadata) {
  std::map<std::string, std::string> facts;
  const auto found = metadata.find("deltascope.facts");
  if (found == metadata.end()) return facts;
  DELTASCOPE_ASSIGN(const json object, parseJson(found->second, context.path, JsonRules::Strict));
  if (!object.is_object()) return context.corrupt({}, "the facts are not an object");
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) return context.corrupt({}, "the fact " + printable(key, 80) + " is not text");
    facts.emplace(key, value.get<std::string>());
  }
  return facts;
}

/// What older files do not say, and other versions need not.
Result<std::optional<FinalHeaders>> readHeaders(const ManifestPlace& context,
                                                const std::map<std::string, std::string>& metadata, const ShardLayout& shards) {
  const auto found = metadata.find("deltascope.headers");
  if (found == metadata.end()) return std::nullopt;
  DELTASCOPE_ASSIGN(const json object, parseJson(found->second, context.path, JsonRules::Strict));
  const auto files = object.is_object() ? object.find("files") : object.end();
  if (files == object.end() || !files->is_array() || files->size() != shards.size())
    return context.corrupt({}, "the list of headers is not one for each shard");
  FinalHeaders headers;
  for (const auto& file : *files) {
    if (!file.is_object()) return context.corrupt({}, "the header of a shard is not an object");
    auto& texts = headers.files.emplace_back();
    for (const auto& [key, value] : file.items()) {
      if (!value.is_string())
        return context.corrupt({}, "the entry " + printable(key, 80) + " of a shard's header is not text");
      texts.emplace(key, value.get<std::string>());
    }
  }
  if (const auto index = object.find("index"); index != object.end()) {
    if (!index->is_object()) return context.corrupt({}, "the index's own entry among the headers is not an object");
    headers.index = index->dump();
  }
  return headers;
}

Result<std::vector<Companion>> readCompanions(const ManifestPlace& context, const std::map<std::string, std::string>& metadata,
                                              const ShardLayout& shards) {
  std::vector<Companion> companions;
  const auto found = metadata.find("deltascope.companions");
  if (context.version < 2 || found == metadata.end()) return companions;
  DELTASCOPE_ASSIGN(const json list, parseJson(found->second, context.path, JsonRules::Strict));
  if (!list.is_array()) return context.corrupt({}, "the list of companions is not a list");
  for (const auto& row : list) {
    const bool fits = row.is_array() && row.size() == 4 && row[0].is_string() && row[1].is_number_unsigned() &&
                      row[2].is_string() && row[3].is_number_unsigned();
    if (!fits) return context.corrupt({}, "bad entry in the list of companions");
    Companion companion;
    companion.path = row[0].get<std::string>();
    companion.bytes = row[1].get<std::uint64_t>();
    const auto hash = readHash(row[2].get_ref<const std::string&>());
    const auto form = row[3].get<std::uint64_t>();
    if (!hash || companion.bytes > kMostCompanionBytes)
      return context.corrupt(companion.path, "bad size or hash in the list of companions");
    if (form > 1) return context.newer(companion.path, "a companion of form " + std::to_string(form));
    companion.hash = *hash;
    companion.compressed = form == 1;
    companions.push_back(std::move(companion));
  }
  std::vector<std::string> files;
  for (const auto& [file, names] : shards) files.push_back(file);
  if (const auto bad = firstMisplaced(companions, files))
    return context.corrupt({}, "bad file name in the list of companions: " + printable(companions[*bad].path, 80));
  return companions;
}

}  // namespace

tl::unexpected<Error> ManifestPlace::corrupt(std::string_view tensor, std::string_view what) const {
  return fail(ErrorCode::Corrupt, at({path, std::string(tensor), std::nullopt}, what), "the payload is damaged; make it again");
}

tl::unexpected<Error> ManifestPlace::newer(std::string_view tensor, std::string_view what) const {
  return fail(ErrorCode::Unsupported,
              at({path, std::string(tensor), std::nullopt}, "needs a newer deltascope: " + std::string(what)),
              "this program reads payloads up to version " + std::to_string(kPayloadVersion));
}

std::optional<Hash128> readHash(const std::string& text) {
  const auto hash = hashFromHex(text);
  return hash && toHex(*hash) == text ? hash : std::nullopt;
}

Result<Manifest> parseManifest(const std::map<std::string, std::string>& metadata, const std::filesystem::path& path) {
  ManifestPlace context{path, 0};
  DELTASCOPE_ASSIGN(const std::string version, text(context, metadata, "deltascope.version"));
  DELTASCOPE_ASSIGN(context.version, readVersion(context, version));
  DELTASCOPE_ASSIGN(const std::string checksum, text(context, metadata, "deltascope.checksum"));
  if (checksum != metadataChecksum(metadata)) return context.corrupt({}, "the manifest does not match its checksum");
  DELTASCOPE_ASSIGN(const std::string rowsText, text(context, metadata, "deltascope.manifest"));
  DELTASCOPE_ASSIGN(const std::string shardsText, text(context, metadata, "deltascope.shards"));
  DELTASCOPE_ASSIGN(const json rows, parseJson(rowsText, path, JsonRules::Strict));
  DELTASCOPE_ASSIGN(const json shards, parseJson(shardsText, path, JsonRules::Strict));
  Manifest manifest;
  manifest.fileVersion = context.version;
  DELTASCOPE_ASSIGN(manifest.tensors, readRows(context, rows));
  DELTASCOPE_TRY(readStates(context, metadata, manifest.tensors));
  DELTASCOPE_ASSIGN(manifest.facts, readFacts(context, metadata));
  DELTASCOPE_ASSIGN(manifest.shards, readShards(context, shards, manifest.tensors));
  DELTASCOPE_ASSIGN(manifest.headers, readHeaders(context, metadata, manifest.shards));
  DELTASCOPE_ASSIGN(manifest.companions, readCompanions(context, metadata, manifest.shards));
  DELTASCOPE_ASSIGN(const std::string fingerprint, text(context, metadata, "deltascope.base"));
  const auto full = metadata.find("deltascope.fingerprint");
  const bool fullFits = full == metadata.end() || full->second == fullFingerprint(manifest.tensors);
  if (fingerprint != baseFingerprint(manifest.tensors) || !fullFits)
    return context.corrupt({}, "the base fingerprint does not match the manifest");
  return manifest;
}

}  // namespace deltascope
