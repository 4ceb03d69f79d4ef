// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/gguf_cursor.h"

#include <algorithm>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kWindow = 256u << 10;

}  // namespace

tl::unexpected<Error> GgufCursor::corrupt(std::uint64_t offset, std::string_view what, std::string tensor) const {
  return fail(ErrorCode::Corrupt, at({m_file.path(), std::move(tensor), offset}, what),
              "the file is incomplete or damaged; download it again");
}

Result<void> GgufCursor::skip(std::uint64_t count, std::string_view what) {
  if (count > left())
    return corrupt(m_at,
                   std::string(what) + " goes on past the end of the file, which has " + formatCount(m_file.size()) + " bytes");
  m_at += count;
  return {};
}

Result<void> GgufCursor::bytes(std::span<std::byte> into, std::string_view what) {
  const std::uint64_t begin = m_at;
  DELTASCOPE_TRY(skip(into.size(), what));
  if (into.empty()) return {};
  if (into.size() > kWindow) return m_file.readAt(begin, into);
  if (begin < m_windowAt || begin + into.size() > m_windowAt + m_window.size()) {
    m_window.resize(static_cast<std::size_t>(std::min(kWindow, m_file.size() - begin)));
    m_windowAt = begin;
    DELTASCOPE_TRY(m_file.readAt(begin, m_window));
  }
  std::memcpy(into.data(), m_window.data() + (begin - m_windowAt), into.size());
  return {};
}

Result<std::uint64_t> GgufCursor::length(std::uint64_t limit, std::string_view what) {
  const std::uint64_t begin = m_at;
  DELTASCOPE_ASSIGN(const auto length, number<std::uint64_t>(what));
  if (length > left())
    return corrupt(begin,
                   std::string(what) + " claims " + formatCount(length) + " bytes, " + formatCount(left()) + " are left");
  if (length > limit)
    return corrupt(begin, std::string(what) + " claims " + formatCount(length) + " bytes; the limit is " + formatCount(limit));
  return length;
}

Result<std::string> GgufCursor::text(std::uint64_t limit, std::string_view what) {
  DELTASCOPE_ASSIGN(const auto size, length(limit, what));
  std::string text(static_cast<std::size_t>(size), '\0');
  DELTASCOPE_TRY(bytes(std::as_writable_bytes(std::span(text)), what));
  return text;
}

Result<void> GgufCursor::skipText(std::string_view what) {
  DELTASCOPE_ASSIGN(const auto size, length(~std::uint64_t{0}, what));
  return skip(size, what);
}

}  // namespace deltascope
