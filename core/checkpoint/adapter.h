// SPDX-License-Identifier: Apache-2.0
#pragma once
/// PEFT LoRA adapters: adapter_config.json and adapter_model.safetensors, resolved to the tensors of the base they change.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/checkpoint.h"

namespace deltascope {

struct AdapterConfig;

/// How an adapter changes one base tensor. Matrices are as stored (F32, F16 or BF16), row-major.
struct AdapterTerm {
  enum class Kind {
    LowRank,      ///< W += scale · B·A      (A: [rank, in], B: [out, rank]; transposed result with fanInFanOut); with a
                  ///< magnitude (DoRA) each output's weights are then scaled to it: W · magnitude / ‖W‖
    Replacement,  ///< modules_to_save, trained biases, saved embeddings: the tensor itself
    Bias,         ///< lora_B.bias: bias += scale · b   (W here is the module's bias)
    Rows,         ///< trainable tokens: rows `rows` of W become those of `replacement`, rounded once to W's type
  };
  Kind kind = Kind::LowRank;
  std::string target;                       ///< name of the base tensor, e.g. model.layers.0.mlp.up_proj.weight
  const TensorInfo* a = nullptr;            ///< LowRank
  const TensorInfo* b = nullptr;            ///< LowRank, Bias
  const TensorInfo* magnitude = nullptr;    ///< LowRank, of DoRA: one number an output
  const TensorInfo* replacement = nullptr;  ///< Replacement, Rows
  std::vector<std::uint64_t> rows;          ///< Rows: distinct, in the order of the replacement's
  std::uint64_t rank = 0;
  float scale = 1;            ///< alpha/r or alpha/√r, computed in double as PEFT does, then rounded to F32
  bool fanInFanOut = false;   ///< W is stored [in, out]
  bool parameter = false;     ///< LoRA on a bare parameter: the update is rounded to W's type before it is added
  std::uint64_t experts = 1;  ///< … of stacked experts: A is [experts · rank, in], B [out, rank · experts]
  std::uint64_t expert = 0;   ///< … the one that W is, unless W is the stack
  std::uint64_t firstOutput = 0, outputs = 0;  ///< … what W has of B's rows
  bool embedding = false;  ///< lora_embedding_A/B: A is [rank, vocabulary], B is [dim, rank], ΔW = (B·A)ᵀ
  bool head = false;       ///< named by an lm_head that the base ties to the target, its embedding
  bool unties = false;     ///< Replacement: of one of the two alone; from here on the head is a tensor of its own
};

/// Refuses by name what changes the result and is not handled (layer replication, other PEFT types …);
/// tolerates unknown keys.
class Adapter {
 public:
  [[nodiscard]] static Result<Adapter> open(const std::filesystem::path& folder);
  [[nodiscard]] const Checkpoint& tensors() const { return *m_tensors; }
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  /// Terms matched against a base: every adapter tensor must find its target with a fitting shape, or the error names it.
  /// A replacement, and the low-rank update of one, may have more or fewer rows than its target: the adapter of a model whose
  /// tokens were added or cut. Then both the embedding and a head of its own must be there, or the error says what is missing.
  /// Sorted by target; the terms of one target are in the order PEFT applies them, a replacement first. An `lm_head` that the
  /// base ties to its embedding has the embedding as its target, as PEFT's merge has; where modules_to_save replaces one of the
  /// two, or each by another, the term says that it unties them. What PEFT stores once more by the name of a wrapper
  /// (modules_to_save, original_module) is passed over, as PEFT does. Where the base is quantized (bitsandbytes), the packed
  /// size is what must fit. Pointers are into tensors().
  [[nodiscard]] Result<std::vector<AdapterTerm>> match(const Checkpoint& base) const;

 private:
  Adapter() = default;
  std::filesystem::path m_path;
  std::unique_ptr<Checkpoint> m_tensors;
  std::shared_ptr<const AdapterConfig> m_config;
};

/// The name of the head that goes with an embedding, once the two are untied: "lm_head.weight" after what comes before the
/// model's own names. Empty when the name is no embedding's.
[[nodiscard]] std::string headBeside(std::string_view embedding);
[[nodiscard]] bool isHead(std::string_view name);

}  // namespace deltascope
