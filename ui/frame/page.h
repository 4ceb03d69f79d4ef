// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A page of the window. Pages know the services below, never the window; the window calls the hooks and listens to the
/// signals.
///
/// Each is made as `Name(const PageServices&, QWidget* parent)`: StartPage (ui/start/start_page.h), PayloadPage
/// (ui/payload/payload_page.h), PackPage (ui/pack/pack_page.h), ChatPage (ui/chat/chat_page.h).
#include <QAction>
#include <QList>
#include <QWidget>
#include <memory>

#include "core/rebuild/verify.h"
#include "ui/engine.h"
#include "ui/frame/message.h"

namespace deltascope::ui {

class Dialogs;
class JobRunner;
class Settings;

/// Borrowed; all outlive the pages.
struct PageServices {
  const Engine* engine = nullptr;
  JobRunner* jobs = nullptr;
  Settings* settings = nullptr;
  Dialogs* dialogs = nullptr;
  QString dataFolder = {};  ///< where pages keep what the user makes; empty: nothing is kept
};

/// What a page adds to the window's menus, in order. Each action needs a text with a mnemonic, a unique shortcut or none, a
/// status tip and an object name. The window hides them (which takes their shortcut away) while another page is in front,
/// unless their property "everywhere" is true; whether they are enabled is the page's business.
struct PageActions {
  QList<QAction*> file, view, run;
};

using ModelPointer = std::shared_ptr<const Inspection>;

class Page : public QWidget {
  Q_OBJECT
 public:
  /// `id`: object name and the name remembered as the last page ("payload"); `icon`: see icons.h.
  Page(const QString& id, const QString& title, const QString& icon, QWidget* parent);

  [[nodiscard]] QString id() const { return objectName(); }
  [[nodiscard]] const QString& title() const { return m_title; }
  [[nodiscard]] const QString& iconName() const { return m_icon; }
  [[nodiscard]] virtual PageActions pageActions() const { return {}; }
  /// The widget that gets the keyboard when the page comes to the front; null: the first one.
  [[nodiscard]] virtual QWidget* firstFocus() const { return nullptr; }

  /// A model was opened (headers read, in a worker), or closed. `model->files` says where its parts are.
  virtual void openModel(const ModelPointer&) {}
  virtual void closeModel() {}

  /// Verification of the open model: started; verdicts in batches as tensors finish; the end (an error includes cancelled).
  virtual void verifyStarted() {}
  virtual void addVerdicts(const std::vector<Verdict>&) {}
  virtual void verifyFinished(const Result<VerifyResult>&) {}

  /// Called after the window is shown, when it closes, and by View > Reset layout.
  virtual void restoreState(const Settings&) {}
  virtual void saveState(Settings&) const {}
  virtual void resetLayout() {}

 signals:
  void messageRaised(const deltascope::ui::Message& message);
  void workBegan();                         ///< what the page said of its last run is over
  void openRequested(const QString& path);  ///< open this model
  void openDialogRequested(bool folder);    ///< ask for a model
  void pageRequested(const QString& id);    ///< bring that page to the front
  void verifyRequested();
  void unpackRequested();
  void demoRequested();        ///< pack the demo if need be, and open it
  void chooseBaseRequested();  ///< the open payload needs its base: ask for it

 private:
  QString m_title, m_icon;
};

}  // namespace deltascope::ui
