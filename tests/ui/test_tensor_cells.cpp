// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include "tests/ui/generated_model.h"
#include "tests/ui/warnings.h"
#include "ui/payload/summary.h"
#include "ui/payload/tensor_groups.h"
#include "ui/payload/tensor_model.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

TensorStats sample() {
  TensorStats t;
  t.name = "model.layers.3.self_attn.q_proj.weight";
  t.shape = {256, 256};
  t.elements = 65536;
  t.codec = CodecId::Entropy;
  t.base = BaseKind::Nf4;
  t.finalBytes = 131072;
  t.baseBytes = 36864;
  t.storedBytes = 54231;
  t.zeroDeltas = 1920;
  return t;
}

}  // namespace

class TestTensorCells : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { QLocale::setDefault(QLocale::c()); }
  void init() { failOnAnyWarning(); }

  void namesLeaveOutWhatTheirGroupSays() {
    QCOMPARE(shortName("model.layers.3.self_attn.q_proj.weight"), QString("self_attn.q_proj"));
    QCOMPARE(shortName("model.layers.3.mlp.experts.12.up_proj.weight"), QString("experts.12.up_proj"));
    QCOMPARE(shortName("model.layers.3.block_sparse_moe.experts.0.w1.weight"), QString("experts.0.w1"));
    QCOMPARE(shortName("lm_head.weight"), QString("lm_head"));
  }

  void numbersAreShortInCellsAndExactElsewhere_data() {
    QTest::addColumn<Column>("column");
    QTest::addColumn<QString>("cell");
    QTest::addColumn<QString>("exact");
    QTest::addColumn<QString>("field");
    QTest::newRow("name") << Column::Name << "model.layers.3.self_attn.q_proj.weight"
                          << "model.layers.3.self_attn.q_proj.weight"
                          << "model.layers.3.self_attn.q_proj.weight";
    QTest::newRow("shape") << Column::Shape << "256 × 256"
                           << "256 × 256"
                           << "256x256";
    QTest::newRow("type") << Column::Dtype << "BF16"
                          << "BF16"
                          << "BF16";
    QTest::newRow("elements") << Column::Elements << "65.5"
                              << "65,536 elements"
                              << "65536";
    QTest::newRow("sparsity") << Column::Sparsity << "2.93"
                              << "0.029296875: 1,920 of 65,536 deltas are zero"
                              << "0.029296875";
    QTest::newRow("codec") << Column::Codec << "entropy"
                           << "entropy: the only codec for this type and base"
                           << "entropy";
    QTest::newRow("bits") << Column::BitsPerWeight << "6.62"
                          << "6.6199951171875 bits/weight"
                          << "6.6199951171875";
    QTest::newRow("ratio") << Column::Ratio << "2.42"
                           << "2.4169202116870423: 131,072 final bytes, 54,231 stored"
                           << "2.4169202116870423";
    QTest::newRow("stored") << Column::Stored << "53.0"
                            << "54,231 bytes"
                            << "54231";
    QTest::newRow("base") << Column::Base << "36.0"
                          << "36,864 bytes"
                          << "36864";
  }
  void numbersAreShortInCellsAndExactElsewhere() {
    QFETCH(Column, column);
    const TableUnits units = unitsFor({sample()});
    QTEST(cellText(sample(), column, units), "cell");
    QTEST(exactText(sample(), column), "exact");
    QTEST(fieldText(sample(), column), "field");
  }

  void headersCarryTheUnit_data() {
    QTest::addColumn<Column>("column");
    QTest::addColumn<bool>("checkpoint");
    QTest::addColumn<QString>("text");
    QTest::newRow("name") << Column::Name << false << "Tensor";
    QTest::newRow("elements") << Column::Elements << false << "Elements, k";
    QTest::newRow("sparsity") << Column::Sparsity << false << "Sparsity, %";
    QTest::newRow("bits") << Column::BitsPerWeight << false << "Bits/weight";
    QTest::newRow("stored") << Column::Stored << false << "Stored, KiB";
    QTest::newRow("base") << Column::Base << false << "Base, KiB";
    QTest::newRow("size of a checkpoint") << Column::Stored << true << "Size, KiB";
  }
  void headersCarryTheUnit() {
    QFETCH(Column, column);
    QFETCH(bool, checkpoint);
    QTEST(headerText(column, unitsFor({sample()}), checkpoint), "text");
  }

  void emptyTensorsHaveNoRatio() {
    TensorStats t;
    t.elements = 0;
    QCOMPARE(cellText(t, Column::Ratio, {}), "∞");
    QCOMPARE(cellText(t, Column::Sparsity, {}), "100");
    QCOMPARE(cellText(t, Column::BitsPerWeight, {}), "0");
  }

  void verdictsAreAShapeAndWords() {
    TensorVerdict v;
    QCOMPARE(verdictCell(v), "– not verified");
    v.state = VerdictState::Verifying;
    QCOMPARE(verdictCell(v), "⟳ verifying");
    v = {VerdictState::Exact, verdictOf(sample(), 0)};
    QCOMPARE(verdictCell(v), "✓ bit-exact");
    QCOMPARE(verdictToolTip(v), "bit-exact: 65,536 of 65,536");
    v = {VerdictState::Different, verdictOf(sample(), 1200)};
    QCOMPARE(verdictCell(v), "✕ 1,200 differ");
    QCOMPARE(verdictToolTip(v), "1,200 differ, first at 17");
    v.verdict = {};
    v.verdict.problem = "checksum of chunk 3";
    QCOMPARE(verdictCell(v), "✕ failed");
    QCOMPARE(verdictToolTip(v), "not bit-exact: checksum of chunk 3");
  }

  void summariesCountWhatTheyShould() {
    const auto model = generatedModel(2);
    const QString text = summaryText(*model);
    const auto& t = model->totals;
    QVERIFY2(text.startsWith(countText(t.elements) + " weights · base "), qPrintable(text));
    QVERIFY(text.contains(QString(" = %1 bits/weight").arg(QString::number(t.totalBitsPerWeight(), 'f', 2))));
    QVERIFY(text.endsWith("smaller than BF16"));
    for (auto& tensor : model->tensors) tensor.base = BaseKind::Same;
    QVERIFY2(summaryText(*model).endsWith("smaller than BF16, the base not counted"), qPrintable(summaryText(*model)));
    const auto plain = generatedModel(2, ModelFiles::Kind::Checkpoint);
    QVERIFY2(summaryText(*plain).endsWith("a plain checkpoint, no delta"), qPrintable(summaryText(*plain)));
  }
};

QTEST_MAIN(TestTensorCells)
#include "test_tensor_cells.moc"
