// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/product_launch.cuh"

namespace deltascope::kernels::cuda {

bool hasTokenKernel(const Matrix& weight) {
  const bool shape = weight.type == ElementType::BF16 && weight.columns % kStepWeights == 0 && weight.rows > 0 &&
                     weight.columns <= 32768 && weight.rows * (weight.columns / kStepWeights) < (std::uint64_t{1} << 31);
  switch (weight.form) {
    case Matrix::Form::Dense:
    case Matrix::Form::FourBit:
    case Matrix::Form::Tiled:
      return shape;
    default:
      return false;
  }
}

void productOfToken(const Machine& machine, Compute compute, std::span<const MatmulArgs> parts, bool gated) {
  const Matrix& weight = parts[0].weight;
  if (weight.form == Matrix::Form::Dense) return denseProduct(machine, compute, parts, gated);
  if (weight.form == Matrix::Form::FourBit) return baseProduct(machine, compute, parts, gated);
  switch (weight.tiles.code) {
    case Tiles::Code::Bytes:
      return byteProduct(machine, compute, parts, gated);
    case Tiles::Code::Prefix:
      return prefixProduct(machine, compute, parts, gated);
    case Tiles::Code::Fields:
      return fieldProduct(machine, compute, parts, gated);
  }
}

}  // namespace deltascope::kernels::cuda
