// SPDX-License-Identifier: Apache-2.0
// Conversations with models that have recurrent layers: what was read before, taken back or given up changes no bit, and what
// cannot be is refused in words. What the logits are is compared with transformers in test_families, and that they have the
// same bits everywhere in test_same_bits.
#include <QtTest>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/pack/pack.h"
#include "core/rebuild/unpack.h"
#include "core/runtime/runtime.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

using Tokens = std::vector<TokenId>;

const fs::path kData = fs::path(DELTASCOPE_TEST_DATA) / "model";

Tokens numbers(std::size_t count, TokenId factor = 7) {
  Tokens ids;
  for (TokenId i = 0; i < count; ++i) ids.push_back((i * i + factor * i + 3) % 60);
  return ids;
}

template <class T>
QByteArray problemOf(const Result<T>& result) {
  return result ? QByteArray() : QByteArray::fromStdString(describe(result.error()));
}

LoadRequest plain(const fs::path& path) {
  LoadRequest request;
  request.path = path;
  request.threads = 2;
  request.draftTokens = 4;
  return request;
}

Result<std::unique_ptr<Session>> open(const LoadRequest& request) {
  DELTASCOPE_ASSIGN(auto loaded, Model::load(request, {}));
  return Session::create(std::move(loaded));
}

/// A copy of a model with its config.json changed.
void copyModel(const fs::path& from, const fs::path& to, const nlohmann::json& changes) {
  fs::copy(from, to);
  auto config = nlohmann::json::parse(*readTextFile(from / "config.json"));
  config.merge_patch(changes);
  QVERIFY(writeTextFile(to / "config.json", config.dump()));
}

GenerateRequest asking(const Tokens& prompt, std::uint32_t tokens, DraftRequest draft = {}) {
  GenerateRequest request;
  request.prompt = prompt;
  request.maxNewTokens = tokens;
  request.ignoreEnd = true;
  request.draft = std::move(draft);
  return request;
}

}  // namespace

class TestRecurrent : public QObject {
  Q_OBJECT
 private slots:
  void continuesAnyConversation();
  void asksAgainFromItsMark();
  void takesBackWrongDrafts_data();
  void takesBackWrongDrafts();
  void goesOnAfterACancelledAnswer();
  void fillsTheContextInsideADraft();
  void plansOneStateForAnyContext();
  void packsAndUnpacksAllItsTensors();
  void saysWhatIsWrong_data();
  void saysWhatIsWrong();
  void missesNoWeightSilently_data();
  void missesNoWeightSilently();
  void endsInWordsWhereNumbersEnd();
};

/// Prompts that share any beginning with what was read and said before.
void TestRecurrent::continuesAnyConversation() {
  const auto session = open(plain(kData / "qwen3_5"));
  QVERIFY2(session, problemOf(session));
  const auto fresh = open(plain(kData / "qwen3_5"));
  QVERIFY(fresh);
  const Tokens first = numbers(50);
  for (const std::size_t cut : {0u, 1u, 17u, 33u, 34u, 40u, 49u, 50u}) {
    const auto answer = (*session)->generate(asking(first, 5), {});
    QVERIFY2(answer, problemOf(answer));
    Tokens second(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(cut));
    if (cut == first.size()) second.insert(second.end(), answer->ids.begin(), answer->ids.end());
    const Tokens other = numbers(9, 11);
    second.insert(second.end(), other.begin(), other.end());
    (*fresh)->clear();
    const auto expected = (*fresh)->logits(second, {}), given = (*session)->logits(second, {});
    QVERIFY2(given, problemOf(given));
    QVERIFY2(*given == *expected, qPrintable(QString::number(cut)));
  }
}

/// The same prompt, and one that differs in its last tokens, are not read anew as a whole.
void TestRecurrent::asksAgainFromItsMark() {
  const auto session = open(plain(kData / "qwen3_5"));
  QVERIFY2(session, problemOf(session));
  const auto first = (*session)->generate(asking(numbers(50), 9), {});
  const auto again = (*session)->generate(asking(numbers(50), 9), {});
  QVERIFY2(again, problemOf(again));
  QCOMPARE(again->ids, first->ids);
  QCOMPARE(again->logitsHash, first->logitsHash);
  QVERIFY(again->reusedTokens >= 30);
  Tokens other = numbers(50);
  other.back() = 61;
  const auto changed = (*session)->generate(asking(other, 3), {});
  QVERIFY2(changed, problemOf(changed));
  QVERIFY(changed->reusedTokens >= 30);
}

void TestRecurrent::takesBackWrongDrafts_data() {
  QTest::addColumn<int>("right");  // drafts of the four
  QTest::addColumn<int>("tokens");
  for (int right = 0; right <= 4; ++right)
    for (int tokens : {1, 2, 5, 30}) QTest::addRow("%d right, %d tokens", right, tokens) << right << tokens;
}

/// The first so many of each round are right, the others are not.
void TestRecurrent::takesBackWrongDrafts() {
  QFETCH(int, right);
  QFETCH(int, tokens);
  const QTemporaryDir folder;
  const fs::path packed = fs::path(folder.path().toStdString()) / "packed";
  PackRequest packing;
  packing.final = kData / "qwen3_5-interval";
  packing.quantize = QuantFormat::Nf4;
  packing.scope = PackScope::All;
  packing.out = packed;
  QVERIFY(pack(packing, {}));
  LoadRequest request = plain(packed);
  request.placement = Placement::Jit;
  const auto session = open(request);
  QVERIFY2(session, problemOf(session));
  const auto expected = (*session)->generate(asking(numbers(20), std::uint32_t(tokens)), {});
  QVERIFY2(expected, problemOf(expected));
  (*session)->clear();
  int inRound = 0;
  std::size_t last = 0;
  DraftRequest draft{DraftSource::Base, 4};
  draft.instead = [&](std::size_t place, TokenId) {
    inRound = place == last + 1 ? inRound + 1 : 0;
    last = place;
    const TokenId wanted = place < expected->ids.size() ? expected->ids[place] : 0;
    return inRound < right ? wanted : (wanted + 1) % 131;
  };
  const auto given = (*session)->generate(asking(numbers(20), std::uint32_t(tokens), draft), {});
  QVERIFY2(given, problemOf(given));
  QCOMPARE(given->ids, expected->ids);
  QCOMPARE(given->logitsHash, expected->logitsHash);
  QVERIFY(tokens < 5 || right == 4 || given->rejected > 0);
  // and what is in the cache is the text
  Tokens longer = numbers(20);
  longer.insert(longer.end(), given->ids.begin(), given->ids.end());
  longer.push_back(5);
  const auto continued = (*session)->logits(longer, {});
  (*session)->clear();
  QVERIFY(*continued == *(*session)->logits(longer, {}));
}

void TestRecurrent::goesOnAfterACancelledAnswer() {
  const auto session = open(plain(kData / "qwen3_5"));
  QVERIFY2(session, problemOf(session));
  const auto expected = (*session)->generate(asking(numbers(20), 8), {});
  for (const std::size_t after : {0u, 1u, 4u}) {
    std::stop_source stop;
    auto request = asking(numbers(20), 8, {DraftSource::Lookup, 4});
    std::size_t tokens = 0;
    request.onToken = [&](const TokenEvent&) {
      if (tokens++ == after) stop.request_stop();
    };
    const auto cut = (*session)->generate(request, stop.get_token());
    QVERIFY2(cut, problemOf(cut));
    QCOMPARE(cut->stopReason, StopReason::Cancelled);
    const auto again = (*session)->generate(asking(numbers(20), 8), {});
    QVERIFY2(again, problemOf(again));
    QCOMPARE(again->logitsHash, expected->logitsHash);
  }
}

void TestRecurrent::fillsTheContextInsideADraft() {
  LoadRequest request = plain(kData / "qwen3_5");
  request.context = 32;
  const auto session = open(request);
  QVERIFY2(session, problemOf(session));
  const auto expected = (*session)->generate(asking(numbers(25), 20), {});
  QVERIFY2(expected, problemOf(expected));
  QCOMPARE(expected->stopReason, StopReason::Context);
  const auto drafted = (*session)->generate(asking(numbers(25), 20, {DraftSource::Lookup, 4}), {});
  QVERIFY2(drafted, problemOf(drafted));
  QCOMPARE(drafted->stopReason, StopReason::Context);
  QCOMPARE(drafted->logitsHash, expected->logitsHash);
  const auto shorter = (*session)->logits(numbers(12), {});
  QVERIFY2(shorter, problemOf(shorter));
}

/// Keys and values are those of the layers with attention alone: one of four here.
void TestRecurrent::plansOneStateForAnyContext() {
  LoadRequest request = plain(kData / "qwen3_5");
  request.context = 100;
  const auto small = planModel(request);
  QVERIFY2(small, problemOf(small));
  request.context = 500;
  const auto large = planModel(request);
  QVERIFY(large);
  QCOMPARE(small->kvCacheBytes, std::uint64_t{100} * 2 * 16 * sizeof(float));
  QCOMPARE(large->kvCacheBytes, 5 * small->kvCacheBytes);
  QVERIFY(small->stateBytes > 0);
  QCOMPARE(large->stateBytes, small->stateBytes);
  QVERIFY(describePlan(*small).find("state of recurrent layers") != std::string::npos);
  request.memoryBudget = large->expectedPeak;
  const auto session = open(request);
  QVERIFY2(session, problemOf(session));
  QVERIFY((*session)->generate(asking(numbers(300), 40), {}));
  QVERIFY((*session)->model()->memory().peak <= large->expectedPeak);
}

/// Convolutions of three dimensions, vectors without a name of their own, heads that propose tokens, what sees: all of them.
void TestRecurrent::packsAndUnpacksAllItsTensors() {
  const QTemporaryDir folder;
  const fs::path at = folder.path().toStdString(), final = kData / "qwen3_5-vision";
  PackRequest request;
  request.final = final;
  request.quantize = QuantFormat::Nf4;
  request.scope = PackScope::All;
  request.out = at / "packed";
  const auto packed = pack(request, {});
  QVERIFY2(packed, problemOf(packed));
  UnpackRequest back;
  back.path = at / "packed";
  back.out = at / "back";
  const auto unpacked = unpack(back, {});
  QVERIFY2(unpacked, problemOf(unpacked));
  QCOMPARE(*readTextFile(at / "back" / "model.safetensors"), *readTextFile(final / "model.safetensors"));
}

void TestRecurrent::saysWhatIsWrong_data() {
  QTest::addColumn<QByteArray>("changes");
  QTest::addColumn<QByteArray>("words");
  const auto row = [](const char* name, const char* changes, const char* words) {
    QTest::newRow(name) << QByteArray(changes) << QByteArray(words);
  };
  row("a kind it does not have",
      R"({"layer_types": ["linear_attention", "sliding_attention", "linear_attention", "full_attention"]})",
      "sliding_attention");
  row("an entry that is no text", R"({"layer_types": [1, 2, 3, 4]})", "layer_types");
  row("too few entries", R"({"layer_types": ["linear_attention"]})", "layer_types");
  row("no interval", R"({"full_attention_interval": 0})", "full_attention_interval");
  row("value heads of no key head", R"({"linear_num_value_heads": 3})", "linear_num_value_heads");
  row("no key heads", R"({"linear_num_key_heads": 0})", "linear_num_value_heads");
  row("a kernel of nothing", R"({"linear_conv_kernel_dim": 0})", "is 0");
  row("a huge kernel", R"({"linear_conv_kernel_dim": 1000})", "linear_conv_kernel_dim");
  row("huge heads", R"({"linear_key_head_dim": 4096, "linear_num_key_heads": 4096, "linear_num_value_heads": 4096})",
      "too large");
  row("another activation", R"({"hidden_act": "gelu_pytorch_tanh"})", "hidden_act");
  row("another kernel than the weights'", R"({"linear_conv_kernel_dim": 3})", "linear_conv_kernel_dim is 3 there, 4 here");
  row("other heads than the weights'", R"({"linear_value_head_dim": 15})", "linear_attn");
  row("layers the other way round",
      R"({"layer_types": ["full_attention", "linear_attention", "linear_attention", "linear_attention"]})", "self_attn");
}

void TestRecurrent::saysWhatIsWrong() {
  QFETCH(QByteArray, changes);
  QFETCH(QByteArray, words);
  const QTemporaryDir folder;
  const fs::path copy = fs::path(folder.path().toStdString()) / "model";
  copyModel(kData / "qwen3_5", copy, nlohmann::json::parse(changes.toStdString()));
  const auto session = open(plain(copy));
  QVERIFY(!session);
  QVERIFY2(problemOf(session).contains(words), problemOf(session));
}

void TestRecurrent::missesNoWeightSilently_data() {
  QTest::addColumn<QByteArray>("name");
  for (const char* name : {"in_proj_qkv.weight", "conv1d.weight", "A_log", "dt_bias", "norm.weight"})
    QTest::newRow(name) << QByteArray(name);
}

void TestRecurrent::missesNoWeightSilently() {
  QFETCH(QByteArray, name);
  const QTemporaryDir folder;
  const fs::path copy = fs::path(folder.path().toStdString()) / "model";
  copyModel(kData / "qwen3_5", copy, nlohmann::json::object());
  auto bytes = *readTextFile(copy / "model.safetensors");
  const auto at = bytes.find("model.layers.1.linear_attn." + name.toStdString());
  QVERIFY(at != std::string::npos);
  bytes[at] = 'x';  // another name
  QVERIFY(writeTextFile(copy / "model.safetensors", bytes));
  const auto session = open(plain(copy));
  QVERIFY(!session);
  QVERIFY2(problemOf(session).contains("model.layers.1.linear_attn." + name), problemOf(session));
}

/// A decay rate that is no number makes the state none; what is asked afterwards is answered all the same.
void TestRecurrent::endsInWordsWhereNumbersEnd() {
  const QTemporaryDir folder;
  const fs::path copy = fs::path(folder.path().toStdString()) / "model";
  copyModel(kData / "qwen3_5", copy, nlohmann::json::object());
  auto bytes = *readTextFile(copy / "model.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto tensor = nlohmann::json::parse(bytes.substr(8, header)).at("model.layers.0.linear_attn.A_log");
  const std::uint16_t nan = 0x7FC0;
  std::memcpy(bytes.data() + 8 + header + tensor.at("data_offsets")[0].get<std::uint64_t>(), &nan, sizeof nan);
  QVERIFY(writeTextFile(copy / "model.safetensors", bytes));
  const auto session = open(plain(copy));
  QVERIFY2(session, problemOf(session));
  for (int turn = 0; turn < 2; ++turn) {
    const auto answer = (*session)->generate(asking(numbers(20), 3), {});
    QVERIFY2(!answer, problemOf(answer));
    QVERIFY2(problemOf(answer).contains("no numbers after token 20"), problemOf(answer));
  }
}

QTEST_GUILESS_MAIN(TestRecurrent)
#include "test_recurrent.moc"
