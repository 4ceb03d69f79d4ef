// SPDX-License-Identifier: Apache-2.0
#include "core/text/chat_template.h"

#include "core/text/chat_template_state.h"
#include "core/text/jinja/from_json.h"
#include "core/text/jinja/interpreter.h"
#include "core/text/jinja/parser.h"
#include "core/text/utf8.h"

namespace deltascope {
namespace {

constexpr std::size_t kLongestSource = 1u << 20;

using jinja::Value;

tl::unexpected<Error> outOfMemory(const std::filesystem::path& file) {
  return fail(ErrorCode::OutOfMemory, at({file, {}, {}}, "not enough memory for the chat template"));
}

Result<void> setVariables(jinja::Interpreter& interpreter, const ChatRequest& request, jinja::Budget& budget) {
  DELTASCOPE_ASSIGN(const Value messages, jinja::messagesFromJson(request.messages, budget));
  if (!request.tools.is_null() && !request.tools.is_array())
    return fail(ErrorCode::InvalidArgument, "tools must be a list of JSON schemas");
  DELTASCOPE_ASSIGN(const Value tools, jinja::fromJson(request.tools, "tools", budget));
  interpreter.set("documents", jinja::None{});
  if (!request.variables.is_null() && !request.variables.is_object())
    return fail(ErrorCode::InvalidArgument, "variables must be an object");
  for (const auto& [name, json] : request.variables.items()) {
    if (name == "messages" || name == "tools" || name == "add_generation_prompt")
      return fail(ErrorCode::InvalidArgument, "the variable " + name + " is part of the request itself");
    DELTASCOPE_ASSIGN(const Value value, jinja::fromJson(json, "the variable " + printable(name, 60), budget));
    interpreter.set(name, value);
  }
  interpreter.set("messages", messages);
  interpreter.set("tools", tools);
  interpreter.set("add_generation_prompt", request.addGenerationPrompt);
  return {};
}

}  // namespace

std::vector<TextSegment> RenderedPrompt::segments() const {
  std::vector<TextSegment> parts;
  std::size_t begin = 0;
  for (const Run& run : m_runs) {
    parts.push_back({std::string_view(m_text).substr(begin, run.end - begin), run.fromTemplate});
    begin = run.end;
  }
  return parts;
}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, std::map<std::string, std::string> specials,
                                         const std::filesystem::path& shownAs) try {
  if (source.size() > kLongestSource)
    return fail(ErrorCode::Unsupported, at({shownAs, {}, {}}, "a chat template of more than 1 MiB is not supported"));
  if (const auto wrong = text::firstNotUtf8(source))
    return fail(ErrorCode::Corrupt, at({shownAs, {}, *wrong}, "the chat template is not UTF-8"));
  auto state = std::make_shared<State>();
  DELTASCOPE_ASSIGN(state->program, jinja::parse(source, shownAs));
  state->source = source;
  state->file = shownAs;
  state->specials = std::move(specials);
  return ChatTemplate(std::move(state));
} catch (const std::bad_alloc&) {
  return outOfMemory(shownAs);
}

Result<RenderedPrompt> ChatTemplate::render(const ChatRequest& request) const try {
  jinja::Runtime runtime{jinja::Limits{}};
  runtime.now = request.now.value_or(std::chrono::system_clock::now());
  jinja::Interpreter interpreter(m_state->program, runtime, m_state->file);
  for (const auto& [name, token] : m_state->specials)
    interpreter.set(name, jinja::makeText(runtime.budget, token, jinja::Origin::Template));
  DELTASCOPE_TRY(setVariables(interpreter, request, runtime.budget));
  DELTASCOPE_ASSIGN(const jinja::OriginText text, interpreter.run());
  RenderedPrompt prompt;
  prompt.m_text = text.bytes();
  for (const auto& run : text.runs()) prompt.m_runs.push_back({run.end, run.origin == jinja::Origin::Template});
  return prompt;
} catch (const std::bad_alloc&) {
  return outOfMemory(m_state->file);
}

const std::string& ChatTemplate::source() const { return m_state->source; }

}  // namespace deltascope
