// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The inputs of pack, opened and matched: which tensors there are, and any range of a tensor's final together with its base.
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/pack/linear_layers.h"
#include "core/pack/pack.h"
#include "core/pack/terms.h"
#include "core/source/base_model.h"

namespace deltascope {

struct PackTensor {
  TensorStats stats;                  ///< name, type, shape, sizes, kind of base, base bytes; the rest comes with the work
  const TensorInfo* final = nullptr;  ///< null: computed from the base and the terms
  bool quantize = false;              ///< turned into a quantized weight of the new base
  std::vector<TermRef> terms;         ///< what the adapters do to it, in order
};

/// A range of one tensor, both sides.
struct PairSlice {
  std::vector<std::byte> final;
  SliceBuffer base;           ///< its slice's values are set, unless the tensor has no base
  std::vector<float> scales;  ///< absmax of each block as quantized here, before double quantization
};

/// Threads: const members may be called concurrently.
class PackSources {
 public:
  /// Opens and matches everything the request names. Mismatch names the first tensor that does not fit, with both shapes.
  [[nodiscard]] static Result<PackSources> open(const PackRequest& request);

  [[nodiscard]] const PackRequest& request() const { return m_request; }
  [[nodiscard]] const std::vector<PackTensor>& tensors() const { return m_tensors; }  ///< natural order of names
  [[nodiscard]] const Checkpoint* finalCheckpoint() const { return m_final ? &*m_final : nullptr; }
  [[nodiscard]] const LinearLayers& linearLayers() const { return m_layers; }  ///< of the final
  [[nodiscard]] const BaseModel* base() const { return m_base ? &*m_base : nullptr; }
  [[nodiscard]] const std::vector<std::unique_ptr<Adapter>>& adapters() const { return m_adapters; }
  [[nodiscard]] std::uint64_t baseOnlyTensors() const { return m_baseOnly; }  ///< weights of the base that the final lacks
  /// Whether a pass over the whole tensor must find its scales before it can be quantized: INT8 and double quantization.
  /// Of a tensor that is quantized here.
  [[nodiscard]] BaseLayout layoutOf(const PackTensor& tensor) const;
  [[nodiscard]] bool needsScales(const PackTensor& tensor) const;
  [[nodiscard]] const std::vector<std::string>& notes() const { return m_notes; }  ///< what the user should know, one line each
  [[nodiscard]] std::vector<std::filesystem::path> inputs() const;  ///< folders and files that must not be written to

  /// Scales of elements [first, first + count) must be given for INT8 and for double quantization (as a reader of the file sees
  /// them), and `terms` for a tensor that has some. They must live as long as `into` is used.
  [[nodiscard]] Result<void> read(const PackTensor& tensor, std::uint64_t first, std::size_t count,
                                  std::span<const float> scales, const LoadedTerms* terms, PairSlice& into) const;
  /// The loaded terms of a tensor that has some.
  [[nodiscard]] Result<TermsPtr> termsOf(const PackTensor& tensor) const;
  [[nodiscard]] Result<void> readFinal(const PackTensor& tensor, std::uint64_t first, std::span<std::byte> into) const;
  /// Largest magnitudes of whole rows [row, row + count), those of a stack counted through: the scales of INT8.
  [[nodiscard]] Result<std::vector<float>> rowScales(const PackTensor& tensor, std::uint64_t row, std::uint64_t count) const;

 private:
  PackSources() = default;
  Result<void> matchFinal();
  Result<void> matchAdapters();
  void matchNames();
  void noteWithoutBase();
  Result<void> addFinal(const TensorInfo& info);
  void setQuantized(const TensorInfo& info, PackTensor& tensor) const;
  void setBase(TensorStats& stats) const;
  void setOtherShape(PackTensor& tensor, const std::vector<std::uint64_t>& base);
  PackTensor* headOf(const PackTensor& embedding, std::list<PackTensor>& untied);
  void replaceBy(const TensorInfo& replacement, PackTensor& tensor);
  void quantizeHere(const PackTensor& tensor, std::span<const float> scales, PairSlice& into) const;

  PackRequest m_request;
  std::optional<Checkpoint> m_final;
  std::optional<BaseModel> m_base;
  std::vector<std::unique_ptr<Adapter>> m_adapters;
  std::vector<PackTensor> m_tensors;
  std::map<std::string, std::string, std::less<>> m_otherNames;  ///< of the final's tensors, those that the base has
  LinearLayers m_layers{std::string()};
  std::uint64_t m_baseOnly = 0;
  std::vector<std::string> m_notes;
  std::uint64_t m_misfits = 0;    ///< tensors that a GGUF base has in a shape that is not the final's
  std::optional<Error> m_unlike;  ///< why the first tensor that has another shape has no base
};

/// Whether `scope` quantizes this tensor of floats: for All a matrix or a stack of them (matricesOf), for Linear the weight of
/// one of `layers`.
[[nodiscard]] bool isQuantizedBy(PackScope scope, const TensorInfo& tensor, const LinearLayers& layers);

}  // namespace deltascope
