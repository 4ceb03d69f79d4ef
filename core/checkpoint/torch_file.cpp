// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/units.h"
#include "core/checkpoint/foreign.h"
#include "core/checkpoint/pickle.h"
#include "core/checkpoint/torch_legacy.h"
#include "core/checkpoint/torch_tensors.h"
#include "core/checkpoint/zip_file.h"

namespace deltascope {
namespace {

constexpr std::string_view kPickleName = "/data.pkl", kDataFolder = "/data/", kByteOrder = "/byteorder";

/// "NAME" of the one NAME/data.pkl.
Result<std::string> prefixOf(const std::vector<ZipMember>& members, const std::filesystem::path& path) {
  const ZipMember* found = nullptr;
  for (const auto& member : members) {
    if (!member.name.ends_with(kPickleName) || member.name.find('/') != member.name.size() - kPickleName.size()) continue;
    if (found) return fail(ErrorCode::Unsupported, at({path, {}, member.offset}, "holds two data.pkl"), kTorchSaveAgain);
    found = &member;
  }
  if (!found)
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is a ZIP without a data.pkl, not a file of torch.save"),
                kTorchSaveAgain);
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
              kTorchSaveAgain);
}

Result<TorchTensors> readZip(const RandomAccessFile& file) {
  DELTASCOPE_ASSIGN(const auto members, readZipDirectory(file));
  DELTASCOPE_ASSIGN(const std::string prefix, prefixOf(members, file.path()));
  DELTASCOPE_TRY(checkByteOrder(file, find(members, prefix + std::string(kByteOrder))));
  const ZipMember& data = *find(members, prefix + std::string(kPickleName));
  DELTASCOPE_ASSIGN(const Pickle pickle, Pickle::read(file, data.offset, data.offset + data.bytes));
  const std::string folder = prefix + std::string(kDataFolder);
  TorchStorages storages;
  for (const auto& member : members)
    if (member.name.starts_with(folder))
      storages.emplace(member.name.substr(folder.size()), TorchStorage{member.offset, member.bytes});
  return readTorchTensors(pickle, storages, file.path(), file.size());
}

/// Copies elements [first, first + count) of a strided tensor out of the bytes that it spans.
void gather(const std::vector<std::byte>& window, const std::vector<std::uint64_t>& shape,
            const std::vector<std::uint64_t>& strides, std::size_t size, std::uint64_t first, std::span<std::byte> into) {
  std::vector<std::uint64_t> index(shape.size());
  std::uint64_t place = 0;
  for (std::size_t d = shape.size(); d-- > 0; first /= shape[d]) {
    index[d] = first % shape[d];
    place += index[d] * strides[d];
  }
  for (std::size_t done = 0; done < into.size(); done += size) {
    std::memcpy(into.data() + done, window.data() + place * size, size);
    for (std::size_t d = shape.size(); d-- > 0;) {
      place += strides[d];
      if (++index[d] < shape[d]) break;
      place -= shape[d] * strides[d];
      index[d] = 0;
    }
  }
}

}  // namespace

struct TorchFile::Window {
  std::string tensor;
  std::vector<std::uint64_t> shape;  // in torch's elements
  std::size_t size = 1;              // bytes of one
  std::vector<std::byte> bytes;
};

TorchFile::TorchFile(RandomAccessFile file) : m_file(std::move(file)), m_guard(std::make_shared<std::mutex>()) {}

Result<TorchFile> TorchFile::open(const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(auto opened, openModelFile(path));
  TorchFile file(std::move(opened));
  if (auto read = file.readDirectory(); !read)
    return tl::make_unexpected(orForeign(std::move(read).error(), file.m_file, FileKind::Torch));
  return file;
}

Result<void> TorchFile::readDirectory() {
  std::array<char, 4> start{};
  if (m_file.size() >= start.size()) DELTASCOPE_TRY(m_file.readAt(0, std::as_writable_bytes(std::span(start))));
  DELTASCOPE_ASSIGN(const bool legacy, isLegacyTorch(m_file));
  if (!legacy && std::string_view(start.data(), start.size()) != "PK\3\4")
    return fail(ErrorCode::Unsupported, at({path(), {}, 0}, "is not a ZIP, and begins otherwise than torch.save does"),
                "load it with torch and save it again");
  DELTASCOPE_ASSIGN(TorchTensors found, legacy ? readLegacyTorch(m_file) : readZip(m_file));
  m_tensors = std::move(found.tensors);
  m_strides = std::move(found.strides);
  return {};
}

Result<std::shared_ptr<const TorchFile::Window>> TorchFile::windowOf(const TensorInfo& tensor) const {
  const std::lock_guard lock(*m_guard);
  if (m_window && m_window->tensor == tensor.name) return m_window;
  try {
    auto window = std::make_shared<Window>();
    window->tensor = tensor.name;
    window->shape = tensor.shape;
    if (tensor.dtype == DType::F4) window->shape.back() /= 2;
    window->size = tensor.dtype == DType::F4 ? 1 : bytesOf(tensor.dtype);
    std::uint64_t elements = 1;  // fits: it lies in the storage
    const auto& strides = m_strides.at(tensor.name);
    for (std::size_t d = 0; d < strides.size(); ++d) elements += (window->shape[d] - 1) * strides[d];
    window->bytes.resize(static_cast<std::size_t>(elements * window->size));
    DELTASCOPE_TRY(m_file.readAt(tensor.offset, window->bytes, tensor.name));
    m_window = window;
    return m_window;
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::OutOfMemory, at({path(), tensor.name, tensor.offset}, "not enough memory to put it in order"));
  }
}

Result<void> TorchFile::read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const {
  if (begin > tensor.bytes || into.size() > tensor.bytes - begin)
    return fail(ErrorCode::InvalidArgument, at({path(), tensor.name, tensor.offset},
                                               "has " + formatCount(tensor.bytes) + " bytes, " + formatCount(into.size()) +
                                                   " from " + formatCount(begin) + " were asked for"));
  const auto strides = m_strides.find(tensor.name);
  if (strides == m_strides.end()) return m_file.readAt(tensor.offset + begin, into, tensor.name);
  if (into.empty()) return {};
  DELTASCOPE_ASSIGN(const auto window, windowOf(tensor));
  const std::size_t size = window->size;
  if (begin % size == 0 && into.size() % size == 0) {
    gather(window->bytes, window->shape, strides->second, size, begin / size, into);
    return {};
  }
  const std::uint64_t first = begin / size, last = (begin + into.size() - 1) / size;  // elements that are cut
  std::vector<std::byte> whole(static_cast<std::size_t>((last - first + 1) * size));
  gather(window->bytes, window->shape, strides->second, size, first, whole);
  std::memcpy(into.data(), whole.data() + (begin - first * size), into.size());
  return {};
}

bool isTorchName(const std::filesystem::path& path) {
  const auto extension = path.extension();
  return extension == ".pth" || extension == ".pt" || extension == ".bin" || extension == ".ckpt";
}

}  // namespace deltascope
