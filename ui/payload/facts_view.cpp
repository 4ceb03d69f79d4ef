// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/facts_view.h"

#include <QEvent>
#include <QGridLayout>
#include <QLabel>

#include "ui/frame/metrics.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {

FactsView::FactsView(QWidget* parent) : QScrollArea(parent) {
  setWidgetResizable(true);
  setFrameShape(QFrame::NoFrame);
}

void FactsView::setFacts(const QList<QPair<QString, QString>>& facts) {
  if (facts == m_facts) return;
  m_facts = facts;
  rebuild();
}

void FactsView::rebuild() {
  auto* page = new QWidget;
  page->setBackgroundRole(QPalette::Base);
  auto* grid = new QGridLayout(page);
  grid->setHorizontalSpacing(steps(*this, 3));
  grid->setVerticalSpacing(steps(*this, 1));
  QPalette muted = palette();
  muted.setColor(QPalette::WindowText, colorsOf(palette()).muted);
  const int rows = static_cast<int>((m_facts.size() + m_columns - 1) / m_columns);
  for (int i = 0; i < m_facts.size(); ++i) {
    auto* label = new QLabel(m_facts[i].first);
    label->setPalette(muted);
    label->setAlignment(Qt::AlignLeft | Qt::AlignTop);
    auto* value = new QLabel(m_facts[i].second);
    value->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    value->setTextFormat(Qt::PlainText);  // names come from files
    value->setAccessibleName(m_facts[i].first);
    value->setWordWrap(true);
    value->setAlignment(Qt::AlignLeft | Qt::AlignTop);
    const int row = i % rows, column = 2 * (i / rows);
    grid->addWidget(label, row, column);
    grid->addWidget(value, row, column + 1);
  }
  for (int column = 0; column < m_columns; ++column) grid->setColumnStretch(2 * column + 1, 1);
  grid->setRowStretch(rows, 1);
  setWidget(page);  // deletes the one before
}

void FactsView::changeEvent(QEvent* event) {
  QScrollArea::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) rebuild();
}

void FactsView::resizeEvent(QResizeEvent* event) {
  QScrollArea::resizeEvent(event);
  const int columns = width() > characters(*this, 120) ? 2 : 1;
  if (columns == m_columns) return;
  m_columns = columns;
  rebuild();
}

}  // namespace deltascope::ui
