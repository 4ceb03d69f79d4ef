// SPDX-License-Identifier: Apache-2.0
#include <QtTest>

#include "tests/app/run_cli.h"

using namespace deltascope::test;

namespace {

const QString kScripts = QStringLiteral(DELTASCOPE_TEST_DATA "/pipeline/scripts/");

QString payloadOf(const QString& name) { return kScripts + "delta_" + name + ".pkl"; }

}  // namespace

class TestCliImport : public QObject {
  Q_OBJECT

  QTemporaryDir m_folder;
  QString place(const QString& name) const { return m_folder.filePath(name); }

 private slots:
  void importedPayloadsVerify() {
    const QString out = place("whole.delta.safetensors");
    const CliRun imported =
        runCli({"import", payloadOf("whole"), "--final", kScripts + "final.safetensors", "--out", out, "--quiet"});
    COMPARE_STATUS(imported, 0);
    QVERIFY2(imported.out.contains("imported 6 tensors, 2,184 elements"), imported.out);
    QVERIFY2(imported.out.contains("it gives the final bit for bit; so did the scripts' files"), imported.out);
    const CliRun verified = runCli(
        {"verify", out, "--base", kScripts + "base_model.pth", "--final", kScripts + "final.safetensors", "--quiet", "--json"});
    COMPARE_STATUS(verified, 0);
    QCOMPARE(verified.json()["elements_compared"], nlohmann::json(2184));
  }

  void whatTheScriptsLostIsSaid() {
    const CliRun exact = runCli({"import", payloadOf("empty"), "--final", kScripts + "final.safetensors", "--out",
                                 place("exact.delta.safetensors"), "--quiet"});
    COMPARE_STATUS(exact, 0);
    QVERIFY2(exact.out.contains("layers.2.weight: chunks 0 to 63: the frames of positions and values are empty"), exact.out);
    QVERIFY2(exact.out.contains("layers.2.weight: 1,047 of 1,536 elements do not come back bit for bit"), exact.out);
    QVERIFY2(exact.out.contains("from the scripts' files 1,047 of 2,184 elements would differ"), exact.out);

    const CliRun unchecked =
        runCli({"import", payloadOf("empty"), "--out", place("unchecked.delta.safetensors"), "--quiet", "--json"});
    COMPARE_STATUS(unchecked, 1);
    QCOMPARE(unchecked.json()["checked"], nlohmann::json(false));
    QCOMPARE(unchecked.json()["findings"][0]["tensor"], nlohmann::json("layers.2.weight"));
    QVERIFY(QFile::exists(place("unchecked.delta.safetensors")));

    const CliRun sound = runCli({"import", payloadOf("whole"), "--out", place("sound.delta.safetensors"), "--quiet"});
    COMPARE_STATUS(sound, 0);
    QVERIFY2(sound.out.contains("whether that is the final cannot be checked"), sound.out);
  }

  void aPayloadOfTheScriptsIsInspectedAndVerified() {
    const CliRun inspected = runCli({"inspect", payloadOf("one_empty")});
    COMPARE_STATUS(inspected, 0);
    QVERIFY2(inspected.out.startsWith("payload of the scripts "), inspected.out);
    QVERIFY2(inspected.out.contains("layers.10.weight: chunk 3: the frame of values is empty"), inspected.out);
    static const QRegularExpression row("layers\\.2\\.weight +48 × 32 +BF16 +1,536 .+additive");
    QVERIFY2(QString::fromUtf8(inspected.out).contains(row), inspected.out);
    const CliRun json = runCli({"inspect", payloadOf("whole"), "--json"});
    COMPARE_STATUS(json, 0);
    QCOMPARE(json.json()["findings"], nlohmann::json::array());
    QCOMPARE(json.json()["tensors"][1]["chunks"], nlohmann::json(64));

    const CliRun whole = runCli({"verify", payloadOf("whole"), "--final", kScripts + "final.safetensors", "--quiet"});
    COMPARE_STATUS(whole, 0);
    QVERIFY2(whole.out.contains("bit-exact: 2,184 of 2,184 elements in 6 tensors"), whole.out);
    const CliRun damaged = runCli({"verify", payloadOf("one_empty"), "--final", kScripts + "final.safetensors", "--quiet"});
    COMPARE_STATUS(damaged, 1);
    QVERIFY2(damaged.out.contains("layers.10.weight: 6 differ, first at "), damaged.out);
  }

  void otherCommandsSayWhatToDo_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("says");
    const QString payload = payloadOf("whole"), out = place("x.delta.safetensors");
    QTest::newRow("unpack") << QStringList{"unpack", payload, "--out", place("x")} << 3 << "deltascope-cli import";
    QTest::newRow("generate") << QStringList{"generate", payload, "--prompt", "x"} << 3 << "deltascope-cli import";
    QTest::newRow("pack over it") << QStringList{"pack",  "--base", payload, "--final", kScripts + "final.safetensors",
                                                 "--out", out}
                                  << 3 << "is a pickle, not a checkpoint";
    QTest::newRow("verify without a final") << QStringList{"verify", payload} << 3 << "name the final with --final";
    QTest::newRow("several payloads") << QStringList{"import", kScripts, "--out", out} << 3 << "name one of them";
    QTest::newRow("not of the scripts") << QStringList{"import", kScripts + "final.safetensors", "--out", out} << 3
                                        << "nothing that the old scripts wrote";
    QTest::newRow("another suffix") << QStringList{"import", payload, "--out", place("x.safetensors")} << 2
                                    << "must be a file name that ends in .delta.safetensors";
    QTest::newRow("no output") << QStringList{"import", payload} << 2 << "--out is required";
  }
  void otherCommandsSayWhatToDo() {
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    QFETCH(QString, says);
    const CliRun run = runCli(arguments);
    COMPARE_STATUS(run, status);
    QCOMPARE(run.errorLines().size(), 1);
    QVERIFY2(QString::fromUtf8(run.err).contains(says), run.err);
  }
};

QTEST_GUILESS_MAIN(TestCliImport)
#include "test_cli_import.moc"
