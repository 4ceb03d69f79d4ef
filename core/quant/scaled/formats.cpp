// SPDX-License-Identifier: Apache-2.0
#include "core/quant/scaled/formats.h"

#include <algorithm>

#include "core/quant/element_type.h"
#include "core/quant/in_pieces.h"
#include "core/quant/scaled/find.h"
#include "core/quant/scaled/packed.h"

namespace deltascope {
namespace {

using kernels::ScaledType;

struct Row {
  BaseKind kind;
  std::string_view name, library;
  ScaledType type;
  unsigned bits;
  std::uint8_t zero;
};
constexpr std::array<Row, kernels::kScaledTypes> kRows{{
    {BaseKind::Fp8, "fp8", "transformers", ScaledType::Fp8, 8, 0},
    {BaseKind::W8, "w8", "compressed-tensors", ScaledType::Bytes, 8, 0},
    {BaseKind::W4, "w4", "compressed-tensors", ScaledType::Nibbles, 4, 8},
}};

class Scaled final : public BaseFormat {
 public:
  explicit Scaled(const Row& row) : m_row(row) {}
  [[nodiscard]] BaseKind kind() const override { return m_row.kind; }
  [[nodiscard]] std::string_view name() const override { return m_row.name; }
  [[nodiscard]] std::string_view library() const override { return m_row.library; }
  [[nodiscard]] int payloadVersion() const override { return 5; }
  [[nodiscard]] bool multiplies() const override { return false; }

  [[nodiscard]] BaseLayout layout(std::uint64_t group) const override {
    BaseLayout layout{m_row.bits, std::max<std::uint64_t>(group, 1), m_row.zero};
    layout.parameters = kernels::parametersOf(m_row.type);
    return layout;
  }
  [[nodiscard]] Result<void> find(const Checkpoint& checkpoint, ScaleReading reading, QuantizedTensors& into) const override {
    return findScaled(checkpoint, *this, reading, into);
  }
  [[nodiscard]] Result<void> readCodes(const Checkpoint& checkpoint, const QuantizedTensor& tensor, IndexRange elements,
                                       std::span<std::byte> into) const override {
    if (tensor.codes->dtype != DType::I32) return BaseFormat::readCodes(checkpoint, tensor, elements, into);
    return readPacked(checkpoint, tensor, elements, into);
  }

  void values(const BaseSlice& slice, std::span<std::byte> into) const override {
    roundInPieces(slice.finalType, into, [&](std::size_t first, std::span<float> floats) {
      kernels::scaledValues(run(slice, {slice.first + first, floats.size()}), floats.data(), kernels::bestIsa());
    });
  }
  [[nodiscard]] kernels::AnchorRule anchors(DType finalType) const override {
    kernels::AnchorRule rule;
    rule.kind = kernels::AnchorKind::Scaled;
    rule.half = anchorType(finalType);
    rule.scaled = m_row.type;
    return rule;
  }
  [[nodiscard]] kernels::DeviceBase device() const override { return {}; }  // none decodes it: needsProcessor()

 private:
  [[nodiscard]] kernels::ScaledRun run(const BaseSlice& slice, IndexRange elements) const {
    const BaseLayout layout = slice.layout();
    kernels::ScaledRun run;
    run.type = m_row.type;
    run.codes = slice.codes.data() + (layout.codesOf(elements).first - layout.codesOf(slice.elements()).first);
    run.parameters = slice.scales.data() + (layout.scalesOf(elements).first - layout.scalesOf(slice.elements()).first);
    run.group = layout.group;
    run.columns = layout.columns;
    run.column = layout.columnOf(elements.first);
    run.count = static_cast<std::size_t>(elements.count);
    return run;
  }
  const Row& m_row;
};

}  // namespace

std::span<const BaseFormat* const> scaledBases() {
  static const std::array<Scaled, kernels::kScaledTypes> formats{Scaled(kRows[0]), Scaled(kRows[1]), Scaled(kRows[2])};
  static const std::array<const BaseFormat*, kernels::kScaledTypes> pointers{&formats[0], &formats[1], &formats[2]};
  return pointers;
}

}  // namespace deltascope
