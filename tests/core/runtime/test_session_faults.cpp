// SPDX-License-Identifier: Apache-2.0
// What a session refuses, by a clear error, and that it stays usable.
#include <QTemporaryDir>
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "tests/core/runtime/demo_session.h"

using namespace deltascope;
namespace fs = std::filesystem;

class TestSessionFaults : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    const auto result = packDemo(scratch("packed"));
    QVERIFY2(result, result ? "" : said(result.error()).c_str());
  }

  void refusesPrompts_data() {
    QTest::addColumn<QList<quint32>>("prompt");
    QTest::addColumn<QString>("says");
    QTest::newRow("empty") << QList<quint32>() << "empty";
    QTest::newRow("outside the vocabulary") << QList<quint32>{1, 8192} << "8192";
    QTest::newRow("too long") << QList<quint32>(65, 7) << "65 tokens";
  }

  void refusesPrompts() {
    QFETCH(QList<quint32>, prompt);
    QFETCH(QString, says);
    const auto model = Model::load(packed(), {});
    auto session = Session::create(*model);
    GenerateRequest generating;
    generating.prompt.assign(prompt.begin(), prompt.end());
    generating.maxNewTokens = 2;
    const auto refused = (*session)->generate(generating, {});
    QVERIFY(!refused);
    QCOMPARE(refused.error().code, ErrorCode::InvalidArgument);
    QVERIFY2(QString::fromStdString(refused.error().message).contains(says), refused.error().message.c_str());
    generating.prompt = {8187};
    QVERIFY((*session)->generate(generating, {}));  // usable as before
  }

  void refusesFiles_data() {
    QTest::addColumn<QString>("what");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("says");
    QTest::newRow("config of another size") << "hidden_size" << int(ErrorCode::Mismatch) << "config.json asks for";
    QTest::newRow("unknown architecture") << "architectures" << int(ErrorCode::Unsupported) << "MambaForCausalLM";
    QTest::newRow("no config") << "none" << int(ErrorCode::NotFound) << "config.json";
    QTest::newRow("more layers than weights") << "num_hidden_layers" << int(ErrorCode::NotFound) << "model.layers.8";
    QTest::newRow("a size that is a text") << "text" << int(ErrorCode::Corrupt) << "hidden_size";
    QTest::newRow("heads that do not divide") << "num_key_value_heads" << int(ErrorCode::Corrupt) << "num_key_value_heads";
  }

  void refusesFiles() {
    QFETCH(QString, what);
    QFETCH(int, code);
    QFETCH(QString, says);
    const fs::path folder = scratch("edited");
    fs::remove_all(folder);
    fs::create_directories(folder);
    for (const auto& file : fs::directory_iterator(kDemo / "chat"))
      fs::create_symlink(file.path(), folder / file.path().filename());
    auto config = nlohmann::json::parse(*readTextFile(kDemo / "chat" / "config.json"));
    if (what == "architectures")
      config.update({{"architectures", {"MambaForCausalLM"}}, {"model_type", "mamba"}});
    else if (what == "text")
      config["hidden_size"] = "256";
    else if (what == "num_key_value_heads")
      config["num_key_value_heads"] = 3;
    else if (what == "num_hidden_layers")
      config["num_hidden_layers"] = 9;
    else
      config["hidden_size"] = 512;
    fs::remove(folder / "config.json");
    if (what != "none") std::ofstream(folder / "config.json") << config;
    LoadRequest request;
    request.path = folder;
    const auto refused = Model::load(request, {});
    QVERIFY(!refused);
    const QString message = QString::fromStdString(said(refused.error()));
    QVERIFY2(message.contains(says), qPrintable(message));
    QCOMPARE(int(refused.error().code), code);
  }

  /// One weight of the parent is another: told while loading, whatever the placement, by the tensor's hash.
  void refusesAChangedBase() {
    const fs::path folder = scratch("changed");
    fs::remove_all(folder);
    fs::copy(kDemo / "chat", folder);
    {
      std::fstream file(folder / "model-00001-of-00003.safetensors", std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(-64, std::ios::end);
      const char byte = static_cast<char>(file.get() ^ 1);
      file.seekp(-64, std::ios::end);
      file.put(byte);
    }
    for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
      LoadRequest request;
      request.path = kDemo / "base.delta.safetensors";
      request.base = folder;
      request.context = 64;
      request.placement = placement;
      const auto refused = Model::load(request, {});
      QVERIFY(!refused);
      QCOMPARE(refused.error().code, ErrorCode::Mismatch);
      const QString message = QString::fromStdString(said(refused.error()));
      QVERIFY2(message.contains("tensor model.") && message.contains("another base"), qPrintable(message));
    }
  }

  /// A byte of the payload turned: static weights are refused while loading, streamed ones in the middle of a product.
  void survivesADamagedDelta() {
    const fs::path folder = scratch("damaged");
    fs::remove_all(folder);
    fs::copy(scratch("packed"), folder);
    {
      std::fstream file(folder / "model.delta.safetensors", std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(0, std::ios::end);
      const auto middle = static_cast<std::streamoff>(file.tellg()) / 2;
      file.seekg(middle);
      const char byte = static_cast<char>(file.get() ^ 0x10);
      file.seekp(middle);
      file.put(byte);
    }
    for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
      LoadRequest request = packed();
      request.path = folder;
      request.placement = placement;
      const auto result = run(request);
      QVERIFY(!result);
      QCOMPARE(result.error().code, ErrorCode::Corrupt);
      const QString message = QString::fromStdString(result.error().message);
      QVERIFY2(message.contains("model.delta.safetensors") && message.contains("tensor"), qPrintable(message));
    }
  }

 private:
  [[nodiscard]] fs::path scratch(const char* name) const { return fs::path(m_scratch.path().toStdString()) / name; }
  [[nodiscard]] LoadRequest packed() const { return smallLoad(scratch("packed")); }
  QTemporaryDir m_scratch;
};

QTEST_GUILESS_MAIN(TestSessionFaults)
#include "test_session_faults.moc"
