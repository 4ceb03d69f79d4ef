// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The models in memory: at most the two that are asked. A new variant shares the base of one that is there.
#include <QObject>
#include <QString>
#include <functional>
#include <memory>
#include <vector>

#include "ui/frame/page.h"
#include "ui/jobs/job_runner.h"

namespace deltascope::ui {

using ChatModelPtr = std::shared_ptr<ChatModel>;

/// Window's thread only. Loading is a job of the Work lane, one at a time.
class ChatModels : public QObject {
  Q_OBJECT
 public:
  using Done = std::function<void(Result<ChatModelPtr>&)>;
  ChatModels(const PageServices& services, QObject* parent = nullptr);

  /// Hands over the model of `request`: at once when it is in memory, else after a job named `title`, which several calls may
  /// wait for. A call for another model cancels the loading of the one before.
  void need(const LoadRequest& request, const QString& title, Done done);
  void cancel();                                          ///< of loading; `done` gets ErrorCode::Cancelled
  void keepOnly(const std::vector<LoadRequest>& wanted);  ///< lets go of all others
  void clear();                                           ///< lets go of all, and cancels

  [[nodiscard]] JobId loading() const { return m_job; }  ///< 0: nothing is being loaded
  [[nodiscard]] ChatModelPtr find(const LoadRequest& request) const;
  [[nodiscard]] ChatModelPtr any() const;  ///< the one loaded or asked last; null without any

 signals:
  void changed();                   ///< what is in memory
  void noted(const QString& note);  ///< what the user should know of a model that was loaded

 private:
  struct Held {
    LoadRequest request;
    ChatModelPtr model;
  };
  struct Load {
    LoadRequest request;
    std::vector<Done> done;
    bool dropped = false;  ///< cancelled: not to be held, even if it was too late to stop it
  };
  void loaded(const std::shared_ptr<Load>& load, Result<ChatModelPtr>& model);
  void release(std::vector<Held> gone);
  const PageServices m_services;
  std::vector<Held> m_held;  ///< the last used one last
  std::shared_ptr<Load> m_load;
  JobId m_job = 0;
};

}  // namespace deltascope::ui
