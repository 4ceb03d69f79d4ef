// SPDX-License-Identifier: Apache-2.0
// Folders as people have them, through the real program: each is told what it is and what to do, in one line.
#include <QTemporaryDir>
#include <fstream>

#include "core/model/weights.h"
#include "tests/app/run_cli.h"
#include "tests/core/models/small_model.h"

using namespace deltascope;
using namespace deltascope::test;
using nlohmann::json;

namespace {

const char* const kPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d4d\nsize 4976698672\n";
const char* const kPage = "\n<!DOCTYPE html>\n<html lang=\"en\"><head><title>Sign in</title></head></html>\n";
const char* const kIds = "generate model --ids 5,6,7 --max-new-tokens 2 --quiet";

json configOf() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_size", 64},
          {"intermediate_size", 96},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"vocab_size", 272},
          {"max_position_embeddings", 256}};
}

/// A model that runs, before it is damaged.
struct Model {
  json config = configOf();
  std::vector<TensorData> tensors;
  std::map<std::string, std::string> files;  // besides, or instead

  Model() {
    unsigned seed = 1;
    for (const auto& spec : weightsOf(take(parseModelConfig(config, "config.json"))))
      tensors.push_back(randomTensor(spec.name, DType::BF16, spec.shape, ++seed));
  }
  void write(const fs::path& folder) const {
    fs::create_directories(folder);
    writeFile(folder / "model.safetensors", tensors);
    take(writeTextFile(folder / "config.json", config.dump()));
    for (const auto& [name, text] : files) std::ofstream(folder / name, std::ios::binary) << text;
  }
};

using Change = std::function<void(Model&)>;

bool isLinear(const TensorData& tensor) { return tensor.spec.name.find("_proj.weight") != std::string::npos; }

/// The weights of the linear layers under other names and types, as a method that is not read here stores them.
Change quantizedAs(const std::string& method, const std::vector<std::pair<std::string, DType>>& parts, const json& more = {}) {
  return [=](Model& model) {
    std::vector<TensorData> tensors;
    for (auto& tensor : model.tensors) {
      if (!isLinear(tensor)) {
        tensors.push_back(std::move(tensor));
        continue;
      }
      const auto module = tensor.spec.name.substr(0, tensor.spec.name.size() - std::string("weight").size());
      for (const auto& [part, type] : parts) tensors.push_back(randomTensor(module + part, type, {8, 16}, 3));
    }
    model.tensors = std::move(tensors);
    if (!method.empty()) model.config["quantization_config"] = json{{"quant_method", method}};
    if (!more.is_null()) model.config["quantization_config"].update(more);
  };
}

Change file(const std::string& name, const std::string& text) {
  return [=](Model& model) { model.files[name] = text; };
}

Change config(const std::string& field, const json& value) {
  return [=](Model& model) { model.config[field] = value; };
}

constexpr const char* kUpOfLayer1 = "model.layers.1.mlp.up_proj.weight";

}  // namespace

class TestCliFilesAsFound : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;
  fs::path place(const std::string& name) const { return fs::path(m_folder.path().toStdString()) / name; }

  void expectRefusal(const QString& command, const QStringList& says) const {
    const auto result = runCli(command.split(' '), m_folder.path());
    COMPARE_STATUS(result, 3);
    const auto lines = result.errorLines().filter("deltascope-cli: ");
    QVERIFY2(lines.size() == 1, result.err);
    for (const QString& text : says) QVERIFY2(lines.front().contains(text), qPrintable(lines.front() + " lacks: " + text));
    QVERIFY2(!lines.front().contains("mixed up"), qPrintable(lines.front()));
    QVERIFY2(result.out.isEmpty(), result.out);
    QVERIFY(!fs::exists(place("out")) && !fs::exists(place("out.delta.safetensors")));
  }

 private slots:
  void init() {
    for (const auto& entry : fs::directory_iterator(place(""))) fs::remove_all(entry.path());
  }

  /// Some weights are there: the pack is exact, and not what whoever saved the model meant.
  void packTellsOfWeightsThatWereNotGathered() {
    Model model;
    for (auto& tensor : model.tensors) {
      if (tensor.spec.name != kUpOfLayer1) continue;
      tensor.spec.shape = {0};
      tensor.bytes.clear();
    }
    model.write(place("model"));
    const auto packed =
        runCli({"pack", "--final", "model", "--quantize", "nf4", "--scope", "all", "--out", "out"}, m_folder.path());
    COMPARE_STATUS(packed, 0);
    QVERIFY2(packed.out.contains("1 weight of the final is empty, such as model.layers.1.mlp.up_proj.weight: DeepSpeed ZeRO-3"),
             packed.out);
  }

  void modelsAreToldWhatTheyAre_data() {
    QTest::addColumn<Change>("change");
    QTest::addColumn<QString>("command");
    QTest::addColumn<QStringList>("says");
    const auto row = [](const char* name, Change change, const QString& command, QStringList says) {
      QTest::newRow(name) << std::move(change) << command << std::move(says);
    };
    const QString inspect = "inspect model", pack = "pack --final model --quantize nf4 --out out --quiet";
    const std::string weights = "model.safetensors";
    row("LFS weights", file(weights, kPointer), inspect,
        {weights.c_str(), "Git LFS pointer", "4,976,698,672 bytes", "git lfs pull"});
    row("LFS weights, generate", file(weights, kPointer), kIds, {"Git LFS pointer"});
    row("LFS weights, pack", file(weights, kPointer), pack, {"Git LFS pointer"});
    row("LFS config", file("config.json", kPointer), kIds, {"config.json", "Git LFS pointer"});
    row("LFS tokenizer", file("tokenizer.json", kPointer), "tokenize model --text a", {"tokenizer.json", "Git LFS pointer"});
    row("a page as weights", file(weights, kPage), inspect,
        {weights.c_str(), "web page (HTML text)", "download the file again"});
    row("a page as config", file("config.json", kPage), kIds, {"config.json", "web page"});
    row("a page as tokenizer", file("tokenizer.json", kPage), "tokenize model --text a", {"tokenizer.json", "web page"});
    row("an answer in JSON as weights", file(weights, "{\"error\":\"Access to model org/x is restricted.\"}"), inspect,
        {"is JSON text: {\"error\":\"Access to model org/x is restricted.\"}"});
    row("an answer in words as weights", file(weights, "Entry not found"), inspect, {"is text: Entry not found"});
    row("an answer in XML as weights", file(weights, "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
        inspect, {"is XML text"});
    row("empty weights file", file(weights, ""), inspect, {"is empty", "download the file again"});
    row("a file of zeros", file(weights, std::string(5000, '\0')), inspect, {"holds zeros where it should begin"});
    row("empty config", file("config.json", ""), kIds, {"config.json", "is empty"});
    row("GGUF as safetensors", file(weights, "GGUF\3"), inspect, {"is a GGUF file"});
    row("NumPy as safetensors", file(weights, "\x93NUMPY\1"), inspect, {"is a NumPy array"});
    row("HDF5 as safetensors", file(weights, "\x89HDF\r\n\x1a\n"), inspect, {"is an HDF5 file"});
    row("a ZIP as safetensors", file(weights, std::string("PK\3\4xxxxxxxxxxxxxxxxxxxxxxarchive/data.pkl")), inspect,
        {"is a file of torch.save", ".bin, .pt or .pth"});
    row("a pickle as safetensors", file(weights, "\x80\x02}q"), inspect, {"is a Python pickle"});
    row("gzip as safetensors", file(weights, "\x1f\x8b\x08"), inspect, {"is compressed with gzip"});

    const Change zero3 = [](Model& model) {
      for (auto& tensor : model.tensors)
        if (isLinear(tensor)) tensor = {{tensor.spec.name, DType::BF16, {0}}, {}};
    };
    row("ZeRO-3", zero3, kIds, {"is empty, one of 14", "DeepSpeed ZeRO-3", "zero_to_fp32.py"});
    row("ZeRO-3, pack", zero3, pack + " --scope linear", {"is empty, one of 14", "DeepSpeed ZeRO-3"});
    using Parts = std::vector<std::pair<std::string, DType>>;
    const Parts gptq{{"qweight", DType::I32}, {"qzeros", DType::I32}, {"scales", DType::F16}, {"g_idx", DType::I32}};
    row("GPTQ", quantizedAs("gptq", gptq, {{"bits", 4}}), kIds, {"quantized with gptq (4 bits)", "plain ones are needed"});
    row("GPTQ, pack", quantizedAs("gptq", gptq, {{"bits", 4}}), pack, {"quantized with gptq (4 bits)"});
    row("GPTQ without a word", quantizedAs("", gptq), kIds, {"quantized with GPTQ or AWQ"});
    row("AWQ", quantizedAs("awq", {{"qweight", DType::I32}, {"qzeros", DType::I32}, {"scales", DType::F16}}, {{"bits", 4}}),
        kIds, {"quantized with awq (4 bits)"});
    row("FP8 of another shape", quantizedAs("fp8", {{"weight", DType::F8_E4M3}, {"weight_scale_inv", DType::F32}}), kIds,
        {"its shape is 8 × 16", "config.json asks for 64 × 64"});
    row("FP8 without a word", quantizedAs("", {{"weight", DType::F8_E4M3}}), kIds, {"quantized with fp8"});
    row("compressed-tensors",
        quantizedAs("compressed-tensors",
                    {{"weight_packed", DType::I32}, {"weight_scale", DType::F16}, {"weight_shape", DType::I64}}),
        kIds, {"quantized with compressed-tensors"});
    row("EETQ", quantizedAs("eetq", {{"weight", DType::I8}, {"weight_scales", DType::F16}}), kIds, {"quantized with eetq"});
    row("HQQ", quantizedAs("hqq", {{"W_q", DType::U8}, {"scale", DType::F16}, {"zero", DType::F16}}, {{"nbits", 4}}), kIds,
        {"quantized with hqq (4 bits)"});
    row("MXFP4", quantizedAs("mxfp4", {{"weight_blocks", DType::U8}, {"weight_scales", DType::U8}}), kIds,
        {"quantized with mxfp4"});

    row("a larger vocabulary in the weights", config("vocab_size", 271), kIds,
        {"embed_tokens", "vocab_size is 271 there, 272 here"});
    row("another width", config("hidden_size", 128), kIds, {"hidden_size is 128 there, 64 here"});
    row("another inner width", config("intermediate_size", 100), kIds, {"intermediate_size is 100 there, 96 here"});
    row("more heads", config("num_attention_heads", 8), kIds, {"num_key_value_heads × head_dim is 16 there, 32 here"});
    row("wider heads", config("head_dim", 32), kIds, {"num_attention_heads × head_dim is 128 there, 64 here"});
    row("more heads for keys", config("num_key_value_heads", 4), kIds, {"num_key_value_heads × head_dim is 64 there, 32 here"});
    row("more layers", config("num_hidden_layers", 4), kIds, {"num_hidden_layers is 4 there, the weights have 2 layers"});
    row("a layer in part", [](Model& m) { std::erase_if(m.tensors, [](const auto& t) { return t.spec.name == kUpOfLayer1; }); },
        kIds, {kUpOfLayer1, "the model lacks this weight, which config.json asks for. copy or download the model again"});
    row("a config of another model", config("model_type", "gpt_neox"), kIds, {"model_type: gpt_neox", "cannot be run"});
    row("other names",
        [](Model& model) {
          for (auto& t : model.tensors) t.spec.name = "x." + t.spec.name.substr(7);
        },
        kIds, {"its tensors have other names, such as x."});
    const Change unmerged = [](Model& model) {
      for (auto& tensor : model.tensors) tensor.spec.name = "base_model.model." + tensor.spec.name;
      const std::string module = "base_model.model.model.layers.0.self_attn.q_proj.";
      model.tensors.push_back(randomTensor(module + "lora_A.default.weight", DType::BF16, {4, 64}, 9));
    };
    row("a LoRA beside the weights", unmerged, kIds, {"lora_A.default.weight", "merge it with PEFT first"});
    row("no tokenizer", [](Model&) {}, "tokenize model --text a", {"tokenizer.json", "there is no such file"});
    row("a tokenizer of SentencePiece", file("tokenizer.model", "\n\x0e\n\x05<unk>"), "tokenize model --text a",
        {"tokenizer.model", "save_pretrained"});
    row("nothing to quantize",
        [](Model& m) { std::erase_if(m.tensors, [](const auto& t) { return t.spec.shape.size() != 1; }); }, pack,
        {"has no matrix", "--quantize"});
  }
  void modelsAreToldWhatTheyAre() {
    QFETCH(Change, change);
    QFETCH(QString, command);
    QFETCH(QStringList, says);
    Model model;
    change(model);
    model.write(place("model"));
    expectRefusal(command, says);
  }

  /// What a command does not need does not stop it.
  void otherCommandsGoOn_data() {
    QTest::addColumn<Change>("change");
    const auto row = [](const char* name, Change change) { QTest::newRow(name) << std::move(change); };
    row("no JSON as config", file("config.json", "{"));
    row("a page as config", file("config.json", kPage));
    row("a list as config", file("config.json", "[]"));
    row("numbers of Python's",
        file("config.json", R"({"model_type":"llama","time_step_limit":[0.0,Infinity],"x":NaN,"y":-Infinity})"));
    row("a broken generation config", file("generation_config.json", "{"));
    row("GPTQ", quantizedAs("gptq", {{"qweight", DType::I32}, {"qzeros", DType::I32}, {"scales", DType::F16}}));
    row("a wrong vocab_size", config("vocab_size", 9));
    row("an unknown model", config("model_type", "tomorrow"));
  }
  void otherCommandsGoOn() {
    QFETCH(Change, change);
    Model model;
    change(model);
    model.write(place("model"));
    for (auto& tensor : model.tensors) tensor = nudged(std::move(tensor), 3);
    model.write(place("tuned"));
    COMPARE_STATUS(runCli({"inspect", "model"}, m_folder.path()), 0);
    COMPARE_STATUS(
        runCli({"pack", "--base", "model", "--final", "tuned", "--out", "t.delta.safetensors", "--quiet"}, m_folder.path()), 0);
    COMPARE_STATUS(runCli({"verify", "t.delta.safetensors", "--base", "model", "--final", "tuned", "--quiet"}, m_folder.path()),
                   0);
    COMPARE_STATUS(runCli({"unpack", "t.delta.safetensors", "--base", "model", "--out", "back", "--quiet"}, m_folder.path()),
                   0);
    const auto final = take(Checkpoint::open(place("tuned"))), back = take(Checkpoint::open(place("back")));
    QCOMPARE(back.tensors().size(), final.tensors().size());
    for (const auto& tensor : final.tensors())
      QVERIFY2(take(back.readAll(*back.find(tensor.name))) == take(final.readAll(tensor)), tensor.name.c_str());
  }

  void pythonsNumbersReachTheBasesConfig() {
    Model model;
    const std::string text =
        model.config.dump().substr(0, model.config.dump().size() - 1) + ",\"time_step_limit\":[0.0,Infinity]}\n";
    model.files["config.json"] = text;
    model.write(place("model"));
    COMPARE_STATUS(runCli({"pack", "--final", "model", "--quantize", "nf4", "--scope", "linear", "--out", "packed", "--quiet"},
                          m_folder.path()),
                   0);
    const auto written = take(readTextFile(place("packed/config.json")));
    QVERIFY2(written.find("[0.0,Infinity]") != std::string::npos && written.find("\"quant_method\"") != std::string::npos,
             written.c_str());
    COMPARE_STATUS(runCli({"generate", "packed", "--plan", "--quiet"}, m_folder.path()), 0);
    COMPARE_STATUS(runCli({"unpack", "packed", "--out", "back", "--quiet"}, m_folder.path()), 0);
    QCOMPARE(take(readTextFile(place("back/config.json"))), text);
  }

  void adaptersOfZero3AreToldSo() {
    Model().write(place("model"));
    const std::string module = "base_model.model.model.layers.0.self_attn.q_proj.";
    fs::create_directories(place("adapter"));
    writeFile(place("adapter/adapter_model.safetensors"),
              {{{module + "lora_A.weight", DType::BF16, {0}}, {}}, {{module + "lora_B.weight", DType::BF16, {0}}, {}}});
    take(writeTextFile(place("adapter/adapter_config.json"), R"({"peft_type":"LORA","r":4,"lora_alpha":8})"));
    expectRefusal("pack --base model --adapter adapter --out out.delta.safetensors --quiet",
                  {"lora_A.weight", "is empty, one of 2", "ZeRO-3"});
  }
};

QTEST_GUILESS_MAIN(TestCliFilesAsFound)
#include "test_cli_files_as_found.moc"
