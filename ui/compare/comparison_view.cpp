// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/compare/comparison_view.h"

#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QDateTime>
#include <QDir>
#include <QDoubleSpinBox>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QSplitter>
#include <QTabWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/charts/view.h"
#include "ui/compare/comparison_model.h"
#include "ui/export/files.h"
#include "ui/export/picture.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/metrics.h"
#include "ui/frame/settings.h"
#include "ui/frame/written.h"
#include "ui/payload/filter_bar.h"
#include "ui/payload/state_stack.h"

namespace deltascope::ui {
namespace {

constexpr const char* kEmpty =
    "Choose two runs or more in the list below and compare them, or one and the pinned baseline. Compare payloads is in the "
    "Run menu.";

/// Accounted memory of every run over its time, in MiB; without what is held beside its plan.
LinesChart memoryOverlay(const std::vector<NamedRun>& runs) {
  LinesChart chart;
  chart.positionLabel = "seconds";
  chart.valueLabel = "accounted memory, MiB";
  for (const NamedRun& run : runs) {
    LinesChart::Line line;
    line.label = letterOf(&run - runs.data());
    line.dots = false;
    for (const BenchmarkMemory& sample : run.run.memory)
      if (sample.phase.empty() || withinBudget(sample.phase))
        line.points.emplace_back(sample.seconds, double(sample.accounted) / double(1u << 20));
    if (line.points.size() > 1) chart.lines.push_back(std::move(line));
  }
  return chart;
}

}  // namespace

ComparisonView::ComparisonView(const PageServices& services, QWidget* parent)
    : QWidget(parent), m_services(services), m_model(new ComparisonModel(this)), m_filter(new ComparisonFilter(m_model, this)) {
  setObjectName("comparison");
  auto* content = new QWidget;
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  m_sentence = new QLabel;
  m_sentence->setObjectName("compareSentence");
  m_sentence->setTextFormat(Qt::PlainText);
  m_sentence->setWordWrap(true);
  m_sentence->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_sentence->setContentsMargins(steps(*this, 3), steps(*this, 1), steps(*this, 3), 0);
  m_charts = new QTabWidget;
  m_charts->setObjectName("compareCharts");
  m_charts->setAccessibleName("Charts of the comparison");
  m_charts->setDocumentMode(true);
  m_rowsChart = new ChartView;
  m_rowsChart->setAccessibleName("Rows overlaid");
  m_memoryChart = new ChartView;
  m_memoryChart->setAccessibleName("Memory overlaid");
  m_charts->addTab(m_rowsChart, "By row");
  m_charts->addTab(m_memoryChart, "Memory");
  auto* across = new QSplitter(Qt::Horizontal);
  across->setObjectName("compareSplitter");
  across->setChildrenCollapsible(false);
  across->addWidget(makeTable());
  across->addWidget(m_charts);
  across->setStretchFactor(0, 3);
  across->setStretchFactor(1, 2);
  column->addWidget(m_sentence);
  column->addWidget(makeToolbar());
  column->addWidget(across, 1);
  m_state = new StateStack(content);
  m_state->setObjectName("compareState");
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_state);

  connect(m_metric, &QComboBox::currentIndexChanged, this, [this] {
    if (m_filling) return;
    m_model->setMetric(m_metric->currentData().toString());
    refresh();
  });
  connect(m_differencesOnly, &QCheckBox::toggled, this, [this](bool on) {
    m_services.settings->set(setting::kCompareDifferencesOnly, on);
    m_filter->setDifferencesOnly(on);
    refresh();
  });
  connect(m_threshold, &QDoubleSpinBox::valueChanged, this, [this](double percent) {
    m_services.settings->set(setting::kCompareThreshold, percent);
    emit thresholdChanged(percent / 100);
    if (!m_filling) compare();
  });
  connect(m_filterBar, &FilterBar::queryChanged, this, [this](const QString& query, bool regex) {
    m_filter->setQuery(query, regex);
    refresh();
  });
  m_filter->setDifferencesOnly(m_differencesOnly->isChecked());
  clear();
}

QWidget* ComparisonView::makeToolbar() {
  const auto action = [this](const char* name, const QString& text, const QString& tip, void (ComparisonView::*act)()) {
    auto* made = new QAction(text, this);
    made->setObjectName(QLatin1String(name));
    made->setStatusTip(tip);
    made->setToolTip(tip);
    connect(made, &QAction::triggered, this, act);
    return made;
  };
  m_exportCsv = action("compareExportCsv", "Export &comparison as CSV…",
                       "Write the rows the filter shows, every metric, exact numbers", &ComparisonView::exportCsv);
  m_exportChart =
      action("compareExportChart", "Export comparison c&hart…", "Write the chart that is shown", &ComparisonView::exportChart);
  m_exportCsv->setIconText("CSV…");  // of the buttons
  m_exportChart->setIconText("Chart…");
  m_metric = new QComboBox;
  m_metric->setObjectName("compareMetric");
  m_metric->setAccessibleName("Metric");
  m_metric->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  m_differencesOnly = new QCheckBox("Differences onl&y");
  m_differencesOnly->setObjectName("compareDifferencesOnly");
  m_differencesOnly->setToolTip("Leave out rows in which nothing changed beyond noise");
  m_differencesOnly->setChecked(m_services.settings->get(setting::kCompareDifferencesOnly));
  m_threshold = new QDoubleSpinBox;
  m_threshold->setObjectName("compareThreshold");
  m_threshold->setAccessibleName("Noise threshold in percent");
  m_threshold->setRange(0, 1000);
  m_threshold->setDecimals(1);
  m_threshold->setSuffix(" %");
  m_threshold->setPrefix("± ");
  m_threshold->setValue(m_services.settings->get(setting::kCompareThreshold));
  m_threshold->setToolTip(
      "Measured figures that change by no more are the same; so are those within the repetitions' own spread");
  m_filterBar = new FilterBar;
  auto* bar = new QWidget;
  auto* line = new QHBoxLayout(bar);
  line->setContentsMargins(steps(*this, 3), steps(*this, 1), steps(*this, 3), steps(*this, 1));
  line->setSpacing(steps(*this, 2));
  line->addWidget(m_metric);
  line->addWidget(m_filterBar, 1);
  line->addWidget(m_differencesOnly);
  auto* noise = new QLabel("Noise");
  noise->setBuddy(m_threshold);
  line->addWidget(noise);
  line->addWidget(m_threshold);
  for (QAction* one : {m_exportCsv, m_exportChart}) {
    auto* button = new QToolButton;
    button->setDefaultAction(one);
    button->setObjectName(one->objectName() + "Button");
    button->setAccessibleName(QString(one->text()).remove('&'));
    button->setFocusPolicy(Qt::StrongFocus);
    line->addWidget(button);
  }
  return bar;
}

QWidget* ComparisonView::makeTable() {
  m_table = new QTableView;
  m_table->setObjectName("compareTable");
  m_table->setAccessibleName("Comparison");
  m_table->setModel(m_filter);
  m_table->setSortingEnabled(true);
  m_table->sortByColumn(-1, Qt::AscendingOrder);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setShowGrid(false);
  m_table->setWordWrap(false);
  m_table->setTabKeyNavigation(false);
  m_table->setAlternatingRowColors(true);
  m_table->setFrameShape(QFrame::NoFrame);
  m_table->setTextElideMode(Qt::ElideMiddle);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setDefaultSectionSize(steps(*this, 6));
  m_table->horizontalHeader()->setHighlightSections(false);
  m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_table->horizontalHeader()->setStretchLastSection(true);
  m_table->horizontalHeader()->setResizeContentsPrecision(200);  // rows; names of thousands are alike
  return m_table;
}

const TableComparison& ComparisonView::comparison() const { return m_model->comparison(); }

void ComparisonView::clear() {
  m_runs.clear();
  m_model->setComparison({});
  m_exportCsv->setEnabled(false);
  m_exportChart->setEnabled(false);
  m_state->showWords(QLatin1String(kEmpty));
}

void ComparisonView::showRuns(std::vector<NamedRun> runs) {
  if (runs.size() < 2) return clear();
  m_runs = std::move(runs);
  compare();
}

void ComparisonView::showPayloads(NamedTable a, NamedTable b) {
  m_runs.clear();
  showComparison(compareAll(a, b));
}

void ComparisonView::compare() {
  if (m_runs.size() > 1) showComparison(compareAll(m_runs, m_threshold->value() / 100));
}

void ComparisonView::showComparison(TableComparison comparison) {
  m_model->setComparison(std::move(comparison));
  fillMetrics();
  m_threshold->setEnabled(!this->comparison().payloads);
  m_charts->setTabVisible(1, !m_runs.empty());
  m_memoryChart->setChart(memoryOverlay(m_runs));
  m_state->showContent();
  refresh();
  m_table->resizeColumnsToContents();
}

/// Keeps the chosen metric where it still occurs.
void ComparisonView::fillMetrics() {
  const QString before = m_metric->currentData().toString();
  const QStringList metrics = metricsOf(comparison());
  m_filling = true;
  m_metric->clear();
  for (const QString& metric : metrics) m_metric->addItem(metricWords(metric), metric);
  int index = m_metric->findData(before);
  for (const char* first : {"latency_jit_ms", "tokens_per_second", "stored_bytes"})
    if (index < 0) index = m_metric->findData(QLatin1String(first));
  m_metric->setCurrentIndex(std::max(0, index));
  m_filling = false;
  m_model->setMetric(m_metric->currentData().toString());
}

void ComparisonView::refresh() {
  QStringList lines, names;
  for (qsizetype side = 0; side < comparison().names.size(); ++side)
    names << (side == 0 ? QString("★ ") : QString()) + letterOf(side) + ": " + comparison().names[side];
  lines << names.join("   ");
  lines += figureLines(comparison());
  lines << sentenceOf(comparison(), m_model->metric());
  lines += notesOf(comparison());
  m_sentence->setText(lines.join('\n'));
  const auto rows = m_filter->shownRows();
  m_filterBar->setProblem(m_filter->problem());
  m_filterBar->setCount(static_cast<int>(rows.size()), m_model->rowCount());
  m_rowsChart->setChart(overlay(comparison(), m_model->metric(), rows));
  m_exportCsv->setEnabled(!rows.empty());
  m_exportChart->setEnabled(!isEmpty(shownChart()));
}

Chart ComparisonView::shownChart() const {
  return m_charts->currentIndex() == 1 ? m_memoryChart->chart() : m_rowsChart->chart();
}

QString ComparisonView::pathFor(const QString& title, const QString& name, const QString& filter) {
  const QString folder = m_services.settings->get(setting::kExportFolder);
  QString path = m_services.dialogs->saveFile(
      this, title, QDir(folder.isEmpty() ? QDir::homePath() : folder).filePath(fileNameOf(name)), filter);
  if (!path.isEmpty() && QFileInfo(path).suffix().isEmpty()) path += '.' + QFileInfo(name).suffix();
  return path;
}

void ComparisonView::written(const QString& what, const QString& path, const Result<void>& result) {
  if (!result) {
    emit messageRaised(errorMessage(what, result.error()));
    return;
  }
  m_services.settings->set(setting::kExportFolder, QFileInfo(path).absolutePath());
  emit messageRaised(writtenMessage("Exported", path, *m_services.dialogs, this));
}

void ComparisonView::exportCsv() {
  const QString path = pathFor("Export the comparison", "comparison.csv", "CSV table (*.csv)");
  if (!path.isEmpty()) written("Exporting the comparison", path, writeWhole(path, toCsv(comparison(), m_filter->shownRows())));
}

void ComparisonView::exportChart() {
  const QString path =
      pathFor("Export the chart", "comparison.png", "PNG picture (*.png);;SVG picture (*.svg);;PDF document (*.pdf)");
  if (path.isEmpty()) return;
  const Caption caption{"Comparison: " + metricWords(m_model->metric()), sentenceOf(comparison(), m_model->metric()),
                        sourceLine(comparison().names.join(" · "), QDateTime::currentDateTime())};
  written("Exporting the chart", path, writeChart(shownChart(), caption, path));
}

}  // namespace deltascope::ui
