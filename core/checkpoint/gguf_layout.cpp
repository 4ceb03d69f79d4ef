// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/gguf_layout.h"

#include <algorithm>
#include <charconv>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::size_t kDigits = 5;
constexpr std::string_view kOf = "-of-", kEnding = ".gguf";

/// What NAME-00002-of-00003.gguf says.
struct PartName {
  std::string name;
  unsigned number = 0, count = 0;
};

std::optional<unsigned> fiveDigits(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return text.size() == kDigits && error == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                                            : std::nullopt;
}

std::optional<PartName> partName(const std::filesystem::path& path) {
  const std::string stem = path.stem().string();
  const std::size_t tail = 1 + kDigits + kOf.size() + kDigits;
  if (!isGgufName(path) || stem.size() <= tail) return std::nullopt;
  const auto end = std::string_view(stem).substr(stem.size() - tail);
  const auto number = fiveDigits(end.substr(1, kDigits)), count = fiveDigits(end.substr(end.size() - kDigits));
  if (end[0] != '-' || end.substr(1 + kDigits, kOf.size()) != kOf || !number || !count || *number == 0 || *number > *count)
    return std::nullopt;
  return PartName{stem.substr(0, stem.size() - tail), *number, *count};
}

std::string padded(unsigned number) {
  std::string digits = std::to_string(number);
  return digits.insert(0, kDigits - std::min(kDigits, digits.size()), '0');
}

bool endsInQuery(std::string_view name, std::string_view what) {
  constexpr std::string_view kBlock = "blk.";
  if (!name.starts_with(kBlock)) return false;
  const auto dot = name.find('.', kBlock.size());
  if (dot == std::string_view::npos) return false;
  const auto rest = name.substr(dot + 1);
  return rest.starts_with(what) && (rest.substr(what.size()) == ".weight" || rest.substr(what.size()) == ".bias");
}

}  // namespace

std::vector<std::filesystem::path> ggufParts(const std::filesystem::path& path) {
  const auto part = partName(path);
  if (!part) return {path};
  std::vector<std::filesystem::path> parts;
  for (unsigned i = 1; i <= part->count; ++i)
    parts.push_back(path.parent_path() /
                    (part->name + "-" + padded(i) + std::string(kOf) + padded(part->count) + std::string(kEnding)));
  return parts;
}

bool isWholeGguf(const std::filesystem::path& path) {
  const auto part = partName(path);
  return isGgufName(path) && (!part || part->number == 1) && path.filename().string().find("mmproj") == std::string::npos;
}

Result<void> checkGgufParts(std::span<const GgufFile* const> parts) {
  std::uint64_t there = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto number = wholeIn(parts[i]->metadata(), "split.no"), count = wholeIn(parts[i]->metadata(), "split.count");
    if (!count || *count <= 1) {
      if (parts.size() == 1) return {};
      return fail(ErrorCode::Corrupt, at({parts[i]->path(), {}, {}}, "does not say that it is a part of a model"),
                  "take all parts from one place");
    }
    if (*count != parts.size() || number != i)
      return fail(ErrorCode::Corrupt,
                  at({parts[i]->path(), {}, {}}, "says that it is part " + (number ? std::to_string(*number + 1) : "?") +
                                                     " of " + std::to_string(*count) + ", its name that it is part " +
                                                     std::to_string(i + 1) + " of " + std::to_string(parts.size())),
                  "give the parts back the names that they were published under");
    there += parts[i]->tensors().size();
  }
  const auto all = wholeIn(parts.front()->metadata(), "split.tensors.count");
  if (all && *all != there)
    return fail(ErrorCode::Corrupt,
                at({parts.front()->path(), {}, {}},
                   "says that the parts have " + formatCount(*all) + " tensors, they have " + formatCount(there)),
                "take all parts from one place");
  return {};
}

Result<void> setGgufRowOrder(const GgufFile& first, std::vector<TensorInfo>& tensors) {
  const auto& metadata = first.metadata();
  const std::string* const architecture = textIn(metadata, "general.architecture");
  if (!architecture || *architecture != "llama") return {};
  const auto heads = wholeIn(metadata, "llama.attention.head_count");
  // Without a number of their own, keys have as many heads; one that is a list is no reason to take as many.
  const bool asMany = !metadata.contains("llama.attention.head_count_kv");
  const auto keyHeads = asMany ? heads : wholeIn(metadata, "llama.attention.head_count_kv");
  for (auto& tensor : tensors) {
    const bool query = endsInQuery(tensor.name, "attn_q"), key = endsInQuery(tensor.name, "attn_k");
    if ((!query && !key) || tensor.bytes == 0) continue;
    const auto count = query ? heads : keyHeads;
    const std::uint64_t rows = tensor.shape.empty() ? 1 : tensor.shape.front();
    if (!count || *count == 0 || rows % 2 != 0 || rows % *count != 0 || rows / *count % 2 != 0 || tensor.shape.size() > 2 ||
        (tensor.shape.size() < 2 && !tensor.ggml->plain) || *count > UINT32_MAX)
      return fail(ErrorCode::Unsupported,
                  at({first.path(), tensor.name, tensor.offset}, "has " + formatCount(rows) + " rows for " +
                                                                     (count ? formatCount(*count) : "an unknown number of") +
                                                                     " heads: their order cannot be told"),
                  "take the model from another source");
    tensor.interleavedHeads = static_cast<std::uint32_t>(*count);
  }
  return {};
}

}  // namespace deltascope
