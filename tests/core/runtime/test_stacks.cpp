// SPDX-License-Identifier: Apache-2.0
// Experts that files keep in one tensor: the bits of experts that lie one by one, whatever the base, the codec, the chunks and
// the placement, and no more memory.
#include <QtTest>

#include "core/model/weights.h"
#include "core/pack/pack.h"
#include "core/pack/plan.h"
#include "core/runtime/runtime.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

/// Of 45 columns, an expert begins inside a byte or a block of codes; of 128, the ones of 64 rows fill whole tiles, those of 72
/// do not.
nlohmann::json configOf(int hidden, int width) {
  return {{"model_type", "qwen3_moe"},
          {"hidden_size", hidden},
          {"intermediate_size", 48},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"head_dim", 16},
          {"vocab_size", 67},
          {"max_position_embeddings", 128},
          {"num_experts", 8},
          {"num_experts_per_tok", 2},
          {"moe_intermediate_size", width},
          {"norm_topk_prob", true},
          {"tie_word_embeddings", false}};
}

TensorData normal(const std::string& name, const std::vector<std::uint64_t>& shape, unsigned seed) {
  std::mt19937 random(seed);
  const bool vector = shape.size() == 1;
  std::normal_distribution<float> numbers(vector ? 1.0f : 0.0f, 0.15f);
  TensorData tensor{{name, DType::BF16, shape}, {}};
  std::uint64_t elements = 1;
  for (const auto side : shape) elements *= side;
  std::vector<float> values(elements);
  for (auto& value : values) value = numbers(random);
  tensor.bytes.resize(elements * 2);
  fromFloat(DType::BF16, values, tensor.bytes);
  return tensor;
}

std::vector<TensorData> oneByOne(const nlohmann::json& config) {
  std::vector<TensorData> tensors;
  unsigned seed = 0;
  for (const auto& spec : weightsOf(take(parseModelConfig(config, "config.json"))))
    tensors.push_back(normal(spec.name, spec.shape, ++seed));
  return tensors;
}

/// Gate and up of each expert, then the next; down of each expert.
std::vector<TensorData> stacked(const nlohmann::json& json, const std::vector<TensorData>& tensors) {
  ModelConfig config = take(parseModelConfig(json, "config.json"));
  std::map<std::string, const TensorData*> byName;
  for (const auto& tensor : tensors) byName[tensor.spec.name] = &tensor;
  const auto specs = weightsOf(config);
  for (auto& layer : config.layers) layer.feedForward.stacked = layer.feedForward.fused = true;
  std::vector<TensorData> result;
  for (const auto& stored : storedWeightsOf(config)) {
    TensorData tensor{{stored.name, DType::BF16, stored.shape}, {}};
    const auto append = [&](WeightRole role, std::optional<std::uint32_t> expert) {
      const auto& bytes = byName.at(weightName(role, stored.layer, expert))->bytes;
      tensor.bytes.insert(tensor.bytes.end(), bytes.begin(), bytes.end());
    };
    if (stored.shape.size() != 3) append(stored.role, {});
    for (std::uint32_t expert = 0; stored.shape.size() == 3 && expert < stored.shape[0]; ++expert) {
      append(stored.role, expert);
      if (stored.role == WeightRole::Gate) append(WeightRole::Up, expert);
    }
    result.push_back(std::move(tensor));
  }
  return result;
}

void write(const fs::path& folder, const nlohmann::json& config, const std::vector<TensorData>& tensors) {
  fs::create_directories(folder);
  take(writeTextFile(folder / "config.json", config.dump()));
  writeFile(folder / "model.safetensors", tensors);
}

std::shared_ptr<Model> load(const fs::path& path, std::optional<Placement> placement = {}, const fs::path& base = {}) {
  LoadRequest request;
  request.path = path;
  request.base = base;
  request.threads = 2;
  request.placement = placement;
  return take(Model::load(request, {}));
}

std::string answer(const std::shared_ptr<Model>& model) {
  const auto session = take(Session::create(model));
  GenerateRequest request;
  for (TokenId i = 0; i < 20; ++i) request.prompt.push_back((i * i + 7 * i + 3) % 60);
  request.maxNewTokens = 6;
  request.ignoreEnd = true;
  const auto generated = take(session->generate(request, {}));
  return std::to_string(generated.ids.front()) + ' ' + generated.logitsHash;
}

constexpr Placement kPlacements[] = {Placement::Static, Placement::Jit, Placement::Stream};

}  // namespace

class TestStacks : public QObject {
  Q_OBJECT
 private slots:
  void haveTheBitsOfSingleExperts_data();
  void haveTheBitsOfSingleExperts();
  void overAParent();
  void takeNoMoreMemory_data();
  void takeNoMoreMemory();
  void chunksEndWhereMatricesDo_data();
  void chunksEndWhereMatricesDo();
  void anotherBaseIsFound();
};

void TestStacks::haveTheBitsOfSingleExperts_data() {
  QTest::addColumn<int>("hidden");
  QTest::addColumn<int>("width");
  QTest::addColumn<int>("format");
  QTest::addColumn<int>("codec");
  const auto row = [](int hidden, int width, QuantFormat format, int codec) {
    QTest::addRow("%d x %d, %s, codec %d", hidden, width, nameOf(format).data(), codec)
        << hidden << width << int(format) << codec;
  };
  for (const auto codec : {CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::Sparse, CodecId::Additive}) {
    row(128, 72, QuantFormat::Nf4, int(codec));
    row(45, 13, QuantFormat::Nf4, int(codec));
  }
  row(128, 64, QuantFormat::Nf4, -1);
  row(128, 72, QuantFormat::Fp4, -1);
  row(128, 72, QuantFormat::Int8, -1);
  row(45, 13, QuantFormat::Int8, -1);
}

void TestStacks::haveTheBitsOfSingleExperts() {
  QFETCH(int, hidden);
  QFETCH(int, width);
  QFETCH(int, format);
  QFETCH(int, codec);
  const Workspace space;
  const auto config = configOf(hidden, width);
  const auto tensors = oneByOne(config);
  write(space.at("single"), config, tensors);
  write(space.at("stacked"), config, stacked(config, tensors));
  const std::string expected = answer(load(space.at("single")));
  QCOMPARE(answer(load(space.at("stacked"))), expected);
  PackRequest request;
  request.final = space.at("stacked");
  request.out = space.at("packed");
  request.quantize = static_cast<QuantFormat>(format);
  request.scope = PackScope::All;
  if (codec >= 0) request.codec = static_cast<CodecId>(codec);
  take(pack(request, {}));
  for (const auto placement : kPlacements) QCOMPARE(answer(load(space.at("packed"), placement)), expected);

  // The base alone, in which codes are multiplied as they are stored, has the bits of the base alone made single.
  LoadRequest base;
  base.path = space.at("packed");
  base.baseOnly = true;
  base.threads = 2;
  const auto coded = take(Model::load(base, {}));
  base.placement = Placement::Static;
  QCOMPARE(answer(coded), answer(take(Model::load(base, {}))));
}

void TestStacks::overAParent() {
  const Workspace space;
  const auto config = configOf(128, 72);
  auto tensors = oneByOne(config);
  write(space.at("parent"), config, stacked(config, tensors));
  for (auto& tensor : tensors) tensor = nudged(std::move(tensor), 7);
  write(space.at("single"), config, tensors);
  write(space.at("stacked"), config, stacked(config, tensors));
  const std::string expected = answer(load(space.at("single")));
  PackRequest request;
  request.final = space.at("stacked");
  request.base = space.at("parent");
  request.out = space.at("child.delta.safetensors");
  take(pack(request, {}));
  for (const auto placement : kPlacements) QCOMPARE(answer(load(request.out, placement, space.at("parent"))), expected);
}

void TestStacks::takeNoMoreMemory_data() {
  QTest::addColumn<int>("width");
  QTest::newRow("whole tiles") << 64;
  QTest::newRow("tiles of two experts") << 72;
}

/// Beside the tiles that two experts share, and chunks that they share where these are not their own.
void TestStacks::takeNoMoreMemory() {
  QFETCH(int, width);
  const Workspace space;
  const auto config = configOf(128, width);
  const auto tensors = oneByOne(config);
  write(space.at("single"), config, tensors);
  write(space.at("stacked"), config, stacked(config, tensors));
  std::map<std::string, MemoryPlan> plans;
  for (const char* name : {"single", "stacked"}) {
    PackRequest request;
    request.final = space.at(name);
    request.out = space.at(std::string(name) + "-packed");
    request.quantize = QuantFormat::Nf4;
    request.scope = PackScope::All;
    take(pack(request, {}));
    for (const auto placement : kPlacements) {
      const auto model = load(request.out, placement);
      QVERIFY(model->memory().peak <= model->plan().expectedPeak);
      if (placement == Placement::Static) plans[name] = model->plan();
    }
  }
  QCOMPARE(plans["stacked"].weightBytes, plans["single"].weightBytes);
  std::uint64_t stored[2] = {};
  for (const auto& tensor : plans["stacked"].tensors) stored[0] += tensor.baseBytes + tensor.deltaBytes;
  const auto payload = take(Payload::open(space.at("stacked-packed") / "model.delta.safetensors"));
  for (const auto& tensor : payload.tensors()) stored[1] += tensor.baseBytes + tensor.storedBytes;
  QCOMPARE(stored[0], stored[1]);
}

void TestStacks::chunksEndWhereMatricesDo_data() {
  QTest::addColumn<qulonglong>("matrix");
  QTest::addColumn<qulonglong>("count");
  QTest::addColumn<qulonglong>("chunk");
  QTest::newRow("many small ones") << 8192ull << 128ull << 65536ull;
  QTest::newRow("one each") << 2ull * 768 * 2048 << 128ull << 2ull * 768 * 2048;
  QTest::newRow("several chunks each") << 2ull * 2880 * 2880 << 32ull << 1ull * 2880 * 2880;
  QTest::newRow("no whole tiles") << 2ull * 39 * 15 << 5ull << 65536ull;
  QTest::newRow("no stack") << 128ull * 1024 * 1024 << 1ull << 2ull * 1024 * 1024;
}

void TestStacks::chunksEndWhereMatricesDo() {
  QFETCH(qulonglong, matrix);
  QFETCH(qulonglong, count);
  QFETCH(qulonglong, chunk);
  QCOMPARE(qulonglong(chunkElementsFor(matrix * count, 64, count)), chunk);
}

/// Whose experts alone differ.
void TestStacks::anotherBaseIsFound() {
  const Workspace space;
  const auto config = configOf(128, 72);
  const auto tensors = stacked(config, oneByOne(config));
  write(space.at("parent"), config, tensors);
  auto others = tensors, finals = tensors;
  for (auto& tensor : finals) tensor = nudged(std::move(tensor), 7);
  for (auto& tensor : others)
    if (tensor.spec.shape.size() == 3) tensor.bytes.back() ^= std::byte{1};
  write(space.at("other"), config, others);
  write(space.at("final"), config, finals);
  PackRequest request;
  request.final = space.at("final");
  request.base = space.at("parent");
  request.out = space.at("child.delta.safetensors");
  take(pack(request, {}));
  for (const auto placement : kPlacements) {
    LoadRequest loading;
    loading.path = request.out;
    loading.base = space.at("other");
    loading.placement = placement;
    const auto model = Model::load(loading, {});
    QVERIFY(!model);
    QCOMPARE(model.error().code, ErrorCode::Mismatch);
  }
}

QTEST_APPLESS_MAIN(TestStacks)
#include "test_stacks.moc"
