// SPDX-License-Identifier: Apache-2.0
// The tables of a four-bit base belong to it: one in which they were changed is another base, whatever its codes and scales.
#include <cstring>

#include "core/rebuild/unpack.h"
#include "core/rebuild/verify.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

constexpr const char* kWeight = "model.layers.0.mlp.up_proj.weight";
const fs::path kOlder = fs::path(DELTASCOPE_TEST_DATA) / "payload/v1";

/// Adds 1 to the bits of number `index` of a tensor of F32, in place.
void changeFloat(const fs::path& file, const std::string& tensor, std::uint64_t index) {
  const auto offset = take(SafetensorsFile::open(file)).find(tensor)->offset + 4 * index;
  QFile raw(QString::fromStdString(file.string()));
  if (!raw.open(QIODevice::ReadWrite) || !raw.seek(static_cast<qint64>(offset))) qFatal("cannot open %s", file.c_str());
  std::uint32_t bits = 0;
  raw.read(reinterpret_cast<char*>(&bits), 4);
  ++bits;
  raw.seek(static_cast<qint64>(offset));
  raw.write(reinterpret_cast<const char*>(&bits), 4);
}

fs::path packedModel(const QTemporaryDir& folder, QuantFormat format, bool nested) {
  const auto root = fs::path(folder.path().toStdString());
  writeModel(root / "final", smallLlama());
  PackRequest request;
  request.final = root / "final";
  request.quantize = format;
  request.doubleQuant = nested;
  request.out = root / "packed";
  take(pack(request, {}));
  return request.out;
}

Result<VerifyResult> verified(const fs::path& path, const fs::path& base = {}) {
  VerifyRequest request;
  request.path = path;
  request.base = base;
  return verify(request, {});
}

}  // namespace

class TestBaseTables : public QObject {
  Q_OBJECT
 private slots:
  void areCovered_data();
  void areCovered();
  void areComparedWithTheFormatsOwnByOlderPayloads();
  void mayBeOthersWhereThePayloadSaysSo();
};

void TestBaseTables::areCovered_data() {
  QTest::addColumn<int>("format");
  QTest::addColumn<bool>("nested");
  QTest::addColumn<QString>("part");
  QTest::addColumn<int>("index");
  const auto nf4 = static_cast<int>(QuantFormat::Nf4), fp4 = static_cast<int>(QuantFormat::Fp4);
  QTest::newRow("nf4, the first value") << nf4 << false << ".quant_map" << 0;
  QTest::newRow("nf4, zero") << nf4 << false << ".quant_map" << 7;
  QTest::newRow("fp4, the second zero") << fp4 << false << ".quant_map" << 8;
  QTest::newRow("nested, the table") << nf4 << true << ".quant_map" << 15;
  QTest::newRow("nested, the table of scales") << nf4 << true << ".nested_quant_map" << 3;
}

void TestBaseTables::areCovered() {
  QFETCH(int, format);
  QFETCH(bool, nested);
  QFETCH(QString, part);
  QFETCH(int, index);
  QTemporaryDir folder;
  const auto packed = packedModel(folder, static_cast<QuantFormat>(format), nested);
  QVERIFY(take(verified(packed)).bitExact);
  changeFloat(packed / "base.safetensors", kWeight + part.toStdString(), static_cast<std::uint64_t>(index));
  const auto result = verified(packed);
  QVERIFY(!result);
  QCOMPARE(result.error().code, ErrorCode::Mismatch);
  const auto message = QString::fromStdString(describe(result.error()));
  QVERIFY2(message.contains(kWeight), qPrintable(message));
  QVERIFY2(message.contains(part == ".quant_map" ? "quant_map is not the table" : "tables or block sizes"),
           qPrintable(message));
  UnpackRequest request;
  request.path = packed;
  request.out = fs::path(folder.path().toStdString()) / "out";
  QVERIFY(!unpack(request, {}));
  QVERIFY(!fs::exists(request.out));
}

void TestBaseTables::areComparedWithTheFormatsOwnByOlderPayloads() {
  QTemporaryDir folder;
  const auto base = fs::path(folder.path().toStdString()) / "base.safetensors";
  fs::copy_file(kOlder / "base-nf4.safetensors", base);
  fs::permissions(base, fs::perms::owner_write, fs::perm_options::add);
  QVERIFY(take(verified(kOlder / "nf4-entropy.delta.safetensors", base)).bitExact);
  changeFloat(base, std::string(kWeight) + ".quant_map", 3);
  const auto result = verified(kOlder / "nf4-entropy.delta.safetensors", base);
  QVERIFY(!result);
  QVERIFY(describe(result.error()).find("quant_map is not the table of nf4") != std::string::npos);
}

/// The format's own values count, whatever the file's table; but it must be the one that the payload was made over.
void TestBaseTables::mayBeOthersWhereThePayloadSaysSo() {
  QTemporaryDir folder;
  const auto root = fs::path(folder.path().toStdString());
  const auto packed = packedModel(folder, QuantFormat::Nf4, false);
  fs::copy(packed, root / "odd", fs::copy_options::recursive);
  changeFloat(root / "odd/base.safetensors", std::string(kWeight) + ".quant_map", 3);
  PackRequest request;
  request.final = root / "final";
  request.base = root / "odd";
  request.out = root / "over.delta.safetensors";
  take(pack(request, {}));
  QVERIFY(take(verified(request.out, root / "odd")).bitExact);
  QCOMPARE(verified(request.out, packed).error().code, ErrorCode::Mismatch);
}

QTEST_APPLESS_MAIN(TestBaseTables)
#include "test_base_tables.moc"
