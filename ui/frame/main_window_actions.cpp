// SPDX-License-Identifier: GPL-3.0-or-later
#include <QActionGroup>
#include <QApplication>
#include <QCloseEvent>
#include <QDir>
#include <QDockWidget>
#include <QFileInfo>
#include <QKeyEvent>
#include <QMenu>
#include <QMenuBar>
#include <QMimeData>
#include <QStackedWidget>
#include <QTimer>
#include <algorithm>
#include <utility>

#include "core/base/units.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/frame/about.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/drop.h"
#include "ui/frame/main_window.h"
#include "ui/frame/message_line.h"
#include "ui/frame/model_kind.h"
#include "ui/frame/model_session.h"
#include "ui/frame/recents.h"
#include "ui/frame/settings.h"
#include "ui/frame/shortcut_sheet.h"
#include "ui/jobs/jobs_panel.h"
#include "ui/pack/pack_page.h"

namespace deltascope::ui {

void MainWindow::openPath(const QString& path, const QString& base) {
  // A Hub id is no path: the engine looks it up, and says so when it is not there.
  if (QFileInfo::exists(path)) {
    if (path.endsWith(".json") && !path.endsWith(".index.json")) {  // what `bench --out` wrote
      showPage("benchmark");
      m_benchmark->openRunFile(path);
      return;
    }
    const DropVerdict verdict = judgePath(QFileInfo(path).absoluteFilePath());
    if (verdict.path.isEmpty()) {
      Message message;
      message.severity = Message::Severity::Warning;
      message.text = verdict.refusal;
      say(message);
      return;
    }
    m_session->open(verdict.path, base);
    return;
  }
  m_session->open(path, base);
}

void MainWindow::askForModel(bool folder) {
  const QString from = m_services.settings->get(setting::kOpenFolder);
  const QString path =
      folder ? m_services.dialogs->openFolder(this, "Open a model folder", from)
             : m_services.dialogs->openFile(
                   this, "Open a model file", from,
                   "Models (*.safetensors *.safetensors.index.json *.gguf *.pth *.pt *.bin *.pkl);;Benchmark runs "
                   "(*.json);;All files (*)");
  if (path.isEmpty()) return;
  m_services.settings->set(setting::kOpenFolder, QFileInfo(path).absolutePath());
  openPath(path);
}

void MainWindow::askForBase() {
  if (!m_session->hasPayload()) return;
  const QString base = m_services.dialogs->openFolder(this, "Choose the base of " + m_session->name(),
                                                      m_services.settings->get(setting::kOpenFolder));
  if (!base.isEmpty()) m_session->open(m_session->path(), base);
}

void MainWindow::askForUnpack() {
  if (!m_session->hasPayload()) return;
  const QString folder = m_services.dialogs->openFolder(this, "Unpack " + m_session->name() + " into a folder",
                                                        m_services.settings->get(setting::kSaveFolder));
  if (folder.isEmpty()) return;
  m_services.settings->set(setting::kSaveFolder, folder);
  m_session->unpack(folder);
}

void MainWindow::askForConversion() {
  if (!m_session->isScripts()) return;
  const QString final =
      m_services.dialogs->openFolder(this, "Choose the final: the exact model that " + m_session->name() + " is for",
                                     m_services.settings->get(setting::kOpenFolder));
  if (final.isEmpty()) return;
  const QString folder = m_services.settings->get(setting::kSaveFolder);
  QString out = m_services.dialogs->saveFile(
      this, "Convert into a payload",
      QDir(folder.isEmpty() ? QDir::homePath() : folder).filePath(m_session->name() + ".delta.safetensors"),
      "Payloads (*.delta.safetensors)");
  if (out.isEmpty()) return;
  if (!out.endsWith(".delta.safetensors")) out += ".delta.safetensors";
  m_services.settings->set(setting::kSaveFolder, QFileInfo(out).absolutePath());
  m_session->convertScripts(final, out);
}

void MainWindow::modelOpened(const ModelPointer& model) {
  m_messages->retire(currentPage());
  const QString name = m_session->name();
  setWindowTitle(QString("Deltascope – %1 (%2)").arg(name, modelKind(*model)));
  m_messages->setIdleText(QString("%1  ·  %2  ·  %3 tensors")
                              .arg(name, modelKind(*model), QString::fromStdString(formatCount(model->tensors.size()))));
  setRecents(withRecent(m_services.settings->get(setting::kRecent), m_session->path()));
  updateActions();
  if (std::exchange(m_benchmarkNext, false)) {
    showPage("benchmark");
    m_benchmark->run();
  } else if (currentPage() != "chat" && currentPage() != "benchmark") {  // who is about to use it stays there
    showPage("payload");
  }
  Message message;
  if (model->files.kind == ModelFiles::Kind::Checkpoint) {
    message.text = QString("%1 is a plain checkpoint: %2 tensors, no payload")
                       .arg(name, QString::fromStdString(formatCount(model->tensors.size())));
    message.nextStep = "Pack it to get a small base and the delta that brings it back.";
    message.actionText = "Pack &it…";
    message.action = [this, path = m_session->path()] {
      m_pack->packFinal(path);
      showPage("pack");
    };
    say(message);
  } else if (model->files.kind == ModelFiles::Kind::Scripts) {
    message = scriptsMessage(*model, name);
    message.actionText = "Con&vert…";
    message.action = [this] { askForConversion(); };
    say(message);
  } else if (model->files.base.empty()) {
    const QString wanted = wantedBase(*model);
    message.text = QString("The base of %1 is not known").arg(name);
    if (!wanted.isEmpty()) message.text += ": it wants " + wanted;
    message.nextStep = "The table needs none; verifying, unpacking and the charts of a tensor do.";
    message.actionText = "G&ive the base…";
    message.action = [this] { askForBase(); };
    say(message);
  }
}

void MainWindow::benchmarkDemo() {
  m_benchmarkNext = true;
  m_start->tryDemo();
}

void MainWindow::setRecents(const QStringList& paths) {
  m_services.settings->set(setting::kRecent, paths);
  m_start->setRecents(paths);
  m_recentMenu->clear();
  int number = 1;
  for (const QString& path : paths) {
    QAction* action = m_recentMenu->addAction(QString("&%1 %2").arg(number++ % 10).arg(shortPath(path).replace('&', "&&")));
    action->setEnabled(QFileInfo::exists(path));
    action->setStatusTip(path);
    connect(action, &QAction::triggered, this, [this, path] { openPath(path); });
  }
  m_recentMenu->setEnabled(!paths.isEmpty());
}

void MainWindow::updateActions() {
  const bool payload = m_session->hasPayload();
  m_baseAction->setEnabled(payload);
  m_convertAction->setEnabled(m_session->isScripts());
  m_closeModelAction->setEnabled(m_session->model() != nullptr);
  m_verifyAction->setEnabled(payload && !m_session->verifying());
  m_unpackAction->setEnabled(payload);
  for (const Page* page : m_pages) {
    const PageActions actions = page->pageActions();
    for (QAction* action : actions.file + actions.view + actions.run)
      action->setVisible(page == m_stack->currentWidget() || action->property("everywhere").toBool());
  }
}

void MainWindow::showShortcuts() {
  auto* sheet = new ShortcutSheet(shortcutRows(*menuBar()), this);
  sheet->setAttribute(Qt::WA_DeleteOnClose);
  sheet->show();
}

void MainWindow::showAbout() {
  auto* about = new AboutDialog(this);
  about->setAttribute(Qt::WA_DeleteOnClose);
  about->show();
}

void MainWindow::setTheme(Theme theme) {
  m_services.settings->set(setting::kTheme, nameOf(theme));
  applyTheme(*qApp, theme, m_services.settings->get(setting::kZoom), m_services.look);
}

void MainWindow::setZoom(int percent) {
  const int zoom = std::clamp(percent, kMinZoom, kMaxZoom);
  m_services.settings->set(setting::kZoom, zoom);
  applyTheme(*qApp, themeFromName(m_services.settings->get(setting::kTheme)), zoom, m_services.look);
}

void MainWindow::resetLayout() {
  restoreState(m_firstState);
  m_jobsPanel->resetLayout();
  for (Page* page : m_pages) page->resetLayout();
}

void MainWindow::restoreLayout() {
  const Settings& settings = *m_services.settings;
  if (const QByteArray state = settings.get(setting::kWindowState); !state.isEmpty()) restoreState(state);
  m_jobsPanel->restoreState(settings);
  for (Page* page : m_pages) page->restoreState(settings);
  const QString last = settings.get(setting::kPage);
  if (!m_session->model() && last != "payload") showPage(last);  // an empty table is no place to begin
}

void MainWindow::saveSession() {
  Settings& settings = *m_services.settings;
  settings.set(setting::kGeometry, saveGeometry());
  settings.set(setting::kWindowState, saveState());
  settings.set(setting::kPage, currentPage());
  m_jobsPanel->saveState(settings);
  for (const Page* page : m_pages) page->saveState(settings);
  settings.sync();
}

void MainWindow::showEvent(QShowEvent* event) {
  QMainWindow::showEvent(event);
  // Sizes are only real once the window is shown.
  if (!std::exchange(m_restored, true)) QTimer::singleShot(0, this, &MainWindow::restoreLayout);
}

void MainWindow::closeEvent(QCloseEvent* event) {
  const int running = m_jobs->unfinished();
  if (running > 0) {
    event->ignore();
    if (m_quitting) return;  // it closes by itself when the jobs have ended
    const QString jobs = running == 1 ? QString("A job is running.") : QString("%1 jobs are running or waiting.").arg(running);
    if (!m_services.dialogs->confirm(this, "Close Deltascope", jobs + " Cancelled jobs leave no partial files.",
                                     "&Cancel jobs and quit", "&Keep working"))
      return;
    quitNow();
    return;
  }
  saveSession();
  event->accept();
}

void MainWindow::quitNow() {
  m_quitting = true;
  m_jobs->cancelAll();
  if (m_jobs->unfinished() == 0) close();
}

void MainWindow::say(const Message& message) { m_messages->post(currentPage(), message); }

/// What nobody else wanted: Escape takes a message down and does nothing else.
void MainWindow::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape && m_messages->escape()) return;
  QMainWindow::keyPressEvent(event);
}

void MainWindow::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange && m_jobsAction) applyIcons();
  QMainWindow::changeEvent(event);
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  // Taken even when it will be refused: a drop is the chance to say why.
  event->acceptProposedAction();
  m_start->setDropLit(!judgeDrop(*event->mimeData()).path.isEmpty());
}

void MainWindow::dragLeaveEvent(QDragLeaveEvent*) { m_start->setDropLit(false); }

void MainWindow::dropEvent(QDropEvent* event) {
  m_start->setDropLit(false);
  const DropVerdict verdict = judgeDrop(*event->mimeData());
  if (verdict.path.isEmpty()) {
    Message message;
    message.severity = Message::Severity::Warning;
    message.text = "Not opened: " + verdict.refusal;
    say(message);
    return;
  }
  event->acceptProposedAction();
  openPath(verdict.path);
}

}  // namespace deltascope::ui
