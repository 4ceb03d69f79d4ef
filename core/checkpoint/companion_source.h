// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files beside a model's weights (configuration, tokenizer, templates), read wherever they lie: in a folder, in a payload,
/// or in several of these over one another.
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

inline constexpr std::string_view kConfigFile = "config.json";
inline constexpr std::string_view kGenerationConfigFile = "generation_config.json";
inline constexpr std::string_view kTokenizerFile = "tokenizer.json";
inline constexpr std::string_view kTokenizerConfigFile = "tokenizer_config.json";
inline constexpr std::string_view kTemplateFile = "chat_template.jinja";

/// Names are relative and use slashes: "additional_chat_templates/tool_use.jinja". Threads: const members may be called
/// concurrently.
class CompanionSource {
 public:
  static constexpr std::uint64_t kLargestText = 64u << 20;
  virtual ~CompanionSource() = default;
  [[nodiscard]] virtual bool has(std::string_view name) const = 0;
  /// Whether there is anything in this folder of it.
  [[nodiscard]] virtual bool hasFolder(std::string_view name) const = 0;
  /// Refuses more than `limit` bytes. NotFound without such a file.
  [[nodiscard]] virtual Result<std::string> read(std::string_view name, std::uint64_t limit = kLargestText) const = 0;
  /// What messages call the file; without a name, the source itself.
  [[nodiscard]] virtual std::filesystem::path shown(std::string_view name = {}) const = 0;
  /// Lets go of what is kept so that nothing is read twice while a model is opened.
  virtual void forget() const {}
};

/// A source that reads each file once: several readers want the same ones (config.json, the tokenizer's) one after another.
class KeptCompanions : public CompanionSource {
 public:
  [[nodiscard]] bool has(std::string_view name) const final;
  [[nodiscard]] Result<std::string> read(std::string_view name, std::uint64_t limit = kLargestText) const final;
  void forget() const final;

 private:
  [[nodiscard]] virtual bool holds(std::string_view name) const = 0;
  [[nodiscard]] virtual Result<std::string> load(std::string_view name, std::uint64_t limit) const = 0;

  mutable std::mutex m_mutex;
  mutable std::map<std::string, std::string, std::less<>> m_kept;
};

class FolderCompanions final : public KeptCompanions {
 public:
  explicit FolderCompanions(std::filesystem::path folder) : m_folder(std::move(folder)) {}
  [[nodiscard]] bool hasFolder(std::string_view name) const override;
  [[nodiscard]] std::filesystem::path shown(std::string_view name = {}) const override;

 private:
  [[nodiscard]] bool holds(std::string_view name) const override;
  [[nodiscard]] Result<std::string> load(std::string_view name, std::uint64_t limit) const override;
  std::filesystem::path m_folder;
};

/// Sources over one another: a file is that of the uppermost source that has it. A source with a config.json of its own speaks
/// for the generation config too, and one with a vocabulary for every file of the tokenizer: what it lacks of these, the model
/// lacks. One source at least.
class StackedCompanions final : public CompanionSource {
 public:
  explicit StackedCompanions(std::shared_ptr<const CompanionSource> lowest) { add(std::move(lowest)); }
  void add(std::shared_ptr<const CompanionSource> above) { m_sources.push_back(std::move(above)); }
  /// The source of a file, or null.
  [[nodiscard]] const CompanionSource* sourceOf(std::string_view name) const;
  [[nodiscard]] const CompanionSource& uppermost() const { return *m_sources.back(); }

  [[nodiscard]] bool has(std::string_view name) const override { return sourceOf(name) != nullptr; }
  [[nodiscard]] bool hasFolder(std::string_view name) const override;
  [[nodiscard]] Result<std::string> read(std::string_view name, std::uint64_t limit = kLargestText) const override;
  [[nodiscard]] std::filesystem::path shown(std::string_view name = {}) const override;
  void forget() const override;

 private:
  std::vector<std::shared_ptr<const CompanionSource>> m_sources;  ///< the uppermost last
};

}  // namespace deltascope
