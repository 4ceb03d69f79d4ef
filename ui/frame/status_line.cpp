// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/status_line.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QTimer>

#include "ui/frame/metrics.h"
#include "ui/frame/sparkline.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

constexpr int kSampleMs = 1000;

QLabel* field(const char* name, const QString& text, const QString& tip) {
  auto* label = new QLabel(text);
  label->setObjectName(name);
  label->setToolTip(tip);
  label->setTextFormat(Qt::PlainText);
  return label;
}

}  // namespace

DeviceText describeDevice(const kernels::DeviceInfo& device) {
  const QString name = QString::fromStdString(device.name), detail = QString::fromStdString(device.detail);
  if (device.id == "cpu") {
    const unsigned threads = device.threads;
    return {QString("CPU · %1 %2").arg(threads).arg(threads == 1 ? "thread" : "threads"),
            detail.isEmpty() ? name : name + " · " + detail, device.usable};
  }
  const QString id = QString::fromStdString(device.id), reason = QString::fromStdString(device.reason);
  if (!device.usable && !id.contains(':'))
    return {QString("GPU: none (%1)").arg(reason), "Everything works without one.", false};
  if (!device.usable) return {QString("GPU: %1 not usable (%2)").arg(name.isEmpty() ? id : name, reason), detail, false};
  const QString memory = gib(device.memoryBytes) + " GiB";
  return {QString("GPU: %1 · %2 · %3").arg(id, name, memory), detail, true};
}

StatusLine::StatusLine(MemorySampler sampler, QWidget* parent) : QWidget(parent), m_sampler(std::move(sampler)) {
  setObjectName("statusLine");
  setAccessibleName("Status");
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(steps(*this, 2), steps(*this, 0.5), steps(*this, 2), steps(*this, 0.5));
  layout->setSpacing(steps(*this, 6));
  m_devices = new QHBoxLayout;
  m_devices->setSpacing(steps(*this, 6));
  m_devices->addWidget(field("statusCpu", "looking for devices", {}));
  layout->addLayout(m_devices);
  auto* memory = new QHBoxLayout;
  memory->setSpacing(steps(*this, 2));
  m_memory = field("statusMemory", {}, {});
  m_sparkline = new Sparkline;
  memory->addWidget(m_memory);
  memory->addWidget(m_sparkline);
  layout->addLayout(memory);
  layout->addStretch(1);
  m_verdict = field("statusVerdict", {}, "Whether reconstruction gives the final back, bit for bit");
  layout->addWidget(m_verdict);
  m_timer = new QTimer(this);
  m_timer->setInterval(kSampleMs);
  connect(m_timer, &QTimer::timeout, this, &StatusLine::sample);
  sample();
  setVerdict({});
}

void StatusLine::setDevices(const std::vector<kernels::DeviceInfo>& devices) {
  while (QLayoutItem* item = m_devices->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  for (const auto& device : devices) {
    const DeviceText text = describeDevice(device);
    m_devices->addWidget(field(device.id == "cpu" ? "statusCpu" : "statusGpu", text.label, text.label + "\n" + text.detail));
  }
}

void StatusLine::setVerdict(const ModelVerdict& verdict) {
  m_state = verdict;
  m_verdict->setText(verdict.kind == ModelVerdict::Kind::None ? QString("no model open") : verdict.text);
  applyColors();
}

void StatusLine::sample() {
  const MemorySample now = m_sampler();
  m_memory->setText(memoryText(now));
  m_memory->setToolTip(memoryToolTip(now));
  m_sparkline->setToolTip(memoryToolTip(now));
  m_sparkline->add(double(now.own));
}

void StatusLine::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange) applyColors();
  QWidget::changeEvent(event);
}

void StatusLine::showEvent(QShowEvent*) { m_timer->start(); }

void StatusLine::hideEvent(QHideEvent*) { m_timer->stop(); }

void StatusLine::applyColors() {
  const ThemeColors& colors = colorsOf(palette());
  QPalette own = m_verdict->palette();
  const QColor ink = m_state.kind == ModelVerdict::Kind::Exact       ? colors.good
                     : m_state.kind == ModelVerdict::Kind::Different ? colors.bad
                                                                     : colors.text;
  if (own.color(QPalette::WindowText) == ink) return;
  own.setColor(QPalette::WindowText, ink);
  m_verdict->setPalette(own);
}

void StatusLine::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setPen(colorsOf(palette()).line);
  painter.drawLine(rect().topLeft(), rect().topRight());
}

}  // namespace deltascope::ui
