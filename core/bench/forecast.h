// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What is left of a run, from the work that is expected and from how long its kinds took so far. Internal to core/bench.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace deltascope {

/// What a run spends its time on. Each kind has a speed of its own.
enum class BenchmarkWork : std::uint8_t {
  Read,
  Reference,
  Rebuild,
  Static,
  Jit,
  Stream,
  EncodeAdditive,
  Additive,
  EncodeZstd,
  Zstd,
  Base,
  Load,
  GenerateResident,
  Generate,
  GenerateBase,
};
inline constexpr std::size_t kBenchmarkWorks = static_cast<std::size_t>(BenchmarkWork::GenerateBase) + 1;
[[nodiscard]] std::string_view nameOf(BenchmarkWork work);  ///< "reference", "jit", "zstd, encoding" …

/// Seconds that `times` passes over `bytes` of final weights take on a processor of two cores, before anything is known of this
/// one.
[[nodiscard]] double expectedSeconds(BenchmarkWork work, std::uint64_t bytes, double times);

/// Pieces of work by their expected seconds; how far off these were is learned, by kind, and what is left scaled by it.
/// Threads: one at a time.
class Forecast {
 public:
  void expect(BenchmarkWork work, double seconds);
  void drop(BenchmarkWork work, double seconds);  ///< expected, and will not come
  void done(BenchmarkWork work, double seconds, double took);

  /// A piece in work: so much of it is done, in so many seconds.
  struct Running {
    BenchmarkWork work = BenchmarkWork::Read;
    double seconds = 0;    ///< as expected
    double fraction = -1;  ///< negative: not known
    double took = 0;
  };
  [[nodiscard]] double left(const Running& running) const;  ///< seconds
  /// 0 … 1, never less than before.
  [[nodiscard]] double share(const Running& running);

 private:
  [[nodiscard]] double slowness(BenchmarkWork work) const;
  struct Kind {
    double left = 0, done = 0, took = 0;  ///< seconds; left and done as expected
  };
  std::array<Kind, kBenchmarkWorks> m_kinds{};
  double m_done = 0, m_took = 0, m_share = 0;
};

}  // namespace deltascope
