"""Servers behind the proxy: real ones in processes of their own, and scripted ones in the test.

On a scripted server the test itself reads and answers, so what it says happens exactly when the
test says it. Only the first question on each new connection, by which the proxy finds out whether
the server is alive, is answered by a thread.
"""

import collections
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import wire
from wire import WAIT, WireError

LOOPBACK = "127.0.0.1"
_given = set()


def ports_to_give():
    """Those below the range that outgoing connections take theirs from; where tests run side by side, each
    run's own share of them, so that none takes the port of a server that another has just killed."""
    run = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    runs = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return range(15000 + run, 32000, runs)


def free_port(hosts=(LOOPBACK,)):
    """A port that none of the hosts listens on."""
    while True:
        port = random.SystemRandom().choice(ports_to_give())
        if port in _given or not all(is_free(host, port) for host in hosts):
            continue
        _given.add(port)
        return port


def is_free(host, port):
    """Neither TCP nor UDP has it."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def program(name):
    """Its path; servers live in sbin on some systems."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    assert path, f"{name} is not installed"
    return path


def spawn(command):
    """A process that does not outlive the thread that began it, in case the run itself is killed."""
    return subprocess.Popen(
        [program("setpriv"), "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
    )


class Server:
    """A real server on one port, which it keeps over kill() and start().

    All of 127.0.0.0/8 is loopback: servers on hosts of their own may share a port, as the machines
    that a DNS name goes round.
    """

    def __init__(self, port=None, host=LOOPBACK):
        self.host = host
        self.port = port or free_port((host,))
        self.process = None

    address = property(lambda self: (self.host, self.port))
    name = property(lambda self: f"{self.host}:{self.port}")

    def command(self):
        raise NotImplementedError

    def ping(self, conn):
        raise NotImplementedError

    def start(self):
        self.process = spawn(self.command())
        wire.wait_until(self.answers, f"{self.command()[0]} on {self.name}")
        return self

    def answers(self):
        assert self.process.poll() is None, f"{self.command()} ended: {self.process.returncode}"
        try:
            with self.connect() as conn:
                return self.ping(conn)
        except (OSError, WireError):
            return False

    def pause(self):
        """As a hung machine: connections are accepted by the kernel, nothing answers."""
        os.kill(self.process.pid, signal.SIGSTOP)
        wire.wait_until(lambda: set(self.states()) == {"T"}, "every thread to stop")

    def states(self):
        """The state letter of each of its threads."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        stats = [(task / "stat").read_text() for task in tasks.iterdir()]
        return [stat.rsplit(")", 1)[1].split()[0] for stat in stats]

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        """As a crash; the port refuses from now on."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None


class Memcached(Server):
    def __init__(self, port=None, item_max="8m", memory="256", host=LOOPBACK):
        super().__init__(port, host)
        self.item_max, self.memory = item_max, memory

    def command(self):
        user = ["-u", "root"] if os.geteuid() == 0 else []
        return [program("memcached"), "-l", self.host, "-p", str(self.port), "-U", "0", "-t", "2",
                "-m", self.memory, "-I", self.item_max, "-c", "4096", *user]

    def connect(self, **options):
        return wire.McConnection(self.address, **options)

    def ping(self, conn):
        return conn.call(b"version").startswith(b"VERSION")

    def flush(self):
        with self.connect() as conn:
            assert conn.call(b"flush_all") == b"OK\r\n"


class Redis(Server):
    def command(self):
        return [program("redis-server"), "--port", str(self.port), "--bind", self.host,
                "--save", "", "--appendonly", "no", "--loglevel", "warning",
                "--client-output-buffer-limit", "normal 0 0 0"]

    def connect(self, **options):
        return wire.RespConnection(self.address, **options)

    def ping(self, conn):
        return conn.call("PING") == b"+PONG\r\n"

    def flush(self):
        with self.connect() as conn:
            assert conn.call("FLUSHALL") == wire.OK


class Replica(Redis):
    """Follows a primary; `through` is where it finds it, so that a relay can be in between."""

    def __init__(self, primary, through=None, folder=None, options=()):
        super().__init__()
        self.primary, self.through = primary, through or primary.address
        self.folder, self.options = folder, list(options)

    def command(self):
        place = ["--dir", str(self.folder)] if self.folder else []
        return super().command() + ["--replicaof", *map(str, self.through),
                                    "--repl-diskless-sync", "yes",
                                    "--repl-diskless-load", "on-empty-db", *place, *self.options]

    def start(self):
        super().start()
        wire.wait_until(self.follows, f"{self.name} to follow {self.primary.name}")
        return self

    def start_only(self):
        """Without waiting for anything."""
        self.process = spawn(self.command())
        return self

    def follows(self):
        """The link is up and it has all that the primary has."""
        mine, its = info(self, "replication"), info(self.primary, "replication")
        return mine["master_link_status"] == "up" and (
            mine["slave_repl_offset"] == its["master_repl_offset"])


def info(server, section):
    """{name: value} of a section of a Redis server's INFO."""
    with server.connect() as conn:
        return info_text(conn.ask("INFO", section))


def info_text(text):
    """{name: value} of lines of NAME:VALUE."""
    return dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)


class Relay(threading.Thread):
    """A TCP connection's long way: to `target`, `delay` seconds later; hold() stops it, cut() ends
    every connection and refuses more."""

    def __init__(self, target, delay=0):
        super().__init__(daemon=True)
        self.target, self.delay = target, delay
        self.address = (LOOPBACK, free_port())
        self.pairs, self.held, self.down, self.stopping = [], False, False, False
        self.late = collections.deque()  # (when, to, bytes)
        self.listener = socket.create_server(self.address)
        self.start()

    shown = property(lambda self: f"{LOOPBACK}:{self.address[1]}")

    def run(self):
        while not self.stopping:
            ends = [] if self.held else [end for pair in self.pairs for end in pair]
            for sock in select.select([self.listener] + ends, [], [], 0.002)[0]:
                if sock is self.listener:
                    self.accept()
                else:
                    self.take(sock)
            while self.late and not self.held and self.late[0][0] <= time.monotonic():
                _, to, data = self.late.popleft()
                try:
                    to.sendall(data)
                except OSError:
                    self.part(to)
            if self.down:
                for pair in list(self.pairs):
                    self.part(pair[0])
        for pair in list(self.pairs):
            self.part(pair[0])
        self.listener.close()

    def accept(self):
        one = self.listener.accept()[0]
        try:
            other = None if self.down else socket.create_connection(self.target, timeout=2)
        except OSError:
            other = None
        if other is None:
            one.close()
            return
        for end in (one, other):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pairs.append((one, other))

    def take(self, sock):
        pair = next((pair for pair in self.pairs if sock in pair), None)
        if pair is None:
            return
        try:
            data = sock.recv(1 << 16)
        except OSError:
            data = b""
        if data:
            to = pair[1] if sock is pair[0] else pair[0]
            self.late.append((time.monotonic() + self.delay, to, data))
        else:
            self.part(sock)

    def part(self, sock):
        for pair in list(self.pairs):
            if sock in pair:
                self.pairs.remove(pair)
                pair[0].close()
                pair[1].close()

    def hold(self):
        self.held = True

    def cut(self):
        self.down = True
        wire.wait_until(lambda: not self.pairs, "the relay to cut")

    def mend(self):
        self.held = self.down = False

    def stop(self):
        self.stopping = True
        self.join()


# -- scripted servers -----------------------------------------------------------------------------


def split_resp(buffer):
    """(arguments, bytes taken) of the RESP command at the start, or None while it is incomplete."""
    end = buffer.find(b"\r\n")
    if end < 0:
        return None
    if buffer[:1] != b"*":
        raise WireError(f"the proxy sent no RESP: {bytes(buffer[:200])!r}")
    args, at = [], end + 2
    for _ in range(int(buffer[1:end])):
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        assert buffer[at : at + 1] == b"$", bytes(buffer[:200])
        length = int(buffer[at + 1 : end])
        at = end + 2 + length + 2
        if len(buffer) < at:
            return None
        args.append(bytes(buffer[at - 2 - length : at - 2]))
    return args, at


MC_BODY = (b"set", b"add", b"replace", b"append", b"prepend", b"cas")


def split_mc(buffer):
    """As split_resp, for memcached text: the line without its end, and the value if it has one."""
    end = buffer.find(b"\r\n")
    if end < 0:
        return None
    line = bytes(buffer[:end])
    words = line.split()
    if not words or words[0] not in MC_BODY:
        return [line], end + 2
    length = int(words[4])
    if len(buffer) < end + 2 + length + 2:
        return None
    return [line, bytes(buffer[end + 2 : end + 2 + length])], end + 2 + length + 2


class Peer:
    """One connection that the proxy made to a scripted server."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.open = True

    def send(self, data):
        self.sock.settimeout(WAIT)
        self.sock.sendall(data)
        return self

    def reply(self, value):
        """A RESP value (None, bytes, str, int, list), or for memcached the raw bytes."""
        return self.send(resp(value))

    def close(self):
        self.open = False
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def expect_closed(self):
        """The proxy gives this connection up; what it still sent is the result."""
        if not self.open:
            return bytes(self.buffer)
        self.sock.settimeout(WAIT)
        rest = b""
        try:
            while data := self.sock.recv(65536):
                rest += data
        except (ConnectionResetError, BrokenPipeError):
            pass
        except socket.timeout as err:
            raise WireError("the proxy keeps the connection") from err
        self.close()
        return rest


def resp(value):
    if isinstance(value, list):
        return wire.array(value)
    if isinstance(value, int):
        return wire.integer(value)
    return wire.bulk(value)


GREETINGS = {  # the proxy's first question on a connection, and the answer
    split_resp: ([b"PING"], b"+PONG\r\n"),
    split_mc: ([b"version"], b"VERSION 1.6.18\r\n"),
}


PROBES = {  # what the proxy asks now and then, and the answer
    split_resp: ([b"ROLE"], b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
    split_mc: GREETINGS[split_mc],
}


class Greeter(threading.Thread):
    """Accepts for a scripted server and answers the first question, then hands the peer over."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.new = []  # accepted, first question not answered yet
        self.stopping = False
        self.waker, self.wake = socket.socketpair()

    def run(self):
        listener = self.server.listener
        while not self.stopping:
            socks = [listener, self.wake] + [peer.sock for peer in self.new]
            for sock in select.select(socks, [], [], 0.05)[0]:
                if sock is listener:
                    accepted = sock.accept()[0]
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.new.append(Peer(accepted))
                elif sock is not self.wake:
                    self.receive(next(peer for peer in self.new if peer.sock is sock))
            if self.server.greeting:
                for peer in list(self.new):
                    self.greet(peer)
        for peer in self.new:
            peer.close()

    def receive(self, peer):
        try:
            data = peer.sock.recv(65536)
        except OSError:
            data = b""
        peer.buffer += data
        if not data:
            self.new.remove(peer)
            peer.close()

    def greet(self, peer):
        question, answer = GREETINGS[self.server.split]
        found = self.server.split(peer.buffer)
        if not found:
            return
        self.new.remove(peer)
        if found[0] == question:
            del peer.buffer[: found[1]]
            try:
                peer.send(answer)
            except OSError:
                peer.close()
                return
        self.server.incoming.append(peer)
        self.server.waker.send(b"!")

    def stop(self):
        self.stopping = True
        self.waker.send(b"!")
        self.join()
        self.waker.close()
        self.wake.close()


class Scripted:
    """A server whose part the test plays: expect(...) a command, then reply on its connection.

    With greeting=False it accepts connections and says nothing, not even to the first question.
    """

    def __init__(self, split, port=None, greeting=True, rcvbuf=None):
        self.split = split
        self.rcvbuf = rcvbuf
        self.port = port or free_port()
        self.greeting = greeting
        self.peers = []
        self.incoming = collections.deque()
        self.seen = []  # every command that came, in order
        self.waker, self.wake = socket.socketpair()
        self.listener = self.greeter = None
        self.listen()

    address = property(lambda self: (LOOPBACK, self.port))
    name = property(lambda self: f"{LOOPBACK}:{self.port}")

    def listen(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.rcvbuf:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.rcvbuf)
        self.listener.bind(self.address)
        self.listener.listen(64)
        self.greeter = Greeter(self)
        self.greeter.start()

    def stop(self):
        """Refuse connections and drop those that are there."""
        if self.listener:
            self.greeter.stop()
            self.listener.close()
            self.listener = None
        self.take_incoming()
        for peer in self.peers:
            peer.close()
        self.peers = []

    def take_incoming(self):
        while self.incoming:
            self.peers.append(self.incoming.popleft())

    def next(self, seconds=WAIT):
        """(peer, command) of whatever comes next on any connection; None when nothing does."""
        deadline = time.monotonic() + seconds
        while True:
            self.take_incoming()
            for peer in self.peers:
                if found := self.split(peer.buffer):
                    del peer.buffer[: found[1]]
                    if self.is_probe(peer, found[0]):
                        continue
                    self.seen.append(found[0])
                    return peer, found[0]
            self.peers = [peer for peer in self.peers if peer.open]
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.wait(left)

    def is_probe(self, peer, command):
        """It is answered, and none of the test's business."""
        question, answer = PROBES[self.split]
        if command != question:
            return False
        try:
            peer.send(answer)
        except OSError:
            peer.close()
        return True

    def wait(self, seconds):
        """Read what there is; wait for the first of it."""
        peers = [peer for peer in self.peers if peer.open]
        ready = select.select([self.wake] + [peer.sock for peer in peers], [], [], seconds)[0]
        if self.wake in ready:
            self.wake.recv(100)
        for peer in peers:
            if peer.sock in ready:
                try:
                    data = peer.sock.recv(1 << 18)
                except ConnectionResetError:
                    data = b""
                peer.buffer += data
                if not data:
                    peer.close()

    def expect(self, *wanted):
        """The next command is this one; the connection it came on."""
        found = self.next()
        wanted = [wire.to_bytes(part) for part in wanted]
        assert found, f"expected {wanted}, nothing came; before: {self.seen[-5:]}"
        peer, got = found
        if self.split is split_resp:  # a command that is split is written anew, in lower case
            got, wanted = [got[0].lower()] + got[1:], [wanted[0].lower()] + wanted[1:]
        assert got == wanted, f"expected {wanted}, got {got}"
        return peer

    def expect_nothing(self, seconds=0.3):
        """No command arrives for so long."""
        found = self.next(seconds)
        assert not found, f"expected nothing, got {found[1]}"

    def assert_empty(self):
        """No byte is left unread on any connection."""
        self.wait(0)
        for peer in self.peers:
            found = self.split(peer.buffer)
            if found and self.is_probe(peer, found[0]):
                del peer.buffer[: found[1]]
            assert not peer.buffer, bytes(peer.buffer[:200])


STALL, CLOSE = object(), object()  # answers that are none


class Table:
    """Plays the part of a scripted server of memcached from a thread: a question is answered with what
    `answers` has for it, by default with the error of those who do not know it."""

    def __init__(self, server):
        self.server, self.port, self.name = server, server.port, server.name
        self.answers, self.asked = {}, collections.Counter()
        self.begin()

    def begin(self):
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def end(self):
        self.ending.set()
        self.thread.join()

    def down(self):
        """Connections are refused, and those that are there dropped."""
        self.end()
        self.server.stop()

    def up(self):
        self.server.listen()
        self.begin()

    def run(self):
        while not self.ending.is_set():
            if found := self.server.next(0.02):
                self.answer(found[0], found[1][0])

    def answer(self, peer, question):
        self.asked[question] += 1
        reply = self.answers.get(question, b"ERROR\r\n")
        try:
            if reply is CLOSE:
                peer.close()
            elif reply is not STALL:
                peer.send(reply)
        except OSError:
            peer.close()

    def wait_asked(self, times, question):
        """So often from now on; the last answer may not have arrived yet."""
        wanted = self.asked[question] + times
        wire.wait_until(lambda: self.asked[question] >= wanted, f"{question} to be asked")
