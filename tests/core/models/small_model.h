// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Small checkpoints, made on the spot, for tests of whole jobs.
#include <QString>
#include <QtTest>
#include <bit>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "core/base/file.h"
#include "core/checkpoint/checkpoint.h"

namespace deltascope::test {

namespace fs = std::filesystem;

/// The value, or a failed test with the error's text.
template <class T>
T take(Result<T> result) {
  if (!result) qFatal("%s", describe(result.error()).c_str());
  return std::move(*result);
}
inline void take(Result<void> result) {
  if (!result) qFatal("%s", describe(result.error()).c_str());
}

struct TensorData {
  TensorSpec spec;
  std::vector<std::byte> bytes;
};

/// Normal numbers with standard deviation `std` in `dtype`; every 997th a special bit pattern (NaN payload, ±0, infinities,
/// denormals).
inline TensorData randomTensor(const std::string& name, DType dtype, std::vector<std::uint64_t> shape, unsigned seed,
                               float std = 0.02f) {
  std::uint64_t elements = 1;
  for (const auto side : shape) elements *= side;
  TensorData tensor{{name, dtype, std::move(shape)}, std::vector<std::byte>(elements * bytesOf(dtype))};
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, std);
  for (std::uint64_t i = 0; i < elements; ++i) {
    auto bits = std::bit_cast<std::uint32_t>(normal(random));
    if (i % 997 == 996)
      bits = std::array<std::uint32_t, 6>{0x7fc12345u, 0x80000000u, 0, 0xff800000u, 0x00010000u, 0x80030001u}[i / 997 % 6];
    if (dtype == DType::F32) {
      std::memcpy(tensor.bytes.data() + 4 * i, &bits, 4);
    } else if (dtype == DType::BF16) {
      const auto half = static_cast<std::uint16_t>(bits >> 16);
      std::memcpy(tensor.bytes.data() + 2 * i, &half, 2);
    } else {
      std::memcpy(tensor.bytes.data() + i * bytesOf(dtype), &bits, std::min(4u, bytesOf(dtype)));
    }
  }
  return tensor;
}

/// The tensor with every `stride`th element's lowest bit flipped: a fine-tune.
inline TensorData nudged(TensorData tensor, std::size_t stride) {
  const std::size_t size = bytesOf(tensor.spec.dtype);
  for (std::size_t i = 0; i < tensor.bytes.size(); i += stride * size) tensor.bytes[i] ^= std::byte{1};
  return tensor;
}

inline void writeFile(const fs::path& path, const std::vector<TensorData>& tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& tensor : tensors) specs.push_back(tensor.spec);
  auto writer = take(SafetensorsWriter::create(path, specs));
  for (const auto& tensor : tensors) take(writer.write(tensor.spec.name, 0, tensor.bytes));
  take(writer.commit());
}

inline constexpr const char* kConfigText =
    "{\n  \"model_type\": \"llama\",\n  \"architectures\": [\"LlamaForCausalLM\"],\n  \"dtype\": \"bfloat16\"\n}\n";

/// A folder with `shards` files and an index, or model.safetensors for one; config.json and a tokenizer file.
inline void writeModel(const fs::path& folder, const std::vector<TensorData>& tensors, std::size_t shards = 1) {
  fs::create_directories(folder);
  take(writeTextFile(folder / "config.json", kConfigText));
  take(writeTextFile(folder / "tokenizer_config.json", "{\"model_max_length\": 2048}\n"));
  if (shards == 1) return writeFile(folder / "model.safetensors", tensors);
  std::uint64_t total = 0;
  for (const auto& tensor : tensors) total += tensor.bytes.size();
  nlohmann::json index{{"metadata", {{"total_size", total}}}, {"weight_map", nlohmann::json::object()}};
  std::vector<std::vector<TensorData>> parts(shards);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::size_t shard = i * shards / tensors.size();
    const auto name = QString::asprintf("model-%05zu-of-%05zu.safetensors", shard + 1, shards).toStdString();
    index["weight_map"][tensors[i].spec.name] = name;
    parts[shard].push_back(tensors[i]);
  }
  for (std::size_t shard = 0; shard < shards; ++shard)
    writeFile(folder / QString::asprintf("model-%05zu-of-%05zu.safetensors", shard + 1, shards).toStdString(), parts[shard]);
  take(writeTextFile(folder / "model.safetensors.index.json", index.dump(2) + "\n"));
}

/// Names and kinds of tensors as a Llama has them, two layers of odd sizes, and what else a file may hold.
inline std::vector<TensorData> smallLlama(DType dtype = DType::BF16, unsigned seed = 1) {
  std::vector<TensorData> tensors;
  const auto add = [&](const std::string& name, std::vector<std::uint64_t> shape) {
    tensors.push_back(randomTensor(name, dtype, std::move(shape), ++seed * 7919));
  };
  add("model.embed_tokens.weight", {301, 64});
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    add(layer + "input_layernorm.weight", {64});
    add(layer + "self_attn.q_proj.weight", {64, 64});
    add(layer + "mlp.up_proj.weight", {192, 64});
    add(layer + "mlp.down_proj.weight", {64, 192});
  }
  add("model.norm.weight", {64});
  add("empty.weight", {0, 64});
  tensors.push_back(randomTensor("counter", DType::I64, {3}, seed));
  return tensors;
}

/// Every file below `folder`, relative, sorted; hidden ones too.
inline std::vector<std::string> filesIn(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    names.push_back(entry.path().lexically_relative(folder).string());
  std::ranges::sort(names);
  return names;
}

/// Empty when both checkpoints hold the same tensors byte for byte, else what differs.
inline QString difference(const fs::path& a, const fs::path& b) {
  const auto first = take(Checkpoint::open(a)), second = take(Checkpoint::open(b));
  if (first.tensors().size() != second.tensors().size()) return "different number of tensors";
  for (const auto& tensor : first.tensors()) {
    const auto* other = second.find(tensor.name);
    const auto name = QString::fromStdString(tensor.name);
    if (!other || other->dtype != tensor.dtype || other->shape != tensor.shape)
      return name + " is missing or has another shape";
    if (take(first.readAll(tensor)) != take(second.readAll(*other))) return name + " has other bytes";
  }
  return {};
}

/// Flips one bit of a file in place.
inline void flipBit(const fs::path& path, std::uint64_t offset) {
  QFile file(QString::fromStdString(path.string()));
  if (!file.open(QIODevice::ReadWrite) || !file.seek(static_cast<qint64>(offset))) qFatal("cannot open %s", path.c_str());
  char byte = 0;
  file.getChar(&byte);
  file.seek(static_cast<qint64>(offset));
  file.putChar(static_cast<char>(byte ^ 0x10));
}

}  // namespace deltascope::test
