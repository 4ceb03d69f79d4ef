// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The parts of a quantized weight that lie in a checkpoint under names of their own.
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/quant/quantized.h"

namespace deltascope {

/// Reads the parts of one weight and remembers them.
class PartReader {
 public:
  /// `evidence`: the part by which it was found; `madeBy`: the library, for hints.
  PartReader(const Checkpoint& checkpoint, std::string weight, const TensorInfo& evidence, std::string_view madeBy)
      : m_checkpoint(checkpoint), m_weight(std::move(weight)), m_file(checkpoint.fileOf(evidence)), m_madeBy(madeBy) {}

  [[nodiscard]] tl::unexpected<Error> error(ErrorCode code, std::string_view part, std::string_view what) const {
    const std::string where = part.empty() ? "" : "part " + std::string(part) + ": ";
    return fail(code, at({m_file, m_weight, {}}, where + std::string(what)), code == ErrorCode::Corrupt ? hint() : "");
  }

  [[nodiscard]] Result<const TensorInfo*> require(const std::string& name) {
    const TensorInfo* tensor = m_checkpoint.find(name);
    if (!tensor) return error(ErrorCode::Corrupt, name, "is missing");
    if (name != m_weight) m_parts.push_back(name);
    m_bytes += tensor->bytes;
    return tensor;
  }

  /// A part that must be there and fit.
  [[nodiscard]] Result<const TensorInfo*> fitting(const std::string& name, DType dtype, std::uint64_t elements) {
    DELTASCOPE_ASSIGN(const TensorInfo* tensor, require(name));
    if (tensor->dtype != dtype)
      return error(ErrorCode::Corrupt, name,
                   "is " + std::string(nameOf(tensor->dtype)) + ", not " + std::string(nameOf(dtype)));
    if (tensor->elements != elements)
      return error(ErrorCode::Corrupt, name,
                   "has " + std::to_string(tensor->elements) + " elements; the weight needs " + std::to_string(elements));
    return tensor;
  }

  [[nodiscard]] Result<std::vector<std::byte>> bytes(const std::string& name, DType dtype, std::uint64_t elements) {
    DELTASCOPE_ASSIGN(const TensorInfo* tensor, fitting(name, dtype, elements));
    return m_checkpoint.readAll(*tensor);
  }

  [[nodiscard]] Result<std::vector<float>> floats(const std::string& name, std::uint64_t elements) {
    DELTASCOPE_ASSIGN(const auto raw, bytes(name, DType::F32, elements));
    std::vector<float> values(raw.size() / sizeof(float));
    if (!raw.empty()) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }

  /// Hands the finished weight over.
  void commit(QuantizedTensor tensor, QuantizedTensors& into) {
    for (auto& part : m_parts) into.parts.emplace(std::move(part), m_weight);
    tensor.name = m_weight;
    tensor.storedBytes = m_bytes;
    into.weights.insert_or_assign(m_weight, std::move(tensor));
  }

 private:
  [[nodiscard]] std::string hint() const {
    return "the file is damaged or was not written by " + std::string(m_madeBy) + "; download or quantize it again";
  }
  const Checkpoint& m_checkpoint;
  std::string m_weight;
  const std::filesystem::path& m_file;
  std::string_view m_madeBy;
  std::vector<std::string> m_parts;
  std::uint64_t m_bytes = 0;
};

}  // namespace deltascope
