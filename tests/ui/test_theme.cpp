// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QDir>
#include <QFile>
#include <QMimeData>
#include <QPainter>
#include <QPushButton>
#include <QTemporaryDir>
#include <QUrl>
#include <QtTest>

#include "ui/frame/drop.h"
#include "ui/frame/icons.h"
#include "ui/frame/memory.h"
#include "ui/frame/model_session.h"
#include "ui/frame/model_verdict.h"
#include "ui/frame/recents.h"
#include "ui/frame/settings.h"
#include "ui/frame/status_line.h"
#include "ui/frame/theme.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestTheme : public QObject {
  Q_OBJECT
 private slots:
  void init() { QTest::failOnWarning(QRegularExpression(".*")); }
  void wordsAreReadable_data();
  void wordsAreReadable();
  void paletteTellsItsTable();
  void systemThemeTakesTheSystemsSide();
  void zoomScalesTheFont();
  void everyIconIsThereAndTinted_data();
  void everyIconIsThereAndTinted();
  void primaryButtonIsAccented();
  void settingsKeepTypesAndDefaults();
  void recentsAreUniqueAndCapped();
  void namesAreShort_data();
  void namesAreShort();
  void dropsAreJudged_data();
  void dropsAreJudged();
  void memoryIsInGib();
  void devicesAreWords();
  void verdictsAreShapesAndWords();
  void unpackNeverWritesIntoAFullFolder();
};

void TestTheme::wordsAreReadable_data() {
  QTest::addColumn<bool>("dark");
  QTest::newRow("light") << false;
  QTest::newRow("dark") << true;
}

void TestTheme::wordsAreReadable() {
  QFETCH(bool, dark);
  const ThemeColors& colors = dark ? darkColors() : lightColors();
  for (const QColor& ground : {colors.window, colors.base, colors.alternate, colors.raised})
    for (const QColor& ink : {colors.text, colors.muted, colors.good, colors.bad, colors.warn, colors.accent}) {
      const double ratio = contrastRatio(ink, ground);
      QVERIFY2(ratio >= 4.5, qPrintable(QString("%1 on %2: %3").arg(ink.name(), ground.name()).arg(ratio)));
    }
  QVERIFY(contrastRatio(colors.onAccent, colors.accent) >= 4.5);
  const QPalette palette = paletteFor(colors);
  using Pair = std::pair<QPalette::ColorRole, QPalette::ColorRole>;
  for (const auto& [ink, ground] :
       {Pair{QPalette::WindowText, QPalette::Window}, Pair{QPalette::Text, QPalette::Base},
        Pair{QPalette::ButtonText, QPalette::Button}, Pair{QPalette::HighlightedText, QPalette::Highlight},
        Pair{QPalette::ToolTipText, QPalette::ToolTipBase}, Pair{QPalette::PlaceholderText, QPalette::Base},
        Pair{QPalette::Link, QPalette::Base}})
    QVERIFY(contrastRatio(palette.color(QPalette::Active, ink), palette.color(QPalette::Active, ground)) >= 4.5);
  QCOMPARE(contrastRatio(Qt::black, Qt::white), 21.0);
}

void TestTheme::paletteTellsItsTable() {
  QCOMPARE(&colorsOf(paletteFor(lightColors())), &lightColors());
  QCOMPARE(&colorsOf(paletteFor(darkColors())), &darkColors());
}

void TestTheme::systemThemeTakesTheSystemsSide() {
  SystemLook look = systemLook();
  for (const QColor& window : {QColor(Qt::white), QColor(Qt::black)}) {
    look.palette.setColor(QPalette::Window, window);
    applyTheme(*qApp, Theme::System, 100, look);
    QCOMPARE(colorsOf(QApplication::palette()).dark, window == QColor(Qt::black));
  }
  applyTheme(*qApp, Theme::Light, 100, look);
  QVERIFY(!colorsOf(QApplication::palette()).dark);
  for (const Theme theme : {Theme::System, Theme::Light, Theme::Dark}) QCOMPARE(themeFromName(nameOf(theme)), theme);
  QCOMPARE(themeFromName("nonsense"), Theme::System);
}

void TestTheme::zoomScalesTheFont() {
  SystemLook look = systemLook();
  look.font.setPointSizeF(10);
  applyTheme(*qApp, Theme::Light, 150, look);
  QCOMPARE(QApplication::font().pointSizeF(), 15.0);
  applyTheme(*qApp, Theme::Light, 5000, look);
  QCOMPARE(QApplication::font().pointSizeF(), 20.0);
  applyTheme(*qApp, Theme::Light, 100, look);
  QCOMPARE(QApplication::font().pointSizeF(), 10.0);
}

void TestTheme::everyIconIsThereAndTinted_data() {
  QTest::addColumn<QString>("name");
  for (const char* name :
       {"start",  "payload",  "pack",   "open",    "folder",  "file",  "verify", "unpack",  "export", "cancel", "close",
        "expand", "collapse", "info",   "success", "warning", "error", "copy",   "columns", "add",    "remove", "up",
        "down",   "log",      "search", "filter",  "demo",    "jobs",  "clock",  "chip",    "memory"})
    QTest::newRow(name) << QString(name);
}

void TestTheme::everyIconIsThereAndTinted() {
  QFETCH(QString, name);
  const QIcon icon = tintedIcon(name, Qt::red);
  for (const int size : {16, 20, 24, 32, 48, 64}) {
    const QImage image = icon.pixmap(size).toImage();
    QCOMPARE(image.width(), size);
    int painted = 0;
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x)
        if (const QColor pixel = image.pixelColor(x, y); pixel.alpha() > 128) {
          ++painted;
          QVERIFY(pixel.red() > 240 && pixel.green() < 16 && pixel.blue() < 16);
        }
    QVERIFY(painted >= size / 2);
  }
}

void TestTheme::primaryButtonIsAccented() {
  applyTheme(*qApp, Theme::Light, 100, systemLook());
  QPushButton button("Pack");
  button.setProperty("primary", true);
  button.resize(100, 30);
  QCOMPARE(button.grab().toImage().pixelColor(8, 8), lightColors().accent);
  button.setEnabled(false);
  QVERIFY(button.grab().toImage().pixelColor(8, 8) != lightColors().accent);
}

void TestTheme::settingsKeepTypesAndDefaults() {
  QTemporaryDir scratch;
  const QString file = scratch.filePath("s.ini");
  {
    Settings settings(file);
    QCOMPARE(settings.get(setting::kZoom), 100);
    QCOMPARE(settings.get(setting::kTheme), QString("system"));
    settings.set(setting::kZoom, 130);
    settings.set(setting::kRecent, QStringList{"/a,b", "/c"});
    settings.set(setting::kGeometry, QByteArray("\0\x01 x", 4));
  }
  Settings again(file);
  QCOMPARE(again.get(setting::kZoom), 130);
  const QStringList recents{"/a,b", "/c"};
  QCOMPARE(again.get(setting::kRecent), recents);
  QCOMPARE(again.get(setting::kGeometry), QByteArray("\0\x01 x", 4));
  again.remove(setting::kZoom);
  QCOMPARE(again.get(setting::kZoom), 100);
}

void TestTheme::recentsAreUniqueAndCapped() {
  QStringList recents;
  for (int i = 0; i < 20; ++i) recents = withRecent(recents, QString::number(i));
  QCOMPARE(recents.size(), kMaxRecents);
  QCOMPARE(recents.first(), QString("19"));
  recents = withRecent(recents, "15");
  QCOMPARE(recents.size(), kMaxRecents);
  QCOMPARE(recents.mid(0, 2).join(" "), QString("15 19"));
  QCOMPARE(recents.count("15"), 1);
}

void TestTheme::namesAreShort_data() {
  QTest::addColumn<QString>("path");
  QTest::addColumn<QString>("name");
  QTest::newRow("folder") << "/m/chat"
                          << "chat";
  QTest::newRow("folder with slash") << "/m/chat/"
                                     << "chat";
  QTest::newRow("payload") << "/m/lora.delta.safetensors"
                           << "lora";
  QTest::newRow("file") << "/m/model.safetensors"
                        << "model";
  QTest::newRow("index") << "/m/model.safetensors.index.json"
                         << "model";
  QTest::newRow("Hub id") << "org/name"
                          << "name";
  QTest::newRow("only a suffix") << "/m/.delta"
                                 << ".delta";
}

void TestTheme::namesAreShort() {
  QFETCH(QString, path);
  QFETCH(QString, name);
  QCOMPARE(modelName(path), name);
}

void TestTheme::dropsAreJudged_data() {
  QTest::addColumn<QStringList>("urls");
  QTest::addColumn<bool>("accepted");
  QTest::addColumn<QString>("refusal");
  QTest::newRow("folder") << QStringList{"DIR"} << true << QString();
  QTest::newRow("safetensors") << QStringList{"DIR/a.safetensors"} << true << QString();
  QTest::newRow("GGUF") << QStringList{"DIR/a.gguf"} << true << QString();
  QTest::newRow("other file") << QStringList{"DIR/a.txt"} << false
                              << "a.txt is not a model: drop a folder, or a file that ends in .safetensors, .gguf, .pth, .pkl, "
                                 "or .json for a benchmark run";
  QTest::newRow("missing") << QStringList{"DIR/no.safetensors"} << false << "DIR/no.safetensors does not exist";
  QTest::newRow("two") << QStringList{"DIR", "DIR"} << false << "one model at a time: 2 were dropped";
  QTest::newRow("remote") << QStringList{"https://x.org/a.safetensors"} << false
                          << "https://x.org/a.safetensors is not on this machine";
  QTest::newRow("nothing") << QStringList{} << false << "only files and folders can be opened";
}

void TestTheme::dropsAreJudged() {
  QFETCH(QStringList, urls);
  QFETCH(bool, accepted);
  QFETCH(QString, refusal);
  QTemporaryDir scratch;
  for (const char* name : {"a.safetensors", "a.gguf", "a.txt"}) {
    QFile file(scratch.filePath(name));
    QVERIFY(file.open(QIODevice::WriteOnly));
  }
  QMimeData data;
  QList<QUrl> list;
  for (QString url : urls) {
    const bool local = url.startsWith("DIR");
    url.replace("DIR", scratch.path());
    list << (local ? QUrl::fromLocalFile(url) : QUrl(url));
  }
  if (!list.isEmpty()) data.setUrls(list);
  const DropVerdict verdict = judgeDrop(data);
  QCOMPARE(!verdict.path.isEmpty(), accepted);
  QCOMPARE(verdict.refusal, refusal.replace("DIR", scratch.path()));
}

void TestTheme::memoryIsInGib() {
  MemorySample sample;
  parseMeminfo("MemTotal:       25165824 kB\nMemFree:  1 kB\nMemAvailable:   20971520 kB\n", sample);
  QCOMPARE(sample.total, std::uint64_t{24} << 30);
  QCOMPARE(sample.available, std::uint64_t{20} << 30);
  sample.own = (std::uint64_t{5} << 30) / 4;
  QCOMPARE(memoryText(sample), QString("memory 1.25 of 24.00 GiB"));
  QVERIFY(memoryToolTip(sample).contains("Other programs: 2.75 GiB"));
  MemorySample unknown;
  parseMeminfo("nonsense", unknown);
  QCOMPARE(memoryText(unknown), QString("memory 0.00 GiB"));
  const MemorySample real = readMemory();
  QVERIFY(real.own > 0 && real.own <= real.total && real.available <= real.total);
}

void TestTheme::devicesAreWords() {
  kernels::DeviceInfo device;
  device.id = "cpu";
  device.name = "Xeon";
  device.threads = 2;
  QCOMPARE(describeDevice(device).label, QString("CPU · 2 threads"));
  device.threads = 1;
  QCOMPARE(describeDevice(device).label, QString("CPU · 1 thread"));
  device.id = "cuda";
  device.reason = "no driver found";
  QCOMPARE(describeDevice(device).label, QString("GPU: none (no driver found)"));
  device.id = "cuda:0";
  device.name = "H200";
  QCOMPARE(describeDevice(device).label, QString("GPU: H200 not usable (no driver found)"));
  device.usable = true;
  device.memoryBytes = std::uint64_t{139} << 30;
  QCOMPARE(describeDevice(device).label, QString("GPU: cuda:0 · H200 · 139.00 GiB"));
}

void TestTheme::verdictsAreShapesAndWords() {
  QCOMPARE(notVerified().text, QString("– not verified"));
  QCOMPARE(verifying(3, 74, 0).text, QString("… verifying 3 of 74"));
  QCOMPARE(verifying(3, 74, 1).text, QString("… verifying 3 of 74, 1 differ"));
  VerifyResult result;
  result.tensors = 74;
  result.bitExact = true;
  QCOMPARE(verdictOf(result).text, QString("✓ bit-exact: 74 of 74 tensors"));
  result.bitExact = false;
  result.verdicts.resize(3);
  result.verdicts[0].bitExact = true;
  QCOMPARE(verdictOf(result).text, QString("✕ 2 of 74 tensors differ"));
}

void TestTheme::unpackNeverWritesIntoAFullFolder() {
  QTemporaryDir scratch;
  QCOMPARE(unpackTarget(scratch.path(), "chat"), scratch.path());
  QCOMPARE(unpackTarget(scratch.filePath("new"), "chat"), scratch.filePath("new"));
  QDir(scratch.path()).mkdir("x");
  QCOMPARE(unpackTarget(scratch.path(), "chat"), scratch.filePath("chat-final"));
  QDir(scratch.path()).mkdir("chat-final");
  QCOMPARE(unpackTarget(scratch.path(), "chat"), scratch.filePath("chat-final-2"));
}

QTEST_MAIN(TestTheme)
#include "test_theme.moc"
