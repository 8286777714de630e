"""The plain CPython loop that hookstorm's throughput is compared with: arguments from JSON, a fresh `Plugin`, the hook by
name, the result to JSON. Usage: plain.py FOLDER CONFIGURATION CALLS.json SECONDS; prints calls per second."""

import importlib
import json
import os
import sys
import time

folder, configuration, calls, seconds = sys.argv[1:5]
sys.path.insert(0, folder)
# What is logged goes nowhere, line by line as always.
os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
Plugin = importlib.import_module("main").Plugin
configuration = open(configuration).read()
calls = [(call["hook"], json.dumps(call["arguments"])) for call in json.load(open(calls))]
deadline = time.perf_counter() + float(seconds)
begin, done = time.perf_counter(), 0
while time.perf_counter() < deadline:
    for hook, text in calls:
        arguments = json.loads(text)
        json.dumps(getattr(Plugin(configuration), hook)(**arguments))
        done += 1
print(done / (time.perf_counter() - begin))
