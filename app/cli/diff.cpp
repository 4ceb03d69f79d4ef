// SPDX-License-Identifier: Apache-2.0
#include "core/bench/diff.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/print.h"
#include "core/base/number.h"
#include "core/base/units.h"
#include "core/bench/record.h"
#include "core/checkpoint/gguf_file.h"
#include "core/inspect/inspect.h"

namespace deltascope::cli {
namespace {

struct Options {
  std::string a, b, threshold = "5%";
  bool csv = false, differencesOnly = false;
};

/// "5%", "5 %" or "0.05".
std::optional<double> parseShare(std::string text) {
  const bool percent = text.ends_with('%');
  if (percent) text.pop_back();
  while (text.ends_with(' ')) text.pop_back();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value < 0) return std::nullopt;
  return percent ? value / 100 : value;
}

std::string checkShare(const std::string& text) {
  return parseShare(text) ? std::string() : text + " is not a share such as 5% or 0.05";
}

bool isRunFile(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) && !path.ends_with(".safetensors") && !isGgufName(path);
}

Result<std::vector<TensorStats>> payloadTable(const std::string& path) {
  DELTASCOPE_ASSIGN(Inspection inspection, inspect(path));
  if (inspection.files.kind == ModelFiles::Kind::Checkpoint)
    return fail(ErrorCode::InvalidArgument, at({path, {}, {}}, "is a checkpoint; diff compares runs or payloads"),
                "give two files that bench --out wrote, or two payloads");
  return std::move(inspection.tensors);
}

Result<RunDiff> compare(const Options& o) {
  const bool a = isRunFile(o.a), b = isRunFile(o.b);
  if (a != b)
    return fail(
        ErrorCode::InvalidArgument,
        printable(a ? o.a : o.b) + " is a run and " + printable(a ? o.b : o.a) + " is a model: they have nothing in common",
        "give two runs or two payloads");
  if (a) {
    DELTASCOPE_ASSIGN(const BenchmarkRun first, readRun(o.a));
    DELTASCOPE_ASSIGN(const BenchmarkRun second, readRun(o.b));
    return compareRuns(first, second, *parseShare(o.threshold));
  }
  DELTASCOPE_ASSIGN(const auto first, payloadTable(o.a));
  DELTASCOPE_ASSIGN(const auto second, payloadTable(o.b));
  return comparePayloads(first, second);
}

Json number(std::optional<double> value) { return value ? Json(rounded(*value)) : Json(nullptr); }

Json rowJson(const DiffRow& row) {
  Json metrics = Json::object();
  for (const auto& m : row.metrics)
    metrics[m.name] = {{"a", number(m.a)},
                       {"b", number(m.b)},
                       {"absolute", number(m.absolute())},
                       {"relative", number(m.relative())},
                       {"noise", number(m.noise)},
                       {"verdict", nameOf(m.verdict)}};
  return {{"tensor", row.tensor},     {"mode", row.mode},       {"side", row.inA ? (row.inB ? "both" : "a") : "b"},
          {"differs", row.differs()}, {"remarks", row.remarks}, {"metrics", std::move(metrics)}};
}

Json toJson(const RunDiff& diff, const Options& o) {
  Json rows = Json::array();
  for (const auto& row : diff.rows)
    if (!o.differencesOnly || row.differs()) rows.push_back(rowJson(row));
  const bool runs = isRunFile(o.a);
  Json json{{"a", o.a},
            {"b", o.b},
            {"kind", runs ? "runs" : "payloads"},
            {"threshold", *parseShare(o.threshold)},
            {"notes", diff.notes},
            {"rows_total", diff.rows.size()},
            {"rows_differing", diff.differing()}};
  if (runs) {
    json["comparable"] = diff.comparable();
    json["not_the_same"] = diff.apart;
    json["figures"] = rowJson(*diff.figures);
  }
  json["rows"] = std::move(rows);
  return json;
}

/// What is counted as counts, the rest with four figures.
std::string number(const DiffMetric& m, double value, bool withSign) {
  const std::string sign = withSign ? (value < 0 ? "-" : "+") : (value < 0 ? "-" : "");
  const double size = std::abs(value);
  if ((m.name.ends_with("_bytes") || m.noise == 0) && size < 0x1p53 && std::nearbyint(size) == size)
    return sign + formatCount(static_cast<std::uint64_t>(size));
  return sign + significantText(size, 4);
}

std::string toText(const RunDiff& diff, const Options& o) {
  std::string text;
  for (const auto& note : diff.notes) text += fmt::format("note: {}\n", printable(note));
  std::vector<std::vector<std::string>> lines{{"tensor", "mode", "figure", "a", "b", "b − a", "relative", "verdict"}};
  const auto add = [&](const DiffRow& row) {
    const std::string tensor = printable(row.tensor);
    for (const auto& m : row.metrics) {
      if (row.inA && row.inB && m.verdict == DiffMetric::Verdict::Same && o.differencesOnly) continue;
      const auto absolute = m.absolute(), relative = m.relative();
      lines.push_back({tensor, printable(row.mode), m.name, m.a ? number(m, *m.a, false) : "–",
                       m.b ? number(m, *m.b, false) : "–", absolute ? number(m, *absolute, true) : "–",
                       relative ? fmt::format("{:+.1f} %", 100 * *relative) : "–",
                       row.inA ? (row.inB ? std::string(nameOf(m.verdict)) : "only in a") : "only in b"});
    }
    for (const auto& remark : row.remarks)
      lines.push_back({tensor, printable(row.mode), printable(remark), "", "", "", "", "changed"});
  };
  if (diff.figures) add(*diff.figures);
  for (const auto& row : diff.rows)
    if (!o.differencesOnly || row.differs()) add(row);
  if (lines.size() > 1) text += table(lines, "lllrrrrl");
  return text + fmt::format("{} of {} rows differ\n", formatCount(diff.differing()), formatCount(diff.rows.size()));
}

int diff(const Invocation& invocation, const Options& o) {
  const auto compared = compare(o);
  if (!compared) return report(compared.error());
  if (o.csv)
    printText(toCsv(*compared, !o.differencesOnly));
  else if (invocation.common.json)
    printJson(toJson(*compared, o));
  else
    printText(toText(*compared, o));
  return kDone;
}

}  // namespace

void addDiff(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("diff", "what changed between two benchmark runs, or two payloads");
  command->add_option("A", options->a, "a run that bench --out wrote, or a payload or packed model")->type_name("")->required();
  command->add_option("B", options->b, "the other, of the same kind")->type_name("")->required();
  command->add_option("--threshold", options->threshold, "measured figures that change by no more are the same")
      ->type_name("SHARE")
      ->check(checkShare)
      ->capture_default_str();
  command->add_flag("--differences-only", options->differencesOnly, "leave out what is the same");
  CLI::Option* csv = command->add_flag("--csv", options->csv, "the table as CSV (RFC 4180)");
  addCommon(*command, invocation.common, false);
  csv->excludes(command->get_option("--json"));
  command->footer("Differences are b − a. Within the repetitions' own spread, measured figures are the same too.");
  command->callback(
      [options, &invocation] { invocation.run = [options, &invocation]() -> int { return diff(invocation, *options); }; });
}

}  // namespace deltascope::cli
