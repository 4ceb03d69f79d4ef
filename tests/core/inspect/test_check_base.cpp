// SPDX-License-Identifier: Apache-2.0
// A base is refused where it is given when it is not the payload's: by name and fingerprint.
#include "core/base/file.h"
#include "core/inspect/inspect.h"
#include "tests/core/models/packed.h"

using namespace deltascope;
using namespace deltascope::test;

class TestCheckBase : public QObject {
  Q_OBJECT
 private slots:
  void takesTheRightOne() {
    const TunedModel model(CodecId::Entropy, smallLlama(DType::BF16));
    const auto checked = checkBase(model.payload(), model.at("base"));
    QVERIFY2(checked, checked ? "" : describe(checked.error()).c_str());
  }

  /// A base whose tensors have other names than the final's.
  void takesOneOfOtherNames() {
    std::vector<TensorData> base = smallLlama(DType::BF16), final;
    for (const auto& tensor : base) {
      final.push_back(nudged(tensor, 3));
      final.back().spec.name = "base_model.model." + tensor.spec.name;
    }
    const TunedModel model(CodecId::Entropy, base, final);
    const auto checked = checkBase(model.payload(), model.at("base"));
    QVERIFY2(checked, checked ? "" : describe(checked.error()).c_str());
    QVERIFY(!checkBase(model.payload(), DELTASCOPE_DEMO "/chat"));
  }

  /// The same names, kinds and shapes; one value differs.
  void refusesAnotherOfTheSameShapes() {
    const TunedModel model(CodecId::Entropy, smallLlama(DType::BF16));
    const auto known = take(inspect(model.payload()));
    const auto refused = checkBase(model.payload(), model.at("final"));
    QVERIFY(!refused);
    QCOMPARE(refused.error().code, ErrorCode::Mismatch);
    const QString said = QString::fromStdString(describe(refused.error()));
    QVERIFY2(said.startsWith("final is not the base of "), qPrintable(said));
    QVERIFY2(said.contains("it wants base, fingerprint " + QString::fromStdString(known.facts.at("base fingerprint"))),
             qPrintable(said));
    QVERIFY2(said.contains("the one given has the fingerprint ") && said.contains("differs first in "), qPrintable(said));
  }

  void refusesAnotherModel() {
    const TunedModel model(CodecId::Entropy, smallLlama(DType::BF16));
    const std::filesystem::path other = DELTASCOPE_DEMO "/chat";
    const auto refused = checkBase(model.payload(), other);
    QVERIFY(!refused);
    const QString said = QString::fromStdString(describe(refused.error()));
    QVERIFY2(said.startsWith("chat is not the base of ") && said.contains("it wants base, fingerprint "), qPrintable(said));
  }

  void saysWhenThereIsNone() {
    const TunedModel model(CodecId::Entropy, smallLlama(DType::BF16));
    const auto refused = checkBase(model.payload(), "/nowhere");
    QVERIFY(!refused && refused.error().code != ErrorCode::Mismatch);
  }
};

QTEST_GUILESS_MAIN(TestCheckBase)
#include "test_check_base.moc"
