// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/gguf_companions.h"

#include <nlohmann/json.hpp>

#include "core/base/units.h"
#include "core/checkpoint/gguf_texts.h"

namespace deltascope {

bool GgufCompanions::holds(std::string_view name) const {
  if (name == kConfigFile) return true;
  if (name == kTokenizerFile) return m_model->gguf()->metadata().contains("tokenizer.ggml.model");
  return name == kTokenizerConfigFile && hasGgufTokenizer(*m_model->gguf());
}

Result<std::string> GgufCompanions::load(std::string_view name, std::uint64_t limit) const {
  if (!holds(name)) return fail(ErrorCode::NotFound, at({shown(name), {}, {}}, "is not in the file's metadata"));
  DELTASCOPE_ASSIGN(const nlohmann::json json, name == kConfigFile      ? configFromGguf(*m_model)
                                               : name == kTokenizerFile ? tokenizerFromGguf(*m_model->gguf())
                                                                        : tokenizerConfigFromGguf(*m_model->gguf()));
  std::string text;
  try {
    text = json.dump();
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::Corrupt, at({shown(name), {}, {}}, "its texts are not UTF-8"));
  }
  if (text.size() > limit)
    return fail(ErrorCode::Unsupported, at({shown(name), {}, {}}, "has more than " + formatCount(limit) + " bytes"));
  return text;
}

std::filesystem::path GgufCompanions::shown(std::string_view) const { return m_model->path(); }

}  // namespace deltascope
