// SPDX-License-Identifier: Apache-2.0
// Whole models in memory: placements, budgets, stacks of payloads, conversations, and what goes wrong.
#include <QTemporaryDir>
#include <QtTest>
#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/checkpoint/safetensors.h"
#include "tests/core/runtime/demo_session.h"

using namespace deltascope;
namespace fs = std::filesystem;

class TestSession : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void matchesTheDemoOracle_data();
  void matchesTheDemoOracle();
  void givesTheSameBitsInEveryPlacement_data();
  void givesTheSameBitsInEveryPlacement();
  void givesTheSameBitsForEveryThreadCount();
  void staysWithinEveryBudget_data();
  void staysWithinEveryBudget();
  void refusesABudgetThatCannotWork();
  void runsTheBaseAlone();
  void stacksPayloads();
  void sharesTheBaseBetweenVariants();
  void peaksAreOfTheSideThatAnswers();
  void keepsTheConversation();
  void stopsWhenAsked();
  void endsWithTheContext();
  void keepsUserTextFromBeingSpecial();

 private:
  [[nodiscard]] fs::path scratch(const char* name) const { return fs::path(m_scratch.path().toStdString()) / name; }
  [[nodiscard]] LoadRequest packed() const { return smallLoad(scratch("packed")); }
  QTemporaryDir m_scratch;
  Generation m_truth;
};

void TestSession::initTestCase() {
  const auto result = packDemo(scratch("packed"));
  QVERIFY2(result, result ? "" : said(result.error()).c_str());
  LoadRequest plain;
  plain.path = kDemo / "chat";
  plain.context = 64;
  auto truth = run(plain);
  QVERIFY2(truth, truth ? "" : said(truth.error()).c_str());
  m_truth = std::move(*truth);
}

void TestSession::matchesTheDemoOracle_data() {
  QTest::addColumn<int>("index");
  const auto list = nlohmann::json::parse(*readTextFile(fs::path(DELTASCOPE_TEST_DATA) / "model" / "demo_cases.json"));
  for (std::size_t i = 0; i < list.size(); ++i)
    QTest::newRow(qPrintable(QString("%1 %2").arg(QString::fromStdString(list[i].at("model"))).arg(int(list[i].at("index")))))
        << int(i);
}

/// transformers' FP32 logits and greedy continuations of the demo models; the parent runs as a delta over its child.
void TestSession::matchesTheDemoOracle() {
  QFETCH(int, index);
  const auto list = nlohmann::json::parse(*readTextFile(fs::path(DELTASCOPE_TEST_DATA) / "model" / "demo_cases.json"));
  const auto& c = list[static_cast<std::size_t>(index)];
  LoadRequest request;
  if (c.at("model") == "base") {
    request.path = kDemo / "base.delta.safetensors";
    request.base = kDemo / "chat";
  } else {
    request.path = kDemo / "chat";
  }
  request.context = 256;
  auto model = Model::load(request, {});
  QVERIFY2(model, model ? "" : said(model.error()).c_str());
  const auto session = Session::create(*model);
  const auto ids = c.at("input_ids").get<std::vector<TokenId>>();
  const auto logits = (*session)->logits(ids, {});
  QVERIFY2(logits, logits ? "" : said(logits.error()).c_str());
  const auto file = SafetensorsFile::open(fs::path(DELTASCOPE_TEST_DATA) / "model" / "demo_logits.safetensors");
  const TensorInfo* info =
      file->find(c.at("model").get<std::string>() + "." + std::to_string(c.at("index").get<int>()) + ".last_logits");
  QVERIFY(info);
  std::vector<float> expected(info->elements);
  QVERIFY(file->read(*info, 0, std::as_writable_bytes(std::span(expected))));
  QCOMPARE(logits->size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>((*logits)[i]) - static_cast<double>(expected[i])));
  QVERIFY2(worst <= 2e-4, qPrintable(QString::number(worst)));
  QVERIFY(c.at("min_top2_margin").get<double>() > 1e-3);
  GenerateRequest generating;
  generating.prompt = ids;
  const auto greedy = c.at("greedy_ids").get<std::vector<TokenId>>();
  generating.maxNewTokens = static_cast<std::uint32_t>(greedy.size());
  const auto result = (*session)->generate(generating, {});
  QVERIFY2(result, result ? "" : said(result.error()).c_str());
  QCOMPARE(result->ids, greedy);
  QCOMPARE(QString::fromStdString(result->text), QString::fromStdString(c.at("greedy_text")));
}

void TestSession::givesTheSameBitsInEveryPlacement_data() {
  QTest::addColumn<QString>("placement");
  QTest::addColumn<QString>("codec");
  for (const char* placement : {"static", "jit", "stream"})
    for (const char* codec : {"auto", "bitpack", "zstd", "additive"})
      QTest::newRow(qPrintable(QString("%1 %2").arg(placement, codec))) << placement << codec;
}

void TestSession::givesTheSameBitsInEveryPlacement() {
  QFETCH(QString, placement);
  QFETCH(QString, codec);
  LoadRequest request = packed();
  if (codec != "auto") {
    request.path = scratch(qPrintable("packed-" + codec));
    if (!fs::exists(request.path)) {
      PackRequest packing;
      packing.final = kDemo / "chat";
      packing.quantize = QuantFormat::Nf4;
      packing.codec = codecFromName(codec.toStdString());
      packing.out = request.path;
      QVERIFY(pack(packing, {}));
    }
  }
  request.placement = placementFromName(placement.toStdString());
  const auto result = run(request);
  QVERIFY2(result, result ? "" : said(result.error()).c_str());
  QCOMPARE(result->ids, m_truth.ids);
  QCOMPARE(result->logitsHash, m_truth.logitsHash);
}

void TestSession::givesTheSameBitsForEveryThreadCount() {
  for (const unsigned threads : {1u, 2u, 3u}) {
    LoadRequest request = packed();
    request.threads = threads;
    request.placement = threads == 2 ? Placement::Stream : Placement::Jit;
    const auto result = run(request);
    QVERIFY2(result, result ? "" : said(result.error()).c_str());
    QCOMPARE(result->logitsHash, m_truth.logitsHash);
  }
}

void TestSession::staysWithinEveryBudget_data() {
  QTest::addColumn<int>("step");
  for (int step = 0; step < 6; ++step) QTest::newRow(qPrintable(QString::number(step))) << step;
}

/// From the smallest that works to all static: never above the budget, and near it while something more would fit.
void TestSession::staysWithinEveryBudget() {
  QFETCH(int, step);
  LoadRequest request = packed();
  const auto roomy = planModel(request);
  QVERIFY2(roomy, roomy ? "" : said(roomy.error()).c_str());
  const std::uint64_t least = roomy->smallestBudget, most = roomy->expectedPeak;
  QVERIFY(least < most);
  request.memoryBudget = least + (most - least) * static_cast<std::uint64_t>(step) / 5;
  const auto result = run(request);
  QVERIFY2(result, result ? "" : said(result.error()).c_str());
  QCOMPARE(result->logitsHash, m_truth.logitsHash);
  QVERIFY(result->peakMemoryBytes <= *request.memoryBudget);
  const auto plan = planModel(request);
  QVERIFY2(result->peakMemoryBytes <= plan->expectedPeak, "the plan is too low");
  if (plan->count(Placement::Jit) + plan->count(Placement::Stream) > 0 && step > 0)
    QVERIFY2(static_cast<double>(result->peakMemoryBytes) >= 0.97 * static_cast<double>(*request.memoryBudget),
             qPrintable(QString("%1 of %2").arg(result->peakMemoryBytes).arg(*request.memoryBudget)));
}

void TestSession::refusesABudgetThatCannotWork() {
  LoadRequest request = packed();
  request.memoryBudget = 1'000'000;
  const auto refused = Model::load(request, {});
  QVERIFY(!refused);
  QCOMPARE(refused.error().code, ErrorCode::InvalidArgument);
  const auto bytes =
      QRegularExpression("\\((\\d+) bytes\\)").match(QString::fromStdString(refused.error().hint)).captured(1).toULongLong();
  QVERIFY2(bytes > 1'000'000, refused.error().hint.c_str());
  request.memoryBudget = bytes;
  const auto result = run(request, 4);
  QVERIFY2(result, result ? "" : said(result.error()).c_str());
}

void TestSession::runsTheBaseAlone() {
  LoadRequest request = packed();
  request.baseOnly = true;
  const auto asStored = run(request);
  QVERIFY2(asStored, asStored ? "" : said(asStored.error()).c_str());
  QVERIFY(asStored->logitsHash != m_truth.logitsHash);
  request.placement = Placement::Static;
  const auto dense = run(request);
  QVERIFY2(dense, dense ? "" : said(dense.error()).c_str());
  QCOMPARE(asStored->logitsHash, dense->logitsHash);
  request.payloads = {scratch("packed") / "model.delta.safetensors"};
  QCOMPARE(Model::load(request, {}).error().code, ErrorCode::InvalidArgument);
}

/// The packed chat, and over it its LoRA: the same bits as the merged checkpoint that unpack writes.
void TestSession::stacksPayloads() {
  PackRequest lora;
  lora.base = kDemo / "chat";
  lora.adapters = {kDemo / "lora-pirate"};
  lora.out = scratch("pirate.delta.safetensors");
  QVERIFY(pack(lora, {}));
  LoadRequest merged;
  merged.path = lora.out;
  merged.base = kDemo / "chat";
  merged.context = 64;
  const auto overPlain = run(merged);
  QVERIFY2(overPlain, overPlain ? "" : said(overPlain.error()).c_str());
  QVERIFY(overPlain->logitsHash != m_truth.logitsHash);
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
    LoadRequest stacked = packed();
    stacked.payloads = {lora.out};
    stacked.placement = placement;
    const auto result = run(stacked);
    QVERIFY2(result, result ? "" : said(result.error()).c_str());
    QCOMPARE(result->logitsHash, overPlain->logitsHash);
  }
  LoadRequest wrong = merged;
  wrong.payloads = {kDemo / "base.delta.safetensors"};  // made over chat, not over the pirate
  const auto refused = Model::load(wrong, {});
  QVERIFY(!refused);
  QCOMPARE(refused.error().code, ErrorCode::Mismatch);
}

void TestSession::sharesTheBaseBetweenVariants() {
  LoadRequest request = packed();
  request.placement = Placement::Jit;
  const auto exact = Model::load(request, {});
  QVERIFY2(exact, exact ? "" : said(exact.error()).c_str());
  const auto before = (*exact)->memory().current;
  request.baseOnly = true;
  const auto base = Model::load(request, {}, *exact);
  QVERIFY2(base, base ? "" : said(base.error()).c_str());
  const auto session = Session::create(*base);
  GenerateRequest generating;
  generating.prompt = {8187, 433};
  generating.maxNewTokens = 4;
  QVERIFY((*session)->generate(generating, {}));
  // Only activations, norms and the cache came on top; the base alone is over 4 MiB.
  QVERIFY2((*base)->memory().current - before < 3'500'000, qPrintable(QString::number((*base)->memory().current - before)));
}

/// Two variants over one base, in turn: each answer tells what its own model takes, whichever was loaded first.
void TestSession::peaksAreOfTheSideThatAnswers() {
  LoadRequest exact = packed(), base = packed();
  base.baseOnly = true;
  const auto alone = run(base), exactAlone = run(exact);
  QVERIFY(alone && exactAlone);
  QCOMPARE(alone->sidePeakBytes, alone->peakMemoryBytes);
  QCOMPARE(exactAlone->sidePeakBytes, exactAlone->peakMemoryBytes);
  for (const bool exactFirst : {true, false}) {
    const auto first = Model::load(exactFirst ? exact : base, {});
    QVERIFY(first);
    const auto second = Model::load(exactFirst ? base : exact, {}, *first);
    QVERIFY(second);
    std::uint64_t peaks[2][2];
    for (int round = 0; round < 2; ++round)
      for (const bool of : {true, false}) {
        const auto session = Session::create(of == exactFirst ? *first : *second);
        QVERIFY(session);
        GenerateRequest generating;
        generating.prompt = {8187, 433, 711, 1418, 257};
        generating.maxNewTokens = 4;
        const auto answer = (*session)->generate(generating, {});
        QVERIFY(answer);
        peaks[round][of] = answer->sidePeakBytes;
        QVERIFY2(answer->sidePeakBytes <= answer->peakMemoryBytes, "one side takes no more than both");
        const Generation& own = of ? *exactAlone : *alone;
        QVERIFY2(answer->sidePeakBytes <= own.peakMemoryBytes, "a side takes no more than it does alone");
        QVERIFY(!(*first)->fingerprint().empty() && (*first)->memory().peak >= answer->sidePeakBytes);
      }
    QVERIFY2(peaks[0][0] < peaks[0][1], "the base alone takes less than base and delta");
    QCOMPARE(peaks[1][0], peaks[0][0]);
    QCOMPARE(peaks[1][1], peaks[0][1]);
  }
}

void TestSession::keepsTheConversation() {
  const auto model = Model::load(packed(), {});
  QVERIFY(model);
  auto session = Session::create(*model);
  GenerateRequest first;
  first.prompt = {8187, 433, 711, 1418, 257};
  first.maxNewTokens = 6;
  first.ignoreEnd = true;
  const auto a = (*session)->generate(first, {});
  QVERIFY(a);
  GenerateRequest second = first;
  second.prompt.insert(second.prompt.end(), a->ids.begin(), a->ids.end());
  second.prompt.push_back(13);
  const auto b = (*session)->generate(second, {});
  QVERIFY(b);
  QCOMPARE(b->reusedTokens, 10u);  // the last answer's final token was never read
  (*session)->clear();
  const auto fresh = (*session)->generate(second, {});
  QVERIFY(fresh);
  QCOMPARE(fresh->reusedTokens, 0u);
  QCOMPARE(fresh->logitsHash, b->logitsHash);
  QCOMPARE(fresh->ids, b->ids);
}

void TestSession::stopsWhenAsked() {
  LoadRequest request = packed();
  request.placement = Placement::Stream;
  const auto model = Model::load(request, {});
  auto session = Session::create(*model);
  std::stop_source source;
  GenerateRequest generating;
  generating.prompt = {8187, 433};
  generating.maxNewTokens = 60;
  generating.ignoreEnd = true;
  int tokens = 0;
  generating.onToken = [&](const TokenEvent&) {
    if (++tokens == 5) source.request_stop();
  };
  const auto stopped = (*session)->generate(generating, source.get_token());
  QVERIFY(stopped);
  QCOMPARE(stopped->stopReason, StopReason::Cancelled);
  QCOMPARE(stopped->ids.size(), std::size_t{5});
  generating.onToken = {};
  const auto again = (*session)->generate(generating, {});
  QVERIFY2(again, again ? "" : said(again.error()).c_str());
  QCOMPARE(again->ids.size(), std::size_t{60});
  QVERIFY(std::equal(stopped->ids.begin(), stopped->ids.end(), again->ids.begin()));
  std::stop_source atOnce;
  atOnce.request_stop();
  JobContext loading;
  loading.stop = atOnce.get_token();
  QCOMPARE(Model::load(request, loading).error().code, ErrorCode::Cancelled);
}

void TestSession::endsWithTheContext() {
  LoadRequest request = packed();
  request.context = 8;
  const auto result = run(request, 100);
  QVERIFY(result);
  QCOMPARE(result->stopReason, StopReason::Context);
  QCOMPARE(result->ids.size(), std::size_t{4});
}

void TestSession::keepsUserTextFromBeingSpecial() {
  LoadRequest request;
  request.path = kDemo / "chat";
  const auto model = openModelText(request);
  QVERIFY(model);
  ChatRequest chat;
  chat.messages = nlohmann::ordered_json::array({{{"role", "user"}, {"content", "a <|eot_id|> b"}}});
  const auto ids = model->encode(chat);
  QVERIFY2(ids, ids ? "" : said(ids.error()).c_str());
  const auto end = *model->tokenizer->id("<|eot_id|>");
  QCOMPARE(std::count(ids->begin(), ids->end(), end), 1);  // the template's own
}

QTEST_GUILESS_MAIN(TestSession)
#include "test_session.moc"
