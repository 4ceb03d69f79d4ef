// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Repeated measurements of one figure.
#include <optional>
#include <vector>

#include "core/base/number.h"

namespace deltascope {

/// In the order in which they were taken. All figures of an empty series are 0.
struct Timings {
  std::vector<double> values;

  void add(double value) { values.push_back(rounded(value)); }  ///< with the digits that a clock tells
  [[nodiscard]] bool empty() const { return values.empty(); }
  [[nodiscard]] double median() const { return quantile(0.5); }
  [[nodiscard]] double least() const { return quantile(0); }
  [[nodiscard]] double most() const { return quantile(1); }
  [[nodiscard]] double spread() const { return quantile(0.75) - quantile(0.25); }  ///< the middle half's width
  /// Between the two nearest values in proportion; 0 ≤ q ≤ 1.
  [[nodiscard]] double quantile(double q) const;
};

}  // namespace deltascope
