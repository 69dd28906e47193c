"""What client libraries of Redis do, each with its own program in clients/, over three shards.

A program does one step and prints JSON, which is the same for all of them. With
SLIPRING_TEST_DIRECT=1 they talk to one Redis instead, which tells whether a program is right.

What libraries test of themselves is in test_own_suites.
"""

import json
import subprocess

import pytest

import programs
import servers

redis_py = pytest.importorskip("redis")

PROGRAMS = {
    "redis-py": [programs.PYTHON, "redis_py.py"],
    "phpredis": ["php", "-d", "display_errors=stderr", "phpredis.php"],
    "redis-cli": [programs.PYTHON, "redis_cli.py"],
    "redis-cli-resp3": [programs.PYTHON, "redis_cli.py"],
    "hiredis": ["hiredis"],  # made from hiredis.c
    "redis-rb": ["ruby", "-W0", "redis_rb.rb"],
    "ioredis": ["node", "ioredis.js"],
    "node-redis": ["node", "node_redis.js"],
    "node-redis-resp3": ["node", "node_redis.js"],
}
STEPS = {
    # The library's greeting, whatever it asks there; then what it learns of itself.
    "connect": {"ping": "PONG", "name": "driver", "id": True, "info": True, "proto": 2},
    # SET, INCR and GET of 400 keys, LPUSH on a string and an MGET, sent at once.
    "pipeline": {"replies": 1202, "right": True, "error": "WRONGTYPE", "mget": True},
    # A transaction; 30 on 30 tags, thus on all shards; WATCH of a key that nobody writes to, and of
    # one that another client writes to; DISCARD.
    "transaction": {
        "exec": ["OK", 2, "2"], "right": 30, "watched": "3", "touched": None, "discarded": "theirs",
    },
    # BLPOP, BLMOVE and BZPOPMIN served by another client, 150 ms later; a BLPOP that nobody serves.
    "block": {
        "popped": "job1", "key": True, "moved": "job2", "least": ["m", 1.5], "nothing": None,
        "dst": ["job2"],
    },
    # Two channels and a pattern; how many received each message; back to commands.
    "subscribe": {
        "received": [1, 1, 1], "messages": [[":a", "m0"], [":b", "m1"]],
        "patterns": [["-*", "-c", "m2"]], "after": 0, "ping": "PONG",
    },
    # SCAN of 300 keys among those of other tests; HSCAN of 600 fields.
    "scan": {"found": 300, "distinct": 300, "same": True, "fields": 600},
    # INCRBY 2 of 30 keys by script: the library's way, the same after SCRIPT FLUSH, and EVALSHA
    # alone after SCRIPT LOAD.
    "script": {"eval": "a", "first": 60, "exists": False, "second": 120, "loaded": 180},
    # SELECT 3, another client of database 3, SELECT 0.
    "select": {"three": "three", "own": "three", "zero": None},
    # CLIENT KILL by another client; a new connection has the name and the database of the old one.
    "reconnect": {"value": "v", "name": "driver", "new": True},
}


@pytest.fixture(scope="session")
def hiredis(tmp_path_factory):
    path = tmp_path_factory.mktemp("hiredis") / "hiredis"
    subprocess.run(["gcc", "-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1",
                    str(programs.CLIENTS / "hiredis.c"), "-o", str(path), "-lhiredis"], check=True)
    return path


@pytest.fixture
def prefix(fresh):
    return fresh().decode()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("library", PROGRAMS)
def test_library(library, step, sharded, prefix, request):
    program = list(PROGRAMS[library])
    if program[0] == "hiredis":
        program[0] = request.getfixturevalue("hiredis")
    proto = 3 if library.endswith("resp3") else 2
    host, port = sharded.address
    out = programs.run([*program, step, host, str(port), prefix], RESP=str(proto))
    assert json.loads(out) == {**STEPS[step], **({"proto": proto} if step == "connect" else {})}


@pytest.fixture
def client(sharded):
    with redis_py.Redis(*sharded.address, decode_responses=True, socket_timeout=20) as one:
        yield one


@pytest.fixture
def behind(sharded):
    """A client of each shard itself."""
    made = [redis_py.Redis(*shard.address, decode_responses=True) for shard in sharded.shards]
    yield made
    for one in made:
        one.close()


def test_keys_and_what_a_scan_finds_are_on_all_shards(client, behind, prefix):
    for i in range(100):
        client.set(f"{prefix}:{i}", i)
        client.rpush(f"{prefix}-list:{i}", i)
    each = [shard.keys(f"{prefix}:*") for shard in behind]
    assert all(each) and sum(map(len, each)) == 100
    strings = client.scan_iter(match=f"{prefix}*", _type="string")
    assert sorted(strings) == sorted(sum(each, []))
    assert len(client.keys(f"{prefix}*")) == 200
    assert client.dbsize() == sum(shard.dbsize() for shard in behind)


def test_an_evalsha_finds_its_script_where_a_shard_has_lost_it(client, behind, prefix):
    """As after a shard's restart: the library is not told NOSCRIPT."""
    sha = client.script_load("return redis.call('INCR', KEYS[1])")
    if len(behind) > 1:
        for shard in behind:
            shard.script_flush()
    assert [client.evalsha(sha, 1, f"{prefix}:{i}") for i in range(30)] == [1] * 30
    assert client.script_exists(sha) == [True]


def test_redis_py_lock(client, prefix):
    """SET NX PX, and scripts to extend and to release."""
    for i in range(10):
        lock = client.lock(f"{prefix}:{i}", timeout=10)
        assert lock.acquire(blocking=False)
        assert not client.lock(f"{prefix}:{i}", timeout=10).acquire(blocking=False)
        assert lock.extend(5) and lock.reacquire()
        lock.release()
        assert not client.exists(f"{prefix}:{i}")


def test_redis_cli_counts_the_keys_of_all_shards(sharded, behind):
    host, port = sharded.address
    out = programs.run(["redis-cli", "-h", host, "-p", str(port), "--bigkeys"])
    keys = sum(shard.dbsize() for shard in behind)
    assert f"Sampled {keys} keys in the keyspace!" in out, out
