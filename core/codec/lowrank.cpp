// SPDX-License-Identifier: Apache-2.0
// Chunks of the lowrank codec: nothing where the update alone gives the final; else u32 count, and for each correction in
// ascending order two LEB128 numbers: the elements skipped since the one before, and the zig-zag difference ordered(final) −
// ordered(applied) modulo 2^16 or 2^32. Count 0xffffffff: the elements follow as they are, because that is no larger.
// Zero-padded to 16 bytes.
#include "core/codec/lowrank.h"

#include <algorithm>
#include <array>

#include "core/codec/bytes.h"
#include "core/codec/codecs.h"
#include "core/codec/lowrank_model.h"
#include "core/codec/lowrank_product.h"
#include "core/codec/ordered.h"
#include "core/quant/quant.h"

namespace deltascope {
namespace {

constexpr std::uint32_t kRaw = 0xffffffffu;
constexpr std::size_t kBlockColumns = 1024;

const LowRankModel* asLowRank(const CodecModel* model) { return dynamic_cast<const LowRankModel*>(model); }

tl::unexpected<Error> noModel() {
  return fail(ErrorCode::InvalidArgument, "lowrank: the tensor has no low-rank model", "make one from an adapter");
}

/// `rows` rows from `row`, columns [from, to): applied block by block, so that the floats stay in the first-level cache.
void applyRows(const LowRankModel& model, const BaseSlice& base, std::span<std::byte> into, std::uint64_t row, std::size_t rows,
               std::uint64_t from, std::uint64_t to, LowRankProduct product) {
  std::array<float, kLowRankRows * kBlockColumns> w;
  const auto size = bytesOf(base.finalType);
  for (auto column = from; column < to; column += kBlockColumns) {
    const auto columns = static_cast<std::size_t>(std::min<std::uint64_t>(kBlockColumns, to - column));
    const auto bytesOfRow = [&](std::size_t r) { return ((row + r) * model.columns + column - base.first) * size; };
    for (std::size_t k = 0; k < model.terms.size(); ++k) {
      for (std::size_t r = 0; r < rows; ++r) {
        const auto at = bytesOfRow(r);
        const auto source = k == 0 ? base.values.subspan(at, columns * size) : into.subspan(at, columns * size);
        toFloat(base.finalType, source, {w.data() + r * kBlockColumns, columns});
      }
      const auto& term = model.terms[k];
      product({.outer = model.factors[k].outer.data() + row * term.rank,
               .inner = model.factors[k].inner.data() + column,
               .innerStride = static_cast<std::size_t>(model.columns),
               .rank = static_cast<std::size_t>(term.rank),
               .scale = term.scale,
               .w = w.data(),
               .stride = kBlockColumns,
               .rows = rows,
               .columns = columns});
      for (std::size_t r = 0; r < rows; ++r)
        fromFloat(base.finalType, {w.data() + r * kBlockColumns, columns}, into.subspan(bytesOfRow(r), columns * size));
    }
  }
}

void appendVarint(std::vector<std::byte>& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<std::byte>(value | 128));
  out.push_back(static_cast<std::byte>(value));
}

/// Empty when the bytes end first or the number needs more than 64 bits.
std::optional<std::uint64_t> readVarint(std::span<const std::byte> bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; at < bytes.size() && shift < 64; shift += 7) {
    const auto byte = static_cast<std::uint64_t>(bytes[at++]);
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
  return std::nullopt;
}

template <class T>
struct Ordered {
  using Signed = std::make_signed_t<T>;
  static T to(T bits) {
    if constexpr (sizeof(T) == 2)
      return toOrdered16(bits);
    else
      return toOrdered32(bits);
  }
  static T from(T value) {
    if constexpr (sizeof(T) == 2)
      return fromOrdered16(value);
    else
      return fromOrdered32(value);
  }
  static T zigzag(T x) {
    return static_cast<T>(static_cast<T>(x << 1) ^ static_cast<T>(static_cast<Signed>(x) >> (8 * sizeof(T) - 1)));
  }
  static T unzigzag(T z) { return static_cast<T>(static_cast<T>(z >> 1) ^ static_cast<T>(-static_cast<Signed>(z & 1))); }
};

template <class T>
ChunkStats encodeCorrections(std::span<const std::byte> applied, std::span<const std::byte> final,
                             std::vector<std::byte>& out) {
  const auto begin = out.size();
  const auto count = final.size() / sizeof(T);
  append(out, std::uint32_t{0});
  std::uint64_t corrections = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < count && out.size() - begin < 4 + final.size(); ++i) {
    const auto a = loadAs<T>(applied.data() + i * sizeof(T)), f = loadAs<T>(final.data() + i * sizeof(T));
    if (a == f) continue;
    appendVarint(out, i - next);
    appendVarint(out, Ordered<T>::zigzag(static_cast<T>(Ordered<T>::to(f) - Ordered<T>::to(a))));
    next = i + 1;
    ++corrections;
  }
  const bool raw = corrections > 0 && (out.size() - begin >= 4 + final.size() || corrections >= kRaw);
  if (raw) {
    out.resize(begin + 4);
    out.insert(out.end(), final.begin(), final.end());
  }
  if (corrections == 0) {
    out.resize(begin);
  } else {
    storeAs(out.data() + begin, raw ? kRaw : static_cast<std::uint32_t>(corrections));
    padTo16(out, begin);
  }
  return {.patches = raw ? 0 : corrections, .rawTiles = raw ? ceilDiv(count, kTileElements) : 0};
}

template <class T>
Result<void> decodeCorrections(std::span<const std::byte> chunk, std::span<std::byte> final) {
  const auto bad = [](std::size_t at, std::string_view what) { return corruptAt(CodecId::LowRank, at, what); };
  if (chunk.size() < 4) return bad(0, "it ends inside its header");
  const auto corrections = loadAs<std::uint32_t>(chunk.data());
  const std::size_t count = final.size() / sizeof(T);
  std::size_t at = 4;
  if (corrections == kRaw) {
    if (chunk.size() - at < final.size()) return bad(chunk.size(), "it ends inside its elements");
    if (!final.empty()) std::memcpy(final.data(), chunk.data() + at, final.size());
    at += final.size();
  } else {
    if (corrections > count) return bad(0, "more corrections than elements");
    std::size_t next = 0;
    for (std::uint32_t k = 0; k < corrections; ++k) {
      const auto start = at;
      const auto gap = readVarint(chunk, at);
      const auto difference = gap ? readVarint(chunk, at) : std::nullopt;
      if (!difference) return bad(start, "it ends inside its corrections");
      if (*gap >= count - next) return bad(start, "a correction lies outside the chunk");
      if (*difference != static_cast<T>(*difference)) return bad(start, "a correction is too large");
      next += *gap;
      auto* element = final.data() + next * sizeof(T);
      const auto x = Ordered<T>::unzigzag(static_cast<T>(*difference));
      storeAs(element, Ordered<T>::from(static_cast<T>(Ordered<T>::to(loadAs<T>(element)) + x)));
      ++next;
    }
  }
  if (!isPadding(chunk.subspan(at))) return bad(at, "bytes follow the last correction");
  return {};
}

class LowRankCodec final : public DeltaCodec {
 public:
  CodecId id() const override { return CodecId::LowRank; }
  bool supports(BaseKind base, DType finalType) const override { return base != BaseKind::None && isCodedFloat(finalType); }
  bool needsValues() const override { return true; }
  Result<ModelPtr> parseModel(std::span<const std::byte> bytes) const override { return parseLowRankModel(bytes); }

  double estimate(const DeltaSample& sample, const CodecModel* model, const CodecOptions& options) const override {
    std::vector<std::byte> out;
    if (sample.base.count == 0) return 0;
    if (!encode(sample.base, sample.final, model, options, out)) return 2.0 * bitsOf(sample.base.finalType);
    return 8.0 * static_cast<double>(out.size()) / static_cast<double>(sample.base.count);
  }

  std::size_t bound(DType finalType, std::size_t count) const override {
    return static_cast<std::size_t>(roundUp(4 + bytesFor(finalType, count), 16));
  }

  Result<ChunkStats> encode(const BaseSlice& base, std::span<const std::byte> final, const CodecModel* model,
                            const CodecOptions&, std::vector<std::byte>& out) const override {
    if (!model) return noModel();
    std::vector<std::byte> applied(final.size());
    DELTASCOPE_TRY(applyLowRank(*model, base, applied));
    return base.finalType == DType::F32 ? encodeCorrections<std::uint32_t>(applied, final, out)
                                        : encodeCorrections<std::uint16_t>(applied, final, out);
  }

  Result<void> decode(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel* model,
                      std::span<std::byte> final) const override {
    if (!model) return noModel();
    DELTASCOPE_TRY(applyLowRank(*model, base, final));
    if (chunk.empty()) return {};
    return base.finalType == DType::F32 ? decodeCorrections<std::uint32_t>(chunk, final)
                                        : decodeCorrections<std::uint16_t>(chunk, final);
  }
};

}  // namespace

Result<void> applyLowRank(const LowRankModel& model, const BaseSlice& base, std::span<std::byte> into, kernels::Isa isa) {
  DELTASCOPE_TRY(checkSpans(CodecId::LowRank, base, into.size(), true));
  if (!isCodedFloat(base.finalType))
    return fail(ErrorCode::Unsupported, "lowrank: finals of type " + std::string(nameOf(base.finalType)) + " are not handled");
  const auto end = checkedAdd(base.first, base.count);
  if (!end || *end > model.rows * model.columns)
    return fail(ErrorCode::Mismatch, "lowrank: elements " + std::to_string(base.first) + " to " +
                                         std::to_string(base.first + base.count) + " lie outside the " +
                                         std::to_string(model.rows) + " × " + std::to_string(model.columns) + " update");
  if (base.count == 0) return {};
  if (model.terms.empty()) {
    std::memcpy(into.data(), base.values.data(), into.size());
    return {};
  }
  const auto product = lowRankProduct(isa);
  for (auto row = base.first / model.columns; row * model.columns < *end;) {
    const auto start = row * model.columns;
    if (start >= base.first && start + kLowRankRows * model.columns <= *end) {
      applyRows(model, base, into, row, kLowRankRows, 0, model.columns, product);
      row += kLowRankRows;
    } else {
      const auto from = std::max(start, base.first) - start, to = std::min(start + model.columns, *end) - start;
      applyRows(model, base, into, row, 1, from, to, product);
      ++row;
    }
  }
  return {};
}

Result<void> applyLowRank(const CodecModel& model, const BaseSlice& base, std::span<std::byte> into) {
  const auto* lowRank = asLowRank(&model);
  if (!lowRank) return noModel();
  return applyLowRank(*lowRank, base, into, kernels::bestIsa());
}

const DeltaCodec& lowRankCodec() {
  static const LowRankCodec codec;
  return codec;
}

}  // namespace deltascope
