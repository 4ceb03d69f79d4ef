// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The stack machine behind Pickle::read. Internal to the pickle reader.
#include <optional>
#include <unordered_map>

#include "core/checkpoint/pickle_cursor.h"
#include "core/checkpoint/pickle_opcodes.h"

namespace deltascope {

/// One run over a pickle. `m_at` is the offset of the opcode in work.
class PickleMachine {
 public:
  PickleMachine(const RandomAccessFile& file, std::uint64_t begin, std::uint64_t end)
      : m_file(file), m_cursor(file, begin, end) {}
  Result<Pickle> run();
  [[nodiscard]] std::uint64_t left() const { return m_cursor.left(); }
  [[nodiscard]] std::uint64_t position() const { return m_cursor.position(); }

 private:
  Result<void> step(std::uint8_t opcode);
  Result<void> literal(PickleOp op);
  Result<void> container(PickleOp op);
  Result<void> memo(PickleOp op);

  Result<void> push(PickleRef ref);
  Result<void> pushValue(PickleValue value);
  Result<void> pushInt(std::int64_t value, PickleKind kind = PickleKind::Int);
  Result<void> pushText(Result<std::uint64_t> size);
  Result<void> pushOwnText(PickleKind kind, std::string text);
  Result<void> pushBytes(Result<std::uint64_t> size);
  Result<void> pushIntLine();
  Result<void> pushLong(Result<std::uint64_t> size);
  Result<void> pushSymbol(const std::string& module, const std::string& name);
  Result<PickleRef> pop();
  Result<std::vector<PickleRef>> popToMark();
  Result<void> extend(PickleKind kind, const std::vector<PickleRef>& items);
  Result<void> tuple(std::size_t count);
  Result<void> collect(PickleKind kind);
  Result<void> reduce();
  Result<void> build();
  Result<void> put(Result<std::uint64_t> key);
  Result<void> get(Result<std::uint64_t> key);
  Result<std::uint64_t> keyLine();
  Result<void> inst();

  [[nodiscard]] tl::unexpected<Error> corrupt(const std::string& what) const {
    return fail(ErrorCode::Corrupt, at({m_file.path(), {}, m_at}, what), "the pickle is damaged");
  }
  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& what) const {
    return fail(ErrorCode::Unsupported, at({m_file.path(), {}, m_at}, what),
                "only literals, containers and tensors are read; nothing in a pickle is run");
  }
  [[nodiscard]] std::size_t floor() const { return m_marks.empty() ? 0 : m_marks.back(); }

  const RandomAccessFile& m_file;
  PickleCursor m_cursor;
  Pickle m_pickle;
  std::vector<PickleRef> m_stack;
  std::vector<std::size_t> m_marks;  ///< stack sizes
  std::unordered_map<std::uint64_t, PickleRef> m_memo;
  std::size_t m_items = 0;
  std::uint64_t m_textBytes = 0, m_at = 0;
};

}  // namespace deltascope
