// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <functional>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/gguf_names.h"
#include "core/checkpoint/model_names.h"
#include "tests/core/checkpoint/checkpoint_files.h"
#include "tests/core/checkpoint/gguf_bytes.h"

using namespace deltascope;
using namespace checkpoint_files;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t kF32 = 0, kQ8 = 8;

}  // namespace

class TestGgufFile : public QObject {
  Q_OBJECT

  QTemporaryDir m_folder;
  fs::path place(const std::string& name) const { return fs::path(m_folder.path().toStdString()) / name; }

 private slots:
  void holdsWhatTheLibraryWrote_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<bool>("metadata");
    for (const char* name : {"all.gguf", "all-v2.gguf"}) QTest::newRow(name) << name << true;
    for (const char* name : {"parts-00001-of-00003.gguf", "parts-00002-of-00003.gguf"}) QTest::newRow(name) << name << false;
  }
  void holdsWhatTheLibraryWrote() {
    QFETCH(QString, file);
    QFETCH(bool, metadata);
    const json expected = json::parse(contentOf(golden("gguf.json")));
    const auto checkpoint = Checkpoint::open(golden("gguf/" + file.toStdString()));
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    QVERIFY(checkpoint->gguf());
    if (metadata) {
      const auto& values = checkpoint->gguf()->metadata();
      QCOMPARE(values.size(), expected["metadata"].size());
      for (const auto& [key, text] : expected["metadata"].items())
        QCOMPARE(QString::fromStdString(textOf(values.at(key))), QString::fromStdString(text.get<std::string>()));
    } else {
      QCOMPARE(QString::fromStdString(*textIn(checkpoint->gguf()->metadata(), "a.text")), QString("of the first part"));
    }
    QCOMPARE(checkpoint->tensors().size(), expected["tensors"].size());
    for (const auto& [name, held] : expected["tensors"].items()) {
      const TensorInfo* info = checkpoint->find(name);
      QVERIFY2(info, name.c_str());
      QCOMPARE(QString::fromUtf8(info->ggml->name.data(), int(info->ggml->name.size())),
               QString::fromStdString(held["type"].get<std::string>()));
      QCOMPARE(json(info->shape), held["shape"]);
      const auto bytes = checkpoint->readAll(*info);
      QVERIFY(bytes);
      QCOMPARE(checkpoint_files::textOf(*bytes), fromHex(held["bytes"].get<std::string>()));
      std::byte beyond{};
      QVERIFY(!checkpoint->read(*info, info->bytes, {&beyond, 1}));
    }
  }

  void arraysAreReadWhereAskedFor() {
    const auto file = GgufFile::open(golden("gguf/all.gguf"));
    QVERIFY(file);
    const auto array = [&](const char* key) { return std::get<GgufArray>(file->metadata().find(key)->second); };
    QCOMPARE(file->texts(array("list.texts")).value(), (std::vector<std::string>{"one", "", "three"}));
    QCOMPARE(file->numbers(array("list.numbers")).value(), (std::vector<double>{1, 2, -3}));
    QCOMPARE(file->numbers(array("list.floats")).value(), (std::vector<double>{0.5, 1.25}));
    QCOMPARE(file->numbers(array("list.truths")).value(), (std::vector<double>{1, 0, 1, 1}));
    QVERIFY(!file->texts(array("list.numbers")));
    QVERIFY(!file->numbers(array("list.texts")));
  }

  void aLackingPartIsNamed() {
    for (const char* name : {"parts-00001-of-00003.gguf", "parts-00003-of-00003.gguf"})
      fs::copy_file(golden(std::string("gguf/") + name), place(name));
    const auto opened = Checkpoint::open(place("parts-00003-of-00003.gguf"));
    QVERIFY(!opened);
    QCOMPARE(opened.error().code, ErrorCode::NotFound);
    QVERIFY(opened.error().message.find("parts-00002-of-00003.gguf") != std::string::npos);
    fs::copy_file(place("parts-00003-of-00003.gguf"), place("parts-00002-of-00003.gguf"));
    const auto doubled = Checkpoint::open(place("parts-00001-of-00003.gguf"));
    QVERIFY(!doubled);
    QVERIFY(doubled.error().message.find("says that it is part 3 of 3, its name that it is part 2 of 3") != std::string::npos);
  }

  void isFoundInAFolder() {
    const fs::path folder = place("folder");
    fs::create_directories(folder);
    for (int i = 1; i <= 3; ++i) {
      const auto name = "parts-0000" + std::to_string(i) + "-of-00003.gguf";
      fs::copy_file(golden("gguf/" + name), folder / name);
    }
    write(folder / "mmproj-F16.gguf", "GGUF");
    QVERIFY(Checkpoint::open(folder));
    fs::copy_file(golden("gguf/all.gguf"), folder / "other.gguf");
    const auto several = Checkpoint::open(folder);
    QVERIFY(!several);
    QVERIFY(several.error().message.find("has 2 GGUF files: other.gguf, parts-00001-of-00003.gguf") != std::string::npos);
  }

  void badFilesAreRefused_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("message");
    const auto row = [](const char* name, const GgufBytes& bytes, ErrorCode code, const char* message) {
      QTest::newRow(name) << QByteArray::fromStdString(bytes.all()) << static_cast<int>(code) << message;
    };
    constexpr auto kHuge = std::uint64_t{1} << 62;
    const auto corrupt = ErrorCode::Corrupt, unsupported = ErrorCode::Unsupported;
    row("no version", GgufBytes().raw("GGUF"), corrupt, "offset 4: the version goes on past the end");
    row("version 1", GgufBytes().head(0, 0, 1), unsupported, "is GGUF of version 1");
    row("version 4", GgufBytes().head(0, 0, 4), unsupported, "is GGUF of version 4");
    row("other byte order", GgufBytes().head(0, 0, 0x03000000), unsupported, "other byte order");
    row("no counts", GgufBytes().raw("GGUF").number(3u), corrupt, "the number of tensors goes on past");
    row("many tensors", GgufBytes().head(kHuge, 0), corrupt, "more than the file can hold");
    row("many values", GgufBytes().head(0, kHuge), corrupt, "more than the file can hold");
    const std::string room(64, '\0');
    row("a long key", GgufBytes().head(0, 1).number(kHuge).raw(room), corrupt, "a key claims 4,611,686,018,427,387,904 bytes");
    row("a value of no type", GgufBytes().head(0, 1).text("k").number(13u).raw(room), corrupt, "k is of the unknown type 13");
    row("a long text", GgufBytes().head(0, 1).text("k").number(8u).number(kHuge).raw(room), corrupt, "the text of k claims");
    row("a long array", GgufBytes().head(0, 1).text("k").number(9u).number(0u).number(kHuge).raw(room), corrupt,
        "the array k claims");
    row("a long array of doubles", GgufBytes().head(0, 1).text("k").number(9u).number(12u).number(kHuge / 4).raw(room), corrupt,
        "the array k claims");
    row("a long array of texts", GgufBytes().head(0, 1).text("k").number(9u).number(8u).number(std::uint64_t{9}).raw(room),
        corrupt, "the array k claims");
    row("a text past the end in an array",
        GgufBytes().head(0, 1).text("k").number(9u).number(8u).number(std::uint64_t{2}).number(kHuge).raw(room), corrupt,
        "a text of the array k claims");
    GgufBytes deep;
    deep.head(0, 1).text("k").number(9u);
    for (int i = 0; i < 6; ++i) deep.number(9u).number(std::uint64_t{1});
    row("arrays in arrays in arrays", deep.raw(room), corrupt, "nested too deeply");
    row("a key that is no text", GgufBytes().head(0, 1).value("k\xff", 1), corrupt, "a key is not UTF-8");
    row("a name that is no text", GgufBytes().head(1, 0).tensor("t\xc0\x80", {8}, kF32, 0).data(64), corrupt,
        "name is not UTF-8");
    row("a key twice", GgufBytes().head(0, 2).value("k", 1).value("k", 2).raw(room), corrupt, "has the key k twice");
    for (const std::uint32_t alignment : {0u, 3u, 1u << 30})
      row(("alignment " + std::to_string(alignment)).c_str(), GgufBytes().head(0, 1).value("general.alignment", alignment),
          corrupt, "not a power of two");
    row("alignment of another type", GgufBytes().head(0, 1).words("general.alignment", "32"), corrupt, "not a power of two");
    row("no table", GgufBytes().head(1, 0).raw(std::string(23, '\0')), corrupt, "more than the file can hold");
    row("five sides", GgufBytes().head(1, 0).tensor("t", {1, 1, 1, 1, 1}, kF32, 0).data(4), corrupt, "tensor t, offset");
    row("sides of a number", GgufBytes().head(1, 0).text("t").number(0xffffffffu).raw(room), corrupt, "has 4294967295 sides");
    row("sides that overflow", GgufBytes().head(1, 0).tensor("t", {kHuge, 8}, kF32, 0).data(64), corrupt, "overflows");
    row("bytes that overflow", GgufBytes().head(1, 0).tensor("t", {kHuge}, kF32, 0).data(64), corrupt, "overflows");
    row("an unknown type", GgufBytes().head(1, 0).tensor("t", {32}, 999, 0).data(64), unsupported, "is of the type 999");
    row("a removed type", GgufBytes().head(1, 0).tensor("t", {32}, 4, 0).data(64), unsupported, "is of the type 4");
    row("rows of half a block", GgufBytes().head(1, 0).tensor("t", {48, 2}, kQ8, 0).data(102), corrupt, "in blocks of 32");
    row("a scalar in blocks", GgufBytes().head(1, 0).tensor("t", {}, kQ8, 0).data(34), corrupt, "in blocks of 32");
    row("an offset between", GgufBytes().head(1, 0).tensor("t", {8}, kF32, 8).data(64), corrupt, "no multiple of 32");
    row("past the end", GgufBytes().head(1, 0).tensor("t", {8}, kF32, 0).data(31), corrupt, "go past the end");
    row("far past the end", GgufBytes().head(1, 0).tensor("t", {8}, kF32, kHuge * 3).data(32), corrupt, "go past the end");
    row("an offset that overflows", GgufBytes().head(1, 0).tensor("t", {8}, kF32, ~std::uint64_t{31}).data(32), corrupt,
        "go past the end");
    row("two on one range", GgufBytes().head(2, 0).tensor("t", {8}, kF32, 0).tensor("u", {8}, kF32, 0).data(64), corrupt,
        "overlaps the tensor before it");
    row("two that overlap", GgufBytes().head(2, 0).tensor("t", {16}, kF32, 0).tensor("u", {8}, kF32, 32).data(64), corrupt,
        "overlaps the tensor before it");
    row("a name twice", GgufBytes().head(2, 0).tensor("t", {8}, kF32, 0).tensor("t", {8}, kF32, 32).data(64), corrupt,
        "is there twice");
    row("heads that do not divide",
        GgufBytes()
            .head(1, 2)
            .words("general.architecture", "llama")
            .value("llama.attention.head_count", 3)
            .tensor("blk.0.attn_q.weight", {2, 8}, kF32, 0)
            .data(64),
        unsupported, "8 rows for 3 heads");
    row("heads that are not told",
        GgufBytes().head(1, 1).words("general.architecture", "llama").tensor("blk.0.attn_k.weight", {2, 8}, kF32, 0).data(64),
        unsupported, "an unknown number of heads");
    row("a part alone", GgufBytes().head(0, 2).value("split.count", 2).value("split.no", 0), corrupt,
        "part 1 of 2, its name that it is part 1 of 1");
    row("a web page", GgufBytes().raw("<!DOCTYPE html><html>"), unsupported, "is a web page");
    row("a pointer", GgufBytes().raw("version https://git-lfs.github.com/spec/v1\n"), unsupported, "Git LFS pointer");
    row("nothing", GgufBytes(), corrupt, "is empty");
  }
  void badFilesAreRefused() {
    QFETCH(QByteArray, content);
    QFETCH(int, code);
    QFETCH(QString, message);
    const auto opened = Checkpoint::open(write(place("bad.gguf"), content.toStdString()));
    QVERIFY(!opened);
    const QString told = QString::fromStdString(describe(opened.error()));
    QCOMPARE(static_cast<int>(opened.error().code), code);
    QVERIFY2(told.contains(message) && told.contains("bad.gguf"), qPrintable(told));
  }

  void everyTruncationIsRefused() {
    const std::string whole = contentOf(golden("gguf/all.gguf"));
    for (std::size_t size = 0; size < whole.size(); size += size < 1100 ? 1 : 61) {
      const auto opened = GgufFile::open(write(place("cut.gguf"), whole.substr(0, size)));
      QVERIFY2(!opened, std::to_string(size).c_str());
    }
  }

  void rowsComeInTheModelsOrder_data() {
    QTest::addColumn<int>("columns");
    QTest::newRow("small heads") << 4;
    QTest::newRow("large heads") << 6000;  // a head of more than 64 KiB is read row by row
  }
  /// Two heads of six rows: the file has rows 0 3 1 4 2 5 of each.
  void rowsComeInTheModelsOrder() {
    QFETCH(int, columns);
    constexpr std::array kStored{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11};
    GgufBytes bytes;
    bytes.head(2, 2).words("general.architecture", "llama").value("llama.attention.head_count", 2);
    bytes.tensor("blk.0.attn_q.weight", {static_cast<std::uint64_t>(columns), 12}, kF32, 0);
    const std::uint64_t size = std::uint64_t(columns) * 12 * 4;
    bytes.tensor("blk.0.attn_k.bias", {12}, kF32, (size + 31) / 32 * 32).data(0);
    for (int row : kStored)
      for (int c = 0; c < columns; ++c) bytes.number(static_cast<float>(row * columns + c));
    bytes.data(0);
    for (int row : kStored) bytes.number(static_cast<float>(row));
    const auto checkpoint = Checkpoint::open(write(place("rows.gguf"), bytes.all()));
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    for (const auto& info : checkpoint->tensors()) {
      const std::uint64_t step = info.elements > 100 ? 4 * (std::uint64_t(columns) + 7) : 20;
      for (std::uint64_t begin = 0; begin < info.bytes; begin += step) {
        std::vector<float> piece(std::min(step, info.bytes - begin) / 4);
        QVERIFY(checkpoint->read(info, begin, std::as_writable_bytes(std::span(piece))));
        for (std::size_t i = 0; i < piece.size(); ++i) QCOMPARE(piece[i], static_cast<float>(begin / 4 + i));
      }
    }
  }

  void namesAreThoseOfTheModel_data() {
    QTest::addColumn<QString>("stored");
    QTest::addColumn<QString>("own");
    const auto row = [](const char* stored, const char* own) { QTest::newRow(stored) << stored << own; };
    row("token_embd.weight", "model.embed_tokens.weight");
    row("output_norm.weight", "model.norm.weight");
    row("output.weight", "lm_head.weight");
    row("blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight");
    row("blk.12.attn_k.bias", "model.layers.12.self_attn.k_proj.bias");
    row("blk.3.attn_v.weight", "model.layers.3.self_attn.v_proj.weight");
    row("blk.3.attn_output.weight", "model.layers.3.self_attn.o_proj.weight");
    row("blk.3.attn_q_norm.weight", "model.layers.3.self_attn.q_norm.weight");
    row("blk.3.attn_k_norm.weight", "model.layers.3.self_attn.k_norm.weight");
    row("blk.3.attn_norm.weight", "model.layers.3.input_layernorm.weight");
    row("blk.3.ffn_norm.weight", "model.layers.3.post_attention_layernorm.weight");
    row("blk.3.ffn_gate.weight", "model.layers.3.mlp.gate_proj.weight");
    row("blk.3.ffn_up.weight", "model.layers.3.mlp.up_proj.weight");
    row("blk.3.ffn_down.weight", "model.layers.3.mlp.down_proj.weight");
    row("rope_freqs.weight", "rope_freqs.weight");
    row("blk.x.ffn_up.weight", "blk.x.ffn_up.weight");
    row("blk.3.ffn_gate_exps.weight", "blk.3.ffn_gate_exps.weight");
    row("blk.3.ffn_up.scale", "blk.3.ffn_up.scale");
  }
  void namesAreThoseOfTheModel() {
    QFETCH(QString, stored);
    QFETCH(QString, own);
    const std::string name = stored.toStdString();
    std::vector<std::string_view> all{"token_embd.weight", "blk.0.attn_norm.weight", "output_norm.weight"};
    if (std::ranges::find(all, name) == all.end()) all.push_back(name);
    const auto names = ModelNames::among(all);
    QCOMPARE(QString::fromStdString(names.own(name)), own);
    QVERIFY(names.stored(own.toStdString()));
    QCOMPARE(QString::fromStdString(*names.stored(own.toStdString())), stored);
  }
  void aFourthNormTakesTheNameOfThird() {
    QCOMPARE(*nameFromGguf("blk.1.ffn_norm.weight", true), std::string("model.layers.1.pre_feedforward_layernorm.weight"));
    const std::vector<std::string_view> names{"token_embd.weight", "blk.0.ffn_norm.weight", "blk.0.post_ffw_norm.weight"};
    QVERIFY(ggufNaming(names).sandwich);
    QVERIFY(!ggufNaming(std::span(names).first(2)).sandwich);
    QVERIFY(!ggufNaming(std::span(names).last(2)).used);
  }
};

QTEST_APPLESS_MAIN(TestGgufFile)
#include "test_gguf_file.moc"
