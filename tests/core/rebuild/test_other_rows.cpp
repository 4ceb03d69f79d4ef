// SPDX-License-Identifier: Apache-2.0
// Finals with more or fewer rows than their base: a vocabulary that grew, was padded or cut.
#include "core/rebuild/unpack.h"
#include "core/rebuild/verify.h"
#include "core/source/base_model.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kOdd = "odd.weight";  ///< with an odd number of elements, so that a byte holds a code of each

std::vector<TensorData> baseTensors(DType dtype = DType::BF16) {
  auto tensors = smallLlama(dtype);
  tensors.push_back(randomTensor(kOdd, dtype, {11, 13}, 77));
  return tensors;
}

/// `rows` rows, the shared ones a little changed, others made anew; every fourth of these zero.
TensorData resized(const TensorData& tensor, std::uint64_t rows) {
  const std::uint64_t width = tensor.bytes.size() / tensor.spec.shape[0];
  TensorData result = nudged(tensor, 5);
  auto more = randomTensor(tensor.spec.name, tensor.spec.dtype, {rows, tensor.spec.shape[1]}, 99);
  const std::size_t shared = std::min(result.bytes.size(), more.bytes.size());
  std::copy_n(result.bytes.begin(), shared, more.bytes.begin());
  for (std::uint64_t row = tensor.spec.shape[0]; row < rows; row += 4)
    std::fill_n(more.bytes.begin() + static_cast<std::ptrdiff_t>(row * width), width, std::byte{0});
  return more;
}

/// A folder with "parent" (16 or 32 bits), maybe packed as "base", and "final".
class Resized {
 public:
  Resized(BaseKind kind, std::int64_t more, DType baseType = DType::BF16) {
    auto tensors = baseTensors();
    writeModel(at("parent"), baseTensors(baseType));
    base = at("parent");
    if (kind != BaseKind::Same) {
      PackRequest request;
      request.final = at("parent");
      request.quantize = kind == BaseKind::Nf4   ? QuantFormat::Nf4
                         : kind == BaseKind::Fp4 ? QuantFormat::Fp4
                                                 : QuantFormat::Int8;
      request.scope = PackScope::All;
      request.out = base = at("base");
      take(pack(request, {}));
    }
    for (auto& tensor : tensors) {
      const bool changes = tensor.spec.name == kEmbedding || tensor.spec.name == kOdd;
      const auto rows = static_cast<std::uint64_t>(static_cast<std::int64_t>(tensor.spec.shape[0]) + more);
      tensor = changes ? resized(tensor, rows) : nudged(tensor, 3);
    }
    writeModel(at("final"), tensors, 2);
  }
  [[nodiscard]] fs::path at(const std::string& name) const { return fs::path(m_folder.path().toStdString()) / name; }
  [[nodiscard]] PackRequest packing(std::optional<CodecId> codec = std::nullopt) const {
    PackRequest request;
    request.base = base;
    request.final = at("final");
    request.out = at("out.delta.safetensors");
    request.codec = codec;
    request.overwrite = true;
    return request;
  }
  /// What differs between the final and what the payload gives; nothing when all is right.
  [[nodiscard]] QString unpacked() const {
    UnpackRequest request;
    request.path = at("out.delta.safetensors");
    request.base = base;
    request.out = at("unpacked");
    fs::remove_all(request.out);
    take(unpack(request, {}));
    return difference(at("final"), request.out);
  }
  [[nodiscard]] Result<VerifyResult> verified(const fs::path& over) const {
    VerifyRequest request;
    request.path = at("out.delta.safetensors");
    request.base = over;
    request.final = at("final");
    return verify(request, {});
  }
  fs::path base;

 private:
  QTemporaryDir m_folder;
};

}  // namespace

class TestOtherRows : public QObject {
  Q_OBJECT
 private slots:
  void comeBackBitForBit_data();
  void comeBackBitForBit();
  void areZerosForNothing();
  void areSmallerThanWithoutABase();
  void checkTheWholeBase_data();
  void checkTheWholeBase();
  void needTheSameWidth();
  void areBounded();
};

void TestOtherRows::comeBackBitForBit_data() {
  QTest::addColumn<int>("kind");
  QTest::addColumn<int>("more");
  QTest::addColumn<int>("baseType");
  for (const auto kind : {BaseKind::Same, BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8})
    for (const int more : {1, 4, 100, 150, -1, -5})
      QTest::addRow("%s %+d", nameOf(kind).data(), more) << static_cast<int>(kind) << more << static_cast<int>(DType::BF16);
  QTest::newRow("a base of another type") << static_cast<int>(BaseKind::Same) << 3 << static_cast<int>(DType::F32);
  QTest::newRow("fewer of another type") << static_cast<int>(BaseKind::Same) << -3 << static_cast<int>(DType::F32);
}

void TestOtherRows::comeBackBitForBit() {
  QFETCH(int, kind);
  QFETCH(int, more);
  QFETCH(int, baseType);
  const Resized model(static_cast<BaseKind>(kind), more, static_cast<DType>(baseType));
  for (const auto& codec : {std::optional<CodecId>(), std::optional(CodecId::Sparse), std::optional(CodecId::Entropy),
                            std::optional(CodecId::Bitpack), std::optional(CodecId::Zstd), std::optional(CodecId::Additive)}) {
    const auto packed = take(pack(model.packing(codec), {}));
    QCOMPARE(packed.notes.size(), 2u);
    QVERIFY(packed.notes[0].find("rows that are shared") != std::string::npos);
    const auto payload = take(Payload::open(packed.payload));
    QCOMPARE(payload.version(), 2);
    const TensorStats& row = *payload.find(kEmbedding);
    QCOMPARE(row.base, static_cast<BaseKind>(kind));
    QCOMPARE(row.baseShape, (std::vector<std::uint64_t>{301, 64}));
    QCOMPARE(payload.find(kOdd)->baseShape, (std::vector<std::uint64_t>{11, 13}));
    QVERIFY(payload.find("model.norm.weight")->baseShape.empty());
    const auto result = take(model.verified(model.base));
    for (const auto& verdict : result.verdicts) QVERIFY2(verdict.bitExact, (verdict.tensor + ": " + verdict.problem).c_str());
    QCOMPARE(model.unpacked(), QString());
  }
}

/// A vocabulary that was only padded is its base and zeros.
void TestOtherRows::areZerosForNothing() {
  const Resized model(BaseKind::Same, 19);
  auto tensors = baseTensors();
  for (auto& tensor : tensors)
    if (tensor.spec.name == kEmbedding) {
      tensor.spec.shape[0] += 19;
      tensor.bytes.resize(tensor.bytes.size() + 19 * 128);
    }
  fs::remove_all(model.at("final"));
  writeModel(model.at("final"), tensors);
  take(pack(model.packing(), {}));
  const auto payload = take(Payload::open(model.at("out.delta.safetensors")));
  QCOMPARE(payload.find(kEmbedding)->codec, CodecId::Identical);
  QVERIFY(take(model.verified(model.base)).bitExact);
  QCOMPARE(model.unpacked(), QString());
}

void TestOtherRows::areSmallerThanWithoutABase() {
  const Resized model(BaseKind::Same, 4);
  take(pack(model.packing(), {}));
  const auto payload = take(Payload::open(model.at("out.delta.safetensors")));
  const TensorStats& row = *payload.find(kEmbedding);
  QVERIFY2(row.storedBytes * 4 < row.finalBytes, qPrintable(QString::number(row.storedBytes)));
}

void TestOtherRows::checkTheWholeBase_data() {
  QTest::addColumn<int>("kind");
  QTest::addColumn<int>("more");
  for (const auto kind : {BaseKind::Same, BaseKind::Nf4})
    for (const int more : {4, -5}) QTest::addRow("%s %+d", nameOf(kind).data(), more) << static_cast<int>(kind) << more;
}

/// The last row of the base, which a shorter final does not need, belongs to it.
void TestOtherRows::checkTheWholeBase() {
  QFETCH(int, kind);
  QFETCH(int, more);
  const Resized model(static_cast<BaseKind>(kind), more);
  take(pack(model.packing(), {}));
  const auto file = model.base / (static_cast<BaseKind>(kind) == BaseKind::Same ? "model.safetensors" : "base.safetensors");
  const auto opened = take(SafetensorsFile::open(file));
  const auto* tensor = opened.find(kEmbedding);
  flipBit(file, tensor->offset + tensor->bytes - 1);
  const auto result = model.verified(model.base);
  QVERIFY(!result);
  QCOMPARE(result.error().code, ErrorCode::Mismatch);
  QVERIFY(describe(result.error()).find(kEmbedding) != std::string::npos);
}

void TestOtherRows::needTheSameWidth() {
  const Resized model(BaseKind::Same, 4);
  auto tensors = baseTensors();
  tensors[0] = randomTensor(kEmbedding, DType::BF16, {301, 65}, 3);
  fs::remove_all(model.at("final"));
  writeModel(model.at("final"), tensors);
  const auto packed = take(pack(model.packing(), {}));
  QCOMPARE(packed.notes.size(), 1u);
  QVERIFY2(packed.notes[0].find("301 × 65") != std::string::npos, packed.notes[0].c_str());
  QVERIFY(packed.notes[0].find("without a base") != std::string::npos);
  QCOMPARE(take(Payload::open(packed.payload)).find(kEmbedding)->base, BaseKind::None);
  QCOMPARE(take(Payload::open(packed.payload)).version(), 2);
  QVERIFY(take(model.verified(model.base)).bitExact);
  QCOMPARE(model.unpacked(), QString());
}

void TestOtherRows::areBounded() {
  using Shape = std::vector<std::uint64_t>;
  QVERIFY(mayGrow(Shape{2, 8}, Shape{32, 8}));
  QVERIFY(!mayGrow(Shape{2, 8}, Shape{33, 8}));
  QVERIFY(mayGrow(Shape{100, 8}, Shape{1, 8}));
  QVERIFY(mayGrow(Shape{4, 3, 2}, Shape{5, 3, 2}));
  QVERIFY(!mayGrow(Shape{2, 8}, Shape{2, 8}));
  QVERIFY(!mayGrow(Shape{2, 8}, Shape{3, 9}));
  QVERIFY(!mayGrow(Shape{2}, Shape{3}));
  QVERIFY(!mayGrow(Shape{0, 8}, Shape{3, 8}));
  QVERIFY(!mayGrow(Shape{3, 8}, Shape{0, 8}));
  QVERIFY(!mayGrow(Shape{3, 0}, Shape{2, 0}));
  QVERIFY(!mayGrow(Shape{3, 8}, Shape{24}));
  QVERIFY(!mayGrow(Shape{1, 8}, Shape{~std::uint64_t{0}, 8}));
}

QTEST_APPLESS_MAIN(TestOtherRows)
#include "test_other_rows.moc"
