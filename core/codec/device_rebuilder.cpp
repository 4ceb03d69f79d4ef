// SPDX-License-Identifier: Apache-2.0
#include "core/codec/device_rebuilder.h"

#include <algorithm>

#include "core/base/failure.h"
#include "core/codec/bytes.h"
#include "core/codec/device_chunk.h"

namespace deltascope {
namespace {

constexpr std::size_t kDecoders = 4;
constexpr std::uint64_t kGuard = 256;
constexpr std::byte kGuardByte{0xa5};

}  // namespace

Result<const kernels::Decoder*> DeviceRebuilder::decoderFor(CodecId id, const BaseSlice& base, const ModelPtr& model) {
  const auto found = std::ranges::find_if(m_decoders, [&](const Entry& entry) {
    return entry.codec == id && entry.base == base.kind && entry.type == base.finalType && entry.model == model &&
           entry.largest >= base.count;
  });
  if (found != m_decoders.end()) {
    m_decoders.splice(m_decoders.begin(), m_decoders, found);
    return m_decoders.front().decoder.get();
  }
  DELTASCOPE_ASSIGN(const auto device, DeviceModel::create(id, base.kind, base.finalType, model, base.count));
  while (m_decoders.size() >= kDecoders) m_decoders.pop_back();
  DELTASCOPE_ASSIGN(auto decoder, fromBackend(m_backend->gpu()->makeDecoder(device.args())));
  m_decoders.push_front({id, base.kind, base.finalType, model, base.count, std::move(decoder)});
  return m_decoders.front().decoder.get();
}

Result<void> DeviceRebuilder::room(kernels::Buffer& buffer, std::uint64_t bytes) {
  if (buffer && buffer.bytes() >= bytes) return {};
  buffer = {};
  DELTASCOPE_ASSIGN(buffer, fromBackend(m_backend->allocate(std::max<std::uint64_t>(bytes, 16), "a chunk to rebuild")));
  return {};
}

Result<void> DeviceRebuilder::upload(kernels::Buffer& buffer, std::span<const std::byte> bytes) {
  DELTASCOPE_TRY(room(buffer, bytes.size()));
  if (!bytes.empty()) m_backend->copyIn(buffer.data(), bytes.data(), bytes.size());
  return {};
}

Result<void> DeviceRebuilder::bringBack(std::span<std::byte> final) {
  if (!m_options.guarded) {
    m_backend->copyOut(final.data(), m_final.as<std::byte>() + kGuard, final.size());
    return fromBackend(m_backend->synchronize());
  }
  m_backend->copyOut(m_guarded.data(), m_final.data(), m_guarded.size());
  auto done = fromBackend(m_backend->synchronize());
  const auto bytes = std::span<const std::byte>(m_guarded);
  const auto untouched = [](std::span<const std::byte> band) {
    return std::ranges::all_of(band, [](std::byte b) { return b == kGuardByte; });
  };
  if (!untouched(bytes.first(kGuard)) || !untouched(bytes.subspan(kGuard + final.size())))
    return fail(ErrorCode::Internal, m_backend->device().id + ": a decoder wrote outside its output");
  if (done && !final.empty()) std::memcpy(final.data(), bytes.data() + kGuard, final.size());
  return done;
}

Result<void> DeviceRebuilder::decode(CodecId id, const BaseSlice& base, std::span<const std::byte> chunk, const ModelPtr& model,
                                     std::uint32_t number, std::span<std::byte> final) {
  DELTASCOPE_TRY(checkSpans(id, base, final.size(), base.kind == BaseKind::Same));
  DELTASCOPE_ASSIGN(const auto* const decoder, decoderFor(id, base, model));
  m_form.resize(deviceChunkBound(id, base.finalType, base.count, chunk.size()));
  DELTASCOPE_ASSIGN(const auto used, writeDeviceChunk(id, base.finalType, base.first, base.count, chunk, m_form));
  DELTASCOPE_TRY(upload(m_chunk, std::span<const std::byte>(m_form).first(used)));

  kernels::DecodeArgs args;
  args.decoder = decoder;
  args.base = deviceBase(base.kind, base.finalType, base.group);
  args.base.first = args.base.start = base.first;
  args.base.count = base.count;
  if (isQuantized(base.kind)) {
    DELTASCOPE_TRY(upload(m_codes, std::as_bytes(base.codes)));
    DELTASCOPE_TRY(upload(m_scales, std::as_bytes(base.scales)));
    args.base.codes = m_codes.as<std::uint8_t>();
    args.base.scales = m_scales.as<float>();
  } else if (base.kind == BaseKind::Same) {
    DELTASCOPE_TRY(upload(m_codes, base.values));
    args.base.values = m_codes.data();
  }
  const std::uint64_t whole = roundUp(kGuard + final.size() + kGuard, 16);
  DELTASCOPE_TRY(room(m_final, whole));
  if (m_options.guarded) {
    m_guarded.assign(whole, kGuardByte);
    m_backend->copyIn(m_final.data(), m_guarded.data(), whole);
  }
  args.chunk = m_chunk.as<std::byte>();
  args.chunkBytes = used;
  args.into = m_final.as<std::byte>() + kGuard;
  args.number = number;
  DELTASCOPE_TRY(fromBackend(m_backend->gpu()->decode({&args, 1})));
  return bringBack(final);
}

}  // namespace deltascope
