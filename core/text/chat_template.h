// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A model's chat template: messages in, the prompt's text out, each part marked by its origin.
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/text/tokenizer.h"

namespace deltascope {

struct ChatRequest {
  nlohmann::ordered_json messages;   ///< array of {"role", "content", …}, as transformers takes it
  nlohmann::ordered_json tools;      ///< array, or null
  nlohmann::ordered_json variables;  ///< object of further variables (enable_thinking …), or null
  bool addGenerationPrompt = true;
  std::optional<std::chrono::system_clock::time_point> now;  ///< for strftime_now; the present when empty
};

/// Text with its origin: the template's own may hold special tokens, what came from messages may not.
class RenderedPrompt {
 public:
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] std::vector<TextSegment> segments() const;  ///< views into text(), for Tokenizer::encode(segments, false)
};

class ChatTemplate {
 public:
  [[nodiscard]] static Result<ChatTemplate> open(const std::filesystem::path& folder, std::string_view name = "default");
  [[nodiscard]] Result<RenderedPrompt> render(const ChatRequest& request) const;
};

}  // namespace deltascope
