// SPDX-License-Identifier: Apache-2.0
#include <QCryptographicHash>

#include "core/pack/pack.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

const fs::path kChat = fs::path(DELTASCOPE_DEMO) / "chat";
const fs::path kPirate = fs::path(DELTASCOPE_DEMO) / "lora-pirate";
constexpr const char* kUp = "model.layers.0.mlp.up_proj.weight";  // 192 × 64 in smallLlama
constexpr const char* kDown = "model.layers.1.mlp.down_proj.weight";

/// A LoRA of rank 4 on `targets` (name without ".weight" → out, in), in `dtype`.
void writeAdapter(const fs::path& folder, unsigned seed, DType dtype, const std::map<std::string, std::pair<int, int>>& targets,
                  std::vector<TensorData> more = {}, const std::string& moreConfig = {}) {
  fs::create_directories(folder);
  take(
      writeTextFile(folder / "adapter_config.json",
                    R"({"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":["up_proj","down_proj"])" + moreConfig + "}"));
  for (const auto& [name, sizes] : targets) {
    const auto side = [](int n) { return static_cast<std::uint64_t>(n); };
    more.push_back(randomTensor("base_model.model." + name + ".lora_A.weight", dtype, {4, side(sizes.second)}, ++seed, 0.1F));
    more.push_back(randomTensor("base_model.model." + name + ".lora_B.weight", dtype, {side(sizes.first), 4}, ++seed, 0.1F));
  }
  writeFile(folder / "adapter_model.safetensors", more);
}

PackRequest adapting(const fs::path& base, std::vector<fs::path> adapters, const fs::path& out) {
  PackRequest request;
  request.base = base;
  request.adapters = std::move(adapters);
  request.out = out;
  return request;
}

fs::path unpackedFrom(const Workspace& space, const fs::path& payload, const fs::path& base) {
  const auto out = space.at("merged");
  take(unpack({.path = payload, .base = base, .out = out, .overwrite = fs::exists(out)}, {}));
  return out;
}

}  // namespace

class TestPackAdapter : public QObject {
  Q_OBJECT
 private slots:
  void givesPeftsOwnMerge();
  void mergesAsPeftDoes_data();
  void mergesAsPeftDoes();
  void storesTheFactorsAndLittleElse();
  void appliesSeveralInOrder();
  void correctsToAGivenMerge();
  void replacesWhatTheAdapterSaved();
  void worksOverAQuantizedBase();
  void namesTheTensorThatDoesNotFit();
};

/// merged.sha256.json: made by PEFT, see make_merged.py.
void TestPackAdapter::givesPeftsOwnMerge() {
  const Workspace space;
  const auto request = adapting(kChat, {kPirate}, space.at("pirate.delta.safetensors"));
  take(pack(request, withThreads(2)));
  const auto merged = take(Checkpoint::open(unpackedFrom(space, request.out, kChat)));
  const auto expected =
      nlohmann::json::parse(take(readTextFile(fs::path(DELTASCOPE_TEST_DATA) / "pipeline/merged.sha256.json")));
  QCOMPARE(merged.tensors().size(), expected.size());
  for (const auto& tensor : merged.tensors()) {
    const auto bytes = take(merged.readAll(tensor));
    const auto hash = QCryptographicHash::hash(QByteArrayView(bytes.data(), static_cast<qsizetype>(bytes.size())),
                                               QCryptographicHash::Sha256);
    QVERIFY2(hash.toHex().toStdString() == expected[tensor.name].get<std::string>(), tensor.name.c_str());
  }
}

/// merges.json: made by PEFT, see make_merges.py.
void TestPackAdapter::mergesAsPeftDoes_data() {
  QTest::addColumn<QString>("base");
  QTest::addColumn<QStringList>("changed");
  for (const auto& row :
       nlohmann::json::parse(take(readTextFile(fs::path(DELTASCOPE_TEST_DATA) / "pipeline" / "merges.json")))) {
    QStringList changed;
    for (const auto& name : row.at("changed")) changed << QString::fromStdString(name);
    QTest::newRow(row.at("case").get<std::string>().c_str()) << QString::fromStdString(row.at("base")) << changed;
  }
}
void TestPackAdapter::mergesAsPeftDoes() {
  QFETCH(QString, base);
  QFETCH(QStringList, changed);
  const fs::path merges = fs::path(DELTASCOPE_TEST_DATA) / "pipeline" / "merges", folder = merges / QTest::currentDataTag();
  const Workspace space;
  const auto request = adapting(merges / base.toStdString(), {folder}, space.at("a.delta.safetensors"));
  take(pack(request, withThreads(2)));
  const auto merged = take(Checkpoint::open(unpackedFrom(space, request.out, request.base)));
  const auto expected = take(Checkpoint::open(folder / "merged.safetensors")), before = take(Checkpoint::open(request.base));
  for (const auto& name : changed) QVERIFY2(merged.find(name.toStdString()), qPrintable(name));
  const bool unties = merged.find("lm_head.weight") && !before.find("lm_head.weight");
  QCOMPARE(unties, std::string_view(QTest::currentDataTag()).starts_with("unties"));
  if (unties) QCOMPARE(merged.config().at("tie_word_embeddings"), nlohmann::json(false));
  for (const auto& tensor : merged.tensors()) {
    const bool changes = changed.contains(QString::fromStdString(tensor.name));
    const auto& right = changes ? expected : before;
    const auto want = take(right.readAll(*right.find(tensor.name))), got = take(merged.readAll(tensor));
    QCOMPARE(got.size(), want.size());
    const std::size_t size = bytesOf(tensor.dtype);
    std::size_t different = 0;
    for (std::size_t i = 0; i < got.size(); i += size) {
      if (std::memcmp(&got[i], &want[i], size) == 0) continue;
      ++different;
      std::int32_t mine = 0, pefts = 0;  // neighbours differ by one as integers too
      std::memcpy(&mine, &got[i], size);
      std::memcpy(&pefts, &want[i], size);
      QVERIFY2(std::abs(mine - pefts) == 1, tensor.name.c_str());
    }
    // DoRA's norms are sums that torch adds in an order of its own.
    const bool dora = std::string_view(QTest::currentDataTag()).starts_with("dora");
    QVERIFY2(different <= (dora ? got.size() / size / 1000 : 0), qPrintable(QString("%1: %2 of %3 elements differ")
                                                                                .arg(QString::fromStdString(tensor.name))
                                                                                .arg(different)
                                                                                .arg(got.size() / size)));
  }
}

void TestPackAdapter::storesTheFactorsAndLittleElse() {
  const Workspace space;
  const auto request = adapting(kChat, {kPirate}, space.at("pirate.delta.safetensors"));
  const auto result = take(pack(request, {}));
  const auto payload = take(Payload::open(request.out));
  std::uint64_t tensors = 0;  // the base's tokenizer and config travel too
  for (const auto& row : payload.tensors()) tensors += row.storedBytes;
  QVERIFY(static_cast<double>(tensors) <= 1.02 * static_cast<double>(fs::file_size(kPirate / "adapter_model.safetensors")));
  QVERIFY(result.payloadBytes <= tensors + payload.headerBytes() + result.companionBytes);
  for (const auto& row : payload.tensors())
    QCOMPARE(row.codec, row.name.find("_proj") != std::string::npos ? CodecId::LowRank : CodecId::Identical);
  QCOMPARE(payload.facts().at("adapters"), std::string("lora-pirate"));
}

void TestPackAdapter::appliesSeveralInOrder() {
  const Workspace space;
  writeModel(space.at("base"), smallLlama());
  writeAdapter(space.at("a"), 10, DType::F32, {{"model.layers.0.mlp.up_proj", {192, 64}}});
  writeAdapter(space.at("b"), 20, DType::BF16,
               {{"model.layers.0.mlp.up_proj", {192, 64}}, {"model.layers.1.mlp.down_proj", {64, 192}}});
  const auto both = adapting(space.at("base"), {space.at("a"), space.at("b")}, space.at("ab.delta.safetensors"));
  take(pack(both, withThreads(3)));
  const auto payload = take(Payload::open(both.out));
  QCOMPARE(rowOf(payload, kUp).codec, CodecId::LowRank);
  QCOMPARE(rowOf(payload, kDown).codec, CodecId::LowRank);
  const auto together = unpackedFrom(space, both.out, both.base);
  fs::rename(together, space.at("together"));

  // One after the other, each over the last one's final.
  const auto first = adapting(space.at("base"), {space.at("a")}, space.at("a.delta.safetensors"));
  take(pack(first, {}));
  fs::rename(unpackedFrom(space, first.out, first.base), space.at("halfway"));
  const auto second = adapting(space.at("halfway"), {space.at("b")}, space.at("b.delta.safetensors"));
  take(pack(second, {}));
  QCOMPARE(difference(space.at("together"), unpackedFrom(space, second.out, second.base)), QString());
}

void TestPackAdapter::correctsToAGivenMerge() {
  const Workspace space;
  const auto alone = adapting(kChat, {kPirate}, space.at("alone.delta.safetensors"));
  const auto aloneResult = take(pack(alone, {}));
  const auto merged = unpackedFrom(space, alone.out, kChat);
  // Another library's merge: a last bit differs here and there.
  std::vector<TensorData> tensors;
  const auto checkpoint = take(Checkpoint::open(merged));
  for (const auto& info : checkpoint.tensors())
    tensors.push_back(nudged({{info.name, info.dtype, info.shape}, take(checkpoint.readAll(info))}, 2003));
  writeModel(space.at("other"), tensors);
  auto request = adapting(kChat, {kPirate}, space.at("corrected.delta.safetensors"));
  request.final = space.at("other");
  const auto result = take(pack(request, {}));
  QCOMPARE(roundTripProblem(space, request.out, kChat, request.final), QString());
  const auto payload = take(Payload::open(request.out));
  QCOMPARE(rowOf(payload, kUp).codec, CodecId::LowRank);
  QVERIFY(rowOf(payload, kUp).patches > 0);
  QVERIFY(result.payloadBytes < aloneResult.payloadBytes + 40'000);
}

void TestPackAdapter::replacesWhatTheAdapterSaved() {
  const Workspace space;
  const auto base = smallLlama();
  writeModel(space.at("base"), base);
  auto saved = randomTensor("base_model.model.model.embed_tokens.weight", DType::BF16, {301, 64}, 77);
  writeAdapter(space.at("a"), 10, DType::F32, {{"model.layers.0.mlp.up_proj", {192, 64}}}, {saved},
               R"(,"modules_to_save":["embed_tokens"])");
  const auto request = adapting(space.at("base"), {space.at("a")}, space.at("saved.delta.safetensors"));
  take(pack(request, {}));
  const auto merged = take(Checkpoint::open(unpackedFrom(space, request.out, request.base)));
  QCOMPARE(take(merged.readAll(*merged.find("model.embed_tokens.weight"))), saved.bytes);
  const auto payload = take(Payload::open(request.out));
  QVERIFY(rowOf(payload, "model.embed_tokens.weight").codec != CodecId::LowRank);
  QCOMPARE(rowOf(payload, kDown).codec, CodecId::Identical);
}

void TestPackAdapter::worksOverAQuantizedBase() {
  const Workspace space;
  writeModel(space.at("first"), smallLlama());
  PackRequest quantize;
  quantize.final = space.at("first");
  quantize.quantize = QuantFormat::Nf4;
  quantize.out = space.at("quantized");
  take(pack(quantize, {}));
  fs::remove(quantize.out / "model.delta.safetensors");
  writeAdapter(space.at("a"), 10, DType::F32, {{"model.layers.0.mlp.up_proj", {192, 64}}});
  const auto request = adapting(quantize.out, {space.at("a")}, space.at("q.delta.safetensors"));
  take(pack(request, {}));
  const auto payload = take(Payload::open(request.out));
  QCOMPARE(rowOf(payload, kUp).base, BaseKind::Nf4);
  QCOMPARE(rowOf(payload, kUp).codec, CodecId::LowRank);
  QCOMPARE(rowOf(payload, kDown).codec, CodecId::Identical);  // its dequantized values
  const auto verdict =
      take(verify({.path = request.out, .base = request.base, .final = {}, .device = "cpu", .onTensor = {}}, {}));
  QVERIFY(verdict.bitExact);
}

void TestPackAdapter::namesTheTensorThatDoesNotFit() {
  const Workspace space;
  writeModel(space.at("base"), smallLlama());
  writeAdapter(space.at("a"), 10, DType::F32, {{"model.layers.0.mlp.up_proj", {192, 65}}});
  const auto result = pack(adapting(space.at("base"), {space.at("a")}, space.at("x.delta.safetensors")), {});
  QVERIFY(!result);
  QCOMPARE(result.error().code, ErrorCode::Mismatch);
  QVERIFY2(result.error().message.find("up_proj") != std::string::npos, result.error().message.c_str());
}

QTEST_APPLESS_MAIN(TestPackAdapter)
#include "test_pack_adapter.moc"
