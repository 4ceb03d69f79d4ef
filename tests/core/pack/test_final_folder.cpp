// SPDX-License-Identifier: Apache-2.0
// What lies beside the final's weights: packed and unpacked, it is the final's folder again.
#include "core/checkpoint/companions.h"
#include "core/pack/pack.h"
#include "core/payload/writer.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

const std::vector<std::string> kBeside{"modeling_own.py",
                                       "configuration_own.py",
                                       "tokenizer.model.v3",
                                       "modules.json",
                                       "sentence_bert_config.json",
                                       "video_preprocessor_config.json",
                                       "quantize_config.json",
                                       "hf_quant_config.json",
                                       "additional_chat_templates/tool_use.jinja",
                                       "1_Pooling/config.json",
                                       "2_Dense/model.safetensors",
                                       "vocab.bpe",
                                       "chat_template.jinja",
                                       "special_tokens_map.json",
                                       "generation_config.json",
                                       "LICENSE",
                                       "README.md",
                                       "notes of mine.txt",
                                       "trainer_state.json",
                                       ".gitattributes"};
const std::vector<std::string> kLeftOut{"optimizer.pt", "pytorch_model.bin", ".git/HEAD", "checkpoint-10/config.json"};

void put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  take(writeTextFile(path, text));
}

std::string textOf(const fs::path& path) { return take(readTextFile(path)); }

/// A base, and a final whose folder is full.
void makeModels(const Workspace& space) {
  const auto base = smallLlama();
  std::vector<TensorData> final;
  for (const auto& tensor : base) final.push_back(nudged(tensor, 3));
  writeModel(space.at("base"), base);
  put(space.at("base/tokenizer.json"), "the base's");
  put(space.at("base/diary.txt"), "nobody's business");
  writeModel(space.at("final"), final, 2);
  put(space.at("final/config.json"), "{\"model_type\": \"llama\", \"rope_theta\": 500000.0}");
  for (const auto& name : kBeside) put(space.at("final/" + name), "of the final: " + name + std::string(5000, ' '));
  for (const auto& name : kLeftOut) put(space.at("final/" + name), "x");
}

PackRequest packing(const Workspace& space, bool quantize) {
  PackRequest request;
  request.final = space.at("final");
  if (quantize)
    request.quantize = QuantFormat::Nf4;
  else
    request.base = space.at("base");
  request.out = space.at(quantize ? "packed" : "tuned.delta.safetensors");
  return request;
}

}  // namespace

class TestFinalFolder : public QObject {
  Q_OBJECT
 private slots:
  void comesBackWhole_data() {
    QTest::addColumn<bool>("quantize");
    QTest::newRow("packed model") << true;
    QTest::newRow("payload over its parent") << false;
  }
  void comesBackWhole() {
    QFETCH(bool, quantize);
    const Workspace space;
    makeModels(space);
    auto request = packing(space, quantize);
    request.verify = true;
    const auto packed = take(pack(request, {}));
    QVERIFY(packed.verified);
    QCOMPARE(packed.companions, kBeside.size() + 2);  // config.json, tokenizer_config.json
    QCOMPARE(QString::fromStdString(describeLeftOut(packed.leftOut, 9)),
             QString(".git (a hidden folder), checkpoint-10 (a state of training), optimizer.pt (a state of training), "
                     "pytorch_model.bin (weights that are not those of this model's files)"));
    UnpackRequest back;
    back.path = request.out;
    back.base = request.base;
    back.out = space.at("back");
    back.verify = true;
    const auto unpacked = take(unpack(back, {}));
    QVERIFY(unpacked.verified);
    QVERIFY(unpacked.ofBase.empty());
    QVERIFY(unpacked.leftOut.empty());
    QVERIFY(QString::fromStdString(unpacked.leftOutByPack).contains("optimizer.pt (a state of training)"));
    QCOMPARE(unpacked.companions, packed.companions);
    QCOMPARE(difference(space.at("final"), back.out), QString());
    for (const auto& name : kLeftOut) fs::remove_all(space.at("final/" + name.substr(0, name.find('/'))));
    QCOMPARE(filesIn(back.out), filesIn(space.at("final")));
    for (const auto& name : filesIn(back.out))
      if (!fs::is_directory(back.out / name)) QCOMPARE(textOf(back.out / name), textOf(space.at("final") / name));
  }

  void whatFilesSayBesideTheirTensorsComesBack() {
    const Workspace space;
    makeModels(space);
    const std::string first = "model-00001-of-00002.safetensors", second = "model-00002-of-00002.safetensors";
    const std::map<std::string, std::string> said{
        {"format", "pt"}, {"licence", "f\u00fcr alle \"frei\""}, {"steps", "{\"a\": 1}"}};
    const auto shard = take(SafetensorsFile::open(space.at("final/" + first)));
    std::vector<TensorSpec> specs;
    for (const auto& info : shard.header().tensors) specs.push_back({info.name, info.dtype, info.shape});
    auto writer = take(SafetensorsWriter::create(space.at("final/new.safetensors"), specs, said));
    for (const auto& info : shard.header().tensors) {
      std::vector<std::byte> bytes(info.bytes);
      take(shard.read(info, 0, bytes));
      take(writer.write(info.name, 0, bytes));
    }
    take(writer.commit());
    fs::rename(space.at("final/new.safetensors"), space.at("final/" + first));
    auto index = nlohmann::json::parse(textOf(space.at("final/model.safetensors.index.json")));
    index["metadata"] = {{"total_parameters", 12345}, {"total_size", 24690.0}, {"made by", {"a", nullptr}}};
    put(space.at("final/model.safetensors.index.json"), index.dump(2) + "\n");
    for (const bool quantize : {true, false}) {
      const auto request = packing(space, quantize);
      take(pack(request, {}));
      const auto payload = take(Payload::open(quantize ? request.out / "model.delta.safetensors" : request.out));
      QVERIFY(payload.headers()->files == (std::vector<std::map<std::string, std::string>>{said, {}}));
      const auto out = space.at(quantize ? "back" : "again");
      take(unpack({.path = request.out, .base = request.base, .out = out, .overwrite = false}, {}));
      for (const auto& name : {first, second, std::string("model.safetensors.index.json")})
        QCOMPARE(textOf(out / name), textOf(space.at("final/" + name)));
      const auto one = space.at(quantize ? "one.safetensors" : "two.safetensors");
      take(unpack({.path = request.out, .base = request.base, .out = one, .overwrite = false}, {}));
      QVERIFY(take(SafetensorsFile::open(one)).header().metadata == said);
    }
  }

  void aSecondTimeReplacesTheFirst() {
    const Workspace space;
    makeModels(space);
    auto request = packing(space, true);
    request.overwrite = true;
    take(pack(request, {}));
    const auto before = filesIn(request.out);
    take(pack(request, {}));  // "notes of mine.txt" will be there again
    QCOMPARE(filesIn(request.out), before);
    put(request.out / "thesis.txt", "years of work");
    QVERIFY(!pack(request, {}));
    QCOMPARE(textOf(request.out / "thesis.txt"), std::string("years of work"));
  }

  void aPayloadWithoutFilesHasItsBases() {
    const Workspace space;
    makeModels(space);
    fs::create_directory(space.at("lone"));
    fs::copy_file(space.at("base/model.safetensors"), space.at("lone/weights.safetensors"));
    auto request = packing(space, false);
    request.final = space.at("lone/weights.safetensors");
    const auto packed = take(pack(request, {}));
    QCOMPARE(packed.companions, 0U);
    QCOMPARE(take(Payload::open(request.out)).version(), 1);
    const auto unpacked =
        take(unpack({.path = request.out, .base = request.base, .out = space.at("back"), .overwrite = false}, {}));
    QCOMPARE(unpacked.ofBase, (std::vector<std::string>{"config.json", "tokenizer.json", "tokenizer_config.json"}));
    QVERIFY(!fs::exists(space.at("back/diary.txt")));
  }

  void oneFileHasNothingBesideIt() {
    const Workspace space;
    makeModels(space);
    const auto request = packing(space, false);
    take(pack(request, {}));
    const auto before = space.files().size();
    const auto unpacked =
        take(unpack({.path = request.out, .base = request.base, .out = space.at("back.safetensors"), .overwrite = false}, {}));
    QCOMPARE(space.files().size(), before + 1);
    QCOMPARE(unpacked.companions, 0U);
    QCOMPARE(unpacked.leftOut.size(), kBeside.size() + 2);
    QCOMPARE(difference(space.at("final"), space.at("back.safetensors")), QString());
  }

  void anAdaptersFinalHasTheBasesFilesAndItsTokenizer() {
    const Workspace space;
    makeModels(space);
    put(space.at("base/chat_template.jinja"), "the base's");
    put(space.at("base/LICENSE"), "the base's");
    writeFile(space.at("base/model.safetensors"), {randomTensor("a.weight", DType::BF16, {8, 8}, 1)});
    fs::create_directory(space.at("lora"));
    writeFile(space.at("lora/adapter_model.safetensors"),
              {randomTensor("base_model.model.a.lora_A.weight", DType::F32, {2, 8}, 2),
               randomTensor("base_model.model.a.lora_B.weight", DType::F32, {8, 2}, 3)});
    put(space.at("lora/adapter_config.json"), R"({"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["a"]})");
    put(space.at("lora/tokenizer.json"), "the adapter's");
    put(space.at("lora/README.md"), "the adapter's");
    PackRequest request;
    request.base = space.at("base");
    request.adapters = {space.at("lora")};
    request.out = space.at("lora.delta.safetensors");
    request.verify = true;
    const auto packed = take(pack(request, {}));
    QCOMPARE(
        QString::fromStdString(describeLeftOut(packed.leftOut, 9)),
        QString("chat_template.jinja (the adapter has a tokenizer of its own), lora/README.md (the adapter's, which the final "
                "has no longer), lora/adapter_config.json (the adapter's, which the final has no longer), "
                "tokenizer_config.json (the adapter has a tokenizer of its own)"));
    take(unpack({.path = request.out, .base = request.base, .out = space.at("back"), .overwrite = false}, {}));
    QCOMPARE(textOf(space.at("back/tokenizer.json")), std::string("the adapter's"));
    QCOMPARE(textOf(space.at("back/LICENSE")), std::string("the base's"));
    QCOMPARE(textOf(space.at("back/config.json")), std::string(kConfigText));
  }

  /// A file of the base whose name the final has in other letters stays where it is.
  void aBasesFileGivesWay() {
    const Workspace space;
    makeModels(space);
    fs::remove(space.at("final/config.json"));
    put(space.at("final/Config.json"), "of the final");
    const auto request = packing(space, false);
    take(pack(request, {}));
    const auto unpacked =
        take(unpack({.path = request.out, .base = space.at("base"), .out = space.at("back"), .overwrite = false}, {}));
    QCOMPARE(textOf(space.at("back/Config.json")), std::string("of the final"));
    QVERIFY(!fs::exists(space.at("back/config.json")));
    QVERIFY(std::ranges::find(unpacked.ofBase, "config.json") == unpacked.ofBase.end());
  }

  /// In a file of its own the base's would come first.
  void anAdaptersTemplateIsTheFinals() {
    const Workspace space;
    makeModels(space);
    put(space.at("base/chat_template.jinja"), "the base's");
    put(space.at("base/additional_chat_templates/rag.jinja"), "the base's");
    writeFile(space.at("base/model.safetensors"), {randomTensor("a.weight", DType::BF16, {8, 8}, 1)});
    fs::create_directory(space.at("lora"));
    writeFile(space.at("lora/adapter_model.safetensors"),
              {randomTensor("base_model.model.a.lora_A.weight", DType::F32, {2, 8}, 2),
               randomTensor("base_model.model.a.lora_B.weight", DType::F32, {8, 2}, 3)});
    put(space.at("lora/adapter_config.json"), R"({"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["a"]})");
    put(space.at("lora/tokenizer_config.json"), R"({"chat_template": "of the adapter"})");
    PackRequest request;
    request.base = space.at("base");
    request.adapters = {space.at("lora")};
    request.out = space.at("lora.delta.safetensors");
    take(pack(request, {}));
    take(unpack({.path = request.out, .base = request.base, .out = space.at("one"), .overwrite = false}, {}));
    QVERIFY(!fs::exists(space.at("one/chat_template.jinja")) && !fs::exists(space.at("one/additional_chat_templates")));
    QCOMPARE(textOf(space.at("one/tokenizer_config.json")), std::string(R"({"chat_template": "of the adapter"})"));

    put(space.at("lora/chat_template.jinja"), "the adapter's file");
    request.out = space.at("file.delta.safetensors");
    take(pack(request, {}));
    take(unpack({.path = request.out, .base = request.base, .out = space.at("two"), .overwrite = false}, {}));
    QCOMPARE(textOf(space.at("two/chat_template.jinja")), std::string("the adapter's file"));
  }

  void aCompanionCannotTakeTheWeightsPlace() {
    const Workspace space;
    const auto tensor = randomTensor("a", DType::BF16, {9, 9}, 4);
    PayloadPlan plan;  // without shards, so that unpack chooses the name
    TensorStats row;
    row.name = "a";
    row.shape = {0};
    row.codec = CodecId::Identical;
    row.finalHash = hash128({});
    plan.manifest.tensors = {row};
    plan.streamBounds = {0};
    plan.manifest.companions.emplace_back().path = "Model.safetensors";
    auto writer = take(PayloadWriter::create(space.at("a.delta.safetensors"), std::move(plan)));
    take(writer.writeCompanion(0, {}));
    take(writer.finishTensor(0, row));
    take(writer.commit());
    const auto before = space.files();
    const auto result =
        unpack({.path = space.at("a.delta.safetensors"), .base = {}, .out = space.at("back"), .overwrite = false}, {});
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Corrupt);
    QVERIFY2(result.error().message.find("Model.safetensors") != std::string::npos, result.error().message.c_str());
    QCOMPARE(space.files(), before);
  }
};

QTEST_APPLESS_MAIN(TestFinalFolder)
#include "test_final_folder.moc"
