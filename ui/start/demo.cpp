// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/start/demo.h"

#include <QDir>
#include <QFileInfo>

namespace deltascope::ui {

QString findDemo(const QString& programFolder) {
  QDir folder(programFolder);
  const QString installed = QDir::cleanPath(folder.filePath("../share/deltascope/demo"));
  if (QFileInfo::exists(installed + "/chat/config.json")) return installed;
  for (int level = 0; level < 6; ++level) {
    const QString candidate = folder.filePath("resources/demo");
    if (QFileInfo::exists(candidate + "/chat/config.json")) return QDir::cleanPath(candidate);
    if (!folder.cdUp()) break;
  }
  return {};
}

QString packedDemo(const QString& cacheFolder) {
  // A new version may pack differently: it makes its own copy.
  return QDir(cacheFolder).filePath(QString("demo-%1/chat-nf4").arg(DELTASCOPE_VERSION));
}

bool isPacked(const QString& folder) { return QFileInfo(folder + "/model.delta.safetensors").isFile(); }

PackRequest demoRequest(const QString& demoFolder, const QString& out) {
  PackRequest request;
  request.final = QDir(demoFolder).filePath("chat").toStdString();
  request.quantize = QuantFormat::Nf4;
  request.scope = PackScope::All;
  request.out = out.toStdString();
  return request;
}

}  // namespace deltascope::ui
