// SPDX-License-Identifier: Apache-2.0
#include "core/text/decoder.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

Result<DecoderStep> readStrip(const Stage& stage) {
  DecodeStrip strip;
  DELTASCOPE_ASSIGN(strip.content, stage.string("content"));
  DELTASCOPE_ASSIGN(strip.start, stage.number("start"));
  DELTASCOPE_ASSIGN(strip.stop, stage.number("stop"));
  if (strip.content.empty() || utf8At(strip.content, 0).length != strip.content.size())
    return stage.refuse("\"content\" must be one character");
  return strip;
}

Result<DecoderStep> readLiteral(const Stage& stage) {
  DecodeReplace replace;
  DELTASCOPE_ASSIGN(const Stage pattern, stage.object("pattern"));
  if (pattern.has("Regex")) return pattern.unsupported("a regular expression in a decoder is not supported");
  DELTASCOPE_ASSIGN(replace.pattern, pattern.string("String"));
  DELTASCOPE_ASSIGN(replace.content, stage.string("content"));
  if (replace.content.size() > 4096) return stage.unsupported("\"content\" is longer than 4096 bytes");
  return replace;
}

Result<DecoderStep> readMetaspace(const Stage& stage) {
  DecodeMetaspace metaspace;
  DELTASCOPE_ASSIGN(metaspace.replacement, readReplacement(stage));
  DELTASCOPE_ASSIGN(const auto scheme, readPrependScheme(stage));
  metaspace.dropFirst = scheme != Metaspace::Scheme::Never;
  return metaspace;
}

Result<DecoderStep> readStep(const Stage& stage) {
  DELTASCOPE_ASSIGN(const std::string type, stage.type());
  if (type == "ByteLevel") return DecodeByteLevel{};
  if (type == "ByteFallback") return DecodeByteFallback{};
  if (type == "Fuse") return DecodeFuse{};
  if (type == "Strip") return readStrip(stage);
  if (type == "Replace") return readLiteral(stage);
  if (type == "Metaspace") return readMetaspace(stage);
  if (type == "WordPiece") {
    DecodeWordPiece pieces;
    DELTASCOPE_ASSIGN(pieces.prefix, stage.string("prefix"));
    DELTASCOPE_ASSIGN(pieces.cleanUp, stage.flag("cleanup"));
    return DecoderStep(std::move(pieces));
  }
  if (type == "CTC") {
    DecodeCtc ctc;
    DELTASCOPE_ASSIGN(ctc.padding, stage.string("pad_token"));
    DELTASCOPE_ASSIGN(ctc.delimiter, stage.string("word_delimiter_token"));
    DELTASCOPE_ASSIGN(ctc.cleanUp, stage.flag("cleanup"));
    return DecoderStep(std::move(ctc));
  }
  if (type == "BPEDecoder") {
    DELTASCOPE_ASSIGN(std::string suffix, stage.string("suffix", "</w>"));
    return DecodeSuffix{std::move(suffix)};
  }
  return stage.unsupported("the decoder \"" + printable(type) + "\" is not supported");
}

}  // namespace

Result<Decoder> readDecoder(const Stage& stage) {
  Decoder decoder;
  if (stage.isNull()) {
    decoder.steps.emplace_back(DecodeJoin{});
    return decoder;
  }
  DELTASCOPE_ASSIGN(const auto parts, flatten(stage, "decoders"));
  for (const Stage& part : parts) {
    DELTASCOPE_ASSIGN(DecoderStep step, readStep(part));
    decoder.steps.push_back(std::move(step));
  }
  return decoder;
}

}  // namespace deltascope::text
