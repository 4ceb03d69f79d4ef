// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>
#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QScrollArea>
#include <QTableView>

#include "core/bench/record.h"
#include "tests/ui/frame_fixture.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/pack/pack_page.h"
#include "ui/payload/tensor_view.h"
#include "ui/start/demo.h"

using namespace deltascope;
using namespace deltascope::ui;

/// The window over the real engine and the real demo model.
#ifdef __SANITIZE_THREAD__
constexpr qint64 kMinute = 600'000;  // everything takes ten times as long, and more
#else
constexpr qint64 kMinute = 60'000;
#endif

class TestDemo : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { (void)Frame::look(); }
  void init() { beStrict(); }
  void findsTheDemoFromThePrograms_data();
  void findsTheDemoFromThePrograms();
  void saysWhenThereIsNoDemo();
  void packsTheDemoOnceAndOpensIt();
  void factsNameTheDemosTokenizer();
  void verifiesAndUnpacksTheDemo();
  void estimatesAndPacksByTheForm();
  void benchmarksTheDemoInUnderAMinute();
  void cancelLeavesNothingBehind();

 private:
  static void useRealEngine(Frame& frame) {
    frame.engine = realEngine();
    frame.demo.source = DELTASCOPE_DEMO;
  }
};

void TestDemo::findsTheDemoFromThePrograms_data() {
  QTest::addColumn<QString>("program");
  QTest::addColumn<QString>("demo");
  QTest::newRow("installed") << "usr/bin"
                             << "usr/share/deltascope/demo";
  QTest::newRow("build folder in the tree") << "tree/build/release/app/window"
                                            << "tree/resources/demo";
  QTest::newRow("nowhere") << "elsewhere/bin"
                           << "";
}

void TestDemo::findsTheDemoFromThePrograms() {
  QFETCH(QString, program);
  QFETCH(QString, demo);
  QTemporaryDir scratch;
  const QDir root(scratch.path());
  root.mkpath(program);
  if (!demo.isEmpty()) {
    root.mkpath(demo + "/chat");
    QFile file(root.filePath(demo + "/chat/config.json"));
    QVERIFY(file.open(QIODevice::WriteOnly));
  }
  QCOMPARE(findDemo(root.filePath(program)), demo.isEmpty() ? QString() : root.filePath(demo));
  QCOMPARE(findDemo(QCoreApplication::applicationDirPath()), QString(DELTASCOPE_DEMO));
}

void TestDemo::saysWhenThereIsNoDemo() {
  Frame frame;
  frame.demo = {};
  frame.open();
  QVERIFY(!frame.find("startTryDemo")->isEnabled());
  QVERIFY(!frame.find<QAction>("actionDemo")->isEnabled());
  QVERIFY(frame.find<QLabel>("demoText")->text().contains("not found"));
}

void TestDemo::packsTheDemoOnceAndOpensIt() {
  Frame frame;
  useRealEngine(frame);
  std::atomic<int> packs{0};
  frame.engine.pack = [&packs](const PackRequest& request, const JobContext& job) {
    ++packs;
    return pack(request, job);
  };
  MainWindow& window = frame.open();
  frame.find<QAbstractButton>("startTryDemo")->click();
  QVERIFY(frame.find<QProgressBar>("demoProgress")->isVisible());
  QVERIFY(!frame.find("startTryDemo")->isEnabled());
  frame.trigger("actionDemo");  // not twice
  QTRY_VERIFY_WITH_TIMEOUT(window.session().model(), 2 * kMinute);
  QCOMPARE(window.currentPage(), QString("payload"));
  QCOMPARE(window.windowTitle(), QString("Deltascope – chat-nf4 (NF4 + delta)"));
  QCOMPARE(window.session().model()->totals.tensors, std::uint64_t{74});
  QVERIFY(isPacked(frame.demo.packed));
  QVERIFY(frame.find("demoProgress")->isHidden());
  frame.trigger("actionCloseModel");
  frame.trigger("actionDemo");
  QTRY_VERIFY(window.session().model());
  QCOMPARE(packs.load(), 1);
}

void TestDemo::factsNameTheDemosTokenizer() {
  Frame frame;
  useRealEngine(frame);
  MainWindow& window = frame.open();
  frame.trigger("actionDemo");
  QTRY_VERIFY_WITH_TIMEOUT(window.session().model(), 2 * kMinute);
  frame.find<TensorView>("tensorTable")->selectTensors({0});
  const auto fact = [&frame] {
    for (const auto* label : frame.find<QScrollArea>("facts")->findChildren<QLabel*>())
      if (label->accessibleName() == QString::fromUtf8("Model\u2019s tokenizer")) return label->text();
    return QString();
  };
  const auto kind = frame.engine.tokenizer(frame.demo.packed.toStdString(), {});
  QVERIFY(kind);
  QTRY_COMPARE(fact(), QString::fromStdString(kind->className) +
                           (kind->fileStages ? ", with the stages of tokenizer.json" : ", with the stages of its class"));
}

void TestDemo::verifiesAndUnpacksTheDemo() {
  Frame frame;
  useRealEngine(frame);
  MainWindow& window = frame.open();
  frame.trigger("actionDemo");
  QTRY_VERIFY_WITH_TIMEOUT(window.session().model(), 2 * kMinute);
  std::size_t verdicts = 0;
  connect(&window.session(), &ModelSession::verdictsArrived, this,
          [&](const std::vector<Verdict>& batch) { verdicts += batch.size(); });
  frame.trigger("actionVerify");
  QTRY_COMPARE_WITH_TIMEOUT(frame.find<QLabel>("statusVerdict")->text(), QString("✓ bit-exact: 74 of 74 tensors"), 120000);
  QCOMPARE(verdicts, std::size_t{74});
  frame.dialogs.folder = frame.model("unpacked");
  frame.trigger("actionUnpack");
  QTRY_VERIFY_WITH_TIMEOUT(window.jobs().idle(), 120000);
  for (const char* shard :
       {"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"}) {
    QFile before(QString(DELTASCOPE_DEMO) + "/chat/" + shard), after(frame.dialogs.folder + "/" + shard);
    QVERIFY(before.open(QIODevice::ReadOnly));
    QVERIFY2(after.open(QIODevice::ReadOnly), shard);
    QCOMPARE(after.size(), before.size());
  }
}

void TestDemo::estimatesAndPacksByTheForm() {
  Frame frame;
  useRealEngine(frame);
  MainWindow& window = frame.open();
  window.showPage("pack");
  PackForm form;
  form.final = QString(DELTASCOPE_DEMO) + "/chat";
  form.scope = PackScope::All;
  form.doubleQuant = true;
  form.out = frame.scratch.filePath("packed");
  window.findChild<PackPage*>()->setForm(form);
  auto* table = frame.find<QTableView>("estimateTable");
  QTRY_VERIFY_WITH_TIMEOUT(table->isVisible() && table->model()->rowCount() > 0, 2 * kMinute);
  QVERIFY(frame.find<QLabel>("estimateSummary")->text().startsWith("16.01 MiB → "));
  QVERIFY(frame.find<QLabel>("estimateSummary")->text().endsWith("% smaller than the final"));
  frame.trigger("actionPack");
  QTRY_VERIFY_WITH_TIMEOUT(window.jobs().idle(), 120000);
  QVERIFY(isPacked(form.out));
  QVERIFY(!frame.find("packStart")->isEnabled());  // it is there now
  frame.find<QAbstractButton>("messageAction")->click();
  QTRY_COMPARE(window.session().path(), form.out);
  const double bits = window.session().model()->totals.totalBitsPerWeight();
  QVERIFY2(bits > 10 && bits < 11.2, qPrintable(QString::number(bits)));
}

void TestDemo::benchmarksTheDemoInUnderAMinute() {
  Frame frame;
  useRealEngine(frame);
  MainWindow& window = frame.open();
  QElapsedTimer timer;
  timer.start();
  frame.find<QAbstractButton>("startBenchmarkDemo")->click();
  auto* page = window.findChild<BenchmarkPage*>();
  QTRY_VERIFY_WITH_TIMEOUT(page->shownRun().has_value(), kMinute);
  QCOMPARE(window.currentPage(), QString("benchmark"));
  const BenchmarkRun run = *page->shownRun();
  QVERIFY(run.passed());
  const LiveRun* charts = window.findChild<LiveRun*>();
  QVERIFY(charts->charts().size() >= 2);  // memory and latency at least
  QCOMPARE(frame.find<QLabel>("liveVerdicts")->text(), QString("✓ bit-exact: %1 of %1 checks").arg(run.rows.size()));
  frame.dialogs.save = frame.scratch.filePath("report");
  frame.find<QAbstractButton>("messageAction")->click();
  QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(frame.scratch.filePath("report/index.html")), kMinute);
  QVERIFY2(timer.elapsed() < kMinute, qPrintable(QString::number(timer.elapsed())));
  // What the window shows is what the record holds, and what the command line would read.
  const QDir runs(frame.scratch.filePath("data/runs"));
  const QStringList files = runs.entryList({"*.json"});
  QCOMPARE(files.size(), 1);
  const auto recorded = readRun(runs.filePath(files.front()).toStdString());
  QVERIFY(recorded);
  QCOMPARE(QString::fromStdString(toCsv(*recorded)), QString::fromStdString(toCsv(run)));
}

void TestDemo::cancelLeavesNothingBehind() {
  Frame frame;
  useRealEngine(frame);
  MainWindow& window = frame.open();
  frame.trigger("actionDemo");
  QTRY_COMPARE_WITH_TIMEOUT(window.jobs().job(window.jobs().jobs().front())->state, JobState::Running, 20000);
  QElapsedTimer timer;
  timer.start();
  frame.trigger("jobCancel");
  QTRY_COMPARE(window.jobs().job(window.jobs().jobs().front())->state, JobState::Cancelled);
  QVERIFY2(timer.elapsed() < 2000, qPrintable(QString::number(timer.elapsed())));  // 200 ms when the machine is not shared
  QTRY_VERIFY(window.jobs().idle());
  QVERIFY(!window.session().model());
  QVERIFY(QDir(QFileInfo(frame.demo.packed).path()).isEmpty(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot));
  QVERIFY(frame.find("startTryDemo")->isEnabled());
}

QTEST_MAIN(TestDemo)
#include "test_demo.moc"
