// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/report_folder.h"

#include <QDir>
#include <cctype>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "core/output/output_folder.h"
#include "core/output/replace.h"

namespace deltascope::ui {
namespace {

namespace fs = std::filesystem;

/// The folder may be filled: absent, empty, or an earlier report with nothing else in it.
Result<bool> mustReplace(const fs::path& out) {
  std::error_code error;
  if (!fs::exists(out, error)) return false;
  if (!fs::is_directory(out, error))
    return fail(ErrorCode::InvalidArgument, at({out, {}, {}}, "is not a folder"), "name a new folder for the report");
  std::set<std::string> present;
  for (fs::directory_iterator entry(out, error), end; !error && entry != end; entry.increment(error))
    present.insert(entry->path().filename().string());
  if (error) return fail(ErrorCode::Io, at({out, {}, {}}, "cannot be read: " + error.message()));
  if (present.empty()) return false;
  const auto refused = [&](const std::string& name) {
    return fail(ErrorCode::InvalidArgument, at({out, {}, {}}, "holds " + name + ", which is no part of a report"),
                "name a new folder for the report");
  };
  if (!present.count(kReportSummary)) return refused(*present.begin());
  const auto text = readTextFile(out / kReportSummary, 16u << 20);
  if (!text) return tl::make_unexpected(text.error());
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  std::set<std::string> ours;
  if (json.is_object() && json.value("tool", nlohmann::json()) == "deltascope" && json.contains("files") &&
      json["files"].is_array())
    for (const auto& name : json["files"])
      if (name.is_string()) ours.insert(name.get<std::string>());
  for (const std::string& name : present)
    if (!ours.count(name) || !fs::is_regular_file(fs::symlink_status(out / name, error))) return refused(name);
  return true;
}

/// Of a path, or of text that goes on without a break, as pictures in a page do.
bool continues(char c) { return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("._-+=/", c) || (c & 0x80); }

}  // namespace

QByteArray withoutHome(const QByteArray& text, const QByteArray& home) {
  if (home.size() < 2 || !home.startsWith('/')) return text;
  QByteArray shown;
  qsizetype from = 0;
  for (qsizetype at = text.indexOf(home); at >= 0; at = text.indexOf(home, at + home.size())) {
    const qsizetype end = at + home.size();
    const bool inPath = end < text.size() && text[end] == '/';
    if ((at > 0 && continues(text[at - 1])) || (end < text.size() && !inPath && continues(text[end]))) continue;
    const bool quoted = inPath && at > 0 && text[at - 1] == '\'';  // a shell takes ~ for the home outside of quotes alone
    shown += text.mid(from, at - from - quoted) + (quoted ? "~/'" : "~");
    from = end + quoted;
  }
  return shown + text.mid(from);
}

Result<ReportPlace> reportPlace(const fs::path& out) {
  if (out.empty()) return fail(ErrorCode::InvalidArgument, "no folder for the report was given", "name a new folder");
  ReportPlace place;
  place.out = out.has_filename() ? out : out.parent_path();
  DELTASCOPE_ASSIGN(place.replace, mustReplace(place.out));
  return place;
}

Result<ReportFolder> ReportFolder::create(ReportPlace place) {
  fs::path fresh = place.out;
  if (place.replace) fresh = hiddenBeside(place.out);
  DELTASCOPE_ASSIGN(AtomicFolder folder, AtomicFolder::create(fresh));
  return ReportFolder(std::move(place), std::move(fresh), std::move(folder));
}

Result<void> ReportFolder::write(const QString& name, const QByteArray& given) {
  if (!m_names.contains(name)) m_names << name;
  const QByteArray bytes = name.endsWith(QStringLiteral(".png")) ? given : withoutHome(given, QDir::homePath().toUtf8());
  return writeTextFile(m_folder.path() / name.toStdString(), {bytes.constData(), static_cast<std::size_t>(bytes.size())});
}

std::vector<fs::path> ReportFolder::paths() const {
  std::vector<fs::path> paths;
  for (const QString& name : m_names) paths.push_back(m_place.out / name.toStdString());
  return paths;
}

Result<void> ReportFolder::commit() {
  DELTASCOPE_TRY(m_folder.commit());
  return m_place.replace ? replaceFolder(m_fresh, m_place.out) : Result<void>();
}

}  // namespace deltascope::ui
