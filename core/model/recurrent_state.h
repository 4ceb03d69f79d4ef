// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the recurrent layers of a model know of the tokens seen so far: a state and the convolution's last inputs, of one size
/// however long the text is. Internal to core/model; KvCache has it.
///
/// Stepping back. A state cannot be undone, and one a drafted token would be seventeen times the memory. So each layer keeps
/// the state from before its last pass, and the inputs of that pass where it was a short one: a pass that comes after wrong
/// drafts begins with the old state and reads the right tokens' inputs once more. That costs their recurrence and no product,
/// and nothing at all where every draft was right or none was made. What was drafted with other weights has a state by itself,
/// which no exact pass reads. A pass that was given up halfway is as if it had never begun, layer by layer.
///
/// Further back than the last pass there is one mark, a state that is kept on the way through a prompt, near its end: there an
/// answer that is asked for again begins, and a chat whose next prompt tells the last answer in other words. Before it the text
/// is read anew.
#include <cstdint>
#include <limits>
#include <vector>

#include "core/base/result.h"
#include "core/model/config.h"
#include "kernels/backend.h"

namespace deltascope {

class RecurrentState {
 public:
  [[nodiscard]] static std::uint64_t bytesFor(const ModelConfig& config, std::uint32_t mostDrafts);
  /// Of no tokens. The inputs of a pass with `mostDrafts` drafts are kept.
  [[nodiscard]] static Result<RecurrentState> create(kernels::Backend& backend, const ModelConfig& config,
                                                     std::uint32_t mostDrafts);

  /// Of the texts that the last one begins with, the longest of at most `length` tokens that can be stepped back to.
  [[nodiscard]] std::uint32_t reachable(std::uint32_t length) const;
  /// Forgets what is past a length that reachable() gave.
  void stepBack(std::uint32_t length);
  /// The next passes put the mark behind so many tokens, when they come to it.
  void markAt(std::uint32_t length) { m_wanted = length; }
  /// A pass has read all tokens up to this length.
  void passed(std::uint32_t length);

  /// One layer's part in a pass: device memory, valid until the layer's done().
  struct Step {
    const float* tail = nullptr;  ///< [kernel − 1, channels]: inputs before; null: zeros
    const float *inputs = nullptr, *decay = nullptr, *strength = nullptr;  ///< of `again` tokens, to be read once more
    std::uint32_t again = 0;
    const float* from = nullptr;  ///< as kernels::DeltaRuleArgs
    float *into = nullptr, *kept = nullptr;
    std::uint32_t keepAfter = 0;
  };
  /// What a layer read: `rows` as kernels::ConvolveArgs, those that were read again among them.
  struct Inputs {
    const float *rows = nullptr, *decay = nullptr, *strength = nullptr;
  };
  /// Before a layer reads `tokens` tokens behind the first `length`.
  [[nodiscard]] Step begin(std::uint32_t layer, std::uint32_t length, std::uint32_t tokens, bool drafting);
  /// Afterwards. `step` is what begin() gave.
  void done(std::uint32_t layer, const Step& step, const Inputs& inputs, std::uint32_t tokens);

 private:
  static constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();
  struct Snapshot {
    float *state = nullptr, *tail = nullptr;
    std::uint32_t at = kNowhere;  ///< tokens read
  };
  struct Layer {
    RecurrentConfig config;
    Snapshot settled, live, draft;  ///< before the last pass, after it; after drafted tokens
    Snapshot mark;
    float *inputs = nullptr, *decay = nullptr, *strength = nullptr;  ///< of the tokens after `settled`
    std::uint32_t logged = 0;                                        ///< so many of them
    std::uint32_t length = 0;                                        ///< where the pass began
    bool drafting = false, marking = false;                          ///< what it is
  };
  [[nodiscard]] static bool reaches(const Layer& layer, std::uint32_t length);
  [[nodiscard]] bool allReach(std::uint32_t length) const;

  kernels::Backend* m_backend = nullptr;
  kernels::Buffer m_memory;
  std::vector<Layer> m_layers;  ///< of the model; those with attention are empty
  std::uint32_t m_most = 0;     ///< inputs that are kept
  std::uint32_t m_wanted = kNowhere;
};

}  // namespace deltascope
