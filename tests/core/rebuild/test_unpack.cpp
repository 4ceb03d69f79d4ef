// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/unpack.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

UnpackRequest requestFor(const TunedModel& model, const std::string& out) {
  UnpackRequest request;
  request.path = model.payload();
  request.base = model.at("base");
  request.out = model.at(out);
  return request;
}

}  // namespace

class TestUnpack : public QObject {
  Q_OBJECT
 private slots:
  void shardsAndIndexAreTheFinals() {
    const TunedModel model;
    const auto result = take(unpack(requestFor(model, "back"), {}));
    const auto final = take(Checkpoint::open(model.at("final")));
    QCOMPARE(result.tensors, final.tensors().size());
    QCOMPARE(result.bytes, final.totalBytes());
    QCOMPARE(difference(model.at("final"), model.at("back")), QString());
    QVERIFY(filesIn(model.at("back")) == filesIn(model.at("final")));
    const auto mine = nlohmann::json::parse(take(readTextFile(model.at("back/model.safetensors.index.json"))));
    const auto theirs = nlohmann::json::parse(take(readTextFile(model.at("final/model.safetensors.index.json"))));
    QVERIFY(mine["weight_map"] == theirs["weight_map"]);
    QCOMPARE(mine["metadata"]["total_size"].get<std::uint64_t>(), final.totalBytes());
  }

  void aPackedModelGivesTheFinalsConfigBack() {
    const TunedModel model;
    PackRequest request;
    request.final = model.at("final");
    request.quantize = QuantFormat::Nf4;
    request.out = model.at("packed");
    take(pack(request, {}));
    QVERIFY(take(readTextFile(model.at("packed/config.json"))) != kConfigText);
    UnpackRequest back;
    back.path = model.at("packed");
    back.out = model.at("back");
    take(unpack(back, {}));
    QCOMPARE(difference(model.at("final"), model.at("back")), QString());
    QCOMPARE(take(readTextFile(model.at("back/config.json"))), kConfigText);
    QVERIFY(filesIn(model.at("back")) == filesIn(model.at("final")));
  }

  void aFailureLeavesNothing_data() {
    QTest::addColumn<QString>("out");
    QTest::newRow("folder") << "back";
    QTest::newRow("file") << "back.safetensors";
  }
  void aFailureLeavesNothing() {
    QFETCH(QString, out);
    const TunedModel model(CodecId::Zstd);
    const std::string last = "model.norm.weight";
    flipBit(model.payload(), lastChunkOffset(model.payload(), last));
    const auto before = model.files();
    const auto result = unpack(requestFor(model, out.toStdString()), {});
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Corrupt);
    QVERIFY2(result.error().message.find(last) != std::string::npos, result.error().message.c_str());
    QVERIFY(model.files() == before);
  }

  void aWrongHashIsAFailure() {
    const TunedModel model;
    writeRawPayload(model.at("a.delta.safetensors"), randomTensor("a", DType::BF16, {9, 9}, 4),
                    [](TensorStats& row) { row.finalHash.high ^= 1; });
    const auto before = model.files();
    UnpackRequest request;
    request.path = model.at("a.delta.safetensors");
    request.out = model.at("back");
    const auto result = unpack(request, {});
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Mismatch);
    QVERIFY(model.files() == before);
  }

  void aStopRequestLeavesNothing_data() { aFailureLeavesNothing_data(); }
  void aStopRequestLeavesNothing() {
    QFETCH(QString, out);
    const TunedModel model;
    const auto before = model.files();
    std::stop_source stop;
    JobContext job;
    job.stop = stop.get_token();
    job.progress = [&](const Progress&) { stop.request_stop(); };
    const auto result = unpack(requestFor(model, out.toStdString()), job);
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Cancelled);
    QVERIFY(model.files() == before);
  }

  void overwritingSwapsWholeFolders() {
    const TunedModel model;
    writeModel(model.at("back"), {randomTensor("old", DType::F32, {3}, 1)});
    auto request = requestFor(model, "back");
    QCOMPARE(unpack(request, {}).error().code, ErrorCode::InvalidArgument);
    request.overwrite = true;
    take(unpack(request, {}));
    QCOMPARE(difference(model.at("final"), model.at("back")), QString());
    QVERIFY(filesIn(model.at("back")) == filesIn(model.at("final")));
    for (const auto& entry : fs::directory_iterator(model.at("")))
      QVERIFY2(!entry.path().filename().string().starts_with("."), entry.path().c_str());
  }

  void aFailedOverwriteKeepsTheOld() {
    const TunedModel model(CodecId::Zstd);
    writeModel(model.at("back"), {randomTensor("old", DType::F32, {3}, 1)});
    flipBit(model.payload(), lastChunkOffset(model.payload(), "model.norm.weight"));
    const auto before = model.files();
    auto request = requestFor(model, "back");
    request.overwrite = true;
    QVERIFY(!unpack(request, {}));
    QVERIFY(model.files() == before);
    QVERIFY(take(Checkpoint::open(model.at("back"))).find("old"));
  }
};

QTEST_APPLESS_MAIN(TestUnpack)
#include "test_unpack.moc"
