// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Labels in the few kinds that the pages use. They follow font and palette changes.
#include <QLabel>

namespace deltascope::ui {

enum class TextKind { Body, Muted, Heading, Title, Problem };

/// A label of plain text; Muted and Problem take their colour from the theme, Heading and Title their size from the font.
class TextLabel : public QLabel {
  Q_OBJECT
 public:
  explicit TextLabel(TextKind kind, const QString& text = {}, QWidget* parent = nullptr);

 protected:
  bool event(QEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void apply();
  TextKind m_kind;
  bool m_applying = false;
};

}  // namespace deltascope::ui
