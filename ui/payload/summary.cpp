// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/summary.h"

#include <QStringList>
#include <cmath>
#include <map>

namespace deltascope::ui {
namespace {

/// The type of most bytes when nearly all are of it, else "the final".
QString finalName(const std::vector<TensorStats>& tensors) {
  std::map<DType, std::uint64_t> bytes;
  std::uint64_t total = 0;
  for (const auto& t : tensors) {
    bytes[t.dtype] += t.finalBytes;
    total += t.finalBytes;
  }
  for (const auto& [dtype, n] : bytes)
    if (double(n) >= 0.99 * double(total) && total > 0)
      return QString::fromLatin1(nameOf(dtype).data(), static_cast<int>(nameOf(dtype).size()));
  return QStringLiteral("the final");
}

bool quantizedBase(const std::vector<TensorStats>& tensors) {
  for (const auto& t : tensors)
    if (isQuantized(t.base)) return true;
  return false;
}

QString twoDecimals(double bits) { return QString::number(bits, 'f', 2); }

QString comparedTo(std::uint64_t bytes, std::uint64_t final, const QString& name) {
  const double share = 1 - double(bytes) / double(final);
  return QStringLiteral("%1 %2 than %3")
      .arg(percentText(std::abs(share)), share >= 0 ? QStringLiteral("smaller") : QStringLiteral("larger"), name);
}

}  // namespace

QString summaryText(const Inspection& model) {
  const InspectTotals& t = model.totals;
  QStringList parts{countText(t.elements) + QStringLiteral(" weights")};
  const QString name = finalName(model.tensors);
  if (model.files.kind == ModelFiles::Kind::Checkpoint) {
    parts << QStringLiteral("%1 tensors").arg(exactCount(t.tensors)) << name << byteText(t.finalBytes)
          << QStringLiteral("a plain checkpoint, no delta");
    if (name == QStringLiteral("the final")) parts.removeAt(2);
    return parts.join(QStringLiteral(" · "));
  }
  if (t.elements == 0) return QStringLiteral("no weights");
  const double delta = t.payloadBitsPerWeight();
  if (quantizedBase(model.tensors)) {
    const double base = t.totalBitsPerWeight() - delta;
    parts << QStringLiteral("base %1 + delta %2 = %3 bits/weight")
                 .arg(twoDecimals(base), twoDecimals(delta), twoDecimals(t.totalBitsPerWeight()));
    parts << comparedTo(t.payloadFileBytes + t.wholeBaseBytes(), t.finalBytes, name);
  } else {
    parts << QStringLiteral("delta %1 bits/weight").arg(twoDecimals(delta));
    parts << comparedTo(t.payloadFileBytes, t.finalBytes, name) + QStringLiteral(", the base not counted");
  }
  return parts.join(QStringLiteral(" · "));
}

QString summaryToolTip(const Inspection& model) {
  const InspectTotals& t = model.totals;
  QStringList lines{QStringLiteral("%1 tensors, %2 elements").arg(exactCount(t.tensors), exactCount(t.elements)),
                    QStringLiteral("final: %1 bytes").arg(exactCount(t.finalBytes))};
  if (model.files.kind != ModelFiles::Kind::Checkpoint) {
    lines << QStringLiteral("payload file: %1 bytes").arg(exactCount(t.payloadFileBytes))
          << QStringLiteral("base: %1 bytes").arg(exactCount(t.wholeBaseBytes()))
          << QStringLiteral("zero deltas: %1").arg(exactCount(t.zeroDeltas));
  }
  return lines.join(u'\n');
}

QString verdictSummary(const VerdictCounts& n) {
  const auto count = [](int value) { return exactCount(static_cast<std::uint64_t>(value)); };
  const int done = n.exact + n.different;
  if (n.verifying) {
    const QString text = QStringLiteral("⟳ verifying: %1 of %2").arg(count(done), count(n.tensors));
    return n.different ? text + QStringLiteral(", %1 differ").arg(count(n.different)) : text;
  }
  if (n.different) return QStringLiteral("✕ %1 of %2 tensors differ").arg(count(n.different), count(n.tensors));
  if (done == 0 || n.tensors == 0) return QStringLiteral("bit-exact: not verified");
  if (done < n.tensors)
    return QStringLiteral("– bit-exact so far: %1 of %2 tensors, not finished").arg(count(n.exact), count(n.tensors));
  return QStringLiteral("✓ bit-exact: %1 of %2 tensors").arg(count(n.exact), count(n.tensors));
}

}  // namespace deltascope::ui
