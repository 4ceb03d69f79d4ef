// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

#include "ui/chat/sampling_settings.h"

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QFormLayout;
class QLineEdit;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;

namespace deltascope::ui {

class TextLabel;

/// How answers are made: presets, sampling, length, and the instructions that stand before the conversation.
class SamplingPanel : public QWidget {
  Q_OBJECT
 public:
  explicit SamplingPanel(QWidget* parent = nullptr);
  [[nodiscard]] SamplingSettings settings() const;
  void setSettings(const SamplingSettings& settings);
  [[nodiscard]] const QList<SamplingPreset>& presets() const { return m_presets; }
  void setPresets(const QList<SamplingPreset>& presets);
  [[nodiscard]] QString system() const;
  void setSystem(const QString& text);
  [[nodiscard]] bool valid() const;

 signals:
  void changed();
  void presetsChanged();
  void systemChanged();

 private:
  QDoubleSpinBox* number(QFormLayout& form, const char* name, const QString& label, double low, double high, double step,
                         const QString& tip);
  QWidget* makePresets();
  QWidget* makeForm();
  void settingsChanged();
  void showPreset();
  void savePreset();
  void removePreset();

  QList<SamplingPreset> m_presets = builtInPresets();
  bool m_filling = false;
  QComboBox* m_preset;
  QPushButton* m_remove;
  QLineEdit* m_presetName;
  QPushButton* m_save;
  TextLabel* m_presetProblem;
  QDoubleSpinBox* m_temperature;
  QDoubleSpinBox* m_topP;
  QSpinBox* m_topK;
  QDoubleSpinBox* m_minP;
  QDoubleSpinBox* m_penalty;
  QLineEdit* m_seed;
  TextLabel* m_seedProblem;
  QSpinBox* m_length;
  QCheckBox* m_raw;
  QPlainTextEdit* m_system;
};

}  // namespace deltascope::ui
