// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The shared models of `entropy` and `bitpack`: an anchor rule, and per context a prefix code or a field width. Serialized
/// form: core/payload/FORMAT.md, "Models of entropy and bitpack".
#include <vector>

#include "core/codec/codec.h"
#include "kernels/residual.h"

namespace deltascope::residual {

/// x in [offset, offset + 2^rawBits) mod 2^16 is written as a prefix of `prefixBits` bits and rawBits raw bits; at most 16
/// together.
struct Bucket {
  std::uint16_t offset = 0;
  std::uint8_t rawBits = 0;
  std::uint8_t prefixBits = 0;
};

/// What both kinds of model say about their data.
struct ModelHead {
  BaseKind base = BaseKind::None;
  DType finalType = DType::BF16;
  kernels::AnchorRule rule;
};

class PrefixModel final : public CodecModel {
 public:
  /// Buckets of each context, with prefix lengths ascending; codes are assigned in that order (canonical). Kraft's sum is at
  /// most 1.
  PrefixModel(ModelHead head, unsigned prefixBits, std::vector<std::vector<Bucket>> buckets);
  [[nodiscard]] std::vector<std::byte> serialize() const override;
  [[nodiscard]] static Result<ModelPtr> parse(std::span<const std::byte> bytes);

  ModelHead head;
  std::vector<std::vector<Bucket>> buckets;
  kernels::PrefixTable table;
  kernels::NibbleCode nibble;

  /// A codeword for the encoder: bits << 8 | length; 0 when x has none in this context.
  [[nodiscard]] std::uint32_t codeword(std::uint8_t context, std::uint16_t x) const {
    const Lookup& look = m_lookups[context];
    const auto d = static_cast<std::uint16_t>(x - look.start);
    const std::uint32_t index = static_cast<std::uint16_t>(d << 1 | d >> 15);
    return index < look.size ? m_codewords[look.first + index] : 0;
  }
  /// The cheapest codeword of a context and the x it decodes to: stands in for patched weights.
  struct Filler {
    std::uint32_t codeword;
    std::uint16_t x;
  };
  [[nodiscard]] Filler filler(std::uint8_t context) const { return m_fillers[context]; }

 private:
  struct Lookup {
    std::uint32_t first = 0, size = 0;
    std::uint16_t start = 0;
  };
  void buildTables();
  std::vector<Lookup> m_lookups;
  std::vector<std::uint32_t> m_codewords;
  std::vector<Filler> m_fillers;
};

class FieldModel final : public CodecModel {
 public:
  FieldModel(ModelHead modelHead, kernels::FieldTable fields) : head(std::move(modelHead)), table(fields) {}
  [[nodiscard]] std::vector<std::byte> serialize() const override;
  [[nodiscard]] static Result<ModelPtr> parse(std::span<const std::byte> bytes);

  ModelHead head;
  kernels::FieldTable table;
};

/// Fit to samples that all have the same base kind and final type.
[[nodiscard]] Result<ModelPtr> fitPrefixModel(std::span<const DeltaSample> samples);
[[nodiscard]] Result<ModelPtr> fitFieldModel(std::span<const DeltaSample> samples);

}  // namespace deltascope::residual
