// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// What the pack form holds, as plain data: checked, turned into a request and a command line, remembered.
#include <QList>
#include <QString>
#include <QStringList>

#include "core/pack/pack.h"

namespace deltascope::ui {

enum class PackMode { Quantize, OverBase, Adapters };

struct PackForm {
  PackMode mode = PackMode::Quantize;
  QString final;         ///< checkpoint; Adapters: a merged final to compare with, may be empty
  QString base;          ///< OverBase, Adapters
  QStringList adapters;  ///< in the order in which they are applied
  QuantFormat quantize = QuantFormat::Nf4;
  unsigned blocksize = 64;
  bool doubleQuant = false;
  PackScope scope = PackScope::Linear;
  std::optional<CodecId> codec;  ///< empty: auto
  Prefer prefer = Prefer::Size;
  unsigned chunks = 64;
  int zstdLevel = 3;
  unsigned threads = 0;  ///< 0: all
  QString out;
  bool overwrite = false;
  bool verify = true;  ///< rebuild and compare everything before it is done
  bool operator==(const PackForm&) const = default;
};

enum class PackField { Final, Base, Adapters, Out };
struct FormProblem {
  PackField field;
  QString text;
  bool missing = false;  ///< only not filled in yet: not shown as a fault
};
/// What keeps the form from being packed. Looks at the file system.
[[nodiscard]] QList<FormProblem> problemsOf(const PackForm& form);
/// Whether an estimate can run: the inputs are there; the output does not matter.
[[nodiscard]] bool canEstimate(const PackForm& form);

[[nodiscard]] PackRequest requestOf(const PackForm& form);
/// The same for a POSIX shell, options at their defaults left out; `between` stands before every option.
[[nodiscard]] QString commandLineOf(const PackForm& form, const QString& between = " ");
/// "Pack chat → nf4", "Pack chat over base", "Pack lora-pirate over chat".
[[nodiscard]] QString titleOf(const PackForm& form);
/// Beside the final (or the last adapter), in a name that says what it is. Empty while there is nothing to name it after.
[[nodiscard]] QString suggestedOutput(const PackForm& form);

[[nodiscard]] QString toJson(const PackForm& form);
/// Unknown and malformed parts keep their defaults.
[[nodiscard]] PackForm packFormFromJson(const QString& text);

}  // namespace deltascope::ui
