// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QTextEdit>

namespace deltascope::ui {

/// The text of one message, as high as it is: read-only, selectable. Plain text is never interpreted; Markdown brings no HTML,
/// no pictures and opens no links.
class MessageText : public QTextEdit {
  Q_OBJECT
 public:
  MessageText(const QString& name, const QString& accessibleName, QWidget* parent = nullptr);
  void setPlain(const QString& text);
  void appendPlain(const QString& text);  ///< plain, at the end
  void complete();                        ///< no more comes: the text as it is, if it stays plain
  void showMarkdown();                    ///< of the plain text so far; follows palette and font from then on
  [[nodiscard]] bool isMarkdown() const { return m_markdown; }
  [[nodiscard]] const QString& plain() const { return m_plain; }
  /// Marks a part of plain text in UTF-16 units: underlined, on a tinted ground. An empty one at the end is shown by a space.
  void mark(qint64 begin, qint64 length);
  [[nodiscard]] QString marked() const;  ///< the marked text; empty without a mark

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void changeEvent(QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  QVariant loadResource(int type, const QUrl& name) override;

 private:
  void fit();
  void applyMark();
  void breakLongParagraph();
  QString m_plain;
  bool m_markdown = false, m_fitting = false, m_cut = false;
  qint64 m_markBegin = -1, m_markLength = 0;
};

}  // namespace deltascope::ui
