// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/adapter.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/units.h"
#include "core/checkpoint/adapter_config.h"
#include "core/checkpoint/adapter_experts.h"
#include "core/checkpoint/adapter_order.h"
#include "core/checkpoint/adapter_targets.h"
#include "core/checkpoint/foreign.h"
#include "core/checkpoint/quant_method.h"

namespace deltascope {
namespace {

constexpr std::array<std::string_view, 2> kPrefixes{"base_model.model.", "base_model."};

/// The part a tensor of the adapter plays for its module.
enum class Part { A, B, BBias, EmbeddingA, EmbeddingB, Magnitude };
constexpr std::size_t kParts = 6;
constexpr std::array<std::pair<std::string_view, Part>, 7> kSuffixes{{{".lora_A.weight", Part::A},
                                                                      {".lora_B.weight", Part::B},
                                                                      {".lora_B.bias", Part::BBias},
                                                                      {".lora_embedding_A", Part::EmbeddingA},
                                                                      {".lora_embedding_B", Part::EmbeddingB},
                                                                      {".lora_magnitude_vector", Part::Magnitude},
                                                                      {".lora_magnitude_vector.weight", Part::Magnitude}}};

struct ModuleParts {
  std::array<const TensorInfo*, kParts> parts{};
  [[nodiscard]] const TensorInfo* operator[](Part part) const { return parts[static_cast<std::size_t>(part)]; }
};

/// Matches one adapter with one base; collects terms, or stops at the first error.
class Matcher {
 public:
  Matcher(const Checkpoint& adapter, const AdapterConfig& config, const Checkpoint& base)
      : m_adapter(adapter), m_config(config), m_base(base), m_targets(base) {}

  Result<std::vector<AdapterTerm>> run() {
    std::map<std::string, ModuleParts, std::less<>> modules;
    for (const auto& tensor : m_adapter.tensors()) DELTASCOPE_TRY(sort(tensor, modules));
    for (const auto& [tensor, module] : m_tokenRows) DELTASCOPE_TRY(addRows(*tensor, module));
    for (const auto& [module, parts] : modules) DELTASCOPE_TRY(addModule(module, parts));
    DELTASCOPE_TRY(checkVocabulary());
    return inMergeOrder(std::move(m_found), m_adapter, m_targets);
  }

 private:
  [[nodiscard]] Location where(const TensorInfo& tensor) const { return {m_adapter.fileOf(tensor), tensor.name, {}}; }

  Result<void> sort(const TensorInfo& tensor, std::map<std::string, ModuleParts, std::less<>>& modules) {
    if (tensor.elements == 0) return tl::make_unexpected(needsGatheredWeights(where(tensor), emptyWeights(m_adapter)));
    std::string_view name = tensor.name;
    for (const auto prefix : kPrefixes) {
      if (!name.starts_with(prefix)) continue;
      name.remove_prefix(prefix.size());
      break;
    }
    for (const auto& [suffix, part] : kSuffixes) {
      if (!name.ends_with(suffix)) continue;
      auto& slot = modules[std::string(name.substr(0, name.size() - suffix.size()))].parts[static_cast<std::size_t>(part)];
      if (slot) return fail(ErrorCode::Corrupt, at(where(tensor), "and " + printable(slot->name) + " are the same part"));
      slot = &tensor;
      if (tensor.dtype != DType::F32 && tensor.dtype != DType::F16 && tensor.dtype != DType::BF16)
        return fail(ErrorCode::Unsupported, at(where(tensor), "is of type " + std::string(nameOf(tensor.dtype)) +
                                                                  ", only F32, F16 and BF16 are handled here"));
      return {};
    }
    for (const std::string_view suffix : {".token_adapter.trainable_tokens_delta", ".trainable_tokens_delta"}) {
      if (!name.ends_with(suffix)) continue;
      m_tokenRows.emplace_back(&tensor, name.substr(0, name.size() - suffix.size()));
      return {};
    }
    const auto plain = withoutWrapper(tensor.name);
    if (plain && m_adapter.find(*plain)) return {};
    if (plain || name.find(".lora_") != std::string_view::npos)
      return fail(ErrorCode::Unsupported, at(where(tensor), "this part of an adapter is not supported"),
                  "merge it with PEFT and pack the merged checkpoint");
    return addReplacement(tensor, std::string(name));
  }

  /// Of modules_to_save, PEFT stores the trained weight by its plain name, and where it stores embeddings too, once more by the
  /// wrapper's, beside the one that was there; it loads the plain one.
  static std::optional<std::string> withoutWrapper(const std::string& name) {
    for (const std::string_view part : {".modules_to_save.", ".original_module."})
      if (const auto found = name.find(part); found != std::string::npos)
        return name.substr(0, found) + name.substr(found + part.size() - 1);
    return std::nullopt;
  }

  Result<const TensorInfo*> targetOf(const TensorInfo& tensor, const std::string& name, FoundTerm& found) const {
    const auto* target = m_targets.find(name);
    found.term.head = target && target == m_targets.tie() && isHead(name);
    if (const auto method = target ? std::nullopt : foreignQuantization(m_base))
      return tl::make_unexpected(needsPlainWeights({m_base.path(), name, {}}, *method));
    if (!target)
      return fail(ErrorCode::Mismatch,
                  at(where(tensor), "the base " + m_base.path().string() + " has no tensor " + printable(name)),
                  "name the base that the adapter was trained on");
    found.term.target = target->name;
    return target;
  }

  tl::unexpected<Error> misfit(const TensorInfo& tensor, const TensorInfo& target) const {
    return fail(ErrorCode::Mismatch,
                at(where(tensor), "its shape " + printable(shapeText(tensor.shape)) + " does not fit " +
                                      printable(target.name) + " (" + printable(shapeText(target.shape)) + ")"),
                "name the base that the adapter was trained on");
  }

  tl::unexpected<Error> wrongTokens(const TensorInfo& tensor, std::uint64_t tokens, std::uint64_t rows,
                                    const std::string& missing) const {
    return tl::make_unexpected(lacksTokens(where(tensor), tokens, rows, missing));
  }

  /// More or fewer rows of the same width: the final has the adapter's. Of a packed matrix, the width must divide what is
  /// there.
  [[nodiscard]] bool otherRows(const TensorInfo& tensor, const TensorInfo& target) const {
    if (!isVocabulary(target.name) || tensor.shape.size() != 2 || tensor.shape[0] == 0 || tensor.shape[1] == 0) return false;
    if (m_targets.isPacked(target)) return target.bytes * 2 % tensor.shape[1] == 0;
    return target.shape.size() == 2 && target.shape[1] == tensor.shape[1];
  }

  /// What the adapter puts in the target's place, or null. Replacements are found before modules.
  [[nodiscard]] const TensorInfo* replacementOf(const std::string& target) const {
    for (const auto& found : m_found)
      if (found.term.kind == AdapterTerm::Kind::Replacement && found.term.target == target) return found.term.replacement;
    return nullptr;
  }

  /// Where an embedding and a head of its own stand side by side, one cannot have new rows and the other none.
  Result<void> checkVocabulary() const {
    for (const auto& found : m_found) {
      if (found.term.kind != AdapterTerm::Kind::Replacement) continue;
      const TensorInfo& given = *found.term.replacement;
      const TensorInfo* target = m_base.find(found.term.target);
      if (!target || !isVocabulary(target->name) || m_targets.isPacked(*target) || given.shape.size() != 2 ||
          given.shape == target->shape)
        continue;
      for (const auto& other : m_base.tensors()) {
        if (&other == target || !isVocabulary(other.name) || m_targets.isPacked(other) || other.shape.empty()) continue;
        const TensorInfo* own = replacementOf(other.name);
        if (other.shape[0] == target->shape[0] && (!own || own->shape[0] != given.shape[0]))
          return wrongTokens(given, given.shape[0], target->shape[0], "the rows of " + printable(other.name));
      }
    }
    return {};
  }

  /// Whether PEFT puts a module of its own in the place of the weight's; others (saved embeddings, trained biases) are loaded
  /// into the weight that is there, and so into what is tied to it.
  [[nodiscard]] bool isNewModule(std::string_view name) const {
    const std::string_view module = name.substr(0, name.rfind('.'));
    return std::ranges::any_of(m_config.modulesToSave, [&](const std::string& end) { return module.ends_with(end); });
  }

  Result<void> addReplacement(const TensorInfo& tensor, std::string name) {
    FoundTerm found;
    found.newModule = isNewModule(name);
    for (const std::string_view layer : {".token_adapter.base_layer.", ".base_layer."}) {
      const auto part = name.find(layer);
      if (part == std::string::npos) continue;
      name.replace(part, layer.size(), ".");
      found.newModule = false;
    }
    DELTASCOPE_ASSIGN(const auto* target, targetOf(tensor, name, found));
    const bool fits = m_targets.isPacked(*target) ? fillsPacked(tensor.elements, *target) : target->shape == tensor.shape;
    if (!fits && !otherRows(tensor, *target)) return misfit(tensor, *target);
    found.term.kind = AdapterTerm::Kind::Replacement;
    found.term.replacement = &tensor;
    m_found.push_back(std::move(found));
    return {};
  }

  Result<void> addRows(const TensorInfo& tensor, const std::string& module) {
    const TokenRows* tokens = nullptr;
    for (const auto& one : m_config.tokens)
      if (one.module.empty() || module == one.module || module.ends_with("." + one.module)) tokens = &one;
    FoundTerm found;
    DELTASCOPE_ASSIGN(const auto* target, targetOf(tensor, module + ".weight", found));
    const TensorInfo* const replaced = replacementOf(target->name);
    const auto& shape = replaced ? replaced->shape : target->shape;
    const bool fits = tokens && tensor.shape.size() == 2 && shape.size() == 2 && (replaced || !m_targets.isPacked(*target)) &&
                      tensor.shape[0] == tokens->rows.size() && tensor.shape[1] == shape[1] && isCodedFloat(tensor.dtype);
    if (!fits) return misfit(tensor, *target);
    const std::uint64_t trained = tokens->rows.empty() ? 0 : *std::ranges::max_element(tokens->rows) + 1;
    if (trained > shape[0]) return wrongTokens(tensor, trained, shape[0], printable(target->name) + " itself");
    found.term.kind = AdapterTerm::Kind::Rows;
    found.term.replacement = &tensor;
    found.term.rows = tokens->rows;
    m_found.push_back(std::move(found));
    return {};
  }

  /// LoRA on a bare parameter: of stacked experts, or the matrix of a router.
  Result<void> addParameter(const ParameterLora& lora, const TensorInfo& a, const TensorInfo& b) {
    const std::string name = lora.module + "." + lora.parameter;
    DELTASCOPE_ASSIGN(const double given, patternValue(m_config.rankPatterns, name, static_cast<double>(m_config.rank)));
    const auto rank = static_cast<std::uint64_t>(given);
    AdapterTerm term;
    term.a = &a;
    term.b = &b;
    term.rank = rank;
    term.parameter = true;
    DELTASCOPE_ASSIGN(term.scale, adapterScale(m_config, name, rank));
    if (a.shape[0] % rank != 0 || a.shape[0] != b.shape[1])
      return fail(ErrorCode::Mismatch,
                  at(where(a), "its shape " + shapeText(a.shape) + " is not of rank " + std::to_string(rank)));
    term.experts = a.shape[0] / rank;
    const auto terms = m_targets.termsOfParameter(lora, term);
    if (terms.empty())
      return fail(ErrorCode::Mismatch,
                  at(where(b), "the base " + m_base.path().string() + " has no tensors of " + std::to_string(term.experts) +
                                   " experts that fit " + printable(name)),
                  "name the base that the adapter was trained on");
    if (const auto method = foreignQuantization(m_base))
      return tl::make_unexpected(needsPlainWeights({m_base.path(), name, {}}, *method));
    for (const auto& one : terms) m_found.push_back({one, false});
    return {};
  }

  Result<void> addModule(const std::string& module, const ModuleParts& parts) {
    const bool embedding = parts[Part::EmbeddingA] || parts[Part::EmbeddingB];
    const auto* a = parts[embedding ? Part::EmbeddingA : Part::A];
    const auto* b = parts[embedding ? Part::EmbeddingB : Part::B];
    if (const auto* present = a ? a : b ? b : parts[Part::BBias] ? parts[Part::BBias] : parts[Part::Magnitude]; !a || !b)
      return fail(ErrorCode::Corrupt, at(where(*present), std::string("its counterpart ") + (a ? "B" : "A") + " is missing"));
    if (embedding && (parts[Part::A] || parts[Part::B] || parts[Part::BBias]))
      return fail(ErrorCode::Corrupt, at(where(*a), "has lora_A or lora_B beside it"));
    if (a->shape.size() != 2 || b->shape.size() != 2)
      return fail(ErrorCode::Unsupported,
                  at(where(a->shape.size() != 2 ? *a : *b), "is not a matrix: only linear layers and embeddings are handled"));
    const auto bare = parameterOf(m_config.targetParameters, module);
    if (bare && !embedding && !parts[Part::BBias] && !parts[Part::Magnitude]) return addParameter(*bare, *a, *b);
    DELTASCOPE_ASSIGN(const double given, patternValue(m_config.rankPatterns, module, static_cast<double>(m_config.rank)));
    const auto rank = static_cast<std::uint64_t>(given);
    for (const auto* matrix : {a, b})
      if (matrix->shape[matrix == a ? 0 : 1] != rank)
        return fail(ErrorCode::Mismatch, at(where(*matrix), "its shape " + shapeText(matrix->shape) + " is not of rank " +
                                                                std::to_string(rank) + ", which adapter_config.json gives"));
    FoundTerm found;
    auto& term = found.term;
    term.a = a;
    term.b = b;
    term.rank = rank;
    DELTASCOPE_ASSIGN(term.scale, adapterScale(m_config, module, rank));
    term.embedding = embedding;
    DELTASCOPE_ASSIGN(const auto* target, targetOf(*b, module + ".weight", found));
    DELTASCOPE_TRY(orient(term, *target));
    DELTASCOPE_TRY(addMagnitude(parts[Part::Magnitude], term));
    m_found.push_back(found);
    if (const auto* bias = parts[Part::BBias]) DELTASCOPE_TRY(addBias(*bias, module, term));
    return {};
  }

  Result<void> addMagnitude(const TensorInfo* magnitude, AdapterTerm& term) const {
    if (!magnitude && m_config.dora)
      return fail(ErrorCode::Corrupt,
                  at(where(*term.b), "its DoRA magnitude is missing, though adapter_config.json has use_dora"));
    if (!magnitude) return {};
    if (magnitude->elements != term.b->shape[0])
      return fail(ErrorCode::Mismatch, at(where(*magnitude), "its shape " + printable(shapeText(magnitude->shape)) +
                                                                 " is not one number an output of " + printable(term.b->name)));
    term.magnitude = magnitude;
    return {};
  }

  /// Whether W is [out, in] or [in, out]: its shape says so, or for square ones the model's family, or else the adapter's flag.
  Result<void> orient(AdapterTerm& term, const TensorInfo& target) const {
    const auto in = term.a->shape[1], out = term.b->shape[0];
    const TensorInfo* replaced = replacementOf(target.name);
    if (m_targets.isPacked(target) && !replaced) {
      const auto elements = checkedMul(in, out);
      if (!elements || !fillsPacked(*elements, target)) return misfit(*term.b, target);
      term.fanInFanOut = !term.embedding && m_targets.usesConv1d().value_or(m_config.fanInFanOut);
      return {};
    }
    const std::vector<std::uint64_t> plain{out, in}, transposed{in, out};
    const auto& shape = replaced ? replaced->shape : target.shape;
    const bool fits = shape == plain && !term.embedding, fitsTransposed = shape == transposed;
    if (!fits && !fitsTransposed) {
      const std::uint64_t tokens = term.embedding ? in : out, width = term.embedding ? out : in;
      if (isVocabulary(target.name) && shape.size() == 2 && shape[1] == width)
        return wrongTokens(*term.b, tokens, shape[0], printable(target.name) + " itself");
      return misfit(*term.b, target);
    }
    if (!term.embedding)
      term.fanInFanOut = fits && fitsTransposed ? m_targets.usesConv1d().value_or(m_config.fanInFanOut) : fitsTransposed;
    return {};
  }

  Result<void> addBias(const TensorInfo& bias, const std::string& module, const AdapterTerm& matrix) {
    FoundTerm found;
    DELTASCOPE_ASSIGN(const auto* target, targetOf(bias, module + ".bias", found));
    if (target->shape != bias.shape || bias.shape.size() != 1 || bias.shape[0] != matrix.b->shape[0])
      return misfit(bias, *target);
    found.term.kind = AdapterTerm::Kind::Bias;
    found.term.b = &bias;
    found.term.rank = matrix.rank;
    found.term.scale = matrix.scale;
    m_found.push_back(std::move(found));
    return {};
  }

  const Checkpoint& m_adapter;
  const AdapterConfig& m_config;
  const Checkpoint& m_base;
  AdapterTargets m_targets;
  std::vector<std::pair<const TensorInfo*, std::string>> m_tokenRows;  // with their modules
  std::vector<FoundTerm> m_found;
};

}  // namespace

Result<Adapter> Adapter::open(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto folder = std::filesystem::is_regular_file(path, ignored) ? path.parent_path() : path;
  const auto config = folder / "adapter_config.json";
  if (!isNamed(config))
    return fail(ErrorCode::NotFound, at({config, {}, {}}, "does not exist"), "name the folder of a PEFT adapter");
  auto weights = folder / "adapter_model.safetensors";
  for (const auto* name : {"adapter_model.bin", "adapter_model.safetensors.index.json", "adapter_model.bin.index.json"})
    if (!isNamed(weights) && isNamed(folder / name)) weights = folder / name;
  Adapter adapter;
  adapter.m_path = path;
  DELTASCOPE_ASSIGN(auto settings, readAdapterConfig(config));
  adapter.m_config = std::make_shared<const AdapterConfig>(std::move(settings));
  DELTASCOPE_ASSIGN(auto tensors, Checkpoint::open(weights));
  if (tensors.tensors().empty()) return fail(ErrorCode::Corrupt, at({weights, {}, {}}, "has no tensors"));
  adapter.m_tensors = std::make_unique<Checkpoint>(std::move(tensors));
  return adapter;
}

Result<std::vector<AdapterTerm>> Adapter::match(const Checkpoint& base) const {
  return Matcher(*m_tensors, *m_config, base).run();
}

}  // namespace deltascope
