"""The JSON Schemas that `stead schema` prints are schemas, agree with every example of units/, and find what
an editor should find: unknown keys, wrong types, unknown words, numbers out of range."""

import json
import pathlib
import subprocess
import tomllib

from gate import Gate, skip

WRONG = {
    "unit": [
        'comand = "x"',
        'command = 5',
        'command = ["x", 5]',
        'type = "simpel"',
        'requires = "a"',
        'essential = "yes"',
        '[restart]\nburst = -1',
        '[restart]\nwhenever = 1',
        '[exit-map]\n143 = 999',
        'restart = "sometimes"',
    ],
    "guest": [
        'rot = "/"',
        'root = 1',
        'ephemeral = "true"',
        'capabilities = "NET_RAW"',
        '[network]\nmode = "hosts"',
        '[unit.a]\ncomand = "x"',
        '[unit.a.restart]\nwhenever = 1',
    ],
}
RIGHT = {
    "unit": ['command = "x"', 'restart = "always"', '[x-mine]\nanything = 1', 'user = 33'],
    "guest": ['root = "host"', 'network = "host"', '[limits]\nmemory-max = "1G"', '[unit.a]\ncommand = ["x"]'],
}


def kind_of(path, folder):
    guest = path.parent.name in ("guests", "demo") or folder == "guests"
    return "guest" if guest else "unit"


def main():
    gate = Gate(__doc__, bin="the folder of the built programs")
    try:
        import jsonschema
    except ImportError:
        skip("the Python module jsonschema is missing; install the package python3-jsonschema")
    stead = pathlib.Path(gate.options.bin) / "stead"
    validators = {}
    for kind in ("unit", "guest"):
        text = subprocess.run([stead, "schema", kind], capture_output=True, text=True, check=True).stdout
        schema = json.loads(text)
        jsonschema.Draft7Validator.check_schema(schema)
        validators[kind] = jsonschema.Draft7Validator(schema)

    looked_at = 0
    for path in sorted((gate.root / "units").rglob("*.toml")):
        looked_at += 1
        kind = kind_of(path, path.parent.name)
        for error in validators[kind].iter_errors(tomllib.loads(path.read_text())):
            gate.complain(path, 1, f"{'.'.join(map(str, error.path))}: {error.message}; see src/unitfile/key_schema.cpp")
    for wanted, texts in ((False, WRONG), (True, RIGHT)):
        for kind, files in texts.items():
            for text in files:
                looked_at += 1
                if validators[kind].is_valid(tomllib.loads(text)) != wanted:
                    gate.complain(__file__, 1, f"{kind} {text!r} should {'' if wanted else 'not '}be valid")
    gate.finish(looked_at, "files")


main()
