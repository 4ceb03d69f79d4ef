// SPDX-License-Identifier: Apache-2.0
// Every codec over every kind of base. Half of the inputs are decoded as they are, with an untrusted model; the other half
// encodes values taken from the input, decodes them, which must give the same bits, then changes bytes of the chunk and decodes
// again.
#include <cstring>
#include <memory>
#include <vector>

#include "core/codec/codec.h"
#include "tests/fuzz/input.h"

using namespace deltascope;

namespace {

struct Base {
  std::vector<std::byte> values;
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
  BaseSlice slice;
};

// Bytes repeated from `pattern` with a twist a byte, so that short inputs fill long tensors.
std::byte patternAt(std::span<const std::byte> pattern, std::size_t i) {
  const auto own = pattern.empty() ? std::byte{} : pattern[i % pattern.size()];
  return own ^ std::byte(i / (pattern.size() + 1) & 3);
}

Base makeBase(BaseKind kind, DType type, std::size_t count, std::uint64_t group, std::uint64_t columns,
              std::span<const std::byte> pattern) {
  Base base;
  base.slice.kind = kind;
  base.slice.finalType = type;
  base.slice.count = count;
  base.slice.group = group;
  base.slice.columns = columns;
  if (kind == BaseKind::None) return base;
  base.values.resize(count * bytesOf(type));
  for (std::size_t i = 0; i < base.values.size(); ++i) base.values[i] = patternAt(pattern, i);
  base.slice.values = base.values;
  if (kind == BaseKind::Same) return base;
  base.codes.resize(base.slice.layout().codesOf({0, count}).count);
  for (std::size_t i = 0; i < base.codes.size(); ++i) base.codes[i] = std::uint8_t(patternAt(pattern, i + 7));
  base.scales.resize(base.slice.layout().scalesOf({0, count}).count + 1);
  for (std::size_t i = 0; i < base.scales.size(); ++i) {
    std::byte bits[4];
    for (std::size_t b = 0; b < 4; ++b) bits[b] = patternAt(pattern, 4 * i + b + 3);
    std::memcpy(&base.scales[i], bits, sizeof bits);
  }
  base.slice.codes = base.codes;
  base.slice.scales = base.scales;
  return base;
}

// Decodes from and into buffers of the exact size, so that the address sanitizer sees a byte too far.
bool decodes(const DeltaCodec& codec, const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel* model,
             std::vector<std::byte>& final) {
  const std::unique_ptr<std::byte[]> exact(new std::byte[chunk.size()]);
  if (!chunk.empty()) std::memcpy(exact.get(), chunk.data(), chunk.size());
  final.assign(base.count * bytesOf(base.finalType), std::byte{0xAA});
  final.shrink_to_fit();
  return codec.decode(base, {exact.get(), chunk.size()}, model, final).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto id = CodecId(input.number(1) % kCodecCount);
  const auto kind = BaseKind(input.number(1) % (unsigned(BaseKind::W4) + 1));
  const DType type = std::array{DType::BF16, DType::F16, DType::F32}[input.number(1) % 3];
  const std::size_t count = input.number(2) % (3 * kTileElements);
  const bool anyGroup = kind == BaseKind::Int8 || kind >= BaseKind::Fp8;
  const std::uint64_t group = anyGroup ? 1 + input.number(2) : std::uint64_t{32} << (input.number(1) % 8);
  const std::uint64_t columns = kind >= BaseKind::Fp8 && input.number(1) % 2 != 0 ? 1 + input.number(2) : 0;
  const bool roundTrip = input.number(1) % 2 != 0;
  const DeltaCodec& codec = deltascope::codec(id);
  if (!codec.supports(kind, type)) return 0;

  const Base base = makeBase(kind, type, count, group, columns, input.take(64));
  std::vector<std::byte> decoded;
  if (!roundTrip) {
    const auto model = codec.parseModel(input.take(input.number(2)));
    const ModelPtr parsed = model ? *model : ModelPtr{};
    if (model || input.number(1) % 2 != 0) (void)decodes(codec, base.slice, input.rest(), parsed.get(), decoded);
    return 0;
  }

  const auto pattern = input.take(256);
  std::vector<std::byte> final(count * bytesOf(type));
  for (std::size_t i = 0; i < final.size(); ++i) final[i] = patternAt(pattern, i);
  const DeltaSample sample{base.slice, final};
  const CodecOptions options;
  const auto fitted = codec.fit({&sample, 1}, options);
  if (!fitted) return 0;
  ModelPtr model = *fitted;
  if (model) {
    const auto again = codec.parseModel(model->serialize());
    fuzz::require(again.has_value());
    model = *again;
  }
  std::vector<std::byte> chunk;
  if (!codec.encode(base.slice, final, model.get(), options, chunk)) return 0;  // a low-rank delta without its factors
  fuzz::require(chunk.size() <= codec.bound(type, count));
  fuzz::require(decodes(codec, base.slice, chunk, model.get(), decoded) && decoded == final);

  while (!chunk.empty() && !input.rest().empty()) {
    const std::size_t position = input.number(2) % chunk.size();
    chunk[position] ^= std::byte(input.number(1));
    if (input.number(1) % 16 == 0) chunk.resize(position);
    (void)decodes(codec, base.slice, chunk, model.get(), decoded);
  }
  return 0;
}
