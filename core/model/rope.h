// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Rotary position embedding: what config.json says of it, and the angles of positions. The formulas are those of transformers'
/// modeling_rope_utils.py, in FP32 where it computes in FP32 and in double where Python does.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

class Fields;

/// Frequencies are theta^(−2j/dimensions), then scaled.
struct RopeConfig {
  enum class Scaling : std::uint8_t {
    None,
    Linear,        ///< divided by factor
    Llama3,        ///< long wavelengths divided by factor, short ones kept, those between blended
    Yarn,          ///< the same over a ramp of dimensions (Peng et al. 2023), and cos and sin scaled
    Dynamic,       ///< theta grows with the text once that is longer than originalPositions ("dynamic NTK")
    Proportional,  ///< divided by factor, and 0 but for the first so many
    LongRope,      ///< divided by a factor of its own each, longFactors once the text is longer than originalPositions
  };
  Scaling scaling = Scaling::None;
  std::uint32_t dimensions = 0;  ///< elements of each head that turn: even
  std::uint32_t turning = 0;     ///< Proportional: frequencies that are not 0
  double theta = 10000;
  double factor = 1;
  std::uint32_t originalPositions = 8192;                  ///< those the frequencies were trained on; not Linear
  double lowFrequencyFactor = 1, highFrequencyFactor = 4;  ///< Llama3
  double fastRotations = 32, slowRotations = 1;            ///< Yarn: ends of the ramp, in rotations over originalPositions
  bool wholeDimensions = true;                             ///< Yarn: the ramp's ends are rounded outwards
  double attentionFactor = 1;                              ///< of cos and sin
  std::vector<float> shortFactors, longFactors;            ///< LongRope: dimensions / 2 each
};

struct RopeRequest {
  const Fields& config;                      ///< the whole config.json
  const std::filesystem::path& path;         ///< for messages
  std::uint32_t positions = 0, headDim = 0;  ///< max_position_embeddings; even, above 0
  std::span<const std::uint32_t> windows{};  ///< by layer, 0: full attention; empty where layers have one rope
  /// Of layers without a window where it differs from headDim; then rope_parameters speaks of the two kinds of layers, or it is
  /// Gemma 4's own. 0: it does not.
  std::uint32_t fullHeadDim = 0;
  double theta = 10000;  ///< where rope_theta is absent
  /// Layers with a window have a rope of their own: theta is rope_local_base_freq, this where it is absent, and rope_scaling
  /// speaks of the others.
  std::optional<double> localTheta{};
  bool partial = false;                 ///< partial_rotary_factor says how much of a head turns; else all of it must
  double rotary = 1;                    ///< where it is absent
  const char* usual = nullptr;          ///< JSON of rope_parameters where neither they nor rope_scaling are there
  std::uint32_t originalPositions = 0;  ///< where original_max_position_embeddings is absent; 0: `positions`
};
struct LayerRopes {
  std::vector<RopeConfig> ropes;      ///< one, or full attention's and sliding attention's
  std::vector<std::uint8_t> byLayer;  ///< index into ropes, for each of the request's windows
};
/// Reads rope_theta with rope_scaling ("type" or "rope_type") or rope_parameters, flat or by kind of layer ("full_attention",
/// "sliding_attention"). Untrusted: types and ranges are checked, so that every frequency is a number. Unsupported names the
/// field and what is supported.
[[nodiscard]] Result<LayerRopes> readRopes(const RopeRequest& request);

/// How long a text the scaled frequencies are for, in a model whose config.json says `positions`: by the factor longer than the
/// one that they were trained on, where max_position_embeddings may still be that one (Linear, Yarn, Dynamic).
[[nodiscard]] std::uint32_t ropePositions(const RopeConfig& rope, std::uint32_t positions);

/// The frequencies of a text that has reached `length` tokens, dimensions / 2 of them.
[[nodiscard]] std::vector<float> ropeFrequencies(const RopeConfig& rope, std::uint32_t length);

/// Angles of positions, for one text at a time.
///
/// Where the scaling depends on the length of the text (Dynamic, LongRope), what counts for a prompt is its whole length, for
/// each of its tokens, as if it were read in one pass; so it may be cut anywhere. A token that comes after the prompt counts
/// the text up to itself, and earlier keys stay as they are: what transformers computes when it generates with its cache.
class RopeAngles {
 public:
  explicit RopeAngles(RopeConfig rope) : m_rope(std::move(rope)) {}

  /// The texts of these two lengths have the same angles, so that keys of one serve the other.
  [[nodiscard]] bool sameFor(std::uint32_t promptLength, std::uint32_t otherPromptLength) const;
  /// cosine[t · dimensions/2 + j] = attentionFactor · cos((first + t) · frequency[j]) in FP32, and the sines; both spans hold a
  /// whole number of positions.
  void compute(std::uint32_t first, std::uint32_t promptLength, std::span<float> cosine, std::span<float> sine);

 private:
  [[nodiscard]] std::uint32_t reach(std::uint32_t length) const;
  RopeConfig m_rope;
  std::uint32_t m_reach = 0;  ///< of m_frequencies
  std::vector<float> m_frequencies;
};

}  // namespace deltascope
