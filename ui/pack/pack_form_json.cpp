// SPDX-License-Identifier: GPL-3.0-or-later
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>
#include <bit>

#include "ui/pack/pack_form.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

std::string asText(const QJsonValue& value) { return value.toString().toStdString(); }

}  // namespace

QString toJson(const PackForm& form) {
  QJsonObject object{{"mode", static_cast<int>(form.mode)},
                     {"final", form.final},
                     {"base", form.base},
                     {"adapters", QJsonArray::fromStringList(form.adapters)},
                     {"quantize", words(nameOf(form.quantize))},
                     {"blocksize", static_cast<int>(form.blocksize)},
                     {"doubleQuant", form.doubleQuant},
                     {"scopeAll", form.scope == PackScope::All},
                     {"codec", form.codec ? words(nameOf(*form.codec)) : QString("auto")},
                     {"preferSpeed", form.prefer == Prefer::Speed},
                     {"chunks", static_cast<int>(form.chunks)},
                     {"zstdLevel", form.zstdLevel},
                     {"threads", static_cast<int>(form.threads)},
                     {"verify", form.verify},
                     {"out", form.out}};
  return QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

PackForm packFormFromJson(const QString& text) {
  const QJsonObject object = QJsonDocument::fromJson(text.toUtf8()).object();
  PackForm form;
  form.mode = static_cast<PackMode>(std::clamp(object["mode"].toInt(), 0, 2));
  form.final = object["final"].toString();
  form.base = object["base"].toString();
  for (const auto& adapter : object["adapters"].toArray()) form.adapters << adapter.toString();
  form.adapters.removeAll(QString());
  form.quantize = quantFormatFromName(asText(object["quantize"])).value_or(form.quantize);
  const int blocksize = object["blocksize"].toInt(64);
  if (blocksize >= 32 && blocksize <= 4096 && std::has_single_bit(static_cast<unsigned>(blocksize)))
    form.blocksize = static_cast<unsigned>(blocksize);
  form.doubleQuant = object["doubleQuant"].toBool();
  form.scope = object["scopeAll"].toBool() ? PackScope::All : PackScope::Linear;
  form.codec = codecFromName(asText(object["codec"]));
  form.prefer = object["preferSpeed"].toBool() ? Prefer::Speed : Prefer::Size;
  form.chunks = static_cast<unsigned>(std::clamp(object["chunks"].toInt(64), 1, 4096));
  form.zstdLevel = std::clamp(object["zstdLevel"].toInt(3), 1, 22);
  form.threads = static_cast<unsigned>(std::clamp(object["threads"].toInt(0), 0, 1024));
  form.verify = object["verify"].toBool(true);
  form.out = object["out"].toString();
  return form;
}

}  // namespace deltascope::ui
