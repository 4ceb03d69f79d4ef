// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/run_words.h"

#include <QStringList>
#include <cmath>
#include <filesystem>
#include <map>

#include "core/base/units.h"
#include "core/checkpoint/tensor.h"
#include "ui/charts/numbers.h"

namespace deltascope::ui {
namespace {

QString words(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }
QString ms(double value) { return significant(value) + QStringLiteral(" ms"); }
QString results(std::size_t n) { return QStringLiteral("%1 %2").arg(exactCount(n), n == 1 ? "result" : "results"); }

bool remakes(const BenchmarkRow& row) { return !row.generation && row.mode != "static"; }

/// Every way of using a tensor gave the output that its resident weight gives; false where no resident one was measured.
bool sameOutputs(const BenchmarkRun& run) {
  std::map<std::string, std::string> resident;
  for (const auto& row : run.rows)
    if (row.mode == "static") resident[row.tensor] = row.outputHash;
  for (const auto& row : run.rows) {
    if (row.generation) continue;
    const auto found = resident.find(row.tensor);
    if (found == resident.end() || found->second != row.outputHash) return false;
  }
  return true;
}

/// The one row to speak of: of the largest tensor, made for each use rather than streamed, and that rather than resident.
const BenchmarkRow* tellingRow(const BenchmarkRun& run) {
  const auto rank = [](const BenchmarkRow& row) { return row.mode == "jit" ? 2 : row.mode == "stream" ? 1 : 0; };
  const BenchmarkRow* best = nullptr;
  for (const auto& row : run.rows) {
    if (row.generation || row.usedMs.empty()) continue;
    if (!best || row.layerBytes > best->layerBytes || (row.layerBytes == best->layerBytes && rank(row) > rank(*best)))
      best = &row;
  }
  return best;
}

QString savedWords(std::int64_t bytes) {
  if (bytes == 0) return QStringLiteral("saves nothing");
  const auto size = bytes < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(bytes) : static_cast<std::uint64_t>(bytes);
  return bytes > 0 ? QStringLiteral("saves ") + sizeText(size) : QStringLiteral("takes %1 more").arg(sizeText(size));
}

QString tensorFigures(const BenchmarkRun& run) {
  const BenchmarkRow* row = tellingRow(run);
  if (!row) return {};
  QString text = QStringLiteral("%1 %2, %3: %4 %5")
                     .arg(shortTensor(row->tensor), words(shapeText(row->shape)), modeText(row->mode), ms(row->usedMs.median()),
                          remakes(*row) ? "with reconstruction" : "kept resident");
  if (!row->residentMs.empty()) text += QStringLiteral(" against %1 resident").arg(ms(row->residentMs.median()));
  return text + QStringLiteral("; ") + savedWords(row->memorySavedBytes());
}

QString generationFigures(const BenchmarkRun& run) {
  const BenchmarkRow *row = nullptr, *resident = nullptr;
  for (const auto& r : run.rows)
    if (r.generation && !row) row = &r;
  for (const auto& r : run.baselines)
    if (r.generation && r.mode == "resident") resident = &r;
  if (!row || row->generation->tokensPerSecond.empty()) return {};
  const auto& g = *row->generation;
  QString text = QStringLiteral("generation %1: %2 tokens/s").arg(modeText(row->mode), significant(g.tokensPerSecond.median()));
  if (resident && !resident->generation->tokensPerSecond.empty())
    text += QStringLiteral(" against %1 resident").arg(significant(resident->generation->tokensPerSecond.median()));
  return text +
         QStringLiteral(", first token after %1, peak %2; %3")
             .arg(ms(g.timeToFirstTokenMs.median()), sizeText(row->peakMemoryBytes), savedWords(row->memorySavedBytes()));
}

/// What the good verdict is about.
QString exactWords(const BenchmarkRun& run) {
  bool tensors = false, made = false, generated = false, matched = false, unmatched = false;
  for (const auto& row : run.rows) {
    tensors = tensors || !row.generation;
    made = made || remakes(row);
    if (!row.generation) continue;
    generated = true;
    const auto& matches = row.generation->matchesResident;
    matched = matched || matches == true;
    unmatched = unmatched || matches == false;
  }
  QStringList parts;
  if (tensors) {
    QString text = made ? QStringLiteral("every reconstruction gave the resident weight's bits")
                        : QStringLiteral("every weight has the final's bits, resident");
    if (made && sameOutputs(run)) text += QStringLiteral(" and output");
    parts << text;
  }
  if (generated) {
    QString text = QStringLiteral("every repetition gave the same logits");
    if (unmatched)
      text += QStringLiteral(", not those of resident weights, whose sums a GPU adds up in another order");
    else if (matched)
      text += QStringLiteral(", those of the resident weights");
    parts << text;
  }
  return (tensors ? QStringLiteral("bit-exact: ") : QStringLiteral("reproducible: ")) + parts.join(QStringLiteral("; "));
}

QString failureWords(const BenchmarkRun& run) {
  std::size_t failed = 0, silent = 0;
  const BenchmarkRow *first = nullptr, *firstSilent = nullptr;
  for (const auto& row : run.rows) {
    if (!row.bitExact && ++failed == 1) first = &row;
    if (row.outputNorm == 0 && ++silent == 1) firstSilent = &row;
  }
  const auto place = [](const BenchmarkRow& row) { return shortTensor(row.tensor) + u' ' + modeText(row.mode); };
  if (first)
    return QStringLiteral("not bit-exact: %1 of %2; first %3: %4")
        .arg(exactCount(failed), results(run.rows.size()), place(*first), rowVerdict(*first).mid(2));
  return QStringLiteral("an output's norm is 0: %1 of %2; first %3")
      .arg(exactCount(silent), results(run.rows.size()), place(*firstSilent));
}

QString endWords(const BenchmarkRun& run) {
  switch (run.state) {
    case BenchmarkState::Cancelled:
      return QStringLiteral("cancelled after %1").arg(results(run.rows.size()));
    case BenchmarkState::Failed:
      return QStringLiteral("failed after %1: %2").arg(results(run.rows.size()), words(run.reason));
    case BenchmarkState::Running:
      return QStringLiteral("partial, %1 so far").arg(results(run.rows.size()));
    case BenchmarkState::Complete:
      break;
  }
  return {};
}

}  // namespace

std::optional<bool> runPassed(const BenchmarkRun& run) {
  if (!run.rows.empty() && !run.passed()) return false;
  if (run.state == BenchmarkState::Failed) return false;
  if (run.rows.empty() || run.state != BenchmarkState::Complete) return std::nullopt;
  return true;
}

QString runVerdict(const BenchmarkRun& run) {
  const auto passed = runPassed(run);
  QStringList parts;
  if (const QString end = endWords(run); !end.isEmpty()) parts << end;
  if (run.rows.empty() && parts.isEmpty())
    parts << QStringLiteral("nothing was measured: ") +
                 (run.skipped.empty() ? QStringLiteral("no weight was chosen") : words(run.skipped.back().reason));
  if (!run.rows.empty()) parts << (run.passed() ? exactWords(run) : failureWords(run));
  for (const QString& figures : {tensorFigures(run), generationFigures(run)})
    if (!figures.isEmpty()) parts << figures;
  if (!run.rows.empty() && !run.skipped.empty()) parts << QStringLiteral("%1 not measured").arg(exactCount(run.skipped.size()));
  return (passed ? (*passed ? QStringLiteral("✓ ") : QStringLiteral("✕ ")) : QStringLiteral("– ")) +
         parts.join(QStringLiteral("; "));
}

QString rowVerdict(const BenchmarkRow& row) {
  if (row.bitExact)
    return row.generation ? QStringLiteral("✓ same logits each time")
                          : QStringLiteral("✓ bit-exact: %1 of %2")
                                .arg(exactCount(row.elementsCompared), exactCount(row.elementsCompared));
  // The base alone is there to be different.
  const QString mark = row.mode == "base" ? QStringLiteral("– ") : QStringLiteral("✕ ");
  if (!row.problem.empty()) return mark + words(row.problem);
  return mark + QStringLiteral("%1 of %2 differ").arg(exactCount(row.elementsDifferent), exactCount(row.elementsCompared));
}

QString modeText(const std::string& mode) {
  if (mode == "base") return QStringLiteral("base alone");
  if (mode == "additive") return QStringLiteral("old scripts (additive)");
  if (mode == "plan") return QStringLiteral("as planned");
  return words(mode);
}

QString shortTensor(const std::string& name) {
  QString text = words(name);
  if (text.startsWith(QStringLiteral("model."))) text.remove(0, 6);
  if (text.endsWith(QStringLiteral(".weight"))) text.chop(7);
  return text;
}

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
  const std::filesystem::path path = std::filesystem::path(run.path).lexically_normal();
  const std::string name = path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
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
