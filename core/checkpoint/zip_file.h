// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The directory of a ZIP archive whose members are stored as they are, as torch.save writes it (PKWARE's APPNOTE 6.3.9, with
/// ZIP64).
#include <string>
#include <vector>

#include "core/base/file.h"

namespace deltascope {

struct ZipMember {
  std::string name;
  std::uint64_t offset = 0;  ///< of its first byte, from the start of the file
  std::uint64_t bytes = 0;
};

/// The members in order of their names. Untrusted bytes: the directory must end the file; members must lie before it without
/// overlapping, and be what their own headers say. Refused by name: compressed, encrypted and repeated members, archives of
/// several disks. Checksums are not computed. Memory: the directory's own size, at most 64 MiB, and as much for the members.
[[nodiscard]] Result<std::vector<ZipMember>> readZipDirectory(const RandomAccessFile& file);

}  // namespace deltascope
