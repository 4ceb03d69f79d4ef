// SPDX-License-Identifier: Apache-2.0
#include "core/codec/lowrank_model.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/codec/bytes.h"
#include "core/quant/quant.h"

namespace deltascope {
namespace {

constexpr std::array kTypes{DType::F32, DType::BF16, DType::F16};
constexpr std::size_t kHeader = 24, kTermHeader = 16;

std::optional<std::uint64_t> factorBytes(std::uint64_t rank, std::uint64_t side, DType type) {
  const auto elements = checkedMul(rank, side);
  return elements ? checkedMul(*elements, bytesOf(type)) : std::nullopt;
}

std::vector<float> floats(const LowRankTerm& term, std::span<const std::byte> from) {
  std::vector<float> to(from.size() / bytesOf(term.dtype));
  toFloat(term.dtype, from, to);
  return to;
}

std::vector<float> transpose(const std::vector<float>& from, std::size_t rows, std::size_t columns) {
  std::vector<float> to(from.size());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  return to;
}

Result<void> checkTerm(const LowRankTerm& term, std::uint64_t in, std::uint64_t out, std::size_t index) {
  const auto which = "low-rank term " + std::to_string(index) + ": ";
  if (std::ranges::find(kTypes, term.dtype) == kTypes.end())
    return fail(ErrorCode::Unsupported, which + "factors of type " + std::string(nameOf(term.dtype)) + " are not handled",
                "convert the adapter to F32, BF16 or F16");
  if (term.rank == 0) return fail(ErrorCode::InvalidArgument, which + "the rank is 0");
  if (!std::isfinite(term.scale)) return fail(ErrorCode::InvalidArgument, which + "the scale is not a finite number");
  const auto a = factorBytes(term.rank, in, term.dtype), b = factorBytes(term.rank, out, term.dtype);
  if (!a || !b || term.a.size() != *a || term.b.size() != *b)
    return fail(ErrorCode::InvalidArgument, which + "A has " + std::to_string(term.a.size()) + " bytes and B " +
                                                std::to_string(term.b.size()) + ", which does not fit rank " +
                                                std::to_string(term.rank) + " between " + std::to_string(in) + " and " +
                                                std::to_string(out));
  return {};
}

tl::unexpected<Error> corruptModel(std::size_t offset, std::string_view what) {
  return fail(ErrorCode::Corrupt, "low-rank model, offset " + std::to_string(offset) + ": " + std::string(what),
              "the payload is damaged; verify or download it again");
}

}  // namespace

Result<ModelPtr> makeLowRankModel(std::uint64_t rows, std::uint64_t columns, bool transposed, std::vector<LowRankTerm> terms) {
  if (!checkedMul(rows, columns)) return fail(ErrorCode::InvalidArgument, "low-rank model: its shape is too large");
  if (terms.size() > 0xffff) return fail(ErrorCode::InvalidArgument, "low-rank model: too many terms");
  const auto in = transposed ? rows : columns, out = transposed ? columns : rows;
  for (std::size_t k = 0; k < terms.size(); ++k) DELTASCOPE_TRY(checkTerm(terms[k], in, out, k));

  auto model = std::make_shared<LowRankModel>();
  model->rows = rows;
  model->columns = columns;
  model->transposed = transposed;
  for (auto& term : terms) {
    auto a = floats(term, term.a), b = floats(term, term.b);
    if (transposed)
      model->factors.push_back({transpose(a, term.rank, in), transpose(b, out, term.rank)});
    else
      model->factors.push_back({std::move(b), std::move(a)});
  }
  model->terms = std::move(terms);
  return ModelPtr(std::move(model));
}

std::vector<std::byte> LowRankModel::serialize() const {
  std::vector<std::byte> out;
  append(out, std::uint8_t{1});
  append(out, static_cast<std::uint8_t>(transposed));
  append(out, static_cast<std::uint16_t>(terms.size()));
  append(out, std::uint32_t{0});
  append(out, rows);
  append(out, columns);
  for (const auto& term : terms) {
    append(out, static_cast<std::uint32_t>(std::ranges::find(kTypes, term.dtype) - kTypes.begin()));
    append(out, term.scale);
    append(out, term.rank);
  }
  for (const auto& term : terms) {
    out.insert(out.end(), term.a.begin(), term.a.end());
    out.insert(out.end(), term.b.begin(), term.b.end());
  }
  return out;
}

Result<ModelPtr> parseLowRankModel(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeader) return corruptModel(bytes.size(), "it ends inside its header");
  DELTASCOPE_TRY(knownModelVersion(CodecId::LowRank, loadAs<std::uint8_t>(bytes.data())));
  const auto transposed = loadAs<std::uint8_t>(bytes.data() + 1);
  if (transposed > 1 || loadAs<std::uint32_t>(bytes.data() + 4) != 0) return corruptModel(1, "unknown flags");
  const std::size_t count = loadAs<std::uint16_t>(bytes.data() + 2);
  const auto rows = loadAs<std::uint64_t>(bytes.data() + 8), columns = loadAs<std::uint64_t>(bytes.data() + 16);
  std::size_t at = kHeader + count * kTermHeader;
  if (bytes.size() < at) return corruptModel(bytes.size(), "it ends inside its list of terms");

  std::vector<LowRankTerm> terms;
  for (std::size_t k = 0; k < count; ++k) {
    const auto* head = bytes.data() + kHeader + k * kTermHeader;
    const auto type = loadAs<std::uint32_t>(head);
    if (type >= kTypes.size()) return corruptModel(kHeader + k * kTermHeader, "unknown type of factors");
    LowRankTerm term{
        .dtype = kTypes[type], .rank = loadAs<std::uint64_t>(head + 8), .scale = loadAs<float>(head + 4), .a = {}, .b = {}};
    const auto a = factorBytes(term.rank, transposed ? rows : columns, term.dtype);
    const auto b = factorBytes(term.rank, transposed ? columns : rows, term.dtype);
    const auto left = bytes.size() - at;
    if (!a || !b || *a > left || *b > left - *a) return corruptModel(at, "the factors do not fit into the model");
    const auto factor = bytes.subspan(at, *a + *b);
    term.a.assign(factor.begin(), factor.begin() + static_cast<std::ptrdiff_t>(*a));
    term.b.assign(factor.begin() + static_cast<std::ptrdiff_t>(*a), factor.end());
    at += *a + *b;
    terms.push_back(std::move(term));
  }
  if (!isPadding(bytes.subspan(at))) return corruptModel(at, "bytes follow the last factor");
  auto model = makeLowRankModel(rows, columns, transposed != 0, std::move(terms));
  if (!model) return corruptModel(0, model.error().message);
  return model;
}

}  // namespace deltascope
