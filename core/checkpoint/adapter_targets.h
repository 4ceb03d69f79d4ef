// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The tensors of a base by the names that an adapter has for them. Internal to core/checkpoint.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/adapter.h"
#include "core/checkpoint/adapter_experts.h"
#include "core/checkpoint/model_names.h"

namespace deltascope {

class AdapterTargets {
 public:
  /// The base outlives it.
  explicit AdapterTargets(const Checkpoint& base);

  /// The adapter's names and the base's may each lack the prefix of the bare model, or be those of a text part. A head that is
  /// tied, or an embedding, is found where the base stores the one matrix of both.
  [[nodiscard]] const TensorInfo* find(const std::string& name) const;
  /// What a LoRA on a bare parameter does to the base's tensors: `term` for each expert and half that lies in a tensor of its
  /// own, or for the stack. Nothing where they do not fit.
  [[nodiscard]] std::vector<AdapterTerm> termsOfParameter(const ParameterLora& lora, const AdapterTerm& term) const;

  /// The one matrix that a base stores which ties its head to its embedding, or null.
  [[nodiscard]] const TensorInfo* tie() const { return m_tie; }
  /// Whether the model has a head that is tied to it, as opposed to none: config.json says so, or says nothing and names a
  /// class with a head.
  [[nodiscard]] bool tiesAHead() const;
  /// GPT-2 and its kin keep linear weights [in, out]; PEFT goes by the module's class, whatever fan_in_fan_out says.
  [[nodiscard]] std::optional<bool> usesConv1d() const;
  /// Two weights a byte, as bitsandbytes stores them.
  [[nodiscard]] bool isPacked(const TensorInfo& target) const;

 private:
  [[nodiscard]] bool configTies(bool says) const;
  [[nodiscard]] const TensorInfo* findByOwnName(const std::string& own) const;
  [[nodiscard]] const TensorInfo* findStored(const std::string& name) const;
  [[nodiscard]] const TensorInfo* storedOfTie() const;
  [[nodiscard]] std::vector<AdapterTerm> ofStack(const TensorInfo& stack, const ParameterLora& lora, AdapterTerm term) const;
  [[nodiscard]] std::vector<AdapterTerm> oneByOne(const std::string& module, const ParameterLora& lora, AdapterTerm term) const;

  const Checkpoint& m_base;
  ModelNames m_names;
  const TensorInfo* m_tie = nullptr;
};

/// Of an embedding or a head: a row a token.
[[nodiscard]] bool isVocabulary(std::string_view name);
[[nodiscard]] bool fillsPacked(std::uint64_t elements, const TensorInfo& target);

}  // namespace deltascope
