// SPDX-License-Identifier: Apache-2.0
// The convolution and the delta rule against plain loops in double, and their bits: the same however many tokens are in a call,
// wherever the state was kept, on every instruction set and number of threads.
#include <cmath>

#include "tests/kernels/backends.h"

using namespace deltascope::kernels;

namespace {

struct Net {
  std::uint32_t keyHeads, valueHeads, keyDim, valueDim;
  [[nodiscard]] std::size_t keys() const { return std::size_t{keyHeads} * keyDim; }
  [[nodiscard]] std::size_t values() const { return std::size_t{valueHeads} * valueDim; }
  [[nodiscard]] std::size_t width() const { return 2 * keys() + values(); }
  [[nodiscard]] std::size_t state() const { return values() * keyDim; }
};

/// What layers read, for `tokens` tokens.
struct Read {
  Read(const Net& net, std::uint32_t count)
      : of(net),
        tokens(count),
        mixed(randomFloats(count * net.width(), 1, 3)),
        decay(randomFloats(std::size_t{count} * net.valueHeads, 2, 4)),
        strength(randomFloats(decay.size(), 3, 4)),
        rate(randomFloats(net.valueHeads, 4)),
        bias(randomFloats(net.valueHeads, 5)) {}
  Net of;
  std::uint32_t tokens;
  std::vector<float> mixed, decay, strength, rate, bias;
};

struct Given {
  std::vector<float> out, state, kept;
};

std::vector<float> part(const std::vector<float>& all, std::size_t each, std::uint32_t first, std::uint32_t count) {
  return {all.begin() + static_cast<std::ptrdiff_t>(first * each),
          all.begin() + static_cast<std::ptrdiff_t>((first + count) * each)};
}

struct Span {
  std::uint32_t first, count, again = 0, keepAfter = 0;
};

/// `inPlace`: the state after is written over the one before.
Given run(Backend& backend, const Read& read, const Span& span, const std::vector<float>& from, bool inPlace = false) {
  const Net& net = read.of;
  const There<float> mixed(backend, part(read.mixed, net.width(), span.first, span.count));
  const There<float> decay(backend, part(read.decay, net.valueHeads, span.first, span.count));
  const There<float> strength(backend, part(read.strength, net.valueHeads, span.first, span.count));
  const There<float> gates(backend, std::vector<float>(2 * std::size_t{span.count} * net.valueHeads));
  const There<float> rate(backend, read.rate), bias(backend, read.bias), before(backend, from);
  const There<float> out(backend, std::vector<float>((span.count - span.again) * net.values()));
  const There<float> state(backend, std::vector<float>(net.state(), 7)), kept(backend, std::vector<float>(net.state(), 7));
  DeltaRuleArgs args;
  args.mixed = mixed.data();
  args.decay = decay.data();
  args.strength = strength.data();
  args.gates = gates.data();
  args.rate = rate.data();
  args.bias = bias.data();
  args.from = from.empty() ? nullptr : before.data();
  args.into = inPlace ? before.data() : state.data();
  args.kept = span.keepAfter > 0 ? kept.data() : nullptr;
  args.out = out.data();
  args.tokens = span.count;
  args.again = span.again;
  args.keepAfter = span.keepAfter;
  args.keyHeads = net.keyHeads;
  args.valueHeads = net.valueHeads;
  args.keyDim = net.keyDim;
  args.valueDim = net.valueDim;
  if (const auto done = backend.deltaRule(args); !done) qFatal("%s", done.error().message.c_str());
  return {out.back(), inPlace ? before.back() : state.back(), kept.back()};
}

/// In double, from zeros.
std::vector<double> exact(const Read& read) {
  const Net& net = read.of;
  std::vector<double> state(net.state()), out;
  const auto norm = [&](const float* x) {
    double sum = 1e-6;
    for (std::size_t i = 0; i < net.keyDim; ++i) sum += double{x[i]} * double{x[i]};
    return 1 / std::sqrt(sum);
  };
  for (std::size_t t = 0; t < read.tokens; ++t) {
    for (std::size_t head = 0; head < net.valueHeads; ++head) {
      const float* q = read.mixed.data() + t * net.width() + head / (net.valueHeads / net.keyHeads) * net.keyDim;
      const float *k = q + net.keys(), *v = read.mixed.data() + t * net.width() + 2 * net.keys() + head * net.valueDim;
      const double perQuery = norm(q) / std::sqrt(double(net.keyDim)), perKey = norm(k);
      const double step = std::log1p(std::exp(double{read.decay[t * net.valueHeads + head]} + double{read.bias[head]}));
      const double decay = std::exp(-std::exp(double{read.rate[head]}) * step);
      const double strength = 1 / (1 + std::exp(-double{read.strength[t * net.valueHeads + head]}));
      double* s = state.data() + head * net.keyDim * net.valueDim;
      for (std::size_t c = 0; c < net.valueDim; ++c) {
        double held = 0, given = 0;
        for (std::size_t i = 0; i < net.keyDim; ++i) held += (s[i * net.valueDim + c] *= decay) * k[i] * perKey;
        for (std::size_t i = 0; i < net.keyDim; ++i) {
          s[i * net.valueDim + c] += k[i] * perKey * (v[c] - held) * strength;
          given += s[i * net.valueDim + c] * q[i] * perQuery;
        }
        out.push_back(given);
      }
    }
  }
  return out;
}

const std::vector<std::pair<const char*, Net>> kNets{{"a head for a head", {3, 3, 16, 16}},
                                                     {"odd sizes", {2, 6, 13, 37}},
                                                     {"whole blocks and a rest", {1, 2, 32, 150}},
                                                     {"one element", {1, 1, 1, 1}}};

}  // namespace

class TestDeltaRule : public QObject {
  Q_OBJECT

  static void addNets() {
    QTest::addColumn<int>("net");
    for (std::size_t i = 0; i < kNets.size(); ++i) QTest::newRow(kNets[i].first) << int(i);
  }

 private slots:
  /// |q| ≤ 1 / √keyDim and |k| ≤ 1, so that a state's columns stay below the sum of the values that they were given (σ 3, at
  /// most 15 here); each token adds keyDim + 8 roundings at most, of which the last counts most as the state decays: their sum
  /// is below that of all tokens at full size.
  void followsTheFormula_data() { addNets(); }
  void followsTheFormula() {
    QFETCH(int, net);
    const Read read(kNets[std::size_t(net)].second, 9);
    const auto expected = exact(read);
    const double bound = read.tokens * (read.of.keyDim + 8) * kUnit * 15 * read.tokens;
    for (const auto& opened : everyBackend()) {
      const auto given = run(*opened.backend, read, {0, read.tokens}, {});
      QCOMPARE(given.out.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i)
        QVERIFY2(std::abs(given.out[i] - expected[i]) < bound, qPrintable(QString::fromStdString(opened.name)));
    }
  }

  void hasTheSameBitsInAnyCut_data() { addNets(); }
  void hasTheSameBitsInAnyCut() {
    QFETCH(int, net);
    const Read read(kNets[std::size_t(net)].second, 9);
    const auto whole = run(*everyBackend().front().backend, read, {0, 9}, {});
    for (const auto& opened : everyBackend()) {
      Backend& backend = *opened.backend;
      std::vector<float> out, state;
      for (std::uint32_t token = 0; token < 9; ++token) {
        const auto given = run(backend, read, {token, 1}, state, token > 0);
        state = given.state;
        out.insert(out.end(), given.out.begin(), given.out.end());
      }
      QCOMPARE(difference(out, whole.out), std::string());
      QCOMPARE(difference(state, whole.state), std::string());
      const auto first = run(backend, read, {0, 4}, {});
      // the tokens after the fourth read once more, and the state on the way
      const auto again = run(backend, read, {4, 5, 2, 3}, first.state);
      QCOMPARE(difference(again.state, whole.state), std::string());
      QCOMPARE(difference(again.kept, run(backend, read, {0, 7}, {}).state), std::string());
      const auto last =
          std::vector<float>(whole.out.end() - static_cast<std::ptrdiff_t>(3 * read.of.values()), whole.out.end());
      QCOMPARE(difference(again.out, last), std::string());
    }
  }

  void statesAreKeptOverThoseBefore() {
    const Read read({2, 4, 10, 70}, 6);
    Backend& backend = *everyBackend().back().backend;
    const auto start = run(backend, read, {0, 2}, {}).state;
    const auto expected = run(backend, read, {2, 1}, start).state;
    const There<float> before(backend, start), after(backend, start);
    const There<float> mixed(backend, part(read.mixed, read.of.width(), 2, 3)),
        out(backend, std::vector<float>(2 * read.of.values()));
    const There<float> decay(backend, part(read.decay, 4, 2, 3)), strength(backend, part(read.strength, 4, 2, 3));
    const There<float> gates(backend, std::vector<float>(24)), rate(backend, read.rate), bias(backend, read.bias);
    DeltaRuleArgs args;
    args.mixed = mixed.data();
    args.decay = decay.data();
    args.strength = strength.data();
    args.gates = gates.data();
    args.rate = rate.data();
    args.bias = bias.data();
    args.from = args.kept = before.data();
    args.into = after.data();
    args.out = out.data();
    args.tokens = 3;
    args.again = args.keepAfter = 1;
    args.keyHeads = 2;
    args.valueHeads = 4;
    args.keyDim = 10;
    args.valueDim = 70;
    QVERIFY(backend.deltaRule(args));
    QCOMPARE(difference(before.back(), expected), std::string());
    QCOMPARE(difference(after.back(), run(backend, read, {2, 3}, start).state), std::string());
  }

  /// kernel + 10 roundings of a sum of that many products, and silu, whose slope is below 1.1.
  void convolutionsFollowTheirFormula_data() {
    QTest::addColumn<int>("channels");
    QTest::addColumn<int>("kernel");
    for (int channels : {1, 15, 64, 70, 200})
      for (int kernel : {1, 2, 4, 32}) QTest::addRow("%d channels, %d", channels, kernel) << channels << kernel;
  }
  void convolutionsFollowTheirFormula() {
    QFETCH(int, channels);
    QFETCH(int, kernel);
    constexpr std::uint32_t kTokens = 5;
    const auto width = std::size_t(channels), taps = std::size_t(kernel);
    const auto rows = randomFloats((taps - 1 + kTokens) * width, 1), weight = randomFloats(width * taps, 2);
    std::vector<float> reference;
    for (const auto& opened : everyBackend()) {
      Backend& backend = *opened.backend;
      const There<float> there(backend, rows), weights(backend, weight), out(backend, std::vector<float>(kTokens * width));
      QVERIFY(backend.convolve({there.data(), weights.data(), ElementType::F32, out.data(), kTokens, std::uint32_t(channels),
                                std::uint32_t(kernel)}));
      const auto given = out.back();
      if (reference.empty()) reference = given;
      QCOMPARE(difference(given, reference), std::string());
    }
    for (std::size_t t = 0; t < kTokens; ++t)
      for (std::size_t c = 0; c < width; ++c) {
        double sum = 0, size = 0;
        for (std::size_t k = 0; k < taps; ++k) {
          const double product = double{weight[c * taps + k]} * double{rows[(t + k) * width + c]};
          sum += product;
          size += std::abs(product);
        }
        const double bound = 1.1 * (kernel + 10) * kUnit * size;
        QVERIFY(std::abs(reference[t * width + c] - sum / (1 + std::exp(-sum))) <= bound);
      }
  }

  /// 2 ulp of the exponential, a sum and a division: below 8 units.
  void sigmoidGatesAreNearTheExactOnes() {
    const auto gates = randomFloats(1003, 1, 10), up = randomFloats(gates.size(), 2);
    std::vector<float> reference;
    for (const auto& opened : everyBackend()) {
      Backend& backend = *opened.backend;
      const There<float> g(backend, gates), u(backend, up), out(backend, std::vector<float>(gates.size()));
      QVERIFY(backend.sigmoidMultiply({g.data(), u.data(), out.data(), gates.size()}));
      if (reference.empty()) reference = out.back();
      QCOMPARE(difference(out.back(), reference), std::string());
    }
    for (std::size_t i = 0; i < gates.size(); ++i) {
      const double expected = up[i] / (1 + std::exp(-double{gates[i]}));
      QVERIFY(std::abs(reference[i] - expected) <= 8 * kUnit * std::abs(expected));
    }
  }
};

QTEST_APPLESS_MAIN(TestDeltaRule)
#include "test_delta_rule.moc"
