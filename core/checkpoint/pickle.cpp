// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/pickle.h"

#include <charconv>

#include "core/base/units.h"
#include "core/checkpoint/pickle_machine.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kNewestProtocol = 5;

}  // namespace

Result<void> PickleMachine::literal(PickleOp op) {
  switch (op) {
    case PickleOp::None:
      return pushValue({});
    case PickleOp::NewTrue:
    case PickleOp::NewFalse:
      return pushInt(op == PickleOp::NewTrue, PickleKind::Bool);
    case PickleOp::Int:
    case PickleOp::Long:
      return pushIntLine();
    case PickleOp::BinInt: {
      DELTASCOPE_ASSIGN(const std::uint64_t bits, m_cursor.number(4));
      return pushInt(static_cast<std::int32_t>(static_cast<std::uint32_t>(bits)));
    }
    case PickleOp::BinInt1:
    case PickleOp::BinInt2: {
      DELTASCOPE_ASSIGN(const std::uint64_t bits, m_cursor.number(op == PickleOp::BinInt1 ? 1 : 2));
      return pushInt(static_cast<std::int64_t>(bits));
    }
    case PickleOp::Long1:
      return pushLong(m_cursor.number(1));
    case PickleOp::Long4:
      return pushLong(m_cursor.number(4));
    case PickleOp::Float:
    case PickleOp::BinFloat: {
      PickleValue value;
      value.kind = PickleKind::Float;
      if (op == PickleOp::BinFloat) {
        DELTASCOPE_ASSIGN(value.number, m_cursor.bigEndianDouble());
        return pushValue(std::move(value));
      }
      DELTASCOPE_ASSIGN(const std::string line, m_cursor.line());
      const char* const end = line.data() + line.size();
      if (const auto [stop, error] = std::from_chars(line.data(), end, value.number); error != std::errc() || stop != end)
        return corrupt("\"" + printable(line, 40) + "\" is not a number");
      return pushValue(std::move(value));
    }
    case PickleOp::Unicode: {
      DELTASCOPE_ASSIGN(const std::string line, m_cursor.line());
      auto text = fromRawUnicodeEscape(line);
      if (!text) return corrupt("a text has a malformed escape");
      return pushOwnText(PickleKind::Text, std::move(*text));
    }
    case PickleOp::ShortBinUnicode:
      return pushText(m_cursor.number(1));
    case PickleOp::BinUnicode:
      return pushText(m_cursor.number(4));
    case PickleOp::BinUnicode8:
      return pushText(m_cursor.number(8));
    case PickleOp::ShortBinBytes:
      return pushBytes(m_cursor.number(1));
    case PickleOp::BinBytes:
      return pushBytes(m_cursor.number(4));
    default:  // BinBytes8, ByteArray8
      return pushBytes(m_cursor.number(8));
  }
}

Result<void> PickleMachine::container(PickleOp op) {
  switch (op) {
    case PickleOp::EmptyDict:
    case PickleOp::EmptyList: {
      PickleValue value;
      value.kind = op == PickleOp::EmptyDict ? PickleKind::Dict : PickleKind::List;
      return pushValue(std::move(value));
    }
    case PickleOp::EmptyTuple:
      return tuple(0);
    case PickleOp::Tuple1:
      return tuple(1);
    case PickleOp::Tuple2:
      return tuple(2);
    case PickleOp::Tuple3:
      return tuple(3);
    case PickleOp::Tuple:
      return collect(PickleKind::Tuple);
    case PickleOp::List:
      return collect(PickleKind::List);
    case PickleOp::Dict:
      return collect(PickleKind::Dict);
    case PickleOp::Append: {
      DELTASCOPE_ASSIGN(const PickleRef item, pop());
      return extend(PickleKind::List, {item});
    }
    case PickleOp::SetItem: {
      DELTASCOPE_ASSIGN(const PickleRef value, pop());
      DELTASCOPE_ASSIGN(const PickleRef key, pop());
      return extend(PickleKind::Dict, {key, value});
    }
    default: {  // Appends, SetItems
      DELTASCOPE_ASSIGN(const auto items, popToMark());
      return extend(op == PickleOp::Appends ? PickleKind::List : PickleKind::Dict, items);
    }
  }
}

Result<void> PickleMachine::memo(PickleOp op) {
  switch (op) {
    case PickleOp::Memoize:
      return put(std::uint64_t{m_memo.size()});
    case PickleOp::Put:
      return put(keyLine());
    case PickleOp::BinPut:
      return put(m_cursor.number(1));
    case PickleOp::LongBinPut:
      return put(m_cursor.number(4));
    case PickleOp::Get:
      return get(keyLine());
    case PickleOp::BinGet:
      return get(m_cursor.number(1));
    default:  // LongBinGet
      return get(m_cursor.number(4));
  }
}

Result<void> PickleMachine::step(std::uint8_t opcode) {
  switch (const auto op = static_cast<PickleOp>(opcode); op) {
    case PickleOp::Proto: {
      DELTASCOPE_ASSIGN(const std::uint64_t protocol, m_cursor.number(1));
      if (protocol > kNewestProtocol) return refuse("is of protocol " + std::to_string(protocol) + ", the newest known is 5");
      return {};
    }
    case PickleOp::Frame: {
      DELTASCOPE_ASSIGN(const std::uint64_t size, m_cursor.number(8));
      if (size > m_cursor.left())
        return corrupt("a frame of " + formatCount(size) + " bytes, " + formatCount(m_cursor.left()) + " are left");
      return {};
    }
    case PickleOp::Mark:
      if (m_marks.size() >= kMostPickleValues) return refuse("sets more than " + formatCount(kMostPickleValues) + " marks");
      m_marks.push_back(m_stack.size());
      return {};
    case PickleOp::Pop:
      // CPython's POP takes a mark where there is nothing above it.
      if (!m_marks.empty() && m_stack.size() == floor()) {
        m_marks.pop_back();
        return {};
      }
      DELTASCOPE_TRY(pop());
      return {};
    case PickleOp::PopMark:
      DELTASCOPE_TRY(popToMark());
      return {};
    case PickleOp::Dup:
      if (m_stack.size() <= floor()) return corrupt("repeats a value that is not there");
      return push(m_stack.back());
    case PickleOp::None:
    case PickleOp::NewTrue:
    case PickleOp::NewFalse:
    case PickleOp::Int:
    case PickleOp::Long:
    case PickleOp::BinInt:
    case PickleOp::BinInt1:
    case PickleOp::BinInt2:
    case PickleOp::Long1:
    case PickleOp::Long4:
    case PickleOp::Float:
    case PickleOp::BinFloat:
    case PickleOp::Unicode:
    case PickleOp::BinUnicode:
    case PickleOp::ShortBinUnicode:
    case PickleOp::BinUnicode8:
    case PickleOp::BinBytes:
    case PickleOp::ShortBinBytes:
    case PickleOp::BinBytes8:
    case PickleOp::ByteArray8:
      return literal(op);
    case PickleOp::EmptyDict:
    case PickleOp::EmptyList:
    case PickleOp::EmptyTuple:
    case PickleOp::Tuple:
    case PickleOp::Tuple1:
    case PickleOp::Tuple2:
    case PickleOp::Tuple3:
    case PickleOp::List:
    case PickleOp::Dict:
    case PickleOp::Append:
    case PickleOp::Appends:
    case PickleOp::SetItem:
    case PickleOp::SetItems:
      return container(op);
    case PickleOp::Memoize:
    case PickleOp::Put:
    case PickleOp::BinPut:
    case PickleOp::LongBinPut:
    case PickleOp::Get:
    case PickleOp::BinGet:
    case PickleOp::LongBinGet:
      return memo(op);
    case PickleOp::Global: {
      DELTASCOPE_ASSIGN(const std::string module, m_cursor.line());
      DELTASCOPE_ASSIGN(const std::string name, m_cursor.line());
      return pushSymbol(module, name);
    }
    case PickleOp::StackGlobal: {
      DELTASCOPE_ASSIGN(const PickleRef name, pop());
      DELTASCOPE_ASSIGN(const PickleRef module, pop());
      const auto& values = m_pickle.m_values;
      if (values[name].kind != PickleKind::Text || values[module].kind != PickleKind::Text)
        return corrupt("a symbol's name is no text");
      return pushSymbol(values[module].text, values[name].text);
    }
    case PickleOp::BinPersId: {
      DELTASCOPE_ASSIGN(const PickleRef id, pop());
      PickleValue value;
      value.kind = PickleKind::Stored;
      value.items = {id};
      return pushValue(std::move(value));
    }
    case PickleOp::Reduce:
      return reduce();
    case PickleOp::Build:
      return build();
    case PickleOp::Inst:
      return inst();
    case PickleOp::Stop:
      break;
  }
  const auto name = nameOfRefused(opcode);
  if (name.empty()) return corrupt("byte " + std::to_string(opcode) + " is no opcode");
  return refuse("the opcode " + std::string(name));
}

Result<Pickle> PickleMachine::run() {
  for (std::size_t steps = 0;; ++steps) {
    m_at = m_cursor.position();
    if (steps >= kMostPickleOpcodes) return refuse("there are more than " + formatCount(kMostPickleOpcodes) + " opcodes");
    DELTASCOPE_ASSIGN(const std::uint64_t opcode, m_cursor.number(1));
    if (opcode == static_cast<std::uint8_t>(PickleOp::Stop)) break;
    DELTASCOPE_TRY(step(static_cast<std::uint8_t>(opcode)));
  }
  if (m_stack.size() != 1 || !m_marks.empty())
    return corrupt("the pickle ends with " + formatCount(m_stack.size()) + " values, not with one");
  m_pickle.m_root = m_stack.front();
  return std::move(m_pickle);
}

Result<Pickle> Pickle::read(const RandomAccessFile& file, std::uint64_t begin, std::uint64_t end) {
  if (begin > end || end > file.size())
    return fail(ErrorCode::InvalidArgument, at({file.path(), {}, begin}, "a pickle cannot lie outside its file"));
  const std::uint64_t start = begin;
  DELTASCOPE_ASSIGN(Pickle pickle, readNext(file, begin, end));
  if (begin == end) return pickle;
  return fail(ErrorCode::Corrupt, at({file.path(), {}, start}, formatCount(end - begin) + " bytes follow the pickle's end"),
              "the pickle is damaged");
}

Result<Pickle> Pickle::readNext(const RandomAccessFile& file, std::uint64_t& begin, std::uint64_t end) {
  if (begin > end || end > file.size())
    return fail(ErrorCode::InvalidArgument, at({file.path(), {}, begin}, "a pickle cannot lie outside its file"));
  PickleMachine machine(file, begin, end);
  DELTASCOPE_ASSIGN(Pickle pickle, machine.run());
  begin = machine.position();
  return pickle;
}

}  // namespace deltascope
