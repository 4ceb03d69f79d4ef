// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/sampling_settings.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QStringList>
#include <algorithm>
#include <cmath>

namespace deltascope::ui {
namespace {

constexpr qsizetype kMaxPresets = 100;

SamplingSettings preset(double temperature, double topP, double minP = 0) {
  SamplingSettings settings;
  settings.temperature = temperature;
  settings.topP = topP;
  settings.minP = minP;
  return settings;
}

double within(const QJsonValue& value, double low, double high, double fallback) {
  const double number = value.toDouble(fallback);
  return std::isfinite(number) && number >= low && number <= high ? number : fallback;
}

QJsonObject toObject(const SamplingSettings& settings) {
  QJsonObject object{{"temperature", settings.temperature},
                     {"topP", settings.topP},
                     {"topK", settings.topK},
                     {"minP", settings.minP},
                     {"repetitionPenalty", settings.repetitionPenalty},
                     {"maxNewTokens", settings.maxNewTokens},
                     {"raw", settings.raw}};
  if (settings.seed) object["seed"] = QString::number(*settings.seed);  // a JSON number holds 53 bits
  return object;
}

SamplingSettings fromObject(const QJsonObject& object) {
  SamplingSettings settings;
  settings.temperature = within(object["temperature"], 0, 10, settings.temperature);
  settings.topP = within(object["topP"], 0.001, 1, settings.topP);
  settings.minP = within(object["minP"], 0, 1, settings.minP);
  settings.repetitionPenalty = within(object["repetitionPenalty"], 0.1, 10, settings.repetitionPenalty);
  settings.topK = std::clamp(object["topK"].toInt(), 0, kMaxTopK);
  settings.maxNewTokens = std::clamp(object["maxNewTokens"].toInt(settings.maxNewTokens), 1, kMaxNewTokens);
  settings.raw = object["raw"].toBool();
  if (!parseSeed(object["seed"].toString(), settings.seed)) settings.seed.reset();
  return settings;
}

QString shortest(double value) { return QString::number(value, 'g', 4); }

}  // namespace

QList<SamplingPreset> builtInPresets() {
  return {{"Greedy", preset(0, 1), true}, {"Balanced", preset(0.7, 0.95), true}, {"Creative", preset(1.1, 1, 0.05), true}};
}

QList<SamplingPreset> presetsFromJson(const QString& text) {
  QList<SamplingPreset> presets = builtInPresets();
  for (const QJsonValue& value : QJsonDocument::fromJson(text.toUtf8()).array()) {
    const QString name = value["name"].toString().simplified();
    const bool taken = std::ranges::any_of(presets, [&](const SamplingPreset& other) { return other.name == name; });
    if (name.isEmpty() || taken || presets.size() >= kMaxPresets) continue;
    presets.append({name, fromObject(value.toObject()), false});
  }
  return presets;
}

QString presetsToJson(const QList<SamplingPreset>& presets) {
  QJsonArray array;
  for (const SamplingPreset& one : presets) {
    if (one.builtIn) continue;
    QJsonObject object = toObject(one.settings);
    object["name"] = one.name;
    array.append(object);
  }
  return QString::fromUtf8(QJsonDocument(array).toJson(QJsonDocument::Compact));
}

SamplingSettings withPreset(SamplingSettings settings, const SamplingPreset& preset) {
  SamplingSettings changed = preset.settings;
  changed.seed = settings.seed;
  changed.maxNewTokens = settings.maxNewTokens;
  changed.raw = settings.raw;
  return changed;
}

QString presetOf(const SamplingSettings& settings, const QList<SamplingPreset>& presets) {
  for (const SamplingPreset& one : presets)
    if (withPreset(settings, one) == settings) return one.name;
  return {};
}

QString samplingText(const SamplingSettings& settings) {
  QStringList parts{"temperature " + shortest(settings.temperature)};
  if (settings.temperature > 0) {
    if (settings.topK > 0) parts << QString("top-k %1").arg(settings.topK);
    if (settings.topP < 1) parts << "top-p " + shortest(settings.topP);
    if (settings.minP > 0) parts << "min-p " + shortest(settings.minP);
    parts << (settings.seed ? QString("seed %1").arg(*settings.seed) : QString("seed –"));
  }
  if (settings.repetitionPenalty != 1) parts << "penalty " + shortest(settings.repetitionPenalty);
  if (settings.raw) parts << "raw text";
  return parts.join(", ");
}

Sampling samplingOf(const SamplingSettings& settings, quint64 fresh) {
  Sampling sampling;
  sampling.temperature = static_cast<float>(settings.temperature);
  sampling.topP = static_cast<float>(settings.topP);
  sampling.topK = static_cast<std::uint32_t>(settings.topK);
  sampling.minP = static_cast<float>(settings.minP);
  sampling.repetitionPenalty = static_cast<float>(settings.repetitionPenalty);
  sampling.seed = settings.seed.value_or(fresh);
  return sampling;
}

bool parseSeed(const QString& text, std::optional<quint64>& seed) {
  seed.reset();
  const QString digits = text.trimmed();
  if (digits.isEmpty() || digits == "–") return true;
  bool valid = false;
  const quint64 number = digits.toULongLong(&valid);
  if (valid) seed = number;
  return valid;
}

QString toJson(const SamplingSettings& settings) {
  return QString::fromUtf8(QJsonDocument(toObject(settings)).toJson(QJsonDocument::Compact));
}

SamplingSettings samplingFromJson(const QString& text) { return fromObject(QJsonDocument::fromJson(text.toUtf8()).object()); }

}  // namespace deltascope::ui
