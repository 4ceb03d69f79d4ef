// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/model_session.h"

#include <QDir>
#include <QFileInfo>
#include <algorithm>

#include "core/base/units.h"
#include "ui/frame/recents.h"
#include "ui/frame/written.h"
#include "ui/jobs/batcher.h"

namespace deltascope::ui {

QString unpackTarget(const QString& folder, const QString& name) {
  if (!QFileInfo::exists(folder) || QDir(folder).isEmpty()) return folder;
  for (int n = 1;; ++n) {
    const QString path = QDir(folder).filePath(n == 1 ? name + "-final" : QString("%1-final-%2").arg(name).arg(n));
    if (!QFileInfo::exists(path)) return path;
  }
}

ModelSession::ModelSession(const PageServices& services, QObject* parent) : QObject(parent), m_services(services) {}

QString ModelSession::path() const { return m_model ? QString::fromStdString(m_model->files.path.string()) : QString(); }

QString ModelSession::name() const { return modelName(path()); }

bool ModelSession::hasPayload() const {
  return m_model && m_model->files.kind != ModelFiles::Kind::Checkpoint && m_model->files.kind != ModelFiles::Kind::Scripts;
}

void ModelSession::open(const QString& path, const QString& base) {
  m_services.jobs->cancel(m_openJob);
  JobSpec spec{.title = "Open " + modelName(path), .kind = "open", .lane = JobLane::Background, .result = {}};
  const auto number = std::make_shared<JobId>(0);
  *number = m_openJob = m_services.jobs->start(
      spec,
      [inspect = m_services.engine->inspect, file = path.toStdString(), baseFile = base.toStdString()](const JobContext&) {
        return inspect(file, baseFile);
      },
      this,
      [this, number, path](Result<Inspection>& result) {
        if (*number != m_openJob) return;
        m_openJob = 0;
        if (!result) {
          emit openFailed(path, errorMessage("Could not open " + modelName(path), result.error()));
          return;
        }
        close();
        ++m_generation;
        m_model = std::make_shared<const Inspection>(std::move(*result));
        setVerdict(hasPayload() ? notVerified() : ModelVerdict{});
        emit opened(m_model);
      });
}

void ModelSession::close() {
  if (!m_model) return;
  m_services.jobs->cancel(m_verifyJob);
  m_verifyJob = 0;
  ++m_generation;
  m_model.reset();
  setVerdict({});
  emit closed();
}

void ModelSession::verify() {
  if (!hasPayload() || m_verifyJob != 0) return;
  m_tensorsVerified = m_tensorsDifferent = 0;
  const auto generation = m_generation;
  const Batcher<Verdict> batcher([this, generation](std::vector<Verdict>&& batch) {
    if (generation != m_generation) return;
    m_tensorsVerified += batch.size();
    m_tensorsDifferent += static_cast<std::size_t>(std::ranges::count_if(batch, [](const Verdict& v) { return !v.bitExact; }));
    emit verdictsArrived(batch);
    if (verifying()) setVerdict(ui::verifying(m_tensorsVerified, m_model->tensors.size(), m_tensorsDifferent));
  });
  VerifyRequest request;
  request.path = m_model->files.path;
  request.base = m_model->files.base;
  m_verifyJob = m_services.jobs->start(
      JobSpec{.title = "Verify " + name(), .kind = "verify", .lane = JobLane::Work, .result = {}},
      [verifyCall = m_services.engine->verify, request, batcher](const JobScope& scope) mutable {
        request.onTensor = [&](const Verdict& verdict) {
          if (!verdict.bitExact) scope.log(QString::fromStdString(verdict.tensor + ": " + verdictText(verdict)));
          batcher.add(scope, verdict);
        };
        return verifyCall(request, scope);
      },
      this,
      [this, generation](Result<VerifyResult>& result) {
        if (generation == m_generation) endVerify(result);
      });
  setVerdict(ui::verifying(0, m_model->tensors.size(), 0));
  emit verifyStarted();
}

void ModelSession::noteRun(const BenchmarkRun& run) {
  const bool known = m_verdict.kind == ModelVerdict::Kind::Exact || m_verdict.kind == ModelVerdict::Kind::Verifying;
  if (!hasPayload() || known || verifying() || run.baseOnly || run.path != m_model->files.path.string()) return;
  setVerdict(checkedBy(run, m_model->tensors.size()));
}

void ModelSession::endVerify(const Result<VerifyResult>& result) {
  m_verifyJob = 0;
  setVerdict(result ? verdictOf(*result) : notVerified());
  emit verifyEnded({result});
  if (!result) {
    emit messageRaised(errorMessage("Verifying " + name(), result.error()));
    return;
  }
  Message message;
  const QString count = QString::fromStdString(formatCount(result->elementsCompared));
  if (result->bitExact) {
    message.severity = Message::Severity::Success;
    message.text = QString("%1 is bit-exact: %2 of %2 elements in %3 tensors").arg(name(), count).arg(result->tensors);
  } else {
    message.severity = Message::Severity::Error;
    message.text = QString("%1 is not bit-exact: %2").arg(name(), m_verdict.text.mid(2));
    message.nextStep = "Sort the table by its verdict column to see which tensors, then pack the model again.";
    for (const Verdict& verdict : result->verdicts)
      if (!verdict.bitExact) message.details += QString::fromStdString(verdict.tensor + ": " + verdictText(verdict) + "\n");
  }
  emit messageRaised(message);
}

void ModelSession::unpack(const QString& folder) {
  if (!hasPayload()) return;
  const QString out = unpackTarget(folder, name());
  UnpackRequest request;
  request.path = m_model->files.path;
  request.base = m_model->files.base;
  request.out = out.toStdString();
  m_services.jobs->start(
      JobSpec{.title = QString("Unpack %1 → %2").arg(name(), QFileInfo(out).fileName()),
              .kind = "unpack",
              .lane = JobLane::Work,
              .result = out},
      [unpackCall = m_services.engine->unpack, request](const JobContext& job) { return unpackCall(request, job); }, this,
      [this, out, model = name()](Result<UnpackResult>& result) {
        if (!result) {
          emit messageRaised(errorMessage("Unpacking " + model, result.error()));
          return;
        }
        Message message = writtenMessage({}, out, *m_services.dialogs, this);
        message.text = QString("Wrote %1 tensors, %2, to %3")
                           .arg(result->tensors)
                           .arg(QString::fromStdString(formatGib(result->bytes)), shortPath(out));
        emit messageRaised(message);
      });
}

bool ModelSession::isScripts() const { return m_model && m_model->files.kind == ModelFiles::Kind::Scripts; }

void ModelSession::convertScripts(const QString& final, const QString& out) {
  if (!isScripts()) return;
  ImportRequest request;
  request.path = m_model->files.path;
  request.base = m_model->files.base;
  request.final = std::filesystem::path(final.toStdU16String());
  request.out = std::filesystem::path(out.toStdU16String());
  request.overwrite = true;  // the dialog that chose the file has asked
  m_services.jobs->start(
      JobSpec{.title = QString("Convert %1 → %2").arg(name(), QFileInfo(out).fileName()),
              .kind = "import",
              .lane = JobLane::Work,
              .result = {}},
      [convert = m_services.engine->importScripts, request](const JobContext& job) { return convert(request, job); }, this,
      [this, model = name()](Result<ImportResult>& result) {
        if (result)
          endConversion(*result, model);
        else
          emit messageRaised(errorMessage("Converting " + model, result.error()));
      });
}

void ModelSession::endConversion(const ImportResult& result, const QString& model) {
  const QString out = QString::fromStdString(result.packed.out.string()), base = QString::fromStdString(result.base.string());
  Message message;
  message.severity = Message::Severity::Success;
  message.text = QString("%1 is now %2, which gives the final bit for bit").arg(model, shortPath(out));
  if (result.scripts && !result.scripts->bitExact)
    message.nextStep = QString("From the scripts' own files %1 of %2 elements would have differed.")
                           .arg(QString::fromStdString(formatCount(result.scripts->elementsDifferent)),
                                QString::fromStdString(formatCount(result.scripts->elementsCompared)));
  QStringList lines;
  for (const Finding& finding : result.findings) lines << QString::fromStdString(describe(finding));
  message.details = lines.join('\n');
  message.actionText = "&Open it";
  message.action = [this, out, base] { emit converted(out, base); };
  emit messageRaised(message);
}

void ModelSession::setVerdict(const ModelVerdict& verdict) {
  m_verdict = verdict;
  emit verdictChanged(verdict);
}

}  // namespace deltascope::ui
