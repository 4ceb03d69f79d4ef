// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/window/arguments.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "core/base/units.h"

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

Arguments only(Arguments::Task task) {
  Arguments arguments;
  arguments.task = task;
  return arguments;
}

std::string takeBenchmark(Arguments& a, const std::string& value) {
  if (value == "none") {
    a.noBenchmarks = true;
    return {};
  }
  const auto preset = benchmarkPresetFromName(value);
  if (!preset) return "--benchmark " + value + " is none of small-and-large, one-layer, whole-model, generation and none";
  if (std::ranges::find(a.benchmarks, *preset) == a.benchmarks.end()) a.benchmarks.push_back(*preset);
  return {};
}

std::string takeDevice(Arguments& a, const std::string& value) {
  a.device = value == "cuda" ? "cuda:0" : value;
  const bool numbered = a.device.starts_with("cuda:") && a.device.size() > 5 && a.device.size() < 9 &&
                        a.device.find_first_not_of("0123456789", 5) == std::string::npos;
  return a.device == "cpu" || numbered ? std::string() : "--device " + value + " is not a device; cpu and cuda:N are";
}

std::string takeBudget(Arguments& a, const std::string& value) {
  a.memoryBudget = parseSize(value);
  return a.memoryBudget.value_or(0) > 0 ? std::string() : "--memory-budget " + value + " is not a size such as 6GiB or 500MB";
}

std::string takeRepeat(Arguments& a, const std::string& value) {
  constexpr unsigned kMost = 100'000;
  unsigned repeat = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), repeat);
  if (error != std::errc{} || end != value.data() + value.size() || repeat == 0 || repeat > kMost)
    return "--repeat " + value + " is not a number from 1 to 100000";
  a.repeat = repeat;
  return {};
}

template <std::string Arguments::*member>
std::string takeText(Arguments& a, const std::string& value) {
  a.*member = value;
  return {};
}

/// Options with a value; `take` says what is wrong with it.
struct Option {
  std::string_view name;
  bool reportOnly;
  std::string (*take)(Arguments&, const std::string&);
};
constexpr std::array<Option, 8> kOptions{{{"--report", false, takeText<&Arguments::reportOut>},
                                          {"--base", false, takeText<&Arguments::base>},
                                          {"--final", true, takeText<&Arguments::final>},
                                          {"--baseline", true, takeText<&Arguments::baseline>},
                                          {"--benchmark", true, takeBenchmark},
                                          {"--device", true, takeDevice},
                                          {"--memory-budget", true, takeBudget},
                                          {"--repeat", true, takeRepeat}}};

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
    if (word == "--help" || word == "-h") return only(Arguments::Task::Help);
    if (word == "--version" || word == "-v") return only(Arguments::Task::Version);
    if (const std::size_t taken = qtWords(words, i); taken > 0) {
      i += taken - 1;
      continue;
    }
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const auto option = std::ranges::find(kOptions, name, &Option::name);
    if (option == kOptions.end()) {
      arguments.problem = "no option is called '" + name + "'";
      return arguments;
    }
    std::string value;
    if (equals != std::string::npos)
      value = word.substr(equals + 1);
    else if (i + 1 < words.size())
      value = words[++i];
    arguments.problem = value.empty() ? name + " needs a value" : option->take(arguments, value);
    if (!arguments.problem.empty()) return arguments;
    if (option->reportOnly && arguments.reportOnly.empty()) arguments.reportOnly = name;
  }
  if (!arguments.reportOut.empty()) arguments.task = Arguments::Task::Report;
  if (paths.size() > 1) arguments.problem = "one model at a time, " + std::to_string(paths.size()) + " were given";
  if (paths.size() == 1) arguments.path = paths.front();
  if (arguments.task == Arguments::Task::Report && paths.empty())
    arguments.problem = "--report needs a model too: --report OUTDIR PATH";
  if (arguments.task == Arguments::Task::Window && !arguments.reportOnly.empty())
    arguments.problem = arguments.reportOnly + " is for --report only";
  if (arguments.noBenchmarks && !arguments.benchmarks.empty())
    arguments.problem =
        "--benchmark none and --benchmark " + std::string(nameOf(arguments.benchmarks.front())) + " exclude each other";
  return arguments;
}

const char* helpText() {
  return R"(Usage: deltascope [OPTIONS] [PATH]

Opens a window on delta payloads: look inside, verify, pack, benchmark, chat.
PATH is a packed model, a payload or a checkpoint: a folder, a file, or a Hub id in the local Hugging Face cache.

Options:
  --base DIR             the base of a payload that has none beside it
  --report OUTDIR PATH   write a report of the model into OUTDIR (CSV, PNG, HTML) and end; needs no display.
                         PATH may be a benchmark run's RUN.json: then the report is of that run
  --version, -v          print the version and end
  --help, -h             print this and end

With --report:
  --final DIR            compare bitwise with this checkpoint too
  --benchmark PRESET     what to measure: small-and-large, one-layer, whole-model, generation, or none; may be given more
                         than once (default: small-and-large and generation)
  --device DEVICE        where to measure: cpu or cuda:N (default: cpu)
  --memory-budget SIZE   memory for weights, cache and scratch together while measuring (default: what is free)
  --repeat N             measured repetitions (default: 5)
  --baseline RUN.json    of a run's report: the run to compare it with

Options of Qt such as -platform and -style are understood too.
Exit status: 0 done, 1 the report says not bit-exact, 2 usage, 3 input refused or report failed, 130 cancelled.
)";
}

}  // namespace deltascope::window
