"""failover.mode: what becomes of the keys of a memcached node that is dead, and of the node when it
returns. Killed, it comes back empty; stopped, it comes back with what it had: old values.
"""

import re
import time

import pytest

import load
import servers
import slipring
import wire
from wire import wait_until

REQUEST_S = 3
TIMEOUTS = {"connect": "1s", "request": f"{REQUEST_S}s"}
HEALTH = {"every": "100ms", "timeout": "500ms", "fall": 2, "rise": 2}
RATE = 1500
STRICT = {"keep": {}, "gutter": {"on_return": "flush", "gutter_ttl": "1s"},
          "eject": {"on_return": "flush", "eject_ttl": "1s"}}
RING = wire.Ring(["a", "b", "c"])


class Down:
    """Three shards, of which b is the one that fails, two spare nodes, and the proxy."""

    def __init__(self, nodes, gutters, proxy, mode):
        self.nodes, self.gutters, self.proxy = nodes, gutters, proxy
        self.victim = nodes[1]
        self.away = {"gutter": "gutter", "eject": "ejected"}.get(mode, "used")

    def shard(self):
        return self.proxy.shards()["b"]

    def fail(self, how="kill", state=None):
        getattr(self.victim, how)()
        wait_until(lambda: self.shard()["endpoint"]["health"] == "down", "b to be down")
        self.wait_state(state or self.away)

    def come_back(self, how="kill"):
        {"kill": self.victim.start, "pause": self.victim.resume}[how]()
        wait_until(lambda: self.shard()["endpoint"]["health"] == "up", "b to be up")
        self.wait_state("used")

    def wait_state(self, state):
        wait_until(lambda: self.shard()["state"] == state, f"b to be {state}")
        if state == "used":
            wait_until(lambda: self.is_reachable() or self.shard()["endpoint"]["health"] == "down",
                       "b to be connected to")
        time.sleep(0.1)  # the workers are told by mail

    def wait_all(self, health, state):
        wait_until(lambda: all(one["endpoint"]["health"] == one["endpoint"]["state"] == health
                               and one["state"] == state for one in self.proxy.shards().values()),
                   f"all to be {health} and {state}")
        time.sleep(0.1)

    def is_reachable(self):
        return self.shard()["endpoint"]["state"] == "up"


@pytest.fixture
def make(own_servers, make_proxy):
    """A factory: make("gutter", gutter_ttl="5s")."""

    def build(mode=None, spares=2, node_protocol="text", **failover):
        nodes = own_servers(servers.Memcached, 3)
        gutters = own_servers(servers.Memcached, spares) if mode == "gutter" else []
        if mode:
            failover["mode"] = mode
        if gutters:
            failover["gutter"] = [node.name for node in gutters]
        pool = slipring.pool("memcached", nodes, timeouts=TIMEOUTS, health=HEALTH,
                             failover=failover, node_protocol=node_protocol)
        if not failover:
            del pool["failover"]
        return Down(nodes, gutters, make_proxy(pool), mode)

    return build


def direct(node, key):
    """What a node itself has."""
    with node.connect() as conn:
        found = conn.get(key)[0]
        return found[key][1] if key in found else None


def ttl_of(node, key):
    """The seconds that an item has left; -1 for ever, None if it is not there."""
    with node.connect() as conn:
        reply = conn.call(b"mg %s t" % key)
        found = re.match(rb"HD t(-?\d+)\r\n", reply)
        return int(found[1]) if found else None


def store(conn, keys, value):
    for key in keys:
        assert conn.set(key, value) == b"STORED\r\n"


def expect_values(conn, keys, value):
    for key in keys:
        assert conn.get(key)[0][key][1] == value


def expect_misses(conn, keys):
    for key in keys:
        assert conn.call(b"get " + key) == b"END\r\n"


def fill(conn, count=20):
    """Keys of each shard, stored: {name: [key]}."""
    keys = {name: RING.keys(name, count, b"down") for name in "abc"}
    for some in keys.values():
        store(conn, some, b"old")
    return keys


def is_error(reply):
    return reply.startswith(b"SERVER_ERROR slipring: shard b: ")


# -- keep -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [None, "keep"])
@pytest.mark.parametrize("how", ["kill", "pause"])
def test_keep(make, mode, how):
    """Errors for the keys of the dead node, and nothing else: no key goes elsewhere."""
    some = make(mode)
    with some.proxy.connect() as conn:
        keys = fill(conn)
        some.fail(how)
        unknown = set()
        for key in keys["b"]:
            assert is_error(conn.call(b"get " + key))
            reply = conn.set(key, b"new")
            assert is_error(reply)
            if b"may have run" in reply:  # in the stopped node's socket, before it is known
                unknown.add(key)
        expect_values(conn, keys["a"] + keys["c"], b"old")
        for node in (some.nodes[0], some.nodes[2]):
            assert all(direct(node, key) is None for key in keys["b"])
        some.come_back(how)
        for key in keys["b"]:
            reply = conn.call(b"get " + key)
            assert reply == (
                b"END\r\n" if how == "kill" else b"VALUE %s 0 3\r\nold\r\nEND\r\n" % key
            ) or key in unknown
            assert conn.set(key, b"new") == b"STORED\r\n"
        conn.assert_empty()


def test_keep_and_miss(make):
    some = make("keep", on_down="miss")
    with some.proxy.connect() as conn:
        keys = fill(conn)
        some.fail()
        for key in keys["b"]:
            assert conn.call(b"get " + key) == b"END\r\n"
            assert is_error(conn.set(key, b"new"))
        some.come_back()


# -- gutter ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_gutter(make, how):
    """The dead node's keys live at the spare nodes, shortly; the others' stay where they are."""
    some = make("gutter", gutter_ttl="10s")
    with some.proxy.connect() as conn:
        keys = fill(conn)
        some.fail(how)
        for key in keys["b"]:
            assert conn.call(b"get " + key) == b"END\r\n"
            assert conn.set(key, b"new") == b"STORED\r\n"
            assert conn.get(key)[0][key][1] == b"new"
        at = [[key for key in keys["b"] if direct(node, key) == b"new"] for node in some.gutters]
        assert len(at[0]) + len(at[1]) == len(keys["b"]) and all(at), at
        for node, found in zip(some.gutters, at):
            assert all(0 <= ttl_of(node, key) <= 10 for key in found)
        for name, node in (("a", some.nodes[0]), ("c", some.nodes[2])):
            for key in keys[name]:
                assert conn.set(key, b"new") == b"STORED\r\n"
                assert direct(node, key) == b"new" and ttl_of(node, key) == -1
        assert all(direct(node, key) is None for node in (some.nodes[0], some.nodes[2])
                   for key in keys["b"])
        conn.assert_empty()


@pytest.mark.parametrize("line, left", [
    (b"set %s 0 0 1\r\nx", 5), (b"set %s 0 3 1\r\nx", 3), (b"set %s 0 1000 1\r\nx", 5),
    (b"add %s 0 0 1\r\nx", 5), (b"ms %s 1\r\nx", 5), (b"ms %s 1 T1000\r\nx", 5),
    (b"ms %s 1 T2\r\nx", 2),
])
@pytest.mark.parametrize("node_protocol", ["text", "binary"])
def test_the_ttl_of_the_gutter(make, line, left, node_protocol):
    """The shorter of the client's and the gutter's."""
    some = make("gutter", spares=1, gutter_ttl="5s", node_protocol=node_protocol)
    some.fail()
    with some.proxy.connect() as conn:
        key = RING.key("b")
        assert conn.call(line % key) in (b"STORED\r\n", b"HD\r\n")
        assert left - 2 <= ttl_of(some.gutters[0], key) <= left


def test_a_touch_does_not_lengthen_it(make):
    some = make("gutter", spares=1, gutter_ttl="5s")
    some.fail()
    with some.proxy.connect() as conn:
        key = RING.key("b")
        assert conn.set(key, b"1") == b"STORED\r\n"
        assert conn.call(b"touch %s 1000" % key) == b"TOUCHED\r\n"
        assert ttl_of(some.gutters[0], key) <= 5
        assert conn.call(b"gat 0 " + key).startswith(b"VALUE ")
        assert 0 <= ttl_of(some.gutters[0], key) <= 5


def test_every_command_in_the_gutter(make):
    some = make("gutter", spares=1)
    some.fail()
    with some.proxy.connect() as conn:
        key, near = RING.key("b"), RING.key("a")
        assert conn.set(near, b"n") == b"STORED\r\n"
        assert conn.call(b"add %s 0 0 1\r\n1" % key) == b"STORED\r\n"
        assert conn.call(b"append %s 0 0 1\r\n2" % key) == b"STORED\r\n"
        assert conn.call(b"incr %s 3" % key) == b"15\r\n"
        found, last = conn.get(key, near)
        assert (found, last) == ({key: (0, b"15"), near: (0, b"n")}, b"END\r\n")
        reply = conn.call(b"gets " + key)
        assert conn.call(b"cas %s 0 0 1 %s\r\n7" % (key, reply.split()[4])) == b"STORED\r\n"
        assert conn.call(b"mg %s v" % key) == b"VA 1\r\n"
        conn.expect(b"7\r\n")
        assert conn.call(b"delete " + key) == b"DELETED\r\n"
        assert conn.call(b"get " + key) == b"END\r\n"
        conn.assert_empty()


def test_a_gutter_that_is_dead_too(make):
    some = make("gutter", spares=1)
    with some.proxy.connect() as conn:
        keys = fill(conn)
        some.gutters[0].kill()
        some.fail()
        for key in keys["b"]:
            reply = conn.set(key, b"x")
            assert reply.startswith(b"SERVER_ERROR slipring: "), reply
        expect_values(conn, keys["a"], b"old")
        conn.assert_empty()


# -- eject ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_eject(make, how):
    """The dead node's keys go where they would without it; nobody else's move."""
    some = make("eject")
    without = wire.Ring(["a", "c"])
    nodes = {"a": some.nodes[0], "c": some.nodes[2]}
    with some.proxy.connect() as conn:
        keys = fill(conn, 40)
        some.fail(how)
        expect_values(conn, keys["a"] + keys["c"], b"old")
        for key in keys["b"]:
            assert conn.set(key, b"new") == b"STORED\r\n"
            assert conn.get(key)[0][key][1] == b"new"
            assert direct(nodes["ac"[without.index(key)]], key) == b"new"
        conn.assert_empty()


def test_the_last_one_is_not_ejected(make):
    """Where all are dead, errors tell of the keys' own shards; and they return."""
    some = make("eject")
    with some.proxy.connect() as conn:
        keys = fill(conn)
        for node in some.nodes:
            node.kill()
        some.wait_all("down", "used")
        assert some.proxy.get("/readyz")[0] == 503
        for name in "abc":
            assert conn.call(b"get " + keys[name][0]).startswith(b"SERVER_ERROR slipring: shard ")
        for node in some.nodes:
            node.start()
        some.wait_all("up", "used")
        for name, node in zip("abc", some.nodes):
            assert conn.set(keys[name][0], b"new") == b"STORED\r\n"
            assert direct(node, keys[name][0]) == b"new"
        conn.assert_empty()


# -- the return -----------------------------------------------------------------------------------


@pytest.mark.parametrize("node_protocol", ["text", "binary"])
@pytest.mark.parametrize("mode", ["gutter", "eject"])
def test_flush_on_return(make, mode, node_protocol):
    """A node that was away has old values; it is emptied before anybody reads it."""
    some = make(mode, on_return="flush", node_protocol=node_protocol)
    with some.proxy.connect() as conn:
        keys = fill(conn)
        some.fail("pause")
        store(conn, keys["b"], b"new")
        some.victim.resume()
        while some.shard()["state"] != "used":
            for key in keys["b"]:
                assert conn.call(b"get " + key) in (
                    b"END\r\n", b"VALUE %s 0 3\r\nnew\r\nEND\r\n" % key)
        some.wait_state("used")
        for key in keys["b"]:
            assert conn.call(b"get " + key) == b"END\r\n"
            assert direct(some.victim, key) is None
            assert conn.set(key, b"last") == b"STORED\r\n"
            assert direct(some.victim, key) == b"last"
        assert re.search(r"shard b: \S+ returns after \d+\.\d s down: flushed", some.proxy.log())
        expect_values(conn, keys["a"] + keys["c"], b"old")
        conn.assert_empty()


@pytest.mark.parametrize("mode", ["gutter", "eject"])
def test_keep_on_return(make, mode):
    """It serves what it had, and the log says that it may be old."""
    some = make(mode, on_return="keep")
    with some.proxy.connect() as conn:
        keys = fill(conn)
        some.fail("pause")
        store(conn, keys["b"], b"new")
        some.come_back("pause")
        for key in keys["b"]:
            wait_until(lambda k=key: conn.get(k)[0].get(k, (0, b""))[1] == b"old", "the old value")
        assert re.search(r"shard b: \S+ returns after \d+\.\d s down: kept \(it may hold stale",
                         some.proxy.log())


def test_a_short_hiccup_flushes_nothing(make):
    """A connection that breaks is no reason to distrust a node: its keys never went elsewhere."""
    some = make("gutter", on_return="flush")
    with some.proxy.connect() as conn:
        keys = fill(conn)
        with some.victim.connect() as direct_conn:
            assert direct_conn.stats()[b"curr_items"] == b"20"
        some.victim.pause()
        time.sleep(0.05)
        some.victim.resume()
        time.sleep(0.5)
        expect_values(conn, keys["b"], b"old")


def test_down_again_too_soon(make):
    """What is at the gutter would be old: the keys go nowhere until it has expired, and no sooner is
    the node used again than it is empty."""
    some = make("gutter", on_return="flush", gutter_ttl="4s", spares=1)
    with some.proxy.connect() as conn:
        keys = fill(conn)
        some.fail("pause")
        store(conn, keys["b"], b"new")
        some.come_back("pause")
        store(conn, keys["b"], b"newer")
        some.fail("pause", "distrusted")
        while some.shard()["state"] == "distrusted":
            for key in keys["b"]:
                reply = conn.call(b"get " + key)
                assert is_error(reply) or reply == b"END\r\n", reply
        assert some.shard()["state"] == "gutter"
        time.sleep(0.1)
        expect_misses(conn, keys["b"])
        some.come_back("pause")
        expect_misses(conn, keys["b"])
        conn.assert_empty()


def test_keep_and_flush(make):
    """Nothing went elsewhere, but what was deleted meanwhile was not."""
    some = make("keep", on_return="flush")
    with some.proxy.connect() as conn:
        keys = fill(conn)
        some.fail("pause", "distrusted")
        for key in keys["b"]:
            assert is_error(conn.call(b"delete " + key))
        some.victim.resume()
        while some.shard()["state"] == "distrusted":
            for key in keys["b"]:
                reply = conn.call(b"get " + key)
                assert is_error(reply) or reply == b"END\r\n", reply
        some.wait_state("used")
        for key in keys["b"]:
            assert conn.call(b"get " + key) == b"END\r\n"
            assert conn.set(key, b"last") == b"STORED\r\n"
        expect_values(conn, keys["a"] + keys["c"], b"old")
        conn.assert_empty()


def test_what_operators_see(make):
    some = make("gutter", on_return="flush")
    with some.proxy.connect() as conn:
        keys = fill(conn, 5)
        some.fail()
        store(conn, keys["b"], b"new")
        table = some.proxy.run("status", "--admin", some.proxy.admin).stdout
        assert all(len(line) <= 80 for line in table.splitlines()), table
        assert re.search(r"^  b +\S+ +primary +gutter ", table, re.M), table
        assert re.search(r"^  gutter-2 +\S+ +gutter +up ", table, re.M), table
        metrics = some.proxy.metrics()
        assert metrics["slipring_gutter_requests_total"] == 5
        assert metrics["slipring_ejections_total"] == 1
        assert metrics["slipring_returns_total"] == 0
        assert [name for name, value in metrics.items()
                if name.startswith("slipring_endpoint_away{") and value == 1
                and 'shard="b"' in name]
        some.come_back()
        assert some.proxy.metrics()["slipring_returns_total"] == 1
        log = some.proxy.log()
        assert "shard b is down: its keys go to the gutter" in log and "shard b is used again" in log
        for gutter in some.gutters:
            assert any(line.endswith("gutter-1:address " + gutter.name)
                       or line.endswith("gutter-2:address " + gutter.name)
                       for line in conn.call(b"stats proxy").decode().split("\r\n"))


def test_a_flush_reaches_the_gutter(make):
    some = make("gutter", spares=1)
    with some.proxy.connect() as conn:
        key = fill(conn, 1)["b"][0]
        some.fail()
        assert conn.set(key, b"new") == b"STORED\r\n"
        assert is_error(conn.call(b"flush_all"))  # of the shard that is down
        assert conn.call(b"get " + key) == b"END\r\n"


# -- under load -----------------------------------------------------------------------------------


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mode", ["keep", "gutter", "eject"])
@pytest.mark.parametrize("how", ["kill", "pause"])
def test_down_and_back_under_load(make, mode, how, rng):
    """Only the dead node's keys have errors, and with a gutter or ejection only until it is known
    to be down; nobody reads an old value, but where they are kept."""
    some = make(mode, **STRICT[mode])
    with load.Load(some.proxy.address(), "memcached", rate=RATE, clients=8,
                   seed=rng.randrange(1 << 32)) as clients:
        for _ in range(2):
            clients.wait_more(400)
            some.fail(how)
            known = len(clients.errors)
            time.sleep(REQUEST_S + 0.5)  # what was under way at the node
            settled = len(clients.errors)
            clients.wait_more(400)
            if mode != "keep":
                assert len(clients.errors) == settled, (known, clients.report())
            some.come_back(how)
            clients.wait_more(400)
            time.sleep(2.2)  # what was stored elsewhere has expired: it may be used again
    for err in clients.errors:
        assert err.text.startswith("slipring: shard b: "), clients.report()
        key = re.search(r"b'(.*)'", err.command)[1]
        assert err.command.startswith("mget") or RING.index(key) == 1, err
    assert not clients.wrongs and not clients.broken, clients.report()
    assert not clients.stales, clients.report()
    assert clients.errors if mode == "keep" else True


@pytest.mark.timeout(120)
def test_a_node_that_flaps_corrupts_nothing(make, rng):
    """twemproxy#604: away and back again and again; no value is ever an old one."""
    some = make("eject", **STRICT["eject"])
    with load.Load(some.proxy.address(), "memcached", rate=RATE,
                   seed=rng.randrange(1 << 32)) as clients:
        for _ in range(12):
            some.victim.pause()
            time.sleep(rng.uniform(0.05, 0.9))
            some.victim.resume()
            time.sleep(rng.uniform(0.05, 0.9))
        clients.wait_more(300)
    assert not clients.wrongs and not clients.broken and not clients.stales, clients.report()
