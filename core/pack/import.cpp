// SPDX-License-Identifier: Apache-2.0
#include "core/pack/import.h"

#include <array>

#include "core/base/meter.h"
#include "core/base/ordered.h"
#include "core/base/units.h"
#include "core/pack/output.h"
#include "core/rebuild/verify_scripts.h"
#include "core/scripts/scripts.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFinalName = "model.safetensors";

/// base + delta as a checkpoint of its own, which lives as long as this object.
class RebuiltFinal {
 public:
  static Result<RebuiltFinal> create(const fs::path& out) {
    fs::path hidden = ".";
    hidden += out.filename();
    hidden += ".final";
    DELTASCOPE_ASSIGN(AtomicFolder folder, AtomicFolder::create(resolvedPath(out).parent_path() / hidden));
    return RebuiltFinal(std::move(folder));
  }
  [[nodiscard]] fs::path path() const { return m_folder.path() / kFinalName; }

  Result<void> write(const ScriptsSource& source, const JobContext& job, std::vector<Finding>& findings);

 private:
  explicit RebuiltFinal(AtomicFolder folder) : m_folder(std::move(folder)) {}
  AtomicFolder m_folder;  ///< never committed: the destructor removes it
};

Result<void> RebuiltFinal::write(const ScriptsSource& source, const JobContext& job, std::vector<Finding>& findings) {
  const auto& tensors = source.base.tensors();
  std::vector<TensorSpec> specs;
  for (const auto& info : tensors) specs.push_back({info.name, info.dtype, info.shape});
  DELTASCOPE_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(path(), std::move(specs), {{"format", "pt"}}));
  Meter meter(job);
  meter.setTotals(source.base.totalBytes(), tensors.size());
  meter.phase("adding");
  const auto rebuild = [&](std::size_t i) -> Result<std::vector<Finding>> {
    const TensorInfo& info = tensors[i];
    if (const auto obstacle = scriptsObstacle(source, info, info.dtype); !obstacle.empty())
      return fail(ErrorCode::Unsupported, at({source.base.fileOf(info), info.name, {}}, obstacle),
                  "give the final with --final: then only the base is taken from here");
    return rebuildScripts(source, info, info.dtype, job.stop, [&](std::uint64_t first, std::span<const std::byte> elements) {
      return writer.write(info.name, first * bitsOf(info.dtype) / 8, elements);
    });
  };
  DELTASCOPE_TRY(runOrdered<std::vector<Finding>>(tensors.size(), job.threadCount(), 2 * job.threadCount(), job.stop, rebuild,
                                                  [&](std::size_t i, std::vector<Finding>&& found) -> Result<void> {
                                                    std::ranges::move(found, std::back_inserter(findings));
                                                    meter.add(tensors[i].name, tensors[i].bytes, true);
                                                    return {};
                                                  }));
  for (const auto& tensor : source.payload.tensors())
    if (!source.base.find(tensor.name)) findings.push_back({tensor.name, "is in the payload, but not in the base: it is lost"});
  return writer.commit();
}

/// Verdicts as findings: what the scripts' own way would not give.
std::vector<Finding> inexact(const VerifyResult& scripts) {
  std::vector<Finding> findings = scripts.findings;
  for (const auto& verdict : scripts.verdicts) {
    if (verdict.bitExact) continue;
    if (verdict.firstDifference)
      findings.push_back({verdict.tensor, formatCount(verdict.different) + " of " + formatCount(verdict.elements) +
                                              " elements do not come back bit for bit from the scripts' files, first at " +
                                              formatCount(*verdict.firstDifference)});
    else
      findings.push_back({verdict.tensor, verdict.problem});
  }
  return findings;
}

PackRequest packRequest(const ImportRequest& request, const ModelFiles& files) {
  PackRequest pack;
  pack.base = files.base;
  pack.out = request.out;
  pack.codec = request.codec;
  pack.overwrite = request.overwrite;
  pack.verify = request.verify;
  pack.facts["imported from"] = files.payload.filename().string();
  return pack;
}

}  // namespace

Result<ImportResult> importScripts(const ImportRequest& request, const JobContext& job) {
  DELTASCOPE_ASSIGN(const ModelFiles files, locateModel(request.path, request.base));
  if (files.kind != ModelFiles::Kind::Scripts)
    return fail(ErrorCode::InvalidArgument, at({files.path, {}, {}}, "is nothing that the old scripts wrote"),
                "name a folder with base_model.pth and a .pkl, or the .pkl");
  ImportResult result;
  result.base = files.base;
  std::vector<fs::path> inputs{files.payload, files.base};
  PackRequest pack = packRequest(request, files);
  if (!request.final.empty()) {
    DELTASCOPE_ASSIGN(pack.final, resolveModel(request.final.string()));
    inputs.push_back(pack.final);
  }
  DELTASCOPE_TRY(checkPayloadFile(request.out, request.overwrite));
  std::erase(inputs, fs::path());
  DELTASCOPE_TRY(checkApart(request.out, inputs));

  if (!pack.final.empty()) {
    VerifyRequest check;
    check.final = pack.final;
    DELTASCOPE_ASSIGN(result.scripts, verifyScripts(files, check, "checking", job));
    result.findings = inexact(*result.scripts);
    DELTASCOPE_ASSIGN(result.packed, deltascope::pack(pack, job));
    return result;
  }
  DELTASCOPE_ASSIGN(const ScriptsSource source, openScripts(files));
  DELTASCOPE_ASSIGN(RebuiltFinal rebuilt, RebuiltFinal::create(request.out));
  DELTASCOPE_TRY(rebuilt.write(source, job, result.findings));
  pack.final = rebuilt.path();
  pack.facts["final"] = files.base.filename().string() + " + " + files.payload.filename().string() + ", never checked";
  DELTASCOPE_ASSIGN(result.packed, deltascope::pack(pack, job));
  return result;
}

}  // namespace deltascope
