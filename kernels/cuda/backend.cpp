// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/backend.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/cuda/decode/decoders.h"
#include "kernels/cuda/decode/errors.h"
#include "kernels/cuda/feed.h"
#include "kernels/cuda/library.h"
#include "kernels/shared/account.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr std::uint64_t kBounceBytes = std::uint64_t{4} << 20;
/// Attention of so many tokens has blocks for all its segments up to here; more tokens go one launch after another.
constexpr std::uint32_t kUsualHeads = 64, kUsualHeadDim = 128;

class EventTimer final : public Timer {
 public:
  explicit EventTimer(cudaStream_t stream) : m_stream(stream) {
    cudaEventCreate(&m_start);
    cudaEventCreate(&m_stop);
  }
  ~EventTimer() override {
    if (m_start) cudaEventDestroy(m_start);
    if (m_stop) cudaEventDestroy(m_stop);
  }
  EventTimer(const EventTimer&) = delete;
  EventTimer& operator=(const EventTimer&) = delete;
  void start() override { cudaEventRecord(m_start, m_stream); }
  void stop() override { cudaEventRecord(m_stop, m_stream); }
  Outcome<double> milliseconds() override {
    float ms = 0;
    auto error = cudaEventSynchronize(m_stop);
    if (error == cudaSuccess) error = cudaEventElapsedTime(&ms, m_start, m_stop);
    if (error != cudaSuccess) return failed("timing on the GPU", error);
    return ms;
  }

 private:
  cudaStream_t m_stream;
  cudaEvent_t m_start = nullptr, m_stop = nullptr;
};

}  // namespace

Outcome<std::shared_ptr<Backend>> CudaBackend::open(int index, const BackendOptions& options) {
  auto backend = std::shared_ptr<CudaBackend>(new CudaBackend);
  if (auto started = backend->start(index, options); !started) return tl::make_unexpected(started.error());
  return std::shared_ptr<Backend>(std::move(backend));
}

Outcome<void> CudaBackend::start(int index, const BackendOptions& options) {
  m_info.id = "cuda:" + std::to_string(index);
  describeDevice(index, m_info);
  if (!m_info.usable)
    return tl::unexpected(
        Failure{Failure::Kind::Device, m_info.id + " cannot be used: " + m_info.reason, "use the device cpu"});
  m_machine.index = index;
  if (const auto error = cudaSetDevice(index); error != cudaSuccess) return failed("opening the GPU", error);
  int processors = 0, shared = 0;
  cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, index);
  cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, index);
  m_machine.processors = static_cast<unsigned>(std::max(processors, 1));
  m_machine.sharedBytes = static_cast<std::uint32_t>(shared);
  // Code for older architectures has no instruction to wait with, whatever the device could do.
  m_machine.dependentLaunch = m_machine.clusters = codeArchitecture() >= 90;
#ifdef DELTASCOPE_HOPPER
  int major = 0, minor = 0;
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index);
  m_machine.warpgroups = major == 9 && minor == 0;
#endif
  if (const auto error = cudaStreamCreateWithFlags(&m_machine.stream, cudaStreamNonBlocking); error != cudaSuccess)
    return failed("a stream of the GPU", error);
  m_compute = options.compute == ComputeMode::Bf16 ? Compute::Bf16 : Compute::Fp32;
  auto pool = DevicePool::create(index, options.memoryLimit);
  if (!pool) return tl::make_unexpected(pool.error());
  m_pool = std::move(*pool);
  m_workspaceBytes = kHeadBytes + attentionScratchBytes(kUsualHeads, kUsualHeadDim);
  auto workspace = m_pool->allocate(m_workspaceBytes, "the workspace");
  if (!workspace) return tl::make_unexpected(workspace.error());
  m_workspace = std::move(*workspace);
  if (const auto error = cudaMemsetAsync(m_workspace.data(), 0, m_workspaceBytes, m_machine.stream); error != cudaSuccess)
    return failed("the workspace", error);
  if (const auto error = cudaMemsetAsync(m_workspace.as<std::byte>() + kErrorAt, 0xff, sizeof kNoError, m_machine.stream);
      error != cudaSuccess)
    return failed("the workspace", error);
  auto bounce = PinnedBuffer::create(kBounceBytes);
  if (!bounce) return tl::make_unexpected(bounce.error());
  m_bounce = std::move(*bounce);
  m_driverMemory = DriverMemory::open(index);
  return synchronize();
}

CudaBackend::~CudaBackend() {
  dropRecording();
  if (m_machine.stream) {
    cudaStreamSynchronize(m_machine.stream);
    cudaStreamDestroy(m_machine.stream);
  }
}

void CudaBackend::note(const char* what, cudaError_t error) {
  if (error != cudaSuccess && !m_failure) m_failure = failed(what, error).value();
}

void CudaBackend::launched(const char* what) { note(what, cudaGetLastError()); }

Outcome<void> CudaBackend::noted() const {
  if (m_failure) return tl::unexpected(*m_failure);
  return {};
}

Outcome<Buffer> CudaBackend::allocate(std::uint64_t bytes, std::string_view what) { return m_pool->allocate(bytes, what); }

void CudaBackend::copyIn(void* to, const void* fromHost, std::uint64_t bytes) {
  if (bytes == 0) return;
  cudaSetDevice(m_machine.index);
  note("a copy to the GPU", cudaMemcpyAsync(to, fromHost, bytes, cudaMemcpyHostToDevice, m_machine.stream));
}

void CudaBackend::copyOnDevice(void* to, const void* from, std::uint64_t bytes) {
  cudaSetDevice(m_machine.index);
  note("a copy on the GPU", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, m_machine.stream));
}

void CudaBackend::copyRows(const CopyRowsArgs& args) {
  if (args.rows == 0 || args.columns == 0) return;
  cudaSetDevice(m_machine.index);
  note("a copy on the GPU",
       cudaMemcpy2DAsync(args.to, args.columns * sizeof(float), args.from, args.stride * sizeof(float),
                         args.columns * sizeof(float), args.rows, cudaMemcpyDeviceToDevice, m_machine.stream));
}

void CudaBackend::copyOut(void* toHost, const void* from, std::uint64_t bytes) {
  cudaSetDevice(m_machine.index);
  for (std::uint64_t at = 0; at < bytes; at += kBounceBytes) {
    const std::uint64_t size = std::min(kBounceBytes, bytes - at);
    note("a copy from the GPU", cudaMemcpyAsync(m_bounce.data(), static_cast<const std::byte*>(from) + at, size,
                                                cudaMemcpyDeviceToHost, m_machine.stream));
    note("a copy from the GPU", cudaStreamSynchronize(m_machine.stream));
    std::memcpy(static_cast<std::byte*>(toHost) + at, m_bounce.data(), size);
  }
}

Outcome<void> CudaBackend::synchronize() {
  cudaSetDevice(m_machine.index);
  if (m_decodes)
    note("work on the GPU", cudaMemcpyAsync(m_bounce.data(), m_workspace.as<std::byte>() + kErrorAt, sizeof kNoError,
                                            cudaMemcpyDeviceToHost, m_machine.stream));
  note("work on the GPU", cudaStreamSynchronize(m_machine.stream));
  if (m_decodes) noteDamage();
  auto done = noted();
  m_failure.reset();
  return done;
}

std::uint64_t CudaBackend::scratchBytes(std::uint64_t stepBytes, std::uint64_t, std::size_t) const { return stepBytes; }

Outcome<void> CudaBackend::reserveScratch(std::uint64_t bytes) {
  if (bytes != 0 && bytes <= m_scratch.bytes()) return {};
  dropRecording();
  m_scratch = {};
  if (bytes == 0) return {};
  auto buffer = m_pool->allocate(bytes, "scratch for reconstruction");
  if (!buffer) return tl::make_unexpected(buffer.error());
  m_scratch = std::move(*buffer);
  return {};
}

Outcome<std::byte*> CudaBackend::scratch(std::uint64_t bytes) {
  if (m_scratch.bytes() < bytes) {
    if (m_recordingNow)
      return tl::unexpected(Failure{Failure::Kind::OutOfMemory, "scratch for reconstruction was not reserved", {}});
    if (auto reserved = reserveScratch(bytes); !reserved) return tl::make_unexpected(reserved.error());
  }
  return m_scratch.as<std::byte>();
}

void CudaBackend::rmsNorm(const RmsNormArgs& args) { begin("a norm", cuda::rmsNorm, args); }
void CudaBackend::rope(const RopeArgs& args) { begin("a rotation", cuda::rope, args); }
void CudaBackend::siluMultiply(const GateMultiplyArgs& args) { begin("a gate", cuda::siluMultiply, args); }
Outcome<void> CudaBackend::geluMultiply(const GateMultiplyArgs& args) {
  begin("a gate", cuda::geluMultiply, args);
  return noted();
}
Outcome<void> CudaBackend::scale(const ScaleArgs& args) {
  begin("a scale", cuda::scale, args);
  return noted();
}
Outcome<void> CudaBackend::addScaled(const AddScaledArgs& args) {
  begin("a sum", cuda::addScaled, args);
  return noted();
}
void CudaBackend::addRows(const AddRowsArgs& args) { begin("a sum of rows", cuda::addRows, args); }
Outcome<void> CudaBackend::softCap(const SoftCapArgs& args) {
  begin("a soft cap", cuda::softCap, args);
  return noted();
}

void CudaBackend::setPosition(std::uint32_t position) {
  if (position == m_position) return;
  copyIn(m_workspace.data(), &position, sizeof position);
  m_position = position;
}

void CudaBackend::storeKv(const StoreKvArgs& args) {
  setPosition(args.firstPosition);
  cuda::storeKv(m_machine, args, m_workspace.as<std::uint32_t>());
  launched("filling the cache");
}

Outcome<void> CudaBackend::attention(const AttentionArgs& args) {
  if (auto fits = checkAttention(args); !fits) return fits;
  setPosition(args.firstPosition);
  cuda::attention(m_machine, args, m_workspace.as<std::uint32_t>(), m_workspace.as<std::byte>() + kHeadBytes,
                  m_workspaceBytes - kHeadBytes);
  launched("attention");
  return noted();
}

bool CudaBackend::isDraft(const MatmulArgs& args) const {
  return args.draft && args.tokens == 1 && !args.weight.feed && hasDraft(m_machine, args.weight);
}

bool CudaBackend::alike(const MatmulArgs& a, const MatmulArgs& b) const {
  const Matrix &m = a.weight, &n = b.weight;
  if (m.form != n.form || m.columns != n.columns || m.feed || n.feed || a.tokens != b.tokens) return false;
  if (a.accumulate != b.accumulate || (a.bias && b.bias && a.biasType != b.biasType) || a.x != b.x) return false;
  const bool drafts = isDraft(a);
  if (drafts != isDraft(b)) return false;
  if (!drafts && (a.tokens > mostFew(m) || !hasFewProduct(m_machine, m) || !hasFewProduct(m_machine, n))) return false;
  if (m.form == Matrix::Form::Dense) return true;
  if (m.form == Matrix::Form::Tiled && m.tiles.code != n.tiles.code) return false;
  return std::equal(m.values, m.values + 16, n.values);
}

Outcome<void> CudaBackend::multiplyTogether(const RmsNormArgs& norm, bool gated, std::span<const MatmulArgs> args) {
  cudaSetDevice(m_machine.index);
  const FewProduct how{m_compute, norm.weight ? &norm : nullptr, gated, false};
  isDraft(args[0]) ? draftOfToken(m_machine, how, args) : productOfFew(m_machine, how, args);
  launched("a product");
  return noted();
}

Outcome<void> CudaBackend::normedMatmul(const RmsNormArgs& norm, std::span<const MatmulArgs> args) {
  const bool together = !args.empty() && args.size() <= 3 && canNorm(norm) &&
                        std::all_of(args.begin(), args.end(), [&](const MatmulArgs& one) { return alike(args[0], one); });
  return together ? multiplyTogether(norm, false, args) : Backend::normedMatmul(norm, args);
}

Outcome<void> CudaBackend::gatedMatmul(const RmsNormArgs& norm, const MatmulArgs& gate, const MatmulArgs& up) {
  if ((norm.weight && !canNorm(norm)) || !alike(gate, up) || gate.weight.rows != up.weight.rows || gate.accumulate)
    return Backend::gatedMatmul(norm, gate, up);
  return multiplyTogether(norm, true, std::array{gate, up});
}

Outcome<void> CudaBackend::attend(const AttendArgs& args) {
  const AttentionArgs attention = attentionOf(args);
  if (auto fits = checkAttention(attention); !fits) return fits;
  setPosition(args.firstPosition);
  if (attendToken(m_machine, args, m_workspace.as<std::uint32_t>(), m_workspace.as<std::byte>() + kHeadBytes,
                  m_workspaceBytes - kHeadBytes)) {
    launched("attention");
    return noted();
  }
  prepareHeads(m_machine, args, m_workspace.as<std::uint32_t>());
  return this->attention(attention);
}

void CudaBackend::dropRecording() {
  if (m_recordingNow) {
    cudaGraph_t graph = nullptr;
    cudaStreamEndCapture(m_machine.stream, &graph);
    if (graph) cudaGraphDestroy(graph);
    static_cast<void>(cudaGetLastError());
    m_recordingNow = false;
  }
  if (m_recording.graph) cudaGraphExecDestroy(m_recording.graph);
  m_recording.graph = nullptr;
  m_recording.key = m_seenKey = 0;
}

/// The first pass of a key runs as it is called, the second is recorded, and from then on the record is played.
Outcome<bool> CudaBackend::beginPass(const PassArgs& pass) {
  cudaSetDevice(m_machine.index);
  if (m_recordingNow) dropRecording();
  setPosition(pass.firstPosition);
  if (pass.key == 0) return false;
  if (m_recording.graph && m_recording.key == pass.key) {
    note("a recorded pass", cudaGraphLaunch(m_recording.graph, m_machine.stream));
    if (auto good = noted(); !good) return tl::make_unexpected(good.error());
    return true;
  }
  if (m_seenKey == pass.key) {
    dropRecording();
    if (cudaStreamBeginCapture(m_machine.stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess) {
      m_recordingNow = true;
      m_recording.key = pass.key;
    } else {
      static_cast<void>(cudaGetLastError());
    }
  }
  m_seenKey = pass.key;
  return false;
}

Outcome<void> CudaBackend::endPass() {
  if (!m_recordingNow) return noted();
  m_recordingNow = false;
  cudaGraph_t graph = nullptr;
  auto error = cudaStreamEndCapture(m_machine.stream, &graph);
  if (error == cudaSuccess) error = cudaGraphInstantiate(&m_recording.graph, graph, 0);
  if (graph) cudaGraphDestroy(graph);
  if (error == cudaSuccess) error = cudaGraphLaunch(m_recording.graph, m_machine.stream);
  note("recording a pass", error);
  return noted();
}

Outcome<std::unique_ptr<Feed>> CudaBackend::openFeed(FeedRequest request) {
  return cuda::openFeed(m_machine.index, *m_pool, m_machine.stream, std::move(request));
}

DeviceContext CudaBackend::context() {
  return {m_machine.stream, [this](std::uint64_t bytes, std::string_view what) { return m_pool->allocate(bytes, what); },
          reinterpret_cast<unsigned long long*>(m_workspace.as<std::byte>() + kErrorAt)};
}

void CudaBackend::noteDamage() {
  unsigned long long word = 0;
  std::memcpy(&word, m_bounce.data(), sizeof word);
  if (word == kNoError || m_failure) return;
  m_failure = Failure{Failure::Kind::Data, "chunk " + std::to_string(chunkOf(word)) + ": " + words(codeOf(word)),
                      "the payload is damaged; verify or download it again"};
  note("the workspace", cudaMemsetAsync(m_workspace.as<std::byte>() + kErrorAt, 0xff, sizeof kNoError, m_machine.stream));
}

Outcome<std::unique_ptr<Decoder>> CudaBackend::makeDecoder(const DecoderArgs& args) {
  cudaSetDevice(m_machine.index);
  m_decodes = true;
  auto where = context();
  return cuda::makeDecoder(where, args);
}

Outcome<void> CudaBackend::decode(std::span<const DecodeArgs> chunks) {
  cudaSetDevice(m_machine.index);
  auto where = context();
  return cuda::decode(where, chunks);
}

std::unique_ptr<Timer> CudaBackend::makeTimer() {
  cudaSetDevice(m_machine.index);
  return std::make_unique<EventTimer>(m_machine.stream);
}

DeviceMemoryUse CudaBackend::deviceMemory() const {
  DeviceMemoryUse use;
  std::size_t free = 0, total = 0;
  cudaSetDevice(m_machine.index);
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) return use;
  use.total = total;
  use.free = free;
  const auto own = m_driverMemory ? m_driverMemory->own() : std::nullopt;
  use.own = own.value_or(0);
  use.source = own ? "NVML, cudaMemGetInfo" : "cudaMemGetInfo, of the whole device";
  return use;
}

}  // namespace deltascope::kernels::cuda
