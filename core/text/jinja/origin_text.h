// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A string that knows of each byte whether the template wrote it or the conversation: only the template's own words may become
/// special tokens. UTF-8 throughout; offsets are bytes.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace deltascope::jinja {

enum class Origin : bool { Data, Template };

/// Ends of runs ascend, neighbours differ, none is empty.
struct OriginRun {
  std::size_t end = 0;
  Origin origin = Origin::Data;
};

class OriginText {
 public:
  OriginText() = default;
  OriginText(std::string bytes, Origin origin) : m_bytes(std::move(bytes)), m_last(origin) {}

  [[nodiscard]] const std::string& bytes() const { return m_bytes; }
  [[nodiscard]] std::size_t size() const { return m_bytes.size(); }
  [[nodiscard]] bool empty() const { return m_bytes.empty(); }
  [[nodiscard]] Origin originAt(std::size_t at) const;
  [[nodiscard]] std::vector<OriginRun> runs() const;

  void append(std::string_view bytes, Origin origin);
  void append(const OriginText& other) { append(other, 0, other.size()); }
  void append(const OriginText& other, std::size_t begin, std::size_t end);  ///< begin <= end <= other.size()
  [[nodiscard]] OriginText slice(std::size_t begin, std::size_t end) const;

 private:
  std::string m_bytes;
  std::vector<OriginRun> m_before;  ///< all runs but the last
  Origin m_last = Origin::Data;
};

}  // namespace deltascope::jinja
