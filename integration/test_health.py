"""What the proxy knows of its nodes by probing them: up or down, why, and which role they say they have."""

import re

import pytest

import servers
import slipring
import test_mc_sasl
from wire import OK, command, wait_until

HEALTH = {"every": "50ms", "timeout": "250ms", "fall": 2, "rise": 2}
QUICK = {"connect": "300ms", "request": "500ms"}
KINDS = {"redis": servers.Redis, "memcached": servers.Memcached}
REFUSED = "refuses the user or password (set 'credentials')"


class Known:
    """A proxy before nodes, and what it knows of the first, or of another by the shard's name."""

    def __init__(self, proxy):
        self.proxy = proxy

    def of(self, shard="a"):
        return self.proxy.shards()[shard]["endpoint"]

    def wait(self, health, error=None, shard="a"):
        """Until it says so; `error` is part of the reason."""

        def is_so():
            found = self.of(shard)
            return found["health"] == health and (error or "") in (found["health_error"] or "")

        wait_until(is_so, f"{shard} to be {health}: {error}")
        return self.of(shard)

    def wait_role(self, role, shard="a"):
        wait_until(lambda: self.of(shard)["role_said"] == role, f"{shard} to be a {role}")

    def wait_log(self, pattern):
        wait_until(lambda: re.search(pattern, self.proxy.log()), pattern)

    def healthy(self, node):
        """The gauge of a node."""
        found = self.proxy.metrics()
        return next(value for name, value in found.items()
                    if name.startswith("slipring_endpoint_healthy{") and f'"{node.name}"' in name)


@pytest.fixture
def watch(make_proxy):
    """watch("redis", nodes, ...): a proxy that has begun to probe them."""

    def begin(protocol, nodes, **settings):
        settings = {"health": HEALTH, "timeouts": QUICK, **settings}
        return Known(make_proxy(slipring.pool(protocol, nodes, **settings), wait="healthz"))

    return begin


@pytest.fixture(params=sorted(KINDS))
def protocol(request):
    return request.param


# -- nodes that go away ---------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["stalls", "dies"])
def test_a_node_goes_and_comes_back(watch, own_servers, protocol, way):
    """In status, in metrics, in the log; the other node is another matter."""
    node, other = own_servers(KINDS[protocol], 2)
    known = watch(protocol, [node, other])
    for shard in "ab":
        assert known.wait("up", shard=shard)["health_error"] is None
    assert known.healthy(node) == known.healthy(other) == 1
    node.pause() if way == "stalls" else node.kill()
    why = "did not answer in time" if way == "stalls" else "connection refused"
    known.wait("down", why)
    assert (known.healthy(node), known.healthy(other)) == (0, 1)
    known.wait_log(rf"pool main: shard a: {node.name} is down: .*{why} "
                   rf"\(\d+ probes in a row failed\); it was up for \d+\.\d s")
    assert known.of("b")["health"] == "up"
    node.resume() if way == "stalls" else node.start()
    assert known.wait("up")["health_error"] is None
    assert known.healthy(node) == 1
    known.wait_log(rf"pool main: shard a: {node.name} is up again after \d+\.\d s")
    assert "shard b" not in known.proxy.log()


def test_probes_and_their_failures_are_counted(watch, own_servers):
    node, = own_servers(servers.Redis, 1)
    known = watch("redis", [node])
    known.wait("up")
    before = known.proxy.metrics()
    wait_until(lambda: known.proxy.metrics()["slipring_health_probes_total"]
               > before["slipring_health_probes_total"] + 3, "more probes")
    assert before["slipring_health_probe_failures_total"] == 0
    node.kill()
    known.wait("down")
    assert known.proxy.metrics()["slipring_health_probe_failures_total"] >= HEALTH["fall"]


def test_a_probe_has_one_connection(watch, own_servers):
    """Also to a node that accepts and stalls: what is too late is closed before the next is made."""
    node, = own_servers(servers.Redis, 1)
    known = watch("redis", [node])
    known.wait("up")
    descriptors = known.proxy.descriptors()
    node.pause()
    known.wait("down")
    for _ in range(3):
        count = known.proxy.metrics()["slipring_health_probe_failures_total"]
        wait_until(lambda was=count: known.proxy.metrics()["slipring_health_probe_failures_total"]
                   > was, "another probe")
        assert known.proxy.descriptors() <= descriptors + 1  # this request's own
    node.resume()
    known.wait("up")


def test_status_shows_who_is_down(watch, own_servers, protocol):
    """With the reason, within 80 columns."""
    nodes = own_servers(KINDS[protocol], 2)
    known = watch(protocol, nodes)
    known.wait("up")
    known.wait("up", shard="b")
    nodes[0].pause()
    why = known.wait("down")["health_error"]
    lines = known.proxy.run("status", "--admin", known.proxy.admin).stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if nodes[0].name in line.split())
    assert "down" in lines[at].split()
    assert lines[at + 1].split() == why.split()
    assert "up" in next(line for line in lines if nodes[1].name in line.split()).split()
    assert all(len(line) <= 80 for line in lines), lines


# -- nodes that answer, and do not serve ----------------------------------------------------------


class Slow(servers.Redis):
    """Takes its time to load what it has."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.delay_us = folder, 0

    def command(self):
        return [*super().command(), "--dir", str(self.folder), "--key-load-delay",
                str(self.delay_us), "--loading-process-events-interval-bytes", "1024"]

    def ping(self, conn):
        """It has started when it answers, however."""
        return conn.call("PING") != b""


def test_a_node_that_is_loading_is_down(watch, tmp_path, request):
    """Though it answers, and knows its role."""
    node = Slow(tmp_path)
    request.addfinalizer(node.kill)
    node.start()
    with node.connect() as conn:
        conn.pipeline([command("SET", f"k{i}", "x" * 100) for i in range(2000)])
        assert conn.call("SAVE") == OK
    node.kill()
    known = watch("redis", [node])
    known.wait("down", "connection refused")
    node.delay_us = 2000
    node.start()
    known.wait("down", "is loading its data")
    with node.connect() as conn:
        assert conn.ask("ROLE")[0] == b"master"
    assert known.wait("up")["role_said"] == "primary"


def test_a_wrong_password_is_named(watch, own_servers):
    node, = own_servers(servers.Redis, 1)
    known = watch("redis", [node], credentials={"password": "right"})
    with node.connect() as conn:
        known.wait("down", REFUSED)  # it has none at all
        assert conn.call("CONFIG", "SET", "requirepass", "right") == OK
        known.wait("up")
        assert conn.call("CONFIG", "SET", "requirepass", "other") == OK
        assert conn.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").startswith(b":")
        known.wait("down", REFUSED)
        assert "right" not in known.proxy.log()


def test_a_node_that_asks_for_a_password(watch, own_servers):
    node, = own_servers(servers.Redis, 1)
    with node.connect() as conn:
        assert conn.call("CONFIG", "SET", "requirepass", "right") == OK
    watch("redis", [node]).wait("down", REFUSED)


@pytest.mark.parametrize("rules, role", [
    ("+ping +get +set", None), ("+ping +get +info", "primary"), ("+ping +role", "primary")])
def test_a_user_that_may_do_little(watch, own_servers, rules, role):
    """The node is up, whoever may ask for its role."""
    node, = own_servers(servers.Redis, 1)
    with node.connect() as conn:
        assert conn.call("ACL", "SETUSER", "app", "on", ">pw", "~*", *rules.split()) == OK
    known = watch("redis", [node], credentials={"username": "app", "password": "pw"})
    known.wait("up")
    known.wait_role(role)


class Sentinel(servers.Redis):
    def __init__(self, folder):
        super().__init__()
        self.file = folder / "sentinel.conf"
        self.file.write_text(f"port {self.port}\nbind {self.host}\n")

    def command(self):
        return [servers.program("redis-server"), str(self.file), "--sentinel"]


def test_a_sentinel_is_no_node(watch, tmp_path, request):
    sentinel = Sentinel(tmp_path)
    request.addfinalizer(sentinel.kill)
    sentinel.start()
    assert watch("redis", [sentinel]).wait("down", "is a Sentinel")["role_said"] is None


def test_another_kind_of_node(watch, redises, memcacheds):
    watch("redis", memcacheds[:1]).wait("down", memcacheds[0].name)
    watch("memcached", redises[:1]).wait("down", redises[0].name)


# -- memcached that asks who is there -------------------------------------------------------------


@pytest.fixture(scope="module")
def sasl(tmp_path_factory):
    """A memcached -S."""
    node = test_mc_sasl.SaslMemcached(test_mc_sasl.users_of(tmp_path_factory.mktemp("users")))
    node.start()
    yield node
    node.kill()


@pytest.mark.parametrize("password, health, error", [
    (test_mc_sasl.BACK, "up", None), ("wrong", "down", REFUSED), (None, "down", REFUSED)])
def test_memcached_with_sasl(watch, sasl, password, health, error):
    credentials = {"credentials": {"username": "node", "password": password}} if password else {}
    known = watch("memcached", [sasl], node_protocol="binary", **credentials)
    assert known.wait(health, error)["role_said"] is None


def test_memcached_with_sasl_speaks_no_text(watch, sasl):
    watch("memcached", [sasl]).wait("down", sasl.name)


# -- roles ----------------------------------------------------------------------------------------


def test_a_role_is_what_the_node_says(watch, own_servers):
    leader, node = own_servers(servers.Redis, 2)
    known = watch("redis", [node])
    known.wait_role("primary")
    with node.connect() as conn:
        assert conn.call("REPLICAOF", *map(str, leader.address)) == OK
        known.wait_role("replica")
        known.wait_log(rf"shard a: {node.name} says it is a replica of {leader.name} now")
        assert conn.call("REPLICAOF", "NO", "ONE") == OK
        known.wait_role("primary")
        known.wait_log(rf"shard a: {node.name} says it is a primary now")
    assert known.of()["health"] == "up"
