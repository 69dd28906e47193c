"""POST /v1/pools/NAME/pause: requests wait, all of them or writes only, for a bounded time; and the
procedure that it is for: suspend writes, switch, go on.
"""

import time

import pytest

import fleet
import load
import servers
import slipring
import wire
from wire import OK, bulk, command, wait_until

RATE = 2000
HOLD = {"time": "20s", "requests": 10000}


@pytest.fixture
def proxy(own_servers, make_proxy):
    """Two pools of Redis, one of memcached."""
    nodes = own_servers(servers.Redis, 3)
    return make_proxy({
        "main": slipring.pool("redis", nodes[:2], hold=HOLD),
        "other": slipring.pool("redis", nodes[2:], hold=HOLD),
        "pages": slipring.pool("memcached", own_servers(servers.Memcached, 2)),
    }, workers=2)


def post(proxy, path):
    return proxy.request("POST", f"/v1/pools/{path}")[0]


@pytest.fixture
def conns(proxy):
    """Two connections to the pool."""
    with proxy.connect() as one, proxy.connect() as two:
        assert one.call("SET", "k", "v") == OK
        yield one, two


def test_writes_wait_and_reads_go_on(proxy, conns):
    one, two = conns
    assert post(proxy, "main/pause?for=30s&only=writes") == 200
    one.send(command("INCR", "n"))
    for _ in range(20):
        assert two.call("GET", "k") == bulk("v")
        assert two.call("MGET", "k", "l") == wire.array(["v", None])
    assert one.is_silent(0.3)
    with proxy.connect("other") as other, proxy.connect("pages") as pages:
        assert other.call("SET", "k", "v") == OK
        assert pages.set(b"k", b"v") == b"STORED\r\n"
    assert post(proxy, "main/resume") == 200
    one.expect(b":1\r\n")
    assert two.call("INCR", "n") == b":2\r\n"


def test_all_wait(proxy, conns):
    one, two = conns
    assert post(proxy, "main/pause?for=30s") == 200
    one.send(command("INCR", "n"))
    two.send(command("GET", "k"))
    assert one.is_silent(0.3) and two.is_silent(0.1)
    assert post(proxy, "main/resume") == 200
    one.expect(b":1\r\n")
    two.expect(bulk("v"))


def test_an_end_by_itself(proxy, conns):
    one, two = conns
    begun = time.monotonic()
    assert post(proxy, "main/pause?for=1s&only=writes") == 200
    assert one.call("INCR", "n") == b":1\r\n"
    assert time.monotonic() - begun >= 0.9  # not before; how much later is the machine's
    assert two.call("INCR", "n") == b":2\r\n"


def test_order_is_kept(proxy, conns):
    """A read behind a write on the same connection waits for it; replies come in their order."""
    one, _ = conns
    assert post(proxy, "main/pause?for=30s&only=writes") == 200
    one.send(command("GET", "k") + command("SET", "k", "w") + command("GET", "k")
             + command("INCR", "n") + command("ECHO", "end"))
    one.expect(bulk("v"))
    assert one.is_silent(0.3)
    assert post(proxy, "main/resume") == 200
    one.expect(OK + bulk("w") + b":1\r\n" + bulk("end"))
    one.assert_empty()


def test_what_was_sent_before_is_finished(own_servers, make_proxy):
    node, = own_servers(servers.Redis, 1)
    proxy = make_proxy(slipring.pool("redis", [node], hold=HOLD))
    with proxy.connect() as conn:
        node.pause()
        conn.send(command("INCR", "n"))
        wait_until(lambda: proxy.shards()["a"]["endpoint"]["in_flight"] == 1, "it to be sent")
        assert post(proxy, "main/pause?for=30s") == 200
        node.resume()
        conn.expect(b":1\r\n")
        conn.send(command("INCR", "n"))
        assert conn.is_silent(0.3)
        assert post(proxy, "main/resume") == 200
        conn.expect(b":2\r\n")


def test_transactions_wait_as_a_whole(proxy, conns):
    one, _ = conns
    assert post(proxy, "main/pause?for=30s&only=writes") == 200
    one.send(command("MULTI") + command("INCR", "{k}n") + command("GET", "k") + command("EXEC"))
    time.sleep(0.3)
    with proxy.connect() as two:
        assert two.call("GET", "{k}n") == bulk(None)
    assert post(proxy, "main/resume") == 200
    assert [one.read_reply() for _ in range(4)][-1] == b"*2\r\n:1\r\n$1\r\nv\r\n"


def test_commands_that_are_the_proxys_own(proxy, conns):
    """A load balancer's PING is answered, or the proxy would be taken out in the middle of it."""
    one, _ = conns
    assert post(proxy, "main/pause?for=30s") == 200
    assert one.call("PING") == b"+PONG\r\n"
    assert proxy.get("/healthz")[0] == 200
    assert post(proxy, "main/resume") == 200


def test_it_is_seen(proxy, conns):
    one, _ = conns

    def pool():
        return next(pool for pool in proxy.status()["pools"] if pool["name"] == "main")

    before = str({key: value for key, value in pool().items() if key != "shards"})
    assert "pause" not in proxy.log() or "paused" not in before
    assert post(proxy, "main/pause?for=30s&only=writes") == 200
    during = str({key: value for key, value in pool().items() if key != "shards"})
    assert "writes" in during and during != before
    assert "main" in proxy.log() and "pause" in proxy.log()
    assert post(proxy, "main/resume") == 200
    assert "writes" not in str({key: value for key, value in pool().items()
                                if key not in ("shards", "commands")})
    assert one.call("SET", "k", "w") == OK


@pytest.mark.parametrize("path, code", [
    ("nope/pause?for=1s", 404), ("nope/resume", 404), ("main/pause", 400), ("main/pause?for=", 400),
    ("main/pause?for=1", 400), ("main/pause?for=-1s", 400), ("main/pause?for=0s", 400),
    ("main/pause?for=99999h", 400), ("main/pause?for=1s&only=reads", 400),
    ("main/pause?for=1s&only=", 400), ("main/pause?for=1s&nope=1", 400), ("main/nope", 404),
    ("/pause?for=1s", 404), ("main%2Fpause?for=1s", 404),
    pytest.param("x" * 5000 + "/pause?for=1s", 404, id="long"),
])
def test_wrong_questions(proxy, conns, path, code):
    assert post(proxy, path) == code
    assert conns[0].call("SET", "k", "w") == OK  # nothing waits


def test_other_methods(proxy):
    assert proxy.get("/v1/pools/main/pause?for=1s")[0] == 405
    assert proxy.get("/v1/pools/main/resume")[0] == 405


def test_resume_of_what_is_not_paused(proxy, conns):
    assert post(proxy, "main/resume") == 200
    assert conns[0].call("SET", "k", "w") == OK


def test_pauses_follow_each_other(proxy, conns):
    """The last word counts: its end and its kind."""
    one, two = conns
    assert post(proxy, "main/pause?for=1s") == 200
    assert post(proxy, "main/pause?for=30s&only=writes") == 200
    assert two.call("GET", "k") == bulk("v")
    one.send(command("INCR", "n"))
    assert one.is_silent(1.3)
    assert post(proxy, "main/pause?for=200ms") == 200
    one.expect(b":1\r\n")
    assert two.call("GET", "k") == bulk("v")


def test_a_client_that_leaves_while_it_waits(proxy):
    """What it had asked for is dropped: it was not sent."""
    assert post(proxy, "main/pause?for=30s&only=writes") == 200
    for i in range(50):
        conn = proxy.connect()
        conn.send(command("INCR", "gone"))
        if i % 2:
            conn.reset()
        else:
            conn.close()
    wait_until(lambda: proxy.metric_sum("slipring_clients_closed_total") >= 50, "them to be gone")
    assert post(proxy, "main/resume") == 200
    with proxy.connect() as conn:
        assert conn.call("GET", "gone") == bulk(None)


def test_the_hold_is_bounded(own_servers, make_proxy):
    """As many wait as hold.requests says; the others hear of it at once."""
    node, = own_servers(servers.Redis, 1)
    proxy = make_proxy(slipring.pool("redis", [node], hold={"time": "20s", "requests": 5}))
    writers = [proxy.connect() for _ in range(12)]
    assert writers[0].call("PING") == b"+PONG\r\n"
    assert post(proxy, "main/pause?for=30s&only=writes") == 200
    waiting = load.hold_back(writers, 5)
    assert post(proxy, "main/resume") == 200
    got = sorted(wire.decode(conn.read_reply()) for conn in waiting)
    assert got == [1, 2, 3, 4, 5]
    for conn in writers:
        conn.close()


def test_a_transaction_that_finds_no_room_ends(own_servers, make_proxy):
    """With as many waiting as may, nothing runs of one that lacks a command, and its EXEC ends it."""
    node, = own_servers(servers.Redis, 1)
    proxy = make_proxy(slipring.pool("redis", [node], hold={"time": "20s", "requests": 1}))
    with proxy.connect() as waiting, proxy.connect() as conn, proxy.connect() as late:
        for one in (conn, late):
            assert one.call("MULTI") == OK
            assert one.call("INCR", "n") == b"+QUEUED\r\n"
        assert post(proxy, "main/pause?for=30s&only=writes") == 200
        waiting.send(command("INCR", "other"))
        assert waiting.is_silent(0.3)
        assert conn.call("INCR", "n").startswith(b"-ERR slipring: the pool is paused")
        assert late.call("EXEC").startswith(b"-EXECABORT ")
        assert late.call("PING") == b"+PONG\r\n"
        assert post(proxy, "main/resume") == 200
        waiting.expect(b":1\r\n")
        assert conn.call("EXEC").startswith(b"-EXECABORT ")
        assert conn.call("GET", "n") == bulk(None)


def test_memcached_pauses(proxy):
    with proxy.connect("pages") as one, proxy.connect("pages") as two:
        assert one.set(b"k", b"v") == b"STORED\r\n"
        assert post(proxy, "pages/pause?for=30s&only=writes") == 200
        one.send(b"set k 0 0 1\r\nw\r\nget k\r\n")
        assert two.get(b"k")[0][b"k"] == (0, b"v")
        assert one.is_silent(0.3)
        assert post(proxy, "pages/resume") == 200
        one.expect(b"STORED\r\nVALUE k 0 1\r\nw\r\nEND\r\n")


def test_a_drain_ends_a_pause(proxy):
    """TERM finishes what waits, or says that it does not; the process does not hang on it."""
    with proxy.connect() as conn:
        assert post(proxy, "main/pause?for=60s&only=writes") == 200
        conn.send(command("INCR", "n"))
        time.sleep(0.1)
        proxy.stop()
        rest = conn.read_to_end()
        assert rest in (b"", b":1\r\n") or rest.startswith(b"-ERR slipring: "), rest


# -- under load -----------------------------------------------------------------------------------


@pytest.mark.timeout(120)
@pytest.mark.parametrize("only", ["", "&only=writes"])
def test_pauses_under_load(proxy, only):
    with load.Load(proxy.address(), rate=RATE) as clients:
        for _ in range(4):
            clients.wait_more(300)
            assert post(proxy, f"main/pause?for=30s{only}") == 200
            time.sleep(0.7)
            assert post(proxy, "main/resume") == 200
        clients.wait_more(300)
    direct = [parse(shard["endpoint"]["address"]) for shard in proxy.shards("main").values()]
    clients.check(load.read_from(*[servers.Redis(port) for port in direct]))
    clients.assert_no_errors()
    assert clients.longest_gap >= 0.7


def parse(address):
    return slipring.parse_address(address)[1]


@pytest.mark.timeout(120)
def test_scale_up(own_servers, make_proxy):
    """Writes suspended, the replica has all, it is made the primary and the proxy told of it; go
    on. The old one is not even asked: nothing is READONLY, and nothing is lost."""
    group, = own_servers(fleet.ReplicaSet, 1)
    proxy = make_proxy(slipring.pool("redis", [group.primary], hold=HOLD), workers=2)
    with load.Load(proxy.address(), rate=RATE) as clients:
        for index in (1, 0):
            clients.wait_more(300)
            assert post(proxy, "main/pause?for=30s&only=writes") == 200
            wait_until(lambda: proxy.shards()["a"]["endpoint"]["in_flight"] == 0, "the last write")
            group.wait_synced()
            group.promote(index)
            config = dict(proxy.config)
            config["pools"]["main"]["shards"][0]["primary"] = group.primary.name
            assert proxy.reload(config)[0] == 200
            assert post(proxy, "main/resume") == 200
            group.demote(1 - index)
            clients.wait_writes(300)
    group.wait_synced()
    clients.check(load.read_from(group.primary))
    clients.assert_no_errors()
