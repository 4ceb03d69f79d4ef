// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <random>
#include <thread>

#include "core/checkpoint/safetensors.h"
#include "tests/core/checkpoint/checkpoint_files.h"

using namespace deltascope;
using namespace checkpoint_files;

/// Against files that the real library wrote (make_safetensors.py), and our own written again.
class TestSafetensorsFile : public QObject {
  Q_OBJECT

  static void goldenFiles() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"all_types.safetensors", "shapes.safetensors", "names.safetensors", "empty.safetensors"})
      QTest::newRow(name) << name;
  }
  static nlohmann::json contents(const QString& name) {
    for (const auto& file : nlohmann::json::parse(contentOf(golden("safetensors_files.json"))))
      if (file["file"] == name.toStdString()) return file;
    return {};
  }
  static std::string readAll(const SafetensorsFile& file, const TensorInfo& tensor) {
    std::string bytes(tensor.bytes, ' ');
    return file.read(tensor, 0, std::as_writable_bytes(std::span(bytes))) ? bytes : "unreadable";
  }

 private slots:
  void readsWhatTheLibraryWrote_data() { goldenFiles(); }
  void readsWhatTheLibraryWrote() {
    QFETCH(QString, name);
    const auto expected = contents(name);
    const auto file = SafetensorsFile::open(golden(name.toStdString()));
    QVERIFY2(file, file ? "" : file.error().message.c_str());
    QCOMPARE(file->size(), std::uint64_t(std::filesystem::file_size(golden(name.toStdString()))));
    QVERIFY(file->header().metadata == (expected["metadata"].get<std::map<std::string, std::string>>()));
    QCOMPARE(file->header().tensors.size(), expected["tensors"].size());
    for (const auto& [key, tensor] : expected["tensors"].items()) {
      const auto* const found = file->find(key);
      QVERIFY2(found, key.c_str());
      QCOMPARE(std::string(nameOf(found->dtype)), tensor["dtype"].get<std::string>());
      QVERIFY(found->shape == tensor["shape"].get<std::vector<std::uint64_t>>());
      QCOMPARE(readAll(*file, *found), fromHex(tensor["bytes"]));
    }
    QVERIFY(!file->find("no such tensor"));
  }

  void writesTheLibrarysBytes_data() { goldenFiles(); }
  void writesTheLibrarysBytes() {
    QFETCH(QString, name);
    const auto original = SafetensorsFile::open(golden(name.toStdString()));
    QVERIFY(original);
    std::vector<TensorSpec> specs;
    for (const auto& tensor : original->header().tensors) specs.push_back({tensor.name, tensor.dtype, tensor.shape});
    std::mt19937 random(1);
    std::shuffle(specs.begin(), specs.end(), random);
    QTemporaryDir folder;
    const std::filesystem::path path = folder.filePath("copy.safetensors").toStdString();
    auto writer = SafetensorsWriter::create(path, specs, original->header().metadata);
    QVERIFY2(writer, writer ? "" : writer.error().message.c_str());
    QCOMPARE(writer->fileSize(), original->size());
    for (const auto& spec : specs) {
      const auto bytes = readAll(*original, *original->find(spec.name));
      const auto half = bytes.size() / 2;  // the end first
      QVERIFY(writer->write(spec.name, half, bytesOf(bytes).subspan(half)));
      QVERIFY(writer->write(spec.name, 0, bytesOf(bytes).first(half)));
    }
    QVERIFY(!std::filesystem::exists(path));
    QVERIFY(writer->commit());
    QVERIFY(contentOf(path) == contentOf(golden(name.toStdString())));
  }

  void truncationIsRefusedAtEveryLength_data() { goldenFiles(); }
  void truncationIsRefusedAtEveryLength() {
    QFETCH(QString, name);
    QTemporaryDir folder;
    const auto whole = contentOf(golden(name.toStdString()));
    const auto path = write(folder.filePath("f.safetensors").toStdString(), whole);
    QVERIFY(SafetensorsFile::open(path));
    for (auto length = whole.size(); length-- > 0;) {
      std::filesystem::resize_file(path, length);
      const auto file = SafetensorsFile::open(path);
      QVERIFY2(!file, std::to_string(length).c_str());
      QCOMPARE(file.error().code, ErrorCode::Corrupt);
      QVERIFY(file.error().message.starts_with(path.string() + (length ? ", offset " : ": is empty")));
    }
  }

  void rangesOfATensorAreRead() {
    QTemporaryDir folder;
    const auto file = SafetensorsFile::open(
        write(folder.filePath("f.safetensors").toStdString(), smallFile({{"a", "abcdef"}, {"b", "uvwxyz"}})));
    std::string two(2, ' ');
    QVERIFY(file->read(*file->find("b"), 4, std::as_writable_bytes(std::span(two))));
    QCOMPARE(two, std::string("yz"));
    QVERIFY(file->read(*file->find("a"), 6, {}));
  }

  void rangesOutsideTheTensorAreRefused_data() {
    QTest::addColumn<qulonglong>("begin");
    QTest::newRow("across its end") << 5ull;
    QTest::newRow("at its end") << 6ull;
    QTest::newRow("beyond it") << 7ull;
    QTest::newRow("overflowing") << std::numeric_limits<qulonglong>::max();
  }
  void rangesOutsideTheTensorAreRefused() {
    QFETCH(qulonglong, begin);
    QTemporaryDir folder;
    const auto file = SafetensorsFile::open(
        write(folder.filePath("f.safetensors").toStdString(), smallFile({{"a", "abcdef"}, {"b", "uvwxyz"}})));
    std::string two(2, ' ');
    const auto read = file->read(*file->find("a"), begin, std::as_writable_bytes(std::span(two)));
    QVERIFY(!read);
    QVERIFY(read.error().message.find("tensor a, ") != std::string::npos);
    QCOMPARE(two, std::string("  "));
  }

  void aFileCutWhileOpenIsAnErrorThatNamesTheTensor() {
    QTemporaryDir folder;
    const auto path = write(folder.filePath("f.safetensors").toStdString(), smallFile({{"a", "abcdef"}, {"b", "uvwxyz"}}));
    const auto file = SafetensorsFile::open(path);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 3);
    std::string six(6, ' ');
    QVERIFY(file->read(*file->find("a"), 0, std::as_writable_bytes(std::span(six))));
    const auto read = file->read(*file->find("b"), 0, std::as_writable_bytes(std::span(six)));
    QVERIFY(!read);
    QVERIFY(read.error().message.find("tensor b, offset ") != std::string::npos);
    QVERIFY(read.error().message.find("truncated") != std::string::npos);
  }

  void whatCannotBeWrittenIsRefused_data() {
    QTest::addColumn<QString>("what");
    QTest::addColumn<QString>("says");
    QTest::newRow("a name twice") << "twice"
                                  << "tensor a: the name occurs twice";
    QTest::newRow("the reserved name") << "reserved"
                                       << "this name is reserved";
    QTest::newRow("a shape that overflows") << "shape"
                                            << "overflows 64 bits";
    QTest::newRow("a size that overflows") << "size"
                                           << "overflows 64 bits";
    QTest::newRow("a file that overflows") << "file"
                                           << "exceed 8 EiB";
    QTest::newRow("half a byte") << "nibble"
                                 << "do not fill whole bytes";
    QTest::newRow("a name that is not UTF-8") << "name"
                                              << "not valid UTF-8";
    QTest::newRow("metadata that is not UTF-8") << "metadata"
                                                << "not valid UTF-8";
    QTest::newRow("a header that no reader takes") << "header"
                                                   << "readers accept 100,000,000";
  }
  void whatCannotBeWrittenIsRefused() {
    QFETCH(QString, what);
    QFETCH(QString, says);
    constexpr auto kLargest = (1ull << 61) - 1;  // bits still fit 64
    const std::map<QString, std::vector<TensorSpec>> specs{
        {"twice", {{"a", DType::U8, {1}}, {"a", DType::F32, {1}}}},
        {"reserved", {{"__metadata__", DType::U8, {1}}}},
        {"shape", {{"a", DType::U8, {1ull << 32, 1ull << 32}}}},
        {"size", {{"a", DType::F64, {1ull << 61}}}},
        {"file", std::vector<TensorSpec>{{"a", DType::U8, {kLargest}},
                                         {"b", DType::U8, {kLargest}},
                                         {"c", DType::U8, {kLargest}},
                                         {"d", DType::U8, {kLargest}},
                                         {"e", DType::U8, {kLargest}}}},
        {"nibble", {{"a", DType::F4, {3}}}},
        {"name", {{"a\xff", DType::U8, {1}}}},
    };
    std::map<std::string, std::string> metadata;
    if (what == "metadata") metadata["k"] = "\xc3";
    if (what == "header") metadata["k"] = std::string(100'000'000, 'x');
    QTemporaryDir folder;
    const auto found = specs.find(what);
    const auto writer = SafetensorsWriter::create(folder.filePath("f.safetensors").toStdString(),
                                                  found == specs.end() ? std::vector<TensorSpec>{} : found->second, metadata);
    QVERIFY(!writer);
    QVERIFY2(QString::fromStdString(writer.error().message).contains(says), writer.error().message.c_str());
    QVERIFY(QDir(folder.path()).isEmpty(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot));
  }

  void writesOutsideTheDeclaredTensorsAreRefused() {
    QTemporaryDir folder;
    auto writer = SafetensorsWriter::create(folder.filePath("f.safetensors").toStdString(), {{"a", DType::U8, {4}}});
    const std::string five = "12345";
    QVERIFY(!writer->write("b", 0, bytesOf(five)));
    QVERIFY(!writer->write("a", 0, bytesOf(five)));
    QVERIFY(!writer->write("a", 5, {}));
    QVERIFY(!writer->write("a", std::numeric_limits<std::uint64_t>::max(), bytesOf(five)));
    QVERIFY(writer->write("a", 4, {}));
  }

  void anUnfinishedFileIsNotCommitted() {
    QTemporaryDir folder;
    {
      auto writer = SafetensorsWriter::create(folder.filePath("f.safetensors").toStdString(), {{"a", DType::U8, {4}}});
      QVERIFY(writer->write("a", 0, bytesOf("123")));
      const auto committed = writer->commit();
      QVERIFY(!committed);
      QVERIFY(committed.error().message.find("only 3 of 4 bytes") != std::string::npos);
    }
    QVERIFY(QDir(folder.path()).isEmpty(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot));
  }

  void threadsWriteAndReadAtTheSameTime() {
    QTemporaryDir folder;
    const auto path = folder.filePath("f.safetensors").toStdString();
    std::vector<TensorSpec> specs;
    for (int i = 0; i < 64; ++i) specs.push_back({"t" + std::to_string(i), DType::U8, {1000}});
    auto writer = SafetensorsWriter::create(path, specs);
    std::atomic<int> failures = 0;
    const auto onThreads = [](const auto& call) {
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([&call, t] {
          for (int i = t; i < 64; i += 4) call(i);
        });
      for (auto& thread : threads) thread.join();
    };
    onThreads([&](int i) { failures += !writer->write("t" + std::to_string(i), 0, bytesOf(std::string(1000, char(i)))); });
    QVERIFY(writer->commit());
    const auto file = SafetensorsFile::open(path);
    onThreads([&](int i) { failures += readAll(*file, *file->find("t" + std::to_string(i))) != std::string(1000, char(i)); });
    QCOMPARE(failures.load(), 0);
  }
};

QTEST_APPLESS_MAIN(TestSafetensorsFile)
#include "test_safetensors_file.moc"
