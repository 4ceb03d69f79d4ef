// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A model dealt out to several devices: whole layers, so that no sum changes its order and every form of weight, placement and
/// draft works as on one. Internal to core/runtime.
#include <memory>
#include <span>
#include <vector>

#include "core/runtime/variant.h"

namespace deltascope {

/// Of each device, the numbers of its layers, ascending.
using LayerDeal = std::vector<std::vector<std::uint32_t>>;

/// Layers in a row each: what is computed is handed over as seldom as can be. `bytes` are those of the layers' weights; with
/// the first go `before` more, with the last `after`; `room` says how much each device can hold, in any unit. Each gets one
/// layer at least, and the fullest is as empty as it can be. There are no fewer layers than devices.
[[nodiscard]] LayerDeal dealInRows(std::span<const std::uint64_t> bytes, std::uint64_t before, std::uint64_t after,
                                   std::span<const std::uint64_t> room);
/// One after another to each in turn: while one computes a layer, the others' next ones come from the host.
[[nodiscard]] LayerDeal dealInTurn(std::uint32_t layers, std::size_t devices);

/// The same as dealInRows() of a model's weights. InvalidArgument: fewer layers than devices.
[[nodiscard]] Result<LayerDeal> dealInRows(const Variant& whole, std::span<const std::uint64_t> room);
/// What the devices load: the first layer with the embedding, the last one with the final norm and the head, which is a second
/// copy of a tied embedding where that is elsewhere. One device has the variant itself.
[[nodiscard]] std::vector<std::shared_ptr<Variant>> split(const std::shared_ptr<Variant>& whole, const LayerDeal& deal);

}  // namespace deltascope
