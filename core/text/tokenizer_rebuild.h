// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A tokenizer as a class of transformers 5.24 builds it: vocabulary, merges and added tokens are the file's, the stages are
/// the class's own (models/*/tokenization_*.py there).
#include <optional>
#include <string_view>
#include <vector>

#include "core/text/tokenizer_class.h"
#include "core/text/tokenizer_files.h"

namespace deltascope::text {

/// A token around every text: the one that a setting names, or an id where none does.
struct TokenAround {
  std::string_view setting;
  std::optional<std::uint32_t> otherwise;
};
struct Rebuilt {
  bool bringsTokensAround = false;  ///< before and after count, whatever the file's post-processor says
  std::vector<TokenAround> before, after;
};

/// Replaces the stages of `files.tokenizer`; of no effect for ClassKind::File and Other.
[[nodiscard]] Rebuilt rebuild(TokenizerFiles& files, ClassKind kind);

}  // namespace deltascope::text
