// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "core/checkpoint/safetensors.h"
#include "tests/core/checkpoint/checkpoint_files.h"

using namespace deltascope;
using namespace checkpoint_files;

namespace {

constexpr auto kAccepted = "";

/// What our message says of each case in header_cases.json; kAccepted where the file must open.
const std::map<std::string, std::string> kExpected{
    {"no bytes", "is empty"},
    {"seven bytes", "offset 0: has 7 bytes, too few for a header"},
    {"header longer than the file", "offset 0: declares a header of 3 bytes in a file of 10"},
    {"header length of all ones", "offset 0: declares a header of 18,446,744,073,709,551,615 bytes, the limit is 100,000,000"},
    {"header length of 100,000,001", "offset 0: declares a header of 100,000,001 bytes, the limit is 100,000,000"},
    {"header length of zero", "holds zeros where it should begin"},
    {"empty header", kAccepted},
    {"empty header with data", "offset 10: 4 bytes after the last tensor belong to none"},
    {"spaces around the header", kAccepted},
    {"one tensor", kAccepted},
    {"not UTF-8", "ill-formed UTF-8 byte"},
    {"not UTF-8 in a value", "ill-formed UTF-8 byte"},
    {"an overlong UTF-8 sequence", "ill-formed UTF-8 byte"},
    {"a surrogate in UTF-8", "ill-formed UTF-8 byte"},
    {"a lone escaped surrogate", "surrogate U+D800..U+DBFF must be followed by"},
    {"an escaped surrogate pair", kAccepted},
    {"a byte order mark", "offset 8: is not valid JSON (it starts with a byte order mark)"},
    {"not JSON", "offset 10: is not valid JSON"},
    {"a NUL after the header", "offset 10: is not valid JSON (a NUL byte)"},
    {"a NUL and more after the header", "offset 10: is not valid JSON (a NUL byte)"},
    {"a raw control character in a name", "control character U+0001"},
    {"text after the header", "is not valid JSON"},
    {"a trailing comma", "is not valid JSON"},
    {"a comment", "is not valid JSON"},
    {"an unclosed header", "is not valid JSON"},
    {"an array as header", "the header is an array"},
    {"a number as header", "the header is a number"},
    {"null as header", "the header is null"},
    {"a tensor that is a number", "the value of \"a\" is a number"},
    {"a tensor that is null", "the value of \"a\" is null"},
    {"metadata", kAccepted},
    {"metadata of null", kAccepted},
    {"metadata with a number", "the value of \"format\" is a number"},
    {"metadata with an object", "the value of \"format\" is an object"},
    {"metadata with null", "the value of \"format\" is null"},
    {"metadata of a list", "the value of \"__metadata__\" is an array"},
    {"metadata of a string", "the value of \"__metadata__\" is a string"},
    {"metadata with a key twice", "the key \"k\" occurs twice in __metadata__"},
    {"metadata twice", "the key \"__metadata__\" occurs twice"},
    {"an unknown type", "tensor a, offset 28: has the unknown type \"F128\""},
    {"a type in lower case", "has the unknown type \"u8\""},
    {"a type that is a number", "tensor a, offset 24: the value of \"dtype\" is a number"},
    {"no type", "tensor a, offset 47: has no dtype"},
    {"no shape", "has no shape"},
    {"no offsets", "has no data_offsets"},
    {"type twice", "the key \"dtype\" occurs twice"},
    {"shape twice", "the key \"shape\" occurs twice"},
    {"offsets twice", "the key \"data_offsets\" occurs twice"},
    {"an unknown key", kAccepted},
    {"unknown values nested 40 deep", kAccepted},
    {"unknown values nested 1,000 deep", "is nested deeper than 64 levels"},
    {"a header nested 1,000 deep", "tensor a, offset 339: is nested deeper than 64 levels"},
    {"three offsets", "data_offsets has more than two numbers"},
    {"one offset", "data_offsets has fewer than two numbers"},
    {"offsets of a string", "the value of \"data_offsets\" is a string"},
    {"negative offset", "the value of \"data_offsets\" holds a negative number"},
    {"fractional offset", "holds a number that is not a 64-bit integer"},
    {"offset in scientific notation", "holds a number that is not a 64-bit integer"},
    {"offset beyond 64 bits", "holds a number that is not a 64-bit integer"},
    {"offset of 2^64-1", "tensor a, offset 80: has 18,446,744,073,709,551,615 bytes of data, its shape 4 of U8 needs 4"},
    {"minus zero", "holds a negative number"},
    {"a leading zero", "is not valid JSON"},
    {"offsets in reverse", "its data ends (0) before it begins (4)"},
    {"a negative size", "the value of \"shape\" holds a negative number"},
    {"a fractional size", "the value of \"shape\" holds a number that is not a 64-bit integer"},
    {"a size that is a string", "the value of \"shape\" holds a string"},
    {"a nested shape", "the value of \"shape\" holds an array"},
    {"a shape that is a number", "the value of \"shape\" is a number"},
    {"shape larger than the data", "has 4 bytes of data, its shape 5 of U8 needs 5"},
    {"shape smaller than the data", "has 4 bytes of data, its shape 3 of U8 needs 3"},
    {"rank 0", kAccepted},
    {"rank 64", kAccepted},
    {"rank 65", "has more than 64 dimensions"},
    {"size zero", kAccepted},
    {"size zero with a huge factor before", kAccepted},
    {"size zero after an overflow", "overflows 64 bits"},
    {"shape overflows", "its shape 4294967296 × 4294967296 overflows 64 bits"},
    {"shape times type overflows", "overflows 64 bits"},
    {"bits overflow, bytes would not", "overflows 64 bits"},
    {"a hole at the start", "1 bytes before its data belong to no tensor"},
    {"a hole between", "tensor b, offset 118: 1 bytes before its data belong to no tensor"},
    {"an overlap", "tensor b, offset 116: its data overlaps that of another tensor"},
    {"two names on one range", "its data overlaps that of another tensor"},
    {"names in any order", kAccepted},
    {"data too short", "offset 64: the file is incomplete: it ends 1 bytes before its last tensor does"},
    {"data too long", "offset 65: 1 bytes after the last tensor belong to none"},
    {"a name twice", "tensor a: the name occurs twice in the header"},
    {"a name twice on one range", "tensor a: the name occurs twice in the header"},
    {"a name twice by escapes", "tensor a: the name occurs twice in the header"},
    {"an empty tensor between", kAccepted},
    {"an empty tensor off the grid", "tensor e, offset 115: its data overlaps that of another tensor"},
    {"4-bit values in whole bytes", kAccepted},
    {"4-bit values in half a byte", "its F4 elements do not fill whole bytes"},
    {"6-bit values in whole bytes", kAccepted},
    {"6-bit values in part of a byte", "its F6_E3M2 elements do not fill whole bytes"},
    {"an attack of many names", "its data overlaps that of another tensor"},
};
/// Where we refuse what the library takes: names twice, of which it keeps the last, and more dimensions than any library
/// handles.
const std::set<std::string> kStricter{"metadata with a key twice", "a name twice on one range", "rank 65"};

}  // namespace

class TestSafetensorsHeader : public QObject {
  Q_OBJECT

  /// JSON with ' for ", which moc's parser takes badly in raw strings.
  static std::string json(std::string text) {
    std::replace(text.begin(), text.end(), '\'', '"');
    return text;
  }
  static Result<SafetensorsHeader> parse(const std::string& header, std::uint64_t dataSize) {
    return parseSafetensorsHeader(bytesOf(header), 8 + header.size() + dataSize, "f");
  }

 private slots:
  void agreesWithTheLibrary_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<bool>("libraryAccepts");
    const auto cases = nlohmann::json::parse(contentOf(golden("header_cases.json")));
    QCOMPARE(cases.size(), kExpected.size());
    for (const auto& row : cases) {
      const auto name = row["name"].get<std::string>();
      QTest::newRow(name.c_str()) << QString::fromStdString(name)
                                  << QByteArray::fromBase64(QByteArray::fromStdString(row["bytes"]))
                                  << row["library"].is_null();
    }
  }
  void agreesWithTheLibrary() {
    QFETCH(QString, name);
    QFETCH(QByteArray, content);
    QFETCH(bool, libraryAccepts);
    const auto& expected = kExpected.at(name.toStdString());
    QCOMPARE(expected.empty(), libraryAccepts && !kStricter.contains(name.toStdString()));
    QTemporaryDir folder;
    const auto path = write(folder.filePath("f.safetensors").toStdString(), content.toStdString());
    const auto file = SafetensorsFile::open(path);
    if (expected.empty()) {
      QVERIFY2(file, file ? "" : file.error().message.c_str());
      return;
    }
    QVERIFY(!file);
    const bool foreign = name == "no bytes" || name == "header length of zero";  // known by their first bytes
    if (!foreign) QCOMPARE(file.error().code, ErrorCode::Corrupt);
    const auto& message = file.error().message;
    QVERIFY2(message.starts_with(path.string() + (foreign ? ": " : ", ")), message.c_str());
    QVERIFY2(message.find(expected) != std::string::npos, message.c_str());
    QVERIFY(message.find('\n') == std::string::npos && message.size() < 600);
  }

  void namesAreUnescapedAndTensorsAreSortedByOffset() {
    const auto header = parse(json(" {'b\\u0061\\t':{'shape':[2,3],'data_offsets':[8,14],'dtype':'I8'},'重み':{'dtype':'F32','"
                                   "data_offsets':[0,8],'shape':[2]},'__metadata__':{'k\\n':'v\\\\é'}} "),
                              14);
    QVERIFY2(header, header ? "" : header.error().message.c_str());
    QCOMPARE(header->tensors.size(), std::size_t(2));
    QCOMPARE(header->tensors[0].name, std::string("重み"));
    QCOMPARE(header->tensors[0].elements, 2u);
    QCOMPARE(header->tensors[0].bytes, 8u);
    QCOMPARE(header->tensors[1].name, std::string("ba\t"));
    QVERIFY(header->tensors[1].shape == (std::vector<std::uint64_t>{2, 3}));
    QCOMPARE(header->tensors[1].offset - header->tensors[0].offset, 8u);
    QVERIFY(header->metadata == (std::map<std::string, std::string>{{"k\n", "v\\é"}}));
  }

  void offsetsCountFromTheStartOfTheFile() {
    const std::string text = json("{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}");
    QCOMPARE(parse(text, 4)->tensors[0].offset, 8 + text.size());
  }

  void aHeaderLongerThanItsFileIsRefused() {
    QVERIFY(!parseSafetensorsHeader(bytesOf("{}"), 9, "f"));
    QVERIFY(!parseSafetensorsHeader(bytesOf("{}"), 3, "f"));
    QVERIFY(parseSafetensorsHeader(bytesOf("{}"), 10, "f"));
  }

  void moreThanAMillionTensorsAreRefused() {
    std::string text = "{";
    std::size_t million = 0;
    for (int i = 0; i <= 1'000'000; ++i) {
      million = text.size();
      text.append(i ? ",\"" : "\"").append(std::to_string(i)).append(json("':{'dtype':'U8','shape':[0],'data_offsets':[0,0]}"));
    }
    const auto tooMany = parse(text + "}", 0);
    QVERIFY(!tooMany);
    QVERIFY(tooMany.error().message.find("more than 1,000,000 tensors") != std::string::npos);
    text.resize(million);
    const auto many = parse(text + "}", 0);
    QVERIFY(many);
    QCOMPARE(many->tensors.size(), std::size_t(1'000'000));
  }

  void deepNestingDoesNotOverflowTheStack_data() {
    QTest::addColumn<QString>("open");
    QTest::newRow("objects") << "{\"a\":";
    QTest::newRow("arrays") << "[";
    QTest::newRow("both") << "[{\"a\":";
  }
  void deepNestingDoesNotOverflowTheStack() {
    QFETCH(QString, open);
    const auto nest = open.repeated(1'000'000).toStdString();
    QVERIFY(!parse(nest, 0));
    QVERIFY(!parse(json("{'a':{'x':") + nest, 0));
  }

  /// Every result is either an error or a header that keeps the promises its users rely on.
  void randomChangesNeverBreakThePromises_data() {
    QTest::addColumn<int>("seed");
    for (int seed = 0; seed < 8; ++seed) QTest::addRow("seed %d", seed) << seed;
  }
  void randomChangesNeverBreakThePromises() {
    QFETCH(int, seed);
    const std::string start = json(
        "{'__metadata__':{'format':'pt'},'a.weight':{'dtype':'BF16','shape':[2,3],'data_offsets':[0,12]},"
        "'b':{'dtype':'F4','shape':[0],'data_offsets':[12,12],'x':[{}]},'c':{'dtype':'I64','shape':[0,9],"
        "'data_offsets':[12,12]},'d\\u00e9':{'dtype':'U8','shape':[20],'data_offsets':[12,32]}}");
    QVERIFY(parse(start, 32));
    std::mt19937 random(static_cast<unsigned>(seed));
    const std::string alphabet = "{}[]:,\"\\0123456789-eE.u\xff\xc3\x80\n aBUF";
    std::size_t accepted = 0;
    for (int round = 0; round < 1500; ++round) {
      auto text = start;
      for (auto changes = 1 + random() % 3; changes > 0 && !text.empty(); --changes) {
        const auto place = random() % text.size();
        switch (random() % 5) {
          case 0:
            text[place] = static_cast<char>(random());
            break;
          case 1:
            text[place] = alphabet[random() % alphabet.size()];
            break;
          case 2:
            text.erase(place, 1 + random() % 9);
            break;
          case 3:
            text.insert(place, text.substr(random() % text.size(), 1 + random() % 30));
            break;
          default:
            text.insert(place, 1, alphabet[random() % alphabet.size()]);
            break;
        }
      }
      const auto header = parse(text, 32);
      if (!header) {
        QVERIFY(!header.error().message.empty() && header.error().message.find('\n') == std::string::npos);
        continue;
      }
      ++accepted;
      std::uint64_t end = 8 + text.size();
      for (const auto& tensor : header->tensors) {
        QCOMPARE(tensor.offset, end);
        end += tensor.bytes;
        QCOMPARE(tensor.elements * bitsOf(tensor.dtype), tensor.bytes * 8);
      }
      QCOMPARE(end, 8 + text.size() + 32);
    }
    QVERIFY(accepted > 0);  // else nothing but the first brace was tried
  }

  void randomBytesAreRefused() {
    std::mt19937 random(5);
    for (int round = 0; round < 3000; ++round) {
      std::string bytes(random() % 200, '\0');
      for (auto& byte : bytes) byte = static_cast<char>(random());
      QVERIFY(!parse(bytes, random() % 64));
    }
  }
};

QTEST_APPLESS_MAIN(TestSafetensorsHeader)
#include "test_safetensors_header.moc"
