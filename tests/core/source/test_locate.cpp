// SPDX-License-Identifier: Apache-2.0
#include <QTemporaryDir>

#include "core/payload/payload.h"
#include "core/source/locate.h"
#include "tests/core/models/small_model.h"

using namespace deltascope;
using namespace deltascope::test;
using Kind = ModelFiles::Kind;
Q_DECLARE_METATYPE(deltascope::ModelFiles::Kind)

/// Paths in the tables are relative to a folder with one of each.
class TestLocate : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;

  fs::path place(const QString& relative) const {
    return relative.isEmpty() ? fs::path() : fs::path(m_folder.path().toStdString()) / relative.toStdString();
  }

 private slots:
  void initTestCase() {
    for (const char* file :
         {"packed/base.safetensors", "packed/model.delta.safetensors", "packed/config.json",
          "sharded/base.safetensors.index.json", "sharded/model.delta.safetensors", "plain/model.safetensors",
          "tuned.delta.safetensors", "alone/model.delta.safetensors", "one.safetensors"}) {
      fs::create_directories(place(file).parent_path());
      take(writeTextFile(place(file), "x"));
    }
  }

  void tellsWhatAPathIs_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("given");
    QTest::addColumn<Kind>("kind");
    QTest::addColumn<QString>("payload");
    QTest::addColumn<QString>("base");
    QTest::newRow("packed folder") << "packed"
                                   << "" << Kind::PackedModel << "packed/model.delta.safetensors"
                                   << "packed";
    QTest::newRow("packed folder, other base") << "packed"
                                               << "plain" << Kind::PackedModel << "packed/model.delta.safetensors"
                                               << "plain";
    QTest::newRow("payload inside a packed folder") << "packed/model.delta.safetensors"
                                                    << "" << Kind::PackedModel << "packed/model.delta.safetensors"
                                                    << "packed";
    QTest::newRow("payload inside a packed folder with shards") << "sharded/model.delta.safetensors"
                                                                << "" << Kind::PackedModel << "sharded/model.delta.safetensors"
                                                                << "sharded";
    QTest::newRow("payload with a base") << "tuned.delta.safetensors"
                                         << "plain" << Kind::Payload << "tuned.delta.safetensors"
                                         << "plain";
    QTest::newRow("payload without a base") << "tuned.delta.safetensors"
                                            << "" << Kind::Payload << "tuned.delta.safetensors"
                                            << "";
    QTest::newRow("no base is guessed") << "alone/model.delta.safetensors"
                                        << "" << Kind::Payload << "alone/model.delta.safetensors"
                                        << "";
    QTest::newRow("folder") << "plain"
                            << "" << Kind::Checkpoint << ""
                            << "";
    QTest::newRow("file") << "one.safetensors"
                          << "" << Kind::Checkpoint << ""
                          << "";
  }
  void tellsWhatAPathIs() {
    QFETCH(QString, path);
    QFETCH(QString, given);
    QFETCH(Kind, kind);
    QFETCH(QString, payload);
    QFETCH(QString, base);
    const auto files = take(locateModel(place(path), place(given)));
    QCOMPARE(files.kind, kind);
    QCOMPARE(files.payload, place(payload));
    QCOMPARE(files.base, place(base));
  }

  void namesWhatIsMissing_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("base");
    QTest::newRow("path") << "absent"
                          << "";
    QTest::newRow("payload") << "absent.delta.safetensors"
                             << "";
    QTest::newRow("base") << "tuned.delta.safetensors"
                          << "absent";
  }
  void namesWhatIsMissing() {
    QFETCH(QString, path);
    QFETCH(QString, base);
    const auto files = locateModel(place(path), place(base));
    QVERIFY(!files);
    QCOMPARE(files.error().code, ErrorCode::NotFound);
    QVERIFY2(describe(files.error()).find("absent") != std::string::npos, describe(files.error()).c_str());
  }
};

QTEST_APPLESS_MAIN(TestLocate)
#include "test_locate.moc"
