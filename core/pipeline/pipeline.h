// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The jobs: a request in, a result out, with a stop token and progress. Memory is bounded by a few chunks a thread, whatever
/// the model's size. Outputs appear under their final name only when complete; inputs are never written to.
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/checkpoint/companions.h"
#include "core/payload/payload.h"
#include "core/payload/scripts_payload.h"
#include "core/quant/quant.h"

namespace deltascope {

enum class PackScope { Linear, All };  ///< what bitsandbytes quantizes, or every matrix, stacks of them too
enum class Prefer { Size, Speed };     ///< auto: the smallest codec, or the fastest within 10 % of it

struct PackRequest {
  std::filesystem::path final;                  ///< checkpoint; may be empty with adapters
  std::filesystem::path base;                   ///< checkpoint; empty when quantizing
  std::vector<std::filesystem::path> adapters;  ///< applied to the base in order
  std::optional<QuantFormat> quantize;
  std::filesystem::path out;  ///< a folder when quantizing, else a file
  PackScope scope = PackScope::Linear;
  bool allowUnquantized = false;  ///< where the scope takes no tensor at all; the base is then a copy of the final
  bool doubleQuant = false;
  unsigned blocksize = 64;
  std::optional<CodecId> codec;  ///< empty: auto
  unsigned chunks = 64;          ///< at most so many a tensor
  Prefer prefer = Prefer::Size;
  CodecOptions codecOptions;
  bool overwrite = false;
  bool verify = false;                       ///< rebuild and compare every tensor before it is done
  std::map<std::string, std::string> facts;  ///< stored for display beside, or in place of, those that pack knows
};

struct PackResult {
  std::filesystem::path out, payload;
  std::uint64_t tensors = 0, elements = 0;
  std::uint64_t finalBytes = 0, baseBytes = 0, payloadBytes = 0;
  double payloadBitsPerWeight = 0, totalBitsPerWeight = 0, sparsity = 0;
  double seconds = 0;
  std::uint64_t peakRssBytes = 0;
  std::vector<std::string> notes;                    ///< what the user should know, one line each; names are printable
  std::uint64_t companions = 0, companionBytes = 0;  ///< the final's files beside its weights, which travel
  std::vector<LeftOut> leftOut;                      ///< those that do not
  bool verified = false;                             ///< every tensor was rebuilt and compared
};
/// Ends by opening what it wrote: headers, directories, models and companions, and the base.
[[nodiscard]] Result<PackResult> pack(const PackRequest& request, const JobContext& job);

/// What pack would give, from samples of every tensor, without writing anything.
struct PackEstimate {
  std::uint64_t tensors = 0, elements = 0, finalBytes = 0, baseBytes = 0;
  std::uint64_t payloadBytes = 0;    ///< of the file: companions too, where it carries them
  std::uint64_t companionBytes = 0;  ///< what of it the companions take
  std::vector<TensorStats> rows;     ///< codec, estimates, estimated storedBytes; hashes empty
};
[[nodiscard]] Result<PackEstimate> estimatePack(const PackRequest& request, const JobContext& job);

/// A packed model folder, a payload file (with its base beside it or given), a payload of the old scripts (a `.pkl`, or a
/// folder with base_model.pth and one), or a plain checkpoint, told apart.
struct ModelFiles {
  enum class Kind { PackedModel, Payload, Checkpoint, Scripts } kind = Kind::Checkpoint;
  std::filesystem::path path;     ///< as given, resolved
  std::filesystem::path payload;  ///< empty for a checkpoint
  std::filesystem::path
      base;  ///< of a packed model: the folder; of the scripts: as given, or beside; else as given, may be empty
};
[[nodiscard]] Result<ModelFiles> locateModel(const std::filesystem::path& path, const std::filesystem::path& base = {});

struct Verdict {
  std::string tensor;
  bool bitExact = false;
  std::uint64_t elements = 0, different = 0;
  std::optional<std::uint64_t> firstDifference;  ///< element index; only with a final to compare with
  std::string problem;                           ///< why not, in words; empty when exact
};
/// "bit-exact: 4,194,304 of 4,194,304" or "3 differ, first at 17".
[[nodiscard]] std::string verdictText(const Verdict& verdict);

struct VerifyRequest {
  std::filesystem::path path, base, final;       ///< base and final may be empty
  std::string device = "cpu";                    ///< that decodes; reading and hashing are the processor's
  std::function<void(const Verdict&)> onTensor;  ///< called from the job's thread as each tensor finishes
};
struct VerifyResult {
  bool bitExact = false;
  std::uint64_t tensors = 0, elementsCompared = 0, elementsDifferent = 0;
  std::optional<std::pair<std::string, std::uint64_t>> firstDifference;
  std::vector<Verdict> verdicts;
  std::vector<Finding> findings;  ///< of the scripts' payloads alone: what is wrong with them, whether it shows or not
  double seconds = 0;
};
/// A payload of the scripts needs a final: its verdicts are of base + delta in FP32, rounded once. A tensor that fails does not
/// stop the others. Errors are for what cannot be opened, and for a base that is another model's.
[[nodiscard]] Result<VerifyResult> verify(const VerifyRequest& request, const JobContext& job);

struct UnpackRequest {
  std::filesystem::path path, base, out;
  bool overwrite = false;
  bool verify = false;  ///< read everything again before it is done
};
struct UnpackResult {
  std::uint64_t tensors = 0, bytes = 0;
  double seconds = 0;
  std::uint64_t companions = 0, companionBytes = 0;  ///< files beside the weights; none when one file is written
  std::vector<std::string> ofBase;                   ///< those of them that are the base's, since the payload carries none
  std::vector<LeftOut> leftOut;                      ///< what the final had beside its weights and is not here
  std::string leftOutByPack;                         ///< in pack's words, as the payload tells them
  bool verified = false;
};
/// Writes the final's folder again: its tensors and what lies beside them. Ends by opening what it wrote.
[[nodiscard]] Result<UnpackResult> unpack(const UnpackRequest& request, const JobContext& job);

struct ImportRequest {
  std::filesystem::path path;   ///< of the scripts: a folder with base_model.pth and one `.pkl`, or the `.pkl`
  std::filesystem::path base;   ///< instead of the base_model.pth beside it; may be empty
  std::filesystem::path final;  ///< checkpoint; may be empty
  std::filesystem::path out;    ///< `*.delta.safetensors`
  std::optional<CodecId> codec;
  bool overwrite = false;
  bool verify = false;  ///< as pack's
};
struct ImportResult {
  PackResult packed;
  std::filesystem::path base;           ///< what the payload's base is
  std::vector<Finding> findings;        ///< what is inexact or damaged in the scripts' files
  std::optional<VerifyResult> scripts;  ///< the scripts' own files against the final, where one was given
  [[nodiscard]] bool isExact() const { return scripts.has_value(); }  ///< the new payload gives the final bit for bit
};
/// Converts a payload of the scripts. With a final the new payload is the exact delta from their base to it. Without one it
/// gives what base + delta give in FP32, rounded to the base's types, which nothing checks; that final is kept beside `out`
/// while the job runs, as large as the base.
[[nodiscard]] Result<ImportResult> importScripts(const ImportRequest& request, const JobContext& job);

struct SynthRequest {
  std::string arch = "llama-3.1-8b";
  std::optional<unsigned> layers;
  std::uint64_t seed = 1;
  double std = 0.02;
  DType dtype = DType::BF16;
  std::filesystem::path out;
  bool overwrite = false;
};
struct SynthResult {
  std::uint64_t tensors = 0, elements = 0, bytes = 0;
  double seconds = 0;
};
[[nodiscard]] Result<SynthResult> synth(const SynthRequest& request, const JobContext& job);
[[nodiscard]] std::vector<std::string> synthArchitectures();

}  // namespace deltascope
