// SPDX-License-Identifier: Apache-2.0
#include "core/pack/base_names.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "core/checkpoint/model_names.h"
#include "core/model/roles.h"
#include "core/payload/manifest.h"

namespace deltascope {
namespace {

ModelNames namesOf(const std::vector<NamedShape>& tensors) {
  std::vector<std::string_view> names;
  for (const auto& tensor : tensors) names.push_back(tensor.name);
  return ModelNames::among(names);
}

/// A prefix that the base's names have more than the final's, or the other way round.
struct Change {
  std::string prefix;
  bool added = false;  ///< to the final's name
  auto operator<=>(const Change&) const = default;
};

bool fits(const NamedShape& final, const NamedShape& base) {
  return *final.shape == *base.shape || mayGrow(*base.shape, *final.shape);
}

class Matcher {
 public:
  Matcher(const std::vector<NamedShape>& final, const std::vector<NamedShape>& base) {
    std::unordered_map<std::string_view, const NamedShape*> byName;
    for (const auto& tensor : base) byName.emplace(tensor.name, &tensor);
    std::unordered_set<std::string_view> shared;
    for (const auto& tensor : final) {
      if (byName.contains(tensor.name))
        shared.insert(tensor.name);
      else
        m_open.push_back(&tensor);
    }
    if (m_open.empty() || shared.size() == base.size()) return;
    for (const auto& tensor : base)
      if (!shared.contains(tensor.name)) m_free.push_back(&tensor);
    byOwnNames(namesOf(final), namesOf(base));
    while (byPrefix()) {
    }
  }

  std::map<std::string, std::string, std::less<>> take() { return std::move(m_found); }

 private:
  using ByName = std::unordered_map<std::string, const NamedShape*>;

  template <class NameOf>
  static ByName index(const std::vector<const NamedShape*>& tensors, NameOf nameOf) {
    ByName byName;
    for (const auto* tensor : tensors) byName.emplace(nameOf(*tensor), tensor);
    return byName;
  }

  /// Pairs what `candidateOf` finds for each open tensor, and closes it.
  template <class CandidateOf>
  void pair(CandidateOf candidateOf) {
    std::unordered_set<const NamedShape*> used;
    std::erase_if(m_open, [&](const NamedShape* tensor) {
      const NamedShape* found = candidateOf(*tensor);
      if (!found || !fits(*tensor, *found) || !used.insert(found).second) return false;
      m_found.emplace(tensor->name, found->name);
      return true;
    });
    std::erase_if(m_free, [&](const NamedShape* tensor) { return used.contains(tensor); });
  }

  void byOwnNames(const ModelNames& final, const ModelNames& base) {
    const ByName own = index(m_free, [&](const NamedShape& tensor) { return base.own(tensor.name); });
    const auto find = [&](const std::string& name) {
      const auto found = own.find(name);
      return found == own.end() ? nullptr : found->second;
    };
    pair([&](const NamedShape& tensor) { return find(final.own(tensor.name)); });
    // Of a model that ties them, one file may store the head and the other the embedding.
    const std::string head = weightName(WeightRole::Head), embedding = weightName(WeightRole::Embedding);
    pair([&](const NamedShape& tensor) -> const NamedShape* {
      const std::string name = final.own(tensor.name);
      const NamedShape* found = name == head ? find(embedding) : name == embedding ? find(head) : nullptr;
      return found && std::ranges::find(m_free, found) != m_free.end() ? found : nullptr;
    });
  }

  /// What has to go in front of `shorter` to make `longer` of it, down to names of two parts.
  template <class Count>
  static void countPrefixes(const std::string& longer, const ByName& shorter, Count count) {
    for (auto dot = longer.find('.'); dot != std::string::npos; dot = longer.find('.', dot + 1)) {
      const std::string rest = longer.substr(dot + 1);
      if (rest.find('.') == std::string::npos) return;
      if (const auto found = shorter.find(rest); found != shorter.end()) count(longer.substr(0, dot + 1), found->second);
    }
  }

  /// The change of prefix that pairs most of what is left. False when none pairs any.
  bool byPrefix() {
    const auto plainOf = [](const NamedShape& tensor) { return withoutWrappers(tensor.name); };
    const ByName open = index(m_open, plainOf), free = index(m_free, plainOf);
    std::map<Change, std::size_t> counts;
    for (const auto& [name, tensor] : open)
      countPrefixes(name, free, [&, t = tensor](std::string prefix, const NamedShape* base) {
        if (fits(*t, *base)) ++counts[{std::move(prefix), false}];
      });
    for (const auto& [name, tensor] : free)
      countPrefixes(name, open, [&, t = tensor](std::string prefix, const NamedShape* final) {
        if (fits(*final, *t)) ++counts[{std::move(prefix), true}];
      });
    if (counts.empty()) return false;
    const auto& change = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
    const std::size_t before = m_open.size();
    pair([&](const NamedShape& tensor) -> const NamedShape* {
      std::string name = plainOf(tensor);
      if (change.added)
        name.insert(0, change.prefix);
      else if (name.starts_with(change.prefix))
        name.erase(0, change.prefix.size());
      else
        return nullptr;
      const auto found = free.find(name);
      return found == free.end() ? nullptr : found->second;
    });
    return m_open.size() < before;
  }

  std::vector<const NamedShape*> m_open, m_free;
  std::map<std::string, std::string, std::less<>> m_found;
};

}  // namespace

std::map<std::string, std::string, std::less<>> otherNames(const std::vector<NamedShape>& final,
                                                           const std::vector<NamedShape>& base) {
  return Matcher(final, base).take();
}

std::size_t misfits(const std::vector<NamedShape>& final, const std::vector<NamedShape>& base) {
  const ModelNames finalNames = namesOf(final), baseNames = namesOf(base);
  std::unordered_map<std::string, const NamedShape*> byOwnName;
  for (const auto& tensor : base) byOwnName.emplace(baseNames.own(tensor.name), &tensor);
  return static_cast<std::size_t>(std::ranges::count_if(final, [&](const NamedShape& tensor) {
    const auto found = byOwnName.find(finalNames.own(tensor.name));
    return found != byOwnName.end() && !fits(tensor, *found->second);
  }));
}

}  // namespace deltascope
