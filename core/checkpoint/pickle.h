// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Python pickles as data: literals, containers and tensors, read by a stack machine that never calls, imports or builds
/// anything (docs.python.org/3/library/pickletools.html describes the opcodes of protocols 0 to 5).
///
/// Untrusted bytes. GLOBAL and STACK_GLOBAL are names, and only those that torch.save needs: torch._utils._rebuild_tensor_v2
/// and _v3, torch._utils._rebuild_parameter and _rebuild_parameter_with_state, collections.OrderedDict, torch.*Storage,
/// torch.storage.UntypedStorage and names of types. REDUCE takes the first five and torch._tensor._rebuild_from_type_v2, BUILD
/// an OrderedDict's attributes, which are dropped. Every other symbol and opcode is refused by name with its offset. Nothing
/// recurses; values, texts, memo and stack are bounded (kMostValues and following), bytes stay in the file.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file.h"

namespace deltascope {

inline constexpr std::size_t kMostPickleValues = std::size_t{1} << 20;  ///< with a stack and a memo no larger
inline constexpr std::size_t kMostPickleItems = std::size_t{1} << 22;   ///< of all containers together
inline constexpr std::size_t kMostPickleOpcodes = std::size_t{1} << 24;
inline constexpr std::uint64_t kLongestPickleText = std::uint64_t{1} << 20;  ///< bytes of one text
inline constexpr std::uint64_t kMostPickleText = std::uint64_t{1} << 26;     ///< bytes of all texts together

enum class PickleKind : std::uint8_t {
  None,
  Bool,
  Int,
  Float,
  Text,    ///< UTF-8
  Bytes,   ///< where they lie in the file
  Tuple,   ///< items
  List,    ///< items
  Dict,    ///< items: key, value, key, value …, as they were set; a key may repeat
  Symbol,  ///< text: module.name
  Stored,  ///< a persistent id; items: the id
  Tensor,  ///< items: what _rebuild_tensor_v2 or _v3 would be called with; integer: 2 or 3
  Parameter
};
[[nodiscard]] std::string_view nameOf(PickleKind kind);  ///< "a list", "a text" …

/// A place in Pickle's values. Containers may hold each other in circles: walk them to a fixed depth.
using PickleRef = std::uint32_t;

struct PickleValue {
  PickleKind kind = PickleKind::None;
  bool ordered = false;      ///< Dict: an OrderedDict
  std::int64_t integer = 0;  ///< Bool, Int
  double number = 0;         ///< Float
  std::string text;          ///< Text, Symbol
  std::uint64_t offset = 0;  ///< of its opcode in the file; Bytes: of the first byte
  std::uint64_t bytes = 0;   ///< Bytes
  std::vector<PickleRef> items;
};

class Pickle {
 public:
  /// The pickle that fills bytes [begin, end) of `file`.
  [[nodiscard]] static Result<Pickle> read(const RandomAccessFile& file, std::uint64_t begin, std::uint64_t end);
  /// The first of the pickles that follow one another in bytes [begin, end); `begin` becomes where the next begins.
  [[nodiscard]] static Result<Pickle> readNext(const RandomAccessFile& file, std::uint64_t& begin, std::uint64_t end);
  /// Every value that was read, in the order of the opcodes.
  [[nodiscard]] const std::vector<PickleValue>& values() const { return m_values; }
  [[nodiscard]] const PickleValue& root() const { return m_values[m_root]; }
  [[nodiscard]] const PickleValue& operator[](PickleRef ref) const { return m_values[ref]; }

 private:
  friend class PickleMachine;
  std::vector<PickleValue> m_values;
  PickleRef m_root = 0;
};

}  // namespace deltascope
