// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The charts of one tensor, from its close-up.
#include <QList>
#include <QPair>

#include "ui/charts/chart.h"
#include "ui/export/picture.h"
#include "ui/payload/tensor_columns.h"

namespace deltascope::ui {

enum class MapValue { MeanMagnitude, ZeroShare };

[[nodiscard]] HistogramChart histogramOf(const TensorCloseUp& closeUp, bool logY);
[[nodiscard]] MapChart mapOf(const TensorCloseUp& closeUp, MapValue value);
/// Bytes by stream, the largest first.
[[nodiscard]] BarsChart streamsOf(const TensorCloseUp& closeUp);
[[nodiscard]] ColumnsChart chunksOf(const TensorCloseUp& closeUp);

/// "sampled 4,194,304 of 58,720,256 elements"; empty when all were read.
[[nodiscard]] QString sampledText(const TensorStats& tensor, const TensorCloseUp& closeUp);
/// Why there is no histogram and map, in words; empty when there is one.
[[nodiscard]] QString noDeltaText(const TensorStats& tensor, const TensorCloseUp& closeUp);

/// Everything the payload says of a tensor: label and value, for the facts tab and reports.
[[nodiscard]] QList<QPair<QString, QString>> factsOf(const TensorStats& tensor, const TensorVerdict& verdict, bool checkpoint);

}  // namespace deltascope::ui
