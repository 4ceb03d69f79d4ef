// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The CUDA backend. Everything is begun on one stream, in the order of the calls.
#include <mutex>
#include <optional>

#include "kernels/cuda/context.h"
#include "kernels/cuda/driver_memory.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/gpu_ops.h"

namespace deltascope::kernels::cuda {

/// A pass recorded as a graph.
struct Recording {
  std::uint64_t key = 0;
  cudaGraphExec_t graph = nullptr;
  ~Recording() {
    if (graph) cudaGraphExecDestroy(graph);
  }
};

/// Of the workspace: the position, a count, the error word, numbers of rows; then attention's scratch.
inline constexpr std::uint64_t kTotalAt = 64, kErrorAt = 128, kRowsAt = 256, kHeadBytes = 4096;

class CudaBackend final : public Backend, public GpuOps {
 public:
  [[nodiscard]] static Outcome<std::shared_ptr<Backend>> open(int index, const BackendOptions& options);
  ~CudaBackend() override;

  [[nodiscard]] const DeviceInfo& device() const override { return m_info; }
  [[nodiscard]] bool onHost() const override { return false; }
  [[nodiscard]] Outcome<Buffer> allocate(std::uint64_t bytes, std::string_view what) override;
  [[nodiscard]] MemoryAccount& memory() const override { return m_pool->account(); }
  void copyIn(void* to, const void* fromHost, std::uint64_t bytes) override;
  void copyOnDevice(void* to, const void* from, std::uint64_t bytes) override;
  void copyRows(const CopyRowsArgs& args) override;
  void copyOut(void* toHost, const void* from, std::uint64_t bytes) override;
  [[nodiscard]] Outcome<void> synchronize() override;
  [[nodiscard]] std::uint64_t scratchBytes(std::uint64_t stepBytes, std::uint64_t rowBytes, std::size_t pieces) const override;
  [[nodiscard]] Outcome<void> reserveScratch(std::uint64_t bytes) override;

  [[nodiscard]] Outcome<void> matmul(const MatmulArgs& args) override;
  [[nodiscard]] Outcome<void> gatherRows(const GatherRowsArgs& args) override;
  void rmsNorm(const RmsNormArgs& args) override;
  void rope(const RopeArgs& args) override;
  void storeKv(const StoreKvArgs& args) override;
  [[nodiscard]] std::uint32_t mostHeadDim() const override { return kMostHeadDim; }
  [[nodiscard]] Outcome<void> attention(const AttentionArgs& args) override;
  void siluMultiply(const GateMultiplyArgs& args) override;
  [[nodiscard]] Outcome<void> geluMultiply(const GateMultiplyArgs& args) override;
  [[nodiscard]] Outcome<void> scale(const ScaleArgs& args) override;
  [[nodiscard]] Outcome<void> addScaled(const AddScaledArgs& args) override;
  [[nodiscard]] Outcome<void> softCap(const SoftCapArgs& args) override;
  void addRows(const AddRowsArgs& args) override;
  [[nodiscard]] Outcome<void> normedMatmul(const RmsNormArgs& norm, std::span<const MatmulArgs> args) override;
  [[nodiscard]] Outcome<void> gatedMatmul(const RmsNormArgs& norm, const MatmulArgs& gate, const MatmulArgs& up) override;
  [[nodiscard]] Outcome<void> attend(const AttendArgs& args) override;
  [[nodiscard]] Outcome<bool> beginPass(const PassArgs& pass) override;
  [[nodiscard]] Outcome<void> endPass() override;
  [[nodiscard]] std::unique_ptr<Timer> makeTimer() override;
  [[nodiscard]] DeviceMemoryUse deviceMemory() const override;

  [[nodiscard]] GpuOps* gpu() override { return this; }
  [[nodiscard]] Outcome<Buffer> makeTileTable(const AnchorRule& rule, const PrefixTable* prefix,
                                              const FieldTable* fields) override;
  [[nodiscard]] Outcome<bool> toBytes(const Matrix& tiled, void* into) override;
  [[nodiscard]] Outcome<void> toCodes(const Matrix& fourBit, void* into) override;
  [[nodiscard]] std::uint64_t unitBytes(const Matrix& fourBit, bool exact) const override;
  [[nodiscard]] Outcome<void> reconstruct(const Matrix& matrix, std::uint64_t firstRow, std::uint64_t rows,
                                          void* into) override {
    return materialise(matrix, firstRow, rows, static_cast<std::byte*>(into));
  }
  [[nodiscard]] Outcome<std::unique_ptr<Feed>> openFeed(FeedRequest request) override;
  [[nodiscard]] Outcome<std::unique_ptr<Decoder>> makeDecoder(const DecoderArgs& args) override;
  [[nodiscard]] Outcome<void> decode(std::span<const DecodeArgs> chunks) override;

 private:
  CudaBackend() = default;
  Outcome<void> start(int index, const BackendOptions& options);
  /// The first failure of a launch or copy, kept until synchronize() tells it.
  void note(const char* what, cudaError_t error);
  void launched(const char* what);
  /// An operation of one kernel.
  template <class Args>
  void begin(const char* what, void (*operation)(const Machine&, const Args&), const Args& args) {
    cudaSetDevice(m_machine.index);
    operation(m_machine, args);
    launched(what);
  }
  [[nodiscard]] Outcome<void> noted() const;
  [[nodiscard]] DeviceContext context();
  /// What decoders found wrong since the last time; the stream has ended.
  void noteDamage();
  void setPosition(std::uint32_t position);
  void dropRecording();
  /// Whether a product is to propose, and has a kernel for that.
  [[nodiscard]] bool isDraft(const MatmulArgs& args) const;
  /// Whether one launch can do both: the same kernel with the same tables.
  [[nodiscard]] bool alike(const MatmulArgs& a, const MatmulArgs& b) const;
  /// Products that are alike, in one launch.
  [[nodiscard]] Outcome<void> multiplyTogether(const RmsNormArgs& norm, bool gated, std::span<const MatmulArgs> args);
  /// `made`: the weights were made or brought by what was begun before.
  [[nodiscard]] Outcome<void> multiply(const MatmulArgs& args, std::uint64_t stride, bool made);
  [[nodiscard]] Outcome<void> gatherMade(const GatherRowsArgs& args);
  [[nodiscard]] Outcome<void> makeAll(const Matrix& m, std::byte* into);
  /// Rows that can only be made together.
  [[nodiscard]] static std::uint64_t rowsTogether(const Matrix& m);
  [[nodiscard]] Outcome<void> multiplyMade(const MatmulArgs& args, std::uint64_t stride);
  /// Rows [first, first + rows) of any form as its type at `into`.
  [[nodiscard]] Outcome<void> materialise(const Matrix& m, std::uint64_t first, std::uint64_t rows, std::byte* into);
  /// Scratch of at least `bytes`, from what was reserved or taken now.
  [[nodiscard]] Outcome<std::byte*> scratch(std::uint64_t bytes);

  DeviceInfo m_info;
  Machine m_machine;
  Compute m_compute = Compute::Fp32;
  std::unique_ptr<DevicePool> m_pool;
  Buffer m_workspace;  ///< position, error word, attention's scratch
  Buffer m_scratch;
  PinnedBuffer m_bounce;
  std::unique_ptr<DriverMemory> m_driverMemory;  ///< null: NVML is not there
  std::uint64_t m_workspaceBytes = 0;
  std::uint32_t m_position = ~0u;
  std::optional<Failure> m_failure;
  std::uint64_t m_seenKey = 0;
  bool m_decodes = false;  ///< there is, or was, a decoder: the error word counts
  bool m_recordingNow = false;
  Recording m_recording;
};

}  // namespace deltascope::kernels::cuda
