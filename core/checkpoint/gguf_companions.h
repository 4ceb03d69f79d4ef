// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files that would lie beside a model's weights, made from the metadata of a GGUF file.
#include <memory>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/companion_source.h"

namespace deltascope {

/// config.json of the architectures llama, qwen2 and qwen3; tokenizer.json of byte-level BPE ("gpt2") with a known way to split
/// words; tokenizer_config.json with the chat template. What cannot be made is not there. Untrusted bytes: as GgufFile; memory
/// is a few times that of the vocabulary in the file.
class GgufCompanions final : public KeptCompanions {
 public:
  /// Of all parts of a file. The checkpoint must be a GgufFile's.
  explicit GgufCompanions(std::shared_ptr<const Checkpoint> model) : m_model(std::move(model)) {}
  [[nodiscard]] bool hasFolder(std::string_view) const override { return false; }
  [[nodiscard]] std::filesystem::path shown(std::string_view name = {}) const override;

 private:
  [[nodiscard]] bool holds(std::string_view name) const override;
  [[nodiscard]] Result<std::string> load(std::string_view name, std::uint64_t limit) const override;
  std::shared_ptr<const Checkpoint> m_model;
};

}  // namespace deltascope
