// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Which class of transformers the open model's tokenizer is, found in the background.
#include <QObject>
#include <filesystem>

#include "ui/engine.h"
#include "ui/jobs/job_runner.h"

namespace deltascope::ui {

/// Thread: the window's.
class TokenizerFact : public QObject {
  Q_OBJECT
 public:
  TokenizerFact(const Engine* engine, JobRunner* jobs, QObject* parent = nullptr);

  void setModel(const std::filesystem::path& path, const std::filesystem::path& base);
  void clear();
  /// "LlamaTokenizer, with the stages of its class"; empty while it is not known, and for a model without a tokenizer.
  [[nodiscard]] const QString& text() const { return m_text; }

 signals:
  void changed();

 private:
  const Engine* m_engine;
  JobRunner* m_jobs;
  JobId m_running = 0;
  std::uint64_t m_question = 0;  ///< answers to older ones are dropped
  QString m_text;
};

}  // namespace deltascope::ui
