// SPDX-License-Identifier: Apache-2.0
// The planner on made-up models: budgets are never passed, and used as far as something more fits.
#include <QtTest>

#include "core/runtime/planner.h"

using namespace deltascope;

namespace {

constexpr std::uint64_t kMb = 1'000'000;

FormCost* formOf(TensorCost& cost, Placement placement) {
  for (auto& form : cost.forms)
    if (form.placement == placement && !form.expanded) return &form;
  return nullptr;
}

TensorCost quantizedMatrix(const std::string& name, std::uint64_t finalBytes) {
  TensorCost cost;
  cost.name = name;
  cost.matrix = true;
  cost.finalBytes = finalBytes;
  cost.baseBytes = finalBytes * 28 / 100;
  cost.deltaBytes = finalBytes * 43 / 100;
  cost.rowBytes = 8192;
  FormCost dense, made, streamed;
  dense.residentBytes = finalBytes;
  dense.loadWorkBytes = cost.deltaBytes / 64 + 262144;
  made.placement = Placement::Jit;
  made.residentBytes = cost.baseBytes + cost.deltaBytes;
  made.stepBytes = 262144;
  made.pieces = 64;
  streamed = made;
  streamed.placement = Placement::Stream;
  streamed.residentBytes = cost.baseBytes;
  streamed.pieceBytes = cost.deltaBytes / 64;
  cost.forms = {dense, made, streamed};
  return cost;
}

TensorCost vectorOf(const std::string& name, std::uint64_t bytes) {
  TensorCost cost;
  cost.name = name;
  cost.finalBytes = bytes;
  cost.forms.emplace_back().residentBytes = bytes;
  return cost;
}

/// Layers of one large and two small matrices and a norm.
PlanRequest modelOf(unsigned layers) {
  PlanRequest request;
  request.device = "cpu";
  request.budgetGiven = true;
  request.threads = 2;
  request.contexts = {1024, 512};
  request.prefillTokens = {64, 16, 1};
  request.kvCacheBytes = [](std::uint32_t context) { return context * std::uint64_t{1000}; };
  request.activationBytes = [](std::uint32_t tokens) { return tokens * std::uint64_t{5000}; };
  request.scratchBytes = [](std::uint64_t step, std::uint64_t row, std::size_t) { return 2 * (step + row); };
  for (unsigned i = 0; i < layers; ++i) {
    request.tensors.push_back(vectorOf("norm" + std::to_string(i), 8192));
    request.tensors.push_back(quantizedMatrix("small" + std::to_string(i), 8 * kMb));
    request.tensors.push_back(quantizedMatrix("large" + std::to_string(i), 120 * kMb));
  }
  return request;
}

}  // namespace

class TestPlan : public QObject {
  Q_OBJECT
 private slots:
  void staysWithinAndUsesBudgets_data();
  void staysWithinAndUsesBudgets();
  void refusesWithTheSmallestThatWorks();
  void prefersSmallTensorsThenFills();
  void followsAForcedPlacement_data();
  void followsAForcedPlacement();
  void leavesWhatIsMultipliedAsStored();
  void countsWhatIsHeldAlready();
  void shortensTheContextWhereItMust();
  void readsPromptsInLargerCallsWhereThereIsRoom();
  void takesMoreScratchOfWhatIsLeft();
  void expandsJitTensorsWithinTheBudget_data();
  void expandsJitTensorsWithinTheBudget();
};

void TestPlan::staysWithinAndUsesBudgets_data() {
  QTest::addColumn<quint64>("budget");
  const auto smallest = makePlan([] {
    auto request = modelOf(10);
    request.budget = 10'000 * kMb;
    return request;
  }());
  const std::uint64_t least = smallest->smallestBudget, most = smallest->expectedPeak;
  for (int i = 0; i <= 20; ++i) {
    const std::uint64_t budget = least + (most - least) * static_cast<std::uint64_t>(i) / 20;
    QTest::newRow(qPrintable(QString::number(budget))) << quint64(budget);
  }
}

void TestPlan::staysWithinAndUsesBudgets() {
  QFETCH(quint64, budget);
  auto request = modelOf(10);
  request.budget = budget;
  const auto plan = makePlan(request);
  QVERIFY2(plan, plan ? "" : describe(plan.error()).c_str());
  QVERIFY(plan->expectedPeak <= budget);
  std::uint64_t resident = 0;
  for (const auto& tensor : plan->tensors) resident += tensor.residentBytes;
  QCOMPARE(plan->weightBytes, resident);
  // Nothing more fits: every tensor that could be better placed would pass the budget.
  for (const auto& tensor : plan->tensors)
    if (tensor.placement != Placement::Static) {
      auto& cost = request.tensors[static_cast<std::size_t>(&tensor - plan->tensors.data())];
      const auto better = tensor.placement == Placement::Stream ? Placement::Jit : Placement::Static;
      const auto more = formOf(cost, better)->residentBytes - tensor.residentBytes;
      QVERIFY2(plan->expectedPeak + more > budget, tensor.name.c_str());
    }
}

void TestPlan::refusesWithTheSmallestThatWorks() {
  auto request = modelOf(10);
  request.budget = 10 * kMb;
  const auto refused = makePlan(request);
  QVERIFY(!refused);
  QCOMPARE(refused.error().code, ErrorCode::InvalidArgument);
  const QString hint = QString::fromStdString(refused.error().hint);
  const auto bytes = QRegularExpression("\\((\\d+) bytes\\)").match(hint).captured(1).toULongLong();
  QVERIFY2(bytes > request.budget, qPrintable(hint));
  request.budget = bytes;
  QVERIFY(makePlan(request));
  request.budget = bytes - 1;
  QVERIFY(!makePlan(request));
}

void TestPlan::prefersSmallTensorsThenFills() {
  auto request = modelOf(4);
  request.budget = 100'000 * kMb;
  request.budget = makePlan(request)->expectedPeak - 60 * kMb;  // two large ones cannot be static
  const auto plan = makePlan(request);
  QVERIFY(plan);
  for (const auto& tensor : plan->tensors)
    if (tensor.finalBytes <= kStaticThreshold) QCOMPARE(tensor.placement, Placement::Static);
  QVERIFY(plan->count(Placement::Jit) > 0);
  QVERIFY(plan->count(Placement::Jit) < 4);
}

void TestPlan::followsAForcedPlacement_data() {
  QTest::addColumn<int>("placement");
  QTest::newRow("static") << int(Placement::Static);
  QTest::newRow("jit") << int(Placement::Jit);
  QTest::newRow("stream") << int(Placement::Stream);
}

void TestPlan::followsAForcedPlacement() {
  QFETCH(int, placement);
  auto request = modelOf(3);
  request.budget = 10'000 * kMb;
  request.placement = static_cast<Placement>(placement);
  const auto plan = makePlan(request);
  QVERIFY(plan);
  for (std::size_t i = 0; i < plan->tensors.size(); ++i)
    QCOMPARE(plan->tensors[i].placement, request.tensors[i].matrix ? *request.placement : Placement::Static);
}

void TestPlan::leavesWhatIsMultipliedAsStored() {
  auto request = modelOf(1);
  auto& cost = request.tensors[1];
  cost.forms.pop_back();
  formOf(cost, Placement::Jit)->asStored = true;
  formOf(cost, Placement::Jit)->stepBytes = 0;
  request.budget = 10'000 * kMb;
  const auto plan = makePlan(request);
  QVERIFY(plan);
  QCOMPARE(plan->tensors[1].placement, Placement::Jit);
  QCOMPARE(plan->tensors[2].placement, Placement::Static);
}

void TestPlan::countsWhatIsHeldAlready() {
  auto request = modelOf(2);
  request.budget = 200 * kMb;
  const auto alone = makePlan(request);
  request.heldBytes = 50 * kMb;
  const auto shared = makePlan(request);
  QVERIFY(alone && shared);
  QVERIFY(shared->expectedPeak <= request.budget);
  QVERIFY(shared->weightBytes < alone->weightBytes);
}

void TestPlan::shortensTheContextWhereItMust() {
  auto request = modelOf(2);
  request.budget = 10'000 * kMb;
  QCOMPARE(makePlan(request)->context, 1024u);
  request.contexts = {512};
  request.budget = 1;
  const auto hint = QString::fromStdString(makePlan(request).error().hint);
  request.budget = QRegularExpression("\\((\\d+) bytes\\)").match(hint).captured(1).toULongLong();
  request.contexts = {1024, 512};
  const auto tight = makePlan(request);
  QVERIFY(tight);
  QCOMPARE(tight->context, 512u);
}

void TestPlan::expandsJitTensorsWithinTheBudget_data() {
  QTest::addColumn<qulonglong>("budget");
  QTest::addColumn<bool>("allowed");
  QTest::addColumn<int>("expanded");
  QTest::newRow("room for all") << qulonglong{2000 * kMb} << true << 4;
  QTest::newRow("room for one large") << qulonglong{285 * kMb} << true << 3;
  QTest::newRow("no room to make a large one") << qulonglong{235 * kMb} << true << 2;
  QTest::newRow("not wanted") << qulonglong{2000 * kMb} << false << 0;
}

/// What is expanded is read no more bytes than what is static, so it stays so.
void TestPlan::expandsJitTensorsWithinTheBudget() {
  QFETCH(qulonglong, budget);
  QFETCH(bool, allowed);
  QFETCH(int, expanded);
  PlanRequest request = modelOf(2);
  request.budget = budget;
  request.expand = allowed;
  for (auto& cost : request.tensors) {
    if (!cost.matrix) continue;
    formOf(cost, Placement::Static)->loadWorkBytes = 0;
    FormCost units = *formOf(cost, Placement::Jit);
    units.expanded = true;
    units.loadBytes = units.residentBytes;
    units.residentBytes = cost.finalBytes * 81 / 100;
    cost.forms.push_back(units);
  }
  const auto plan = makePlan(request);
  QVERIFY2(plan.has_value(), plan ? "" : plan.error().message.c_str());
  QVERIFY(plan->expectedPeak <= budget);
  QCOMPARE(static_cast<int>(plan->expandedCount()), expanded);
  for (const auto& tensor : plan->tensors) {
    if (!tensor.expanded) continue;
    QVERIFY(tensor.placement == Placement::Jit);
    QCOMPARE(tensor.residentBytes, tensor.finalBytes * 81 / 100);
    QVERIFY(tensor.loadBytes > 0);
  }
}

void TestPlan::readsPromptsInLargerCallsWhereThereIsRoom() {
  auto request = modelOf(2);
  request.budget = 10'000 * kMb;
  const auto roomy = makePlan(request);
  QCOMPARE(roomy->prefillTokens, 64u);
  request.budget = roomy->smallestBudget;
  QCOMPARE(makePlan(request)->prefillTokens, 1u);
}

void TestPlan::takesMoreScratchOfWhatIsLeft() {
  auto request = modelOf(2);
  request.placement = Placement::Jit;
  request.budget = 10'000 * kMb;
  const auto without = makePlan(request);
  for (const std::uint64_t useful : {std::uint64_t{0}, without->scratchBytes, 40 * kMb, 500 * kMb}) {
    request.usefulScratchBytes = useful;
    const std::uint64_t wanted = std::max(without->scratchBytes, std::min(useful, 120 * kMb));  // the largest matrix's bytes
    request.budget = 10'000 * kMb;
    const auto roomy = makePlan(request);
    QCOMPARE(roomy->scratchBytes, wanted);
    QCOMPARE(roomy->expectedPeak, without->expectedPeak + wanted - without->scratchBytes);
    QCOMPARE(roomy->smallestBudget, without->smallestBudget);
    request.budget = without->expectedPeak + 1000;
    const auto tight = makePlan(request);
    QCOMPARE(tight->scratchBytes, std::min(wanted, without->scratchBytes + 1000));
    QVERIFY(tight->expectedPeak <= request.budget);
  }
}

QTEST_GUILESS_MAIN(TestPlan)
#include "test_plan.moc"
