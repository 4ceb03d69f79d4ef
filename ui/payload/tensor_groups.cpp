// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/tensor_groups.h"

#include <QStringList>
#include <map>

#include "core/inspect/inspect.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

struct Key {
  int part = 0;  // embedding, layers, norm, head, other
  int layer = 0;
  auto operator<=>(const Key&) const = default;
};

Key keyOf(const TensorRole& role) {
  if (role.layer >= 0) return {1, role.layer};
  if (role.kind.starts_with("embed")) return {0, 0};
  if (role.kind.starts_with("norm")) return {2, 0};
  if (role.kind.starts_with("head")) return {3, 0};
  return {4, 0};
}

QString labelOf(const Key& key) {
  switch (key.part) {
    case 0:
      return QStringLiteral("Embedding");
    case 1:
      return QStringLiteral("Layer %1").arg(key.layer);
    case 2:
      return QStringLiteral("Norm");
    case 3:
      return QStringLiteral("Head");
    default:
      return QStringLiteral("Other");
  }
}

QString common(const std::map<QString, int>& counts) {
  return counts.size() == 1 ? counts.begin()->first : QStringLiteral("mixed");
}

}  // namespace

std::vector<TensorGroup> groupByLayer(const std::vector<TensorStats>& tensors) {
  std::map<Key, TensorGroup> groups;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    groups[keyOf(tensorRole(tensors[i].name))].tensors.push_back(static_cast<int>(i));
  std::vector<TensorGroup> ordered;
  for (auto& [key, group] : groups) {
    group.label = labelOf(key);
    const TensorStats& first = tensors[static_cast<std::size_t>(group.tensors.front())];
    group.sum.dtype = first.dtype;
    group.sum.codec = first.codec;
    std::map<QString, int> dtypes, codecs;
    for (const int i : group.tensors) {
      const TensorStats& t = tensors[static_cast<std::size_t>(i)];
      group.sum.elements += t.elements;
      group.sum.finalBytes += t.finalBytes;
      group.sum.baseBytes += t.baseBytes;
      group.sum.storedBytes += t.storedBytes;
      group.sum.zeroDeltas += t.zeroDeltas;
      group.sum.patches += t.patches;
      ++dtypes[words(nameOf(t.dtype))];
      ++codecs[words(nameOf(t.codec))];
    }
    group.dtypes = common(dtypes);
    group.codecs = common(codecs);
    QStringList counts;
    for (const auto& [codec, n] : codecs) counts << QStringLiteral("%1 %2").arg(codec).arg(n);
    group.codecCounts = counts.join(QStringLiteral(", "));
    ordered.push_back(std::move(group));
  }
  return ordered;
}

QString shortName(const std::string& name) {
  QString text = QString::fromStdString(name);
  if (const int layer = tensorRole(name).layer; layer >= 0) {
    const QString number = QStringLiteral(".%1.").arg(layer);
    if (const auto found = text.indexOf(number); found >= 0) text.remove(0, found + number.size());
    // Of an expert its number counts, not the block that it is in.
    if (const auto experts = text.indexOf(QStringLiteral(".experts.")); experts >= 0) text.remove(0, experts + 1);
  }
  const QString weight = QStringLiteral(".weight");
  if (text.size() > weight.size() && text.endsWith(weight)) text.chop(weight.size());
  return text;
}

}  // namespace deltascope::ui
