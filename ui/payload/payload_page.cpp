// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/payload_page.h"

#include <QComboBox>
#include <QEvent>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <algorithm>

#include "ui/charts/heat_map_view.h"
#include "ui/frame/metrics.h"
#include "ui/frame/theme.h"
#include "ui/payload/filter_bar.h"
#include "ui/payload/payload_settings.h"
#include "ui/payload/share_splitter.h"
#include "ui/payload/state_stack.h"
#include "ui/payload/tensor_detail.h"
#include "ui/payload/tensor_filter.h"
#include "ui/payload/tensor_model.h"
#include "ui/payload/tensor_view.h"

namespace deltascope::ui {
bool PayloadPage::isCheckpoint() const { return m_openModel && m_openModel->files.kind == ModelFiles::Kind::Checkpoint; }

void PayloadPage::openModel(const ModelPointer& model) {
  m_openModel = model;
  m_verifying = false;
  const bool checkpoint = isCheckpoint();
  m_model->setTensors(model->tensors, checkpoint);
  m_table->modelChanged();
  m_detail->setModel(model);
  m_summary->setText(summaryText(*model));
  m_summary->setToolTip(summaryToolTip(*model));
  m_heatMap->setMarkedItems({});
  showMetrics();
  filter(m_filterBar->query(), m_filterBar->isRegex());
  refreshVerdict();
  const bool verifiable = !checkpoint && model->files.kind != ModelFiles::Kind::Scripts;
  m_verify->setVisible(verifiable);
  m_verdict->setVisible(verifiable);
  for (QAction* action : {m_exportTable, m_exportHeatMap, m_report, m_find}) action->setEnabled(true);
  m_state->showContent();
}

void PayloadPage::closeModel() {
  m_openModel.reset();
  m_verifying = false;
  m_model->setTensors({}, false);
  m_detail->setModel(nullptr);
  m_heatMap->setChart({});
  for (QAction* action : {m_exportTable, m_exportHeatMap, m_report, m_find}) action->setEnabled(false);
  m_state->showWords(tr("The tensors of the open model will be here: what each costs, and what its delta looks like."),
                     tr("Open a model …"));
}

void PayloadPage::verifyStarted() {
  m_verifying = true;
  m_model->startVerify();
  refreshVerdict();
}

void PayloadPage::addVerdicts(const std::vector<Verdict>& verdicts) {
  m_model->setVerdicts(verdicts);
  refreshVerdict();
}

void PayloadPage::verifyFinished(const Result<VerifyResult>& result) {
  m_verifying = false;
  if (result) m_model->setVerdicts(result->verdicts);
  m_model->endVerify();
  refreshVerdict();
}

void PayloadPage::refreshVerdict() {
  const VerdictCounts counts = m_model->verdictCounts();
  m_verdict->setText(verdictSummary(counts));
  const ThemeColors& colors = colorsOf(palette());
  QPalette colours = palette();
  const bool finished = !counts.verifying && counts.tensors > 0;
  colours.setColor(QPalette::WindowText, counts.different                             ? colors.bad
                                         : finished && counts.exact == counts.tensors ? colors.good
                                                                                      : colors.muted);
  m_verdict->setPalette(colours);
  m_verify->setEnabled(!m_verifying);
  m_verify->setText(counts.exact + counts.different > 0 && !m_verifying ? tr("Verify again") : tr("Verify"));
  m_verify->setProperty("primary", !m_verifying && counts.exact + counts.different == 0);
  m_verify->update();
  const int shown = m_model->tensorNamed(m_detail->tensorName());
  if (shown >= 0) m_detail->setVerdict(m_model->verdict(shown));
}

void PayloadPage::filter(const QString& query, bool regex) {
  m_filter->setQuery(query, regex);
  m_table->filterChanged();
  m_filterBar->setProblem(m_filter->problem());
  m_filterBar->setCount(m_filter->shownCount(), static_cast<int>(m_model->tensors().size()));
}

void PayloadPage::setGrouped(bool grouped) {
  const QList<int> selected = m_table->selectedTensors();
  m_linking = true;
  m_model->setGrouped(grouped);
  m_table->modelChanged();
  m_table->selectTensors(selected);
  m_linking = false;
}

void PayloadPage::showMetrics() {
  const QSignalBlocker quiet(m_metric);
  m_metric->clear();
  for (const Metric metric : metricsFor(isCheckpoint())) {
    const MetricWords words = wordsOf(metric, isCheckpoint());
    m_metric->addItem(words.name, words.id);
  }
  const Metric metric = metricFromId(m_metricId, isCheckpoint());
  m_metric->setCurrentIndex(m_metric->findData(wordsOf(metric, isCheckpoint()).id));
  refreshHeatMap();
}

void PayloadPage::refreshHeatMap() {
  if (!m_openModel) return;
  const Metric metric = metricFromId(m_metric->currentData().toString(), isCheckpoint());
  m_heatMap->setChart(heatMapOf(m_model->tensors(), metric, isCheckpoint()));
}

void PayloadPage::tableSelected() {
  if (m_linking) return;
  const QList<int> selected = m_table->selectedTensors();
  m_linking = true;
  m_heatMap->setMarkedItems(selected);
  m_linking = false;
  m_filterBar->setNote({});
  showDetail(selected);
}

void PayloadPage::heatMapChose(const QList<int>& items) {
  m_linking = true;
  m_table->selectTensors(items);
  m_linking = false;
  const bool hidden = std::any_of(items.cbegin(), items.cend(), [this](int i) { return !m_filter->accepts(i); });
  m_filterBar->setNote(hidden ? tr("the chosen one is filtered out") : QString());
  showDetail(items);
}

void PayloadPage::showDetail(const QList<int>& tensors) {
  if (tensors.size() == 1) {
    const int tensor = tensors.front();
    m_detail->showTensor(m_model->tensors()[static_cast<std::size_t>(tensor)], m_model->verdict(tensor));
  } else if (tensors.isEmpty()) {
    m_detail->showNothing(isCheckpoint() ? tr("Choose a tensor to see its facts.") : tr("Choose a tensor to see its delta."));
  } else {
    m_detail->showNothing(tr("%1 tensors are chosen. Choose one to see it from close by.").arg(tensors.size()));
  }
}

void PayloadPage::restoreState(const Settings& settings) {
  m_table->restoreColumns(settings.get(setting::kPayloadHeader));
  m_across->restoreShare(settings.get(setting::kPayloadSplitter));
  m_down->restoreShare(settings.get(setting::kPayloadDetailSplitter));
  m_filterBar->setRegex(settings.get(setting::kPayloadRegex));
  m_metricId = settings.get(setting::kPayloadMetric);
  m_groupAction->setChecked(settings.get(setting::kPayloadGrouped));
  m_heatMapAction->setChecked(settings.get(setting::kPayloadHeatMapShown));
  m_detailAction->setChecked(settings.get(setting::kPayloadDetailShown));
  m_detail->setLogScale(settings.get(setting::kPayloadLogScale));
  m_detail->setMapValue(settings.get(setting::kPayloadMapZeros) ? MapValue::ZeroShare : MapValue::MeanMagnitude);
  m_detail->setCurrentTab(settings.get(setting::kPayloadDetailTab));
  if (m_openModel) showMetrics();
}

void PayloadPage::saveState(Settings& settings) const {
  settings.set(setting::kPayloadHeader, m_table->saveColumns());
  settings.set(setting::kPayloadSplitter, m_across->saveShare());
  settings.set(setting::kPayloadDetailSplitter, m_down->saveShare());
  settings.set(setting::kPayloadRegex, m_filterBar->isRegex());
  settings.set(setting::kPayloadMetric, m_metricId);
  settings.set(setting::kPayloadGrouped, m_groupAction->isChecked());
  settings.set(setting::kPayloadHeatMapShown, m_heatMapAction->isChecked());
  settings.set(setting::kPayloadDetailShown, m_detailAction->isChecked());
  settings.set(setting::kPayloadLogScale, m_detail->logScale());
  settings.set(setting::kPayloadMapZeros, m_detail->mapValue() == MapValue::ZeroShare);
  if (!isCheckpoint()) settings.set(setting::kPayloadDetailTab, m_detail->currentTab());
}

void PayloadPage::resetLayout() {
  m_table->resetColumns();
  m_heatMapAction->setChecked(true);
  m_detailAction->setChecked(true);
  m_groupAction->setChecked(true);
  m_across->resetShare();
  m_down->resetShare();
}

PageActions PayloadPage::pageActions() const {
  return {{m_exportTable, m_exportHeatMap, m_report}, {m_find, m_groupAction, m_heatMapAction, m_detailAction}, {}};
}

QWidget* PayloadPage::firstFocus() const { return m_openModel ? static_cast<QWidget*>(m_table) : m_state->button(); }

void PayloadPage::changeEvent(QEvent* event) {
  Page::changeEvent(event);
  if (event->type() == QEvent::PaletteChange && m_verdict) refreshVerdict();
}

}  // namespace deltascope::ui
