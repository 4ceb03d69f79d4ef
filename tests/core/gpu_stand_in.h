// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A backend that holds weights as a GPU does, in memory of the host: its account, its decoders, its feed. Products with what
/// only a GPU reads are not computed; units and tables are marked with what they were made from.
#include "core/base/hash.h"
#include "core/base/units.h"
#include "tests/core/emulated_backend.h"

namespace deltascope::testing {

inline std::uint64_t markOf(const void* data, std::uint64_t bytes) {
  const Hash128 hash = hash128({static_cast<const std::byte*>(data), static_cast<std::size_t>(bytes)});
  std::uint64_t mark = 0;
  std::memcpy(&mark, &hash, sizeof mark);
  return mark;
}

/// Reads an item when it is acquired.
class StandInFeed final : public Feed {
 public:
  StandInFeed(FeedRequest request, Buffer ring) : m_request(std::move(request)), m_ring(std::move(ring)) {}
  Outcome<const std::byte*> acquire(std::size_t item) override {
    std::uint64_t at = 0;
    for (std::size_t part = 0; part < m_request.items[item].size(); ++part) {
      const auto size = static_cast<std::size_t>(m_request.items[item][part]);
      if (auto read = m_request.read(item, part, {m_ring.as<std::byte>() + at, size}); !read)
        return tl::make_unexpected(read.error());
      at += roundUp(size, 256);
    }
    m_use.bytesCopied += at;
    return m_ring.as<std::byte>();
  }
  void release(std::size_t) override {}
  void choose(std::size_t, std::span<const std::size_t>) override {}
  FeedUse use() const override { return m_use; }

 private:
  FeedRequest m_request;
  Buffer m_ring;
  FeedUse m_use;
};

class GpuStandIn final : public Backend, public GpuOps {
 public:
  const DeviceInfo& device() const override { return m_inner.device(); }
  bool onHost() const override { return false; }
  Outcome<Buffer> allocate(std::uint64_t bytes, std::string_view what) override {
    auto buffer = m_inner.allocate(roundUp(std::max<std::uint64_t>(bytes, 1), 256), what);
    if (buffer) std::memset(buffer->data(), 0, buffer->bytes());
    return buffer;
  }
  MemoryAccount& memory() const override { return m_inner.memory(); }
  void copyIn(void* to, const void* from, std::uint64_t bytes) override { m_inner.copyIn(to, from, bytes); }
  void copyOnDevice(void* to, const void* from, std::uint64_t bytes) override { m_inner.copyOnDevice(to, from, bytes); }
  void copyOut(void* toHost, const void* from, std::uint64_t bytes) override { m_inner.copyOut(toHost, from, bytes); }
  Outcome<void> synchronize() override { return m_inner.synchronize(); }
  std::uint64_t scratchBytes(std::uint64_t stepBytes, std::uint64_t, std::size_t) const override { return stepBytes; }
  Outcome<void> reserveScratch(std::uint64_t) override { return {}; }
  Outcome<void> matmul(const MatmulArgs& args) override { return m_inner.matmul(args); }
  Outcome<void> gatherRows(const GatherRowsArgs& args) override { return m_inner.gatherRows(args); }
  void rmsNorm(const RmsNormArgs& args) override { m_inner.rmsNorm(args); }
  void rope(const RopeArgs& args) override { m_inner.rope(args); }
  void storeKv(const StoreKvArgs& args) override { m_inner.storeKv(args); }
  Outcome<void> attention(const AttentionArgs& args) override { return m_inner.attention(args); }
  void siluMultiply(const GateMultiplyArgs& args) override { m_inner.siluMultiply(args); }
  void addRows(const AddRowsArgs& args) override { m_inner.addRows(args); }

  GpuOps* gpu() override { return this; }
  Outcome<std::unique_ptr<Decoder>> makeDecoder(const DecoderArgs& args) override { return m_inner.makeDecoder(args); }
  Outcome<void> decode(std::span<const DecodeArgs> chunks) override { return m_inner.decode(chunks); }
  Outcome<Buffer> makeTileTable(const AnchorRule&, const PrefixTable* prefix, const FieldTable* fields) override {
    auto table = allocate(4608, "a table for tiles");
    if (table) table->as<std::uint64_t>()[0] = prefix ? markOf(prefix->entries.data(), 64) : markOf(fields, 64);
    return table;
  }
  /// Of any matrix, whatever its codes: what they are is for core to know.
  std::uint64_t unitBytes(const Matrix& matrix, bool exact) const override {
    return matrix.columns % 64 == 0 ? roundUp(matrix.rows * matrix.columns * (exact ? 14 : 5) / 8, 256) : 0;
  }
  Outcome<bool> toBytes(const Matrix& tiled, void* into) override {
    const std::uint64_t mark = markOf(tiled.codes, tiled.rows * tiled.columns / 2);
    std::memcpy(into, &mark, sizeof mark);
    return mark % kMisfits != 0;
  }
  Outcome<void> toCodes(const Matrix& fourBit, void* into) override {
    const std::uint64_t mark = markOf(fourBit.codes, fourBit.rows * fourBit.columns / 2);
    std::memcpy(into, &mark, sizeof mark);
    return {};
  }
  Outcome<void> reconstruct(const Matrix& matrix, std::uint64_t firstRow, std::uint64_t rows, void* into) override {
    return m_inner.reconstruct(matrix, firstRow, rows, into);
  }
  Outcome<std::unique_ptr<Feed>> openFeed(FeedRequest request) override {
    auto ring = allocate(request.deviceBytes, "a feed");
    if (!ring) return tl::make_unexpected(ring.error());
    return std::make_unique<StandInFeed>(std::move(request), std::move(*ring));
  }

  static constexpr std::uint64_t kMisfits = 5;  ///< one in so many weights is too exceptional for units

 private:
  EmulatedBackend m_inner;
};

}  // namespace deltascope::testing
