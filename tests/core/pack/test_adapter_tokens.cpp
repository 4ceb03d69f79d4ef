// SPDX-License-Identifier: Apache-2.0
// Adapters that were trained after tokens were added to (or cut from) the base: PEFT saves the whole resized matrices beside A
// and B, and merges into a base that was resized first.
#include "core/codec/lowrank.h"
#include "core/pack/pack.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kHead = "lm_head.weight";

/// smallLlama with a head, or without one, tied.
void writeBase(const fs::path& folder, bool tied) {
  auto tensors = smallLlama();
  if (!tied) tensors.push_back(randomTensor(kHead, DType::BF16, {301, 64}, 5));
  writeModel(folder, tensors);
  nlohmann::ordered_json config{{"model_type", "llama"}, {"vocab_size", 301}, {"tie_word_embeddings", tied}};
  take(writeTextFile(folder / "config.json", config.dump(2) + "\n"));
}

/// A LoRA on one projection beside `more`.
void writeAdapter(const fs::path& folder, std::vector<TensorData> more,
                  const nlohmann::json& settings = nlohmann::json::object()) {
  fs::create_directories(folder);
  auto config = nlohmann::json::parse(
      R"({"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj","lm_head","embed_tokens"]})");
  config.update(settings);
  take(writeTextFile(folder / "adapter_config.json", config.dump()));
  const std::string module = "base_model.model.model.layers.0.self_attn.q_proj.";
  more.push_back(randomTensor(module + "lora_A.weight", DType::BF16, {4, 64}, 11, 0.1F));
  more.push_back(randomTensor(module + "lora_B.weight", DType::BF16, {64, 4}, 12, 0.1F));
  writeFile(folder / "adapter_model.safetensors", more);
}

TensorData saved(const char* name, std::uint64_t rows) {
  return randomTensor(std::string("base_model.model.") + name, DType::BF16, {rows, 64}, static_cast<unsigned>(rows));
}

PackRequest packing(const Workspace& space) {
  PackRequest request;
  request.base = space.at("base");
  request.adapters = {space.at("adapter")};
  request.out = space.at("out.delta.safetensors");
  return request;
}

std::vector<std::byte> bytesOfTensor(const Checkpoint& checkpoint, const char* name) {
  const auto* info = checkpoint.find(name);
  if (!info) qFatal("no tensor %s", name);
  return take(checkpoint.readAll(*info));
}

}  // namespace

class TestAdapterTokens : public QObject {
  Q_OBJECT
 private slots:
  void takeTheAdaptersMatrices_data();
  void takeTheAdaptersMatrices();
  void applyFactorsToTheSavedMatrix();
  void takeTrainedWeightsOnce_data();
  void takeTrainedWeightsOnce();
  void untieAGrownVocabulary();
  void untieByTheClassOfTheBase_data();
  void untieByTheClassOfTheBase();
  void refuseToUntie_data();
  void refuseToUntie();
  void putTrainedTokensIntoTheSavedMatrix();
  void sayWhatIsMissing_data();
  void sayWhatIsMissing();
};

void TestAdapterTokens::takeTheAdaptersMatrices_data() {
  QTest::addColumn<bool>("tied");
  QTest::addColumn<int>("rows");
  QTest::addColumn<bool>("quantized");
  for (const int rows : {302, 320, 290}) {
    QTest::addRow("both, %d rows", rows) << false << rows << false;
    QTest::addRow("tied, %d rows", rows) << true << rows << false;
    QTest::addRow("over nf4, %d rows", rows) << false << rows << true;
  }
}

void TestAdapterTokens::takeTheAdaptersMatrices() {
  QFETCH(bool, tied);
  QFETCH(int, rows);
  QFETCH(bool, quantized);
  const Workspace space;
  writeBase(space.at("base"), tied);
  const auto count = static_cast<std::uint64_t>(rows);
  std::vector<TensorData> more{saved(kEmbedding, count)};
  if (!tied) more.push_back(saved(kHead, count));
  writeAdapter(space.at("adapter"), more);
  auto request = packing(space);
  if (quantized) {
    PackRequest quantizing;
    quantizing.final = space.at("base");
    quantizing.quantize = QuantFormat::Nf4;
    quantizing.scope = PackScope::All;
    quantizing.out = request.base = space.at("packed");
    take(pack(quantizing, {}));
  }
  take(pack(request, {}));
  QCOMPARE(take(Payload::open(request.out)).find(kEmbedding)->baseShape, (std::vector<std::uint64_t>{301, 64}));
  const auto verified =
      take(verify({.path = request.out, .base = request.base, .final = {}, .device = "cpu", .onTensor = {}}, {}));
  for (const auto& verdict : verified.verdicts) QVERIFY2(verdict.bitExact, verdict.problem.c_str());
  take(unpack({.path = request.out, .base = request.base, .out = space.at("merged"), .overwrite = false}, {}));
  const auto merged = take(Checkpoint::open(space.at("merged")));
  QCOMPARE(merged.find(kEmbedding)->shape, more[0].spec.shape);
  QCOMPARE(bytesOfTensor(merged, kEmbedding), more[0].bytes);
  if (!tied) QCOMPARE(bytesOfTensor(merged, kHead), more[1].bytes);
  const auto config = nlohmann::json::parse(take(readTextFile(space.at("merged") / "config.json")));
  QCOMPARE(config["vocab_size"].get<int>(), rows);
  QVERIFY(!config.contains("quantization_config"));
}

/// PEFT puts the saved matrix in the base layer's place, then adds B·A.
void TestAdapterTokens::applyFactorsToTheSavedMatrix() {
  const Workspace space;
  writeBase(space.at("base"), false);
  const std::string module = "base_model.model.lm_head.";
  const auto whole = randomTensor(module + "base_layer.weight", DType::BF16, {310, 64}, 21);
  const auto a = randomTensor(module + "lora_A.weight", DType::BF16, {4, 64}, 22, 0.1F);
  const auto b = randomTensor(module + "lora_B.weight", DType::BF16, {310, 4}, 23, 0.1F);
  writeAdapter(space.at("adapter"), {saved(kEmbedding, 310), whole, a, b});
  const auto request = packing(space);
  take(pack(request, {}));
  take(unpack({.path = request.out, .base = request.base, .out = space.at("merged"), .overwrite = false}, {}));
  const auto model = take(makeLowRankModel(310, 64, false, {{DType::BF16, 4, 2.0F, a.bytes, b.bytes}}));
  BaseSlice slice;
  slice.kind = BaseKind::Same;
  slice.count = 310 * 64;
  slice.values = whole.bytes;
  std::vector<std::byte> expected(whole.bytes.size());
  take(applyLowRank(*model, slice, expected));
  QCOMPARE(bytesOfTensor(take(Checkpoint::open(space.at("merged"))), kHead), expected);
}

void TestAdapterTokens::takeTrainedWeightsOnce_data() {
  QTest::addColumn<QStringList>("more");
  QTest::addColumn<QString>("says");
  QTest::newRow("the plain names") << QStringList{} << "";
  QTest::newRow("the wrapper's copies too")
      << QStringList{"lm_head.modules_to_save.weight", "lm_head.original_module.weight",
                     "model.embed_tokens.modules_to_save.weight", "model.embed_tokens.original_module.weight"}
      << "";
  QTest::newRow("a copy alone") << QStringList{"model.norm.modules_to_save.weight"}
                                << "this part of an adapter is not supported";
}

/// PEFT 0.21 with modules_to_save after resize_token_embeddings stores each matrix three times; the plain name is what it
/// loads.
void TestAdapterTokens::takeTrainedWeightsOnce() {
  QFETCH(QStringList, more);
  QFETCH(QString, says);
  const Workspace space;
  writeBase(space.at("base"), false);
  const std::vector<TensorData> trained{saved(kEmbedding, 310), saved(kHead, 310)};
  auto stored = trained;
  for (const auto& name : more) {
    stored.push_back(saved(name.toUtf8().constData(), 310));
    stored.back().bytes.assign(stored.back().bytes.size(), std::byte{1});
  }
  writeAdapter(space.at("adapter"), stored, {{"modules_to_save", {"embed_tokens", "lm_head"}}});
  const auto request = packing(space);
  const auto packed = pack(request, {});
  if (!says.isEmpty()) {
    QVERIFY(!packed);
    const auto message = QString::fromStdString(describe(packed.error()));
    QVERIFY2(message.contains(says), qPrintable(message));
    return;
  }
  QVERIFY2(packed.has_value(), packed ? "" : describe(packed.error()).c_str());
  take(unpack({.path = request.out, .base = request.base, .out = space.at("merged"), .overwrite = false}, {}));
  const auto merged = take(Checkpoint::open(space.at("merged")));
  QCOMPARE(bytesOfTensor(merged, kEmbedding), trained[0].bytes);
  QCOMPARE(bytesOfTensor(merged, kHead), trained[1].bytes);
}

/// modules_to_save gives each of two tied matrices a copy of its own: the final has both, and the next adapter finds them so.
void TestAdapterTokens::untieAGrownVocabulary() {
  const Workspace space;
  writeBase(space.at("base"), true);
  const std::vector<TensorData> trained{saved(kEmbedding, 310),
                                        randomTensor(std::string("base_model.model.") + kHead, DType::BF16, {310, 64}, 77)};
  writeAdapter(space.at("adapter"), trained, {{"modules_to_save", {"embed_tokens", "lm_head"}}});
  const std::string module = "base_model.model.lm_head.";
  const auto a = randomTensor(module + "lora_A.weight", DType::BF16, {4, 64}, 22, 0.1F);
  const auto b = randomTensor(module + "lora_B.weight", DType::BF16, {310, 4}, 23, 0.1F);
  auto request = packing(space);
  for (const bool again : {false, true}) {
    request.out = space.at(again ? "two.delta.safetensors" : "one.delta.safetensors");
    if (again) {
      writeAdapter(space.at("second"), {saved(kEmbedding, 310), a, b});
      request.adapters.push_back(space.at("second"));
    }
    const auto packed = pack(request, {});
    QVERIFY2(packed.has_value(), packed ? "" : describe(packed.error()).c_str());
    const auto merged = space.at(again ? "two" : "one");
    take(unpack({.path = request.out, .base = request.base, .out = merged, .overwrite = false}, {}));
    const auto checkpoint = take(Checkpoint::open(merged));
    QCOMPARE(checkpoint.config().at("tie_word_embeddings"), nlohmann::json(false));
    QCOMPARE(checkpoint.config().at("vocab_size"), nlohmann::json(310));
    QCOMPARE(bytesOfTensor(checkpoint, kEmbedding), trained[0].bytes);
    if (!again) {
      QCOMPARE(bytesOfTensor(checkpoint, kHead), trained[1].bytes);
      continue;
    }
    const auto model = take(makeLowRankModel(310, 64, false, {{DType::BF16, 4, 2.0F, a.bytes, b.bytes}}));
    BaseSlice slice;
    slice.kind = BaseKind::Same;
    slice.count = 310 * 64;
    slice.values = trained[1].bytes;
    std::vector<std::byte> expected(trained[1].bytes.size());
    take(applyLowRank(*model, slice, expected));
    QCOMPARE(bytesOfTensor(checkpoint, kHead), expected);
  }
}

void TestAdapterTokens::untieByTheClassOfTheBase_data() {
  QTest::addColumn<QString>("config");
  QTest::addColumn<bool>("unties");
  QTest::newRow("the config says so") << R"({"model_type":"gemma","tie_word_embeddings":true})" << true;
  QTest::newRow("a class with a head") << R"({"model_type":"gemma","architectures":["GemmaForCausalLM"]})" << true;
  QTest::newRow("a class without one") << R"({"model_type":"gemma","architectures":["GemmaModel"]})" << false;
  QTest::newRow("no class") << R"({"model_type":"gemma","architectures":[null]})" << false;
  QTest::newRow("not tied") << R"({"architectures":["LlamaForCausalLM"],"tie_word_embeddings":false})" << false;
}

/// An embedding in modules_to_save leaves the head as it was, where there is one.
void TestAdapterTokens::untieByTheClassOfTheBase() {
  QFETCH(QString, config);
  QFETCH(bool, unties);
  const Workspace space;
  writeBase(space.at("base"), true);
  take(writeTextFile(space.at("base") / "config.json", config.toStdString()));
  const auto trained = saved(kEmbedding, 301);
  writeAdapter(space.at("adapter"), {trained}, {{"modules_to_save", {"embed_tokens"}}});
  const auto request = packing(space);
  const auto packed = pack(request, {});
  QVERIFY2(packed.has_value(), packed ? "" : describe(packed.error()).c_str());
  take(unpack({.path = request.out, .base = request.base, .out = space.at("merged"), .overwrite = false}, {}));
  const auto merged = take(Checkpoint::open(space.at("merged")));
  QCOMPARE(bytesOfTensor(merged, kEmbedding), trained.bytes);
  QCOMPARE(merged.find(kHead) != nullptr, unties);
  if (!unties) return;
  QCOMPARE(bytesOfTensor(merged, kHead), bytesOfTensor(take(Checkpoint::open(request.base)), kEmbedding));
  QCOMPARE(merged.config().at("tie_word_embeddings"), nlohmann::json(false));
}

void TestAdapterTokens::refuseToUntie_data() {
  QTest::addColumn<QStringList>("saves");
  QTest::addColumn<QStringList>("modules");
  QTest::addColumn<bool>("headIsStored");
  QTest::addColumn<QString>("says");
  QTest::newRow("two weights for the one that is there")
      << QStringList{kEmbedding, kHead} << QStringList{} << false << "though the base ties the two";
  QTest::newRow("the head's rows are missing")
      << QStringList{kEmbedding} << QStringList{"embed_tokens"} << false << "does not hold the rows of lm_head.weight";
  QTest::newRow("the embedding's rows are missing")
      << QStringList{kHead} << QStringList{"lm_head"} << false << "does not hold the rows of model.embed_tokens.weight";
  QTest::newRow("the embedding has no name in the base")
      << QStringList{kEmbedding, kHead} << QStringList{"embed_tokens", "lm_head"} << true << "stores as lm_head.weight";
}

void TestAdapterTokens::refuseToUntie() {
  QFETCH(QStringList, saves);
  QFETCH(QStringList, modules);
  QFETCH(bool, headIsStored);
  QFETCH(QString, says);
  const Workspace space;
  writeBase(space.at("base"), true);
  if (headIsStored) {
    auto tensors = smallLlama();
    for (auto& tensor : tensors)
      if (tensor.spec.name == kEmbedding) tensor.spec.name = kHead;
    writeModel(space.at("base"), tensors);
  }
  std::vector<TensorData> more;
  for (const auto& name : saves)
    more.push_back(
        randomTensor("base_model.model." + name.toStdString(), DType::BF16, {310, 64}, static_cast<unsigned>(name.size())));
  nlohmann::json settings;
  settings["modules_to_save"] = nlohmann::json::array();
  for (const auto& module : modules) settings["modules_to_save"].push_back(module.toStdString());
  writeAdapter(space.at("adapter"), more, settings);
  const auto packed = pack(packing(space), {});
  QVERIFY(!packed);
  const auto message = QString::fromStdString(describe(packed.error()));
  QVERIFY2(message.contains(says), qPrintable(message));
}

/// trainable_token_indices of tokens that were added: PEFT stores the whole matrix as the token adapter's base layer.
void TestAdapterTokens::putTrainedTokensIntoTheSavedMatrix() {
  const std::string module = "base_model.model.model.embed_tokens.";
  for (const bool whole : {true, false}) {
    const Workspace space;
    writeBase(space.at("base"), false);
    const auto layer = randomTensor(module + "token_adapter.base_layer.weight", DType::BF16, {303, 64}, 31);
    const auto rows = randomTensor(module + "token_adapter.trainable_tokens_delta", DType::BF16, {2, 64}, 32);
    std::vector<TensorData> stored{rows};
    if (whole) stored.insert(stored.end(), {layer, saved(kHead, 303)});
    writeAdapter(space.at("adapter"), stored, {{"trainable_token_indices", {{"embed_tokens", {302, 5}}}}});
    const auto request = packing(space);
    const auto packed = pack(request, {});
    if (!whole) {
      QVERIFY(!packed);
      const auto message = QString::fromStdString(describe(packed.error()));
      QVERIFY2(message.contains("trained with 303 tokens, the base has 301"), qPrintable(message));
      continue;
    }
    QVERIFY2(packed.has_value(), packed ? "" : describe(packed.error()).c_str());
    take(unpack({.path = request.out, .base = request.base, .out = space.at("merged"), .overwrite = false}, {}));
    auto expected = layer.bytes;
    std::copy_n(rows.bytes.begin(), 128, expected.begin() + 302 * 128);
    std::copy_n(rows.bytes.begin() + 128, 128, expected.begin() + 5 * 128);
    QCOMPARE(bytesOfTensor(take(Checkpoint::open(space.at("merged"))), kEmbedding), expected);
  }
}

void TestAdapterTokens::sayWhatIsMissing_data() {
  QTest::addColumn<QStringList>("saves");
  QTest::addColumn<QString>("says");
  QTest::newRow("the embedding alone") << QStringList{kEmbedding} << "does not hold the rows of lm_head.weight";
  QTest::newRow("the head alone") << QStringList{kHead} << "does not hold the rows of model.embed_tokens.weight";
  QTest::newRow("only factors") << QStringList{} << "does not hold lm_head.weight itself";
}

void TestAdapterTokens::sayWhatIsMissing() {
  QFETCH(QStringList, saves);
  QFETCH(QString, says);
  const Workspace space;
  writeBase(space.at("base"), false);
  std::vector<TensorData> more;
  for (const auto& name : saves) more.push_back(saved(name.toUtf8().constData(), 305));
  if (saves.isEmpty()) {
    more.push_back(randomTensor("base_model.model.lm_head.lora_A.weight", DType::BF16, {4, 64}, 22, 0.1F));
    more.push_back(randomTensor("base_model.model.lm_head.lora_B.weight", DType::BF16, {305, 4}, 23, 0.1F));
  }
  writeAdapter(space.at("adapter"), more);
  const auto result = pack(packing(space), {});
  QVERIFY(!result);
  QCOMPARE(result.error().code, ErrorCode::Mismatch);
  const auto message = QString::fromStdString(describe(result.error()));
  QVERIFY2(message.contains("trained with 305 tokens, the base has 301"), qPrintable(message));
  QVERIFY2(message.contains(says), qPrintable(message));
  QVERIFY(!fs::exists(space.at("out.delta.safetensors")));
}

QTEST_APPLESS_MAIN(TestAdapterTokens)
#include "test_adapter_tokens.moc"
