// SPDX-License-Identifier: Apache-2.0
// Which tensors adapters change, and what of a tied pair they leave.
#include <algorithm>
#include <list>
#include <map>

#include "core/pack/sources.h"

namespace deltascope {

Result<void> PackSources::matchAdapters() {
  std::map<std::string, PackTensor*, std::less<>> byName, heads;  // heads: by what they were tied to
  std::list<PackTensor> untied;
  if (!m_adapters.empty())
    for (auto& tensor : m_tensors) byName.emplace(tensor.stats.nameInBase(), &tensor);
  const auto lacks = [&](const std::string& name) {
    return fail(ErrorCode::Mismatch,
                at({m_final->path(), name, std::nullopt}, "the adapter changes it, but the final has no such tensor"));
  };
  for (const auto& adapter : m_adapters) {
    DELTASCOPE_ASSIGN(const std::vector<AdapterTerm> terms, adapter->match(m_base->checkpoint()));
    for (const auto& term : terms) {
      const auto found = byName.find(term.target);
      if (found == byName.end()) return lacks(term.target);
      if (term.unties && !heads.contains(term.target)) {
        PackTensor* head = headOf(*found->second, untied);
        if (!head) return lacks(headBeside(term.target));
        heads.emplace(term.target, head);
      }
      const auto head = term.head ? heads.find(term.target) : heads.end();
      PackTensor& tensor = head == heads.end() ? *found->second : *head->second;
      if (term.kind == AdapterTerm::Kind::Replacement && !tensor.final) replaceBy(*term.replacement, tensor);
      tensor.terms.push_back({adapter.get(), term});
    }
  }
  for (auto& head : untied) {
    const auto place =
        std::ranges::upper_bound(m_tensors, head.stats.name, naturalLess,
                                 [](const PackTensor& tensor) -> const std::string& { return tensor.stats.name; });
    m_tensors.insert(place, std::move(head));
  }
  return {};
}

/// The head that was tied to `embedding` until now: the final's, or a new one that begins as what the two were. Null where the
/// final has none.
PackTensor* PackSources::headOf(const PackTensor& embedding, std::list<PackTensor>& untied) {
  const std::string name = headBeside(embedding.stats.name);
  if (m_final) {
    const auto found =
        std::ranges::find(m_tensors, name, [](const PackTensor& t) -> const std::string& { return t.stats.name; });
    return found == m_tensors.end() ? nullptr : &*found;
  }
  PackTensor head = embedding;
  if (head.stats.base != BaseKind::None) head.stats.baseName = embedding.stats.nameInBase();
  head.stats.name = name;
  m_notes.push_back("the adapter unties " + printable(name) + " from " + printable(embedding.stats.name) +
                    ": the final has both, and its config says so");
  untied.push_back(std::move(head));
  return &untied.back();
}

}  // namespace deltascope
