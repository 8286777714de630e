#!/usr/bin/env python3
"""Runs hookstorm on every node of a Ray cluster; the hosts share what they find through a bucket.

    ray_fuzz.py PLUGIN --corpus s3://bucket/prefix --time 8h

Ray starts one hookstorm on each node and returns its report; it transports no cases. hookstorm, the plugin and the credentials
of the bucket must be on each node: in its image, or by Ray's `runtime_env`. The exit status is 1 if a host found something, and
the worst status of all hosts if one failed.
"""
import argparse
import json
import os
import socket
import subprocess
import sys

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


@ray.remote(num_cpus=1, max_retries=3)
def host(number, words, environment):
    """One hookstorm. If its node comes back, Ray starts it again; its findings are in the bucket or in its copy."""
    ended = subprocess.run(
        [*words, "--seed", str(number), "--format", "json", "--quiet"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return {
        "host": socket.gethostname(),
        "seed": number,
        "status": ended.returncode,
        "report": ended.stdout,
        "said": ended.stderr,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("plugin", help="the plugin's .zip or folder, as each node sees it")
    parser.add_argument("--corpus", required=True, help="the bucket: s3://…, gs://… or az://…")
    parser.add_argument("--command", default="fuzz", choices=["fuzz", "test"])
    parser.add_argument("--time", default="1h", help="how long `fuzz` runs [default: 1h]")
    parser.add_argument("--runs", default="10000", help="how many sessions `test` runs on each node [default: 10000]")
    parser.add_argument("--jobs", help="how many workers on each node [default: its cores]")
    parser.add_argument("--hookstorm", default="hookstorm", help="the program [default: hookstorm, on PATH]")
    parser.add_argument("--copy", help="where each node copies the corpus: a folder in it for each [default: hookstorm's own]")
    parser.add_argument("--address", default="auto", help="the cluster [default: the one that this machine is in]")
    options = parser.parse_args()

    ray.init(address=options.address, log_to_driver=False, logging_level="warning")
    nodes = [node for node in ray.nodes() if node["Alive"]]
    words = [options.hookstorm, options.command, options.plugin, "--corpus", options.corpus]
    words += ["--time", options.time] if options.command == "fuzz" else ["--runs", options.runs]
    words += ["--jobs", options.jobs] if options.jobs else []
    # A node without credentials of its own uses those of the user who starts this script.
    environment = {key: value for key, value in os.environ.items() if key.startswith(("AWS_", "GOOGLE_", "AZURE_"))}
    print(f"{len(nodes)} nodes, {options.command} on {options.plugin}, corpus {options.corpus}", flush=True)
    hosts = []
    for number, node in enumerate(nodes, start=1):
        where = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
        own = ["--corpus-cache", os.path.join(options.copy, node["NodeID"])] if options.copy else []
        hosts.append(host.options(scheduling_strategy=where).remote(number, words + own, environment))

    worst, findings = 0, {}
    while hosts:
        done, hosts = ray.wait(hosts, num_returns=1)
        ended = ray.get(done[0])
        worst = max(worst, ended["status"])
        print(f"{ended['host']}, seed {ended['seed']}: status {ended['status']}", flush=True)
        if ended["status"] > 1:
            print(ended["said"], file=sys.stderr)
            continue
        for finding in json.loads(ended["report"])["findings"]:
            findings.setdefault(finding["fingerprint"], finding)
    for fingerprint, finding in sorted(findings.items()):
        print(f"{finding['severity']}[{finding['rule']}] {finding['message']}  ({fingerprint})")
    print(f"{len(findings)} findings")
    return worst


if __name__ == "__main__":
    sys.exit(main())
