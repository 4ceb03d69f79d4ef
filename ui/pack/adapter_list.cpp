// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/pack/adapter_list.h"

#include <QHBoxLayout>
#include <QListWidget>
#include <QPushButton>
#include <QShortcut>
#include <QVBoxLayout>

#include "ui/frame/metrics.h"
#include "ui/frame/text.h"

namespace deltascope::ui {
namespace {

QPushButton* button(const char* name, const QString& text, const QString& tip) {
  auto* made = new QPushButton(text);
  made->setObjectName(name);
  made->setAccessibleName(tip);
  made->setToolTip(tip);
  made->setAutoDefault(false);
  return made;
}

}  // namespace

AdapterList::AdapterList(std::function<QString()> choose, QWidget* parent) : QWidget(parent) {
  setObjectName("packAdapters");
  m_list = new QListWidget;
  m_list->setObjectName("packAdapterList");
  m_list->setAccessibleName("Adapters, in the order in which they are applied");
  m_list->setTextElideMode(Qt::ElideMiddle);
  m_list->setFixedHeight(steps(*this, 18));
  auto* add = button("packAdapterAdd", "Add…", "Add an adapter folder");
  m_remove = button("packAdapterRemove", "Remove", "Remove the chosen adapter");
  m_up = button("packAdapterUp", "Up", "Apply the chosen adapter earlier (Alt+Up)");
  m_down = button("packAdapterDown", "Down", "Apply the chosen adapter later (Alt+Down)");
  m_problem = new TextLabel(TextKind::Problem);
  m_problem->setObjectName("packAdaptersProblem");
  m_problem->hide();
  auto* buttons = new QHBoxLayout;
  for (QPushButton* one : {add, m_remove, m_up, m_down}) buttons->addWidget(one);
  buttons->addStretch();
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_list);
  layout->addLayout(buttons);
  layout->addWidget(m_problem);
  setFocusProxy(m_list);

  connect(add, &QPushButton::clicked, this, [this, choose = std::move(choose)] {
    const QString path = choose();
    if (path.isEmpty()) return;
    m_list->addItem(path);
    m_list->setCurrentRow(m_list->count() - 1);
    refresh();
    emit changed();
  });
  connect(m_remove, &QPushButton::clicked, this, [this] {
    delete m_list->takeItem(m_list->currentRow());
    refresh();
    emit changed();
  });
  connect(m_up, &QPushButton::clicked, this, [this] { move(-1); });
  connect(m_down, &QPushButton::clicked, this, [this] { move(+1); });
  connect(m_list, &QListWidget::currentRowChanged, this, &AdapterList::refresh);
  for (const auto& [keys, by] : {std::pair{"Alt+Up", -1}, std::pair{"Alt+Down", +1}}) {
    auto* shortcut = new QShortcut(QKeySequence(keys), m_list);
    shortcut->setContext(Qt::WidgetShortcut);
    connect(shortcut, &QShortcut::activated, this, [this, by = by] { move(by); });
  }
  refresh();
}

QStringList AdapterList::paths() const {
  QStringList paths;
  for (int row = 0; row < m_list->count(); ++row) paths << m_list->item(row)->text();
  return paths;
}

void AdapterList::setPaths(const QStringList& given) {
  if (given == paths()) return;
  m_list->clear();
  m_list->addItems(given);
  refresh();
}

void AdapterList::setProblem(const QString& problem) {
  m_problem->setText(problem.isEmpty() ? QString() : "✕ " + problem);
  m_problem->setVisible(!problem.isEmpty());
}

void AdapterList::move(int by) {
  const int row = m_list->currentRow(), target = row + by;
  if (row < 0 || target < 0 || target >= m_list->count()) return;
  m_list->insertItem(target, m_list->takeItem(row));
  m_list->setCurrentRow(target);
  emit changed();
}

void AdapterList::refresh() {
  const int row = m_list->currentRow();
  m_remove->setEnabled(row >= 0);
  m_up->setEnabled(row > 0);
  m_down->setEnabled(row >= 0 && row + 1 < m_list->count());
}

}  // namespace deltascope::ui
