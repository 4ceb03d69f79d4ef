// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/start/start_page.h"

#include <QFrame>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

#include "ui/frame/memory.h"
#include "ui/frame/metrics.h"
#include "ui/frame/status_line.h"
#include "ui/frame/text.h"
#include "ui/jobs/job_text.h"
#include "ui/start/demo.h"
#include "ui/start/drop_area.h"
#include "ui/start/recent_list.h"

namespace deltascope::ui {
namespace {

constexpr const char* kDemoText =
    "Packs the small chat model that comes with Deltascope into a 4-bit base and its delta, and opens what came out.";

QPushButton* button(const char* name, const QString& text, const QString& tip) {
  auto* made = new QPushButton(text);
  made->setObjectName(name);
  made->setToolTip(tip);
  made->setAutoDefault(false);
  return made;
}

/// A heading with its content under it.
QVBoxLayout* section(QWidget* owner, const QString& heading) {
  auto* layout = new QVBoxLayout(owner);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(new TextLabel(TextKind::Heading, heading));
  return layout;
}

}  // namespace

StartPage::StartPage(const PageServices& services, QWidget* parent)
    : Page("start", "Start", "start", parent), m_services(services) {
  m_demoAction = new QAction("Try the &demo", this);
  m_demoAction->setObjectName("actionDemo");
  m_demoAction->setShortcut(QKeySequence("Ctrl+T"));
  m_demoAction->setStatusTip("Pack the model that comes with Deltascope and open it");
  m_demoAction->setProperty("everywhere", true);
  connect(m_demoAction, &QAction::triggered, this, &StartPage::tryDemo);

  auto* content = new QWidget;
  content->setObjectName("startContent");
  auto* columns = new QGridLayout;
  columns->setHorizontalSpacing(steps(*this, 10));
  columns->setVerticalSpacing(steps(*this, 7));
  columns->addWidget(makeOpenCard(), 0, 0);
  columns->addWidget(makeDemoCard(), 1, 0);
  columns->addWidget(makeRecentCard(), 0, 1);
  columns->addWidget(makeMachineCard(), 1, 1);
  columns->setColumnStretch(0, 1);
  columns->setColumnStretch(1, 1);

  auto* column = new QVBoxLayout;
  column->addStretch(1);
  column->addWidget(new TextLabel(TextKind::Title, "Deltascope"));
  column->addWidget(
      new TextLabel(TextKind::Muted,
                    "Looks inside the deltas that turn a small base model back into the exact final one, proves that they "
                    "do, and packs new ones."));
  column->addSpacing(steps(*this, 6));
  column->addLayout(columns);
  column->addStretch(2);
  auto* centre = new QHBoxLayout(content);
  centre->setContentsMargins(steps(*this, 8), steps(*this, 4), steps(*this, 8), steps(*this, 4));
  centre->addStretch(1);
  centre->addLayout(column, 24);
  centre->addStretch(1);

  auto* scroll = new QScrollArea;
  scroll->setObjectName("startScroll");
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);
  scroll->setWidget(content);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(scroll);

  connect(services.jobs, &JobRunner::changed, this, [this](JobId id) {
    if (id == m_demoJob) showDemoProgress();
  });
  setRecents({});
  setDemo({});
}

QWidget* StartPage::makeOpenCard() {
  auto* card = new QWidget;
  auto* layout = section(card, "Open a model");
  m_dropArea = new DropArea;
  auto* inner = new QVBoxLayout(m_dropArea);
  inner->setContentsMargins(steps(*this, 5), steps(*this, 5), steps(*this, 5), steps(*this, 5));
  auto* words = new TextLabel(TextKind::Muted,
                              "Drop a packed model, a payload or a checkpoint here: a folder, a .safetensors or .gguf file, or "
                              "the old scripts' .pth and .pkl.");
  words->setAlignment(Qt::AlignCenter);
  m_open = button("startOpenFolder", "&Open folder…", "Open a packed model or checkpoint folder (Ctrl+Shift+O)");
  m_open->setProperty("primary", true);
  auto* file = button("startOpenFile", "Open f&ile…", "Open a payload or a safetensors file (Ctrl+O)");
  auto* buttons = new QHBoxLayout;
  buttons->addStretch();
  buttons->addWidget(m_open);
  buttons->addWidget(file);
  buttons->addStretch();
  inner->addStretch();
  inner->addWidget(words);
  inner->addSpacing(steps(*this, 2));
  inner->addLayout(buttons);
  inner->addStretch();
  layout->addWidget(m_dropArea, 1);
  m_dropArea->setMinimumHeight(steps(*this, 42));
  connect(m_open, &QPushButton::clicked, this, [this] { emit openDialogRequested(true); });
  connect(file, &QPushButton::clicked, this, [this] { emit openDialogRequested(false); });
  return card;
}

QWidget* StartPage::makeDemoCard() {
  auto* card = new QWidget;
  auto* layout = section(card, "Try it");
  m_demoText = new TextLabel(TextKind::Muted, kDemoText);
  m_demoText->setObjectName("demoText");
  m_tryDemo = button("startTryDemo", "Try the &demo", "Pack the model that comes with Deltascope and open it (Ctrl+T)");
  m_demoBar = new QProgressBar;
  m_demoBar->setObjectName("demoProgress");
  m_demoBar->setAccessibleName("Progress of packing the demo");
  m_demoBar->setTextVisible(false);
  m_demoBar->setMaximumHeight(steps(*this, 2));
  m_demoBar->hide();
  m_benchmarkDemo =
      button("startBenchmarkDemo", "&Benchmark the demo", "Pack it if need be, then measure and verify its reconstruction");
  auto* line = new QHBoxLayout;
  line->addWidget(m_tryDemo);
  line->addWidget(m_benchmarkDemo);
  line->addWidget(m_demoBar, 1);
  line->addStretch();
  layout->addWidget(m_demoText);
  layout->addLayout(line);
  layout->addStretch();
  connect(m_tryDemo, &QPushButton::clicked, m_demoAction, &QAction::trigger);
  connect(m_benchmarkDemo, &QPushButton::clicked, this, &StartPage::benchmarkDemoRequested);
  return card;
}

QWidget* StartPage::makeRecentCard() {
  auto* card = new QWidget;
  auto* layout = section(card, "Recent");
  m_noRecents = new TextLabel(TextKind::Muted, "Models that you open are listed here.");
  m_noRecents->setAlignment(Qt::AlignLeft | Qt::AlignTop);
  m_recents = new RecentList;
  m_recents->setMinimumHeight(steps(*this, 32));
  m_openRecent = button("startOpenRecent", "O&pen", "Open the chosen model (Enter)");
  m_removeRecent = button("startRemoveRecent", "Re&move from list", "Forget the chosen model; its files stay (Delete)");
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_openRecent);
  buttons->addWidget(m_removeRecent);
  buttons->addStretch();
  layout->addWidget(m_noRecents, 1);
  layout->addWidget(m_recents, 1);
  layout->addLayout(buttons);
  connect(m_recents, &RecentList::openRequested, this, &Page::openRequested);
  connect(m_recents, &RecentList::removeRequested, this, &StartPage::recentRemoved);
  connect(m_openRecent, &QPushButton::clicked, this, [this] { emit openRequested(m_recents->currentPath()); });
  connect(m_removeRecent, &QPushButton::clicked, this, [this] { emit recentRemoved(m_recents->currentPath()); });
  connect(m_recents, &QListWidget::currentRowChanged, this, [this] {
    m_openRecent->setEnabled(m_recents->currentExists());
    m_removeRecent->setEnabled(m_recents->currentItem());
  });
  return card;
}

QWidget* StartPage::makeMachineCard() {
  auto* card = new QWidget;
  auto* layout = section(card, "This machine");
  m_machine = new QGridLayout;
  m_machine->setColumnStretch(1, 1);
  m_machine->setHorizontalSpacing(steps(*this, 4));
  layout->addLayout(m_machine);
  layout->addStretch();
  return card;
}

void StartPage::setDemo(const DemoPlaces& demo) {
  m_demo = demo;
  const bool available = !demo.source.isEmpty();
  m_demoAction->setEnabled(available);
  m_tryDemo->setEnabled(available);
  m_benchmarkDemo->setEnabled(available);
  m_demoText->setText(available ? QString(kDemoText)
                                : QString("The demo model was not found beside the program; reinstall it to get it back."));
}

void StartPage::setRecents(const QStringList& paths) {
  m_recents->setPaths(paths);
  m_recents->setVisible(!paths.isEmpty());
  m_noRecents->setVisible(paths.isEmpty());
  m_openRecent->setVisible(!paths.isEmpty());
  m_removeRecent->setVisible(!paths.isEmpty());
  m_openRecent->setEnabled(m_recents->currentExists());
}

void StartPage::setDevices(const std::vector<kernels::DeviceInfo>& devices, std::uint64_t memoryBytes) {
  while (QLayoutItem* item = m_machine->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  int row = 0;
  const auto add = [this, &row](const QString& name, const QString& text, const QString& detail) {
    auto* value = new TextLabel(TextKind::Body, text);
    value->setToolTip(detail);
    m_machine->addWidget(new TextLabel(TextKind::Muted, name), row, 0, Qt::AlignTop);
    m_machine->addWidget(value, row++, 1);
    if (!detail.isEmpty()) m_machine->addWidget(new TextLabel(TextKind::Muted, detail), row++, 1);
  };
  for (const auto& device : devices) {
    const DeviceText text = describeDevice(device);
    const bool cpu = device.id == "cpu";
    QString label = text.label;
    label.remove(cpu ? "CPU · " : "GPU: ");
    add(cpu ? "Processor" : "GPU", label, text.detail);
  }
  if (memoryBytes > 0) add("Memory", gib(memoryBytes) + " GiB", {});
}

void StartPage::setDropLit(bool lit) { m_dropArea->setLit(lit); }

PageActions StartPage::pageActions() const { return {.file = {m_demoAction}, .view = {}, .run = {}}; }

QWidget* StartPage::firstFocus() const { return m_recents->isVisible() ? static_cast<QWidget*>(m_recents) : m_open; }

void StartPage::tryDemo() {
  if (m_demo.source.isEmpty() || m_demoJob != 0) return;
  if (isPacked(m_demo.packed)) {
    emit openRequested(m_demo.packed);
    return;
  }
  m_demoJob = m_services.jobs->start(
      JobSpec{.title = "Pack the demo → nf4", .kind = "pack", .lane = JobLane::Work, .result = m_demo.packed},
      [pack = m_services.engine->pack,
       request = demoRequest(m_demo.source, m_demo.packed)](const JobContext& job) -> Result<PackResult> {
        std::error_code failed;
        std::filesystem::create_directories(request.out.parent_path(), failed);
        if (failed)
          return fail(ErrorCode::Io, request.out.parent_path().string() + ": " + failed.message(),
                      "make the cache folder writable");
        return pack(request, job);
      },
      this,
      [this](Result<PackResult>& result) {
        m_demoJob = 0;
        showDemoProgress();
        if (result) {
          emit openRequested(m_demo.packed);
          return;
        }
        emit demoFailed();
        emit messageRaised(errorMessage("Packing the demo", result.error()));
      });
  showDemoProgress();
}

void StartPage::showDemoProgress() {
  const auto job = m_demoJob ? m_services.jobs->job(m_demoJob) : std::nullopt;
  m_demoBar->setVisible(job.has_value());
  m_demoAction->setEnabled(!job && !m_demo.source.isEmpty());
  m_tryDemo->setEnabled(m_demoAction->isEnabled());
  m_benchmarkDemo->setEnabled(m_demoAction->isEnabled());
  m_tryDemo->setText(job ? "Packing the demo" : "Try the &demo");
  m_demoText->setText(job ? summaryText(*job) : QString(kDemoText));
  if (!job) return;
  const double share = doneShare(*job);
  m_demoBar->setRange(0, share < 0 ? 0 : 1000);
  m_demoBar->setValue(share < 0 ? 0 : static_cast<int>(share * 1000));
}

}  // namespace deltascope::ui
