// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/run_words.h"

#include <QStringList>
#include <cmath>
#include <filesystem>

#include "core/base/last_name.h"
#include "core/base/units.h"
#include "core/bench/run_words.h"
#include "ui/charts/numbers.h"
#include "ui/words.h"

namespace deltascope::ui {
std::optional<bool> runPassed(const BenchmarkRun& run) { return passedOf(run); }
QString runVerdict(const BenchmarkRun& run) { return words(runSentence(run)); }
QString rowVerdict(const BenchmarkRow& row) { return words(rowSentence(row)); }
QString modeText(const std::string& mode) { return words(modeWords(mode)); }
QString shortTensor(const std::string& name) { return words(shortTensorName(name)); }

QString spreadText(const Timings& timings) {
  if (timings.empty()) return QStringLiteral("–");
  if (timings.values.size() == 1) return significant(timings.median());
  return QStringLiteral("%1 (%2–%3)")
      .arg(significant(timings.median()), significant(timings.least()), significant(timings.most()));
}

QString sizeText(std::uint64_t bytes) { return QString::fromStdString(formatGib(bytes)); }

QString signedBytes(std::int64_t bytes) {
  if (bytes == 0) return QStringLiteral("0 B");
  if (bytes > 0) return u'+' + sizeText(static_cast<std::uint64_t>(bytes));
  return QChar(0x2212) + sizeText(std::uint64_t{0} - static_cast<std::uint64_t>(bytes));
}

QString signedNumber(double value) {
  const QString text = significant(value);
  return value > 0 && std::isfinite(value) ? u'+' + text : text;
}

QString runTitle(const BenchmarkRun& run) {
  const std::string name = lastNameOf(run.path);
  if (!run.name.empty())
    return run.name.find(name) != std::string::npos ? words(run.name) : words(name) + QStringLiteral(", ") + words(run.name);
  QString what;
  for (const auto preset : {BenchmarkPreset::SmallAndLarge, BenchmarkPreset::OneLayer, BenchmarkPreset::WholeModel}) {
    BenchmarkRequest request;
    applyPreset(request, preset);
    const auto tensors = run.settings.find("tensors");
    if (tensors != run.settings.end() && tensors->second == request.tensors) what = words(nameOf(preset));
  }
  if (what.isEmpty() && run.settings.contains("tensors")) what = words(run.settings.at("tensors"));
  if (run.settings.contains("generate"))
    what += (what.isEmpty() ? QString() : QStringLiteral(", ")) + QStringLiteral("generation");
  return words(name.empty() ? run.path : name) + (what.isEmpty() ? QString() : QStringLiteral(", ") + what);
}

}  // namespace deltascope::ui
