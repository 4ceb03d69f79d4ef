// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/benchmark/benchmark_form.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>
#include <array>

#include "core/base/units.h"
#include "ui/chat/run_settings.h"

namespace deltascope::ui {
namespace {

using What = BenchmarkForm::What;

struct Kind {
  const char* name;   // in settings
  const char* label;  // on screen
  std::optional<BenchmarkPreset> preset;
};
/// In the order of What.
constexpr std::array<Kind, 5> kKinds{{{"small-and-large", "small and large", BenchmarkPreset::SmallAndLarge},
                                      {"one-layer", "one layer", BenchmarkPreset::OneLayer},
                                      {"whole-model", "whole model", BenchmarkPreset::WholeModel},
                                      {"tensors", "chosen tensors", std::nullopt},
                                      {"generation", "generation", BenchmarkPreset::Generation}}};
const Kind& kindOf(What what) { return kKinds[static_cast<std::size_t>(what)]; }

}  // namespace

QString labelOf(What what) { return QLatin1String(kindOf(what).label); }

QString summaryOf(const BenchmarkForm& form) {
  QString what = labelOf(form.what);
  if (form.what == What::Tensors) what = form.tensors.trimmed();
  if (form.what == What::Generation) what += QString(", %1 tokens").arg(form.tokens);
  return QString("%1 · %2 · %3 %4")
      .arg(what, form.device)
      .arg(form.repeat)
      .arg(form.repeat == 1 ? "repetition" : "repetitions");
}

QString problemOf(const BenchmarkForm& form) {
  if (form.what == What::Tensors && form.tensors.trimmed().isEmpty()) return "name tensors: * and ? stand for any characters";
  const QString budget = problemOfSize(form.budget, true);
  return budget.isEmpty() ? QString() : "memory budget: " + budget;
}

BenchmarkRequest requestOf(const BenchmarkForm& form, const Inspection& model) {
  BenchmarkRequest request;
  request.model.path = model.files.path;
  if (model.files.kind == ModelFiles::Kind::Payload) request.model.base = model.files.base;
  request.model.device = form.device.toStdString();
  request.model.memoryBudget = parseSize(form.budget.trimmed().toStdString());
  request.repeat = static_cast<unsigned>(std::clamp(form.repeat, 1, kMostRepetitions));
  request.warmup = static_cast<unsigned>(std::clamp(form.warmup, 0, kMostRepetitions));
  request.batch = static_cast<std::uint32_t>(std::clamp(form.batch, 1, kMostRows));
  request.seed = static_cast<std::uint64_t>(form.seed);
  request.baselines = form.baselines;
  if (form.what == What::Tensors) request.tensors = form.tensors.trimmed().toStdString();
  if (form.what == What::Generation) request.generate = static_cast<std::uint32_t>(std::clamp(form.tokens, 2, kMostTokens));
  if (const auto preset = kindOf(form.what).preset) applyPreset(request, *preset);
  return request;
}

QString toJson(const BenchmarkForm& form) {
  const QJsonObject object{{"what", kindOf(form.what).name},
                           {"tensors", form.tensors},
                           {"device", form.device},
                           {"budget", form.budget},
                           {"repeat", form.repeat},
                           {"warmup", form.warmup},
                           {"batch", form.batch},
                           {"tokens", form.tokens},
                           {"seed", form.seed},
                           {"baselines", form.baselines}};
  return QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

BenchmarkForm benchmarkFormFromJson(const QString& text) {
  const QJsonObject object = QJsonDocument::fromJson(text.toUtf8()).object();
  BenchmarkForm form;
  for (std::size_t i = 0; i < kKinds.size(); ++i)
    if (object["what"].toString() == QLatin1String(kKinds[i].name)) form.what = static_cast<What>(i);
  form.tensors = object["tensors"].toString(form.tensors);
  form.device = object["device"].toString(form.device);
  form.budget = object["budget"].toString();
  form.repeat = std::clamp(object["repeat"].toInt(form.repeat), 1, kMostRepetitions);
  form.warmup = std::clamp(object["warmup"].toInt(form.warmup), 0, kMostRepetitions);
  form.batch = std::clamp(object["batch"].toInt(form.batch), 1, kMostRows);
  form.tokens = std::clamp(object["tokens"].toInt(form.tokens), 2, kMostTokens);
  form.seed = std::max<qint64>(0, object["seed"].toInteger(form.seed));
  form.baselines = object["baselines"].toBool(form.baselines);
  return form;
}

}  // namespace deltascope::ui
