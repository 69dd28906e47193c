"""The table of Redis commands against the live server: rows, key positions, routing."""

import subprocess
import sys

import pytest

import slipring
import wire
from wire import ErrorReply

GENERATOR = slipring.ROOT / "scripts" / "gen_resp_commands.py"

# Commands whose key positions depend on their arguments.
MOVABLE = """
EVAL s 0 | EVAL s 2 a b c | EVAL s 3 a b | EVAL s -1 a | EVAL s x a | EVAL_RO s 1 a b
EVALSHA s 1 a | EVALSHA_RO s 01 a | FCALL f 2 a b | FCALL_RO f 1 a
ZUNION 2 a b WEIGHTS 1 2 | ZUNION 3 a b | ZUNION 0 a | ZDIFF 2 a b WITHSCORES | ZINTER 1 a
ZINTERCARD 2 a b LIMIT 1 | ZUNIONSTORE d 2 a b | ZINTERSTORE d 3 a b | ZDIFFSTORE d 1 a
ZUNIONSTORE d 0 a | SINTERCARD 1 a LIMIT 1 | LMPOP 1 a LEFT | BLMPOP 0.01 2 a b LEFT | ZMPOP 2 a b MIN
BZMPOP 0.01 1 a MIN | XREAD STREAMS a 0 | XREAD COUNT 1 STREAMS a b 0 0 | XREAD STREAMS STREAMS 0
XREAD BLOCK 1 COUNT 1 streams a $ | XREAD COUNT 1 a b | XREAD STREAMS a b 0 | XREAD COUNT 1 STREAMS
XREADGROUP GROUP g c STREAMS a > | XREADGROUP COUNT 1 GROUP g c NOACK STREAMS a b > >
SORT k | SORT k LIMIT 0 1 DESC STORE d | SORT k BY STORE | SORT k BY STORE GET store store d
SORT k STORE d STORE e | SORT k STORE | SORT k GET x STORE b | SORT_RO k BY STORE
GEORADIUS k 1 1 1 km | GEORADIUS k 1 1 1 km STORE d | GEORADIUS k 1 1 1 km COUNT 1 ANY STOREDIST d
GEORADIUS k 1 1 1 km STORE | GEORADIUSBYMEMBER k STORE 1 km STOREDIST d
GEORADIUSBYMEMBER k m 1 km WITHCOORD store d ASC | BITOP AND d a b c
MSETNX a 1 b 2 | OBJECT FREQ k | MEMORY USAGE k SAMPLES 1 | XGROUP CREATE k g $ | XINFO STREAM k
"""
MOVABLE = [row.split() for line in MOVABLE.split("\n") for row in line.split("|") if row.strip()]

# K is a key; each of the others would be on another shard, were it taken for one.
ROUTED = """
GET K | SET K x | COPY K K | RENAME K K | BITOP AND K K K | EVAL x 2 K K x | ZUNIONSTORE K 2 K K
SORT K BY x GET x STORE K | SORT K STORE K | GEORADIUS K 1 1 1 km STORE K | LMPOP 2 K K LEFT
XREAD COUNT 1 STREAMS K K 0 0 | OBJECT ENCODING K | XGROUP CREATE K x $
GEOSEARCHSTORE K K FROMMEMBER x BYRADIUS 1 km
MSETNX K x K x | SDIFFSTORE K K K | PFMERGE K K | LCS K K | SMOVE K K x | ZRANGESTORE K K 0 1
"""
ROUTED = [row.split() for line in ROUTED.split("\n") for row in line.split("|") if row.strip()]


@pytest.fixture
def proxied(redis_proxy):
    with redis_proxy.connect() as conn:
        yield conn
        conn.assert_empty()


@pytest.fixture
def direct(redises):
    with redises[3].connect() as conn:
        yield conn


def test_the_table_is_what_the_server_says():
    done = subprocess.run([sys.executable, str(GENERATOR), "--check"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr


SPLIT = {b"mget", b"mset", b"del", b"unlink", b"exists", b"touch"}


def error_of(reply):
    return reply.args[0] if isinstance(reply, ErrorReply) else ""


def with_keys(args, at, keys):
    """The arguments with other keys in the places `at`."""
    args = list(args)
    for i, key in zip(at, keys):
        args[i] = key
    return args


def assert_keys_decide(proxied, ring, fresh, args, keys):
    """Of what the server calls keys, and of nothing else, the shard is found: they may be on any
    one shard, and no one of them elsewhere. The last of equal arguments is the key."""
    at = [len(args) - 1 - args[::-1].index(key) for key in keys]
    here = ring.keys(ring.names[0], len(at), fresh())
    there = ring.key(ring.names[1], fresh())
    reply = error_of(proxied.ask(*with_keys(args, at, here)))
    assert not reply.startswith("CROSSSLOT"), (args, reply)
    for i in range(len(at) if len(at) > 1 else 0):
        reply = error_of(proxied.ask(*with_keys(args, at, here[:i] + [there] + here[i + 1 :])))
        assert reply.startswith(("CROSSSLOT", "ERR wrong number")), (args, i, reply)


@pytest.mark.parametrize("args", MOVABLE, ids=" ".join)
def test_keys_among_arguments(proxied, direct, ring, fresh, args):
    keys = direct.ask("COMMAND", "GETKEYS", *args)
    if isinstance(keys, list):
        assert_keys_decide(proxied, ring, fresh, args, [key.decode() for key in keys])
    else:
        assert error_of(proxied.ask(*args)) and error_of(direct.ask(*args))


def test_keys_of_every_command(proxied, direct, ring, fresh):
    """Arguments without meaning, as many as each command takes and some more."""
    seen = 0
    for row in direct.ask("COMMAND"):
        for name, arity, flags in [row[:3]] + [sub[:3] for sub in row[9]]:
            words = name.split(b"|")
            # Channels are in a key's place and are none; a script's keys are counted in MOVABLE.
            # WATCH would watch.
            if {"pubsub", "no_mandatory_keys"} & {flag.decode() for flag in flags}:
                continue
            if name in SPLIT | {b"watch"}:
                continue
            for count in range(abs(arity), abs(arity) + (4 if arity < 0 else 1)):
                args = words + [b"x%d" % i for i in range(count - len(words))]
                keys = direct.ask("COMMAND", "GETKEYS", *args)
                refused = isinstance(keys, ErrorReply) or "is not supported" in error_of(
                    proxied.ask(*args))
                if not refused and (args[0] != b"pfmerge" or count > 2):
                    assert_keys_decide(proxied, ring, fresh, args, keys)
                    seen += 1
    assert seen > 300


def fill(args, keys):
    keys = iter(keys)
    return [next(keys) if arg == "K" else arg for arg in args]


@pytest.mark.parametrize("args", ROUTED, ids=" ".join)
def test_keys_alone_decide_the_shard(proxied, ring, fresh, args):
    """Keys of one shard pass wherever the other arguments would be; any key elsewhere does not."""
    count = args.count("K")
    for shard in ring.names:
        here = ring.keys(shard, count, fresh())
        reply = proxied.ask(*fill(args, here))
        text = reply.args[0] if isinstance(reply, ErrorReply) else ""
        assert not text.startswith(("CROSSSLOT", "ERR slipring", "ERR unknown")), text
    there = ring.key(next(name for name in ring.names if name != shard), fresh())
    for i in range(count if count > 1 else 0):
        reply = proxied.ask(*fill(args, here[:i] + [there] + here[i + 1 :]))
        assert isinstance(reply, ErrorReply) and reply.args[0].startswith("CROSSSLOT"), reply


def test_pairs_are_whole(proxied, direct):
    for args in (["MSET", "a", 1, "b"], ["MSETNX", "a", 1, "b"]):
        assert proxied.call(*args) == direct.call(*args)


@pytest.mark.parametrize("name", ["get", "GET", "gEt"])
def test_names_are_found_in_any_case(proxied, fresh, name):
    assert proxied.call(name, fresh()) == wire.bulk(None)
