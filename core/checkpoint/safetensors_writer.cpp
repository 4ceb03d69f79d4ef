// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/units.h"
#include "core/checkpoint/safetensors.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // more than this no reader takes
constexpr std::uint64_t kLongestFile = std::numeric_limits<std::int64_t>::max();

/// The tensor's place in the data, from its specification alone.
Result<TensorInfo> placed(TensorSpec spec, std::uint64_t begin, const std::filesystem::path& path) {
  const Location where{path, spec.name, {}};
  TensorInfo tensor;
  for (const auto size : spec.shape) {
    const auto product = checkedMul(tensor.elements, size);
    if (!product)
      return fail(ErrorCode::InvalidArgument, at(where, "its shape " + shapeText(spec.shape) + " overflows 64 bits"));
    tensor.elements = *product;
  }
  const auto bits = checkedMul(tensor.elements, bitsOf(spec.dtype));
  if (!bits) return fail(ErrorCode::InvalidArgument, at(where, "its shape " + shapeText(spec.shape) + " overflows 64 bits"));
  if (*bits % 8 != 0) return fail(ErrorCode::InvalidArgument, at(where, "its elements do not fill whole bytes"));
  tensor.bytes = *bits / 8;
  tensor.offset = begin;
  if (tensor.bytes > kLongestFile - begin) return fail(ErrorCode::InvalidArgument, at(where, "the file would exceed 8 EiB"));
  tensor.name = std::move(spec.name);
  tensor.dtype = spec.dtype;
  tensor.shape = std::move(spec.shape);
  return tensor;
}

/// As serde_json writes it: no spaces, only control characters, quotes and backslashes escaped. Throws on invalid UTF-8.
std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

std::string headerText(const std::vector<TensorInfo>& tensors, const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  if (!metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) text += quoted(key) + ":" + quoted(value) + ",";
    text.back() = '}';
    text += ',';
  }
  for (const auto& tensor : tensors) {
    text += quoted(tensor.name) + ":{\"dtype\":\"";
    text.append(nameOf(tensor.dtype)).append("\",\"shape\":[");
    for (const auto size : tensor.shape) text += std::to_string(size) + ",";
    if (text.back() == ',') text.pop_back();
    text += "],\"data_offsets\":[" + std::to_string(tensor.offset) + "," + std::to_string(tensor.offset + tensor.bytes) + "]},";
  }
  if (text.back() == ',') text.pop_back();
  text += '}';
  text.resize(roundUp(text.size(), kLengthBytes), ' ');
  return text;
}

}  // namespace

Result<SafetensorsWriter> SafetensorsWriter::create(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                                                    const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorSpec& a, const TensorSpec& b) { return a.dtype != b.dtype ? a.dtype > b.dtype : a.name < b.name; });
  std::vector<TensorInfo> infos;
  infos.reserve(tensors.size());
  std::uint64_t dataSize = 0;
  for (auto& spec : tensors) {
    if (spec.name == "__metadata__")
      return fail(ErrorCode::InvalidArgument, at({path, spec.name, {}}, "this name is reserved by the format"));
    DELTASCOPE_ASSIGN(auto info, placed(std::move(spec), dataSize, path));
    dataSize += info.bytes;
    infos.push_back(std::move(info));
  }
  std::string header;
  try {
    header = headerText(infos, metadata);
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::InvalidArgument, at({path, {}, {}}, "a tensor name or metadata entry is not valid UTF-8"));
  }
  if (header.size() > kLongestHeader)
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "its header would have " + formatCount(header.size()) +
                                                               " bytes, readers accept 100,000,000"));
  const auto dataStart = kLengthBytes + header.size();
  if (dataSize > kLongestFile - dataStart)
    return fail(ErrorCode::InvalidArgument, at({path, {}, {}}, "the file would exceed 8 EiB"));

  DELTASCOPE_ASSIGN(auto file, AtomicFile::create(path));
  SafetensorsWriter writer(std::move(file));
  writer.m_dataSize = dataSize;
  writer.m_fileSize = dataStart + dataSize;
  for (auto& info : infos) {
    info.offset += dataStart;
    const auto [entry, isNew] = writer.m_tensors.try_emplace(info.name, info);
    if (!isNew) return fail(ErrorCode::InvalidArgument, at({path, entry->first, {}}, "the name occurs twice"));
  }
  std::string start;
  for (std::uint64_t i = 0, size = header.size(); i < kLengthBytes; ++i) start += static_cast<char>(size >> (8 * i) & 0xFF);
  start += header;
  DELTASCOPE_TRY(writer.m_file.reserve(writer.m_fileSize));
  DELTASCOPE_TRY(writer.m_file.writeAt(0, std::as_bytes(std::span(start))));
  return writer;
}

Result<void> SafetensorsWriter::write(std::string_view name, std::uint64_t begin, std::span<const std::byte> bytes) {
  const auto found = m_tensors.find(name);
  if (found == m_tensors.end())
    return fail(ErrorCode::InvalidArgument, at({m_file.destination(), std::string(name), {}}, "was not declared"));
  const auto& tensor = found->second;
  if (begin > tensor.bytes || bytes.size() > tensor.bytes - begin)
    return fail(ErrorCode::InvalidArgument, at({m_file.destination(), tensor.name, tensor.offset},
                                               "has " + formatCount(tensor.bytes) + " bytes, " + formatCount(bytes.size()) +
                                                   " at " + formatCount(begin) + " were given"));
  DELTASCOPE_TRY(m_file.writeAt(tensor.offset + begin, bytes));
  m_written->fetch_add(bytes.size(), std::memory_order_relaxed);
  return {};
}

Result<void> SafetensorsWriter::commit() {
  if (const auto written = m_written->load(); written < m_dataSize)
    return fail(ErrorCode::Internal, at({m_file.destination(), {}, {}}, "only " + formatCount(written) + " of " +
                                                                            formatCount(m_dataSize) + " bytes were written"));
  return m_file.commit();
}

}  // namespace deltascope
