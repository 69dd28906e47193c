"""Transactions: reply for reply as redis-server has them, and nothing held when they are over.

Tests with the `place` fixture run against one redis-server itself and against the proxy.
"""

import random
import threading
import time

import pytest

import servers
import slipring
import wire
from wire import OK, ErrorReply, array, bulk, command, integer, wait_until

QUEUED = b"+QUEUED\r\n"
ABORT = b"-EXECABORT Transaction discarded because of previous errors.\r\n"
NIL = b"*-1\r\n"


@pytest.fixture(params=["direct", "proxy"])
def place(request, redises):
    """Where clients connect: a server, or the proxy."""
    return redises[0] if request.param == "direct" else request.getfixturevalue("redis_proxy")


@pytest.fixture
def client(place):
    with place.connect() as conn:
        yield conn
        conn.assert_empty()


@pytest.fixture
def keys(ring, fresh):
    """Four keys of one shard."""
    return ring.keys("b", 4, fresh())


@pytest.fixture
def three(ring, fresh):
    """One key on each shard."""
    prefix = fresh()
    return [ring.key(name, prefix) for name in ring.names]


def held(node):
    """Connections of a node that are in a transaction or blocked, as it says itself."""
    with node.connect() as conn:
        rows = conn.ask("CLIENT", "LIST").decode().splitlines()
    fields = [dict(part.split("=", 1) for part in row.split(" ")) for row in rows]
    return [row for row in fields if row["multi"] != "-1" or "b" in row["flags"]
            or "x" in row["flags"]]


# -- scripts --------------------------------------------------------------------------------------

# One command a line: which client, then its words; K, L, M, N are keys of one shard.
SCRIPTS = {
    "plain": """
1 MULTI
1 SET K a
1 GET K
1 INCR L
1 MGET K L M
1 EXEC
1 GET K
""",
    "errors_while_it_runs_stop_nothing": """
1 MULTI
1 SET K a
1 LPUSH K x
1 INCR K
1 SET L b
1 EXEC
1 GET L
""",
    "an_unknown_command_aborts": """
1 MULTI
1 SET K a
1 NOPE K
1 SET L b
1 EXEC
1 EXISTS K L
1 EXEC
""",
    "an_arity_error_aborts": """
1 MULTI
1 SET K
1 EXEC
1 MULTI
1 SET K a
1 GET
1 SET K b
1 EXEC
1 EXISTS K
""",
    "an_arity_error_of_a_keyless_command_aborts": """
1 MULTI
1 ECHO
1 SET K a
1 EXEC
1 EXISTS K
""",
    "discard_after_an_error": """
1 MULTI
1 NOPE
1 DISCARD
1 SET K a
1 MULTI
1 GET K
1 EXEC
""",
    "a_watched_key_changed": """
1 SET K a
1 WATCH K
2 SET K b
1 MULTI
1 SET K c
1 EXEC
1 GET K
1 MULTI
1 SET K d
1 EXEC
1 GET K
""",
    "a_watched_key_did_not_change": """
1 WATCH K L
2 SET M b
1 MULTI
1 SET K c
1 EXEC
1 GET K
""",
    "a_watched_key_appeared": """
1 WATCH K
2 SET K b
1 MULTI
1 GET K
1 EXEC
""",
    "a_watched_key_changed_in_the_transaction": """
1 WATCH K
1 MULTI
1 SET L 1
2 SET K b
1 SET L 2
1 EXEC
1 EXISTS L
""",
    "the_watcher_itself_changed_it": """
1 WATCH K
1 SET K b
1 MULTI
1 GET K
1 EXEC
""",
    "a_watched_key_that_changed_to_the_same": """
1 SET K a
1 WATCH K
2 SET K a
1 MULTI
1 EXEC
1 MULTI
1 EXEC
""",
    "several_watches_add_up": """
1 WATCH K
1 WATCH L
1 WATCH M
2 SET L x
1 MULTI
1 SET K y
1 EXEC
""",
    "unwatch": """
1 WATCH K
2 SET K b
1 UNWATCH
1 MULTI
1 GET K
1 EXEC
1 UNWATCH
1 UNWATCH
""",
    "unwatch_inside": """
1 WATCH K
2 SET K b
1 MULTI
1 UNWATCH
1 GET K
1 EXEC
1 MULTI
1 GET K
1 EXEC
""",
    "exec_ends_the_watch": """
1 WATCH K
1 MULTI
1 GET K
1 EXEC
2 SET K b
1 MULTI
1 GET K
1 EXEC
""",
    "discard_ends_the_watch": """
1 WATCH K
1 MULTI
1 DISCARD
2 SET K b
1 MULTI
1 GET K
1 EXEC
""",
    "reads_between_watch_and_multi": """
1 SET K 5
1 WATCH K
1 GET K
1 GET L
1 PING
1 MULTI
1 INCR K
1 EXEC
""",
    "an_error_while_watching": """
1 WATCH K
2 SET K b
1 NOPE
1 MULTI
1 NOPE
1 EXEC
1 MULTI
1 GET K
1 EXEC
""",
    "nested_multi": """
1 MULTI
1 MULTI
1 SET K a
1 EXEC
1 GET K
1 MULTI
1 SET K b
1 MULTI
1 EXEC
1 GET K
""",
    "watch_inside": """
1 MULTI
1 WATCH K
1 SET K a
1 WATCH K
2 SET K z
1 EXEC
1 GET K
""",
    "exec_alone": """
1 EXEC
1 SET K a
1 EXEC
1 GET K
""",
    "discard_twice": """
1 DISCARD
1 MULTI
1 SET K a
1 DISCARD
1 DISCARD
1 EXISTS K
""",
    "empty": """
1 MULTI
1 EXEC
1 MULTI
1 DISCARD
1 MULTI
1 EXEC
1 EXEC
""",
    "keyless_commands_first": """
1 MULTI
1 PING
1 ECHO hello
1 PING again
1 SET K a
1 ECHO more
1 GET K
1 EXEC
1 GET K
""",
    "keyless_commands_alone": """
1 MULTI
1 PING
1 ECHO hello
1 EXEC
1 MULTI
1 ECHO hello
1 DISCARD
1 PING
""",
    "keyless_commands_and_a_watched_key": """
1 WATCH K
2 SET K b
1 MULTI
1 PING
1 EXEC
1 WATCH K
1 MULTI
1 ECHO x
1 EXEC
""",
    "wrong_arity_of_the_commands_themselves": """
1 MULTI x
1 EXEC x
1 EXEC
1 DISCARD x
1 WATCH
1 UNWATCH x
1 MULTI
1 EXEC x
1 SET K a
1 EXEC
1 MULTI
1 DISCARD x
1 DISCARD
1 MULTI
1 WATCH
1 EXEC
1 DISCARD
""",
    "commands_in_any_case": """
1 mUlTi
1 set K a
1 eXeC
1 wAtCh K
1 unWatch
1 multi
1 discard
""",
    "reset_inside": """
1 MULTI
1 SET K a
1 RESET
1 EXEC
1 EXISTS K
1 WATCH K
1 RESET
2 SET K b
1 MULTI
1 GET K
1 EXEC
""",
    "other_types": """
1 MULTI
1 RPUSH K a b c
1 LRANGE K 0 -1
1 HSET L f v
1 HGETALL L
1 SADD M x
1 SMEMBERS M
1 ZADD N 1.5 m
1 ZRANGE N 0 -1 WITHSCORES
1 RENAME K M
1 DEL K L M N
1 EXEC
""",
    "split_commands_of_one_shard": """
1 MULTI
1 MSET K 1 L 2
1 MGET K L M
1 EXISTS K L M
1 TOUCH K L
1 DEL K L
1 UNLINK K L
1 EXEC
""",
    "scripts": """
1 MULTI
1 EVAL return{KEYS[1],ARGV[1]} 1 K x
1 EVAL return+redis.call('set',KEYS[1],ARGV[1]) 1 K x
1 EVAL nonsense( 1 K
1 GET K
1 EXEC
""",
    "a_wait_that_would_not_end": """
1 MULTI
1 BLPOP K 0
1 BRPOP K L 0
1 BLMOVE K L LEFT RIGHT 0
1 BZPOPMIN M 0
1 BLMPOP 0 1 K LEFT
1 XREAD BLOCK 0 STREAMS N $
1 RPUSH K a
1 BLPOP K 0
1 EXEC
""",
    "a_watch_is_of_one_database": """
1 SELECT 1
1 WATCH K
2 SET K zero
1 MULTI
1 GET K
1 EXEC
2 SELECT 1
1 WATCH K
2 SET K one
1 MULTI
1 GET K
1 EXEC
1 DEL K
1 SELECT 0
""",
    "a_function_in_a_transaction_that_is_not_there": """
1 MULTI
1 FCALL nope 1 K
1 SET K a
1 EXEC
1 GET K
""",
}


def rows_of(script, keys):
    """(client, words) a line."""
    named = dict(zip("KLMN", keys))
    for line in script.strip().split("\n"):
        who, *words = line.split(" ")
        yield int(who), [named.get(word, word.replace("+", " ")) for word in words]


def play(place, script, keys, protocol, in_one_write):
    """The replies in the order of the lines; lines of one client in turn may be one write."""
    rows, replies, at = list(rows_of(script, keys)), [], 0
    with place.connect() as one, place.connect() as two:
        conns = {1: one, 2: two}
        if protocol == 3:
            one.hello(3)
            two.hello(3)
        while at < len(rows):
            who, end = rows[at][0], at + 1
            while in_one_write and end < len(rows) and rows[end][0] == who:
                end += 1
            replies += conns[who].pipeline([command(*words) for _, words in rows[at:end]])
            at = end
        one.assert_empty()
        two.assert_empty()
    return replies


@pytest.mark.parametrize("in_one_write", [False, True], ids=["one-by-one", "in-one-write"])
@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_script(place, redises, keys, name, protocol, in_one_write):
    """As the same lines sent to a server of its own one by one."""
    wanted = play(redises[3], SCRIPTS[name], keys, protocol, False)
    got = play(place, SCRIPTS[name], keys, protocol, in_one_write)
    for row, one, other in zip(rows_of(SCRIPTS[name], keys), got, wanted):
        assert one == other, row


def test_the_texts_of_errors(client, keys):
    """The words that clients look for, whoever answers."""
    for text, wanted in [
        ("EXEC", b"-ERR EXEC without MULTI\r\n"), ("DISCARD", b"-ERR DISCARD without MULTI\r\n"),
        ("MULTI", OK), ("MULTI", b"-ERR MULTI calls can not be nested\r\n"),
        ("WATCH K", b"-ERR WATCH inside MULTI is not allowed\r\n"), ("SET K 1", QUEUED),
        ("GET", b"-ERR wrong number of arguments for 'get' command\r\n"), ("EXEC", ABORT),
        ("EXISTS K", integer(0)), ("WATCH K", OK), ("SET K 1", OK), ("MULTI", OK), ("EXEC", NIL),
    ]:
        words = [keys[0] if word == "K" else word for word in text.split(" ")]
        assert client.call(*words) == wanted, text


def test_quit_inside(place, keys):
    with place.connect() as conn:
        conn.send(command("MULTI") + command("SET", keys[0], 1) + command("QUIT"))
        conn.expect(OK + QUEUED + OK)
        conn.expect_closed()
    with place.connect() as conn:
        assert conn.call("EXISTS", keys[0]) == integer(0)


@pytest.mark.parametrize("text", [
    "SUBSCRIBE c", "PSUBSCRIBE c*", "HELLO 3", "AUTH x", "CLIENT SETNAME n", "SCRIPT EXISTS x",
    "DBSIZE", "FLUSHALL", "KEYS *", "SCAN 0", "RANDOMKEY", "CONFIG GET maxmemory", "INFO",
    "PUBLISH c m", "COMMAND COUNT", "CLIENT ID", "TIME", "WAIT 0 0", "FUNCTION LIST",
    "SELECT 1",
])
def test_what_may_be_refused_inside(redis_proxy, keys, text):
    """Queued, or a named refusal after which EXEC does nothing; never anything half."""
    with redis_proxy.connect() as conn:
        assert conn.call("MULTI") == OK
        assert conn.call("SET", keys[0], 1) == QUEUED
        reply = conn.call(*text.split(" "))
        if reply == QUEUED:
            assert conn.call("DISCARD") == OK
        else:
            assert reply.startswith((b"-ERR slipring: ", b"-CROSSSLOT ")), reply
            assert conn.call("EXEC") == ABORT
        assert conn.call("EXISTS", keys[0]) == integer(0)
        conn.assert_empty()


# -- many and long --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [10_000])
def test_many_queued_commands(client, keys, count):
    commands = [command("MULTI")] + [command("INCR", keys[i % 2]) for i in range(count)]
    replies = client.pipeline(commands + [command("EXEC"), command("GET", keys[0])])
    assert replies[:-2] == [OK] + [QUEUED] * count
    assert replies[-2] == array([i // 2 + 1 for i in range(count)])
    assert replies[-1] == bulk(count // 2)


def test_large_values_inside(client, keys):
    values = [bytes([65 + i]) * (300_000 + i) for i in range(4)]
    commands = [command("MULTI")]
    commands += [command("SET", key, value) for key, value in zip(keys, values)]
    commands += [command("MGET", *keys), command("EXEC"), command("DEL", *keys)]
    replies = client.pipeline(commands)
    assert replies[:-2] == [OK] + [QUEUED] * 5
    assert replies[-2] == b"*5\r\n" + OK * 4 + array(values)
    assert replies[-1] == integer(4)


def test_transactions_among_other_commands(client, ring, fresh):
    """A long pipeline of both kinds, over all shards, in order."""
    rng, commands, wanted, counts = random.Random(5), [], [], {}
    pairs = [ring.keys(name, 2, fresh()) for name in ring.names for _ in range(5)]
    for _ in range(300):
        key, other = rng.choice(pairs)
        if rng.random() < 0.5:
            counts[key] = counts.get(key, 0) + 1
            commands.append(command("INCR", key))
            wanted.append(integer(counts[key]))
            continue
        size = rng.choice([0, 1, 3, 20])
        commands += [command("MULTI")] + [command("INCR", key)] * size
        before = counts.get(key, 0)
        if rng.random() < 0.2:
            commands.append(command("DISCARD"))
            wanted += [OK] + [QUEUED] * size + [OK]
        else:
            commands += [command("SET", other, "x"), command("EXEC")]
            counts[key] = before + size
            numbers = b"".join(integer(before + i + 1) for i in range(size))
            wanted += [OK] + [QUEUED] * (size + 1) + [b"*%d\r\n" % (size + 1) + numbers + OK]
        every = [pair[0] for pair in pairs]
        commands += [command("MGET", *every), command("PING")]
        wanted += [array([counts.get(key, 0) and b"%d" % counts[key] or None for key in every]),
                   b"+PONG\r\n"]
    for sent, got, want in zip(commands, client.pipeline(commands), wanted):
        assert got == want, sent


# -- several clients ------------------------------------------------------------------------------


def race(place, key, rounds, seen):
    """GET and SET under WATCH, until `rounds` of them went through."""
    failed = done = 0
    with place.connect() as conn:
        while done < rounds:
            assert conn.call("WATCH", key) == OK
            value = int(conn.ask("GET", key) or 0)
            assert conn.call("MULTI") == OK
            assert conn.call("SET", key, value + 1) == QUEUED
            reply = conn.call("EXEC")
            assert reply in (NIL, b"*1\r\n" + OK), reply
            done += reply != NIL
            failed += reply == NIL
        conn.assert_empty()
    seen.append(failed)


def test_clients_that_race_lose_no_count(place, keys):
    seen = []
    threads = [threading.Thread(target=race, args=(place, keys[0], 100, seen)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4 and sum(seen) > 0, seen
    with place.connect() as conn:
        assert conn.ask("GET", keys[0]) == b"400"


def test_others_see_all_or_nothing(place, keys):
    """Two keys that every transaction sets alike are alike to every reader."""
    stop, wrong = threading.Event(), []

    def write():
        with place.connect() as conn:
            number = 0
            while not stop.is_set():
                number += 1
                got = conn.pipeline([
                    command("MULTI"), command("SET", keys[0], number), command("PING"),
                    command("SET", keys[1], number), command("EXEC")])
                if got[-1] != b"*3\r\n" + OK + b"+PONG\r\n" + OK:
                    wrong.append(got)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    with place.connect() as conn:
        for _ in range(500):
            one, other = conn.ask("MGET", keys[0], keys[1])
            if one != other:
                wrong.append((one, other))
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]


def test_many_open_transactions_at_once(place, keys):
    conns = [place.connect() for _ in range(40)]
    for i, conn in enumerate(conns):
        assert conn.call("MULTI") == OK
        assert conn.call("RPUSH", keys[0], i) == QUEUED
    for i, conn in enumerate(reversed(conns)):
        assert conn.call("EXEC") == array([i + 1])
        conn.close()


# -- several shards -------------------------------------------------------------------------------

PROXY_ONLY = [  # the lines, the one that is refused, and what EXEC says
    (["MULTI", "SET A 1", "SET B 1", "EXEC"], 2, ABORT),
    (["MULTI", "SET A 1", "SET B 1", "SET A 2", "SET C 2", "EXEC"], 2, ABORT),
    (["MULTI", "MGET A B", "EXEC"], 1, ABORT),
    (["MULTI", "SET A 1", "MSET A 2 C 3", "EXEC"], 2, ABORT),
    (["MULTI", "SET A 1", "DEL A B C", "EXEC"], 2, ABORT),
    (["MULTI", "RENAME A B", "EXEC"], 1, ABORT),
    (["MULTI", "PING", "SET A 1", "GET B", "PING", "EXEC"], 3, ABORT),
    (["WATCH A", "MULTI", "SET B 1", "EXEC"], 2, ABORT),
    (["WATCH A", "MULTI", "SET A 1", "SET C 1", "EXEC"], 3, ABORT),
    (["WATCH A B", "MULTI", "EXEC"], 0, array([])),
    (["WATCH A", "WATCH B", "MULTI", "SET A 1", "DISCARD"], 1, OK),
]


@pytest.mark.parametrize("lines, refused, last", PROXY_ONLY, ids=lambda value: " ".join(
    part.replace(" ", "_") for part in value) if isinstance(value, list) else "")
def test_keys_on_several_shards_abort(redis_proxy, three, lines, refused, last):
    named = dict(zip("ABC", three))
    with redis_proxy.connect() as conn:
        for number, line in enumerate(lines):
            reply = conn.call(*[named.get(word, word) for word in line.split(" ")])
            if number == refused:
                assert reply.startswith(b"-CROSSSLOT "), (line, reply)
            elif number == len(lines) - 1:
                assert reply == last, reply
            elif number < refused:
                assert reply in (OK, QUEUED), (line, reply)
        assert conn.call("EXISTS", *three) == integer(0)
        # What comes next is a transaction as any other, on any shard.
        for key in three:
            assert conn.call("MULTI") == OK
            assert conn.call("INCR", key) == QUEUED
            assert conn.call("EXEC") == array([1])
        conn.assert_empty()


def test_keys_on_several_shards_abort_in_one_write(redis_proxy, three):
    with redis_proxy.connect() as conn:
        got = conn.pipeline([
            command("MULTI"), command("INCR", three[0]), command("INCR", three[1]),
            command("INCR", three[0]), command("EXEC"), command("EXISTS", *three),
            command("MULTI"), command("INCR", three[1]), command("EXEC")])
        assert got[:2] == [OK, QUEUED] and got[2].startswith(b"-CROSSSLOT "), got
        assert got[4:] == [ABORT, integer(0), OK, QUEUED, array([1])]
        conn.assert_empty()


def test_watch_ends_with_the_transaction_and_another_shard_is_free(redis_proxy, three):
    with redis_proxy.connect() as conn:
        for key in three + three:
            for end in (["UNWATCH"], ["DISCARD"], ["EXEC"]):
                assert conn.call("WATCH", key) == OK
                if end != ["UNWATCH"]:
                    assert conn.call("MULTI") == OK
                reply = conn.call(*end)
                assert reply in (OK, array([])), reply
        conn.assert_empty()


def test_while_watching_any_shard_may_be_read(redis_proxy, three):
    with redis_proxy.connect() as conn:
        assert conn.call("WATCH", three[0]) == OK
        assert conn.call("MGET", *three) == array([None] * 3)
        assert conn.call("SET", three[1], 5) == OK
        assert conn.call("MULTI") == OK
        assert conn.call("SET", three[0], 1) == QUEUED
        assert conn.call("EXEC") == b"*1\r\n" + OK
        assert conn.call("DEL", *three) == integer(2)
        conn.assert_empty()


# -- nothing is left over -------------------------------------------------------------------------


@pytest.fixture
def narrow(make_proxy, own_servers):
    """A proxy with one lease to each node, and the nodes."""
    nodes = own_servers(servers.Redis, 3)
    return make_proxy(slipring.pool("redis", nodes, limits={"leases": 1})), nodes


def works(proxy, key):
    """A transaction of a new client goes through; False while no lease is free."""
    with proxy.connect() as conn:
        assert conn.call("MULTI") == OK
        reply = conn.call("SET", key, "x")
        if reply != QUEUED:
            assert reply.startswith(b"-ERR slipring: ") and b"lease" in reply, reply
            assert conn.call("EXEC") == ABORT
            return False
        assert conn.call("EXEC") == b"*1\r\n" + OK
        return True


def test_the_lease_is_held_while_it_lasts(narrow, ring, fresh):
    proxy, _ = narrow
    prefix = fresh()
    (key, other), elsewhere = ring.keys("a", 2, prefix), ring.key("b", prefix)
    with proxy.connect() as conn:
        assert conn.call("MULTI") == OK
        assert works(proxy, key), "MULTI alone holds nothing"
        assert conn.call("INCR", other) == QUEUED
        assert not works(proxy, key)
        assert works(proxy, elsewhere)
        assert conn.call("GET", key) == QUEUED
        assert conn.call("DISCARD") == OK
        assert works(proxy, key)


ENDS = {
    "exec": lambda conn: conn.call("EXEC"),
    "discard": lambda conn: conn.call("DISCARD"),
    "reset": lambda conn: conn.call("RESET"),
    "close": lambda conn: conn.close(),
    "abort": lambda conn: conn.reset(),
    "half_close": lambda conn: conn.half_close(),
    "quit": lambda conn: conn.call("QUIT"),
    "bad_bytes": lambda conn: conn.send(b"*1\r\n+PING\r\n"),
}


@pytest.mark.parametrize("begin", ["queued", "watching", "watched-and-queued", "aborted"])
@pytest.mark.parametrize("end", ENDS)
def test_every_end_gives_the_lease_back(narrow, ring, fresh, begin, end):
    proxy, nodes = narrow
    key, other = ring.keys("a", 2, fresh())
    with proxy.connect() as conn:
        if begin.startswith("watch"):
            assert conn.call("WATCH", other) == OK
        if begin != "watching":
            assert conn.call("MULTI") == OK
            assert conn.call("SET", other, "left over") == QUEUED
        if begin == "aborted":
            assert conn.call("NOPE").startswith(b"-ERR unknown command")
        if begin == "watching" and end == "exec":
            assert conn.call("UNWATCH") == OK
        elif begin == "watching" and end == "discard":
            assert conn.call("MULTI") == OK and conn.call("DISCARD") == OK
        else:
            ENDS[end](conn)
        wait_until(lambda: works(proxy, key), "the lease to be free")
        wait_until(lambda: not held(nodes[0]), "the node to see no transaction")
    # A watch that stayed would make this nil; a command that stayed would be in it.
    with proxy.connect() as conn, proxy.connect() as second:
        conn.call("DEL", other)
        assert conn.call("MULTI") == OK
        assert conn.call("SET", key, "y") == QUEUED
        assert second.call("SET", other, "changed") == OK
        assert conn.call("EXEC") == b"*1\r\n" + OK
        assert conn.call("GET", other) == bulk("changed")
        conn.assert_empty()


def test_a_thousand_transactions_take_few_connections(narrow, ring, fresh):
    proxy, nodes = narrow
    key = ring.key("a", fresh())
    with nodes[0].connect() as watcher:
        before = dict(line.split(":") for line in
                      watcher.ask("INFO", "stats").decode().splitlines() if ":" in line)
        for i in range(1000):
            with proxy.connect() as conn:
                got = conn.pipeline([command("MULTI"), command("INCR", key), command("EXEC")])
                assert got == [OK, QUEUED, array([i + 1])]
        after = dict(line.split(":") for line in
                     watcher.ask("INFO", "stats").decode().splitlines() if ":" in line)
    made = int(after["total_connections_received"]) - int(before["total_connections_received"])
    assert made < 20, made


# -- servers that fail ----------------------------------------------------------------------------


def test_an_empty_transaction_touches_no_server(own_servers, make_proxy, fresh):
    nodes = own_servers(servers.Redis, 3)
    proxy = make_proxy(slipring.pool("redis", nodes))
    for node in nodes:
        node.kill()
    with proxy.connect() as conn:
        got = conn.pipeline([command("MULTI"), command("EXEC"), command("MULTI"),
                             command("DISCARD"), command("MULTI"), command("EXEC")])
        assert got == [OK, array([]), OK, OK, OK, array([])]
        assert conn.call("MULTI") == OK
        assert conn.call("SET", fresh(), 1).startswith(b"-ERR slipring: shard ")
        assert conn.call("EXEC") == ABORT
        assert conn.call("MULTI") == OK
        assert conn.call("EXEC") == array([])
        conn.assert_empty()


@pytest.fixture
def acted(scripted, make_proxy):
    """A scripted server behind a proxy."""
    server, = scripted("redis")
    proxy = make_proxy(slipring.pool("redis", [server], timeouts={"request": "2s"}))
    return server, proxy


def queue(server, conn, *commands):
    """MULTI and these of a client, each answered by the server; the proxy's connection to it."""
    conn.send(command("MULTI") + b"".join(command(*words) for words in commands))
    peer = server.expect("MULTI")
    peer.send(OK)
    for words in commands:
        server.expect(*words).send(QUEUED)
    conn.expect(OK + QUEUED * len(commands))
    return peer


def test_on_the_wire(acted, fresh):
    server, proxy = acted
    with proxy.connect() as conn:
        peer = queue(server, conn, ["SET", "k", "v"], ["GET", "k"])
        server.expect_nothing(0.1)
        conn.send(command("EXEC"))
        assert server.expect("EXEC") is peer
        peer.send(b"*2\r\n" + OK + bulk("v"))
        conn.expect(b"*2\r\n" + OK + bulk("v"))
        server.expect_nothing(0.1)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_server_that_goes_before_exec(acted, how):
    """EXEC is an error, nothing is sent again, and the next transaction is whole."""
    server, proxy = acted
    with proxy.connect() as conn:
        getattr(queue(server, conn, ["SET", "k", "v"]), how)()
        time.sleep(0.1)
        reply = conn.call("EXEC")
        assert reply.startswith((b"-EXECABORT ", b"-ERR slipring: ")), reply
        server.expect_nothing(0.2)
        queue(server, conn, ["SET", "k", "w"])
        conn.send(command("EXEC"))
        server.expect("EXEC").send(b"*1\r\n" + OK)
        conn.expect(b"*1\r\n" + OK)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_server_that_goes_between_watch_and_exec(acted, how):
    """The watch is lost, so the transaction must not run as if it were not."""
    server, proxy = acted
    with proxy.connect() as conn:
        conn.send(command("WATCH", "k"))
        peer = server.expect("WATCH", "k")
        peer.send(OK)
        conn.expect(OK)
        getattr(peer, how)()
        time.sleep(0.1)
        conn.send(command("MULTI") + command("SET", "k", 1) + command("EXEC"))
        replies = [conn.read_reply() for _ in range(3)]
        assert replies[2].startswith((NIL, b"-EXECABORT ", b"-ERR slipring: ")), replies
        server.expect_nothing(0.2)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("reply", [b"", b"*2\r\n:1\r\n"], ids=["nothing", "half-a-reply"])
def test_a_server_that_goes_in_exec(acted, how, reply):
    """It may have run: the client is told so, or its connection ends; it never runs again."""
    server, proxy = acted
    with proxy.connect() as conn:
        queue(server, conn, ["INCR", "k"], ["INCR", "l"])
        conn.send(command("EXEC"))
        peer = server.expect("EXEC")
        if reply:
            peer.send(reply)
            time.sleep(0.1)
        getattr(peer, how)()
        try:
            got = conn.read_reply()
            assert got.startswith(b"-ERR slipring: shard a: ") and b"may have" in got, got
        except wire.WireError as err:
            assert reply and "closed" in str(err), err
        server.expect_nothing(0.3)


def test_a_server_that_is_silent_in_exec(acted):
    server, proxy = acted
    with proxy.connect() as conn:
        peer = queue(server, conn, ["INCR", "k"])
        conn.send(command("EXEC"))
        server.expect("EXEC")
        reply = conn.read_reply()
        assert reply.startswith(b"-ERR slipring: shard a: ") and b"may have" in reply, reply
        peer.expect_closed()
        server.expect_nothing(0.2)


def test_a_transaction_at_the_clients_pace(acted):
    """Between the commands of a transaction nobody waits, so no time-out runs."""
    server, proxy = acted
    with proxy.connect() as conn:
        peer = queue(server, conn, ["INCR", "k"])
        time.sleep(2.5)
        conn.send(command("EXEC"))
        assert server.expect("EXEC") is peer
        peer.send(array([1]))
        conn.expect(array([1]))


def test_a_client_that_goes_in_the_middle_takes_its_connection_along(acted):
    """What a server has queued for one client must not be another's."""
    server, proxy = acted
    with proxy.connect() as conn:
        peer = queue(server, conn, ["INCR", "k"])
    found = server.next(1)  # DISCARD and on with it, or the connection is closed
    if found:
        assert found[1][0].upper() in (b"DISCARD", b"RESET") and found[0] is peer, found
        peer.send(OK)
    else:
        assert peer.expect_closed() == b""
    with proxy.connect() as conn:
        queue(server, conn, ["INCR", "k"])


class Kept(servers.Redis):
    """Loses nothing that it has answered."""

    def __init__(self, place):
        super().__init__()
        self.place = place

    def command(self):
        return super().command() + ["--appendonly", "yes", "--appendfsync", "always",
                                    "--dir", str(self.place)]


def test_killed_nodes_leave_no_half(own_servers, make_proxy, tmp_path):
    """A node that keeps a log is killed again and again: what it has after that is whole."""
    node, = own_servers(Kept, 1, place=tmp_path)
    proxy = make_proxy(slipring.pool("redis", [node], timeouts={
        "connect": "200ms", "request": "1s"}))
    stop, wrong, sure, unsure = threading.Event(), [], [0], [0]

    def run():
        try:
            with proxy.connect() as conn:
                while not stop.is_set():
                    got = conn.pipeline([command("MULTI"), command("INCR", "k"),
                                         command("INCR", "l"), command("EXEC")])[-1]
                    value = wire.decode(got)
                    if isinstance(value, ErrorReply):
                        unsure[0] += "may have" in value.args[0]
                        time.sleep(0.01)
                    elif value[0] == value[1]:
                        sure[0] += 1
                    else:
                        wrong.append(value)
        except Exception as err:  # pylint: disable=broad-except
            wrong.append(repr(err))

    thread = threading.Thread(target=run)
    thread.start()
    for _ in range(5):
        time.sleep(0.3)
        node.kill()
        time.sleep(0.1)
        node.start()
    time.sleep(0.3)
    stop.set()
    thread.join()
    assert not wrong, wrong[:3]
    with node.connect() as conn:
        one, other = conn.ask("MGET", "k", "l")
    assert one == other
    assert sure[0] <= int(one) <= sure[0] + unsure[0], (sure, unsure, one)
    assert sure[0] > 10
