// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/model_kind.h"

#include <QStringList>

#include "core/base/units.h"
#include "ui/words.h"

namespace deltascope::ui {

QString modelKind(const Inspection& model) {
  if (model.files.kind == ModelFiles::Kind::Checkpoint) return "checkpoint";
  if (model.files.kind == ModelFiles::Kind::Scripts) return "payload of the old scripts";
  for (const TensorStats& tensor : model.tensors) {
    const auto name = nameOf(tensor.base);
    if (isQuantized(tensor.base)) return words(name).toUpper() + " + delta";
  }
  return "delta over a base";
}

QString wantedBase(const Inspection& model) {
  QStringList parts;
  if (const auto name = model.facts.find("base"); name != model.facts.end())
    parts << QString::fromStdString(printable(name->second));
  if (const auto print = model.facts.find("base fingerprint"); print != model.facts.end())
    parts << "fingerprint " + QString::fromStdString(printable(print->second));
  return parts.join(", ");
}

Message scriptsMessage(const Inspection& model, const QString& name) {
  Message message;
  message.text = QString("%1 was written by the old scripts").arg(name);
  if (!model.findings.empty()) {
    message.severity = Message::Severity::Warning;
    message.text += QString(": %1").arg(QString::fromStdString(describe(model.findings.front())));
    if (model.findings.size() > 1)
      message.text += QString(", and %1 more (Details)").arg(QString::fromStdString(formatCount(model.findings.size() - 1)));
  }
  message.nextStep = "Its table is here; with the final at hand it becomes an exact payload.";
  QStringList lines;
  for (const Finding& finding : model.findings) lines << QString::fromStdString(describe(finding));
  message.details = lines.join('\n');
  return message;
}

}  // namespace deltascope::ui
