// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Checkpoints made of an Input: shapes, types, values and names that quantization, codecs, sorting or files may stumble on.
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/checkpoint/checkpoint.h"
#include "core/quant/quant.h"
#include "tests/fuzz/input.h"

namespace deltascope::fuzz {

namespace fs = std::filesystem;

struct CaseTensor {
  TensorSpec spec;
  std::vector<std::byte> bytes;
  [[nodiscard]] std::uint64_t elements() const {
    std::uint64_t n = 1;
    for (const auto side : spec.shape) n *= side;
    return n;
  }
};
using CaseTensors = std::vector<CaseTensor>;

class RandomCheckpoints {
 public:
  /// Writes below `folder`.
  RandomCheckpoints(Input input, fs::path folder) : m_input(input), m_folder(std::move(folder)) {}

 protected:
  std::uint64_t below(std::uint64_t n) { return m_input.number(2) % n; }
  template <class T, std::size_t N>
  const T& oneOf(const std::array<T, N>& values) {
    return values[m_input.number(1) % N];
  }
  bool oneIn(std::uint64_t n) { return below(n) == 0; }

  CaseTensors checkpoint() {
    CaseTensors tensors;
    std::map<std::string, bool> names;
    for (std::uint64_t left = below(6); left > 0; --left) {
      CaseTensor tensor;
      tensor.spec.name = nameFor();
      if (!names.emplace(tensor.spec.name, true).second) continue;
      tensor.spec.dtype = oneOf(kTypes);
      tensor.spec.shape = shape();
      fill(tensor);
      tensors.push_back(std::move(tensor));
    }
    return tensors;
  }

  std::string nameFor() {
    static const std::array<std::string, 28> names{"model.layers.0.mlp.up_proj.weight",
                                                   "model.layers.0.mlp.down_proj.weight",
                                                   "model.layers.1.self_attn.q_proj.weight",
                                                   "model.layers.10.mlp.experts.gate_up_proj",
                                                   "model.layers.2.mlp.experts.down_proj",
                                                   "model.embed_tokens.weight",
                                                   "lm_head.weight",
                                                   "model.norm.weight",
                                                   "backbone.conv1d.weight",
                                                   "model.layers.0.self_attn.q_proj.bias",
                                                   "weight",
                                                   "x",
                                                   "a.weight.weight",
                                                   "names/with/slashes.weight",
                                                   "..",
                                                   "../../x.weight",
                                                   " spaced name .weight",
                                                   "caf\xc3\xa9.weight",
                                                   "new\nline.weight",
                                                   "tab\t.weight",
                                                   "\xe2\x80\xae.weight",
                                                   "model.layers.18446744073709551616.w.weight",
                                                   "model.layers.00.w.weight",
                                                   "a.quant_state",
                                                   "model.layers.0.mlp.up_proj.weight.absmax",
                                                   "model.layers.0.mlp.up_proj.weight_format",
                                                   "x.quant_map",
                                                   "lm_head.weight.nested_absmax"};
    return oneOf(names);
  }

  std::vector<std::uint64_t> shape() {
    static constexpr std::array<std::uint64_t, 16> kSides{0, 1, 2, 3, 5, 7, 16, 31, 32, 33, 64, 65, 96, 127, 300, 1024};
    static constexpr std::array<std::size_t, 12> kRanks{2, 2, 2, 2, 2, 2, 3, 3, 1, 1, 0, 4};
    std::vector<std::uint64_t> shape(oneOf(kRanks));
    std::uint64_t elements = 1;
    for (auto& side : shape) {
      side = oneOf(kSides);
      if (side * elements > kMostElements) side = 2;
      elements *= std::max<std::uint64_t>(side, 1);
    }
    return shape;
  }

  /// One of the patterns that quantization, codecs or sorting may stumble on, and now and then a stretch of another.
  void fill(CaseTensor& tensor) {
    const std::uint64_t elements = tensor.elements();
    tensor.bytes.resize((elements * bitsOf(tensor.spec.dtype) + 7) / 8);
    const std::uint32_t seed = static_cast<std::uint32_t>(m_input.number(3));
    if (!isCodedFloat(tensor.spec.dtype)) return noise(tensor.bytes, seed);
    std::vector<float> values(elements);
    pattern(values, below(14), seed);
    if (elements > 1 && oneIn(3)) {
      const std::uint64_t first = below(elements);
      pattern(std::span(values).subspan(first, std::min(elements - first, 1 + below(elements))), below(14), seed + 1);
    }
    fromFloat(tensor.spec.dtype, values, tensor.bytes);
    if (oneIn(4)) noise(std::span(tensor.bytes).first(std::min<std::size_t>(tensor.bytes.size(), below(300))), seed + 2);
    special(tensor);
  }

  static std::uint32_t mix(std::uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    x *= 0x846ca68bU;
    return x ^ x >> 16;
  }
  static void noise(std::span<std::byte> bytes, std::uint32_t seed) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(mix(seed + static_cast<std::uint32_t>(i)));
  }

  static void pattern(std::span<float> into, std::uint64_t kind, std::uint32_t seed) {
    const auto& nf4 = codeBook(QuantFormat::Nf4);
    const float scale = std::ldexp(1.0f, static_cast<int>(seed % 40) - 20);
    for (std::size_t i = 0; i < into.size(); ++i) {
      const std::uint32_t r = mix(seed + static_cast<std::uint32_t>(i) * 2654435761u);
      const float unit = static_cast<float>(static_cast<std::int32_t>(r)) / 2147483648.0f;
      const std::array<float, 14> values{0.0f,
                                         -0.0f,
                                         scale,
                                         r % 2 ? scale : -scale,
                                         scale * (static_cast<float>(r % 3) - 1.0f),
                                         scale * nf4.values[i % 16 ? r % 16 : 15],
                                         scale * (i % 32 ? nf4.boundaries[r % 15] : 1.0f),  // ties
                                         static_cast<float>(static_cast<int>(r % 255) - 127) / 127.0f,
                                         unit * unit * unit * scale,
                                         unit * 1e-39f,
                                         r % 64 ? unit * 0.02f : 0.0f,
                                         i / 97 % 2 ? 0.0f : unit,
                                         static_cast<float>(i),
                                         unit * 3e38f};
      into[i] = values[kind];
    }
  }

  /// Bit patterns that no arithmetic makes: payloads of NaN, infinities, denormals, negative zero.
  void special(CaseTensor& tensor) {
    const unsigned size = bytesOf(tensor.spec.dtype);
    static constexpr std::array<std::uint32_t, 10> kBits{0x7fc00000, 0xffc12345, 0x7f800001, 0x7f800000, 0xff800000,
                                                         0x80000000, 0x00000001, 0x807fffff, 0x7f7fffff, 0xffffffff};
    if (tensor.bytes.empty() || !oneIn(3)) return;
    for (std::uint64_t count = 1 + below(5); count > 0; --count) {
      const std::uint32_t bits = oneOf(kBits);
      const std::size_t at = below(tensor.bytes.size() / size) * size;
      std::memcpy(tensor.bytes.data() + at, reinterpret_cast<const char*>(&bits) + 4 - size, size);
    }
  }

  void write(const std::string& name, const CaseTensors& tensors) {
    const fs::path folder = m_folder / name;
    fs::create_directories(folder);
    require(writeTextFile(folder / "config.json", "{\"model_type\": \"llama\", \"n\": 1}").has_value());
    const std::size_t shards = oneIn(4) && tensors.size() > 1 ? 2 : 1;
    std::string map;
    for (std::size_t shard = 0; shard < shards; ++shard) {
      std::vector<TensorSpec> specs;
      for (std::size_t i = shard; i < tensors.size(); i += shards) specs.push_back(tensors[i].spec);
      const std::string file = shards == 1 ? "model.safetensors" : "model-" + std::to_string(shard) + ".safetensors";
      auto writer = SafetensorsWriter::create(folder / file, specs);
      require(writer.has_value());
      for (std::size_t i = shard; i < tensors.size(); i += shards) {
        require(writer->write(tensors[i].spec.name, 0, tensors[i].bytes).has_value());
        map += (map.empty() ? "" : ",") + nlohmann::json(tensors[i].spec.name).dump() + ":\"" + file + "\"";
      }
      require(writer->commit().has_value());
    }
    if (shards > 1)
      require(writeTextFile(folder / "model.safetensors.index.json", "{\"weight_map\":{" + map + "}}").has_value());
  }

  /// Some tensors as they are, some with other bits, some of another type, some gone, some new.
  CaseTensors changed(const CaseTensors& tensors) {
    CaseTensors all;
    for (const auto& tensor : tensors) {
      const std::uint64_t how = below(8);
      if (how == 0) continue;
      CaseTensor next = tensor;
      if (how < 4) {
        for (std::size_t i = below(50); i < next.bytes.size(); i += 1 + below(997))
          next.bytes[i] ^= static_cast<std::byte>(m_input.number(1));
      } else if (how == 4 && isCodedFloat(tensor.spec.dtype)) {
        next.spec.dtype = oneOf(std::array{DType::BF16, DType::F16, DType::F32});
        std::vector<float> values(tensor.elements());
        toFloat(tensor.spec.dtype, tensor.bytes, values);
        next.bytes.resize(values.size() * bytesOf(next.spec.dtype));
        fromFloat(next.spec.dtype, values, next.bytes);
      } else if (how == 5) {
        fill(next);
      }
      all.push_back(std::move(next));
    }
    if (oneIn(3)) {
      CaseTensor added;
      added.spec = {"added.weight", oneOf(kTypes), shape()};
      fill(added);
      all.push_back(std::move(added));
    }
    return all;
  }

  Input m_input;
  fs::path m_folder;

 private:
  static constexpr std::uint64_t kMostElements = 150000;
  static constexpr std::array<DType, 16> kTypes{
      DType::BF16,    DType::F16, DType::F32,  DType::BF16, DType::F16, DType::F32,     DType::BF16, DType::F32,
      DType::F8_E4M3, DType::I64, DType::Bool, DType::U8,   DType::I8,  DType::F8_E5M2, DType::F64,  DType::I32};
};

}  // namespace deltascope::fuzz
