// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/model_verdict.h"

#include <algorithm>
#include <set>

#include "core/base/units.h"
#include "core/bench/run_words.h"

namespace deltascope::ui {
namespace {

QString count(std::uint64_t n) { return QString::fromStdString(formatCount(n)); }

}  // namespace

ModelVerdict notVerified() { return {ModelVerdict::Kind::NotVerified, "– not verified"}; }

ModelVerdict checkedBy(const BenchmarkRun& run, std::size_t total) {
  std::set<std::string_view> checked, wrong;
  for (const BenchmarkRow& row : run.rows) {
    if (row.generation) continue;
    checked.insert(row.tensor);
    if (!row.bitExact) wrong.insert(row.tensor);
  }
  if (!wrong.empty())
    return {ModelVerdict::Kind::Different,
            QString("✕ %1 of %2 checked by this run %3")
                .arg(count(wrong.size()), QString::fromStdString(counted(checked.size(), "tensor")),
                     wrong.size() == 1 ? "differs" : "differ")};
  if (!checked.empty())
    return {ModelVerdict::Kind::NotVerified, QString("– %1 of %2 checked by this run, bit-exact")
                                                 .arg(count(checked.size()), QString::fromStdString(counted(total, "tensor")))};
  return run.rows.empty() ? notVerified()
                          : ModelVerdict{ModelVerdict::Kind::NotVerified, "– not verified: this run compared logits"};
}

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
