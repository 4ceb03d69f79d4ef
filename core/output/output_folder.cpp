// SPDX-License-Identifier: Apache-2.0
#include "core/output/output_folder.h"

#include <random>

#include "core/output/replace.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

bool isFilled(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_directory(folder, ignored) && !fs::is_empty(folder, ignored);
}

}  // namespace

fs::path resolvedPath(const fs::path& path) {
  std::error_code error;
  auto whole = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error) whole = fs::absolute(path, error).lexically_normal();
  // Of a link to nothing, the place it names.
  for (int links = 0; links < 40 && fs::is_symlink(fs::symlink_status(whole, error)) && !fs::exists(whole, error); ++links) {
    const fs::path target = fs::read_symlink(whole, error);
    const fs::path next = fs::weakly_canonical(whole.parent_path() / target, error);
    if (error) break;  // a link to itself
    whole = next;
  }
  return whole.has_filename() ? whole : whole.parent_path();
}

fs::path hiddenBeside(const fs::path& destination) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  const std::string name = destination.filename().string().substr(0, 180);  // names have 255 bytes on most disks
  return destination.parent_path() / ("." + name + "." + std::to_string(random()) + ".new");
}

std::string renamed(std::string text, const std::string& from, const std::string& to) {
  if (from.empty()) return text;
  for (auto found = text.find(from); found != std::string::npos; found = text.find(from, found + to.size()))
    text.replace(found, from.size(), to);
  return text;
}

Result<void> checkOutputFolder(const fs::path& out, bool overwrite, const std::vector<std::string>& files) {
  if (out.empty()) return fail(ErrorCode::InvalidArgument, "no output is given", "name one with --out");
  std::error_code ignored;
  if (!fs::is_directory(out, ignored)) {
    if (!fs::exists(out, ignored)) return {};
    return fail(ErrorCode::InvalidArgument, at({out, {}, {}}, "is a file"), "name a folder");
  }
  if (!isFilled(out)) return {};
  if (!overwrite)
    return fail(ErrorCode::InvalidArgument, at({out, {}, {}}, "exists already"), "name another output, or add --overwrite");
  return checkReplaceable(out, files);
}

Result<OutputFolder> OutputFolder::create(const fs::path& out) {
  const fs::path destination = resolvedPath(out);
  const bool replace = isFilled(destination);
  DELTASCOPE_ASSIGN(AtomicFolder fresh, AtomicFolder::create(replace ? hiddenBeside(destination) : destination));
  OutputFolder folder(std::move(fresh));
  folder.m_destination = destination;
  folder.m_replace = replace;
  return folder;
}

Result<void> OutputFolder::commit() {
  DELTASCOPE_TRY(m_folder.commit());
  return m_replace ? replaceFolder(m_folder.destination(), m_destination) : Result<void>{};
}

Error OutputFolder::shown(Error error) const {
  error.message = renamed(std::move(error.message), path().string(), m_destination.string());
  return error;
}

}  // namespace deltascope
