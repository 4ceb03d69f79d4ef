// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/numbers.h"

#include <QLocale>
#include <algorithm>
#include <cmath>

namespace deltascope::ui {
namespace {

QString grouped(QString digits) {
  auto end = digits.indexOf(u'.');
  if (end < 0) end = digits.size();
  for (auto i = end - 3; i > 0; i -= 3) digits.insert(i, u',');
  return digits;
}

QString signedText(bool negative, const QString& magnitude) { return negative ? QChar(0x2212) + magnitude : magnitude; }

}  // namespace

QString significant(double value, int digits) {
  if (!std::isfinite(value)) return QString(QChar(0x2013));
  const double size = std::abs(value);
  if (size == 0) return QStringLiteral("0");
  int exponent = static_cast<int>(std::floor(std::log10(size)));
  int decimals = std::clamp(digits - 1 - exponent, 0, 12);
  // 9.996 has the exponent 0 but is written 10.0.
  const double rounded = std::round(size * std::pow(10.0, decimals)) / std::pow(10.0, decimals);
  if (rounded > 0) exponent = static_cast<int>(std::floor(std::log10(rounded)));
  decimals = std::clamp(digits - 1 - exponent, 0, 12);
  const QString text = grouped(QString::number(size, 'f', decimals));
  return signedText(value < 0, text);
}

QString exactCount(std::uint64_t n) { return grouped(QString::number(n)); }

QString exactInteger(std::int64_t n) {
  const auto magnitude = n < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
  return signedText(n < 0, exactCount(magnitude));
}

QString compactCount(double value) {
  const double size = std::abs(value);
  const char* suffix = "";
  double scaled = size;
  for (const auto& [factor, name] : {std::pair{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}})
    if (size >= factor) {
      suffix = name;
      scaled = size / factor;
      break;
    }
  return signedText(value < 0, QLocale::c().toString(scaled, 'g', 4) + QLatin1String(suffix));
}

QString percentText(double share) { return significant(share * 100) + QStringLiteral(" %"); }

Unit byteUnit(std::uint64_t largest) {
  Unit unit{QStringLiteral("B"), 1};
  for (const char* name : {"KiB", "MiB", "GiB", "TiB"}) {
    if (static_cast<double>(largest) / unit.factor < 10'000) break;
    unit = {QLatin1String(name), unit.factor * 1024};
  }
  return unit;
}

Unit countUnit(std::uint64_t largest) {
  Unit unit{QString(), 1};
  for (const char* name : {"k", "M", "G", "T"}) {
    if (static_cast<double>(largest) / unit.factor < 10'000) break;
    unit = {QLatin1String(name), unit.factor * 1000};
  }
  return unit;
}

QString byteText(std::uint64_t bytes) {
  Unit unit{QStringLiteral("B"), 1};
  for (const char* name : {"KiB", "MiB", "GiB", "TiB"}) {
    if (static_cast<double>(bytes) / unit.factor < 1024) break;
    unit = {QLatin1String(name), unit.factor * 1024};
  }
  if (unit.factor == 1) return exactCount(bytes) + QStringLiteral(" B");
  return significant(static_cast<double>(bytes) / unit.factor) + u' ' + unit.name;
}

QString countText(std::uint64_t n) {
  if (n < 10'000) return exactCount(n);
  Unit unit{QString(), 1};
  for (const char* name : {"k", "M", "G", "T"}) {
    if (static_cast<double>(n) / unit.factor < 1000) break;
    unit = {QLatin1String(name), unit.factor * 1000};
  }
  return significant(static_cast<double>(n) / unit.factor) + u' ' + unit.name;
}

}  // namespace deltascope::ui
