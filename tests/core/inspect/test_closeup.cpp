// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <numeric>

#include "core/inspect/closeup_counts.h"
#include "core/inspect/inspect.h"
#include "kernels/ordered.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;
Q_DECLARE_METATYPE(deltascope::CodecId)

namespace {

const char* const kUp = "model.layers.1.mlp.up_proj.weight";

std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

/// Integer deltas of one BF16 tensor, computed here from the two checkpoints.
std::vector<std::int64_t> expectedDeltas(const TunedModel& model, const std::string& tensor) {
  const auto base = take(Checkpoint::open(model.at("base"))), final = take(Checkpoint::open(model.at("final")));
  const auto from = take(base.readAll(*base.find(tensor))), to = take(final.readAll(*final.find(tensor)));
  std::vector<std::int64_t> deltas;
  for (std::size_t i = 0; i + 1 < to.size(); i += 2) {
    std::uint16_t a = 0, b = 0;
    std::memcpy(&a, from.data() + i, 2);
    std::memcpy(&b, to.data() + i, 2);
    deltas.push_back(static_cast<std::int16_t>(kernels::toOrdered16(b)) - static_cast<std::int16_t>(kernels::toOrdered16(a)));
  }
  return deltas;
}

/// The bins' invariants, and every count against the deltas themselves.
void checkHistogram(const Histogram& histogram, const std::vector<std::int64_t>& deltas) {
  QCOMPARE(histogram.lower.size(), histogram.counts.size());
  QVERIFY(histogram.lower.size() <= 128);
  QCOMPARE(histogram.binWidth & (histogram.binWidth - 1), 0);
  std::uint64_t below = 0, above = 0;
  std::vector<std::uint64_t> counts(histogram.counts.size());
  const std::int64_t start = histogram.lower.front(), end = histogram.lower.back() + histogram.binWidth;
  for (const std::int64_t delta : deltas) {
    if (delta < start)
      ++below;
    else if (delta >= end)
      ++above;
    else
      ++counts[static_cast<std::size_t>((delta - start) / histogram.binWidth)];
  }
  QCOMPARE(histogram.below, below);
  QCOMPARE(histogram.above, above);
  QVERIFY(histogram.counts == counts);
  QVERIFY(histogram.below <= deltas.size() / 1000);
  QVERIFY(histogram.above <= deltas.size() / 1000);
}

}  // namespace

class TestCloseup : public QObject {
  Q_OBJECT
 private slots:
  void farTailsDoNotHideTheBulk() {
    std::mt19937 random(9);
    std::normal_distribution<double> normal(0, 20);
    std::vector<std::int32_t> values(10'000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = i % 10 ? static_cast<std::int32_t>(normal(random)) : 15'000;
    DeltaCounts counts;
    counts.add(values);
    const Histogram histogram = counts.histogram(128);
    QVERIFY(histogram.above >= 1000 && histogram.above < 1200);
    QVERIFY(histogram.binWidth <= 2);
    QVERIFY(histogram.lower.size() > 20);
  }

  void countsAreExactForAnyRange_data() {
    QTest::addColumn<double>("spread");
    QTest::addColumn<qint64>("centre");
    for (const double spread : {0.0, 1.0, 60.0, 5e3, 1e6, 4e8})
      for (const qint64 centre : {qint64{0}, qint64{-77}, qint64{70'000}, qint64{-1'500'000'000}})
        QTest::addRow("spread %g around %lld", spread, centre) << spread << centre;
  }
  void countsAreExactForAnyRange() {
    QFETCH(double, spread);
    QFETCH(qint64, centre);
    std::mt19937 random(7);
    std::normal_distribution<double> normal(static_cast<double>(centre), spread);
    using Limits = std::numeric_limits<std::int32_t>;
    std::vector<std::int32_t> deltas{Limits::min(), Limits::max(), -1, 0, 1};
    while (deltas.size() < 20'000)
      deltas.push_back(static_cast<std::int32_t>(std::clamp<double>(normal(random), Limits::min(), Limits::max())));
    DeltaCounts first, second;
    first.add(std::span(deltas).first(777));
    second.add(std::span(deltas).subspan(777));
    first.merge(second);
    QCOMPARE(first.total(), deltas.size());
    checkHistogram(first.histogram(128), {deltas.begin(), deltas.end()});
  }

  void nothingGivesAnEmptyHistogram() { QVERIFY(DeltaCounts().histogram(128).counts.empty()); }

  void mapsAreMeansOfTheirCells_data() {
    QTest::addColumn<std::vector<std::uint64_t>>("shape");
    QTest::addColumn<unsigned>("side");
    QTest::newRow("small") << std::vector<std::uint64_t>{3, 5} << 256u;
    QTest::newRow("odd sides") << std::vector<std::uint64_t>{37, 53} << 16u;
    QTest::newRow("vector") << std::vector<std::uint64_t>{1000} << 16u;
    QTest::newRow("scalar") << std::vector<std::uint64_t>{} << 16u;
    QTest::newRow("three dimensions") << std::vector<std::uint64_t>{9, 4, 11} << 8u;
    QTest::newRow("column") << std::vector<std::uint64_t>{500, 1} << 8u;
  }
  void mapsAreMeansOfTheirCells() {
    QFETCH(std::vector<std::uint64_t>, shape);
    QFETCH(unsigned, side);
    const std::uint64_t rows = shape.size() < 2 ? 1 : shape[0];
    std::uint64_t elements = 1;
    for (const auto length : shape) elements *= length;
    const std::uint64_t columns = elements / rows;
    std::vector<std::int32_t> deltas(elements);
    std::mt19937 random(3);
    for (auto& delta : deltas) delta = static_cast<std::int32_t>(random() % 7) - 3;
    MapSums first(shape, side), second(shape, side);
    const std::size_t half = elements / 3;
    first.add(0, std::span(deltas).first(half));
    second.add(half, std::span(deltas).subspan(half));
    first.merge(second);
    const DeltaMap map = first.map();
    QVERIFY(map.rows <= side && map.columns <= side && map.rows > 0 && map.columns > 0);
    for (std::uint32_t r = 0; r < map.rows; ++r)
      for (std::uint32_t c = 0; c < map.columns; ++c) {
        double magnitude = 0, zeros = 0, count = 0;
        for (std::uint64_t i = r * map.rowsPerCell; i < std::min(rows, (r + 1) * map.rowsPerCell); ++i)
          for (std::uint64_t j = c * map.columnsPerCell; j < std::min(columns, (c + 1) * map.columnsPerCell); ++j) {
            magnitude += std::abs(deltas[i * columns + j]);
            zeros += deltas[i * columns + j] == 0;
            ++count;
          }
        QVERIFY(count > 0);
        QCOMPARE(map.meanMagnitude[r * map.columns + c], static_cast<float>(magnitude / count));
        QCOMPARE(map.zeroShare[r * map.columns + c], static_cast<float>(zeros / count));
      }
  }

  void cellsThatWereNotReadSaySo() {
    MapSums sums({4, 8}, 4);
    const std::vector<std::int32_t> deltas(8, 2);
    sums.add(8, deltas);
    const DeltaMap map = sums.map();
    for (std::size_t i = 0; i < 16; ++i) QCOMPARE(map.meanMagnitude[i], i / 4 == 1 ? 2.0f : -1.0f);
  }

  void measuresTheRealDelta_data() {
    QTest::addColumn<CodecId>("codec");
    for (const CodecId codec :
         {CodecId::Raw, CodecId::Sparse, CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::Additive})
      QTest::newRow(nameOf(codec).data()) << codec;
  }
  void measuresTheRealDelta() {
    QFETCH(CodecId, codec);
    const TunedModel model(codec);
    const auto result = take(closeUp(model.payload(), model.at("base"), kUp, 1 << 24, {}));
    const auto payload = take(Payload::open(model.payload()));
    const TensorStats& stats = *payload.find(kUp);
    QCOMPARE(result.elementsRead, stats.elements);
    checkHistogram(result.histogram, expectedDeltas(model, kUp));
    QCOMPARE(result.map.rows, 192u);
    QCOMPARE(result.map.columns, 64u);
    QCOMPARE(result.chunkBytes.size(), stats.chunkCount);
    std::uint64_t streams = 0;
    for (const auto& share : result.streams) {
      QVERIFY(share.bytes > 0);
      streams += share.bytes;
    }
    QCOMPARE(streams, stats.storedBytes);
    QVERIFY(sum(result.chunkBytes) <= streams);
  }

  void largeTensorsAreSampled() {
    const auto big = randomTensor("big.weight", DType::BF16, {512, 512}, 5);
    const TunedModel model(CodecId::Zstd, {big}, {nudged(big, 2)});
    const auto result = take(closeUp(model.payload(), model.at("base"), "big.weight", 140'000, {}));
    QVERIFY(result.elementsRead > 0 && result.elementsRead <= 140'000);
    QCOMPARE(sum(result.histogram.counts) + result.histogram.below + result.histogram.above, result.elementsRead);
    QVERIFY(std::ranges::count(result.map.zeroShare, -1.0f) > 0);
    const auto payload = take(Payload::open(model.payload()));
    std::uint64_t streams = 0;
    for (const auto& share : result.streams) streams += share.bytes;
    QCOMPARE(streams, payload.find("big.weight")->storedBytes);
  }

  /// Only its first chunk has bytes, and another one is read.
  void chunksWithoutChangesAreEmpty() {
    const auto big = randomTensor("big.weight", DType::BF16, {512, 512}, 5);
    auto changed = big;
    changed.bytes[0] ^= std::byte{1};
    const TunedModel model(CodecId::Sparse, {big}, {changed});
    const auto result = take(closeUp(model.payload(), model.at("base"), "big.weight", 5'000, {}));
    QCOMPARE(result.elementsRead, 65536u);
    std::uint64_t streams = 0;
    for (const auto& share : result.streams) streams += share.bytes;
    QCOMPARE(streams, take(Payload::open(model.payload())).find("big.weight")->storedBytes);
    QVERIFY(std::ranges::any_of(result.streams, [](const StreamShare& share) { return share.stream == "chunks"; }));
  }

  void identicalTensorsAreAllZero() {
    const auto base = smallLlama();
    const TunedModel model(std::nullopt, base, base);
    const auto result = take(closeUp(model.payload(), model.at("base"), kUp, 1 << 24, {}));
    QVERIFY(result.histogram.lower == std::vector<std::int64_t>{0});
    QVERIFY(result.histogram.counts == std::vector<std::uint64_t>{192 * 64});
    QVERIFY(std::ranges::all_of(result.map.zeroShare, [](float share) { return share == 1.0f; }));
    QVERIFY(result.streams.empty());
  }

  void typesWithoutDeltasHaveNoHistogram() {
    const TunedModel model;
    const auto result = take(closeUp(model.payload(), model.at("base"), "counter", 1 << 24, {}));
    QVERIFY(result.histogram.counts.empty());
    QVERIFY(result.map.meanMagnitude.empty());
    QVERIFY(!result.chunkBytes.empty());
  }

  void emptyTensorsAreNoProblem() {
    const TunedModel model;
    const auto result = take(closeUp(model.payload(), model.at("base"), "empty.weight", 1 << 24, {}));
    QCOMPARE(result.elementsRead, 0u);
    QVERIFY(result.histogram.counts.empty());
  }

  void problemsAreErrors() {
    const TunedModel model(CodecId::Zstd);
    QCOMPARE(closeUp(model.payload(), model.at("base"), "absent", 1 << 24, {}).error().code, ErrorCode::NotFound);
    QCOMPARE(closeUp(model.payload(), {}, kUp, 1 << 24, {}).error().code, ErrorCode::NotFound);
    QCOMPARE(closeUp(model.at("base"), {}, kUp, 1 << 24, {}).error().code, ErrorCode::InvalidArgument);
    std::stop_source stop;
    stop.request_stop();
    JobContext job;
    job.stop = stop.get_token();
    QCOMPARE(closeUp(model.payload(), model.at("base"), kUp, 1 << 24, job).error().code, ErrorCode::Cancelled);
    flipBit(model.payload(), lastChunkOffset(model.payload(), kUp));
    QCOMPARE(closeUp(model.payload(), model.at("base"), kUp, 1 << 24, {}).error().code, ErrorCode::Corrupt);
  }
};

QTEST_APPLESS_MAIN(TestCloseup)
#include "test_closeup.moc"
