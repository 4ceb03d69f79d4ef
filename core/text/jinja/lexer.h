// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A template cut into text and tokens as Jinja's lexer does with trim_blocks and lstrip_blocks: white space that tags ask to
/// remove is gone, comments too, and raw blocks are text.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace deltascope::jinja {

enum class TokenKind { Text, PrintBegin, PrintEnd, TagBegin, TagEnd, Name, String, Integer, Float, Operator, End };

struct Token {
  TokenKind kind = TokenKind::End;
  unsigned line = 1;
  std::string text;  ///< of text, name, string (unescaped) or operator
  std::int64_t integer = 0;
  double real = 0;
};

/// "chat_template.jinja, line 3: what", as Corrupt or Unsupported.
[[nodiscard]] tl::unexpected<Error> failAt(const std::filesystem::path& file, unsigned line, std::string_view what,
                                           ErrorCode code = ErrorCode::Corrupt, std::string hint = {});

/// Ends with a token of kind End. `source` must be UTF-8.
[[nodiscard]] Result<std::vector<Token>> tokenize(std::string_view source, const std::filesystem::path& file);

}  // namespace deltascope::jinja
