// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The few elements that CalmStyle paints itself. Everything from the option's palette and state.
class QPainter;
class QStyleOption;
class QStyleOptionProgressBar;

namespace deltascope::ui {

void paintButtonPanel(const QStyleOption& option, QPainter& painter);
/// The hairline around a field; in the accent colour while it has the focus.
void paintFieldFrame(const QStyleOption& option, QPainter& painter);
void paintCheckBox(const QStyleOption& option, QPainter& painter);
void paintRadioButton(const QStyleOption& option, QPainter& painter);
void paintFocusFrame(const QStyleOption& option, QPainter& painter);
void paintHeaderSection(const QStyleOption& option, QPainter& painter);
void paintProgressGroove(const QStyleOption& option, QPainter& painter);
void paintProgressContents(const QStyleOptionProgressBar& option, QPainter& painter);

}  // namespace deltascope::ui
