// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "ui/frame/page.h"
#include "ui/jobs/job_runner.h"

class QGridLayout;
class QLabel;
class QProgressBar;
class QPushButton;

namespace deltascope::ui {

class DropArea;
class RecentList;

/// Where the demo is and where its packed copy goes.
struct DemoPlaces {
  QString source;  ///< the folder that holds `chat`; empty: there is no demo, and the button says so
  QString packed;
};

/// What this program does, open or drop, recents, the demo, and what this machine can do.
class StartPage : public Page {
  Q_OBJECT
 public:
  StartPage(const PageServices& services, QWidget* parent = nullptr);
  void setDemo(const DemoPlaces& demo);
  void setRecents(const QStringList& paths);
  void setDevices(const std::vector<kernels::DeviceInfo>& devices, std::uint64_t memoryBytes);
  void setDropLit(bool lit);
  PageActions pageActions() const override;
  QWidget* firstFocus() const override;

  /// Opens the packed demo, after packing it in the background the first time.
  void tryDemo();

 signals:
  void recentRemoved(const QString& path);
  void benchmarkDemoRequested();  ///< open the demo and measure it
  void demoFailed();              ///< it could not be packed

 private:
  QWidget* makeOpenCard();
  QWidget* makeDemoCard();
  QWidget* makeRecentCard();
  QWidget* makeMachineCard();
  void showDemoProgress();

  const PageServices m_services;
  DemoPlaces m_demo;
  JobId m_demoJob = 0;
  QAction* m_demoAction = nullptr;
  DropArea* m_dropArea = nullptr;
  RecentList* m_recents = nullptr;
  QLabel* m_noRecents = nullptr;
  QPushButton* m_openRecent = nullptr;
  QPushButton* m_removeRecent = nullptr;
  QPushButton* m_open = nullptr;
  QPushButton* m_tryDemo = nullptr;
  QPushButton* m_benchmarkDemo = nullptr;
  QLabel* m_demoText = nullptr;
  QProgressBar* m_demoBar = nullptr;
  QGridLayout* m_machine = nullptr;
};

}  // namespace deltascope::ui
