// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Inside of ui/charts: the plot that both views show.
#include <qcustomplot.h>

namespace deltascope::ui {

/// QCustomPlot takes the screen's scale once, when it is made: it is asked again before each paint.
class Plot : public QCustomPlot {
 public:
  using QCustomPlot::QCustomPlot;

 protected:
  void paintEvent(QPaintEvent* event) override {
    if (bufferDevicePixelRatio() != devicePixelRatioF()) {
      setBufferDevicePixelRatio(devicePixelRatioF());
      replot(QCustomPlot::rpQueuedRefresh);  // an immediate one would paint inside painting
    }
    QCustomPlot::paintEvent(event);
  }
};

}  // namespace deltascope::ui
