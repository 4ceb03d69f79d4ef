// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/base/last_name.h"
#include "core/base/units.h"
#include "core/inspect/inspect.h"
#include "core/payload/fingerprint.h"
#include "core/rebuild/reconstruct.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kMostHashed = std::uint64_t{256} << 20;  // a fraction of a second; of more, the smallest tensors

class BaseCheck {
 public:
  BaseCheck(const ReconstructionSource& source, const std::filesystem::path& given) : m_source(source), m_given(given) {
    for (const auto& tensor : source.payload.tensors())
      if (tensor.base != BaseKind::None) m_tensors.push_back(tensor);
  }

  Result<void> run() {
    std::vector<TensorStats*> order;
    for (auto& tensor : m_tensors) order.push_back(&tensor);
    std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->baseBytes < b->baseBytes; });
    std::uint64_t hashed = 0;
    std::string first;
    bool all = true;
    for (TensorStats* tensor : order) {
      hashed += tensor->baseBytes;
      all = hashed <= kMostHashed || tensor == order.front();
      if (!all) break;
      DELTASCOPE_ASSIGN(const Hash128 hash, m_source.base->hash(tensor->nameInBase()));
      if (hash != tensor->baseHash && first.empty()) first = tensor->name;
      tensor->baseHash = hash;
    }
    if (first.empty()) return {};
    const std::string wanted = "fingerprint " + m_source.payload.baseFingerprint();
    const auto name = m_source.payload.facts().find("base");
    return fail(ErrorCode::Mismatch,
                lastNameOf(m_given) + " is not the base of " + lastNameOf(m_source.files.payload) + ": it wants " +
                    (name == m_source.payload.facts().end() ? wanted : printable(name->second) + ", " + wanted) +
                    "; the one given has " + (all ? "the fingerprint " + baseFingerprint(m_tensors) : "another") +
                    ", and differs first in " + printable(first),
                "give the base that the payload was made over");
  }

 private:
  const ReconstructionSource& m_source;
  const std::filesystem::path& m_given;
  std::vector<TensorStats> m_tensors;  // with the hashes of the base given
};

}  // namespace

Result<void> checkBase(const std::filesystem::path& path, const std::filesystem::path& base) {
  auto source = openForReconstruction(path, base);
  if (!source) {
    if (source.error().code != ErrorCode::Mismatch) return tl::make_unexpected(source.error());
    const auto known = inspect(path);
    Error error = source.error();
    if (known) {
      const auto name = known->facts.find("base"), print = known->facts.find("base fingerprint");
      error.message = lastNameOf(base) + " is not the base of " + lastNameOf(path) + ": it wants " +
                      (name == known->facts.end() ? std::string("another") : printable(name->second)) +
                      (print == known->facts.end() ? std::string() : ", fingerprint " + print->second) + "; " + error.message;
      error.hint = "give the base that the payload was made over";
    }
    return tl::make_unexpected(std::move(error));
  }
  if (!source->base) return {};
  return BaseCheck(*source, base).run();
}

}  // namespace deltascope
