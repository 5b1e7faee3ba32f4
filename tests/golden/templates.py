#!/usr/bin/env python3
"""Chat templates against jinja2, byte for byte.

    templates.py PROGRAM [-v] [DIRECTORY …]

PROGRAM is render_template. Every template (*.jinja in templates/ and in each DIRECTORY) is rendered with every conversation of
conversations.json, and every snippet of snippets.txt with its own variables; both must give the same text, or both must fail.
The environment is the one that Hugging Face's transformers build. Exit 77: jinja2 is not installed."""
import functools, json, os, pathlib, subprocess, sys, time

try:
    import jinja2, jinja2.ext, jinja2.nodes, jinja2.sandbox
except ImportError:
    print("skipped: python3-jinja2 is not installed")
    sys.exit(77)

HERE = pathlib.Path(__file__).parent / "templates"
NOW = 1721995200        # 26 July 2024, noon UTC
os.environ["TZ"] = "UTC"
time.tzset()


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _body(self, context, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
environment.filters["tojson"] = tojson
environment.filters["from_json"] = json.loads
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = lambda form: time.strftime(form, time.localtime(NOW))


@functools.lru_cache(maxsize=4)
def compiled(source):
    return environment.from_string(source)


def expected(case):
    """The text, or None and why it failed."""
    try:
        values = dict(add_generation_prompt=False, tools=None, documents=None, messages=case["messages"])
        values.update(json.loads(json.dumps(case["variables"])))
        text = compiled(case["template"]).render(**values)
        text.encode("utf-8")
        return text, None
    except Exception as error:                      # whatever it is: the other side must fail too
        return None, f"{type(error).__name__}: {error}"


def cases(directories):
    conversations = json.loads((HERE / "conversations.json").read_text())
    long = [dict(role=("user", "assistant")[i % 2], content=f"{i}: " + "Ein langer Satz – ‘x’. " * 40) for i in range(401)]
    conversations.append(dict(name="long", messages=long))
    for directory in directories:
        for path in sorted(directory.glob("*.jinja")):
            for c in conversations:
                for prompt in (False, True):
                    variables = dict(bos_token="<s>", eos_token="</s>", add_generation_prompt=prompt)
                    variables.update(c.get("variables", {}))
                    yield (f"{path.name} with {c['name']}, add_generation_prompt={prompt}",
                           dict(template=path.read_bytes().decode(), variables=variables, messages=c["messages"], now=NOW))
    for number, block in enumerate((HERE / "snippets.txt").read_text().split("\n----\n"), 1):
        head, variables = block, {}
        if block.startswith("#="):
            line, _, head = block.partition("\n")
            variables = json.loads(line[2:])
        yield (f"snippet {number}: {head!r}", dict(template=head.replace("␍", "\r"), variables=variables, messages=[], now=NOW))


def main():
    verbose = "-v" in sys.argv
    program, *directories = [a for a in sys.argv[1:] if a != "-v"]
    named = list(cases([HERE, *map(pathlib.Path, directories)]))
    lines = "".join(json.dumps(c) + "\n" for _, c in named)
    answers = subprocess.run([program], input=lines.encode(), stdout=subprocess.PIPE, check=False)
    if answers.returncode:
        sys.exit(f"{program} ended with {answers.returncode}")
    answers = [json.loads(a) for a in answers.stdout.splitlines()]
    if len(answers) != len(named):
        sys.exit(f"{len(named)} cases, but {len(answers)} answers")
    wrong = failures = 0
    for (name, case), answer in zip(named, answers):
        text, why = expected(case)
        failures += text is None
        if answer.get("text") != text:
            wrong += 1
            print(f"{name}\n    jinja2: {text if text is not None else why!r}\n    Ridge:  {answer!r}" if text is None
                  else f"{name}\n    jinja2: {text!r}\n    Ridge:  {answer!r}")
        elif verbose and text is None:
            print(f"{name}\n    jinja2: {why}\n    Ridge:  {answer['error']}")
    print(f"{len(named)} cases ({failures} of them fail in both): {wrong} differ")
    if wrong or failures == len(named) or not named:
        sys.exit(1)


main()
