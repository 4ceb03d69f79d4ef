// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <QtTest>
#include <cmath>
#include <memory>

#include "core/checkpoint/checkpoint.h"
#include "tests/core/checkpoint/checkpoint_files.h"

using namespace deltascope;
using namespace checkpoint_files;
namespace fs = std::filesystem;

namespace {

std::string indexOf(const std::vector<std::pair<std::string, std::string>>& map) {
  nlohmann::json index{{"metadata", {{"total_size", 17}}}, {"weight_map", nlohmann::json::object()}};
  for (const auto& [tensor, file] : map) index["weight_map"][tensor] = file;
  return index.dump();
}

}  // namespace

class TestCheckpoint : public QObject {
  Q_OBJECT

  std::unique_ptr<QTemporaryDir> m_temporary;
  fs::path m_folder;

  /// Two shards and their index.
  void writeShards() {
    write(m_folder / "model-1.safetensors", smallFile({{"layers.2.w", "aaaa"}, {"layers.10.w", "bb"}}));
    write(m_folder / "model-2.safetensors", smallFile({{"embed", "cccccc"}}));
    write(m_folder / "model.safetensors.index.json", indexOf({{"layers.2.w", "model-1.safetensors"},
                                                              {"layers.10.w", "model-1.safetensors"},
                                                              {"embed", "model-2.safetensors"}}));
  }
  /// A file whose one tensor is named after it, to tell which was opened.
  void writeNamed(const std::string& name) { write(m_folder / name, smallFile({{name, "x"}})); }

 private slots:
  void init() {
    m_temporary = std::make_unique<QTemporaryDir>();
    m_folder = m_temporary->path().toStdString();
  }
  void cleanup() {
    fs::permissions(m_folder, fs::perms::owner_all);
    m_temporary.reset();
  }

  void shardsBecomeOneCheckpoint_data() {
    QTest::addColumn<QString>("path");
    QTest::newRow("by folder") << "";
    QTest::newRow("by index") << "model.safetensors.index.json";
  }
  void shardsBecomeOneCheckpoint() {
    QFETCH(QString, path);
    writeShards();
    write(m_folder / "config.json", R"({"model_type":"llama"})");
    const auto checkpoint = Checkpoint::open(path.isEmpty() ? m_folder : m_folder / path.toStdString());
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    QStringList names;
    for (const auto& tensor : checkpoint->tensors()) names << QString::fromStdString(tensor.name);
    QCOMPARE(names, (QStringList{"embed", "layers.2.w", "layers.10.w"}));
    QCOMPARE(checkpoint->totalBytes(), 12u);
    QCOMPARE(checkpoint->folder(), m_folder);
    QCOMPARE(checkpoint->files().size(), std::size_t(3));
    QCOMPARE(checkpoint->config()["model_type"], nlohmann::json("llama"));
    QCOMPARE(checkpoint->fileOf(*checkpoint->find("embed")), m_folder / "model-2.safetensors");
    QCOMPARE(textOf(checkpoint->readAll(*checkpoint->find("layers.10.w")).value()), std::string("bb"));
    QCOMPARE(textOf(checkpoint->readAll(*checkpoint->find("embed")).value()), std::string("cccccc"));
    std::string two(2, ' ');
    QVERIFY(checkpoint->read(*checkpoint->find("layers.2.w"), 2, std::as_writable_bytes(std::span(two))));
    QCOMPARE(two, std::string("aa"));
    QVERIFY(!checkpoint->find("layers.3.w"));
  }

  void theDemoOpens() {
    const auto checkpoint = Checkpoint::open(DELTASCOPE_DEMO "/chat");
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    QCOMPARE(checkpoint->files().size(), std::size_t(4));
    QCOMPARE(checkpoint->metadataOf(checkpoint->tensors().front()).at("format"), std::string("pt"));
    QCOMPARE(checkpoint->config()["hidden_size"], nlohmann::json(256));
    const auto* const embedding = checkpoint->find("model.embed_tokens.weight");
    QVERIFY(embedding);
    QVERIFY(embedding->shape == (std::vector<std::uint64_t>{8192, 256}));
    QCOMPARE(embedding->dtype, DType::BF16);
    QVERIFY(!checkpoint->find("lm_head.weight"));  // tied
  }

  void theRightFileOfAFolderIsTaken_data() {
    QTest::addColumn<QStringList>("files");
    QTest::addColumn<QString>("stem");
    QTest::addColumn<QString>("taken");
    QTest::newRow("the model") << QStringList{"model.safetensors", "other.safetensors"} << "model"
                               << "model.safetensors";
    QTest::newRow("the stem before the model") << QStringList{"model.safetensors", "base.safetensors"} << "base"
                                               << "base.safetensors";
    QTest::newRow("the model when the stem is absent") << QStringList{"model.safetensors", "x.safetensors"} << "base"
                                                       << "model.safetensors";
    QTest::newRow("a packed model") << QStringList{"base.safetensors", "model.delta.safetensors"} << "base"
                                    << "base.safetensors";
    QTest::newRow("a packed model without its stem") << QStringList{"base.safetensors", "model.delta.safetensors"} << "model"
                                                     << "base.safetensors";
    QTest::newRow("an adapter") << QStringList{"adapter_model.safetensors"} << "model"
                                << "adapter_model.safetensors";
    QTest::newRow("an adapter beside others") << QStringList{"adapter_model.safetensors", "x.safetensors"} << "model"
                                              << "adapter_model.safetensors";
    QTest::newRow("the only one") << QStringList{"weights.safetensors"} << "model"
                                  << "weights.safetensors";
  }
  void theRightFileOfAFolderIsTaken() {
    QFETCH(QStringList, files);
    QFETCH(QString, stem);
    QFETCH(QString, taken);
    for (const auto& file : files) writeNamed(file.toStdString());
    const auto checkpoint = Checkpoint::open(m_folder, stem.toStdString());
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    QCOMPARE(QString::fromStdString(checkpoint->tensors().front().name), taken);
    QVERIFY(checkpoint->config().is_null());
  }

  void anIndexOfTheStemIsTaken() {
    writeNamed("model.safetensors");
    writeNamed("base-1.safetensors");
    write(m_folder / "base.safetensors.index.json", indexOf({{"base-1.safetensors", "base-1.safetensors"}}));
    QCOMPARE(Checkpoint::open(m_folder, "base")->tensors().front().name, std::string("base-1.safetensors"));
    fs::remove(m_folder / "model.safetensors");
    QCOMPARE(Checkpoint::open(m_folder)->tensors().front().name, std::string("base-1.safetensors"));  // the only index
  }

  void aSingleFileOpensWhateverItsName() {
    writeNamed("weights");
    write(m_folder / "config.json", "{}");
    const auto checkpoint = Checkpoint::open(m_folder / "weights");
    QVERIFY(checkpoint);
    QVERIFY(checkpoint->config().is_object());
    QCOMPARE(checkpoint->path(), m_folder / "weights");
  }

  void shardsMayBeLinksAsInTheHubsCache() {
    write(m_folder / "blobs" / "0a1b", smallFile({{"t", "xyz"}}));
    fs::create_directories(m_folder / "snapshot");
    fs::create_symlink("../blobs/0a1b", m_folder / "snapshot" / "model-1.safetensors");
    write(m_folder / "blobs" / "2c3d", indexOf({{"t", "model-1.safetensors"}}));
    fs::create_symlink("../blobs/2c3d", m_folder / "snapshot" / "model.safetensors.index.json");
    const auto checkpoint = Checkpoint::open(m_folder / "snapshot");
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    QCOMPARE(textOf(checkpoint->readAll(checkpoint->tensors()[0]).value()), std::string("xyz"));
  }

  void shardsMayLieInSubfolders() {
    write(m_folder / "parts" / "1.safetensors", smallFile({{"t", "xyz"}}));
    write(m_folder / "model.safetensors.index.json", indexOf({{"t", "./parts/1.safetensors"}}));
    QVERIFY(Checkpoint::open(m_folder));
  }

  void aWrongIndexIsRefused_data() {
    QTest::addColumn<QString>("index");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("says");
    const auto map = [](const char* name, const std::vector<std::pair<std::string, std::string>>& entries, ErrorCode code,
                        const char* says) {
      QTest::newRow(name) << QString::fromStdString(indexOf(entries)) << int(code) << says;
    };
    const auto text = [](const char* name, const char* index, const char* says, ErrorCode code = ErrorCode::Corrupt) {
      QTest::newRow(name) << QString(index).replace('\'', '"') << int(code) << says;
    };
    map("a missing shard", {{"embed", "model-3.safetensors"}}, ErrorCode::NotFound,
        "model-3.safetensors: is missing, model.safetensors.index.json names it");
    map("a tensor in two shards, with other bytes", {{"embed", "model-2.safetensors"}, {"layers.2.w", "other.safetensors"}},
        ErrorCode::Corrupt, "other.safetensors, tensor embed, offset ");
    map("a tensor in two shards, with another shape", {{"embed", "model-2.safetensors"}, {"layers.2.w", "longer.safetensors"}},
        ErrorCode::Corrupt, "is in longer.safetensors too, with other bytes");
    map("a path above the folder", {{"embed", "../model-2.safetensors"}}, ErrorCode::Corrupt,
        "tensor embed: names the shard \"../model-2.safetensors\" outside");
    map("a path through the folder above", {{"embed", "x/../../model-2.safetensors"}}, ErrorCode::Corrupt,
        "outside its folder");
    map("an absolute path", {{"embed", "/etc/model-2.safetensors"}}, ErrorCode::Corrupt, "outside its folder");
    map("a file of another kind", {{"embed", "/dev/zero"}}, ErrorCode::Corrupt, "outside its folder");
    map("another format", {{"embed", "model.gguf"}}, ErrorCode::Unsupported, "not a safetensors file");
    map("an empty name", {{"embed", ""}}, ErrorCode::Unsupported, "not a safetensors file");
    map("a folder", {{"embed", "folder.safetensors"}}, ErrorCode::InvalidArgument, "is a folder");
    map("a broken shard", {{"embed", "broken.safetensors"}}, ErrorCode::Unsupported,
        "broken.safetensors: is text: not a safetensors file");
    map("no entries", {}, ErrorCode::Corrupt, "has no weight_map");
    text("no map", "{'metadata':{}}", "has no weight_map");
    text("a map of a list", "{'weight_map':['embed']}", "has no weight_map");
    text("a shard that is a number", "{'weight_map':{'embed':1}}", "tensor embed: its entry in weight_map is not a file name");
    text("a list", "[]", "has no weight_map");
    text("no JSON", "{", "model.safetensors.index.json, offset 1: is not valid JSON");
    text("a NUL in a name", "{'weight_map':{'embed':'a\\u0000.safetensors'}}", "not a safetensors file",
         ErrorCode::Unsupported);
  }
  void aWrongIndexIsRefused() {
    QFETCH(QString, index);
    QFETCH(int, code);
    QFETCH(QString, says);
    writeShards();
    write(m_folder / "other.safetensors", smallFile({{"layers.2.w", "aaaa"}, {"embed", "cccccd"}}));
    write(m_folder / "longer.safetensors", smallFile({{"layers.2.w", "aaaa"}, {"embed", "ccccccc"}}));
    write(m_folder / "broken.safetensors", "not a safetensors file");
    fs::create_directory(m_folder / "folder.safetensors");
    write(m_folder / "model.safetensors.index.json", index.toStdString());
    const auto checkpoint = Checkpoint::open(m_folder);
    QVERIFY(!checkpoint);
    QCOMPARE(int(checkpoint.error().code), code);
    QVERIFY2(QString::fromStdString(checkpoint.error().message).contains(says), checkpoint.error().message.c_str());
    QVERIFY(checkpoint.error().message.starts_with(m_folder.string()));
  }

  /// transformers takes the files that an index names, and every tensor in them.
  void anIndexIsAListOfFiles_data() {
    QTest::addColumn<QString>("index");
    const auto map = [](const char* name, const std::vector<std::pair<std::string, std::string>>& entries) {
      QTest::newRow(name) << QString::fromStdString(indexOf(entries));
    };
    map("a tensor that no shard has",
        {{"layers.2.w", "model-1.safetensors"}, {"embed", "model-2.safetensors"}, {"lm_head.weight", "model-2.safetensors"}});
    map("the shards the wrong way round", {{"embed", "model-1.safetensors"}, {"layers.2.w", "model-2.safetensors"}});
    map("tensors that are not listed", {{"layers.10.w", "model-1.safetensors"}, {"nothing", "model-2.safetensors"}});
    map("a tensor twice, with the same bytes",
        {{"a", "model-1.safetensors"}, {"b", "model-2.safetensors"}, {"layers.2.w", "twice.safetensors"}});
    QTest::newRow("a key twice")
        << R"({"weight_map":{"a":"model-2.safetensors","a":"model-1.safetensors","b":"model-2.safetensors"}})";
    QTest::newRow("a total that Python writes")
        << R"({"metadata":{"total_size":NaN},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})";
  }
  void anIndexIsAListOfFiles() {
    QFETCH(QString, index);
    writeShards();
    write(m_folder / "twice.safetensors", smallFile({{"layers.2.w", "aaaa"}, {"embed", "cccccc"}}));
    write(m_folder / "model.safetensors.index.json", index.toStdString());
    const auto checkpoint = Checkpoint::open(m_folder);
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    QStringList names;
    for (const auto& tensor : checkpoint->tensors()) names << QString::fromStdString(tensor.name);
    QCOMPARE(names, (QStringList{"embed", "layers.2.w", "layers.10.w"}));
    QCOMPARE(checkpoint->totalBytes(), 12u);
    QCOMPARE(textOf(checkpoint->readAll(*checkpoint->find("embed")).value()), std::string("cccccc"));
    QCOMPARE(textOf(checkpoint->readAll(*checkpoint->find("layers.2.w")).value()), std::string("aaaa"));
  }

  void aWrongFolderIsRefused_data() {
    QTest::addColumn<QStringList>("files");
    QTest::addColumn<QString>("open");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("says");
    QTest::newRow("absent") << QStringList{} << "absent" << int(ErrorCode::NotFound) << "does not exist. check the path";
    QTest::newRow("an absent file") << QStringList{} << "absent.safetensors" << int(ErrorCode::NotFound) << "does not exist";
    QTest::newRow("empty") << QStringList{} << "" << int(ErrorCode::NotFound)
                           << "has no safetensors files. name a model's folder";
    QTest::newRow("several files, no index")
        << QStringList{"a.safetensors", "b.safetensors", "c.safetensors"} << "" << int(ErrorCode::InvalidArgument)
        << "has 3 safetensors files and no index: a.safetensors, b.safetensors, …";
    QTest::newRow("several indexes") << QStringList{"a.safetensors.index.json", "b.safetensors.index.json"} << ""
                                     << int(ErrorCode::InvalidArgument)
                                     << "has 2 indexes: a.safetensors.index.json, b.safetensors.index.json";
    QTest::newRow("a delta alone") << QStringList{"model.delta.safetensors"} << "" << int(ErrorCode::NotFound)
                                   << "holds a delta payload but no base";
    QTest::newRow("another format") << QStringList{"model.ggml"} << "" << int(ErrorCode::Unsupported)
                                    << "a format that is not read: GGML (old llama.cpp), model.ggml";
    for (const char* name : {"model.onnx", "tf_model.h5", "flax_model.msgpack", "weights.npz", "__0_0.distcp", "model.tflite"})
      QTest::newRow(name) << QStringList{name} << "" << int(ErrorCode::Unsupported) << "a format that is not read: ";
    QTest::newRow("an unfinished download")
        << QStringList{"model.safetensors.part"} << "" << int(ErrorCode::NotFound) << "its download did not come to its end";
    QTest::newRow("an unfinished download of the Hub's")
        << QStringList{".cache/huggingface/download/x.incomplete"} << "" << int(ErrorCode::NotFound)
        << "huggingface/download/x.incomplete is a part of a file";
    QTest::newRow("a pickle of something") << QStringList{"delta.pkl"} << "delta.pkl" << int(ErrorCode::Unsupported)
                                           << "is a pickle, not a checkpoint";
    QTest::newRow("no file of torch") << QStringList{"pytorch_model.bin"} << "" << int(ErrorCode::Unsupported)
                                      << "is a safetensors file. let its name end in .safetensors";
    QTest::newRow("no file of torch by name")
        << QStringList{"m.pth"} << "m.pth" << int(ErrorCode::Unsupported) << "is a safetensors file";
    QTest::newRow("below a file") << QStringList{"a.safetensors"} << "a.safetensors/x" << int(ErrorCode::NotFound)
                                  << "does not exist";
  }
  void aWrongFolderIsRefused() {
    QFETCH(QStringList, files);
    QFETCH(QString, open);
    QFETCH(int, code);
    QFETCH(QString, says);
    for (const auto& file : files) writeNamed(file.toStdString());
    const auto checkpoint = Checkpoint::open(open.isEmpty() ? m_folder : m_folder / open.toStdString());
    QVERIFY(!checkpoint);
    QCOMPARE(int(checkpoint.error().code), code);
    QVERIFY2(QString::fromStdString(describe(checkpoint.error())).contains(says), describe(checkpoint.error()).c_str());
  }

  /// Most of what is done with weights does not need it.
  void aBrokenConfigDoesNotStop_data() {
    QTest::addColumn<QString>("config");
    QTest::addColumn<QString>("says");
    QTest::newRow("no JSON") << "{"
                             << "config.json, offset 1: is not valid JSON";
    QTest::newRow("a list") << "[]"
                            << "config.json: is not a JSON object";
    QTest::newRow("nothing") << ""
                             << "config.json: is empty";
    QTest::newRow("a byte order mark") << QChar(0xFEFF) + QString("{}") << "byte order mark";
    QTest::newRow("a page") << "<!DOCTYPE html><html>"
                            << "config.json: is a web page";
    QTest::newRow("a pointer") << "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 652\n"
                               << "config.json: is a Git LFS pointer, not the file itself (652 bytes)";
    QTest::newRow("a link to nothing") << "link"
                                       << "config.json: is a link to ";
  }
  void aBrokenConfigDoesNotStop() {
    QFETCH(QString, config);
    QFETCH(QString, says);
    writeNamed("model.safetensors");
    if (config == "link")
      fs::create_symlink("blob", m_folder / "config.json");
    else
      write(m_folder / "config.json", config.toStdString());
    const auto checkpoint = Checkpoint::open(m_folder);
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    QVERIFY(checkpoint->config().is_null());
    QVERIFY(checkpoint->configError());
    QVERIFY2(checkpoint->configError()->message.find(says.toStdString()) != std::string::npos,
             checkpoint->configError()->message.c_str());
  }

  void aConfigIsReadAsPythonReadsIt() {
    writeNamed("model.safetensors");
    write(m_folder / "config.json", R"({"a":[0.0,Infinity],"b":-Infinity,"c":NaN,"d":1,"d":2})");
    const auto checkpoint = Checkpoint::open(m_folder);
    QVERIFY(checkpoint && !checkpoint->configError());
    QVERIFY(std::isinf(checkpoint->config()["a"][1].get<double>()) && checkpoint->config()["b"].get<double>() < 0);
    QVERIFY(std::isnan(checkpoint->config()["c"].get<double>()));
    QCOMPARE(checkpoint->config()["d"].get<int>(), 2);
  }

  void unreadableFilesAreNamed_data() {
    QTest::addColumn<QString>("what");
    for (const char* what : {"model.safetensors", "."}) QTest::newRow(what) << what;
  }
  void unreadableFilesAreNamed() {
    QFETCH(QString, what);
    writeNamed("model.safetensors");
    write(m_folder / "config.json", "{}");
    fs::permissions(m_folder, fs::perms::all);
    fs::permissions(m_folder / what.toStdString(), fs::perms::none);
    const bool root = ::geteuid() == 0;  // who may read everything
    if (root) QCOMPARE(::seteuid(65534), 0);
    const auto checkpoint = Checkpoint::open(m_folder);
    if (root) QCOMPARE(::seteuid(0), 0);
    QVERIFY(!checkpoint);
    QCOMPARE(checkpoint.error().code, ErrorCode::Io);
    QVERIFY2(checkpoint.error().message.find("ermission denied") != std::string::npos, checkpoint.error().message.c_str());
  }

  void truncatedShardsAreRefusedAtEveryLength() {
    writeShards();
    const auto path = m_folder / "model-1.safetensors";
    for (auto length = fs::file_size(path); length-- > 0;) {
      fs::resize_file(path, length);
      const auto checkpoint = Checkpoint::open(m_folder);
      QVERIFY(!checkpoint);
      QVERIFY(checkpoint.error().message.starts_with(path.string()));
    }
  }

  void truncatedIndexesAreRefusedAtEveryLength() {
    writeShards();
    const auto path = m_folder / "model.safetensors.index.json";
    const auto whole = contentOf(path);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      write(path, whole.substr(0, length));
      QVERIFY(!Checkpoint::open(m_folder));
    }
    write(path, whole);
    QVERIFY(Checkpoint::open(m_folder));
  }
};

QTEST_APPLESS_MAIN(TestCheckpoint)
#include "test_checkpoint.moc"
