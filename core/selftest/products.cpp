// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/base/failure.h"
#include "core/base/hash.h"
#include "core/quant/bitsandbytes/quantize.h"
#include "core/selftest/parts.h"

namespace deltascope::selftest {
namespace {

constexpr std::uint64_t kRows = 320, kColumns = 1024;
constexpr unsigned kBlocksize = 64;
constexpr std::uint64_t kStep = 4096;
constexpr std::array<std::uint32_t, 3> kTokens{1, 3, 17};

using kernels::ElementType;
using kernels::Matrix;

/// A weight that is copied piece by piece when it is asked for.
class CopySource final : public kernels::ElementSource {
 public:
  explicit CopySource(std::span<const std::byte> elements) : m_elements(elements) {}
  [[nodiscard]] std::size_t pieces() const override { return 10; }
  [[nodiscard]] std::uint64_t pieceBegin(std::size_t piece) const override {
    return std::min<std::uint64_t>(piece * 8 * kStep, kRows * kColumns);
  }
  [[nodiscard]] std::uint64_t step() const override { return kStep; }
  [[nodiscard]] kernels::Outcome<void> make(std::size_t, std::uint64_t first, std::uint64_t count,
                                            std::byte* into) const override {
    std::memcpy(into, m_elements.data() + first * 2, count * 2);
    return {};
  }

 private:
  std::span<const std::byte> m_elements;
};

/// One weight in all its forms, with the values that they stand for.
struct Weight {
  std::vector<std::uint8_t> codes;
  std::vector<float> scales, values;
  std::vector<std::byte> dense;
};

Weight makeWeight(QuantFormat format) {
  Weight weight;
  const auto floats = gaussian(kRows * kColumns, 21);
  weight.dense.resize(floats.size() * 2);
  fromFloat(DType::BF16, floats, weight.dense);
  if (format == QuantFormat::Int8) {
    weight.codes.resize(floats.size());
    weight.scales.resize(kRows);
    std::span<std::int8_t> codes(reinterpret_cast<std::int8_t*>(weight.codes.data()), weight.codes.size());
    rowAbsmax(DType::BF16, weight.dense, kColumns, weight.scales);
    quantizeInt8(DType::BF16, weight.dense, 0, kColumns, weight.scales, codes);
    dequantizeInt8(codes, 0, kColumns, weight.scales, DType::BF16, weight.dense);
  } else {
    weight.codes.resize(floats.size() / 2);
    weight.scales.resize(floats.size() / kBlocksize);
    quantize4bit(format, DType::BF16, weight.dense, kBlocksize, weight.codes, weight.scales);
    dequantize4bit(format, weight.codes, weight.scales, kBlocksize, DType::BF16, weight.dense);
  }
  weight.values.resize(floats.size());
  toFloat(DType::BF16, weight.dense, weight.values);
  return weight;
}

/// Device memory with a copy of host bytes.
Result<kernels::Buffer> onDevice(kernels::Backend& backend, std::span<const std::byte> bytes) {
  DELTASCOPE_ASSIGN(kernels::Buffer buffer, fromBackend(backend.allocate(bytes.size(), "the self-test")));
  backend.copyIn(buffer.data(), bytes.data(), bytes.size());
  return buffer;
}

Result<std::vector<float>> product(kernels::Backend& backend, const Matrix& weight, const kernels::Buffer& x,
                                   std::uint32_t tokens) {
  DELTASCOPE_ASSIGN(const kernels::Buffer y, fromBackend(backend.allocate(tokens * kRows * sizeof(float), "the self-test")));
  kernels::MatmulArgs args;
  args.weight = weight;
  args.x = x.as<float>();
  args.y = y.as<float>();
  args.tokens = tokens;
  DELTASCOPE_TRY(fromBackend(backend.matmul(args)));
  DELTASCOPE_TRY(fromBackend(backend.synchronize()));
  std::vector<float> result(tokens * kRows);
  backend.copyOut(result.data(), y.data(), result.size() * sizeof(float));
  return result;
}

/// Sixteen sums of columns/16 products each: every one is off by at most columns/16 + 5 roundings of the sum of magnitudes.
std::string compare(std::span<const float> y, std::span<const float> x, const Weight& weight, std::uint32_t tokens) {
  constexpr double kBound = (kColumns / 16 + 5) * 0x1p-24;
  for (std::uint32_t t = 0; t < tokens; ++t)
    for (std::uint64_t r = 0; r < kRows; ++r) {
      double sum = 0, magnitude = 0;
      for (std::uint64_t c = 0; c < kColumns; ++c) {
        const double term = static_cast<double>(x[t * kColumns + c]) * static_cast<double>(weight.values[r * kColumns + c]);
        sum += term;
        magnitude += std::abs(term);
      }
      const double error = std::abs(static_cast<double>(y[t * kRows + r]) - sum);
      if (!(error <= kBound * magnitude)) return "row " + std::to_string(r) + " is off by " + std::to_string(error);
    }
  return {};
}

Result<void> testFormat(kernels::Backend& backend, QuantFormat format, Checks& checks) {
  const Weight weight = makeWeight(format);
  const auto x = gaussian(kTokens.back() * kColumns, 22);
  DELTASCOPE_ASSIGN(const auto xs, onDevice(backend, std::as_bytes(std::span(x))));
  DELTASCOPE_ASSIGN(const auto dense, onDevice(backend, weight.dense));
  DELTASCOPE_ASSIGN(const auto codes, onDevice(backend, std::as_bytes(std::span(weight.codes))));
  DELTASCOPE_ASSIGN(const auto scales, onDevice(backend, std::as_bytes(std::span(weight.scales))));
  const CopySource source(weight.dense);
  Matrix forms[3];
  for (auto& form : forms) form.rows = kRows, form.columns = kColumns;
  forms[0].elements = dense.data();
  forms[1].form = format == QuantFormat::Int8 ? Matrix::Form::Int8 : Matrix::Form::FourBit;
  forms[1].codes = codes.as<std::uint8_t>();
  forms[1].scales = scales.as<float>();
  forms[1].group = kBlocksize;
  if (format != QuantFormat::Int8) forms[1].values = codeBook(format).values.data();
  forms[2].form = Matrix::Form::Made;
  forms[2].source = &source;
  const std::array<std::string, 3> names{"dense", std::string(nameOf(format)), "made"};
  for (const auto tokens : kTokens) {
    std::string first;
    for (std::size_t f = 0; f < names.size(); ++f) {
      DELTASCOPE_ASSIGN(const auto y, product(backend, forms[f], xs, tokens));
      SelfTestCheck check;
      check.name =
          "product of " + names[f] + " " + std::string(nameOf(format)) + " values, " + std::to_string(tokens) + " tokens";
      const std::string hash = toHex(hash128(std::as_bytes(std::span(y))));
      if (f == 0) first = hash;
      check.detail = compare(y, x, weight, tokens);
      if (check.detail.empty() && hash != first) check.detail = "other bits than the dense product";
      check.passed = check.detail.empty();
      if (check.passed) check.detail = "hash " + hash;
      checks.push_back(std::move(check));
    }
  }
  return {};
}

}  // namespace

Result<void> testProducts(kernels::Backend& backend, const std::stop_token& stop, Checks& checks) {
  for (const auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8}) {
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    DELTASCOPE_TRY(testFormat(backend, format, checks));
  }
  return {};
}

}  // namespace deltascope::selftest
