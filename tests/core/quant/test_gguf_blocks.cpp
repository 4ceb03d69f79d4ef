// SPDX-License-Identifier: Apache-2.0
/// Blocks of GGUF files: their values are ggml's, to the last bit.
#include <QTemporaryDir>
#include <fstream>

#include "golden.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

std::vector<std::byte> valuesOf(const Checkpoint& checkpoint, const QuantizedTensor& tensor, DType type) {
  const IndexRange all{0, tensor.elements};
  std::vector<std::byte> codes(tensor.layout.codesOf(all).count), values(tensor.elements * bytesOf(type));
  if (!formatOf(tensor.kind).readCodes(checkpoint, tensor, all, codes)) qFatal("codes cannot be read");
  baseValues(sliceOf(tensor.kind, type, tensor.layout.group, all, codes.data(), nullptr), values);
  return values;
}

}  // namespace

class TestGgufBlocks : public QObject {
  Q_OBJECT
 private slots:
  void valuesAreTheLibrarys_data() {
    QTest::addColumn<int>("type");
    for (const auto& [name, type] : kTypes) QTest::newRow(name) << static_cast<int>(type);
  }
  void valuesAreTheLibrarys() {
    QFETCH(int, type);
    const auto dtype = static_cast<DType>(type);
    const auto checkpoint = Checkpoint::open(dataFolder() / "gguf/blocks.gguf");
    QVERIFY(checkpoint);
    const auto found = findQuantized(*checkpoint);
    QVERIFY(found);
    const auto expected = loadAll(dataFolder() / "gguf/values.safetensors");
    QCOMPARE(found->weights.size(), expected.size());
    std::set<BaseKind> kinds;
    for (const auto& [name, tensor] : found->weights) {
      const auto& golden = expected.at(name);
      kinds.insert(tensor.kind);
      QCOMPARE(QString::fromStdString(name).section('.', 0, 0), QString::fromStdString(std::string(nameOf(tensor.kind))));
      QCOMPARE(tensor.shape, golden.info.shape);
      QVERIFY(tensor.scales.empty());
      QCOMPARE(tensor.storedBytes, tensor.layout.codesOf({0, tensor.elements}).count);
      std::vector<std::byte> wanted(tensor.elements * bytesOf(dtype));
      fromFloat(dtype, as<float>(golden.bytes), wanted);
      QVERIFY2(valuesOf(*checkpoint, tensor, dtype) == wanted, name.c_str());
    }
    QCOMPARE(kinds.size(), std::size_t{12});
  }

  void partsHaveTheValuesOfTheWhole() {
    for (int number = static_cast<int>(BaseKind::Q8_0); number <= static_cast<int>(BaseKind::Iq4Xs); ++number) {
      const auto kind = static_cast<BaseKind>(number);
      const std::uint64_t elements = 3 * 4096 + 256;
      const BaseLayout layout = formatOf(kind).layout(0);
      std::vector<std::uint8_t> codes(layout.codesOf({0, elements}).count);
      for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i * 37 % 61);
      const auto whole = sliceOf(kind, DType::BF16, layout.group, {0, elements}, codes.data(), nullptr);
      std::vector<std::byte> all(elements * 2), part((4096 + 256) * 2);
      baseValues(whole, all);
      baseValues(partOf(whole, 8192, 4096 + 256), part);
      QVERIFY(std::equal(part.begin(), part.end(), all.begin() + 8192 * 2));
      QCOMPARE(layout.wholeTiles(1), layout.codesOf({0, 4096}).count);
      QCOMPARE(layout.elementsIn(layout.wholeTiles(1u << 20)) % 4096, std::uint64_t{0});
    }
  }

  void otherTypesAreNamed() {
    QTemporaryDir folder;
    const auto path = std::filesystem::path(folder.path().toStdString()) / "other.gguf";
    auto bytes = readTextFile(dataFolder() / "gguf/blocks.gguf");
    QVERIFY(bytes);
    // The type of the tensor "Q6_K": behind its name, the number of sides and two sides.
    const std::string name("\4\0\0\0\0\0\0\0Q6_K\2\0\0\0", 16);
    const auto at = bytes->find(name);
    QVERIFY(at != std::string::npos);
    (*bytes)[at + name.size() + 16] = 22;  // IQ2_S, of 82 bytes a block
    std::ofstream(path, std::ios::binary) << *bytes;
    const auto checkpoint = Checkpoint::open(path);
    QVERIFY2(checkpoint, checkpoint ? "" : checkpoint.error().message.c_str());
    const auto found = findQuantized(*checkpoint);
    QVERIFY(!found);
    QCOMPARE(found.error().code, ErrorCode::Unsupported);
    QVERIFY2(found.error().message.find("tensor Q6_K") != std::string::npos &&
                 found.error().message.find("is IQ2_S, which is not read") != std::string::npos,
             found.error().message.c_str());
    const auto described = describeQuantized(*checkpoint);
    QVERIFY(!described.find("Q6_K") && described.find("Q5_K"));
  }
};

QTEST_APPLESS_MAIN(TestGgufBlocks)
#include "test_gguf_blocks.moc"
