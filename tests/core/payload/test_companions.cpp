// SPDX-License-Identifier: Apache-2.0
#include "tests/core/payload/payload_files.h"

using namespace deltascope;
using namespace deltascope::test;
using nlohmann::json;

namespace {

struct File {
  std::string path;
  std::vector<std::byte> bytes;
};

std::vector<std::byte> bytesOf(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// Text that shrinks, bytes that do not, nothing, a name in a folder, and more zeros than zstd's blocks hold.
std::vector<File> someFiles() {
  std::string vocabulary;
  for (int i = 0; i < 5000; ++i) vocabulary += "\"token" + std::to_string(i) + "\": " + std::to_string(i) + ",\n";
  return {{"tokenizer.json", bytesOf(vocabulary)},
          {"assets/image.png", randomBytes(1000, 3)},
          {"LICENSE", {}},
          {"additional_chat_templates/tool_use.jinja", bytesOf("{{ x }}")},
          {"ünïcode ☃.txt", bytesOf("y")},
          {"zeros.bin", std::vector<std::byte>(5'000'000)}};
}

fs::path in(const QTemporaryDir& folder, const char* name) { return fs::path(folder.path().toStdString()) / name; }

/// The small payload with `files` between its tensors.
fs::path writeWith(const QTemporaryDir& folder, const std::vector<File>& files, const char* name = "with.delta.safetensors") {
  auto plan = smallPlan();
  for (const auto& file : files) {
    Companion companion;
    companion.path = file.path;
    companion.bytes = file.bytes.size();
    plan.manifest.companions.push_back(companion);
  }
  const auto rows = plan.manifest.tensors;
  auto writer = take(PayloadWriter::create(in(folder, name), std::move(plan)));
  take(writer.writeModel(0, tinyLowRank()->serialize()));
  for (std::size_t i = 0; i < files.size(); i += 2) take(writer.writeCompanion(i, files[i].bytes));
  fillTensors(writer, rows);
  for (std::size_t i = 1; i < files.size(); i += 2) take(writer.writeCompanion(i, files[i].bytes));
  take(writer.commit());
  return in(folder, name);
}

std::function<void(json&)> inRow(std::size_t row, const std::function<void(json&)>& edit) {
  return inMetadata("deltascope.companions", [row, edit](json& rows) { edit(rows[row]); });
}

}  // namespace

Q_DECLARE_METATYPE(std::function<void(nlohmann::json&)>)

class TestCompanions : public QObject {
  Q_OBJECT
 private slots:
  void comeBackByteForByte();
  void areCompressedWhereThatHelps();
  void needVersionTwoAndNothingElseDoes();
  void accountForEveryByte();
  void takePaths_data();
  void takePaths();
  void refuseNeighbours_data();
  void refuseNeighbours();
  void mustAllBeWritten();
  void refusesLists_data();
  void refusesLists();
  void noticesEveryFlippedByte();
};

void TestCompanions::comeBackByteForByte() {
  QTemporaryDir folder;
  const auto files = someFiles();
  const auto payload = take(Payload::open(writeWith(folder, files)));
  QCOMPARE(payload.companions().size(), files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Companion& companion = payload.companions()[i];
    QCOMPARE(companion.path, files[i].path);
    QCOMPARE(companion.bytes, files[i].bytes.size());
    QVERIFY(companion.hash == hash128(files[i].bytes));
    QCOMPARE(take(payload.readCompanion(companion)), files[i].bytes);
  }
  Companion other;
  other.path = "absent";
  QCOMPARE(payload.readCompanion(other).error().code, ErrorCode::NotFound);
  for (const auto& tensor : payload.tensors()) take(payload.chunks(tensor));
}

void TestCompanions::areCompressedWhereThatHelps() {
  QTemporaryDir folder;
  const auto payload = take(Payload::open(writeWith(folder, someFiles())));
  const auto& all = payload.companions();
  QVERIFY(all[0].compressed && all[0].storedBytes < all[0].bytes / 2);
  QVERIFY(!all[1].compressed && all[1].storedBytes == 16 + 1008);
  QVERIFY(!all[2].compressed && all[2].storedBytes == 16);
  QVERIFY(all[5].compressed && all[5].storedBytes < 1000);
}

void TestCompanions::needVersionTwoAndNothingElseDoes() {
  QTemporaryDir folder;
  QCOMPARE(take(Payload::open(writeWith(folder, someFiles()))).version(), 2);
  const auto plain = writeWith(folder, {}, "plain.delta.safetensors");
  QCOMPARE(take(Payload::open(plain)).version(), 1);
  QVERIFY(!take(SafetensorsFile::open(plain)).header().metadata.contains("deltascope.companions"));
}

void TestCompanions::accountForEveryByte() {
  QTemporaryDir folder;
  const auto path = writeWith(folder, someFiles());
  const auto payload = take(Payload::open(path));
  std::uint64_t stored = payload.headerBytes();
  for (const auto& tensor : payload.tensors()) stored += tensor.storedBytes;
  for (const auto& companion : payload.companions()) stored += companion.storedBytes;
  QCOMPARE(stored, fs::file_size(path));
}

void TestCompanions::takePaths_data() {
  QTest::addColumn<QByteArray>("path");
  QTest::addColumn<bool>("good");
  const auto add = [](const char* name, QByteArray path, bool good) { QTest::newRow(name) << path << good; };
  add("a file", "config.json", true);
  add("in folders", "a/b/c.txt", true);
  add("hidden", ".gitattributes", true);
  add("dots within", "a..b/c...", true);
  add("a space", "a b", true);
  add("other letters", "模板.jinja", true);
  add("nothing", "", false);
  add("absolute", "/etc/passwd", false);
  add("a folder", "a/", false);
  add("an empty part", "a//b", false);
  add("this folder", "./a", false);
  add("the folder above", "a/../b", false);
  add("only the folder above", "..", false);
  add("a backslash", "a\\b", false);
  add("NUL", QByteArray("a\0b", 3), false);
  add("a line feed", "a\nb", false);
  add("escape", "\x1b[2J", false);
  add("delete", "a\x7f", false);
  add("a control character beyond ASCII",
      "a\xC2\x9B"
      "b",
      false);
  add("a letter beyond those",
      "a\xC2\xA0"
      "b",
      true);
  add("git's own folder", "x/.Git/config", false);
  add("a long part", QByteArray(256, 'a'), false);
  add("a part as long as may be", QByteArray(255, 'a'), true);
  add("a long path", (QByteArray(200, 'a') + '/').repeated(6) + "a", false);
}

void TestCompanions::takePaths() {
  QFETCH(QByteArray, path);
  QFETCH(bool, good);
  QCOMPARE(isCompanionPath(path.toStdString()), good);
  QTemporaryDir folder;
  auto plan = smallPlan();
  plan.manifest.companions.resize(1);
  plan.manifest.companions[0].path = path.toStdString();
  const auto writer = PayloadWriter::create(in(folder, "p.delta.safetensors"), std::move(plan));
  QCOMPARE(writer.has_value(), good);
  if (!good) QCOMPARE(writer.error().code, ErrorCode::InvalidArgument);
}

void TestCompanions::refuseNeighbours_data() {
  QTest::addColumn<QStringList>("paths");
  QTest::addColumn<int>("bad");
  QTest::newRow("apart") << QStringList{"a", "b/a", "b/c"} << -1;
  QTest::newRow("twice") << QStringList{"a", "b", "a"} << 2;
  QTest::newRow("twice but for case") << QStringList{"README.md", "readme.MD"} << 1;
  QTest::newRow("a file, then its folder") << QStringList{"a", "a/b"} << 1;
  QTest::newRow("a folder, then its file") << QStringList{"A/b/c", "a/B"} << 1;
  QTest::newRow("a shard") << QStringList{"x", "Model-1.safetensors"} << 1;
  QTest::newRow("a folder named as a shard") << QStringList{"model-1.safetensors/x"} << 0;
}

void TestCompanions::refuseNeighbours() {
  QFETCH(QStringList, paths);
  QFETCH(int, bad);
  std::vector<Companion> companions;
  for (const auto& path : paths) companions.emplace_back().path = path.toStdString();
  const auto found = firstMisplaced(companions, {"model-1.safetensors", "model-2.safetensors"});
  QCOMPARE(found ? static_cast<int>(*found) : -1, bad);
}

void TestCompanions::mustAllBeWritten() {
  QTemporaryDir folder;
  auto plan = smallPlan();
  plan.manifest.companions.resize(1);
  plan.manifest.companions[0].path = "a";
  plan.manifest.companions[0].bytes = 3;
  const auto rows = plan.manifest.tensors;
  auto writer = take(PayloadWriter::create(in(folder, "p.delta.safetensors"), std::move(plan)));
  QVERIFY(!writer.writeCompanion(0, randomBytes(2, 1)));  // another size than planned
  QVERIFY(!writer.writeCompanion(1, randomBytes(3, 1)));  // not planned
  take(writer.writeModel(0, tinyLowRank()->serialize()));
  fillTensors(writer, rows);
  QVERIFY(!writer.commit());
  take(writer.writeCompanion(0, randomBytes(3, 1)));
  take(writer.commit());
  plan = smallPlan();
  plan.manifest.companions.resize(1);
  plan.manifest.companions[0].path = "a";
  plan.manifest.companions[0].bytes = kMostCompanionBytes + 1;
  QCOMPARE(PayloadWriter::create(in(folder, "q.delta.safetensors"), std::move(plan)).error().code, ErrorCode::InvalidArgument);
}

void TestCompanions::refusesLists_data() {
  QTest::addColumn<std::function<void(json&)>>("edit");
  QTest::addColumn<QString>("says");
  const auto add = [](const char* name, std::function<void(json&)> edit, const char* says) {
    QTest::newRow(name) << std::move(edit) << QString(says);
  };
  add(
      "no list", [](json& h) { h["__metadata__"]["deltascope.companions"] = "{}"; }, "not a list");
  add(
      "no JSON", [](json& h) { h["__metadata__"]["deltascope.companions"] = "[[["; }, "");
  add(
      "none named", [](json& h) { h["__metadata__"].erase("deltascope.companions"); },
      "a stream that the manifest does not know");
  add(
      "version 1", [](json& h) { h["__metadata__"]["deltascope.version"] = "1"; }, "a stream that the manifest does not know");
  const auto headers = [](const char* text) { return [text](json& h) { h["__metadata__"]["deltascope.headers"] = text; }; };
  add("headers that are no JSON", headers("{{"), "");
  add("headers that are a list", headers("[]"), "not one for each shard");
  add("headers without files", headers("{}"), "not one for each shard");
  add("headers of more files than there are", headers(R"({"files": [{}, {}, {}, {}]})"), "not one for each shard");
  add("headers of a shard that are a list", headers(R"({"files": [{}, []]})"), "not an object");
  add("headers with a number", headers(R"({"files": [{}, {"a": 1}]})"), "the entry a of a shard's header is not text");
  add("headers with a key twice", headers(R"({"files": [{}, {"a": "1", "a": "2"}]})"), "");
  add("an index that says a text", headers(R"({"files": [{}, {}], "index": "x"})"), "is not an object");
  add("a path outside", inRow(0, [](json& r) { r[0] = "../x"; }), "bad file name");
  add("a path with a control character", inRow(0, [](json& r) { r[0] = "a\x1b[31m"; }), "bad file name");
  add("a path twice", inRow(1, [](json& r) { r[0] = "Tokenizer.json"; }), "bad file name");
  add("the name of a shard", inRow(1, [](json& r) { r[0] = "model-1.safetensors"; }), "bad file name");
  add("a row too short", inRow(0, [](json& r) { r.erase(3); }), "bad entry");
  add("a row too long", inRow(0, [](json& r) { r.push_back(0); }), "bad entry");
  add("a size below nothing", inRow(0, [](json& r) { r[1] = -1; }), "bad entry");
  add("a size beyond the limit", inRow(0, [](json& r) { r[1] = (1u << 30) + 1; }), "bad size or hash");
  add("a size beyond the stream", inRow(1, [](json& r) { r[1] = 1009; }), "does not fit");
  add("more than bytes can stand for", inRow(3, [](json& r) { r[1] = 1u << 30, r[3] = 1; }), "does not fit");
  add("a hash in capitals", inRow(0, [](json& r) { r[2] = std::string(32, 'A'); }), "bad size or hash");
  add("an unknown form", inRow(0, [](json& r) { r[3] = 2; }), "needs a newer deltascope: a companion of form 2");
  add("one more than there are streams",
      inMetadata("deltascope.companions",
                 [](json& rows) {
                   rows.push_back({"z", 0, std::string(32, '0'), 0});
                 }),
      "stream is missing");
  add("one fewer", inMetadata("deltascope.companions", [](json& rows) { rows.erase(5); }), "does not know");
}

void TestCompanions::refusesLists() {
  QFETCH(std::function<void(json&)>, edit);
  QFETCH(QString, says);
  QTemporaryDir folder;
  const auto path = in(folder, "edited.delta.safetensors");
  writeAll(path, withHeader(readAll(writeWith(folder, someFiles())), edit));
  const auto opened = Payload::open(path);
  QVERIFY(!opened);
  const auto message = QString::fromStdString(describe(opened.error()));
  QVERIFY2(message.contains(says), qPrintable(message));
  for (const QChar c : message) QVERIFY(c >= ' ');
}

void TestCompanions::noticesEveryFlippedByte() {
  QTemporaryDir folder;
  const std::vector<File> files{{"a.txt", bytesOf(std::string(300, 'x'))}, {"b.bin", randomBytes(21, 1)}};
  const auto original = writeWith(folder, files);
  const auto file = readAll(original);
  const auto header = take(SafetensorsFile::open(original));
  const auto path = in(folder, "flipped.delta.safetensors");
  for (const char* name : {"deltascope.companion.0", "deltascope.companion.1"}) {
    const auto* stream = header.find(name);
    for (std::uint64_t i = stream->offset; i < stream->offset + stream->bytes; ++i) {
      auto damaged = file;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x04);
      writeAll(path, damaged);
      const auto payload = take(Payload::open(path));
      bool noticed = false;
      for (const auto& companion : payload.companions()) noticed |= !payload.readCompanion(companion);
      QVERIFY2(noticed, qPrintable(QString("byte %1 of %2").arg(i - stream->offset).arg(name)));
    }
  }
}

QTEST_APPLESS_MAIN(TestCompanions)
#include "test_companions.moc"
