// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One random small model of a family that runs: packed with random options, placed and bounded at random, it gives the same
/// tokens from the same logits as the plain checkpoint. All choices come from an Input.
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/checkpoint/safetensors.h"
#include "core/model/weights.h"
#include "core/pack/pack.h"
#include "core/runtime/runtime.h"
#include "tests/fuzz/input.h"

namespace deltascope::fuzz {

class GenerateCase {
 public:
  /// Works below `folder`, which it empties.
  GenerateCase(Input input, std::filesystem::path folder) : m_input(input), m_folder(std::move(folder)) {}

  /// What is wrong; empty: nothing.
  std::string run() {
    std::filesystem::remove_all(m_folder);
    std::filesystem::create_directories(m_folder / "plain");
    const std::string problem = compared();
    return problem.empty() ? problem : problem + m_said;
  }

 private:
  std::uint64_t below(std::uint64_t n) { return m_input.number(2) % n; }
  template <class T, std::size_t N>
  const T& oneOf(const std::array<T, N>& values) {
    return values[m_input.number(1) % N];
  }
  bool oneIn(std::uint64_t n) { return below(n) == 0; }
  void say(const std::string& text) { m_said += "\n  " + text; }

  nlohmann::ordered_json configOf() {
    static const std::array<std::pair<std::string, std::string>, 4> families{{{"LlamaForCausalLM", "llama"},
                                                                              {"MistralForCausalLM", "mistral"},
                                                                              {"Qwen2ForCausalLM", "qwen2"},
                                                                              {"Qwen3ForCausalLM", "qwen3"}}};
    const auto& [architecture, type] = oneOf(families);
    const std::uint64_t kvHeads = 1 + below(3), heads = kvHeads * (1 + below(3)), headDim = oneOf(std::array{8, 16, 32, 64});
    const std::uint64_t hidden = oneIn(2) ? heads * headDim : 8 * (1 + below(30));
    nlohmann::ordered_json config{{"architectures", {architecture}},
                                  {"model_type", type},
                                  {"hidden_size", hidden},
                                  {"intermediate_size", 1 + below(200)},
                                  {"num_hidden_layers", 1 + below(3)},
                                  {"num_attention_heads", heads},
                                  {"num_key_value_heads", kvHeads},
                                  {"head_dim", headDim},
                                  {"vocab_size", 8 + below(500)},
                                  {"max_position_embeddings", 64},
                                  {"rms_norm_eps", 1e-6},
                                  {"rope_theta", oneIn(2) ? 10000.0 : 500000.0},
                                  {"tie_word_embeddings", oneIn(2)}};
    if (type == "llama" && oneIn(2)) config["mlp_bias"] = config["attention_bias"] = true;
    if (type == "mistral") config["sliding_window"] = oneIn(2) ? nlohmann::ordered_json(4) : nlohmann::ordered_json();
    return config;
  }

  static std::uint32_t mix(std::uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    x *= 0x846ca68bU;
    return x ^ x >> 16;
  }

  /// Weights as models have them, and now and then a matrix that a quantized base gives back exactly.
  std::vector<std::byte> valuesOf(const TensorSpec& spec) {
    std::uint64_t elements = 1;
    for (const auto side : spec.shape) elements *= side;
    std::vector<float> values(elements);
    const auto seed = static_cast<std::uint32_t>(m_input.number(3));
    const std::uint64_t kind = spec.shape.size() == 2 ? below(8) : 7;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::uint32_t r = mix(seed + static_cast<std::uint32_t>(i) * 2654435761u);
      const float unit = static_cast<float>(static_cast<std::int32_t>(r)) / 2147483648.0f;
      const float ternary = 0.125f * (static_cast<float>(r % 3) - 1.0f);
      values[i] = kind == 0                ? 0
                  : kind == 1              ? 0.0625f
                  : kind == 2              ? ternary
                  : spec.shape.size() == 1 ? 1 + 0.1f * unit
                                           : 0.2f * unit;
    }
    std::vector<std::byte> bytes(elements * bytesOf(spec.dtype));
    fromFloat(spec.dtype, values, bytes);
    return bytes;
  }

  Result<ModelConfig> writePlain() {
    const auto folder = m_folder / "plain";
    const auto json = configOf();
    say(json.dump());
    DELTASCOPE_TRY(writeTextFile(folder / "config.json", json.dump(2)));
    DELTASCOPE_ASSIGN(const ModelConfig config, parseModelConfig(json, folder / "config.json"));
    const DType dtype = oneOf(std::array{DType::BF16, DType::F16, DType::F32});
    say(std::string(nameOf(dtype)));
    std::vector<TensorSpec> specs;
    for (const auto& weight : storedWeightsOf(config)) specs.push_back({weight.name, dtype, weight.shape});
    DELTASCOPE_ASSIGN(auto writer, SafetensorsWriter::create(folder / "model.safetensors", specs));
    for (const auto& spec : specs) DELTASCOPE_TRY(writer.write(spec.name, 0, valuesOf(spec)));
    DELTASCOPE_TRY(writer.commit());
    return config;
  }

  Result<Generation> answer(const LoadRequest& request, std::span<const TokenId> prompt) {
    DELTASCOPE_ASSIGN(auto model, Model::load(request, {}));
    DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
    GenerateRequest generating;
    generating.prompt.assign(prompt.begin(), prompt.end());
    generating.maxNewTokens = 6;
    generating.ignoreEnd = true;
    return session->generate(generating, {});
  }

  PackRequest packing() {
    PackRequest request;
    request.final = m_folder / "plain";
    request.out = m_folder / "packed";
    request.quantize = QuantFormat(below(3));
    request.scope = oneIn(2) ? PackScope::All : PackScope::Linear;
    if (*request.quantize != QuantFormat::Int8) {
      request.doubleQuant = oneIn(3);
      request.blocksize = 32U << below(4);
    }
    request.codec = oneOf(std::array<std::optional<CodecId>, 6>{std::nullopt, CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd,
                                                                CodecId::Sparse, CodecId::Additive});
    say(std::string(nameOf(*request.quantize)) + (request.scope == PackScope::All ? " all" : " linear") +
        (request.doubleQuant ? " double " : " ") + std::to_string(request.blocksize) +
        (request.codec ? " " + std::string(nameOf(*request.codec)) : ""));
    return request;
  }

  std::string compared() {
    const auto config = writePlain();
    if (!config) return "the model: " + describe(config.error());
    std::vector<TokenId> prompt(1 + below(9));
    for (auto& id : prompt) id = static_cast<TokenId>(below(config->vocabulary));
    LoadRequest plain;
    plain.path = m_folder / "plain";
    plain.context = 32;
    plain.threads = 1 + static_cast<unsigned>(below(2));
    const auto expected = answer(plain, prompt);
    if (!expected) return "the plain checkpoint: " + describe(expected.error());
    if (const auto packed = pack(packing(), {}); !packed) return "pack: " + describe(packed.error());
    for (int tries = 0; tries < 2; ++tries) {
      LoadRequest request = plain;
      request.path = m_folder / "packed";
      request.threads = 1 + static_cast<unsigned>(below(3));
      if (oneIn(2)) request.placement = Placement(below(3));
      request.staticThreshold = oneIn(2) ? below(20000) : kStaticThreshold;
      if (oneIn(2)) {
        const auto plan = planModel(request);
        if (!plan) return "the plan: " + describe(plan.error());
        request.memoryBudget =
            plan->smallestBudget + below(3) * (plan->expectedPeak - std::min(plan->expectedPeak, plan->smallestBudget)) / 2;
        request.placement.reset();
      }
      say((request.placement ? std::string(nameOf(*request.placement)) : "auto") + ", threshold " +
          std::to_string(request.staticThreshold) +
          (request.memoryBudget ? ", budget " + std::to_string(*request.memoryBudget) : ""));
      const auto got = answer(request, prompt);
      if (!got) return "the packed model: " + describe(got.error());
      if (got->ids != expected->ids || got->logitsHash != expected->logitsHash) return "the packed model says something else";
      if (request.memoryBudget && got->peakMemoryBytes > *request.memoryBudget)
        return "the budget was passed: " + std::to_string(got->peakMemoryBytes);
    }
    return {};
  }

  Input m_input;
  std::filesystem::path m_folder;
  std::string m_said;
};

}  // namespace deltascope::fuzz
