// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The proof that drafts change no answer: the same prompts with drafts and without, compared in every token and every bit of
/// the logits.
#include <filesystem>
#include <vector>

#include "core/selftest/selftest.h"

namespace deltascope {

struct ForksRequest {
  std::filesystem::path model;  ///< one whose base can draft: a packed model, over four bits or a parent
  bool packFirst = false;       ///< `model` is a checkpoint: packed over NF4 into the temporary folder
  std::string device = "cpu";
  std::vector<std::string> placements{"jit"};
  std::uint32_t firstPrompt = 1, lastPrompt = 25;  ///< a prompt is its number: parts of the protocol can be run apart
  std::uint32_t passes = 5;                        ///< of each prompt, greedy ones and sampled ones; a sampled pass is a seed
  std::uint32_t widths = 8;                        ///< drafts a pass: 1 … widths
  std::uint32_t tokens = 400;                      ///< of each answer; end tokens are passed over
};

/// A check for each placement, sort of sampling and width: how many answers forked, and the first token that did.
/// An error where the model cannot be run.
[[nodiscard]] Result<SelfTestResult> testForks(const ForksRequest& request, const JobContext& job);

}  // namespace deltascope
