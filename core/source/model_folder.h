// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A model where it lies, opened once for whatever is done with it: its payloads, its base or checkpoint, and the files beside
/// the weights, each of which is read once, whoever asks.
#include <memory>
#include <vector>

#include "core/payload/payload.h"
#include "core/source/base_model.h"
#include "core/source/locate.h"

namespace deltascope {

using Payloads = std::vector<std::shared_ptr<const Payload>>;

struct ModelPlace {
  std::filesystem::path path;                   ///< packed model, payload or checkpoint
  std::filesystem::path base;                   ///< of a payload that has none beside it
  std::vector<std::filesystem::path> payloads;  ///< stacked over the model of `path`, in order
  bool baseOnly = false;                        ///< the base as it is, without any payload
  bool operator==(const ModelPlace&) const = default;
};

/// Threads: const members may be called concurrently.
class ModelFolder {
 public:
  /// Payloads by their headers; the base is left closed. Unsupported for payloads of the scripts.
  [[nodiscard]] static Result<std::shared_ptr<const ModelFolder>> open(const ModelPlace& place);

  [[nodiscard]] const ModelPlace& place() const { return m_place; }
  [[nodiscard]] const ModelFiles& files() const { return m_files; }
  [[nodiscard]] const Payloads& payloads() const { return m_payloads; }  ///< from the lowest
  /// The files of the payloads, the last uppermost, over the folder that speaks for what lies below them: the payload's own
  /// where it has a config.json, else the base's; what a GGUF file is without is made from its metadata. forget() once the
  /// model is open.
  [[nodiscard]] const std::shared_ptr<const StackedCompanions>& companions() const { return m_companions; }
  /// The base or checkpoint, opened anew each time: it can drop its scales. Null where no path is given and no tensor needs it;
  /// NotFound where one does.
  [[nodiscard]] Result<std::shared_ptr<BaseModel>> openBase(ScaleReading scales) const;

 private:
  explicit ModelFolder(ModelPlace place) : m_place(std::move(place)) {}
  Result<void> openPayloads();
  Result<void> addPayload(const std::filesystem::path& path);
  Result<void> stackCompanions();

  ModelPlace m_place;
  ModelFiles m_files;
  Payloads m_payloads;
  std::shared_ptr<const CompanionSource> m_lowest;
  std::shared_ptr<const StackedCompanions> m_companions;
};

}  // namespace deltascope
