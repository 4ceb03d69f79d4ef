// SPDX-License-Identifier: Apache-2.0
// From an adapter's tensor names to the base tensors they change.
#include <map>
#include <optional>

#include "core/base/units.h"
#include "core/checkpoint/adapter.h"
#include "core/checkpoint/adapter_scale.h"
#include "core/checkpoint/json.h"

namespace deltascope {
namespace {

/// The parts of one LoRA module, as found by name.
struct Module {
  const TensorInfo *a = nullptr, *b = nullptr, *bias = nullptr;
  bool embedding = false;
};

std::optional<std::string> without(const std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

/// Checkpoints of the bare model lack the "model." that the adapter's names have, or the other way round.
const TensorInfo* findTarget(const Checkpoint& base, const std::string& name) {
  if (const auto* found = base.find(name)) return found;
  if (name.starts_with("model."))
    if (const auto* found = base.find(name.substr(6))) return found;
  return base.find("model." + name);
}

/// Whether the base tensor can hold rows × columns: by shape, or packed by quantization (two weights a byte, one a byte).
bool fits(const TensorInfo& target, std::uint64_t rows, std::uint64_t columns) {
  if (target.shape.size() == 2 && target.shape[0] == rows && target.shape[1] == columns) return true;
  const auto elements = checkedMul(rows, columns);
  return target.dtype == DType::U8 && elements && target.elements == ceilDiv(*elements, 2);
}

}  // namespace

Result<std::vector<AdapterTerm>> Adapter::match(const Checkpoint& base) const {
  const auto configPath = m_tensors->folder() / "adapter_config.json";
  DELTASCOPE_ASSIGN(const auto config, parseJson(m_configText, configPath));
  DELTASCOPE_ASSIGN(const AdapterScale scales, AdapterScale::parse(config, configPath));
  const auto error = [&](const TensorInfo& tensor, ErrorCode code, const std::string& what) {
    return fail(code, at({m_tensors->fileOf(tensor), tensor.name, tensor.offset}, what));
  };

  std::vector<AdapterTerm> terms;
  std::map<std::string, Module> modules;
  for (const auto& tensor : m_tensors->tensors()) {
    std::string name = tensor.name;
    for (std::string_view prefix : {"base_model.model.", "base_model."})
      if (name.starts_with(prefix)) {
        name.erase(0, prefix.size());
        break;
      }
    if (const auto path = without(name, ".lora_A.weight")) {
      modules[*path].a = &tensor;
    } else if (const auto pathB = without(name, ".lora_B.weight")) {
      modules[*pathB].b = &tensor;
    } else if (const auto pathBias = without(name, ".lora_B.bias")) {
      modules[*pathBias].bias = &tensor;
    } else if (const auto pathEa = without(name, ".lora_embedding_A")) {
      modules[*pathEa].a = &tensor;
      modules[*pathEa].embedding = true;
    } else if (const auto pathEb = without(name, ".lora_embedding_B")) {
      modules[*pathEb].b = &tensor;
      modules[*pathEb].embedding = true;
    } else if (name.find("lora_") != std::string::npos) {
      return error(tensor, ErrorCode::Unsupported, "this kind of adapter tensor is not supported");
    } else {
      if (const auto saved = name.find(".modules_to_save."); saved != std::string::npos) name.erase(saved, 16);
      const TensorInfo* target = findTarget(base, name);
      if (!target) return error(tensor, ErrorCode::Mismatch, "the base has no tensor " + name);
      if (target->shape != tensor.shape && !(tensor.shape.size() == 2 && fits(*target, tensor.shape[0], tensor.shape[1])))
        return error(tensor, ErrorCode::Mismatch,
                     "its shape " + shapeText(tensor.shape) + " is not the base's " + shapeText(target->shape));
      AdapterTerm term;
      term.kind = AdapterTerm::Kind::Replacement;
      term.target = target->name;
      term.replacement = &tensor;
      terms.push_back(std::move(term));
    }
  }

  for (const auto& [path, module] : modules) {
    if (!module.a || !module.b) {
      const TensorInfo& found = *(module.a ? module.a : module.b ? module.b : module.bias);
      return error(found, ErrorCode::Corrupt, std::string("its partner ") + (module.a ? "B" : "A") + " is missing");
    }
    const TensorInfo &a = *module.a, &b = *module.b;
    for (const TensorInfo* part : {&a, &b}) {
      if (!isCodedFloat(part->dtype)) return error(*part, ErrorCode::Unsupported, "its type is not BF16, F16 or F32");
      if (part->shape.size() != 2 || part->elements == 0)
        return error(*part, ErrorCode::Unsupported, "it is not a matrix but " + shapeText(part->shape));
    }
    AdapterTerm term;
    term.a = &a;
    term.b = &b;
    term.rank = a.shape[0];
    term.embedding = module.embedding;
    term.fanInFanOut = !module.embedding && scales.fanInFanOut();
    if (b.shape[1] != term.rank)
      return error(b, ErrorCode::Mismatch,
                   "its rank " + std::to_string(b.shape[1]) + " is not A's " + std::to_string(term.rank));
    DELTASCOPE_ASSIGN(term.scale, scales.of(path, term.rank));
    const TensorInfo* target = findTarget(base, path + ".weight");
    if (!target) return error(a, ErrorCode::Mismatch, "the base has no tensor " + path + ".weight");
    const bool turned = term.embedding || term.fanInFanOut;
    const std::uint64_t rows = turned ? a.shape[1] : b.shape[0], columns = turned ? b.shape[0] : a.shape[1];
    if (!fits(*target, rows, columns))
      return error(a, ErrorCode::Mismatch,
                   "it changes " + std::to_string(rows) + " × " + std::to_string(columns) + " weights, but " + target->name +
                       " has " + shapeText(target->shape));
    term.target = target->name;
    if (module.bias) {
      AdapterTerm bias = term;
      const TensorInfo* biasTarget = findTarget(base, path + ".bias");
      if (!biasTarget || biasTarget->shape != std::vector<std::uint64_t>{b.shape[0]} || module.bias->shape != biasTarget->shape)
        return error(*module.bias, ErrorCode::Mismatch, "the base has no fitting tensor " + path + ".bias");
      bias.kind = AdapterTerm::Kind::Bias;
      bias.target = biasTarget->name;
      bias.a = nullptr;
      bias.b = module.bias;
      terms.push_back(std::move(bias));
    }
    terms.push_back(std::move(term));
  }
  if (terms.empty()) return fail(ErrorCode::Corrupt, at({m_path, {}, std::nullopt}, "the adapter has no tensors"));
  return terms;
}

}  // namespace deltascope
