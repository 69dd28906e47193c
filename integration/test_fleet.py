"""The tests of the tests: fleets do what their names say, and a load sees what it is to see."""

import collections
import os
import time

import pytest

import fleet
import load
import servers
from wire import wait_until

RATE = 2000


def no_process_is_left(nodes):
    return not any(node.process for node in nodes)


# -- names ----------------------------------------------------------------------------------------


@pytest.fixture
def names(own_servers):
    return own_servers(fleet.Dnsmasq, 1)[0]


def values(answer):
    assert answer[0] == "NOERROR", answer
    return sorted(row[3] for row in answer[1])


def test_addresses_and_their_ttl(names):
    names.set("a.test", ["127.0.0.1", "127.0.0.3", "::1"], ttl=7)
    names.set("b.test", "127.0.0.2")
    assert values(names.ask("a.test")) == ["127.0.0.1", "127.0.0.3"]
    assert names.ask("a.test", "AAAA") == ("NOERROR", [("a.test", "AAAA", 7, "::1")])
    assert {row[2] for row in names.ask("a.test")[1]} == {7}
    assert names.ask("b.test") == ("NOERROR", [("b.test", "A", 1, "127.0.0.2")])
    assert names.ask("b.test", "AAAA") == ("NOERROR", [])


@pytest.mark.parametrize("ttl", [0, 1, 3600])
def test_a_record_moves_at_once(names, ttl):
    for i in range(1, 6):
        names.set("a.test", f"127.0.0.{i}", ttl)
        assert names.ask("a.test") == ("NOERROR", [("a.test", "A", ttl, f"127.0.0.{i}")])


def test_aliases_and_services(names):
    names.set("a.test", "127.0.0.1", ttl=3)
    names.alias("c.test", "a.test", ttl=9)
    assert names.ask("c.test") == ("NOERROR", [("c.test", "CNAME", 9, "a.test"),
                                               ("a.test", "A", 3, "127.0.0.1")])
    names.serve("_redis._tcp.test", [("a.test", 6379), ("c.test", 6380, 5, 10)])
    assert values(names.ask("_redis._tcp.test", "SRV")) == [
        (0, 0, 6379, "a.test"), (5, 10, 6380, "c.test")]


def test_what_is_forgotten_does_not_exist(names):
    names.set("a.test", "127.0.0.1")
    names.forget("a.test")
    assert names.ask("a.test") == ("NXDOMAIN", [])
    assert names.ask("elsewhere.example")[0] == "REFUSED"


def test_an_outage_of_names(names):
    names.set("a.test", "127.0.0.1")
    names.kill()
    with pytest.raises(OSError):
        names.ask("a.test", seconds=0.3)
    names.start()
    assert values(names.ask("a.test")) == ["127.0.0.1"]
    names.pause()
    with pytest.raises(OSError):
        names.ask("a.test", seconds=0.3)
    names.resume()


# -- a primary and its replicas -------------------------------------------------------------------


def test_nodes_of_one_port(own_servers):
    group, = own_servers(fleet.ReplicaSet, 1, replicas=2, one_port=True)
    assert len({node.port for node in group.nodes}) == 1
    assert [node.host for node in group.nodes] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert group.roles() == ["master", "slave", "slave"]
    group.primary.ask("SET", "k", "v")
    group.wait_synced()
    assert [node.ask("GET", "k") for node in group.nodes] == [b"v"] * 3


def test_memcached_on_hosts_of_one_port(own_servers):
    some = fleet.hosts(2)
    port = servers.free_port(some)
    nodes = [own_servers(servers.Memcached, 1, port=port, host=host)[0] for host in some]
    for node in nodes:
        with node.connect() as conn:
            assert conn.set(b"k", node.host.encode()) == b"STORED\r\n"
    for node in nodes:
        with node.connect() as conn:
            assert conn.get(b"k")[0][b"k"][1] == node.host.encode()


def test_failover_loses_nothing(own_servers):
    group, = own_servers(fleet.ReplicaSet, 1, replicas=2)
    for turn in (1, 2, 0):
        group.primary.ask("INCR", "n")
        group.failover(turn)
        assert [role == "master" for role in group.roles()] == [i == turn for i in range(3)]
        old = group.nodes[turn - 1]
        assert "READONLY" in str(old.ask("INCR", "n"))
        group.wait_synced()
    assert group.primary.ask("GET", "n") == b"3"


def test_two_primaries(own_servers):
    """promote() as an operator who forgets the old one, and demote() as one who remembers."""
    group, = own_servers(fleet.ReplicaSet, 1)
    group.promote(1)
    assert group.roles() == ["master", "master"]
    assert group.find_primary() is None
    group.demote(0)
    group.wait_synced()
    assert group.roles() == ["slave", "master"]
    assert group.find_primary() is group.nodes[1]


def test_a_crash_keeps_what_was_acknowledged(own_servers):
    group, = own_servers(fleet.ReplicaSet, 1)
    with group.primary.connect() as conn:
        for _ in range(200):
            last = conn.ask("INCR", "n")
        group.crash()
    assert group.nodes[1].ask("GET", "n") == b"%d" % last
    assert group.roles() == [None, "slave"]


# -- Sentinels ------------------------------------------------------------------------------------


def test_sentinels_promote(own_servers):
    group, = own_servers(fleet.ReplicaSet, 1, replicas=2)
    watch, = own_servers(fleet.Sentinels, 1, sets={"one": group})
    first = group.primary
    assert {node.primary("one") for node in watch.nodes} == {first.address}
    group.primary.ask("SET", "k", "v")
    group.crash()
    new = wait_until(group.find_primary, "a new primary", 30)
    watch.wait_primary("one", new.address)
    assert new is not first and new.ask("GET", "k") == b"v"
    first.start()  # it says that it is the primary, until it is told otherwise
    wait_until(lambda: first.role() == "slave", "the old one to be told", 30)


def test_a_sentinel_that_lies(own_servers):
    group, = own_servers(fleet.ReplicaSet, 1)
    watch, = own_servers(fleet.Sentinels, 1, sets={"one": group})
    elsewhere = (servers.LOOPBACK, servers.free_port())
    watch.nodes[0].lie("one", elsewhere)
    assert [node.primary("one") for node in watch.nodes] == [
        elsewhere, group.primary.address, group.primary.address]


# -- Redis Cluster --------------------------------------------------------------------------------


@pytest.fixture
def cluster(own_servers):
    return own_servers(fleet.RedisCluster, 1)[0]


def test_a_cluster_of_six(cluster):
    masters = cluster.masters()
    assert len(masters) == 3
    assert all(len(cluster.replicas_of(node)) == 1 for node in masters)
    for key in (b"a", b"{tag}x", b"{}x", b"x{tag", b"{a}{b}"):
        assert masters[0].ask("CLUSTER", "KEYSLOT", key) == fleet.slot_of(key)
    assert cluster.read("SET", "k", "v", key="k") == b"OK"
    assert cluster.read("GET", "k", key="k") == b"v"
    wrong = next(node for node in masters if node is not cluster.owner(fleet.slot_of("k")))
    assert str(wrong.ask("GET", "k")).startswith("MOVED ")


def test_reshard_by_redis_cli(cluster):
    first, second, _ = cluster.masters()
    slots = cluster.rows()[first][2]
    for i in range(300):
        cluster.read("SET", i, i, key=str(i))
    cluster.reshard(first, second, 100)
    cluster.wait_ok()
    moved = slots - cluster.rows()[first][2]
    assert len(moved) == 100 and moved <= cluster.rows()[second][2]
    assert all(cluster.read("GET", i, key=str(i)) == b"%d" % i for i in range(300))


def test_a_slot_by_hand(cluster):
    """ASK for what has gone, an answer for what has not, and MOVED in the end."""
    slot = fleet.slot_of("{k}")
    source = cluster.owner(slot)
    target = next(node for node in cluster.masters() if node is not source)
    for i in range(10):
        source.ask("SET", "{k}%d" % i, i)
    cluster.begin_move(slot, source, target)
    assert cluster.move_keys(slot, source, target, 5) == 5
    found = [source.ask("GET", "{k}%d" % i) for i in range(10)]
    asked = [one for one in found if str(one) == f"ASK {slot} {target.name}"]
    assert len(asked) == 5 and sum(isinstance(one, bytes) for one in found) == 5
    assert str(source.ask("MGET", *["{k}%d" % i for i in range(10)])).startswith("TRYAGAIN ")
    assert cluster.move_keys(slot, source, target) == 5
    cluster.end_move(slot, target)
    assert str(source.ask("GET", "{k}0")) == f"MOVED {slot} {target.name}"
    cluster.wait_ok()


def test_a_master_dies_and_returns(cluster):
    master = cluster.masters()[0]
    slots, replica = cluster.rows()[master][2], cluster.replicas_of(master)[0]
    key = next(str(i) for i in range(100000) if fleet.slot_of(str(i)) in slots)
    master.ask("SET", key, "v")
    cluster.crash(master)
    cluster.wait_ok()
    assert cluster.owner(fleet.slot_of(key)) is replica and replica.ask("GET", key) == b"v"
    master.start()
    cluster.wait_ok()
    assert cluster.replicas_of(replica) == [master]


def test_nothing_is_left_of_a_fleet():
    group = fleet.RedisCluster(3, 0)
    try:
        group.start()
        pids = [node.process.pid for node in group.nodes]
    finally:
        group.kill()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert no_process_is_left(group.nodes)


# -- load -----------------------------------------------------------------------------------------


@pytest.fixture
def redis(own_servers):
    return own_servers(servers.Redis, 1)[0]


def test_a_load_in_peace(redis):
    with load.Load(redis.address, rate=RATE) as some:
        some.wait_more(4000)
    some.check(load.read_from(redis))
    some.assert_no_errors()
    assert some.writes > 1000 and some.latency_ms(50) <= some.latency_ms(99)
    assert all(client.served > 50 for client in some.clients)
    total = sum(counter.acknowledged for client in some.clients
                for counter in client.counters.values())
    with redis.connect() as conn:
        assert total == sum(int(conn.ask("GET", key) or 0) for client in some.clients
                            for key in client.counters)


def test_a_load_in_peace_on_memcached(own_servers):
    node, = own_servers(servers.Memcached, 1)
    with load.Load(node.address, "memcached", rate=RATE) as some:
        some.wait_more(4000)
        node.flush()  # a cache may forget
        some.wait_more(1000)
    some.check(load.read_from(node))
    some.assert_no_errors()
    assert some.misses > 0


LOSSES = {
    "all": lambda some, conn: conn.ask("FLUSHALL"),
    "a counter": lambda some, conn: conn.ask("DEL", a_key(some, "counters")),
    "a value": lambda some, conn: conn.ask("DEL", a_key(some, "cells")),
    "a count": lambda some, conn: conn.ask("DECR", a_key(some, "counters")),
    "one too many": lambda some, conn: conn.ask("INCR", a_key(some, "counters")),
    "an old value": lambda some, conn: conn.ask("SET", a_key(some, "cells"), "old"),
}


def a_key(some, kind):
    """A key that has been written, of the client that has written most."""
    client = max(some.clients, key=lambda one: one.served)
    return next(key for key, book in getattr(client, kind).items()
                if getattr(book, "acknowledged", 0) or getattr(book, "last", None))


@pytest.mark.parametrize("what", LOSSES)
def test_a_loss_amid_is_found(redis, what):
    with load.Load(redis.address, rate=RATE) as some, redis.connect() as conn:
        some.wait_more(1500)
        while not some.stales and not some.wrongs:  # a value may be set anew before it is read
            LOSSES[what](some, conn)
            some.wait_more(300)
    some.assert_no_errors()  # the servers never said a word
    with pytest.raises(load.LedgerError, match="faults, seed"):
        some.check(load.read_from(redis))


@pytest.mark.parametrize("what", LOSSES)
def test_a_loss_in_the_end_is_found(redis, what):
    with load.Load(redis.address, rate=RATE) as some:
        some.wait_more(1500)
    with redis.connect() as conn:
        LOSSES[what](some, conn)
    with pytest.raises(load.LedgerError, match="faults, seed"):
        some.check(load.read_from(redis))


def test_a_counter_that_moved_is_summed(own_servers):
    """As where a shard is added: a counter begins anew elsewhere, and the sum is what counts."""
    nodes = own_servers(servers.Redis, 2)
    some = load.Load(nodes[0].address, rate=RATE, judges=False, mix=(1, 0, 0, 0))
    some.clients = some.clients[:-1]
    with some:
        some.wait_more(1000)
        with nodes[0].connect() as conn, nodes[1].connect() as other:
            key = a_key(some, "counters")
            moved = conn.ask("GETDEL", key)
            other.ask("SET", key, moved)
        some.wait_more(500)
    some.check(load.read_from(*nodes))
    with pytest.raises(load.LedgerError):
        some.check(load.read_from(nodes[0]))


def test_a_kill_breaks_connections(redis):
    """Writes under way are of unknown fate; nobody reconnects; the pause is seen."""
    with load.Load(redis.address, rate=RATE) as some:
        some.wait_more(500)
        redis.kill()
        wait_until(lambda: not some.is_alive(), "all clients to leave")
    assert len(some.broken) == len(some.clients)
    assert some.unknown and not some.refused
    with pytest.raises(AssertionError):
        some.assert_no_errors()
    redis.start()  # without its data
    with pytest.raises(load.LedgerError):
        some.check(load.read_from(redis))


def test_clients_that_are_told_to_reconnect(redis):
    with load.Load(redis.address, rate=RATE, reconnect=True) as some:
        some.wait_more(500)
        with redis.connect() as conn:
            conn.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        some.mark("the kill")
        some.wait_more(1000)
    some.check(load.read_from(redis))
    assert len(some.broken) >= 1 and some.marks[0]["served"] is not None


def test_refused_writes_are_known_not_to_have_run(own_servers):
    """READONLY is an error whose fate is known: the ledger holds without them."""
    group, = own_servers(fleet.ReplicaSet, 1)
    with load.Load(group.primary.address, rate=RATE) as some:
        some.wait_more(500)
        group.failover(1)
        wait_until(lambda: some.refused, "READONLY")
    assert {err.text.split(" ")[0] for err in some.refused} <= {"READONLY", "You"}
    assert not some.broken
    group.wait_synced()
    some.check(load.read_from(group.primary))


def test_a_pause_is_the_longest_gap(redis):
    with load.Load(redis.address, rate=RATE) as some:
        some.wait_more(500)
        redis.pause()
        time.sleep(0.7)
        some.mark("the pause")
        redis.resume()
        some.wait_more(500)
    some.check(load.read_from(redis))
    some.assert_no_errors()
    assert 0.7 <= some.longest_gap
    assert "after the pause: the first write served" in some.report()


def test_a_liar_is_found(redis):
    """A server that says `may have run` is believed to; one that runs what it refuses is not."""
    relay = Liar(redis)
    try:
        some = load.Load(relay.address, rate=200, clients=2, mix=(1, 0, 0, 0))
        some.clients = some.clients[:2]
        with some:
            wait_until(lambda: len(some.refused) > 20, "lies")
        with pytest.raises(load.LedgerError):
            some.check(load.read_from(redis))
    finally:
        relay.stop()


class Liar(servers.Relay):
    """Passes every command on, and says of one in ten that it was refused."""

    def __init__(self, target):
        self.counts = collections.Counter()
        super().__init__(target.address)

    def take(self, sock):
        pair = next((pair for pair in self.pairs if sock in pair), None)
        if pair is None or sock is pair[0]:
            super().take(sock)
            return
        data = sock.recv(1 << 16)
        if not data:
            self.part(sock)
            return
        self.counts["replies"] += 1
        if self.counts["replies"] % 10 == 0:
            data = b"-ERR no\r\n"
        pair[0].sendall(data)


def test_a_load_ends_by_itself(redis, monkeypatch):
    monkeypatch.setattr(load, "REQUESTS_MAX", 1000)
    with load.Load(redis.address, rate=RATE) as some:
        wait_until(lambda: not some.is_alive(), "its end")
    assert some.requests < 1000 + len(some.clients) * load.Pipeliner.BATCH
    some.check(load.read_from(redis))
