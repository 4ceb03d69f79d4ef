// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Importing: a payload of the scripts becomes one of this program.
/// A job: a request in, a result out, with a stop token and progress. Memory is bounded by a few chunks a thread, whatever the
/// model's size. Outputs appear under their final name only when complete; inputs are never written to.
#include <filesystem>
#include <optional>
#include <vector>

#include "core/pack/pack.h"
#include "core/payload/scripts_payload.h"
#include "core/rebuild/verify.h"

namespace deltascope {

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

}  // namespace deltascope
