// SPDX-License-Identifier: GPL-3.0-or-later
#include <QButtonGroup>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QFontDatabase>
#include <QFormLayout>
#include <QGuiApplication>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QScrollArea>
#include <QSpinBox>
#include <QSplitter>
#include <QVBoxLayout>

#include "core/codec/traits.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/metrics.h"
#include "ui/frame/path_list.h"
#include "ui/frame/settings.h"
#include "ui/frame/text.h"
#include "ui/pack/estimate_view.h"
#include "ui/pack/pack_page.h"
#include "ui/pack/path_field.h"

namespace deltascope::ui {
namespace {

QString remembered(const PageServices& services, const QString& present, const Setting<QString>& setting) {
  return present.trimmed().isEmpty() ? services.settings->get(setting) : present;
}

QSpinBox* spinBox(int from, int to, int value) {
  auto* box = new QSpinBox;
  box->setRange(from, to);
  box->setValue(value);
  box->setAlignment(Qt::AlignRight);
  return box;
}

QFormLayout* newForm() {
  auto* layout = new QFormLayout;
  layout->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  layout->setLabelAlignment(Qt::AlignLeft | Qt::AlignTop);
  layout->setRowWrapPolicy(QFormLayout::DontWrapRows);
  return layout;
}

}  // namespace

PackPage::PackPage(const PageServices& services, QWidget* parent) : Page("pack", "Pack", "pack", parent), m_services(services) {
  m_packAction = new QAction("&Pack", this);
  m_packAction->setObjectName("actionPack");
  m_packAction->setShortcut(QKeySequence("Ctrl+Return"));
  m_packAction->setStatusTip("Pack with the choices of the form, as a job");
  m_copyAction = new QAction("Cop&y command line", this);
  m_copyAction->setObjectName("actionCopyCommand");
  m_copyAction->setShortcut(QKeySequence("Ctrl+Shift+C"));
  m_copyAction->setStatusTip("Copy the command that packs the same without the window");
  connect(m_packAction, &QAction::triggered, this, &PackPage::startPacking);
  connect(m_copyAction, &QAction::triggered, this, [this] { QGuiApplication::clipboard()->setText(m_command->toPlainText()); });

  m_splitter = new QSplitter(Qt::Horizontal);
  m_splitter->setObjectName("packSplitter");
  m_splitter->setChildrenCollapsible(false);
  m_splitter->addWidget(makeForm());
  auto* right = new QWidget;
  auto* rightLayout = new QVBoxLayout(right);
  rightLayout->setContentsMargins(steps(*this, 5), steps(*this, 4), steps(*this, 5), steps(*this, 4));
  m_estimate = new EstimateView(services);
  rightLayout->addWidget(m_estimate, 1);
  rightLayout->addWidget(makeOutput());
  m_splitter->addWidget(right);
  m_splitter->setStretchFactor(0, 1);
  m_splitter->setStretchFactor(1, 1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_splitter);
  m_filling = false;
  formChanged();
}

void PackPage::addRow(QFormLayout& layout, const QString& label, QWidget* field, const QString& tip) {
  auto* words = new QLabel(label);
  words->setBuddy(field);
  words->setToolTip(tip);
  words->setMinimumWidth(characters(*this, 14));  // both groups of rows line up
  field->setToolTip(tip);
  if (field->accessibleName().isEmpty()) field->setAccessibleName(QString(label).remove('&'));
  layout.addRow(words, field);
}

QWidget* PackPage::makeMode() {
  auto* box = new QWidget;
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  auto* group = new QButtonGroup(this);
  const auto add = [&](const char* name, const QString& text, const QString& tip) {
    auto* button = new QRadioButton(text);
    button->setObjectName(name);
    button->setToolTip(tip);
    group->addButton(button);
    layout->addWidget(button);
    connect(button, &QRadioButton::toggled, this, &PackPage::formChanged);
    return button;
  };
  m_quantizeMode = add("packModeQuantize", "&Quantize the final into a base",
                       "Makes a packed model: a 4- or 8-bit base and the delta to the final");
  m_baseMode = add("packModeBase", "Delta over a &base that exists",
                   "Makes a payload over the parent of a fine-tune, or over a 4-bit checkpoint");
  m_adapterMode = add("packModeAdapters", "LoRA &adapters over a base", "Makes a payload that is the adapters, merged exactly");
  m_quantizeMode->setChecked(true);
  return box;
}

PathField* PackPage::makePath(const QString& name, const QString& label, const QString& placeholder) {
  auto* field = new PathField(name, label, [this, label](const QString& present) {
    const QString chosen = m_services.dialogs->openFolder(this, label, remembered(m_services, present, setting::kOpenFolder));
    if (!chosen.isEmpty()) m_services.settings->set(setting::kOpenFolder, chosen);
    return chosen;
  });
  field->setPlaceholder(placeholder);
  connect(field, &PathField::textChanged, this, &PackPage::formChanged);
  return field;
}

QWidget* PackPage::makeForm() {
  auto* content = new QWidget;
  content->setObjectName("packForm");
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(steps(*this, 5), steps(*this, 4), steps(*this, 5), steps(*this, 4));
  column->addWidget(new TextLabel(TextKind::Heading, "What to pack"));
  column->addWidget(makeMode());
  m_inputs = newForm();
  m_final = makePath("packFinal", "Final checkpoint", {});
  m_base = makePath("packBase", "Base checkpoint", "folder, file or Hub id of the base");
  const auto chooseAdapter = [this] {
    return m_services.dialogs->openFolder(this, "Add an adapter", m_services.settings->get(setting::kOpenFolder));
  };
  m_adapters = new PathList("packAdapter", "adapter", {{"Add", "Add…", chooseAdapter}});
  connect(m_adapters, &PathList::changed, this, &PackPage::formChanged);
  addRow(*m_inputs, "Fi&nal", m_final, "The checkpoint that must come back, bit for bit");
  addRow(*m_inputs, "Base", m_base, "The checkpoint that reconstruction starts from");
  addRow(*m_inputs, "A&dapters", m_adapters, "LoRA adapters of PEFT, applied in this order");
  column->addLayout(m_inputs);
  column->addSpacing(steps(*this, 3));
  column->addWidget(new TextLabel(TextKind::Heading, "How"));
  column->addWidget(makeOptions());
  column->addStretch(1);

  auto* scroll = new QScrollArea;
  scroll->setObjectName("packScroll");
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setWidget(content);
  scroll->setMinimumWidth(characters(*this, 64));
  return scroll;
}

QWidget* PackPage::makeOptions() {
  const auto combo = [this](const char* name) {
    auto* box = new QComboBox;
    box->setObjectName(name);
    box->setMinimumWidth(characters(*this, 36));
    connect(box, &QComboBox::currentIndexChanged, this, &PackPage::formChanged);
    return box;
  };
  m_quantize = combo("packQuantize");
  m_quantize->addItem("NF4, 4 bits", static_cast<int>(QuantFormat::Nf4));
  m_quantize->addItem("FP4, 4 bits", static_cast<int>(QuantFormat::Fp4));
  m_quantize->addItem("INT8, 8 bits, row-wise", static_cast<int>(QuantFormat::Int8));
  m_scope = combo("packScope");
  m_scope->addItem("linear layers, as bitsandbytes does", static_cast<int>(PackScope::Linear));
  m_scope->addItem("every matrix", static_cast<int>(PackScope::All));
  m_blocksize = combo("packBlocksize");
  for (unsigned size = 32; size <= 4096; size *= 2) m_blocksize->addItem(QString::number(size), size);
  m_blocksize->setCurrentIndex(m_blocksize->findData(64u));
  m_doubleQuant = new QCheckBox("Q&uantize the scales too");
  m_doubleQuant->setObjectName("packDoubleQuant");
  connect(m_doubleQuant, &QCheckBox::toggled, this, &PackPage::formChanged);
  m_codec = combo("packCodec");
  m_codec->addItem("auto, the best for each tensor", -1);
  for (const CodecId codec : kOfferedCodecs) m_codec->addItem(QString::fromUtf8(nameOf(codec).data()), static_cast<int>(codec));
  m_prefer = combo("packPrefer");
  m_prefer->addItem("smallest", static_cast<int>(Prefer::Size));
  m_prefer->addItem("fastest within 10 % of it", static_cast<int>(Prefer::Speed));
  m_chunks = spinBox(1, 65536, 64);
  m_chunks->setObjectName("packChunks");
  m_zstdLevel = spinBox(1, 22, 3);
  m_zstdLevel->setObjectName("packZstdLevel");
  m_threads = spinBox(0, 1024, 0);
  m_threads->setObjectName("packThreads");
  m_threads->setSpecialValueText("all");
  for (QSpinBox* box : {m_chunks, m_zstdLevel, m_threads}) {
    box->setMinimumWidth(characters(*this, 14));
    connect(box, &QSpinBox::valueChanged, this, &PackPage::formChanged);
  }

  m_options = newForm();
  m_options->setFieldGrowthPolicy(QFormLayout::FieldsStayAtSizeHint);
  addRow(*m_options, "Quantization", m_quantize, "Type of the base that is made, in the layout of bitsandbytes");
  addRow(*m_options, "Sc&ope", m_scope, "Which weights are quantized: the linear layers only loads in transformers as it is");
  addRow(*m_options, "Bloc&ksize", m_blocksize, "Weights that share one scale (absmax)");
  addRow(*m_options, "Scales", m_doubleQuant, "Double quantization: 8-bit scales, 0.37 bits/weight less at blocksize 64");
  addRow(*m_options, "&Codec", m_codec, "How deltas are stored. Auto estimates every codec from the data of each tensor");
  addRow(*m_options, "Prefer", m_prefer, "What auto looks for");
  addRow(*m_options, "Chunks", m_chunks,
         "Independent, checksummed pieces a tensor at most: more is more parallel and a little larger");
  addRow(*m_options, "&zstd level", m_zstdLevel, "1 is fast, 22 is small; for streams of the zstd and additive codecs");
  addRow(*m_options, "&Threads", m_threads, "How many work at the same time; more need more memory");
  auto* box = new QWidget;
  box->setLayout(m_options);
  m_options->setContentsMargins(0, 0, 0, 0);
  return box;
}

QWidget* PackPage::makeOutput() {
  auto* box = new QWidget;
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, steps(*this, 3), 0, 0);
  layout->addWidget(new TextLabel(TextKind::Heading, "Output"));
  m_out = new PathField("packOut", "Output", [this](const QString& present) {
    const QString at = present.trimmed().isEmpty() ? m_services.settings->get(setting::kSaveFolder) : present;
    return m_quantizeMode->isChecked()
               ? m_services.dialogs->saveFile(this, "Folder to write", at, "Packed models (*)")
               : m_services.dialogs->saveFile(this, "Payload to write", at, "Payloads (*.delta.safetensors)");
  });
  connect(m_out, &PathField::textChanged, this, &PackPage::formChanged);
  connect(m_out, &PathField::textEdited, this, [this] {
    m_outTouched = true;
    formChanged();
  });
  m_overwrite = new QCheckBox("R&eplace what is there");
  m_overwrite->setObjectName("packOverwrite");
  m_overwrite->setToolTip("Replace an output of the same name once the new one is complete");
  connect(m_overwrite, &QCheckBox::toggled, this, &PackPage::formChanged);
  m_verify = new QCheckBox("Verify what is &written");
  m_verify->setObjectName("packVerify");
  m_verify->setToolTip(
      "Rebuild every tensor from what was written and compare it with the final, before the output gets its name");
  m_verify->setChecked(PackForm().verify);
  connect(m_verify, &QCheckBox::toggled, this, &PackPage::formChanged);
  m_command = new QPlainTextEdit;
  m_command->setObjectName("packCommand");
  m_command->setAccessibleName("The same as a command line");
  m_command->setToolTip("The command that packs the same without the window");
  m_command->setReadOnly(true);
  m_command->setTabChangesFocus(true);
  m_command->setWordWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
  QFont fixed;  // the family alone, so that the size follows the zoom
  fixed.setFamilies(QFontDatabase::systemFont(QFontDatabase::FixedFont).families());
  m_command->setFont(fixed);
  m_command->setFixedHeight(steps(*this, 23));
  auto* copy = new QPushButton("Copy");
  copy->setObjectName("packCopyCommand");
  copy->setAccessibleName("Copy the command line");
  copy->setToolTip("Copy the command line (Ctrl+Shift+C)");
  copy->setAutoDefault(false);
  connect(copy, &QPushButton::clicked, m_copyAction, &QAction::trigger);
  m_pack = new QPushButton("&Pack");
  m_pack->setObjectName("packStart");
  m_pack->setProperty("primary", true);
  m_pack->setToolTip("Start packing as a job (Ctrl+Return)");
  m_pack->setAutoDefault(false);
  connect(m_pack, &QPushButton::clicked, this, &PackPage::startPacking);
  m_ready = new TextLabel(TextKind::Muted);
  m_ready->setObjectName("packReady");
  auto* commandLine = new QHBoxLayout;
  commandLine->addWidget(m_command, 1);
  commandLine->addWidget(copy, 0, Qt::AlignTop);
  auto* last = new QHBoxLayout;
  last->addWidget(m_pack);
  last->addWidget(m_ready, 1);
  layout->addWidget(m_out);
  layout->addWidget(m_verify);
  layout->addWidget(m_overwrite);
  layout->addWidget(new TextLabel(TextKind::Muted, "The same as a command:"));
  layout->addLayout(commandLine);
  layout->addLayout(last);
  return box;
}

}  // namespace deltascope::ui
