// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "app/cli/job.h"
#include "app/cli/model_options.h"
#include "app/cli/print.h"
#include "core/base/hash.h"
#include "core/checkpoint/safetensors.h"

namespace deltascope::cli {
namespace {

constexpr const char* kTensor = "last_logits";

Result<void> writeLogits(const std::filesystem::path& path, const std::vector<float>& logits) {
  DELTASCOPE_ASSIGN(auto writer, SafetensorsWriter::create(path, {{kTensor, DType::F32, {logits.size()}}}));
  DELTASCOPE_TRY(writer.write(kTensor, 0, std::as_bytes(std::span(logits))));
  return writer.commit();
}

}  // namespace

void addLogits(CLI::App& app, Invocation& invocation) {
  struct Options {
    ModelOptions model;
    std::string ids, out;
    std::vector<TokenId> prompt;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("logits", "the logits after a list of tokens, as a safetensors file");
  addModelOptions(*command, options->model);
  command->add_option("--ids", options->ids, "token ids")->type_name("1,2,3")->required();
  command->add_option("--out", options->out, "file to write: last_logits, F32")->type_name("FILE")->required();
  addCommon(*command, invocation.common, true);
  command->callback([options, &invocation] {
    options->prompt = parseIds(options->ids);
    invocation.run = [options, &invocation]() -> int {
      if (const auto checked = checkOutput(options->out, options->model); !checked) return report(checked.error());
      LoadRequest request = toRequest(options->model, invocation.common);
      auto folder = openFolder(request);
      if (!folder) return report(folder.error());
      request.folder = std::move(*folder);
      if (!request.context) request.context = fitContext(request, options->prompt.size());
      auto model = runJob(invocation, [&](const JobContext& job) { return Model::load(request, job); });
      if (!model) return report(model.error());
      noteBorrowed(**model, invocation.common);
      auto session = Session::create(*model);
      if (!session) return report(session.error());
      const auto logits = (*session)->logits(options->prompt, invocation.stop);
      if (!logits) return report(logits.error());
      if (const auto written = writeLogits(options->out, *logits); !written) return report(written.error());
      const auto top = std::max_element(logits->begin(), logits->end());
      const std::string hash = toHex(hash128(std::as_bytes(std::span(*logits))));
      if (invocation.common.json)
        printJson({{"out", options->out},
                   {"logits", logits->size()},
                   {"highest_id", top - logits->begin()},
                   {"highest", *top},
                   {"companions", companionsJson((*model)->companions())},
                   {"logits_hash", hash}});
      else
        printText(fmt::format("wrote {} logits to {} · highest {:.4f} at id {} · hash {}\n", logits->size(),
                              printable(options->out), *top, top - logits->begin(), hash));
      return kDone;
    };
  });
}

}  // namespace deltascope::cli
