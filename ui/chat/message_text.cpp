// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/message_text.h"

#include <QAbstractTextDocumentLayout>
#include <QEvent>
#include <QImage>
#include <QScrollBar>
#include <QTextBlock>
#include <QTextLayout>
#include <QWheelEvent>
#include <cmath>
#include <vector>

#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

/// In the place of every picture, where it would have come from.
void namePictures(QTextDocument& document) {
  std::vector<std::pair<int, QString>> pictures;
  for (QTextBlock block = document.begin(); block.isValid(); block = block.next())
    for (auto it = block.begin(); !it.atEnd(); ++it)
      if (const QTextFragment fragment = it.fragment(); fragment.charFormat().isImageFormat())
        for (int at = 0; at < fragment.length(); ++at)
          pictures.emplace_back(fragment.position() + at, fragment.charFormat().toImageFormat().name());
  for (auto picture = pictures.rbegin(); picture != pictures.rend(); ++picture) {
    QTextCursor cursor(&document);
    cursor.setPosition(picture->first);
    cursor.setPosition(picture->first + 1, QTextCursor::KeepAnchor);
    cursor.insertText("[picture: " + picture->second + "]", QTextCharFormat());
  }
}

}  // namespace

MessageText::MessageText(const QString& name, const QString& accessibleName, QWidget* parent) : QTextEdit(parent) {
  setObjectName(name);
  setAccessibleName(accessibleName);
  setReadOnly(true);
  setUndoRedoEnabled(false);
  setAcceptDrops(false);
  setFrameShape(QFrame::NoFrame);
  setTabChangesFocus(true);
  setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setWordWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  document()->setDocumentMargin(0);
  viewport()->setAutoFillBackground(false);
  connect(document()->documentLayout(), &QAbstractTextDocumentLayout::documentSizeChanged, this, &MessageText::fit);
}

void MessageText::setPlain(const QString& text) {
  m_plain = text;
  m_markdown = false;
  m_cut = false;
  m_markBegin = -1;
  setExtraSelections({});
  setPlainText(text);
  fit();
}

void MessageText::appendPlain(const QString& text) {
  m_plain += text;
  QTextCursor end(document());
  end.movePosition(QTextCursor::End);
  end.insertText(text);
  breakLongParagraph();
}

/// A paragraph is laid out as a whole after every piece of it. A long one is cut where its last line begins, which looks the
/// same until the text is complete.
void MessageText::breakLongParagraph() {
  constexpr int kLong = 2000;
  const QTextBlock last = document()->lastBlock();
  if (last.length() < kLong || !last.layout() || last.layout()->lineCount() < 2) return;
  const QTextLine line = last.layout()->lineAt(last.layout()->lineCount() - 1);
  QTextCursor cut(document());
  cut.setPosition(last.position() + line.textStart());
  cut.insertBlock();
  m_cut = true;
}

void MessageText::complete() {
  if (m_cut) setPlain(QString(m_plain));
}

/// In a document of its own: one that is shown would be laid out anew after every piece that is read.
void MessageText::showMarkdown() {
  auto* made = new QTextDocument(this);
  made->setUndoRedoEnabled(false);
  made->setDefaultFont(font());
  made->setDefaultTextOption(document()->defaultTextOption());
  made->setDocumentMargin(0);
  made->setMarkdown(m_plain,
                    QTextDocument::MarkdownFeatures(QTextDocument::MarkdownDialectGitHub) | QTextDocument::MarkdownNoHTML);
  namePictures(*made);
  m_markdown = true;
  QTextDocument* before = document();
  const bool ours = before->parent() == this;  // the first one is the control's, which deletes it
  setDocument(made);
  if (ours) delete before;
  connect(made->documentLayout(), &QAbstractTextDocumentLayout::documentSizeChanged, this, &MessageText::fit);
  fit();
}

void MessageText::mark(qint64 begin, qint64 length) {
  m_markBegin = std::clamp<qint64>(begin, 0, m_plain.size());
  m_markLength = std::clamp<qint64>(length, 0, m_plain.size() - m_markBegin);
  applyMark();
}

QString MessageText::marked() const { return m_markBegin < 0 ? QString() : m_plain.mid(m_markBegin, m_markLength); }

void MessageText::applyMark() {
  if (m_markBegin < 0 || m_markdown) return;
  ExtraSelection selection;
  selection.cursor = QTextCursor(document());
  selection.cursor.setPosition(static_cast<int>(m_markBegin));
  selection.cursor.setPosition(static_cast<int>(m_markBegin + m_markLength), QTextCursor::KeepAnchor);
  QColor ground = colorsOf(palette()).accent;
  ground.setAlphaF(0.25f);
  selection.format.setBackground(ground);
  selection.format.setFontUnderline(true);
  setExtraSelections({selection});
}

void MessageText::fit() {
  if (m_fitting) return;
  m_fitting = true;
  const int height = static_cast<int>(std::ceil(document()->size().height()));
  if (height != minimumHeight() || height != maximumHeight()) setFixedHeight(std::max(height, fontMetrics().height()));
  m_fitting = false;
}

QSize MessageText::sizeHint() const { return {QTextEdit::sizeHint().width(), maximumHeight()}; }
QSize MessageText::minimumSizeHint() const { return {fontMetrics().averageCharWidth() * 8, minimumHeight()}; }

void MessageText::changeEvent(QEvent* event) {
  QTextEdit::changeEvent(event);
  if (event->type() != QEvent::PaletteChange && event->type() != QEvent::FontChange) return;
  if (m_markdown) showMarkdown();  // colours of links and sizes of headings are fixed when it is read
  applyMark();
  fit();
}

void MessageText::resizeEvent(QResizeEvent* event) {
  QTextEdit::resizeEvent(event);
  fit();
}

/// The conversation scrolls, not the message.
void MessageText::wheelEvent(QWheelEvent* event) { event->ignore(); }

/// A model's Markdown must not read files or fetch anything. An empty answer would make the document look for the file itself.
QVariant MessageText::loadResource(int, const QUrl&) {
  static const QImage nothing = [] {
    QImage image(1, 1, QImage::Format_ARGB32);
    image.fill(Qt::transparent);
    return image;
  }();
  return nothing;
}

}  // namespace deltascope::ui
