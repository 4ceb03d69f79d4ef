// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <csignal>

#include "core/pack/pack.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

using Change = std::function<void(const Workspace&, PackRequest&)>;

/// base, final (its fine-tune in three shards), other (nothing in common), bent (another shape), quantized, a used output.
void makeInputs(const Workspace& space) {
  auto tensors = smallLlama();
  writeModel(space.at("base"), tensors);
  for (auto& tensor : tensors) tensor = nudged(tensor, 3);
  writeModel(space.at("final"), tensors, 3);
  writeModel(space.at("bent"), {randomTensor("model.embed_tokens.weight", DType::BF16, {301, 65}, 1)});
  writeModel(space.at("vectors"),
             {randomTensor("model.norm.weight", DType::BF16, {8}, 1), randomTensor("a.weight", DType::F64, {8, 8}, 1)});
  writeModel(space.at("other"), {randomTensor("unrelated", DType::BF16, {8, 8}, 1)});
  PackRequest request;
  request.final = space.at("final");
  request.quantize = QuantFormat::Nf4;
  request.out = space.at("quantized");
  take(pack(request, {}));
}

/// Names and hashes of everything below the workspace.
std::map<std::string, std::string> snapshot(const Workspace& space) {
  std::map<std::string, std::string> all;
  for (const auto& name : space.files()) {
    const auto path = space.at(name);
    const auto text = fs::is_regular_file(path) ? take(readTextFile(path)) : "folder";
    all[name] = toHex(hash128(std::as_bytes(std::span(text))));
  }
  return all;
}

PackRequest tuning(const Workspace& space) {
  PackRequest request;
  request.base = space.at("base");
  request.final = space.at("final");
  request.out = space.at("out.delta.safetensors");
  return request;
}

PackRequest quantizing(const Workspace& space) {
  PackRequest request;
  request.final = space.at("final");
  request.quantize = QuantFormat::Nf4;
  request.out = space.at("out");
  return request;
}

}  // namespace

Q_DECLARE_METATYPE(Change)

class TestPackRefusals : public QObject {
  Q_OBJECT
 private slots:
  void saysWhatIsWrongAndWritesNothing_data();
  void saysWhatIsWrongAndWritesNothing();
  void replacesOnlyWhenAsked_data();
  void replacesOnlyWhenAsked();
  void cancelLeavesNothing_data();
  void cancelLeavesNothing();
  void aFullDiskLeavesNothing_data();
  void aFullDiskLeavesNothing();
};

void TestPackRefusals::saysWhatIsWrongAndWritesNothing_data() {
  QTest::addColumn<Change>("change");
  QTest::addColumn<int>("code");
  QTest::addColumn<QString>("says");
  const auto add = [](const char* name, ErrorCode code, const char* says, Change change) {
    QTest::newRow(name) << change << static_cast<int>(code) << QString(says);
  };
  const auto invalid = ErrorCode::InvalidArgument;
  add("nothing", invalid, "no base", [](const Workspace&, PackRequest& r) { r = {}; });
  add("no base", invalid, "--quantize", [](const Workspace&, PackRequest& r) { r.base.clear(); });
  add("no final", invalid, "no final", [](const Workspace&, PackRequest& r) { r.final.clear(); });
  add("no output", invalid, "no output", [](const Workspace&, PackRequest& r) { r.out.clear(); });
  add("quantize with a base", invalid, "takes a final alone",
      [](const Workspace&, PackRequest& r) { r.quantize = QuantFormat::Nf4; });
  add("quantize nothing", invalid, "nothing to quantize", [](const Workspace&, PackRequest& r) {
    r = {};
    r.quantize = QuantFormat::Nf4;
  });
  add("quantize where no layer is linear", invalid, "has no weight of a linear layer that --quantize would take",
      [](const Workspace& s, PackRequest& r) {
        r = quantizing(s);
        r.final = s.at("other");
      });
  add("quantize vectors", invalid, "has no matrix of F32, F16 or BF16 that --quantize would make smaller; 1 matrix is F64",
      [](const Workspace& s, PackRequest& r) {
        r = quantizing(s);
        r.scope = PackScope::All;
        r.final = s.at("vectors");
      });
  add("quantize twice", invalid, "already quantized", [](const Workspace& s, PackRequest& r) {
    r = quantizing(s);
    r.final = s.at("quantized");
  });
  add("blocksize 65", invalid, "blocksize 65", [](const Workspace& s, PackRequest& r) { r = quantizing(s), r.blocksize = 65; });
  add("blocksize 8192", invalid, "blocksize 8192",
      [](const Workspace& s, PackRequest& r) { r = quantizing(s), r.blocksize = 8192; });
  add("double int8", invalid, "double quantization", [](const Workspace& s, PackRequest& r) {
    r = quantizing(s);
    r.quantize = QuantFormat::Int8;
    r.doubleQuant = true;
  });
  add("no chunks", invalid, "chunks", [](const Workspace&, PackRequest& r) { r.chunks = 0; });
  add("zstd level 23", invalid, "zstd levels", [](const Workspace&, PackRequest& r) { r.codecOptions.zstdLevel = 23; });
  add("identical", invalid, "cannot be asked for", [](const Workspace&, PackRequest& r) { r.codec = CodecId::Identical; });
  add("lowrank without adapter", invalid, "--adapter", [](const Workspace&, PackRequest& r) { r.codec = CodecId::LowRank; });
  add("another shape", ErrorCode::Mismatch, "model.embed_tokens.weight: its shape 301 × 65 is not the base's 301 × 64",
      [](const Workspace& s, PackRequest& r) { r.final = s.at("bent"); });
  add("another model", ErrorCode::Mismatch, "shares no tensor",
      [](const Workspace& s, PackRequest& r) { r.final = s.at("other"); });
  add("a base of nothing", ErrorCode::Mismatch, "nothing: holds no tensors", [](const Workspace& s, PackRequest& r) {
    writeModel(s.at("nothing"), {});
    r.base = s.at("nothing");
  });
  add("a final that is not there", ErrorCode::NotFound, "nowhere",
      [](const Workspace& s, PackRequest& r) { r.final = s.at("nowhere"); });
  add("a missing shard", ErrorCode::NotFound, "model-00002-of-00003.safetensors",
      [](const Workspace& s, PackRequest&) { fs::remove(s.at("final") / "model-00002-of-00003.safetensors"); });
  add("a truncated shard", ErrorCode::Corrupt, "model-00002-of-00003.safetensors", [](const Workspace& s, PackRequest&) {
    const auto path = s.at("final") / "model-00002-of-00003.safetensors";
    fs::resize_file(path, fs::file_size(path) - 1);
  });
  add("an adapter that is none", ErrorCode::NotFound, "adapter_config.json",
      [](const Workspace& s, PackRequest& r) { r.adapters = {s.at("other")}; });
  add("the output is the final", invalid, "overlaps the input", [](const Workspace& s, PackRequest& r) {
    r = quantizing(s);
    r.out = s.at("final");
    r.overwrite = true;
  });
  add("the output is in the base", invalid, "overlaps the input",
      [](const Workspace& s, PackRequest& r) { r.out = s.at("base") / "x.delta.safetensors"; });
  add("the output holds the final", invalid, "overlaps the input", [](const Workspace& s, PackRequest& r) {
    r = quantizing(s);
    r.out = s.at("");
    r.overwrite = true;
  });
  add("the output is reached by a link", invalid, "overlaps the input", [](const Workspace& s, PackRequest& r) {
    fs::create_directory_symlink(s.at("base"), s.at("link"));
    r.out = s.at("link") / "x.delta.safetensors";
  });
  add("the output exists", invalid, "exists already",
      [](const Workspace& s, PackRequest& r) { r.out = s.at("quantized") / "model.delta.safetensors"; });
  add("the packed model exists", invalid, "exists already",
      [](const Workspace& s, PackRequest& r) { r = quantizing(s), r.out = s.at("quantized"); });
  add("the output is a folder", invalid, "is a folder", [](const Workspace& s, PackRequest& r) {
    fs::create_directory(s.at("f.delta.safetensors"));
    r.out = s.at("f.delta.safetensors");
  });
  add("another name", invalid, "ends in .delta.safetensors",
      [](const Workspace& s, PackRequest& r) { r.out = s.at("payload.bin"); });
  add("a folder with other things", invalid, "holds thesis.txt", [](const Workspace& s, PackRequest& r) {
    fs::create_directory(s.at("mine"));
    take(writeTextFile(s.at("mine") / "thesis.txt", "years of work"));
    r = quantizing(s);
    r.out = s.at("mine");
    r.overwrite = true;
  });
  add("a folder that is not there", ErrorCode::NotFound, "absent",
      [](const Workspace& s, PackRequest& r) { r.out = s.at("absent") / "x.delta.safetensors"; });
  add("a codec that fits nothing", ErrorCode::Unsupported, "can be stored as additive", [](const Workspace& s, PackRequest& r) {
    writeModel(s.at("ints"), {randomTensor("ints", DType::I64, {8}, 1)});
    writeModel(s.at("ints2"), {randomTensor("ints", DType::I64, {8}, 2)});
    r.base = s.at("ints");
    r.final = s.at("ints2");
    r.codec = CodecId::Additive;
  });
}

void TestPackRefusals::saysWhatIsWrongAndWritesNothing() {
  QFETCH(Change, change);
  QFETCH(int, code);
  QFETCH(QString, says);
  const Workspace space;
  makeInputs(space);
  auto request = tuning(space);
  change(space, request);
  const auto before = snapshot(space);
  const auto result = pack(request, {});
  QVERIFY(!result);
  const auto message = QString::fromStdString(describe(result.error()));
  QVERIFY2(message.contains(says), qPrintable(message));
  QVERIFY2(static_cast<int>(result.error().code) == code, qPrintable(message));
  QVERIFY(!message.contains('\n'));
  QVERIFY(snapshot(space) == before);
}

void TestPackRefusals::replacesOnlyWhenAsked_data() {
  QTest::addColumn<bool>("folder");
  QTest::newRow("a packed model") << true;
  QTest::newRow("a payload") << false;
}

void TestPackRefusals::replacesOnlyWhenAsked() {
  QFETCH(bool, folder);
  const Workspace space;
  makeInputs(space);
  auto request = folder ? quantizing(space) : tuning(space);
  take(pack(request, {}));
  request.codec = CodecId::Zstd;
  QVERIFY(!pack(request, {}));
  request.overwrite = true;
  const auto before = space.files();
  take(pack(request, {}));
  QCOMPARE(space.files(), before);  // nothing hidden is left beside it
  const auto payload = take(Payload::open(folder ? request.out / "model.delta.safetensors" : request.out));
  QCOMPARE(payload.facts().at("codec"), std::string("zstd"));
  QCOMPARE(roundTripProblem(space, request.out, folder ? fs::path() : request.base, request.final), QString());
}

void TestPackRefusals::cancelLeavesNothing_data() {
  QTest::addColumn<bool>("folder");
  QTest::addColumn<QString>("phase");
  for (const bool folder : {false, true})
    for (const char* phase : {"start", "sampling", "packing", "finishing"})
      QTest::newRow(qPrintable(QString("%1, %2").arg(folder ? "folder" : "file", phase))) << folder << QString(phase);
}

void TestPackRefusals::cancelLeavesNothing() {
  QFETCH(bool, folder);
  QFETCH(QString, phase);
  const Workspace space;
  makeInputs(space);
  const auto before = snapshot(space);
  auto request = folder ? quantizing(space) : tuning(space);
  std::stop_source stop;
  JobContext job = withThreads(2);
  job.stop = stop.get_token();
  job.progress = [&](const Progress& progress) {
    if (progress.phase == phase.toStdString()) stop.request_stop();
  };
  if (phase == "start") stop.request_stop();
  const auto result = pack(request, job);
  QVERIFY(!result);
  QCOMPARE(result.error().code, ErrorCode::Cancelled);
  QVERIFY(snapshot(space) == before);
}

void TestPackRefusals::aFullDiskLeavesNothing_data() {
  QTest::addColumn<bool>("folder");
  QTest::addColumn<int>("limit");
  for (const int limit : {100, 10'000, 60'000}) {
    QTest::newRow(qPrintable(QString("file of %1").arg(limit))) << false << limit;
    QTest::newRow(qPrintable(QString("folder of %1").arg(limit))) << true << limit;
  }
}

/// A limit on the size of files fails as a full disk does.
void TestPackRefusals::aFullDiskLeavesNothing() {
  QFETCH(bool, folder);
  QFETCH(int, limit);
  const Workspace space;
  makeInputs(space);
  const auto before = snapshot(space);
  auto request = folder ? quantizing(space) : tuning(space);
  request.codec = CodecId::Raw;  // large enough for every limit
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  rlimit small = old;
  small.rlim_cur = static_cast<rlim_t>(limit);
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto result = pack(request, withThreads(2));
  ::setrlimit(RLIMIT_FSIZE, &old);
  QVERIFY(!result);
  const auto message = QString::fromStdString(describe(result.error()));
  QVERIFY2(result.error().code == ErrorCode::DiskFull, qPrintable(message));
  QVERIFY2(message.contains(folder ? "/out/" : "out.delta.safetensors"), qPrintable(message));
  QVERIFY2(!message.contains(".part"), qPrintable(message));
  QVERIFY(snapshot(space) == before);
}

QTEST_APPLESS_MAIN(TestPackRefusals)
#include "test_pack_refusals.moc"
