// SPDX-License-Identifier: Apache-2.0
#include "core/quant/base_format.h"

#include "core/quant/bitsandbytes/formats.h"
#include "core/quant/compressed_tensors/int4.h"
#include "core/quant/gguf/blocks.h"
#include "core/quant/plain/plain.h"
#include "core/quant/scaled/formats.h"

namespace deltascope {
namespace {

/// By number of the kind.
std::span<const BaseFormat* const> formats() {
  static const auto all = [] {
    std::vector<const BaseFormat*> rows{&noBase(), &sameBase(), &nf4Base(), &fp4Base(), &int8Base(), &int4Base()};
    rows.insert(rows.end(), ggufBases().begin(), ggufBases().end());
    rows.insert(rows.end(), scaledBases().begin(), scaledBases().end());
    return rows;
  }();
  return all;
}

}  // namespace

BaseLayout BaseFormat::layout(std::uint64_t) const { return {}; }

Result<void> BaseFormat::find(const Checkpoint&, ScaleReading, QuantizedTensors&) const { return {}; }

Result<void> BaseFormat::refuseOrphan(const Checkpoint&, const TensorInfo&, const QuantizedTensors&) const { return {}; }

Result<void> BaseFormat::readCodes(const Checkpoint& checkpoint, const QuantizedTensor& tensor, IndexRange elements,
                                   std::span<std::byte> into) const {
  return checkpoint.read(*tensor.codes, tensor.layout.codesOf(elements).first, into);
}

const BaseFormat& formatOf(BaseKind kind) { return *formats()[static_cast<std::size_t>(kind)]; }

std::string_view nameOf(BaseKind kind) { return formatOf(kind).name(); }

std::optional<BaseKind> baseKindFromName(std::string_view name) {
  for (const auto* format : formats())
    if (format->name() == name) return format->kind();
  return std::nullopt;
}

std::optional<BaseKind> baseKindFromNumber(std::uint64_t number) {
  if (number >= formats().size()) return std::nullopt;
  return static_cast<BaseKind>(number);
}

Result<QuantizedTensors> findQuantized(const Checkpoint& checkpoint, ScaleReading reading) {
  QuantizedTensors found;
  for (const auto* format : formats()) DELTASCOPE_TRY(format->find(checkpoint, reading, found));
  for (const auto& tensor : checkpoint.tensors())
    for (const auto* format : formats()) DELTASCOPE_TRY(format->refuseOrphan(checkpoint, tensor, found));
  return found;
}

QuantizedTensors describeQuantized(const Checkpoint& checkpoint) {
  QuantizedTensors found;
  for (const auto* format : formats())
    if (!format->find(checkpoint, ScaleReading::Describe, found)) break;  // it leaves out what it cannot read
  return found;
}

}  // namespace deltascope
