// SPDX-License-Identifier: Apache-2.0
#include "core/payload/payload_companions.h"

#include <algorithm>

#include "core/base/units.h"

namespace deltascope {

const Companion* PayloadCompanions::find(std::string_view name) const {
  const auto& all = m_payload->companions();
  const auto found = std::ranges::find(all, name, &Companion::path);
  return found == all.end() ? nullptr : &*found;
}

bool PayloadCompanions::holds(std::string_view name) const { return find(name) != nullptr; }

bool PayloadCompanions::hasFolder(std::string_view name) const {
  const std::string prefix = std::string(name) + '/';
  return std::ranges::any_of(m_payload->companions(), [&](const Companion& one) { return one.path.starts_with(prefix); });
}

Result<std::string> PayloadCompanions::load(std::string_view name, std::uint64_t limit) const {
  const Companion* companion = find(name);
  if (!companion) return fail(ErrorCode::NotFound, at({shown(name), {}, {}}, "there is no such file"));
  if (companion->bytes > limit)
    return fail(ErrorCode::Unsupported, at({shown(name), {}, {}}, "is " + formatCount(companion->bytes) + " bytes, at most " +
                                                                      formatCount(limit) + " are accepted here"));
  DELTASCOPE_ASSIGN(const std::vector<std::byte> bytes, m_payload->readCompanion(*companion));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::filesystem::path PayloadCompanions::shown(std::string_view name) const {
  return name.empty() ? m_payload->path() : m_payload->path() / name;
}

}  // namespace deltascope
