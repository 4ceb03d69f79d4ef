// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

bool hasTokenKernel(const Machine& machine, const Matrix& weight) {
  constexpr std::uint32_t kMostTable = std::max({BaseSource::kTableBytes, ByteSource::kTableBytes});
  if (weight.type != ElementType::BF16 || weight.columns == 0 || weight.columns % kUnitColumns != 0 || weight.rows == 0 ||
      weight.rows >= (std::uint64_t{1} << 31) || weight.columns >= (std::uint64_t{1} << 20) ||
      xBytes<3>(static_cast<std::uint32_t>(weight.columns)) + kSumBytes + kMostTable > machine.sharedBytes)
    return false;
  switch (weight.form) {
    case Matrix::Form::Dense:
      return reinterpret_cast<std::uintptr_t>(weight.elements) % 16 == 0;
    case Matrix::Form::FourBit:
      return std::has_single_bit(weight.group) && weight.group >= kChunkColumns;
    case Matrix::Form::Tiled:
      return weight.tiles.code == Tiles::Code::Bytes;
    default:
      return false;
  }
}

void productOfToken(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated) {
  switch (parts[0].weight.form) {
    case Matrix::Form::FourBit:
      return baseProduct(machine, compute, parts, gated);
    case Matrix::Form::Tiled:
      return byteProduct(machine, compute, parts, gated);
    default:
      return denseProduct(machine, compute, parts, gated);
  }
}

}  // namespace deltascope::kernels::cuda
