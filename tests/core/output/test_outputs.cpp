// SPDX-License-Identifier: Apache-2.0
// Where a job may write, found out before it works.
#include <sys/stat.h>
#include <unistd.h>

#include "core/output/output_file.h"
#include "core/output/output_folder.h"
#include "core/pack/pack.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

PackRequest packing(const Workspace& space, bool quantize, const std::string& out) {
  PackRequest request;
  request.final = space.at("final");
  if (quantize)
    request.quantize = QuantFormat::Nf4;
  else
    request.base = space.at("base");
  request.out = space.at(out);
  return request;
}

/// How far the job came.
Result<PackResult> packed(const PackRequest& request, bool& sampled) {
  JobContext job;
  sampled = false;
  job.progress = [&](const Progress&) { sampled = true; };
  return pack(request, job);
}

}  // namespace

class TestOutputs : public QObject {
  Q_OBJECT
 private slots:
  void linksToNothingLeadToTheirTarget_data() {
    QTest::addColumn<QString>("target");
    QTest::addColumn<QString>("leadsTo");
    QTest::newRow("beside it") << "there"
                               << "there";
    QTest::newRow("in another folder") << "disk/there"
                                       << "disk/there";
    QTest::newRow("two links") << "second"
                               << "disk/end";
    QTest::newRow("itself") << "link"
                            << "link";
  }
  void linksToNothingLeadToTheirTarget() {
    QFETCH(QString, target);
    QFETCH(QString, leadsTo);
    const Workspace space;
    fs::create_directories(space.at("disk"));
    fs::create_symlink("disk/end", space.at("second"));
    fs::create_symlink(target.toStdString(), space.at("link"));
    QCOMPARE(resolvedPath(space.at("link")), fs::canonical(space.at(".")) / leadsTo.toStdString());
  }

  void packFollowsThem() {
    for (const bool quantize : {true, false}) {
      const Workspace space;
      writeModel(space.at("base"), smallLlama());
      writeModel(space.at("final"), smallLlama(DType::BF16, 2));
      fs::create_directories(space.at("disk"));
      const std::string name = quantize ? "packed" : "out.delta.safetensors";
      fs::create_symlink("disk/" + name, space.at(name));
      auto request = packing(space, quantize, name);
      request.verify = true;
      take(pack(request, {}));
      QVERIFY(fs::is_symlink(fs::symlink_status(space.at(name))));
      QVERIFY(fs::exists(space.at("disk") / name));
      QVERIFY(take(verify({.path = space.at(name), .base = request.base, .final = {}, .device = "cpu", .onTensor = {}}, {}))
                  .bitExact);
    }
  }

  void packAsksFirst_data() {
    QTest::addColumn<bool>("quantize");
    QTest::addColumn<QString>("out");
    QTest::addColumn<QString>("says");
    for (const bool quantize : {true, false}) {
      const char* kind = quantize ? "a model" : "a payload";
      const QString end = quantize ? "" : ".delta.safetensors";
      QTest::addRow("%s in no folder", kind) << quantize << "absent/x" + end << "create the folder";
      QTest::addRow("%s below a file", kind) << quantize << "file/x" + end << "cannot write here";
      QTest::addRow("%s in the name of another", kind) << quantize << "taken" + end << (quantize ? "is a file" : "is a folder");
    }
    QTest::newRow("a link to another name") << false << "link.delta.safetensors"
                                            << "real, but a payload's name ends in";
  }
  void packAsksFirst() {
    QFETCH(bool, quantize);
    QFETCH(QString, out);
    QFETCH(QString, says);
    const Workspace space;
    writeModel(space.at("base"), smallLlama());
    writeModel(space.at("final"), smallLlama(DType::BF16, 2));
    take(writeTextFile(space.at("file"), "x"));
    take(writeTextFile(space.at("taken"), "x"));
    fs::create_directories(space.at("taken.delta.safetensors"));
    fs::create_symlink("real", space.at("link.delta.safetensors"));
    const auto before = space.files();
    bool worked = false;
    const auto result = packed(packing(space, quantize, out.toStdString()), worked);
    QVERIFY(!result);
    QVERIFY(!worked);
    const auto message = QString::fromStdString(describe(result.error()));
    QVERIFY2(message.contains(says), qPrintable(message));
    QCOMPARE(space.files(), before);
  }

  void otherFilesAreNoModels_data() {
    QTest::addColumn<QString>("out");
    QTest::addColumn<QString>("says");
    QTest::newRow("weights") << "final/model.safetensors"
                             << "is a file of the model";
    QTest::newRow("weights by a link") << "link"
                                       << "is a file of the model";
    QTest::newRow("its config") << "final/config.json"
                                << "is a file of the model";
    QTest::newRow("a lone file that was given") << "lone.safetensors"
                                                << "is a file of the model";
    QTest::newRow("a folder") << "final"
                              << "is a folder";
    QTest::newRow("no folder") << "absent/run.json"
                               << "create the folder";
    QTest::newRow("a run in its folder") << "final/run.json"
                                         << "";
    QTest::newRow("a run in its folder again") << "final/again.json"
                                               << "";
    QTest::newRow("new weights in its folder") << "final/logits.safetensors"
                                               << "";
    QTest::newRow("another model's") << "base/model.safetensors"
                                     << "";
  }
  void otherFilesAreNoModels() {
    QFETCH(QString, out);
    QFETCH(QString, says);
    const Workspace space;
    writeModel(space.at("base"), smallLlama());
    writeModel(space.at("final"), smallLlama());
    writeFile(space.at("lone.safetensors"), smallLlama());
    take(writeTextFile(space.at("final/again.json"), "{}"));
    fs::create_symlink("final/model.safetensors", space.at("link"));
    const auto before = space.files();
    const std::vector<fs::path> models{space.at("final"), space.at("lone.safetensors"), "nobody/on-the-hub"};
    const auto checked = checkOutputFile(space.at(out.toStdString()), models);
    QCOMPARE(checked.has_value(), says.isEmpty());
    if (!checked)
      QVERIFY2(describe(checked.error()).find(says.toStdString()) != std::string::npos, describe(checked.error()).c_str());
    QCOMPARE(space.files(), before);
  }
};

QTEST_APPLESS_MAIN(TestOutputs)
#include "test_outputs.moc"
