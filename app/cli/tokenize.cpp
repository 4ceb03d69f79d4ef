// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/print.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/json.h"
#include "core/runtime/runtime.h"

namespace deltascope::cli {
namespace {

constexpr std::size_t kLongestLine = 256u << 20;

struct Options {
  std::string model, base, text, lines;
  bool noSpecial = false, fileStages = false;
};

std::string idsText(const std::vector<TokenId>& ids) { return fmt::format("[{}]", fmt::join(ids, ",")); }

int tokenizeText(const Tokenizer& tokenizer, const Options& options, bool json) {
  const auto ids = tokenizer.encode(options.text, !options.noSpecial);
  if (!ids) return report(ids.error());
  if (json)
    printJson({{"ids", *ids},
               {"tokenizer_class", tokenizer.className()},
               {"stages", tokenizer.runsFileStages() ? "tokenizer.json" : "class"}});
  else
    printText(idsText(*ids) + '\n');
  return kDone;
}

tl::unexpected<Error> refuseLine(const std::string& file, std::size_t line, const Error& error) {
  return fail(error.code, at({file, {}, {}}, fmt::format("line {}: {}", line, error.message)), error.hint);
}

Result<std::vector<TokenId>> tokenizeLine(const Tokenizer& tokenizer, const Options& options, std::string_view line,
                                          std::size_t number) {
  const auto json = parseJson(line, options.lines);
  if (!json) return fail(json.error().code, fmt::format("{} (line {})", json.error().message, number), json.error().hint);
  const auto text = json->is_object() ? json->find("text") : json->end();
  if (text == json->end() || !text->is_string())
    return refuseLine(options.lines, number, {ErrorCode::Corrupt, "is not {\"text\": …}", {}});
  const auto ids = tokenizer.encode(text->get_ref<const std::string&>(), !options.noSpecial);
  if (!ids) return refuseLine(options.lines, number, ids.error());
  return ids;
}

int tokenizeLines(const Tokenizer& tokenizer, const Options& options, const std::stop_token& stop) {
  std::ifstream file;
  if (options.lines != "-") file.open(options.lines, std::ios::binary);
  std::istream& in = options.lines == "-" ? std::cin : file;
  if (!in) return report({ErrorCode::NotFound, at({options.lines, {}, {}}, "cannot be opened"), "check the path"});
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (stop.stop_requested()) return kCancelled;
    if (line.size() > kLongestLine)
      return report(refuseLine(options.lines, number, {ErrorCode::Unsupported, "is longer than 256 MiB", {}}).value());
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto ids = tokenizeLine(tokenizer, options, line, number);
    if (!ids) return report(ids.error());
    printText(idsText(*ids) + '\n');
  }
  if (in.bad())
    return report({ErrorCode::Io, at({options.lines, {}, {}}, "cannot be read"), "give a file, one {\"text\": …} a line"});
  return kDone;
}

/// A payload carries its final's tokenizer; one that does not has its base's.
Result<Tokenizer> openTokenizer(const Options& options) {
  DELTASCOPE_ASSIGN(const auto path, resolveModel(options.model));
  const auto stages = options.fileStages ? TokenizerStages::File : TokenizerStages::AsTransformers;
  if (!path.string().ends_with(".delta.safetensors") && !isGgufName(path)) return Tokenizer::open(path, stages);
  LoadRequest request;
  request.path = path;
  request.base = options.base;
  DELTASCOPE_ASSIGN(const ModelText text, openModelText(request, stages));
  return text.tokenizer;
}

}  // namespace

void addTokenize(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("tokenize", "the token ids of a text, as the model's tokenizer makes them");
  command->add_option("MODEL_DIR", options->model, "folder, tokenizer.json, payload, GGUF file or Hub id")
      ->type_name("")
      ->required();
  command->add_option("--base", options->base, "the base of a payload that carries no tokenizer")->type_name("MODEL");
  CLI::Option* text = command->add_option("--text", options->text, "text to encode")->type_name("T");
  CLI::Option* lines =
      command->add_option("--jsonl", options->lines, "a file with {\"text\": …} on each line; - is standard input")
          ->type_name("FILE");
  text->excludes(lines);
  command->add_flag("--no-special", options->noSpecial, "leave out the tokens put around a text, such as BOS");
  command->add_flag("--file-stages", options->fileStages,
                    "run tokenizer.json as it is, even where the tokenizer class brings stages of its own");
  addCommon(*command, invocation.common, false);
  lines->excludes(command->get_option("--json"));
  command->callback([options, text, lines, &invocation] {
    if (!text->count() && !lines->count()) throw UsageError{"--text or --jsonl is needed"};
    invocation.run = [options, lines, &invocation]() -> int {
      const auto tokenizer = openTokenizer(*options);
      if (!tokenizer) return report(tokenizer.error());
      if (lines->count()) return tokenizeLines(*tokenizer, *options, invocation.stop);
      return tokenizeText(*tokenizer, *options, invocation.common.json);
    };
  });
}

}  // namespace deltascope::cli
