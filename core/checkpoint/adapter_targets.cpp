// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/adapter_targets.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/base/units.h"

namespace deltascope {
namespace {

ModelNames namesOf(const Checkpoint& base) {
  std::vector<std::string_view> names;
  for (const auto& tensor : base.tensors()) names.push_back(tensor.name);
  return ModelNames::among(names);
}

bool isEmbedding(std::string_view name) {
  const std::string plain = withoutWrappers(name);
  return plain.ends_with("embed_tokens.weight") || plain == "transformer.wte.weight" || plain == "wte.weight";
}

std::string modelType(const Checkpoint& base) {
  if (!base.config().is_object()) return {};
  const auto type = base.config().find("model_type");
  return type != base.config().end() && type->is_string() ? type->get<std::string>() : std::string();
}

template <std::size_t N>
bool isAmong(const std::string& word, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, word) != words.end();
}

/// The module as its class calls it, and as files do.
std::vector<std::string> spellings(const std::string& module) {
  std::vector<std::string> all{module};
  constexpr std::string_view kOwn = ".mlp.";
  if (const auto at = (module + ".").find(kOwn); at != std::string::npos)
    for (const std::string_view stored : {".block_sparse_moe.", ".feed_forward."})
      all.push_back(std::string(module).replace(at, std::min(kOwn.size(), module.size() - at), stored));
  for (auto& name : all)
    if (name.ends_with('.')) name.pop_back();
  return all;
}

}  // namespace

AdapterTargets::AdapterTargets(const Checkpoint& base) : m_base(base), m_names(namesOf(base)), m_tie(storedOfTie()) {}

const TensorInfo* AdapterTargets::findByOwnName(const std::string& own) const {
  const auto* stored = m_names.stored(own);
  return stored ? m_base.find(*stored) : nullptr;
}

const TensorInfo* AdapterTargets::findStored(const std::string& name) const {
  if (const auto* found = m_base.find(name)) return found;
  const std::string plain = withoutWrappers(name);
  if (const auto* found = findByOwnName(plain)) return found;
  for (const std::string prefix : {"model.", "transformer."}) {
    if (plain.starts_with(prefix))
      if (const auto* found = findByOwnName(plain.substr(prefix.size()))) return found;
    if (const auto* found = findByOwnName(prefix + plain)) return found;
  }
  std::string_view rest = plain;
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view part : {"model.", "language_model.", "text_model."})
      if (rest.starts_with(part)) {
        rest.remove_prefix(part.size());
        more = true;
      }
  }
  if (rest.size() == plain.size()) return nullptr;
  if (const auto* found = findByOwnName("model." + std::string(rest))) return found;
  return rest.starts_with("lm_head.") ? findByOwnName(std::string(rest)) : nullptr;
}

const TensorInfo* AdapterTargets::find(const std::string& name) const {
  const auto* found = findStored(name);
  return !found && (isHead(name) || isEmbedding(name)) ? m_tie : found;
}

bool AdapterTargets::configTies(bool says) const {
  const auto& config = m_base.config();
  return config.is_object() && config.contains("tie_word_embeddings") && config["tie_word_embeddings"] == says;
}

bool AdapterTargets::tiesAHead() const {
  const auto& config = m_base.config();
  if (!m_tie || !config.is_object()) return false;
  if (config.contains("tie_word_embeddings")) return configTies(true);
  const auto classes = config.find("architectures");  // transformers 4 leaves out what its classes tie by default
  return classes != config.end() && classes->is_array() && std::ranges::any_of(*classes, [](const auto& name) {
           const auto* text = name.template get_ptr<const std::string*>();
           return text && (text->ends_with("ForCausalLM") || text->ends_with("LMHeadModel"));
         });
}

const TensorInfo* AdapterTargets::storedOfTie() const {
  if (configTies(false)) return nullptr;
  const TensorInfo* const head = findByOwnName("lm_head.weight");
  for (const auto* name : {"model.embed_tokens.weight", "transformer.wte.weight", "wte.weight"})
    if (const auto* found = findByOwnName(name)) return head ? nullptr : found;
  return head;
}

std::optional<bool> AdapterTargets::usesConv1d() const {
  constexpr std::array<std::string_view, 4> kTypes{"gpt2", "openai-gpt", "imagegpt", "decision_transformer"};
  const std::string type = modelType(m_base);
  return type.empty() ? std::nullopt : std::optional(isAmong(type, kTypes));
}

bool AdapterTargets::isPacked(const TensorInfo& target) const {
  return target.dtype == DType::U8 && m_base.find(target.name + ".absmax");
}

/// [experts, out, in], or of classes that keep it so, [experts, in, out].
std::vector<AdapterTerm> AdapterTargets::ofStack(const TensorInfo& stack, const ParameterLora&, AdapterTerm term) const {
  constexpr std::array<std::string_view, 3> kTransposed{"gpt_oss", "llama4", "llama4_text"};
  const auto in = term.a->shape[1], out = term.b->shape[0];
  const bool plain = stack.shape == std::vector<std::uint64_t>{term.experts, out, in};
  const bool transposed = stack.shape == std::vector<std::uint64_t>{term.experts, in, out};
  if (!plain && !transposed) return {};
  term.target = stack.name;
  term.fanInFanOut = plain && transposed ? isAmong(modelType(m_base), kTransposed) : transposed;
  term.outputs = out;
  return {term};
}

std::vector<AdapterTerm> AdapterTargets::oneByOne(const std::string& module, const ParameterLora& lora,
                                                  AdapterTerm term) const {
  std::vector<AdapterTerm> terms;
  const auto in = term.a->shape[1], out = term.b->shape[0];
  for (const auto& parts : partsOf(lora.parameter)) {
    terms.clear();
    term.outputs = out / parts.size();
    for (std::uint64_t expert = 0; expert < term.experts; ++expert)
      for (std::size_t part = 0; part < parts.size(); ++part) {
        const auto* found = findStored(module + "." + std::to_string(expert) + "." + std::string(parts[part]) + ".weight");
        if (!found || found->shape != std::vector<std::uint64_t>{term.outputs, in} || out % parts.size() != 0) break;
        term.target = found->name;
        term.expert = expert;
        term.firstOutput = part * term.outputs;
        terms.push_back(term);
      }
    // One more would be an expert that the adapter does not know.
    if (terms.size() == parts.size() * term.experts &&
        !findStored(module + "." + std::to_string(term.experts) + "." + std::string(parts.front()) + ".weight"))
      return terms;
  }
  return {};
}

std::vector<AdapterTerm> AdapterTargets::termsOfParameter(const ParameterLora& lora, const AdapterTerm& term) const {
  for (const auto& module : spellings(lora.module)) {
    const auto* found = findStored(module + "." + lora.parameter);
    if (found && found->shape.size() == 3) return ofStack(*found, lora, term);
    if (found && term.experts == 1 && found->shape == std::vector<std::uint64_t>{term.b->shape[0], term.a->shape[1]}) {
      AdapterTerm whole = term;
      whole.target = found->name;
      whole.outputs = found->shape[0];
      return {whole};
    }
    if (auto terms = oneByOne(module, lora, term); !terms.empty()) return terms;
  }
  return {};
}

bool isHead(std::string_view name) { return withoutWrappers(name).ends_with("lm_head.weight"); }

std::string headBeside(std::string_view embedding) {
  for (const std::string_view end : {"embed_tokens.weight", "wte.weight"}) {
    if (!embedding.ends_with(end)) continue;
    embedding.remove_suffix(end.size());
    for (const std::string_view part : {"model.language_model.", "model.", "transformer."})
      if (embedding.ends_with(part)) {
        embedding.remove_suffix(part.size());
        break;
      }
    return std::string(embedding) + "lm_head.weight";
  }
  return {};
}

bool isVocabulary(std::string_view name) {
  constexpr std::array<std::string_view, 5> kEnds{"embed_tokens.weight", "wte.weight", "lm_head.weight", "embed_in.weight",
                                                  "embed_out.weight"};
  return std::ranges::any_of(kEnds, [&](std::string_view end) { return name.ends_with(end); });
}

bool fillsPacked(std::uint64_t elements, const TensorInfo& target) { return ceilDiv(elements, 2) == target.bytes; }

}  // namespace deltascope
