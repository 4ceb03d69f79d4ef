// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The real window with an engine, dialogs and settings of the test's own.
#include <QApplication>
#include <QLocale>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QtTest>
#include <atomic>
#include <memory>

#include "core/pack/pack.h"
#include "core/rebuild/unpack.h"
#include "core/rebuild/verify.h"
#include "core/source/locate.h"
#include "tests/ui/fake_benchmark.h"
#include "tests/ui/fake_chat.h"
#include "tests/ui/gate.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/main_window.h"
#include "ui/frame/model_session.h"
#include "ui/frame/settings.h"

namespace deltascope::ui {

/// Answers in the user's place, and remembers what was asked.
struct FakeDialogs : Dialogs {
  QString file, folder, save;
  bool answer = false, hasDesktop = true;
  QStringList asked, opened;
  QString openFile(QWidget*, const QString& title, const QString&, const QString&) override {
    asked << title;
    return file;
  }
  QString openFolder(QWidget*, const QString& title, const QString&) override {
    asked << title;
    return folder;
  }
  QString saveFile(QWidget*, const QString& title, const QString&, const QString&) override {
    asked << title;
    return save;
  }
  bool confirm(QWidget*, const QString& title, const QString& text, const QString&, const QString&) override {
    asked << title + ": " + text;
    return answer;
  }
  bool openOnDesktop(const QString& path) override {
    opened << path;
    return hasDesktop;
  }
};

inline Inspection sampleInspection(const std::filesystem::path& path) {
  Inspection inspection;
  inspection.files.path = path;
  const bool packed = path.filename() != "plain";
  inspection.files.kind = packed ? ModelFiles::Kind::PackedModel : ModelFiles::Kind::Checkpoint;
  if (packed) {
    inspection.files.payload = path / "model.delta.safetensors";
    inspection.files.base = path;
  }
  for (int layer = 0; layer < 2; ++layer)
    for (const char* kind : {"self_attn.q_proj", "mlp.up_proj"}) {
      TensorStats tensor;
      tensor.name = "model.layers." + std::to_string(layer) + "." + kind + ".weight";
      tensor.shape = {64, 64};
      tensor.elements = 4096;
      tensor.codec = packed ? CodecId::Entropy : CodecId::Raw;
      tensor.base = packed ? BaseKind::Nf4 : BaseKind::None;
      tensor.finalBytes = 8192;
      tensor.baseBytes = packed ? 2304 : 0;
      tensor.storedBytes = packed ? 3400 : 8192;
      inspection.totals.tensors += 1;
      inspection.totals.elements += tensor.elements;
      inspection.totals.finalBytes += tensor.finalBytes;
      inspection.totals.baseBytes += tensor.baseBytes;
      inspection.totals.storedBytes += tensor.storedBytes;
      inspection.tensors.push_back(std::move(tensor));
    }
  inspection.totals.payloadFileBytes = inspection.totals.storedBytes + 1000;
  return inspection;
}

class Frame {
 public:
  Frame() : settings(std::make_unique<Settings>(scratch.filePath("settings.ini"))) {
    engine.devices = [] {
      kernels::DeviceInfo cpu, gpu;
      cpu.id = "cpu";
      cpu.name = "Test processor";
      cpu.usable = true;
      cpu.threads = 2;
      cpu.memoryBytes = std::uint64_t{24} << 30;
      gpu.id = "cuda";
      gpu.reason = "no driver found";
      return std::vector{cpu, gpu};
    };
    engine.residentMemory = [] { return ResidentMemory{1u << 30, 1u << 30}; };
    engine.inspect = [](const std::filesystem::path& path, const std::filesystem::path&) -> Result<Inspection> {
      if (path.filename() == "broken")
        return fail(ErrorCode::Corrupt, path.string() + ", offset 8: header is not JSON", "copy it again");
      return sampleInspection(path);
    };
    engine.pack = [this](const PackRequest& request, const JobContext& job) -> Result<PackResult> {
      ++packs;
      if (!packGate.wait(job.stop)) return fail(ErrorCode::Cancelled, "cancelled");
      PackResult result;
      result.out = request.out;
      result.tensors = 4;
      result.payloadBitsPerWeight = 6.62;
      result.totalBitsPerWeight = 11.12;
      return result;
    };
    engine.estimatePack = [](const PackRequest&, const JobContext&) -> Result<PackEstimate> {
      PackEstimate estimate;
      estimate.tensors = 1;
      estimate.elements = 4096;
      estimate.finalBytes = 8192;
      estimate.baseBytes = 2304;
      estimate.payloadBytes = 3400;
      TensorStats row;
      row.elements = 4096;
      row.codec = CodecId::Entropy;
      row.storedBytes = 3400;
      row.estimate[static_cast<std::size_t>(CodecId::Entropy)] = 6.64f;
      row.estimate[static_cast<std::size_t>(CodecId::Bitpack)] = 7.2f;
      estimate.rows.push_back(row);
      return estimate;
    };
    engine.verify = [this](const VerifyRequest& request, const JobContext& job) -> Result<VerifyResult> {
      VerifyResult result;
      const Inspection inspection = sampleInspection(request.path);
      for (const TensorStats& tensor : inspection.tensors) {
        if (!verifyGate.wait(job.stop)) return fail(ErrorCode::Cancelled, "cancelled");
        Verdict verdict;
        verdict.tensor = tensor.name;
        verdict.elements = tensor.elements;
        verdict.bitExact = tensor.name != differing;
        verdict.different = verdict.bitExact ? 0 : 3;
        if (!verdict.bitExact) verdict.firstDifference = 17;
        request.onTensor(verdict);
        result.verdicts.push_back(verdict);
        result.elementsCompared += verdict.elements;
        result.elementsDifferent += verdict.different;
      }
      result.tensors = result.verdicts.size();
      result.bitExact = result.elementsDifferent == 0;
      return result;
    };
    engine.unpack = [](const UnpackRequest&, const JobContext&) -> Result<UnpackResult> {
      UnpackResult result;
      result.tensors = 4;
      result.bytes = 32768;
      result.seconds = 0.1;
      return result;
    };
    engine.closeUp = [](const std::filesystem::path&, const std::filesystem::path&, const std::string&, std::uint64_t,
                        const JobContext&) -> Result<TensorCloseUp> {
      return fail(ErrorCode::Unsupported, "no close-ups in this test");
    };
    engine.tokenizer = [](const std::filesystem::path&, const std::filesystem::path&) -> Result<TokenizerKind> {
      return fail(ErrorCode::NotFound, "no tokenizer in this test");
    };
    chat.loadGate.open = true;
    chat.install(engine);
    benchmark.install(engine);
    demo = {.source = scratch.filePath("demo"), .packed = scratch.filePath("cache/demo/chat-nf4")};
  }
  ~Frame() { window.reset(); }

  MainWindow& open() {
    WindowServices services;
    services.engine = engine;
    services.settings = settings.get();
    services.dialogs = &dialogs;
    services.memory = [] { return MemorySample{1u << 30, 1u << 30, std::uint64_t{20} << 30, std::uint64_t{24} << 30}; };
    services.look = look();
    services.demo = demo;
    services.dataFolder = scratch.filePath("data");
    window = std::make_unique<MainWindow>(services);
    window->show();
    QCoreApplication::processEvents();
    QCoreApplication::processEvents();
    return *window;
  }
  /// A folder that exists, to be "opened": the engine above decides by its name what it is.
  QString model(const QString& name) const {
    const QString path = scratch.filePath(name);
    QDir().mkpath(path);
    return path;
  }
  template <class T = QWidget>
  T* find(const QString& name) const {
    T* found = window->findChild<T*>(name);
    if (!found) qFatal("there is no %s", qPrintable(name));
    return found;
  }
  void trigger(const QString& name) const { find<QAction>(name)->trigger(); }

  static SystemLook look() {
    static const SystemLook first = systemLook();
    return first;
  }

  QTemporaryDir scratch;
  std::unique_ptr<Settings> settings;
  FakeDialogs dialogs;
  Engine engine;
  Gate packGate, verifyGate;
  FakeChat chat;
  FakeBenchmark benchmark;
  std::atomic<int> packs{0};
  std::string differing;
  DemoPlaces demo;
  std::unique_ptr<MainWindow> window;
};

/// For init(): every warning is a failure.
inline void beStrict() {
  QLocale::setDefault(QLocale::c());
  // The offscreen platform says this of every dialog; it means nothing.
  QTest::failOnWarning(QRegularExpression("^(?!This plugin does not support propagateSizeHints)"));
}

}  // namespace deltascope::ui
