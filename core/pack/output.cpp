// SPDX-License-Identifier: Apache-2.0
#include "core/pack/output.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/pack/config.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestFile = 5'000'000'000;
constexpr std::string_view kPayloadSuffix = ".delta.safetensors";

bool isInside(const fs::path& path, const fs::path& folder) {
  const auto [end, unused] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

std::string baseFileName(std::size_t index, std::size_t count) {
  std::string name(kBaseStem);
  if (count > 1) {
    char number[48];
    std::snprintf(number, sizeof number, "-%05zu-of-%05zu", index + 1, count);
    name += number;
  }
  return name + ".safetensors";
}

/// Which file holds each tensor: as many as fit one after another.
std::vector<std::size_t> assignFiles(const std::vector<PackTensor>& tensors) {
  std::vector<std::size_t> files;
  std::size_t file = 0;
  std::uint64_t bytes = 0;
  for (const auto& tensor : tensors) {
    if (bytes > 0 && bytes + tensor.stats.baseBytes > kLargestFile) {
      ++file;
      bytes = 0;
    }
    bytes += tensor.stats.baseBytes;
    files.push_back(file);
  }
  return files;
}

std::vector<TensorSpec> baseSpecs(const PackSources& sources, const PackTensor& tensor) {
  const auto& stats = tensor.stats;
  const auto& request = sources.request();
  if (!tensor.quantize) return {{stats.name, stats.dtype, stats.shape}};
  return quantizedSpecs(stats.name, *request.quantize, stats.shape, stats.dtype, request.blocksize, request.doubleQuant);
}

}  // namespace

Result<void> checkApart(const fs::path& out, std::span<const fs::path> inputs) {
  if (out.empty()) return fail(ErrorCode::InvalidArgument, "no output is given", "name one with --out");
  const fs::path resolved = resolvedPath(out);
  for (const auto& given : inputs) {
    const fs::path input = resolvedPath(given);
    if (isInside(resolved, input) || isInside(input, resolved))
      return fail(ErrorCode::InvalidArgument, at({out, {}, {}}, "overlaps the input " + given.string()), "name another output");
  }
  return {};
}

Result<void> checkPayloadFile(const fs::path& given, bool overwrite) {
  const fs::path out = resolvedPath(given);
  std::error_code ignored;
  if (fs::is_directory(out, ignored))
    return fail(ErrorCode::InvalidArgument, at({given, {}, {}}, "is a folder"), "name a file");
  if (!out.filename().string().ends_with(kPayloadSuffix)) {
    const bool link = given.filename() != out.filename();
    return fail(ErrorCode::InvalidArgument,
                at({given, {}, {}}, (link ? "is a link to " + printable(out.string()) + ", but " : "") +
                                        "a payload's name ends in .delta.safetensors"),
                "name it so");
  }
  if (fs::exists(out, ignored) && !overwrite)
    return fail(ErrorCode::InvalidArgument, at({given, {}, {}}, "exists already"), "name another output, or add --overwrite");
  return {};
}

Result<void> checkPackOutput(const PackSources& sources, const PackCompanions& companions) {
  const auto& request = sources.request();
  DELTASCOPE_TRY(checkApart(request.out, sources.inputs()));
  if (request.quantize)
    DELTASCOPE_TRY(checkOutputFolder(resolvedPath(request.out), request.overwrite, namesOf(companions.files)));
  else
    DELTASCOPE_TRY(checkPayloadFile(request.out, request.overwrite));
  // Whether something can be made there is known now, and not after hours of work.
  if (request.quantize) return OutputFolder::create(request.out).map([](const OutputFolder&) {});
  return StagedFile::create(request.out).map([](const StagedFile&) {});
}

Result<PackOutput> PackOutput::create(const PackSources& sources, const PackCompanions& companions, PayloadPlan plan) {
  const auto& request = sources.request();
  PackOutput output;
  output.m_destination = resolvedPath(request.out);
  const bool folder = request.quantize.has_value();
  if (folder) {
    DELTASCOPE_ASSIGN(output.m_folder, OutputFolder::create(output.m_destination));
  } else {
    DELTASCOPE_ASSIGN(output.m_file, StagedFile::create(output.m_destination));
  }
  const auto open = [&]() -> Result<void> {
    output.m_sidecars = companions.files;
    if (folder) {
      DELTASCOPE_TRY(output.chooseSidecars(sources));
      DELTASCOPE_TRY(output.openBase(sources));
    } else {
      for (const auto& file : companions.files) {
        Companion& companion = plan.manifest.companions.emplace_back();
        companion.path = file.name;
        companion.bytes = file.bytes;
      }
    }
    DELTASCOPE_ASSIGN(output.m_payload,
                      PayloadWriter::create(folder ? output.made() / kPackedPayloadName : output.made(), std::move(plan)));
    for (std::size_t i = 0; !folder && i < companions.files.size(); ++i) {
      DELTASCOPE_ASSIGN(const auto content, read(companions.files[i]));
      DELTASCOPE_TRY(output.m_payload->writeCompanion(i, content));
    }
    return {};
  };
  if (auto opened = open(); !opened) return tl::make_unexpected(output.shown(opened.error()));
  return output;
}

/// config.json of a packed model describes its base; the final's own is kept beside it.
Result<void> PackOutput::chooseSidecars(const PackSources& sources) {
  const auto config = std::ranges::find(m_sidecars, kConfigName, &Sidecar::name);
  if (config == m_sidecars.end()) return {};
  DELTASCOPE_ASSIGN(const auto bytes, read(*config));
  const std::string original(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string changed = configForBase(original, sources);
  if (changed == original) return {};
  *config = sidecarOf(std::string(kConfigName), std::move(changed));
  m_sidecars.push_back(sidecarOf(std::string(kFinalConfigName), original));
  return {};
}

Result<void> PackOutput::openBase(const PackSources& sources) {
  const auto& tensors = sources.tensors();
  m_fileOf = assignFiles(tensors);
  const std::size_t count = m_fileOf.empty() ? 1 : m_fileOf.back() + 1;
  std::vector<std::vector<TensorSpec>> specs(count);
  for (std::size_t t = 0; t < tensors.size(); ++t)
    for (auto& spec : baseSpecs(sources, tensors[t])) specs[m_fileOf[t]].push_back(std::move(spec));
  for (std::size_t f = 0; f < count; ++f) {
    m_baseNames.push_back(baseFileName(f, count));
    DELTASCOPE_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(m_folder->path() / m_baseNames.back(),
                                                                          std::move(specs[f]), {{"format", "pt"}}));
    m_base.push_back(std::move(writer));
  }
  return {};
}

Result<void> PackOutput::writeBase(std::size_t tensor, std::string_view name, std::uint64_t begin,
                                   std::span<const std::byte> bytes) {
  return m_base[m_fileOf[tensor]].write(name, begin, bytes);
}

/// transformers asks for model.safetensors; the index leads it to the base's files.
Result<void> PackOutput::writeIndex(const PackSources& sources) const {
  if (sources.tensors().empty()) return {};  // an index of nothing is none
  nlohmann::ordered_json index;
  std::uint64_t total = 0;
  auto& map = index["weight_map"] = nlohmann::ordered_json::object();
  for (std::size_t t = 0; t < sources.tensors().size(); ++t) {
    const auto& tensor = sources.tensors()[t];
    total += tensor.stats.baseBytes;
    for (const auto& spec : baseSpecs(sources, tensor)) map[spec.name] = m_baseNames[m_fileOf[t]];
  }
  index["metadata"]["total_size"] = total;
  const std::string text = index.dump(2) + "\n";
  DELTASCOPE_TRY(writeTextFile(m_folder->path() / kIndexName, text));
  if (m_base.size() == 1) return {};
  return writeTextFile(m_folder->path() / (std::string(kBaseStem) + ".safetensors.index.json"), text);
}

Result<void> PackOutput::finish(const PackSources& sources, std::stop_token stop) {
  const auto step = [&]() -> Result<void> {
    if (m_folder) {
      DELTASCOPE_TRY(writeIndex(sources));
      DELTASCOPE_TRY(write(m_sidecars, m_folder->path()));
      for (auto& file : m_base) {
        if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
        DELTASCOPE_TRY(file.commit());
      }
    }
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    return m_payload->commit();
  };
  auto done = step();
  if (!done) return tl::make_unexpected(shown(done.error()));
  return {};
}

Result<void> PackOutput::checkCompanions(bool everything) const {
  return m_folder ? check(m_sidecars, m_folder->path(), everything) : Result<void>{};
}

Result<void> PackOutput::commit() { return m_folder ? m_folder->commit() : m_file->commit(); }

fs::path PackOutput::payloadPath() const { return m_folder ? m_destination / kPackedPayloadName : m_destination; }

std::uint64_t PackOutput::baseFileBytes() const {
  std::uint64_t bytes = 0;
  for (const auto& file : m_base) bytes += file.fileSize();
  return bytes;
}

Error PackOutput::shown(Error error) const {
  return m_folder ? m_folder->shown(std::move(error)) : m_file->shown(std::move(error));
}

}  // namespace deltascope
