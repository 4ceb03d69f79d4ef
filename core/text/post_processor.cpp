// SPDX-License-Identifier: Apache-2.0
#include "core/text/post_processor.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kMostIds = 1024;

Result<std::vector<std::uint32_t>> readIds(const Stage& specials, const std::string& name) {
  if (!specials.has(name.c_str())) return specials.refuse("\"" + printable(name) + "\" is missing");
  DELTASCOPE_ASSIGN(const Stage special, specials.object(name.c_str()));
  DELTASCOPE_ASSIGN(const auto list, special.list("ids"));
  std::vector<std::uint32_t> ids;
  for (const Stage& id : list) {
    if (!id.value().is_number_unsigned() || id.value().get<std::uint64_t>() > 0xFFFFFFFFu) return id.refuse("is not an id");
    ids.push_back(id.value().get<std::uint32_t>());
  }
  return ids;
}

/// `"single"`: special tokens around one Sequence "A".
Result<PostProcessor> readTemplate(const Stage& stage) {
  DELTASCOPE_ASSIGN(const auto parts, stage.list("single"));
  PostProcessor result;
  bool seen = false;
  for (const Stage& part : parts) {
    if (part.has("Sequence")) {
      DELTASCOPE_ASSIGN(const Stage sequence, part.object("Sequence"));
      DELTASCOPE_ASSIGN(const std::string id, sequence.string("id"));
      if (seen || id != "A") return part.unsupported("a template for one text must hold it once");
      seen = true;
      continue;
    }
    DELTASCOPE_ASSIGN(const Stage special, part.object("SpecialToken"));
    DELTASCOPE_ASSIGN(const std::string name, special.string("id"));
    DELTASCOPE_ASSIGN(const Stage specials, stage.object("special_tokens"));
    DELTASCOPE_ASSIGN(const auto ids, readIds(specials, name));
    auto& side = seen ? result.after : result.before;
    side.insert(side.end(), ids.begin(), ids.end());
    if (side.size() > kMostIds) return stage.unsupported("more than 1024 special tokens around a text");
  }
  if (!seen) return stage.unsupported("a template for one text must hold it once");
  return result;
}

Result<std::uint32_t> readPairId(const Stage& stage, const char* key) {
  DELTASCOPE_ASSIGN(const auto pair, stage.list(key));
  if (pair.size() != 2 || !pair[1].value().is_number_unsigned() || pair[1].value().get<std::uint64_t>() > 0xFFFFFFFFu)
    return stage.refuse("\"" + std::string(key) + "\" must be a token and its id");
  return pair[1].value().get<std::uint32_t>();
}

Result<PostProcessor> readStep(const Stage& stage) {
  DELTASCOPE_ASSIGN(const std::string type, stage.type());
  if (type == "ByteLevel") return PostProcessor{};  // concerns offsets alone
  if (type == "TemplateProcessing") return readTemplate(stage);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    DELTASCOPE_ASSIGN(const auto first, readPairId(stage, "cls"));
    DELTASCOPE_ASSIGN(const auto last, readPairId(stage, "sep"));
    return PostProcessor{{first}, {last}};
  }
  return stage.unsupported("the post-processor \"" + printable(type) + "\" is not supported");
}

}  // namespace

Result<PostProcessor> readPostProcessor(const Stage& stage) {
  DELTASCOPE_ASSIGN(const auto steps, flatten(stage, "processors"));
  PostProcessor result;
  for (const Stage& step : steps) {
    DELTASCOPE_ASSIGN(const PostProcessor outer, readStep(step));
    result.before.insert(result.before.begin(), outer.before.begin(), outer.before.end());
    result.after.insert(result.after.end(), outer.after.begin(), outer.after.end());
  }
  return result;
}

}  // namespace deltascope::text
