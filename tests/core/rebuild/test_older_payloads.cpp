// SPDX-License-Identifier: Apache-2.0
// Payloads of version 1 as the first program wrote them, made by tests/data/payload/make_v1.py: every codec over every kind of
// base for finals of each type. What people have on their disks must go on giving the same bits.
#include <set>

#include "core/rebuild/unpack.h"
#include "core/rebuild/verify.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

const fs::path kFolder = fs::path(DELTASCOPE_TEST_DATA) / "payload/v1";

/// "nf4-nested-entropy.delta.safetensors": what stands before the codec.
std::string baseOf(const std::string& file) {
  const auto kind = file.substr(0, file.find('.'));
  return "base-" + kind.substr(0, kind.rfind('-')) + ".safetensors";
}

std::vector<std::string> payloadFiles() {
  auto files = filesIn(kFolder);
  std::erase_if(files, [](const std::string& name) { return !name.ends_with(".delta.safetensors"); });
  return files;
}

}  // namespace

class TestOlderPayloads : public QObject {
  Q_OBJECT
 private slots:
  void coverEveryCodecAndBase();
  void giveTheSameBits_data();
  void giveTheSameBits();
  void areStillWrittenAsVersionOne();
};

void TestOlderPayloads::coverEveryCodecAndBase() {
  std::set<std::tuple<CodecId, BaseKind, DType>> seen;
  for (const auto& file : payloadFiles()) {
    const auto payload = take(Payload::open(kFolder / file));
    QCOMPARE(payload.version(), 1);
    QVERIFY(payload.companions().empty());
    for (const auto& t : payload.tensors()) {
      seen.emplace(t.codec, t.base, t.dtype);
      QVERIFY(t.baseState == Hash128{});
    }
  }
  for (const auto codec : {CodecId::Sparse, CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::Additive})
    for (const auto base : {BaseKind::Same, BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8})
      for (const auto dtype : {DType::BF16, DType::F16, DType::F32})
        QVERIFY2(seen.contains({codec, base, dtype}),
                 qPrintable(QString("%1 over %2").arg(nameOf(codec).data(), nameOf(base).data())));
  for (const auto dtype : {DType::BF16, DType::F16, DType::F32}) {
    QVERIFY(seen.contains({CodecId::LowRank, BaseKind::Same, dtype}));
    for (const auto codec : {CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd})
      QVERIFY(seen.contains({codec, BaseKind::None, dtype}));
  }
  QVERIFY(seen.contains({CodecId::Raw, BaseKind::None, DType::I64}));
}

void TestOlderPayloads::giveTheSameBits_data() {
  QTest::addColumn<QString>("file");
  for (const auto& file : payloadFiles()) QTest::newRow(file.c_str()) << QString::fromStdString(file);
}

void TestOlderPayloads::giveTheSameBits() {
  QFETCH(QString, file);
  const auto name = file.toStdString();
  VerifyRequest request;
  request.path = kFolder / name;
  request.base = kFolder / baseOf(name);
  const auto verified = take(verify(request, {}));
  for (const auto& verdict : verified.verdicts) QVERIFY2(verdict.bitExact, verdict.problem.c_str());
  QVERIFY(verified.bitExact);

  QTemporaryDir folder;
  UnpackRequest unpacking;
  unpacking.path = request.path;
  unpacking.base = request.base;
  unpacking.out = fs::path(folder.path().toStdString()) / "out";
  take(unpack(unpacking, {}));
  const auto made = take(Checkpoint::open(unpacking.out));
  const auto right =
      take(Checkpoint::open(kFolder / (name.find("lowrank") == std::string::npos ? "final.safetensors" : "lora.safetensors")));
  QVERIFY(made.tensors().size() >= 4);
  for (const auto& tensor : made.tensors()) {
    const auto* other = right.find(tensor.name);
    QVERIFY(other && other->dtype == tensor.dtype && other->shape == tensor.shape);
    QVERIFY2(take(made.readAll(tensor)) == take(right.readAll(*other)), tensor.name.c_str());
  }
}

/// What the first program can read is written for it.
void TestOlderPayloads::areStillWrittenAsVersionOne() {
  const TunedModel tuned;
  QCOMPARE(take(Payload::open(tuned.payload())).version(), 2);  // it carries companions
  PackRequest request;
  request.final = tuned.at("final");
  request.quantize = QuantFormat::Nf4;
  request.out = tuned.at("packed");
  const auto packed = take(pack(request, {}));
  QCOMPARE(take(Payload::open(packed.payload)).version(), 1);
}

QTEST_APPLESS_MAIN(TestOlderPayloads)
#include "test_older_payloads.moc"
