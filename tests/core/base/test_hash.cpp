// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/hash.h"

using namespace deltascope;

/// Against tests/data/base/hashes.json, which the real library wrote (make_hashes.py).
class TestHash : public QObject {
  Q_OBJECT

  static std::vector<std::byte> input(std::size_t length) {
    std::vector<std::byte> bytes(length);
    for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>((i * 167 + 13) % 256);
    return bytes;
  }

 private slots:
  void agreesWithTheLibrary_data() {
    QTest::addColumn<qulonglong>("length");
    QTest::addColumn<QString>("hash64");
    QTest::addColumn<QString>("hash128");
    std::ifstream file(DELTASCOPE_TEST_DATA "/base/hashes.json");
    QVERIFY(file);
    for (const auto& row : nlohmann::json::parse(file))
      QTest::addRow("%llu bytes", row["length"].get<unsigned long long>())
          << row["length"].get<qulonglong>() << QString::fromStdString(row["xxh3_64"])
          << QString::fromStdString(row["xxh3_128"]);
  }
  void agreesWithTheLibrary() {
    QFETCH(qulonglong, length);
    QFETCH(QString, hash64);
    QFETCH(QString, hash128);
    const auto bytes = input(length);
    QCOMPARE(QString("%1").arg(deltascope::hash64(bytes), 16, 16, QChar('0')), hash64);
    QCOMPARE(QString::fromStdString(toHex(deltascope::hash128(bytes))), hash128);
  }

  void piecesGiveTheHashOfTheWhole_data() {
    QTest::addColumn<int>("piece");
    for (const int piece : {1, 7, 63, 64, 255, 256, 1000, 5000}) QTest::addRow("pieces of %d", piece) << piece;
  }
  void piecesGiveTheHashOfTheWhole() {
    QFETCH(int, piece);
    const auto bytes = input(4096 + 17);
    Hasher128 hasher;
    QCOMPARE(toHex(hasher.digest()), toHex(hash128({})));
    for (std::size_t at = 0; at < bytes.size();) {
      const auto size = std::min<std::size_t>(static_cast<std::size_t>(piece), bytes.size() - at);
      hasher.update(std::span(bytes).subspan(at, size));
      at += size;
      QCOMPARE(toHex(hasher.digest()), toHex(hash128(std::span(bytes).first(at))));  // a digest does not end the stream
    }
  }

  void aMovedHasherGoesOn() {
    const auto bytes = input(1000);
    Hasher128 first;
    first.update(std::span(bytes).first(300));
    Hasher128 second = std::move(first);
    second.update(std::span(bytes).subspan(300));
    QCOMPARE(toHex(second.digest()), toHex(hash128(bytes)));
  }

  void hexGoesBothWays() {
    const Hash128 hash{0x0123456789abcdefu, 0xfedcba9876543210u};
    QCOMPARE(toHex(hash), std::string("0123456789abcdeffedcba9876543210"));
    QVERIFY(hashFromHex(toHex(hash)) == hash);
    QVERIFY(hashFromHex("0123456789ABCDEFFEDCBA9876543210") == hash);
    QCOMPARE(toHex(Hash128{}), std::string(32, '0'));
  }

  void otherTextIsNoHash_data() {
    QTest::addColumn<QString>("text");
    QTest::newRow("empty") << "";
    QTest::newRow("31 digits") << QString(31, '0');
    QTest::newRow("33 digits") << QString(33, '0');
    QTest::newRow("a letter") << QString(31, '0') + "g";
    QTest::newRow("a space") << QString(31, '0') + " ";
    QTest::newRow("a sign") << "-" + QString(31, '0');
  }
  void otherTextIsNoHash() {
    QFETCH(QString, text);
    QVERIFY(!hashFromHex(text.toStdString()));
  }
};

QTEST_APPLESS_MAIN(TestHash)
#include "test_hash.moc"
