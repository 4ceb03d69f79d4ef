# SPDX-License-Identifier: Apache-2.0
"""Makes python_json.json: what Python's json reads of texts that JSON's own rules refuse. Made with Python 3.11.

    python3 tests/data/checkpoint/make_python_json.py

A row is {"text", "numbers": all numbers in order as float.hex(), "keys": those of the outermost object} or {"text", "refused": true}.
"""
import json
import pathlib

HERE = pathlib.Path(__file__).parent
TEXTS = [
    "NaN", "Infinity", "-Infinity", "[NaN]", "[NaN,Infinity,-Infinity]", " [ NaN , Infinity , -Infinity ] ", '{"a":NaN}', '{"a": Infinity}', '{"a":[0.0, Infinity]}',
    '{"a":"NaN","b":"Infinity"}', '{"NaN":1}', '{"a":"\\"NaN","b":NaN}', '{"a":"\\\\","b":NaN}', '{"a":NaN,"b":{"c":[-Infinity,2]}}',
    "[1e999]", "[-1e999]", "[1E+400, 1e-400]", "[" + "9" * 400 + ".0]", "[0." + "0" * 400 + "1]", "[1e308, 1.7976931348623157e308]", "[12345678901234567890123]",
    '{"a":1,"a":2}', '{"a":NaN,"a":1}', '{"a":1,"a":NaN}', '{"a":{"b":1},"a":{"c":2}}',
    "nan", "inf", "+Infinity", "-NaN", "INFINITY", "Infinit", "InfinityX", "NaN NaN", "[NaN Infinity]", "{NaN:1}", "{Infinity:1}", "[--Infinity]", "[- Infinity]", "[1e999x]",
    "\ufeff{}", "[1,]", "{'a':1}", "[01]", "[.5]", "[1.]", "[0x10]", "None", "True", "undefined", "[1] // c", "",
]


def numbers(value):
    if isinstance(value, dict):
        return [n for v in value.values() for n in numbers(v)]
    if isinstance(value, list):
        return [n for v in value for n in numbers(v)]
    return [float(value).hex()] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


rows = []
for text in TEXTS:
    try:
        value = json.loads(text)
        rows.append({"text": text, "numbers": numbers(value), "keys": list(value) if isinstance(value, dict) else []})
    except ValueError:
        rows.append({"text": text, "refused": True})
(HERE / "python_json.json").write_text("[\n " + ",\n ".join(json.dumps(row) for row in rows) + "\n]\n")
