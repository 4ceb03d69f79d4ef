// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/from_json.h"

#include <algorithm>

#include "core/text/utf8.h"

namespace deltascope::jinja {
namespace {

using nlohmann::ordered_json;

constexpr unsigned kMostNesting = 64;
constexpr std::size_t kLongestRole = 64;
constexpr std::string_view kReasoning[] = {"reasoning_content", "thinking", "reasoning"};

class Converter {
 public:
  Converter(const std::string& what, Budget& budget) : m_what(what), m_budget(budget) {}

  Result<Value> convert(const ordered_json& json, unsigned nesting) {
    if (nesting > kMostNesting) return refuse("is nested deeper than 64");
    if (!m_budget.spend(1)) return None{};
    switch (json.type()) {
      case ordered_json::value_t::null:
        return None{};
      case ordered_json::value_t::boolean:
        return json.get<bool>();
      case ordered_json::value_t::number_integer:
        return json.get<std::int64_t>();
      case ordered_json::value_t::number_unsigned:
        if (json.get<std::uint64_t>() > std::uint64_t{INT64_MAX}) return refuse("holds a number beyond 64 bits");
        return json.get<std::int64_t>();
      case ordered_json::value_t::number_float:
        return json.get<double>();
      case ordered_json::value_t::string:
        return text(json.get_ref<const std::string&>());
      case ordered_json::value_t::array: {
        std::vector<Value> items;
        items.reserve(json.size());
        for (const auto& item : json) {
          DELTASCOPE_ASSIGN(Value value, convert(item, nesting + 1));
          items.push_back(std::move(value));
        }
        return makeList(m_budget, std::move(items));
      }
      case ordered_json::value_t::object: {
        DictBuilder dict(m_budget);
        for (const auto& [key, item] : json.items()) DELTASCOPE_TRY(add(dict, key, item, nesting));
        return dict.finish();
      }
      default:
        return refuse("holds something that is not JSON");
    }
  }

  Result<Value> text(const std::string& bytes, Origin origin = Origin::Data) {
    if (text::firstNotUtf8(bytes)) return refuse("holds text that is not UTF-8");
    return makeText(m_budget, bytes, origin);
  }

  Result<void> add(DictBuilder& dict, const std::string& key, const ordered_json& item, unsigned nesting,
                   Origin origin = Origin::Data) {
    DELTASCOPE_ASSIGN(Value name, text(key));
    DELTASCOPE_ASSIGN(Value value,
                      item.is_string() ? text(item.get_ref<const std::string&>(), origin) : convert(item, nesting + 1));
    dict.set(std::move(name), std::move(value));
    return {};
  }

 private:
  tl::unexpected<Error> refuse(std::string_view why) const {
    return fail(ErrorCode::InvalidArgument, m_what + " " + std::string(why));
  }
  const std::string& m_what;
  Budget& m_budget;
};

/// "user", "tool_response": nothing that could be a special token without the template's help.
bool isPlainWord(const std::string& text) {
  return text.size() <= kLongestRole && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

Result<Value> messageFromJson(const ordered_json& message, const std::string& what, Budget& budget) {
  Converter converter(what, budget);
  DictBuilder dict(budget);
  const ordered_json* reasoning = nullptr;
  for (const auto name : kReasoning)
    if (const auto found = message.find(name); !reasoning && found != message.end() && !found->is_null()) reasoning = &*found;
  if (reasoning && !message.contains("thinking")) DELTASCOPE_TRY(converter.add(dict, "thinking", *reasoning, 1));
  for (const auto& [key, item] : message.items()) {
    if (item.is_null()) continue;
    const bool word = key == "role" && item.is_string() && isPlainWord(item.get_ref<const std::string&>());
    DELTASCOPE_TRY(converter.add(dict, key, item, 1, word ? Origin::Template : Origin::Data));
  }
  if (reasoning) DELTASCOPE_TRY(converter.add(dict, "reasoning_content", *reasoning, 1));
  return dict.finish();
}

}  // namespace

Result<Value> fromJson(const ordered_json& json, const std::string& what, Budget& budget) {
  return Converter(what, budget).convert(json, 0);
}

Result<Value> messagesFromJson(const ordered_json& messages, Budget& budget) {
  if (!messages.is_array() || messages.empty())
    return fail(ErrorCode::InvalidArgument, "there are no messages to render",
                "give at least one, such as the user's question");
  std::vector<Value> list;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string what = "messages[" + std::to_string(i) + "]";
    if (!messages[i].is_object()) return fail(ErrorCode::InvalidArgument, what + " is not an object");
    DELTASCOPE_ASSIGN(Value message, messageFromJson(messages[i], what, budget));
    list.push_back(std::move(message));
  }
  return makeList(budget, std::move(list));
}

}  // namespace deltascope::jinja
