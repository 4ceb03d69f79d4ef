// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Labels and values in as many columns as fit, to read and to copy.
#include <QList>
#include <QPair>
#include <QScrollArea>

class QGridLayout;

namespace deltascope::ui {

class FactsView : public QScrollArea {
  Q_OBJECT
 public:
  explicit FactsView(QWidget* parent = nullptr);
  void setFacts(const QList<QPair<QString, QString>>& facts);
  [[nodiscard]] const QList<QPair<QString, QString>>& facts() const { return m_facts; }

 protected:
  void changeEvent(QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void rebuild();
  QList<QPair<QString, QString>> m_facts;
  int m_columns = 1;
};

}  // namespace deltascope::ui
