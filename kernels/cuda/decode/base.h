// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The base's side of a few neighbouring weights: values, anchors, contexts. The arithmetic is core/codec's and core/quant's.
#include "kernels/cuda/decode/warp.h"
#include "kernels/decode.h"
#include "kernels/half.h"
#include "kernels/ordered.h"
#include "kernels/shared/contexts.h"

namespace deltascope::kernels::cuda {

/// What lanes take at a time; the first is a multiple of it.
inline constexpr unsigned kEight = 8;

/// Tables of a block of threads, in shared memory: reads at addresses that differ by lane are slow elsewhere.
struct CodeTables {
  float book[16];  ///< FourBit: values
  float lo[16];    ///< anchors' factors
};
DELTASCOPE_TILE void fillTables(const DeviceBase& base, const AnchorRule& rule, unsigned code, CodeTables& tables) {
  tables.book[code] = base.book[code];
  tables.lo[code] = rule.half == ElementType::BF16 ? fromBf16(rule.lo[code]) : fromF16(rule.lo[code]);
}

DELTASCOPE_TILE std::uint32_t elementBytes(ElementType type) { return type == ElementType::F32 ? 4 : 2; }

DELTASCOPE_TILE float floatOf(ElementType type, std::uint32_t bits) {
  if (type == ElementType::F32) return std::bit_cast<float>(bits);
  const auto half = static_cast<std::uint16_t>(bits);
  return type == ElementType::F16 ? fromF16QuietNan(half) : fromBf16(half);
}
/// A NaN becomes the positive quiet one without payload.
DELTASCOPE_TILE std::uint32_t bitsOf(ElementType type, float value) {
  if (type == ElementType::F32) return value != value ? kNanBits : std::bit_cast<std::uint32_t>(value);
  return type == ElementType::F16 ? toF16OneNan(value) : toBf16OneNan(value);
}

DELTASCOPE_TILE std::uint32_t toOrdered(ElementType type, std::uint32_t bits) {
  return type == ElementType::F32 ? toOrdered32(bits) : toOrdered16(static_cast<std::uint16_t>(bits));
}
DELTASCOPE_TILE std::uint32_t fromOrdered(ElementType type, std::uint32_t value) {
  return type == ElementType::F32 ? fromOrdered32(value) : fromOrdered16(static_cast<std::uint16_t>(value));
}

DELTASCOPE_TILE std::uint32_t loadElement(ElementType type, const void* from, std::uint64_t i) {
  if (type == ElementType::F32) return loadAligned<std::uint32_t>(static_cast<const std::byte*>(from) + 4 * i);
  return loadAligned<std::uint16_t>(static_cast<const std::byte*>(from) + 2 * i);
}
DELTASCOPE_TILE void storeElement(ElementType type, void* to, std::uint64_t i, std::uint32_t bits) {
  if (type == ElementType::F32)
    storeAligned(static_cast<std::byte*>(to) + 4 * i, bits);
  else
    storeAligned(static_cast<std::byte*>(to) + 2 * i, static_cast<std::uint16_t>(bits));
}

/// Elements [i, i + n) of an array aligned to 16 bytes; i is a multiple of eight, n ≤ 8. Zeros past n.
DELTASCOPE_TILE void loadElements(ElementType type, const void* from, std::uint64_t i, unsigned n, std::uint32_t (&bits)[8]) {
  const auto* at = static_cast<const std::byte*>(from) + i * elementBytes(type);
  if (n == kEight) {
    std::uint32_t a[4], b[4];
    loadFour(at, a);
    if (type == ElementType::F32) {
      loadFour(at + 16, b);
      DELTASCOPE_UNROLL
      for (unsigned k = 0; k < 4; ++k) bits[k] = a[k], bits[4 + k] = b[k];
    } else {
      DELTASCOPE_UNROLL
      for (unsigned k = 0; k < 4; ++k) bits[2 * k] = a[k] & 0xffffu, bits[2 * k + 1] = a[k] >> 16;
    }
    return;
  }
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; ++k) bits[k] = k < n ? loadElement(type, at, k) : 0;
}
DELTASCOPE_TILE void storeElements(ElementType type, void* to, std::uint64_t i, unsigned n, const std::uint32_t (&bits)[8]) {
  auto* at = static_cast<std::byte*>(to) + i * elementBytes(type);
  if (n == kEight) {
    if (type == ElementType::F32) {
      storeFour(at, {bits[0], bits[1], bits[2], bits[3]});
      storeFour(at + 16, {bits[4], bits[5], bits[6], bits[7]});
    } else {
      storeFour(at, {bits[0] | bits[1] << 16, bits[2] | bits[3] << 16, bits[4] | bits[5] << 16, bits[6] | bits[7] << 16});
    }
    return;
  }
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; ++k)
    if (k < n) storeElement(type, at, k, bits[k]);
}

/// Codes of elements [i, i + n) of the tensor: weight k at bits 4k (FourBit) or 8k (Int8).
DELTASCOPE_TILE std::uint64_t loadCodes(const DeviceBase& base, std::uint64_t i, unsigned n) {
  const std::uint64_t at = i - base.start;
  if (base.kind == DeviceBase::Kind::Int8) {
    if (n == kEight) return loadAligned<std::uint64_t>(base.codes + at);
    std::uint64_t codes = 0;
    for (unsigned k = 0; k < n; ++k) codes |= static_cast<std::uint64_t>(base.codes[at + k]) << 8 * k;
    return codes;
  }
  std::uint32_t bytes = 0;
  if (n == kEight)
    bytes = loadAligned<std::uint32_t>(base.codes + at / 2);
  else
    for (unsigned k = 0; k < (n + 1) / 2; ++k) bytes |= static_cast<std::uint32_t>(base.codes[at / 2 + k]) << 8 * k;
  return (bytes >> 4 & 0x0f0f0f0fu) | (bytes & 0x0f0f0f0fu) << 4;
}

/// The absmax of eight weights, which lie in one block.
DELTASCOPE_TILE float absmaxOf(const DeviceBase& base, std::uint64_t i) {
  const auto group = static_cast<std::uint32_t>(base.group);  // a power of two
#if defined(__CUDACC__)
  const int shift = __ffs(static_cast<int>(group)) - 1;
#else
  const int shift = __builtin_ctz(group);
#endif
  return base.scales[(i - base.start) >> shift];
}

/// Walks along rows of scales.
struct RowScale {
  std::uint64_t row = 0, left = 0;  ///< left: weights of this row from here on
};
DELTASCOPE_TILE RowScale rowScaleAt(const DeviceBase& base, std::uint64_t i) {
  RowScale at;
  std::uint64_t column;
  if ((i | base.group) >> 32 == 0) {
    const auto group = static_cast<std::uint32_t>(base.group), index = static_cast<std::uint32_t>(i);
    at.row = index / group - static_cast<std::uint32_t>(base.start) / group;
    column = index % group;
  } else {
    at.row = i / base.group - base.start / base.group;
    column = i % base.group;
  }
  at.left = base.group - column;
  return at;
}
/// The scale of this weight; goes on to the next.
DELTASCOPE_TILE float nextScale(const DeviceBase& base, RowScale& at) {
  const float scale = base.scales[at.row];
  if (--at.left == 0) ++at.row, at.left = base.group;
  return scale;
}

inline constexpr float kInverse127 = 7.874015718698502e-3f;  ///< the library's FP32 constant

/// Values of elements [i, i + n) of the tensor, as bits of base.type; zeros past n, which may be 0. i is a multiple of eight.
DELTASCOPE_TILE void loadValues(const DeviceBase& base, const CodeTables& tables, std::uint64_t i, unsigned n,
                                std::uint32_t (&bits)[8]) {
  switch (base.kind) {
    case DeviceBase::Kind::Same:
      return loadElements(base.type, base.values, i - base.start, n, bits);
    case DeviceBase::Kind::FourBit: {
      const auto codes = static_cast<std::uint32_t>(loadCodes(base, i, n));
      const float absmax = n ? absmaxOf(base, i) : 0;
      DELTASCOPE_UNROLL
      for (unsigned k = 0; k < kEight; ++k)
        bits[k] = k < n ? bitsOf(base.type, multiply(tables.book[codes >> 4 * k & 15], absmax)) : 0;
      return;
    }
    case DeviceBase::Kind::Int8: {
      const std::uint64_t codes = loadCodes(base, i, n);
      RowScale row = rowScaleAt(base, i);
      DELTASCOPE_UNROLL
      for (unsigned k = 0; k < kEight; ++k) {
        bits[k] = 0;
        if (k >= n) continue;
        const auto q = static_cast<float>(static_cast<std::int8_t>(codes >> 8 * k));
        bits[k] = bitsOf(base.type, multiply(multiply(q, nextScale(base, row)), kInverse127));
      }
      return;
    }
    case DeviceBase::Kind::None:
      break;
  }
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; ++k) bits[k] = 0;
}

/// The value of element i of the tensor, any i.
DELTASCOPE_TILE std::uint32_t loadValue(const DeviceBase& base, const CodeTables& tables, std::uint64_t i) {
  const std::uint64_t at = i - base.start;
  switch (base.kind) {
    case DeviceBase::Kind::Same:
      return loadElement(base.type, base.values, at);
    case DeviceBase::Kind::FourBit: {
      const unsigned byte = base.codes[at / 2];
      return bitsOf(base.type, multiply(tables.book[at % 2 ? byte & 15 : byte >> 4], absmaxOf(base, i)));
    }
    case DeviceBase::Kind::Int8: {
      RowScale row = rowScaleAt(base, i);
      const auto q = static_cast<float>(static_cast<std::int8_t>(base.codes[at]));
      return bitsOf(base.type, multiply(multiply(q, nextScale(base, row)), kInverse127));
    }
    case DeviceBase::Kind::None:
      break;
  }
  return 0;
}

/// Eight weights as the residual codes see their base; anchor and context are 0 past n.
struct Anchors {
  std::uint32_t anchor[8];   ///< 16-bit patterns
  std::uint32_t context[8];  ///< less than AnchorRule::contexts()
  std::uint32_t parent[8];   ///< FP32 bits, where finals are FP32 over FP32; else 0
};

DELTASCOPE_TILE std::uint32_t roundHalf(ElementType half, float value) {
  return half == ElementType::BF16 ? toBf16KeepingNan(value) : toF16KeepingNan(value);
}

DELTASCOPE_TILE void nibbleAnchors(const AnchorRule& rule, const DeviceBase& base, const CodeTables& tables, std::uint64_t i,
                                   unsigned n, Anchors& into) {
  const auto codes = static_cast<std::uint32_t>(loadCodes(base, i, n));
  const float absmax = n ? absmaxOf(base, i) : 0;
  const auto bits = std::bit_cast<std::uint32_t>(absmax);
  const float scale =
      rule.half == ElementType::BF16 ? std::bit_cast<float>(bits & 0xffff0000u) : fromF16(toF16KeepingNan(absmax));
  const std::uint32_t high = mantissaContext(rule.mantissaBits, bits);
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; ++k) {
    const std::uint32_t code = codes >> 4 * k & 15;
    into.anchor[k] = k < n ? roundHalf(rule.half, multiply(tables.lo[code], scale)) : 0;
    into.context[k] = k < n ? code | high : 0;
  }
}

DELTASCOPE_TILE void int8Anchors(const AnchorRule& rule, const DeviceBase& base, std::uint64_t i, unsigned n, Anchors& into) {
  const std::uint64_t codes = loadCodes(base, i, n);
  RowScale row = rowScaleAt(base, i);
  std::uint64_t known = ~std::uint64_t{0};
  float scale = 0;
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; ++k) {
    into.anchor[k] = into.context[k] = 0;
    if (k >= n) continue;
    const bool fresh = row.row != known;
    known = row.row;
    const float stored = nextScale(base, row);
    if (fresh) scale = divide(stored, 127.0f);
    const auto q = static_cast<std::int32_t>(static_cast<std::int8_t>(codes >> 8 * k));
    const auto magnitude = static_cast<std::uint32_t>(q < 0 ? -q : q);
    const float edge = magnitude ? add(static_cast<float>(magnitude), -0.5f) : 0.5f / 256;
    into.anchor[k] = roundHalf(rule.half, multiply(edge, scale)) | (q < 0 ? 0x8000u : 0u);
    into.context[k] = magnitudeContext(magnitude);
  }
}

/// Of elements [i, i + n) of the tensor; i is a multiple of eight, n may be 0.
DELTASCOPE_TILE void loadAnchors(const AnchorRule& rule, const DeviceBase& base, const CodeTables& tables, std::uint64_t i,
                                 unsigned n, Anchors& into) {
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; ++k) into.parent[k] = 0;
  if (rule.kind == AnchorKind::Nibble) return nibbleAnchors(rule, base, tables, i, n, into);
  if (rule.kind == AnchorKind::Int8) return int8Anchors(rule, base, i, n, into);
  std::uint32_t values[8];
  const bool same = base.kind == DeviceBase::Kind::Same;
  if (same)
    loadElements(base.type, base.values, i - base.start, n, values);
  else
    for (unsigned k = 0; k < kEight; ++k) values[k] = 0;
  const bool ordered = rule.kind == AnchorKind::Ordered;
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; ++k) {
    const std::uint32_t v = values[k];
    const std::uint32_t exponent = !ordered                         ? v >> 23 & 0xffu
                                   : rule.half == ElementType::BF16 ? v >> 7 & 0xffu
                                                                    : v >> 10 & 0x1fu;
    into.anchor[k] = ordered && k < n ? toOrdered16(static_cast<std::uint16_t>(v)) : 0;
    into.context[k] = k < n && (ordered || same) ? exponentContext(rule.topExponent, exponent) : 0;
    if (!ordered) into.parent[k] = v;
  }
}

/// Differences to finals, or to the coded upper halves of FP32 finals.
DELTASCOPE_TILE void addAnchors(AnchorKind kind, const Anchors& anchors, const std::uint32_t (&x)[8],
                                std::uint32_t (&half)[8]) {
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < kEight; k += 2) {
    if (kind == AnchorKind::Ordered) {
      for (unsigned j = k; j < k + 2; ++j) {
        const std::uint32_t sum = (x[j] + anchors.anchor[j]) & 0xffffu;
        half[j] = fromOrdered16(static_cast<std::uint16_t>(sum));
      }
    } else {  // a carry passes from the even weight to the odd one
      const std::uint32_t pair = (x[k] | x[k + 1] << 16) + (anchors.anchor[k] | anchors.anchor[k + 1] << 16);
      half[k] = pair & 0xffffu;
      half[k + 1] = pair >> 16;
    }
  }
}

/// A final of FP32 from its coded half, its lower half and its parent.
DELTASCOPE_TILE std::uint32_t joinHalves(DeviceBase::Kind base, std::uint32_t half, std::uint32_t low, std::uint32_t parent) {
  if (base == DeviceBase::Kind::FourBit || base == DeviceBase::Kind::Int8) return half << 16 | low;
  const std::uint32_t extended = low & 0x8000u ? low | 0xffff0000u : low;
  return fromOrdered(ElementType::F32, toOrdered(ElementType::F32, parent) + (half << 16) + extended);
}

}  // namespace deltascope::kernels::cuda
