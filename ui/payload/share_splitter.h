// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A splitter of two that keeps its proportion while the window grows, until the user moves the handle.
#include <QSplitter>

namespace deltascope::ui {

class ShareSplitter : public QSplitter {
  Q_OBJECT
 public:
  /// `firstShare`: percent of the first widget.
  ShareSplitter(Qt::Orientation orientation, int firstShare, QWidget* parent = nullptr);

  [[nodiscard]] QByteArray saveShare() const;  ///< empty while the user has not moved it
  void restoreShare(const QByteArray& state);
  void resetShare();

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void share();
  int m_firstShare;
  bool m_moved = false;
};

}  // namespace deltascope::ui
