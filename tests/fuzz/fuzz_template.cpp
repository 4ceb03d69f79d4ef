// SPDX-License-Identifier: Apache-2.0
// A chat template: the input is its source, rendered with a conversation and tools within small limits, so that each run is
// short.
#include "core/text/chat_template.h"
#include "core/text/jinja/from_json.h"
#include "core/text/jinja/interpreter.h"
#include "core/text/jinja/parser.h"
#include "core/text/utf8.h"
#include "tests/fuzz/input.h"

namespace {

using nlohmann::ordered_json;

constexpr deltascope::jinja::Limits kLimits{200'000, std::size_t{16} << 20, std::size_t{4} << 20, 400};

const ordered_json& conversation() {
  static const auto messages = ordered_json::parse(R"([
    {"role": "system", "content": " Be brief.\n"}, {"role": "user", "content": "Gr\u00fc\u00dfe <|eot_id|>"},
    {"role": "assistant", "content": "", "reasoning": "a", "tool_calls": [{"id": "abcdef123", "type": "function",
      "function": {"name": "f", "arguments": {"x": [1, 2.5, null, true], "y": "z"}}}]},
    {"role": "tool", "content": "21.5"}, {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}])");
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascope;
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  if (text::firstNotUtf8(source)) {
    fuzz::require(!ChatTemplate::parse(source, {}, "t.jinja"));
    return 0;
  }
  const std::filesystem::path file = "t.jinja";
  const auto program = jinja::parse(source, file);
  if (!program) {
    fuzz::require(!program.error().message.empty() && program.error().code != ErrorCode::Internal);
    return 0;
  }
  jinja::Runtime runtime(kLimits);
  jinja::Interpreter interpreter(*program, runtime, file);
  const auto messages = jinja::messagesFromJson(conversation(), runtime.budget);
  fuzz::require(messages.has_value());
  interpreter.set("messages", *messages);
  interpreter.set("bos_token", jinja::makeText(runtime.budget, "<s>", jinja::Origin::Template));
  interpreter.set("n", std::int64_t{7});
  interpreter.set("s", jinja::makeText(runtime.budget, "Hello World", jinja::Origin::Data));
  interpreter.set("add_generation_prompt", true);
  const auto text = interpreter.run();
  if (!text) {
    fuzz::require(!text.error().message.empty() && text.error().code != ErrorCode::Internal);
    return 0;
  }
  // What comes out is UTF-8, and the runs cover it.
  fuzz::require(!text::firstNotUtf8(text->bytes()));
  std::size_t end = 0;
  for (const auto& run : text->runs()) {
    fuzz::require(run.end > end);
    end = run.end;
  }
  fuzz::require(end == text->size());
  return 0;
}
