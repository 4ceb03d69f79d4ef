// SPDX-License-Identifier: Apache-2.0
// Values, anchors and contexts of weights with scales apart.
#include "kernels/scaled.h"

#include <cstring>
#include <limits>

#include "kernels/backend.h"
#include "kernels/cpu/anchor_inner.h"

namespace deltascope::kernels {
namespace {

constexpr std::size_t kPiece = 256;

/// Codes as integers and their parameters, an element each, so that one loop goes over all of a piece.
struct Piece {
  alignas(64) std::uint8_t codes[kPiece];
  alignas(64) float scale[kPiece];
  alignas(64) float zero[kPiece];
};

/// Goes through the groups of a run.
class GroupWalk {
 public:
  explicit GroupWalk(const ScaledRun& run)
      : m_run(run), m_parameters(run.parameters), m_each(parametersOf(run.type)), m_column(run.column) {
    m_left = leftInGroup();
  }
  /// How many of the next `most` elements share their parameters, which are those of parameters(); then goes past them.
  DELTASCOPE_INLINE std::size_t take(std::size_t most) {
    if (m_left == 0) next();
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(m_left, most));
    m_left -= n;
    m_column += n;
    return n;
  }
  [[nodiscard]] const float* parameters() const { return m_parameters; }

 private:
  [[nodiscard]] std::uint64_t leftInGroup() const {
    const std::uint64_t left = m_run.group - m_column % m_run.group;
    return m_run.columns ? std::min(left, m_run.columns - m_column) : left;
  }
  void next() {
    m_parameters += m_each;
    if (m_column == m_run.columns || m_run.columns == 0) m_column = 0;
    m_left = leftInGroup();
  }
  const ScaledRun& m_run;
  const float* m_parameters;
  unsigned m_each;
  std::uint64_t m_column, m_left = 0;
};

/// Calls `each` with a piece, its first element and how many it has; those past the end are left from before.
template <ScaledType kType, class Each>
DELTASCOPE_INLINE void forPieces(const ScaledRun& run, Each each) {
  Piece piece{};
  GroupWalk groups(run);
  for (std::size_t first = 0; first < run.count; first += kPiece) {
    const std::size_t count = std::min(kPiece, run.count - first);
    for (std::size_t i = 0; i < count;) {
      const std::size_t n = groups.take(count - i);
      std::fill_n(piece.scale + i, n, groups.parameters()[0]);
      if (kType != ScaledType::Fp8) std::fill_n(piece.zero + i, n, groups.parameters()[1]);
      i += n;
    }
    if (kType == ScaledType::Nibbles) {
      const std::uint8_t* const codes = run.codes + first / 2;
      for (std::size_t i = 0; i < count / 2; ++i) {
        piece.codes[2 * i] = codes[i] >> 4;
        piece.codes[2 * i + 1] = codes[i] & 15;
      }
      if (count % 2) piece.codes[count - 1] = codes[count / 2] >> 4;
    } else {
      std::memcpy(piece.codes, run.codes + first, count);
    }
    each(piece, first, count);
  }
}

/// Of the seven bits without the sign; those of NaN are 480 here.
DELTASCOPE_INLINE float fp8Size(std::uint32_t bits) { return std::bit_cast<float>(bits << 20) * 0x1p120f; }

template <ScaledType kType>
DELTASCOPE_INLINE float valueOf(const Piece& piece, std::size_t i) {
  const std::uint32_t code = piece.codes[i];
  if (kType == ScaledType::Fp8) {
    const float size = (code & 0x7f) == 0x7f ? std::numeric_limits<float>::quiet_NaN() : fp8Size(code & 0x7f);
    return std::bit_cast<float>(floatBits(size) | (code & 0x80) << 24) * piece.scale[i];
  }
  const int integer = kType == ScaledType::Bytes ? static_cast<std::int8_t>(code) : static_cast<int>(code) - 8;
  return (static_cast<float>(integer) - piece.zero[i]) * piece.scale[i];
}

/// Of a bin that holds n sixteen-bit numbers, in eights where they are F16: n, and from 40 on by quarter octaves.
DELTASCOPE_INLINE std::uint32_t widthContext(std::uint32_t n) {
  const auto quarters =
      (static_cast<std::int32_t>(floatBits(static_cast<float>(n))) - static_cast<std::int32_t>(floatBits(40.0f))) >> 21;
  return n < 40 ? n : static_cast<std::uint32_t>(40 + std::min(quarters, 23));
}

/// Values are as close as their exponent allows, so that edges are half way to the next ones. The one nearer zero of zero's bin
/// is nine octaves below the least value.
template <bool kF16>
DELTASCOPE_INLINE void fp8Anchor(std::uint32_t code, float scale, std::uint16_t& anchor, std::uint8_t& context) {
  const std::uint32_t bits = code & 0x7f, below = bits == 0 ? 0 : bits - 1;
  const float size = fp8Size(bits), inner = (size + fp8Size(below)) * 0.5f, outer = (size + fp8Size(bits + 1)) * 0.5f;
  const std::uint32_t begin = anchorOf<kF16>((bits == 0 ? 0x1p-18f : inner) * scale, 0), end = anchorOf<kF16>(outer * scale, 0);
  anchor = static_cast<std::uint16_t>(begin | (code << 8 & 0x8000u));
  context = static_cast<std::uint8_t>(widthContext((end - begin) >> (kF16 ? 3 : 0) & 0xffffu));
}

template <ScaledType kType>
DELTASCOPE_INLINE void valuesLoop(const ScaledRun& run, float* into) {
  forPieces<kType>(run, [&](const Piece& piece, std::size_t first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) into[first + i] = valueOf<kType>(piece, i);
  });
}

template <ScaledType kType, bool kF16>
DELTASCOPE_INLINE void anchorsLoop(const ScaledRun& run, std::uint16_t* anchors, std::uint8_t* contexts) {
  alignas(64) std::uint16_t a[kPiece];
  alignas(64) std::uint8_t c[kPiece];
  forPieces<kType>(run, [&](const Piece& piece, std::size_t first, std::size_t count) {
    for (std::size_t i = 0; i < kPiece; ++i) {
      if (kType == ScaledType::Fp8)
        fp8Anchor<kF16>(piece.codes[i], piece.scale[i], a[i], c[i]);
      else
        evenAnchor<kF16>(valueOf<kType>(piece, i), std::bit_cast<float>(floatBits(piece.scale[i]) & 0x7fffffffu), a[i], c[i]);
    }
    std::memcpy(anchors + first, a, count * sizeof *a);
    std::memcpy(contexts + first, c, count);
  });
}

DELTASCOPE_INLINE void values(const ScaledRun& run, float* into) {
  if (run.type == ScaledType::Fp8) return valuesLoop<ScaledType::Fp8>(run, into);
  if (run.type == ScaledType::Bytes) return valuesLoop<ScaledType::Bytes>(run, into);
  valuesLoop<ScaledType::Nibbles>(run, into);
}

template <bool kF16>
DELTASCOPE_INLINE void anchorsOf(const ScaledRun& run, std::uint16_t* anchors, std::uint8_t* contexts) {
  if (run.type == ScaledType::Fp8) return anchorsLoop<ScaledType::Fp8, kF16>(run, anchors, contexts);
  if (run.type == ScaledType::Bytes) return anchorsLoop<ScaledType::Bytes, kF16>(run, anchors, contexts);
  anchorsLoop<ScaledType::Nibbles, kF16>(run, anchors, contexts);
}

#if DELTASCOPE_X86
DELTASCOPE_AVX512 void valuesAvx512(const ScaledRun& run, float* into) { values(run, into); }
DELTASCOPE_AVX2 void valuesAvx2(const ScaledRun& run, float* into) { values(run, into); }
DELTASCOPE_AVX512 void anchorsAvx512(const ScaledRun& run, bool f16, std::uint16_t* a, std::uint8_t* c) {
  f16 ? anchorsOf<true>(run, a, c) : anchorsOf<false>(run, a, c);
}
DELTASCOPE_AVX2 void anchorsAvx2(const ScaledRun& run, bool f16, std::uint16_t* a, std::uint8_t* c) {
  f16 ? anchorsOf<true>(run, a, c) : anchorsOf<false>(run, a, c);
}
#endif

}  // namespace

void scaledValues(const ScaledRun& run, float* into, Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return valuesAvx512(run, into);
  if (isa == Isa::Avx2) return valuesAvx2(run, into);
#else
  (void)isa;
#endif
  values(run, into);
}

bool scaledUsable(const ScaledRun& run) {
  GroupWalk groups(run);
  for (std::size_t i = 0; i < run.count;) {
    i += groups.take(run.count - i);
    const std::uint32_t bits = floatBits(groups.parameters()[0]);
    if (bits != 0 && (bits < 27u << 23 || bits > 227u << 23)) return false;
  }
  return true;
}

void scaledAnchors(const ScaledRun& run, bool f16, std::uint16_t* anchors, std::uint8_t* contexts, Isa isa) {
#if DELTASCOPE_X86
  if (isa == Isa::Avx512) return anchorsAvx512(run, f16, anchors, contexts);
  if (isa == Isa::Avx2) return anchorsAvx2(run, f16, anchors, contexts);
#else
  (void)isa;
#endif
  f16 ? anchorsOf<true>(run, anchors, contexts) : anchorsOf<false>(run, anchors, contexts);
}

}  // namespace deltascope::kernels
