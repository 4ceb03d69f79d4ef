// SPDX-License-Identifier: Apache-2.0
#include "core/quant/scaled/find.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/base/units.h"
#include "core/quant/checkpoint_config.h"
#include "core/quant/codebook.h"
#include "core/quant/part_reader.h"
#include "core/quant/scaled/grid.h"
#include "core/quant/scaled/packed.h"

namespace deltascope {
namespace {

constexpr std::string_view kPacked = "_packed", kScale = "_scale", kScaleInv = "_scale_inv", kShape = "_shape",
                           kZero = "_zero_point", kOrder = "_g_idx", kWeight = ".weight";
/// What is said of activations, which no weight depends on.
constexpr std::array<std::string_view, 4> kOfActivations{".input_scale", ".input_zero_point", ".output_scale",
                                                         ".output_zero_point"};

/// The parts of one weight.
struct Parts {
  std::string weight;
  const TensorInfo *codes = nullptr, *scale = nullptr, *zero = nullptr, *shape = nullptr;
  std::vector<std::uint64_t> sides;
  [[nodiscard]] bool packed() const { return shape != nullptr; }
};

bool isScaleType(DType type) { return isCodedFloat(type) || type == DType::F8_E8M0; }

/// Rows and columns by `weight_shape`, where a row takes as many words as the codes' rows have.
Result<std::optional<std::vector<std::uint64_t>>> packedSides(const Checkpoint& checkpoint, const Parts& parts, unsigned bits,
                                                              const DeclaredBlocks& declared) {
  const TensorInfo& tensor = *parts.shape;
  if (tensor.elements != 2 || (tensor.dtype != DType::I64 && tensor.dtype != DType::I32)) return std::nullopt;
  DELTASCOPE_ASSIGN(const auto bytes, checkpoint.readAll(tensor));
  std::vector<std::uint64_t> sides(2);
  for (std::size_t i = 0; i < sides.size(); ++i)
    std::memcpy(&sides[i], bytes.data() + i * bytesOf(tensor.dtype), bytesOf(tensor.dtype));
  const auto& stored = parts.codes->shape;
  const auto fits = [&](unsigned width) { return packedWords(sides[1], width) == stored[1]; };
  if (sides[0] != stored[0] || sides[0] == 0 || sides[1] == 0 || !fits(bits)) return std::nullopt;
  const unsigned other = bits == 4 ? 8 : 4;  // of a row of one word
  if (fits(other) && std::ranges::find(declared.bits, bits) == declared.bits.end()) return std::nullopt;
  return sides;
}

/// What a tensor of codes is, if it is of this format.
Result<std::optional<Parts>> partsOf(const Checkpoint& checkpoint, const BaseFormat& format, const TensorInfo& codes,
                                     const DeclaredBlocks& declared) {
  const unsigned bits = format.layout(1).codeBits;
  const bool packed = format.kind() != BaseKind::Fp8 && codes.dtype == DType::I32 && codes.shape.size() == 2 &&
                      codes.name.ends_with(std::string(kWeight).append(kPacked));
  const DType plain = format.kind() == BaseKind::Fp8 ? DType::F8_E4M3 : DType::I8;
  if (!packed && (bits != 8 || codes.dtype != plain || codes.shape.size() < 2 || codes.elements == 0)) return std::nullopt;
  Parts parts;
  parts.codes = &codes;
  parts.weight = packed ? codes.name.substr(0, codes.name.size() - kPacked.size()) : codes.name;
  const auto part = [&](std::string_view suffix) { return checkpoint.find(parts.weight + std::string(suffix)); };
  parts.scale = part(kScale);
  if (!parts.scale && format.kind() == BaseKind::Fp8) parts.scale = part(kScaleInv);
  parts.zero = part(kZero);
  if (!parts.scale || !isScaleType(parts.scale->dtype) || part(kOrder)) return std::nullopt;
  if (!packed) {
    parts.sides = codes.shape;
    return parts;
  }
  parts.shape = part(kShape);
  if (!parts.shape || checkpoint.find(parts.weight)) return std::nullopt;
  DELTASCOPE_ASSIGN(auto sides, packedSides(checkpoint, parts, bits, declared));
  if (!sides) return std::nullopt;
  parts.sides = std::move(*sides);
  return parts;
}

Result<std::vector<float>> readScales(const Checkpoint& checkpoint, const TensorInfo& tensor) {
  DELTASCOPE_ASSIGN(const auto stored, checkpoint.readAll(tensor));
  std::vector<float> scales(static_cast<std::size_t>(tensor.elements));
  if (tensor.dtype != DType::F8_E8M0) {
    toFloat(tensor.dtype, stored, scales);
    return scales;
  }
  std::ranges::transform(stored, scales.begin(), [](std::byte byte) {
    const int exponent = std::to_integer<int>(byte);
    return exponent == 255 ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0F, exponent - 127);
  });
  return scales;
}

/// Zeros of the grid: as bytes of its shape, or packed down the rows as the codes are packed along them.
Result<std::vector<float>> readZeros(PartReader& reader, const Parts& parts, const ScaleGrid& grid, unsigned bits) {
  if (!parts.zero) return std::vector<float>(static_cast<std::size_t>(grid.scales()), 0.0F);
  const bool down = parts.packed() && parts.zero->dtype == DType::I32;
  const std::uint64_t wanted = down ? packedWords(grid.gridRows, bits) * grid.gridColumns : grid.scales();
  DELTASCOPE_ASSIGN(const auto stored, reader.bytes(parts.zero->name, down ? DType::I32 : DType::I8, wanted));
  if (down) return unpackDown(stored, grid.gridRows, grid.gridColumns, bits);
  std::vector<float> zeros(stored.size());
  std::ranges::transform(stored, zeros.begin(),
                         [](std::byte b) { return static_cast<float>(std::to_integer<std::int8_t>(b)); });
  return zeros;
}

/// Zeros of FP8 that older files have are all +0.
Result<void> checkNoZeros(const Checkpoint& checkpoint, PartReader& reader, const Parts& parts) {
  if (!parts.zero) return {};
  DELTASCOPE_TRY(reader.require(parts.zero->name));
  DELTASCOPE_ASSIGN(const auto stored, checkpoint.readAll(*parts.zero));
  if (std::ranges::all_of(stored, [](std::byte b) { return b == std::byte{0}; })) return {};
  return reader.error(ErrorCode::Unsupported, parts.zero->name, "is not zero, as FP8 has it");
}

std::string misfit(const Parts& parts) {
  return "has the shape " + shapeText(parts.scale->shape) + ", which is no grid over the weight's " + shapeText(parts.sides);
}

Result<void> add(const Checkpoint& checkpoint, const BaseFormat& format, const Parts& parts, const DeclaredBlocks& declared,
                 ScaleReading reading, QuantizedTensors& into) {
  PartReader reader(checkpoint, parts.weight, *parts.codes, format.library());
  for (const auto* part : {parts.codes, parts.scale, parts.shape})
    if (part) DELTASCOPE_TRY(reader.require(part->name));
  if (parts.weight.ends_with(kWeight))
    for (const auto suffix : kOfActivations) {
      const std::string name = parts.weight.substr(0, parts.weight.size() - kWeight.size()).append(suffix);
      if (checkpoint.find(name)) DELTASCOPE_TRY(reader.require(name));
    }
  const auto grid = scaleGrid(parts.sides, parts.scale->shape, declared);
  if (!grid) return reader.error(ErrorCode::Corrupt, parts.scale->name, misfit(parts));

  QuantizedTensor tensor;
  tensor.kind = format.kind();
  tensor.codes = parts.codes;
  tensor.dtype = isCodedFloat(parts.scale->dtype) && parts.scale->dtype != DType::F32
                     ? parts.scale->dtype
                     : configuredDtype(checkpoint.config()).value_or(DType::BF16);
  tensor.shape = parts.sides;
  tensor.elements = grid->matrices * grid->rows * grid->columns;
  tensor.layout = format.layout(grid->blockColumns);
  if (grid->columns % grid->blockColumns != 0) tensor.layout.columns = grid->columns;
  const bool withZeros = tensor.layout.parameters == 2;
  if (!withZeros) DELTASCOPE_TRY(checkNoZeros(checkpoint, reader, parts));
  std::vector<float> zeros;
  if (withZeros) {
    DELTASCOPE_ASSIGN(zeros, readZeros(reader, parts, *grid, tensor.layout.codeBits));
  }
  if (reading == ScaleReading::Read) {
    DELTASCOPE_ASSIGN(const auto scales, readScales(checkpoint, *parts.scale));
    tensor.scales = grid->spread(scales);
    if (withZeros) {
      const auto spread = grid->spread(zeros);
      std::vector<float> both;
      both.reserve(2 * spread.size());
      for (std::size_t i = 0; i < spread.size(); ++i) both.insert(both.end(), {tensor.scales[i], spread[i]});
      tensor.scales = std::move(both);
    }
  }
  reader.commit(std::move(tensor), into);
  return {};
}

}  // namespace

Result<void> findScaled(const Checkpoint& checkpoint, const BaseFormat& format, ScaleReading reading, QuantizedTensors& into) {
  const DeclaredBlocks declared = declaredBlocks(checkpoint);
  for (const auto& tensor : checkpoint.tensors()) {
    if (into.parts.contains(tensor.name) || into.weights.contains(tensor.name)) continue;
    const auto parts = partsOf(checkpoint, format, tensor, declared);
    const auto added = !parts   ? Result<void>(tl::make_unexpected(parts.error()))
                       : *parts ? add(checkpoint, format, **parts, declared, reading, into)
                                : Result<void>();
    if (!added && reading != ScaleReading::Describe) return added;
  }
  return {};
}

}  // namespace deltascope
