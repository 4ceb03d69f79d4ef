// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The tokens of a model.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/stage.h"

namespace deltascope::text {

/// Tokens by id and ids by token. Ids may have gaps.
class Vocabulary {
 public:
  /// `"vocab"`: an object of ids, or a list whose entries begin with the token (["a", −1.5]), which count from 0; of a token
  /// that is there twice the last id is found.
  [[nodiscard]] static Result<Vocabulary> read(const Stage& model);
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view token) const;
  [[nodiscard]] const std::string* token(std::uint32_t id) const;     ///< null for a gap or beyond the end
  [[nodiscard]] std::size_t size() const { return m_tokens.size(); }  ///< highest id + 1
  [[nodiscard]] std::size_t count() const { return m_count; }         ///< ids that a token has

 private:
  [[nodiscard]] static Result<Vocabulary> readList(const Stage& model);
  std::vector<std::string> m_tokens;
  std::vector<bool> m_present;
  std::unordered_map<std::string_view, std::uint32_t> m_ids;  // views of m_tokens' strings
  std::size_t m_count = 0;
};

}  // namespace deltascope::text
