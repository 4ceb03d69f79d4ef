// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The tokenizer of a model: its `tokenizer.json`, as Hugging Face's tokenizers library writes and runs it, with the tokens and
/// the class that the files beside it name, as transformers' AutoTokenizer has it. Ids and texts are the same as there.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

class CompanionSource;
using TokenId = std::uint32_t;

/// A part of a text that is encoded as one. Where `mayContainSpecialTokens` is false, "<|eot_id|>" is ten letters and signs:
/// no special token is found that touches the segment. Spaces and words are cut as if the parts were one string.
struct TextSegment {
  std::string_view text;
  bool mayContainSpecialTokens = false;
};

namespace text {
struct TokenizerFiles;
}

enum class TokenizerStages {
  AsTransformers,  ///< those of the class that tokenizer_config.json names, where it brings its own
  File,            ///< those of tokenizer.json
};

/// Immutable and cheap to copy: copies share one vocabulary. Threads: all members may be called concurrently.
class Tokenizer {
 public:
  /// `path`: a folder with a tokenizer.json, or such a file alone, which is run as it is. A missing file is NotFound; a stage,
  /// option, class or kind of model that is not supported is Unsupported and named; contradictions are Corrupt. Untrusted:
  /// memory is bounded by the files' sizes.
  [[nodiscard]] static Result<Tokenizer> open(const std::filesystem::path& path,
                                              TokenizerStages stages = TokenizerStages::AsTransformers);
  /// The same of a model's files, wherever they lie.
  [[nodiscard]] static Result<Tokenizer> open(const CompanionSource& files,
                                              TokenizerStages stages = TokenizerStages::AsTransformers);

  /// `addSpecial`: with the tokens that the post-processor puts around a text (BOS). Text that came out of a chat template has
  /// them already. Text that is not UTF-8 or is 2 GiB long is InvalidArgument; a regular expression of the tokenizer that takes
  /// unbounded work on this text is Unsupported. This form finds special tokens anywhere, as the tokenizers library does.
  [[nodiscard]] Result<std::vector<TokenId>> encode(std::string_view text, bool addSpecial) const;
  /// The same over the concatenation of `segments`. A boundary inside a UTF-8 character is allowed.
  [[nodiscard]] Result<std::vector<TokenId>> encode(std::span<const TextSegment> segments, bool addSpecial) const;

  /// Ids that stand for no token are passed over: a model may be wider than its vocabulary. Always valid UTF-8.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, bool skipSpecial) const;

  [[nodiscard]] std::size_t size() const;  ///< the highest id + 1
  [[nodiscard]] std::optional<TokenId> id(std::string_view token) const;
  [[nodiscard]] std::optional<std::string_view> token(TokenId id) const;  ///< as decoding takes it; lives as long as a copy
  [[nodiscard]] bool isSpecial(TokenId id) const;
  [[nodiscard]] const std::vector<TokenId>& specialIds() const;  ///< ascending
  /// What addSpecial puts before and after a text.
  [[nodiscard]] const std::vector<TokenId>& idsBefore() const;
  [[nodiscard]] const std::vector<TokenId>& idsAfter() const;

  /// The class of transformers that the files are loaded as ("LlamaTokenizer"), and whether the stages are the file's.
  [[nodiscard]] const std::string& className() const;
  [[nodiscard]] bool runsFileStages() const;

 private:
  friend class Detokenizer;
  struct State;
  static Result<Tokenizer> openFile(const CompanionSource& files, std::string_view name, text::TokenizerFiles settings);
  static Result<Tokenizer> build(text::TokenizerFiles files);
  explicit Tokenizer(std::shared_ptr<const State> state) : m_state(std::move(state)) {}
  std::shared_ptr<const State> m_state;
};

}  // namespace deltascope
