// SPDX-License-Identifier: Apache-2.0
#include "core/pack/pack.h"
#include "core/source/base_model.h"

#include "core/base/units.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

class TestBaseModel : public QObject {
  Q_OBJECT
 private slots:
  void tellsKinds();
  void slicesArePartsOfTheWhole_data();
  void slicesArePartsOfTheWhole();
  void convertsWithOneRounding();
  void hashesStoredBytes();
  void goesOnWithZerosPastTheEnd_data();
  void goesOnWithZerosPastTheEnd();
  void knowsNothingOfWhatIsNotThere();
};

namespace {

/// A packed model of llamaWithAMatrix in `format`; its base is what is tested.
fs::path quantizedModel(const Workspace& space, QuantFormat format, bool doubleQuant = false) {
  writeModel(space.at("final"), llamaWithAMatrix(DType::BF16));
  PackRequest request;
  request.final = space.at("final");
  request.quantize = format;
  request.doubleQuant = doubleQuant;
  request.out = space.at("packed");
  take(pack(request, {}));
  return request.out;
}

constexpr const char* kMatrix = "model.layers.1.mlp.gate_proj.weight";
constexpr std::uint64_t kElements = 301 * 699;

}  // namespace

void TestBaseModel::tellsKinds() {
  const Workspace space;
  const auto base = take(BaseModel::open(quantizedModel(space, QuantFormat::Fp4), "base"));
  QCOMPARE(base.kindOf(kMatrix, DType::BF16), BaseKind::Fp4);
  QCOMPARE(base.kindOf(kMatrix, DType::F32), BaseKind::Fp4);
  QCOMPARE(base.kindOf(kMatrix, DType::U8), BaseKind::Same);  // its codes, as they are
  QCOMPARE(base.kindOf("model.norm.weight", DType::F32), BaseKind::Same);
  QCOMPARE(base.kindOf("counter", DType::I64), BaseKind::Same);
  QCOMPARE(base.kindOf("counter", DType::BF16), BaseKind::None);
  QCOMPARE(base.kindOf("absent", DType::BF16), BaseKind::None);
  QCOMPARE(*base.shapeOf(kMatrix, DType::BF16), (std::vector<std::uint64_t>{301, 699}));
  QCOMPARE(base.storedBytes("model.norm.weight"), 128u);
  QVERIFY(base.storedBytes(kMatrix) > kElements / 2);
}

void TestBaseModel::slicesArePartsOfTheWhole_data() {
  QTest::addColumn<int>("format");
  QTest::addColumn<bool>("doubleQuant");
  QTest::newRow("nf4") << static_cast<int>(QuantFormat::Nf4) << false;
  QTest::newRow("nf4 double") << static_cast<int>(QuantFormat::Nf4) << true;
  QTest::newRow("fp4") << static_cast<int>(QuantFormat::Fp4) << false;
  QTest::newRow("int8") << static_cast<int>(QuantFormat::Int8) << false;
}

void TestBaseModel::slicesArePartsOfTheWhole() {
  QFETCH(int, format);
  QFETCH(bool, doubleQuant);
  const Workspace space;
  const auto base = take(BaseModel::open(quantizedModel(space, static_cast<QuantFormat>(format), doubleQuant), "base"));
  SliceBuffer whole;
  take(base.slice(kMatrix, DType::BF16, 0, kElements, true, whole));
  QCOMPARE(whole.slice.values.size(), 2 * kElements);
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{4096}, std::uint64_t{12 * 4096}, kElements / 4096 * 4096}) {
    for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{63}, std::uint64_t{4096}, std::uint64_t{70'001}}) {
      if (first + count > kElements) continue;
      SliceBuffer part;
      take(base.slice(kMatrix, DType::BF16, first, count, true, part));
      QCOMPARE(part.slice.first, first);
      QCOMPARE(part.slice.count, count);
      QVERIFY(std::ranges::equal(part.slice.values, whole.slice.values.subspan(2 * first, 2 * count)));
      SliceBuffer codes;
      take(base.slice(kMatrix, DType::BF16, first, count, false, codes));
      QVERIFY(codes.slice.values.empty());
      QVERIFY(std::ranges::equal(codes.slice.codes, part.slice.codes));
    }
  }
}

void TestBaseModel::convertsWithOneRounding() {
  const Workspace space;
  const std::array<float, 4> values{1.0F, 1.00390625F, 1.01171875F, -0.0F};  // ties go to the even neighbour
  TensorData tensor{{"w", DType::F32, {4}}, std::vector<std::byte>(16)};
  std::memcpy(tensor.bytes.data(), values.data(), 16);
  writeModel(space.at("base"), {tensor});
  const auto base = take(BaseModel::open(space.at("base")));
  SliceBuffer buffer;
  take(base.slice("w", DType::BF16, 0, 4, true, buffer));
  std::array<std::uint16_t, 4> rounded{};
  QCOMPARE(buffer.slice.values.size(), 8u);
  std::memcpy(rounded.data(), buffer.slice.values.data(), 8);
  QCOMPARE(rounded, (std::array<std::uint16_t, 4>{0x3f80, 0x3f80, 0x3f82, 0x8000}));
  QCOMPARE(buffer.stored, tensor.bytes);
}

void TestBaseModel::hashesStoredBytes() {
  const Workspace space;
  const auto packed = quantizedModel(space, QuantFormat::Nf4, true);
  const auto base = take(BaseModel::open(packed, "base"));
  const auto& checkpoint = base.checkpoint();
  QVERIFY(take(base.hash("model.norm.weight")) == hash128(take(checkpoint.readAll(*checkpoint.find("model.norm.weight")))));
  auto bytes = take(checkpoint.readAll(*checkpoint.find(kMatrix)));
  const auto scales = std::as_bytes(std::span(base.quantized().weights.find(kMatrix)->second.scales));
  bytes.insert(bytes.end(), scales.begin(), scales.end());
  QVERIFY(take(base.hash(kMatrix)) == hash128(bytes));
  // What pack hashed while it wrote the base is what its reader hashes.
  const auto payload = take(Payload::open(packed / "model.delta.safetensors"));
  for (const auto& row : payload.tensors())
    if (row.base != BaseKind::None) QVERIFY(take(base.hash(row.name)) == row.baseHash);
}

void TestBaseModel::goesOnWithZerosPastTheEnd_data() {
  QTest::addColumn<int>("number");
  QTest::newRow("nf4") << static_cast<int>(QuantFormat::Nf4);
  QTest::newRow("fp4") << static_cast<int>(QuantFormat::Fp4);
  QTest::newRow("int8") << static_cast<int>(QuantFormat::Int8);
}

void TestBaseModel::goesOnWithZerosPastTheEnd() {
  QFETCH(int, number);
  const auto format = static_cast<QuantFormat>(number);
  const Workspace space;
  const auto base = take(BaseModel::open(quantizedModel(space, format), "base"));
  const std::size_t more = 3 * 4096;
  SliceBuffer whole, longer, beyond;
  take(base.slice(kMatrix, DType::BF16, 0, kElements, true, whole));
  take(base.slice(kMatrix, DType::BF16, 0, kElements + more, true, longer));
  QCOMPARE(longer.slice.values.size(), 2 * (kElements + more));
  QVERIFY(std::ranges::equal(whole.slice.values, longer.slice.values.first(2 * kElements)));
  const auto zeros = longer.slice.values.subspan(2 * kElements);
  QVERIFY(std::ranges::all_of(zeros, [](std::byte b) { return b == std::byte{0}; }));
  QCOMPARE(longer.slice.codes.back(), format == QuantFormat::Nf4 ? 0x77 : 0);
  QCOMPARE(longer.slice.scales.back(), 0.0F);
  const std::uint64_t far = roundUp(kElements, 4096) + 4096;
  take(base.slice(kMatrix, DType::BF16, far, 4096, true, beyond));
  QVERIFY(std::ranges::all_of(beyond.slice.values, [](std::byte b) { return b == std::byte{0}; }));
  QVERIFY(!base.slice(kMatrix, DType::BF16, ~std::uint64_t{4095}, 8192, true, beyond));
  take(base.slice("model.norm.weight", DType::BF16, 4096, 1, true, beyond));
  QCOMPARE(beyond.values, std::vector<std::byte>(2));
  take(base.slice("model.norm.weight", DType::F32, 0, 65, true, beyond));  // converted, then a zero
  QCOMPARE(beyond.values.size(), 260u);
  QCOMPARE(beyond.stored.size(), 128u);
  take(base.slice("empty.weight", DType::BF16, 0, 0, true, beyond));
}

void TestBaseModel::knowsNothingOfWhatIsNotThere() {
  const Workspace space;
  writeModel(space.at("base"), smallLlama());
  const auto base = take(BaseModel::open(space.at("base")));
  QCOMPARE(base.storedBytes("absent"), 0u);
  QCOMPARE(base.shapeOf("absent", DType::BF16), nullptr);
  QCOMPARE(base.hash("absent").error().code, ErrorCode::NotFound);
  SliceBuffer buffer;
  take(base.slice("absent", DType::BF16, 0, 5, true, buffer));
  QCOMPARE(buffer.slice.kind, BaseKind::None);
  QVERIFY(buffer.slice.values.empty());
}

QTEST_APPLESS_MAIN(TestBaseModel)
#include "test_base_model.moc"
