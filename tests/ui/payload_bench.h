// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A Payload page over a generated model, with everything around it; for tests that drive it.
#include <QAction>
#include <QDateTime>
#include <QLabel>
#include <QTemporaryDir>
#include <algorithm>
#include <memory>

#include "tests/ui/generated_model.h"
#include "tests/ui/warnings.h"
#include "ui/charts/heat_map_view.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/settings.h"
#include "ui/jobs/job_runner.h"
#include "ui/payload/payload_page.h"
#include "ui/payload/tensor_detail.h"
#include "ui/payload/tensor_view.h"

namespace deltascope::ui {

/// Answers every question for a file or folder with one path.
class ScriptedDialogs : public Dialogs {
 public:
  QString answer, suggested;
  QStringList opened;
  QString openFile(QWidget*, const QString&, const QString&, const QString&) override { return answer; }
  QString openFolder(QWidget*, const QString&, const QString&) override { return answer; }
  QString saveFile(QWidget*, const QString&, const QString& name, const QString&) override {
    suggested = name;
    return answer;
  }
  bool confirm(QWidget*, const QString&, const QString&, const QString&, const QString&) override { return false; }
  bool openOnDesktop(const QString& path) override {
    opened << path;
    return true;
  }
};

/// A page with everything around it.
struct Bench {
  QTemporaryDir folder;
  GeneratedEngine generated;
  Engine engine;
  JobRunner jobs;
  Settings settings{folder.filePath("settings.ini")};
  ScriptedDialogs dialogs;
  std::unique_ptr<PayloadPage> page;

  explicit Bench(std::shared_ptr<Inspection> model = generatedModel(8)) {
    generated.model = std::move(model);
    engine = generated.engine();
    page = std::make_unique<PayloadPage>(PageServices{&engine, &jobs, &settings, &dialogs});
    page->setClock([] { return QDateTime(QDate(2026, 11, 23), QTime(14, 5)); });
    page->resize(1200, 640);
    page->show();
  }
  void open() { page->openModel(generated.model); }
  template <class T>
  T* find(const char* name) const {
    T* found = page->findChild<T*>(name);
    if (!found) qFatal("no %s", name);
    return found;
  }
  TensorView* table() const { return find<TensorView>("tensorTable"); }
  HeatMapView* heatMap() const { return find<HeatMapView>("heatMap"); }
  TensorDetail* detail() const { return find<TensorDetail>("tensorDetail"); }
  QString text(const char* label) const { return find<QLabel>(label)->text(); }
  QAction* action(const char* name) const { return find<QAction>(name); }
  int tensor(const char* name) const {
    for (std::size_t i = 0; i < generated.model->tensors.size(); ++i)
      if (generated.model->tensors[i].name == name) return static_cast<int>(i);
    qFatal("no tensor %s", name);
  }
  /// The first tensor of the kind in the layer.
  int cellOf(int tensor) const {
    const auto& cells = heatMap()->chart().cells;
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (std::find(cells[i].items.begin(), cells[i].items.end(), tensor) != cells[i].items.end()) return static_cast<int>(i);
    return -1;
  }
};

}  // namespace deltascope::ui
