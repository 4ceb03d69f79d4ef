// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The list of benchmark runs: to find, compare, name and delete them.
#include <QList>
#include <QStringList>
#include <QWidget>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "ui/frame/page.h"
#include "ui/history/run_columns.h"
#include "ui/history/run_history.h"

class QAction;
class QTableView;

namespace deltascope::ui {

class FilterBar;
class RunFilter;
class RunListModel;
class StateStack;

/// The runs in `<dataFolder>/runs`, loaded when it is made; with an empty data folder, those that keepRun() is given. Thread:
/// the window's; files are read and changed one after another in the background lane.
class RunListView : public QWidget {
  Q_OBJECT
 public:
  explicit RunListView(const PageServices& services, QWidget* parent = nullptr);

  [[nodiscard]] const QString& folder() const;  ///< empty: in memory only
  [[nodiscard]] QString pathOf(const QString& file) const;
  /// The name of a file for a run that begins now; see RunHistory. Write it at pathOf() and call runFinished().
  [[nodiscard]] Result<QString> newRunFile(const QString& stem);
  void runFinished(const QString& file);  ///< the file was written, or removed: lists it as it is, and selects it
  void addFile(const QString& path);      ///< copies a run from elsewhere, lists it and activates it
  void keepRun(BenchmarkRun run);         ///< lists a run that has no file, until the window closes
  void reload();

  [[nodiscard]] QStringList selectedFiles() const;  ///< from the top
  using RunsReader = std::function<void(const Result<std::vector<BenchmarkRun>>&)>;
  /// Reads them in the background, in this order; `done` is called here unless the view is gone by then.
  void readRuns(const QStringList& files, RunsReader done);
  void readSelected(RunsReader done) { readRuns(selectedFiles(), std::move(done)); }
  void select(const QString& file);

  [[nodiscard]] QString baselineFile() const;  ///< empty: none is pinned, or it is not listed
  void setBaseline(const QString& file);
  void setThreshold(double share);  ///< see RunListModel

  [[nodiscard]] RunListModel* model() const { return m_model; }
  [[nodiscard]] QTableView* table() const { return m_table; }
  /// For menus, in order. Their keys work while the table has the keyboard.
  [[nodiscard]] QList<QAction*> listActions() const;
  void saveState(Settings& settings) const;
  void restoreState(const Settings& settings);
  void resetLayout();

 signals:
  void runActivated(const QString& file);
  void compareRequested(const QStringList& files);  ///< the baseline first if it is one of them, then from the oldest
  void baselineChanged(const QString& file);        ///< empty: none
  void messageRaised(const deltascope::ui::Message& message);

 protected:
  void changeEvent(QEvent* event) override;

 private:
  // run_list_view.cpp: what it looks like
  void makeTable();
  void showState();
  void refresh();
  void setQuery(const QString& query, bool regex);
  void tellBaseline();
  [[nodiscard]] int widthOf(RunColumn column) const;
  [[nodiscard]] const RunEntry* entryAt(const QModelIndex& index) const;  ///< of the filter; null: none
  [[nodiscard]] const RunEntry* current() const;
  [[nodiscard]] std::vector<const RunEntry*> selected() const;
  // run_list_actions.cpp: what it does
  void makeActions();
  void openCurrent();
  void edit(RunColumn column);
  void rename(const QString& file, const QString& name);
  void setNotes(const QString& file, const QString& text);
  void removeSelected();
  void undoRemove();
  void togglePin(const QString& file);
  [[nodiscard]] QStringList toCompare() const;
  void importRun();
  void exportCsv();
  void replaced(const QString& what, const Result<RunEntry>& entry);
  /// Runs one piece of work on the history after another.
  template <class Work, class Done>
  void queue(const QString& title, Work work, Done done);
  void startNext();

  PageServices m_services;
  std::shared_ptr<RunHistory> m_history;
  RunListModel* m_model;
  RunFilter* m_rows;
  FilterBar* m_filter;
  QTableView* m_table;
  StateStack* m_stack;
  QAction *m_open = nullptr, *m_rename = nullptr, *m_notes = nullptr, *m_delete = nullptr, *m_undo = nullptr, *m_pin = nullptr,
          *m_compare = nullptr, *m_import = nullptr, *m_export = nullptr;
  std::deque<std::function<void()>> m_waiting;
  bool m_busy = false, m_loading = false;
  QString m_toldBaseline;
  QList<QStringList> m_removed;  ///< names in the trash, by deletion
  QFont m_laidOutFor;
};

}  // namespace deltascope::ui
