// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/json.h"

#include <vector>

#include "core/checkpoint/json_events.h"

namespace deltascope {
namespace {

using nlohmann::json;

/// Builds the value, as nlohmann's own handler does, but refuses deep nesting and duplicate keys.
class DomEvents : public JsonEvents {
 public:
  using JsonEvents::JsonEvents;
  [[nodiscard]] json take() { return std::move(m_root); }

  bool null() { return add(nullptr) != nullptr; }
  bool boolean(bool value) { return add(value) != nullptr; }
  bool number_integer(number_integer_t value) { return add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) { return add(value) != nullptr; }
  bool string(string_t& value) { return add(std::move(value)) != nullptr; }
  bool start_object(std::size_t) { return open(json::object()); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(string_t& name) {
    auto& object = m_open.back()->get_ref<json::object_t&>();
    const auto [entry, isNew] = object.try_emplace(std::move(name), nullptr);
    if (!isNew) return refuse("the key \"" + printable(entry->first) + "\" occurs twice");
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

Result<json> parseJson(std::string_view text, const std::filesystem::path& path) {
  DomEvents events(path, text, 0);
  DELTASCOPE_TRY(scanJson(text, path, 0, events));
  return events.take();
}

}  // namespace deltascope
