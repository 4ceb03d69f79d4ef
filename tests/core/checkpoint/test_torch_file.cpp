// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <filesystem>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/torch_file.h"
#include "core/checkpoint/zip_file.h"
#include "tests/core/checkpoint/checkpoint_files.h"

using namespace deltascope;
using namespace checkpoint_files;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

json goldens(const std::string& name) { return json::parse(contentOf(golden(name))); }

/// Opens it and, if that succeeds, reads every tensor to its end.
Result<void> readThrough(const fs::path& path) {
  DELTASCOPE_ASSIGN(const TorchFile file, TorchFile::open(path));
  for (const auto& tensor : file.tensors()) {
    std::vector<std::byte> bytes(tensor.bytes);
    DELTASCOPE_TRY(file.read(tensor, 0, bytes));
  }
  return {};
}

}  // namespace

class TestTorchFile : public QObject {
  Q_OBJECT

  QTemporaryDir m_folder;
  fs::path place(const std::string& name) const { return fs::path(m_folder.path().toStdString()) / name; }

 private slots:
  void tensorsAreThoseOfTorch_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QByteArray>("tensors");
    for (const auto& row : goldens("torch_files.json")) {
      const auto file = row["file"].get<std::string>();
      QTest::newRow(file.c_str()) << QString::fromStdString(file) << QByteArray::fromStdString(row["tensors"].dump());
    }
  }
  void tensorsAreThoseOfTorch() {
    QFETCH(QString, file);
    QFETCH(QByteArray, tensors);
    const json expected = json::parse(tensors.toStdString());
    const auto checkpoint = Checkpoint::open(golden(file.toStdString()));
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    QCOMPARE(checkpoint->tensors().size(), expected.size());
    for (const auto& [name, held] : expected.items()) {
      const TensorInfo* info = checkpoint->find(name);
      QVERIFY2(info, name.c_str());
      QCOMPARE(QString::fromUtf8(nameOf(info->dtype).data(), int(nameOf(info->dtype).size())),
               QString::fromStdString(held["dtype"].get<std::string>()));
      QCOMPARE(json(info->shape), held["shape"]);
      const auto bytes = checkpoint->readAll(*info);
      QVERIFY(bytes);
      QCOMPARE(textOf(*bytes), fromHex(held["bytes"].get<std::string>()));
      std::byte beyond{};
      QVERIFY(!checkpoint->read(*info, info->bytes, {&beyond, 1}));
    }
  }

  /// torch_more.json: strides, wrapped dicts, later types, files that are no ZIP.
  void tensorsOfEveryKindAreThoseOfTorch_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QByteArray>("tensors");
    for (const auto& row : goldens("torch_more.json"))
      QTest::newRow(row["name"].get<std::string>().c_str())
          << QByteArray::fromBase64(QByteArray::fromStdString(row["file"].get<std::string>()))
          << QByteArray::fromStdString(row["tensors"].dump());
  }
  void tensorsOfEveryKindAreThoseOfTorch() {
    QFETCH(QByteArray, content);
    QFETCH(QByteArray, tensors);
    const json expected = json::parse(tensors.toStdString());
    const auto file = TorchFile::open(write(place("more.pth"), content.toStdString()));
    QVERIFY2(file, file ? "" : describe(file.error()).c_str());
    QCOMPARE(file->tensors().size(), expected.size());
    for (const auto& info : file->tensors()) {
      QVERIFY2(expected.contains(info.name), info.name.c_str());
      const auto& held = expected[info.name];
      QCOMPARE(std::string(nameOf(info.dtype)), held["dtype"].get<std::string>());
      QCOMPARE(json(info.shape), held["shape"]);
      const auto right = fromHex(held["bytes"].get<std::string>());
      std::vector<std::byte> bytes(info.bytes);
      QVERIFY(file->read(info, 0, bytes));
      QCOMPARE(textOf(bytes), right);
      for (std::size_t begin = 0; begin < bytes.size(); begin += 3) {  // ranges that cut elements too
        std::vector<std::byte> part(std::min<std::size_t>(7, bytes.size() - begin));
        QVERIFY(file->read(info, begin, part));
        QCOMPARE(textOf(part), right.substr(begin, part.size()));
      }
    }
  }

  void shardsWithAnIndexAreOneCheckpoint() {
    const auto rows = goldens("torch_more.json");
    const auto contentOfRow = [&](const char* name) {
      const auto row = std::find_if(rows.begin(), rows.end(), [&](const json& r) { return r["name"] == name; });
      return QByteArray::fromBase64(QByteArray::fromStdString((*row)["file"].get<std::string>())).toStdString();
    };
    const auto folder = place("sharded");
    write(folder / "pytorch_model-00001-of-00002.bin", contentOfRow("state_dict"));
    write(folder / "pytorch_model-00002-of-00002.bin", contentOfRow("strided: transposed"));
    write(folder / "training_args.bin", "no weights");
    write(folder / "pytorch_model.bin.index.json",
          R"({"weight_map":{"weight":"pytorch_model-00001-of-00002.bin","ghost":"pytorch_model-00001-of-00002.bin",
              "w":"pytorch_model-00002-of-00002.bin"}})");
    const auto checkpoint = Checkpoint::open(folder);
    QVERIFY2(checkpoint, checkpoint ? "" : describe(checkpoint.error()).c_str());
    QCOMPARE(checkpoint->tensors().size(), std::size_t(3));  // bias, w, weight
    QCOMPARE(checkpoint->find("w")->shape, (std::vector<std::uint64_t>{6, 4}));
    QCOMPARE(checkpoint->files().size(), std::size_t(3));
  }

  void whatIsNoDictOfTensorsIsRefused_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("says");
    for (const auto& row : goldens("torch_refused.json"))
      QTest::newRow(row["name"].get<std::string>().c_str())
          << QByteArray::fromBase64(QByteArray::fromStdString(row["file"].get<std::string>()))
          << QString::fromStdString(row["says"].get<std::string>());
  }
  void whatIsNoDictOfTensorsIsRefused() {
    QFETCH(QByteArray, content);
    QFETCH(QString, says);
    const auto file = TorchFile::open(write(place("a.pth"), content.toStdString()));
    QVERIFY(!file);
    QVERIFY2(QString::fromStdString(file.error().message).contains(says), file.error().message.c_str());
    QVERIFY(QString::fromStdString(file.error().message).contains("a.pth"));
    QVERIFY(!file.error().hint.empty());
  }

  void everyTruncationOfAnOldFileIsAnError() {
    for (const auto& row : goldens("torch_more.json")) {
      if (row["name"] != "no ZIP, state_dict") continue;
      const auto whole = QByteArray::fromBase64(QByteArray::fromStdString(row["file"].get<std::string>())).toStdString();
      for (std::size_t size = 0; size < whole.size(); ++size)
        QVERIFY2(!readThrough(write(place("cut.pth"), whole.substr(0, size))), qPrintable(QString::number(size)));
      for (std::size_t i = 0; i < whole.size(); ++i)
        for (const int change : {0xff, 1, 0x80}) {
          std::string damaged = whole;
          damaged[i] = static_cast<char>(damaged[i] ^ change);
          const auto read = readThrough(write(place("changed.pth"), damaged));
          if (!read) QVERIFY(!read.error().message.empty());
        }
      return;
    }
    QFAIL("no such row");
  }

  void everyTruncationIsAnError() {
    const std::string whole = contentOf(golden("torch_state_dict.pth"));
    for (std::size_t size = 0; size < whole.size(); ++size)
      QVERIFY2(!readThrough(write(place("cut.pth"), whole.substr(0, size))), qPrintable(QString::number(size)));
  }

  void noChangedByteDoesHarm() {
    const std::string whole = contentOf(golden("torch_state_dict.pth"));
    for (std::size_t i = 0; i < whole.size(); ++i)
      for (const int change : {0xff, 1, 0x80}) {
        std::string damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ change);
        const auto read = readThrough(write(place("changed.pth"), damaged));
        if (!read) QVERIFY(!read.error().message.empty());
      }
  }

  void aFolderOfOneSuchFileIsACheckpoint() {
    fs::create_directories(place("folder"));
    fs::copy_file(golden("torch_views.pth"), place("folder/weights.pth"));
    const auto one = Checkpoint::open(place("folder"));
    QVERIFY2(one, one ? "" : one.error().message.c_str());
    QCOMPARE(one->files(), std::vector<fs::path>{place("folder/weights.pth")});
    fs::copy_file(golden("torch_types.pth"), place("folder/other.pt"));
    const auto two = Checkpoint::open(place("folder"));
    QVERIFY(!two);
    QVERIFY2(QString::fromStdString(two.error().message).contains("2 files of torch.save and no index: other.pt, weights.pth"),
             two.error().message.c_str());
    fs::copy_file(golden("torch_types.pth"), place("folder/pytorch_model.bin"));
    QCOMPARE(Checkpoint::open(place("folder"))->files(), std::vector<fs::path>{place("folder/pytorch_model.bin")});
    write(place("folder/model.safetensors"), smallFile({{"a", "x"}}));
    QCOMPARE(Checkpoint::open(place("folder"))->files(), std::vector<fs::path>{place("folder/model.safetensors")});
  }

  void membersLieWhereTheDirectorySays() {
    const auto file = RandomAccessFile::open(golden("torch_types.pth"));
    const auto members = readZipDirectory(*file);
    QVERIFY(members);
    for (const auto& member : *members) {
      if (!member.name.ends_with("/byteorder")) continue;
      std::string order(member.bytes, '\0');
      QVERIFY(file->readAt(member.offset, std::as_writable_bytes(std::span(order))));
      QCOMPARE(order, std::string("little"));
      return;
    }
    QFAIL("no byteorder");
  }
};

QTEST_APPLESS_MAIN(TestTorchFile)
#include "test_torch_file.moc"
