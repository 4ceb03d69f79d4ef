// SPDX-License-Identifier: Apache-2.0
// Chunks of every codec decoded as a device does, on the processor and on every GPU found: the bits of core/codec, and safe on
// any bytes.
#include <QtTest>

#include <atomic>
#include <thread>

#include "core/codec/device_chunk.h"
#include "core/codec/device_decoder.h"
#include "core/codec/device_rebuilder.h"
#include "core/codec/lowrank.h"
#include "tests/core/codec/residual_data.h"
#include "tests/core/emulated_backend.h"

using namespace deltascope;
using namespace deltascope::testing;

namespace {

constexpr CodecId kCodecs[] = {CodecId::Identical, CodecId::Raw,  CodecId::Sparse,  CodecId::Entropy,
                               CodecId::Bitpack,   CodecId::Zstd, CodecId::LowRank, CodecId::Additive};
constexpr BaseKind kBases[] = {BaseKind::None, BaseKind::Same, BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8, BaseKind::Int4};
constexpr DType kTypes[] = {DType::BF16, DType::F16, DType::F32};
const char* const kFills[] = {"gaussian", "every pattern", "random bits", "zeros", "special"};

using Bytes = std::vector<std::byte>;

std::shared_ptr<kernels::Backend> openGpu() {
  for (const auto& info : kernels::devices()) {
    if (!info.usable || info.id.rfind("cuda", 0) != 0) continue;
    kernels::BackendOptions options;
    options.device = info.id;
    if (auto opened = kernels::openBackend(options)) return *opened;
  }
  return nullptr;
}

std::string noGpu() {
  for (const auto& info : kernels::devices())
    if (info.id.rfind("cuda", 0) == 0 && !info.usable) return "no GPU: " + info.reason;
  return "no GPU was found";
}

struct Device {
  const char* name;
  std::shared_ptr<kernels::Backend> backend;
};
std::vector<Device> everyDevice() {
  std::vector<Device> devices{{"emulated", std::make_shared<EmulatedBackend>()}};
  if (auto gpu = openGpu()) devices.push_back({"gpu", gpu});
  return devices;
}

/// A final over its base, the model and the chunk that holds the difference.
struct Coded {
  ResidualData data;
  Bytes values;  ///< of a quantized base
  ModelPtr model;
  Bytes chunk;
};

/// As many rows of `columns` as the elements fill.
ModelPtr lowRankModel(std::size_t count, std::uint64_t columns) {
  const std::uint64_t rows = (count + columns - 1) / columns;
  std::vector<LowRankTerm> terms;
  for (const auto& [type, rank, scale] : {std::tuple{DType::F32, 3u, 0.5f}, std::tuple{DType::BF16, 5u, 2.0f}}) {
    LowRankTerm term;
    term.dtype = type;
    term.rank = rank;
    term.scale = scale;
    term.a = makeWeights({type, BaseKind::None, rank * columns, 64, 256, Fill::Gaussian}, 21);
    term.b = makeWeights({type, BaseKind::None, rows * rank, 64, 256, Fill::Gaussian}, 22);
    terms.push_back(std::move(term));
  }
  return makeLowRankModel(rows, columns, false, std::move(terms)).value_or(nullptr);
}

Coded makeCoded(CodecId id, BaseKind base, DType type, Fill fill, std::size_t count, unsigned group) {
  const auto& coder = codec(id);
  Coded coded;
  coded.data = makeData({type, base, count, group, group, fill});
  BaseSlice& slice = coded.data.slice;
  if (base != BaseKind::None && base != BaseKind::Same && coder.needsValues()) {
    coded.values.resize(coded.data.final.size());
    baseValues(slice, coded.values);
    slice.values = coded.values;
  }
  if (id == CodecId::Identical) coded.data.final.assign(slice.values.begin(), slice.values.end());
  if (id == CodecId::LowRank) {
    coded.model = lowRankModel(count, 250);
    if (fill == Fill::Gaussian && count) {  // few corrections, as after a merge
      if (!applyLowRank(*coded.model, slice, coded.data.final)) qFatal("no update");
      for (std::size_t i = 7; i < coded.data.final.size(); i += 1999) coded.data.final[i] ^= std::byte{1};
    }
  } else {
    // The model comes from ordinary weights: the codec must cope with what it was not fitted to.
    auto ordinary = makeData({type, base, 8192, group, group, Fill::Gaussian}, 7);
    Bytes ordinaryValues(ordinary.final.size());
    if (base != BaseKind::None && base != BaseKind::Same) {
      baseValues(ordinary.slice, ordinaryValues);
      ordinary.slice.values = ordinaryValues;
    }
    const DeltaSample sample{ordinary.slice, ordinary.final};
    coded.model = coder.fit({&sample, 1}, {}).value_or(nullptr);
  }
  if (!coder.encode(slice, coded.data.final, coded.model.get(), {}, coded.chunk)) qFatal("a chunk cannot be coded");
  return coded;
}

/// What is wrong, or nothing.
QString differs(const Bytes& a, const Bytes& b, DType type) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return QStringLiteral("element %1 differs").arg(i / bytesOf(type));
  return {};
}

}  // namespace

class TestDeviceDecoder : public QObject {
  Q_OBJECT

 private slots:
  void saysWhyNoGpuIsTested() {
    if (!openGpu()) QSKIP(noGpu().c_str());
  }

  void givesTheBitsOfTheProcessor_data() {
    QTest::addColumn<int>("codec");
    QTest::addColumn<int>("base");
    QTest::addColumn<int>("type");
    QTest::addColumn<int>("fill");
    QTest::addColumn<int>("count");
    QTest::addColumn<int>("group");
    for (CodecId id : kCodecs)
      for (BaseKind base : kBases)
        for (DType type : kTypes) {
          if (!codec(id).supports(base, type)) continue;
          for (int fill = 0; fill < 5; ++fill)
            for (int count : {0, 1, 9, 255, 4095, 4096, 4097, 70001}) {
              if (count == 70001 && fill > 1) continue;
              const int group = base == BaseKind::Int8 ? (count % 2 ? 63 : 1000) : (count % 4 == 1 ? 32 : 4096);
              QTest::addRow("%s %s %s %s %d", nameOf(id).data(), nameOf(base).data(), nameOf(type).data(), kFills[fill], count)
                  << int(id) << int(base) << int(type) << fill << count << group;
            }
        }
  }
  void givesTheBitsOfTheProcessor() {
    QFETCH(int, codec);
    QFETCH(int, base);
    QFETCH(int, type);
    QFETCH(int, fill);
    QFETCH(int, count);
    QFETCH(int, group);
    static const auto devices = everyDevice();
    const Coded coded = makeCoded(CodecId(codec), BaseKind(base), DType(type), Fill(fill), std::size_t(count), unsigned(group));
    for (const auto& device : devices) {
      static std::map<const kernels::Backend*, DeviceRebuilder> rebuilders;
      auto& rebuilder =
          rebuilders.try_emplace(device.backend.get(), device.backend, DeviceRebuilder::Options{true}).first->second;
      Bytes back(coded.data.final.size(), std::byte{0xa5});
      const auto decoded = rebuilder.decode(CodecId(codec), coded.data.slice, coded.chunk, coded.model, 17, back);
      QVERIFY2(decoded.has_value(), decoded ? "" : (device.name + (": " + decoded.error().message)).c_str());
      const QString wrong = differs(back, coded.data.final, DType(type));
      QVERIFY2(wrong.isEmpty(), qPrintable(device.name + (": " + wrong)));
    }
  }

  void survivesDamage_data() {
    QTest::addColumn<int>("codec");
    QTest::addColumn<int>("base");
    QTest::addColumn<int>("type");
    for (CodecId id : kCodecs)
      for (BaseKind base : kBases)
        for (DType type : kTypes)
          if (id != CodecId::Identical && codec(id).supports(base, type))
            QTest::addRow("%s %s %s", nameOf(id).data(), nameOf(base).data(), nameOf(type).data())
                << int(id) << int(base) << int(type);
  }
  /// Ends with an error or some bytes. Where the processor's answer does not depend on what lies behind a tile, it is the same.
  void survivesDamage() {
    QFETCH(int, codec);
    QFETCH(int, base);
    QFETCH(int, type);
    const auto id = CodecId(codec);
    const bool sameAnswer = id != CodecId::Entropy && id != CodecId::Bitpack;
    static const auto devices = everyDevice();
    const Coded coded =
        makeCoded(id, BaseKind(base), DType(type), Fill::Gaussian, 9001, BaseKind(base) == BaseKind::Int8 ? 63 : 64);
    std::mt19937 random(3);
    for (const auto& device : devices) {
      DeviceRebuilder rebuilder(device.backend, {true});
      for (int k = 0; k < 400; ++k) {
        Bytes damaged = coded.chunk;
        if (k % 5 == 0) damaged.resize(random() % (damaged.size() + 40));
        for (unsigned flips = 1 + random() % 4; !damaged.empty() && flips-- > 0;)
          damaged[random() % (k % 2 ? damaged.size() : std::min<std::size_t>(64, damaged.size()))] ^=
              static_cast<std::byte>(1 + random() % 255);
        Bytes back(coded.data.final.size()), want(coded.data.final.size());
        const auto decoded = rebuilder.decode(id, coded.data.slice, damaged, coded.model, 3, back);
        const auto expected = deltascope::codec(id).decode(coded.data.slice, damaged, coded.model.get(), want);
        if (!decoded) QVERIFY2(decoded.error().code == ErrorCode::Corrupt, decoded.error().message.c_str());
        if (sameAnswer && expected) {
          QVERIFY2(decoded.has_value(), decoded ? "" : ("flip " + std::to_string(k) + ": " + decoded.error().message).c_str());
          const QString wrong = differs(back, want, DType(type));
          QVERIFY2(wrong.isEmpty(), qPrintable(QStringLiteral("flip %1: %2").arg(k).arg(wrong)));
        }
        if (sameAnswer && !expected)
          QVERIFY2(!decoded.has_value(), ("flip " + std::to_string(k) + " passed: " + expected.error().message).c_str());
      }
      Bytes back(coded.data.final.size());
      QVERIFY(rebuilder.decode(id, coded.data.slice, coded.chunk, coded.model, 3, back));
      QVERIFY(back == coded.data.final);
    }
  }

  void callsThatComeTogetherKeepApart_data() {
    QTest::addColumn<int>("threads");
    for (const int threads : {1, 2, 7}) QTest::addRow("%d threads", threads) << threads;
  }
  /// Sound chunks of several codecs, and damaged ones of which the device or its decoder tells: each call has its own outcome.
  void callsThatComeTogetherKeepApart() {
    QFETCH(int, threads);
    struct Case {
      CodecId id;
      Coded coded;
      bool sound;
    };
    std::vector<Case> cases;
    for (const CodecId id : kCodecs)
      for (const DType type : {DType::BF16, DType::F32})
        cases.push_back({id, makeCoded(id, BaseKind::Same, type, Fill::Gaussian, 9001, 64), true});
    for (const CodecId id : {CodecId::Raw, CodecId::Sparse}) {
      cases.push_back({id, makeCoded(id, BaseKind::Same, DType::BF16, Fill::Gaussian, 9001, 64), false});
      cases.back().coded.chunk.resize(48);
    }
    for (const auto& device : everyDevice()) {
      DeviceRebuilder rebuilder(device.backend, {true});
      std::atomic<int> wrong = 0;
      {
        std::vector<std::jthread> callers;
        for (int t = 0; t < threads; ++t)
          callers.emplace_back([&, t] {
            for (std::size_t k = 0; k < 3 * cases.size(); ++k) {
              const Case& one = cases[(k + static_cast<std::size_t>(t) * 5) % cases.size()];
              Bytes back(one.coded.data.final.size());
              const auto decoded = rebuilder.decode(one.id, one.coded.data.slice, one.coded.chunk, one.coded.model, 17, back);
              const bool corrupt = !decoded && decoded.error().code == ErrorCode::Corrupt;
              wrong += one.sound ? !decoded || back != one.coded.data.final : !corrupt;
            }
          });
      }
      QCOMPARE(wrong.load(), 0);
    }
  }

  void countsWhatAnInflatedChunkTakes() {
    for (CodecId id : kCodecs)
      for (DType type : kTypes) {
        const Coded coded = makeCoded(id, BaseKind::Same, type, Fill::Gaussian, 5000, 64);
        const auto bound = deviceChunkBound(id, type, 5000, coded.chunk.size());
        if (!isInflated(id, type)) QCOMPARE(bound, std::uint64_t{coded.chunk.size()});
        Bytes form(bound, std::byte{0xff}), small(bound / 2);
        const auto used = writeDeviceChunk(id, type, 0, 5000, coded.chunk, form);
        QVERIFY2(used && *used <= bound, nameOf(id).data());
        for (auto i = *used; i < bound; ++i) QVERIFY(form[i] == std::byte{0});
        if (bound) QVERIFY(!writeDeviceChunk(id, type, 0, 5000, coded.chunk, std::span(small).first(*used / 3)));
      }
  }

  void refusesModelsOfOthers() {
    const Coded coded = makeCoded(CodecId::Entropy, BaseKind::Nf4, DType::BF16, Fill::Gaussian, 5000, 64);
    QVERIFY(DeviceModel::create(CodecId::Entropy, BaseKind::Nf4, DType::BF16, coded.model, 5000));
    QVERIFY(!DeviceModel::create(CodecId::Entropy, BaseKind::Fp4, DType::BF16, coded.model, 5000));
    QVERIFY(!DeviceModel::create(CodecId::Entropy, BaseKind::Nf4, DType::F16, coded.model, 5000));
    QVERIFY(!DeviceModel::create(CodecId::Bitpack, BaseKind::Nf4, DType::BF16, coded.model, 5000));
    QVERIFY(!DeviceModel::create(CodecId::Sparse, BaseKind::Nf4, DType::BF16, nullptr, 5000));
    QVERIFY(!DeviceModel::create(CodecId::LowRank, BaseKind::Nf4, DType::BF16, nullptr, 5000));
    QVERIFY(!DeviceModel::create(CodecId::Raw, BaseKind::None, DType::I64, nullptr, 5000));
  }
};

QTEST_APPLESS_MAIN(TestDeviceDecoder)
#include "test_device_decoder.moc"
