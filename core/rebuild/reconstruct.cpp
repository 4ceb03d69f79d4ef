// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/reconstruct.h"

#include <memory>
#include <mutex>

#include "core/base/meter.h"
#include "core/base/ordered.h"
#include "core/base/units.h"
#include "core/codec/statistics.h"
#include "core/payload/hash_faults.h"
#include "core/quant/base_hasher.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kPlainPiece = std::uint64_t{1} << 20;  ///< elements, where the payload has no chunks

std::uint64_t bytesOfElements(DType type, std::uint64_t elements) { return ceilDiv(elements * bitsOf(type), 8); }

/// A range of one tensor that is rebuilt as a whole.
struct Piece {
  std::size_t tensor = 0;
  ChunkInfo chunk;
  bool stored = false;  ///< there is such a chunk in the payload
  bool last = false;    ///< of its tensor
};

/// What a worker hands over. Recycled: a fresh buffer for every chunk would cost more page faults than decoding costs time.
struct Rebuilt {
  SliceBuffer base;
  std::span<const std::byte> baseStored;  ///< what the base's hash covers
  std::vector<std::byte> final;
  ChunkStats stats;
  std::uint64_t zeroDeltas = 0;
  std::optional<Error> problem;
};

class Pool {
 public:
  std::unique_ptr<Rebuilt> take() {
    std::lock_guard lock(m_mutex);
    if (m_free.empty()) return std::make_unique<Rebuilt>();
    auto item = std::move(m_free.back());
    m_free.pop_back();
    return item;
  }
  void give(std::unique_ptr<Rebuilt> item) {
    std::lock_guard lock(m_mutex);
    m_free.push_back(std::move(item));
  }

 private:
  std::mutex m_mutex;
  std::vector<std::unique_ptr<Rebuilt>> m_free;
};

struct Plan {
  std::vector<Piece> pieces;
  std::vector<std::optional<Error>> directoryProblems;  ///< by tensor
  std::uint64_t bytes = 0;
};

void planPlain(const TensorStats& tensor, std::size_t index, std::vector<Piece>& pieces) {
  std::uint64_t first = 0;
  do {
    ChunkInfo range;
    range.first = first;
    range.elements = std::min(kPlainPiece, tensor.elements - first);
    pieces.push_back({index, range, false, false});
    first += range.elements;
  } while (first < tensor.elements);
}

Plan makePlan(const Payload& payload) {
  Plan plan;
  const auto& tensors = payload.tensors();
  plan.directoryProblems.resize(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    plan.bytes += tensors[i].finalBytes;
    const auto chunks = payload.chunks(tensors[i]);
    if (!chunks) plan.directoryProblems[i] = chunks.error();
    if (chunks && !chunks->empty())
      for (const auto& chunk : *chunks) plan.pieces.push_back({i, chunk, true, false});
    else if (tensors[i].base != BaseKind::None)
      planPlain(tensors[i], i, plan.pieces);  // as many elements as the base really has
    else
      plan.pieces.push_back({i, {}, false, false});
    plan.pieces.back().last = true;
  }
  return plan;
}

Error located(const Error& error, const Payload& payload, const TensorStats& tensor, const ChunkInfo& chunk) {
  const bool names = error.message.find(tensor.name) != std::string::npos;
  if (names) return error;
  return {
      error.code,
      at({payload.path(), tensor.name, std::nullopt}, "elements from " + std::to_string(chunk.first) + ": " + error.message),
      error.hint};
}

class Rebuilder {
 public:
  Rebuilder(const ReconstructionSource& source, const Plan& plan, const ReconstructionHooks& hooks)
      : m_source(source), m_plan(plan), m_hooks(hooks) {}

  /// The worker's part of one piece. The base is read even where the chunk is damaged: its hash tells a wrong base apart.
  Result<std::unique_ptr<Rebuilt>> rebuild(std::size_t index) {
    const Piece& piece = m_plan.pieces[index];
    const TensorStats& tensor = m_source.payload.tensors()[piece.tensor];
    auto item = m_pool.take();
    item->problem.reset();
    item->stats = {};
    item->zeroDeltas = 0;
    item->baseStored = {};
    if (auto read = readStored(tensor, piece.chunk, *item); !read) {
      item->problem = located(read.error(), m_source.payload, tensor, piece.chunk);
      item->baseStored = {};
    } else if (m_plan.directoryProblems[piece.tensor]) {
      item->problem = m_plan.directoryProblems[piece.tensor];
    } else if (auto decoded = decode(tensor, piece, *item); !decoded) {
      item->problem = located(decoded.error(), m_source.payload, tensor, piece.chunk);
    } else if (m_hooks.onRange) {
      DELTASCOPE_TRY(m_hooks.onRange(piece.tensor, piece.chunk.first, item->final));
    }
    return item;
  }

  void recycle(std::unique_ptr<Rebuilt> item) { m_pool.give(std::move(item)); }

 private:
  Result<void> decode(const TensorStats& tensor, const Piece& piece, Rebuilt& item) const {
    std::vector<std::byte> bytes;
    if (piece.stored) {
      DELTASCOPE_ASSIGN(bytes, m_source.payload.readChunk(tensor, piece.chunk));
    }
    const BaseSlice& base = item.base.slice;
    DELTASCOPE_TRY(decodeChunk(m_source, tensor, piece.chunk, bytes, base, item.final, m_hooks.decoder));
    if (!piece.stored) return {};
    DELTASCOPE_ASSIGN(const ModelPtr model, m_source.payload.model(tensor));
    DELTASCOPE_ASSIGN(item.stats, codec(tensor.codec).check(base, bytes, model.get(), m_hooks.checkCounts));
    if (m_hooks.checkCounts) item.zeroDeltas = countZeroDeltas(base, item.final);
    return {};
  }

  /// The bytes that the base's hash covers: as stored, whatever type the delta sees them in.
  Result<void> readStored(const TensorStats& tensor, const ChunkInfo& chunk, Rebuilt& item) const {
    const bool withValues = m_hooks.checkCounts || (codec(tensor.codec).needsValues() && !m_hooks.decoder);
    DELTASCOPE_TRY(readBase(m_source, tensor, chunk, withValues, item.base));
    if (tensor.base == BaseKind::None || !tensor.baseShape.empty()) return {};
    item.baseStored = hashedBytes(item.base);
    return {};
  }

  const ReconstructionSource& m_source;
  const Plan& m_plan;
  const ReconstructionHooks& m_hooks;
  Pool m_pool;
};

/// The calling thread's part: hashes in order, and the verdict at a tensor's end.
class Collector {
 public:
  Collector(const ReconstructionSource& source, const ReconstructionHooks& hooks, Meter& meter)
      : m_source(source), m_hooks(hooks), m_meter(meter) {}

  Result<void> collect(const Piece& piece, const Rebuilt& item) {
    const TensorStats& tensor = m_source.payload.tensors()[piece.tensor];
    const std::uint64_t size = bytesOfElements(tensor.dtype, piece.chunk.elements);
    if (tensor.base != BaseKind::None) {
      m_baseComplete = m_baseComplete && (!item.baseStored.empty() || piece.chunk.elements == 0);
      m_baseHasher.add(item.baseStored);
    }
    m_counts.patches += item.stats.patches;
    m_counts.rawTiles += item.stats.rawTiles;
    m_zeroDeltas += item.zeroDeltas;
    if (item.problem) {
      if (item.problem->code == ErrorCode::Unsupported) return tl::make_unexpected(*item.problem);
      if (!m_current.problem) m_current.problem = item.problem;
    } else {
      m_finalHasher.update(item.final);
      m_current.elements += piece.chunk.elements;
    }
    m_meter.add(tensor.name, size, piece.last);
    return piece.last ? finishTensor(piece.tensor, tensor) : Result<void>{};
  }

 private:
  Result<void> finishTensor(std::size_t index, const TensorStats& tensor) {
    if (!tensor.baseShape.empty())
      DELTASCOPE_TRY(checkWholeBase(tensor));
    else if (tensor.base != BaseKind::None && m_baseComplete)
      DELTASCOPE_TRY(checkBase(tensor));
    if (!m_current.problem && m_finalHasher.digest() != tensor.finalHash)
      m_current.problem = wrongFinalHash(ErrorCode::Mismatch, {m_source.files.payload, tensor.name, std::nullopt},
                                         m_finalHasher.digest(), tensor.finalHash);
    if (!m_current.problem && m_hooks.checkCounts) checkCounts(tensor);
    RebuiltTensor rebuilt = std::exchange(m_current, {});
    m_counts = {};
    m_zeroDeltas = 0;
    m_baseHasher = {};
    m_finalHasher = {};
    m_baseComplete = true;
    return m_hooks.onTensor ? m_hooks.onTensor(index, std::move(rebuilt)) : Result<void>{};
  }

  Result<void> checkBase(const TensorStats& tensor) {
    const auto* quantized = isQuantized(tensor.base) ? m_source.base->quantized().find(tensor.nameInBase()) : nullptr;
    return checkHash(tensor,
                     m_baseHasher.finish(quantized ? std::span<const float>(quantized->scales) : std::span<const float>()));
  }

  /// A base of other rows than the final: not all of it was read.
  Result<void> checkWholeBase(const TensorStats& tensor) const {
    DELTASCOPE_ASSIGN(const Hash128 hash, m_source.base->hash(tensor.nameInBase()));
    return checkHash(tensor, hash);
  }

  Result<void> checkHash(const TensorStats& tensor, const Hash128& hash) const {
    if (hash == tensor.baseHash) return {};
    return tl::make_unexpected(
        wrongBaseHash({baseFileOf(m_source, tensor.nameInBase()), tensor.name, std::nullopt}, hash, tensor.baseHash));
  }

  /// Older writers counted escapes of sparse tiles that they then stored raw.
  void checkCounts(const TensorStats& tensor) {
    if (tensor.codec == CodecId::Identical) return;
    const bool more = tensor.codec == CodecId::Sparse && m_counts.rawTiles > 0 && tensor.patches >= m_counts.patches;
    if (m_zeroDeltas == tensor.zeroDeltas && m_counts.rawTiles == tensor.rawTiles &&
        (more || m_counts.patches == tensor.patches))
      return;
    m_current.problem = Error{ErrorCode::Corrupt,
                              at({m_source.files.payload, tensor.name, std::nullopt},
                                 "the payload counts " + std::to_string(tensor.zeroDeltas) + " unchanged elements, " +
                                     std::to_string(tensor.patches) + " patches and " + std::to_string(tensor.rawTiles) +
                                     " raw tiles; there are " + std::to_string(m_zeroDeltas) + ", " +
                                     std::to_string(m_counts.patches) + " and " + std::to_string(m_counts.rawTiles)),
                              "the payload is damaged; make it again"};
  }

  const ReconstructionSource& m_source;
  const ReconstructionHooks& m_hooks;
  Meter& m_meter;
  RebuiltTensor m_current;
  ChunkStats m_counts;
  std::uint64_t m_zeroDeltas = 0;
  BaseHasher m_baseHasher;
  Hasher128 m_finalHasher;
  bool m_baseComplete = true;
};

}  // namespace

Result<void> reconstruct(const ReconstructionSource& source, const char* phase, const JobContext& job,
                         const ReconstructionHooks& hooks) {
  const Plan plan = makePlan(source.payload);
  Meter meter(job);
  meter.setTotals(plan.bytes, source.payload.tensors().size());
  meter.phase(phase);
  Rebuilder rebuilder(source, plan, hooks);
  Collector collector(source, hooks, meter);
  const unsigned threads = job.threadCount();
  DELTASCOPE_TRY(runOrdered<std::unique_ptr<Rebuilt>>(
      plan.pieces.size(), threads, 2 * threads, job.stop, [&](std::size_t i) { return rebuilder.rebuild(i); },
      [&](std::size_t i, std::unique_ptr<Rebuilt>&& item) {
        auto collected = collector.collect(plan.pieces[i], *item);
        rebuilder.recycle(std::move(item));
        return collected;
      }));
  meter.finish();
  return {};
}

}  // namespace deltascope
