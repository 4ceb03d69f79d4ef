// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/feed.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "kernels/cuda/feed_items.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr std::uint64_t kPartAlignment = 256;
constexpr unsigned kMostThreads = 16;
/// What one copy takes at a time; a larger part makes its slot larger.
constexpr std::uint64_t kSlotBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kTimedCopies = 8;  ///< one of so many is timed
/// Past the ring's end, so that a tile's copy to shared memory can be as long as any tile.
constexpr std::uint64_t kSlack = 16384;
/// No item: what comes next must be chosen.
constexpr std::size_t kNone = ~std::size_t{0};

std::uint64_t aligned(std::uint64_t bytes) { return (bytes + kPartAlignment - 1) / kPartAlignment * kPartAlignment; }

class GpuFeed final : public Feed {
 public:
  GpuFeed(int device, cudaStream_t compute, FeedRequest request)
      : m_device(device), m_compute(compute), m_request(std::move(request)) {}
  ~GpuFeed() override;
  Outcome<void> start(DevicePool& pool);

  Outcome<const std::byte*> acquire(std::size_t item) override;
  void release(std::size_t item) override;
  void choose(std::size_t first, std::span<const std::size_t> items) override;
  FeedUse use() const override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  void run(const std::stop_token& stop, std::vector<Slot>& slots);
  bool take(Work& work, const std::stop_token& stop);
  bool place(Lock& lock, const std::stop_token& stop);
  void reclaim();
  Outcome<void> copy(const Work& work, Slot& slot);
  void fail(Failure failure);
  void restart(Lock& lock, std::size_t item);
  [[nodiscard]] std::uint32_t runOf(std::size_t item) const { return m_request.runs.empty() ? 0 : m_request.runs[item]; }
  [[nodiscard]] std::size_t after(std::size_t item) const { return (item + 1) % m_request.items.size(); }
  /// Whether it is known what is read next.
  [[nodiscard]] bool known() const { return m_nextPart > 0 || !m_toRead.empty() || runOf(m_nextItem) == 0; }

  int m_device;
  cudaStream_t m_compute, m_copies = nullptr;
  FeedRequest m_request;
  Buffer m_ring;
  std::uint64_t m_ringBytes = 0, m_slotBytes = 0;

  mutable std::mutex m_mutex;
  std::condition_variable_any m_parts;                ///< there may be parts to read, or room to look for
  std::condition_variable_any m_room;                 ///< an item was released
  std::condition_variable m_ready;                    ///< an item is on its way in whole, or reading failed
  std::condition_variable m_idle;                     ///< a reader has nothing in hand
  std::mutex m_copying;                               ///< held while work is put on the copies' stream
  std::deque<std::unique_ptr<Resident>> m_residents;  ///< in the order in which they were placed
  std::uint64_t m_head = 0;                           ///< where the next one goes
  std::size_t m_nextItem = 0;                         ///< to be read after m_toRead
  std::size_t m_readItem = 0, m_nextPart = 0;         ///< being read
  std::uint64_t m_nextOffset = 0;
  std::size_t m_expected = 0;                     ///< to be acquired after m_toAcquire
  std::deque<std::size_t> m_toRead, m_toAcquire;  ///< of a run
  unsigned m_reading = 0;                         ///< readers with work in hand
  bool m_placing = false;                         ///< a reader looks for room; the others wait
  bool m_paused = false;
  std::optional<Failure> m_failure;
  FeedUse m_use;
  std::uint64_t m_copied = 0;  ///< copies begun, under m_copying
  double m_timedSeconds = 0;   ///< of the copies that were timed
  std::uint64_t m_timedBytes = 0;
  std::vector<std::vector<Slot>> m_slots;
  std::vector<std::jthread> m_threads;
};

GpuFeed::~GpuFeed() {
  for (auto& thread : m_threads) thread.request_stop();
  m_threads.clear();
  if (m_copies) {
    cudaStreamSynchronize(m_copies);
    cudaStreamDestroy(m_copies);
  }
}

Outcome<void> GpuFeed::start(DevicePool& pool) {
  cudaSetDevice(m_device);
  std::uint64_t largest = 0;
  for (const auto& item : m_request.items) {
    std::uint64_t bytes = 0;
    for (const std::uint64_t part : item) {
      bytes += aligned(part);
      m_slotBytes = std::max(m_slotBytes, aligned(part));
    }
    largest = std::max(largest, bytes);
  }
  m_ringBytes = m_request.deviceBytes / kPartAlignment * kPartAlignment;
  if (largest == 0 || m_ringBytes < largest + kSlack)
    return tl::unexpected(Failure{Failure::Kind::OutOfMemory, "the ring for streamed weights is smaller than one of them", {}});
  m_ringBytes -= std::min(m_ringBytes, kSlack);
  auto ring = pool.allocate(m_ringBytes + kSlack, "the ring for streamed weights");
  if (!ring) return tl::make_unexpected(ring.error());
  m_ring = std::move(*ring);
  if (const auto error = cudaStreamCreateWithFlags(&m_copies, cudaStreamNonBlocking); error != cudaSuccess)
    return failed("a stream for copies", error);
  m_slotBytes = std::max(m_slotBytes, std::min(kSlotBytes, largest));
  // Some processors are left to the thread that computes, and to the driver's.
  const unsigned cores = std::thread::hardware_concurrency(), most = std::clamp(cores > 4 ? cores - 3 : 1u, 1u, kMostThreads);
  const auto slots = static_cast<unsigned>(std::max<std::uint64_t>(1, m_request.hostBytes / m_slotBytes));
  const unsigned threads = std::clamp(m_request.threads ? m_request.threads : most, 1u, std::max(1u, slots / 2));
  for (unsigned t = 0; t < threads; ++t) {
    m_slots.emplace_back(std::max(1u, std::min(2u, slots)));
    for (auto& slot : m_slots.back()) {
      auto memory = PinnedBuffer::create(m_slotBytes);
      if (!memory) return tl::make_unexpected(memory.error());
      slot.memory = std::move(*memory);
      for (auto* event : {&slot.begin, &slot.end})
        if (const auto error = event->create(cudaEventDefault); error != cudaSuccess) return failed("an event", error);
    }
  }
  for (auto& own : m_slots) m_threads.emplace_back([this, &own](const std::stop_token& stop) { run(stop, own); });
  return {};
}

void GpuFeed::fail(Failure failure) {
  const Lock lock(m_mutex);
  if (!m_failure) m_failure = std::move(failure);
  m_ready.notify_all();
}

/// Forgets items whose use has ended, oldest first.
void GpuFeed::reclaim() {
  while (!m_residents.empty() && m_residents.front()->done &&
         cudaEventQuery(m_residents.front()->released.handle) == cudaSuccess)
    m_residents.pop_front();
  if (m_residents.empty()) m_head = 0;
}

/// Finds room for the next item, waiting until older ones are done with. False: stopped, or begun anew.
bool GpuFeed::place(Lock& lock, const std::stop_token& stop) {
  if (m_toRead.empty()) {
    m_readItem = m_nextItem;
    m_nextItem = after(m_nextItem);
  } else {
    m_readItem = m_toRead.front();
    m_toRead.pop_front();
  }
  std::uint64_t bytes = 0;
  for (const std::uint64_t part : m_request.items[m_readItem]) bytes += aligned(part);
  for (;;) {
    reclaim();
    std::uint64_t at = m_head;
    bool fits = true;
    if (!m_residents.empty()) {
      const std::uint64_t tail = m_residents.front()->at;
      if (m_head > tail)  // free: from the head to the end, and from the start to the tail
        fits = at + bytes <= m_ringBytes || (at = 0, bytes < tail);
      else
        fits = at + bytes < tail;
    }
    if (fits) {
      auto resident = std::make_unique<Resident>();
      resident->item = m_readItem;
      resident->at = at;
      resident->bytes = bytes;
      resident->partsLeft = m_request.items[m_readItem].size();
      if (resident->copied.create(cudaEventDisableTiming) != cudaSuccess ||
          resident->released.create(cudaEventDisableTiming | cudaEventBlockingSync) != cudaSuccess) {
        m_failure = Failure{Failure::Kind::Device, "an event of the GPU could not be made", {}};
        return false;
      }
      m_head = at + bytes;
      m_residents.push_back(std::move(resident));
      return true;
    }
    const Resident& oldest = *m_residents.front();
    if (oldest.done) {  // the device is still at it: wait without the lock
      const cudaEvent_t event = oldest.released.handle;
      lock.unlock();
      cudaEventSynchronize(event);
      lock.lock();
    } else {
      m_room.wait(lock, stop, [&] { return m_residents.empty() || m_residents.front()->done || m_paused || m_failure; });
    }
    if (stop.stop_requested() || m_paused || m_failure) return false;
  }
}

/// The next parts to be read: of one item, as many as a slot holds.
bool GpuFeed::take(Work& work, const std::stop_token& stop) {
  Lock lock(m_mutex);
  for (;;) {
    if (!m_parts.wait(lock, stop, [&] { return !m_paused && !m_failure && !m_placing && known(); })) return false;
    if (stop.stop_requested()) return false;
    if (m_nextPart == 0) {
      m_placing = true;
      const bool placed = place(lock, stop);
      m_placing = false;
      m_parts.notify_all();
      m_idle.notify_all();
      if (stop.stop_requested()) return false;
      if (!placed) continue;
    }
    const auto& parts = m_request.items[m_readItem];
    work.resident = m_residents.back().get();
    work.first = m_nextPart;
    work.offset = m_nextOffset;
    std::uint64_t bytes = 0;
    while (m_nextPart < parts.size() && bytes + aligned(parts[m_nextPart]) <= m_slotBytes)
      bytes += aligned(parts[m_nextPart++]);
    work.last = m_nextPart;
    m_nextOffset += bytes;
    if (m_nextPart == parts.size()) {
      m_nextPart = 0;
      m_nextOffset = 0;
    }
    ++m_reading;
    return true;
  }
}

Outcome<void> GpuFeed::copy(const Work& work, Slot& slot) {
  if (slot.used) {
    if (const auto error = cudaEventSynchronize(slot.end.handle); error != cudaSuccess)
      return failed("a copy to the GPU", error);
    float ms = 0;
    if (slot.timed && cudaEventElapsedTime(&ms, slot.begin.handle, slot.end.handle) == cudaSuccess) {
      const Lock lock(m_mutex);
      m_timedSeconds += 1e-3 * ms;
      m_timedBytes += slot.bytes;
    }
  }
  const auto& parts = m_request.items[work.resident->item];
  std::uint64_t bytes = 0;
  for (std::size_t p = work.first; p < work.last; ++p) {
    auto read = m_request.read(work.resident->item, p, {slot.memory.data() + bytes, static_cast<std::size_t>(parts[p])});
    if (!read) return read;
    bytes += aligned(parts[p]);
  }
  {
    const std::lock_guard copying(m_copying);
    slot.timed = m_copied++ % kTimedCopies == 0;  // marks cost the copy engine time
    slot.bytes = bytes;
    if (slot.timed) cudaEventRecord(slot.begin.handle, m_copies);
    const auto error = cudaMemcpyAsync(m_ring.as<std::byte>() + work.resident->at + work.offset, slot.memory.data(), bytes,
                                       cudaMemcpyHostToDevice, m_copies);
    cudaEventRecord(slot.end.handle, m_copies);
    slot.used = true;
    if (error != cudaSuccess) return failed("a copy to the GPU", error);
    // The last part's reader closes the item: the others' copies are on the stream already.
    const Lock lock(m_mutex);
    m_use.bytesCopied += bytes;
    work.resident->partsLeft -= work.last - work.first;
    if (work.resident->partsLeft != 0) return {};
    cudaEventRecord(work.resident->copied.handle, m_copies);
  }
  m_ready.notify_all();
  return {};
}

void GpuFeed::run(const std::stop_token& stop, std::vector<Slot>& slots) {
  cudaSetDevice(m_device);
  for (std::size_t turn = 0; !stop.stop_requested(); turn = (turn + 1) % slots.size()) {
    Work work;
    if (!take(work, stop)) continue;
    auto copied = copy(work, slots[turn]);
    if (!copied) fail(copied.error());
    const Lock lock(m_mutex);
    --m_reading;
    if (m_paused) m_idle.notify_all();
  }
}

/// Drops what was read ahead; the order goes on from `item`, of a run with this one alone.
void GpuFeed::restart(Lock& lock, std::size_t item) {
  m_paused = true;
  m_room.notify_all();
  m_idle.wait(lock, [&] { return m_reading == 0 && !m_placing; });
  lock.unlock();
  cudaStreamSynchronize(m_copies);
  cudaStreamSynchronize(m_compute);
  lock.lock();
  m_residents.clear();
  m_head = 0;
  m_nextItem = item;
  m_nextPart = 0;
  m_nextOffset = 0;
  m_toRead.clear();
  m_toAcquire.clear();
  if (runOf(item) != 0) m_toRead.push_back(item);
  m_failure.reset();
  m_paused = false;
  m_parts.notify_all();
}

Outcome<const std::byte*> GpuFeed::acquire(std::size_t item) {
  Lock lock(m_mutex);
  const bool chosen = !m_toAcquire.empty() && item == m_toAcquire.front();
  if (m_failure || (chosen ? false : item != m_expected || !m_toAcquire.empty())) {
    restart(lock, item);
    m_expected = kNone;
  } else if (chosen) {
    m_toAcquire.pop_front();
  }
  if (runOf(item) == 0) m_expected = runOf(after(item)) == 0 ? after(item) : kNone;
  const auto find = [&]() -> Resident* {
    for (const auto& resident : m_residents)
      if (!resident->acquired) return resident->item == item && resident->partsLeft == 0 ? resident.get() : nullptr;
    return nullptr;
  };
  const auto start = std::chrono::steady_clock::now();
  m_ready.wait(lock, [&] { return m_failure || find(); });
  m_use.waitSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (m_failure) return tl::unexpected(*m_failure);
  Resident* resident = find();
  resident->acquired = true;
  cudaStreamWaitEvent(m_compute, resident->copied.handle, 0);
  return m_ring.as<std::byte>() + resident->at;
}

void GpuFeed::choose(std::size_t first, std::span<const std::size_t> items) {
  Lock lock(m_mutex);
  const auto unused = [](const auto& resident) { return !resident->acquired; };
  const bool waiting = m_nextItem == first && m_nextPart == 0 && m_toRead.empty() && m_toAcquire.empty() && !m_placing &&
                       !m_failure && std::none_of(m_residents.begin(), m_residents.end(), unused);
  if (!waiting) restart(lock, first);
  std::size_t end = after(first);
  while (end != first && runOf(end) == runOf(first)) end = after(end);
  m_toRead.assign(items.begin(), items.end());
  m_toAcquire = m_toRead;
  m_nextItem = end;
  m_expected = runOf(end) == 0 ? end : kNone;
  m_parts.notify_all();
}

void GpuFeed::release(std::size_t item) {
  const Lock lock(m_mutex);
  for (const auto& resident : m_residents)
    if (resident->acquired && !resident->done && resident->item == item) {
      cudaEventRecord(resident->released.handle, m_compute);
      resident->done = true;
      break;
    }
  m_room.notify_all();
}

FeedUse GpuFeed::use() const {
  const Lock lock(m_mutex);
  FeedUse use = m_use;
  if (m_timedBytes > 0)
    use.copySeconds = m_timedSeconds * static_cast<double>(use.bytesCopied) / static_cast<double>(m_timedBytes);
  return use;
}

}  // namespace

Outcome<std::unique_ptr<Feed>> openFeed(int device, DevicePool& pool, cudaStream_t compute, FeedRequest request) {
  auto feed = std::make_unique<GpuFeed>(device, compute, std::move(request));
  if (auto started = feed->start(pool); !started) return tl::make_unexpected(started.error());
  return std::unique_ptr<Feed>(std::move(feed));
}

}  // namespace deltascope::kernels::cuda
