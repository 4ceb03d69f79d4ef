// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/backend.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/account.h"
#include "kernels/cuda/feed.h"
#include "kernels/cuda/library.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr std::uint64_t kBounceBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kHeadBytes = 256;  ///< of the workspace: the position, then the error word
constexpr std::uint32_t kMostHeads = 64, kMostHeadDim = 128;
/// Of the weights that are made at a time where nothing was reserved.
constexpr std::uint64_t kMadeBytes = std::uint64_t{32} << 20;

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

[[nodiscard]] const void* biasFrom(const MatmulArgs& args, std::uint64_t row) {
  return args.bias ? static_cast<const std::byte*>(args.bias) + row * bytesOf(args.biasType) : nullptr;
}

/// Whether one launch can do both: the same kernel with the same tables.
[[nodiscard]] bool alike(const MatmulArgs& a, const MatmulArgs& b) {
  const Matrix &m = a.weight, &n = b.weight;
  if (m.form != n.form || m.columns != n.columns || m.feed || n.feed || a.tokens != 1 || b.tokens != 1) return false;
  if (a.accumulate != b.accumulate || (a.bias && b.bias && a.biasType != b.biasType) || a.x != b.x) return false;
  if (!hasTokenKernel(m) || !hasTokenKernel(n)) return false;
  if (m.form == Matrix::Form::FourBit) return std::equal(m.values, m.values + 16, n.values);
  if (m.form != Matrix::Form::Tiled) return true;
  if (m.tiles.code != n.tiles.code) return false;
  return m.tiles.code == Tiles::Code::Bytes ? m.tiles.factors == n.tiles.factors : m.tiles.table == n.tiles.table;
}

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
  if (const auto error = cudaStreamCreateWithFlags(&m_machine.stream, cudaStreamNonBlocking); error != cudaSuccess)
    return failed("a stream of the GPU", error);
  m_compute = options.compute == ComputeMode::Bf16 ? Compute::Bf16 : Compute::Fp32;
  auto pool = DevicePool::create(index, options.memoryLimit);
  if (!pool) return tl::make_unexpected(pool.error());
  m_pool = std::move(*pool);
  m_workspaceBytes = kHeadBytes + attentionScratchBytes(kMostHeads, kMostHeadDim);
  auto workspace = m_pool->allocate(m_workspaceBytes, "the workspace");
  if (!workspace) return tl::make_unexpected(workspace.error());
  m_workspace = std::move(*workspace);
  if (const auto error = cudaMemsetAsync(m_workspace.data(), 0, m_workspaceBytes, m_machine.stream); error != cudaSuccess)
    return failed("the workspace", error);
  auto bounce = PinnedBuffer::create(kBounceBytes);
  if (!bounce) return tl::make_unexpected(bounce.error());
  m_bounce = std::move(*bounce);
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
  note("work on the GPU", cudaStreamSynchronize(m_machine.stream));
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

Outcome<void> CudaBackend::matmul(const MatmulArgs& args) {
  const Matrix& weight = args.weight;
  if (args.tokens == 0 || weight.rows == 0) return {};
  cudaSetDevice(m_machine.index);
  if (!weight.feed) return multiply(args, weight.rows);
  for (const FeedRows& rows : weight.feedRows) {
    const auto bytes = weight.feed->acquire(rows.item);
    if (!bytes) return tl::make_unexpected(bytes.error());
    MatmulArgs part = args;
    Matrix& m = part.weight;
    const std::uint64_t first = rows.firstRow * weight.columns;
    m.feed = nullptr;
    m.rows = rows.rows;
    if (m.form == Matrix::Form::Dense) {
      m.elements = *bytes;
    } else {
      m.codes += first / 2;
      m.scales += first / m.group;
      m.tiles.offsets += first / kTile;
      m.tiles.stream = *bytes - rows.offset;
    }
    part.y += rows.firstRow;
    part.bias = biasFrom(args, rows.firstRow);
    auto done = multiply(part, weight.rows);
    weight.feed->release(rows.item);
    if (!done) return done;
  }
  return {};
}

Outcome<void> CudaBackend::multiply(const MatmulArgs& args, std::uint64_t stride) {
  if (args.tokens == 1 && hasTokenKernel(args.weight)) {
    productOfToken(m_machine, m_compute, std::span(&args, 1), false);
  } else if (args.weight.form != Matrix::Form::Dense) {
    return multiplyMade(args, stride);
  } else if (hasTensorKernel(args.weight)) {
    productOfTokens(m_machine, m_compute, args, stride);
  } else {
    plainProduct(m_machine, args, stride);
  }
  launched("a product");
  return noted();
}

/// Rows made in scratch and multiplied from there, as many at a time as it holds.
Outcome<void> CudaBackend::multiplyMade(const MatmulArgs& args, std::uint64_t stride) {
  const Matrix& m = args.weight;
  const std::uint64_t rowBytes = m.columns * bytesOf(m.type), align = rowsTogether(m);
  const std::uint64_t whole = (m.rows + align - 1) / align * align * rowBytes, least = align * rowBytes;
  const auto memory = scratch(
      std::clamp(m_scratch.bytes() / least * least, std::min(whole, std::max(least, kMadeBytes / least * least)), whole));
  if (!memory) return tl::make_unexpected(memory.error());
  const std::uint64_t most = std::max(align, m_scratch.bytes() / least * align);
  for (std::uint64_t first = 0; first < m.rows; first += most) {
    MatmulArgs part = args;
    part.weight = {};
    part.weight.type = m.type;
    part.weight.rows = std::min(most, m.rows - first);
    part.weight.columns = m.columns;
    part.weight.elements = *memory;
    part.y += first;
    part.bias = biasFrom(args, first);
    if (auto made = materialise(m, first, part.weight.rows, *memory); !made) return made;
    if (auto done = multiply(part, stride); !done) return done;
  }
  return {};
}

std::uint64_t CudaBackend::rowsTogether(const Matrix& m) {
  if (m.form == Matrix::Form::Made) return m.rows;
  return m.form == Matrix::Form::Tiled ? std::lcm(m.columns, std::uint64_t{kTile}) / m.columns : 1;
}

Outcome<void> CudaBackend::materialise(const Matrix& m, std::uint64_t first, std::uint64_t rows, std::byte* into) {
  const std::uint64_t begin = first * m.columns, count = rows * m.columns;
  switch (m.form) {
    case Matrix::Form::Made: {
      std::byte* to = into;
      for (std::size_t piece = 0; piece < m.source->pieces(); ++piece) {
        const std::uint64_t end = m.source->pieceBegin(piece + 1);
        for (std::uint64_t at = m.source->pieceBegin(piece); at < end; at += m.source->step()) {
          const std::uint64_t size = std::min(m.source->step(), end - at);
          if (auto made = m.source->make(piece, at, size, to); !made) return made;
          to += size * bytesOf(m.type);
        }
      }
      return {};
    }
    case Matrix::Form::Tiled:
      if (m.tiles.code == Tiles::Code::Bytes)
        expandUnits(m_machine, m, begin, count, into);
      else
        reconstructTiles(m_machine, m, begin / kTile, (begin + count + kTile - 1) / kTile, into);
      break;
    case Matrix::Form::FourBit:
      if (m.type == ElementType::BF16 && begin % 2048 == 0 && count % kStep == 0)
        expandUnits(m_machine, m, begin, count, into);
      else
        dequantize(m_machine, m, begin, count, into);
      break;
    default:
      dequantize(m_machine, m, begin, count, into);
  }
  launched("a reconstruction");
  return noted();
}

Outcome<void> CudaBackend::gatherRows(const GatherRowsArgs& args) {
  if (args.count == 0) return {};
  cudaSetDevice(m_machine.index);
  const Matrix& table = args.table;
  const std::uint64_t rowBytes = table.columns * bytesOf(table.type);
  if (table.form == Matrix::Form::Dense) {
    const auto rows = scratch(args.count * sizeof(std::uint32_t));
    if (!rows) return tl::make_unexpected(rows.error());
    copyIn(*rows, args.rows, args.count * sizeof(std::uint32_t));
    cuda::gatherRows(m_machine, table, reinterpret_cast<const std::uint32_t*>(*rows), args.count, args.into);
    launched("a look-up");
    return noted();
  }
  if (table.form == Matrix::Form::Made && !table.source->onDevice()) return gatherFromHost(args);
  if (table.form == Matrix::Form::Made) return gatherMade(args);
  const std::uint64_t align = rowsTogether(table);
  const auto memory = scratch(align * rowBytes);
  if (!memory) return tl::make_unexpected(memory.error());
  for (std::uint32_t i = 0; i < args.count; ++i) {
    const std::uint64_t first = args.rows[i] / align * align, rows = std::min(align, table.rows - first);
    if (auto made = materialise(table, first, rows, *memory); !made) return made;
    widen(m_machine, table.type, *memory + (args.rows[i] - first) * rowBytes, table.columns, args.into + i * table.columns);
  }
  launched("a look-up");
  return noted();
}

/// Only the steps that hold the rows.
Outcome<void> CudaBackend::gatherMade(const GatherRowsArgs& args) {
  const Matrix& table = args.table;
  const ElementSource& source = *table.source;
  const std::uint64_t size = bytesOf(table.type);
  const auto memory = scratch(source.step() * size);
  if (!memory) return tl::make_unexpected(memory.error());
  for (std::uint32_t i = 0; i < args.count; ++i) {
    const std::uint64_t begin = args.rows[i] * table.columns, end = begin + table.columns;
    for (std::size_t piece = 0; piece < source.pieces(); ++piece) {
      const std::uint64_t pieceEnd = source.pieceBegin(piece + 1);
      if (pieceEnd <= begin) continue;
      if (source.pieceBegin(piece) >= end) break;
      for (std::uint64_t at = source.pieceBegin(piece); at < pieceEnd; at += source.step()) {
        const std::uint64_t count = std::min(source.step(), pieceEnd - at);
        const std::uint64_t from = std::max(at, begin), to = std::min(at + count, end);
        if (from >= to) continue;
        if (auto made = source.make(piece, at, count, *memory); !made) return made;
        widen(m_machine, table.type, *memory + (from - at) * size, to - from, args.into + i * table.columns + (from - begin));
      }
    }
  }
  launched("a look-up");
  return noted();
}

/// A source that makes its elements on the host: rows are made there and brought over.
Outcome<void> CudaBackend::gatherFromHost(const GatherRowsArgs& args) {
  const Matrix& table = args.table;
  const ElementSource& source = *table.source;
  const std::uint64_t size = bytesOf(table.type);
  std::vector<std::byte> step(source.step() * size + 64), rows(args.count * table.columns * size);
  auto* aligned = reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(step.data()) + 63) / 64 * 64);
  for (std::uint32_t i = 0; i < args.count; ++i) {
    const std::uint64_t begin = args.rows[i] * table.columns, end = begin + table.columns;
    for (std::size_t piece = 0; piece < source.pieces(); ++piece) {
      const std::uint64_t pieceEnd = source.pieceBegin(piece + 1);
      if (pieceEnd <= begin) continue;
      if (source.pieceBegin(piece) >= end) break;
      for (std::uint64_t at = source.pieceBegin(piece); at < pieceEnd; at += source.step()) {
        const std::uint64_t count = std::min(source.step(), pieceEnd - at);
        const std::uint64_t from = std::max(at, begin), to = std::min(at + count, end);
        if (from >= to) continue;
        if (auto made = source.make(piece, at, count, aligned); !made) return made;
        std::memcpy(rows.data() + (i * table.columns + from - begin) * size, aligned + (from - at) * size, (to - from) * size);
      }
    }
  }
  const auto memory = scratch(rows.size());
  if (!memory) return tl::make_unexpected(memory.error());
  copyIn(*memory, rows.data(), rows.size());
  widen(m_machine, table.type, *memory, args.count * table.columns, args.into);
  launched("a look-up");
  return noted();
}

void CudaBackend::rmsNorm(const RmsNormArgs& args) {
  cudaSetDevice(m_machine.index);
  cuda::rmsNorm(m_machine, args);
  launched("a norm");
}

void CudaBackend::rope(const RopeArgs& args) {
  cudaSetDevice(m_machine.index);
  cuda::rope(m_machine, args);
  launched("a rotation");
}

void CudaBackend::siluMultiply(const SiluMultiplyArgs& args) {
  cudaSetDevice(m_machine.index);
  cuda::siluMultiply(m_machine, args);
  launched("a gate");
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

void CudaBackend::attention(const AttentionArgs& args) {
  setPosition(args.firstPosition);
  cuda::attention(m_machine, args, m_workspace.as<std::uint32_t>(), m_workspace.as<std::byte>() + kHeadBytes,
                  m_workspaceBytes - kHeadBytes);
  launched("attention");
}

Outcome<void> CudaBackend::matmulGroup(std::span<const MatmulArgs> args) {
  const bool together = args.size() > 1 && args.size() <= 3 &&
                        std::all_of(args.begin() + 1, args.end(), [&](const MatmulArgs& one) { return alike(args[0], one); });
  if (!together) return Backend::matmulGroup(args);
  cudaSetDevice(m_machine.index);
  productOfToken(m_machine, m_compute, args, false);
  launched("a product");
  return noted();
}

Outcome<void> CudaBackend::gatedMatmul(const MatmulArgs& gate, const MatmulArgs& up) {
  if (!alike(gate, up) || gate.weight.rows != up.weight.rows || gate.accumulate) return Backend::gatedMatmul(gate, up);
  cudaSetDevice(m_machine.index);
  const std::array both{gate, up};
  productOfToken(m_machine, m_compute, both, true);
  launched("a gated product");
  return noted();
}

void CudaBackend::attend(const AttendArgs& args) {
  setPosition(args.firstPosition);
  prepareHeads(m_machine, args, m_workspace.as<std::uint32_t>());
  AttentionArgs attention;
  attention.q = args.q;
  attention.out = args.out;
  attention.cache = args.cache;
  attention.tokens = args.tokens;
  attention.firstPosition = args.firstPosition;
  attention.heads = args.heads;
  attention.window = args.window;
  attention.scale = args.scale;
  this->attention(attention);
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

Outcome<Buffer> CudaBackend::makeTileTable(const AnchorRule& rule, const PrefixTable* prefix, const FieldTable* fields) {
  const auto host = tileTable(rule, prefix, fields);
  if (!host) return tl::unexpected(Failure{Failure::Kind::Unsupported, "no product reads tiles of this model", {}});
  auto table = m_pool->allocate(sizeof(TileTable), "a table for tiles");
  if (table) copyIn(table->data(), &*host, sizeof(TileTable));
  return table;
}

Outcome<bool> CudaBackend::toBytes(const Matrix& tiled, void* into) {
  cudaSetDevice(m_machine.index);
  const ByteForm form(tiled.rows * tiled.columns);
  auto* total = reinterpret_cast<std::uint32_t*>(m_workspace.as<std::byte>() + 64);
  cuda::toBytes(m_machine, tiled, form, into, total);
  launched("the resident form");
  std::uint32_t patches = 0;
  copyOut(&patches, total, sizeof patches);
  if (auto done = synchronize(); !done) return tl::make_unexpected(done.error());
  return patches <= form.mostPatches;
}

Outcome<std::unique_ptr<Feed>> CudaBackend::openFeed(FeedRequest request) {
  return cuda::openFeed(m_machine.index, *m_pool, m_machine.stream, std::move(request));
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
  use.own = memory().use().current;
  use.source = "cudaMemGetInfo";
  return use;
}

}  // namespace deltascope::kernels::cuda
