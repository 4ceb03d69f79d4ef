// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One file being made in a hidden folder beside its place, under its own name: it can be opened and checked before anybody
/// sees it there.
#include "core/base/file.h"

namespace deltascope {

class StagedFile {
 public:
  [[nodiscard]] static Result<StagedFile> create(const std::filesystem::path& out);
  [[nodiscard]] std::filesystem::path path() const { return m_folder.path() / m_destination.filename(); }  ///< write here
  [[nodiscard]] const std::filesystem::path& destination() const { return m_destination; }
  /// Puts the file, which was synced, in its place; one that is there is replaced. What was not committed is removed by the
  /// destructor.
  [[nodiscard]] Result<void> commit();
  /// Errors name the file where it will be, not where it is being made.
  [[nodiscard]] Error shown(Error error) const;

 private:
  StagedFile(AtomicFolder folder, std::filesystem::path destination)
      : m_folder(std::move(folder)), m_destination(std::move(destination)) {}
  AtomicFolder m_folder;  ///< never committed
  std::filesystem::path m_destination;
};

}  // namespace deltascope
