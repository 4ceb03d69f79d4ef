// SPDX-License-Identifier: Apache-2.0
// Every kind of layer: the same bits however a prompt is cut, wherever the weights are, by however many threads and whoever
// proposes tokens. What the logits are is compared with transformers in test_families.
#include <QtTest>

#include "core/pack/pack.h"
#include "core/runtime/runtime.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

const fs::path kData = fs::path(DELTASCOPE_TEST_DATA) / "model";
constexpr const char* kModels[] = {"qwen3-moe",
                                   "qwen3-moe-mixed",
                                   "qwen3-moe-defaults",
                                   "mixtral-defaults",
                                   "gemma2",
                                   "gemma3-text",
                                   "gemma3-vision",
                                   "olmo2",
                                   "olmo3",
                                   "smollm3",
                                   "granite",
                                   "phi3-longrope",
                                   "qwen3_5",
                                   "qwen3_5-interval",
                                   "qwen3_5-layer-types",
                                   "qwen3_5-kernel-1",
                                   "qwen3_5-vision",
                                   "qwen2-moe-mixed",
                                   "qwen2-moe-stacked",
                                   "qwen3-moe-stacked",
                                   "mixtral-stacked",
                                   "gpt-oss",
                                   "gpt-oss-odd",
                                   "qwen3_5-moe",
                                   "qwen3_5-moe-vision",
                                   "gemma4",
                                   "gemma4-dense",
                                   "gemma4-shares-all"};

/// With what stands in it twice, for drafts from the text.
std::vector<TokenId> longPrompt() {
  std::vector<TokenId> ids;
  for (TokenId i = 0; i < 40; ++i) ids.push_back((i * i + 7 * i + 3) % 60);
  return ids;
}

template <class T>
QByteArray problemOf(const Result<T>& result) {
  return result ? QByteArray() : QByteArray::fromStdString(describe(result.error()));
}

Result<std::unique_ptr<Session>> open(const fs::path& path, unsigned threads, std::optional<Placement> placement = {}) {
  LoadRequest request;
  request.path = path;
  request.threads = threads;
  request.placement = placement;
  request.draftTokens = 4;
  DELTASCOPE_ASSIGN(auto loaded, Model::load(request, {}));
  return Session::create(std::move(loaded));
}

Result<Generation> answer(Session& session, DraftSource source = DraftSource::Off) {
  GenerateRequest request;
  request.prompt = longPrompt();
  request.maxNewTokens = 12;
  request.ignoreEnd = true;
  request.draft = {source, source == DraftSource::Off ? 0u : 4u};
  session.clear();
  return session.generate(request, {});
}

void addModels() {
  QTest::addColumn<QString>("model");
  for (const char* model : kModels) QTest::newRow(model) << QString(model);
}

}  // namespace

class TestSameBits : public QObject {
  Q_OBJECT
 private slots:
  void aPromptMayBeCutAnywhere_data() { addModels(); }
  void aPromptMayBeCutAnywhere();
  void placementsAndDraftsChangeNothing_data() { addModels(); }
  void placementsAndDraftsChangeNothing();
};

/// Tokens that are read together share experts, and are added to no other's sum.
void TestSameBits::aPromptMayBeCutAnywhere() {
  QFETCH(QString, model);
  const auto prompt = longPrompt();
  const auto whole = open(kData / model.toStdString(), 2);
  QVERIFY2(whole, problemOf(whole));
  const auto expected = (*whole)->logits(prompt, {});
  QVERIFY(expected);
  for (const unsigned threads : {1u, 3u}) {
    const auto session = open(kData / model.toStdString(), threads);
    QVERIFY(session);
    for (std::size_t end = 1; end <= prompt.size(); ++end) {  // token by token: what is in the cache is kept
      const auto logits = (*session)->logits(std::span(prompt).first(end), {});
      QVERIFY2(logits, problemOf(logits));
      if (end == prompt.size()) QVERIFY(*logits == *expected);
    }
  }
}

/// Of a streamed model, experts that nobody chose are passed over.
void TestSameBits::placementsAndDraftsChangeNothing() {
  QFETCH(QString, model);
  const QTemporaryDir folder;
  const fs::path packed = fs::path(folder.path().toStdString()) / "packed";
  PackRequest request;
  request.final = kData / model.toStdString();
  request.quantize = QuantFormat::Nf4;
  request.scope = PackScope::All;
  request.out = packed;
  const auto done = pack(request, {});
  QVERIFY2(done, problemOf(done));
  const auto exact = open(kData / model.toStdString(), 2);
  QVERIFY2(exact, problemOf(exact));
  const auto expected = answer(**exact);
  QVERIFY2(expected, problemOf(expected));
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
    const auto placed = open(packed, 1, placement);
    QVERIFY2(placed, problemOf(placed));
    const auto& plan = (*placed)->model()->plan();
    QVERIFY(placement == Placement::Static || plan.count(placement) > 0);
    for (const auto source : {DraftSource::Off, DraftSource::Base, DraftSource::Lookup}) {
      if (source == DraftSource::Base && placement == Placement::Static) continue;  // which keeps no base
      const auto generated = answer(**placed, source);
      QVERIFY2(generated, problemOf(generated));
      QCOMPARE(generated->ids, expected->ids);
      QCOMPARE(generated->logitsHash, expected->logitsHash);
      if (source == DraftSource::Base && placement == Placement::Jit) QVERIFY(generated->drafted > 0);
    }
  }
}

QTEST_GUILESS_MAIN(TestSameBits)
#include "test_same_bits.moc"
