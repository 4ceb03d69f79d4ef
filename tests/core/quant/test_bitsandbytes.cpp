// SPDX-License-Identifier: Apache-2.0
#include "core/base/units.h"
#include "core/checkpoint/checkpoint.h"
#include "golden.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

constexpr const char* kDown = "model.layers.0.mlp.down_proj.weight";

struct Model {
  const char* folder;
  QuantFormat format;
  bool nested;
};
constexpr std::array<Model, 5> kModels{{{"nf4", QuantFormat::Nf4, false},
                                        {"nf4-double", QuantFormat::Nf4, true},
                                        {"nf4-storage", QuantFormat::Nf4, false},
                                        {"fp4", QuantFormat::Fp4, false},
                                        {"int8", QuantFormat::Int8, false}}};

Checkpoint open(const std::filesystem::path& path) {
  auto checkpoint = Checkpoint::open(path);
  if (!checkpoint) qFatal("%s", describe(checkpoint.error()).c_str());
  return std::move(*checkpoint);
}

QuantizedTensors find(const Checkpoint& checkpoint) {
  auto found = findQuantized(checkpoint);
  if (!found) qFatal("%s", describe(found.error()).c_str());
  return std::move(*found);
}

std::vector<std::byte> dequantize(const Checkpoint& checkpoint, const QuantizedTensor& tensor) {
  const auto codes = checkpoint.readAll(*tensor.codes);
  std::vector<std::byte> values(tensor.elements * bytesOf(tensor.dtype));
  if (tensor.kind == BaseKind::Int8)
    dequantizeInt8(as<std::int8_t>(*codes), 0, tensor.layout.group, tensor.scales, tensor.dtype, values);
  else
    dequantize4bit(tensor.kind == BaseKind::Nf4 ? QuantFormat::Nf4 : QuantFormat::Fp4, as<std::uint8_t>(*codes), tensor.scales,
                   static_cast<unsigned>(tensor.layout.group), tensor.dtype, values);
  return values;
}

/// What we would write for one BF16 weight, by tensor name.
std::map<std::string, Tensor> quantized(const std::string& name, const Tensor& source, const Model& model) {
  std::map<std::string, Tensor> tensors;
  const DType dtype = DType::BF16;
  const auto& shape = source.info.shape;
  for (auto& spec : quantizedSpecs(name, model.format, shape, dtype, 64, model.nested)) {
    Tensor tensor;
    tensor.info.name = spec.name;
    tensor.info.dtype = spec.dtype;
    tensor.info.shape = spec.shape;
    for (auto dim : spec.shape) tensor.info.elements *= dim;
    tensor.info.bytes = tensor.info.elements * bytesOf(spec.dtype);
    tensors.emplace(spec.name, std::move(tensor));
  }
  const std::size_t n = source.info.elements;
  std::vector<float> scales;
  std::optional<NestedAbsmax> nested;
  if (model.format == QuantFormat::Int8) {
    std::vector<float> wide(n);  // Linear8bitLt rounds to F16 first
    toFloat(dtype, source.bytes, wide);
    std::vector<std::byte> half(2 * n);
    fromFloat(DType::F16, wide, half);
    scales.resize(shape[0]);
    std::vector<std::int8_t> codes(n);
    rowAbsmax(DType::F16, half, shape[1], scales);
    quantizeInt8(DType::F16, half, 0, shape[1], scales, codes);
    tensors.at(name).bytes = bytesFrom(codes);
  } else {
    std::vector<std::uint8_t> codes(ceilDiv(n, 2));
    scales.resize(ceilDiv(n, 64));
    quantize4bit(model.format, dtype, source.bytes, 64, codes, scales);
    if (model.nested) nested = nestAbsmax(scales);
    tensors.at(name).bytes = bytesFrom(codes);
  }
  for (auto& part : quantizedParts(name, model.format, shape, dtype, 64, scales, nested ? &*nested : nullptr))
    tensors.at(part.name).bytes = std::move(part.bytes);
  return tensors;
}

}  // namespace

class TestBitsandbytes : public QObject {
  Q_OBJECT
 private slots:
  void savedModelsAreFoundAndDequantized_data() { models(); }
  void savedModelsAreFoundAndDequantized();
  void writtenTensorsAreTheLibrarys_data() { models(); }
  void writtenTensorsAreTheLibrarys();
  void configIsTransformers_data() { models(); }
  void configIsTransformers();
  void plainModelsHoldNothingQuantized();
  void statesAreWrittenAsPythonDoes_data();
  void statesAreWrittenAsPythonDoes();
  void everythingElseIsAPart();

 private:
  static void models() {
    QTest::addColumn<Model>("model");
    for (const auto& model : kModels) QTest::newRow(model.folder) << model;
  }
};
Q_DECLARE_METATYPE(Model)

void TestBitsandbytes::savedModelsAreFoundAndDequantized() {
  QFETCH(Model, model);
  const auto checkpoint = open(dataFolder() / model.folder);
  const auto found = find(checkpoint);
  const auto expected = loadAll(dataFolder() / model.folder / "dequantized.safetensors");
  QCOMPARE(found.weights.size(), expected.size());
  for (const auto& [name, tensor] : found.weights) {
    const auto& golden = expected.at(name);
    QCOMPARE(tensor.name, name);
    QCOMPARE(tensor.kind, kindOfFormat(model.format));
    QCOMPARE(tensor.dtype, DType::BF16);
    QCOMPARE(tensor.shape, golden.info.shape);
    QCOMPARE(tensor.elements, golden.info.elements);
    QCOMPARE(firstDifference(DType::BF16, dequantize(checkpoint, tensor), golden.bytes), -1);
    std::uint64_t stored = checkpoint.find(name)->bytes;
    for (const auto& [part, owner] : found.parts)
      if (owner == name) stored += checkpoint.find(part)->bytes;
    QCOMPARE(tensor.storedBytes, stored);
  }
}

void TestBitsandbytes::everythingElseIsAPart() {
  for (const auto& model : kModels) {
    const auto checkpoint = open(dataFolder() / model.folder);
    const auto found = find(checkpoint);
    const auto source = open(dataFolder() / "source");
    for (const auto& tensor : checkpoint.tensors())
      QVERIFY2(source.find(tensor.name) ? !found.parts.contains(tensor.name) : found.parts.contains(tensor.name),
               tensor.name.c_str());
  }
}

void TestBitsandbytes::writtenTensorsAreTheLibrarys() {
  QFETCH(Model, model);
  const auto source = loadAll(dataFolder() / "source" / "model.safetensors");
  const auto saved = loadAll(dataFolder() / model.folder / "model.safetensors");
  const auto found = find(open(dataFolder() / model.folder));
  std::size_t compared = 0;
  for (const auto& [name, weight] : found.weights)
    for (const auto& [part, tensor] : quantized(name, source.at(name), model)) {
      const auto& golden = saved.at(part);
      auto bytes = tensor.bytes;
      if (part.find("quant_state") != std::string::npos) {  // the library does not pad
        while (!bytes.empty() && bytes.back() == std::byte{' '}) bytes.pop_back();
      } else if (golden.info.dtype != DType::BF16) {  // storage as BF16 holds the same bytes under another shape
        QCOMPARE(tensor.info.dtype, golden.info.dtype);
        QCOMPARE(tensor.info.shape, golden.info.shape);
      }
      QCOMPARE(tensor.bytes.size(), tensor.info.bytes);
      QVERIFY2(bytes == golden.bytes, part.c_str());
      ++compared;
    }
  QCOMPARE(compared, found.weights.size() + found.parts.size());
}

void TestBitsandbytes::configIsTransformers() {
  QFETCH(Model, model);
  auto expected = open(dataFolder() / model.folder).config().at("quantization_config");
  std::vector<std::string> skipped;
  if (expected["llm_int8_skip_modules"].is_array()) skipped = expected["llm_int8_skip_modules"].get<std::vector<std::string>>();
  auto config = quantizationConfig(model.format, DType::BF16, model.nested, skipped);
  for (const char* name :
       {"llm_int8_skip_modules", "bnb_4bit_quant_storage"})  // the models that leave the defaults, or set others
    if (std::string(model.folder) == "nf4" || std::string(model.folder) == "nf4-storage") expected[name] = config[name];
  QCOMPARE(config.dump(), expected.dump());
}

void TestBitsandbytes::plainModelsHoldNothingQuantized() {
  const auto found = find(open(dataFolder() / "source"));
  QVERIFY(found.weights.empty());
  QVERIFY(found.parts.empty());
}

void TestBitsandbytes::statesAreWrittenAsPythonDoes_data() {
  QTest::addColumn<float>("offset");
  QTest::addColumn<QByteArray>("text");
  QTest::newRow("plain") << 0.0475616455078125f << QByteArray("0.0475616455078125");
  QTest::newRow("seventeen digits") << 0.1f << QByteArray("0.10000000149011612");
  QTest::newRow("zero") << 0.0f << QByteArray("0.0");
  QTest::newRow("whole") << 3.0f << QByteArray("3.0");
  QTest::newRow("negative") << -0.5f << QByteArray("-0.5");
  QTest::newRow("last plain small one") << 1.0001e-4f << QByteArray("0.00010001000191550702");
  QTest::newRow("small") << 1e-5f << QByteArray("9.999999747378752e-06");
  QTest::newRow("denormal") << 1e-45f << QByteArray("1.401298464324817e-45");
  QTest::newRow("large") << 1e16f << QByteArray("1.0000000272564224e+16");
  QTest::newRow("largest") << 3.4028234663852886e38f << QByteArray("3.4028234663852886e+38");
}

void TestBitsandbytes::statesAreWrittenAsPythonDoes() {
  QFETCH(float, offset);
  QFETCH(QByteArray, text);
  NestedAbsmax nested;
  nested.codes.resize(2);
  nested.absmax.resize(1);
  nested.offset = offset;
  const auto parts = quantizedParts("w", QuantFormat::Nf4, {4, 32}, DType::F16, 64, {}, &nested);
  const auto& state = parts.back();
  QCOMPARE(state.name, std::string("w.quant_state.bitsandbytes__nf4"));
  const auto json = QByteArray(reinterpret_cast<const char*>(state.bytes.data()), static_cast<qsizetype>(state.bytes.size()));
  QCOMPARE(
      json.trimmed(),
      QByteArray(R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [4, 32], "nested_blocksize": 256, )"
                 R"("nested_dtype": "float32", "nested_offset": )") +
          text + "}");
  const auto specs = quantizedSpecs("w", QuantFormat::Nf4, {4, 32}, DType::F16, 64, true);
  QCOMPARE(specs.back().shape, std::vector<std::uint64_t>{static_cast<std::uint64_t>(json.size())});
}

QTEST_APPLESS_MAIN(TestBitsandbytes)
#include "test_bitsandbytes.moc"
