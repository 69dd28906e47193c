"""Clients that do not read, huge values, slow shards: memory stays bounded, others are served."""

import hashlib
import threading
import time

import pytest

import servers
import slipring
import wire
from wire import OK, bulk, command, wait_until

MIB = 1 << 20
sanitized = pytest.mark.skipif("slipring.is_sanitized()", reason="memory figures mean nothing")


class Watch:
    """The largest private memory seen while the block ran, in bytes above what it was before."""

    def __init__(self, proxy):
        self.proxy, self.peak, self.base = proxy, 0, proxy.memory()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.wait(0.01):
            try:
                self.peak = max(self.peak, self.proxy.memory() - self.base)
            except (OSError, AttributeError):
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exc):
        self.stop.set()
        self.thread.join()

    def assert_below(self, limit):
        if not slipring.is_sanitized():
            assert self.peak < limit, f"grew by {self.peak / MIB:.1f} MiB"


def send_until_blocked(conn, data, most):
    """Send again and again until the proxy takes no more for half a second; the bytes it took."""
    conn.sock.settimeout(0.5)
    sent = 0
    view = memoryview(data)
    try:
        while sent < most:
            sent += conn.sock.send(view[sent % len(data) :])
    except OSError:
        pass
    return sent


def get_request(protocol, key):
    return command("GET", key) if protocol == "redis" else b"get %s\r\n" % key


def store(conn, key, value):
    if isinstance(conn, wire.McConnection):
        assert conn.set(key, value) == b"STORED\r\n"
    else:
        assert conn.call("SET", key, value) == OK


def reply_of(protocol, key, value):
    if protocol == "redis":
        return bulk(value)
    return b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value)


KINDS = {"redis": servers.Redis, "memcached": servers.Memcached}


@pytest.fixture(params=["redis", "memcached"])
def protocol(request):
    return request.param


@pytest.fixture
def cluster(protocol, own_servers, make_proxy):
    nodes = own_servers(KINDS[protocol], 3)
    limits = {"output": "4m", "request": "8m", "in_flight": 256}
    # A slow machine may need seconds for what is asked for here and thrown away.
    return nodes, make_proxy(slipring.pool(protocol, nodes, limits=limits,
                                           timeouts={"connect": "1s", "request": "20s"}))


def test_client_that_never_reads_large_replies(cluster, protocol, ring):
    """A gigabyte of replies asked for, none read: bounded memory, and others do not notice."""
    _nodes, proxy = cluster
    key, other = ring.keys("a", 2)
    with proxy.connect() as conn:
        store(conn, key, b"x" * MIB)
        store(conn, other, b"y")
        with Watch(proxy) as watch, proxy.connect(rcvbuf=4096) as silent:
            send_until_blocked(silent, get_request(protocol, key) * 1000,
                               1000 * len(get_request(protocol, key)))
            for _ in range(100):
                conn.send(get_request(protocol, other))
                conn.expect(reply_of(protocol, other, b"y"))
        watch.assert_below(64 * MIB)
        conn.assert_empty()
    proxy.alive()


def test_client_that_never_reads_small_replies(cluster, protocol, ring):
    _nodes, proxy = cluster
    key = ring.key("a")
    with proxy.connect() as conn:
        store(conn, key, b"x" * 100)
        request = get_request(protocol, key)
        with Watch(proxy) as watch, proxy.connect(rcvbuf=4096) as silent:
            send_until_blocked(silent, request * 1000, 500_000 * len(request))
            for _ in range(100):
                conn.send(request)
                conn.expect(reply_of(protocol, key, b"x" * 100))
        watch.assert_below(64 * MIB)


def test_many_clients_that_never_read(protocol, own_servers, make_proxy, ring):
    nodes = own_servers(KINDS[protocol], 3)
    proxy = make_proxy(slipring.pool(protocol, nodes, limits={"output": "4m"},
                                     timeouts={"request": "20s"}))
    key, other = ring.key("a"), ring.key("b")
    with proxy.connect() as conn:
        store(conn, key, b"x" * 100_000)
        store(conn, other, b"y")
        silent = [proxy.connect(rcvbuf=4096) for _ in range(50)]
        with Watch(proxy) as watch:
            for one in silent:
                one.send(get_request(protocol, key) * 60)
            for _ in range(200):
                conn.send(get_request(protocol, other))
                conn.expect(reply_of(protocol, other, b"y"))
        for one in silent:
            one.close()
        watch.assert_below(320 * MIB)  # 50 times the output limit of 4 MiB, and what is shared
        conn.send(get_request(protocol, key))
        conn.expect(reply_of(protocol, key, b"x" * 100_000))
    if not slipring.is_sanitized():
        assert slipring.settle(proxy, watch.base + 96 * MIB) < watch.base + 96 * MIB


def test_reader_that_wakes_up_gets_everything(cluster, protocol, ring):
    """A pause in reading loses nothing and disorders nothing."""
    _nodes, proxy = cluster
    keys = [ring.key(name) for name in "abc"]
    with proxy.connect() as conn, proxy.connect(rcvbuf=4096) as slow:
        for key in keys:
            store(conn, key, key * 2000)
        sender = threading.Thread(target=slow.send, args=(
            b"".join(get_request(protocol, key) for _ in range(150) for key in keys),))
        sender.start()
        assert wait_until(lambda: slow.fill() and len(slow.buffer) > 1000, "the first bytes")
        time.sleep(0.3)  # less than what closes a slow reader that holds up a shared connection
        try:
            for _ in range(150):
                for key in keys:
                    assert slow.read_reply() == reply_of(protocol, key, key * 2000)
        finally:
            slow.close()
            sender.join()


def test_pipeline_longer_than_in_flight(cluster, protocol, ring):
    """Over limits.in_flight the client is not read for a while; all replies come in the end."""
    _nodes, proxy = cluster
    keys = [ring.key(name) for name in "abc"]
    with proxy.connect() as conn:
        for key in keys:
            store(conn, key, key)
        count = 5000
        data = b"".join(get_request(protocol, keys[i % 3]) for i in range(count))
        sender = threading.Thread(target=conn.send, args=(data,))
        sender.start()
        for i in range(count):
            assert conn.read_reply() == reply_of(protocol, keys[i % 3], keys[i % 3])
        sender.join()
        conn.assert_empty()


def test_in_flight_requests_are_limited(scripted, make_proxy):
    """To a server that does not answer no more requests go than the limit says."""
    server = scripted("redis")[0]
    proxy = make_proxy(slipring.pool("redis", [server], limits={"in_flight": 20},
                                     timeouts={"connect": "1s", "request": "20s"}), wait="healthz")
    with proxy.connect() as conn:
        conn.send(b"".join(command("GET", i) for i in range(100)))
        peers = []
        while found := server.next(0.3):
            peers.append(found[0])
        assert 10 <= len(peers) <= 21
        for i in range(100):
            if i >= len(peers):
                peers.append(server.expect("GET", i))
            peers[i].reply(str(i))
            conn.expect(bulk(str(i)))


def test_slow_shard_does_not_slow_the_others(cluster, protocol, ring):
    nodes, proxy = cluster
    a, b = ring.key("a"), ring.key("b")
    with proxy.connect() as conn:
        store(conn, a, b"v")
        store(conn, b, b"v")
        nodes[0].pause()
        stuck = [proxy.connect() for _ in range(20)]
        for one in stuck:
            one.send(get_request(protocol, a) * 50)
        began, count = time.monotonic(), 0
        while count < 300:
            conn.send(get_request(protocol, b))
            conn.expect(reply_of(protocol, b, b"v"))
            count += 1
        assert time.monotonic() - began < 10
        nodes[0].resume()
        for one in stuck:
            one.close()


def test_reader_of_a_huge_value_does_not_hold_up_its_shard(make_proxy, own_servers, ring):
    nodes = own_servers(servers.Redis, 3)
    proxy = make_proxy(slipring.pool("redis", nodes, limits={"request": "64m", "output": "64m"}))
    huge, small = ring.keys("a", 2)
    with proxy.connect() as conn:
        assert conn.call("SET", huge, b"x" * (32 * MIB)) == OK
        assert conn.call("SET", small, "y") == OK
        with proxy.connect(rcvbuf=4096) as slow:
            slow.send(command("GET", huge))
            slow.read(1000)
            began = time.monotonic()
            for _ in range(50):
                assert conn.call("GET", small) == bulk("y")
            assert time.monotonic() - began < 15


def pattern(size, seed=b"seed"):
    """Bytes that repeat nowhere near a buffer's size."""
    block = b"".join(hashlib.sha256(seed + b"%d" % i).digest() for i in range(4099))
    return (block * (size // len(block) + 1))[:size]


def test_64_mib_values_both_ways(make_proxy, own_servers, ring):
    """With the default limit of 64 MiB for a request: a value just below, up and down, bounded."""
    nodes = own_servers(servers.Redis, 3)
    proxy = make_proxy(slipring.pool("redis", nodes, limits={"request": "64m"},
                                     timeouts={"connect": "1s", "request": "30s"}))
    value = pattern(64 * MIB - 4096)
    key = ring.key("b")
    with Watch(proxy) as watch, proxy.connect(timeout=50) as conn:
        for _ in range(2):
            conn.send(command("SET", key, value))
            assert conn.read_reply() == OK
            conn.send(command("GET", key))
            assert conn.read_reply() == bulk(value)
        assert conn.call("STRLEN", key) == b":%d\r\n" % len(value)
    watch.assert_below(224 * MIB)
    if not slipring.is_sanitized():
        assert slipring.settle(proxy, watch.base + 80 * MIB) < watch.base + 80 * MIB


def test_64_mib_value_to_a_slow_reader(make_proxy, own_servers, ring):
    nodes = own_servers(servers.Redis, 3)
    proxy = make_proxy(slipring.pool("redis", nodes, limits={"request": "64m"},
                                     timeouts={"connect": "1s", "request": "40s"}))
    value, key = pattern(64 * MIB - 4096), ring.key("b")
    with nodes[1].connect() as direct:
        assert direct.call("SET", key, value) == OK
    with Watch(proxy) as watch, proxy.connect(rcvbuf=65536) as slow:
        slow.send(command("GET", key))
        digest, left = hashlib.sha256(), len(bulk(value))
        for _ in range(20):  # a trickle first
            data = slow.read(1024)
            digest.update(data)
            left -= len(data)
            time.sleep(0.05)
        while left:
            data = slow.read(min(left, MIB))
            digest.update(data)
            left -= len(data)
        assert digest.digest() == hashlib.sha256(bulk(value)).digest()
    watch.assert_below(160 * MIB)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_reader_at_1_kib_a_second(make_proxy, own_servers, ring):
    """Served or closed, never a reason for others to wait or for memory to grow."""
    nodes = own_servers(servers.Redis, 3)
    # A server that writes 48 MiB to each of four may take its time for that.
    proxy = make_proxy(slipring.pool("redis", nodes, limits={"request": "64m"},
                                     timeouts={"connect": "10s", "request": "30s"},
                                     health={"every": "30s", "timeout": "30s"}))
    huge, small = ring.keys("a", 2)
    with proxy.connect() as conn:
        assert conn.call("SET", huge, pattern(48 * MIB)) == OK
        conn.call("SET", small, "y")
        slow = [proxy.connect(rcvbuf=4096) for _ in range(4)]
        with Watch(proxy) as watch:
            for one in slow:
                one.send(command("GET", huge))
            for _ in range(30):
                for one in slow:
                    try:
                        one.sock.settimeout(1)
                        one.sock.recv(1024)
                    except OSError:
                        pass
                assert conn.call("GET", small) == bulk("y")
                time.sleep(0.5)
        for one in slow:
            one.close()
        watch.assert_below(320 * MIB)


def test_request_over_the_limit_is_refused(make_proxy, redises, ring):
    proxy = make_proxy(slipring.pool("redis", redises[:3], limits={"request": "1m"}))
    with proxy.connect() as conn:
        assert conn.call("SET", ring.key("a"), b"x" * (MIB // 2)) == OK
        try:
            conn.send(command("SET", ring.key("a"), b"x" * (3 * MIB)))
        except OSError:
            pass
        try:
            reply = conn.read_reply()
            assert reply.startswith(b"-ERR "), reply
        except (wire.WireError, OSError):
            pass  # closed without a word: the bytes still under way may have reset it
    with proxy.connect() as conn:
        assert conn.call("STRLEN", ring.key("a")) == b":%d\r\n" % (MIB // 2)


def test_many_large_values_being_sent_at_once(make_proxy, own_servers, ring):
    """Half-sent requests of many clients: bounded, and finished when the rest comes."""
    nodes = own_servers(servers.Redis, 3)
    proxy = make_proxy(slipring.pool("redis", nodes, limits={"request": "16m"}))
    value = pattern(6 * MIB)
    whole = [command("SET", b"many:%d" % i, value) for i in range(12)]
    with Watch(proxy) as watch:
        conns = [proxy.connect() for _ in whole]
        for conn, data in zip(conns, whole):
            conn.send(data[: 5 * MIB])
        with proxy.connect() as other:
            for _ in range(50):
                assert other.call("SET", "small", "v") == OK
        for conn, data in zip(conns, whole):
            conn.send(data[5 * MIB :])
            assert conn.read_reply() == OK
        for i, conn in enumerate(conns):
            assert conn.call("STRLEN", b"many:%d" % i) == b":%d\r\n" % len(value)
            conn.close()
    watch.assert_below(192 * MIB)


@sanitized
def test_memory_after_a_storm_is_given_back(make_proxy, redises):
    proxy = make_proxy(slipring.pool("redis", redises[:3]))
    base = proxy.memory()
    for _ in range(3):
        conns = [proxy.connect() for _ in range(100)]
        for i, conn in enumerate(conns):
            conn.send(b"".join(command("SET", b"s%d" % i, b"x" * 5000) for _ in range(50)))
        for conn in conns:
            for _ in range(50):
                reply = conn.read_reply()
                assert reply == OK, reply
            conn.close()
    assert slipring.settle(proxy, base + 64 * MIB) < base + 64 * MIB


@sanitized
def test_idle_start_is_small(make_proxy, redises):
    """The issue's figure: at most 5 MiB of private memory at the start, one worker."""
    proxy = make_proxy(slipring.pool("redis", redises[:3]))
    assert proxy.memory() <= 5 * MIB
