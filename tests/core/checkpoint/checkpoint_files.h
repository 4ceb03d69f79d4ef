// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Files for the checkpoint tests: golden ones, and small ones written by hand.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace checkpoint_files {

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(DELTASCOPE_TEST_DATA) / "checkpoint" / name;
}

inline std::string contentOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::filesystem::path write(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

inline std::span<const std::byte> bytesOf(const std::string& text) { return std::as_bytes(std::span(text)); }
inline std::string textOf(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A safetensors file around a header's text.
inline std::string packed(const std::string& header, const std::string& data = {}) {
  std::string length;
  for (std::size_t i = 0, size = header.size(); i < 8; ++i) length += static_cast<char>(size >> (8 * i) & 0xFF);
  return length + header + data;
}

/// A safetensors file of U8 tensors, each of the given bytes.
inline std::string smallFile(const std::vector<std::pair<std::string, std::string>>& tensors) {
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const auto& [name, bytes] : tensors) {
    header[name] = {{"dtype", "U8"}, {"shape", {bytes.size()}}, {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data += bytes;
  }
  return packed(header.dump(), data);
}

inline std::string fromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace checkpoint_files
