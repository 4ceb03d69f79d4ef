// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What lies beside a model's weights and belongs to it: configuration, tokenizer, templates, code (as data), licence.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

/// One file is at most so large, all together, and so many; what is beyond is left out by name.
inline constexpr std::uint64_t kLargestCompanion = std::uint64_t{512} << 20;
inline constexpr std::uint64_t kMostCompanionsTogether = std::uint64_t{2} << 30;
inline constexpr std::size_t kMostCompanions = 4096;

struct CompanionFile {
  std::string name;            ///< relative to the model's folder, with slashes: "1_Pooling/config.json"
  std::filesystem::path file;  ///< where it lies
  std::uint64_t bytes = 0;
};

/// A file or folder that does not travel with the model, and why: "training_args.bin", "a state of training".
struct LeftOut {
  std::string name, reason;
};

struct CompanionList {
  std::vector<CompanionFile> files;  ///< in order of their names
  std::vector<LeftOut> leftOut;
  [[nodiscard]] std::uint64_t bytes() const;
};

struct CompanionScan {
  std::filesystem::path folder;
  std::vector<std::filesystem::path> weights;  ///< the model's own, with their index: neither listed nor left out
  /// Only names that models are known to have, for weights that lie among other things; the rest is none of the model's.
  bool wellKnownOnly = false;
};
/// Every regular file that holds no weights, in folders below too. Left out by name: weights in other formats, states of
/// training, hidden folders and caches, links to nothing, to folders, or (but for well-known names, and in the Hub's cache) out
/// of the folder, names that differ in case alone or are not UTF-8. Links to folders are not followed. An error only where the
/// folder itself cannot be listed. An absent folder is empty.
[[nodiscard]] Result<CompanionList> listCompanions(const CompanionScan& scan);

/// Whether models are known to have a file of that name beside their weights.
[[nodiscard]] bool isWellKnownCompanion(std::string_view name);
/// Whether it says how text becomes tokens: tokenizer, vocabulary, special tokens, chat templates.
[[nodiscard]] bool belongsToTokenizer(std::string_view name);
/// Why a file of that name is no companion: the format of its weights, or the training it is a state of. Empty for others.
[[nodiscard]] std::string_view weightsInDisguise(std::string_view name);

/// "training_args.bin (a state of training), .git (a hidden folder)": at most so many by name, then how many more.
[[nodiscard]] std::string describeLeftOut(const std::vector<LeftOut>& leftOut, std::size_t most);

}  // namespace deltascope
