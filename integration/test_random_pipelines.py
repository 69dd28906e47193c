"""Random pipelines through the proxy against the same commands sent to one server directly."""

import random
import threading

import pytest

import slipring
import wire

PIPELINES = 40
CLIENTS = 6


# -- what is sent ---------------------------------------------------------------------------------


def redis_command(rng, keys):
    """One command whose reply depends on earlier commands alone."""
    k = rng.choice(keys)
    some = rng.sample(keys, rng.randint(1, min(len(keys), 8)))
    number, word = rng.randint(-3, 40), b"w" * rng.choice([0, 1, 3, 40, 700, 9000])
    pairs = [part for key in some for part in (key, b"%d" % rng.randint(0, 99))]
    return wire.command(*rng.choice([
        ("GET", k), ("SET", k, number), ("SET", k, word), ("SET", k, word, "NX"), ("INCR", k),
        ("DECRBY", k, number), ("APPEND", k, word), ("STRLEN", k), ("GETRANGE", k, 0, 5),
        ("GETDEL", k), ("DEL", *some), ("UNLINK", *some), ("EXISTS", *some), ("TOUCH", *some),
        ("MGET", *some), ("MSET", *pairs), ("MGET", k, k), ("TYPE", k), ("TTL", k),
        ("EXPIRE", k, 5000), ("PERSIST", k), ("HSET", k, "f%d" % (number % 5), number),
        ("HGETALL", k), ("HDEL", k, "f1"), ("RPUSH", k, number), ("LPOP", k),
        ("LRANGE", k, 0, -1), ("SADD", k, number), ("SMEMBERS", k),
        ("ZADD", k, number, "m%d" % number),
        ("ZRANGE", k, 0, -1, "WITHSCORES"), ("PING",), ("PING", word), ("ECHO", word), ("GET",),
        ("MSET", k), ("SET", k, 1, "BAD"), ("NOPE", k), ("SELECT", 0), ("EXISTS", k, k),
        ("SETRANGE", k, 3, b"zz"), ("GETSET", k, number), ("BITCOUNT", k), ("LINDEX", k, 0),
    ]))


def redis_inline(rng, keys):
    k = rng.choice(keys)
    return rng.choice([b"GET %s\r\n", b"INCR %s\n", b'SET %s "a b"\r\n', b"DEL %s %s\r\n"]).replace(
        b"%s", k)


def mc_command(rng, keys):
    """(bytes, number of replies).

    No get of a key that is too long: memcached 1.6.18 loses an earlier reply of the pipeline then.
    No number that a decr or an incr makes shorter: whether memcached pads it with spaces depends on
    replies still being sent.
    """
    k = rng.choice(keys)
    value = b"v" * rng.choice([0, 1, 5, 100, 3000, 20000])
    number = b"%d" % rng.randint(10, 30)
    some = b" ".join(rng.sample(keys, rng.randint(1, min(len(keys), 8))))
    noreply = rng.random() < 0.25
    end = b" noreply\r\n" if noreply else b"\r\n"
    head = rng.choice([b"set", b"add", b"replace", b"append", b"prepend"])
    stored = rng.choice([value, number])
    line = rng.choice([
        head + b" %s %d 0 %d" % (k, rng.randint(0, 9), len(stored)) + end + stored + b"\r\n",
        head + b" %s 0 0 %d" % (k, len(number)) + end + number + b"\r\n",
        b"cas %s 0 0 1 999999999999" % k + end + b"x\r\n",
        b"incr %s %s" % (k, number) + end, b"decr %s 0" % k + end,
        b"touch %s 5000" % k + end, b"delete %s" % k + end,
    ])
    if rng.random() < 0.45:
        noreply = False
        line = rng.choice([
            b"get %s\r\n" % k, b"get %s\r\n" % some, b"gat 5000 %s\r\n" % some, b"nope\r\n",
            b"get\r\n", b"incr %s x\r\n" % k, b"set\r\n", b"touch %s x\r\n" % k,
        ])
    return line, 0 if noreply else 1


def make_pipeline(rng, protocol, keys):
    """(bytes of the whole pipeline, number of replies)."""
    count = rng.choice([1, 2, 7, 30, 120])
    if protocol == "redis":
        parts = [redis_inline(rng, keys) if rng.random() < 0.1 else redis_command(rng, keys)
                 for _ in range(count)]
        return b"".join(parts), count
    rows = [mc_command(rng, keys) for _ in range(count)]
    return b"".join(row[0] for row in rows), sum(row[1] for row in rows)


def pieces(rng, data):
    """The same bytes cut anywhere: whole, in a few, or in many small pieces."""
    size = rng.choice([len(data), 5000, 1460, 97, 11])
    if len(data) / size > 400:
        size = len(data) // 400
    at = 0
    while at < len(data):
        step = max(1, int(rng.expovariate(1 / size))) if size < len(data) else size
        yield data[at : at + step]
        at += step


# -- one client -----------------------------------------------------------------------------------


def exchange(rng, conn, data, count):
    """Send in pieces while reading; the replies."""
    failures = []

    def send():
        try:
            for piece in pieces(rng, data):
                conn.send(piece)
        except OSError as err:
            failures.append(err)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        replies = [conn.read_reply() for _ in range(count)]
    finally:
        sender.join()
    assert not failures, failures
    return replies


def comparable(reply):
    """memcached promises no order among VALUE blocks."""
    if reply.startswith(b"VALUE "):
        blocks, last = wire.value_blocks(reply)
        return sorted(blocks), last
    return reply


def run_client(seed, protocol, direct_address, proxy_address, pipelines):
    """The first difference as text, or None."""
    rng, cut = random.Random(seed), random.Random(seed + 1)
    client = wire.RespConnection if protocol == "redis" else wire.McConnection
    keys = [b"r%x:%d" % (seed, i) for i in range(12)]
    with client(direct_address) as direct, client(proxy_address) as proxied:
        for number in range(pipelines):
            data, count = make_pipeline(rng, protocol, keys)
            wanted = exchange(cut, direct, data, count)
            got = exchange(cut, proxied, data, count)
            for i, (one, other) in enumerate(zip(got, wanted)):
                if comparable(one) != comparable(other):
                    return (f"seed {seed}, pipeline {number}, reply {i}: proxy {one[:300]!r}, "
                            f"direct {other[:300]!r}")
        direct.assert_empty()
        proxied.assert_empty()
    return None


def run_clients(rng, protocol, direct_address, proxy_address, pipelines=PIPELINES):
    seeds = [rng.randrange(1 << 32) for _ in range(CLIENTS)]
    found = []

    def run(seed):
        try:
            found.append(run_client(seed, protocol, direct_address, proxy_address, pipelines))
        except Exception as err:  # pylint: disable=broad-except
            found.append(f"seed {seed}: {err!r}")

    threads = [threading.Thread(target=run, args=(seed,)) for seed in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [None] * CLIENTS, [one for one in found if one]


@pytest.fixture
def many_worker_proxy(module_proxy, memcacheds, redises):
    return module_proxy({
        "pages": slipring.pool("memcached", memcacheds[:3]),
        "sessions": slipring.pool("redis", redises[:3]),
    }, workers=2)


@pytest.mark.parametrize("protocol", ["redis", "memcached"])
def test_against_a_direct_connection(rng, protocol, request):
    nodes = request.getfixturevalue("redises" if protocol == "redis" else "memcacheds")
    proxy = request.getfixturevalue("redis_proxy" if protocol == "redis" else "mc_proxy")
    run_clients(rng, protocol, nodes[3].address, proxy.address())


@pytest.mark.parametrize("protocol", ["redis", "memcached"])
def test_two_workers_against_a_direct_connection(rng, protocol, request, many_worker_proxy):
    nodes = request.getfixturevalue("redises" if protocol == "redis" else "memcacheds")
    name = "sessions" if protocol == "redis" else "pages"
    run_clients(rng, protocol, nodes[3].address, many_worker_proxy.address(name), PIPELINES // 2)


@pytest.mark.parametrize("protocol", ["redis", "memcached"])
def test_the_comparison_itself(rng, protocol, request):
    """Two servers asked directly never differ, so a difference is the proxy's."""
    nodes = request.getfixturevalue("redises" if protocol == "redis" else "memcacheds")
    run_clients(rng, protocol, nodes[3].address, nodes[0].address, PIPELINES // 2)


# -- every single-key command ---------------------------------------------------------------------

SKIPPED = {  # blocking, random by nature, or telling what only one server knows
    b"dump", b"restore", b"restore-asking", b"migrate", b"spublish", b"ssubscribe", b"sunsubscribe",
    b"object", b"memory", b"xinfo", b"randomkey", b"debug", b"pfdebug", b"pfselftest", b"move",
    b"srandmember", b"spop", b"hrandfield", b"zrandmember", b"georadius", b"georadiusbymember",
}


def test_every_single_key_command_answers_as_the_server(redises, redis_proxy, fresh):
    """Each with a few arguments after its key; most are errors, and those are the server's too."""
    with redises[3].connect() as direct, redis_proxy.connect() as proxied:
        for name, arity, flags, first, last, *_rest in direct.ask("COMMAND"):
            others = {b"blocking", b"admin", b"movablekeys"} & set(flags)
            if (first, last) != (1, 1) or name in SKIPPED or others:
                continue
            for extra in range(5):
                if arity > 0 and extra != arity - 2:
                    continue
                key = fresh()
                for args in ([name, key] + [b"1"] * extra, [name, key] + [b"1", b"a"] * extra):
                    for setup in ([], ["SET", key, "5"], ["RPUSH", key, "1"],
                                  ["HSET", key, "1", "1"]):
                        if setup:
                            assert direct.call(*setup) == proxied.call(*setup)
                        wanted, got = direct.call(*args), proxied.call(*args)
                        assert got == wanted, (args, setup)
                        assert direct.call("DEL", key) == proxied.call("DEL", key), args
