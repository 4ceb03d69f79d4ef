// SPDX-License-Identifier: Apache-2.0
// The Hub's cache: models--org--name/refs/<revision> holds a commit, models--org--name/snapshots/<commit> the files, as links
// into blobs/ (huggingface.co/docs/huggingface_hub/guides/manage-cache).
#include <algorithm>
#include <cstdlib>

#include "core/base/file.h"
#include "core/checkpoint/checkpoint.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

struct HubId {
  std::string id;        // org/name, or name for the oldest models
  std::string revision;  // branch, tag or commit; empty: main
};

bool isNamePart(std::string_view part) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  return !part.empty() && part.size() <= 96 && part.find_first_not_of(kAllowed) == std::string_view::npos &&
         part.front() != '.' && part.front() != '-' && part.back() != '.' && part.back() != '-';
}

/// Revisions may have slashes (refs/pr/1), but name nothing outside refs/.
bool isRevision(std::string_view revision) {
  const fs::path path(revision);
  return !revision.empty() && revision.find('\0') == std::string_view::npos && path.is_relative() &&
         std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".." || part == "."; });
}

std::optional<HubId> parseHubId(std::string_view argument) {
  const auto mark = argument.find('@');
  const auto id = argument.substr(0, mark);
  const auto slash = id.find('/');
  const bool valid =
      slash == std::string_view::npos ? isNamePart(id) : isNamePart(id.substr(0, slash)) && isNamePart(id.substr(slash + 1));
  const auto isFileName = [&](std::string_view suffix) { return id.ends_with(suffix); };
  if (!valid || isFileName(".safetensors") || isFileName(".json") || isFileName(".pkl") || isFileName(".pth"))
    return std::nullopt;
  HubId hub{std::string(id), {}};
  if (mark == std::string_view::npos) return hub;
  hub.revision = argument.substr(mark + 1);
  return isRevision(hub.revision) ? std::optional(std::move(hub)) : std::nullopt;
}

/// The variable's path with `~` expanded; empty when it is unset or empty.
fs::path environmentPath(const char* variable) {
  const char* const value = std::getenv(variable);
  if (!value || !*value) return {};
  const std::string_view text = value;
  const char* const home = std::getenv("HOME");
  if (home && text == "~") return home;
  if (home && text.starts_with("~/")) return fs::path(home) / text.substr(2);
  return text;
}

fs::path cacheFolder() {
  for (const char* variable : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (auto path = environmentPath(variable); !path.empty()) return path;
  if (const auto path = environmentPath("HF_HOME"); !path.empty()) return path / "hub";
  if (const auto path = environmentPath("XDG_CACHE_HOME"); !path.empty()) return path / "huggingface" / "hub";
  return environmentPath("HOME") / ".cache" / "huggingface" / "hub";
}

bool isFolder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

fs::path modelFolder(const std::string& id) {
  std::string name = "models--" + id;
  if (const auto slash = name.find('/'); slash != std::string::npos) name.replace(slash, 1, "--");
  return cacheFolder() / name;
}

std::string downloadCommand(const HubId& hub) {
  return "download it: hf download " + hub.id + (hub.revision.empty() ? "" : " --revision " + hub.revision);
}

/// The one snapshot that is there, to be named in the hint when the revision asked for is not.
std::string otherSnapshot(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder / "snapshots", error), end; !error && entry != end; entry.increment(error))
    return entry->path().filename().string();
  return {};
}

Result<fs::path> snapshotOf(const HubId& hub) {
  const auto folder = modelFolder(hub.id);
  const auto revision = hub.revision.empty() ? std::string("main") : hub.revision;
  const auto reference = folder / "refs" / revision;
  std::string commit = revision;
  std::error_code ignored;
  if (fs::is_regular_file(reference, ignored)) {
    DELTASCOPE_ASSIGN(commit, readTextFile(reference, 4096));
    while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r' || commit.back() == ' ')) commit.pop_back();
    if (commit.empty() || commit.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      return fail(ErrorCode::Corrupt, at({reference, {}, {}}, "does not hold a commit"), downloadCommand(hub));
  }
  if (const auto snapshot = folder / "snapshots" / commit; isFolder(snapshot)) return snapshot;
  auto hint = downloadCommand(hub);
  if (const auto other = otherSnapshot(folder); !other.empty()) hint += ", or use " + hub.id + "@" + printable(other);
  return fail(ErrorCode::NotFound, hub.id + ": revision " + printable(revision) + " is not in the cache " + folder.string(),
              hint);
}

}  // namespace

Result<fs::path> resolveModel(std::string_view argument) {
  const fs::path path(argument);
  if (argument.empty())
    return fail(ErrorCode::InvalidArgument, "no model was named", "name a folder, a file or a Hub id org/name");
  std::error_code error;
  const auto status = fs::status(path, error);
  if (fs::exists(status)) return path;
  if (status.type() != fs::file_type::not_found && error)
    return fail(ErrorCode::Io, at({path, {}, {}}, "cannot be reached: " + error.message()), "check the permissions");
  const auto hub = parseHubId(argument);
  if (!hub)
    return fail(ErrorCode::NotFound, at({path, {}, {}}, "does not exist"), "name a folder, a file or a Hub id org/name");
  if (isFolder(modelFolder(hub->id))) return snapshotOf(*hub);
  if (hub->id.find('/') == std::string::npos)
    return fail(ErrorCode::NotFound, at({path, {}, {}}, "does not exist"), "name a folder, a file or a Hub id org/name");
  return fail(ErrorCode::NotFound,
              at({path, {}, {}}, "no such file or folder, nor a model in the cache " + cacheFolder().string()),
              downloadCommand(*hub));
}

}  // namespace deltascope
