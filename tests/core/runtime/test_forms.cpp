// SPDX-License-Identifier: Apache-2.0
// The forms of weights on a processor and on a stand-in for a GPU: which a placement gives, that memory is what was planned,
// and that nothing changes a bit.
#include <QtTest>

#include <set>

#include "core/pack/pack.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/weight_store.h"
#include "tests/core/gpu_stand_in.h"

using namespace deltascope;
using deltascope::testing::GpuStandIn;
using MatrixForm = kernels::Matrix::Form;
namespace fs = std::filesystem;

namespace {

const fs::path kDemo = DELTASCOPE_DEMO;
constexpr unsigned kThreads = 2;

template <class T>
void check(const Result<T>& result) {
  QVERIFY2(result.has_value(), result ? "" : describe(result.error()).c_str());
}

/// Every element, of a weight that is there or made; empty where only a GPU could say.
std::vector<std::byte> elementsOf(const kernels::Matrix& matrix) {
  const std::uint64_t size = kernels::bytesOf(matrix.type), count = matrix.rows * matrix.columns;
  std::vector<std::byte> bytes(static_cast<std::size_t>(count * size));
  if (matrix.form == MatrixForm::Dense && !matrix.feed) {
    std::memcpy(bytes.data(), matrix.elements, bytes.size());
  } else if (matrix.form == MatrixForm::Dense) {
    for (const auto& rows : matrix.feedRows)
      if (const auto got = matrix.feed->acquire(rows.item))
        std::memcpy(bytes.data() + rows.firstRow * matrix.columns * size, *got, rows.rows * matrix.columns * size);
  } else if (matrix.form == MatrixForm::Made) {
    const auto& source = *matrix.source;
    for (std::size_t p = 0; p < source.pieces(); ++p)
      for (std::uint64_t at = source.pieceBegin(p), end = source.pieceBegin(p + 1); at < end; at += source.step())
        if (!source.make(p, at, std::min(source.step(), end - at), bytes.data() + at * size)) return {};
  } else {
    return {};
  }
  return bytes;
}

}  // namespace

class TestForms : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void aPlacementHasItsForm_data();
  void aPlacementHasItsForm();
  void bytesOfFilesAreTheSameForEveryDevice_data();
  void bytesOfFilesAreTheSameForEveryDevice();
  void unitsThatDoNotFitStayTiles();

 private:
  [[nodiscard]] std::shared_ptr<Variant> open(const QString& model) const;
  [[nodiscard]] static std::shared_ptr<Host> host(const QString& device);
  [[nodiscard]] static Result<MemoryPlan> planOf(const Variant& variant, const Host& on, Placement placement, bool expand);
  QTemporaryDir m_scratch;
};

void TestForms::initTestCase() {
  struct Packed {
    const char* name;
    QuantFormat format;
    CodecId codec;
  };
  for (const Packed& packed :
       {Packed{"nf4", QuantFormat::Nf4, CodecId::Entropy}, Packed{"int8", QuantFormat::Int8, CodecId::Zstd}}) {
    PackRequest request;
    request.final = kDemo / "chat";
    request.quantize = packed.format;
    request.scope = PackScope::All;
    request.codec = packed.codec;
    request.out = fs::path(m_scratch.path().toStdString()) / packed.name;
    check(pack(request, {}));
  }
}

/// "nf4", "nf4 base" for the base alone, "chat" for the plain model.
std::shared_ptr<Variant> TestForms::open(const QString& model) const {
  LoadRequest request;
  request.path =
      model == "chat" ? kDemo / "chat" : fs::path(m_scratch.path().toStdString()) / model.section(' ', 0, 0).toStdString();
  request.baseOnly = model.endsWith("base");
  const auto variant = openVariant(request, ScaleReading::Read);
  return variant ? *variant : nullptr;
}

std::shared_ptr<Host> TestForms::host(const QString& device) {
  if (device == "gpu") return std::make_shared<Host>(std::make_shared<GpuStandIn>());
  return std::make_shared<Host>(*kernels::openBackend({}));
}

Result<MemoryPlan> TestForms::planOf(const Variant& variant, const Host& on, Placement placement, bool expand) {
  PlanRequest request = planRequest(variant, on.backend(), nullptr);
  request.budget = std::uint64_t{1} << 40;
  request.placement = placement;
  request.threads = kThreads;
  request.expand = expand;
  request.contexts = {1};
  request.prefillTokens = {1};
  request.kvCacheBytes = [](std::uint32_t) { return std::uint64_t{0}; };
  request.activationBytes = [](std::uint32_t) { return std::uint64_t{0}; };
  return makePlan(request);
}

void TestForms::aPlacementHasItsForm_data() {
  QTest::addColumn<QString>("device");
  QTest::addColumn<QString>("model");
  QTest::addColumn<QString>("placement");
  QTest::addColumn<QString>("form");
  const auto row = [](const char* device, const char* model, const char* placement, const char* form) {
    QTest::addRow("%s %s %s", device, model, placement) << device << model << placement << form;
  };
  row("cpu", "chat", "static", "dense");
  row("cpu", "chat", "stream", "streamed");
  row("cpu", "nf4", "static", "dense");
  row("cpu", "nf4", "jit", "made");
  row("cpu", "nf4", "stream", "streamed");
  row("cpu", "nf4 base", "jit", "quantized");
  row("cpu", "int8", "jit", "made");
  row("cpu", "int8 base", "jit", "quantized");
  row("gpu", "chat", "stream", "streamed");
  row("gpu", "nf4", "static", "dense");
  row("gpu", "nf4", "jit", "tiles");
  row("gpu", "nf4", "jit expanded", "units");
  row("gpu", "nf4", "stream", "streamed");
  row("gpu", "nf4 base", "jit", "units");
  row("gpu", "int8", "jit", "made");
  row("gpu", "int8", "stream", "made");  // nothing of it can stream
  row("gpu", "int8 base", "jit", "quantized");
}

/// Matrices alone; vectors are dense. A plain weight that is small stays dense too.
void TestForms::aPlacementHasItsForm() {
  QFETCH(QString, device);
  QFETCH(QString, model);
  QFETCH(QString, placement);
  QFETCH(QString, form);
  const auto variant = open(model);
  QVERIFY(variant);
  const auto on = host(device);
  const auto wanted = placementFromName(placement.section(' ', 0, 0).toStdString());
  const auto plan = planOf(*variant, *on, *wanted, placement.endsWith("expanded"));
  check(plan);
  std::set<std::string> forms;
  for (std::size_t i = 0; i < plan->tensors.size(); ++i)
    if (isMatrix(variant->tensors[i].spec.role) && (model != "chat" || plan->tensors[i].placement == *wanted))
      forms.emplace(plan->tensors[i].form);
  QCOMPARE(forms, std::set<std::string>{form.toStdString()});

  kernels::MemoryAccount& account = on->backend().memory();
  const std::uint64_t before = account.use().current;
  JobContext job;
  job.threads = kThreads;
  const auto store = WeightStore::load(on, variant, *plan, job);
  check(store);
  QVERIFY(account.use().current - before <= plan->weightBytes + plan->workBytes + plan->streamBytes);
  QVERIFY(account.use().peak - before <= plan->expectedPeak - plan->heldBytes);
  for (std::size_t i = 0; i < variant->tensors.size(); ++i) {
    const TensorOrigin& origin = variant->tensors[i];
    const auto elements = elementsOf((*store)->matrix(i));
    if (!elements.empty() && origin.finalHash) QVERIFY2(hash128(elements) == *origin.finalHash, origin.spec.name.c_str());
  }
}

void TestForms::bytesOfFilesAreTheSameForEveryDevice_data() {
  QTest::addColumn<QString>("model");
  for (const char* model : {"chat", "nf4", "nf4 base", "int8"}) QTest::newRow(model) << model;
}

void TestForms::bytesOfFilesAreTheSameForEveryDevice() {
  QFETCH(QString, model);
  const auto variant = open(model);
  QVERIFY(variant);
  const auto there = tensorCosts(*variant, host("gpu")->backend(), nullptr);
  const auto here = tensorCosts(*variant, host("cpu")->backend(), nullptr);
  QCOMPARE(there.size(), here.size());
  for (std::size_t i = 0; i < here.size(); ++i) {
    std::uint64_t stored = 0;
    for (const auto& step : variant->tensors[i].steps) stored += step.stats->storedBytes;
    QCOMPARE(here[i].deltaBytes, stored);
    QCOMPARE(there[i].deltaBytes, stored);
    QCOMPARE(there[i].baseBytes, here[i].baseBytes);
    QCOMPARE(there[i].finalBytes, here[i].finalBytes);
  }
}

/// The plan cannot know: what is held then takes less.
void TestForms::unitsThatDoNotFitStayTiles() {
  const auto variant = open("nf4");
  QVERIFY(variant);
  const auto on = host("gpu");
  const auto plan = planOf(*variant, *on, Placement::Jit, true);
  check(plan);
  const auto store = WeightStore::load(on, variant, *plan, {});
  check(store);
  std::size_t tiles = 0, units = 0;
  for (std::size_t i = 0; i < variant->tensors.size(); ++i) {
    const kernels::Matrix matrix = (*store)->matrix(i);
    if (matrix.form != MatrixForm::Tiled) continue;
    const bool fits = matrix.tiles.code == kernels::Tiles::Code::Bytes;
    fits ? ++units : ++tiles;
    if (fits)
      QVERIFY(!matrix.codes && *reinterpret_cast<const std::uint64_t*>(matrix.tiles.stream) % GpuStandIn::kMisfits != 0);
    else
      QVERIFY(matrix.tiles.offsets && matrix.codes &&
              testing::markOf(matrix.codes, matrix.rows * matrix.columns / 2) % GpuStandIn::kMisfits == 0);
  }
  QVERIFY(tiles > 0 && units > tiles);
}

QTEST_APPLESS_MAIN(TestForms)
#include "test_forms.moc"
