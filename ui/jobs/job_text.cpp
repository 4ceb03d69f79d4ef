// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/jobs/job_text.h"

#include <QStringList>
#include <algorithm>
#include <cmath>

#include "core/base/units.h"

namespace deltascope::ui {

namespace {

/// "24 ms", "4.2 s" while minutes and seconds would say nothing.
QString tookText(double seconds) {
  if (seconds < 1) return QString("%1 ms").arg(qRound(seconds * 1000));
  return seconds < 10 ? QString::number(seconds, 'f', 1) + " s" : QString::fromStdString(formatDuration(seconds));
}

QString countText(std::uint64_t count) { return QString::fromStdString(formatCount(count)); }

QString waitingText(const JobView& job) {
  return job.waitsFor.isEmpty() ? QString("waiting") : QString("waiting for “%1”").arg(job.waitsFor);
}

}  // namespace

QString stateText(const JobView& job) {
  if (job.state == JobState::Running && job.cancelling) return "cancelling";
  return wordOf(job.state);
}

QString stateIcon(const JobView& job) {
  switch (job.state) {
    case JobState::Queued:
      return "clock";
    case JobState::Running:
      return "demo";
    case JobState::Succeeded:
      return "success";
    case JobState::Failed:
      return "error";
    case JobState::Cancelled:
      return "cancel";
  }
  return {};
}

QString phaseText(const JobView& job) {
  if (job.state == JobState::Failed && job.error) return QString::fromStdString(job.error->message);
  if (job.state == JobState::Queued) return waitingText(job);
  if (job.state != JobState::Running) return {};
  const Progress& p = job.progress;
  const QString phase = QString::fromStdString(p.phase);
  if (phase.isEmpty() || p.tensorsTotal == 0 || p.tensorsDone >= p.tensorsTotal) return phase;
  return QString("%1: tensor %2 of %3").arg(phase, countText(p.tensorsDone + 1), countText(p.tensorsTotal));
}

double doneShare(const JobView& job) {
  if (job.state == JobState::Succeeded) return 1;
  const auto& p = job.progress;
  if (p.bytesTotal > 0) return std::clamp(double(p.bytesDone) / double(p.bytesTotal), 0.0, 1.0);
  if (p.tensorsTotal > 0) return std::clamp(double(p.tensorsDone) / double(p.tensorsTotal), 0.0, 1.0);
  return -1;
}

QString percentText(const JobView& job) {
  const double share = doneShare(job);
  return share < 0 ? QString() : QString("%1 %").arg(static_cast<int>(std::floor(share * 100)));
}

QString throughputText(const JobView& job) {
  const double rate = job.progress.throughput();
  return rate > 0 ? QString::fromStdString(formatRate(rate)) : QString();
}

QString elapsedText(const JobView& job) {
  if (job.state == JobState::Queued || job.seconds <= 0) return {};
  return isFinished(job.state) ? tookText(job.seconds) : QString::fromStdString(formatDuration(job.seconds));
}

QString etaText(const JobView& job) {
  const double left = job.progress.eta();
  return job.state == JobState::Running && !job.cancelling && left >= 0 ? QString::fromStdString(formatDuration(left))
                                                                        : QString();
}

QString summaryText(const JobView& job) {
  if (job.state == JobState::Queued) return waitingText(job);
  if (job.cancelling) return "cancelling";
  if (job.state == JobState::Succeeded) return "succeeded in " + tookText(job.seconds);
  if (job.state == JobState::Cancelled) return "cancelled";
  if (job.state == JobState::Failed) return "failed";
  QStringList parts{phaseText(job), percentText(job), throughputText(job)};
  if (const QString left = etaText(job); !left.isEmpty()) parts << left + " left";
  parts.removeAll(QString());
  return parts.isEmpty() ? "running" : parts.join("  ·  ");
}

QString milestoneText(const JobView& job) {
  const Progress& p = job.progress;
  QStringList parts;
  if (p.tensorsTotal > 0) parts << QString("%1 of %2 tensors").arg(countText(p.tensorsDone), countText(p.tensorsTotal));
  parts << throughputText(job);
  if (const QString left = etaText(job); !left.isEmpty()) parts << left + " left";
  parts.removeAll(QString());
  return percentText(job) + (parts.isEmpty() ? QString() : ": " + parts.join(", "));
}

}  // namespace deltascope::ui
