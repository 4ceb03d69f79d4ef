// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The base as reconstruction needs it: quantized or not, one file or a folder, slices by range.
#include <memory>
#include <vector>

#include "core/base/hash.h"
#include "core/codec/codec.h"
#include "core/quant/base_format.h"

namespace deltascope {

/// What a base holds under one name: a plain tensor, or a quantized weight, whose parts are none.
struct BaseWeight {
  std::string_view name;
  const std::vector<std::uint64_t>* shape = nullptr;
  const TensorInfo* stored = nullptr;          ///< the tensor, or that of the codes
  const QuantizedTensor* quantized = nullptr;  ///< null: plain
};

/// A base checkpoint. Threads: const members may be called concurrently.
class BaseModel {
 public:
  /// `stem` and `beside` as Checkpoint::open(). With ScaleReading::CheckOnly, from headers alone: as after dropScales().
  [[nodiscard]] static Result<BaseModel> open(const std::filesystem::path& path, std::string_view stem = "model",
                                              ScaleReading scales = ScaleReading::Read,
                                              std::shared_ptr<const CompanionSource> beside = nullptr);
  BaseModel(BaseModel&&) noexcept;
  BaseModel& operator=(BaseModel&&) noexcept;
  ~BaseModel();

  [[nodiscard]] const Checkpoint& checkpoint() const;
  [[nodiscard]] const QuantizedTensors& quantized() const;
  [[nodiscard]] std::vector<BaseWeight> weights() const;  ///< in the checkpoint's order; borrowed
  /// None when the base has no such tensor, or one of a type that does not convert. A tensor of another coded float type is
  /// Same (converted, one rounding). Types that are not coded floats see a quantized tensor's parts as the plain tensors they
  /// are.
  [[nodiscard]] BaseKind kindOf(std::string_view name, DType finalType) const;
  /// What the base stores for it, scales included; 0 for a name it lacks.
  [[nodiscard]] std::uint64_t storedBytes(std::string_view name) const;
  /// As a delta of `finalType` sees it: of a quantized tensor, the weight's; null for a name it lacks.
  [[nodiscard]] const std::vector<std::uint64_t>* shapeOf(std::string_view name, DType finalType) const;
  /// Elements [first, first + count) of tensor `name`, as a delta of `finalType` sees them; `first` is a multiple of
  /// kTileElements. Past its end a tensor goes on with zeros: values of +0, the code of zero, scales of +0. `withValues`:
  /// dequantize too (plain tensors always have values). Scales are borrowed from this object, the rest from `into`.
  [[nodiscard]] Result<void> slice(std::string_view name, DType finalType, std::uint64_t first, std::size_t count,
                                   bool withValues, SliceBuffer& into) const;
  /// Codes of elements of a quantized tensor, which goes on with the code of zero past its end; `into` is as long as they are.
  [[nodiscard]] Result<void> readCodes(const QuantizedTensor& tensor, IndexRange elements, std::span<std::byte> into) const;
  /// hash128 over the stored bytes: the tensor's own, and for a quantized one its codes followed by its scales as FP32. They
  /// are read once.
  [[nodiscard]] Result<Hash128> hash(std::string_view name) const;
  /// Frees the scales of all quantized tensors: from then on only plain tensors can be read. Not concurrently with other calls.
  void dropScales();

 private:
  struct State;
  [[nodiscard]] Result<Hash128> readHash(std::string_view name) const;
  Result<void> sliceQuantized(const QuantizedTensor& tensor, bool withValues, SliceBuffer& into) const;
  explicit BaseModel(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope
