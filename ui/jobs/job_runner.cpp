// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/jobs/job_runner.h"

#include <QCoreApplication>
#include <QEvent>
#include <QTime>
#include <QTimer>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <new>
#include <stop_token>
#include <thread>

#include "ui/jobs/job_text.h"

namespace deltascope::ui {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kCollectMs = 50;
constexpr std::chrono::milliseconds kProgressInterval{200};  // each is painted while the job could be measuring
constexpr int kBackgroundThreads = 2;

QString stamped(const QString& text) { return QTime::currentTime().toString("HH:mm:ss") + "  " + text; }

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

QString wordOf(JobState state) {
  switch (state) {
    case JobState::Queued:
      return "queued";
    case JobState::Running:
      return "running";
    case JobState::Succeeded:
      return "succeeded";
    case JobState::Failed:
      return "failed";
    case JobState::Cancelled:
      return "cancelled";
  }
  return {};
}

bool isFinished(JobState state) { return state != JobState::Queued && state != JobState::Running; }

/// Everything under `mutex` is shared with the workers. Deliveries, signals and the timer belong to the owner's thread.
struct JobRunner::State {
  struct Record {
    JobView view;
    Task task;
    std::stop_source stop;
    Clock::time_point started;
    Result<void> ended;
    std::vector<std::function<void()>> posted;
    bool dirty = false;
    bool progressed = false;  ///< only progress is new, which can wait
    Clock::time_point told;
    bool delivered = false;
  };
  using RecordPtr = std::shared_ptr<Record>;

  mutable std::mutex mutex;
  std::condition_variable wake;
  std::map<JobId, RecordPtr> records;
  std::map<JobLane, std::deque<RecordPtr>> queues;
  bool closing = false;
  bool poked = false;
  JobId last = 0;
  QTimer* timer = nullptr;
  JobRunner* owner = nullptr;
  std::vector<std::thread> threads;

  void work(JobLane lane);
  void poke(const std::lock_guard<std::mutex>&);
  static void appendLog(Record& record, const QString& text) {
    record.view.log.append(stamped(text));
    if (record.view.log.size() > kMaxLogLines) record.view.log.removeFirst();
  }
  static void logProgress(Record& record, const Progress& progress);
  static void conclude(Record& record, const Result<void>& ended);
};

/// A line a phase, and one at every tenth of the work.
void JobRunner::State::logProgress(Record& record, const Progress& progress) {
  const Progress& before = record.view.progress;
  if (progress.phase != before.phase && !progress.phase.empty()) appendLog(record, QString::fromStdString(progress.phase));
  const auto tenth = [](const JobView& view) { return static_cast<int>(std::floor(10 * std::max(0.0, doneShare(view)))); };
  JobView now;
  now.state = JobState::Running;
  now.progress = progress;
  if (tenth(now) > tenth(record.view)) appendLog(record, milestoneText(now));
}

/// The event carries nothing: what there is to know lies under the mutex.
void JobRunner::State::poke(const std::lock_guard<std::mutex>&) {
  if (std::exchange(poked, true) || closing) return;
  QCoreApplication::postEvent(owner, new QEvent(QEvent::User));
}

void JobRunner::State::conclude(Record& record, const Result<void>& ended) {
  auto& view = record.view;
  if (view.state == JobState::Running) view.seconds = secondsSince(record.started);
  record.ended = ended;
  view.cancelling = false;
  if (ended) {
    view.state = JobState::Succeeded;
  } else {
    view.state = ended.error().code == ErrorCode::Cancelled ? JobState::Cancelled : JobState::Failed;
    view.error = ended.error();
  }
  appendLog(record,
            view.state == JobState::Failed ? "failed: " + QString::fromStdString(describe(ended.error())) : wordOf(view.state));
  record.dirty = true;
}

void JobRunner::State::work(JobLane lane) {
  for (;;) {
    RecordPtr record;
    JobScope scope;
    {
      std::unique_lock lock(mutex);
      auto& queue = queues[lane];
      wake.wait(lock, [&] { return closing || !queue.empty(); });
      if (queue.empty()) return;
      record = queue.front();
      queue.pop_front();
      record->started = Clock::now();
      record->view.state = JobState::Running;
      record->dirty = true;
      appendLog(*record, "started");
    }
    {
      std::lock_guard lock(mutex);
      poke(lock);
    }
    scope.stop = record->stop.get_token();
    scope.progress = [this, record](const Progress& progress) {
      std::lock_guard lock(mutex);
      logProgress(*record, progress);
      record->view.progress = progress;
      record->progressed = true;
    };
    scope.log = [this, record](const QString& text) {
      std::lock_guard lock(mutex);
      appendLog(*record, text);
      record->dirty = true;
    };
    scope.post = [this, record](std::function<void()> function) {
      std::lock_guard lock(mutex);
      record->posted.push_back(std::move(function));
      poke(lock);
    };
    Result<void> ended;
    try {
      ended = record->task.run(scope);
    } catch (const std::bad_alloc&) {
      ended = fail(ErrorCode::OutOfMemory, "not enough memory", "close other programs or use fewer threads");
    } catch (const std::exception& e) {
      ended = fail(ErrorCode::Internal, e.what());
    } catch (...) {
      ended = fail(ErrorCode::Internal, "unknown exception");
    }
    std::lock_guard lock(mutex);
    conclude(*record, ended);
    poke(lock);
  }
}

JobRunner::JobRunner(QObject* parent) : QObject(parent), m_state(std::make_unique<State>()) {
  m_state->owner = this;
  m_state->timer = new QTimer(this);
  m_state->timer->setInterval(kCollectMs);
  connect(m_state->timer, &QTimer::timeout, this, &JobRunner::collect);
  m_state->threads.emplace_back([s = m_state.get()] { s->work(JobLane::Work); });
  m_state->threads.emplace_back([s = m_state.get()] { s->work(JobLane::Chat); });
  for (int i = 0; i < kBackgroundThreads; ++i)
    m_state->threads.emplace_back([s = m_state.get()] { s->work(JobLane::Background); });
}

JobRunner::~JobRunner() { shutdown(); }

void JobRunner::shutdown() {
  {
    std::lock_guard lock(m_state->mutex);
    m_state->closing = true;
    for (auto& [lane, queue] : m_state->queues) queue.clear();
    for (auto& [id, record] : m_state->records) record->stop.request_stop();
  }
  m_state->wake.notify_all();
  for (auto& thread : m_state->threads) thread.join();
  m_state->threads.clear();
  m_state->timer->stop();
}

JobId JobRunner::enqueue(JobSpec spec, Task task) {
  auto record = std::make_shared<State::Record>();
  const bool listed = spec.lane == JobLane::Work;
  {
    std::lock_guard lock(m_state->mutex);
    if (m_state->closing) return 0;
    record->view.id = ++m_state->last;
    record->view.spec = std::move(spec);
    record->task = std::move(task);
    State::appendLog(*record, "queued");
    m_state->records.emplace(record->view.id, record);
    m_state->queues[record->view.spec.lane].push_back(record);
  }
  const JobId id = record->view.id;
  if (listed) emit added(id);
  m_state->wake.notify_all();
  if (!m_state->timer->isActive()) m_state->timer->start();
  return id;
}

void JobRunner::cancel(JobId id) {
  std::lock_guard lock(m_state->mutex);
  const auto found = m_state->records.find(id);
  if (found == m_state->records.end() || isFinished(found->second->view.state)) return;
  auto& record = *found->second;
  if (record.view.state == JobState::Queued) {
    std::erase(m_state->queues[record.view.spec.lane], found->second);
    State::conclude(record, fail(ErrorCode::Cancelled, "cancelled"));
  } else if (!record.view.cancelling) {
    record.view.cancelling = true;
    record.dirty = true;
    State::appendLog(record, "cancelling");
    record.stop.request_stop();
  }
  m_state->poke(lock);
}

void JobRunner::cancelAll() {
  std::vector<JobId> ids;
  {
    std::lock_guard lock(m_state->mutex);
    for (const auto& [id, record] : m_state->records) ids.push_back(id);
  }
  // Youngest first, so that no queued job starts when the running one ends.
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) cancel(*id);
}

void JobRunner::customEvent(QEvent*) { collect(); }

/// Brings what the workers did to the owner's thread: signals for what changed, what they posted, then each delivery once.
void JobRunner::collect() {
  std::vector<JobId> changedIds;
  std::vector<State::RecordPtr> ended;
  std::vector<std::pair<State::RecordPtr, std::vector<std::function<void()>>>> posted;
  bool busy = false;
  {
    std::lock_guard lock(m_state->mutex);
    if (m_state->closing) return;
    m_state->poked = false;
    for (auto& [id, record] : m_state->records) {
      if (record->view.state == JobState::Running) {
        const double seconds = secondsSince(record->started);
        record->progressed |=
            static_cast<long>(seconds) != static_cast<long>(record->view.seconds);  // the clock ticks without progress
        record->view.seconds = seconds;
      }
      if (!record->posted.empty()) posted.emplace_back(record, std::exchange(record->posted, {}));
      const bool finishedNow = isFinished(record->view.state) && !record->delivered;
      if (record->progressed && Clock::now() - record->told >= kProgressInterval) record->dirty = true;
      if (record->dirty) {
        record->progressed = false;
        record->told = Clock::now();
      }
      if (std::exchange(record->dirty, false) && record->view.spec.lane == JobLane::Work) changedIds.push_back(id);
      if (finishedNow) ended.push_back(record);
      if (finishedNow) record->delivered = true;
      busy = busy || !isFinished(record->view.state);
    }
    for (const auto& record : ended)
      if (record->view.spec.lane != JobLane::Work) m_state->records.erase(record->view.id);
    if (!ended.empty())
      for (const auto& [id, record] : m_state->records)  // they wait for another one now
        if (record->view.state == JobState::Queued && record->view.spec.lane == JobLane::Work) changedIds.push_back(id);
  }
  if (!busy) m_state->timer->stop();
  const QPointer<JobRunner> alive(this);
  for (const JobId id : changedIds) {
    emit changed(id);
    if (!alive) return;
  }
  for (const auto& [record, functions] : posted)
    for (const auto& function : functions) {
      if (record->task.context) function();
      if (!alive) return;
    }
  for (const auto& record : ended) {
    const Task task = std::exchange(record->task, {});  // what the work captured ends with its delivery
    if (task.context) task.deliver(record->ended);
    if (!alive) return;
    if (record->view.spec.lane == JobLane::Work) emit finished(record->view.id);
    if (!alive) return;
  }
  if (!busy && !ended.empty() && idle()) emit becameIdle();
}

void JobRunner::clearFinished() {
  {
    std::lock_guard lock(m_state->mutex);
    std::erase_if(m_state->records, [](const auto& entry) { return entry.second->delivered; });
  }
  emit cleared();
}

std::optional<JobView> JobRunner::job(JobId id) const {
  std::lock_guard lock(m_state->mutex);
  const auto found = m_state->records.find(id);
  if (found == m_state->records.end()) return std::nullopt;
  JobView view = found->second->view;
  if (view.state != JobState::Queued) return view;
  // The last one that is before it in its lane.
  for (const auto& [other, record] : m_state->records)
    if (other < id && record->view.spec.lane == view.spec.lane && !isFinished(record->view.state))
      view.waitsFor = record->view.spec.title;
  return view;
}

std::vector<JobId> JobRunner::jobs() const {
  std::lock_guard lock(m_state->mutex);
  std::vector<JobId> ids;
  for (const auto& [id, record] : m_state->records)
    if (record->view.spec.lane == JobLane::Work) ids.push_back(id);
  return ids;
}

int JobRunner::unfinished() const {
  std::lock_guard lock(m_state->mutex);
  return static_cast<int>(std::ranges::count_if(m_state->records, [](const auto& entry) {
    return entry.second->view.spec.lane != JobLane::Background && !isFinished(entry.second->view.state);
  }));
}

bool JobRunner::idle() const {
  std::lock_guard lock(m_state->mutex);
  return std::ranges::all_of(m_state->records, [](const auto& entry) { return entry.second->delivered; });
}

}  // namespace deltascope::ui
