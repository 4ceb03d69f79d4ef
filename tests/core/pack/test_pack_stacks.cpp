// SPDX-License-Identifier: Apache-2.0
// Experts that a checkpoint keeps in one tensor are matrices like any others.
#include "core/inspect/inspect.h"
#include "core/pack/pack.h"
#include "core/source/base_model.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

constexpr const char* kStack = "model.layers.0.mlp.experts.gate_up_proj";
constexpr const char* kGrouped = "model.layers.1.mlp.experts.down_proj";
constexpr const char* kKernel = "backbone.conv1d.weight";

std::vector<TensorData> mixture(DType dtype) {
  return {randomTensor(kStack, dtype, {5, 70, 33}, 1), randomTensor(kGrouped, dtype, {2, 3, 40, 24}, 2),
          randomTensor(kKernel, dtype, {96, 1, 4}, 3), randomTensor("model.layers.0.mlp.up_proj.weight", dtype, {64, 96}, 4)};
}

/// Largest magnitude of each row of BF16; NaN where it has one.
std::vector<float> rowMaxima(const TensorData& tensor) {
  const std::uint64_t columns = tensor.spec.shape.back();
  std::vector<float> values(tensor.bytes.size() / 2);
  toFloat(DType::BF16, tensor.bytes, values);
  std::vector<float> maxima(values.size() / columns, 0.0f);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::isnan(values[i]) || std::isnan(maxima[i / columns]))
      maxima[i / columns] = std::numeric_limits<float>::quiet_NaN();
    else
      maxima[i / columns] = std::max(maxima[i / columns], std::fabs(values[i]));
  return maxima;
}

}  // namespace

class TestPackStacks : public QObject {
  Q_OBJECT
 private slots:
  void comeBack_data() {
    QTest::addColumn<int>("format");
    QTest::addColumn<int>("dtype");
    QTest::addColumn<int>("codec");
    for (const auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8})
      for (const auto dtype : {DType::BF16, DType::F16, DType::F32})
        for (const int codec :
             {-1, static_cast<int>(CodecId::Entropy), static_cast<int>(CodecId::Bitpack), static_cast<int>(CodecId::Zstd),
              static_cast<int>(CodecId::Sparse), static_cast<int>(CodecId::Additive)})
          QTest::addRow("%s %s %d", nameOf(format).data(), nameOf(dtype).data(), codec)
              << static_cast<int>(format) << static_cast<int>(dtype) << codec;
  }
  void comeBack() {
    QFETCH(int, format);
    QFETCH(int, dtype);
    QFETCH(int, codec);
    const Workspace space;
    writeModel(space.at("final"), mixture(static_cast<DType>(dtype)));
    PackRequest request;
    request.final = space.at("final");
    request.out = space.at("packed");
    request.quantize = static_cast<QuantFormat>(format);
    request.scope = PackScope::All;
    if (codec >= 0) request.codec = static_cast<CodecId>(codec);
    take(pack(request, {}));
    QCOMPARE(roundTripProblem(space, request.out, {}, request.final), QString());
    const auto payload = take(Payload::open(request.out / "model.delta.safetensors"));
    for (const char* name : {kStack, kGrouped}) QCOMPARE(rowOf(payload, name).base, kindOfFormat(*request.quantize));
    QCOMPARE(rowOf(payload, kKernel).base, BaseKind::Same);
  }

  void haveAScaleForEachRow() {
    const Workspace space;
    const auto tensors = mixture(DType::BF16);
    writeModel(space.at("final"), tensors);
    PackRequest request;
    request.final = space.at("final");
    request.out = space.at("packed");
    request.quantize = QuantFormat::Int8;
    request.scope = PackScope::All;
    take(pack(request, {}));
    const auto base = take(BaseModel::open(request.out, "base"));
    for (std::size_t i : {0, 1}) {
      const auto& weight = base.quantized().weights.at(tensors[i].spec.name);
      QVERIFY(weight.shape == tensors[i].spec.shape);
      QCOMPARE(weight.layout.group, tensors[i].spec.shape.back());
      const auto maxima = rowMaxima(tensors[i]);
      QCOMPARE(weight.scales.size(), maxima.size());
      for (std::size_t row = 0; row < maxima.size(); ++row)
        QVERIFY(weight.scales[row] == maxima[row] || (std::isnan(weight.scales[row]) && std::isnan(maxima[row])));
    }
    // The table of the base alone knows them too.
    for (const auto& row : take(inspect(request.out / "base.safetensors")).tensors)
      if (row.name == kStack) QCOMPARE(row.base, BaseKind::Int8);
  }

  void areLeftAloneByTheLinearScope() {
    const Workspace space;
    writeModel(space.at("final"), mixture(DType::BF16));
    PackRequest request;
    request.final = space.at("final");
    request.out = space.at("packed");
    request.quantize = QuantFormat::Nf4;
    take(pack(request, {}));
    const auto payload = take(Payload::open(request.out / "model.delta.safetensors"));
    for (const char* name : {kStack, kGrouped, kKernel}) QCOMPARE(rowOf(payload, name).base, BaseKind::Same);
    QCOMPARE(rowOf(payload, "model.layers.0.mlp.up_proj.weight").base, BaseKind::Nf4);
  }

  void areMappedRowByRow() {
    const Workspace space;
    writeModel(space.at("final"), mixture(DType::BF16));
    PackRequest request;
    request.final = space.at("final");
    request.out = space.at("packed");
    request.quantize = QuantFormat::Nf4;
    request.scope = PackScope::All;
    take(pack(request, {}));
    const auto map = take(closeUp(request.out, {}, kStack, 1'000'000, {})).map;
    QCOMPARE(map.rows, 175u);  // 350 rows of 33, two to a cell
    QCOMPARE(map.rowsPerCell, std::uint64_t{2});
    QCOMPARE(map.columns, 33u);
  }
};

QTEST_APPLESS_MAIN(TestPackStacks)
#include "test_pack_stacks.moc"
