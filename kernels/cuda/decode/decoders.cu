// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/decode/decoders.h"

#include <string>

#include "kernels/cuda/decode/launch.h"

namespace deltascope::kernels::cuda {
namespace {

using Kind = DeviceBase::Kind;

tl::unexpected<Failure> refused(Failure::Kind kind, std::string message) {
  return tl::unexpected(Failure{kind, std::move(message), {}});
}
tl::unexpected<Failure> unsupported(const char* what) {
  return refused(Failure::Kind::Unsupported, std::string("cuda decoder: ") + what);
}

Outcome<void> checked(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  return refused(Failure::Kind::Device, std::string("cuda decoder: ") + what + ": " + cudaGetErrorString(error));
}

std::uint64_t padded(std::uint64_t bytes) { return (bytes + 255) / 256 * 256; }

bool isResidual(ChunkCode code) { return code == ChunkCode::Prefix || code == ChunkCode::Fields || code == ChunkCode::Planes; }

std::uint64_t tilesOf(std::uint64_t count) { return count / kTile + (count % kTile != 0); }

std::uint64_t termBytes(const LowRankUpdate::Term& term) {
  return padded(term.outer.size_bytes()) + padded(term.inner.size_bytes());
}

class CudaDecoder final : public Decoder {
 public:
  ChunkCode code = ChunkCode::Raw;
  Kind base = Kind::None;
  ElementType type = ElementType::BF16;
  AnchorRule rule;
  unsigned prefixBits = 0;
  std::uint64_t largest = 0;
  std::uint8_t unit[SparseTable::kClasses] = {};
  unsigned top = 0;
  std::uint64_t rows = 0, columns = 0;
  std::uint32_t terms = 0;
  Buffer memory;  ///< tables, terms or scratch
};

/// Anchors and tables are of one kind, so that no table is read past its end.
const char* wrongRule(const DecoderArgs& args) {
  const AnchorKind wanted = args.base == Kind::FourBit      ? AnchorKind::Nibble
                            : args.base == Kind::Int8       ? AnchorKind::Int8
                            : args.type == ElementType::F32 ? AnchorKind::Zero
                                                            : AnchorKind::Ordered;
  if (args.rule.kind != wanted) return "anchors of another base";
  if (args.rule.mantissaBits > (wanted == AnchorKind::Nibble ? 2u : 0u)) return "contexts of another base";
  if ((args.rule.half == ElementType::F16) != (args.type == ElementType::F16)) return "anchors of another type";
  return nullptr;
}

const char* wrongArgs(const DecoderArgs& args) {
  const bool overBase = args.base != Kind::None;
  if (isResidual(args.code))
    if (const char* wrong = wrongRule(args)) return wrong;
  switch (args.code) {
    case ChunkCode::Raw:
    case ChunkCode::Planes:
      return nullptr;
    case ChunkCode::Identical:
    case ChunkCode::Additive:
      return overBase ? nullptr : "a code that needs a base";
    case ChunkCode::Prefix: {
      const PrefixTable* table = args.prefix;
      if (!table || table->prefixBits < 1 || table->prefixBits > kMaxPrefixBits ||
          table->entries.size() < args.rule.contexts() << table->prefixBits)
        return "no prefix code for its contexts";
      for (const std::uint32_t entry : table->entries)
        if ((entry & 31) < 16) return "a codeword of more than 16 bits";
      return nullptr;
    }
    case ChunkCode::Fields:
      if (!args.fields) return "no field table";
      for (std::size_t c = 0; c < args.rule.contexts(); ++c)
        if (args.fields->width[c] < 1 || args.fields->width[c] > 16) return "a field of more than 16 bits, or none";
      return nullptr;
    case ChunkCode::Sparse:
      if (!overBase) return "a code that needs a base";
      if (!args.sparse || args.sparse->entries.size() != SparseTable::kClasses << SparseTable::kCodeBits)
        return "no sparse code";
      for (const std::uint8_t unit : args.sparse->unit)
        if (unit > 10) return "a unit of more than a tile";
      return nullptr;
    case ChunkCode::LowRank:
      if (!overBase) return "a code that needs a base";
      if (!args.lowRank) return "no update";
      for (const auto& term : args.lowRank->terms)
        if (term.outer.size() != args.lowRank->rows * term.rank || term.inner.size() != term.rank * args.lowRank->columns)
          return "factors of another size";
      return nullptr;
  }
  return "unknown code";
}

/// Host bytes to device memory. From pageable memory the call returns when they were read.
Outcome<void> upload(DeviceContext& context, void* to, const void* from, std::uint64_t bytes) {
  if (bytes == 0) return {};
  return checked(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, context.stream), "copying its tables");
}

Outcome<void> uploadTerms(DeviceContext& context, const LowRankUpdate& update, CudaDecoder& decoder) {
  std::vector<DeviceTerm> terms;
  std::uint64_t at = padded(update.terms.size() * sizeof(DeviceTerm));
  auto* memory = decoder.memory.as<std::byte>();
  const auto place = [&](std::span<const float> factor) -> Outcome<const float*> {
    std::byte* to = memory + at;
    at += padded(factor.size_bytes());
    if (auto done = upload(context, to, factor.data(), factor.size_bytes()); !done) return tl::unexpected(done.error());
    return reinterpret_cast<const float*>(to);
  };
  for (const auto& term : update.terms) {
    const auto outer = place(term.outer);
    if (!outer) return tl::unexpected(outer.error());
    const auto inner = place(term.inner);
    if (!inner) return tl::unexpected(inner.error());
    terms.push_back({term.rank, *outer, *inner, term.scale});
  }
  return upload(context, memory, terms.data(), terms.size() * sizeof(DeviceTerm));
}

Outcome<void> uploadTables(DeviceContext& context, const DecoderArgs& args, CudaDecoder& decoder) {
  switch (args.code) {
    case ChunkCode::Prefix:
      return upload(context, decoder.memory.data(), args.prefix->entries.data(),
                    args.prefix->entries.size() * sizeof(std::uint32_t));
    case ChunkCode::Fields: {
      std::array<std::uint32_t, kMaxContexts> packed{};
      packed.fill(packField(1, false, 0));
      for (std::size_t c = 0; c < args.rule.contexts(); ++c)
        packed[c] = packField(args.fields->width[c], args.fields->isSigned[c] != 0, args.fields->offset[c]);
      return upload(context, decoder.memory.data(), packed.data(), sizeof packed);
    }
    case ChunkCode::Sparse:
      return upload(context, decoder.memory.data(), args.sparse->entries.data(), args.sparse->entries.size_bytes());
    case ChunkCode::LowRank:
      return uploadTerms(context, *args.lowRank, decoder);
    default:
      return {};
  }
}

bool aligned(const void* pointer, std::uintptr_t to) { return reinterpret_cast<std::uintptr_t>(pointer) % to == 0; }

const char* wrongChunk(const CudaDecoder& decoder, const DecodeArgs& args) {
  const DeviceBase& base = args.base;
  const bool raw = decoder.code == ChunkCode::Raw;
  if ((!raw && base.kind != decoder.base) || base.type != decoder.type) return "the decoder was made for another base or type";
  if (base.first % kTile || base.start % kTile || base.start > base.first) return "elements that do not begin with a tile";
  if (base.first + base.count < base.first || tilesOf(base.count) >> 31) return "too many elements";
  if (!args.into || !aligned(args.into, 16) || !aligned(args.chunk, 16)) return "bytes that are not aligned to 16";
  if (args.chunkBytes && !args.chunk) return "a chunk without its bytes";
  switch (raw ? Kind::None : base.kind) {
    case Kind::None:
      break;
    case Kind::Same:
      if (!base.values || !aligned(base.values, 16)) return "base values are missing or not aligned to 16";
      break;
    case Kind::FourBit:
      if (base.group < 8 || base.group > kTile || (base.group & (base.group - 1))) return "a blocksize out of range";
      [[fallthrough]];
    case Kind::Int8:
      if (base.group == 0) return "rows without columns";
      if (!base.codes || !aligned(base.codes, 16) || !base.scales || !aligned(base.scales, 4))
        return "base codes or scales are missing or not aligned";
      break;
  }
  return nullptr;
}

/// What the sizes alone show.
Outcome<void> checkSizes(const CudaDecoder& decoder, const DecodeArgs& args) {
  const auto damaged = [&](const char* what) {
    return refused(Failure::Kind::Data, "chunk " + std::to_string(args.number) + ": " + what);
  };
  const std::uint64_t bytes = args.base.count * bytesOf(args.base.type);
  if (decoder.code == ChunkCode::Raw && args.chunkBytes != (bytes + 15) / 16 * 16)
    return damaged("it has another size than its elements");
  if (decoder.code == ChunkCode::Identical && args.chunkBytes) return damaged("it has bytes where none belong");
  if (decoder.code == ChunkCode::Planes && args.base.count > decoder.largest)
    return unsupported("a chunk larger than the decoder was made for");
  if (decoder.code == ChunkCode::LowRank && args.base.first + args.base.count > decoder.rows * decoder.columns)
    return damaged("it lies outside the low-rank update");
  return {};
}

Chunk chunkFor(const DecodeArgs& args) {
  Chunk chunk;
  chunk.base = args.base;
  chunk.bytes = args.chunk;
  chunk.size = args.chunkBytes;
  chunk.into = static_cast<std::byte*>(args.into);
  chunk.tiles = static_cast<std::uint32_t>(tilesOf(args.base.count));
  chunk.number = args.number;
  return chunk;
}

/// Chunks of one decoder.
void launchChunks(const Launch& launch, const CudaDecoder& decoder, std::span<const Chunk> chunks) {
  switch (decoder.code) {
    case ChunkCode::Raw:
      for (const Chunk& chunk : chunks)
        cudaMemcpyAsync(chunk.into, chunk.bytes, chunk.base.count * bytesOf(chunk.base.type), cudaMemcpyDeviceToDevice,
                        launch.stream);
      break;
    case ChunkCode::Identical:
      launchCopy(launch, chunks);
      break;
    case ChunkCode::Prefix:
    case ChunkCode::Fields: {
      std::vector<ResidualWork> works;
      for (const Chunk& chunk : chunks)
        works.push_back({chunk, decoder.rule, decoder.code == ChunkCode::Prefix, decoder.prefixBits,
                         decoder.memory.as<const std::uint32_t>()});
      launchResidual(launch, works);
      break;
    }
    case ChunkCode::Sparse: {
      std::vector<SparseWork> works;
      for (const Chunk& chunk : chunks) {
        works.push_back({chunk, decoder.memory.as<const std::uint32_t>(), {}, decoder.top});
        for (std::size_t c = 0; c < SparseTable::kClasses; ++c) works.back().unit[c] = decoder.unit[c];
      }
      launchSparse(launch, works);
      break;
    }
    case ChunkCode::Planes:
      for (const Chunk& chunk : chunks)
        launchPlanes(launch, {chunk, decoder.rule, static_cast<std::uint32_t>(decoder.rule.contexts()),
                              decoder.memory.as<std::uint64_t>()});
      break;
    case ChunkCode::LowRank:
      for (const Chunk& chunk : chunks)
        launchLowRank(launch, {chunk, decoder.rows, decoder.columns, decoder.memory.as<const DeviceTerm>(), decoder.terms});
      break;
    case ChunkCode::Additive:
      for (const Chunk& chunk : chunks) launchAdditive(launch, chunk);
      break;
  }
}

}  // namespace

std::uint64_t decoderBytes(const DecoderArgs& args) {
  switch (args.code) {
    case ChunkCode::Prefix:
      return args.prefix ? args.prefix->entries.size() * sizeof(std::uint32_t) : 0;
    case ChunkCode::Fields:
      return kMaxContexts * sizeof(std::uint32_t);
    case ChunkCode::Sparse:
      return args.sparse ? args.sparse->entries.size_bytes() : 0;
    case ChunkCode::Planes:
      return planesScratch(args.rule.contexts(), tilesOf(args.largest));
    case ChunkCode::LowRank: {
      std::uint64_t bytes = args.lowRank ? padded(args.lowRank->terms.size() * sizeof(DeviceTerm)) : 0;
      if (args.lowRank)
        for (const auto& term : args.lowRank->terms) bytes += termBytes(term);
      return bytes;
    }
    default:
      return 0;
  }
}

Outcome<std::unique_ptr<Decoder>> makeDecoder(DeviceContext& context, const DecoderArgs& args) {
  if (const char* wrong = wrongArgs(args)) return unsupported(wrong);
  auto decoder = std::make_unique<CudaDecoder>();
  decoder->code = args.code;
  decoder->base = args.base;
  decoder->type = args.type;
  decoder->rule = args.rule;
  decoder->largest = args.largest;
  if (args.code == ChunkCode::Prefix) decoder->prefixBits = args.prefix->prefixBits;
  if (args.code == ChunkCode::Sparse) {
    for (std::size_t c = 0; c < SparseTable::kClasses; ++c) decoder->unit[c] = args.sparse->unit[c];
    decoder->top = args.sparse->top;
  }
  if (args.code == ChunkCode::LowRank) {
    decoder->rows = args.lowRank->rows;
    decoder->columns = args.lowRank->columns;
    decoder->terms = static_cast<std::uint32_t>(args.lowRank->terms.size());
  }
  if (const std::uint64_t bytes = decoderBytes(args)) {
    auto memory = context.allocate(bytes, "decoder");
    if (!memory) return tl::unexpected(memory.error());
    decoder->memory = std::move(*memory);
    if (auto done = uploadTables(context, args, *decoder); !done) return tl::unexpected(done.error());
  }
  return decoder;
}

Outcome<void> decode(DeviceContext& context, std::span<const DecodeArgs> args) {
  const Launch launch{context.stream, context.error};
  std::vector<Chunk> chunks;
  for (std::size_t k = 0; k < args.size(); ++k) {
    const auto* decoder = dynamic_cast<const CudaDecoder*>(args[k].decoder);
    if (!decoder) return unsupported("none was given");
    if (args[k].base.count > 0)
      if (const char* wrong = wrongChunk(*decoder, args[k])) return unsupported(wrong);
    if (auto done = checkSizes(*decoder, args[k]); !done) return done;
    if (args[k].base.count > 0) chunks.push_back(chunkFor(args[k]));
    if (k + 1 < args.size() && args[k + 1].decoder == args[k].decoder) continue;
    if (!chunks.empty()) launchChunks(launch, *decoder, chunks);
    chunks.clear();
  }
  return checked(cudaGetLastError(), "starting it");
}

}  // namespace deltascope::kernels::cuda
