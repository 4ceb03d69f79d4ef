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

/// os.getenv: an empty variable counts.
std::string variable(const char* name, std::string fallback) {
  const char* const value = std::getenv(name);
  return value ? value : std::move(fallback);
}

/// os.path.expanduser of the user's own `~`; another user's is left as it is.
std::string withHome(const std::string& path) {
  if (path != "~" && !path.starts_with("~/")) return path;
  std::string home = variable("HOME", "~");
  while (home.size() > 1 && home.ends_with('/')) home.pop_back();
  return home == "/" && path.size() > 1 ? path.substr(1) : home + path.substr(1);
}

bool isVariableByte(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// os.path.expandvars: $NAME and ${NAME}, once; variables that are not set stay as they are.
std::string withVariables(const std::string& path) {
  std::string expanded;
  for (std::size_t at = 0; at < path.size();) {
    const bool braces = path.compare(at, 2, "${") == 0;
    const std::size_t begin = at + (braces ? 2 : 1);
    std::size_t end = begin;
    if (path[at] == '$')
      end = braces ? path.find('}', begin)
                   : static_cast<std::size_t>(
                         std::find_if_not(path.begin() + static_cast<std::ptrdiff_t>(begin), path.end(), isVariableByte) -
                         path.begin());
    const char* const value = path[at] == '$' && end != std::string::npos && end > begin
                                  ? std::getenv(path.substr(begin, end - begin).c_str())
                                  : nullptr;
    if (!value) {
      expanded += path[at++];
      continue;
    }
    expanded += value;
    at = end + (braces ? 1 : 0);
  }
  return expanded;
}

/// os.path.join of a folder and a name.
std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() || folder.ends_with('/') ? folder + name : folder + '/' + name;
}

/// As huggingface_hub 2.4 computes it (constants.py), from the variables or their defaults.
fs::path cacheFolder() {
  const auto expanded = [](const std::string& path) { return withVariables(withHome(path)); };
  const std::string caches = variable("XDG_CACHE_HOME", joined(withHome("~"), ".cache"));
  const std::string home = expanded(variable("HF_HOME", joined(caches, "huggingface")));
  return expanded(variable("HF_HUB_CACHE", variable("HUGGINGFACE_HUB_CACHE", joined(home, "hub"))));
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
  const std::string cache = cacheFolder().string();
  const std::string nowhere = at({path, {}, {}}, "no such file or folder, nor a model in the cache ") +
                              (cache.empty() ? "of the working folder, as HF_HUB_CACHE or HF_HOME is set to nothing" : cache);
  // As huggingface_hub does, which then makes a folder of that name.
  if (cache.find('$') != std::string::npos)
    return fail(ErrorCode::NotFound, nowhere + ", a name with a variable that is not set",
                "set the variable, or correct HF_HUB_CACHE or HF_HOME");
  return fail(ErrorCode::NotFound, nowhere, downloadCommand(*hub));
}

}  // namespace deltascope
