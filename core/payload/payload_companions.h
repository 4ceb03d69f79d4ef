// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files that a payload carries, to be read as a folder's are.
#include "core/checkpoint/companion_source.h"
#include "core/payload/payload.h"

namespace deltascope {

class PayloadCompanions final : public KeptCompanions {
 public:
  explicit PayloadCompanions(std::shared_ptr<const Payload> payload) : m_payload(std::move(payload)) {}
  [[nodiscard]] bool hasFolder(std::string_view name) const override;
  /// "tuned.delta.safetensors/config.json"
  [[nodiscard]] std::filesystem::path shown(std::string_view name = {}) const override;

 private:
  [[nodiscard]] bool holds(std::string_view name) const override;
  [[nodiscard]] Result<std::string> load(std::string_view name, std::uint64_t limit) const override;
  [[nodiscard]] const Companion* find(std::string_view name) const;
  std::shared_ptr<const Payload> m_payload;
};

}  // namespace deltascope
