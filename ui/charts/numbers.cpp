// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/numbers.h"

#include <QLocale>
#include <algorithm>
#include <cmath>

#include "core/base/number.h"
#include "ui/words.h"

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

QString significant(double value, int digits) { return QString::fromStdString(significantText(value, digits)); }

QString exactNumber(double value) { return QString::fromStdString(numberText(value)); }

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

QString durationText(double milliseconds) {
  const double size = std::abs(milliseconds);
  if (size < 1e-12) return QStringLiteral("0");
  const auto [factor, unit] = size < 0.999e-3  ? std::pair{1e6, " ns"}
                              : size < 0.999   ? std::pair{1e3, " µs"}
                              : size < 0.999e3 ? std::pair{1.0, " ms"}
                                               : std::pair{1e-3, " s"};
  return signedText(milliseconds < 0, QString::number(size * factor, 'g', 4)) + QString::fromUtf8(unit);
}

QString percentText(double share) { return significant(share * 100) + QStringLiteral(" %"); }

Unit byteUnit(std::uint64_t largest) {
  const ByteScale scale = byteScale(largest);
  return {words(scale.name), scale.factor};
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
