# SPDX-License-Identifier: Apache-2.0
"""Writes the goldens of tests/core/text/test_chat_template.cpp and test_jinja.cpp with the real libraries: transformers 5.24 and
Jinja2 3.1.6.

    python3 tests/data/text/make_chat_goldens.py

  chat_styles/NAME.json  {"template", "specials", "cases"}: a template of chat_templates.py, in the style of a family, and what
                         apply_chat_template(tokenize=False) makes of each conversation: {"name", "messages", "tools",
                         "variables", "add_generation_prompt", "rendered"}, or "raises" instead of "rendered": the message of
                         raise_exception, empty for another error
  composed.json          the same of the templates of composed_templates.py, over some of the conversations, which stand in it once
  jinja.json             [{"source", "rendered"}]: small templates of jinja_table.py over the variables in "variables", rendered in
                         transformers' environment; "raises": true where that is an error
"""
import datetime
import json
import pathlib
import sys
from unittest import mock

import jinja2
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chat_conversations import CONVERSATIONS  # noqa: E402
from chat_templates import STYLES  # noqa: E402
from composed_templates import compose  # noqa: E402
from jinja_table import ROWS, VARIABLES  # noqa: E402

OUT = pathlib.Path(__file__).parent
COMPOSED = ["one question", "system", "several turns with system", "ends with an answer", "roles do not alternate", "content is null",
            "content in parts", "thinking", "no thinking", "tools with system", "two tool calls"]


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 12, 34, 56)


def write(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def style(source, specials, names=None):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), chat_template=source, **specials)
    cases = []
    for name in names or CONVERSATIONS:
        conversation = CONVERSATIONS[name]
        case = {"name": name, "messages": conversation["messages"]}
        case.update({k: v for k, v in conversation.items() if k in ("tools", "variables")})
        case["add_generation_prompt"] = conversation.get("add_generation_prompt", True)
        try:
            case["rendered"] = tokenizer.apply_chat_template(
                conversation["messages"], tools=conversation.get("tools"), tokenize=False,
                add_generation_prompt=case["add_generation_prompt"], **conversation.get("variables", {}))
        except jinja2.exceptions.TemplateError as error:
            raised = type(error) is jinja2.exceptions.TemplateError
            case["raises"] = str(error) if raised else ""
        except TypeError:
            case["raises"] = ""
        cases.append(case)
    return {"template": source, "specials": specials, "cases": cases}


def row(source):
    try:
        template = chat_template_utils._compile_jinja_template(source)
        return {"source": source, "rendered": template.render(**VARIABLES)}
    except Exception:  # whatever it is, there is no text
        return {"source": source, "raises": True}


with mock.patch.object(chat_template_utils, "datetime", FixedTime):
    for name, (source, specials) in STYLES.items():
        write(OUT / "chat_styles" / f"{name}.json", style(source, specials))
    composed = {name: style(*parts, COMPOSED) for name, parts in compose().items()}
    outcome = lambda case: {k: case[k] for k in ("rendered", "raises") if k in case}
    requests = [{k: v for k, v in case.items() if k not in ("rendered", "raises")} for case in next(iter(composed.values()))["cases"]]
    templates = [s | {"name": name, "cases": [outcome(case) for case in s["cases"]]} for name, s in composed.items()]
    write(OUT / "composed.json", {"requests": requests, "templates": templates})
    rows = [row(source) for source in ROWS]
    rows = [r for r in rows if " at 0x" not in r.get("rendered", "")]  # an address, which is another each time
    write(OUT / "jinja.json", {"variables": VARIABLES, "rows": rows})
