// SPDX-License-Identifier: Apache-2.0
// The small models of tests/data/model under other names: what transformers runs gives the same tokens here, and so do the
// names that wrappers leave, which it does not know.
#include <QtTest>
#include <fstream>

#include "core/pack/pack.h"
#include "core/runtime/runtime.h"
#include "tests/core/models/small_model.h"

using namespace deltascope;
using namespace deltascope::test;
using nlohmann::json;

namespace {

const fs::path kData = fs::path(DELTASCOPE_TEST_DATA) / "model";

json dataOf(const char* name) { return json::parse(take(readTextFile(kData / name))); }

std::string renamed(const std::string& name, const json& pairs) {
  for (const auto& pair : pairs) {
    const auto& old = pair[0].get_ref<const std::string&>();
    if (name.starts_with(old)) return pair[1].get<std::string>() + name.substr(old.size());
  }
  return name;
}

/// As make_names.py writes it.
void write(const json& row, const fs::path& folder) {
  const fs::path from = kData / row.at("model").get<std::string>();
  fs::create_directories(folder);
  auto config = json::parse(take(readTextFile(from / "config.json")));
  if (row.contains("config")) config.update(row["config"]);
  for (const auto& field : row.value("absent", json::array())) config.erase(field.get<std::string>());
  take(writeTextFile(folder / "config.json", config.dump()));

  const auto checkpoint = take(Checkpoint::open(from));
  const auto tensorOf = [&](const std::string& name, const std::string& stored) {
    const TensorInfo& info = *checkpoint.find(name);
    return TensorData{{stored, info.dtype, info.shape}, take(checkpoint.readAll(info))};
  };
  std::vector<TensorData> tensors;
  const auto pairs = row.value("rename", json::array()), drop = row.value("drop", json::array());
  for (const auto& info : checkpoint.tensors())
    if (std::find(drop.begin(), drop.end(), info.name) == drop.end())
      tensors.push_back(tensorOf(info.name, renamed(info.name, pairs)));
  const auto copies = row.value("copy", json::object());
  for (const auto& [name, source] : copies.items()) tensors.push_back(tensorOf(source.get<std::string>(), name));
  for (const auto& name : row.value("noise", json::array()))
    for (auto& tensor : tensors)
      if (tensor.spec.name == name) {  // the last row becomes the first
        const auto bytes = static_cast<std::ptrdiff_t>(tensor.bytes.size() / tensor.spec.shape[0]);
        std::rotate(tensor.bytes.begin(), tensor.bytes.end() - bytes, tensor.bytes.end());
      }
  std::vector<TensorSpec> specs;
  for (const auto& tensor : tensors) specs.push_back(tensor.spec);
  auto writer = take(SafetensorsWriter::create(folder / "model.safetensors", specs,
                                               row.value("metadata", std::map<std::string, std::string>{{"format", "pt"}})));
  for (const auto& tensor : tensors) take(writer.write(tensor.spec.name, 0, tensor.bytes));
  take(writer.commit());
}

Result<std::vector<std::vector<TokenId>>> greedy(const fs::path& path, const std::vector<json>& prompts) {
  LoadRequest load;
  load.path = path;
  load.threads = 2;
  DELTASCOPE_ASSIGN(auto model, Model::load(load, {}));
  DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
  std::vector<std::vector<TokenId>> all;
  for (const auto& prompt : prompts) {
    GenerateRequest request;
    request.prompt = prompt.at("ids").get<std::vector<TokenId>>();
    request.maxNewTokens = static_cast<std::uint32_t>(prompt.at("greedy").size());
    request.ignoreEnd = true;
    DELTASCOPE_ASSIGN(const auto generated, session->generate(request, {}));
    all.push_back(generated.ids);
  }
  return all;
}

/// What is not the model, and what its message says.
const std::map<QString, QStringList> kRefused{
    {"no model_type and no architectures", {"config.json: model_type is missing"}},
    {"the model_type of another model", {"model_type: gpt_neox (LlamaForCausalLM) cannot be run", "supported are Llama"}},
    {"an unknown model_type", {"model_type: llama-of-mine (LlamaForCausalLM) cannot be run"}},
    {"the bare model, without its head", {"tensor lm_head.weight: the model lacks this weight"}},
    {"the head alone, not tied", {"tensor model.embed_tokens.weight: the model lacks this weight"}},
    {"the embedding alone, not tied", {"tensor lm_head.weight: the model lacks this weight"}},
    {"a norm is missing", {"tensor model.norm.weight: the model lacks this weight"}},
};

}  // namespace

class TestNames : public QObject {
  Q_OBJECT
 private slots:
  void otherNamesGiveTheSameTokens_data() {
    QTest::addColumn<QString>("transformers");
    for (const auto& row : dataOf("names.json"))
      QTest::newRow(row.at("what").get<std::string>().c_str()) << QString::fromStdString(row.at("transformers"));
  }
  void otherNamesGiveTheSameTokens() {
    QFETCH(QString, transformers);
    const auto rows = dataOf("names.json");
    const auto row =
        *std::find_if(rows.begin(), rows.end(), [](const json& r) { return r.at("what") == QTest::currentDataTag(); });
    const QTemporaryDir folder;
    write(row, folder.path().toStdString());
    std::vector<json> prompts;
    std::vector<std::vector<TokenId>> expected;
    const json cases = dataOf("cases.json");
    for (const auto& prompt : cases.at("cases"))
      if (prompt.at("model") == row.at("model")) {
        prompts.push_back(prompt);
        expected.push_back(prompt.at("greedy"));
      }
    if (row.contains("ids")) expected = row["ids"].get<std::vector<std::vector<TokenId>>>();
    const auto found = greedy(folder.path().toStdString(), prompts);
    const auto refused = kRefused.find(QTest::currentDataTag());
    if (refused == kRefused.end()) {
      QVERIFY2(found, found ? "" : describe(found.error()).c_str());
      QCOMPARE(*found, expected);
      return;
    }
    QVERIFY(transformers != "same");
    QVERIFY(!found);
    const auto said = QString::fromStdString(describe(found.error()));
    for (const auto& part : refused->second) QVERIFY2(said.contains(part), qPrintable(said));
    QVERIFY(!said.contains('\n') && !said.contains("mixed up") && !found.error().hint.empty());
  }

  /// A fine-tune of a fine-tune, each of whose weights has another name than below it.
  void payloadsFindTheirBaseUnderOtherNames() {
    const QTemporaryDir folder;
    const fs::path path = folder.path().toStdString();
    const auto child = [&](const char* name, const char* below, const char* prefix, std::size_t stride) {
      write(json::parse(R"({"model":"llama-head-dim","rename":[["",")" + std::string(prefix) + R"("]]})"), path / name);
      const auto checkpoint = take(Checkpoint::open(path / name));
      std::vector<TensorData> tensors;
      for (const auto& info : checkpoint.tensors())
        tensors.push_back(nudged({{info.name, info.dtype, info.shape}, take(checkpoint.readAll(info))}, stride));
      writeFile(path / name / "model.safetensors", tensors);
      PackRequest request;
      request.base = path / below;
      request.final = path / name;
      request.out = path / (std::string(name) + ".delta.safetensors");
      take(pack(request, {}));
      return request.out;
    };
    write(json::parse(R"({"model":"llama-head-dim"})"), path / "base");
    LoadRequest load;
    load.path = path / "base";
    load.payloads = {child("a", "base", "module.", 7), child("b", "a", "_orig_mod.", 3)};
    const auto tokens = [](const LoadRequest& request) {
      const auto session = take(Session::create(take(Model::load(request, {}))));
      GenerateRequest generate;
      generate.prompt = {1, 2, 3, 4, 5};
      generate.maxNewTokens = 8;
      generate.ignoreEnd = true;
      return take(session->generate(generate, {})).logitsHash;
    };
    LoadRequest exact;
    exact.path = path / "b";
    const auto expected = tokens(exact);
    for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
      load.placement = placement;
      QCOMPARE(tokens(load), expected);
    }
    const auto base = take(Checkpoint::open(path / "base"));
    std::vector<TensorData> tensors;
    for (const auto& info : base.tensors()) tensors.push_back(randomTensor(info.name, info.dtype, info.shape, 4, 0.5F));
    writeFile(path / "base" / "model.safetensors", tensors);
    for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
      load.placement = placement;
      const auto refused = Model::load(load, {});
      QVERIFY(!refused);
      const auto said = QString::fromStdString(describe(refused.error()));
      QVERIFY2(said.contains("this is another base, or it was changed since"), qPrintable(said));
    }
  }

  /// The head alone, with the embedding as its alias in the metadata of its file, and a config that ties nothing.
  void payloadsKnowTheAliasesOfTheirFinal() {
    const QTemporaryDir folder;
    const fs::path path = folder.path().toStdString();
    auto row = json::parse(R"({"model":"qwen2-tied","config":{"tie_word_embeddings":false},
      "rename":[["model.embed_tokens.weight","lm_head.weight"]],
      "metadata":{"format":"pt","model.embed_tokens.weight":"lm_head.weight"}})");
    write(row, path / "final");
    row["noise"] = {"lm_head.weight"};
    row.erase("metadata");
    write(row, path / "base");
    PackRequest request;
    request.base = path / "base";
    request.final = path / "final";
    request.out = path / "final.delta.safetensors";
    take(pack(request, {}));
    QVERIFY(!greedy(path / "base", {}));
    const auto hash = [](const LoadRequest& load) {
      GenerateRequest generate;
      generate.prompt = {1, 2, 3, 4, 5};
      generate.maxNewTokens = 8;
      generate.ignoreEnd = true;
      return take(take(Session::create(take(Model::load(load, {}))))->generate(generate, {})).logitsHash;
    };
    LoadRequest exact, rebuilt;
    exact.path = path / "final";
    rebuilt.path = path / "base";
    rebuilt.payloads = {request.out};
    QCOMPARE(hash(rebuilt), hash(exact));
  }

  void layersThatAreNotUsedAreNoted() {
    for (const int layers : {1, 2}) {
      const QTemporaryDir folder;
      const fs::path path = folder.path().toStdString();
      auto row = json::parse(R"({"model":"llama-head-dim"})");
      row["config"]["num_hidden_layers"] = layers;
      write(row, path);
      LoadRequest load;
      load.path = path;
      const auto model = take(Model::load(load, {}));
      QCOMPARE(QString::fromStdString(model->companions().note),
               layers == 1 ? QString("config.json has num_hidden_layers 1, but there are weights of further layers, such as "
                                     "model.layers.1.self_attn.q_proj.weight: they are not used")
                           : QString());
    }
  }

  void twoModelsInOneFileAreNamed() {
    const QTemporaryDir folder;
    const fs::path path = folder.path().toStdString();
    write(json::parse(R"({"model":"llama-head-dim","rename":[["","student."]]})"), path);
    QVERIFY(greedy(path, {}));  // one alone is found under its name
    const auto checkpoint = take(Checkpoint::open(path));
    std::vector<TensorData> tensors;
    for (const auto& info : checkpoint.tensors())
      for (const std::string prefix : {"student.", "teacher."})
        tensors.push_back({{prefix + info.name.substr(8), info.dtype, info.shape}, take(checkpoint.readAll(info))});
    writeFile(path / "model.safetensors", tensors);
    const auto found = greedy(path, {});
    QVERIFY(!found);
    const auto said = QString::fromStdString(describe(found.error()));
    QVERIFY2(said.contains("several models, under \"student.model.\" and \"teacher.model.\""), qPrintable(said));
  }
};

QTEST_GUILESS_MAIN(TestNames)
#include "test_names.moc"
