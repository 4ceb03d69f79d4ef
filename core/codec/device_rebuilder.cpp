// SPDX-License-Identifier: Apache-2.0
#include "core/codec/device_rebuilder.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/base/failure.h"
#include "core/codec/bytes.h"
#include "core/codec/device_chunk.h"
#include "core/codec/device_decoder.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kGuard = 256;
constexpr std::byte kGuardByte{0xa5};
/// Finals that are decoded together, but for one that is larger.
constexpr std::uint64_t kBatchBytes = std::uint64_t{64} << 20;

/// With a band on both sides.
std::uint64_t guardedBytes(std::size_t bytes) { return roundUp(kGuard + bytes + kGuard, 16); }

}  // namespace

Result<void> DeviceRebuilder::room(kernels::Buffer& buffer, std::uint64_t bytes) {
  if (buffer && buffer.bytes() >= bytes) return {};
  buffer = {};
  DELTASCOPE_ASSIGN(buffer, fromBackend(backend().allocate(std::max<std::uint64_t>(bytes, 16), "a chunk to rebuild")));
  return {};
}

Result<void> DeviceRebuilder::upload(kernels::Buffer& buffer, std::span<const std::byte> bytes) {
  DELTASCOPE_TRY(room(buffer, bytes.size()));
  if (!bytes.empty()) backend().copyIn(buffer.data(), bytes.data(), bytes.size());
  return {};
}

/// Base and chunk to the device, and how they are decoded there.
Result<kernels::DecodeArgs> DeviceRebuilder::bring(const Call& call, Slot& slot) {
  const BaseSlice& base = call.base;
  DELTASCOPE_ASSIGN(slot.decoder, m_decoders.get(call.codec, base.kind, base.finalType, call.model, base.count));
  DELTASCOPE_TRY(upload(slot.chunk, call.form));
  kernels::DecodeArgs args;
  args.decoder = slot.decoder.get();
  args.base = deviceBase(base.kind, base.finalType, base.group);
  args.base.first = args.base.start = base.first;
  args.base.count = base.count;
  if (isQuantized(base.kind)) {
    DELTASCOPE_TRY(upload(slot.codes, std::as_bytes(base.codes)));
    DELTASCOPE_TRY(upload(slot.scales, std::as_bytes(base.scales)));
    args.base.codes = slot.codes.as<std::uint8_t>();
    args.base.scales = slot.scales.as<float>();
  } else if (base.kind == BaseKind::Same) {
    DELTASCOPE_TRY(upload(slot.codes, base.values));
    args.base.values = slot.codes.data();
  }
  const std::uint64_t whole = guardedBytes(call.final.size());
  DELTASCOPE_TRY(room(slot.final, whole));
  if (m_options.guarded) {
    slot.guarded.assign(whole, kGuardByte);
    backend().copyIn(slot.final.data(), slot.guarded.data(), whole);
  }
  args.chunk = slot.chunk.as<std::byte>();
  args.chunkBytes = call.form.size();
  args.into = slot.final.as<std::byte>() + kGuard;
  args.number = call.number;
  return args;
}

void DeviceRebuilder::fetch(const Call& call, Slot& slot) {
  if (m_options.guarded)
    backend().copyOut(slot.guarded.data(), slot.final.data(), slot.guarded.size());
  else
    backend().copyOut(call.final.data(), slot.final.as<std::byte>() + kGuard, call.final.size());
}

/// Once it is there.
Result<void> DeviceRebuilder::take(const Call& call, const Slot& slot) const {
  if (!m_options.guarded) return {};
  const auto bytes = std::span<const std::byte>(slot.guarded);
  const auto untouched = [](std::span<const std::byte> band) {
    return std::ranges::all_of(band, [](std::byte b) { return b == kGuardByte; });
  };
  if (!untouched(bytes.first(kGuard)) || !untouched(bytes.subspan(kGuard + call.final.size())))
    return fail(ErrorCode::Internal, backend().device().id + ": a decoder wrote outside its output");
  if (!call.final.empty()) std::memcpy(call.final.data(), bytes.data() + kGuard, call.final.size());
  return {};
}

/// Each gets its outcome; one that the device itself gives is everybody's.
void DeviceRebuilder::runTogether(std::span<Call* const> calls) {
  if (m_slots.size() < calls.size()) m_slots.resize(calls.size());
  std::vector<kernels::DecodeArgs> all;
  std::vector<std::size_t> begun;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    auto args = bring(*calls[i], m_slots[i]);
    calls[i]->outcome = args ? Result<void>() : tl::make_unexpected(args.error());
    if (!args) continue;
    all.push_back(*args);
    begun.push_back(i);
  }
  auto done = fromBackend(m_decoders.decode(all));
  if (done)
    for (const std::size_t i : begun) fetch(*calls[i], m_slots[i]);
  if (auto ended = fromBackend(backend().synchronize()); done) done = std::move(ended);
  for (const std::size_t i : begun) {
    const auto taken = take(*calls[i], m_slots[i]);
    calls[i]->outcome = taken ? done : taken;
  }
  for (auto& slot : m_slots) slot.decoder.reset();
}

/// What failed among others is done again alone, with no more memory than that: then the error is its own.
void DeviceRebuilder::run(std::span<Call* const> calls) {
  try {
    runTogether(calls);
    if (calls.size() == 1 || std::ranges::all_of(calls, [](const Call* call) { return call->outcome.has_value(); })) return;
    m_slots.clear();
    for (std::size_t i = 0; i < calls.size(); ++i) runTogether(calls.subspan(i, 1));
  } catch (const std::bad_alloc&) {
    for (Call* const call : calls) call->outcome = fail(ErrorCode::OutOfMemory, "not enough memory to rebuild chunks");
  }
}

/// Of those that wait, from the first on. Under the lock.
std::vector<DeviceRebuilder::Call*> DeviceRebuilder::nextBatch() {
  std::uint64_t bytes = 0;
  auto end = m_waiting.begin();
  while (end != m_waiting.end() && (bytes == 0 || bytes + (*end)->final.size() <= kBatchBytes)) bytes += (*end++)->final.size();
  std::vector<Call*> calls(m_waiting.begin(), end);
  m_waiting.erase(m_waiting.begin(), end);
  return calls;
}

void DeviceRebuilder::waitFor(Call& call) {
  std::unique_lock lock(m_mutex);
  m_waiting.push_back(&call);
  while (!call.done) {
    if (m_busy) {
      m_changed.wait(lock);
      continue;
    }
    const auto calls = nextBatch();
    m_busy = true;
    lock.unlock();
    run(calls);
    lock.lock();
    m_busy = false;
    for (Call* const one : calls) one->done = true;
    m_changed.notify_all();
  }
}

Result<void> DeviceRebuilder::decode(CodecId id, const BaseSlice& base, std::span<const std::byte> chunk, const ModelPtr& model,
                                     std::uint32_t number, std::span<std::byte> final) {
  DELTASCOPE_TRY(checkSpans(id, base, final.size(), base.kind == BaseKind::Same));
  DELTASCOPE_TRY(deviceDecodes(id, base.kind, base.finalType));
  static thread_local std::vector<std::byte> form;
  form.resize(deviceChunkBound(id, base.finalType, base.count, chunk.size()));
  DELTASCOPE_ASSIGN(const auto used, writeDeviceChunk(id, base.finalType, base.first, base.count, chunk, form));
  Call call{id, base, std::span<const std::byte>(form).first(used), model, number, final};
  waitFor(call);
  return call.outcome;
}

}  // namespace deltascope
