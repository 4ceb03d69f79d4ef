// SPDX-License-Identifier: Apache-2.0
/// INT4 of compressed-tensors: the library's own file, and what is not of this kind.
#include <QTemporaryDir>
#include <functional>

#include "golden.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

using Tensors = std::map<std::string, Tensor>;
const std::string kWeight = "model.layers.0.mlp.down_proj.weight";

Checkpoint open(const std::filesystem::path& path) {
  auto opened = Checkpoint::open(path);
  if (!opened) qFatal("%s", describe(opened.error()).c_str());
  return std::move(*opened);
}

void set(Tensors& tensors, const std::string& name, DType dtype, std::vector<std::uint64_t> shape) {
  auto& tensor = tensors[name];
  tensor.info.name = name;
  tensor.info.dtype = dtype;
  tensor.info.shape = std::move(shape);
  std::uint64_t bytes = bytesOf(dtype);
  for (auto side : tensor.info.shape) bytes *= side;
  tensor.bytes.assign(bytes, std::byte{1});
}

void setShape(Tensors& tensors, std::vector<std::int64_t> sides) {
  set(tensors, kWeight + "_shape", DType::I64, {sides.size()});
  std::memcpy(tensors[kWeight + "_shape"].bytes.data(), sides.data(), sides.size() * sizeof(std::int64_t));
}

struct Change {
  std::function<void(Tensors&)> apply;
};

}  // namespace
Q_DECLARE_METATYPE(Change)

class TestInt4 : public QObject {
  Q_OBJECT
 private slots:
  void valuesAreTheLibrarys();
  void otherKindsAreNotInt4_data();
  void otherKindsAreNotInt4();
};

void TestInt4::valuesAreTheLibrarys() {
  const auto folder = dataFolder() / "int4";
  const auto checkpoint = open(folder);
  const auto found = findQuantized(checkpoint);
  QVERIFY(found);
  const auto expected = loadAll(folder / "dequantized.safetensors");
  QCOMPARE(found->weights.size(), expected.size());
  QCOMPARE(found->parts.size(), 3 * expected.size());
  for (const auto& [name, tensor] : found->weights) {
    const auto& golden = expected.at(name);
    QCOMPARE(tensor.kind, BaseKind::Int4);
    QCOMPARE(tensor.dtype, DType::BF16);
    QCOMPARE(tensor.shape, golden.info.shape);
    QCOMPARE(tensor.layout.group, std::uint64_t{32});
    QCOMPARE(found->withCodes(*tensor.codes), &tensor);
    const IndexRange all{0, tensor.elements};
    std::vector<std::byte> codes(tensor.layout.codesOf(all).count), values(golden.bytes.size());
    QVERIFY(formatOf(tensor.kind).readCodes(checkpoint, tensor, all, codes));
    baseValues(sliceOf(tensor.kind, tensor.dtype, tensor.layout.group, all, codes.data(), tensor.scales.data()), values);
    QCOMPARE(values, golden.bytes);
    // A part of it is the same part.
    std::vector<std::byte> part(8);
    QVERIFY(formatOf(tensor.kind).readCodes(checkpoint, tensor, {16, 16}, part));
    QVERIFY(std::equal(part.begin(), part.end(), codes.begin() + 8));
  }
}

void TestInt4::otherKindsAreNotInt4_data() {
  QTest::addColumn<Change>("change");
  QTest::addColumn<int>("kind");
  const auto row = [](const char* name, std::function<void(Tensors&)> apply, BaseKind kind = BaseKind::None) {
    QTest::newRow(name) << Change{std::move(apply)} << int(kind);
  };
  row(
      "zero points",
      [](Tensors& t) {
        set(t, kWeight + "_zero_point", DType::I32, {8, 3});
      },
      BaseKind::W4);
  row("act-order", [](Tensors& t) { set(t, kWeight + "_g_idx", DType::I32, {96}); });
  row(
      "8 bits",
      [](Tensors& t) {
        set(t, kWeight + "_packed", DType::I32, {64, 24});
      },
      BaseKind::W8);
  row("3 bits", [](Tensors& t) { set(t, kWeight + "_packed", DType::I32, {64, 9}); });
  row("bytes, as in NVFP4", [](Tensors& t) { set(t, kWeight + "_packed", DType::U8, {64, 48}); });
  row(
      "a scale for each row",
      [](Tensors& t) {
        set(t, kWeight + "_scale", DType::BF16, {64, 1});
      },
      BaseKind::W4);
  row(
      "groups of 48",
      [](Tensors& t) {
        set(t, kWeight + "_scale", DType::BF16, {64, 2});
      },
      BaseKind::W4);
  row(
      "groups of 16",
      [](Tensors& t) {
        set(t, kWeight + "_scale", DType::BF16, {64, 6});
      },
      BaseKind::W4);
  row("scales of FP8", [](Tensors& t) { set(t, kWeight + "_scale", DType::F8_E4M3, {64, 3}); });
  row("the scale is missing", [](Tensors& t) { t.erase(kWeight + "_scale"); });
  row("the shape is missing", [](Tensors& t) { t.erase(kWeight + "_shape"); });
  row(
      "another shape",
      [](Tensors& t) {
        setShape(t, {64, 93});
      },
      BaseKind::W4);
  row("a negative shape", [](Tensors& t) { setShape(t, {64, -96}); });
  row("three sides", [](Tensors& t) { setShape(t, {1, 64, 96}); });
  row("the weight itself", [](Tensors& t) { set(t, kWeight, DType::BF16, {64, 96}); });
}

void TestInt4::otherKindsAreNotInt4() {
  QFETCH(Change, change);
  QFETCH(int, kind);
  Tensors tensors = loadAll(dataFolder() / "int4" / "model.safetensors");
  const auto before = std::ranges::count_if(tensors, [](const auto& t) { return t.first.ends_with("_packed"); });
  change.apply(tensors);
  QTemporaryDir dir;
  const auto path = std::filesystem::path(dir.path().toStdString()) / "model.safetensors";
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back({name, tensor.info.dtype, tensor.info.shape});
  auto writer = SafetensorsWriter::create(path, specs);
  QVERIFY(writer);
  for (const auto& [name, tensor] : tensors) QVERIFY(writer->write(name, 0, tensor.bytes));
  QVERIFY(writer->commit());
  const auto checkpoint = open(path);
  const auto found = findQuantized(checkpoint);
  QVERIFY(found);
  const auto* tensor = found->find(kWeight);
  QCOMPARE(int(tensor ? tensor->kind : BaseKind::None), kind);
  QCOMPARE(found->weights.size(), static_cast<std::size_t>(before - (tensor ? 0 : 1)));
  QCOMPARE(describeQuantized(checkpoint).weights.size(), found->weights.size());
}

QTEST_APPLESS_MAIN(TestInt4)
#include "test_int4.moc"
