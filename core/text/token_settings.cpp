// SPDX-License-Identifier: Apache-2.0
#include "core/text/token_settings.h"

#include <algorithm>
#include <set>

namespace deltascope::text {

std::vector<AddedToken> TokenSettings::missingFrom(const AddedVocabulary& known) const {
  std::vector<AddedToken> list;
  std::set<std::string> contents;
  for (const auto& [id, token] : known.tokens()) contents.insert(token.content);
  for (const auto& [id, token] : m_byId) list.push_back(token);  // known ones too: their flags may differ
  for (const auto& token : list) contents.insert(token.content);
  std::vector<SettingToken> further;
  const auto add = [&](const SettingToken& setting) {
    if (!contents.contains(setting.token.content) && std::ranges::find(further, setting) == further.end())
      further.push_back(setting);
  };
  for (const auto& [key, setting] : m_named) add(setting);
  for (const auto& setting : m_extra) add(setting);
  for (const auto& setting : further) list.push_back(setting.token);
  std::set<std::string> names;
  for (const auto& [key, setting] : m_named) names.insert(setting.token.content);
  for (auto& token : list) token.special = token.special || names.contains(token.content);
  return list;
}

std::vector<AddedToken> TokenSettings::addedAgain(ClassKind kind) const {
  std::vector<AddedToken> list;
  if (kind != ClassKind::Qwen2 && kind != ClassKind::Cohere) return list;
  const auto add = [&](const SettingToken& setting) {
    const bool keepsFlags = kind == ClassKind::Cohere && setting.form != SettingToken::Form::String;
    AddedToken token = keepsFlags ? setting.token : AddedToken{setting.token.content, true, false, false, false, false};
    token.special = true;
    list.push_back(std::move(token));
  };
  for (const auto& [key, setting] : m_named) add(setting);
  for (const auto& setting : m_extra) add(setting);
  return list;
}

std::optional<std::string> TokenSettings::named(std::string_view key) const {
  for (const auto& [name, setting] : m_named)
    if (name == key) return setting.token.content;
  return std::nullopt;
}

std::map<std::string, std::string> TokenSettings::names() const {
  std::map<std::string, std::string> names;
  for (const auto& [name, setting] : m_named) names[name] = setting.token.content;
  return names;
}

}  // namespace deltascope::text
