// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/benchmark/live_run.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSplitter>
#include <QStackedWidget>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <limits>
#include <utility>

#include "core/bench/run_words.h"
#include "ui/charts/live_chart.h"
#include "ui/charts/numbers.h"
#include "ui/charts/view.h"
#include "ui/frame/metrics.h"
#include "ui/frame/text.h"
#include "ui/report/run_charts.h"

namespace deltascope::ui {
namespace {

// Series of the charts.
enum MemorySeries { kAccounted, kPlan, kJit, kOtherModes, kBeside };  // the first: of records that know no phases
enum DeviceSeries { kOwn, kOthers, kTotal };
constexpr std::array<const char*, 4> kModes{"resident", "static", "jit", "stream"};

constexpr int kMeasuringMs = 250;  // frames in the middle of what is measured; pauses have their own
constexpr double kMib = 1u << 20, kGib = 1u << 30;
QString mibText(double value) { return byteText(static_cast<std::uint64_t>(std::max(0.0, value) * kMib)); }
QString gibText(double value) { return QString::number(value, 'f', 2) + " GiB"; }
QString millisecondsText(double value) { return significant(value) + " ms"; }
QString speedText(double value) { return significant(value) + " tokens/s"; }

/// Each mode has a peak of its own, and the run's figures are of one of them.
MemorySeries memorySeriesOf(const std::string& phase) {
  if (phase.empty()) return kAccounted;
  if (!withinBudget(phase)) return kBeside;
  return phase == "plan" ? kPlan : phase == "jit" ? kJit : kOtherModes;
}

int seriesOf(const std::string& mode) {
  const auto at = std::find(kModes.begin(), kModes.end(), mode);
  return at == kModes.end() ? -1 : static_cast<int>(at - kModes.begin());
}

QToolButton* toggle(const char* name, const QString& text, const QString& tip, bool on) {
  auto* button = new QToolButton;
  button->setObjectName(QLatin1String(name));
  button->setText(text);
  button->setAccessibleName(text);
  button->setToolTip(tip);
  button->setCheckable(true);
  button->setChecked(on);
  button->setToolButtonStyle(Qt::ToolButtonTextOnly);
  button->setFocusPolicy(Qt::StrongFocus);
  return button;
}

}  // namespace

LiveRun::LiveRun(QWidget* parent) : QWidget(parent) {
  setObjectName("liveRun");
  using Look = LiveSeries::Look;
  m_panels[Memory].live = new LiveChart({"seconds", "accounted, MiB", mibText}, {{"accounted", Look::Main, true},
                                                                                 {"as planned", Look::Main, true},
                                                                                 {"jit", Look::Main, true},
                                                                                 {"other modes", Look::Context},
                                                                                 {"reference, baselines", Look::Context}});
  m_panels[Device].live =
      new LiveChart({"seconds", "memory, GiB", gibText},
                    {{"this program", Look::Main, true}, {"others", Look::Context}, {"total", Look::Context}});
  QList<LiveSeries> modes;
  for (const char* mode : kModes) modes.append({QLatin1String(mode), Look::Dots});
  m_panels[Latency].live = new LiveChart({"weight", "one use, ms", millisecondsText}, modes);
  m_panels[Speed].live = new LiveChart({"seconds", "tokens/s", speedText}, {{"tokens/s", Look::Main}});
  const std::array<std::pair<const char*, const char*>, PartCount> names{{{"memory", "Memory of the run"},
                                                                          {"device-memory", "Memory of the device"},
                                                                          {"latency", "Latency by weight"},
                                                                          {"tokens", "Tokens a second"}}};
  const std::array<const char*, PartCount> empty{
      "The run's memory, its budget and its peak appear here.", "Memory of this program and of others appears here.",
      "Every repetition appears here as it is measured, and its median when a weight is done.",
      "Only generation has tokens: choose it above, or a run that generated."};
  for (int part = 0; part < PartCount; ++part) {
    Panel& panel = m_panels[static_cast<std::size_t>(part)];
    panel.id = QLatin1String(names[static_cast<std::size_t>(part)].first);
    panel.title = QLatin1String(names[static_cast<std::size_t>(part)].second);
    panel.live->setObjectName("live_" + panel.id);
    panel.live->setAccessibleName(panel.title);
    panel.live->setEmptyText(QLatin1String(empty[static_cast<std::size_t>(part)]));
    panel.still = new ChartView;
    panel.still->setObjectName("still_" + panel.id);
    panel.still->setAccessibleName(panel.title);
    panel.stack = new QStackedWidget;
    panel.stack->addWidget(panel.live);
    panel.stack->addWidget(panel.still);
    connect(panel.live, &LiveChart::followChanged, this, [this] {
      bool all = true;
      for (const Panel& one : m_panels) all &= one.live->follow();
      m_follow->setChecked(all);
    });
  }
  m_memoryKind = new QComboBox;
  m_memoryKind->setObjectName("memoryKind");
  m_memoryKind->setAccessibleName("Which memory");
  m_memoryKind->addItem("Memory of this run");
  m_memoryKind->addItem("Memory: own, others, total");
  m_memoryKind->setToolTip("What the run accounts for against its budget, or what the system sees of the device");
  m_memoryStack = new QStackedWidget;
  m_memoryStack->addWidget(m_panels[Memory].stack);
  m_memoryStack->addWidget(m_panels[Device].stack);
  connect(m_memoryKind, &QComboBox::currentIndexChanged, m_memoryStack, &QStackedWidget::setCurrentIndex);

  auto* across = new QSplitter(Qt::Horizontal);
  across->setObjectName("liveSplitter");
  across->setChildrenCollapsible(false);
  across->addWidget(makePanel(Memory, m_memoryKind));
  m_latencyPanel = makePanel(Latency, new TextLabel(TextKind::Heading, "Latency by weight"));
  across->addWidget(m_latencyPanel);
  m_speedPanel = makePanel(Speed, new TextLabel(TextKind::Heading, "Tokens a second"));
  across->addWidget(m_speedPanel);
  across->setStretchFactor(0, 5);
  across->setStretchFactor(1, 6);
  across->setStretchFactor(2, 4);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(steps(*this, 3), steps(*this, 1), steps(*this, 3), steps(*this, 1));
  layout->setSpacing(steps(*this, 1));
  layout->addWidget(makeToolbar());
  layout->addWidget(across, 1);
  clear();
}

QWidget* LiveRun::makeToolbar() {
  m_verdicts = new TextLabel(TextKind::Body);
  m_verdicts->setObjectName("liveVerdicts");
  m_verdicts->setAccessibleName("Lossless checks");
  m_pause = toggle("livePause", "Pause", "The charts stand still; the run and its record go on", false);
  m_follow = toggle("liveFollow", "Follow", "Keep the whole run in view; dragging or zooming a chart turns it off", true);
  connect(m_pause, &QToolButton::toggled, this, &LiveRun::setPaused);
  connect(m_follow, &QToolButton::clicked, this, &LiveRun::setFollow);
  auto* bar = new QWidget;
  auto* line = new QHBoxLayout(bar);
  line->setContentsMargins(0, 0, 0, 0);
  m_state = new QLabel;
  m_state->setObjectName("liveState");
  m_state->setAccessibleName("What the run is doing");
  m_state->setTextFormat(Qt::PlainText);
  m_state->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_verdicts->setWordWrap(false);
  line->setSpacing(steps(*this, 4));
  line->addWidget(m_verdicts);
  line->addWidget(m_state, 1);
  line->addWidget(m_pause);
  line->addWidget(m_follow);
  return bar;
}

QWidget* LiveRun::makePanel(Part part, QWidget* head) {
  auto* panel = new QWidget;
  auto* column = new QVBoxLayout(panel);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(steps(*this, 1));
  head->setMinimumHeight(m_memoryKind->sizeHint().height());
  column->addWidget(head, 0, Qt::AlignLeft);
  column->addWidget(part == Memory ? m_memoryStack : m_panels[static_cast<std::size_t>(part)].stack, 1);
  panel->setMinimumWidth(characters(*this, 34));
  return panel;
}

void LiveRun::showStill(Part part, const Chart& chart) {
  Panel& panel = m_panels[static_cast<std::size_t>(part)];
  if (deltascope::ui::isEmpty(chart)) return showLive(part);
  panel.still->setChart(chart);
  panel.stack->setCurrentWidget(panel.still);
}

void LiveRun::showLive(Part part) {
  Panel& panel = m_panels[static_cast<std::size_t>(part)];
  panel.stack->setCurrentWidget(panel.live);
}

void LiveRun::clear() {
  for (int part = 0; part < PartCount; ++part) {
    m_panels[static_cast<std::size_t>(part)].live->clear();
    showLive(static_cast<Part>(part));
  }
  m_tensors.clear();
  m_positions.clear();
  m_named = true;
  m_panels[Latency].live->setPositionNames({});
  setPace(LiveChart::kFastestMs);
  setState({});
  m_memorySeries = -1;
  m_exact = m_wrong = 0;
  m_firstWrong.clear();
  m_running = false;
  m_pause->setEnabled(false);
  m_latencyPanel->setVisible(true);
  m_speedPanel->setVisible(true);
  showVerdicts();
}

void LiveRun::setBudget(std::uint64_t budget) {
  m_panels[Memory].live->setLimit(budget ? std::optional(double(budget) / kMib) : std::nullopt,
                                  budget ? "budget " + byteText(budget) : QString());
}

void LiveRun::begin(std::uint64_t budget, bool tensors, bool generation) {
  clear();
  m_latencyPanel->setVisible(tensors);
  m_speedPanel->setVisible(generation);
  m_running = true;
  m_pause->setChecked(false);
  m_pause->setEnabled(true);
  setBudget(budget);
  setFollow(true);
  setPace(kMeasuringMs);
  showVerdicts();
}

int LiveRun::positionOf(const std::string& tensor) {
  const auto [place, added] = m_positions.try_emplace(tensor, static_cast<int>(m_tensors.size()));
  if (added) {
    m_tensors << QString::fromStdString(tensor);
    m_named = false;
  }
  return place->second;
}

void LiveRun::take(const std::vector<RunEvent>& events) {
  struct Taker {
    LiveRun& run;
    void operator()(const RunTensors& t) const {
      for (const auto& name : t.names) (void)run.positionOf(name);
    }
    void operator()(const BenchmarkMemory& m) const {
      run.appendAccounted(m);
      if (m.own) run.m_panels[Device].live->append(kOwn, m.seconds, double(m.own) / kGib);
      run.m_panels[Device].live->append(kOthers, m.seconds, double(m.others) / kGib);
      if (m.total) run.m_panels[Device].live->append(kTotal, m.seconds, double(m.total) / kGib);
    }
    void operator()(const RunLatency& l) const {
      const int series = seriesOf(l.mode);
      if (series >= 0) run.m_panels[Latency].live->append(series, run.positionOf(l.tensor), l.milliseconds);
    }
    void operator()(const RunSpeed& s) const { run.m_panels[Speed].live->append(0, s.seconds, s.tokensPerSecond); }
    void operator()(const RunRow& r) const { run.countVerdict(r.row, r.baseline); }
  };
  for (const RunEvent& event : events) std::visit(Taker{*this}, event);
  if (!std::exchange(m_named, true)) m_panels[Latency].live->setPositionNames(m_tensors);
  showVerdicts();
}

/// What is held beside the plan has a line of its own: its budget does not limit it.
void LiveRun::appendAccounted(const BenchmarkMemory& m) {
  LiveChart& chart = *m_panels[Memory].live;
  const int series = memorySeriesOf(m.phase);
  if (m_memorySeries >= 0 && m_memorySeries != series) {
    chart.append(m_memorySeries, m.seconds, m_lastAccounted);
    chart.append(m_memorySeries, m.seconds, std::numeric_limits<double>::quiet_NaN());
  }
  m_memorySeries = series;
  m_lastAccounted = double(m.accounted) / kMib;
  chart.append(series, m.seconds, m_lastAccounted);
}

void LiveRun::drawNow() {
  for (const Panel& panel : m_panels) panel.live->drawNow();
}

void LiveRun::setPace(int milliseconds) {
  for (const Panel& panel : m_panels) panel.live->setPace(milliseconds);
}

void LiveRun::setState(const QString& words) {
  if (m_state->text() != words) m_state->setText(words);
}

void LiveRun::countVerdict(const BenchmarkRow& row, bool baseline) {
  if (baseline) return;
  if (row.bitExact && row.outputNorm != 0) {
    ++m_exact;
    return;
  }
  if (m_wrong++ == 0) m_firstWrong = row.tensor + " (" + row.mode + ")";
}

void LiveRun::showVerdicts() {
  QString text;
  if (m_wrong > 0)
    text = QString("✕ %1 of %2 checks failed, the first: %3")
               .arg(m_wrong)
               .arg(m_wrong + m_exact)
               .arg(QString::fromStdString(m_firstWrong));
  else if (m_exact > 0)
    text = QString("✓ bit-exact: %1 of %1 checks").arg(m_exact);
  if (m_verdicts->text() != text) m_verdicts->setText(text);
  m_verdicts->setVisible(!text.isEmpty());
}

void LiveRun::end(const BenchmarkRun& run) {
  m_running = false;
  setPace(LiveChart::kFastestMs);
  setState({});
  m_pause->setChecked(false);
  m_pause->setEnabled(false);
  if (run.state != BenchmarkState::Complete) setState(QString::fromStdString(stateWords(run.state)));
  showStill(Memory, memoryChart(run));
  showStill(Latency, latencyChart(run));
}

void LiveRun::showRun(const BenchmarkRun& run) {
  clear();
  const auto generated = [](const BenchmarkRow& row) { return row.generation.has_value(); };
  m_latencyPanel->setVisible(!std::all_of(run.rows.begin(), run.rows.end(), generated));
  m_speedPanel->setVisible(std::any_of(run.rows.begin(), run.rows.end(), generated));
  for (const auto& row : run.rows) countVerdict(row, false);
  setBudget(run.budget);
  if (run.state != BenchmarkState::Complete) setState(QString::fromStdString(stateWords(run.state)));
  std::vector<RunEvent> events;
  for (BenchmarkMemory sample : run.memory) {
    if (run.ownIsAccounted) sample.own = 0;  // nobody knows what the process held
    events.emplace_back(std::move(sample));
  }
  take(events);
  showStill(Memory, memoryChart(run));
  showStill(Latency, latencyChart(run));
  showStill(Speed, tokensChart(run));
}

void LiveRun::setPaused(bool paused) {
  m_pause->setChecked(paused);
  m_pause->setText(paused ? "Go on" : "Pause");
  for (const Panel& panel : m_panels) panel.live->setPaused(paused);
}
bool LiveRun::paused() const { return m_pause->isChecked(); }

void LiveRun::setFollow(bool follow) {
  m_follow->setChecked(follow);
  for (const Panel& panel : m_panels) panel.live->setFollow(follow);
}

QList<RunChart> LiveRun::charts() const {
  QList<RunChart> charts;
  for (const Panel& panel : m_panels) {
    const bool live = panel.stack->currentWidget() == panel.live;
    Chart chart = live ? Chart(panel.live->chart()) : panel.still->chart();
    if (!deltascope::ui::isEmpty(chart)) charts.append({panel.id, panel.title, std::move(chart)});
  }
  return charts;
}

}  // namespace deltascope::ui
