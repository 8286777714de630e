"""Looks for a planted defect with Atheris: `test_with_atheris.py PLUGIN RULE HOOK SEED SECONDS`. RULE `none` is found
nowhere, and counts calls until time is up.

Coverage of the plugin's module, value profile, and both of the optional hooks (`str` for startswith and endswith,
`RegEx`) are on. The dictionary holds every constant of the plugin's code and every value of its configuration.
"""
import ast
import os
import re
import sys
import tempfile

import atheris

import test_sessions

TEXT_LENGTH = 48


class Source:
    """Choices from libFuzzer's bytes, by Atheris's own provider."""

    def __init__(self, data):
        self.data = atheris.FuzzedDataProvider(data)

    def yes(self, probability):
        return self.data.ConsumeIntInRange(0, 255) >= 256 * (1 - probability)

    def number(self, low, high):
        return self.data.ConsumeIntInRange(low, high)

    def item(self, pool):
        return pool[self.data.ConsumeIntInRange(0, len(pool) - 1)]

    def text(self, pool):
        if self.yes(0.35):
            return self.item(pool)
        return self.data.ConsumeUnicodeNoSurrogates(self.data.ConsumeIntInRange(0, TEXT_LENGTH))


def words(folder):
    """The constants of the plugin's code and the values of its configuration."""
    tree = ast.parse(open(os.path.join(folder, "main.py"), encoding="utf-8").read())
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    configuration = os.path.join(folder, "default.cfg")
    if os.path.exists(configuration):
        texts.update(re.findall(r"^\w+ *= *(.*)$", open(configuration, encoding="utf-8").read(), re.MULTILINE))
    return sorted(text for text in texts if 0 < len(text) <= TEXT_LENGTH)


def write_dictionary(folder, scratch):
    path = os.path.join(scratch, "words.dict")
    with open(path, "w", encoding="ascii") as file:
        for word in words(folder):
            file.write('"{}"\n'.format("".join("\\x{:02X}".format(byte) for byte in word.encode())))
    return path


def main():
    folder, rule, hook, seed, seconds = sys.argv[1:]
    atheris.enabled_hooks.add("str")
    # Atheris 3.0 fails on a pattern of bytes that the Plugin SDK brings along; what counts calls is quicker without it.
    if rule != "none":
        atheris.enabled_hooks.add("RegEx")
    with atheris.instrument_imports(include=["main"]):
        tested = test_sessions.Tested(folder)
    hunt = test_sessions.Hunt(tested, rule, hook, float(seconds))
    scratch = tempfile.mkdtemp(dir=os.getcwd())
    options = [
        "-seed=" + seed,
        "-use_value_profile=1",
        "-dict=" + write_dictionary(folder, scratch),
        # Long inputs from the start: a session takes many bytes. It finds more here than libFuzzer's slow growth does.
        "-len_control=0",
        "-max_len=1024",
        "-rss_limit_mb=0",
        "-artifact_prefix=" + scratch + "/",
    ]
    atheris.Setup([sys.argv[0]] + options, lambda data: hunt.one(Source(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
