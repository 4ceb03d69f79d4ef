// SPDX-License-Identifier: Apache-2.0
// Bits do not depend on how many tokens a pass has: kernels/DETERMINISM.md says so of each kernel, and here is the proof.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/base/failure.h"
#include "core/base/hash.h"
#include "core/quant/bitsandbytes/quantize.h"
#include "core/quant/element_type.h"
#include "core/runtime/runtime.h"
#include "core/selftest/parts.h"
#include "core/selftest/small_model.h"
#include "kernels/gpu_ops.h"

namespace deltascope::selftest {
namespace {

using kernels::Matrix;

/// Of a call; the largest is a prompt's.
constexpr std::array<std::uint32_t, 9> kTokens{1, 2, 3, 4, 5, 8, 9, 17, 70};
constexpr std::uint32_t kMostTokens = 70, kPromptTokens = 150;
constexpr std::uint64_t kRows = 80, kBlocksize = 64;

Result<kernels::Buffer> onDevice(kernels::Backend& backend, std::span<const std::byte> bytes) {
  DELTASCOPE_ASSIGN(kernels::Buffer buffer, fromBackend(backend.allocate(bytes.size(), "the self-test")));
  backend.copyIn(buffer.data(), bytes.data(), bytes.size());
  DELTASCOPE_TRY(fromBackend(backend.synchronize()));
  return buffer;
}

Result<kernels::Buffer> gaussiansOnDevice(kernels::Backend& backend, std::uint64_t count, std::uint64_t seed) {
  const auto values = gaussian(count, seed);
  return onDevice(backend, std::as_bytes(std::span(values)));
}

/// A weight in one form, on the device, with a norm and a bias that go with it.
struct Weight {
  std::string name;
  Matrix matrix;
  std::vector<kernels::Buffer> memory;
};

Result<Weight> denseWeight(kernels::Backend& backend, DType type, std::uint64_t columns) {
  Weight weight;
  std::vector<std::byte> bytes(kRows * columns * (type == DType::F32 ? 4 : 2));
  fromFloat(type, gaussian(kRows * columns, 31), bytes);
  DELTASCOPE_ASSIGN(auto there, onDevice(backend, bytes));
  weight.matrix.type = elementType(type);
  weight.matrix.elements = there.data();
  weight.name = std::string(nameOf(type));
  weight.memory.push_back(std::move(there));
  return weight;
}

/// `inUnits`: in the form that a GPU's products read fastest; nothing where there is none.
Result<std::optional<Weight>> fourBitWeight(kernels::Backend& backend, std::uint64_t columns, bool inUnits) {
  Weight weight;
  const auto floats = gaussian(kRows * columns, 33);
  std::vector<std::byte> dense(floats.size() * 2);
  fromFloat(DType::BF16, floats, dense);
  std::vector<std::uint8_t> codes(floats.size() / 2);
  std::vector<float> scales(floats.size() / kBlocksize);
  quantize4bit(QuantFormat::Nf4, DType::BF16, dense, kBlocksize, codes, scales);
  DELTASCOPE_ASSIGN(auto codesThere, onDevice(backend, std::as_bytes(std::span(codes))));
  DELTASCOPE_ASSIGN(auto scalesThere, onDevice(backend, std::as_bytes(std::span(scales))));
  Matrix& m = weight.matrix;
  m.form = Matrix::Form::FourBit;
  m.rows = kRows;
  m.columns = columns;
  m.codes = codesThere.as<std::uint8_t>();
  m.scales = scalesThere.as<float>();
  m.group = kBlocksize;
  m.values = codeBook(QuantFormat::Nf4).values.data();
  weight.name = "NF4";
  weight.memory.push_back(std::move(codesThere));
  weight.memory.push_back(std::move(scalesThere));
  if (inUnits) {
    const std::uint64_t bytes = backend.gpu() ? backend.gpu()->unitBytes(m, false) : 0;
    if (bytes == 0) return std::nullopt;
    DELTASCOPE_ASSIGN(auto units, fromBackend(backend.allocate(bytes, "the self-test")));
    DELTASCOPE_TRY(fromBackend(backend.gpu()->toCodes(m, units.data())));
    m.form = Matrix::Form::Tiled;
    m.tiles.code = kernels::Tiles::Code::Codes;
    m.tiles.stream = units.as<std::byte>();
    weight.name = "NF4 in units";
    weight.memory.push_back(std::move(units));
  }
  return weight;
}

/// What a layer asks of products: alone on top of y, two of one normed x, gated.
Result<std::vector<float>> products(kernels::Backend& backend, const Weight& weight, const float* x, const void* norm,
                                    const void* bias, std::uint32_t tokens, std::uint32_t atATime, bool draft = false) {
  const std::uint64_t columns = weight.matrix.columns, outputs = tokens * kRows;
  DELTASCOPE_ASSIGN(const auto y, fromBackend(backend.allocate(4 * outputs * sizeof(float), "the self-test")));
  DELTASCOPE_ASSIGN(const auto normed, fromBackend(backend.allocate(tokens * columns * sizeof(float), "the self-test")));
  std::vector<float> result(4 * outputs, 0.25f);
  backend.copyIn(y.data(), result.data(), result.size() * sizeof(float));
  for (std::uint32_t first = 0; first < tokens; first += atATime) {
    const std::uint32_t count = std::min(atATime, tokens - first);
    const float* const from = x + first * columns;
    const kernels::RmsNormArgs norms{
        from, normed.as<float>(), norm, kernels::ElementType::F32, count, static_cast<std::uint32_t>(columns), 1e-5f};
    const auto product = [&](std::uint64_t place, bool ofNormed) {
      kernels::MatmulArgs args;
      args.weight = weight.matrix;
      args.x = ofNormed ? normed.as<float>() : from;
      args.y = y.as<float>() + place * outputs + first * kRows;
      args.tokens = count;
      args.draft = draft;
      return args;
    };
    auto added = product(0, false);
    added.accumulate = true;
    DELTASCOPE_TRY(fromBackend(backend.matmul(added)));
    auto biased = product(1, true);
    biased.bias = bias;
    DELTASCOPE_TRY(fromBackend(backend.normedMatmul(norms, std::span(&biased, 1))));
    DELTASCOPE_TRY(fromBackend(backend.gatedMatmul(norms, product(2, true), product(3, true))));
  }
  DELTASCOPE_TRY(fromBackend(backend.synchronize()));
  result.resize(3 * outputs);  // what the last holds is the device's affair
  backend.copyOut(result.data(), y.data(), result.size() * sizeof(float));
  return result;
}

/// A draft's products against the base's own: x and values rounded to BF16, so each is off by about 2^−9 of its norm, a gated
/// one by twice that.
Result<SelfTestCheck> testDraft(kernels::Backend& backend, const Weight& from, std::uint64_t columns) {
  constexpr double kBound = 0x1p-7;
  Weight weight{from.name, from.matrix, {}};
  weight.matrix.rows = kRows;
  weight.matrix.columns = columns;
  DELTASCOPE_ASSIGN(const auto x, gaussiansOnDevice(backend, columns, 35));
  DELTASCOPE_ASSIGN(const auto norm, gaussiansOnDevice(backend, columns, 36));
  DELTASCOPE_ASSIGN(const auto bias, gaussiansOnDevice(backend, kRows, 37));
  const auto run = [&](bool draft) { return products(backend, weight, x.as<float>(), norm.data(), bias.data(), 1, 1, draft); };
  DELTASCOPE_ASSIGN(const auto exact, run(false));
  DELTASCOPE_ASSIGN(const auto draft, run(true));
  double most = 0;
  for (std::uint64_t first = 0; first < exact.size(); first += kRows) {
    double error = 0, whole = 0;
    for (std::uint64_t i = first; i < first + kRows; ++i) {
      error += std::pow(static_cast<double>(draft[i]) - exact[i], 2.0);
      whole += std::pow(static_cast<double>(exact[i]), 2.0);
    }
    most = whole > 0 ? std::max(most, std::sqrt(error / whole)) : HUGE_VAL;
  }
  return SelfTestCheck{
      "a draft's products with " + weight.name + " of " + std::to_string(columns) + " columns, alone, normed and gated",
      most <= kBound, "off by " + std::to_string(most) + " of the norm, " + std::to_string(kBound) + " allowed"};
}

Result<SelfTestCheck> testWeight(kernels::Backend& backend, Weight weight, std::uint64_t columns) {
  weight.matrix.rows = kRows;
  weight.matrix.columns = columns;
  SelfTestCheck check{
      "products with " + weight.name + " of " + std::to_string(columns) + " columns, tokens together or alone", true, {}};
  DELTASCOPE_ASSIGN(const auto x, gaussiansOnDevice(backend, kMostTokens * columns, 35));
  DELTASCOPE_ASSIGN(const auto norm, gaussiansOnDevice(backend, columns, 36));
  DELTASCOPE_ASSIGN(const auto bias, gaussiansOnDevice(backend, kRows, 37));
  DELTASCOPE_ASSIGN(const auto alone, products(backend, weight, x.as<float>(), norm.data(), bias.data(), kMostTokens, 1));
  for (const auto together : kTokens) {
    DELTASCOPE_ASSIGN(const auto y, products(backend, weight, x.as<float>(), norm.data(), bias.data(), kMostTokens, together));
    if (std::memcmp(y.data(), alone.data(), y.size() * sizeof(float)) == 0) continue;
    check.passed = false;
    check.detail += (check.detail.empty() ? "other bits with " : ", ") + std::to_string(together);
  }
  if (check.passed) check.detail = "hash " + toHex(hash128(std::as_bytes(std::span(alone))));
  return check;
}

/// The logits after each of `ends` tokens, in one session that goes on from one to the next.
Result<std::vector<std::vector<float>>> logitsAt(const LoadRequest& request, std::span<const TokenId> prompt,
                                                 std::span<const std::uint32_t> ends, const JobContext& job) {
  DELTASCOPE_ASSIGN(auto model, Model::load(request, job));
  DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
  std::vector<std::vector<float>> all;
  for (const auto end : ends) {
    DELTASCOPE_ASSIGN(auto logits, session->logits(prompt.first(end), job.stop));
    all.push_back(std::move(logits));
  }
  return all;
}

std::string hashOf(std::span<const float> logits) { return toHex(hash128(std::as_bytes(logits))); }

}  // namespace

Result<SelfTestCheck> testPrompt(const Way& way, std::uint32_t tokens, const JobContext& job) {
  SelfTestCheck check{"prompts cut at odd places, " + way.name, true, {}};
  std::vector<TokenId> prompt;
  for (std::uint32_t i = 0; i < tokens; ++i) prompt.push_back((i * 199 + 5) % 611);
  DELTASCOPE_ASSIGN(const auto whole, logitsAt(way.request, prompt, std::array{tokens}, job));
  const std::string hash = hashOf(whole[0]);
  // Passes of 1, 2, 3, 5, 8, 16, 17 and more; then of one token, of seven, and one of nearly all.
  std::vector<std::vector<std::uint32_t>> cuts{{}, {tokens - 1, tokens}, {}, {}};
  for (const std::uint32_t end : {1u, 3u, 6u, 11u, 19u, 35u, 52u, 70u})
    if (end < tokens) cuts[0].push_back(end);
  cuts[0].push_back(tokens);
  for (std::uint32_t end = 1; end <= tokens; ++end) cuts[2].push_back(end);
  for (std::uint32_t end = 7; end < tokens; end += 7) cuts[3].push_back(end);
  cuts[3].push_back(tokens);
  std::vector<std::vector<float>> one;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const auto& ends = cuts[cuts.size() - 1 - i];
    DELTASCOPE_ASSIGN(auto cut, logitsAt(way.request, prompt, ends, job));
    if (hashOf(cut.back()) != hash && check.passed) {
      check.passed = false;
      check.detail = "other bits in " + std::to_string(ends.size()) + " pieces: hash " + hashOf(cut.back()) + " is not " + hash;
    }
    if (ends.size() == tokens)
      one = std::move(cut);
    else if (!one.empty())
      for (std::size_t k = 0; k < ends.size(); ++k)
        if (hashOf(cut[k]) != hashOf(one[ends[k] - 1]) && check.passed) {
          check.passed = false;
          check.detail =
              "other bits after " + std::to_string(ends[k]) + " tokens in " + std::to_string(ends.size()) + " pieces";
        }
  }
  if (check.passed) check.detail = "the same logits, hash " + hash;
  return check;
}

Result<void> testPasses(kernels::Backend& backend, const std::stop_token& stop, Checks& checks) {
  for (const std::uint64_t columns : {100, 192, 640, 2048}) {
    for (const auto type : {DType::BF16, DType::F16, DType::F32}) {
      if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
      DELTASCOPE_ASSIGN(auto weight, denseWeight(backend, type, columns));
      DELTASCOPE_ASSIGN(auto check, testWeight(backend, std::move(weight), columns));
      checks.push_back(std::move(check));
    }
    for (const bool inUnits : {false, true}) {
      if (columns % kBlocksize != 0) continue;
      DELTASCOPE_ASSIGN(auto weight, fourBitWeight(backend, columns, inUnits));
      if (!weight) continue;
      if (backend.gpu()) {
        DELTASCOPE_ASSIGN(auto draft, testDraft(backend, *weight, columns));
        checks.push_back(std::move(draft));
      }
      DELTASCOPE_ASSIGN(auto check, testWeight(backend, std::move(*weight), columns));
      checks.push_back(std::move(check));
    }
  }
  return {};
}

Result<void> testPrompts(const std::string& device, const JobContext& job, Checks& checks) {
  const TemporaryFolder folder;
  DELTASCOPE_TRY(folder.ready());
  const JobContext quiet{job.stop, {}, job.threads};
  const auto plain = folder.path() / "plain", packed = folder.path() / "packed";
  DELTASCOPE_TRY(writeSmallModel(plain, SmallModel::Wide));
  DELTASCOPE_TRY(packOverNf4(plain, packed, job));
  LoadRequest request;
  request.path = packed;
  request.device = device;
  request.threads = job.threads;
  std::vector<Way> ways;
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
    request.placement = placement;
    ways.push_back({std::string(nameOf(placement)), request});
  }
  request.placement = Placement::Jit;
  request.expand = false;
  ways.push_back({"jit, deltas as they are stored", request});
  std::string hash;
  for (const Way& way : ways) {
    DELTASCOPE_ASSIGN(auto check, testPrompt(way, kPromptTokens, quiet));
    if (check.passed && hash.empty()) hash = check.detail;
    if (check.passed && check.detail != hash) check = {check.name, false, check.detail + ", elsewhere " + hash};
    checks.push_back(std::move(check));
  }
  request.baseOnly = true;
  request.placement.reset();
  request.expand = true;
  DELTASCOPE_ASSIGN(auto base, testPrompt({"the base alone", request}, kPromptTokens, quiet));
  checks.push_back(std::move(base));
  if (device == "cpu") return {};
  request.compute = kernels::ComputeMode::Bf16;
  request.baseOnly = false;
  DELTASCOPE_ASSIGN(auto rounded, testPrompt({"activations rounded to BF16", request}, kPromptTokens, quiet));
  checks.push_back(std::move(rounded));
  return {};
}

}  // namespace deltascope::selftest
