// SPDX-License-Identifier: Apache-2.0
// Finals whose base has their tensors by other names: a wrapper's prefix, a bare model's, a larger model's.
#include <algorithm>

#include "core/pack/base_names.h"
#include "core/rebuild/unpack.h"
#include "core/rebuild/verify.h"
#include "core/source/base_model.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

using Rename = std::function<std::string(const std::string&)>;

Rename under(const std::string& prefix) {
  return [prefix](const std::string& name) { return prefix + name; };
}

std::string bare(const std::string& name) { return name.starts_with("model.") ? name.substr(6) : name; }

std::string wrappedLayers(const std::string& name) {
  std::string wrapped = name;
  if (const auto found = wrapped.find("layers.0."); found != std::string::npos) wrapped.insert(found + 9, "_orig_mod.");
  return wrapped;
}

std::string inLanguageModel(const std::string& name) {
  return name.starts_with("model.") ? "model.language_model." + name.substr(6) : name;
}

std::string asIs(const std::string& name) { return name; }

std::vector<TensorData> renamed(std::vector<TensorData> tensors, const Rename& rename) {
  for (auto& tensor : tensors) tensor.spec.name = rename(tensor.spec.name);
  return tensors;
}

std::vector<TensorData> tuned(std::vector<TensorData> tensors) {
  for (auto& tensor : tensors) tensor = nudged(std::move(tensor), 50);
  return tensors;
}

/// A Llama with a head of its own; `rows` of its vocabulary.
std::vector<TensorData> llama(std::uint64_t rows = 301) {
  auto tensors = smallLlama();
  tensors.push_back(randomTensor("lm_head.weight", DType::BF16, {rows, 64}, 5));
  return tensors;
}

std::map<std::string, std::string> matched(const std::vector<std::pair<std::string, std::vector<std::uint64_t>>>& final,
                                           const std::vector<std::pair<std::string, std::vector<std::uint64_t>>>& base) {
  std::vector<NamedShape> finals, bases;
  for (const auto& [name, shape] : final) finals.push_back({name, &shape});
  for (const auto& [name, shape] : base) bases.push_back({name, &shape});
  const auto found = otherNames(finals, bases);
  return {found.begin(), found.end()};
}

}  // namespace

class TestOtherNames : public QObject {
  Q_OBJECT
 private slots:
  void comeBackBitForBit_data();
  void comeBackBitForBit();
  void goOverQuantizedBases_data();
  void goOverQuantizedBases();
  void areOnlyGivenWhereTheyFit();
  void keepTiedMatricesTogether();
  void areCoveredByTheFingerprint();
  void mayHaveOtherRowsToo();
  void areUsedByAdaptersOfAnExactFinal();
  void areSaidToBeMissing_data();
  void areSaidToBeMissing();
};

void TestOtherNames::comeBackBitForBit_data() {
  QTest::addColumn<Rename>("finals");
  QTest::addColumn<Rename>("bases");
  QTest::addColumn<int>("version");
  const std::pair<const char*, Rename> styles[] = {
      {"as they are", asIs},
      {"_orig_mod.", under("_orig_mod.")},
      {"module.", under("module.")},
      {"module._orig_mod.", under("module._orig_mod.")},
      {"_fsdp_wrapped_module.", under("_fsdp_wrapped_module.")},
      {"base_model.model.", under("base_model.model.")},
      {"no model.", bare},
      {"wrapped layers", wrappedLayers},
      {"model.language_model.", inLanguageModel},
      {"language_model.", under("language_model.")},
      {"a name that nobody knows", under("net.encoder.")},
  };
  for (const auto& [final, finals] : styles)
    for (const auto& [base, bases] : styles)
      if (finals("model.x") != bases("model.x") || finals("layers.0.x") != bases("layers.0.x"))
        if (std::string(final) == "as they are" || std::string(base) == "as they are" || std::string(final) == "no model.")
          QTest::addRow("%s over %s", final, base) << finals << bases << 3;
  QTest::newRow("the same names") << Rename(asIs) << Rename(asIs) << 2;
  QTest::newRow("the same wrapper") << under("_orig_mod.") << under("_orig_mod.") << 2;
}

void TestOtherNames::comeBackBitForBit() {
  QFETCH(Rename, finals);
  QFETCH(Rename, bases);
  QFETCH(int, version);
  const TunedModel model({}, renamed(llama(), bases), renamed(tuned(llama()), finals));
  const auto payload = take(Payload::open(model.payload()));
  QCOMPARE(payload.version(), version);
  for (const auto& row : payload.tensors()) {
    QCOMPARE(row.base, BaseKind::Same);
    QVERIFY(row.baseName.empty() || row.baseName != row.name);
  }
  const auto verified = take(verify(
      {.path = model.payload(), .base = model.at("base"), .final = model.at("final"), .device = "cpu", .onTensor = {}}, {}));
  QVERIFY(verified.bitExact);
  take(unpack({.path = model.payload(), .base = model.at("base"), .out = model.at("back"), .overwrite = false}, {}));
  QCOMPARE(difference(model.at("final"), model.at("back")), QString());
}

void TestOtherNames::goOverQuantizedBases_data() {
  QTest::addColumn<QuantFormat>("format");
  QTest::newRow("nf4") << QuantFormat::Nf4;
  QTest::newRow("fp4") << QuantFormat::Fp4;
  QTest::newRow("int8") << QuantFormat::Int8;
}

void TestOtherNames::goOverQuantizedBases() {
  QFETCH(QuantFormat, format);
  const TunedModel model({}, llama(), renamed(tuned(llama()), under("module.")));
  PackRequest quantizing;
  quantizing.final = model.at("base");
  quantizing.quantize = format;
  quantizing.scope = PackScope::All;
  quantizing.out = model.at("packed");
  take(pack(quantizing, {}));
  PackRequest request;
  request.base = quantizing.out;
  request.final = model.at("final");
  request.out = model.at("over.delta.safetensors");
  request.verify = true;
  const auto packed = take(pack(request, {}));
  QCOMPARE(packed.notes.size(), 1u);
  QCOMPARE(QString::fromStdString(packed.notes.front()),
           QString("%1 tensors have another name in the base, such as module.counter, there counter").arg(packed.tensors));
  const auto payload = take(Payload::open(request.out));
  QCOMPARE(payload.find("module.lm_head.weight")->base, kindOfFormat(format));
  QCOMPARE(payload.find("module.lm_head.weight")->baseName, std::string("lm_head.weight"));
}

void TestOtherNames::areOnlyGivenWhereTheyFit() {
  using Names = std::map<std::string, std::string>;
  QCOMPARE(matched({{"a.b.c", {4, 4}}}, {{"x.a.b.c", {4, 4}}}), (Names{{"a.b.c", "x.a.b.c"}}));
  QCOMPARE(matched({{"a.b.c", {4, 4}}}, {{"x.a.b.c", {4, 5}}}), Names{});
  QCOMPARE(matched({{"a.b.c", {8, 4}}}, {{"x.a.b.c", {4, 4}}}), (Names{{"a.b.c", "x.a.b.c"}}));  // more rows
  QCOMPARE(matched({{"score.weight", {4, 4}}}, {{"lm_head.weight", {4, 4}}}), Names{});          // one part in common
  QCOMPARE(matched({{"a.b.c", {4}}, {"x.a.b.c", {4}}}, {{"x.a.b.c", {4}}}), Names{});            // never twice
  QCOMPARE(matched({{"a.b.c", {4}}}, {{"a.b.c", {4}}, {"x.a.b.c", {4}}}), Names{});              // its own name comes first
  QCOMPARE(matched({{"module.a.b", {4}}, {"_orig_mod.a.b", {4}}}, {{"a.b", {4}}}).size(), 1u);
  QCOMPARE(matched({}, {{"a", {}}}), Names{});
  QCOMPARE(matched({{"a", {}}}, {}), Names{});
  // Two parts of a model, each by another prefix: that of more tensors first.
  QCOMPARE(matched({{"v.a.x", {1}}, {"v.b.x", {2}}, {"t.c.x", {3}}}, {{"m.v.a.x", {1}}, {"m.v.b.x", {2}}, {"n.c.x", {3}}}),
           (Names{{"v.a.x", "m.v.a.x"}, {"v.b.x", "m.v.b.x"}}));
}

/// One of the two stores the head, the other the embedding.
void TestOtherNames::keepTiedMatricesTogether() {
  const Rename moved = [](const std::string& name) { return name == "model.embed_tokens.weight" ? "lm_head.weight" : name; };
  for (const bool finalHas : {true, false}) {
    const TunedModel model({}, renamed(smallLlama(), finalHas ? asIs : moved),
                           renamed(tuned(smallLlama()), finalHas ? moved : asIs));
    const auto payload = take(Payload::open(model.payload()));
    const auto* row = payload.find(finalHas ? "lm_head.weight" : "model.embed_tokens.weight");
    QVERIFY(row);
    QCOMPARE(row->baseName, std::string(finalHas ? "model.embed_tokens.weight" : "lm_head.weight"));
    take(unpack({.path = model.payload(), .base = model.at("base"), .out = model.at("back"), .overwrite = false}, {}));
    QCOMPARE(difference(model.at("final"), model.at("back")), QString());
  }
}

/// The base's tensor of the row's own name is another one; the payload must not take it for the base.
void TestOtherNames::areCoveredByTheFingerprint() {
  const TunedModel model({}, llama(), renamed(tuned(llama()), under("module.")));
  const TunedModel plain({}, llama(), tuned(llama()));
  QCOMPARE(take(Payload::open(model.payload())).baseFingerprint(), take(Payload::open(plain.payload())).baseFingerprint());
  writeModel(model.at("other"), renamed(llama(), under("module.")));
  const auto verified =
      verify({.path = model.payload(), .base = model.at("other"), .final = {}, .device = "cpu", .onTensor = {}}, {});
  QVERIFY(!verified);
  const auto message = QString::fromStdString(describe(verified.error()));
  QVERIFY2(message.contains("the base has no such tensor of a type that fits, under the name counter"), qPrintable(message));
}

void TestOtherNames::mayHaveOtherRowsToo() {
  auto final = tuned(llama());
  auto& head = final.back();
  head = randomTensor(head.spec.name, DType::BF16, {310, 64}, 8);
  const TunedModel model({}, llama(), renamed(final, under("_orig_mod.")));
  const auto payload = take(Payload::open(model.payload()));
  const auto* row = payload.find("_orig_mod.lm_head.weight");
  QCOMPARE(row->baseShape, (std::vector<std::uint64_t>{301, 64}));
  QCOMPARE(row->baseName, std::string("lm_head.weight"));
  take(unpack({.path = model.payload(), .base = model.at("base"), .out = model.at("back"), .overwrite = false}, {}));
  QCOMPARE(difference(model.at("final"), model.at("back")), QString());
}

/// The adapter's factors belong to the base's tensors, whatever the exact final calls them.
void TestOtherNames::areUsedByAdaptersOfAnExactFinal() {
  const TunedModel model({}, llama(), renamed(tuned(llama()), under("module.")));
  const fs::path adapter = model.at("adapter");
  fs::create_directories(adapter);
  take(writeTextFile(adapter / "adapter_config.json",
                     R"({"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["q_proj"]})"));
  const std::string module = "base_model.model.model.layers.0.self_attn.q_proj.";
  writeFile(adapter / "adapter_model.safetensors", {randomTensor(module + "lora_A.weight", DType::BF16, {4, 64}, 11, 0.1F),
                                                    randomTensor(module + "lora_B.weight", DType::BF16, {64, 4}, 12, 0.1F)});
  PackRequest request;
  request.base = model.at("base");
  request.final = model.at("final");
  request.adapters = {adapter};
  request.out = model.at("lora.delta.safetensors");
  request.verify = true;
  take(pack(request, {}));
}

void TestOtherNames::areSaidToBeMissing_data() {
  QTest::addColumn<QString>("method");  // that the base is quantized with
  QTest::addColumn<int>("missing");     // tensors that the base does not have
  QTest::addColumn<QStringList>("notes");
  QTest::newRow("nothing") << "" << 0 << QStringList{};
  QTest::newRow("one") << "" << 1
                       << QStringList{
                              "1 tensor (score0.weight), 24 B, without a counterpart in the base: stored without a base"};
  QTest::newRow("two")
      << "" << 2
      << QStringList{"2 tensors (such as score0.weight), 48 B, without a counterpart in the base: stored without a base"};
  QTest::newRow("a base of GPTQ")
      << "gptq" << 1
      << QStringList{"1 tensor (score0.weight), 24 B, without a counterpart in the base: stored without a base",
                     "the base is quantized with gptq, which is not read. Take one in a format that is: "
                     "NF4, FP4 or INT8 of bitsandbytes; W4A16, W8A16, INT8 or FP8 of compressed-tensors; "
                     "FP8 with weight_scale_inv; GGUF"};
}

void TestOtherNames::areSaidToBeMissing() {
  QFETCH(QString, method);
  QFETCH(int, missing);
  QFETCH(QStringList, notes);
  const TunedModel model;
  auto final = tuned(smallLlama());
  for (int i = 0; i < missing; ++i)
    final.push_back(randomTensor("score" + std::to_string(i) + ".weight", DType::BF16, {3, 4}, 4));
  final.push_back(randomTensor("nothing.weight", DType::BF16, {0, 4}, 4));  // needs no base
  fs::remove_all(model.at("final"));
  writeModel(model.at("final"), final);
  if (!method.isEmpty())
    take(writeTextFile(model.at("base") / "config.json",
                       R"({"model_type":"llama","quantization_config":{"quant_method":")" + method.toStdString() + "\"}}"));
  PackRequest request;
  request.final = model.at("final");
  request.base = model.at("base");
  request.out = model.at("o.delta.safetensors");
  const auto packed = take(pack(request, {}));
  QStringList said;
  for (const auto& note : packed.notes) said << QString::fromStdString(note);
  QCOMPARE(said, notes);
}

QTEST_APPLESS_MAIN(TestOtherNames)
#include "test_other_names.moc"
