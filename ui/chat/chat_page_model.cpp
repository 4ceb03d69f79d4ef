// SPDX-License-Identifier: GPL-3.0-or-later
// The part of ChatPage that decides which model runs, and shows what that takes.
#include <QComboBox>
#include <QSignalBlocker>

#include "core/base/units.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/composer.h"
#include "ui/chat/memory_gauge.h"
#include "ui/chat/model_panel.h"
#include "ui/chat/plan_view.h"
#include "ui/chat/sampling_panel.h"
#include "ui/frame/recents.h"
#include "ui/frame/settings.h"
#include "ui/frame/text.h"
#include "ui/payload/state_stack.h"

namespace deltascope::ui {
namespace {

constexpr int kNoCompare = -1;

QString nameOf(const Inspection& model) { return modelName(QString::fromStdString(model.files.path.string())); }

void choose(QComboBox& box, int data) { box.setCurrentIndex(std::max(0, box.findData(data))); }

}  // namespace

void ChatPage::setDevices(const std::vector<kernels::DeviceInfo>& devices) { m_modelPanel->setDevices(devices); }

void ChatPage::openModel(const ModelPointer& model) {
  m_runner->stop();
  m_models->clear();
  m_model = model;
  fillVariants();
}

void ChatPage::closeModel() {
  m_runner->stop();
  m_models->clear();
  m_model.reset();
  fillVariants();
}

/// The choices for the open model; what was chosen stays chosen where it still can be.
void ChatPage::fillVariants() {
  const auto chosen = [this](const QComboBox& box, const Setting<int>& setting) {
    return box.count() > 1 ? box.currentData().toInt() : m_services.settings->get(setting);
  };
  const int variant = chosen(*m_variant, setting::kChatVariant), compare = chosen(*m_compare, setting::kChatCompare);
  m_filling = true;
  m_variant->clear();
  m_compare->clear();
  m_compare->addItem("nothing", kNoCompare);
  if (m_model) {
    for (const VariantKind kind : variantsOf(*m_model)) {
      const QString label = labelOf(*m_model, {kind, m_modelPanel->payloads()});
      m_variant->addItem(label, static_cast<int>(kind));
      m_compare->addItem(label, static_cast<int>(kind));
    }
    choose(*m_variant, variant);
    choose(*m_compare, compare);
  } else {
    m_variant->addItem("no model", static_cast<int>(VariantKind::Whole));
  }
  m_filling = false;
  settingsChanged();
}

void ChatPage::setVariant(VariantKind kind) { choose(*m_variant, static_cast<int>(kind)); }

void ChatPage::setCompare(std::optional<VariantKind> kind) { choose(*m_compare, kind ? static_cast<int>(*kind) : kNoCompare); }

std::vector<Variant> ChatPage::sides() const {
  if (!m_model) return {};
  std::vector<Variant> variants;
  for (const QComboBox* box : {m_variant, m_compare}) {
    const int kind = box->currentData().toInt();
    if (kind == kNoCompare) continue;
    Variant variant{static_cast<VariantKind>(kind), {}};
    if (variant.kind == VariantKind::Stack) variant.payloads = m_modelPanel->payloads();
    variants.push_back(std::move(variant));
  }
  return variants;
}

/// Why nothing can be sent, as a sentence with what to do; empty when it can.
QString ChatPage::blockedBecause() const {
  if (!m_model) return "No model is open: open one, or try the demo (Ctrl+T).";
  if (m_model->files.kind == ModelFiles::Kind::Scripts)
    return QString("%1 was written by the old scripts: convert it with deltascope-cli import.").arg(nameOf(*m_model));
  if (m_model->files.kind == ModelFiles::Kind::Payload && m_model->files.base.empty())
    return QString("The base of %1 is not known: give it (Ctrl+B).").arg(nameOf(*m_model));
  for (const Variant& variant : sides())
    if (variant.kind == VariantKind::Stack && variant.payloads.isEmpty())
      return "There is no payload to stack: add one in the settings, under Model (Ctrl+,).";
  if (!m_modelPanel->valid()) return "A size in the settings, under Model, is not one (Ctrl+,).";
  if (!m_sampling->valid()) return "The seed in the settings, under Answer, is not a number (Ctrl+,).";
  return {};
}

void ChatPage::settingsChanged() {
  m_samplingLine->setText(samplingText(m_sampling->settings()));
  m_samplingLine->setToolTip(m_samplingLine->text());
  updatePlan();
  updateModelState();
  updateActions();
}

void ChatPage::updatePlan() {
  const QString blocked = blockedBecause();
  if (!blocked.isEmpty() || !isVisible()) {
    m_plan.reset();
    m_planView->setRequest({}, {}, blocked);
    return;
  }
  const Variant variant = sides().front();
  m_planView->setRequest(requestOf(*m_model, variant, m_modelPanel->settings()), labelOf(*m_model, variant), {});
}

void ChatPage::showEvent(QShowEvent* event) {
  Page::showEvent(event);
  updatePlan();  // it waited for somebody to look
}

void ChatPage::updateModelState() {
  QStringList loaded;
  bool all = m_model != nullptr;
  for (const Variant& variant : sides()) {
    const bool there = m_models->find(requestOf(*m_model, variant, m_modelPanel->settings())) != nullptr;
    if (there) loaded << labelOf(*m_model, variant);
    all = all && there;
  }
  const QString words = !m_model            ? QString("No model is open.")
                        : !loaded.isEmpty() ? "In memory: " + loaded.join(", ")
                        : m_models->any()   ? QString("In memory: a model with other settings")
                                            : QString("Not in memory: the first message loads it.");
  m_modelPanel->setModelState(words, all, m_model && !answering() && blockedBecause().isEmpty());
  updateGauge();
  updateEmptyState();
}

void ChatPage::updateGauge() {
  if (const ChatModelPtr model = m_models->any())
    m_gauge->setUse(model->memory(), model->plan.budget);
  else if (m_plan)
    m_gauge->setExpected(m_plan->expectedPeak, m_plan->budget);
  else
    m_gauge->setUse({}, 0);
}

void ChatPage::updateEmptyState() {
  if (!conversation().exchanges.isEmpty()) return m_stack->showContent();
  if (!m_model)
    return m_stack->showWords(
        "Here you talk with a model: exactly as it is, as its base alone, or with payloads over it,\n"
        "and see side by side where two of these part. Open a model first.",
        "Try the demo");
  const QString who = m_variant->currentText();
  if (const QString blocked = blockedBecause(); !blocked.isEmpty()) return m_stack->showWords(blocked);
  if (m_models->loading() && !answering()) return m_stack->showWords("Loading " + who);
  if (m_models->find(requestOf(*m_model, sides().front(), m_modelPanel->settings())))
    return m_stack->showWords(QString("%1 of %2 is in memory. Write a message below.").arg(who, nameOf(*m_model)));
  const QString expected =
      m_plan ? QString(" It takes %1 at its peak.").arg(QString::fromStdString(formatGib(m_plan->expectedPeak))) : QString();
  m_stack->showWords(
      QString("Write a message to %1 of %2; the first one loads the model.%3").arg(who, nameOf(*m_model), expected),
      "Load " + nameOf(*m_model));
}

/// Loads the model that answers, as a job; the one to compare with waits for the first message.
void ChatPage::loadNow() {
  if (answering() || !blockedBecause().isEmpty() || !m_model) return;
  const Variant variant = sides().front();
  const LoadRequest request = requestOf(*m_model, variant, m_modelPanel->settings());
  const QString label = labelOf(*m_model, variant);
  m_models->need(request, QString("Load %1 of %2").arg(label, nameOf(*m_model)),
                 [this, request, label](Result<ChatModelPtr>& model) {
                   if (!model)
                     emit messageRaised(errorMessage("Loading " + label, model.error()));
                   else if (!answering())
                     m_models->keepOnly({request});
                   updateModelState();
                   updateActions();
                 });
  updateModelState();
}

void ChatPage::unload() {
  if (answering()) return;
  m_models->clear();
  updateModelState();
  updateActions();
}

}  // namespace deltascope::ui
