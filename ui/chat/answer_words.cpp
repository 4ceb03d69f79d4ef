// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/answer_words.h"

#include <QStringList>
#include <algorithm>

#include "core/base/units.h"

namespace deltascope::ui {
namespace {

QString tokens(std::uint64_t n) { return QString::fromStdString(counted(n, "token")); }

/// Three significant figures.
QString rate(double perSecond) { return QString::number(perSecond, 'f', perSecond < 10 ? 2 : perSecond < 100 ? 1 : 0); }

QString milliseconds(double ms) {
  return ms < 1000 ? QString("%1 ms").arg(ms, 0, 'f', ms < 10 ? 1 : 0) : QString("%1 s").arg(ms / 1000, 0, 'f', 2);
}

}  // namespace

QString wordsOf(StopReason reason) {
  switch (reason) {
    case StopReason::End:
      return "ended by itself";
    case StopReason::Length:
      return "token limit reached";
    case StopReason::Context:
      return "context full";
    case StopReason::Cancelled:
      return "stopped";
  }
  return {};
}

QString figuresText(const Answer& answer) {
  if (answer.state == Answer::State::Waiting || answer.state == Answer::State::Failed) return {};
  QStringList parts;
  if (answer.tokensPerSecond > 0) parts << rate(answer.tokensPerSecond) + " tok/s";
  if (answer.drafted > 0 && answer.exactPasses > 0)
    parts << rate(double(answer.tokens - 1) / answer.exactPasses) + " tokens a pass";
  if (answer.firstTokenMs > 0) parts << "first token " + milliseconds(answer.firstTokenMs);
  if (answer.peakMemoryBytes > 0) parts << "peak " + QString::fromStdString(formatGib(answer.peakMemoryBytes));
  parts << tokens(answer.tokens) << wordsOf(answer.stopReason);
  return parts.join("  ·  ");
}

QString figuresToolTip(const Answer& answer) {
  QStringList lines{"Tokens a second: of decoding, the first token left out",
                    "Peak: of the memory accounted to this model alone, what it shares with the other side included"};
  if (answer.processBytes > 0)
    lines << QString("This whole program held %1 then").arg(QString::fromStdString(formatGib(answer.processBytes)));
  lines << QString("Prompt: %1, of which %2 were still in the KV cache")
               .arg(tokens(answer.promptTokens), QString::fromStdString(formatCount(answer.reusedTokens)));
  if (answer.drafted > 0)
    lines << QString("Drafts: %1 of %2 were right; the answer is that without them")
                 .arg(QString::fromStdString(formatCount(answer.accepted)),
                      QString::fromStdString(formatCount(answer.drafted)));
  if (!answer.sampling.isEmpty()) lines << "Sampling: " + answer.sampling;
  if (!answer.fingerprint.isEmpty()) lines << "Model: " + answer.source + ", fingerprint " + answer.fingerprint;
  return lines.join('\n');
}

QString comparisonText(const Comparison& comparison) {
  if (comparison.differs)
    return QString("first difference at token %1").arg(QString::fromStdString(formatCount(comparison.common + 1)));
  return "no difference in " + tokens(comparison.common);
}

Comparison compareAnswers(const std::vector<SpokenToken>& first, const std::vector<SpokenToken>& second, bool bothEnded) {
  Comparison comparison;
  const std::size_t shorter = std::min(first.size(), second.size());
  std::size_t at = 0;
  while (at < shorter && first[at].id == second[at].id) comparison.begin += first[at++].length;
  comparison.common = static_cast<std::uint32_t>(at);
  comparison.differs = at < shorter || (bothEnded && first.size() != second.size());
  if (!comparison.differs) return comparison;
  // A token whose text is not whole yet shows with the next one that completes it.
  const auto lengthOf = [at](const std::vector<SpokenToken>& tokens) {
    qint64 length = 0;
    for (std::size_t i = at; i < tokens.size() && length == 0; ++i) length = tokens[i].length;
    return length;
  };
  comparison.length[0] = lengthOf(first);
  comparison.length[1] = lengthOf(second);
  return comparison;
}

}  // namespace deltascope::ui
