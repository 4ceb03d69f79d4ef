// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/message.h"

namespace deltascope::ui {
namespace {

QString wordOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return "invalid request";
    case ErrorCode::NotFound:
      return "not found";
    case ErrorCode::Io:
      return "the system refused a read or write";
    case ErrorCode::DiskFull:
      return "disk full";
    case ErrorCode::Corrupt:
      return "the file breaks its format's rules";
    case ErrorCode::Unsupported:
      return "not supported";
    case ErrorCode::Mismatch:
      return "the parts do not belong together";
    case ErrorCode::OutOfMemory:
      return "out of memory";
    case ErrorCode::Cancelled:
      return "cancelled";
    case ErrorCode::Internal:
      return "a fault of this program";
  }
  return {};
}

}  // namespace

Message errorMessage(const QString& what, const Error& error) {
  Message message;
  message.severity = error.code == ErrorCode::Cancelled ? Message::Severity::Info : Message::Severity::Error;
  if (error.code == ErrorCode::Cancelled) {
    message.text = what + ": cancelled";
    return message;
  }
  message.text = what + ": " + QString::fromStdString(error.message);
  message.nextStep = QString::fromStdString(error.hint);
  if (!message.nextStep.isEmpty()) message.nextStep[0] = message.nextStep[0].toUpper();  // a sentence of its own
  message.details = QString("%1\nKind: %2").arg(message.text, wordOf(error.code));
  if (!message.nextStep.isEmpty()) message.details += "\nNext: " + message.nextStep;
  return message;
}

QString severityWord(Message::Severity severity) {
  switch (severity) {
    case Message::Severity::Info:
      return "Note";
    case Message::Severity::Success:
      return "Done";
    case Message::Severity::Warning:
      return "Warning";
    case Message::Severity::Error:
      return "Error";
  }
  return {};
}

}  // namespace deltascope::ui
