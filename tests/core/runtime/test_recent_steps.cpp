// SPDX-License-Identifier: Apache-2.0
/// Rows that are looked up again come from memory, and are what the source makes.
#include <QtTest>
#include <cstring>
#include <map>

#include "core/runtime/recent_steps.h"

using namespace deltascope;

namespace {

constexpr std::uint64_t kTile = 4096, kElements = 300 * kTile + 100;

/// Two pieces of 16-bit elements: the low bits of their number. Counts how often a step was made.
class Counted final : public kernels::ElementSource {
 public:
  explicit Counted(std::map<std::uint64_t, int>& made) : m_made(made) {}
  [[nodiscard]] std::size_t pieces() const override { return 2; }
  [[nodiscard]] std::uint64_t pieceBegin(std::size_t piece) const override {
    return piece == 0 ? 0 : piece == 1 ? 200 * kTile : kElements;
  }
  [[nodiscard]] std::uint64_t step() const override { return 64 * kTile; }
  [[nodiscard]] kernels::Outcome<void> make(std::size_t, std::uint64_t first, std::uint64_t count,
                                            std::byte* into) const override {
    ++m_made[first];
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto value = static_cast<std::uint16_t>((first + i) * 7);
      std::memcpy(into + 2 * i, &value, 2);
    }
    return {};
  }

 private:
  std::map<std::uint64_t, int>& m_made;
};

struct Bench {
  std::map<std::uint64_t, int> made;
  RecentSteps steps{std::make_unique<Counted>(made), 3000, 2};

  /// Asks for a step as a look-up does, and compares every element.
  bool right(std::uint64_t first) {
    const std::size_t piece = first >= steps.pieceBegin(1) ? 1 : 0;
    const std::uint64_t count = std::min(steps.step(), steps.pieceBegin(piece + 1) - first);
    std::vector<std::uint16_t> values(count);
    if (!steps.make(piece, first, count, reinterpret_cast<std::byte*>(values.data()))) return false;
    for (std::uint64_t i = 0; i < count; ++i)
      if (values[i] != static_cast<std::uint16_t>((first + i) * 7)) return false;
    return true;
  }
};

}  // namespace

class TestRecentSteps : public QObject {
  Q_OBJECT
 private slots:
  void aRowIsAFewTiles() {
    Bench bench;
    QCOMPARE(bench.steps.step(), kTile);
    QCOMPARE(bench.steps.pieces(), std::size_t{2});
    QCOMPARE(bench.steps.pieceBegin(2), kElements);
  }

  void whatWasAskedForIsNotMadeAgain() {
    Bench bench;
    for (int i = 0; i < 3; ++i)
      for (const std::uint64_t first : {std::uint64_t{0}, 5 * kTile, 200 * kTile, 300 * kTile}) QVERIFY(bench.right(first));
    for (const auto& [first, times] : bench.made) QCOMPARE(times, 1);
    QCOMPARE(bench.made.size(), std::size_t{4});
  }

  void theOldestMakesRoom() {
    Bench bench;
    for (std::uint64_t i = 0; i <= RecentSteps::kRemembered; ++i) QVERIFY(bench.right(i * kTile));
    QVERIFY(bench.right(kTile));  // the second is there still
    QCOMPARE(bench.made[kTile], 1);
    QVERIFY(bench.right(0));
    QCOMPARE(bench.made[0], 2);
    QVERIFY(bench.right(kTile));  // and now has made room
    QCOMPARE(bench.made[kTile], 2);
  }
};

QTEST_APPLESS_MAIN(TestRecentSteps)
#include "test_recent_steps.moc"
