// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/adapter_order.h"

#include <algorithm>
#include <tuple>

namespace deltascope {
namespace {

constexpr const char* kMerge = "merge it with PEFT and pack the merged checkpoint";

bool isReplacement(const FoundTerm& found) { return found.term.kind == AdapterTerm::Kind::Replacement; }

class Order {
 public:
  Order(std::vector<FoundTerm> found, const Checkpoint& adapter, const AdapterTargets& targets)
      : m_found(std::move(found)), m_adapter(adapter), m_targets(targets) {}

  Result<std::vector<AdapterTerm>> run() {
    std::stable_sort(m_found.begin(), m_found.end(), [](const FoundTerm& x, const FoundTerm& y) {
      const auto key = [](const FoundTerm& f) {
        return std::tuple(!isReplacement(f), f.term.head, f.term.kind == AdapterTerm::Kind::Bias);
      };
      if (x.term.target != y.term.target) return naturalLess(x.term.target, y.term.target);
      return key(x) < key(y);
    });
    std::vector<AdapterTerm> terms;
    for (std::size_t i = 0; i < m_found.size(); ++i) {
      terms.push_back(m_found[i].term);
      if (!isReplacement(m_found[i])) continue;
      const auto* next = i + 1 < m_found.size() ? &m_found[i + 1] : nullptr;
      const auto* twin = next && isReplacement(*next) && next->term.target == m_found[i].term.target ? next : nullptr;
      DELTASCOPE_ASSIGN(const bool unties, untiesBy(m_found[i], twin));
      terms.back().unties = unties;
      if (!twin) continue;
      ++i;
      if (!unties) continue;  // both sides of the tie get the same weight
      terms.push_back(twin->term);
      terms.back().unties = true;
    }
    return terms;
  }

 private:
  [[nodiscard]] Location where(const TensorInfo& tensor) const { return {m_adapter.fileOf(tensor), tensor.name, {}}; }

  Result<bool> untiesBy(const FoundTerm& found, const FoundTerm* twin) const {
    const TensorInfo& given = *found.term.replacement;
    if (twin) {
      const TensorInfo& other = *twin->term.replacement;
      DELTASCOPE_ASSIGN(const bool same, areSame(given, other));
      if (same) return false;
      if (!found.newModule && !twin->newModule)  // each is loaded into the one weight
        return fail(ErrorCode::Unsupported,
                    at(where(other), "differs from " + printable(given.name) + ", though the base ties the two"), kMerge);
      if (given.shape != other.shape)
        return tl::make_unexpected(
            lacksTokens(where(given), given.shape.front(), other.shape.front(), "as many rows of " + printable(other.name)));
    } else {
      const auto* tie = m_targets.tie();
      const bool isTied = found.term.head || (tie && tie->name == found.term.target && m_targets.tiesAHead());
      if (!found.newModule || !isTied) return false;
      if (tie->shape != given.shape && !m_targets.isPacked(*tie))
        return tl::make_unexpected(
            lacksTokens(where(given), given.shape.front(), tie->shape.front(),
                        "the rows of " + printable(found.term.head ? tie->name : headBeside(tie->name))));
    }
    if (!headBeside(found.term.target).empty()) return true;
    return fail(ErrorCode::Unsupported,
                at(where(given), "replaces one of two weights that the base ties and stores as " +
                                     printable(found.term.target) + ", which unties them"),
                kMerge);
  }

  Result<bool> areSame(const TensorInfo& x, const TensorInfo& y) const {
    if (x.dtype != y.dtype || x.shape != y.shape) return false;
    DELTASCOPE_ASSIGN(const auto left, m_adapter.readAll(x));
    DELTASCOPE_ASSIGN(const auto right, m_adapter.readAll(y));
    return left == right;
  }

  std::vector<FoundTerm> m_found;
  const Checkpoint& m_adapter;
  const AdapterTargets& m_targets;
};

}  // namespace

Result<std::vector<AdapterTerm>> inMergeOrder(std::vector<FoundTerm> found, const Checkpoint& adapter,
                                              const AdapterTargets& targets) {
  return Order(std::move(found), adapter, targets).run();
}

Error lacksTokens(const Location& where, std::uint64_t tokens, std::uint64_t rows, const std::string& missing) {
  const std::string wanted = std::to_string(tokens);
  return {ErrorCode::Mismatch,
          at(where, "the adapter was trained with " + wanted + " tokens, the base has " + std::to_string(rows) +
                        ", and the adapter does not hold " + missing),
          "train it with save_embedding_layers, or pack it over the base resized to " + wanted + " tokens"};
}

}  // namespace deltascope
