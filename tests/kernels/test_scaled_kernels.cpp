// SPDX-License-Identifier: Apache-2.0
/// Weights with scales apart: the same bits for every instruction set, and values, anchors and groups by their definition.
#include <QtTest>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/backend.h"
#include "kernels/half.h"
#include "kernels/scaled.h"

using namespace deltascope::kernels;

namespace {

constexpr std::size_t kCounts[] = {1, 2, 31, 255, 256, 257, 4096};

/// Groups of a run: as it says, and where it begins.
struct Groups {
  const char* name;
  std::uint64_t group, columns, column;
};
constexpr Groups kGroups[]{
    {"one a row", 4096, 0, 0},        {"of 32", 32, 0, 0}, {"of 5", 5, 0, 3}, {"rows of 70 in 32", 32, 70, 0},
    {"cut at both ends", 32, 70, 65}, {"of one", 1, 0, 0}};

struct Data {
  std::vector<std::uint8_t> codes;
  std::vector<float> parameters;
  ScaledRun run;
};

/// By the definition: which group element i is in.
std::size_t groupOf(const Groups& groups, std::size_t i) {
  const std::uint64_t at = groups.column + i;
  if (groups.columns == 0) return static_cast<std::size_t>(at / groups.group);
  const std::uint64_t each = (groups.columns + groups.group - 1) / groups.group;
  return static_cast<std::size_t>(at / groups.columns * each + at % groups.columns / groups.group -
                                  groups.column / groups.group);
}

Data makeData(ScaledType type, const Groups& groups, std::size_t n, bool usable) {
  std::mt19937 random(static_cast<unsigned>(n));
  Data data;
  data.codes.resize(type == ScaledType::Nibbles ? (n + 1) / 2 : n);
  for (auto& code : data.codes) code = static_cast<std::uint8_t>(random());
  data.parameters.resize((groupOf(groups, n - 1) + 1) * parametersOf(type));
  for (std::size_t i = 0; i < data.parameters.size(); i += parametersOf(type)) {
    data.parameters[i] = usable
                             ? std::ldexp(1.0F + static_cast<float>(random() % 1024) / 1024, static_cast<int>(random() % 9) - 9)
                             : std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (parametersOf(type) == 2) data.parameters[i + 1] = static_cast<float>(static_cast<int>(random() % 16) - 8);
  }
  data.run = {type, data.codes.data(), data.parameters.data(), groups.group, groups.columns, groups.column, n};
  return data;
}

double fp8(unsigned code) {
  const unsigned bits = code & 127;
  const double size = bits < 8 ? std::ldexp(bits, -9) : std::ldexp(8 + bits % 8, int(bits / 8) - 10);
  return bits == 127 ? NAN : code & 128 ? -size : size;
}

double codeOf(const Data& data, std::size_t i) {
  switch (data.run.type) {
    case ScaledType::Fp8:
      return fp8(data.codes[i]);
    case ScaledType::Bytes:
      return static_cast<std::int8_t>(data.codes[i]);
    default:
      return (i % 2 ? data.codes[i / 2] & 15 : data.codes[i / 2] >> 4) - 8;
  }
}

/// Four for each doubling, straight lines between, as the bits of a float count.
double quarterOctaves(double x) {
  const double octave = std::floor(std::log2(x));
  return 4 * (octave + x / std::exp2(octave) - 1);
}

bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

}  // namespace

class TestScaledKernels : public QObject {
  Q_OBJECT
 private slots:
  void followTheDefinition_data() {
    QTest::addColumn<int>("type");
    QTest::addColumn<int>("groups");
    QTest::addColumn<bool>("usable");
    for (int type = 0; type < int(kScaledTypes); ++type)
      for (int g = 0; g < int(std::size(kGroups)); ++g)
        for (const bool usable : {true, false})
          QTest::addRow("type %d, %s, %s", type, kGroups[g].name, usable ? "usable" : "any scale") << type << g << usable;
  }
  /// One rounding, of the product: in double it is exact.
  void followTheDefinition() {
    QFETCH(int, type);
    QFETCH(int, groups);
    QFETCH(bool, usable);
    for (const std::size_t n : kCounts) {
      const Data data = makeData(static_cast<ScaledType>(type), kGroups[groups], n, usable);
      if (usable) QVERIFY(scaledUsable(data.run));
      std::vector<std::uint16_t> scalar(n);
      std::vector<std::uint8_t> own(n);
      for (const Isa isa : supportedIsas()) {
        std::vector<float> values(n);
        scaledValues(data.run, values.data(), isa);
        const unsigned each = parametersOf(data.run.type);
        for (std::size_t i = 0; i < n; ++i) {
          const float* const of = data.parameters.data() + groupOf(kGroups[groups], i) * each;
          const auto wanted = static_cast<float>((codeOf(data, i) - (each == 2 ? of[1] : 0)) * static_cast<double>(of[0]));
          QVERIFY2(same(values[i], wanted), qPrintable(QString("%1: %2, not %3").arg(i).arg(values[i]).arg(wanted)));
        }
        for (const bool f16 : {false, true}) {
          std::vector<std::uint16_t> anchors(n);
          std::vector<std::uint8_t> contexts(n);
          scaledAnchors(data.run, f16, scalar.data(), own.data(), Isa::Scalar);
          scaledAnchors(data.run, f16, anchors.data(), contexts.data(), isa);
          QVERIFY(std::ranges::all_of(contexts, [](auto c) { return c < kScaledContexts; }));
          if (usable) QVERIFY(anchors == scalar && contexts == own);
        }
      }
    }
  }

  /// The anchor is half way to the next value nearer zero; of zero, the 512th part of the least. The context is how many
  /// numbers there are to the next edge.
  void anchorsAreTheInnerEdges() {
    std::vector<std::uint8_t> codes(256);
    for (unsigned i = 0; i < 256; ++i) codes[i] = static_cast<std::uint8_t>(i);
    const float scale = 0.25F;
    std::vector<std::uint16_t> anchors(256);
    std::vector<std::uint8_t> contexts(256);
    scaledAnchors({ScaledType::Fp8, codes.data(), &scale, 256, 0, 0, 256}, false, anchors.data(), contexts.data(), Isa::Scalar);
    for (unsigned code = 0; code < 127; ++code) {
      const double edge = code == 0 ? std::ldexp(1.0, -18) : (fp8(code) + fp8(code - 1)) / 2;
      QCOMPARE(anchors[code], toBf16KeepingNan(static_cast<float>(edge / 4)));
      QCOMPARE(int(anchors[code + 128]), anchors[code] | 0x8000);
      const double outer = code == 126 ? 464 : (fp8(code) + fp8(code + 1)) / 2;
      const int n = toBf16KeepingNan(static_cast<float>(outer / 4)) - anchors[code];
      QCOMPARE(int(contexts[code]), n < 40 ? n : std::min(40 + int(std::floor(quarterOctaves(n) - quarterOctaves(40))), 63));
      QCOMPARE(contexts[code + 128], contexts[code]);
    }
    const float with[] = {0.25F, 3.0F};
    codes = {3, 4, 2, 3 + 128};
    scaledAnchors({ScaledType::Bytes, codes.data(), with, 4, 0, 0, 4}, false, anchors.data(), contexts.data(), Isa::Scalar);
    for (const auto& [i, edge] : {std::pair{0, 0.25F / 512}, {1, 0.125F}, {2, -0.125F}, {3, -127.5F / 4}})
      QCOMPARE(anchors[static_cast<std::size_t>(i)], toBf16KeepingNan(edge));
  }

  void unusableScalesAreSeen_data() {
    QTest::addColumn<float>("scale");
    QTest::addColumn<bool>("usable");
    QTest::newRow("zero") << 0.0F << true;
    QTest::newRow("minus zero") << -0.0F << false;
    QTest::newRow("negative") << -1.0F << false;
    QTest::newRow("infinite") << INFINITY << false;
    QTest::newRow("no number") << NAN << false;
    QTest::newRow("2^-100") << 0x1p-100F << true;
    QTest::newRow("below") << 0x1p-101F << false;
    QTest::newRow("2^100") << 0x1p100F << true;
    QTest::newRow("above") << 0x1p101F << false;
  }
  void unusableScalesAreSeen() {
    QFETCH(float, scale);
    QFETCH(bool, usable);
    const std::vector<std::uint8_t> codes(96);
    std::vector<float> parameters{1, 0, 1, 0, scale, 0};
    const ScaledRun run{ScaledType::Bytes, codes.data(), parameters.data(), 32, 0, 0, 96};
    QCOMPARE(scaledUsable(run), usable);
    ScaledRun before = run;
    before.count = 64;
    QVERIFY(scaledUsable(before));
  }
};

QTEST_APPLESS_MAIN(TestScaledKernels)
#include "test_scaled_kernels.moc"
