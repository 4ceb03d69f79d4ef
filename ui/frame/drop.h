// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QString>

class QMimeData;

namespace deltascope::ui {

/// Whether something dropped can be opened; if not, why in words for the user.
struct DropVerdict {
  QString path;     ///< to open; empty when refused
  QString refusal;  ///< empty when accepted
};
[[nodiscard]] DropVerdict judgeDrop(const QMimeData& data);
/// Whether `path` looks like a model by its name and kind: a folder, `*.safetensors`, an index of these, `*.gguf` …
[[nodiscard]] DropVerdict judgePath(const QString& path);

}  // namespace deltascope::ui
