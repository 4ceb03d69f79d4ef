// SPDX-License-Identifier: GPL-3.0-or-later
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <cmath>

#include "ui/chat/conversation.h"

namespace deltascope::ui {
namespace {

constexpr int kFormat = 1;
constexpr const char* kStates[] = {"waiting", "finished", "stopped", "failed"};
constexpr const char* kReasons[] = {"end", "length", "context", "cancelled"};

template <class T, std::size_t N>
T fromWord(const char* const (&words)[N], const QString& word, T fallback) {
  for (std::size_t i = 0; i < N; ++i)
    if (word == words[i]) return static_cast<T>(i);
  return fallback;
}

/// A whole number from 0 to 2^53, what JSON numbers hold; anything else is 0.
std::uint64_t count(const QJsonValue& value) {
  const double number = value.toDouble();
  return number >= 0 && number <= 9007199254740992.0 && std::floor(number) == number ? static_cast<std::uint64_t>(number) : 0;
}
std::uint32_t count32(const QJsonValue& value) {
  const std::uint64_t number = count(value);
  return number <= UINT32_MAX ? static_cast<std::uint32_t>(number) : 0;
}
double figure(const QJsonValue& value) {
  const double number = value.toDouble();
  return std::isfinite(number) && number >= 0 ? number : 0;
}

QJsonObject toObject(const Answer& answer) {
  QJsonObject object{{"model", answer.model},
                     {"state", kStates[static_cast<int>(answer.state)]},
                     {"text", answer.text},
                     {"stop_reason", kReasons[static_cast<int>(answer.stopReason)]},
                     {"tokens", static_cast<qint64>(answer.tokens)},
                     {"prompt_tokens", static_cast<qint64>(answer.promptTokens)},
                     {"reused_tokens", static_cast<qint64>(answer.reusedTokens)},
                     {"tokens_per_second", answer.tokensPerSecond},
                     {"first_token_ms", answer.firstTokenMs},
                     {"drafted", static_cast<qint64>(answer.drafted)},
                     {"accepted", static_cast<qint64>(answer.accepted)},
                     {"exact_passes", static_cast<qint64>(answer.exactPasses)},
                     {"peak_memory_bytes", static_cast<qint64>(answer.peakMemoryBytes)},
                     {"process_bytes", static_cast<qint64>(answer.processBytes)},
                     {"sampling", answer.sampling},
                     {"source", answer.source},
                     {"fingerprint", answer.fingerprint},
                     {"version", answer.version},
                     {"when", answer.when.toString(Qt::ISODate)}};
  if (answer.seed) object["seed"] = QString::number(*answer.seed);  // more digits than a JSON number holds
  if (!answer.problem.isEmpty()) object["problem"] = answer.problem;
  if (!answer.nextStep.isEmpty()) object["next_step"] = answer.nextStep;
  return object;
}

Answer answerFrom(const QJsonObject& object) {
  Answer answer;
  answer.model = object["model"].toString();
  answer.state = fromWord(kStates, object["state"].toString(), Answer::State::Finished);
  answer.text = object["text"].toString();
  answer.problem = object["problem"].toString();
  answer.nextStep = object["next_step"].toString();
  answer.stopReason = fromWord(kReasons, object["stop_reason"].toString(), StopReason::End);
  answer.tokens = count32(object["tokens"]);
  answer.promptTokens = count32(object["prompt_tokens"]);
  answer.reusedTokens = count32(object["reused_tokens"]);
  answer.tokensPerSecond = figure(object["tokens_per_second"]);
  answer.firstTokenMs = figure(object["first_token_ms"]);
  answer.drafted = count32(object["drafted"]);
  answer.accepted = count32(object["accepted"]);
  answer.exactPasses = count32(object["exact_passes"]);
  answer.peakMemoryBytes = count(object["peak_memory_bytes"]);
  answer.processBytes = count(object["process_bytes"]);
  answer.sampling = object["sampling"].toString();
  answer.source = object["source"].toString();
  answer.fingerprint = object["fingerprint"].toString();
  answer.version = object["version"].toString();
  answer.when = QDateTime::fromString(object["when"].toString(), Qt::ISODate);
  bool whole = false;
  if (const quint64 seed = object["seed"].toString().toULongLong(&whole); whole) answer.seed = seed;
  // Only a program that ended in the middle of it leaves an answer waiting.
  if (answer.state == Answer::State::Waiting) answer.state = Answer::State::Stopped;
  return answer;
}

QJsonObject toObject(const Comparison& comparison) {
  return {{"common", static_cast<qint64>(comparison.common)},
          {"differs", comparison.differs},
          {"begin", comparison.begin},
          {"lengths", QJsonArray{comparison.length[0], comparison.length[1]}}};
}

Comparison comparisonFrom(const QJsonObject& object) {
  Comparison comparison;
  comparison.common = count32(object["common"]);
  comparison.differs = object["differs"].toBool();
  comparison.begin = count32(object["begin"]);
  const QJsonArray lengths = object["lengths"].toArray();
  for (int side = 0; side < 2; ++side) comparison.length[side] = count32(lengths.at(side));
  return comparison;
}

}  // namespace

QByteArray toJson(const Conversation& conversation) {
  QJsonArray exchanges;
  for (const Exchange& exchange : conversation.exchanges) {
    QJsonArray answers;
    for (const Answer& answer : exchange.answers) answers.append(toObject(answer));
    QJsonObject object{{"user", exchange.user}, {"answers", answers}};
    if (exchange.comparison) object["comparison"] = toObject(*exchange.comparison);
    exchanges.append(object);
  }
  const QJsonObject object{{"format", kFormat},           {"id", conversation.id},
                           {"name", conversation.name},   {"system", conversation.system},
                           {"draft", conversation.draft}, {"changed", conversation.changed.toString(Qt::ISODateWithMs)},
                           {"exchanges", exchanges}};
  return QJsonDocument(object).toJson(QJsonDocument::Indented);
}

Result<Conversation> conversationFromJson(const QByteArray& bytes) {
  QJsonParseError parsing;
  const QJsonDocument document = QJsonDocument::fromJson(bytes, &parsing);
  if (parsing.error != QJsonParseError::NoError)
    return fail(ErrorCode::Corrupt,
                "not JSON at byte " + std::to_string(parsing.offset) + ": " + parsing.errorString().toStdString());
  const QJsonObject object = document.object();
  if (!object["exchanges"].isArray() || !object["id"].isString()) return fail(ErrorCode::Corrupt, "not a conversation");
  if (object["format"].toInt() != kFormat)
    return fail(ErrorCode::Unsupported, "a conversation of format " + std::to_string(object["format"].toInt()) +
                                            ", this version reads " + std::to_string(kFormat));
  Conversation conversation;
  conversation.id = object["id"].toString();
  conversation.name = object["name"].toString();
  conversation.system = object["system"].toString();
  conversation.draft = object["draft"].toString();
  conversation.changed = QDateTime::fromString(object["changed"].toString(), Qt::ISODateWithMs);
  for (const QJsonValue& value : object["exchanges"].toArray()) {
    if (!value.isObject()) return fail(ErrorCode::Corrupt, "an exchange is no object");
    Exchange exchange;
    exchange.user = value["user"].toString();
    const QJsonArray answers = value["answers"].toArray();
    for (qsizetype i = 0; i < answers.size() && i < 2; ++i) exchange.answers.append(answerFrom(answers[i].toObject()));
    if (value["comparison"].isObject() && exchange.answers.size() == 2)
      exchange.comparison = comparisonFrom(value["comparison"].toObject());
    conversation.exchanges.append(exchange);
  }
  return conversation;
}

}  // namespace deltascope::ui
