// SPDX-License-Identifier: Apache-2.0
// Every instruction set gives the same bits as the scalar code, on any table, any words and any weights.
#include <QtTest>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>

#include "kernels/backend.h"
#include "kernels/half.h"
#include "kernels/residual.h"

using namespace deltascope::kernels;

namespace {

struct Buffers {
  std::uint16_t anchors[kTile], x[kTile], final[kTile];
  std::uint8_t contexts[kTile];
};

/// A tile of a four-bit base with usable scales, and noise for its words.
struct NibbleTile {
  AnchorRule rule;
  TileBase base;
  std::vector<std::uint8_t> codes = std::vector<std::uint8_t>(kTile / 2);
  std::vector<float> scales = std::vector<float>(kTile / 32);
  std::vector<std::uint32_t> words = std::vector<std::uint32_t>(kStagingWords);

  NibbleTile(std::mt19937& random, unsigned mantissaBits) {
    rule.kind = AnchorKind::Nibble;
    rule.half = random() % 2 ? ElementType::BF16 : ElementType::F16;
    rule.mantissaBits = mantissaBits;
    const unsigned top = rule.half == ElementType::BF16 ? 0x7f80 : 0x7c00;
    for (auto& lo : rule.lo) do
        lo = static_cast<std::uint16_t>(random());
      while ((lo & top) == top);
    for (auto& c : codes) c = static_cast<std::uint8_t>(random());
    for (auto& s : scales)
      s = random() % 20 ? std::ldexp(1.0f + 1e-3f * static_cast<float>(random() % 1000), int(random() % 200) - 100) : 0;
    for (auto& w : words) w = static_cast<std::uint32_t>(random());
    base.codes = codes.data();
    base.scales = scales.data();
    base.group = std::size_t{32} << random() % 8;
    base.count = kTile;
  }
};

void addIsas() {
  QTest::addColumn<int>("isa");
  for (Isa isa : supportedIsas())
    if (isa != Isa::Scalar) QTest::newRow(nameOf(isa)) << int(isa);
  if (supportedIsas().size() == 1) QTest::newRow("scalar only: this processor has no AVX2") << int(Isa::Scalar);
}

}  // namespace

class TestResidualKernels : public QObject {
  Q_OBJECT

 private slots:
  void prefixCodesDecodeAlike_data() { addIsas(); }
  void prefixCodesDecodeAlike() {
    QFETCH(int, isa);
    std::mt19937 random(1);
    auto a = std::make_unique<Buffers>(), b = std::make_unique<Buffers>();
    for (int round = 0; round < 60; ++round) {
      PrefixTable table;
      table.prefixBits = static_cast<unsigned>(1 + random() % kMaxPrefixBits);
      table.entries.resize(kMaxContexts << table.prefixBits);
      for (auto& e : table.entries) e = static_cast<std::uint32_t>(random() << 16 | (16 + random() % 16));
      std::vector<std::uint32_t> words(kStagingWords);
      for (auto& w : words) w = static_cast<std::uint32_t>(random());
      std::uint32_t start[kLanes];
      for (auto& s : start) s = static_cast<std::uint32_t>(random() % (32 * kMaxTileWords));
      for (auto& c : a->contexts) c = random() % kMaxContexts;
      const std::size_t steps = 1 + random() % 16;
      decodePrefixTile(table, a->contexts, words.data(), start, steps, a->x, Isa::Scalar);
      decodePrefixTile(table, a->contexts, words.data(), start, steps, b->x, Isa(isa));
      QVERIFY(std::equal(a->x, a->x + steps * kStep, b->x));
    }
  }

  void fieldsDecodeAlike_data() { addIsas(); }
  void fieldsDecodeAlike() {
    QFETCH(int, isa);
    std::mt19937 random(2);
    auto a = std::make_unique<Buffers>(), b = std::make_unique<Buffers>();
    for (int round = 0; round < 60; ++round) {
      FieldTable table;
      for (std::size_t c = 0; c < kMaxContexts; ++c) {
        table.width[c] = static_cast<std::uint8_t>(1 + random() % (round % 2 ? 14 : 16));
        table.isSigned[c] = random() % 3 == 0;
        table.offset[c] = static_cast<std::uint16_t>(random() % 2 ? random() : 0);
      }
      std::vector<std::uint32_t> words(kStagingWords);
      for (auto& w : words) w = static_cast<std::uint32_t>(random());
      for (auto& c : a->contexts) c = random() % kMaxContexts;
      const std::size_t steps = 1 + random() % 16;
      decodeFieldTile(table, a->contexts, words.data(), steps, a->x, Isa::Scalar);
      decodeFieldTile(table, a->contexts, words.data(), steps, b->x, Isa(isa));
      QVERIFY(std::equal(a->x, a->x + steps * kStep, b->x));
    }
  }

  // The fused decoders against the steps that they leave out.
  void fusedFieldsDecodeAlike_data() { addIsas(); }
  void fusedFieldsDecodeAlike() {
    QFETCH(int, isa);
    std::mt19937 random(6);
    auto steps = std::make_unique<Buffers>();
    for (int round = 0; round < 200; ++round) {
      const NibbleTile tile(random, 0);
      FieldTable table;
      table.width.fill(1);
      for (std::size_t c = 0; c < 16; ++c) {
        table.width[c] = static_cast<std::uint8_t>(1 + random() % 14);
        table.isSigned[c] = random() % 3 == 0;
      }
      if (round % 10 == 0) table.offset[random() % 16] = 1;
      if (round % 10 == 1) table.width[random() % 16] = 15;
      std::vector<std::byte> fused(2 * kTile, std::byte{0xa5});
      const auto* words = std::as_bytes(std::span(tile.words)).data();
      const bool did = decodeNibbleFieldTile(tile.rule, table, tile.base, words, fused.data(), Isa(isa));
      QCOMPARE(did, Isa(isa) == Isa::Avx512 && round % 10 > 1);
      if (!did) {
        QVERIFY(std::ranges::all_of(fused, [](std::byte b) { return b == std::byte{0xa5}; }));
        continue;
      }
      anchorsAndContexts(tile.rule, tile.base, steps->anchors, steps->contexts, Isa::Scalar);
      decodeFieldTile(table, steps->contexts, tile.words.data(), kTile / kStep, steps->x, Isa::Scalar);
      fromDifferences(AnchorKind::Nibble, steps->anchors, steps->x, steps->final, kTile, Isa::Scalar);
      QVERIFY(std::memcmp(fused.data(), steps->final, fused.size()) == 0);
    }
  }

  void fusedPrefixesDecodeAlike_data() { addIsas(); }
  void fusedPrefixesDecodeAlike() {
    QFETCH(int, isa);
    std::mt19937 random(7);
    auto steps = std::make_unique<Buffers>();
    const std::unique_ptr<std::byte[]> scratch(new std::byte[4 * kStagingWords]);
    for (int round = 0; round < 200; ++round) {
      const auto mantissaBits = static_cast<unsigned>(random() % 3);
      const NibbleTile tile(random, mantissaBits);
      PrefixTable table;
      table.entries.resize(std::size_t{256} << mantissaBits);
      const auto longest = static_cast<unsigned>(14 + random() % 3);
      for (auto& e : table.entries) e = static_cast<std::uint32_t>(random() << 16 | (32 - (1 + random() % longest)));
      if (round % 10 == 0) table.prefixBits = 5, table.entries.resize(2 * table.entries.size(), 31);
      const auto code = nibbleCode(table);
      std::uint32_t start[kLanes];
      for (auto& s : start) s = static_cast<std::uint32_t>(random() % (32 * kMaxTileWords));
      std::vector<std::byte> fused(2 * kTile, std::byte{0xa5});
      const auto* stream = std::as_bytes(std::span(tile.words)).data();
      // The stream ends where the tile does; behind it are zeros, as in the words below.
      const std::size_t bytes = round % 3 ? 4 * kMaxTileWords : random() % (4 * kMaxTileWords);
      const std::unique_ptr<std::byte[]> exact(new std::byte[bytes]);
      std::memcpy(exact.get(), stream, bytes);
      std::memset(scratch.get(), 0, 4 * kStagingWords);
      auto words = tile.words;
      std::memset(reinterpret_cast<std::byte*>(words.data()) + bytes, 0, 4 * kStagingWords - bytes);
      const bool did = decodeNibblePrefixTile(tile.rule, code, tile.base, {exact.get(), bytes}, start, scratch.get(),
                                              fused.data(), Isa(isa));
      QCOMPARE(did, Isa(isa) == Isa::Avx512 && round % 10 > 0 && tile.base.group >= 64);
      if (!did) {
        QVERIFY(std::ranges::all_of(fused, [](std::byte b) { return b == std::byte{0xa5}; }));
        continue;
      }
      anchorsAndContexts(tile.rule, tile.base, steps->anchors, steps->contexts, Isa::Scalar);
      decodePrefixTile(table, steps->contexts, words.data(), start, kTile / kStep, steps->x, Isa::Scalar);
      fromDifferences(AnchorKind::Nibble, steps->anchors, steps->x, steps->final, kTile, Isa::Scalar);
      QVERIFY(std::memcmp(fused.data(), steps->final, fused.size()) == 0);
    }
  }

  void anchorsAreAlike_data() { addIsas(); }
  void anchorsAreAlike() {
    QFETCH(int, isa);
    std::mt19937 random(3);
    auto a = std::make_unique<Buffers>(), b = std::make_unique<Buffers>();
    std::vector<std::uint8_t> codes(kTile);
    std::vector<float> scales(kTile);
    std::vector<std::uint16_t> values(kTile);
    for (int round = 0; round < 300; ++round) {
      AnchorRule rule;
      rule.kind = std::array{AnchorKind::Nibble, AnchorKind::Int8, AnchorKind::Ordered, AnchorKind::Zero}[round % 4];
      rule.half = random() % 2 ? ElementType::BF16 : ElementType::F16;
      for (auto& lo : rule.lo) lo = static_cast<std::uint16_t>(random());
      rule.mantissaBits = static_cast<unsigned>(random() % 3);
      rule.topExponent = static_cast<unsigned>(random() % 256);
      for (auto& c : codes) c = static_cast<std::uint8_t>(random());
      for (auto& v : values) v = static_cast<std::uint16_t>(random());
      for (auto& s : scales)
        s = round % 5 ? 0.05f * static_cast<float>(random() % 1000) : std::bit_cast<float>(std::uint32_t(random()));
      TileBase base;
      base.count = 1 + random() % kTile;
      base.codes = codes.data();
      base.scales = scales.data();
      base.values16 = values.data();
      base.group = rule.kind == AnchorKind::Int8 ? 1 + random() % 3000 : std::size_t{32} << random() % 8;
      base.column = rule.kind == AnchorKind::Int8 ? random() % base.group : 0;
      anchorsAndContexts(rule, base, a->anchors, a->contexts, Isa::Scalar);
      anchorsAndContexts(rule, base, b->anchors, b->contexts, Isa(isa));
      const std::size_t padded = (base.count + kStep - 1) / kStep * kStep;
      QVERIFY(std::equal(a->contexts, a->contexts + padded, b->contexts));
      if (scalesUsable(rule, base)) QVERIFY(std::equal(a->anchors, a->anchors + padded, b->anchors));
    }
  }

  void differencesGoBackAndForth_data() { addIsas(); }
  void differencesGoBackAndForth() {
    QFETCH(int, isa);
    std::mt19937 random(4);
    auto a = std::make_unique<Buffers>(), b = std::make_unique<Buffers>();
    for (AnchorKind kind : {AnchorKind::Zero, AnchorKind::Ordered, AnchorKind::Nibble, AnchorKind::Int8}) {
      for (std::size_t i = 0; i < kTile; ++i) {
        a->anchors[i] = kind == AnchorKind::Zero ? 0 : static_cast<std::uint16_t>(random());
        a->final[i] = static_cast<std::uint16_t>(random());
      }
      toDifferences(kind, a->anchors, a->final, a->x, kTile, Isa::Scalar);
      toDifferences(kind, a->anchors, a->final, b->x, kTile, Isa(isa));
      QVERIFY(std::equal(a->x, a->x + kTile, b->x));
      fromDifferences(kind, a->anchors, b->x, b->final, kTile, Isa(isa));
      QVERIFY(std::equal(a->final, a->final + kTile, b->final));
      fromDifferences(kind, a->anchors, a->x, b->final, kTile, Isa::Scalar);
      QVERIFY(std::equal(a->final, a->final + kTile, b->final));
    }
  }

  void runsComeBackInOrder_data() { addIsas(); }
  void runsComeBackInOrder() {
    QFETCH(int, isa);
    std::mt19937 random(5);
    for (std::size_t n : {0u, 1u, 63u, 64u, 1000u, 4096u}) {
      const std::size_t used = 1 + random() % kMaxContexts;
      std::vector<std::uint8_t> contexts(n);
      for (auto& c : contexts) c = static_cast<std::uint8_t>(random() % used);
      std::vector<std::uint16_t> sorted(n + 32);
      for (auto& v : sorted) v = static_cast<std::uint16_t>(random());
      std::array<std::size_t, kMaxContexts> runs{};
      for (auto c : contexts)
        for (std::size_t k = c + 1u; k < kMaxContexts; ++k) ++runs[k];
      auto first = runs, second = runs;
      std::vector<std::uint16_t> x(n), y(n);
      gatherRuns(contexts.data(), sorted.data(), first.data(), used, x.data(), n, Isa::Scalar);
      gatherRuns(contexts.data(), sorted.data(), second.data(), used, y.data(), n, Isa(isa));
      QVERIFY(x == y);
      QVERIFY(first == second);
    }
  }

  void conversionsDifferInNansAlone() {
    std::mt19937 random(11);
    for (std::uint32_t i = 0; i < 1u << 20; ++i) {
      const float x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
      const auto bits = std::bit_cast<std::uint32_t>(x);
      if (x == x) {
        QCOMPARE(toBf16OneNan(x), toBf16KeepingNan(x));
        QCOMPARE(toF16OneNan(x), toF16KeepingNan(x));
        QCOMPARE(toF32BitsOneNan(x), bits);
      } else {
        QCOMPARE(toBf16OneNan(x), std::uint16_t{0x7fc0});
        QCOMPARE(toF16OneNan(x), std::uint16_t{0x7e00});
        QCOMPARE(toF32BitsOneNan(x), 0x7fc00000u);
        QCOMPARE(toBf16KeepingNan(x), static_cast<std::uint16_t>(bits >> 16 | 0x40u));
        QCOMPARE(toF16KeepingNan(x), static_cast<std::uint16_t>((bits >> 16 & 0x8000u) | 0x7e00u | (bits >> 13 & 0x1ffu)));
      }
    }
  }

  void signallingHalvesBecomeQuietWhereSaid() {
    for (std::uint32_t h = 0; h < 65536; ++h) {
      const auto half = static_cast<std::uint16_t>(h);
      const auto plain = std::bit_cast<std::uint32_t>(fromF16(half)),
                 quiet = std::bit_cast<std::uint32_t>(fromF16QuietNan(half));
      const bool nan = (h & 0x7fff) > 0x7c00;
      QCOMPARE(quiet, nan ? plain | 0x400000u : plain);
      if (nan) QCOMPARE(plain, (h & 0x8000u) << 16 | 0x7f800000u | (h & 0x3ffu) << 13);
    }
  }

  void halvesRoundTrip() {
    for (std::uint32_t h = 0; h < 65536; ++h) {
      const auto bits = static_cast<std::uint16_t>(h);
      const bool nanF16 = (h & 0x7c00) == 0x7c00 && (h & 0x3ff), nanBf16 = (h & 0x7f80) == 0x7f80 && (h & 0x7f);
      if (!nanF16) QCOMPARE(toF16KeepingNan(fromF16(bits)), bits);
      if (!nanBf16) QCOMPARE(toBf16KeepingNan(fromBf16(bits)), bits);
      if (nanF16) QVERIFY((toF16KeepingNan(fromF16(bits)) & 0x7e00) == 0x7e00);
    }
    struct Row {
      float value;
      std::uint16_t f16;
    };
    for (const Row& row : {Row{65519.0f, 0x7bff},
                           {65520.0f, 0x7c00},
                           {-65536.0f, 0xfc00},
                           {0x1p-25f, 0x0000},
                           {0x1.8p-25f, 0x0001},
                           {0x1p-24f, 0x0001},
                           {0x1.ff8p-15f, 0x03ff},
                           {0x1.ffep-15f, 0x0400},
                           {1.0f + 0x1p-11f, 0x3c00},
                           {1.0f + 0x1.8p-10f, 0x3c02}})
      QCOMPARE(toF16KeepingNan(row.value), row.f16);
  }
};

QTEST_APPLESS_MAIN(TestResidualKernels)
#include "test_residual_kernels.moc"
