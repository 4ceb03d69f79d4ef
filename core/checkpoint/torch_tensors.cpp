// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/torch_tensors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::size_t kMostDimensions = 16;
constexpr int kDeepestWrapper = 3;
constexpr std::uint64_t kMostRepeats = 64;  // of a file's own size, by strides of 0

struct NamedType {
  std::string_view symbol;
  DType dtype;
};
constexpr std::array kStorageTypes{
    NamedType{"torch.DoubleStorage", DType::F64},       NamedType{"torch.FloatStorage", DType::F32},
    NamedType{"torch.HalfStorage", DType::F16},         NamedType{"torch.BFloat16Storage", DType::BF16},
    NamedType{"torch.LongStorage", DType::I64},         NamedType{"torch.IntStorage", DType::I32},
    NamedType{"torch.ShortStorage", DType::I16},        NamedType{"torch.CharStorage", DType::I8},
    NamedType{"torch.ByteStorage", DType::U8},          NamedType{"torch.BoolStorage", DType::Bool},
    NamedType{"torch.ComplexFloatStorage", DType::C64}, NamedType{"torch.storage.UntypedStorage", DType::U8},
};
/// Types that _rebuild_tensor_v3 names; two FP4 make an element.
constexpr std::array kTensorTypes{
    NamedType{"torch.float8_e4m3fn", DType::F8_E4M3},
    NamedType{"torch.float8_e5m2", DType::F8_E5M2},
    NamedType{"torch.float8_e4m3fnuz", DType::F8_E4M3Fnuz},
    NamedType{"torch.float8_e5m2fnuz", DType::F8_E5M2Fnuz},
    NamedType{"torch.float8_e8m0fnu", DType::F8_E8M0},
    NamedType{"torch.float4_e2m1fn_x2", DType::F4},
    NamedType{"torch.uint16", DType::U16},
    NamedType{"torch.uint32", DType::U32},
    NamedType{"torch.uint64", DType::U64},
};

template <class Table>
std::optional<DType> typeOf(const Table& table, std::string_view symbol) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const NamedType& row) { return row.symbol == symbol; });
  return found == table.end() ? std::nullopt : std::optional(found->dtype);
}

unsigned elementBytes(DType dtype) { return dtype == DType::F4 ? 1 : bytesOf(dtype); }

/// A storage as the pickle describes it.
struct StorageId {
  std::string_view key;
  DType dtype = DType::BF16;
  std::uint64_t elements = 0;
};

class TensorReader {
 public:
  TensorReader(const Pickle& pickle, const TorchStorages& storages, const std::filesystem::path& path, std::uint64_t fileSize)
      : m_pickle(pickle), m_storages(storages), m_path(path), m_fileSize(fileSize) {}

  Result<TorchTensors> readAll();
  /// ('storage', torch.XStorage, key, location, elements[, view])
  Result<StorageId> idOf(const std::string& name, const PickleValue& stored) const;

 private:
  Result<const PickleValue*> dictOfTensors() const;
  Result<void> read(const std::string& name, PickleRef ref);
  Result<std::vector<std::uint64_t>> sizes(const std::string& name, const PickleValue& tuple) const;
  Result<TorchStorage> storageOf(const std::string& name, const StorageId& id) const;
  [[nodiscard]] bool isTensor(PickleRef ref) const;
  [[nodiscard]] bool holdsTensors(const PickleValue& dict) const;

  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& name, const std::string& what) const {
    return fail(ErrorCode::Unsupported, at({m_path, name, {}}, what), kTorchSaveAgain);
  }
  [[nodiscard]] tl::unexpected<Error> corrupt(const std::string& name, const std::string& what) const {
    return fail(ErrorCode::Corrupt, at({m_path, name, {}}, what), "the file is damaged; copy it again");
  }
  [[nodiscard]] const PickleValue& item(const PickleValue& container, std::size_t index) const {
    return m_pickle[container.items[index]];
  }

  const Pickle& m_pickle;
  const TorchStorages& m_storages;
  const std::filesystem::path& m_path;
  std::uint64_t m_fileSize;
  TorchTensors m_found;
};

Result<StorageId> TensorReader::idOf(const std::string& name, const PickleValue& stored) const {
  if (stored.kind != PickleKind::Stored) return corrupt(name, "its storage is " + std::string(nameOf(stored.kind)));
  const PickleValue& id = item(stored, 0);
  const std::size_t parts = id.items.size();
  if (id.kind != PickleKind::Tuple || parts < 5 || parts > 6 || item(id, 0).kind != PickleKind::Text ||
      item(id, 0).text != "storage" || item(id, 1).kind != PickleKind::Symbol || item(id, 2).kind != PickleKind::Text ||
      item(id, 4).kind != PickleKind::Int || item(id, 4).integer < 0)
    return corrupt(name, "its storage is not described as torch does");
  if (parts == 6 && item(id, 5).kind != PickleKind::None) return refuse(name, "is in a part of another storage");
  const auto type = typeOf(kStorageTypes, item(id, 1).text);
  if (!type) return refuse(name, "is in a " + printable(item(id, 1).text) + ", which is not read");
  return StorageId{item(id, 2).text, *type, static_cast<std::uint64_t>(item(id, 4).integer)};
}

Result<TorchStorage> TensorReader::storageOf(const std::string& name, const StorageId& id) const {
  const auto found = m_storages.find(id.key);
  if (found == m_storages.end()) return corrupt(name, "its storage " + printable(id.key) + " is missing");
  if (checkedMul(id.elements, bytesOf(id.dtype)) != found->second.bytes)
    return corrupt(name, "its storage " + printable(id.key) + " has " + formatCount(found->second.bytes) + " bytes, " +
                             formatCount(id.elements) + " elements of " + std::string(nameOf(id.dtype)) + " were expected");
  return found->second;
}

Result<std::vector<std::uint64_t>> TensorReader::sizes(const std::string& name, const PickleValue& tuple) const {
  if (tuple.kind != PickleKind::Tuple || tuple.items.size() > kMostDimensions)
    return corrupt(name, "its shape or strides are not described as torch does");
  std::vector<std::uint64_t> numbers;
  for (const PickleRef ref : tuple.items) {
    if (m_pickle[ref].kind != PickleKind::Int || m_pickle[ref].integer < 0)
      return corrupt(name, "a size or stride is no number from 0");
    numbers.push_back(static_cast<std::uint64_t>(m_pickle[ref].integer));
  }
  return numbers;
}

/// _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks[, metadata]); _v3 has the type before the
/// metadata.
Result<void> TensorReader::read(const std::string& name, PickleRef ref) {
  const PickleValue* value = &m_pickle[ref];
  if (value->kind == PickleKind::Parameter) {
    if (value->items.empty()) return corrupt(name, "is a parameter of nothing");
    value = &item(*value, 0);
  }
  if (value->kind != PickleKind::Tensor) return refuse(name, "is " + std::string(nameOf(value->kind)) + ", not a tensor");
  const std::size_t least = value->integer == 3 ? 7 : 6, arguments = value->items.size();
  if (arguments < least || arguments > least + 1)
    return corrupt(name, "is described by " + std::to_string(arguments) + " values, not by " + std::to_string(least));
  if (arguments > least && item(*value, least).kind != PickleKind::None &&
      (item(*value, least).kind != PickleKind::Dict || !item(*value, least).items.empty()))
    return refuse(name, "is a conjugated or negated view");
  DELTASCOPE_ASSIGN(const StorageId id, idOf(name, item(*value, 0)));
  DELTASCOPE_ASSIGN(const TorchStorage storage, storageOf(name, id));
  const PickleValue& first = item(*value, 1);
  if (first.kind != PickleKind::Int || first.integer < 0) return corrupt(name, "its offset is no number from 0");
  TensorInfo info;
  info.name = name;
  info.dtype = id.dtype;
  if (least == 7) {
    const PickleValue& symbol = item(*value, 6);
    const auto type = symbol.kind == PickleKind::Symbol ? typeOf(kTensorTypes, symbol.text) : std::nullopt;
    if (!type) return refuse(name, "is of a type that is not read");
    info.dtype = *type;
  }
  DELTASCOPE_ASSIGN(info.shape, sizes(name, item(*value, 2)));
  DELTASCOPE_ASSIGN(auto strides, sizes(name, item(*value, 3)));
  if (strides.size() != info.shape.size())
    return corrupt(name, "has " + std::to_string(strides.size()) + " strides for its shape " + shapeText(info.shape));
  for (const auto size : info.shape) {
    const auto product = checkedMul(info.elements, size);
    if (!product) return corrupt(name, "its shape " + shapeText(info.shape) + " overflows 64 bits");
    info.elements = *product;
  }
  // The last element that is used, and whether they lie in a row.
  const unsigned size = elementBytes(info.dtype);
  const std::uint64_t held = storage.bytes / size, begin = static_cast<std::uint64_t>(first.integer);
  std::optional<std::uint64_t> used = info.elements == 0 ? 0 : 1;
  bool contiguous = true;
  std::uint64_t expected = 1;  // cannot overflow: it divides `elements`, unless that is 0 and no stride matters
  for (std::size_t d = info.shape.size(); info.elements > 0 && d-- > 0; expected *= info.shape[d]) {
    contiguous = contiguous && (info.shape[d] == 1 || strides[d] == expected);
    const auto reach = checkedMul(info.shape[d] - 1, strides[d]);
    used = used && reach ? checkedAdd(*used, *reach) : std::nullopt;
  }
  if (begin > held || !used || *used > held - begin)
    return corrupt(name, shapeText(info.shape) + " from element " + formatCount(begin) + " is outside its storage of " +
                             formatCount(held));
  const auto bytes = checkedMul(info.elements, size);
  if (!bytes || *bytes / kMostRepeats > m_fileSize)
    return refuse(name, "repeats its elements to " + shapeText(info.shape) + ", far more than the file holds");
  info.bytes = *bytes;
  info.offset = storage.offset + begin * size;
  if (!contiguous) m_found.strides.emplace(name, std::move(strides));
  if (info.dtype == DType::F4) {  // an element of torch's is two
    if (info.shape.empty()) return refuse(name, "is a single byte of two FP4 numbers");
    info.shape.back() *= 2;  // fits: elements × 2 bytes do
    info.elements *= 2;
  }
  m_found.tensors.push_back(std::move(info));
  return {};
}

bool TensorReader::isTensor(PickleRef ref) const {
  return m_pickle[ref].kind == PickleKind::Tensor || m_pickle[ref].kind == PickleKind::Parameter;
}

bool TensorReader::holdsTensors(const PickleValue& dict) const {
  for (std::size_t i = 1; i < dict.items.size(); i += 2)
    if (isTensor(dict.items[i])) return true;
  return false;
}

/// The root, or what trainers wrap around it, whose other entries (epoch, optimizer …) are no weights.
Result<const PickleValue*> TensorReader::dictOfTensors() const {
  constexpr std::array<std::string_view, 8> kWrappers{"state_dict", "model_state_dict", "model",  "module", "model_state",
                                                      "net",        "network",          "weights"};
  const PickleValue* dict = &m_pickle.root();
  for (int depth = 0; depth < kDeepestWrapper && dict->kind == PickleKind::Dict && !holdsTensors(*dict); ++depth) {
    const PickleValue* inner = nullptr;
    std::size_t best = kWrappers.size();
    for (std::size_t i = 0; i + 1 < dict->items.size(); i += 2) {
      const PickleValue &key = item(*dict, i), &value = item(*dict, i + 1);
      if (key.kind != PickleKind::Text || value.kind != PickleKind::Dict) continue;
      const auto rank = static_cast<std::size_t>(std::find(kWrappers.begin(), kWrappers.end(), key.text) - kWrappers.begin());
      if (rank < best) {
        best = rank;
        inner = &value;
      }
    }
    if (!inner) break;
    dict = inner;
  }
  if (dict->kind != PickleKind::Dict) return refuse({}, "holds " + std::string(nameOf(dict->kind)) + ", not a dict of tensors");
  return dict;
}

Result<TorchTensors> TensorReader::readAll() {
  DELTASCOPE_ASSIGN(const PickleValue* const dict, dictOfTensors());
  std::unordered_set<std::string_view> names;
  for (std::size_t i = 0; i + 1 < dict->items.size(); i += 2) {
    const PickleValue& key = item(*dict, i);
    if (key.kind != PickleKind::Text) return refuse({}, "one of its keys is " + std::string(nameOf(key.kind)) + ", not a name");
    if (!names.insert(key.text).second) return corrupt(key.text, "the name is there twice");
    DELTASCOPE_TRY(read(key.text, dict->items[i + 1]));
  }
  return std::move(m_found);
}

}  // namespace

Result<TorchTensors> readTorchTensors(const Pickle& pickle, const TorchStorages& storages, const std::filesystem::path& path,
                                      std::uint64_t fileSize) {
  return TensorReader(pickle, storages, path, fileSize).readAll();
}

Result<std::map<std::string, NamedStorage, std::less<>>> storagesNamed(const Pickle& pickle,
                                                                       const std::filesystem::path& path) {
  const TorchStorages none;
  const TensorReader reader(pickle, none, path, 0);
  std::map<std::string, NamedStorage, std::less<>> named;
  for (const auto& value : pickle.values()) {
    if (value.kind != PickleKind::Stored) continue;
    DELTASCOPE_ASSIGN(const StorageId id, reader.idOf({}, value));
    named[std::string(id.key)] = {id.elements, bytesOf(id.dtype)};
  }
  return named;
}

}  // namespace deltascope
