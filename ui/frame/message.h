// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// What the line above the pages says.
#include <QString>
#include <functional>

#include "core/base/result.h"

namespace deltascope::ui {

struct Message {
  enum class Severity { Info, Success, Warning, Error };
  Severity severity = Severity::Info;
  QString text;                  ///< what happened, one line
  QString nextStep;              ///< what to do next; may be empty
  QString details;               ///< shown on demand; may be empty
  QString actionText;            ///< a button's text, with mnemonic; empty: no button
  std::function<void()> action;  ///< called on the UI thread when it is pressed
  QString otherText = {};        ///< a second button, in the same way
  std::function<void()> otherAction = {};
  bool stays = false;  ///< its buttons may be pressed again: pressing one does not take it down
};

/// "<what>: <error's message>", its hint as the next step, its code among the details.
[[nodiscard]] Message errorMessage(const QString& what, const Error& error);
[[nodiscard]] QString severityWord(Message::Severity severity);  ///< "Note", "Done", "Warning", "Error"

}  // namespace deltascope::ui
