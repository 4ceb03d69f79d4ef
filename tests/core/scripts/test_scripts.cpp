// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/checkpoint/checkpoint.h"
#include "core/inspect/inspect.h"
#include "core/pack/import.h"
#include "core/rebuild/unpack.h"
#include "core/scripts/scripts.h"

using namespace deltascope;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path kScripts = fs::path(DELTASCOPE_TEST_DATA) / "pipeline/scripts";

fs::path payloadOf(const QString& name) { return kScripts / ("delta_" + name.toStdString() + ".pkl"); }

json expected() { return json::parse(std::ifstream(kScripts / "expected.json")); }

QString textOf(const std::vector<Finding>& findings) {
  QStringList lines;
  for (const auto& finding : findings) lines << QString::fromStdString(describe(finding));
  return lines.join('\n');
}

const char* messageOf(const Error& error) { return error.message.c_str(); }

}  // namespace

class TestScripts : public QObject {
  Q_OBJECT

  std::unique_ptr<QTemporaryDir> m_temporary;
  fs::path m_folder;

  /// A folder as the scripts left it, with one payload.
  fs::path folderWith(const QString& name) {
    const auto folder = m_folder / "old";
    fs::create_directories(folder);
    fs::copy_file(kScripts / "base_model.pth", folder / "base_model.pth");
    fs::copy_file(payloadOf(name), folder / payloadOf(name).filename());
    return folder;
  }
  ImportRequest importOf(const QString& name, bool withFinal) {
    ImportRequest request;
    request.path = payloadOf(name);
    if (withFinal) request.final = kScripts / "final.safetensors";
    request.out = m_folder / "out.delta.safetensors";
    return request;
  }
  /// Files in the output's folder, hidden ones too.
  QStringList leftovers() const {
    return QDir(QString::fromStdString(m_folder.string())).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
  }

 private slots:
  void init() {
    m_temporary = std::make_unique<QTemporaryDir>();
    m_folder = m_temporary->path().toStdString();
  }

  void filesOfTheScriptsAreFound() {
    const auto folder = folderWith("whole");
    for (const auto& path : {folder, folder / "delta_whole.pkl"}) {
      const auto files = locateModel(path);
      QVERIFY(files);
      QCOMPARE(files->kind, ModelFiles::Kind::Scripts);
      QCOMPARE(files->payload, folder / "delta_whole.pkl");
      QCOMPARE(files->base, folder / "base_model.pth");
    }
    const auto given = locateModel(folder, kScripts / "final.safetensors");
    QCOMPARE(given->base, kScripts / "final.safetensors");
    QCOMPARE(locateModel(folder / "base_model.pth")->kind, ModelFiles::Kind::Checkpoint);
    fs::copy_file(payloadOf("empty"), folder / "delta_empty.pkl");
    const auto two = locateModel(folder);
    QVERIFY(!two);
    QVERIFY2(
        QString::fromStdString(two.error().message).contains("2 payloads of the scripts: delta_empty.pkl, delta_whole.pkl"),
        messageOf(two.error()));
  }

  void aPayloadIsInspected() {
    const auto inspection = inspect(payloadOf("whole"));
    QVERIFY2(inspection, inspection ? "" : messageOf(inspection.error()));
    QVERIFY2(inspection->findings.empty(), qPrintable(textOf(inspection->findings)));
    QCOMPARE(inspection->tensors.size(), std::size_t(6));
    const auto& row = inspection->tensors[1];
    QCOMPARE(row.name, std::string("layers.2.weight"));
    QCOMPARE(row.elements, 48u * 32);
    QCOMPARE(row.codec, CodecId::Additive);
    QCOMPARE(row.chunkCount, 64u);
    QCOMPARE(row.dtype, DType::BF16);
    QVERIFY(row.storedBytes > 64 * 2 * 9 && row.bitsPerWeight() > 16);
    QVERIFY(row.zeroDeltas > 300 && row.zeroDeltas < 700);
    QCOMPARE(inspection->totals.payloadFileBytes, std::uint64_t(fs::file_size(payloadOf("whole"))));
    const auto untouched =
        std::ranges::find_if(inspection->tensors, [](const TensorStats& t) { return t.name == "same.weight"; });
    QCOMPARE(untouched->codec, CodecId::Identical);
    QCOMPARE(untouched->storedBytes, 0u);
  }

  void whatIsWrongIsNamed_data() {
    QTest::addColumn<QString>("payload");
    QTest::addColumn<QString>("inspecting");  // empty: heads do not tell
    QTest::addColumn<QString>("verifying");
    const auto row = [](const char* payload, const char* inspecting, const char* verifying) {
      QTest::newRow(payload) << payload << inspecting << verifying;
    };
    row("empty", "layers.2.weight: chunks 0 to 63: the frames of positions and values are empty",
        "layers.2.weight: chunks 0 to 63: the frames of positions and values are empty");
    row("one_empty", "layers.10.weight: chunk 3: the frame of values is empty",
        "layers.10.weight: chunk 3: the frame of values is empty");
    row("cut", "", "layers.2.weight: chunk 5: the frame of positions ends early");
    row("no_frame", "layers.2.weight: chunk 7: the frame of values is no zstd frame",
        "layers.2.weight: chunk 7: the frame of values is damaged");
    row("outside", "norm.weight: total_deltas says", "norm.weight: chunk 63: position 1000000000 is outside the tensor");
    row("backwards", "", "layers.2.weight: chunk 1: position 1 is not above the one before");
    row("fewer_values", "layers.2.weight: chunk 2: 17 positions, but 0 values",
        "layers.2.weight: chunk 2: there are not as many values as positions");
    row("fewer_frames", "layers.2.weight: 64 frames of positions, but 63 of values",
        "layers.2.weight: 64 frames of positions, but 63 of values");
    row("another", "elsewhere.weight: is in the payload, but not in the base", "");
  }
  void whatIsWrongIsNamed() {
    QFETCH(QString, payload);
    QFETCH(QString, inspecting);
    QFETCH(QString, verifying);
    const auto inspection = inspect(payloadOf(payload));
    QVERIFY(inspection);
    const QString found = textOf(inspection->findings);
    QVERIFY2(inspecting.isEmpty() ? found.isEmpty() : found.contains(inspecting), qPrintable(found));
    VerifyRequest request;
    request.path = payloadOf(payload);
    request.final = kScripts / "final.safetensors";
    const auto result = verify(request, {});
    QVERIFY2(result, result ? "" : messageOf(result.error()));
    QCOMPARE(result->bitExact, payload == "outside");  // there nothing was lost
    QVERIFY2(textOf(result->findings).contains(verifying), qPrintable(textOf(result->findings)));
  }

  void verdictsAreThoseOfTorch_data() {
    QTest::addColumn<QString>("payload");
    const json all = expected();
    for (const auto& [name, rows] : all.items())
      if (!rows.empty()) QTest::newRow(name.c_str()) << QString::fromStdString(name);
  }
  void verdictsAreThoseOfTorch() {
    QFETCH(QString, payload);
    VerifyRequest request;
    request.path = payloadOf(payload);
    request.final = kScripts / "final.safetensors";
    const auto result = verify(request, {});
    QVERIFY2(result, result ? "" : messageOf(result.error()));
    const json rows = expected()[payload.toStdString()];
    std::uint64_t different = 0;
    for (const auto& verdict : result->verdicts) {
      if (verdict.tensor == "elsewhere.weight") continue;
      const auto& row = rows[verdict.tensor];
      QCOMPARE(verdict.different, row["different"].get<std::uint64_t>());
      QCOMPARE(verdict.firstDifference.has_value(), !row["first"].is_null());
      if (verdict.firstDifference) QCOMPARE(*verdict.firstDifference, row["first"].get<std::uint64_t>());
      QCOMPARE(verdict.bitExact, row["different"] == 0);
      different += row["different"].get<std::uint64_t>();
    }
    QCOMPARE(result->elementsDifferent, different);
    QCOMPARE(result->elementsCompared, std::uint64_t(48 * 32 + 16 * 32 + 32 + 64 + 24 + 16));
    QCOMPARE(result->bitExact, payload == "whole");
  }

  void withAFinalThePayloadIsExact_data() {
    QTest::addColumn<QString>("payload");
    QTest::addColumn<QString>("says");
    QTest::newRow("whole") << "whole"
                           << "";
    QTest::newRow("empty") << "empty"
                           << "elements do not come back bit for bit from the scripts' files, first at 1";
    QTest::newRow("cut") << "cut"
                         << "chunk 5: the frame of positions ends early";
    QTest::newRow("inexact") << "inexact"
                             << "layers.10.weight: ";
    QTest::newRow("another") << "another"
                             << "in the payload, but not in the final";
  }
  void withAFinalThePayloadIsExact() {
    QFETCH(QString, payload);
    QFETCH(QString, says);
    const auto request = importOf(payload, true);
    const auto result = importScripts(request, {});
    QVERIFY2(result, result ? "" : messageOf(result.error()));
    QVERIFY(result->isExact());
    QCOMPARE(result->findings.empty(), says.isEmpty());
    QVERIFY2(textOf(result->findings).contains(says), qPrintable(textOf(result->findings)));
    VerifyRequest check;
    check.path = request.out;
    check.base = kScripts / "base_model.pth";
    check.final = request.final;
    const auto verified = verify(check, {});
    QVERIFY2(verified, verified ? "" : messageOf(verified.error()));
    QVERIFY(verified->bitExact);
    QCOMPARE(verified->tensors, 6u);
    QCOMPARE(leftovers(), QStringList{"out.delta.safetensors"});
  }

  void withoutAFinalItGivesBaseAndDelta_data() {
    QTest::addColumn<QString>("payload");
    const json all = expected();
    for (const auto& [name, rows] : all.items())
      if (!rows.empty()) QTest::newRow(name.c_str()) << QString::fromStdString(name);
  }
  void withoutAFinalItGivesBaseAndDelta() {
    QFETCH(QString, payload);
    const auto request = importOf(payload, false);
    const auto result = importScripts(request, {});
    QVERIFY2(result, result ? "" : messageOf(result.error()));
    QVERIFY(!result->isExact());
    QCOMPARE(result->findings.empty(), payload == "whole" || payload == "inexact");
    QCOMPARE(leftovers(), QStringList{"out.delta.safetensors"});
    VerifyRequest check;
    check.path = request.out;
    check.base = kScripts / "base_model.pth";
    QVERIFY(verify(check, {})->bitExact);  // against its own hashes
    check.final = kScripts / "final.safetensors";
    const auto verified = verify(check, {});
    const json rows = expected()[payload.toStdString()];
    for (const auto& verdict : verified->verdicts)
      QCOMPARE(verdict.different, rows[verdict.tensor]["different"].get<std::uint64_t>());
    QCOMPARE(inspect(request.out)->facts.at("final"),
             "base_model.pth + " + payloadOf(payload).filename().string() + ", never checked");
  }

  void requestsThatCannotBeAreRefused() {
    auto request = importOf("whole", false);
    request.out = m_folder / "out.safetensors";
    QCOMPARE(importScripts(request, {}).error().code, ErrorCode::InvalidArgument);
    request = importOf("whole", false);
    request.path = kScripts / "final.safetensors";
    QVERIFY(QString::fromStdString(importScripts(request, {}).error().message).contains("nothing that the old scripts wrote"));
    request = importOf("whole", false);
    std::ofstream(request.out) << "there";
    QVERIFY(QString::fromStdString(importScripts(request, {}).error().message).contains("exists already"));
    request.overwrite = true;
    QVERIFY(importScripts(request, {}));

    const auto alone = m_folder / "alone.pkl";
    fs::copy_file(payloadOf("whole"), alone);
    const auto inspection = inspect(alone);
    QVERIFY(!inspection);
    QCOMPARE(inspection.error().code, ErrorCode::NotFound);
    QVERIFY2(QString::fromStdString(inspection.error().message).contains("no base_model.pth beside it"),
             messageOf(inspection.error()));
    QVERIFY(inspect(alone, kScripts / "base_model.pth"));
    VerifyRequest check;
    check.path = payloadOf("whole");
    const auto unchecked = verify(check, {});
    QVERIFY2(QString::fromStdString(unchecked.error().message).contains("stores no hashes"), messageOf(unchecked.error()));
    UnpackRequest unpacking;
    unpacking.path = payloadOf("whole");
    unpacking.out = m_folder / "unpacked";
    QVERIFY(QString::fromStdString(unpack(unpacking, {}).error().hint).contains("deltascope-cli import"));
  }

  void aStopLeavesNothing_data() {
    QTest::addColumn<bool>("withFinal");
    QTest::addColumn<QString>("phase");
    QTest::newRow("checking") << true << "checking";
    QTest::newRow("packing an exact one") << true << "packing";
    QTest::newRow("adding") << false << "adding";
    QTest::newRow("packing") << false << "packing";
  }
  void aStopLeavesNothing() {
    QFETCH(bool, withFinal);
    QFETCH(QString, phase);
    std::stop_source stop;
    JobContext job;
    job.stop = stop.get_token();
    job.progress = [&](const Progress& progress) {
      if (progress.phase == phase.toStdString()) stop.request_stop();
    };
    const auto result = importScripts(importOf("whole", withFinal), job);
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Cancelled);
    QCOMPARE(leftovers(), QStringList{});
  }

  void noChangedByteDoesHarm() {
    std::ifstream file(payloadOf("one_empty"), std::ios::binary);
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    for (std::size_t i = 0; i < whole.size(); i += 97) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
      const auto path = m_folder / "changed.pkl";
      std::ofstream(path, std::ios::binary) << damaged;
      VerifyRequest request;
      request.path = path;
      request.base = kScripts / "base_model.pth";
      request.final = kScripts / "final.safetensors";
      const auto result = verify(request, {});
      if (!result) QVERIFY(!result.error().message.empty());
    }
  }

  void noPieceOfAPayloadDoesHarm() {
    std::ifstream file(payloadOf("whole"), std::ios::binary);
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    for (std::size_t size = 0; size < whole.size(); size += 13) {
      const auto path = m_folder / "cut.pkl";
      std::ofstream(path, std::ios::binary) << whole.substr(0, size);
      const auto inspection = inspect(path, kScripts / "base_model.pth");
      QVERIFY(!inspection);
      QCOMPARE(inspection.error().code, ErrorCode::Corrupt);
    }
  }
};

QTEST_APPLESS_MAIN(TestScripts)
#include "test_scripts.moc"
