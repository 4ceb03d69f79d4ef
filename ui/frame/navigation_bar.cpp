// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/navigation_bar.h"

#include <QAction>
#include <QEvent>
#include <QKeyEvent>
#include <QPainter>
#include <QPainterPath>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/frame/icons.h"
#include "ui/frame/metrics.h"
#include "ui/frame/theme.h"

namespace deltascope::ui {

/// Painted here: the chosen page has an accent edge and a filled ground, which Fusion has no element for.
class NavigationButton : public QToolButton {
 public:
  NavigationButton(QAction* action, QString icon, QWidget* parent) : QToolButton(parent), m_icon(std::move(icon)) {
    setDefaultAction(action);
    setFocusPolicy(Qt::StrongFocus);
    setObjectName("navigate_" + action->objectName());
    setAccessibleName(action->iconText());
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  }
  void setMarked(bool marked) {
    if (m_marked == marked) return;
    m_marked = marked;
    setAccessibleName(defaultAction()->iconText() + (marked ? ", new message" : ""));
    update();
  }
  QSize sizeHint() const override {
    const QFontMetrics metrics(font());
    return {qMax(metrics.horizontalAdvance("Benchmark") + steps(*this, 4), steps(*this, 20)),
            iconSide() + metrics.height() + steps(*this, 5)};
  }

 protected:
  void paintEvent(QPaintEvent*) override {
    const ThemeColors& colors = colorsOf(palette());
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    if (isChecked() || underMouse()) {
      QColor ground = isChecked() ? colors.accent : colors.text;
      ground.setAlphaF(isChecked() ? 0.14f : 0.06f);
      painter.fillRect(rect(), ground);
    }
    if (isChecked()) painter.fillRect(QRect(0, 0, qMax(3, steps(*this, 0.75)), height()), colors.accent);
    const int side = iconSide(), top = steps(*this, 2);
    const QColor ink = isChecked() ? colors.text : colors.muted;
    const QRect place((width() - side) / 2, top, side, side);
    tintedIcon(m_icon, isChecked() ? colors.accent : ink).paint(&painter, place);
    if (m_marked) {
      painter.setPen(QPen(colors.window, 1));
      painter.setBrush(colors.warn);
      painter.drawEllipse(QRectF(place.right() - side / 6.0, place.top() - side / 6.0, side / 2.5, side / 2.5));
    }
    painter.setPen(ink);
    painter.drawText(QRect(0, top + side + steps(*this, 0.5), width(), QFontMetrics(font()).height()),
                     Qt::AlignHCenter | Qt::TextHideMnemonic, text());
    if (hasFocus()) {
      painter.setPen(QPen(colors.accent, 1));
      painter.setBrush(Qt::NoBrush);
      painter.drawRoundedRect(QRectF(rect()).adjusted(4.5, 2.5, -2.5, -2.5), 3, 3);
    }
  }

 private:
  [[nodiscard]] int iconSide() const { return steps(*this, 6); }
  QString m_icon;
  bool m_marked = false;
};

NavigationBar::NavigationBar(QWidget* parent) : QWidget(parent) {
  setObjectName("navigationBar");
  setAccessibleName("Pages");
  m_layout = new QVBoxLayout(this);
  m_layout->setContentsMargins(0, steps(*this, 1), 0, 0);
  m_layout->setSpacing(0);
  m_layout->addStretch(1);
}

void NavigationBar::addPage(QAction* action, const QString& iconName) {
  m_buttons.append(new NavigationButton(action, iconName, this));
  m_layout->insertWidget(m_layout->count() - 1, m_buttons.last());
}

void NavigationBar::setMark(const QString& page, bool marked) {
  for (NavigationButton* button : m_buttons)
    if (button->defaultAction()->data().toString() == page) button->setMarked(marked);
}

void NavigationBar::changeEvent(QEvent* event) {
  if (event->type() == QEvent::FontChange) updateGeometry();
  QWidget::changeEvent(event);
}

void NavigationBar::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Down) {
    focusNextChild();
  } else if (event->key() == Qt::Key_Up) {
    focusPreviousChild();
  } else {
    QWidget::keyPressEvent(event);
  }
}

void NavigationBar::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setPen(colorsOf(palette()).line);
  painter.drawLine(rect().topRight(), rect().bottomRight());
}

}  // namespace deltascope::ui
