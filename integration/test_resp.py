"""RESP2: commands over three Redis, byte for byte.

Tests with the `redis` fixture run against one redis-server itself and against the proxy, as in
test_memcached_text.py.
"""

import re

import pytest

import slipring
import wire
from wire import OK, ErrorReply, array, bulk, integer


@pytest.fixture(params=["direct", "proxy"])
def redis(request, redises):
    if request.param == "direct":
        conn = redises[3].connect()
    else:
        conn = request.getfixturevalue("redis_proxy").connect()
    with conn:
        yield conn
        conn.assert_empty()


@pytest.fixture
def proxied(redis_proxy):
    with redis_proxy.connect() as conn:
        yield conn
        conn.assert_empty()


@pytest.fixture
def three(ring, fresh):
    """One key on each shard."""
    prefix = fresh()
    return [ring.key(name, prefix) for name in ring.names]


WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

# Each row: a command, and its reply's bytes. K is a key of the test's own.
SCRIPTS = {
    "strings": [
        ("GET K", bulk(None)),
        ("SET K v", OK),
        ("GET K", bulk("v")),
        ("SET K w NX", bulk(None)),
        ("SET K w XX GET", bulk("v")),
        ("GETSET K x", bulk("w")),
        ("APPEND K yz", integer(3)),
        ("STRLEN K", integer(3)),
        ("GETRANGE K 1 -1", bulk("yz")),
        ("SETRANGE K 1 ab", integer(3)),
        ("GETDEL K", bulk("xab")),
        ("SETNX K 1", integer(1)),
        ("SETEX K 100 1", OK),
        ("PSETEX K 100000 1", OK),
        ("TTL K", integer(100)),
        ("PERSIST K", integer(1)),
        ("GETEX K PERSIST", bulk("1")),
    ],
    "numbers": [
        ("INCR K", integer(1)),
        ("INCRBY K 41", integer(42)),
        ("DECR K", integer(41)),
        ("DECRBY K 1", integer(40)),
        ("INCRBYFLOAT K 0.5", bulk("40.5")),
        ("INCR K", b"-ERR value is not an integer or out of range\r\n"),
    ],
    "bits": [
        ("SETBIT K 7 1", integer(0)),
        ("GETBIT K 7", integer(1)),
        ("BITCOUNT K", integer(1)),
        ("BITPOS K 1", integer(7)),
        ("BITFIELD K GET u8 0", array([1])),
    ],
    "keys": [
        ("EXISTS K", integer(0)),
        ("SET K v", OK),
        ("EXISTS K", integer(1)),
        ("EXISTS K K", integer(2)),
        ("TYPE K", b"+string\r\n"),
        ("EXPIRE K 1000", integer(1)),
        ("PEXPIRE K 1000000", integer(1)),
        ("EXPIREAT K 99999999999", integer(1)),
        ("EXPIRETIME K", integer(99999999999)),
        ("TOUCH K", integer(1)),
        ("OBJECT ENCODING K", bulk("embstr")),
        ("OBJECT REFCOUNT K", integer(1)),
        ("UNLINK K", integer(1)),
        ("DEL K", integer(0)),
        ("TTL K", integer(-2)),
    ],
    "hashes": [
        ("HSET K a 1 b 2", integer(2)),
        ("HGET K a", bulk("1")),
        ("HMGET K a z b", array(["1", None, "2"])),
        ("HGETALL K", array(["a", "1", "b", "2"])),
        ("HINCRBY K a 4", integer(5)),
        ("HDEL K a", integer(1)),
        ("HLEN K", integer(1)),
        ("HSCAN K 0", b"*2\r\n$1\r\n0\r\n" + array(["b", "2"])),
        ("GET K", WRONGTYPE),
    ],
    "lists": [
        ("RPUSH K a b c", integer(3)),
        ("LPUSH K z", integer(4)),
        ("LRANGE K 0 -1", array(["z", "a", "b", "c"])),
        ("LPOP K", bulk("z")),
        ("LPOP K 2", array(["a", "b"])),
        ("LINDEX K 0", bulk("c")),
        ("LLEN K", integer(1)),
        ("LRANGE K 5 9", array([])),
        ("RPOP K 1", array(["c"])),
        ("LPOP K 1", b"*-1\r\n"),
    ],
    "sets": [
        ("SADD K 3 1 2", integer(3)),
        ("SMEMBERS K", array(["1", "2", "3"])),
        ("SISMEMBER K 2", integer(1)),
        ("SMISMEMBER K 1 9", array([1, 0])),
        ("SREM K 1", integer(1)),
        ("SCARD K", integer(2)),
    ],
    "sorted_sets": [
        ("ZADD K 1 a 2 b", integer(2)),
        ("ZRANGE K 0 -1 WITHSCORES", array(["a", "1", "b", "2"])),
        ("ZINCRBY K 1.5 a", bulk("2.5")),
        ("ZSCORE K a", bulk("2.5")),
        ("ZRANK K nope", bulk(None)),
        ("ZRANK K a", integer(1)),
        ("ZPOPMIN K", array(["b", "2"])),
        ("ZMSCORE K a z", array(["2.5", None])),
    ],
    "streams": [
        ("XADD K 1-1 f v", bulk("1-1")),
        ("XLEN K", integer(1)),
        ("XRANGE K - +", array([["1-1", ["f", "v"]]])),
        ("XREAD COUNT 1 STREAMS K 0", None),
    ],
    "others": [
        ("PFADD K a b", integer(1)),
        ("PFCOUNT K", integer(2)),
        ("DEL K", integer(1)),
        ("GEOADD K 13.361389 38.115556 p", integer(1)),
        ("GEOHASH K p", array(["sqc8b49rny0"])),
        ("SORT K BY nosort", array(["p"])),
    ],
    "errors": [
        ("GET", b"-ERR wrong number of arguments for 'get' command\r\n"),
        ("get", b"-ERR wrong number of arguments for 'get' command\r\n"),
        ("GET K K", b"-ERR wrong number of arguments for 'get' command\r\n"),
        ("MGET", b"-ERR wrong number of arguments for 'mget' command\r\n"),
        ("MSET K", b"-ERR wrong number of arguments for 'mset' command\r\n"),
        ("MSET K 1 K", b"-ERR wrong number of arguments for 'mset' command\r\n"),
        ("DEL", b"-ERR wrong number of arguments for 'del' command\r\n"),
        ("SET K v BAD", b"-ERR syntax error\r\n"),
        ("SETEX K 0 v", b"-ERR invalid expire time in 'setex' command\r\n"),
        ("NOPE", b"-ERR unknown command 'NOPE', with args beginning with: \r\n"),
        ("NOPE a b", b"-ERR unknown command 'NOPE', with args beginning with: 'a' 'b' \r\n"),
    ],
    "local": [
        ("PING", b"+PONG\r\n"),
        ("PING hello", bulk("hello")),
        ("PING a b", b"-ERR wrong number of arguments for 'ping' command\r\n"),
        ("ECHO hello", bulk("hello")),
        ("ECHO", b"-ERR wrong number of arguments for 'echo' command\r\n"),
        ("SELECT 0", OK),
        ("SELECT x", b"-ERR value is not an integer or out of range\r\n"),
        ("SELECT", b"-ERR wrong number of arguments for 'select' command\r\n"),
        ("CLIENT GETNAME", bulk(None)),
        ("CLIENT SETNAME app", OK),
        ("CLIENT GETNAME", bulk("app")),
        ("RESET", b"+RESET\r\n"),
        ("CLIENT GETNAME", bulk(None)),
        ("HELLO 2 SETNAME two", None),
        ("CLIENT GETNAME", bulk("two")),
        ("HELLO 4", b"-NOPROTO unsupported protocol version\r\n"),
        ("HELLO x", b"-ERR Protocol version is not an integer or out of range\r\n"),
        ("COMMAND GETKEYS MSET a 1 b 2", array(["a", "b"])),
    ],
    "one_key_in_many_places": [
        ("SADD K 1", integer(1)),
        ("SINTER K K", array(["1"])),
        ("SINTERCARD 1 K", integer(1)),
        ("SORT K", array(["1"])),
        ("DEL K", integer(1)),
        ("ZADD K 1 a", integer(1)),
        ("ZUNION 1 K", array(["a"])),
        ("RENAME K K", OK),
        ("COPY K K", b"-ERR source and destination objects are the same\r\n"),
        ("MGET K", array([None])),
    ],
    "mset_mget_of_the_same_key": [
        ("MSET K 1 K 2", OK),
        ("MGET K K", array(["2", "2"])),
        ("DEL K K", integer(1)),
    ],
}


def words(text, key):
    return [key if word == "K" else word.encode() for word in text.split(" ")]


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(redis, fresh, name):
    key = fresh()
    for text, wanted in SCRIPTS[name]:
        got = redis.call(*words(text, key))
        if wanted is not None:
            assert got == wanted, text
        else:
            assert got[:1] == b"*", text


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_in_one_write(redis, fresh, name):
    key = fresh()
    replies = redis.pipeline([wire.command(*words(text, key)) for text, _ in SCRIPTS[name]])
    for (text, wanted), got in zip(SCRIPTS[name], replies):
        assert wanted in (None, got), text


def test_byte_by_byte(redis, fresh):
    key = fresh()
    for text, wanted in SCRIPTS["strings"][:6]:
        for byte in wire.command(*words(text, key)):
            redis.send(bytes([byte]))
        redis.expect(wanted)


def test_keys_and_values_are_any_bytes(redis, fresh):
    every = bytes(range(256))
    key = fresh() + every
    assert redis.call("SET", key, every * 3) == OK
    assert redis.call("GET", key) == bulk(every * 3)
    assert redis.call("MGET", key, b"") == array([every * 3, None])
    assert redis.call("SET", fresh(), b"") == OK
    assert redis.call("DEL", key) == integer(1)


@pytest.mark.parametrize("size", [16383, 16384, 65536, 131072, 131073, 1 << 20, 5_000_001])
def test_value_of_size(redis, fresh, size):
    key, value = fresh(), (bytes(range(251)) * (size // 251 + 1))[:size]
    got = redis.pipeline([
        wire.command("SET", key, value), wire.command("GET", key), wire.command("STRLEN", key),
        wire.command("GETRANGE", key, 0, 2), wire.command("DEL", key),
    ])
    assert got[0] == OK and got[2:] == [integer(size), bulk(value[:3]), integer(1)]
    assert got[1] == bulk(value)


# -- several keys ---------------------------------------------------------------------------------


def test_mset_and_mget_over_all_shards(redis, fresh):
    pairs = {fresh(): b"v%d" % i * (i % 5) for i in range(500)}
    flat = [part for pair in pairs.items() for part in pair]
    assert redis.call("MSET", *flat) == OK
    keys = list(pairs)
    keys[100:100] = [fresh(), keys[0], fresh()]
    assert redis.call("MGET", *keys) == array([pairs.get(key) for key in keys])


@pytest.mark.parametrize("name", ["EXISTS", "TOUCH", "DEL", "UNLINK"])
def test_counts_are_summed(redis, fresh, name):
    keys = [fresh() for _ in range(60)]
    redis.pipeline([wire.command("SET", key, 1) for key in keys[:40]])
    assert redis.call(name, *keys) == integer(40)
    assert redis.call("EXISTS", *keys) == integer(0 if name in ("DEL", "UNLINK") else 40)


def test_exists_counts_a_key_twice(redis, fresh):
    a, b = fresh(), fresh()
    redis.call("SET", a, 1)
    assert redis.call("EXISTS", a, b, a) == integer(2)


def test_mget_of_other_types_gives_nil(redis, three):
    redis.call("RPUSH", three[0], 1)
    redis.call("SET", three[1], 1)
    assert redis.call("MGET", *three) == array([None, "1", None])


def test_mget_of_large_values(redis, fresh):
    pairs = {fresh(): bytes([65 + i]) * (400_000 + i) for i in range(9)}
    for key, value in pairs.items():
        redis.call("SET", key, value)
    assert redis.call("MGET", *pairs) == array(list(pairs.values()))
    redis.call("DEL", *pairs)


def test_split_commands_in_a_pipeline_keep_their_order(redis, fresh):
    keys = [fresh() for _ in range(12)]
    flat = [part for key in keys for part in (key, b"x")]
    got = redis.pipeline([
        wire.command("MSET", *flat), wire.command("GET", keys[3]), wire.command("MGET", *keys),
        wire.command("DEL", keys[0], keys[5]), wire.command("PING"),
        wire.command("EXISTS", *keys), wire.command("INCR", keys[0]),
        wire.command("MGET", *keys[:2]), wire.command("UNLINK", *keys),
    ])
    assert got == [OK, bulk("x"), array(["x"] * 12), integer(2), b"+PONG\r\n", integer(10),
                   integer(1), array(["1", "x"]), integer(11)]


CROSS = [
    "RENAME A B", "SINTER A B", "SUNIONSTORE A B", "RPOPLPUSH A B", "LMOVE A B LEFT RIGHT",
    "ZUNIONSTORE A 1 B", "ZINTER 2 A B", "MSETNX A 1 B 2", "PFMERGE A B", "BITOP AND A B",
    "COPY A B", "SDIFF A B", "SMOVE A B m", "PFCOUNT A B", "SINTERCARD 2 A B", "LCS A B",
    "GEOSEARCHSTORE A B FROMLONLAT 0 0 BYRADIUS 1 m", "SORT A STORE B",
    "XREAD STREAMS A B 0 0", "ZDIFFSTORE A 1 B",
]


@pytest.mark.parametrize("text", CROSS)
def test_keys_on_several_shards_are_refused(proxied, three, text):
    sub = {"A": three[0], "B": three[1]}
    args = [sub.get(word, word) for word in text.split(" ")]
    reply = proxied.call(*args)
    assert reply.startswith(b"-CROSSSLOT ") and reply.endswith(b"\r\n"), reply
    assert proxied.call("EXISTS", *three) == integer(0)


def test_keys_on_one_shard_pass(proxied, ring, fresh):
    a, b, c = ring.keys("b", 3, fresh())
    assert proxied.call("SET", a, 1) == OK
    assert proxied.call("RENAME", a, b) == OK
    assert proxied.call("COPY", b, c) == integer(1)
    assert proxied.call("MSETNX", a, 1, b, 2) == integer(0)
    proxied.call("DEL", a, b, c)
    proxied.call("SADD", a, 1, 2)
    proxied.call("SADD", b, 2, 3)
    assert proxied.call("SINTERSTORE", c, a, b) == integer(1)
    assert proxied.call("SMEMBERS", c) == array(["2"])
    assert proxied.call("SORT", a, "STORE", b) == integer(2)
    proxied.call("DEL", a, b, c)


def test_hash_tags_bring_keys_together(module_proxy, redises, fresh):
    proxy = module_proxy(slipring.pool("redis", redises[:3], hash_tag="{}"))
    with proxy.connect() as conn:
        for i in range(10):
            tag = b"{%s}" % fresh()
            assert conn.call("MSETNX", b"a" + tag, 1, b"b" + tag, 2) == integer(1)
            assert conn.call("RENAME", b"a" + tag, b"%d" % i + tag) == OK


def test_keys_are_where_ketama_says(proxied, redises, ring, fresh):
    keys = [fresh() for _ in range(300)]
    for key in keys:
        proxied.call("SET", key, 1)
    for index, node in enumerate(redises[:3]):
        mine = [key for key in keys if ring.index(key) == index]
        assert len(mine) > 30
        with node.connect() as conn:
            assert conn.ask("EXISTS", *mine) == len(mine)
            assert conn.ask("EXISTS", *keys) == len(mine)


# -- what the proxy answers itself ----------------------------------------------------------------


def test_quit_answers_and_closes(redis_proxy, fresh):
    with redis_proxy.connect() as conn:
        key = fresh()
        conn.send(wire.command("SET", key, 1) + wire.command("GET", key) + wire.command("QUIT")
                  + wire.command("GET", key))
        conn.expect(OK + bulk("1") + OK)
        conn.expect_closed()



@pytest.mark.parametrize("args", [["HELLO"], ["HELLO", "2"], ["HELLO", "2", "SETNAME", "n"]])
def test_hello_2(redis, args):
    reply = redis.ask(*args)
    fields = dict(zip(reply[::2], reply[1::2]))
    assert fields[b"server"] and fields[b"version"] and fields[b"proto"] == 2
    assert isinstance(fields[b"id"], int) and fields[b"modules"] == []
    assert fields[b"role"] == b"master"



def test_client_ids_are_different_and_stay(redis):
    first = redis.ask("CLIENT", "ID")
    assert redis.ask("CLIENT", "ID") == first > 0
    with wire.RespConnection(redis.sock.getpeername()) as second:
        assert second.ask("CLIENT", "ID") != first


def test_client_info_names_the_client(redis):
    redis.call("CLIENT", "SETNAME", "worker-1")
    info = redis.ask("CLIENT", "INFO").decode()
    fields = dict(part.split("=", 1) for part in info.split())
    assert fields["id"] == str(redis.ask("CLIENT", "ID"))
    assert fields["name"] == "worker-1"
    host, port = redis.sock.getsockname()
    assert fields["addr"] == f"{host}:{port}"


def test_client_setname_with_a_space_is_refused(redis):
    assert redis.call("CLIENT", "SETNAME", "a b").startswith(b"-ERR Client names cannot contain")
    assert redis.call("CLIENT", "GETNAME") == bulk(None)




def test_command_info_is_the_servers(proxied, redises):
    """Name, arity, flags and key positions of what the proxy knows are what redis-server says."""
    mine = {row[0]: row for row in proxied.ask("COMMAND")}
    with redises[3].connect() as direct:
        real = {row[0]: row for row in direct.ask("COMMAND")}
    assert not set(mine) - set(real)
    for name, row in mine.items():
        assert row[:2] == real[name][:2], name
        assert row[3:6] == real[name][3:6], name
        assert set(row[2]) == set(real[name][2]), name


def test_command_info_of_some(redis):
    rows = redis.ask("COMMAND", "INFO", "GET", "nope", "mset")
    assert [row and row[:2] for row in rows] == [[b"get", 2], None, [b"mset", -3]]


def test_command_docs(proxied):
    reply = proxied.ask("COMMAND", "DOCS", "get")
    assert isinstance(reply, list)


def test_reset_keeps_the_connection(redis, fresh):
    key = fresh()
    redis.call("SET", key, 1)
    assert redis.call("RESET") == b"+RESET\r\n"
    assert redis.call("GET", key) == bulk("1")


# -- inline commands ------------------------------------------------------------------------------


@pytest.mark.parametrize("sent, wanted", [
    (b"PING\r\n", b"+PONG\r\n"),
    (b"PING\n", b"+PONG\r\n"),
    (b"ping hello\r\n", bulk("hello")),
    (b"\r\n\r\nPING\r\n", b"+PONG\r\n"),
    (b"  ECHO   a  \r\n", bulk("a")),
    (b'ECHO "a b"\r\n', bulk("a b")),
    (b"ECHO 'a \\'b'\r\n", bulk("a 'b")),
    (b'ECHO "\\x41\\n\\"q"\r\n', bulk('A\n"q')),
    (b"SET @1 v\r\nGET @1\r\nDEL @1\r\n", OK + bulk("v") + integer(1)),
    (b'SET @1 "a b"\r\nGET @1\r\nDEL @1 @1\r\n', OK + bulk("a b") + integer(1)),
    (b"MSET @1 1 @2 2\r\nMGET @2 @1\r\nDEL @1 @2\r\n", OK + array(["2", "1"]) + integer(2)),
    (b"nope\r\n", b"-ERR unknown command 'nope', with args beginning with: \r\n"),
    (b"*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
])
def test_inline(redis, fresh, sent, wanted):
    sent = sent.replace(b"@1", fresh()).replace(b"@2", fresh())
    redis.send(sent)
    redis.expect(wanted)


def test_inline_between_arrays(redis, fresh):
    key = fresh()
    redis.send(wire.command("SET", key, "x") + b"GET %s\r\n" % key + wire.command("STRLEN", key))
    redis.expect(OK + bulk("x") + integer(1))


# -- what is refused ------------------------------------------------------------------------------

REFUSED = [
    "WAIT 0 0", "EXEC", "DISCARD", "CONFIG SET maxmemory 1", "SAVE", "BGSAVE", "SHUTDOWN NOSAVE",
    "MONITOR", "REPLICAOF NO ONE", "SLAVEOF NO ONE", "CLUSTER INFO", "SCRIPT LOAD x",
    "ACL WHOAMI", "SWAPDB 0 1", "MIGRATE 127.0.0.1 1 K 0 1", "DEBUG SLEEP 0", "PSYNC ? -1",
    "SYNC", "FAILOVER", "MODULE LIST", "CLIENT KILL 1", "CLIENT PAUSE 1", "CLIENT TRACKING ON",
    "MEMORY DOCTOR", "BGREWRITEAOF", "ASKING", "CLIENT NOPE", "COMMAND NOPE", "CONFIG NOPE",
    "OBJECT NOPE K",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused_commands_keep_the_connection(proxied, redises, fresh, text):
    """Never silence, never a guess, and never passed on."""
    key = fresh()
    proxied.call("SET", key, 1)
    before = [node.process.pid for node in redises]
    reply = wire.decode(proxied.call(*words(text, key)))
    assert isinstance(reply, ErrorReply), reply
    assert re.match(r"(ERR|CROSSSLOT|NOAUTH|NOPERM) ", reply.args[0]), reply
    assert proxied.call("GET", key) == bulk("1")
    assert [node.process.poll() for node in redises] == [None] * 4 and before


def test_refusal_says_who_and_what(proxied):
    reply = proxied.ask("WAIT", 0, 0)
    assert isinstance(reply, ErrorReply)
    assert "wait" in reply.args[0].lower()
    assert reply.args[0].startswith(("ERR slipring: ", "ERR unknown command "))


def test_unknown_command_is_redis_servers_text(redis):
    for args in (["NOPE"], ["nope", "a" * 200, "b"], ["n" * 200, "a", "b"], [""],
                 ["x", "a\r\nb"], ["x"] + ["y"] * 50):
        reply = redis.call(*args)
        name = args[0][:128]
        wanted = f"-ERR unknown command '{name}', with args beginning with: "
        assert reply.startswith(wanted.encode())
        assert reply.endswith(b"\r\n") and reply.count(b"\r\n") == 1


@pytest.mark.parametrize("text, fits", [
    ("SORT {t}K BY w_{t}* GET #", True), ("SORT {t}K BY nosort", True), ("SORT {t}K GET #", True),
    ("SORT {t}K BY w_*", False), ("SORT {t}K BY *{t}", False), ("SORT_RO {t}K GET w_{t*}", False),
    ("SORT {t}K LIMIT 0 9 GET w_{t}* GET w_*", False),
])
def test_sort_reads_no_keys_of_other_shards(make_proxy, redises, text, fits):
    """A pattern may only name keys that its tag keeps on the shard."""
    proxy = make_proxy(slipring.pool("redis", redises, hash_tag="{}"))
    with proxy.connect() as conn:
        reply = conn.call(*text.split(" "))
        assert reply.startswith(b"-ERR slipring: 'sort") != fits
        assert conn.call("PING") == b"+PONG\r\n"
