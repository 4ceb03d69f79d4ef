// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What every codec is put through: exact round trips into buffers of exactly the right size, and bytes that are not a chunk.
#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/codec/codec.h"
#include "kernels/half.h"

namespace deltascope::testing {

using Bytes = std::vector<std::byte>;

/// A parent and its child, of one type.
struct DeltaPair {
  DType type = DType::BF16;
  Bytes base, final;
  [[nodiscard]] std::size_t count() const { return final.size() / bytesOf(type); }
};

inline BaseSlice sameSlice(const DeltaPair& pair, std::uint64_t first = 0) {
  BaseSlice slice;
  slice.kind = BaseKind::Same;
  slice.finalType = pair.type;
  slice.first = first;
  slice.count = pair.count();
  slice.values = pair.base;
  return slice;
}

/// Heap memory of exactly this size, so that a sanitizer sees any byte read or written beyond it.
struct ExactBuffer {
  explicit ExactBuffer(std::span<const std::byte> from) : size(from.size()), data(new std::byte[from.size()]) {
    if (size) std::memcpy(data.get(), from.data(), size);
  }
  [[nodiscard]] std::span<std::byte> bytes() const { return {data.get(), size}; }
  std::size_t size;
  std::unique_ptr<std::byte[]> data;
};

inline void putBits(DType type, Bytes& into, std::size_t i, std::uint32_t bits) {
  std::memcpy(into.data() + i * bytesOf(type), &bits, bytesOf(type));
}

inline std::uint32_t roundedBits(DType type, float value) {
  if (type == DType::BF16) return kernels::toBf16KeepingNan(value);
  if (type == DType::F16) return kernels::toF16KeepingNan(value);
  return std::bit_cast<std::uint32_t>(value);
}

/// Weights of spread 0.02 and a Gaussian step for each.
inline DeltaPair gaussianPair(DType type, std::size_t count, float step, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  DeltaPair pair{type, Bytes(count * bytesOf(type)), Bytes(count * bytesOf(type))};
  for (std::size_t i = 0; i < count; ++i) {
    const auto base = roundedBits(type, 0.02f * normal(random));
    const float value = type == DType::BF16  ? kernels::fromBf16(static_cast<std::uint16_t>(base))
                        : type == DType::F16 ? kernels::fromF16(static_cast<std::uint16_t>(base))
                                             : std::bit_cast<float>(base);
    putBits(type, pair.base, i, base);
    putBits(type, pair.final, i, roundedBits(type, value + step * normal(random)));
  }
  return pair;
}

/// Every 16-bit pattern as a final, over a base of one kind.
inline DeltaPair everyPattern(DType type, std::uint32_t base, bool moving) {
  DeltaPair pair{type, Bytes(2u << 16), Bytes(2u << 16)};
  for (std::uint32_t i = 0; i < 1u << 16; ++i) {
    putBits(type, pair.final, i, i);
    putBits(type, pair.base, i, moving ? i ^ base : base);
  }
  return pair;
}

/// 32-bit (or 16-bit) patterns of all kinds on both sides: random ones, specials, equal ones.
inline DeltaPair wildPair(DType type, std::size_t count, std::uint32_t seed) {
  constexpr std::uint32_t kSpecial[] = {0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x7f800000, 0xff800000, 0x7fc00000,
                                        0x7fc12345, 0xffffffff, 0x7f800001, 0x7f7fffff, 0x00800000, 0x007fffff, 0x3f800000};
  std::mt19937 random(seed);
  const auto draw = [&]() -> std::uint32_t {
    if (random() % 3) return static_cast<std::uint32_t>(random());
    const auto bits = kSpecial[random() % std::size(kSpecial)];
    return bytesOf(type) == 2 ? bits >> 16 | (bits & 1) : bits;
  };
  DeltaPair pair{type, Bytes(count * bytesOf(type)), Bytes(count * bytesOf(type))};
  for (std::size_t i = 0; i < count; ++i) {
    const auto base = draw();
    putBits(type, pair.base, i, base);
    putBits(type, pair.final, i, random() % 4 == 0 ? base : draw());
  }
  return pair;
}

/// Empty when the codec gives `final` back bit for bit within its bound; else what went wrong.
inline std::string roundTrip(const DeltaCodec& codec, const BaseSlice& slice, std::span<const std::byte> final,
                             const CodecModel* model, const CodecOptions& options = {}) {
  const Bytes before(16, std::byte{0x5a});
  Bytes out = before;
  const auto coded = codec.encode(slice, final, model, options, out);
  if (!coded) return "encode: " + coded.error().message;
  if (out.size() % 16) return "size " + std::to_string(out.size()) + " is not a multiple of 16";
  if (!std::equal(before.begin(), before.end(), out.begin())) return "encode changed what was there before";
  const ExactBuffer chunk{std::span<const std::byte>(out).subspan(16)};
  if (chunk.size > codec.bound(slice.finalType, slice.count))
    return "size " + std::to_string(chunk.size) + " is over the bound " +
           std::to_string(codec.bound(slice.finalType, slice.count));
  const ExactBuffer back{Bytes(final.size(), std::byte{0xa5})};
  if (const auto decoded = codec.decode(slice, chunk.bytes(), model, back.bytes()); !decoded)
    return "decode: " + decoded.error().message;
  for (std::size_t i = 0; i < final.size(); ++i)
    if (back.bytes()[i] != final[i]) return "byte " + std::to_string(i) + " differs";
  return {};
}

/// Decodes bytes that need not be a chunk; only an error of the stated form, or a success, may come of it.
inline std::string survives(const DeltaCodec& codec, const BaseSlice& slice, std::span<const std::byte> bytes,
                            const CodecModel* model) {
  const ExactBuffer chunk{bytes}, back{Bytes(slice.count * bytesOf(slice.finalType))};
  const auto decoded = codec.decode(slice, chunk.bytes(), model, back.bytes());
  if (decoded) return {};
  if (decoded.error().code == ErrorCode::Unsupported) return {};  // a form or version that is not known: newer, not damaged
  if (decoded.error().code != ErrorCode::Corrupt) return "not Corrupt: " + decoded.error().message;
  if (decoded.error().message.find("offset ") == std::string::npos) return "no offset: " + decoded.error().message;
  return {};
}

/// The chunk cut at every length, with bytes flipped, and noise of many sizes.
inline std::string survivesDamage(const DeltaCodec& codec, const BaseSlice& slice, std::span<const std::byte> chunk,
                                  const CodecModel* model, std::uint32_t seed = 3) {
  for (std::size_t n = 0; n < chunk.size(); ++n)
    if (auto wrong = survives(codec, slice, chunk.first(n), model); !wrong.empty())
      return "cut at " + std::to_string(n) + ": " + wrong;
  std::mt19937 random(seed);
  for (int k = 0; k < 3000 && !chunk.empty(); ++k) {
    Bytes damaged(chunk.begin(), chunk.end());
    for (unsigned flips = 1 + random() % 4; flips-- > 0;)
      damaged[random() % (k % 2 ? damaged.size() : std::min<std::size_t>(32, damaged.size()))] ^=
          static_cast<std::byte>(1 + random() % 255);
    if (auto wrong = survives(codec, slice, damaged, model); !wrong.empty()) return "flips " + std::to_string(k) + ": " + wrong;
  }
  for (int k = 0; k < 2000; ++k) {
    Bytes noise(random() % 300);
    for (auto& b : noise) b = static_cast<std::byte>(random() % (k % 3 ? 256 : 4));
    if (auto wrong = survives(codec, slice, noise, model); !wrong.empty()) return "noise " + std::to_string(k) + ": " + wrong;
  }
  return {};
}

/// A stored model cut at every length, flipped and replaced by noise: parsed, or refused as Corrupt or newer.
inline std::string modelSurvivesDamage(const DeltaCodec& codec, std::span<const std::byte> model) {
  const auto check = [&](std::span<const std::byte> bytes) -> std::string {
    const ExactBuffer exact(bytes);
    const auto parsed = codec.parseModel(exact.bytes());
    if (parsed || parsed.error().code == ErrorCode::Corrupt || parsed.error().code == ErrorCode::Unsupported) return {};
    return "not Corrupt: " + parsed.error().message;
  };
  for (std::size_t n = 0; n < model.size(); ++n)
    if (auto wrong = check(model.first(n)); !wrong.empty()) return "cut at " + std::to_string(n) + ": " + wrong;
  std::mt19937 random(5);
  for (int k = 0; k < 1000; ++k) {
    Bytes damaged(model.begin(), model.end());
    damaged[random() % (k % 2 ? damaged.size() : std::min<std::size_t>(48, damaged.size()))] ^=
        static_cast<std::byte>(1 + random() % 255);
    if (auto wrong = check(damaged); !wrong.empty()) return "flip " + std::to_string(k) + ": " + wrong;
  }
  for (int k = 0; k < 2000; ++k) {
    Bytes noise(random() % 200);
    for (auto& b : noise) b = static_cast<std::byte>(random() % (k % 3 ? 256 : 3));
    if (auto wrong = check(noise); !wrong.empty()) return "noise " + std::to_string(k) + ": " + wrong;
  }
  return {};
}

/// The model as a payload gives it back: stored and parsed.
inline ModelPtr storedModel(const DeltaCodec& codec, const DeltaPair& fitTo) {
  const DeltaSample sample{sameSlice(fitTo), fitTo.final};
  const auto model = codec.fit({&sample, 1}, {});
  if (!model || !*model) return nullptr;
  return codec.parseModel((*model)->serialize()).value_or(nullptr);
}

}  // namespace deltascope::testing
