// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// What is inside the open model: summary, tensor table, heat map, and the chosen tensor from close by.
#include <QDateTime>
#include <functional>

#include "core/rebuild/verify.h"
#include "ui/frame/page.h"
#include "ui/payload/heat_map.h"
#include "ui/payload/summary.h"

class QComboBox;
class QLabel;
class QMenu;
class QPushButton;
class QToolButton;

namespace deltascope::ui {

class FilterBar;
class HeatMapView;
class ShareSplitter;
class StateStack;
class TensorDetail;
class TensorFilter;
class TensorModel;
class TensorView;
struct Caption;

class PayloadPage : public Page {
  Q_OBJECT
 public:
  explicit PayloadPage(const PageServices& services, QWidget* parent = nullptr);

  void openModel(const ModelPointer& model) override;
  void closeModel() override;
  void verifyStarted() override;
  void addVerdicts(const std::vector<Verdict>& verdicts) override;
  void verifyFinished(const Result<VerifyResult>& result) override;
  void restoreState(const Settings& settings) override;
  void saveState(Settings& settings) const override;
  void resetLayout() override;
  [[nodiscard]] PageActions pageActions() const override;
  [[nodiscard]] QWidget* firstFocus() const override;

  /// For tests: what exports are dated with.
  void setClock(std::function<QDateTime()> clock) { m_clock = std::move(clock); }

 protected:
  void changeEvent(QEvent* event) override;

 private:
  QWidget* buildSummary();
  QWidget* buildToolbar();
  QWidget* buildPanes();
  void buildActions();
  void fillExportMenu();

  [[nodiscard]] bool isCheckpoint() const;
  void filter(const QString& query, bool regex);
  void setGrouped(bool grouped);
  void showMetrics();
  void refreshHeatMap();
  void refreshVerdict();
  void tableSelected();
  void heatMapChose(const QList<int>& items);
  void showDetail(const QList<int>& tensors);

  void exportTable();
  void exportChart(const Chart& chart, const QString& title, const QString& subtitle, const QString& suggested);
  void exportHeatMap();
  void writeReportFolder();
  [[nodiscard]] QString modelName() const;
  [[nodiscard]] QString suggestedPath(const QString& name) const;
  void rememberExportFolder(const QString& path);
  [[nodiscard]] Caption captionOf(const QString& title, const QString& subtitle) const;
  void exported(const QString& path);

  PageServices m_services;
  std::function<QDateTime()> m_clock = [] { return QDateTime::currentDateTime(); };
  ModelPointer m_openModel;
  TensorModel* m_model;
  TensorFilter* m_filter;

  StateStack* m_state = nullptr;
  QLabel *m_summary = nullptr, *m_verdict = nullptr;
  QPushButton* m_verify = nullptr;
  FilterBar* m_filterBar = nullptr;
  QComboBox* m_metric = nullptr;
  QToolButton *m_columns = nullptr, *m_export = nullptr;
  QMenu* m_exportMenu = nullptr;
  ShareSplitter *m_across = nullptr, *m_down = nullptr;
  TensorView* m_table = nullptr;
  HeatMapView* m_heatMap = nullptr;
  TensorDetail* m_detail = nullptr;
  QAction *m_exportTable = nullptr, *m_exportHeatMap = nullptr, *m_report = nullptr;
  QAction *m_find = nullptr, *m_groupAction = nullptr, *m_heatMapAction = nullptr, *m_detailAction = nullptr;
  QString m_metricId;
  bool m_linking = false;  ///< a selection is being carried over
  bool m_verifying = false;
};

}  // namespace deltascope::ui
