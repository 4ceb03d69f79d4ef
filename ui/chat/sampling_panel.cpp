// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/sampling_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/frame/metrics.h"
#include "ui/frame/text.h"

namespace deltascope::ui {
namespace {

QPushButton* button(const char* name, const QString& text, const QString& tip) {
  auto* made = new QPushButton(text);
  made->setObjectName(name);
  made->setToolTip(tip);
  made->setAutoDefault(false);
  return made;
}

void addRow(QFormLayout& form, const QString& label, QWidget* field, const QString& tip) {
  auto* words = new QLabel(label);
  words->setBuddy(field);
  words->setToolTip(tip);
  field->setToolTip(tip);
  field->setAccessibleName(label);
  form.addRow(words, field);
}

}  // namespace

SamplingPanel::SamplingPanel(QWidget* parent) : QWidget(parent) {
  setObjectName("chatSamplingPanel");
  m_system = new QPlainTextEdit;
  m_system->setObjectName("chatSystem");
  m_system->setAccessibleName("Instructions before the conversation");
  m_system->setPlaceholderText("none");
  m_system->setToolTip("The system prompt of this conversation; may stay empty");
  m_system->setTabChangesFocus(true);
  m_system->setFixedHeight(steps(*this, 18));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(steps(*this, 3), steps(*this, 3), steps(*this, 3), steps(*this, 3));
  layout->addWidget(new TextLabel(TextKind::Heading, "Sampling"));
  layout->addWidget(makePresets());
  layout->addWidget(makeForm());
  layout->addSpacing(steps(*this, 2));
  layout->addWidget(new TextLabel(TextKind::Heading, "Instructions"));
  layout->addWidget(m_system);
  m_raw = new QCheckBox("Raw text, no chat template");
  m_raw->setObjectName("chatRaw");
  m_raw->setToolTip("Continue what is written as it is: for a base model, or one without a chat template");
  connect(m_raw, &QCheckBox::toggled, this, &SamplingPanel::settingsChanged);
  layout->addWidget(m_raw);
  layout->addStretch(1);
  connect(m_system, &QPlainTextEdit::textChanged, this, [this] {
    if (!m_filling) emit systemChanged();
  });
  setPresets(builtInPresets());
  setSettings({});
}

QWidget* SamplingPanel::makePresets() {
  m_preset = new QComboBox;
  m_preset->setObjectName("chatPreset");
  m_preset->setAccessibleName("Sampling preset");
  m_preset->setToolTip("Settings by name");
  m_preset->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  m_remove = button("chatPresetRemove", "Remove", "Forget this preset of yours");
  m_presetName = new QLineEdit;
  m_presetName->setObjectName("chatPresetName");
  m_presetName->setAccessibleName("Name for the present settings");
  m_presetName->setPlaceholderText("name for these settings");
  m_save = button("chatPresetSave", "Save", "Keep the present settings under this name");
  m_presetProblem = new TextLabel(TextKind::Problem);
  m_presetProblem->setObjectName("chatPresetProblem");
  m_presetProblem->hide();
  auto* choose = new QHBoxLayout;
  choose->addWidget(m_preset, 1);
  choose->addWidget(m_remove);
  auto* keep = new QHBoxLayout;
  keep->addWidget(m_presetName, 1);
  keep->addWidget(m_save);
  auto* box = new QWidget;
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addLayout(choose);
  layout->addLayout(keep);
  layout->addWidget(m_presetProblem);
  connect(m_preset, &QComboBox::activated, this, [this](int index) {
    if (index >= 0 && index < m_presets.size()) {
      setSettings(withPreset(settings(), m_presets[index]));
      emit changed();
    }
  });
  connect(m_remove, &QPushButton::clicked, this, &SamplingPanel::removePreset);
  connect(m_save, &QPushButton::clicked, this, &SamplingPanel::savePreset);
  connect(m_presetName, &QLineEdit::returnPressed, this, &SamplingPanel::savePreset);
  connect(m_presetName, &QLineEdit::textChanged, this, [this] {
    m_save->setEnabled(!m_presetName->text().trimmed().isEmpty());
    m_presetProblem->hide();
  });
  m_save->setEnabled(false);
  return box;
}

QDoubleSpinBox* SamplingPanel::number(QFormLayout& form, const char* name, const QString& label, double low, double high,
                                      double step, const QString& tip) {
  auto* box = new QDoubleSpinBox;
  box->setObjectName(name);
  box->setDecimals(3);
  box->setRange(low, high);
  box->setSingleStep(step);
  box->setAlignment(Qt::AlignRight);
  addRow(form, label, box, tip);
  connect(box, &QDoubleSpinBox::valueChanged, this, &SamplingPanel::settingsChanged);
  return box;
}

QWidget* SamplingPanel::makeForm() {
  auto* box = new QWidget;
  auto* form = new QFormLayout(box);
  form->setContentsMargins(0, 0, 0, 0);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  form->setLabelAlignment(Qt::AlignLeft | Qt::AlignTop);
  m_temperature = number(*form, "chatTemperature", "Temperature", 0, 10, 0.1,
                         "0: always the likeliest token (greedy); higher: more varied. The next four need more than 0");
  m_topP = number(*form, "chatTopP", "Top-p", 0.001, 1, 0.05,
                  "Only the likeliest tokens that together have this probability; 1: all");
  m_topK = new QSpinBox;
  m_topK->setObjectName("chatTopK");
  m_topK->setRange(0, kMaxTopK);
  m_topK->setSpecialValueText("all");
  m_topK->setAlignment(Qt::AlignRight);
  addRow(*form, "Top-k", m_topK, "Only this many of the likeliest tokens");
  connect(m_topK, &QSpinBox::valueChanged, this, &SamplingPanel::settingsChanged);
  m_minP = number(*form, "chatMinP", "Min-p", 0, 1, 0.01,
                  "Only tokens that have at least this share of the likeliest one's probability; 0: all");
  auto* seedBox = new QWidget;
  m_seed = new QLineEdit;
  m_seed->setObjectName("chatSeed");
  m_seed->setPlaceholderText("another for every answer");
  m_seed->setAccessibleName("Seed");
  m_seedProblem = new TextLabel(TextKind::Problem);
  m_seedProblem->setObjectName("chatSeedProblem");
  m_seedProblem->hide();
  auto* seedLayout = new QVBoxLayout(seedBox);
  seedLayout->setContentsMargins(0, 0, 0, 0);
  seedLayout->setSpacing(0);
  seedLayout->addWidget(m_seed);
  seedLayout->addWidget(m_seedProblem);
  seedBox->setFocusProxy(m_seed);
  addRow(*form, "Seed", seedBox, "The same seed and settings give the same answer; empty: another every time");
  connect(m_seed, &QLineEdit::textChanged, this, &SamplingPanel::settingsChanged);
  m_penalty = number(*form, "chatPenalty", "Repetition penalty", 0.1, 10, 0.05,
                     "Divides the scores of tokens that were there already; 1: none");
  m_length = new QSpinBox;
  m_length->setObjectName("chatMaxTokens");
  m_length->setRange(1, kMaxNewTokens);
  m_length->setSingleStep(64);
  m_length->setAlignment(Qt::AlignRight);
  addRow(*form, "Most new tokens", m_length, "Where an answer is cut");
  connect(m_length, &QSpinBox::valueChanged, this, &SamplingPanel::settingsChanged);
  return box;
}

SamplingSettings SamplingPanel::settings() const {
  SamplingSettings settings;
  settings.temperature = m_temperature->value();
  settings.topP = m_topP->value();
  settings.topK = m_topK->value();
  settings.minP = m_minP->value();
  settings.repetitionPenalty = m_penalty->value();
  (void)parseSeed(m_seed->text(), settings.seed);
  settings.maxNewTokens = m_length->value();
  settings.raw = m_raw->isChecked();
  return settings;
}

void SamplingPanel::setSettings(const SamplingSettings& settings) {
  m_filling = true;
  m_temperature->setValue(settings.temperature);
  m_topP->setValue(settings.topP);
  m_topK->setValue(settings.topK);
  m_minP->setValue(settings.minP);
  m_penalty->setValue(settings.repetitionPenalty);
  m_seed->setText(settings.seed ? QString::number(*settings.seed) : QString());
  m_length->setValue(settings.maxNewTokens);
  m_raw->setChecked(settings.raw);
  m_filling = false;
  showPreset();
}

void SamplingPanel::setPresets(const QList<SamplingPreset>& presets) {
  m_presets = presets;
  m_preset->clear();
  for (const SamplingPreset& preset : presets) m_preset->addItem(preset.name);
  showPreset();
}

QString SamplingPanel::system() const { return m_system->toPlainText(); }

void SamplingPanel::setSystem(const QString& text) {
  if (text == system()) return;
  m_filling = true;
  m_system->setPlainText(text);
  m_filling = false;
}

bool SamplingPanel::valid() const {
  std::optional<quint64> seed;
  return parseSeed(m_seed->text(), seed);
}

void SamplingPanel::settingsChanged() {
  if (m_filling) return;
  const bool seedValid = valid();
  m_seedProblem->setText(seedValid ? QString() : QString("✕ a seed is a whole number from 0 to 18,446,744,073,709,551,615"));
  m_seedProblem->setVisible(!seedValid);
  showPreset();
  emit changed();
}

void SamplingPanel::showPreset() {
  const QString name = presetOf(settings(), m_presets);
  m_preset->setPlaceholderText("Your own");
  m_preset->setCurrentIndex(name.isEmpty() ? -1 : m_preset->findText(name));
  const int index = m_preset->currentIndex();
  m_remove->setEnabled(index >= 0 && index < m_presets.size() && !m_presets[index].builtIn);
  const bool sampling = m_temperature->value() > 0;
  for (QWidget* field : {static_cast<QWidget*>(m_topP), static_cast<QWidget*>(m_topK), static_cast<QWidget*>(m_minP),
                         static_cast<QWidget*>(m_seed)})
    field->setEnabled(sampling);
  m_system->setEnabled(!m_raw->isChecked());
}

void SamplingPanel::savePreset() {
  const QString name = m_presetName->text().simplified();
  if (name.isEmpty()) return;
  QList<SamplingPreset> presets = m_presets;
  const auto same = std::ranges::find(presets, name, &SamplingPreset::name);
  if (same != presets.end() && same->builtIn) {
    m_presetProblem->setText("✕ that name is taken by a preset that comes with the program");
    m_presetProblem->show();
    return;
  }
  if (same != presets.end())
    same->settings = settings();
  else
    presets.append({name, settings(), false});
  m_presetName->clear();
  setPresets(presets);
  emit presetsChanged();
}

void SamplingPanel::removePreset() {
  const int index = m_preset->currentIndex();
  if (index < 0 || index >= m_presets.size() || m_presets[index].builtIn) return;
  QList<SamplingPreset> presets = m_presets;
  presets.removeAt(index);
  setPresets(presets);
  emit presetsChanged();
}

}  // namespace deltascope::ui
