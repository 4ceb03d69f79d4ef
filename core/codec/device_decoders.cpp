// SPDX-License-Identifier: Apache-2.0
#include "core/codec/device_decoders.h"

#include <algorithm>

#include "core/base/failure.h"
#include "core/codec/device_decoder.h"

namespace deltascope {
namespace {

constexpr std::ptrdiff_t kIdle = 4;

}  // namespace

void DeviceDecoders::dropIdle() {
  const auto idle = [](const Entry& entry) { return entry.decoder.use_count() == 1; };
  std::ptrdiff_t more = std::ranges::count_if(m_entries, idle) - (kIdle - 1);
  for (auto entry = m_entries.end(); more > 0 && entry != m_entries.begin();)
    if (idle(*--entry)) {
      entry = m_entries.erase(entry);
      --more;
    }
}

Result<std::shared_ptr<const kernels::Decoder>> DeviceDecoders::get(CodecId codec, BaseKind base, DType finalType,
                                                                    const ModelPtr& model, std::uint64_t largest) {
  if (codec != CodecId::Zstd) largest = 0;  // nothing else depends on it
  const auto found = std::ranges::find_if(m_entries, [&](const Entry& entry) {
    return entry.codec == codec && entry.base == base && entry.type == finalType && entry.model == model &&
           entry.largest >= largest;
  });
  if (found != m_entries.end()) {
    m_entries.splice(m_entries.begin(), m_entries, found);
    return found->decoder;
  }
  DELTASCOPE_ASSIGN(const auto device, DeviceModel::create(codec, base, finalType, model, largest));
  dropIdle();
  DELTASCOPE_ASSIGN(std::shared_ptr<const kernels::Decoder> decoder, fromBackend(m_backend->gpu()->makeDecoder(device.args())));
  m_entries.push_front({codec, base, finalType, model, largest, decoder});
  return decoder;
}

}  // namespace deltascope
