// SPDX-License-Identifier: GPL-3.0-or-later
/// Draws the icons of the window: `draw_icons FOLDER` writes NAME-SIZE.png as alpha masks on a 24-unit grid, and the program's
/// own icon in colour. Run it after a change here and commit what it wrote; the build only reads the pictures.
#include <QDir>
#include <QGuiApplication>
#include <QImage>
#include <QPainter>
#include <QPainterPath>
#include <functional>
#include <iterator>
#include <map>

namespace {

using Draw = std::function<void(QPainter&)>;

void polyline(QPainter& p, std::initializer_list<QPointF> points) {
  p.drawPolyline(std::data(points), static_cast<int>(points.size()));
}
void line(QPainter& p, double x1, double y1, double x2, double y2) { p.drawLine(QPointF(x1, y1), QPointF(x2, y2)); }
void rect(QPainter& p, double x, double y, double w, double h, double r = 1.5) { p.drawRoundedRect(QRectF(x, y, w, h), r, r); }
void dot(QPainter& p, double x, double y, double r) {
  p.save();
  p.setBrush(p.pen().color());
  p.setPen(Qt::NoPen);
  p.drawEllipse(QPointF(x, y), r, r);
  p.restore();
}
void fill(QPainter& p, double x, double y, double w, double h, int alpha = 255) {
  QColor c = p.pen().color();
  c.setAlpha(alpha);
  p.fillRect(QRectF(x, y, w, h), c);
}
void arrow(QPainter& p, double x, double top, double bottom, bool down) {
  line(p, x, top, x, bottom);
  if (down)
    polyline(p, {{x - 4, bottom - 4}, {x, bottom}, {x + 4, bottom - 4}});
  else
    polyline(p, {{x - 4, top + 4}, {x, top}, {x + 4, top + 4}});
}
void folder(QPainter& p) { polyline(p, {{3, 6}, {3, 19}, {21, 19}, {21, 8}, {12, 8}, {10, 5}, {3, 5}, {3, 7}}); }
void tray(QPainter& p) { polyline(p, {{4, 15}, {4, 20}, {20, 20}, {20, 15}}); }

const std::map<QString, Draw> kIcons{
    {"start",
     [](QPainter& p) {
       polyline(p, {{4, 11}, {12, 4}, {20, 11}});
       polyline(p, {{6, 10}, {6, 20}, {18, 20}, {18, 10}});
       polyline(p, {{10, 20}, {10, 14}, {14, 14}, {14, 20}});
     }},
    {"payload",
     [](QPainter& p) {
       rect(p, 3, 4, 18, 16);
       line(p, 3, 9, 21, 9);
       fill(p, 6, 11.5, 11, 2);
       fill(p, 6, 15.5, 6, 2);
     }},
    {"chat",
     [](QPainter& p) {
       polyline(p, {{4, 4}, {20, 4}, {20, 16}, {11, 16}, {7, 20}, {7, 16}, {4, 16}, {4, 4}});
       line(p, 8, 8.5, 16, 8.5);
       line(p, 8, 11.8, 13, 11.8);
     }},
    {"edit",
     [](QPainter& p) {
       polyline(p, {{4, 20}, {5, 15.5}, {15.5, 5}, {19, 8.5}, {8.5, 19}, {4, 20}});
       line(p, 13, 7.5, 16.5, 11);
     }},
    {"redo",
     [](QPainter& p) {
       p.drawArc(QRectF(4.5, 4.5, 15, 15), 40 * 16, 290 * 16);
       polyline(p, {{13, 7.6}, {18, 7.4}, {18.4, 2.6}});
     }},
    {"list",
     [](QPainter& p) {
       rect(p, 3, 4, 18, 16);
       line(p, 9, 4, 9, 20);
       line(p, 5.5, 8, 6.5, 8);
       line(p, 5.5, 12, 6.5, 12);
       line(p, 5.5, 16, 6.5, 16);
     }},
    {"settings",
     [](QPainter& p) {
       for (const double y : {6.0, 12.0, 18.0}) line(p, 4, y, 20, y);
       dot(p, 15, 6, 2.6);
       dot(p, 8, 12, 2.6);
       dot(p, 13, 18, 2.6);
     }},
    {"pack",
     [](QPainter& p) {
       polyline(p, {{12, 3}, {20, 7.5}, {20, 16.5}, {12, 21}, {4, 16.5}, {4, 7.5}, {12, 3}});
       polyline(p, {{4, 7.5}, {12, 12}, {20, 7.5}});
       line(p, 12, 12, 12, 21);
     }},
    {"open",
     [](QPainter& p) {
       folder(p);
       arrow(p, 12, 11, 16.5, false);
     }},
    {"folder", folder},
    {"verify",
     [](QPainter& p) {
       polyline(p, {{12, 3}, {19, 6}, {19, 12}, {16.5, 17}, {12, 21}, {7.5, 17}, {5, 12}, {5, 6}, {12, 3}});
       polyline(p, {{8.5, 11.5}, {11.2, 14.2}, {15.5, 9}});
     }},
    {"unpack",
     [](QPainter& p) {
       tray(p);
       arrow(p, 12, 4, 14, false);
     }},
    {"export",
     [](QPainter& p) {
       tray(p);
       arrow(p, 12, 4, 14, true);
     }},
    {"cancel",
     [](QPainter& p) {
       p.drawEllipse(QPointF(12, 12), 8.5, 8.5);
       line(p, 9, 9, 15, 15);
       line(p, 15, 9, 9, 15);
     }},
    {"close",
     [](QPainter& p) {
       line(p, 6, 6, 18, 18);
       line(p, 18, 6, 6, 18);
     }},
    {"expand",
     [](QPainter& p) {
       polyline(p, {{6, 15}, {12, 9}, {18, 15}});
     }},
    {"collapse",
     [](QPainter& p) {
       polyline(p, {{6, 9}, {12, 15}, {18, 9}});
     }},
    {"info",
     [](QPainter& p) {
       p.drawEllipse(QPointF(12, 12), 8.5, 8.5);
       dot(p, 12, 8, 1.2);
       line(p, 12, 11.5, 12, 16.5);
     }},
    {"success",
     [](QPainter& p) {
       p.drawEllipse(QPointF(12, 12), 8.5, 8.5);
       polyline(p, {{8, 12.3}, {11, 15.2}, {16, 9.2}});
     }},
    {"warning",
     [](QPainter& p) {
       polyline(p, {{12, 4}, {21, 20}, {3, 20}, {12, 4}, {12.5, 5}});
       line(p, 12, 10, 12, 14.5);
       dot(p, 12, 17.3, 1.1);
     }},
    {"error",
     [](QPainter& p) {
       polyline(p, {{8.2, 3}, {15.8, 3}, {21, 8.2}, {21, 15.8}, {15.8, 21}, {8.2, 21}, {3, 15.8}, {3, 8.2}, {8.2, 3}});
       line(p, 9, 9, 15, 15);
       line(p, 15, 9, 9, 15);
     }},
    {"copy",
     [](QPainter& p) {
       rect(p, 8, 8, 12, 12);
       polyline(p, {{5, 16}, {4, 16}, {4, 4}, {16, 4}, {16, 5}});
     }},
    {"columns",
     [](QPainter& p) {
       rect(p, 3, 4, 18, 16);
       line(p, 9, 4, 9, 20);
       line(p, 15, 4, 15, 20);
     }},
    {"add",
     [](QPainter& p) {
       line(p, 12, 5, 12, 19);
       line(p, 5, 12, 19, 12);
     }},
    {"remove", [](QPainter& p) { line(p, 5, 12, 19, 12); }},
    {"up", [](QPainter& p) { arrow(p, 12, 5, 19, false); }},
    {"down", [](QPainter& p) { arrow(p, 12, 5, 19, true); }},
    {"log",
     [](QPainter& p) {
       rect(p, 4, 3, 16, 18);
       line(p, 8, 8, 16, 8);
       line(p, 8, 12, 16, 12);
       line(p, 8, 16, 13, 16);
     }},
    {"search",
     [](QPainter& p) {
       p.drawEllipse(QPointF(10.5, 10.5), 6, 6);
       line(p, 15, 15, 20, 20);
     }},
    {"filter",
     [](QPainter& p) {
       polyline(p, {{3, 5}, {21, 5}, {14, 13}, {14, 19}, {10, 17}, {10, 13}, {3, 5}, {5, 5}});
     }},
    {"demo",
     [](QPainter& p) {
       polyline(p, {{8, 5}, {19, 12}, {8, 19}, {8, 5}, {9, 5.6}});
     }},
    {"jobs",
     [](QPainter& p) {
       for (double y : {6.0, 12.0, 18.0}) {
         dot(p, 5, y, 1.4);
         line(p, 9, y, 20, y);
       }
     }},
    {"clock",
     [](QPainter& p) {
       p.drawEllipse(QPointF(12, 12), 8.5, 8.5);
       polyline(p, {{12, 7}, {12, 12}, {15.5, 14}});
     }},
    {"chip",
     [](QPainter& p) {
       rect(p, 6, 6, 12, 12);
       rect(p, 10, 10, 4, 4, 0.5);
       for (double v : {9.0, 15.0}) {
         line(p, v, 3, v, 6);
         line(p, v, 18, v, 21);
         line(p, 3, v, 6, v);
         line(p, 18, v, 21, v);
       }
     }},
    {"memory",
     [](QPainter& p) {
       rect(p, 3, 7, 18, 9);
       for (double x : {7.0, 12.0, 17.0}) {
         fill(p, x - 1.2, 10, 2.4, 3.2);
         line(p, x, 16, x, 19);
       }
     }},
    {"file",
     [](QPainter& p) {
       polyline(p, {{6, 3}, {14, 3}, {19, 8}, {19, 21}, {6, 21}, {6, 3}, {7, 3}});
       polyline(p, {{14, 3}, {14, 8}, {19, 8}});
     }},
};

QImage canvas(int size) {
  QImage image(size, size, QImage::Format_ARGB32_Premultiplied);
  image.fill(Qt::transparent);
  return image;
}

QImage mask(const Draw& draw, int size) {
  QImage image = canvas(size);
  QPainter p(&image);
  p.setRenderHint(QPainter::Antialiasing);
  p.scale(size / 24.0, size / 24.0);
  p.setPen(QPen(Qt::black, size <= 20 ? 1.9 : 1.6, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
  draw(p);
  return image;
}

/// A grey base with the delta that completes it: two stacked bars and a triangle.
QImage program(int size) {
  QImage image = canvas(size);
  QPainter p(&image);
  p.setRenderHint(QPainter::Antialiasing);
  p.scale(size / 64.0, size / 64.0);
  p.setPen(Qt::NoPen);
  p.setBrush(QColor("#22262d"));
  p.drawRoundedRect(QRectF(2, 2, 60, 60), 13, 13);
  QPainterPath delta;
  delta.moveTo(32, 13);
  delta.lineTo(52, 49);
  delta.lineTo(12, 49);
  delta.closeSubpath();
  p.setBrush(Qt::NoBrush);
  p.setPen(QPen(QColor("#6aa5f8"), 5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
  p.drawPath(delta);
  p.setPen(Qt::NoPen);
  p.setBrush(QColor("#c9ced6"));
  p.drawRoundedRect(QRectF(24, 38, 4.5, 6), 1, 1);
  p.drawRoundedRect(QRectF(30, 32, 4.5, 12), 1, 1);
  p.drawRoundedRect(QRectF(36, 36, 4.5, 8), 1, 1);
  return image;
}

}  // namespace

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  const QGuiApplication application(argc, argv);
  if (argc != 2) {
    qWarning("usage: draw_icons FOLDER");
    return 2;
  }
  const QDir folderPath(argv[1]);
  bool written = true;
  for (const auto& [name, draw] : kIcons)
    for (const int size : {16, 20, 24, 32, 48, 64})
      written &= mask(draw, size).save(folderPath.filePath(QString("%1-%2.png").arg(name).arg(size)));
  for (const int size : {16, 24, 32, 48, 64, 128, 256})
    written &= program(size).save(folderPath.filePath(QString("deltascope-%1.png").arg(size)));
  return written ? 0 : 3;
}
