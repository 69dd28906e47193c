"""Publish and subscribe: the shapes of both protocols, fan-out, order, losses and slow readers.

Tests with the `place` fixture run against one redis-server itself and against the proxy.
"""

import threading
import time

import pytest

import servers
import slipring
import wire
from wire import OK, array, bulk, command, integer, typed, wait_until

MIB = 1 << 20


@pytest.fixture(params=["direct", "proxy"])
def place(request, redises):
    """Where clients connect: a server, or the proxy."""
    return redises[0] if request.param == "direct" else request.getfixturevalue("redis_proxy")


def subscribe(conn, *channels, name="SUBSCRIBE"):
    """Subscribe a connection of RESP2 that has no subscriptions yet."""
    conn.send(command(name, *channels))
    conn.expect(b"".join(array([name.lower(), one, i + 1]) for i, one in enumerate(channels)))
    return conn


def message(channel, text):
    return array(["message", channel, text])


def numsub(node, channel, name="NUMSUB"):
    with node.connect() as conn:
        return conn.ask("PUBSUB", name, channel)[1]


def wait_numsub(node, channel, count, name="NUMSUB"):
    wait_until(lambda: numsub(node, channel, name) == count, f"{count} subscriptions", seconds=5)


# -- scripts --------------------------------------------------------------------------------------

# One command a line: which client, then its words. C, D, E are channels, P a pattern of all three,
# K a key. With % only whether the reply's integer is zero counts: a server counts subscribers, and
# the proxy is one. With $ the replies come in any order.
SCRIPTS = {
    "subscribe": """
1 SUBSCRIBE C
1 SUBSCRIBE D E
1 SUBSCRIBE C
2 %PUBLISH C hello
2 %PUBLISH D world
2 %PUBLISH K nobody
1 UNSUBSCRIBE D
2 %PUBLISH D lost
2 %PUBLISH E kept
1 UNSUBSCRIBE C E
2 %PUBLISH C lost
1 GET K
""",
    "the_same_channel_twice": """
1 SUBSCRIBE C C
2 %PUBLISH C once
1 UNSUBSCRIBE C C
1 PING
""",
    "patterns": """
1 PSUBSCRIBE P
2 %PUBLISH C one
2 %PUBLISH D two
2 %PUBLISH K nobody
1 PUNSUBSCRIBE P
2 %PUBLISH C lost
1 GET K
""",
    "a_channel_and_its_pattern": """
1 SUBSCRIBE C
1 PSUBSCRIBE P
2 %PUBLISH C twice
1 UNSUBSCRIBE C
2 %PUBLISH C once
1 PUNSUBSCRIBE P
2 %PUBLISH C lost
""",
    "shard_channels": """
1 SSUBSCRIBE C
1 SUBSCRIBE C
2 %SPUBLISH C sharded
2 %PUBLISH C global
1 SUNSUBSCRIBE C
2 %SPUBLISH C lost
2 %PUBLISH C kept
1 UNSUBSCRIBE C
1 GET K
""",
    "unsubscribe_from_all": """
1 SUBSCRIBE C D E
1 $UNSUBSCRIBE
2 %PUBLISH C lost
1 GET K
1 PSUBSCRIBE P
1 SUBSCRIBE C
1 PUNSUBSCRIBE
2 %PUBLISH C kept
1 UNSUBSCRIBE
1 GET K
""",
    "shard_unsubscribe_from_all": """
1 SSUBSCRIBE C
1 SUNSUBSCRIBE
1 SUNSUBSCRIBE
1 GET K
""",
    "unsubscribe_from_nothing": """
1 UNSUBSCRIBE
1 UNSUBSCRIBE C
1 UNSUBSCRIBE C D
1 PUNSUBSCRIBE
1 PUNSUBSCRIBE P
1 SUNSUBSCRIBE
1 SUNSUBSCRIBE C
1 GET K
1 SUBSCRIBE C
1 UNSUBSCRIBE D
1 PUNSUBSCRIBE
1 PUNSUBSCRIBE P
1 UNSUBSCRIBE C
1 GET K
""",
    "ping": """
1 PING
1 SUBSCRIBE C
1 PING
1 PING hello
1 PING a b
1 UNSUBSCRIBE C
1 PING
1 PING hello
""",
    "other_commands": """
1 SUBSCRIBE C
1 GET K
1 SET K v
1 ECHO x
1 NOPE K
1 HGETALL K
1 UNSUBSCRIBE C
1 GET K
""",
    "wrong_arity": """
1 SUBSCRIBE
1 PSUBSCRIBE
1 SSUBSCRIBE
1 PUBLISH C
1 SPUBLISH C
1 PUBLISH C m x
1 SUBSCRIBE C
1 SUBSCRIBE
1 UNSUBSCRIBE C
1 PING
""",
    "reset": """
1 SUBSCRIBE C D
1 PSUBSCRIBE P
1 RESET
2 %PUBLISH C lost
1 GET K
1 PING
""",
    "two_subscribers": """
1 SUBSCRIBE C
2 SUBSCRIBE C
3 %PUBLISH C both
1 UNSUBSCRIBE C
3 %PUBLISH C second
2 UNSUBSCRIBE C
3 %PUBLISH C nobody
1 SUBSCRIBE C
3 %PUBLISH C again
1 UNSUBSCRIBE C
""",
}


def read_quiet(conn, seconds):
    """All replies that come until nothing does for so long."""
    replies = []
    while not conn.is_silent(seconds):
        replies.append(conn.read_reply())
    return replies


def read_until_pong(conn):
    """All that a server has to say to a client whose turn it is not."""
    conn.send(command("PING", "turn"))
    replies = []
    while True:
        reply = conn.read_reply()
        if reply in (bulk("turn"), array(["pong", "turn"])):
            return replies
        replies.append(reply)


def rows_of(script, names):
    for line in script.strip().split("\n"):
        who, *words = line.split(" ")
        mark = words[0][0] if words[0][0] in "%$" else ""
        words[0] = words[0].lstrip("%$")
        yield int(who), mark, [names.get(word, word) for word in words]


def play(place, script, names, protocol, wanted=None):
    """What each client got after each line: all that came, or as many replies as `wanted` says."""
    found = []
    with place.connect(timeout=5) as one, place.connect(timeout=5) as two, \
            place.connect(timeout=5) as three:
        conns = [one, two, three]
        for conn in conns[: 2 if protocol == 3 else 0]:
            conn.hello(3)
        for number, (who, _, words) in enumerate(rows_of(script, names)):
            conns[who - 1].send(command(*words))
            if wanted is None:
                first = [conns[who - 1].read_reply()]
                found.append([read_until_pong(conn) if conn is not conns[who - 1]
                              else first + read_quiet(conn, 0.01) for conn in conns])
            else:
                found.append([[conn.read_reply() for _ in replies]
                              for conn, replies in zip(conns, wanted[number])])
        if wanted is not None:
            assert [read_quiet(conn, 0.02) for conn in conns] == [[], [], []]
    return found


def comparable(mark, replies):
    if mark == "%":
        # The node counts the proxy's subscription, which goes a moment after its last client's.
        return [b":N\r\n" if reply[:1] == b":" else reply for reply in replies]
    if mark == "$":
        values = [typed(reply)[1] for reply in replies]
        return sorted(str(value[1]) for value in values), [value[2] for value in values]
    return replies


@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_script(place, redises, fresh, name, protocol):
    prefix = fresh()
    names = {word: prefix + word.encode() for word in "CDE"}
    names.update(P=prefix + b"[C-E]", K=prefix + b"K")
    wanted = play(redises[3], SCRIPTS[name], names, protocol)
    got = play(place, SCRIPTS[name], names, protocol, wanted)
    for (who, mark, words), ones, others in zip(rows_of(SCRIPTS[name], names), got, wanted):
        for one, other in zip(ones, others):
            assert comparable(mark, one) == comparable(mark, other), (who, words)


def test_the_texts(place, fresh):
    """Whoever answers, byte for byte."""
    channel = fresh()
    with place.connect() as conn, place.connect() as other:
        subscribe(conn, channel)
        assert conn.call("GET", "k") == (
            b"-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
            b"RESET are allowed in this context\r\n")
        assert conn.call("PING") == array(["pong", ""])
        assert conn.call("PING", "x") == array(["pong", "x"])
        assert other.call("PUBLISH", channel, "m") == integer(1)
        conn.expect(message(channel, "m"))
        assert conn.call("QUIT") == OK
        conn.expect_closed()
    with place.connect() as conn:
        conn.hello(3)
        conn.send(command("SUBSCRIBE", channel))
        conn.expect(b">3\r\n" + bulk("subscribe") + bulk(channel) + integer(1))
        assert conn.call("PING") == b"+PONG\r\n"
        assert conn.call("GET", channel) == b"_\r\n"
        conn.send(command("UNSUBSCRIBE"))
        conn.expect(b">3\r\n" + bulk("unsubscribe") + bulk(channel) + integer(0))


def test_in_one_write(place, redises, fresh):
    """Subscriptions among other commands of a pipeline answer in their places."""
    c, d, key = fresh(), fresh(), fresh()
    for protocol in (2, 3):
        sent = (command("SET", key, 1) + command("SUBSCRIBE", c, d) + command("PING")
                + command("GET", key) + command("UNSUBSCRIBE", c) + command("UNSUBSCRIBE", d)
                + command("GET", key) + command("PSUBSCRIBE", c) + command("PUNSUBSCRIBE")
                + command("MGET", key, c))
        both = []
        for one in (redises[3], place):
            with one.connect() as conn:
                if protocol == 3:
                    conn.hello(3)
                conn.send(sent)
                both.append([conn.read_reply() for _ in range(11)])
                conn.assert_empty()
        assert both[0] == both[1]


def test_any_bytes(place, fresh):
    every = bytes(range(256))
    channel = fresh() + every
    with place.connect() as conn, place.connect() as other:
        subscribe(conn, channel)
        for text in (b"", every, every * 4096, b"\r\n" * 70000):
            assert other.ask("PUBLISH", channel, text) == 1
            conn.expect(message(channel, text))


def test_a_client_of_resp3_goes_on_asking(place, fresh):
    """Its own replies stay in order among the messages."""
    channel, key = fresh(), fresh()
    with place.connect() as conn, place.connect() as other:
        conn.hello(3)
        conn.send(command("SUBSCRIBE", channel))
        conn.expect(b">3\r\n" + bulk("subscribe") + bulk(channel) + integer(1))

        def publish():
            other.pipeline([command("PUBLISH", channel, i) for i in range(1000)])

        thread = threading.Thread(target=publish)
        thread.start()
        replies, pushes = [], []
        for i in range(300):
            conn.send(command("INCR", key))
            while len(replies) <= i:
                got = conn.read_reply()
                (pushes if got[:1] == b">" else replies).append(got)
        thread.join()
        pushes += [conn.read_reply() for _ in range(1000 - len(pushes))]
        assert replies == [integer(i + 1) for i in range(300)]
        assert [typed(push)[1][2][1] for push in pushes] == [b"%d" % i for i in range(1000)]
        conn.assert_empty()


def test_a_publisher_that_listens_to_itself(place, fresh):
    channel = fresh()
    with place.connect() as conn:
        conn.hello(3)
        conn.send(command("SUBSCRIBE", channel))
        conn.expect(b">3\r\n" + bulk("subscribe") + bulk(channel) + integer(1))
        conn.send(command("PUBLISH", channel, "me"))
        got = {conn.read_reply(), conn.read_reply()}
        assert got == {integer(1), b">3\r\n" + bulk("message") + bulk(channel) + bulk("me")}
        conn.assert_empty()


@pytest.mark.parametrize("count", [1, 4])
def test_the_order_of_each_publisher_is_kept(place, fresh, count):
    channels = [fresh() for _ in range(count)]

    def publish(number):
        with place.connect() as conn:
            for start in range(0, 400, 50):
                conn.pipeline([command("PUBLISH", channels[i % count], b"%d %d" % (number, i))
                               for i in range(start, start + 50)])

    with place.connect() as conn:
        subscribe(conn, *channels)
        threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        seen = {}
        for _ in range(1600):
            _, channel, text = wire.decode(conn.read_reply())
            number, i = text.split()
            seen.setdefault((number, channel), []).append(int(i))
        for thread in threads:
            thread.join()
    for (_, channel), numbers in seen.items():
        assert numbers == list(range(channels.index(channel), 400, count))


# -- the proxy and its nodes ----------------------------------------------------------------------


@pytest.fixture
def channels(ring, fresh):
    """One on each shard."""
    prefix = fresh()
    return [ring.key(name, prefix) for name in ring.names]


def test_many_clients_are_one_subscription(redis_proxy, redises, channels):
    conns = [subscribe(redis_proxy.connect(), *channels) for _ in range(200)]
    for node, channel in zip(redises, channels):
        assert numsub(node, channel) == 1
    with redis_proxy.connect() as other:
        for i in range(20):
            for channel in channels:
                assert other.call("PUBLISH", channel, i) == integer(1)
    for conn in conns:
        got = [wire.decode(conn.read_reply()) for _ in range(60)]
        for channel in channels:
            assert [int(text) for _, name, text in got if name == channel] == list(range(20))
    for conn in conns[1:]:
        conn.close()
    with redis_proxy.connect() as other:
        assert other.call("PUBLISH", channels[0], "last") == integer(1)
    conns[0].expect(message(channels[0], "last"))
    conns[0].close()
    for node, channel in zip(redises, channels):
        wait_numsub(node, channel, 0)


def test_workers_subscribe_each(make_proxy, redises, channels):
    proxy = make_proxy(slipring.pool("redis", redises[:3]), workers=2)
    conns = [subscribe(proxy.connect(), channels[0]) for _ in range(10)]
    assert numsub(redises[0], channels[0]) in (1, 2)
    with redises[0].connect() as other:
        other.call("PUBLISH", channels[0], "m")
    for conn in conns:
        conn.expect(message(channels[0], "m"))
        conn.close()
    wait_numsub(redises[0], channels[0], 0)


LEAVE = {
    "close": lambda conn: conn.close(),
    "abort": lambda conn: conn.reset(),
    "half_close": lambda conn: conn.half_close(),
    "unsubscribe": lambda conn: conn.call("UNSUBSCRIBE"),
    "reset": lambda conn: conn.call("RESET"),
    "quit": lambda conn: conn.call("QUIT"),
    "bad_bytes": lambda conn: conn.send(b"*1\r\n+PING\r\n"),
}


@pytest.mark.parametrize("how", LEAVE)
def test_the_last_to_leave_ends_the_subscription(redis_proxy, redises, channels, how):
    with redis_proxy.connect() as one, redis_proxy.connect() as two:
        subscribe(one, channels[1])
        subscribe(two, channels[1])
        LEAVE[how](one)
        time.sleep(0.05)
        assert numsub(redises[1], channels[1]) == 1
        LEAVE[how](two)
        wait_numsub(redises[1], channels[1], 0)


def test_messages_of_those_who_speak_to_the_node(redis_proxy, redises, channels):
    with redis_proxy.connect() as conn:
        subscribe(conn, *channels)
        for node, channel in zip(redises, channels):
            with node.connect() as other:
                assert other.call("PUBLISH", channel, "direct") == integer(1)
            conn.expect(message(channel, "direct"))
        assert conn.is_silent(0.05)


def test_patterns_are_on_every_shard(redis_proxy, redises, channels):
    pattern = channels[0].split(b":")[0] + b":*"
    with redis_proxy.connect() as one, redis_proxy.connect() as two:
        subscribe(one, pattern, name="PSUBSCRIBE")
        subscribe(two, pattern, name="PSUBSCRIBE")
        for node, channel in zip(redises, channels):
            with node.connect() as other:
                assert other.ask("PUBSUB", "NUMPAT") == 1
            with redis_proxy.connect() as other:
                assert other.call("PUBLISH", channel, "m") == integer(1)
            for conn in (one, two):
                conn.expect(array(["pmessage", pattern, channel, "m"]))
        assert one.is_silent(0.05)
        assert one.call("PUNSUBSCRIBE") == array(["punsubscribe", pattern, 0])
        assert two.call("PUNSUBSCRIBE") == array(["punsubscribe", pattern, 0])
    for node in redises[:3]:
        with node.connect() as other:
            wait_until(lambda conn=other: conn.ask("PUBSUB", "NUMPAT") == 0, "no pattern")


def test_shard_channels(redis_proxy, redises, channels):
    with redis_proxy.connect() as one, redis_proxy.connect() as two:
        for conn in (one, two):
            subscribe(conn, channels[2], name="SSUBSCRIBE")
        assert numsub(redises[2], channels[2], "SHARDNUMSUB") == 1
        with redis_proxy.connect() as other:
            assert other.call("SPUBLISH", channels[2], "m") == integer(1)
            assert other.call("PUBLISH", channels[2], "m") == integer(0)
        for conn in (one, two):
            conn.expect(array(["smessage", channels[2], "m"]))
    wait_numsub(redises[2], channels[2], 0, "SHARDNUMSUB")


def test_what_pubsub_tells(redis_proxy, channels):
    pattern = channels[0].split(b":")[0] + b":*"
    with redis_proxy.connect() as conn, redis_proxy.connect() as other:
        assert other.call("PUBSUB", "CHANNELS", pattern) == array([])
        subscribe(conn, *channels)
        assert sorted(other.ask("PUBSUB", "CHANNELS", pattern)) == sorted(channels)
        reply = other.ask("PUBSUB", "NUMSUB", channels[0], "nobody", channels[1])
        assert reply[::2] == [channels[0], b"nobody", channels[1]]
        assert reply[1] > 0 and reply[3] == 0 and reply[5] > 0
        assert other.call("PUBSUB", "NUMSUB") == array([])


def test_coming_and_going(redis_proxy, redises, channels):
    """While one listens all the time, others come and go in every order; nothing is lost."""
    stop, wrong = threading.Event(), []

    def flit(number):
        try:
            while not stop.is_set():
                with redis_proxy.connect() as conn:
                    conn.send(command("SUBSCRIBE", *channels[: number % 3 + 1]))
                    if number % 2:
                        conn.send(command("UNSUBSCRIBE") + command("SUBSCRIBE", channels[0]))
                        conn.read_reply()
                time.sleep(0.001)  # or a busy proxy is left with more clients than it may have
        except Exception as err:  # pylint: disable=broad-except
            wrong.append(repr(err))

    threads = [threading.Thread(target=flit, args=(number,)) for number in range(4)]
    with redis_proxy.connect() as conn, redis_proxy.connect() as other:
        subscribe(conn, channels[0])
        for thread in threads:
            thread.start()
        for i in range(100 if slipring.is_sanitized() else 500):
            assert other.ask("PUBLISH", channels[0], i) == 1
            conn.expect(message(channels[0], b"%d" % i))
        stop.set()
        for thread in threads:
            thread.join()
        assert conn.is_silent(0.05)
    assert not wrong, wrong
    for node, channel in zip(redises, channels):
        wait_numsub(node, channel, 0)


def test_longer_than_requests_may_take(make_proxy, redises, channels):
    proxy = make_proxy(slipring.pool("redis", redises[:3],
                                     timeouts={"connect": "200ms", "request": "200ms"}))
    with proxy.connect() as conn, proxy.connect() as other:
        subscribe(conn, *channels)
        time.sleep(0.7)
        for channel in channels:
            assert other.call("PUBLISH", channel, "m") == integer(1)
            conn.expect(message(channel, "m"))


# -- what fails -----------------------------------------------------------------------------------


@pytest.fixture
def own(make_proxy, own_servers):
    """A proxy and its own three nodes."""
    nodes = own_servers(servers.Redis, 3)
    proxy = make_proxy(slipring.pool("redis", nodes, timeouts={"connect": "200ms", "request": "1s"},
                                     limits={"output": "1m"}))
    return proxy, nodes


def test_after_a_node_was_away_all_is_subscribed_again(own, channels):
    proxy, nodes = own
    pattern = channels[0].split(b":")[0] + b":*"
    with proxy.connect() as one, proxy.connect() as two, proxy.connect() as three, \
            proxy.connect() as four:
        subscribe(one, *channels)
        subscribe(two, channels[0])
        subscribe(three, pattern, name="PSUBSCRIBE")
        subscribe(four, channels[0], name="SSUBSCRIBE")
        for _ in range(2):
            nodes[0].kill()
            with proxy.connect() as other:  # the other shards' go on
                assert other.call("PUBLISH", channels[1], "m") == integer(2)
            one.expect(message(channels[1], "m"))
            three.expect(array(["pmessage", pattern, channels[1], "m"]))
            nodes[0].start()
            wait_numsub(nodes[0], channels[0], 1)
            wait_numsub(nodes[0], channels[0], 1, "SHARDNUMSUB")
            with nodes[0].connect() as other:
                wait_until(lambda conn=other: conn.ask("PUBSUB", "NUMPAT") == 1, "the pattern")
                assert other.call("PUBLISH", channels[0], "back") == integer(2)
                assert other.call("SPUBLISH", channels[0], "back") == integer(1)
            one.expect(message(channels[0], "back"))
            two.expect(message(channels[0], "back"))
            three.expect(array(["pmessage", pattern, channels[0], "back"]))
            four.expect(array(["smessage", channels[0], "back"]))
        for conn in (one, two, three, four):
            assert conn.is_silent(0.05), conn.buffer
        assert two.call("UNSUBSCRIBE") == array(["unsubscribe", channels[0], 0])
        assert two.call("GET", channels[1]) == bulk(None)


def test_who_subscribes_while_the_node_is_away(own, channels):
    """Is told so, or is subscribed once it is back."""
    proxy, nodes = own
    nodes[0].kill()
    with proxy.connect() as conn:
        conn.send(command("SUBSCRIBE", channels[0]))
        reply = conn.read_reply()
        nodes[0].start()
        if reply.startswith(b"-"):
            assert reply.startswith(b"-ERR slipring: shard a: "), reply
            wait_until(lambda: conn.call("SUBSCRIBE", channels[0])[:1] == b"*", "the node")
        else:
            assert reply == array(["subscribe", channels[0], 1])
        wait_numsub(nodes[0], channels[0], 1)
        with nodes[0].connect() as other:
            other.call("PUBLISH", channels[0], "m")
        conn.expect(message(channels[0], "m"))


def test_a_slow_subscriber_is_closed_and_others_go_on(own, channels):
    proxy, nodes = own
    text, count = b"x" * 100_000, 150
    with proxy.connect(rcvbuf=4096) as slow, proxy.connect() as fast, proxy.connect() as other:
        subscribe(slow, channels[0])
        subscribe(fast, channels[0])
        for i in range(count):
            assert other.ask("PUBLISH", channels[0], b"%d:" % i + text) == 1
            fast.expect(message(channels[0], b"%d:" % i + text))
        left = slow.read_to_end()
        assert len(left) < count * len(text)
        assert proxy.memory() < 64 * MIB or slipring.is_sanitized()
        other.call("PUBLISH", channels[0], "end")
        fast.expect(message(channels[0], "end"))
    wait_numsub(nodes[0], channels[0], 0)


def test_memory_stays_while_many_come_and_go(own, channels):
    proxy, nodes = own

    def some(count):
        for i in range(count):
            with proxy.connect() as conn:
                subscribe(conn, channels[0], b"%s-%d" % (channels[1], i))

    some(200)
    before = proxy.memory()
    some(1000)
    assert proxy.memory() < before + 4 * MIB or slipring.is_sanitized()
    wait_numsub(nodes[0], channels[0], 0)
    for node in nodes:
        with node.connect() as conn:
            wait_until(lambda conn=conn: conn.ask("PUBSUB", "CHANNELS") == [], "no channels")


def test_who_listens_does_not_keep_the_proxy_from_leaving(make_proxy, redises, channels):
    proxy = make_proxy(slipring.pool("redis", redises[:3]), shutdown_grace="500ms")
    with proxy.connect() as conn:
        subscribe(conn, *channels)
        begun = time.monotonic()
        proxy.stop()
        assert time.monotonic() - begun < 5
        conn.expect_closed()
    for node, channel in zip(redises, channels):
        wait_numsub(node, channel, 0)
