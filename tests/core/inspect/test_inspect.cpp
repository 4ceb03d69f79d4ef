// SPDX-License-Identifier: Apache-2.0
#include "core/inspect/inspect.h"

#include <QTemporaryDir>

#include "tests/core/models/small_model.h"

using namespace deltascope;
using namespace deltascope::test;

class TestInspect : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;
  fs::path place(const char* name) const { return fs::path(m_folder.path().toStdString()) / name; }

 private slots:
  void namesHaveRoles_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("layer");
    QTest::addColumn<QString>("kind");
    const auto row = [](const char* name, int layer, const char* kind) { QTest::newRow(name) << name << layer << kind; };
    row("model.layers.3.self_attn.q_proj.weight", 3, "q");
    row("model.layers.10.self_attn.k_proj.weight", 10, "k");
    row("model.layers.0.self_attn.v_proj.weight", 0, "v");
    row("model.layers.0.self_attn.o_proj.weight", 0, "o");
    row("model.layers.31.mlp.gate_proj.weight", 31, "gate");
    row("model.layers.31.mlp.up_proj.weight", 31, "up");
    row("model.layers.31.mlp.down_proj.weight", 31, "down");
    row("model.layers.2.self_attn.q_proj.bias", 2, "q.bias");
    row("model.layers.2.input_layernorm.weight", 2, "norm");
    row("model.layers.2.self_attn.q_norm.weight", 2, "norm");
    row("model.layers.5.mlp.experts.17.down_proj.weight", 5, "down");
    row("model.norm.weight", -1, "norm");
    row("model.embed_tokens.weight", -1, "embed");
    row("lm_head.weight", -1, "head");
    row("transformer.h.4.attn.c_attn.weight", 4, "c_attn");
    row("transformer.h.4.ln_1.weight", 4, "norm");
    row("transformer.wte.weight", -1, "embed");
    row("blk.7.attn_q.weight", 7, "q");
    row("blk.7.ffn_down.weight", 7, "down");
    row("blk.7.ffn_down_exps.weight", 7, "ffn_down_exps");
    row("token_embd.weight", -1, "embed");
    row("output.weight", -1, "head");
    row("counter", -1, "counter");
    row("", -1, "");
    row("weight", -1, "weight");
    row("layers.99999999999999999999.x", -1, "x");
    row("layers.-1.x", -1, "x");
  }
  void namesHaveRoles() {
    QFETCH(QString, name);
    const TensorRole role = tensorRole(name.toStdString());
    QTEST(role.layer, "layer");
    QTEST(QString::fromStdString(role.kind), "kind");
  }

  void csvIsRfc4180_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("field");
    QTest::newRow("plain") << "a.weight"
                           << "a.weight";
    QTest::newRow("comma") << "a,b"
                           << "\"a,b\"";
    QTest::newRow("quote") << "a\"b"
                           << "\"a\"\"b\"";
    QTest::newRow("escape") << "a\x1b[31mb"
                            << "a\\x1b[31mb";
    QTest::newRow("delete and tab") << "a\x7f\tb"
                                    << "a\\x7f\tb";
    QTest::newRow("line feed") << "a\nb"
                               << "\"a\nb\"";
    QTest::newRow("carriage return") << "a\rb"
                                     << "\"a\rb\"";
    QTest::newRow("not ASCII") << "gewicht.\u00e9"
                               << "gewicht.\u00e9";
  }
  void csvIsRfc4180() {
    QFETCH(QString, name);
    QFETCH(QString, field);
    TensorStats stats;
    stats.name = name.toStdString();
    stats.dtype = DType::F16;
    stats.shape = {3, 5};
    stats.elements = 15;
    stats.codec = CodecId::Bitpack;
    stats.finalBytes = 30;
    stats.baseBytes = 9;
    stats.storedBytes = 12;
    stats.zeroDeltas = 3;
    stats.base = BaseKind::Nf4;
    stats.patches = 7;
    stats.finalHash = {0x1111111111111111, 0x1111111111111111};
    const std::string kind = tensorRole(stats.name).kind;
    const QString role = kind == stats.name ? field : QString::fromStdString(kind);
    QCOMPARE(QString::fromStdString(toCsv({stats})),
             "name,shape,dtype,elements,sparsity,codec,base_bytes,stored_bytes,bits_per_weight,ratio,layer,kind,base,patches,"
             "raw_tiles,chunks,final_hash,base_hash,verdict\r\n" +
                 field + ",3x5,F16,15,0.2,bitpack,9,12,6.4,2.5,," + role + ",nf4,7,0,0," + std::string(32, '1').c_str() +
                 ",,not verified\r\n");
    Verdict verdict;
    verdict.tensor = stats.name;
    verdict.different = 3;
    verdict.firstDifference = 1;
    QVERIFY(QString::fromStdString(toCsv({stats}, {{stats.name, verdict}})).endsWith(",\"3 differ, first at 1\"\r\n"));
  }

  void totalsSayWhatTheyInclude() {
    InspectTotals totals;
    QCOMPARE(totals.payloadBitsPerWeight(), 0.0);
    QCOMPARE(totals.totalBitsPerWeight(), 0.0);
    totals.elements = 64;
    totals.payloadFileBytes = 56;
    totals.baseBytes = 36;
    QCOMPARE(totals.payloadBitsPerWeight(), 7.0);
    QCOMPARE(totals.totalBitsPerWeight(), 11.5);
  }

  void plainCheckpointsAreListedAsTheyAre() {
    const auto tensors = smallLlama();
    writeModel(place("plain"), tensors, 3);
    const auto inspection = take(inspect(place("plain")));
    QCOMPARE(inspection.files.kind, ModelFiles::Kind::Checkpoint);
    QCOMPARE(inspection.tensors.size(), tensors.size());
    std::uint64_t bytes = 0;
    for (const auto& tensor : tensors) {
      const auto row = std::ranges::find(inspection.tensors, tensor.spec.name, &TensorStats::name);
      QVERIFY2(row != inspection.tensors.end(), tensor.spec.name.c_str());
      QCOMPARE(row->dtype, tensor.spec.dtype);
      QVERIFY(row->shape == tensor.spec.shape);
      QCOMPARE(row->codec, CodecId::Raw);
      QCOMPARE(row->base, BaseKind::None);
      QCOMPARE(row->storedBytes, tensor.bytes.size());
      QCOMPARE(row->finalBytes, tensor.bytes.size());
      QCOMPARE(row->baseBytes, 0u);
      bytes += tensor.bytes.size();
    }
    QCOMPARE(inspection.totals.storedBytes, bytes);
    QCOMPARE(inspection.totals.tensors, tensors.size());
    QCOMPARE(inspection.facts.at("model type"), "llama");
  }

  /// A state tensor that does not fit its codes is no quantized weight: nothing is hidden, nothing is believed.
  void quantizedWeightsAreOneRow_data() {
    QTest::addColumn<QByteArray>("state");
    QTest::addColumn<bool>("recognised");
    QTest::newRow("fits") << QByteArray(R"({"quant_type":"nf4","blocksize":64,"dtype":"float16","shape":[4,32]})") << true;
    QTest::newRow("other shape") << QByteArray(R"({"dtype":"float16","shape":[4,64]})") << false;
    QTest::newRow("overflow") << QByteArray(R"({"dtype":"float16","shape":[4294967296,4294967296,4294967296]})") << false;
    QTest::newRow("negative") << QByteArray(R"({"dtype":"float16","shape":[-4,-32]})") << false;
    QTest::newRow("unknown type") << QByteArray(R"({"dtype":"float8","shape":[4,32]})") << false;
    QTest::newRow("not JSON") << QByteArray("{") << false;
    QTest::newRow("not an object") << QByteArray("[]") << false;
  }
  void quantizedWeightsAreOneRow() {
    QFETCH(QByteArray, state);
    QFETCH(bool, recognised);
    const auto bytes = std::as_bytes(std::span(state.constData(), static_cast<std::size_t>(state.size())));
    const std::vector<TensorData> tensors{
        {{"a.weight", DType::U8, {64, 1}}, std::vector<std::byte>(64)},
        {{"a.weight.absmax", DType::F32, {2}}, std::vector<std::byte>(8)},
        {{"a.weight.quant_map", DType::F32, {16}}, std::vector<std::byte>(64)},
        {{"a.weight.quant_state.bitsandbytes__nf4", DType::U8, {bytes.size()}}, {bytes.begin(), bytes.end()}},
        {{"b.weight", DType::I8, {2, 3}}, std::vector<std::byte>(6)},
        {{"b.SCB", DType::F32, {2}}, std::vector<std::byte>(8)},
        {{"norm.weight", DType::F32, {4}}, std::vector<std::byte>(16)}};
    writeModel(place("quantized"), tensors);
    const auto inspection = take(inspect(place("quantized")));
    QCOMPARE(inspection.tensors.size(), recognised ? 3u : 6u);
    QCOMPARE(inspection.totals.storedBytes, 64u + 8u + 64u + bytes.size() + 6u + 8u + 16u);
    const auto& a = inspection.tensors[0];
    QCOMPARE(a.name, "a.weight");
    QCOMPARE(a.base, recognised ? BaseKind::Nf4 : BaseKind::None);
    QCOMPARE(a.dtype, recognised ? DType::F16 : DType::U8);
    QCOMPARE(a.elements, recognised ? 128u : 64u);
    QCOMPARE(a.finalBytes, recognised ? 256u : 64u);
    const auto b = std::ranges::find(inspection.tensors, "b.weight", &TensorStats::name);
    QCOMPARE(b->base, BaseKind::Int8);
    QCOMPARE(b->storedBytes, 14u);
  }
};

QTEST_APPLESS_MAIN(TestInspect)
#include "test_inspect.moc"
