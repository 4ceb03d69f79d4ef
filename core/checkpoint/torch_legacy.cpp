// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/torch_legacy.h"

#include <algorithm>
#include <array>

#include "core/base/units.h"

namespace deltascope {
namespace {

using namespace std::string_view_literals;

/// LONG1 of 10 bytes, the number 0x1950a86a20f9469cfc6c, STOP: what every protocol ends the first pickle with.
constexpr auto kMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."sv;
constexpr std::size_t kMostBefore = 16;  // PROTO, FRAME
constexpr std::int64_t kProtocol = 1001;

/// Where the second pickle begins; 0 where the file does not begin with the magic number.
Result<std::uint64_t> afterMagic(const RandomAccessFile& file) {
  std::string head(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), kMostBefore + kMagic.size())), '\0');
  DELTASCOPE_TRY(file.readAt(0, std::as_writable_bytes(std::span(head))));
  const auto found = head.find(kMagic);
  return head.starts_with('\x80') && found != std::string::npos ? found + kMagic.size() : 0;
}

const PickleValue* valueOf(const Pickle& pickle, std::string_view key) {
  const PickleValue& dict = pickle.root();
  if (dict.kind != PickleKind::Dict) return nullptr;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2)
    if (pickle[dict.items[i]].kind == PickleKind::Text && pickle[dict.items[i]].text == key) return &pickle[dict.items[i + 1]];
  return nullptr;
}

}  // namespace

Result<bool> isLegacyTorch(const RandomAccessFile& file) {
  DELTASCOPE_ASSIGN(const std::uint64_t after, afterMagic(file));
  return after > 0;
}

Result<TorchTensors> readLegacyTorch(const RandomAccessFile& file) {
  const auto& path = file.path();
  const auto corrupt = [&](std::uint64_t offset, const std::string& what) {
    return fail(ErrorCode::Corrupt, at({path, {}, offset}, what), "the file is incomplete or damaged; copy it again");
  };
  DELTASCOPE_ASSIGN(std::uint64_t position, afterMagic(file));
  const std::uint64_t end = file.size();
  DELTASCOPE_ASSIGN(const Pickle protocol, Pickle::readNext(file, position, end));
  if (protocol.root().kind != PickleKind::Int || protocol.root().integer != kProtocol)
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is not of torch's protocol 1001"), kTorchSaveAgain);
  DELTASCOPE_ASSIGN(const Pickle machine, Pickle::readNext(file, position, end));
  if (const auto* little = valueOf(machine, "little_endian"); !little || little->kind != PickleKind::Bool || !little->integer)
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "its byte order is not little"), kTorchSaveAgain);
  DELTASCOPE_ASSIGN(const Pickle object, Pickle::readNext(file, position, end));
  DELTASCOPE_ASSIGN(const Pickle keys, Pickle::readNext(file, position, end));
  if (keys.root().kind != PickleKind::List) return corrupt(position, "has no list of its storages");
  DELTASCOPE_ASSIGN(const auto named, storagesNamed(object, path));
  TorchStorages storages;
  for (const PickleRef ref : keys.root().items) {
    const PickleValue& key = keys[ref];
    const auto found = key.kind == PickleKind::Text ? named.find(key.text) : named.end();
    if (found == named.end()) return corrupt(position, "lists a storage that no tensor uses");
    std::array<std::byte, 8> count{};
    DELTASCOPE_TRY(file.readAt(position, count));
    std::uint64_t elements = 0;
    for (std::size_t i = count.size(); i-- > 0;) elements = elements << 8 | std::to_integer<std::uint64_t>(count[i]);
    position += count.size();
    const auto bytes = checkedMul(elements, found->second.elementSize);
    if (elements != found->second.elements || !bytes || *bytes > end - position)
      return corrupt(position, "a storage of " + formatCount(elements) + " elements where " +
                                   formatCount(found->second.elements) + " were expected, and " + formatCount(end - position) +
                                   " bytes are left");
    if (!storages.try_emplace(key.text, TorchStorage{position, *bytes}).second)
      return corrupt(position, "lists the storage " + printable(key.text) + " twice");
    position += *bytes;
  }
  if (position != end) return corrupt(position, formatCount(end - position) + " bytes follow the last storage");
  return readTorchTensors(object, storages, path, end);
}

}  // namespace deltascope
