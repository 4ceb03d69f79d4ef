// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QMainWindow>
#include <memory>

#include "ui/engine.h"
#include "ui/frame/memory.h"
#include "ui/frame/message.h"
#include "ui/frame/page.h"
#include "ui/frame/theme.h"
#include "ui/jobs/job_runner.h"
#include "ui/start/start_page.h"

class QActionGroup;
class QDockWidget;
class QMenu;
class QStackedWidget;

namespace deltascope::ui {

class BenchmarkPage;
class ChatPage;
class Dialogs;
class JobsModel;
class JobsPanel;
class JobsStrip;
class MessageLine;
class ModelSession;
class NavigationBar;
class PackPage;
class Settings;
class StatusLine;
struct VerifyOutcome;

/// What the window stands on; tests put their own in. `settings` and `dialogs` are borrowed and outlive the window.
struct WindowServices {
  Engine engine;
  Settings* settings = nullptr;
  Dialogs* dialogs = nullptr;
  MemorySampler memory = readMemory;
  SystemLook look;  ///< before any theme was applied
  DemoPlaces demo;
  QString dataFolder = {};  ///< where conversations are kept; empty: nowhere
};

/// Joins the pages, the jobs, the open model and the menus; decides nothing else.
class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  explicit MainWindow(const WindowServices& services);
  ~MainWindow() override;

  /// A model argument: folder, file or Hub id; `base` for a payload that has none beside it.
  void openPath(const QString& path, const QString& base = {});
  void showPage(const QString& id);
  /// Cancels all jobs, waits and closes without asking: for a signal from outside.
  void quitNow();
  [[nodiscard]] QString currentPage() const;
  [[nodiscard]] JobRunner& jobs() { return *m_jobs; }
  [[nodiscard]] ModelSession& session() { return *m_session; }

 protected:
  void showEvent(QShowEvent* event) override;
  void closeEvent(QCloseEvent* event) override;
  void changeEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dragLeaveEvent(QDragLeaveEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  // Construction (main_window.cpp, main_window_menus.cpp).
  void makePages();
  void makeFrame();
  void makeMenus();
  void makeFileMenu();
  void makeViewMenu();
  void makeRunMenu();
  void makeHelpMenu();
  void connectPage(Page* page);
  void connectSession();
  QAction* addAction(QMenu* menu, const char* name, const QString& text, const QKeySequence& keys, const QString& tip,
                     std::function<void()> act);

  // What actions do (main_window_actions.cpp).
  void askForModel(bool folder);
  void askForBase();
  void askForUnpack();
  void askForConversion();
  void showShortcuts();
  void showAbout();
  void setTheme(Theme theme);
  void setZoom(int percent);
  void resetLayout();
  void restoreLayout();
  void saveSession();
  void modelOpened(const ModelPointer& model);
  void benchmarkDemo();
  void setRecents(const QStringList& paths);
  void say(const Message& message);  ///< on the page in front
  void updateActions();
  void applyIcons();
  void findDevices();

  Engine m_engine;
  WindowServices m_services;
  std::unique_ptr<JobRunner> m_jobs;
  PageServices m_pageServices;
  QList<Page*> m_pages;
  StartPage* m_start = nullptr;
  PackPage* m_pack = nullptr;
  BenchmarkPage* m_benchmark = nullptr;
  ChatPage* m_chat = nullptr;
  ModelSession* m_session = nullptr;
  JobsModel* m_jobsModel = nullptr;
  JobsPanel* m_jobsPanel = nullptr;
  QDockWidget* m_jobsDock = nullptr;
  QStackedWidget* m_stack = nullptr;
  NavigationBar* m_navigation = nullptr;
  MessageLine* m_messages = nullptr;
  StatusLine* m_status = nullptr;
  QActionGroup* m_pageGroup = nullptr;
  QActionGroup* m_themeGroup = nullptr;
  QMenu* m_recentMenu = nullptr;
  QAction* m_jobsAction = nullptr;
  QAction* m_baseAction = nullptr;
  QAction* m_convertAction = nullptr;
  QAction* m_closeModelAction = nullptr;
  QAction* m_verifyAction = nullptr;
  QAction* m_unpackAction = nullptr;
  QByteArray m_firstState;  ///< of docks, before anything was restored: for Reset layout
  bool m_restored = false, m_quitting = false;
  bool m_benchmarkNext = false;  ///< the model that opens next is measured at once
};

}  // namespace deltascope::ui
