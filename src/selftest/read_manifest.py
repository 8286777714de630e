"""Reads manifests with the Plugin SDK's reader: for each line of hexadecimal on standard input it writes a line of JSON."""
import datetime
import io
import json
import sys

import yaml
from safeguard.sessions.plugin_impl.tasks.manifest import Manifest


def read(data, compatible, api):
    stream = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
    manifest = Manifest.from_stream(stream, compatible=compatible)
    manifest.check_api_version(api)
    return manifest.data


def duplicates(node, seen):
    """Whether a key occurs twice in one mapping, which the SDK accepts and YAML forbids."""
    if id(node) in seen:
        return False
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return any(duplicates(item, seen) for item in node.value)
    if not isinstance(node, yaml.MappingNode):
        return False
    keys = [equal(key) for key, _ in node.value]
    return len(keys) != len(set(keys)) or any(duplicates(part, seen) for pair in node.value for part in pair)


def equal(key):
    if not isinstance(key, yaml.ScalarNode):
        return id(key)
    try:
        return yaml.SafeLoader("").construct_object(key)
    except Exception:
        return "?" + key.value


def shown(value):
    simple = (str, int, float, bool, type(None), datetime.date)
    return [type(value).__name__, str(value) if isinstance(value, simple) else None]


def answer(data, api):
    answer = {"strict": None, "compatible": None, "values": {}, "duplicate": False}
    for mode in ("strict", "compatible"):
        try:
            values = read(data, mode == "compatible", api)
            answer["values"] = {key: shown(value) for key, value in values.items() if isinstance(key, str)}
        except Exception as error:
            answer[mode] = "%s: %s" % (type(error).__name__, " ".join(str(error).split()))
    try:
        answer["duplicate"] = duplicates(yaml.compose(data.decode("utf-8"), yaml.SafeLoader), set())
    except Exception:
        pass
    return answer


print("ready", flush=True)
for line in sys.stdin:
    api, text = line.split(" ", 1)
    print(json.dumps(answer(bytes.fromhex(text), api)), flush=True)
