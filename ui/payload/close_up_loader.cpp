// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/close_up_loader.h"

namespace deltascope::ui {

CloseUpLoader::CloseUpLoader(const Engine* engine, JobRunner* jobs, QObject* parent)
    : QObject(parent), m_engine(engine), m_jobs(jobs), m_seen(32) {}

void CloseUpLoader::setModel(const std::filesystem::path& path, const std::filesystem::path& base) {
  cancel();
  m_seen.clear();
  m_path = path;
  m_base = base;
}

void CloseUpLoader::cancel() {
  ++m_question;
  if (m_running) m_jobs->cancel(m_running);
  m_running = 0;
}

void CloseUpLoader::request(const QString& tensor) {
  cancel();
  if (const CloseUpPointer* known = m_seen.object(tensor)) {
    emit ready(tensor, *known);
    return;
  }
  JobSpec spec;
  spec.title = QStringLiteral("Close-up of %1").arg(tensor);
  spec.kind = QStringLiteral("close-up");
  spec.lane = JobLane::Background;
  m_running = m_jobs->start(
      spec,
      [closeUp = m_engine->closeUp, path = m_path, base = m_base, name = tensor.toStdString()](const JobContext& job) {
        return closeUp(path, base, name, kCloseUpElements, job);
      },
      this,
      [this, tensor, question = m_question](Result<TensorCloseUp>& result) {
        if (question != m_question) return;
        m_running = 0;
        if (!result) {
          emit failed(tensor, result.error());
          return;
        }
        const auto closeUp = std::make_shared<const TensorCloseUp>(std::move(*result));
        m_seen.insert(tensor, new CloseUpPointer(closeUp));
        emit ready(tensor, closeUp);
      });
}

}  // namespace deltascope::ui
