"""Transactions, watched keys and blocking commands, whose connections are their clients' own, while the
slots of a Redis Cluster move and primaries become replicas: real nodes, and clients that notice nothing.
"""

import threading
import time

import pytest

import fleet
import slipring
import wire
from wire import OK, array, command, wait_until

HOLD = {"time": "30s", "requests": 10000}
SETTINGS = {"hold": HOLD, "timeouts": {"connect": "300ms", "request": "5s"}}
HEALTH = {"every": "100ms", "timeout": "500ms", "fall": 2, "rise": 2}


@pytest.fixture
def cluster(own_servers):
    return own_servers(fleet.RedisCluster, 1)[0]


@pytest.fixture
def slots_move(cluster, make_proxy):
    """(A proxy of a cluster, a hash tag, a function that moves the tag's slot to another master and back)."""
    pool = slipring.pool("redis", [], discover={"cluster": cluster.names}, health=HEALTH, **SETTINGS)
    del pool["shards"]
    source, target = cluster.masters()[:2]
    slots = cluster.rows()[source][2]
    tag = next(b"{%d}" % i for i in range(100_000) if fleet.slot_of(b"%d" % i) in slots)
    slot = fleet.slot_of(tag)

    def move(pause):
        for here, there in ((source, target), (target, source)):
            cluster.begin_move(slot, here, there)
            pause()
            while cluster.move_keys(slot, here, there, 1):
                pass  # a command of keys here and there waits
            pause()
            cluster.end_move(slot, there)
            pause()

    return make_proxy(pool), tag, move


@pytest.fixture
def roles_change(own_servers, make_proxy):
    """The same of a primary and a replica, which change places."""
    nodes, = own_servers(fleet.ReplicaSet, 1, replicas=1)
    first, second = nodes.nodes
    pool = slipring.pool("redis", [], health=HEALTH, **SETTINGS)
    pool["shards"] = [{"name": "a", "primary": first.name, "replicas": [second.name]}]

    def move(pause):
        nodes.failover(1)
        pause()
        nodes.failover(0)
        pause()

    return make_proxy(pool), b"{t}", move


@pytest.fixture(params=["slots_move", "roles_change"])
def moving(request):
    return request.getfixturevalue(request.param)


class Worker(threading.Thread):
    """Does one thing again and again on a connection of its own; the first error ends it, and is kept."""

    def __init__(self, proxy, turn):
        super().__init__(daemon=True)
        self.proxy, self.turn = proxy, turn
        self.stopping, self.turns, self.error = threading.Event(), 0, None
        self.start()

    def run(self):
        try:
            with self.proxy.connect(timeout=40) as conn:
                while not self.stopping.is_set():
                    self.turn(conn)
                    self.turns += 1
        except Exception as err:  # pylint: disable=broad-except
            self.error = err

    def wait_more(self, turns):
        wanted = self.turns + turns
        wait_until(lambda: self.turns >= wanted or self.error, f"{turns} more turns", 60)
        assert self.error is None, repr(self.error)

    def end(self):
        self.stopping.set()
        self.join(60)
        assert not self.is_alive() and self.error is None, repr(self.error)


def move_under(move, *workers, rounds=3):
    def pause():
        for worker in workers:
            worker.wait_more(3)

    pause()  # a command of several keys that are not there yet waits for a slot to have moved
    for _ in range(rounds):
        move(pause)
    for worker in workers:
        worker.end()


def count(proxy, key):
    with proxy.connect() as conn:
        return int(conn.ask("GET", key))


@pytest.mark.timeout(120)
def test_transactions(moving):
    """Pipelined and one command at a time: each EXEC that was answered has run, once, and whole."""
    proxy, tag, move = moving
    one, two = tag + b"one", tag + b"two"

    def in_one_write(conn):
        got = conn.pipeline([command("MULTI"), command("INCR", one), command("INCR", one + b"x"),
                             command("EXEC")])
        assert got[:3] == [OK, b"+QUEUED\r\n", b"+QUEUED\r\n"], got
        assert got[3].startswith(b"*2\r\n"), got
        first, second = wire.decode(got[3])
        assert first == second, got

    def one_at_a_time(conn):
        assert conn.call("MULTI") == OK
        assert conn.call("INCR", two) == b"+QUEUED\r\n"
        assert conn.call("SET", two + b"x", "v" * 100) == b"+QUEUED\r\n"
        assert conn.call("INCR", two + b"y") == b"+QUEUED\r\n"
        got = conn.call("EXEC")
        assert got.startswith(b"*3\r\n"), got
        first, done, second = wire.decode(got)
        assert (first, done) == (second, b"OK"), got

    workers = [Worker(proxy, in_one_write), Worker(proxy, one_at_a_time)]
    move_under(move, *workers)
    assert [count(proxy, one), count(proxy, two)] == [worker.turns for worker in workers]


@pytest.mark.timeout(120)
def test_watched_keys(moving):
    """Two clients add to one number, each by reading it first: none is lost, wherever the key is."""
    proxy, tag, move = moving
    key = tag + b"number"

    def add(conn):
        while True:
            assert conn.call("WATCH", key) == OK
            number = int(conn.ask("GET", key) or 0)
            got = conn.pipeline([command("MULTI"), command("SET", key, number + 1), command("EXEC")])
            assert got[:2] == [OK, b"+QUEUED\r\n"], got
            if got[2] == b"*1\r\n" + OK:
                return
            assert got[2] == b"*-1\r\n", got

    workers = [Worker(proxy, add), Worker(proxy, add)]
    move_under(move, *workers)
    assert count(proxy, key) == sum(worker.turns for worker in workers)


@pytest.mark.timeout(120)
def test_a_queue(moving):
    """What is pushed is popped by one who waits for it: all of it, once, and in its order."""
    proxy, tag, move = moving
    key, pushed, popped = tag + b"queue", [0], []

    def push(conn):
        assert conn.ask("RPUSH", key, pushed[0] + 1) >= 1
        pushed[0] += 1
        time.sleep(0.005)

    def pop(conn):
        got = conn.ask("BLPOP", key, 1)
        if got is not None:
            popped.append(int(got[1]))

    pusher, popper = Worker(proxy, push), Worker(proxy, pop)
    move_under(move, pusher)
    wait_until(lambda: len(popped) >= pushed[0] or popper.error, "the rest to be popped")
    popper.end()
    assert popped == list(range(1, pushed[0] + 1))


def test_one_who_waits_while_its_slot_moves(slots_move):
    """Its node tells it of the move, which is nothing to the client."""
    proxy, tag, move = slots_move
    key = tag + b"empty"
    with proxy.connect() as waits, proxy.connect() as other:
        waits.send(command("BLPOP", key, 0))
        move(lambda: time.sleep(0.2))
        assert waits.is_silent(0.2)
        assert other.call("RPUSH", key, "v") == b":1\r\n"
        waits.expect(array([key, "v"]))
        waits.assert_empty()
