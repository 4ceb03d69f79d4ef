// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/tensor_detail.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QTabWidget>
#include <QVBoxLayout>

#include "ui/charts/view.h"
#include "ui/frame/metrics.h"
#include "ui/payload/facts_view.h"
#include "ui/payload/state_stack.h"

namespace deltascope::ui {
namespace {

/// Whether its tensors have close-ups: of a checkpoint there is no delta, and that of the scripts is not ours to cut.
bool canBeMeasured(const Inspection& model) {
  return model.files.kind != ModelFiles::Kind::Checkpoint && model.files.kind != ModelFiles::Kind::Scripts;
}

constexpr int kSettleMs = 80;  // arrow keys held down do not start a job a row
constexpr int kBusyMs = 120;   // quick answers do not flash a sentence first

ChartView* makeChart(const char* objectName, const QString& name) {
  auto* chart = new ChartView;
  chart->setObjectName(QLatin1String(objectName));
  chart->setAccessibleName(name);
  return chart;
}

}  // namespace

TensorDetail::TensorDetail(const Engine* engine, JobRunner* jobs, QWidget* parent)
    : QWidget(parent),
      m_loader(engine, jobs),
      m_tokenizer(engine, jobs),
      m_name(new QLabel),
      m_note(new QLabel),
      m_tabs(new QTabWidget) {
  setObjectName(QStringLiteral("tensorDetail"));
  m_name->setObjectName(QStringLiteral("detailName"));
  m_name->setTextFormat(Qt::PlainText);
  m_name->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_note->setObjectName(QStringLiteral("detailNote"));
  m_note->setForegroundRole(QPalette::PlaceholderText);
  buildTabs();
  m_all = new StateStack(m_tabs);
  m_all->setObjectName(QStringLiteral("detailState"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_all);

  m_settle.setSingleShot(true);
  m_settle.setInterval(kSettleMs);
  m_busy.setSingleShot(true);
  m_busy.setInterval(kBusyMs);
  connect(&m_settle, &QTimer::timeout, this, &TensorDetail::ask);
  connect(&m_busy, &QTimer::timeout, this, [this] { chartsSay(tr("Measuring the delta …")); });
  connect(&m_tokenizer, &TokenizerFact::changed, this, &TensorDetail::refreshFacts);
  connect(&m_loader, &CloseUpLoader::ready, this, &TensorDetail::measured);
  connect(&m_loader, &CloseUpLoader::failed, this, [this](const QString&, const Error& error) {
    m_busy.stop();
    chartsSay(tr("The delta could not be measured: %1").arg(QString::fromStdString(describe(error))));
  });
  for (StateStack* state : {m_histogramState, m_mapState, m_streamsState})
    connect(state, &StateStack::buttonPressed, this, &TensorDetail::chooseBaseRequested);
  showNothing(tr("Choose a tensor to see its delta."));
}

void TensorDetail::buildTabs() {
  m_tabs->setObjectName(QStringLiteral("detailTabs"));
  m_tabs->setDocumentMode(true);
  m_histogram = makeChart("histogram", tr("Histogram of the delta"));
  m_map = makeChart("deltaMap", tr("Map of the delta"));
  m_streams = makeChart("streams", tr("Bytes by stream"));
  m_chunks = makeChart("chunks", tr("Bytes by chunk"));
  m_log = new QCheckBox(tr("&Log scale"));
  m_log->setObjectName(QStringLiteral("logScale"));
  m_log->setToolTip(tr("Counts on a logarithmic axis: the tails become visible"));
  m_mapValue = new QComboBox;
  m_mapValue->setObjectName(QStringLiteral("mapValue"));
  m_mapValue->setAccessibleName(tr("Value of the map"));
  m_mapValue->addItem(tr("mean |delta|"), static_cast<int>(MapValue::MeanMagnitude));
  m_mapValue->addItem(tr("share of zero deltas"), static_cast<int>(MapValue::ZeroShare));
  connect(m_log, &QCheckBox::toggled, this, &TensorDetail::refreshCharts);
  connect(m_mapValue, &QComboBox::currentIndexChanged, this, &TensorDetail::refreshCharts);

  const auto withControl = [this](QWidget* chart, QWidget* control, const char* name) {
    auto* page = new QWidget;
    page->setAutoFillBackground(true);
    page->setBackgroundRole(QPalette::Base);
    auto* layout = new QHBoxLayout(page);
    const int gap = steps(*this, 2);
    layout->setContentsMargins(gap, gap / 2, gap, gap / 2);
    layout->addWidget(chart, 1);
    if (control) layout->addWidget(control, 0, Qt::AlignTop);
    auto* state = new StateStack(page);
    state->setObjectName(QLatin1String(name));
    return state;
  };
  m_histogramState = withControl(m_histogram, m_log, "histogramState");
  m_mapState = withControl(m_map, m_mapValue, "mapState");
  auto* both = new QWidget;
  auto* side = new QHBoxLayout(both);
  side->setContentsMargins(0, 0, 0, 0);
  side->setSpacing(steps(*this, 4));
  side->addWidget(m_streams, 1);
  side->addWidget(m_chunks, 1);
  m_streamsState = withControl(both, nullptr, "streamsState");
  m_facts = new FactsView;
  m_facts->setObjectName(QStringLiteral("facts"));
  m_facts->setAccessibleName(tr("Facts of the tensor"));
  m_tabs->addTab(m_histogramState, tr("Histogram of the delta"));
  m_tabs->addTab(m_mapState, tr("Map rows × columns"));
  m_tabs->addTab(m_streamsState, tr("Streams and chunks"));
  m_tabs->addTab(m_facts, tr("Facts"));

  auto* corner = new QWidget;
  auto* line = new QHBoxLayout(corner);
  line->setContentsMargins(0, 0, steps(*this, 2), steps(*this, 1));
  line->setSpacing(steps(*this, 2));
  line->addWidget(m_note);
  line->addWidget(m_name);
  m_tabs->setCornerWidget(corner, Qt::TopRightCorner);
}

void TensorDetail::setModel(const std::shared_ptr<const Inspection>& model) {
  m_model = model;
  if (model) {
    m_loader.setModel(model->files.path, model->files.base);
    m_tokenizer.setModel(model->files.path, model->files.base);
  } else {
    m_loader.setModel({}, {});
    m_tokenizer.clear();
  }
  const bool measured = model && canBeMeasured(*model);
  for (const int tab : {kHistogram, kMap, kStreams}) m_tabs->setTabVisible(tab, !model || measured);
  showNothing(model && !measured ? tr("Choose a tensor to see its facts.") : tr("Choose a tensor to see its delta."));
}

bool TensorDetail::needsBase() const {
  return m_model && m_model->files.kind == ModelFiles::Kind::Payload && m_model->files.base.empty();
}

void TensorDetail::showNothing(const QString& words) {
  m_settle.stop();
  m_busy.stop();
  m_loader.cancel();
  m_tensor.reset();
  m_closeUp.reset();
  m_all->showWords(words);
}

void TensorDetail::showTensor(const TensorStats& tensor, const TensorVerdict& verdict) {
  const bool same = m_tensor && m_tensor->name == tensor.name;
  m_tensor = tensor;
  setVerdict(verdict);
  m_all->showContent();
  if (same && (m_closeUp || m_settle.isActive() || m_busy.isActive())) return;
  m_loader.cancel();
  m_closeUp.reset();
  refreshHeader();
  if (m_model && !canBeMeasured(*m_model)) return;
  if (needsBase()) {
    chartsSay(tr("The delta is measured against the base, and this payload was opened without one."), tr("Choose base …"));
    return;
  }
  if (m_loader.isKnown(tensorName())) return ask();
  m_busy.start();
  m_settle.start();
}

void TensorDetail::setVerdict(const TensorVerdict& verdict) {
  m_verdict = verdict;
  refreshFacts();
}

/// Those of the tensor, and what is to be said of its model.
void TensorDetail::refreshFacts() {
  if (!m_tensor || !m_model) return;
  auto facts = factsOf(*m_tensor, m_verdict, m_model->files.kind == ModelFiles::Kind::Checkpoint);
  if (!m_tokenizer.text().isEmpty()) facts.append({tr("Model\u2019s tokenizer"), m_tokenizer.text()});
  m_facts->setFacts(facts);
}

void TensorDetail::ask() {
  if (m_tensor) m_loader.request(tensorName());
}

void TensorDetail::measured(const QString& tensor, const CloseUpPointer& closeUp) {
  if (tensor != tensorName()) return;
  m_busy.stop();
  m_settle.stop();
  m_closeUp = closeUp;
  refreshHeader();
  refreshCharts();
}

void TensorDetail::refreshHeader() {
  m_name->setText(tensorName());
  m_note->setText(m_tensor && m_closeUp ? sampledText(*m_tensor, *m_closeUp) : QString());
}

void TensorDetail::refreshCharts() {
  if (!m_tensor || !m_closeUp) return;
  const QString none = noDeltaText(*m_tensor, *m_closeUp);
  const auto show = [](StateStack* state, ChartView* view, Chart chart, const QString& words) {
    const bool nothing = !words.isEmpty() || isEmpty(chart);
    view->setChart(std::move(chart));
    if (nothing)
      state->showWords(words.isEmpty() ? tr("There is nothing to draw for this tensor.") : words);
    else
      state->showContent();
  };
  show(m_histogramState, m_histogram, histogramOf(*m_closeUp, logScale()), none);
  show(m_mapState, m_map, mapOf(*m_closeUp, mapValue()), none);
  m_chunks->setChart(chunksOf(*m_closeUp));
  show(m_streamsState, m_streams, streamsOf(*m_closeUp),
       m_closeUp->streams.empty() ? tr("Nothing is stored for this tensor: the base has its bytes.") : QString());
}

void TensorDetail::chartsSay(const QString& words, const QString& button) {
  for (StateStack* state : {m_histogramState, m_mapState, m_streamsState}) state->showWords(words, button);
}

QList<TensorDetail::NamedChart> TensorDetail::charts() const {
  QList<NamedChart> list;
  if (!m_tensor || !m_closeUp) return list;
  const auto add = [&](const char* id, const QString& title, Chart chart) {
    if (!isEmpty(chart)) list.append({QLatin1String(id), title, std::move(chart)});
  };
  if (noDeltaText(*m_tensor, *m_closeUp).isEmpty()) {
    add("histogram", tr("Histogram of the delta"), histogramOf(*m_closeUp, logScale()));
    add("map", tr("Map of the delta"), mapOf(*m_closeUp, mapValue()));
  }
  add("streams", tr("Bytes by stream"), streamsOf(*m_closeUp));
  add("chunks", tr("Bytes by chunk"), chunksOf(*m_closeUp));
  return list;
}

QString TensorDetail::subtitle() const {
  if (!m_tensor) return {};
  QString text = QStringLiteral("%1, %2").arg(tensorName(), QString::fromStdString(shapeText(m_tensor->shapeOfFinal())));
  const QString sampled = m_closeUp ? sampledText(*m_tensor, *m_closeUp) : QString();
  return sampled.isEmpty() ? text : text + QStringLiteral(", ") + sampled;
}

int TensorDetail::currentTab() const { return m_tabs->currentIndex(); }
void TensorDetail::setCurrentTab(int tab) {
  if (tab >= 0 && tab < m_tabs->count() && m_tabs->isTabVisible(tab)) m_tabs->setCurrentIndex(tab);
}
bool TensorDetail::logScale() const { return m_log->isChecked(); }
void TensorDetail::setLogScale(bool on) { m_log->setChecked(on); }
MapValue TensorDetail::mapValue() const { return static_cast<MapValue>(m_mapValue->currentData().toInt()); }
void TensorDetail::setMapValue(MapValue value) { m_mapValue->setCurrentIndex(m_mapValue->findData(static_cast<int>(value))); }

}  // namespace deltascope::ui
