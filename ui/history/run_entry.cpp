// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_entry.h"

#include <QRegularExpression>
#include <QStringList>
#include <algorithm>

#include "core/bench/run_words.h"
#include "ui/charts/numbers.h"

namespace deltascope::ui {
namespace {

QString modelWords(const BenchmarkRun& run) {
  QString path = QString::fromStdString(run.path);
  while (path.size() > 1 && path.endsWith(u'/')) path.chop(1);
  const QString name = path.section(u'/', -1);
  return run.baseOnly ? name + QStringLiteral(", base only") : name;
}

/// Makers and their decoration cost the width of a column.
QString deviceWords(const DeviceFacts& device) {
  static const QRegularExpression decoration(
      QStringLiteral("\\((R|TM|C)\\)|\\b(AMD|Intel|NVIDIA|CPU|Processor|\\d+-Core)\\b|@.*$"),
      QRegularExpression::CaseInsensitiveOption);
  const QString name = QString::fromStdString(device.name).remove(decoration).simplified();
  const QString kind = device.id == "cpu" ? QStringLiteral("CPU") : QStringLiteral("GPU");
  return name.isEmpty() ? kind : kind + QStringLiteral(" · ") + name;
}

QString settingsWords(const BenchmarkRun& run) {
  const auto value = [&run](const char* name) {
    const auto at = run.settings.find(name);
    return at == run.settings.end() ? QString() : QString::fromStdString(at->second);
  };
  QStringList words;
  if (const QString tokens = value("generate"); !tokens.isEmpty()) words << tokens + QStringLiteral(" tokens");
  if (const QString tensors = value("tensors"); !tensors.isEmpty())
    words << (tensors == u"*" ? QStringLiteral("all tensors") : tensors);
  if (const QString mode = value("mode"); !mode.isEmpty() && mode != u"all") words << mode;
  if (run.budget) words << byteText(run.budget);
  if (const QString threads = value("threads"); !threads.isEmpty())
    words << threads + (threads == u"1" ? QStringLiteral(" thread") : QStringLiteral(" threads"));
  if (const QString repeat = value("repeat"); !repeat.isEmpty()) words << u'×' + repeat;
  if (const QString batch = value("batch"); !batch.isEmpty() && batch != u"1") words << QStringLiteral("batch ") + batch;
  return words.join(QStringLiteral(" · "));
}

}  // namespace

QString RunEntry::title() const {
  if (!name.isEmpty()) return name;
  return file.endsWith(QStringLiteral(".json")) ? file.chopped(5) : file;
}

RunEntry entryOf(const QString& file, const BenchmarkRun& run) {
  RunEntry entry;
  entry.file = file;
  entry.name = QString::fromStdString(run.name);
  entry.notes = QString::fromStdString(run.notes);
  entry.created = QString::fromStdString(run.created);
  entry.state = QString::fromStdString(stateWords(run.state));
  entry.model = modelWords(run);
  entry.modelFingerprint = QString::fromStdString(run.modelFingerprint);
  entry.device = deviceWords(run.device);
  entry.settings = settingsWords(run);
  entry.rows = run.rows.size();
  entry.figures = figuresOf(run);
  entry.conditions = conditionsOf(run);
  entry.verdict = QString::fromStdString(shortVerdict(run));
  entry.sentence = QString::fromStdString(runSentence(run));
  entry.passed = run.passed();
  return entry;
}

RunEntry unreadableEntry(const QString& file, const Error& error) {
  RunEntry entry;
  entry.file = file;
  entry.state = QStringLiteral("unreadable");
  entry.problem = QString::fromStdString(describe(error));
  return entry;
}

}  // namespace deltascope::ui
