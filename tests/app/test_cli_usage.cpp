// SPDX-License-Identifier: Apache-2.0
#include <QTemporaryDir>

#include "tests/app/run_cli.h"
#include "tests/core/models/small_model.h"

using namespace deltascope::test;

class TestCliUsage : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;

 private slots:
  void mistakesAreOneLineWithStatus2_data() {
    QTest::addColumn<QString>("arguments");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* arguments, const char* says) {
      QTest::newRow(*arguments ? arguments : "nothing") << arguments << says;
    };
    row("", "a command is needed");
    row("frobnicate", "no command is called 'frobnicate'");
    row("--frobnicate", "--frobnicate");
    row("help frobnicate", "no command is called 'frobnicate'");
    row("pack", "--out is required");
    row("pack --final a --quantize nf4", "--out is required");
    row("pack --final a --out b.delta.safetensors", "nothing to compare with");
    row("pack --final a --quantize nf4 --out b --estimate --verify", "--estimate writes nothing");
    row("pack --estimate", "nothing to compare with");
    row("pack --final a --base b --quantize nf4 --out c", "cannot be combined with --base");
    row("pack --final a --adapter b --quantize nf4 --out c", "cannot be combined with --adapter");
    row("pack --adapter a --out b.delta.safetensors", "--adapter needs the model it was trained on");
    row("pack --quantize nf4 --out b", "--quantize needs the model to quantize");
    row("pack --base a --out b.delta.safetensors", "--base needs what it is to be turned into");
    row("pack --final a --quantize nf5 --out b", "nf5");
    row("pack --final a --quantize nf4 --out b.safetensors", "the folder of the packed model");
    row("pack --final a --base b --out c", "must be a file name that ends in .delta.safetensors");
    row("pack --final a --base b --out c.delta.safetensors --scope all", "--scope belongs to --quantize");
    row("pack --final a --base b --out c.delta.safetensors --double-quant", "--double-quant belongs to --quantize");
    row("pack --final a --base b --out c.delta.safetensors --blocksize 64", "--blocksize belongs to --quantize");
    row("pack --final a --quantize int8 --double-quant --out b", "int8 has one scale a row");
    row("pack --final a --quantize int8 --blocksize 64 --out b", "int8 has one scale a row");
    row("pack --final a --quantize nf4 --blocksize 48 --out b", "a power of two from 32 to 4096");
    row("pack --final a --quantize nf4 --blocksize 8192 --out b", "a power of two from 32 to 4096");
    row("pack --final a --quantize nf4 --blocksize -64 --out b", "--blocksize");
    row("pack --final a --quantize nf4 --codec magic --out b", "magic");
    row("pack --final a --quantize nf4 --codec lowrank --out b", "add --adapter DIR");
    row("pack --final a --quantize nf4 --chunks 0 --out b", "--chunks");
    row("pack --final a --quantize nf4 --zstd-level 23 --out b", "--zstd-level");
    row("pack --final a --quantize nf4 --threads -1 --out b", "--threads");
    row("pack --final a --quantize nf4 --threads two --out b", "--threads");
    row("pack --final a --quantize nf4 --prefer beauty --out b", "beauty");
    row("pack --final a --quantize nf4 --out b stray", "stray");
    row("inspect", "PATH is required");
    row("inspect a --csv --json", "--csv");
    row("inspect a --frobnicate", "--frobnicate");
    row("verify", "PATH is required");
    row("verify a --device tpu", "tpu is not a device");
    row("verify a --device cuda:", "cuda: is not a device");
    row("verify a --device cuda:x", "cuda:x is not a device");
    row("verify a --device cpu,cpu", "this command uses one");
    row("verify a --device cuda:all", "this command uses one");
    row("generate a --plan --device cpu,", "missing between commas");
    row("generate a --plan --device cpu,tpu", "tpu is not a device");
    row("selftest --device cpu,cuda:0", "round differently");
    row("bench a --device cuda:all,cpu", "round differently");
    row("unpack a", "--out is required");
    row("unpack a --out b.delta.safetensors", "are payloads");
    row("synth", "--out is required");
    row("synth --arch frobnicate-9b --out a", "frobnicate-9b");
    row("synth --layers 0 --out a", "--layers");
    row("synth --std 0 --out a", "0 is not a positive number");
    row("synth --std nan --out a", "nan is not a positive number");
    row("devices stray", "stray");
  }
  void mistakesAreOneLineWithStatus2() {
    QFETCH(QString, arguments);
    QFETCH(QString, says);
    const auto run = runCli(arguments.split(' ', Qt::SkipEmptyParts), m_folder.path());
    COMPARE_STATUS(run, 2);
    QVERIFY2(run.out.isEmpty(), run.out);
    QVERIFY2(run.errorLines().size() == 1, run.err);
    QVERIFY2(run.err.contains(says.toUtf8()), run.err);
    QVERIFY2(run.err.contains("--help"), run.err);
    QVERIFY2(filesIn(m_folder.path().toStdString()).empty(), "a usage error wrote something");
  }

  void helpGoesToStandardOutput_data() {
    QTest::addColumn<QString>("arguments");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* arguments, const char* says) { QTest::newRow(arguments) << arguments << says; };
    row("--help", "verify");
    row("help", "verify");
    row("-h", "130 cancelled");
    row("help pack", "--double-quant");
    row("pack --help", "--zstd-level");
    row("inspect --help", "--csv");
    row("verify --help", "--final");
    row("unpack --help", "--out");
    row("synth --help", "llama-3.1-8b");
    row("devices --help", "--json");
    row("--version", "deltascope-cli " DELTASCOPE_VERSION);
  }
  void helpGoesToStandardOutput() {
    QFETCH(QString, arguments);
    QFETCH(QString, says);
    const auto run = runCli(arguments.split(' '));
    COMPARE_STATUS(run, 0);
    QVERIFY2(run.err.isEmpty(), run.err);
    QVERIFY2(run.out.contains(says.toUtf8()), run.out);
  }

  void everyOptionOfTheContractIsThere() {
    const auto help = runCli({"pack", "--help"}).out;
    for (const char* option :
         {"--final", "--quantize", "--base", "--adapter", "--out", "--scope", "--double-quant", "--blocksize", "--codec",
          "--chunks", "--prefer", "--zstd-level", "--threads", "--json", "--quiet", "--overwrite"})
      QVERIFY2(help.contains(option), option);
  }

  void devicesSayWhatTheyAre() {
    const auto run = runCli({"devices", "--json"});
    COMPARE_STATUS(run, 0);
    const auto devices = run.json()["devices"];
    QVERIFY(devices.size() >= 2);
    QCOMPARE(devices[0]["id"].get<std::string>(), "cpu");
    QVERIFY(devices[0]["usable"].get<bool>());
    QVERIFY(devices[0]["threads"].get<unsigned>() >= 1);
    QVERIFY(devices[0]["memory_bytes"].get<std::uint64_t>() >= devices[0]["memory_free_bytes"].get<std::uint64_t>());
    for (std::size_t i = 1; i < devices.size(); ++i)
      QVERIFY(devices[i]["usable"].get<bool>() || !devices[i]["reason"].get<std::string>().empty());
    // Without a GPU too it is said whether there is a backend, and for which GPUs, or why there is none.
    if (devices[1]["id"].get<std::string>() == "cuda")
      QVERIFY2(devices[1]["detail"].get<std::string>().find("CUDA backend") != std::string::npos,
               devices[1]["detail"].get<std::string>().c_str());
    QVERIFY(runCli({"devices"}).out.startsWith("cpu: ready"));
  }

  void everyGpuIsListed() {
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert("LD_LIBRARY_PATH", FAKE_CUDA);
    const auto run = runCli({"devices", "--json"}, {}, {}, environment);
    COMPARE_STATUS(run, 0);
    const auto devices = run.json()["devices"];
    QCOMPARE(devices.size(), 3u);
    for (std::size_t i : {1u, 2u}) {
      QCOMPARE(devices[i]["id"].get<std::string>(), "cuda:" + std::to_string(i - 1));
      QCOMPARE(devices[i]["name"].get<std::string>(), "Imaginary GPU " + std::to_string(i - 1));
      QCOMPARE(devices[i]["memory_bytes"].get<std::uint64_t>(), std::uint64_t{80} << 30);
      QVERIFY(devices[i]["detail"].get<std::string>().find("12.4") != std::string::npos);
    }
  }

  /// The driver is there, the backend's library is not, or is something else: the reason is said, and the processor goes on.
  void aBackendThatIsNotThereIsSaid_data() {
    QTest::addColumn<QString>("library");
    QTest::addColumn<QString>("says");
    QTest::newRow("switched off") << "none"
                                  << "switched off";
    QTest::newRow("as it was built") << ""
                                     << "CUDA";
    QTest::newRow("absent") << "/nowhere/libdeltascope_cuda.so"
                            << "cannot be loaded";
    QTest::newRow("another library") << QString(FAKE_CUDA "/libcuda.so.1") << "is not a CUDA backend";
  }
  void aBackendThatIsNotThereIsSaid() {
    QFETCH(QString, library);
    QFETCH(QString, says);
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert("LD_LIBRARY_PATH", FAKE_CUDA);
    if (!library.isEmpty()) environment.insert("DELTASCOPE_CUDA_LIBRARY", library);
    const auto devices = runCli({"devices", "--json"}, {}, {}, environment).json()["devices"];
    QCOMPARE(devices.size(), 3u);
    QVERIFY(devices[0]["usable"].get<bool>());
    for (std::size_t i : {1u, 2u}) {
      QVERIFY(!devices[i]["usable"].get<bool>());
      QVERIFY2(QString::fromStdString(devices[i]["reason"].get<std::string>()).contains(says),
               devices[i]["reason"].get<std::string>().c_str());
    }
  }

  void aDriverThatDoesNotStartIsSaid() {
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert("LD_LIBRARY_PATH", FAKE_CUDA);
    environment.insert("FAKE_CUDA_INIT", "999");
    const auto devices = runCli({"devices", "--json"}, {}, {}, environment).json()["devices"];
    QCOMPARE(devices.size(), 2u);
    QCOMPARE(devices[1]["id"].get<std::string>(), "cuda");
    QVERIFY(!devices[1]["usable"].get<bool>());
    QVERIFY(devices[1]["reason"].get<std::string>().find("999") != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(TestCliUsage)
#include "test_cli_usage.moc"
