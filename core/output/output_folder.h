// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A model's folder being made: hidden until commit(), and put in the place of an older one where that is wanted.
#include <vector>

#include "core/base/file.h"

namespace deltascope {

/// Absolute, with links resolved as far as the path exists, without a trailing slash.
[[nodiscard]] std::filesystem::path resolvedPath(const std::filesystem::path& path);

/// A hidden name that nobody else has, on the same disk.
[[nodiscard]] std::filesystem::path hiddenBeside(const std::filesystem::path& destination);
/// `text` with each `from` replaced.
[[nodiscard]] std::string renamed(std::string text, const std::string& from, const std::string& to);

/// Refuses an output folder that exists, unless it is empty or `overwrite` is set and it holds nothing but a model's files and
/// what is called as `files`, which are to be written.
[[nodiscard]] Result<void> checkOutputFolder(const std::filesystem::path& out, bool overwrite,
                                             const std::vector<std::string>& files = {});

class OutputFolder {
 public:
  /// After checkOutputFolder. The new folder lies beside `out`, on the same disk.
  [[nodiscard]] static Result<OutputFolder> create(const std::filesystem::path& out);
  [[nodiscard]] const std::filesystem::path& path() const { return m_folder.path(); }  ///< write here
  [[nodiscard]] const std::filesystem::path& destination() const { return m_destination; }
  [[nodiscard]] Result<void> commit();
  /// Errors name files where they will be, not where they are being made.
  [[nodiscard]] Error shown(Error error) const;

 private:
  explicit OutputFolder(AtomicFolder folder) : m_folder(std::move(folder)) {}
  AtomicFolder m_folder;
  std::filesystem::path m_destination;
  bool m_replace = false;
};

}  // namespace deltascope
