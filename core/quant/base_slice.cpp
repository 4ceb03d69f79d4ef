// SPDX-License-Identifier: Apache-2.0
#include "core/quant/base_slice.h"

#include "core/quant/base_format.h"

namespace deltascope {
namespace {

std::size_t bytesFor(DType type, std::uint64_t count) { return static_cast<std::size_t>((count * bitsOf(type) + 7) / 8); }

template <class T>
std::span<const T> within(std::span<const T> all, IndexRange part, IndexRange whole) {
  return all.subspan(static_cast<std::size_t>(part.first - whole.first), static_cast<std::size_t>(part.count));
}

}  // namespace

BaseLayout BaseSlice::layout() const {
  BaseLayout layout = formatOf(kind).layout(group);
  layout.columns = columns;
  return layout;
}

BaseSlice partOf(const BaseSlice& slice, std::uint64_t offset, std::size_t count) {
  BaseSlice part = slice;
  part.first = slice.first + offset;
  part.count = count;
  if (!slice.values.empty())
    part.values = slice.values.subspan(bytesFor(slice.finalType, offset), bytesFor(slice.finalType, count));
  if (!isQuantized(slice.kind)) return part;
  const BaseLayout layout = slice.layout();
  part.codes = within(slice.codes, layout.codesOf(part.elements()), layout.codesOf(slice.elements()));
  part.scales = within(slice.scales, layout.scalesOf(part.elements()), layout.scalesOf(slice.elements()));
  return part;
}

BaseSlice sliceOf(BaseKind kind, DType finalType, std::uint64_t group, IndexRange elements, const void* codes,
                  const float* scales, std::uint64_t columns, std::uint64_t begin) {
  BaseSlice slice;
  slice.kind = kind;
  slice.finalType = finalType;
  slice.first = elements.first;
  slice.count = static_cast<std::size_t>(elements.count);
  slice.group = group;
  slice.columns = columns;
  if (kind == BaseKind::Same)
    slice.values = {static_cast<const std::byte*>(codes) + bytesFor(finalType, slice.first - begin),
                    bytesFor(finalType, slice.count)};
  if (!isQuantized(kind)) return slice;
  const BaseLayout layout = slice.layout();
  const IndexRange bytes = layout.codesOf(elements), scaled = layout.scalesOf(elements);
  const std::uint64_t firstByte = layout.codesOf({begin, 0}).first, firstScale = layout.scalesOf({begin, 0}).first;
  slice.codes = {static_cast<const std::uint8_t*>(codes) + (bytes.first - firstByte), static_cast<std::size_t>(bytes.count)};
  slice.scales = {scales + (scaled.first - firstScale), static_cast<std::size_t>(scaled.count)};
  return slice;
}

void baseValues(const BaseSlice& slice, std::span<std::byte> into) { formatOf(slice.kind).values(slice, into); }

}  // namespace deltascope
