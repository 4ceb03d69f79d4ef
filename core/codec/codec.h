// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The delta codecs. A delta turns a range of base elements into the final ones, bit for bit, for every bit pattern.
///
/// Everything works on ranges of one tensor that start at a multiple of kTileElements, so that a chunk can be coded alone.
/// Streams are described byte by byte in core/payload/FORMAT.md.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/checkpoint/tensor.h"
#include "core/quant/base_slice.h"

namespace deltascope {

/// Weights decoded together by one GPU warp; the grain of chunks. Larger than every quantization block.
inline constexpr std::uint64_t kTileElements = 4096;

enum class CodecId : std::uint8_t { Identical, Raw, Sparse, Entropy, Bitpack, Zstd, LowRank, Additive };
inline constexpr std::size_t kCodecCount = 8;
[[nodiscard]] std::string_view nameOf(
    CodecId codec);  ///< "identical", "raw", "sparse", "entropy", "bitpack", "zstd", "lowrank", "additive"
[[nodiscard]] std::optional<CodecId> codecFromName(std::string_view name);

/// Elements, the tensor's shape and sizes: what bounds need.
struct DeltaShape {
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;
  DType finalType = DType::BF16;
};

/// What is shared by all chunks of one or more tensors: code tables, or the factors of a low-rank update. Immutable once made;
/// shared between threads. serialize() is what the payload stores; CodecModel::parse validates untrusted bytes.
class CodecModel {
 public:
  virtual ~CodecModel() = default;
  [[nodiscard]] virtual std::vector<std::byte> serialize() const = 0;
};
using ModelPtr = std::shared_ptr<const CodecModel>;

/// A sample of one or more tensors of the same kinds, from which models are fitted and costs estimated.
struct DeltaSample {
  BaseSlice base;
  std::span<const std::byte> final;  ///< base.count elements of base.finalType
};

struct CodecOptions {
  int zstdLevel = 3;
};

/// What one chunk turned into.
struct ChunkStats {
  std::uint64_t patches = 0;   ///< elements stored as exceptions
  std::uint64_t rawTiles = 0;  ///< tiles (or chunks) stored as they are
};

/// One way to store a delta. Stateless and thread-safe; get it with codec(). A thread that has decoded keeps scratch for the
/// next call: about 50 KiB for tiles, and for Zstd what its largest chunk took.
class DeltaCodec {
 public:
  virtual ~DeltaCodec() = default;
  [[nodiscard]] virtual CodecId id() const = 0;
  /// Whether it can code this pair of kinds at all.
  [[nodiscard]] virtual bool supports(BaseKind base, DType finalType) const = 0;
  /// Whether encode and decode read BaseSlice::values of quantized bases.
  [[nodiscard]] virtual bool needsValues() const { return false; }
  /// Fits what the chunks share; null when the codec has no model. LowRank is not fitted but made from an adapter.
  [[nodiscard]] virtual Result<ModelPtr> fit(std::span<const DeltaSample>, const CodecOptions&) const { return ModelPtr{}; }
  /// Validates and loads a stored model. Untrusted bytes.
  [[nodiscard]] virtual Result<ModelPtr> parseModel(std::span<const std::byte> bytes) const;
  /// Estimated stored bits a weight for data like the sample (chunk streams only, without the model).
  [[nodiscard]] virtual double estimate(const DeltaSample& sample, const CodecModel* model, const CodecOptions&) const = 0;
  /// Largest possible encoded size of a chunk of `count` elements. encode() never exceeds it.
  [[nodiscard]] virtual std::size_t bound(DType finalType, std::size_t count) const = 0;
  /// Appends the chunk to `out`, whose size is then a multiple of 16 again if it was before. Exact for every bit pattern.
  [[nodiscard]] virtual Result<ChunkStats> encode(const BaseSlice& base, std::span<const std::byte> final,
                                                  const CodecModel* model, const CodecOptions& options,
                                                  std::vector<std::byte>& out) const = 0;
  /// Rebuilds base.count elements into `final`. Untrusted bytes: never reads outside `chunk` or writes outside `final`,
  /// whatever they hold; what is detectably wrong is Corrupt with the offset inside the chunk, the rest is for checksums to
  /// find.
  [[nodiscard]] virtual Result<void> decode(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel* model,
                                            std::span<std::byte> final) const = 0;
  /// What decoding alone does not tell of a chunk of base.count elements: that its parts fill it, with zeros where nothing is
  /// said, and (`count`) the statistics that encode() gave. `base` needs values where decode() does. Untrusted bytes. Corrupt
  /// with the offset inside the chunk.
  [[nodiscard]] virtual Result<ChunkStats> check(const BaseSlice& base, std::span<const std::byte> chunk,
                                                 const CodecModel* model, bool count) const = 0;
  /// Where decodeRange may cut a chunk of `chunkElements`: at multiples of this. kTileElements where tiles can be found alone,
  /// else the whole chunk. At least 1.
  [[nodiscard]] virtual std::uint64_t rangeStep(DType finalType, std::uint64_t chunkElements) const;
  /// Rebuilds elements [offset, offset + base.count) of a chunk of `chunkElements`; `base` (its `first` too) and `final` are
  /// those of the range alone, `chunk` is the whole chunk. A range starts at a multiple of rangeStep and ends at one or with
  /// the chunk, and is empty only if the chunk is, else InvalidArgument. Promises what decode() promises, but sees only the
  /// parts of the chunk that the range needs. Cheap to call often: work outside the range is a few nanoseconds a tile (Sparse)
  /// or correction (LowRank) before it, or none.
  [[nodiscard]] virtual Result<void> decodeRange(const BaseSlice& base, std::uint64_t chunkElements, std::uint64_t offset,
                                                 std::span<const std::byte> chunk, const CodecModel* model,
                                                 std::span<std::byte> final) const;

 protected:
  /// The check of decodeRange's arguments.
  [[nodiscard]] Result<void> checkRange(const BaseSlice& base, std::uint64_t chunkElements, std::uint64_t offset) const;
};

[[nodiscard]] const DeltaCodec& codec(CodecId id);

}  // namespace deltascope
