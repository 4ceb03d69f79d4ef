// SPDX-License-Identifier: Apache-2.0
#include "core/text/decoder.h"

#include <charconv>
#include <optional>

#include "core/text/byte_level.h"
#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

/// "<0x0A>" → 10
std::optional<char> byteOf(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return static_cast<char>(value);
}

std::string replaceAll(std::string_view text, std::string_view pattern, std::string_view with) {
  std::string result;
  std::size_t at = 0;
  if (!pattern.empty())
    for (std::size_t next = 0; (next = text.find(pattern, at)) != std::string_view::npos; at = next + pattern.size())
      result.append(text.substr(at, next - at)).append(with);
  return result.append(text.substr(at));
}

std::string cleanedUp(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> kChanges[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kChanges) text = replaceAll(text, from, to);
  return text;
}

/// Cuts up to `most` copies of `content` from the end.
std::string_view withoutEnd(std::string_view text, std::string_view content, std::uint32_t most) {
  for (; most && text.ends_with(content); --most) text.remove_suffix(content.size());
  return text;
}

}  // namespace

void Decoding::add(std::string_view token) { push(0, {token}); }

void Decoding::finish() {
  for (std::size_t step = 0; step < m_states.size(); ++step) end(step);
  m_states.assign(m_states.size(), {});
}

std::string Decoding::take() { return std::exchange(m_out, {}); }

void Decoding::push(std::size_t step, Part part) {
  if (step == m_states.size()) {
    m_out += part.text;
    return;
  }
  std::visit([&](const auto& kind) { run(kind, step, part); }, m_decoder->steps[step]);
}

/// Collects a token; true when it is whole, in state.token.
bool Decoding::whole(State& state, Part part) {
  if (part.starts) state.token.clear();
  state.token += part.text;
  return part.ends;
}

/// Passes text on as more of a single token.
void Decoding::fused(std::size_t step, std::string_view text, bool ends) {
  const bool starts = m_states[step].tokens++ == 0;
  if (starts || ends || !text.empty()) push(step + 1, {text, starts, ends});
}

void Decoding::flushBytes(std::size_t step) {
  const std::string held = std::exchange(m_states[step].held, {});
  if (held.empty()) return;
  if (!firstNotUtf8(held)) return push(step + 1, {held});
  for (std::size_t i = 0; i < held.size(); ++i) push(step + 1, {"\xEF\xBF\xBD"});
}

void Decoding::end(std::size_t step) {
  const DecoderStep& kind = m_decoder->steps[step];
  State& state = m_states[step];
  if (std::holds_alternative<DecodeByteLevel>(kind)) {
    std::string text;
    appendLossy(text, state.held, true);
    fused(step, text, true);
  } else if (std::holds_alternative<DecodeFuse>(kind)) {
    fused(step, {}, true);
  } else if (std::holds_alternative<DecodeByteFallback>(kind)) {
    flushBytes(step);
  } else if (const auto* suffix = std::get_if<DecodeSuffix>(&kind); suffix && state.tokens) {
    push(step + 1, {replaceAll(state.held, suffix->suffix, {})});
  }
}

void Decoding::run(const DecodeByteLevel&, std::size_t step, Part part) {
  State& state = m_states[step];
  if (!whole(state, part)) return;
  const auto bytes = fromByteLevel(state.token);
  state.held += bytes ? *bytes : state.token;
  std::string text;
  state.held.erase(0, appendLossy(text, state.held, false));
  fused(step, text, false);
}

void Decoding::run(const DecodeByteFallback&, std::size_t step, Part part) {
  State& state = m_states[step];
  if (!whole(state, part)) return;
  if (const auto byte = byteOf(state.token)) {
    state.held += *byte;
    return;
  }
  flushBytes(step);
  push(step + 1, {state.token});
}

void Decoding::run(const DecodeFuse&, std::size_t step, Part part) { fused(step, part.text, false); }

void Decoding::run(const DecodeStrip& strip, std::size_t step, Part part) {
  State& state = m_states[step];
  if (strip.stop) {
    // The end is known with the whole token.
    if (!whole(state, part)) return;
    part = {state.token};
  }
  if (part.starts) {
    state.cut = 0;
    state.atStart = true;
  }
  while (state.atStart && state.cut < strip.start && part.text.starts_with(strip.content)) {
    part.text.remove_prefix(strip.content.size());
    ++state.cut;
  }
  if (!part.text.empty()) state.atStart = false;
  part.text = withoutEnd(part.text, strip.content, strip.stop);
  push(step + 1, part);
}

void Decoding::run(const DecodeReplace& replace, std::size_t step, Part part) {
  State& state = m_states[step];
  if (whole(state, part)) push(step + 1, {replaceAll(state.token, replace.pattern, replace.content)});
}

void Decoding::run(const DecodeMetaspace& metaspace, std::size_t step, Part part) {
  State& state = m_states[step];
  if (part.starts) ++state.tokens;
  const std::string_view space = metaspace.dropFirst && state.tokens == 1 ? "" : " ";
  const std::string text = replaceAll(part.text, metaspace.replacement, space);
  push(step + 1, {text, part.starts, part.ends});
}

void Decoding::run(const DecodeSuffix& suffix, std::size_t step, Part part) {
  State& state = m_states[step];
  if (!whole(state, part)) return;
  if (state.tokens++) push(step + 1, {replaceAll(state.held, suffix.suffix, " ")});
  state.held = state.token;
}

void Decoding::run(const DecodeWordPiece& pieces, std::size_t step, Part part) {
  State& state = m_states[step];
  if (!whole(state, part)) return;
  std::string text = state.token;
  if (state.tokens++) {
    if (text.starts_with(pieces.prefix))
      text.erase(0, pieces.prefix.size());
    else
      text.insert(0, 1, ' ');
  }
  if (pieces.cleanUp) text = cleanedUp(std::move(text));
  push(step + 1, {text});
}

void Decoding::run(const DecodeCtc& ctc, std::size_t step, Part part) {
  State& state = m_states[step];
  if (!whole(state, part)) return;
  if (state.tokens++ && state.token == state.held) return;
  state.held = state.token;
  std::string text = replaceAll(state.token, ctc.padding, {});
  if (ctc.cleanUp) text = replaceAll(cleanedUp(std::move(text)), ctc.delimiter, " ");
  if (!text.empty()) push(step + 1, {text});
}

void Decoding::run(const DecodeJoin&, std::size_t step, Part part) {
  State& state = m_states[step];
  if (part.starts && state.tokens++) push(step + 1, {" "});
  push(step + 1, part);
}

}  // namespace deltascope::text
