// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/main_window.h"

#include <QActionGroup>
#include <QApplication>
#include <QDir>
#include <QDockWidget>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QMenuBar>
#include <QStackedWidget>
#include <QStatusBar>
#include <QVBoxLayout>

#include "ui/benchmark/benchmark_page.h"
#include "ui/chat/chat_page.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/icons.h"
#include "ui/frame/message_line.h"
#include "ui/frame/model_session.h"
#include "ui/frame/navigation_bar.h"
#include "ui/frame/settings.h"
#include "ui/frame/status_line.h"
#include "ui/jobs/jobs_model.h"
#include "ui/jobs/jobs_panel.h"
#include "ui/jobs/jobs_strip.h"
#include "ui/pack/pack_page.h"
#include "ui/payload/payload_page.h"
#include "ui/report/report_folder.h"

namespace deltascope::ui {

MainWindow::MainWindow(const WindowServices& services)
    : m_engine(services.engine), m_services(services), m_jobs(std::make_unique<JobRunner>()) {
  setObjectName("mainWindow");
  setWindowTitle("Deltascope");
  setWindowIcon(QIcon(":/deltascope/icons/deltascope-64.png"));
  setAcceptDrops(true);
  setMinimumSize(1024, 640);
  m_pageServices = {.engine = &m_engine,
                    .jobs = m_jobs.get(),
                    .settings = services.settings,
                    .dialogs = services.dialogs,
                    .dataFolder = services.dataFolder};
  m_session = new ModelSession(m_pageServices, this);
  applyTheme(*qApp, themeFromName(services.settings->get(setting::kTheme)), services.settings->get(setting::kZoom),
             services.look);

  makePages();
  makeFrame();
  m_messages->setIdleText("No model is open");
  makeMenus();
  for (Page* page : m_pages) connectPage(page);
  connectSession();
  m_start->setDemo(services.demo);
  setRecents(services.settings->get(setting::kRecent));
  applyIcons();
  updateActions();
  showPage("start");
  m_firstState = saveState();
  resize(1366, 768);
  if (const QByteArray geometry = services.settings->get(setting::kGeometry); !geometry.isEmpty()) restoreGeometry(geometry);
  findDevices();
}

MainWindow::~MainWindow() {
  m_jobs->shutdown();  // no thread may post to pages that are going away
  m_jobs->disconnect();
  hide();  // what listens to it is whole only here
  for (Page* page : m_pages) delete page;
}

void MainWindow::makePages() {
  m_stack = new QStackedWidget;
  m_stack->setObjectName("pages");
  m_start = new StartPage(m_pageServices);
  m_pack = new PackPage(m_pageServices);
  m_benchmark = new BenchmarkPage(m_pageServices);
  m_chat = new ChatPage(m_pageServices);
  m_pages = {m_start, new PayloadPage(m_pageServices, nullptr), m_pack, m_benchmark, m_chat};
  for (Page* page : m_pages) m_stack->addWidget(page);
}

void MainWindow::makeFrame() {
  m_navigation = new NavigationBar;
  m_messages = new MessageLine;
  auto* column = new QVBoxLayout;
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(m_messages);
  column->addWidget(m_stack, 1);
  auto* central = new QWidget;
  central->setObjectName("central");
  auto* row = new QHBoxLayout(central);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(0);
  row->addWidget(m_navigation);
  row->addLayout(column, 1);
  setCentralWidget(central);

  m_jobsModel = new JobsModel(*m_jobs, this);
  m_jobsPanel = new JobsPanel(*m_jobs, *m_jobsModel);
  m_jobsDock = new QDockWidget("Jobs");
  m_jobsDock->setObjectName("jobsDock");
  m_jobsDock->setFeatures(QDockWidget::DockWidgetMovable | QDockWidget::DockWidgetClosable);
  m_jobsDock->setAllowedAreas(Qt::BottomDockWidgetArea | Qt::RightDockWidgetArea);
  m_jobsDock->setWidget(m_jobsPanel);
  addDockWidget(Qt::BottomDockWidgetArea, m_jobsDock);
  m_jobsDock->hide();
  m_jobsAction = new QAction("&Jobs", this);
  m_jobsAction->setObjectName("actionJobs");
  m_jobsAction->setCheckable(true);
  m_jobsAction->setShortcut(QKeySequence("Ctrl+J"));
  m_jobsAction->setStatusTip("Show or hide the table of jobs");
  m_jobsAction->setToolTip("Show or hide the table of jobs (Ctrl+J)");
  connect(m_jobsAction, &QAction::triggered, m_jobsDock, &QWidget::setVisible);
  connect(m_jobsDock, &QDockWidget::visibilityChanged, this, [this] {
    m_jobsAction->setChecked(m_jobsDock->isVisible());
    applyIcons();
  });
  connect(m_jobsPanel, &JobsPanel::openResultRequested, this, [this](const QString& path) {
    const QString report = QDir(path).filePath(kReportPage);
    if (!QFileInfo::exists(report)) return openPath(path);
    if (!m_services.dialogs->openOnDesktop(report)) openPath(path);  // which says what it is
  });
  connect(m_jobs.get(), &JobRunner::becameIdle, this, [this] {
    if (m_quitting) close();
  });

  m_status = new StatusLine(m_services.memory);
  auto* bottom = new QWidget;
  auto* lines = new QVBoxLayout(bottom);
  lines->setContentsMargins(0, 0, 0, 0);
  lines->setSpacing(0);
  lines->addWidget(new JobsStrip(*m_jobs, *m_jobsModel, m_jobsAction));
  lines->addWidget(m_status);
  statusBar()->setSizeGripEnabled(false);
  statusBar()->setContentsMargins(0, 0, 0, 0);
  statusBar()->addPermanentWidget(bottom, 1);
}

void MainWindow::connectPage(Page* page) {
  connect(page, &Page::messageRaised, this, [this, page](const Message& message) { m_messages->post(page->id(), message); });
  connect(page, &Page::workBegan, this, [this, page] { m_messages->retire(page->id()); });
  connect(page, &Page::openRequested, this, [this](const QString& path) { openPath(path); });
  connect(page, &Page::openDialogRequested, this, &MainWindow::askForModel);
  connect(page, &Page::pageRequested, this, &MainWindow::showPage);
  connect(page, &Page::verifyRequested, m_session, &ModelSession::verify);
  connect(page, &Page::unpackRequested, this, &MainWindow::askForUnpack);
  connect(page, &Page::demoRequested, m_start, &StartPage::tryDemo);
  connect(page, &Page::chooseBaseRequested, this, &MainWindow::askForBase);
  connect(m_session, &ModelSession::opened, page, &Page::openModel);
  connect(m_session, &ModelSession::closed, page, &Page::closeModel);
  connect(m_session, &ModelSession::verifyStarted, page, &Page::verifyStarted);
  connect(m_session, &ModelSession::verdictsArrived, page, &Page::addVerdicts);
  connect(m_session, &ModelSession::verifyEnded, page,
          [page](const VerifyOutcome& outcome) { page->verifyFinished(outcome.result); });
}

void MainWindow::connectSession() {
  connect(m_session, &ModelSession::opened, this, &MainWindow::modelOpened);
  connect(m_session, &ModelSession::openFailed, this, [this](const QString& path, Message message) {
    m_benchmarkNext = false;
    if (m_session->hasPayload() && path == m_session->path() && m_session->model()->files.base.empty()) {
      message.actionText = "G&ive another base…";
      message.action = [this] { askForBase(); };
    }
    say(message);
  });
  connect(m_session, &ModelSession::closed, this, [this] {
    setWindowTitle("Deltascope");
    m_messages->setIdleText("No model is open");
    updateActions();
  });
  connect(m_session, &ModelSession::converted, this,
          [this](const QString& path, const QString& base) { openPath(path, base); });
  connect(m_session, &ModelSession::messageRaised, this, &MainWindow::say);
  connect(m_messages, &MessageLine::waiting, m_navigation, &NavigationBar::setMark);
  connect(m_session, &ModelSession::verdictChanged, this, [this](const ModelVerdict& verdict) {
    m_status->setVerdict(verdict);
    updateActions();
  });
  connect(m_start, &StartPage::benchmarkDemoRequested, this, &MainWindow::benchmarkDemo);
  connect(m_benchmark, &BenchmarkPage::demoBenchmarkRequested, this, &MainWindow::benchmarkDemo);
  connect(m_benchmark, &BenchmarkPage::measured, m_session, &ModelSession::noteRun);
  connect(m_start, &StartPage::demoFailed, this, [this] { m_benchmarkNext = false; });
  connect(m_start, &StartPage::recentRemoved, this, [this](const QString& path) {
    QStringList recents = m_services.settings->get(setting::kRecent);
    recents.removeAll(path);
    setRecents(recents);
  });
}

void MainWindow::showPage(const QString& id) {
  for (Page* page : m_pages) {
    if (page->id() != id) continue;
    m_stack->setCurrentWidget(page);
    m_messages->setPage(id);
    for (QAction* action : m_pageGroup->actions())
      if (action->data().toString() == id) action->setChecked(true);
    QWidget* first = page->firstFocus();
    if (isActiveWindow()) (first ? first : static_cast<QWidget*>(page))->setFocus(Qt::OtherFocusReason);
  }
  updateActions();
}

QString MainWindow::currentPage() const { return m_stack->currentWidget()->objectName(); }

void MainWindow::findDevices() {
  m_jobs->start(
      JobSpec{.title = "Devices", .kind = "devices", .lane = JobLane::Background, .result = {}},
      [devices = m_engine.devices](const JobContext&) -> Result<std::vector<kernels::DeviceInfo>> { return devices(); }, this,
      [this](const Result<std::vector<kernels::DeviceInfo>>& result) {
        if (!result) return;
        m_status->setDevices(*result);
        m_start->setDevices(*result, result->empty() ? 0 : result->front().memoryBytes);
        m_benchmark->setDevices(*result);
        m_chat->setDevices(*result);
      });
}

}  // namespace deltascope::ui
