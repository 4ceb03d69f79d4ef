// SPDX-License-Identifier: Apache-2.0
// Mixtures of experts that cannot be: clear errors, and a session that goes on. What the logits are is compared with
// transformers in test_families, and that they have the same bits everywhere in test_same_bits.
#include <QtTest>
#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/pack/pack.h"
#include "core/runtime/runtime.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

const fs::path kData = fs::path(DELTASCOPE_TEST_DATA) / "model";

std::vector<TokenId> longPrompt() {
  std::vector<TokenId> ids;
  for (TokenId i = 0; i < 40; ++i) ids.push_back((i * i + 7 * i + 3) % 60);
  return ids;
}

Result<std::unique_ptr<Session>> open(const LoadRequest& request) {
  DELTASCOPE_ASSIGN(auto loaded, Model::load(request, {}));
  return Session::create(std::move(loaded));
}

LoadRequest plain(const fs::path& path) {
  LoadRequest request;
  request.path = path;
  request.threads = 2;
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

/// One row of a BF16 weight of a model in one file, all of whose elements become one.
void overwrite(const fs::path& model, const std::string& name, std::uint64_t row, std::uint16_t element) {
  auto bytes = *readTextFile(model / "model.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto tensor = nlohmann::json::parse(bytes.substr(8, header)).at(name);
  const std::vector<std::uint16_t> elements(tensor.at("shape")[1].get<std::size_t>(), element);
  const std::uint64_t size = elements.size() * sizeof element;
  std::memcpy(bytes.data() + 8 + header + tensor.at("data_offsets")[0].get<std::uint64_t>() + row * size, elements.data(),
              size);
  QVERIFY(writeTextFile(model / "model.safetensors", bytes));
}
constexpr std::uint16_t kNan = 0x7FC0;

}  // namespace

class TestExperts : public QObject {
  Q_OBJECT
 private slots:
  void configsThatCannotBeAreRefused_data();
  void configsThatCannotBeAreRefused();
  void aMissingExpertIsNamed_data();
  void aMissingExpertIsNamed();
  void aRouterOfNoNumbersIsAnError();
  void draftsOfNoNumbersAreWrongDrafts();
};

void TestExperts::configsThatCannotBeAreRefused_data() {
  QTest::addColumn<QString>("model");
  QTest::addColumn<QString>("changes");
  QTest::addColumn<int>("code");
  QTest::addColumn<QString>("says");
  const int corrupt = int(ErrorCode::Corrupt), mismatch = int(ErrorCode::Mismatch);
  QTest::newRow("more a token than there are") << "qwen3-moe"
                                               << R"({"num_experts_per_tok": 9})" << corrupt << "num_experts_per_tok";
  QTest::newRow("none a token") << "qwen3-moe"
                                << R"({"num_experts_per_tok": 0})" << corrupt << "num_experts_per_tok";
  QTest::newRow("no width") << "qwen3-moe"
                            << R"({"moe_intermediate_size": 0})" << corrupt << "moe_intermediate_size";
  QTest::newRow("a step of 0") << "qwen3-moe"
                               << R"({"decoder_sparse_step": 0})" << corrupt << "decoder_sparse_step";
  QTest::newRow("too many") << "qwen3-moe"
                            << R"({"num_experts": 4000000000})" << corrupt << "num_experts";
  QTest::newRow("too many of all") << "qwen3-moe"
                                   << R"({"num_experts": 4096, "num_hidden_layers": 4096})" << corrupt << "num_experts";
  QTest::newRow("two numbers") << "qwen3-moe"
                               << R"({"num_local_experts": 7})" << corrupt << "num_local_experts";
  QTest::newRow("a layer that is a word") << "qwen3-moe"
                                          << R"({"mlp_only_layers": ["first"]})" << corrupt << "mlp_only_layers";
  QTest::newRow("no list of layers") << "qwen3-moe"
                                     << R"({"mlp_only_layers": 1})" << corrupt << "mlp_only_layers";
  QTest::newRow("fewer than the weights") << "qwen3-moe"
                                          << R"({"num_experts": 4})" << mismatch << "num_experts is 4 there, 8 here";
  QTest::newRow("more than the weights") << "qwen3-moe"
                                         << R"({"num_experts": 16})" << mismatch << "num_experts is 16 there, 8 here";
  QTest::newRow("another width") << "qwen3-moe"
                                 << R"({"moe_intermediate_size": 24})" << mismatch
                                 << "moe_intermediate_size is 24 there, 20 here";
  QTest::newRow("Mixtral without experts") << "mixtral"
                                           << R"({"num_local_experts": 0})" << corrupt << "num_local_experts";
  QTest::newRow("Mixtral with fewer") << "mixtral"
                                      << R"({"num_local_experts": 5})" << mismatch << "num_local_experts is 5 there, 6 here";
  QTest::newRow("Mixtral of another width")
      << "mixtral"
      << R"({"intermediate_size": 24})" << mismatch << "intermediate_size is 24 there, 44 here";
  QTest::newRow("no shared expert") << "qwen2-moe"
                                    << R"({"shared_expert_intermediate_size": 0})" << corrupt
                                    << "shared_expert_intermediate_size";
  QTest::newRow("a shared expert of another width")
      << "qwen2-moe"
      << R"({"shared_expert_intermediate_size": 30})" << mismatch << "shared_expert_intermediate_size is 30 there, 28 here";
  QTest::newRow("fewer than are in a stack") << "qwen3-moe-stacked"
                                             << R"({"num_experts": 4})" << mismatch << "num_experts is 4 there, 5 here";
  QTest::newRow("more than are in a stack")
      << "mixtral-stacked"
      << R"({"num_local_experts": 7})" << mismatch << "num_local_experts is 7 there, 6 here";
  QTest::newRow("a stack of another width")
      << "qwen3-moe-stacked"
      << R"({"moe_intermediate_size": 16})" << mismatch << "moe_intermediate_size is 16 there, 15 here";
  QTest::newRow("a transposed stack of another width")
      << "gpt-oss"
      << R"({"intermediate_size": 24})" << mismatch << "intermediate_size is 24 there, 20 here";
  QTest::newRow("gpt-oss with fewer") << "gpt-oss"
                                      << R"({"num_local_experts": 5})" << mismatch << "num_local_experts is 5 there, 6 here";
  QTest::newRow("a limit of 0") << "gpt-oss"
                                << R"({"swiglu_limit": 0})" << corrupt << "swiglu_limit";
  QTest::newRow("a slope that is none") << "gpt-oss"
                                        << R"({"swiglu_alpha": 1e300})" << corrupt << "swiglu_alpha";
}

void TestExperts::configsThatCannotBeAreRefused() {
  QFETCH(QString, model);
  QFETCH(QString, changes);
  QFETCH(int, code);
  QFETCH(QString, says);
  const QTemporaryDir folder;
  const fs::path copy = fs::path(folder.path().toStdString()) / "copy";
  copyModel(kData / model.toStdString(), copy, nlohmann::json::parse(changes.toStdString()));
  const auto session = open(plain(copy));
  QVERIFY(!session);
  QCOMPARE(int(session.error().code), code);
  QVERIFY2(QString::fromStdString(session.error().message).contains(says), session.error().message.c_str());
}

void TestExperts::aMissingExpertIsNamed_data() {
  QTest::addColumn<QString>("model");
  QTest::addColumn<QString>("name");
  QTest::newRow("one of many") << "qwen3-moe"
                               << "model.layers.1.mlp.experts.5.up_proj.weight";
  QTest::newRow("a stack") << "qwen3-moe-stacked"
                           << "model.layers.1.mlp.experts.down_proj";
  QTest::newRow("the biases of a stack") << "gpt-oss"
                                         << "model.layers.2.mlp.experts.gate_up_proj_bias";
  QTest::newRow("sinks") << "gpt-oss"
                         << "model.layers.0.self_attn.sinks";
  QTest::newRow("the shared expert") << "qwen2-moe"
                                     << "model.layers.1.mlp.shared_expert.up_proj.weight";
}

void TestExperts::aMissingExpertIsNamed() {
  QFETCH(QString, model);
  QFETCH(QString, name);
  const QTemporaryDir folder;
  const fs::path copy = fs::path(folder.path().toStdString()) / "copy";
  copyModel(kData / model.toStdString(), copy);
  auto bytes = *readTextFile(copy / "model.safetensors");
  const std::string own = name.toStdString();
  const auto at = bytes.find('"' + own + '"');
  QVERIFY(at != std::string::npos);
  bytes[at + own.size()] = 'T';
  QVERIFY(writeTextFile(copy / "model.safetensors", bytes));
  const auto session = open(plain(copy));
  QVERIFY(!session);
  QCOMPARE(session.error().code, ErrorCode::NotFound);
  QVERIFY2(session.error().message.find(own) != std::string::npos, session.error().message.c_str());
  QVERIFY2(session.error().message.find("num_hidden_layers") == std::string::npos, session.error().message.c_str());
}

/// The session answers other prompts as before.
void TestExperts::aRouterOfNoNumbersIsAnError() {
  const QTemporaryDir folder;
  const fs::path copy = fs::path(folder.path().toStdString()) / "copy";
  copyModel(kData / "qwen3-moe", copy);
  // One token's embedding is not a number, and so is what the router gives for it.
  constexpr TokenId kBad = 100;
  overwrite(copy, "model.embed_tokens.weight", kBad, kNan);
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

/// A base that proposes nothing but tokens for which neither it nor the model has numbers: its head gives these two x and −x,
/// and all others 0.
void TestExperts::draftsOfNoNumbersAreWrongDrafts() {
  const QTemporaryDir folder;
  const fs::path place(folder.path().toStdString()), exact = place / "exact", base = place / "base";
  GenerateRequest generating;
  generating.prompt = longPrompt();
  generating.maxNewTokens = 8;
  generating.ignoreEnd = true;
  const auto sound = open(plain(kData / "qwen3-moe"));
  QVERIFY2(sound, problemOf(sound));
  const auto without = (*sound)->generate(generating, {});
  QVERIFY2(without, problemOf(without));
  std::vector<TokenId> bad;  // two that neither prompt nor answer has
  for (TokenId token = 60; bad.size() < 2; ++token)
    if (std::ranges::find(without->ids, token) == without->ids.end()) bad.push_back(token);
  copyModel(kData / "qwen3-moe", exact);
  for (const TokenId token : bad) overwrite(exact, "model.embed_tokens.weight", token, kNan);
  fs::copy(exact, base);
  for (TokenId token = 0; token < 131; ++token)
    overwrite(base, "lm_head.weight", token, token == bad[0] ? 0x3F80 : token == bad[1] ? 0xBF80 : 0);
  PackRequest packing;
  packing.final = exact;
  packing.base = base;
  packing.out = place / "exact.delta.safetensors";
  const auto packed = pack(packing, {});
  QVERIFY2(packed, problemOf(packed));
  LoadRequest request = plain(packing.out);
  request.base = base;
  request.placement = Placement::Jit;
  request.draftTokens = 4;
  const auto session = open(request);
  QVERIFY2(session, problemOf(session));
  generating.draft = {DraftSource::Base, 4};
  const auto with = (*session)->generate(generating, {});
  QVERIFY2(with, problemOf(with));
  QCOMPARE(with->ids, without->ids);
  QCOMPARE(with->logitsHash, without->logitsHash);
}

QTEST_GUILESS_MAIN(TestExperts)
#include "test_experts.moc"
