// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QAbstractTableModel>
#include <vector>

#include "ui/jobs/job_runner.h"

namespace deltascope::ui {

/// The Work jobs of a runner as rows, newest first. Follows the runner's signals.
class JobsModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Title, StateColumn, Phase, Done, Throughput, Elapsed, Eta, ColumnCount };
  enum Role {
    IdRole = Qt::UserRole,  ///< JobId as qulonglong
    ShareRole,              ///< of column Done: 0 … 1, negative while unknown
    StateIconRole           ///< of column StateColumn: an icon's name
  };

  explicit JobsModel(const JobRunner& runner, QObject* parent = nullptr);
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

  [[nodiscard]] int rowOf(JobId id) const;  ///< -1 when unknown
  [[nodiscard]] const JobView* viewAt(int row) const;

 private:
  void add(JobId id);
  void refresh(JobId id);
  void reload();
  const JobRunner& m_runner;
  std::vector<JobView> m_rows;
};

}  // namespace deltascope::ui
