"""Hostile bytes: each ends in a named error or a closed connection, and others do not notice."""

import time

import pytest

import slipring
import wire
from wire import OK, bulk, command, wait_until

MIB = 1 << 20

VALID = {
    "redis": (
        command("SET", "bad", "x" * 20) + command("MGET", "bad", "b", "c", "d")
        + command("MSET", "bad", "1", "b", "2") + command("HSET", "bad:h", "f", "v")
        + b"GET bad\r\nECHO \"a b\"\r\n" + command("ZADD", "bad:z", "1", "m") + command("PING")
        + command("ZUNION", "2", "bad", "bad") + command("CLIENT", "SETNAME", "n")
    ),
    "memcached": (
        b"set bad 0 0 20\r\n" + b"x" * 20 + b"\r\nget bad b c d\r\ngets bad\r\nincr bad 1\r\n"
        b"cas bad 0 0 2 77\r\nhi\r\ntouch bad 0\r\nappend bad 0 0 1 noreply\r\ny\r\n"
        b"gat 0 bad b\r\ndelete bad noreply\r\nstats proxy\r\nversion\r\n"
    ),
}


@pytest.fixture(params=["redis", "memcached"])
def protocol(request):
    return request.param


@pytest.fixture
def proxy(protocol, request):
    return request.getfixturevalue("redis_proxy" if protocol == "redis" else "mc_proxy")


def works(conn, number=0):
    """One set and one get with their own replies."""
    key, value = b"works-%d" % id(conn), b"%d" % number
    if isinstance(conn, wire.McConnection):
        assert conn.set(key, value) == b"STORED\r\n"
        assert conn.call(b"get " + key) == b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (
            key, len(value), value)
    else:
        assert conn.call("SET", key, value) == OK
        assert conn.call("GET", key) == bulk(value)


@pytest.fixture
def bystander(proxy):
    """Another client, asking all the while; each of its replies must be its own."""
    with slipring.bystander(proxy, works):
        yield


def talk(proxy, data):
    """Send, then end the sending side; everything that came back until the proxy closed."""
    with proxy.connect() as conn:
        try:
            conn.send(data)
            conn.half_close()
        except OSError:
            pass
        return conn.read_to_end()


def test_every_prefix(proxy, protocol, bystander):
    data = VALID[protocol]
    whole = talk(proxy, data)
    for end in range(len(data)):
        talk(proxy, data[:end])
    assert len(whole) > 50
    with proxy.connect() as conn:
        works(conn)


def test_every_prefix_left_open(proxy, protocol):
    data = VALID[protocol]
    held = []
    for end in range(0, len(data), 3):
        conn = proxy.connect()
        conn.send(data[:end])
        held.append(conn)
    with proxy.connect() as conn:
        works(conn)
    for conn in held:
        conn.close()
    with proxy.connect() as conn:
        works(conn)


TOKENS = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"-1", b"0", b"$", b"*", b":", b"+", b"noreply",
          b"99999999999999999999", b"9223372036854775807", b"2147483648", b"4294967296", b"\xff",
          b"$-1\r\n", b"*-1\r\n", b"*3\r\n", b"set ", b"get ", b'"', b"'", b"\\x", b"{", b"}"]


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 12])):
        at, end = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
        how = rng.randrange(6)
        if how == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif how == 1:
            del data[min(at, end) : min(at, end) + rng.choice([1, 1, 2, 8])]
        elif how == 2:
            data[at:at] = rng.choice(TOKENS)
        elif how == 3:
            data[at : at + 2] = rng.choice(TOKENS)
        elif how == 4:
            data[at:at] = data[min(at, end) : max(at, end)][:60]
        elif how == 5 and at < len(data) and data[at : at + 1].isdigit():
            data[at] = rng.choice(b"0123456789-")
        if not data:
            data += b"\n"
    return bytes(data)


@pytest.mark.parametrize("part", range(3))
def test_mutations(proxy, protocol, bystander, rng, part):
    for _ in range(400):
        data = mutate(rng, VALID[protocol] * (1 + part))
        try:
            talk(proxy, data)
        except wire.WireError as err:
            raise AssertionError(f"{err}: after {data!r}") from err
    with proxy.connect() as conn:
        works(conn)


def test_noise(proxy, protocol, bystander, rng):
    for i in range(150):
        talk(proxy, rng.randbytes(rng.choice([1, 10, 100, 3000, 100_000])))
        if i % 10 == 0:
            talk(proxy, b"\r\n".join(rng.randbytes(20) for _ in range(100)))


def test_the_other_protocol(proxy, protocol):
    other = VALID["redis" if protocol == "memcached" else "memcached"]
    talk(proxy, other)
    talk(proxy, b"\x80" + b"\0" * 23)
    talk(proxy, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\7" * 500)
    with proxy.connect() as conn:
        works(conn)


# -- RESP -----------------------------------------------------------------------------------------

# Redis says each of these itself before it closes, byte for byte.
PROTOCOL_ERRORS = [
    (b"*1\r\n$-5\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$x\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$04\r\nPING\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$+4\r\nPING\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$9223372036854775808\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$18446744073709551620\r\nPING\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*9999999999\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*01\r\n$4\r\nPING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*9223372036854775808\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*1\r\n+PING\r\n", b"-ERR Protocol error: expected '$', got '+'\r\n"),
    (b"*1\r\nPING\r\n", b"-ERR Protocol error: expected '$', got 'P'\r\n"),
    (b"*2\r\n$4\r\nECHO\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n"),
    (b"x" * 70000, b"-ERR Protocol error: too big inline request\r\n"),
    (b"*" + b"1" * 70000, b"-ERR Protocol error: too big mbulk count string\r\n"),
    (b"*1\r\n$" + b"1" * 70000, b"-ERR Protocol error: too big bulk count string\r\n"),
    (b"ECHO 'a\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    (b'ECHO "a"b\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
]


@pytest.mark.parametrize("target", ["direct", "proxy"])
@pytest.mark.parametrize("sent, wanted", PROTOCOL_ERRORS)
def test_resp_protocol_error(request, redises, target, sent, wanted):
    node = redises[3] if target == "direct" else request.getfixturevalue("redis_proxy")
    with node.connect() as conn:
        conn.send(command("ECHO", "before") + sent)
        assert conn.read_to_end() == bulk("before") + wanted


def test_protocol_errors_are_counted(proxy, protocol):
    pattern = r"slipring_.*(error|bad|invalid|malformed|protocol|refused)"
    before = proxy.metric_sum(pattern)
    talk(proxy, b"*1\r\n$-5\r\n" if protocol == "redis" else b"set k 0 0 x\r\n")
    wait_until(lambda: proxy.metric_sum(pattern) > before, "the count")


@pytest.mark.parametrize("protocol, header, times, most", [
    ("redis", b"*1000000\r\n$4\r\nMGET\r\n", 50, 16 * MIB),
    ("memcached", b"set k 0 0 4000000\r\nxxx", 100, 32 * MIB),
])
def test_a_large_header_costs_nothing(proxy, header, times, most):
    base = proxy.memory()
    conns = [proxy.connect() for _ in range(times)]
    for conn in conns:
        conn.send(header)
    with proxy.connect() as conn:
        works(conn)
    if not slipring.is_sanitized():
        assert proxy.memory() < base + most
    for conn in conns:
        conn.close()


def test_million_elements(redis_proxy, bystander_redis):
    """Really sent: answered, refused by name or closed; other clients are served meanwhile."""
    data = b"*1000000\r\n$6\r\nEXISTS\r\n" + b"$1\r\nk\r\n" * 999_999
    with redis_proxy.connect() as conn:
        try:
            conn.send(data)
            reply = conn.read_reply()
            assert reply.startswith((b":", b"-ERR ", b"-OOM ")), reply
        except (OSError, wire.WireError):
            pass
    with redis_proxy.connect() as conn:
        works(conn)


@pytest.fixture
def bystander_redis(redis_proxy):
    conn = redis_proxy.connect()
    yield conn
    works(conn)
    conn.close()


def test_bulk_without_its_line_end(redis_proxy):
    """redis-server does not look; whoever does must not take the bytes for another command."""
    with redis_proxy.connect() as conn:
        conn.send(b"*2\r\n$4\r\nECHO\r\n$3\r\nabcXY" + command("ECHO", "next"))
        conn.half_close()
        rest = conn.read_to_end()
        assert rest == bulk("abc") + bulk("next") or rest.startswith(b"-ERR Protocol error"), rest


def test_bulk_longer_than_it_says(redis_proxy):
    with redis_proxy.connect() as conn:
        conn.send(b"*2\r\n$4\r\nECHO\r\n$3\r\nabcdef\r\n")
        conn.half_close()
        rest = conn.read_to_end()
        assert b"def" not in rest.replace(b"unknown command", b"") or b"-ERR" in rest, rest


# -- memcached ------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [
    b"set k 0 0 2147483647", b"set k 0 0 4294967297", b"set k 0 0 18446744073709551617",
    b"set k 0 0 -9223372036854775808", b"set k 0 0 99999999999999999999999999",
    b"set k 0 0 1e3", b"set k 0 0 0x10", b"set k 0 0 1.5", b"set k 0 0 -0",
])
def test_memcached_lengths_that_lie(mc_proxy, line):
    rest = talk(mc_proxy, line + b"\r\nversion\r\n")
    assert rest.startswith((b"CLIENT_ERROR ", b"SERVER_ERROR ", b"STORED")) or rest == b"", rest
    with mc_proxy.connect() as conn:
        works(conn)


def test_memcached_line_of_many_words(mc_proxy):
    rest = talk(mc_proxy, b"set " + b"a " * 900 + b"\r\n")
    assert rest.startswith(b"ERROR\r\n"), rest
    rest = talk(mc_proxy, b"get " + b"a " * 100_000 + b"\r\n")
    assert rest == b"END\r\n" or rest.startswith((b"CLIENT_ERROR", b"SERVER_ERROR", b"ERROR")), (
        rest[:200])


# -- silence --------------------------------------------------------------------------------------


def test_value_one_byte_short_then_silence(proxy, protocol, bystander):
    whole = {"redis": command("SET", "short", "x" * 1000),
             "memcached": b"set short 0 0 1000\r\n" + b"x" * 1000 + b"\r\n"}[protocol]
    for cut in (1, 2, 3, 900):
        with proxy.connect() as conn:
            conn.send(whole[:-cut])
            assert conn.is_silent(0.1)
            conn.send(whole[-cut:])
            assert conn.read_reply() in (OK, b"STORED\r\n")
            conn.assert_empty()


def test_idle_clients_are_closed_when_asked(make_proxy, memcacheds):
    proxy = make_proxy(slipring.pool("memcached", memcacheds[:3], timeouts={"idle": "1s"}))
    with proxy.connect() as idle, proxy.connect() as half, proxy.connect() as busy:
        half.send(b"set k 0 0 10\r\nabc")
        began = time.monotonic()
        while time.monotonic() - began < 3:
            works(busy)
            time.sleep(0.05)
        idle.expect_closed()
        half.expect_closed()
        works(busy)


def test_many_connections_that_say_nothing(proxy, protocol):
    conns = [proxy.connect() for _ in range(500)]
    with proxy.connect() as conn:
        works(conn)
    for i, conn in enumerate(conns):
        (conn.reset if i % 2 else conn.close)()
    with proxy.connect() as conn:
        works(conn)
