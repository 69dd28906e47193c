"""Mixed load for minutes while nodes are killed and restarted; run by hand with -m soak.

SOAK_SECONDS says how long (600). The figures are printed: run with -s to see them.
"""

import os
import random
import threading
import time

import pytest

import servers
import slipring
import wire
from wire import OK, bulk, command, wait_until

SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))
CLIENTS = 6
MIB = 1 << 20
NO_NUMBER = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"


class Load:
    """What all clients found together."""

    def __init__(self):
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.replies = self.errors = 0
        self.wrong = []

    def add(self, replies, errors):
        with self.lock:
            self.replies += replies
            self.errors += errors

    def fail(self, text):
        with self.lock:
            self.wrong.append(text)


def is_named(reply):
    return reply.startswith((b"-ERR slipring: shard ", b"SERVER_ERROR slipring: shard "))


def redis_round(conn, rng, keys, load):
    """One pipeline; every value that comes back is its key's own."""
    commands, checks = [], []
    for _ in range(rng.choice([1, 1, 5, 40])):
        key = rng.choice(keys)
        sizes = [0, 10, 1000, 30_000] + [200_000] * (rng.random() < 0.1)
        value = key + b"=" + b"v" * rng.choice(sizes)
        kind = rng.randrange(5)
        if kind == 0:
            commands.append(command("SET", key, value))
            checks.append(lambda r: r == OK)
        elif kind <= 2:
            commands.append(command("GET", key))
            checks.append(lambda r, k=key: r == bulk(None) or k + b"=" in r)
        elif kind == 3:
            some = rng.sample(keys, 6)
            commands.append(command("MGET", *some))
            checks.append(lambda r, s=some: mget_is_right(r, s))
        else:
            commands.append(command("DEL", *rng.sample(keys, 3)))
            checks.append(lambda r: r[:1] == b":")
    replies = conn.pipeline(commands)
    errors = 0
    for sent, reply, check in zip(commands, replies, checks):
        if is_named(reply):
            errors += 1
        elif not check(reply):
            load.fail(f"{sent[:100]!r}: {reply[:200]!r}")
    load.add(len(replies), errors)


def mget_is_right(reply, keys):
    values = wire.decode(reply)
    if not isinstance(values, list) or len(values) != len(keys):
        return False
    return all(
        value is None
        or (isinstance(value, wire.ErrorReply) and "slipring: shard " in value.args[0])
        or (isinstance(value, bytes) and value.startswith(key + b"="))
        for key, value in zip(keys, values))


def mc_round(conn, rng, keys, load):
    errors = 0
    key = rng.choice(keys)
    value = key + b"=" + b"v" * rng.choice([0, 10, 1000, 30_000])
    replies = [conn.set(key, value, flags=7), conn.call(b"get " + key),
               conn.call(b"get " + b" ".join(rng.sample(keys, 8))), conn.call(b"incr %s 1" % key)]
    conn.send(b"set %s 0 0 1 noreply\r\nx\r\ndelete %s noreply\r\n" % (key, key))
    for reply in replies:
        blocks, last = wire.value_blocks(reply)
        for block in blocks:
            name = block.split()[1]
            if name not in keys or name + b"=" not in block:
                load.fail(f"{block[:200]!r}")
        if is_named(last):
            errors += 1
        elif last not in (b"END\r\n", b"STORED\r\n", b"NOT_FOUND\r\n", NO_NUMBER):
            load.fail(f"{last[:200]!r}")
    load.add(len(replies), errors)


def transaction_round(conn, rng, keys, load):
    """Two counters of one shard that only transactions touch are alike, whatever is lost."""
    shard = rng.choice("abc")
    one, other = RING.keys(shard, 2, keys[0])
    commands = [command("MULTI"), command("INCR", one), command("PING"), command("INCR", other)]
    commands = [command("WATCH", one)] * (rng.random() < 0.5) + commands
    end = rng.choice(["EXEC", "EXEC", "EXEC", "DISCARD", "RESET"])
    replies = conn.pipeline(commands + [command(end), command("GET", one + b"-never")])
    errors = sum(reply[:1] == b"-" for reply in replies)
    value = wire.decode(replies[-2])
    if end == "EXEC" and errors == 0 and value is not None and value[0] != value[2]:
        load.fail(f"half a transaction: {value}")
    for reply in replies:
        if reply[:1] == b"-" and not is_named(reply) and not reply.startswith(b"-EXECABORT "):
            load.fail(f"{end}: {reply[:200]!r}")
    if replies[-1] != bulk(None) and not is_named(replies[-1]):
        load.fail(f"behind {end}: {replies[-1][:200]!r}")
    load.add(len(replies), errors)


def blocking_round(conn, rng, keys, load):
    """One waits; what comes is its own, or nothing where a node lost it."""
    key = b"%s-%x" % (keys[0], rng.randrange(1 << 60))
    with wire.RespConnection(conn.sock.getpeername()) as pusher:
        conn.send(command("BLPOP", key, 2) + command("GET", key))
        time.sleep(rng.choice([0, 0, 0.01]))
        pushed = pusher.call("RPUSH", key, b"=" + key)
        replies = [conn.read_reply(), conn.read_reply()]
    errors = sum(is_named(reply) for reply in replies + [pushed])
    if replies[0] not in (wire.array([key, b"=" + key]), b"*-1\r\n") and not is_named(replies[0]):
        load.fail(f"BLPOP: {replies[0][:200]!r}")
    if replies[1] != bulk(None) and not is_named(replies[1]):
        # What was pushed after the wait had ended is a list that is still there.
        if not replies[1].startswith(b"-WRONGTYPE "):
            load.fail(f"behind BLPOP: {replies[1][:200]!r}")
    load.add(3, errors)


def run_publisher(proxy, load):
    """Messages, each with its number; one that a node lost is lost."""
    number = 0
    try:
        with proxy.connect("sessions") as conn:
            while not load.stop.wait(0.005):
                number += 1
                reply = conn.call("PUBLISH", CHANNELS[number % 3], number)
                if reply[:1] != b":" and not is_named(reply):
                    load.fail(f"PUBLISH: {reply[:200]!r}")
                load.add(1, is_named(reply))
    except Exception as err:  # pylint: disable=broad-except
        load.fail(f"publisher: {err!r}")


def run_subscriber(proxy, protocol, load):
    """Each message once, in order, of a channel that was asked for."""
    rng = random.Random(protocol)
    try:
        while not load.stop.is_set():
            with proxy.connect("sessions") as conn:
                if protocol == 3:
                    conn.hello(3)
                if rng.random() < 0.5:
                    wanted, name = CHANNELS[: rng.choice([1, 3])], "SUBSCRIBE"
                else:
                    wanted, name = [b"soak:*"], "PSUBSCRIBE"
                conn.send(command(name, *wanted))
                listen(conn, wanted, time.monotonic() + rng.uniform(0.1, 20), load)
    except Exception as err:  # pylint: disable=broad-except
        load.fail(f"subscriber: {err!r}")


def listen(conn, wanted, end, load):
    last = dict.fromkeys(CHANNELS, 0)
    while time.monotonic() < end and not load.stop.is_set():
        if conn.is_silent(0.2):
            continue
        reply = conn.read_reply()
        if is_named(reply):
            load.add(1, 1)
            return
        parts = [part[1] for part in wire.typed(reply)[1]]
        if parts[0] in (b"subscribe", b"psubscribe"):
            continue
        channel, number = parts[-2], int(parts[-1])
        if channel not in CHANNELS or (parts[0] == b"message" and channel not in wanted):
            load.fail(f"a message of {channel!r}")
        elif number <= last[channel]:
            load.fail(f"{channel!r}: {number} after {last[channel]}")
        last[channel] = number
        load.add(1, 0)


RING = wire.Ring(["a", "b", "c"])
CHANNELS = [b"soak:%s" % RING.key(name) for name in "abc"]
ROUNDS = {"pages": [mc_round],
          "sessions": [redis_round, redis_round, redis_round, transaction_round, blocking_round]}


def run_client(proxy, name, number, load):
    rng = random.Random(number)
    keys = [b"soak-%d-%d" % (number, i) for i in range(40)]
    try:
        while not load.stop.is_set():
            with proxy.connect(name) as conn:
                for _ in range(rng.choice([1, 50, 1000])):
                    if load.stop.is_set():
                        break
                    rng.choice(ROUNDS[name])(conn, rng, keys, load)
                if rng.random() < 0.2:  # leave rudely
                    conn.send(command("GET", keys[0])[:9])
                    conn.reset()
    except Exception as err:  # pylint: disable=broad-except
        load.fail(f"client {number} of {name}: {err!r}")


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 300)
def test_soak(own_servers, make_proxy):
    pages = own_servers(servers.Memcached, 3)
    sessions = own_servers(servers.Redis, 3)
    quick = {"connect": "300ms", "request": "1s"}
    proxy = make_proxy({
        "pages": slipring.pool("memcached", pages, timeouts=quick),
        "sessions": slipring.pool("redis", sessions, timeouts=quick),
    }, workers=2)
    load = Load()
    threads = [
        threading.Thread(target=run_client, args=(proxy, name, i, load))
        for i in range(CLIENTS) for name in ("pages", "sessions")
    ]
    threads += [threading.Thread(target=run_subscriber, args=(proxy, protocol, load))
                for protocol in (2, 3, 2, 3)]
    threads.append(threading.Thread(target=run_publisher, args=(proxy, load)))
    for thread in threads:
        thread.start()
    rng, memory = random.Random(1), []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and not load.wrong:
        proxy.alive()
        node = rng.choice(pages + sessions)
        if rng.random() < 0.5:
            node.kill()
            time.sleep(rng.uniform(0.1, 2))
            node.start()
        else:
            node.pause()
            time.sleep(rng.uniform(0.1, 2))
            node.resume()
        time.sleep(rng.uniform(0.5, 3))
        memory.append(proxy.memory())
    load.stop.set()
    for thread in threads:
        thread.join()
    print(f"\n{load.replies} replies, {load.errors} named errors; private memory "
          f"{[round(m / MIB, 1) for m in memory[:: max(1, len(memory) // 20)]]} MiB")
    assert not load.wrong, load.wrong[:5]
    assert load.replies > SECONDS * 20
    check_flat(memory)
    for name in ("pages", "sessions"):
        wait_until(lambda n=name: all_shards_answer(proxy, n), f"all shards of {name}")
    for node in sessions:
        wait_until(lambda n=node: nothing_is_held(n), "no transaction, wait or subscription left")


def check_flat(memory):
    """The last quarter is no higher than the second by more than a tenth and 8 MiB."""
    if len(memory) < 12 or slipring.is_sanitized():
        return
    quarter = len(memory) // 4
    early, late = sorted(memory[quarter : 2 * quarter]), sorted(memory[-quarter:])
    assert late[len(late) // 2] <= early[len(early) // 2] * 1.1 + 8 * MIB, (early, late)


def nothing_is_held(node):
    with node.connect() as conn:
        rows = conn.ask("CLIENT", "LIST").decode().splitlines()
        fields = [dict(part.split("=", 1) for part in row.split(" ")) for row in rows]
        held = [row for row in fields if row["multi"] != "-1" or "b" in row["flags"]]
        return not held and conn.ask("PUBSUB", "CHANNELS") == [] and (
            conn.ask("PUBSUB", "NUMPAT") == 0)


def all_shards_answer(proxy, name):
    with proxy.connect(name) as conn:
        replies = [conn.call(b"get " + RING.key(s)) if name == "pages"
                   else conn.call("GET", RING.key(s)) for s in "abc"]
    return not any(is_named(reply) for reply in replies)
