"""A primary that moves while clients go on: by its DNS record, by a failover, by Sentinel's word.

Every node, name server and Sentinel is a real one. Figures are printed (-s), not judged.
"""

import json
import re
import socket
import time

import pytest

import fleet
import load
import servers
import slipring
import wire
from wire import OK, array, bulk, command, wait_until

RATE = 2000
HEALTH = {"every": "100ms", "timeout": "500ms", "fall": 2, "rise": 2}
TIMEOUTS = {"connect": "300ms", "request": "2s"}
HOLD = {"time": "45s", "requests": 10000}  # Sentinels whose votes are split take several rounds
SOON = {"min_ttl": "100ms", "max_ttl": "5m"}


@pytest.fixture
def names(own_servers):
    return own_servers(fleet.Dnsmasq, 1)[0]


@pytest.fixture
def group(own_servers):
    """A primary and a replica that differ by their host alone."""
    return own_servers(fleet.ReplicaSet, 1, one_port=True)[0]


@pytest.fixture
def start(make_proxy):
    """A factory of proxies of one pool: start(primary, replicas, names), or start(discover=...)."""

    def make(primary=None, replicas=(), names=None, wait="readyz", dns=None, workers=2, **settings):
        settings = {"health": HEALTH, "timeouts": TIMEOUTS, "hold": HOLD, **settings}
        pool = slipring.pool("redis", [primary] if primary else [], **settings)
        if primary is None:
            del pool["shards"]
        elif replicas:
            pool["shards"][0]["replicas"] = [getattr(node, "name", node) for node in replicas]
        options = {"dns": {"servers": [names.name], **SOON, **(dns or {})}} if names else {}
        return make_proxy(pool, wait=wait, workers=workers, **options)

    return make


def set_at(proxy, node, key="probe"):
    """A write through the proxy ends at this node."""
    value = str(time.monotonic_ns())
    with proxy.connect() as conn:
        done = conn.call("SET", key, value)
    return done == OK and node.ask("GET", key) == value.encode()


# -- DNS ------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
@pytest.mark.parametrize("known", [False, True], ids=["by_name_alone", "with_its_replica"])
@pytest.mark.parametrize("ttl", [0, 1, 3600])
def test_the_record_of_a_primary_moves(start, names, group, ttl, known):
    """As ElastiCache does it: the replica is promoted, the old primary follows it, and then the
    record changes. With a TTL of an hour it is READONLY that makes the proxy ask anew."""
    names.set("p.test", group.primary.host, ttl)
    places = [f"p.test:{group.primary.port}"]
    proxy = start(places[0], group.nodes if known else (), names)
    with load.Load(proxy.address(), rate=RATE) as clients:
        clients.wait_more(500)
        for index in (1, 0):
            group.failover(index)
            clients.mark(f"node {index} accepted")
            time.sleep(0.3)
            names.set("p.test", group.primary.host, ttl)
            clients.wait_writes(300)
    group.wait_synced()
    clients.check(load.read_from(group.primary))
    clients.assert_no_errors()


def test_after_a_reload_that_failed_the_same_servers_are_asked(start, names, group):
    """The settings that were refused had others, which know nothing."""
    names.set("p.test", group.primary.host, 1)
    proxy = start(f"p.test:{group.primary.port}", names=names)
    before, pool = proxy.config, proxy.config["pools"]["main"]
    with socket.create_server((servers.LOOPBACK, 0)) as taken, proxy.connect() as conn:
        listen = [pool["listen"], f"{servers.LOOPBACK}:{taken.getsockname()[1]}"]
        dns = {**before["dns"], "servers": [f"{servers.LOOPBACK}:{servers.free_port()}"]}
        code, body = proxy.reload({**before, "dns": dns, "pools": {"main": {**pool, "listen": listen}}})
        assert code == 422 and "in use" in body, body
        group.failover(1)
        names.set("p.test", group.primary.host, 1)
        assert conn.call("SET", "k", "v") == OK
    assert group.primary.ask("GET", "k") == b"v"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("ttl", [0, 1])
def test_a_record_moves_and_nobody_says_readonly(start, names, own_servers, ttl):
    """Nothing but the TTL tells; both nodes would take writes, so each has a part of the counts."""
    nodes = [own_servers(fleet.Member, 1, port=port, host=host)[0]
             for host, port in zip(fleet.hosts(3), [servers.free_port(fleet.hosts(3))] * 3)]
    names.set("p.test", nodes[0].host, ttl)
    proxy = start(f"p.test:{nodes[0].port}", names=names)
    with load.Load(proxy.address(), rate=RATE, judges=False, mix=(3, 0, 0, 0)) as clients:
        for node in (nodes[1], nodes[2], nodes[0]):
            names.set("p.test", node.host, ttl)
            wait_until(lambda n=node: set_at(proxy, n), f"writes to go to {node.host}")
            clients.wait_more(200)
            assert set_at(proxy, node)
        for node in nodes[1:]:
            wait_until(lambda n=node: int(servers.info(n, "clients")["connected_clients"]) == 1,
                       f"{node.host} to be let go")
    clients.assert_no_errors()
    read = load.read_from(*nodes)
    for client in clients.clients:
        for key, counter in client.counters.items():
            assert counter.allows(sum(map(int, read(key)))), key


def test_a_ttl_is_honoured(start, names, own_servers):
    """Not asked again before it is over: what moved meanwhile is found then, or by refresh."""
    port = servers.free_port(fleet.hosts(2))
    nodes = [own_servers(fleet.Member, 1, port=port, host=host)[0] for host in fleet.hosts(2)]
    names.set("p.test", nodes[0].host, 3600)
    proxy = start(f"p.test:{port}", names=names)
    assert set_at(proxy, nodes[0])
    names.set("p.test", nodes[1].host, 3600)
    time.sleep(1)
    assert set_at(proxy, nodes[0])
    assert proxy.request("POST", "/v1/pools/main/refresh")[0] == 200
    wait_until(lambda: set_at(proxy, nodes[1]), "the refresh")


@pytest.mark.parametrize("bound", ["min_ttl", "max_ttl"])
def test_ttls_have_bounds(start, names, own_servers, bound):
    port = servers.free_port(fleet.hosts(2))
    nodes = [own_servers(fleet.Member, 1, port=port, host=host)[0] for host in fleet.hosts(2)]
    ttl, dns = (1, {"min_ttl": "1h", "max_ttl": "2h"}) if bound == "min_ttl" else (
        3600, {"min_ttl": "100ms", "max_ttl": "500ms"})
    names.set("p.test", nodes[0].host, ttl)
    proxy = start(f"p.test:{port}", names=names, dns=dns)
    assert set_at(proxy, nodes[0])
    names.set("p.test", nodes[1].host, ttl)
    if bound == "min_ttl":
        time.sleep(2.5)
        assert set_at(proxy, nodes[0])
    else:
        wait_until(lambda: set_at(proxy, nodes[1]), "max_ttl to be over")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", ["dead", "silent", "no such name", "no address"])
def test_names_fail_and_the_last_answer_stays(start, names, group, what):
    names.set("p.test", group.primary.host, 0)
    proxy = start(f"p.test:{group.primary.port}", names=names)
    with load.Load(proxy.address(), rate=RATE) as clients:
        clients.wait_more(300)
        if what == "dead":
            names.kill()
        elif what == "silent":
            names.pause()
        elif what == "no such name":
            names.forget("p.test")
        else:
            names.serve("p.test", [("n.test", 1)])  # so that there is such a name
            names.forget_host("p.test")
            assert names.ask("p.test") == ("NOERROR", [])
        time.sleep(1.5)
        clients.wait_more(500)
        assert proxy.get("/readyz")[0] == 200
        if what == "silent":
            names.resume()
        elif what == "dead":
            names.start()
        group.failover(1)
        names.set("p.test", group.primary.host, 0)
        clients.wait_writes(300)
    group.wait_synced()
    clients.check(load.read_from(group.primary))
    clients.assert_no_errors()


@pytest.mark.timeout(120)
def test_a_name_that_flaps(start, names, group):
    names.set("p.test", group.primary.host, 0)
    proxy = start(f"p.test:{group.primary.port}", names=names)
    with load.Load(proxy.address(), rate=RATE) as clients:
        for i in range(30):
            if i % 2:
                names.set("p.test", group.primary.host, 0)
            else:
                names.forget("p.test")
            time.sleep(0.1)
        clients.wait_more(300)
    clients.check(load.read_from(group.primary))
    clients.assert_no_errors()


def test_started_without_names(start, names, group):
    """The process lives and says why it is not ready; it is, when they are back."""
    names.set("p.test", group.primary.host, 1)
    names.kill()
    proxy = start(f"p.test:{group.primary.port}", names=names, wait="healthz",
                  hold={"time": "100ms", "requests": 100})
    assert proxy.get("/readyz")[0] == 503
    with proxy.connect() as conn:
        assert conn.call("SET", "k", "v").startswith(b"-ERR slipring: shard a: ")
        assert "p.test" in json.dumps(proxy.status())
        names.start()
        wait_until(lambda: proxy.get("/readyz")[0] == 200, "/readyz to say 200", 30)
        wait_until(lambda: conn.call("SET", "k", "v") == OK, "the first write")


def test_started_with_a_name_that_does_not_exist(start, names, group):
    proxy = start(f"p.test:{group.primary.port}", names=names, wait="healthz")
    assert proxy.get("/readyz")[0] == 503
    names.set("p.test", group.primary.host, 1)
    wait_until(lambda: proxy.get("/readyz")[0] == 200, "/readyz to say 200", 30)
    assert set_at(proxy, group.primary)


def test_an_alias_moves(start, names, group):
    """ElastiCache's primary endpoint is a CNAME; its TTL counts, not the target's alone."""
    for i, node in enumerate(group.nodes):
        names.set(f"n{i}.test", node.host, 3600)
    names.alias("p.test", "n0.test", ttl=0)
    proxy = start(f"p.test:{group.primary.port}", names=names)
    assert set_at(proxy, group.nodes[0])
    group.failover(1)
    names.alias("p.test", "n1.test", ttl=0)
    wait_until(lambda: set_at(proxy, group.nodes[1]), "the alias")


def test_of_several_addresses_one_that_answers(start, names, own_servers):
    """An address where nobody listens is not the end; IPv6 may be one of them."""
    port = servers.free_port(fleet.hosts(3))
    node, = own_servers(fleet.Member, 1, port=port, host="127.0.0.3")
    names.set("p.test", ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"], 1)
    proxy = start(f"p.test:{port}", names=names)
    for _ in range(5):
        wait_until(lambda: set_at(proxy, node), "the address that answers")


@pytest.mark.timeout(120)
def test_records_that_turn_round_are_no_change(start, names, own_servers):
    """dnsmasq gives several addresses in another order each time."""
    node, = own_servers(fleet.Member, 1)
    names.set("p.test", ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3"], 0)
    proxy = start(f"p.test:{node.port}", names=names)
    assert set_at(proxy, node)
    before = int(servers.info(node, "stats")["total_connections_received"])
    asked = 10
    for _ in range(asked):
        time.sleep(0.15)
        assert set_at(proxy, node)
    after = int(servers.info(node, "stats")["total_connections_received"])
    # Each look of this test at the node is a connection of its own.
    assert after - before <= asked + 1 + 2, "connections were made anew"


# -- shards that DNS finds ------------------------------------------------------------------------


def test_each_address_is_a_shard(start, names, own_servers):
    places = fleet.hosts(3)
    port = servers.free_port(places)
    nodes = [own_servers(fleet.Member, 1, port=port, host=host)[0] for host in places]
    names.set("all.test", places[:2], 0)
    proxy = start(names=names, discover={"dns": f"all.test:{port}"})
    assert sorted(proxy.shards()) == [node.name for node in nodes[:2]]
    with load.Load(proxy.address(), rate=RATE, judges=False,
                   steady=stays_among([node.name for node in nodes], 2)) as clients:
        clients.wait_more(300)
        names.set("all.test", places, 0)
        wait_until(lambda: len(proxy.shards()) == 3, "the third")
        clients.wait_more(300)
        names.set("all.test", places[:2], 0)
        wait_until(lambda: len(proxy.shards()) == 2, "it to leave")
        names.forget("all.test")  # an answer that is empty empties no pool
        time.sleep(1)
        clients.wait_more(300)
        assert len(proxy.shards()) == 2
    clients.check(load.read_from(*nodes))
    clients.assert_no_errors()


def stays_among(labels, count):
    """Keys of the first shards of a ring, which do not move when the others leave."""
    ring = wire.Ring(labels)
    return lambda key: ring.index(key) < count


def test_services(start, names, own_servers):
    nodes = own_servers(fleet.Member, 3)
    names.set("n.test", servers.LOOPBACK, 0)
    names.ttl = 0
    names.serve("_redis._tcp.test", [("n.test", node.port) for node in nodes[:2]])
    proxy = start(names=names, discover={"srv": "_redis._tcp.test"})
    assert sorted(proxy.shards()) == sorted(f"n.test:{node.port}" for node in nodes[:2])
    names.serve("_redis._tcp.test", [("n.test", node.port) for node in nodes[1:]])
    wanted = sorted(f"n.test:{node.port}" for node in nodes[1:])
    wait_until(lambda: sorted(proxy.shards()) == wanted, "the other two")
    with proxy.connect() as conn:
        for i in range(50):
            assert conn.call("SET", f"s{i}", i) == OK
    assert sum(node.ask("DBSIZE") for node in nodes[1:]) == 50
    names.forget("_redis._tcp.test")
    time.sleep(1)
    assert sorted(proxy.shards()) == wanted


def test_many_addresses(start, names, own_servers):
    """Five hundred, of which hardly any answers: a large answer, over TCP."""
    node, = own_servers(fleet.Member, 1)
    places = [f"127.0.{i // 250}.{i % 250 + 1}" for i in range(500)]
    names.set("all.test", places, 1)
    proxy = start(names=names, discover={"dns": f"all.test:{node.port}"}, wait="healthz")
    wait_until(lambda: len(proxy.shards()) == 500, "all of them", 30)
    ring = wire.Ring(sorted(f"{place}:{node.port}" for place in places))
    with proxy.connect() as conn:
        key = ring.key(node.name)
        wait_until(lambda: conn.call("SET", key, "v") == OK, "the one that answers")
        assert conn.call("SET", ring.key(f"127.0.1.9:{node.port}"), "v").startswith(
            b"-ERR slipring: shard 127.0.1.9:")


# -- roles ----------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
@pytest.mark.parametrize("count", [1, 2])
def test_a_readonly_failover(start, own_servers, count):
    """FAILOVER to and fro: the old primary says READONLY, and the nodes are asked who it is now."""
    group, = own_servers(fleet.ReplicaSet, 1, replicas=count)
    proxy = start(group.primary, group.replicas)
    with load.Load(proxy.address(), rate=RATE) as clients:
        clients.wait_more(500)
        for turn in range(4):
            index = (turn + 1) % len(group.nodes)
            group.failover(index)
            clients.mark(f"node {index} accepted")
            clients.wait_writes(300)
    group.wait_synced()
    clients.check(load.read_from(group.primary))
    clients.assert_no_errors()


@pytest.mark.timeout(120)
def test_a_failover_of_many_shards(own_servers, make_proxy):
    """One after the other; the other shards go on all the time."""
    groups = own_servers(fleet.ReplicaSet, 3)
    pool = slipring.pool("redis", [group.primary for group in groups], health=HEALTH,
                         timeouts=TIMEOUTS, hold=HOLD)
    for row, group in zip(pool["shards"], groups):
        row["replicas"] = [node.name for node in group.replicas]
    proxy = make_proxy(pool, workers=2)
    with load.Load(proxy.address(), rate=RATE) as clients:
        for group in groups:
            clients.wait_more(300)
            group.failover(1)
        clients.wait_more(300)
    clients.check(load.read_from(*[group.primary for group in groups]))
    clients.assert_no_errors()


@pytest.mark.timeout(120)
def test_reads_go_on_without_a_primary(start, own_servers):
    """Writes wait, reads are answered by replicas, and what waited is done when there is one."""
    group, = own_servers(fleet.ReplicaSet, 1, replicas=2)
    proxy = start(group.primary, group.replicas, reads="prefer-replica")
    with proxy.connect() as conn, proxy.connect() as reader:
        assert conn.call("SET", "k", "v") == OK
        group.wait_synced()
        group.crash()
        conn.send(command("INCR", "n"))
        for _ in range(30):
            assert reader.call("GET", "k") == bulk("v")
            time.sleep(0.02)
        assert conn.is_silent(0.2)
        group.promote(1)
        group.nodes[2].follow(group.nodes[1])
        conn.expect(b":1\r\n")
    assert group.nodes[1].ask("GET", "n") == b"1"


def test_the_hold_has_an_end(start, own_servers):
    """Its time, and its number; then an error that says why, and that nothing was done."""
    group, = own_servers(fleet.ReplicaSet, 1)
    proxy = start(group.primary, group.replicas, hold={"time": "1s", "requests": 5}, workers=1)
    with proxy.connect() as conn:
        assert conn.call("SET", "k", "v") == OK
        group.crash()
        wait_until(lambda: proxy.shards()["a"]["endpoint"]["state"] != "up", "it to be down")
        got = conn.pipeline([command("SET", f"h{i}", i) for i in range(20)])
        assert all(reply.startswith(b"-ERR slipring: shard a: ") for reply in got), got
        assert not any(b"may have run" in reply for reply in got), got
        group.promote(1)
        wait_until(lambda: conn.call("SET", "k", "w") == OK, "the new primary")
        assert conn.call("EXISTS", *[f"h{i}" for i in range(20)]) == b":0\r\n"


def test_the_number_of_the_hold(start, own_servers):
    group, = own_servers(fleet.ReplicaSet, 1)
    proxy = start(group.primary, group.replicas, hold={"time": "20s", "requests": 5}, workers=1)
    writers = [proxy.connect() for _ in range(12)]
    assert writers[0].call("SET", "k", "v") == OK
    group.crash()
    wait_until(lambda: proxy.shards()["a"]["endpoint"]["state"] != "up", "it to be down")
    waiting = load.hold_back(writers, 5, b"-ERR slipring: shard a: ")
    group.promote(1)
    got = sorted(wire.decode(conn.read_reply()) for conn in waiting)
    assert got == [1, 2, 3, 4, 5]
    for conn in writers:
        conn.close()


@pytest.mark.timeout(120)
def test_two_primaries_and_the_name_decides(start, names, group):
    """The one that was promoted beside the other is not written to until the record says so."""
    names.set("p.test", group.primary.host, 0)
    proxy = start(f"p.test:{group.primary.port}", group.nodes, names)
    old, new = group.nodes
    group.promote(1)
    for _ in range(10):
        assert set_at(proxy, old)
        time.sleep(0.1)
    both = re.compile(rf"^.*primar.*{re.escape(new.name)}|{re.escape(new.name)}.*primar", re.M)
    wait_until(lambda: both.search(proxy.log()), "the log to tell of the other")
    names.set("p.test", new.host, 0)
    wait_until(lambda: set_at(proxy, new), "the record")
    for _ in range(10):
        assert set_at(proxy, new)


def test_a_primary_that_becomes_a_replica_takes_its_clients_along(start, own_servers):
    """Demoted at once and without warning, which is when writes are refused and not lost."""
    group, = own_servers(fleet.ReplicaSet, 1)
    proxy = start(group.primary, group.replicas)
    with proxy.connect() as conn:
        for turn in (1, 0, 1):
            assert conn.call("SET", "k", turn) == OK
            group.wait_synced()
            group.promote(turn)
            group.demote(1 - turn)
            assert conn.call("SET", "k", "x") == OK
            assert group.primary.ask("GET", "k") == b"x"
            group.wait_synced()


def test_a_pipeline_keeps_its_order(start, own_servers):
    """Writes that are refused and tried again are not overtaken by what was asked behind them on
    the same connection: a read sees the write before it, and of two writes the second stays."""
    group, = own_servers(fleet.ReplicaSet, 1)
    proxy = start(group.primary, group.replicas, workers=1)
    first, second = group.nodes
    with proxy.connect() as conn:
        for turn in range(10):
            assert conn.call("SET", "k", "before") == OK
            group.wait_synced()
            group.primary.follow(group.replicas[0])  # nobody is a primary
            conn.send(b"".join(command(*words) for words in (
                ("SET", "k", "one"), ("GET", "k"), ("SET", "k", "two"), ("GET", "k"),
                ("APPEND", "k", "!"), ("GETRANGE", "k", 0, -1), ("MGET", "k", "other"))))
            time.sleep(0.05 * turn / 10)
            group.promote(1 - turn % 2)
            got = [conn.read_reply() for _ in range(7)]
            assert got == [OK, bulk("one"), OK, bulk("two"), b":4\r\n", bulk("two!"),
                           array(["two!", None])], turn
            group.wait_synced()
    assert {first.role(), second.role()} == {"master", "slave"}


# -- Sentinel -------------------------------------------------------------------------------------


@pytest.fixture
def watched(own_servers, start):
    """Two sets, three Sentinels, and a proxy that knows the Sentinels alone."""

    def make(**settings):
        groups = dict(zip(("one", "two"), own_servers(fleet.ReplicaSet, 2)))
        watch, = own_servers(fleet.Sentinels, 1, sets=groups)
        proxy = start(discover={"sentinel": watch.names, "masters": list(groups)}, **settings)
        return groups, watch, proxy

    return make


def test_sentinels_name_the_shards(watched):
    groups, _, proxy = watched()
    assert sorted(proxy.shards()) == ["one", "two"]
    ring = wire.Ring(["one", "two"])
    with proxy.connect() as conn:
        for name, group in groups.items():
            key = ring.key(name)
            assert conn.call("SET", key, name) == OK
            assert group.primary.ask("GET", key) == name.encode()


@pytest.mark.timeout(150)
def test_a_primary_is_killed_and_sentinel_promotes(watched):
    """What it had acknowledged its replica has. Only what was under way may fail, as of unknown
    fate; nobody is disconnected; the other shard has no error."""
    groups, watch, proxy = watched()
    ring = wire.Ring(["one", "two"])
    with load.Load(proxy.address(), rate=RATE) as clients:
        clients.wait_more(500)
        for _ in range(2):
            victim = groups["one"].find_primary()
            groups["one"].primary = victim
            groups["one"].crash()
            new = wait_until(groups["one"].find_primary, "a new primary", 40)
            clients.mark("the new primary accepted")
            clients.wait_writes(500)
            watch.wait_primary("one", new.address)
            victim.start()
            wait_until(lambda n=victim: n.role() == "slave", "the old one to be told", 40)
            wait_until(lambda n=new, v=victim: v.follows(n), "the old one to have all", 40)
    clients.check(load.read_from(groups["one"].find_primary(), groups["two"].primary))
    assert not clients.broken and not clients.refused, clients.report()
    for err in clients.unknown:
        key = re.search(r"b'(.*)'", err.command)[1]
        assert ring.index(key) == 0, err


@pytest.mark.timeout(150)
def test_a_kill_amid_writes_applies_none_twice(watched):
    """Killed at any moment, so that the servers themselves may lose what came last."""
    groups, watch, proxy = watched()
    with load.Load(proxy.address(), rate=RATE, lossy=True) as clients:
        clients.wait_more(500)
        victim = groups["two"].primary
        victim.kill()
        new = wait_until(groups["two"].find_primary, "a new primary", 40)
        clients.wait_writes(500)
        watch.wait_primary("two", new.address)
    clients.check(load.read_from(groups["one"].primary, new))
    assert not clients.broken and not clients.refused, clients.report()


@pytest.mark.timeout(120)
def test_a_failover_that_sentinel_is_asked_for(watched):
    """SENTINEL FAILOVER demotes the old one suddenly: its last writes may be lost, no client is."""
    groups, watch, proxy = watched()
    with load.Load(proxy.address(), rate=RATE, lossy=True) as clients:
        clients.wait_more(300)
        old = groups["one"].primary
        assert watch.nodes[0].ask("SENTINEL", "FAILOVER", "one") == b"OK"
        new = wait_until(lambda: other_primary(groups["one"], old), "a new primary", 40)
        clients.mark("the new primary accepted")
        clients.wait_writes(500)
    assert new is not old
    clients.check(load.read_from(new, groups["two"].primary))
    assert not clients.broken and not clients.refused, clients.report()


def other_primary(group, old):
    found = group.find_primary()
    return found if found is not old else None


@pytest.mark.timeout(120)
def test_a_sentinel_that_lies_alone(watched, own_servers):
    """Nothing of what it says is done; nor when another is silent."""
    groups, watch, proxy = watched()
    elsewhere, = own_servers(servers.Redis, 1)
    with load.Load(proxy.address(), rate=RATE) as clients:
        clients.wait_more(300)
        watch.nodes[0].lie("one", elsewhere.address)
        time.sleep(2.5)
        clients.wait_more(300)
        watch.nodes[1].pause()
        time.sleep(1.5)
        clients.wait_more(300)
        watch.nodes[1].resume()
    clients.check(load.read_from(*[group.primary for group in groups.values()]))
    clients.assert_no_errors()
    with elsewhere.connect() as conn:
        assert conn.ask("DBSIZE") == 0


@pytest.mark.timeout(120)
def test_without_any_sentinel(watched):
    """The last word stays; and their return is noticed."""
    groups, watch, proxy = watched()
    with load.Load(proxy.address(), rate=RATE) as clients:
        clients.wait_more(300)
        watch.kill()
        time.sleep(2)
        clients.wait_more(300)
        assert sorted(proxy.shards()) == ["one", "two"]
        assert proxy.get("/readyz")[0] == 200
        for node in watch.nodes:
            node.start()
        time.sleep(1)
        groups["one"].failover(1)
        clients.wait_writes(300)
    clients.check(load.read_from(*[group.primary for group in groups.values()]))
    clients.assert_no_errors()


def test_started_without_sentinels(own_servers, start):
    group, = own_servers(fleet.ReplicaSet, 1)
    watch, = own_servers(fleet.Sentinels, 1, sets={"one": group})
    watch.kill()
    proxy = start(discover={"sentinel": watch.names, "masters": ["one"]}, wait="healthz")
    assert proxy.get("/readyz")[0] == 503
    for node in watch.nodes:
        node.start()
    wait_until(lambda: proxy.get("/readyz")[0] == 200, "/readyz to say 200", 30)
    assert set_at(proxy, group.primary)


@pytest.mark.timeout(120)
def test_replicas_of_sentinels(watched):
    """They are read, and one that dies is no longer."""
    groups, _, proxy = watched(reads="prefer-replica")
    wait_until(lambda: all(len(shard["replicas"]) == 1 for shard in proxy.shards().values()),
               "the replicas")
    ring = wire.Ring(["one", "two"])
    key, replica = ring.key("one"), groups["one"].replicas[0]
    with proxy.connect() as conn:
        assert conn.call("SET", key, "v") == OK
        groups["one"].wait_synced()
        wait_until(lambda: conn.call("GET", key) == bulk("v") and gets(replica) > 0, "its reads")
        replica.kill()
        for _ in range(50):
            assert conn.call("GET", key) == bulk("v")
        wait_until(lambda: not proxy.shards()["one"]["replicas"], "Sentinel's word of it", 30)


def gets(node):
    found = servers.info(node, "commandstats").get("cmdstat_get", "calls=0")
    return int(re.search(r"calls=(\d+)", found)[1])
