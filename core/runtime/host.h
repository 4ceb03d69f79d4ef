// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What variants of one model share: the device, and the base tensors that are in its memory. Internal to core/runtime.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <tuple>

#include "core/base/failure.h"
#include "core/base/hash.h"
#include "core/runtime/variant.h"

namespace deltascope {

/// A base tensor as deltas see it: codes and scales, or values in the final's type, cut or continued with zeros to the final's
/// rows. Immutable once made.
struct ResidentBase {
  BaseKind kind = BaseKind::None;
  kernels::Buffer codes;   ///< quantized: as stored; Same: the values
  kernels::Buffer scales;  ///< quantized: floats
  std::uint64_t group = 64, columns = 0;
  std::uint64_t begin = 0;  ///< the tensor's element at which `codes` begin
  Hash128 hash;             ///< over the tensor's stored bytes, as payloads have it

  /// Elements of it, where `codes` and `scales` are in the host's memory.
  [[nodiscard]] BaseSlice slice(DType type, IndexRange elements) const {
    return sliceOf(kind, type, group, elements, codes.data(), scales.as<float>(), columns, begin);
  }
};

/// Bytes that belong to nobody's buffer, held on an account until the object goes.
class Reservation {
 public:
  Reservation() = default;
  [[nodiscard]] static Result<Reservation> take(std::shared_ptr<kernels::Backend> backend, std::uint64_t bytes,
                                                std::string_view what);
  Reservation(Reservation&& other) noexcept { *this = std::move(other); }
  Reservation& operator=(Reservation&& other) noexcept {
    std::swap(m_backend, other.m_backend);
    std::swap(m_bytes, other.m_bytes);
    return *this;
  }
  ~Reservation() {
    if (m_backend) m_backend->memory().giveBack(m_bytes);
  }

 private:
  std::shared_ptr<kernels::Backend> m_backend;
  std::uint64_t m_bytes = 0;
};

/// Threads: all members may be called concurrently; products on the backend only under `running`.
class Host {
 public:
  explicit Host(std::shared_ptr<kernels::Backend> backend) : m_backend(std::move(backend)) {}
  /// Whether the device's memory is the host's, to be read and written where it is.
  [[nodiscard]] bool inPlace() const { return m_backend->onHost(); }
  [[nodiscard]] kernels::Backend& backend() const { return *m_backend; }
  [[nodiscard]] const std::shared_ptr<kernels::Backend>& sharedBackend() const { return m_backend; }
  [[nodiscard]] std::mutex& running() { return m_running; }  ///< held by whoever computes

  /// Bytes of the host to memory of the device; waits for nothing but other callers.
  [[nodiscard]] Result<void> put(void* to, std::span<const std::byte> bytes);
  /// On a GPU, as GpuOps::makeTileTable.
  [[nodiscard]] Result<kernels::Buffer> tileTable(const kernels::AnchorRule& rule, const kernels::PrefixTable* prefix,
                                                  const kernels::FieldTable* fields);
  /// Fills `bytes` bytes of a buffer piece by piece: `read` gets where a piece begins and host memory for it.
  [[nodiscard]] Result<void> fill(const kernels::Buffer& buffer, std::uint64_t bytes, std::uint64_t pieceBytes,
                                  const std::stop_token& stop,
                                  const std::function<Result<void>(std::uint64_t begin, std::span<std::byte> piece)>& read);
  [[nodiscard]] std::mutex& copying() { return m_copying; }  ///< held by whoever calls the backend while others may load

  /// The base's side of a weight: what is there already, or read now. Cancelled when `stop` says so.
  [[nodiscard]] Result<std::shared_ptr<const ResidentBase>> base(const BaseModel& model, const TensorOrigin& origin,
                                                                 const std::stop_token& stop);
  /// Whether base() would read nothing.
  [[nodiscard]] bool holds(const BaseModel& model, const TensorOrigin& origin) const;

 private:
  /// Checkpoint, tensor, type and size that it is seen in, and which part.
  using Key = std::tuple<std::string, std::string, DType, std::uint64_t, std::uint64_t, std::uint64_t>;
  [[nodiscard]] static Key keyOf(const BaseModel& model, const TensorOrigin& origin);
  Result<void> readQuantized(const BaseModel& model, const TensorOrigin& origin, const std::stop_token& stop,
                             ResidentBase& base);
  Result<void> readPlain(const BaseModel& model, const TensorOrigin& origin, const std::stop_token& stop, ResidentBase& base);
  Result<std::shared_ptr<const ResidentBase>> read(const BaseModel& model, const TensorOrigin& origin,
                                                   const std::stop_token& stop);

  std::shared_ptr<kernels::Backend> m_backend;
  std::mutex m_running, m_copying;
  mutable std::mutex m_mutex;
  std::map<Key, std::weak_ptr<const ResidentBase>> m_bases;
};

/// Elements of the base's tensor that are in memory for a weight: whole tiles about a part, else the final's.
[[nodiscard]] IndexRange baseElements(const TensorOrigin& origin);
/// Elements that the base has of a weight: others than the final where rows were added or cut.
[[nodiscard]] std::uint64_t bottomElements(const TensorOrigin& origin);
[[nodiscard]] std::uint64_t residentCodeBytes(const TensorOrigin& origin);   ///< of a quantized bottom, in the final's rows
[[nodiscard]] std::uint64_t residentScaleBytes(const TensorOrigin& origin);  ///< the same
/// Bytes that ResidentBase takes for a weight; 0 without a bottom.
[[nodiscard]] std::uint64_t residentBaseBytes(const TensorOrigin& origin);

}  // namespace deltascope
