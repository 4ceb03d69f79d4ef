// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QLineEdit>
#include <QMenu>
#include <QSignalSpy>
#include <QtTest>

#include "tests/ui/payload_bench.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestPayloadExport : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    qApp->setStyle("Fusion");
  }
  void init() { failOnAnyWarning(); }

  void theTableIsExportedAsTheCommandLinePrintsIt() {
    Bench bench;
    bench.open();
    bench.dialogs.answer = bench.folder.filePath("all");
    QSignalSpy said(bench.page.get(), &Page::messageRaised);
    bench.action("exportTable")->trigger();
    QCOMPARE(QFileInfo(bench.dialogs.suggested).fileName(), "generated-tensors.csv");
    QFile file(bench.folder.filePath("all.csv"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll(), QByteArray::fromStdString(toCsv(bench.generated.model->tensors)));
    QCOMPARE(said.size(), 1);
    QCOMPARE(bench.settings.get(setting::kExportFolder), bench.folder.path());
  }

  void onlyFilteredRowsAreExportedInTheTablesOrder() {
    Bench bench;
    bench.open();
    auto* edit = bench.find<QLineEdit>("filter");
    QTest::keyClicks(edit, "q_proj");
    QTest::keyClick(edit, Qt::Key_Return);
    bench.action("groupByLayer")->setChecked(false);
    bench.table()->sortByColumn(static_cast<int>(Column::BitsPerWeight), Qt::DescendingOrder);
    bench.dialogs.answer = bench.folder.filePath("some.csv");
    bench.action("exportTable")->trigger();
    std::vector<TensorStats> expected;
    for (const auto& t : bench.generated.model->tensors)
      if (t.name.find("q_proj") != std::string::npos) expected.push_back(t);
    std::stable_sort(expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return a.bitsPerWeight() > b.bitsPerWeight(); });
    QFile file(bench.dialogs.answer);
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll(), QByteArray::fromStdString(toCsv(expected)));
  }

  void everyChartIsExported() {
    Bench bench;
    bench.open();
    auto* menu = bench.find<QMenu>("exportMenu");
    emit menu->aboutToShow();
    QVERIFY(!bench.page->findChild<QAction*>("exportChart_histogram"));
    bench.table()->selectTensors({bench.tensor("model.layers.3.self_attn.q_proj.weight")});
    QTRY_COMPARE(bench.detail()->charts().size(), 4);
    emit menu->aboutToShow();
    for (const char* name :
         {"exportChart_histogram", "exportChart_map", "exportChart_streams", "exportChart_chunks", "exportHeatMap"})
      for (const char* suffix : {".png", ".svg", ".pdf"}) {
        bench.dialogs.answer = bench.folder.filePath(QString(name) + suffix);
        bench.action(name)->trigger();
        QVERIFY2(QFileInfo(bench.dialogs.answer).size() > 2000, name);
      }
  }

  void dismissedDialogsWriteNothing() {
    Bench bench;
    bench.open();
    QTRY_VERIFY(bench.jobs.idle());  // opening looks at the tokenizer
    QSignalSpy said(bench.page.get(), &Page::messageRaised);
    bench.action("exportTable")->trigger();
    bench.action("exportHeatMap")->trigger();
    bench.action("writeReport")->trigger();
    QCOMPARE(said.size(), 0);
    QVERIFY(bench.jobs.idle());
  }

  void aFailedExportIsTold() {
    Bench bench;
    bench.open();
    bench.dialogs.answer = bench.folder.filePath("no/such/folder.csv");
    QSignalSpy said(bench.page.get(), &Page::messageRaised);
    bench.action("exportTable")->trigger();
    QCOMPARE(said.size(), 1);
    QCOMPARE(said[0][0].value<Message>().severity, Message::Severity::Error);
  }

  void aReportIsWrittenAsAJob() {
    Bench bench;
    bench.open();
    bench.dialogs.answer = bench.folder.filePath("report");
    QSignalSpy said(bench.page.get(), &Page::messageRaised);
    bench.action("writeReport")->trigger();
    QTRY_COMPARE_WITH_TIMEOUT(said.size(), 1, 20'000);
    QVERIFY(QFileInfo::exists(bench.folder.filePath("report/index.html")));
    QCOMPARE(said[0][0].value<Message>().severity, Message::Severity::Success);
  }
};

QTEST_MAIN(TestPayloadExport)
#include "test_payload_export.moc"
