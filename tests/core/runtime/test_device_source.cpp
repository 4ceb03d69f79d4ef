// SPDX-License-Identifier: Apache-2.0
// Weights made in a device's memory, from stacks of payloads with chunks of different sizes: the bits that the processor makes.
#include <QtTest>

#include "core/pack/pack.h"
#include "core/rebuild/unpack.h"
#include "core/runtime/delta_source.h"
#include "core/runtime/device_source.h"
#include "tests/core/emulated_backend.h"

using namespace deltascope;
using deltascope::testing::EmulatedBackend;
namespace fs = std::filesystem;

namespace {

const fs::path kDemo = DELTASCOPE_DEMO;

std::shared_ptr<kernels::Backend> openGpu() {
  for (const auto& info : kernels::devices()) {
    if (!info.usable || info.id.rfind("cuda", 0) != 0) continue;
    kernels::BackendOptions options;
    options.device = info.id;
    if (auto opened = kernels::openBackend(options)) return *opened;
  }
  return nullptr;
}

}  // namespace

class TestDeviceSource : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void makesTheBitsOfTheProcessor_data();
  void makesTheBitsOfTheProcessor();
  void refusesPartsOfPieces();

 private:
  [[nodiscard]] fs::path scratch(const std::string& name) const { return fs::path(m_scratch.path().toStdString()) / name; }
  void makes(const TensorOrigin& origin, const Variant& variant, const std::shared_ptr<kernels::Backend>& backend);
  QTemporaryDir m_scratch;
};

/// Quantized bases with a delta each, and deltas from there to the other demo model with other chunks.
void TestDeviceSource::initTestCase() {
  const auto check = [](const auto& result) { QVERIFY2(result, result ? "" : describe(result.error()).c_str()); };
  for (const auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8}) {
    PackRequest request;
    request.final = kDemo / "chat";
    request.quantize = format;
    request.scope = PackScope::All;
    request.out = scratch(std::string(nameOf(format)));
    check(pack(request, {}));
  }
  UnpackRequest unpacking;
  unpacking.path = kDemo / "base.delta.safetensors";
  unpacking.base = kDemo / "chat";
  unpacking.out = scratch("base");
  check(unpack(unpacking, {}));
  for (const auto codec : {CodecId::Sparse, CodecId::Zstd, CodecId::Additive, CodecId::Entropy, CodecId::Bitpack}) {
    PackRequest request;
    request.base = kDemo / "chat";
    request.final = scratch("base");
    request.codec = codec;
    request.chunks = codec == CodecId::Entropy ? 1 : 3;
    request.out = scratch(std::string(nameOf(codec)) + ".delta.safetensors");
    check(pack(request, {}));
  }
}

void TestDeviceSource::makesTheBitsOfTheProcessor_data() {
  QTest::addColumn<QString>("base");
  QTest::addColumn<QString>("payload");
  for (const char* base : {"nf4", "fp4", "int8"})
    for (const char* payload : {"", "sparse", "zstd", "additive", "entropy", "bitpack"})
      QTest::addRow("%s %s", base, payload) << base << payload;
}

void TestDeviceSource::makes(const TensorOrigin& origin, const Variant& variant,
                             const std::shared_ptr<kernels::Backend>& backend) {
  const std::uint64_t size = bytesOf(origin.dtype);
  Host host(backend);
  std::vector<std::byte> want(origin.elements * size);
  DeltaPlaces hostPlaces;
  hostPlaces.file = variant.base;
  const auto cpu = DeltaSource::create(origin, std::move(hostPlaces));
  QVERIFY(cpu);
  for (std::size_t piece = 0; piece < (*cpu)->pieces(); ++piece)
    for (std::uint64_t at = (*cpu)->pieceBegin(piece), end = (*cpu)->pieceBegin(piece + 1); at < end; at += (*cpu)->step())
      QVERIFY((*cpu)->make(piece, at, std::min((*cpu)->step(), end - at), want.data() + at * size));

  std::shared_ptr<ResidentBase> base;
  if (origin.bottom != BaseKind::None) {  // read as the host does, then brought over
    SliceBuffer buffer;
    QVERIFY(variant.base->slice(origin.spec.name, origin.dtype, 0, origin.elements, false, buffer));
    base = std::make_shared<ResidentBase>();
    base->kind = buffer.slice.kind;
    base->group = buffer.slice.group;
    const auto codes = base->kind == BaseKind::Same ? buffer.slice.values : std::as_bytes(buffer.slice.codes);
    base->codes = *backend->allocate(codes.size(), "base");
    backend->copyIn(base->codes.data(), codes.data(), codes.size());
    base->scales = *backend->allocate(buffer.slice.scales.size_bytes() + 16, "scales");
    backend->copyIn(base->scales.data(), buffer.slice.scales.data(), buffer.slice.scales.size_bytes());
  }
  const DeviceShape shape = deviceShape(origin);
  DeviceWork work(backend);
  DeviceWeightPlaces places;
  places.base = base;
  const std::uint64_t before = backend->memory().use().current;
  auto deltas = loadDeviceDeltas(*backend, origin, {});
  QVERIFY2(deltas, deltas ? "" : describe(deltas.error()).c_str());
  places.deltas = *deltas;
  QCOMPARE(backend->memory().use().current - before, shape.deltaBytes);
  const auto source = DeviceSource::create(work, origin, std::move(places));
  QVERIFY2(source, source ? "" : describe(source.error()).c_str());
  QVERIFY((*source)->onDevice());
  QCOMPARE(work.reserved(), shape.workBytes);
  std::vector<std::byte> back(want.size());
  const auto memory = *backend->allocate(shape.step * size, "a piece");
  for (std::size_t piece = 0; piece < (*source)->pieces(); ++piece) {
    const std::uint64_t first = (*source)->pieceBegin(piece), count = (*source)->pieceBegin(piece + 1) - first;
    const auto made = (*source)->make(piece, first, count, memory.as<std::byte>());
    QVERIFY2(made, made ? "" : made.error().message.c_str());
    backend->copyOut(back.data() + first * size, memory.data(), count * size);
    const auto done = backend->synchronize();
    QVERIFY2(done, done ? "" : done.error().message.c_str());
  }
  QVERIFY2(back == want, origin.spec.name.c_str());
}

void TestDeviceSource::makesTheBitsOfTheProcessor() {
  QFETCH(QString, base);
  QFETCH(QString, payload);
  LoadRequest request;
  request.path = scratch(base.toStdString());
  if (!payload.isEmpty()) request.payloads = {scratch(payload.toStdString() + ".delta.safetensors")};
  const auto variant = openVariant(request, ScaleReading::Read);
  QVERIFY2(variant, variant ? "" : describe(variant.error()).c_str());
  std::size_t stacks = 0;
  const auto gpu = openGpu();
  for (const auto& origin : (*variant)->tensors) {
    if (origin.steps.empty()) continue;
    stacks += origin.steps.size() > 1;
    makes(origin, **variant, std::make_shared<EmulatedBackend>());
    if (gpu) makes(origin, **variant, gpu);
    if (QTest::currentTestFailed()) return;
  }
  QVERIFY(payload.isEmpty() == (stacks == 0));
}

void TestDeviceSource::refusesPartsOfPieces() {
  LoadRequest request;
  request.path = kDemo / "base.delta.safetensors";
  request.base = kDemo / "chat";
  const auto variant = openVariant(request, ScaleReading::Read);
  QVERIFY(variant);
  const auto backend = std::make_shared<EmulatedBackend>();
  for (const auto& origin : (*variant)->tensors) {
    if (origin.steps.empty()) continue;
    DeviceWork work(backend);
    QVERIFY(!DeviceSource::create(work, origin, {}));
    DeviceWeightPlaces places;
    places.base = std::make_shared<ResidentBase>();
    places.deltas = *loadDeviceDeltas(*backend, origin, {});
    const auto source = DeviceSource::create(work, origin, places);
    QVERIFY2(source, source ? "" : describe(source.error()).c_str());
    const auto made = (*source)->make(0, 0, 1, nullptr);
    QVERIFY(!made && made.error().message.find(origin.spec.name) != std::string::npos);
    return;
  }
  QFAIL("no weight has a delta");
}

QTEST_APPLESS_MAIN(TestDeviceSource)
#include "test_device_source.moc"
