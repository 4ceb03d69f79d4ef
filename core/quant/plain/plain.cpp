// SPDX-License-Identifier: Apache-2.0
#include "core/quant/plain/plain.h"

#include <algorithm>
#include <cstring>

#include "core/quant/element_type.h"

namespace deltascope {
namespace {

using kernels::DeviceBase;

class Plain : public BaseFormat {
 public:
  [[nodiscard]] kernels::AnchorRule anchors(DType finalType) const override {
    kernels::AnchorRule rule;
    rule.half = anchorType(finalType);
    rule.kind = finalType == DType::F32 ? kernels::AnchorKind::Zero : kernels::AnchorKind::Ordered;
    return rule;
  }
};

class NoBase final : public Plain {
 public:
  [[nodiscard]] BaseKind kind() const override { return BaseKind::None; }
  [[nodiscard]] std::string_view name() const override { return "none"; }
  void values(const BaseSlice&, std::span<std::byte> into) const override { std::ranges::fill(into, std::byte{0}); }
  [[nodiscard]] DeviceBase device() const override { return {}; }
};

class SameBase final : public Plain {
 public:
  [[nodiscard]] BaseKind kind() const override { return BaseKind::Same; }
  [[nodiscard]] std::string_view name() const override { return "same"; }
  void values(const BaseSlice& slice, std::span<std::byte> into) const override {
    if (!into.empty()) std::memcpy(into.data(), slice.values.data(), std::min(into.size(), slice.values.size()));
  }
  [[nodiscard]] DeviceBase device() const override {
    DeviceBase base;
    base.kind = DeviceBase::Kind::Same;
    return base;
  }
};

}  // namespace

const BaseFormat& noBase() {
  static const NoBase format;
  return format;
}
const BaseFormat& sameBase() {
  static const SameBase format;
  return format;
}

}  // namespace deltascope
