// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "app/cli/job.h"
#include "app/cli/model_options.h"
#include "app/cli/print.h"
#include "core/base/units.h"

namespace deltascope::cli {
namespace {

struct Options {
  ModelOptions model;
  std::string prompt, system, idsText, chatTemplate;
  std::vector<TokenId> ids;
  bool hasPrompt = false, raw = false, ignoreEnd = false, planOnly = false;
  std::uint32_t maxNewTokens = 256;
  Sampling sampling;
  std::string draft = "auto";
  std::uint32_t draftTokens = 0;
};

/// Of each device, or of the only one.
std::vector<MemoryPlan> devicesOf(const MemoryPlan& plan) {
  return plan.devices.empty() ? std::vector<MemoryPlan>{plan} : plan.devices;
}

/// All but the tensors.
Json sumsOf(const MemoryPlan& plan) {
  return {{"device", plan.device},
          {"budget_bytes", plan.budget},
          {"budget_given", plan.budgetGiven},
          {"expected_peak_bytes", plan.expectedPeak},
          {"smallest_budget_bytes", plan.smallestBudget},
          {"held_bytes", plan.heldBytes},
          {"weight_bytes", plan.weightBytes},
          {"kv_cache_bytes", plan.kvCacheBytes},
          {"recurrent_state_bytes", plan.stateBytes},
          {"activation_bytes", plan.activationBytes},
          {"scratch_bytes", plan.scratchBytes},
          {"stream_bytes", plan.streamBytes},
          {"context", plan.context},
          {"prefill_tokens", plan.prefillTokens}};
}

Json toJson(const MemoryPlan& plan) {
  Json json = sumsOf(plan), devices = Json::array(), tensors = Json::array();
  for (const MemoryPlan& one : devicesOf(plan)) {
    for (const auto& t : one.tensors)
      tensors.push_back({{"name", t.name},
                         {"device_index", devices.size()},
                         {"placement", nameOf(t.placement)},
                         {"resident_bytes", t.residentBytes},
                         {"final_bytes", t.finalBytes},
                         {"base_bytes", t.baseBytes},
                         {"delta_bytes", t.deltaBytes}});
    devices.push_back(sumsOf(one));
    devices.back()["layers"] = one.layers;
  }
  json.update({{"devices", std::move(devices)}, {"tensors", std::move(tensors)}});
  return json;
}

Json deviceUse(const MemoryPlan& plan, const Generation& g) {
  Json list = Json::array();
  for (const MemoryPlan& one : devicesOf(plan))
    list.push_back({{"device", one.device},
                    {"layers", one.layers},
                    {"budget_bytes", one.budget},
                    {"expected_peak_bytes", one.expectedPeak},
                    {"peak_memory_bytes", g.devicePeaks.at(list.size())}});
  return list;
}

Json toJson(const Generation& g, const Model& model) {
  const MemoryPlan& plan = model.plan();
  Json placements;
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream})
    placements[std::string(nameOf(placement))] = plan.count(placement);
  return {{"prompt_ids", g.promptIds},
          {"ids", g.ids},
          {"text", g.text},
          {"tokens_per_second", g.tokensPerSecond},
          {"time_to_first_token_ms", g.timeToFirstTokenMs},
          {"prompt_seconds", g.promptSeconds},
          {"decode_seconds", g.decodeSeconds},
          {"peak_memory_bytes", g.peakMemoryBytes},
          {"streamed_bytes", g.streamed.bytesCopied},
          {"stream_copy_seconds", g.streamed.copySeconds},
          {"stream_wait_seconds", g.streamed.waitSeconds},
          {"expected_peak_bytes", plan.expectedPeak},
          {"budget_bytes", plan.budget},
          {"peak_rss_bytes", residentMemory().peak},
          {"placements", std::move(placements)},
          {"context", plan.context},
          {"device", plan.device},
          {"devices", deviceUse(plan, g)},
          {"companions", companionsJson(model.companions())},
          {"stop_reason", nameOf(g.stopReason)},
          {"drafted", g.drafted},
          {"accepted", g.accepted},
          {"rejected", g.rejected},
          {"exact_passes", g.exactPasses},
          {"draft_seconds", g.draftSeconds},
          {"verify_seconds", g.verifySeconds},
          {"logits_hash", g.logitsHash}};
}

void printStatistics(const Generation& g) {
  std::string drafts;
  if (g.drafted > 0)
    drafts = fmt::format(" · {:.1f} tokens a pass, {} of {} drafts right",
                         static_cast<double>(g.ids.size() - 1) / g.exactPasses, g.accepted, g.drafted);
  fmt::print(stderr, "{} tokens · {:.1f} tokens/s{} · first after {:.0f} ms · prompt {} tokens · peak {} · {}\n", g.ids.size(),
             g.tokensPerSecond, drafts, g.timeToFirstTokenMs, g.promptIds.size(), formatGib(g.peakMemoryBytes),
             nameOf(g.stopReason));
}

void printPlan(const MemoryPlan& plan, bool verbose) {
  printText(describePlan(plan));
  if (!verbose) return;
  std::vector<std::vector<std::string>> rows{{"tensor", "placement", "resident", "final"}};
  for (const auto& t : plan.tensors)
    rows.push_back({printable(t.name), std::string(nameOf(t.placement)), formatGib(t.residentBytes), formatGib(t.finalBytes)});
  printText(table(rows, "llrr"));
}

/// The model's words as they come. A terminal gets no control characters from a model.
void stream(const std::string& text, bool terminal) {
  std::string shown = text;
  if (terminal)
    std::replace_if(
        shown.begin(), shown.end(),
        [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f; }, '?');
  printText(shown);
  std::fflush(stdout);
}

/// `request` keeps the text's side of the model, for the model.
Result<std::vector<TokenId>> promptIds(const Options& o, LoadRequest& request) {
  if (!o.idsText.empty()) return o.ids;
  DELTASCOPE_ASSIGN(ModelText opened, openModelText(request));
  request.text = std::make_shared<const ModelText>(std::move(opened));
  const ModelText& text = *request.text;
  if (o.raw) return text.encode(o.prompt);
  ChatRequest chat;
  chat.messages = nlohmann::ordered_json::array();
  if (!o.system.empty()) chat.messages.push_back({{"role", "system"}, {"content", o.system}});
  chat.messages.push_back({{"role", "user"}, {"content", o.prompt}});
  auto ids = text.encode(chat);
  if (!ids && text.tokenizer && !text.chatTemplate && ids.error().code == ErrorCode::NotFound) {
    Error error = ids.error();
    error.hint = "use --raw to continue the text as it is";
    return tl::make_unexpected(std::move(error));
  }
  return ids;
}

int generate(Invocation& invocation, const Options& o) {
  const CommonOptions& common = invocation.common;
  LoadRequest request = toRequest(o.model, common);
  if (!o.chatTemplate.empty()) request.chatTemplate = o.chatTemplate;
  GenerateRequest generating;
  generating.draft = {*draftSourceFromName(o.draft), o.draftTokens};
  if (generating.draft.source == DraftSource::Off && o.draftTokens > 0)
    throw UsageError{"--draft-tokens says how many drafts to make, --draft off to make none: leave one of them out"};
  if (generating.draft.source != DraftSource::Off) request.draftTokens = o.draftTokens ? o.draftTokens : kMostDrafts;
  auto folder = openFolder(request);
  if (!folder) return report(folder.error());
  request.folder = std::move(*folder);
  if (o.hasPrompt || !o.idsText.empty()) {
    auto ids = promptIds(o, request);
    if (!ids) return report(ids.error());
    generating.prompt = std::move(*ids);
    // Room for what was asked for, and no more: the cache counts against the budget.
    if (!request.context)
      request.context = fitContext(request, static_cast<std::uint64_t>(generating.prompt.size()) + o.maxNewTokens);
  }
  if (o.planOnly) {
    const auto plan = planModel(request);
    if (!plan) return report(plan.error());
    common.json ? printJson(toJson(*plan)) : printPlan(*plan, common.verbose);
    return kDone;
  }
  auto model = runJob(invocation, [&](const JobContext& job) { return Model::load(request, job); });
  if (!model) return report(model.error());
  if (common.verbose) fmt::print(stderr, "{}", describePlan((*model)->plan()));
  noteBorrowed(**model, common);
  if (generating.draft.source != DraftSource::Off && generating.draft.source != DraftSource::Auto &&
      (*model)->plan().draftTokens == 0 && !common.quiet)
    fmt::print(stderr, "note: the memory budget leaves no room for drafts\n");
  auto session = Session::create(*model);
  if (!session) return report(session.error());

  const bool terminal = isatty(STDOUT_FILENO) != 0;
  generating.maxNewTokens = o.maxNewTokens;
  generating.sampling = o.sampling;
  generating.ignoreEnd = o.ignoreEnd;
  std::size_t streamed = 0;
  if (!common.json)
    generating.onToken = [&](const TokenEvent& event) {
      stream(event.text, terminal);
      streamed += event.text.size();
    };
  const auto result = (*session)->generate(generating, invocation.stop);
  if (!result) return report(result.error());
  if (common.json) {
    printJson(toJson(*result, **model));
  } else {
    stream(result->text.substr(std::min(streamed, result->text.size())) + "\n", terminal);
    if (!(*model)->text().tokenizer) printText(fmt::format("ids: {}\n", fmt::join(result->ids, ",")));
    if (!common.quiet) printStatistics(*result);
  }
  return result->stopReason == StopReason::Cancelled ? kCancelled : kDone;
}

}  // namespace

void addGenerate(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("generate", "run a model: exact, or its base alone");
  addModelOptions(*command, options->model);
  CLI::Option* prompt = command->add_option("--prompt", options->prompt, "what to answer")->type_name("TEXT");
  CLI::Option* ids = command->add_option("--ids", options->idsText, "token ids to continue instead")->type_name("1,2,3");
  ids->excludes(prompt);
  CLI::Option* raw = command->add_flag("--raw", options->raw, "continue the prompt as it is, without the chat template");
  command->add_option("--template", options->chatTemplate, "the chat template of this name, where there are several")
      ->type_name("NAME")
      ->excludes(raw)
      ->excludes(ids);
  command->add_option("--system", options->system, "system message")->type_name("TEXT");
  command->add_option("--max-new-tokens", options->maxNewTokens, "tokens to generate at most")
      ->type_name("N")
      ->check(CLI::Range(0, 1 << 26))
      ->capture_default_str();
  command->add_option("--temperature", options->sampling.temperature, "0: greedy")->type_name("X")->capture_default_str();
  command->add_option("--top-k", options->sampling.topK, "draw from the K likeliest tokens; 0: all")->type_name("K");
  command->add_option("--top-p", options->sampling.topP, "draw from the likeliest tokens of this share together")
      ->type_name("P");
  command->add_option("--min-p", options->sampling.minP, "leave out tokens below this share of the likeliest")->type_name("P");
  command->add_option("--repetition-penalty", options->sampling.repetitionPenalty, "above 1: fewer repetitions")
      ->type_name("X");
  command->add_option("--seed", options->sampling.seed, "seed of the random numbers")->type_name("N")->capture_default_str();
  command
      ->add_option("--draft", options->draft, "propose tokens, so that one exact pass judges several; the answer is the same")
      ->type_name("SOURCE")
      ->check(CLI::IsMember({"auto", "off", "base", "lookup"}))
      ->capture_default_str();
  command->add_option("--draft-tokens", options->draftTokens, "drafts a pass; without it: as many as pay")
      ->type_name("N")
      ->check(CLI::Range(1u, kMostDrafts));
  command->add_flag("--ignore-eos", options->ignoreEnd, "go on after the end of the answer");
  command->add_flag("--plan", options->planOnly, "print the memory plan and stop; with --verbose, tensor by tensor");
  addCommon(*command, invocation.common, true);
  command->footer("The text goes to standard output, the statistics to standard error.");
  command->callback([options, prompt, ids, &invocation] {
    options->hasPrompt = prompt->count() > 0;
    if (ids->count()) options->ids = parseIds(options->idsText);
    if (!options->hasPrompt && !ids->count() && !options->planOnly) throw UsageError{"--prompt or --ids is needed"};
    if (const auto checked = checkSampling(options->sampling); !checked) throw UsageError{checked.error().message};
    invocation.run = [options, &invocation]() -> int { return generate(invocation, *options); };
  });
}

}  // namespace deltascope::cli
