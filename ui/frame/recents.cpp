// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/recents.h"

#include <QDir>
#include <QFileInfo>

namespace deltascope::ui {

QStringList withRecent(QStringList recents, const QString& path) {
  recents.removeAll(path);
  recents.prepend(path);
  return recents.mid(0, kMaxRecents);
}

QString modelName(const QString& path) {
  QString name = QFileInfo(QDir::cleanPath(path)).fileName();
  for (const char* suffix : {".index.json", ".safetensors", ".delta"})
    if (name.endsWith(suffix) && name.size() > static_cast<qsizetype>(qstrlen(suffix)))
      name.chop(static_cast<qsizetype>(qstrlen(suffix)));
  return name.isEmpty() ? path : name;
}

QString shortPath(const QString& path) {
  const QString home = QDir::homePath();
  return home.size() > 1 && path.startsWith(home + "/") ? "~" + path.mid(home.size()) : path;
}

}  // namespace deltascope::ui
