// SPDX-License-Identifier: Apache-2.0
// Every codec's ranges: the bytes that the whole chunk gives, whatever the base, type, size and cut; safe on any bytes.
#include <QtTest>
#include <memory>
#include <random>

#include "core/codec/codecs.h"
#include "core/codec/lowrank.h"
#include "tests/core/codec/residual_data.h"

using namespace deltascope;
using namespace deltascope::testing;

namespace {

constexpr CodecId kCodecs[] = {CodecId::Identical, CodecId::Raw,  CodecId::Sparse,  CodecId::Entropy,
                               CodecId::Bitpack,   CodecId::Zstd, CodecId::LowRank, CodecId::Additive};
constexpr BaseKind kBases[] = {BaseKind::None, BaseKind::Same, BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8, BaseKind::Int4,
                               BaseKind::Q8_0, BaseKind::Q4K,  BaseKind::Fp8, BaseKind::W8,  BaseKind::W4};
constexpr std::uint64_t kBefore = 2 * kTileElements;  ///< elements of the tensor before the chunk
constexpr std::uint64_t kColumns = 100;               ///< of the low-rank update

/// A chunk that does not start its tensor, encoded, with all that its slice borrows.
struct Chunk {
  ResidualData tensor;
  std::vector<std::byte> values, bytes;
  std::span<const std::byte> final;
  BaseSlice slice;
  ModelPtr model;
  std::string wrong;
};

ModelPtr lowRankModel(std::uint64_t elements) {
  std::mt19937 random(9);
  std::normal_distribution<float> normal(0, 0.01f);
  const std::uint64_t rows = elements / kColumns + 1;
  LowRankTerm term{DType::F32, 2, 1, std::vector<std::byte>(2 * kColumns * 4), std::vector<std::byte>(2 * rows * 4)};
  for (auto* factor : {&term.a, &term.b})
    for (std::size_t i = 0; i < factor->size(); i += 4) {
      const float value = normal(random);
      std::memcpy(factor->data() + i, &value, 4);
    }
  return makeLowRankModel(rows, kColumns, false, {term}).value();
}

/// For LowRank, the final that its update gives but for every 501st element.
void followUpdate(const CodecModel& model, const BaseSlice& slice, std::vector<std::byte>& final) {
  if (!applyLowRank(model, slice, final)) qFatal("the update cannot be applied");
  for (std::size_t i = 0; i < slice.count; i += 501) final[i * bytesOf(slice.finalType)] ^= std::byte{1};
}

Chunk makeChunk(const DeltaCodec& codec, const ResidualCase& wanted) {
  Chunk chunk;
  ResidualCase whole = wanted;
  whole.count += kBefore;
  chunk.tensor = makeData(whole);
  auto& slice = chunk.tensor.slice;
  if (codec.needsValues() && slice.kind != BaseKind::Same) {
    chunk.values.resize(chunk.tensor.final.size());
    baseValues(slice, chunk.values);
    slice.values = chunk.values;
  }
  const auto element = bytesOf(wanted.type);
  if (codec.id() == CodecId::LowRank) {
    chunk.model = lowRankModel(whole.count);
    followUpdate(*chunk.model, slice, chunk.tensor.final);
  } else {
    const DeltaSample sample{slice, chunk.tensor.final};
    chunk.model = codec.fit({&sample, 1}, {}).value_or(nullptr);
  }
  if (codec.id() == CodecId::Identical) chunk.tensor.final.assign(slice.values.begin(), slice.values.end());
  chunk.final = std::span(chunk.tensor.final).subspan(kBefore * element);
  chunk.slice = partOf(slice, kBefore, wanted.count);
  if (const auto coded = codec.encode(chunk.slice, chunk.final, chunk.model.get(), {}, chunk.bytes); !coded)
    chunk.wrong = coded.error().message;
  return chunk;
}

/// Heap memory of exactly the right size on both sides, so that a sanitizer sees any byte too far.
Result<void> decodeExactly(const DeltaCodec& codec, const Chunk& chunk, std::span<const std::byte> bytes, std::uint64_t offset,
                           std::size_t count, std::vector<std::byte>& back) {
  const std::unique_ptr<std::byte[]> exact(new std::byte[bytes.size()]);
  if (!bytes.empty()) std::memcpy(exact.get(), bytes.data(), bytes.size());
  const std::size_t size = count * bytesOf(chunk.slice.finalType);
  const std::unique_ptr<std::byte[]> final(new std::byte[size]);
  std::fill_n(final.get(), size, std::byte{0xa5});
  const auto decoded = codec.decodeRange(partOf(chunk.slice, offset, count), chunk.slice.count, offset,
                                         {exact.get(), bytes.size()}, chunk.model.get(), {final.get(), size});
  back.assign(final.get(), final.get() + size);
  return decoded;
}

ResidualCase rowCase(int base, int type, int count) {
  const unsigned group = BaseKind(base) == BaseKind::Int8 ? (count % 2 ? 63 : 1000) : (count % 2 ? 32 : 4096);
  return {DType(type), BaseKind(base), std::size_t(count), group, group, Fill::Special};
}

}  // namespace

class TestRanges : public QObject {
  Q_OBJECT

 private slots:
  void giveWhatTheChunkGives_data() {
    QTest::addColumn<int>("codec");
    QTest::addColumn<int>("base");
    QTest::addColumn<int>("type");
    QTest::addColumn<int>("count");
    for (CodecId id : kCodecs)
      for (BaseKind base : kBases)
        for (DType type : {DType::BF16, DType::F16, DType::F32})
          for (int count : {0, 1, 4095, 4096, 8193, 40000})
            if (codec(id).supports(base, type))
              QTest::addRow("%s %s %s %d", nameOf(id).data(), nameOf(base).data(), nameOf(type).data(), count)
                  << int(id) << int(base) << int(type) << count;
  }
  void giveWhatTheChunkGives() {
    QFETCH(int, codec);
    QFETCH(int, base);
    QFETCH(int, type);
    QFETCH(int, count);
    const DeltaCodec& c = deltascope::codec(CodecId(codec));
    const auto chunk = makeChunk(c, rowCase(base, type, count));
    QVERIFY2(chunk.wrong.empty(), chunk.wrong.c_str());
    const auto step = c.rangeStep(DType(type), std::uint64_t(count));
    QVERIFY(step >= 1);
    if (DType(type) != DType::F32 && CodecId(codec) != CodecId::Zstd && CodecId(codec) != CodecId::Additive)
      QCOMPARE(step, kTileElements);
    const auto steps = (std::uint64_t(count) + step - 1) / step;
    std::vector<std::byte> back;
    for (std::uint64_t from = 0; from < std::max<std::uint64_t>(steps, 1); ++from)
      for (std::uint64_t to = steps ? from + 1 : 0; to <= steps; ++to) {
        const auto offset = from * step;
        const auto n = std::min<std::uint64_t>(to * step, chunk.slice.count) - offset;
        const auto decoded = decodeExactly(c, chunk, chunk.bytes, offset, n, back);
        QVERIFY2(decoded.has_value(), decoded ? "" : decoded.error().message.c_str());
        QVERIFY(std::ranges::equal(back, chunk.final.subspan(offset * bytesOf(DType(type)), back.size())));
      }
  }

  void refuseOtherCuts() {
    for (CodecId id : kCodecs) {
      const DeltaCodec& c = codec(id);
      const auto chunk = makeChunk(c, rowCase(int(BaseKind::Same), int(DType::BF16), 10000));
      QVERIFY2(chunk.wrong.empty(), chunk.wrong.c_str());
      const auto step = c.rangeStep(DType::BF16, 10000);
      std::vector<std::byte> back;
      struct Cut {
        std::uint64_t offset, count;
      };
      for (const Cut cut : {Cut{100, 1000}, Cut{0, 5000}, Cut{step - 1, 1}, Cut{0, step - 1}, Cut{0, 0}}) {
        const auto decoded = decodeExactly(c, chunk, chunk.bytes, cut.offset, cut.count, back);
        QVERIFY2(!decoded && decoded.error().code == ErrorCode::InvalidArgument, nameOf(id).data());
      }
      const auto beyond = c.decodeRange(chunk.slice, 4096, 0, chunk.bytes, chunk.model.get(), back);
      QVERIFY(!beyond);
    }
  }

  void surviveAnyBytes_data() {
    QTest::addColumn<int>("codec");
    QTest::addColumn<int>("base");
    for (CodecId id : kCodecs)
      for (BaseKind base : {BaseKind::Same, BaseKind::Nf4})
        QTest::addRow("%s %s", nameOf(id).data(), nameOf(base).data()) << int(id) << int(base);
  }
  void surviveAnyBytes() {
    QFETCH(int, codec);
    QFETCH(int, base);
    const DeltaCodec& c = deltascope::codec(CodecId(codec));
    const auto chunk = makeChunk(c, rowCase(base, int(DType::BF16), 13000));
    QVERIFY2(chunk.wrong.empty(), chunk.wrong.c_str());
    const auto step = c.rangeStep(DType::BF16, chunk.slice.count);
    std::mt19937 random(4);
    std::vector<std::byte> back;
    const auto survives = [&](std::span<const std::byte> bytes) {
      const auto offset = random() % ((chunk.slice.count + step - 1) / step) * step;
      const auto count = std::min<std::uint64_t>((1 + random() % 2) * step, chunk.slice.count - offset);
      const auto decoded = decodeExactly(c, chunk, bytes, offset, count, back);
      // A form that is not known is newer, not damaged.
      return decoded || decoded.error().code == ErrorCode::Corrupt || decoded.error().code == ErrorCode::Unsupported;
    };
    for (std::size_t n = 0; n < chunk.bytes.size(); n += n < 200 ? 1 : 97) QVERIFY(survives(std::span(chunk.bytes).first(n)));
    for (int round = 0; round < 1000 && !chunk.bytes.empty(); ++round) {
      auto damaged = chunk.bytes;
      for (unsigned flips = 1 + random() % 4; flips > 0; --flips)
        damaged[random() % (round % 2 ? damaged.size() : std::min<std::size_t>(32, damaged.size()))] = std::byte(random());
      QVERIFY(survives(damaged));
    }
    for (int round = 0; round < 500; ++round) {
      std::vector<std::byte> noise(random() % 3000);
      for (auto& b : noise) b = std::byte(random() % (round % 3 ? 256 : 4));
      QVERIFY(survives(noise));
    }
  }
};

QTEST_APPLESS_MAIN(TestRanges)
#include "test_ranges.moc"
