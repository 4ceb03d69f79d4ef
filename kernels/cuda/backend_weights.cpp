// SPDX-License-Identifier: Apache-2.0
// Weights in all their forms: products, look-ups, and the forms that products read fastest.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/cuda/backend.h"
#include "kernels/cuda/library.h"
#include "kernels/cuda/prompt.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr std::uint32_t kMostRows = (kHeadBytes - kRowsAt) / sizeof(std::uint32_t);
constexpr std::uint64_t kHostAlignment = 64;
constexpr std::uint64_t kRowGroup = 16;  ///< rows of a unit
/// Of the weights that are made at a time where nothing was reserved.
constexpr std::uint64_t kMadeBytes = std::uint64_t{32} << 20;

[[nodiscard]] std::byte* alignedIn(std::vector<std::byte>& memory) {
  return memory.data() + (kHostAlignment - reinterpret_cast<std::uintptr_t>(memory.data()) % kHostAlignment) % kHostAlignment;
}

[[nodiscard]] const void* biasFrom(const MatmulArgs& args, std::uint64_t row) {
  return args.bias ? static_cast<const std::byte*>(args.bias) + row * bytesOf(args.biasType) : nullptr;
}

}  // namespace

Outcome<void> CudaBackend::matmul(const MatmulArgs& args) {
  const Matrix& weight = args.weight;
  if (args.tokens == 0 || weight.rows == 0) return {};
  cudaSetDevice(m_machine.index);
  if (!weight.feed) return multiply(args, weight.rows, false);
  for (const FeedRows& rows : weight.feedRows) {
    const auto bytes = weight.feed->acquire(rows.item);
    if (!bytes) return tl::make_unexpected(bytes.error());
    MatmulArgs part = args;
    Matrix& m = part.weight;
    const std::uint64_t first = rows.firstRow * weight.columns;
    m.feed = nullptr;
    m.rows = rows.rows;
    if (m.form == Matrix::Form::Dense) {
      m.elements = *bytes;
    } else {
      m.codes += first / 2;
      m.scales += first / m.group;
      m.tiles.offsets += first / kTile;
      m.tiles.stream = *bytes - rows.offset;
    }
    part.y += rows.firstRow;
    part.bias = biasFrom(args, rows.firstRow);
    auto done = multiply(part, weight.rows, true);
    weight.feed->release(rows.item);
    if (!done) return done;
  }
  return {};
}

Outcome<void> CudaBackend::multiply(const MatmulArgs& args, std::uint64_t stride, bool made) {
  if (isDraft(args)) {
    draftOfToken(m_machine, {}, std::span(&args, 1));
  } else if (args.tokens <= mostFew(args.weight) && hasFewProduct(m_machine, args.weight)) {
    productOfFew(m_machine, {m_compute, nullptr, false, made, stride}, std::span(&args, 1));
  } else if (args.weight.form != Matrix::Form::Dense) {
    return multiplyMade(args, stride);
  } else if (hasPromptProduct(args.weight)) {
    productOfPrompt(m_machine, m_compute, args, stride);
  } else if (hasTensorKernel(args.weight)) {
    productOfTokens(m_machine, m_compute, args, stride);
  } else {
    plainProduct(m_machine, args, stride);
  }
  launched("a product");
  return noted();
}

/// Rows made in scratch and multiplied from there, as many at a time as it holds and keep all multiprocessors busy.
Outcome<void> CudaBackend::multiplyMade(const MatmulArgs& args, std::uint64_t stride) {
  const Matrix& m = args.weight;
  const std::uint64_t rowBytes = m.columns * bytesOf(m.type), align = rowsTogether(m);
  const std::uint64_t whole = (m.rows + align - 1) / align * align * rowBytes, least = align * rowBytes;
  const auto memory = scratch(
      std::clamp(m_scratch.bytes() / least * least, std::min(whole, std::max(least, kMadeBytes / least * least)), whole));
  if (!memory) return tl::make_unexpected(memory.error());
  std::uint64_t most = std::max(align, m_scratch.bytes() / least * align);
  if (most < m.rows && args.tokens > kFewAtOnce)
    most = std::max(align, promptRows(m_machine, args.tokens, m.rows, most) / align * align);
  for (std::uint64_t first = 0; first < m.rows; first += most) {
    MatmulArgs part = args;
    part.weight = {};
    part.weight.type = m.type;
    part.weight.rows = std::min(most, m.rows - first);
    part.weight.columns = m.columns;
    part.weight.elements = *memory;
    part.y += first;
    part.bias = biasFrom(args, first);
    if (auto made = materialise(m, first, part.weight.rows, *memory); !made) return made;
    if (auto done = multiply(part, stride, true); !done) return done;
  }
  return {};
}

std::uint64_t CudaBackend::rowsTogether(const Matrix& m) {
  switch (m.form) {
    case Matrix::Form::Made:
      return m.rows;
    case Matrix::Form::Tiled:
      if (m.tiles.code == Tiles::Code::Bytes || m.tiles.code == Tiles::Code::Codes) return kRowGroup;
      return std::lcm(m.columns, std::uint64_t{kTile}) / m.columns;
    default:
      return kRowGroup;
  }
}

Outcome<void> CudaBackend::materialise(const Matrix& m, std::uint64_t first, std::uint64_t rows, std::byte* into) {
  const std::uint64_t begin = first * m.columns, count = rows * m.columns;
  switch (m.form) {
    case Matrix::Form::Made:
      return makeAll(m, into);
    case Matrix::Form::Tiled:
      if (m.tiles.code == Tiles::Code::Bytes || m.tiles.code == Tiles::Code::Codes)
        expandRows(m_machine, m, first, rows, into);
      else
        reconstructTiles(m_machine, m, begin / kTile, (begin + count + kTile - 1) / kTile, into);
      break;
    case Matrix::Form::FourBit:
      if (m.type == ElementType::BF16 && begin % 8 == 0 && count % 8 == 0)
        dequantizeSteps(m_machine, m, begin, count, into);
      else
        dequantize(m_machine, m, begin, count, into);
      break;
    default:
      dequantize(m_machine, m, begin, count, into);
  }
  launched("a reconstruction");
  return noted();
}

/// All elements of a made matrix; what a host source makes is brought over step by step.
Outcome<void> CudaBackend::makeAll(const Matrix& m, std::byte* into) {
  const ElementSource& source = *m.source;
  const std::uint64_t size = bytesOf(m.type);
  std::vector<std::byte> step(source.onDevice() ? 0 : source.step() * size + kHostAlignment);
  std::byte* const host = alignedIn(step);
  for (std::size_t piece = 0; piece < source.pieces(); ++piece) {
    const std::uint64_t end = source.pieceBegin(piece + 1);
    for (std::uint64_t at = source.pieceBegin(piece); at < end; at += source.step()) {
      const std::uint64_t count = std::min(source.step(), end - at);
      if (auto made = source.make(piece, at, count, source.onDevice() ? into + at * size : host); !made) return made;
      if (!source.onDevice()) copyIn(into + at * size, host, count * size);
    }
  }
  return noted();
}

Outcome<void> CudaBackend::gatherRows(const GatherRowsArgs& args) {
  if (args.count == 0) return {};
  cudaSetDevice(m_machine.index);
  if (args.count > kMostRows) {  // the workspace holds so many numbers of rows
    for (std::uint32_t done = 0; done < args.count; done += kMostRows)
      if (auto part = gatherRows(
              {args.table, args.rows + done, std::min(kMostRows, args.count - done), args.into + done * args.table.columns});
          !part)
        return part;
    return {};
  }
  const Matrix& table = args.table;
  const std::uint64_t rowBytes = table.columns * bytesOf(table.type);
  if (table.form == Matrix::Form::Dense) {
    auto* rows = reinterpret_cast<std::uint32_t*>(m_workspace.as<std::byte>() + kRowsAt);
    copyIn(rows, args.rows, args.count * sizeof(std::uint32_t));
    cuda::gatherRows(m_machine, table, rows, args.count, args.into);
    launched("a look-up");
    return noted();
  }
  if (table.form == Matrix::Form::Made) return gatherMade(args);
  const std::uint64_t align = rowsTogether(table);
  const auto memory = scratch(align * rowBytes);
  if (!memory) return tl::make_unexpected(memory.error());
  for (std::uint32_t i = 0; i < args.count; ++i) {
    const std::uint64_t first = args.rows[i] / align * align, rows = std::min(align, table.rows - first);
    if (auto made = materialise(table, first, rows, *memory); !made) return made;
    widen(m_machine, table.type, *memory + (args.rows[i] - first) * rowBytes, table.columns, args.into + i * table.columns);
  }
  launched("a look-up");
  return noted();
}

/// Of a made matrix only the steps that hold the rows, each once and in the source's order; those of a host source are brought
/// over.
Outcome<void> CudaBackend::gatherMade(const GatherRowsArgs& args) {
  const Matrix& table = args.table;
  const ElementSource& source = *table.source;
  const bool there = source.onDevice();
  const std::uint64_t size = bytesOf(table.type);
  std::vector<std::byte> step(there ? 0 : source.step() * size + kHostAlignment);
  const auto memory = scratch((there ? source.step() : table.columns) * size);
  if (!memory) return tl::make_unexpected(memory.error());
  std::byte* const made = there ? *memory : alignedIn(step);
  std::vector<std::uint32_t> order(args.count);
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return args.rows[a] < args.rows[b]; });
  const auto beginOf = [&](std::uint32_t i) { return args.rows[i] * table.columns; };
  auto first = order.begin();  ///< whose row does not end before the step
  for (std::size_t piece = 0; piece < source.pieces() && first != order.end(); ++piece) {
    const std::uint64_t pieceEnd = source.pieceBegin(piece + 1);
    for (std::uint64_t at = source.pieceBegin(piece), count = 0; at < pieceEnd; at += count) {
      count = std::min(source.step(), pieceEnd - at);
      while (first != order.end() && beginOf(*first) + table.columns <= at) ++first;
      if (first == order.end()) break;
      if (const std::uint64_t begin = beginOf(*first); begin >= at + count) {
        count = std::max(count, (begin - at) / source.step() * source.step());  // as many steps as have none
        continue;
      }
      if (auto done = source.make(piece, at, count, made); !done) return done;
      for (auto row = first; row != order.end() && beginOf(*row) < at + count; ++row) {
        const std::uint64_t begin = beginOf(*row), from = std::max(at, begin), to = std::min(at + count, begin + table.columns);
        const std::byte* elements = made + (from - at) * size;
        if (!there) {
          copyIn(*memory, elements, (to - from) * size);
          elements = *memory;
        }
        widen(m_machine, table.type, elements, to - from, args.into + *row * table.columns + (from - begin));
      }
    }
  }
  launched("a look-up");
  return noted();
}

Outcome<Buffer> CudaBackend::makeTileTable(const AnchorRule& rule, const PrefixTable* prefix, const FieldTable* fields) {
  const auto host = tileTable(rule, prefix, fields);
  if (!host) return tl::unexpected(Failure{Failure::Kind::Unsupported, "no product reads tiles of this model", {}});
  auto table = m_pool->allocate(sizeof(TileTable), "a table for tiles");
  if (table) copyIn(table->data(), &*host, sizeof(TileTable));
  return table;
}

Outcome<void> CudaBackend::toCodes(const Matrix& fourBit, void* into) {
  cudaSetDevice(m_machine.index);
  cuda::toCodes(m_machine, fourBit, into);
  launched("the base in units");
  return synchronize();
}

std::uint64_t CudaBackend::unitBytes(const Matrix& fourBit, bool exact) const {
  return hasUnits(fourBit) ? UnitForm(fourBit.rows, fourBit.columns, exact).bytes : 0;
}

Outcome<bool> CudaBackend::toBytes(const Matrix& tiled, void* into) {
  cudaSetDevice(m_machine.index);
  if (!hasUnits(tiled)) return false;
  const UnitForm form(tiled.rows, tiled.columns, true);
  const std::uint64_t rowBytes = tiled.columns * bytesOf(tiled.type), together = std::lcm(rowsTogether(tiled), kRowGroup);
  const std::uint64_t least = together * rowBytes, most = std::max(least, kMadeBytes / least * least);
  const auto dense = scratch(std::min(most, (tiled.rows + together - 1) / together * least));
  if (!dense) return tl::make_unexpected(dense.error());
  const std::uint64_t step = m_scratch.bytes() / least * together;
  auto* used = reinterpret_cast<std::uint32_t*>(m_workspace.as<std::byte>() + kTotalAt);
  note("the resident form", cudaMemsetAsync(used, 0, sizeof *used, m_machine.stream));
  for (std::uint64_t first = 0; first < tiled.rows; first += step) {
    const std::uint64_t rows = std::min(step, tiled.rows - first);
    if (auto made = materialise(tiled, first, rows, *dense); !made) return tl::make_unexpected(made.error());
    cuda::toBytes(m_machine, tiled, *dense, first, rows, form, into, used);
  }
  launched("the resident form");
  std::uint32_t words = 0;
  copyOut(&words, used, sizeof words);
  if (auto done = synchronize(); !done) return tl::make_unexpected(done.error());
  return words <= form.mostOverflow;
}
}  // namespace deltascope::kernels::cuda
