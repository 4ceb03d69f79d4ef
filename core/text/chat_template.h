// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The chat template of a model: a Jinja program that turns a conversation into the text that the model was trained on. The
/// same text as transformers' apply_chat_template, by an interpreter of the subset that such templates use.
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

/// What a template is given. As in transformers, a message's fields that are null count as absent, and a message's reasoning is
/// found under "reasoning_content" and "thinking" whichever of them (or "reasoning") it is given as.
struct ChatRequest {
  nlohmann::ordered_json messages;  ///< array of {"role", "content", …}, at least one
  nlohmann::ordered_json tools;     ///< array of JSON schemas, or null
  nlohmann::ordered_json variables;  ///< object of further variables (enable_thinking …), or null; they win over special tokens
  bool addGenerationPrompt = true;                           ///< end with the opening of the model's answer
  std::optional<std::chrono::system_clock::time_point> now;  ///< for strftime_now, in local time; the present when empty
};

/// A rendered conversation with the origin of its parts. Only what the template itself wrote may hold special tokens: its own
/// text and literals, the special tokens of the tokenizer, numbers, and the roles of messages that are plain words (templates
/// build "<|user|>" from them). Everything else that came from the request is letters and signs, whatever it spells.
class RenderedPrompt {
 public:
  [[nodiscard]] const std::string& text() const { return m_text; }
  /// For Tokenizer::encode(segments, false). Views into text(): they live as long as this object is neither moved nor
  /// destroyed.
  [[nodiscard]] std::vector<TextSegment> segments() const;

 private:
  friend class ChatTemplate;
  struct Run {
    std::size_t end = 0;
    bool fromTemplate = false;
  };
  std::string m_text;
  std::vector<Run> m_runs;
};

/// Immutable and cheap to copy: copies share one program. Threads: all members may be called concurrently.
class ChatTemplate {
 public:
  /// The template `name` of a model's folder, where transformers looks: chat_template.jinja ("default") and
  /// additional_chat_templates/NAME.jinja, else "chat_template" of tokenizer_config.json, a string or a list of {"name",
  /// "template"}. Special tokens (bos_token …) come from tokenizer_config.json, special_tokens_map.json and the tokenizer's
  /// class. NotFound where the folder has no such template. Untrusted: as parse().
  [[nodiscard]] static Result<ChatTemplate> open(const std::filesystem::path& modelFolder, std::string_view name = "default");
  /// The same of a model's files, wherever they lie.
  [[nodiscard]] static Result<ChatTemplate> open(const CompanionSource& files, std::string_view name = "default");
  /// `specials`: variables such as bos_token. `shownAs`: the file that errors name. A malformed template is Corrupt; a tag,
  /// filter or test that is not supported is Unsupported; both say the line. Memory is bounded by the size of the source.
  [[nodiscard]] static Result<ChatTemplate> parse(std::string_view source, std::map<std::string, std::string> specials,
                                                  const std::filesystem::path& shownAs);

  /// Bounded in work, memory, depth and output: a template beyond them is Unsupported. A conversation that the template refuses
  /// (raise_exception) or a request of the wrong shape is InvalidArgument; an operation that Python would refuse is Corrupt.
  [[nodiscard]] Result<RenderedPrompt> render(const ChatRequest& request) const;
  [[nodiscard]] const std::string& source() const;

 private:
  struct State;
  explicit ChatTemplate(std::shared_ptr<const State> state) : m_state(std::move(state)) {}
  std::shared_ptr<const State> m_state;
};

}  // namespace deltascope
