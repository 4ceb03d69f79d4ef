// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/jobs/jobs_strip.h"

#include <QAction>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QStyle>
#include <QToolButton>

#include "ui/frame/icons.h"
#include "ui/frame/metrics.h"
#include "ui/jobs/job_text.h"
#include "ui/jobs/jobs_model.h"

namespace deltascope::ui {

JobsStrip::JobsStrip(JobRunner& runner, JobsModel& model, QAction* expand, QWidget* parent)
    : QWidget(parent), m_runner(runner), m_model(model) {
  setObjectName("jobsStrip");
  setAccessibleName("Jobs");
  m_expand = new QToolButton;
  m_expand->setObjectName("jobsExpand");
  m_expand->setDefaultAction(expand);
  m_expand->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  m_expand->setFocusPolicy(Qt::StrongFocus);
  m_expand->setAutoRaise(true);
  m_icon = new QLabel;
  m_title = new QLabel;
  m_title->setObjectName("jobsStripTitle");
  m_title->setTextFormat(Qt::PlainText);
  m_bar = new QProgressBar;
  m_bar->setObjectName("jobsStripBar");
  m_bar->setAccessibleName("Progress of the running job");
  m_bar->setTextVisible(false);
  m_summary = new QLabel;
  m_summary->setObjectName("jobsStripSummary");
  m_summary->setTextFormat(Qt::PlainText);
  m_summary->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_cancel = new QToolButton;
  m_cancel->setObjectName("jobsStripCancel");
  m_cancel->setText("Cancel");
  m_cancel->setAccessibleName("Cancel the running job");
  m_cancel->setToolTip("Stop the job that runs");
  m_cancel->setFocusPolicy(Qt::StrongFocus);
  m_cancel->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);

  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(steps(*this, 1), 0, steps(*this, 2), 0);
  layout->addWidget(m_expand);
  layout->addWidget(m_icon);
  layout->addWidget(m_title);
  layout->addWidget(m_bar);
  layout->addWidget(m_cancel);  // before the words, whose length changes: it must not move under the pointer
  layout->addWidget(m_summary, 1);

  connect(m_cancel, &QToolButton::clicked, this, [this] { m_runner.cancel(m_shown); });
  connect(&m_model, &QAbstractItemModel::modelReset, this, &JobsStrip::refresh);
  connect(&m_model, &QAbstractItemModel::dataChanged, this, &JobsStrip::refresh);
  connect(&m_model, &QAbstractItemModel::rowsInserted, this, &JobsStrip::refresh);
  applyIcons();
  refresh();
}

QString JobsStrip::text() const {
  return QStringList{m_expand->text().remove('&'), m_title->text(), m_summary->text()}.join(' ').simplified();
}

void JobsStrip::refresh() {
  const JobView* shown = nullptr;
  int unfinished = 0;
  for (int row = m_model.rowCount(); row-- > 0;) {  // oldest first
    const JobView* job = m_model.viewAt(row);
    if (!isFinished(job->state)) ++unfinished;
    const bool better =
        !shown || job->state == JobState::Running || (shown->state != JobState::Running && isFinished(job->state));
    if (better) shown = job;
  }
  m_expand->defaultAction()->setText(unfinished > 0 ? QString("&Jobs (%1)").arg(unfinished) : QString("&Jobs"));
  m_expand->setAccessibleName(unfinished > 0 ? QString("Jobs, %1 unfinished").arg(unfinished) : QString("Jobs"));
  m_shown = shown ? shown->id : 0;
  const bool running = shown && shown->state == JobState::Running;
  m_title->setText(shown ? shown->spec.title : QString("none yet"));
  m_summary->setText(shown ? summaryText(*shown) : QString());
  m_bar->setVisible(running);
  m_bar->setFixedWidth(characters(*this, 24));
  m_bar->setMaximumHeight(steps(*this, 2));
  if (running) {
    const double share = doneShare(*shown);
    m_bar->setRange(0, share < 0 ? 0 : 1000);
    m_bar->setValue(share < 0 ? 0 : static_cast<int>(share * 1000));
  }
  m_cancel->setVisible(shown && !isFinished(shown->state));
  m_cancel->setEnabled(shown && !shown->cancelling);
  const QString icon = shown ? stateIcon(*shown) : QString();
  m_icon->setVisible(shown);
  if (icon != m_iconName) {
    m_iconName = icon;
    applyIcons();
  }
}

void JobsStrip::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange) applyIcons();
  QWidget::changeEvent(event);
}

void JobsStrip::applyIcons() {
  m_cancel->setIcon(themedIcon("cancel", palette()));
  const int side = style()->pixelMetric(QStyle::PM_SmallIconSize, nullptr, this);
  m_icon->setPixmap(m_iconName.isEmpty() ? QPixmap()
                                         : themedIcon(m_iconName, palette()).pixmap(QSize(side, side), devicePixelRatioF()));
}

}  // namespace deltascope::ui
