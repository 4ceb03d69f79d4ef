// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/codec/sparse_tile.h"
#include "kernels/backend.h"

#if defined(__x86_64__)
#define DELTASCOPE_BMI2 __attribute__((target("avx2,bmi,bmi2")))
#endif

namespace deltascope {
namespace {

constexpr std::size_t kSlack = 24;  ///< zeros after a stream: the furthest a window reaches

template <class T>
[[gnu::always_inline]] inline const char* decodeBits(const SparseModel& model, const std::byte* stream, std::size_t size,
                                                     const SparseOrder& order, const std::byte* values, std::byte* final) {
  const std::byte* at = stream;
  const std::byte* const far = stream + size + 8;
  std::uint64_t window = 0;
  unsigned have = 0;
  for (auto c = kSparseClasses; c-- > 0;) {
    const auto& code = model.classes[c];
    const SparseEntry* entries = code.entries.data();
    const unsigned k = code.k;
    const std::size_t n = order.size[c];
    const std::uint16_t* positions = order.order.data() + order.begin[c];
    for (std::size_t i = 0; i < n;) {
      if (at >= far) return nullptr;  // past the end there are only SKIPs
      window |= loadAs<std::uint64_t>(at) << have;
      at += (63 - have) >> 3;
      have |= 56;
      const SparseEntry e = entries[window & ((1u << kSparseMaxCode) - 1)];
      const unsigned all = e & 63, gapBits = e >> 10 & 15, rawBits = e >> 14 & 63;
      std::uint64_t fields = window >> (e >> 6 & 15);
      window >>= all;
      have -= all;
      i += (static_cast<std::size_t>(e >> 23 & 7) << k) + (fields & ((1u << gapBits) - 1));
      if (i >= n) {
        if (e >> 26 & 1) return "a change lies outside its class";
        break;
      }
      fields >>= gapBits;
      const auto magnitude =
          static_cast<T>(std::uint64_t{e >> 20 & 3} << rawBits | (fields & ((std::uint64_t{1} << rawBits) - 1)));
      const auto negative = static_cast<T>(-static_cast<T>(e >> 22 & 1));
      const auto x = static_cast<T>(static_cast<T>(magnitude ^ negative) - negative);
      const std::size_t position = positions[i] * sizeof(T);
      storeAs(final + position, fromOrdered(static_cast<T>(toOrdered(loadAs<T>(values + position)) + x)));
      i += e >> 26 & 1;
    }
  }
  const auto used = static_cast<std::size_t>(at - stream) * 8 - have;
  return used + 8 <= size * 8 ? "bytes follow the last change" : nullptr;
}

using Decode = const char* (*)(const SparseModel&, const std::byte*, std::size_t, const SparseOrder&, const std::byte*,
                               std::byte*);

template <class T>
const char* decodePlain(const SparseModel& model, const std::byte* stream, std::size_t size, const SparseOrder& order,
                        const std::byte* values, std::byte* final) {
  return decodeBits<T>(model, stream, size, order, values, final);
}
#if defined(__x86_64__)
template <class T>
DELTASCOPE_BMI2 const char* decodeBmi2(const SparseModel& model, const std::byte* stream, std::size_t size,
                                       const SparseOrder& order, const std::byte* values, std::byte* final) {
  return decodeBits<T>(model, stream, size, order, values, final);
}
#endif

template <class T>
Decode bestDecode() {
#if defined(__x86_64__)
  if (kernels::bestIsa() != kernels::Isa::Scalar && __builtin_cpu_supports("bmi2")) return decodeBmi2<T>;
#endif
  return decodePlain<T>;
}

}  // namespace

const char* decodeSparseTile(const SparseModel& model, std::span<const std::byte> stream, const std::byte* values,
                             std::size_t count, std::byte* final) {
  const auto type = sparseType(model.type);
  std::memcpy(final, values, count * (type.bits / 8));
  if (stream.empty()) return nullptr;
  SparseOrder order;
  orderTile(type, model.top, values, count, order);
  std::array<std::byte, kTileElements * 4 + kSlack> padded;
  std::memcpy(padded.data(), stream.data(), stream.size());
  std::memset(padded.data() + stream.size(), 0, kSlack);
  static const Decode decode16 = bestDecode<std::uint16_t>(), decode32 = bestDecode<std::uint32_t>();
  return (type.bits == 32 ? decode32 : decode16)(model, padded.data(), stream.size(), order, values, final);
}

std::uint64_t countSparseEscapes(const SparseModel& model, std::span<const std::byte> stream, const std::byte* values,
                                 std::size_t count) {
  SparseOrder order;
  orderTile(sparseType(model.type), model.top, values, count, order);
  std::uint64_t escapes = 0, at = 0;
  const auto bitsAt = [&](std::uint64_t bit, unsigned bits) {
    std::uint64_t value = 0;
    for (unsigned b = 0; b < bits && (bit + b) / 8 < stream.size(); ++b)
      value |= std::uint64_t{std::to_integer<unsigned>(stream[(bit + b) / 8]) >> ((bit + b) % 8) & 1} << b;
    return value;
  };
  for (auto c = kSparseClasses; c-- > 0 && at < 8 * stream.size();) {
    const auto& code = model.classes[c];
    for (std::size_t i = 0; i < order.size[c] && at < 8 * stream.size();) {
      const SparseEntry e = code.entries[bitsAt(at, kSparseMaxCode)];
      i += (static_cast<std::size_t>(e >> 23 & 7) << code.k) + bitsAt(at + (e >> 6 & 15), e >> 10 & 15);
      const bool used = e >> 26 & 1;
      escapes += used && (e >> 20 & 3) == 0;  // others have a magnitude
      i += used;
      at += e & 63;
    }
  }
  return escapes;
}

}  // namespace deltascope
