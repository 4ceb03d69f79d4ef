// SPDX-License-Identifier: Apache-2.0
// The language of chat templates: what Jinja2 makes of small templates in transformers' environment, and what is refused or
// stopped.
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/text/chat_template.h"

using namespace deltascope;
using nlohmann::ordered_json;

namespace {

ordered_json load(const char* file) {
  std::ifstream stream(std::string(DELTASCOPE_TEST_DATA "/text/") + file);
  return ordered_json::parse(stream, nullptr, false);
}

Result<RenderedPrompt> rendered(const std::string& source, const ordered_json& variables = {}) {
  const auto chat = ChatTemplate::parse(source, {}, "folder/t.jinja");
  if (!chat) return tl::make_unexpected(chat.error());
  ChatRequest request;
  request.messages = {{{"role", "user"}, {"content", "Hi"}}};
  request.variables = variables;
  std::tm time{};  // 2024-07-26 12:34:56 in local time, whatever that is here
  time.tm_year = 124, time.tm_mon = 6, time.tm_mday = 26, time.tm_hour = 12, time.tm_min = 34, time.tm_sec = 56,
  time.tm_isdst = -1;
  request.now = std::chrono::system_clock::from_time_t(std::mktime(&time));
  return chat->render(request);
}

}  // namespace

class TestJinja : public QObject {
  Q_OBJECT

 private slots:
  void rowsMatchTheLibrary_data() {
    QTest::addColumn<QByteArray>("source");
    QTest::addColumn<QByteArray>("expected");
    QTest::addColumn<bool>("raises");
    int row = 0;
    const auto table = load("jinja.json");
    for (const auto& r : table.at("rows"))
      QTest::addRow("row %d", row++) << QByteArray::fromStdString(r.at("source").get<std::string>())
                                     << QByteArray::fromStdString(r.value("rendered", "")) << r.contains("raises");
    QVERIFY(row > 500);
  }
  void rowsMatchTheLibrary() {
    static const ordered_json variables = load("jinja.json").at("variables");
    QFETCH(QByteArray, source);
    QFETCH(QByteArray, expected);
    QFETCH(bool, raises);
    const auto prompt = rendered(source.toStdString(), variables);
    const QByteArray shown = source + "\n" + QByteArray::fromStdString(prompt ? prompt->text() : describe(prompt.error()));
    QVERIFY2(prompt.has_value() != raises, shown.constData());
    if (raises) {
      QVERIFY2(prompt.error().message.find("t.jinja, line ") != std::string::npos, shown.constData());
      QVERIFY2(prompt.error().code != ErrorCode::Internal, shown.constData());
    } else if (QByteArray::fromStdString(prompt->text()) != expected) {
      QFAIL((shown + "\nexpected\n" + expected).constData());
    }
  }

  void whatIsNotSupportedIsRefusedByName_data() {
    QTest::addColumn<QByteArray>("source");
    QTest::addColumn<QByteArray>("says");
    const auto row = [](const char* source, const char* says) {
      QTest::newRow(source) << QByteArray(source) << QByteArray(says);
    };
    row("{% include 'x' %}", "line 1: the tag {% include %}");
    row("\n\n{% extends 'x' %}", "line 3: the tag {% extends %}");
    row("{% import 'x' as y %}", "{% import %}");
    row("{% do x %}", "{% do %}");
    row("{% autoescape true %}{% endautoescape %}", "{% autoescape %}");
    row("a\n{{ x | urlize }}", "line 2: the filter \"urlize\"");
    row("{{ x | escape }}", "the filter \"escape\"");
    row("{% set x | nope %}{% endset %}", "the filter \"nope\"");
    row("{% if x is escaped %}{% endif %}", "the test \"escaped\"");
    row("{{ ['a'] | map('nope') | list }}", "the filter nope");
    row("{{ ['a'] | select('nope') | list }}", "the test nope");
    row("{{ lipsum() }}", "the function lipsum");
    row("{{ 'a'.translate({}) }}", "str.translate");
    row("{{ 'a'['encode']() }}", "str.encode");
    row("{{ [1].append(2) }}", "list.append would change");
    row("{{ {}.update(a=1) }}", "dict.update would change");
    row("{% block b required %}{% endblock %}", "a required block");
    row("{{ [1, 2] | random }}", "the filter \"random\"");
    row("{{ '%a' % 5 }}", "\"%a\"");
    row("{{ '{:{w}}'.format(5, w=2) }}", "\":{w\"");
    row("{{ '{:010,}'.format(5) }}", "\":010,\"");
    row("{{ ['x' * 90] | pprint }}", "several lines");
    row("{{ 0x1F }}", "another base");
    row("{{ 9223372036854775808 }}", "beyond 64 bits");
    row("{{ 10 ** 20 }}", "beyond 64 bits");
    row("{{ 9223372036854775807 + 1 }}", "beyond 64 bits");
    row("{{ (-9223372036854775807 - 1) // -1 }}", "beyond 64 bits");
    row("{{ 1e30 | int }}", "beyond 64 bits");
    row("{{ (-8) ** 0.5 }}", "complex");
    row("{{ '\\ud83d' }}", "half a surrogate pair");
    row("{{ '\\N{DIGIT ONE}' }}", "names a character");
    row("{{ l[1:2, 3] }}", "a slice among several subscripts");
  }
  void whatIsNotSupportedIsRefusedByName() {
    QFETCH(QByteArray, source);
    QFETCH(QByteArray, says);
    const auto prompt = rendered(source.toStdString());
    QVERIFY(!prompt);
    QCOMPARE(prompt.error().code, ErrorCode::Unsupported);
    const QByteArray message = QByteArray::fromStdString(prompt.error().message);
    QVERIFY2(message.startsWith("folder/t.jinja, line ") && message.contains(says) && !message.contains('\n'),
             message.constData());
  }

  void errorsNameTheLine_data() {
    QTest::addColumn<QByteArray>("source");
    QTest::addColumn<QByteArray>("says");
    const auto row = [](const char* source, const char* says) {
      QTest::newRow(source) << QByteArray(source) << QByteArray(says);
    };
    row("a\n{% if x %}\nb", "line 3: the template ends, but {% endif %}");
    row("\n{{ 1 + }}", "line 2: unexpected the end of the expression");
    row("\n\n{# x", "line 3: a comment has no end");
    row("{{ 'a\n }}", "line 1: a string has no end");
    row("x\n{{ nope.field }}", "line 2: 'nope' is undefined");
    row("x\n{{ messages[0].field.deeper }}", "line 2: 'dict object' has no attribute 'field'");
    row("{% for m in messages %}\n{{ m.content\n + 1 }}{% endfor %}",
        "line 3: the operator + is not for values of type str and int");
    row("{% macro m() %}\n{{ 1 // 0 }}{% endmacro %}\n\n{{ m() }}", "line 2: division by zero");
    row("\n{{ [1, 'a'] | sort }}", "line 2: ");
    row("\n{{ 'x' | join(1, 2, 3) }}", "line 2: join: takes at most 2 arguments");
    row("{{ 'x'.upper(1) }}", "upper: takes at most 0 arguments");
    row("{% set n = namespace() %}\n{% set messages.x = 1 %}", "line 2: only a namespace's attributes can be set");
    row("{% set n = namespace(_a=1) %}", "an underscore");
    row("\n{{ messages() }}", "line 2: a value of type list cannot be called");
    row("\n{% break %}", "line 2: {% break %} outside of a loop");
    row("{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "outside of a loop");
    row("{{ messages | tojson(1, 2, 3, 4, 5) }}", "tojson: takes at most 4");
    row("{{ range | tojson }}", "cannot be written as JSON");
  }
  void errorsNameTheLine() {
    QFETCH(QByteArray, source);
    QFETCH(QByteArray, says);
    const auto prompt = rendered(source.toStdString());
    QVERIFY(!prompt);
    QCOMPARE(prompt.error().code, ErrorCode::Corrupt);
    const QByteArray message = QByteArray::fromStdString(prompt.error().message);
    QVERIFY2(message.startsWith("folder/t.jinja, line ") && message.contains(says), message.constData());
  }

  void whatGrowsWithoutBoundIsStopped_data() {
    QTest::addColumn<QByteArray>("source");
    QTest::addColumn<QByteArray>("says");
    const auto row = [](const char* source, const char* says) {
      QTest::newRow(source) << QByteArray(source) << QByteArray(says);
    };
    row("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps");
    row("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "too deeply");
    row("{% macro m() %}{% for x in [1] %}{{ m() ~ m() }}{% endfor %}{% endmacro %}{{ m() }}", "too deeply");
    row("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(50) }}", "steps");
    row("{{ 'x' * 9000000000000 }}", "memory");
    row("{{ 'xxxxxxxxxx' * 1000000000000000000 }}", "memory");
    row("{{ [1] * 9000000000000 }}", "memory");
    row("{{ 'x' * 300000000 }}", "memory");
    row("{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "memory");
    row("{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
        "which is not allowed");
    row("{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = [ns.l] %}{% endfor %}", "nests lists");
    row("{% set ns = namespace(l={}) %}{% for i in range(999) %}{% set ns.l = {'a': ns.l} %}{% endfor %}", "nests lists");
    row("{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
        "which is not allowed");
    row("{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson | "
        "length }}",
        "which is not allowed");
    row("{% set n = namespace(a=[1], b=[1]) %}{% for i in range(99) %}{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% "
        "endfor %}"
        "{{ n.a == n.b }}",
        "steps");
    row("{% for i in range(100) %}{{ 'x' * 1000000 }}{% endfor %}", "writes more than 64 MiB");
    row("{% set s = 'x' * 1000000 %}{{ s.replace('', s) }}", "memory");
    row("{% set s = 'x' * 10000000 %}{{ s | list | length }}", "which is not allowed");
    row("{% set s = 'x' * 1000000 %}{{ s.join(s) }}", "memory");
    row("{% set s = 'a' * 10000000 %}{% for i in range(99999) %}{% if s in s ~ 'b' %}{% endif %}{% endfor %}", "steps");
    row("{% set s = 'a' * 30000000 %}{{ s.strip('b' * 10000000) | length }}", "steps");
    row("{% set s = 'a b ' * 3000000 %}{{ s.split(' ') | length }}", "which is not allowed");
    row("{% set ns = namespace() %}{% for i in range(99999) %}{% for j in range(99) %}{% set ns.x = namespace(y=ns.x) %}{% "
        "endfor %}{% endfor %}",
        "which is not allowed");
    row("{{ 'a' | map(*(['map'] * 10000)) | list }}", "too deeply");
    row("{% set s = 'a' * 30000000 %}{% for i in range(99999) %}{% if 'x'.startswith(s) %}{% endif %}{% endfor "
        "%}",
        "steps");
    row("{{ range(99999) | list | sort | unique | list | length }}", "steps");
  }
  void whatGrowsWithoutBoundIsStopped() {
    QFETCH(QByteArray, source);
    QFETCH(QByteArray, says);
    const auto prompt = rendered(source.toStdString());
    QVERIFY(!prompt);
    const QByteArray message = QByteArray::fromStdString(prompt.error().message);
    QVERIFY2(message.contains("t.jinja, line 1: the template ") && message.contains(says), message.constData());
    QCOMPARE(prompt.error().code, ErrorCode::Unsupported);
  }

  void deepSourcesAreRefused_data() {
    QTest::addColumn<QByteArray>("before");
    QTest::addColumn<QByteArray>("middle");
    QTest::addColumn<QByteArray>("after");
    const auto row = [](const char* before, const char* middle, const char* after) {
      QTest::newRow(before) << QByteArray(before) << QByteArray(middle) << QByteArray(after);
    };
    row("{{ ", "(", "");
    row("{{ ", "[", "");
    row("{{ ", "{1:", "");
    row("{{ ", "not ", "x }}");
    row("{{ ", "-", "1 }}");
    row("{{ 1", " + 1", " }}");
    row("{{ x", ".a", " }}");
    row("{{ x", "[0]", " }}");
    row("{{ x", "()", " }}");
    row("{{ x", "|trim", " }}");
    row("{{ x", " is defined", " }}");
    row("{{ x", " if 1 else x", " }}");
    row("{{ x", " or x", " }}");
    row("{{ ", "x(", "");
    row("", "{% if 1 %}", "");
    row("", "{% for x in l %}", "");
    row("", "{% macro m() %}", "");
    row("{% set ", "(", "");
    row("{% for ", "(", "");
  }
  void deepSourcesAreRefused() {
    QFETCH(QByteArray, before);
    QFETCH(QByteArray, middle);
    QFETCH(QByteArray, after);
    const auto chat = ChatTemplate::parse((before + middle.repeated(100'000) + after).toStdString(), {}, "t.jinja");
    QVERIFY(!chat);
  }

  void longButFlatSourcesRender() {
    std::string text = "{{ 'a'";
    for (int i = 0; i < 5000; ++i) text += " ~ 'b'";
    text += " }}{% if no %}";
    for (int i = 0; i < 5000; ++i) text += "{% elif no %}x";
    text += "{% endif %}{{ [";
    for (int i = 0; i < 5000; ++i) text += "1,";
    const auto prompt = rendered(text + "] | length }}");
    QVERIFY2(prompt, prompt ? "" : describe(prompt.error()).c_str());
    QCOMPARE(prompt->text().size(), 5005u);
  }

  void whatHoldsItselfIsFreed() {  // the address sanitizer tells
    const auto prompt = rendered(
        "{% set ns = namespace() %}{% set ns.me = ns %}{% set ns.list = [ns, [ns]] %}"
        "{% for x in [1, 2] %}{% set ns.loop = loop %}{{ loop.changed(loop) }}{% macro m() %}{{ x }}{% endmacro %}{% set ns.m "
        "= m %}"
        "{% set ns.get = ns.list.index %}{% endfor %}{{ ns.m() }}");
    QVERIFY2(prompt, prompt ? "" : describe(prompt.error()).c_str());
    QCOMPARE(QByteArray::fromStdString(prompt->text()), "TrueFalse2");
  }

  void anyTruncationEndsWell() {
    const auto style = load("chat_styles/llama31_tools.json");
    const auto source = style.at("template").get<std::string>();
    for (std::size_t n = 0; n < source.size(); n += 7)
      if (const auto prompt = rendered(source.substr(0, n)); !prompt)
        QVERIFY(prompt.error().message.find("t.jinja") != std::string::npos);
  }

  void requestsOfTheWrongShapeAreRefused_data() {
    QTest::addColumn<QByteArray>("messages");
    QTest::addColumn<QByteArray>("tools");
    QTest::addColumn<QByteArray>("variables");
    const auto row = [](const char* name, const char* messages, const char* tools, const char* variables) {
      QTest::newRow(name) << QByteArray(messages) << QByteArray(tools) << QByteArray(variables);
    };
    const char* good = "[{\"role\": \"user\", \"content\": \"Hi\"}]";
    row("no messages", "null", "null", "null");
    row("empty", "[]", "null", "null");
    row("an object", "{}", "null", "null");
    row("strings", "[\"Hi\"]", "null", "null");
    row("tools", good, "{}", "null");
    row("variables", good, "null", "[]");
    row("messages twice", good, "null", "{\"messages\": 1}");
    row("large number", good, "[18446744073709551615]", "null");
    QTest::newRow("deep") << QByteArray(good) << QByteArray(500, '[') + QByteArray(500, ']') << QByteArray("null");
  }
  void requestsOfTheWrongShapeAreRefused() {
    QFETCH(QByteArray, messages);
    QFETCH(QByteArray, tools);
    QFETCH(QByteArray, variables);
    const auto chat = ChatTemplate::parse("{{ messages }}", {}, "t.jinja");
    QVERIFY(chat);
    ChatRequest request;
    request.messages = ordered_json::parse(messages.constData());
    request.tools = ordered_json::parse(tools.constData());
    request.variables = ordered_json::parse(variables.constData());
    const auto prompt = chat->render(request);
    QVERIFY(!prompt);
    QCOMPARE(prompt.error().code, ErrorCode::InvalidArgument);
  }

  void textThatIsNotUtf8IsRefused() {
    const auto source = ChatTemplate::parse("a\xFF", {}, "t.jinja");
    QVERIFY(!source);
    QCOMPARE(source.error().code, ErrorCode::Corrupt);
    const auto chat = ChatTemplate::parse("{{ messages[0].content }}", {}, "t.jinja");
    ChatRequest request;
    request.messages = {{{"role", "user"}, {"content", "\xC3"}}};
    const auto prompt = chat->render(request);
    QVERIFY(!prompt);
    QCOMPARE(prompt.error().code, ErrorCode::InvalidArgument);
    QVERIFY(prompt.error().message.find("messages[0]") != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(TestJinja)
#include "test_jinja.moc"
