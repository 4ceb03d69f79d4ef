// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/companions.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/units.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostEntries = 100'000;  // somebody's home is no model
constexpr int kDeepest = 8;

bool isUtf8(const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

std::string asciiOf(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return text;
}

/// As file systems that do not tell cases apart see it, for the letters that they agree on.
std::string folded(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// A snapshot of the Hub's cache, which is made of links: models--org--name/snapshots/COMMIT.
bool isSnapshot(const fs::path& folder) {
  const auto snapshots = folder.parent_path();
  return snapshots.filename() == "snapshots" && snapshots.parent_path().filename().string().starts_with("models--");
}

bool isInside(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

std::string_view reasonAgainstFolder(const std::string& name) {
  if (name.starts_with('.')) return "a hidden folder";
  if (name == "__pycache__" || name == "node_modules") return "a cache";
  if (name.starts_with("checkpoint-") || name.starts_with("global_step")) return "a state of training";
  return {};
}

class Scanner {
 public:
  explicit Scanner(const CompanionScan& scan) : m_scan(scan) {
    std::error_code ignored;
    m_root = fs::weakly_canonical(fs::absolute(scan.folder, ignored), ignored);
    if (!m_root.has_filename()) m_root = m_root.parent_path();
    for (const auto& file : scan.weights) m_weights.insert(placeOf(file));
  }

  Result<CompanionList> scan() {
    DELTASCOPE_TRY(walk(m_root, "", 0));
    auto& [files, leftOut] = m_list;
    std::ranges::sort(files, {}, &CompanionFile::name);
    keepWithinLimits();
    std::ranges::sort(leftOut, {}, &LeftOut::name);
    return std::move(m_list);
  }

 private:
  /// Links in the last part are kept: in the Hub's cache they are the files.
  static fs::path placeOf(const fs::path& file) {
    std::error_code ignored;
    const auto whole = fs::absolute(file, ignored);
    return fs::weakly_canonical(whole.parent_path(), ignored) / whole.filename();
  }

  void leaveOut(const std::string& name, std::string_view reason) {
    if (!m_scan.wellKnownOnly || isWellKnownCompanion(name)) m_list.leftOut.push_back({name, std::string(reason)});
  }

  Result<void> walk(const fs::path& folder, const std::string& prefix, int depth) {
    std::error_code error;
    fs::directory_iterator entry(folder, error);
    for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
      if (++m_entries > kMostEntries) {
        if (m_entries == kMostEntries + 1) leaveOut(prefix + "…", "the folder holds more than 100,000 files");
        return {};
      }
      look(*entry, prefix + entry->path().filename().string(), depth);
    }
    if (!error || error == std::errc::no_such_file_or_directory) return {};
    if (depth == 0)
      return fail(ErrorCode::Io, at({folder, {}, {}}, "cannot be listed: " + error.message()), "check the permissions");
    leaveOut(prefix, "cannot be listed");
    return {};
  }

  void look(const fs::directory_entry& entry, const std::string& name, int depth) {
    std::error_code error;
    const bool link = entry.is_symlink(error);
    const auto status = entry.status(error);
    if (m_weights.contains(entry.path())) return;
    if (!isUtf8(name)) return leaveOut(asciiOf(name), "its name is not UTF-8");
    if (link && !fs::exists(status)) return leaveOut(name, "a link to nothing");
    if (fs::is_directory(status)) return lookInto(entry, name, link, depth);
    if (!fs::is_regular_file(status)) return leaveOut(name, "not a regular file");
    add(entry, name, link);
  }

  void lookInto(const fs::directory_entry& entry, const std::string& name, bool link, int depth) {
    if (m_scan.wellKnownOnly && (depth > 0 || !isWellKnownFolder(name))) return;
    if (link) return leaveOut(name, "a link to a folder");
    if (const auto reason = reasonAgainstFolder(entry.path().filename().string()); !reason.empty())
      return leaveOut(name, reason);
    if (depth == kDeepest) return leaveOut(name, "more than 8 folders deep");
    (void)walk(entry.path(), name + '/', depth + 1);  // below the first, what cannot be listed is left out by name
  }

  static bool isWellKnownFolder(const std::string& name) {
    return isWellKnownCompanion(name + "/x.jinja") || isWellKnownCompanion(name + "/x.json");
  }

  void add(const fs::directory_entry& entry, const std::string& name, bool link) {
    if (m_scan.wellKnownOnly && !isWellKnownCompanion(name)) return;
    if (const auto reason = weightsInDisguise(name); !reason.empty()) return leaveOut(name, reason);
    if (name.starts_with('.') && name.ends_with(".part")) return leaveOut(name, "a file that is being written");
    if (link && !mayFollow(entry.path(), name)) return leaveOut(name, "a link out of the folder");
    if (::access(entry.path().c_str(), R_OK) != 0) return leaveOut(name, "cannot be read");
    std::error_code error;
    const auto bytes = fs::file_size(entry.path(), error);
    if (error) return leaveOut(name, "cannot be read");
    m_list.files.push_back({name, entry.path(), bytes});
  }

  /// A repository may hold a link to anything of whoever downloads it.
  [[nodiscard]] bool mayFollow(const fs::path& path, const std::string& name) const {
    if (isWellKnownCompanion(name) || isSnapshot(m_root)) return true;
    std::error_code error;
    const auto target = fs::canonical(path, error);
    return !error && isInside(target, m_root);
  }

  /// Names as all file systems can have them side by side: of two that differ in case alone, the one that is a model's.
  std::map<std::string, std::string> namesThatStay() const {
    std::map<std::string, std::string> names;
    for (const bool wellKnown : {true, false})
      for (const auto& file : m_list.files)
        if (isWellKnownCompanion(file.name) == wellKnown) names.try_emplace(folded(file.name), file.name);
    return names;
  }

  /// A folder that another file's path goes through, with letters of any case.
  static bool isFolder(const std::string& name, const std::map<std::string, std::string>& names) {
    const auto inside = names.lower_bound(name + '/');
    return inside != names.end() && inside->first.starts_with(name + '/');
  }

  void keepWithinLimits() {
    const auto names = namesThatStay();
    std::vector<CompanionFile> kept;
    std::uint64_t bytes = 0;
    for (auto& file : m_list.files) {
      const auto stays = names.find(folded(file.name));
      if (stays->second != file.name) {
        leaveOut(file.name, "differs from " + stays->second + " in case alone");
      } else if (isFolder(stays->first, names)) {
        leaveOut(file.name, "differs from a folder in case alone");
      } else if (file.bytes > kLargestCompanion) {
        leaveOut(file.name, "larger than " + formatGib(kLargestCompanion));
      } else if (kept.size() == kMostCompanions) {
        leaveOut(file.name, "more than " + formatCount(kMostCompanions) + " files");
      } else if (file.bytes > kMostCompanionsTogether - bytes) {
        leaveOut(file.name, "more than " + formatGib(kMostCompanionsTogether) + " together");
      } else {
        bytes += file.bytes;
        kept.push_back(std::move(file));
      }
    }
    m_list.files = std::move(kept);
  }

  const CompanionScan& m_scan;
  fs::path m_root;
  std::set<fs::path> m_weights;
  CompanionList m_list;
  std::size_t m_entries = 0;
};

}  // namespace

std::uint64_t CompanionList::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& file : files) sum += file.bytes;
  return sum;
}

Result<CompanionList> listCompanions(const CompanionScan& scan) { return Scanner(scan).scan(); }

}  // namespace deltascope
