// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/json.h"

#include <vector>

#include "core/base/file.h"
#include "core/checkpoint/foreign.h"
#include "core/checkpoint/json_events.h"
#include "core/checkpoint/python_json.h"

namespace deltascope {
namespace {

using nlohmann::json;

/// Builds the value, as nlohmann's own handler does, but refuses deep nesting and, where `numbers` is null, duplicate keys.
class DomEvents : public JsonEvents {
 public:
  using Numbers = std::vector<std::pair<std::size_t, double>>;
  /// `numbers`: strings that stand for a number, by where they end.
  DomEvents(const std::filesystem::path& path, std::string_view text, const Numbers* numbers)
      : JsonEvents(path, text, 0), m_numbers(numbers) {}
  [[nodiscard]] json take() { return std::move(m_root); }

  bool null() { return add(nullptr) != nullptr; }
  bool boolean(bool value) { return add(value) != nullptr; }
  bool number_integer(number_integer_t value) { return add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) { return add(value) != nullptr; }
  bool string(string_t& value) {
    if (const double* number = numberHere()) return add(*number) != nullptr;
    return add(std::move(value)) != nullptr;
  }
  bool start_object(std::size_t) { return open(json::object()); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(string_t& name) {
    if (numberHere()) return refuse("is not valid JSON (a key is a number)");
    auto& object = m_open.back()->get_ref<json::object_t&>();
    const auto [entry, isNew] = object.try_emplace(std::move(name), nullptr);
    if (!isNew && !m_numbers) return refuse("the key \"" + printable(entry->first) + "\" occurs twice");
    m_value = &entry->second;
    return true;
  }

 private:
  json* add(json value) {
    if (m_open.empty()) {
      m_root = std::move(value);
      return &m_root;
    }
    if (auto* array = m_open.back()->get_ptr<json::array_t*>()) return &array->emplace_back(std::move(value));
    *m_value = std::move(value);
    return m_value;
  }
  bool open(json container) {
    if (m_open.size() >= kJsonDepth) return refuse("is nested deeper than " + std::to_string(kJsonDepth) + " levels");
    m_open.push_back(add(std::move(container)));
    return true;
  }
  bool close() {
    m_open.pop_back();
    return true;
  }
  [[nodiscard]] const double* numberHere() {
    if (!m_numbers) return nullptr;
    while (m_next < m_numbers->size() && (*m_numbers)[m_next].first < position()) ++m_next;
    return m_next < m_numbers->size() && (*m_numbers)[m_next].first == position() ? &(*m_numbers)[m_next].second : nullptr;
  }

  const Numbers* m_numbers;
  std::size_t m_next = 0;

  json m_root;
  std::vector<json*> m_open;
  json* m_value = nullptr;  // where the value of the key just read goes
};

}  // namespace

bool JsonEvents::refuse(std::string_view what, std::string_view tensor) {
  m_error = Error{ErrorCode::Corrupt, at({m_path, std::string(tensor), position()}, what), {}};
  return false;
}

bool JsonEvents::parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& exception) {
  // "[json.exception.parse_error.101] parse error at line 1, column 2: reason; last read: '…'": the reason is enough
  std::string_view reason = exception.what();
  reason = reason.substr(0, reason.find("; last read"));
  if (const auto colon = reason.find(": "); colon != std::string_view::npos) reason.remove_prefix(colon + 2);
  return refuse("is not valid JSON (" + printable(reason) + ")");
}

Result<void> checkJsonText(std::string_view text, const std::filesystem::path& path, std::uint64_t offset) {
  if (text.starts_with("\xEF\xBB\xBF"))
    return fail(ErrorCode::Corrupt, at({path, {}, offset}, "is not valid JSON (it starts with a byte order mark)"),
                "save it as UTF-8 without one");
  if (const auto nul = text.find('\0'); nul != std::string_view::npos)
    return fail(ErrorCode::Corrupt, at({path, {}, offset + nul}, "is not valid JSON (a NUL byte)"));
  return {};
}

Result<json> parseJson(std::string_view text, const std::filesystem::path& path, JsonRules rules) {
  if (rules == JsonRules::Strict) {
    DomEvents events(path, text, nullptr);
    DELTASCOPE_TRY(scanJson(text, path, 0, events));
    return events.take();
  }
  const PlainJson plain = replacePythonNumbers(text);
  DomEvents events(path, plain.text, &plain.ends);
  DELTASCOPE_TRY(scanJson(plain.text, path, 0, events));
  return events.take();
}

Result<json> readModelJson(const std::filesystem::path& path, std::uint64_t limit) {
  DELTASCOPE_ASSIGN(const std::string text, readModelText(path, limit));
  return parseJson(text, path);
}

}  // namespace deltascope
