// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/run_settings.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>

#include "core/base/units.h"
#include "ui/frame/model_kind.h"
#include "ui/frame/recents.h"

namespace deltascope::ui {
namespace {

constexpr const char* kCacheTypes[] = {"f32", "bf16", "f16"};

std::optional<std::uint64_t> sizeOf(const QString& text) { return parseSize(text.trimmed().toStdString()); }

}  // namespace

QString problemOfSize(const QString& size, bool mayBeEmpty) {
  if (size.trimmed().isEmpty()) return mayBeEmpty ? QString() : QString("give a size, such as 100 MB");
  return sizeOf(size) ? QString() : QString("not a size: write a number with a unit, such as 512 MiB or 5.3 GiB");
}

QList<VariantKind> variantsOf(const Inspection& model) {
  if (model.files.kind == ModelFiles::Kind::Checkpoint) return {VariantKind::Whole, VariantKind::Stack};
  return {VariantKind::Whole, VariantKind::Base, VariantKind::Stack};
}

QString labelOf(const Inspection& model, const Variant& variant) {
  const bool checkpoint = model.files.kind == ModelFiles::Kind::Checkpoint;
  if (variant.kind == VariantKind::Base) return "base only";
  if (variant.kind == VariantKind::Whole)
    return checkpoint ? QString("checkpoint") : QString("exact (%1)").arg(modelKind(model));
  QStringList names{checkpoint ? "checkpoint" : "exact"};
  for (const QString& payload : variant.payloads) names << modelName(payload);
  if (variant.payloads.isEmpty()) names << "payloads";
  return names.join(" + ");
}

LoadRequest requestOf(const Inspection& model, const Variant& variant, const RunSettings& settings) {
  LoadRequest request;
  request.path = model.files.path;
  if (model.files.kind == ModelFiles::Kind::Payload) request.base = model.files.base;
  request.baseOnly = variant.kind == VariantKind::Base;
  if (variant.kind == VariantKind::Stack)
    for (const QString& payload : variant.payloads) request.payloads.emplace_back(payload.toStdU16String());
  request.device = settings.device.toStdString();
  request.memoryBudget = sizeOf(settings.budget);
  request.staticThreshold = sizeOf(settings.staticThreshold).value_or(kStaticThreshold);
  request.context = static_cast<std::uint32_t>(std::max(0, settings.context));
  request.kvCacheType = settings.kvCache;
  request.threads = static_cast<unsigned>(std::max(0, settings.threads));
  request.draftTokens = settings.drafts ? kMostDrafts : 0;
  return request;
}

bool sameRequest(const LoadRequest& a, const LoadRequest& b) {
  return a.path == b.path && a.base == b.base && a.payloads == b.payloads && a.baseOnly == b.baseOnly && a.device == b.device &&
         a.memoryBudget == b.memoryBudget && a.staticThreshold == b.staticThreshold && a.placement == b.placement &&
         a.context == b.context && a.kvCacheType == b.kvCacheType && a.threads == b.threads && a.draftTokens == b.draftTokens;
}

QString toJson(const RunSettings& settings) {
  const QJsonObject object{{"device", settings.device},
                           {"budget", settings.budget},
                           {"staticThreshold", settings.staticThreshold},
                           {"context", settings.context},
                           {"kvCache", kCacheTypes[static_cast<int>(settings.kvCache)]},
                           {"threads", settings.threads},
                           {"drafts", settings.drafts}};
  return QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

RunSettings runSettingsFromJson(const QString& text) {
  const QJsonObject object = QJsonDocument::fromJson(text.toUtf8()).object();
  RunSettings settings;
  settings.device = object["device"].toString(settings.device);
  settings.budget = object["budget"].toString();
  settings.staticThreshold = object["staticThreshold"].toString(settings.staticThreshold);
  settings.context = std::clamp(object["context"].toInt(), 0, kMaxContext);
  settings.threads = std::clamp(object["threads"].toInt(), 0, kMaxThreads);
  settings.drafts = object["drafts"].toBool(settings.drafts);
  for (int type = 0; type < 3; ++type)
    if (object["kvCache"].toString() == kCacheTypes[type]) settings.kvCache = static_cast<kernels::ElementType>(type);
  return settings;
}

}  // namespace deltascope::ui
