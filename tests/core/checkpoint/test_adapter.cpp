// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <algorithm>
#include <bit>
#include <memory>

#include "core/checkpoint/adapter.h"
#include "core/checkpoint/adapter_config.h"
#include "tests/core/checkpoint/checkpoint_files.h"

using namespace deltascope;
using namespace checkpoint_files;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json goldenCases() { return json::parse(contentOf(golden("adapters.json"))); }

/// A term in words, the scale as its bits.
std::string described(const char* kind, const std::string& target, std::uint64_t rank, float scale, bool transposed,
                      bool embedding) {
  return std::string(kind) + " " + target + " rank " + std::to_string(rank) + " scale " +
         std::to_string(std::bit_cast<std::uint32_t>(scale)) + (transposed ? " transposed" : "") +
         (embedding ? " embedding" : "");
}

std::string described(const AdapterTerm& term) {
  switch (term.kind) {
    case AdapterTerm::Kind::Replacement:
      return "replacement " + term.target;
    case AdapterTerm::Kind::Rows:
      return "rows of " + term.target;
    case AdapterTerm::Kind::Bias:
      return described("bias", term.target, term.rank, term.scale, term.fanInFanOut, term.embedding);
    case AdapterTerm::Kind::LowRank:
      break;
  }
  return described("lowrank", term.target, term.rank, term.scale, term.fanInFanOut, term.embedding);
}

QStringList described(const std::vector<AdapterTerm>& terms) {
  QStringList lines;
  for (const auto& term : terms) lines << QString::fromStdString(described(term));
  return lines;
}

/// What PEFT does, in the order match() promises: by target, replacements first.
QStringList expectedTerms(const json& row) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto& target : row["replaced"]) lines.emplace_back(target, "replacement " + target.get<std::string>());
  for (const auto& term : row["terms"])
    lines.emplace_back(term["target"], described(term["kind"].get<std::string>().c_str(), term["target"], term["rank"],
                                                 term["scale"].get<float>(), term["transposed"], term["embedding"]));
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return naturalLess(a.first, b.first); });
  QStringList text;
  for (const auto& line : lines) text << QString::fromStdString(line.second);
  return text;
}

}  // namespace

/// Against adapters that PEFT wrote and the terms it makes of them (make_adapters.py).
class TestAdapter : public QObject {
  Q_OBJECT

  std::unique_ptr<QTemporaryDir> m_temporary;
  fs::path m_folder;

  /// A copy of a golden adapter to be spoiled.
  fs::path copyOf(const std::string& name) {
    const auto folder = m_folder / name;
    fs::copy(golden("adapters/" + name), folder);
    return folder;
  }
  static Result<std::vector<AdapterTerm>> matched(const Result<Adapter>& adapter, const fs::path& base) {
    if (!adapter) return tl::make_unexpected(adapter.error());
    auto opened = Checkpoint::open(base);
    if (!opened) return tl::make_unexpected(opened.error());
    return adapter->match(*opened);
  }
  static void setConfig(const fs::path& folder, const std::string& key, const json& value) {
    auto config = json::parse(contentOf(folder / "adapter_config.json"));
    config[key] = value;
    write(folder / "adapter_config.json", config.dump());
  }
  /// Renames one tensor; the name must keep its length, for the header's sake.
  static void renameTensor(const fs::path& folder, const std::string& from, const std::string& to) {
    auto content = contentOf(folder / "adapter_model.safetensors");
    const auto place = content.find('"' + from + '"');
    QVERIFY(place != std::string::npos && from.size() == to.size());
    content.replace(place + 1, from.size(), to);
    write(folder / "adapter_model.safetensors", content);
  }

 private slots:
  void init() {
    m_temporary = std::make_unique<QTemporaryDir>();
    m_folder = m_temporary->path().toStdString();
  }
  void cleanup() { m_temporary.reset(); }

  void termsAreThoseOfPeft_data() {
    QTest::addColumn<QString>("base");
    QTest::addColumn<QStringList>("expected");
    for (const auto& row : goldenCases())
      if (const auto name = row["case"].get<std::string>(); name != "trainable-tokens")  // mergesAsPeft
        QTest::newRow(name.c_str()) << QString::fromStdString(row["base"]) << expectedTerms(row);
  }
  void termsAreThoseOfPeft() {
    QFETCH(QString, base);
    QFETCH(QStringList, expected);
    const auto adapter = Adapter::open(golden("adapters/" + std::string(QTest::currentDataTag())));
    const auto terms = matched(adapter, golden("adapters/" + base.toStdString()));
    QVERIFY2(terms, terms ? "" : describe(terms.error()).c_str());
    QCOMPARE(described(*terms), expected);
    QVERIFY(expected.size() > 0);
    for (const auto& term : *terms) {
      QCOMPARE(term.replacement != nullptr, term.kind == AdapterTerm::Kind::Replacement);
      QCOMPARE(term.a != nullptr, term.kind == AdapterTerm::Kind::LowRank);
      QCOMPARE(term.b != nullptr, term.kind != AdapterTerm::Kind::Replacement);
    }
  }

  void theDemosAdapterMatchesItsBase() {
    const auto terms = matched(Adapter::open(DELTASCOPE_DEMO "/lora-pirate"), DELTASCOPE_DEMO "/chat");
    QVERIFY2(terms, terms ? "" : describe(terms.error()).c_str());
    QCOMPARE(terms->size(), std::size_t(8 * 7));
    for (const auto& term : *terms) {
      QCOMPARE(term.kind, AdapterTerm::Kind::LowRank);
      QCOMPARE(term.rank, 8u);
      QCOMPARE(term.scale, 2.0f);
    }
  }

  void theWeightsFileNamesTheAdapterToo() {
    const auto adapter = Adapter::open(golden("adapters/plain/adapter_model.safetensors"));
    QVERIFY(adapter);
    QCOMPARE(adapter->tensors().tensors().size(), std::size_t(8));
  }

  void aBareModelsNamesMatchToo() {
    std::string content = contentOf(golden("adapters/base-llama/model.safetensors"));
    for (std::size_t at = 0; (at = content.find("\"model.", at)) != std::string::npos; at += 5) content.replace(at, 7, "\"");
    const auto length =
        std::size_t(static_cast<unsigned char>(content[0])) | std::size_t(static_cast<unsigned char>(content[1])) << 8;
    const auto header = content.substr(8, content.find("}}", 8) + 2 - 8);
    const auto data = contentOf(golden("adapters/base-llama/model.safetensors")).substr(8 + length);
    write(m_folder / "bare.safetensors", packed(header, data));
    const auto terms = matched(Adapter::open(golden("adapters/plain")), m_folder / "bare.safetensors");
    QVERIFY2(terms, terms ? "" : describe(terms.error()).c_str());
    QCOMPARE(terms->front().target, std::string("layers.0.self_attn.q_proj.weight"));
  }

  void aPackedBaseMatchesByItsBytes() {
    // q_proj [8, 8] as 4-bit codes, beside its scales
    write(m_folder / "base.safetensors", smallFile({{"model.layers.0.self_attn.q_proj.weight", std::string(32, '\7')},
                                                    {"model.layers.0.self_attn.q_proj.weight.absmax", std::string(4, '\0')},
                                                    {"model.layers.1.self_attn.q_proj.weight", std::string(33, '\7')},
                                                    {"model.layers.1.self_attn.q_proj.weight.absmax", std::string(4, '\0')}}));
    const auto folder = m_folder / "adapter";
    write(folder / "adapter_config.json", R"({"peft_type":"LORA","r":1,"lora_alpha":1})");
    const auto adapterOf = [&](const std::string& layer) {
      const auto name = "base_model.model.model.layers." + layer + ".self_attn.q_proj.lora_";
      json header;
      header[name + "A.weight"] = {{"dtype", "F16"}, {"shape", {1, 8}}, {"data_offsets", {0, 16}}};
      header[name + "B.weight"] = {{"dtype", "F16"}, {"shape", {8, 1}}, {"data_offsets", {16, 32}}};
      write(folder / "adapter_model.safetensors", packed(header.dump(), std::string(32, '\0')));
      return matched(Adapter::open(folder), m_folder / "base.safetensors");
    };
    QVERIFY(adapterOf("0"));
    QCOMPARE(adapterOf("1").error().code, ErrorCode::Mismatch);
  }

  void whatChangesTheResultIsRefusedByName_data() {
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* key, const char* value, const char* says) {
      QTest::addRow("%s %s", key, value) << key << value << says;
    };
    row("use_qalora", "true", "QALoRA");
    row("use_bdlora", "{\"nblocks\":2}", "block-diagonal");
    row("use_something_new", "true", "use_something_new");
    row("alora_invocation_tokens", "[1]", "activated LoRA");
    row("arrow_config", "{\"top_k\":1}", "Arrow");
    row("kasa_config", "{\"beta\":1}", "KaSA");
    row("monteclora_config", "{\"num_samples\":1}", "Monteclora");
    row("velora_config", "{\"num_groups\":1}", "VeLoRA");
    row("layer_replication", "[[0,2],[1,2]]", "layer replication");
    row("peft_type", "\"LOHA\"", "peft_type: LOHA");
    row("peft_type", "\"ADALORA\"", "peft_type: ADALORA");
    row("peft_type", "17", "peft_type");
    row("init_lora_weights", "\"pissa\"", "init_lora_weights: pissa");
    row("init_lora_weights", "\"pissa_niter_4\"", "init_lora_weights: pissa");
    row("init_lora_weights", "\"OLoRA\"", "init_lora_weights: olora");
    row("init_lora_weights", "\"corda\"", "init_lora_weights: corda");
    row("init_lora_weights", "\"loftq\"", "init_lora_weights: loftq");
    row("init_lora_weights", "\"lora_ga\"", "init_lora_weights: lora_ga");
  }
  void whatChangesTheResultIsRefusedByName() {
    QFETCH(QString, key);
    QFETCH(QString, value);
    QFETCH(QString, says);
    const auto folder = copyOf("plain");
    setConfig(folder, key.toStdString(), json::parse(value.toStdString()));
    const auto adapter = Adapter::open(folder);
    QVERIFY(!adapter);
    QCOMPARE(adapter.error().code, ErrorCode::Unsupported);
    QVERIFY2(QString::fromStdString(adapter.error().message).contains(says), adapter.error().message.c_str());
    QVERIFY(adapter.error().message.starts_with((folder / "adapter_config.json").string()));
    QVERIFY(!adapter.error().hint.empty());
  }

  void whatChangesNothingIsTolerated_data() {
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("value");
    const auto row = [](const char* key, const char* value) { QTest::addRow("%s %s", key, value) << key << value; };
    row("a_key_from_the_future", "{\"x\":[1,2,{}]}");
    row("use_dora", "false");
    row("use_dora", "null");
    row("use_something_new", "false");
    row("layer_replication", "[]");
    row("kasa_config", "{}");
    row("init_lora_weights", "true");
    row("init_lora_weights", "\"gaussian\"");
    row("init_lora_weights", "\"eva\"");
    row("init_lora_weights", "\"orthogonal\"");
    row("peft_type", "null");
    row("rank_pattern", "null");
    row("lora_alpha", "3.0");
    row("megatron_config", "{\"x\":1}");
  }
  void whatChangesNothingIsTolerated() {
    QFETCH(QString, key);
    QFETCH(QString, value);
    const auto folder = copyOf("plain");
    setConfig(folder, key.toStdString(), json::parse(value.toStdString()));
    const auto terms = matched(Adapter::open(folder), golden("adapters/base-llama"));
    QVERIFY2(terms, terms ? "" : describe(terms.error()).c_str());
    QCOMPARE(terms->front().scale, 1.5f);
  }

  void refusedAdaptersOfPeft_data() {
    QTest::addColumn<QString>("base");
    QTest::addColumn<QString>("says");
    QTest::newRow("dora") << "base-gpt2"
                          << "has no tensor model.layers.0.self_attn.q_proj.weight";
    QTest::newRow("trainable-tokens") << "base-gpt2"
                                      << "has no tensor model.layers.0.self_attn.q_proj.weight";
    QTest::newRow("plain") << "base-gpt2"
                           << "has no tensor model.layers.0.self_attn.q_proj.weight";
    QTest::newRow("conv1d") << "base-llama"
                            << "has no tensor transformer.h.0.attn.c_attn.weight";
    QTest::newRow("bias-of-lora") << "base-llama"
                                  << "has no tensor model.layers.0.self_attn.q_proj.bias";
  }
  void refusedAdaptersOfPeft() {
    QFETCH(QString, base);
    QFETCH(QString, says);
    const auto terms = matched(Adapter::open(golden("adapters/" + std::string(QTest::currentDataTag()))),
                               golden("adapters/" + base.toStdString()));
    QVERIFY(!terms);
    QVERIFY2(QString::fromStdString(terms.error().message).contains(says), terms.error().message.c_str());
  }

  void dorasMagnitudesBelongToTheirLoras() {
    const auto adapter = Adapter::open(golden("adapters/dora"));
    const auto terms = matched(adapter, golden("adapters/base-llama"));
    QVERIFY2(terms, terms ? "" : describe(terms.error()).c_str());
    for (const auto& term : *terms) {
      QVERIFY(term.magnitude);
      QCOMPARE(term.magnitude->elements, term.b->shape[0]);
    }
    const auto folder = copyOf("plain");
    setConfig(folder, "use_dora", true);
    const auto none = matched(Adapter::open(folder), golden("adapters/base-llama"));
    QVERIFY(!none);
    QVERIFY2(none.error().message.find("its DoRA magnitude is missing") != std::string::npos, none.error().message.c_str());
  }

  void brokenConfigsAreRefused_data() {
    QTest::addColumn<QString>("config");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* config, const char* says) { QTest::newRow(config) << config << says; };
    row("", "is empty");
    row("[]", "is not a JSON object");
    row("{'r':0}", "r is not a rank");
    row("{'r':-8}", "r is not a rank");
    row("{'r':2.5}", "r is not a rank");
    row("{'r':'8'}", "r is not a rank");
    row("{'r':99999999999}", "r is not a rank");
    row("{'lora_alpha':'16'}", "lora_alpha is not a number");
    row("{'use_rslora':1}", "use_rslora is not true or false");
    row("{'fan_in_fan_out':'no'}", "fan_in_fan_out is not true or false");
    row("{'rank_pattern':[]}", "rank_pattern is not an object");
    row("{'trainable_token_indices':[-1]}", "indices of its trained tokens");
    row("{'trainable_token_indices':[1,1]}", "indices of its trained tokens");
    row("{'trainable_token_indices':{'embed_tokens':1}}", "indices of its trained tokens");
    row("{'rank_pattern':{'q_proj':0}}", "rank_pattern q_proj is not a rank");
    row("{'alpha_pattern':{'q_proj':null}}", "alpha_pattern q_proj is not a number");
    row("{'alpha_pattern':{'(q_proj':1}}", "the pattern \"(q_proj\" is not a regular expression");
    row("{'rank_pattern':{'[':1}}", "is not a regular expression");
  }
  void brokenConfigsAreRefused() {
    QFETCH(QString, config);
    QFETCH(QString, says);
    const auto folder = copyOf("plain");
    write(folder / "adapter_config.json", config.replace('\'', '"').toStdString());
    const auto adapter = Adapter::open(folder);
    QVERIFY(!adapter);
    QVERIFY2(QString::fromStdString(adapter.error().message).contains(says), adapter.error().message.c_str());
    QVERIFY(adapter.error().message.starts_with((folder / "adapter_config.json").string()));
  }

  void ofPatternsThatComeTwiceTheLastCount_data() {
    QTest::addColumn<QString>("first");
    QTest::addColumn<QString>("last");
    QTest::addColumn<QString>("keys");
    const auto row = [](const char* name, const char* first, const char* last, const char* keys) {
      QTest::newRow(name) << first << last << keys;
    };
    row("other keys", R"({"q_proj": 1})", R"({"v_proj": 2, "k_proj": 3})", "v_proj k_proj");
    row("fewer keys", R"({"q_proj": 1, "v_proj": 2})", R"({"v_proj": 2})", "v_proj");
    row("none", R"({"q_proj": 1})", "{}", "");
    row("null", R"({"q_proj": 1})", "null", "");
    row("after null", "null", R"({"q_proj": 1})", "q_proj");
  }
  void ofPatternsThatComeTwiceTheLastCount() {
    QFETCH(QString, first);
    QFETCH(QString, last);
    QFETCH(QString, keys);
    const auto path = m_folder / "twice" / "adapter_config.json";
    std::filesystem::create_directories(path.parent_path());
    for (const char* name : {"rank_pattern", "alpha_pattern"}) {
      const auto text = QStringLiteral("{\"%1\": %2, \"%1\": %3}").arg(name, first, last);
      write(path, text.toStdString());
      const auto config = readAdapterConfig(path);
      QVERIFY2(config, config ? "" : config.error().message.c_str());
      QStringList got;
      for (const auto& pattern : name == std::string_view("rank_pattern") ? config->rankPatterns : config->alphaPatterns)
        got << QString::fromStdString(pattern.key);
      QCOMPARE(got.join(' '), keys);
    }
  }

  void patternsMatchAsInPeft_data() {
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("module");
    QTest::addColumn<bool>("matches");
    const auto row = [](const char* key, const char* module, bool matches) {
      QTest::addRow("%s on %s", key, module) << key << module << matches;
    };
    // what Python's re.match(rf"(.*\.)?({key})$", module) says
    row("q_proj", "model.layers.0.q_proj", true);
    row("q_proj", "q_proj", true);
    row("q_proj", "model.layers.0.seq_proj", false);
    row("q_proj", "model.q_proj.x", false);
    row("0.q_proj", "model.layers.0.q_proj", true);
    row("0.q_proj", "model.layers.10.q_proj", false);
    row("layers.0.q_proj", "model.layersX0.q_proj", true);
    row("^q_proj", "model.q_proj", false);
    row("^q_proj", "q_proj", true);
    row("^model.layers.0.q_proj", "model.layers.0.q_proj", true);
    row(".*q_proj", "model.layers.0.seq_proj", true);
    row("q_proj|v_proj", "model.v_proj", true);
    row("q_proj|v_proj", "model.k_proj", false);
    row("layers\\.(0|1)\\.q", "model.layers.1.q", true);
    row("layers\\.[0-4]\\.q", "model.layers.5.q", false);
    row("layers\\.\\d{2}\\.q", "model.layers.15.q", true);
    row("layers\\.\\d{2}\\.q", "model.layers.5.q", false);
    row("(?:up|down)_proj", "x.up_proj", true);
    row("(?P<side>up|down)_proj", "x.down_proj", true);
    row("(?<!mlp\\.)up_proj", "x.mlp.up_proj", false);
    row("q_proj$", "x.q_proj", true);
    row("", "model.", true);
    row("", "model", false);
    row("größe", "x.größe", true);
    row("gr..e", "x.größe", true);
  }
  void patternsMatchAsInPeft() {
    QFETCH(QString, key);
    QFETCH(QString, module);
    QFETCH(bool, matches);
    const auto pattern = ModulePattern::parse(key.toStdString(), 1);
    QVERIFY2(pattern, pattern ? "" : pattern.error().message.c_str());
    const auto found = pattern->matches(module.toStdString());
    QVERIFY(found);
    QCOMPARE(*found, matches);
  }

  void aSlowPatternEndsInAnError() {
    const auto pattern = ModulePattern::parse("((a|aa)+)+[bd]", 1);
    QVERIFY(pattern);
    const auto found = pattern->matches(std::string(2000, 'a') + "c");
    QVERIFY(!found);
    QVERIFY(found.error().message.find("takes too many steps") != std::string::npos);
  }

  void manyPlainPatternsAreFine() {
    json patterns = json::object();
    for (int i = 0; i < 5000; ++i) patterns["model.layers." + std::to_string(i) + ".q_proj"] = 2;
    const auto folder = copyOf("plain");
    setConfig(folder, "rank_pattern", patterns);
    QVERIFY(Adapter::open(folder));
    for (int i = 0; i < 65; ++i) patterns["(a|b)" + std::to_string(i)] = 2;
    setConfig(folder, "rank_pattern", patterns);
    QVERIFY(Adapter::open(folder).error().message.find("more than 64 regular expressions") != std::string::npos);
  }

  void misfitsAreNamed_data() {
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("to");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* name, const char* from, const char* to, const char* says) {
      QTest::newRow(name) << from << to << says;
    };
    row("a missing counterpart", "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight",
        "layers.0.self_attn.q_proj.lora_B.weight: its counterpart A is missing");
    row("another module's shape", "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight",
        "base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight", "counterpart A is missing");
    row("an unknown part", "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_C.weight",
        "lora_C.weight: this part of an adapter is not supported");
    row("a full tensor without a target", "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.more_A.weight",
        "has no tensor model.layers.0.self_attn.q_proj.more_A.weight");
  }
  void misfitsAreNamed() {
    QFETCH(QString, from);
    QFETCH(QString, to);
    QFETCH(QString, says);
    const auto folder = copyOf("plain");
    renameTensor(folder, from.toStdString(), to.toStdString());
    const auto terms = matched(Adapter::open(folder), golden("adapters/base-llama"));
    QVERIFY(!terms);
    QVERIFY2(QString::fromStdString(terms.error().message).contains(says), terms.error().message.c_str());
  }

  void aFullTensorOfAnotherShapeIsRefused() {
    const auto folder = m_folder / "adapter";
    write(folder / "adapter_config.json", "{}");
    write(folder / "adapter_model.safetensors", smallFile({{"base_model.model.lm_head.weight", "abc"}}));
    const auto terms = matched(Adapter::open(folder), golden("adapters/base-llama"));
    QVERIFY(!terms);
    QVERIFY(terms.error().message.find("its shape 3 does not fit lm_head.weight (10 × 8)") != std::string::npos);
  }

  void aRankThatTheConfigDoesNotGiveIsRefused() {
    const auto folder = copyOf("plain");
    setConfig(folder, "r", 4);
    const auto terms = matched(Adapter::open(folder), golden("adapters/base-llama"));
    QVERIFY(!terms);
    QCOMPARE(terms.error().code, ErrorCode::Mismatch);
    QVERIFY(terms.error().message.find("is not of rank 4") != std::string::npos);
  }

  void missingFilesAreNamed() {
    const auto folder = copyOf("plain");
    fs::rename(folder / "adapter_model.safetensors", folder / "adapter_model.bin");
    QCOMPARE(Adapter::open(folder).error().code, ErrorCode::Unsupported);
    fs::remove(folder / "adapter_model.bin");
    QCOMPARE(Adapter::open(folder).error().code, ErrorCode::NotFound);
    fs::remove(folder / "adapter_config.json");
    const auto none = Adapter::open(folder);
    QCOMPARE(none.error().code, ErrorCode::NotFound);
    QVERIFY(none.error().message.find("adapter_config.json") != std::string::npos);
    write(folder / "adapter_config.json", "{}");
    write(folder / "adapter_model.safetensors", packed("{}"));
    QCOMPARE(Adapter::open(folder).error().code, ErrorCode::Corrupt);
  }
};

QTEST_APPLESS_MAIN(TestAdapter)
#include "test_adapter.moc"
