"""discover: elasticache, end to end: the nodes are real memcached, the configuration endpoint is a script,
an old memcached that has the list under its key, or another Slipring."""

import collections
import json
import time

import pytest

import fleet
import load
import servers
import slipring
import wire
from wire import wait_until

GET, KEY = b"config get cluster", b"AmazonElastiCache:cluster"
IMPATIENT = {"request": "500ms"}  # where something stalls
OFTEN, NEVER = "100ms", "1h"
KEPT = "; the shards stay as they are"
Named = collections.namedtuple("Named", "name told connect")  # a node by another name than its address


def told(node):
    return node.told if isinstance(node, Named) else b"127.0.0.1|127.0.0.1|%d" % node.port


def payload(version, nodes):
    return b"%d\n%s\n" % (version, b" ".join(map(told, nodes)))


def block(head, data):
    return b"%s 0 %d\r\n%s\r\nEND\r\n" % (head, len(data), data)


class Endpoint(servers.Table):
    """Of a cluster; it has whatever list it is told last."""

    def tell(self, version, nodes):
        self.answers[GET] = block(b"CONFIG cluster", payload(version, nodes))


@pytest.fixture
def make_endpoint(scripted):
    """A factory of endpoints, with a list or without."""
    made = []

    def make(*version_and_nodes):
        made.append(Endpoint(scripted("memcached")[0]))
        if version_and_nodes:
            made[-1].tell(*version_and_nodes)
        return made[-1]

    yield make
    for endpoint in made:
        endpoint.end()


@pytest.fixture
def nodes(memcacheds):
    return memcacheds[:4]


@pytest.fixture
def dns(own_servers):
    return own_servers(fleet.Dnsmasq, 1)[0]


@pytest.fixture
def start(make_proxy):
    """A factory of proxies of one pool that asks this endpoint."""

    def make(endpoint, every=OFTEN, wait="readyz", pool=None, **settings):
        discover = {"elasticache": getattr(endpoint, "name", endpoint), "every": every}
        pool = slipring.pool("memcached", [], discover=discover, **(pool or {}))
        del pool["shards"]
        return make_proxy(pool, wait=wait, **settings)

    return make


def names_of(nodes):
    return sorted(node.name for node in nodes)


def wait_shards(proxy, nodes):
    wait_until(lambda: sorted(proxy.shards()) == names_of(nodes), f"{names_of(nodes)}")


def assert_placed(proxy, nodes, fresh, count=40):
    """What is stored through the proxy is at the node whose it is by the ring of libmemcached."""
    ring = wire.Ring(names_of(nodes))
    keys = [fresh() for _ in range(count)]
    with proxy.connect() as conn:
        for key in keys:
            assert conn.set(key, key) == b"STORED\r\n"
        assert len(conn.get(*keys)[0]) == count
        conn.assert_empty()
    for node in nodes:
        with node.connect() as direct:
            found = direct.get(*keys)[0]
        assert set(found) == {key for key in keys if ring.names[ring.index(key)] == node.name}


def assert_follows(proxy, nodes, fresh):
    wait_shards(proxy, nodes)
    assert_placed(proxy, nodes, fresh)


def assert_kept(proxy, endpoint, nodes, fresh):
    """Whatever it says now changes no shard and no key's place; clients see nothing of it."""
    before = proxy.status()["topology"]
    endpoint.wait_asked(2, GET)
    assert_placed(proxy, nodes, fresh)
    assert sorted(proxy.shards()) == names_of(nodes)
    assert proxy.status()["topology"] == before and proxy.get("/readyz")[0] == 200


# -- lists ----------------------------------------------------------------------------------------


def test_the_first_list_makes_the_pool_ready(start, make_endpoint, nodes, fresh):
    endpoint = make_endpoint()
    proxy = start(endpoint, wait="healthz")
    endpoint.wait_asked(2, GET)
    code, why = proxy.get("/readyz")
    assert code == 503 and f"{endpoint.name} answers with an error: ERROR" in why, why
    with proxy.connect() as conn:
        assert conn.set(b"k", b"v").startswith(b"SERVER_ERROR slipring: ")
    endpoint.tell(1, nodes[:3])
    proxy.wait_ready()
    assert_placed(proxy, nodes[:3], fresh)
    assert "pool main: discovery by elasticache: 3 shards" in proxy.log()


def test_nodes_come_and_go(start, make_endpoint, nodes, fresh, rng):
    endpoint, before = make_endpoint(1, nodes[:2]), nodes[:2]
    proxy = start(endpoint, workers=2)
    assert_placed(proxy, before, fresh)
    for version in range(2, 9):
        now = rng.sample(nodes, rng.randrange(1, 5))
        endpoint.tell(version * version, now)
        assert_follows(proxy, now, fresh)
        for sign, some in (("+", set(now) - set(before)), ("-", set(before) - set(now))):
            assert all(f"shard {sign}{node.name}" in proxy.log() for node in some)
        before = now


@pytest.mark.parametrize("version, picked, trouble", [
    (6, [0], "version 6 of the nodes is told, which is older than 7" + KEPT),
    (7, [2, 0, 1], None),
    (8, [1, 2, 0, 0], None),
], ids=["older", "the_same", "newer_and_no_other"])
def test_a_list_that_is_no_news(start, make_endpoint, nodes, fresh, version, picked, trouble):
    endpoint = make_endpoint(7, nodes[:3])
    proxy = start(endpoint)
    endpoint.tell(version, [nodes[i] for i in picked])
    assert_kept(proxy, endpoint, nodes[:3], fresh)
    assert proxy.log().count(": 3 shards") == 1
    assert trouble in proxy.log() if trouble else "warn" not in proxy.log()
    endpoint.tell(9, nodes[:1])
    wait_shards(proxy, nodes[:1])


ONE = b"99\n127.0.0.1|127.0.0.1|1\n"
NO_LISTS = {
    "nothing_known": b"END\r\n",
    "no_nodes": block(b"CONFIG cluster", b"99\n\n"),
    "no_node": block(b"CONFIG cluster", ONE[:-1] + b" 127.0.0.1:2\n"),
    "no_port": block(b"CONFIG cluster", ONE[:-2] + b"65536\n"),
    "short": block(b"CONFIG cluster", ONE).replace(b" %d\r" % len(ONE), b" 20\r"),
    "noise": bytes(range(256)) * 40,
    "huge": b"CONFIG cluster 0 99999999\r\n" + b"9" * 100000,
    "half": block(b"CONFIG cluster", ONE)[:-8],
    "stall": servers.STALL,
    "close": servers.CLOSE,
}


@pytest.mark.parametrize("answer", list(NO_LISTS))
def test_what_is_no_list_empties_no_pool(start, make_endpoint, nodes, fresh, answer):
    endpoint = make_endpoint(1, nodes[:3])
    proxy = start(endpoint, pool={"timeouts": IMPATIENT})
    endpoint.answers[GET] = NO_LISTS[answer]
    assert_kept(proxy, endpoint, nodes[:3], fresh)
    assert KEPT in proxy.log()
    endpoint.tell(2, nodes[1:4])
    wait_shards(proxy, nodes[1:4])
    assert "pool main: discovery by elasticache: all is well again" in proxy.log()


def named(dns, node, host, spelt=b"%s||%d"):
    """This node as `host`, of which DNS knows where it needs to; `spelt` is its place in a list."""
    if host.endswith(b".test"):
        dns.set(host.decode(), servers.LOOPBACK, 0)
    return Named(f"{host.decode()}:{node.port}", spelt % (host, node.port), node.connect)


def test_names_of_nodes(start, make_endpoint, dns, nodes, fresh):
    """The host is a node's name and where it is, also if it looks like a number; the IP is for where there
    is none. No client is sent to a name that is still being looked up."""
    spelt = [named(dns, nodes[0], b"1.test"), named(dns, nodes[1], b"0x7f.0.test", b"%s|10.9.9.9|%d"),
             named(dns, nodes[2], b"127.0.0.1"), named(dns, nodes[3], b"127.0.0.1", b"|%s|%d")]
    dns.set("cfg.test", servers.LOOPBACK, 0)
    endpoint = make_endpoint(1, spelt)
    proxy = start(f"cfg.test:{endpoint.port}", dns={"servers": [dns.name]})
    assert_follows(proxy, spelt, fresh)


def test_five_hundred_nodes(start, make_endpoint, nodes, fresh):
    """All but one are nobody: what belongs to that one is served, and the others are named."""
    node, hosts = nodes[0], [b"127.0.%d.%d" % (i // 250, i % 250 + 1) for i in range(500)]
    many = [Named(f"{host.decode()}:{node.port}", b"%s||%d" % (host, node.port), None) for host in hosts]
    endpoint = make_endpoint(1, nodes[:2])
    proxy = start(endpoint)
    endpoint.tell(2, many)
    wait_shards(proxy, many)
    assert "more like these" in proxy.log()
    ring = wire.Ring(names_of(many))
    with proxy.connect() as conn:
        key = ring.key(node.name)
        wait_until(lambda: conn.set(key, b"v") == b"STORED\r\n", "the one that answers")
        assert conn.set(ring.key(many[300].name), b"v").startswith(
            b"SERVER_ERROR slipring: shard %s: " % many[300].name.encode())
    endpoint.tell(3, nodes)
    assert_follows(proxy, nodes, fresh)


# -- who is asked, and when -----------------------------------------------------------------------


def store_list(node, version, nodes):
    """memcached knows no other question: it keeps the list under the key as engines before 1.4.14 do."""
    with node.connect() as conn:
        assert conn.set(KEY, payload(version, nodes)) == b"STORED\r\n"


def test_an_older_engine(start, own_servers, nodes, fresh):
    """A real one: it answers ERROR to the new question, and is a node of the list that it has."""
    old, = own_servers(servers.Memcached, 1)
    store_list(old, 1, [old])
    proxy = start(old)
    assert_placed(proxy, [old], fresh)
    store_list(old, 2, [old, *nodes[:2]])
    assert_follows(proxy, [old, *nodes[:2]], fresh)
    assert "warn" not in proxy.log()
    old.flush()
    wait_until(lambda: "it knows of no cluster" + KEPT in proxy.log(), "the loss")
    assert_placed(proxy, [old, *nodes[:2]], fresh)


@pytest.mark.parametrize("way, kind", [("refuses", "old"), ("stalls", "new"), ("closes", "old")])
def test_the_nodes_are_asked_when_the_endpoint_is_away(start, make_endpoint, own_servers, nodes,
                                                       fresh, way, kind):
    """One of its nodes knows what has changed meanwhile: a scripted one, or a memcached with the key."""
    knows = make_endpoint() if kind == "new" else own_servers(servers.Memcached, 1)[0]
    endpoint = make_endpoint(4, [*nodes[:2], knows])
    proxy = start(endpoint, pool={"timeouts": IMPATIENT})
    if way == "refuses":
        endpoint.down()
    else:
        endpoint.answers[GET] = servers.STALL if way == "stalls" else servers.CLOSE
    wait_until(lambda: KEPT in proxy.log(), "it to be missed")
    if kind == "new":
        knows.tell(5, nodes[1:])
    else:
        store_list(knows, 5, nodes[1:])
    assert_follows(proxy, nodes[1:], fresh)
    endpoint.tell(4, nodes[:2])  # it is back, with what was true before
    if way == "refuses":
        endpoint.up()
    assert_kept(proxy, endpoint, nodes[1:], fresh)
    endpoint.tell(6, nodes)
    wait_shards(proxy, nodes)


@pytest.mark.parametrize("reason", ["refresh", "a_dead_node"])
def test_it_is_asked_before_its_time(start, make_endpoint, own_servers, nodes, fresh, reason):
    """By an operator, and because a node cannot be reached any more: it may have been replaced."""
    mortal, = own_servers(servers.Memcached, 1)
    endpoint = make_endpoint(1, [mortal, *nodes[:2]])
    proxy = start(endpoint, every=NEVER)
    assert_placed(proxy, [mortal, *nodes[:2]], fresh)
    endpoint.tell(2, nodes[:3])
    assert sorted(proxy.shards()) == names_of([mortal, *nodes[:2]])
    if reason == "refresh":
        assert proxy.request("POST", "/v1/pools/main/refresh")[0] == 200
    else:
        mortal.kill()
    assert_follows(proxy, nodes[:3], fresh)


def test_a_reload_forgets_nothing(start, make_endpoint, nodes, fresh):
    """With other settings the same cluster goes on: its version counts, and its nodes may be asked."""
    knows = make_endpoint()
    endpoint = make_endpoint(4, [*nodes[:2], knows])
    proxy = start(endpoint)
    wait_shards(proxy, [*nodes[:2], knows])
    config = json.loads(json.dumps(proxy.config))
    config["pools"]["main"]["timeouts"] = {"connect": "400ms"}
    endpoint.tell(3, nodes)
    assert proxy.reload(config)[0] == 200
    endpoint.wait_asked(2, GET)
    assert "shard +" + nodes[3].name not in proxy.log()
    knows.tell(5, nodes[:3])
    assert_follows(proxy, nodes[:3], fresh)


# -- clients and chains ---------------------------------------------------------------------------


@pytest.mark.parametrize("by_name", [False, True], ids=["by_address", "by_name"])
def test_clients_go_on_while_the_list_changes(start, make_endpoint, dns, nodes, rng, by_name):
    """Nodes that leave still run, as when a cluster is scaled in: no client of pymemcache sees an error,
    and the keys of the one that stays are always there."""
    some = [named(dns, node, b"n%d.test" % i) for i, node in enumerate(nodes)] if by_name else nodes
    stays, *others = sorted(some, key=lambda node: node.name)
    endpoint, ring = make_endpoint(1, [stays]), wire.Ring(names_of(some))
    proxy = start(endpoint, workers=2, dns={"servers": [dns.name]})
    with load.Load(proxy.address(), "memcached", rate=1500, seed=rng.randrange(1 << 32),
                   steady=lambda key: ring.index(key) == 0) as clients:
        for version in range(2, 10):
            now = [stays, *rng.sample(others, rng.randrange(4))]
            endpoint.tell(version, now)
            wait_shards(proxy, now)
            clients.wait_more(100)
    clients.assert_no_errors()
    clients.check(load.read_from(stays))
    assert clients.misses == 0, clients.report()


def listed(nodes, listen):
    """A pool whose shards have the names that whoever discovers them gives them."""
    return slipring.pool("memcached", nodes, names=[node.name for node in nodes], listen=listen)


def test_a_slipring_as_the_endpoint(start, make_proxy, nodes, fresh):
    """It tells what it is configured with, and one that asks it follows its reloads."""
    listen = f"{servers.LOOPBACK}:{servers.free_port()}"
    first = make_proxy(listed(nodes[:2], listen))
    second = start(listen)
    assert_placed(second, nodes[:2], fresh)
    config = {**first.config, "pools": {"main": listed(nodes[:3], listen)}}
    assert first.reload(config)[0] == 200
    for proxy in (second, first):
        assert_follows(proxy, nodes[:3], fresh)
    version = first.status()["topology"]
    first.stop()
    wait_until(lambda: KEPT in second.log(), "it to be missed")
    assert_placed(second, nodes[:3], fresh)
    wait_until(lambda: time.time() > version + 1, "a later version")
    make_proxy(listed(nodes[1:], listen))
    assert_follows(second, nodes[1:], fresh)


def times_asked(proxy):
    commands = proxy.status()["pools"][0]["commands"]
    return sum(row["requests"] for row in commands if row["name"] == "config")


def test_a_chain_of_sliprings(start, make_endpoint, nodes, fresh):
    """One that has just been started and knows no nodes yet tells nobody of others."""
    endpoint = make_endpoint(1, nodes[:3])
    first = start(endpoint)
    listen = first.config["pools"]["main"]["listen"]
    second = start(listen)
    assert_placed(second, nodes[:3], fresh)
    version = first.status()["topology"]
    first.stop()
    endpoint.answers[GET] = servers.STALL
    wait_until(lambda: time.time() > version + 1, "a later version")
    first = start(endpoint, wait="healthz", pool={"listen": listen})
    with first.connect() as conn:
        assert conn.call(GET) == b"END\r\n"
    wait_until(lambda: times_asked(first) > 2, "the second to ask")
    assert_placed(second, nodes[:3], fresh)
    endpoint.tell(2, nodes)
    for proxy in (first, second):
        assert_follows(proxy, nodes, fresh)
