// SPDX-License-Identifier: Apache-2.0
// Payloads that were changed with care, every checksum made right again: what breaks a promise of FORMAT.md is damaged, what
// only a newer program knows is newer, and what any program may ignore is ignored.
#include "core/rebuild/verify.h"
#include "tests/core/payload/payload_files.h"

using namespace deltascope;
using namespace deltascope::test;
using nlohmann::json;

namespace {

const fs::path kFolder = fs::path(DELTASCOPE_TEST_DATA) / "payload/v1";
constexpr const char* kWeight = "model.layers.0.mlp.up_proj.weight";
constexpr const char* kModel = "deltascope.model.0";

/// A payload taken apart: its header, and the bytes of its streams.
struct Parts {
  json header;
  std::map<std::string, std::string> streams;
};
using Edit = std::function<void(Parts&)>;

std::uint64_t wordAt(const std::string& bytes, std::size_t at) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, 8);
  return word;
}

std::string words(std::uint64_t first, std::uint64_t second) {
  std::string bytes(16, '\0');
  std::memcpy(bytes.data(), &first, 8);
  std::memcpy(bytes.data() + 8, &second, 8);
  return bytes;
}

std::string padded(std::string bytes) {
  bytes.resize(roundUp(bytes.size(), 16), '\0');
  return bytes;
}

std::uint64_t hashOf(const std::string& bytes) { return hash64(std::as_bytes(std::span(bytes))); }

/// Changes the one chunk of a tensor.
Edit inChunk(const std::function<void(std::string&)>& change) {
  return [change](Parts& parts) {
    auto& stream = parts.streams[kWeight];
    std::string chunk = stream.substr(16, wordAt(stream, 0) - 16);
    change(chunk);
    stream = words(16 + chunk.size(), hashOf(chunk)) + padded(chunk);
  };
}

Edit inModel(const std::function<void(std::string&)>& change) {
  return [change](Parts& parts) {
    auto& stream = parts.streams[kModel];
    std::string model = stream.substr(16, wordAt(stream, 0));
    change(model);
    stream = words(model.size(), hashOf(model)) + padded(model);
  };
}

Edit inRow(const std::function<void(json&)>& change) {
  return [change](Parts& parts) {
    auto& text = parts.header["__metadata__"]["deltascope.manifest"];
    auto rows = json::parse(text.get<std::string>());
    for (auto& row : rows)
      if (row[0] == kWeight) change(row);
    text = rows.dump();
  };
}

/// Version 1 files of tests/data, streams in the order of their names in the file.
void forge(const fs::path& from, const fs::path& to, const Edit& edit) {
  const auto file = readAll(from);
  const std::uint64_t length = wordAt(file, 0);
  Parts parts{json::parse(file.substr(8, length)), {}};
  std::vector<std::pair<std::uint64_t, std::string>> order;
  for (const auto& [name, entry] : parts.header.items()) {
    if (name == "__metadata__") continue;
    const auto begin = entry["data_offsets"][0].get<std::uint64_t>(), end = entry["data_offsets"][1].get<std::uint64_t>();
    parts.streams[name] = file.substr(8 + length + begin, end - begin);
    order.emplace_back(begin, name);
  }
  std::ranges::sort(order);
  edit(parts);
  auto metadata = parts.header["__metadata__"].get<std::map<std::string, std::string>>();
  parts.header["__metadata__"]["deltascope.checksum"] = metadataChecksum(metadata);
  std::string data;
  for (const auto& [unused, name] : order) {
    const auto& stream = parts.streams[name];
    parts.header[name] = {
        {"dtype", "U8"}, {"shape", {stream.size()}}, {"data_offsets", {data.size(), data.size() + stream.size()}}};
    data += stream;
  }
  std::string text = parts.header.dump();
  text.resize(roundUp(text.size() + 8, 16) - 8, ' ');
  writeAll(to, words(text.size(), 0).substr(0, 8) + text + data);
}

enum Outcome { Exact, Damaged, Newer };

}  // namespace

Q_DECLARE_METATYPE(Edit)

class TestForgedPayloads : public QObject {
  Q_OBJECT
 private slots:
  void areToldApart_data();
  void areToldApart();
};

void TestForgedPayloads::areToldApart_data() {
  QTest::addColumn<QString>("file");
  QTest::addColumn<Edit>("edit");
  QTest::addColumn<int>("outcome");
  const auto add = [](const char* name, const char* file, Edit edit, Outcome outcome) {
    QTest::newRow(name) << QString(file) << std::move(edit) << static_cast<int>(outcome);
  };
  const auto longer = [](std::string& bytes) { bytes.append(16, '\0'); };
  const auto set = [](std::size_t at, char value) { return [at, value](std::string& bytes) { bytes[at] = value; }; };
  const auto field = [](std::size_t index, json value) {
    return inRow([index, value](json& row) { row[index] = row[index] == value ? json(6) : value; });
  };
  const auto key = [](const char* name, const char* value) {
    return [name, value](Parts& parts) { parts.header["__metadata__"][name] = value; };
  };
  add(
      "nothing changed", "nf4-entropy", [](Parts&) {}, Exact);
  for (const char* file : {"nf4-entropy", "nf4-bitpack", "nf4-zstd", "nf4-sparse", "nf4-additive"})
    add(("a longer chunk of " + std::string(file)).c_str(), file, inChunk(longer), Damaged);
  add("a longer model", "nf4-entropy", inModel(longer), Damaged);
  add("a longer model of fields", "nf4-bitpack", inModel(longer), Damaged);
  add("a model that does not end in zeros", "nf4-bitpack", inModel([](std::string& m) { m.back() = 7; }), Damaged);
  add("a reserved byte of zstd", "nf4-zstd", inChunk(set(9, 1)), Damaged);
  add("unchanged elements", "nf4-entropy", field(9, 5), Damaged);
  add("patches", "nf4-entropy", field(10, 5), Damaged);
  add("raw tiles", "nf4-entropy", field(11, 5), Damaged);
  add("patches of sparse", "nf4-sparse", field(10, 5), Damaged);
  add("a reserved word of a plane", "same-zstd", inChunk(set(20, 1)), Damaged);
  add("a mode of a plane", "same-zstd", inChunk(set(16, 3)), Newer);
  add("a form of zstd", "nf4-zstd", inChunk(set(0, 2)), Newer);
  add("a model of entropy", "nf4-entropy", inModel(set(0, 2)), Newer);
  add("a model of bitpack", "nf4-bitpack", inModel(set(0, 2)), Newer);
  add("a model of sparse", "nf4-sparse", inModel(set(0, 2)), Newer);
  add("a model of lowrank", "same-lowrank", inModel(set(0, 2)), Newer);
  add("a codec", "nf4-entropy", field(3, 8), Newer);
  add("a kind of base", "nf4-entropy", field(4, 21), Newer);
  add("a version", "nf4-entropy", key("deltascope.version", "6"), Newer);
  add("an estimate", "nf4-entropy", inRow([](json& row) { row.push_back(9), row.push_back(1000); }), Exact);
  add("a key", "nf4-entropy", key("deltascope.novelty", "x"), Exact);
  add(
      "no facts", "nf4-entropy", [](Parts& parts) { parts.header["__metadata__"].erase("deltascope.facts"); }, Exact);
}

void TestForgedPayloads::areToldApart() {
  QFETCH(QString, file);
  QFETCH(Edit, edit);
  QFETCH(int, outcome);
  QTemporaryDir folder;
  const auto name = file.toStdString();
  VerifyRequest request;
  request.path = fs::path(folder.path().toStdString()) / "forged.delta.safetensors";
  request.base = kFolder / ("base-" + name.substr(0, name.rfind('-')) + ".safetensors");
  forge(kFolder / (name + ".delta.safetensors"), request.path, edit);
  const auto result = verify(request, {});
  if (outcome == Newer) {
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::Unsupported);
    const auto message = QString::fromStdString(describe(result.error()));
    QVERIFY2(message.contains("needs a newer deltascope") && !message.contains("damaged"), qPrintable(message));
  } else {
    QVERIFY2(result, result ? "" : describe(result.error()).c_str());
    QCOMPARE(result->bitExact, outcome == Exact);
  }
}

QTEST_APPLESS_MAIN(TestForgedPayloads)
#include "test_forged_payloads.moc"
