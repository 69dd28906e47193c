"""`slipring run` as a process: signals, ports, sockets, workers, no file at all."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time

import pytest

import servers
import slipring
import wire
from wire import OK, bulk, command, wait_until


def free_address():
    return f"{servers.LOOPBACK}:{servers.free_port()}"


@pytest.fixture
def end(request):
    """end(proxy) at the test's end, for proxies that are started by hand."""
    started = []
    yield started.append
    for proxy in started:
        proxy.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_proxy_ends_at_once(make_proxy, redises, number):
    proxy = make_proxy(slipring.pool("redis", redises[:3]))
    with proxy.connect() as conn:
        assert conn.call("PING") == b"+PONG\r\n"
        proxy.signal(number)
        assert proxy.wait() == 0
        conn.expect_closed()


def test_term_finishes_what_is_in_flight(make_proxy, scripted):
    server = scripted("redis")[0]
    proxy = make_proxy(slipring.pool("redis", [server], timeouts={"request": "20s"}),
                       wait="healthz", shutdown_grace="15s")
    conn, idle = proxy.connect(), proxy.connect()
    with conn, idle:
        conn.send(command("GET", "a") + command("GET", "b"))
        peers = [server.expect("GET", "a"), server.expect("GET", "b")]
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: not can_connect(proxy), "the listener to close")
        idle.expect_closed()
        assert proxy.process.poll() is None
        peers[0].reply("1")
        peers[1].reply("2")
        conn.expect(bulk("1") + bulk("2"))
        assert proxy.wait() == 0
        conn.expect_closed()


def can_connect(proxy):
    try:
        with proxy.connect() as conn:
            return conn.call("PING") == b"+PONG\r\n"
    except (OSError, wire.WireError):
        return False


@contextlib.contextmanager
def terminated(make_proxy, server, grace):
    """A proxy that was told to go while a client waits for its reply, and that client."""
    proxy = make_proxy(slipring.pool("redis", [server], timeouts={"request": "60s"}),
                       wait="healthz", shutdown_grace=grace)
    with proxy.connect() as conn:
        conn.send(command("GET", "a"))
        server.expect("GET", "a")
        proxy.signal(signal.SIGTERM)
        yield proxy, conn


def test_term_leaves_after_the_grace(make_proxy, scripted):
    with terminated(make_proxy, scripted("redis")[0], "300ms") as (proxy, conn):
        proxy.wait()
        conn.read_to_end()


def test_second_term_leaves_at_once(make_proxy, scripted):
    with terminated(make_proxy, scripted("redis")[0], "50s") as (proxy, conn):
        wait_until(lambda: not can_connect(proxy), "the listener to close")
        assert proxy.process.poll() is None
        proxy.signal(signal.SIGTERM)
        proxy.wait()  # within WAIT, far below the grace


def test_term_under_load_answers_what_it_took(make_proxy, redises):
    """Each client sees whole replies, then the end of the stream; never half a reply."""
    proxy = make_proxy(slipring.pool("redis", redises[:3]))
    wrong, counts = [], {}

    def work(number):
        count = 0
        try:
            with proxy.connect() as conn:
                while True:
                    assert conn.call("SET", b"term%d" % number, count) == OK
                    count += 1
        except (OSError, wire.WireError):
            if "conn" in locals() and conn.buffer:
                wrong.append(bytes(conn.buffer[:100]))
        except AssertionError as err:
            wrong.append(repr(err))
        counts[number] = count

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)  # some load
    proxy.signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert proxy.wait() == 0
    assert not wrong, wrong
    assert min(counts.values()) > 0
    for number in range(8):
        total = 0
        for node in redises[:3]:
            with node.connect() as conn:
                total = max(total, int(conn.ask("GET", b"term%d" % number) or 0))
        assert total >= counts[number] - 1  # the last that was acknowledged


def test_hup_is_ignored_with_a_line(make_proxy, redises):
    proxy = make_proxy(slipring.pool("redis", redises[:3]))
    with proxy.connect() as conn:
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: "HUP" in proxy.log(), "a line about HUP")
        assert conn.call("SET", "hup", 1) == OK
    assert can_connect(proxy)


def test_pipes_that_break_do_not_end_it(make_proxy, redises):
    proxy = make_proxy(slipring.pool("redis", redises[:3]))
    proxy.signal(signal.SIGPIPE)
    assert can_connect(proxy)


# -- starts that fail -----------------------------------------------------------------------------


def run_to_end(directory, config=None, arguments=None):
    """(exit status, stderr) of a run that is to end by itself."""
    proxy = slipring.Proxy(directory, config, arguments, wait=None)
    try:
        status = proxy.wait()
    except subprocess.TimeoutExpired:
        proxy.process.kill()
        proxy.wait()
        pytest.fail(f"still running: {proxy.log()}")
    proxy.check_log()
    return status, proxy.log()


def test_port_in_use(tmp_path, memcacheds, redises):
    pool = slipring.pool("memcached", memcacheds[:3], listen=redises[0].name)
    status, text = run_to_end(tmp_path, {"pools": {"main": pool}})
    assert status == 1
    assert redises[0].name in text and "in use" in text


def test_admin_port_in_use(tmp_path, memcacheds, redises):
    pool = slipring.pool("memcached", memcacheds[:3])
    status, text = run_to_end(
        tmp_path, {"admin": {"listen": redises[0].name}, "pools": {"main": pool}})
    assert status == 1
    assert redises[0].name in text and "in use" in text


def test_second_proxy_on_the_same_port(make_proxy, tmp_path, memcacheds):
    """Two would each get half of the clients; the second must say so and leave."""
    first = make_proxy(slipring.pool("memcached", memcacheds[:3]))
    config = {"pools": first.config["pools"]}
    status, text = run_to_end(tmp_path / "second", config)
    assert status == 1 and "in use" in text


def test_address_that_is_not_ours(tmp_path, memcacheds):
    pool = slipring.pool("memcached", memcacheds[:3], listen="192.0.2.1:11211")
    status, text = run_to_end(tmp_path, {"pools": {"main": pool}})
    assert status == 1 and "192.0.2.1:11211" in text


def test_no_file(tmp_path):
    status, text = run_to_end(tmp_path, arguments=["run", "-c", str(tmp_path / "none.yaml")])
    assert status == 1 and "none.yaml" in text


def test_broken_file(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("pools:\n  main:\n    protocoll: redis\n")
    status, text = run_to_end(tmp_path / "x", arguments=["run", "-c", str(path)])
    assert status == 1
    assert re.search(r"bad\.yaml:3:\d+: pools\.main\.protocoll: ", text) and "protocol" in text


@pytest.mark.parametrize("arguments", [["run", "--nope"], ["nope"], ["run", "-c"], ["run", "extra"],
                                       ["run", "--memcached"]])
def test_usage(tmp_path, arguments):
    assert run_to_end(tmp_path, arguments=arguments)[0] == 2


def test_help_and_version(tmp_path):
    for arguments in (["--help"], ["run", "--help"], ["status", "--help"], ["--version"]):
        done = subprocess.run([slipring.binary(), *arguments], capture_output=True, text=True,
                              timeout=20, check=False, env=slipring.base_environment())
        assert done.returncode == 0 and "slipring" in done.stdout and not done.stderr, arguments
    assert tmp_path


# -- without a file -------------------------------------------------------------------------------


def test_memcached_without_a_file(tmp_path, memcacheds, end):
    listen = free_address()
    proxy = slipring.Proxy(tmp_path, arguments=[
        "run", "--memcached", ",".join(node.name for node in memcacheds[:3]), "--listen", listen])
    end(proxy)
    address = slipring.parse_address(listen)
    wait_until(lambda: proxy.accepts(address), "the listener")
    with wire.McConnection(address) as conn:
        keys = [b"nofile%d" % i for i in range(60)]
        for key in keys:
            assert conn.set(key, key) == b"STORED\r\n"
        found, _ = conn.get(*keys)
        assert len(found) == 60
    names = [node.name for node in memcacheds[:3]]
    ring = wire.Ring(names)  # an unnamed shard's label is its address
    for index, node in enumerate(memcacheds[:3]):
        with node.connect() as direct:
            assert sorted(direct.get(*keys)[0]) == sorted(
                key for key in keys if ring.index(key) == index)


def test_redis_without_a_file(tmp_path, redises, end):
    listen = free_address()
    proxy = slipring.Proxy(tmp_path, arguments=[
        "run", "--redis", ",".join(node.name for node in redises[:3]), "--listen", listen])
    end(proxy)
    address = slipring.parse_address(listen)
    wait_until(lambda: proxy.accepts(address), "the listener")
    with wire.RespConnection(address) as conn:
        assert conn.call("MSET", *[b"n%d" % (i // 2) for i in range(40)]) == OK
        assert conn.call("GET", "n7") == bulk("n7")


def test_run_is_the_default_command(tmp_path, redises, end):
    config = {"pools": {"main": slipring.pool("redis", redises[:3])}}
    path = tmp_path / "x.yaml"
    path.write_text(slipring.to_yaml(config) + "\n")
    proxy = slipring.Proxy(tmp_path / "run", config, ["-c", str(path)], wait=None)
    end(proxy)
    proxy.wait_ready()
    assert can_connect(proxy)


def test_default_file_is_in_the_current_directory(tmp_path, redises, end):
    config = {"pools": {"main": slipring.pool("redis", redises[:3])}}
    (tmp_path / "slipring.yaml").write_text(slipring.to_yaml(config) + "\n")
    proxy = slipring.Proxy(tmp_path, config, ["run"], wait=None)
    end(proxy)
    proxy.wait_ready()
    assert can_connect(proxy)


# -- sockets and workers --------------------------------------------------------------------------


def test_unix_sockets_on_both_sides(make_proxy, tmp_path, memcacheds):
    node = tmp_path / "node.sock"
    user = ["-u", "root"] if os.geteuid() == 0 else []
    process = subprocess.Popen([servers.program("memcached"), "-s", str(node), *user])
    try:
        wait_until(node.exists, "memcached's socket")
        path = tmp_path / "pages.sock"
        pool = slipring.pool("memcached", [f"unix:{node}"], listen=[f"unix:{path}", free_address()])
        proxy = make_proxy(pool)
        with wire.McConnection(str(path)) as one, wire.McConnection(proxy.addresses()[1]) as two:
            assert one.set(b"unix", b"x") == b"STORED\r\n"
            assert two.call(b"get unix") == b"VALUE unix 0 1\r\nx\r\nEND\r\n"
        proxy.stop()
        assert not path.exists()
    finally:
        process.kill()
        process.wait()
    assert memcacheds


def test_unix_socket_left_by_a_crash_is_taken_over(make_proxy, tmp_path, memcacheds):
    path = tmp_path / "pages.sock"
    pool = slipring.pool("memcached", memcacheds[:3], listen=f"unix:{path}")
    first = make_proxy(pool)
    first.process.kill()
    first.wait()
    assert path.exists()
    make_proxy(pool)
    with wire.McConnection(str(path)) as conn:
        assert conn.call(b"version").startswith(b"VERSION")


def test_unix_socket_in_use(make_proxy, tmp_path, memcacheds):
    path = tmp_path / "pages.sock"
    pool = slipring.pool("memcached", memcacheds[:3], listen=f"unix:{path}")
    make_proxy(pool)
    status, text = run_to_end(tmp_path / "second", {"pools": {"main": pool}})
    assert status == 1 and str(path) in text
    with wire.McConnection(str(path)) as conn:
        assert conn.call(b"version").startswith(b"VERSION")


@pytest.mark.parametrize("workers", [2, 4])
def test_several_workers(make_proxy, redises, workers):
    proxy = make_proxy(slipring.pool("redis", redises[:3]), workers=workers)
    assert proxy.status()["workers"] == workers
    conns = [proxy.connect() for _ in range(4 * workers)]
    for i, conn in enumerate(conns):
        assert conn.call("SET", b"workers%d" % i, i) == OK
    for i, conn in enumerate(conns):
        for j in range(len(conns)):
            assert conn.call("GET", b"workers%d" % j) == bulk(str(j))
    ids = [conn.ask("CLIENT", "ID") for conn in conns]
    assert len(set(ids)) == len(ids)
    for conn in conns:
        conn.close()


def test_workers_auto(make_proxy, redises):
    proxy = make_proxy(slipring.pool("redis", redises[:3]), workers="auto")
    assert proxy.status()["workers"] == len(os.sched_getaffinity(proxy.pid))


def test_connections_to_each_node(make_proxy, redises):
    """Order within one client holds with several connections to a node."""
    proxy = make_proxy(slipring.pool("redis", redises[:3], connections=4))
    conns = [proxy.connect() for _ in range(12)]
    for i, conn in enumerate(conns):
        conn.send(b"".join(command("INCR", b"many%d-%d" % (proxy.pid, i)) for _ in range(300)))
    for conn in conns:
        assert [conn.read_reply() for _ in range(300)] == [b":%d\r\n" % n for n in range(1, 301)]
        conn.close()


def test_ipv6_loopback(make_proxy, redises):
    if not has_ipv6():
        pytest.skip("no IPv6 loopback here")
    port = servers.free_port()
    proxy = make_proxy(slipring.pool("redis", redises[:3], listen=f"[::1]:{port}"), wait=None)
    wait_until(lambda: proxy.accepts(("::1", port)), "the listener")
    with wire.RespConnection(("::1", port)) as conn:
        assert conn.call("PING") == b"+PONG\r\n"


def has_ipv6():
    import socket

    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


def test_host_names_as_addresses(make_proxy, redises):
    """localhost is resolved once at the start."""
    names = [f"localhost:{node.port}" for node in redises[:3]]
    proxy = make_proxy(slipring.pool("redis", names))
    with proxy.connect() as conn:
        assert conn.call("SET", "host", 1) == OK


def test_json_log(make_proxy, redises):
    import json

    proxy = make_proxy(slipring.pool("redis", redises[:3]), log={"level": "info", "format": "json"})
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: "HUP" in proxy.log(), "a line about HUP")
    for line in proxy.log().splitlines():
        assert isinstance(json.loads(line), dict), line
