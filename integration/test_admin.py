"""The admin endpoints and `slipring status`."""

import json
import re
import shutil
import socket
import subprocess

import pytest

import servers
import slipring
import wire
from wire import OK, command, wait_until

QUICK = {"connect": "300ms", "request": "500ms"}


@pytest.fixture(scope="module")
def proxy(module_proxy, memcacheds, redises):
    """Two pools, one of each protocol, after a little traffic."""
    made = module_proxy({
        "pages": slipring.pool("memcached", memcacheds[:3]),
        "sessions": slipring.pool("redis", redises[:3]),
    }, workers=2)
    with made.connect("pages") as mc, made.connect("sessions") as redis:
        for i in range(100):
            mc.set(b"admin%d" % i, b"x")
            redis.call("SET", b"admin%d" % i, "x")
        mc.get(*[b"admin%d" % i for i in range(100)])
        redis.call("MGET", *[b"admin%d" % i for i in range(100)])
        redis.call("NOPE")
        mc.call(b"nope")
    return made


def test_health_and_readiness(proxy):
    assert proxy.get("/healthz")[0] == 200
    assert proxy.get("/readyz")[0] == 200


@pytest.mark.parametrize("path", ["/", "/nope", "/metrics/", "/v1", "/v1/status/x", "/healthz2",
                                  "/..%2f", "/v1/hotkeys", "/v1/reshard"])
def test_unknown_paths(proxy, path):
    assert proxy.get(path)[0] == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/status"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods(proxy, method, path):
    status, _body, headers = proxy.request(method, path)
    assert status == 405
    assert "GET" in {k.lower(): v for k, v in headers.items()}.get("allow", "GET")


def test_head(proxy):
    status, body, _headers = proxy.request("HEAD", "/healthz")
    assert status in (200, 405) and body == ""


def test_query_strings_are_no_part_of_the_path(proxy):
    assert proxy.get("/healthz?x=1")[0] == 200


# -- metrics --------------------------------------------------------------------------------------


def test_promtool_has_nothing_to_say(proxy):
    if not shutil.which("promtool"):
        pytest.skip("promtool (Debian: prometheus) is not installed")
    status, body, headers = proxy.request("GET", "/metrics")
    assert status == 200
    kind = {k.lower(): v for k, v in headers.items()}["content-type"]
    assert kind.startswith("text/plain") and "version=0.0.4" in kind
    done = subprocess.run(["promtool", "check", "metrics"], input=body, text=True,
                          capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_metric_names(proxy):
    body = proxy.get("/metrics")[1]
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", body, re.M))
    assert types
    for name, kind in types.items():
        assert name.startswith("slipring_"), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|us|milliseconds|microseconds|kb|kib|mb)(_|$)", name), name
    assert "histogram" in types.values()


def test_metrics_tell_pools_shards_and_commands(proxy):
    names = proxy.metrics()
    for label in ('pool="pages"', 'pool="sessions"', 'shard="a"', 'shard="c"'):
        assert any(label in name for name in names), label
    assert any('command="get"' in name.lower() for name in names)
    assert any('command="mget"' in name.lower() for name in names)
    assert any("_bucket" in name and 'le="+Inf"' in name for name in names)


def test_counters_count(proxy):
    pattern = r'^slipring_\w*(requests|commands)\w*_total\{.*command="set"'
    before = proxy.metric_sum(pattern)
    with proxy.connect("sessions") as conn:
        for i in range(50):
            conn.call("SET", b"count%d" % i, "x")
    wait_until(lambda: proxy.metric_sum(pattern) == before + 50, "50 more")


def test_histograms_are_whole(proxy):
    """Buckets never fall, and the last is the count."""
    series = {}
    for line in proxy.get("/metrics")[1].splitlines():
        found = re.match(r'(\w+)_bucket\{(.*?),?le="([^"]+)"\} (\S+)$', line)
        if found:
            name, labels, bound, value = found.groups()
            series.setdefault((name, labels), []).append((float(bound), float(value)))
    assert series
    metrics = proxy.metrics()
    for (name, labels), rows in series.items():
        assert rows == sorted(rows) and rows[-1][0] == float("inf"), name
        assert [v for _, v in rows] == sorted(v for _, v in rows), name
        assert f"{name}_sum" + ("{%s}" % labels if labels else "") in metrics, (name, labels)


# -- status ---------------------------------------------------------------------------------------


def test_status_document(proxy, memcacheds):
    status = proxy.status()
    assert status["pid"] == proxy.pid and status["workers"] == 2 and status["ready"] is True
    assert status["uptime_seconds"] >= 0 and status["version"]
    pools = {pool["name"]: pool for pool in status["pools"]}
    assert {name: pool["protocol"] for name, pool in pools.items()} == {
        "pages": "memcached", "sessions": "redis"}
    shards = pools["pages"]["shards"]
    assert [shard["name"] for shard in shards] == ["a", "b", "c"]
    for shard, node in zip(shards, memcacheds):
        endpoint = shard["endpoint"]
        assert shard["weight"] == 1
        assert endpoint["address"] == node.name
        assert endpoint["state"] == "up"
        assert endpoint["requests"] > 10 and endpoint["errors"] == 0
        assert endpoint["in_flight"] == 0 and not endpoint["last_error"]


def test_status_counts_clients(proxy):
    def clients():
        return {pool["name"]: pool["clients"] for pool in proxy.status()["pools"]}

    wait_until(lambda: clients() == {"pages": 0, "sessions": 0}, "no clients")
    with proxy.connect("pages") as one, proxy.connect("pages") as two:
        one.call(b"version")
        two.call(b"version")
        wait_until(lambda: clients() == {"pages": 2, "sessions": 0}, "two clients")
    wait_until(lambda: clients() == {"pages": 0, "sessions": 0}, "no clients again")


def test_status_command(proxy):
    done = proxy.run("status", "--admin", proxy.admin)
    assert done.returncode == 0, done.stderr
    for word in ("pages", "sessions", "a", "b", "c", "up"):
        assert re.search(rf"\b{word}\b", done.stdout), (word, done.stdout)


def test_status_command_json(proxy):
    done = proxy.run("status", "--admin", proxy.admin, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    if isinstance(document, list):  # one for each address asked
        document = document[0]
    assert document["pid"] == proxy.pid
    assert [pool["name"] for pool in document["pools"]] == [
        pool["name"] for pool in proxy.status()["pools"]]


def test_status_command_of_nobody(proxy):
    address = f"{servers.LOOPBACK}:{servers.free_port()}"
    done = proxy.run("status", "--admin", address)
    assert done.returncode == 1
    assert address in done.stderr and "refused" in done.stderr
    assert not done.stdout


def test_status_command_with_wrong_arguments(proxy):
    assert proxy.run("status", "--nope").returncode == 2


# -- when shards are down -------------------------------------------------------------------------


def endpoint_of(proxy, name):
    shards = proxy.status()["pools"][0]["shards"]
    return next(shard["endpoint"] for shard in shards if shard["name"] == name)


def test_not_ready_when_all_shards_of_a_pool_are_down(make_proxy, own_servers, ring):
    nodes = own_servers(servers.Redis, 3)
    proxy = make_proxy(slipring.pool("redis", nodes, timeouts=QUICK))
    with proxy.connect() as conn:
        keys = [ring.key(name) for name in "abc"]
        for key in keys:
            assert conn.call("SET", key, 1) == OK
        nodes[0].kill()
        wait_until(lambda: b"refused" in conn.call("GET", keys[0]), "a refused connection")
        wait_until(lambda: endpoint_of(proxy, "a")["state"] != "up", "shard a not to be up")
        assert "refused" in endpoint_of(proxy, "a")["last_error"]
        assert endpoint_of(proxy, "a")["errors"] > 0
        assert endpoint_of(proxy, "b")["state"] == "up"
        assert proxy.get("/readyz")[0] == 200
        for node in nodes[1:]:
            node.kill()
        for key in keys[1:]:
            wait_until(lambda k=key: b"refused" in conn.call("GET", k), "a refused connection")
        wait_until(lambda: proxy.get("/readyz")[0] == 503, "/readyz to say 503")
        assert "main" in proxy.get("/readyz")[1]
        assert proxy.get("/healthz")[0] == 200
        status = proxy.status()
        assert status["ready"] is False and status["pools"][0]["ready"] is False
        for node in nodes:
            node.start()
        # a load balancer sends nobody to a proxy that is not ready: it must find out by itself
        wait_until(lambda: proxy.get("/readyz")[0] == 200, "/readyz to say 200 again", 30)
        for key in keys:
            wait_until(lambda k=key: conn.call("SET", k, 1) == OK, "the node")


def test_not_ready_when_started_without_any_node(make_proxy):
    addresses = [f"{servers.LOOPBACK}:{servers.free_port()}" for _ in range(2)]
    proxy = make_proxy(slipring.pool("memcached", addresses, timeouts=QUICK), wait="healthz")
    with proxy.connect() as conn:
        for i in range(20):
            assert conn.call(b"get k%d" % i).startswith(b"SERVER_ERROR slipring: shard ")
    wait_until(lambda: proxy.get("/readyz")[0] == 503, "/readyz to say 503")


def test_in_flight_is_seen(make_proxy, scripted):
    server = scripted("redis")[0]
    proxy = make_proxy(slipring.pool("redis", [server], timeouts={"request": "20s"}),
                       wait="healthz")
    with proxy.connect() as conn:
        conn.send(command("GET", "a") + command("GET", "b"))
        peers = [server.expect("GET", "a"), server.expect("GET", "b")]
        wait_until(lambda: endpoint_of(proxy, "a")["in_flight"] == 2, "two in flight")
        for peer in peers:
            peer.reply(None)
        assert [conn.read_reply() for _ in range(2)] == [wire.bulk(None)] * 2
        wait_until(lambda: endpoint_of(proxy, "a")["in_flight"] == 0, "none in flight")


# -- hostile callers ------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [
    b"", b"\r\n\r\n", b"GET\r\n\r\n", b"\0" * 1000, b"GET /healthz HTTP/9.9\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    b"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nx",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
])
def test_hostile_http(proxy, data):
    host, port = slipring.parse_address(proxy.admin)
    with socket.create_connection((host, port), timeout=1) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass
    assert proxy.get("/healthz")[0] == 200


def test_many_callers_at_once(proxy):
    host, port = slipring.parse_address(proxy.admin)
    socks = [socket.create_connection((host, port), timeout=wire.WAIT) for _ in range(50)]
    for sock in socks:
        sock.sendall(b"GET /metr")
    with proxy.connect("pages") as conn:
        assert conn.call(b"version").startswith(b"VERSION")
    for sock in socks:
        sock.close()
    assert proxy.get("/metrics")[0] == 200


def test_no_admin_unless_asked_for(tmp_path, memcacheds):
    config = {"pools": {"main": slipring.pool("memcached", memcacheds[:3])}}
    proxy = slipring.Proxy(tmp_path, config)
    try:
        with proxy.connect() as conn:
            assert conn.call(b"version").startswith(b"VERSION")
    finally:
        proxy.stop()
