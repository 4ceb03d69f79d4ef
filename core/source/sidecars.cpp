// SPDX-License-Identifier: Apache-2.0
#include "core/source/sidecars.h"

#include <algorithm>
#include <cstring>

#include "core/base/file.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> changed(const fs::path& file) {
  return fail(ErrorCode::Mismatch, at({file, {}, {}}, "changed while the job ran"), "try again");
}

Result<std::vector<std::byte>> readFile(const fs::path& path, std::uint64_t bytes) {
  DELTASCOPE_ASSIGN(const auto file, RandomAccessFile::open(path));
  if (file.size() != bytes) return changed(path);
  std::vector<std::byte> content(static_cast<std::size_t>(bytes));
  DELTASCOPE_TRY(file.readAt(0, content));
  return content;
}

}  // namespace

Sidecar sidecarOf(const CompanionFile& file) { return {file.name, file.bytes, file.file, {}, nullptr}; }

Sidecar sidecarOf(std::string name, std::string text) {
  const std::uint64_t bytes = text.size();
  return {std::move(name), bytes, {}, std::move(text), nullptr};
}

std::vector<Sidecar> sidecarsOf(const Payload& payload) {
  std::vector<Sidecar> sidecars;
  for (const auto& companion : payload.companions()) sidecars.push_back({companion.path, companion.bytes, {}, {}, &payload});
  return sidecars;
}

Result<std::vector<std::byte>> read(const Sidecar& sidecar) {
  if (sidecar.text) {
    const auto bytes = std::as_bytes(std::span(*sidecar.text));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }
  if (!sidecar.payload) return readFile(sidecar.file, sidecar.bytes);
  const auto& all = sidecar.payload->companions();
  const auto found = std::ranges::find(all, sidecar.name, &Companion::path);
  if (found == all.end()) return fail(ErrorCode::Internal, "a companion that the payload lacks");
  return sidecar.payload->readCompanion(*found);
}

Result<void> write(std::span<const Sidecar> sidecars, const fs::path& folder) {
  for (const auto& sidecar : sidecars) {
    const fs::path path = folder / sidecar.name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return fail(ErrorCode::Io, at({path.parent_path(), {}, {}}, "cannot be made: " + error.message()));
    DELTASCOPE_ASSIGN(const auto content, read(sidecar));
    DELTASCOPE_ASSIGN(auto file, AtomicFile::create(path));
    DELTASCOPE_TRY(file.writeAt(0, content));
    DELTASCOPE_TRY(file.commit());
  }
  return {};
}

Result<void> check(std::span<const Sidecar> sidecars, const fs::path& folder, bool everything) {
  for (const auto& sidecar : sidecars) {
    const fs::path path = folder / sidecar.name;
    DELTASCOPE_ASSIGN(const auto file, RandomAccessFile::open(path));
    bool same = file.size() == sidecar.bytes;
    if (same && everything) {
      DELTASCOPE_ASSIGN(const auto expected, read(sidecar));
      DELTASCOPE_ASSIGN(const auto written, readFile(path, sidecar.bytes));
      same = written == expected;
    }
    if (!same) return fail(ErrorCode::Mismatch, at({path, {}, {}}, "read again, it is not what was written"), "try again");
  }
  return {};
}

std::uint64_t bytesOf(std::span<const Sidecar> sidecars) {
  std::uint64_t sum = 0;
  for (const auto& sidecar : sidecars) sum += sidecar.bytes;
  return sum;
}

std::vector<std::string> namesOf(std::span<const Sidecar> sidecars) {
  std::vector<std::string> names;
  for (const auto& sidecar : sidecars) names.push_back(sidecar.name);
  return names;
}

}  // namespace deltascope
