// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/pack/path_field.h"

#include <QDragEnterEvent>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QMimeData>
#include <QPushButton>
#include <QUrl>
#include <QVBoxLayout>

#include "ui/frame/metrics.h"
#include "ui/frame/text.h"

namespace deltascope::ui {

PathField::PathField(const QString& name, const QString& accessibleName, std::function<QString(const QString&)> browse,
                     QWidget* parent)
    : QWidget(parent) {
  setObjectName(name);
  m_edit = new QLineEdit;
  m_edit->setObjectName(name + "Edit");
  m_edit->setAccessibleName(accessibleName);
  m_edit->setTextMargins(steps(*this, 0.75), 0, steps(*this, 0.75), 0);
  m_edit->installEventFilter(this);
  m_browse = new QPushButton("Browse…");
  m_browse->setObjectName(name + "Browse");
  m_browse->setAccessibleName("Browse for: " + accessibleName);
  m_browse->setAutoDefault(false);
  m_problem = new TextLabel(TextKind::Problem);
  m_problem->setObjectName(name + "Problem");
  m_problem->hide();
  auto* line = new QHBoxLayout;
  line->addWidget(m_edit, 1);
  line->addWidget(m_browse);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addLayout(line);
  layout->addWidget(m_problem);
  setFocusProxy(m_edit);
  connect(m_edit, &QLineEdit::textChanged, this, &PathField::textChanged);
  connect(m_edit, &QLineEdit::textEdited, this, &PathField::textEdited);
  connect(m_browse, &QPushButton::clicked, this, [this, browse = std::move(browse)] {
    const QString chosen = browse(text());
    if (chosen.isEmpty()) return;
    setText(chosen);
    emit textEdited(chosen);
  });
}

QString PathField::text() const { return m_edit->text(); }

void PathField::setText(const QString& text) {
  if (m_edit->text() != text) m_edit->setText(text);
}

void PathField::setPlaceholder(const QString& text) { m_edit->setPlaceholderText(text); }

void PathField::setProblem(const QString& problem) {
  m_problem->setText(problem.isEmpty() ? QString() : "✕ " + problem);
  m_problem->setVisible(!problem.isEmpty());
  m_edit->setAccessibleDescription(problem);
}

/// A file dropped on the edit is its path, not a URL; and the window must not take it for a model to open.
bool PathField::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::DragEnter || event->type() == QEvent::DragMove || event->type() == QEvent::Drop) {
    auto* drop = static_cast<QDropEvent*>(event);
    if (!drop->mimeData()->hasUrls() || !drop->mimeData()->urls().first().isLocalFile()) return false;
    drop->acceptProposedAction();
    if (event->type() == QEvent::Drop) {
      setText(drop->mimeData()->urls().first().toLocalFile());
      emit textEdited(text());
    }
    return true;
  }
  return QWidget::eventFilter(watched, event);
}

}  // namespace deltascope::ui
