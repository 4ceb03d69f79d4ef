// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/export/files.h"

#include <QFileInfo>
#include <filesystem>

#include "core/base/file.h"

namespace deltascope::ui {

Result<void> writeWhole(const QString& path, const QByteArray& bytes) {
  return writeTextFile(std::filesystem::path(path.toStdU16String()),
                       {bytes.constData(), static_cast<std::size_t>(bytes.size())});
}

QString withSuffix(const QString& path, const QString& suffix) {
  return QFileInfo(path).suffix().isEmpty() ? path + u'.' + suffix : path;
}

QString fileNameOf(const QString& name) {
  QString out;
  for (const QChar c : name) {
    const bool plain = c.isLetterOrNumber() || c == u'.' || c == u'-' || c == u'_';
    if (plain)
      out += c;
    else if (!out.endsWith(u'-'))
      out += u'-';
  }
  while (out.startsWith(u'.') || out.startsWith(u'-')) out.remove(0, 1);
  while (out.endsWith(u'-')) out.chop(1);
  return out.isEmpty() ? QStringLiteral("deltascope") : out;
}

}  // namespace deltascope::ui
