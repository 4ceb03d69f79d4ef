// SPDX-License-Identifier: Apache-2.0
#include "core/codec/sparse_model.h"

#include <zstd.h>

#include <algorithm>

#include "core/codec/bytes.h"
#include "core/codec/zstd_frame.h"

namespace deltascope {
namespace {

constexpr std::array kTypes{DType::BF16, DType::F16, DType::F32};
constexpr std::size_t kHeader = 8 + kSparseClasses;

tl::unexpected<Error> corruptModel(std::size_t offset, std::string_view what) {
  return fail(ErrorCode::Corrupt, "sparse model, offset " + std::to_string(offset) + ": " + std::string(what),
              "the payload is damaged; verify or download it again");
}

}  // namespace

std::vector<std::byte> SparseModel::serialize() const {
  std::vector<std::uint8_t> lengths;
  for (const auto& c : classes) lengths.insert(lengths.end(), c.lengths.begin(), c.lengths.end());
  std::vector<std::byte> out(kHeader + ZSTD_compressBound(lengths.size()));
  const auto size = ZSTD_compress(out.data() + kHeader, out.size() - kHeader, lengths.data(), lengths.size(), 19);
  out.resize(kHeader + (ZSTD_isError(size) ? 0 : size));
  out[0] = std::byte{1};
  out[1] = static_cast<std::byte>(std::ranges::find(kTypes, type) - kTypes.begin());
  out[2] = static_cast<std::byte>(top);
  storeAs(out.data() + 4, static_cast<std::uint32_t>(out.size() - kHeader));
  for (std::size_t c = 0; c < kSparseClasses; ++c) out[8 + c] = static_cast<std::byte>(classes[c].k);
  return out;
}

Result<ModelPtr> parseSparseModel(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeader) return corruptModel(bytes.size(), "it ends inside its header");
  DELTASCOPE_TRY(knownModelVersion(CodecId::Sparse, static_cast<unsigned>(bytes[0])));
  const auto index = static_cast<std::size_t>(bytes[1]);
  if (index >= kTypes.size() || bytes[3] != std::byte{0}) return corruptModel(1, "unknown type");
  const std::size_t size = loadAs<std::uint32_t>(bytes.data() + 4);
  if (size > bytes.size() - kHeader) return corruptModel(bytes.size(), "it ends inside its code lengths");
  if (!isPadding(bytes.subspan(kHeader + size))) return corruptModel(kHeader + size, "bytes follow the code lengths");

  auto model = std::make_shared<SparseModel>();
  model->type = kTypes[index];
  model->top = static_cast<unsigned>(bytes[2]);
  const auto type = sparseType(model->type);
  std::vector<std::uint8_t> lengths(kSparseClasses * type.symbols());
  if (const auto done = inflateFrame(bytes.subspan(kHeader, size), std::as_writable_bytes(std::span(lengths))); !done)
    return corruptModel(kHeader, "the code lengths: " + done.error().message);
  for (std::size_t c = 0; c < kSparseClasses; ++c) {
    auto& into = model->classes[c];
    into.k = static_cast<unsigned>(bytes[8 + c]);
    const auto from = lengths.begin() + static_cast<std::ptrdiff_t>(c * type.symbols());
    into.lengths.assign(from, from + static_cast<std::ptrdiff_t>(type.symbols()));
    if (!buildSparseTables(into, type))
      return corruptModel(8 + c, "the code of class " + std::to_string(c) + " is not a prefix code");
  }
  return ModelPtr(std::move(model));
}

}  // namespace deltascope
