// SPDX-License-Identifier: Apache-2.0
#pragma once
/// GGUF files for tests.
#include <cstdint>
#include <string>
#include <vector>

namespace checkpoint_files {

/// A GGUF file written by hand.
class GgufBytes {
 public:
  template <class T>
  GgufBytes& number(T value) {
    m_bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBytes& text(const std::string& text) {
    number<std::uint64_t>(text.size());
    m_bytes += text;
    return *this;
  }
  GgufBytes& raw(const std::string& bytes) {
    m_bytes += bytes;
    return *this;
  }
  GgufBytes& head(std::uint64_t tensors, std::uint64_t values, std::uint32_t version = 3) {
    return raw("GGUF").number(version).number(tensors).number(values);
  }
  GgufBytes& value(const std::string& key, std::uint32_t number) { return text(key).number<std::uint32_t>(4).number(number); }
  GgufBytes& real(const std::string& key, float number) { return text(key).number<std::uint32_t>(6).number(number); }
  GgufBytes& words(const std::string& key, const std::string& value) { return text(key).number<std::uint32_t>(8).text(value); }
  GgufBytes& list(const std::string& key, const std::vector<std::string>& texts) {
    text(key).number<std::uint32_t>(9).number<std::uint32_t>(8).number<std::uint64_t>(texts.size());
    for (const auto& each : texts) text(each);
    return *this;
  }
  GgufBytes& list(const std::string& key, const std::vector<std::uint32_t>& numbers) {
    text(key).number<std::uint32_t>(9).number<std::uint32_t>(4).number<std::uint64_t>(numbers.size());
    for (const auto each : numbers) number(each);
    return *this;
  }
  GgufBytes& tensor(const std::string& name, std::vector<std::uint64_t> sides, std::uint32_t type, std::uint64_t offset) {
    text(name).number(static_cast<std::uint32_t>(sides.size()));
    for (auto side : sides) number(side);
    return number(type).number(offset);
  }
  GgufBytes& data(std::size_t bytes, std::size_t alignment = 32) {
    m_bytes.resize((m_bytes.size() + alignment - 1) / alignment * alignment, '\0');
    for (std::size_t i = 0; i < bytes; ++i) m_bytes += static_cast<char>(i);
    return *this;
  }
  [[nodiscard]] const std::string& all() const { return m_bytes; }

 private:
  std::string m_bytes;
};

}  // namespace checkpoint_files
