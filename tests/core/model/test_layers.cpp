// SPDX-License-Identifier: Apache-2.0
// A model is a list of layers that may differ: each has the weights, the shapes and the cache that its description says.
#include <QtTest>
#include <algorithm>

#include "core/model/kv_cache.h"
#include "core/model/weights.h"

using namespace deltascope;

namespace {

using Shape = std::vector<std::uint64_t>;

/// The second layer has wider heads of its own and nothing optional, the first has everything.
ModelConfig unequalLayers() {
  ModelConfig config;
  config.hidden = 24;
  config.vocabulary = 100;
  config.ropes.resize(1);
  LayerConfig first, second;
  first.attention = {.heads = 4, .kvHeads = 2, .headDim = 6, .inputBias = true, .outputBias = true, .headNorm = true};
  first.feedForward = {.intermediate = 50, .bias = true};
  second.attention = {.heads = 6, .kvHeads = 3, .headDim = 10, .window = 8};
  second.feedForward = {.intermediate = 70};
  config.layers = {first, second};
  return config;
}

}  // namespace

class TestLayers : public QObject {
  Q_OBJECT
 private slots:
  void haveTheirOwnWeights();
  void haveTheirOwnCache();
  void areFoundByNameInEveryModel_data();
  void areFoundByNameInEveryModel();
  void standInColumnsInOrder();
  void shapesThatContradictAreExplained();
};

void TestLayers::haveTheirOwnWeights() {
  std::vector<std::pair<std::string, Shape>> weights;
  for (const auto& spec : weightsOf(unequalLayers())) {
    QCOMPARE(spec.own, spec.name);
    QCOMPARE(spec.name, weightName(spec.role, spec.layer));
    QCOMPARE(isMatrix(spec.role), spec.shape.size() == 2);
    weights.emplace_back(spec.name, spec.shape);
  }
  const std::string first = "model.layers.0.", second = "model.layers.1.";
  const std::vector<std::pair<std::string, Shape>> expected{{"model.embed_tokens.weight", {100, 24}},
                                                            {first + "input_layernorm.weight", {24}},
                                                            {first + "self_attn.q_proj.weight", {24, 24}},
                                                            {first + "self_attn.q_proj.bias", {24}},
                                                            {first + "self_attn.k_proj.weight", {12, 24}},
                                                            {first + "self_attn.k_proj.bias", {12}},
                                                            {first + "self_attn.v_proj.weight", {12, 24}},
                                                            {first + "self_attn.v_proj.bias", {12}},
                                                            {first + "self_attn.q_norm.weight", {6}},
                                                            {first + "self_attn.k_norm.weight", {6}},
                                                            {first + "self_attn.o_proj.weight", {24, 24}},
                                                            {first + "self_attn.o_proj.bias", {24}},
                                                            {first + "post_attention_layernorm.weight", {24}},
                                                            {first + "mlp.gate_proj.weight", {50, 24}},
                                                            {first + "mlp.gate_proj.bias", {50}},
                                                            {first + "mlp.up_proj.weight", {50, 24}},
                                                            {first + "mlp.up_proj.bias", {50}},
                                                            {first + "mlp.down_proj.weight", {24, 50}},
                                                            {first + "mlp.down_proj.bias", {24}},
                                                            {second + "input_layernorm.weight", {24}},
                                                            {second + "self_attn.q_proj.weight", {60, 24}},
                                                            {second + "self_attn.k_proj.weight", {30, 24}},
                                                            {second + "self_attn.v_proj.weight", {30, 24}},
                                                            {second + "self_attn.o_proj.weight", {24, 60}},
                                                            {second + "post_attention_layernorm.weight", {24}},
                                                            {second + "mlp.gate_proj.weight", {70, 24}},
                                                            {second + "mlp.up_proj.weight", {70, 24}},
                                                            {second + "mlp.down_proj.weight", {24, 70}},
                                                            {"model.norm.weight", {24}},
                                                            {"lm_head.weight", {100, 24}}};
  QCOMPARE(weights.size(), expected.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    QCOMPARE(QString::fromStdString(weights[i].first), QString::fromStdString(expected[i].first));
    QVERIFY2(weights[i].second == expected[i].second, expected[i].first.c_str());
  }
}

void TestLayers::haveTheirOwnCache() {
  constexpr std::uint32_t kCapacity = 7;
  const auto backend = kernels::openBackend({});
  QVERIFY(backend);
  const ModelConfig config = unequalLayers();
  const std::uint64_t first = 2 * 6 * kCapacity, second = 3 * 10 * kCapacity;  // elements of keys
  QCOMPARE(KvCache::bytesFor(config, kCapacity, kernels::ElementType::F32), 4 * 2 * (first + second));
  const auto cache = KvCache::create(**backend, config, kCapacity, kernels::ElementType::F32);
  QVERIFY(cache);
  const auto &one = cache->layer(0), &other = cache->layer(1);
  QCOMPARE(one.kvHeads, 2u);
  QCOMPARE(other.kvHeads, 3u);
  QCOMPARE(other.headDim, 10u);
  QCOMPARE(other.capacity, kCapacity);
  QCOMPARE(static_cast<float*>(one.values) - static_cast<float*>(one.keys), std::ptrdiff_t(first));
  QCOMPARE(static_cast<float*>(other.keys) - static_cast<float*>(one.values), std::ptrdiff_t(first));
  QCOMPARE(static_cast<float*>(other.values) - static_cast<float*>(other.keys), std::ptrdiff_t(second));
}

void TestLayers::areFoundByNameInEveryModel_data() {
  QTest::addColumn<QString>("kind");
  for (const auto& [part, kind] : {std::pair("q_proj", "q"),
                                   std::pair("wq", "q"),
                                   std::pair("value", "v"),
                                   std::pair("out_proj", "o"),
                                   std::pair("w1", "gate"),
                                   std::pair("w3", "up"),
                                   std::pair("w2", "down"),
                                   std::pair("wte", "embed"),
                                   std::pair("embed_in", "embed"),
                                   std::pair("embed_out", "head"),
                                   std::pair("lm_head", "head"),
                                   std::pair("q_norm", "norm"),
                                   std::pair("ln_f", "norm"),
                                   std::pair("post_feedforward_layernorm", "norm"),
                                   std::pair("in_proj_qkv", "qkv"),
                                   std::pair("in_proj_z", "z"),
                                   std::pair("conv1d", "conv"),
                                   std::pair("A_log", "A_log"),
                                   std::pair("dt_bias", "dt_bias"),
                                   std::pair("layer_scalar", "scale"),
                                   std::pair("per_layer_input_gate", "input gate"),
                                   std::pair("c_attn", ""),
                                   std::pair("q_proj2", "")})
    QTest::newRow(part) << QString(kind);
}

void TestLayers::areFoundByNameInEveryModel() {
  QFETCH(QString, kind);
  const RoleRow* row = roleOfModule(QTest::currentDataTag());
  QCOMPARE(row ? QString::fromStdString(std::string(row->kind)) : QString(""), kind);
}

void TestLayers::standInColumnsInOrder() {
  const std::vector<std::string_view> order{"embed", "q", "k", "v", "o", "gate", "up", "down", "norm", "head", "c_attn"};
  for (std::size_t i = 0; i + 1 < order.size(); ++i) QVERIFY(rankOfKind(order[i]) < rankOfKind(order[i + 1]));
  QCOMPARE(rankOfKind("q.bias"), rankOfKind("c_attn"));
}

void TestLayers::shapesThatContradictAreExplained() {
  const ModelConfig config = unequalLayers();
  const auto specs = weightsOf(config);
  const auto& key = *std::ranges::find_if(specs, [](const auto& s) { return s.role == WeightRole::Key && s.layer == 1; });
  QCOMPARE(contradiction(config, key, {30, 24}), "");
  QCOMPARE(contradiction(config, key, {24, 24}), "num_key_value_heads × head_dim is 30 there, 24 here");
  QCOMPARE(contradiction(config, key, {30, 25}), "hidden_size is 24 there, 25 here");
  QCOMPARE(contradiction(config, key, {30}), "");
}

QTEST_APPLESS_MAIN(TestLayers)
#include "test_layers.moc"
