// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Tensors of a final whose base has them by another name: a wrapper's prefix, a body's name, the other name of tied matrices.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace deltascope {

/// A tensor's name, and its shape; both outlive the call.
struct NamedShape {
  std::string_view name;
  const std::vector<std::uint64_t>* shape = nullptr;
};

/// For tensors of `final` that `base` does not have by their own name: the name of the one that they are there, of the same
/// shape or with other rows (mayGrow). Found by the names that the wrappers of compile and data-parallel training leave, by
/// those of a model's body and head, and by the prefix that most of the rest differ in. No tensor of the base is given twice.
[[nodiscard]] std::map<std::string, std::string, std::less<>> otherNames(const std::vector<NamedShape>& final,
                                                                         const std::vector<NamedShape>& base);

/// How many tensors of `final` have their counterpart in `base` by the names of a model's own weights, and in a shape that none
/// of theirs can be made of.
[[nodiscard]] std::size_t misfits(const std::vector<NamedShape>& final, const std::vector<NamedShape>& base);

}  // namespace deltascope
