"""Commands that wait at the server: woken, timed out, given up; and no connection is held after.

Tests with the `site` fixture run against one redis-server itself and against the proxy.
"""

import collections
import threading
import time

import pytest

import servers
import slipring
import wire
from wire import OK, array, bulk, command, integer, wait_until

NIL = b"*-1\r\n"
Site = collections.namedtuple("Site", "connect node")  # the node is the one that has the keys


@pytest.fixture(params=["direct", "proxy"])
def site(request, redises):
    if request.param == "direct":
        return Site(redises[0].connect, redises[0])
    return Site(request.getfixturevalue("redis_proxy").connect, redises[1])


@pytest.fixture
def keys(ring, fresh):
    """Four keys of the shard b."""
    return ring.keys("b", 4, fresh())


def blocked(node):
    """The ids of the connections that wait at a node, as it says itself."""
    with node.connect() as conn:
        rows = conn.ask("CLIENT", "LIST").decode().splitlines()
    rows = [dict(part.split("=", 1) for part in row.split(" ")) for row in rows]
    return [row["id"] for row in rows if "b" in row["flags"]]


def wait_blocked(node, count):
    wait_until(lambda: len(blocked(node)) == count, f"{count} blocked connections", seconds=5)


@pytest.fixture(autouse=True)
def nobody_waits_after(site_or_none):
    yield
    if site_or_none:
        wait_blocked(site_or_none.node, 0)


@pytest.fixture
def site_or_none(request):
    return request.getfixturevalue("site") if "site" in request.fixturenames else None


def fill(text, keys):
    named = dict(zip("KLMN", keys))
    return [named.get(word, word) for word in text.split(" ")]


# -- woken ----------------------------------------------------------------------------------------

WAKES = [  # what comes first, what waits, what wakes it
    ("", "BLPOP K 0", "RPUSH K v"),
    ("", "BLPOP L K M 0", "RPUSH K v w"),
    ("", "BRPOP K 20", "RPUSH K v w"),
    ("", "BLMOVE K L LEFT RIGHT 0", "RPUSH K v"),
    ("", "BRPOPLPUSH K L 0", "RPUSH K v"),
    ("", "BLMPOP 0 2 K L LEFT COUNT 2", "RPUSH L a b c"),
    ("", "BZPOPMIN K L 0", "ZADD L 2 b 1 a"),
    ("", "BZPOPMAX K 0", "ZADD K 2.5 b 1 a"),
    ("", "BZMPOP 0 1 K MAX COUNT 3", "ZADD K 2 b 1 a"),
    ("XADD K 1-1 f old", "XREAD BLOCK 0 STREAMS K $", "XADD K 2-1 f v"),
    ("XADD K 1-1 f old", "XREAD COUNT 1 BLOCK 20000 STREAMS K L 1-1 $", "XADD L 2-1 f v"),
    ("XGROUP CREATE K g $ MKSTREAM", "XREADGROUP GROUP g c BLOCK 0 STREAMS K >",
     "XADD K 1-1 f v"),
]


def wake(site, rows, keys, protocol):
    """The reply of the one that waits, and the waker's."""
    before, waits, wakes = rows
    with site.connect() as one, site.connect() as two:
        if protocol == 3:
            one.hello(3)
        if before:
            two.call(*fill(before, keys))
        one.send(command(*fill(waits, keys)))
        wait_blocked(site.node, 1)
        assert one.is_silent(0.02)
        reply = two.call(*fill(wakes, keys))
        got = one.read_reply()
        one.assert_empty()
        return got, reply


@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
@pytest.mark.parametrize("rows", WAKES, ids=lambda rows: rows[1])
def test_woken_by_another_client(site, redises, keys, rows, protocol):
    wanted = wake(Site(redises[3].connect, redises[3]), rows, keys, protocol)
    assert wake(site, rows, keys, protocol) == wanted


@pytest.mark.parametrize("text", [
    "BLPOP K 0.1", "BRPOP K L 0.1", "BLMOVE K L LEFT LEFT 0.1", "BRPOPLPUSH K L 0.1",
    "BLMPOP 0.1 1 K LEFT", "BZPOPMIN K 0.1", "BZPOPMAX K 0.1", "BZMPOP 0.1 1 K MIN",
    "XREAD BLOCK 100 STREAMS K $",
])
@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
def test_nothing_comes_in_time(site, redises, keys, text, protocol):
    replies = []
    for connect in (redises[3].connect, site.connect):
        with connect() as conn:
            if protocol == 3:
                conn.hello(3)
            begun = time.monotonic()
            replies.append(conn.call(*fill(text, keys)))
            assert time.monotonic() - begun > 0.08
            conn.assert_empty()
    assert replies[0] == replies[1]


def test_what_is_there_does_not_wait(site, keys):
    with site.connect() as conn:
        got = conn.pipeline([command("RPUSH", keys[0], "a", "b"), command("BLPOP", keys[0], 0),
                             command("BRPOP", keys[0], 0), command("LLEN", keys[0])])
        assert got == [integer(2), array([keys[0], "a"]), array([keys[0], "b"]), integer(0)]


def test_the_first_to_wait_is_the_first_to_be_served(site, keys):
    conns = []
    for i in range(5):
        conns.append(site.connect())
        conns[-1].send(command("BLPOP", keys[0], 0))
        wait_blocked(site.node, i + 1)
    with site.connect() as pusher:
        for i in range(5):
            pusher.call("RPUSH", keys[0], i)
        for i, conn in enumerate(conns):
            conn.expect(array([keys[0], b"%d" % i]))
            conn.close()


def test_many_wait_and_each_gets_one(site, keys):
    conns = [site.connect() for _ in range(100)]
    for conn in conns:
        conn.send(command("BLPOP", keys[0], 0))
    wait_blocked(site.node, 100)
    with site.connect() as pusher:
        begun = time.monotonic()
        assert pusher.call("PING") == b"+PONG\r\n"
        for i in range(100):
            assert pusher.call("SET", keys[1], i) == OK
            assert pusher.ask("RPUSH", keys[0], i) in (0, 1)
        assert time.monotonic() - begun < 5
    got = sorted(int(wire.decode(conn.read_reply())[1]) for conn in conns)
    assert got == list(range(100))
    for conn in conns:
        conn.close()


def test_a_pipeline_waits_behind_it(site, keys):
    """What was sent behind it runs when it is over, as the server has it."""
    with site.connect() as one, site.connect() as two:
        one.send(command("SET", keys[1], "before") + command("BLPOP", keys[0], 0)
                 + command("SET", keys[1], "after") + command("GET", keys[1])
                 + command("BLPOP", keys[0], 0) + command("MGET", keys[1], keys[2])
                 + command("PING"))
        one.expect(OK)
        wait_blocked(site.node, 1)
        assert one.is_silent(0.05)
        assert two.call("GET", keys[1]) == bulk("before")
        two.call("RPUSH", keys[0], "x")
        one.expect(array([keys[0], "x"]) + OK + bulk("after"))
        wait_blocked(site.node, 1)
        two.call("RPUSH", keys[0], "y")
        one.expect(array([keys[0], "y"]) + array(["after", None]) + b"+PONG\r\n")
        one.assert_empty()


def test_a_long_pipeline_behind_it(site, keys):
    with site.connect() as one, site.connect() as two:
        rest = b"".join(command("INCR", keys[1]) for _ in range(3000))
        sender = threading.Thread(target=one.send, args=(command("BLPOP", keys[0], 0) + rest,))
        sender.start()
        wait_blocked(site.node, 1)
        assert two.call("EXISTS", keys[1]) == integer(0)
        two.call("RPUSH", keys[0], "x")
        one.expect(array([keys[0], "x"]))
        one.expect(b"".join(integer(i + 1) for i in range(3000)))
        sender.join()


def test_inside_a_transaction_nothing_waits(site, keys):
    with site.connect() as conn:
        begun = time.monotonic()
        got = conn.pipeline([command("MULTI"), command("BLPOP", keys[0], 0),
                             command("XREAD", "BLOCK", 0, "STREAMS", keys[1], "$"),
                             command("BZPOPMIN", keys[2], 0), command("EXEC")])
        assert got[-1] == b"*3\r\n" + NIL * 3
        assert time.monotonic() - begun < 5


def test_woken_by_a_transaction(site, keys):
    with site.connect() as one, site.connect() as two:
        one.send(command("BLPOP", keys[0], 0))
        wait_blocked(site.node, 1)
        two.pipeline([command("MULTI"), command("RPUSH", keys[0], "a"),
                      command("LPUSH", keys[0], "b"), command("EXEC")])
        one.expect(array([keys[0], "b"]))


def test_woken_into_another_wait(site, keys):
    """One's BLMOVE fills what the other waits for."""
    with site.connect() as one, site.connect() as two, site.connect() as three:
        one.send(command("BLMOVE", keys[0], keys[1], "LEFT", "LEFT", 0))
        two.send(command("BLPOP", keys[1], 0))
        wait_blocked(site.node, 2)
        three.call("RPUSH", keys[0], "v")
        one.expect(bulk("v"))
        two.expect(array([keys[1], "v"]))


def test_unblocked_by_the_nodes_own_operator(site, keys):
    for how, wanted in (("TIMEOUT", NIL),
                        ("ERROR", b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")):
        with site.connect() as conn, site.node.connect() as operator:
            conn.send(command("BLPOP", keys[0], 0))
            wait_blocked(site.node, 1)
            assert operator.call("CLIENT", "UNBLOCK", *blocked(site.node), how) == integer(1)
            conn.expect(wanted)
            conn.assert_empty()


# -- given up -------------------------------------------------------------------------------------

LEAVE = {
    "close": lambda conn: conn.close(),
    "reset": lambda conn: conn.reset(),
    "half_close": lambda conn: conn.half_close(),
}


@pytest.mark.parametrize("behind", [b"", command("PING") * 5], ids=["alone", "pipelined"])
@pytest.mark.parametrize("how", LEAVE)
def test_a_client_that_leaves_waits_no_more(site, keys, how, behind):
    """And what comes later is not popped for nobody."""
    with site.connect() as conn, site.connect() as other:
        conn.send(command("BLPOP", keys[0], 0) + behind)
        wait_blocked(site.node, 1)
        LEAVE[how](conn)
        wait_blocked(site.node, 0)
        assert other.call("RPUSH", keys[0], "v") == integer(1)
        time.sleep(0.05)
        assert other.call("LRANGE", keys[0], 0, -1) == array(["v"])


# -- the proxy's own ------------------------------------------------------------------------------


@pytest.fixture
def narrow(make_proxy, own_servers):
    """A proxy with two leases to each node and a short time for requests, and its nodes."""
    nodes = own_servers(servers.Redis, 3)
    proxy = make_proxy(slipring.pool("redis", nodes, limits={"leases": 2},
                                     timeouts={"connect": "200ms", "request": "300ms"}))
    return proxy, nodes


def test_longer_than_requests_may_take(narrow, ring, fresh):
    proxy, nodes = narrow
    key = ring.key("b", fresh())
    with proxy.connect() as one, proxy.connect() as two:
        begun = time.monotonic()
        one.send(command("BLPOP", key, 0))
        two.send(command("BLPOP", key, "1.2"))
        wait_blocked(nodes[1], 2)
        two.expect(NIL)
        assert 1 < time.monotonic() - begun < 4
        two.call("RPUSH", key, "v")
        one.expect(array([key, "v"]))
        one.assert_empty()
        two.assert_empty()


def test_too_many_waiting_is_an_error(narrow, ring, fresh):
    proxy, nodes = narrow
    key, elsewhere = ring.key("b", fresh()), ring.key("c", fresh())
    with proxy.connect() as one, proxy.connect() as two, proxy.connect() as three:
        one.send(command("BLPOP", key, 0))
        two.send(command("BLPOP", key, 0))
        wait_blocked(nodes[1], 2)
        reply = three.call("BLPOP", key, 0)
        assert reply.startswith(b"-ERR slipring: shard b: ") and b"lease" in reply, reply
        assert three.call("BLPOP", elsewhere, "0.01") == NIL
        assert three.call("SET", key + b"-", 1) == OK
        three.call("RPUSH", key, "x", "y")
        one.expect(array([key, "x"]))
        two.expect(array([key, "y"]))
        three.send(command("BLPOP", key, 0))
        wait_blocked(nodes[1], 1)
        one.call("RPUSH", key, "z")
        three.expect(array([key, "z"]))


@pytest.mark.parametrize("how", LEAVE)
def test_leaving_gives_the_lease_back(narrow, ring, fresh, how):
    proxy, nodes = narrow
    key = ring.key("b", fresh())
    for _ in range(4):
        with proxy.connect() as one, proxy.connect() as two:
            one.send(command("BLPOP", key, 0))
            two.send(command("BLPOP", key, 0))
            wait_blocked(nodes[1], 2)
            LEAVE[how](one)
            LEAVE[how](two)
            wait_blocked(nodes[1], 0)
    with proxy.connect() as conn:
        assert conn.call("BLPOP", key, "0.01") == NIL


def test_many_waits_take_few_connections(narrow, ring, fresh):
    proxy, nodes = narrow
    key = ring.key("b", fresh())

    def made():
        with nodes[1].connect() as conn:
            text = conn.ask("INFO", "stats").decode()
        return int(text.split("total_connections_received:")[1].split()[0])

    before = made()
    with proxy.connect() as conn:
        for _ in range(300):
            assert conn.pipeline([command("RPUSH", key, "v"), command("BLPOP", key, 0)])[1] == (
                array([key, "v"]))
    assert made() - before < 10


def test_keys_on_several_shards_are_refused(narrow, ring, fresh):
    proxy, _ = narrow
    prefix = fresh()
    a, b = ring.key("a", prefix), ring.key("b", prefix)
    with proxy.connect() as conn:
        for words in (["BLPOP", a, b, 0], ["BLMOVE", a, b, "LEFT", "LEFT", 0],
                      ["BLMPOP", 0, 2, a, b, "LEFT"], ["BZPOPMIN", a, b, 0],
                      ["XREAD", "BLOCK", 0, "STREAMS", a, b, "$", "$"]):
            assert conn.call(*words).startswith(b"-CROSSSLOT "), words
        conn.assert_empty()


def test_a_node_that_goes_while_somebody_waits(narrow, ring, fresh):
    proxy, nodes = narrow
    key = ring.key("b", fresh())
    with proxy.connect() as conn, proxy.connect() as other:
        conn.send(command("BLPOP", key, 0))
        wait_blocked(nodes[1], 1)
        nodes[1].kill()
        reply = conn.read_reply()
        assert reply.startswith(b"-ERR slipring: shard b: "), reply
        assert other.call("SET", ring.key("a", fresh()), 1) == OK
        nodes[1].start()
        wait_until(lambda: conn.call("BLPOP", key, "0.01") == NIL, "the node to be back")
        conn.send(command("BLPOP", key, 0))
        wait_blocked(nodes[1], 1)
        other.call("RPUSH", key, "v")
        conn.expect(array([key, "v"]))


def test_who_waits_does_not_keep_the_proxy_from_leaving(make_proxy, redises, ring, fresh):
    proxy = make_proxy(slipring.pool("redis", redises[:3]), shutdown_grace="500ms")
    with proxy.connect() as conn:
        conn.send(command("BLPOP", ring.key("b", fresh()), 0))
        wait_blocked(redises[1], 1)
        begun = time.monotonic()
        proxy.stop()
        assert time.monotonic() - begun < 5
    wait_blocked(redises[1], 0)


def test_memory_stays_while_many_come_and_go(narrow, ring, fresh):
    proxy, nodes = narrow
    key = ring.key("b", fresh())

    def come_and_go(times):
        for _ in range(times):
            with proxy.connect() as one:
                one.send(command("BLPOP", key, 0))
        # The node can have nobody waiting before the proxy has seen the last of them leave.
        with proxy.connect() as conn:
            wait_until(lambda: conn.call("BLPOP", key, "0.01") == NIL, "a lease that is free")
        wait_blocked(nodes[1], 0)

    come_and_go(200)
    before = proxy.memory()
    come_and_go(1000)
    assert proxy.memory() < before + (4 << 20) or slipring.is_sanitized()
