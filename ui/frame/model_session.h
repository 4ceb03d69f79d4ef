// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QObject>
#include <QString>

#include "core/pack/import.h"
#include "core/rebuild/verify.h"
#include "ui/frame/model_verdict.h"
#include "ui/frame/page.h"
#include "ui/jobs/job_runner.h"

namespace deltascope::ui {

/// How a verification ended; an error includes cancelled.
struct VerifyOutcome {
  Result<VerifyResult> result;
};

/// The model that is open: opens it in a worker, verifies and unpacks it as jobs. Results that belong to a model that is no
/// longer open stay with their job and reach no page.
class ModelSession : public QObject {
  Q_OBJECT
 public:
  ModelSession(const PageServices& services, QObject* parent = nullptr);

  /// Headers only. Opening again before it is done drops the earlier request.
  void open(const QString& path, const QString& base = {});
  void close();
  void verify();
  /// A benchmark has checked tensors of a model: said where nothing better is known of the open one.
  void noteRun(const BenchmarkRun& run);
  /// Writes the final checkpoint into `folder`, or into a new folder in it when it is not empty.
  void unpack(const QString& folder);

  /// Turns what the old scripts wrote into a payload that gives `final` bit for bit, in the file `out`, and says what was
  /// inexact about theirs.
  void convertScripts(const QString& final, const QString& out);

  [[nodiscard]] const ModelPointer& model() const { return m_model; }  ///< null: none is open
  [[nodiscard]] const ModelVerdict& verdict() const { return m_verdict; }
  [[nodiscard]] bool hasPayload() const;  ///< one of deltascope's own: what the old scripts wrote is only looked at
  [[nodiscard]] bool isScripts() const;   ///< what the old scripts wrote
  [[nodiscard]] bool verifying() const { return m_verifyJob != 0; }
  [[nodiscard]] QString path() const;  ///< of the open model
  [[nodiscard]] QString name() const;  ///< its short name

 signals:
  void opened(const deltascope::ui::ModelPointer& model);
  void converted(const QString& payload, const QString& base);
  void openFailed(const QString& path, const deltascope::ui::Message& message);
  void closed();
  void messageRaised(const deltascope::ui::Message& message);
  void verdictChanged(const deltascope::ui::ModelVerdict& verdict);
  void verifyStarted();
  void verdictsArrived(const std::vector<deltascope::Verdict>& verdicts);
  void verifyEnded(const deltascope::ui::VerifyOutcome& outcome);

 private:
  void setVerdict(const ModelVerdict& verdict);
  void endConversion(const ImportResult& result, const QString& model);
  void endVerify(const Result<VerifyResult>& result);

  const PageServices m_services;
  ModelPointer m_model;
  ModelVerdict m_verdict;
  JobId m_openJob = 0, m_verifyJob = 0;
  std::uint64_t m_generation = 0;  ///< of the open model
  std::size_t m_tensorsVerified = 0, m_tensorsDifferent = 0;
};

/// Where unpack writes: `folder` itself when it is absent or empty, else a new folder "<name>-final" in it.
[[nodiscard]] QString unpackTarget(const QString& folder, const QString& name);

}  // namespace deltascope::ui
