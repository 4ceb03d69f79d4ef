// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/memory.h"

#include <QByteArray>
#include <QFile>

#include "core/base/units.h"

namespace deltascope::ui {
namespace {

std::uint64_t kibOf(const QByteArray& text, const QByteArray& key) {
  const auto at = text.indexOf(key);
  if (at < 0) return 0;
  const QByteArray rest = text.mid(at + key.size(), 40).trimmed();
  return rest.left(rest.indexOf(' ')).toULongLong() * 1024;
}

}  // namespace

void parseMeminfo(const QByteArray& text, MemorySample& into) {
  into.total = kibOf(text, "MemTotal:");
  into.available = kibOf(text, "MemAvailable:");
}

MemorySample readMemory() {
  MemorySample sample;
  const ResidentMemory resident = residentMemory();
  sample.own = resident.current;
  sample.peak = resident.peak;
  QFile file("/proc/meminfo");
  if (file.open(QIODevice::ReadOnly)) parseMeminfo(file.readAll(), sample);
  return sample;
}

QString gib(std::uint64_t bytes) { return QString::number(double(bytes) / double(1u << 30), 'f', 2); }

QString memoryText(const MemorySample& sample) {
  if (sample.total == 0) return QString("memory %1 GiB").arg(gib(sample.own));
  return QString("memory %1 of %2 GiB").arg(gib(sample.own), gib(sample.total));
}

QString memoryToolTip(const MemorySample& sample) {
  QString text = QString("This program: %1 GiB resident, at most %2 GiB (VmRSS and VmHWM of /proc/self/status)")
                     .arg(gib(sample.own), gib(sample.peak));
  if (sample.total == 0) return text;
  const std::uint64_t used = sample.total - std::min(sample.available, sample.total);
  text += QString("\nOther programs: %1 GiB").arg(gib(used - std::min(sample.own, used)));
  return text + QString("\nAvailable: %1 of %2 GiB (MemAvailable and MemTotal of /proc/meminfo)")
                    .arg(gib(sample.available), gib(sample.total));
}

}  // namespace deltascope::ui
