// SPDX-License-Identifier: Apache-2.0
#include "core/selftest/small_model.h"

#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "core/base/failure.h"
#include "core/base/file.h"
#include "core/checkpoint/safetensors.h"
#include "core/model/weights.h"
#include "core/pack/pack.h"
#include "core/quant/codebook.h"
#include "core/selftest/parts.h"

namespace deltascope::selftest {
namespace {

namespace fs = std::filesystem;

nlohmann::ordered_json configOf(SmallModel size, std::size_t layers) {
  const bool wide = size == SmallModel::Wide;
  return {{"architectures", {"Qwen3ForCausalLM"}},
          {"model_type", "qwen3"},
          {"hidden_size", wide ? 512 : 192},
          {"intermediate_size", wide ? 640 : 320},
          {"num_hidden_layers", layers},
          {"num_attention_heads", wide ? 8 : 6},
          {"num_key_value_heads", 2},
          {"head_dim", wide ? 64 : 32},
          {"vocab_size", 611},
          {"max_position_embeddings", wide ? 256 : 128},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", 10000.0},
          {"attention_bias", true},
          {"tie_word_embeddings", true}};
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  static std::atomic<unsigned> count{0};
  m_path =
      fs::temp_directory_path(m_error) / ("deltascope-selftest-" + std::to_string(getpid()) + "-" + std::to_string(++count));
  fs::create_directories(m_path, m_error);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(m_path, ignored);
}

Result<void> TemporaryFolder::ready() const {
  if (!m_error) return {};
  return fail(ErrorCode::Io, at({m_path, {}, {}}, m_error.message()), "set TMPDIR to a folder that can be written");
}

Result<void> packOverNf4(const fs::path& plain, const fs::path& packed, const JobContext& job) {
  PackRequest request;
  request.final = plain;
  request.quantize = QuantFormat::Nf4;
  request.scope = PackScope::All;
  request.out = packed;
  DELTASCOPE_TRY(pack(request, {job.stop, {}, job.threads}));
  return {};
}

Result<void> writeSmallModel(const fs::path& folder, SmallModel size, std::size_t layers) {
  return writeModel(folder, configOf(size, layers));
}

Result<void> writeModel(const fs::path& folder, const nlohmann::ordered_json& json) {
  std::error_code error;
  fs::create_directories(folder, error);
  DELTASCOPE_TRY(writeTextFile(folder / "config.json", json.dump(2)));
  DELTASCOPE_ASSIGN(const ModelConfig config, parseModelConfig(json, folder / "config.json"));
  std::vector<TensorSpec> specs;
  for (const auto& weight : storedWeightsOf(config)) specs.push_back({weight.name, DType::BF16, weight.shape});
  DELTASCOPE_ASSIGN(auto writer, SafetensorsWriter::create(folder / "model.safetensors", specs));
  std::uint64_t seed = 100;
  for (const auto& spec : specs) {
    std::size_t count = 1;
    for (const auto n : spec.shape) count *= n;
    auto values = gaussian(count, ++seed);
    for (auto& value : values) value = spec.shape.size() == 1 ? 1 + value : 4 * value;
    std::vector<std::byte> bytes(count * 2);
    fromFloat(DType::BF16, values, bytes);
    DELTASCOPE_TRY(writer.write(spec.name, 0, bytes));
  }
  return writer.commit();
}

}  // namespace deltascope::selftest
