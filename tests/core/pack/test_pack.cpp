// SPDX-License-Identifier: Apache-2.0
#include "core/pack/pack.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

Q_DECLARE_METATYPE(deltascope::PackRequest)

class TestPack : public QObject {
  Q_OBJECT
 private slots:
  void quantizedModelsComeBack_data();
  void quantizedModelsComeBack();
  void fineTunesComeBack_data();
  void fineTunesComeBack();
  void countsWhatItWrote();
  void writesTheSameBytesForAnyNumberOfThreads_data();
  void writesTheSameBytesForAnyNumberOfThreads();
  void keepsTheFinalsConfiguration();
  void leadsOtherReadersToTheBase();
  void quantizesLinearLayersOnly();
  void packsWithoutQuantizingWhenAllowed();
  void keepsBytesApartFromEightBitWeights();
  void leavesWeightsWhosePartsHaveNoName();
  void storesIdenticalTensorsAsRows();
  void findsTheOneDifferenceTheSampleMissed();
  void packsOverAQuantizedBase();
  void packsOverABaseOfAnotherType();
  void storesTensorsThatTheBaseLacks();
  void obeysTheNumberOfChunks();
  void estimatesWhatPackingGives();
  void estimatesCountCompanions();
  void reportsProgress();
};

namespace {

PackRequest quantizing(QuantFormat format) {
  PackRequest request;
  request.quantize = format;
  return request;
}

}  // namespace

void TestPack::quantizedModelsComeBack_data() {
  QTest::addColumn<PackRequest>("request");
  QTest::addColumn<int>("dtype");
  for (const auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8}) {
    for (const auto scope : {PackScope::Linear, PackScope::All}) {
      for (const auto dtype : {DType::BF16, DType::F16, DType::F32}) {
        auto request = quantizing(format);
        request.scope = scope;
        const auto name =
            std::string(nameOf(format)) + (scope == PackScope::All ? " all " : " linear ") + std::string(nameOf(dtype));
        QTest::newRow(name.c_str()) << request << static_cast<int>(dtype);
        if (format == QuantFormat::Int8) continue;
        request.doubleQuant = true;
        QTest::newRow((name + " double").c_str()) << request << static_cast<int>(dtype);
      }
    }
  }
  for (const unsigned blocksize : {32u, 128u, 4096u}) {
    auto request = quantizing(QuantFormat::Nf4);
    request.blocksize = blocksize;
    request.doubleQuant = blocksize == 128;
    QTest::newRow(qPrintable(QString("blocksize %1").arg(blocksize))) << request << static_cast<int>(DType::BF16);
  }
  for (const auto id : {CodecId::Raw, CodecId::Sparse, CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::Additive}) {
    auto request = quantizing(QuantFormat::Nf4);
    request.scope = PackScope::All;
    request.codec = id;
    QTest::newRow(std::string(nameOf(id)).c_str()) << request << static_cast<int>(DType::BF16);
  }
}

void TestPack::quantizedModelsComeBack() {
  QFETCH(PackRequest, request);
  QFETCH(int, dtype);
  const Workspace space;
  request.final = space.at("final");
  request.out = space.at("packed");
  writeModel(request.final, llamaWithAMatrix(static_cast<DType>(dtype)), 3);
  take(pack(request, withThreads(3)));
  QCOMPARE(roundTripProblem(space, request.out, {}, request.final), QString());
}

void TestPack::fineTunesComeBack_data() {
  QTest::addColumn<QString>("codec");
  QTest::addColumn<int>("dtype");
  QTest::addColumn<int>("stride");
  for (const auto dtype : {DType::BF16, DType::F16, DType::F32}) {
    for (const int stride : {1, 3, 500}) {
      const QString row = QString::fromStdString(std::string(nameOf(dtype))) + " every " + QString::number(stride);
      QTest::newRow(qPrintable(row)) << QString() << static_cast<int>(dtype) << stride;
    }
  }
  for (const char* id : {"raw", "sparse", "entropy", "bitpack", "zstd", "additive"})
    QTest::newRow(id) << QString(id) << static_cast<int>(DType::BF16) << 7;
}

void TestPack::fineTunesComeBack() {
  QFETCH(QString, codec);
  QFETCH(int, dtype);
  QFETCH(int, stride);
  const Workspace space;
  auto tensors = llamaWithAMatrix(static_cast<DType>(dtype));
  writeModel(space.at("base"), tensors);
  for (auto& tensor : tensors) tensor = nudged(tensor, static_cast<std::size_t>(stride));
  writeModel(space.at("final"), tensors, 2);
  PackRequest request;
  request.base = space.at("base");
  request.final = space.at("final");
  request.out = space.at("tuned.delta.safetensors");
  request.codec = codecFromName(codec.toStdString());
  take(pack(request, withThreads(2)));
  QCOMPARE(roundTripProblem(space, request.out, request.base, request.final), QString());
  const auto payload = take(Payload::open(request.out));
  const auto& row = rowOf(payload, "model.layers.1.mlp.gate_proj.weight");
  if (request.codec) {
    QCOMPARE(row.codec, *request.codec);
    QVERIFY(row.forced);
  }
  QCOMPARE(row.zeroDeltas,
           row.elements - (row.elements + static_cast<std::uint64_t>(stride) - 1) / static_cast<std::uint64_t>(stride));
}

void TestPack::countsWhatItWrote() {
  const Workspace space;
  writeModel(space.at("final"), llamaWithAMatrix(DType::BF16), 2);
  auto request = quantizing(QuantFormat::Nf4);
  request.final = space.at("final");
  request.out = space.at("packed");
  const auto result = take(pack(request, {}));
  const auto checkpoint = take(Checkpoint::open(request.final));
  std::uint64_t elements = 0;
  for (const auto& tensor : checkpoint.tensors()) elements += tensor.elements;
  QCOMPARE(result.tensors, checkpoint.tensors().size());
  QCOMPARE(result.elements, elements);
  QCOMPARE(result.finalBytes, checkpoint.totalBytes());
  QCOMPARE(result.payloadBytes, fs::file_size(request.out / "model.delta.safetensors"));
  QCOMPARE(result.baseBytes, fs::file_size(request.out / "base.safetensors"));
  QCOMPARE(result.payloadBitsPerWeight, 8.0 * static_cast<double>(result.payloadBytes) / static_cast<double>(elements));
  QCOMPARE(result.totalBitsPerWeight,
           8.0 * static_cast<double>(result.payloadBytes + result.baseBytes) / static_cast<double>(elements));
  const auto payload = take(Payload::open(result.payload));
  std::uint64_t zeros = 0, stored = 0;
  for (const auto& row : payload.tensors()) {
    zeros += row.zeroDeltas;
    stored += row.storedBytes;
  }
  QCOMPARE(result.sparsity, static_cast<double>(zeros) / static_cast<double>(elements));
  QCOMPARE(stored + payload.headerBytes(), result.payloadBytes);
}

void TestPack::writesTheSameBytesForAnyNumberOfThreads_data() {
  QTest::addColumn<PackRequest>("request");
  auto request = quantizing(QuantFormat::Nf4);
  QTest::newRow("nf4") << request;
  request.doubleQuant = true;
  request.scope = PackScope::All;
  QTest::newRow("double") << request;
  QTest::newRow("int8") << quantizing(QuantFormat::Int8);
}

void TestPack::writesTheSameBytesForAnyNumberOfThreads() {
  QFETCH(PackRequest, request);
  const Workspace space;
  request.final = space.at("final");
  writeModel(request.final, llamaWithAMatrix(DType::BF16));
  for (const unsigned threads : {1u, 2u, 7u}) {
    request.out = space.at("packed" + std::to_string(threads));
    take(pack(request, withThreads(threads)));
    for (const char* name : {"base.safetensors", "model.delta.safetensors"})
      QCOMPARE(take(readTextFile(request.out / name)), take(readTextFile(space.at("packed1") / name)));
  }
}

void TestPack::keepsTheFinalsConfiguration() {
  const Workspace space;
  writeModel(space.at("final"), smallLlama());
  auto request = quantizing(QuantFormat::Nf4);
  request.final = space.at("final");
  request.out = space.at("linear");
  take(pack(request, {}));
  QCOMPARE(take(readTextFile(request.out / "config.final.json")), std::string(kConfigText));
  const auto config = nlohmann::json::parse(take(readTextFile(request.out / "config.json")));
  QCOMPARE(config["quantization_config"]["quant_method"], "bitsandbytes");
  QCOMPARE(config["model_type"], "llama");
  QVERIFY(fs::exists(request.out / "tokenizer_config.json"));
  take(unpack({.path = request.out, .base = {}, .out = space.at("back"), .overwrite = false}, {}));
  QCOMPARE(take(readTextFile(space.at("back") / "config.json")), std::string(kConfigText));
  QVERIFY(!fs::exists(space.at("back") / "config.final.json"));

  request.scope = PackScope::All;  // transformers cannot load it: the configuration stays as it is
  request.out = space.at("all");
  take(pack(request, {}));
  QCOMPARE(take(readTextFile(request.out / "config.json")), std::string(kConfigText));
  QVERIFY(!fs::exists(request.out / "config.final.json"));
}

void TestPack::leadsOtherReadersToTheBase() {
  const Workspace space;
  writeModel(space.at("final"), smallLlama());
  auto request = quantizing(QuantFormat::Nf4);
  request.final = space.at("final");
  request.out = space.at("packed");
  take(pack(request, {}));
  const auto base = take(Checkpoint::open(request.out, "base"));
  const auto asOthers = take(Checkpoint::open(request.out));  // by model.safetensors.index.json
  QCOMPARE(asOthers.tensors().size(), base.tensors().size());
  QVERIFY(base.find("model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4"));
  QCOMPARE(take(findQuantized(base)).weights.size(), 6u);
}

void TestPack::quantizesLinearLayersOnly() {
  const Workspace space;
  writeModel(space.at("final"), smallLlama());
  auto request = quantizing(QuantFormat::Int8);
  request.final = space.at("final");
  request.out = space.at("packed");
  take(pack(request, {}));
  const auto payload = take(Payload::open(request.out / "model.delta.safetensors"));
  for (const auto& row : payload.tensors()) {
    const bool linear = row.name.find("_proj") != std::string::npos;
    QCOMPARE(row.base, linear ? BaseKind::Int8 : BaseKind::Same);
    QCOMPARE(row.codec == CodecId::Identical, !linear);
  }
}

void TestPack::packsWithoutQuantizingWhenAllowed() {
  for (const auto& tensors : {std::vector<TensorData>{}, {randomTensor("counter", DType::I64, {3}, 1)}}) {
    const Workspace space;
    writeModel(space.at("final"), tensors);
    auto request = quantizing(QuantFormat::Nf4);
    request.final = space.at("final");
    request.out = space.at("packed");
    request.allowUnquantized = !tensors.empty();  // what is empty already is no larger
    take(pack(request, {}));
    QCOMPARE(roundTripProblem(space, request.out, {}, request.final), QString());
    // The packed model is a base as well.
    PackRequest over;
    over.base = request.out;
    over.final = space.at("final");
    over.out = space.at("over.delta.safetensors");
    take(pack(over, {}));
  }
}

void TestPack::keepsBytesApartFromEightBitWeights() {
  const Workspace space;
  writeModel(space.at("final"),
             {randomTensor("a.weight", DType::BF16, {64, 96}, 1), randomTensor("b.weight", DType::I8, {5, 32}, 2),
              randomTensor("embed.weight", DType::I8, {7, 3}, 3)});
  auto request = quantizing(QuantFormat::Int8);
  request.final = space.at("final");
  request.out = space.at("packed");
  take(pack(request, {}));
  QCOMPARE(roundTripProblem(space, request.out, {}, request.final), QString());
}

void TestPack::leavesWeightsWhosePartsHaveNoName() {
  for (const auto format : {QuantFormat::Nf4, QuantFormat::Int8}) {
    const Workspace space;
    writeModel(space.at("final"),
               {randomTensor("a.weight", DType::BF16, {64, 96}, 1), randomTensor("b.weight", DType::BF16, {64, 96}, 2),
                randomTensor("b.weight.absmax", DType::F32, {3}, 3), randomTensor("c.weight", DType::BF16, {64, 96}, 4),
                randomTensor("c.weight_format", DType::U8, {}, 5)});
    auto request = quantizing(format);
    request.final = space.at("final");
    request.out = space.at("packed");
    take(pack(request, {}));
    QCOMPARE(roundTripProblem(space, request.out, {}, request.final), QString());
    const auto payload = take(Payload::open(request.out / "model.delta.safetensors"));
    QCOMPARE(rowOf(payload, "a.weight").base, format == QuantFormat::Nf4 ? BaseKind::Nf4 : BaseKind::Int8);
    for (const char* name : {"b.weight", "c.weight"}) QCOMPARE(rowOf(payload, name).base, BaseKind::Same);
  }
}

void TestPack::storesIdenticalTensorsAsRows() {
  const Workspace space;
  const auto tensors = llamaWithAMatrix(DType::BF16);
  writeModel(space.at("base"), tensors);
  writeModel(space.at("final"), tensors);
  PackRequest request;
  request.base = space.at("base");
  request.final = space.at("final");
  request.out = space.at("same.delta.safetensors");
  const auto result = take(pack(request, {}));
  QCOMPARE(result.sparsity, 1.0);
  const auto payload = take(Payload::open(request.out));
  std::uint64_t stored = payload.headerBytes();
  for (const auto& companion : payload.companions()) stored += companion.storedBytes;
  QCOMPARE(stored, result.payloadBytes);
  QCOMPARE(roundTripProblem(space, request.out, request.base, request.final), QString());
}

/// A sample of 64 tiles cannot see one element among three million.
void TestPack::findsTheOneDifferenceTheSampleMissed() {
  const Workspace space;
  std::vector<TensorData> tensors{randomTensor("w", DType::BF16, {1500, 2000}, 1), randomTensor("x", DType::BF16, {8}, 2)};
  writeModel(space.at("base"), tensors);
  tensors[0].bytes[2 * 1'234'567] ^= std::byte{1};
  writeModel(space.at("final"), tensors);
  PackRequest request;
  request.base = space.at("base");
  request.final = space.at("final");
  request.out = space.at("one.delta.safetensors");
  const auto result = take(pack(request, {}));
  const auto payload = take(Payload::open(request.out));
  QVERIFY(rowOf(payload, "w").codec != CodecId::Identical);
  QCOMPARE(rowOf(payload, "w").zeroDeltas, 2'999'999u);
  QCOMPARE(rowOf(payload, "x").codec, CodecId::Identical);
  QVERIFY2(result.payloadBytes < 4096, qPrintable(QString::number(result.payloadBytes)));
  QCOMPARE(roundTripProblem(space, request.out, request.base, request.final), QString());
}

void TestPack::packsOverAQuantizedBase() {
  for (const auto format : {QuantFormat::Nf4, QuantFormat::Int8}) {
    const Workspace space;
    auto tensors = llamaWithAMatrix(DType::BF16);
    writeModel(space.at("first"), tensors);
    auto request = quantizing(format);
    request.final = space.at("first");
    request.out = space.at("quantized");
    request.doubleQuant = format == QuantFormat::Nf4;
    take(pack(request, {}));
    fs::remove(request.out / "model.delta.safetensors");

    for (auto& tensor : tensors) tensor = nudged(tensor, 5);
    writeModel(space.at("final"), tensors);
    PackRequest over;
    over.base = space.at("quantized");
    over.final = space.at("final");
    over.out = space.at("over.delta.safetensors");
    take(pack(over, {}));
    const auto payload = take(Payload::open(over.out));
    QCOMPARE(rowOf(payload, "model.layers.0.mlp.up_proj.weight").base,
             format == QuantFormat::Nf4 ? BaseKind::Nf4 : BaseKind::Int8);
    QCOMPARE(roundTripProblem(space, over.out, over.base, over.final), QString());
  }
}

void TestPack::packsOverABaseOfAnotherType() {
  const Workspace space;
  writeModel(space.at("base"), llamaWithAMatrix(DType::F32));
  writeModel(space.at("final"), llamaWithAMatrix(DType::BF16));
  PackRequest request;
  request.base = space.at("base");
  request.final = space.at("final");
  request.out = space.at("rounded.delta.safetensors");
  take(pack(request, {}));
  const auto payload = take(Payload::open(request.out));
  QVERIFY(rowOf(payload, "model.norm.weight").sparsity() > 0.3);  // the final is the base cut off, the base is rounded
  QCOMPARE(roundTripProblem(space, request.out, request.base, request.final), QString());
}

void TestPack::storesTensorsThatTheBaseLacks() {
  const Workspace space;
  auto tensors = smallLlama();
  auto base = tensors;
  base.push_back(randomTensor("only.in.base", DType::BF16, {64, 64}, 3));
  writeModel(space.at("base"), base);
  tensors.push_back(randomTensor("lm_head.weight", DType::BF16, {301, 64}, 4));
  tensors.push_back(randomTensor("bytes", DType::U8, {100}, 5));
  writeModel(space.at("final"), tensors);
  PackRequest request;
  request.base = space.at("base");
  request.final = space.at("final");
  request.out = space.at("more.delta.safetensors");
  take(pack(request, {}));
  const auto payload = take(Payload::open(request.out));
  QCOMPARE(rowOf(payload, "lm_head.weight").base, BaseKind::None);
  QCOMPARE(rowOf(payload, "lm_head.weight").baseBytes, 0u);
  QCOMPARE(rowOf(payload, "bytes").base, BaseKind::None);
  QCOMPARE(payload.facts().at("tensors only in the base"), std::string("1"));
  QCOMPARE(roundTripProblem(space, request.out, request.base, request.final), QString());
}

void TestPack::obeysTheNumberOfChunks() {
  const Workspace space;
  auto tensors = llamaWithAMatrix(DType::BF16);
  writeModel(space.at("final"), tensors);
  for (const unsigned chunks : {1u, 2u, 64u}) {
    auto request = quantizing(QuantFormat::Nf4);
    request.final = space.at("final");
    request.out = space.at("packed" + std::to_string(chunks));
    request.chunks = chunks;
    take(pack(request, {}));
    const auto payload = take(Payload::open(request.out / "model.delta.safetensors"));
    const auto& row = rowOf(payload, "model.layers.1.mlp.gate_proj.weight");
    QCOMPARE(row.chunkCount, std::min<std::uint64_t>(chunks, 4));  // 210,399 elements, chunks of at least 65,536
    QCOMPARE(row.chunkElements % kTileElements, 0u);
  }
}

void TestPack::estimatesWhatPackingGives() {
  const Workspace space;
  writeModel(space.at("final"), llamaWithAMatrix(DType::BF16));
  auto request = quantizing(QuantFormat::Nf4);
  request.final = space.at("final");
  request.out = space.at("packed");
  const auto estimate = take(estimatePack(request, {}));
  QCOMPARE(space.files().size(), 4u);  // the folder and its three files; nothing was written
  const auto result = take(pack(request, {}));
  QCOMPARE(estimate.tensors, result.tensors);
  QCOMPARE(estimate.elements, result.elements);
  QCOMPARE(estimate.finalBytes, result.finalBytes);
  const auto payload = take(Payload::open(result.payload));
  QCOMPARE(estimate.rows.size(), payload.tensors().size());
  for (std::size_t i = 0; i < estimate.rows.size(); ++i) {
    QCOMPARE(estimate.rows[i].codec, payload.tensors()[i].codec);
    QCOMPARE(estimate.rows[i].baseBytes, payload.tensors()[i].baseBytes);
  }
  // The sample is most of this model: what is left are headers and padding.
  const double off = static_cast<double>(estimate.payloadBytes) / static_cast<double>(result.payloadBytes);
  QVERIFY2(off > 0.97 && off < 1.03, qPrintable(QString::number(off)));
}

void TestPack::estimatesCountCompanions() {
  const Workspace space;
  writeModel(space.at("base"), llamaWithAMatrix(DType::BF16));
  writeModel(space.at("final"), llamaWithAMatrix(DType::BF16, 2));
  PackRequest request;
  request.base = space.at("base");
  request.final = space.at("final");
  request.out = space.at("out.delta.safetensors");
  const auto without = take(estimatePack(request, {}));
  const auto noise = randomTensor("noise", DType::F32, {100'000}, 5).bytes;
  const std::string binary(reinterpret_cast<const char*>(noise.data()), noise.size());
  take(writeTextFile(space.at("final/tokenizer.model"), binary));
  take(writeTextFile(space.at("final/tokenizer.json"), std::string(3'000'000, ' ')));
  const auto with = take(estimatePack(request, {}));
  QVERIFY(with.payloadBytes - without.payloadBytes == with.companionBytes - without.companionBytes);
  QVERIFY2(with.companionBytes > 350'000 && with.companionBytes < 410'000, qPrintable(QString::number(with.companionBytes)));
  const auto result = take(pack(request, {}));
  const double off = static_cast<double>(with.payloadBytes) / static_cast<double>(result.payloadBytes);
  QVERIFY2(off > 0.97 && off < 1.03, qPrintable(QString::number(off)));
}

void TestPack::reportsProgress() {
  const Workspace space;
  writeModel(space.at("final"), llamaWithAMatrix(DType::BF16));
  auto request = quantizing(QuantFormat::Nf4);
  request.final = space.at("final");
  request.out = space.at("packed");
  std::vector<Progress> reports;
  JobContext job = withThreads(2);
  job.progress = [&](const Progress& progress) { reports.push_back(progress); };
  const auto result = take(pack(request, job));
  QVERIFY(reports.size() >= 3);
  for (std::size_t i = 1; i < reports.size(); ++i) {
    QVERIFY(reports[i].bytesDone >= reports[i - 1].bytesDone);
    QVERIFY(reports[i].seconds >= reports[i - 1].seconds);
  }
  // Sampling is part of the work: there is something to tell before the first byte is packed.
  const auto sampling = [](const Progress& report) { return report.phase == "sampling" && report.bytesDone > 0; };
  const auto packing = std::find_if(reports.begin(), reports.end(), [](const auto& r) { return r.phase == "packing"; });
  QVERIFY(std::any_of(reports.begin(), reports.end(), sampling) || packing->bytesDone > 0);
  QCOMPARE(reports.back().bytesDone, result.finalBytes);
  QCOMPARE(reports.back().bytesTotal, result.finalBytes);
  QCOMPARE(reports.back().tensorsDone, result.tensors);
}

QTEST_APPLESS_MAIN(TestPack)
#include "test_pack.moc"
