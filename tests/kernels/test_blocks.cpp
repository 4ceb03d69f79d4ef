// SPDX-License-Identifier: Apache-2.0
/// Weights in blocks: the same bits for every instruction set, and what anchors and contexts are by their definition.
#include <QtTest>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/backend.h"
#include "kernels/blocks.h"
#include "kernels/half.h"

using namespace deltascope::kernels;

namespace {

constexpr std::size_t kCounts[] = {1, 31, 32, 255, 256, 257, 4096};

std::vector<std::uint8_t> randomBlocks(BlockType type, std::size_t n, unsigned seed, bool finite) {
  const BlockShape shape = shapeOf(type);
  std::vector<std::uint8_t> blocks((n + shape.elements - 1) / shape.elements * shape.bytes);
  std::mt19937 random(seed);
  // Halves lie at even places: without this bit of the upper byte none is infinite or a NaN.
  for (std::size_t i = 0; i < blocks.size(); ++i)
    blocks[i] = static_cast<std::uint8_t>(random() & (finite && i % 2 == 1 ? 0xbf : 0xff));
  return blocks;
}

}  // namespace

class TestBlocks : public QObject {
  Q_OBJECT
 private slots:
  void everyInstructionSetGivesTheSame_data() {
    QTest::addColumn<int>("type");
    QTest::addColumn<bool>("finite");
    for (std::size_t t = 0; t < kBlockTypes; ++t)
      for (const bool finite : {false, true})
        QTest::addRow("type %zu, %s", t, finite ? "finite" : "any bits") << int(t) << finite;
  }
  /// Anchors have a meaning where the scales are finite.
  void everyInstructionSetGivesTheSame() {
    QFETCH(int, type);
    QFETCH(bool, finite);
    const auto kind = static_cast<BlockType>(type);
    for (const std::size_t n : kCounts) {
      const auto blocks = randomBlocks(kind, n, 11, finite);
      std::vector<float> wanted(n);
      blockValues(kind, blocks.data(), n, wanted.data(), Isa::Scalar);
      if (finite) QVERIFY(blocksFinite(kind, blocks.data(), n));
      for (const Isa isa : supportedIsas()) {
        std::vector<float> values(n);
        blockValues(kind, blocks.data(), n, values.data(), isa);
        for (std::size_t i = 0; i < n; ++i)
          QVERIFY(std::bit_cast<std::uint32_t>(values[i]) == std::bit_cast<std::uint32_t>(wanted[i]) ||
                  (std::isnan(values[i]) && std::isnan(wanted[i])));
        for (const bool f16 : {false, true}) {
          std::vector<std::uint16_t> anchors(n), scalar(n);
          std::vector<std::uint8_t> contexts(n), own(n);
          blockAnchors(kind, f16, blocks.data(), n, scalar.data(), own.data(), Isa::Scalar);
          blockAnchors(kind, f16, blocks.data(), n, anchors.data(), contexts.data(), isa);
          QVERIFY(std::ranges::all_of(contexts, [](auto c) { return c < kBlockContexts; }));
          if (finite) QVERIFY(anchors == scalar && contexts == own);
        }
      }
    }
  }

  /// A block of Q8_0 with a step of 2^-6: the anchor is half a step nearer zero, of q = 0 a step's 512th part.
  void anchorsAreTheInnerEdges_data() {
    QTest::addColumn<int>("q");
    QTest::addColumn<double>("anchor");
    QTest::addColumn<int>("sizeClass");
    const auto row = [](int q, double steps, int sizeClass) { QTest::addRow("%d", q) << q << steps << sizeClass; };
    row(0, 1.0 / 512, 0);
    row(1, 0.5, 5);
    row(-1, -0.5, 5);
    row(2, 1.5, 7);
    row(3, 2.5, 8);
    row(4, 3.5, 9);
    row(5, 4.5, 10);
    row(8, 7.5, 10);
    row(9, 8.5, 11);
    row(127, 126.5, 14);
    row(-128, -127.5, 14);
  }
  void anchorsAreTheInnerEdges() {
    QFETCH(int, q);
    QFETCH(double, anchor);
    QFETCH(int, sizeClass);
    std::vector<std::uint8_t> block(34);
    block[0] = 0x00;
    block[1] = 0x24;  // 2^-6
    block[2] = static_cast<std::uint8_t>(q);
    std::vector<std::uint16_t> anchors(32);
    std::vector<std::uint8_t> contexts(32);
    blockAnchors(BlockType::Q8_0, false, block.data(), 32, anchors.data(), contexts.data(), Isa::Scalar);
    QCOMPARE(anchors[0], toBf16KeepingNan(static_cast<float>(anchor / 64)));
    QCOMPARE(int(contexts[0]), sizeClass * 4);
  }

  void infiniteScalesAreSeen_data() {
    QTest::addColumn<int>("type");
    QTest::addColumn<int>("at");
    const auto row = [](BlockType type, int at) { QTest::addRow("type %d at %d", int(type), at) << int(type) << at; };
    for (const auto type : {BlockType::Q8_0, BlockType::Q4_0, BlockType::Q4_1, BlockType::Q5_0, BlockType::Q5_1, BlockType::Q4K,
                            BlockType::Q5K, BlockType::Iq4Nl, BlockType::Iq4Xs})
      row(type, 0);
    for (const auto type : {BlockType::Q4_1, BlockType::Q5_1, BlockType::Q4K, BlockType::Q5K}) row(type, 2);
    row(BlockType::Q2K, 80);
    row(BlockType::Q2K, 82);
    row(BlockType::Q3K, 108);
    row(BlockType::Q6K, 208);
  }
  void infiniteScalesAreSeen() {
    QFETCH(int, type);
    QFETCH(int, at);
    const BlockShape shape = shapeOf(static_cast<BlockType>(type));
    std::vector<std::uint8_t> blocks(3 * shape.bytes);
    QVERIFY(blocksFinite(static_cast<BlockType>(type), blocks.data(), 3 * shape.elements));
    for (const int high : {0x7c, 0x7e, 0xfc}) {
      blocks[2 * shape.bytes + static_cast<unsigned>(at) + 1] = static_cast<std::uint8_t>(high);
      QVERIFY(!blocksFinite(static_cast<BlockType>(type), blocks.data(), 3 * shape.elements));
      QVERIFY(!blocksFinite(static_cast<BlockType>(type), blocks.data(), 2 * shape.elements + 1));
      QVERIFY(blocksFinite(static_cast<BlockType>(type), blocks.data(), 2 * shape.elements));
    }
  }
};

QTEST_APPLESS_MAIN(TestBlocks)
#include "test_blocks.moc"
