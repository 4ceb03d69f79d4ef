// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Options of the commands that run a model.
#include "app/cli/command.h"
#include "app/cli/print.h"
#include "core/runtime/runtime.h"

namespace deltascope::cli {

struct ModelOptions {
  std::string path, base, device = "cpu", budget, threshold, placement = "auto", kvCache = "f32", compute = "fp32";
  std::vector<std::string> payloads;
  bool baseOnly = false, expand = true;
  std::uint32_t context = 0;
};

/// PATH, --base, --payload, --base-only, --device, --memory-budget. `options` outlives the parser.
void addModelFiles(CLI::App& command, ModelOptions& options);
/// These, --static-threshold, --placement, --context, --compute, --no-expand and --kv-cache.
void addModelOptions(CLI::App& command, ModelOptions& options);
[[nodiscard]] LoadRequest toRequest(const ModelOptions& options, const CommonOptions& common);
/// Refuses, before any work, a file to write that is one of the model's, or cannot be written. Nothing where `out` is empty.
[[nodiscard]] Result<void> checkOutput(const std::string& out, const ModelOptions& options);
/// Says on standard error whose configuration and tokenizer a payload that carries none is run with; nothing with --quiet.
void noteBorrowed(const Model& model, const CommonOptions& common);
[[nodiscard]] Json companionsJson(const ModelCompanions& companions);
/// "cpu", "cuda" or "cuda:N"; else a message. For commands that use one device.
[[nodiscard]] std::string checkDevice(std::string& device);
/// The same for commands that run a model, which several devices can share: "cpu,cpu", "cuda:0,cuda:1", "cuda:all".
[[nodiscard]] std::string checkDevices(std::string& devices);
inline constexpr const char* kDevices = "cpu|cuda:N|cuda:all, or several with commas";
/// Token ids "1,2,3"; refused with a usage message.
[[nodiscard]] std::vector<TokenId> parseIds(const std::string& text);

}  // namespace deltascope::cli
