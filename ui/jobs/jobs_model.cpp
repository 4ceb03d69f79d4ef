// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/jobs/jobs_model.h"

#include <algorithm>

#include "ui/jobs/job_text.h"

namespace deltascope::ui {
namespace {

struct Heading {
  const char* text;
  const char* tip;
};
constexpr Heading kHeadings[JobsModel::ColumnCount] = {
    {"Job", "What was asked for"},
    {"State", "queued, running, succeeded, failed or cancelled"},
    {"Phase", "What it is doing now, what it waits for, or why it failed"},
    {"Progress", "Share of the expected work"},
    {"Throughput", "Bytes of final weights a second since the start"},
    {"Elapsed", "Time since it started running"},
    {"Left", "Estimate from what was done so far"},
};

QString displayText(const JobView& job, int column) {
  switch (column) {
    case JobsModel::Title:
      return job.spec.title;
    case JobsModel::StateColumn:
      return stateText(job);
    case JobsModel::Phase:
      return phaseText(job);
    case JobsModel::Done:
      return percentText(job);
    case JobsModel::Throughput:
      return throughputText(job);
    case JobsModel::Elapsed:
      return elapsedText(job);
    case JobsModel::Eta:
      return etaText(job);
    default:
      return {};
  }
}

}  // namespace

JobsModel::JobsModel(const JobRunner& runner, QObject* parent) : QAbstractTableModel(parent), m_runner(runner) {
  reload();
  connect(&runner, &JobRunner::added, this, &JobsModel::add);
  connect(&runner, &JobRunner::changed, this, &JobsModel::refresh);
  connect(&runner, &JobRunner::cleared, this, &JobsModel::reload);
}

int JobsModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_rows.size()); }

int JobsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

QVariant JobsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const JobView& job = m_rows[static_cast<std::size_t>(index.row())];
  const int column = index.column();
  switch (role) {
    case Qt::DisplayRole:
      return displayText(job, column);
    case Qt::ToolTipRole:
      return column == Phase && job.error ? QString::fromStdString(describe(*job.error)) : displayText(job, column);
    case Qt::AccessibleTextRole:
      return QString("%1: %2").arg(QString(kHeadings[column].text), displayText(job, column));
    case Qt::TextAlignmentRole:
      return column >= Throughput ? QVariant(Qt::AlignRight | Qt::AlignVCenter) : QVariant(Qt::AlignLeft | Qt::AlignVCenter);
    case IdRole:
      return QVariant::fromValue<qulonglong>(job.id);
    case ShareRole:
      return column == Done ? QVariant(doneShare(job)) : QVariant();
    case StateIconRole:
      return column == StateColumn ? QVariant(stateIcon(job)) : QVariant();
    default:
      return {};
  }
}

QVariant JobsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount) return {};
  if (role == Qt::DisplayRole) return QString(kHeadings[section].text);
  if (role == Qt::ToolTipRole) return QString(kHeadings[section].tip);
  if (role == Qt::TextAlignmentRole) return section >= Throughput ? Qt::AlignRight : Qt::AlignLeft;
  return {};
}

int JobsModel::rowOf(JobId id) const {
  const auto found = std::ranges::find_if(m_rows, [id](const JobView& job) { return job.id == id; });
  return found == m_rows.end() ? -1 : static_cast<int>(found - m_rows.begin());
}

const JobView* JobsModel::viewAt(int row) const {
  return row >= 0 && row < static_cast<int>(m_rows.size()) ? &m_rows[static_cast<std::size_t>(row)] : nullptr;
}

void JobsModel::add(JobId id) {
  const auto view = m_runner.job(id);
  if (!view || rowOf(id) >= 0) return;
  beginInsertRows({}, 0, 0);
  m_rows.insert(m_rows.begin(), *view);
  endInsertRows();
}

void JobsModel::refresh(JobId id) {
  const int row = rowOf(id);
  const auto view = m_runner.job(id);
  if (row < 0 || !view) return;
  m_rows[static_cast<std::size_t>(row)] = *view;
  emit dataChanged(index(row, 0), index(row, ColumnCount - 1));
}

void JobsModel::reload() {
  beginResetModel();
  m_rows.clear();
  for (const JobId id : m_runner.jobs())
    if (const auto view = m_runner.job(id)) m_rows.insert(m_rows.begin(), *view);
  endResetModel();
}

}  // namespace deltascope::ui
