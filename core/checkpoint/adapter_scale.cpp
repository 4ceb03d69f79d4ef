// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/adapter_scale.h"

#include <cmath>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/base/result.h"

namespace deltascope {
namespace {

using Code = std::shared_ptr<pcre2_code>;
constexpr std::uint32_t kMatchLimit = 100'000;
constexpr std::size_t kLongestPattern = 4096;

auto sptr(const std::string& text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

struct AdapterScale::Pattern {
  std::string text;
  Code code;
  double value;
};

AdapterScale::AdapterScale(AdapterScale&&) noexcept = default;
AdapterScale& AdapterScale::operator=(AdapterScale&&) noexcept = default;
AdapterScale::~AdapterScale() = default;

Result<AdapterScale> AdapterScale::parse(const nlohmann::json& config, const std::filesystem::path& path) {
  AdapterScale scale;
  scale.m_path = path;
  const auto bad = [&](const std::string& what) { return fail(ErrorCode::Corrupt, at({path, {}, std::nullopt}, what)); };
  const auto number = [&](const char* key, double& into) {
    const auto found = config.find(key);
    if (found == config.end() || found->is_null()) return true;
    if (!found->is_number() || !std::isfinite(found->get<double>())) return false;
    into = found->get<double>();
    return true;
  };
  const auto flag = [&](const char* key, bool& into) {
    const auto found = config.find(key);
    if (found == config.end() || found->is_null()) return true;
    if (!found->is_boolean()) return false;
    into = found->get<bool>();
    return true;
  };
  if (!number("r", scale.m_rank) || scale.m_rank < 1) return bad("r is not a positive number");
  if (!number("lora_alpha", scale.m_alpha)) return bad("lora_alpha is not a number");
  if (!flag("use_rslora", scale.m_rankStabilized)) return bad("use_rslora is not true or false");
  if (!flag("fan_in_fan_out", scale.m_fanInFanOut)) return bad("fan_in_fan_out is not true or false");

  const auto patterns = [&](const char* key, std::vector<Pattern>& into) -> Result<void> {
    const auto found = config.find(key);
    if (found == config.end() || found->is_null()) return {};
    if (!found->is_object()) return bad(std::string(key) + " is not an object");
    for (const auto& [text, value] : found->items()) {
      if (!value.is_number() || text.size() > kLongestPattern) return bad(std::string(key) + ": a bad entry \"" + text + "\"");
      const std::string whole = "(?:.*\\.)?(?:" + text + ")$";
      int error = 0;
      PCRE2_SIZE offset = 0;
      Code code(pcre2_compile(sptr(whole), whole.size(), PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY, &error, &offset, nullptr),
                pcre2_code_free);
      if (!code) return bad(std::string(key) + ": \"" + text + "\" is not a regular expression");
      into.push_back({text, std::move(code), value.get<double>()});
    }
    return {};
  };
  DELTASCOPE_TRY(patterns("rank_pattern", scale.m_ranks));
  DELTASCOPE_TRY(patterns("alpha_pattern", scale.m_alphas));
  return scale;
}

Result<double> AdapterScale::lookUp(const std::vector<Pattern>& patterns, const std::string& module, double otherwise) const {
  const std::shared_ptr<pcre2_match_context> context(pcre2_match_context_create(nullptr), pcre2_match_context_free);
  pcre2_set_match_limit(context.get(), kMatchLimit);
  for (const auto& pattern : patterns) {
    const std::shared_ptr<pcre2_match_data> data(pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
    const int matched = pcre2_match(pattern.code.get(), sptr(module), module.size(), 0, 0, data.get(), context.get());
    if (matched >= 0) return pattern.value;
    if (matched != PCRE2_ERROR_NOMATCH)
      return fail(ErrorCode::Corrupt, at({m_path, {}, std::nullopt}, "pattern \"" + pattern.text + "\" takes too many steps"));
  }
  return otherwise;
}

Result<float> AdapterScale::of(const std::string& module, std::uint64_t rank) const {
  DELTASCOPE_ASSIGN(const double r, lookUp(m_ranks, module, m_rank));
  DELTASCOPE_ASSIGN(const double alpha, lookUp(m_alphas, module, m_alpha));
  if (static_cast<double>(rank) < r || static_cast<double>(rank) > r)
    return fail(ErrorCode::Mismatch, at({m_path, module, std::nullopt},
                                        "rank " + std::to_string(rank) + " of its matrices is not the " +
                                            std::to_string(static_cast<std::uint64_t>(r)) + " that the configuration says"));
  return static_cast<float>(alpha / (m_rankStabilized ? std::sqrt(r) : r));
}

}  // namespace deltascope
