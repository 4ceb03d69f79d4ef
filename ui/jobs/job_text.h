// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A job in words.
#include <QString>

#include "ui/jobs/job_runner.h"

namespace deltascope::ui {

[[nodiscard]] QString stateText(const JobView& job);  ///< "running", "cancelling", …
[[nodiscard]] QString stateIcon(const JobView& job);  ///< an icon's name
/// "measuring: tensor 12 of 1,352", the error of a failed job, or what a queued one waits for.
[[nodiscard]] QString phaseText(const JobView& job);
[[nodiscard]] double doneShare(const JobView& job);        ///< 0 … 1; negative while unknown
[[nodiscard]] QString percentText(const JobView& job);     ///< "61 %", or empty
[[nodiscard]] QString throughputText(const JobView& job);  ///< "118 MB/s", or empty
[[nodiscard]] QString elapsedText(const JobView& job);     ///< "0:42", "4.2 s", "24 ms", or empty
[[nodiscard]] QString etaText(const JobView& job);         ///< "0:42", or empty
/// "61 %  ·  118 MB/s  ·  0:42 left" while it runs, "succeeded in 0:12" after.
[[nodiscard]] QString summaryText(const JobView& job);
/// "30 %: 406 of 1,352 tensors, 118 MB/s, 0:42 left", for a log.
[[nodiscard]] QString milestoneText(const JobView& job);

}  // namespace deltascope::ui
