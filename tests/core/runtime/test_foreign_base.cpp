// SPDX-License-Identifier: Apache-2.0
// A base that another library quantized: packed over, verified, unpacked and run, to the bits of the original.
#include <cstring>

#include "core/checkpoint/model_names.h"
#include "core/inspect/inspect.h"
#include "core/rebuild/unpack.h"
#include "core/runtime/runtime.h"
#include "core/source/base_model.h"
#include "tests/core/checkpoint/gguf_bytes.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

const fs::path kInt4 = fs::path(DELTASCOPE_TEST_DATA) / "quant/int4";
const fs::path kScaled = fs::path(DELTASCOPE_TEST_DATA) / "quant/scaled";
const fs::path kGguf = fs::path(DELTASCOPE_TEST_DATA) / "quant/gguf/model.gguf", kOther = kGguf.parent_path() / "other.gguf";

/// A base, the least version of payloads over it, and how many weights of the model it has quantized.
struct Foreign {
  fs::path base;
  int version = 3;
  std::size_t quantized = 0;
};

/// The model before it was quantized, as a folder.
fs::path originalIn(const QTemporaryDir& folder, const fs::path& base = kInt4) {
  const fs::path root = fs::path(folder.path().toStdString()) / "final";
  if (isGgufName(base)) {
    fs::copy(kGguf.parent_path() / "model", root);
    return root;
  }
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
  const std::vector<TokenId> ids{1, 5, 9, 14, 3};
  return take(session->logits(ids, {}));
}

}  // namespace
Q_DECLARE_METATYPE(Foreign)

class TestForeignBase : public QObject {
  Q_OBJECT
 private slots:
  void comesBackAndRuns_data();
  void comesBackAndRuns();
  void rowsOfHeadsArePaired();
  void aGgufFileRunsAlone_data();
  void aGgufFileRunsAlone();
  void aGgufFileIsShownByItsTypes();
  void aGgufFileIsNoFinal();
  void aGgufFileOfAnotherModelIsRefused();
  void whatAGgufFileHasMoreIsRefused();
  void isShownAsWhatItIs_data();
  void isShownAsWhatItIs();
  void isNotQuantizedAgain();
};

void TestForeignBase::comesBackAndRuns_data() {
  QTest::addColumn<Foreign>("foreign");
  QTest::addColumn<int>("codec");
  const auto row = [](const Foreign& foreign, CodecId codec) {
    QTest::addRow("%s %s", foreign.base.filename().c_str(), nameOf(codec).data()) << foreign << static_cast<int>(codec);
  };
  for (const auto codec : {CodecId::Raw, CodecId::Sparse, CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::Additive})
    for (const auto& foreign : {Foreign{kInt4, 3, 7}, Foreign{kGguf, 4, 9}, Foreign{kScaled / "fp8-inv-ragged", 5, 7}})
      row(foreign, codec);
  for (const auto codec : {CodecId::Entropy, CodecId::Bitpack, CodecId::Sparse}) row({kOther, 4, 9}, codec);
  for (const auto* name : {"fp8-tensor", "fp8-channel", "fp8-block", "fp8-inv", "int8-channel", "int8-zeros", "w8-group",
                           "w8-zeros", "w4-zeros", "w4-channel", "w4-group16"})
    row({kScaled / name, 5, 7}, CodecId::Entropy);
}

void TestForeignBase::comesBackAndRuns() {
  QFETCH(Foreign, foreign);
  QFETCH(int, codec);
  QTemporaryDir folder;
  const fs::path& base = foreign.base;
  const fs::path root = folder.path().toStdString(), final = originalIn(folder, base), payload = root / "own.delta.safetensors";
  PackRequest request;
  request.final = final;
  request.base = base;
  request.out = payload;
  request.codec = static_cast<CodecId>(codec);
  request.verify = true;
  take(pack(request, {}));
  const auto opened = take(Payload::open(payload));
  QCOMPARE(opened.version(), foreign.version);
  std::size_t over = 0;
  for (const auto& row : opened.tensors()) over += isQuantized(row.base);
  QCOMPARE(over, foreign.quantized);

  VerifyRequest check;
  check.path = payload;
  check.base = base;
  check.final = final;
  QVERIFY(take(verify(check, {})).bitExact);
  UnpackRequest back;
  back.path = payload;
  back.base = base;
  back.out = root / "back";
  take(unpack(back, {}));
  const auto wanted = take(Checkpoint::open(final)), got = take(Checkpoint::open(root / "back"));
  for (const auto& info : wanted.tensors()) QCOMPARE(take(got.readAll(*got.find(info.name))), take(wanted.readAll(info)));

  const auto expected = logits(final, {}, Placement::Static);
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
    const auto exact = logits(payload, base, placement);
    QCOMPARE(exact.size(), expected.size());
    QVERIFY(std::memcmp(exact.data(), expected.data(), exact.size() * sizeof(float)) == 0);
  }
}

/// Over rows in another order a delta would be as large as the weight.
void TestForeignBase::rowsOfHeadsArePaired() {
  QTemporaryDir folder;
  PackRequest request;
  request.final = originalIn(folder, kGguf);
  request.base = kGguf;
  request.out = fs::path(folder.path().toStdString()) / "own.delta.safetensors";
  request.codec = CodecId::Zstd;
  take(pack(request, {}));
  const auto opened = take(Payload::open(request.out));
  std::size_t heads = 0;
  for (const auto& row : opened.tensors()) {
    if (row.name.find("q_proj") == std::string::npos && row.name.find("k_proj") == std::string::npos) continue;
    ++heads;
    QVERIFY(row.baseName.starts_with("blk.0.attn_"));
    QVERIFY2(row.bitsPerWeight() < 9, row.name.c_str());
  }
  QCOMPARE(heads, std::size_t{2});
}

void TestForeignBase::aGgufFileRunsAlone_data() {
  QTest::addColumn<QString>("file");
  for (const auto& file : {kGguf, kOther}) QTest::newRow(file.filename().c_str()) << QString::fromStdString(file.string());
}

/// As a model of the values that its blocks have, with the names and the config.json that its metadata stands for.
void TestForeignBase::aGgufFileRunsAlone() {
  QFETCH(QString, file);
  const fs::path path = file.toStdString();
  QTemporaryDir folder;
  const fs::path final = originalIn(folder, path);
  const auto base = take(BaseModel::open(path));
  const auto plain = take(Checkpoint::open(final));
  std::vector<std::string_view> names;
  for (const auto& weight : base.weights()) names.push_back(weight.name);
  const auto own = ModelNames::among(names);
  std::vector<TensorData> tensors;
  for (const auto& info : plain.tensors()) {
    SliceBuffer slice;
    take(base.slice(*own.stored(info.name), DType::BF16, 0, info.elements, true, slice));
    tensors.push_back({{info.name, info.dtype, info.shape}, {slice.slice.values.begin(), slice.slice.values.end()}});
  }
  fs::remove(final / "model.safetensors");
  const std::string config = take(readTextFile(final / "config.json"));
  writeModel(final, tensors);
  take(writeTextFile(final / "config.json", config));
  const auto expected = logits(final, {}, Placement::Static), alone = logits(path, {}, Placement::Static);
  QVERIFY(std::memcmp(alone.data(), expected.data(), alone.size() * sizeof(float)) == 0);
}

void TestForeignBase::aGgufFileIsShownByItsTypes() {
  const auto shown = take(inspect(kGguf));
  QCOMPARE(shown.tensors.size(), std::size_t{12});
  std::map<BaseKind, double> bits;
  for (const auto& row : shown.tensors) {
    if (row.base == BaseKind::None)
      QCOMPARE(row.dtype, DType::F32);
    else
      bits[row.base] = row.bitsPerWeight();
    if (row.name == "blk.0.attn_q.weight") QCOMPARE(row.shape, (std::vector<std::uint64_t>{32, 256}));
  }
  const std::map<BaseKind, double> expected{
      {BaseKind::Q8_0, 8.5}, {BaseKind::Q4_0, 4.5}, {BaseKind::Q5_0, 5.5}, {BaseKind::Q4K, 4.5}, {BaseKind::Q6K, 6.5625}};
  QCOMPARE(bits, expected);
  QCOMPARE(shown.facts.at("general.architecture"), std::string("llama"));
  QCOMPARE(shown.facts.at("llama.attention.head_count_kv"), std::string("2"));
  QVERIFY(!shown.facts.contains("types that are not read"));
}

void TestForeignBase::aGgufFileIsNoFinal() {
  QTemporaryDir folder;
  PackRequest request;
  request.final = kGguf;
  request.quantize = QuantFormat::Nf4;
  request.out = fs::path(folder.path().toStdString()) / "packed";
  const auto packed = pack(request, {});
  QVERIFY(!packed);
  QCOMPARE(packed.error().code, ErrorCode::Unsupported);
  QVERIFY(packed.error().message.find("model.gguf: is a GGUF file, which can only be a base") != std::string::npos);
}

/// The base alone runs as the library's decompression of it does.
void TestForeignBase::aGgufFileOfAnotherModelIsRefused() {
  QTemporaryDir folder;
  const fs::path root = folder.path().toStdString();
  writeModel(root / "final", smallLlama());
  PackRequest request;
  request.final = root / "final";
  request.base = kGguf;
  request.out = root / "own.delta.safetensors";
  const auto packed = pack(request, {});
  QVERIFY(!packed);
  QCOMPARE(packed.error().code, ErrorCode::Mismatch);
  const auto said = QString::fromStdString(describe(packed.error()));
  QVERIFY2(said.contains("is another model than") && said.contains("tensors that both have"), qPrintable(said));
  QVERIFY(!fs::exists(request.out));
}

/// A weight that this program does not compute with: the answers would be another model's.
void TestForeignBase::whatAGgufFileHasMoreIsRefused() {
  QTemporaryDir folder;
  const fs::path path = fs::path(folder.path().toStdString()) / "model.gguf";
  std::string bytes = take(readTextFile(kGguf));
  const auto opened = take(Checkpoint::open(kGguf));
  std::size_t first = bytes.size();  // of the entries of tensors: a name's length is before it
  for (const auto& tensor : opened.tensors()) first = std::min(first, bytes.find(tensor.name) - sizeof(std::uint64_t));
  const std::string name = "blk.0.attn_sinks.0123456.weight ";  // an entry of 64 bytes moves no offset
  const auto entry = checkpoint_files::GgufBytes().tensor(name, {0}, 0, 0).all();
  QCOMPARE(entry.size(), std::size_t{64});
  bytes.insert(first, entry);
  ++bytes[8];  // tensors
  take(writeTextFile(path, bytes));
  LoadRequest load;
  load.path = path;
  const auto model = Model::load(load, {});
  QVERIFY(!model);
  const auto said = QString::fromStdString(describe(model.error()));
  QVERIFY2(said.contains("attn_sinks") && said.contains("have no such weight here"), qPrintable(said));
}

void TestForeignBase::isShownAsWhatItIs_data() {
  QTest::addColumn<QString>("folder");
  QTest::addColumn<int>("kind");
  QTest::addColumn<int>("type");
  QTest::addColumn<double>("bits");  // a weight of 64 × 96, everything that belongs to it
  QTest::addColumn<QString>("formats");
  const double weights = 64 * 96;
  const auto row = [](const fs::path& folder, BaseKind kind, DType type, double bits, const char* formats) {
    QTest::newRow(folder.filename().c_str())
        << QString::fromStdString(folder.string()) << int(kind) << int(type) << bits << formats;
  };
  row(kInt4, BaseKind::Int4, DType::BF16, 4.5 + 128 / weights,
      "int4, 4-bit codes, a scale for every 32 weights: 7 tensors, 4.529 bits/weight");
  row(kScaled / "fp8-block", BaseKind::Fp8, DType::BF16, 8 + 4 * 32 / weights,
      "fp8, 8-bit codes, a scale for every 48 weights: 7 tensors, 8.029 bits/weight");
  row(kScaled / "fp8-channel", BaseKind::Fp8, DType::BF16, 8 + 64 * 16 / weights,
      "fp8, 8-bit codes, a scale for rows or more: 7 tensors, 8.233 bits/weight");
  row(kScaled / "int8-zeros", BaseKind::W8, DType::BF16, 8 + 64 * (32 + 8) / weights,
      "w8, 8-bit codes, a scale for rows or more: 7 tensors, 8.583 bits/weight");
  row(kScaled / "w8-zeros", BaseKind::W8, DType::F16, 8 + (64 * (16 + 8) + 128) / weights,
      "w8, 8-bit codes, a scale for rows or more: 7 tensors, 8.379 bits/weight");
  row(kScaled / "w4-zeros", BaseKind::W4, DType::BF16, 4 + (192 * (16 + 4) + 128) / weights,
      "w4, 4-bit codes, a scale for every 32 weights: 7 tensors, 4.654 bits/weight");
}

/// By weights, not by the tensors that hold their parts; and alone it runs as the values do that it says.
void TestForeignBase::isShownAsWhatItIs() {
  QFETCH(QString, folder);
  QFETCH(int, kind);
  QFETCH(int, type);
  QFETCH(double, bits);
  const fs::path base = folder.toStdString();
  const auto shown = take(inspect(base));
  std::size_t quantized = 0;
  for (const auto& row : shown.tensors) {
    QVERIFY(!row.name.ends_with("_packed") && !row.name.ends_with("_scale") && !row.name.ends_with("_zero_point"));
    if (int(row.base) != kind) continue;
    ++quantized;
    QCOMPARE(int(row.dtype), type);
    if (row.name.find("down_proj") != std::string::npos) QCOMPARE(row.bitsPerWeight(), bits);
  }
  QCOMPARE(quantized, std::size_t{7});
  QFETCH(QString, formats);
  QCOMPARE(QString::fromStdString(shown.facts.at("formats")), formats);

  QTemporaryDir there;
  const fs::path final = originalIn(there);
  std::vector<TensorData> tensors;
  const auto plain = take(Checkpoint::open(final));
  const auto own = take(BaseModel::open(base));
  for (const auto& info : plain.tensors()) {
    SliceBuffer slice;
    const auto* weight = own.quantized().find(info.name);
    const DType held = weight ? weight->dtype : info.dtype;
    take(own.slice(info.name, held, 0, info.elements, true, slice));
    tensors.push_back({{info.name, held, info.shape}, {slice.slice.values.begin(), slice.slice.values.end()}});
  }
  fs::remove(final / "model.safetensors");
  const std::string config = take(readTextFile(final / "config.json"));
  writeModel(final, tensors);
  take(writeTextFile(final / "config.json", config));
  const auto expected = logits(final, {}, Placement::Static);
  for (const auto placement : {Placement::Static, Placement::Jit}) {
    const auto alone = logits(base, {}, placement);
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
