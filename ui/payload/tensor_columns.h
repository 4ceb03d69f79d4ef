// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The columns of the tensor table and how each number is written: in cells, tooltips and the clipboard.
#include <QString>

#include "core/payload/payload.h"
#include "core/rebuild/verify.h"
#include "ui/charts/numbers.h"

namespace deltascope::ui {

enum class Column { Name, Shape, Dtype, Elements, Sparsity, Codec, BitsPerWeight, Ratio, Stored, Base, Verdict };
inline constexpr int kColumnCount = 11;

/// One unit a column, chosen for the largest tensor; stored and base bytes share theirs, so that they compare at sight.
struct TableUnits {
  Unit elements, bytes;
};
[[nodiscard]] TableUnits unitsFor(const std::vector<TensorStats>& tensors);

[[nodiscard]] bool isNumber(Column column);
/// A plain checkpoint has no delta: only some columns say something there.
[[nodiscard]] bool appliesToCheckpoint(Column column);
/// "Stored, KiB"; for a checkpoint the stored bytes are its size.
[[nodiscard]] QString headerText(Column column, const TableUnits& units, bool checkpoint);
/// Without a unit, for menus: "Stored".
[[nodiscard]] QString columnName(Column column, bool checkpoint);
[[nodiscard]] QString headerToolTip(Column column, bool checkpoint);
/// "stored_bytes": as in CSV files and on the clipboard.
[[nodiscard]] QString fieldName(Column column);

/// Three significant figures in the column's unit. The verdict column is verdictCell()'s.
[[nodiscard]] QString cellText(const TensorStats& tensor, Column column, const TableUnits& units);
/// The exact value with its unit, for tooltips.
[[nodiscard]] QString exactText(const TensorStats& tensor, Column column);
/// The exact value alone, '.' decimals, no groups, as `inspect --csv` writes it.
[[nodiscard]] QString fieldText(const TensorStats& tensor, Column column);
/// What the column sorts by.
[[nodiscard]] double sortNumber(const TensorStats& tensor, Column column);

enum class VerdictState { NotVerified, Verifying, Exact, Different };
struct TensorVerdict {
  VerdictState state = VerdictState::NotVerified;
  Verdict verdict;  ///< of Exact and Different
};
/// "✓ bit-exact", "✕ 3 differ", "✕ failed", "⟳ verifying", "– not verified": a shape and words.
[[nodiscard]] QString verdictCell(const TensorVerdict& verdict);
[[nodiscard]] QString verdictToolTip(const TensorVerdict& verdict);

}  // namespace deltascope::ui
