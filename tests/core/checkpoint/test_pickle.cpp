// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <filesystem>

#include "core/checkpoint/pickle.h"
#include "tests/core/checkpoint/checkpoint_files.h"

using namespace deltascope;
using namespace checkpoint_files;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

json goldens(const std::string& name) { return json::parse(contentOf(golden(name))); }

std::string fromBase64(const json& text) {
  return QByteArray::fromBase64(QByteArray::fromStdString(text.get<std::string>())).toStdString();
}

/// As make_pickles.py describes what Python reads.
json described(const Pickle& pickle, const PickleValue& value, const RandomAccessFile& file) {
  json items = json::array();
  switch (value.kind) {
    case PickleKind::None:
      return nullptr;
    case PickleKind::Bool:
      return value.integer != 0;
    case PickleKind::Int:
      return value.integer;
    case PickleKind::Float:
      return value.number;
    case PickleKind::Text:
      return value.text;
    case PickleKind::Bytes: {
      std::string bytes(value.bytes, '\0');
      if (!file.readAt(value.offset, std::as_writable_bytes(std::span(bytes)))) return "unreadable";
      if (bytes.size() > 1000 && bytes == std::string(bytes.size(), bytes[0]))
        return {{"repeated", QByteArray(bytes.data(), 1).toHex().toStdString()}, {"times", bytes.size()}};
      return {{"bytes", QByteArray::fromStdString(bytes).toHex().toStdString()}};
    }
    case PickleKind::Dict:
      for (std::size_t i = 0; i + 1 < value.items.size(); i += 2)
        items.push_back({described(pickle, pickle[value.items[i]], file), described(pickle, pickle[value.items[i + 1]], file)});
      return {{"dict", items}};
    default:
      for (const auto ref : value.items) items.push_back(described(pickle, pickle[ref], file));
      return value.kind == PickleKind::List ? items : json{{"tuple", items}};
  }
}

}  // namespace

class TestPickle : public QObject {
  Q_OBJECT

  QTemporaryDir m_folder;

  Result<Pickle> read(const std::string& content) {
    const auto file = RandomAccessFile::open(write(m_folder.path().toStdString() + "/a.pkl", content));
    return Pickle::read(*file, 0, content.size());
  }

 private slots:
  void plainDataIsReadAsPythonReadsIt_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QByteArray>("expected");
    for (const auto& row : goldens("pickles.json"))
      QTest::newRow(row["name"].get<std::string>().c_str())
          << QByteArray::fromStdString(fromBase64(row["pickle"])) << QByteArray::fromStdString(row["value"].dump());
  }
  void plainDataIsReadAsPythonReadsIt() {
    QFETCH(QByteArray, content);
    QFETCH(QByteArray, expected);
    const auto pickle = read(content.toStdString());
    QVERIFY2(pickle, pickle ? "" : pickle.error().message.c_str());
    const auto file = RandomAccessFile::open(m_folder.path().toStdString() + "/a.pkl");
    QCOMPARE(QByteArray::fromStdString(described(*pickle, pickle->root(), *file).dump()), expected);
  }

  void whatIsNoDataIsRefusedByName_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("says");
    for (const auto& row : goldens("hostile_pickles.json"))
      QTest::newRow(row["name"].get<std::string>().c_str())
          << QByteArray::fromStdString(fromBase64(row["pickle"])) << QString::fromStdString(row["says"].get<std::string>());
  }
  void whatIsNoDataIsRefusedByName() {
    QFETCH(QByteArray, content);
    QFETCH(QString, says);
    const auto pickle = read(content.toStdString());
    QVERIFY(!pickle);
    QCOMPARE(pickle.error().code, ErrorCode::Unsupported);
    const auto message = QString::fromStdString(pickle.error().message);
    QVERIFY2(message.contains(says), qPrintable(message));
    QVERIFY2(message.contains("a.pkl, offset "), qPrintable(message));
  }

  void everyTruncationIsAnError() {
    for (const auto& row : goldens("pickles.json")) {
      const std::string content = fromBase64(row["pickle"]);
      if (content.size() > 600) continue;
      for (std::size_t size = 0; size < content.size(); ++size) {
        const auto pickle = read(content.substr(0, size));
        QVERIFY2(!pickle, qPrintable(QString("%1 cut to %2").arg(row["name"].get<std::string>().c_str()).arg(size)));
        QCOMPARE(pickle.error().code, ErrorCode::Corrupt);
      }
    }
  }

  void everyOpcodeAloneIsHandled() {
    for (int opcode = 0; opcode < 256; ++opcode)
      for (const char* more : {"", ".", "\n\n.", "\1\1\1\1\1\1\1\1\1.", "\xff\xff\xff\xff\xff\xff\xff\xff."}) {
        const auto pickle = read(std::string(1, static_cast<char>(opcode)) + more);
        if (!pickle) QVERIFY(!pickle.error().message.empty());
      }
  }

  void damagedPicklesSayWhatIsWrong_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* name, QByteArray content, const char* says) { QTest::newRow(name) << content << says; };
    using B = QByteArray;
    row("nothing", "", "offset 0: the pickle ends here");
    row("no value", ".", "ends with 0 values");
    row("two values", "NN.", "ends with 2 values");
    row("an open mark", "(.", "ends with 0 values");
    row("no mark", "Nt.", "a mark that is not there");
    row("no value to add", "]a.", "a container that is not there");
    row("added to a number", "K\1Na.", "adds items to a number");
    row("added below a mark", "](Na.", "a container that is not there");
    row("an odd dict", "(Nd.", "a key without a value");
    row("never remembered", "h\7.", "recalls value 7");
    row("not UTF-8", B("X\1\0\0\0\xff.", 7), "not valid UTF-8");
    row("a surrogate", B("X\3\0\0\0\xed\xa0\x80.", 9), "not valid UTF-8");
    row("a malformed escape", "V\\u12\n.", "malformed escape");
    row("no number", "Iabc\n.", "\"abc\" is not a number");
    row("a number too large", "I9223372036854775808\n.", "not a number of 64 bits");
    row("no opcode", "\x7f.", "byte 127 is no opcode");
    row("an endless frame", B("\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.", 11), "a frame of 9,223,372,036,854,775,807 bytes");
    row("endless bytes", B("\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", 10), "18,446,744,073,709,551,615 bytes should follow");
    row("endless text", B("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", 10), "a text of 18,446,744,073,709,551,615 bytes");
    row("more after the end", "N.N.", "2 bytes follow the pickle's end");
  }
  void damagedPicklesSayWhatIsWrong() {
    QFETCH(QByteArray, content);
    QFETCH(QString, says);
    const auto pickle = read(content.toStdString());
    QVERIFY(!pickle);
    QVERIFY2(QString::fromStdString(pickle.error().message).contains(says), pickle.error().message.c_str());
  }

  void growthIsBounded_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("says");
    const int many = int(kMostPickleValues) + 2;
    QTest::newRow("values") << QByteArray(many, 'N') << "1,048,576 values";
    QTest::newRow("stack") << QByteArray("N") + QByteArray(many, '2') << "the stack holds more";
    QTest::newRow("marks") << QByteArray(many, '(') << "more than 1,048,576 marks";
    QTest::newRow("opcodes") << QByteArray("(1").repeated(int(kMostPickleOpcodes) / 2 + 1) << "16,777,216 opcodes";
    QByteArray memo;
    for (int i = 0; i < many; ++i) memo += QByteArray("r") + QByteArray(reinterpret_cast<const char*>(&i), 4);
    QTest::newRow("memo") << QByteArray("N") + memo << "remembers more than";
    // A large tuple that is handed to one call after another.
    QTest::newRow("items") << QByteArray("(") + QByteArray(100000, 'N') +
                                  "tq\1"
                                  "0ctorch._utils\n_rebuild_parameter\nq\2"
                                  "0" +
                                  QByteArray("h\2h\1R0").repeated(100)
                           << "4,194,304 items";
    QTest::newRow("texts") << (QByteArray("X\0\0\x10\0", 5) + QByteArray(1 << 20, 'a') + "0").repeated(65)
                           << "exceed 67,108,864 bytes";
    QTest::newRow("line") << QByteArray("V") + QByteArray((1 << 20) + 1, 'a') << "a line of more than";
  }
  void growthIsBounded() {
    QFETCH(QByteArray, content);
    QFETCH(QString, says);
    const auto pickle = read(content.toStdString());
    QVERIFY(!pickle);
    QCOMPARE(pickle.error().code, ErrorCode::Unsupported);
    QVERIFY2(QString::fromStdString(pickle.error().message).contains(says), pickle.error().message.c_str());
  }

  void nestingNeedsNoStack() {
    const int deep = 500000;
    QVERIFY(read(std::string(deep, ']') + std::string(deep - 1, 'a') + "."));
    QVERIFY(read("]q" + std::string(1, '\0') + "h" + std::string(1, '\0') + "a."));  // a list that holds itself
  }
};

QTEST_APPLESS_MAIN(TestPickle)
#include "test_pickle.moc"
