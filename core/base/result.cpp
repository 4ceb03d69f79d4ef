// SPDX-License-Identifier: Apache-2.0
#include "core/base/result.h"

namespace deltascope {

std::string at(const Location& where, std::string_view what) {
  std::string text = where.file.string();
  if (!where.tensor.empty()) text += (text.empty() ? "tensor " : ", tensor ") + where.tensor;
  if (where.offset) text += (text.empty() ? "offset " : ", offset ") + std::to_string(*where.offset);
  if (!text.empty()) text += ": ";
  return text.append(what);
}

std::string describe(const Error& error) { return error.hint.empty() ? error.message : error.message + ". " + error.hint; }

}  // namespace deltascope
