// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Matrices of all forms with their elements as FP32, worked out here by the definitions in kernels/ops/matrix.h.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>

#include "kernels/half.h"
#include "tests/kernels/backends.h"

namespace deltascope::kernels {

inline float roundTo(ElementType type, float x) {
  if (type == ElementType::F32) return x;
  return type == ElementType::F16 ? fromF16(toF16KeepingNan(x)) : fromBf16(toBf16KeepingNan(x));
}

inline std::vector<std::byte> toBytes(ElementType type, const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * bytesOf(type));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t half = type == ElementType::F16 ? toF16KeepingNan(values[i]) : toBf16KeepingNan(values[i]);
    if (type == ElementType::F32)
      std::memcpy(&bytes[4 * i], &values[i], 4);
    else
      std::memcpy(&bytes[2 * i], &half, 2);
  }
  return bytes;
}

/// Copies from memory, and checks that it is called as ElementSource promises its implementations.
class TestSource : public ElementSource {
 public:
  std::vector<std::byte> elements;
  std::size_t elementBytes = 2;
  std::vector<std::uint64_t> begins;
  std::uint64_t stepElements = 4096;
  std::size_t failing = ~std::size_t{0};  ///< the piece that fails in its second step, or in its only one
  mutable std::atomic<int> misuses = 0, made = 0;
  mutable std::vector<std::atomic<std::uint64_t>> next;

  std::size_t pieces() const override { return begins.size() - 1; }
  std::uint64_t pieceBegin(std::size_t piece) const override { return begins[piece]; }
  std::uint64_t step() const override { return stepElements; }
  Outcome<void> make(std::size_t piece, std::uint64_t first, std::uint64_t count, std::byte* into) const override {
    const std::uint64_t end = begins[piece + 1], offset = first - begins[piece];
    ++made;
    misuses += first < begins[piece] || first + count > end || offset % stepElements != 0 ||
               count != std::min(stepElements, end - first) || reinterpret_cast<std::uintptr_t>(into) % 64 != 0;
    misuses += next[piece].exchange(first + count) > first;
    if (piece == failing && (offset > 0 || first + count == end))
      return tl::unexpected(Failure{Failure::Kind::Data, "piece " + std::to_string(piece) + " is damaged", {}});
    std::memcpy(into, &elements[first * elementBytes], count * elementBytes);
    return {};
  }
  void restart() {
    next = std::vector<std::atomic<std::uint64_t>>(pieces());
    made = 0;
  }
};

struct TestMatrix {
  Matrix matrix;
  std::vector<float> wide;  ///< the elements
  std::vector<std::byte> elements;
  std::vector<std::uint8_t> codes;
  std::vector<float> scales, values;
  std::shared_ptr<TestSource> source;
};

/// The matrix as a backend's operations take it.
class MatrixThere {
 public:
  MatrixThere(Backend& backend, const TestMatrix& m)
      : m_elements(backend, m.elements), m_codes(backend, m.codes), m_scales(backend, m.scales), matrix(m.matrix) {
    if (matrix.elements) matrix.elements = m_elements.data();
    if (matrix.codes) matrix.codes = m_codes.data();
    if (matrix.scales) matrix.scales = m_scales.data();
  }

 private:
  There<std::byte> m_elements;
  There<std::uint8_t> m_codes;
  There<float> m_scales;

 public:
  Matrix matrix;
};

inline TestMatrix startMatrix(Matrix::Form form, ElementType type, std::uint64_t rows, std::uint64_t columns) {
  TestMatrix m;
  m.matrix.form = form;
  m.matrix.type = type;
  m.matrix.rows = rows;
  m.matrix.columns = columns;
  return m;
}

inline TestMatrix denseOf(ElementType type, std::uint64_t rows, std::uint64_t columns, const std::vector<float>& wide) {
  TestMatrix m = startMatrix(Matrix::Form::Dense, type, rows, columns);
  m.elements = toBytes(type, wide);
  for (float x : wide) m.wide.push_back(roundTo(type, x));
  m.matrix.elements = m.elements.data();
  return m;
}

inline TestMatrix fourBit(ElementType type, std::uint64_t rows, std::uint64_t columns, std::uint64_t group,
                          std::uint32_t seed) {
  TestMatrix m = startMatrix(Matrix::Form::FourBit, type, rows, columns);
  const std::uint64_t n = rows * columns;
  std::mt19937 random(seed);
  m.codes.resize((n + 1) / 2);
  for (auto& code : m.codes) code = static_cast<std::uint8_t>(random());
  m.scales = randomFloats((n + group - 1) / group, seed + 1, 0.05f);
  m.values = randomFloats(16, seed + 2, 0.5f);
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::uint8_t pair = m.codes[i / 2];
    m.wide.push_back(roundTo(type, m.values[i % 2 ? pair & 15 : pair >> 4] * m.scales[i / group]));
  }
  m.matrix.codes = m.codes.data();
  m.matrix.scales = m.scales.data();
  m.matrix.values = m.values.data();
  m.matrix.group = group;
  return m;
}

/// The same matrix from `row` on, whose codes and scales may begin inside a group.
inline TestMatrix rowsFrom(const TestMatrix& of, std::uint64_t row) {
  TestMatrix m = of;
  const std::uint64_t first = row * m.matrix.columns, groups = first / m.matrix.group;
  m.wide.erase(m.wide.begin(), m.wide.begin() + static_cast<std::ptrdiff_t>(first));
  m.codes.erase(m.codes.begin(), m.codes.begin() + static_cast<std::ptrdiff_t>(groups * m.matrix.group / 2));
  m.scales.erase(m.scales.begin(), m.scales.begin() + static_cast<std::ptrdiff_t>(groups));
  m.matrix.rows -= row;
  m.matrix.skip = first % m.matrix.group;
  m.matrix.codes = m.codes.data();
  m.matrix.scales = m.scales.data();
  m.matrix.values = m.values.data();
  return m;
}

inline TestMatrix int8(ElementType type, std::uint64_t rows, std::uint64_t columns, std::uint32_t seed) {
  TestMatrix m = startMatrix(Matrix::Form::Int8, type, rows, columns);
  std::mt19937 random(seed);
  m.codes.resize(rows * columns);
  for (auto& code : m.codes) code = static_cast<std::uint8_t>(random());
  m.scales = randomFloats(rows, seed + 1, 0.05f);
  for (std::uint64_t i = 0; i < rows * columns; ++i) {
    const float scaled = static_cast<float>(static_cast<std::int8_t>(m.codes[i])) * m.scales[i / columns];
    m.wide.push_back(roundTo(type, scaled * 7.874015718698502e-3f));
  }
  m.matrix.codes = m.codes.data();
  m.matrix.scales = m.scales.data();
  return m;
}

/// The elements of `of`, made in pieces that begin at `begins` (multiples of 4096 in use, anything here).
inline TestMatrix madeOf(const TestMatrix& of, std::vector<std::uint64_t> begins, std::uint64_t step) {
  TestMatrix m = startMatrix(Matrix::Form::Made, of.matrix.type, of.matrix.rows, of.matrix.columns);
  m.wide = of.wide;
  m.source = std::make_shared<TestSource>();
  m.source->elements = toBytes(of.matrix.type, of.wide);
  m.source->elementBytes = bytesOf(of.matrix.type);
  begins.push_back(of.wide.size());
  m.source->begins = std::move(begins);
  m.source->stepElements = step;
  m.source->restart();
  m.matrix.source = m.source.get();
  return m;
}

inline const char* nameOf(ElementType type) {
  return type == ElementType::F32 ? "F32" : type == ElementType::F16 ? "F16" : "BF16";
}
inline constexpr ElementType kTypes[] = {ElementType::BF16, ElementType::F16, ElementType::F32};

/// By name: each type in each form, Made with pieces and steps that fit no row.
inline std::map<std::string, TestMatrix> everyMatrix(std::uint64_t rows, std::uint64_t columns, std::uint32_t seed) {
  std::map<std::string, TestMatrix> all;
  const std::uint64_t n = rows * columns;
  for (ElementType type : kTypes) {
    const std::string name = nameOf(type);
    TestMatrix dense = denseOf(type, rows, columns, randomFloats(n, seed, 0.02f));
    std::vector<std::uint64_t> odd;
    for (std::uint64_t begin = 0; begin < n; begin += 1 + (begin * 7 + 331) % 1999) odd.push_back(begin);
    all.emplace("made in one piece, " + name, madeOf(dense, {0}, n));
    all.emplace("made in odd pieces, " + name, madeOf(dense, odd, 97));
    all.emplace("made with an empty piece, " + name, madeOf(dense, {0, n / 3, n / 3, n / 2}, 64));
    all.emplace("dense " + name, std::move(dense));
    all.emplace("4 bits in groups of 32, " + name, fourBit(type, rows, columns, 32, seed + 1));
    all.emplace("4 bits in groups of 64, " + name, fourBit(type, rows, columns, 64, seed + 2));
    all.emplace("4 bits in groups of 4096, " + name, fourBit(type, rows, columns, 4096, seed + 3));
    all.emplace("8 bits, " + name, int8(type, rows, columns, seed + 4));
  }
  return all;
}

}  // namespace deltascope::kernels
