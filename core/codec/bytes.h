// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Little-endian words in byte streams, and the checks every codec makes of its spans. Internal to core/codec.
#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "core/base/units.h"
#include "core/codec/codec.h"

namespace deltascope {

static_assert(std::endian::native == std::endian::little, "streams are little-endian and are read in place");

template <class T>
[[nodiscard]] inline T loadAs(const std::byte* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class T>
inline void storeAs(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}
template <class T>
inline void append(std::vector<std::byte>& out, T value) {
  const auto at = out.size();
  out.resize(at + sizeof value);
  storeAs(out.data() + at, value);
}

/// Zero bytes until the stream, which started at `begin`, has a size that is a multiple of 16.
inline void padTo16(std::vector<std::byte>& out, std::size_t begin) {
  out.resize(begin + static_cast<std::size_t>(roundUp(out.size() - begin, 16)));
}

/// Bytes that `count` elements take; elements of fewer than 8 bits are packed.
[[nodiscard]] inline std::size_t bytesFor(DType type, std::size_t count) {
  return static_cast<std::size_t>((static_cast<std::uint64_t>(count) * bitsOf(type) + 7) / 8);
}

/// What may follow a stream's last byte: fewer than 16 zeros.
[[nodiscard]] inline bool isPadding(std::span<const std::byte> bytes) {
  return bytes.size() < 16 && std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

/// What is not damaged but made by a program that knows more; it ends a verification.
[[nodiscard]] inline tl::unexpected<Error> needsNewer(std::string_view what) {
  return fail(ErrorCode::Unsupported, "needs a newer deltascope: " + std::string(what), "update this program");
}
[[nodiscard]] inline Result<void> knownModelVersion(CodecId codec, unsigned version) {
  if (version == 1) return {};
  return needsNewer("a model of version " + std::to_string(version) + " of the codec " + std::string(nameOf(codec)));
}

[[nodiscard]] inline tl::unexpected<Error> corruptAt(CodecId codec, std::size_t offset, std::string_view what) {
  return fail(ErrorCode::Corrupt,
              std::string(nameOf(codec)) + " chunk, offset " + std::to_string(offset) + ": " + std::string(what),
              "the payload is damaged; verify or download it again");
}

/// The caller's spans agree with the slice: `finalBytes` are what its elements take, and so are its values where they are
/// needed.
[[nodiscard]] inline Result<void> checkSpans(CodecId codec, const BaseSlice& base, std::size_t finalBytes, bool values) {
  const auto want = bytesFor(base.finalType, base.count);
  if (finalBytes != want)
    return fail(ErrorCode::InvalidArgument, std::string(nameOf(codec)) + ": " + std::to_string(base.count) + " elements take " +
                                                std::to_string(want) + " bytes, not " + std::to_string(finalBytes));
  if (values && base.values.size() != want)
    return fail(ErrorCode::InvalidArgument, std::string(nameOf(codec)) + ": base values take " + std::to_string(want) +
                                                " bytes, not " + std::to_string(base.values.size()));
  return {};
}

}  // namespace deltascope
