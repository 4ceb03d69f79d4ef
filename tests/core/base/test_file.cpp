// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <QtTest>
#include <atomic>
#include <csignal>
#include <fstream>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "core/base/file.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

/// Root may read and write everything: permissions are only seen as somebody else.
class Unprivileged {
 public:
  Unprivileged() {
    if (::geteuid() == 0) m_changed = ::seteuid(65534) == 0;
  }
  ~Unprivileged() {
    if (m_changed && ::seteuid(0) != 0) std::abort();
  }

 private:
  bool m_changed = false;
};

/// Files may not grow beyond so many bytes, as on a disk that is full.
class SizeLimit {
 public:
  explicit SizeLimit(rlim_t bytes) : m_handler(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &m_before);
    const rlimit limit{bytes, m_before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &m_before);
    std::signal(SIGXFSZ, m_handler);
  }

 private:
  void (*m_handler)(int);
  rlimit m_before{};
};

std::span<const std::byte> bytesOf(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string contentOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

class TestFile : public QObject {
  Q_OBJECT

  std::unique_ptr<QTemporaryDir> m_temporary;
  fs::path m_folder;

  [[nodiscard]] std::set<std::string> listing() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(m_folder)) names.insert(entry.path().filename().string());
    return names;
  }
  fs::path make(const std::string& name, const std::string& content) const {
    std::ofstream(m_folder / name, std::ios::binary) << content;
    return m_folder / name;
  }

 private slots:
  void init() {
    m_temporary = std::make_unique<QTemporaryDir>();
    m_folder = m_temporary->path().toStdString();
    fs::permissions(m_folder, fs::perms::all);
  }
  void cleanup() { m_temporary.reset(); }

  void rangesAreRead() {
    const auto file = RandomAccessFile::open(make("f", "0123456789"));
    QVERIFY(file);
    QCOMPARE(file->size(), 10u);
    std::string four(4, ' ');
    QVERIFY(file->readAt(3, std::as_writable_bytes(std::span(four))));
    QCOMPARE(four, std::string("3456"));
    QVERIFY(file->readAt(6, std::as_writable_bytes(std::span(four))));
    QCOMPARE(four, std::string("6789"));
    QVERIFY(file->readAt(10, {}));
  }

  void rangesBeyondTheEndAreRefused_data() {
    QTest::addColumn<qulonglong>("offset");
    QTest::newRow("one too far") << 7ull;
    QTest::newRow("at the end") << 10ull;
    QTest::newRow("beyond") << 11ull;
    QTest::newRow("overflowing") << std::numeric_limits<qulonglong>::max() - 1;
  }
  void rangesBeyondTheEndAreRefused() {
    QFETCH(qulonglong, offset);
    const auto file = RandomAccessFile::open(make("f", "0123456789"));
    std::string four(4, ' ');
    const auto read = file->readAt(offset, std::as_writable_bytes(std::span(four)), "a.weight");
    QVERIFY(!read);
    QCOMPARE(read.error().code, ErrorCode::Corrupt);
    QVERIFY(read.error().message.find("tensor a.weight, offset " + std::to_string(offset)) != std::string::npos);
  }

  void aFileTruncatedWhileOpenIsAnError() {
    const auto path = make("f", std::string(10'000, 'x'));
    const auto file = RandomAccessFile::open(path);
    fs::resize_file(path, 5'000);
    std::string some(2'000, ' ');
    QVERIFY(file->readAt(1'000, std::as_writable_bytes(std::span(some))));
    const auto read = file->readAt(4'000, std::as_writable_bytes(std::span(some)));
    QVERIFY(!read);
    QCOMPARE(read.error().code, ErrorCode::Io);
    QVERIFY(read.error().message.find("offset 5000: the file was truncated") != std::string::npos);
  }

  void whatIsNoReadableFileIsRefused_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("says");
    QTest::newRow("absent") << "absent" << int(ErrorCode::NotFound) << "cannot open";
    QTest::newRow("folder") << "folder" << int(ErrorCode::InvalidArgument) << "is a folder";
    QTest::newRow("FIFO, without waiting for a writer") << "fifo" << int(ErrorCode::InvalidArgument) << "not a regular file";
    QTest::newRow("below a file") << "file/x" << int(ErrorCode::NotFound) << "cannot open";
    QTest::newRow("dangling link") << "dangling" << int(ErrorCode::NotFound) << "cannot open";
    QTest::newRow("forbidden") << "secret" << int(ErrorCode::Io) << "Permission denied";
  }
  void whatIsNoReadableFileIsRefused() {
    QFETCH(QString, name);
    QFETCH(int, code);
    QFETCH(QString, says);
    fs::create_directory(m_folder / "folder");
    QCOMPARE(::mkfifo((m_folder / "fifo").c_str(), 0600), 0);
    fs::permissions(make("secret", "x"), fs::perms::none);
    fs::permissions(make("file", "x"), fs::perms::all);
    fs::create_symlink(m_folder / "nowhere", m_folder / "dangling");
    QCOMPARE(::chmod((m_folder / "fifo").c_str(), 0666), 0);
    const Unprivileged somebody;
    const auto file = RandomAccessFile::open(m_folder / name.toStdString());
    QVERIFY(!file);
    QCOMPARE(int(file.error().code), code);
    QVERIFY2(QString::fromStdString(file.error().message).contains(says), file.error().message.c_str());
    QVERIFY(!file.error().message.empty() && file.error().message.find(m_folder.string()) == 0);
  }

  void movedFilesStayOpen() {
    auto first = RandomAccessFile::open(make("f", "first"));
    auto second = RandomAccessFile::open(make("g", "second"));
    *first = std::move(*second);
    RandomAccessFile third = std::move(*first);
    std::string text(6, ' ');
    QVERIFY(third.readAt(0, std::as_writable_bytes(std::span(text))));
    QCOMPARE(text, std::string("second"));
    QCOMPARE(third.path(), m_folder / "g");
  }

  void anOutputAppearsOnlyWhenCommitted() {
    make("out", "the old content");
    auto file = AtomicFile::create(m_folder / "out");
    QVERIFY(file);
    QVERIFY(file->writeAt(4, bytesOf("5678")));
    QVERIFY(file->writeAt(0, bytesOf("1234")));
    QCOMPARE(contentOf(m_folder / "out"), std::string("the old content"));
    QCOMPARE(listing().size(), std::size_t(2));
    QVERIFY(file->commit());
    QCOMPARE(contentOf(m_folder / "out"), std::string("12345678"));
    QVERIFY(listing() == std::set<std::string>{"out"});
    QVERIFY(!file->commit());
  }

  void anAbandonedOutputLeavesNothing() {
    make("out", "the old content");
    {
      auto file = AtomicFile::create(m_folder / "out");
      QVERIFY(file->writeAt(0, bytesOf("half")));
      AtomicFile moved = std::move(*file);
      auto other = AtomicFile::create(m_folder / "other");
      moved = std::move(*other);  // drops the first
      QCOMPARE(listing().size(), std::size_t(2));
    }
    QVERIFY(listing() == std::set<std::string>{"out"});
    QCOMPARE(contentOf(m_folder / "out"), std::string("the old content"));
  }

  void twoWritersOfOneDestinationDoNotMix() {
    auto first = AtomicFile::create(m_folder / "out"), second = AtomicFile::create(m_folder / "out");
    QVERIFY(first->writeAt(0, bytesOf("first, long")));
    QVERIFY(second->writeAt(0, bytesOf("second")));
    QVERIFY(first->commit());
    QVERIFY(second->commit());
    QCOMPARE(contentOf(m_folder / "out"), std::string("second"));
    QVERIFY(listing() == std::set<std::string>{"out"});
  }

  void threadsWriteDisjointRanges() {
    auto file = AtomicFile::create(m_folder / "out");
    constexpr std::size_t kPiece = 10'000;
    std::vector<std::thread> threads;
    std::atomic<int> failures = 0;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        const std::string piece(kPiece, char('a' + t));
        for (std::size_t i = 0; i < 10; ++i)
          if (!file->writeAt((i * 4 + std::size_t(t)) * kPiece, bytesOf(piece))) ++failures;
      });
    for (auto& thread : threads) thread.join();
    QCOMPARE(failures.load(), 0);
    QVERIFY(file->commit());
    const auto content = contentOf(m_folder / "out");
    QCOMPARE(content.size(), 40 * kPiece);
    for (std::size_t i = 0; i < content.size(); ++i)
      if (content[i] != char('a' + i / kPiece % 4)) QFAIL("a piece is in the wrong place");
  }

  void sizesAreSetAndReserved() {
    auto file = AtomicFile::create(m_folder / "out");
    QVERIFY(file->reserve(1000));
    QVERIFY(file->writeAt(10, bytesOf("x")));
    QVERIFY(file->truncate(20));
    QVERIFY(file->commit());
    QCOMPARE(contentOf(m_folder / "out"), std::string(10, '\0') + "x" + std::string(9, '\0'));
  }

  void aFullDiskIsNamedAndLeavesNothing_data() {
    QTest::addColumn<QString>("step");
    QTest::newRow("write") << "write";
    QTest::newRow("reserve") << "reserve";
    QTest::newRow("truncate") << "truncate";
    QTest::newRow("text") << "text";
  }
  void aFullDiskIsNamedAndLeavesNothing() {
    QFETCH(QString, step);
    make("out", "old");
    {
      const SizeLimit limit(4096);
      auto file = AtomicFile::create(m_folder / "out");
      QVERIFY(file);
      const std::string much(10'000, 'x');
      const auto done = step == "write"     ? file->writeAt(0, bytesOf(much))
                        : step == "reserve" ? file->reserve(10'000)
                        : step == "text"    ? writeTextFile(m_folder / "out", much)
                                            : file->truncate(10'000);
      QVERIFY(!done);
      QCOMPARE(done.error().code, ErrorCode::DiskFull);
      QVERIFY(done.error().message.find((m_folder / "out").string()) == 0);
      QVERIFY(!done.error().hint.empty());
    }
    QVERIFY(listing() == std::set<std::string>{"out"});
    QCOMPARE(contentOf(m_folder / "out"), std::string("old"));
  }

  void moreThanAnyDiskHoldsCannotBeReserved() {
    auto file = AtomicFile::create(m_folder / "out");
    const auto reserved = file->reserve(std::uint64_t{1} << 62);
    QVERIFY(!reserved);
    QCOMPARE(reserved.error().code, ErrorCode::DiskFull);
  }

  void whereNoFileCanBeIsRefused_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("says");
    QTest::newRow("a folder") << "folder" << int(ErrorCode::InvalidArgument) << "is a folder";
    QTest::newRow("a folder with a slash") << "folder/" << int(ErrorCode::InvalidArgument) << "is a folder";
    QTest::newRow("a FIFO") << "fifo" << int(ErrorCode::InvalidArgument) << "not a regular file";
    QTest::newRow("in an absent folder") << "absent/out" << int(ErrorCode::NotFound) << "absent first";
    QTest::newRow("below a file") << "file/out" << int(ErrorCode::NotFound) << "cannot write here";
    QTest::newRow("in a read-only folder") << "locked/out" << int(ErrorCode::Io) << "Permission denied";
  }
  void whereNoFileCanBeIsRefused() {
    QFETCH(QString, name);
    QFETCH(int, code);
    QFETCH(QString, says);
    fs::create_directory(m_folder / "folder");
    fs::create_directory(m_folder / "locked");
    fs::permissions(m_folder / "locked",
                    fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
    QCOMPARE(::mkfifo((m_folder / "fifo").c_str(), 0600), 0);
    make("file", "x");
    const Unprivileged somebody;
    const auto file = AtomicFile::create(m_folder / name.toStdString());
    QVERIFY(!file);
    QCOMPARE(int(file.error().code), code);
    QVERIFY2(QString::fromStdString(describe(file.error())).contains(says), describe(file.error()).c_str());
  }

  void theRootAndEmptyPathsAreNoDestination() {
    for (const char* path : {"", "/"}) {
      QVERIFY(!AtomicFile::create(path));
      QVERIFY(!AtomicFolder::create(path));
    }
  }

  void aLinkIsReplacedAndItsTargetKept() {
    make("blob", "an input elsewhere");
    fs::create_symlink(m_folder / "blob", m_folder / "out");
    QVERIFY(writeTextFile(m_folder / "out", "new"));
    QCOMPARE(contentOf(m_folder / "blob"), std::string("an input elsewhere"));
    QCOMPARE(contentOf(m_folder / "out"), std::string("new"));
    QVERIFY(!fs::is_symlink(m_folder / "out"));
  }

  void longNamesFit() {
    const std::string longest(255, 'n');
    QVERIFY(writeTextFile(m_folder / longest, "x"));
    QVERIFY(listing() == std::set<std::string>{longest});
  }

  void foldersAppearWhole_data() {
    QTest::addColumn<QString>("existing");
    QTest::newRow("absent") << "";
    QTest::newRow("empty") << "empty";
    QTest::newRow("link to an empty one") << "link";
    QTest::newRow("with a slash") << "slash";
  }
  void foldersAppearWhole() {
    QFETCH(QString, existing);
    if (existing == "empty") fs::create_directory(m_folder / "out");
    if (existing == "link") {
      fs::create_directory(m_folder / "real");
      fs::create_directory_symlink(m_folder / "real", m_folder / "out");
    }
    auto folder = AtomicFolder::create(existing == "slash" ? m_folder / "out/" : m_folder / "out");
    QVERIFY(folder);
    QVERIFY(writeTextFile(folder->path() / "a", "1"));
    QVERIFY(!fs::exists(m_folder / "out" / "a"));
    QVERIFY(folder->commit());
    QCOMPARE(contentOf(m_folder / "out" / "a"), std::string("1"));
    for (const auto& name : listing()) QVERIFY2(!name.ends_with(".part"), name.c_str());
    QVERIFY(!folder->commit());
  }

  void anAbandonedFolderLeavesNothing() {
    {
      auto folder = AtomicFolder::create(m_folder / "out");
      QVERIFY(writeTextFile(folder->path() / "a", "1"));
      fs::create_directory(folder->path() / "deep");
      AtomicFolder moved = std::move(*folder);
      QVERIFY(writeTextFile(moved.path() / "deep" / "b", "2"));
    }
    QVERIFY(listing().empty());
  }

  void usedFoldersAreNotReplaced() {
    fs::create_directory(m_folder / "out");
    make("out/precious", "x");
    make("file", "x");
    QCOMPARE(AtomicFolder::create(m_folder / "out").error().code, ErrorCode::InvalidArgument);
    QCOMPARE(AtomicFolder::create(m_folder / "file").error().code, ErrorCode::InvalidArgument);
    QCOMPARE(AtomicFolder::create(m_folder / "absent" / "out").error().code, ErrorCode::NotFound);
    auto late = AtomicFolder::create(m_folder / "late");
    fs::create_directory(m_folder / "late");
    make("late/precious", "y");
    QCOMPARE(late->commit().error().code, ErrorCode::InvalidArgument);
    QCOMPARE(contentOf(m_folder / "late" / "precious"), std::string("y"));
    QCOMPARE(contentOf(m_folder / "out" / "precious"), std::string("x"));
  }

  void textsAreReadWithinTheirLimit() {
    const auto path = make("t", "content");
    QCOMPARE(readTextFile(path).value(), std::string("content"));
    QCOMPARE(readTextFile(path, 7).value(), std::string("content"));
    QCOMPARE(readTextFile(path, 6).error().code, ErrorCode::Unsupported);
    QCOMPARE(readTextFile(make("e", "")).value(), std::string());
  }
};

QTEST_APPLESS_MAIN(TestFile)
#include "test_file.moc"
