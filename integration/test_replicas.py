"""Reads from replicas: which node answers, proven by the nodes' own INFO commandstats, and replicas
that are stalled, behind, loading, cut off or dead, while clients read on and see no error.
"""

import re
import threading
import time

import pytest

import servers
import slipring
import wire
from wire import OK, array, bulk, command, integer, wait_until

HEALTH = {"every": "100ms", "timeout": "300ms"}
SECOND = 1.0 * (4 if slipring.is_sanitized() else 1)


@pytest.fixture
def relays():
    """A factory of relays."""
    made = []

    def make(server, **options):
        made.append(servers.Relay(server.address, **options))
        return made[-1]

    yield make
    for relay in made:
        relay.stop()


class Primary(servers.Redis):
    """Sends a replica all it has at once."""

    def command(self):
        return super().command() + ["--repl-diskless-sync-delay", "0"]


@pytest.fixture
def group(own_servers, make_proxy, relays):
    """A factory of a primary with replicas behind a proxy.

    `zones` has a zone, or None, for each replica; `far` are the replicas that find their primary
    through a relay, and `slow` those that the proxy finds through one, with its delay.
    """

    def make(zones=(None, None), far=(), slow=None, **settings):
        found = Group()
        found.primary, = own_servers(Primary, 1)
        found.links = [relays(found.primary) if i in far else None for i in range(len(zones))]
        for link in found.links:
            found.replicas += own_servers(servers.Replica, 1, primary=found.primary,
                                          through=link.address if link else None)
        rows = []
        for i, (node, zone) in enumerate(zip(found.replicas, zones)):
            address = node.name
            if slow and i in slow:
                address = relays(node, delay=slow[i]).shown
            rows.append({"address": address, "zone": zone} if zone else address)
        settings = {"reads": "prefer-replica", "health": HEALTH, "replica_choice": "turn",
                    "timeouts": {"connect": "200ms", "request": "1s"}, **settings}
        settings = {name: value for name, value in settings.items() if value is not None}
        pool = slipring.pool("redis", [found.primary], **settings)
        pool["shards"] = [{"name": "a", "primary": found.primary.name, "replicas": rows}]
        found.proxy = make_proxy(pool)
        time.sleep(0.3)  # until the proxy has heard from each of them
        return found

    return make


class Group:
    """A primary, its replicas, the relays of their links, and the proxy."""

    def __init__(self):
        self.primary = self.proxy = None
        self.replicas, self.links = [], []

    nodes = property(lambda self: [self.primary] + self.replicas)

    def calls(self, name="get"):
        """How often each node that answers ran a command, the primary first."""
        return [calls(node, name) for node in self.nodes]

    def reads(self, conn, count=60, key="k"):
        """How many of so many reads each node answered."""
        before = self.calls()
        for reply in conn.pipeline([command("GET", key)] * count):
            assert reply[:1] in b"$_", reply
        return [after - one for one, after in zip(before, self.calls())]

    def set(self, conn, key, value):
        """At the primary and every replica that follows."""
        assert conn.call("SET", key, value) == OK
        wait_until(lambda: all(node.follows() for node in self.replicas), "the replicas")


def calls(node, name="get"):
    found = servers.info(node, "commandstats").get(f"cmdstat_{name}")
    return int(re.search(r"calls=(\d+)", found)[1]) if found else 0


# -- where reads go -------------------------------------------------------------------------------


def test_reads_go_to_replicas_and_writes_to_the_primary(group):
    some = group()
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
        assert some.reads(conn) == [0, 30, 30]
        for i in range(20):
            conn.call("SET", "w", i)
        assert calls(some.primary, "set") == 21
        reads = ["MGET k", "EXISTS k", "STRLEN k", "TTL k", "TYPE k", "HGETALL h", "LRANGE l 0 -1",
                 "SMEMBERS s", "ZRANGE z 0 -1", "XRANGE x - +", "GETRANGE k 0 1", "SORT_RO l",
                 "BITCOUNT k", "PFCOUNT p", "OBJECT ENCODING k", "DUMP k", "SINTERCARD 1 s"]
        for text in reads:
            name = text.split(" ")[0].lower()
            name = "object|encoding" if name == "object" else name
            assert not conn.call(*text.split(" ")).startswith(b"-"), text
            assert [some.calls(name)[0], sum(some.calls(name))] == [0, 1], text
        for text in ["INCR n", "GETDEL n", "SORT l", "EVAL return(1) 0", "SETEX w 5 v", "GETEX k"]:
            name = text.split(" ")[0].lower()
            assert not conn.call(*text.split(" ")).startswith(b"-"), text
            assert some.calls(name)[0] == 1, text


@pytest.mark.parametrize("text", ["SCAN 0", "HSCAN h 0", "RANDOMKEY", "DBSIZE", "KEYS *"])
def test_what_only_the_primary_can_say(group, text):
    some = group()
    with some.proxy.connect() as conn:
        assert not conn.call(*text.split(" ")).startswith(b"-")
        name = text.split(" ")[0].lower()
        assert some.calls(name) == [1, 0, 0]


def test_transactions_read_at_the_primary(group):
    some = group()
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
        before = some.calls()
        got = conn.pipeline([command("WATCH", "k"), command("GET", "k"), command("MULTI"),
                             command("GET", "k"), command("EXEC")])
        assert got[1] == bulk("v") and got[-1] == array(["v"])
        assert some.calls()[1:] == before[1:]
        assert sum(some.reads(conn)[1:]) == 60


@pytest.mark.parametrize("reads", ["primary", None])
def test_by_default_nothing_is_read_from_replicas(group, reads):
    some = group(reads=reads)
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
        assert some.reads(conn) == [60, 0, 0]


def test_replicas_alone(group):
    """Where no replica will do, that is an error and not a read from the primary."""
    some = group(zones=(None,), reads="replica")
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
        assert some.reads(conn) == [0, 60]
        some.replicas[0].kill()
        wait_until(lambda: conn.call("GET", "k").startswith(b"-ERR slipring: shard a: "), "it")
        assert calls(some.primary) == 0
        assert conn.call("SET", "k", "w") == OK
        some.replicas[0].start()
        wait_until(lambda: conn.call("GET", "k") == bulk("w"), "the replica to be read again")
        assert calls(some.primary) == 0


def test_the_zone_comes_first(group):
    some = group(zones=("z2", "z1", None), zone="z1")
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
        assert some.reads(conn) == [0, 0, 60, 0]
        some.replicas[1].kill()
        wait_until(lambda: conn.call("GET", "k") == bulk("v"), "others")
        some.replicas.pop(1)
        some.reads(conn)  # until all has been noticed
        got = some.reads(conn)
        assert got[0] == 0 and sum(got) == 60


def test_the_one_that_answers_soonest(group):
    some = group(slow={0: 0.03}, replica_choice="latency")
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
        for _ in range(50):  # one by one, so that each is seen
            conn.call("GET", "k")
        before = some.calls()
        begun = time.monotonic()
        for _ in range(100):
            assert conn.call("GET", "k") == bulk("v")
        assert time.monotonic() - begun < 2
        _, slow, fast = [after - one for one, after in zip(before, some.calls())]
        assert fast > 80 > 20 > slow, (slow, fast)


def test_shards_have_replicas_of_their_own(own_servers, make_proxy, ring, fresh):
    primaries = own_servers(Primary, 3)
    replicas = [own_servers(servers.Replica, 1, primary=node)[0] for node in primaries]
    patient = {**HEALTH, "timeout": "20s"}  # none of them is to be taken for stalled
    pool = slipring.pool("redis", primaries, reads="prefer-replica", health=patient)
    for row, node in zip(pool["shards"], replicas):
        row["replicas"] = [node.name]
    proxy = make_proxy(pool)
    prefix = fresh()
    keys = [key for name in ring.names for key in ring.keys(name, 10, prefix)]
    with proxy.connect() as conn:
        for key in keys:
            assert conn.call("SET", key, b"=" + key) == OK
        wait_until(lambda: all(node.follows() for node in replicas), "the replicas")
        wait_until(lambda: all(one["reads"] == "ok" for shard in proxy.status()["pools"][0]["shards"]
                               for one in shard["replicas"]), "the proxy to have heard from them")
        assert conn.call("MGET", *keys) == array([b"=" + key for key in keys])
        for key in keys:
            assert conn.call("GET", key) == bulk(b"=" + key)
        assert conn.call("EXISTS", *keys) == integer(30)
    for node in primaries:
        assert [calls(node, name) for name in ("get", "mget", "exists")] == [0, 0, 0]
    for node in replicas:
        assert [calls(node, name) for name in ("get", "mget", "exists")] == [10, 1, 1]


def test_a_client_may_choose_for_itself(group):
    some = group(reads="primary")
    with some.proxy.connect() as conn, some.proxy.connect() as other:
        some.set(conn, "k", "v")
        assert conn.call("READONLY") == OK
        assert some.reads(conn)[0] == 0
        assert some.reads(other) == [60, 0, 0]
        assert conn.call("READWRITE") == OK
        assert some.reads(conn) == [60, 0, 0]
        assert conn.call("READONLY") == OK
        assert some.reads(conn)[0] == 0
        assert conn.call("RESET") == b"+RESET\r\n"
        assert some.reads(conn) == [60, 0, 0]


def test_a_client_may_have_the_primary(group):
    some = group()
    with some.proxy.connect() as conn, some.proxy.connect() as other:
        some.set(conn, "k", "v")
        assert conn.call("READWRITE") == OK
        assert some.reads(conn) == [60, 0, 0]
        assert some.reads(other)[0] == 0
        assert conn.call("READONLY") == OK
        assert some.reads(conn)[0] == 0


@pytest.mark.parametrize("reads, at", [("primary", 60), ("prefer-replica", 0)])
def test_reads_by_prefix(group, reads, at):
    other = "prefer-replica" if reads == "primary" else "primary"
    some = group(reads=reads, prefixes=[{"match": "lock:", "reads": other}])
    with some.proxy.connect() as conn:
        some.set(conn, "lock:k", "v")
        assert some.reads(conn, key="k")[0] == at
        assert some.reads(conn, key="lock:k")[0] == 60 - at
        assert some.reads(conn, key="lock")[0] == at


# -- what a client wrote --------------------------------------------------------------------------


def stale(some, **options):
    """A connection, and a replica whose link is held, so that it goes on saying what was."""
    conn = some.proxy.connect(**options)
    some.set(conn, "k", "old")
    some.set(conn, "other", "old")
    some.links[0].hold()
    return conn


@pytest.mark.parametrize("write", [
    ["SET", "k", "new"], ["MSET", "k", "new", "l", "x"], ["APPEND", "k", ""],
    ["GETSET", "k", "new"], ["SETEX", "k", 100, "new"],
    ["EVAL", "return redis.call('set',KEYS[1],ARGV[1])", 1, "k", "new"],
], ids=lambda words: words[0])
def test_read_your_writes(group, write):
    """For so long, of that key alone; and then it is the replica's again."""
    some = group(zones=(None,), far=(0,), read_your_writes="700ms")
    with stale(some) as conn:
        time.sleep(0.8)  # the writes of the beginning are over
        assert conn.call("GET", "k") == bulk("old")
        assert calls(some.primary) == 0
        value = "old" if write[0] == "APPEND" else "new"
        begun = time.monotonic()
        conn.call(*write)
        while time.monotonic() - begun < 0.5:
            assert conn.call("GET", "k") == bulk(value)
            assert conn.call("MGET", "k", "other") == array([value, "old"])
            time.sleep(0.01)
        assert calls(some.primary) > 10
        time.sleep(0.4)
        before = some.calls()
        assert conn.call("GET", "other") == bulk("old")
        assert conn.call("GET", "k") == bulk("old")
        assert some.calls() == [before[0], before[1] + 2]


def test_read_your_writes_of_a_transaction(group):
    some = group(zones=(None,), far=(0,), read_your_writes="2s")
    with stale(some) as conn:
        got = conn.pipeline([command("MULTI"), command("SET", "k", "new"), command("EXEC"),
                             command("GET", "k")])
        assert got[-1] == bulk("new")


def test_read_your_writes_in_one_write(group):
    some = group(zones=(None,), far=(0,), read_your_writes="2s")
    with stale(some) as conn:
        for i in range(20):
            got = conn.pipeline([command("SET", "k", i), command("GET", "k"), command("INCR", "k"),
                                 command("GET", "k"), command("DEL", "k"), command("GET", "k")])
            assert got == [OK, bulk(i), integer(i + 1), bulk(i + 1), integer(1), bulk(None)]


@pytest.mark.parametrize("by, sees", [("connection", False), ("address", True), ("user", False)])
def test_whose_writes(group, by, sees):
    some = group(zones=(None,), far=(0,), read_your_writes="3s", read_your_writes_by=by,
                 users=[{"name": "u", "password": "p"}, {"name": "w", "password": "p"}])
    with some.proxy.connect() as conn, some.proxy.connect() as other, \
            some.proxy.connect() as same:
        for one, name in ((conn, "u"), (other, "w"), (same, "u")):
            assert one.call("AUTH", name, "p") == OK
        some.set(conn, "k", "old")
        time.sleep(3.1)
        some.links[0].hold()
        assert conn.call("SET", "k", "new") == OK
        assert conn.call("GET", "k") == bulk("new")
        assert other.call("GET", "k") == bulk("new" if sees else "old")
        assert same.call("GET", "k") == bulk("old" if by == "connection" else "new")


# -- replicas that are not well -------------------------------------------------------------------


class Reading:
    """Clients that read all the while; every error is kept."""

    def __init__(self, proxy, key, values, clients=3):
        self.proxy, self.key, self.values = proxy, key, [bulk(value) for value in values]
        self.stop, self.wrong, self.count, self.slowest = threading.Event(), [], 0, 0
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def run(self):
        try:
            with self.proxy.connect() as conn:
                while not self.stop.wait(0.002):
                    begun = time.monotonic()
                    reply = conn.call("GET", self.key)
                    self.slowest = max(self.slowest, time.monotonic() - begun)
                    self.count += 1
                    if reply not in self.values:
                        self.wrong.append(reply)
        except Exception as err:  # pylint: disable=broad-except
            self.wrong.append(repr(err))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.wrong, self.wrong[:3]

    def until(self, count):
        goal = self.count + count
        wait_until(lambda: self.count >= goal or self.wrong, f"{count} more reads")
        assert not self.wrong, self.wrong[:3]


def reading_of(some):
    """Clients that read what was set by way of the proxy."""
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
    return Reading(some.proxy, "k", ["v"])


def grows(node):
    """It answers reads, a few within a second."""
    before = calls(node)
    return wait_until(lambda: calls(node) > before + 3, "reads to come", seconds=10)


def assert_left_alone(node, reading):
    """A second from now on it gets no more reads, while others do."""
    time.sleep(SECOND)
    before = calls(node)
    reading.until(60)
    assert calls(node) == before


def test_a_stalled_replica(group):
    some = group()
    with reading_of(some) as reading:
        grows(some.replicas[0])
        some.replicas[0].pause()
        time.sleep(SECOND)
        begun = time.monotonic()
        reading.slowest = 0
        reading.until(100)
        assert time.monotonic() - begun < 2 * SECOND and reading.slowest < 0.3 * SECOND
        some.replicas[0].resume()
        grows(some.replicas[0])
    assert calls(some.primary) == 0


def test_all_replicas_stalled(group):
    some = group()
    with reading_of(some) as reading:
        reading.until(50)
        for node in some.replicas:
            node.pause()
        time.sleep(SECOND)
        reading.slowest = 0
        grows(some.primary)
        reading.until(100)
        assert reading.slowest < 0.3 * SECOND
        for node in some.replicas:
            node.resume()
        grows(some.replicas[0])
        grows(some.replicas[1])
        assert_left_alone(some.primary, reading)


def test_a_dead_replica(group):
    some = group()
    with reading_of(some) as reading:
        for _ in range(2):
            reading.until(30)
            some.replicas[0].kill()
            reading.until(100)
            some.replicas[0].start()
            grows(some.replicas[0])
    assert calls(some.primary) == 0


def test_all_replicas_dead(group):
    some = group()
    with reading_of(some) as reading:
        reading.until(30)
        for node in some.replicas:
            node.kill()
        grows(some.primary)
        reading.until(100)
        for node in some.replicas:
            node.start()
        grows(some.replicas[0])
        grows(some.replicas[1])
        assert_left_alone(some.primary, reading)


def fall_behind(primary):
    """Writes more than the replicas may lag, not by way of the proxy."""
    with primary.connect() as conn:
        for i in range(8):
            assert conn.call("SET", f"filler-{i}", "x" * 16384) == OK


def test_a_replica_that_lags(group):
    some = group(far=(0,), max_lag_bytes="64k")
    with reading_of(some) as reading:
        grows(some.replicas[0])
        some.links[0].hold()
        grows(some.replicas[0])  # not behind yet
        fall_behind(some.primary)
        assert_left_alone(some.replicas[0], reading)
        grows(some.replicas[1])
        some.links[0].mend()
        grows(some.replicas[0])
    assert calls(some.primary) == 0


def test_any_lag_will_do_without_a_limit(group):
    some = group(zones=(None,), far=(0,))
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
        some.links[0].hold()
        fall_behind(some.primary)
        time.sleep(0.5)
        assert some.reads(conn) == [0, 60]


def test_a_replica_that_lost_its_primary(group):
    """What it says of its own offset no longer counts."""
    some = group(far=(0,), max_lag_bytes="64k")
    with reading_of(some) as reading:
        grows(some.replicas[0])
        some.links[0].cut()
        fall_behind(some.primary)
        assert_left_alone(some.replicas[0], reading)
        some.links[0].mend()
        grows(some.replicas[0])
    assert calls(some.primary) == 0


def test_a_replica_that_follows_nobody(group):
    """Without a limit of the lag, the link must be up."""
    some = group()
    with reading_of(some) as reading:
        with some.replicas[0].connect() as node:
            assert node.call("REPLICAOF", servers.LOOPBACK, servers.free_port()) == OK
        assert_left_alone(some.replicas[0], reading)
        with some.replicas[0].connect() as node:
            assert node.call("REPLICAOF", *some.primary.address) == OK
        grows(some.replicas[0])
    assert calls(some.primary) == 0


def test_a_replica_that_serves_no_stale_data(group):
    """It answers MASTERDOWN, which is no client's business."""
    some = group(far=(0,))
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
    with some.replicas[0].connect() as node:
        assert node.call("CONFIG", "SET", "replica-serve-stale-data", "no") == OK
    with Reading(some.proxy, "k", ["v"]) as reading:
        grows(some.replicas[0])
        some.links[0].cut()
        assert_left_alone(some.replicas[0], reading)
        some.links[0].mend()
        grows(some.replicas[0])


def test_a_replica_that_is_loading(group, own_servers, tmp_path):
    some = group(zones=(None,))
    with some.primary.connect() as conn:
        conn.pipeline([command("SET", f"load-{i}", "x") for i in range(4000)])
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
    loading = servers.Replica(some.primary, folder=tmp_path, options=[
        "--key-load-delay", str(int(700 * SECOND)), "--loading-process-events-interval-bytes", "1024",
        "--repl-diskless-load", "disabled"])
    loading.port = some.replicas[0].port
    with Reading(some.proxy, "k", ["v"]) as reading:
        grows(some.replicas[0])
        some.replicas[0].kill()
        loading.start_only()
        try:
            wait_until(lambda: is_loading(loading), "the replica to load")
            time.sleep(SECOND)
            asked = rejected(loading)
            reading.until(100)
            assert is_loading(loading), "it should take longer"
            assert rejected(loading) == asked and asked < 50, asked
            wait_until(lambda: not is_loading(loading), "the replica to have loaded")
            grows(loading)
        finally:
            loading.kill()


def is_loading(node):
    try:
        return servers.info(node, "persistence")["loading"] == "1"
    except (OSError, wire.WireError, AttributeError):
        return False


def rejected(node):
    found = servers.info(node, "commandstats").get("cmdstat_get", "")
    found = re.search(r"rejected_calls=(\d+)", found)
    return int(found[1]) if found else 0


def test_a_loading_replica_that_answers_nothing_else(scripted, own_servers, make_proxy):
    """The scripted replica's LOADING never reaches a client."""
    primary, = own_servers(Primary, 1)
    replica, = scripted("redis")
    pool = slipring.pool("redis", [primary], reads="prefer-replica", health=HEALTH,
                         timeouts={"connect": "200ms", "request": "1s"})
    pool["shards"] = [{"name": "a", "primary": primary.name, "replicas": [replica.name]}]
    stop = threading.Event()

    def act():
        while not stop.is_set():
            found = replica.next(0.05)
            if found:
                try:
                    found[0].send(b"-LOADING Redis is loading the dataset in memory\r\n")
                except OSError:
                    pass

    thread = threading.Thread(target=act)
    thread.start()
    try:
        proxy = make_proxy(pool)
        with proxy.connect() as conn:
            assert conn.call("SET", "k", "v") == OK
            for _ in range(50):
                assert conn.call("GET", "k") == bulk("v")
                time.sleep(0.005)
        time.sleep(0.5)
        asked = sum(words[0].lower() == b"get" for words in replica.seen)
        with proxy.connect() as conn:
            for _ in range(50):
                assert conn.call("GET", "k") == bulk("v")
        assert sum(words[0].lower() == b"get" for words in replica.seen) <= asked + 2
    finally:
        stop.set()
        thread.join()


def test_the_primary_is_away_and_replicas_are_read(group):
    some = group()
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
        some.primary.kill()
        for _ in range(30):
            assert conn.call("GET", "k") == bulk("v")
        assert conn.call("SET", "k", "w").startswith(b"-ERR slipring: shard a: ")


@pytest.mark.parametrize("settings", [{}, {"max_lag_bytes": "64k"}], ids=["any-lag", "limit"])
def test_the_primary_stays_away_and_replicas_are_read(group, settings):
    """When they say that they lost it too: an old answer is better than none."""
    some = group(**settings)
    with some.proxy.connect() as conn:
        some.set(conn, "k", "v")
        some.primary.kill()
        for _ in range(150):
            assert conn.call("GET", "k") == bulk("v")
            time.sleep(0.01)
        some.primary.start()


def test_large_reads_and_many_clients(group):
    """With time enough for 48 MB on a slow machine: a probe waits behind what is read."""
    some = group(timeouts={"connect": "2s", "request": "20s"},
                 health={"every": "100ms", "timeout": "20s"})
    values = [bytes([65 + i]) * 200_000 for i in range(4)]
    with some.proxy.connect() as conn:
        for i, value in enumerate(values):
            some.set(conn, f"k{i}", value)
        conns = [some.proxy.connect() for _ in range(20)]
        for one in conns:
            one.send(b"".join(command("GET", f"k{i % 4}") for i in range(12)))
        for one in conns:
            for i in range(12):
                assert one.read_reply() == bulk(values[i % 4])
            one.close()
    assert calls(some.primary) == 0


# -- what is shown --------------------------------------------------------------------------------


def shown(some):
    """What status says of each replica, and the metrics' gauge of it."""
    shard, = some.proxy.status()["pools"][0]["shards"]
    gauges = [some.proxy.metric_sum(rf'slipring_replica_readable{{.*endpoint="{one["address"]}".*')
              for one in shard["replicas"]]
    return [(one["reads"], bool(gauge)) for one, gauge in zip(shard["replicas"], gauges)]


def test_status_and_metrics_say_why_a_replica_is_not_read(group):
    some = group()
    wait_until(lambda: shown(some) == [("ok", True), ("ok", True)], "both")
    some.replicas[0].pause()
    try:
        wait_until(lambda: shown(some)[0][1] is False, "the stalled one")
        assert shown(some)[0][0] in ("stalled", "unreachable") and shown(some)[1] == ("ok", True)
    finally:
        some.replicas[0].resume()
    wait_until(lambda: shown(some) == [("ok", True), ("ok", True)], "both again")
    assert some.proxy.metric_sum("slipring_replica_lag_bytes{") == 0
