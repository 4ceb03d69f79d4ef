// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The scale of a LoRA module: alpha/r or alpha/√r, with PEFT's per-module patterns (peft/tuners/lora/model.py, utils/other.py:
/// get_pattern_key). Internal to core/checkpoint.
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

class AdapterScale {
 public:
  /// `path` is for messages. Patterns are regular expressions of the file's author: matching is bounded in steps.
  [[nodiscard]] static Result<AdapterScale> parse(const nlohmann::json& config, const std::filesystem::path& path);
  AdapterScale(AdapterScale&&) noexcept;
  AdapterScale& operator=(AdapterScale&&) noexcept;
  ~AdapterScale();

  /// `module`: its path, such as model.layers.0.self_attn.q_proj; `rank`: rows of its A, which the patterns must agree with.
  [[nodiscard]] Result<float> of(const std::string& module, std::uint64_t rank) const;
  [[nodiscard]] bool fanInFanOut() const { return m_fanInFanOut; }

 private:
  AdapterScale() = default;
  struct Pattern;
  [[nodiscard]] Result<double> lookUp(const std::vector<Pattern>& patterns, const std::string& module, double otherwise) const;
  std::vector<Pattern> m_ranks, m_alphas;
  double m_rank = 8, m_alpha = 8;
  bool m_rankStabilized = false, m_fanInFanOut = false;
  std::filesystem::path m_path;
};

}  // namespace deltascope
