// SPDX-License-Identifier: Apache-2.0
// Matrices that their quantized base gives back exactly: there is no delta to store, but a base to write.
#include "core/pack/pack.h"
#include "core/source/base_model.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

constexpr const char* kName = "model.layers.0.mlp.up_proj.weight";

using Kind = std::function<float(std::uint64_t)>;

/// `shape` filled with `value(i)`, rounded to `dtype`.
TensorData filled(DType dtype, std::vector<std::uint64_t> shape, const Kind& value) {
  TensorData tensor{{kName, dtype, shape}, {}};
  std::uint64_t elements = 1;
  for (const auto side : shape) elements *= side;
  std::vector<float> floats(elements);
  for (std::uint64_t i = 0; i < elements; ++i) floats[i] = value(i);
  tensor.bytes.resize(elements * bytesOf(dtype));
  fromFloat(dtype, floats, tensor.bytes);
  return tensor;
}

float zero(std::uint64_t) { return 0; }
float constant(std::uint64_t) { return 0.5f; }
float plusMinus(std::uint64_t i) { return i * 2654435761u % 7 < 3 ? -1.0f : 1.0f; }
float ternary(std::uint64_t i) { return std::array{-0.25f, 0.0f, 0.25f}[i * 2654435761u % 3]; }
/// Nearly every value of the format, its largest in each block.
float dequantizedNf4(std::uint64_t i) {
  return 0.25f * (i % 32 == 0 ? 1.0f : codeBook(QuantFormat::Nf4).values[i * 2654435761u / 64 % 16]);
}
float oneRowZero(std::uint64_t i) {
  return i < 96 ? 0 : 0.01f * static_cast<float>(static_cast<int>(i * 2654435761u % 201) - 100);
}

struct Case {
  PackRequest request;
  TensorData tensor;
  bool identical = true;
};

/// What `packed` holds is right in every number that does not follow from a round trip.
void checkRow(const Case& test, const fs::path& packed) {
  const auto payload = take(Payload::open(packed / "model.delta.safetensors"));
  const auto& row = rowOf(payload, kName);
  const auto base = take(BaseModel::open(packed, "base"));
  QCOMPARE(row.base, kindOfFormat(*test.request.quantize));
  QCOMPARE(row.baseBytes, base.storedBytes(kName));
  QVERIFY(row.baseHash == take(base.hash(kName)));
  QVERIFY(row.finalHash == hash128(test.tensor.bytes));
  SliceBuffer slice;
  take(base.slice(kName, row.dtype, 0, row.elements, true, slice));
  QCOMPARE(slice.values == test.tensor.bytes, test.identical);
  QCOMPARE(row.codec == CodecId::Identical, test.identical);
  QCOMPARE(row.storedBytes == 0, test.identical);
  if (test.identical) QCOMPARE(row.zeroDeltas, row.elements);
}

}  // namespace

Q_DECLARE_METATYPE(Case)

class TestPackExact : public QObject {
  Q_OBJECT
 private slots:
  void matricesWithoutADeltaComeBack_data();
  void matricesWithoutADeltaComeBack();
  void wholesDecideBesideSamples_data();
  void wholesDecideBesideSamples();
  void estimateWhatTheyTake();
  void zerosWithoutABaseStayWithinTheReadersBound_data();
  void zerosWithoutABaseStayWithinTheReadersBound();
};

namespace {

void addCases(const char* name, const Kind& value, std::vector<std::uint64_t> shape, std::initializer_list<QuantFormat> exact) {
  for (const auto dtype : {DType::BF16, DType::F16, DType::F32})
    for (const auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8})
      for (const bool doubleQuant : {false, true}) {
        if (doubleQuant && format == QuantFormat::Int8) continue;
        Case test{{}, filled(dtype, shape, value), std::ranges::find(exact, format) != exact.end()};
        test.request.quantize = format;
        test.request.doubleQuant = doubleQuant;
        QTest::addRow("%s, %s, %s%s", name, nameOf(dtype).data(), nameOf(format).data(), doubleQuant ? " double" : "") << test;
      }
}

void packAndCheck(const Case& test, unsigned threads) {
  const Workspace space;
  writeModel(space.at("final"), {test.tensor, randomTensor("model.layers.0.mlp.down_proj.weight", DType::BF16, {64, 64}, 3)});
  auto request = test.request;
  request.final = space.at("final");
  request.out = space.at("packed");
  const auto packed = pack(request, withThreads(threads));
  QVERIFY2(packed, packed ? "" : describe(packed.error()).c_str());
  QCOMPARE(roundTripProblem(space, space.at("packed"), {}, space.at("final")), QString());
  checkRow(test, space.at("packed"));
}

}  // namespace

void TestPackExact::matricesWithoutADeltaComeBack_data() {
  QTest::addColumn<Case>("test");
  constexpr auto kNf4 = QuantFormat::Nf4, kFp4 = QuantFormat::Fp4, kInt8 = QuantFormat::Int8;
  addCases("zeros", zero, {64, 96}, {kNf4, kFp4, kInt8});
  addCases("a constant", constant, {64, 96}, {kNf4, kFp4, kInt8});
  addCases("± one", plusMinus, {64, 96}, {kNf4, kFp4, kInt8});
  addCases("ternary", ternary, {64, 96}, {kNf4, kFp4, kInt8});
  addCases("dequantized NF4", dequantizedNf4, {64, 96}, {kNf4});
  addCases("one row zero", oneRowZero, {64, 96}, {});
  addCases("one zero", zero, {1, 1}, {kNf4, kFp4, kInt8});
  addCases("one element", constant, {1, 1}, {kNf4, kFp4, kInt8});
  addCases("one row", plusMinus, {1, 65}, {kNf4, kFp4, kInt8});
  addCases("one column", plusMinus, {65, 1}, {kNf4, kFp4, kInt8});
}

void TestPackExact::matricesWithoutADeltaComeBack() {
  QFETCH(Case, test);
  packAndCheck(test, 1);
}

void TestPackExact::wholesDecideBesideSamples_data() {
  QTest::addColumn<Case>("test");
  constexpr std::uint64_t kRows = 901, kColumns = 701;  // more than the sample and than two chunks, in rows that fill no block
  const auto add = [&](const char* name, const Kind& value, std::vector<std::uint64_t> shape, QuantFormat format,
                       const std::function<void(Case&)>& change) {
    Case test{{}, filled(DType::BF16, std::move(shape), value), true};
    test.request.quantize = format;
    test.request.chunks = 7;
    change(test);
    QTest::addRow("%s, %s", name, nameOf(format).data()) << test;
  };
  const auto same = [](Case&) {};
  const auto doubled = [](Case& test) { test.request.doubleQuant = true; };
  // Seen by no sample: the base is not exact after all.
  const auto last = [](Case& test) {
    const std::vector<float> rest{0.01f, 0.5f};
    fromFloat(DType::BF16, rest, std::span(test.tensor.bytes).subspan(200000, 4));
    test.identical = false;
  };
  for (const auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8}) {
    for (const auto& [name, value] : {std::pair<const char*, Kind>{"zeros", zero}, {"± one", plusMinus}}) {
      add(name, value, {kRows, kColumns}, format, same);
      add(qPrintable(QString("%1 in one wide row").arg(name)), value, {1, kRows * kColumns}, format, same);
      add(qPrintable(QString("%1 but for two").arg(name)), value, {kRows, kColumns}, format, last);
    }
    if (format != QuantFormat::Int8) add("constant, double", constant, {kRows, kColumns}, format, doubled);
  }
}

void TestPackExact::wholesDecideBesideSamples() {
  QFETCH(Case, test);
  packAndCheck(test, 1);
  packAndCheck(test, 4);
}

void TestPackExact::estimateWhatTheyTake() {
  const Workspace space;
  writeModel(space.at("final"), {filled(DType::BF16, {64, 64}, plusMinus)});
  PackRequest request;
  request.final = space.at("final");
  request.quantize = QuantFormat::Int8;
  const auto estimate = take(estimatePack(request, {}));
  QCOMPARE(estimate.rows.front().codec, CodecId::Identical);
  QCOMPARE(estimate.rows.front().storedBytes, std::uint64_t{0});
}

void TestPackExact::zerosWithoutABaseStayWithinTheReadersBound_data() {
  QTest::addColumn<int>("dtype");
  QTest::addColumn<float>("value");
  QTest::addColumn<QString>("codec");
  for (const auto dtype : {DType::BF16, DType::F32})
    for (const float value : {0.0f, 1.0f, -2.0f})
      for (const char* codec : {"auto", "zstd"}) {
        QTest::addRow("%s %g %s", nameOf(dtype).data(), static_cast<double>(value), codec)
            << static_cast<int>(dtype) << value << QString(codec);
      }
}

void TestPackExact::zerosWithoutABaseStayWithinTheReadersBound() {
  QFETCH(int, dtype);
  QFETCH(float, value);
  QFETCH(QString, codec);
  const Workspace space;
  const auto type = static_cast<DType>(dtype);
  auto added = filled(type, {1300, 1300}, [value](std::uint64_t) { return value; });
  added.spec.name = "added";
  const auto shared = randomTensor("shared", DType::BF16, {64, 64}, 3);
  writeModel(space.at("base"), {shared});
  writeModel(space.at("final"), {shared, added});
  PackRequest request;
  request.base = space.at("base");
  request.final = space.at("final");
  request.out = space.at("p.delta.safetensors");
  request.chunks = 1;
  request.codec = codecFromName(codec.toStdString());
  take(pack(request, {}));
  QCOMPARE(roundTripProblem(space, request.out, request.base, request.final), QString());
  if (codec == "zstd") QVERIFY(rowOf(take(Payload::open(request.out)), "added").storedBytes < 3000);
}

QTEST_APPLESS_MAIN(TestPackExact)
#include "test_pack_exact.moc"
