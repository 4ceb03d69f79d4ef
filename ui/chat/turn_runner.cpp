// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/turn_runner.h"

#include <QTimer>
#include <algorithm>
#include <mutex>

namespace deltascope::ui {

/// Tokens on their way from the generating thread to the window, which fetches them on a timer.
struct TurnRunner::Feed {
  std::mutex mutex;
  std::string text;
  std::vector<SpokenToken> tokens;
  double firstSeconds = 0, lastSeconds = 0;
  std::uint32_t promptDone = 0, promptTotal = 0;
};

TurnRunner::TurnRunner(const PageServices& services, ChatModels& models, QObject* parent)
    : QObject(parent), m_services(services), m_models(models) {
  m_timer = new QTimer(this);
  m_timer->setInterval(kDrainMs);
  connect(m_timer, &QTimer::timeout, this, &TurnRunner::drain);
}

TurnRunner::~TurnRunner() = default;

void TurnRunner::run(TurnRequest request) {
  if (running() || request.sides.empty()) return;
  m_request = std::move(request);
  m_side = 0;
  m_stopping = false;
  m_spoken.clear();
  m_reasons.clear();
  startSide();
}

Answer TurnRunner::blankAnswer() const {
  Answer answer;
  answer.model = m_request->sides[m_side].label;
  answer.source = m_request->sides[m_side].source;
  answer.fingerprint = m_fingerprint;
  answer.sampling = m_request->samplingText;
  if (m_request->sampling.temperature > 0) answer.seed = m_request->sampling.seed;
  answer.version = DELTASCOPE_VERSION;
  answer.when = m_asked;
  return answer;
}

void TurnRunner::startSide() {
  m_live = {};
  m_fingerprint.clear();
  m_asked = QDateTime::currentDateTime();
  m_asked = m_asked.addMSecs(-m_asked.time().msec());  // as it is written
  m_said.clear();
  m_feed.reset();
  m_spoken.emplace_back();
  m_live.phase = LiveState::Phase::Loading;
  const TurnSide& side = m_request->sides[m_side];
  m_models.need(side.request, "Load " + side.label, [this](Result<ChatModelPtr>& model) { loaded(model); });
  if (!running() || m_live.phase != LiveState::Phase::Loading) return;
  m_live.job = m_models.loading();
  emit progressed(static_cast<int>(m_side), m_live);
  m_timer->start();
}

void TurnRunner::loaded(Result<ChatModelPtr>& model) {
  if (!running()) return;
  if (!model || m_stopping) {
    Answer answer = blankAnswer();
    const bool cancelled = model || model.error().code == ErrorCode::Cancelled;
    answer.state = cancelled ? Answer::State::Stopped : Answer::State::Failed;
    answer.stopReason = StopReason::Cancelled;
    if (cancelled) {
      m_stopping = true;
    } else {
      answer.problem = "Loading " + answer.model + ": " + QString::fromStdString(model.error().message);
      answer.nextStep = QString::fromStdString(model.error().hint);
    }
    endSide(answer);
    return;
  }
  std::vector<LoadRequest> wanted;
  for (const TurnSide& side : m_request->sides) wanted.push_back(side.request);
  m_models.keepOnly(wanted);

  m_fingerprint = QString::fromStdString((*model)->fingerprint);
  m_feed = std::make_shared<Feed>();
  ChatTurn turn;
  turn.messages = m_request->sides[m_side].messages;
  turn.sampling = m_request->sampling;
  turn.maxNewTokens = m_request->maxNewTokens;
  turn.raw = m_request->raw;
  turn.onToken = [feed = m_feed](const TokenEvent& event) {
    const qint64 length = QString::fromStdString(event.text).size();
    std::lock_guard lock(feed->mutex);
    feed->text += event.text;
    if (feed->tokens.empty()) feed->firstSeconds = event.seconds;
    feed->lastSeconds = event.seconds;
    feed->tokens.push_back({event.id, length});
  };
  turn.onPrompt = [feed = m_feed](std::uint32_t done, std::uint32_t total) {
    std::lock_guard lock(feed->mutex);
    feed->promptDone = done;
    feed->promptTotal = total;
  };
  m_live.phase = LiveState::Phase::Prompt;
  m_live.job = 0;
  m_job = m_services.jobs->start(
      JobSpec{.title = "Answer of " + m_request->sides[m_side].label, .kind = "chat", .lane = JobLane::Chat, .result = {}},
      [model = *model, turn = std::move(turn)](const JobContext& job) { return model->answer(turn, job.stop); }, this,
      [this](Result<Generation>& generation) { generated(generation); });
  emit progressed(static_cast<int>(m_side), m_live);
  m_timer->start();
}

void TurnRunner::drain() {
  if (!running()) return;
  if (m_feed) {
    std::string text;
    {
      std::lock_guard lock(m_feed->mutex);
      text.swap(m_feed->text);
      const std::size_t tokens = m_feed->tokens.size();
      const double seconds = m_feed->lastSeconds - m_feed->firstSeconds;
      m_live.tokens = static_cast<std::uint32_t>(tokens);
      m_live.tokensPerSecond = tokens > 1 && seconds > 0 ? double(tokens - 1) / seconds : 0;
      m_live.promptDone = m_feed->promptDone;
      m_live.promptTotal = m_feed->promptTotal;
    }
    if (m_live.tokens > 0 && m_live.phase == LiveState::Phase::Prompt) m_live.phase = LiveState::Phase::Answering;
    if (!text.empty()) {
      const QString arrived = QString::fromStdString(text);
      m_said += arrived;
      emit textArrived(static_cast<int>(m_side), arrived);
    }
  }
  emit progressed(static_cast<int>(m_side), m_live);
}

void TurnRunner::generated(Result<Generation>& generation) {
  if (!running()) return;
  drain();
  m_job = 0;
  m_spoken.back() = std::move(m_feed->tokens);
  Answer answer = blankAnswer();
  answer.text = m_said;
  if (!generation) {
    const bool cancelled = generation.error().code == ErrorCode::Cancelled;
    answer.state = cancelled ? Answer::State::Stopped : Answer::State::Failed;
    answer.stopReason = StopReason::Cancelled;
    answer.tokens = static_cast<std::uint32_t>(m_spoken.back().size());
    if (!cancelled) {
      answer.problem = QString::fromStdString(generation.error().message);
      answer.nextStep = QString::fromStdString(generation.error().hint);
    }
    endSide(answer);
    return;
  }
  if (!generation->text.empty()) answer.text = QString::fromStdString(generation->text);
  const bool cancelled = generation->stopReason == StopReason::Cancelled;
  answer.state = cancelled ? Answer::State::Stopped : Answer::State::Finished;
  answer.stopReason = generation->stopReason;
  answer.tokens = static_cast<std::uint32_t>(generation->ids.size());
  answer.promptTokens = static_cast<std::uint32_t>(generation->promptIds.size());
  answer.reusedTokens = generation->reusedTokens;
  answer.tokensPerSecond = generation->tokensPerSecond;
  answer.firstTokenMs = generation->timeToFirstTokenMs;
  answer.drafted = generation->drafted;
  answer.accepted = generation->accepted;
  answer.exactPasses = generation->exactPasses;
  answer.peakMemoryBytes = generation->sidePeakBytes;
  answer.processBytes = m_services.engine->residentMemory().current;
  // The ids are the engine's word, with the end token; lengths are known of those that streamed.
  auto& spoken = m_spoken.back();
  spoken.resize(generation->ids.size());
  for (std::size_t i = 0; i < spoken.size(); ++i) spoken[i].id = generation->ids[i];
  if (cancelled) m_stopping = true;
  endSide(answer);
}

void TurnRunner::endSide(const Answer& answer) {
  m_timer->stop();
  if (answer.state == Answer::State::Failed) m_spoken.back().clear();
  m_reasons.push_back(answer.stopReason);
  emit answered(static_cast<int>(m_side), answer);
  if (!running()) return;
  if (++m_side < m_request->sides.size()) {
    if (!m_stopping) return startSide();  // one that failed says nothing about the other
    Answer never = blankAnswer();
    never.state = Answer::State::Stopped;
    never.stopReason = StopReason::Cancelled;
    emit answered(static_cast<int>(m_side), never);
  } else if (m_spoken.size() == 2 && !m_spoken[0].empty() && !m_spoken[1].empty()) {
    const bool bothEnded = std::ranges::all_of(m_reasons, [](StopReason reason) { return reason == StopReason::End; });
    emit compared(compareAnswers(m_spoken[0], m_spoken[1], bothEnded));
  }
  endTurn();
}

void TurnRunner::endTurn() {
  m_request.reset();
  m_feed.reset();
  emit finished();
}

void TurnRunner::stop() {
  if (!running() || m_stopping) return;
  m_stopping = true;
  m_live.phase = LiveState::Phase::Stopping;
  emit progressed(static_cast<int>(m_side), m_live);
  m_services.jobs->cancel(m_job);
  m_models.cancel();
}

}  // namespace deltascope::ui
