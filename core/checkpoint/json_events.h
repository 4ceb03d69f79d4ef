// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the JSON readers share: a parser that reports byte offsets, and the errors of nlohmann's SAX interface as values.
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "core/base/result.h"

namespace deltascope {

inline constexpr std::size_t kJsonDepth = 64;

/// Walks the text and notes how far the parser has come, which its events do not tell.
class TrackedText {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedText(const char* at, const char** seen) : m_at(at), m_seen(seen) {}
  reference operator*() const { return *m_at; }
  TrackedText& operator++() {
    *m_seen = ++m_at;
    return *this;
  }
  TrackedText operator++(int) {
    auto before = *this;
    ++*this;
    return before;
  }
  bool operator==(const TrackedText& other) const { return m_at == other.m_at; }
  bool operator!=(const TrackedText& other) const { return m_at != other.m_at; }

 private:
  const char* m_at;
  const char** m_seen;
};

/// Base of SAX handlers: keeps the first error; `refuse` returns false, which ends the parse.
class JsonEvents {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  /// `offset`: of the text in its file.
  JsonEvents(const std::filesystem::path& path, std::string_view text, std::uint64_t offset)
      : m_path(path), m_begin(text.data()), m_seen(text.data()), m_offset(offset) {}

  [[nodiscard]] const char** seen() { return &m_seen; }
  [[nodiscard]] const std::optional<Error>& error() const { return m_error; }
  [[nodiscard]] std::uint64_t position() const { return m_offset + static_cast<std::uint64_t>(m_seen - m_begin); }

  bool binary(binary_t&) { return refuse("holds binary data"); }  // not in JSON text
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& exception);

 protected:
  bool refuse(std::string_view what, std::string_view tensor = {});

 private:
  const std::filesystem::path& m_path;
  const char* m_begin;
  const char* m_seen;
  std::uint64_t m_offset;
  std::optional<Error> m_error;
};

/// Refuses what nlohmann's parser lets pass at the edges: NUL bytes (it stops there) and a byte order mark.
[[nodiscard]] Result<void> checkJsonText(std::string_view text, const std::filesystem::path& path, std::uint64_t offset);

/// Feeds `text` to `events`; never throws.
template <class Events>
[[nodiscard]] Result<void> scanJson(std::string_view text, const std::filesystem::path& path, std::uint64_t offset,
                                    Events& events) {
  DELTASCOPE_TRY(checkJsonText(text, path, offset));
  try {
    const char* const end = text.data() + text.size();
    if (nlohmann::json::sax_parse(TrackedText(text.data(), events.seen()), TrackedText(end, events.seen()), &events)) return {};
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::OutOfMemory, at({path, {}, events.position()}, "not enough memory for its JSON"));
  } catch (const std::exception& e) {
    return fail(ErrorCode::Corrupt, at({path, {}, events.position()}, e.what()));
  }
  if (events.error()) return tl::make_unexpected(*events.error());
  return fail(ErrorCode::Corrupt, at({path, {}, events.position()}, "is not valid JSON"));
}

}  // namespace deltascope
