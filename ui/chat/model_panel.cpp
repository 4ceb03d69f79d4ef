// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/model_panel.h"

#include <QComboBox>
#include <QFileInfo>
#include <QFormLayout>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QStandardItemModel>
#include <QVBoxLayout>

#include "ui/frame/dialogs.h"
#include "ui/frame/metrics.h"
#include "ui/frame/path_list.h"
#include "ui/frame/settings.h"
#include "ui/frame/status_line.h"
#include "ui/frame/text.h"

namespace deltascope::ui {
namespace {

QSpinBox* spinBox(const char* name, int most, const QString& special) {
  auto* box = new QSpinBox;
  box->setObjectName(name);
  box->setRange(0, most);
  box->setSpecialValueText(special);
  box->setAlignment(Qt::AlignRight);
  return box;
}

}  // namespace

ModelPanel::ModelPanel(const PageServices& services, QWidget* parent) : QWidget(parent), m_services(services) {
  setObjectName("chatModelPanel");
  m_payloads = new PathList("chatPayload", "payload",
                            {{"AddFile", "Add file…", [this] { return choosePayload(false); }},
                             {"AddFolder", "Add folder…", [this] { return choosePayload(true); }}});
  m_state = new TextLabel(TextKind::Muted);
  m_state->setObjectName("chatModelState");
  m_load = new QPushButton;
  m_load->setObjectName("chatLoad");
  m_load->setAutoDefault(false);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(steps(*this, 3), steps(*this, 3), steps(*this, 3), steps(*this, 3));
  layout->addWidget(new TextLabel(TextKind::Heading, "Run with"));
  layout->addWidget(makeRunForm());
  layout->addSpacing(steps(*this, 2));
  layout->addWidget(new TextLabel(TextKind::Heading, "Payloads over the model"));
  layout->addWidget(new TextLabel(TextKind::Muted, "Applied from top to bottom: a fine-tune, then its LoRA."));
  layout->addWidget(m_payloads);
  layout->addSpacing(steps(*this, 2));
  layout->addWidget(m_state);
  layout->addWidget(m_load, 0, Qt::AlignLeft);
  layout->addStretch(1);
  connect(m_payloads, &PathList::changed, this, [this] {
    if (!m_filling) emit payloadsChanged();
  });
  connect(m_load, &QPushButton::clicked, this, [this] {
    if (m_loaded)
      emit unloadRequested();
    else
      emit loadRequested();
  });
  setModelState("No model is open.", false, false);
}

QString ModelPanel::choosePayload(bool folder) {
  const QString from = m_services.settings->get(setting::kOpenFolder);
  const QString path =
      folder ? m_services.dialogs->openFolder(this, "Add a payload folder", from)
             : m_services.dialogs->openFile(this, "Add a payload", from, "Payloads (*.delta.safetensors);;All files (*)");
  if (!path.isEmpty()) m_services.settings->set(setting::kOpenFolder, QFileInfo(path).absolutePath());
  return path;
}

QWidget* ModelPanel::sizeField(QLineEdit*& edit, TextLabel*& problem, const QString& name, const QString& accessible) {
  auto* box = new QWidget;
  edit = new QLineEdit;
  edit->setObjectName(name);
  edit->setAccessibleName(accessible);
  problem = new TextLabel(TextKind::Problem);
  problem->setObjectName(name + "Problem");
  problem->setTextInteractionFlags(Qt::TextSelectableByMouse);
  problem->hide();
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(edit);
  layout->addWidget(problem);
  box->setFocusProxy(edit);
  return box;
}

QWidget* ModelPanel::makeRunForm() {
  m_device = new QComboBox;
  m_device->setObjectName("chatDevice");
  m_device->addItem("CPU", "cpu");
  m_device->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  m_deviceNote = new TextLabel(TextKind::Muted);
  m_deviceNote->setObjectName("chatDeviceNote");
  m_deviceNote->hide();
  QWidget* budget = sizeField(m_budget, m_budgetProblem, "chatBudget", "Memory budget");
  m_budget->setPlaceholderText("what is free");
  QWidget* threshold = sizeField(m_threshold, m_thresholdProblem, "chatThreshold", "Static threshold");
  m_context = spinBox("chatContext", kMaxContext, "the model's own");
  m_context->setSingleStep(256);
  m_cache = new QComboBox;
  m_cache->setObjectName("chatKvCache");
  m_cache->addItem("FP32", static_cast<int>(kernels::ElementType::F32));
  m_cache->addItem("BF16", static_cast<int>(kernels::ElementType::BF16));
  m_cache->addItem("FP16", static_cast<int>(kernels::ElementType::F16));
  m_threads = spinBox("chatThreads", kMaxThreads, "all");
  m_drafts = new QComboBox;
  m_drafts->setObjectName("chatDrafts");
  m_drafts->addItem("as many as pay", true);
  m_drafts->addItem("none", false);
  auto* box = new QWidget;
  auto* form = new QFormLayout(box);
  form->setContentsMargins(0, 0, 0, 0);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  form->setLabelAlignment(Qt::AlignLeft | Qt::AlignTop);
  const auto add = [&](const QString& label, QWidget* field, const QString& tip) {
    auto* words = new QLabel(label);
    words->setBuddy(field);
    words->setToolTip(tip);
    field->setToolTip(tip);
    if (field->accessibleName().isEmpty()) field->setAccessibleName(label);
    form->addRow(words, field);
  };
  add("Device", m_device, "What computes");
  form->addRow(QString(), m_deviceNote);
  add("Memory budget", budget, "The most the model may hold, with a unit: 16 MiB, 5.3 GiB. Empty: what the device has free");
  add("Static threshold", threshold,
      "A larger weight is reconstructed for each use at first; the plan changes that as the budget allows");
  add("Context", m_context, "Positions of the KV cache: prompt and answer together. The model's own is at most 4,096");
  add("KV cache", m_cache, "Type of keys and values: 16 bits take half the memory and round them");
  add("Threads", m_threads, "How many compute at the same time");
  add("Drafts", m_drafts,
      "Tokens that the base proposes, or that stood in the text before: one exact pass then judges several. The answer is the "
      "same, to the last bit of its logits");
  for (QLineEdit* edit : {m_budget, m_threshold}) connect(edit, &QLineEdit::textChanged, this, [this] { check(); });
  for (QComboBox* combo : {m_device, m_cache, m_drafts})
    connect(combo, &QComboBox::currentIndexChanged, this, [this] { check(); });
  for (QSpinBox* spin : {m_context, m_threads}) connect(spin, &QSpinBox::valueChanged, this, [this] { check(); });
  setSettings({});
  return box;
}

RunSettings ModelPanel::settings() const {
  RunSettings settings;
  settings.device = m_device->currentData().toString();
  settings.budget = m_budget->text().trimmed();
  settings.staticThreshold = m_threshold->text().trimmed();
  settings.context = m_context->value();
  settings.kvCache = static_cast<kernels::ElementType>(m_cache->currentData().toInt());
  settings.threads = m_threads->value();
  settings.drafts = m_drafts->currentData().toBool();
  return settings;
}

void ModelPanel::setSettings(const RunSettings& settings) {
  m_filling = true;
  if (const int index = m_device->findData(settings.device); index >= 0) m_device->setCurrentIndex(index);
  m_budget->setText(settings.budget);
  m_threshold->setText(settings.staticThreshold);
  m_context->setValue(settings.context);
  m_cache->setCurrentIndex(m_cache->findData(static_cast<int>(settings.kvCache)));
  m_threads->setValue(settings.threads);
  m_drafts->setCurrentIndex(m_drafts->findData(settings.drafts));
  m_filling = false;
  check();
}

QStringList ModelPanel::payloads() const { return m_payloads->paths(); }

void ModelPanel::setPayloads(const QStringList& payloads) {
  m_filling = true;
  m_payloads->setPaths(payloads);
  m_filling = false;
}

void ModelPanel::setDevices(const std::vector<kernels::DeviceInfo>& devices) {
  const QString chosen = m_device->currentData().toString();
  m_filling = true;
  m_device->clear();
  QStringList notes;
  for (const auto& device : devices) {
    const DeviceText text = describeDevice(device);
    m_device->addItem(text.label, QString::fromStdString(device.id));
    m_device->setItemData(m_device->count() - 1, text.detail, Qt::ToolTipRole);
    auto* item = qobject_cast<QStandardItemModel*>(m_device->model())->item(m_device->count() - 1);
    item->setEnabled(device.usable);
    if (!device.usable) notes << text.label;
  }
  if (m_device->count() == 0) m_device->addItem("CPU", "cpu");
  m_device->setCurrentIndex(std::max(0, m_device->findData(chosen)));
  m_deviceNote->setText(notes.join('\n'));
  m_deviceNote->setVisible(!notes.isEmpty());
  m_filling = false;
  check();
}

bool ModelPanel::valid() const {
  return problemOfSize(m_budget->text(), true).isEmpty() && problemOfSize(m_threshold->text(), false).isEmpty();
}

void ModelPanel::setBudgetProblem(const QString& problem) {
  const QString typed = problemOfSize(m_budget->text(), true);
  const QString shown = typed.isEmpty() ? problem : typed;
  m_budgetProblem->setText(shown.isEmpty() ? QString() : "✕ " + shown);
  m_budgetProblem->setVisible(!shown.isEmpty());
  m_budget->setAccessibleDescription(shown);
}

/// Every change of any control ends here.
void ModelPanel::check() {
  if (m_filling) return;
  setBudgetProblem({});
  const QString threshold = problemOfSize(m_threshold->text(), false);
  m_thresholdProblem->setText(threshold.isEmpty() ? QString() : "✕ " + threshold);
  m_thresholdProblem->setVisible(!threshold.isEmpty());
  emit changed();
}

void ModelPanel::setModelState(const QString& words, bool loaded, bool possible) {
  m_loaded = loaded;
  m_state->setText(words);
  m_load->setText(loaded ? "Unload" : "Load");
  m_load->setToolTip(loaded ? "Give the model's memory back (Ctrl+Shift+W)"
                            : "Read the model now instead of with the first message (Ctrl+L)");
  m_load->setEnabled(possible);
}

}  // namespace deltascope::ui
