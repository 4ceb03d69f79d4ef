// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/companion_source.h"

#include <algorithm>
#include <array>

#include "core/checkpoint/foreign.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> kVocabularies{kTokenizerFile, "tokenizer.model", "tekken.json",
                                                        "vocab.json",   "vocab.txt",       "spiece.model"};

/// Whether what `source` lacks of the files that belong with `name` is not to be looked for below it.
bool speaksFor(const CompanionSource& source, std::string_view name) {
  if (name == kConfigFile || name == kGenerationConfigFile) return source.has(kConfigFile);
  return std::ranges::any_of(kVocabularies, [&](std::string_view vocabulary) { return source.has(vocabulary); });
}

}  // namespace

bool KeptCompanions::has(std::string_view name) const {
  {
    const std::lock_guard lock(m_mutex);
    if (m_kept.contains(name)) return true;
  }
  return holds(name);
}

Result<std::string> KeptCompanions::read(std::string_view name, std::uint64_t limit) const {
  const std::lock_guard lock(m_mutex);
  const auto kept = m_kept.find(name);
  if (kept != m_kept.end() && kept->second.size() <= limit) return kept->second;
  DELTASCOPE_ASSIGN(std::string text, load(name, limit));
  m_kept.insert_or_assign(std::string(name), text);
  return text;
}

void KeptCompanions::forget() const {
  const std::lock_guard lock(m_mutex);
  m_kept.clear();
}

bool FolderCompanions::holds(std::string_view name) const {
  std::error_code ignored;
  const auto path = m_folder / name;
  return fs::is_regular_file(path, ignored) || (isNamed(path) && !fs::exists(path, ignored));  // a link to nothing is named
}

bool FolderCompanions::hasFolder(std::string_view name) const {
  std::error_code ignored;
  return fs::is_directory(m_folder / name, ignored);
}

Result<std::string> FolderCompanions::load(std::string_view name, std::uint64_t limit) const {
  return readModelText(m_folder / name, limit);
}

fs::path FolderCompanions::shown(std::string_view name) const { return name.empty() ? m_folder : m_folder / name; }

void StackedCompanions::forget() const {
  for (const auto& source : m_sources) source->forget();
}

const CompanionSource* StackedCompanions::sourceOf(std::string_view name) const {
  for (auto source = m_sources.rbegin(); source != m_sources.rend(); ++source) {
    if ((*source)->has(name)) return source->get();
    if (speaksFor(**source, name)) return nullptr;
  }
  return nullptr;
}

bool StackedCompanions::hasFolder(std::string_view name) const {
  for (auto source = m_sources.rbegin(); source != m_sources.rend(); ++source) {
    if ((*source)->hasFolder(name)) return true;
    if (speaksFor(**source, name)) return false;
  }
  return false;
}

Result<std::string> StackedCompanions::read(std::string_view name, std::uint64_t limit) const {
  if (const auto* source = sourceOf(name)) return source->read(name, limit);
  return fail(ErrorCode::NotFound, at({shown(name), {}, {}}, "there is no such file"));
}

fs::path StackedCompanions::shown(std::string_view name) const {
  const auto* source = name.empty() ? nullptr : sourceOf(name);
  return (source ? *source : uppermost()).shown(name);
}

}  // namespace deltascope
