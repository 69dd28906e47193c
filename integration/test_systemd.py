"""What a service manager is told, and the sockets that it passes."""

import os
import select
import signal
import socket
import subprocess
import sys

import pytest

import servers
import slipring
import wire
from wire import OK, bulk, wait_until

# Becomes slipring, argv[3:], with the sockets argv[1] (numbers) as descriptors 3, 4, ... and no
# other; argv[2] is what LISTEN_FDS says.
LAUNCHER = """
import os, sys
fds = [int(word) for word in sys.argv[1].split(",") if word]
for fd in fds:
    os.set_inheritable(fd, False)
fds = [os.dup2(fd, 200 + i, inheritable=False) for i, fd in enumerate(fds)]
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = sys.argv[2]
os.execv(sys.argv[3], sys.argv[3:])
"""


class Manager:
    """The end of NOTIFY_SOCKET that systemd has."""

    def __init__(self, path):
        self.path = str(path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.settimeout(wire.WAIT)

    def next(self):
        """The next message as a dict."""
        text = self.sock.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.splitlines())

    def is_silent(self):
        return not select.select([self.sock], [], [], 0)[0]


@pytest.fixture
def manager(tmp_path, monkeypatch):
    one = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", one.path)
    yield one
    one.sock.close()


class Activated(slipring.Proxy):
    """`slipring run` with sockets that were passed to it."""

    def __init__(self, directory, config, sockets, names=None, count=None):
        launcher = [sys.executable, "-c", LAUNCHER, ",".join(str(s.fileno()) for s in sockets),
                    count or str(len(sockets)), slipring.binary(), "run", "-c", "slipring.yaml"]
        directory.mkdir(parents=True)
        (directory / "slipring.yaml").write_text(slipring.to_yaml(config) + "\n")
        self.directory, self.config = directory, config
        self.admin = config.get("admin", {}).get("listen")
        self.errors = directory / "stderr"
        environment = slipring.base_environment()
        if names:
            environment["LISTEN_FDNAMES"] = names
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                launcher, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                env=environment, cwd=str(directory), pass_fds=[s.fileno() for s in sockets])
        self.pid, self.ended = self.process.pid, False


@pytest.fixture
def activate(tmp_path):
    """activate(config, sockets): a proxy that is stopped at the end."""
    started = []

    def make(config, sockets, **options):
        config = {"workers": 1, "shutdown_grace": "5s", **config}
        started.append(Activated(tmp_path / f"activated-{len(started)}", config, sockets,
                                 **options))
        return started[-1]

    yield make
    for proxy in started:
        proxy.stop()


def listening(address):
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX)
    else:
        sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in address[0]:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(address)
    sock.listen(64)
    return sock


# -- what is told ---------------------------------------------------------------------------------


def test_ready_and_stopping(manager, make_proxy, redises):
    proxy = make_proxy(slipring.pool("redis", redises[:3]), wait=None)
    ready = manager.next()
    assert ready["READY"] == "1" and ready["STATUS"] == "Serving"
    # It listens at once, and its connections to the nodes are on their way.
    with proxy.connect() as conn:
        assert conn.call("SET", "systemd", 1) == OK
    proxy.signal(signal.SIGTERM)
    stopping = manager.next()
    assert stopping["STOPPING"] == "1" and stopping["STATUS"] == "Draining"
    assert proxy.wait() == 0
    assert manager.is_silent()


def test_not_ready_where_it_cannot_listen(manager, make_proxy, redises):
    with listening((servers.LOOPBACK, 0)) as taken:
        listen = f"{servers.LOOPBACK}:{taken.getsockname()[1]}"
        proxy = make_proxy(slipring.pool("redis", redises[:3], listen=listen), wait=None)
        assert proxy.wait() == 1
    assert manager.is_silent()


def test_ready_without_its_nodes(manager, make_proxy):
    """A node that is away is no reason not to start: /readyz tells of it."""
    proxy = make_proxy(slipring.pool("redis", [f"{servers.LOOPBACK}:{servers.free_port()}"]),
                       wait=None)
    assert manager.next()["READY"] == "1"
    assert proxy.get_status("/readyz") == 503


def test_takeover_is_told_by_both(manager, make_proxy, redises, tmp_path):
    """The old process is not stopping before its clients are done: a manager would set a limit."""
    path = str(tmp_path / "takeover.sock")
    old = make_proxy(slipring.pool("redis", redises[:3]), wait=None, takeover=path)
    assert manager.next()["READY"] == "1"
    with old.connect() as conn:
        assert conn.call("PING") == b"+PONG\r\n"
        settings = {name: value for name, value in old.config.items() if name != "pools"}
        make_proxy(old.config["pools"], wait=None, **settings)
        told = [manager.next(), manager.next()]
        assert sorted(one.get("READY", "0") for one in told) == ["0", "1"]
        assert any(one["STATUS"].startswith("Taken over") for one in told)
        assert not any("STOPPING" in one for one in told)
    assert manager.next()["STOPPING"] == "1"
    assert old.wait() == 0


@pytest.mark.parametrize("path", [None, "/nonexistent/notify"])
def test_without_a_manager(make_proxy, redises, monkeypatch, path):
    if path:
        monkeypatch.setenv("NOTIFY_SOCKET", path)
    else:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    proxy = make_proxy(slipring.pool("redis", redises[:3]))
    assert ("service manager cannot be told" in proxy.log()) == bool(path)


# -- sockets that are passed ----------------------------------------------------------------------


def test_sockets_are_used(activate, redises, memcacheds, tmp_path):
    """TCP and unix, for pools and admin; connections that waited before the start are served."""
    path = str(tmp_path / "redis.sock")
    ports = [servers.free_port() for _ in range(3)]
    sockets = [listening((servers.LOOPBACK, ports[0])), listening(path),
               listening((servers.LOOPBACK, ports[1]))]
    early = wire.RespConnection(path)
    early.send(wire.command("PING"))
    proxy = activate({
        "admin": {"listen": f"{servers.LOOPBACK}:{ports[1]}"},
        "pools": {"m": slipring.pool("memcached", memcacheds[:3],
                                     listen=f"{servers.LOOPBACK}:{ports[0]}"),
                  "r": slipring.pool("redis", redises[:3],
                                     listen=[f"unix:{path}", f"{servers.LOOPBACK}:{ports[2]}"])},
    }, sockets)
    early.expect(b"+PONG\r\n")
    early.close()
    proxy.wait_ready()
    assert "closed" not in proxy.log()
    with proxy.connect("m") as conn:
        assert conn.set(b"systemd", b"x") == b"STORED\r\n"
    with wire.RespConnection((servers.LOOPBACK, ports[2])) as conn:
        assert conn.call("SET", "systemd", 1) == OK
        assert conn.call("GET", "systemd") == bulk("1")
    # The sockets are the manager's: the next start finds what waits in them, and the file.
    proxy.stop()
    assert os.path.exists(path)
    waiting = wire.RespConnection(path)
    waiting.send(wire.command("PING"))
    again = activate({"pools": {"r": slipring.pool("redis", redises[:3],
                                                   listen=f"unix:{path}")}}, [sockets[1]])
    waiting.expect(b"+PONG\r\n")
    waiting.close()
    again.stop()
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize("listen", ["*", "0.0.0.0"])
def test_socket_of_both_families(activate, redises, listen):
    """ListenStream=PORT: one socket for IPv4 and IPv6."""
    port = servers.free_port()
    try:
        sock = listening(("::", port))
    except OSError:
        pytest.skip("no IPv6 here")
    proxy = activate({"pools": {"r": slipring.pool("redis", redises[:3],
                                                   listen=f"{listen}:{port}")}}, [sock])
    with wire.RespConnection((servers.LOOPBACK, port)) as conn:
        assert conn.call("PING") == b"+PONG\r\n"
    assert "closed" not in proxy.log()
    sock.close()


def test_sockets_that_fit_nothing_are_closed(activate, redises, tmp_path):
    port, listen = servers.free_port(), servers.free_port()
    path = str(tmp_path / "other.sock")
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sockets = [listening((servers.LOOPBACK, port)), listening(path), datagram]
    proxy = activate({"pools": {"r": slipring.pool("redis", redises[:3],
                                                   listen=f"{servers.LOOPBACK}:{listen}")}},
                     sockets, names="one:two:udp")
    wait_until(lambda: proxy.accepts((servers.LOOPBACK, listen)), "the listener")
    with wire.RespConnection((servers.LOOPBACK, listen)) as conn:
        assert conn.call("PING") == b"+PONG\r\n"
    for text in (f"{servers.LOOPBACK}:{port}", f"unix:{path}"):
        assert f"the socket {text} that was passed is no listen address" in proxy.log()
    assert "LISTEN_FDS, udp: " in proxy.log()
    assert os.path.exists(path)
    links = [os.readlink(f"/proc/{proxy.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{proxy.pid}/fd")]
    for sock in sockets:
        assert os.readlink(f"/proc/self/fd/{sock.fileno()}") not in links
        sock.close()


def test_variables_for_another_process_are_ignored(make_proxy, redises, monkeypatch):
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "3")
    proxy = make_proxy(slipring.pool("redis", redises[:3]))
    assert "LISTEN_FDS" not in proxy.log()


@pytest.mark.parametrize("value", ["x", "-1", "999999999999"])
def test_variables_that_are_wrong(activate, redises, value):
    listen = servers.free_port()
    proxy = activate({"pools": {"r": slipring.pool(
        "redis", redises[:3], listen=f"{servers.LOOPBACK}:{listen}")}}, [], count=value)
    wait_until(lambda: proxy.accepts((servers.LOOPBACK, listen)), "the listener")
    assert "LISTEN_FDS cannot be used" in proxy.log()


def test_socket_goes_on_to_the_next_process(activate, make_proxy, redises, tmp_path):
    """A manager's socket stays the manager's: the last process leaves its file."""
    path, meeting = str(tmp_path / "redis.sock"), str(tmp_path / "takeover.sock")
    sock = listening(path)
    pool = slipring.pool("redis", redises[:3], listen=f"unix:{path}")
    old = activate({"takeover": meeting, "pools": {"r": pool}}, [sock])
    wait_until(lambda: old.accepts(path) and os.path.exists(meeting), "the first one")
    new = make_proxy({"r": pool}, wait=None, takeover=meeting)
    wait_until(lambda: "accepts no more" in new.log(), "the takeover")
    assert old.wait() == 0
    with wire.RespConnection(path) as conn:
        assert conn.call("PING") == b"+PONG\r\n"
    new.stop()
    assert os.path.exists(path) and not os.path.exists(meeting)
    sock.close()


# -- the unit files -------------------------------------------------------------------------------


def test_unit_files():
    """What they must say for this to work."""
    service = (slipring.ROOT / "conf" / "slipring.service").read_text()
    for line in ("Type=notify", "ExecReload=/bin/kill -HUP $MAINPID"):
        assert line in service.splitlines()
    assert "AF_UNIX" in service  # by which the manager is told
    sockets = (slipring.ROOT / "conf" / "slipring.socket").read_text()
    assert "ListenStream=127.0.0.1:6379" in sockets.splitlines()
