// SPDX-License-Identifier: Apache-2.0
/// Products of the processor backend: bench_products [runs, default 15] [instruction set: scalar, avx2, avx512]. For each form
/// and shape: the median time and the range, GB/s of stored bytes, their share of the machine's read bandwidth as measured
/// here with as many threads (medians, and the best of each, which another program's load disturbs less), and GFLOP/s. Matrices
/// alternate among copies far larger than the caches.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kernels/backend.h"
#include "tests/bench/read_bandwidth.h"

using namespace deltascope::kernels;
using deltascope::bench::readAll;
using deltascope::bench::split;

namespace {

constexpr std::uint64_t kFarLarger = std::uint64_t{512} << 20;

struct Times {
  double median = 0, least = 0, most = 0;
};

Times measure(int runs, const std::function<void()>& work) {
  std::vector<double> seconds;
  work();
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front(), seconds.back()};
}

struct Form {
  const char* name;
  Matrix::Form form;
  ElementType type;
};
constexpr Form kForms[] = {{"dense BF16", Matrix::Form::Dense, ElementType::BF16},
                           {"dense F16", Matrix::Form::Dense, ElementType::F16},
                           {"dense F32", Matrix::Form::Dense, ElementType::F32},
                           {"4 bits, BF16", Matrix::Form::FourBit, ElementType::BF16},
                           {"8 bits, BF16", Matrix::Form::Int8, ElementType::BF16}};

std::uint64_t storedBytes(const Matrix& m) {
  const std::uint64_t n = m.rows * m.columns;
  if (m.form == Matrix::Form::FourBit) return n / 2 + n / m.group * 4;
  if (m.form == Matrix::Form::Int8) return n + m.rows * 4;
  return n * bytesOf(m.type);
}

class Bench {
 public:
  Bench(int runs, Isa isa, unsigned threads) : m_runs(runs), m_threads(threads) {
    BackendOptions options;
    options.threads = threads;
    options.isa = isa;
    auto opened = openBackend(options);
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().message.c_str());
      std::exit(1);
    }
    m_backend = *opened;
    m_memory = take(kFarLarger + (std::uint64_t{64} << 20));
    std::mt19937_64 random(1);
    auto* words = m_memory.as<std::uint64_t>();
    // Any two bytes make a BF16 or F16, any four an F32 far from the denormals, which some processors are slow with.
    for (std::uint64_t i = 0; i < m_memory.bytes() / 8; ++i) words[i] = (random() & 0x807F807F807F807F) | 0x3C003C003C003C00;
    m_scales = take(std::uint64_t{8} << 20);
    std::fill_n(m_scales.as<float>(), m_scales.bytes() / 4, 0.01f);
    m_values = take(64);
    for (int i = 0; i < 16; ++i) m_values.as<float>()[i] = static_cast<float>(i - 8) / 8;
    probe();
  }

  void product(const Form& form, std::uint64_t rows, std::uint64_t columns, std::uint32_t tokens) {
    Matrix m;
    m.form = form.form;
    m.type = form.type;
    m.rows = rows;
    m.columns = columns;
    m.scales = m_scales.as<float>();
    m.values = m_values.as<float>();
    const std::uint64_t bytes = storedBytes(m), copies = std::max<std::uint64_t>(1, kFarLarger / bytes);
    std::vector<float> x(tokens * columns, 0.5f), y(tokens * rows);
    std::uint64_t copy = 0;
    const Times t = measure(m_runs, [&] {
      const auto* at = m_memory.as<std::byte>() + bytes / 64 * 64 * (copy++ % copies);
      m.elements = at;
      m.codes = reinterpret_cast<const std::uint8_t*>(at);
      MatmulArgs args;
      args.weight = m;
      args.x = x.data();
      args.y = y.data();
      args.tokens = tokens;
      if (!m_backend->matmul(args)) std::exit(1);
    });
    const double rate = static_cast<double>(bytes) / t.median * 1e-9, best = static_cast<double>(bytes) / t.least * 1e-9;
    const double flops = 2e-9 * static_cast<double>(rows * columns * tokens);
    std::printf(
        "%u thr  %-13s %5llu x %5llu  %2u tok %9.1f us (%.1f-%.1f) %7.2f GB/s, %3.0f %% of reads (best %3.0f %%), %6.1f "
        "GFLOP/s\n",
        m_threads, form.name, static_cast<unsigned long long>(rows), static_cast<unsigned long long>(columns), tokens,
        t.median * 1e6, t.least * 1e6, t.most * 1e6, rate, 100 * rate / m_readRate, 100 * best / m_bestReadRate,
        flops / t.median);
    std::fflush(stdout);
  }

 private:
  Buffer take(std::uint64_t bytes) {
    auto buffer = m_backend->allocate(bytes, "benchmark data");
    if (!buffer) {
      std::fprintf(stderr, "%s\n", buffer.error().message.c_str());
      std::exit(1);
    }
    return std::move(*buffer);
  }

  void probe() {
    const auto* words = m_memory.as<std::uint64_t>();
    constexpr std::uint64_t kPart = std::uint64_t{64} << 20;
    std::atomic<std::uint64_t> sink = 0;
    std::uint64_t part = 0;
    const Times t = measure(3 * m_runs, [&] {
      const auto* from = words + kPart / 8 * (part++ % (kFarLarger / kPart));
      split(kPart / 8, m_threads, [&](std::uint64_t begin, std::uint64_t end) { sink += readAll(from + begin, end - begin); });
    });
    const auto rate = [](double seconds) { return static_cast<double>(kPart) / seconds * 1e-9; };
    m_readRate = rate(t.median);
    m_bestReadRate = rate(t.least);
    std::printf("%u thr  reads %.2f GB/s (%.2f-%.2f)\n", m_threads, m_readRate, rate(t.most), m_bestReadRate);
  }

  int m_runs;
  unsigned m_threads;
  std::shared_ptr<Backend> m_backend;
  Buffer m_memory, m_scales, m_values;
  double m_readRate = 0, m_bestReadRate = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  const std::string wanted = argc > 2 ? argv[2] : "";
  const Isa isa = wanted == "scalar" ? Isa::Scalar : wanted == "avx2" ? Isa::Avx2 : bestIsa();
  for (unsigned threads : {1u, 2u}) {
    Bench bench(runs, isa, threads);
    for (const Form& form : kForms)
      for (auto [rows, columns] : {std::pair{4096u, 4096u}, {14336u, 4096u}, {4096u, 14336u}})
        for (std::uint32_t tokens : {1u, 8u, 64u}) bench.product(form, rows, columns, tokens);
  }
}
