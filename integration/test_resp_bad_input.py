"""Commands that lie, in RESP: the server's own words or a refusal by name, and others go on.

Every test has a bystander, whose replies must be its own all the while. Tests with the `place`
fixture run against one redis-server itself and against the proxy.
"""

import random
import re
import threading

import pytest

import servers
import slipring
import wire
from wire import OK, bulk, command, integer, wait_until

REFUSAL = re.compile(rb"-(ERR slipring: |CROSSSLOT )[^\r\n]+\r\n")
HUGE = b"9" * 40
NUL = b"\0" * 20


@pytest.fixture(scope="module")
def redises():
    """This file's own, as some replies tell what a server has: three behind the proxy."""
    nodes = [servers.Redis().start() for _ in range(5)]
    yield nodes
    for node in nodes:
        node.kill()


@pytest.fixture(scope="module")
def started():
    return []


@pytest.fixture
def redis_proxy(started, module_proxy, redises):
    """One for the whole file, and another after a test that killed it."""
    if not started or started[-1].process.poll() is not None:
        started.append(module_proxy(slipring.pool("redis", redises[:3])))
    return started[-1]


@pytest.fixture(params=["direct", "proxy"])
def place(request, redises):
    return redises[4] if request.param == "direct" else request.getfixturevalue("redis_proxy")


@pytest.fixture(autouse=True)
def bystander(redis_proxy):
    """Another client, which asks for what only it has set."""
    def step(conn, number):
        key, value = b"bystander-%d" % (number % 7), b"%d" % number
        got = conn.pipeline([command("SET", key, value), command("GET", key), command("MULTI"),
                             command("DEL", key), command("EXEC")])
        assert got == [OK, bulk(value), OK, b"+QUEUED\r\n", b"*1\r\n:1\r\n"], got

    with slipring.bystander(redis_proxy, step):
        yield


# -- commands that are whole and wrong ------------------------------------------------------------

def is_right(got, wanted):
    """The server's bytes, or a refusal by name, or as strict as the server is about other values:
    it takes a cursor for a number where it is none, and its errors end names at a zero byte."""
    return got == wanted or REFUSAL.fullmatch(got) or got == b"-ERR invalid cursor\r\n" or (
        b"\0" in got and got.startswith(b"-ERR unknown ") and wanted.startswith(b"-ERR unknown "))


def is_hello(words, got, wanted):
    """HELLO's fields tell one server from another."""
    return words[0] == "HELLO" and wanted[:1] in b"*%" and got[:1] == wanted[:1]


# A row: words, of which bytes stay as they are and K is a key.
# Not among them: "GET\0", which the server knows or not by the seed of its hash table, and SCAN -1, which
# looks into one bucket of it.
LIES = [
    ["HELLO", 4], ["HELLO", 0], ["HELLO", -1], ["HELLO", "3.0"], ["HELLO", HUGE], ["HELLO", ""],
    ["HELLO", NUL], ["HELLO", 3, "AUTH"], ["HELLO", 3, "AUTH", "x"], ["HELLO", 3, "SETNAME"],
    ["HELLO", 3, "SETNAME", "a\nb"], ["HELLO", 3, "AUTH", NUL, NUL], ["HELLO", 3, NUL, NUL],
    ["AUTH", NUL], ["AUTH", NUL, NUL], ["AUTH", "default", b"\xff" * 600], ["AUTH", ""],
    ["AUTH", "", ""], ["AUTH", "default", ""], ["AUTH", "x" * 100_000, "y" * 100_000],
    ["SELECT", -1], ["SELECT", HUGE], ["SELECT", "0x1"], ["SELECT", NUL], ["SELECT", ""],
    ["SELECT", " 0"], ["SELECT", "+1"], ["SELECT", "01"],
    ["SCAN", "x"], ["SCAN", ""], ["SCAN", HUGE], ["SCAN", NUL], ["SCAN", "1.5"],
    ["SCAN", 0, "COUNT"], ["SCAN", 0, "COUNT", -5], ["SCAN", 0, "COUNT", HUGE],
    ["SCAN", 0, "MATCH"], ["SCAN", 0, "TYPE"], ["SCAN", 0, NUL, NUL], ["SCAN"],
    ["EVAL", "return 1", -1], ["EVAL", "return 1", 5, "K"], ["EVAL", "return 1", HUGE],
    ["EVAL", "return 1", "2147483648", "K"], ["EVAL", "return 1", "x", "K"],
    ["EVAL", "return 1", "01", "K"], ["EVAL", "return 1", "", "K"], ["EVAL", NUL, 0],
    ["EVAL", "return 1", "4294967297", "K"], ["EVAL", "return 1", "-0", "K"],
    ["EVAL", "return 1", "18446744073709551617", "K"], ["EVAL", "return 1", " 1", "K"],
    ["EVALSHA", NUL, 0], ["EVALSHA", "f" * 39, 0], ["EVALSHA", "f" * 41, 1, "K"],
    ["EVALSHA", "f" * 40, 3, "K"], ["EVALSHA", "g" * 40, 1, "K"], ["EVALSHA", "", 0],
    ["FCALL", NUL, 1, "K"], ["FCALL", "f", 9, "K"], ["FCALL", "f", -1, "K"],
    ["ZUNION", 0, "K"], ["ZUNION", -1, "K"], ["ZUNION", 3, "K"], ["ZUNION", HUGE, "K"],
    ["ZUNIONSTORE", "K", 2, "K"], ["SINTERCARD", 2, "K"], ["SINTERCARD", "x", "K"],
    ["LMPOP", 2, "K", "LEFT"], ["LMPOP", "x", "K", "LEFT"], ["ZMPOP", -1, "K", "MIN"],
    ["BLMPOP", "x", 1, "K", "LEFT"], ["BLMPOP", 0, 5, "K", "LEFT"], ["BLPOP", "K", -1],
    ["BLPOP", "K", "nan"], ["BLPOP", "K", HUGE], ["BLPOP", "K", "1e400"], ["BLPOP", "K", ""],
    ["BZPOPMIN", "K", "inf"], ["XREAD", "BLOCK", -1, "STREAMS", "K", "$"],
    ["XREAD", "STREAMS", "K"], ["XREAD", "STREAMS"], ["XREAD", "BLOCK"], ["XREAD", "COUNT", "x"],
    ["XREAD", "BLOCK", HUGE, "STREAMS", "K", "$"], ["XREAD", "STREAMS", "STREAMS", "STREAMS"],
    ["XREADGROUP", "GROUP", "g", "c", "STREAMS", "K"], ["XREADGROUP", "GROUP", "STREAMS", "K", ">"],
    ["SORT", "K", "STORE"], ["SORT", "K", "BY"], ["GEORADIUS", "K", 1, 1, 1, "m", "STORE"],
    ["MSET", "K"], ["MSET", "K", 1, "K"], ["MSETNX", "K"], ["BITOP", "NOT"], ["BITOP", "x", "K"],
    ["OBJECT", "ENCODING"], ["OBJECT", NUL, "K"], ["MEMORY", "USAGE"], ["XGROUP", "CREATE", "K"],
    ["SET", "K", 1, "EX", HUGE], ["SETRANGE", "K", HUGE, "x"], ["SETBIT", "K", -1, 1],
    ["GETRANGE", "K", HUGE, HUGE], ["EXPIRE", "K", HUGE], ["RESTORE", "K", 0, NUL],
    ["FUNCTION", "RESTORE", NUL], ["FUNCTION", "LOAD", NUL], ["SCRIPT", "EXISTS"],
    ["SCRIPT", "LOAD", "("], ["SCRIPT", NUL], ["CLIENT", "SETNAME", NUL],
    ["CLIENT", "SETNAME", "\xe4\n"], ["PUBLISH", NUL], ["SUBSCRIBE"], ["PSUBSCRIBE"],
    ["MULTI", NUL], ["EXEC", NUL], ["DISCARD", 1], ["WATCH"], ["UNWATCH", 1],
    ["PING", "a", "b"], ["ECHO"], ["QUIT2"], ["COMMAND", "GETKEYS"], ["COMMAND", "GETKEYS", "GET"],
    ["COMMAND", "GETKEYS", "EVAL", "x", HUGE, "K"], ["COMMAND", "INFO", NUL], ["RESET", 1],
    ["GET", ""], ["", "K"], [NUL, "K"], ["G\r\nET", "K"], ["*1\r\n", "$4\r\n"],
    ["GET" * 1000, "K"], ["\xff\xfe", "K"], ["CLIENT|ID"], ["client|id", "x"], ["config|get", "x"],
    ["READONLY", 1], ["KEYS"], ["KEYS", "[" * 1000], ["DEL"], ["TOUCH"],
]


def words_of(row, key):
    return [key if word == "K" else word for word in row]


@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
def test_lies_are_answered_as_the_server_answers(place, redises, fresh, protocol):
    """Each by the server's own bytes, or refused by name; and the connection goes on."""
    key, wrong = fresh(), []
    with place.connect(timeout=5) as conn, redises[3].connect(timeout=5) as direct:
        for row in LIES:
            words = words_of(row, key)
            replies = []
            for one in (conn, direct):
                one.send(command("HELLO", protocol))
                assert one.read_reply()[:1] in b"*%"
                replies.append(one.call(*words))
                one.call("DEL", key)
            got, wanted = replies
            if not is_right(got, wanted) and not is_hello(words, got, wanted):
                wrong.append((row, got[:200], wanted[:200]))
        conn.assert_empty()
    assert not wrong, "\n".join(map(str, wrong))


def test_lies_in_one_write(place, redises, fresh):
    key, wrong = fresh(), []
    rows = [row for row in LIES if row[0] not in ("HELLO", "SUBSCRIBE", "PSUBSCRIBE")]
    sent = [command(*words_of(row, key)) for row in rows]
    with place.connect() as conn, redises[3].connect() as direct:
        for row, got, wanted in zip(rows, conn.pipeline(sent), direct.pipeline(sent)):
            if not is_right(got, wanted):
                wrong.append((row, got[:200], wanted[:200]))
        conn.assert_empty()
        conn.call("DEL", key)
        direct.call("DEL", key)
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
def test_lies_in_a_transaction(place, fresh, protocol):
    """Whatever is in it: EXEC answers once, and what comes next is its own."""
    key = fresh()
    with place.connect(timeout=5) as conn:
        conn.hello(protocol)
        for row in LIES:
            if row[0] in ("HELLO", "SUBSCRIBE", "PSUBSCRIBE", "EXEC", "DISCARD", "RESET"):
                continue
            assert conn.call("MULTI") == OK
            assert conn.call("SET", key, "x") == b"+QUEUED\r\n"
            reply = conn.call(*words_of(row, key))
            assert reply == b"+QUEUED\r\n" or reply[:1] == b"-", (row, reply)
            reply = conn.call("EXEC")
            assert reply.startswith((b"-EXECABORT", b"*")), (row, reply)
            assert conn.call("PING") == b"+PONG\r\n", row
        conn.call("DEL", key)
        conn.assert_empty()


@pytest.mark.parametrize("cursor", [
    -1, 1, 2, 3, 4, 5, 255, 256, 1 << 16, 1 << 31, 1 << 32, 1 << 48, (1 << 56) + 1, 1 << 62,
    (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 256])
@pytest.mark.parametrize("options", [[], ["COUNT", 1], ["MATCH", "nothing*"]], ids=str)
def test_forged_cursors(redis_proxy, cursor, options):
    """No cursor that the proxy did not give crashes it, or goes round for ever."""
    with redis_proxy.connect(timeout=5) as conn:
        for _ in range(2000):
            reply = wire.typed(conn.call("SCAN", cursor, *options))
            if reply[0] == "-":
                break
            assert reply[0] == "*" and [part[0] for part in reply[1]] == ["$", "*"], reply
            cursor = reply[1][0][1]
            if cursor == b"0":
                break
        else:
            raise AssertionError("no end")
        conn.assert_empty()


# -- bytes that are no command --------------------------------------------------------------------

FRAMES = [
    b"*1\r\n*1\r\n$4\r\nPING\r\n", b"*2\r\n$4\r\nECHO\r\n*1\r\n$1\r\nx\r\n",
    b"*2\r\n$4\r\nECHO\r\n:1\r\n", b"*1\r\n+PING\r\n", b"*1\r\n-PING\r\n", b"*1\r\n%1\r\n",
    b"*1\r\n>1\r\n$1\r\nx\r\n", b"*1\r\n_\r\n", b"*1\r\n#t\r\n", b"*1\r\n,1.5\r\n", b"*1\r\n(1\r\n",
    b"*1\r\n~1\r\n+x\r\n", b"*1\r\n=8\r\ntxt:PING\r\n", b"*1\r\n!4\r\nPING\r\n",
    b"*1\r\n|1\r\n+a\r\n+b\r\n", b"*1\r\n" * 1000, b"*1\r\n" * 100_000, b"*2\r\n" * 100_000,
    b"*1\r\n$-1\r\n", b"*1\r\n$-2\r\n", b"*2\r\n$3\r\nGET\r\n$-1\r\n", b"*1\r\n$\r\n", b"*\r\n",
    b"*1\r\n$4 \r\nPING\r\n", b"*1\r\n$+4\r\nPING\r\n", b"*1\r\n$4x\r\nPING\r\n", b"*1x\r\n",
    b"*+1\r\n$4\r\nPING\r\n", b"* 1\r\n$4\r\nPING\r\n", b"*1048577\r\n", b"*2147483648\r\n",
    b"*99999999999999999999\r\n", b"*-2147483649\r\n", b"*1\r\n$99999999999999999999\r\n",
    b"*1\r\n$536870913\r\n", b"*0x1\r\n", b"*1e1\r\n", b"*1\n$4\nPING\n", b"*1\r\r\n$4\r\nPING\r\n",
    b"*1\r\n$3\r\nPING\r\n", b"%1\r\n+a\r\n+b\r\n", b">1\r\n+a\r\n", b"$4\r\nPING\r\n",
    b"+PING\r\n",
    b":1\r\n", b"_\r\n", b"#t\r\n", b"~1\r\n", b"PING\0\r\n", b"\0\r\n", b"GET \"a\r\n",
    b"GET 'a\r\n", b"GET \"a\"b\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\xff\xf4\xff\xfd", b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"x" * 65_537, b"*1" + b"0" * 70_000,
]


def told(place, data):
    """What comes back of these bytes and a PING, to the end."""
    with place.connect() as conn:
        try:
            conn.send(data + command("PING", "behind"))
            conn.half_close()
        except OSError:
            pass
        return conn.read_to_end()


@pytest.mark.parametrize("data", FRAMES, ids=lambda data: repr(data[:20])[2:-1])
def test_bytes_that_are_no_command(redis_proxy, redises, data):
    """Answered and closed as by the server, or more strictly: an error, and nothing behind it."""
    got, wanted = told(redis_proxy, data), told(redises[3], data)
    if got != wanted:
        assert got == b"" or re.fullmatch(rb"(-ERR [^\r\n]+\r\n)+", got), (got[:300], wanted[:300])


def test_deep_nesting_of_what_scripts_say(place, fresh):
    """Replies as deep as a script can make them pass whole."""
    script = "local t = {} for i = 1, tonumber(ARGV[1]) do t = {t} end return t"
    for depth in (1, 5, 6, 7, 8, 30):
        with place.connect() as conn:
            reply = conn.call("EVAL", script, 1, fresh(), depth)
            assert reply == b"*1\r\n" * depth + b"*0\r\n", reply[:200]
            conn.assert_empty()


@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
@pytest.mark.parametrize("script", [
    "redis.setresp(3) return {map={a={map={b={set={c=true}}}}}}",
    "redis.setresp(3) return {double=1/3}",
    "redis.setresp(3) return {big_number='1234567890123456789012345678901234567890'}",
    "redis.setresp(3) return {verbatim_string={format='txt',string='x'}}",
    "redis.setresp(3) return {true,false,{double=1/0}}", "redis.setresp(3) return {set={}}",
    "redis.setresp(3) return {map={}}", "return {err='A\\r\\nB'}", "return {ok='A\\r\\nB'}",
    "return {err=''}", "return {ok=''}",
    "return {1,{2,{3}},'x',{err='E inside'},{ok='fine'},false}",
    "return string.rep('x', 300000)", "local t={} for i=1,5000 do t[i]=i end return t",
])
def test_what_scripts_can_say(place, redises, fresh, script, protocol):
    key, both = fresh(), []
    for one in (redises[3], place):
        with one.connect() as conn:
            conn.hello(protocol)
            both.append(conn.pipeline([command("EVAL", script, 1, key), command("GET", key)]))
            assert conn.call("PING") == b"+PONG\r\n"
    assert both[0] == both[1]


# -- states ---------------------------------------------------------------------------------------


def test_a_subscriber_of_resp2_that_asks(place, redises, fresh):
    """Each command that it may not send is answered so, and the subscription stays."""
    channel, key, both = fresh(), fresh(), []
    for one in (redises[3], place):
        with one.connect() as conn, one.connect() as other:
            conn.send(command("SUBSCRIBE", channel))
            conn.read_reply()
            sent = [command("GET", key), command("SET", key, 1), command("MULTI"),
                    command("EXEC"), command("HELLO", 3), command("AUTH", "x"),
                    command("MGET", key),
                    command("BLPOP", key, 0), command("SCAN", 0), command("NOPE"), command("GET"),
                    command("EVAL", "return 1", 0), command("SELECT", 1), command("WATCH", key),
                    command("ECHO", "x"), command("INFO"), command("SHUTDOWN")]
            both.append(conn.pipeline(sent))
            assert other.call("EXISTS", key) == integer(0)
            assert other.call("PUBLISH", channel, "m") == integer(1)
            conn.expect(wire.array(["message", channel, "m"]))
    for sent, wanted, got in zip(sent, *both):
        # The server puts EXECABORT before what it says of EXEC.
        assert got == wanted or wanted.endswith(got[5:]) or REFUSAL.fullmatch(got), sent


def test_a_version_that_changes_in_a_pipeline(place, redises, fresh):
    """Each reply in the version that held when its command came."""
    key, both = fresh(), []
    sent = [command("HSET", key, "f", "v"), command("HGETALL", key), command("HELLO", 3),
            command("HGETALL", key), command("GET", key + b"-"), command("HELLO", 2),
            command("HGETALL", key), command("GET", key + b"-"), command("HELLO", 9),
            command("HGETALL", key), command("HELLO", 3), command("MULTI"),
            command("HGETALL", key), command("EXEC"), command("RESET"), command("HGETALL", key)]
    for one in (redises[3], place):
        with one.connect() as conn:
            both.append(conn.pipeline(sent * 3))
    for number, (wanted, got) in enumerate(zip(*both)):
        words = sent[number % len(sent)]
        if b"HELLO" in words and wanted[:1] != b"-":
            assert got[:1] == wanted[:1], number
        else:
            assert got == wanted, (number, words)


def test_a_watch_and_a_wait_in_pieces(place, fresh):
    """One byte at a time, through every state."""
    key = fresh()
    data = b"".join(command(*words) for words in [
        ("HELLO", "2", "SETNAME", "x"), ("WATCH", key), ("MULTI",), ("RPUSH", key, "a"), ("EXEC",),
        ("BLPOP", key, "0"), ("SUBSCRIBE", key), ("PING",), ("UNSUBSCRIBE",), ("EXISTS", key),
        ("EVAL", "return 1", "1", key), ("RESET",)])
    with place.connect() as conn:
        sender = threading.Thread(target=lambda: [conn.send(data[i : i + 1])
                                                  for i in range(len(data))])
        sender.start()
        got = [conn.read_reply() for _ in range(12)]
        sender.join()
        assert got[1:] == [
            OK, OK, b"+QUEUED\r\n", wire.array([1]), wire.array([key, "a"]),
            wire.array(["subscribe", key, 1]), wire.array(["pong", ""]),
            wire.array(["unsubscribe", key, 0]), integer(0), integer(1), b"+RESET\r\n"]


VALID = [
    ("HELLO", "3"), ("HELLO", "2", "AUTH", "default", "x"), ("AUTH", "x"), ("SELECT", "0"),
    ("MULTI",), ("SET", "bad", "1"), ("EXEC",), ("WATCH", "bad"), ("DISCARD",), ("UNWATCH",),
    ("EVAL", "return 1", "1", "bad"), ("EVALSHA", "f" * 40, "1", "bad"), ("BLPOP", "bad", "0.01"),
    ("SUBSCRIBE", "c"), ("UNSUBSCRIBE",), ("SCAN", "0"), ("XREAD", "STREAMS", "bad", "0"),
    ("PUBLISH", "c", "m"), ("SCRIPT", "EXISTS", "f" * 40), ("RESET",), ("MGET", "bad", "b", "c"),
    ("ZUNION", "2", "bad", "bad"), ("READONLY",), ("CLIENT", "SETNAME", "n"),
]


@pytest.mark.parametrize("part", range(8))
def test_random_changes(redis_proxy, rng, part):
    """Commands with bytes and words changed, cut anywhere: never a hang or a crash."""
    for _ in range(60):
        some = [list(rng.choice(VALID)) for _ in range(rng.choice([1, 3, 12]))]
        for words in some:
            if rng.random() < 0.3:
                words[rng.randrange(len(words))] = rng.choice(
                    ["", "0", "-1", "bad", "*", "\0", "x" * 300, "9" * 25, "STREAMS", "3"])
            if rng.random() < 0.2:
                words.insert(rng.randrange(len(words) + 1), rng.choice(["bad", "1", "AUTH", ""]))
            if words[0].upper() in ("SHUTDOWN", "DEBUG"):
                words[0] = "PING"
        data = bytearray(b"".join(command(*words) for words in some))
        for _ in range(rng.choice([0, 0, 1, 3])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with redis_proxy.connect() as conn:
            conn.send(bytes(data[: rng.choice([len(data), rng.randrange(len(data) + 1)])]))
            conn.half_close()
            conn.read_to_end()


def test_nothing_is_held_after_all_that(make_proxy, own_servers):
    """Leases and subscriptions of clients that left in the middle of anything are given back."""
    nodes = own_servers(servers.Redis, 3)
    proxy = make_proxy(slipring.pool("redis", nodes, limits={"leases": 3}))
    rng = random.Random(11)
    for _ in range(300):
        data = b"".join(command(*rng.choice(VALID)) for _ in range(6))
        with proxy.connect() as conn:
            conn.send(data[: rng.randrange(len(data))])
            if rng.random() < 0.5:
                conn.reset()
    for node in nodes:
        wait_until(lambda node=node: is_quiet(node), "the node to see nobody")
    ring = wire.Ring(["a", "b", "c"])
    for name in ring.names:
        held = [proxy.connect() for _ in range(3)]
        for conn in held:
            assert conn.call("MULTI") == OK
            assert conn.call("SET", ring.key(name), 1) == b"+QUEUED\r\n"
        for conn in held:
            assert conn.call("EXEC") == b"*1\r\n" + OK
            conn.close()


def is_quiet(node):
    with node.connect() as conn:
        rows = conn.ask("CLIENT", "LIST").decode().splitlines()
        fields = [dict(part.split("=", 1) for part in row.split(" ")) for row in rows]
        return conn.ask("PUBSUB", "CHANNELS") == [] and not any(
            row["multi"] != "-1" or "b" in row["flags"] or "x" in row["flags"] for row in fields)
