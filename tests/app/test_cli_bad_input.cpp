// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <QTemporaryDir>

#include "core/payload/payload.h"
#include "tests/app/run_cli.h"
#include "tests/core/models/small_model.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

const char* const kUp = "model.layers.1.mlp.up_proj.weight";

void resize(const fs::path& path, std::int64_t change) {
  fs::resize_file(path, static_cast<std::uint64_t>(static_cast<std::int64_t>(fs::file_size(path)) + change));
}

/// A safetensors file with this header and `data` zero bytes.
void writeHeader(const fs::path& path, const std::string& header, std::size_t data, std::uint64_t claimed = 0) {
  std::string text;
  const std::uint64_t size = claimed ? claimed : header.size();
  for (int i = 0; i < 8; ++i) text += static_cast<char>(size >> (8 * i) & 0xff);
  take(writeTextFile(path, text + header + std::string(data, '\0')));
}

/// JSON written with single quotes: moc loses its way in escaped and raw strings.
std::string json(std::string text) {
  std::ranges::replace(text, '\'', '"');
  return text;
}

std::string twoTensors(const std::string& first, const std::string& second) {
  return json("{'a':{'dtype':'F16','shape':[8],'data_offsets':" + first +
              "},'b':{'dtype':'F16','shape':[8],'data_offsets':" + second + "}}");
}

}  // namespace

/// Each fault, through the real program: status, one line that names file and tensor, nothing written, no input touched.
class TestCliBadInput : public QObject {
  Q_OBJECT
  QTemporaryDir m_ready, m_folder;
  fs::path place(const std::string& name) const { return fs::path(m_folder.path().toStdString()) / name; }

  CliRun run(const QString& arguments, const std::function<void()>& prepare = {}) const {
    return runCli(arguments.split(' '), m_folder.path(), prepare);
  }

  std::uint64_t chunkOffset(const std::string& payload, const std::string& tensor) const {
    const auto file = take(SafetensorsFile::open(place(payload)));
    const auto opened = take(Payload::open(place(payload)));
    return file.find(tensor)->offset + take(opened.chunks(*opened.find(tensor))).back().begin;
  }

  /// What every row of the tables promises.
  void expectRefusal(const CliRun& result, int status, const QStringList& says, const std::vector<std::string>& before) const {
    COMPARE_STATUS(result, status);
    const auto lines = result.errorLines().filter("deltascope-cli: ");
    QVERIFY2(lines.size() == 1, result.err);
    for (const QString& text : says) QVERIFY2(lines.front().contains(text), qPrintable(lines.front() + " lacks: " + text));
    QVERIFY2(result.out.isEmpty(), result.out);
    QVERIFY2(filesIn(m_folder.path().toStdString()) == before, "something was written");
  }

 private slots:
  /// chat (3 shards), tuned, packed (nf4), tuned.delta.safetensors over chat.
  void initTestCase() {
    const fs::path ready = m_ready.path().toStdString();
    const auto base = smallLlama();
    std::vector<TensorData> final;
    for (const auto& tensor : base) final.push_back(nudged(tensor, 3));
    writeModel(ready / "chat", base, 3);
    writeModel(ready / "tuned", final);
    COMPARE_STATUS(
        runCli({"pack", "--final", "chat", "--quantize", "nf4", "--codec", "entropy", "--out", "packed"}, m_ready.path()), 0);
    COMPARE_STATUS(runCli({"pack", "--base", "chat", "--final", "tuned", "--out", "tuned.delta.safetensors"}, m_ready.path()),
                   0);
  }
  void init() {
    for (const auto& entry : fs::directory_iterator(place(""))) fs::remove_all(entry.path());
    fs::copy(m_ready.path().toStdString(), place(""), fs::copy_options::recursive);
  }

  void checkpointsAreRefused_data() {
    QTest::addColumn<std::function<void(const fs::path&)>>("damage");
    QTest::addColumn<QStringList>("says");
    const auto row = [](const char* name, std::function<void(const fs::path&)> damage, QStringList says) {
      QTest::newRow(name) << std::move(damage) << says;
    };
    const char* kShard = "model-00002-of-00003.safetensors";
    row("truncated shard", [=](const fs::path& f) { resize(f / kShard, -1); }, {kShard, "incomplete"});
    row("trailing byte", [=](const fs::path& f) { resize(f / kShard, 1); }, {kShard, "offset"});
    row("empty shard", [=](const fs::path& f) { fs::resize_file(f / kShard, 0); }, {kShard});
    row("missing shard", [=](const fs::path& f) { fs::remove(f / kShard); }, {kShard, "missing"});
    row("shard is a folder",
        [=](const fs::path& f) {
          fs::remove(f / kShard);
          fs::create_directory(f / kShard);
        },
        {kShard});
    row("unreadable shard",  // a link to itself: unreadable for root too
        [=](const fs::path& f) {
          fs::remove(f / kShard);
          fs::create_symlink(kShard, f / kShard);
        },
        {kShard});
    row("header of absurd size", [=](const fs::path& f) { writeHeader(f / kShard, "{}", 0, 1ull << 60); }, {kShard});
    row("header is not JSON", [=](const fs::path& f) { writeHeader(f / kShard, json("{'a':"), 0); }, {kShard});
    row("overlapping tensors", [=](const fs::path& f) { writeHeader(f / kShard, twoTensors("[0,16]", "[8,24]"), 24); },
        {kShard, "tensor b"});
    row("a hole between tensors", [=](const fs::path& f) { writeHeader(f / kShard, twoTensors("[0,16]", "[20,36]"), 36); },
        {kShard, "tensor b"});
    row("shape overflows",
        [=](const fs::path& f) {
          writeHeader(f / kShard, json("{'a':{'dtype':'F32','shape':[4294967296,4294967296,16],'data_offsets':[0,4]}}"), 4);
        },
        {kShard, "tensor a"});
    row("duplicate name in a file",
        [=](const fs::path& f) {
          writeHeader(
              f / kShard,
              json("{'a':{'dtype':'U8','shape':[1],'data_offsets':[0,1]},'a':{'dtype':'U8','shape':[1],'data_offsets':[1,2]}}"),
              2);
        },
        {kShard, "a"});
    const auto index = [](const fs::path& f, const std::string& shard) {
      take(writeTextFile(f / "model.safetensors.index.json", json("{'weight_map':{'counter':'" + shard + "'}}")));
    };
    row("index leads outside", [=](const fs::path& f) { index(f, "../tuned/model.safetensors"); },
        {"model.safetensors.index.json"});
    row("index names an absolute path", [=](const fs::path& f) { index(f, "/etc/passwd"); }, {"model.safetensors.index.json"});
    row("index is not JSON", [](const fs::path& f) { take(writeTextFile(f / "model.safetensors.index.json", "{")); },
        {"model.safetensors.index.json"});
  }
  void checkpointsAreRefused() {
    QFETCH(std::function<void(const fs::path&)>, damage);
    QFETCH(QStringList, says);
    damage(place("chat"));
    const auto before = filesIn(m_folder.path().toStdString());
    for (const char* arguments :
         {"inspect chat", "pack --final chat --quantize nf4 --out new",
          "pack --base chat --final tuned --out new.delta.safetensors", "verify tuned.delta.safetensors --base chat",
          "verify packed --final chat", "unpack tuned.delta.safetensors --base chat --out new"})
      expectRefusal(run(arguments), 3, says, before);
  }

  void payloadsAreRefused_data() {
    QTest::addColumn<std::function<void(const fs::path&)>>("damage");
    QTest::addColumn<QStringList>("says");
    const auto row = [](const char* name, std::function<void(const fs::path&)> damage, QStringList says) {
      QTest::newRow(name) << std::move(damage) << says;
    };
    const QString file = "packed/model.delta.safetensors";
    row("truncated", [](const fs::path& f) { resize(f, -16); }, {file, "incomplete"});
    row("cut to 7 bytes", [](const fs::path& f) { fs::resize_file(f, 7); }, {file});
    row("empty", [](const fs::path& f) { fs::resize_file(f, 0); }, {file});
    row("manifest changed",
        [](const fs::path& f) {
          auto text = take(readTextFile(f));
          text.replace(text.find("BF16"), 4, "BF17");
          take(writeTextFile(f, text));
        },
        {file, "manifest"});
    row("no payload at all", [](const fs::path& f) { writeHeader(f, "{}", 0); }, {file, "not a delta payload"});
    row("text", [](const fs::path& f) { take(writeTextFile(f, "<!DOCTYPE html><html></html>")); }, {file});
  }
  void payloadsAreRefused() {
    QFETCH(std::function<void(const fs::path&)>, damage);
    QFETCH(QStringList, says);
    damage(place("packed/model.delta.safetensors"));
    const auto before = filesIn(m_folder.path().toStdString());
    for (const char* arguments : {"inspect packed", "verify packed", "unpack packed --out new"})
      expectRefusal(run(arguments), 3, says, before);
  }

  void aDamagedChunkFailsItsTensorAlone() {
    const auto offset = chunkOffset("packed/model.delta.safetensors", kUp);
    flipBit(place("packed/model.delta.safetensors"), offset + 5);
    const auto before = filesIn(m_folder.path().toStdString());
    const auto verified = run("verify packed --json");
    COMPARE_STATUS(verified, 1);
    const auto json = verified.json();
    QCOMPARE(json["bit_exact"].get<bool>(), false);
    QCOMPARE(json["tensors"].get<std::size_t>(), smallLlama().size());
    QCOMPARE(json["failures"].size(), 1u);
    QCOMPARE(json["failures"][0]["tensor"].get<std::string>(), kUp);
    const auto problem = json["failures"][0]["problem"].get<std::string>();
    QVERIFY2(problem.find("packed/model.delta.safetensors") != std::string::npos, problem.c_str());
    QVERIFY2(problem.find("offset " + std::to_string(offset)) != std::string::npos, problem.c_str());
    const auto text = run("verify packed");
    COMPARE_STATUS(text, 1);
    QVERIFY2(text.out.contains(QByteArray(kUp) + ": not bit-exact: "), text.out);
    expectRefusal(run("unpack packed --out new"), 3, {kUp, QString("offset %1").arg(offset), "checksum"}, before);
    expectRefusal(run("unpack packed --out new.safetensors"), 3, {kUp, QString("offset %1").arg(offset), "checksum"}, before);
  }

  void wrongBasesAreNamed_data() {
    QTest::addColumn<std::function<void(TestCliBadInput*)>>("prepare");
    QTest::addColumn<QStringList>("says");
    const auto row = [](const char* name, std::function<void(TestCliBadInput*)> prepare, QStringList says) {
      QTest::newRow(name) << std::move(prepare) << says;
    };
    row("other weights", [](TestCliBadInput* t) { writeModel(t->place("base"), smallLlama(DType::BF16, 2)); },
        {"model.safetensors", "counter", "another base"});
    row("one bit of one tensor",
        [](TestCliBadInput* t) {
          writeModel(t->place("base"), smallLlama());
          const auto checkpoint = take(Checkpoint::open(t->place("base")));
          flipBit(t->place("base/model.safetensors"), checkpoint.find(kUp)->offset + 77);
        },
        {"model.safetensors", kUp, "another base"});
    row("a tensor is missing",
        [](TestCliBadInput* t) {
          auto tensors = smallLlama();
          std::erase_if(tensors, [](const auto& tensor) { return tensor.spec.name == kUp; });
          writeModel(t->place("base"), tensors);
        },
        {kUp, "no such tensor"});
    row("another shape",
        [](TestCliBadInput* t) {
          auto tensors = smallLlama();
          for (auto& tensor : tensors)
            if (tensor.spec.name == kUp) std::swap(tensor.spec.shape[0], tensor.spec.shape[1]);
          writeModel(t->place("base"), tensors);
        },
        {kUp, "64 × 192", "192 × 64"});
    row("another type", [](TestCliBadInput* t) { writeModel(t->place("base"), smallLlama(DType::F32)); },
        {"model.embed_tokens.weight"});
    row("quantized", [](TestCliBadInput* t) { fs::copy(t->place("packed"), t->place("base")); }, {"down_proj", "nf4"});
  }
  void wrongBasesAreNamed() {
    QFETCH(std::function<void(TestCliBadInput*)>, prepare);
    QFETCH(QStringList, says);
    prepare(this);
    const auto before = filesIn(m_folder.path().toStdString());
    expectRefusal(run("verify tuned.delta.safetensors --base base"), 3, says, before);
    expectRefusal(run("unpack tuned.delta.safetensors --base base --out new"), 3, says, before);
  }

  void requestsThatCannotBeDoneAreRefused_data() {
    QTest::addColumn<QString>("arguments");
    QTest::addColumn<QStringList>("says");
    const auto row = [](const char* arguments, QStringList says) { QTest::newRow(arguments) << arguments << says; };
    row("verify tuned.delta.safetensors", {"tuned.delta.safetensors", "--base"});
    row("unpack tuned.delta.safetensors --out new", {"tuned.delta.safetensors", "--base"});
    row("verify chat", {"chat", "plain checkpoint"});
    row("verify absent", {"absent"});
    row("verify packed --final absent", {"absent"});
    row("verify packed --device cuda:0", {"cuda:0"});
    row("unpack packed --out absent/new", {"absent"});
    row("unpack packed --out packed", {"packed", "input"});
    row("unpack packed --out . --overwrite", {"overlaps the input"});
    row("unpack tuned.delta.safetensors --base chat --out chat/model-00002-of-00003.safetensors --overwrite",
        {"overlaps the input"});
    row("unpack tuned.delta.safetensors --base chat/model.safetensors.index.json --out chat --overwrite",
        {"overlaps the input"});
    row("unpack packed --out chat", {"chat", "exists already"});
    row("unpack packed --out packed/base.safetensors --overwrite", {"packed/base.safetensors", "input"});
    row("pack --final chat --quantize nf4 --out chat --overwrite", {"chat", "input"});
    row("pack --final chat --base packed/config.json --out new.delta.safetensors", {"config.json"});
    row("pack --base chat --adapter tuned --out new.delta.safetensors", {"tuned"});
  }
  void requestsThatCannotBeDoneAreRefused() {
    QFETCH(QString, arguments);
    QFETCH(QStringList, says);
    const auto before = filesIn(m_folder.path().toStdString());
    expectRefusal(run(arguments), 3, says, before);
  }

  void fullDisksLeaveNothing_data() {
    QTest::addColumn<QString>("arguments");
    for (const char* arguments :
         {"pack --final chat --quantize nf4 --out new", "pack --base chat --final tuned --out new.delta.safetensors",
          "unpack packed --out new", "unpack packed --out new.safetensors", "synth --arch smollm2-135m --layers 1 --out new"})
      QTest::newRow(arguments) << arguments;
  }
  void fullDisksLeaveNothing() {
    QFETCH(QString, arguments);
    const auto before = filesIn(m_folder.path().toStdString());
    const auto limited = run(arguments + " --quiet", [] {
      const rlimit limit{2'000, 2'000};
      setrlimit(RLIMIT_FSIZE, &limit);
    });
    expectRefusal(limited, 3, {"new"}, before);
  }

  void namesCannotSteerTheTerminal() {
    writeModel(place("evil"), {randomTensor("a\x1b[2J\nb", DType::BF16, {4}, 1)});
    const auto listed = run("inspect evil");
    COMPARE_STATUS(listed, 0);
    QVERIFY2(!listed.out.contains('\x1b'), "an escape sequence reached the terminal");
    const auto json = run("inspect evil --json").json();
    QCOMPARE(json["tensors"][0]["name"].get<std::string>(), "a\x1b[2J\nb");
  }
};

QTEST_GUILESS_MAIN(TestCliBadInput)
#include "test_cli_bad_input.moc"
