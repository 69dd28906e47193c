"""Raw clients of both protocols, for assertions on exact bytes.

A reply is always the bytes as they came; `decode` turns a RESP reply into Python values where a
test would rather read those. Every wait has a deadline, so a reply that never comes is a failure
with the bytes so far, not a test that hangs.
"""

import hashlib
import socket
import struct
import threading
import time

WAIT = 20.0  # seconds; generous, since nothing here measures speed


class WireError(AssertionError):
    """The other side closed, stalled, or said what no reply begins with."""


class ErrorReply(Exception):
    """A RESP error, as `decode` gives it back."""

    def __eq__(self, other):
        return isinstance(other, ErrorReply) and self.args == other.args

    def __hash__(self):
        return hash(self.args)


def wait_until(condition, what, seconds=WAIT, pause=0.02):
    """Poll `condition` until it is true; its last value is the result."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise WireError(f"waited {seconds:g} s for {what}; last: {value!r}")
        time.sleep(pause)


def connect_socket(address, timeout=WAIT):
    """A connected socket; `address` is (host, port) or the path of a UNIX socket."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        sock.connect(address)
    else:
        sock = socket.create_connection(address, timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Connection:
    """A byte stream with a buffer in front; the protocols below add framing."""

    def __init__(self, address=None, sock=None, timeout=WAIT, rcvbuf=None):
        if sock is None and rcvbuf:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            sock.settimeout(timeout)
            sock.connect(address)
        self.sock = sock or connect_socket(address, timeout)
        self.timeout = timeout
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def send(self, data):
        self.sock.settimeout(self.timeout)
        self.sock.sendall(data)

    def fill(self, timeout=None):
        """Wait for more bytes; False at the end of the stream."""
        self.sock.settimeout(self.timeout if timeout is None else timeout)
        try:
            data = self.sock.recv(1 << 18)
        except socket.timeout as err:
            raise WireError(f"nothing came; so far {bytes(self.buffer[:200])!r}") from err
        self.buffer += data
        return bool(data)

    def need(self, length):
        while len(self.buffer) < length:
            if not self.fill():
                raise WireError(f"closed after {bytes(self.buffer[:200])!r}")

    def read(self, length):
        self.need(length)
        data = bytes(self.buffer[:length])
        del self.buffer[:length]
        return data

    def line_end(self, start=0):
        """The offset just after the next line end at or after `start`."""
        looked = start
        while True:
            at = self.buffer.find(b"\n", looked)
            if at >= 0:
                return at + 1
            looked = max(start, len(self.buffer))
            if not self.fill():
                raise WireError(f"closed after {bytes(self.buffer[:200])!r}")

    def read_line(self):
        return self.read(self.line_end())

    def expect(self, data):
        """The next bytes are exactly these."""
        got = self.read(len(data))
        assert got == data, (got[:500], data[:500])

    def read_to_end(self):
        """Everything until the other side closes; a reset counts as closing."""
        try:
            while self.fill():
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    def expect_closed(self):
        rest = self.read_to_end()
        assert rest == b"", rest[:500]

    def is_silent(self, seconds):
        """Nothing comes for so long (a bound from below, for what must not be sent)."""
        if self.buffer:
            return False
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(1 << 16)
        except socket.timeout:
            return True
        self.buffer += data
        return False

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Close with an RST instead of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


# -- RESP -----------------------------------------------------------------------------------------


def to_bytes(value):
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return str(value).encode()


def command(*args):
    """A RESP command as clients send it."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in map(to_bytes, args):
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


def bulk(value):
    if value is None:
        return b"$-1\r\n"
    value = to_bytes(value)
    return b"$%d\r\n%s\r\n" % (len(value), value)


def array(values):
    """An array of bulk strings; nested lists and integers as themselves."""
    out = [b"*%d\r\n" % len(values)]
    for value in values:
        if isinstance(value, (list, tuple)):
            out.append(array(value))
        elif isinstance(value, int):
            out.append(integer(value))
        else:
            out.append(bulk(value))
    return b"".join(out)


def integer(value):
    return b":%d\r\n" % value


OK = b"+OK\r\n"


def decode(raw):
    """The Python value of one whole RESP2 reply: bytes, int, None, list; errors as ErrorReply."""
    value, end = decode_at(raw, 0)
    assert end == len(raw), raw[end : end + 100]
    return value


def decode_at(raw, at):
    line_end = raw.index(b"\r\n", at)
    kind, head, at = raw[at : at + 1], raw[at + 1 : line_end], line_end + 2
    if kind == b"+":
        return bytes(head), at
    if kind == b"-":
        return ErrorReply(head.decode("latin-1")), at
    if kind == b":":
        return int(head), at
    length = int(head)
    if length < 0:
        return None, at
    if kind == b"$":
        return bytes(raw[at : at + length]), at + length + 2
    values = []
    for _ in range(length):
        value, at = decode_at(raw, at)
        values.append(value)
    return values, at


LINES = "+-:_#,("  # the kinds that are one line
BULKS = "$=!"  # a length, and as many bytes
AGGREGATES = {"*": 1, "~": 1, ">": 1, "%": 2, "|": 2}  # a count, and so many values for each


def typed(raw):
    """One whole reply of RESP2 or RESP3 as (kind, value), the kind being the byte it begins with.

    The value of an aggregate is a list of such pairs (a map's keys and values in turn), that of any
    other kind bytes, and of a null in RESP2 None: what compares equal is the same on the wire.
    """
    value, end = typed_at(raw, 0)
    assert end == len(raw), raw[end : end + 100]
    return value


def typed_at(raw, at):
    line_end = raw.index(b"\r\n", at)
    kind, head, at = chr(raw[at]), raw[at + 1 : line_end], line_end + 2
    if kind in LINES:
        return (kind, bytes(head)), at
    length = int(head)
    if length < 0:
        return (kind, None), at
    if kind in BULKS:
        return (kind, bytes(raw[at : at + length])), at + length + 2
    values = []
    for _ in range(length * AGGREGATES[kind] + (kind == "|")):
        value, at = typed_at(raw, at)
        values.append(value)
    return (kind, values), at


class RespConnection(Connection):
    """A client of a Redis pool; HELLO 3 makes it one of RESP3."""

    def read_reply(self):
        """The bytes of one reply, whole; of RESP3 a push counts as one."""
        owed, at = 1, 0
        while owed:
            line_end = self.line_end(at)
            kind = chr(self.buffer[at])
            head = bytes(self.buffer[at + 1 : line_end - 2])
            known = kind in LINES or kind in BULKS or kind in AGGREGATES
            if self.buffer[line_end - 2 : line_end] != b"\r\n" or not known:
                raise WireError(f"no RESP: {bytes(self.buffer[at:at + 200])!r}")
            at, owed = line_end, owed - 1
            if kind in BULKS and int(head) >= 0:
                at += int(head) + 2
                self.need(at)
                if self.buffer[at - 2 : at] != b"\r\n":
                    raise WireError(f"bulk without its end: {bytes(self.buffer[:200])!r}")
            elif kind in AGGREGATES and int(head) > 0:
                owed += int(head) * AGGREGATES[kind] + (kind == "|")
        return self.read(at)

    def call(self, *args):
        self.send(command(*args))
        return self.read_reply()

    def ask(self, *args):
        """As call, but the reply's value."""
        return decode(self.call(*args))

    def hello(self, version):
        """Go on in RESP2 or RESP3."""
        reply = typed(self.call("HELLO", version))
        assert reply[0] == ("%" if version == 3 else "*"), reply
        return self

    def pipeline(self, commands):
        """All at once; the replies' bytes, one by one."""
        sender = threading.Thread(target=self.send, args=(b"".join(commands),))
        sender.start()
        try:
            return [self.read_reply() for _ in commands]
        finally:
            sender.join()

    def assert_empty(self):
        """No reply is left over: an echo comes back next, and alone."""
        word = b"empty-%d" % time.monotonic_ns()
        assert self.call("ECHO", word) == bulk(word)
        assert not self.buffer, bytes(self.buffer[:200])


# -- memcached ------------------------------------------------------------------------------------

BLOCK_STARTS = (b"VALUE ", b"STAT ", b"PREFIX ")


class McConnection(Connection):
    """A client of a memcached pool, text protocol."""

    def read_reply(self):
        """The bytes of one reply: a line, or blocks up to END (or the error in its place)."""
        at = 0
        while True:
            line_end = self.line_end(at)
            line = bytes(self.buffer[at:line_end])
            if not line.endswith(b"\r\n"):
                raise WireError(f"line without CR: {line[:200]!r}")
            at = line_end
            if not line.startswith(BLOCK_STARTS):
                return self.read(at)
            if line.startswith(b"VALUE "):
                at += int(line.split()[3]) + 2
                self.need(at)
                if self.buffer[at - 2 : at] != b"\r\n":
                    raise WireError(f"value without its end: {bytes(self.buffer[:200])!r}")

    def call(self, data):
        """Send one command, its line end added; the whole reply."""
        self.send(data + b"\r\n")
        return self.read_reply()

    def set(self, key, value, flags=0, exptime=0):
        return self.call(b"set %s %d %d %d\r\n%s" % (key, flags, exptime, len(value), value))

    def get(self, *keys):
        """{key: (flags, value)} of the hits, and the reply's last line."""
        return parse_values(self.call(b"get " + b" ".join(keys)))

    def stats(self, what=b""):
        """The STAT lines as a dict of bytes."""
        reply = self.call(b"stats " + what if what else b"stats")
        lines = reply.split(b"\r\n")
        assert lines[-2] == b"END", reply[-200:]
        return dict(line.split(b" ", 2)[1:] for line in lines[:-2])

    def assert_empty(self):
        """No reply is left over: a version comes back next, and alone."""
        assert self.call(b"version").startswith(b"VERSION ")
        assert not self.buffer, bytes(self.buffer[:200])


def value_blocks(reply):
    """The VALUE blocks of a reply as a list of bytes, and its last line."""
    blocks, at = [], 0
    while reply.startswith(b"VALUE ", at):
        line_end = reply.index(b"\r\n", at) + 2
        end = line_end + int(reply[at:line_end].split()[3]) + 2
        blocks.append(reply[at:end])
        at = end
    return blocks, reply[at:]


def parse_values(reply):
    blocks, last = value_blocks(reply)
    found = {}
    for block in blocks:
        line, rest = block.split(b"\r\n", 1)
        words = line.split()
        found[words[1]] = (int(words[2]), rest[:-2])
    return found, last


# -- where keys go --------------------------------------------------------------------------------


class Ring:
    """libmemcached's weighted ketama for equal weights: 160 points a shard, key hash md5.

    Enough to choose keys for a shard in tests; an independent model, which asks nothing of the
    program under test.
    """

    def __init__(self, names):
        points = []
        for index, name in enumerate(names):
            for i in range(40):
                digest = hashlib.md5(b"%s-%d" % (to_bytes(name), i)).digest()
                points += [(point, index) for point in struct.unpack("<4I", digest)]
        self.points = sorted(points)
        self.names = list(names)

    def index(self, key):
        wanted = struct.unpack("<I", hashlib.md5(to_bytes(key)).digest()[:4])[0]
        low, high = 0, len(self.points)
        while low < high:
            middle = (low + high) // 2
            if self.points[middle][0] < wanted:
                low = middle + 1
            else:
                high = middle
        return self.points[low % len(self.points)][1]

    def keys(self, name, count=1, prefix=b"key"):
        """The first `count` keys of the shard `name` among prefix:0, prefix:1, ..."""
        found, i, index = [], 0, self.names.index(name)
        while len(found) < count:
            key = b"%s:%d" % (to_bytes(prefix), i)
            if self.index(key) == index:
                found.append(key)
            i += 1
        return found

    def key(self, name, prefix=b"key"):
        return self.keys(name, 1, prefix)[0]
