// SPDX-License-Identifier: Apache-2.0
#include "core/codec/traits.h"

#include "core/base/units.h"

namespace deltascope {
namespace {

using kernels::ChunkCode;
using Inflated = CodecTraits::Inflated;

constexpr std::uint64_t kTable = 64 << 10;

constexpr auto noModel = [](std::uint64_t) -> std::uint64_t { return 0; };
/// The factors, as they are stored and widened.
constexpr auto factors = [](std::uint64_t stored) -> std::uint64_t { return 3 * stored; };

constexpr auto noTable = [](std::uint64_t, std::uint64_t) -> std::uint64_t { return 0; };
constexpr auto table = [](std::uint64_t, std::uint64_t) -> std::uint64_t { return kTable; };
/// Factors of two bytes an element become four; each is padded.
constexpr auto wideFactors = [](std::uint64_t stored, std::uint64_t) -> std::uint64_t { return 2 * stored + kTable; };
/// Where each context's elements begin, tile by tile.
constexpr auto contextStarts = [](std::uint64_t, std::uint64_t largest) -> std::uint64_t {
  return kernels::kMaxContexts * sizeof(std::uint64_t) * ceilDiv(largest, kTileElements);
};

constexpr CodecTraits kTraits[kCodecCount] = {
    {CodecId::Identical, "identical", "The final's bytes are the base's: nothing is stored", 0, ChunkCode::Identical,
     Inflated::Never, noModel, noTable},
    {CodecId::Raw, "raw", "The final's bytes as they are", 1, ChunkCode::Raw, Inflated::Never, noModel, noTable},
    {CodecId::Sparse, "sparse", "Only the elements that changed; for fine-tunes that changed few", 3, ChunkCode::Sparse,
     Inflated::Never, noModel, table},
    {CodecId::Entropy, "entropy", "A stateless prefix code of the integer residual: the smallest for most weights", 4,
     ChunkCode::Prefix, Inflated::WideFinals, noModel, table},
    {CodecId::Bitpack, "bitpack", "Residuals of a fixed width for each context: the fastest to read", 2, ChunkCode::Fields,
     Inflated::WideFinals, noModel, table},
    {CodecId::Zstd, "zstd", "Byte planes through zstd: the archival choice", 5, ChunkCode::Planes, Inflated::Always, noModel,
     contextStarts},
    {CodecId::LowRank, "lowrank", "A LoRA's two factors, merged exactly", 6, ChunkCode::LowRank, Inflated::Never, factors,
     wideFactors},
    {CodecId::Additive, "additive", "64-bit indices and FP32 values: the old scripts' layout, as a baseline", 7,
     ChunkCode::Additive, Inflated::Always, noModel, noTable},
};

constexpr bool inOrder() {
  for (std::size_t i = 0; i < kCodecCount; ++i)
    if (kTraits[i].id != static_cast<CodecId>(i)) return false;
  return true;
}
static_assert(inOrder());

}  // namespace

const CodecTraits& traitsOf(CodecId codec) { return kTraits[static_cast<std::size_t>(codec)]; }

std::string_view nameOf(CodecId codec) { return traitsOf(codec).name; }

std::optional<CodecId> codecFromName(std::string_view name) {
  for (const auto& traits : kTraits)
    if (traits.name == name) return traits.id;
  return std::nullopt;
}

}  // namespace deltascope
