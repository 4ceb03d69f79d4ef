// SPDX-License-Identifier: Apache-2.0
#include "tests/core/payload/payload_files.h"

using namespace deltascope;
using namespace deltascope::test;

class TestPayloadFile : public QObject {
  Q_OBJECT
 private slots:
  void givesBackEveryField();
  void givesBackEveryChunk();
  void loadsAModelOnceAndSharesIt();
  void accountsForEveryByte();
  void reservesLittleMoreThanTheHeaderNeeds();
  void holdsNoTensorsToo();
  void isASafetensorsFile();
  void refusesNames_data();
  void refusesNames();
  void refusesToCommitWhatIsNotFinished();
  void leavesNothingWhenNotCommitted();
  void tellsASafetensorsFileThatIsNoPayload();
  void fingerprintDependsOnTheBase();
  void readsWhatPythonWrote();
};

void TestPayloadFile::givesBackEveryField() {
  QTemporaryDir folder;
  const auto payload = take(Payload::open(writeSmallPayload(folder)));
  const auto& tensors = payload.tensors();
  QCOMPARE(tensors.size(), 5u);
  const auto plan = smallPlan();
  for (std::size_t i = 0; i < 5; ++i) {
    const auto& expected = plan.manifest.tensors[i];
    QCOMPARE(tensors[i].name, expected.name);
    QCOMPARE(tensors[i].dtype, expected.dtype);
    QCOMPARE(tensors[i].shape, expected.shape);
    QCOMPARE(tensors[i].elements, expected.elements);
    QCOMPARE(tensors[i].finalBytes, expected.finalBytes);
    QCOMPARE(tensors[i].codec, expected.codec);
    QCOMPARE(tensors[i].base, expected.base);
    QCOMPARE(tensors[i].baseBytes, expected.baseBytes);
    QCOMPARE(tensors[i].model, expected.model);
    QCOMPARE(tensors[i].forced, expected.forced);
    QCOMPARE(tensors[i].estimate, expected.estimate);
    QVERIFY(tensors[i].finalHash == (Hash128{i + 1, 2}));
    QCOMPARE(payload.find(expected.name), &tensors[i]);
  }
  QCOMPARE(tensors[0].zeroDeltas, 5u * 4096 / 3);
  QCOMPARE(tensors[1].zeroDeltas, 64u);  // identical
  QCOMPARE(tensors[2].patches, 2u);
  QCOMPARE(tensors[0].rawTiles, 5u);
  QCOMPARE(tensors[0].chunkCount, 3u);
  QVERIFY(tensors[0].baseHash == (Hash128{10, 3}));
  QVERIFY(tensors[1].baseHash == tensors[1].finalHash);
  QVERIFY(tensors[4].baseHash == Hash128{});  // has no base
  QCOMPARE(payload.find("absent"), nullptr);
  QCOMPARE(payload.facts(), plan.manifest.facts);
  QCOMPARE(payload.shards(), plan.manifest.shards);
}

void TestPayloadFile::givesBackEveryChunk() {
  QTemporaryDir folder;
  const auto payload = take(Payload::open(writeSmallPayload(folder)));
  for (std::size_t t = 0; t < 5; ++t) {
    const auto& tensor = payload.tensors()[t];
    const auto chunks = take(payload.chunks(tensor));
    QCOMPARE(chunks.size(), tensor.chunkCount);
    std::uint64_t elements = 0;
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      QCOMPARE(chunks[c].first, elements);
      QCOMPARE(chunks[c].begin % 16, 0u);
      elements += chunks[c].elements;
      QCOMPARE(take(payload.readChunk(tensor, chunks[c])), chunkBytes(t, c));
      const TensorStats copy = tensor;
      QCOMPARE(take(payload.readChunk(copy, chunks[c])), chunkBytes(t, c));
    }
    if (!chunks.empty()) QCOMPARE(elements, tensor.elements);
  }
}

void TestPayloadFile::loadsAModelOnceAndSharesIt() {
  QTemporaryDir folder;
  const auto payload = take(Payload::open(writeSmallPayload(folder)));
  const auto model = take(payload.model(payload.tensors()[2]));
  QVERIFY(model);
  QCOMPARE(model->serialize(), tinyLowRank()->serialize());
  QCOMPARE(take(payload.model(payload.tensors()[2])), model);
  QCOMPARE(take(payload.model(payload.tensors()[0])), nullptr);
}

void TestPayloadFile::accountsForEveryByte() {
  QTemporaryDir folder;
  const auto path = writeSmallPayload(folder);
  const auto payload = take(Payload::open(path));
  std::uint64_t stored = 0;
  for (const auto& tensor : payload.tensors()) stored += tensor.storedBytes;
  QCOMPARE(stored + payload.headerBytes(), fs::file_size(path));
  QCOMPARE(payload.fileSize(), fs::file_size(path));
}

void TestPayloadFile::reservesLittleMoreThanTheHeaderNeeds() {
  QTemporaryDir folder;
  const auto file = readAll(writeSmallPayload(folder));
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  const std::uint64_t used = file.find_last_not_of(' ', 8 + length - 1) + 1 - 8;
  QVERIFY2(length - used < 40 * 5, qPrintable(QString::number(length - used)));
}

void TestPayloadFile::holdsNoTensorsToo() {
  QTemporaryDir folder;
  const fs::path path = fs::path(folder.path().toStdString()) / "none.delta.safetensors";
  auto writer = take(PayloadWriter::create(path, {}));
  take(writer.commit());
  const auto payload = take(Payload::open(path));
  QVERIFY(payload.tensors().empty());
  QVERIFY(payload.shards().empty());
}

void TestPayloadFile::isASafetensorsFile() {
  QTemporaryDir folder;
  const auto file = take(SafetensorsFile::open(writeSmallPayload(folder)));
  std::vector<std::string> names;
  for (const auto& tensor : file.header().tensors) {
    names.push_back(tensor.name);
    QCOMPARE(tensor.dtype, DType::U8);
    QCOMPARE(tensor.offset % 16, 0u);
  }
  QCOMPARE(names, (std::vector<std::string>{"deltascope.model.0", "a.weight", "c.lora", "e \"quoted\" \\ ünïcode\n"}));
}

void TestPayloadFile::refusesNames_data() {
  QTest::addColumn<QByteArray>("name");
  QTest::newRow("reserved") << QByteArray("deltascope.model.0");
  QTest::newRow("metadata") << QByteArray("__metadata__");
  QTest::newRow("twice") << QByteArray("a.weight");
  QTest::newRow("not UTF-8") << QByteArray("\xff\xfe");
}

void TestPayloadFile::refusesNames() {
  QFETCH(QByteArray, name);
  QTemporaryDir folder;
  PayloadPlan plan;
  plan.manifest.tensors = {row("a.weight", {1}, CodecId::Raw, BaseKind::None),
                           row(name.toStdString(), {1}, CodecId::Raw, BaseKind::None)};
  plan.streamBounds = {16, 16};
  const auto writer = PayloadWriter::create(fs::path(folder.path().toStdString()) / "p.delta.safetensors", std::move(plan));
  QVERIFY(!writer);
  QCOMPARE(writer.error().code, ErrorCode::InvalidArgument);
  QVERIFY(QDir(folder.path()).isEmpty(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot));
}

void TestPayloadFile::refusesToCommitWhatIsNotFinished() {
  QTemporaryDir folder;
  const fs::path path = fs::path(folder.path().toStdString()) / "p.delta.safetensors";
  auto plan = smallPlan();
  auto rows = plan.manifest.tensors;
  auto writer = take(PayloadWriter::create(path, std::move(plan)));
  QVERIFY(!writer.commit());
  QVERIFY(!writer.finishTensor(0, rows[0]));          // its chunks are missing
  QVERIFY(!writer.appendChunk(1, {}));                // not its turn
  QVERIFY(!writer.writeModel(0, randomBytes(3, 1)));  // another size than planned
  QVERIFY(!fs::exists(path));
}

void TestPayloadFile::leavesNothingWhenNotCommitted() {
  QTemporaryDir folder;
  { const auto writer = filledWriter(fs::path(folder.path().toStdString()) / "p.delta.safetensors"); }
  QVERIFY(QDir(folder.path()).isEmpty(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot));
}

void TestPayloadFile::tellsASafetensorsFileThatIsNoPayload() {
  const auto opened = Payload::open(fs::path(DELTASCOPE_DEMO) / "chat/model-00001-of-00003.safetensors");
  QVERIFY(!opened);
  QCOMPARE(opened.error().code, ErrorCode::Unsupported);
  QVERIFY(describe(opened.error()).find("not a delta payload") != std::string::npos);
}

void TestPayloadFile::fingerprintDependsOnTheBase() {
  auto rows = smallPlan().manifest.tensors;
  const auto fingerprint = baseFingerprint(rows);
  QCOMPARE(fingerprint.size(), 32u);
  auto other = rows;
  other[4].baseHash = {9, 9};  // has no base
  QCOMPARE(baseFingerprint(other), fingerprint);
  other = rows;
  other[0].baseHash.low ^= 1;
  QVERIFY(baseFingerprint(other) != fingerprint);
  other = rows;
  other[0].shape = {4096, 5};
  QVERIFY(baseFingerprint(other) != fingerprint);
  other = rows;
  other[0].base = BaseKind::Fp4;
  QVERIFY(baseFingerprint(other) != fingerprint);
}

/// tests/data/payload/make_golden.py follows FORMAT.md without any of this code.
void TestPayloadFile::readsWhatPythonWrote() {
  const auto payload = take(Payload::open(fs::path(DELTASCOPE_TEST_DATA) / "payload/golden.delta.safetensors"));
  QCOMPARE(payload.tensors().size(), 3u);
  const auto& raw = payload.tensors()[1];
  QCOMPARE(raw.name, std::string("layers.2.weight"));
  QCOMPARE(raw.codec, CodecId::Raw);
  QCOMPARE(raw.chunkCount, 3u);
  QCOMPARE(raw.estimate[static_cast<std::size_t>(CodecId::Raw)], 16.0F);
  std::vector<std::byte> all;
  for (const auto& chunk : take(payload.chunks(raw))) {
    const auto bytes = take(payload.readChunk(raw, chunk));
    all.insert(all.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(2 * chunk.elements));
  }
  QVERIFY(hash128(all) == raw.finalHash);
  QCOMPARE(payload.tensors()[0].codec, CodecId::Identical);
  QVERIFY(payload.tensors()[0].baseHash == payload.tensors()[0].finalHash);
  QCOMPARE(payload.tensors()[2].name, std::string("layers.10.weight"));
  QCOMPARE(payload.facts().at("tool"), std::string("make_golden.py"));
  QCOMPARE(payload.shards().size(), 1u);
}

QTEST_APPLESS_MAIN(TestPayloadFile)
#include "test_payload_file.moc"
