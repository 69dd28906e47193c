"""Nodes that die, hang or talk nonsense, and clients that leave in the middle."""

import socket
import threading
import time

import pytest

import servers
import slipring
import wire
from wire import OK, ErrorReply, array, bulk, command, integer, wait_until

QUICK = {"connect": "300ms", "request": "500ms"}


def error_of(reply, protocol="redis"):
    """The text of an error reply; a failure for any other reply."""
    head = {"redis": b"-ERR ", "memcached": b"SERVER_ERROR "}[protocol]
    assert reply.startswith(head) and reply.endswith(b"\r\n"), reply[:300]
    assert reply.count(b"\r\n") == 1
    return reply[len(head) : -2].decode()


def get(conn, key):
    """The raw reply of a GET in the connection's protocol."""
    if isinstance(conn, wire.McConnection):
        return conn.call(b"get " + key)
    return conn.call("GET", key)


def store(conn, key, value=b"v"):
    if isinstance(conn, wire.McConnection):
        return conn.set(key, value)
    return conn.call("SET", key, value)


def stored(protocol):
    return OK if protocol == "redis" else b"STORED\r\n"


KINDS = {"redis": servers.Redis, "memcached": servers.Memcached}


@pytest.fixture(params=["redis", "memcached"])
def protocol(request):
    return request.param


@pytest.fixture
def cluster(own_servers, make_proxy, protocol):
    """Three nodes of the test's own and a proxy over them: (nodes, proxy)."""
    nodes = own_servers(KINDS[protocol], 3)
    return nodes, make_proxy(slipring.pool(protocol, nodes, timeouts=QUICK))


# -- real nodes -----------------------------------------------------------------------------------


def test_killed_node(cluster, protocol, ring):
    nodes, proxy = cluster
    keys = [ring.key(name) for name in "abc"]
    with proxy.connect() as conn:
        for key in keys:
            assert store(conn, key) == stored(protocol)
        nodes[1].kill()
        text = wait_until(lambda: refused_text(conn, keys[1], protocol), "a refused connection")
        assert text == f"slipring: shard b: connect to {nodes[1].name}: connection refused"
        for key in (keys[0], keys[2]):
            assert store(conn, key) == stored(protocol)
            assert b"v\r\n" in get(conn, key)
        text = error_of(store(conn, keys[1]), protocol)
        assert text.startswith("slipring: shard b: ")
        nodes[1].start()
        wait_until(lambda: store(conn, keys[1]) == stored(protocol), "the node's return")
        assert b"v\r\n" in get(conn, keys[1])
        conn.assert_empty()
    assert proxy.metric_sum(r"slipring_.*(error|fail)") > 0


def refused_text(conn, key, protocol):
    """The error of a read once it is of a refused connection; the first may be of the lost one."""
    text = error_of(get(conn, key), protocol)
    assert text.startswith("slipring: shard b: "), text
    return text if "refused" in text else None


def test_node_that_is_down_from_the_start(make_proxy, own_servers, protocol, ring):
    nodes = own_servers(KINDS[protocol], 3)
    nodes[2].kill()
    proxy = make_proxy(slipring.pool(protocol, nodes, timeouts=QUICK), wait="healthz")
    with proxy.connect() as conn:
        assert store(conn, ring.key("a")) == stored(protocol)
        text = error_of(get(conn, ring.key("c")), protocol)
        assert text == f"slipring: shard c: connect to {nodes[2].name}: connection refused"
        nodes[2].start()
        wait_until(lambda: store(conn, ring.key("c")) == stored(protocol), "the node")


def test_hung_node(cluster, protocol, ring):
    nodes, proxy = cluster
    with proxy.connect() as conn, proxy.connect() as other:
        for name in "abc":
            store(conn, ring.key(name))
        nodes[0].pause()
        began = time.monotonic()
        text = error_of(get(conn, ring.key("a")), protocol)
        assert text.startswith("slipring: shard a: ") and "time" in text
        assert time.monotonic() - began < 10
        for _ in range(50):
            assert b"v\r\n" in get(other, ring.key("b"))
        assert b"v\r\n" in get(conn, ring.key("c"))
        nodes[0].resume()
        wait_until(lambda: b"v\r\n" in get(conn, ring.key("a")), "the node's return")
        conn.assert_empty()
        other.assert_empty()


def test_hung_node_other_clients_do_not_wait(cluster, protocol, ring):
    """While one client waits for the hung shard, others are served."""
    nodes, proxy = cluster
    with proxy.connect() as stuck, proxy.connect() as other:
        store(other, ring.key("b"))
        nodes[0].pause()
        key = ring.key("a")
        stuck.send((command("GET", key) if protocol == "redis" else b"get %s\r\n" % key) * 100)
        for _ in range(200):
            assert b"v\r\n" in get(other, ring.key("b"))
        for _ in range(100):
            error_of(stuck.read_reply(), protocol)
        nodes[0].resume()


def test_write_to_a_hung_node_may_have_run(cluster, protocol, ring):
    nodes, proxy = cluster
    with proxy.connect() as conn:
        store(conn, ring.key("a"))
        nodes[0].pause()
        text = error_of(store(conn, ring.key("a"), b"w"), protocol)
        assert text.startswith("slipring: shard a: ") and "may have run" in text
        nodes[0].resume()


def test_all_replies_of_a_pipeline_come_in_order_around_a_dead_shard(cluster, protocol, ring):
    nodes, proxy = cluster
    live, dead = ring.keys("a", 20), ring.keys("b", 20)
    with proxy.connect() as conn:
        for key in live:
            store(conn, key, key)
        nodes[1].kill()
        sent = b"".join(
            command("GET", key) if protocol == "redis" else b"get %s\r\n" % key
            for pair in zip(live, dead) for key in pair
        )
        conn.send(sent)
        for key in live:
            assert key in conn.read_reply()
            assert error_of(conn.read_reply(), protocol).startswith("slipring: shard b: ")
        conn.assert_empty()


def test_noreply_to_a_dead_shard_stays_silent(own_servers, make_proxy, ring):
    nodes = own_servers(servers.Memcached, 3)
    proxy = make_proxy(slipring.pool("memcached", nodes, timeouts=QUICK))
    with proxy.connect() as conn:
        nodes[1].kill()
        dead, live = ring.key("b"), ring.key("a")
        for _ in range(5):
            conn.send(b"set %s 0 0 1 noreply\r\nx\r\nset %s 0 0 1\r\ny\r\n" % (dead, live))
            conn.expect(b"STORED\r\n")
        conn.assert_empty()


def test_fails_fast_during_back_off(cluster, protocol, ring):
    nodes, proxy = cluster
    nodes[1].kill()
    with proxy.connect() as conn:
        error_of(get(conn, ring.key("b")), protocol)
        began = time.monotonic()
        for _ in range(300):
            assert error_of(get(conn, ring.key("b")), protocol).startswith("slipring: shard b: ")
        assert time.monotonic() - began < 15


def test_fails_fast_when_connecting_times_out(make_proxy, own_servers, protocol, ring):
    """A full accept queue drops SYNs: each attempt lasts the whole connect timeout."""
    nodes = own_servers(KINDS[protocol], 2)
    black = socket.socket()
    black.bind((servers.LOOPBACK, servers.free_port()))
    black.listen(0)
    fillers = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(black.getsockname())
        fillers.append(filler)
    address = "%s:%d" % black.getsockname()
    proxy = make_proxy(slipring.pool(protocol, [nodes[0], address, nodes[1]], timeouts=QUICK),
                       wait="healthz")
    with proxy.connect() as conn:
        text = error_of(get(conn, ring.key("b")), protocol)
        assert text.startswith(f"slipring: shard b: connect to {address}: ")
        assert "time" in text
        began = time.monotonic()
        for _ in range(100):
            error_of(get(conn, ring.key("b")), protocol)
        assert time.monotonic() - began < 20  # 100 attempts would be 30 s
        assert store(conn, ring.key("a")) == stored(protocol)
    for filler in fillers:
        filler.close()
    black.close()


def test_kills_and_restarts_under_load(cluster, protocol, ring):
    """Every reply is the right one or a named error of the right shard; then all is well again."""
    nodes, proxy = cluster
    stop, wrong, served = threading.Event(), [], []

    def work(number):
        keys = {name: ring.key(name, b"w%d" % number) for name in "abc"}
        count = 0
        try:
            with proxy.connect() as conn:
                while not stop.is_set():
                    for name, key in keys.items():
                        value = b"%d-%d" % (number, count)
                        count += 1
                        if store(conn, key, value) != stored(protocol):
                            if name != "b":
                                wrong.append((name, "write failed"))
                            continue
                        got = get(conn, key)
                        # b loses its keys with its process; anything else is another's reply
                        if value not in got and not (name == "b" and plausible_loss(got, protocol)):
                            wrong.append((name, got, value))
                served.append(count)
        except Exception as err:  # pylint: disable=broad-except
            wrong.append(repr(err))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            time.sleep(0.3)  # load on a healthy cluster
            nodes[1].kill()
            time.sleep(0.3)  # and on a broken one
            nodes[1].start()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[:5]
    assert len(served) == 4 and min(served) > 10
    with proxy.connect() as conn:
        wait_until(lambda: store(conn, ring.key("b")) == stored(protocol), "the node's return")


def plausible_loss(reply, protocol):
    miss = bulk(None) if protocol == "redis" else b"END\r\n"
    return reply == miss or error_of(reply, protocol).startswith("slipring: shard b: ")


# -- what is sent again, and what is not ----------------------------------------------------------


@pytest.fixture
def stage(scripted, make_proxy, protocol):
    """stage(**settings) -> (scripted server, proxy, client) of a pool of one shard, a.

    With lasted=True the connection to the server is old enough to be made again at once when it
    breaks; a young one that breaks counts as a failed attempt and is waited for.
    """

    def make(lasted=False, **settings):
        server = scripted(protocol)[0]
        settings.setdefault("timeouts", {"connect": "2s", "request": "2s"})
        proxy = make_proxy(slipring.pool(protocol, [server], **settings), wait="healthz")
        wait_until(lambda: endpoint(proxy)["state"] == "up", "the server to be up")
        if lasted:
            time.sleep(1.2)
        conn = proxy.connect()
        clients.append(conn)
        return server, proxy, conn

    clients = []
    yield make
    for conn in clients:
        conn.close()


def endpoint(proxy, shard=0):
    return proxy.status()["pools"][0]["shards"][shard]["endpoint"]


def send_get(conn, protocol, key=b"k"):
    conn.send(command("GET", key) if protocol == "redis" else b"get %s\r\n" % key)


def send_set(conn, protocol, key=b"k", value=b"v"):
    conn.send(command("SET", key, value) if protocol == "redis"
              else b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value))


def expect_get(server, protocol, key=b"k"):
    return server.expect("GET", key) if protocol == "redis" else server.expect(b"get " + key)


def expect_set(server, protocol, key=b"k", value=b"v"):
    if protocol == "redis":
        return server.expect("SET", key, value)
    return server.expect(b"set %s 0 0 %d" % (key, len(value)), value)


def hit(protocol, key=b"k", value=b"v"):
    if protocol == "redis":
        return bulk(value)
    return b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value)


def still_works(server, conn, protocol):
    """The next request reaches the server and its own reply comes back."""
    deadline = time.monotonic() + 15
    while True:
        send_get(conn, protocol, b"after")
        found = server.next(1)
        if found:
            break
        error_of(conn.read_reply(), protocol)  # still in back-off
        assert time.monotonic() < deadline
    peer, got = found
    assert b"after" in b" ".join(got), got
    peer.send(hit(protocol, b"after", b"right"))
    conn.expect(hit(protocol, b"after", b"right"))
    server.assert_empty()


def test_write_that_was_lost_says_so_and_is_not_sent_again(stage, protocol):
    server, _proxy, conn = stage(retries=3)
    send_set(conn, protocol)
    expect_set(server, protocol).close()
    text = error_of(conn.read_reply(), protocol)
    assert text.startswith("slipring: shard a: ") and "may have run" in text
    server.expect_nothing(0.5)
    still_works(server, conn, protocol)
    assert len(server.seen) == 2


def test_read_that_was_lost_is_sent_again(stage, protocol):
    server, _proxy, conn = stage(retries=1, lasted=True)
    send_get(conn, protocol)
    expect_get(server, protocol).close()
    expect_get(server, protocol).send(hit(protocol))
    conn.expect(hit(protocol))
    still_works(server, conn, protocol)


def test_read_is_sent_again_only_as_often_as_retries_says(stage, protocol):
    server, _proxy, conn = stage(retries=1, lasted=True)
    send_get(conn, protocol)
    for _ in range(2):
        expect_get(server, protocol).close()
    assert error_of(conn.read_reply(), protocol).startswith("slipring: shard a: ")
    server.expect_nothing()
    still_works(server, conn, protocol)


def test_no_retries_at_all(stage, protocol):
    server, _proxy, conn = stage(retries=0)
    send_get(conn, protocol)
    expect_get(server, protocol).close()
    assert error_of(conn.read_reply(), protocol).startswith("slipring: shard a: ")
    server.expect_nothing()
    still_works(server, conn, protocol)


def test_lost_pipeline_of_reads_and_writes(stage, protocol):
    """Of what was unanswered when the connection went, reads come again and writes do not."""
    server, _proxy, conn = stage(retries=1, lasted=True)
    send_get(conn, protocol, b"r1")
    expect_get(server, protocol, b"r1")
    send_set(conn, protocol, b"w")
    send_get(conn, protocol, b"r2")
    expect_set(server, protocol, b"w")
    expect_get(server, protocol, b"r2").reset()
    for key in (b"r1", b"r2"):
        expect_get(server, protocol, key).send(hit(protocol, key))
    conn.expect(hit(protocol, b"r1"))
    assert "may have run" in error_of(conn.read_reply(), protocol)
    conn.expect(hit(protocol, b"r2"))
    still_works(server, conn, protocol)


def test_write_whose_reply_was_begun_is_not_sent_again(stage, protocol):
    server, _proxy, conn = stage(retries=3)
    send_set(conn, protocol)
    expect_set(server, protocol).send(b"+O" if protocol == "redis" else b"STO").close()
    assert "may have run" in error_of(conn.read_reply(), protocol)
    still_works(server, conn, protocol)
    assert len(server.seen) == 2


def test_read_whose_reply_was_begun_comes_whole_or_not_at_all(stage, protocol):
    """Half a reply is never followed by other bytes: an error, a whole reply, or the end."""
    server, proxy, conn = stage(retries=1)
    send_get(conn, protocol)
    expect_get(server, protocol).send(hit(protocol, value=b"x" * 1000)[:300]).close()
    found = server.next(2)
    if found:
        found[0].send(hit(protocol))
        conn.expect(hit(protocol))
    else:
        rest = conn.read_reply()
        error_of(rest, protocol)
    still_works(server, conn, protocol)
    assert proxy.alive()


def test_large_read_cut_in_the_middle(stage, protocol):
    """What was already passed on cannot be taken back: the client is closed, never fed an error
    inside the value."""
    server, proxy, conn = stage(retries=1)
    whole = hit(protocol, value=b"x" * 3_000_000)
    send_get(conn, protocol)
    expect_get(server, protocol).send(whole[:2_000_000]).close()
    found = server.next(2)
    if found:
        found[0].send(whole)
        conn.expect(whole)
    else:
        conn.half_close()
        rest = conn.read_to_end()
        assert whole.startswith(rest) or error_of(rest, protocol)
    fresh_conn = proxy.connect()
    with fresh_conn:
        still_works(server, fresh_conn, protocol)


# -- timeouts -------------------------------------------------------------------------------------


def test_timeout_and_a_late_reply_that_nobody_gets(stage, protocol):
    server, _proxy, conn = stage(retries=0, timeouts={"connect": "1s", "request": "300ms"})
    send_get(conn, protocol)
    late = expect_get(server, protocol)
    text = error_of(conn.read_reply(), protocol)
    assert text.startswith("slipring: shard a: ") and "time" in text
    try:
        late.send(hit(protocol, value=b"late"))
    except OSError:
        pass
    still_works(server, conn, protocol)
    late.expect_closed()


def test_timeout_of_one_takes_those_behind_it(stage, protocol):
    """They were sent on the same connection, which is given up; each gets its own error."""
    server, _proxy, conn = stage(retries=0, timeouts={"connect": "1s", "request": "400ms"})
    for i in range(5):
        send_get(conn, protocol, b"k%d" % i)
    for i in range(5):
        expect_get(server, protocol, b"k%d" % i)
    for _ in range(5):
        assert error_of(conn.read_reply(), protocol).startswith("slipring: shard a: ")
    still_works(server, conn, protocol)


def test_slow_answers_within_the_timeout_are_fine(stage, protocol):
    server, _proxy, conn = stage(timeouts={"connect": "1s", "request": "5s"})
    for i in range(3):
        send_get(conn, protocol)
    peers = [expect_get(server, protocol) for _ in range(3)]
    for i, peer in enumerate(peers):
        reply = hit(protocol, value=b"%d" % i)
        for byte in reply:
            peer.send(bytes([byte]))
        conn.expect(reply)
    still_works(server, conn, protocol)


def test_port_that_accepts_and_says_nothing(scripted, make_proxy, protocol):
    server = scripted(protocol, greeting=False)[0]
    proxy = make_proxy(slipring.pool(protocol, [server], timeouts=QUICK), wait="healthz")
    with proxy.connect() as conn:
        for i in range(3):
            send_set(conn, protocol, b"k%d" % i)
            text = error_of(conn.read_reply(), protocol)
            assert text.startswith("slipring: shard a: ") and server.name in text
        assert proxy.metric_sum(r"slipring_.*(error|fail|timeout)") >= 3
        server.greeting = True
        still_works(server, conn, protocol)


# -- servers that talk nonsense -------------------------------------------------------------------

NONSENSE = {
    "redis": [b"hello\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$-7\r\n", b"$abc\r\n", b"\r\n",
              b"*99999999999999999999\r\n", b"$99999999999999999999\r\n", b"$3\r\nabcdef\r\n",
              b"\0\0\0\0\r\n", b"\xff" * 100 + b"\r\n"],
    "memcached": [b"hello\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"VALUE k\r\n", b"\r\n",
                  b"VALUE k 0 -5\r\nabc\r\nEND\r\n", b"VALUE k 0 99999999999999999999\r\n",
                  b"VALUE k 0 3\r\nabcdef\r\nEND\r\n", b"VALUE k 0 x\r\nabc\r\nEND\r\n",
                  b"\0\0\0\0\r\n", b"\xff" * 100 + b"\r\n", b"-ERR no\r\n"],
}


@pytest.mark.parametrize("protocol, nonsense",
                         [(name, row) for name, rows in NONSENSE.items() for row in rows])
def test_garbage_ends_in_a_named_error(stage, protocol, nonsense):
    server, proxy, conn = stage(retries=0, timeouts={"connect": "1s", "request": "1s"})
    before = proxy.metric_sum(r"slipring_.*(error|fail)")
    send_get(conn, protocol)
    expect_get(server, protocol).send(nonsense)
    assert error_of(conn.read_reply(), protocol).startswith("slipring: shard a: ")
    assert proxy.metric_sum(r"slipring_.*(error|fail)") > before
    still_works(server, conn, protocol)


def test_more_than_was_asked_for(stage, protocol):
    """A reply too many is nobody's: the connection is closed."""
    server, _proxy, conn = stage(retries=0)
    send_get(conn, protocol)
    peer = expect_get(server, protocol)
    peer.send(hit(protocol, value=b"mine") + hit(protocol, value=b"nobodys"))
    reply = conn.read_reply()
    assert b"nobodys" not in reply
    if reply != hit(protocol, value=b"mine"):
        error_of(reply, protocol)
    still_works(server, conn, protocol)
    peer.expect_closed()


def test_words_on_an_idle_connection(stage, protocol):
    server, proxy, conn = stage(retries=0)
    send_get(conn, protocol)
    peer = expect_get(server, protocol).send(hit(protocol))
    conn.expect(hit(protocol))
    peer.send(hit(protocol, value=b"nobodys"))
    peer.expect_closed()
    still_works(server, conn, protocol)
    assert proxy.alive()


def test_server_that_closes_an_idle_connection(stage, protocol):
    server, _proxy, conn = stage(retries=0)
    send_get(conn, protocol)
    peer = expect_get(server, protocol).send(hit(protocol))
    conn.expect(hit(protocol))
    peer.close()
    still_works(server, conn, protocol)


def test_server_that_half_closes(stage, protocol):
    server, _proxy, conn = stage(retries=0)
    send_get(conn, protocol)
    peer = expect_get(server, protocol)
    peer.sock.shutdown(socket.SHUT_WR)
    assert error_of(conn.read_reply(), protocol).startswith("slipring: shard a: ")
    still_works(server, conn, protocol)


def test_replies_that_come_while_later_requests_still_wait(scripted, make_proxy, protocol):
    """The server answers as it reads; most of the pipeline is still in the proxy then."""
    server = scripted(protocol, rcvbuf=65536)[0]
    patient = {"connect": "2s", "request": "20s"}
    proxy = make_proxy(slipring.pool(protocol, [server], timeouts=patient), wait="healthz")
    value, count = b"x" * 200_000, 150
    good = OK if protocol == "redis" else b"STORED\r\n"
    with proxy.connect() as conn:
        sender = threading.Thread(
            target=lambda: [send_set(conn, protocol, b"k%d" % i, value) for i in range(count)])
        sender.start()
        wait_until(lambda: endpoint(proxy)["in_flight"] == count, "the whole pipeline to be taken")
        for i in range(count):
            expect_set(server, protocol, b"k%d" % i, value).send(good)
            conn.expect(good)
        sender.join()
        still_works(server, conn, protocol)


def test_error_of_the_server_is_passed_on_untouched(stage, protocol):
    server, _proxy, conn = stage()
    errors = {
        "redis": [b"-OOM command not allowed\r\n", b"-LOADING Redis is loading\r\n",
                  b"-MOVED 1 127.0.0.1:1\r\n", b"-\r\n", b"-ERR x\ty\r\n"],
        "memcached": [b"ERROR\r\n", b"SERVER_ERROR out of memory\r\n", b"CLIENT_ERROR x y\r\n",
                      b"SERVER_ERROR\r\n"],
    }[protocol]
    for error in errors:
        send_set(conn, protocol)
        expect_set(server, protocol).send(error)
        conn.expect(error)
    still_works(server, conn, protocol)


# -- replies of shards, merged --------------------------------------------------------------------


@pytest.fixture
def two(scripted, make_proxy):
    """two(protocol, **settings) -> (servers a and b, proxy, client)."""

    def make(protocol, **settings):
        some = scripted(protocol, 2)
        settings.setdefault("timeouts", {"connect": "2s", "request": "1s"})
        proxy = make_proxy(slipring.pool(protocol, some, **settings), wait="healthz")
        for shard in range(2):
            wait_until(lambda i=shard: endpoint(proxy, i)["state"] == "up", "the servers to be up")
        conn = proxy.connect()
        clients.append(conn)
        return some, proxy, conn

    clients = []
    yield make
    for conn in clients:
        conn.close()


AB = wire.Ring(["a", "b"])
A, C = AB.keys("a", 2)
B = AB.key("b")


def test_mget_replies_in_key_order(two):
    some, _proxy, conn = two("redis")
    conn.send(command("MGET", A, B, C))
    some[1].expect("MGET", B).reply(["B"])
    some[0].expect("MGET", A, C).reply(["A", None])
    conn.expect(array(["A", "B", None]))
    conn.assert_empty()
    for server in some:
        server.assert_empty()


def test_mset_and_del_are_split(two):
    some, _proxy, conn = two("redis")
    conn.send(command("MSET", A, 1, B, 2, C, 3) + command("DEL", C, B, A))
    some[0].expect("MSET", A, 1, C, 3).send(OK)
    some[0].expect("DEL", C, A).reply(2)
    some[1].expect("MSET", B, 2).send(OK)
    some[1].expect("DEL", B).reply(1)
    conn.expect(OK + integer(3))


def test_one_call_a_shard_for_a_memcached_get(two):
    some, _proxy, conn = two("memcached")
    conn.send(b"get %s %s %s\r\n" % (A, B, C))
    some[1].expect(b"get " + B).send(b"VALUE %s 1 1\r\nb\r\nEND\r\n" % B)
    some[0].expect(b"get %s %s" % (A, C)).send(b"VALUE %s 0 1\r\nc\r\nEND\r\n" % C)
    blocks, last = wire.value_blocks(conn.read_reply())
    assert sorted(blocks) == sorted([b"VALUE %s 1 1\r\nb\r\n" % B, b"VALUE %s 0 1\r\nc\r\n" % C])
    assert last == b"END\r\n"


def test_noreply_is_not_passed_on(two):
    """The node answers each write, so its replies can be counted; the client sees none."""
    some, _proxy, conn = two("memcached")
    conn.send(b"set %s 0 0 1 noreply\r\nx\r\ndelete %s noreply\r\nget %s\r\n" % (A, A, C))
    some[0].expect(b"set %s 0 0 1" % A, b"x").send(b"SERVER_ERROR out of memory storing object\r\n")
    some[0].expect(b"delete " + A).send(b"NOT_FOUND\r\n")
    some[0].expect(b"get " + C).send(b"END\r\n")
    conn.expect(b"END\r\n")


def test_one_client_keeps_its_order_on_a_shard(two):
    some, _proxy, conn = two("redis")
    conn.send(b"".join(command("SET", A, i) + command("GET", A) for i in range(50)))
    for i in range(50):
        some[0].expect("SET", A, i).send(OK)
        some[0].expect("GET", A).reply(str(i))
    for i in range(50):
        conn.expect(OK + bulk(str(i)))


WRONG_PARTS = [
    ("MGET", array(["A"]), "an element too few"),
    ("MGET", array(["A", "B", "C"]), "an element too many"),
    ("MGET", OK, "no array"),
    ("MGET", bulk("x"), "no array"),
    ("DEL", bulk("x"), "no integer"),
    ("DEL", array(["x"]), "no integer"),
    ("MSET", integer(1), "no status"),
]


@pytest.mark.parametrize("name, wrong, why", WRONG_PARTS)
def test_part_of_the_wrong_shape(two, name, wrong, why):
    some, proxy, conn = two("redis", retries=0)
    keys = [A, B, C] if name != "MSET" else [A, 1, B, 2, C, 3]
    conn.send(command(name, *keys))
    some[0].next()[0].send(wrong)
    right = {"MGET": array(["B"]), "DEL": integer(1), "MSET": OK}[name]
    some[1].next()[0].send(right)
    reply = wire.decode(conn.read_reply())
    if name == "MSET":  # any reply that is no error will do for all-OK
        assert reply in (b"OK", 1) or isinstance(reply, ErrorReply)
    elif name == "MGET" and isinstance(reply, list):
        assert len(reply) == 3 and reply[1] == b"B", (why, reply)
        assert all(isinstance(reply[i], ErrorReply) for i in (0, 2))
    else:
        assert isinstance(reply, ErrorReply), (why, reply)
    assert conn.call("PING") == b"+PONG\r\n"
    assert proxy.alive()


def test_error_of_one_part_of_a_sum(two):
    some, _proxy, conn = two("redis")
    conn.send(command("DEL", A, B))
    some[0].expect("DEL", A).reply(1)
    some[1].expect("DEL", B).send(b"-READONLY You can't write against a read only replica.\r\n")
    conn.expect(b"-READONLY You can't write against a read only replica.\r\n")


@pytest.mark.parametrize("wrong", [
    b"STORED\r\n", b"OK\r\n", b"1\r\n", b"VERSION 1\r\n", b"STAT a 1\r\nEND\r\n", b"ERROR\r\n",
    b"SERVER_ERROR out of memory writing get response\r\n", b"CLIENT_ERROR x\r\n",
])
@pytest.mark.parametrize("mode", ["partial", "fail"])
def test_part_of_a_memcached_get_that_is_no_value(two, mode, wrong):
    some, _proxy, conn = two("memcached", retries=0, multiget_errors=mode)
    conn.send(b"get %s %s\r\nversion\r\n" % (A, B))
    some[0].expect(b"get " + A).send(wrong)
    block = b"VALUE %s 0 1\r\nb\r\n" % B
    some[1].expect(b"get " + B).send(block + b"END\r\n")
    reply = conn.read_reply()
    if mode == "partial":
        assert reply == block + b"END\r\n"
    else:
        assert reply in (wrong,) or error_of(reply, "memcached").startswith("slipring: shard a: ")
        assert reply.startswith((b"SERVER_ERROR", b"CLIENT_ERROR", b"ERROR"))
    assert conn.read_reply().startswith(b"VERSION ")
    conn.assert_empty()


# -- a dead shard in a multi-get ------------------------------------------------------------------


@pytest.mark.parametrize("mode", [None, "partial", "fail"])
def test_dead_shard_in_mget(own_servers, make_proxy, ring, mode):
    nodes = own_servers(servers.Redis, 3)
    settings = {"multiget_errors": mode} if mode else {}
    proxy = make_proxy(slipring.pool("redis", nodes, timeouts=QUICK, **settings))
    a, b, c = (ring.key(name) for name in "abc")
    with proxy.connect() as conn:
        conn.call("MSET", a, "A", c, "C")
        nodes[1].kill()
        reply = conn.ask("MGET", c, b, a, b)
        if mode == "fail":
            assert isinstance(reply, ErrorReply)
            assert reply.args[0].startswith("ERR slipring: shard b: ")
        else:
            assert reply[0] == b"C" and reply[2] == b"A"
            for one in (reply[1], reply[3]):
                assert isinstance(one, ErrorReply)
                assert one.args[0].startswith("ERR slipring: shard b: ")
        assert conn.call("MGET", a, c) == array(["A", "C"])
        for args in (("DEL", a, b), ("MSET", a, 1, b, 2), ("EXISTS", a, b)):
            reply = conn.ask(*args)
            assert isinstance(reply, ErrorReply) and "shard b: " in reply.args[0], (args, reply)
        conn.assert_empty()


@pytest.mark.parametrize("mode", [None, "partial", "fail"])
def test_dead_shard_in_a_memcached_get(own_servers, make_proxy, ring, mode):
    nodes = own_servers(servers.Memcached, 3)
    settings = {"multiget_errors": mode} if mode else {}
    proxy = make_proxy(slipring.pool("memcached", nodes, timeouts=QUICK, **settings))
    a, b, c = (ring.key(name) for name in "abc")
    with proxy.connect() as conn:
        conn.set(a, b"A")
        conn.set(c, b"C")
        nodes[1].kill()
        for _ in range(3):
            reply = conn.call(b"get %s %s %s" % (c, b, a))
            blocks, last = wire.value_blocks(reply)
            if mode == "fail":
                assert not blocks
                assert error_of(last, "memcached").startswith("slipring: shard b: ")
            else:
                assert sorted(blocks) == sorted(
                    b"VALUE %s 0 1\r\n%s\r\n" % pair for pair in ((a, b"A"), (c, b"C")))
                assert last == b"END\r\n"
        assert conn.call(b"get %s" % a) == b"VALUE %s 0 1\r\nA\r\nEND\r\n" % a
        conn.assert_empty()


def test_flush_all_with_a_dead_shard_is_an_error(own_servers, make_proxy, ring):
    nodes = own_servers(servers.Memcached, 3)
    proxy = make_proxy(slipring.pool("memcached", nodes, timeouts=QUICK))
    with proxy.connect() as conn:
        conn.set(ring.key("a"), b"A")
        nodes[1].kill()
        assert error_of(conn.call(b"flush_all"), "memcached").startswith("slipring: shard b: ")
        assert conn.call(b"get " + ring.key("a")) == b"END\r\n"
        conn.assert_empty()


# -- clients that leave ---------------------------------------------------------------------------

REQUESTS = {
    "redis": command("SET", "leave", "x" * 50) + command("GET", "leave")
             + command("MGET", *[b"leave%d" % i for i in range(9)]),
    "memcached": b"set leave 0 0 20\r\n" + b"x" * 20 + b"\r\nget leave\r\n"
                 + b"get " + b" ".join(b"leave%d" % i for i in range(9)) + b"\r\n",
}


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_client_that_leaves_at_each_byte(cluster, protocol, how):
    _nodes, proxy = cluster
    data = REQUESTS[protocol]
    before = proxy.descriptors()
    for end in range(len(data) + 1):
        conn = proxy.connect()
        conn.send(data[:end])
        getattr(conn, how)()
        if how == "half_close":
            conn.read_to_end()
            conn.close()
    with proxy.connect() as conn:
        assert store(conn, b"leave") == stored(protocol)
    wait_until(lambda: proxy.descriptors() <= before + 8, "the clients' descriptors to be closed")
    wait_until(lambda: proxy.status()["pools"][0]["clients"] == 0, "no clients to be counted")


def test_half_closed_client_gets_its_replies(cluster, protocol):
    """As redis-server and memcached do for `printf ... | nc -N`."""
    _nodes, proxy = cluster
    data = REQUESTS[protocol]
    with proxy.connect() as conn, proxy.connect() as half:
        conn.send(data)
        wanted = b"".join(conn.read_reply() for _ in range(3))
        half.send(data)
        half.half_close()
        assert half.read_to_end() == wanted


def test_client_that_leaves_with_calls_under_way(stage, protocol):
    """Their replies are counted off and dropped; the next client gets its own."""
    server, proxy, conn = stage()
    for i in range(3):
        send_get(conn, protocol, b"k%d" % i)
    peers = [expect_get(server, protocol, b"k%d" % i) for i in range(3)]
    conn.reset()
    with proxy.connect() as other:
        send_get(other, protocol, b"mine")
        mine = expect_get(server, protocol, b"mine")
        for i, peer in enumerate(peers):
            peer.send(hit(protocol, b"k%d" % i, b"theirs"))
        mine.send(hit(protocol, b"mine", b"mine"))
        other.expect(hit(protocol, b"mine", b"mine"))


def test_clients_that_leave_in_the_middle_of_large_values(cluster, protocol):
    _nodes, proxy = cluster
    value = b"x" * 700_000
    with proxy.connect() as keeper:
        assert store(keeper, b"large", value) == stored(protocol)
        for i in range(20):
            conn = proxy.connect()
            send_get(conn, protocol, b"large")
            conn.read(1 + i * 30_000)
            (conn.reset if i % 2 else conn.close)()
            writer = proxy.connect()
            head = b"*3\r\n$3\r\nSET\r\n$1\r\nw\r\n$700000\r\n" if protocol == "redis" else (
                b"set w 0 0 700000\r\n")
            writer.send(head + value[: i * 30_000])
            (writer.reset if i % 2 else writer.close)()
            assert value in get(keeper, b"large")
        keeper.assert_empty()


def test_more_clients_than_allowed(own_servers, make_proxy):
    """Over limits.clients a connection is refused, with a word or without; those there stay."""
    nodes = own_servers(servers.Redis, 1)
    proxy = make_proxy(slipring.pool("redis", nodes, limits={"clients": 10}))
    with proxy.connect() as first:  # those before it have been accepted when it is served
        assert first.call("PING") == b"+PONG\r\n"
    wait_until(lambda: proxy.status()["pools"][0]["clients"] == 0, "the first client to be gone")
    conns = [proxy.connect() for _ in range(10)]
    for conn in conns:
        assert conn.call("PING") == b"+PONG\r\n"
    with proxy.connect() as extra:
        rest = extra.read_to_end()
        assert rest == b"" or rest.startswith(b"-ERR "), rest
    for conn in conns:
        assert conn.call("PING") == b"+PONG\r\n"
    conns.pop().close()
    wait_until(lambda: one_works(proxy), "room for one client")
    for conn in conns:
        conn.close()


def one_works(proxy):
    try:
        with proxy.connect() as conn:
            return conn.call("PING") == b"+PONG\r\n"
    except (OSError, wire.WireError):
        return False
