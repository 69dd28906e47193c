"""Upgrading the binary: the next process takes the listening sockets of the one that runs."""

import array
import os
import signal
import socket
import stat
import threading
import time

import pymemcache
import pytest
import redis
import redis.backoff
import redis.retry

import servers
import slipring
import wire
from wire import OK, bulk, wait_until

UPGRADES = 5
HELLO = b"slipring-takeover 1"


@pytest.fixture
def meeting(tmp_path):
    """The path of the takeover socket."""
    return tmp_path / "takeover.sock"


@pytest.fixture
def run(make_proxy, meeting):
    """run(pools, ...): a proxy that can be taken over, or that takes over; not waited for."""

    def make(pools, wait=None, **settings):
        return make_proxy(pools, wait=wait, takeover=str(meeting), **settings)

    return make


def following(run, old, pools=None, **changes):
    """The next process, with the configuration of `old` but for the changes."""
    settings = {name: value for name, value in old.config.items()
                if name not in ("pools", "takeover")}
    return run(pools or old.config["pools"], **{**settings, **changes})


def has_taken_over(proxy):
    proxy.alive()
    return "accepts no more" in proxy.log()


def upgrade(run, old, **changes):
    new = following(run, old, **changes)
    wait_until(lambda: has_taken_over(new), "the takeover")
    return new


def refuses(address):
    try:
        wire.connect_socket(address).close()
    except ConnectionRefusedError:
        return True
    return False


def connect_meeting(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(wire.WAIT)
    sock.connect(str(path))
    return sock


def receive(sock):
    """A message and how many descriptors came with it; these are closed."""
    data, control, _, _ = sock.recvmsg(4096, socket.CMSG_SPACE(64 * 4))
    fds = array.array("i")
    for level, kind, payload in control:
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        fds.frombytes(payload)
    for fd in fds:
        os.close(fd)
    return data, len(fds)


def answers(proxy, name=None):
    with proxy.connect(name) as conn:
        if isinstance(conn, wire.RespConnection):
            return conn.call("PING") == b"+PONG\r\n"
        return conn.call(b"version\r\n").startswith(b"VERSION")


# -- under load -----------------------------------------------------------------------------------


class Clients:
    """Threads with real clients; every acknowledged INCR is counted, every error is kept."""

    def __init__(self):
        self.stopping = threading.Event()
        self.errors, self.acknowledged, self.connections = [], {}, 0
        self.lock = threading.Lock()
        self.threads = []

    def add(self, work, *args):
        thread = threading.Thread(target=self.guard, args=(work, *args), daemon=True)
        self.threads.append(thread)
        thread.start()

    def guard(self, work, *args):
        try:
            work(*args)
        except Exception as err:  # pylint: disable=broad-except
            self.errors.append(repr(err))

    def acknowledge(self, key, value):
        with self.lock:
            self.acknowledged[key] = self.acknowledged.get(key, 0) + 1
            count = self.acknowledged[key]
        if value != count:
            self.errors.append(f"{key}: {value} at acknowledgement {count}")

    def count_connection(self):
        with self.lock:
            self.connections += 1

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(wire.WAIT)
            assert not thread.is_alive()

    @staticmethod
    def redis_at(port):
        return redis.Redis(servers.LOOPBACK, port, socket_timeout=wire.WAIT,
                           single_connection_client=True,
                           retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))

    @staticmethod
    def memcached_at(port):
        return pymemcache.Client((servers.LOOPBACK, port), timeout=wire.WAIT)

    def redis_anew(self, port, key):
        while not self.stopping.is_set():
            self.count_connection()
            with self.redis_at(port) as client:
                self.acknowledge(key, client.incr(key))

    def memcached_anew(self, port, key):
        while not self.stopping.is_set():
            self.count_connection()
            client = self.memcached_at(port)
            self.acknowledge(key, client.incr(key, 1))
            client.close()

    def redis_long(self, port, key):
        with self.redis_at(port) as client:
            while not self.stopping.is_set():
                self.acknowledge(key, client.incr(key))
                time.sleep(0.002)

    def memcached_long(self, port, key):
        client = self.memcached_at(port)
        while not self.stopping.is_set():
            self.acknowledge(key, client.incr(key, 1))
            time.sleep(0.002)
        client.close()

    def total(self):
        with self.lock:
            return sum(self.acknowledged.values())


@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", [1, 2])
def test_upgrades_under_load(run, redises, memcacheds, fresh, workers):
    """None is refused, none is broken, and each acknowledged INCR was done once."""
    proxies = [run({"r": slipring.pool("redis", redises[:3]),
                    "m": slipring.pool("memcached", memcacheds[:3])},
                   wait="readyz", workers=workers)]
    clients = Clients()
    ports = {name: proxies[0].port(name) for name in "rm"}
    setter = clients.memcached_at(ports["m"])

    def start(kind, port, count):
        for _ in range(count):
            key = fresh().decode()
            if port == ports["m"]:
                assert setter.set(key, "0", noreply=False)
            clients.add(kind, port, key)

    start(clients.redis_anew, ports["r"], 3)
    start(clients.memcached_anew, ports["m"], 3)
    for _ in range(UPGRADES):
        start(clients.redis_long, ports["r"], 2)
        start(clients.memcached_long, ports["m"], 2)
        before = clients.total()
        wait_until(lambda b=before: clients.total() > b + 300 or clients.errors, "some load")
        proxies.append(upgrade(run, proxies[-1]))
    before = clients.total()
    wait_until(lambda: clients.total() > before + 300 or clients.errors, "some load after it")
    # The old ones have the clients that came to them, still.
    assert all(proxy.process.poll() is None for proxy in proxies)
    clients.stop()
    setter.close()
    assert not clients.errors, clients.errors[:5]
    assert clients.connections > 100
    for proxy in proxies[:-1]:
        assert proxy.wait() == 0
        assert "the last client has gone: draining" in proxy.log()
    check_counters(clients, redises[:3], memcacheds[:3])


def check_counters(clients, redises, memcacheds):
    """Each counter stands on one node; its value is the number of acknowledgements."""
    found = {}
    for node in redises:
        with node.connect() as conn:
            for key in clients.acknowledged:
                value = conn.ask("GET", key)
                if value is not None:
                    found[key] = int(value)
    for node in memcacheds:
        with node.connect() as conn:
            values, _ = conn.get(*[key.encode() for key in clients.acknowledged])
            found.update({key.decode(): int(value[1]) for key, value in values.items()})
    assert found == clients.acknowledged


def test_what_is_in_flight_and_who_is_idle(run, scripted):
    """The old process answers what it took, and an idle client of it is served on."""
    server = scripted("redis")[0]
    old = run(slipring.pool("redis", [server], timeouts={"request": "20s"}), wait="healthz")
    conn, idle = old.connect(), old.connect()
    with conn, idle:
        assert idle.call("PING") == b"+PONG\r\n"
        conn.send(wire.command("GET", "a"))
        peer = server.expect("GET", "a")
        upgrade(run, old)
        assert idle.call("PING") == b"+PONG\r\n"
        peer.reply("1")
        conn.expect(bulk("1"))
        conn.send(wire.command("GET", "b"))
        server.expect("GET", "b").reply("2")
        conn.expect(bulk("2"))
        assert old.process.poll() is None
    assert old.wait() == 0


def test_connections_that_wait_to_be_accepted(run, redises):
    """They wait in the socket, whichever process accepts by it."""
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    new = upgrade(run, old)
    new.signal(signal.SIGSTOP)
    waiting = [new.connect() for _ in range(50)]
    for conn in waiting:
        conn.send(wire.command("PING"))
    new.signal(signal.SIGCONT)
    newest = upgrade(run, new)
    for conn in waiting:
        conn.expect(b"+PONG\r\n")
        conn.close()
    assert old.wait() == 0 and new.wait() == 0
    assert answers(newest)


def test_takeover_grace(run, redises):
    """After it, clients of the old process are told to go as at TERM."""
    old = run(slipring.pool("redis", redises[:3]), wait="readyz", takeover_grace="300ms")
    with old.connect() as conn:
        assert conn.call("PING") == b"+PONG\r\n"
        new = upgrade(run, old)
        conn.expect_closed()
        assert old.wait() == 0
    assert "takeover_grace is over: draining" in old.log()
    assert answers(new)


def test_term_while_clients_are_served_on(run, redises):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    with old.connect() as conn:
        assert conn.call("PING") == b"+PONG\r\n"
        new = upgrade(run, old)
        old.signal(signal.SIGTERM)
        conn.expect_closed()
        assert old.wait() == 0
    assert answers(new)


# -- addresses ------------------------------------------------------------------------------------


def test_unix_sockets(run, tmp_path, redises, meeting):
    """The file stays while a process serves by it, and goes with the last one."""
    path = tmp_path / "redis.sock"
    old = run(slipring.pool("redis", redises[:3], listen=f"unix:{path}"), wait="readyz")
    inode = path.stat().st_ino
    with old.connect() as conn:
        new = upgrade(run, old)
        assert path.stat().st_ino == inode
        assert conn.call("SET", "takeover-unix", 1) == OK
        with new.connect() as other:
            assert other.call("GET", "takeover-unix") == bulk("1")
    assert old.wait() == 0
    assert path.stat().st_ino == inode and meeting.exists()
    assert answers(new)
    new.stop()
    assert not path.exists() and not meeting.exists()
    assert os.listdir(meeting.parent).count(meeting.name) == 0


def test_other_addresses(run, tmp_path, redises):
    """What is new is opened, what is gone is closed, its file too; what stays, stays."""
    kept, gone, new_one = [f"{servers.LOOPBACK}:{servers.free_port()}" for _ in range(3)]
    path = tmp_path / "gone.sock"
    old = run(slipring.pool("redis", redises[:3], listen=[kept, gone, f"unix:{path}"]),
              wait="readyz")
    new = upgrade(run, old, pools={"other": slipring.pool("redis", redises[:2],
                                                          listen=[new_one, kept])})
    assert old.wait() == 0
    wait_until(lambda: refuses(slipring.parse_address(gone)), "the address to be closed")
    assert not path.exists()
    for address in new.addresses("other"):
        with wire.RespConnection(address) as conn:
            assert conn.call("PING") == b"+PONG\r\n"
    for text in (gone, f"unix:{path}"):
        assert f"no longer listening at {text}" in new.log()


@pytest.mark.parametrize("host", ["localhost", "*"])
def test_names_of_several_addresses(run, redises, host):
    port = servers.free_port()
    old = run(slipring.pool("redis", redises[:3], listen=f"{host}:{port}"), wait=None)
    address = (servers.LOOPBACK, port)
    wait_until(lambda: old.accepts(address), "the listener")
    new = following(run, old)
    wait_until(lambda: has_taken_over(new), "the takeover")
    assert old.wait() == 0
    with wire.RespConnection(address) as conn:
        assert conn.call("PING") == b"+PONG\r\n"


def test_many_sockets(run, redises):
    """More than go into one message."""
    count = 150
    listen = [f"{servers.LOOPBACK}:{servers.free_port()}" for _ in range(count)]
    old = run(slipring.pool("redis", redises[:1], listen=listen), wait="readyz")
    new = upgrade(run, old)
    assert f"{count + 1} sockets" in new.log()
    assert old.wait() == 0
    for address in new.addresses():
        with wire.RespConnection(address) as conn:
            assert conn.call("PING") == b"+PONG\r\n"


def test_admin_address_goes_along(run, redises):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    conn = old.connect()
    new = upgrade(run, old)
    with conn:
        for _ in range(20):
            assert new.get("/healthz")[0] == 200
        assert new.status()["pools"]
        wait_until(lambda: new.get_status("/readyz") == 200, "the new one to be ready")
    assert old.wait() == 0


def test_admin_address_may_change(run, redises):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    before = old.admin
    new = upgrade(run, old, admin={"listen": f"{servers.LOOPBACK}:{servers.free_port()}"})
    assert old.wait() == 0
    assert new.get("/healthz")[0] == 200
    assert refuses(slipring.parse_address(before))


# -- what fails -----------------------------------------------------------------------------------


def ends_without(proxy, old, text):
    """The next process fails, says why, and the old one serves as before."""
    assert proxy.wait() == 1
    assert text in proxy.log(), proxy.log()
    proxy.check_log()
    for name in old.config["pools"]:
        assert answers(old, name)
        assert answers(old, name)


def test_wrong_configuration(run, redises, meeting):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    with old.connect() as conn:
        assert conn.call("PING") == b"+PONG\r\n"
        ends_without(following(run, old, workers="many"), old, "workers")
        assert conn.call("PING") == b"+PONG\r\n"
    new = upgrade(run, old)
    assert answers(new) and meeting.exists()
    assert old.wait() == 0


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_address_that_cannot_be_had(run, tmp_path, redises, kind):
    """Found after the sockets were passed: they go on with the old process, with their files."""
    path, other = tmp_path / "redis.sock", tmp_path / "taken.sock"
    listen = [f"unix:{path}", f"{servers.LOOPBACK}:{servers.free_port()}"]
    old = run(slipring.pool("redis", redises[:3], listen=listen), wait="readyz")
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family) as taken:
        taken.bind(str(other) if kind == "unix" else (servers.LOOPBACK, 0))
        taken.listen()
        text = f"unix:{other}" if kind == "unix" else f"{servers.LOOPBACK}:{taken.getsockname()[1]}"
        pool = slipring.pool("redis", redises[:3], listen=[*listen, text])
        ends_without(following(run, old, pools={"main": pool}), old, "Address already in use")
    assert path.exists()
    wait_until(lambda: "going on as before" in old.log(), "the old one's word")
    new = upgrade(run, old)
    assert answers(new)
    assert old.wait() == 0


def test_next_process_dies_with_the_sockets(run, redises, meeting):
    """A peer that got everything and ends without a word."""
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    with connect_meeting(meeting) as peer:
        peer.send(HELLO)
        assert receive(peer) == (b"sockets oo", 2)
        assert receive(peer) == (b"end 2", 0)
        assert answers(old)
        with connect_meeting(meeting) as second:
            assert receive(second) == (b"busy", 0)
    wait_until(lambda: "ended before it accepted: going on as before" in old.log(), "a line")
    assert answers(old)
    upgrade(run, old)
    assert old.wait() == 0


@pytest.mark.parametrize("data", [b"x", b"\0", b"slipring-takeover 1\n", b"ready", b"end 0",
                                  b"slipring-takeover 2", b"y" * 5000, b"sockets ooo"])
def test_garbage(run, redises, meeting, data):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    with connect_meeting(meeting) as peer:
        peer.send(data)
        assert peer.recv(100) == b""
    wait_until(lambda: "does not say what slipring does: going on" in old.log(), "a line")
    assert answers(old)


@pytest.mark.parametrize("words", [[HELLO, b"yours"], [HELLO, HELLO], [HELLO, b"readyy"]])
def test_garbage_later(run, redises, meeting, words):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    with connect_meeting(meeting) as peer:
        for word in words:
            peer.send(word)
        while receive(peer)[0]:
            pass
    wait_until(lambda: "does not say what slipring does: going on" in old.log(), "a line")
    assert answers(old)


def test_garbage_with_descriptors(run, redises, meeting):
    """They are not taken in."""
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    before = old.descriptors()
    for text in (HELLO, b"x"):
        with connect_meeting(meeting) as peer:
            socket.send_fds(peer, [text], [0] * 20)
            while receive(peer)[0] not in (b"", b"end 2"):
                pass
            assert old.descriptors() <= before + 1
        wait_until(lambda: old.descriptors() <= before, "the descriptors to be closed")
    assert answers(old)


def test_peer_that_says_nothing(run, redises, meeting):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    with connect_meeting(meeting) as peer:
        assert peer.recv(100) == b""  # it does not wait for ever
    assert "said nothing: going on as before" in old.log()
    assert answers(old)
    upgrade(run, old)
    assert old.wait() == 0


def test_term_while_the_next_process_starts(run, tmp_path, redises, meeting):
    """The next one may serve by the unix socket at any moment: its file stays."""
    path = tmp_path / "redis.sock"
    old = run(slipring.pool("redis", redises[:3], listen=f"unix:{path}"), wait="readyz")
    with connect_meeting(meeting) as peer:
        peer.send(HELLO)
        assert receive(peer) == (b"sockets oo", 2)
        assert receive(peer) == (b"end 2", 0)
        old.signal(signal.SIGTERM)
        assert old.wait() == 0
        assert peer.recv(100) == b""
    assert path.exists() and not meeting.exists()


class ScriptedOld:
    """Plays the old process, for what a real one cannot be made to say."""

    def __init__(self, meeting, *listeners):
        self.listeners = listeners
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(str(meeting))
        self.sock.listen()
        self.sock.settimeout(wire.WAIT)

    def pass_sockets(self):
        """Up to the next one's word that it accepts."""
        peer, _ = self.sock.accept()
        peer.settimeout(wire.WAIT)
        assert peer.recv(100) == HELLO
        count = len(self.listeners)
        socket.send_fds(peer, [b"sockets " + b"o" * count], [s.fileno() for s in self.listeners])
        peer.send(b"end %d" % count)
        assert peer.recv(100) == b"ready"
        return peer


@pytest.fixture
def scripted_old(tmp_path, meeting):
    """An old process with one unix listener, and its path."""
    path = str(tmp_path / "redis.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        old = ScriptedOld(meeting, listener)
        yield old, path
        old.sock.close()


def test_next_process_is_too_late(run, scripted_old, redises, meeting):
    """It gives way: it answers what it took, and leaves the old one's files."""
    old, path = scripted_old
    new = run(slipring.pool("redis", redises[:3], listen=f"unix:{path}"))
    peer = old.pass_sockets()
    with wire.RespConnection(path) as conn:
        assert conn.call("PING") == b"+PONG\r\n"
        peer.send(b"late")
        conn.expect_closed()
    assert new.wait() == 1
    assert "the process that runs already goes on" in new.log()
    new.check_log()
    assert os.path.exists(path) and meeting.exists()
    assert not [name for name in os.listdir(meeting.parent) if name.startswith("takeover.sock.")]


@pytest.mark.parametrize("how", ["silent", "gone"])
def test_old_process_never_says_that_it_let_go(run, scripted_old, redises, meeting, how):
    """The next one serves all the same, and the path and the files are its own."""
    old, path = scripted_old
    new = run(slipring.pool("redis", redises[:3], listen=f"unix:{path}"))
    peer = old.pass_sockets()
    if how == "gone":
        peer.close()
    text = {"silent": "does not say that it has let go", "gone": "ended before it had let go"}[how]
    wait_until(lambda: text in new.log(), "a line about it")
    assert answers(new)
    newer = upgrade(run, new)
    assert new.wait() == 0 and answers(newer)
    newer.stop()
    assert not os.path.exists(path) and not meeting.exists()


def test_many_peers_at_once(run, redises, meeting):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    peers = [connect_meeting(meeting) for _ in range(12)]
    for peer in peers[1:]:
        assert receive(peer) == (b"busy", 0)
    for peer in peers:
        peer.close()
    assert answers(old)
    upgrade(run, old)
    assert old.wait() == 0


def test_two_at_once(run, redises):
    """One takes over, the other says that it could not, or takes over from that one in turn."""
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    both = [following(run, old) for _ in range(2)]
    wait_until(lambda: all(proxy.process.poll() is not None or "accepts no more" in proxy.log()
                           for proxy in both), "both to come to an end of it")
    assert old.wait() == 0
    # In turn: the first of them has no clients then, and ends.
    ended = [proxy for proxy in both
             if proxy.process.poll() is not None or "is about to take over" in proxy.log()]
    assert len(ended) == 1, [proxy.log() for proxy in both]
    if ended[0].wait():
        assert any(text in ended[0].log() for text in (
            "gives its sockets to another process", "closed the connection"))
    serving = [proxy for proxy in both if proxy not in ended]
    assert answers(serving[0])


def test_old_process_that_hangs(run, redises):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    old.signal(signal.SIGSTOP)
    try:
        new = following(run, old)
        assert new.wait() == 1
        assert "does not answer" in new.log()
    finally:
        old.signal(signal.SIGCONT)
    assert answers(old)
    upgrade(run, old)
    assert old.wait() == 0


def test_old_process_that_was_killed(run, redises, meeting):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    old.process.kill()
    old.wait()
    assert meeting.exists()
    new = following(run, old)
    new.wait_ready()
    assert answers(new) and "taking over" not in new.log()
    newer = upgrade(run, new)
    assert new.wait() == 0
    assert answers(newer)


def test_path_that_is_no_socket(run, redises, meeting):
    meeting.write_text("mine")
    proxy = run(slipring.pool("redis", redises[:3]))
    assert proxy.wait() == 1
    assert f"takeover: {meeting} is there and is no socket" in proxy.log()
    assert meeting.read_text() == "mine"


def test_somebody_else_listens_there(run, redises, meeting):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(meeting))
        sock.listen()
        proxy = run(slipring.pool("redis", redises[:3]))
        assert proxy.wait() == 1
        assert f"takeover: connect to {meeting}" in proxy.log()
        assert meeting.exists()


def test_folder_that_is_not_there(make_proxy, redises):
    proxy = make_proxy(slipring.pool("redis", redises[:3]), wait=None,
                       takeover="/nonexistent/takeover.sock")
    assert proxy.wait() == 1
    assert "takeover: listen at /nonexistent/takeover.sock" in proxy.log()


def test_only_the_same_user(run, redises, meeting):
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    wait_until(meeting.exists, "the socket")
    assert stat.S_IMODE(meeting.stat().st_mode) == 0o600
    if os.geteuid() != 0:
        pytest.skip("needs root to be another user")
    meeting.chmod(0o777)  # as if its mode were not enough
    for folder in [meeting.parent, *meeting.parent.parents][:4]:
        folder.chmod(folder.stat().st_mode | 0o011)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(65534)
            with connect_meeting(meeting) as peer:
                os.write(write, receive(peer)[0])
        except OSError as err:
            os.write(write, repr(err).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    assert os.read(read, 1000) == b"refused"
    os.close(read)
    assert "of user 65534 is refused" in old.log()
    assert answers(old)


# -- with reloads ---------------------------------------------------------------------------------


def write_config(proxy, **changes):
    """Edit its file in place; it is read within moments, or at HUP."""
    config = {**proxy.config, **changes}
    (proxy.directory / "slipring.yaml").write_text(slipring.to_yaml(config) + "\n")
    return config


def test_reload_before_and_after(run, redises, tmp_path):
    """What was opened by a reload goes along; the old process opens nothing any more."""
    first, second = [f"{servers.LOOPBACK}:{servers.free_port()}" for _ in range(2)]
    path = tmp_path / "redis.sock"
    old = run(slipring.pool("redis", redises[:3], listen=first), wait="readyz")
    pools = {"main": {**old.config["pools"]["main"], "listen": [second, f"unix:{path}"]}}
    old.config = write_config(old, pools=pools)
    wait_until(lambda: refuses(slipring.parse_address(first)), "the first address to be closed")
    with old.connect() as conn:
        assert conn.call("PING") == b"+PONG\r\n"
        new = upgrade(run, old)
        # Both still have a file that says what they are to do; only the new one may.
        write_config(old, pools={"main": {**pools["main"], "listen": [first, second]}})
        old.signal(signal.SIGHUP)
        write_config(new, pools={"main": {**pools["main"], "listen": [f"unix:{path}", first]}})
        wait_until(lambda: new.accepts(slipring.parse_address(first)), "the new one's reload")
        wait_until(lambda: refuses(slipring.parse_address(second)), "the second one to be closed")
        assert conn.call("PING") == b"+PONG\r\n"
        assert "HUP: reading" not in old.log() and "file changed" not in old.log().split("taken")[1]
    assert old.wait() == 0
    with wire.RespConnection(str(path)) as conn:
        assert conn.call("PING") == b"+PONG\r\n"
    new.stop()
    assert not path.exists()


def test_setting_cannot_change_live(run, redises, tmp_path):
    proxy = run(slipring.pool("redis", redises[:3]), wait="readyz")
    write_config(proxy, takeover=str(tmp_path / "other.sock"))
    wait_until(lambda: "'takeover' cannot change while running" in proxy.log(), "a warning")


def test_drained_process_gives_way(run, redises):
    """POST /v1/drain and then the next one: there is nothing to wait for."""
    old = run(slipring.pool("redis", redises[:3]), wait="readyz")
    assert old.request("POST", "/v1/drain")[0] == 200
    wait_until(lambda: refuses(old.address()), "the listener to be closed")
    new = upgrade(run, old)
    assert old.wait() == 0
    new.wait_ready()
    assert answers(new)
