// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/adapter.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "core/base/units.h"
#include "core/checkpoint/adapter_config.h"

namespace deltascope {
namespace {

constexpr std::array<std::string_view, 2> kPrefixes{"base_model.model.", "base_model."};

/// The part a tensor of the adapter plays for its module.
enum class Part { A, B, BBias, EmbeddingA, EmbeddingB };
constexpr std::array<std::pair<std::string_view, Part>, 5> kSuffixes{{{".lora_A.weight", Part::A},
                                                                      {".lora_B.weight", Part::B},
                                                                      {".lora_B.bias", Part::BBias},
                                                                      {".lora_embedding_A", Part::EmbeddingA},
                                                                      {".lora_embedding_B", Part::EmbeddingB}}};

struct ModuleParts {
  std::array<const TensorInfo*, kSuffixes.size()> parts{};
  [[nodiscard]] const TensorInfo* operator[](Part part) const { return parts[static_cast<std::size_t>(part)]; }
};

/// A term on its way: where it sorts, and whether it came through a tied lm_head.
struct Found {
  AdapterTerm term;
  bool tied = false;
  bool newModule = false;  // modules_to_save, as opposed to weights loaded into the module that is there
};

/// Matches one adapter with one base; collects terms, or stops at the first error.
class Matcher {
 public:
  Matcher(const Checkpoint& adapter, const AdapterConfig& config, const Checkpoint& base)
      : m_adapter(adapter), m_config(config), m_base(base), m_isConv1d(usesConv1d(base)) {}

  Result<std::vector<AdapterTerm>> run() {
    std::map<std::string, ModuleParts, std::less<>> modules;
    for (const auto& tensor : m_adapter.tensors()) DELTASCOPE_TRY(sort(tensor, modules));
    for (const auto& [module, parts] : modules) DELTASCOPE_TRY(addModule(module, parts));
    return inOrder();
  }

 private:
  [[nodiscard]] Location where(const TensorInfo& tensor) const { return {m_adapter.fileOf(tensor), tensor.name, {}}; }

  /// GPT-2 and its kin keep linear weights [in, out]; PEFT goes by the module's class, whatever fan_in_fan_out says.
  static std::optional<bool> usesConv1d(const Checkpoint& base) {
    if (!base.config().is_object()) return std::nullopt;
    const auto type = base.config().find("model_type");
    if (type == base.config().end() || !type->is_string()) return std::nullopt;
    constexpr std::array<std::string_view, 4> kTypes{"gpt2", "openai-gpt", "imagegpt", "decision_transformer"};
    return std::find(kTypes.begin(), kTypes.end(), type->get_ref<const std::string&>()) != kTypes.end();
  }

  Result<void> sort(const TensorInfo& tensor, std::map<std::string, ModuleParts, std::less<>>& modules) {
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
    if (name.find("lora_magnitude_vector") != std::string_view::npos)
      return fail(ErrorCode::Unsupported, at(where(tensor), "DoRA is not supported"),
                  "merge it with PEFT and pack the merged checkpoint");
    if (name.find(".lora_") != std::string_view::npos)
      return fail(ErrorCode::Unsupported, at(where(tensor), "this part of an adapter is not supported"),
                  "merge it with PEFT and pack the merged checkpoint");
    return addReplacement(tensor, std::string(name));
  }

  /// A checkpoint of the bare model lacks the "model." of the adapter's names, or has it where they do not.
  [[nodiscard]] const TensorInfo* findInBase(const std::string& name) const {
    constexpr std::string_view kModel = "model.";
    if (const auto* found = m_base.find(name)) return found;
    if (name.starts_with(kModel))
      if (const auto* found = m_base.find(std::string_view(name).substr(kModel.size()))) return found;
    return m_base.find(std::string(kModel) + name);
  }

  /// The embedding that stands in for an lm_head which the base does not store.
  [[nodiscard]] const TensorInfo* tiedEmbedding(std::string_view name) const {
    if (name != "lm_head.weight" || m_base.find(name)) return nullptr;
    const auto& config = m_base.config();
    if (config.is_object() && config.contains("tie_word_embeddings") && config["tie_word_embeddings"] == false) return nullptr;
    for (const auto* embedding : {"model.embed_tokens.weight", "embed_tokens.weight", "transformer.wte.weight", "wte.weight"})
      if (const auto* found = m_base.find(embedding)) return found;
    return nullptr;
  }

  Result<const TensorInfo*> targetOf(const TensorInfo& tensor, const std::string& name, Found& found) const {
    const auto* target = findInBase(name);
    if (!target && (target = tiedEmbedding(name))) found.tied = true;
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

  /// Two weights a byte, as bitsandbytes stores them.
  [[nodiscard]] bool isPacked(const TensorInfo& target) const {
    return target.dtype == DType::U8 && m_base.find(target.name + ".absmax");
  }
  static bool fillsPacked(std::uint64_t elements, const TensorInfo& target) { return ceilDiv(elements, 2) == target.bytes; }

  Result<void> addReplacement(const TensorInfo& tensor, std::string name) {
    Found found;
    found.newModule = true;
    constexpr std::string_view kBaseLayer = ".base_layer.";
    if (const auto part = name.find(kBaseLayer); part != std::string::npos) {
      name.replace(part, kBaseLayer.size(), ".");
      found.newModule = false;
    }
    DELTASCOPE_ASSIGN(const auto* target, targetOf(tensor, name, found));
    const bool fits = isPacked(*target) ? fillsPacked(tensor.elements, *target) : target->shape == tensor.shape;
    if (!fits) return misfit(tensor, *target);
    found.term.kind = AdapterTerm::Kind::Replacement;
    found.term.replacement = &tensor;
    m_found.push_back(std::move(found));
    return {};
  }

  Result<void> addModule(const std::string& module, const ModuleParts& parts) {
    const bool embedding = parts[Part::EmbeddingA] || parts[Part::EmbeddingB];
    const auto* a = parts[embedding ? Part::EmbeddingA : Part::A];
    const auto* b = parts[embedding ? Part::EmbeddingB : Part::B];
    if (const auto* present = a ? a : b ? b : parts[Part::BBias]; !a || !b)
      return fail(ErrorCode::Corrupt, at(where(*present), std::string("its counterpart ") + (a ? "B" : "A") + " is missing"));
    if (embedding && (parts[Part::A] || parts[Part::B] || parts[Part::BBias]))
      return fail(ErrorCode::Corrupt, at(where(*a), "has lora_A or lora_B beside it"));
    if (a->shape.size() != 2 || b->shape.size() != 2)
      return fail(ErrorCode::Unsupported,
                  at(where(a->shape.size() != 2 ? *a : *b), "is not a matrix: only linear layers and embeddings are handled"));
    DELTASCOPE_ASSIGN(const double given, patternValue(m_config.rankPatterns, module, static_cast<double>(m_config.rank)));
    const auto rank = static_cast<std::uint64_t>(given);
    for (const auto* matrix : {a, b})
      if (matrix->shape[matrix == a ? 0 : 1] != rank)
        return fail(ErrorCode::Mismatch, at(where(*matrix), "its shape " + shapeText(matrix->shape) + " is not of rank " +
                                                                std::to_string(rank) + ", which adapter_config.json gives"));
    Found found;
    auto& term = found.term;
    term.a = a;
    term.b = b;
    term.rank = rank;
    DELTASCOPE_ASSIGN(term.scale, adapterScale(m_config, module, rank));
    term.embedding = embedding;
    DELTASCOPE_ASSIGN(const auto* target, targetOf(*b, module + ".weight", found));
    DELTASCOPE_TRY(orient(term, *target));
    m_found.push_back(found);
    if (const auto* bias = parts[Part::BBias]) DELTASCOPE_TRY(addBias(*bias, module, term));
    return {};
  }

  /// Whether W is [out, in] or [in, out]: its shape says so, or for square ones the model's family, or else the adapter's flag.
  Result<void> orient(AdapterTerm& term, const TensorInfo& target) const {
    const auto in = term.a->shape[1], out = term.b->shape[0];
    if (isPacked(target)) {
      const auto elements = checkedMul(in, out);
      if (!elements || !fillsPacked(*elements, target)) return misfit(*term.b, target);
      term.fanInFanOut = !term.embedding && m_isConv1d.value_or(m_config.fanInFanOut);
      return {};
    }
    const std::vector<std::uint64_t> plain{out, in}, transposed{in, out};
    const bool fits = target.shape == plain && !term.embedding, fitsTransposed = target.shape == transposed;
    if (!fits && !fitsTransposed) return misfit(*term.b, target);
    if (!term.embedding) term.fanInFanOut = fits && fitsTransposed ? m_isConv1d.value_or(m_config.fanInFanOut) : fitsTransposed;
    return {};
  }

  Result<void> addBias(const TensorInfo& bias, const std::string& module, const AdapterTerm& matrix) {
    Found found;
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

  /// PEFT loads replacements first, then merges in the order of the modules, in which lm_head is last.
  Result<std::vector<AdapterTerm>> inOrder() {
    std::stable_sort(m_found.begin(), m_found.end(), [](const Found& x, const Found& y) {
      const auto key = [](const Found& f) {
        return std::tuple(f.term.kind != AdapterTerm::Kind::Replacement, f.tied, f.term.kind == AdapterTerm::Kind::Bias);
      };
      if (x.term.target != y.term.target) return naturalLess(x.term.target, y.term.target);
      return key(x) < key(y);
    });
    std::vector<AdapterTerm> terms;
    for (std::size_t i = 0; i < m_found.size(); ++i) {
      const auto& found = m_found[i];
      if (found.term.kind != AdapterTerm::Kind::Replacement) {
        terms.push_back(found.term);
        continue;
      }
      const bool hasTwin = i + 1 < m_found.size() && m_found[i + 1].term.target == found.term.target &&
                           m_found[i + 1].term.kind == AdapterTerm::Kind::Replacement;
      if (hasTwin) {
        DELTASCOPE_TRY(checkTwins(*found.term.replacement, *m_found[i + 1].term.replacement));
        m_found[i + 1].newModule = false;  // both sides of the tie get the same weight
        m_found[i + 1].term = found.term;
        continue;
      }
      const bool unties =
          found.newModule && (found.tied || (found.term.target == embeddingOfTie() && !found.term.target.empty()));
      if (unties)
        return fail(ErrorCode::Unsupported,
                    at(where(*found.term.replacement), "replaces one of two weights that the base ties, which unties them"),
                    "merge it with PEFT and pack the merged checkpoint");
      terms.push_back(found.term);
    }
    return terms;
  }

  [[nodiscard]] std::string embeddingOfTie() const {
    const auto* embedding = tiedEmbedding("lm_head.weight");
    const auto& config = m_base.config();
    const bool says = config.is_object() && config.contains("tie_word_embeddings") && config["tie_word_embeddings"] == true;
    return embedding && says ? embedding->name : std::string();
  }

  Result<void> checkTwins(const TensorInfo& x, const TensorInfo& y) const {
    DELTASCOPE_ASSIGN(const auto left, m_adapter.readAll(x));
    DELTASCOPE_ASSIGN(const auto right, m_adapter.readAll(y));
    if (x.dtype == y.dtype && left == right) return {};
    return fail(ErrorCode::Unsupported, at(where(y), "differs from " + printable(x.name) + ", though the base ties the two"),
                "merge it with PEFT and pack the merged checkpoint");
  }

  const Checkpoint& m_adapter;
  const AdapterConfig& m_config;
  const Checkpoint& m_base;
  std::optional<bool> m_isConv1d;
  std::vector<Found> m_found;
};

}  // namespace

Result<Adapter> Adapter::open(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto folder = std::filesystem::is_regular_file(path, ignored) ? path.parent_path() : path;
  const auto config = folder / "adapter_config.json", weights = folder / "adapter_model.safetensors";
  if (!std::filesystem::exists(config, ignored))
    return fail(ErrorCode::NotFound, at({config, {}, {}}, "does not exist"), "name the folder of a PEFT adapter");
  if (!std::filesystem::exists(weights, ignored) && std::filesystem::exists(folder / "adapter_model.bin", ignored))
    return fail(ErrorCode::Unsupported, at({folder / "adapter_model.bin", {}, {}}, "is a pickle, not a safetensors file"),
                "save the adapter again with PEFT");
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
