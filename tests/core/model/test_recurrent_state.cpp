// SPDX-License-Identifier: Apache-2.0
// The state of recurrent layers, whatever was read, given up, drafted and taken back before: what a layer computes is what it
// computes of the same text read from its beginning in one go, in every bit.
#include <QtTest>
#include <algorithm>
#include <random>

#include "core/model/kv_cache.h"

using namespace deltascope;

namespace {

using Tokens = std::vector<std::uint32_t>;

constexpr std::uint32_t kVocabulary = 20, kDrafts = 3;

ModelConfig hybrid() {
  ModelConfig config;
  config.ropes.resize(1);
  LayerConfig attention, wide, narrow;
  attention.attention = {.heads = 2, .kvHeads = 1, .headDim = 4};
  wide.recurrent = {.keyHeads = 2, .valueHeads = 4, .keyDim = 3, .valueDim = 5, .kernel = 4};
  narrow.recurrent = {.keyHeads = 1, .valueHeads = 1, .keyDim = 2, .valueDim = 18, .kernel = 1};
  config.layers = {wide, attention, narrow};
  return config;
}

/// What a layer's products give for a token.
std::vector<float> inputOf(std::uint32_t token, std::size_t layer, std::size_t count, std::uint32_t what) {
  std::mt19937 random(token * 100 + static_cast<std::uint32_t>(layer) * 10 + what);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> values(count);
  for (auto& value : values) value = normal(random);
  return values;
}

void append(std::vector<float>& all, const std::vector<float>& more) { all.insert(all.end(), more.begin(), more.end()); }

/// One model's recurrent layers over a cache.
class Reader {
 public:
  Reader() : m_backend(*kernels::openBackend({})) {
    auto cache = KvCache::create(*m_backend, m_config, 1000, kernels::ElementType::F32, kDrafts);
    if (!cache) qFatal("%s", cache.error().message.c_str());
    m_cache = std::move(*cache);
  }

  /// What each layer gives for the tokens; the pass is given up after `layers` of them.
  std::vector<std::vector<float>> pass(const Tokens& tokens, bool drafting = false, std::size_t layers = 3) {
    std::vector<std::vector<float>> given;
    for (std::uint32_t i = 0; i < std::min<std::size_t>(layers, m_config.layers.size()); ++i)
      if (m_config.layers[i].isRecurrent()) given.push_back(read(i, tokens, drafting));
    if (layers >= m_config.layers.size()) m_cache.setLength(m_cache.length() + static_cast<std::uint32_t>(tokens.size()));
    return given;
  }
  [[nodiscard]] KvCache& cache() { return m_cache; }

 private:
  std::vector<float> read(std::uint32_t index, const Tokens& tokens, bool drafting) {
    const RecurrentConfig& net = m_config.layers[index].recurrent;
    RecurrentState& state = *m_cache.recurrent();
    const auto count = static_cast<std::uint32_t>(tokens.size());
    const auto step = state.begin(index, m_cache.length(), count, drafting);
    const std::size_t channels = net.channels(), heads = net.valueHeads, tail = (net.kernel - 1) * channels;
    std::vector<float> rows(tail), decay, strength;
    if (step.tail) std::copy_n(step.tail, tail, rows.begin());
    rows.insert(rows.end(), step.inputs, step.inputs + step.again * channels);
    decay.insert(decay.end(), step.decay, step.decay + step.again * heads);
    strength.insert(strength.end(), step.strength, step.strength + step.again * heads);
    for (const auto token : tokens) {
      // as with a base's weights, drafts are computed of something else
      const std::uint32_t seen = token + (drafting ? kVocabulary : 0);
      append(rows, inputOf(seen, index, channels, 0));
      append(decay, inputOf(seen, index, heads, 1));
      append(strength, inputOf(seen, index, heads, 2));
    }
    const auto weight = inputOf(0, index, channels * net.kernel, 3), rate = inputOf(0, index, heads, 4);
    const std::uint32_t all = step.again + count;
    std::vector<float> mixed(all * channels), gates(2 * all * heads), out(count * net.values());
    if (!m_backend->convolve({rows.data(), weight.data(), kernels::ElementType::F32, mixed.data(), all,
                              static_cast<std::uint32_t>(channels), net.kernel}))
      qFatal("no convolution");
    kernels::DeltaRuleArgs args;
    args.mixed = mixed.data();
    args.decay = decay.data();
    args.strength = strength.data();
    args.gates = gates.data();
    args.rate = args.bias = rate.data();
    args.from = step.from;
    args.into = step.into;
    args.kept = step.kept;
    args.out = out.data();
    args.tokens = all;
    args.again = step.again;
    args.keepAfter = step.keepAfter;
    args.keyHeads = net.keyHeads;
    args.valueHeads = net.valueHeads;
    args.keyDim = net.keyDim;
    args.valueDim = net.valueDim;
    if (!m_backend->deltaRule(args)) qFatal("no delta rule");
    state.done(index, step, {rows.data(), decay.data(), strength.data()}, count);
    return out;
  }

  ModelConfig m_config = hybrid();
  std::shared_ptr<kernels::Backend> m_backend;
  KvCache m_cache;
};

/// The last `count` tokens' part of what a text gives when it is read in one go.
std::vector<std::vector<float>> afresh(const Tokens& text, std::size_t count) {
  Reader reader;
  auto given = reader.pass(text);
  for (auto& layer : given)
    layer.erase(layer.begin(), layer.end() - static_cast<std::ptrdiff_t>(layer.size() / text.size() * count));
  return given;
}

Tokens some(std::mt19937& random, std::size_t count) {
  Tokens tokens(count);
  for (auto& token : tokens) token = static_cast<std::uint32_t>(random() % kVocabulary);
  return tokens;
}

}  // namespace

class TestRecurrentState : public QObject {
  Q_OBJECT
 private slots:
  void followsWhateverHappens_data();
  void followsWhateverHappens();
  void stepsBackIntoItsLastPass();
  void returnsToItsMark();
  void forgetsAMarkOfAnotherText();
  void doesNotGrow();
};

void TestRecurrentState::followsWhateverHappens_data() {
  QTest::addColumn<int>("seed");
  for (int seed = 0; seed < 40; ++seed) QTest::addRow("%d", seed) << seed;
}

void TestRecurrentState::followsWhateverHappens() {
  QFETCH(int, seed);
  std::mt19937 random(static_cast<unsigned>(seed));
  Reader reader;
  Tokens text;
  const auto below = [&](std::size_t most) { return std::size_t(random() % most); };
  for (int round = 0; round < 60; ++round) {
    switch (below(5)) {
      case 0: {  // drafts, which leave no trace
        const std::uint32_t length = reader.cache().length();
        for (const auto token : some(random, 1 + below(kDrafts))) reader.pass({token}, true);
        reader.cache().setLength(length);
        break;
      }
      case 1: {  // a pass that is given up
        reader.pass(some(random, 1 + below(8)), false, below(3));
        break;
      }
      case 2: {  // another text that begins like this one
        const auto length = static_cast<std::uint32_t>(text.size() - std::min(text.size(), below(below(2) ? 5 : 40)));
        const std::uint32_t reached = reader.cache().reachable(length);
        QVERIFY(reached <= length);
        reader.cache().setLength(reached);
        text.resize(reached);
        if (below(2)) reader.cache().expectReturn(reached + static_cast<std::uint32_t>(below(6)));
        break;
      }
      default: {
        const Tokens tokens = some(random, 1 + below(below(3) ? kDrafts + 1 : 9));
        text.insert(text.end(), tokens.begin(), tokens.end());
        QVERIFY(reader.pass(tokens) == afresh(text, tokens.size()));
        QCOMPARE(reader.cache().length(), std::uint32_t(text.size()));
        break;
      }
    }
  }
}

/// As wrong drafts need it.
void TestRecurrentState::stepsBackIntoItsLastPass() {
  Reader reader;
  reader.pass({1, 2, 3, 4, 5, 6});
  reader.pass({7, 8, 9, 10});
  for (std::uint32_t length = 10; length >= 6; --length) QCOMPARE(reader.cache().reachable(length), length);
  QCOMPARE(reader.cache().reachable(5), 0u);
  reader.cache().setLength(8);
  QVERIFY(reader.pass({11, 12}) == afresh({1, 2, 3, 4, 5, 6, 7, 8, 11, 12}, 2));
  for (std::uint32_t length = 10; length >= 8; --length) QCOMPARE(reader.cache().reachable(length), length);
  QCOMPARE(reader.cache().reachable(7), 0u);
}

void TestRecurrentState::returnsToItsMark() {
  Reader reader;
  reader.cache().expectReturn(4);
  reader.pass({1, 2, 3});
  reader.pass({4, 5, 6, 7, 8, 9});
  for (std::uint32_t token = 10; token < 15; ++token) reader.pass({token});
  QCOMPARE(reader.cache().reachable(9), 4u);
  QCOMPARE(reader.cache().reachable(3), 0u);
  reader.cache().setLength(4);
  QVERIFY(reader.pass({15, 16}) == afresh({1, 2, 3, 4, 15, 16}, 2));
  reader.cache().setLength(reader.cache().reachable(4));
  QVERIFY(reader.pass({17}) == afresh({1, 2, 3, 4, 17}, 1));
}

void TestRecurrentState::forgetsAMarkOfAnotherText() {
  Reader reader;
  reader.cache().expectReturn(4);
  reader.pass({1, 2, 3, 4, 5, 6, 7});
  reader.cache().setLength(0);
  reader.pass({8, 2, 3, 4, 5});
  reader.pass({6, 7});
  reader.pass({7, 8});
  QCOMPARE(reader.cache().reachable(4), 0u);
}

void TestRecurrentState::doesNotGrow() {
  const ModelConfig config = hybrid();
  QCOMPARE(KvCache::bytesFor(config, 100, kernels::ElementType::F32), std::uint64_t{100} * 2 * 4 * sizeof(float));
  const std::uint64_t state = 4 * 3 * 5 + 2 * 18, inputs = (2 * 2 * 3 + 4 * 5) * 3,
                      kept = 2 * 2 * 3 + 4 * 5 + 2 * 4 + 2 * 2 + 18 + 2;
  QCOMPARE(RecurrentState::bytesFor(config, 0), 3 * (state + inputs) * sizeof(float));
  QCOMPARE(RecurrentState::bytesFor(config, 2), (4 * (state + inputs) + 3 * kept) * sizeof(float));
  ModelConfig plain = config;
  plain.layers = {config.layers[1]};
  QCOMPARE(RecurrentState::bytesFor(plain, 2), std::uint64_t{0});
}

QTEST_APPLESS_MAIN(TestRecurrentState)
#include "test_recurrent_state.moc"
