// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The bridge between the window and the engine's long calls.
#include <QObject>
#include <QPointer>
#include <QString>
#include <QStringList>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "core/base/job.h"
#include "core/base/result.h"

namespace deltascope::ui {

using JobId = std::uint64_t;  ///< never 0 for a job that exists

enum class JobState { Queued, Running, Succeeded, Failed, Cancelled };
[[nodiscard]] QString wordOf(JobState state);  ///< "queued", "running", …
[[nodiscard]] bool isFinished(JobState state);

/// Work: what the user asked for; listed, one at a time (a job is itself parallel), the others wait. Background: short
/// questions of the pages (inspect, estimate, close-ups); not listed, a few at a time. Chat: answers of a model in memory; not
/// listed, one at a time, beside whatever Work runs, so that a conversation does not wait for a pack.
enum class JobLane { Work, Background, Chat };

struct JobSpec {
  QString title;  ///< "Pack chat → nf4"
  QString kind;   ///< "pack", "verify", …
  JobLane lane = JobLane::Work;
  QString result;  ///< path offered as "Open result" once it succeeded; may be empty
};

/// What the work gets: the engine's context, a log, and a way to speak up before the end. All may be used from any thread while
/// the work runs.
struct JobScope : JobContext {
  std::function<void(const QString&)> log;
  /// Runs the function on the owner's thread: in order, before `done`, and not at all once the context object is gone.
  std::function<void(std::function<void()>)> post;
};

/// A copy of what is known of a job.
struct JobView {
  JobId id = 0;
  JobSpec spec;
  JobState state = JobState::Queued;
  bool cancelling = false;  ///< running, asked to stop
  QString waitsFor = {};    ///< of a queued one: the title of the job before it
  Progress progress;
  double seconds = 0;          ///< since it started running; final when finished
  std::optional<Error> error;  ///< of a failed one
  QStringList log;             ///< "12:04:31 packing", the last kMaxLogLines
};

/// Runs jobs on its own threads. Use it from the thread it lives in; `work` runs on a worker, `done` on the owner's thread,
/// exactly once, unless the context object or the runner is gone by then. Cancelling: a queued job is cancelled at once; a
/// running one is asked to stop and is cancelled when its work returns ErrorCode::Cancelled (the engine promises 200 ms); one
/// that finishes all the same has succeeded or failed, and says so; of a value for which there is a jobEnd(), that tells (see
/// core/bench/bench.h), and `done` gets the value. The destructor cancels everything and waits.
class JobRunner : public QObject {
  Q_OBJECT
 public:
  static constexpr int kMaxLogLines = 500;

  explicit JobRunner(QObject* parent = nullptr);
  ~JobRunner() override;

  /// `work`: (const JobScope& or const JobContext&) → Result<T>; exceptions become errors. `done`: (Result<T>&).
  template <class Work, class Done>
  JobId start(JobSpec spec, Work work, QObject* context, Done done) {
    using Outcome = std::invoke_result_t<Work, const JobScope&>;
    auto outcome = std::make_shared<std::optional<Outcome>>();
    Task task;
    task.run = [outcome, work = std::move(work)](const JobScope& scope) mutable -> Result<void> {
      outcome->emplace(work(scope));
      if (!**outcome) return tl::make_unexpected((*outcome)->error());
      // Some values tell of an end that is no success: what was measured until a cancel comes back all the same.
      if constexpr (requires { jobEnd(***outcome); }) return jobEnd(***outcome);
      return {};
    };
    task.deliver = [outcome, done = std::move(done)](const Result<void>& ended) mutable {
      if (!*outcome) outcome->emplace(tl::make_unexpected(ended.error()));  // never ran, or threw
      done(**outcome);
    };
    task.context = context;
    return enqueue(std::move(spec), std::move(task));
  }

  void cancel(JobId id);  ///< no effect on a finished or unknown job
  void cancelAll();
  void clearFinished();  ///< forgets finished Work jobs
  /// Cancels everything, waits, and delivers nothing more: for a window that is going away. start() afterwards does nothing.
  void shutdown();

  [[nodiscard]] std::optional<JobView> job(JobId id) const;
  [[nodiscard]] std::vector<JobId> jobs() const;  ///< of the Work lane, oldest first
  [[nodiscard]] int unfinished() const;           ///< Work and Chat jobs queued or running
  [[nodiscard]] bool idle() const;                ///< nothing queued or running in any lane

 signals:
  // Work lane only; on the owner's thread. changed() for progress comes at most 5 times a second a job.
  void added(deltascope::ui::JobId id);
  void changed(deltascope::ui::JobId id);
  void finished(deltascope::ui::JobId id);  ///< after `done`
  void cleared();
  void becameIdle();

 protected:
  void customEvent(QEvent* event) override;

 private:
  struct Task {
    std::function<Result<void>(const JobScope&)> run;
    std::function<void(const Result<void>&)> deliver;
    QPointer<QObject> context;
  };
  struct State;
  JobId enqueue(JobSpec spec, Task task);
  void collect();
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope::ui
