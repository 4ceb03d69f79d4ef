// SPDX-License-Identifier: Apache-2.0
// What the opcodes do to the stack, the memo and the values.
#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/units.h"
#include "core/checkpoint/pickle_machine.h"

namespace deltascope {
namespace {

constexpr std::string_view kOrderedDict = "collections.OrderedDict", kFromType = "torch._tensor._rebuild_from_type_v2";

/// What REDUCE calls: the value that says so.
struct Callable {
  std::string_view symbol;
  PickleKind kind;
  std::int64_t version;
};
constexpr std::array kCallables{
    Callable{"torch._utils._rebuild_tensor_v2", PickleKind::Tensor, 2},
    Callable{"torch._utils._rebuild_tensor_v3", PickleKind::Tensor, 3},
    Callable{"torch._utils._rebuild_parameter", PickleKind::Parameter, 0},
    Callable{"torch._utils._rebuild_parameter_with_state", PickleKind::Parameter, 0},
};

const Callable* callableOf(std::string_view symbol) {
  const auto found = std::find_if(kCallables.begin(), kCallables.end(), [&](const Callable& c) { return c.symbol == symbol; });
  return found == kCallables.end() ? nullptr : &*found;
}

/// Names of storages and types, which nothing calls: of the types, those that _rebuild_tensor_v3 is for.
bool isTypeName(std::string_view symbol) {
  constexpr std::string_view kPrefix = "torch.", kSuffix = "Storage";
  constexpr std::array<std::string_view, 12> kTypes{"torch.float8_e4m3fn",
                                                    "torch.float8_e5m2",
                                                    "torch.float8_e4m3fnuz",
                                                    "torch.float8_e5m2fnuz",
                                                    "torch.float8_e8m0fnu",
                                                    "torch.float4_e2m1fn_x2",
                                                    "torch.uint16",
                                                    "torch.uint32",
                                                    "torch.uint64",
                                                    "torch.Tensor",
                                                    "torch.nn.parameter.Parameter",
                                                    "torch.storage.UntypedStorage"};
  if (std::find(kTypes.begin(), kTypes.end(), symbol) != kTypes.end()) return true;
  return symbol.starts_with(kPrefix) && symbol.ends_with(kSuffix) && symbol.find('.', kPrefix.size()) == std::string_view::npos;
}

bool isKnownSymbol(std::string_view symbol) {
  return symbol == kOrderedDict || symbol == kFromType || callableOf(symbol) != nullptr || isTypeName(symbol);
}

template <class T>
std::optional<T> parsed(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<void> PickleMachine::push(PickleRef ref) {
  if (m_stack.size() >= kMostPickleValues)
    return refuse("the stack holds more than " + formatCount(kMostPickleValues) + " values");
  m_stack.push_back(ref);
  return {};
}

Result<void> PickleMachine::pushValue(PickleValue value) {
  auto& values = m_pickle.m_values;
  if (values.size() >= kMostPickleValues) return refuse("there are more than " + formatCount(kMostPickleValues) + " values");
  if (value.kind != PickleKind::Bytes) value.offset = m_at;
  values.push_back(std::move(value));
  return push(static_cast<PickleRef>(values.size() - 1));
}

Result<void> PickleMachine::pushInt(std::int64_t integer, PickleKind kind) {
  PickleValue value;
  value.kind = kind;
  value.integer = integer;
  return pushValue(std::move(value));
}

Result<void> PickleMachine::pushOwnText(PickleKind kind, std::string text) {
  m_textBytes += text.size();
  if (m_textBytes > kMostPickleText) return refuse("its texts exceed " + formatCount(kMostPickleText) + " bytes");
  PickleValue value;
  value.kind = kind;
  value.text = std::move(text);
  return pushValue(std::move(value));
}

Result<void> PickleMachine::pushText(Result<std::uint64_t> size) {
  if (!size) return tl::make_unexpected(std::move(size).error());
  DELTASCOPE_ASSIGN(std::string text, m_cursor.text(*size));
  if (!isUtf8(text)) return corrupt("a text is not valid UTF-8");
  return pushOwnText(PickleKind::Text, std::move(text));
}

Result<void> PickleMachine::pushBytes(Result<std::uint64_t> size) {
  if (!size) return tl::make_unexpected(std::move(size).error());
  PickleValue value;
  value.kind = PickleKind::Bytes;
  value.offset = m_cursor.position();
  value.bytes = *size;
  DELTASCOPE_TRY(m_cursor.skip(*size));
  return pushValue(std::move(value));
}

Result<void> PickleMachine::pushIntLine() {
  DELTASCOPE_ASSIGN(const std::string line, m_cursor.line());
  if (line == "00" || line == "01") return pushInt(line == "01", PickleKind::Bool);
  std::string_view digits = line;
  if (digits.ends_with('L')) digits.remove_suffix(1);
  if (const auto value = parsed<std::int64_t>(digits)) return pushInt(*value);
  return corrupt("\"" + printable(line, 40) + "\" is not a number of 64 bits");
}

/// Two's complement, little-endian.
Result<void> PickleMachine::pushLong(Result<std::uint64_t> size) {
  if (!size) return tl::make_unexpected(std::move(size).error());
  if (*size > 8) return refuse("a number of " + formatCount(*size) + " bytes, at most 8 are read");
  DELTASCOPE_ASSIGN(const std::uint64_t bits, m_cursor.number(static_cast<std::size_t>(*size)));
  const unsigned unused = 64 - 8 * static_cast<unsigned>(*size);
  return pushInt(unused == 64 ? 0 : static_cast<std::int64_t>(bits << unused) >> unused);
}

Result<void> PickleMachine::pushSymbol(const std::string& module, const std::string& name) {
  const std::string symbol = module + "." + name;
  if (!isKnownSymbol(symbol)) return refuse("names " + printable(symbol));
  return pushOwnText(PickleKind::Symbol, symbol);
}

Result<PickleRef> PickleMachine::pop() {
  if (m_stack.size() <= floor()) return corrupt("takes a value that is not there");
  const PickleRef ref = m_stack.back();
  m_stack.pop_back();
  return ref;
}

Result<std::vector<PickleRef>> PickleMachine::popToMark() {
  if (m_marks.empty()) return corrupt("looks for a mark that is not there");
  const auto from = m_stack.begin() + static_cast<std::ptrdiff_t>(m_marks.back());
  std::vector<PickleRef> items(from, m_stack.end());
  m_stack.erase(from, m_stack.end());
  m_marks.pop_back();
  return items;
}

/// Appends to the list or dict on top of the stack.
Result<void> PickleMachine::extend(PickleKind kind, const std::vector<PickleRef>& items) {
  if (m_stack.size() <= floor()) return corrupt("adds to a container that is not there");
  PickleValue& container = m_pickle.m_values[m_stack.back()];
  if (container.kind != kind)
    return corrupt("adds items to " + std::string(nameOf(container.kind)) + ", not to " + std::string(nameOf(kind)));
  if (kind == PickleKind::Dict && items.size() % 2 != 0) return corrupt("sets a key without a value");
  m_items += items.size();
  if (m_items > kMostPickleItems) return refuse("its containers hold more than " + formatCount(kMostPickleItems) + " items");
  container.items.insert(container.items.end(), items.begin(), items.end());
  return {};
}

Result<void> PickleMachine::tuple(std::size_t count) {
  std::vector<PickleRef> items(count);
  for (std::size_t i = count; i-- > 0;) {
    DELTASCOPE_ASSIGN(items[i], pop());
  }
  PickleValue value;
  value.kind = PickleKind::Tuple;
  DELTASCOPE_TRY(pushValue(std::move(value)));
  return extend(PickleKind::Tuple, items);
}

Result<void> PickleMachine::collect(PickleKind kind) {
  DELTASCOPE_ASSIGN(const auto items, popToMark());
  PickleValue value;
  value.kind = kind;
  DELTASCOPE_TRY(pushValue(std::move(value)));
  return extend(kind, items);
}

/// What a call would give, as a value that says so.
Result<void> PickleMachine::reduce() {
  DELTASCOPE_ASSIGN(const PickleRef arguments, pop());
  DELTASCOPE_ASSIGN(const PickleRef callable, pop());
  const PickleValue& symbol = m_pickle.m_values[callable];
  if (symbol.kind != PickleKind::Symbol) return refuse("the opcode REDUCE calls " + std::string(nameOf(symbol.kind)));
  if (m_pickle.m_values[arguments].kind != PickleKind::Tuple) return corrupt("calls " + symbol.text + " without a tuple");
  std::vector<PickleRef> items = m_pickle.m_values[arguments].items;
  std::string_view called = symbol.text;
  PickleValue value;
  if (called == kFromType) {  // (function, type, arguments, state): a tensor with attributes, which are dropped
    const auto& values = m_pickle.m_values;
    if (items.size() != 4 || values[items[0]].kind != PickleKind::Symbol || values[items[1]].kind != PickleKind::Symbol ||
        values[items[2]].kind != PickleKind::Tuple)
      return corrupt("calls " + symbol.text + " otherwise than torch does");
    if (!callableOf(values[items[0]].text)) return refuse("the opcode REDUCE calls " + values[items[0]].text);
    called = values[items[0]].text;
    items = std::vector<PickleRef>(values[items[2]].items);
  }
  if (called == kOrderedDict) {
    if (!items.empty()) return refuse("the opcode REDUCE calls collections.OrderedDict with arguments");
    value.kind = PickleKind::Dict;
    value.ordered = true;
  } else if (const Callable* const known = callableOf(called)) {
    value.kind = known->kind;
    value.integer = known->version;
  } else {
    return refuse("the opcode REDUCE calls " + std::string(called));
  }
  m_items += items.size();
  if (m_items > kMostPickleItems) return refuse("its containers hold more than " + formatCount(kMostPickleItems) + " items");
  value.items = items;
  return pushValue(std::move(value));
}

/// Attributes of an OrderedDict (torch keeps `_metadata` there) say nothing about tensors.
Result<void> PickleMachine::build() {
  DELTASCOPE_ASSIGN(const PickleRef state, pop());
  if (m_stack.size() <= floor()) return corrupt("builds a value that is not there");
  const PickleValue& target = m_pickle.m_values[m_stack.back()];
  if (!target.ordered || m_pickle.m_values[state].kind != PickleKind::Dict)
    return refuse("the opcode BUILD sets the state of " + std::string(nameOf(target.kind)));
  return {};
}

Result<void> PickleMachine::put(Result<std::uint64_t> key) {
  if (!key) return tl::make_unexpected(std::move(key).error());
  if (m_stack.size() <= floor()) return corrupt("remembers a value that is not there");
  if (m_memo.size() >= kMostPickleValues) return refuse("remembers more than " + formatCount(kMostPickleValues) + " values");
  m_memo[*key] = m_stack.back();
  return {};
}

Result<void> PickleMachine::get(Result<std::uint64_t> key) {
  if (!key) return tl::make_unexpected(std::move(key).error());
  const auto found = m_memo.find(*key);
  if (found == m_memo.end()) return corrupt("recalls value " + std::to_string(*key) + ", which was never remembered");
  return push(found->second);
}

Result<std::uint64_t> PickleMachine::keyLine() {
  DELTASCOPE_ASSIGN(const std::string line, m_cursor.line());
  if (const auto key = parsed<std::uint64_t>(line)) return *key;
  return corrupt("\"" + printable(line, 40) + "\" is no place in the memo");
}

Result<void> PickleMachine::inst() {
  DELTASCOPE_ASSIGN(const std::string module, m_cursor.line());
  DELTASCOPE_ASSIGN(const std::string name, m_cursor.line());
  return refuse("the opcode INST calls " + printable(module + "." + name));
}

}  // namespace deltascope
