// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <filesystem>

#include "core/base/file.h"
#include "core/checkpoint/companion_source.h"
#include "core/checkpoint/companions.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, const std::string& text = "x") {
  fs::create_directories(path.parent_path());
  QVERIFY(writeTextFile(path, text));
}

QStringList namesOf(const CompanionList& list) {
  QStringList names;
  for (const auto& file : list.files) names << QString::fromStdString(file.name);
  return names;
}

}  // namespace

class TestCompanionFiles : public QObject {
  Q_OBJECT

  QTemporaryDir m_temporary;
  fs::path at(const std::string& name) const { return fs::path(m_temporary.path().toStdString()) / name; }

 private slots:
  void namesAreKnownToBelongToModels_data() {
    QTest::addColumn<bool>("known");
    for (const char* name : {"LICENSE",
                             "LICENSE-MODEL.txt",
                             "NOTICE.md",
                             "README.md",
                             "USE_POLICY.md",
                             "chat_template.jinja",
                             "config.json",
                             "generation_config.json",
                             "merges.txt",
                             "qwen.tiktoken",
                             "special_tokens_map.json",
                             "tokenizer.json",
                             "tokenizer.model",
                             "tokenizer.model.v3",
                             "tokenizer_config.json",
                             "vocab.json",
                             "vocab.bpe",
                             "modules.json",
                             "sentence_bert_config.json",
                             "1_Pooling/config.json",
                             "additional_chat_templates/tool_use.jinja",
                             "modeling_own.py",
                             "configuration_own.py",
                             "preprocessor_config.json",
                             "quantize_config.json",
                             "hf_quant_config.json"})
      QTest::newRow(name) << true;
    for (const char* name : {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "thesis.txt",
                             "NOTICEABLE", "optimizer.pt", "src/tokenizer.json", "setup.py", "additional_chat_templates/a.txt"})
      QTest::newRow(name) << false;
  }
  void namesAreKnownToBelongToModels() {
    QFETCH(bool, known);
    QCOMPARE(isWellKnownCompanion(QTest::currentDataTag()), known);
  }

  void whatIsLeftOutHasAReason_data() {
    QTest::addColumn<QString>("reason");
    QTest::newRow("pytorch_model.bin") << "weights that are not those of this model's files";
    QTest::newRow("model.gguf") << "weights that are not those of this model's files";
    QTest::newRow("original/consolidated.00.pth") << "weights that are not those of this model's files";
    QTest::newRow("optimizer.pt") << "a state of training";
    QTest::newRow("training_args.bin") << "a state of training";
    QTest::newRow("2_Dense/model.safetensors") << "";
    QTest::newRow("trainer_state.json") << "";
  }
  void whatIsLeftOutHasAReason() {
    QFETCH(QString, reason);
    const auto found = weightsInDisguise(QTest::currentDataTag());
    QCOMPARE(QString::fromUtf8(found.data(), static_cast<qsizetype>(found.size())), reason);
  }

  void everyFileBesideTheWeightsTravelsOrIsNamed() {
    const fs::path folder = at("model");
    for (const char* name : {"config.json", "notes.txt", "2_Dense/model.safetensors", "a/b/c.json", ".gitattributes"})
      write(folder / name);
    for (const char* name :
         {"model.safetensors", "optimizer.pt", ".git/config", "__pycache__/a.pyc", "checkpoint-5/config.json", "NOTES.txt"})
      write(folder / name);
    fs::create_directory_symlink(folder, folder / "loop");
    fs::create_symlink("nothing", folder / "vocab.txt");
    fs::create_symlink("/etc/passwd", folder / "secret.txt");
    fs::create_symlink("config.json", folder / "inside.json");
    write(at("elsewhere/tokenizer.json"));
    fs::create_symlink(at("elsewhere/tokenizer.json"), folder / "tokenizer.json");  // a well-known name
    const auto list = listCompanions({folder, {folder / "model.safetensors"}, false});
    QVERIFY(list);
    QCOMPARE(namesOf(*list), QStringList({".gitattributes", "2_Dense/model.safetensors", "NOTES.txt", "a/b/c.json",
                                          "config.json", "inside.json", "tokenizer.json"}));
    QCOMPARE(
        QString::fromStdString(describeLeftOut(list->leftOut, 100)),
        QString(
            ".git (a hidden folder), __pycache__ (a cache), checkpoint-5 (a state of training), loop (a link to a folder), "
            "notes.txt (differs from NOTES.txt in case alone), optimizer.pt (a state of training), secret.txt (a link out of "
            "the folder), vocab.txt (a link to nothing)"));
    QCOMPARE(QString::fromStdString(describeLeftOut(list->leftOut, 1)), QString(".git (a hidden folder) and 7 more"));
  }

  /// Of names that differ in case alone, the one that belongs to a model stays, whatever the order.
  void namesDifferInMoreThanCase_data() {
    QTest::addColumn<QStringList>("files");
    QTest::addColumn<QStringList>("stay");
    QTest::addColumn<QString>("leftOut");
    const auto row = [](const char* name, QStringList files, QStringList stay, const char* leftOut) {
      QTest::newRow(name) << files << stay << QString(leftOut);
    };
    row("a model's file", {"Config.json", "config.json"}, {"config.json"},
        "Config.json (differs from config.json in case alone)");
    row("two of nobody's", {"b.txt", "B.txt"}, {"B.txt"}, "b.txt (differs from B.txt in case alone)");
    row("three", {"README.MD", "README.md", "readme.md"}, {"README.md"},
        "README.MD (differs from README.md in case alone), readme.md (differs from README.md in case alone)");
    row("a file and a folder", {"data", "Data/x.txt"}, {"Data/x.txt"}, "data (differs from a folder in case alone)");
    row("two folders", {"data/x.txt", "Data/y.txt"}, {"Data/y.txt", "data/x.txt"}, "");
    row("files in two folders", {"data/x.txt", "Data/X.txt"}, {"Data/X.txt"},
        "data/x.txt (differs from Data/X.txt in case alone)");
  }
  void namesDifferInMoreThanCase() {
    QFETCH(QStringList, files);
    QFETCH(QStringList, stay);
    QFETCH(QString, leftOut);
    const fs::path folder = at(QTest::currentDataTag());
    for (const auto& name : files) write(folder / name.toStdString());
    const auto list = listCompanions({folder, {}, false});
    QVERIFY(list);
    QCOMPARE(namesOf(*list), stay);
    QCOMPARE(QString::fromStdString(describeLeftOut(list->leftOut, 100)), leftOut);
  }

  void aLoneFileHasWhatIsKnownAlone() {
    const fs::path folder = at("downloads");
    for (const char* name : {"a.safetensors", "b.safetensors", "config.json", "thesis.txt", "1_Pooling/config.json",
                             "photos/holiday.jpg", "additional_chat_templates/rag.jinja"})
      write(folder / name);
    const auto list = listCompanions({folder, {folder / "a.safetensors"}, true});
    QVERIFY(list);
    QCOMPARE(namesOf(*list), QStringList({"1_Pooling/config.json", "additional_chat_templates/rag.jinja", "config.json"}));
    QVERIFY(list->leftOut.empty());
    QVERIFY(listCompanions({at("absent"), {}, false})->files.empty());
  }

  void aSnapshotOfTheHubIsMadeOfLinks() {
    const fs::path model = at("hub/models--org--name"), snapshot = model / "snapshots/abc";
    write(model / "blobs/1", "{}");
    fs::create_directories(snapshot);
    fs::create_symlink("../../blobs/1", snapshot / "anything.yaml");
    QCOMPARE(namesOf(*listCompanions({snapshot, {}, false})), QStringList({"anything.yaml"}));
  }

  void theUppermostSourceSpeaks_data() {
    QTest::addColumn<QStringList>("above");  // the files of the source above; "below" has all
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("from");  // empty: nobody has it
    QTest::newRow("its own") << QStringList{"config.json"} << "config.json"
                             << "above";
    QTest::newRow("nothing") << QStringList{} << "config.json"
                             << "below";
    QTest::newRow("a config of its own") << QStringList{"config.json"} << "generation_config.json"
                                         << "";
    QTest::newRow("a config, no tokenizer") << QStringList{"config.json"} << "tokenizer.json"
                                            << "below";
    QTest::newRow("a tokenizer, no template") << QStringList{"tokenizer.json"} << "chat_template.jinja"
                                              << "";
    QTest::newRow("a template alone") << QStringList{"chat_template.jinja"} << "tokenizer.json"
                                      << "below";
  }
  void theUppermostSourceSpeaks() {
    QFETCH(QStringList, above);
    QFETCH(QString, name);
    QFETCH(QString, from);
    const fs::path folder = at(std::string("stack ") + QTest::currentDataTag());
    for (const char* file :
         {"config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja", "tokenizer_config.json"})
      write(folder / "below" / file, "below");
    fs::create_directories(folder / "above");
    for (const QString& file : above) write(folder / "above" / file.toStdString(), "above");
    StackedCompanions stack(std::make_shared<FolderCompanions>(folder / "below"));
    stack.add(std::make_shared<FolderCompanions>(folder / "above"));
    QCOMPARE(stack.has(name.toStdString()), !from.isEmpty());
    const auto text = stack.read(name.toStdString());
    QCOMPARE(text ? QString::fromStdString(*text) : QString(), from);
    if (!text) QCOMPARE(text.error().code, ErrorCode::NotFound);
  }
};

QTEST_APPLESS_MAIN(TestCompanionFiles)
#include "test_companion_files.moc"
