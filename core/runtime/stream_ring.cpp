// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/stream_ring.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kSlotAlignment = 64;

std::uint64_t bytesOf(const StreamRead& read) { return read.payload ? read.chunk.bytes : read.bytes; }

}  // namespace

std::uint64_t slotBytes(const StreamPiece& piece) {
  std::uint64_t bytes = 0;
  for (const auto& read : piece) bytes += roundUp(bytesOf(read), kSlotAlignment);
  return bytes;
}

Result<void> readPiece(const StreamPiece& piece, std::span<std::byte> into) {
  std::uint64_t at = 0;
  for (const auto& read : piece) {
    const auto part = into.subspan(at, bytesOf(read));
    if (read.payload)
      DELTASCOPE_TRY(read.payload->readChunk(*read.stats, read.chunk, part));
    else
      DELTASCOPE_TRY(read.checkpoint->read(*read.info, read.begin, part));
    at += roundUp(part.size(), kSlotAlignment);
  }
  return {};
}

/// Positions count pieces over all tensors, round after round: position p is piece p mod total, and lies in slot p mod slots.
struct StreamRing::State {
  struct Slot {
    kernels::Buffer memory;
    std::optional<Result<void>> outcome;  ///< set once it holds its piece
    bool given = false;                   ///< done with
  };
  std::vector<std::vector<StreamPiece>> tensors;
  std::vector<std::uint64_t> firstPosition;  ///< of each tensor, in a round; then the round's length
  std::vector<Slot> slots;

  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t tail = 0;   ///< oldest position that is not given back
  std::uint64_t next = 0;   ///< to be read
  std::uint64_t epoch = 0;  ///< changes with every jump: what was being read for an older one is dropped
  bool reading = false, ending = false, failed = false;
  std::thread reader;

  [[nodiscard]] std::uint64_t round() const { return firstPosition.back(); }
  [[nodiscard]] const StreamPiece& pieceAt(std::uint64_t position) const {
    const std::uint64_t at = position % round();
    const auto tensor = std::upper_bound(firstPosition.begin(), firstPosition.end(), at) - firstPosition.begin() - 1;
    return tensors[static_cast<std::size_t>(tensor)][at - firstPosition[static_cast<std::size_t>(tensor)]];
  }
  /// In this round, or in the next one for what lies behind.
  [[nodiscard]] std::uint64_t positionOf(std::size_t tensor, std::size_t piece) const {
    const std::uint64_t position = tail / round() * round() + firstPosition[tensor] + piece;
    return position < tail ? position + round() : position;
  }
  void readAhead();
};

void StreamRing::State::readAhead() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return ending || next < tail + slots.size(); });
    if (ending) return;
    const std::uint64_t position = next, started = epoch;
    Slot& slot = slots[position % slots.size()];
    slot.outcome.reset();
    slot.given = false;
    const StreamPiece& piece = pieceAt(position);
    reading = true;
    lock.unlock();
    auto outcome = readPiece(piece, {slot.memory.as<std::byte>(), static_cast<std::size_t>(slot.memory.bytes())});
    lock.lock();
    reading = false;
    if (epoch == started) {
      slot.outcome.emplace(std::move(outcome));
      ++next;
    }
    changed.notify_all();
  }
}

StreamRing::StreamRing() : m_state(std::make_unique<State>()) {}

StreamRing::~StreamRing() {
  {
    std::lock_guard lock(m_state->mutex);
    m_state->ending = true;
  }
  m_state->changed.notify_all();
  if (m_state->reader.joinable()) m_state->reader.join();
}

std::size_t StreamRing::add(std::vector<StreamPiece> pieces) {
  auto& tensors = m_state->tensors;
  tensors.push_back(std::move(pieces));
  return tensors.size() - 1;
}

bool StreamRing::empty() const { return m_state->tensors.empty(); }

Result<void> StreamRing::start(const Host& host, unsigned threads) {
  State& s = *m_state;
  if (s.tensors.empty()) return {};
  std::uint64_t position = 0, largest = 0;
  for (const auto& tensor : s.tensors) {
    s.firstPosition.push_back(position);
    position += tensor.size();
    for (const auto& piece : tensor) largest = std::max(largest, slotBytes(piece));
  }
  s.firstPosition.push_back(position);
  const std::size_t slots = streamSlots(threads, largest);
  for (std::size_t i = 0; i < slots; ++i) {
    s.slots.emplace_back();
    DELTASCOPE_ASSIGN(s.slots.back().memory, fromBackend(host.backend().allocate(largest, "buffers for streaming")));
  }
  try {
    if (position > 0) s.reader = std::thread([&s] { s.readAhead(); });
  } catch (const std::exception& e) {
    return fail(ErrorCode::OutOfMemory, std::string("cannot start a thread: ") + e.what());
  }
  return {};
}

void StreamRing::seek(std::size_t tensor) {
  State& s = *m_state;
  std::unique_lock lock(s.mutex);
  const std::uint64_t wanted = s.firstPosition[tensor];
  // Only a pass that was broken off leaves pieces given back out of order.
  const bool tidy = !s.failed && std::none_of(s.slots.begin(), s.slots.end(), [](const State::Slot& slot) {
    return slot.given || (slot.outcome && !*slot.outcome);
  });
  if (tidy && s.tail % s.round() == wanted) return;
  // What is being read ends first: its slot may be the next to be filled.
  ++s.epoch;
  s.changed.wait(lock, [&] { return !s.reading; });
  for (auto& slot : s.slots) {
    slot.outcome.reset();
    slot.given = false;
  }
  s.failed = false;
  s.tail = s.next = (s.tail / s.round() + 1) * s.round() + wanted;
  s.changed.notify_all();
}

Result<std::span<const std::byte>> StreamRing::take(std::size_t tensor, std::size_t piece) {
  State& s = *m_state;
  std::unique_lock lock(s.mutex);
  const std::uint64_t position = s.positionOf(tensor, piece);
  State::Slot& slot = s.slots[position % s.slots.size()];
  s.changed.wait(lock, [&] { return s.failed || (s.next > position && slot.outcome.has_value()); });
  if (s.failed) return fail(ErrorCode::Cancelled, "another piece failed");
  if (!*slot.outcome) return tl::make_unexpected(slot.outcome->error());
  return std::span<const std::byte>(slot.memory.as<std::byte>(), slotBytes(s.pieceAt(position)));
}

void StreamRing::done(std::size_t tensor, std::size_t piece) {
  State& s = *m_state;
  std::lock_guard lock(s.mutex);
  const std::uint64_t position = s.positionOf(tensor, piece);
  if (s.failed || position >= s.next) return;
  s.slots[position % s.slots.size()].given = true;
  while (s.tail < s.next && s.slots[s.tail % s.slots.size()].given) {
    s.slots[s.tail % s.slots.size()].given = false;
    s.slots[s.tail % s.slots.size()].outcome.reset();
    ++s.tail;
  }
  s.changed.notify_all();
}

void StreamRing::abandon() {
  std::lock_guard lock(m_state->mutex);
  m_state->failed = true;
  m_state->changed.notify_all();
}

}  // namespace deltascope
