// SPDX-License-Identifier: Apache-2.0
#include <QtTest>

#include "core/checkpoint/matrices.h"
#include "core/checkpoint/tensor.h"

using namespace deltascope;

class TestMatrices : public QObject {
  Q_OBJECT
 private slots:
  void tellsMatricesFromTheRest_data();
  void tellsMatricesFromTheRest();
  void countsRowsOfAllMatrices();
};

using Shape = std::vector<std::uint64_t>;

void TestMatrices::tellsMatricesFromTheRest_data() {
  QTest::addColumn<QString>("name");
  QTest::addColumn<Shape>("shape");
  QTest::addColumn<Shape>("matrices");  // count, rows, columns; empty: none
  const auto row = [](const char* name, Shape shape, Shape matrices) {
    QTest::addRow("%s %s", name, shapeText(shape).c_str()) << QString(name) << shape << matrices;
  };
  row("model.layers.0.mlp.up_proj.weight", {14336, 4096}, {1, 14336, 4096});
  row("x", {1, 1}, {1, 1, 1});
  row("x", {0, 4}, {1, 0, 4});
  // As checkpoints of gpt-oss, Llama 4, Qwen3.5-MoE and Granite MoE keep their experts.
  row("model.layers.0.mlp.experts.gate_up_proj", {32, 2880, 5760}, {32, 2880, 5760});
  row("language_model.model.layers.0.feed_forward.experts.down_proj", {16, 8192, 5120}, {16, 8192, 5120});
  row("model.layers.0.block_sparse_moe.input_linear.weight", {32, 1024, 1024}, {32, 1024, 1024});
  row("model.layers.0.mlp.experts.gate_up_proj", {4, 8, 6}, {4, 8, 6});
  row("model.layers.0.mlp.experts.gate_up_proj", {2, 4, 128, 96}, {8, 128, 96});
  row("model.layers.0.mlp.experts.gate_up_proj", {1, 2, 4, 128, 96}, {});
  // Without a name that says so, by their size.
  row("decoder.heads", {8, 64, 512}, {8, 64, 512});
  row("decoder.heads", {1, 64, 512}, {});
  row("decoder.heads", {8, 31, 512}, {});
  row("decoder.grouped", {2, 4, 64, 64}, {8, 64, 64});
  // Kernels of convolutions, patches and positions.
  row("backbone.layers.0.mixer.conv1d.weight", {1536, 1, 4}, {});
  row("encoder.pos_conv_embed.conv.weight_v", {1024, 64, 128}, {});
  row("vision_tower.embeddings.patch_embedding.weight", {768, 3, 32, 32}, {});
  row("model.moe.short_conv.weight", {64, 64, 64}, {});
  row("decoder.weight", {64, 64, 3, 3}, {});
  row("model.pos_embed", {2, 577, 1024}, {});
  row("model.norm.weight", {4096}, {});
  row("scale", {}, {});
}

void TestMatrices::tellsMatricesFromTheRest() {
  QFETCH(QString, name);
  QFETCH(Shape, shape);
  QFETCH(Shape, matrices);
  const auto found = matricesOf(name.toStdString(), shape);
  QCOMPARE(found ? Shape({found->count, found->rows, found->columns}) : Shape(), matrices);
}

void TestMatrices::countsRowsOfAllMatrices() {
  QCOMPARE(matrixRows({}), std::uint64_t{1});
  QCOMPARE(matrixRows({7}), std::uint64_t{1});
  QCOMPARE(matrixRows({3, 7}), std::uint64_t{3});
  QCOMPARE(matrixRows({2, 3, 7}), std::uint64_t{6});
  QCOMPARE(matrixRows({2, 3, 0}), std::uint64_t{6});
}

QTEST_APPLESS_MAIN(TestMatrices)
#include "test_matrices.moc"
