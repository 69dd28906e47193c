#!/usr/bin/env python3
"""Write the table of Redis commands from a redis-server's own COMMAND: proxy/proto's
resp_commands.def, resp_categories.def and resp_commands_hash.h, and conf/COMMANDS.md for people.

The rows say what the server says: arity, flags, key specifications, categories, and its tips on
how a proxy may spread a command. What the server cannot know is in the few tables below.

    gen_resp_commands.py            write the files
    gen_resp_commands.py --check    write nothing; exit 1 where a committed file differs

It starts a redis-server of its own (--redis-server names another program) on a socket in a
temporary directory, and stops it again. The committed files are of the version that they name; a
newer server's commands come by running this with that server. Commands that no table below has
a choice for, and the server no tip, are refused by name, and listed at the end of the run.
"""
import argparse
import collections
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

import gen_resp_doc

ROOT = pathlib.Path(__file__).resolve().parent.parent
CATEGORIES_MAX = 32  # bits of struct command's `categories`
SPECS_MAX = 3        # COMMAND_SPECS_MAX
NAMES_MAX = 480      # that the hash's 512 slots can be expected to hold

# What a command's tips do not say, or say of a cluster and not of this proxy: how it is spread
# over the shards, how the replies are joined, and the commands. Tips come after this table.
CHOICES = [
    # All or nothing, which parts could not keep.
    ("SPLIT_NONE", "MERGE_NONE", "msetnx"),
    # A message goes to one shard, found by its channel as if that were a key.
    ("SPLIT_NONE", "MERGE_NONE", "publish spublish"),
    ("SPLIT_SCAN", "MERGE_NONE", "scan"),
    ("SPLIT_SESSION", "MERGE_NONE", "multi exec discard watch unwatch"),
    ("SPLIT_PUBSUB", "MERGE_NONE",
     "subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe"),
    ("SPLIT_ALL", "MERGE_RANDOM", "randomkey"),
    ("SPLIT_ALL", "MERGE_INFO", "info"),
    ("SPLIT_ALL", "MERGE_MIN", "lastsave"),
    ("SPLIT_ALL", "MERGE_CONCAT", "latency|latest latency|history"),
    # The tip says "all succeeded", but the reply counts events.
    ("SPLIT_ALL", "MERGE_SUM", "latency|reset"),
    ("SPLIT_ALL", "MERGE_UNION", "pubsub|channels pubsub|shardchannels"),
    ("SPLIT_ALL", "MERGE_PAIRS", "pubsub|numsub pubsub|shardnumsub"),
    ("SPLIT_ALL", "MERGE_SUM", "pubsub|numpat"),
    # What all shards have alike, as such commands are written to all.
    ("SPLIT_ANY", "MERGE_NONE", "function|list function|dump function|stats"),
    ("SPLIT_ANY", "MERGE_NONE", "command command|* lolwut"),
    ("SPLIT_LOCAL", "MERGE_NONE",
     "ping echo quit select hello auth reset time role readonly readwrite asking config|get"
     " client|* cluster|*"),
]
ONE_NODE = "it administers one node: connect to that node"
# Known and not supported: why, as the end of "'wait' is not supported: ...", and the commands.
REFUSED = [
    ("an acknowledgement counts the replicas of one node, and this proxy has many",
     "wait waitaof"),
    ("the proxy's own configuration says who may do what", "acl|*"),
    (ONE_NODE, "bgrewriteaof bgsave save shutdown config|set config|rewrite config|resetstat"
     " memory|doctor memory|stats memory|malloc-stats"
     " latency|doctor latency|graph latency|histogram"),
    ("each node has modules of its own: connect to that node", "module|*"),
    ("it is for debugging one node: connect to that node",
     "debug pfdebug pfselftest script|debug"),
    ("it changes which node replicates which: connect to that node",
     "replicaof slaveof failover"),
    ("it is how a replica talks to its primary: connect to that node", "sync psync replconf"),
    ("it shows the commands of one node: connect to that node", "monitor"),
    ("it would move keys to where this proxy does not look for them", "migrate"),
    ("it is how the nodes of a cluster talk to each other", "restore-asking"),
    ("the shards would not swap their databases at the same moment", "swapdb"),
]
CONTAINER_WHY = "it needs a subcommand"
# For what a newer server has and nobody has thought about yet.
HIDDEN_WHY = "its arguments do not tell where its keys are"
UNKNOWN_WHY = "it names no key, and nothing says which shards it is for"

# request_policy and response_policy, the tips for clients of a cluster, in this table's words.
REQUEST_POLICIES = {"all_shards": "SPLIT_ALL", "all_nodes": "SPLIT_ALL"}
RESPONSE_POLICIES = {
    "agg_sum": "MERGE_SUM", "agg_min": "MERGE_MIN", "agg_logical_and": "MERGE_AND",
    "all_succeeded": "MERGE_ALL_OK", "one_succeeded": "MERGE_ANY_OK",
}
# Reads of which a replica's answer is of no use: its cursors are its own, it lags behind in what
# keys there are, and scripts are loaded at the primary only.
PRIMARY = set("scan hscan sscan zscan keys randomkey dbsize eval_ro evalsha_ro fcall_ro".split())
# A script is known to a node that has run it or been given it; a function is data.
SCRIPTS = {"eval", "evalsha", "eval_ro", "evalsha_ro"}
# What changes the connections that a client's calls take, and so waits for those before it.
ALONE = set("hello select reset multi watch subscribe unsubscribe psubscribe punsubscribe ssubscribe"
            " sunsubscribe".split())
# Answered by the proxy, but by a node where they are in a transaction.
QUEUES = {"ping", "echo", "time"}
# What a RESP2 client may send while it is subscribed, beside what changes its subscriptions.
SUBSCRIBED = {"ping", "quit", "reset"}
# What reads keys whose names it makes of patterns.
PATTERNS = {"sort", "sort_ro"}
# What ends the client's state, an open transaction included.
ENDS = {"quit", "reset"}
# The server says "unknown" of some of SORT's specifications: its destination is named by a word,
# and its patterns name keys that no client can list, so SORT goes where its first key is.
INSTEAD_OF_UNKNOWN = {"sort": [("STORE", 2)], "sort_ro": []}
# A channel is no key to the server; it is one for the choice of the shard.
CHANNEL_AS_KEY = {"publish": [("RANGE", 1, 1, 1)]}


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
    """Version ("7.0"), ACL categories and COMMAND's reply of a server started for it."""
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
            version = re.search(r"redis_version:(\d+\.\d+)", info)[1]
            return version, sorted(reader.call("ACL", "CAT")), reader.call("COMMAND")
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
    if row[0] in CHANNEL_AS_KEY:
        return CHANNEL_AS_KEY[row[0]]
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
    if row[0] in CHANNEL_AS_KEY:
        return
    legacy = tuple(row[3:6])
    mine = specs[0][1:] if specs and specs[0][0] == "RANGE" else (0, 0, 0)
    if legacy != mine:
        raise SystemExit(f"{row[0]}: COMMAND says {legacy}, its specifications say {mine}")


def flags_of(row, specs):
    name, wire = row[0], row[2]
    # Of the pub/sub commands only those that change a connection's state are barred in scripts.
    subscribes = "pubsub" in wire and "noscript" in wire
    reads = "readonly" in wire
    has = [
        ("CMD_READ", reads),
        ("CMD_WRITE", not reads and not subscribes and ("write" in wire or specs)),
        ("CMD_BLOCKING", "blocking" in wire),
        ("CMD_SUBSCRIBE", subscribes),
        ("CMD_MOVABLE", "movablekeys" in wire),
        ("CMD_CONTAINER", row[9]),
        ("CMD_PRIMARY", name in PRIMARY),
        ("CMD_SCRIPT", name in SCRIPTS),
        ("CMD_NO_AUTH", "no_auth" in wire),
        ("CMD_ALONE", name in ALONE),
        ("CMD_QUEUES", name in QUEUES),
        ("CMD_SUBSCRIBED", name in SUBSCRIBED),
        ("CMD_ENDS", name in ENDS),
        ("CMD_PATTERNS", name in PATTERNS),
    ]
    return [flag for flag, does in has if does]


def spread(names_of_each):
    """{name: rest} of rows whose last column lists names; "acl|*" is every subcommand of acl."""
    return {name: rest for *rest, names in names_of_each for name in names.split()}


CHOICE_OF, WHY_OF = spread(CHOICES), spread(REFUSED)


def chosen(table, name):
    family = name.split("|")[0] + "|*" if "|" in name else None
    return table.get(name) or table.get(family)


def split_by_tips(row):
    """Split and merge as the server's tips have them, or None where they say too little."""
    tips = dict(tip.split(":") for tip in row[7] if ":" in tip)
    request, response = tips.get("request_policy"), tips.get("response_policy")
    if request == "multi_shard":
        # Parts can be made of keys up to the last argument, and of no others.
        specs = key_specs(row)
        step = specs[0][3] if len(specs) == 1 and specs[0][::2] == ("RANGE", -1) else None
        split, merge = {1: "SPLIT_KEYS", 2: "SPLIT_PAIRS"}.get(step), "MERGE_ARRAY"
    else:
        split, merge = REQUEST_POLICIES.get(request), "MERGE_CONCAT"
    if response is not None:
        merge = RESPONSE_POLICIES.get(response)
    return (split, merge) if split and merge else None


def split_of(row):
    """Split, merge, and why it is refused or None."""
    name = row[0]
    # Help is the server's text wherever the family itself is answered.
    if name.endswith("|help"):
        return "SPLIT_ANY", "MERGE_NONE", None
    if chosen(WHY_OF, name):
        return "SPLIT_REFUSE", "MERGE_NONE", chosen(WHY_OF, name)[0]
    if chosen(CHOICE_OF, name):
        return *chosen(CHOICE_OF, name), None
    if row[9]:
        return "SPLIT_REFUSE", "MERGE_NONE", CONTAINER_WHY
    if split_by_tips(row):
        return *split_by_tips(row), None
    if None in map(one_spec, row[8]) and name not in INSTEAD_OF_UNKNOWN:
        return "SPLIT_REFUSE", "MERGE_NONE", HIDDEN_WHY
    if key_specs(row):
        return "SPLIT_NONE", "MERGE_NONE", None
    return "SPLIT_REFUSE", "MERGE_NONE", ONE_NODE if "@admin" in row[6] else UNKNOWN_WHY


Command = collections.namedtuple(
    "Command", "name arity flags split merge specs wire categories why")


def command_of(row, categories):
    specs = key_specs(row)
    check_legacy(row, specs)
    if len(specs) > SPECS_MAX:
        raise SystemExit(f"{row[0]}: more than {SPECS_MAX} key specifications")
    mask = sum(1 << categories.index(name.removeprefix("@")) for name in row[6])
    split, merge, why = split_of(row)
    return Command(row[0], row[1], flags_of(row, specs), split, merge, specs, row[2], mask, why)


def commands_of(reply, categories):
    """All in id order: sorted by name, a container's subcommands right behind it."""
    if len(categories) > CATEGORIES_MAX:
        raise SystemExit(f"more than {CATEGORIES_MAX} categories")
    rows = [row for top in sorted(reply) for row in [top] + sorted(top[9])]
    return [command_of(row, categories) for row in rows]


def row_text(number, command):
    flags = " | ".join(command.flags) or "0"
    texts = [f"{s[0]}({', '.join(map(str, s[1:]))})" for s in command.specs]
    keys = f"KEYS({len(texts)}, {', '.join(texts)})" if texts else "NO_KEYS"
    why = f'"{command.why}"' if command.why else "NULL"
    return (f'COMMAND({number}, "{command.name}", {command.arity}, {flags}, {command.split},'
            f' {command.merge},\n\t{keys}, "{" ".join(command.wire)}",\n'
            f'\t0x{command.categories:x}, {why})\n')


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


def hash_text(names, version):
    if len(names) > NAMES_MAX:
        raise SystemExit("too many names for the hash: widen it here and in resp_command.c")
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
 * resp_commands_hash.h - a perfect hash over the names in resp_commands.def (Redis {version}).
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
 * The commands of Redis {version}: id, name, arity, flags, split, merge, keys, the flags in
 * COMMAND's own words, categories (a bit a row of resp_categories.def), and why it is refused. A
 * container is followed by all of its subcommands.
 * Written by scripts/gen_resp_commands.py; choices are made there, not here.
 */
"""
CATEGORIES_HEAD = """/*
 * The ACL categories of Redis {version}: the bit in a command's `categories`, and the name.
 * Written by scripts/gen_resp_commands.py.
 */
"""


def generate(redis_server):
    """{path: text} of all files, and the names that only the last resorts were left for."""
    version, categories, reply = ask(redis_server)
    commands = commands_of(reply, categories)
    names = [(i, command.name) for i, command in enumerate(commands) if "|" not in command.name]
    proto = ROOT / "proxy" / "proto"
    return {
        proto / "resp_commands.def": DEF_HEAD.format(version=version) + "".join(
            row_text(i, command) for i, command in enumerate(commands)),
        proto / "resp_categories.def": CATEGORIES_HEAD.format(version=version) + "".join(
            f'RESP_CATEGORY({i}, "{name}")\n' for i, name in enumerate(categories)),
        proto / "resp_commands_hash.h": hash_text(names, version),
        ROOT / "conf" / "COMMANDS.md": gen_resp_doc.text(commands, version),
    }, [command.name for command in commands if command.why in (HIDDEN_WHY, UNKNOWN_WHY)]


def main():
    parser = argparse.ArgumentParser(description="Write the table of Redis commands.")
    parser.add_argument("--check", action="store_true", help="compare with the committed files")
    parser.add_argument("--redis-server", default="redis-server", metavar="PROGRAM")
    args = parser.parse_args()
    differ = 0
    texts, undecided = generate(args.redis_server)
    for path, text in texts.items():
        if not args.check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path.name} is not what this server's COMMAND gives; is the server of the "
                  "version that the file names?", file=sys.stderr)
            differ = 1
    if undecided:
        print("refused, as no table here has them: " + ", ".join(undecided), file=sys.stderr)
    return differ


if __name__ == "__main__":
    sys.exit(main())
