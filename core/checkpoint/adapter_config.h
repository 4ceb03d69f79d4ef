// SPDX-License-Identifier: Apache-2.0
#pragma once
/// adapter_config.json of a PEFT LoRA, as far as it decides the merged weights (huggingface/peft, LoraConfig).
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/pcre2.h"
#include "core/base/result.h"

namespace deltascope {

/// One entry of rank_pattern or alpha_pattern. PEFT reads the key as the regular expression `(.*\.)?(key)$` over a module's
/// name (peft/utils/other.py, get_pattern_key); PCRE2 stands in for Python's engine, bounded in steps.
struct ModulePattern {
  std::string key;
  double value = 0;
  std::optional<Pcre2> code;  ///< none for a plain name, which most keys are

  [[nodiscard]] static Result<ModulePattern> parse(std::string key, double value);
  [[nodiscard]] Result<bool> matches(std::string_view module) const;
};

/// Rows of an embedding that are trained as they are (trainable_token_indices).
struct TokenRows {
  std::string module;  ///< the name's end; empty: every one
  std::vector<std::uint64_t> rows;
};

struct AdapterConfig {
  std::uint64_t rank = 8;  ///< PEFT's defaults
  double alpha = 8;
  bool rankStabilized = false;  ///< use_rslora
  bool dora = false;            ///< use_dora: every LoRA has a magnitude
  bool fanInFanOut = false;
  std::vector<std::string> modulesToSave;                  ///< ends of the names of modules that the adapter replaces
  std::vector<ModulePattern> rankPatterns, alphaPatterns;  ///< in the file's order: the first that matches counts
  std::vector<TokenRows> tokens;
  std::vector<std::string> targetParameters;  ///< ends of the names of bare parameters
};

/// Refuses by name what changes the result and is not handled; other keys are passed over.
[[nodiscard]] Result<AdapterConfig> readAdapterConfig(const std::filesystem::path& path);

/// The value of the first pattern that matches the module's name, or `fallback`.
[[nodiscard]] Result<double> patternValue(const std::vector<ModulePattern>& patterns, std::string_view module, double fallback);

/// alpha/r or alpha/√r, in double, rounded once to F32.
[[nodiscard]] Result<float> adapterScale(const AdapterConfig& config, std::string_view module, std::uint64_t rank);

}  // namespace deltascope
