// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QtTest>

#include "core/base/units.h"
#include "tests/ui/warnings.h"
#include "ui/chat/memory_gauge.h"
#include "ui/chat/plan_model.h"
#include "ui/chat/run_settings.h"
#include "ui/chat/sampling_settings.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestChatSettings : public QObject {
  Q_OBJECT
 private slots:
  void init() { failOnAnyWarning(); }

  void samplingWords_data() {
    QTest::addColumn<SamplingSettings>("settings");
    QTest::addColumn<QString>("words");
    QTest::newRow("greedy") << SamplingSettings{} << "temperature 0";
    QTest::newRow("greedy ignores the rest")
        << SamplingSettings{.topP = 0.5, .minP = 0.1, .topK = 4, .seed = 7} << "temperature 0";
    QTest::newRow("no seed") << SamplingSettings{.temperature = 0.7, .topP = 0.95, .seed = {}}
                             << "temperature 0.7, top-p 0.95, seed –";
    QTest::newRow("all")
        << SamplingSettings{.temperature = 1, .topP = 0.9, .minP = 0.05, .repetitionPenalty = 1.1, .topK = 40, .seed = 7}
        << "temperature 1, top-k 40, top-p 0.9, min-p 0.05, seed 7, penalty 1.1";
  }

  void samplingWords() {
    QFETCH(SamplingSettings, settings);
    QFETCH(QString, words);
    QCOMPARE(samplingText(settings), words);
    QCOMPARE(samplingFromJson(toJson(settings)), settings);
    QVERIFY(checkSampling(samplingOf(settings, 1)).has_value());
  }

  void seeds_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("valid");
    QTest::addColumn<quint64>("seed");
    QTest::newRow("zero") << "0" << true << quint64{0};
    QTest::newRow("largest") << " 18446744073709551615 " << true << std::numeric_limits<quint64>::max();
    QTest::newRow("too large") << "18446744073709551616" << false << quint64{0};
    QTest::newRow("negative") << "-1" << false << quint64{0};
    QTest::newRow("words") << "seven" << false << quint64{0};
  }

  void seeds() {
    QFETCH(QString, text);
    QFETCH(bool, valid);
    QFETCH(quint64, seed);
    std::optional<quint64> parsed;
    QCOMPARE(parseSeed(text, parsed), valid);
    QCOMPARE(parsed.has_value(), valid);
    if (valid) QCOMPARE(*parsed, seed);
  }

  void presets() {
    const QList<SamplingPreset> builtIn = builtInPresets();
    for (const SamplingPreset& preset : builtIn) {
      QVERIFY2(checkSampling(samplingOf(preset.settings, 1)), qPrintable(preset.name));
      QCOMPARE(presetOf(preset.settings, builtIn), preset.name);
    }
    SamplingSettings mine;
    mine.temperature = 0.3;
    QVERIFY(presetOf(mine, builtIn).isEmpty());
    QList<SamplingPreset> presets = builtIn;
    presets.append({"Mine", mine, false});
    const auto read = presetsFromJson(presetsToJson(presets));
    QCOMPARE(read.size(), 4);
    QCOMPARE(read.last().settings, mine);
    QCOMPARE(presetsFromJson(R"([{"name":"Greedy","temperature":2},{"name":""},7])").size(), 3);
    QCOMPARE(samplingFromJson(R"({"temperature":-1,"topP":7,"minP":"x","topK":-5,"maxNewTokens":0,"seed":"-1"})"),
             (SamplingSettings{.seed = {}, .maxNewTokens = 1}));
  }

  void settingsSurviveJson() {
    RunSettings settings;
    settings.device = "cuda:0";
    settings.budget = "5.3 GiB";
    settings.staticThreshold = "50 MB";
    settings.context = 2048;
    settings.kvCache = kernels::ElementType::F16;
    settings.threads = 2;
    settings.drafts = false;
    QCOMPARE(runSettingsFromJson(toJson(settings)), settings);
    QCOMPARE(runSettingsFromJson("nonsense"), RunSettings{});
    Inspection model;
    model.files.path = "/models/chat-nf4";
    model.files.kind = ModelFiles::Kind::PackedModel;
    const LoadRequest request = requestOf(model, {VariantKind::Base, {"/ignored"}}, settings);
    QVERIFY(request.baseOnly && request.payloads.empty() && request.base.empty());
    QCOMPARE(request.draftTokens, 0u);
    QCOMPARE(requestOf(model, {}, {}).draftTokens, kMostDrafts);
    QCOMPARE(request.memoryBudget.value_or(0), parseSize("5.3 GiB").value_or(1));
    QCOMPARE(request.staticThreshold, std::uint64_t{50'000'000});
    QVERIFY(sameRequest(request, request));
    QVERIFY(!sameRequest(request, requestOf(model, {VariantKind::Whole, {}}, settings)));
  }

  void sizes_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("mayBeEmpty");
    QTest::addColumn<bool>("right");
    QTest::newRow("with a unit") << "16 MiB" << false << true;
    QTest::newRow("empty, allowed") << " " << true << true;
    QTest::newRow("empty, needed") << "" << false << false;
    QTest::newRow("words") << "many" << true << false;
    QTest::newRow("negative") << "-5 GiB" << true << false;
  }

  void sizes() {
    QFETCH(QString, text);
    QFETCH(bool, mayBeEmpty);
    QFETCH(bool, right);
    QCOMPARE(problemOfSize(text, mayBeEmpty).isEmpty(), right);
  }

  void planTable() {
    MemoryPlan plan;
    plan.budget = 16u << 20;
    plan.budgetGiven = true;
    plan.weightBytes = 5u << 20;
    plan.expectedPeak = 6u << 20;
    plan.kvCacheBytes = 1u << 20;
    plan.tensors = {{"a.weight", Placement::Static, "dense", false, 4096, 4096, 1024, 512, 0},
                    {"b.weight", Placement::Stream, "streamed", false, 1024, 4096, 1024, 512, 0}};
    PlanModel model;
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setPlan(plan);
    QCOMPARE(model.rowCount(), 2);
    QCOMPARE(model.index(0, PlanModel::Where).data().toString(), QString("static"));
    QCOMPARE(model.index(1, PlanModel::Resident).data().toString(), QString("1.00 KiB"));
    QCOMPARE(model.index(1, PlanModel::Resident).data(Qt::ToolTipRole).toString(), QString("1,024 bytes"));
    QCOMPARE(model.index(0, PlanModel::Final).data(PlanModel::kSortRole).toULongLong(), 4096ull);
    QCOMPARE(planSummary(plan), QString("Expected peak 6.00 MiB of 16.00 MiB (the budget). Tensors: 1 static, 1 stream."));
    QCOMPARE(partsOf(plan).size(), 2);
    QCOMPARE(gaugeText({13u << 20, 14u << 20, 0}, 16u << 20), QString("13.00 MiB of 16.00 MiB, peak 14.00 MiB"));
    QVERIFY(gaugeText({}, 16u << 20).isEmpty());
  }

  void planCsvQuotes() {
    MemoryPlan plan;
    plan.tensors = {{"odd,\"name\"", Placement::Jit, "made", false, 3, 4, 5, 6, 0}};
    QCOMPARE(planToCsv(plan), QByteArray("tensor,placement,resident_bytes,final_bytes,base_bytes,delta_bytes\r\n"
                                         "\"odd,\"\"name\"\"\",jit,3,4,5,6\r\n"));
  }
};

QTEST_GUILESS_MAIN(TestChatSettings)
#include "test_chat_settings.moc"
