// SPDX-License-Identifier: Apache-2.0
// Memory is accounted to the byte, no allocation passes the limit, and errors say what did not fit.
#include <cstring>
#include <thread>

#include "tests/kernels/backends.h"

using namespace deltascope::kernels;

class TestMemory : public QObject {
  Q_OBJECT

 private slots:
  void buffersAreCountedAndAligned() {
    auto backend = open(bestIsa(), 1);
    const std::uint64_t held = backend->memory().use().current;
    {
      for (std::uint64_t bytes : {1u, 63u, 64u, 1000u, 5u << 20}) {
        auto buffer = backend->allocate(bytes, "weights");
        QVERIFY(buffer.has_value());
        QCOMPARE(buffer->bytes(), bytes);
        QCOMPARE(reinterpret_cast<std::uintptr_t>(buffer->data()) % 64, std::uintptr_t{0});
        QCOMPARE(backend->memory().use().current, held + bytes);
        std::memset(buffer->data(), 1, bytes);
      }
      QVERIFY(!*backend->allocate(0, "nothing"));
    }
    QCOMPARE(backend->memory().use().current, held);
    QCOMPARE(backend->memory().use().peak, held + (5 << 20));
    backend->memory().resetPeak();
    QCOMPARE(backend->memory().use().peak, held);
  }

  void errorsSayWhatDidNotFit() {
    auto backend = open(bestIsa(), 1);
    const std::uint64_t held = backend->memory().use().current;
    backend->memory().setLimit(held + (3 << 20));
    auto fits = backend->allocate(3 << 20, "weights");
    QVERIFY(fits.has_value());
    const auto fails = backend->allocate(1, "the kv cache");
    QVERIFY(!fails && fails.error().kind == Failure::Kind::OutOfMemory);
    for (const char* part : {"the kv cache needs 1 B", "of the limit of", "are held"})
      QVERIFY2(fails.error().message.find(part) != std::string::npos, fails.error().message.c_str());
    QVERIFY(!fails.error().hint.empty());
    for (std::uint64_t bytes : {std::uint64_t{1} << 60, ~std::uint64_t{0}}) {
      const auto huge = backend->allocate(bytes, "weights");
      QVERIFY(!huge && huge.error().kind == Failure::Kind::OutOfMemory);
    }
    backend->memory().setLimit(0);
#if !defined(__SANITIZE_ADDRESS__)  // which ends the program instead of failing
    const auto beyond = backend->allocate(std::uint64_t{1} << 60, "weights");
    QVERIFY(!beyond && beyond.error().kind == Failure::Kind::OutOfMemory);
#endif
    QCOMPARE(backend->memory().use().current, held + (3 << 20));
  }

  void theLimitHoldsAmongThreads() {
    auto backend = open(bestIsa(), 1);
    MemoryAccount& account = backend->memory();
    const std::uint64_t held = account.use().current;
    account.setLimit(held + 1000);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 10000; ++i)
          if (account.take(400, "a")) account.giveBack(400);
      });
    for (auto& thread : threads) thread.join();
    QCOMPARE(account.use().current, held);
    QVERIFY(account.use().peak <= held + 1000);
  }

  void openingSaysWhyItFails_data() {
    QTest::addColumn<QString>("device");
    QTest::addColumn<unsigned>("threads");
    QTest::addColumn<quint64>("limit");
    QTest::addColumn<QString>("said");
    QTest::newRow("no such device") << "tpu" << 1u << quint64{0} << "'tpu'";
    QTest::newRow("far too many threads") << "cpu" << 1000000u << quint64{0} << "1000000 threads";
    QTest::newRow("no room for scratch") << "cpu" << 2u << quint64{1000} << "scratch";
  }
  void openingSaysWhyItFails() {
    QFETCH(QString, device);
    QFETCH(unsigned, threads);
    QFETCH(quint64, limit);
    QFETCH(QString, said);
    BackendOptions options;
    options.device = device.toStdString();
    options.threads = threads;
    options.memoryLimit = limit;
    const auto opened = openBackend(options);
    QVERIFY(!opened);
    QVERIFY2(opened.error().message.find(said.toStdString()) != std::string::npos, opened.error().message.c_str());
  }

  void theProcessorDescribesItself() {
    auto backend = open(bestIsa(), 0);
    QCOMPARE(backend->device().id, std::string("cpu"));
    QVERIFY(backend->device().usable);
    QVERIFY(backend->synchronize().has_value());
  }
};

QTEST_APPLESS_MAIN(TestMemory)
#include "test_memory.moc"
