// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The decoder of a tokenizer.json: from tokens back to text. It runs token by token and gives out text as soon as no later
/// token can change it, so that decoding at once and streaming are the same code.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/text/stage.h"

namespace deltascope::text {

struct DecodeByteLevel {};     ///< all tokens' bytes as one text; what is not UTF-8 becomes U+FFFD
struct DecodeByteFallback {};  ///< runs of <0xNN> to characters; a run that is not UTF-8 to a U+FFFD for each byte
struct DecodeFuse {};          ///< all tokens as one
struct DecodeStrip {           ///< from each token up to this many of a character at its ends
  std::string content;
  std::uint32_t start = 0, stop = 0;
};
struct DecodeReplace {
  std::string pattern, content;
};
struct DecodeMetaspace {  ///< the replacement to a space; in the first token to nothing when one was put before the text
  std::string replacement;
  bool dropFirst = true;
};
struct DecodeSuffix {  ///< the end-of-word suffix to a space; in the last token to nothing
  std::string suffix;
};
struct DecodeWordPiece {  ///< a space before each token but the first and those that go on a word
  std::string prefix;
  bool cleanUp = true;  ///< no space before a full stop, an n't …
};
struct DecodeCtc {  ///< a token once however often in a row; padding to nothing, the delimiter to a space
  std::string padding, delimiter;
  bool cleanUp = true;
};
struct DecodeJoin {};  ///< no decoder: a space between tokens

using DecoderStep = std::variant<DecodeByteLevel, DecodeByteFallback, DecodeFuse, DecodeStrip, DecodeReplace, DecodeMetaspace,
                                 DecodeSuffix, DecodeWordPiece, DecodeCtc, DecodeJoin>;

struct Decoder {
  std::vector<DecoderStep> steps;
};

/// An unknown or unsupported step is refused by name.
[[nodiscard]] Result<Decoder> readDecoder(const Stage& stage);

/// One decoding. The Decoder outlives it.
class Decoding {
 public:
  explicit Decoding(const Decoder& decoder) : m_decoder(&decoder), m_states(decoder.steps.size()) {}

  void add(std::string_view token);
  void finish();       ///< gives out what was held back, and begins anew
  std::string take();  ///< what has come out since the last call

 private:
  /// A part of a token on its way through the steps.
  struct Part {
    std::string_view text;
    bool starts = true, ends = true;  ///< whether the token starts, ends with it
  };
  struct State {
    std::string token;       // what has come of the current token, in steps that need it whole
    std::string held;        // bytes that are not text yet; the last token
    std::size_t tokens = 0;  // started so far, in or out
    std::uint32_t cut = 0;   // DecodeStrip: characters cut from the current token
    bool atStart = false;    // DecodeStrip: nothing but those has come of it
  };
  void push(std::size_t step, Part part);
  void end(std::size_t step);
  bool whole(State& state, Part part);
  void fused(std::size_t step, std::string_view text, bool ends);
  void flushBytes(std::size_t step);

  void run(const DecodeByteLevel&, std::size_t step, Part part);
  void run(const DecodeByteFallback&, std::size_t step, Part part);
  void run(const DecodeFuse&, std::size_t step, Part part);
  void run(const DecodeStrip&, std::size_t step, Part part);
  void run(const DecodeReplace&, std::size_t step, Part part);
  void run(const DecodeMetaspace&, std::size_t step, Part part);
  void run(const DecodeSuffix&, std::size_t step, Part part);
  void run(const DecodeWordPiece&, std::size_t step, Part part);
  void run(const DecodeCtc&, std::size_t step, Part part);
  void run(const DecodeJoin&, std::size_t step, Part part);

  const Decoder* m_decoder;
  std::vector<State> m_states;
  std::string m_out;
};

}  // namespace deltascope::text
