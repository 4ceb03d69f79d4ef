// SPDX-License-Identifier: Apache-2.0
// What --scope linear quantizes is what load_in_4bit does, of every generating model of transformers (tests/data/quant).
#include "core/pack/linear_layers.h"
#include "core/pack/pack.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;
using nlohmann::json;

class TestLinearLayers : public QObject {
  Q_OBJECT
 private slots:
  void areThoseOfTheLibrary_data();
  void areThoseOfTheLibrary();
  void leaveExpertsAlone();
  void areNoneOfFalcons();
  void nameTheHeadThatIsNotStored_data();
  void nameTheHeadThatIsNotStored();
};

void TestLinearLayers::areThoseOfTheLibrary_data() {
  QTest::addColumn<QString>("row");
  std::size_t models = 0;
  std::ifstream file(fs::path(DELTASCOPE_TEST_DATA) / "quant" / "linear_layers.json");
  for (const auto& row : json::parse(file)) {
    models += row["types"].size();
    QTest::newRow(row["types"][0].get_ref<const std::string&>().c_str()) << QString::fromStdString(row.dump());
  }
  QVERIFY(models > 290);
}

void TestLinearLayers::areThoseOfTheLibrary() {
  QFETCH(QString, row);
  const auto golden = json::parse(row.toStdString());
  const std::vector<std::uint64_t> matrix{8, 8};
  for (const auto& type : golden["types"]) {
    const LinearLayers layers(type.get<std::string>());
    for (const std::string name : golden["quantized"]) {
      const auto kind = layers.kindOf(name, matrix);
      QVERIFY2(kind != LinearKind::None, (type.get<std::string>() + ": " + name).c_str());
      QCOMPARE(kind == LinearKind::Conv1D, golden["conv1d"].get<bool>());
    }
    for (const std::string name : golden["kept"])
      QVERIFY2(layers.kindOf(name, matrix) == LinearKind::None, (type.get<std::string>() + ": " + name).c_str());
  }
}

void TestLinearLayers::leaveExpertsAlone() {
  const LinearLayers layers{std::string()};
  const std::vector<std::uint64_t> matrix{8, 8}, stack{4, 8, 8};
  QVERIFY(layers.kindOf("_orig_mod.model.layers.0.mlp.up_proj.weight", matrix) == LinearKind::Linear);
  QVERIFY(layers.kindOf("model.layers.0.mlp.experts.7.up_proj.weight", matrix) == LinearKind::None);
  QVERIFY(layers.kindOf("model.layers.0.mlp.experts.up_proj.weight", stack) == LinearKind::None);
  QVERIFY(layers.kindOf("model.layers.0.mlp.up_proj.bias", matrix) == LinearKind::None);
  QVERIFY(layers.kindOf("model.layers.0.mlp.shared_experts.up_proj.weight", matrix) == LinearKind::Linear);
}

void TestLinearLayers::areNoneOfFalcons() {
  QVERIFY(LinearLayers("falcon").areNone());
  for (const char* type : {"", "falcon_h1", "falcon_mamba", "llama"}) QVERIFY(!LinearLayers(type).areNone());
  QTemporaryDir folder;
  const fs::path path(folder.path().toStdString());
  writeModel(path / "final", {randomTensor("transformer.h.0.mlp.dense_h_to_4h.weight", DType::BF16, {64, 16}, 3)});
  take(writeTextFile(path / "final" / "config.json", "{\"model_type\": \"falcon\"}"));
  PackRequest request;
  request.final = path / "final";
  request.quantize = QuantFormat::Nf4;
  request.out = path / "packed";
  const auto packed = take(pack(request, {}));
  QCOMPARE(packed.notes.size(), 1u);
  QVERIFY(packed.notes[0].find("falcon models at 16 bits") != std::string::npos);
  QVERIFY(!take(Checkpoint::open(path / "packed", "base")).config().contains("quantization_config"));
}

void TestLinearLayers::nameTheHeadThatIsNotStored_data() {
  QTest::addColumn<QString>("head");
  for (const auto& [type, head] : {std::pair("llama", "lm_head"), std::pair("", "lm_head"), std::pair("gpt_neox", "lm_head"),
                                   std::pair("roberta", "lm_head.decoder"), std::pair("whisper", "proj_out"),
                                   std::pair("xlm", "pred_layer.proj"), std::pair("xlm-roberta", "lm_head.decoder")})
    QTest::newRow(type) << QString(head);
}

void TestLinearLayers::nameTheHeadThatIsNotStored() {
  QFETCH(QString, head);
  QCOMPARE(QString::fromUtf8(LinearLayers(QTest::currentDataTag()).head()), head);
}

QTEST_GUILESS_MAIN(TestLinearLayers)
#include "test_linear_layers.moc"
