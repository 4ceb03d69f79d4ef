// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/device_feed.h"

#include <algorithm>

namespace deltascope {
namespace {

/// A part of an item, a multiple of the feed's alignment: small enough that what is read is still in a cache when it is copied.
constexpr std::uint64_t kPartBytes = std::uint64_t{1} << 20;

}  // namespace

Result<void> FeedItems::Part::readTo(std::span<std::byte> into) const {
  return file ? file->read(*tensor, begin, into) : checkpoint->read(*tensor, begin, into);
}

void FeedItems::append(Item& item, const Part& whole) {
  for (std::uint64_t done = 0; done < whole.bytes; done += kPartBytes) {
    Part part = whole;
    part.begin += done;
    part.bytes = std::min(kPartBytes, whole.bytes - done);
    item.push_back(std::move(part));
  }
}

Result<std::shared_ptr<const SafetensorsFile>> FeedItems::fileOf(const Payload& payload) {
  auto& file = m_files[&payload];
  if (!file) {
    DELTASCOPE_ASSIGN(auto opened, SafetensorsFile::open(payload.path()));
    file = std::make_shared<const SafetensorsFile>(std::move(opened));
  }
  return file;
}

Result<std::vector<kernels::FeedRows>> FeedItems::add(const Checkpoint* base, const TensorOrigin& origin) {
  std::vector<kernels::FeedRows> all;
  const auto addItem = [&](kernels::FeedRows rows, Item item) {
    rows.item = m_items.size();
    all.push_back(rows);
    m_items.push_back(std::move(item));
    m_runs.push_back(origin.spec.expert ? origin.spec.layer + 1 : 0);
  };
  if (isPlain(origin)) {
    const std::uint64_t rowBytes = origin.spec.shape[1] * bytesOf(origin.dtype);
    for (const auto& rows : plainFeedRows(origin)) {
      Item item;
      append(item, {nullptr, base, origin.plain, rows.firstRow * rowBytes, rows.rows * rowBytes});
      addItem(rows, std::move(item));
    }
    return all;
  }
  const DeltaStep& step = origin.steps[0];
  DELTASCOPE_ASSIGN(const auto file, fileOf(*step.payload));
  const TensorInfo* stream = file->find(origin.spec.name);
  if (!stream) return fail(ErrorCode::Corrupt, at({step.payload->path(), origin.spec.name, {}}, "has no stream"));
  for (const auto& cut : tileStream(origin).items) {
    Item item;
    for (std::size_t c = cut.firstChunk; c < cut.endChunk; ++c)
      append(item, {file, nullptr, stream, step.chunks[c].begin, step.chunks[c].bytes});
    addItem(cut.rows, std::move(item));
  }
  return all;
}

kernels::FeedRequest FeedItems::request() {
  const auto items = std::make_shared<const std::vector<Item>>(std::move(m_items));
  kernels::FeedRequest request;
  request.runs = std::move(m_runs);
  for (const auto& item : *items) {
    auto& sizes = request.items.emplace_back();
    for (const auto& part : item) sizes.push_back(part.bytes);
  }
  request.read = [items](std::size_t item, std::size_t part, std::span<std::byte> into) -> kernels::Outcome<void> {
    const auto read = (*items)[item][part].readTo(into);
    if (read) return {};
    return tl::make_unexpected(kernels::Failure{kernels::Failure::Kind::Data, read.error().message, read.error().hint});
  };
  return request;
}

}  // namespace deltascope
