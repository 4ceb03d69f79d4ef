// SPDX-License-Identifier: Apache-2.0
// Answers with drafts are those without, in every bit; and how many drafts are made.
#include <QtTest>
#include <cmath>
#include <map>
#include <tuple>

#include "core/pack/pack.h"
#include "core/runtime/draft_pace.h"
#include "core/runtime/lookup.h"
#include "core/runtime/runtime.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

using Tokens = std::vector<TokenId>;

const fs::path kDemo = DELTASCOPE_DEMO;
const Tokens kPrompt{8187, 433, 711, 1418, 257}, kRepeats{5, 6, 7, 8, 9, 10, 5, 6, 7, 8, 9, 10, 5, 6, 7};

}  // namespace

class TestDrafts : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void looksUp_data();
  void looksUp();
  void paysOrStops_data();
  void paysOrStops();
  void costsLittleWhereItNeverHelps();
  void changesNoBit_data();
  void changesNoBit();
  void needsFewerPasses();
  void proposesWhatABenchmarkSays();
  void draftsWithAStreamedHead();
  void draftsWithAParent();
  void keepsTheConversation();
  void endsInsideADraft_data();
  void endsInsideADraft();
  void fillsTheContextInsideADraft();
  void stopsInsideARound();
  void countsItsRoom();
  void refusesWhatCannotDraft();

 private:
  struct Loaded {
    std::shared_ptr<Model> model;
    std::unique_ptr<Session> session;
  };
  [[nodiscard]] Result<Loaded> load(std::optional<Placement> placement, std::uint32_t draftTokens = kMostDrafts,
                                    std::uint32_t context = 128, const char* name = "packed") const {
    LoadRequest request;
    request.path = fs::path(m_scratch.path().toStdString()) / name;
    request.placement = placement;
    request.context = context;
    request.threads = 2;
    request.draftTokens = draftTokens;
    Loaded loaded;
    DELTASCOPE_ASSIGN(loaded.model, Model::load(request, {}));
    DELTASCOPE_ASSIGN(loaded.session, Session::create(loaded.model));
    return loaded;
  }
  static GenerateRequest asking(const Tokens& prompt, std::uint32_t tokens, DraftRequest draft = {}) {
    GenerateRequest request;
    request.prompt = prompt;
    request.maxNewTokens = tokens;
    request.ignoreEnd = true;
    request.draft = draft;
    return request;
  }
  static void compareAnswers(const Generation& a, const Generation& b) {
    QCOMPARE(a.ids, b.ids);
    QCOMPARE(a.text, b.text);
    QCOMPARE(a.logitsHash, b.logitsHash);
    QCOMPARE(a.stopReason, b.stopReason);
  }
  QTemporaryDir m_scratch;
};

void TestDrafts::initTestCase() {
  for (const char* name : {"packed", "linear"}) {
    PackRequest request;
    request.final = kDemo / "chat";
    request.quantize = QuantFormat::Nf4;
    request.scope = std::string_view(name) == "linear" ? PackScope::Linear : PackScope::All;
    request.out = fs::path(m_scratch.path().toStdString()) / name;
    const auto result = pack(request, {});
    QVERIFY2(result, result ? "" : describe(result.error()).c_str());
  }
}

void TestDrafts::looksUp_data() {
  QTest::addColumn<Tokens>("seen");
  QTest::addColumn<int>("least");
  QTest::addColumn<int>("most");
  QTest::addColumn<int>("matched");
  QTest::addColumn<Tokens>("drafts");
  QTest::newRow("what followed") << Tokens{1, 2, 3, 4, 5, 1, 2, 3} << 2 << 4 << 3 << Tokens{4, 5, 1, 2};
  QTest::newRow("no more than asked for") << Tokens{1, 2, 3, 4, 5, 1, 2, 3} << 2 << 1 << 3 << Tokens{4};
  QTest::newRow("the longest match, though older") << Tokens{9, 1, 2, 7, 8, 5, 2, 6, 9, 1, 2} << 1 << 2 << 3 << Tokens{7, 8};
  QTest::newRow("of equal ones the latest") << Tokens{1, 2, 7, 1, 2, 8, 1, 2} << 2 << 1 << 2 << Tokens{8};
  QTest::newRow("over itself") << Tokens{4, 4, 4, 4} << 2 << 3 << 3 << Tokens{4};
  QTest::newRow("too short") << Tokens{1, 2, 3, 2} << 2 << 3 << 0 << Tokens{};
  QTest::newRow("nothing alike") << Tokens{1, 2, 3} << 1 << 3 << 0 << Tokens{};
  QTest::newRow("one token") << Tokens{1} << 1 << 3 << 0 << Tokens{};
  QTest::newRow("empty") << Tokens{} << 1 << 3 << 0 << Tokens{};
}

void TestDrafts::looksUp() {
  QFETCH(Tokens, seen);
  QFETCH(int, least);
  QFETCH(int, most);
  QFETCH(int, matched);
  QFETCH(Tokens, drafts);
  Tokens found;
  QCOMPARE(lookUp(seen, std::size_t(least), std::size_t(most), found), std::size_t(matched));
  QCOMPARE(found, drafts);
}

void TestDrafts::paysOrStops_data() {
  QTest::addColumn<double>("acceptance");
  QTest::addColumn<double>("aToken");  // of a pass of one, what each more costs
  QTest::addColumn<double>("aDraft");
  QTest::addColumn<int>("least");
  QTest::addColumn<int>("most");
  QTest::newRow("streamed weights, good drafts") << 0.95 << 0.01 << 0.02 << 12 << 16;
  QTest::newRow("the same, drafts of middling worth") << 0.6 << 0.01 << 0.02 << 4 << 9;
  QTest::newRow("costly drafts") << 0.6 << 0.1 << 0.3 << 1 << 2;
  QTest::newRow("drafts that are wrong") << 0.05 << 0.1 << 0.3 << 0 << 0;
  QTest::newRow("passes that cost as much as their tokens") << 0.8 << 1.0 << 0.3 << 0 << 0;
}

void TestDrafts::paysOrStops() {
  QFETCH(double, acceptance);
  QFETCH(double, aToken);
  QFETCH(double, aDraft);
  QFETCH(int, least);
  QFETCH(int, most);
  PassCosts costs;
  QVERIFY(!costs.known());
  for (int i = 0; i < 50; ++i)
    for (std::uint32_t tokens : {1u, 3u, 9u, 17u}) costs.add(tokens, 1 + aToken * (tokens - 1));
  QVERIFY(costs.known());
  QVERIFY(std::abs(costs.of(5) - (1 + 4 * aToken)) < 1e-9);
  DraftPace pace;
  QVERIFY2(pace.best(costs, kMostDrafts).drafts <= kProbeDrafts, "what a draft costs is not known yet");
  double sum = 0;
  for (int i = 0; i < 400; ++i) {
    sum += acceptance;
    const bool right = sum >= 1;
    sum -= right;
    pace.judged(1, right);
    pace.took(1, aDraft);
  }
  const auto best = pace.best(costs, kMostDrafts);
  QVERIFY2(int(best.drafts) >= least && int(best.drafts) <= most, qPrintable(QString::number(best.drafts)));
  QCOMPARE(best.gain > 1, best.drafts > 0);
}

/// Tries at drafts nobody wants become rare: of 4,000 rounds with two drafts each that are all wrong, at twice a pass' cost.
void TestDrafts::costsLittleWhereItNeverHelps() {
  DraftProbe probe;
  int tries = 0;
  for (int i = 0; i < 4000; ++i) tries += probe.due();
  QVERIFY2(tries > 3 && tries < 0.015 * 4000, qPrintable(QString::number(tries)));
  probe.paid();
  int wait = 1;
  while (!probe.due()) ++wait;
  QVERIFY(wait <= 16);
}

void TestDrafts::changesNoBit_data() {
  QTest::addColumn<Placement>("placement");
  QTest::addColumn<DraftSource>("source");
  QTest::addColumn<int>("tokens");
  QTest::addColumn<float>("temperature");
  QTest::addColumn<float>("topP");
  QTest::addColumn<float>("penalty");
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream})
    for (const auto source : {DraftSource::Auto, DraftSource::Base, DraftSource::Lookup})
      for (const int tokens : {0, 1, 3, 7, 16})
        for (const auto& [temperature, topP, penalty] :
             {std::array{0.0f, 1.0f, 1.0f}, {0.8f, 1.0f, 1.0f}, {1.3f, 0.9f, 1.1f}}) {
          if (placement == Placement::Static && source == DraftSource::Base) continue;
          QTest::newRow(qPrintable(QString("%1 %2 %3 %4")
                                       .arg(QLatin1String(nameOf(placement).data()), QLatin1String(nameOf(source).data()))
                                       .arg(tokens)
                                       .arg(double(temperature))))
              << placement << source << tokens << temperature << topP << penalty;
        }
}

void TestDrafts::changesNoBit() {
  QFETCH(Placement, placement);
  QFETCH(DraftSource, source);
  QFETCH(int, tokens);
  QFETCH(float, temperature);
  QFETCH(float, topP);
  QFETCH(float, penalty);
  static std::map<Placement, Loaded> models;
  if (!models.contains(placement)) {
    auto loaded = load(placement);
    QVERIFY2(loaded, loaded ? "" : describe(loaded.error()).c_str());
    models.emplace(placement, std::move(*loaded));
  }
  Session& session = *models.at(placement).session;
  for (const Tokens& prompt : {kPrompt, kRepeats}) {
    GenerateRequest request = asking(prompt, 18);
    request.sampling = {temperature, 0, topP, 0, penalty, 7};
    static std::map<std::tuple<Placement, float, Tokens>, Generation> answers;  // without drafts
    const auto [without, asked] = answers.try_emplace({placement, temperature, prompt});
    if (asked) {
      session.clear();
      auto plain = session.generate(request, {});
      QVERIFY2(plain, plain ? "" : describe(plain.error()).c_str());
      without->second = std::move(*plain);
      QCOMPARE(without->second.drafted, 0u);
      QCOMPARE(without->second.exactPasses, 17u);
    }
    request.draft = {source, std::uint32_t(tokens)};
    session.clear();
    std::uint32_t shown = 0;
    request.onToken = [&](const TokenEvent& event) { shown += event.drafted; };
    const auto with = session.generate(request, {});
    QVERIFY2(with, with ? "" : describe(with.error()).c_str());
    compareAnswers(*with, without->second);
    QCOMPARE(shown, with->accepted);
    QCOMPARE(with->exactPasses + with->accepted, 17u);
    QVERIFY(with->accepted <= with->drafted);
    if (source == DraftSource::Base && tokens > 0) QVERIFY(with->drafted > 0);
  }
}

/// The base is right about most of what the exact model says, so a pass gives several tokens.
void TestDrafts::needsFewerPasses() {
  const auto loaded = load(Placement::Jit);
  QVERIFY(loaded);
  const auto answer = loaded->session->generate(asking(kPrompt, 100, {DraftSource::Base, 4}), {});
  QVERIFY(answer);
  QVERIFY2(answer->exactPasses < 50, qPrintable(QString::number(answer->exactPasses)));
  QVERIFY(answer->draftSeconds > 0 && answer->draftSeconds < answer->decodeSeconds);
}

/// What stands in for drafts is judged as drafts are: it changes how many passes there are, and no bit.
void TestDrafts::proposesWhatABenchmarkSays() {
  const auto loaded = load(Placement::Jit);
  QVERIFY(loaded);
  const auto without = loaded->session->generate(asking(kPrompt, 41), {});
  QVERIFY(without && without->rejected == 0 && without->verifySeconds > 0 && without->draftSeconds == 0);
  for (const bool right : {true, false}) {
    DraftRequest draft{DraftSource::Base, 4};
    draft.instead = [&](std::size_t place, TokenId) { return without->ids[place] ^ (right ? 0u : 1u); };
    loaded->session->clear();
    const auto with = loaded->session->generate(asking(kPrompt, 41, draft), {});
    QVERIFY2(with, with ? "" : describe(with.error()).c_str());
    compareAnswers(*with, *without);
    QCOMPARE(with->exactPasses, right ? 8u : 40u);
    QCOMPARE(with->accepted, right ? 32u : 0u);
    QCOMPARE(with->rejected, right ? 0u : 39u);  // the last pass has no draft
    QVERIFY(with->verifySeconds > 0 && with->verifySeconds + with->draftSeconds <= with->decodeSeconds);
  }
}

/// A plain embedding that is also the head comes from the files, for the exact pass in its turn, for drafts when they need it.
void TestDrafts::draftsWithAStreamedHead() {
  const auto loaded = load(Placement::Stream, kMostDrafts, 128, "linear");
  QVERIFY(loaded);
  QVERIFY(loaded->model->plan().count(Placement::Stream) > 0);
  const auto without = loaded->session->generate(asking(kPrompt, 40), {});
  loaded->session->clear();
  const auto with = loaded->session->generate(asking(kPrompt, 40, {DraftSource::Base, 4}), {});
  QVERIFY2(with, with ? "" : describe(with.error()).c_str());
  QVERIFY(with->accepted > 10);
  compareAnswers(*with, *without);
}

/// A fine-tune's parent drafts as a base of four bits does; the models of a chat share it.
void TestDrafts::draftsWithAParent() {
  LoadRequest request;
  request.path = kDemo / "base.delta.safetensors";
  request.base = kDemo / "chat";
  request.placement = Placement::Jit;
  request.context = 128;
  request.draftTokens = kMostDrafts;
  const auto first = Model::load(request, {});
  QVERIFY2(first, first ? "" : describe(first.error()).c_str());
  const auto second = Model::load(request, {}, *first);
  QVERIFY2(second, second ? "" : describe(second.error()).c_str());
  const auto a = Session::create(*first), b = Session::create(*second);
  const auto without = (*a)->generate(asking(kPrompt, 40), {});
  QVERIFY(without);
  for (int turn = 0; turn < 2; ++turn)
    for (Session* session : {a->get(), b->get()}) {
      session->clear();
      const auto with = session->generate(asking(kPrompt, 40, {DraftSource::Base, 3}), {});
      QVERIFY2(with, with ? "" : describe(with.error()).c_str());
      QVERIFY(with->accepted > 0);
      compareAnswers(*with, *without);
    }
}

void TestDrafts::keepsTheConversation() {
  const auto a = load(Placement::Jit), b = load(Placement::Jit);
  QVERIFY(a && b);
  Tokens prompt = kRepeats;
  for (int turn = 0; turn < 3; ++turn) {
    const auto with = a->session->generate(asking(prompt, 9, {DraftSource::Lookup, 6}), {});
    const auto without = b->session->generate(asking(prompt, 9), {});
    QVERIFY(with && without);
    compareAnswers(*with, *without);
    QVERIFY(with->reusedTokens >= without->reusedTokens);
    if (turn > 0) QVERIFY(with->reusedTokens > 0);
    prompt.insert(prompt.end(), with->ids.begin(), with->ids.end());
    prompt.push_back(TokenId(20 + turn));
  }
}

void TestDrafts::endsInsideADraft_data() {
  QTest::addColumn<int>("length");
  for (int length = 1; length <= 12; ++length) QTest::newRow(qPrintable(QString::number(length))) << length;
}

/// However many tokens are asked for, and with the end token wherever it comes.
void TestDrafts::endsInsideADraft() {
  QFETCH(int, length);
  const auto loaded = load(Placement::Static);
  QVERIFY(loaded);
  for (const bool ignoreEnd : {true, false}) {
    GenerateRequest request = asking(kRepeats, std::uint32_t(length));
    request.sampling = {1.5f, 0, 1, 0, 1, 3};
    request.ignoreEnd = ignoreEnd;
    loaded->session->clear();
    const auto without = loaded->session->generate(request, {});
    request.draft = {DraftSource::Lookup, 16};
    loaded->session->clear();
    const auto with = loaded->session->generate(request, {});
    QVERIFY(with && without);
    compareAnswers(*with, *without);
  }
}

void TestDrafts::fillsTheContextInsideADraft() {
  const auto loaded = load(Placement::Static, kMostDrafts, 32);
  QVERIFY(loaded);
  const auto without = loaded->session->generate(asking(kRepeats, 100), {});
  loaded->session->clear();
  const auto with = loaded->session->generate(asking(kRepeats, 100, {DraftSource::Lookup, 16}), {});
  QVERIFY(with && without);
  QCOMPARE(without->stopReason, StopReason::Context);
  compareAnswers(*with, *without);
}

/// After a stop request at any token, what came is what would have come, and the session goes on as if nothing had been.
void TestDrafts::stopsInsideARound() {
  const auto loaded = load(Placement::Jit);
  QVERIFY(loaded);
  const auto whole = loaded->session->generate(asking(kRepeats, 30), {});
  QVERIFY(whole);
  for (const std::size_t after : {1u, 2u, 5u, 11u}) {
    loaded->session->clear();
    std::stop_source stop;
    GenerateRequest request = asking(kRepeats, 30, {DraftSource::Lookup, 8});
    std::size_t came = 0;
    request.onToken = [&](const TokenEvent&) {
      if (++came == after) stop.request_stop();
    };
    const auto cut = loaded->session->generate(request, stop.get_token());
    QVERIFY(cut);
    QCOMPARE(cut->stopReason, StopReason::Cancelled);
    QCOMPARE(cut->ids, Tokens(whole->ids.begin(), whole->ids.begin() + std::ptrdiff_t(after)));
    const auto again = loaded->session->generate(asking(kRepeats, 30), {});
    QVERIFY(again);
    compareAnswers(*again, *whole);
  }
}

/// Logits of every draft are part of the plan, and the peak stays as planned.
void TestDrafts::countsItsRoom() {
  const auto none = load(Placement::Jit, 0), some = load(Placement::Jit, 16);
  QVERIFY(none && some);
  const std::uint64_t row = std::uint64_t{some->model->config().vocabulary} * sizeof(float);
  QVERIFY(some->model->plan().activationBytes >= none->model->plan().activationBytes + 16 * row - 64);
  const auto answer = some->session->generate(asking(kRepeats, 30, {DraftSource::Auto, 16}), {});
  QVERIFY(answer);
  QVERIFY(answer->peakMemoryBytes <= some->model->plan().expectedPeak);
  const auto alone = none->session->generate(asking(kRepeats, 30, {DraftSource::Auto, 16}), {});
  QVERIFY(alone);
  QCOMPARE(alone->drafted, 0u);  // no room: none is made
  compareAnswers(*alone, *answer);
}

void TestDrafts::refusesWhatCannotDraft() {
  const auto loaded = load(Placement::Static);
  QVERIFY(loaded);
  const auto refused = loaded->session->generate(asking(kPrompt, 4, {DraftSource::Base, 2}), {});
  QVERIFY(!refused);
  QCOMPARE(refused.error().code, ErrorCode::InvalidArgument);
  QVERIFY(QString::fromStdString(refused.error().message).contains("no base in memory"));
}

QTEST_GUILESS_MAIN(TestDrafts)
#include "test_drafts.moc"
