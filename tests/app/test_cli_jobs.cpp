// SPDX-License-Identifier: Apache-2.0
#include <QTemporaryDir>

#include "core/inspect/inspect.h"
#include "tests/app/run_cli.h"
#include "tests/core/models/small_model.h"

using namespace deltascope;
using namespace deltascope::test;

/// The main job end to end, on the demo model: pack, verify, unpack, the same bytes.
class TestCliJobs : public QObject {
  Q_OBJECT
  const QString m_chat = QStringLiteral(DELTASCOPE_DEMO "/chat"), m_lora = QStringLiteral(DELTASCOPE_DEMO "/lora-pirate");
  QTemporaryDir m_folder;

  QString place(const QString& name) const { return m_folder.filePath(name); }

  /// The keys that scripts read, and that they fit each other.
  void checkPackJson(const nlohmann::json& json, const QString& payload) {
    for (const char* key : {"tensors", "elements", "final_bytes", "base_bytes", "payload_bytes", "payload_bits_per_weight",
                            "total_bits_per_weight", "sparsity", "seconds", "peak_rss_bytes"})
      QVERIFY2(json.contains(key) && json[key].is_number(), key);
    const double elements = json["elements"], payloadBytes = json["payload_bytes"], baseBytes = json["base_bytes"];
    QCOMPARE(json["payload_bytes"].get<qint64>(), QFileInfo(payload).size());
    QCOMPARE(json["payload_bits_per_weight"].get<double>(), 8 * payloadBytes / elements);
    QCOMPARE(json["total_bits_per_weight"].get<double>(), 8 * (payloadBytes + baseBytes) / elements);
    QVERIFY(json["sparsity"] >= 0.0 && json["sparsity"] <= 1.0);
    QVERIFY(json["peak_rss_bytes"].get<std::uint64_t>() > 1'000'000);
    // inspect says the same of what was written.
    const auto shown = runCli({"inspect", QString::fromStdString(json["out"].get<std::string>()), "--json"});
    COMPARE_STATUS(shown, 0);
    const auto totals = shown.json()["totals"];
    QVERIFY(totals["bits_per_weight"] == json["payload_bits_per_weight"]);
    QVERIFY(totals["total_bits_per_weight"] == json["total_bits_per_weight"]);
    QVERIFY(totals["base_file_bytes"] == json["base_bytes"]);
    QVERIFY(totals["file_bytes"] == json["payload_bytes"]);
  }

  void checkVerifyJson(const CliRun& run, std::uint64_t tensors, std::uint64_t elements) {
    COMPARE_STATUS(run, 0);
    const auto json = run.json();
    QCOMPARE(json["bit_exact"].get<bool>(), true);
    QCOMPARE(json["tensors"].get<std::uint64_t>(), tensors);
    QCOMPARE(json["elements_compared"].get<std::uint64_t>(), elements);
    QCOMPARE(json["elements_different"].get<std::uint64_t>(), 0u);
    QVERIFY(json["first_difference"].is_null());
  }

 private slots:
  void init() { QVERIFY(m_folder.isValid()); }
  void cleanup() {
    for (const auto& entry : fs::directory_iterator(m_folder.path().toStdString())) fs::remove_all(entry.path());
  }

  /// Of a packed model, a payload and an adapter's: what pack counts exactly, the estimate does too.
  void estimatesWithoutWriting_data() {
    QTest::addColumn<QStringList>("options");
    QTest::addColumn<QString>("out");
    QTest::newRow("quantized") << QStringList{"--final", m_chat, "--quantize", "fp4"} << "packed";
    QTest::newRow("forced codec") << QStringList{"--final", m_chat, "--quantize", "int8", "--codec", "zstd"} << "packed";
    QTest::newRow("adapter") << QStringList{"--base", m_chat, "--adapter", m_lora} << "lora.delta.safetensors";
  }
  void estimatesWithoutWriting() {
    QFETCH(QStringList, options);
    QFETCH(QString, out);
    const auto estimated = runCli(QStringList{"pack", "--estimate", "--json"} + options);
    COMPARE_STATUS(estimated, 0);
    const auto shown = runCli(QStringList{"pack", "--estimate", "--verbose", "--out", place(out)} + options);
    COMPARE_STATUS(shown, 0);
    QVERIFY(QDir(m_folder.path()).isEmpty());
    QVERIFY2(shown.out.contains("nothing was written") && shown.out.contains("payload, about"), shown.out.constData());
    const auto json = estimated.json();
    const auto packed = runCli(QStringList{"pack", "--json", "--out", place(out)} + options);
    COMPARE_STATUS(packed, 0);
    for (const char* key : {"tensors", "elements", "final_bytes"}) QVERIFY2(json[key] == packed.json()[key], key);
    const auto rows = runCli({"inspect", place(out), "--json"}).json()["tensors"];
    QCOMPARE(json["rows"].size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (const char* key : {"name", "shape", "dtype", "elements", "codec", "base", "base_bytes", "final_bytes"})
        QVERIFY2(json["rows"][i][key] == rows[i][key], rows[i].dump().c_str());
      QVERIFY(json["rows"][i]["estimates"].empty() == (rows[i]["codec"] == "identical"));
    }
  }

  void packedModelsComeBackExactly_data() {
    QTest::addColumn<QString>("options");
    const auto row = [](const char* options) { QTest::newRow(options) << options; };
    row("--quantize nf4");
    row("--quantize nf4 --scope all");
    row("--quantize nf4 --double-quant");
    row("--quantize nf4 --blocksize 32 --codec bitpack");
    row("--quantize nf4 --blocksize 4096 --codec entropy --chunks 3");
    row("--quantize nf4 --scope all --double-quant --codec zstd --zstd-level 1");
    row("--quantize nf4 --codec additive");
    row("--quantize nf4 --prefer speed --threads 1");
    row("--quantize fp4");
    row("--quantize fp4 --scope all --double-quant --codec bitpack --threads 3");
    row("--quantize int8");
    row("--quantize int8 --scope all --codec entropy");
    row("--quantize int8 --codec zstd");
  }
  void packedModelsComeBackExactly() {
    QFETCH(QString, options);
    const auto packed = runCli(QStringList{"pack", "--final", m_chat, "--out", place("packed"), "--json"} + options.split(' '));
    COMPARE_STATUS(packed, 0);
    const auto json = packed.json();
    checkPackJson(json, place("packed/model.delta.safetensors"));
    QCOMPARE(json["tensors"].get<int>(), 74);
    const std::uint64_t elements = json["elements"];
    QCOMPARE(json["final_bytes"].get<std::uint64_t>(), 2 * elements);

    checkVerifyJson(runCli({"verify", place("packed"), "--json", "--quiet"}), 74, elements);
    checkVerifyJson(runCli({"verify", place("packed"), "--final", m_chat, "--json", "--quiet"}), 74, elements);

    const auto unpacked = runCli({"unpack", place("packed"), "--out", place("back"), "--json"});
    COMPARE_STATUS(unpacked, 0);
    QCOMPARE(unpacked.json()["tensors"].get<int>(), 74);
    QCOMPARE(unpacked.json()["bytes"].get<std::uint64_t>(), 2 * elements);
    QCOMPARE(difference(m_chat.toStdString(), place("back").toStdString()), QString());
    QVERIFY(filesIn(place("back").toStdString()) == filesIn(m_chat.toStdString()));
    for (const char* file :
         {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"})
      QVERIFY2(take(readTextFile((place("back") + "/" + file).toStdString())) ==
                   take(readTextFile((m_chat + "/" + file).toStdString())),
               file);
  }

  void oneFileCanBeUnpacked() {
    COMPARE_STATUS(runCli({"pack", "--final", m_chat, "--quantize", "nf4", "--out", place("packed")}), 0);
    COMPARE_STATUS(runCli({"unpack", place("packed"), "--out", place("back.safetensors")}), 0);
    QCOMPARE(difference(m_chat.toStdString(), place("back.safetensors").toStdString()), QString());
  }

  void fineTunesComeBackExactly_data() {
    QTest::addColumn<QString>("codec");
    QTest::addColumn<unsigned>("stride");
    QTest::addColumn<DType>("type");
    const auto row = [](const char* codec, unsigned stride, DType type) {
      QTest::addRow("%s, every %u of %s", codec, stride, nameOf(type).data()) << codec << stride << type;
    };
    for (const char* codec : {"sparse", "entropy", "bitpack", "zstd", "additive"}) row(codec, 1, DType::BF16);
    for (const DType type : {DType::BF16, DType::F16, DType::F32})
      for (const unsigned stride : {1u, 50u}) row("auto", stride, type);
  }
  void fineTunesComeBackExactly() {
    QFETCH(QString, codec);
    QFETCH(unsigned, stride);
    QFETCH(DType, type);
    const auto base = smallLlama(type);
    std::vector<TensorData> final;
    for (const auto& tensor : base) final.push_back(nudged(tensor, stride));
    writeModel(place("base").toStdString(), base);
    writeModel(place("final").toStdString(), final, 3);
    const QString payload = place("tuned.delta.safetensors");
    const auto packed =
        runCli({"pack", "--base", place("base"), "--final", place("final"), "--codec", codec, "--out", payload, "--json"});
    COMPARE_STATUS(packed, 0);
    checkPackJson(packed.json(), payload);
    checkVerifyJson(runCli({"verify", payload, "--base", place("base"), "--final", place("final"), "--json"}), base.size(),
                    packed.json()["elements"]);
    COMPARE_STATUS(runCli({"unpack", payload, "--base", place("base"), "--out", place("back")}), 0);
    QCOMPARE(difference(place("final").toStdString(), place("back").toStdString()), QString());
    QVERIFY(filesIn(place("back").toStdString()) == filesIn(place("final").toStdString()));
  }

  void fineTunesOverAQuantizedBase() {
    COMPARE_STATUS(runCli({"pack", "--final", m_chat, "--quantize", "nf4", "--out", place("packed")}), 0);
    const QString payload = place("over.delta.safetensors");
    COMPARE_STATUS(runCli({"pack", "--base", place("packed"), "--final", m_chat, "--out", payload}), 0);
    COMPARE_STATUS(runCli({"verify", payload, "--base", place("packed"), "--final", m_chat}), 0);
    COMPARE_STATUS(runCli({"unpack", payload, "--base", place("packed"), "--out", place("back")}), 0);
    QCOMPARE(difference(m_chat.toStdString(), place("back").toStdString()), QString());
    const auto config = nlohmann::json::parse(take(readTextFile(place("back/config.json").toStdString())));
    QVERIFY(!config.contains("quantization_config"));
  }

  void adaptersBecomeDeltas() {
    const QString payload = place("lora.delta.safetensors");
    const auto packed = runCli({"pack", "--base", m_chat, "--adapter", m_lora, "--out", payload, "--json"});
    COMPARE_STATUS(packed, 0);
    checkPackJson(packed.json(), payload);
    const auto adapter = QFileInfo(m_lora + "/adapter_model.safetensors").size();
    QVERIFY2(packed.json()["payload_bytes"].get<double>() <=
                 1.02 * static_cast<double>(adapter) + packed.json()["companions"]["bytes"].get<double>(),
             packed.out);
    checkVerifyJson(runCli({"verify", payload, "--base", m_chat, "--json"}), 74, packed.json()["elements"]);
    COMPARE_STATUS(runCli({"unpack", payload, "--base", m_chat, "--out", place("merged")}), 0);

    // The merge as a final of its own: the factors still store it, without a single correction.
    const QString again = place("again.delta.safetensors");
    COMPARE_STATUS(runCli({"pack", "--base", m_chat, "--adapter", m_lora, "--final", place("merged"), "--out", again}), 0);
    COMPARE_STATUS(runCli({"verify", again, "--base", m_chat, "--final", place("merged")}), 0);
  }

  void otherFinalsAreToldApart() {
    COMPARE_STATUS(runCli({"pack", "--final", m_chat, "--quantize", "nf4", "--out", place("packed")}), 0);
    const std::string tensor = "model.layers.3.mlp.up_proj.weight";
    fs::copy(m_chat.toStdString(), place("other").toStdString());
    const auto checkpoint = take(Checkpoint::open(place("other").toStdString()));
    const auto* info = checkpoint.find(tensor);
    flipBit(checkpoint.fileOf(*info), info->offset + 2 * 1234);
    flipBit(checkpoint.fileOf(*info), info->offset + 2 * 100'000);
    const auto run = runCli({"verify", place("packed"), "--final", place("other"), "--json"});
    COMPARE_STATUS(run, 1);
    const auto json = run.json();
    QCOMPARE(json["bit_exact"].get<bool>(), false);
    QCOMPARE(json["elements_different"].get<int>(), 2);
    QCOMPARE(json["first_difference"]["tensor"].get<std::string>(), tensor);
    QCOMPARE(json["first_difference"]["index"].get<int>(), 1234);
    const auto text = runCli({"verify", place("packed"), "--final", place("other")});
    COMPARE_STATUS(text, 1);
    QVERIFY2(text.out.contains(QByteArray::fromStdString(tensor) + ": 2 differ, first at 1,234"), text.out);
  }

  void outputsAreNotReplacedUnasked() {
    const QStringList pack{"pack", "--final", m_chat, "--quantize", "nf4", "--out", place("packed")};
    COMPARE_STATUS(runCli(pack), 0);
    const auto before = take(readTextFile(place("packed/model.delta.safetensors").toStdString()));
    const auto refused = runCli(pack);
    COMPARE_STATUS(refused, 3);
    QVERIFY2(refused.err.contains("--overwrite"), refused.err);
    QVERIFY(take(readTextFile(place("packed/model.delta.safetensors").toStdString())) == before);
    COMPARE_STATUS(runCli(pack + QStringList{"--overwrite", "--codec", "zstd"}), 0);
    COMPARE_STATUS(runCli({"verify", place("packed")}), 0);

    const QStringList unpack{"unpack", place("packed"), "--out", place("back")};
    COMPARE_STATUS(runCli(unpack), 0);
    COMPARE_STATUS(runCli(unpack), 3);
    COMPARE_STATUS(runCli(unpack + QStringList{"--overwrite"}), 0);
    QCOMPARE(difference(m_chat.toStdString(), place("back").toStdString()), QString());
    QVERIFY(filesIn(m_folder.path().toStdString()).size() ==
            filesIn(place("packed").toStdString()).size() + filesIn(place("back").toStdString()).size() + 2);
  }

  /// Nothing that is no model's is ever deleted, and no input is overwritten.
  void overwritingIsCareful_data() {
    QTest::addColumn<QString>("out");
    QTest::addColumn<QString>("says");
    QTest::newRow("other files") << "mine"
                                 << "holds notes.txt, which is no part of a model";
    QTest::newRow("the input itself") << "packed"
                                      << "overlaps the input";
    QTest::newRow("the input, by another name") << "./packed/../packed/"
                                                << "overlaps the input";
  }
  void overwritingIsCareful() {
    QFETCH(QString, out);
    QFETCH(QString, says);
    COMPARE_STATUS(runCli({"pack", "--final", m_chat, "--quantize", "int8", "--out", place("packed")}), 0);
    fs::create_directories(place("mine").toStdString());
    take(writeTextFile(place("mine/notes.txt").toStdString(), "years of work"));
    const auto before = filesIn(m_folder.path().toStdString());
    const auto run = runCli({"unpack", "packed", "--out", out, "--overwrite"}, m_folder.path());
    COMPARE_STATUS(run, 3);
    QVERIFY2(run.err.contains(says.toUtf8()), run.err);
    QVERIFY(filesIn(m_folder.path().toStdString()) == before);
    COMPARE_STATUS(runCli({"verify", place("packed")}), 0);
  }

  void quietSaysNothingAndPlainLinesAreFew() {
    const QStringList pack{"pack", "--final", m_chat, "--quantize", "nf4", "--out", place("packed"), "--overwrite"};
    const auto loud = runCli(pack);
    QVERIFY(!loud.errorLines().isEmpty());
    QVERIFY2(loud.errorLines().size() < 20, loud.err);
    QVERIFY2(!loud.err.contains('\r') && !loud.err.contains('\x1b'), "a bar without a terminal");
    const auto quiet = runCli(pack + QStringList{"--quiet"});
    COMPARE_STATUS(quiet, 0);
    QVERIFY2(quiet.err.isEmpty(), quiet.err);
  }

  void numbersAreTheSameInEveryLocale() {
    auto german = QProcessEnvironment::systemEnvironment();
    for (const char* name : {"LC_ALL", "LANG", "LC_NUMERIC"}) german.insert(name, "de_DE.UTF-8");
    const auto a = runCli({"inspect", m_chat, "--csv"}), b = runCli({"inspect", m_chat, "--csv"}, {}, {}, german);
    COMPARE_STATUS(b, 0);
    QCOMPARE(a.out, b.out);
  }

  void hubIdsAreFoundInTheCache() {
    const fs::path snapshot = place("hub/models--org--demo/snapshots/abc").toStdString();
    fs::create_directories(snapshot.parent_path().parent_path() / "refs");
    take(writeTextFile(snapshot.parent_path().parent_path() / "refs/main", "abc"));
    writeModel(snapshot, smallLlama());
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert("HF_HUB_CACHE", place("hub"));
    const auto found = runCli({"inspect", "org/demo", "--json"}, m_folder.path(), {}, environment);
    COMPARE_STATUS(found, 0);
    QCOMPARE(found.json()["totals"]["tensors"].get<std::size_t>(), smallLlama().size());
    const auto missing = runCli({"inspect", "org/other", "--json"}, m_folder.path(), {}, environment);
    COMPARE_STATUS(missing, 3);
    QVERIFY2(missing.err.contains("download"), missing.err);
  }
};

QTEST_GUILESS_MAIN(TestCliJobs)
#include "test_cli_jobs.moc"
