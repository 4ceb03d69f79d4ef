// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

bool hasFewProduct(const Machine& machine, const Matrix& weight) {
  // What one token needs: three parts of x, sums of some row groups, a table.
  constexpr std::uint32_t kLeastSums = 16384, kMostTable = 4096;
  if (weight.type != ElementType::BF16 || weight.columns == 0 || weight.columns % kUnitColumns != 0 || weight.rows == 0 ||
      weight.rows >= (std::uint64_t{1} << 31) || weight.columns >= (std::uint64_t{1} << 20) ||
      3 * (weight.columns * 2 + kPartPadding) + kLeastSums + kMostTable > machine.sharedBytes)
    return false;
  switch (weight.form) {
    case Matrix::Form::Dense:
      return reinterpret_cast<std::uintptr_t>(weight.elements) % 16 == 0;
    case Matrix::Form::Tiled:
      return weight.tiles.code == Tiles::Code::Bytes || weight.tiles.code == Tiles::Code::Codes;
    default:
      return false;
  }
}

std::uint32_t mostFew(const Matrix& weight) { return weight.form == Matrix::Form::Dense ? 16 : 40; }

bool canNorm(const RmsNormArgs& norm) { return norm.columns >= kProductThreads && norm.columns % kUnitColumns == 0; }

const std::byte* residentBytes(const Matrix& weight, std::uint64_t& bytes) {
  bytes = 0;
  if (weight.feed) return nullptr;
  if (weight.form == Matrix::Form::Dense) {
    bytes = weight.rows * weight.columns * bytesOf(weight.type);
    return static_cast<const std::byte*>(weight.elements);
  }
  if (weight.form != Matrix::Form::Tiled) return nullptr;
  const bool exact = weight.tiles.code == Tiles::Code::Bytes;
  if (!exact && weight.tiles.code != Tiles::Code::Codes) return nullptr;
  bytes = UnitForm(weight.rows, weight.columns, exact).overflowAt;
  return weight.tiles.stream;
}

void productOfFew(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts) {
  const Matrix& weight = parts[0].weight;
  if (weight.form == Matrix::Form::Dense) return denseProduct(machine, how, parts);
  if (weight.tiles.code == Tiles::Code::Codes) return codeProduct(machine, how, parts);
  byteProduct(machine, how, parts);
}

}  // namespace deltascope::kernels::cuda
