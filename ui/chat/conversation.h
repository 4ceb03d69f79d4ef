// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Conversations as plain data: what was said, by whom, with what figures; to and from JSON, to Markdown, to the engine.
#include <QByteArray>
#include <QDateTime>
#include <QList>
#include <QString>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/runtime/runtime.h"

namespace deltascope::ui {

/// One answer of one model.
struct Answer {
  /// Waiting: not there yet. Stopped: the user ended it. Failed: `problem` says why; `text` may hold a beginning.
  enum class State { Waiting, Finished, Stopped, Failed };
  State state = State::Waiting;
  QString model;  ///< who answered: "exact (NF4 + delta)"
  QString text;
  QString problem, nextStep;
  StopReason stopReason = StopReason::End;
  std::uint32_t tokens = 0, promptTokens = 0, reusedTokens = 0;
  double tokensPerSecond = 0, firstTokenMs = 0;
  std::uint32_t drafted = 0, accepted = 0, exactPasses = 0;
  std::uint64_t peakMemoryBytes = 0;  ///< accounted, of the model that answered alone
  std::uint64_t processBytes = 0;     ///< what the whole program held when it had answered, other models included
  QString sampling;                   ///< the settings in words
  QString source;                     ///< the model's name: "chat-nf4"
  QString fingerprint;                ///< of the final; equal for the same model
  std::optional<quint64> seed;        ///< of what was drawn; empty: greedy
  QString version;                    ///< of this program
  QDateTime when;                     ///< it was asked
  bool operator==(const Answer&) const = default;
};

/// Where the two answers of an exchange part.
struct Comparison {
  std::uint32_t common = 0;  ///< tokens before the first difference
  bool differs = false;      ///< false: one is the beginning of the other, or they are the same
  qint64 begin = 0;          ///< of the first differing token, in UTF-16 units: the same in both texts
  qint64 length[2] = {0, 0};
  bool operator==(const Comparison&) const = default;
};

/// What the user said, and one answer, or two side by side.
struct Exchange {
  QString user;
  QList<Answer> answers;
  std::optional<Comparison> comparison;
  bool operator==(const Exchange&) const = default;
};

struct Conversation {
  QString id;      ///< file name without suffix
  QString name;    ///< given by the user; empty: the first words said
  QString system;  ///< instructions before the first message; may be empty
  QString draft;   ///< typed, not sent
  QDateTime changed;
  QList<Exchange> exchanges;
  [[nodiscard]] bool isEmpty() const { return exchanges.isEmpty() && draft.trimmed().isEmpty() && name.isEmpty(); }
  bool operator==(const Conversation&) const = default;
};

[[nodiscard]] Conversation newConversation();
/// The name, or the first words of the first message, or "New conversation".
[[nodiscard]] QString titleOf(const Conversation& conversation);

/// What model `side` (0 or 1) is asked at exchange `at`: the system prompt, then all before it as that model saw it, then the
/// user's message. An exchange without an answer is left out, so that the roles alternate.
[[nodiscard]] nlohmann::ordered_json messagesFor(const Conversation& conversation, qsizetype at, qsizetype side);

/// The same without a template: one message, all texts joined as they are, for a model to continue.
[[nodiscard]] nlohmann::ordered_json rawTextFor(const Conversation& conversation, qsizetype at, qsizetype side);

[[nodiscard]] QByteArray toJson(const Conversation& conversation);
/// Untrusted bytes. Corrupt: not a conversation, with what is wrong. Figures that make no sense become zero.
[[nodiscard]] Result<Conversation> conversationFromJson(const QByteArray& bytes);

/// "exact (NF4 + delta) of chat-nf4": who answered.
[[nodiscard]] QString speakerOf(const Answer& answer);
/// What it takes to get the answer again: model, fingerprint, sampling, seed, version, date.
[[nodiscard]] QString provenanceOf(const Answer& answer);
/// The whole as Markdown: names, texts as they are, under each answer its figures and where it comes from.
[[nodiscard]] QString toMarkdown(const Conversation& conversation);

}  // namespace deltascope::ui
