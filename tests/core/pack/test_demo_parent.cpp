// SPDX-License-Identifier: Apache-2.0
// The demo's pretrained parent ships as a delta over its fine-tune: what comes back has the sums of the original's tensors.
#include <QCryptographicHash>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/hash.h"
#include "core/checkpoint/checkpoint.h"
#include "core/rebuild/unpack.h"

using namespace deltascope;

class TestDemoParent : public QObject {
  Q_OBJECT

 private slots:
  void comesBackByItsSums() {
    const std::filesystem::path demo(DELTASCOPE_DEMO);
    QTemporaryDir folder;
    UnpackRequest request;
    request.path = demo / "base.delta.safetensors";
    request.base = demo / "chat";
    request.out = std::filesystem::path(folder.path().toStdString()) / "base";
    const auto unpacked = unpack(request, {});
    QVERIFY2(unpacked.has_value(), unpacked ? "" : describe(unpacked.error()).c_str());
    const auto base = Checkpoint::open(request.out);
    QVERIFY2(base.has_value(), base ? "" : describe(base.error()).c_str());

    QFile sums(QString::fromStdString((demo / "base.sha256").string()));
    QVERIFY(sums.open(QIODevice::ReadOnly | QIODevice::Text));
    std::size_t lines = 0;
    for (QByteArray line = sums.readLine(); !line.isEmpty(); line = sums.readLine(), ++lines) {
      const QList<QByteArray> parts = line.simplified().split(' ');
      QCOMPARE(parts.size(), 2);
      const TensorInfo* tensor = base->find(parts[1].toStdString());
      QVERIFY2(tensor, parts[1].constData());
      const auto bytes = base->readAll(*tensor);
      QVERIFY(bytes.has_value());
      const QByteArrayView view(reinterpret_cast<const char*>(bytes->data()), static_cast<qsizetype>(bytes->size()));
      QCOMPARE(QCryptographicHash::hash(view.toByteArray(), QCryptographicHash::Sha256).toHex(), parts[0]);
    }
    QCOMPARE(lines, base->tensors().size());
  }
};

QTEST_APPLESS_MAIN(TestDemoParent)
#include "test_demo_parent.moc"
