// SPDX-License-Identifier: Apache-2.0
// What a device does in one go, norm and gate with their products, is what it does one after another, bit for bit.
#include <array>

#include "tests/kernels/matrices.h"

using namespace deltascope::kernels;

class TestLayerProducts : public QObject {
  Q_OBJECT

 private slots:
  void productsAreTheirPartsInOrder_data() {
    QTest::addColumn<unsigned>("columns");
    QTest::addColumn<unsigned>("tokens");
    for (unsigned columns : {100u, 192u, 512u, 640u, 2048u})
      for (unsigned tokens : {1u, 2u, 5u, 8u, 17u})
        QTest::addRow("%u columns, %u tokens", columns, tokens) << columns << tokens;
  }
  void productsAreTheirPartsInOrder() {
    QFETCH(unsigned, columns);
    QFETCH(unsigned, tokens);
    constexpr std::size_t kRows = 40;
    const auto x = randomFloats(std::size_t{tokens} * columns, 1);
    const auto norms = toBytes(ElementType::BF16, randomFloats(columns, 2));
    const auto gates = toBytes(ElementType::BF16, randomFloats(kRows * columns, 3, 0.1f));
    const auto ups = toBytes(ElementType::BF16, randomFloats(kRows * columns, 4, 0.1f));
    for (const auto& device : everyDevice()) {
      Backend& backend = *device.back().backend;
      const There<float> from(backend, x), normed(backend, x);
      const There<std::byte> norm(backend, norms), gate(backend, gates), up(backend, ups);
      const std::vector<float> nothing(std::size_t{tokens} * kRows);
      for (const auto kind : {Kind::Plain, Kind::Normed, Kind::NormedByOneMore}) {
        const There<float> y(backend, nothing), z(backend, nothing);
        RmsNormArgs before{from.data(), normed.data(), norm.data(), ElementType::BF16, tokens, columns};
        before.addOne = kind == Kind::NormedByOneMore;
        if (kind == Kind::Plain) before = {};
        const auto productOf = [&](const There<std::byte>& weight, const There<float>& into) {
          MatmulArgs args;
          args.weight.rows = kRows;
          args.weight.columns = columns;
          args.weight.elements = weight.data();
          args.x = kind == Kind::Plain ? from.data() : normed.data();
          args.y = into.data();
          args.tokens = tokens;
          return args;
        };
        const std::array both{productOf(gate, y), productOf(up, z)};
        QVERIFY(backend.gatedMatmul(before, both[0], both[1]));
        const auto gated = y.back();
        QVERIFY(backend.Backend::gatedMatmul(before, both[0], both[1]));
        QCOMPARE(difference(gated, y.back()), std::string());
        if (kind == Kind::Plain) continue;
        QVERIFY(backend.normedMatmul(before, both));
        const auto first = y.back(), second = z.back();
        QVERIFY(backend.Backend::normedMatmul(before, both));
        QCOMPARE(difference(first, y.back()) + difference(second, z.back()), std::string());
      }
    }
  }

  void everyDeviceTakesPart() { skipWithoutGpu(); }

 private:
  enum class Kind : std::uint8_t { Plain, Normed, NormedByOneMore };
};

QTEST_APPLESS_MAIN(TestLayerProducts)
#include "test_layer_products.moc"
