// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What one rendering may use. A template is untrusted: its work, its memory and its depth are counted, and the count is
/// sticky: once a limit is passed nothing grows any more, and the interpreter stops at the next node.
#include <cstddef>
#include <cstdint>
#include <string>

namespace deltascope::jinja {

struct Limits {
  std::uint64_t work = 8'000'000;              ///< evaluated nodes, touched items, and bytes of text / 64
  std::size_t bytes = std::size_t{256} << 20;  ///< strings and collections alive at one time
  std::size_t output = std::size_t{64} << 20;  ///< bytes of the rendered text
  unsigned depth = 400;                        ///< nested statements, expressions and macro calls while running
};

constexpr unsigned kMostListNesting = 200;    ///< of lists in lists
constexpr std::int64_t kMostRange = 100'000;  ///< items of range(), as in Jinja's sandbox

class Budget {
 public:
  explicit Budget(const Limits& limits) : m_limits(limits) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  /// False once a limit is passed.
  bool spend(std::uint64_t work) {
    m_work += work;
    if (m_work > m_limits.work) exceed("takes more than " + std::to_string(m_limits.work) + " steps");
    return !exceeded();
  }
  bool take(std::size_t bytes) {
    m_bytes += bytes;
    if (m_bytes > m_limits.bytes) exceed("needs more than " + std::to_string(m_limits.bytes >> 20) + " MiB of memory");
    return spend(bytes / 64);
  }
  void giveBack(std::size_t bytes) { m_bytes -= bytes; }
  /// Whether `bytes` more would fit; passing the limit is noted.
  bool fits(std::size_t bytes) {
    if (bytes > m_limits.bytes || m_bytes + bytes > m_limits.bytes) {
      exceed("needs more than " + std::to_string(m_limits.bytes >> 20) + " MiB of memory");
    }
    return !exceeded();
  }

  void enter() {
    if (++m_depth > m_limits.depth) exceed("nests calls and blocks too deeply");
  }
  void leave() { --m_depth; }

  void exceed(std::string what) {
    if (m_what.empty()) m_what = std::move(what);
  }
  [[nodiscard]] bool exceeded() const { return !m_what.empty(); }
  [[nodiscard]] const std::string& what() const { return m_what; }  ///< "takes more than …"
  [[nodiscard]] const Limits& limits() const { return m_limits; }

 private:
  const Limits m_limits;
  std::uint64_t m_work = 0;
  std::size_t m_bytes = 0;
  unsigned m_depth = 0;
  std::string m_what;
};

/// One level deeper for as long as the object lives. The caller asks the budget whether that was too deep.
class Depth {
 public:
  explicit Depth(Budget& budget) : m_budget(budget) { budget.enter(); }
  ~Depth() { m_budget.leave(); }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  Budget& m_budget;
};

/// Bytes taken from a budget for as long as the object lives. Constants of a template have none.
class Charge {
 public:
  Charge() = default;
  Charge(Budget& budget, std::size_t bytes) : m_budget(&budget), m_bytes(bytes) { budget.take(bytes); }
  Charge(Charge&& other) noexcept : m_budget(other.m_budget), m_bytes(other.m_bytes) { other.m_budget = nullptr; }
  Charge& operator=(Charge&&) = delete;
  ~Charge() {
    if (m_budget) m_budget->giveBack(m_bytes);
  }
  /// False once the limit is passed.
  bool grow(std::size_t bytes) {
    m_bytes += bytes;
    return m_budget->take(bytes);
  }

 private:
  Budget* m_budget = nullptr;
  std::size_t m_bytes = 0;
};

}  // namespace deltascope::jinja
