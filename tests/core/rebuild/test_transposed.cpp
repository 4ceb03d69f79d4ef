// SPDX-License-Identifier: Apache-2.0
// Conv1D layers: stored as [in, out] by a model, quantized as their transposes by bitsandbytes, and exact all the same.
#include "core/rebuild/transposed.h"
#include "core/rebuild/unpack.h"

#include "core/inspect/inspect.h"
#include "core/quant/quant.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

const fs::path kLibrary = fs::path(DELTASCOPE_TEST_DATA) / "quant" / "conv1d";
constexpr const char* kWide = "h.0.attn.c_attn.weight";
constexpr const char* kSquare = "h.0.attn.c_proj.weight";

std::vector<TensorData> smallGpt2(DType dtype) {
  return {randomTensor("wte.weight", dtype, {50, 64}, 1),
          randomTensor(kWide, dtype, {67, 311}, 2),
          randomTensor("h.0.attn.c_attn.bias", dtype, {311}, 3),
          randomTensor(kSquare, dtype, {96, 96}, 4),
          randomTensor("h.0.mlp.c_fc.weight", dtype, {300, 500}, 5),
          randomTensor("h.0.mlp.c_proj.weight", dtype, {5, 2}, 6)};
}

/// A folder with "final" of GPT-2's kind.
class Gpt2 {
 public:
  explicit Gpt2(DType dtype, std::size_t shards = 1) {
    writeModel(at("final"), smallGpt2(dtype), shards);
    take(writeTextFile(at("final") / "config.json", "{\"model_type\": \"gpt2\", \"n_embd\": 64}"));
  }
  [[nodiscard]] fs::path at(const std::string& name) const { return fs::path(m_folder.path().toStdString()) / name; }
  [[nodiscard]] PackRequest quantizing(QuantFormat format) const {
    PackRequest request;
    request.final = at("final");
    request.quantize = format;
    request.out = at("packed");
    request.verify = true;
    request.overwrite = true;
    return request;
  }

 private:
  QTemporaryDir m_folder;
};

/// What differs between the final and what a payload gives: nothing.
QString unlike(const Gpt2& model, const fs::path& payload, const fs::path& base) {
  VerifyRequest check;
  check.path = payload;
  check.base = base;
  check.final = model.at("final");
  for (const auto& verdict : take(verify(check, {})).verdicts)
    if (!verdict.bitExact) return QString::fromStdString(verdict.tensor + ": " + verdict.problem);
  UnpackRequest request;
  request.path = payload;
  request.base = base;
  request.out = model.at("unpacked");
  request.verify = true;
  request.overwrite = true;
  take(unpack(request, {}));
  return difference(model.at("final"), request.out);
}

}  // namespace

class TestTransposed : public QObject {
  Q_OBJECT
 private slots:
  void rangesAreReadAndWritten();
  void comeBackBitForBit_data();
  void comeBackBitForBit();
  void lieOverAFolderOfTheLibrary();
  void areWhatTheLibraryStores();
  void tellADifference();
  void showTheFinalsShape();
};

void TestTransposed::rangesAreReadAndWritten() {
  const std::vector<std::uint64_t> stored{7, 5};
  std::vector<std::uint16_t> matrix(35), whole(35), back(35);
  for (std::uint16_t i = 0; i < 35; ++i) matrix[i] = i;
  for (std::size_t i = 0; i < 35; ++i) whole[i] = matrix[i % 7 * 5 + i / 7];
  const auto bytes = std::as_writable_bytes(std::span(matrix));
  for (std::size_t first = 0; first < 35; ++first)
    for (std::size_t count = 1; first + count <= 35; ++count) {
      std::vector<std::uint16_t> range(count);
      take(readTransposed(stored, 2, first, std::as_writable_bytes(std::span(range)),
                          [&](std::uint64_t begin, std::span<std::byte> into) -> Result<void> {
                            std::ranges::copy(bytes.subspan(begin, into.size()), into.begin());
                            return {};
                          }));
      QVERIFY(std::ranges::equal(range, std::span(whole).subspan(first, count)));
      std::ranges::fill(back, std::uint16_t{99});
      std::size_t written = 0;
      take(writeTransposed(stored, 2, first, std::as_bytes(std::span(range)),
                           [&](std::uint64_t begin, std::span<const std::byte> from) -> Result<void> {
                             std::memcpy(reinterpret_cast<std::byte*>(back.data()) + begin, from.data(), from.size());
                             written += from.size();
                             return {};
                           }));
      QCOMPARE(written, 2 * count);
      for (std::size_t i = 0; i < 35; ++i) {
        const std::size_t at = i % 5 * 7 + i / 5;
        QCOMPARE(back[i], at >= first && at < first + count ? matrix[i] : std::uint16_t{99});
      }
    }
}

void TestTransposed::comeBackBitForBit_data() {
  QTest::addColumn<int>("dtype");
  QTest::addColumn<int>("format");
  QTest::addColumn<bool>("nested");
  for (const auto dtype : {DType::BF16, DType::F16, DType::F32})
    for (const auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8})
      for (const bool nested : {false, true})
        if (!nested || format != QuantFormat::Int8)
          QTest::addRow("%s %s%s", nameOf(dtype).data(), nameOf(format).data(), nested ? " nested" : "")
              << static_cast<int>(dtype) << static_cast<int>(format) << nested;
}

void TestTransposed::comeBackBitForBit() {
  QFETCH(int, dtype);
  QFETCH(int, format);
  QFETCH(bool, nested);
  const Gpt2 model(static_cast<DType>(dtype), nested ? 3 : 1);
  PackRequest request = model.quantizing(static_cast<QuantFormat>(format));
  request.doubleQuant = nested;
  std::vector<std::optional<CodecId>> codecs{std::nullopt};
  if (static_cast<DType>(dtype) == DType::BF16)
    for (const auto codec : {CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::Sparse, CodecId::Additive})
      codecs.emplace_back(codec);
  for (const auto codec : codecs) {
    request.codec = codec;
    const auto packed = take(pack(request, {}));
    const auto payload = take(Payload::open(packed.payload));
    QCOMPARE(payload.version(), 3);
    for (const auto& row : payload.tensors()) QCOMPARE(row.transposed, row.base != BaseKind::Same);
    QCOMPARE(payload.find(kWide)->shape, (std::vector<std::uint64_t>{311, 67}));
    const auto base = take(Checkpoint::open(model.at("packed"), "base"));
    QCOMPARE(take(findQuantized(base)).weights.at(kWide).shape, (std::vector<std::uint64_t>{311, 67}));
    QCOMPARE(unlike(model, model.at("packed"), {}), QString());
  }
}

/// A base that was quantized before: its matrices are the transposes of the final's, the square ones too.
void TestTransposed::lieOverAFolderOfTheLibrary() {
  const Gpt2 model(DType::BF16);
  take(pack(model.quantizing(QuantFormat::Nf4), {}));
  fs::remove(model.at("packed") / "model.delta.safetensors");
  PackRequest request;
  request.base = model.at("packed");
  request.final = model.at("final");
  request.out = model.at("over.delta.safetensors");
  const auto packed = take(pack(request, {}));
  QVERIFY(packed.notes.empty());
  const auto payload = take(Payload::open(packed.payload));
  QVERIFY(payload.find(kWide)->transposed && payload.find(kSquare)->transposed);
  QVERIFY(payload.find(kSquare)->bitsPerWeight() < 12);
  QCOMPARE(unlike(model, packed.payload, request.base), QString());
}

void TestTransposed::areWhatTheLibraryStores() {
  QTemporaryDir folder;
  PackRequest request;
  request.final = kLibrary / "source";
  request.quantize = QuantFormat::Nf4;
  request.out = fs::path(folder.path().toStdString()) / "packed";
  take(pack(request, {}));
  const auto mine = take(Checkpoint::open(request.out, "base")), theirs = take(Checkpoint::open(kLibrary / "nf4.safetensors"));
  QVERIFY(take(findQuantized(theirs)).weights.size() == 4);
  for (const auto& tensor : theirs.tensors()) {
    QVERIFY2(mine.find(tensor.name), tensor.name.c_str());
    const auto bytes = take(mine.readAll(*mine.find(tensor.name)));
    if (tensor.name.find("quant_state") == std::string::npos) {
      QVERIFY2(bytes == take(theirs.readAll(tensor)), tensor.name.c_str());
      continue;
    }
    const auto text = [](const std::vector<std::byte>& b) {
      return std::string(reinterpret_cast<const char*>(b.data()), b.size());
    };
    QCOMPARE(nlohmann::json::parse(text(bytes)), nlohmann::json::parse(text(take(theirs.readAll(tensor)))));
  }
  const auto config = mine.config().at("quantization_config");
  QCOMPARE(config.at("llm_int8_skip_modules"), nlohmann::json({"lm_head", "transformer.wpe", "transformer.wte"}));
}

void TestTransposed::tellADifference() {
  const Gpt2 model(DType::BF16);
  take(pack(model.quantizing(QuantFormat::Nf4), {}));
  auto tensors = smallGpt2(DType::BF16);
  tensors[1].bytes[2 * (3 * 311 + 7)] ^= std::byte{1};  // row 3, column 7
  writeModel(model.at("other"), tensors);
  VerifyRequest check;
  check.path = model.at("packed");
  check.final = model.at("other");
  const auto result = take(verify(check, {}));
  QVERIFY(!result.bitExact);
  QCOMPARE(result.elementsDifferent, 1u);
  QCOMPARE(result.firstDifference->first, kWide);
  QCOMPARE(result.firstDifference->second, 7u * 67 + 3);
}

void TestTransposed::showTheFinalsShape() {
  const Gpt2 model(DType::BF16);
  const auto packed = take(pack(model.quantizing(QuantFormat::Nf4), {}));
  const auto payload = take(Payload::open(packed.payload));
  QVERIFY(toCsv(payload.tensors()).find("h.0.attn.c_attn.weight,67x311,BF16") != std::string::npos);
}

QTEST_GUILESS_MAIN(TestTransposed)
#include "test_transposed.moc"
