// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the copies of a ChatTemplate share.
#include "core/text/chat_template.h"
#include "core/text/jinja/ast.h"

namespace deltascope {

struct ChatTemplate::State {
  std::string source;
  std::filesystem::path file;
  std::map<std::string, std::string> specials;
  jinja::Program program;
};

}  // namespace deltascope
