// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/drop.h"

#include <QFileInfo>
#include <QMimeData>
#include <QUrl>
#include <algorithm>

namespace deltascope::ui {

DropVerdict judgePath(const QString& path) {
  const QFileInfo info(path);
  if (!info.exists()) return {{}, QString("%1 does not exist").arg(path)};
  if (!info.isReadable()) return {{}, QString("%1 may not be read by you").arg(path)};
  const QStringList suffixes{".safetensors", ".gguf", ".json", ".pth", ".pt", ".bin", ".pkl"};
  const auto fits = [&](const QString& suffix) { return path.endsWith(suffix); };
  if (info.isDir() || std::any_of(suffixes.begin(), suffixes.end(), fits)) return {path, {}};
  return {{},
          QString("%1 is not a model: drop a folder, or a file that ends in .safetensors, .gguf, .pth, .pkl, or .json for a "
                  "benchmark run")
              .arg(info.fileName())};
}

DropVerdict judgeDrop(const QMimeData& data) {
  if (!data.hasUrls()) return {{}, "only files and folders can be opened"};
  const auto urls = data.urls();
  if (urls.size() != 1) return {{}, QString("one model at a time: %1 were dropped").arg(urls.size())};
  if (!urls.first().isLocalFile()) return {{}, QString("%1 is not on this machine").arg(urls.first().toDisplayString())};
  return judgePath(urls.first().toLocalFile());
}

}  // namespace deltascope::ui
