// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Which variant of the open model runs, and with what memory: plain data, checked, turned into the engine's request.
#include <QString>
#include <QStringList>
#include <optional>

#include "core/inspect/inspect.h"
#include "core/runtime/runtime.h"

namespace deltascope::ui {

/// Whole: a packed model or payload reconstructed exactly, or a checkpoint as it is. Base: the base without its delta. Stack:
/// the whole with payloads over it.
enum class VariantKind { Whole, Base, Stack };

struct Variant {
  VariantKind kind = VariantKind::Whole;
  QStringList payloads;  ///< Stack: in the order in which they are applied
};

inline constexpr int kMaxContext = 1 << 20, kMaxThreads = 1024;

/// As typed: sizes with a unit ("5.3 GiB", "100 MB").
struct RunSettings {
  QString device = "cpu";
  QString budget;  ///< empty: what is free
  QString staticThreshold = "100 MB";
  int context = 0;  ///< positions; 0: the model's own, at most 4,096
  kernels::ElementType kvCache = kernels::ElementType::F32;
  int threads = 0;     ///< 0: all
  bool drafts = true;  ///< tokens proposed by the base or found in the text, as many as pay
  bool operator==(const RunSettings&) const = default;
};

/// Whether `size` is empty or a size with a unit; what is wrong otherwise.
[[nodiscard]] QString problemOfSize(const QString& size, bool mayBeEmpty);

/// The kinds that make sense for this model: a checkpoint has no base of its own.
[[nodiscard]] QList<VariantKind> variantsOf(const Inspection& model);
/// "exact (NF4 + delta)", "base only", "exact + lora-pirate", "checkpoint".
[[nodiscard]] QString labelOf(const Inspection& model, const Variant& variant);
/// A size that does not parse counts as empty: check first.
[[nodiscard]] LoadRequest requestOf(const Inspection& model, const Variant& variant, const RunSettings& settings);
[[nodiscard]] bool sameRequest(const LoadRequest& a, const LoadRequest& b);

[[nodiscard]] QString toJson(const RunSettings& settings);
/// Unknown and malformed parts keep their defaults.
[[nodiscard]] RunSettings runSettingsFromJson(const QString& text);

}  // namespace deltascope::ui
