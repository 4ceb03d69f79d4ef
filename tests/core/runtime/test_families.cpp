// SPDX-License-Identifier: Apache-2.0
// The forward pass of each family against transformers, on the small checkpoints of tests/data/model.
#include <QtTest>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/checkpoint/safetensors.h"
#include "core/model/processor_only.h"
#include "core/runtime/runtime.h"

using namespace deltascope;

namespace {

const std::filesystem::path kData = std::filesystem::path(DELTASCOPE_TEST_DATA) / "model";

/// Of all scripts that make some.
nlohmann::json cases(const char* list) {
  nlohmann::json rows = nlohmann::json::array();
  for (const std::string stem : {"", "recurrent_", "expert_", "gemma4_"}) {
    const auto text = readTextFile(kData / (stem + "cases.json"));
    if (!text) return {};
    for (auto& row : nlohmann::json::parse(*text).value(list, nlohmann::json::array())) {
      row["file"] = stem + "logits.safetensors";
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

nlohmann::json ropeCases() {
  const auto text = readTextFile(kData / "rope_cases.json");
  return text ? nlohmann::json::parse(*text) : nlohmann::json();
}

Result<std::unique_ptr<Session>> open(const std::string& model, unsigned threads = 2) {
  LoadRequest request;
  request.path = kData / model;
  request.threads = threads;
  DELTASCOPE_ASSIGN(auto loaded, Model::load(request, {}));
  return Session::create(std::move(loaded));
}

std::vector<float> golden(const std::string& key, const std::string& name) {
  const auto file = SafetensorsFile::open(kData / name);
  const TensorInfo* info = file ? file->find(key) : nullptr;
  std::vector<float> logits(info ? info->elements : 0);
  if (!info || !file->read(*info, 0, std::as_writable_bytes(std::span(logits)))) return {};
  return logits;
}

}  // namespace

class TestFamilies : public QObject {
  Q_OBJECT
 private slots:
  void matchesTransformers_data();
  void matchesTransformers();
  void rotatesAsTransformers_data();
  void rotatesAsTransformers();
  void cutsAPromptAnywhere_data();
  void cutsAPromptAnywhere();
  void refusesWhatIsNotBuilt_data();
  void refusesWhatIsNotBuilt();
  void saysWhatGpusLack_data();
  void saysWhatGpusLack();
  void runsTheTextOfAModelThatSees_data();
  void runsTheTextOfAModelThatSees();
  void refusesTheTextOfAnotherFamily();
};

void TestFamilies::matchesTransformers_data() {
  QTest::addColumn<QString>("model");
  for (const auto& c : cases("cases")) {
    const auto model = QString::fromStdString(c.at("model"));
    QTest::newRow(qPrintable(QString::fromStdString(c.at("logits")))) << model;
  }
}

/// Logits within 2e-4 (FP32 additions in another order); greedy ids equal while the reference's own choice is clear.
void TestFamilies::matchesTransformers() {
  QFETCH(QString, model);
  const auto list = cases("cases");
  const auto found = std::find_if(list.begin(), list.end(), [](const auto& c) {
    return c.at("logits").template get<std::string>() == QTest::currentDataTag();
  });
  const auto session = open(model.toStdString());
  QVERIFY2(session, session ? "" : describe(session.error()).c_str());
  const auto ids = found->at("ids").get<std::vector<TokenId>>();
  const auto logits = (*session)->logits(ids, {});
  QVERIFY2(logits, logits ? "" : describe(logits.error()).c_str());
  const auto expected = golden(found->at("logits"), found->at("file"));
  QCOMPARE(logits->size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>((*logits)[i]) - static_cast<double>(expected[i])));
  QVERIFY2(worst <= 2e-4, qPrintable(QString::number(worst)));

  QVERIFY(found->at("margin").get<double>() > 1e-3);
  GenerateRequest request;
  request.prompt = ids;
  const auto greedy = found->at("greedy").get<std::vector<TokenId>>();
  request.maxNewTokens = static_cast<std::uint32_t>(greedy.size());
  request.ignoreEnd = true;
  const auto generated = (*session)->generate(request, {});
  QVERIFY2(generated, generated ? "" : describe(generated.error()).c_str());
  QCOMPARE(generated->ids, greedy);
}

void TestFamilies::rotatesAsTransformers_data() {
  QTest::addColumn<int>("index");
  int index = 0;
  for (const auto& c : ropeCases()) QTest::newRow(c.at("logits").get<std::string>().c_str()) << index++;
}

/// Bounds as above. The greedy ids cross the length that the frequencies were trained on.
void TestFamilies::rotatesAsTransformers() {
  QFETCH(int, index);
  const auto row = ropeCases().at(static_cast<std::size_t>(index));
  const auto session = open(row.at("model"));
  QVERIFY2(session, session ? "" : describe(session.error()).c_str());
  GenerateRequest request;
  request.prompt = row.at("ids").get<std::vector<TokenId>>();
  const auto expected = golden(row.at("logits"), "rope_logits.safetensors");
  const auto logits = (*session)->logits(request.prompt, {});
  QVERIFY2(logits, logits ? "" : describe(logits.error()).c_str());
  QCOMPARE(logits->size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>((*logits)[i]) - static_cast<double>(expected[i])));
  QVERIFY2(worst <= 2e-4, qPrintable(QString::number(worst)));

  QVERIFY(row.at("margin").get<double>() > 1e-3);
  const auto greedy = row.at("greedy").get<std::vector<TokenId>>();
  request.maxNewTokens = static_cast<std::uint32_t>(greedy.size());
  request.ignoreEnd = true;
  const auto generated = (*session)->generate(request, {});
  QVERIFY2(generated, generated ? "" : describe(generated.error()).c_str());
  QCOMPARE(generated->ids, greedy);
}

void TestFamilies::cutsAPromptAnywhere_data() {
  QTest::addColumn<QString>("model");
  for (const char* model : {"rope-dynamic-type", "rope-longrope", "rope-yarn-type", "rope-by-layer"})
    QTest::newRow(model) << model;
}

/// The same bits whatever was read before: a shorter prompt, a part of this one, an answer.
void TestFamilies::cutsAPromptAnywhere() {
  QFETCH(QString, model);
  std::vector<TokenId> prompt;
  for (const auto& row : ropeCases())
    if (row.at("model") == model.toStdString()) prompt = row.at("ids").get<std::vector<TokenId>>();
  QVERIFY(prompt.size() > 64);
  const auto fresh = open(model.toStdString());
  QVERIFY2(fresh, fresh ? "" : describe(fresh.error()).c_str());
  const auto expected = (*fresh)->logits(prompt, {});
  QVERIFY(expected);
  for (const std::size_t cut :
       {std::size_t{1}, std::size_t{20}, std::size_t{31}, std::size_t{32}, std::size_t{33}, prompt.size() - 1}) {
    GenerateRequest part;
    part.prompt.assign(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(cut));
    part.maxNewTokens = 8;
    part.ignoreEnd = true;
    QVERIFY((*fresh)->generate(part, {}));
    const auto again = (*fresh)->logits(prompt, {});
    QVERIFY(again);
    QVERIFY2(*again == *expected, qPrintable(QString::number(cut)));
  }
}

void TestFamilies::refusesWhatIsNotBuilt_data() {
  QTest::addColumn<QString>("field");
  for (const auto& c : cases("refused")) {
    const auto model = QString::fromStdString(c.at("model"));
    const auto fields = c.at("fields").get<std::vector<std::string>>();
    QTest::newRow(qPrintable(model + "/" + QString::fromStdString(c.at("logits")))) << QString::fromStdString(fields.front());
  }
}

void TestFamilies::refusesWhatIsNotBuilt() {
  QFETCH(QString, field);
  const QString model = QString(QTest::currentDataTag()).section('/', 0, 0);
  const auto session = open(model.toStdString());
  QVERIFY(!session);
  QCOMPARE(session.error().code, ErrorCode::Unsupported);
  const QString message = QString::fromStdString(session.error().message);
  QVERIFY2(message.contains(field.section('.', 0, 0)) && message.contains("config.json"), qPrintable(message));
}

void TestFamilies::saysWhatGpusLack_data() {
  QTest::addColumn<QString>("what");
  for (const char* model : {"llama3-tied", "mistral-window", "qwen2-tied", "qwen3", "qwen3-moe", "mixtral", "gemma2",
                            "gemma3-text", "olmo2", "olmo3", "smollm3", "granite", "phi3"})
    QTest::newRow(model) << "";
  QTest::newRow("qwen3_5") << "recurrent layers";
  QTest::newRow("qwen2-moe") << "shared experts";
  QTest::newRow("gpt-oss") << "attention sinks";
  QTest::newRow("gemma4") << "norms of values";
  QTest::newRow("gemma4-dense") << "norms of values";
}

void TestFamilies::saysWhatGpusLack() {
  QFETCH(QString, what);
  const auto path = kData / QTest::currentDataTag() / "config.json";
  const auto text = readTextFile(path);
  QVERIFY2(text, text ? "" : describe(text.error()).c_str());
  const auto config = parseModelConfig(nlohmann::json::parse(*text), path);
  QVERIFY2(config, config ? "" : describe(config.error()).c_str());
  QCOMPARE(QString::fromStdString(std::string(onlyOnProcessor(*config))), what);
}

void TestFamilies::runsTheTextOfAModelThatSees_data() {
  QTest::addColumn<QStringList>("parts");
  for (const char* model : {"gemma3-vision", "mistral3-vision"})
    QTest::newRow(model) << QStringList{"multi_modal_projector", "vision_tower"};
  QTest::newRow("gemma4-vision") << QStringList{"vision_tower"};
  QTest::newRow("qwen3_5-vision") << QStringList{"model.visual.", "mtp."};
}

/// Its other parts are named.
void TestFamilies::runsTheTextOfAModelThatSees() {
  QFETCH(QStringList, parts);
  const auto session = open(QTest::currentDataTag());
  QVERIFY2(session, session ? "" : describe(session.error()).c_str());
  const QString note = QString::fromStdString((*session)->model()->companions().note);
  QVERIFY2(note.contains("text part"), qPrintable(note));
  for (const auto& part : parts) QVERIFY2(note.contains(part), qPrintable(note));
}

void TestFamilies::refusesTheTextOfAnotherFamily() {
  const nlohmann::json json{{"model_type", "mistral3"}, {"text_config", {{"model_type", "ministral3"}}}};
  const auto config = parseModelConfig(json, "config.json");
  QVERIFY(!config);
  QCOMPARE(config.error().code, ErrorCode::Unsupported);
  QVERIFY2(config.error().message.find("text_config.model_type") != std::string::npos, config.error().message.c_str());
}

QTEST_GUILESS_MAIN(TestFamilies)
#include "test_families.moc"
