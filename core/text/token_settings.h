// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The tokens that stand outside of tokenizer.json: in tokenizer_config.json, special_tokens_map.json, added_tokens.json and
/// the defaults of a tokenizer class; as transformers 5.24 gathers them (tokenization_utils_base.py,
/// tokenization_utils_tokenizers.py).
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/added_vocabulary.h"
#include "core/text/tokenizer_class.h"
#include "core/text/tokenizer_files.h"

namespace deltascope::text {

/// A token that is named in a setting. One that came as a mere string takes its flags where it is added.
struct SettingToken {
  enum class Form { String, Token, Object };  ///< Object: one that transformers has not turned into a token yet
  AddedToken token;
  Form form = Form::String;
  bool operator==(const SettingToken&) const = default;
};

class TokenSettings {
 public:
  /// Untrusted: a setting of the wrong type is Corrupt.
  [[nodiscard]] static Result<TokenSettings> read(const TokenizerFiles& files, ClassKind kind);

  /// In the order in which they are added, to a tokenizer that has `known` already.
  [[nodiscard]] std::vector<AddedToken> missingFrom(const AddedVocabulary& known) const;
  /// What the class adds once more, with flags of its own; none for most.
  [[nodiscard]] std::vector<AddedToken> addedAgain(ClassKind kind) const;
  /// The content of "bos_token" …, or nothing.
  [[nodiscard]] std::optional<std::string> named(std::string_view key) const;
  /// All that have a name: what a chat template finds as bos_token …
  [[nodiscard]] std::map<std::string, std::string> names() const;
  [[nodiscard]] bool specialsAreText() const { return m_specialsAreText; }  ///< "split_special_tokens"

 private:
  using Named = std::vector<std::pair<std::string, SettingToken>>;
  friend class SettingsReader;
  Named m_named;                               // the standard ones in their order, then the model's own
  std::vector<SettingToken> m_extra;           // without names
  std::map<std::uint64_t, AddedToken> m_byId;  // by the id that a file gives them
  bool m_specialsAreText = false;
};

}  // namespace deltascope::text
