// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/benchmark/benchmark_bar.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QStandardItemModel>
#include <QVBoxLayout>

#include "ui/frame/metrics.h"
#include "ui/frame/status_line.h"
#include "ui/frame/text.h"

namespace deltascope::ui {
namespace {

using What = BenchmarkForm::What;

struct Choice {
  What what;
  const char* tip;
};
constexpr Choice kChoices[] = {
    {What::SmallAndLarge, "The first layer's input norm and the embedding: in seconds"},
    {What::OneLayer, "All weights of the first layer"},
    {What::WholeModel, "Every weight"},
    {What::Tensors, "Weights by name"},
    {What::Generation, "Tokens with the whole model: tokens/s, time to the first, peak memory"},
};

}  // namespace

BenchmarkBar::BenchmarkBar(QWidget* parent) : QWidget(parent) {
  setObjectName("benchmarkBar");
  auto* line = new QHBoxLayout;
  line->setSpacing(steps(*this, 2));
  const auto add = [&](const QString& label, QWidget* field, const char* name, const QString& tip) {
    auto* words = new QLabel(label);
    words->setBuddy(field);
    field->setObjectName(QLatin1String(name));
    field->setToolTip(tip);
    field->setAccessibleName(QString(label).remove('&'));
    line->addWidget(words);
    line->addWidget(field);
    return words;
  };
  m_what = new QComboBox;
  for (const Choice& choice : kChoices) {
    m_what->addItem(labelOf(choice.what), static_cast<int>(choice.what));
    m_what->setItemData(m_what->count() - 1, QLatin1String(choice.tip), Qt::ToolTipRole);
  }
  add("&What", m_what, "benchWhat", "What is measured");
  m_tensors = new QLineEdit;
  m_tensors->setMinimumWidth(characters(*this, 18));
  m_tensorsLabel = add("&Names", m_tensors, "benchTensors", "Names of weights as in a shell: * and ? stand for any characters");
  m_tokens = new QSpinBox;
  m_tokens->setRange(2, kMostTokens);
  m_tokensLabel = add("&Tokens", m_tokens, "benchTokens", "Tokens to generate in each repetition");
  m_device = new QComboBox;
  m_device->addItem("CPU", "cpu");
  m_device->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  m_device->setMinimumContentsLength(14);
  add("&Device", m_device, "benchDevice", "What computes");
  m_budget = new QLineEdit;
  m_budget->setPlaceholderText("what is free");
  m_budget->setMaximumWidth(characters(*this, 16));
  add("B&udget", m_budget, "benchBudget",
      "The most memory a run may hold, with a unit: 14 MiB, 5.3 GB. Empty: what the device has free");
  m_repeat = new QSpinBox;
  m_repeat->setRange(1, kMostRepetitions);
  add("R&epetitions", m_repeat, "benchRepeat",
      "Measured repetitions, after a warm-up; figures are medians, with the least and the most");
  m_baselines = new QCheckBox("B&aselines");
  m_baselines->setObjectName("benchBaselines");
  m_baselines->setToolTip("Measure the same as the old scripts and as zstd would store it, the base alone, and all resident");
  line->addWidget(m_baselines);
  line->addStretch(1);
  m_run = new QPushButton("Run &benchmark");
  m_run->setObjectName("benchRun");
  m_run->setProperty("primary", true);
  m_run->setAutoDefault(false);
  line->addWidget(m_run);
  m_problem = new TextLabel(TextKind::Muted);
  m_problem->setObjectName("benchProblem");
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(steps(*this, 3), steps(*this, 2), steps(*this, 3), steps(*this, 1));
  column->setSpacing(steps(*this, 1));
  column->addLayout(line);
  m_demo = new QPushButton("Benchmark the de&mo");
  m_demo->setObjectName("benchDemo");
  m_demo->setAutoDefault(false);
  m_demo->setToolTip("Pack the model that comes with Deltascope if need be, then measure and verify its reconstruction");
  auto* below = new QHBoxLayout;
  below->setSpacing(steps(*this, 2));
  below->addWidget(m_demo);
  below->addWidget(m_problem, 1);
  column->addLayout(below);
  connect(m_demo, &QPushButton::clicked, this, &BenchmarkBar::demoRequested);

  connect(m_run, &QPushButton::clicked, this, [this] {
    if (m_running)
      emit cancelRequested();
    else
      emit runRequested();
  });
  for (QLineEdit* edit : {m_tensors, m_budget}) {
    connect(edit, &QLineEdit::textChanged, this, &BenchmarkBar::check);
    connect(edit, &QLineEdit::returnPressed, this, [this] {
      if (canRun()) emit runRequested();
    });
  }
  for (QComboBox* combo : {m_what, m_device}) connect(combo, &QComboBox::currentIndexChanged, this, &BenchmarkBar::check);
  for (QSpinBox* spin : {m_repeat, m_tokens}) connect(spin, &QSpinBox::valueChanged, this, &BenchmarkBar::check);
  connect(m_baselines, &QCheckBox::toggled, this, &BenchmarkBar::check);
  setForm({});
}

BenchmarkForm BenchmarkBar::form() const {
  BenchmarkForm form = m_rest;
  form.what = static_cast<What>(m_what->currentData().toInt());
  form.tensors = m_tensors->text().trimmed();
  form.tokens = m_tokens->value();
  form.device = m_device->currentData().toString();
  form.budget = m_budget->text().trimmed();
  form.repeat = m_repeat->value();
  form.baselines = m_baselines->isChecked();
  return form;
}

void BenchmarkBar::setForm(const BenchmarkForm& form) {
  m_filling = true;
  m_rest = form;
  m_wantedDevice = form.device;
  m_what->setCurrentIndex(m_what->findData(static_cast<int>(form.what)));
  m_tensors->setText(form.tensors);
  m_tokens->setValue(form.tokens);
  if (const int index = m_device->findData(form.device); index >= 0) m_device->setCurrentIndex(index);
  m_budget->setText(form.budget);
  m_repeat->setValue(form.repeat);
  m_baselines->setChecked(form.baselines);
  m_filling = false;
  check();
}

void BenchmarkBar::setDevices(const std::vector<kernels::DeviceInfo>& devices) {
  m_filling = true;
  m_device->clear();
  for (const auto& device : devices) {
    const DeviceText text = describeDevice(device);
    m_device->addItem(text.label, QString::fromStdString(device.id));
    m_device->setItemData(m_device->count() - 1, text.detail, Qt::ToolTipRole);
    qobject_cast<QStandardItemModel*>(m_device->model())->item(m_device->count() - 1)->setEnabled(device.usable);
  }
  if (m_device->count() == 0) m_device->addItem("CPU", "cpu");
  const int wanted = m_device->findData(m_wantedDevice);
  const bool usable = wanted >= 0 && qobject_cast<QStandardItemModel*>(m_device->model())->item(wanted)->isEnabled();
  m_device->setCurrentIndex(usable ? wanted : 0);
  m_filling = false;
  check();
}

void BenchmarkBar::showKind() {
  const auto what = static_cast<What>(m_what->currentData().toInt());
  for (QWidget* widget : {static_cast<QWidget*>(m_tensors), m_tensorsLabel}) widget->setVisible(what == What::Tensors);
  for (QWidget* widget : {static_cast<QWidget*>(m_tokens), m_tokensLabel}) widget->setVisible(what == What::Generation);
}

void BenchmarkBar::check() {
  if (m_filling) return;
  m_wantedDevice = m_device->currentData().toString();
  showKind();
  setState(m_running, m_cancelling, m_blocked, m_offerDemo);
  emit changed();
}

bool BenchmarkBar::canRun() const { return !m_running && m_blocked.isEmpty() && problemOf(form()).isEmpty(); }

void BenchmarkBar::setState(bool running, bool cancelling, const QString& blocked, bool offerDemo) {
  m_offerDemo = offerDemo;
  m_running = running;
  m_cancelling = cancelling;
  m_blocked = blocked;
  const QString problem = problemOf(form());
  const QString words = !problem.isEmpty() ? "✕ " + problem : running ? QString() : blocked;
  m_problem->setText(words);
  m_problem->setVisible(!words.isEmpty());
  m_demo->setVisible(offerDemo && problem.isEmpty() && !running);
  m_run->setText(running ? (cancelling ? "Cancelling" : "&Cancel") : "Run &benchmark");
  m_run->setToolTip(running ? "Stop; what was measured is kept (Shift+F5)" : "Measure and record (F5)");
  m_run->setEnabled(running ? !cancelling : canRun());
  for (QWidget* field : std::initializer_list<QWidget*>{m_what, m_tensors, m_tokens, m_device, m_budget, m_repeat, m_baselines})
    field->setEnabled(!running);
}

QWidget* BenchmarkBar::firstFocus() const { return m_run->isEnabled() ? static_cast<QWidget*>(m_run) : m_what; }

}  // namespace deltascope::ui
