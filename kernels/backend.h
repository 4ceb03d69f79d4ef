// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What can compute here: the processor always, a GPU where its backend is found. core sees no other header of this layer
/// but the plain descriptions it includes, gpu_ops.h, and those in residual.h and quantize.h.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/memory.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/delta_rule.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/gather_rows.h"
#include "kernels/ops/layer.h"
#include "kernels/ops/matmul.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/rope.h"
#include "kernels/ops/rows.h"

namespace deltascope::kernels {

struct DeviceInfo {
  std::string id;    ///< "cpu", "cuda:0"
  std::string name;  ///< model name
  bool usable = false;
  std::string reason;                 ///< why not usable, in words
  std::string detail;                 ///< instruction sets in use, driver version …
  unsigned threads = 0;               ///< CPU: hardware threads this process may use
  std::uint64_t memoryBytes = 0;      ///< total
  std::uint64_t memoryFreeBytes = 0;  ///< available now
};

/// The processor first, then every GPU found; without one, a single "cuda" entry that says why. Never fails, never throws.
[[nodiscard]] std::vector<DeviceInfo> devices();

class GpuOps;

/// Instruction sets the CPU kernels can use, best last.
enum class Isa : std::uint8_t { Scalar, Avx2, Avx512 };
[[nodiscard]] const char* nameOf(Isa isa);
[[nodiscard]] std::vector<Isa> supportedIsas();
[[nodiscard]] Isa bestIsa();

/// Time between two marks among a device's operations.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual void start() = 0;
  virtual void stop() = 0;
  /// Waits for stop().
  [[nodiscard]] virtual Outcome<double> milliseconds() = 0;
};

/// A device's memory as its driver sees it.
struct DeviceMemoryUse {
  std::uint64_t total = 0, free = 0;
  std::uint64_t own = 0;  ///< of this process; 0 where the source tells only of the whole device
  std::string source;     ///< where the figures come from, in words: "VmRSS of /proc/self/status"; empty: nobody told
};

/// One device, opened: its memory, and the operations of a decoder-only transformer. Arguments are described in kernels/ops;
/// pointers in them are the device's. Operations run in the order of the calls and may end after the call returns; copyOut and
/// synchronize wait. One thread at a time, but for allocate and memory.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual const DeviceInfo& device() const = 0;
  /// Whether its memory is the host's, so that buffers can be read and written in place.
  [[nodiscard]] virtual bool onHost() const { return true; }

  /// Accounted, uninitialised, aligned to 64 bytes at least. OutOfMemory names `what` ("kv cache") and what was left.
  [[nodiscard]] virtual Outcome<Buffer> allocate(std::uint64_t bytes, std::string_view what) = 0;
  [[nodiscard]] virtual MemoryAccount& memory() const = 0;
  virtual void copyIn(void* to, const void* fromHost, std::uint64_t bytes) = 0;
  virtual void copyOnDevice(void* to, const void* from, std::uint64_t bytes) = 0;
  virtual void copyRows(const CopyRowsArgs& args);
  virtual void copyOut(void* toHost, const void* from, std::uint64_t bytes) = 0;
  /// Waits for everything that was begun; a failure of any of it.
  [[nodiscard]] virtual Outcome<void> synchronize() = 0;

  /// Scratch that products with Made weights need, whatever their number: the largest for these two sizes is enough for all.
  [[nodiscard]] virtual std::uint64_t scratchBytes(std::uint64_t stepBytes, std::uint64_t rowBytes,
                                                   std::size_t pieces) const = 0;
  /// Takes that scratch from the account; until then products with Made weights take it themselves, call by call. Never
  /// shrinks; 0 gives it back.
  [[nodiscard]] virtual Outcome<void> reserveScratch(std::uint64_t bytes) = 0;

  /// Data: a Made weight could not be made, with the reason its source gave. Other forms cannot fail on a sound device.
  [[nodiscard]] virtual Outcome<void> matmul(const MatmulArgs& args) = 0;
  [[nodiscard]] virtual Outcome<void> gatherRows(const GatherRowsArgs& args) = 0;
  virtual void rmsNorm(const RmsNormArgs& args) = 0;
  virtual void rope(const RopeArgs& args) = 0;
  virtual void storeKv(const StoreKvArgs& args) = 0;
  /// The widest head of a model that can run here.
  [[nodiscard]] virtual std::uint32_t mostHeadDim() const { return ~std::uint32_t{0}; }
  /// Unsupported, with nothing read or written: heads wider than mostHeadDim(), heads that the key-value heads do not share
  /// evenly, tokens that end beyond the cache. The same of attend().
  [[nodiscard]] virtual Outcome<void> attention(const AttentionArgs& args) = 0;
  virtual void siluMultiply(const GateMultiplyArgs& args) = 0;
  virtual void addRows(const AddRowsArgs& args) = 0;
  // Unsupported where a device has none of its own.
  [[nodiscard]] virtual Outcome<void> geluMultiply(const GateMultiplyArgs& args);
  [[nodiscard]] virtual Outcome<void> sigmoidMultiply(const GateMultiplyArgs& args);
  [[nodiscard]] virtual Outcome<void> clampedGateMultiply(const ClampedGateArgs& args);
  [[nodiscard]] virtual Outcome<void> scale(const ScaleArgs& args);
  [[nodiscard]] virtual Outcome<void> addScaled(const AddScaledArgs& args);
  [[nodiscard]] virtual Outcome<void> softCap(const SoftCapArgs& args);
  [[nodiscard]] virtual Outcome<void> convolve(const ConvolveArgs& args);
  [[nodiscard]] virtual Outcome<void> deltaRule(const DeltaRuleArgs& args);

  // What a device may do in one go. Without a way of its own it calls the operations above, in this order.
  /// Products of one x, which is norm.y in all of `args`. Whether norm.y is written is the device's affair.
  [[nodiscard]] virtual Outcome<void> normedMatmul(const RmsNormArgs& norm, std::span<const MatmulArgs> args);
  /// The same for two, and then gate.y = silu(gate.y) · up.y. Without a weight there is no norm: x is the products' own.
  [[nodiscard]] virtual Outcome<void> gatedMatmul(const RmsNormArgs& norm, const MatmulArgs& gate, const MatmulArgs& up);
  [[nodiscard]] virtual Outcome<void> attend(const AttendArgs& args);

  /// Announces a forward pass. True: the device has done the operations that `pass.key` stands for, recorded when they were
  /// last called, and those up to endPass must not be called. A pass that was not ended is forgotten. What differs between such
  /// passes is in `pass` and in memory.
  [[nodiscard]] virtual Outcome<bool> beginPass(const PassArgs& pass);
  [[nodiscard]] virtual Outcome<void> endPass();

  /// What only a GPU does; null where the device is none. A device whose memory is its own has it. Belongs to this object.
  [[nodiscard]] virtual GpuOps* gpu() { return nullptr; }
  /// Marks of time on the device, for measurements.
  [[nodiscard]] virtual std::unique_ptr<Timer> makeTimer();
  [[nodiscard]] virtual DeviceMemoryUse deviceMemory() const;

 protected:
  [[nodiscard]] Outcome<void> checkAttention(const AttentionArgs& args) const;
  [[nodiscard]] Outcome<void> lacks(std::string_view operation) const;
};

/// How a GPU's products take activations: whole (three BF16 parts, FP32 sums), or rounded to BF16 (FP32 sums). A processor
/// computes in FP32.
enum class ComputeMode : std::uint8_t { Fp32, Bf16 };

struct BackendOptions {
  std::string device = "cpu";
  unsigned threads = 0;           ///< CPU: 0: as many as this process may use
  std::uint64_t memoryLimit = 0;  ///< bytes; 0: none
  Isa isa = bestIsa();            ///< CPU: for tests
  ComputeMode compute = ComputeMode::Fp32;
};
/// Device: there is none of this name, or it cannot be used; the message says why.
[[nodiscard]] Outcome<std::shared_ptr<Backend>> openBackend(const BackendOptions& options);

}  // namespace deltascope::kernels
