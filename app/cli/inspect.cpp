// SPDX-License-Identifier: Apache-2.0
#include "core/inspect/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/print.h"
#include "app/cli/tensor_rows.h"
#include "core/base/number.h"
#include "core/base/units.h"

namespace deltascope::cli {
namespace {

const char* nameOfKind(ModelFiles::Kind kind) {
  switch (kind) {
    case ModelFiles::Kind::PackedModel:
      return "packed model";
    case ModelFiles::Kind::Payload:
      return "payload";
    case ModelFiles::Kind::Scripts:
      return "payload of the scripts";
    case ModelFiles::Kind::Checkpoint:
      break;
  }
  return "checkpoint";
}

bool isCheckpoint(const Inspection& inspection) { return inspection.files.kind == ModelFiles::Kind::Checkpoint; }

double ratioOf(const InspectTotals& t) { return t.storedBytes ? double(t.finalBytes) / double(t.storedBytes) : 0; }
double sparsityOf(const InspectTotals& t) { return t.elements ? double(t.zeroDeltas) / double(t.elements) : 1; }

Json row(const TensorStats& t, ModelFiles::Kind kind) {
  Json json = tensorJson(t);
  json["sparsity"] = rounded(t.sparsity());
  if (kind == ModelFiles::Kind::Checkpoint) return json;
  if (t.transposed) json["transposed"] = true;
  json["chunks"] = t.chunkCount;
  json["patches"] = t.patches;
  json["raw_tiles"] = t.rawTiles;
  if (kind == ModelFiles::Kind::Scripts) return json;
  json["final_hash"] = toHex(t.finalHash);
  json["why"] = explainChoice(t);
  if (t.base == BaseKind::None) return json;
  json["base_shape"] = t.shapeOfBase();
  json["base_name"] = t.nameInBase();
  return json;
}

Json toJson(const Inspection& inspection) {
  const auto& t = inspection.totals;
  Json tensors = Json::array(), facts = Json::object(), findings = Json::array();
  for (const auto& finding : inspection.findings) findings.push_back({{"tensor", finding.tensor}, {"text", finding.text}});
  for (const auto& tensor : inspection.tensors) tensors.push_back(row(tensor, inspection.files.kind));
  for (const auto& [name, value] : inspection.facts) facts[name] = value;
  return {{"path", inspection.files.path.string()},
          {"kind", nameOfKind(inspection.files.kind)},
          {"facts", std::move(facts)},
          {"companions", {{"files", inspection.companions}, {"bytes", inspection.companionBytes}}},
          {"tensors", std::move(tensors)},
          {"findings", std::move(findings)},
          {"totals",
           {{"tensors", t.tensors},
            {"elements", t.elements},
            {"sparsity", sparsityOf(t)},
            {"final_bytes", t.finalBytes},
            {"base_bytes", t.baseBytes},
            {"base_file_bytes", t.wholeBaseBytes()},
            {"stored_bytes", t.storedBytes},
            {"file_bytes", t.payloadFileBytes},
            {"bits_per_weight", t.payloadBitsPerWeight()},
            {"total_bits_per_weight", t.totalBitsPerWeight()},
            {"ratio", ratioOf(t)}}}};
}

std::string dtypeCell(const TensorStats& t, bool checkpoint) {
  if (checkpoint && isInBlocks(t.base)) return std::string(nameOf(t.base));
  std::string cell(nameOf(t.dtype));
  if (checkpoint && t.base != BaseKind::None) cell += fmt::format(" ({})", nameOf(t.base));
  return cell;
}

std::string tensorTable(const Inspection& inspection) {
  const bool checkpoint = isCheckpoint(inspection);
  const auto& tensors = inspection.tensors;
  const bool shapes = std::ranges::any_of(tensors, [](const TensorStats& t) { return !t.baseShape.empty(); });
  const bool names = std::ranges::any_of(tensors, [](const TensorStats& t) { return !t.baseName.empty(); });
  std::vector<std::vector<std::string>> rows;
  rows.push_back(
      {"name", "shape", "dtype", "elements", "sparsity", "codec", "base bytes", "stored bytes", "bits/weight", "ratio"});
  for (const auto& t : tensors)
    rows.push_back({printable(t.name), shapeText(t.shapeOfFinal()), dtypeCell(t, checkpoint), formatCount(t.elements),
                    checkpoint ? "" : percent(t.sparsity()), std::string(nameOf(t.codec)), formatCount(t.baseBytes),
                    formatCount(t.storedBytes), thousandths(t.bitsPerWeight()), ratioCell(t.ratio(), t.storedBytes)});
  const auto& sum = inspection.totals;
  rows.push_back({"total", formatCount(sum.tensors) + " tensors", "", formatCount(sum.elements),
                  checkpoint ? "" : percent(sparsityOf(sum)), "", formatCount(sum.baseBytes), formatCount(sum.storedBytes),
                  thousandths(sum.elements ? 8 * double(sum.storedBytes) / double(sum.elements) : 0),
                  ratioCell(ratioOf(sum), sum.storedBytes)});
  std::string columns = "lrlrrlrrrr";
  const auto addColumn = [&](char align, const char* title, auto cell) {
    columns += align;
    rows.front().push_back(title);
    for (std::size_t i = 0; i < tensors.size(); ++i) rows[i + 1].push_back(cell(tensors[i]));
    rows.back().emplace_back();
  };
  if (shapes) addColumn('r', "base shape", [](const auto& t) { return t.baseShape.empty() ? "" : shapeText(t.baseShape); });
  if (names) addColumn('l', "base name", [](const auto& t) { return printable(t.baseName); });
  return table(rows, columns.c_str());
}

std::string toText(const Inspection& inspection, bool verbose) {
  const auto& sum = inspection.totals;
  std::string text = fmt::format("{} {}\n", nameOfKind(inspection.files.kind), printable(inspection.files.path.string()));
  for (const auto& [name, value] : inspection.facts) text += fmt::format("  {}: {}\n", printable(name), printable(value));
  text += '\n' + tensorTable(inspection);
  if (isCheckpoint(inspection)) return text;
  if (!inspection.findings.empty()) text += "\nwhat is wrong\n";
  for (const auto& finding : inspection.findings) text += fmt::format("  {}\n", printable(describe(finding)));
  text += fmt::format(
      "\npayload file {} ({} bytes): {:.3f} bits/weight, ratio {:.3f}; streams, tables, directories and header counted\n",
      formatGib(sum.payloadFileBytes), formatCount(sum.payloadFileBytes), sum.payloadBitsPerWeight(),
      sum.payloadFileBytes ? double(sum.finalBytes) / double(sum.payloadFileBytes) : 0.0);
  const std::uint64_t together = sum.payloadFileBytes + sum.wholeBaseBytes();
  text += fmt::format("with the base {}: {:.3f} bits/weight, ratio {:.3f}; final {}\n", formatGib(together),
                      sum.totalBitsPerWeight(), together ? double(sum.finalBytes) / double(together) : 0.0,
                      formatGib(sum.finalBytes));
  if (verbose && inspection.files.kind != ModelFiles::Kind::Scripts) {
    text += "\nwhy\n";
    for (const auto& t : inspection.tensors) text += fmt::format("  {}: {}\n", printable(t.name), explainChoice(t));
  }
  return text;
}

}  // namespace

void addInspect(CLI::App& app, Invocation& invocation) {
  struct Options {
    std::string path, base;
    bool csv = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("inspect", "the per-tensor table of a packed model, payload or checkpoint");
  command->add_option("PATH", options->path, "folder, file or Hub id")->type_name("")->required();
  command->add_option("--base", options->base, "the base of a .pkl of the old scripts, where it is not beside it")
      ->type_name("MODEL");
  CLI::Option* csv = command->add_flag("--csv", options->csv, "the table as CSV (RFC 4180)");
  addCommon(*command, invocation.common, false);
  csv->excludes(command->get_option("--json"));
  command->callback([options, &invocation] {
    invocation.run = [options, &invocation]() -> int {
      const auto inspection = inspect(options->path, options->base);
      if (!inspection) return report(inspection.error());
      if (options->csv)
        printText(toCsv(inspection->tensors));
      else if (invocation.common.json)
        printJson(toJson(*inspection));
      else
        printText(toText(*inspection, invocation.common.verbose));
      return kDone;
    };
  });
}

}  // namespace deltascope::cli
