// SPDX-License-Identifier: Apache-2.0
// The files of a tokenizer: the input is a tokenizer.json, a tokenizer_config.json and a text, each ended by a zero byte.
#include <map>

#include "core/checkpoint/companion_source.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"
#include "tests/fuzz/input.h"

namespace {

using namespace deltascope;

class Files final : public CompanionSource {
 public:
  std::map<std::string, std::string, std::less<>> files;
  bool has(std::string_view name) const override { return files.find(name) != files.end(); }
  bool hasFolder(std::string_view) const override { return false; }
  Result<std::string> read(std::string_view name, std::uint64_t) const override { return files.find(name)->second; }
  std::filesystem::path shown(std::string_view name) const override { return name; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto part = [&rest] {
    const auto end = std::min(rest.find('\0'), rest.size());
    const std::string text(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return text;
  };
  Files files;
  files.files["tokenizer.json"] = part();
  if (const auto config = part(); !config.empty()) files.files["tokenizer_config.json"] = config;
  files.files["config.json"] = R"({"model_type":"llama"})";
  const std::string text = part();
  for (const auto stages : {TokenizerStages::AsTransformers, TokenizerStages::File}) {
    const auto tokenizer = Tokenizer::open(files, stages);
    if (!tokenizer) {
      fuzz::require(!tokenizer.error().message.empty() && tokenizer.error().code != ErrorCode::Internal);
      continue;
    }
    const auto ids = tokenizer->encode(text, true);
    fuzz::require(ids || !ids.error().message.empty());
    if (!ids) continue;
    for (const TokenId id : *ids) fuzz::require(tokenizer->token(id).has_value());
    fuzz::require(!text::firstNotUtf8(tokenizer->decode(*ids, false)));
  }
  return 0;
}
