// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The normalizer of a tokenizer.json: changes to the text before anything is split.
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/text/chars_map.h"
#include "core/text/pattern.h"
#include "core/text/stage.h"

namespace deltascope::text {

struct Prepend {
  std::string text;  ///< put before a text that is not empty
};
struct StripEnds {
  bool left = true, right = true;
};
enum class UnicodeForm { Nfc, Nfd, Nfkc, Nfkd };
struct Lowercase {};
struct StripAccents {};
struct MapBytes {};
struct CleanForBert {
  bool cleans = true, spacesAroundChinese = true, stripsAccents = true, lowercases = true;
};
struct CleanForNmt {};  ///< control characters out, odd spaces to spaces
using Precompiled = std::shared_ptr<const CharsMap>;

using NormalizerStep = std::variant<Prepend, Replace, StripEnds, UnicodeForm, Lowercase, StripAccents, MapBytes, CleanForBert,
                                    CleanForNmt, Precompiled>;

struct Normalizer {
  std::vector<NormalizerStep> steps;
};

/// An unknown or unsupported step is refused by name.
[[nodiscard]] Result<Normalizer> readNormalizer(const Stage& stage);

/// `text` is valid UTF-8. `marks` holds '\0' or '\1' for each byte of it, or is empty; it follows the text: a character made
/// from any marked byte is marked.
[[nodiscard]] Result<void> normalize(const Normalizer& normalizer, std::string& text, std::string& marks);

}  // namespace deltascope::text
