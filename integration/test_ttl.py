"""Expiry times changed on their way: ttl_jitter, max_ttl and default_ttl, read back at real nodes.

Each case says what a client sends and the range of what a node then says is left, in seconds. The
nodes' clocks go on meanwhile, so a range begins a little lower than the rule.
"""

import time

import pytest

import slipring
import wire
from wire import command

SLACK = 5  # seconds that a test may lose on the way
TICK = 2  # memcached's own clock goes in whole seconds, and a little behind
DAY = 86400
HOUR = 3600


def mc_left(server, key):
    """The seconds that an item has left, by the node itself: -1 for ever, None if it is not there."""
    with server.connect() as conn:
        conn.send(b"mg %s t\r\n" % key)
        line = conn.read_line()
    if line == b"EN\r\n":
        return None
    assert line.startswith(b"HD t"), line
    return int(line.split()[1][1:])


def resp_left(server, key):
    with server.connect() as conn:
        left = wire.decode(conn.call("PTTL", key))
    return left if left < 0 else left / 1000


def assert_left(left, low, high):
    assert left is not None and low - SLACK <= left <= high + TICK, (left, low, high)


@pytest.fixture
def mc(make_proxy, memcacheds):
    """A function: a client of a pool of one node, and the node."""
    def make(**settings):
        proxy = make_proxy(slipring.pool("memcached", memcacheds[:1], **settings))
        return proxy.connect(), memcacheds[0]
    return make


@pytest.fixture
def redis(make_proxy, redises):
    def make(**settings):
        proxy = make_proxy(slipring.pool("redis", redises[:1], **settings))
        return proxy.connect(), redises[0]
    return make


RULES = {
    "max_ttl": "7d", "default_ttl": "1h",
    "prefixes": [{"match": "page:", "max_ttl": "60s"}, {"match": "lock:", "max_ttl": "off",
                                                       "default_ttl": "off"}],
}

MC_CASES = [
    (b"set K 0 0 1\r\nx", HOUR), (b"set K 0 100 1\r\nx", 100),
    (b"set K 0 864000 1\r\nx", 7 * DAY), (b"set K 0 SOON 1\r\nx", 300),
    (b"set K 0 LATE 1\r\nx", 7 * DAY), (b"set page:K 0 0 1\r\nx", 60),
    (b"set page:K 0 100 1\r\nx", 60), (b"set lock:K 0 0 1\r\nx", -1),
    (b"set lock:K 0 864000 1\r\nx", 10 * DAY), (b"add K 0 0 1\r\nx", HOUR),
    (b"set K 0 -1 1\r\nx", None), (b"set K 0 PAST 1\r\nx", None),
]


@pytest.mark.parametrize("line, left", MC_CASES, ids=[case[0].decode() for case in MC_CASES])
def test_memcached_stores(mc, line, left):
    conn, node = mc(**RULES)
    node.flush()
    now = int(time.time())
    for word, seconds in ((b"SOON", 300), (b"LATE", 40 * DAY), (b"PAST", -10)):
        line = line.replace(word, b"%d" % (now + seconds))
    with conn:
        assert conn.call(line) == b"STORED\r\n"
        if left is None or left < 0:
            assert mc_left(node, line.split()[1]) == left
        else:
            assert_left(mc_left(node, line.split()[1]), left, left)
        conn.assert_empty()


def test_memcached_touches(mc):
    conn, node = mc(**RULES)
    with conn:
        for key in (b"a", b"page:a", b"lock:a"):
            assert conn.call(b"set %s 0 10 1\r\nx" % key) == b"STORED\r\n"
            assert conn.call(b"touch %s 864000" % key) == b"TOUCHED\r\n"
        assert_left(mc_left(node, b"a"), 7 * DAY, 7 * DAY)
        assert_left(mc_left(node, b"page:a"), 60, 60)
        assert_left(mc_left(node, b"lock:a"), 10 * DAY, 10 * DAY)
        # One command to one node has one time: that of the strictest of its keys.
        assert conn.call(b"gat 0 a lock:a").count(b"VALUE") == 2
        assert_left(mc_left(node, b"a"), HOUR, HOUR)
        assert_left(mc_left(node, b"lock:a"), HOUR, HOUR)
        assert conn.call(b"gats 200 page:a").startswith(b"VALUE page:a 0 1 ")
        assert_left(mc_left(node, b"page:a"), 60, 60)
        conn.assert_empty()


def test_memcached_cas_replace_and_append(mc):
    conn, node = mc(**RULES)
    with conn:
        assert conn.call(b"set a 0 10 1\r\nx") == b"STORED\r\n"
        assert conn.call(b"replace a 0 0 1\r\ny") == b"STORED\r\n"
        assert_left(mc_left(node, b"a"), HOUR, HOUR)
        unique = conn.call(b"gets a").split()[4]
        assert conn.call(b"cas a 0 864000 1 %s\r\nz" % unique) == b"STORED\r\n"
        assert_left(mc_left(node, b"a"), 7 * DAY, 7 * DAY)
        assert conn.call(b"append a 0 5 1\r\n!") == b"STORED\r\n"
        assert_left(mc_left(node, b"a"), 7 * DAY, 7 * DAY)
        assert conn.call(b"get a") == b"VALUE a 0 2\r\nz!\r\nEND\r\n"
        conn.assert_empty()


META_CASES = [
    (b"ms K 1 T864000\r\nx", b"K", 7 * DAY), (b"ms K 1\r\nx", b"K", HOUR),
    (b"ms K 1 T100\r\nx", b"K", 100), (b"ms K 1 MS F3\r\nx", b"K", HOUR),
    (b"ms old 1 MA\r\nx", b"old", 50), (b"ms cGFnZTpL 1 b T99\r\nx", b"page:K", 60),
    (b"ms lock:K 1\r\nx", b"lock:K", -1), (b"mg old v T864000", b"old", 7 * DAY),
    (b"mg K v N864000", b"K", 7 * DAY), (b"mg old v T0", b"old", HOUR),
    (b"ma K N0 J5", b"K", HOUR), (b"mg old t", b"old", 50),
]


@pytest.mark.parametrize("line, key, left", META_CASES, ids=[case[0].decode() for case in META_CASES])
def test_memcached_meta(mc, line, key, left):
    conn, node = mc(**RULES)
    node.flush()
    with conn:
        assert conn.call(b"set old 0 50 1\r\no") == b"STORED\r\n"
        conn.send(line + b"\r\nmn\r\n")
        while (reply := conn.read_line()) != b"MN\r\n":
            assert not reply.startswith((b"CLIENT_ERROR", b"SERVER_ERROR", b"ERROR", b"NS")), reply
        if left < 0:
            assert mc_left(node, key) == left
        else:
            assert_left(mc_left(node, key), left, left)


def test_memcached_quiet_stores(mc):
    conn, node = mc(**RULES)
    with conn:
        conn.send(b"set q 0 0 1 noreply\r\nx\r\n")
        assert conn.call(b"get q") == b"VALUE q 0 1\r\nx\r\nEND\r\n"
        assert_left(mc_left(node, b"q"), HOUR, HOUR)


def test_memcached_jitter(mc):
    """Spread over the range, never outside of it; at 30 days still no time in 1970."""
    conn, node = mc(ttl_jitter="5%")
    with conn:
        for ttl in (10000, 30 * DAY):
            lines = b"".join(b"set j%d 0 %d 1\r\nx\r\n" % (i, ttl) for i in range(200))
            conn.send(lines)
            conn.expect(b"STORED\r\n" * 200)
            left = [mc_left(node, b"j%d" % i) for i in range(200)]
            assert min(left) >= ttl * 0.95 - SLACK and max(left) <= ttl * 1.05 + TICK
            assert max(left) - min(left) > ttl * 0.07
        conn.assert_empty()


def test_memcached_without_rules(mc):
    conn, node = mc()
    with conn:
        assert conn.call(b"set n 0 0 1\r\nx") == b"STORED\r\n"
        assert mc_left(node, b"n") == -1


RESP_CASES = [
    ("SET K x", HOUR), ("SET K x EX 100", 100), ("SET K x EX 864000", 7 * DAY),
    ("SET K x PX 864000000", 7 * DAY), ("SET K x EXAT LATE", 7 * DAY), ("SET K x EXAT SOON", 300),
    ("SET K x PXAT LATE000 NX", 7 * DAY), ("set K x nx get", HOUR), ("SETEX K 864000 x", 7 * DAY),
    ("PSETEX K 864000000 x", 7 * DAY), ("SET page:K x", 60), ("SETEX page:K 100 x", 60),
    ("SET lock:K x", -1), ("SETEX lock:K 864000 x", 10 * DAY), ("SET K x PXAT 1", -2),
    ("SET old x KEEPTTL", 50), ("EXPIRE old 864000", 7 * DAY), ("PEXPIRE old 864000000", 7 * DAY),
    ("EXPIREAT old LATE", 7 * DAY), ("PEXPIREAT old LATE000", 7 * DAY), ("EXPIRE old 20", 20),
    ("EXPIRE old -1", -2), ("EXPIRE old 864000 LT", 50), ("GETEX old EX 864000", 7 * DAY),
    ("GETEX old", 50), ("GETEX old PERSIST", -1), ("PERSIST old", -1), ("EXPIREAT old 5", -2),
]


@pytest.mark.parametrize("words, left", RESP_CASES, ids=[case[0] for case in RESP_CASES])
@pytest.mark.parametrize("how", ["alone", "in a transaction"])
def test_redis_commands(redis, words, left, how):
    conn, node = redis(**RULES)
    node.flush()
    now = int(time.time())
    words = words.replace("LATE", str(now + 40 * DAY)).replace("SOON", str(now + 300)).split()
    with conn:
        assert conn.call("SETEX", "old", 50, "o") == b"+OK\r\n"
        if how == "alone":
            assert not conn.call(*words).startswith(b"-")
        else:
            replies = conn.pipeline([command("MULTI"), command(*words), command("EXEC")])
            assert replies[:2] == [b"+OK\r\n", b"+QUEUED\r\n"] and b"-ERR" not in replies[2]
        if left < 0:
            assert resp_left(node, words[1]) == left
        else:
            assert_left(resp_left(node, words[1]), left, left)
        conn.assert_empty()


@pytest.mark.parametrize("words", [
    "SET k x EX 0", "SET k x EX -5", "SET k x EX 1x", "SET k x EX 9223372036854775807",
    "SETEX k 0 x", "EXPIRE k 9223372036854775807", "SET k x EX 5 PX 5", "SET k x WHAT",
])
def test_what_redis_refuses_it_refuses_still(redis, redises, words):
    conn, _node = redis(ttl_jitter="5%", **RULES)
    with conn, redises[3].connect() as direct:
        assert direct.call("SET", "k", "x") == conn.call("SET", "k", "x")
        assert conn.call(*words.split()) == direct.call(*words.split())
        assert conn.call(*words.split()).startswith(b"-")


def test_redis_jitter(redis):
    conn, node = redis(ttl_jitter="5%", default_ttl="1000s")
    node.flush()
    with conn:
        conn.pipeline([command("SET", f"j{i}", "x") for i in range(300)])
        left = [resp_left(node, f"j{i}") for i in range(300)]
        assert min(left) >= 950 - SLACK and max(left) <= 1050
        assert max(left) - min(left) > 70
        conn.assert_empty()


def test_values_are_not_touched(redis):
    """Whatever their length, and although they look like options and numbers."""
    conn, node = redis(ttl_jitter="5%", **RULES)
    with conn, node.connect() as direct:
        for length in (0, 1, 1000, 1023, 1024, 1025, 5000, 70000, 300000):
            value = (b"EX 10\r\n$2\r\n" * (length // 11 + 1))[:length]
            for words in (["SET", "v", value], ["SET", "v", value, "EX", 999999],
                          ["SETEX", "v", 999999, value]):
                assert conn.call(*words) == b"+OK\r\n"
                assert direct.call("GET", "v") == wire.bulk(value)
                assert_left(resp_left(node, "v"), 0, 7 * DAY)
        conn.assert_empty()


def test_changes_are_counted(make_proxy, memcacheds):
    proxy = make_proxy(slipring.pool("memcached", memcacheds[:1], max_ttl="60s"))
    with proxy.connect() as conn:
        assert conn.call(b"set c 0 50 1\r\nx") == b"STORED\r\n"
        assert conn.call(b"set c 0 70 1\r\nx") == b"STORED\r\n"
        assert conn.call(b"get c") == b"VALUE c 0 1\r\nx\r\nEND\r\n"
    assert proxy.metric_sum(r"slipring_ttl_changed_total") == 1
