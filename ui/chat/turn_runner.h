// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Asks one model, or two in turn: loads what is not in memory, streams what comes, compares at the end.
#include <QDateTime>
#include <QObject>
#include <QString>
#include <optional>
#include <vector>

#include "ui/chat/answer_words.h"
#include "ui/chat/chat_models.h"
#include "ui/chat/conversation.h"

class QTimer;

namespace deltascope::ui {

/// One of the models asked.
struct TurnSide {
  LoadRequest request;
  QString label, source;  ///< "base only" of "chat-nf4"
  nlohmann::ordered_json messages;
};

struct TurnRequest {
  std::vector<TurnSide> sides;  ///< one or two
  Sampling sampling;
  QString samplingText;
  std::uint32_t maxNewTokens = 512;
  bool raw = false;  ///< see ChatTurn
};

/// What is known while an answer comes.
struct LiveState {
  enum class Phase { Waiting, Loading, Prompt, Answering, Stopping } phase = Phase::Waiting;
  JobId job = 0;  ///< Loading: of the Work lane
  std::uint32_t promptDone = 0, promptTotal = 0;
  std::uint32_t tokens = 0;
  double tokensPerSecond = 0;  ///< 0 before the second token
};

/// Window's thread only; one turn at a time.
class TurnRunner : public QObject {
  Q_OBJECT
 public:
  static constexpr int kDrainMs = 40;
  TurnRunner(const PageServices& services, ChatModels& models, QObject* parent = nullptr);
  ~TurnRunner() override;

  void run(TurnRequest request);
  void stop();  ///< within 200 ms the answer ends as stopped, with what was said until then
  [[nodiscard]] bool running() const { return m_request.has_value(); }

 signals:
  void textArrived(int side, const QString& text);
  void progressed(int side, const deltascope::ui::LiveState& state);
  void answered(int side, const deltascope::ui::Answer& answer);  ///< finished, stopped or failed
  void compared(const deltascope::ui::Comparison& comparison);    ///< after two answers with tokens in both
  void finished();

 private:
  struct Feed;
  void startSide();
  void loaded(Result<ChatModelPtr>& model);
  void drain();
  void generated(Result<Generation>& generation);
  void endSide(const Answer& answer);
  void endTurn();
  [[nodiscard]] Answer blankAnswer() const;

  const PageServices m_services;
  ChatModels& m_models;
  std::optional<TurnRequest> m_request;
  std::size_t m_side = 0;
  bool m_stopping = false;
  JobId m_job = 0;
  LiveState m_live;
  std::shared_ptr<Feed> m_feed;
  QString m_fingerprint;  ///< of the model that answers now
  QDateTime m_asked;
  QString m_said;                                  ///< of this side
  std::vector<std::vector<SpokenToken>> m_spoken;  ///< of each side
  std::vector<StopReason> m_reasons;
  QTimer* m_timer;
};

}  // namespace deltascope::ui
