// SPDX-License-Identifier: GPL-3.0-or-later
/// How much of the window's thread (processor time, so that other programs do not count) the payload page takes to show,
/// filter, sort and regroup tables of 1,000 and 20,000 tensors.
#include <QApplication>
#include <QTemporaryDir>
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "tests/ui/generated_model.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/settings.h"
#include "ui/jobs/job_runner.h"
#include "ui/payload/payload_page.h"
#include "ui/payload/tensor_filter.h"
#include "ui/payload/tensor_model.h"
#include "ui/payload/tensor_view.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

template <class Work>
double milliseconds(Work work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  };
  const double start = now();
  work();
  QCoreApplication::processEvents();  // layout and paint
  return now() - start;
}

void measure(int layers) {
  GeneratedEngine generated;
  generated.model = generatedModel(layers);
  const Engine engine = generated.engine();
  JobRunner jobs;
  QTemporaryDir folder;
  Settings settings(folder.filePath("settings.ini"));
  RealDialogs dialogs;
  PayloadPage page({&engine, &jobs, &settings, &dialogs});
  page.resize(1366, 768);
  page.show();
  QCoreApplication::processEvents();
  auto* view = page.findChild<TensorView*>();
  auto* model = page.findChild<TensorModel*>();
  auto* filter = page.findChild<TensorFilter*>();
  std::printf("%zu tensors\n", generated.model->tensors.size());
  std::printf("  open         %8.1f ms\n", milliseconds([&] { page.openModel(generated.model); }));
  const auto query = [&](const char* text, bool regex) {
    return milliseconds([&] {
      filter->setQuery(text, regex);
      view->filterChanged();
    });
  };
  std::printf("  filter words %8.1f ms\n", query("q_proj", false));
  std::printf("  filter regex %8.1f ms\n", query("^self_attn\\.[qk]_proj", true));
  std::printf("  filter none  %8.1f ms\n", query("", false));
  std::printf("  flat list    %8.1f ms\n", milliseconds([&] {
                model->setGrouped(false);
                view->modelChanged();
              }));
  std::printf("  sort         %8.1f ms\n",
              milliseconds([&] { view->sortByColumn(int(Column::BitsPerWeight), Qt::DescendingOrder); }));
  std::printf("  filter flat  %8.1f ms\n", query("q_proj", false));
  std::printf("  show all     %8.1f ms\n", query("", false));
  const auto result = *engine.verify({}, {});
  page.verifyStarted();
  double worst = 0;
  for (std::size_t i = 0; i < result.verdicts.size(); i += 50) {
    const auto end = std::min(result.verdicts.size(), i + 50);
    const std::vector<Verdict> batch(result.verdicts.begin() + static_cast<std::ptrdiff_t>(i),
                                     result.verdicts.begin() + static_cast<std::ptrdiff_t>(end));
    worst = std::max(worst, milliseconds([&] { page.addVerdicts(batch); }));
  }
  std::printf("  50 verdicts  %8.1f ms at worst\n", worst);
}

}  // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("DISPLAY")) qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  application.setStyle("Fusion");
  measure(111);   // 1,001 tensors
  measure(2222);  // 20,000
  return 0;
}
