// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The normalizer "Precompiled": SentencePiece's table of replacements (normalizer.cc there), base64 in tokenizer.json. It is
/// the size of a trie in bytes (32 bits, little-endian), a double array of 32-bit units (Yata et al. 2007), and the
/// replacements, each ended by a zero byte; a leaf's value is the offset of its replacement.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace deltascope::text {

class CharsMap {
 public:
  /// Untrusted: sizes and offsets are checked, here or where they are used. Corrupt says what is wrong.
  [[nodiscard]] static Result<CharsMap> read(std::string_view base64);

  /// What stands for the shortest prefix of `text` that the table has: the replacement of the whole of `text`, as the
  /// tokenizers library takes it. Nothing where the table has none.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view text) const;

 private:
  std::vector<std::uint32_t> m_units;
  std::string m_replacements;
};

}  // namespace deltascope::text
