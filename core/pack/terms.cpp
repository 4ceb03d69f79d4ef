// SPDX-License-Identifier: Apache-2.0
#include "core/pack/terms.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/quant/quant.h"

namespace deltascope {
namespace {

Result<std::vector<float>> readFloats(const Adapter& adapter, const TensorInfo& info) {
  DELTASCOPE_ASSIGN(const std::vector<std::byte> bytes, adapter.tensors().readAll(info));
  std::vector<float> floats(info.elements);
  toFloat(info.dtype, bytes, floats);
  return floats;
}

std::vector<std::byte> toBytes(const std::vector<float>& floats) {
  std::vector<std::byte> bytes(floats.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), floats.data(), bytes.size());
  return bytes;
}

/// Factors of two types are widened to F32, which is exact.
Result<LowRankTerm> readFactors(const TermRef& ref) {
  const auto& [adapter, term] = ref;
  LowRankTerm read{.dtype = term.a->dtype, .rank = term.rank, .scale = term.scale, .a = {}, .b = {}};
  if (term.a->dtype == term.b->dtype) {
    DELTASCOPE_ASSIGN(read.a, adapter->tensors().readAll(*term.a));
    DELTASCOPE_ASSIGN(read.b, adapter->tensors().readAll(*term.b));
    return read;
  }
  DELTASCOPE_ASSIGN(const std::vector<float> a, readFloats(*adapter, *term.a));
  DELTASCOPE_ASSIGN(const std::vector<float> b, readFloats(*adapter, *term.b));
  read.dtype = DType::F32;
  read.a = toBytes(a);
  read.b = toBytes(b);
  return read;
}

/// Of one expert: its rows of A, its columns of B, and of these the rows that the tensor has.
void chooseExpert(const AdapterTerm& term, std::uint64_t expert, LowRankTerm& read) {
  const std::size_t size = bytesOf(read.dtype), columns = static_cast<std::size_t>(term.rank * term.experts);
  const auto rows = static_cast<std::size_t>(term.rank * term.a->shape[1]) * size;
  const auto whole = std::exchange(read.b, {});
  const auto begin = read.a.begin() + static_cast<std::ptrdiff_t>(expert * rows);
  read.a = std::vector<std::byte>(begin, begin + static_cast<std::ptrdiff_t>(rows));
  for (std::uint64_t o = term.firstOutput; o < term.firstOutput + term.outputs; ++o)
    for (std::uint64_t r = 0; r < term.rank; ++r) {
      const auto at = whole.begin() + static_cast<std::ptrdiff_t>((o * columns + r * term.experts + expert) * size);
      read.b.insert(read.b.end(), at, at + static_cast<std::ptrdiff_t>(size));
    }
}

bool isTransposed(const AdapterTerm& term) { return term.embedding || term.fanInFanOut; }

Result<TermStep> lowRankStep(std::span<const TermRef> run, const std::vector<std::uint64_t>& shape) {
  std::vector<LowRankTerm> factors;
  for (const auto& ref : run) {
    DELTASCOPE_ASSIGN(LowRankTerm term, readFactors(ref));
    if (ref.term.parameter) chooseExpert(ref.term, ref.term.expert, term);
    factors.push_back(std::move(term));
  }
  if (shape.size() != 2)
    return fail(ErrorCode::Mismatch, "tensor " + printable(run.front().term.target) + ": a low-rank update needs a matrix");
  TermStep step;
  DELTASCOPE_ASSIGN(step.lowRank, makeLowRankModel(shape[0], shape[1], isTransposed(run.front().term), std::move(factors)));
  return step;
}

/// A matrix for each expert.
Result<TermStep> stackStep(const TermRef& ref, const std::vector<std::uint64_t>& shape) {
  TermStep step;
  DELTASCOPE_ASSIGN(const LowRankTerm all, readFactors(ref));
  for (std::uint64_t expert = 0; expert < ref.term.experts; ++expert) {
    LowRankTerm one = all;
    chooseExpert(ref.term, expert, one);
    DELTASCOPE_ASSIGN(ModelPtr model, makeLowRankModel(shape[1], shape[2], isTransposed(ref.term), {std::move(one)}));
    step.stack.push_back(std::move(model));
  }
  step.columns = shape[1] * shape[2];
  return step;
}

/// W + round(scale · B·A): the update is what the terms make of −0, to which every number adds as it is.
Result<void> addRounded(const CodecModel& model, BaseSlice slice, std::span<std::byte> values) {
  std::vector<float> sums(slice.count, -0.0F), updates(slice.count);
  std::vector<std::byte> zeros(values.size()), update(values.size());
  fromFloat(slice.finalType, sums, zeros);
  slice.values = zeros;
  DELTASCOPE_TRY(applyLowRank(model, slice, update));
  toFloat(slice.finalType, update, updates);
  toFloat(slice.finalType, values, sums);
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += updates[i];
  fromFloat(slice.finalType, sums, values);
  return {};
}

/// The same of each matrix that the slice has a part of; `step.columns` elements a matrix.
Result<void> addToStack(const TermStep& step, const BaseSlice& slice, std::span<std::byte> values) {
  const std::size_t size = bytesOf(slice.finalType);
  for (std::uint64_t done = 0; done < slice.count;) {
    const std::uint64_t at = slice.first + done, matrix = at / step.columns;
    BaseSlice part = slice;
    part.first = at % step.columns;
    part.count = static_cast<std::size_t>(std::min<std::uint64_t>(slice.count - done, step.columns - part.first));
    DELTASCOPE_TRY(addRounded(*step.stack[matrix], part, values.subspan(done * size, part.count * size)));
    done += part.count;
  }
  return {};
}

void addBias(const TermStep& step, const BaseSlice& slice, std::span<std::byte> values) {
  std::vector<float> floats(slice.count);
  toFloat(slice.finalType, values, floats);
  for (std::size_t i = 0; i < floats.size(); ++i) floats[i] += step.bias[slice.first + i];
  fromFloat(slice.finalType, floats, values);
}

/// W + scale · B·A in FP32, without a rounding to the final's type.
Result<std::vector<float>> sumsOf(const CodecModel& model, const BaseSlice& slice) {
  std::vector<float> sums(slice.count), updates(slice.count);
  const std::vector<float> zeros(slice.count, -0.0F);
  BaseSlice wide = slice;
  wide.finalType = DType::F32;
  wide.values = std::as_bytes(std::span(zeros));
  DELTASCOPE_TRY(applyLowRank(model, wide, std::as_writable_bytes(std::span(updates))));
  toFloat(slice.finalType, slice.values, sums);
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += updates[i];
  return sums;
}

std::size_t outputOf(const TermStep& step, std::uint64_t element) {
  return static_cast<std::size_t>(step.outputsAreColumns ? element % step.columns : element / step.columns);
}

/// DoRA: magnitude / ‖W + scale · B·A‖ of each output, W being what the steps before give. The squares are added in double.
Result<void> divideByNorms(const LoadedTerms& before, const TermTarget& target, TermStep& step) {
  constexpr std::uint64_t kPiece = 64 * kTileElements;
  step.columns = target.shape[1];
  const std::uint64_t elements = target.shape[0] * target.shape[1];
  std::vector<double> squares(step.factors.size(), 0.0);
  std::vector<std::byte> values, changed;
  for (std::uint64_t first = 0; first < elements; first += kPiece) {
    BaseSlice slice;
    slice.kind = BaseKind::Same;
    slice.finalType = target.finalType;
    slice.first = first;
    slice.count = static_cast<std::size_t>(std::min(kPiece, elements - first));
    DELTASCOPE_TRY(target.read(first, slice.count, values));
    slice.values = values;
    changed.resize(values.size());
    DELTASCOPE_TRY(applyTerms(before, slice, changed));
    slice.values = changed;
    DELTASCOPE_ASSIGN(const std::vector<float> sums, sumsOf(*step.lowRank, slice));
    for (std::size_t e = 0; e < sums.size(); ++e)
      squares[outputOf(step, first + e)] += static_cast<double>(sums[e]) * static_cast<double>(sums[e]);
  }
  for (std::size_t o = 0; o < squares.size(); ++o) step.factors[o] /= static_cast<float>(std::sqrt(squares[o]));
  return {};
}

/// The parts of the rows that lie in the slice.
void setRows(const TermStep& step, const BaseSlice& slice, std::span<std::byte> values) {
  const std::size_t size = bytesOf(slice.finalType);
  const std::uint64_t width = step.rows.begin()->second.size(), end = slice.first + slice.count;
  if (width == 0) return;
  for (auto row = step.rows.lower_bound(slice.first / width); row != step.rows.end() && row->first * width < end; ++row) {
    const std::uint64_t begin = std::max(row->first * width, slice.first), stop = std::min((row->first + 1) * width, end);
    const std::span<const float> part(row->second.data() + (begin - row->first * width),
                                      static_cast<std::size_t>(stop - begin));
    fromFloat(slice.finalType, part, values.subspan((begin - slice.first) * size, part.size() * size));
  }
}

}  // namespace

ModelPtr LoadedTerms::onlyLowRank() const {
  return steps.size() == 1 && steps.front().factors.empty() ? steps.front().lowRank : nullptr;
}

Result<TermsPtr> loadTerms(const std::vector<TermRef>& terms, const TermTarget& target) {
  const auto& shape = target.shape;
  auto loaded = std::make_shared<LoadedTerms>();
  for (std::size_t i = 0; i < terms.size();) {
    const auto& [adapter, term] = terms[i];
    TermStep step;
    std::size_t used = 1;
    if (term.kind == AdapterTerm::Kind::Rows && term.rows.empty()) {
      ++i;
      continue;
    }
    if (term.kind == AdapterTerm::Kind::LowRank) {
      const bool transposed = isTransposed(term);
      const auto joins = [&](const AdapterTerm& next) {
        return next.kind == AdapterTerm::Kind::LowRank && !next.embedding && !next.magnitude && !next.parameter &&
               isTransposed(next) == transposed;
      };
      while (joins(terms[i].term) && i + used < terms.size() && joins(terms[i + used].term)) ++used;
      if (term.parameter && shape.size() == 3) {
        DELTASCOPE_ASSIGN(step, stackStep(terms[i], shape));
      } else {
        DELTASCOPE_ASSIGN(step, lowRankStep(std::span(terms).subspan(i, used), shape));
      }
      step.roundsUpdate = (term.embedding && !term.magnitude) || term.parameter;
      if (term.magnitude) {
        step.outputsAreColumns = transposed;
        DELTASCOPE_ASSIGN(step.factors, readFloats(*adapter, *term.magnitude));
        DELTASCOPE_TRY(divideByNorms(*loaded, target, step));
      }
    } else if (term.kind == AdapterTerm::Kind::Rows) {
      DELTASCOPE_ASSIGN(const std::vector<float> values, readFloats(*adapter, *term.replacement));
      const auto width = static_cast<std::ptrdiff_t>(shape.back());
      for (std::size_t row = 0; row < term.rows.size(); ++row) {
        const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row) * width;
        step.rows.emplace(term.rows[row], std::vector<float>(begin, begin + width));
      }
    } else if (term.kind == AdapterTerm::Kind::Bias) {
      DELTASCOPE_ASSIGN(step.bias, readFloats(*adapter, *term.b));
      for (float& value : step.bias) value *= term.scale;
    } else {
      step.replacement = term.replacement;
      step.adapter = adapter;
    }
    loaded->steps.push_back(std::move(step));
    i += used;
  }
  return TermsPtr(std::move(loaded));
}

Result<void> applyTerms(const LoadedTerms& terms, const BaseSlice& base, std::span<std::byte> into) {
  if (!base.values.empty()) std::memcpy(into.data(), base.values.data(), into.size());
  for (const auto& step : terms.steps) {
    if (step.lowRank) {
      const std::vector<std::byte> before(into.begin(), into.end());
      BaseSlice slice = base;
      slice.kind = BaseKind::Same;
      slice.values = before;
      if (!step.factors.empty()) {
        DELTASCOPE_ASSIGN(std::vector<float> sums, sumsOf(*step.lowRank, slice));
        for (std::size_t e = 0; e < sums.size(); ++e) sums[e] *= step.factors[outputOf(step, base.first + e)];
        fromFloat(base.finalType, sums, into);
        continue;
      }
      if (step.roundsUpdate) {
        DELTASCOPE_TRY(addRounded(*step.lowRank, slice, into));
        continue;
      }
      DELTASCOPE_TRY(applyLowRank(*step.lowRank, slice, into));
    } else if (!step.stack.empty()) {
      DELTASCOPE_TRY(addToStack(step, base, into));
    } else if (step.replacement) {
      const std::uint64_t begin = base.first * bytesOf(step.replacement->dtype);
      DELTASCOPE_TRY(step.adapter->tensors().read(*step.replacement, begin, into));
    } else if (!step.rows.empty()) {
      setRows(step, base, into);
    } else {
      addBias(step, base, into);
    }
  }
  return {};
}

}  // namespace deltascope
