// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Fills in what productKernel takes, from matrices. Included by one file a source, so that they compile apart.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>

#include "kernels/cuda/dependent.cuh"
#include "kernels/cuda/pair_source.cuh"
#include "kernels/cuda/product.cuh"

namespace deltascope::kernels::cuda {

[[nodiscard]] inline DenseSource denseSourceOf(const Matrix& m) {
  return {static_cast<const std::byte*>(m.elements), static_cast<std::uint32_t>(m.columns), static_cast<std::uint32_t>(m.rows)};
}
[[nodiscard]] inline CodeSource codeSourceOf(const Matrix& m) {
  CodeSource source{m.tiles.stream, static_cast<std::uint32_t>(m.columns / kUnitColumns), {}};
  std::copy_n(m.values, 16, source.values);
  return source;
}
/// What PairSource adds to absmax, by code of sixteen ascending values whose eighth is zero: the bin's edge nearer zero, less
/// one so that the sum lies below it whatever absmax's fraction is; of the zero bin so that differences are small and positive.
[[nodiscard]] inline std::array<std::uint32_t, 16> pairFactors(const float* values) {
  constexpr std::uint32_t kOne = 0x3f80, kZeroBinBelow = 1024, kMiddle = 33;
  const auto bitsOf = [](float f) { return std::bit_cast<std::uint32_t>(f) >> 16; };
  std::array<std::uint32_t, 16> factors{};
  for (unsigned code = 0; code < 16; ++code) {
    const float edge =
        code == 7 ? 0.5f * std::max(values[8], -values[6]) : 0.5f * (values[code] + values[code > 7 ? code - 1 : code + 1]);
    factors[code] = code == 7 ? bitsOf(edge) - kOne - kZeroBinBelow + kMiddle
                              : (bitsOf(edge) & 0x7fff) - kOne - 1 + (code < 7 ? 0x8000 : 0);
    factors[code] &= 0xffff;
  }
  return factors;
}
template <bool kWide>
[[nodiscard]] PairSource<kWide> pairSourceOf(const Matrix& m) {
  const UnitForm form(m.rows, m.columns, true);
  PairSource<kWide> source{m.tiles.stream,
                           reinterpret_cast<const std::uint32_t*>(m.tiles.stream + form.overflowAt),
                           static_cast<std::uint32_t>(m.columns / kUnitColumns),
                           {}};
  std::ranges::copy(pairFactors(m.values), source.lo);
  return source;
}

/// x of one token and its norm; where it lies in shared memory remains to be filled in.
[[nodiscard]] inline XArgs xOf(const FewProduct& how, const MatmulArgs& part) {
  XArgs x{};
  x.columns = static_cast<std::uint32_t>(part.weight.columns);
  x.tokens = 1;
  x.x = how.norm ? how.norm->x : part.x;
  if (how.norm) {
    x.normWeight = how.norm->weight;
    x.normType = how.norm->weightType;
    x.epsilon = how.norm->epsilon;
    x.addOne = how.norm->addOne;
  }
  return x;
}

/// Tokens [first, first + count) of products that have the same x.
template <class Source, class SourceOf>
[[nodiscard]] ProductArgs<Source> productArgs(const FewProduct& how, std::span<const MatmulArgs> parts, std::uint32_t first,
                                              std::uint32_t count, SourceOf&& sourceOf) {
  ProductArgs<Source> args{};
  args.parts = static_cast<std::uint32_t>(parts.size());
  args.accumulate = parts[0].accumulate;
  args.gated = how.gated;
  args.x = xOf(how, parts[0]);
  args.x.tokens = count;
  args.x.x += std::size_t{first} * args.x.columns;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto rows = static_cast<std::uint32_t>(parts[p].weight.rows), groups = (rows + kUnitRows - 1) / kUnitRows;
    const std::uint64_t stride = how.stride ? how.stride : rows;
    args.part[p] = {sourceOf(parts[p].weight), parts[p].y + first * stride, parts[p].bias, stride, rows, groups};
    if (parts[p].bias) args.biasType = parts[p].biasType;
    if (p == 0 || !how.gated) args.groups += groups;
  }
  return args;
}

/// How many clusters of 1 << shift blocks run at once; 0: none. Asked of the driver once a device and kernel.
[[nodiscard]] inline unsigned mostClusters(const Machine& machine, const void* kernel, std::uint32_t shift,
                                           std::uint32_t shared, std::span<std::atomic<unsigned>> known) {
  constexpr unsigned kAsked = 1u << 31;
  const std::size_t place = static_cast<std::size_t>(machine.index) * 4 + shift;
  if (place < known.size())
    if (const unsigned answer = known[place].load(std::memory_order_relaxed); answer & kAsked) return answer & ~kAsked;
  cudaLaunchConfig_t config{};
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {1u << shift, 1, 1};
  config.attrs = &cluster;
  config.numAttrs = 1;
  config.blockDim = dim3(kProductThreads);
  config.gridDim = dim3(machine.processors >> shift << shift);
  config.dynamicSmemBytes = shared;
  int active = 0;
  if (cudaOccupancyMaxActiveClusters(&active, kernel, &config) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    active = 0;
  }
  const auto answer = static_cast<unsigned>(std::max(active, 0));
  if (place < known.size()) known[place].store(answer | kAsked, std::memory_order_relaxed);
  return answer;
}

/// Row groups whose sums a block should hold at least: each batch of them waits for its last.
inline constexpr std::uint32_t kLeastBatch = 4;

/// Shared memory beside tables: where x and sums can lie, offsets in the dynamic part.
struct Room {
  std::uint32_t at, end;
  [[nodiscard]] std::uint32_t bytes() const { return end - at; }
};
template <class Source>
[[nodiscard]] std::array<Room, 2> roomOf(const Machine& machine) {
  if constexpr (Source::kWideTable)
    return {Room{0, Source::kTableAddress - kReserved},
            Room{Source::kTableAddress + Source::kTableBytes - kReserved, machine.sharedBytes}};
  const std::uint32_t end = machine.sharedBytes - (Source::kTableWords * 4 + 127) / 128 * 128;
  return {Room{0, end}, Room{end, end}};
}
/// Takes `bytes` from the smaller of two that has them.
[[nodiscard]] inline bool take(std::array<Room, 2>& rooms, std::uint32_t bytes, std::uint32_t& at) {
  const bool second = rooms[1].bytes() < rooms[0].bytes() ? rooms[1].bytes() >= bytes : rooms[0].bytes() < bytes;
  Room& room = rooms[second];
  if (room.bytes() < bytes) return false;
  at = room.at;
  room.at += bytes;
  return true;
}

/// With clusters of 1 << shift blocks. False: x of so many tokens does not fit.
template <class Source, int kParts, unsigned kTokens>
[[nodiscard]] bool launchProduct(const Machine& machine, bool dependent, ProductArgs<Source> args, std::uint32_t shift) {
  using Columns = XColumns<kParts, kTokens>;
  static std::array<std::atomic<unsigned>, 16 * 4> clustersKnown{};
  // One token has no clusters; of five and eight those of two blocks are what models of usual widths take.
  constexpr int kUsual = kTokens == 1 ? 0 : kParts == 1 || kTokens == 2 ? kAnyShift : 1;
  auto kernel = productKernel<Source, kParts, kTokens, kUsual>;
  if constexpr (kTokens > 1 && kUsual != kAnyShift)
    if (shift != static_cast<std::uint32_t>(kUsual)) kernel = productKernel<Source, kParts, kTokens, kAnyShift>;
  const std::uint32_t blocks = 1u << shift, slices = kProductWarps >> shift;
  const std::uint32_t units = args.x.columns / kUnitColumns, each = args.gated ? 2 : 1;
  std::uint32_t staged = 0;
  for (std::uint32_t r = 0; r < blocks; ++r)
    staged = std::max(staged, sliceBegin(units, (r + 1) * slices) - sliceBegin(units, r * slices));
  const std::uint32_t stride = staged * kUnitColumns * 2 + kPartPadding;
  const std::uint32_t perGroup = args.x.tokens * slices * kUnitRows * 4;
  const std::uint32_t rowsOfX = kParts == 1 ? args.x.tokens : Columns::kRows;
  auto rooms = roomOf<Source>(machine);
  const std::uint32_t most = std::max(rooms[0].end, rooms[1].end);
  for (int n = 0; n < Columns::kTiles; ++n)
    if (!take(rooms, std::min(8u, rowsOfX - 8 * n) * stride, args.x.at[n])) return false;
  const Room& forSums = rooms[rooms[1].bytes() > rooms[0].bytes()];
  args.sumsAt = forSums.at;
  if (std::max(kXScratch, perGroup * each * (shift > 0 ? kLeastBatch : 1)) > forSums.bytes()) return false;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(most));
  unsigned clusters = machine.processors;
  if (shift > 0) clusters = mostClusters(machine, reinterpret_cast<const void*>(kernel), shift, most, clustersKnown);
  clusters = std::min(clusters, args.groups);
  if (clusters == 0) return false;
  const std::uint32_t rawBytes = args.x.tokens * (args.x.normWeight ? args.x.columns : staged * kUnitColumns) * 4;
  args.x.raw = args.x.tokens > 1 && kXScratch + rawBytes <= forSums.bytes();
  args.shift = shift;
  args.batch = std::min(forSums.bytes() / perGroup, (args.groups * each + clusters - 1) / clusters + each) / each * each;
  std::uint32_t shared = args.sumsAt + std::max(args.batch * perGroup, kXScratch + (args.x.raw ? rawBytes : 0));
  if (Source::kWideTable) shared = most;
  Machine own = machine;
  own.dependentLaunch = machine.dependentLaunch && dependent;
  launchClusters(own, kernel, blocks, clusters * blocks, kProductThreads, shared, args);
  return true;
}

/// With the smallest clusters that x leaves half of the memory in, or enough for its sums: sums of more groups wait less often
/// for each other.
template <class Source, int kParts, unsigned kTokens>
[[nodiscard]] bool launchProduct(const Machine& machine, bool dependent, const ProductArgs<Source>& args) {
  constexpr std::uint32_t kMostShift = 3;
  if (kTokens > 1 && machine.clusters) {
    const std::uint32_t x = args.x.columns * 2 * (kParts == 1 ? args.x.tokens : XColumns<kParts, kTokens>::kRows);
    std::uint32_t shift = 0;
    if (kTokens > 2)
      while (shift < kMostShift && x >> shift > machine.sharedBytes / 2) ++shift;
    for (; shift <= kMostShift; ++shift)
      if (launchProduct<Source, kParts, kTokens>(machine, dependent, args, shift)) return true;
  }
  return launchProduct<Source, kParts, kTokens>(machine, dependent, args, 0);
}

/// Tokens in launches of as many as fit, up to eight.
template <class Source, class SourceOf>
void launchProducts(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts, SourceOf&& sourceOf) {
  std::uint32_t most = kFewAtOnce;
  for (std::uint32_t first = 0; first < parts[0].tokens;) {
    const std::uint32_t count = std::min(most, parts[0].tokens - first);
    const auto args = productArgs<Source>(how, parts, first, count, sourceOf);
    bool done = false;
    if (how.compute == Compute::Bf16)
      done = launchProduct<Source, 1, 8>(machine, !how.made, args);
    else if (count > 5)
      done = launchProduct<Source, 3, 8>(machine, !how.made, args);
    else if (count > 2)
      done = launchProduct<Source, 3, 5>(machine, !how.made, args);
    else if (count == 2)
      done = launchProduct<Source, 3, 2>(machine, !how.made, args);
    else
      done = launchProduct<Source, 3, 1>(machine, !how.made, args) || launchProduct<Source, 3, 2>(machine, !how.made, args);
    if (!done && count == 1) return;  // hasFewProduct() says that one fits
    if (done)
      first += count;
    else
      most = count > 5 ? 5 : count > 2 ? 2 : 1;
  }
}

/// Parts of one source type; one function a file.
void denseProduct(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts);
void codeProduct(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts);
void byteProduct(const Machine& machine, const FewProduct& how, std::span<const MatmulArgs> parts);

}  // namespace deltascope::kernels::cuda
