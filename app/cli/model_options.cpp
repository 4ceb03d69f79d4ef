// SPDX-License-Identifier: Apache-2.0
#include "app/cli/model_options.h"

#include <fmt/format.h>

#include <charconv>

#include "core/base/units.h"
#include "core/output/output_file.h"
#include "core/runtime/device_list.h"

namespace deltascope::cli {
namespace {

std::string checkSize(const std::string& text) {
  const auto size = parseSize(text);
  return size && *size > 0 ? std::string() : text + " is not a size such as 6GiB or 500MB";
}

}  // namespace

std::string checkDevices(std::string& devices) {
  const auto names = parseDevices(devices);
  if (!names) return names.error().message + "; " + names.error().hint;
  devices = fmt::format("{}", fmt::join(*names, ","));
  return {};
}

std::string checkDevice(std::string& device) {
  if (device == "cpu") return {};
  if (const auto names = parseDevices(device); names && (names->size() > 1 || device == kAllGpus))
    return device + " names several devices; this command uses one, cpu or cuda:N";
  if (device == "cuda") device = "cuda:0";
  unsigned index = 0;
  const char* end = device.data() + device.size();
  if (device.starts_with("cuda:") && device.size() > 5)
    if (const auto [last, error] = std::from_chars(device.data() + 5, end, index); error == std::errc{} && last == end)
      return {};
  return device + " is not a device; cpu and cuda:N are";
}

std::vector<TokenId> parseIds(const std::string& text) {
  std::vector<TokenId> ids;
  const char *at = text.data(), *end = text.data() + text.size();
  while (at != end) {
    TokenId id = 0;
    const auto [last, error] = std::from_chars(at, end, id);
    if (error != std::errc{} || (last != end && (*last != ',' || last + 1 == end)))
      throw UsageError{"--ids: " + text + " is not a list of token ids such as 1,2,3"};
    ids.push_back(id);
    at = last == end ? end : last + 1;
  }
  return ids;
}

void addModelFiles(CLI::App& command, ModelOptions& o) {
  command.add_option("PATH", o.path, "packed model, payload or checkpoint: folder, file or Hub id")->type_name("")->required();
  command.add_option("--base", o.base, "the base of a payload: folder, file or Hub id")->type_name("MODEL");
  command.add_option("--payload", o.payloads, "a payload over the model; may be given more than once, in order")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command.add_flag("--base-only", o.baseOnly, "the base as it is, without its payload");
  command.add_option("--device", o.device, "where to run: cpu or cuda:N; several with commas, or cuda:all, share the model")
      ->type_name("DEVICE")
      ->check(CLI::Validator(checkDevices, kDevices))
      ->capture_default_str();
  command
      .add_option("--memory-budget", o.budget,
                  "memory for weights, cache and scratch together, of all devices in equal shares; without it: what is free")
      ->type_name("SIZE")
      ->check(checkSize);
}

void addModelOptions(CLI::App& command, ModelOptions& o) {
  addModelFiles(command, o);
  command.add_option("--static-threshold", o.threshold, "matrices up to this size are kept reconstructed first")
      ->type_name("SIZE")
      ->check(checkSize);
  command.add_option("--placement", o.placement, "put all matrices there instead of planning")
      ->type_name("PLACE")
      ->check(CLI::IsMember({"auto", "static", "jit", "stream"}))
      ->capture_default_str();
  command.add_option("--context", o.context, "tokens that the KV cache holds")->type_name("N")->check(CLI::Range(1, 1 << 26));
  command.add_option("--compute", o.compute, "activations in a GPU's products: whole, or rounded to BF16; sums are FP32")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str();
  command.add_flag("!--no-expand", o.expand, "a GPU: keep deltas as they are stored, even where a faster form has room");
  command.add_option("--kv-cache", o.kvCache, "type of the KV cache")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
}

void noteBorrowed(const Model& model, const CommonOptions& common) {
  const std::string& note = model.companions().note;
  if (!note.empty() && !common.quiet) fmt::print(stderr, "deltascope-cli: note: {}\n", printable(note));
}

Json companionsJson(const ModelCompanions& companions) {
  Json list = Json::array();
  for (const auto& use : companions.files)
    list.push_back({{"name", use.name}, {"file", use.file.string()}, {"borrowed", use.borrowed}});
  return list;
}

Result<void> checkOutput(const std::string& out, const ModelOptions& options) {
  if (out.empty()) return {};
  std::vector<std::filesystem::path> models(options.payloads.begin(), options.payloads.end());
  for (const auto* path : {&options.path, &options.base})
    if (!path->empty()) models.emplace_back(*path);
  return checkOutputFile(out, models);
}

LoadRequest toRequest(const ModelOptions& o, const CommonOptions& common) {
  LoadRequest request;
  request.path = o.path;
  request.base = o.base;
  for (const auto& payload : o.payloads) request.payloads.emplace_back(payload);
  request.baseOnly = o.baseOnly;
  request.device = o.device;
  if (!o.budget.empty()) request.memoryBudget = parseSize(o.budget);
  if (!o.threshold.empty()) request.staticThreshold = *parseSize(o.threshold);
  request.placement = placementFromName(o.placement);
  request.context = o.context;
  request.kvCacheType = o.kvCache == "bf16" ? kernels::ElementType::BF16 : kernels::ElementType::F32;
  request.compute = o.compute == "bf16" ? kernels::ComputeMode::Bf16 : kernels::ComputeMode::Fp32;
  request.expand = o.expand;
  request.threads = common.threads;
  return request;
}

}  // namespace deltascope::cli
