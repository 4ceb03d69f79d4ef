// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/pack/pack_page.h"

#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QFileInfo>
#include <QFormLayout>
#include <QGuiApplication>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QSpinBox>
#include <QSplitter>

#include "core/base/units.h"
#include "ui/frame/path_list.h"
#include "ui/frame/recents.h"
#include "ui/frame/settings.h"
#include "ui/frame/text.h"
#include "ui/frame/written.h"
#include "ui/jobs/job_runner.h"
#include "ui/pack/estimate_view.h"
#include "ui/pack/path_field.h"

namespace deltascope::ui {
namespace {

constexpr std::size_t kLeftOutNames = 20;

void choose(QComboBox& box, const QVariant& data) { box.setCurrentIndex(std::max(0, box.findData(data))); }

Message packedMessage(const QString& title, const PackResult& result) {
  Message message;
  message.severity = Message::Severity::Success;
  const auto bits = [](double value) { return QString::number(value, 'f', 2); };
  message.text = QString("%1: %2 bits/weight in the payload, %3 with the base; %4 tensors in %5")
                     .arg(title, bits(result.payloadBitsPerWeight), bits(result.totalBitsPerWeight))
                     .arg(result.tensors)
                     .arg(QString::fromStdString(formatDuration(result.seconds)));
  message.details =
      QString("Written to %1\nFinal %2, base %3, payload %4\nPeak memory %5")
          .arg(QString::fromStdString(result.out.string()), QString::fromStdString(formatGib(result.finalBytes)),
               QString::fromStdString(formatGib(result.baseBytes)), QString::fromStdString(formatGib(result.payloadBytes)),
               QString::fromStdString(formatGib(result.peakRssBytes)));
  const auto count = [](std::uint64_t number) { return QString::fromStdString(formatCount(number)); };
  if (result.verified) message.details += QString("\nVerified: bit-exact: %1 of %1 elements").arg(count(result.elements));
  message.details += QString("\nFiles beside the weights: %1, %2")
                         .arg(count(result.companions), QString::fromStdString(formatGib(result.companionBytes)));
  if (!result.leftOut.empty()) {
    message.text += result.leftOut.size() == 1 ? QString("; 1 file left out")
                                               : QString("; %1 files left out").arg(count(result.leftOut.size()));
    message.details += "\nLeft out: " + QString::fromStdString(describeLeftOut(result.leftOut, kLeftOutNames));
  }
  if (!result.notes.empty())
    message.text += result.notes.size() == 1 ? QString("; note: %1").arg(QString::fromStdString(result.notes.front()))
                                             : QString("; %1 notes, see Details").arg(count(result.notes.size()));
  for (const auto& note : result.notes) message.details += "\nNote: " + QString::fromStdString(note);
  return message;
}

}  // namespace

PageActions PackPage::pageActions() const { return {.file = {}, .view = {}, .run = {m_packAction, m_copyAction}}; }

QWidget* PackPage::firstFocus() const { return m_final; }

PackForm PackPage::form() const {
  PackForm form;
  form.mode = m_adapterMode->isChecked() ? PackMode::Adapters
              : m_baseMode->isChecked()  ? PackMode::OverBase
                                         : PackMode::Quantize;
  form.final = m_final->text();
  form.base = m_base->text();
  form.adapters = m_adapters->paths();
  form.quantize = static_cast<QuantFormat>(m_quantize->currentData().toInt());
  form.blocksize = m_blocksize->currentData().toUInt();
  form.doubleQuant = m_doubleQuant->isChecked();
  form.scope = static_cast<PackScope>(m_scope->currentData().toInt());
  if (const int codec = m_codec->currentData().toInt(); codec >= 0) form.codec = static_cast<CodecId>(codec);
  form.prefer = static_cast<Prefer>(m_prefer->currentData().toInt());
  form.chunks = static_cast<unsigned>(m_chunks->value());
  form.zstdLevel = m_zstdLevel->value();
  form.threads = static_cast<unsigned>(m_threads->value());
  form.out = m_out->text();
  form.overwrite = m_overwrite->isChecked();
  form.verify = m_verify->isChecked();
  return form;
}

void PackPage::setForm(const PackForm& form) {
  m_filling = true;
  (form.mode == PackMode::Quantize   ? m_quantizeMode
   : form.mode == PackMode::OverBase ? m_baseMode
                                     : m_adapterMode)
      ->setChecked(true);
  m_final->setText(form.final);
  m_base->setText(form.base);
  m_adapters->setPaths(form.adapters);
  choose(*m_quantize, static_cast<int>(form.quantize));
  choose(*m_blocksize, form.blocksize);
  m_doubleQuant->setChecked(form.doubleQuant);
  choose(*m_scope, static_cast<int>(form.scope));
  choose(*m_codec, form.codec ? static_cast<int>(*form.codec) : -1);
  choose(*m_prefer, static_cast<int>(form.prefer));
  m_chunks->setValue(static_cast<int>(form.chunks));
  m_zstdLevel->setValue(form.zstdLevel);
  m_threads->setValue(static_cast<int>(form.threads));
  m_out->setText(form.out);
  m_overwrite->setChecked(form.overwrite);
  m_verify->setChecked(form.verify);
  m_outTouched = !form.out.isEmpty() && form.out != suggestedOutput(form);
  m_filling = false;
  formChanged();
}

void PackPage::packFinal(const QString& path) {
  PackForm fresh;
  fresh.final = path;
  fresh.out = suggestedOutput(fresh);
  setForm(fresh);
}

/// Every change of any control ends here.
void PackPage::formChanged() {
  if (m_filling) return;
  suggestOutput();
  showMode();
  const PackForm now = form();
  const auto problems = problemsOf(now);
  const auto problemAt = [&problems](PackField field) {
    for (const FormProblem& problem : problems)
      if (problem.field == field && !problem.missing) return problem.text;
    return QString();
  };
  m_final->setProblem(problemAt(PackField::Final));
  m_base->setProblem(problemAt(PackField::Base));
  m_adapters->setProblem(problemAt(PackField::Adapters));
  m_out->setProblem(problemAt(PackField::Out));
  m_packAction->setEnabled(problems.isEmpty());
  m_pack->setEnabled(problems.isEmpty());
  m_ready->setText(problems.isEmpty() ? QString("Ready.") : QString("To pack: %1.").arg(problems.first().text));
  m_command->setPlainText(commandLineOf(now, " \\\n  "));
  m_estimate->setForm(now);
}

void PackPage::suggestOutput() {
  if (m_outTouched && !m_out->text().isEmpty()) return;
  m_outTouched = false;
  m_filling = true;
  m_out->setText(suggestedOutput(form()));
  m_filling = false;
}

void PackPage::showMode() {
  const PackForm now = form();
  const bool quantizing = now.mode == PackMode::Quantize, adapting = now.mode == PackMode::Adapters;
  const bool fourBit = quantizing && !scalesByRow(now.quantize);
  m_final->setPlaceholder(adapting ? "only to reproduce an already merged checkpoint"
                                   : "folder, file or Hub id of what must come back");
  m_inputs->setRowVisible(m_base, !quantizing);
  m_inputs->setRowVisible(m_adapters, adapting);
  m_options->setRowVisible(m_quantize, quantizing);
  m_options->setRowVisible(m_scope, quantizing);
  m_options->setRowVisible(m_blocksize, fourBit);
  m_options->setRowVisible(m_doubleQuant, fourBit);
  m_prefer->setEnabled(!now.codec);
  m_zstdLevel->setEnabled(!now.codec || now.codec == CodecId::Zstd || now.codec == CodecId::Additive);
  m_out->setPlaceholder(quantizing ? "a new folder" : "a file that ends in .delta.safetensors");
}

void PackPage::startPacking() {
  const PackForm now = form();
  if (!problemsOf(now).isEmpty()) return;
  emit workBegan();
  const QString title = titleOf(now), out = now.out.trimmed();
  m_services.jobs->start(
      JobSpec{.title = title, .kind = "pack", .lane = JobLane::Work, .result = out},
      [pack = m_services.engine->pack, request = requestOf(now), threads = now.threads](const JobScope& scope) {
        JobContext job = scope;
        job.threads = threads;
        return pack(request, job);
      },
      this,
      [this, title, out](Result<PackResult>& result) {
        formChanged();  // the output is there now
        if (!result) {
          emit messageRaised(errorMessage(title, result.error()));
          return;
        }
        Message message = packedMessage(title, *result);
        const Message written = writtenMessage({}, out, *m_services.dialogs, this);
        message.otherText = written.otherText;
        message.otherAction = written.otherAction;
        message.stays = true;
        message.actionText = "Open &it";
        message.action = [this, out] { emit openRequested(out); };
        emit messageRaised(message);
      });
}

void PackPage::restoreState(const Settings& settings) {
  if (const QByteArray splitter = settings.get(setting::kPackSplitter); !splitter.isEmpty()) m_splitter->restoreState(splitter);
  if (const QString text = settings.get(setting::kPackForm); !text.isEmpty()) setForm(packFormFromJson(text));
}

void PackPage::saveState(Settings& settings) const {
  settings.set(setting::kPackSplitter, m_splitter->saveState());
  settings.set(setting::kPackForm, toJson(form()));
}

void PackPage::resetLayout() { m_splitter->setSizes({1000, 1000}); }

}  // namespace deltascope::ui
