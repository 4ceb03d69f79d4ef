// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/model_verdict.h"

#include <algorithm>

#include "core/base/units.h"

namespace deltascope::ui {
namespace {

QString count(std::uint64_t n) { return QString::fromStdString(formatCount(n)); }

}  // namespace

ModelVerdict notVerified() { return {ModelVerdict::Kind::NotVerified, "– not verified"}; }

ModelVerdict verifying(std::size_t done, std::size_t total, std::size_t different) {
  QString text = QString("… verifying %1 of %2").arg(count(done), count(total));
  if (different > 0) text += QString(", %1 differ").arg(count(different));
  return {ModelVerdict::Kind::Verifying, text};
}

ModelVerdict verdictOf(const VerifyResult& result) {
  if (result.bitExact) return {ModelVerdict::Kind::Exact, QString("✓ bit-exact: %1 of %1 tensors").arg(count(result.tensors))};
  const auto different =
      static_cast<std::uint64_t>(std::ranges::count_if(result.verdicts, [](const Verdict& v) { return !v.bitExact; }));
  return {ModelVerdict::Kind::Different, QString("✕ %1 of %2 tensors differ").arg(count(different), count(result.tensors))};
}

}  // namespace deltascope::ui
