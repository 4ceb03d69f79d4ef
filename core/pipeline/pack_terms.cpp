// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/pack_terms.h"

#include <cstring>

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

bool isTransposed(const AdapterTerm& term) { return term.embedding || term.fanInFanOut; }

Result<TermStep> lowRankStep(std::span<const TermRef> run, const std::vector<std::uint64_t>& shape) {
  std::vector<LowRankTerm> factors;
  for (const auto& ref : run) {
    DELTASCOPE_ASSIGN(LowRankTerm term, readFactors(ref));
    factors.push_back(std::move(term));
  }
  if (shape.size() != 2)
    return fail(ErrorCode::Mismatch, "tensor " + printable(run.front().term.target) + ": a low-rank update needs a matrix");
  TermStep step;
  DELTASCOPE_ASSIGN(step.lowRank, makeLowRankModel(shape[0], shape[1], isTransposed(run.front().term), std::move(factors)));
  return step;
}

void addBias(const TermStep& step, const BaseSlice& slice, std::span<std::byte> values) {
  std::vector<float> floats(slice.count);
  toFloat(slice.finalType, values, floats);
  for (std::size_t i = 0; i < floats.size(); ++i) floats[i] += step.bias[slice.first + i];
  fromFloat(slice.finalType, floats, values);
}

}  // namespace

ModelPtr LoadedTerms::onlyLowRank() const { return steps.size() == 1 ? steps.front().lowRank : nullptr; }

Result<TermsPtr> loadTerms(const std::vector<TermRef>& terms, const std::vector<std::uint64_t>& shape) {
  auto loaded = std::make_shared<LoadedTerms>();
  for (std::size_t i = 0; i < terms.size();) {
    const auto& [adapter, term] = terms[i];
    TermStep step;
    std::size_t used = 1;
    if (term.kind == AdapterTerm::Kind::LowRank) {
      while (i + used < terms.size() && terms[i + used].term.kind == AdapterTerm::Kind::LowRank &&
             isTransposed(terms[i + used].term) == isTransposed(term))
        ++used;
      DELTASCOPE_ASSIGN(step, lowRankStep(std::span(terms).subspan(i, used), shape));
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
      DELTASCOPE_TRY(applyLowRank(*step.lowRank, slice, into));
    } else if (step.replacement) {
      const std::uint64_t begin = base.first * bytesOf(step.replacement->dtype);
      DELTASCOPE_TRY(step.adapter->tensors().read(*step.replacement, begin, into));
    } else {
      addBias(step, base, into);
    }
  }
  return {};
}

}  // namespace deltascope
