// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/pack/pack_form.h"

#include <QDir>
#include <QFileInfo>
#include <QRegularExpression>

#include "ui/frame/recents.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

std::filesystem::path toPath(const QString& text) { return QDir::cleanPath(text.trimmed()).toStdString(); }

/// A Hub id ("org/name[@revision]") is looked up by the engine in its local cache.
bool looksLikeHubId(const QString& path) {
  static const QRegularExpression id("^[\\w.-]+/[\\w.-]+(@[\\w.-]+)?$");
  return id.match(path).hasMatch();
}

std::optional<FormProblem> checkInput(PackField field, const QString& given, const char* what) {
  const QString path = given.trimmed();
  if (path.isEmpty()) return FormProblem{field, QString("choose %1").arg(what), true};
  if (QFileInfo::exists(path) || looksLikeHubId(path)) return std::nullopt;
  return FormProblem{field, QString("%1 does not exist").arg(path)};
}

std::optional<FormProblem> checkOutput(const PackForm& form) {
  const QString path = form.out.trimmed();
  if (path.isEmpty()) return FormProblem{PackField::Out, "choose where to write", true};
  const QFileInfo info(path);
  const bool folder = form.mode == PackMode::Quantize;
  if (!folder && !path.endsWith(".delta.safetensors"))
    return FormProblem{PackField::Out, "the name of a payload must end in .delta.safetensors"};
  if (!folder && info.isDir()) return FormProblem{PackField::Out, "that is a folder; a payload is a file"};
  if (folder && info.isFile()) return FormProblem{PackField::Out, "that is a file; a packed model is a folder"};
  const bool taken = folder ? info.isDir() && !QDir(path).isEmpty() : info.exists();
  if (taken && !form.overwrite) return FormProblem{PackField::Out, "it is there already: tick Replace, or choose another name"};
  for (const QString& input : {form.final, form.base})
    if (!input.trimmed().isEmpty() && QFileInfo(input.trimmed()).absoluteFilePath() == info.absoluteFilePath())
      return FormProblem{PackField::Out, "the output must not be one of the inputs"};
  return std::nullopt;
}

QString quoted(const QString& word) {
  static const QRegularExpression plain("^[\\w@%+=:,./-]+$");
  if (plain.match(word).hasMatch()) return word;
  QString inner = word;
  return "'" + inner.replace("'", "'\\''") + "'";
}

}  // namespace

QList<FormProblem> problemsOf(const PackForm& form) {
  QList<FormProblem> problems;
  const auto add = [&problems](const std::optional<FormProblem>& problem) {
    if (problem) problems.append(*problem);
  };
  const bool finalNeeded = form.mode != PackMode::Adapters;
  if (finalNeeded || !form.final.trimmed().isEmpty()) add(checkInput(PackField::Final, form.final, "the final checkpoint"));
  if (form.mode != PackMode::Quantize) add(checkInput(PackField::Base, form.base, "the base checkpoint"));
  if (form.mode == PackMode::Adapters) {
    if (form.adapters.isEmpty()) problems.append({PackField::Adapters, "add at least one adapter", true});
    for (const QString& adapter : form.adapters) add(checkInput(PackField::Adapters, adapter, "an adapter"));
  }
  add(checkOutput(form));
  return problems;
}

bool canEstimate(const PackForm& form) {
  const auto problems = problemsOf(form);
  return std::ranges::none_of(problems, [](const FormProblem& problem) { return problem.field != PackField::Out; });
}

PackRequest requestOf(const PackForm& form) {
  PackRequest request;
  if (!form.final.trimmed().isEmpty()) request.final = toPath(form.final);
  if (form.mode != PackMode::Quantize) request.base = toPath(form.base);
  if (form.mode == PackMode::Adapters)
    for (const QString& adapter : form.adapters) request.adapters.push_back(toPath(adapter));
  if (form.mode == PackMode::Quantize) {
    request.quantize = form.quantize;
    request.scope = form.scope;
    if (!scalesByRow(form.quantize)) {
      request.blocksize = form.blocksize;
      request.doubleQuant = form.doubleQuant;
    }
  }
  request.codec = form.codec;
  request.prefer = form.prefer;
  request.chunks = form.chunks;
  request.codecOptions.zstdLevel = form.zstdLevel;
  if (!form.out.trimmed().isEmpty()) request.out = toPath(form.out);
  request.overwrite = form.overwrite;
  request.verify = form.verify;
  return request;
}

QString commandLineOf(const PackForm& form, const QString& between) {
  const PackForm defaults;
  QStringList line{"deltascope-cli pack"};
  const auto add = [&line](const char* option, const QString& value) { line << option + QString(" ") + quoted(value); };
  if (!form.final.trimmed().isEmpty()) add("--final", form.final.trimmed());
  if (form.mode != PackMode::Quantize && !form.base.trimmed().isEmpty()) add("--base", form.base.trimmed());
  if (form.mode == PackMode::Adapters)
    for (const QString& adapter : form.adapters) add("--adapter", adapter);
  if (form.mode == PackMode::Quantize) {
    add("--quantize", words(nameOf(form.quantize)));
    if (form.scope != defaults.scope) add("--scope", "all");
    if (!scalesByRow(form.quantize)) {
      if (form.blocksize != defaults.blocksize) add("--blocksize", QString::number(form.blocksize));
      if (form.doubleQuant) line << "--double-quant";
    }
  }
  if (form.codec) add("--codec", words(nameOf(*form.codec)));
  if (form.prefer != defaults.prefer) add("--prefer", "speed");
  if (form.chunks != defaults.chunks) add("--chunks", QString::number(form.chunks));
  if (form.zstdLevel != defaults.zstdLevel) add("--zstd-level", QString::number(form.zstdLevel));
  if (form.threads != 0) add("--threads", QString::number(form.threads));
  if (form.verify) line << "--verify";
  if (form.overwrite) line << "--overwrite";
  add("--out", form.out.trimmed().isEmpty() ? QString("OUT") : form.out.trimmed());
  return line.join(between);
}

QString titleOf(const PackForm& form) {
  switch (form.mode) {
    case PackMode::Quantize:
      return QString("Pack %1 → %2").arg(modelName(form.final), words(nameOf(form.quantize)));
    case PackMode::OverBase:
      return QString("Pack %1 over %2").arg(modelName(form.final), modelName(form.base));
    case PackMode::Adapters:
      break;
  }
  QStringList names;
  for (const QString& adapter : form.adapters) names << modelName(adapter);
  return QString("Pack %1 over %2").arg(names.join(" + "), modelName(form.base));
}

QString suggestedOutput(const PackForm& form) {
  const QString after =
      (form.mode == PackMode::Adapters ? form.adapters.value(form.adapters.size() - 1) : form.final).trimmed();
  if (after.isEmpty()) return {};
  const QFileInfo info(QDir::cleanPath(after));
  const QString folder = info.exists() ? info.absolutePath() : QDir::currentPath();
  const QString name = modelName(after);
  if (form.mode == PackMode::Quantize) return QDir(folder).filePath(name + "-" + words(nameOf(form.quantize)));
  if (form.mode == PackMode::OverBase && form.base.trimmed().isEmpty()) return {};
  const QString over = form.mode == PackMode::OverBase ? "-over-" + modelName(form.base.trimmed()) : QString();
  return QDir(folder).filePath(name + over + ".delta.safetensors");
}

}  // namespace deltascope::ui
