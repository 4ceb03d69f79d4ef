// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One random checkpoint, packed with random options, verified, unpacked and compared byte for byte with what was written. All
/// choices come from an Input, so that a fuzzer can steer them and a seed repeats them.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/inspect/inspect.h"
#include "core/pack/pack.h"
#include "core/rebuild/unpack.h"
#include "core/rebuild/verify.h"
#include "core/source/base_model.h"
#include "tests/fuzz/random_checkpoints.h"

namespace deltascope::fuzz {

/// What a case found wrong; empty: nothing.
using Problem = std::string;

class PackCase : private RandomCheckpoints {
 public:
  /// Works below `folder`, which it empties.
  PackCase(Input input, fs::path folder) : RandomCheckpoints(input, std::move(folder)) {}

  Problem run() {
    fs::remove_all(m_folder);
    fs::create_directories(m_folder);
    m_final = checkpoint();
    write("final", m_final);
    const bool quantizes = below(3) != 0;
    const Problem problem = quantizes ? quantized() : fineTuned();
    return problem.empty() ? problem : problem + m_said;
  }

 private:
  void say(const std::string& text) { m_said += "\n  " + text; }

  PackRequest request() {
    static constexpr std::array<std::optional<CodecId>, 8> kCodecs{std::nullopt,     std::nullopt,     std::nullopt,
                                                                   CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd,
                                                                   CodecId::Sparse,  CodecId::Additive};
    static constexpr std::array<unsigned, 5> kChunks{64, 1, 2, 3, 65536};
    static constexpr std::array<int, 4> kLevels{3, 1, 9, 19};
    PackRequest request;
    request.final = m_folder / "final";
    request.codec = oneOf(kCodecs);
    request.chunks = oneOf(kChunks);
    request.prefer = oneIn(3) ? Prefer::Speed : Prefer::Size;
    request.codecOptions.zstdLevel = oneOf(kLevels);
    m_job.threads = 1 + static_cast<unsigned>(below(3));
    say("codec " + (request.codec ? std::string(nameOf(*request.codec)) : "auto") + ", " + std::to_string(request.chunks) +
        " chunks, level " + std::to_string(request.codecOptions.zstdLevel) + ", " + std::to_string(m_job.threads) + " threads");
    for (const auto& tensor : m_final)
      say(nlohmann::json(tensor.spec.name).dump() + " " + std::string(nameOf(tensor.spec.dtype)) + " " +
          shapeText(tensor.spec.shape));
    return request;
  }

  Problem quantized() {
    auto asked = request();
    asked.quantize = QuantFormat(below(3));
    asked.scope = oneIn(2) ? PackScope::All : PackScope::Linear;
    if (*asked.quantize != QuantFormat::Int8) {
      asked.doubleQuant = oneIn(3);
      asked.blocksize = 32U << below(8);
    }
    asked.allowUnquantized = oneIn(2);
    asked.out = m_folder / "packed";
    say(std::string(nameOf(*asked.quantize)) + (asked.scope == PackScope::All ? " all" : " linear") +
        (asked.doubleQuant ? " double" : "") + ", blocksize " + std::to_string(asked.blocksize));
    bool stopped = false;
    if (auto problem = packed(asked, stopped); !problem.empty() || stopped) return problem;
    if (auto problem = comesBack(asked.out, {}, asked.final, m_final); !problem.empty()) return problem;
    if (auto problem = rowsAreRight(asked); !problem.empty()) return problem;
    return oneIn(2) ? overThePackedBase(asked.out) : Problem();
  }

  /// The packed model's quantized base as the parent of a fine-tune.
  Problem overThePackedBase(const fs::path& parent) {
    write("tuned", m_final = changed(m_final));
    auto asked = request();
    asked.final = m_folder / "tuned";
    asked.base = parent;
    asked.out = m_folder / "tuned.delta.safetensors";
    bool stopped = false;
    if (auto problem = packed(asked, stopped); !problem.empty() || stopped) return problem;
    return comesBack(asked.out, asked.base, asked.final, m_final);
  }

  Problem fineTuned() {
    const CaseTensors base = changed(m_final);
    write("base", base);
    auto asked = request();
    asked.base = m_folder / "base";
    asked.out = m_folder / "p.delta.safetensors";
    bool stopped = false;
    if (auto problem = packed(asked, stopped); !problem.empty() || stopped) return problem;
    return comesBack(asked.out, asked.base, asked.final, m_final);
  }

  /// Packs; `stopped` when it was refused with good reason.
  Problem packed(const PackRequest& asked, bool& stopped) {
    const auto result = pack(asked, m_job);
    if (!result) {
      stopped = true;
      const Error& error = result.error();
      const bool noCodec = asked.codec && error.code == ErrorCode::Unsupported;
      const bool twice =
          asked.quantize && error.code == ErrorCode::InvalidArgument && error.message.find("twice") != std::string::npos;
      const bool part =
          error.code == ErrorCode::Corrupt && std::ranges::any_of(kPartNames, [&](std::string_view name) {
            return error.message.find("is missing") != std::string::npos && m_said.find(name) != std::string::npos;
          });
      const bool nothing =
          asked.quantize && !asked.allowUnquantized &&
          (error.message.find("--quantize would") != std::string::npos || error.message.find("ZeRO-3") != std::string::npos ||
           error.message.find("plain ones are needed") != std::string::npos);
      const bool apart = !asked.quantize && error.code == ErrorCode::Mismatch &&
                         (error.message.find("shares no tensor") != std::string::npos ||
                          error.message.find("holds no tensors") != std::string::npos);
      if (fs::exists(asked.out)) return "pack left an output behind: " + describe(error);
      return noCodec || nothing || apart || twice || part ? Problem() : "pack: " + describe(error);
    }
    if (result->tensors != m_final.size()) return "pack counted " + std::to_string(result->tensors) + " tensors";
    return {};
  }

  Problem comesBack(const fs::path& out, const fs::path& base, const fs::path& final, const CaseTensors& tensors) {
    std::uint64_t elements = 0;
    for (const auto& tensor : tensors) elements += tensor.elements();
    for (const fs::path& against : {final, fs::path()}) {
      const auto verdict = verify({.path = out, .base = base, .final = against, .device = "cpu", .onTensor = {}}, m_job);
      if (!verdict) return "verify: " + describe(verdict.error());
      if (!verdict->bitExact || verdict->elementsDifferent != 0) {
        Problem problem = "verify: not bit-exact";
        for (const auto& one : verdict->verdicts)
          if (!one.bitExact) problem += "; " + printable(one.tensor) + ": " + verdictText(one) + " " + one.problem;
        return problem;
      }
      if (verdict->tensors != tensors.size() || verdict->elementsCompared != elements)
        return "verify compared " + std::to_string(verdict->elementsCompared) + " elements of " +
               std::to_string(verdict->tensors) + " tensors";
    }
    const fs::path copy = m_folder / "copy";
    fs::remove_all(copy);
    const auto unpacked = unpack({.path = out, .base = base, .out = copy, .overwrite = false}, m_job);
    if (!unpacked) return "unpack: " + describe(unpacked.error());
    const auto read = Checkpoint::open(copy);
    if (!read) return "the copy: " + describe(read.error());
    if (read->tensors().size() != tensors.size()) return "the copy has " + std::to_string(read->tensors().size()) + " tensors";
    for (const auto& tensor : tensors) {
      const TensorInfo* info = read->find(tensor.spec.name);
      if (!info || info->dtype != tensor.spec.dtype || info->shape != tensor.spec.shape)
        return "the copy lacks " + printable(tensor.spec.name);
      const auto bytes = read->readAll(*info);
      if (!bytes || *bytes != tensor.bytes) return "the copy has other bytes of " + printable(tensor.spec.name);
    }
    return looksRight(out, base, tensors);
  }

  /// The table and a close-up.
  Problem looksRight(const fs::path& out, const fs::path& base, const CaseTensors& tensors) {
    const auto seen = inspect(out, base);
    if (!seen) return "inspect: " + describe(seen.error());
    if (seen->tensors.size() != tensors.size()) return "inspect lists " + std::to_string(seen->tensors.size()) + " tensors";
    for (const auto& row : seen->tensors)
      if (row.zeroDeltas > row.elements) return "inspect counts too many zero deltas in " + printable(row.name);
    if (tensors.empty()) return {};
    const auto& one = tensors[below(tensors.size())];
    const auto close = closeUp(out, base, one.spec.name, 1 + below(100000), m_job);
    if (!close) return "close-up of " + printable(one.spec.name) + ": " + describe(close.error());
    return {};
  }

  /// What a round trip does not show: kinds, sizes and hashes of the new base, and that a tensor is identical exactly when it
  /// is.
  Problem rowsAreRight(const PackRequest& asked) {
    const auto payload = Payload::open(asked.out / "model.delta.safetensors");
    const auto base = BaseModel::open(asked.out, "base");
    if (!payload) return "the payload: " + describe(payload.error());
    if (!base) return "the base: " + describe(base.error());
    for (const auto& row : payload->tensors()) {
      const auto name = printable(row.name);
      const auto hash = base->hash(row.nameInBase());
      if (!hash || *hash != row.baseHash) return "the base's hash of " + name + " is not the row's";
      if (base->storedBytes(row.nameInBase()) != row.baseBytes) return "the base's size of " + name + " is not the row's";
      if (row.base == BaseKind::Same) {
        if (row.codec != CodecId::Identical) return name + " is a copy, but not identical";
        continue;
      }
      const auto tensor = std::ranges::find(m_final, row.name, [](const CaseTensor& t) { return t.spec.name; });
      SliceBuffer slice;
      if (!base->slice(row.nameInBase(), row.dtype, 0, row.elements, true, slice)) return "the base cannot be read at " + name;
      const bool same = slice.values == tensor->bytes;
      if (same != (row.codec == CodecId::Identical))
        return name + (same ? " equals its base, but is coded" : " is no copy of its base");
    }
    return {};
  }

  /// Beside a matrix of bytes these make it a quantized weight that lacks the rest.
  static constexpr std::array<std::string_view, 4> kPartNames{".absmax", ".quant_map", ".nested_absmax", "weight_format"};
  JobContext m_job;
  CaseTensors m_final;
  std::string m_said;  ///< what was asked for, for messages
};

}  // namespace deltascope::fuzz
