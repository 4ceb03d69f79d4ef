// SPDX-License-Identifier: Apache-2.0
#include "core/quant/scaled/packed.h"

#include <algorithm>
#include <vector>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kWordBits = 32, kWordBytes = 4;

/// One code of the file, in the way of BaseLayout: of bytes two's complement, of nibbles as it is.
void put(std::span<std::byte> into, std::size_t i, std::byte stored, bool high, unsigned bits) {
  if (bits == 8) {
    into[i] = stored ^ std::byte{0x80};
    return;
  }
  const std::byte code = (high ? stored >> 4 : stored) & std::byte{15};
  into[i / 2] = i % 2 ? into[i / 2] | code : code << 4;
}

}  // namespace

std::uint64_t packedWords(std::uint64_t columns, unsigned bits) {
  const std::uint64_t perWord = kWordBits / bits;
  return ceilDiv(columns, perWord);
}

Result<void> readPacked(const Checkpoint& checkpoint, const QuantizedTensor& tensor, IndexRange elements,
                        std::span<std::byte> into) {
  if (elements.count == 0) return {};
  const unsigned bits = tensor.layout.codeBits;
  const std::uint64_t columns = tensor.shape.back(), rowBytes = packedWords(columns, bits) * kWordBytes, perByte = 8 / bits;
  const auto byteOf = [&](std::uint64_t element) { return element / columns * rowBytes + element % columns / perByte; };
  const std::uint64_t begin = byteOf(elements.first), end = byteOf(elements.first + elements.count - 1) + 1;
  std::vector<std::byte> stored(static_cast<std::size_t>(end - begin));
  DELTASCOPE_TRY(checkpoint.read(*tensor.codes, begin, stored));
  if (columns * bits == rowBytes * 8) {  // no row is padded
    for (std::size_t i = 0; i < into.size(); ++i)
      into[i] = bits == 8 ? stored[i] ^ std::byte{0x80} : stored[i] << 4 | stored[i] >> 4;
    if (bits == 4 && elements.count % 2) into.back() &= std::byte{0xf0};
    return {};
  }
  std::uint64_t column = elements.first % columns, byte = 0;
  for (std::size_t i = 0; i < elements.count; ++i) {
    put(into, i, stored[static_cast<std::size_t>(byte)], column % perByte != 0, bits);
    ++column;
    if (column == columns) {
      column = 0;
      byte = byteOf(elements.first + i + 1) - begin;
    } else if (column % perByte == 0) {
      ++byte;
    }
  }
  return {};
}

std::vector<float> unpackDown(std::span<const std::byte> bytes, std::uint64_t rows, std::uint64_t columns, unsigned bits) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  const std::uint64_t perWord = kWordBits / bits;
  const unsigned mask = (1u << bits) - 1, offset = 1u << (bits - 1);
  for (std::uint64_t row = 0; row < rows; ++row) {
    for (std::uint64_t column = 0; column < columns; ++column) {
      const std::uint64_t bit = row % perWord * bits;
      const auto stored =
          std::to_integer<unsigned>(bytes[static_cast<std::size_t>((row / perWord * columns + column) * kWordBytes + bit / 8)]);
      const unsigned code = stored >> bit % 8 & mask;
      values[static_cast<std::size_t>(row * columns + column)] =
          static_cast<float>(static_cast<int>(code) - static_cast<int>(offset));
    }
  }
  return values;
}

}  // namespace deltascope
