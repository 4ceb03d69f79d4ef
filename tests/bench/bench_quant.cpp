// SPDX-License-Identifier: Apache-2.0
/// Throughput of quantization, one thread: bench_quant [MiB of weights, default 64]. Prints GB/s of weights (of the FP32 side
/// for conversions too: bytes of the 16-bit side), the best of several passes, beside a copy of the same bytes as the memory's
/// bound.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "core/quant/element_type.h"
#include "core/quant/quant.h"

using namespace deltascope;
using kernels::ElementType;

namespace {

double bestSeconds(const std::function<void()>& work) {
  double best = 1e9;
  for (int pass = 0; pass < 7; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void report(const char* isa, const char* what, std::size_t bytes, const std::function<void()>& work) {
  std::printf("%-8s %-28s %8.2f GB/s\n", isa, what, static_cast<double>(bytes) / bestSeconds(work) * 1e-9);
}

void benchIsa(kernels::Isa isa, const std::vector<std::byte>& weights, ElementType type) {
  const auto& ops = kernels::quantizeOps(isa);
  const std::size_t n = weights.size() / bytesOf(type), block = 64;
  std::vector<std::uint8_t> codes(n / 2);
  std::vector<std::int8_t> bytes(n);
  std::vector<float> absmax(n / block), wide(n);
  std::vector<std::byte> back(weights.size());
  const std::string suffix = type == ElementType::BF16 ? " BF16" : type == ElementType::F16 ? " F16" : " F32";
  const auto line = [&](const char* what, const std::function<void()>& work) {
    report(kernels::nameOf(isa), (what + suffix).c_str(), weights.size(), work);
  };
  line("absmax", [&] { ops.absmax(type, weights.data(), n, block, absmax.data()); });
  for (auto format : {QuantFormat::Nf4, QuantFormat::Fp4}) {
    const std::string name(nameOf(format));
    line(("quantize " + name).c_str(),
         [&] { ops.quantize4bit(fourBitCode(format), type, weights.data(), n, block, codes.data(), absmax.data()); });
    line(("dequantize " + name).c_str(),
         [&] { ops.dequantize4bit(fourBitCode(format), codes.data(), n, block, absmax.data(), type, back.data()); });
  }
  line("quantize int8", [&] { ops.quantizeInt8(type, weights.data(), n, 1270.0f, bytes.data()); });
  line("dequantize int8", [&] { ops.dequantizeInt8(bytes.data(), n, 0.1f, type, back.data()); });
  line("toFloat", [&] { ops.toFloat(type, weights.data(), n, wide.data()); });
  line("fromFloat", [&] { ops.fromFloat(type, wide.data(), n, back.data()); });
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t mib = argc > 1 ? static_cast<std::size_t>(std::atoll(argv[1])) : 64;
  const std::size_t n = (mib << 20) / 2 / 4096 * 4096;
  std::vector<float> values(n);
  std::uint64_t state = 1;
  for (auto& value : values) {  // sums of four bytes, nearly Gaussian, as weights are
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto sum = (state >> 56) + (state >> 48 & 255) + (state >> 40 & 255) + (state >> 32 & 255);
    value = static_cast<float>(static_cast<int>(sum) - 510) * 2e-4f;
  }
  std::vector<std::byte> copy(4 * n);
  report("", "copy", 4 * n, [&] { std::memcpy(copy.data(), values.data(), 4 * n); });
  for (auto isa : kernels::supportedIsas())
    for (auto [type, dtype] :
         {std::pair{ElementType::BF16, DType::BF16}, {ElementType::F16, DType::F16}, {ElementType::F32, DType::F32}}) {
      std::vector<std::byte> weights(n * bytesOf(dtype));
      fromFloat(dtype, values, weights);
      benchIsa(isa, weights, type);
    }
  std::vector<float> absmax(n / 64);
  blockAbsmax(DType::F32, std::as_bytes(std::span(values)), 64, absmax);
  NestedAbsmax nested;
  report("", "nest (absmax bytes)", absmax.size() * 4, [&] { nested = nestAbsmax(absmax); });
  report("", "unnest (absmax bytes)", absmax.size() * 4, [&] { unnestAbsmax(nested, 0, absmax); });
}
