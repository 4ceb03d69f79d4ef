// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/tokenizer_fact.h"

namespace deltascope::ui {
namespace {

QString textOf(const Result<TokenizerKind>& kind) {
  if (!kind)
    return kind.error().code == ErrorCode::NotFound
               ? QString()
               : QStringLiteral("cannot be used: ") + QString::fromStdString(printable(kind.error().message));
  return QString::fromStdString(printable(kind->className)) + (kind->fileStages
                                                                   ? QStringLiteral(", with the stages of tokenizer.json")
                                                                   : QStringLiteral(", with the stages of its class"));
}

}  // namespace

TokenizerFact::TokenizerFact(const Engine* engine, JobRunner* jobs, QObject* parent)
    : QObject(parent), m_engine(engine), m_jobs(jobs) {}

void TokenizerFact::clear() {
  ++m_question;
  if (m_running) m_jobs->cancel(m_running);
  m_running = 0;
  m_text.clear();
}

void TokenizerFact::setModel(const std::filesystem::path& path, const std::filesystem::path& base) {
  clear();
  if (!m_engine->tokenizer) return;
  JobSpec spec;
  spec.title = QStringLiteral("Tokenizer");
  spec.kind = QStringLiteral("tokenizer");
  spec.lane = JobLane::Background;
  m_running = m_jobs->start(
      spec, [tokenizer = m_engine->tokenizer, path, base](const JobContext&) { return tokenizer(path, base); }, this,
      [this, question = m_question](Result<TokenizerKind>& kind) {
        if (question != m_question) return;
        m_running = 0;
        m_text = textOf(kind);
        emit changed();
      });
}

}  // namespace deltascope::ui
