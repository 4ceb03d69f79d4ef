// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/chat_models.h"

#include <algorithm>

#include "ui/chat/run_settings.h"

namespace deltascope::ui {

ChatModels::ChatModels(const PageServices& services, QObject* parent) : QObject(parent), m_services(services) {}

void ChatModels::need(const LoadRequest& request, const QString& title, Done done) {
  if (m_load && sameRequest(m_load->request, request)) {
    m_load->done.push_back(std::move(done));
    return;
  }
  cancel();
  const auto found = std::ranges::find_if(m_held, [&](const Held& held) { return sameRequest(held.request, request); });
  if (found != m_held.end()) {
    std::rotate(found, found + 1, m_held.end());
    Result<ChatModelPtr> model = m_held.back().model;
    done(model);
    return;
  }
  m_load = std::make_shared<Load>();
  m_load->request = request;
  m_load->done.push_back(std::move(done));
  m_job = m_services.jobs->start(
      JobSpec{.title = title, .kind = "load", .lane = JobLane::Work, .result = {}},
      [load = m_services.engine->loadChat, request, sibling = any()](const JobContext& job) {
        return load(request, job, sibling);
      },
      this, [this, load = m_load](Result<ChatModelPtr>& model) { loaded(load, model); });
}

void ChatModels::loaded(const std::shared_ptr<Load>& load, Result<ChatModelPtr>& model) {
  if (m_load == load) {
    m_load.reset();
    m_job = 0;
  }
  if (model && load->dropped) {
    release({{load->request, std::move(*model)}});
    model = fail(ErrorCode::Cancelled, "cancelled");
  } else if (model) {
    m_held.push_back({load->request, *model});
    emit changed();
    if (!(*model)->note.empty()) emit noted(QString::fromStdString((*model)->note));
  }
  for (const Done& done : std::exchange(load->done, {})) {
    Result<ChatModelPtr> copy = model;
    done(copy);
  }
}

void ChatModels::cancel() {
  if (!m_load) return;
  m_load->dropped = true;
  m_load.reset();
  m_services.jobs->cancel(std::exchange(m_job, 0));
}

void ChatModels::keepOnly(const std::vector<LoadRequest>& wanted) {
  const auto gone = std::ranges::stable_partition(m_held, [&](const Held& held) {
    return std::ranges::any_of(wanted, [&](const LoadRequest& request) { return sameRequest(request, held.request); });
  });
  if (gone.empty()) return;
  std::vector<Held> released(std::make_move_iterator(gone.begin()), std::make_move_iterator(gone.end()));
  m_held.erase(gone.begin(), gone.end());
  release(std::move(released));
  emit changed();
}

void ChatModels::clear() {
  cancel();
  keepOnly({});
}

/// Giving gigabytes back to the system takes a while: not on the window's thread.
void ChatModels::release(std::vector<Held> gone) {
  m_services.jobs->start(
      JobSpec{.title = "Unload", .kind = "unload", .lane = JobLane::Background, .result = {}},
      [gone = std::move(gone)](const JobContext&) mutable -> Result<void> {
        gone.clear();
        return {};
      },
      this, [](const Result<void>&) {});
}

ChatModelPtr ChatModels::find(const LoadRequest& request) const {
  for (const Held& held : m_held)
    if (sameRequest(held.request, request)) return held.model;
  return nullptr;
}

ChatModelPtr ChatModels::any() const { return m_held.empty() ? nullptr : m_held.back().model; }

}  // namespace deltascope::ui
