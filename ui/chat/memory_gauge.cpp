// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/memory_gauge.h"

#include <QPainter>
#include <algorithm>

#include "core/base/units.h"
#include "ui/frame/metrics.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

QString bytes(std::uint64_t n) { return QString::fromStdString(formatGib(n)); }

}  // namespace

QString gaugeText(const kernels::MemoryUse& use, std::uint64_t budget) {
  if (use.current == 0 && use.peak == 0) return {};
  const QString held = budget > 0 ? QString("%1 of %2").arg(bytes(use.current), bytes(budget)) : bytes(use.current);
  return QString("%1, peak %2").arg(held, bytes(use.peak));
}

MemoryGauge::MemoryGauge(QWidget* parent) : QWidget(parent) {
  setObjectName("chatGauge");
  setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
  setUse({}, 0);
}

void MemoryGauge::setUse(const kernels::MemoryUse& use, std::uint64_t budget) {
  m_use = use;
  m_budget = budget;
  m_expected = false;
  setText(gaugeText(use, budget), "Held by this program for the models that answer; source: the allocator's own account");
}

void MemoryGauge::setExpected(std::uint64_t peak, std::uint64_t budget) {
  m_use = {peak, peak, 0};
  m_budget = budget;
  m_expected = true;
  setText(QString("expected peak %1 of %2").arg(bytes(peak), bytes(budget)), "From the memory plan; nothing is loaded yet");
}

void MemoryGauge::setText(const QString& text, const QString& explanation) {
  setVisible(!text.isEmpty());
  if (text != m_text) {
    m_text = text;
    setAccessibleName("Memory of the model: " + text);
    setToolTip("Memory of the model: " + text + "\n" + explanation);
    updateGeometry();
  }
  update();
}

QSize MemoryGauge::sizeHint() const {
  // As wide as it may become, so that nothing moves while the figures change.
  const int words = std::max(fontMetrics().horizontalAdvance(m_text),
                             fontMetrics().horizontalAdvance("999.99 MiB of 999.99 MiB, peak 999.99 MiB"));
  return {words, fontMetrics().height() + steps(*this, 2)};
}

QSize MemoryGauge::minimumSizeHint() const {
  return {fontMetrics().horizontalAdvance("999.99 MiB of 999.99 MiB"), sizeHint().height()};
}

void MemoryGauge::paintEvent(QPaintEvent*) {
  const ThemeColors& colors = colorsOf(palette());
  QPainter painter(this);
  painter.setPen(colors.text);
  const int line = fontMetrics().height();
  // Where there is little room the tick alone tells the peak; the tooltip has the words.
  const bool fits = fontMetrics().horizontalAdvance(m_text) <= width();
  painter.drawText(QRect(0, 0, width(), line), Qt::AlignRight | Qt::AlignVCenter, fits ? m_text : m_text.section(',', 0, 0));
  const std::uint64_t most = std::max({m_budget, m_use.peak, std::uint64_t{1}});
  const auto at = [&](std::uint64_t n) { return int(double(width()) * double(std::min(n, most)) / double(most)); };
  const QRect bar(0, line + steps(*this, 0.5), width(), steps(*this, 1.25));
  painter.fillRect(bar, colors.line);
  QColor fill = colors.accent;
  if (m_expected) fill.setAlphaF(0.35f);
  painter.fillRect(QRect(bar.left(), bar.top(), at(m_use.current), bar.height()), fill);
  if (m_use.peak > 0)
    painter.fillRect(QRect(std::clamp(at(m_use.peak) - 1, 0, width() - 2), bar.top() - 2, 2, bar.height() + 4), colors.text);
}

}  // namespace deltascope::ui
