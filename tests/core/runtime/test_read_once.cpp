// SPDX-License-Identifier: Apache-2.0
// Opening a model reads each file beside its weights once, however many parts of the engine want it. The kernel counts.
#include <sys/inotify.h>
#include <unistd.h>

#include <QtTest>
#include <array>
#include <map>

#include "core/pack/pack.h"
#include "core/runtime/runtime.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

const fs::path kDemo = DELTASCOPE_DEMO;
constexpr std::array kBeside{"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                             "chat_template.jinja"};

/// Opens of a folder's files since it was made. Closing is watched too: of equal events in a row the kernel tells one.
class OpenCounter {
 public:
  explicit OpenCounter(const fs::path& folder) : m_queue(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    m_watches = inotify_add_watch(m_queue, folder.c_str(), IN_OPEN | IN_CLOSE_NOWRITE) >= 0;
  }
  ~OpenCounter() { ::close(m_queue); }
  OpenCounter(const OpenCounter&) = delete;
  OpenCounter& operator=(const OpenCounter&) = delete;
  [[nodiscard]] bool watches() const { return m_watches; }

  [[nodiscard]] std::map<std::string, int> counts() const {
    std::map<std::string, int> counts;
    alignas(inotify_event) std::array<char, 64 << 10> buffer;
    for (ssize_t n = 0; (n = ::read(m_queue, buffer.data(), buffer.size())) > 0;) {
      for (ssize_t at = 0; at < n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        if (event->mask & IN_OPEN && event->len) ++counts[event->name];
        at += static_cast<ssize_t>(sizeof *event + event->len);
      }
    }
    return counts;
  }

 private:
  int m_queue;
  bool m_watches = false;
};

/// What generating does, up to the first token.
void generateWith(LoadRequest request, bool openedBefore) {
  if (openedBefore) {
    auto folder = openFolder(request);
    QVERIFY2(folder, folder ? "" : describe(folder.error()).c_str());
    request.folder = *folder;
    auto text = openModelText(request);
    QVERIFY(text && text->tokenizer && text->chatTemplate);
    request.text = std::make_shared<const ModelText>(std::move(*text));
    QCOMPARE(fitContext(request, 32), 32u);
  }
  request.context = 32;
  const auto model = Model::load(request, {});
  QVERIFY2(model, model ? "" : describe(model.error()).c_str());
  QVERIFY((*model)->text().tokenizer);
  QVERIFY((*model)->text().chatTemplate);
  QVERIFY(!(*model)->endIds().empty());
}

}  // namespace

class TestReadOnce : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    fs::copy(kDemo / "chat", m_chat, fs::copy_options::recursive);
    PackRequest request;
    request.final = m_chat;
    request.quantize = QuantFormat::Nf4;
    request.out = m_packed;
    const auto packed = pack(request, {});
    QVERIFY2(packed, packed ? "" : describe(packed.error()).c_str());
  }

  void readsWhatLiesBesideTheWeightsOnce_data() {
    QTest::addColumn<QString>("folder");
    QTest::addColumn<bool>("openedBefore");
    for (const bool before : {false, true}) {
      const char* how = before ? "opened before" : "loaded at once";
      QTest::addRow("a checkpoint, %s", how) << QString::fromStdString(m_chat.string()) << before;
      QTest::addRow("a packed model, %s", how) << QString::fromStdString(m_packed.string()) << before;
    }
  }
  void readsWhatLiesBesideTheWeightsOnce() {
    QFETCH(QString, folder);
    QFETCH(bool, openedBefore);
    LoadRequest request;
    request.path = folder.toStdString();
    const OpenCounter counter(request.path);
    if (!counter.watches()) QSKIP("the kernel tells nobody about opened files here");
    generateWith(request, openedBefore);
    if (QTest::currentTestFailed()) return;
    const auto counts = counter.counts();
    for (const char* name : kBeside)
      QVERIFY2(counts.count(name) && counts.at(name) == 1,
               qPrintable(QString("%1 was opened %2 times").arg(name).arg(counts.count(name) ? counts.at(name) : 0)));
  }

  /// A folder opened for something else is not taken.
  void aFolderOfAnotherRequestIsOpenedAnew() {
    LoadRequest request;
    request.path = m_packed;
    request.context = 32;
    auto folder = openFolder(request);
    QVERIFY(folder);
    request.folder = *folder;
    QVERIFY(*openFolder(request) == *folder);
    request.baseOnly = true;
    QVERIFY(*openFolder(request) != *folder);
    const auto base = Model::load(request, {});
    QVERIFY(base);
    request.baseOnly = false;
    const auto whole = Model::load(request, {});
    QVERIFY(whole);
    QVERIFY((*base)->fingerprint() != (*whole)->fingerprint());
    QVERIFY(!(*whole)->request().folder);
  }

 private:
  QTemporaryDir m_scratch;
  const fs::path m_chat = fs::path(m_scratch.path().toStdString()) / "chat",
                 m_packed = fs::path(m_scratch.path().toStdString()) / "packed";
};

QTEST_GUILESS_MAIN(TestReadOnce)
#include "test_read_once.moc"
