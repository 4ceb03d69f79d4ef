// SPDX-License-Identifier: Apache-2.0
#include "core/inspect/inspect.h"

#include "core/base/units.h"
#include "core/inspect/checkpoint.h"
#include "core/scripts/scripts.h"
#include "core/source/layout.h"
#include "core/source/sidecars.h"

namespace deltascope {
namespace {

InspectTotals totalsOf(const std::vector<TensorStats>& tensors, std::uint64_t fileBytes) {
  InspectTotals totals;
  totals.tensors = tensors.size();
  totals.payloadFileBytes = fileBytes;
  totals.baseBytes = baseBytesOf(tensors);
  for (const auto& tensor : tensors) {
    totals.elements += tensor.elements;
    totals.finalBytes += tensor.finalBytes;
    totals.storedBytes += tensor.storedBytes;
    totals.zeroDeltas += tensor.zeroDeltas;
  }
  return totals;
}

/// What travels beside the weights: in the payload, or in the folder of a packed model.
Result<void> tellCompanions(const Payload& payload, Inspection& inspection) {
  std::vector<Sidecar> files = sidecarsOf(payload);
  if (files.empty() && inspection.files.kind == ModelFiles::Kind::PackedModel) {
    DELTASCOPE_ASSIGN(const CompanionList list, listCompanions({inspection.files.path, {}, false}));
    for (const auto& file : list.files)
      if (file.name != kFinalConfigName) files.push_back(sidecarOf(file));
  }
  inspection.companions = files.size();
  inspection.companionBytes = bytesOf(files);
  inspection.facts["files beside the weights"] =
      files.empty() ? "none: configuration and tokenizer are the base's"
                    : formatCount(files.size()) + (files.size() == 1 ? " file, " : " files, ") + formatGib(bytesOf(files));
  return {};
}

/// Of the files that a packed model's base lies in; 0 where it is another's, or cannot be read.
std::uint64_t ownBaseBytes(const ModelFiles& files) {
  if (files.kind != ModelFiles::Kind::PackedModel || files.base != files.path) return 0;
  const auto base = Checkpoint::open(files.base, kBaseStem);
  if (!base) return 0;
  std::uint64_t bytes = 0;
  for (const auto& file : base->files()) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (error) return 0;
    bytes += size;
  }
  return bytes;
}

double bitsOver(std::uint64_t bytes, std::uint64_t elements) { return elements ? 8.0 * double(bytes) / double(elements) : 0; }

}  // namespace

double InspectTotals::payloadBitsPerWeight() const { return bitsOver(payloadFileBytes, elements); }

double InspectTotals::totalBitsPerWeight() const {
  return elements ? bitsOver(payloadFileBytes + wholeBaseBytes(), elements) : 0;
}

Result<Inspection> inspect(const std::filesystem::path& path, const std::filesystem::path& base) {
  Inspection inspection;
  DELTASCOPE_ASSIGN(inspection.files, locateModel(path, base));
  if (inspection.files.kind == ModelFiles::Kind::Checkpoint) {
    DELTASCOPE_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(inspection.files.path));
    inspection.tensors = checkpointRows(checkpoint);
    inspection.facts = checkpointFacts(checkpoint);
    inspection.totals = totalsOf(inspection.tensors, checkpoint.totalBytes());
    return inspection;
  }
  if (inspection.files.kind == ModelFiles::Kind::Scripts) {
    DELTASCOPE_ASSIGN(const ScriptsSource source, openScripts(inspection.files));
    DELTASCOPE_ASSIGN(ScriptsTable table, scriptsTable(source));
    inspection.tensors = std::move(table.rows);
    inspection.findings = std::move(table.findings);
    inspection.facts["base"] = inspection.files.base.filename().string();
    inspection.facts["payload"] = inspection.files.payload.filename().string();
    inspection.facts["tool"] = "the scripts before deltascope: torch.save, pickle, zstd";
    inspection.totals = totalsOf(inspection.tensors, source.payload.fileSize());
    return inspection;
  }
  DELTASCOPE_ASSIGN(const Payload payload, Payload::open(inspection.files.payload));
  inspection.tensors = payload.tensors();
  inspection.facts = payload.facts();
  if (!payload.baseFingerprint().empty()) inspection.facts["base fingerprint"] = payload.baseFingerprint();
  DELTASCOPE_TRY(tellCompanions(payload, inspection));
  inspection.totals = totalsOf(inspection.tensors, payload.fileSize());
  inspection.totals.baseFileBytes = ownBaseBytes(inspection.files);
  return inspection;
}

}  // namespace deltascope
