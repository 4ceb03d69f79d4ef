// SPDX-License-Identifier: Apache-2.0
// What deltas over quantized bases weigh: everything in the payload's file counted, beside the entropy given the base's code.
//   bench_formats DIR [FORMAT...]     which tests/bench/make_formats.py and make_scaled_formats.py wrote
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "core/pack/pack.h"
#include "core/payload/payload.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

/// Entropies given the code, of normal numbers and Student's t, where they were worked out.
struct Floor {
  std::string_view format;
  double gauss, t6;
};
constexpr Floor kFloors[]{{"Q8_0", 3.00, 3.32},      {"Q6_K", 4.61, 4.86},     {"Q4_K", 7.06, 7.50},
                          {"w4a16-128", 7.13, 7.67}, {"w4a16-32", 6.86, 7.21}, {"fp8-128x128", 4.18, 4.25}};
constexpr double kOver = 0.20;  ///< of the entropy form, at most

Result<double> bitsOver(const fs::path& final, const fs::path& base, CodecId codec, std::uint64_t& elements) {
  const fs::path out = fs::temp_directory_path() / "bench_formats.delta.safetensors";
  std::error_code ignored;
  fs::remove(out, ignored);
  PackRequest request;
  request.final = final;
  request.base = base;
  request.out = out;
  request.codec = codec;
  request.verify = true;
  DELTASCOPE_TRY(pack(request, {}));
  DELTASCOPE_ASSIGN(const Payload payload, Payload::open(out));
  elements = 0;
  for (const auto& tensor : payload.tensors()) elements += tensor.elements;
  const double bits = 8 * static_cast<double>(payload.fileSize()) / static_cast<double>(elements);
  fs::remove(out, ignored);
  return bits;
}

std::uint64_t bytesOf(const fs::path& base) {
  return fs::file_size(fs::is_directory(base) ? base / "model.safetensors" : base);
}

int run(const fs::path& root, const std::vector<std::string>& wanted) {
  bool within = true;
  for (const char* const data : {"gauss", "t6"}) {
    std::vector<fs::path> bases;
    for (const auto& entry : fs::directory_iterator(root / data))
      if (const std::string name = entry.path().stem().string();
          name != "final" && (wanted.empty() || std::ranges::find(wanted, name) != wanted.end()))
        bases.push_back(entry.path());
    std::sort(bases.begin(), bases.end());
    std::printf("%s\n%-12s %9s %9s %9s %9s %9s\n", data, "format", "base", "entropy", "bitpack", "floor", "over");
    for (const auto& base : bases) {
      const std::string name = base.stem().string();
      std::uint64_t elements = 0;
      const auto entropy = bitsOver(root / data / "final", base, CodecId::Entropy, elements);
      const auto bitpack = bitsOver(root / data / "final", base, CodecId::Bitpack, elements);
      if (!entropy || !bitpack) {
        std::fprintf(stderr, "%s\n", describe((entropy ? bitpack : entropy).error()).c_str());
        return 1;
      }
      const double stored = 8 * static_cast<double>(bytesOf(base)) / static_cast<double>(elements);
      std::printf("%-12s %9.3f %9.3f %9.3f", name.c_str(), stored, *entropy, *bitpack);
      for (const auto& floor : kFloors)
        if (floor.format == name) {
          const double bits = std::string_view(data) == "gauss" ? floor.gauss : floor.t6;
          std::printf(" %9.2f %+9.3f", bits, *entropy - bits);
          within = within && *entropy <= bits + kOver;
        }
      std::printf("\n");
    }
  }
  if (!within) std::fprintf(stderr, "more than %.2f bits over a floor\n", kOver);
  return within ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_formats DIR [FORMAT...]\n");
    return 2;
  }
  return run(argv[1], {argv + 2, argv + argc});
}
