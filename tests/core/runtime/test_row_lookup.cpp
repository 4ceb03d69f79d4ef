// SPDX-License-Identifier: Apache-2.0
// Rows of a matrix in a payload: read alone once their chunk was checked, and the bits of the whole.
#include <QtTest>
#include <cstring>

#include "core/base/units.h"
#include "core/codec/residual.h"
#include "core/pack/pack.h"
#include "core/runtime/delta_source.h"

using namespace deltascope;
namespace fs = std::filesystem;

namespace {

const fs::path kDemo = DELTASCOPE_DEMO;
constexpr const char* kEmbedding = "model.embed_tokens.weight";

const TensorOrigin* find(const Variant& variant) {
  for (const auto& origin : variant.tensors)
    if (origin.spec.name == kEmbedding) return &origin;
  return nullptr;
}

}  // namespace

class TestRowLookup : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void givesTheBitsOfTheWhole_data();
  void givesTheBitsOfTheWhole();
  void checksAChunkOnce();
  void findsNoTilesInATableThatIsDamaged();

 private:
  [[nodiscard]] fs::path packed(const std::string& name) const { return fs::path(m_scratch.path().toStdString()) / name; }
  [[nodiscard]] Result<std::shared_ptr<Variant>> open(const std::string& name) const {
    LoadRequest request;
    request.path = packed(name);
    return openVariant(request, ScaleReading::Read);
  }
  static Result<std::unique_ptr<DeltaSource>> sourceOf(const Variant& variant, bool byRows) {
    DeltaPlaces places;
    places.file = variant.base;
    places.byRows = byRows;
    return DeltaSource::create(*find(variant), std::move(places));
  }
  /// Tile number `tile` of the tensor; empty where it cannot be made.
  static std::vector<std::byte> tileOf(const DeltaSource& source, std::uint64_t tile, std::uint64_t elements) {
    const std::uint64_t first = tile * kTileElements, count = std::min(kTileElements, elements - first);
    std::size_t piece = 0;
    while (source.pieceBegin(piece + 1) <= first) ++piece;
    std::vector<std::byte> bytes(count * 2);
    if (!source.make(piece, first, count, bytes.data())) bytes.clear();
    return bytes;
  }
  QTemporaryDir m_scratch;
};

void TestRowLookup::initTestCase() {
  for (const auto codec : {CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd}) {
    PackRequest request;
    request.final = kDemo / "chat";
    request.quantize = QuantFormat::Nf4;
    request.scope = PackScope::All;
    request.codec = codec;
    request.chunks = 5;
    request.out = packed(std::string(nameOf(codec)));
    const auto done = pack(request, {});
    QVERIFY2(done, done ? "" : describe(done.error()).c_str());
  }
}

void TestRowLookup::givesTheBitsOfTheWhole_data() {
  QTest::addColumn<QString>("codec");
  for (const char* codec : {"entropy", "bitpack", "zstd"}) QTest::newRow(codec) << codec;
}

/// Tiles in an order that leaves and comes back to every piece.
void TestRowLookup::givesTheBitsOfTheWhole() {
  QFETCH(QString, codec);
  const auto variant = open(codec.toStdString());
  QVERIFY2(variant, variant ? "" : describe(variant.error()).c_str());
  const TensorOrigin& origin = *find(**variant);
  const auto whole = sourceOf(**variant, false), rows = sourceOf(**variant, true);
  QVERIFY(whole && rows);
  QVERIFY((*rows)->pieces() > 2);
  std::vector<std::byte> want(origin.elements * 2);
  for (std::size_t piece = 0; piece < (*whole)->pieces(); ++piece)
    for (std::uint64_t at = (*whole)->pieceBegin(piece), end = (*whole)->pieceBegin(piece + 1); at < end;
         at += (*whole)->step())
      QVERIFY((*whole)->make(piece, at, std::min((*whole)->step(), end - at), want.data() + at * 2));
  if (!(*rows)->byTiles()) return;  // then nobody asks for single tiles
  const std::uint64_t tiles = origin.elements / kTileElements;
  for (int round = 0; round < 2; ++round)
    for (std::uint64_t i = 0; i < tiles; ++i) {
      const std::uint64_t tile = (i * 37 + std::uint64_t(round)) % tiles;
      const auto made = tileOf(**rows, tile, origin.elements);
      QVERIFY(!made.empty());
      QVERIFY(std::equal(made.begin(), made.end(), want.begin() + std::ptrdiff_t(tile * kTileElements * 2)));
    }
}

/// Damage is found where a chunk is first read; later, a look-up reads and needs its own tiles alone.
void TestRowLookup::checksAChunkOnce() {
  const auto variant = open("entropy");
  QVERIFY(variant);
  const TensorOrigin& origin = *find(**variant);
  const DeltaStep& step = origin.steps.back();
  const auto rows = sourceOf(**variant, true);
  QVERIFY(rows);
  const std::uint64_t other = (*rows)->pieceBegin(1) / kTileElements;
  const auto before = tileOf(**rows, 1, origin.elements);
  QVERIFY(!before.empty() && !tileOf(**rows, other, origin.elements).empty());

  // A byte in the last tile of the first chunk is changed.
  QFile file(QString::fromStdString(step.payload->path().string()));
  QVERIFY(file.open(QIODevice::ReadWrite));
  const QByteArray stored = file.readAll();
  const ChunkInfo& chunk = step.chunks.front();
  std::vector<std::byte> bytes(chunk.bytes);
  QVERIFY(step.payload->readPart(*step.stats, chunk, 0, bytes));
  const auto at = stored.indexOf(QByteArray(reinterpret_cast<const char*>(bytes.data()), qsizetype(bytes.size())));
  QVERIFY(at > 0);
  const qint64 place = at + qint64(chunk.bytes) - 40;
  QVERIFY(file.seek(place) && file.putChar(char(stored[place] ^ 0x55)) && file.flush());

  QVERIFY(!tileOf(**rows, other, origin.elements).empty());
  QVERIFY(tileOf(**rows, 1, origin.elements) == before);
  const auto fresh = sourceOf(**variant, true);
  QVERIFY(fresh && tileOf(**fresh, 1, origin.elements).empty());
  QVERIFY(file.seek(place) && file.putChar(stored[place]) && file.flush());
  QVERIFY(tileOf(**fresh, 1, origin.elements) == before);
}

void TestRowLookup::findsNoTilesInATableThatIsDamaged() {
  const auto variant = open("bitpack");
  QVERIFY(variant);
  const DeltaStep& step = find(**variant)->steps.back();
  const ChunkInfo& chunk = step.chunks.front();
  const auto sound = step.payload->readChunk(*step.stats, chunk);
  QVERIFY(sound);
  const std::uint64_t table = tileTableBytes(CodecId::Bitpack, DType::BF16, chunk.elements);
  const std::uint64_t tiles = ceilDiv(chunk.elements, kTileElements);
  QVERIFY(table >= 4 * (tiles + 1) && tiles > 3);
  const auto all = tileBytes(CodecId::Bitpack, *sound, chunk.elements, 0, chunk.elements);
  QVERIFY(all && all->first == table && all->first + all->count == chunk.bytes);
  QVERIFY(!tileBytes(CodecId::Bitpack, *sound, chunk.elements, kTileElements, chunk.elements));
  QVERIFY(!tileBytes(CodecId::Bitpack, std::span(*sound).first(table - 1), chunk.elements, 0, 1));
  for (const std::uint64_t tile : {std::uint64_t{0}, std::uint64_t{1}, tiles - 1}) {
    const auto one = tileBytes(CodecId::Bitpack, *sound, chunk.elements, tile * kTileElements, 1);
    QVERIFY(one && one->first >= table && one->count > 0 && one->first + one->count <= chunk.bytes);
    for (const std::uint64_t entry : {tile, tile + 1})
      for (const std::uint32_t value : {0x7fffffffu, 0xffffffffu}) {
        auto damaged = *sound;
        std::memcpy(damaged.data() + 4 * entry, &value, 4);
        QVERIFY(!tileBytes(CodecId::Bitpack, damaged, chunk.elements, tile * kTileElements, 1));
      }
  }
  for (const auto& [codec, type] :
       {std::pair{CodecId::Zstd, DType::BF16}, {CodecId::Sparse, DType::BF16}, {CodecId::Entropy, DType::F32}})
    QCOMPARE(tileTableBytes(codec, type, chunk.elements), std::uint64_t{0});
}

QTEST_GUILESS_MAIN(TestRowLookup)
#include "test_row_lookup.moc"
