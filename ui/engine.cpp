// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/engine.h"

namespace deltascope::ui {
namespace {

/// What realEngine's loadChat hands out, and gets back as a sibling.
struct LoadedChat : ChatModel {
  std::shared_ptr<Model> model;
  std::unique_ptr<Session> session;
};

Result<std::vector<TokenId>> promptOf(const ModelText& text, const ChatTurn& turn) {
  if (turn.raw) return text.encode(turn.messages.back().value("content", std::string()));
  ChatRequest request;
  request.messages = turn.messages;
  return text.encode(request);
}

Result<Generation> answer(const LoadedChat& chat, const ChatTurn& turn, const std::stop_token& stop) {
  GenerateRequest generating;
  DELTASCOPE_ASSIGN(generating.prompt, promptOf(chat.model->text(), turn));
  generating.maxNewTokens = turn.maxNewTokens;
  generating.sampling = turn.sampling;
  if (chat.model->request().draftTokens > 0) generating.draft.source = DraftSource::Auto;
  generating.onToken = turn.onToken;
  generating.onPrompt = turn.onPrompt;
  return chat.session->generate(generating, stop);
}

Result<std::shared_ptr<ChatModel>> loadChat(const LoadRequest& request, const JobContext& job,
                                            const std::shared_ptr<ChatModel>& sibling) {
  auto chat = std::make_shared<LoadedChat>();
  const auto other = std::static_pointer_cast<LoadedChat>(sibling);
  DELTASCOPE_ASSIGN(chat->model, Model::load(request, job, other ? other->model : nullptr));
  DELTASCOPE_ASSIGN(chat->session, Session::create(chat->model));
  chat->plan = chat->model->plan();
  chat->fingerprint = chat->model->fingerprint();
  chat->note = chat->model->companions().note;
  const LoadedChat* const self = chat.get();
  chat->memory = [self] { return self->model->memory(); };
  chat->answer = [self](const ChatTurn& turn, const std::stop_token& stop) { return answer(*self, turn, stop); };
  return chat;
}

Result<TokenizerKind> tokenizerOf(const std::filesystem::path& path, const std::filesystem::path& base) {
  LoadRequest request;
  request.path = path;
  request.base = base;
  DELTASCOPE_ASSIGN(const ModelText text, openModelText(request));
  if (!text.tokenizer) return tl::make_unexpected(text.tokenizer.error());
  return TokenizerKind{text.tokenizer->className(), text.tokenizer->runsFileStages()};
}

}  // namespace

Engine realEngine() {
  Engine engine;
  engine.pack = deltascope::pack;
  engine.estimatePack = deltascope::estimatePack;
  engine.verify = deltascope::verify;
  engine.unpack = deltascope::unpack;
  engine.importScripts = deltascope::importScripts;
  engine.inspect = [](const std::filesystem::path& path, const std::filesystem::path& base) -> Result<Inspection> {
    DELTASCOPE_ASSIGN(Inspection inspection, deltascope::inspect(path, base));
    if (!base.empty() && inspection.files.kind == ModelFiles::Kind::Payload) DELTASCOPE_TRY(checkBase(path, base));
    return inspection;
  };
  engine.closeUp = deltascope::closeUp;
  engine.tokenizer = tokenizerOf;
  engine.planModel = deltascope::planModel;
  engine.loadChat = loadChat;
  engine.devices = kernels::devices;
  engine.benchmark = deltascope::benchmark;
  engine.residentMemory = deltascope::residentMemory;
  return engine;
}

}  // namespace deltascope::ui
