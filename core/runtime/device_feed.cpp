// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/device_feed.h"

namespace deltascope {

Result<void> FeedItems::Part::readTo(std::span<std::byte> into) const {
  if (read.payload && checked->load(std::memory_order_relaxed)) return file->read(*stream, read.chunk.begin, into);
  DELTASCOPE_TRY(readPiece({read}, into));
  checked->store(true, std::memory_order_relaxed);
  return {};
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
  };
  if (isPlain(origin)) {
    const std::uint64_t rowBytes = origin.spec.shape[1] * bytesOf(origin.dtype);
    for (const auto& rows : plainFeedRows(origin)) {
      Item item(1);
      item[0].read.checkpoint = base;
      item[0].read.info = origin.plain;
      item[0].read.begin = rows.firstRow * rowBytes;
      item[0].read.bytes = rows.rows * rowBytes;
      addItem(rows, std::move(item));
    }
    return all;
  }
  const DeltaStep& step = origin.steps[0];
  DELTASCOPE_ASSIGN(const auto file, fileOf(*step.payload));
  const TensorInfo* stream = file->find(origin.spec.name);
  for (const auto& cut : tileStream(origin).items) {
    Item item(cut.endChunk - cut.firstChunk);
    for (std::size_t c = cut.firstChunk; c < cut.endChunk; ++c) {
      Part& part = item[c - cut.firstChunk];
      part.read.payload = step.payload;
      part.read.stats = step.stats;
      part.read.chunk = step.chunks[c];
      part.file = file;
      part.stream = stream;
    }
    addItem(cut.rows, std::move(item));
  }
  return all;
}

kernels::FeedRequest FeedItems::request() {
  const auto items = std::make_shared<const std::vector<Item>>(std::move(m_items));
  kernels::FeedRequest request;
  for (const auto& item : *items) {
    auto& sizes = request.items.emplace_back();
    for (const auto& part : item) sizes.push_back(part.bytes());
  }
  request.read = [items](std::size_t item, std::size_t part, std::span<std::byte> into) -> kernels::Outcome<void> {
    const auto read = (*items)[item][part].readTo(into);
    if (read) return {};
    return tl::make_unexpected(kernels::Failure{kernels::Failure::Kind::Data, read.error().message, read.error().hint});
  };
  return request;
}

}  // namespace deltascope
