// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "core/rebuild/verify.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;
Q_DECLARE_METATYPE(deltascope::CodecId)
Q_DECLARE_METATYPE(deltascope::DType)

namespace {

const char* const kUp = "model.layers.1.mlp.up_proj.weight";

VerifyRequest requestFor(const TunedModel& model, bool withFinal) {
  VerifyRequest request;
  request.path = model.payload();
  request.base = model.at("base");
  if (withFinal) request.final = model.at("final");
  return request;
}

const Verdict& verdictOf(const VerifyResult& result, const std::string& tensor) {
  const auto found = std::ranges::find(result.verdicts, tensor, &Verdict::tensor);
  if (found == result.verdicts.end()) qFatal("no verdict for %s", tensor.c_str());
  return *found;
}

std::uint64_t elementsOf(const std::vector<TensorData>& tensors) {
  std::uint64_t elements = 0;
  for (const auto& tensor : tensors) elements += tensor.bytes.size() / bytesOf(tensor.spec.dtype);
  return elements;
}

}  // namespace

class TestVerify : public QObject {
  Q_OBJECT
 private slots:
  void everyCodecIsBitExact_data() {
    QTest::addColumn<CodecId>("codec");
    QTest::addColumn<DType>("type");
    QTest::addColumn<unsigned>("threads");
    for (const CodecId codec :
         {CodecId::Raw, CodecId::Sparse, CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd, CodecId::Additive})
      for (const DType type : {DType::BF16, DType::F16, DType::F32})
        for (const unsigned threads : {1u, 5u})
          QTest::addRow("%s %s, %u threads", nameOf(codec).data(), nameOf(type).data(), threads) << codec << type << threads;
  }
  void everyCodecIsBitExact() {
    QFETCH(CodecId, codec);
    QFETCH(DType, type);
    QFETCH(unsigned, threads);
    const auto base = smallLlama(type);
    const TunedModel model(codec, base);
    JobContext job;
    job.threads = threads;
    for (const bool withFinal : {false, true}) {
      const auto result = take(verify(requestFor(model, withFinal), job));
      QVERIFY(result.bitExact);
      QCOMPARE(result.tensors, base.size());
      QCOMPARE(result.elementsCompared, elementsOf(base));
      QCOMPARE(result.elementsDifferent, 0u);
      QVERIFY(!result.firstDifference);
      for (const auto& verdict : result.verdicts)
        QCOMPARE(verdictText(verdict), "bit-exact: " + formatCount(verdict.elements) + " of " + formatCount(verdict.elements));
    }
  }

  /// The base's own type is not the final's: what is hashed is what the file holds, not what it was converted to.
  void basesOfAnotherTypeAreChecked() {
    auto final = smallLlama(DType::BF16);
    auto base = smallLlama(DType::F32);
    const TunedModel model(std::nullopt, base, final);
    QVERIFY(take(verify(requestFor(model, true), {})).bitExact);
    const auto checkpoint = take(Checkpoint::open(model.at("base")));
    flipBit(model.at("base/model.safetensors"), checkpoint.find(kUp)->offset + 4 * 1000);  // a bit that BF16 does not see
    const auto result = verify(requestFor(model, true), {});
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Mismatch);
    QVERIFY2(result.error().message.find(kUp) != std::string::npos, result.error().message.c_str());
  }

  void theBaseIsReadOnce_data() {
    QTest::addColumn<int>("type");
    QTest::newRow("of the final's type") << static_cast<int>(DType::BF16);
    QTest::newRow("of another type") << static_cast<int>(DType::F32);
  }
  /// Counted by the system; what is read besides (headers, directories, programs' own files) is far below half a base.
  void theBaseIsReadOnce() {
    QFETCH(int, type);
    const auto bytesRead = [] {
      QFile file("/proc/self/io");
      return file.open(QIODevice::ReadOnly) ? file.readLine().mid(7).toULongLong() : 0;  // "rchar: N"
    };
    const std::uint64_t before = bytesRead();
    if (before == 0) QSKIP("this system does not count what a program reads (/proc/self/io)");
    const TunedModel model(std::nullopt, smallLlama(static_cast<DType>(type)), smallLlama(DType::BF16, 2));
    const std::uint64_t base = fs::file_size(model.at("base/model.safetensors")), payload = fs::file_size(model.payload());
    const std::uint64_t start = bytesRead();
    QVERIFY(take(verify(requestFor(model, false), {})).bitExact);
    const std::uint64_t read = bytesRead() - start;
    QVERIFY2(read >= base, qPrintable(QString("%1 of %2").arg(read).arg(base)));
    QVERIFY2(read < payload + base + base / 2, qPrintable(QString("%1 of %2 + %3").arg(read).arg(base).arg(payload)));
  }

  void damageStaysInItsTensor() {
    const TunedModel model(CodecId::Zstd);
    const auto offset = lastChunkOffset(model.payload(), kUp);
    flipBit(model.payload(), offset + 3);
    const auto result = take(verify(requestFor(model, true), {}));
    QVERIFY(!result.bitExact);
    QCOMPARE(std::ranges::count(result.verdicts, false, &Verdict::bitExact), 1);
    const Verdict& verdict = verdictOf(result, kUp);
    QVERIFY2(verdict.problem.find("offset " + std::to_string(offset)) != std::string::npos, verdict.problem.c_str());
    QVERIFY(verdictText(verdict).starts_with("not bit-exact: "));
    QCOMPARE(result.elementsDifferent, 0u);
    QVERIFY(result.elementsCompared < elementsOf(smallLlama()));
  }

  void aDamagedDirectoryStaysInItsTensor() {
    const TunedModel model(CodecId::Zstd);
    const auto file = take(SafetensorsFile::open(model.payload()));
    flipBit(model.payload(), file.find(kUp)->offset + 7);  // the high byte of the first chunk's end
    const auto result = take(verify(requestFor(model, false), {}));
    QCOMPARE(std::ranges::count(result.verdicts, false, &Verdict::bitExact), 1);
    QVERIFY(!verdictOf(result, kUp).bitExact);
  }

  void aDamagedModelFailsItsUsers() {
    const TunedModel model(CodecId::Entropy);
    const auto payload = take(Payload::open(model.payload()));
    const auto file = take(SafetensorsFile::open(model.payload()));
    const TensorStats* user = payload.find(kUp);
    QVERIFY(user && user->model >= 0);
    const auto* stream = file.find("deltascope.model." + std::to_string(user->model));
    QVERIFY(stream);
    flipBit(model.payload(), stream->offset + 20);
    const auto result = take(verify(requestFor(model, false), {}));
    for (const auto& verdict : result.verdicts) QCOMPARE(verdict.bitExact, payload.find(verdict.tensor)->model != user->model);
  }

  void differencesAreCountedAndPlaced() {
    const TunedModel model;
    const auto final = take(Checkpoint::open(model.at("final")));
    const auto* info = final.find(kUp);
    const auto file = final.fileOf(*info);
    for (const std::uint64_t element : {7000u, 431u, 12'287u}) flipBit(file, info->offset + 2 * element);
    const auto result = take(verify(requestFor(model, true), {}));
    QVERIFY(!result.bitExact);
    QCOMPARE(result.elementsDifferent, 3u);
    QCOMPARE(result.firstDifference->first, kUp);
    QCOMPARE(result.firstDifference->second, 431u);
    QCOMPARE(verdictText(verdictOf(result, kUp)), "3 differ, first at 431");
    QVERIFY2(verdictOf(result, kUp).problem.find("another final") != std::string::npos, verdictOf(result, kUp).problem.c_str());
    QVERIFY(take(verify(requestFor(model, false), {})).bitExact);
  }

  void finalsThatDoNotFitAreNamed_data() {
    QTest::addColumn<QString>("what");
    QTest::addColumn<QString>("says");
    QTest::newRow("missing") << "missing"
                             << "has no such tensor";
    QTest::newRow("extra") << "extra"
                           << "not in the payload";
    QTest::newRow("type") << "type"
                          << "holds it as F16";
    QTest::newRow("shape") << "shape"
                           << "64 × 192";
  }
  void finalsThatDoNotFitAreNamed() {
    QFETCH(QString, what);
    QFETCH(QString, says);
    const TunedModel model;
    std::vector<TensorData> other;
    for (auto tensor : smallLlama()) {
      tensor = nudged(tensor, 3);
      if (tensor.spec.name == kUp) {
        if (what == "missing") continue;
        if (what == "type") tensor.spec.dtype = DType::F16;
        if (what == "shape") std::swap(tensor.spec.shape[0], tensor.spec.shape[1]);
      }
      other.push_back(tensor);
    }
    if (what == "extra") other.push_back(randomTensor("lm_head.weight", DType::BF16, {5, 5}, 3));
    writeModel(model.at("other"), other);
    auto request = requestFor(model, false);
    request.final = model.at("other");
    const auto result = take(verify(request, {}));
    QVERIFY(!result.bitExact);
    QCOMPARE(std::ranges::count(result.verdicts, false, &Verdict::bitExact), 1);
    const Verdict& verdict = verdictOf(result, what == "extra" ? "lm_head.weight" : kUp);
    QVERIFY2(verdict.problem.find(says.toStdString()) != std::string::npos, verdict.problem.c_str());
  }

  void aWrongHashIsToldInFull() {
    const TunedModel folder;
    const auto tensor = randomTensor("a", DType::BF16, {100, 70}, 4);
    writeRawPayload(folder.at("a.delta.safetensors"), tensor, [](TensorStats& row) { row.finalHash.low ^= 1; });
    VerifyRequest request;
    request.path = folder.at("a.delta.safetensors");
    const auto result = take(verify(request, {}));
    QVERIFY(!result.bitExact);
    QVERIFY2(result.verdicts[0].problem.find(toHex(hash128(tensor.bytes))) != std::string::npos,
             result.verdicts[0].problem.c_str());
  }

  void payloadsWithoutBasesNeedNone() {
    const TunedModel folder;
    writeRawPayload(folder.at("a.delta.safetensors"), randomTensor("a", DType::F64, {33}, 4), [](TensorStats&) {});
    VerifyRequest request;
    request.path = folder.at("a.delta.safetensors");
    QVERIFY(take(verify(request, {})).bitExact);
  }

  /// 2^40 elements out of a few kilobytes: refused before memory is taken, whether in one chunk or with a damaged directory.
  void absurdSizesAreRefused_data() {
    QTest::addColumn<bool>("directory");
    QTest::newRow("one chunk") << false;
    QTest::newRow("damaged directory") << true;
  }
  void absurdSizesAreRefused() {
    QFETCH(bool, directory);
    const TunedModel folder;
    writeRawPayload(folder.at("a.delta.safetensors"), randomTensor("a", DType::BF16, {100, 70}, 4), [](TensorStats& row) {
      row.shape = {std::uint64_t{1} << 40};
      row.elements = row.shape[0];
      row.finalBytes = 2 * row.elements;
      row.chunkElements = row.elements;
    });
    const auto stream = take(SafetensorsFile::open(folder.at("a.delta.safetensors"))).header().tensors.front();
    if (directory) flipBit(folder.at("a.delta.safetensors"), stream.offset + 7);
    VerifyRequest request;
    request.path = folder.at("a.delta.safetensors");
    const auto result = verify(request, {});
    QVERIFY(!result);  // before space is reserved, and before the directory is read
    QCOMPARE(result.error().code, ErrorCode::Corrupt);
    QVERIFY2(result.error().message.find("tensor a") != std::string::npos, result.error().message.c_str());
    QVERIFY(residentMemory().peak < std::uint64_t{1} << 30);
  }

  void verdictsArriveInOrderOnTheCallersThread() {
    const TunedModel model;
    const auto payload = take(Payload::open(model.payload()));
    std::vector<std::string> seen;
    auto request = requestFor(model, false);
    bool sameThread = true;
    request.onTensor = [&, caller = std::this_thread::get_id()](const Verdict& verdict) {
      sameThread = sameThread && std::this_thread::get_id() == caller;
      seen.push_back(verdict.tensor);
    };
    std::vector<Progress> reports;
    JobContext job;
    job.threads = 4;
    job.progress = [&](const Progress& progress) { reports.push_back(progress); };
    take(verify(request, job));
    QVERIFY(sameThread);
    QCOMPARE(seen.size(), payload.tensors().size());
    for (std::size_t i = 0; i < seen.size(); ++i) QCOMPARE(seen[i], payload.tensors()[i].name);
    QVERIFY(!reports.empty());
    for (std::size_t i = 1; i < reports.size(); ++i) QVERIFY(reports[i].bytesDone >= reports[i - 1].bytesDone);
    QCOMPARE(reports.back().bytesDone, reports.back().bytesTotal);
    QCOMPARE(reports.back().tensorsDone, payload.tensors().size());
    QCOMPARE(reports.back().phase, "verifying");
  }

  void aStopRequestEndsIt() {
    const TunedModel model;
    std::stop_source stop;
    JobContext job;
    job.stop = stop.get_token();
    auto request = requestFor(model, false);
    int seen = 0;
    request.onTensor = [&](const Verdict&) {
      ++seen;
      stop.request_stop();
    };
    const auto result = verify(request, job);
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Cancelled);
    QCOMPARE(seen, 1);
  }

  void devicesThatAreNotThereAreRefused() {
    const TunedModel model;
    auto request = requestFor(model, false);
    request.device = "cuda:93";
    const auto result = verify(request, {});
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Unsupported);
    QVERIFY2(result.error().message.find("cuda:93") != std::string::npos, result.error().message.c_str());
  }
};

QTEST_APPLESS_MAIN(TestVerify)
#include "test_verify.moc"
