// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <memory>

#include "core/checkpoint/checkpoint.h"
#include "tests/core/checkpoint/checkpoint_files.h"

using namespace deltascope;
using namespace checkpoint_files;
namespace fs = std::filesystem;

namespace {
constexpr auto kMain = "0123456789abcdef0123456789abcdef01234567";
constexpr auto kOld = "fedcba9876543210fedcba9876543210fedcba98";
}  // namespace

/// The cache's layout as huggingface_hub 2.4 writes it.
class TestHubCache : public QObject {
  Q_OBJECT

  std::unique_ptr<QTemporaryDir> m_temporary;
  fs::path m_folder;
  QStringList m_set;  // variables to forget

  static void fillCache(const fs::path& cache) {
    const auto model = cache / "models--org--Model-7B.v1";
    write(model / "blobs" / "aa", smallFile({{"main", "x"}}));
    write(model / "blobs" / "bb", smallFile({{"old", "x"}}));
    for (const auto& [commit, blob] : {std::pair{kMain, "aa"}, std::pair{kOld, "bb"}}) {
      fs::create_directories(model / "snapshots" / commit);
      fs::create_symlink("../../blobs/" + std::string(blob), model / "snapshots" / commit / "model.safetensors");
    }
    write(model / "refs" / "main", kMain);
    write(model / "refs" / "v1.0", std::string(kOld) + "\n");
    write(model / "refs" / "refs" / "pr" / "3", kOld);
    write(model / "refs" / "gone", "00000000000000000000000000000000000000ff");
    write(model / "refs" / "evil", "../../../secret");
    write(cache / "models--gpt2" / "refs" / "main", kOld);
    write(cache / "models--gpt2" / "snapshots" / kOld / "model.safetensors", smallFile({{"gpt2", "x"}}));
    write(cache / "models--org--Pinned" / "snapshots" / kOld / "model.safetensors", smallFile({{"pinned", "x"}}));
  }

 private slots:
  void init() {
    m_temporary = std::make_unique<QTemporaryDir>();
    m_folder = m_temporary->path().toStdString();
    for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "ABSENT"}) qunsetenv(name);
    qputenv("HOME", m_temporary->path().toUtf8());
  }
  void cleanup() {
    for (const auto& name : m_set) qunsetenv(name.toUtf8());
    m_set.clear();
    m_temporary.reset();
  }

  void idsAreFound_data() {
    QTest::addColumn<QString>("id");
    QTest::addColumn<QString>("tensor");
    QTest::newRow("the main branch") << "org/Model-7B.v1"
                                     << "main";
    QTest::newRow("a branch by name") << "org/Model-7B.v1@main"
                                      << "main";
    QTest::newRow("a tag") << "org/Model-7B.v1@v1.0"
                           << "old";
    QTest::newRow("a reference with slashes") << "org/Model-7B.v1@refs/pr/3"
                                              << "old";
    QTest::newRow("a commit") << QString("org/Model-7B.v1@") + kOld << "old";
    QTest::newRow("no organisation") << "gpt2"
                                     << "gpt2";
    QTest::newRow("a commit without references") << QString("org/Pinned@") + kOld << "pinned";
  }
  void idsAreFound() {
    QFETCH(QString, id);
    QFETCH(QString, tensor);
    fillCache(m_folder / ".cache" / "huggingface" / "hub");
    const auto path = resolveModel(id.toStdString());
    QVERIFY2(path, path ? "" : describe(path.error()).c_str());
    const auto checkpoint = Checkpoint::open(*path);
    QVERIFY2(checkpoint, checkpoint ? "" : describe(checkpoint.error()).c_str());
    QCOMPARE(QString::fromStdString(checkpoint->tensors().front().name), tensor);
  }

  /// hub_cache.json: as huggingface_hub computes it, with a home of its own.
  void theCacheIsWhereTheVariablesSay_data() {
    QTest::addColumn<QString>("row");
    for (const auto& row : nlohmann::json::parse(contentOf(golden("hub_cache.json"))))
      QTest::newRow(row.at("set").dump().c_str()) << QString::fromStdString(row.dump());
  }
  void theCacheIsWhereTheVariablesSay() {
    QFETCH(QString, row);
    const auto parsed = nlohmann::json::parse(row.replace("/home/user", m_temporary->path()).toStdString());
    for (const auto& [name, value] : parsed.at("set").items()) {
      qputenv(name.c_str(), value.get<std::string>().c_str());
      m_set << QString::fromStdString(name);
    }
    const auto before = fs::current_path();
    fs::current_path(m_folder);  // an empty variable means this folder
    const fs::path cache = parsed.at("cache").get<std::string>();
    fillCache(fs::path(".") / cache);
    const auto path = resolveModel("org/Model-7B.v1");
    fs::current_path(before);
    QVERIFY2(path, path ? "" : describe(path.error()).c_str());
    QCOMPARE(path->string(), (cache / "models--org--Model-7B.v1" / "snapshots" / kMain).string());
  }

  void theHubsCacheComesBeforeItsHome() {
    qputenv("HF_HOME", (m_folder / "home").c_str());
    qputenv("HF_HUB_CACHE", (m_folder / "cache").c_str());
    fillCache(m_folder / "home" / "hub");
    QVERIFY(!resolveModel("org/Model-7B.v1"));
    fillCache(m_folder / "cache");
    QVERIFY(resolveModel("org/Model-7B.v1"));
  }

  void whatIsNotThereIsAnsweredWithTheDownload_data() {
    QTest::addColumn<QString>("argument");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* argument, const char* says, ErrorCode code = ErrorCode::NotFound) {
      QTest::newRow(argument) << argument << int(code) << says;
    };
    row("org/Absent", "download it: hf download org/Absent");
    row("org/Absent@v2", "download it: hf download org/Absent --revision v2");
    row("org/Model-7B.v1@v9", "revision v9 is not in the cache");
    row("org/Model-7B.v1@gone", "download it: hf download org/Model-7B.v1 --revision gone");
    row("org/Pinned", "or use org/Pinned@fedcba9876543210fedcba9876543210fedcba98");
    row("org/Model-7B.v1@evil", "does not hold a commit", ErrorCode::Corrupt);
    row("org/Model-7B.v1@../secret", "does not exist");
    row("org/Model-7B.v1@/etc", "does not exist");
    row("org/Model-7B.v1@", "does not exist");
    row("absent", "does not exist");
    row("./absent/folder", "does not exist");
    row("/absent/folder", "does not exist");
    row("some/folder/below", "does not exist");
    row("folder/file.safetensors", "does not exist");
    row("../org/Model", "does not exist");
    row("-org/Model", "does not exist");
    row("org/.hidden", "does not exist");
    row("a b/c", "does not exist");
  }
  void whatIsNotThereIsAnsweredWithTheDownload() {
    QFETCH(QString, argument);
    QFETCH(int, code);
    QFETCH(QString, says);
    fillCache(m_folder / ".cache" / "huggingface" / "hub");
    const auto path = resolveModel(argument.toStdString());
    QVERIFY(!path);
    QCOMPARE(int(path.error().code), code);
    QVERIFY2(QString::fromStdString(describe(path.error())).contains(says), describe(path.error()).c_str());
    QVERIFY(!path.error().hint.empty());
  }

  void aCacheThatCannotBeMeantIsNamed_data() {
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("says");
    QTest::newRow("a variable that is not set") << "$ABSENT/hub"
                                                << "$ABSENT/hub, a name with a variable that is not set. set the";
    QTest::newRow("in braces") << "${ABSENT}/hub"
                               << "${ABSENT}/hub, a name with a variable that is not set. set the variable";
    QTest::newRow("nothing") << ""
                             << "the cache of the working folder, as HF_HUB_CACHE or HF_HOME is set to nothing";
  }
  void aCacheThatCannotBeMeantIsNamed() {
    QFETCH(QString, value);
    QFETCH(QString, says);
    qputenv("HF_HUB_CACHE", value.toUtf8());
    m_set << "HF_HUB_CACHE";
    const auto path = resolveModel("org/Absent");
    QVERIFY(!path);
    QVERIFY2(QString::fromStdString(describe(path.error())).contains(says), describe(path.error()).c_str());
  }

  void localPathsComeFirst() {
    fillCache(m_folder / ".cache" / "huggingface" / "hub");
    const auto before = fs::current_path();
    fs::create_directories(m_folder / "org" / "Model-7B.v1");
    fs::current_path(m_folder);
    const auto path = resolveModel("org/Model-7B.v1");
    fs::current_path(before);
    QVERIFY(path);
    QCOMPARE(*path, fs::path("org/Model-7B.v1"));
    QCOMPARE(resolveModel(m_folder.string()).value(), m_folder);
  }

  void aBlobThatIsNotThereIsNamed() {
    const auto cache = m_folder / ".cache" / "huggingface" / "hub";
    fillCache(cache);
    fs::remove(cache / "models--org--Model-7B.v1" / "blobs" / "aa");
    const auto checkpoint = Checkpoint::open(resolveModel("org/Model-7B.v1").value());
    QVERIFY(!checkpoint);
    const auto said = QString::fromStdString(describe(checkpoint.error()));
    QVERIFY2(said.contains("model.safetensors: is a link to ") && said.contains("blobs/aa, which is not there") &&
                 said.contains("download it again: hf download org/Model-7B.v1"),
             qPrintable(said));
  }

  void whatIsNoModelYetIsNamed() {
    const auto model = m_folder / "cache" / "models--org--Model-7B.v1";
    fillCache(m_folder / "cache");
    auto checkpoint = Checkpoint::open(model);
    QVERIFY(!checkpoint);
    QVERIFY2(describe(checkpoint.error()).find("is a model's folder in the Hub's cache") != std::string::npos,
             describe(checkpoint.error()).c_str());
    fs::remove(model / "snapshots" / kMain / "model.safetensors");
    write(model / "blobs" / "cc.incomplete", "part");
    checkpoint = Checkpoint::open(model / "snapshots" / kMain);
    QVERIFY(!checkpoint);
    const auto said = QString::fromStdString(describe(checkpoint.error()));
    QVERIFY2(said.contains("did not come to its end") && said.contains("blobs/cc.incomplete") &&
                 said.contains("hf download org/Model-7B.v1"),
             qPrintable(said));
  }

  void nothingIsNoModel() { QCOMPARE(resolveModel("").error().code, ErrorCode::InvalidArgument); }
};

QTEST_APPLESS_MAIN(TestHubCache)
#include "test_hub_cache.moc"
