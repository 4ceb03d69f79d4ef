// SPDX-License-Identifier: GPL-3.0-or-later
// The part of PayloadPage that puts its widgets together.
#include <QAction>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/charts/heat_map_view.h"
#include "ui/frame/metrics.h"
#include "ui/payload/filter_bar.h"
#include "ui/payload/payload_page.h"
#include "ui/payload/share_splitter.h"
#include "ui/payload/state_stack.h"
#include "ui/payload/tensor_detail.h"
#include "ui/payload/tensor_filter.h"
#include "ui/payload/tensor_model.h"
#include "ui/payload/tensor_view.h"

namespace deltascope::ui {
namespace {

// Percent: the table beside the heat map, both above the details.
constexpr int kTableShare = 66, kUpperShare = 58;

}  // namespace

PayloadPage::PayloadPage(const PageServices& services, QWidget* parent)
    : Page(QStringLiteral("payload"), tr("Payload"), QStringLiteral("payload"), parent),
      m_services(services),
      m_model(new TensorModel(this)),
      m_filter(new TensorFilter(m_model, this)) {
  buildActions();
  auto* content = new QWidget;
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(buildSummary());
  column->addWidget(buildToolbar());
  column->addWidget(buildPanes(), 1);
  m_state = new StateStack(content);
  m_state->setObjectName(QStringLiteral("payloadState"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_state);

  connect(m_state, &StateStack::buttonPressed, this, [this] { emit openDialogRequested(true); });
  connect(m_verify, &QPushButton::clicked, this, &Page::verifyRequested);
  connect(m_filterBar, &FilterBar::queryChanged, this, &PayloadPage::filter);
  connect(m_table, &TensorView::tensorSelectionChanged, this, &PayloadPage::tableSelected);
  connect(m_heatMap, &HeatMapView::itemsChosen, this, &PayloadPage::heatMapChose);
  connect(m_detail, &TensorDetail::chooseBaseRequested, this, &Page::chooseBaseRequested);
  connect(m_metric, &QComboBox::currentIndexChanged, this, [this] {
    m_metricId = m_metric->currentData().toString();
    refreshHeatMap();
  });
  closeModel();
}

QWidget* PayloadPage::buildSummary() {
  auto* bar = new QWidget;
  auto* line = new QHBoxLayout(bar);
  line->setContentsMargins(steps(*this, 3), steps(*this, 2), steps(*this, 3), steps(*this, 1));
  line->setSpacing(steps(*this, 3));
  m_summary = new QLabel;
  m_summary->setObjectName(QStringLiteral("summary"));
  m_summary->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_summary->setTextFormat(Qt::PlainText);
  m_verdict = new QLabel;
  m_verdict->setObjectName(QStringLiteral("verdict"));
  m_verdict->setAccessibleName(tr("Verdict"));
  m_verify = new QPushButton(tr("Verify"));
  m_verify->setObjectName(QStringLiteral("verify"));
  m_verify->setToolTip(tr("Reconstructs every tensor and compares it, bit for bit, with the hash of the final"));
  line->addWidget(m_summary, 1);
  line->addWidget(m_verdict);
  line->addWidget(m_verify);
  return bar;
}

QWidget* PayloadPage::buildToolbar() {
  auto* bar = new QWidget;
  auto* line = new QHBoxLayout(bar);
  line->setContentsMargins(steps(*this, 3), steps(*this, 1), steps(*this, 3), steps(*this, 2));
  line->setSpacing(steps(*this, 2));
  m_filterBar = new FilterBar;
  m_metric = new QComboBox;
  m_metric->setObjectName(QStringLiteral("metric"));
  m_metric->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  auto* by = new QLabel(tr("&Colour by"));
  by->setBuddy(m_metric);
  const auto menuButton = [this](const char* name, const QString& text, QMenu* menu) {
    auto* button = new QToolButton;
    button->setObjectName(QLatin1String(name));
    button->setText(text);
    button->setToolButtonStyle(Qt::ToolButtonTextOnly);
    button->setPopupMode(QToolButton::InstantPopup);
    button->setFocusPolicy(Qt::StrongFocus);
    button->setMenu(menu);
    return button;
  };
  m_table = new TensorView(m_model, m_filter);
  auto* columns = new QMenu(this);
  columns->addActions(m_table->columnActions());
  columns->addSeparator();
  columns->addAction(m_groupAction);
  m_columns = menuButton("columns", tr("Columns"), columns);
  m_exportMenu = new QMenu(this);
  m_exportMenu->setObjectName(QStringLiteral("exportMenu"));
  connect(m_exportMenu, &QMenu::aboutToShow, this, &PayloadPage::fillExportMenu);
  m_export = menuButton("export", tr("Export"), m_exportMenu);
  line->addWidget(m_filterBar, 1);
  line->addWidget(by);
  line->addWidget(m_metric);
  line->addWidget(m_columns);
  line->addWidget(m_export);
  return bar;
}

QWidget* PayloadPage::buildPanes() {
  m_heatMap = new HeatMapView;
  m_heatMap->setObjectName(QStringLiteral("heatMap"));
  m_detail = new TensorDetail(m_services.engine, m_services.jobs);
  m_across = new ShareSplitter(Qt::Horizontal, kTableShare);
  m_across->setObjectName(QStringLiteral("acrossSplitter"));
  m_across->addWidget(m_table);
  m_across->addWidget(m_heatMap);
  m_across->setCollapsible(0, false);
  m_down = new ShareSplitter(Qt::Vertical, kUpperShare);
  m_down->setObjectName(QStringLiteral("downSplitter"));
  m_down->addWidget(m_across);
  m_down->addWidget(m_detail);
  m_down->setCollapsible(0, false);
  for (ShareSplitter* splitter : {m_across, m_down}) splitter->setHandleWidth(std::max(1, steps(*this, 0.5)));
  connect(m_groupAction, &QAction::toggled, this, &PayloadPage::setGrouped);
  connect(m_heatMapAction, &QAction::toggled, m_heatMap, &QWidget::setVisible);
  connect(m_detailAction, &QAction::toggled, m_detail, &QWidget::setVisible);
  return m_down;
}

void PayloadPage::buildActions() {
  const auto make = [this](const char* name, const QString& text, const QString& tip, const QKeySequence& keys = {}) {
    auto* action = new QAction(text, this);
    action->setObjectName(QLatin1String(name));
    action->setStatusTip(tip);
    action->setShortcut(keys);
    return action;
  };
  m_exportTable = make("exportTable", tr("Export &table as CSV …"), tr("Writes the rows the filter shows, exact numbers"),
                       QKeySequence(tr("Ctrl+E")));
  m_exportHeatMap = make("exportHeatMap", tr("Export &heat map …"),
                         tr("Writes the heat map as PNG or PDF on a light background"), QKeySequence(tr("Ctrl+Shift+E")));
  m_report = make("writeReport", tr("Write &report …"),
                  tr("Verifies the model and writes a folder of tables, charts and a page"), QKeySequence(tr("Ctrl+Shift+R")));
  m_find = make("findTensor", tr("&Find tensors"), tr("Puts the cursor into the filter"), QKeySequence::Find);
  m_groupAction = make("groupByLayer", tr("&Group by layer"), tr("Tensors under their layer, or one flat list to sort"),
                       QKeySequence(tr("Ctrl+G")));
  m_heatMapAction = make("showHeatMap", tr("&Heat map"), tr("Shows or hides the heat map"), QKeySequence(tr("Ctrl+H")));
  m_detailAction =
      make("showDetails", tr("&Details"), tr("Shows or hides the chosen tensor's charts"), QKeySequence(tr("Ctrl+D")));
  for (QAction* action : {m_groupAction, m_heatMapAction, m_detailAction}) {
    action->setCheckable(true);
    action->setChecked(true);
  }
  connect(m_find, &QAction::triggered, this, [this] {
    m_filterBar->edit()->setFocus(Qt::ShortcutFocusReason);
    m_filterBar->edit()->selectAll();
  });
  connect(m_exportTable, &QAction::triggered, this, &PayloadPage::exportTable);
  connect(m_exportHeatMap, &QAction::triggered, this, &PayloadPage::exportHeatMap);
  connect(m_report, &QAction::triggered, this, &PayloadPage::writeReportFolder);
}

}  // namespace deltascope::ui
