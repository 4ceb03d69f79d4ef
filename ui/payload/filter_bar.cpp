// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/filter_bar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>

#include "ui/charts/numbers.h"
#include "ui/frame/metrics.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

constexpr int kPauseMs = 120;

}  // namespace

FilterBar::FilterBar(QWidget* parent) : QWidget(parent), m_edit(new QLineEdit), m_regex(new QToolButton), m_count(new QLabel) {
  m_edit->setObjectName(QStringLiteral("filter"));
  m_edit->setAccessibleName(tr("Filter"));
  m_edit->setPlaceholderText(tr("Filter tensors"));
  m_edit->setToolTip(tr("Words that must all be found in a tensor's row, in any column; \"layer 2\" in quotes stays together"));
  m_edit->setClearButtonEnabled(true);
  m_edit->setMinimumWidth(characters(*this, 18));
  m_edit->setMaximumWidth(characters(*this, 44));
  m_regex->setObjectName(QStringLiteral("filterRegex"));
  m_regex->setText(QStringLiteral(".*"));
  m_regex->setCheckable(true);
  m_regex->setAccessibleName(tr("Regular expression"));
  m_regex->setToolTip(tr("The filter is a regular expression that must match a cell; ^ and $ are a cell's ends"));
  m_count->setObjectName(QStringLiteral("filterCount"));
  m_count->setAccessibleName(tr("Tensors shown"));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(steps(*this, 1));
  layout->addWidget(m_edit, 1);
  layout->addWidget(m_regex);
  layout->addSpacing(steps(*this, 1));
  layout->addWidget(m_count);
  m_pause.setSingleShot(true);
  m_pause.setInterval(kPauseMs);
  connect(m_edit, &QLineEdit::textChanged, this, [this] { m_pause.start(); });
  connect(m_edit, &QLineEdit::returnPressed, this, &FilterBar::announce);
  connect(&m_pause, &QTimer::timeout, this, &FilterBar::announce);
  connect(m_regex, &QToolButton::toggled, this, &FilterBar::announce);
}

QString FilterBar::query() const { return m_edit->text(); }
bool FilterBar::isRegex() const { return m_regex->isChecked(); }
void FilterBar::setRegex(bool on) { m_regex->setChecked(on); }

void FilterBar::clear() {
  m_edit->clear();
  announce();
}

void FilterBar::announce() {
  m_pause.stop();
  emit queryChanged(query(), isRegex());
}

void FilterBar::setCount(int shown, int total) {
  m_shown = shown;
  m_total = total;
  refresh();
}

void FilterBar::setProblem(const QString& problem) {
  m_problem = problem;
  refresh();
}

void FilterBar::setNote(const QString& note) {
  m_note = note;
  refresh();
}

void FilterBar::refresh() {
  QString text =
      tr("%1 of %2").arg(exactCount(static_cast<std::uint64_t>(m_shown)), exactCount(static_cast<std::uint64_t>(m_total)));
  if (!m_note.isEmpty()) text += QStringLiteral(" · ") + m_note;
  if (!m_problem.isEmpty()) text = tr("✕ not a regular expression: %1").arg(m_problem);
  m_count->setText(text);
  QPalette colours = palette();
  const ThemeColors& colors = colorsOf(colours);
  colours.setColor(QPalette::WindowText, m_problem.isEmpty() ? colors.muted : colors.bad);
  m_count->setPalette(colours);
}

}  // namespace deltascope::ui
