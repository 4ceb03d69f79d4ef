# SPDX-License-Identifier: Apache-2.0
"""Small templates for make_chat_goldens.py, over the variables below."""

VARIABLES = {
    "n": 7, "zero": 0, "neg": -7, "f": 2.5, "yes": True, "no": False, "nothing": None, "s": "Hello World", "e": "",
    "u": "Grüße 日本 👍", "pad": "  \t x y \n", "l": [3, 1, 2], "words": ["b", "A", "c", "a"], "mixed": [1, "two", 3.0, None, True],
    "nested": [[1, 2], [3, [4, 5]]], "d": {"b": 1, "a": [1, 2], "C": None}, "empty": {},
    "people": [{"name": "Zoe", "age": 3, "tags": ["x"]}, {"name": "ann", "age": 10}, {"name": "Bob", "age": 3, "boss": {"name": "Zoe"}}],
    "tricky": {"items": 5, "keys": "k", "q": "it's", "r": 'a "b"', "t": "tab\tnew\nline \\ \u0001 \u2028 é"},
    "json": "{\"a\": [1]}", "long": "one two  three\nfour",
}

EXPRESSIONS = r"""
1 + 2 * 3
(1 + 2) * 3
7 / 2
8 / 2
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
7.5 % 2
-7.5 // 2
2 ** 10
2 ** -1
2 ** 3 ** 2
-2 ** 2
- n
+ n
--n
1 - -1
n - zero * 3
1 / 3
9223372036854775807
1e3
1e16
1e15
123456789.123
0.1 + 0.2
1e-5
0.0001
1_000
1.5e300 * 1e300
n / zero
n // zero
n % zero
true + true
true == 1
1.0 == 1
'1' == 1
none == false
1 < 2 < 3
1 < 3 < 2
'a' < 'b'
'a' < 1
[1, 2] < [1, 3]
(1, 2) == [1, 2]
{'a': 1} == {'a': 1.0}
n > 3 and s
n < 3 and s
n < 3 or e or 'last'
not e
not not l
not n > 3
n is defined and not missing
missing
missing is defined
missing is undefined
missing.field
missing['x']
missing + 1
missing ~ 'x'
missing == missing2
missing in l
1 in missing
missing | length
missing | default('d')
missing | default
nothing | default('d')
nothing | default('d', true)
e | default('d', boolean=true)
missing.a | default('x')
d.missing | default('x')
d.missing.deeper
d.b
d['b']
d.a[0]
d['a'][-1]
d['zzz']
d.get('b')
d.get('zzz')
d.get('zzz', 5)
d.items()
d.keys()
d.values()
d.items() | list
d | list
d | length
d.keys() | list | first
d.items
tricky.items
tricky['items']
tricky.keys
tricky['values']
tricky['values']()
empty
empty or 'nothing'
d
mixed
nested
tricky
(1,)
(1, 2)
()
[]
{}
{'a': {'b': (1, 'x')}}
{1: 'one', none: 2, true: 3}
{'a': 1, 'a': 2}
[true, false, none, 1.0, 'x']
yes
nothing
f
1.0
s[0]
s[-1]
s[99]
s[0:5]
s[6:]
s[:-6]
s[::-1]
s[::2]
s[10:0:-3]
s[5:2]
u[0:5]
u[2]
u[-1]
u[::-1]
u | length
l[0]
l[-1]
l[5]
l[1:]
l[::-1]
l[:-1]
l[-2:]
l[::0]
l['a']
l.0
nested[1][1][0]
n[0]
nothing[0]
nothing.x
s.x
s.upper()
s.lower()
u.upper()
u.lower()
'straße'.upper()
'hello wORLD'.capitalize()
'hello wORLD-x 3d'.title()
"they're bill's".title()
s.swapcase()
pad.strip()
pad.lstrip()
pad.rstrip()
pad.strip() ~ '|'
'xxhixx'.strip('x')
'xyhiyx'.lstrip('xy')
'xyhiyx'.rstrip('xy')
'  a  b '.split()
'  a  b c '.split(none, 1)
'a,b,,c'.split(',')
'a,b,,c'.split(',', 2)
'a,b,c'.split(',', maxsplit=1)
'a,b,c'.rsplit(',', 1)
'  a b  c '.rsplit(none, 1)
''.split()
''.split(',')
'abc'.split('')
long.splitlines()
'a\r\nb\rc\n'.splitlines()
'a\nb\n'.splitlines(true)
s.startswith('Hello')
s.startswith(('x', 'H'))
s.endswith('World')
s.endswith('x')
s.find('o')
s.find('o', 5)
s.find('zzz')
s.rfind('o')
u.find('日')
s.index('W')
s.index('zzz')
s.count('l')
'aaaa'.count('aa')
'abc'.count('')
s.replace('o', '0')
s.replace('o', '0', 1)
s.replace('', '-')
''.replace('', 'x')
s.replace('l', '')
u.replace('ü', 'ue')
', '.join(words)
', '.join(l)
''.join([])
'-'.join('abc')
'abc'.isdigit()
'123'.isdigit()
''.isdigit()
'abc'.isalpha()
'ab1'.isalnum()
'ABC'.isupper()
'abc1'.islower()
'  '.isspace()
'a-b-c'.partition('-')
'a-b-c'.rpartition('-')
'abc'.partition('-')
'prefix-x'.removeprefix('prefix-')
'x.jinja'.removesuffix('.jinja')
'7'.zfill(3)
'-7'.zfill(4)
'ab'.ljust(4) ~ '|'
'ab'.rjust(4, '.')
'ab'.center(5, '*')
'abc'.center(4, '*')
'{} and {}'.format(1, 'x')
'{0}{1}{0}'.format('a', 'b')
'{x}-{y}'.format(x=1, y=none)
'{{}} {!r}'.format('a')
'{:.2f}|{:5d}|{:05d}'.format(3.14159, 42, 42)
'{}'.format()
'%s is %d and %.1f%%' % ('x', 3, 2.55)
'%s' % none
'%s' % [1, 2]
'%05d|%5d|%r' % (42, 42, 'q')
'%(a)s' % {'a': 1}
'%s %s' % 'x'
'x' % 1
'%d' % 'x'
'a' + 'b'
'a' + 1
'a' ~ 1 ~ none ~ true ~ 1.5 ~ [1]
'ab' * 3
3 * 'ab'
'ab' * 0
'ab' * -1
[1, 2] + [3]
[1] + (2,)
[0] * 3
(1, 2) + (3,)
[1] - [1]
'lo' in s
'xx' not in s
1 in l
9 in l
'b' in d
'zzz' not in d
none in mixed
1 in s
1 in n
[1] in [[1], 2]
1 in d.values()
s is string
n is string
n is number
f is number
yes is number
n is integer
yes is integer
f is float
l is iterable
s is iterable
n is iterable
d is iterable
l is sequence
d is sequence
s is sequence
n is sequence
missing is sequence
missing is iterable
d.items() is sequence
d is mapping
l is mapping
nothing is none
nothing is not none
yes is boolean
1 is boolean
yes is true
1 is true
no is false
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
n is eq 7
n is equalto 8
n is gt 3
n is lessthan(3)
n is in l
1 is in l
n is ne 7
'abc' is lower
'ABC' is upper
yes is sameas true
1 is sameas true
range is callable
s is callable
'trim' is filter
'nope' is filter
'odd' is test
n is not string
not n is string
n is defined and n is number
'a' if yes
'a' if no
'a' if no else 'b'
('a' if no) ~ 'x'
'a' if no else 'b' if no else 'c'
s | upper
s | lower
'hello wORLD' | capitalize
'hello big-world (x)' | title
pad | trim
'xxaxx' | trim('x')
n | string
nothing | string
l | string
s | length
l | count
n | length
l | first
l | last
e | first
[] | first
[] | last
s | last
s | first
s | list
d | list
range(3) | list
l | join
l | join(', ')
mixed | join('|')
people | join(', ', attribute='name')
u | join('.')
d | join('-')
words | sort
words | sort(case_sensitive=true)
l | sort(reverse=true)
people | sort(attribute='age') | map(attribute='name') | list
people | sort(attribute='age,name') | map(attribute='name') | list
mixed | sort
words | unique | list
words | map('upper') | list
words | map('upper')  | join
people | map(attribute='name') | list
people | map(attribute='boss.name') | list
people | map(attribute='boss.name', default='-') | list
people | map(attribute='tags') | list
people | map(attribute='tags.0') | list
l | map('string') | map('upper') | join('-')
words | map('replace', 'a', 'Z') | list
l | select('odd') | list
l | reject('odd') | list
l | select('gt', 1) | list
mixed | select | list
mixed | reject | list
mixed | select('string') | list
mixed | reject('none') | list
people | selectattr('age', 'eq', 3) | map(attribute='name') | list
people | selectattr('age', '==', 3) | list | length
people | rejectattr('age', 'equalto', 3) | map(attribute='name') | list
people | selectattr('boss') | map(attribute='name') | list
people | rejectattr('boss') | list | length
people | selectattr('boss', 'defined') | map(attribute='name') | list
people | selectattr('name', 'in', ['Zoe']) | list | length
l | select('odd') | length
l | select('odd') | first
(l | select('gt', 100)) or 'no generator is false'
l | reverse | list
s | reverse
d | dictsort
d | dictsort(reverse=true)
{'b': 2, 'a': 3} | dictsort(by='value')
{'b': 2, 'A': 3} | dictsort(true)
d | items | list
empty | items | list
missing | items | list
l | items
d.items() | list | first | first
l | sum
people | sum(attribute='age')
l | min
l | max
words | min
words | max
[] | max
[1, 2, 3, 4, 5] | batch(2) | list
[1, 2, 3] | batch(2, 'x') | list
'42' | int
'42.9' | int
'x' | int
'x' | int(5)
'ff' | int(0, 16)
'0x1f' | int(base=16)
' 12 ' | int
'1_000' | int
2.9 | int
-2.9 | int
none | int
true | int
'1.5' | float
'x' | float
'inf' | float
3 | float
'1e3' | float
-3 | abs
-2.5 | abs
'x' | abs
2.5 | round
3.5 | round
2.567 | round(2)
2.1 | round(method='ceil')
2.9 | round(0, 'floor')
42 | round
2.675 | round(2)
s | replace('o', '0')
s | replace('l', 'L', 1)
n | replace(7, 8)
long | indent
long | indent(2)
long | indent(2, true)
long | indent('> ', first=true)
'a\n\nb' | indent(2)
'a\n\nb' | indent(2, blank=true)
'a\nb\n' | indent(1)
long | wordcount
'%s-%s' | format('a', 1)
'%(x)s' | format(x=1)
s | safe
d | attr('b')
s | attr('nope')
tricky | tojson
d | tojson
d | tojson(indent=2)
nested | tojson(indent=1)
people | tojson(indent=4)
[] | tojson(indent=2)
{} | tojson(indent=2)
[[], {}] | tojson(indent=2)
u | tojson
u | tojson(ensure_ascii=true)
'\x7f\x1f' | tojson(ensure_ascii=true)
'<b>&\'' | tojson
none | tojson
1.0 | tojson
1e100 | tojson
true | tojson
(1, 2) | tojson
{1: 2, none: 3, true: 4, 1.5: 5} | tojson
d | tojson(sort_keys=true)
people[0] | tojson(sort_keys=true)
d | tojson(separators=(',', ':'))
d | tojson(indent='--')
missing | tojson
range(3) | tojson
json | tojson
d.items() | tojson
f | tojson
'inf' | float | tojson
range(5)
range(2, 5) | list
range(5, 0, -2) | list
range(0) | list
range(3)[1]
range(3)[5]
range(3, 0) | list
range(1, 10, 0)
range(200000)
dict(a=1, b=2)
dict({'a': 1}, b=2)
dict([('a', 1)])
namespace(a=1).a
namespace(a=1).b
namespace({'x': 3}).x
raise_exception('stop')
strftime_now('%Y-%m-%d')
strftime_now('%d %B %Y, %A %H:%M:%S %j%%')
s.upper().lower().title()
(s | upper).lower()
s | upper | lower | first
l | first + 1
-l | first
n | string ~ 'x'
not l | length == 3
l | length > 2 and 'many'
[1, 2, 3] | select('odd') | map('string') | join(',')
{'a': [1, {'b': 2}]}.a[1].b
[1, 2,]
{'a': 1,}
'a' 'b'
'it\'s'
"say \"x\""
'tab\there'
'\u00e9\x41\101\\'
'\q'
'multi
line'
'{{ not }}'
n if n else missing
l[n] if l[n] is defined else 'none'
l[0:2] == [3, 1]
1 == 1.0 == true
0 or none
0 and none
'' and 1
[] or {}
nope()
s()
s.nope()
d.nope()
l | nope
l is nope
s.__class__
d.append(1)
people[0].name ~ ' ' ~ people[0]['age']
people[-1].boss.name
people[1:][0].name
'a' in 'abc' and 'd' not in 'abc'
(1, 2, 3)[1]
'abc'[1]
'abc' | list | last
{'x': none}.x
{'x': none}.x is none
{'x': none}.y is none
'é' | upper
'ǆ' | capitalize
'x' is in 'xyz'
[1, [2]] | string | length
d | string
' ' | trim | length
nothing ~ ''
l | join(d='+')
[3, 1] | sort | first
{'a': 1}.items() | map('first') | list
[[1, 2], [3]] | map('sum') | list
[{'a': {'b': 1}}] | map(attribute='a.b') | first
'%s' | format(s)
'a.b.c'.split('.') | last
'x=1;y=2'.split(';') | map('split', '=') | list
"'" ~ '"'
["'", '"', "'\""]
'a' is string and 'b' is string
1 is number is string
""".strip("\n")

STATEMENTS = [
    "{% if n > 5 %}big{% elif n > 3 %}mid{% else %}small{% endif %}",
    "{% if no %}a{% elif no %}b{% endif %}c",
    "{% if missing %}a{% else %}b{% endif %}",
    "{% for x in l %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}",
    "{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in [1,1,2,2,1] %}{{ loop.changed(x) }} {% endfor %}",
    "{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
    "{% for x in [] %}x{% else %}none{% endfor %}",
    "{% for x in l if x > 10 %}x{% else %}none{% endfor %}",
    "{% for x in missing %}x{% else %}none{% endfor %}",
    "{% for x in nothing %}x{% endfor %}",
    "{% for x in n %}x{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for c in 'añ日' %}[{{ c }}]{% endfor %}",
    "{% for x in range(10) %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in range(6) %}{% if x is odd %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in range(3) %}{% for y in range(3) %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %}",
    "{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}",
    "{% set x = 1 %}{% for y in l %}{% set x = y %}{{ x }}{% endfor %}{{ x }}",
    "{% for y in l %}{{ x }}{% set x = y %}{{ x }} {% endfor %}{{ x }}",
    "{% set ns = namespace(x=0) %}{% for y in l %}{% set ns.x = ns.x + y %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.a = [] %}{% for y in l %}{% set ns.a = ns.a + [y] %}{% endfor %}{{ ns.a }}",
    "{% set ns = namespace(_x=1) %}{{ ns }}",
    "{% set ns = namespace(a=1) %}{% set ns._b = 1 %}",
    "{% set d.b = 2 %}{{ d.b }}",
    "{% if yes %}{% set x = 1 %}{% endif %}{{ x }}",
    "{% if no %}{% set x = 1 %}{% endif %}{{ x is defined }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a, b = 'xy' %}{{ a }}{{ b }}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% set a, b = [1] %}",
    "{% set x %}a{{ n }}b{% endset %}[{{ x }}]",
    "{% set x | upper | replace('A', 'z') %}a{{ n }}b{% endset %}[{{ x }}]",
    "{% set x %}{% set y = 5 %}{{ y }}{% endset %}{{ x }}{{ y }}",
    "{% set messages = l[1:] %}{{ messages }}",
    "{% set n = n + 1 %}{{ n }}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=5, a=4) }} {{ m() }}",
    "{% macro m(a, b=a) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(c=2) }}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}",
    "{% macro m(a) %}{{ n }}{{ a }}{{ later }}{% endmacro %}{% set later = 'L' %}{{ m('!') }}",
    "{% macro fact(k) %}{% if k <= 1 %}1{% else %}{{ k * (fact(k - 1) | int) }}{% endif %}{% endmacro %}{{ fact(10) }}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}inner {{ n }}{% endcall %}",
    "{% macro m(x) %}<{{ caller(x, 2) }}>{% endmacro %}{% call(a, b=9) m(1) %}{{ a }}{{ b }}{% endcall %}",
    "{% macro m() %}{% if caller %}C{% else %}N{% endif %}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}",
    "{% macro m() %}x{% endmacro %}{{ m() | upper ~ m() }}",
    "{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}o{% endmacro %}{{ outer() }}",
    "{% macro m(a) %}{% set b = a * 2 %}{{ b }}{% endmacro %}{{ m(2) }}{{ b }}",
    "{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}",
    "{{ m is defined }}{% macro m() %}{% endmacro %}{{ m is defined }}{{ m is callable }}",
    "{% macro m(xs) %}{% for x in xs %}{{ x }}{% endfor %}{% endmacro %}{{ m(*[l]) }}{{ m(**{'xs': words}) }}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% filter upper %}abc {{ s }}{% endfilter %}",
    "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}",
    "{% generation %}x{{ n }}{% set y = 1 %}{% endgeneration %}{{ y }}",
    "{% raw %}{{ n }}{% if %}{% endraw %}",
    "a {%- raw -%} {{ x }} {%- endraw -%} b",
    "{# comment {{ n }} #}x{#- c -#} y",
    "a\n{# comment #}\nb",
    "a\n  {# comment #}  \nb",
    "  {% if yes %}  \n  a\n  {% endif %}\nb",
    "a\n  {%+ if yes %}x{% endif %}\nb",
    "a\n{% if yes +%}\nx{% endif %}\nb",
    "a \n {%- if yes -%} \n x \n {%- endif -%} \n b",
    "a \n {{- n -}} \n b",
    "{{ n }}\n{{ n }}\n",
    "{{ n }}\n\n",
    "line\r\nnext\rlast",
    "x{% set a = 1 %}\ny\n{% set b = 2 %}\n\nz",
    "\t{% if yes %}\nq{% endif %}",
    "{{ n }}  {% if yes %}a{% endif %}",
    "{% for x in l %}\n  {{ x }}\n{% endfor %}\nend",
    "  {{- 'x' }}  ",
    "{%- for x in l -%}\n {{ x }} \n{%- endfor -%}",
    "{% print n, s %}",
    "{{ 'a' }}{{ \"}}\" }}{{ '%}' }}",
    "{{ {'a': {'b': 1}} }}{{ {}}}",
    "{ { n } } {n} {",
    "{{ l|first }}{{l|last}}",
    "{{ loop is defined }}",
    "{% for x in l %}{{ loop.index is divisibleby 2 }}{% endfor %}",
    "{% for x in l %}{% if loop.index0 % 2 == 0 %}e{% else %}o{% endif %}{% endfor %}",
    "{% for m in people | selectattr('age', 'gt', 3) %}{{ m.name }}{{ loop.last }}{% endfor %}",
    "{% set g = l | select('odd') %}{{ g | list }}{{ g | list }}",
    "{% set g = l | map('string') %}{% for x in g %}{{ x }}{% endfor %}{{ g | first }}",
    "{% set x = namespace(y=namespace(z=1)) %}{{ x.y.z }}",
    "{% set ns = namespace(found=false) %}{% for x in l if not ns.found %}{% if x == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}",
    "{% for i in range(l | length - 1, -1, -1) %}{{ l[i] }}{% endfor %}",
    "{% if l %}{% if d %}x{% endif %}{% endif %}",
    "{% if n in [1, 7] and s is string %}ok{% endif %}",
    "{% if not (n == 7 or s) %}a{% else %}b{% endif %}",
    "{% if (n, 1) == (7, 1): %}colon{% endif %}",
    "{{ people | selectattr('age', 'eq', 3) | list | tojson }}",
    "{{ raise_exception('no ' ~ n) if n == 7 }}",
    "{% for x in l %}{{ x }}", "{% endif %}", "{% if %}{% endif %}", "{{ }}", "{{ n", "{% if n %}", "{{ n }", "{{ 1 + }}",
    "{% nope %}", "{{ (1 }}", "{{ [1) }}", "{{ 'abc }}", "{# open", "{% raw %} open", "{% break %}", "{% set 1 = 2 %}",
    "{% set none = 1 %}", "{{ a b }}", "{{ n..x }}", "{{ 1..x }}", "{% for in l %}{% endfor %}", "{% for x of l %}{% endfor %}",
    "{% macro %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% call n %}{% endcall %}", "{{ f(a=1, 2) }}",
    "{% else %}", "{{ $ }}", "{{ n ? 1 : 2 }}", "{{ n && 1 }}", "{% if n = 1 %}{% endif %}",
]

# What longer templates use: recursion, blocks, cycles, groups, layout and format specifications.
FURTHER = [
    "{% for x in nested recursive %}[{% if x is iterable %}{{ loop(x) }}{% else %}{{ x }}{% endif %}]{% endfor %}",
    "{% for x in nested recursive %}{{ loop.depth }}{{ loop.depth0 }}{{ loop.index }}{% if x is not number %}{{ loop(x) }}{% endif %};{% endfor %}",
    "{% for x in people recursive %}{{ x.name }}{% if x.boss %}<{{ loop([x.boss]) }}>{% endif %}{% else %}none{% endfor %}",
    "{% for x in people if x.age recursive %}{{ x.name }}{% if x.boss is defined %}({{ loop([x.boss, x]) if loop.depth < 3 }}){% endif %}{% endfor %}",
    "{% for x in [] recursive %}{{ loop(x) }}{% else %}empty{% endfor %}",
    "{% for x in [[1], []] recursive %}{% if x is number %}{{ x }}{% else %}{{ loop(x) }}{% endif %}{% else %}E{% endfor %}",
    "{% for x in l %}{{ loop(x) }}{% endfor %}", "{% for x in nested recursive %}{{ loop() }}{% endfor %}", "{% for x in nested recursive %}{{ loop(1) }}{% endfor %}",
    "{% for x in nested recursive %}{{ loop([1], 2) }}{% endfor %}", "{% for x in d.items() recursive %}{{ x[0] }}{% endfor %}",
    "{% for x in nested recursive %}{% for y in [1, 2] %}{{ loop.index }}{{ y }}{% endfor %}{{ loop(x) if x is not number }}{% endfor %}",
    "{% set q = namespace(n=0) %}{% for x in nested recursive %}{% set q.n = q.n + 1 %}{{ loop(x) if x is not number }}{% endfor %}{{ q.n }}",
    "{% for x in nested recursive %}{% if x is number %}{% break %}{% endif %}{{ loop(x) }}|{% endfor %}",
    "{% for x in nested recursive %}{{ (loop(x) if x is not number else x) | string | upper }}{% endfor %}",
    "{% block a %}x{{ n }}{% endblock %}", "{% block a %}x{% endblock a %}{{ self.a() }}", "{{ self.a() }}{% block a %}y{% endblock %}",
    "{% block a %}1{% block b %}2{% endblock %}3{% endblock %}{{ self.b() }}", "{% for x in l %}{% block a %}{{ x }}{% endblock %}{% endfor %}",
    "{% for x in l %}{% block a scoped %}{{ x }}{% endblock %}{% endfor %}", "{% set z = 1 %}{% block a %}{{ z }}{% set z = 2 %}{{ z }}{% endblock %}{{ z }}",
    "{% block a %}{% endblock %}{% block a %}{% endblock %}", "{% block a %}{% endblock b %}", "{% block %}{% endblock %}", "{{ self is defined }}", "{{ self.nope() }}",
    "{% block a %}{{ self.nope is defined }}{% endblock %}", "{% macro m() %}M{{ n }}{% endmacro %}{% block a %}{{ m() }}{% endblock %}", "{% block a %}{% for x in l %}{{ loop.index }}{% endfor %}{% endblock %}",
    "{% block a -%}   x   {%- endblock %}", "{{ self.a() | upper }}{% block a %}q{{ s }}{% endblock %}", "{% if no %}{% block a %}in{% endblock %}{% endif %}{{ self.a() }}",
    "{% set c = cycler('odd', 'even') %}{% for x in l %}{{ c.next() }}{{ c.current }}{% endfor %}{{ c.reset() }}{{ c.current }}", "{{ cycler() }}", "{% set c = cycler(1) %}{{ c.next() }}{{ c.next() }}",
    "{% set c = cycler('a', 'b', 'c') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.next() }}", "{% set c = cycler('a') %}{% set c.x = 1 %}", "{{ cycler('a', 'b').current }}",
    "{% set j = joiner() %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "{% set j = joiner(' | ') %}{{ j() }}a{{ j() }}b{{ j() }}c", "{% set j = joiner(sep='-') %}{{ j() }}{{ j() }}", "{{ joiner(1, 2) }}",
    "{% set j = joiner(7) %}{{ j() }}{{ j() + 1 }}", "{{ joiner()(1) }}", "{{ range(7) | slice(3) | list }}", "{{ range(7) | slice(3, 'x') | list }}", "{{ [] | slice(2) | list }}", "{{ l | slice(5, 0) | list }}",
    "{{ l | slice(0) | list }}", "{{ l | slice(-1) | list }}", "{{ s | slice(4) | map('join') | list }}", "{% for c in range(10) | slice(4) %}{{ c | length }}{% endfor %}", "{{ l | slice }}", "{{ n | slice(2) | list }}",
    "{{ people | groupby('age') | list }}", "{% for g in people | groupby('age') %}{{ g.grouper }}:{{ g.list | map(attribute='name') | join(',') }};{% endfor %}",
    "{% for age, list in people | groupby('age') %}{{ age }}={{ list | length }} {% endfor %}", "{{ people | groupby('boss.name', default='') | map('first') | list }}", "{{ words | groupby(attribute='x', default=1) }}",
    "{{ [{'c': 'NY'}, {'c': 'ny'}, {'c': 'LA'}] | groupby('c') | list }}", "{{ [{'c': 'NY'}, {'c': 'ny'}, {'c': 'LA'}] | groupby('c', case_sensitive=true) | list }}", "{{ people | groupby('nope') }}",
    "{{ people | groupby }}", "{{ [[1, 2], [1, 3], [0, 1]] | groupby(0) | list }}", "{{ (people | groupby('age'))[0][0] }}", "{{ (people | groupby('age') | first).list[0].name }}", "{{ [] | groupby('a') }}",
    "{{ people | groupby('age') | map(attribute='grouper') | list }}", "{{ people | groupby('age', 0, true) | length }}",
    "{{ s | center(20) }}|", "{{ s | center(3) }}|", "{{ 'ab' | center(5) }}|{{ 'abc' | center(6) }}|", "{{ n | center(4) }}|", "{{ '' | center }}|", "{{ s | center(width=15) }}|", "{{ u | center(21) }}|", "{{ nothing | center(8) }}|",
    "{{ 'one two three four' | truncate(9) }}", "{{ 'one two three four' | truncate(9, true) }}", "{{ 'one two three four' | truncate(9, leeway=0) }}", "{{ 'one two three four' | truncate(9, false, '', 0) }}",
    "{{ 'one two three four' | truncate(13, end='…', leeway=0) }}", "{{ 'onetwothreefour' | truncate(9, leeway=0) }}", "{{ s | truncate }}", "{{ s | truncate(2) }}", "{{ n | truncate(2) }}", "{{ u | truncate(7, true, '.', 0) }}",
    "{{ s | truncate(3, leeway=-1) }}", "{{ ('word ' * 80) | truncate }}", "{{ e | truncate(3) }}", "{{ nope | truncate(3) }}", "{{ 'a b c d e f g h' | truncate(length=5, killwords=true, end='', leeway=0) }}",
    "{{ 'The quick brown fox jumped over the lazy dog.' | wordwrap(15) }}", "{{ 'The quick brown-fox jumped-over the lazy dog.' | wordwrap(10) }}", "{{ 'abcdefghijklmnopqrstuvwxyz' | wordwrap(10) }}",
    "{{ 'abcdefghijklmnopqrstuvwxyz abc' | wordwrap(10, false) }}", "{{ 'a b  c   d    e' | wordwrap(4) }}|", "{{ 'one two\n\nthree four five' | wordwrap(8) }}", "{{ 'one two three' | wordwrap(7, wrapstring='<br>') }}",
    "{{ 'well-known self-made-man e-mail' | wordwrap(8) }}", "{{ 'well-known self-made-man e-mail' | wordwrap(8, break_on_hyphens=false) }}", "{{ '   leading and trailing   ' | wordwrap(10) }}|", "{{ 'tab\tand  spaces' | wordwrap(6) }}",
    "{{ u | wordwrap(5) }}", "{{ 'x--y z---w' | wordwrap(3) }}", "{{ '' | wordwrap(5) }}|", "{{ 'a b' | wordwrap(0) }}", "{{ 'abc-defghij-klm' | wordwrap(6) }}", "{{ 'one-two-three' | wordwrap(5, true, '\n', false) }}", "{{ n | wordwrap }}",
    "{{ long | wordwrap(9) }}", "{{ \"it's a -- dash, or so\" | wordwrap(7) }}", "{{ 'a\nb\n' | wordwrap(5) }}|", "{{ '-----abc' | wordwrap(3) }}",
    "{{ d | pprint }}", "{{ l | pprint }}", "{{ s | pprint }}", "{{ nested | pprint }}", "{{ people | pprint }}", "{{ range(40) | list | pprint }}", "{{ {'b': range(30) | list, 'a': {'x': range(30) | list}} | pprint }}", "{{ nothing | pprint }}",
    "{{ (1,) | pprint }}", "{{ tricky | pprint }}", "{{ {'zz': people, 'a': 1, 'C': [people, 2]} | pprint }}", "{{ [] | pprint }}{{ {} | pprint }}{{ () | pprint }}", "{{ f | pprint }}", "{{ {2: 'a', 10: 'b'} | pprint }}",
    "{{ '%5s|%-5s|%.2s|%5.1s' % (s, 'ab', s, s) }}", "{{ '%+d|% d|%05d|%-5d|%5d|%.3d' % (n, n, n, n, neg, n) }}", "{{ '%x|%X|%#x|%o|%#o' % (255, 255, 255, 8, 8) }}", "{{ '%e|%.2e|%E' % (f, f, 12345.678) }}",
    "{{ '%g|%g|%.3g|%G' % (f, 1234567.0, 3.14159, 0.00001) }}", "{{ '%c%c' % ('a', 98) }}", "{{ '%08.3f|%-8.1f|%+.1f' % (f, f, f) }}", "{{ '%(a)5d|%(b)-4s|' % {'a': 1, 'b': 'x'} }}", "{{ '%x' % f }}", "{{ '%d' % s }}", "{{ '%r|%8r' % (s, 'a') }}",
    "{{ '%i' % 1.9 }}", "{{ '%-3d|' % n }}", "{{ '%3d%%' % n }}", "{{ '%x' % neg }}", "{{ '%010x' % 255 }}",
    "{{ '{:>8}|{:<8}|{:^8}|{:*^8}|{:é<4}'.format('ab', 'ab', 'ab', 'ab', 'a') }}", "{{ '{:5}|{:<5}|{:05}|{:+}|{: }|{:=+5}'.format(n, n, n, n, n, n) }}", "{{ '{:,}|{:_}|{:,.2f}'.format(1234567, 1234567, 1234567.891) }}",
    "{{ '{:x}|{:X}|{:#x}|{:b}|{:#b}|{:o}'.format(255, 255, 255, 5, 5, 8) }}", "{{ '{:.2%}|{:%}|{:.0%}'.format(0.1234, 0.5, 1) }}", "{{ '{:e}|{:.1E}|{:g}|{:.2g}'.format(f, f, f, 1234.5) }}", "{{ '{:.3}|{:.10}|{:.1}'.format(s, 'ab', u) }}",
    "{{ '{:8.3f}|{:<8.1f}|{:^+8.1f}|{:08.2f}'.format(f, f, f, -2.5) }}", "{{ '{0[a]}|{0[b]}|{1[0]}'.format(d, l) }}", "{{ '{p.name}|{p[age]}'.format(p=people[0]) }}", "{{ '{!r:>8}|{!s:^6}'.format('a', 'b') }}", "{{ '{:5}|{:>6}'.format(true, true) }}",
    "{{ '{:d}'.format(f) }}", "{{ '{:s}'.format(n) }}", "{{ '{:5}'.format(nothing) }}", "{{ '{:5}'.format(l) }}", "{{ '{:=5}'.format('a') }}", "{{ '{:c}'.format(97) }}", "{{ '{:.3}|{:10}|{:.2}'.format(3.0, 2.5, 1234567.0) }}", "{{ '{0.nope}'.format(n) }}|",
    "{{ '{:<5}{:>5}'.format(1.5, -1.5) }}", "{{ '{:,}'.format(-1234) }}", "{{ '{:n<4}'.format('a') }}", "{{ '{:3}{:3}'.format('ab', 1) }}",
    "{{ 'a\tb\tc' .expandtabs(4) }}", "{{ 'ab'.isascii() }}{{ u.isascii() }}{{ ''.isascii() }}", "{{ '12'.isdecimal() }}{{ '½'.isnumeric() }}{{ 'a1'.isnumeric() }}", "{{ 'a b'.isprintable() }}{{ 'a\n'.isprintable() }}",
]

ROWS = ["{{ " + line + " }}" for line in EXPRESSIONS.replace("'multi\nline'", "'multi@@line'").split("\n")]
ROWS = [row.replace("@@", "\n") for row in ROWS] + STATEMENTS + FURTHER
