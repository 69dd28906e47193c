"""A pool over Redis Cluster: clients that know nothing of slots, MOVED or ASK see one Redis, while
slots move and masters die. The cluster is a real one of six nodes.
"""

import json
import re
import threading
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
HOLD = {"time": "30s", "requests": 10000}


@pytest.fixture
def cluster(own_servers):
    return own_servers(fleet.RedisCluster, 1)[0]


@pytest.fixture
def start(make_proxy):
    """A factory of proxies of a cluster, of which they are told some nodes or all."""

    def make(cluster, seeds=None, wait="readyz", workers=2, **settings):
        settings = {"health": HEALTH, "timeouts": TIMEOUTS, "hold": HOLD, **settings}
        pool = slipring.pool("redis", [], discover={"cluster": seeds or cluster.names}, **settings)
        del pool["shards"]
        return make_proxy(pool, wait=wait, workers=workers)

    return make


def tag_of(cluster, master):
    """A hash tag whose slot is the master's."""
    slots = cluster.rows()[master][2]
    return next(b"{%d}" % i for i in range(100_000) if fleet.slot_of(b"%d" % i) in slots)


# -- in peace -------------------------------------------------------------------------------------


def test_keys_are_where_the_slots_are(cluster, start):
    proxy = start(cluster)
    assert len(proxy.shards()) == 3
    with proxy.connect() as conn:
        for i in range(200):
            assert conn.call("SET", f"k{i}", i) == OK
            assert cluster.read("GET", f"k{i}", key=f"k{i}") == b"%d" % i
    assert [node.ask("DBSIZE") > 30 for node in cluster.masters()] == [True] * 3


def test_one_seed_is_enough(cluster, start):
    """The others are learnt from it, and asked when it is gone."""
    replica = cluster.replicas_of(cluster.masters()[0])[0]
    proxy = start(cluster, [replica.name])
    with proxy.connect() as conn:
        for master in cluster.masters():
            assert conn.call("SET", tag_of(cluster, master), "v") == OK
        replica.kill()
        time.sleep(1)
        cluster.reshard(cluster.masters()[0], cluster.masters()[1], 50)
        for master in cluster.masters():
            assert conn.call("SET", tag_of(cluster, master), "w") == OK


def test_commands_of_many_keys(cluster, start):
    """They are split by slots as they are by shards elsewhere."""
    proxy = start(cluster)
    keys = [b"m%d" % i for i in range(60)]
    with proxy.connect() as conn:
        assert conn.call("MSET", *[part for key in keys for part in (key, b"=" + key)]) == OK
        assert conn.call("MGET", *keys) == array([b"=" + key for key in keys])
        assert conn.call("EXISTS", *keys) == b":60\r\n"
        assert conn.call("DBSIZE") == b":60\r\n"
        assert conn.call("DEL", *keys) == b":60\r\n"
        assert conn.call("SINTER", "{a}1", "{a}2") == b"*0\r\n"
        one, two = (tag_of(cluster, master) for master in cluster.masters()[:2])
        assert conn.call("SINTER", one, two).startswith(b"-CROSSSLOT")


def test_two_slots_of_one_node(cluster, start):
    """A node refuses keys of two slots in one command, though it has both: so it is never asked."""
    proxy = start(cluster)
    slots = cluster.rows()[cluster.masters()[0]][2]
    keys = [b"s%d" % i for i in range(500) if fleet.slot_of(b"s%d" % i) in slots][:40]
    with proxy.connect() as conn:
        assert conn.call("MSET", *[part for key in keys for part in (key, key)]) == OK
        assert conn.call("MGET", *keys) == array(keys)
        assert conn.call("UNLINK", *keys) == b":40\r\n"
        assert conn.call("RENAME", keys[0], keys[1]).startswith(b"-CROSSSLOT")


def test_transactions_and_scripts(cluster, start):
    proxy = start(cluster)
    with proxy.connect() as conn:
        for master in cluster.masters():
            tag = tag_of(cluster, master)
            got = conn.pipeline([command("MULTI"), command("INCR", tag),
                                 command("INCR", tag + b"x"), command("EXEC")])
            assert wire.decode(got[-1]) == [1, 1]
            script = "return redis.call('incr', KEYS[1]) + redis.call('incr', KEYS[2])"
            assert conn.call("EVAL", script, 2, tag, tag + b"x") == b":4\r\n"
        conn.assert_empty()


def test_reads_from_replicas(cluster, start):
    """They are asked with READONLY, or they would say MOVED."""
    proxy = start(cluster, reads="prefer-replica")
    wait_until(lambda: all(len(shard["replicas"]) == 1 and shard["replicas"][0]["reads"] == "ok"
                           for shard in proxy.shards().values()), "the replicas")
    with proxy.connect() as conn:
        for master in cluster.masters():
            tag = tag_of(cluster, master)
            assert conn.call("SET", tag, "v") == OK
        time.sleep(0.3)
        for master in cluster.masters():
            tag, replica = tag_of(cluster, master), cluster.replicas_of(master)[0]
            before = gets(replica)
            for _ in range(20):
                assert conn.call("GET", tag) == bulk("v")
            assert gets(replica) - before == 20


def gets(node):
    found = servers.info(node, "commandstats").get("cmdstat_get", "calls=0")
    return int(re.search(r"calls=(\d+)", found)[1])


def test_subscriptions(cluster, start):
    proxy = start(cluster)
    with proxy.connect() as conn, proxy.connect() as other:
        conn.send(command("SUBSCRIBE", "news"))
        conn.read_reply()
        other.call("PUBLISH", "news", "one")
        conn.expect(array(["message", "news", "one"]))
        assert conn.is_silent(0.3)  # once, though every node of a cluster passes it on


# -- slots that move ------------------------------------------------------------------------------


def test_ask_and_moved(cluster, start):
    """Keys that have gone and keys that have not are served alike at each step."""
    proxy = start(cluster)
    source, target = cluster.masters()[:2]
    tag = tag_of(cluster, source)
    slot = fleet.slot_of(tag)
    keys = [tag + b"%d" % i for i in range(20)]
    with proxy.connect() as conn:
        def serves(value):
            for key in keys:
                assert conn.call("SET", key, value) == OK, key
                assert conn.call("GET", key) == bulk(value)
            new = tag + b"new-%s" % value
            assert conn.call("INCR", new) == b":1\r\n"
            assert conn.call("DEL", new) == b":1\r\n"

        serves(b"0")
        cluster.begin_move(slot, source, target)
        serves(b"1")
        for step in range(4):
            assert cluster.move_keys(slot, source, target, 5) == 5
            serves(b"%d" % (2 + step))
        cluster.end_move(slot, target)
        serves(b"9")
        cluster.wait_ok()
        serves(b"10")
        conn.assert_empty()
    assert target.ask("GET", keys[0]) == b"10"


def test_ask_of_a_pipeline(cluster, start):
    """Each reply is its command's, though some were asked for twice."""
    proxy = start(cluster)
    source, target = cluster.masters()[:2]
    tag = tag_of(cluster, source)
    slot = fleet.slot_of(tag)
    keys = [tag + b"%d" % i for i in range(50)]
    with proxy.connect() as conn:
        for key in keys:
            assert conn.call("SET", key, 0) == OK
        cluster.begin_move(slot, source, target)
        cluster.move_keys(slot, source, target, 25)
        for turn in range(1, 5):
            got = conn.pipeline([command("INCR", key) for key in keys]
                                + [command("ECHO", key) for key in keys])
            assert got == [b":%d\r\n" % turn] * 50 + [bulk(key) for key in keys]
        conn.assert_empty()


def test_many_keys_of_a_slot_on_its_way(cluster, start):
    """TRYAGAIN is tried again; when the keys are together the command is answered."""
    proxy = start(cluster)
    source, target = cluster.masters()[:2]
    tag = tag_of(cluster, source)
    slot = fleet.slot_of(tag)
    keys = [tag + b"%d" % i for i in range(10)]
    with proxy.connect() as conn:
        assert conn.call("MSET", *[part for key in keys for part in (key, key)]) == OK
        cluster.begin_move(slot, source, target)
        cluster.move_keys(slot, source, target, 5)
        conn.send(command("MGET", *keys))
        time.sleep(0.1)
        cluster.move_keys(slot, source, target)
        cluster.end_move(slot, target)
        conn.expect(array(keys))


@pytest.mark.timeout(150)
def test_reshard_under_load(cluster, start):
    """By redis-cli, there and back: no error, and every count is right."""
    proxy = start(cluster)
    with load.Load(proxy.address(), rate=RATE) as clients:
        clients.wait_more(500)
        for _ in range(3):
            first, second, third = cluster.masters()
            for source, target in ((first, second), (second, third), (third, first)):
                cluster.reshard(source, target, 400)
                clients.wait_more(100)
    cluster.wait_ok()
    clients.check(load.read_from_cluster(cluster))
    clients.assert_no_errors()


@pytest.mark.timeout(150)
def test_slots_that_go_to_and_fro_under_load(cluster, start):
    """One hot slot, by hand, so that ASK, TRYAGAIN and MOVED come again and again."""
    proxy = start(cluster)
    source, target = cluster.masters()[:2]
    tag = tag_of(cluster, source)
    slot = fleet.slot_of(tag)
    with load.Load(proxy.address(), rate=RATE, prefix=tag) as clients:
        clients.wait_more(500)
        for _ in range(10):
            cluster.begin_move(slot, source, target)
            clients.wait_more(50)
            while cluster.move_keys(slot, source, target, 10):
                clients.wait_more(20)
            cluster.end_move(slot, target)
            clients.wait_more(50)
            source, target = target, source
    cluster.wait_ok()
    clients.check(load.read_from_cluster(cluster))
    clients.assert_no_errors()


# -- nodes that die -------------------------------------------------------------------------------


@pytest.mark.timeout(150)
def test_a_master_is_killed(own_servers, start):
    """Its replica has what was acknowledged. What was under way may fail, as of unknown fate."""
    cluster, = own_servers(fleet.RedisCluster, 1, full_coverage=False)
    proxy = start(cluster)
    with load.Load(proxy.address(), rate=RATE) as clients:
        clients.wait_more(500)
        victim = cluster.masters()[0]
        replica, slots = cluster.replicas_of(victim)[0], cluster.rows()[victim][2]
        cluster.crash(victim)
        wait_until(lambda: replica.role() == "master", "the replica to be promoted", 40)
        clients.mark("the new master accepted")
        clients.wait_writes(500)
        victim.start()
        cluster.wait_ok(60)
        clients.wait_more(300)
    clients.check(load.read_from_cluster(cluster))
    assert not clients.broken and not clients.refused, clients.report()
    for err in clients.unknown:
        key = re.search(r"b'(.*)'", err.command)[1]
        assert fleet.slot_of(key) in slots, err


@pytest.mark.timeout(150)
def test_a_master_is_killed_and_the_cluster_is_down(cluster, start):
    """With full coverage no node answers until there is a new master: CLUSTERDOWN did not run, so
    it is tried again."""
    proxy = start(cluster)
    with load.Load(proxy.address(), rate=RATE) as clients:
        clients.wait_more(500)
        victim = cluster.masters()[1]
        replica = cluster.replicas_of(victim)[0]
        cluster.crash(victim)
        wait_until(lambda: replica.role() == "master", "the replica to be promoted", 40)
        clients.wait_writes(500)
    cluster.wait_ok()
    clients.check(load.read_from_cluster(cluster))
    assert not clients.broken and not clients.refused, clients.report()


@pytest.mark.timeout(150)
def test_a_kill_amid_writes_applies_none_twice(own_servers, start):
    cluster, = own_servers(fleet.RedisCluster, 1, full_coverage=False)
    proxy = start(cluster)
    with load.Load(proxy.address(), rate=RATE, lossy=True) as clients:
        clients.wait_more(500)
        victim = cluster.masters()[0]
        replica = cluster.replicas_of(victim)[0]
        victim.kill()
        wait_until(lambda: replica.role() == "master", "the replica to be promoted", 40)
        clients.wait_writes(500)
    cluster.wait_ok()
    clients.check(load.read_from_cluster(cluster))
    assert not clients.broken and not clients.refused, clients.report()


@pytest.mark.timeout(150)
def test_a_failover_without_a_kill(cluster, start):
    """CLUSTER FAILOVER waits until the replica has all, and the master meanwhile with its writes, for
    up to five seconds: no error, nothing lost."""
    proxy = start(cluster, timeouts={"connect": "300ms", "request": "20s"})
    with load.Load(proxy.address(), rate=RATE) as clients:
        for _ in range(3):
            clients.wait_more(300)
            master = cluster.masters()[0]
            replica = cluster.replicas_of(master)[0]
            assert replica.ask("CLUSTER", "FAILOVER") == b"OK"
            wait_until(lambda n=replica: n.role() == "master", "the failover", 30)
            clients.mark("the new master accepted")
            clients.wait_writes(200)
            cluster.wait_ok()
    clients.check(load.read_from_cluster(cluster))
    clients.assert_no_errors()
    assert len(proxy.shards()) == 3  # the same shards, by the same names


def test_a_failover_keeps_the_names_of_shards(cluster, start):
    proxy = start(cluster)
    before = sorted(proxy.shards())
    master = cluster.masters()[0]
    replica = cluster.replicas_of(master)[0]
    assert replica.ask("CLUSTER", "FAILOVER") == b"OK"
    wait_until(lambda: any(replica.name in shard["endpoint"]["address"]
                           for shard in proxy.shards().values()), "the new master", 30)
    assert sorted(proxy.shards()) == before


def test_a_replica_is_killed(cluster, start):
    """Nobody notices."""
    proxy = start(cluster, reads="prefer-replica", read_your_writes="5s")
    with load.Load(proxy.address(), rate=RATE, overtaken=True) as clients:
        clients.wait_more(300)
        victim = cluster.replicas_of(cluster.masters()[0])[0]
        victim.kill()
        clients.wait_more(500)
        victim.start()
        clients.wait_more(500)
    cluster.wait_ok()
    clients.check(load.read_from_cluster(cluster))
    clients.assert_no_errors()


def test_a_minority_is_not_believed(own_servers, start):
    """A master that was cut off (here: stopped) comes back with the topology of before: the others
    outvote it."""
    cluster, = own_servers(fleet.RedisCluster, 1, full_coverage=False)
    victim = cluster.masters()[0]
    replica = cluster.replicas_of(victim)[0]
    proxy = start(cluster, [victim.name] + [node.name for node in cluster.nodes
                                            if node is not victim])
    tag = tag_of(cluster, victim)
    with proxy.connect() as conn:
        assert conn.call("SET", tag, "v") == OK
        victim.pause()
        try:
            wait_until(lambda: replica.role() == "master", "the replica to be promoted", 40)
            wait_until(lambda: conn.call("SET", tag, "new") == OK, "the proxy to follow", 30)
        finally:
            victim.resume()
        for _ in range(50):
            assert conn.call("GET", tag) == bulk("new")
            time.sleep(0.02)
    cluster.wait_ok()


def test_a_cluster_that_is_gone(cluster, start):
    """Errors that say so; the last topology stays, and serves again when they return."""
    proxy = start(cluster, hold={"time": "200ms", "requests": 100})
    shards = sorted(proxy.shards())
    with proxy.connect() as conn:
        assert conn.call("SET", "k", "v") == OK
        for node in cluster.nodes:
            node.pause()
        try:
            reply = conn.call("SET", "k", "w")
            assert reply.startswith(b"-ERR slipring: "), reply
            time.sleep(1)
            assert sorted(proxy.shards()) == shards
        finally:
            for node in cluster.nodes:
                node.resume()
        cluster.wait_ok(60)
        wait_until(lambda: conn.call("SET", "k", "x") == OK, "the cluster's return", 30)


def test_nobody_has_the_slot(own_servers, start):
    """What no node serves is an error that says so."""
    cluster, = own_servers(fleet.RedisCluster, 1, replicas=0, full_coverage=False)
    proxy = start(cluster, hold={"time": "200ms", "requests": 100})
    master = cluster.masters()[0]
    tag, slot = tag_of(cluster, master), fleet.slot_of(tag_of(cluster, master))
    for node in cluster.masters():
        assert node.ask("CLUSTER", "DELSLOTS", slot) == b"OK"
    with proxy.connect() as conn:
        reply = conn.call("SET", tag, "v")
        assert reply.startswith((b"-CLUSTERDOWN", b"-ERR slipring: ")), reply
        other = tag_of(cluster, cluster.masters()[1])
        assert conn.call("SET", other, "v") == OK
        conn.assert_empty()


def test_started_without_a_cluster(cluster, start):
    names = cluster.names
    cluster_nodes = list(cluster.nodes)
    for node in cluster_nodes:
        node.pause()
    proxy = start(cluster, names, wait="healthz")
    try:
        assert proxy.get("/readyz")[0] == 503
    finally:
        for node in cluster_nodes:
            node.resume()
    cluster.wait_ok(60)
    wait_until(lambda: proxy.get("/readyz")[0] == 200, "/readyz to say 200", 30)
    with proxy.connect() as conn:
        assert conn.call("SET", "k", "v") == OK


def test_nodes_that_are_no_cluster(redises, start, make_proxy):
    """Redis without cluster support: the pool is not ready, and the status says why."""
    pool = slipring.pool("redis", [], discover={"cluster": [redises[0].name]})
    del pool["shards"]
    proxy = make_proxy(pool, wait="healthz")
    assert proxy.get("/readyz")[0] == 503
    wait_until(lambda: "luster" in json.dumps(proxy.status()["pools"]) + proxy.log(), "the reason")


@pytest.mark.timeout(150)
def test_a_client_of_its_own_beside(cluster, start):
    """Long work on one connection goes on in order, whatever happens to the slots."""
    proxy = start(cluster)
    stop, wrong = threading.Event(), []

    def count():
        with proxy.connect() as conn:
            expected = 0
            while not stop.is_set():
                expected += 1
                got = conn.pipeline([command("INCR", b"line"), command("GET", b"line"),
                                     command("ECHO", expected)])
                if got != [b":%d\r\n" % expected, bulk(expected), bulk(expected)]:
                    wrong.append(got)
                    return

    thread = threading.Thread(target=count)
    thread.start()
    try:
        slot = fleet.slot_of("line")
        for _ in range(10):
            source = cluster.owner(slot)
            target = next(node for node in cluster.masters() if node is not source)
            cluster.begin_move(slot, source, target)
            time.sleep(0.05)
            cluster.move_keys(slot, source, target)
            time.sleep(0.05)
            cluster.end_move(slot, target)
    finally:
        stop.set()
        thread.join()
    assert not wrong, wrong
