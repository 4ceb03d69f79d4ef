// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "ui/frame/page.h"
#include "ui/pack/pack_form.h"

class QCheckBox;
class QComboBox;
class QFormLayout;
class QLineEdit;
class QPlainTextEdit;
class QPushButton;
class QRadioButton;
class QSpinBox;
class QSplitter;

namespace deltascope::ui {

class PathList;
class EstimateView;
class PathField;
class TextLabel;

/// The form, an estimate before it runs, the same as a command line, and the job.
class PackPage : public Page {
  Q_OBJECT
 public:
  PackPage(const PageServices& services, QWidget* parent = nullptr);
  PageActions pageActions() const override;
  QWidget* firstFocus() const override;
  void restoreState(const Settings& settings) override;
  void saveState(Settings& settings) const override;
  void resetLayout() override;

  [[nodiscard]] PackForm form() const;
  void setForm(const PackForm& form);
  /// Starts over with this final: offered for a plain checkpoint.
  void packFinal(const QString& path);
  void startPacking();

 private:
  QWidget* makeForm();
  QWidget* makeMode();
  QWidget* makeOptions();
  QWidget* makeOutput();
  PathField* makePath(const QString& name, const QString& label, const QString& placeholder);
  void addRow(QFormLayout& layout, const QString& label, QWidget* field, const QString& tip);
  void formChanged();
  void showMode();
  void suggestOutput();

  const PageServices m_services;
  bool m_filling = true;      ///< controls are being set by the program: changes are not the user's
  bool m_outTouched = false;  ///< the user chose the output: it is not suggested any more
  QAction* m_packAction = nullptr;
  QAction* m_copyAction = nullptr;
  QSplitter* m_splitter = nullptr;
  QFormLayout* m_inputs = nullptr;
  QFormLayout* m_options = nullptr;
  QRadioButton* m_quantizeMode = nullptr;
  QRadioButton* m_baseMode = nullptr;
  QRadioButton* m_adapterMode = nullptr;
  PathField* m_final = nullptr;
  PathField* m_base = nullptr;
  PathList* m_adapters = nullptr;
  QComboBox* m_quantize = nullptr;
  QComboBox* m_blocksize = nullptr;
  QCheckBox* m_doubleQuant = nullptr;
  QComboBox* m_scope = nullptr;
  QComboBox* m_codec = nullptr;
  QComboBox* m_prefer = nullptr;
  QSpinBox* m_chunks = nullptr;
  QSpinBox* m_zstdLevel = nullptr;
  QSpinBox* m_threads = nullptr;
  PathField* m_out = nullptr;
  QCheckBox* m_overwrite = nullptr;
  QCheckBox* m_verify = nullptr;
  EstimateView* m_estimate = nullptr;
  QPlainTextEdit* m_command = nullptr;
  TextLabel* m_ready = nullptr;
  QPushButton* m_pack = nullptr;
};

}  // namespace deltascope::ui
