// SPDX-License-Identifier: Apache-2.0
// What pack and unpack write can be read again, or has no name.
#include <csignal>

#include <sys/resource.h>

#include "core/pack/shards.h"
#include "tests/core/models/pack_helpers.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

/// The file of that name in a hidden place, while the job runs.
fs::path hiddenFile(const fs::path& folder, const std::string& name) {
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().filename() == name && entry.path().string().find("/.") != std::string::npos) return entry.path();
  return {};
}

/// A limit on the size of files fails as a full disk does.
template <class Job>
auto withSmallFiles(rlim_t bytes, const Job& job) {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  rlimit small = old;
  small.rlim_cur = bytes;
  ::setrlimit(RLIMIT_FSIZE, &small);
  auto result = job();
  ::setrlimit(RLIMIT_FSIZE, &old);
  return result;
}

}  // namespace

class TestWritten : public QObject {
  Q_OBJECT
 private slots:
  void shardsGetNamesThatAreReadAgain_data() {
    QTest::addColumn<QStringList>("files");
    QTest::addColumn<QStringList>("names");
    const QStringList whole{"model.safetensors"};
    QTest::newRow("usual") << whole << whole;
    QTest::newRow("a name of its own") << QStringList{"my weights.safetensors"} << QStringList{"my weights.safetensors"};
    QTest::newRow("torch.save") << QStringList{"pytorch_model.bin"} << whole;
    QTest::newRow("Meta's") << QStringList{"consolidated.00.pth"} << whole;
    QTest::newRow("no ending") << QStringList{"weights"} << whole;
    QTest::newRow("another ending") << QStringList{"model.safetensors.1"} << whole;
    QTest::newRow("hidden") << QStringList{".weights.safetensors"} << whole;
    QTest::newRow("a payload's") << QStringList{"tuned.delta.safetensors"} << whole;
    QTest::newRow("a line break") << QStringList{"a\nb.safetensors"} << whole;
    QTest::newRow("one shard of several") << QStringList{"model-00002-of-00003.safetensors"} << whole;
    const QStringList two{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
    QTest::newRow("shards") << two << two;
    QTest::newRow("torch shards") << QStringList{"pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"} << two;
    QTest::newRow("natural order") << QStringList{"w.10.pth", "w.9.pth"} << QStringList{two[1], two[0]};
    QTest::newRow("names of their own") << QStringList{"a.safetensors", "b c.safetensors"}
                                        << QStringList{"a.safetensors", "b c.safetensors"};
    QTest::newRow("one odd") << QStringList{"a.safetensors", "b.bin"} << two;
    QTest::newRow("in folders") << QStringList{"a/w.safetensors", "b/w.safetensors"} << two;
    QTest::newRow("in case alone") << QStringList{"W.safetensors", "w.safetensors"} << two;
    QTest::newRow("one that stands for all") << QStringList{"extra.safetensors", "model.safetensors"} << two;
  }
  void shardsGetNamesThatAreReadAgain() {
    QFETCH(QStringList, files);
    QFETCH(QStringList, names);
    std::vector<fs::path> paths;
    for (const QString& file : files) paths.emplace_back(file.toStdString());
    QStringList found;
    for (const auto& name : shardNames(paths)) found << QString::fromStdString(name);
    QCOMPARE(found, names);
  }

  void finalsOfEveryNameComeBack_data() {
    QTest::addColumn<QString>("file");  // torch's own, or our safetensors under this name
    QTest::addColumn<bool>("asFolder");
    QTest::addColumn<bool>("quantize");
    for (const bool quantize : {true, false}) {
      const auto row = [&](const char* file, bool folder) {
        QTest::newRow(qPrintable(QString("%1, %2, %3").arg(file, folder ? "folder" : "file", quantize ? "nf4" : "over a base")))
            << QString(file) << folder << quantize;
      };
      row("pytorch_model.bin", true);
      row("consolidated.00.pth", false);
      row("weights", false);
      row("a b.safetensors", true);
      row(".hidden.safetensors", false);
      row("model-00001-of-00003.safetensors", false);
      row("x.delta.safetensors", false);
    }
  }
  void finalsOfEveryNameComeBack() {
    QFETCH(QString, file);
    QFETCH(bool, asFolder);
    QFETCH(bool, quantize);
    const Workspace space;
    const fs::path folder = space.at("final"), path = folder / file.toStdString();
    fs::create_directories(folder);
    const bool torch = path.extension() == ".bin" || path.extension() == ".pth";
    if (torch)
      fs::copy_file(fs::path(DELTASCOPE_TEST_DATA) / "checkpoint/torch_state_dict.pth", path);
    else
      writeFile(path, smallLlama());
    PackRequest request;
    request.final = asFolder ? folder : path;
    request.out = space.at(quantize ? "packed" : "p.delta.safetensors");
    request.verify = true;
    if (quantize)
      request.quantize = QuantFormat::Nf4;
    else
      request.base = request.final;
    QVERIFY(take(pack(request, {})).verified);
    QCOMPARE(roundTripProblem(space, request.out, request.base, request.final), QString());
  }

  void aDamagedOutputGetsNoName_data() {
    QTest::addColumn<bool>("quantize");
    QTest::addColumn<QString>("file");
    QTest::newRow("payload") << false << "out.delta.safetensors";
    QTest::newRow("packed model's payload") << true << "model.delta.safetensors";
    QTest::newRow("packed model's base") << true << "base.safetensors";
  }
  void aDamagedOutputGetsNoName() {
    QFETCH(bool, quantize);
    QFETCH(QString, file);
    const TunedModel model(CodecId::Zstd);
    PackRequest request;
    request.final = model.at("final");
    request.out = model.at(quantize ? "out" : "out.delta.safetensors");
    request.verify = true;
    if (quantize)
      request.quantize = QuantFormat::Nf4;
    else
      request.base = model.at("base");
    const auto before = model.files();
    bool damaged = false;
    JobContext job;
    job.progress = [&](const Progress& progress) {
      if (damaged || progress.phase != "verifying") return;
      const auto hidden = hiddenFile(model.at(""), file.toStdString());
      const auto info = *take(SafetensorsFile::open(hidden)).find("model.layers.0.self_attn.q_proj.weight");
      flipBit(hidden, info.offset + info.bytes / 2);
      damaged = true;
    };
    const auto result = pack(request, job);
    QVERIFY(damaged);
    QVERIFY(!result);
    const auto message = describe(result.error());
    QVERIFY2(message.find("/.") == std::string::npos, message.c_str());  // files are named where they would be
    QCOMPARE(model.files(), before);
  }

  void aDamagedUnpackGetsNoName_data() {
    QTest::addColumn<QString>("out");
    QTest::addColumn<QString>("file");
    QTest::newRow("folder") << "back"
                            << "model-00002-of-00003.safetensors";
    QTest::newRow("file") << "back.safetensors"
                          << "back.safetensors";
  }
  void aDamagedUnpackGetsNoName() {
    QFETCH(QString, out);
    QFETCH(QString, file);
    const TunedModel model;
    UnpackRequest request;
    request.path = model.payload();
    request.base = model.at("base");
    request.out = model.at(out.toStdString());
    request.verify = true;
    const auto before = model.files();
    bool damaged = false;
    JobContext job;
    job.progress = [&](const Progress& progress) {
      if (damaged || progress.phase != "reading back") return;
      const auto hidden = hiddenFile(model.at(""), file.toStdString());
      flipBit(hidden, fs::file_size(hidden) - 1);
      damaged = true;
    };
    const auto result = unpack(request, job);
    QVERIFY(damaged);
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Mismatch);
    QVERIFY2(result.error().message.find("not those that were written") != std::string::npos, result.error().message.c_str());
    QCOMPARE(model.files(), before);
  }

  void aFullDiskLeavesNothingUnpacked_data() {
    QTest::addColumn<QString>("out");
    QTest::addColumn<int>("limit");
    for (const int limit : {10, 1'000, 30'000}) {
      QTest::newRow(qPrintable(QString("folder, %1").arg(limit))) << "back" << limit;
      QTest::newRow(qPrintable(QString("file, %1").arg(limit))) << "back.safetensors" << limit;
    }
  }
  void aFullDiskLeavesNothingUnpacked() {
    QFETCH(QString, out);
    QFETCH(int, limit);
    const TunedModel model;
    const auto before = model.files();
    UnpackRequest request;
    request.path = model.payload();
    request.base = model.at("base");
    request.out = model.at(out.toStdString());
    const auto result = withSmallFiles(static_cast<rlim_t>(limit), [&] { return unpack(request, {}); });
    QVERIFY(!result);
    QVERIFY2(result.error().code == ErrorCode::DiskFull, result.error().message.c_str());
    QCOMPARE(model.files(), before);
  }

  void whatAKilledJobLeftIsInNobodysWay() {
    const TunedModel model;
    PackRequest request;
    request.final = model.at("final");
    request.quantize = QuantFormat::Nf4;
    request.out = model.at("out");
    request.overwrite = true;
    take(pack(request, {}));
    for (const char* name : {".out.new", ".out.abcdefghij.part"}) {
      fs::create_directory(model.at(name));
      take(writeTextFile(model.at(name) / "rest", "x"));
    }
    take(pack(request, {}));
    QVERIFY(take(verify({.path = model.at("out"), .base = {}, .final = model.at("final"), .device = "cpu", .onTensor = {}}, {}))
                .bitExact);
  }
};

QTEST_APPLESS_MAIN(TestWritten)
#include "test_written.moc"
