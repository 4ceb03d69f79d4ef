// SPDX-License-Identifier: GPL-3.0-or-later
#include <QActionGroup>
#include <QMenuBar>

#include "ui/frame/icons.h"
#include "ui/frame/main_window.h"
#include "ui/frame/model_session.h"
#include "ui/frame/navigation_bar.h"
#include "ui/frame/settings.h"
#include "ui/jobs/jobs_panel.h"

namespace deltascope::ui {

QAction* MainWindow::addAction(QMenu* menu, const char* name, const QString& text, const QKeySequence& keys, const QString& tip,
                               std::function<void()> act) {
  auto* action = new QAction(text, this);
  action->setObjectName(name);
  action->setShortcut(keys);
  action->setStatusTip(tip);
  action->setToolTip(tip);
  connect(action, &QAction::triggered, this, std::move(act));
  menu->addAction(action);
  return action;
}

void MainWindow::makeMenus() {
  makeFileMenu();
  makeViewMenu();
  makeRunMenu();
  makeHelpMenu();
}

void MainWindow::makeFileMenu() {
  QMenu* menu = menuBar()->addMenu("&File");
  addAction(menu, "actionOpenFolder", "&Open folder…", QKeySequence("Ctrl+Shift+O"), "Open a packed model or checkpoint folder",
            [this] { askForModel(true); });
  addAction(menu, "actionOpenFile", "Open &file…", QKeySequence("Ctrl+O"), "Open a payload or a safetensors file",
            [this] { askForModel(false); });
  m_recentMenu = menu->addMenu("Open &recent");
  m_recentMenu->setObjectName("menuRecent");
  m_baseAction = addAction(menu, "actionChooseBase", "Choose &base…", QKeySequence("Ctrl+B"),
                           "Choose the base that the open payload belongs to", [this] { askForBase(); });
  m_convertAction =
      addAction(menu, "actionConvert", "Con&vert the old scripts' files…", QKeySequence("Ctrl+Shift+V"),
                "Turn what the old scripts wrote into an exact payload, given the final", [this] { askForConversion(); });
  menu->addSeparator();
  for (Page* page : m_pages) menu->addActions(page->pageActions().file);
  menu->addSeparator();
  m_closeModelAction = addAction(menu, "actionCloseModel", "&Close model", QKeySequence("Ctrl+W"), "Close the open model",
                                 [this] { m_session->close(); });
  addAction(menu, "actionQuit", "&Quit", QKeySequence("Ctrl+Q"), "Close the window; asks while jobs run", [this] { close(); });
}

void MainWindow::makeViewMenu() {
  QMenu* menu = menuBar()->addMenu("&View");
  m_pageGroup = new QActionGroup(this);
  int number = 1;
  for (Page* page : m_pages) {
    const QString id = page->id();
    QAction* action =
        addAction(menu, "", QString("&%1 %2").arg(number).arg(page->title()), QKeySequence(QString("Ctrl+%1").arg(number)),
                  QString("Go to the page %1").arg(page->title()), [this, id] { showPage(id); });
    action->setObjectName("actionPage_" + id);
    action->setIconText(page->title());
    action->setData(id);
    action->setCheckable(true);
    m_pageGroup->addAction(action);
    m_navigation->addPage(action, page->iconName());
    ++number;
  }
  menu->addSeparator();
  for (Page* page : m_pages) menu->addActions(page->pageActions().view);
  menu->addSeparator();
  menu->addAction(m_jobsAction);
  QMenu* themes = menu->addMenu("&Theme");
  themes->setObjectName("menuTheme");
  m_themeGroup = new QActionGroup(this);
  const Theme present = themeFromName(m_services.settings->get(setting::kTheme));
  const auto addTheme = [&](Theme theme, const char* name, const QString& text, const QString& tip) {
    QAction* action = addAction(themes, name, text, {}, tip, [this, theme] { setTheme(theme); });
    action->setCheckable(true);
    action->setChecked(theme == present);
    m_themeGroup->addAction(action);
  };
  addTheme(Theme::System, "actionThemeSystem", "&System", "Light or dark as the desktop is");
  addTheme(Theme::Light, "actionThemeLight", "&Light", "Dark words on a light ground");
  addTheme(Theme::Dark, "actionThemeDark", "&Dark", "Light words on a dark ground");
  const auto zoom = [this] { return m_services.settings->get(setting::kZoom); };
  QAction* larger = addAction(menu, "actionZoomIn", "&Larger text", {}, "Enlarge everything by a tenth",
                              [this, zoom] { setZoom(zoom() + 10); });
  larger->setShortcuts({QKeySequence("Ctrl++"), QKeySequence("Ctrl+=")});
  addAction(menu, "actionZoomOut", "S&maller text", QKeySequence("Ctrl+-"), "Shrink everything by a tenth",
            [this, zoom] { setZoom(zoom() - 10); });
  addAction(menu, "actionZoomReset", "&Normal text", QKeySequence("Ctrl+0"), "Back to 100 %", [this] { setZoom(100); });
  menu->addSeparator();
  addAction(menu, "actionResetLayout", "Reset la&yout", QKeySequence("Ctrl+Shift+0"),
            "Splitters, columns and docks as they were at first", [this] { resetLayout(); });
}

void MainWindow::makeRunMenu() {
  QMenu* menu = menuBar()->addMenu("&Run");
  m_verifyAction =
      addAction(menu, "actionVerify", "&Verify", QKeySequence("Ctrl+R"),
                "Reconstruct every tensor and compare it with the final, bit for bit", [this] { m_session->verify(); });
  m_unpackAction = addAction(menu, "actionUnpack", "&Unpack…", QKeySequence("Ctrl+U"), "Write the final checkpoint back",
                             [this] { askForUnpack(); });
  menu->addSeparator();
  for (Page* page : m_pages) menu->addActions(page->pageActions().run);
  menu->addSeparator();
  menu->addActions(
      {m_jobsPanel->cancelAction(), m_jobsPanel->openResultAction(), m_jobsPanel->copyLogAction(), m_jobsPanel->clearAction()});
}

void MainWindow::makeHelpMenu() {
  QMenu* menu = menuBar()->addMenu("&Help");
  addAction(menu, "actionShortcuts", "&Keyboard shortcuts", QKeySequence("F1"), "Every action and its keys",
            [this] { showShortcuts(); });
  addAction(menu, "actionAbout", "&About Deltascope", {}, "Version and licences", [this] { showAbout(); });
}

void MainWindow::applyIcons() {
  const QPalette& colors = palette();
  m_jobsAction->setIcon(themedIcon(m_jobsAction->isChecked() ? "collapse" : "expand", colors));
  if (m_verifyAction) m_verifyAction->setIcon(themedIcon("verify", colors));
  if (m_unpackAction) m_unpackAction->setIcon(themedIcon("unpack", colors));
}

}  // namespace deltascope::ui
