// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "core/payload/payload.h"

namespace deltascope {
namespace {

constexpr std::size_t kLongestPart = 255, kLongestPath = 1024;

std::string folded(std::string_view text) {
  std::string small(text);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return small;
}

bool isPart(std::string_view part) {
  return !part.empty() && part.size() <= kLongestPart && part != "." && part != ".." && folded(part) != ".git";
}

bool hasControl(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    // U+0080 … U+009F
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

/// The folders of "a/b/c": "a", "a/b".
std::vector<std::string> foldersOf(const std::string& path) {
  std::vector<std::string> folders;
  for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1))
    folders.push_back(path.substr(0, at));
  return folders;
}

}  // namespace

bool isCompanionPath(std::string_view path) {
  if (path.empty() || path.size() > kLongestPath || path.find('\\') != std::string_view::npos || hasControl(path)) return false;
  for (;;) {
    const std::size_t slash = path.find('/');
    if (!isPart(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::optional<std::size_t> firstMisplaced(const std::vector<Companion>& companions, const std::vector<std::string>& files) {
  std::set<std::string> names, folders;
  for (const auto& file : files) names.insert(folded(file));
  for (std::size_t i = 0; i < companions.size(); ++i) {
    const std::string name = folded(companions[i].path);
    if (!isCompanionPath(companions[i].path) || folders.contains(name) || !names.insert(name).second) return i;
    for (auto& folder : foldersOf(name)) {
      if (names.contains(folder)) return i;
      folders.insert(std::move(folder));
    }
  }
  return std::nullopt;
}

}  // namespace deltascope
