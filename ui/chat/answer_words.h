// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// An answer's figures in words.
#include <QString>
#include <vector>

#include "ui/chat/conversation.h"

namespace deltascope::ui {

[[nodiscard]] QString wordsOf(StopReason reason);  ///< "ended by itself", "token limit reached", "context full", "stopped"
/// "212 tok/s  ·  first token 31 ms  ·  peak 13.41 MiB  ·  128 tokens  ·  stopped"; empty while there are none.
[[nodiscard]] QString figuresText(const Answer& answer);
/// The same with prompt, reuse and sampling, a line each: for the tooltip.
[[nodiscard]] QString figuresToolTip(const Answer& answer);
/// "first difference at token 18", "no difference in 128 tokens".
[[nodiscard]] QString comparisonText(const Comparison& comparison);

/// A token as it streamed: its id, and how long its text is in UTF-16 units.
struct SpokenToken {
  TokenId id = 0;
  qint64 length = 0;
};
/// Tokens are numbered from 1. Where one answer ends before the other because it was cut, they do not differ.
[[nodiscard]] Comparison compareAnswers(const std::vector<SpokenToken>& first, const std::vector<SpokenToken>& second,
                                        bool bothEnded);

}  // namespace deltascope::ui
