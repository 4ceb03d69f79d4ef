// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/window/arguments.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace deltascope::window {
namespace {

/// Options of QApplication on the platforms of this program, and whether a value follows.
struct QtOption {
  std::string_view name;
  bool value;
};
constexpr std::array<QtOption, 14> kQtOptions{{{"platform", true},
                                               {"platformpluginpath", true},
                                               {"platformtheme", true},
                                               {"plugin", true},
                                               {"qwindowgeometry", true},
                                               {"qwindowicon", true},
                                               {"qwindowtitle", true},
                                               {"geometry", true},
                                               {"display", true},
                                               {"style", true},
                                               {"session", true},
                                               {"reverse", false},
                                               {"stylesheet", true},
                                               {"nograb", false}}};

/// How many words the Qt option at `at` takes; 0 when it is none.
std::size_t qtWords(const std::vector<std::string>& words, std::size_t at) {
  std::string_view name = words[at];
  if (name.size() < 2 || name[0] != '-') return 0;
  name.remove_prefix(name[1] == '-' ? 2 : 1);
  const bool joined = name.find('=') != std::string_view::npos;
  name = name.substr(0, name.find('='));
  const auto option = std::ranges::find(kQtOptions, name, &QtOption::name);
  if (option == kQtOptions.end()) return 0;
  return option->value && !joined ? 2 : 1;
}

}  // namespace

Arguments parseArguments(const std::vector<std::string>& words) {
  Arguments arguments;
  std::vector<std::string> paths;
  bool options = true;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!options || word.empty() || word[0] != '-') {
      paths.push_back(word);
      continue;
    }
    if (word == "--") {
      options = false;
      continue;
    }
    if (word == "--help" || word == "-h")
      return {.task = Arguments::Task::Help, .path = {}, .reportOut = {}, .base = {}, .final = {}, .problem = {}};
    if (word == "--version" || word == "-v")
      return {.task = Arguments::Task::Version, .path = {}, .reportOut = {}, .base = {}, .final = {}, .problem = {}};
    if (const std::size_t taken = qtWords(words, i); taken > 0) {
      i += taken - 1;
      continue;
    }
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    std::string* into = name == "--report"  ? &arguments.reportOut
                        : name == "--base"  ? &arguments.base
                        : name == "--final" ? &arguments.final
                                            : nullptr;
    if (!into) {
      arguments.problem = "no option is called '" + name + "'";
      return arguments;
    }
    if (equals != std::string::npos) {
      *into = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      *into = words[++i];
    }
    if (into->empty()) {
      arguments.problem = name + " needs a value";
      return arguments;
    }
    if (into == &arguments.reportOut) arguments.task = Arguments::Task::Report;
  }
  if (paths.size() > 1) arguments.problem = "one model at a time, " + std::to_string(paths.size()) + " were given";
  if (paths.size() == 1) arguments.path = paths.front();
  if (arguments.task == Arguments::Task::Report && paths.empty())
    arguments.problem = "--report needs a model too: --report OUTDIR PATH";
  if (arguments.task == Arguments::Task::Window && !arguments.final.empty()) arguments.problem = "--final is for --report only";
  return arguments;
}

const char* helpText() {
  return R"(Usage: deltascope [OPTIONS] [PATH]

Opens a window on delta payloads: look inside, verify, pack, chat.
PATH is a packed model, a payload or a checkpoint: a folder, a file, or a Hub id in the local Hugging Face cache.

Options:
  --base DIR             the base of a payload that has none beside it
  --report OUTDIR PATH   write a report of the model into OUTDIR (CSV, PNG, HTML) and end; needs no display
  --final DIR            with --report: compare bitwise with this checkpoint too
  --version, -v          print the version and end
  --help, -h             print this and end

Options of Qt such as -platform and -style are understood too.
Exit status: 0 done, 1 the report says not bit-exact, 2 usage, 3 input refused or report failed, 130 cancelled.
)";
}

}  // namespace deltascope::window
