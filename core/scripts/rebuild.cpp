// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/units.h"
#include "core/quant/quant.h"
#include "core/scripts/scripts.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kWindow = std::uint64_t{1} << 20;  ///< elements rebuilt at a time: whole bytes in every type
constexpr std::size_t kPairs = 4096;

using OnRange = std::function<Result<void>(std::uint64_t, std::span<const std::byte>)>;

/// A window that moves over the tensor; sums are made in it.
class Window {
 public:
  Window(const Checkpoint& base, const TensorInfo& info, DType type, std::stop_token stop, const OnRange& onRange)
      : m_base(base), m_info(info), m_type(type), m_stop(std::move(stop)), m_onRange(onRange) {}

  [[nodiscard]] std::uint64_t end() const { return m_first + m_count; }

  /// Hands over what is done and reads the next elements.
  Result<void> advance() {
    if (m_count > 0) DELTASCOPE_TRY(m_onRange(m_first, m_final));
    if (m_stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    m_first += m_count;
    m_count = std::min(kWindow, m_info.elements - m_first);
    m_stored.resize(bytesFor(m_info.dtype, m_count));
    DELTASCOPE_TRY(m_base.read(m_info, bytesFor(m_info.dtype, m_first), m_stored));
    if (m_info.dtype == m_type) {
      m_final = m_stored;
      return {};
    }
    std::vector<float> floats(m_count);
    toFloat(m_info.dtype, m_stored, floats);
    m_final.resize(bytesFor(m_type, m_count));
    fromFloat(m_type, floats, m_final);
    return {};
  }

  /// Adds at ascending positions inside the window.
  void add(std::span<const std::int64_t> positions, std::span<const float> values) {
    std::array<std::byte, kPairs * 4> gathered;
    std::array<float, kPairs> sums;
    const std::size_t from = bytesOf(m_info.dtype), to = bytesOf(m_type), n = positions.size();
    const auto place = [&](std::size_t k) {
      return static_cast<std::size_t>(static_cast<std::uint64_t>(positions[k]) - m_first);
    };
    for (std::size_t k = 0; k < n; ++k) std::memcpy(gathered.data() + k * from, m_stored.data() + place(k) * from, from);
    toFloat(m_info.dtype, std::span(gathered).first(n * from), std::span(sums).first(n));
    for (std::size_t k = 0; k < n; ++k) sums[k] += values[k];
    fromFloat(m_type, std::span(sums).first(n), std::span(gathered).first(n * to));
    for (std::size_t k = 0; k < n; ++k) std::memcpy(m_final.data() + place(k) * to, gathered.data() + k * to, to);
  }

  /// The rest of the tensor.
  Result<void> finish() {
    while (end() < m_info.elements) DELTASCOPE_TRY(advance());
    return m_count > 0 ? m_onRange(m_first, m_final) : Result<void>{};
  }

 private:
  static std::size_t bytesFor(DType type, std::uint64_t elements) {
    return static_cast<std::size_t>(ceilDiv(elements * bitsOf(type), 8));
  }

  const Checkpoint& m_base;
  const TensorInfo& m_info;
  DType m_type;
  std::stop_token m_stop;
  const OnRange& m_onRange;
  std::uint64_t m_first = 0, m_count = 0;
  std::vector<std::byte> m_stored, m_final;
};

/// Adds chunk after chunk. What is wrong with one is told and skipped; only what the base or `onRange` says is an error.
class Adder {
 public:
  Adder(Window& window, const TensorInfo& info) : m_window(window), m_info(info) {}

  Result<void> add(ScriptsPairs pairs, std::uint64_t chunk) {
    std::array<std::int64_t, kPairs> positions;
    std::array<float, kPairs> values;
    for (;;) {
      const auto came = pairs.next(positions, values);
      if (!came && came.error().code != ErrorCode::Corrupt) return tl::make_unexpected(came.error());
      if (!came) {
        m_fates.add(chunk, came.error().message);
        return {};
      }
      const auto block = std::span(positions).first(*came);
      const std::size_t good = ascending(block, chunk);
      DELTASCOPE_TRY(place(block.first(good), std::span(values).first(good)));
      m_applied += good;
      if (good < *came || *came < kPairs) return {};
    }
  }

  [[nodiscard]] ChunkFates& fates() { return m_fates; }
  [[nodiscard]] std::uint64_t applied() const { return m_applied; }

 private:
  /// How many of the positions follow each other inside the tensor; the first that does not is told.
  std::size_t ascending(std::span<const std::int64_t> positions, std::uint64_t chunk) {
    for (std::size_t k = 0; k < positions.size(); ++k) {
      const auto position = static_cast<std::uint64_t>(positions[k]);
      if (position >= m_next && position < m_info.elements) {
        m_next = position + 1;
        continue;
      }
      m_fates.add(chunk, "position " + std::to_string(positions[k]) + " is " +
                             (position < m_next ? "not above the one before" : "outside the tensor"));
      return k;
    }
    return positions.size();
  }

  Result<void> place(std::span<const std::int64_t> positions, std::span<const float> values) {
    while (!positions.empty()) {
      while (static_cast<std::uint64_t>(positions.front()) >= m_window.end()) DELTASCOPE_TRY(m_window.advance());
      const auto inside = static_cast<std::size_t>(
          std::ranges::lower_bound(positions, static_cast<std::int64_t>(m_window.end())) - positions.begin());
      m_window.add(positions.first(inside), values.first(inside));
      positions = positions.subspan(inside);
      values = values.subspan(inside);
    }
    return {};
  }

  Window& m_window;
  const TensorInfo& m_info;
  ChunkFates m_fates;
  std::uint64_t m_next = 0, m_applied = 0;
};

}  // namespace

Result<std::vector<Finding>> rebuildScripts(const ScriptsSource& source, const TensorInfo& info, DType type,
                                            std::stop_token stop, const OnRange& onRange) {
  Window window(source.base, info, type, stop, onRange);
  std::vector<Finding> findings;
  if (const ScriptsTensor* delta = source.payload.find(info.name)) {
    Adder adder(window, info);
    for (std::size_t chunk = 0; chunk < delta->chunks(); ++chunk) {
      if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
      if (delta->positions[chunk].bytes == 0 && delta->values[chunk].bytes == 0)
        adder.fates().add(chunk, "the frames of positions and values are empty");
      else
        DELTASCOPE_TRY(adder.add(ScriptsPairs(source.payload, *delta, chunk), chunk));
    }
    findings = adder.fates().findings(info.name);
    if (delta->positions.size() != delta->values.size())
      findings.push_back({info.name, formatCount(delta->positions.size()) + " frames of positions, but " +
                                         formatCount(delta->values.size()) + " of values"});
    if (adder.applied() != delta->totalDeltas)
      findings.push_back({info.name, "total_deltas says " + formatCount(delta->totalDeltas) + ", " +
                                         formatCount(adder.applied()) + " were found"});
  }
  DELTASCOPE_TRY(window.finish());
  return findings;
}

}  // namespace deltascope
