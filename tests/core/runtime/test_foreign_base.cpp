// SPDX-License-Identifier: Apache-2.0
// A base that another library quantized: packed over, verified, unpacked and run, to the bits of the original.
#include <cstring>

#include "core/pipeline/inspect.h"
#include "core/runtime/runtime.h"
#include "tests/core/pipeline/packed.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

const fs::path kInt4 = fs::path(DELTASCOPE_TEST_DATA) / "quant/int4";

/// The model before it was quantized, as a folder.
fs::path originalIn(const QTemporaryDir& folder) {
  const fs::path root = fs::path(folder.path().toStdString()) / "final";
  fs::create_directories(root);
  fs::copy_file(kInt4 / "final.safetensors", root / "model.safetensors");
  auto config = nlohmann::json::parse(take(readTextFile(kInt4 / "config.json")));
  config.erase("quantization_config");
  take(writeTextFile(root / "config.json", config.dump()));
  return root;
}

std::vector<float> logits(const fs::path& path, const fs::path& base, Placement placement) {
  LoadRequest load;
  load.path = path;
  load.base = base;
  load.threads = 2;
  load.placement = placement;
  auto session = take(Session::create(take(Model::load(load, {}))));
  const std::vector<TokenId> ids{1, 5, 9, 40, 3};
  return take(session->logits(ids, {}));
}

}  // namespace

class TestForeignBase : public QObject {
  Q_OBJECT
 private slots:
  void comesBackAndRuns_data();
  void comesBackAndRuns();
  void isShownAsWhatItIs();
  void isNotQuantizedAgain();
};

void TestForeignBase::comesBackAndRuns_data() {
  QTest::addColumn<int>("codec");
  for (const auto codec : {CodecId::Raw, CodecId::Sparse, CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::Additive})
    QTest::newRow(std::string(nameOf(codec)).c_str()) << static_cast<int>(codec);
}

void TestForeignBase::comesBackAndRuns() {
  QFETCH(int, codec);
  QTemporaryDir folder;
  const fs::path root = folder.path().toStdString(), final = originalIn(folder), payload = root / "own.delta.safetensors";
  PackRequest request;
  request.final = final;
  request.base = kInt4;
  request.out = payload;
  request.codec = static_cast<CodecId>(codec);
  request.verify = true;
  take(pack(request, {}));
  const auto opened = take(Payload::open(payload));
  QCOMPARE(opened.version(), 3);
  std::size_t over = 0;
  for (const auto& row : opened.tensors()) over += row.base == BaseKind::Int4;
  QCOMPARE(over, std::size_t{7});

  VerifyRequest check;
  check.path = payload;
  check.base = kInt4;
  check.final = final;
  QVERIFY(take(verify(check, {})).bitExact);
  UnpackRequest back;
  back.path = payload;
  back.base = kInt4;
  back.out = root / "back";
  take(unpack(back, {}));
  const auto wanted = take(Checkpoint::open(final)), got = take(Checkpoint::open(root / "back"));
  for (const auto& info : wanted.tensors()) QCOMPARE(take(got.readAll(*got.find(info.name))), take(wanted.readAll(info)));

  const auto expected = logits(final, {}, Placement::Static);
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
    const auto exact = logits(payload, kInt4, placement);
    QCOMPARE(exact.size(), expected.size());
    QVERIFY(std::memcmp(exact.data(), expected.data(), exact.size() * sizeof(float)) == 0);
  }
}

/// The base alone runs as the library's decompression of it does.
void TestForeignBase::isShownAsWhatItIs() {
  const auto shown = take(inspect(kInt4));
  std::size_t quantized = 0;
  for (const auto& row : shown.tensors) {
    QVERIFY(!row.name.ends_with("_packed") && !row.name.ends_with("_scale"));
    if (row.base != BaseKind::Int4) continue;
    ++quantized;
    QCOMPARE(row.dtype, DType::BF16);
  }
  QCOMPARE(quantized, std::size_t{7});

  QTemporaryDir folder;
  const fs::path final = originalIn(folder);
  std::vector<TensorData> tensors;
  const auto plain = take(Checkpoint::open(final)), values = take(Checkpoint::open(kInt4 / "dequantized.safetensors"));
  for (const auto& info : plain.tensors()) {
    const TensorInfo* other = values.find(info.name);
    tensors.push_back({{info.name, info.dtype, info.shape}, take(other ? values.readAll(*other) : plain.readAll(info))});
  }
  fs::remove(final / "model.safetensors");
  const std::string config = take(readTextFile(final / "config.json"));
  writeModel(final, tensors);
  take(writeTextFile(final / "config.json", config));
  const auto expected = logits(final, {}, Placement::Static);
  for (const auto placement : {Placement::Static, Placement::Jit}) {
    const auto alone = logits(kInt4, {}, placement);
    QVERIFY(std::memcmp(alone.data(), expected.data(), alone.size() * sizeof(float)) == 0);
  }
}

void TestForeignBase::isNotQuantizedAgain() {
  QTemporaryDir folder;
  PackRequest request;
  request.final = kInt4;
  request.quantize = QuantFormat::Nf4;
  request.out = fs::path(folder.path().toStdString()) / "packed";
  const auto packed = pack(request, {});
  QVERIFY(!packed);
  QVERIFY(packed.error().message.find("is already quantized (int4 of compressed-tensors)") != std::string::npos);
}

QTEST_APPLESS_MAIN(TestForeignBase)
#include "test_foreign_base.moc"
