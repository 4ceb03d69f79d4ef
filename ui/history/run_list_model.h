// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QAbstractTableModel>
#include <QStringList>
#include <vector>

#include "core/bench/diff.h"
#include "ui/history/run_columns.h"

namespace deltascope::ui {

/// Runs as rows, in the order they were given; figures beside those of a baseline. Name and notes are edited in place: the
/// model asks, and shows the new text once its owner put() the changed entry.
class RunListModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  using Column = RunColumn;
  enum Role {
    FileRole = Qt::UserRole,
    SortRole,            ///< raw figures (NaN: none) and text
    ToneRole,            ///< RunTone of the cell
    ValueRole,           ///< of figures: the value alone
    DifferenceRole,      ///< of figures while there is a baseline: "(+3.1 %)" or empty; invalid without one
    DifferenceToneRole,  ///< RunTone of the difference
    IsBaselineRole
  };

  explicit RunListModel(QObject* parent = nullptr);
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  /// False: nothing has changed yet.
  bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;

  void setEntries(std::vector<RunEntry> entries);
  void put(const RunEntry& entry);  ///< in place of the one of that file, else as the first
  void remove(const QStringList& files);
  [[nodiscard]] const std::vector<RunEntry>& entries() const { return m_entries; }
  [[nodiscard]] const RunEntry& entryAt(int row) const { return m_entries[static_cast<std::size_t>(row)]; }
  [[nodiscard]] int rowOf(const QString& file) const;  ///< -1 when unknown
  [[nodiscard]] const QString& searchText(int row) const { return m_texts[static_cast<std::size_t>(row)]; }

  /// Kept while its run is not listed, and empty in baseline() until it is.
  void setBaseline(const QString& file);
  [[nodiscard]] QString baseline() const;
  void setThreshold(double share);  ///< differences up to this share of the baseline are noise
  [[nodiscard]] double threshold() const { return m_threshold; }

 signals:
  void renameRequested(const QString& file, const QString& name);
  void notesRequested(const QString& file, const QString& text);

 private:
  [[nodiscard]] const RunEntry* baselineEntry() const;
  [[nodiscard]] QString searchTextOf(const RunEntry& entry) const;
  [[nodiscard]] QVariant figureData(const RunEntry& entry, RunColumn column, int role) const;
  void refreshFigures();
  void updateDerived();

  std::vector<RunEntry> m_entries;
  std::vector<QString> m_texts;  ///< case-folded cells, one a line, for the filter
  QString m_baseline;
  int m_baselineRow = -1;
  double m_threshold = kDiffThreshold;
  Unit m_unit = unitFor({});
};

}  // namespace deltascope::ui
