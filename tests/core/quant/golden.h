// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the tests of core/quant share: goldens as bytes, the generator of large.json, the float types.
#include <QtTest>
#include <array>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/checkpoint/safetensors.h"
#include "core/quant/quant.h"
#include "kernels/quantize.h"

namespace deltascope::test {

struct NamedType {
  const char* name;
  DType dtype;
};
inline constexpr std::array<NamedType, 3> kTypes{{{"bf16", DType::BF16}, {"f16", DType::F16}, {"f32", DType::F32}}};
inline constexpr std::array<unsigned, 8> kBlocksizes{32, 64, 128, 256, 512, 1024, 2048, 4096};
inline constexpr std::array<QuantFormat, 2> kFourBit{QuantFormat::Nf4, QuantFormat::Fp4};

inline std::filesystem::path dataFolder() { return std::filesystem::path(DELTASCOPE_TEST_DATA) / "quant"; }

struct Tensor {
  TensorInfo info;
  std::vector<std::byte> bytes;
};

/// Every tensor of one small safetensors file.
inline std::map<std::string, Tensor> loadAll(const std::filesystem::path& path) {
  std::map<std::string, Tensor> tensors;
  const auto file = SafetensorsFile::open(path);
  if (!file) qFatal("%s", describe(file.error()).c_str());
  for (const auto& info : file->header().tensors) {
    Tensor tensor{info, std::vector<std::byte>(info.bytes)};
    if (auto read = file->read(info, 0, tensor.bytes); !read) qFatal("%s", describe(read.error()).c_str());
    tensors.emplace(info.name, std::move(tensor));
  }
  return tensors;
}

template <class T>
std::vector<T> as(std::span<const std::byte> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

template <class T>
std::vector<std::byte> bytesFrom(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

/// SplitMix64, as in make_quant_goldens.py.
inline std::uint64_t splitmix(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

/// Index of the first element of `size` bytes that differs, NaN being equal to NaN; -1 when none does.
inline qsizetype firstDifference(DType dtype, std::span<const std::byte> a, std::span<const std::byte> b) {
  const std::size_t size = bytesOf(dtype);
  if (a.size() != b.size()) return static_cast<qsizetype>(std::min(a.size(), b.size()) / size);
  std::vector<float> x(a.size() / size), y(x.size());
  toFloat(dtype, a, x);
  toFloat(dtype, b, y);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!(x[i] != x[i] && y[i] != y[i]) && std::memcmp(a.data() + i * size, b.data() + i * size, size) != 0)
      return static_cast<qsizetype>(i);
  return -1;
}

}  // namespace deltascope::test
