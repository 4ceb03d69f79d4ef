// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/gguf_file.h"

#include <algorithm>

#include "core/base/units.h"
#include "core/checkpoint/foreign.h"
#include "core/checkpoint/gguf_header.h"
#include "core/checkpoint/matrices.h"

namespace deltascope {
namespace {

/// A head of so few bytes is read whole, to take its rows from there.
constexpr std::uint64_t kSmallHead = 64u << 10;

/// Which row of the file is row `row` of the model: in each head, those of the two halves alternate.
std::uint64_t storedRow(std::uint64_t row, std::uint64_t perHead) {
  const std::uint64_t within = row % perHead, half = perHead / 2;
  return row - within + within % half * 2 + within / half;
}

template <class T>
Result<std::vector<double>> numbersOf(GgufCursor cursor, std::uint64_t count) {
  std::vector<double> numbers(static_cast<std::size_t>(count));
  for (auto& number : numbers) {
    DELTASCOPE_ASSIGN(const T value, cursor.number<T>("a number of an array"));
    number = static_cast<double>(value);
  }
  return numbers;
}

}  // namespace

bool isGgufName(const std::filesystem::path& path) { return path.extension() == ".gguf"; }

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(auto opened, openModelFile(path));
  GgufFile file(std::move(opened));
  if (auto read = file.readHeader(); !read)
    return tl::make_unexpected(orForeign(std::move(read).error(), file.m_file, FileKind::Gguf));
  return file;
}

Result<void> GgufFile::readHeader() {
  GgufCursor cursor(m_file, 0);
  DELTASCOPE_ASSIGN(const GgufCounts counts, readGgufCounts(cursor));
  DELTASCOPE_ASSIGN(m_metadata, readGgufMetadata(cursor, counts.values));
  DELTASCOPE_ASSIGN(m_tensors, readGgufTensors(cursor, counts.tensors, m_metadata, m_file.size()));
  return {};
}

Result<void> GgufFile::read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> into) const {
  if (begin > tensor.bytes || into.size() > tensor.bytes - begin)
    return fail(ErrorCode::InvalidArgument, at({path(), tensor.name, tensor.offset},
                                               "has " + formatCount(tensor.bytes) + " bytes, " + formatCount(into.size()) +
                                                   " from " + formatCount(begin) + " were asked for"));
  if (tensor.interleavedHeads == 0 || into.empty()) return m_file.readAt(tensor.offset + begin, into, tensor.name);
  const std::uint64_t rows = tensor.shape.size() > 1 ? matrixRows(tensor.shape) : tensor.elements;
  const std::uint64_t rowBytes = tensor.bytes / rows, perHead = rows / tensor.interleavedHeads;
  const bool small = perHead * rowBytes <= kSmallHead;
  std::vector<std::byte> head;
  std::uint64_t headRow = rows;  // that `head` begins with
  for (std::uint64_t at = begin; !into.empty();) {
    const std::uint64_t row = at / rowBytes, within = at % rowBytes, stored = storedRow(row, perHead);
    const auto piece = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), rowBytes - within)));
    if (!small) {
      DELTASCOPE_TRY(m_file.readAt(tensor.offset + stored * rowBytes + within, piece, tensor.name));
    } else {
      if (const std::uint64_t first = row - row % perHead; first != headRow) {
        head.resize(static_cast<std::size_t>(perHead * rowBytes));
        DELTASCOPE_TRY(m_file.readAt(tensor.offset + first * rowBytes, head, tensor.name));
        headRow = first;
      }
      const auto* from = head.data() + (stored - headRow) * rowBytes + within;
      std::copy(from, from + piece.size(), piece.begin());
    }
    into = into.subspan(piece.size());
    at += piece.size();
  }
  return {};
}

Result<std::vector<std::string>> GgufFile::texts(const GgufArray& array) const {
  if (array.type != GgufType::String) return fail(ErrorCode::Mismatch, at({path(), {}, array.offset}, "is no array of texts"));
  GgufCursor cursor(m_file, array.offset);
  std::vector<std::string> texts(static_cast<std::size_t>(array.count));
  for (auto& text : texts) {
    DELTASCOPE_ASSIGN(text, cursor.text(array.bytes, "a text of an array"));
  }
  return texts;
}

Result<std::vector<double>> GgufFile::numbers(const GgufArray& array) const {
  const GgufCursor cursor(m_file, array.offset);
  switch (array.type) {
    case GgufType::U8:
    case GgufType::Bool:
      return numbersOf<std::uint8_t>(cursor, array.count);
    case GgufType::I8:
      return numbersOf<std::int8_t>(cursor, array.count);
    case GgufType::U16:
      return numbersOf<std::uint16_t>(cursor, array.count);
    case GgufType::I16:
      return numbersOf<std::int16_t>(cursor, array.count);
    case GgufType::U32:
      return numbersOf<std::uint32_t>(cursor, array.count);
    case GgufType::I32:
      return numbersOf<std::int32_t>(cursor, array.count);
    case GgufType::U64:
      return numbersOf<std::uint64_t>(cursor, array.count);
    case GgufType::I64:
      return numbersOf<std::int64_t>(cursor, array.count);
    case GgufType::F32:
      return numbersOf<float>(cursor, array.count);
    case GgufType::F64:
      return numbersOf<double>(cursor, array.count);
    default:
      return fail(ErrorCode::Mismatch, at({path(), {}, array.offset}, "is no array of numbers"));
  }
}

}  // namespace deltascope
