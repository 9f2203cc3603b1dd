#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/tutorial.md and compares what they print with what the page shows.

  check.py PAGE [--record] [--skip HEADING]...

Blocks marked `sh` are commands, each block for a shell of its own in the source root; a block marked `text` behind one is
its output. Numbers that training decides may differ: small integers must be equal, larger ones within
15 %, decimals within 8, and rates in kcycle/s are not compared. --record writes the output into the page.
"""
import re
import subprocess
import sys

NUMBER = re.compile(r"-?\d+\.\d+|\d+")


def blocks(lines):
    """(heading, kind, first line, last line) of every fenced block; the lines are those between the fences."""
    heading, kind, begin = "", None, 0
    for i, line in enumerate(lines):
        if line.startswith("## "):
            heading = line[3:].strip()
        if line.startswith("```"):
            if kind is None:
                kind, begin = line[3:].strip(), i + 1
            else:
                yield heading, kind, begin, i
                kind = None


def numbers_agree(a, b):
    if a == b:
        return True
    if "." in a or "." in b:
        return abs(float(a) - float(b)) <= 8
    x, y = int(a), int(b)
    return max(x, y) > 64 and abs(x - y) <= 0.15 * max(x, y)


def agrees(want, got):
    want, got = (re.sub(r"\d+ kcycle/s", "N kcycle/s", s) for s in (want, got))
    if NUMBER.sub("N", want).split() != NUMBER.sub("N", got).split():
        return False
    return all(numbers_agree(a, b) for a, b in zip(NUMBER.findall(want), NUMBER.findall(got)))


def run(command):
    shell = subprocess.run(["bash", "-euo", "pipefail", "-c", command], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
    return shell.returncode, shell.stdout.splitlines()


def main():
    page, record = sys.argv[1], "--record" in sys.argv
    skipped = {b for a, b in zip(sys.argv, sys.argv[1:]) if a == "--skip"}
    with open(page, encoding="utf-8") as file:
        lines = file.read().splitlines()
    found = list(blocks(lines))
    replaced, failures, compared = [], 0, 0
    for i, (heading, kind, begin, end) in enumerate(found):
        if kind != "sh":
            continue
        if heading in skipped:
            continue
        command = "\n".join(lines[begin:end])
        print(f"tutorial.md:{begin + 1}: {lines[begin][:110]}", flush=True)
        code, output = run(command)
        if code != 0:
            print("\n".join(output[-20:]))
            print(f"tutorial.md:{begin + 1}: exit code {code}")
            return 1
        if i + 1 == len(found) or found[i + 1][1] != "text":
            continue
        _, _, first, last = found[i + 1]
        replaced.append((first, last, output))
        want = lines[first:last]
        compared += len(want)
        for k in range(max(len(want), len(output))):
            a = want[k] if k < len(want) else "(nothing)"
            b = output[k] if k < len(output) else "(nothing)"
            if not agrees(a, b) and not record:
                failures += 1
                print(f"tutorial.md:{first + k + 1}: the page shows\n  {a}\nbut it is\n  {b}")
    if record:
        for first, last, output in reversed(replaced):
            lines[first:last] = output
        with open(page, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    print(f"{compared} lines of output compared, {failures} differ")
    return 1 if failures or (compared == 0 and not record) else 0


sys.exit(main())
