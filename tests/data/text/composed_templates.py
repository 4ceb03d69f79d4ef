# SPDX-License-Identifier: Apache-2.0
"""Whole chat templates put together of the parts that those in use have, for make_chat_goldens.py: a frame of special tokens, what is done with a
system message, how a message's content is read, what is said of tools, and how the loop goes. compose() gives 120, each with parts of its own."""

FRAMES = {  # how a message begins and ends, and the special tokens
    "chatml": ("<|im_start|>{R}\n", "<|im_end|>\n", {"eos_token": "<|im_end|>"}),
    "header": ("<|start_header_id|>{R}<|end_header_id|>\n\n", "<|eot_id|>", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}),
    "turns": ("<start_of_turn>{R}\n", "<end_of_turn>\n", {"bos_token": "<bos>", "eos_token": "<eos>"}),
    "pipes": ("<|{R}|>\n", "</s>\n", {"bos_token": "<s>", "eos_token": "</s>"}),
    "words": ("{R}: ", "\n\n", {"bos_token": "<s>", "eos_token": "</s>"}),
    "headings": ("### {R}:\n", "\n\n", {"eos_token": "<|endoftext|>"}),
    "roles": ("<|start_of_role|>{R}<|end_of_role|>", "<|end_of_text|>\n", {"eos_token": "<|end_of_text|>"}),
    "wide": ("<｜{R}｜>", "<｜end▁of▁sentence｜>", {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"}),
}
ROLES = [  # the name of a message's role
    "message['role']",
    "message.role | upper",
    "message.role.title()",
    "{'user': 'human', 'assistant': 'gpt', 'system': 'system', 'tool': 'tool'}.get(message.role, message.role)",
    "('model' if message['role'] == 'assistant' else message['role'])",
]
SYSTEMS = [  # before the loop; sets `rest`
    "{%- set rest = messages -%}",
    """{%- if messages[0].role == 'system' -%}
    {%- set system, rest = messages[0].content, messages[1:] -%}
{%- else -%}
    {%- set system, rest = 'You help.', messages -%}
{%- endif -%}
{{- begin('system') ~ (system if system is string else system | map(attribute='text') | join('\\n')) ~ end }}""",
    """{%- set rest = messages | rejectattr('role', 'equalto', 'system') | list -%}
{%- for m in messages if m['role'] == 'system' %}{{ begin('system') }}{% if m.content is string %}{{ m.content | trim }}{% endif %}{{ end }}{% endfor -%}""",
    """{%- set ns = namespace(system='', rest=[]) -%}
{%- for m in messages -%}
    {%- if m.role in ['system', 'developer'] and m.content is string -%}
        {%- set ns.system = ns.system + m.content + '\\n' -%}
    {%- else -%}
        {%- set ns.rest = ns.rest + [m] -%}
    {%- endif -%}
{%- endfor -%}
{%- set rest = ns.rest -%}
{{- begin('system') ~ ns.system ~ 'Today is ' ~ strftime_now('%d %B %Y') ~ '.' ~ end }}""",
    """{%- if messages[0]['role'] == 'system' -%}{{ raise_exception('There is no system role here') }}{%- endif -%}
{%- set rest = messages -%}""",
    """{%- set rest = messages -%}
{%- if not messages | selectattr('role', 'eq', 'system') | list %}{{ begin('system') }}{{ system_prompt | default('Be brief.', true) }}{{ end }}{% endif -%}""",
]
CONTENTS = [  # sets or prints the text of `message`
    "{{ message.content if message.content is string else (message.content or [])|map(attribute='text')|join }}",
    """{%- if message.content is string -%}{{ message.content.strip() }}
{%- elif message.content is iterable and message.content is not mapping -%}
    {%- for part in message.content -%}
        {%- if part.type == 'text' %}{{ part.text | trim }}{% elif part['type'] in ('image', 'image_url') %}<image {{ loop.index }}>{% else %}[{{ part.type }}]{% endif -%}
    {%- endfor -%}
{%- endif -%}""",
    """{%- set text = message.content | default('', true) -%}
{%- if text is not string %}{% set text = text | selectattr('text', 'defined') | map(attribute='text') | join(' ') %}{% endif -%}
{%- if message.role == 'assistant' and '</think>' in text %}{% set text = text.split('</think>')[-1].lstrip('\\n') %}{% endif -%}
{{- text -}}""",
    """{%- set text = message['content'] -%}
{%- if text is none or text is undefined -%}
    {{- '' -}}
{%- elif text is sequence and text is not string -%}
    {{- text | map(attribute='text') | list | join('\\n\\n') -}}
{%- else -%}
    {%- set reasoning = message.reasoning_content -%}
    {%- if reasoning and loop.last %}{{ '<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' }}{% endif -%}
    {{- text.replace('\\r\\n', '\\n') -}}
{%- endif -%}""",
    "{% filter trim %}{{ message.content | string if message.content is not none }}{% endfilter %}",
]
TOOLS = [  # before the loop, and of a message
    ("", ""),
    (
        """{%- if tools %}{{ begin('tools') }}{% for tool in tools %}{{ tool | tojson }}{{ '\\n' if not loop.last }}{% endfor %}{{ end }}{% endif -%}""",
        """{%- for call in message.tool_calls or [] %}<tool_call>{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}</tool_call>{% endfor -%}""",
    ),
    (
        """{%- macro kind(p) -%}{%- if p.enum %}{{ p.enum | join('|') }}{% elif p.type is string %}{{ p.type }}{% else %}any{% endif -%}{%- endmacro -%}
{%- if tools is defined and tools is not none %}{{ begin('system') }}functions:
{%- for t in tools %}
{%- set f = t.function if t.function is defined else t %}
{{ loop.index ~ '. ' ~ f.name }}({% for name, p in f.parameters.properties.items() %}{{ name }}: {{ kind(p) }}{{ ', ' if not loop.last }}{% endfor %}) // {{ f.description | default('no description') }}
{%- endfor %}{{ end }}{% endif -%}""",
        """{%- if message.tool_calls is defined and message.tool_calls -%}
    {%- for call in message.tool_calls -%}
        {%- set f = call.function if 'function' in call else call -%}
        {{- '\\n<function=' ~ f.name ~ '>' -}}
        {%- if f.arguments is mapping %}{% for k, v in f.arguments | dictsort %}{{ '<' ~ k ~ '>' ~ (v if v is string else v | tojson) ~ '</' ~ k ~ '>' }}{% endfor %}{% else %}{{ f.arguments }}{% endif -%}
    {%- endfor -%}
{%- endif -%}""",
    ),
    (
        """{%- if tools %}{{ begin('available_tools') + tools | tojson(indent=2) | indent(2) + end }}{% endif -%}""",
        """{%- if message.tool_calls %}[TOOL_CALLS][{% for c in message.tool_calls %}{% set out = c.function | tojson %}{{ out[:-1] }}, "id": {{ (c.id | default('none')) | tojson }}}{{ ', ' if not loop.last else '' }}{% endfor %}]{% endif -%}""",
    ),
]
LOOPS = [  # {B}: what a message becomes
    "{%- for message in rest -%}{B}{%- endfor -%}",
    """{%- for message in rest -%}
    {%- if message.role not in ['user', 'assistant', 'tool', 'system'] %}{{ raise_exception('Unknown role: ' + message.role) }}{% endif -%}
    {B}
{%- else -%}{{ begin('user') }}?{{ end }}
{%- endfor -%}""",
    """{%- set ns = namespace(last=-1, turn=true) -%}
{%- for message in rest[::-1] %}{% if ns.last < 0 and message.role == 'user' %}{% set ns.last = rest|length - 1 - loop.index0 %}{% endif %}{% endfor -%}
{%- for message in rest -%}
    {%- if loop.index0 == ns.last %}{{ '<!-- last question -->' }}{% endif -%}
    {B}
{%- endfor -%}""",
    """{%- for message in rest -%}
    {%- if (message.role == 'user') != (loop.index0 is even) and message.role in ('user', 'assistant') %}{{ raise_exception('Roles must alternate after ' ~ loop.previtem.role if loop.previtem is defined else 'Begin with a question') }}{% endif -%}
    {B}
{%- endfor -%}""",
    """{%- for message in rest -%}
    {%- if message.role == 'system' %}{% continue %}{% endif -%}
    {B}
    {%- if loop.index > 4 %}{{ '…' }}{% break %}{% endif -%}
{%- endfor -%}""",
    """{%- for group in rest | batch(2) -%}{%- for message in group -%}{B}{%- endfor -%}{{ '' if loop.last else '~' }}{%- endfor -%}""",
]
ENDS = [
    "{%- if add_generation_prompt %}{{ begin('assistant') }}{% endif -%}",
    "{%- if add_generation_prompt -%}{{- begin('assistant') -}}{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif -%}{%- endif -%}",
    "{{- begin('assistant') if add_generation_prompt and messages[-1].role != 'assistant' else eos_token -}}",
    "{%- set tail = begin('assistant') %}{%- if add_generation_prompt %}{{ tail.rstrip() }}{% endif -%}",
]


def template(number):
    names = list(FRAMES)
    frame = names[number % len(names)]
    opening, closing, specials = FRAMES[frame]
    pick = lambda parts, step: parts[(number // step + number) % len(parts)]
    tools, calls = pick(TOOLS, 3)
    before, after = opening.split("{R}")
    quoted = lambda text: "'" + text.replace("\n", "\\n") + "'"
    body = "{{ begin(" + pick(ROLES, 5) + ") }}" + pick(CONTENTS, 7) + calls + "{{ end }}"
    if number % 6 == 4:
        body = "{%- if message.role == 'assistant' -%}{% generation %}" + body + "{% endgeneration %}{%- else -%}" + body + "{%- endif -%}"
    parts = [
        "{#- " + frame + ", no. " + str(number) + " -#}",
        "{%- macro begin(role) %}{{ " + quoted(before) + " ~ role ~ " + quoted(after) + " }}{% endmacro -%}",
        "{%- set end = " + quoted(closing) + " -%}",
        "{{- bos_token -}}" if "bos_token" in specials else "{%- if bos_token is defined %}{{ bos_token }}{% endif -%}",
        pick(SYSTEMS, 2),
        tools,
        pick(LOOPS, 4).replace("{B}", body),
        pick(ENDS, 9),
    ]
    return "\n".join(part for part in parts if part), specials


def compose(count=120):
    return {f"composed {number:03}": template(number) for number in range(count)}
