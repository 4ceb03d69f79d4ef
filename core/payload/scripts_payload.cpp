// SPDX-License-Identifier: Apache-2.0
#include "core/payload/scripts_payload.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/units.h"
#include "core/checkpoint/foreign.h"
#include "core/checkpoint/pickle.h"
#include "core/checkpoint/tensor.h"

namespace deltascope {
namespace {

constexpr std::string_view kTotal = "total_deltas", kPositions = "comp_indices_list", kValues = "comp_values_list";
constexpr std::size_t kHeadBytes = 18;                     ///< ZSTD_FRAMEHEADERSIZE_MAX of zstd's static API
constexpr std::size_t kMostFrames = std::size_t{1} << 22;  ///< of all tensors: lists may be shared
constexpr std::uint64_t kPositionBytes = 8, kValueBytes = 4;

class ScriptsReader {
 public:
  ScriptsReader(const std::filesystem::path& path, const Pickle& pickle) : m_path(path), m_pickle(pickle) {}

  Result<std::vector<ScriptsTensor>> readAll() {
    const PickleValue& root = m_pickle.root();
    if (root.kind != PickleKind::Dict) return refuse({}, "holds " + std::string(nameOf(root.kind)) + ", not a dict");
    std::vector<ScriptsTensor> tensors;
    for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
      const PickleValue& key = m_pickle[root.items[i]];
      if (key.kind != PickleKind::Text)
        return refuse({}, "one of its keys is " + std::string(nameOf(key.kind)) + ", not a name");
      DELTASCOPE_ASSIGN(auto tensor, read(key.text, m_pickle[root.items[i + 1]]));
      tensors.push_back(std::move(tensor));
    }
    std::sort(tensors.begin(), tensors.end(),
              [](const ScriptsTensor& a, const ScriptsTensor& b) { return naturalLess(a.name, b.name); });
    for (std::size_t i = 1; i < tensors.size(); ++i)
      if (tensors[i].name == tensors[i - 1].name) return refuse(tensors[i].name, "the name is there twice");
    return tensors;
  }

 private:
  Result<ScriptsTensor> read(const std::string& name, const PickleValue& entry) {
    if (entry.kind != PickleKind::Dict) return refuse(name, "is " + std::string(nameOf(entry.kind)) + ", not a dict");
    ScriptsTensor tensor;
    tensor.name = name;
    const PickleValue *total = nullptr, *positions = nullptr, *values = nullptr;
    for (std::size_t i = 0; i + 1 < entry.items.size(); i += 2) {
      const PickleValue& key = m_pickle[entry.items[i]];
      if (key.kind != PickleKind::Text) continue;
      const PickleValue* value = &m_pickle[entry.items[i + 1]];
      const PickleValue** known = key.text == kTotal       ? &total
                                  : key.text == kPositions ? &positions
                                  : key.text == kValues    ? &values
                                                           : nullptr;
      if (!known) continue;
      if (*known) return refuse(name, "has " + key.text + " twice");
      *known = value;
    }
    for (const auto& [value, key] : {std::pair{total, kTotal}, {positions, kPositions}, {values, kValues}})
      if (!value) return refuse(name, "has no " + std::string(key));
    if (total->kind != PickleKind::Int || total->integer < 0) return refuse(name, "its total_deltas is no number from 0");
    tensor.totalDeltas = static_cast<std::uint64_t>(total->integer);
    DELTASCOPE_ASSIGN(tensor.positions, frames(name, *positions, kPositions));
    DELTASCOPE_ASSIGN(tensor.values, frames(name, *values, kValues));
    return tensor;
  }

  Result<std::vector<ScriptsFrame>> frames(const std::string& name, const PickleValue& list, std::string_view key) {
    if (list.kind != PickleKind::List && list.kind != PickleKind::Tuple)
      return refuse(name, "its " + std::string(key) + " is " + std::string(nameOf(list.kind)) + ", not a list");
    m_frames += list.items.size();
    if (m_frames > kMostFrames) return refuse(name, "more than " + formatCount(kMostFrames) + " frames");
    std::vector<ScriptsFrame> frames;
    frames.reserve(list.items.size());
    for (const PickleRef ref : list.items) {
      const PickleValue& bytes = m_pickle[ref];
      if (bytes.kind != PickleKind::Bytes)
        return refuse(name, "its " + std::string(key) + ", chunk " + std::to_string(frames.size()) + ", is " +
                                std::string(nameOf(bytes.kind)) + ", not bytes");
      frames.push_back({bytes.offset, bytes.bytes});
    }
    return frames;
  }

  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& name, const std::string& what) const {
    return fail(ErrorCode::Unsupported, at({m_path, name, {}}, what), "it is no payload of the scripts");
  }

  const std::filesystem::path& m_path;
  const Pickle& m_pickle;
  std::size_t m_frames = 0;
};

/// What the head of a frame says of it.
struct FrameHead {
  std::string problem;                 ///< empty when it is a frame
  std::optional<std::uint64_t> bytes;  ///< inflated, where the frame says so
};

Result<FrameHead> headOf(const RandomAccessFile& file, const ScriptsFrame& frame, const char* what) {
  FrameHead head;
  if (frame.bytes == 0) {
    head.problem = std::string("the frame of ") + what + " is empty";
    return head;
  }
  std::array<std::byte, kHeadBytes> bytes{};
  const auto read = static_cast<std::size_t>(std::min<std::uint64_t>(kHeadBytes, frame.bytes));
  DELTASCOPE_TRY(file.readAt(frame.offset, std::span(bytes).first(read)));
  const auto size = ZSTD_getFrameContentSize(bytes.data(), read);
  if (size == ZSTD_CONTENTSIZE_ERROR)
    head.problem = std::string("the frame of ") + what + " is no zstd frame";
  else if (size != ZSTD_CONTENTSIZE_UNKNOWN)
    head.bytes = size;
  return head;
}

}  // namespace

std::string describe(const Finding& finding) {
  return finding.tensor.empty() ? finding.text : printable(finding.tensor) + ": " + finding.text;
}

void ChunkFates::add(std::uint64_t chunk, std::string text) {
  if (!m_runs.empty() && m_runs.back().last + 1 == chunk && m_runs.back().text == text)
    m_runs.back().last = chunk;
  else
    m_runs.push_back({chunk, chunk, std::move(text)});
}

std::vector<Finding> ChunkFates::findings(const std::string& tensor) const {
  std::vector<Finding> findings;
  for (const auto& run : m_runs)
    findings.push_back(
        {tensor, (run.first == run.last ? "chunk " + std::to_string(run.first)
                                        : "chunks " + std::to_string(run.first) + " to " + std::to_string(run.last)) +
                     ": " + run.text});
  return findings;
}

std::size_t ScriptsTensor::chunks() const { return std::min(positions.size(), values.size()); }

std::uint64_t ScriptsTensor::storedBytes() const {
  std::uint64_t bytes = 0;
  for (const auto* frames : {&positions, &values})
    for (const auto& frame : *frames) bytes += frame.bytes;
  return bytes;
}

Result<ScriptsPayload> ScriptsPayload::open(const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(auto file, openModelFile(path));
  ScriptsPayload payload(std::move(file));
  const auto pickle = Pickle::read(payload.m_file, 0, payload.m_file.size());
  if (!pickle) return tl::make_unexpected(orForeign(pickle.error(), payload.m_file, FileKind::Torch));
  DELTASCOPE_ASSIGN(payload.m_tensors, ScriptsReader(path, *pickle).readAll());
  return payload;
}

const ScriptsTensor* ScriptsPayload::find(std::string_view name) const {
  const auto found = std::lower_bound(m_tensors.begin(), m_tensors.end(), name,
                                      [](const ScriptsTensor& a, std::string_view b) { return naturalLess(a.name, b); });
  return found != m_tensors.end() && found->name == name ? &*found : nullptr;
}

Result<std::vector<Finding>> ScriptsPayload::check(const ScriptsTensor& tensor) const {
  std::vector<Finding> findings;
  if (tensor.positions.size() != tensor.values.size())
    findings.push_back({tensor.name, formatCount(tensor.positions.size()) + " frames of positions, but " +
                                         formatCount(tensor.values.size()) + " of values"});
  ChunkFates fates;
  std::optional<std::uint64_t> total = 0;
  for (std::size_t i = 0; i < tensor.chunks(); ++i) {
    DELTASCOPE_ASSIGN(const FrameHead positions, headOf(m_file, tensor.positions[i], "positions"));
    DELTASCOPE_ASSIGN(const FrameHead values, headOf(m_file, tensor.values[i], "values"));
    if (tensor.positions[i].bytes == 0 && tensor.values[i].bytes == 0) {
      fates.add(i, "the frames of positions and values are empty");
    } else if (!positions.problem.empty() || !values.problem.empty()) {
      fates.add(i, positions.problem.empty() ? values.problem : positions.problem);
    } else if (positions.bytes && values.bytes && *positions.bytes / kPositionBytes != *values.bytes / kValueBytes) {
      fates.add(i, formatCount(*positions.bytes / kPositionBytes) + " positions, but " +
                       formatCount(*values.bytes / kValueBytes) + " values");
    }
    if (!positions.bytes && positions.problem.empty()) total.reset();
    if (total && positions.bytes) total = checkedAdd(*total, *positions.bytes / kPositionBytes);
  }
  std::ranges::move(fates.findings(tensor.name), std::back_inserter(findings));
  if (total && *total != tensor.totalDeltas)
    findings.push_back(
        {tensor.name, "total_deltas says " + formatCount(tensor.totalDeltas) + ", the frames hold " + formatCount(*total)});
  return findings;
}

}  // namespace deltascope
