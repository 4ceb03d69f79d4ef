// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The folder of a report: it appears complete or not at all, and replaces nothing but an earlier report.
#include <QByteArray>
#include <QStringList>
#include <filesystem>
#include <optional>

#include "core/base/file.h"

namespace deltascope::ui {

inline constexpr const char* kReportSummary = "summary.json";  ///< {"tool": "deltascope", "files": [every name]}
inline constexpr const char* kReportPage = "index.html";

/// Where a report goes; asked for before the work, so that a mistake shows at once.
struct ReportPlace {
  std::filesystem::path out;
  bool replace = false;
};
/// InvalidArgument: no folder was named, or it holds what is no part of an earlier report.
[[nodiscard]] Result<ReportPlace> reportPlace(const std::filesystem::path& out);

/// Paths below the user's home with "~" in its place, so that who is sent a report learns no names from it; a quoted one is
/// written so that a shell still finds it. What merely contains the home's name stays.
[[nodiscard]] QByteArray withoutHome(const QByteArray& text, const QByteArray& home);

/// Files are gathered beside the place and moved there by commit(); without it they are removed.
class ReportFolder {
 public:
  [[nodiscard]] static Result<ReportFolder> create(ReportPlace place);
  /// Text without the user's home, see above.
  [[nodiscard]] Result<void> write(const QString& name, const QByteArray& bytes);
  /// With the page and the summary, which are written last and name the others.
  [[nodiscard]] const QStringList& names() const { return m_names; }
  /// Of the files when committed.
  [[nodiscard]] std::vector<std::filesystem::path> paths() const;
  [[nodiscard]] const std::filesystem::path& out() const { return m_place.out; }
  [[nodiscard]] Result<void> commit();

 private:
  ReportFolder(ReportPlace place, std::filesystem::path fresh, AtomicFolder folder)
      : m_place(std::move(place)), m_fresh(std::move(fresh)), m_folder(std::move(folder)) {}
  ReportPlace m_place;
  std::filesystem::path m_fresh;
  AtomicFolder m_folder;
  QStringList m_names{QLatin1String(kReportPage), QLatin1String(kReportSummary)};
};

}  // namespace deltascope::ui
