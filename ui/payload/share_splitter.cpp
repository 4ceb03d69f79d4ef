// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/payload/share_splitter.h"

namespace deltascope::ui {

ShareSplitter::ShareSplitter(Qt::Orientation orientation, int firstShare, QWidget* parent)
    : QSplitter(orientation, parent), m_firstShare(firstShare) {
  connect(this, &QSplitter::splitterMoved, this, [this] { m_moved = true; });
}

QByteArray ShareSplitter::saveShare() const { return m_moved ? saveState() : QByteArray(); }

void ShareSplitter::restoreShare(const QByteArray& state) {
  m_moved = !state.isEmpty() && restoreState(state);
  if (!m_moved) share();
}

void ShareSplitter::resetShare() {
  m_moved = false;
  share();
}

void ShareSplitter::share() {
  const int length = orientation() == Qt::Horizontal ? width() : height();
  setSizes({length * m_firstShare / 100, length - length * m_firstShare / 100});
}

void ShareSplitter::resizeEvent(QResizeEvent* event) {
  QSplitter::resizeEvent(event);
  if (!m_moved) share();
}

}  // namespace deltascope::ui
