// SPDX-License-Identifier: Apache-2.0
#include "core/pack/sources.h"

#include <algorithm>
#include <bit>
#include <set>

#include "core/base/units.h"
#include "core/checkpoint/quant_method.h"
#include "core/pack/base_names.h"
#include "core/pack/faults.h"
#include "core/payload/manifest.h"
#include "core/quant/bitsandbytes/parts.h"
#include "core/rebuild/transposed.h"

namespace deltascope {
namespace {

std::uint64_t bytesFor(DType type, std::uint64_t elements) { return (elements * bitsOf(type) + 7) / 8; }

TensorStats statsOf(const std::string& name, DType dtype, const std::vector<std::uint64_t>& shape, std::uint64_t elements) {
  TensorStats stats;
  stats.name = name;
  stats.dtype = dtype;
  stats.shape = shape;
  stats.elements = elements;
  stats.finalBytes = bytesFor(dtype, elements);
  return stats;
}

std::uint64_t specBytes(const std::vector<TensorSpec>& specs) {
  std::uint64_t bytes = 0;
  for (const auto& spec : specs) {
    std::uint64_t elements = 1;
    for (const auto dimension : spec.shape) elements *= dimension;
    bytes += bytesFor(spec.dtype, elements);
  }
  return bytes;
}

/// Whether the checkpoint has a tensor under a name that readers of a quantized weight would take for one of its parts.
bool partsAreTaken(const Checkpoint& final, const std::string& weight) {
  const auto has = [&](const std::string& name) { return final.find(name) != nullptr; };
  const std::string state = weight + std::string(kState);
  return has(weight + std::string(kAbsmax)) || has(weight + std::string(kQuantMap)) ||
         has(weight + std::string(kNestedAbsmax)) || has(weight + std::string(kNestedQuantMap)) || has(state + "nf4") ||
         has(state + "fp4") || has(int8PartName(weight, kScb)) || has(int8PartName(weight, kWeightFormat));
}

void transpose(TensorStats& stats) {
  stats.transposed = true;
  stats.shape = transposed(stats.shape);
}

/// Without any weight, but not because they lie elsewhere: those of DeepSpeed ZeRO-3 are vectors of no elements.
bool isEmpty(const Checkpoint& final) {
  return std::ranges::all_of(final.tensors(), [](const auto& t) { return t.elements == 0 && t.shape.size() > 1; });
}

/// Of two magnitudes; NaN is larger than all others, as in rowAbsmax.
float larger(float a, float b) { return std::bit_cast<std::uint32_t>(a) < std::bit_cast<std::uint32_t>(b) ? b : a; }

Result<Adapter> openAdapter(const std::filesystem::path& given) {
  DELTASCOPE_ASSIGN(const std::filesystem::path folder, resolveModel(given.string()));
  return Adapter::open(folder);
}

}  // namespace

Result<PackSources> PackSources::open(const PackRequest& request) {
  PackSources sources;
  sources.m_request = request;
  if (!request.final.empty()) {
    DELTASCOPE_ASSIGN(sources.m_request.final, resolveModel(request.final.string()));
    DELTASCOPE_ASSIGN(sources.m_final, Checkpoint::open(sources.m_request.final));
    if (sources.m_final->gguf())
      return fail(ErrorCode::Unsupported, at({sources.m_request.final, {}, {}}, "is a GGUF file, which can only be a base"),
                  "give it with --base, and with --final the model that it was made of");
    sources.m_layers = LinearLayers(*sources.m_final);
  }
  if (!request.base.empty()) {
    DELTASCOPE_ASSIGN(sources.m_request.base, resolveModel(request.base.string()));
    DELTASCOPE_ASSIGN(sources.m_base, BaseModel::open(sources.m_request.base));
  }
  for (const auto& path : request.adapters) {
    DELTASCOPE_ASSIGN(Adapter adapter, openAdapter(path));
    sources.m_adapters.push_back(std::make_unique<Adapter>(std::move(adapter)));
  }
  DELTASCOPE_TRY(sources.matchFinal());
  DELTASCOPE_TRY(sources.matchAdapters());
  return sources;
}

Result<void> PackSources::addFinal(const TensorInfo& info) {
  PackTensor tensor;
  tensor.stats = statsOf(info.name, info.dtype, info.shape, info.elements);
  tensor.final = &info;
  if (m_request.quantize) {
    setQuantized(info, tensor);
  } else {
    if (const auto other = m_otherNames.find(info.name); other != m_otherNames.end()) tensor.stats.baseName = other->second;
    tensor.stats.base = m_base->kindOf(tensor.stats.nameInBase(), info.dtype);
    if (tensor.stats.base != BaseKind::None) {
      const auto& shape = *m_base->shapeOf(tensor.stats.nameInBase(), info.dtype);
      if (tensor.stats.base != BaseKind::Same && m_layers.kindOf(info.name, info.shape) == LinearKind::Conv1D &&
          shape == transposed(info.shape)) {
        transpose(tensor.stats);
      } else if (shape != info.shape) {
        Error unlike = unlikeBase(*m_final, info, m_base->checkpoint(), shape);
        if (info.elements == 0 || std::ranges::find(shape, 0u) != shape.end()) return tl::make_unexpected(std::move(unlike));
        setOtherShape(tensor, shape);
        if (tensor.stats.base == BaseKind::None && !m_unlike) m_unlike = std::move(unlike);
      }
    }
    if (tensor.stats.base != BaseKind::None)
      setBase(tensor.stats);
    else
      tensor.stats.baseName.clear();
  }
  m_tensors.push_back(std::move(tensor));
  return {};
}

/// The new base's side: quantized, or a copy.
void PackSources::setQuantized(const TensorInfo& info, PackTensor& tensor) const {
  auto& stats = tensor.stats;
  tensor.quantize = isQuantizedBy(m_request.scope, info, m_layers) && !partsAreTaken(*m_final, info.name);
  stats.base = tensor.quantize ? kindOfFormat(*m_request.quantize) : BaseKind::Same;
  stats.baseBytes = info.bytes;
  if (!tensor.quantize) return;
  if (m_request.scope == PackScope::Linear && m_layers.kindOf(info.name, info.shape) == LinearKind::Conv1D) transpose(stats);
  stats.baseBytes = specBytes(
      quantizedSpecs(info.name, *m_request.quantize, stats.shape, info.dtype, m_request.blocksize, m_request.doubleQuant));
  stats.baseState = quantizationState(*m_request.quantize, m_request.blocksize, m_request.doubleQuant);
}

/// Finds what the base has by other names than the final.
void PackSources::matchNames() {
  std::vector<NamedShape> final, base;
  for (const auto& info : m_final->tensors()) final.push_back({info.name, &info.shape});
  for (const auto& weight : m_base->weights()) base.push_back({weight.name, weight.shape});
  m_otherNames = otherNames(final, base);
  if (m_base->checkpoint().gguf()) m_misfits = misfits(final, base);
  if (m_otherNames.empty() || m_base->checkpoint().gguf()) return;  // a GGUF file's names are always others
  const auto& [name, there] = *m_otherNames.begin();
  m_notes.push_back(formatCount(m_otherNames.size()) + (m_otherNames.size() == 1 ? " tensor has" : " tensors have") +
                    " another name in the base, such as " + printable(name) + ", there " + printable(there));
}

/// What the base has for the tensor.
void PackSources::setBase(TensorStats& stats) const {
  stats.baseBytes = m_base->storedBytes(stats.nameInBase());
  if (const auto* weight = m_base->quantized().find(stats.nameInBase()); weight && formatOf(stats.base).hasState())
    stats.baseState = weight->state;
}

/// More or fewer rows go over those that are shared; any other shape, over nothing.
void PackSources::setOtherShape(PackTensor& tensor, const std::vector<std::uint64_t>& base) {
  auto& stats = tensor.stats;
  const std::string shapes =
      "tensor " + printable(stats.name) + ": its shape is " + shapeText(stats.shape) + ", the base's " + shapeText(base);
  if (mayGrow(base, stats.shape)) {
    stats.baseShape = base;
    m_notes.push_back(shapes + ": stored over the rows that are shared");
  } else {
    stats.base = BaseKind::None;
    m_notes.push_back(shapes + ": stored without a base");
  }
}

/// Not of one tensor that the note on its shape names.
void PackSources::noteWithoutBase() {
  std::uint64_t count = 0, bytes = 0;
  std::string first;
  for (const auto& tensor : m_tensors) {
    if (tensor.stats.base != BaseKind::None || tensor.stats.elements == 0) continue;
    if (m_base->shapeOf(tensor.stats.name, tensor.stats.dtype) &&
        m_base->kindOf(tensor.stats.name, tensor.stats.dtype) != BaseKind::None)
      continue;
    if (++count == 1) first = printable(tensor.stats.name, 120);
    bytes += tensor.stats.finalBytes;
  }
  if (count == 0) return;
  m_notes.push_back(formatCount(count) + (count == 1 ? " tensor (" : " tensors (such as ") + first + "), " + formatGib(bytes) +
                    ", without a counterpart in the base: stored without a base");
  if (!m_base->quantized().weights.empty()) return;
  if (const auto method = foreignQuantization(m_base->checkpoint()))
    m_notes.push_back(
        "the base is quantized with " + *method +
        ", which is not read. Take one in a format that is: NF4, FP4 or INT8 of bitsandbytes; W4A16, W8A16, INT8 or "
        "FP8 of compressed-tensors; FP8 with weight_scale_inv; GGUF");
}

Result<void> PackSources::matchFinal() {
  if (m_final) {
    if (m_request.quantize) {
      DELTASCOPE_ASSIGN(const QuantizedTensors already, findQuantized(*m_final));
      if (!already.weights.empty()) return tl::make_unexpected(alreadyQuantized(*m_final, already.weights.begin()->second));
    }
    if (!m_request.quantize) matchNames();
    for (const auto& info : m_final->tensors()) DELTASCOPE_TRY(addFinal(info));
    // Where another library quantized the linear layers, its scales and an embedding are not worth a base.
    const bool foreign = m_request.quantize && foreignQuantization(*m_final);
    const auto quantizes = [&](const PackTensor& tensor) {
      return tensor.quantize && (!foreign || isQuantizedBy(PackScope::Linear, *tensor.final, m_layers));
    };
    const bool none = m_request.scope == PackScope::Linear && m_layers.areNone();
    if (m_request.quantize && none)
      m_notes.push_back("transformers leaves the layers of " + m_layers.modelType() +
                        " models at 16 bits, and so does --scope linear: nothing is quantized; --scope all quantizes them");
    if (auto note = m_request.quantize ? emptyWeightsNote(*m_final) : std::nullopt) m_notes.push_back(std::move(*note));
    const bool required = m_request.quantize && !m_request.allowUnquantized && !isEmpty(*m_final) && !none;
    if (required && std::none_of(m_tensors.begin(), m_tensors.end(), quantizes))
      return tl::make_unexpected(nothingToQuantize(*m_final, m_request.scope, m_layers));
  } else {
    for (const auto& weight : m_base->weights()) {
      PackTensor tensor;
      const DType dtype = weight.quantized ? weight.quantized->dtype : weight.stored->dtype;
      const std::uint64_t elements = weight.quantized ? weight.quantized->elements : weight.stored->elements;
      tensor.stats = statsOf(std::string(weight.name), dtype, *weight.shape, elements);
      tensor.stats.base = m_base->kindOf(tensor.stats.name, tensor.stats.dtype);
      setBase(tensor.stats);
      m_tensors.push_back(std::move(tensor));
    }
  }
  if (!m_base || !m_final) return {};
  std::uint64_t shared = 0;
  for (const auto& tensor : m_tensors) shared += tensor.stats.base != BaseKind::None;
  if (m_misfits > shared) return tl::make_unexpected(anotherModels(*m_final, m_base->checkpoint(), shared, m_misfits));
  if (shared == 0 && !m_tensors.empty())
    return tl::make_unexpected(m_unlike ? *m_unlike : nothingShared(*m_final, m_base->checkpoint()));
  noteWithoutBase();
  std::set<std::string_view> used;
  for (const auto& tensor : m_tensors) used.insert(tensor.stats.nameInBase());
  for (const auto& weight : m_base->weights()) m_baseOnly += !used.contains(weight.name);
  return {};
}

/// The final is the adapter's own copy, which may have more or fewer rows.
void PackSources::replaceBy(const TensorInfo& replacement, PackTensor& tensor) {
  auto& stats = tensor.stats;
  const TensorStats before = stats;
  stats = statsOf(before.name, replacement.dtype, replacement.shape, replacement.elements);
  stats.base = m_base->kindOf(before.nameInBase(), replacement.dtype);
  if (stats.base == BaseKind::None) return;
  stats.baseName = before.baseName;
  if (const auto& shape = *m_base->shapeOf(stats.nameInBase(), replacement.dtype); shape != replacement.shape)
    setOtherShape(tensor, shape);
  if (stats.base != BaseKind::None)
    setBase(stats);
  else
    stats.baseName.clear();
}

BaseLayout PackSources::layoutOf(const PackTensor& tensor) const {
  const bool rows = scalesByRow(*m_request.quantize);
  return formatOf(tensor.stats.base).layout(rows ? tensor.stats.shape.back() : m_request.blocksize);
}

bool PackSources::needsScales(const PackTensor& tensor) const {
  return tensor.quantize && (scalesByRow(*m_request.quantize) || m_request.doubleQuant);
}

std::vector<std::filesystem::path> PackSources::inputs() const {
  std::vector<std::filesystem::path> all;
  if (m_final) all.push_back(m_request.final);
  if (m_base) all.push_back(m_request.base);
  for (const auto& adapter : m_adapters) all.push_back(adapter->path());
  return all;
}

Result<void> PackSources::readFinal(const PackTensor& tensor, std::uint64_t first, std::span<std::byte> into) const {
  if (into.empty()) return {};
  const TensorInfo& info = *tensor.final;
  if (!tensor.stats.transposed) return m_final->read(info, bytesFor(info.dtype, first), into);
  return readTransposed(info.shape, bytesOf(info.dtype), first, into,
                        [&](std::uint64_t begin, std::span<std::byte> bytes) { return m_final->read(info, begin, bytes); });
}

Result<TermsPtr> PackSources::termsOf(const PackTensor& tensor) const {
  const auto& stats = tensor.stats;
  const auto read = [&](std::uint64_t first, std::size_t count, std::vector<std::byte>& values) -> Result<void> {
    SliceBuffer buffer;
    DELTASCOPE_TRY(m_base->slice(stats.nameInBase(), stats.dtype, first, count, true, buffer));
    values.assign(buffer.slice.values.begin(), buffer.slice.values.end());
    return {};
  };
  return loadTerms(tensor.terms, {stats.shape, stats.dtype, read});
}

void PackSources::quantizeHere(const PackTensor& tensor, std::span<const float> scales, PairSlice& into) const {
  auto& slice = into.base.slice;
  const QuantFormat format = *m_request.quantize;
  const BaseLayout layout = layoutOf(tensor);
  slice.kind = tensor.stats.base;
  slice.group = layout.group;
  into.base.codes.resize(static_cast<std::size_t>(layout.codesOf(slice.elements()).count));
  if (scalesByRow(format)) {
    slice.scales = scales;
    quantizeInt8(slice.finalType, into.final, slice.first % slice.group, slice.group, scales,
                 {reinterpret_cast<std::int8_t*>(into.base.codes.data()), into.base.codes.size()});
  } else {
    into.scales.resize(static_cast<std::size_t>(layout.scalesOf(slice.elements()).count));
    quantize4bit(format, slice.finalType, into.final, m_request.blocksize, into.base.codes, into.scales);
    slice.scales = scales.empty() ? std::span<const float>(into.scales) : scales;
  }
  slice.codes = into.base.codes;
  into.base.values.resize(into.final.size());
  baseValues(slice, into.base.values);
  slice.values = into.base.values;
}

Result<void> PackSources::read(const PackTensor& tensor, std::uint64_t first, std::size_t count, std::span<const float> scales,
                               const LoadedTerms* terms, PairSlice& into) const {
  into.final.resize(static_cast<std::size_t>(bytesFor(tensor.stats.dtype, count)));
  auto& slice = into.base.slice;
  slice = {};
  slice.kind = tensor.stats.base;
  slice.finalType = tensor.stats.dtype;
  slice.first = first;
  slice.count = count;
  if (m_request.quantize) {
    DELTASCOPE_TRY(readFinal(tensor, first, into.final));
    if (tensor.quantize) {
      quantizeHere(tensor, scales, into);
    } else {
      slice.values = into.final;  // the new base holds a copy
    }
    return {};
  }
  if (tensor.stats.base != BaseKind::None)
    DELTASCOPE_TRY(m_base->slice(tensor.stats.nameInBase(), tensor.stats.dtype, first, count, true, into.base));
  if (tensor.final) return readFinal(tensor, first, into.final);
  return applyTerms(terms ? *terms : LoadedTerms{}, slice, into.final);
}

Result<std::vector<float>> PackSources::rowScales(const PackTensor& tensor, std::uint64_t row, std::uint64_t count) const {
  constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;  // elements read at once, however wide the rows
  const std::uint64_t columns = tensor.stats.shape.back();
  std::vector<float> scales(count, 0.0F);
  std::vector<std::byte> bytes;
  const std::uint64_t rowsAtOnce = std::max<std::uint64_t>(1, kPiece / columns);
  for (std::uint64_t r = 0; r < count; r += rowsAtOnce) {
    const std::uint64_t rows = std::min(rowsAtOnce, count - r);
    for (std::uint64_t c = 0; c < columns; c += kPiece) {
      const std::uint64_t width = rowsAtOnce > 1 ? columns : std::min(kPiece, columns - c);
      bytes.resize(static_cast<std::size_t>(bytesFor(tensor.stats.dtype, rows * width)));
      DELTASCOPE_TRY(readFinal(tensor, (row + r) * columns + c, bytes));
      std::vector<float> piece(rows);
      rowAbsmax(tensor.stats.dtype, bytes, width, piece);
      for (std::uint64_t i = 0; i < rows; ++i) scales[r + i] = larger(scales[r + i], piece[i]);
    }
  }
  return scales;
}

}  // namespace deltascope
