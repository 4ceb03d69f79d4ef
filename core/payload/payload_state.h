// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What an open payload keeps. Internal to core/payload.
#include <functional>
#include <mutex>

#include "core/payload/manifest.h"

namespace deltascope {

inline constexpr std::uint64_t kPayloadAlignment = 16;
inline constexpr std::uint64_t kDirectoryEntry = 16;  ///< u64 end, u64 hash64
inline constexpr std::uint64_t kWholePrefix = 16;     ///< of a model or companion: u64 bytes, u64 hash64

[[nodiscard]] tl::unexpected<Error> corruptPayload(const std::filesystem::path& path, std::string_view tensor,
                                                   std::optional<std::uint64_t> offset, std::string_view what);

struct ModelSlot {
  const TensorInfo* stream = nullptr;
  std::optional<CodecId> codec;  ///< of its users; they agree
  std::vector<std::size_t> users;
  ModelPtr loaded;
};

struct Payload::State {
  explicit State(SafetensorsFile f) : file(std::move(f)) {}

  SafetensorsFile file;
  Manifest manifest;
  std::string fingerprint;
  std::uint64_t headerBytes = 0;
  std::vector<const TensorInfo*> streams;  ///< for each tensor; null for identical ones
  std::vector<const TensorInfo*> companionStreams;
  mutable std::mutex mutex;  ///< guards ModelSlot::loaded
  mutable std::vector<ModelSlot> models;

  [[nodiscard]] std::size_t indexOf(const TensorStats& tensor) const {
    return static_cast<std::size_t>(&tensor - manifest.tensors.data());
  }
  [[nodiscard]] bool holds(const TensorStats& tensor) const {
    const auto* first = manifest.tensors.data();
    return std::less_equal<>()(first, &tensor) && std::less<>()(&tensor, first + manifest.tensors.size());
  }
  Result<const TensorInfo*> streamOf(const TensorStats& tensor) const;
  Result<void> attachStreams();
  Result<void> checkStream(const TensorStats& tensor, const TensorInfo& stream) const;
  Result<void> attachModels();
  Result<void> attachCompanions();
  Result<void> checkHeaderEnd() const;
  Result<void> checkWhole(const TensorInfo& stream) const;
  Result<std::vector<std::byte>> readWhole(const TensorInfo& stream) const;
  Result<ModelPtr> loadModel(const ModelSlot& slot) const;
};

}  // namespace deltascope
