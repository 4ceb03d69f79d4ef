// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A backend that decodes as a GPU does, tile by tile and lane by lane, on the processor. Everything else is the processor's
/// own. Chunks and outputs are copied to memory of exactly their size, so that a sanitizer sees what a tile reads or writes
/// beside them.
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/decode/elements.h"
#include "kernels/cuda/decode/planes_tile.h"
#include "kernels/cuda/decode/residual_tile.h"
#include "kernels/cuda/decode/sparse_tile.h"
#include "kernels/gpu_ops.h"

namespace deltascope::testing {

using namespace kernels;
using namespace kernels::cuda;

/// Owns copies of what DecoderArgs borrows.
class EmulatedDecoder final : public Decoder {
 public:
  explicit EmulatedDecoder(const DecoderArgs& given) : args(given) {
    if (args.prefix) table = args.prefix->entries, prefixBits = args.prefix->prefixBits;
    if (args.fields) {
      table.assign(kMaxContexts, packField(1, false, 0));
      for (std::size_t c = 0; c < args.rule.contexts(); ++c)
        table[c] = packField(args.fields->width[c], args.fields->isSigned[c] != 0, args.fields->offset[c]);
    }
    if (args.sparse) {
      table.assign(args.sparse->entries.begin(), args.sparse->entries.end());
      std::copy(args.sparse->unit.begin(), args.sparse->unit.end(), unit);
      top = args.sparse->top;
    }
    if (args.lowRank) {
      rows = args.lowRank->rows, columns = args.lowRank->columns;
      for (const auto& term : args.lowRank->terms) {
        factors.emplace_back(term.outer.begin(), term.outer.end());
        factors.emplace_back(term.inner.begin(), term.inner.end());
        terms.push_back({term.rank, factors[factors.size() - 2].data(), factors.back().data(), term.scale});
      }
    }
  }
  DecoderArgs args;
  std::vector<std::uint32_t> table;
  unsigned prefixBits = 0, top = 0;
  std::uint8_t unit[SparseTable::kClasses] = {};
  std::uint64_t rows = 0, columns = 0;
  std::vector<std::vector<float>> factors;
  std::vector<DeviceTerm> terms;
};

/// One chunk. Returns the error word.
class Emulation {
 public:
  Emulation(const EmulatedDecoder& decoder, const Chunk& chunk) : m_decoder(decoder), m_chunk(chunk) {}

  unsigned long long run() {
    for (unsigned code = 0; code < 16; ++code) fillTables(m_chunk.base, m_decoder.args.rule, code, m_tables);
    switch (m_decoder.args.code) {
      case ChunkCode::Raw:
        std::memcpy(m_chunk.into, m_chunk.bytes, m_chunk.base.count * bytesOf(m_chunk.base.type));
        break;
      case ChunkCode::Identical:
        copy();
        break;
      case ChunkCode::Prefix:
      case ChunkCode::Fields: {
        const ResidualWork work{m_chunk, m_decoder.args.rule, m_decoder.args.code == ChunkCode::Prefix, m_decoder.prefixBits,
                                m_decoder.table.data()};
        eachTile<ResidualShared>([&](Warp& warp, auto& shared, auto t) { residualTile(warp, shared, work, m_tables, t); });
        break;
      }
      case ChunkCode::Sparse: {
        SparseWork work{m_chunk, m_decoder.table.data(), {}, m_decoder.top};
        std::copy_n(m_decoder.unit, SparseTable::kClasses, work.unit);
        eachTile<SparseShared>([&](Warp& warp, auto& shared, auto t) { sparseTile(warp, shared, work, m_tables, t); });
        break;
      }
      case ChunkCode::Planes:
        planes();
        break;
      case ChunkCode::LowRank:
        lowRank();
        break;
      case ChunkCode::Additive:
        additive();
        break;
    }
    return m_error;
  }

 private:
  template <class Shared, class F>
  void eachTile(F&& tile) {
    const auto shared = std::make_unique<Shared>();
    for (std::uint32_t t = 0; t < m_chunk.tiles; ++t) {
      Warp warp(&m_error, m_chunk.number);
      tile(warp, *shared, t);
    }
  }
  struct Nothing {};
  void copy() {
    eachTile<Nothing>([&](Warp& warp, auto&, auto t) { copyValues(warp, m_chunk, m_tables, t); });
  }
  void planes() {
    const auto contexts = static_cast<std::uint32_t>(m_decoder.args.rule.contexts());
    std::vector<std::uint64_t> starts(planesScratch(contexts, m_chunk.tiles) / 8);
    const PlanesWork work{m_chunk, m_decoder.args.rule, contexts, starts.data()};
    eachTile<PlanesShared>([&](Warp& warp, auto& shared, auto t) { planesCount(warp, shared, work, m_tables, t); });
    std::uint64_t sum = 0;
    for (auto& start : starts) start = std::exchange(sum, sum + start);
    eachTile<PlanesShared>([&](Warp& warp, auto& shared, auto t) { planesTile(warp, shared, work, m_tables, t); });
  }
  void lowRank() {
    const LowRankWork work{m_chunk, m_decoder.rows, m_decoder.columns, m_decoder.terms.data(),
                           static_cast<std::uint32_t>(m_decoder.terms.size())};
    const DeviceBase& base = m_chunk.base;
    const std::uint64_t first = base.first / work.columns, last = (base.first + base.count - 1) / work.columns;
    for (std::uint64_t row = first; row <= last; row += kRowsEach)
      for (std::uint64_t column = 0; column < work.columns; ++column) lowRankColumn(work, m_tables, row, column);
    if (holdsElements(m_chunk))
      for (std::uint64_t i = 0; i < base.count; ++i) copyElement(m_chunk, i);
    Warp warp(&m_error, m_chunk.number);
    const auto shared = std::make_unique<CorrectionsShared>();
    correctChunk(warp, *shared, m_chunk);
  }
  void additive() {
    copy();
    Warp warp(&m_error, m_chunk.number);
    const AdditiveParts parts = readAdditive(m_chunk);
    if (parts.fault != Fault::None) return warp.fault(parts.fault);
    for (std::uint32_t n = 0; n < parts.differences; ++n)
      if (const Fault fault = addDifference(m_chunk, parts, n); fault != Fault::None) warp.fault(fault);
    for (std::uint32_t n = 0; n < parts.corrections; ++n)
      if (const Fault fault = correctElement(m_chunk, parts, n); fault != Fault::None) warp.fault(fault);
  }

  const EmulatedDecoder& m_decoder;
  const Chunk m_chunk;
  CodeTables m_tables{};
  unsigned long long m_error = kNoError;
};

class EmulatedBackend final : public Backend, public GpuOps {
 public:
  EmulatedBackend() : m_cpu(*openBackend({})) {}
  const DeviceInfo& device() const override { return m_cpu->device(); }
  Outcome<Buffer> allocate(std::uint64_t bytes, std::string_view what) override { return m_cpu->allocate(bytes, what); }
  MemoryAccount& memory() const override { return m_cpu->memory(); }
  void copyIn(void* to, const void* fromHost, std::uint64_t bytes) override { m_cpu->copyIn(to, fromHost, bytes); }
  void copyOnDevice(void* to, const void* from, std::uint64_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void copyOut(void* toHost, const void* from, std::uint64_t bytes) override { m_cpu->copyOut(toHost, from, bytes); }
  Outcome<void> synchronize() override {
    const auto error = std::exchange(m_error, kNoError);
    if (error == kNoError) return {};
    return tl::unexpected(
        Failure{Failure::Kind::Data, "chunk " + std::to_string(chunkOf(error)) + ": " + words(codeOf(error)), {}});
  }
  std::uint64_t scratchBytes(std::uint64_t, std::uint64_t, std::size_t) const override { return 0; }
  Outcome<void> reserveScratch(std::uint64_t) override { return {}; }
  Outcome<void> matmul(const MatmulArgs& args) override { return m_cpu->matmul(args); }
  Outcome<void> gatherRows(const GatherRowsArgs& args) override { return m_cpu->gatherRows(args); }
  void rmsNorm(const RmsNormArgs& args) override { m_cpu->rmsNorm(args); }
  void rope(const RopeArgs& args) override { m_cpu->rope(args); }
  void storeKv(const StoreKvArgs& args) override { m_cpu->storeKv(args); }
  Outcome<void> attention(const AttentionArgs& args) override { return m_cpu->attention(args); }
  void siluMultiply(const GateMultiplyArgs& args) override { m_cpu->siluMultiply(args); }
  void addRows(const AddRowsArgs& args) override { m_cpu->addRows(args); }

  GpuOps* gpu() override { return this; }
  Outcome<std::unique_ptr<Decoder>> makeDecoder(const DecoderArgs& args) override {
    return std::make_unique<EmulatedDecoder>(args);
  }
  Outcome<void> decode(std::span<const DecodeArgs> chunks) override {
    for (const auto& args : chunks)
      if (auto done = decodeOne(args); !done) return done;
    return {};
  }
  Outcome<Buffer> makeTileTable(const AnchorRule&, const PrefixTable*, const FieldTable*) override { return decodesAlone(); }
  std::uint64_t unitBytes(const Matrix&, bool) const override { return 0; }
  Outcome<bool> toBytes(const Matrix&, void*) override { return decodesAlone(); }
  Outcome<void> toCodes(const Matrix&, void*) override { return decodesAlone(); }
  Outcome<void> reconstruct(const Matrix&, std::uint64_t, std::uint64_t, void*) override { return decodesAlone(); }
  Outcome<std::unique_ptr<Feed>> openFeed(FeedRequest) override { return decodesAlone(); }

 private:
  static tl::unexpected<Failure> decodesAlone() {
    return tl::unexpected(Failure{Failure::Kind::Unsupported, "the emulated device only decodes", {}});
  }
  Outcome<void> decodeOne(const DecodeArgs& args) {
    const auto& decoder = static_cast<const EmulatedDecoder&>(*args.decoder);
    const std::size_t bytes = args.base.count * bytesOf(args.base.type);
    if (decoder.args.code == ChunkCode::Raw && args.chunkBytes != (bytes + 15) / 16 * 16)
      return tl::unexpected(Failure{Failure::Kind::Data, "another size", {}});
    if (args.base.count == 0) return {};
    const auto chunkCopy = std::make_unique<std::byte[]>(args.chunkBytes), into = std::make_unique<std::byte[]>(bytes);
    if (args.chunkBytes) std::memcpy(chunkCopy.get(), args.chunk, args.chunkBytes);
    Chunk chunk;
    chunk.base = args.base;
    chunk.bytes = chunkCopy.get();
    chunk.size = args.chunkBytes;
    chunk.into = into.get();
    chunk.tiles = static_cast<std::uint32_t>((args.base.count + kTile - 1) / kTile);
    chunk.number = args.number;
    m_error = std::min(m_error, Emulation(decoder, chunk).run());
    std::memcpy(args.into, into.get(), bytes);
    return {};
  }

  std::shared_ptr<Backend> m_cpu;
  unsigned long long m_error = kNoError;
};

}  // namespace deltascope::testing
