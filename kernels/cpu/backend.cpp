// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/backend.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "kernels/cpu/context.h"
#include "kernels/cpu/made.h"
#include "kernels/cpu/processor.h"

namespace deltascope::kernels {
namespace {

constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
constexpr unsigned kMostThreads = 1024;

Failure failure(Failure::Kind kind, std::string message, std::string hint) {
  return {kind, std::move(message), std::move(hint)};
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(DeviceInfo device, const CpuOps& ops, std::shared_ptr<MemoryAccount> account, unsigned threads)
      : m_device(std::move(device)), m_context{ops, std::move(account), Pool(threads), {}, {}, {}} {}

  Outcome<void> takeProductScratch() {
    const unsigned threads = m_context.pool.threads();
    auto memory = allocate(threads * ProductScratch::kBytes, "the scratch of products");
    if (!memory) return tl::unexpected(std::move(memory.error()));
    m_context.productMemory = std::move(*memory);
    auto* at = m_context.productMemory.as<float>();
    for (unsigned thread = 0; thread < threads; ++thread, at += ProductScratch::kBytes / sizeof(float)) {
      ProductScratch scratch;
      scratch.split = at;
      scratch.panel = scratch.split + ProductScratch::kSplitFloats;
      scratch.sums = scratch.panel + ProductScratch::kPanelFloats;
      m_context.scratch.push_back(scratch);
    }
    return {};
  }

  const DeviceInfo& device() const override { return m_device; }

  Outcome<Buffer> allocate(std::uint64_t bytes, std::string_view what) override {
    return allocateHost(m_context.account, bytes, what);
  }
  MemoryAccount& memory() const override { return *m_context.account; }
  void copyIn(void* to, const void* fromHost, std::uint64_t bytes) override {
    if (bytes) std::memcpy(to, fromHost, bytes);
  }
  void copyOnDevice(void* to, const void* from, std::uint64_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void copyOut(void* toHost, const void* from, std::uint64_t bytes) override {
    if (bytes) std::memcpy(toHost, from, bytes);
  }
  Outcome<void> synchronize() override { return {}; }  // nothing goes on after a call
  DeviceMemoryUse deviceMemory() const override {
    const ProcessorMemory now = processorMemory();
    return {now.total, now.available, residentBytes(), "VmRSS of /proc/self/status"};
  }

  std::uint64_t scratchBytes(std::uint64_t stepBytes, std::uint64_t rowBytes, std::size_t pieces) const override {
    return MadeScratch::bytes(m_context.pool.threads(), stepBytes, rowBytes, pieces);
  }
  Outcome<void> reserveScratch(std::uint64_t bytes) override {
    if (bytes > 0 && bytes <= m_context.madeScratch.bytes()) return {};
    m_context.madeScratch = {};
    auto memory = allocate(bytes, "the scratch of products with made weights");
    if (!memory) return tl::unexpected(std::move(memory.error()));
    m_context.madeScratch = std::move(*memory);
    return {};
  }

  Outcome<void> matmul(const MatmulArgs& args) override { return kernels::matmul(m_context, args); }
  Outcome<void> gatherRows(const GatherRowsArgs& args) override { return kernels::gatherRows(m_context, args); }
  void rmsNorm(const RmsNormArgs& args) override { kernels::rmsNorm(m_context, args); }
  void rope(const RopeArgs& args) override { kernels::rope(m_context, args); }
  void storeKv(const StoreKvArgs& args) override { kernels::storeKv(m_context, args); }
  Outcome<void> attention(const AttentionArgs& args) override {
    if (auto fits = checkAttention(args); !fits) return fits;
    kernels::attention(m_context, args);
    return {};
  }
  void siluMultiply(const GateMultiplyArgs& args) override { kernels::siluMultiply(m_context, args); }
  void addRows(const AddRowsArgs& args) override { kernels::addRows(m_context, args); }
  Outcome<void> geluMultiply(const GateMultiplyArgs& args) override {
    return kernels::geluMultiply(m_context, args), Outcome<void>();
  }
  Outcome<void> sigmoidMultiply(const GateMultiplyArgs& args) override {
    return kernels::sigmoidMultiply(m_context, args), Outcome<void>();
  }
  Outcome<void> clampedGateMultiply(const ClampedGateArgs& args) override {
    return kernels::clampedGateMultiply(m_context, args), Outcome<void>();
  }
  Outcome<void> scale(const ScaleArgs& args) override { return kernels::scale(m_context, args), Outcome<void>(); }
  Outcome<void> addScaled(const AddScaledArgs& args) override { return kernels::addScaled(m_context, args), Outcome<void>(); }
  Outcome<void> softCap(const SoftCapArgs& args) override { return kernels::softCap(m_context, args), Outcome<void>(); }
  Outcome<void> convolve(const ConvolveArgs& args) override { return kernels::convolve(m_context, args), Outcome<void>(); }
  Outcome<void> deltaRule(const DeltaRuleArgs& args) override { return kernels::deltaRule(m_context, args), Outcome<void>(); }

 private:
  DeviceInfo m_device;
  CpuContext m_context;
};

}  // namespace

Outcome<Buffer> allocateHost(const std::shared_ptr<MemoryAccount>& account, std::uint64_t bytes, std::string_view what) {
  if (bytes == 0) return Buffer();
  if (auto taken = account->take(bytes, what); !taken) return tl::unexpected(std::move(taken.error()));
  void* data = nullptr;
  if (posix_memalign(&data, bytes >= 2 * kHugePage ? kHugePage : 64, bytes) != 0) {
    account->giveBack(bytes);
    return tl::unexpected(failure(Failure::Kind::OutOfMemory,
                                  std::string(what) + " needs " + formatBytes(bytes) + ", which the system does not have; " +
                                      formatBytes(account->use().current) + " are held",
                                  "close other programs, or choose a smaller model or context"));
  }
#if defined(MADV_HUGEPAGE)
  if (bytes >= 2 * kHugePage) madvise(data, bytes, MADV_HUGEPAGE);  // advice: fewer page walks where the system follows it
#endif
  return Buffer(account, data, bytes, [](void* memory) noexcept { std::free(memory); });
}

Outcome<std::shared_ptr<Backend>> openCpu(const BackendOptions& options) {
  const auto isas = supportedIsas();
  if (std::find(isas.begin(), isas.end(), options.isa) == isas.end())
    return tl::unexpected(failure(Failure::Kind::Unsupported, std::string("this processor has no ") + nameOf(options.isa),
                                  "leave the choice to the program"));
  DeviceInfo device = processor();
  const unsigned threads = options.threads ? options.threads : device.threads;
  if (threads > kMostThreads)
    return tl::unexpected(failure(Failure::Kind::Device,
                                  std::to_string(threads) + " threads are more than the " + std::to_string(kMostThreads) +
                                      " that a processor backend starts",
                                  "use one thread a core: " + std::to_string(device.threads) + " here"));
  try {
    auto backend =
        std::make_shared<CpuBackend>(std::move(device), cpuOps(options.isa), makeAccount(options.memoryLimit), threads);
    if (auto taken = backend->takeProductScratch(); !taken) return tl::unexpected(std::move(taken.error()));
    return backend;
  } catch (const std::system_error& e) {
    return tl::unexpected(failure(Failure::Kind::Device, "cannot start " + std::to_string(threads) + " threads: " + e.what(),
                                  "use fewer threads"));
  }
}

}  // namespace deltascope::kernels
