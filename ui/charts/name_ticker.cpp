// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSet>
#include <algorithm>
#include <cmath>

#include "ui/charts/build_parts.h"

namespace deltascope::ui {
namespace {

/// "layers.0.q.weight", "layers.1.q.weight" → "0", "1": whole parts that all names share say nothing on an axis.
QStringList withoutShared(const QStringList& names) {
  if (names.size() < 2) return names;
  std::vector<QStringList> parts;
  qsizetype fewest = names.front().size();
  for (const QString& name : names) {
    parts.push_back(name.split(u'.'));
    fewest = std::min(fewest, parts.back().size());
  }
  const auto allShare = [&parts](bool fromFront, qsizetype i) {
    const auto part = [fromFront, i](const QStringList& p) { return p[fromFront ? i : p.size() - 1 - i]; };
    return std::all_of(parts.begin(), parts.end(), [&](const QStringList& p) { return part(p) == part(parts.front()); });
  };
  qsizetype front = 0, back = 0;
  while (front + 1 < fewest && allShare(true, front)) ++front;
  while (front + back + 1 < fewest && allShare(false, back)) ++back;
  QStringList out;
  for (const QStringList& p : parts) out << p.mid(front, p.size() - front - back).join(u'.');
  return out;
}

/// Measuring a text takes much longer than comparing it, and names differ by their numbers, whose digits are of one width.
int widestOf(const QStringList& names, const QFontMetrics& metrics) {
  QSet<QString> kinds;
  for (QString name : names) {
    for (QChar& c : name)
      if (c.isDigit()) c = u'0';
    kinds.insert(name);
  }
  int widest = 0;
  for (const QString& kind : kinds) widest = std::max(widest, metrics.horizontalAdvance(kind));
  return widest;
}

}  // namespace

NameTicker::NameTicker(QCPAxis& axis, const QStringList& names) : m_axis(axis), m_names(withoutShared(names)) {}

void NameTicker::generate(const QCPRange& range, const QLocale& locale, QChar formatChar, int precision, QVector<double>& ticks,
                          QVector<double>* subTicks, QVector<QString>* tickLabels) {
  // Here, not once: views are resized and zoomed, files have a size of their own. The layout is not known yet, the whole
  // picture's size is near enough.
  const QRect view = m_axis.parentPlot()->viewport();
  const QFontMetrics metrics(m_axis.tickLabelFont());
  const double perPosition = 0.8 * view.width() / range.size();
  const int tallest = static_cast<int>(0.36 * view.height());
  if (m_widest < 0 || m_measured != m_axis.tickLabelFont()) {
    m_measured = m_axis.tickLabelFont();
    m_widest = widestOf(m_names, metrics);
  }
  const int widest = m_widest;
  const bool upright = widest + 2 * metrics.averageCharWidth() <= perPosition;
  const bool turned = !upright && tallest >= 8 * metrics.averageCharWidth();
  m_axis.setTickLabelRotation(turned && !m_names.isEmpty() ? -90 : 0);
  if (m_names.isEmpty() || (!upright && !turned)) {
    CountTicker::generate(range, locale, formatChar, precision, ticks, subTicks, tickLabels);
    return;
  }
  const int step = upright ? 1 : std::max(1, static_cast<int>(std::ceil(1.15 * metrics.height() / perPosition)));
  const int last = static_cast<int>(std::min<double>(std::floor(range.upper), double(m_names.size() - 1)));
  ticks.clear();
  if (tickLabels) tickLabels->clear();
  if (subTicks) subTicks->clear();
  for (int i = static_cast<int>(std::max(0.0, std::ceil(range.lower))); i <= last; ++i) {
    if (i % step != 0) continue;
    ticks.append(i);
    if (tickLabels) tickLabels->append(metrics.elidedText(m_names[i], Qt::ElideMiddle, upright ? widest : tallest));
  }
}

}  // namespace deltascope::ui
