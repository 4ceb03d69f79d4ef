// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/path_list.h"

#include <QHBoxLayout>
#include <QListWidget>
#include <QPushButton>
#include <QShortcut>
#include <QVBoxLayout>

#include "ui/frame/metrics.h"
#include "ui/frame/text.h"

namespace deltascope::ui {
namespace {

QPushButton* button(const QString& name, const QString& text, const QString& tip) {
  auto* made = new QPushButton(text);
  made->setObjectName(name);
  made->setAccessibleName(tip);
  made->setToolTip(tip);
  made->setAutoDefault(false);
  return made;
}

}  // namespace

PathList::PathList(const QString& prefix, const QString& noun, const QList<Adder>& adders, QWidget* parent) : QWidget(parent) {
  setObjectName(prefix + "s");
  m_list = new QListWidget;
  m_list->setObjectName(prefix + "List");
  m_list->setAccessibleName(noun.left(1).toUpper() + noun.mid(1) + "s, in the order in which they are applied");
  m_list->setTextElideMode(Qt::ElideMiddle);
  m_list->setFixedHeight(steps(*this, 18));
  m_remove = button(prefix + "Remove", "Remove", "Remove the chosen " + noun);
  m_up = button(prefix + "Up", "Up", "Apply the chosen " + noun + " earlier (Alt+Up)");
  m_down = button(prefix + "Down", "Down", "Apply the chosen " + noun + " later (Alt+Down)");
  m_problem = new TextLabel(TextKind::Problem);
  m_problem->setObjectName(prefix + "sProblem");
  m_problem->hide();
  auto* buttons = new QHBoxLayout;
  for (const Adder& adder : adders) {
    auto* one = button(prefix + adder.name, adder.text, QString("%1 %2").arg(QString(adder.text).remove("…"), noun));
    connect(one, &QPushButton::clicked, this, [this, choose = adder.choose] { add(choose()); });
    buttons->addWidget(one);
  }
  auto* more = adders.size() > 1 ? new QHBoxLayout : buttons;  // a second row keeps it narrow
  for (QPushButton* one : {m_remove, m_up, m_down}) more->addWidget(one);
  buttons->addStretch();
  if (more != buttons) more->addStretch();
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_list);
  layout->addLayout(buttons);
  if (more != buttons) layout->addLayout(more);
  layout->addWidget(m_problem);
  setFocusProxy(m_list);

  connect(m_remove, &QPushButton::clicked, this, [this] {
    delete m_list->takeItem(m_list->currentRow());
    refresh();
    emit changed();
  });
  connect(m_up, &QPushButton::clicked, this, [this] { move(-1); });
  connect(m_down, &QPushButton::clicked, this, [this] { move(+1); });
  connect(m_list, &QListWidget::currentRowChanged, this, &PathList::refresh);
  for (const auto& [keys, by] : {std::pair{"Alt+Up", -1}, std::pair{"Alt+Down", +1}}) {
    auto* shortcut = new QShortcut(QKeySequence(keys), m_list);
    shortcut->setContext(Qt::WidgetShortcut);
    connect(shortcut, &QShortcut::activated, this, [this, by = by] { move(by); });
  }
  refresh();
}

void PathList::add(const QString& path) {
  if (path.isEmpty()) return;
  m_list->addItem(path);
  m_list->setCurrentRow(m_list->count() - 1);
  refresh();
  emit changed();
}

QStringList PathList::paths() const {
  QStringList paths;
  for (int row = 0; row < m_list->count(); ++row) paths << m_list->item(row)->text();
  return paths;
}

void PathList::setPaths(const QStringList& given) {
  if (given == paths()) return;
  m_list->clear();
  m_list->addItems(given);
  refresh();
}

void PathList::setProblem(const QString& problem) {
  m_problem->setText(problem.isEmpty() ? QString() : "✕ " + problem);
  m_problem->setVisible(!problem.isEmpty());
}

void PathList::move(int by) {
  const int row = m_list->currentRow(), target = row + by;
  if (row < 0 || target < 0 || target >= m_list->count()) return;
  m_list->insertItem(target, m_list->takeItem(row));
  m_list->setCurrentRow(target);
  emit changed();
}

void PathList::refresh() {
  const int row = m_list->currentRow();
  m_remove->setEnabled(row >= 0);
  m_up->setEnabled(row > 0);
  m_down->setEnabled(row >= 0 && row + 1 < m_list->count());
}

}  // namespace deltascope::ui
