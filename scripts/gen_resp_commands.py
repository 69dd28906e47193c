#!/usr/bin/env python3
"""Write proto/resp_commands.def and proto/resp_commands_hash.h from a redis-server's own COMMAND.

The rows say what the server says: arity, flags, key specifications. What the server cannot know,
how a sharding proxy treats a command, is in the few tables below.

    gen_resp_commands.py            write both files
    gen_resp_commands.py --check    write nothing; exit 1 where a committed file differs

It starts a redis-server 7.0 of its own (--redis-server names another program) on a socket in a
temporary directory, and stops it again.
"""
import argparse
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

VERSION = "7.0."
PROTO = pathlib.Path(__file__).resolve().parent.parent / "proxy" / "proto"

# Multi-key commands whose parts can go to several shards, and how the parts' replies are merged.
SPLITS = {
    "mget": ("SPLIT_KEYS", "MERGE_ARRAY"),
    "mset": ("SPLIT_PAIRS", "MERGE_ALL_OK"),
    "del": ("SPLIT_KEYS", "MERGE_SUM"),
    "unlink": ("SPLIT_KEYS", "MERGE_SUM"),
    "exists": ("SPLIT_KEYS", "MERGE_SUM"),
    "touch": ("SPLIT_KEYS", "MERGE_SUM"),
}
# Answered by the proxy itself.
LOCAL = {"ping", "echo", "quit", "select", "command", "hello", "client", "reset"}
# The server says "unknown" of some of SORT's specifications: its destination is named by a word,
# and its patterns name keys that no client can list, so SORT goes where its first key is.
INSTEAD_OF_UNKNOWN = {"sort": [("STORE", 2)], "sort_ro": []}
# Categories that need a connection of their own, or a server of one's own.
REFUSED_CATEGORIES = {"@transaction", "@pubsub", "@admin"}


class Reader:
    """Replies of a RESP2 server."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")

    def call(self, *args):
        out = b"*%d\r\n" % len(args)
        for arg in args:
            out += b"$%d\r\n%s\r\n" % (len(arg), arg.encode())
        self.sock.sendall(out)
        return self.read()

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        raise SystemExit(f"the server said {line!r}")


def ask(redis_server):
    """COMMAND's reply by a server started for it."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/redis.sock"
        server = subprocess.Popen(
            [redis_server, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL)
        try:
            sock = socket.socket(socket.AF_UNIX)
            for _ in range(500):
                if sock.connect_ex(path) == 0:
                    break
                time.sleep(0.02)
            reader = Reader(sock)
            info = reader.call("INFO", "server")
            version = info.split("redis_version:")[1].split()[0]
            if not version.startswith(VERSION):
                raise SystemExit(f"the table is of redis-server {VERSION}x; this one is {version}")
            return reader.call("COMMAND")
        finally:
            server.terminate()
            server.wait()


def as_map(flat):
    return dict(zip(flat[::2], flat[1::2]))


def one_spec(spec):
    """(kind, first, last, step) of one specification, or None if the table has no kind for it."""
    spec = as_map(spec)
    begin, find = as_map(spec["begin_search"]), as_map(spec["find_keys"])
    if "unknown" in (begin["type"], find["type"]):
        return None
    begin_spec, find_spec = as_map(begin["spec"]), as_map(find["spec"])
    if begin["type"] == "keyword":
        word = begin_spec["keyword"]
        if word == "STREAMS":
            return ("STREAMS",)
        if word in ("STORE", "STOREDIST"):
            return ("STORE", begin_spec["startfrom"])
        return None
    first = begin_spec["index"]
    if find["type"] == "keynum":
        if (find_spec["keynumidx"], find_spec["firstkey"], find_spec["keystep"]) != (0, 1, 1):
            return None
        return ("NUMKEYS", first)
    last = find_spec["lastkey"]
    return ("RANGE", first, first + last if last >= 0 else last, find_spec["keystep"])


def key_specs(row):
    """A command's specifications: neighbouring ranges are one, STORE and STOREDIST are one."""
    specs = []
    for spec in map(one_spec, row[8]):
        if spec is None or spec in specs:
            continue
        last = specs[-1] if specs else (None,)
        if spec[0] == "RANGE" == last[0] and last[2:] == (spec[1] - 1, 1) and spec[3] == 1:
            specs[-1] = ("RANGE", last[1], spec[2], 1)
        else:
            specs.append(spec)
    return specs + INSTEAD_OF_UNKNOWN.get(row[0], [])


def check_legacy(row, specs):
    """The merged range must be the one that COMMAND itself gives as first, last and step."""
    legacy = tuple(row[3:6])
    mine = specs[0][1:] if specs and specs[0][0] == "RANGE" else (0, 0, 0)
    if legacy != mine:
        raise SystemExit(f"{row[0]}: COMMAND says {legacy}, its specifications say {mine}")


def flags_of(row, specs):
    wire = row[2]
    flags = []
    if "readonly" in wire:
        flags.append("CMD_READ")
    elif "write" in wire or specs:
        flags.append("CMD_WRITE")
    if "blocking" in wire:
        flags.append("CMD_BLOCKING")
    # Of the pub/sub commands only those that change a connection's state are barred in scripts.
    if "pubsub" in wire and "noscript" in wire:
        flags.append("CMD_SUBSCRIBE")
    if "movablekeys" in wire:
        flags.append("CMD_MOVABLE")
    if row[9] and has_keyed(row):
        flags.append("CMD_CONTAINER")
    return flags


def has_keyed(row):
    return any(key_specs(sub) for sub in row[9])


def split_of(row, specs):
    name = row[0]
    if name in SPLITS:
        return SPLITS[name]
    if name in LOCAL:
        return "SPLIT_LOCAL", "MERGE_NONE"
    hidden = None in map(one_spec, row[8]) and name not in INSTEAD_OF_UNKNOWN
    blocks = "blocking" in row[2] and ("STREAMS",) not in specs
    if not specs or hidden or blocks or REFUSED_CATEGORIES & set(row[6]):
        return "SPLIT_REFUSE", "MERGE_NONE"
    return "SPLIT_NONE", "MERGE_NONE"


def rows_of(reply):
    """Rows in id order: sorted by name, a container's subcommands right behind it."""
    for row in sorted(reply):
        yield row
        if row[9] and has_keyed(row):
            yield from sorted(row[9])


def row_text(number, row):
    specs = key_specs(row)
    check_legacy(row, specs)
    split, merge = split_of(row, specs)
    flags = " | ".join(flags_of(row, specs)) or "0"
    texts = [f"{s[0]}({', '.join(map(str, s[1:]))})" for s in specs]
    keys = f"KEYS({len(texts)}, {', '.join(texts)})" if texts else "NO_KEYS"
    return (f'COMMAND({number}, "{row[0]}", {row[1]}, {flags}, {split}, {merge},\n'
            f'\t{keys}, "{" ".join(row[2])}")\n')


# The hash, as proto/resp_command.c has it.

MASK = (1 << 64) - 1


def name_word(name):
    data = bytes(c | 0x20 for c in name.encode())
    n = len(data)
    if n >= 8:
        low, high = (int.from_bytes(part, "little") for part in (data[:8], data[-8:]))
        return ((low ^ (high << 32 | high >> 32)) + n) & MASK
    if n >= 4:
        return (int.from_bytes(data[:4] + data[-4:], "little") + n) & MASK
    return (data[0] | data[n // 2] << 8 | data[-1] << 16) + n


def place(names, factor):
    """Displacements and slots for one factor, or None where two names cannot be told apart."""
    buckets = [[] for _ in range(128)]
    for number, name in names:
        h = name_word(name) * factor & MASK
        buckets[h >> 57].append((h >> 40 & 511, number))
    displacements, slots = [0] * 128, [None] * 512
    for bucket in sorted(range(128), key=lambda b: -len(buckets[b])):
        members = buckets[bucket]
        if len({at for at, _ in members}) != len(members):
            return None
        for displacement in range(512):
            if all(slots[(at + displacement) & 511] is None for at, _ in members):
                break
        else:
            return None
        displacements[bucket] = displacement
        for at, number in members:
            slots[(at + displacement) & 511] = number
    return displacements, [slot or 0 for slot in slots]


def hash_text(names):
    rng = random.Random(7)
    placed = None
    while placed is None:
        factor = rng.getrandbits(64) | 1
        placed = place(names, factor)

    def array(name, values):
        lines = [", ".join(map(str, values[i:i + 16])) for i in range(0, len(values), 16)]
        body = "".join(f"\t{line},\n" for line in lines)
        return f"static const uint16_t {name}[{len(values)}] = {{\n{body}}};\n"

    return (f"""/*
 * resp_commands_hash.h - a perfect hash over the names in resp_commands.def.
 *
 * Written by scripts/gen_resp_commands.py; for resp_command.c alone.
 * Layer: proto. Includes: nothing of the project's.
 */
#ifndef PROTO_RESP_COMMANDS_HASH_H
#define PROTO_RESP_COMMANDS_HASH_H

#include <stdint.h>

/* clang-format off */
#define RESP_NAME_MAX {max(len(name) for _, name in names)} /* bytes of the longest name */
#define RESP_HASH_FACTOR UINT64_C(0x{factor:016x})

/* By the hash's upper 7 bits: what is added to find the slot. */
{array("hash_displacements", placed[0])}
/* The id of the only row that a name of this slot can be. */
{array("hash_slots", placed[1])}/* clang-format on */

#endif
""")


DEF_HEAD = """/*
 * The commands of Redis 7.0: id, name, arity, flags, split, merge, keys, and the flags in
 * COMMAND's own words. A container with subcommands that take keys is followed by all of its
 * subcommands. Written by scripts/gen_resp_commands.py; choices are made there, not here.
 */
"""


def generate(redis_server):
    rows = list(rows_of(ask(redis_server)))
    table = DEF_HEAD + "".join(row_text(i, row) for i, row in enumerate(rows))
    names = [(i, row[0]) for i, row in enumerate(rows) if "|" not in row[0]]
    return {"resp_commands.def": table, "resp_commands_hash.h": hash_text(names)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed files")
    parser.add_argument("--redis-server", default="redis-server", metavar="PROGRAM")
    args = parser.parse_args()
    differ = 0
    for name, text in generate(args.redis_server).items():
        path = PROTO / name
        if not args.check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{name} is not what this server's COMMAND gives", file=sys.stderr)
            differ = 1
    return differ


if __name__ == "__main__":
    sys.exit(main())
