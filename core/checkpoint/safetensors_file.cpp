// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <numeric>

#include "core/base/units.h"
#include "core/checkpoint/foreign.h"
#include "core/checkpoint/safetensors.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // as the reference library

std::uint64_t littleEndian(const std::array<std::byte, kLengthBytes>& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(auto opened, openModelFile(path));
  SafetensorsFile file(std::move(opened));
  if (auto read = file.readHeader(); !read)
    return tl::make_unexpected(orForeign(std::move(read).error(), file.m_file, FileKind::Safetensors));
  return file;
}

Result<void> SafetensorsFile::readHeader() {
  const auto& path = m_file.path();
  constexpr auto kHint = "it is incomplete or not a safetensors file";
  if (size() < kLengthBytes)
    return fail(ErrorCode::Corrupt, at({path, {}, 0}, "has " + std::to_string(size()) + " bytes, too few for a header"), kHint);
  std::array<std::byte, kLengthBytes> bytes{};
  DELTASCOPE_TRY(m_file.readAt(0, bytes));
  const auto length = littleEndian(bytes);
  if (length > kLongestHeader)
    return fail(ErrorCode::Corrupt,
                at({path, {}, 0}, "declares a header of " + formatCount(length) + " bytes, the limit is 100,000,000"),
                "it is not a safetensors file");
  if (length > size() - kLengthBytes)
    return fail(ErrorCode::Corrupt,
                at({path, {}, 0}, "declares a header of " + formatCount(length) + " bytes in a file of " + formatCount(size())),
                kHint);
  std::vector<std::byte> header(length);
  DELTASCOPE_TRY(m_file.readAt(kLengthBytes, header));
  DELTASCOPE_ASSIGN(m_header, parseSafetensorsHeader(header, size(), path));
  const auto& tensors = m_header.tensors;
  m_byName.resize(tensors.size());
  std::iota(m_byName.begin(), m_byName.end(), 0u);
  std::sort(m_byName.begin(), m_byName.end(),
            [&](std::uint32_t a, std::uint32_t b) { return tensors[a].name < tensors[b].name; });
  return {};
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto& tensors = m_header.tensors;
  const auto found = std::lower_bound(m_byName.begin(), m_byName.end(), name,
                                      [&](std::uint32_t i, std::string_view key) { return tensors[i].name < key; });
  return found != m_byName.end() && tensors[*found].name == name ? &tensors[*found] : nullptr;
}

Result<void> SafetensorsFile::read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const {
  if (begin > tensor.bytes || into.size() > tensor.bytes - begin)
    return fail(ErrorCode::InvalidArgument, at({path(), tensor.name, tensor.offset},
                                               "has " + formatCount(tensor.bytes) + " bytes, " + formatCount(into.size()) +
                                                   " from " + formatCount(begin) + " were asked for"));
  return m_file.readAt(tensor.offset + begin, into, tensor.name);
}

}  // namespace deltascope
