// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A model's folder being made: hidden until commit(), and put in the place of an older one where that is wanted.
#include "core/base/file.h"

namespace deltascope {

/// Absolute, with links resolved as far as the path exists, without a trailing slash.
[[nodiscard]] std::filesystem::path resolvedPath(const std::filesystem::path& path);

/// Refuses an output folder that exists, unless it is empty or `overwrite` is set and it holds nothing but a model's files.
[[nodiscard]] Result<void> checkModelFolder(const std::filesystem::path& out, bool overwrite);

class ModelFolder {
 public:
  /// After checkModelFolder. The new folder lies beside `out`, on the same disk.
  [[nodiscard]] static Result<ModelFolder> create(const std::filesystem::path& out);
  [[nodiscard]] const std::filesystem::path& path() const { return m_folder.path(); }  ///< write here
  [[nodiscard]] const std::filesystem::path& destination() const { return m_destination; }
  [[nodiscard]] Result<void> commit();
  /// Errors name files where they will be, not where they are being made.
  [[nodiscard]] Error shown(Error error) const;

 private:
  explicit ModelFolder(AtomicFolder folder) : m_folder(std::move(folder)) {}
  AtomicFolder m_folder;
  std::filesystem::path m_destination;
  bool m_replace = false;
};

}  // namespace deltascope
