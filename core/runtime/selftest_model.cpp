// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/units.h"
#include "core/checkpoint/safetensors.h"
#include "core/model/weights.h"
#include "core/pipeline/pipeline.h"
#include "core/runtime/runtime.h"
#include "core/runtime/selftest_parts.h"

namespace deltascope::selftest {
namespace {

namespace fs = std::filesystem;

/// A folder of its own that goes when the object does.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<unsigned> count{0};
    m_path =
        fs::temp_directory_path(m_error) / ("deltascope-selftest-" + std::to_string(getpid()) + "-" + std::to_string(++count));
    fs::create_directories(m_path, m_error);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(m_path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return m_path; }
  [[nodiscard]] const std::error_code& error() const { return m_error; }

 private:
  fs::path m_path;
  std::error_code m_error;
};

/// Two layers with everything that a family can ask for: grouped heads, norms of heads, biases, tied embeddings.
nlohmann::ordered_json configOf() {
  return {{"architectures", {"Qwen3ForCausalLM"}},
          {"model_type", "qwen3"},
          {"hidden_size", 192},
          {"intermediate_size", 320},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 6},
          {"num_key_value_heads", 2},
          {"head_dim", 32},
          {"vocab_size", 611},
          {"max_position_embeddings", 128},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", 10000.0},
          {"attention_bias", true},
          {"tie_word_embeddings", true}};
}

Result<void> writeModel(const fs::path& folder) {
  const auto json = configOf();
  std::error_code error;
  fs::create_directories(folder, error);
  DELTASCOPE_TRY(writeTextFile(folder / "config.json", json.dump(2)));
  DELTASCOPE_ASSIGN(const ModelConfig config, parseModelConfig(json, folder / "config.json"));
  std::vector<TensorSpec> specs;
  for (const auto& weight : weightsOf(config)) specs.push_back({weight.name, DType::BF16, weight.shape});
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

const std::vector<TokenId> kPrompt{5, 600, 17, 23, 300};

Result<Generation> run(const LoadRequest& request, const JobContext& job) {
  DELTASCOPE_ASSIGN(auto model, Model::load(request, job));
  DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
  GenerateRequest generating;
  generating.prompt = kPrompt;
  generating.maxNewTokens = 24;
  generating.ignoreEnd = true;
  return session->generate(generating, job.stop);
}

Result<std::vector<float>> logitsOf(const LoadRequest& request, const JobContext& job) {
  DELTASCOPE_ASSIGN(auto model, Model::load(request, job));
  DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
  return session->logits(kPrompt, job.stop);
}

/// Another device adds in another order: its logits are off by roundings of FP32 sums, which stay far below this share of the
/// largest logit.
constexpr float kDeviceBound = 0x1p-14f;

SelfTestCheck compareLogits(std::span<const float> device, std::span<const float> processor) {
  SelfTestCheck check{"logits against the processor's", true, {}};
  float largest = 0, off = 0;
  for (std::size_t i = 0; i < processor.size(); ++i) {
    largest = std::max(largest, std::fabs(processor[i]));
    off = std::max(off, std::fabs(device[i] - processor[i]));
    if (!std::isfinite(device[i])) check.passed = false;
  }
  check.passed = check.passed && largest > 0 && off <= kDeviceBound * largest;
  check.detail =
      "off by at most " + std::to_string(off / largest) + " of the largest, " + std::to_string(kDeviceBound) + " allowed";
  return check;
}

}  // namespace

Result<void> testModel(const std::string& device, const JobContext& job, Checks& checks) {
  const TemporaryFolder folder;
  if (folder.error())
    return fail(ErrorCode::Io, at({folder.path(), {}, {}}, folder.error().message()),
                "set TMPDIR to a folder that can be written");
  const JobContext quiet{job.stop, {}, job.threads};
  const fs::path plain = folder.path() / "plain", packed = folder.path() / "packed";
  DELTASCOPE_TRY(writeModel(plain));
  PackRequest packing;
  packing.final = plain;
  packing.quantize = QuantFormat::Nf4;
  packing.scope = PackScope::All;
  packing.out = packed;
  DELTASCOPE_TRY(pack(packing, quiet));
  VerifyRequest verifying;
  verifying.path = packed;
  verifying.final = plain;
  verifying.device = device;
  DELTASCOPE_ASSIGN(const auto verified, verify(verifying, quiet));
  checks.push_back({"a small model, packed and verified", verified.bitExact,
                    (verified.bitExact ? "bit-exact: " : "not bit-exact: ") +
                        formatCount(verified.elementsCompared - verified.elementsDifferent) + " of " +
                        formatCount(verified.elementsCompared)});

  LoadRequest request;
  request.path = plain;
  request.device = device;
  request.threads = job.threads;
  DELTASCOPE_ASSIGN(const Generation truth, run(request, quiet));
  if (device != "cpu") {
    DELTASCOPE_ASSIGN(const auto there, logitsOf(request, quiet));
    request.device = "cpu";
    DELTASCOPE_ASSIGN(const auto here, logitsOf(request, quiet));
    DELTASCOPE_ASSIGN(const Generation processor, run(request, quiet));
    request.device = device;
    checks.push_back(compareLogits(there, here));
    checks.push_back({"24 greedy tokens as the processor gives them", processor.ids == truth.ids,
                      processor.ids == truth.ids ? "the same ids" : "other ids"});
  }
  request.path = packed;
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
    request.placement = placement;
    DELTASCOPE_ASSIGN(const Generation exact, run(request, quiet));
    const bool same = exact.logitsHash == truth.logitsHash && exact.ids == truth.ids;
    checks.push_back(
        {"24 tokens, " + std::string(nameOf(placement)) + " against the checkpoint itself", same,
         same ? "the same logits, hash " + exact.logitsHash : "hash " + exact.logitsHash + " is not " + truth.logitsHash});
  }
  return {};
}

}  // namespace deltascope::selftest
