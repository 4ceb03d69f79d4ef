// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The payload file: a safetensors file (`*.delta.safetensors`) that turns a base into the final, tensor by tensor. See
/// FORMAT.md.
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hash.h"
#include "core/checkpoint/safetensors.h"
#include "core/codec/codec.h"

namespace deltascope {

/// The newest version of the format that is read. A payload is written in the least one that can hold it.
inline constexpr int kPayloadVersion = 5;

/// One checksummed piece of a tensor's delta.
struct ChunkInfo {
  std::uint64_t first = 0;  ///< element index
  std::uint64_t elements = 0;
  std::uint64_t begin = 0;  ///< byte range in the tensor's stream
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;  ///< hash64 of the stored bytes
};

/// One tensor of a payload, as its table row. `storedBytes` is what the payload holds for it: stream, directory, and its share
/// of a model; sums over tensors and companions plus the header give the file's size.
struct TensorStats {
  std::string name;
  DType dtype = DType::BF16;  ///< of the final
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;
  CodecId codec = CodecId::Identical;
  BaseKind base = BaseKind::None;
  std::uint64_t finalBytes = 0;
  std::uint64_t baseBytes = 0;  ///< what the base stores for it, scales included
  std::uint64_t storedBytes = 0;
  std::uint64_t zeroDeltas = 0;  ///< elements that equal the base's value
  std::uint64_t patches = 0;
  std::uint64_t rawTiles = 0;
  std::uint64_t chunkElements = 0;  ///< elements a chunk; the last may be shorter
  std::uint64_t chunkCount = 0;
  int model = -1;                             ///< index of its model stream, or -1
  std::array<float, kCodecCount> estimate{};  ///< bits/weight by codec when it was chosen; 0: not considered
  bool forced = false;                        ///< the codec was asked for, not chosen
  Hash128 finalHash;                          ///< hash128 of the final tensor's bytes
  Hash128 baseHash;                           ///< hash128 of the base tensor's stored bytes (see FORMAT.md for quantized ones)
  Hash128 baseState;  ///< of Nf4 and Fp4: hash128 of its tables and block sizes; zeros in payloads that do not say
  /// The base's own, where it has more or fewer rows than the final; else empty. What lies past its end counts as zeros.
  std::vector<std::uint64_t> baseShape;
  std::string baseName;  ///< of the base's tensor, where it has another name than the final's; else empty
  /// Everything here, shape, elements and hashes, is of the transpose of the final's tensor, a matrix.
  bool transposed = false;

  [[nodiscard]] const std::vector<std::uint64_t>& shapeOfBase() const { return baseShape.empty() ? shape : baseShape; }
  [[nodiscard]] const std::string& nameInBase() const { return baseName.empty() ? name : baseName; }

  [[nodiscard]] std::vector<std::uint64_t> shapeOfFinal() const {
    return transposed ? std::vector<std::uint64_t>{shape.rbegin(), shape.rend()} : shape;
  }

  [[nodiscard]] double sparsity() const { return elements ? double(zeroDeltas) / double(elements) : 1.0; }
  [[nodiscard]] double bitsPerWeight() const { return elements ? 8.0 * double(storedBytes) / double(elements) : 0.0; }
  [[nodiscard]] double ratio() const { return storedBytes ? double(finalBytes) / double(storedBytes) : 0.0; }
};

/// Bytes of the base's tensors under these rows, each counted once: a head that was untied lies over the embedding too.
[[nodiscard]] std::uint64_t baseBytesOf(std::span<const TensorStats> tensors);

/// A file that belongs to the final beside its weights: config.json, tokenizer.json, a template, a licence.
struct Companion {
  std::string path;               ///< relative to the final's folder, see isCompanionPath
  std::uint64_t bytes = 0;        ///< at most kMostCompanionBytes
  Hash128 hash;                   ///< hash128 of its bytes
  bool compressed = false;        ///< in its stream, as one zstd frame
  std::uint64_t storedBytes = 0;  ///< of its stream
};
inline constexpr std::uint64_t kMostCompanionBytes = std::uint64_t{1} << 30;

/// Whether a payload can carry a file under this name: parts separated by '/', none empty, ".", ".." or ".git", at most 255
/// bytes each and 1,024 together; UTF-8 without control characters and backslashes.
[[nodiscard]] bool isCompanionPath(std::string_view path);
/// The first of `companions` that cannot lie beside those before it or among `files` (names in the same folder): a path that
/// isCompanionPath refuses, one that occurs twice (letters A to Z count as small ones), or one that is a folder to another.
/// Nothing when all can.
[[nodiscard]] std::optional<std::size_t> firstMisplaced(const std::vector<Companion>& companions,
                                                        const std::vector<std::string>& files);

/// "entropy: 6.71 bits/weight, the smallest of entropy 6.71, bitpack 7.20, zstd 7.41": why this codec, in words.
[[nodiscard]] std::string explainChoice(const TensorStats& stats);

/// What the final's files say beside their tensors: `__metadata__` of each file, in the order of shards(), and the "metadata"
/// of their index, a JSON object, or empty where they have none.
struct FinalHeaders {
  std::vector<std::map<std::string, std::string>> files;
  std::string index;
};

/// A payload opened for reading. Threads: const members may be called concurrently. Untrusted bytes: every range was checked
/// against the file, every size against its shape; chunks are verified against their checksum before they are decoded.
class Payload {
 public:
  [[nodiscard]] static Result<Payload> open(const std::filesystem::path& path);
  Payload(Payload&&) noexcept;
  Payload& operator=(Payload&&) noexcept;
  ~Payload();

  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] std::uint64_t fileSize() const;
  [[nodiscard]] std::uint64_t headerBytes() const;
  [[nodiscard]] const std::vector<TensorStats>& tensors() const;  ///< natural order of names
  [[nodiscard]] const TensorStats* find(std::string_view name) const;
  [[nodiscard]] const std::string& baseFingerprint()
      const;  ///< 32 hex digits over the base tensors' names, types, shapes and hashes
  [[nodiscard]] const std::map<std::string, std::string>& facts() const;  ///< tool, options, base name … as stored, for display
  /// How the final checkpoint was laid out: file name → tensor names; unpack writes the same shards. May be empty.
  [[nodiscard]] const std::vector<std::pair<std::string, std::vector<std::string>>>& shards() const;

  [[nodiscard]] const std::optional<FinalHeaders>& headers() const;  ///< unpack writes them again; not known of older files

  /// Files of the final beside its weights, in the order they were written; open() does not read them.
  [[nodiscard]] const std::vector<Companion>& companions() const;
  /// The whole file, of companion.bytes; both checksums are checked. `companion` is one of companions(), or a copy.
  [[nodiscard]] Result<std::vector<std::byte>> readCompanion(const Companion& companion) const;

  [[nodiscard]] int version() const;  ///< of the format, as the file says

  [[nodiscard]] Result<std::vector<ChunkInfo>> chunks(const TensorStats& tensor) const;  ///< reads its directory
  [[nodiscard]] Result<ModelPtr> model(const TensorStats& tensor) const;  ///< loaded once, then shared; null if none
  /// Reads one chunk and checks its checksum.
  [[nodiscard]] Result<std::vector<std::byte>> readChunk(const TensorStats& tensor, const ChunkInfo& chunk) const;
  [[nodiscard]] Result<void> readChunk(const TensorStats& tensor, const ChunkInfo& chunk,
                                       std::span<std::byte> into) const;  ///< chunk.bytes long
  /// Bytes from `begin` of a chunk on, as many as fit into `into`. Not checked, since the checksum is of the whole chunk: for
  /// who has read that before, and for decoders that stand any bytes.
  [[nodiscard]] Result<void> readPart(const TensorStats& tensor, const ChunkInfo& chunk, std::uint64_t begin,
                                      std::span<std::byte> into) const;

 private:
  struct State;
  explicit Payload(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope
