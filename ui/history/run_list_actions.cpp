// SPDX-License-Identifier: GPL-3.0-or-later
// The part of RunListView that does things to runs.
#include <QAction>
#include <QDir>
#include <QFileInfo>
#include <QTableView>
#include <algorithm>

#include "ui/export/files.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/settings.h"
#include "ui/frame/written.h"
#include "ui/history/run_filter.h"
#include "ui/history/run_list_model.h"
#include "ui/history/run_list_view.h"
#include "ui/jobs/job_runner.h"
#include "ui/payload/state_stack.h"

namespace deltascope::ui {
namespace {

QString nRuns(qsizetype n) { return n == 1 ? QStringLiteral("1 run") : QStringLiteral("%1 runs").arg(n); }

}  // namespace

void RunListView::makeActions() {
  const auto make = [this](const char* name, const QString& text, const QList<QKeySequence>& keys, const QString& tip) {
    auto* action = new QAction(text, this);
    action->setObjectName(name);
    action->setShortcuts(keys);
    action->setShortcutContext(Qt::WidgetShortcut);
    action->setToolTip(tip);
    action->setStatusTip(tip);
    m_table->addAction(action);
    return action;
  };
  m_open = make("runOpen", tr("&Open run"), {Qt::Key_Return, Qt::Key_Enter}, tr("Show the chosen run's figures"));
  m_rename = make("runRename", tr("Re&name run"), {Qt::Key_F2}, tr("Give the chosen run another name"));
  m_notes = make("runNotes", tr("Edit no&tes"), {QKeySequence("Shift+F2")}, tr("Write something about the chosen run"));
  m_pin = make("runPinBaseline", tr("Pin as &baseline"), {QKeySequence("Ctrl+Shift+B")},
               tr("Show how the other runs differ from the chosen one"));
  m_compare = make("runCompare", tr("&Compare runs"), {QKeySequence("Ctrl+D")},
                   tr("Compare the chosen runs tensor by tensor, or the chosen one with the baseline"));
  m_delete = make("runDelete", tr("&Delete runs"), {Qt::Key_Delete},
                  tr("Move the chosen runs to the trash, which is emptied of them after %1 days").arg(RunHistory::kTrashDays));
  m_undo = make("runUndoDelete", tr("&Undo delete"), {QKeySequence("Ctrl+Z")}, tr("Bring back what was deleted last"));
  m_import = make("runImport", tr("&Add run file …"), {QKeySequence("Ctrl+Shift+I")},
                  tr("Copy a run from a file that bench --out wrote"));
  m_export =
      make("runExportCsv", tr("&Export runs …"), {QKeySequence("Ctrl+Shift+E")}, tr("Write the rows shown as a CSV table"));
  connect(m_open, &QAction::triggered, this, &RunListView::openCurrent);
  connect(m_rename, &QAction::triggered, this, [this] { edit(RunColumn::Name); });
  connect(m_notes, &QAction::triggered, this, [this] { edit(RunColumn::Notes); });
  connect(m_pin, &QAction::triggered, this, [this] {
    if (const RunEntry* entry = current()) togglePin(entry->file);
  });
  connect(m_compare, &QAction::triggered, this, [this] { emit compareRequested(toCompare()); });
  connect(m_delete, &QAction::triggered, this, &RunListView::removeSelected);
  connect(m_undo, &QAction::triggered, this, &RunListView::undoRemove);
  connect(m_import, &QAction::triggered, this, &RunListView::importRun);
  connect(m_export, &QAction::triggered, this, &RunListView::exportCsv);
}

QList<QAction*> RunListView::listActions() const {
  return {m_open, m_rename, m_notes, m_pin, m_compare, m_delete, m_undo, m_import, m_export};
}

template <class Work, class Done>
void RunListView::queue(const QString& title, Work work, Done done) {
  m_waiting.push_back([this, title, work = std::move(work), done = std::move(done)] {
    using Outcome = std::invoke_result_t<Work, RunHistory&, const JobScope&>;
    m_services.jobs->start(
        JobSpec{.title = title, .kind = "runs", .lane = JobLane::Background, .result = {}},
        [history = m_history, work](const JobScope& scope) -> Outcome { return work(*history, scope); }, this,
        [this, done](const Outcome& outcome) {
          m_busy = false;
          done(outcome);
          startNext();
        });
  });
  startNext();
}

void RunListView::startNext() {
  if (m_busy || m_waiting.empty()) return;
  m_busy = true;
  const auto start = std::move(m_waiting.front());
  m_waiting.pop_front();
  start();
}

void RunListView::reload() {
  m_loading = true;
  refresh();
  queue(
      tr("Runs"),
      [this](RunHistory& history, const JobScope& scope) {
        JobContext job = scope;
        job.progress = [this, &scope](const Progress& progress) {
          scope.post([this, done = progress.tensorsDone, total = progress.tensorsTotal] {
            if (m_loading && m_model->rowCount() == 0)
              m_stack->showWords(tr("Reading runs: %1 of %2").arg(exactCount(done), exactCount(total)));
          });
        };
        return history.open(job);
      },
      [this](const Result<OpenedRuns>& opened) {
        m_loading = false;
        if (!opened) {
          refresh();
          if (opened.error().code != ErrorCode::Cancelled)
            emit messageRaised(errorMessage(tr("The list of runs"), opened.error()));
          return;
        }
        const QStringList chosen = selectedFiles();
        m_model->setEntries(opened->entries);
        if (!chosen.isEmpty()) select(chosen.first());
        if (opened->remarks.isEmpty()) return;
        Message message;
        message.severity = Message::Severity::Warning;
        message.text = opened->remarks.first().section(u'\n', 0, 0);
        if (opened->remarks.size() > 1) message.text += tr(", and more");
        message.details = opened->remarks.join(u'\n');
        emit messageRaised(message);
      });
}

void RunListView::runFinished(const QString& file) {
  queue(
      tr("Read run"), [file](RunHistory& history, const JobScope&) { return history.refresh(file); },
      [this, file](const Result<RunEntry>& entry) {
        if (!entry) return m_model->remove({file});
        m_model->put(*entry);
        select(file);
      });
}

void RunListView::keepRun(BenchmarkRun run) {
  queue(
      tr("Keep run"),
      [run = std::move(run)](RunHistory& history, const JobScope&) -> Result<RunEntry> { return history.keep(run); },
      [this](const Result<RunEntry>& entry) {
        if (!entry) return;
        m_model->put(*entry);
        select(entry->file);
      });
}

void RunListView::readRuns(const QStringList& files, RunsReader done) {
  queue(
      tr("Read runs"),
      [files](const RunHistory& history, const JobScope& scope) -> Result<std::vector<BenchmarkRun>> {
        std::vector<BenchmarkRun> runs;
        for (const QString& file : files) {
          if (scope.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
          DELTASCOPE_ASSIGN(BenchmarkRun run, history.read(file));
          runs.push_back(std::move(run));
        }
        return runs;
      },
      std::move(done));
}

void RunListView::openCurrent() {
  const RunEntry* entry = current();
  if (entry && entry->readable()) emit runActivated(entry->file);
}

void RunListView::edit(RunColumn column) {
  const QModelIndexList rows = m_table->selectionModel()->selectedRows(static_cast<int>(column));
  if (rows.size() != 1) return;
  m_table->scrollTo(rows.front());
  m_table->setCurrentIndex(rows.front());
  m_table->edit(rows.front());
}

void RunListView::replaced(const QString& what, const Result<RunEntry>& entry) {
  if (entry)
    m_model->put(*entry);
  else
    emit messageRaised(errorMessage(what, entry.error()));
}

void RunListView::rename(const QString& file, const QString& name) {
  queue(
      tr("Rename run"), [file, name](RunHistory& history, const JobScope&) { return history.rename(file, name); },
      [this](const Result<RunEntry>& entry) { replaced(tr("Renaming the run"), entry); });
}

void RunListView::setNotes(const QString& file, const QString& text) {
  queue(
      tr("Write notes"), [file, text](RunHistory& history, const JobScope&) { return history.setNotes(file, text); },
      [this](const Result<RunEntry>& entry) { replaced(tr("Writing the notes"), entry); });
}

void RunListView::removeSelected() {
  const QStringList files = selectedFiles();
  if (files.isEmpty()) return;
  queue(
      tr("Delete runs"), [files](RunHistory& history, const JobScope&) -> Result<MovedRuns> { return history.remove(files); },
      [this](const Result<MovedRuns>& moved) {
        if (!moved) return;
        m_model->remove(moved->files);
        if (!moved->trashed.isEmpty()) m_removed.append(moved->trashed);
        refresh();
        if (moved->problem) return emit messageRaised(errorMessage(tr("Deleting runs"), *moved->problem));
        Message message;
        message.severity = Message::Severity::Success;
        message.text = tr("Deleted %1").arg(nRuns(moved->files.size()));
        message.actionText = tr("&Undo");
        message.action = [view = QPointer<RunListView>(this)] {
          if (view) view->undoRemove();
        };
        emit messageRaised(message);
      });
}

void RunListView::undoRemove() {
  if (m_removed.isEmpty()) return;
  const QStringList trashed = m_removed.takeLast();
  struct Back {
    MovedRuns moved;
    std::vector<RunEntry> entries;
  };
  queue(
      tr("Undo delete"),
      [trashed](RunHistory& history, const JobScope&) -> Result<Back> {
        Back back{history.restore(trashed), {}};
        for (const QString& file : back.moved.files)
          if (auto entry = history.refresh(file)) back.entries.push_back(std::move(*entry));
        return back;
      },
      [this](const Result<Back>& back) {
        if (!back) return;
        for (const RunEntry& entry : back->entries) m_model->put(entry);
        if (!back->entries.empty()) select(back->entries.front().file);
        refresh();
        if (back->moved.problem) emit messageRaised(errorMessage(tr("Bringing runs back"), *back->moved.problem));
      });
}

void RunListView::togglePin(const QString& file) { setBaseline(file == baselineFile() ? QString() : file); }

QStringList RunListView::toCompare() const {
  std::vector<const RunEntry*> rows = selected();
  std::erase_if(rows, [](const RunEntry* entry) { return !entry->readable(); });
  const QString baseline = baselineFile();
  const bool among = std::ranges::any_of(rows, [&](const RunEntry* entry) { return entry->file == baseline; });
  if (rows.size() == 1 && !baseline.isEmpty() && !among) return {baseline, rows.front()->file};
  if (rows.size() < 2) return {};
  std::ranges::sort(rows, [&](const RunEntry* a, const RunEntry* b) {
    if ((a->file == baseline) != (b->file == baseline)) return a->file == baseline;
    return a->created < b->created;
  });
  QStringList files;
  for (const RunEntry* entry : rows) files << entry->file;
  return files;
}

void RunListView::importRun() {
  const QString path = m_services.dialogs->openFile(this, tr("Add run file"), m_services.settings->get(setting::kOpenFolder),
                                                    tr("Benchmark run (*.json)"));
  if (path.isEmpty()) return;
  m_services.settings->set(setting::kOpenFolder, QFileInfo(path).absolutePath());
  addFile(path);
}

void RunListView::addFile(const QString& path) {
  queue(
      tr("Add run"), [path](RunHistory& history, const JobScope&) { return history.add(path); },
      [this](const Result<RunEntry>& entry) {
        replaced(tr("Adding the run"), entry);
        if (!entry) return;
        select(entry->file);
        emit runActivated(entry->file);
      });
}

void RunListView::exportCsv() {
  const QString folder = m_services.settings->get(setting::kExportFolder);
  QString path = m_services.dialogs->saveFile(this, tr("Export runs"),
                                              QDir(folder.isEmpty() ? QDir::homePath() : folder).filePath("benchmark-runs.csv"),
                                              tr("CSV table (*.csv)"));
  if (path.isEmpty()) return;
  if (QFileInfo(path).suffix().isEmpty()) path += ".csv";
  std::vector<RunEntry> rows;
  for (int row = 0; row < m_rows->rowCount(); ++row) rows.push_back(*entryAt(m_rows->index(row, 0)));
  if (const auto written = writeWhole(path, runsToCsv(rows, baselineFile())); !written)
    return emit messageRaised(errorMessage(tr("Exporting runs"), written.error()));
  m_services.settings->set(setting::kExportFolder, QFileInfo(path).absolutePath());
  emit messageRaised(writtenMessage(tr("Exported"), path, *m_services.dialogs, this));
}

}  // namespace deltascope::ui
