// SPDX-License-Identifier: Apache-2.0
#include "core/base/units.h"
#include "core/checkpoint/gguf_header.h"
#include "core/checkpoint/pickle_cursor.h"

namespace deltascope {
namespace {

constexpr std::uint32_t kOldest = 2, kNewest = 3;
constexpr std::uint64_t kLongestKey = 65535, kLongestText = 64u << 20;
constexpr std::uint64_t kLeastValue = 8 + 4 + 1, kLeastTensor = 8 + 4 + 4 + 8;  // bytes of an entry with an empty name
constexpr unsigned kDeepest = 4;                                                // arrays in arrays

Result<GgufType> readType(GgufCursor& cursor, const std::string& key) {
  const std::uint64_t begin = cursor.offset();
  DELTASCOPE_ASSIGN(const auto number, cursor.number<std::uint32_t>("a value's type"));
  if (number > static_cast<std::uint32_t>(GgufType::F64))
    return cursor.corrupt(begin, "the value of " + printable(key) + " is of the unknown type " + std::to_string(number));
  return static_cast<GgufType>(number);
}

/// Passes over the elements of an array.
Result<GgufArray> readArray(GgufCursor& cursor, const std::string& key, unsigned depth) {
  const std::uint64_t begin = cursor.offset();
  GgufArray array;
  DELTASCOPE_ASSIGN(array.type, readType(cursor, key));
  DELTASCOPE_ASSIGN(array.count, cursor.number<std::uint64_t>("an array's length"));
  array.offset = cursor.offset();
  const std::uint64_t least = array.type == GgufType::String ? 8 : array.type == GgufType::Array ? 12 : sizeOf(array.type);
  if (array.count > cursor.left() / least)
    return cursor.corrupt(begin, "the array " + printable(key) + " claims " + formatCount(array.count) +
                                     " elements, more than the rest of the file can hold");
  if (array.type == GgufType::Array && depth == kDeepest)
    return cursor.corrupt(begin, "the array " + printable(key) + " is nested too deeply");
  if (array.type == GgufType::String) {
    const std::string what = "a text of the array " + printable(key);
    for (std::uint64_t i = 0; i < array.count; ++i) DELTASCOPE_TRY(cursor.skipText(what));
  } else if (array.type == GgufType::Array) {
    for (std::uint64_t i = 0; i < array.count; ++i) DELTASCOPE_TRY(readArray(cursor, key, depth + 1));
  } else {
    DELTASCOPE_TRY(cursor.skip(array.count * sizeOf(array.type), "the array " + printable(key)));
  }
  array.bytes = cursor.offset() - array.offset;
  return array;
}

template <class Stored, class Kept>
Result<GgufValue> readNumber(GgufCursor& cursor) {
  DELTASCOPE_ASSIGN(const Stored value, cursor.number<Stored>("a value"));
  return GgufValue(static_cast<Kept>(value));
}

Result<GgufValue> readValue(GgufCursor& cursor, const std::string& key) {
  DELTASCOPE_ASSIGN(const GgufType type, readType(cursor, key));
  switch (type) {
    case GgufType::U8:
      return readNumber<std::uint8_t, std::uint64_t>(cursor);
    case GgufType::I8:
      return readNumber<std::int8_t, std::int64_t>(cursor);
    case GgufType::U16:
      return readNumber<std::uint16_t, std::uint64_t>(cursor);
    case GgufType::I16:
      return readNumber<std::int16_t, std::int64_t>(cursor);
    case GgufType::U32:
      return readNumber<std::uint32_t, std::uint64_t>(cursor);
    case GgufType::I32:
      return readNumber<std::int32_t, std::int64_t>(cursor);
    case GgufType::U64:
      return readNumber<std::uint64_t, std::uint64_t>(cursor);
    case GgufType::I64:
      return readNumber<std::int64_t, std::int64_t>(cursor);
    case GgufType::F32:
      return readNumber<float, float>(cursor);
    case GgufType::F64:
      return readNumber<double, double>(cursor);
    case GgufType::Bool:
      return readNumber<std::uint8_t, bool>(cursor);
    case GgufType::String: {
      DELTASCOPE_ASSIGN(auto text, cursor.text(kLongestText, "the text of " + printable(key)));
      return GgufValue(std::move(text));
    }
    case GgufType::Array:
      break;
  }
  DELTASCOPE_ASSIGN(const GgufArray array, readArray(cursor, key, 1));
  return GgufValue(array);
}

}  // namespace

unsigned sizeOf(GgufType type) {
  switch (type) {
    case GgufType::U8:
    case GgufType::I8:
    case GgufType::Bool:
      return 1;
    case GgufType::U16:
    case GgufType::I16:
      return 2;
    case GgufType::U32:
    case GgufType::I32:
    case GgufType::F32:
      return 4;
    case GgufType::U64:
    case GgufType::I64:
    case GgufType::F64:
      return 8;
    default:
      return 0;
  }
}

Result<GgufCounts> readGgufCounts(GgufCursor& cursor) {
  DELTASCOPE_ASSIGN(const auto magic, cursor.number<std::uint32_t>("the magic number"));
  if (magic != 0x46554747) return cursor.corrupt(0, "does not begin with GGUF");
  DELTASCOPE_ASSIGN(const auto version, cursor.number<std::uint32_t>("the version"));
  const auto unsupported = [&](std::string what, const char* hint) {
    auto error = cursor.corrupt(4, what);
    error.value().code = ErrorCode::Unsupported;
    error.value().hint = hint;
    return error;
  };
  if (version != 0 && (version & 0xffff) == 0)
    return unsupported("is a GGUF file of the other byte order", "take the file for little-endian machines");
  if (version < kOldest)
    return unsupported("is GGUF of version " + std::to_string(version) + "; versions 2 and 3 are read",
                       "convert the model again with a llama.cpp of today");
  if (version > kNewest)
    return unsupported("is GGUF of version " + std::to_string(version) + "; versions 2 and 3 are read",
                       "use a newer deltascope");
  GgufCounts counts;
  const std::uint64_t begin = cursor.offset();
  DELTASCOPE_ASSIGN(counts.tensors, cursor.number<std::uint64_t>("the number of tensors"));
  DELTASCOPE_ASSIGN(counts.values, cursor.number<std::uint64_t>("the number of values"));
  if (counts.tensors > cursor.left() / kLeastTensor || counts.values > cursor.left() / kLeastValue)
    return cursor.corrupt(begin, "claims " + formatCount(counts.tensors) + " tensors and " + formatCount(counts.values) +
                                     " values, more than the file can hold");
  return counts;
}

Result<GgufMetadata> readGgufMetadata(GgufCursor& cursor, std::uint64_t values) {
  GgufMetadata metadata;
  for (std::uint64_t i = 0; i < values; ++i) {
    const std::uint64_t begin = cursor.offset();
    DELTASCOPE_ASSIGN(auto key, cursor.text(kLongestKey, "a key"));
    if (!isUtf8(key)) return cursor.corrupt(begin, "a key is not UTF-8");
    DELTASCOPE_ASSIGN(auto value, readValue(cursor, key));
    if (!metadata.emplace(key, std::move(value)).second)
      return cursor.corrupt(begin, "has the key " + printable(key) + " twice");
  }
  return metadata;
}

}  // namespace deltascope
