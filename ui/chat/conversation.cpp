// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/conversation.h"

#include <QUuid>
#include <algorithm>

#include "ui/chat/answer_words.h"

namespace deltascope::ui {
namespace {

constexpr qsizetype kTitleLength = 48;

}  // namespace

Conversation newConversation() {
  Conversation conversation;
  conversation.id = QUuid::createUuid().toString(QUuid::WithoutBraces);
  conversation.changed = QDateTime::currentDateTimeUtc();
  return conversation;
}

QString titleOf(const Conversation& conversation) {
  if (!conversation.name.isEmpty()) return conversation.name;
  if (conversation.exchanges.isEmpty()) return "New conversation";
  const QString words = conversation.exchanges.first().user.left(4 * kTitleLength).simplified();
  return words.size() <= kTitleLength ? words : words.left(kTitleLength).trimmed() + "…";
}

nlohmann::ordered_json messagesFor(const Conversation& conversation, qsizetype at, qsizetype side) {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  const auto add = [&messages](const char* role, const QString& text) {
    messages.push_back({{"role", role}, {"content", text.toStdString()}});
  };
  if (!conversation.system.trimmed().isEmpty()) add("system", conversation.system);
  for (qsizetype i = 0; i < at; ++i) {
    const Exchange& exchange = conversation.exchanges[i];
    if (exchange.answers.isEmpty()) continue;
    const Answer& answer = exchange.answers[std::min(side, exchange.answers.size() - 1)];
    if (answer.text.isEmpty()) continue;
    add("user", exchange.user);
    add("assistant", answer.text);
  }
  add("user", conversation.exchanges[at].user);
  return messages;
}

nlohmann::ordered_json rawTextFor(const Conversation& conversation, qsizetype at, qsizetype side) {
  std::string text;
  for (const auto& message : messagesFor(conversation, at, side))
    if (message["role"] != "system") text += message["content"].get<std::string>();
  return nlohmann::ordered_json::array({{{"role", "user"}, {"content", text}}});
}

QString speakerOf(const Answer& answer) {
  return answer.source.isEmpty() ? answer.model : answer.model + " of " + answer.source;
}

QString provenanceOf(const Answer& answer) {
  QStringList parts;
  if (!answer.source.isEmpty()) parts << "model " + answer.source;
  if (!answer.fingerprint.isEmpty()) parts << "fingerprint " + answer.fingerprint;
  if (!answer.sampling.isEmpty()) parts << answer.sampling;
  if (answer.seed && !answer.sampling.contains("seed")) parts << QString("seed %1").arg(*answer.seed);
  if (!answer.version.isEmpty()) parts << "deltascope " + answer.version;
  if (answer.when.isValid()) parts << answer.when.toString(Qt::ISODate);
  return parts.join(", ");
}

QString toMarkdown(const Conversation& conversation) {
  QString out = "# " + titleOf(conversation) + "\n";
  if (!conversation.system.trimmed().isEmpty()) out += "\n**Instructions**\n\n" + conversation.system.trimmed() + "\n";
  for (const Exchange& exchange : conversation.exchanges) {
    out += "\n**You**\n\n" + exchange.user + "\n";
    for (const Answer& answer : exchange.answers) {
      out += "\n**" + speakerOf(answer) + "**\n";
      if (!answer.text.isEmpty()) out += "\n" + answer.text + "\n";
      if (!answer.problem.isEmpty()) out += "\n*" + answer.problem + "*\n";
      if (const QString figures = figuresText(answer); !figures.isEmpty()) out += "\n*" + figures + "*\n";
      if (const QString source = provenanceOf(answer); !source.isEmpty()) out += "\n*" + source + "*\n";
    }
    if (exchange.comparison) out += "\n*" + comparisonText(*exchange.comparison) + "*\n";
  }
  return out;
}

}  // namespace deltascope::ui
