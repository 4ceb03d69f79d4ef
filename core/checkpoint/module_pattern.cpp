// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/checkpoint/adapter_config.h"

namespace deltascope {
namespace {

constexpr std::size_t kLongestExpression = 4096;
constexpr std::uint32_t kMostSteps = 10'000;  // an expression comes from a file: it may be slow on purpose

PCRE2_SPTR bytesOf(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

bool isNameByte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }

bool matchesPlain(std::string_view key, std::string_view module) {
  const bool whole = key.starts_with('^');
  if (whole) key.remove_prefix(1);
  if (key.size() > module.size() || (whole && key.size() != module.size())) return false;
  const auto tail = module.substr(module.size() - key.size());
  if (tail.size() != module.size() && module[module.size() - key.size() - 1] != '.') return false;
  return std::equal(key.begin(), key.end(), tail.begin(), [](char k, char m) { return k == '.' || k == m; });
}

/// The key as an expression; null where PCRE2 does not understand it.
std::shared_ptr<void> compiled(const std::string& key) {
  const std::string whole = "(?:.*\\.)?(?:" + key + ")$";
  constexpr std::uint32_t kOptions = PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  int error = 0;
  PCRE2_SIZE offset = 0;
  return {pcre2_compile(bytesOf(whole), whole.size(), kOptions, &error, &offset, nullptr),
          [](void* code) { pcre2_code_free(static_cast<pcre2_code*>(code)); }};
}

Result<bool> matchesExpression(const std::string& key, const void* code, std::string_view module) {
  const std::shared_ptr<pcre2_match_context> context(pcre2_match_context_create(nullptr), pcre2_match_context_free);
  const std::shared_ptr<pcre2_match_data> data(pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  if (!context || !data) return fail(ErrorCode::OutOfMemory, "not enough memory to match module names");
  pcre2_set_match_limit(context.get(), kMostSteps);
  const int found =
      pcre2_match(static_cast<const pcre2_code*>(code), bytesOf(module), module.size(), 0, 0, data.get(), context.get());
  if (found >= 0) return true;
  if (found == PCRE2_ERROR_NOMATCH) return false;
  return fail(ErrorCode::Unsupported, "the pattern \"" + printable(key) + "\" takes too many steps on " + printable(module),
              "write the modules' names in full");
}

}  // namespace

Result<ModulePattern> ModulePattern::parse(std::string key, double value) {
  ModulePattern pattern{std::move(key), value, nullptr};
  const auto name = std::string_view(pattern.key).substr(pattern.key.starts_with('^') ? 1 : 0);
  if (std::all_of(name.begin(), name.end(), isNameByte)) return pattern;
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorCode::Unsupported, "the pattern \"" + printable(pattern.key) + "\" " + why,
                "write the modules' names in full");
  };
  if (pattern.key.size() > kLongestExpression) return refuse("is longer than 4,096 bytes");
  pattern.code = compiled(pattern.key);
  if (!pattern.code) return refuse("is not a regular expression that is understood here");
  return pattern;
}

Result<bool> ModulePattern::matches(std::string_view module) const {
  if (code) return matchesExpression(key, code.get(), module);
  if (std::all_of(module.begin(), module.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return matchesPlain(key, module);
  return matchesExpression(key, compiled(key).get(), module);  // `.` is a character there, of several bytes
}

Result<double> patternValue(const std::vector<ModulePattern>& patterns, std::string_view module, double fallback) {
  for (const auto& pattern : patterns) {
    DELTASCOPE_ASSIGN(const bool matches, pattern.matches(module));
    if (matches) return pattern.value;
  }
  // PEFT then looks the name itself up, which finds keys whose text does not match itself
  for (const auto& pattern : patterns)
    if (pattern.key == module) return pattern.value;
  return fallback;
}

}  // namespace deltascope
