// SPDX-License-Identifier: Apache-2.0
// Gemma 4: what layers share takes no memory twice, and what cannot be is refused in words. What the logits are is compared
// with transformers in test_families, and that they have the same bits everywhere in test_same_bits.
#include <QtTest>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/model/kv_cache.h"
#include "core/model/weights.h"

using namespace deltascope;

namespace {

const std::filesystem::path kData = std::filesystem::path(DELTASCOPE_TEST_DATA) / "model";

Result<ModelConfig> configOf(const char* model, const nlohmann::json& changes = nlohmann::json::object()) {
  const auto path = kData / model / "config.json";
  auto config = nlohmann::json::parse(*readTextFile(path));
  config.merge_patch(changes);
  return parseModelConfig(config, path);
}

bool has(const ModelConfig& config, const char* name) {
  const auto specs = weightsOf(config);
  return std::ranges::any_of(specs, [&](const WeightSpec& spec) { return spec.name == name; });
}

}  // namespace

class TestGemma4 : public QObject {
  Q_OBJECT
 private slots:
  void sharesKeysAndTheirMemory();
  void takesKeysForValues();
  void refuses_data();
  void refuses();
};

/// Layers 4 and 5 read those of 3 and 2.
void TestGemma4::sharesKeysAndTheirMemory() {
  const auto config = configOf("gemma4");
  QVERIFY2(config, config ? "" : describe(config.error()).c_str());
  QCOMPARE(*config->layers[4].attention.keysOf, 3u);
  QCOMPARE(*config->layers[5].attention.keysOf, 2u);
  QVERIFY(!config->layers[3].attention.keysOf);
  QVERIFY(!has(*config, "model.layers.4.self_attn.k_proj.weight") && !has(*config, "model.layers.5.self_attn.k_norm.weight"));
  QVERIFY(has(*config, "model.layers.3.self_attn.v_proj.weight") && has(*config, "model.layers.4.self_attn.q_norm.weight"));
  QCOMPARE(config->layers[4].feedForward.intermediate, 2 * config->layers[3].feedForward.intermediate);
  constexpr std::uint32_t kCapacity = 10;
  const std::uint64_t floats = 2 * 2 * (3 * 14 + 20);  // keys and values of two heads
  QCOMPARE(KvCache::bytesFor(*config, kCapacity, kernels::ElementType::F32), floats * kCapacity * sizeof(float));
  const auto backend = kernels::openBackend({});
  QVERIFY(backend);
  const auto cache = KvCache::create(**backend, *config, kCapacity, kernels::ElementType::F32);
  QVERIFY(cache);
  QCOMPARE(cache->layer(4).keys, cache->layer(3).keys);
  QCOMPARE(cache->layer(5).values, cache->layer(2).values);
  QVERIFY(cache->layer(2).keys != cache->layer(3).keys);
}

void TestGemma4::takesKeysForValues() {
  const auto config = configOf("gemma4-dense");
  QVERIFY2(config, config ? "" : describe(config.error()).c_str());
  QVERIFY(has(*config, "model.layers.0.self_attn.v_proj.weight") && !has(*config, "model.layers.1.self_attn.v_proj.weight"));
  QVERIFY(!has(*config, "model.layers.1.self_attn.v_proj.bias"));
  QCOMPARE(config->layers[1].attention.kvHeads, 1u);
  QCOMPARE(config->layers[1].attention.headDim, 20u);
  QCOMPARE(config->layers[0].attention.kvHeads, 3u);
  QVERIFY(!has(*config, "model.embed_tokens_per_layer.weight"));
}

void TestGemma4::refuses_data() {
  QTest::addColumn<QByteArray>("changes");
  QTest::addColumn<QByteArray>("words");
  const auto row = [](const char* name, const char* changes, const char* words) {
    QTest::newRow(name) << QByteArray(changes) << QByteArray(words);
  };
  row("a kind it does not have",
      R"({"layer_types": ["linear_attention", "full_attention", "full_attention", "full_attention", "full_attention", "full_attention"]})",
      "layer_types");
  row("all layers share", R"({"num_kv_shared_layers": 6})", "num_kv_shared_layers");
  row("no layer of a kind has keys", R"({"num_kv_shared_layers": 4})", "num_kv_shared_layers");
  row("more than there are", R"({"num_kv_shared_layers": 7})", "num_kv_shared_layers");
  row("an odd global head", R"({"global_head_dim": 21})", "global_head_dim");
  row("no global head", R"({"global_head_dim": 0})", "global_head_dim");
  row("keys that do not divide", R"({"attention_k_eq_v": true, "num_global_key_value_heads": 3})",
      "num_global_key_value_heads");
  row("inputs of too few tokens", R"({"vocab_size_per_layer_input": 130})", "vocab_size_per_layer_input");
  row("tokens that see later ones", R"({"use_bidirectional_attention": "all"})", "use_bidirectional_attention");
  row("layers of one kind that differ",
      R"({"global_head_dim": null, "per_layer_config": {"2": {"head_dim": 22}, "5": {"head_dim": 20}}})",
      "heads of several sizes");
  row("a layer with a size it cannot have", R"({"per_layer_config": {"2": {"hidden_size": 20}, "5": {"head_dim": 20}}})",
      "hidden_size");
  row("sizes that are none", R"({"per_layer_config": [1]})", "per_layer_config");
  row("an entry that is none", R"({"per_layer_config": {"5": 20}})", "per_layer_config");
  row("experts", R"({"enable_moe_block": true})", "enable_moe_block");
  row("a rope of one kind only", R"({"rope_parameters": {"full_attention": null}})", "full_attention");
  row("a share above 1", R"({"rope_parameters": {"full_attention": {"partial_rotary_factor": 1.5}}})", "partial_rotary_factor");
}

void TestGemma4::refuses() {
  QFETCH(QByteArray, changes);
  QFETCH(QByteArray, words);
  const auto config = configOf("gemma4", nlohmann::json::parse(changes.toStdString()));
  QVERIFY(!config);
  QVERIFY2(describe(config.error()).find(words.toStdString()) != std::string::npos, describe(config.error()).c_str());
}

QTEST_APPLESS_MAIN(TestGemma4)
#include "test_gemma4.moc"
