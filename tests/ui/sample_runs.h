// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Small benchmark runs whose figures follow from a number, for tests of the history.
#include <QDir>
#include <QFile>
#include <QString>

#include "core/bench/record.h"

namespace deltascope::ui {

inline BenchmarkRow sampleRow(const std::string& tensor, const std::string& mode, double scale) {
  BenchmarkRow row;
  row.tensor = tensor;
  row.mode = mode;
  row.device = "cpu";
  row.codec = "entropy";
  row.operation = "product";
  row.shape = {256, 256};
  row.layerBytes = 131'072;
  row.storedBytes = 90'000;
  row.residentBytes = 90'000;
  row.residentMs.values = {0.5, 0.4, 0.6};
  row.usedMs.values = {2.0 * scale, 2.1 * scale, 1.9 * scale};
  row.rebuildMs.values = {0.1 * scale};
  row.peakMemoryBytes = static_cast<std::uint64_t>(14.0 * scale * 1024 * 1024);
  row.bitExact = true;
  row.elementsCompared = 65'536;
  row.outputNorm = 3;
  row.outputCount = 256;
  return row;
}

/// Two tensor rows and a generation. `scale` makes it slower and larger.
inline BenchmarkRun sampleRun(int number, double scale = 1) {
  BenchmarkRun run;
  run.name = "run " + std::to_string(number);
  run.created = QStringLiteral("2026-11-%1T%2:%3:00Z")
                    .arg(1 + number / 1440 % 28, 2, 10, QChar(u'0'))
                    .arg(number / 60 % 24, 2, 10, QChar(u'0'))
                    .arg(number % 60, 2, 10, QChar(u'0'))
                    .toStdString();
  run.state = BenchmarkState::Complete;
  run.path = "/models/chat-nf4";
  run.modelFingerprint = "00aa";
  run.machine = {"AMD EPYC 7B13 64-Core Processor", "Linux", 2, std::uint64_t{24} << 30};
  run.device = {"cpu", "AMD EPYC 7B13 64-Core Processor", "avx2", std::uint64_t{24} << 30};
  run.settings = {{"generate", "32"}, {"tensors", "*"}, {"mode", "jit"}, {"threads", "2"}, {"repeat", "10"}, {"batch", "1"}};
  run.budget = 16u << 20;
  run.rows = {sampleRow("model.layers.0.mlp.up_proj.weight", "jit", scale),
              sampleRow("model.layers.0.mlp.down_proj.weight", "jit", scale)};
  BenchmarkRow generation = sampleRow("(generation)", "plan", scale);
  generation.operation = "generation";
  generation.rebuildMs.values.clear();
  generation.usedMs.values = {5};
  generation.generation = GenerationFigures();
  generation.generation->tokensPerSecond.values = {206 / scale, 205 / scale, 207 / scale};
  run.rows.push_back(generation);
  run.memorySource = "test";
  return run;
}

inline void writeBytes(const QString& path, const QByteArray& bytes) {
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size()) qFatal("cannot write %s", qPrintable(path));
}

inline void writeRun(const QString& folder, const QString& file, const BenchmarkRun& run) {
  QDir().mkpath(folder);
  writeBytes(QDir(folder).filePath(file), QByteArray::fromStdString(toJsonText(run)));
}

}  // namespace deltascope::ui
