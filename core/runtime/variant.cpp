// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/variant.h"

#include <algorithm>
#include <map>

#include "core/base/units.h"
#include "core/codec/codec.h"
#include "core/payload/hash_faults.h"
#include "core/runtime/weight_faults.h"
#include "core/runtime/weight_names.h"
#include "core/source/base_fit.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostVocabulary = 1u << 24;  // as of config.json

/// Follows one weight from the base through the payloads.
class Tracer {
 public:
  Tracer(const Variant& variant, TensorOrigin& origin, const WeightFaults& faults)
      : m_variant(variant), m_origin(origin), m_faults(faults), m_name(origin.spec.name) {}

  Result<void> trace() {
    for (const auto& [payload, stats] : layers()) DELTASCOPE_TRY(apply(payload, *stats));
    if (!m_seen) DELTASCOPE_TRY(startAtBase());
    if (m_shape != m_origin.spec.storedShape()) return tl::make_unexpected(m_faults.wrongShape(file(), m_origin.spec, m_shape));
    if (!isCodedFloat(m_origin.dtype)) return tl::make_unexpected(m_faults.wrongType(file(), m_origin.spec, m_origin.dtype));
    return isPart(m_origin) ? cutOut() : Result<void>();
  }

 private:
  /// From the lowest: each knows its tensor by the name that the one above gives it.
  std::vector<std::pair<std::shared_ptr<const Payload>, const TensorStats*>> layers() {
    std::vector<std::pair<std::shared_ptr<const Payload>, const TensorStats*>> found;
    std::string name = m_name;
    for (auto payload = m_variant.payloads.rbegin(); payload != m_variant.payloads.rend(); ++payload) {
      const TensorStats* stats = (*payload)->find(name);
      if (!stats) continue;
      found.emplace_back(*payload, stats);
      name = stats->nameInBase();
    }
    std::ranges::reverse(found);
    m_origin.baseName = std::move(name);
    return found;
  }

  Result<void> apply(const std::shared_ptr<const Payload>& payload, const TensorStats& stats) {
    if (stats.transposed)
      return fail(ErrorCode::Unsupported,
                  at({payload->path(), m_name, {}}, "is stored transposed: its model cannot be run here"),
                  "unpack writes the model back");
    if (stats.base == BaseKind::None)
      restart();
    else if (!m_seen)
      DELTASCOPE_TRY(overBase(*payload, stats));
    else
      DELTASCOPE_TRY(overFinal(*payload, stats));
    m_seen = true;
    m_shape = stats.shape;
    m_origin.dtype = stats.dtype;
    m_origin.elements = stats.elements;
    m_origin.finalHash = stats.finalHash;
    if (stats.codec == CodecId::Identical) return {};
    DELTASCOPE_ASSIGN(auto chunks, payload->chunks(stats));
    m_origin.steps.push_back({payload, &stats, std::move(chunks)});
    return {};
  }

  /// Leaves of the tensor what the part needs.
  Result<void> cutOut() {
    const std::uint64_t stored = m_origin.elements;
    for (const auto& step : m_origin.steps)
      if (step.stats->elements != stored || !step.stats->baseShape.empty())
        return fail(ErrorCode::Unsupported,
                    at({step.payload->path(), m_name, {}}, "has other experts than the model below it: it cannot be run here"),
                    "unpack writes the model back");
    m_origin.elements = stored / m_origin.spec.stack;
    m_origin.first = *m_origin.spec.expert * m_origin.elements;
    m_origin.needs = {m_origin.first, m_origin.elements};
    for (auto step = m_origin.steps.rbegin(); step != m_origin.steps.rend(); ++step) {
      const IndexRange wanted = m_origin.needs;
      std::erase_if(step->chunks, [&](const ChunkInfo& chunk) {
        return chunk.first + chunk.elements <= wanted.first || chunk.first >= wanted.first + wanted.count;
      });
      if (step->chunks.empty()) continue;
      const ChunkInfo &front = step->chunks.front(), &back = step->chunks.back();
      const CodecId id = step->stats->codec;
      const IndexRange head = decodedWith(id, step->stats->dtype, front, {wanted.first, 1});
      const IndexRange tail = decodedWith(id, step->stats->dtype, back, {wanted.first + wanted.count - 1, 1});
      m_origin.needs = {head.first, tail.first + tail.count - head.first};
    }
    const std::uint64_t begin = m_origin.needs.first / kTileElements * kTileElements;
    const std::uint64_t end = std::min(stored, roundUp(m_origin.needs.first + m_origin.needs.count, kTileElements));
    m_origin.needs = {begin, end - begin};
    return {};
  }

  void restart() {
    m_origin.steps.clear();
    m_origin.bottom = BaseKind::None;
    m_origin.plain = nullptr;
    m_origin.quantized = nullptr;
    m_origin.baseHash.reset();
  }

  tl::unexpected<Error> wrongBase(const Payload& payload, const std::string& what) const {
    return fail(ErrorCode::Mismatch, at({payload.path(), m_name, {}}, what),
                "the payload was made over another model; give it the one it belongs to");
  }

  Result<void> overBase(const Payload& payload, const TensorStats& stats) {
    if (!m_variant.base) return wrongBase(payload, "it needs a base, and there is none");
    if (const auto misfit = baseMisfit(*m_variant.base, stats)) return wrongBase(payload, *misfit);
    setBottom(stats.base);
    m_origin.baseHash = stats.baseHash;
    return {};
  }

  Result<void> overFinal(const Payload& payload, const TensorStats& stats) {
    if (stats.base != BaseKind::Same || stats.dtype != m_origin.dtype)
      return wrongBase(payload, "it expects a " + std::string(nameOf(stats.base)) +
                                    " base; below it there is a reconstruction of type " + std::string(nameOf(m_origin.dtype)));
    if (stats.shapeOfBase() != m_shape)
      return wrongBase(payload,
                       "it expects the shape " + shapeText(stats.shapeOfBase()) + " below it, which is " + shapeText(m_shape));
    if (!m_origin.finalHash || stats.baseHash != *m_origin.finalHash)
      return wrongBase(payload, "it was made over a tensor with the hash " + toHex(stats.baseHash) +
                                    "; what lies below gives " + toHex(m_origin.finalHash.value_or(Hash128{})));
    return {};
  }

  void setBottom(BaseKind kind) {
    m_origin.bottom = kind;
    if (kind == BaseKind::Same)
      m_origin.plain = m_variant.base->checkpoint().find(m_origin.baseName);
    else
      m_origin.quantized = &m_variant.base->quantized().weights.find(m_origin.baseName)->second;
  }

  /// A weight that no payload speaks of.
  Result<void> startAtBase() {
    const auto missing = [&] { return tl::make_unexpected(m_faults.missing(file(), m_origin.spec)); };
    if (!m_variant.base) return missing();
    const auto& weights = m_variant.base->quantized().weights;
    if (const auto found = weights.find(m_origin.baseName); found != weights.end()) {
      m_shape = found->second.shape;
      m_origin.dtype = found->second.dtype;
      m_origin.elements = found->second.elements;
      setBottom(found->second.kind);
      return {};
    }
    const TensorInfo* info = m_variant.base->checkpoint().find(m_origin.baseName);
    if (!info) return missing();
    m_shape = info->shape;
    m_origin.dtype = info->dtype;
    m_origin.elements = info->elements;
    setBottom(BaseKind::Same);
    return {};
  }

  [[nodiscard]] fs::path file() const {
    if (!m_origin.steps.empty()) return m_origin.steps.back().payload->path();
    if (m_origin.plain) return m_variant.base->checkpoint().fileOf(*m_origin.plain);
    return m_variant.base ? m_variant.base->checkpoint().path() : m_variant.payloads.front()->path();
  }

  const Variant& m_variant;
  TensorOrigin& m_origin;
  const WeightFaults& m_faults;
  const std::string& m_name;
  std::vector<std::uint64_t> m_shape;
  bool m_seen = false;
};

/// A config.json of fewer layers than there are runs, as in transformers: a model cut short, or another one's config.
void noteUnusedLayers(Variant& variant, const WeightNames& names) {
  const std::uint32_t layers = variant.config.layerCount();
  const auto found = std::ranges::find_if(weightRoles(), [&](const RoleRow& row) {
    return row.layered && row.columns && names.final().stored(weightName(row.role, layers, {}, variant.config.names));
  });
  if (found != weightRoles().end())
    variant.note = (variant.base && variant.base->checkpoint().gguf() ? "its metadata has block_count "
                                                                      : "config.json has num_hidden_layers ") +
                   std::to_string(layers) + ", but there are weights of further layers, such as " +
                   *names.final().stored(weightName(found->role, layers, {}, variant.config.names)) + ": they are not used";
}

/// Weights beside the text's, of a model that sees or hears, and heads that propose further tokens: one of each part.
void noteOtherParts(Variant& variant, const WeightNames& names) {
  constexpr std::string_view kProposes = "mtp.";
  std::map<std::string, std::string> parts;
  const auto look = [&](std::string_view stored) {
    const std::string own = names.final().own(stored);
    const bool text = own.starts_with("model.layers.") || std::ranges::any_of(weightRoles(), [&](const RoleRow& row) {
                        return !row.layered && own.starts_with(row.name.substr(0, row.name.rfind('.') + 1));
                      });
    if (text || (!variant.config.textPart && !own.starts_with(kProposes))) return;
    const std::size_t body = own.starts_with("model.") ? std::string_view("model.").size() : 0;
    parts.try_emplace(own.substr(0, own.find('.', body)), stored);
  };
  for (const auto& payload : variant.payloads)
    for (const auto& tensor : payload->tensors()) look(tensor.name);
  if (variant.base)
    for (const auto& weight : variant.base->weights()) look(weight.name);
  if (parts.empty()) return;
  std::string other;
  for (const auto& [part, name] : parts) other += (other.empty() ? "" : ", ") + name;
  variant.note += (variant.note.empty() ? "" : "; ") + std::string("the text part of the model runs; other parts, such as ") +
                  other + ", are not used";
}

/// An adapter that was trained after tokens were added brings embeddings of other rows, and no config.json that says so.
void takeVocabulary(Variant& variant, const WeightNames& names) {
  const std::string embedding = names.stored(weightName(WeightRole::Embedding));
  for (const auto& payload : variant.payloads)
    if (const TensorStats* stats = payload->find(embedding); stats && !stats->baseShape.empty())
      if (stats->baseShape.front() == variant.config.vocabulary && stats->shape.front() <= kMostVocabulary)
        variant.config.vocabulary = static_cast<std::uint32_t>(stats->shape.front());
}

/// Of what files hold for a tensor; the shares of its parts add up to it.
std::uint64_t shareOf(const TensorOrigin& origin, std::uint64_t bytes) {
  if (!isPart(origin)) return bytes;
  const std::uint64_t parts = origin.spec.stack, part = *origin.spec.expert, each = bytes / parts, rest = bytes % parts;
  return each + (rest * (part + 1) / parts - rest * part / parts);
}

/// Files may have one tensor for each matrix of all experts of a layer; then names are those of transformers' own classes.
void takeStacks(Variant& variant, const WeightNames& names) {
  ModelConfig& config = variant.config;
  for (std::uint32_t i = 0; i < config.layerCount(); ++i) {
    FeedForwardConfig& block = config.layers[i].feedForward;
    if (block.experts == 0 || block.stacked || !names.has(stackName(WeightRole::Gate, i))) continue;
    block.stacked = block.fused = true;
    if (!names.has(weightName(WeightRole::Router, i, {}, config.names))) config.names = {};
  }
}

}  // namespace

Result<void> checkBaseOf(const Variant& variant, const TensorOrigin& origin) {
  if (!origin.baseHash || !variant.base) return {};
  DELTASCOPE_ASSIGN(const Hash128 base, variant.base->hash(origin.baseName));
  if (base == *origin.baseHash) return {};
  return tl::make_unexpected(wrongBaseHash({variant.base->checkpoint().path(), origin.spec.name, {}}, base, *origin.baseHash));
}

IndexRange decodedWith(CodecId id, DType dtype, const ChunkInfo& chunk, IndexRange elements) {
  const std::uint64_t step = codec(id).rangeStep(dtype, chunk.elements);
  if (step > kTileElements) return {chunk.first, chunk.elements};
  const std::uint64_t begin = (elements.first - chunk.first) / kTileElements * kTileElements;
  const std::uint64_t end = std::min(chunk.elements, roundUp(elements.first + elements.count - chunk.first, kTileElements));
  return {chunk.first + begin, end - begin};
}

std::uint64_t storedBaseBytes(const TensorOrigin& origin) {
  return shareOf(origin, origin.quantized ? origin.quantized->storedBytes : origin.plain ? origin.plain->bytes : 0);
}

std::uint64_t storedDeltaBytes(const TensorOrigin& origin) {
  std::uint64_t bytes = 0;
  for (const auto& step : origin.steps) bytes += shareOf(origin, step.stats->storedBytes);
  return bytes;
}

Result<std::shared_ptr<const ModelFolder>> openFolder(const LoadRequest& request) {
  const ModelPlace place{request.path, request.base, request.payloads, request.baseOnly};
  if (request.folder && request.folder->place() == place) return request.folder;
  return ModelFolder::open(place);
}

Result<std::shared_ptr<const StackedCompanions>> openCompanions(const LoadRequest& request) {
  DELTASCOPE_ASSIGN(const auto folder, openFolder(request));
  const ModelFiles& files = folder->files();
  if (files.kind == ModelFiles::Kind::Payload && files.base.empty() && !folder->companions()->has(kConfigFile))
    return fail(ErrorCode::NotFound, at({files.payload, {}, {}}, "a delta needs its base, which holds the tokenizer too"),
                "give it with --base DIR");
  return folder->companions();
}

Result<std::shared_ptr<Variant>> openVariant(const LoadRequest& request, ScaleReading scales) {
  DELTASCOPE_ASSIGN(const auto folder, openFolder(request));
  auto variant = std::make_shared<Variant>();
  variant->files = folder->companions();
  variant->payloads = folder->payloads();
  DELTASCOPE_ASSIGN(variant->base, folder->openBase(scales));
  DELTASCOPE_ASSIGN(variant->config, readModelConfig(*variant->files));
  const WeightNames names(*variant);
  const WeightFaults faults(*variant, names);
  DELTASCOPE_TRY(faults.refuseUnmerged());
  variant->config.tiedEmbeddings = names.tied();
  takeVocabulary(*variant, names);
  takeStacks(*variant, names);
  noteUnusedLayers(*variant, names);
  noteOtherParts(*variant, names);
  for (auto& spec : weightsOf(variant->config)) {
    TensorOrigin origin;
    origin.spec = std::move(spec);
    origin.spec.name = names.stored(origin.spec.own);
    variant->tensors.push_back(std::move(origin));
  }
  for (auto& origin : variant->tensors) DELTASCOPE_TRY(Tracer(*variant, origin, faults).trace());
  DELTASCOPE_TRY(faults.refuseUnused());
  return variant;
}

std::string fingerprintOf(const Variant& variant) {
  Hasher128 hasher;
  for (const auto& origin : variant.tensors) {
    const std::string line = origin.spec.name + ' ' + shapeText(origin.spec.shape) + ' ' + std::string(nameOf(origin.dtype)) +
                             ' ' + (origin.finalHash ? toHex(*origin.finalHash) : std::string("-")) + '\n';
    hasher.update(std::as_bytes(std::span(line)));
  }
  return toHex(hasher.digest());
}

}  // namespace deltascope
