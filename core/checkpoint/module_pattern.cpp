// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>

#include "core/checkpoint/adapter_config.h"

namespace deltascope {
namespace {

constexpr std::size_t kLongestExpression = 4096;
/// An expression comes from a file: it may be slow on purpose.
constexpr Pcre2Matcher::Limits kLimits{.steps = 10'000};

bool isNameByte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }

bool matchesPlain(std::string_view key, std::string_view module) {
  const bool whole = key.starts_with('^');
  if (whole) key.remove_prefix(1);
  if (key.size() > module.size() || (whole && key.size() != module.size())) return false;
  const auto tail = module.substr(module.size() - key.size());
  if (tail.size() != module.size() && module[module.size() - key.size() - 1] != '.') return false;
  return std::equal(key.begin(), key.end(), tail.begin(), [](char k, char m) { return k == '.' || k == m; });
}

Result<Pcre2> compiled(const std::string& key) {
  return Pcre2::compile("(?:.*\\.)?(?:" + key + ")$", {.anchored = true, .nesting = 250});
}

Result<bool> matchesExpression(const std::string& key, const Pcre2& code, std::string_view module) {
  Pcre2Matcher matcher(code, kLimits);
  const auto found = matcher.find(module, 0, Pcre2Matcher::Text::IsChecked);
  if (found) return found->has_value();
  if (found.error().code != ErrorCode::Unsupported) return tl::make_unexpected(found.error());
  return fail(ErrorCode::Unsupported, "the pattern \"" + printable(key) + "\" takes too many steps on " + printable(module),
              "write the modules' names in full");
}

}  // namespace

Result<ModulePattern> ModulePattern::parse(std::string key, double value) {
  ModulePattern pattern{std::move(key), value, std::nullopt};
  const auto name = std::string_view(pattern.key).substr(pattern.key.starts_with('^') ? 1 : 0);
  if (std::all_of(name.begin(), name.end(), isNameByte)) return pattern;
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorCode::Unsupported, "the pattern \"" + printable(pattern.key) + "\" " + why,
                "write the modules' names in full");
  };
  if (pattern.key.size() > kLongestExpression) return refuse("is longer than 4,096 bytes");
  auto code = compiled(pattern.key);
  if (!code) return refuse("is not a regular expression that is understood here");
  pattern.code = std::move(*code);
  return pattern;
}

Result<bool> ModulePattern::matches(std::string_view module) const {
  if (code) return matchesExpression(key, *code, module);
  if (std::all_of(module.begin(), module.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return matchesPlain(key, module);
  DELTASCOPE_ASSIGN(const Pcre2 expression, compiled(key));
  return matchesExpression(key, expression, module);  // `.` is a character there, of several bytes
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
