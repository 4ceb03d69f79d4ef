// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of a report that are text: verdicts, JSON, facts.
#include <QSysInfo>
#include <nlohmann/json.hpp>

#include "core/base/csv.h"
#include "core/base/units.h"
#include "core/bench/record.h"
#include "ui/charts/numbers.h"
#include "ui/report/report_data.h"
#include "ui/report/run_words.h"

namespace deltascope::ui {
namespace {

std::string kindName(ModelFiles::Kind kind) {
  switch (kind) {
    case ModelFiles::Kind::PackedModel:
      return "packed model";
    case ModelFiles::Kind::Payload:
      return "payload";
    case ModelFiles::Kind::Scripts:
      return "payload of the old scripts";
    case ModelFiles::Kind::Checkpoint:
      break;
  }
  return "checkpoint";
}

nlohmann::ordered_json benchmarkJson(const ReportBenchmark& benchmark) {
  nlohmann::ordered_json json{{"preset", nameOf(benchmark.preset)}};
  if (!benchmark.run) {
    json["problem"] = benchmark.problem.toStdString();
    return json;
  }
  json["state"] = nameOf(benchmark.run->state);
  json["passed"] = benchmark.run->passed();
  json["partial"] = benchmark.run->state != BenchmarkState::Complete;
  json["verdict"] = runVerdict(*benchmark.run).toStdString();
  const auto record = toJson(*benchmark.run);
  for (const char* part : {"figures", "machine_load"}) json[part] = record.at(part);
  json["file"] = benchmark.file(".json").toStdString();
  return json;
}

}  // namespace

QString verdictWords(const ReportData& data) {
  if (!data.verification) return QStringLiteral("– not verified: ") + data.notVerified;
  const VerifyResult& r = *data.verification;
  if (r.bitExact)
    return QStringLiteral("✓ bit-exact: %1 of %1 weights in %2 tensors")
        .arg(exactCount(r.elementsCompared), exactCount(r.tensors));
  std::uint64_t failed = 0;
  for (const auto& verdict : r.verdicts) failed += !verdict.bitExact;
  return QStringLiteral("✕ not bit-exact: %1 of %2 tensors failed").arg(exactCount(failed), exactCount(r.tensors));
}

QByteArray verdictsCsv(const std::vector<Verdict>& verdicts) {
  std::string csv = "tensor,bit_exact,elements,different,first_difference,problem\r\n";
  for (const auto& v : verdicts)
    csv += csvField(v.tensor) + (v.bitExact ? ",true," : ",false,") + std::to_string(v.elements) + ',' +
           std::to_string(v.different) + ',' + (v.firstDifference ? std::to_string(*v.firstDifference) : std::string()) + ',' +
           csvField(v.problem) + "\r\n";
  return QByteArray::fromStdString(csv);
}

QByteArray findingsCsv(const std::vector<Finding>& findings) {
  std::string csv = "tensor,finding\r\n";
  for (const auto& finding : findings) csv += csvField(finding.tensor) + ',' + csvField(finding.text) + "\r\n";
  return QByteArray::fromStdString(csv);
}

QByteArray summaryJson(const ReportData& data, const QStringList& files) {
  using Json = nlohmann::ordered_json;
  const InspectTotals& t = data.model.totals;
  Json json{{"tool", "deltascope"},
            {"version", DELTASCOPE_VERSION},
            {"date", data.when.toString(Qt::ISODate).toStdString()},
            {"model", data.model.files.path.string()},
            {"kind", kindName(data.model.files.kind)},
            {"tensors", t.tensors},
            {"elements", t.elements},
            {"final_bytes", t.finalBytes}};
  if (!data.isCheckpoint()) {
    json["base"] = data.model.files.base.string();
    json["base_bytes"] = t.wholeBaseBytes();
    json["payload_bytes"] = t.payloadFileBytes;
    json["payload_bits_per_weight"] = t.payloadBitsPerWeight();
    json["total_bits_per_weight"] = t.totalBitsPerWeight();
    json["sparsity"] = t.elements ? double(t.zeroDeltas) / double(t.elements) : 1.0;
  }
  json["bit_exact"] = data.verification ? Json(data.verification->bitExact) : Json(nullptr);
  if (data.verification) {
    json["elements_compared"] = data.verification->elementsCompared;
    json["elements_different"] = data.verification->elementsDifferent;
    json["verify_seconds"] = data.verification->seconds;
  } else {
    json["not_verified"] = data.notVerified.toStdString();
  }
  if (!data.model.findings.empty()) json["findings"] = data.model.findings.size();
  json["benchmarks"] = Json::array();
  for (const auto& benchmark : data.benchmarks) json["benchmarks"].push_back(benchmarkJson(benchmark));
  json["machine"] = Json::array();
  for (const QString& fact : data.machine) json["machine"].push_back(fact.toStdString());
  json["commands"] = Json::array();
  for (const QString& command : data.commands) json["commands"].push_back(command.toStdString());
  json["facts"] = Json(data.model.facts);
  json["files"] = Json::array();
  for (const QString& file : files) json["files"].push_back(file.toStdString());
  // Names come from files: what is not UTF-8 is replaced, not thrown at.
  return QByteArray::fromStdString(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

QStringList machineFacts(const Engine& engine) {
  QStringList facts{QSysInfo::prettyProductName() + QStringLiteral(", kernel ") + QSysInfo::kernelVersion()};
  for (const auto& device : engine.devices()) {
    QString text = QString::fromStdString(device.id) + QStringLiteral(": ");
    if (device.usable) {
      text += QString::fromStdString(device.name);
      if (device.threads) text += QStringLiteral(", %1 threads").arg(device.threads);
      if (device.memoryBytes)
        text += QStringLiteral(", %1 of memory").arg(QString::fromStdString(formatGib(device.memoryBytes)));
      if (!device.detail.empty()) text += QStringLiteral(", ") + QString::fromStdString(device.detail);
    } else {
      text += QStringLiteral("none, ") + QString::fromStdString(device.reason);
    }
    facts << text;
  }
  return facts;
}

}  // namespace deltascope::ui
