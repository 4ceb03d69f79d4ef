// SPDX-License-Identifier: Apache-2.0
// What must hold of the sources themselves: includes point downwards, the engine knows no Qt, every file says its licence.
#include <QDirIterator>
#include <QRegularExpression>
#include <QtTest>

#include "tests/repository/types.h"

namespace {

const QDir kRoot(QStringLiteral(DELTASCOPE_SOURCE));

// The folders of core, lowest first: each may include itself and those before it.
const QStringList kCoreOrder = {"base",   "checkpoint", "quant",   "codec", "payload", "source", "model", "text",    "runtime",
                                "output", "scripts",    "rebuild", "pack",  "inspect", "synth",  "bench", "selftest"};

// Of kernels, the layers above see the headers at its top, never the inside of one backend.
bool isKernelInterface(const QString& header) { return header.startsWith("kernels/") && header.count('/') == 1; }

QStringList filesUnder(const QStringList& folders, const QStringList& patterns) {
  QStringList found;
  for (const QString& folder : folders) {
    QDirIterator it(kRoot.filePath(folder), patterns, QDir::Files, QDirIterator::Subdirectories);
    while (it.hasNext()) found << kRoot.relativeFilePath(it.next());
  }
  found.sort();
  return found;
}

QStringList sources(const QStringList& folders) { return filesUnder(folders, {"*.h", "*.cpp", "*.cu", "*.cuh"}); }

QString textOf(const QString& file) {
  QFile f(kRoot.filePath(file));
  return f.open(QIODevice::ReadOnly) ? QString::fromUtf8(f.readAll()) : QString();
}

QStringList includesOf(const QString& text, const QString& pattern) {
  const QRegularExpression line("^[ \\t]*#[ \\t]*include[ \\t]*" + pattern, QRegularExpression::MultilineOption);
  QStringList found;
  for (auto it = line.globalMatch(text); it.hasNext();) found << it.next().captured(1);
  return found;
}

// Why FILE may not include HEADER, both relative to the root; empty when it may.
QString whyForbidden(const QString& file, const QString& header) {
  const QStringList from = file.split('/');
  const QStringList to = header.split('/');
  const QString layer = from[0];
  if (layer == "kernels") {
    if (to[0] != "kernels") return "kernels know nothing above them";
    const bool insideBackend = to[1] == "cpu" || to[1] == "cuda";
    const bool opensBackends = from.size() == 2 && file.endsWith(".cpp");
    return !insideBackend || to[1] == from[1] || opensBackends
               ? QString()
               : "the inside of a backend is its own; what both need is in kernels/shared";
  }
  if (layer == "core") {
    if (to[0] == "kernels") return isKernelInterface(header) ? QString() : "core does not see the inside of a backend";
    if (to[0] != "core") return "core knows nothing above it";
    const auto fromRank = kCoreOrder.indexOf(from[1]);
    const auto toRank = kCoreOrder.indexOf(to[1]);
    if (fromRank < 0 || toRank < 0) return "a folder of core that has no place in the order";
    return toRank <= fromRank ? QString() : from[1] + " is below " + to[1];
  }
  if (layer == "ui")
    return to[0] == "ui" || to[0] == "core" || isKernelInterface(header) ? QString()
                                                                         : "ui uses core, and of kernels the interface";
  if (file.startsWith("app/cli")) return to[0] == "ui" ? "the command line is built without the window" : QString();
  if (layer == "app") return to[0] == "tests" ? "programs do not use tests" : QString();
  return {};
}

// The window and its tests link QCustomPlot, which is under the GPL; the build files there may be under either licence.
QStringList licencesFor(const QString& file) {
  const QString apache = "Apache-2.0", gpl = "GPL-3.0-or-later";
  for (const char* folder : {"ui/", "tests/ui/", "app/window/", "resources/icons/"}) {
    if (file.startsWith(folder)) return file.endsWith("CMakeLists.txt") ? QStringList{apache, gpl} : QStringList{gpl};
  }
  return {apache};
}

}  // namespace

class TestRepository : public QObject {
  Q_OBJECT
 private slots:
  void theTreeIsFound() {
    QVERIFY(sources({"core"}).size() > 10);
    QVERIFY(sources({"kernels"}).size() > 1);
  }

  void rulesOfLayersHoldOnExamples_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("header");
    QTest::addColumn<bool>("allowed");
    QTest::newRow("core below") << "core/codec/raw.cpp"
                                << "core/base/result.h" << true;
    QTest::newRow("core above") << "core/base/file.cpp"
                                << "core/codec/codec.h" << false;
    QTest::newRow("core to kernels' interface") << "core/codec/raw.cpp"
                                                << "kernels/backend.h" << true;
    QTest::newRow("core to kernels' inside") << "core/codec/raw.cpp"
                                             << "kernels/cpu/isa.h" << false;
    QTest::newRow("a backend to another's inside") << "kernels/cuda/product.cu"
                                                   << "kernels/cpu/isa.h" << false;
    QTest::newRow("a backend to what both share") << "kernels/cuda/memory.cpp"
                                                  << "kernels/shared/account.h" << true;
    QTest::newRow("what both share to a backend") << "kernels/shared/account.h"
                                                  << "kernels/cpu/isa.h" << false;
    QTest::newRow("core to what backends share") << "core/codec/raw.cpp"
                                                 << "kernels/shared/account.h" << false;
    QTest::newRow("kernels to core") << "kernels/cpu/isa.cpp"
                                     << "core/base/result.h" << false;
    QTest::newRow("core to ui") << "core/base/file.cpp"
                                << "ui/main_window.h" << false;
    QTest::newRow("ui to core") << "ui/main_window.cpp"
                                << "core/pack/pack.h" << true;
    QTest::newRow("command line to ui") << "app/cli/main.cpp"
                                        << "ui/main_window.h" << false;
    QTest::newRow("a job to what it opens") << "core/pack/sources.cpp"
                                            << "core/source/base_model.h" << true;
    QTest::newRow("a model that answers to a job") << "core/runtime/model.cpp"
                                                   << "core/pack/pack.h" << false;
    QTest::newRow("opening to what opens more") << "core/source/locate.cpp"
                                                << "core/scripts/scripts.h" << false;
    QTest::newRow("a measurement to the proof") << "core/bench/benchmark.cpp"
                                                << "core/selftest/selftest.h" << false;
    QTest::newRow("unknown core folder") << "core/misc/x.cpp"
                                         << "core/base/result.h" << false;
  }
  void rulesOfLayersHoldOnExamples() {
    QFETCH(QString, file);
    QFETCH(QString, header);
    QFETCH(bool, allowed);
    QCOMPARE(whyForbidden(file, header).isEmpty(), allowed);
  }

  void includesPointDownwards_data() {
    QTest::addColumn<QString>("file");
    for (const QString& file : sources({"app", "core", "kernels", "ui"})) QTest::newRow(qPrintable(file)) << file;
  }
  void includesPointDownwards() {
    QFETCH(QString, file);
    for (QString header : includesOf(textOf(file), "\"([^\"]+)\"")) {
      if (header.endsWith(".moc")) continue;
      if (!kRoot.exists(header))
        header = QDir::cleanPath(QFileInfo(file).path() + "/" + header);  // written relative to the file
      QVERIFY2(kRoot.exists(header), qPrintable(file + " includes " + header + ", which is not in the tree"));
      const QString why = whyForbidden(file, header);
      QVERIFY2(why.isEmpty(), qPrintable(file + " includes " + header + ": " + why));
    }
  }

  void engineKnowsNoQt_data() {
    QTest::addColumn<QString>("file");
    for (const QString& file : sources({"core", "kernels", "app/cli"})) QTest::newRow(qPrintable(file)) << file;
  }
  void engineKnowsNoQt() {
    QFETCH(QString, file);
    const QStringList qt = includesOf(textOf(file), "<(Q[A-Za-z/]+|qcustomplot[^>]*)>");
    QVERIFY2(qt.isEmpty(), qPrintable(file + " includes <" + qt.value(0) + ">"));
  }

  void typesAreReadFromText_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QStringList>("types");
    const auto row = [](const char* name, const char* text, const QStringList& types) { QTest::newRow(name) << text << types; };
    row("each kind", "namespace a { struct S {}; class C { }; union U {}; enum E { x }; enum class F : char { y }; }",
        {"a::S", "a::C", "a::U", "a::E", "a::F"});
    row("nested namespaces", "namespace a::b { inline namespace c { struct S {}; } } struct T {};", {"a::b::c::S", "T"});
    row("a base and final", "class C final : public std::vector<int> { };", {"C"});
    row("attributes", "struct [[nodiscard]] alignas(16) S { int x[4]; };", {"S"});
    row("a template and its specialization", "template <class T, auto... V> struct S {}; template <> struct S<int, 1> {};",
        {"S", "S<int,1>"});
    row("extern \"C\"", "extern \"C\" { struct S {}; }", {"S"});
    row("a declaration and a variable", "struct S; struct S s = {1}; struct S f() { return {}; }", {});
    row("types inside", "struct S { struct T {}; }; void f() { struct U {}; }", {"S"});
    row("an anonymous namespace", "namespace a { namespace { struct S {}; } struct T {}; }", {"a::T"});
    row("comments and literals", "// struct A {};\n/* struct B {}; */ char c = '{', q = '\"'; auto t = \"}{\"; struct C {};",
        {"C"});
    row("a raw literal", "auto t = R\"x(struct A { )\" ')x\"; struct B {};", {"B"});
    row("marks in numbers", "int n = 1'000'000; struct S {};", {"S"});
    row("preprocessor lines", "#define A struct B { \\\n struct C {\n  # define D {\nstruct E {};", {"E"});
  }
  void typesAreReadFromText() {
    QFETCH(QString, text);
    QFETCH(QStringList, types);
    QStringList found;
    for (const auto& type : deltascope::repository::TypeScanner::typesOf(text.toStdString()))
      found << QString::fromStdString(type);
    QCOMPARE(found, types);
  }

  // Two types of one name are one to the linker, which then keeps one of two different functions.
  void everyTypeHasOneDefinition() {
    QMap<QString, QStringList> files;
    const auto scan = [&](const QStringList& folders, const auto& add) {
      for (const QString& file : sources(folders)) {
        QSet<QString> own;  // the branches of an #if may each define it
        for (const auto& type : deltascope::repository::TypeScanner::typesOf(textOf(file).toStdString()))
          own << QString::fromStdString(type);
        for (const QString& type : std::as_const(own)) add(type, file);
      }
    };
    scan({"app", "core", "kernels", "ui"}, [&](const QString& type, const QString& file) { files[type] << file; });
    QVERIFY(files.size() > 500);
    // Tests are programs apart from each other, but not from what they test.
    scan({"tests"}, [&](const QString& type, const QString& file) {
      if (files.contains(type)) files[type] << file;
    });
    for (auto it = files.cbegin(); it != files.cend(); ++it)
      QVERIFY2(it->size() == 1, qPrintable(it.key() + " is defined in " + it->join(" and ")));
  }

  void everyFileSaysItsLicence_data() {
    QTest::addColumn<QString>("file");
    QStringList files = filesUnder({"app", "core", "kernels", "packaging", "resources", "tests", "ui"},
                                   {"*.h", "*.cpp", "*.cu", "*.cuh", "*.sh", "*.py", "*.cmake", "CMakeLists.txt"});
    files << "CMakeLists.txt"
          << ".ci/run";
    for (const QString& file : files) QTest::newRow(qPrintable(file)) << file;
  }
  void everyFileSaysItsLicence() {
    QFETCH(QString, file);
    QStringList lines = textOf(file).section('\n', 0, 1).split('\n');
    if (lines[0].startsWith("#!")) lines.removeFirst();
    static const QRegularExpression spdx("^(//|#) SPDX-License-Identifier: (\\S+)$");
    const auto match = spdx.match(lines.value(0));
    QVERIFY2(match.hasMatch(), qPrintable(file + " does not begin with an SPDX line"));
    QVERIFY2(licencesFor(file).contains(match.captured(2)),
             qPrintable(file + " must be under " + licencesFor(file).join(" or ")));
  }
};

QTEST_APPLESS_MAIN(TestRepository)
#include "test_repository.moc"
