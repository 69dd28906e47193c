"""failover.on_down: what a client of a memcached pool is told while a node is dead or hangs."""

import pytest

import servers
import slipring
import wire

QUICK = {"connect": "200ms", "request": "500ms"}
DOWN = "slipring_down_misses_total"
STORES = [b"set %s 0 0 1\r\nx", b"add %s 0 0 1\r\nx", b"replace %s 0 0 1\r\nx",
          b"append %s 0 0 1\r\nx", b"prepend %s 0 0 1\r\nx", b"cas %s 0 0 1 1\r\nx"]


@pytest.fixture
def nodes(own_servers):
    return own_servers(servers.Memcached, 3)


@pytest.fixture
def make(make_proxy, nodes):
    def make(**settings):
        return make_proxy(slipring.pool("memcached", nodes, timeouts=QUICK, **settings))

    return make


def fill(conn, ring):
    """A key of each shard, all stored."""
    keys = {name: ring.key(name) for name in "abc"}
    for name, key in keys.items():
        assert conn.set(key, name.encode()) == b"STORED\r\n"
    return keys


def assert_misses(conn, key):
    """Every command that has a miss answers with it, and what writes says that it did not."""
    assert conn.call(b"get " + key) == b"END\r\n"
    assert conn.call(b"gets " + key) == b"END\r\n"
    assert conn.call(b"gat 10 " + key) == b"END\r\n"
    assert conn.call(b"gats 10 " + key) == b"END\r\n"
    assert conn.call(b"mg %s v k O7" % key) == b"EN k%s O7\r\n" % key
    assert conn.call(b"ma %s q" % key) == b"NF\r\n"
    for line in (b"touch %s 10", b"incr %s 1", b"decr %s 1"):
        assert conn.call(line % key) == b"NOT_FOUND\r\n"
    for line in [*STORES, b"delete %s", b"md %s", b"ms %s 1\r\nx"]:
        reply = conn.call(line % key)
        assert reply.startswith(b"SERVER_ERROR slipring: shard b: "), (line, reply)


@pytest.mark.parametrize("errors", ["partial", "fail"])
def test_a_killed_node_is_a_miss(make, nodes, ring, errors):
    proxy = make(failover={"on_down": "miss"}, multiget_errors=errors)
    with proxy.connect() as conn:
        keys = fill(conn, ring)
        nodes[1].kill()
        assert conn.call(b"get " + keys["b"]) == b"END\r\n"  # lost, or refused
        assert_misses(conn, keys["b"])
        reply = conn.call(b"get %(b)s %(a)s %(c)s" % {k.encode(): v for k, v in keys.items()})
        assert sorted(reply.split(b"\r\n")[1:-2:2]) == [b"a", b"c"]
        assert reply.endswith(b"END\r\n") and reply.count(b"VALUE ") == 2
        for name in "ac":
            assert conn.call(b"delete " + keys[name]) == b"DELETED\r\n"
        assert proxy.metrics()[DOWN] == 11
        nodes[1].start()
        wire.wait_until(lambda: conn.set(keys["b"], b"n") == b"STORED\r\n", "the node's return")
        assert conn.call(b"get " + keys["b"]) == b"VALUE %s 0 1\r\nn\r\nEND\r\n" % keys["b"]
        conn.assert_empty()


def test_a_hung_node_is_a_miss(make, nodes, ring):
    proxy = make(failover={"on_down": "miss"})
    with proxy.connect() as conn:
        keys = fill(conn, ring)
        nodes[1].pause()
        try:
            conn.send(b"get %s\r\nget %s\r\nincr %s 1\r\ndelete %s\r\nget %s\r\n"
                      % (keys["b"], keys["a"], keys["b"], keys["b"], keys["c"]))
            conn.expect(b"END\r\nVALUE %s 0 1\r\na\r\nEND\r\nNOT_FOUND\r\n" % keys["a"])
            reply = conn.read_reply()
            assert reply.startswith(b"SERVER_ERROR slipring: shard b: "), reply
            conn.expect(b"VALUE %s 0 1\r\nc\r\nEND\r\n" % keys["c"])
            assert_misses(conn, keys["b"])
        finally:
            nodes[1].resume()
        wire.wait_until(lambda: conn.set(keys["b"], b"n") == b"STORED\r\n", "the node's return")
        conn.assert_empty()


@pytest.mark.parametrize("settings", [{}, {"failover": {"on_down": "error"}}])
def test_the_default_is_an_error(make, nodes, ring, settings):
    proxy = make(**settings)
    with proxy.connect() as conn:
        keys = fill(conn, ring)
        nodes[1].kill()
        for line in [b"get %s", b"gat 10 %s", b"touch %s 10", b"incr %s 1", b"delete %s", *STORES]:
            reply = conn.call(line % keys["b"])
            assert reply.startswith(b"SERVER_ERROR slipring: shard b: "), (line, reply)
        assert proxy.metrics()[DOWN] == 0


def test_a_value_that_was_begun_is_no_miss(make_proxy, scripted):
    """Once some of a long value is with the client, its connection is all that can end."""
    node, = scripted("memcached")
    proxy = make_proxy(slipring.pool("memcached", [node], failover={"on_down": "miss"},
                                     timeouts={"request": "500ms"}))
    with proxy.connect() as conn:
        conn.send(b"get k\r\n")
        node.expect(b"get k").send(b"VALUE k 0 1000000\r\n" + b"x" * 500000)
        got = conn.read_to_end()
        assert got.startswith(b"VALUE k 0 1000000\r\nx") and not got.endswith(b"END\r\n")
    assert proxy.metrics()[DOWN] == 0
