// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/model_kind.h"

namespace deltascope::ui {

QString modelKind(const Inspection& model) {
  if (model.files.kind == ModelFiles::Kind::Checkpoint) return "checkpoint";
  for (const TensorStats& tensor : model.tensors) {
    const auto name = nameOf(tensor.base);
    if (tensor.base == BaseKind::Nf4 || tensor.base == BaseKind::Fp4 || tensor.base == BaseKind::Int8)
      return QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())).toUpper() + " + delta";
  }
  return "delta over a base";
}

}  // namespace deltascope::ui
