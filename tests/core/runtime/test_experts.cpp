// SPDX-License-Identifier: Apache-2.0
// Mixtures of experts: the same bits however a prompt is cut and wherever the experts are, and clear errors where a model says
// what cannot be. What the logits are is compared with transformers in test_families.
#include <QtTest>

#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/pack/pack.h"
#include "core/runtime/runtime.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

const fs::path kData = fs::path(DELTASCOPE_TEST_DATA) / "model";
constexpr const char* kModels[] = {"qwen3-moe", "qwen3-moe-mixed", "qwen3-moe-defaults"};

std::vector<TokenId> longPrompt(std::size_t vocabulary = 60) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < 40; ++i) ids.push_back(static_cast<TokenId>((i * i + 7 * i + 3) % vocabulary));
  return ids;
}

Result<std::unique_ptr<Session>> open(const LoadRequest& request) {
  DELTASCOPE_ASSIGN(auto loaded, Model::load(request, {}));
  return Session::create(std::move(loaded));
}

LoadRequest plain(const fs::path& path, unsigned threads = 2) {
  LoadRequest request;
  request.path = path;
  request.threads = threads;
  return request;
}

template <class T>
QByteArray problemOf(const Result<T>& result) {
  return result ? QByteArray() : QByteArray::fromStdString(describe(result.error()));
}

/// A copy of a model with its config.json changed.
void copyModel(const fs::path& from, const fs::path& to, const nlohmann::json& changes = nlohmann::json::object()) {
  fs::copy(from, to);
  auto config = nlohmann::json::parse(*readTextFile(from / "config.json"));
  config.update(changes);
  QVERIFY(writeTextFile(to / "config.json", config.dump()));
}

}  // namespace

class TestExperts : public QObject {
  Q_OBJECT
 private slots:
  void aPromptMayBeCutAnywhere_data();
  void aPromptMayBeCutAnywhere();
  void placementsChangeNoBit_data();
  void placementsChangeNoBit();
  void configsThatCannotBeAreRefused_data();
  void configsThatCannotBeAreRefused();
  void aMissingExpertIsNamed();
  void aRouterOfNoNumbersIsAnError();
};

void TestExperts::aPromptMayBeCutAnywhere_data() {
  QTest::addColumn<unsigned>("threads");
  for (const char* model : kModels)
    for (const unsigned threads : {1u, 3u}) QTest::addRow("%s, %u", model, threads) << threads;
}

/// Tokens that are read together share experts, and are added to no other's sum.
void TestExperts::aPromptMayBeCutAnywhere() {
  QFETCH(unsigned, threads);
  const fs::path model = kData / QString(QTest::currentDataTag()).section(',', 0, 0).toStdString();
  const auto prompt = longPrompt();
  const auto whole = open(plain(model));
  QVERIFY2(whole, problemOf(whole));
  const auto expected = (*whole)->logits(prompt, {});
  QVERIFY(expected);
  const auto session = open(plain(model, threads));
  QVERIFY(session);
  for (std::size_t end = 1; end <= prompt.size(); ++end) {  // token by token: what is in the cache is kept
    const auto logits = (*session)->logits(std::span(prompt).first(end), {});
    QVERIFY2(logits, problemOf(logits));
    if (end == prompt.size()) QVERIFY(*logits == *expected);
  }
}

void TestExperts::placementsChangeNoBit_data() {
  QTest::addColumn<QString>("model");
  QTest::addColumn<int>("placement");
  for (const char* model : kModels)
    for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream})
      QTest::addRow("%s, %d", model, int(placement)) << QString(model) << int(placement);
}

/// Of a streamed model, experts that nobody chose are passed over.
void TestExperts::placementsChangeNoBit() {
  QFETCH(QString, model);
  QFETCH(int, placement);
  const QTemporaryDir folder;
  const fs::path packed = fs::path(folder.path().toStdString()) / "packed";
  PackRequest request;
  request.final = kData / model.toStdString();
  request.quantize = QuantFormat::Nf4;
  request.scope = PackScope::All;
  request.out = packed;
  const auto done = pack(request, {});
  QVERIFY2(done, problemOf(done));
  const auto exact = open(plain(kData / model.toStdString()));
  QVERIFY2(exact, problemOf(exact));
  LoadRequest load = plain(packed);
  load.placement = static_cast<Placement>(placement);
  const auto placed = open(load);
  QVERIFY2(placed, problemOf(placed));
  GenerateRequest generate;
  generate.prompt = longPrompt();
  generate.maxNewTokens = 12;
  generate.ignoreEnd = true;
  const auto expected = (*exact)->generate(generate, {});
  QVERIFY2(expected, problemOf(expected));
  const auto generated = (*placed)->generate(generate, {});
  QVERIFY2(generated, problemOf(generated));
  QCOMPARE(generated->ids, expected->ids);
  QVERIFY(*(*placed)->logits(generate.prompt, {}) == *(*exact)->logits(generate.prompt, {}));
}

void TestExperts::configsThatCannotBeAreRefused_data() {
  QTest::addColumn<QString>("changes");
  QTest::addColumn<int>("code");
  QTest::addColumn<QString>("says");
  const int corrupt = int(ErrorCode::Corrupt), mismatch = int(ErrorCode::Mismatch);
  QTest::newRow("more a token than there are") << R"({"num_experts_per_tok": 9})" << corrupt << "num_experts_per_tok";
  QTest::newRow("none a token") << R"({"num_experts_per_tok": 0})" << corrupt << "num_experts_per_tok";
  QTest::newRow("no width") << R"({"moe_intermediate_size": 0})" << corrupt << "moe_intermediate_size";
  QTest::newRow("a step of 0") << R"({"decoder_sparse_step": 0})" << corrupt << "decoder_sparse_step";
  QTest::newRow("too many") << R"({"num_experts": 4000000000})" << corrupt << "num_experts";
  QTest::newRow("too many of all") << R"({"num_experts": 4096, "num_hidden_layers": 4096})" << corrupt << "num_experts";
  QTest::newRow("two numbers") << R"({"num_local_experts": 7})" << corrupt << "num_local_experts";
  QTest::newRow("a layer that is a word") << R"({"mlp_only_layers": ["first"]})" << corrupt << "mlp_only_layers";
  QTest::newRow("no list of layers") << R"({"mlp_only_layers": 1})" << corrupt << "mlp_only_layers";
  QTest::newRow("fewer than the weights") << R"({"num_experts": 4})" << mismatch << "num_experts is 4 there, 8 here";
  QTest::newRow("more than the weights") << R"({"num_experts": 16})" << mismatch << "num_experts is 16 there, 8 here";
  QTest::newRow("another width") << R"({"moe_intermediate_size": 24})" << mismatch
                                 << "moe_intermediate_size is 24 there, 20 here";
}

void TestExperts::configsThatCannotBeAreRefused() {
  QFETCH(QString, changes);
  QFETCH(int, code);
  QFETCH(QString, says);
  const QTemporaryDir folder;
  const fs::path copy = fs::path(folder.path().toStdString()) / "copy";
  copyModel(kData / "qwen3-moe", copy, nlohmann::json::parse(changes.toStdString()));
  const auto session = open(plain(copy));
  QVERIFY(!session);
  QCOMPARE(int(session.error().code), code);
  QVERIFY2(QString::fromStdString(session.error().message).contains(says), session.error().message.c_str());
}

void TestExperts::aMissingExpertIsNamed() {
  const QTemporaryDir folder;
  const fs::path copy = fs::path(folder.path().toStdString()) / "copy";
  copyModel(kData / "qwen3-moe", copy);
  auto bytes = *readTextFile(copy / "model.safetensors");
  const std::string name = "model.layers.1.mlp.experts.5.up_proj.weight";
  const auto at = bytes.find(name);
  QVERIFY(at != std::string::npos);
  bytes[at + name.size() - 1] = 'T';
  QVERIFY(writeTextFile(copy / "model.safetensors", bytes));
  const auto session = open(plain(copy));
  QVERIFY(!session);
  QCOMPARE(session.error().code, ErrorCode::NotFound);
  QVERIFY2(session.error().message.find(name) != std::string::npos, session.error().message.c_str());
  QVERIFY2(session.error().message.find("num_hidden_layers") == std::string::npos, session.error().message.c_str());
}

/// The session answers other prompts as before.
void TestExperts::aRouterOfNoNumbersIsAnError() {
  const QTemporaryDir folder;
  const fs::path copy = fs::path(folder.path().toStdString()) / "copy";
  copyModel(kData / "qwen3-moe", copy);
  // One token's embedding is not a number, and so is what the router gives for it.
  constexpr TokenId kBad = 100;
  auto bytes = *readTextFile(copy / "model.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto tensor = nlohmann::json::parse(bytes.substr(8, header)).at("model.embed_tokens.weight");
  const std::uint16_t nan = 0x7FC0;
  const auto row = tensor.at("shape")[1].get<std::uint64_t>() * sizeof nan;
  std::memcpy(bytes.data() + 8 + header + tensor.at("data_offsets")[0].get<std::uint64_t>() + kBad * row, &nan, sizeof nan);
  QVERIFY(writeTextFile(copy / "model.safetensors", bytes));
  const auto session = open(plain(copy)), sound = open(plain(kData / "qwen3-moe"));
  QVERIFY2(session, problemOf(session));
  QVERIFY(sound);
  const auto bad = (*session)->logits(std::vector<TokenId>{1, 2, kBad, 3}, {});
  QVERIFY(!bad);
  QCOMPARE(bad.error().code, ErrorCode::Corrupt);
  QVERIFY2(bad.error().message.find("model.layers.0.mlp.gate.weight") != std::string::npos, bad.error().message.c_str());
  const auto good = (*session)->logits(longPrompt(), {});
  QVERIFY2(good, problemOf(good));
  QVERIFY(*good == *(*sound)->logits(longPrompt(), {}));
}

QTEST_GUILESS_MAIN(TestExperts)
#include "test_experts.moc"
