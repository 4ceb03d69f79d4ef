// SPDX-License-Identifier: Apache-2.0
/// Checkpoints that are not what they say: each is refused, and the message names file, weight and part.
#include <QTemporaryDir>
#include <functional>

#include "core/checkpoint/checkpoint.h"
#include "core/quant/bitsandbytes/state.h"
#include "golden.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

using Tensors = std::map<std::string, Tensor>;
const std::string kWeight = "model.layers.0.mlp.down_proj.weight";
const std::string kScb = "model.layers.0.mlp.down_proj.SCB";
const std::string kFormat = "model.layers.0.mlp.down_proj.weight_format";
const std::string kState = kWeight + ".quant_state.bitsandbytes__nf4";
constexpr std::uint64_t kBlocks = 40;  // 64 × 40 weights, 64 a block

void set(Tensors& tensors, const std::string& name, DType dtype, std::vector<std::uint64_t> shape) {
  auto& tensor = tensors[name];
  tensor.info.name = name;
  tensor.info.dtype = dtype;
  tensor.info.shape = std::move(shape);
  std::uint64_t bytes = bytesOf(dtype);
  for (auto dim : tensor.info.shape) bytes *= dim;
  tensor.bytes.assign(bytes, std::byte{0});
}

void setText(Tensors& tensors, const std::string& name, const std::string& text) {
  set(tensors, name, DType::U8, {text.size()});
  std::memcpy(tensors[name].bytes.data(), text.data(), text.size());
}

std::string stateText(const Tensors& tensors) {
  const auto& bytes = tensors.at(kState).bytes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Changes one field of the state; a null value removes it.
void setField(Tensors& tensors, const char* field, const nlohmann::json& value) {
  auto state = nlohmann::json::parse(stateText(tensors));
  if (value.is_null())
    state.erase(field);
  else
    state[field] = value;
  setText(tensors, kState, state.dump());
}

void writeAll(const std::filesystem::path& path, const Tensors& tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back({name, tensor.info.dtype, tensor.info.shape});
  auto writer = SafetensorsWriter::create(path, specs);
  QVERIFY(writer);
  for (const auto& [name, tensor] : tensors) QVERIFY(writer->write(name, 0, tensor.bytes));
  QVERIFY(writer->commit());
}

struct Damage {
  const char* model;
  std::function<void(Tensors&)> change;
  ErrorCode code;
  QByteArrayList says;  ///< besides the file and the weight
};

}  // namespace
Q_DECLARE_METATYPE(Damage)

class TestQuantizedDamage : public QObject {
  Q_OBJECT
 private slots:
  void damageIsRefusedByName_data();
  void damageIsRefusedByName();
  void allZeroBlocksOfEitherKindAreRead();
  void unusualButSoundIsRead_data();
  void unusualButSoundIsRead();
  void truncatedStatesAreRefused();
  void mutatedStatesNeverCrash();

 private:
  QTemporaryDir m_folder;
};

void TestQuantizedDamage::damageIsRefusedByName_data() {
  QTest::addColumn<Damage>("damage");
  const auto row = [](const char* name, const char* model, std::function<void(Tensors&)> change, QByteArrayList says,
                      ErrorCode code = ErrorCode::Corrupt) {
    QTest::newRow(name) << Damage{model, std::move(change), code, std::move(says)};
  };
  const auto lacks = [&](const char* name, const char* model, const std::string& part) {
    row(name, model, [part](Tensors& t) { t.erase(part); }, {QByteArray::fromStdString(part), "is missing"});
  };
  lacks("no codes", "nf4", kWeight);
  lacks("no absmax", "nf4", kWeight + ".absmax");
  lacks("no quant_map", "nf4", kWeight + ".quant_map");
  lacks("no nested absmax", "nf4-double", kWeight + ".nested_absmax");
  lacks("no nested map", "nf4-double", kWeight + ".nested_quant_map");
  lacks("no nested codes", "nf4-double", kWeight + ".absmax");
  lacks("no state", "nf4", kState);
  lacks("no nested state", "nf4-double", kState);
  lacks("no INT8 weight", "int8", kWeight);
  lacks("no SCB", "int8", kScb);

  row("short codes", "nf4",
      [](Tensors& t) {
        set(t, kWeight, DType::U8, {1279, 1});
      },
      {"1279 bytes of codes", "1280", "64 × 40"});
  row("long codes", "nf4", [](Tensors& t) { set(t, kWeight, DType::U8, {1281, 1}); }, {"1281", "1280"});
  row(
      "codes of 64 bits", "nf4",
      [](Tensors& t) {
        set(t, kWeight, DType::I64, {160, 1});
      },
      {"I64"}, ErrorCode::Unsupported);
  row(
      "codes in columns", "nf4",
      [](Tensors& t) {
        set(t, kWeight, DType::U8, {1, 1280});
      },
      {"1 × 1280"}, ErrorCode::Unsupported);
  row("short absmax", "nf4", [](Tensors& t) { set(t, kWeight + ".absmax", DType::F32, {kBlocks - 1}); },
      {".absmax", "39", "40"});
  row("long absmax", "nf4", [](Tensors& t) { set(t, kWeight + ".absmax", DType::F32, {kBlocks + 1}); },
      {".absmax", "41", "40"});
  row("absmax of F16", "nf4", [](Tensors& t) { set(t, kWeight + ".absmax", DType::F16, {kBlocks}); },
      {".absmax", "F16", "F32"});
  row("nested codes without nesting", "nf4", [](Tensors& t) { set(t, kWeight + ".absmax", DType::U8, {kBlocks}); },
      {".absmax", "U8"});
  row("short map", "nf4", [](Tensors& t) { set(t, kWeight + ".quant_map", DType::F32, {15}); }, {".quant_map", "15", "16"});
  row("map of BF16", "nf4", [](Tensors& t) { set(t, kWeight + ".quant_map", DType::BF16, {16}); }, {".quant_map", "BF16"});
  row("plain absmax with nesting", "nf4-double", [](Tensors& t) { set(t, kWeight + ".absmax", DType::F32, {kBlocks}); },
      {".absmax", "F32"});
  row("long nested absmax", "nf4-double", [](Tensors& t) { set(t, kWeight + ".nested_absmax", DType::F32, {2}); },
      {".nested_absmax", "2"});
  row("short nested map", "nf4-double", [](Tensors& t) { set(t, kWeight + ".nested_quant_map", DType::F32, {255}); },
      {".nested_quant_map"});
  row("nested part of a plain weight", "nf4", [](Tensors& t) { set(t, kWeight + ".nested_absmax", DType::F32, {1}); },
      {".nested_absmax", "double quantization"});
  row("two states", "nf4", [](Tensors& t) { setText(t, kWeight + ".quant_state.bitsandbytes__fp4", stateText(t)); }, {"__"});
  row(
      "unknown type", "nf4", [](Tensors& t) { setText(t, kWeight + ".quant_state.bitsandbytes__nf3", stateText(t)); }, {"nf3"},
      ErrorCode::Unsupported);
  row("part that is a weight", "nf4",
      [](Tensors& t) {
        const std::string w = kWeight + ".absmax";
        setText(t, w + ".quant_state.bitsandbytes__nf4",
                R"({"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[320]})");
        set(t, w + ".absmax", DType::F32, {5});
        set(t, w + ".quant_map", DType::F32, {16});
      },
      {".absmax"});

  row("state is no list", "nf4", [](Tensors& t) { set(t, kState, DType::U8, {2, 39}); }, {"not a list of bytes"});
  row("state of I8", "nf4", [](Tensors& t) { t[kState].info.dtype = DType::I8; }, {"not a list of bytes"});
  row("empty state", "nf4", [](Tensors& t) { setText(t, kState, ""); }, {"__nf4", "not valid JSON"});
  row("huge state", "nf4", [](Tensors& t) { setText(t, kState, std::string(70000, ' ')); }, {"70000", "too many"});
  row("state of zeros", "nf4", [](Tensors& t) { setText(t, kState, std::string(78, '\0')); }, {"not valid JSON"});
  row("state not UTF-8", "nf4", [](Tensors& t) { setText(t, kState, "{\"\xFF\": 1}"); }, {"__nf4"});
  row("state is an array", "nf4", [](Tensors& t) { setText(t, kState, "[]"); }, {"not a JSON object"});
  row("deep state", "nf4", [](Tensors& t) { setText(t, kState, std::string(30000, '[')); }, {"__nf4"});
  for (const char* name : {"quant_type", "blocksize", "dtype", "shape"})
    row(name, "nf4", [name](Tensors& t) { setField(t, name, nullptr); }, {"lacks", name});
  for (const char* name : {"nested_blocksize", "nested_dtype", "nested_offset"})
    row(name, "nf4-double", [name](Tensors& t) { setField(t, name, nullptr); }, {"lacks", name});
  const auto field = [&](const char* name, const char* key, nlohmann::json value, QByteArray says,
                         ErrorCode code = ErrorCode::Corrupt, const char* model = "nf4") {
    row(
        name, model, [key, value](Tensors& t) { setField(t, key, value); }, {key, says}, code);
  };
  field("other type", "quant_type", "fp4", "fp4");
  field("type is a number", "quant_type", 4, "not a string");
  field("blocksize 0", "blocksize", 0, "0", ErrorCode::Unsupported);
  field("blocksize 48", "blocksize", 48, "48", ErrorCode::Unsupported);
  field("blocksize 16", "blocksize", 16, "16", ErrorCode::Unsupported);
  field("blocksize 8192", "blocksize", 8192, "8192", ErrorCode::Unsupported);
  field("blocksize 2^63", "blocksize", std::uint64_t{1} << 63, "9223372036854775808", ErrorCode::Unsupported);
  field("blocksize negative", "blocksize", -64, "whole number");
  field("blocksize fraction", "blocksize", 64.5, "whole number");
  field("blocksize text", "blocksize", "64", "whole number");
  field("other dtype", "dtype", "float64", "float64", ErrorCode::Unsupported);
  field("shape is a number", "shape", 1280, "not a list");
  field("shape of text", "shape", nlohmann::json{"32", "40"}, "sizes");
  field("negative shape", "shape", nlohmann::json{-32, -40}, "sizes");
  field("shape overflows", "shape", nlohmann::json{std::uint64_t{1} << 33, std::uint64_t{1} << 33}, "overflows");
  field("shape of many", "shape", nlohmann::json(9, 1), "dimensions");
  row("shape too large", "nf4", [](Tensors& t) { setField(t, "shape", {64, 41}); }, {"1280", "1312", "64 × 41"});
  row("shape huge", "nf4", [](Tensors& t) { setField(t, "shape", {std::uint64_t{1} << 62}); }, {"1280"});
  row("blocksize of another", "nf4", [](Tensors& t) { setField(t, "blocksize", 32); }, {".absmax", "40", "80"});
  field("nested blocksize 0", "nested_blocksize", 0, "0", ErrorCode::Unsupported, "nf4-double");
  field("nested dtype", "nested_dtype", "float16", "float16", ErrorCode::Unsupported, "nf4-double");
  field("offset is text", "nested_offset", "0.5", "not a number", ErrorCode::Corrupt, "nf4-double");
  field("offset too large", "nested_offset", 1e300, "range", ErrorCode::Corrupt, "nf4-double");

  row("SCB too short", "int8", [](Tensors& t) { set(t, kScb, DType::F32, {63}); }, {"SCB", "63", "64"});
  row("SCB of F16", "int8", [](Tensors& t) { set(t, kScb, DType::F16, {64}); }, {"SCB", "F16"});
  row("weight of U8 beside SCB", "int8", [](Tensors& t) { set(t, kWeight, DType::U8, {64, 40}); }, {"U8", "matrix of I8"});
  row("weight of rank 1 beside SCB", "int8", [](Tensors& t) { set(t, kWeight, DType::I8, {2560}); }, {"matrix of I8"});
  row(
      "interleaved weight", "int8", [](Tensors& t) { t[kFormat].bytes[0] = std::byte{2}; }, {"weight_format", "row-major"},
      ErrorCode::Unsupported);
  row("format of two", "int8", [](Tensors& t) { set(t, kFormat, DType::U8, {2}); }, {"weight_format", "2"});
}

void TestQuantizedDamage::damageIsRefusedByName() {
  QFETCH(Damage, damage);
  auto tensors = loadAll(dataFolder() / damage.model / "model.safetensors");
  damage.change(tensors);
  const auto path = std::filesystem::path(m_folder.filePath("damaged.safetensors").toStdString());
  writeAll(path, tensors);
  const auto checkpoint = Checkpoint::open(path);
  QVERIFY2(checkpoint, checkpoint ? "" : describe(checkpoint.error()).c_str());
  const auto found = findQuantized(*checkpoint);
  QVERIFY(!found);
  const QByteArray message = QByteArray::fromStdString(found.error().message);
  QVERIFY2(found.error().code == damage.code, message);
  QVERIFY2(!message.contains('\n'), message);
  damage.says << "damaged.safetensors" << QByteArray::fromStdString(kWeight);
  for (const auto& part : damage.says) QVERIFY2(message.contains(part), message + " lacks " + part);
}

/// CUDA's kernels give an all-zero block the code 0, torch 7. Both dequantize to zero.
void TestQuantizedDamage::allZeroBlocksOfEitherKindAreRead() {
  auto tensors = loadAll(dataFolder() / "nf4" / "model.safetensors");
  const auto path = std::filesystem::path(m_folder.filePath("zero.safetensors").toStdString());
  for (int code : {0x00, 0x77}) {
    std::fill_n(tensors[kWeight].bytes.begin(), 32, static_cast<std::byte>(code));
    writeAll(path, tensors);
    const auto checkpoint = Checkpoint::open(path);
    const auto found = findQuantized(*checkpoint);
    QVERIFY(found);
    const auto& tensor = found->weights.at(kWeight);
    QVERIFY(tensor.scales[0] == 0.0f);
    std::vector<std::byte> values(2 * tensor.elements);
    dequantize4bit(QuantFormat::Nf4, as<std::uint8_t>(*checkpoint->readAll(*tensor.codes)), tensor.scales, 64, DType::BF16,
                   values);
    for (std::size_t i = 0; i < 64; ++i)  // −0 for code 0, as value · absmax says
      QCOMPARE(as<std::uint16_t>(values)[i], static_cast<std::uint16_t>(code ? 0 : 0x8000));
  }
}

void TestQuantizedDamage::unusualButSoundIsRead_data() {
  QTest::addColumn<Damage>("sound");
  const auto row = [](const char* name, const char* model, std::function<void(Tensors&)> change) {
    QTest::newRow(name) << Damage{model, std::move(change), ErrorCode::Internal, {}};
  };
  row("spaces after the state", "nf4", [](Tensors& t) { setText(t, kState, stateText(t) + "   "); });
  row("unknown fields", "nf4", [](Tensors& t) { setField(t, "made_by", "someone"); });
  row("whole offset", "nf4-double", [](Tensors& t) { setField(t, "nested_offset", 1); });
  row("flat codes", "nf4", [](Tensors& t) { t[kWeight].info.shape = {1280}; });
  row("no weight_format", "int8", [](Tensors& t) { t.erase(kFormat); });
  row("shape of three", "nf4", [](Tensors& t) { setField(t, "shape", {8, 8, 40}); });
  row("no elements", "nf4", [](Tensors& t) {
    setField(t, "shape", {0, 7});
    set(t, kWeight, DType::U8, {0, 1});
    set(t, kWeight + ".absmax", DType::F32, {0});
  });
  row("unrelated names", "nf4", [](Tensors& t) {
    set(t, "observer.absmax", DType::F32, {3});
    set(t, "codebook.quant_map", DType::F32, {4});
    set(t, "table", DType::I8, {3, 3});
    set(t, "module.weight", DType::I8, {3, 3});
  });
}

void TestQuantizedDamage::unusualButSoundIsRead() {
  QFETCH(Damage, sound);
  auto tensors = loadAll(dataFolder() / sound.model / "model.safetensors");
  sound.change(tensors);
  const auto path = std::filesystem::path(m_folder.filePath("sound.safetensors").toStdString());
  writeAll(path, tensors);
  const auto checkpoint = Checkpoint::open(path);
  QVERIFY(checkpoint);
  const auto found = findQuantized(*checkpoint);
  QVERIFY2(found, found ? "" : describe(found.error()).c_str());
  QVERIFY(found->weights.contains(kWeight));
}

void TestQuantizedDamage::truncatedStatesAreRefused() {
  const auto text = stateText(loadAll(dataFolder() / "nf4-double" / "model.safetensors"));
  QVERIFY(parseQuantState(text, QuantFormat::Nf4));
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto state = parseQuantState(std::string_view(text).substr(0, length), QuantFormat::Nf4);
    QVERIFY(!state);
    QVERIFY(state.error().code == ErrorCode::Corrupt);
  }
}

void TestQuantizedDamage::mutatedStatesNeverCrash() {
  const auto text = stateText(loadAll(dataFolder() / "nf4-double" / "model.safetensors"));
  std::size_t refused = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    std::string mutated = text;
    for (std::uint64_t k = 0; k <= i % 4; ++k)
      mutated[splitmix(i, 2 * k) % text.size()] = static_cast<char>(splitmix(i, 2 * k + 1));
    const auto state = parseQuantState(mutated, QuantFormat::Nf4);
    refused += !state;
    if (state)
      QVERIFY(isBlocksize(state->blocksize) && (!state->nested || isBlocksize(state->nestedBlocksize)) &&
              state->shape.size() <= 8);
  }
  QVERIFY(refused > 10000);
}

QTEST_APPLESS_MAIN(TestQuantizedDamage)
#include "test_quantized_damage.moc"
