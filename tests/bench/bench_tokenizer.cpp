// SPDX-License-Identifier: Apache-2.0
/// Throughput of the tokenizer, one thread: bench_tokenizer MODEL_DIR [TEXT_FILE]. Without a file, 10 MB of words made from the
/// vocabulary's own tokens and of numbers. Prints MB/s of UTF-8 (10^6 bytes), the best of three passes; and the time of a run
/// of one million equal characters.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/text/tokenizer.h"

using namespace deltascope;

namespace {

constexpr std::size_t kBytes = 10'000'000;

std::string makeText(const Tokenizer& tokenizer) {
  std::string text;
  std::uint32_t random = 1;
  std::vector<TokenId> word;
  while (text.size() < kBytes) {
    word.clear();
    random = random * 1664525 + 1013904223;
    for (std::uint32_t part = 0; part <= random >> 30; ++part) {
      random = random * 1664525 + 1013904223;
      word.push_back(static_cast<TokenId>(random % tokenizer.size()));
    }
    text += tokenizer.decode(word, true);
    text += random % 40 ? " " : "\n";
  }
  return text;
}

template <class Work>
double bestSeconds(Work&& work) {
  double best = 1e9;
  for (int pass = 0; pass < 3; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

int report(const Error& error) {
  std::fprintf(stderr, "bench_tokenizer: %s\n", describe(error).c_str());
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_tokenizer MODEL_DIR [TEXT_FILE]\n");
    return 2;
  }
  const auto tokenizer = Tokenizer::open(argv[1]);
  if (!tokenizer) return report(tokenizer.error());
  auto text = argc > 2 ? readTextFile(argv[2], 1u << 30) : Result<std::string>(makeText(*tokenizer));
  if (!text) return report(text.error());

  Result<std::vector<TokenId>> ids;
  const double encode = bestSeconds([&] { ids = tokenizer->encode(*text, false); });
  if (!ids) return report(ids.error());
  std::printf("encode  %8.2f MB/s  %zu bytes, %zu ids\n", static_cast<double>(text->size()) / encode * 1e-6, text->size(),
              ids->size());
  std::string back;
  const double decode = bestSeconds([&] { back = tokenizer->decode(*ids, false); });
  std::printf("decode  %8.2f MB/s  %s\n", static_cast<double>(back.size()) / decode * 1e-6,
              back == *text ? "the same text" : "another text");
  for (const char unit : {'a', ' ', '1', '='}) {
    const std::string run(1'000'000, unit);
    const double seconds = bestSeconds([&] { ids = tokenizer->encode(run, false); });
    if (!ids) return report(ids.error());
    std::printf("a million '%c'  %8.1f ms\n", unit, seconds * 1e3);
  }
}
