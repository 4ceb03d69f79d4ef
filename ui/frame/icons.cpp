// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/icons.h"

#include <QFile>
#include <QPainter>
#include <QPixmap>

#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

constexpr int kSizes[] = {16, 20, 24, 32, 48, 64};

QPixmap tinted(const QPixmap& mask, const QColor& color) {
  QPixmap result = mask;
  QPainter painter(&result);
  painter.setCompositionMode(QPainter::CompositionMode_SourceIn);
  painter.fillRect(result.rect(), color);
  return result;
}

void addSizes(QIcon& icon, const QString& name, const QColor& color, QIcon::Mode mode) {
  for (const int size : kSizes) {
    const QPixmap mask(QString(":/deltascope/icons/%1-%2.png").arg(name).arg(size));
    if (!mask.isNull()) icon.addPixmap(tinted(mask, color), mode);
  }
}

}  // namespace

QIcon themedIcon(const QString& name, const QPalette& palette) {
  QIcon icon;
  addSizes(icon, name, palette.color(QPalette::Active, QPalette::ButtonText), QIcon::Normal);
  addSizes(icon, name, palette.color(QPalette::Disabled, QPalette::ButtonText), QIcon::Disabled);
  addSizes(icon, name, palette.color(QPalette::Active, QPalette::HighlightedText), QIcon::Selected);
  return icon;
}

QIcon tintedIcon(const QString& name, const QColor& color, const QColor& selected) {
  QIcon icon;
  addSizes(icon, name, color, QIcon::Normal);
  if (selected.isValid()) addSizes(icon, name, selected, QIcon::Selected);
  return icon;
}

}  // namespace deltascope::ui
