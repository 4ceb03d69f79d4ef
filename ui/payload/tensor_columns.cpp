// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/tensor_columns.h"

#include <QLocale>
#include <QStringList>
#include <algorithm>
#include <array>

namespace deltascope::ui {
namespace {

struct ColumnWords {
  const char* name;
  const char* field;
  const char* toolTip;
};
constexpr std::array<ColumnWords, kColumnCount> kWords{{
    {"Tensor", "name", "The tensor's name in the checkpoint"},
    {"Shape", "shape", "Rows × columns, as the final stores it"},
    {"Type", "dtype", "Element type of the final"},
    {"Elements", "elements", "Number of weights"},
    {"Sparsity", "sparsity", "Share of the elements whose delta is exactly zero: the base has the same bits"},
    {"Codec", "codec", "How the delta is stored; the details say why this codec"},
    {"Bits/weight", "bits_per_weight", "Stored bits ÷ elements: the delta alone, with its directory and its share of a model"},
    {"Ratio", "ratio", "Final bytes ÷ stored bytes: the delta alone, without the base"},
    {"Stored", "stored_bytes", "What the payload holds for this tensor: stream, directory, its share of a model"},
    {"Base", "base_bytes", "What the base stores for this tensor, scales included"},
    {"Lossless", "lossless", "Bitwise check of the reconstruction against the final's hash: not verified until it was run"},
}};

const ColumnWords& wordsOf(Column column) { return kWords[static_cast<std::size_t>(column)]; }

/// The shortest digits that read back as the same double.
QString shortest(double value) { return QString::number(value, 'f', QLocale::FloatingPointShortest); }

}  // namespace

TableUnits unitsFor(const std::vector<TensorStats>& tensors) {
  std::uint64_t elements = 0, bytes = 0;
  for (const auto& t : tensors) {
    elements = std::max(elements, t.elements);
    bytes = std::max({bytes, t.storedBytes, t.baseBytes});
  }
  return {countUnit(elements), byteUnit(bytes)};
}

bool isNumber(Column column) {
  switch (column) {
    case Column::Elements:
    case Column::Sparsity:
    case Column::BitsPerWeight:
    case Column::Ratio:
    case Column::Stored:
    case Column::Base:
      return true;
    default:
      return false;
  }
}

bool appliesToCheckpoint(Column column) {
  return column == Column::Name || column == Column::Shape || column == Column::Dtype || column == Column::Elements ||
         column == Column::Stored;
}

QString columnName(Column column, bool checkpoint) {
  if (checkpoint && column == Column::Stored) return QStringLiteral("Size");
  return QLatin1String(wordsOf(column).name);
}

QString headerText(Column column, const TableUnits& units, bool checkpoint) {
  const QString name = columnName(column, checkpoint);
  const auto with = [&](const QString& unit) { return unit.isEmpty() ? name : name + QStringLiteral(", ") + unit; };
  switch (column) {
    case Column::Elements:
      return with(units.elements.name);
    case Column::Sparsity:
      return with(QStringLiteral("%"));
    case Column::Stored:
    case Column::Base:
      return with(units.bytes.name);
    default:
      return name;
  }
}

QString headerToolTip(Column column, bool checkpoint) {
  if (checkpoint && column == Column::Stored) return QStringLiteral("Bytes of the tensor in the checkpoint");
  return QLatin1String(wordsOf(column).toolTip);
}

QString fieldName(Column column) { return QLatin1String(wordsOf(column).field); }

QString cellText(const TensorStats& t, Column column, const TableUnits& units) {
  switch (column) {
    case Column::Name:
      return QString::fromStdString(t.name);
    case Column::Shape:
      return QString::fromStdString(shapeText(t.shapeOfFinal()));
    case Column::Dtype:
      return QString::fromLatin1(nameOf(t.dtype).data(), static_cast<int>(nameOf(t.dtype).size()));
    case Column::Codec:
      return QString::fromLatin1(nameOf(t.codec).data(), static_cast<int>(nameOf(t.codec).size()));
    case Column::Elements:
      return units.elements.factor == 1 ? exactCount(t.elements) : significant(double(t.elements) / units.elements.factor);
    case Column::Sparsity:
      return significant(100 * t.sparsity());
    case Column::BitsPerWeight:
      return significant(t.bitsPerWeight());
    case Column::Ratio:
      return t.storedBytes ? significant(t.ratio()) : QStringLiteral("∞");
    case Column::Stored:
      return significant(double(t.storedBytes) / units.bytes.factor);
    case Column::Base:
      return significant(double(t.baseBytes) / units.bytes.factor);
    case Column::Verdict:
      break;
  }
  return {};
}

QString exactText(const TensorStats& t, Column column) {
  switch (column) {
    case Column::Elements:
      return exactCount(t.elements) + QStringLiteral(" elements");
    case Column::Sparsity:
      return QStringLiteral("%1: %2 of %3 deltas are zero")
          .arg(shortest(t.sparsity()), exactCount(t.zeroDeltas), exactCount(t.elements));
    case Column::BitsPerWeight:
      return shortest(t.bitsPerWeight()) + QStringLiteral(" bits/weight");
    case Column::Ratio:
      return QStringLiteral("%1: %2 final bytes, %3 stored")
          .arg(t.storedBytes ? shortest(t.ratio()) : QStringLiteral("∞"), exactCount(t.finalBytes), exactCount(t.storedBytes));
    case Column::Stored:
      return exactCount(t.storedBytes) + QStringLiteral(" bytes");
    case Column::Base:
      return exactCount(t.baseBytes) + QStringLiteral(" bytes");
    case Column::Codec:
      return QString::fromStdString(explainChoice(t));
    case Column::Name:
      return QString::fromStdString(t.name);
    default:
      return cellText(t, column, {});
  }
}

QString fieldText(const TensorStats& t, Column column) {
  switch (column) {
    case Column::Shape: {
      QStringList sizes;
      for (const auto size : t.shapeOfFinal()) sizes << QString::number(size);
      return sizes.isEmpty() ? QStringLiteral("scalar") : sizes.join(u'x');
    }
    case Column::Elements:
      return QString::number(t.elements);
    case Column::Sparsity:
      return shortest(t.sparsity());
    case Column::BitsPerWeight:
      return shortest(t.bitsPerWeight());
    case Column::Ratio:
      return shortest(t.ratio());
    case Column::Stored:
      return QString::number(t.storedBytes);
    case Column::Base:
      return QString::number(t.baseBytes);
    default:
      return cellText(t, column, {});
  }
}

double sortNumber(const TensorStats& t, Column column) {
  switch (column) {
    case Column::Shape:
    case Column::Elements:
      return double(t.elements);
    case Column::Sparsity:
      return t.sparsity();
    case Column::BitsPerWeight:
      return t.bitsPerWeight();
    case Column::Ratio:
      return t.storedBytes ? t.ratio() : 1e300;
    case Column::Stored:
      return double(t.storedBytes);
    case Column::Base:
      return double(t.baseBytes);
    default:
      return 0;
  }
}

QString verdictCell(const TensorVerdict& v) {
  switch (v.state) {
    case VerdictState::NotVerified:
      return QStringLiteral("– not verified");
    case VerdictState::Verifying:
      return QStringLiteral("⟳ verifying");
    case VerdictState::Exact:
      return QStringLiteral("✓ bit-exact");
    case VerdictState::Different:
      break;
  }
  if (v.verdict.different == 0) return QStringLiteral("✕ failed");
  return QStringLiteral("✕ %1 differ").arg(exactCount(v.verdict.different));
}

QString verdictToolTip(const TensorVerdict& v) {
  switch (v.state) {
    case VerdictState::NotVerified:
      return QStringLiteral("Not verified yet");
    case VerdictState::Verifying:
      return QStringLiteral("Being reconstructed and compared");
    default:
      break;
  }
  QString text = QString::fromStdString(verdictText(v.verdict));
  const QString problem = QString::fromStdString(v.verdict.problem);
  if (!problem.isEmpty() && !text.contains(problem)) text += QStringLiteral("\n") + problem;
  return text;
}

}  // namespace deltascope::ui
