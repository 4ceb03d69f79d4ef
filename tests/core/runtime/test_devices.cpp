// SPDX-License-Identifier: Apache-2.0
// Models that several devices share: lists of devices, how layers are dealt out, and the bits of one device.
#include <QTemporaryDir>
#include <QtTest>
#include <numeric>

#include "core/runtime/device_list.h"
#include "core/runtime/split.h"
#include "tests/core/runtime/demo_session.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

const fs::path kModels = fs::path(DELTASCOPE_TEST_DATA) / "model";

Result<Generation> answer(const LoadRequest& request, DraftRequest draft = {}) {
  DELTASCOPE_ASSIGN(auto model, Model::load(request, {}));
  DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
  GenerateRequest generating;
  generating.prompt = {3, 7, 11, 2, 3, 7, 11};
  generating.maxNewTokens = 12;
  generating.ignoreEnd = true;
  generating.draft = std::move(draft);
  return session->generate(generating, {});
}

}  // namespace

class TestDevices : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void readsLists_data();
  void readsLists();
  void refusesLists_data();
  void refusesLists();
  void saysThatThereIsNoGpu();
  void dealsInRows_data();
  void dealsInRows();
  void dealsInTurn();
  void givesTheBitsOfOneDevice_data();
  void givesTheBitsOfOneDevice();
  void givesTheBitsOfEveryFamily_data();
  void givesTheBitsOfEveryFamily();
  void staysWithinEveryBudget_data();
  void staysWithinEveryBudget();
  void namesTheSmallestBudget();
  void dealsStreamedLayersInTurn();
  void listsWhatEachDeviceHas();
  void refusesMoreDevicesThanLayers();
  void stacksPayloadsAndSharesBases();
  void readsPromptsInPieces();
  void tellsOneProgress();

 private:
  [[nodiscard]] LoadRequest packed(const QString& device = QStringLiteral("cpu")) const {
    LoadRequest request = smallLoad(fs::path(m_scratch.path().toStdString()) / "packed");
    request.device = device.toStdString();
    return request;
  }
  QTemporaryDir m_scratch;
  Generation m_truth;
};

void TestDevices::initTestCase() {
  const auto made = packDemo(fs::path(m_scratch.path().toStdString()) / "packed");
  QVERIFY2(made, made ? "" : said(made.error()).c_str());
  auto truth = run(packed());
  QVERIFY2(truth, truth ? "" : said(truth.error()).c_str());
  m_truth = std::move(*truth);
}

void TestDevices::readsLists_data() {
  QTest::addColumn<QString>("text");
  QTest::addColumn<QStringList>("names");
  QTest::newRow("one") << "cpu" << QStringList{"cpu"};
  QTest::newRow("a GPU") << "cuda:3" << QStringList{"cuda:3"};
  QTest::newRow("the first GPU") << "cuda" << QStringList{"cuda:0"};
  QTest::newRow("all") << "cuda:all" << QStringList{"cuda:all"};
  QTest::newRow("two") << "cuda:0,cuda:1" << QStringList{"cuda:0", "cuda:1"};
  QTest::newRow("another order") << "cuda:1,cuda" << QStringList{"cuda:1", "cuda:0"};
  QTest::newRow("twice") << "cpu,cpu,cpu" << QStringList{"cpu", "cpu", "cpu"};
}

void TestDevices::readsLists() {
  QFETCH(QString, text);
  QFETCH(QStringList, names);
  const auto found = parseDevices(text.toStdString());
  QVERIFY2(found, found ? "" : said(found.error()).c_str());
  QStringList read;
  for (const auto& name : *found) read << QString::fromStdString(name);
  QCOMPARE(read, names);
}

void TestDevices::refusesLists_data() {
  QTest::addColumn<QString>("text");
  QTest::addColumn<QString>("why");
  for (const char* text : {"", ",", "cpu,", ",cpu", "cpu,,cpu"}) QTest::newRow(text) << text << "missing between commas";
  for (const char* text : {"gpu", "cpu:0", "cuda:", "cuda:-1", "cuda:x", "cuda:0x", "cpu, cpu", "cuda:99999999999", "CPU"})
    QTest::newRow(text) << text << "is not a device";
  for (const char* text : {"cpu,cuda:0", "cuda:all,cpu"}) QTest::newRow(text) << text << "round differently";
  QTest::newRow("too many") << QStringList(QList<QString>(65, "cpu")).join(',') << "more than can share";
}

void TestDevices::refusesLists() {
  QFETCH(QString, text);
  QFETCH(QString, why);
  const auto refused = parseDevices(text.toStdString());
  QVERIFY(!refused);
  QCOMPARE(refused.error().code, ErrorCode::InvalidArgument);
  QVERIFY2(QString::fromStdString(refused.error().message).contains(why), refused.error().message.c_str());
  LoadRequest request = packed(text);
  QCOMPARE(Model::load(request, {}).error().code, ErrorCode::InvalidArgument);
  QCOMPARE(planModel(request).error().code, ErrorCode::InvalidArgument);
}

void TestDevices::saysThatThereIsNoGpu() {
  const auto devices = kernels::devices();
  const bool any = std::any_of(devices.begin(), devices.end(),
                               [](const auto& device) { return device.usable && device.id.starts_with("cuda:"); });
  const auto found = findDevices("cuda:all");
  QCOMPARE(found.has_value(), any);
  if (any) return;
  QCOMPARE(found.error().code, ErrorCode::NotFound);
  QVERIFY2(found.error().message.starts_with("there is no GPU that can be used: "), found.error().message.c_str());
}

void TestDevices::dealsInRows_data() {
  using List = QList<quint64>;
  QTest::addColumn<List>("bytes");
  QTest::addColumn<quint64>("before");
  QTest::addColumn<quint64>("after");
  QTest::addColumn<List>("room");
  QTest::addColumn<List>("counts");
  const List four{1, 1, 1, 1};
  QTest::newRow("one device") << four << quint64(5) << quint64(5) << List{1} << List{4};
  QTest::newRow("halves") << four << quint64(0) << quint64(0) << List{1, 1} << List{2, 2};
  QTest::newRow("a layer each") << four << quint64(9) << quint64(9) << List{1, 1, 1, 1} << List{1, 1, 1, 1};
  QTest::newRow("a large embedding") << four << quint64(3) << quint64(0) << List{1, 1} << List{1, 3};
  QTest::newRow("a large head") << four << quint64(0) << quint64(9) << List{1, 1} << List{3, 1};
  QTest::newRow("unequal room") << four << quint64(0) << quint64(0) << List{3, 1} << List{3, 1};
  QTest::newRow("unequal layers") << List{8, 1, 1, 1} << quint64(0) << quint64(0) << List{1, 1} << List{1, 3};
  QTest::newRow("no room at all") << four << quint64(0) << quint64(0) << List{0, 0} << List{2, 2};
}

void TestDevices::dealsInRows() {
  using List = QList<quint64>;
  QFETCH(List, bytes);
  QFETCH(quint64, before);
  QFETCH(quint64, after);
  QFETCH(List, room);
  QFETCH(List, counts);
  const std::vector<std::uint64_t> of(bytes.begin(), bytes.end()), rooms(room.begin(), room.end());
  const LayerDeal deal = ::dealInRows(std::span(of), before, after, rooms);
  QCOMPARE(deal.size(), std::size_t(counts.size()));
  std::uint32_t next = 0;
  for (qsizetype i = 0; i < counts.size(); ++i) {
    QCOMPARE(deal[std::size_t(i)].size(), std::size_t(counts[i]));
    for (const std::uint32_t layer : deal[std::size_t(i)]) QCOMPARE(layer, next++);
  }
}

void TestDevices::dealsInTurn() {
  QCOMPARE(::dealInTurn(5, 2), (LayerDeal{{0, 2, 4}, {1, 3}}));
  QCOMPARE(::dealInTurn(3, 3), (LayerDeal{{0}, {1}, {2}}));
}

void TestDevices::givesTheBitsOfOneDevice_data() {
  QTest::addColumn<QString>("device");
  QTest::addColumn<QString>("placement");
  QTest::addColumn<QString>("draft");
  for (const char* device : {"cpu,cpu", "cpu,cpu,cpu"})
    for (const char* placement : {"", "static", "jit", "stream"})
      for (const char* draft : {"off", "auto", "base", "lookup"}) {
        if (QString(draft) == "base" && QString(placement) != "jit") continue;  // static weights keep no base
        QTest::newRow(qPrintable(QString("%1 %2 %3").arg(device, placement, draft))) << device << placement << draft;
      }
  QTest::newRow("eight, a layer each") << "cpu,cpu,cpu,cpu,cpu,cpu,cpu,cpu"
                                       << "jit"
                                       << "base";
}

void TestDevices::givesTheBitsOfOneDevice() {
  QFETCH(QString, device);
  QFETCH(QString, placement);
  QFETCH(QString, draft);
  LoadRequest request = packed(device);
  request.placement = placementFromName(placement.toStdString());
  request.draftTokens = 3;
  auto model = Model::load(request, {});
  QVERIFY2(model, model ? "" : said(model.error()).c_str());
  QCOMPARE((*model)->plan().devices.size(), std::size_t(device.count(',') + 1));
  auto session = Session::create(*model);
  QVERIFY2(session, session ? "" : said(session.error()).c_str());
  GenerateRequest generating;
  generating.prompt = m_truth.promptIds;
  generating.maxNewTokens = 24;
  generating.ignoreEnd = true;
  generating.draft = {*draftSourceFromName(draft.toStdString()), 3};
  const auto result = (*session)->generate(generating, {});
  QVERIFY2(result, result ? "" : said(result.error()).c_str());
  QCOMPARE(result->ids, m_truth.ids);
  QCOMPARE(result->logitsHash, m_truth.logitsHash);
  if (draft == "base") QVERIFY(result->drafted > 0);
  // The conversation goes on, and another one begins.
  generating.prompt.insert(generating.prompt.end(), result->ids.begin(), result->ids.begin() + 3);
  const auto again = (*session)->generate(generating, {});
  QVERIFY(again && again->reusedTokens >= m_truth.promptIds.size());
  (*session)->clear();
  generating.prompt = m_truth.promptIds;
  const auto anew = (*session)->generate(generating, {});
  QVERIFY(anew);
  QCOMPARE(anew->logitsHash, m_truth.logitsHash);
}

void TestDevices::givesTheBitsOfEveryFamily_data() {
  QTest::addColumn<QString>("model");
  for (const auto& entry : fs::directory_iterator(kModels)) {
    LoadRequest request;
    request.path = entry.path();
    if (!entry.is_directory() || !fs::exists(entry.path() / "model.safetensors") || !planModel(request)) continue;
    QTest::newRow(entry.path().filename().c_str()) << QString::fromStdString(entry.path().filename().string());
  }
}

/// Every small checkpoint that runs: on as many devices as it has layers, in rows and in turn.
void TestDevices::givesTheBitsOfEveryFamily() {
  QFETCH(QString, model);
  LoadRequest request;
  request.path = kModels / model.toStdString();
  request.threads = 1;
  const auto one = answer(request);
  QVERIFY2(one, one ? "" : said(one.error()).c_str());
  const std::size_t layers = planModel(request)->layers.size();
  request.device = "cpu";
  for (std::size_t devices = 2; devices <= layers; ++devices) {
    request.device += ",cpu";
    for (const auto placement : {Placement::Static, Placement::Stream}) {
      request.placement = placement;
      request.draftTokens = 2;                            // wrong ones are stepped back from on every device
      if (const auto plan = planModel(request); !plan) {  // layers that read more than the one before them gives
        QCOMPARE(plan.error().code, ErrorCode::Unsupported);
        QVERIFY2(plan.error().message.ends_with("does not run on several devices yet"), plan.error().message.c_str());
        return;
      }
      const auto several = answer(request, {DraftSource::Lookup, 2});
      QVERIFY2(several, several ? "" : said(several.error()).c_str());
      QCOMPARE(several->ids, one->ids);
      QCOMPARE(several->logitsHash, one->logitsHash);
    }
  }
  if (layers > 1) return;
  request.device = "cpu,cpu";
  QCOMPARE(planModel(request).error().code, ErrorCode::InvalidArgument);
}

void TestDevices::staysWithinEveryBudget_data() {
  QTest::addColumn<QString>("device");
  QTest::addColumn<int>("step");
  for (const char* device : {"cpu,cpu", "cpu,cpu,cpu"})
    for (int step = 0; step < 5; ++step) QTest::newRow(qPrintable(QString("%1 %2").arg(device).arg(step))) << device << step;
}

/// The sum below the budget, each device below its share.
void TestDevices::staysWithinEveryBudget() {
  QFETCH(QString, device);
  QFETCH(int, step);
  LoadRequest request = packed(device);
  request.draftTokens = 4;
  const auto roomy = planModel(request);
  QVERIFY2(roomy, roomy ? "" : said(roomy.error()).c_str());
  const std::uint64_t least = roomy->smallestBudget, most = roomy->expectedPeak;
  QVERIFY(least < most);
  request.memoryBudget = least + (most - least) * static_cast<std::uint64_t>(step) / 4;
  const auto plan = planModel(request);
  QVERIFY2(plan, plan ? "" : said(plan.error()).c_str());
  const auto result = run(request);
  QVERIFY2(result, result ? "" : said(result.error()).c_str());
  QCOMPARE(result->logitsHash, m_truth.logitsHash);
  QVERIFY(result->peakMemoryBytes <= *request.memoryBudget);
  QCOMPARE(result->devicePeaks.size(), plan->devices.size());
  QCOMPARE(std::accumulate(result->devicePeaks.begin(), result->devicePeaks.end(), std::uint64_t{0}), result->peakMemoryBytes);
  for (std::size_t i = 0; i < plan->devices.size(); ++i) {
    QCOMPARE(plan->devices[i].budget, *request.memoryBudget / plan->devices.size());
    QVERIFY(result->devicePeaks[i] <= plan->devices[i].expectedPeak);
    QVERIFY(plan->devices[i].expectedPeak <= plan->devices[i].budget);
  }
}

void TestDevices::namesTheSmallestBudget() {
  LoadRequest request = packed("cpu,cpu,cpu");
  request.memoryBudget = 1'000'000;
  const auto refused = Model::load(request, {});
  QVERIFY(!refused);
  QCOMPARE(refused.error().code, ErrorCode::InvalidArgument);
  QVERIFY2(refused.error().message.find("in equal shares for 3 devices is too small") != std::string::npos,
           refused.error().message.c_str());
  const auto bytes =
      QRegularExpression("\\((\\d+) bytes\\)").match(QString::fromStdString(refused.error().hint)).captured(1).toULongLong();
  QVERIFY2(bytes > 1'000'000, refused.error().hint.c_str());
  request.memoryBudget = bytes;
  const auto result = run(request, 4);
  QVERIFY2(result, result ? "" : said(result.error()).c_str());
  request.memoryBudget = bytes - 3;
  QCOMPARE(Model::load(request, {}).error().code, ErrorCode::InvalidArgument);
}

void TestDevices::dealsStreamedLayersInTurn() {
  LoadRequest request = packed("cpu,cpu");
  auto plan = planModel(request);
  QVERIFY2(plan, plan ? "" : said(plan.error()).c_str());
  QVERIFY(plan->devices[0].layers.back() < plan->devices[1].layers.front());
  request.placement = Placement::Stream;
  plan = planModel(request);
  QCOMPARE(plan->devices[0].layers, (std::vector<std::uint32_t>{0, 2, 4, 6}));
  QCOMPARE(plan->devices[1].layers, (std::vector<std::uint32_t>{1, 3, 5, 7}));
}

void TestDevices::listsWhatEachDeviceHas() {
  const auto one = planModel(packed()), two = planModel(packed("cpu,cpu"));
  QVERIFY(one && two);
  QVERIFY(one->devices.empty());
  QCOMPARE(one->layers.size(), std::size_t{8});
  QCOMPARE(two->device, std::string("cpu,cpu"));
  QCOMPARE(two->layers, one->layers);
  QCOMPARE(two->context, one->context);
  std::uint64_t weights = 0, cache = 0;
  std::size_t tensors = 0;
  for (const MemoryPlan& device : two->devices) {
    QCOMPARE(device.device, std::string("cpu"));
    QVERIFY(device.devices.empty());
    QCOMPARE(device.prefillTokens, two->prefillTokens);
    QCOMPARE(device.draftTokens, two->draftTokens);
    weights += device.weightBytes;
    cache += device.kvCacheBytes;
    tensors += device.tensors.size();
  }
  QCOMPARE(two->weightBytes, weights);
  QCOMPARE(two->kvCacheBytes, cache);
  QCOMPARE(two->kvCacheBytes, one->kvCacheBytes);
  QCOMPARE(two->tensors.size(), tensors);
  QVERIFY(describePlan(*two).find("cpu, layers 0 to ") != std::string::npos);
}

void TestDevices::refusesMoreDevicesThanLayers() {
  const auto refused = Model::load(packed(QStringList(QList<QString>(9, "cpu")).join(',')), {});
  QVERIFY(!refused);
  QCOMPARE(refused.error().code, ErrorCode::InvalidArgument);
  QVERIFY2(refused.error().message.find("8 layers, too few for 9 devices") != std::string::npos,
           refused.error().message.c_str());
}

void TestDevices::stacksPayloadsAndSharesBases() {
  PackRequest lora;
  lora.base = kDemo / "chat";
  lora.adapters = {kDemo / "lora-pirate"};
  lora.out = fs::path(m_scratch.path().toStdString()) / "pirate.delta.safetensors";
  QVERIFY(pack(lora, {}));
  LoadRequest stacked = packed();
  stacked.payloads = {lora.out};
  const auto one = run(stacked);
  QVERIFY2(one, one ? "" : said(one.error()).c_str());
  stacked.device = "cpu,cpu";
  stacked.placement = Placement::Jit;
  auto plain = packed("cpu,cpu");
  plain.placement = Placement::Jit;
  const auto model = Model::load(plain, {});
  QVERIFY2(model, model ? "" : said(model.error()).c_str());
  const std::uint64_t before = (*model)->memory().current;
  const auto sibling = Model::load(stacked, {}, *model);
  QVERIFY2(sibling, sibling ? "" : said(sibling.error()).c_str());
  QVERIFY((*sibling)->memory().current < 2 * before);
  auto session = Session::create(*sibling);
  GenerateRequest generating;
  generating.prompt = one->promptIds;
  generating.maxNewTokens = 24;
  generating.ignoreEnd = true;
  const auto result = (*session)->generate(generating, {});
  QVERIFY2(result, result ? "" : said(result.error()).c_str());
  QCOMPARE(result->logitsHash, one->logitsHash);
}

void TestDevices::readsPromptsInPieces() {
  std::vector<TokenId> prompt(50);
  for (std::size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<TokenId>(100 + 37 * i % 900);
  const auto logits = [&](const LoadRequest& request, std::vector<std::size_t> pieces) -> Result<std::vector<float>> {
    DELTASCOPE_ASSIGN(auto model, Model::load(request, {}));
    DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
    for (const std::size_t piece : pieces) DELTASCOPE_TRY(session->logits(std::span(prompt).first(piece), {}));
    return session->logits(prompt, {});
  };
  const auto whole = logits(packed(), {});
  QVERIFY2(whole, whole ? "" : said(whole.error()).c_str());
  for (const char* device : {"cpu,cpu", "cpu,cpu,cpu"})
    for (const auto placement : {Placement::Jit, Placement::Stream}) {
      LoadRequest request = packed(device);
      request.placement = placement;
      const auto pieces = logits(request, {1, 2, 17, 49});
      QVERIFY2(pieces, pieces ? "" : said(pieces.error()).c_str());
      QVERIFY(std::memcmp(pieces->data(), whole->data(), whole->size() * sizeof(float)) == 0);
    }
}

void TestDevices::tellsOneProgress() {
  JobContext job;
  Progress last;
  job.progress = [&](const Progress& progress) {
    QVERIFY(progress.bytesDone >= last.bytesDone && progress.tensorsDone >= last.tensorsDone);
    QVERIFY(last.bytesTotal == 0 || last.bytesTotal == progress.bytesTotal);
    last = progress;
  };
  const auto model = Model::load(packed("cpu,cpu,cpu"), job);
  QVERIFY2(model, model ? "" : said(model.error()).c_str());
  QCOMPARE(last.bytesDone, last.bytesTotal);
  QCOMPARE(last.tensorsDone, (*model)->plan().tensors.size());
}

QTEST_GUILESS_MAIN(TestDevices)
#include "test_devices.moc"
