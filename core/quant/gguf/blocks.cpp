// SPDX-License-Identifier: Apache-2.0
#include "core/quant/gguf/blocks.h"

#include <algorithm>

#include "core/checkpoint/gguf_file.h"
#include "core/quant/element_type.h"
#include "core/quant/in_pieces.h"
#include "core/quant/part_reader.h"

namespace deltascope {
namespace {

using kernels::BlockType;

struct Row {
  BaseKind kind;
  std::string_view name;  ///< as GgmlType has it
  BlockType type;
};
constexpr std::array<Row, kernels::kBlockTypes> kRows{{
    {BaseKind::Q8_0, "Q8_0", BlockType::Q8_0},
    {BaseKind::Q4_0, "Q4_0", BlockType::Q4_0},
    {BaseKind::Q4_1, "Q4_1", BlockType::Q4_1},
    {BaseKind::Q5_0, "Q5_0", BlockType::Q5_0},
    {BaseKind::Q5_1, "Q5_1", BlockType::Q5_1},
    {BaseKind::Q2K, "Q2_K", BlockType::Q2K},
    {BaseKind::Q3K, "Q3_K", BlockType::Q3K},
    {BaseKind::Q4K, "Q4_K", BlockType::Q4K},
    {BaseKind::Q5K, "Q5_K", BlockType::Q5K},
    {BaseKind::Q6K, "Q6_K", BlockType::Q6K},
    {BaseKind::Iq4Nl, "IQ4_NL", BlockType::Iq4Nl},
    {BaseKind::Iq4Xs, "IQ4_XS", BlockType::Iq4Xs},
}};

bool isRead(const GgmlType& type) { return std::ranges::find(kRows, type.name, &Row::name) != kRows.end(); }

/// Elements of a tensor of blocks, and its sides counted in elements.
QuantizedTensor describe(const TensorInfo& info, const Row& row) {
  QuantizedTensor tensor;
  tensor.kind = row.kind;
  tensor.codes = &info;
  tensor.dtype = DType::BF16;
  tensor.shape = info.shape;
  tensor.elements = info.bytes / info.ggml->bytes * info.ggml->elements;
  tensor.shape.back() = tensor.shape.back() / info.ggml->bytes * info.ggml->elements;
  return tensor;
}

class Blocks final : public BaseFormat {
 public:
  explicit Blocks(const Row& row) : m_row(row), m_shape(kernels::shapeOf(row.type)) {}
  [[nodiscard]] BaseKind kind() const override { return m_row.kind; }
  [[nodiscard]] std::string_view name() const override { return m_row.name; }
  [[nodiscard]] std::string_view library() const override { return "llama.cpp"; }
  [[nodiscard]] int payloadVersion() const override { return 4; }
  [[nodiscard]] bool multiplies() const override { return false; }

  [[nodiscard]] BaseLayout layout(std::uint64_t) const override {
    BaseLayout layout;
    layout.group = m_shape.group;
    layout.blockElements = m_shape.elements;
    layout.blockBytes = m_shape.bytes;
    return layout;
  }

  [[nodiscard]] Result<void> find(const Checkpoint& checkpoint, ScaleReading reading, QuantizedTensors& into) const override {
    for (const auto& info : checkpoint.tensors()) {
      if (!info.ggml || info.ggml->plain) continue;
      if (info.ggml->name == m_row.name) {
        QuantizedTensor tensor = describe(info, m_row);
        tensor.layout = layout(0);
        PartReader reader(checkpoint, info.name, info, library());
        DELTASCOPE_TRY(reader.require(info.name));
        reader.commit(std::move(tensor), into);
      } else if (&m_row == &kRows.front() && reading != ScaleReading::Describe && !isRead(*info.ggml)) {
        return fail(
            ErrorCode::Unsupported,
            at({checkpoint.fileOf(info), info.name, info.offset}, "is " + std::string(info.ggml->name) + ", which is not read"),
            "take the model in a type that is: Q8_0, Q4_0 … Q5_1, Q2_K … Q6_K, IQ4_NL, IQ4_XS, or unquantized");
      }
    }
    return {};
  }

  void values(const BaseSlice& slice, std::span<std::byte> into) const override {
    roundInPieces(slice.finalType, into, [&](std::size_t first, std::span<float> floats) {
      const auto* blocks = slice.codes.data() + first / m_shape.elements * m_shape.bytes;
      kernels::blockValues(m_row.type, blocks, floats.size(), floats.data(), kernels::bestIsa());
    });
  }

  [[nodiscard]] kernels::AnchorRule anchors(DType finalType) const override {
    kernels::AnchorRule rule;
    rule.kind = kernels::AnchorKind::Blocks;
    rule.half = anchorType(finalType);
    rule.blocks = m_row.type;
    return rule;
  }
  [[nodiscard]] kernels::DeviceBase device() const override { return {}; }  // none decodes it: deviceDecodes()

 private:
  const Row& m_row;
  kernels::BlockShape m_shape;
};

}  // namespace

std::span<const BaseFormat* const> ggufBases() {
  static const auto formats = [] {
    std::vector<Blocks> all;
    for (const Row& row : kRows) all.emplace_back(row);
    return all;
  }();
  static const auto pointers = [] {
    std::array<const BaseFormat*, kernels::kBlockTypes> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = &formats[i];
    return all;
  }();
  return pointers;
}

}  // namespace deltascope
