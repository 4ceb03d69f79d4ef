// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QLineEdit>
#include <QSignalSpy>
#include <QtTest>

#include "tests/ui/generated_model.h"
#include "tests/ui/warnings.h"
#include "ui/frame/theme.h"
#include "ui/payload/bar_delegate.h"
#include "ui/payload/filter_bar.h"
#include "ui/payload/summary.h"
#include "ui/payload/tensor_filter.h"
#include "ui/payload/tensor_model.h"
#include "ui/payload/tensor_view.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestTensorTable : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    qApp->setStyle("Fusion");
  }
  void init() { failOnAnyWarning(); }

  void theModelKeepsItsPromises_data() {
    QTest::addColumn<bool>("grouped");
    QTest::newRow("tree") << true;
    QTest::newRow("list") << false;
  }
  void theModelKeepsItsPromises() {
    QFETCH(bool, grouped);
    TensorModel model;
    TensorFilter filter(&model);
    const QAbstractItemModelTester source(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    const QAbstractItemModelTester proxy(&filter, QAbstractItemModelTester::FailureReportingMode::QtTest);
    const auto data = generatedModel(4);
    model.setTensors(data->tensors, false);
    model.setGrouped(grouped);
    filter.sort(static_cast<int>(Column::BitsPerWeight), Qt::DescendingOrder);
    model.startVerify();
    for (const auto& t : data->tensors) model.setVerdicts({verdictOf(t, 0)});
    filter.setQuery("q_proj", false);
    filter.setQuery("^self_attn\\.[qk]", true);
    filter.setQuery("(", true);
    filter.setQuery("", false);
    model.setGrouped(!grouped);
    model.endVerify();
    model.setTensors({}, true);
    QCOMPARE(filter.rowCount(), 0);
  }

  void tensorsAreGroupedByLayerInTheOrderOfUse() {
    TensorModel model;
    model.setTensors(generatedModel(11)->tensors, false);
    QStringList labels;
    for (int row = 0; row < model.rowCount(); ++row) labels << model.index(row, 0).data().toString();
    QCOMPARE(labels.size(), 13);
    QCOMPARE(labels.front(), "Embedding");
    QCOMPARE(labels[3], "Layer 2");
    QCOMPARE(labels[11], "Layer 10");
    QCOMPARE(labels.back(), "Norm");
    const QModelIndex layer = model.index(1, 0);
    QCOMPARE(model.rowCount(layer), 9);
    QCOMPARE(model.index(0, 0, layer).data().toString(), "input_layernorm");
  }

  void aBranchSumsItsTensors() {
    TensorModel model;
    const auto data = generatedModel(2);
    model.setTensors(data->tensors, false);
    const QModelIndex layer = model.index(1, 0);
    std::uint64_t stored = 0, elements = 0;
    for (const int tensor : model.tensorsUnder(layer)) {
      stored += data->tensors[static_cast<std::size_t>(tensor)].storedBytes;
      elements += data->tensors[static_cast<std::size_t>(tensor)].elements;
    }
    const auto at = [&](Column column, int role) { return layer.siblingAtColumn(static_cast<int>(column)).data(role); };
    QCOMPARE(at(Column::Stored, kSortRole).toDouble(), double(stored));
    QCOMPARE(at(Column::BitsPerWeight, kSortRole).toDouble(), 8.0 * double(stored) / double(elements));
    QCOMPARE(at(Column::Shape, Qt::DisplayRole).toString(), "9 tensors");
    QCOMPARE(at(Column::Codec, Qt::DisplayRole).toString(), "mixed");
    QCOMPARE(at(Column::Codec, Qt::ToolTipRole).toString(), "entropy 7, raw 2");
    QCOMPARE(at(Column::Dtype, Qt::DisplayRole).toString(), "BF16");
  }

  void indexAndTensorAgree_data() { theModelKeepsItsPromises_data(); }
  void indexAndTensorAgree() {
    QFETCH(bool, grouped);
    TensorModel model;
    const auto data = generatedModel(3);
    model.setTensors(data->tensors, false);
    model.setGrouped(grouped);
    for (int i = 0; i < static_cast<int>(data->tensors.size()); ++i) {
      const QModelIndex index = model.indexOf(i);
      QVERIFY(model.checkIndex(index, QAbstractItemModel::CheckIndexOption::IndexIsValid));
      QCOMPARE(model.tensorAt(index), i);
      QCOMPARE(model.tensorNamed(QString::fromStdString(data->tensors[static_cast<std::size_t>(i)].name)), i);
    }
    QCOMPARE(model.tensorNamed("no such tensor"), -1);
    QVERIFY(!model.indexOf(-1).isValid());
    QVERIFY(!model.indexOf(10'000).isValid());
  }

  void theFilterSearchesAllColumns_data() {
    QTest::addColumn<QString>("query");
    QTest::addColumn<bool>("regex");
    QTest::addColumn<int>("shown");
    // 4 layers of 9, an embedding, a norm: 38.
    QTest::newRow("nothing") << "" << false << 38;
    QTest::newRow("blanks") << "   " << false << 38;
    QTest::newRow("name") << "q_proj" << false << 4;
    QTest::newRow("letters' case") << "Q_PROJ" << false << 4;
    QTest::newRow("codec") << "raw" << false << 9;
    QTest::newRow("shape") << "\"768 × 256\"" << false << 8;
    QTest::newRow("two words") << "proj layers.2." << false << 7;
    QTest::newRow("branch") << "\"layer 2\"" << false << 9;
    QTest::newRow("a quote that is not closed") << "\"layer 2" << false << 9;
    QTest::newRow("a phrase and a word") << "\"layer 2\" proj" << false << 7;
    QTest::newRow("verdict") << "not verified" << false << 38;
    QTest::newRow("no match") << "zzz" << false << 0;
    QTest::newRow("dot is a dot") << "q.proj" << false << 0;
    QTest::newRow("regex") << "q.proj" << true << 4;
    QTest::newRow("a cell's beginning") << "^model\\.norm" << true << 1;
    QTest::newRow("a whole cell") << "^raw$" << true << 9;
    QTest::newRow("an unusable one filters nothing") << "q_proj(" << true << 38;
  }
  void theFilterSearchesAllColumns() {
    QFETCH(QString, query);
    QFETCH(bool, regex);
    for (const bool grouped : {true, false}) {
      TensorModel model;
      model.setTensors(generatedModel(4)->tensors, false);
      model.setGrouped(grouped);
      TensorFilter filter(&model);
      filter.setQuery(query, regex);
      QTEST(filter.shownCount(), "shown");
      for (const int tensor : filter.shownTensors()) QVERIFY(filter.accepts(tensor));
    }
  }

  void anUnusableExpressionIsExplained() {
    TensorModel model;
    TensorFilter filter(&model);
    filter.setQuery("q_proj(", true);
    QCOMPARE(filter.problem(), "missing closing parenthesis (at character 8)");
    QVERIFY(!filter.isActive());
    filter.setQuery("q_proj(", false);
    QVERIFY(filter.problem().isEmpty());
  }

  void theFilterFollowsVerdicts() {
    TensorModel model;
    const auto data = generatedModel(2);
    model.setTensors(data->tensors, false);
    TensorFilter filter(&model);
    filter.setQuery("differ", false);
    QCOMPARE(filter.shownCount(), 0);
    model.setVerdicts({verdictOf(data->tensors[5], 3)});
    QCOMPARE(filter.shownTensors(), std::vector<int>{5});
  }

  void sortingUsesTheExactNumbers_data() {
    QTest::addColumn<Column>("column");
    for (const Column column :
         {Column::Elements, Column::Sparsity, Column::BitsPerWeight, Column::Ratio, Column::Stored, Column::Base})
      QTest::newRow(qPrintable(fieldName(column))) << column;
  }
  void sortingUsesTheExactNumbers() {
    QFETCH(Column, column);
    TensorModel model;
    const auto data = generatedModel(5);
    model.setTensors(data->tensors, false);
    model.setGrouped(false);
    TensorFilter filter(&model);
    filter.sort(static_cast<int>(column), Qt::DescendingOrder);
    const auto order = filter.shownTensors();
    QCOMPARE(order.size(), data->tensors.size());
    for (std::size_t i = 1; i < order.size(); ++i)
      QVERIFY(sortNumber(data->tensors[static_cast<std::size_t>(order[i - 1])], column) >=
              sortNumber(data->tensors[static_cast<std::size_t>(order[i])], column));
  }

  void namesSortAsPeopleCount() {
    TensorModel model;
    model.setTensors(generatedModel(12)->tensors, false);
    TensorFilter filter(&model);
    filter.sort(static_cast<int>(Column::Name), Qt::AscendingOrder);
    QCOMPARE(filter.index(2, 0).data().toString(), "Layer 1");
    QCOMPARE(filter.index(3, 0).data().toString(), "Layer 2");
    QCOMPARE(filter.index(12, 0).data().toString(), "Layer 11");
  }

  void verdictsFillTheColumn() {
    TensorModel model;
    const auto data = generatedModel(2);
    model.setTensors(data->tensors, false);
    QSignalSpy changed(&model, &QAbstractItemModel::dataChanged);
    model.startVerify();
    QCOMPARE(model.verdictCounts().verifying, static_cast<int>(data->tensors.size()));
    QCOMPARE(verdictSummary(model.verdictCounts()), "⟳ verifying: 0 of 20");
    std::vector<Verdict> half;
    for (std::size_t i = 0; i < 10; ++i) half.push_back(verdictOf(data->tensors[i], i == 3 ? 2 : 0));
    half.push_back({});  // a tensor that is not here
    changed.clear();
    model.setVerdicts(half);
    QVERIFY(changed.size() > 0 && changed.size() < 8);  // runs of rows, not one signal a tensor
    QCOMPARE(verdictSummary(model.verdictCounts()), "⟳ verifying: 10 of 20, 1 differ");
    const QModelIndex layer = model.index(1, static_cast<int>(Column::Verdict));
    QCOMPARE(layer.data().toString(), "✕ 1 of 9");
    model.endVerify();
    QCOMPARE(model.verdictCounts().verifying, 0);
    QCOMPARE(model.verdict(12).state, VerdictState::NotVerified);
    QCOMPARE(verdictSummary(model.verdictCounts()), "✕ 1 of 20 tensors differ");
    model.setTensors(data->tensors, false);
    QCOMPARE(verdictSummary(model.verdictCounts()), "bit-exact: not verified");
  }

  void rowsAreCopiedExactly() {
    TensorModel model;
    const auto data = generatedModel(2);
    model.setTensors(data->tensors, false);
    TensorFilter filter(&model);
    TensorView view(&model, &filter);
    view.modelChanged();
    view.setColumnWanted(Column::Base, true);
    view.setColumnWanted(Column::Verdict, false);
    view.selectTensors({2, 5});
    view.copyAction()->trigger();
    const QStringList lines = QApplication::clipboard()->text().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 3);
    QCOMPARE(lines[0], "name\tshape\tdtype\telements\tsparsity\tcodec\tbits_per_weight\tratio\tstored_bytes\tbase_bytes");
    const auto& t = data->tensors[2];
    const QStringList fields = lines[1].split('\t');
    QCOMPARE(fields[0], QString::fromStdString(t.name));
    QCOMPARE(fields[4].toDouble(), t.sparsity());
    QCOMPARE(fields[6].toDouble(), t.bitsPerWeight());
    QCOMPARE(fields[7].toDouble(), t.ratio());
    QCOMPARE(fields[8].toULongLong(), t.storedBytes);
  }

  void columnsAreChosenAndRemembered() {
    TensorModel model;
    model.setTensors(generatedModel(2)->tensors, false);
    TensorFilter filter(&model);
    TensorView view(&model, &filter);
    view.modelChanged();
    QVERIFY(!view.isColumnShown(Column::Base));
    QAction* ratio = nullptr;
    for (QAction* action : view.columnActions())
      if (action->objectName() == "column_ratio") ratio = action;
    QVERIFY(ratio && ratio->isChecked());
    ratio->trigger();
    QVERIFY(!view.isColumnShown(Column::Ratio));
    view.header()->moveSection(view.header()->visualIndex(static_cast<int>(Column::Codec)), 1);
    view.header()->resizeSection(static_cast<int>(Column::Codec), 123);
    view.sortByColumn(static_cast<int>(Column::Stored), Qt::DescendingOrder);
    const QByteArray state = view.saveColumns();

    TensorView other(&model, &filter);
    other.restoreColumns(state);
    QVERIFY(!other.isColumnShown(Column::Ratio));
    QCOMPARE(other.header()->visualIndex(static_cast<int>(Column::Codec)), 1);
    QCOMPARE(other.header()->sectionSize(static_cast<int>(Column::Codec)), 123);
    QCOMPARE(other.header()->sortIndicatorSection(), static_cast<int>(Column::Stored));
    other.resetColumns();
    QVERIFY(other.isColumnShown(Column::Ratio));
    QCOMPARE(other.header()->visualIndex(static_cast<int>(Column::Codec)), static_cast<int>(Column::Codec));
    for (const QByteArray& bad : {QByteArray(), QByteArray("x"), state.left(20), QByteArray(200, '\xff')}) {
      other.restoreColumns(bad);
      QVERIFY(other.isColumnShown(Column::Name));
    }
  }

  void aCheckpointHidesWhatItLacks() {
    TensorModel model;
    TensorFilter filter(&model);
    TensorView view(&model, &filter);
    model.setTensors(generatedModel(2, ModelFiles::Kind::Checkpoint)->tensors, true);
    view.modelChanged();
    for (int i = 0; i < kColumnCount; ++i)
      QCOMPARE(view.isColumnShown(static_cast<Column>(i)), appliesToCheckpoint(static_cast<Column>(i)));
    const QByteArray state = view.saveColumns();
    model.setTensors(generatedModel(2)->tensors, false);
    view.modelChanged();
    view.restoreColumns(state);
    QVERIFY(view.isColumnShown(Column::Sparsity));
  }

  void branchesStayAsTheyWereLeft() {
    TensorModel model;
    model.setTensors(generatedModel(4)->tensors, false);
    TensorFilter filter(&model);
    TensorView view(&model, &filter);
    view.modelChanged();
    QVERIFY(view.isExpanded(filter.index(2, 0)));
    view.collapse(filter.index(2, 0));
    filter.setQuery("q_proj", false);
    view.filterChanged();
    for (int row = 0; row < filter.rowCount(); ++row) QVERIFY(view.isExpanded(filter.index(row, 0)));
    filter.setQuery("", false);
    view.filterChanged();
    QVERIFY(!view.isExpanded(filter.index(2, 0)));
    QVERIFY(view.isExpanded(filter.index(3, 0)));
  }

  void barsAreDrawnBehindNumbers_data() {
    QTest::addColumn<bool>("dark");
    QTest::newRow("light") << false;
    QTest::newRow("dark") << true;
  }
  void barsAreDrawnBehindNumbers() {
    QFETCH(bool, dark);
    const ThemeColors& colors = dark ? darkColors() : lightColors();
    TensorModel model;
    auto tensors = generatedModel(1)->tensors;
    for (auto& t : tensors) t.zeroDeltas = t.elements / 2;
    model.setTensors(tensors, false);
    model.setGrouped(false);
    TensorFilter filter(&model);
    TensorView view(&model, &filter);
    view.setAlternatingRowColors(false);
    view.setPalette(paletteFor(colors));
    view.resize(1200, 300);
    view.modelChanged();
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    const QRect cell = view.visualRect(filter.index(2, static_cast<int>(Column::Sparsity)));
    const QImage image = view.viewport()->grab().toImage();
    const QColor in = image.pixelColor(cell.left() + 6, cell.center().y());
    const QColor out = image.pixelColor(cell.right() - 1, cell.center().y());
    QCOMPARE(out, colors.base);
    QVERIFY(in != colors.base);
    QVERIFY(contrastRatio(colors.text, in) >= 4.5);
  }

  void typingIsWaitedFor() {
    FilterBar bar;
    QSignalSpy changed(&bar, &FilterBar::queryChanged);
    QTest::keyClicks(bar.edit(), "q_proj");
    QCOMPARE(changed.size(), 0);
    QTRY_COMPARE(changed.size(), 1);
    QCOMPARE(changed[0][0].toString(), "q_proj");
    QTest::keyClicks(bar.edit(), "x");
    QTest::keyClick(bar.edit(), Qt::Key_Return);
    QCOMPARE(changed.size(), 2);
    bar.setRegex(true);
    QCOMPARE(changed.size(), 3);
    QCOMPARE(changed[2][1].toBool(), true);
  }
};

QTEST_MAIN(TestTensorTable)
#include "test_tensor_table.moc"
