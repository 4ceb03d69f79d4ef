// SPDX-License-Identifier: Apache-2.0
/// Reconstruction and products on a GPU, beside a copy on the same one: GB/s and µs, medians, every bit compared.
///   bench_gpu [--device cuda:0] [--repeat 30] [--only all|tokens]
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "core/base/failure.h"
#include "core/base/units.h"
#include "core/codec/codec.h"
#include "core/codec/residual.h"
#include "core/quant/bitsandbytes/quantize.h"
#include "core/quant/codebook.h"
#include "core/selftest/parts.h"
#include "kernels/backend.h"
#include "kernels/gpu_ops.h"

using namespace deltascope;
using kernels::Matrix;
using kernels::Tiles;

namespace {

constexpr std::uint64_t kPart = std::uint64_t{1} << 24;  ///< elements that are encoded; larger matrices repeat them
constexpr std::uint64_t kBlock = 13 * kPart;             ///< a block of an 8B model
constexpr std::uint64_t kColumns = 4096;

struct Options {
  std::string device = "cuda:0";
  int repeat = 30;
  std::string only = "all";
};

template <class T>
T must(Result<T>&& result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "bench_gpu: %s\n", describe(result.error()).c_str());
  std::exit(3);
}
void must(Result<void>&& result) {
  if (result) return;
  std::fprintf(stderr, "bench_gpu: %s\n", describe(result.error()).c_str());
  std::exit(3);
}

kernels::Buffer onDevice(kernels::Backend& backend, std::span<const std::byte> bytes, std::uint64_t copies = 1) {
  auto buffer = must(fromBackend(backend.allocate(bytes.size() * copies, "the benchmark")));
  for (std::uint64_t c = 0; c < copies; ++c)
    backend.copyIn(buffer.as<std::byte>() + c * bytes.size(), bytes.data(), bytes.size());
  must(fromBackend(backend.synchronize()));
  return buffer;
}

/// Median milliseconds of `work(i)`, each time `batch` of them.
template <class Work>
double median(kernels::Backend& backend, int repeat, int batch, Work&& work) {
  const auto timer = backend.makeTimer();
  std::vector<double> times;
  for (int i = -3; i < repeat; ++i) {
    timer->start();
    for (int b = 0; b < batch; ++b) work(std::max(i, 0) * batch + b);
    timer->stop();
    const double ms = must(fromBackend(timer->milliseconds()));
    if (i >= 0) times.push_back(ms / batch);
  }
  must(fromBackend(backend.synchronize()));
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

struct Data {
  std::vector<std::byte> final;
  std::vector<std::uint8_t> codes;
  std::vector<float> absmax;
  BaseSlice base;
};

Data makeData() {
  Data data;
  const auto weights = selftest::gaussian(kPart, 5);
  data.final.resize(kPart * 2);
  fromFloat(DType::BF16, weights, data.final);
  data.codes.resize(kPart / 2);
  data.absmax.resize(kPart / 64);
  quantize4bit(QuantFormat::Nf4, DType::BF16, data.final, 64, data.codes, data.absmax);
  data.base.kind = BaseKind::Nf4;
  data.base.count = kPart;
  data.base.codes = data.codes;
  data.base.scales = data.absmax;
  return data;
}

/// A delta of kPart weights on the device, repeated to a block.
struct Coded {
  kernels::Buffer stream, offsets, table, bytes;
  Matrix matrix;
  double bits = 0;
};

Coded encode(kernels::Backend& backend, const Data& data, CodecId id, const Matrix& base) {
  const DeltaSample sample{data.base, data.final};
  const auto& coder = codec(id);
  const ModelPtr model = must(coder.fit(std::span(&sample, 1), {}));
  std::vector<std::byte> chunk;
  must(coder.encode(data.base, data.final, model.get(), {}, chunk));
  chunk.resize(roundUp(chunk.size(), 256));
  TileLayout layout;
  for (std::uint64_t p = 0; p < kBlock / kPart; ++p) must(appendTiles(id, chunk, kPart, p * chunk.size(), layout));
  layout.offsets.push_back(static_cast<std::uint32_t>(chunk.size() * (kBlock / kPart) / 16));
  Coded coded;
  coded.stream = onDevice(backend, chunk, kBlock / kPart);
  coded.offsets = onDevice(backend, std::as_bytes(std::span(layout.offsets)));
  const TileModel parts = tileModel(model.get());
  coded.table = must(fromBackend(backend.gpu()->makeTileTable(*parts.rule, parts.prefix, parts.fields)));
  coded.matrix = base;
  coded.matrix.form = Matrix::Form::Tiled;
  coded.matrix.tiles.code = parts.prefix ? Tiles::Code::Prefix : Tiles::Code::Fields;
  coded.matrix.tiles.stream = coded.stream.as<std::byte>();
  coded.matrix.tiles.offsets = coded.offsets.as<std::uint32_t>();
  coded.matrix.tiles.table = coded.table.data();
  coded.matrix.tiles.largest = layout.largest;
  coded.matrix.tiles.factors = parts.rule->lo;
  coded.bits = 8.0 * static_cast<double>(chunk.size()) / kPart;
  return coded;
}

Matrix rowsOf(const Matrix& m, std::uint64_t first, std::uint64_t rows) {
  Matrix part = m;
  const std::uint64_t at = first * m.columns;
  part.rows = rows;
  if (m.elements) part.elements = static_cast<const std::byte*>(m.elements) + at * 2;
  part.codes += at / 2;
  part.scales += at / m.group;
  if (m.tiles.offsets) part.tiles.offsets += at / kernels::kTile;
  return part;
}

/// Products of several tokens with one matrix in each of its forms, in as many copies as no cache holds.
class TokenBench {
 public:
  TokenBench(kernels::Backend& backend, const Options& options) : m_backend(backend), m_options(options) {}

  void run(const Matrix& dense, const Matrix& base, const Matrix& tiled, std::uint64_t rows, std::uint64_t columns) {
    const std::uint64_t copies = kBlock / (rows * columns);
    const auto part = [&](Matrix m, std::uint64_t copy) {
      m.columns = columns;
      return rowsOf(m, copy * rows, rows);
    };
    const auto xs = selftest::gaussian(kTokens.back() * columns, 9);
    const auto x = onDevice(m_backend, std::as_bytes(std::span(xs)));
    const auto y = must(fromBackend(m_backend.allocate(kTokens.back() * rows * sizeof(float), "the benchmark")));
    std::vector<float> base1;  ///< the base's product with the first token
    for (const char* name : {"BF16", "NF4 units", "NF4 stored", "exact units", "entropy"}) {
      std::vector<Matrix> matrices;
      std::vector<kernels::Buffer> memory;
      for (std::uint64_t c = 0; c < copies; ++c) {
        Matrix m = part(name[0] == 'B' ? dense : name[0] == 'N' ? base : tiled, c);
        if (std::strstr(name, "units")) {
          const bool exact = name[0] == 'e';
          memory.push_back(must(fromBackend(m_backend.allocate(m_backend.gpu()->unitBytes(m, exact), "the benchmark"))));
          if (!exact)
            must(fromBackend(m_backend.gpu()->toCodes(m, memory.back().data())));
          else if (!must(fromBackend(m_backend.gpu()->toBytes(m, memory.back().data()))))
            std::printf("exact units do not fit\n");
          m.form = Matrix::Form::Tiled;
          m.tiles.code = exact ? Tiles::Code::Bytes : Tiles::Code::Codes;
          m.tiles.stream = memory.back().as<std::byte>();
        }
        matrices.push_back(m);
      }
      std::printf("%6llu x %-6llu %-12s", static_cast<unsigned long long>(rows), static_cast<unsigned long long>(columns),
                  name);
      kernels::MatmulArgs args;
      args.x = x.as<float>();
      args.y = y.as<float>();
      std::vector<float> ones(8 * rows), all(8 * rows);
      for (std::uint32_t t = 0; t < 8; ++t) {
        args.weight = matrices[0];
        args.x = x.as<float>() + t * columns;
        args.y = y.as<float>() + t * rows;
        must(fromBackend(m_backend.matmul(args)));
      }
      m_backend.copyOut(ones.data(), y.data(), ones.size() * sizeof(float));
      args.x = x.as<float>();
      args.y = y.as<float>();
      for (const std::uint32_t tokens : kTokens) {
        args.tokens = tokens;
        const int batch = tokens > 16 ? 1 : static_cast<int>(std::min<std::uint64_t>(copies, 16));
        const int repeat = tokens > 16 ? 5 : m_options.repeat;
        const double ms = median(m_backend, repeat, batch, [&](int i) {
          args.weight = matrices[static_cast<std::size_t>(i) % copies];
          must(fromBackend(m_backend.matmul(args)));
        });
        args.weight = matrices[0];
        must(fromBackend(m_backend.matmul(args)));
        const std::size_t same = std::min<std::uint32_t>(tokens, 8) * rows;
        m_backend.copyOut(all.data(), y.data(), same * sizeof(float));
        std::printf(" %8.1f%s", ms * 1e3, std::memcmp(ones.data(), all.data(), same * sizeof(float)) == 0 ? "" : "!");
      }
      if (base1.empty() && name[0] == 'N') base1.assign(ones.begin(), ones.begin() + static_cast<std::ptrdiff_t>(rows));
      if (!base1.empty() && std::strstr(name, "entropy") == nullptr) draft(args, matrices, base1);
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  static void header() {
    std::printf("\nproducts: us by tokens; ! other bits than one token alone\n%-28s", "");
    for (const std::uint32_t tokens : kTokens) std::printf(" %8u", tokens);
    std::printf("\n");
  }

 private:
  void draft(kernels::MatmulArgs args, const std::vector<Matrix>& matrices, const std::vector<float>& base) {
    args.tokens = 1;
    args.draft = true;
    const double ms =
        median(m_backend, m_options.repeat, static_cast<int>(std::min<std::size_t>(matrices.size(), 16)), [&](int i) {
          args.weight = matrices[static_cast<std::size_t>(i) % matrices.size()];
          must(fromBackend(m_backend.matmul(args)));
        });
    args.weight = matrices[0];
    must(fromBackend(m_backend.matmul(args)));
    std::vector<float> y(base.size());
    m_backend.copyOut(y.data(), args.y, y.size() * sizeof(float));
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < y.size(); ++i) error += std::pow(y[i] - base[i], 2.0), norm += std::pow(base[i], 2.0);
    std::printf("  draft %.1f, off by %.1e of the base's", ms * 1e3, std::sqrt(error / norm));
  }

  static constexpr std::array<std::uint32_t, 12> kTokens{1, 2, 3, 4, 5, 6, 8, 16, 24, 64, 128, 512};
  kernels::Backend& m_backend;
  const Options& m_options;
};

std::uint64_t wrongBits(kernels::Backend& backend, const kernels::Buffer& out, const Data& data) {
  std::vector<std::byte> back(kPart * 2);
  std::uint64_t wrong = 0;
  for (std::uint64_t p = 0; p < kBlock / kPart; ++p) {
    backend.copyOut(back.data(), out.as<std::byte>() + p * back.size(), back.size());
    for (std::size_t i = 0; i < back.size(); i += 2) wrong += std::memcmp(&back[i], &data.final[i], 2) != 0;
  }
  return wrong;
}

}  // namespace

int main(int count, char** values) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(values[i], "--device") == 0) options.device = values[i + 1];
    if (std::strcmp(values[i], "--repeat") == 0) options.repeat = std::max(1, std::atoi(values[i + 1]));
    if (std::strcmp(values[i], "--only") == 0) options.only = values[i + 1];
  }
  kernels::BackendOptions open;
  open.device = options.device;
  const auto backend = must(fromBackend(kernels::openBackend(open)));
  std::printf("%s: %s, %s\n", options.device.c_str(), backend->device().name.c_str(), backend->device().detail.c_str());
  const Data data = makeData();
  const auto out = must(fromBackend(backend->allocate(kBlock * 2, "the benchmark")));
  const auto dense = onDevice(*backend, data.final, kBlock / kPart);
  const auto codes = onDevice(*backend, std::as_bytes(std::span(data.codes)), kBlock / kPart);
  const auto absmax = onDevice(*backend, std::as_bytes(std::span(data.absmax)), kBlock / kPart);
  Matrix plain;
  plain.rows = kBlock / kColumns;
  plain.columns = kColumns;
  plain.elements = dense.data();
  Matrix base;
  base.form = Matrix::Form::FourBit;
  base.rows = plain.rows;
  base.columns = kColumns;
  base.codes = codes.as<std::uint8_t>();
  base.scales = absmax.as<float>();
  base.values = codeBook(QuantFormat::Nf4).values.data();

  const double copy =
      median(*backend, options.repeat, 1, [&](int) { backend->copyOnDevice(out.data(), dense.data(), kBlock * 2); });
  const double copyRate = 2.0 * kBlock * 2 / copy / 1e6;
  std::printf("copy on the device: %.0f GB/s read and written\n", copyRate);

  struct Form {
    std::string name;
    Matrix matrix;
    double bits;
  };
  std::vector<Coded> coded;
  std::vector<Form> forms{{"BF16", plain, 16}, {"NF4 alone", base, 4.5}};
  for (const CodecId id : {CodecId::Entropy, CodecId::Bitpack}) {
    coded.push_back(encode(*backend, data, id, base));
    forms.push_back({std::string(nameOf(id)), coded.back().matrix, coded.back().bits + 4.5});
  }
  TokenBench::header();
  TokenBench tokens(*backend, options);
  for (const auto& [rows, columns] : {std::pair{53248, 4096}, {28672, 4096}, {6144, 4096}, {4096, 4096}, {4096, 14336}})
    tokens.run(plain, base, coded[0].matrix, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns));
  if (options.only == "tokens") return 0;

  // Units are of a whole matrix, so each size has its own.
  std::map<std::uint64_t, std::array<Coded, 2>> units;
  for (const std::uint64_t rows : {plain.rows, std::uint64_t{14336}, std::uint64_t{4096}})
    for (const bool exact : {false, true}) {
      Coded& whole = units[rows][exact];
      whole.matrix = rowsOf(forms[exact ? 2 : 1].matrix, 0, rows);
      const std::uint64_t bytes = backend->gpu()->unitBytes(whole.matrix, exact);
      whole.bytes = must(fromBackend(backend->allocate(bytes, "the benchmark")));
      if (!exact)
        must(fromBackend(backend->gpu()->toCodes(whole.matrix, whole.bytes.data())));
      else if (!must(fromBackend(backend->gpu()->toBytes(whole.matrix, whole.bytes.data()))))
        std::printf("exact units do not fit\n");
      whole.matrix.form = Matrix::Form::Tiled;
      whole.matrix.tiles.code = exact ? Tiles::Code::Bytes : Tiles::Code::Codes;
      whole.matrix.tiles.stream = whole.bytes.as<std::byte>();
      whole.bits = 8.0 * static_cast<double>(bytes) / static_cast<double>(rows * kColumns);
    }
  for (const bool exact : {false, true})
    forms.push_back({exact ? "exact units" : "NF4 units", units[plain.rows][exact].matrix, units[plain.rows][exact].bits});

  std::printf("\nreconstruction to BF16: GB/s of output\n%-12s %8s %12s %12s %12s %10s\n", "form", "bits", "53248x4096",
              "14336x4096", "4096x4096", "wrong");
  for (const auto& form : forms) {
    if (form.name == "BF16") continue;
    const auto rate = [&](std::uint64_t rows) {
      const std::uint64_t places = forms[0].matrix.rows / rows;
      const double ms = median(*backend, options.repeat, static_cast<int>(std::min<std::uint64_t>(places, 3)), [&](int i) {
        const std::uint64_t first = static_cast<std::uint64_t>(i) % places * rows;
        must(fromBackend(backend->gpu()->reconstruct(form.matrix, first, rows, out.as<std::byte>() + first * kColumns * 2)));
      });
      return static_cast<double>(rows) * kColumns * 2 / ms / 1e6;
    };
    const double big = rate(plain.rows);
    const std::uint64_t wrong = form.name.starts_with("NF4") ? 0 : wrongBits(*backend, out, data);
    std::printf("%-12s %8.3f %12.0f %12.0f %12.0f %10llu\n", form.name.c_str(), form.bits, big, rate(14336), rate(4096),
                static_cast<unsigned long long>(wrong));
  }

  const auto xs = selftest::gaussian(kColumns, 9);
  const auto x = onDevice(*backend, std::as_bytes(std::span(xs)));
  const auto y = must(fromBackend(backend->allocate(plain.rows * sizeof(float), "the benchmark")));
  for (const auto mode : {kernels::ComputeMode::Fp32, kernels::ComputeMode::Bf16}) {
    open.compute = mode;
    const auto other = must(fromBackend(kernels::openBackend(open)));
    std::printf("\nproduct with one token, activations %s: us, G weights/s\n%-12s %20s %20s %20s %s\n",
                mode == kernels::ComputeMode::Fp32 ? "whole" : "in BF16", "form", "53248x4096", "14336x4096", "4096x4096",
                "  bits");
    std::vector<float> first;
    for (const auto& form : forms) {
      std::printf("%-12s", form.name.c_str());
      for (const std::uint64_t rows : {plain.rows, std::uint64_t{14336}, std::uint64_t{4096}}) {
        const std::uint64_t places = form.name.ends_with("units") ? 1 : plain.rows / rows;
        kernels::MatmulArgs args;
        args.x = x.as<float>();
        const double ms = median(*other, options.repeat, static_cast<int>(std::min<std::uint64_t>(places, 3)), [&](int i) {
          const std::uint64_t at = static_cast<std::uint64_t>(i) % places * rows;
          args.weight = form.name.ends_with("units") ? units[rows][form.name[0] == 'e'].matrix : rowsOf(form.matrix, at, rows);
          args.y = y.as<float>() + at;
          must(fromBackend(other->matmul(args)));
        });
        std::printf(" %10.1f %9.0f", ms * 1e3, static_cast<double>(rows) * kColumns / ms / 1e6);
        if (rows == plain.rows) {
          std::vector<float> result(rows);
          other->copyOut(result.data(), y.data(), rows * sizeof(float));
          if (first.empty()) first = result;
          if (form.name == "BF16" || form.name.starts_with("NF4")) continue;
          const bool same = std::memcmp(first.data(), result.data(), rows * sizeof(float)) == 0;
          if (!same) std::printf(" (other bits than BF16)");
        }
      }
      std::printf("\n");
    }
  }
  return 0;
}
