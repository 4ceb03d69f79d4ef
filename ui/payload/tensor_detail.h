// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The chosen tensor from close by: histogram, map, streams and chunks, facts.
#include <QTimer>
#include <QWidget>
#include <optional>

#include "ui/payload/close_up_loader.h"
#include "ui/payload/tensor_charts.h"
#include "ui/payload/tokenizer_fact.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QTabWidget;

namespace deltascope::ui {

class ChartView;
class FactsView;
class StateStack;

/// Thread: the window's. Charts are asked for a moment after the selection has settled.
class TensorDetail : public QWidget {
  Q_OBJECT
 public:
  enum Tab { kHistogram, kMap, kStreams, kFacts };
  struct NamedChart {
    QString id;  ///< "histogram", "map", "streams", "chunks"
    QString title;
    Chart chart;
  };

  TensorDetail(const Engine* engine, JobRunner* jobs, QWidget* parent = nullptr);

  /// Null when no model is open.
  void setModel(const std::shared_ptr<const Inspection>& model);
  void showTensor(const TensorStats& tensor, const TensorVerdict& verdict);
  /// Nothing, or several tensors, are chosen.
  void showNothing(const QString& words);
  void setVerdict(const TensorVerdict& verdict);  ///< of the tensor on show
  [[nodiscard]] QString tensorName() const { return m_tensor ? QString::fromStdString(m_tensor->name) : QString(); }

  /// What can be exported now; empty while nothing is measured.
  [[nodiscard]] QList<NamedChart> charts() const;
  [[nodiscard]] QString subtitle() const;  ///< of exported charts: name, shape, how much was read

  [[nodiscard]] int currentTab() const;
  void setCurrentTab(int tab);
  [[nodiscard]] bool logScale() const;
  void setLogScale(bool on);
  [[nodiscard]] MapValue mapValue() const;
  void setMapValue(MapValue value);

 signals:
  void chooseBaseRequested();

 private:
  void buildTabs();
  void ask();
  void refreshFacts();
  void measured(const QString& tensor, const CloseUpPointer& closeUp);
  void refreshCharts();
  void chartsSay(const QString& words, const QString& button = {});
  void refreshHeader();
  [[nodiscard]] bool needsBase() const;

  std::shared_ptr<const Inspection> m_model;
  std::optional<TensorStats> m_tensor;
  TensorVerdict m_verdict;
  CloseUpPointer m_closeUp;
  CloseUpLoader m_loader;
  TokenizerFact m_tokenizer;
  QTimer m_settle, m_busy;

  QLabel *m_name, *m_note;
  QTabWidget* m_tabs;
  StateStack* m_all;
  StateStack *m_histogramState, *m_mapState, *m_streamsState;
  ChartView *m_histogram, *m_map, *m_streams, *m_chunks;
  QCheckBox* m_log;
  QComboBox* m_mapValue;
  FactsView* m_facts;
};

}  // namespace deltascope::ui
