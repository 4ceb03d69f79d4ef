// SPDX-License-Identifier: Apache-2.0
#include "core/quant/bitsandbytes/state.h"

#include <cmath>

#include "core/base/units.h"
#include "core/checkpoint/json.h"
#include "core/quant/bitsandbytes/parts.h"

namespace deltascope {
namespace {

using nlohmann::json;
constexpr std::size_t kMaxRank = 8;

tl::unexpected<Error> corrupt(std::string what) { return fail(ErrorCode::Corrupt, std::move(what)); }

Result<const json*> field(const json& state, const char* name) {
  const auto found = state.find(name);
  if (found == state.end()) return corrupt(std::string("lacks \"") + name + "\"");
  return &*found;
}

Result<std::string> textField(const json& state, const char* name) {
  DELTASCOPE_ASSIGN(const json* value, field(state, name));
  if (!value->is_string()) return corrupt(std::string("\"") + name + "\" is not a string");
  return value->get<std::string>();
}

Result<std::uint64_t> countField(const json& state, const char* name) {
  DELTASCOPE_ASSIGN(const json* value, field(state, name));
  if (!value->is_number_unsigned()) return corrupt(std::string("\"") + name + "\" is not a whole number");
  return value->get<std::uint64_t>();
}

std::string quoted(const std::string& text) { return "\"" + text.substr(0, 40) + "\""; }

Result<void> readShape(const json& state, QuantState& into) {
  DELTASCOPE_ASSIGN(const json* shape, field(state, "shape"));
  if (!shape->is_array()) return corrupt("\"shape\" is not a list");
  if (shape->size() > kMaxRank) return corrupt("\"shape\" has more than " + std::to_string(kMaxRank) + " dimensions");
  std::uint64_t elements = 1;
  bool empty = false;
  for (const auto& dim : *shape) {
    if (!dim.is_number_unsigned()) return corrupt("\"shape\" holds something other than sizes");
    into.shape.push_back(dim.get<std::uint64_t>());
    empty = empty || into.shape.back() == 0;
    if (into.shape.back() == 0) continue;
    const auto product = checkedMul(elements, into.shape.back());
    if (!product) return corrupt("\"shape\" overflows 64 bits");
    elements = *product;
  }
  into.elements = empty ? 0 : elements;
  return {};
}

Result<void> readNested(const json& state, QuantState& into) {
  into.nested = true;
  DELTASCOPE_ASSIGN(const std::uint64_t blocksize, countField(state, "nested_blocksize"));
  if (!isBlocksize(blocksize))
    return fail(ErrorCode::Unsupported,
                "\"nested_blocksize\" is " + std::to_string(blocksize) + ", not a power of two from 32 to 4096");
  into.nestedBlocksize = static_cast<unsigned>(blocksize);
  DELTASCOPE_ASSIGN(const std::string dtype, textField(state, "nested_dtype"));
  if (dtype != "float32") return fail(ErrorCode::Unsupported, "\"nested_dtype\" is " + quoted(dtype) + ", not \"float32\"");
  DELTASCOPE_ASSIGN(const json* offset, field(state, "nested_offset"));
  if (!offset->is_number()) return corrupt("\"nested_offset\" is not a number");
  into.nestedOffset = static_cast<float>(offset->get<double>());  // torch.tensor(float(x)) rounds the double, too
  if (!std::isfinite(into.nestedOffset)) return corrupt("\"nested_offset\" is outside the range of a 32-bit float");
  return {};
}

}  // namespace

Hash128 hashOfState(std::uint64_t blocksize, std::span<const float> map, std::uint64_t nestedBlocksize,
                    std::span<const float> nestedMap) {
  Hasher128 hasher;
  hasher.update(std::as_bytes(std::span(&blocksize, 1)));
  hasher.update(std::as_bytes(map));
  if (nestedMap.empty()) return hasher.digest();
  hasher.update(std::as_bytes(std::span(&nestedBlocksize, 1)));
  hasher.update(std::as_bytes(nestedMap));
  return hasher.digest();
}

Result<QuantState> parseQuantState(std::string_view text, QuantFormat format) {
  DELTASCOPE_ASSIGN(const json state, parseJson(text, {}, JsonRules::Strict));
  if (!state.is_object()) return corrupt("is not a JSON object");
  QuantState result;
  DELTASCOPE_ASSIGN(const std::string type, textField(state, "quant_type"));
  if (type != nameOf(format))
    return corrupt("\"quant_type\" is " + quoted(type) + " under the name of " + std::string(nameOf(format)));
  DELTASCOPE_ASSIGN(const std::uint64_t blocksize, countField(state, "blocksize"));
  if (!isBlocksize(blocksize))
    return fail(ErrorCode::Unsupported,
                "\"blocksize\" is " + std::to_string(blocksize) + ", not a power of two from 32 to 4096");
  result.blocksize = static_cast<unsigned>(blocksize);
  DELTASCOPE_ASSIGN(const std::string dtype, textField(state, "dtype"));
  const auto known = dtypeFromTorchName(dtype);
  if (!known) return fail(ErrorCode::Unsupported, "\"dtype\" is " + quoted(dtype) + ", not bfloat16, float16 or float32");
  result.dtype = *known;
  DELTASCOPE_TRY(readShape(state, result));
  if (state.contains("nested_offset") || state.contains("nested_blocksize")) DELTASCOPE_TRY(readNested(state, result));
  return result;
}

}  // namespace deltascope
