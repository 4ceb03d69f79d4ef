// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/zip_file.h"

#include <algorithm>
#include <array>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kLargestDirectory = 64u << 20;
constexpr std::size_t kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56, kEntryBytes = 46, kHeaderBytes = 30;
constexpr std::uint32_t kEndSignature = 0x06054b50, kLocatorSignature = 0x07064b50, kEnd64Signature = 0x06064b50,
                        kEntrySignature = 0x02014b50, kHeaderSignature = 0x04034b50;
constexpr std::uint16_t kZip64Field = 1, kEncrypted = 1 | 1 << 6 | 1 << 13, kStored = 0;
constexpr std::uint64_t kIn64 = 0xffffffff, kCountIn64 = 0xffff;  // the number is in the ZIP64 part

/// A little-endian number; the caller has checked that it lies inside.
std::uint64_t number(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
  return value;
}

/// Where the directory lies and what it holds.
struct Directory {
  std::uint64_t offset = 0, bytes = 0, entries = 0;
};

class ZipReader {
 public:
  explicit ZipReader(const RandomAccessFile& file) : m_file(file) {}
  Result<std::vector<ZipMember>> read();

 private:
  Result<Directory> findDirectory();
  Result<Directory> find64(std::uint64_t end);
  Result<ZipMember> readEntry(std::span<const std::byte> directory, std::size_t& at, std::uint64_t start);
  Result<void> readHeader(ZipMember& member) const;
  Result<void> checkDistinct(std::vector<ZipMember>& members, std::vector<std::uint64_t> headers);

  [[nodiscard]] tl::unexpected<Error> corrupt(std::uint64_t offset, const std::string& what) const {
    return fail(ErrorCode::Corrupt, at({m_file.path(), {}, offset}, what), "the archive is incomplete or damaged");
  }
  [[nodiscard]] tl::unexpected<Error> refuse(std::uint64_t offset, const std::string& what) const {
    return fail(ErrorCode::Unsupported, at({m_file.path(), {}, offset}, what), "save it again with torch.save");
  }

  const RandomAccessFile& m_file;
  std::uint64_t m_end = 0;  ///< of the members: where the directory begins
};

Result<Directory> ZipReader::findDirectory() {
  if (m_file.size() < kEndBytes) return corrupt(0, "has " + std::to_string(m_file.size()) + " bytes, too few for a ZIP");
  const std::uint64_t end = m_file.size() - kEndBytes;
  std::array<std::byte, kEndBytes> record{};
  DELTASCOPE_TRY(m_file.readAt(end, record));
  if (number(record, 0, 4) != kEndSignature || number(record, 20, 2) != 0)
    return corrupt(end, "the file does not end with a ZIP directory");
  Directory directory{number(record, 16, 4), number(record, 12, 4), number(record, 10, 2)};
  std::uint64_t follows = end;
  if (directory.offset == kIn64 || directory.bytes == kIn64 || directory.entries == kCountIn64 ||
      (end >= kLocatorBytes && directory.offset + directory.bytes < end)) {
    DELTASCOPE_ASSIGN(directory, find64(end));
    follows = end - kLocatorBytes - kEnd64Bytes;
  } else if (number(record, 4, 2) != 0 || number(record, 6, 2) != 0 || number(record, 8, 2) != directory.entries) {
    return refuse(end, "is one of several disks of an archive");
  }
  const auto stops = checkedAdd(directory.offset, directory.bytes);
  if (!stops || *stops != follows) return corrupt(end, "the directory does not lie where the file's end says");
  if (directory.bytes > kLargestDirectory)
    return refuse(end, "has a directory of " + formatCount(directory.bytes) + " bytes, at most " +
                           formatCount(kLargestDirectory) + " are read");
  if (directory.entries > directory.bytes / kEntryBytes) return corrupt(end, "the directory is too short for its entries");
  return directory;
}

Result<Directory> ZipReader::find64(std::uint64_t end) {
  if (end < kLocatorBytes + kEnd64Bytes) return corrupt(0, "is too short for a ZIP64 directory");
  std::array<std::byte, kLocatorBytes> locator{};
  std::array<std::byte, kEnd64Bytes> record{};
  const std::uint64_t start = end - kLocatorBytes - kEnd64Bytes;
  DELTASCOPE_TRY(m_file.readAt(end - kLocatorBytes, locator));
  DELTASCOPE_TRY(m_file.readAt(start, record));
  if (number(locator, 0, 4) != kLocatorSignature || number(locator, 8, 8) != start)
    return corrupt(end - kLocatorBytes, "the ZIP64 directory is not where it should be");
  if (number(record, 0, 4) != kEnd64Signature || number(record, 4, 8) != kEnd64Bytes - 12)
    return corrupt(start, "is no ZIP64 end of a directory");
  if (number(record, 16, 4) != 0 || number(record, 20, 4) != 0 || number(record, 24, 8) != number(record, 32, 8))
    return refuse(start, "is one of several disks of an archive");
  return Directory{number(record, 48, 8), number(record, 40, 8), number(record, 32, 8)};
}

/// One entry of the directory; `start` is where the directory begins in the file. Sets the header's offset, not the data's.
Result<ZipMember> ZipReader::readEntry(std::span<const std::byte> directory, std::size_t& at, std::uint64_t start) {
  const std::uint64_t where = start + at;
  if (directory.size() - at < kEntryBytes || number(directory, at, 4) != kEntrySignature)
    return corrupt(where, "is no entry of a ZIP directory");
  const auto entry = directory.subspan(at);
  const std::size_t name = number(entry, 28, 2), extra = number(entry, 30, 2), comment = number(entry, 32, 2);
  if (entry.size() - kEntryBytes < name + extra + comment) return corrupt(where, "the directory ends inside an entry");
  at += kEntryBytes + name + extra + comment;
  ZipMember member;
  member.name.assign(reinterpret_cast<const char*>(entry.data()) + kEntryBytes, name);
  if (number(entry, 8, 2) & kEncrypted) return refuse(where, "the member " + printable(member.name) + " is encrypted");
  if (number(entry, 10, 2) != kStored) return refuse(where, "the member " + printable(member.name) + " is compressed");
  std::array<std::uint64_t, 3> sizes{number(entry, 24, 4), number(entry, 20, 4), number(entry, 42, 4)};
  for (std::size_t field = kEntryBytes + name, end = field + extra; end - field >= 4;) {
    const std::size_t size = number(entry, field + 2, 2);
    if (size > end - field - 4) return corrupt(where, "an extra field of " + printable(member.name) + " is too long");
    if (number(entry, field, 2) == kZip64Field)
      for (std::size_t k = 0, value = field + 4; k < sizes.size(); ++k) {
        if (sizes[k] != kIn64) continue;
        if (field + 4 + size - value < 8) break;
        sizes[k] = number(entry, value, 8);
        value += 8;
      }
    field += 4 + size;
  }
  if (sizes[0] != sizes[1]) return corrupt(where, "the member " + printable(member.name) + " has two sizes");
  member.bytes = sizes[0];
  member.offset = sizes[2];
  return member;
}

/// Turns the offset of the member's own header into that of its bytes.
Result<void> ZipReader::readHeader(ZipMember& member) const {
  const std::uint64_t where = member.offset;
  const auto shown = printable(member.name);
  if (where > m_end || m_end - where < kHeaderBytes) return corrupt(where, "the member " + shown + " is outside the archive");
  std::array<std::byte, kHeaderBytes> header{};
  DELTASCOPE_TRY(m_file.readAt(where, header));
  const std::uint64_t name = number(header, 26, 2), extra = number(header, 28, 2);
  if (number(header, 0, 4) != kHeaderSignature || number(header, 8, 2) != kStored || name != member.name.size())
    return corrupt(where, "the member " + shown + " is not what the directory says");
  if (m_end - where - kHeaderBytes < name + extra || m_end - where - kHeaderBytes - name - extra < member.bytes)
    return corrupt(where, "the member " + shown + " does not fit the archive");
  std::string own(name, '\0');
  DELTASCOPE_TRY(m_file.readAt(where + kHeaderBytes, std::as_writable_bytes(std::span(own))));
  if (own != member.name) return corrupt(where, "the member " + shown + " calls itself " + printable(own));
  member.offset = where + kHeaderBytes + name + extra;
  return {};
}

Result<void> ZipReader::checkDistinct(std::vector<ZipMember>& members, std::vector<std::uint64_t> headers) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (std::size_t i = 0; i < members.size(); ++i) ranges.emplace_back(headers[i], members[i].offset + members[i].bytes);
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].second) return corrupt(ranges[i].first, "two members overlap");
  std::sort(members.begin(), members.end(), [](const ZipMember& a, const ZipMember& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < members.size(); ++i)
    if (members[i].name == members[i - 1].name)
      return refuse(members[i].offset, "the member " + printable(members[i].name) + " is there twice");
  return {};
}

Result<std::vector<ZipMember>> ZipReader::read() {
  DELTASCOPE_ASSIGN(const Directory directory, findDirectory());
  m_end = directory.offset;
  std::vector<std::byte> bytes(directory.bytes);
  DELTASCOPE_TRY(m_file.readAt(directory.offset, bytes));
  std::vector<ZipMember> members;
  std::vector<std::uint64_t> headers;
  members.reserve(directory.entries);
  headers.reserve(directory.entries);
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    DELTASCOPE_ASSIGN(auto member, readEntry(bytes, at, directory.offset));
    headers.push_back(member.offset);
    DELTASCOPE_TRY(readHeader(member));
    members.push_back(std::move(member));
  }
  if (at != bytes.size()) return corrupt(directory.offset + at, "bytes follow the last entry of the directory");
  DELTASCOPE_TRY(checkDistinct(members, std::move(headers)));
  return members;
}

}  // namespace

Result<std::vector<ZipMember>> readZipDirectory(const RandomAccessFile& file) { return ZipReader(file).read(); }

}  // namespace deltascope
