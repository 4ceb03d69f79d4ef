// SPDX-License-Identifier: Apache-2.0
#include "app/cli/pack_estimate.h"

#include <fmt/format.h>

#include "app/cli/tensor_rows.h"
#include "core/base/number.h"
#include "core/base/units.h"
#include "core/codec/traits.h"

namespace deltascope::cli {
namespace {

double ratio(std::uint64_t final, std::uint64_t stored) { return stored ? double(final) / double(stored) : 0; }
double bits(std::uint64_t bytes, std::uint64_t elements) { return elements ? 8 * double(bytes) / double(elements) : 0; }

/// Bits a weight of every codec that was considered.
Json codecsOf(const TensorStats& tensor) {
  Json codecs = Json::object();
  for (std::size_t i = 0; i < tensor.estimate.size(); ++i)
    if (tensor.estimate[i] > 0) codecs[std::string(nameOf(static_cast<CodecId>(i)))] = rounded(double(tensor.estimate[i]));
  return codecs;
}

std::string tensorTable(const PackEstimate& estimate) {
  std::vector<std::vector<std::string>> rows{
      {"name", "shape", "dtype", "elements", "codec", "base bytes", "stored bytes", "bits/weight", "ratio"}};
  for (const auto& t : estimate.rows)
    rows.push_back({printable(t.name), shapeText(t.shapeOfFinal()), std::string(nameOf(t.dtype)), formatCount(t.elements),
                    std::string(nameOf(t.codec)), formatCount(t.baseBytes), formatCount(t.storedBytes),
                    thousandths(t.bitsPerWeight()), ratioCell(t.ratio(), t.storedBytes)});
  return table(rows, "lrlrlrrrr");
}

}  // namespace

Json toJson(const PackEstimate& e) {
  Json rows = Json::array();
  for (const auto& tensor : e.rows) {
    rows.push_back(tensorJson(tensor));
    rows.back()["estimates"] = codecsOf(tensor);
  }
  return {{"tensors", e.tensors},
          {"elements", e.elements},
          {"final_bytes", e.finalBytes},
          {"base_bytes", e.baseBytes},
          {"payload_bytes", e.payloadBytes},
          {"payload_bits_per_weight", bits(e.payloadBytes, e.elements)},
          {"total_bits_per_weight", bits(e.payloadBytes + e.baseBytes, e.elements)},
          {"ratio", ratio(e.finalBytes, e.payloadBytes + e.baseBytes)},
          {"companions", {{"bytes", e.companionBytes}}},
          {"left_out", leftOutJson(e.leftOut)},
          {"notes", e.notes},
          {"rows", std::move(rows)}};
}

std::string toText(const PackEstimate& e, bool why) {
  std::string text = tensorTable(e);
  const std::uint64_t together = e.payloadBytes + e.baseBytes;
  const auto line = [&](const char* what, std::uint64_t bytes) {
    return std::vector<std::string>{what, formatGib(bytes), thousandths(bits(bytes, e.elements)),
                                    ratioCell(ratio(e.finalBytes, bytes), bytes)};
  };
  text += fmt::format("\nestimated from samples of {} tensors, {} elements; nothing was written\n", formatCount(e.tensors),
                      formatCount(e.elements));
  text += table({{"", "size", "bits/weight", "ratio"},
                 {"final", formatGib(e.finalBytes), "", ""},
                 line("base", e.baseBytes),
                 line("payload, about", e.payloadBytes),
                 line("together, about", together)},
                "lrrr");
  if (e.companionBytes > 0) text += fmt::format("files beside the weights, in the payload: {}\n", formatGib(e.companionBytes));
  for (const auto& note : e.notes) text += "note: " + note + "\n";
  text += leftOutText(e.leftOut);
  if (!why) return text;
  text += "\nwhy\n";
  for (const auto& t : e.rows) text += fmt::format("  {}: {}\n", printable(t.name), explainChoice(t));
  return text;
}

}  // namespace deltascope::cli
