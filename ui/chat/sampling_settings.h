// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// How a model chooses its next token: settings and presets, as plain data.
#include <QList>
#include <QString>
#include <optional>

#include "core/runtime/sampler.h"

namespace deltascope::ui {

struct SamplingSettings {
  double temperature = 0, topP = 1, minP = 0, repetitionPenalty = 1;
  int topK = 0;
  std::optional<quint64> seed;  ///< empty: another for every answer
  int maxNewTokens = 512;
  bool raw = false;  ///< continue the text as it is, without the chat template
  bool operator==(const SamplingSettings&) const = default;
};
inline constexpr int kMaxNewTokens = 1 << 20, kMaxTopK = 1'000'000;

struct SamplingPreset {
  QString name;
  SamplingSettings settings;  ///< seed, token limit and raw text are not part of a preset
  bool builtIn = false;
};
[[nodiscard]] QList<SamplingPreset> builtInPresets();  ///< Greedy, Balanced, Creative
/// The built-in ones, then the user's.
[[nodiscard]] QList<SamplingPreset> presetsFromJson(const QString& text);
[[nodiscard]] QString presetsToJson(const QList<SamplingPreset>& presets);  ///< the user's only
/// The preset that these settings are; empty when none.
[[nodiscard]] QString presetOf(const SamplingSettings& settings, const QList<SamplingPreset>& presets);
/// `settings` with what `preset` says; what is not part of a preset is kept.
[[nodiscard]] SamplingSettings withPreset(SamplingSettings settings, const SamplingPreset& preset);

/// "temperature 0.7, top-p 0.95, seed 7": only what has an effect.
[[nodiscard]] QString samplingText(const SamplingSettings& settings);
/// `fresh`: the seed when none is set.
[[nodiscard]] Sampling samplingOf(const SamplingSettings& settings, quint64 fresh);
/// A whole number from 0 to 2^64 - 1; empty text is an empty seed. False: neither.
[[nodiscard]] bool parseSeed(const QString& text, std::optional<quint64>& seed);

[[nodiscard]] QString toJson(const SamplingSettings& settings);
/// Unknown, malformed and senseless parts keep their defaults.
[[nodiscard]] SamplingSettings samplingFromJson(const QString& text);

}  // namespace deltascope::ui
