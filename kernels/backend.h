// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What can compute here: the processor always, a GPU where its backend is found. core sees no other header of this layer
/// but the plain descriptions it includes, and those in residual.h and quantize.h.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/memory.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/gather_rows.h"
#include "kernels/ops/matmul.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/rope.h"
#include "kernels/residual.h"

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

/// Instruction sets the CPU kernels can use, best last.
enum class Isa : std::uint8_t { Scalar, Avx2, Avx512 };
[[nodiscard]] const char* nameOf(Isa isa);
[[nodiscard]] std::vector<Isa> supportedIsas();
[[nodiscard]] Isa bestIsa();

/// One device, opened: its memory, and the operations of a decoder-only transformer. Arguments are described in kernels/ops;
/// pointers in them are the device's. Operations run in the order of the calls and may end after the call returns; copyOut and
/// synchronize wait. One thread at a time, but for allocate and memory.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual const DeviceInfo& device() const = 0;

  /// Accounted, uninitialised, aligned to 64 bytes at least. OutOfMemory names `what` ("kv cache") and what was left.
  [[nodiscard]] virtual Outcome<Buffer> allocate(std::uint64_t bytes, std::string_view what) = 0;
  [[nodiscard]] virtual MemoryAccount& memory() const = 0;
  virtual void copyIn(void* to, const void* fromHost, std::uint64_t bytes) = 0;
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
  virtual void attention(const AttentionArgs& args) = 0;
  virtual void siluMultiply(const SiluMultiplyArgs& args) = 0;
};

struct BackendOptions {
  std::string device = "cpu";
  unsigned threads = 0;           ///< CPU: 0: as many as this process may use
  std::uint64_t memoryLimit = 0;  ///< bytes; 0: none
  Isa isa = bestIsa();            ///< CPU: for tests
};
/// Device: there is none of this name, or it cannot be used; the message says why.
[[nodiscard]] Outcome<std::shared_ptr<Backend>> openBackend(const BackendOptions& options);

}  // namespace deltascope::kernels
