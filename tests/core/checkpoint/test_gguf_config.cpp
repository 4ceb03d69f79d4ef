// SPDX-License-Identifier: Apache-2.0
/// The config.json that a GGUF file's metadata gives, and what of it must not be taken for a default.
#include <QTemporaryDir>
#include <QtTest>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/checkpoint/gguf_companions.h"
#include "tests/core/checkpoint/checkpoint_files.h"
#include "tests/core/checkpoint/gguf_bytes.h"

using namespace deltascope;
using namespace checkpoint_files;
using nlohmann::json;

namespace {

using Values = std::function<std::uint64_t(GgufBytes&)>;  // writes some, says how many

/// A llama of two heads of eight elements.
std::string llamaWith(bool epsilon, const Values& more) {
  GgufBytes values;
  std::uint64_t count = 4;
  values.words("general.architecture", "llama").value("llama.embedding_length", 16).value("llama.attention.head_count", 2);
  values.value("llama.context_length", 64);
  if (epsilon) {
    values.real("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    ++count;
  }
  count += more(values);
  return GgufBytes().head(0, count).raw(values.all()).data(0).all();
}

}  // namespace

class TestGgufConfig : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;

  Result<std::string> configOf(const std::string& content) const {
    const auto path = write(std::filesystem::path(m_folder.path().toStdString()) / "model.gguf", content);
    DELTASCOPE_ASSIGN(Checkpoint opened, Checkpoint::open(path));
    return GgufCompanions(std::make_shared<const Checkpoint>(std::move(opened))).read(kConfigFile);
  }

 private slots:
  void saysWhatTheFileSays_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("value");
    const auto row = [](const char* name, const char* key, const char* value, const Values& more) {
      QTest::newRow(name) << QByteArray::fromStdString(llamaWith(true, more)) << key << value;
    };
    const auto none = [](GgufBytes&) { return 0u; };
    row("epsilon", "rms_norm_eps", "9.999999747378752e-06", none);
    row("no scaling", "rope_scaling", "null", none);
    row("a factor alone", "rope_scaling", R"({"factor":4.0,"rope_type":"linear"})",
        [](GgufBytes& b) { return b.real("llama.rope.scaling.factor", 4), 1u; });
    row("a factor of older files", "rope_scaling", R"({"factor":4.0,"rope_type":"linear"})",
        [](GgufBytes& b) { return b.real("llama.rope.scale_linear", 4), 1u; });
    row("a type", "rope_scaling", R"({"factor":2.0,"rope_type":"yarn"})",
        [](GgufBytes& b) { return b.words("llama.rope.scaling.type", "yarn").real("llama.rope.scaling.factor", 2), 2u; });
    row("none", "rope_scaling", "null",
        [](GgufBytes& b) { return b.words("llama.rope.scaling.type", "none").real("llama.rope.scaling.factor", 2), 2u; });
    const auto yarn = [](const char* key, float value) {
      return [=](GgufBytes& b) {
        return b.words("llama.rope.scaling.type", "yarn").real("llama.rope.scaling.factor", 2).real(key, value), 3u;
      };
    };
    row("YaRN's fast rotations", "rope_scaling", R"({"beta_fast":16.0,"factor":2.0,"rope_type":"yarn"})",
        yarn("llama.rope.scaling.yarn_beta_fast", 16));
    row("YaRN's slow rotations", "rope_scaling", R"({"beta_slow":2.0,"factor":2.0,"rope_type":"yarn"})",
        yarn("llama.rope.scaling.yarn_beta_slow", 2));
    row("YaRN's usual factor", "rope_scaling", R"({"factor":2.0,"rope_type":"yarn"})",
        yarn("llama.rope.scaling.yarn_attn_factor", 1));
    const auto biased = [](const char* name, const char* key, const char* value, const char* tensor) {
      GgufBytes bytes;
      bytes.head(1, 3).words("general.architecture", "llama").value("llama.embedding_length", 16);
      bytes.real("llama.attention.layer_norm_rms_epsilon", 1e-5f).tensor(tensor, {8}, 0, 0).data(32);
      QTest::newRow(name) << QByteArray::fromStdString(bytes.all()) << key << value;
    };
    biased("biases of the feed-forward block", "mlp_bias", "true", "blk.0.ffn_up.bias");
    biased("biases of attention", "attention_bias", "true", "blk.0.attn_v.bias");
    biased("no biases there", "mlp_bias", "false", "blk.0.attn_v.bias");
    row("heads turn whole", "head_dim", "null", [](GgufBytes& b) { return b.value("llama.rope.dimension_count", 8), 1u; });
  }
  void saysWhatTheFileSays() {
    QFETCH(QByteArray, content);
    QFETCH(QString, key);
    QFETCH(QString, value);
    const auto config = configOf(content.toStdString());
    QVERIFY2(config, config ? "" : describe(config.error()).c_str());
    const json parsed = json::parse(*config);
    QCOMPARE(QString::fromStdString(parsed.value(key.toStdString(), json()).dump()), value);
  }

  void isNotGuessed_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* name, const char* says, const Values& more, bool epsilon = true) {
      QTest::newRow(name) << QByteArray::fromStdString(llamaWith(epsilon, more)) << says;
    };
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
    row(
        "no epsilon", "lacks llama.attention.layer_norm_rms_epsilon", [](GgufBytes&) { return 0u; }, false);
    row(
        "epsilon NaN", "layer_norm_rms_epsilon is not a finite number",
        [=](GgufBytes& b) { return b.real("llama.attention.layer_norm_rms_epsilon", kNan), 1u; }, false);
    row("base infinite", "rope.freq_base is not a finite number",
        [=](GgufBytes& b) { return b.real("llama.rope.freq_base", kInfinity), 1u; });
    row("factor infinite", "rope.scaling.factor is not a finite number",
        [=](GgufBytes& b) { return b.real("llama.rope.scaling.factor", kInfinity), 1u; });
    row("heads turn in part", "its llama.rope.dimension_count is 4, its heads have 8 elements",
        [](GgufBytes& b) { return b.value("llama.rope.dimension_count", 4), 1u; });
    row("values of another width", "its llama.attention.value_length is 4",
        [](GgufBytes& b) { return b.value("llama.attention.value_length", 4), 1u; });
    row("YaRN of its own", "rope.scaling.yarn_attn_factor is not the usual one", [](GgufBytes& b) {
      b.words("llama.rope.scaling.type", "yarn").real("llama.rope.scaling.factor", 2);
      return b.real("llama.rope.scaling.yarn_attn_factor", 0.5f), 3u;
    });
    row("a kind of scaling that is a number", "rope.scaling.type is not a text",
        [](GgufBytes& b) { return b.value("llama.rope.scaling.type", 1), 1u; });
    row("heads by layer", "head_count_kv is not one whole number", [](GgufBytes& b) {
      return b.list("llama.attention.head_count_kv", std::vector<std::uint32_t>{2, 1}), 1u;
    });
  }
  void isNotGuessed() {
    QFETCH(QByteArray, content);
    QFETCH(QString, says);
    const auto config = configOf(content.toStdString());
    QVERIFY(!config);
    QVERIFY2(QString::fromStdString(config.error().message).contains(says), config.error().message.c_str());
  }
};

QTEST_APPLESS_MAIN(TestGgufConfig)
#include "test_gguf_config.moc"
