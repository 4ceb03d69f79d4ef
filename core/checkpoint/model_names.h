// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The names that a model's own class gives its weights ("model.layers.0.mlp.up_proj.weight", "lm_head.weight"), found among
/// those that a checkpoint stores: without "model." (saved from the bare model), under a wrapper ("_orig_mod." of
/// torch.compile, "module." of DistributedDataParallel, "base_model.model." of PEFT, FSDP's), or as the text part of a larger
/// model ("model.language_model.", "language_model.model."), or as a GGUF file spells it ("blk.0.ffn_up.weight").
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/checkpoint/gguf_names.h"

namespace deltascope {

class ModelNames {
 public:
  /// A prefix counts where a final norm, a first layer and an embedding or head lie under it. Of several, "model." and then no
  /// prefix come first; else none is taken, and `prefixes` tells them. Views need not outlive the call.
  [[nodiscard]] static ModelNames among(const std::vector<std::string_view>& stored);

  /// As stored; null where no tensor plays this part. A name that is stored as it is comes first; each may lack its "model.".
  [[nodiscard]] const std::string* stored(std::string_view own) const;
  /// The other way; of a name outside the model, the name without wrappers.
  [[nodiscard]] std::string own(std::string_view stored) const;
  /// What was found, for messages: one prefix ("model.", "", "language_model.model."), several (or two names of one weight), or
  /// none.
  [[nodiscard]] const std::vector<std::string>& prefixes() const { return m_prefixes; }

 private:
  [[nodiscard]] std::string plainOf(std::string_view stored) const;
  [[nodiscard]] std::string ownOf(std::string_view plain) const;

  std::unordered_map<std::string, std::string> m_stored;  // by own name
  std::vector<std::string> m_prefixes;
  std::string m_body, m_head;  // prefixes of the layers and of lm_head, wrappers removed
  bool m_found = false;        // one prefix
  GgufNaming m_gguf;
};

/// The name without what wrappers put into it: the parts _orig_mod, _fsdp_wrapped_module, _checkpoint_wrapped_module and
/// base_layer anywhere, "module." and "base_model.model." in front.
[[nodiscard]] std::string withoutWrappers(std::string_view name);

}  // namespace deltascope
