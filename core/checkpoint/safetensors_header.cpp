// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <tuple>

#include "core/base/units.h"
#include "core/checkpoint/json_events.h"
#include "core/checkpoint/safetensors.h"

namespace deltascope {
namespace {

constexpr std::size_t kMostTensors = 1'000'000;
constexpr std::size_t kMostDimensions = 64;
constexpr std::uint64_t kLengthBytes = 8;

/// Reads the header straight into TensorInfos. Offsets stay relative to the data until the caller has checked them.
class HeaderEvents : public JsonEvents {
 public:
  HeaderEvents(const std::filesystem::path& path, std::string_view text, SafetensorsHeader& into)
      : JsonEvents(path, text, kLengthBytes), m_header(into) {}

  bool null() { return m_in == In::Root && m_key == kMetadata ? true : scalar("null"); }  // the reference takes null for absent
  bool boolean(bool) { return scalar("a boolean"); }
  bool number_integer(number_integer_t) { return scalar("a negative number"); }
  bool number_float(number_float_t, const string_t&) { return scalar("a number that is not a 64-bit integer"); }

  bool number_unsigned(number_unsigned_t value) {
    if (m_in == In::Shape) {
      if (m_tensor.shape.size() == kMostDimensions) return refuse("has more than 64 dimensions", m_tensor.name);
      m_tensor.shape.push_back(value);
      return true;
    }
    if (m_in == In::Offsets) {
      if (m_offsets == 2) return refuse("data_offsets has more than two numbers", m_tensor.name);
      (m_offsets++ == 0 ? m_tensor.offset : m_end) = value;
      return true;
    }
    return scalar("a number");
  }

  bool string(string_t& value) {
    if (m_in == In::Metadata) {
      if (m_header.metadata.size() >= kMostTensors) return refuse("has more than 1,000,000 entries of __metadata__");
      if (!m_header.metadata.try_emplace(m_key, std::move(value)).second)
        return refuse("the key \"" + printable(m_key) + "\" occurs twice in __metadata__");
      return true;
    }
    if (m_in == In::Tensor && m_key == "dtype") {
      const auto type = dtypeFromName(value);
      if (!type) return refuse("has the unknown type \"" + printable(value) + "\"", m_tensor.name);
      m_tensor.dtype = *type;
      return true;
    }
    return scalar("a string");
  }

  bool start_object(std::size_t) {
    switch (m_in) {
      case In::Start:
        m_in = In::Root;
        return true;
      case In::Root:
        if (m_key == kMetadata) {
          m_in = In::Metadata;
          return true;
        }
        if (m_header.tensors.size() >= kMostTensors) return refuse("has more than 1,000,000 tensors");
        m_tensor = {};
        m_tensor.name = m_key;
        m_seenDtype = m_seenShape = m_seenOffsets = false;
        m_in = In::Tensor;
        return true;
      default:
        return startIgnored("an object");
    }
  }

  bool end_object() {
    if (m_ignored) return endIgnored();
    if (m_in == In::Tensor && !finishTensor()) return false;
    m_in = m_in == In::Root ? In::Start : In::Root;
    return true;
  }

  bool start_array(std::size_t) {
    if (m_in == In::Tensor && m_key == "shape") {
      m_in = In::Shape;
      return true;
    }
    if (m_in == In::Tensor && m_key == "data_offsets") {
      m_in = In::Offsets;
      m_offsets = 0;
      return true;
    }
    return startIgnored("an array");
  }

  bool end_array() {
    if (m_ignored) return endIgnored();
    if (m_in == In::Offsets && m_offsets != 2) return refuse("data_offsets has fewer than two numbers", m_tensor.name);
    m_in = In::Tensor;
    return true;
  }

  bool key(string_t& name) {
    if (m_ignored) return true;
    m_key = std::move(name);
    if (m_in == In::Root && m_key == kMetadata) return once(m_seenMetadata);
    if (m_in != In::Tensor) return true;
    if (m_key == "dtype") return once(m_seenDtype);
    if (m_key == "shape") return once(m_seenShape);
    return m_key != "data_offsets" || once(m_seenOffsets);
  }

 private:
  enum class In { Start, Root, Metadata, Tensor, Shape, Offsets };
  static constexpr std::string_view kMetadata = "__metadata__";

  [[nodiscard]] bool isUnknownKey() const {
    return m_in == In::Tensor && m_key != "dtype" && m_key != "shape" && m_key != "data_offsets";
  }
  bool once(bool& seen) {
    if (seen) return refuse("the key \"" + m_key + "\" occurs twice", m_in == In::Tensor ? m_tensor.name : std::string());
    return seen = true;
  }
  bool unexpected(std::string_view what) {
    const bool inTensor = m_in == In::Tensor || m_in == In::Shape || m_in == In::Offsets;
    std::string text = m_in == In::Start ? "the header" : "the value of \"" + printable(m_key) + "\"";
    return refuse(text.append(m_in == In::Shape || m_in == In::Offsets ? " holds " : " is ").append(what),
                  inTensor ? m_tensor.name : std::string());
  }
  bool scalar(std::string_view what) { return m_ignored || isUnknownKey() ? true : unexpected(what); }

  // The reference library passes over unknown keys of a tensor, whatever their value.
  bool startIgnored(std::string_view what) {
    if (!m_ignored && !isUnknownKey()) return unexpected(what);
    if (++m_ignored > kJsonDepth)
      return refuse("is nested deeper than " + std::to_string(kJsonDepth) + " levels", m_tensor.name);
    return true;
  }
  bool endIgnored() {
    --m_ignored;
    return true;
  }

  bool finishTensor() {
    if (!m_seenDtype) return refuse("has no dtype", m_tensor.name);
    if (!m_seenShape) return refuse("has no shape", m_tensor.name);
    if (!m_seenOffsets) return refuse("has no data_offsets", m_tensor.name);
    if (m_end < m_tensor.offset)
      return refuse("its data ends (" + std::to_string(m_end) + ") before it begins (" + std::to_string(m_tensor.offset) + ")",
                    m_tensor.name);
    m_tensor.bytes = m_end - m_tensor.offset;
    m_header.tensors.push_back(std::move(m_tensor));
    return true;
  }

  SafetensorsHeader& m_header;
  In m_in = In::Start;
  std::string m_key;
  TensorInfo m_tensor;
  std::uint64_t m_end = 0;
  unsigned m_offsets = 0;
  std::size_t m_ignored = 0;  // depth inside the value of an unknown key
  bool m_seenMetadata = false, m_seenDtype = false, m_seenShape = false, m_seenOffsets = false;
};

/// Elements of the shape, and that they fill exactly the declared bytes.
Result<void> checkSize(TensorInfo& tensor, const Location& where) {
  std::optional<std::uint64_t> elements = 1;
  for (const auto size : tensor.shape)
    if (elements) elements = checkedMul(*elements, size);
  const auto bits = elements ? checkedMul(*elements, bitsOf(tensor.dtype)) : std::nullopt;
  if (!bits)
    return fail(ErrorCode::Corrupt, at(where, "its shape " + printable(shapeText(tensor.shape)) + " overflows 64 bits"));
  if (*bits % 8 != 0)
    return fail(ErrorCode::Corrupt,
                at(where, "its " + std::string(nameOf(tensor.dtype)) + " elements do not fill whole bytes"));
  if (*bits / 8 != tensor.bytes)
    return fail(ErrorCode::Corrupt, at(where, "has " + formatCount(tensor.bytes) + " bytes of data, its shape " +
                                                  printable(shapeText(tensor.shape)) + " of " +
                                                  std::string(nameOf(tensor.dtype)) + " needs " + formatCount(*bits / 8)));
  tensor.elements = *elements;
  return {};
}

/// Sorted by offset, the ranges must start at 0, touch, and end at the file's end.
Result<void> checkLayout(SafetensorsHeader& header, std::uint64_t dataStart, std::uint64_t dataSize,
                         const std::filesystem::path& path) {
  constexpr auto inOrder = [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.offset, a.bytes) < std::tie(b.offset, b.bytes);
  };
  if (!std::is_sorted(header.tensors.begin(), header.tensors.end(), inOrder))
    std::stable_sort(header.tensors.begin(), header.tensors.end(), inOrder);
  std::uint64_t expected = 0;
  for (auto& tensor : header.tensors) {
    const Location where{path, tensor.name, checkedAdd(dataStart, tensor.offset).value_or(tensor.offset)};
    DELTASCOPE_TRY(checkSize(tensor, where));
    if (tensor.offset < expected) return fail(ErrorCode::Corrupt, at(where, "its data overlaps that of another tensor"));
    if (tensor.offset > expected)
      return fail(ErrorCode::Corrupt,
                  at(where, formatCount(tensor.offset - expected) + " bytes before its data belong to no tensor"));
    expected += tensor.bytes;  // fits: offset + bytes was a number in the header
  }
  if (expected > dataSize)
    return fail(ErrorCode::Corrupt,
                at({path, {}, dataStart + dataSize}, "the file is incomplete: it ends " + formatCount(expected - dataSize) +
                                                         " bytes before its last tensor does"),
                "copy or download it again");
  if (expected < dataSize)
    return fail(ErrorCode::Corrupt, at({path, {}, dataStart + expected},
                                       formatCount(dataSize - expected) + " bytes after the last tensor belong to none"));
  for (auto& tensor : header.tensors) tensor.offset += dataStart;
  return {};
}

Result<void> checkNames(const std::vector<TensorInfo>& tensors, const std::filesystem::path& path) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const auto& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return {};
  return fail(ErrorCode::Corrupt, at({path, std::string(*twice), {}}, "the name occurs twice in the header"));
}

}  // namespace

Result<SafetensorsHeader> parseSafetensorsHeader(std::span<const std::byte> bytes, std::uint64_t fileSize,
                                                 const std::filesystem::path& path) {
  if (fileSize < kLengthBytes || fileSize - kLengthBytes < bytes.size())
    return fail(ErrorCode::Corrupt, at({path, {}, 0}, "the header is longer than the file"));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  SafetensorsHeader header;
  HeaderEvents events(path, text, header);
  DELTASCOPE_TRY(scanJson(text, path, kLengthBytes, events));
  DELTASCOPE_TRY(checkNames(header.tensors, path));
  const auto dataStart = kLengthBytes + bytes.size();
  DELTASCOPE_TRY(checkLayout(header, dataStart, fileSize - dataStart, path));
  return header;
}

}  // namespace deltascope
