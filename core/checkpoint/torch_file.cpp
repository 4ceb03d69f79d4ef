// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/torch_file.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>

#include "core/base/units.h"
#include "core/checkpoint/pickle.h"
#include "core/checkpoint/zip_file.h"

namespace deltascope {
namespace {

constexpr std::string_view kPickleName = "/data.pkl", kDataFolder = "/data/", kByteOrder = "/byteorder";
constexpr auto kSaveAgain = "load it with torch and save the tensors alone: torch.save({name: tensor, …}, path)";
constexpr std::size_t kMostDimensions = 16;

struct StorageType {
  std::string_view symbol;
  DType dtype;
};
constexpr std::array kStorageTypes{
    StorageType{"torch.DoubleStorage", DType::F64},       StorageType{"torch.FloatStorage", DType::F32},
    StorageType{"torch.HalfStorage", DType::F16},         StorageType{"torch.BFloat16Storage", DType::BF16},
    StorageType{"torch.LongStorage", DType::I64},         StorageType{"torch.IntStorage", DType::I32},
    StorageType{"torch.ShortStorage", DType::I16},        StorageType{"torch.CharStorage", DType::I8},
    StorageType{"torch.ByteStorage", DType::U8},          StorageType{"torch.BoolStorage", DType::Bool},
    StorageType{"torch.ComplexFloatStorage", DType::C64},
};

/// A storage as the pickle describes it, found among the members.
struct Storage {
  DType dtype = DType::BF16;
  std::uint64_t elements = 0;
  std::uint64_t offset = 0;  ///< of its first byte in the file
};

class TensorReader {
 public:
  TensorReader(const std::filesystem::path& path, const Pickle& pickle, const std::vector<ZipMember>& members,
               std::string prefix)
      : m_path(path), m_pickle(pickle), m_members(members), m_prefix(std::move(prefix)) {}

  Result<std::vector<TensorInfo>> readAll();

 private:
  Result<TensorInfo> read(const std::string& name, PickleRef ref) const;
  Result<Storage> storageOf(const std::string& name, const PickleValue& stored) const;
  Result<std::vector<std::uint64_t>> sizes(const std::string& name, const PickleValue& tuple) const;

  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& name, const std::string& what) const {
    return fail(ErrorCode::Unsupported, at({m_path, name, {}}, what), kSaveAgain);
  }
  [[nodiscard]] tl::unexpected<Error> corrupt(const std::string& name, const std::string& what) const {
    return fail(ErrorCode::Corrupt, at({m_path, name, {}}, what), "the file is damaged; copy it again");
  }
  [[nodiscard]] const PickleValue& item(const PickleValue& container, std::size_t index) const {
    return m_pickle[container.items[index]];
  }

  const std::filesystem::path& m_path;
  const Pickle& m_pickle;
  const std::vector<ZipMember>& m_members;
  std::string m_prefix;
};

/// ('storage', torch.XStorage, key, location, elements)
Result<Storage> TensorReader::storageOf(const std::string& name, const PickleValue& stored) const {
  if (stored.kind != PickleKind::Stored) return corrupt(name, "its storage is " + std::string(nameOf(stored.kind)));
  const PickleValue& id = item(stored, 0);
  if (id.kind != PickleKind::Tuple || id.items.size() != 5 || item(id, 0).kind != PickleKind::Text ||
      item(id, 0).text != "storage" || item(id, 1).kind != PickleKind::Symbol || item(id, 2).kind != PickleKind::Text ||
      item(id, 4).kind != PickleKind::Int || item(id, 4).integer < 0)
    return corrupt(name, "its storage is not described as torch does");
  const auto type = std::find_if(kStorageTypes.begin(), kStorageTypes.end(),
                                 [&](const StorageType& row) { return row.symbol == item(id, 1).text; });
  if (type == kStorageTypes.end()) return refuse(name, "is in a " + printable(item(id, 1).text) + ", which is not read");
  Storage storage{type->dtype, static_cast<std::uint64_t>(item(id, 4).integer), 0};
  const std::string member = m_prefix + std::string(kDataFolder) + item(id, 2).text;
  const auto found = std::lower_bound(m_members.begin(), m_members.end(), member,
                                      [](const ZipMember& a, const std::string& b) { return a.name < b; });
  if (found == m_members.end() || found->name != member)
    return corrupt(name, "the member " + printable(member) + " is missing");
  if (checkedMul(storage.elements, bytesOf(storage.dtype)) != found->bytes)
    return corrupt(name, "the member " + printable(member) + " has " + formatCount(found->bytes) + " bytes, " +
                             formatCount(storage.elements) + " elements of " + std::string(nameOf(storage.dtype)) +
                             " were expected");
  storage.offset = found->offset;
  return storage;
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

/// _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks[, metadata])
Result<TensorInfo> TensorReader::read(const std::string& name, PickleRef ref) const {
  const PickleValue* value = &m_pickle[ref];
  if (value->kind == PickleKind::Parameter) {
    if (value->items.empty()) return corrupt(name, "is a parameter of nothing");
    value = &item(*value, 0);
  }
  if (value->kind != PickleKind::Tensor) return refuse(name, "is " + std::string(nameOf(value->kind)) + ", not a tensor");
  const std::size_t arguments = value->items.size();
  if (arguments < 6 || arguments > 7)
    return corrupt(name, "is described by " + std::to_string(arguments) + " values, not by 6");
  if (arguments == 7 && item(*value, 6).kind != PickleKind::None &&
      (item(*value, 6).kind != PickleKind::Dict || !item(*value, 6).items.empty()))
    return refuse(name, "is a conjugated or negated view");
  DELTASCOPE_ASSIGN(const Storage storage, storageOf(name, item(*value, 0)));
  const PickleValue& first = item(*value, 1);
  if (first.kind != PickleKind::Int || first.integer < 0) return corrupt(name, "its offset is no number from 0");
  TensorInfo info;
  info.name = name;
  info.dtype = storage.dtype;
  DELTASCOPE_ASSIGN(info.shape, sizes(name, item(*value, 2)));
  DELTASCOPE_ASSIGN(const auto strides, sizes(name, item(*value, 3)));
  if (strides.size() != info.shape.size())
    return corrupt(name, "has " + std::to_string(strides.size()) + " strides for its shape " + shapeText(info.shape));
  for (const auto size : info.shape) {
    const auto product = checkedMul(info.elements, size);
    if (!product) return corrupt(name, "its shape " + shapeText(info.shape) + " overflows 64 bits");
    info.elements = *product;
  }
  std::uint64_t expected = 1;  // cannot overflow: it divides `elements`, unless that is 0 and no stride matters
  for (std::size_t d = info.shape.size(); info.elements > 0 && d-- > 0; expected *= info.shape[d])
    if (info.shape[d] != 1 && strides[d] != expected)
      return refuse(name, "is not contiguous: dimension " + std::to_string(d) + " of " + shapeText(info.shape) +
                              " has the stride " + std::to_string(strides[d]) + ", not " + std::to_string(expected));
  const auto begin = static_cast<std::uint64_t>(first.integer);
  if (begin > storage.elements || info.elements > storage.elements - begin)
    return corrupt(name, formatCount(info.elements) + " elements from " + formatCount(begin) + " are outside its storage of " +
                             formatCount(storage.elements));
  info.bytes = info.elements * bytesOf(info.dtype);
  info.offset = storage.offset + begin * bytesOf(info.dtype);
  return info;
}

Result<std::vector<TensorInfo>> TensorReader::readAll() {
  const PickleValue& root = m_pickle.root();
  if (root.kind != PickleKind::Dict) return refuse({}, "holds " + std::string(nameOf(root.kind)) + ", not a dict of tensors");
  std::vector<TensorInfo> tensors;
  std::unordered_set<std::string_view> names;
  for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
    const PickleValue& key = item(root, i);
    if (key.kind != PickleKind::Text) return refuse({}, "one of its keys is " + std::string(nameOf(key.kind)) + ", not a name");
    if (!names.insert(key.text).second) return corrupt(key.text, "the name is there twice");
    DELTASCOPE_ASSIGN(auto tensor, read(key.text, root.items[i + 1]));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

/// "NAME" of the one NAME/data.pkl.
Result<std::string> prefixOf(const std::vector<ZipMember>& members, const std::filesystem::path& path) {
  const ZipMember* found = nullptr;
  for (const auto& member : members) {
    if (!member.name.ends_with(kPickleName) || member.name.find('/') != member.name.size() - kPickleName.size()) continue;
    if (found) return fail(ErrorCode::Unsupported, at({path, {}, member.offset}, "holds two data.pkl"), kSaveAgain);
    found = &member;
  }
  if (!found)
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is a ZIP without a data.pkl, not a file of torch.save"),
                kSaveAgain);
  return found->name.substr(0, found->name.size() - kPickleName.size());
}

const ZipMember* find(const std::vector<ZipMember>& members, const std::string& name) {
  const auto found = std::find_if(members.begin(), members.end(), [&](const ZipMember& m) { return m.name == name; });
  return found == members.end() ? nullptr : &*found;
}

Result<void> checkByteOrder(const RandomAccessFile& file, const ZipMember* member) {
  constexpr std::string_view kLittle = "little";
  if (!member) return {};  // torch before 2.1 does not say; it is the machine's own
  std::string order(static_cast<std::size_t>(std::min<std::uint64_t>(member->bytes, kLittle.size() + 1)), '\0');
  DELTASCOPE_TRY(file.readAt(member->offset, std::as_writable_bytes(std::span(order))));
  if (order == kLittle) return {};
  return fail(ErrorCode::Unsupported, at({file.path(), {}, member->offset}, "its byte order is " + printable(order)),
              kSaveAgain);
}

}  // namespace

Result<TorchFile> TorchFile::open(const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(auto opened, RandomAccessFile::open(path));
  TorchFile file(std::move(opened));
  std::array<char, 4> start{};
  if (file.m_file.size() >= start.size()) DELTASCOPE_TRY(file.m_file.readAt(0, std::as_writable_bytes(std::span(start))));
  if (std::string_view(start.data(), start.size()) != "PK\3\4")
    return fail(ErrorCode::Unsupported, at({path, {}, 0}, "is not a ZIP, as torch.save writes since torch 1.6"),
                "load it with torch and save it again");
  DELTASCOPE_ASSIGN(const auto members, readZipDirectory(file.m_file));
  DELTASCOPE_ASSIGN(const std::string prefix, prefixOf(members, path));
  DELTASCOPE_TRY(checkByteOrder(file.m_file, find(members, prefix + std::string(kByteOrder))));
  const ZipMember& data = *find(members, prefix + std::string(kPickleName));
  DELTASCOPE_ASSIGN(const Pickle pickle, Pickle::read(file.m_file, data.offset, data.offset + data.bytes));
  DELTASCOPE_ASSIGN(file.m_tensors, TensorReader(path, pickle, members, prefix).readAll());
  return file;
}

Result<void> TorchFile::read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const {
  if (begin > tensor.bytes || into.size() > tensor.bytes - begin)
    return fail(ErrorCode::InvalidArgument, at({path(), tensor.name, tensor.offset},
                                               "has " + formatCount(tensor.bytes) + " bytes, " + formatCount(into.size()) +
                                                   " from " + formatCount(begin) + " were asked for"));
  return m_file.readAt(tensor.offset + begin, into, tensor.name);
}

bool isTorchName(const std::filesystem::path& path) {
  const auto extension = path.extension();
  return extension == ".pth" || extension == ".pt" || extension == ".bin";
}

}  // namespace deltascope
