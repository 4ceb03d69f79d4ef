// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Small random models for the self-test. Internal to core/runtime.
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <system_error>

#include "core/base/job.h"
#include "core/base/result.h"

namespace deltascope::selftest {

/// A folder of its own that goes when the object does.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  [[nodiscard]] Result<void> ready() const;  ///< Io where it could not be made

 private:
  std::filesystem::path m_path;
  std::error_code m_error;
};

/// Layers with everything that a family can ask for: grouped heads, norms of heads, biases, tied embeddings.
enum class SmallModel {
  Narrow,  ///< sizes that no kernel is made for
  Wide,    ///< matrices of 512 and 640 columns, which a GPU's kernels for few tokens and for prompts take
};
/// Writes a checkpoint in BF16, the same on every machine.
[[nodiscard]] Result<void> writeSmallModel(const std::filesystem::path& folder, SmallModel size, std::size_t layers = 2);
/// The same of what a config.json says.
[[nodiscard]] Result<void> writeModel(const std::filesystem::path& folder, const nlohmann::ordered_json& config);

/// Every matrix of `plain` over NF4, without progress.
[[nodiscard]] Result<void> packOverNf4(const std::filesystem::path& plain, const std::filesystem::path& packed,
                                       const JobContext& job);

}  // namespace deltascope::selftest
