// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QPainter>
#include <QSvgRenderer>
#include <QTemporaryDir>
#include <QThread>
#include <QXmlStreamReader>
#include <QtTest>
#include <thread>

#include "tests/ui/generated_model.h"
#include "tests/ui/warnings.h"
#include "ui/export/files.h"
#include "ui/export/picture.h"
#include "ui/frame/theme.h"
#include "ui/payload/heat_map.h"
#include "ui/payload/tensor_charts.h"
#include "ui/report/report_data.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

QList<QPair<QByteArray, Chart>> oneOfEach() {
  const TensorCloseUp closeUp = generatedCloseUp(1000);
  const auto model = generatedModel(8);
  LinesChart memory{{{"own", {{0, 1}, {1, 13.4}, {2, 12}}}}, "seconds", "MiB"};
  memory.lines[0].markPeak = true;
  memory.limit = {14, "budget 14.0 MiB"};
  const SpreadChart latency{{"q", "k"}, {{"a", {{1, 2, 3, true}, {2, 3, 7, true}}}}, "tensor", "ms", false};
  return {{"histogram", histogramOf(closeUp, false)},
          {"map", mapOf(closeUp, MapValue::MeanMagnitude)},
          {"streams", streamsOf(closeUp)},
          {"chunks", chunksOf(closeUp)},
          {"heat map", heatMapOf(model->tensors, Metric::BitsPerWeight, false)},
          {"memory", memory},
          {"latency", latency},
          {"layers", bitsByLayer(model->tensors)},
          {"codecs", bytesByCodec(model->tensors, false)}};
}
const Caption kCaption{"A title", "a line of context", "chat · deltascope · 2026-11-23 14:05"};

int darkPixels(const QImage& image, const QRect& where) {
  int dark = 0;
  for (int y = where.top(); y <= where.bottom(); ++y)
    for (int x = where.left(); x <= where.right(); ++x) dark += qGray(image.pixel(x, y)) < 128;
  return dark;
}

}  // namespace

class TestExport : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    qApp->setStyle("Fusion");
    qApp->setPalette(paletteFor(darkColors()));  // exports must not care
  }
  void init() { failOnAnyWarning(); }

  void picturesAreLightSharpAndCaptioned_data() {
    QTest::addColumn<Chart>("chart");
    QTest::addColumn<double>("scale");
    for (const auto& [name, chart] : oneOfEach())
      for (const double scale : {1.0, 2.0}) QTest::newRow(name + " ×" + QByteArray::number(scale)) << chart << scale;
  }
  void picturesAreLightSharpAndCaptioned() {
    QFETCH(Chart, chart);
    QFETCH(double, scale);
    const QImage image = renderChart(chart, kCaption, scale);
    QCOMPARE(image.size(), (QSizeF(pictureSize(chart)) * scale).toSize());
    for (const QPoint corner : {QPoint(0, 0), QPoint(image.width() - 1, 0), QPoint(0, image.height() - 1)})
      QCOMPARE(image.pixelColor(corner), QColor(Qt::white));
    // Title at the top, source at the bottom, data between.
    const int head = static_cast<int>(40 * scale), foot = static_cast<int>(34 * scale);
    QVERIFY(darkPixels(image, QRect(0, 0, image.width(), head)) > 20);
    QVERIFY(darkPixels(image, QRect(0, image.height() - foot, image.width(), foot)) > 20);
    QSet<QRgb> colours;
    for (int y = head; y < image.height() - foot; ++y)
      for (int x = 0; x < image.width(); ++x) colours.insert(image.pixel(x, y));
    QVERIFY(colours.size() > 8);
  }

  void filesAreWhatTheirNameSays_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("magic");
    QTest::newRow("png") << "a.png" << QByteArray("\x89PNG");
    QTest::newRow("upper case") << "a.PNG" << QByteArray("\x89PNG");
    QTest::newRow("svg") << "a.svg" << QByteArray("<?xml");
    QTest::newRow("pdf") << "a.pdf" << QByteArray("%PDF-1.");
  }
  void filesAreWhatTheirNameSays() {
    QFETCH(QString, name);
    QFETCH(QByteArray, magic);
    for (const auto& [kind, chart] : oneOfEach()) {
      QTemporaryDir folder;
      const QString path = folder.filePath(name);
      const auto written = writeChart(chart, kCaption, path);
      QVERIFY2(written, written ? "" : written.error().message.c_str());
      QFile file(path);
      QVERIFY(file.open(QIODevice::ReadOnly));
      const QByteArray bytes = file.readAll();
      QVERIFY(bytes.startsWith(magic));
      QVERIFY(bytes.size() > 2000);
      if (name.endsWith("png", Qt::CaseInsensitive)) QCOMPARE(QImage(path).size(), pictureSize(chart) * 2);
      // One page of the picture's size, in points.
      if (name == "a.pdf") QVERIFY(bytes.contains("/Type /Page\n") || bytes.contains("/Type /Page "));
      QCOMPARE(QDir(folder.path()).entryList(QDir::Files | QDir::Hidden), QStringList{name});
    }
  }

  /// The words of the elements of this name in an SVG picture.
  static QStringList wordsIn(const QByteArray& svg, QStringView element) {
    QXmlStreamReader reader(svg);
    QStringList words;
    while (!reader.atEnd())
      if (reader.readNext() == QXmlStreamReader::StartElement && reader.name() == element)
        words << reader.readElementText().simplified();
    return reader.hasError() ? QStringList{reader.errorString()} : words;
  }

  void svgPicturesKeepTextAsText() {
    for (const auto& [kind, chart] : oneOfEach()) {
      const QByteArray svg = svgBytes(chart, kCaption);
      const QStringList words = wordsIn(svg, u"text");
      QVERIFY2(words.contains(kCaption.title), kind);
      QVERIFY2(words.contains(kCaption.source), kind);
      QCOMPARE(wordsIn(svg, u"title"), QStringList{kCaption.title});
      QCOMPARE(wordsIn(svg, u"desc"), QStringList{describe(chart).simplified()});
    }
    const QStringList words = wordsIn(svgBytes(oneOfEach()[4].second, kCaption), u"text");
    for (const char* name : {"q", "down", "layer"}) QVERIFY2(words.contains(name), name);
  }

  void svgPicturesLookLikeTheOthers() {
    for (const auto& [kind, chart] : oneOfEach()) {
      QSvgRenderer renderer(svgBytes(chart, kCaption));
      QVERIFY(renderer.isValid());
      QCOMPARE(renderer.viewBox().size(), pictureSize(chart));
      QImage image(pictureSize(chart), QImage::Format_RGB32);
      image.fill(Qt::red);
      QPainter painter(&image);
      renderer.render(&painter);
      painter.end();
      const QImage other = renderChart(chart, kCaption, 1);
      int differing = 0;
      for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) differing += std::abs(qGray(image.pixel(x, y)) - qGray(other.pixel(x, y))) > 60;
      QVERIFY2(differing < image.width() * image.height() / 20, kind + ": " + QByteArray::number(differing));
    }
  }

  void anEmptyChartIsRefused() {
    QTemporaryDir folder;
    for (const char* name : {"a.png", "a.svg", "a.pdf"}) {
      const auto written = writeChart(HistogramChart{}, kCaption, folder.filePath(name));
      QVERIFY(!written);
      QVERIFY(!QFile::exists(folder.filePath(name)));
    }
    QVERIFY(renderChart(HistogramChart{}, kCaption).isNull());
  }

  void anUnknownSuffixIsRefused() {
    QTemporaryDir folder;
    const auto written = writeChart(oneOfEach().front().second, kCaption, folder.filePath("a.gif"));
    QVERIFY(!written);
    QCOMPARE(written.error().hint, std::string("end the name in .png, .svg or .pdf"));
  }

  void aFolderThatIsNotThereIsAnError() {
    QTemporaryDir folder;
    const auto written = writeChart(oneOfEach().front().second, kCaption, folder.filePath("none/a.png"));
    QVERIFY(!written);
    QVERIFY(QString::fromStdString(written.error().message).contains("none"));
  }

  void otherThreadsGetTheSamePicture() {
    const Chart chart = oneOfEach().front().second;
    const QImage here = renderChart(chart, kCaption, 2);
    std::optional<QImage> there;
    std::atomic<bool> done = false;
    std::thread worker([&] {
      if (auto image = renderChartAnywhere(chart, kCaption, 2, {})) there = *image;
      done = true;
    });
    QTRY_VERIFY(done);
    worker.join();
    QVERIFY(there);
    QCOMPARE(*there, here);
  }

  void aStopEndsTheWaitForThePicture() {
    std::stop_source stop;
    ErrorCode code = ErrorCode::Internal;
    std::thread worker([&] {
      const auto image = renderChartAnywhere(oneOfEach().front().second, kCaption, 2, stop.get_token());
      if (!image) code = image.error().code;
    });
    stop.request_stop();  // the event loop does not run: without the stop this would never end
    worker.join();
    QCOMPARE(code, ErrorCode::Cancelled);
    QCoreApplication::processEvents();
  }

  void fileNamesAreSafe_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("safe");
    QTest::newRow("plain") << "chat-tensors.csv"
                           << "chat-tensors.csv";
    QTest::newRow("path") << "../../etc/passwd"
                          << "etc-passwd";
    QTest::newRow("spaces") << "my model (1)"
                            << "my-model-1";
    QTest::newRow("hidden") << ".secret"
                            << "secret";
    QTest::newRow("nothing") << "///"
                             << "deltascope";
  }
  void fileNamesAreSafe() {
    QFETCH(QString, name);
    QTEST(fileNameOf(name), "safe");
  }

  void sourcesNameFileToolAndTime() {
    QCOMPARE(sourceLine("chat", QDateTime(QDate(2026, 11, 23), QTime(14, 5))),
             "chat · deltascope " DELTASCOPE_VERSION " · 2026-11-23 14:05");
  }
};

QTEST_MAIN(TestExport)
#include "test_export.moc"
