// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/adapter_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/base/ascii.h"
#include "core/checkpoint/foreign.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/json_events.h"
#include "core/checkpoint/python_json.h"

namespace deltascope {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLargestConfig = 16u << 20;
constexpr std::size_t kMostExpressions = 64;  // that need the regular expression engine; plain names are not counted
constexpr double kLargestRank = 1 << 20;

/// The keys of the object at the top-level key `name`, in the file's order, which json's sorted maps lose. Of a name that comes
/// twice the last counts, there too.
class KeyOrder : public JsonEvents {
 public:
  KeyOrder(const std::filesystem::path& path, std::string_view text, std::string_view name)
      : JsonEvents(path, text, 0), m_name(name) {}
  std::vector<std::string> keys;

  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(number_integer_t) { return true; }
  bool number_unsigned(number_unsigned_t) { return true; }
  bool number_float(number_float_t, const string_t&) { return true; }
  bool string(string_t&) { return true; }
  bool start_object(std::size_t) { return ++m_depth > 0; }
  bool start_array(std::size_t) { return ++m_depth > 0; }
  bool end_object() { return m_depth-- > 0; }
  bool end_array() { return m_depth-- > 0; }
  bool key(string_t& text) {
    if (m_depth == 1) m_inside = text == m_name;
    if (m_depth == 1 && m_inside) keys.clear();
    if (m_depth == 2 && m_inside) keys.push_back(std::move(text));
    return true;
  }

 private:
  std::string_view m_name;
  int m_depth = 0;
  bool m_inside = false;
};

/// PEFT writes null, false or something empty for what is not in use.
bool isSet(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  return !value.is_null() && !(value.is_structured() && value.empty()) &&
         !(value.is_string() && value.get_ref<const std::string&>().empty());
}

struct Refusal {
  std::string_view key, what;
};
constexpr std::array<Refusal, 8> kRefusals{{
    {"use_qalora", "QALoRA"},
    {"use_bdlora", "block-diagonal LoRA"},
    {"alora_invocation_tokens", "activated LoRA, which cannot be merged"},
    {"arrow_config", "Arrow routing, which cannot be merged"},
    {"kasa_config", "KaSA"},
    {"monteclora_config", "Monteclora"},
    {"velora_config", "VeLoRA"},
    {"layer_replication", "layer replication"},
}};
/// These change the base's weights before training, so the adapter belongs to another base than the one on disk.
constexpr std::array<std::string_view, 5> kBaseChangingInits{"pissa", "corda", "olora", "loftq", "lora_ga"};

constexpr std::string_view kTokensAlone = "TRAINABLE_TOKENS";

tl::unexpected<Error> refused(const std::filesystem::path& path, std::string_view key, std::string_view what,
                              std::string hint = {}) {
  return fail(ErrorCode::Unsupported, at({path, {}, {}}, std::string(key) + ": " + std::string(what) + " is not supported"),
              std::move(hint));
}

Result<void> refuseUnsupported(const json& config, const std::filesystem::path& path) {
  if (const auto type = config.find("peft_type");
      type != config.end() && isSet(*type) && *type != "LORA" && *type != kTokensAlone)
    return refused(path, "peft_type", type->is_string() ? printable(type->get_ref<const std::string&>(), 60) : "this type",
                   "merge it with PEFT and pack the merged checkpoint");
  for (const auto& [key, what] : kRefusals)
    if (const auto value = config.find(std::string(key)); value != config.end() && isSet(*value))
      return refused(path, key, what, "merge it with PEFT and pack the merged checkpoint");
  for (const auto& [key, value] : config.items())  // variants younger than this program
    if (key.starts_with("use_") && key != "use_rslora" && key != "use_dora" && isSet(value))
      return refused(path, printable(key, 60), "this variant", "merge it with PEFT and pack the merged checkpoint");
  const auto init = config.find("init_lora_weights");
  if (init == config.end() || !init->is_string()) return {};
  const std::string name = asciiLower(init->get_ref<const std::string&>());
  for (const auto& other : kBaseChangingInits)
    if (name.starts_with(other))
      return refused(path, "init_lora_weights", std::string(other) + ", which changes the base's weights,",
                     "save the adapter with path_initial_model_for_weight_conversion, or merge it with PEFT");
  return {};
}

Result<double> numberOf(const json& value, std::string_view key, double least, bool whole, const std::filesystem::path& path) {
  const double number = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(number >= least) || std::isinf(number) || (whole && (!value.is_number_integer() || number > kLargestRank)))
    return fail(ErrorCode::Corrupt, at({path, {}, {}}, printable(key) + (whole ? " is not a rank" : " is not a number")));
  return number;
}

Result<std::vector<ModulePattern>> patternsOf(const json& config, const std::string& name, bool ranks, std::string_view text,
                                              const std::filesystem::path& path) {
  std::vector<ModulePattern> patterns;
  const auto map = config.find(name);
  if (map == config.end() || map->is_null()) return patterns;
  if (!map->is_object()) return fail(ErrorCode::Corrupt, at({path, {}, {}}, name + " is not an object"));
  KeyOrder order(path, text, name);
  DELTASCOPE_TRY(scanJson(text, path, 0, order));
  std::size_t expressions = 0;
  for (const auto& key : order.keys) {
    DELTASCOPE_ASSIGN(const double value,
                      numberOf(map->at(key), name + " " + key, ranks ? 1 : std::numeric_limits<double>::lowest(), ranks, path));
    auto pattern = ModulePattern::parse(key, value);
    if (!pattern)
      return fail(pattern.error().code, at({path, {}, {}}, name + ": " + pattern.error().message), pattern.error().hint);
    if (pattern->code && ++expressions > kMostExpressions)
      return fail(ErrorCode::Unsupported, at({path, {}, {}}, name + " has more than 64 regular expressions"),
                  "write the modules' names in full");
    patterns.push_back(std::move(*pattern));
  }
  return patterns;
}

Result<TokenRows> rowsOf(std::string module, const json& list, const std::filesystem::path& path) {
  TokenRows tokens{std::move(module), {}};
  const auto wrong = [&] {
    return fail(ErrorCode::Corrupt, at({path, {}, {}}, "the indices of its trained tokens are no list of them"));
  };
  if (!list.is_array()) return wrong();
  for (const auto& row : list) {
    if (!row.is_number_unsigned()) return wrong();
    tokens.rows.push_back(row.get<std::uint64_t>());
  }
  auto sorted = tokens.rows;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return wrong();
  return tokens;
}

/// A list counts for the embedding, an object names modules. Trainable tokens without a LoRA have a key of their own.
Result<std::vector<TokenRows>> tokensOf(const json& config, const std::filesystem::path& path) {
  std::vector<TokenRows> tokens;
  for (const auto* name : {"trainable_token_indices", "token_indices"}) {
    const auto found = config.find(name);
    if (found == config.end() || !isSet(*found)) continue;
    if (found->is_object()) {
      for (const auto& [module, list] : found->items()) {
        DELTASCOPE_ASSIGN(auto one, rowsOf(module, list, path));
        tokens.push_back(std::move(one));
      }
    } else {
      DELTASCOPE_ASSIGN(auto one, rowsOf({}, *found, path));
      tokens.push_back(std::move(one));
    }
  }
  return tokens;
}

Result<std::vector<std::string>> namesOf(const json& config, const std::string& name, const std::filesystem::path& path) {
  std::vector<std::string> names;
  const auto list = config.find(name);
  if (list == config.end() || list->is_null()) return names;
  if (!list->is_array()) return fail(ErrorCode::Corrupt, at({path, {}, {}}, name + " is not a list"));
  for (const auto& one : *list) {
    if (!one.is_string()) return fail(ErrorCode::Corrupt, at({path, {}, {}}, name + " holds something other than names"));
    names.push_back(one.get<std::string>());
  }
  return names;
}

Result<bool> flagOf(const json& config, const std::string& name, const std::filesystem::path& path) {
  const auto value = config.find(name);
  if (value == config.end() || value->is_null()) return false;
  if (!value->is_boolean()) return fail(ErrorCode::Corrupt, at({path, {}, {}}, name + " is not true or false"));
  return value->get<bool>();
}

}  // namespace

Result<AdapterConfig> readAdapterConfig(const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(const auto text, readModelText(path, kLargestConfig));
  DELTASCOPE_ASSIGN(const auto config, parseJson(text, path));
  if (!config.is_object()) return fail(ErrorCode::Corrupt, at({path, {}, {}}, "is not a JSON object"));
  DELTASCOPE_TRY(refuseUnsupported(config, path));
  const std::string plain = replacePythonNumbers(text).text;
  AdapterConfig adapter;
  if (const auto rank = config.find("r"); rank != config.end()) {
    DELTASCOPE_ASSIGN(const double value, numberOf(*rank, "r", 1, true, path));
    adapter.rank = static_cast<std::uint64_t>(value);
  }
  if (const auto alpha = config.find("lora_alpha"); alpha != config.end()) {
    DELTASCOPE_ASSIGN(adapter.alpha, numberOf(*alpha, "lora_alpha", std::numeric_limits<double>::lowest(), false, path));
  }
  DELTASCOPE_ASSIGN(adapter.rankStabilized, flagOf(config, "use_rslora", path));
  DELTASCOPE_ASSIGN(adapter.dora, flagOf(config, "use_dora", path));
  DELTASCOPE_ASSIGN(adapter.fanInFanOut, flagOf(config, "fan_in_fan_out", path));
  DELTASCOPE_ASSIGN(adapter.modulesToSave, namesOf(config, "modules_to_save", path));
  DELTASCOPE_ASSIGN(adapter.targetParameters, namesOf(config, "target_parameters", path));
  DELTASCOPE_ASSIGN(adapter.rankPatterns, patternsOf(config, "rank_pattern", true, plain, path));
  DELTASCOPE_ASSIGN(adapter.alphaPatterns, patternsOf(config, "alpha_pattern", false, plain, path));
  DELTASCOPE_ASSIGN(adapter.tokens, tokensOf(config, path));
  return adapter;
}

Result<float> adapterScale(const AdapterConfig& config, std::string_view module, std::uint64_t rank) {
  DELTASCOPE_ASSIGN(const double alpha, patternValue(config.alphaPatterns, module, config.alpha));
  const auto r = static_cast<double>(rank);
  return static_cast<float>(alpha / (config.rankStabilized ? std::sqrt(r) : r));
}

}  // namespace deltascope
