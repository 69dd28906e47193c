"""Reads that clients share (coalesce): what real nodes are asked, and what scripted ones show.

A node that is stopped holds its reads back, so that what comes meanwhile may join them; what it was
asked is then counted by the node itself.
"""

import threading

import pytest

import servers
import slipring
import wire
from wire import bulk, wait_until

HERD = 30


def mc_gets(server):
    with server.connect() as conn:
        return int(conn.stats()[b"cmd_get"])


def resp_calls(server, name):
    with server.connect() as conn:
        text = wire.decode(conn.call("INFO", "commandstats"))
    for line in text.decode().splitlines():
        if line.startswith(f"cmdstat_{name}:"):
            return int(line.split("calls=")[1].split(",")[0])
    return 0


def shared(proxy):
    return proxy.metric_sum(r"slipring_coalesced_total")


def crowd(proxy, n=HERD):
    return [proxy.connect() for _ in range(n)]


def close(conns):
    for conn in conns:
        conn.assert_empty()
        conn.close()


# -- real nodes -----------------------------------------------------------------------------------


def test_a_memcached_node_is_asked_once(make_proxy, own_servers):
    node = own_servers(servers.Memcached, 1)[0]
    proxy = make_proxy(slipring.pool("memcached", [node], coalesce=True, timeouts={"request": "20s"}))
    conns = crowd(proxy)
    assert conns[0].call(b"set k 5 0 5\r\nvalue") == b"STORED\r\n"
    before = mc_gets(node)
    node.pause()
    for conn in conns:
        conn.send(b"get k\r\nget none\r\n")
    wait_until(lambda: shared(proxy) == 2 * (HERD - 1), "all to wait for the first one's")
    node.resume()
    for conn in conns:
        conn.expect(b"VALUE k 5 5\r\nvalue\r\nEND\r\nEND\r\n")
    assert mc_gets(node) - before == 2
    assert proxy.metric_sum(r"hits_total") == proxy.metric_sum(r"misses_total") == HERD
    close(conns)


@pytest.mark.parametrize("words, reply", [
    (["GET", "s"], bulk("v")), (["HGET", "h", "f"], bulk("w")), (["HGETALL", "h"], b"*2\r\n$1\r\nf\r\n$1\r\nw\r\n"),
    (["LRANGE", "none", 0, -1], b"*0\r\n"), (["HGET", "s", "f"], None),
], ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "")
def test_a_redis_node_is_asked_once(make_proxy, own_servers, words, reply):
    node = own_servers(servers.Redis, 1)[0]
    proxy = make_proxy(slipring.pool("redis", [node], coalesce=True, timeouts={"request": "20s"}))
    conns = crowd(proxy)
    conns[0].call("SET", "s", "v")
    conns[0].call("HSET", "h", "f", "w")
    with node.connect() as direct:
        reply = reply or direct.call(*words)
    before = resp_calls(node, words[0].lower())
    node.pause()
    for conn in conns:
        conn.send(wire.command(*words))
    wait_until(lambda: shared(proxy) == HERD - 1, "all to wait for the first one's")
    node.resume()
    for conn in conns:
        assert conn.read_reply() == reply
    assert resp_calls(node, words[0].lower()) - before == 1
    close(conns)


@pytest.mark.parametrize("settings", [
    {}, {"coalesce": False}, {"coalesce": True, "prefixes": [{"match": "k", "coalesce": False}]},
    {"prefixes": [{"match": "other:", "coalesce": True}]},
], ids=str)
def test_not_unless_it_is_set(make_proxy, own_servers, settings):
    node = own_servers(servers.Redis, 1)[0]
    proxy = make_proxy(slipring.pool("redis", [node], timeouts={"request": "20s"}, **settings))
    conns = crowd(proxy, 5)
    node.pause()
    for conn in conns:
        conn.send(wire.command("GET", "k"))
    wait_until(lambda: proxy.metric_sum(r'requests_total.*command="get"') == 5, "all to be there")
    node.resume()
    for conn in conns:
        assert conn.read_reply() == b"$-1\r\n"
    assert resp_calls(node, "get") == 5 and shared(proxy) == 0
    close(conns)


def test_users_ask_for_themselves(make_proxy, own_servers):
    """Who may not read a key does not get it from the neighbour."""
    node = own_servers(servers.Redis, 1)[0]
    users = [{"name": "a", "password": "a", "prefixes": ["a:"]},
             {"name": "b", "password": "b", "prefixes": ["b:"]}]
    proxy = make_proxy(slipring.pool("redis", [node], users=users, coalesce=True,
                                     timeouts={"request": "20s"}))
    with proxy.connect() as mine, proxy.connect() as other, proxy.connect() as too:
        for conn, name in ((mine, "a"), (other, "b"), (too, "a")):
            assert conn.call("AUTH", name, name) == b"+OK\r\n"
        assert mine.call("SET", "a:k", "v") == b"+OK\r\n"
        node.pause()
        mine.send(wire.command("GET", "a:k"))
        assert other.call("GET", "a:k").startswith(b"-NOPERM")
        too.send(wire.command("GET", "a:k"))
        wait_until(lambda: shared(proxy) == 1, "the other one to wait")
        node.resume()
        assert mine.read_reply() == too.read_reply() == bulk("v")


def test_databases_are_kept_apart(make_proxy, own_servers):
    node = own_servers(servers.Redis, 1)[0]
    proxy = make_proxy(slipring.pool("redis", [node], coalesce=True, timeouts={"request": "20s"}))
    with proxy.connect() as zero, proxy.connect() as one, proxy.connect() as too:
        for conn in (one, too):
            assert conn.call("SELECT", 1) == b"+OK\r\n"
        zero.call("SET", "k", "zero")
        one.call("SET", "k", "one")
        node.pause()
        for conn in (zero, one, too):
            conn.send(wire.command("GET", "k"))
        wait_until(lambda: shared(proxy) == 1, "one to wait")
        node.resume()
        assert [conn.read_reply() for conn in (zero, one, too)] == [bulk("zero"), bulk("one"), bulk("one")]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_counter_never_goes_back(make_proxy, own_servers, workers):
    """Readers of a key that is raised all the time: none sees less than it, or any, was told."""
    node = own_servers(servers.Redis, 1)[0]
    proxy = make_proxy(slipring.pool("redis", [node], coalesce=True, connections=2), workers=workers)
    floor, failures, done = [0], [], threading.Event()

    def read():
        with proxy.connect() as conn:
            while not done.is_set():
                least = floor[0]
                value = wire.decode(conn.call("GET", "n"))
                if int(value or 0) < least:
                    failures.append((value, least))

    def write():
        with proxy.connect() as conn, proxy.connect() as other:
            for _ in range(1500):
                told = wire.decode(conn.call("INCR", "n"))
                floor[0] = told
                if int(wire.decode(other.call("GET", "n"))) < told:
                    failures.append(("after", told))
        done.set()

    threads = [threading.Thread(target=read) for _ in range(8)] + [threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:5]
    assert shared(proxy) > 0


def test_long_replies_are_whole_for_all(make_proxy, own_servers):
    node = own_servers(servers.Redis, 1)[0]
    proxy = make_proxy(slipring.pool("redis", [node], coalesce=True, timeouts={"request": "20s"}))
    value = bytes(range(256)) * 8192
    conns = crowd(proxy, 8)
    assert conns[0].call("SET", "k", value) == b"+OK\r\n"
    for leaves in (False, True):
        before = shared(proxy)
        node.pause()
        for conn in conns:
            conn.send(wire.command("GET", "k"))
        wait_until(lambda b=before: shared(proxy) == b + len(conns) - 1, "all to wait")
        if leaves:
            conns.pop(0).reset()
            conns.pop(3).reset()
        node.resume()
        for conn in conns:
            assert conn.read_reply() == bulk(value)
    assert resp_calls(node, "get") == 2
    close(conns)


# -- scripted nodes -------------------------------------------------------------------------------


@pytest.fixture
def stage(make_proxy, scripted):
    node = scripted("redis")[0]
    proxy = make_proxy(slipring.pool("redis", [node], coalesce=True, timeouts={"request": "2s"}))
    yield proxy, node
    node.assert_empty()


def ask_both(proxy, node, one, two):
    """One asks, and two waits for the same reply: the request that the node got of it."""
    one.send(wire.command("GET", "k"))
    peer = node.expect("GET", "k")
    two.send(wire.command("GET", "k"))
    wait_until(lambda: shared(proxy) == 1, "the other to wait")
    return peer


def test_a_write_between_parts_them(stage):
    proxy, node = stage
    with proxy.connect() as one, proxy.connect() as two:
        one.send(wire.command("GET", "k"))
        first = node.expect("GET", "k")
        two.send(wire.command("GET", "k") + wire.command("SET", "k", "new") + wire.command("GET", "k"))
        write = node.expect("SET", "k", "new")
        second = node.expect("GET", "k")
        one.send(wire.command("GET", "k"))
        wait_until(lambda: shared(proxy) == 2, "the others to wait")
        first.reply(b"old")
        write.send(b"+OK\r\n")
        second.reply(b"new")
        assert [two.read_reply() for _ in range(3)] == [bulk("old"), b"+OK\r\n", bulk("new")]
        assert [one.read_reply() for _ in range(2)] == [bulk("old"), bulk("new")]


def test_the_first_may_leave(stage):
    proxy, node = stage
    one, two = proxy.connect(), proxy.connect()
    peer = ask_both(proxy, node, one, two)
    one.reset()
    wait_until(lambda: proxy.metric_sum(r"slipring_clients_closed_total") >= 1, "the first to be gone")
    peer.reply(b"v")
    assert two.read_reply() == bulk("v")
    two.close()


def test_a_node_that_is_lost_is_told_to_all(stage):
    proxy, node = stage
    with proxy.connect() as one, proxy.connect() as two:
        peer = ask_both(proxy, node, one, two)
        peer.send(b"$10\r\nhalf")
        peer.reset()
        told = one.read_reply()
        assert told.startswith(b"-ERR slipring: shard a: ") and two.read_reply() == told
