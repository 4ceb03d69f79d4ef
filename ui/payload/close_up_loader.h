// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Close-ups in the background: one at a time, the last one asked for; recently seen ones are kept.
#include <QCache>
#include <QObject>
#include <filesystem>
#include <memory>

#include "ui/engine.h"
#include "ui/jobs/job_runner.h"

namespace deltascope::ui {

using CloseUpPointer = std::shared_ptr<const TensorCloseUp>;

/// Above this many elements evenly spaced chunks are measured: about a fifth of a second of work.
inline constexpr std::uint64_t kCloseUpElements = std::uint64_t{1} << 23;

/// Thread: the window's. Asking for another tensor cancels the one under way.
class CloseUpLoader : public QObject {
  Q_OBJECT
 public:
  CloseUpLoader(const Engine* engine, JobRunner* jobs, QObject* parent = nullptr);

  /// Forgets everything of the model before.
  void setModel(const std::filesystem::path& path, const std::filesystem::path& base);
  /// Answers with ready() or failed(), at once when it is known.
  void request(const QString& tensor);
  /// No answer will come for what was asked.
  void cancel();
  [[nodiscard]] bool isKnown(const QString& tensor) const { return m_seen.contains(tensor); }

 signals:
  void ready(const QString& tensor, const deltascope::ui::CloseUpPointer& closeUp);
  void failed(const QString& tensor, const deltascope::Error& error);

 private:
  const Engine* m_engine;
  JobRunner* m_jobs;
  std::filesystem::path m_path, m_base;
  QCache<QString, CloseUpPointer> m_seen;
  JobId m_running = 0;
  std::uint64_t m_question = 0;  ///< answers to older ones are dropped
};

}  // namespace deltascope::ui
