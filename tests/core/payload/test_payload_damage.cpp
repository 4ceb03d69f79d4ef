// SPDX-License-Identifier: Apache-2.0
#include "tests/core/payload/payload_files.h"

using namespace deltascope;
using namespace deltascope::test;
using nlohmann::json;

namespace {

/// Everything a reader would take from the payload, as text; or the first error.
Result<std::string> contents(const fs::path& path) {
  DELTASCOPE_ASSIGN(const Payload payload, Payload::open(path));
  std::string text = payload.baseFingerprint();
  for (const auto& [file, names] : payload.shards())
    for (const auto& name : names) text += file + name;
  for (const auto& [key, value] : payload.facts()) text += key + value;
  for (const auto& t : payload.tensors()) {
    for (const auto n : {t.elements, t.zeroDeltas, t.patches, t.rawTiles, t.chunkElements, t.storedBytes})
      text += std::to_string(n) + " ";
    text += t.name + explainChoice(t) + toHex(t.finalHash) + toHex(t.baseHash);
    DELTASCOPE_ASSIGN(const ModelPtr model, payload.model(t));
    if (model) text += std::to_string(hash64(model->serialize()));
    DELTASCOPE_ASSIGN(const auto chunks, payload.chunks(t));
    for (const auto& chunk : chunks) {
      DELTASCOPE_ASSIGN(const auto bytes, payload.readChunk(t, chunk));
      text += std::to_string(hash64(bytes));
    }
  }
  return text;
}

std::function<void(json&)> inRow(std::size_t row, const std::function<void(json&)>& edit) {
  return inMetadata("deltascope.manifest", [row, edit](json& rows) { edit(rows[row]); });
}

/// The tail of row 0 in a file of that version, with a shape of two sides.
std::function<void(json&)> matrix(const char* version, const json& members, const json& shape = {4, 4096}) {
  const auto edit = inRow(0, [members, shape](json& row) { row[2] = shape, row.push_back(members); });
  return [version, edit](json& header) {
    header["__metadata__"]["deltascope.version"] = version;
    edit(header);
  };
}

}  // namespace

Q_DECLARE_METATYPE(std::function<void(nlohmann::json&)>)

class TestPayloadDamage : public QObject {
  Q_OBJECT
 private slots:
  void refusesTheFileCutAtEveryLength();
  void noticesEveryFlippedByte();
  void refusesManifests_data();
  void refusesManifests();
  void survivesRandomManifests();
  void namesTensorAndOffsetOfABadChunk();
  void refusesStreamsInAnotherOrder();
  void refusesWhatFollowsTheHeader();
  void refusesPaddingThatIsNotZero();
  void readsEstimatesOfUnknownCodecs();
  void readsWithoutFacts();
};

void TestPayloadDamage::refusesTheFileCutAtEveryLength() {
  QTemporaryDir folder;
  const auto file = readAll(writeSmallPayload(folder));
  const fs::path path = fs::path(folder.path().toStdString()) / "cut.delta.safetensors";
  for (std::size_t length = 0; length < file.size(); ++length) {
    writeAll(path, file.substr(0, length));
    const auto opened = Payload::open(path);
    QVERIFY2(!opened, qPrintable(QString("opened at %1").arg(length)));
    QCOMPARE(opened.error().code, ErrorCode::Corrupt);
    QVERIFY(opened.error().message.find("cut.delta.safetensors") != std::string::npos);
  }
}

void TestPayloadDamage::noticesEveryFlippedByte() {
  QTemporaryDir folder;
  const auto original = writeSmallPayload(folder);
  take(contents(original));
  const auto file = readAll(original);
  const fs::path path = fs::path(folder.path().toStdString()) / "flipped.delta.safetensors";
  for (std::size_t i = 0; i < file.size(); ++i) {
    auto damaged = file;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x04);
    writeAll(path, damaged);
    QVERIFY2(!contents(path), qPrintable(QString("byte %1 says nothing").arg(i)));
  }
}

void TestPayloadDamage::refusesManifests_data() {
  QTest::addColumn<std::function<void(json&)>>("edit");
  QTest::addColumn<QString>("says");
  const auto add = [](const char* name, std::function<void(json&)> edit, const char* says) {
    QTest::newRow(name) << std::move(edit) << QString(says);
  };
  const auto metadata = [](const char* key, const char* value) {
    return [key, value](json& header) { header["__metadata__"][key] = value; };
  };
  add("a newer version", metadata("deltascope.version", "6"), "needs a newer deltascope: payload version 6");
  add("a version far ahead", metadata("deltascope.version", "99999999999999999999"), "needs a newer deltascope");
  add("a version spelled otherwise", metadata("deltascope.version", "01"), "not a number");
  add("a version with a sign", metadata("deltascope.version", "+1"), "not a number");
  add("no version", metadata("deltascope.version", ""), "not a number");
  add("a version that is no number", metadata("deltascope.version", "1x"), "not a number");
  add(
      "no manifest", [](json& h) { h["__metadata__"].erase("deltascope.manifest"); }, "no deltascope.manifest");
  add("a manifest that is no JSON", metadata("deltascope.manifest", "[[["), "");
  add("a manifest of another kind", metadata("deltascope.manifest", "{}"), "not a list");
  add("another fingerprint", metadata("deltascope.base", "00000000000000000000000000000000"), "fingerprint");
  add("facts that are no object", metadata("deltascope.facts", "[]"), "facts");
  add("a fact that is no text", metadata("deltascope.facts", "{\"a\":1}"), "not text");
  add("an unknown type", inRow(0, [](json& r) { r[1] = "BF17"; }), "a.weight: unknown element type");
  add("a negative side", inRow(0, [](json& r) { r[2] = {-1}; }), "bad shape");
  add("a shape that overflows", inRow(0, [](json& r) { r[2] = {1ull << 40, 1ull << 40}; }), "overflows");
  add("another shape", inRow(0, [](json& r) { r[2] = {1ull << 40}; }), "");
  add("a rank beyond reason", inRow(0, [](json& r) { r[2] = std::vector<int>(1000, 1); }), "bad shape");
  add("an unknown codec", inRow(0, [](json& r) { r[3] = 8; }), "needs a newer deltascope: codec 8");
  add("an unknown base", inRow(0, [](json& r) { r[4] = 21; }), "needs a newer deltascope: a base of kind 21");
  add("a quantized base of integers", inRow(0, [](json& r) { r[1] = "I16"; }), "quantized base");
  add("a short hash", inRow(0, [](json& r) { r[6] = "12"; }), "bad hash");
  add("a hash of letters", inRow(0, [](json& r) { r[6] = std::string(32, 'g'); }), "bad hash");
  add("chunks of no whole tiles", inRow(0, [](json& r) { r[8] = 5000; }), "not a multiple of 4096");
  add("chunks of nothing", inRow(0, [](json& r) { r[8] = 0; }), "not a multiple of 4096");
  add("more zeros than elements", inRow(0, [](json& r) { r[9] = 30000; }), "exceeds");
  add("a model that is missing", inRow(0, [](json& r) { r[12] = 7; }), "model 7 is missing");
  add("a model of another codec", inRow(0, [](json& r) { r[12] = 0; }), "another codec");
  add("a model nobody uses", inRow(2, [](json& r) { r[12] = -1; }), "no tensor uses");
  add("a model below nothing", inRow(0, [](json& r) { r[12] = -2; }), "bad model index");
  add("an estimate of nothing", inRow(0, [](json& r) { r[15] = 0; }), "bad estimate");
  add("a hash in capitals", inRow(0, [](json& r) { r[6] = "0000000000000001000000000000000A"; }), "bad hash");
  add("forced in another way", inRow(0, [](json& r) { r[13] = 2; }), "neither 0 nor 1");
  add("chunks beyond reason", inRow(0, [](json& r) { r[2] = {1ull << 40}, r[8] = 1ull << 40; }), "larger than 16 GiB");
  add("more than a stream can hold", inRow(4, [](json& r) { r[2] = {1u << 30}, r[8] = 1u << 30; }), "claims to hold");
  add("another base's rows in version 1", inRow(0, [](json& r) { r.push_back({{"base", {4, 4096}}}); }), "wrong length");
  const auto tail = [](const char* version, std::size_t row, json members) {
    return [=](json& h) {
      h["__metadata__"]["deltascope.version"] = version;
      inRow(row, [&](json& r) { r.push_back(members); })(h);
    };
  };
  add("another base's name in version 1", tail("1", 0, {{"name", "x"}}), "wrong length");
  add("another base's name in version 2", tail("2", 0, {{"name", "x"}}), "needs a newer deltascope: a row with \"name\"");
  add("a tail of no members", tail("3", 0, json::object()), "ends in nothing");
  add("a member of tomorrow", tail("3", 0, {{"tomorrow", 1}}), "needs a newer deltascope: a row with \"tomorrow\"");
  add("the row's own name", tail("3", 0, {{"name", "a.weight"}}), "bad name of the base's tensor");
  add("no name", tail("3", 0, {{"name", ""}}), "bad name of the base's tensor");
  add("a name that is no text", tail("3", 0, {{"name", 7}}), "bad name of the base's tensor");
  add("a name without a base", tail("3", 4, {{"name", "x"}}), "bad name of the base's tensor");
  add("another name than the fingerprint's", tail("3", 0, {{"name", "x"}}), "fingerprint");
  add("a transpose in version 2", matrix("2", {{"transposed", true}}), "newer");
  add("a transpose that is none", matrix("3", {{"transposed", false}}), "cannot be transposed");
  add("a transpose of a vector", matrix("3", {{"transposed", true}}, {16384}), "cannot be transposed");
  add("a transpose of nothing", matrix("3", {{"transposed", true}}, {0, 4}), "cannot be transposed");
  add("a transpose with other rows", matrix("3", {{"transposed", true}, {"base", {2, 4096}}}), "cannot be transposed");
  add("half an estimate", inRow(0, [](json& r) { r.push_back(1); }), "wrong length");
  add("a fraction", inRow(0, [](json& r) { r[9] = 0.5; }), "not a number");
  add("a row cut short", inRow(0, [](json& r) { r.erase(13); }), "wrong length");
  add("a row that is too short", inRow(1, [](json& r) { r.erase(7); }), "too short");
  add("an identical row that is too long", inRow(1, [](json& r) { r.push_back(1); }), "too long");
  add("identical without a base", inRow(1, [](json& r) { r[4] = 0; }), "identical without a base");
  add("a base hash without a base", inRow(4, [](json& r) { r[7] = std::string(32, '0'); }), "without a base");
  add("a name twice", inRow(1, [](json& r) { r[0] = "a.weight"; }), "twice");
  add("a reserved name", inRow(1, [](json& r) { r[0] = "deltascope.x"; }), "may not start");
  add("rows out of order", inMetadata("deltascope.manifest", [](json& rows) { std::swap(rows[0], rows[1]); }), "");
  add(
      "a stream for what is identical", [](json& h) { h["b.norm"] = h["a.weight"]; }, "");
  add(
      "a stream under another name", [](json& h) { h["x"] = h["a.weight"], h.erase("a.weight"); },
      "a.weight: its stream is missing");
  add(
      "a stream of another type", [](json& h) { h["a.weight"]["dtype"] = "I8"; }, "list of bytes");
  add(
      "a stream of another rank",
      [](json& h) {
        h["a.weight"]["shape"] = {1, h["a.weight"]["shape"][0]};
      },
      "list of bytes");
  const auto shards = [](const char* text) { return [text](json& h) { h["__metadata__"]["deltascope.shards"] = text; }; };
  add("a shard outside the folder", shards("[[\"../m.safetensors\",0,5]]"), "bad file name");
  add("a shard with a path", shards("[[\"a/m.safetensors\",0,5]]"), "bad file name");
  add("a shard that is no safetensors file", shards("[[\"config.json\",0,5]]"), "bad file name");
  add("a hidden shard", shards("[[\".safetensors\",0,5]]"), "bad file name");
  add("a shard twice", shards("[[\"m.safetensors\",0,2],[\"m.safetensors\",2,3]]"), "bad file name");
  add("a tensor in two shards", shards("[[\"m.safetensors\",0,5],[\"n.safetensors\",4,1]]"), "two shards");
  add("a tensor in no shard", shards("[[\"m.safetensors\",0,4]]"), "in no shard");
  add("a shard of rows that are not there", shards("[[\"m.safetensors\",0,18446744073709551615]]"),
      "rows that the manifest lacks");
  add("a shard without a file", shards("[[]]"), "bad entry");
}

void TestPayloadDamage::refusesManifests() {
  QFETCH(std::function<void(json&)>, edit);
  QFETCH(QString, says);
  QTemporaryDir folder;
  const auto file = withHeader(readAll(writeSmallPayload(folder)), edit);
  const fs::path path = fs::path(folder.path().toStdString()) / "edited.delta.safetensors";
  writeAll(path, file);
  const auto opened = Payload::open(path);
  QVERIFY(!opened);
  const auto message = QString::fromStdString(describe(opened.error()));
  QVERIFY2(message.contains(says), qPrintable(message));
  QVERIFY2(message.contains("edited.delta.safetensors"), qPrintable(message));
  QVERIFY(!message.contains('\n'));
}

/// Valid checksum, arbitrary content: whatever opens must be readable without harm.
void TestPayloadDamage::survivesRandomManifests() {
  QTemporaryDir folder;
  const auto file = readAll(writeSmallPayload(folder));
  const fs::path path = fs::path(folder.path().toStdString()) / "random.delta.safetensors";
  std::mt19937_64 random(7);
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::size_t refused = 0, opened = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto edited = withHeader(file, inMetadata("deltascope.manifest", [&](json& rows) {
                                     json& row = rows[pick(rows.size())];
                                     json& field = row[pick(row.size())];
                                     switch (pick(6)) {
                                       case 0:
                                         field = random();
                                         break;
                                       case 1:
                                         field = pick(20000);
                                         break;
                                       case 2:
                                         field = json::array({pick(70000), pick(3)});
                                         break;
                                       case 3:
                                         field = std::string(pick(40), 'a');
                                         break;
                                       case 4:
                                         field = nullptr;
                                         break;
                                       default:
                                         row.insert(row.begin() + static_cast<std::ptrdiff_t>(pick(row.size())), pick(9));
                                     }
                                   }));
    writeAll(path, edited);
    const auto read = contents(path);
    ++(read ? opened : refused);
  }
  QVERIFY(refused > opened);
}

void TestPayloadDamage::namesTensorAndOffsetOfABadChunk() {
  QTemporaryDir folder;
  const auto path = writeSmallPayload(folder);
  const auto payload = take(SafetensorsFile::open(path));
  const std::uint64_t offset =
      payload.find("a.weight")->offset + 3 * 16 + 16;  // directory of three, the empty first chunk, then the second
  auto file = readAll(path);
  file[offset] = static_cast<char>(file[offset] ^ 1);
  writeAll(path, file);
  const auto read = contents(path);
  QVERIFY(!read);
  QCOMPARE(read.error().code, ErrorCode::Corrupt);
  const auto message = QString::fromStdString(read.error().message);
  QVERIFY2(message.contains("a.weight") && message.contains("do not match their checksum"), qPrintable(message));
}

void TestPayloadDamage::refusesStreamsInAnotherOrder() {
  QTemporaryDir folder;
  const auto file = withHeader(readAll(writeSmallPayload(folder)), [](json& h) {
    // c.lora and "e …" have streams of one size
    std::string last;
    for (const auto& [name, entry] : h.items())
      if (name.starts_with("e ")) last = name;
    QCOMPARE(h[last]["shape"], h["c.lora"]["shape"]);
    std::swap(h[last]["data_offsets"], h["c.lora"]["data_offsets"]);
  });
  const fs::path path = fs::path(folder.path().toStdString()) / "edited.delta.safetensors";
  writeAll(path, file);
  const auto opened = Payload::open(path);
  QVERIFY(!opened);
  QVERIFY2(describe(opened.error()).find("out of order") != std::string::npos, describe(opened.error()).c_str());
}

void TestPayloadDamage::refusesWhatFollowsTheHeader() {
  QTemporaryDir folder;
  auto file = readAll(writeSmallPayload(folder));
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  QCOMPARE(file[7 + length], ' ');
  for (const char c : {'\t', '\n', '\r'}) {
    file[7 + length] = c;
    const fs::path path = fs::path(folder.path().toStdString()) / "edited.delta.safetensors";
    writeAll(path, file);
    const auto opened = Payload::open(path);
    QVERIFY(!opened);
    QCOMPARE(opened.error().code, ErrorCode::Corrupt);
  }
}

/// noticesEveryFlippedByte() lets pass what changes nothing: that must be nothing at all.
void TestPayloadDamage::refusesPaddingThatIsNotZero() {
  QTemporaryDir folder;
  const auto original = writeSmallPayload(folder);
  const auto file = readAll(original);
  const auto payload = take(Payload::open(original));
  const auto chunk = take(payload.chunks(payload.tensors()[0]))[1];  // 7 bytes, so that 9 follow
  const auto stream = take(SafetensorsFile::open(original)).find("a.weight")->offset;
  auto damaged = file;
  damaged[stream + chunk.begin + chunk.bytes] = 1;
  const fs::path path = fs::path(folder.path().toStdString()) / "padding.delta.safetensors";
  writeAll(path, damaged);
  const auto opened = take(Payload::open(path));
  const auto read = opened.readChunk(opened.tensors()[0], take(opened.chunks(opened.tensors()[0]))[1]);
  QVERIFY(!read);
  QVERIFY2(describe(read.error()).find("padding") != std::string::npos, describe(read.error()).c_str());
}

void TestPayloadDamage::readsEstimatesOfUnknownCodecs() {
  QTemporaryDir folder;
  const auto file = withHeader(readAll(writeSmallPayload(folder)), inRow(0, [](json& r) { r[14] = 99; }));
  const fs::path path = fs::path(folder.path().toStdString()) / "edited.delta.safetensors";
  writeAll(path, file);
  const auto payload = take(Payload::open(path));
  QCOMPARE(payload.tensors()[0].estimate[static_cast<std::size_t>(CodecId::Entropy)], 16.125F);
}

void TestPayloadDamage::readsWithoutFacts() {
  QTemporaryDir folder;
  const auto file =
      withHeader(readAll(writeSmallPayload(folder)), [](json& h) { h["__metadata__"].erase("deltascope.facts"); });
  const fs::path path = fs::path(folder.path().toStdString()) / "edited.delta.safetensors";
  writeAll(path, file);
  QVERIFY(take(Payload::open(path)).facts().empty());
}

QTEST_APPLESS_MAIN(TestPayloadDamage)
#include "test_payload_damage.moc"
