// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A checkpoint as the ecosystem writes it: one safetensors file, or a folder with shards, an index and configuration files; or
/// one file of torch.save; or a GGUF file, or all parts of one.
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/checkpoint/companion_source.h"
#include "core/checkpoint/gguf_file.h"
#include "core/checkpoint/safetensors.h"

namespace deltascope {

/// Threads: const members may be called concurrently. Untrusted bytes: as SafetensorsFile, TorchFile and GgufFile; an index may
/// only name files inside the folder, and is otherwise not believed: the tensors are those of its shards. A tensor that is in
/// two shards must have the same type, shape and bytes in both.
class Checkpoint {
 public:
  /// `path`: a `.safetensors` file, an `*.index.json`, or a folder holding `model.safetensors`, `model.safetensors.index.json`,
  /// `adapter_model.safetensors`, or else exactly one safetensors file or index; or a file of torch.save (.pth, .pt, .bin) or
  /// an index of such files, also in a folder that has none of these; or a GGUF file, or any part of one that was split
  /// (NAME-00001-of-00003.gguf), also the only one in such a folder. `*.delta.safetensors` files in a folder are left aside.
  /// `stem`: prefer files of this stem in a folder ("base" → base.safetensors, base.safetensors.index.json). `beside`: the
  /// files beside the weights, where somebody reads them already; taken if it is the same folder's.
  [[nodiscard]] static Result<Checkpoint> open(const std::filesystem::path& path, std::string_view stem = "model",
                                               std::shared_ptr<const CompanionSource> beside = nullptr);
  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  [[nodiscard]] const std::filesystem::path& path() const;       ///< as given to open()
  [[nodiscard]] const std::filesystem::path& folder() const;     ///< where config.json and tokenizer files would be
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const;  ///< in natural order of their names
  [[nodiscard]] const TensorInfo* find(std::string_view name) const;
  [[nodiscard]] const std::filesystem::path& fileOf(const TensorInfo& tensor) const;
  [[nodiscard]] std::vector<std::filesystem::path> files() const;  ///< with the tensors (and index, if any)
  [[nodiscard]] std::uint64_t totalBytes() const;                  ///< of all tensors
  /// `__metadata__` of the file that holds `tensor`; empty where the format has none.
  [[nodiscard]] const std::map<std::string, std::string>& metadataOf(const TensorInfo& tensor) const;
  [[nodiscard]] const std::string& indexMetadata() const;  ///< "metadata" of the index, a JSON object; empty without one
  [[nodiscard]] const GgufFile* gguf() const;  ///< the first file, which has the metadata, where it is a GGUF file; else null
  /// The parsed config.json, an object; null when the folder has none, or one that is no JSON object: see configError().
  [[nodiscard]] const nlohmann::json& config() const;
  /// What is wrong with the config.json that is there. Most of what is done with a checkpoint does not need it.
  [[nodiscard]] const std::optional<Error>& configError() const;

  [[nodiscard]] Result<void> read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const;
  [[nodiscard]] Result<std::vector<std::byte>> readAll(const TensorInfo& tensor) const;  ///< for small tensors

 private:
  struct State;
  explicit Checkpoint(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

/// A model argument is a folder, a file, or a Hub id `org/name[@revision]` found in the local Hugging Face cache
/// (`HF_HUB_CACHE`, `HF_HOME/hub`, `~/.cache/huggingface/hub`). An id that is not there is NotFound, with the download command
/// as the hint.
[[nodiscard]] Result<std::filesystem::path> resolveModel(std::string_view argument);

}  // namespace deltascope
