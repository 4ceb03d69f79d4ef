// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/run_command.h"

#include <QStringList>
#include <random>

#include "core/base/units.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

/// Whether the run made its prompt from the seed: then the seed makes it again.
bool randomPrompt(const BenchmarkRun& run, const BenchmarkRow& row) {
  const auto& ids = row.generation->promptIds;
  if (ids.size() != kBenchmarkPrompt || row.outputCount == 0) return false;
  std::mt19937_64 random(run.seed);
  for (const TokenId id : ids)
    if (static_cast<std::uint64_t>(id) != random() % row.outputCount) return false;
  return true;
}

QString promptOf(const BenchmarkRun& run) {
  for (const auto* rows : {&run.rows, &run.baselines})
    for (const auto& row : *rows) {
      if (!row.generation || row.generation->promptIds.empty()) continue;
      if (randomPrompt(run, row)) return {};
      QStringList ids;
      for (const TokenId id : row.generation->promptIds) ids << QString::number(id);
      return ids.join(u',');
    }
  return {};
}

QString budgetText(std::uint64_t bytes) {
  for (const auto& [unit, size] : {std::pair{"GiB", std::uint64_t{1} << 30}, {"MiB", std::uint64_t{1} << 20}})
    if (bytes % size == 0) return QString::number(bytes / size) + QLatin1String(unit);
  return QString::number(bytes);
}

/// What is measured: a preset's name where it means the same.
QStringList choice(const std::string& tensors, std::uint32_t generate) {
  QStringList parts;
  std::optional<BenchmarkPreset> preset;
  for (const auto each : {BenchmarkPreset::SmallAndLarge, BenchmarkPreset::OneLayer, BenchmarkPreset::WholeModel}) {
    BenchmarkRequest request;
    applyPreset(request, each);
    if (request.tensors == tensors) preset = each;
  }
  if (tensors.empty() && generate == kBenchmarkTokens) preset = BenchmarkPreset::Generation;
  if (preset)
    parts << QStringLiteral("--preset") << words(nameOf(*preset));
  else if (!tensors.empty())
    parts << QStringLiteral("--tensors") << shellWord(words(tensors));
  if (generate && preset != BenchmarkPreset::Generation) parts << QStringLiteral("--generate") << QString::number(generate);
  return parts;
}

}  // namespace

QString benchmarkCommand(const BenchmarkRun& run) {
  const auto setting = [&](const char* name) {
    const auto found = run.settings.find(name);
    return found == run.settings.end() ? std::string() : found->second;
  };
  QStringList parts{QStringLiteral("deltascope-cli bench"), shellWord(words(run.path))};
  const auto add = [&](const char* option, const QString& value) {
    if (!value.isEmpty()) parts << QStringLiteral("--") + QLatin1String(option) << shellWord(value);
  };
  add("base", words(run.base));
  for (const auto& payload : run.payloads) add("payload", words(payload));
  if (run.baseOnly) parts << QStringLiteral("--base-only");
  parts << choice(setting("tensors"), words(setting("generate")).toUInt());
  if (const QString prompt = promptOf(run); !prompt.isEmpty()) parts << QStringLiteral("--ids") << prompt;
  if (const std::string mode = setting("mode"); mode != "all") add("mode", words(mode));
  if (const QString draft = words(setting("draft")); !draft.isEmpty() && draft != words(nameOf(DraftSource::Off))) {
    add("draft", draft);
    if (const QString tokens = words(setting("draft tokens")); tokens.toUInt()) add("draft-tokens", tokens);
    add("simulated-acceptance", words(setting("simulated acceptance")));
  }
  add("device", words(run.device.id));
  if (run.budget) add("memory-budget", budgetText(run.budget));
  for (const char* name : {"repeat", "warmup"}) add(name, words(setting(name)));
  if (const std::string batch = setting("batch"); batch != "1") add("batch", words(batch));
  parts << QStringLiteral("--seed") << QString::number(run.seed);
  if (const QString threads = words(setting("threads")); threads.toUInt() != run.machine.threads) add("threads", threads);
  if (setting("baselines") == "no") parts << QStringLiteral("--no-baselines");
  return parts.join(u' ');
}

QString shellWord(const QString& text) {
  bool plain = !text.isEmpty();
  for (const QChar c : text) plain = plain && (c.isLetterOrNumber() || QStringLiteral("/._-+:@%=,").contains(c));
  if (plain) return text;
  QString quoted = text;
  return u'\'' + quoted.replace(u'\'', QStringLiteral("'\\''")) + u'\'';
}

QString shellWord(const std::filesystem::path& path) { return shellWord(QString::fromStdString(path.string())); }

}  // namespace deltascope::ui
