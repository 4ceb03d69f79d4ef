// SPDX-License-Identifier: Apache-2.0
/// FP8, INT8 and INT4 with scales apart: the libraries' own files, and what does not fit.
#include <QTemporaryDir>
#include <functional>

#include "core/quant/scaled/grid.h"
#include "golden.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

using Tensors = std::map<std::string, Tensor>;
const std::string kWeight = "model.layers.0.mlp.down_proj.weight";  // 64 × 96

Checkpoint open(const std::filesystem::path& path) {
  auto opened = Checkpoint::open(path);
  if (!opened) qFatal("%s", describe(opened.error()).c_str());
  return std::move(*opened);
}

std::vector<std::byte> valuesOf(const Checkpoint& checkpoint, const QuantizedTensor& tensor, DType type, IndexRange elements) {
  std::vector<std::byte> codes(tensor.layout.codesOf(elements).count), values(elements.count * bytesOf(type));
  if (auto read = formatOf(tensor.kind).readCodes(checkpoint, tensor, elements, codes); !read)
    qFatal("%s", describe(read.error()).c_str());
  BaseSlice slice;
  slice.kind = tensor.kind;
  slice.finalType = type;
  slice.first = elements.first;
  slice.count = elements.count;
  slice.codes = {reinterpret_cast<const std::uint8_t*>(codes.data()), codes.size()};
  slice.group = tensor.layout.group;
  slice.columns = tensor.layout.columns;
  const IndexRange scales = tensor.layout.scalesOf(elements);
  slice.scales = std::span(tensor.scales).subspan(scales.first, scales.count);
  baseValues(slice, values);
  return values;
}

void set(Tensors& tensors, const std::string& name, DType dtype, std::vector<std::uint64_t> shape,
         std::byte fill = std::byte{1}) {
  auto& tensor = tensors[name];
  tensor.info.name = name;
  tensor.info.dtype = dtype;
  tensor.info.shape = std::move(shape);
  std::uint64_t bytes = bytesOf(dtype);
  for (auto side : tensor.info.shape) bytes *= side;
  tensor.bytes.assign(bytes, fill);
}

void setShape(Tensors& tensors, std::vector<std::int64_t> sides) {
  set(tensors, kWeight + "_shape", DType::I64, {sides.size()});
  std::memcpy(tensors[kWeight + "_shape"].bytes.data(), sides.data(), sides.size() * sizeof(std::int64_t));
}

/// As a folder, with the config.json of one of the goldens.
void write(const std::filesystem::path& folder, const Tensors& tensors, const std::string& config) {
  std::filesystem::create_directories(folder);
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back({name, tensor.info.dtype, tensor.info.shape});
  auto writer = SafetensorsWriter::create(folder / "model.safetensors", specs);
  QVERIFY(writer);
  for (const auto& [name, tensor] : tensors) QVERIFY(writer->write(name, 0, tensor.bytes));
  QVERIFY(writer->commit());
  if (!config.empty()) std::filesystem::copy_file(dataFolder() / "scaled" / config / "config.json", folder / "config.json");
}

struct Change {
  std::function<void(Tensors&)> apply;
};

}  // namespace
Q_DECLARE_METATYPE(Change)

class TestScaledFormats : public QObject {
  Q_OBJECT
 private slots:
  void valuesAreTheLibrarys_data();
  void valuesAreTheLibrarys();
  void gridsFollowFromShapes_data();
  void gridsFollowFromShapes();
  void blocksAreCutAtTheEnds();
  void whatDoesNotFitIsRefused_data();
  void whatDoesNotFitIsRefused();
  void otherKindsStayTensors_data();
  void otherKindsStayTensors();
  void strangeNumbersAreRead_data();
  void strangeNumbersAreRead();
};

void TestScaledFormats::valuesAreTheLibrarys_data() {
  QTest::addColumn<QString>("folder");
  QTest::addColumn<int>("kind");
  QTest::addColumn<quint64>("group");
  QTest::addColumn<int>("parts");
  const auto row = [](const char* folder, BaseKind kind, quint64 group, int parts) {
    QTest::newRow(folder) << folder << int(kind) << group << parts;
  };
  row("fp8-tensor", BaseKind::Fp8, 96, 1);
  row("fp8-channel", BaseKind::Fp8, 96, 1);
  row("fp8-block", BaseKind::Fp8, 48, 1);
  row("fp8-inv", BaseKind::Fp8, 96, 1);
  row("fp8-inv-ragged", BaseKind::Fp8, 56, 1);
  row("int8-channel", BaseKind::W8, 96, 1);
  row("int8-zeros", BaseKind::W8, 96, 2);
  row("w8-group", BaseKind::W8, 32, 3);
  row("w8-zeros", BaseKind::W8, 96, 4);
  row("w4-zeros", BaseKind::W4, 32, 4);
  row("w4-channel", BaseKind::W4, 96, 3);
  row("w4-group16", BaseKind::W4, 16, 3);
}

void TestScaledFormats::valuesAreTheLibrarys() {
  QFETCH(QString, folder);
  QFETCH(int, kind);
  QFETCH(quint64, group);
  QFETCH(int, parts);
  const auto path = dataFolder() / "scaled" / folder.toStdString();
  const auto checkpoint = open(path);
  const auto found = findQuantized(checkpoint);
  QVERIFY2(found, found ? "" : describe(found.error()).c_str());
  QCOMPARE(found->weights.size(), std::size_t{7});
  QCOMPARE(found->parts.size(), static_cast<std::size_t>(7 * parts));
  QCOMPARE(found->find(kWeight)->layout.group, static_cast<std::uint64_t>(group));
  QCOMPARE(int(found->find(kWeight)->kind), kind);  // others may be int4's, whose rows are a group of its
  const auto expected = loadAll(path / "values.safetensors");
  QCOMPARE(expected.size(), std::size_t{3});
  for (const auto& [name, golden] : expected) {
    const auto* tensor = found->find(name);
    QVERIFY(tensor);
    QCOMPARE(tensor->shape, golden.info.shape);
    QCOMPARE(found->withCodes(*tensor->codes), tensor);
    QCOMPARE(firstDifference(golden.info.dtype, valuesOf(checkpoint, *tensor, golden.info.dtype, {0, tensor->elements}),
                             golden.bytes),
             -1);
    // A part of it is the same part.
    const std::size_t size = bytesOf(golden.info.dtype);
    const auto part = valuesOf(checkpoint, *tensor, golden.info.dtype, {2048, 1000});
    QCOMPARE(firstDifference(golden.info.dtype, part, std::span(golden.bytes).subspan(2048 * size, part.size())), -1);
  }
}

void TestScaledFormats::gridsFollowFromShapes_data() {
  using Sides = std::vector<std::uint64_t>;
  QTest::addColumn<std::vector<std::uint64_t>>("weight");
  QTest::addColumn<std::vector<std::uint64_t>>("scale");
  QTest::addColumn<std::vector<std::uint64_t>>("declared");  // columns
  QTest::addColumn<std::vector<std::uint64_t>>("block");     // rows, columns; empty: refused
  const auto row = [](const char* name, Sides weight, Sides scale, Sides declared, Sides block) {
    QTest::newRow(name) << weight << scale << declared << block;
  };
  row("one", {64, 96}, {1}, {}, {64, 96});
  row("one, a scalar", {64, 96}, {}, {}, {64, 96});
  row("one a row", {64, 96}, {64, 1}, {}, {1, 96});
  row("one a row, a vector", {64, 96}, {64}, {}, {1, 96});
  row("one a column", {64, 96}, {1, 96}, {}, {64, 1});
  row("groups that divide", {64, 96}, {64, 3}, {}, {1, 32});
  row("groups as declared", {64, 100}, {64, 4}, {32}, {1, 32});
  row("another size is declared", {64, 96}, {64, 3}, {128}, {1, 32});
  row("two sizes that fit", {64, 100}, {64, 3}, {40, 48}, {});
  row("blocks of 128", {300, 200}, {3, 2}, {}, {128, 128});
  row("blocks of 128, cut", {301, 200}, {3, 2}, {128}, {128, 128});
  row("too few", {64, 96}, {32, 3}, {}, {2, 32});
  row("too many", {64, 96}, {65, 3}, {}, {});
  row("none", {64, 96}, {64, 0}, {}, {});
  row("no size fits", {64, 96}, {64, 5}, {}, {});
  row("a stack", {3, 64, 96}, {3, 2, 3}, {}, {32, 32});
  row("a stack with one a row", {3, 64, 96}, {3, 64}, {}, {1, 96});
  row("a stack with one each", {3, 64, 96}, {3, 1, 1}, {}, {64, 96});
  row("of another stack", {3, 64, 96}, {4, 64, 3}, {}, {});
  row("of other sides", {64, 96}, {2, 3, 4}, {}, {});
}

void TestScaledFormats::gridsFollowFromShapes() {
  QFETCH(std::vector<std::uint64_t>, weight);
  QFETCH(std::vector<std::uint64_t>, scale);
  QFETCH(std::vector<std::uint64_t>, declared);
  QFETCH(std::vector<std::uint64_t>, block);
  const auto grid = scaleGrid(weight, scale, {{}, declared, {}});
  QCOMPARE(grid.has_value(), !block.empty());
  if (!grid) return;
  QCOMPARE((std::vector{grid->blockRows, grid->blockColumns}), block);
  std::vector<float> values(grid->scales());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const auto all = grid->spread(values);
  const std::uint64_t each = grid->gridColumns, rows = grid->rows;
  QCOMPARE(all.size(), static_cast<std::size_t>(grid->matrices * rows * each));
  for (std::uint64_t i = 0; i < all.size(); ++i) {
    const std::uint64_t row = i / each % rows, matrix = i / each / rows;
    QCOMPARE(all[i], static_cast<float>((matrix * grid->gridRows + row / grid->blockRows) * each + i % each));
  }
}

/// 128 × 128 as DeepSeek has it, over sides that are no multiple: by the definition.
void TestScaledFormats::blocksAreCutAtTheEnds() {
  constexpr std::uint64_t kRows = 130, kColumns = 259;
  Tensors tensors;
  set(tensors, "a.weight", DType::F8_E4M3, {kRows, kColumns});
  for (std::size_t i = 0; i < kRows * kColumns; ++i) tensors["a.weight"].bytes[i] = static_cast<std::byte>(i % 127);
  set(tensors, "a.weight_scale_inv", DType::F32, {2, 3});
  const std::vector<float> scales{0.5F, 1.5F, 3, 0.011F, 0.013F, 1e-4F};
  tensors["a.weight_scale_inv"].bytes = bytesFrom(scales);
  QTemporaryDir dir;
  const std::filesystem::path folder = dir.path().toStdString();
  write(folder, tensors, "fp8-inv");
  const auto checkpoint = open(folder);
  const auto found = findQuantized(checkpoint);
  QVERIFY(found);
  const auto* tensor = found->find("a.weight");
  QVERIFY(tensor);
  QCOMPARE(tensor->layout.columns, kColumns);
  const auto values = as<float>(valuesOf(checkpoint, *tensor, DType::F32, {0, tensor->elements}));
  for (std::uint64_t i = 0; i < values.size(); ++i) {
    const auto code = static_cast<unsigned>(i % 127);
    const float value = code < 8 ? std::ldexp(static_cast<float>(code), -9)
                                 : std::ldexp(static_cast<float>(8 + code % 8), static_cast<int>(code / 8) - 10);
    QCOMPARE(values[i], value * scales[i / kColumns / 128 * 3 + i % kColumns / 128]);
  }
}

void TestScaledFormats::whatDoesNotFitIsRefused_data() {
  QTest::addColumn<QString>("folder");
  QTest::addColumn<Change>("change");
  QTest::addColumn<QString>("said");
  const auto row = [](const char* name, const char* folder, std::function<void(Tensors&)> apply, const char* said) {
    QTest::newRow(name) << folder << Change{std::move(apply)} << said;
  };
  row(
      "scales of other rows", "fp8-channel",
      [](Tensors& t) {
        set(t, kWeight + "_scale", DType::BF16, {63, 1});
      },
      "has the shape 63 × 1, which is no grid over the weight's 64 × 96");
  row(
      "scales of nothing", "fp8-channel",
      [](Tensors& t) {
        set(t, kWeight + "_scale", DType::BF16, {64, 0});
      },
      "is no grid");
  row(
      "scales with three sides", "fp8-inv",
      [](Tensors& t) {
        set(t, kWeight + "_scale_inv", DType::F32, {1, 1, 2});
      },
      "is no grid");
  row(
      "scales of other groups", "w8-group",
      [](Tensors& t) {
        set(t, kWeight + "_scale", DType::BF16, {64, 5});
      },
      "is no grid");
  row(
      "zeros of other rows", "w4-zeros",
      [](Tensors& t) {
        set(t, kWeight + "_zero_point", DType::I32, {9, 3});
      },
      "has 27 elements; the weight needs 24");
  row(
      "zeros of another type", "int8-zeros",
      [](Tensors& t) {
        set(t, kWeight + "_zero_point", DType::F32, {64, 1});
      },
      "is F32, not I8");
  row(
      "FP8 with zeros", "fp8-channel",
      [](Tensors& t) {
        set(t, kWeight + "_zero_point", DType::I8, {64, 1});
      },
      "is not zero");
}

void TestScaledFormats::whatDoesNotFitIsRefused() {
  QFETCH(QString, folder);
  QFETCH(Change, change);
  QFETCH(QString, said);
  Tensors tensors = loadAll(dataFolder() / "scaled" / folder.toStdString() / "model.safetensors");
  change.apply(tensors);
  QTemporaryDir dir;
  const std::filesystem::path path = dir.path().toStdString();
  write(path, tensors, folder.toStdString());
  const auto checkpoint = open(path);
  const auto found = findQuantized(checkpoint);
  QVERIFY(!found);
  const auto message = QString::fromStdString(found.error().message);
  QVERIFY2(message.contains(said) && message.contains(QString::fromStdString(kWeight)), qPrintable(message));
  QCOMPARE(describeQuantized(checkpoint).weights.size(), std::size_t{6});
}

void TestScaledFormats::otherKindsStayTensors_data() {
  QTest::addColumn<QString>("folder");
  QTest::addColumn<Change>("change");
  const auto row = [](const char* name, const char* folder, std::function<void(Tensors&)> apply) {
    QTest::newRow(name) << folder << Change{std::move(apply)};
  };
  row("FP8 without scales", "fp8-channel", [](Tensors& t) { t.erase(kWeight + "_scale"); });
  row("FP8 of E5M2", "fp8-channel", [](Tensors& t) { t[kWeight].info.dtype = DType::F8_E5M2; });
  row("a vector", "fp8-tensor", [](Tensors& t) { set(t, kWeight, DType::F8_E4M3, {64}); });
  row("no elements", "fp8-tensor", [](Tensors& t) { set(t, kWeight, DType::F8_E4M3, {0, 96}); });
  row("scales of integers", "fp8-channel", [](Tensors& t) { set(t, kWeight + "_scale", DType::I32, {64, 1}); });
  row("act-order", "w8-group", [](Tensors& t) { set(t, kWeight + "_g_idx", DType::I32, {96}); });
  row("3 bits", "w4-zeros", [](Tensors& t) { set(t, kWeight + "_packed", DType::I32, {64, 9}); });
  row("no shape", "w4-zeros", [](Tensors& t) { t.erase(kWeight + "_shape"); });
  row("a shape of other rows", "w4-zeros", [](Tensors& t) { setShape(t, {63, 96}); });
  row("a negative shape", "w4-zeros", [](Tensors& t) { setShape(t, {64, -96}); });
  row("a shape of nothing", "w4-zeros", [](Tensors& t) { setShape(t, {64, 0}); });
  row("a shape with three sides", "w4-zeros", [](Tensors& t) { setShape(t, {1, 64, 96}); });
  row("the weight itself", "w4-zeros", [](Tensors& t) { set(t, kWeight, DType::BF16, {64, 96}); });
}

void TestScaledFormats::otherKindsStayTensors() {
  QFETCH(QString, folder);
  QFETCH(Change, change);
  Tensors tensors = loadAll(dataFolder() / "scaled" / folder.toStdString() / "model.safetensors");
  change.apply(tensors);
  QTemporaryDir dir;
  const std::filesystem::path path = dir.path().toStdString();
  write(path, tensors, folder.toStdString());
  const auto checkpoint = open(path);
  const auto found = findQuantized(checkpoint);
  QVERIFY2(found, found ? "" : describe(found.error()).c_str());
  QCOMPARE(found->weights.size(), std::size_t{6});
  QVERIFY(!found->weights.contains(kWeight));
}

void TestScaledFormats::strangeNumbersAreRead_data() {
  QTest::addColumn<float>("scale");
  for (const auto& [name, scale] : {std::pair{"zero", 0.0F}, {"negative", -2.0F}, {"infinite", INFINITY}, {"no number", NAN}})
    QTest::newRow(name) << scale;
}

/// Every code, the two of NaN too, with any scale: what FP32 makes of it, and one NaN.
void TestScaledFormats::strangeNumbersAreRead() {
  QFETCH(float, scale);
  Tensors tensors;
  set(tensors, "a.weight", DType::F8_E4M3, {16, 16});
  for (std::size_t i = 0; i < 256; ++i) tensors["a.weight"].bytes[i] = static_cast<std::byte>(i);
  set(tensors, "a.weight_scale", DType::F32, {1});
  tensors["a.weight_scale"].bytes = bytesFrom(std::vector{scale});
  QTemporaryDir dir;
  const std::filesystem::path folder = dir.path().toStdString();
  write(folder, tensors, {});
  const auto checkpoint = open(folder);
  const auto found = findQuantized(checkpoint);
  QVERIFY(found);
  const auto values = as<std::uint16_t>(valuesOf(checkpoint, *found->find("a.weight"), DType::BF16, {0, 256}));
  QCOMPARE(values[0x7f], std::uint16_t{0x7fc0});
  QCOMPARE(values[0xff], std::uint16_t{0x7fc0});
  for (const std::size_t code : {std::size_t{0}, std::size_t{0x38}, std::size_t{0xb8}}) {  // 0, 1 and −1
    const float value = (code == 0 ? 0.0F : code == 0x38 ? 1.0F : -1.0F) * scale;
    std::vector<std::byte> wanted(2);
    fromFloat(DType::BF16, std::span(&value, 1), wanted);
    QCOMPARE(values[code], as<std::uint16_t>(wanted)[0]);
  }
}

QTEST_APPLESS_MAIN(TestScaledFormats)
#include "test_scaled_formats.moc"
