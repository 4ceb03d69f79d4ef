// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// What is said of a file that was written: where it is, and two buttons to get there.
#include <QDir>
#include <QFileInfo>
#include <QPointer>

#include "ui/frame/dialogs.h"
#include "ui/frame/message.h"

namespace deltascope::ui {

/// "<what> <path>", with Open and Show folder; of a folder, Show folder alone. `raiser` has the signal messageRaised(Message):
/// a desktop that cannot open it is told about there. `dialogs` outlives the message.
template <class Raiser>
[[nodiscard]] Message writtenMessage(const QString& what, const QString& path, Dialogs& dialogs, Raiser* raiser) {
  const auto opener = [&dialogs, raiser = QPointer<Raiser>(raiser)](const QString& target) {
    return [&dialogs, raiser, target] {
      if (dialogs.openOnDesktop(target) || !raiser) return;
      Message message;
      message.severity = Message::Severity::Warning;
      message.text = "The desktop has no program that opens " + QDir::toNativeSeparators(target);
      emit raiser->messageRaised(message);
    };
  };
  const QFileInfo file(path);
  Message message;
  message.severity = Message::Severity::Success;
  message.text = what + ' ' + QDir::toNativeSeparators(path);
  message.stays = true;
  message.otherText = "Show folder";
  message.otherAction = opener(file.isDir() ? file.absoluteFilePath() : file.absolutePath());
  if (file.isDir()) return message;
  message.actionText = "Open";
  message.action = opener(file.absoluteFilePath());
  return message;
}

}  // namespace deltascope::ui
