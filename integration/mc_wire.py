"""memcached's binary and meta protocols: packets made and read, and connections that speak them.

A barrier ends each exchange (NOOP, `mn`), so that what a quiet command keeps to itself is seen to
be missing, and not waited for.
"""

import collections
import struct
import threading

import wire
from wire import WireError

HEADER = struct.Struct(">BBHBBHIIQ")
REQUEST, REPLY = 0x80, 0x81

OPCODES = {
    name: number
    for number, name in enumerate(
        "GET SET ADD REPLACE DELETE INCREMENT DECREMENT QUIT FLUSH GETQ NOOP VERSION GETK GETKQ "
        "APPEND PREPEND STAT SETQ ADDQ REPLACEQ DELETEQ INCREMENTQ DECREMENTQ QUITQ FLUSHQ APPENDQ "
        "PREPENDQ VERBOSITY TOUCH GAT GATQ - SASL_LIST SASL_AUTH SASL_STEP GATK GATKQ".split()
    )
    if name != "-"
}
NAMES = {number: name for name, number in OPCODES.items()}

OK, NOT_FOUND, EXISTS, TOO_LARGE, INVALID, NOT_STORED, NOT_NUMERIC = range(7)
AUTH_ERROR, AUTH_CONTINUE = 0x20, 0x21
UNKNOWN_COMMAND, NO_MEMORY, TEMPORARY = 0x81, 0x82, 0x86
TEXTS = {
    NOT_FOUND: b"Not found", EXISTS: b"Data exists for key.", TOO_LARGE: b"Too large.",
    INVALID: b"Invalid arguments", NOT_STORED: b"Not stored.",
    NOT_NUMERIC: b"Non-numeric server-side value for incr or decr",
    AUTH_ERROR: b"Auth failure.", UNKNOWN_COMMAND: b"Unknown command",
}
NEVER = 0xFFFFFFFF  # the expiration with which a counter that is not there is not made


# -- binary packets -------------------------------------------------------------------------------


def number_of(opcode):
    return opcode if isinstance(opcode, int) else OPCODES[opcode]


def packet(opcode, key=b"", extras=b"", value=b"", opaque=0, cas=0, **wrong):
    """A request. `wrong`: magic, data_type, vbucket, key_length, extras_length, body_length."""
    body = extras + key + value
    return HEADER.pack(
        wrong.get("magic", REQUEST), number_of(opcode), wrong.get("key_length", len(key)),
        wrong.get("extras_length", len(extras)), wrong.get("data_type", 0),
        wrong.get("vbucket", 0), wrong.get("body_length", len(body)), opaque, cas,
    ) + body


def store(opcode, key, value, flags=0, exptime=0, **rest):
    """SET, ADD, REPLACE and their quiet forms."""
    return packet(opcode, key, struct.pack(">II", flags, exptime), value, **rest)


def count(opcode, key, delta=1, initial=0, exptime=0, **rest):
    """INCREMENT, DECREMENT and their quiet forms."""
    return packet(opcode, key, struct.pack(">QQI", delta, initial, exptime), **rest)


def touch(opcode, key, exptime, **rest):
    """TOUCH, GAT, GATK and their quiet forms."""
    return packet(opcode, key, struct.pack(">I", exptime), **rest)


def flush(opcode="FLUSH", exptime=None, **rest):
    extras = b"" if exptime is None else struct.pack(">I", exptime)
    return packet(opcode, extras=extras, **rest)


Reply = collections.namedtuple("Reply", "opcode status opaque cas extras key value data_type")


def show(reply):
    """A reply, or a list of them, for people."""
    if isinstance(reply, list):
        return "[" + ", ".join(map(show, reply)) + "]"
    name = NAMES.get(reply.opcode, hex(reply.opcode))
    parts = [f"{name} {reply.status:#x} opaque={reply.opaque:#x} cas={reply.cas}"]
    parts += [f"{part}={getattr(reply, part)[:60]}" for part in ("extras", "key", "value")
              if getattr(reply, part)]
    return "(" + " ".join(parts) + ")"


def parse_reply(data, at=0):
    """(reply, where it ends), or None while it is incomplete."""
    if len(data) < at + HEADER.size:
        return None
    magic, opcode, key_len, extras_len, data_type, status, length, opaque, cas = (
        HEADER.unpack_from(data, at))
    if magic != REPLY or key_len + extras_len > length:
        raise WireError(f"no binary reply: {bytes(data[at:at + 200])!r}")
    start, end = at + HEADER.size, at + HEADER.size + length
    if len(data) < end:
        return None
    extras, key, value = (
        bytes(data[start : start + extras_len]),
        bytes(data[start + extras_len : start + extras_len + key_len]),
        bytes(data[start + extras_len + key_len : end]),
    )
    return Reply(opcode, status, opaque, cas, extras, key, value, data_type), end


def parse_replies(data):
    """The replies that the bytes consist of, and what is left of an incomplete one."""
    found, at = [], 0
    while one := parse_reply(data, at):
        found.append(one[0])
        at = one[1]
    return found, bytes(data[at:])


def normal(reply):
    """What two servers can be compared by: a CAS number is there or not, versions differ."""
    reply = reply._replace(cas=bool(reply.cas))
    if reply.opcode == OPCODES["VERSION"] and reply.status == OK:
        reply = reply._replace(value=b"VERSION")
    return reply


class Pipelining(wire.Connection):
    """Sends in the background, so that long exchanges cannot block on each other."""

    def send_beside(self, pieces):
        def work():
            try:
                for piece in pieces:
                    self.send(piece)
            except OSError:
                pass  # closed on us: what it said before is there to read

        sender = threading.Thread(target=work, daemon=True)
        sender.start()
        return sender


class BinConnection(Pipelining):
    """A client of a memcached pool, binary protocol."""

    def read_reply(self):
        while not (found := parse_reply(self.buffer)):
            if not self.fill():
                raise WireError(f"closed after {bytes(self.buffer[:200])!r}")
        del self.buffer[: found[1]]
        return found[0]

    def ask(self, data):
        """Send one packet that is answered; its reply."""
        self.send(data)
        return self.read_reply()

    def exchange(self, *pieces):
        """Send packets, and a NOOP as barrier; the replies up to the NOOP's, without that."""
        opaque = 0xBA221E2
        sender = self.send_beside([*pieces, packet("NOOP", opaque=opaque)])
        replies = []
        while True:
            reply = self.read_reply()
            if (reply.opcode, reply.opaque) == (OPCODES["NOOP"], opaque):
                break
            replies.append(reply)
        sender.join()
        assert reply == Reply(OPCODES["NOOP"], OK, opaque, 0, b"", b"", b"", 0), show(reply)
        assert not self.buffer, bytes(self.buffer[:200])
        return replies

    def drain(self, *pieces):
        """Send packets and half-close: the replies until the other side closes, all of them."""
        sender = self.send_beside(pieces)
        sender.join()
        try:
            self.half_close()
        except OSError:
            pass
        replies, rest = parse_replies(self.read_to_end())
        assert not rest, rest[:200]
        return replies

    def stats(self, what=b""):
        """[(name, value)], the STAT packets before the empty one that ends them."""
        self.send(packet("STAT", what, opaque=7))
        found = []
        while True:
            reply = self.read_reply()
            assert (reply.opcode, reply.status, reply.opaque) == (OPCODES["STAT"], OK, 7), reply
            if not reply.key:
                assert not reply.value and not reply.extras, show(reply)
                return found
            found.append((reply.key, reply.value))

    # -- for tests that are about something else

    def set(self, key, value, **rest):
        return self.ask(store("SET", key, value, **rest)).status

    def get(self, key):
        """The value, or None for a miss."""
        reply = self.ask(packet("GET", key))
        assert reply.status in (OK, NOT_FOUND), show(reply)
        return reply.value if reply.status == OK else None

    def assert_empty(self):
        """No reply is left over: the barrier's comes back next, and alone."""
        assert self.exchange() == []


# -- meta -----------------------------------------------------------------------------------------


class MetaConnection(Pipelining):
    """A client of a memcached pool, meta commands."""

    def read_reply(self):
        """The bytes of one reply: a line, and with VA a value."""
        end = self.line_end()
        line = bytes(self.buffer[:end])
        if not line.endswith(b"\r\n"):
            raise WireError(f"line without CR: {line[:200]!r}")
        if line.startswith(b"VA "):
            end += int(line.split()[1]) + 2
        elif line.startswith(b"VALUE "):
            end += int(line.split()[3]) + 2
        self.need(end)
        return self.read(end)

    def ask(self, data):
        """Send one command, its line end added, that is answered; the whole reply."""
        self.send(data + b"\r\n")
        return self.read_reply()

    def exchange(self, *pieces):
        """Send bytes, and `mn` as barrier; the replies before MN. None of the bytes may be mn."""
        sender = self.send_beside([*pieces, b"mn\r\n"])
        replies = []
        while (reply := self.read_reply()) != b"MN\r\n":
            replies.append(reply)
        sender.join()
        assert not self.buffer, bytes(self.buffer[:200])
        return replies

    def drain(self, *pieces):
        """Send bytes and half-close: all that comes back until the other side closes."""
        self.send_beside(pieces).join()
        try:
            self.half_close()
        except OSError:
            pass
        return self.read_to_end()

    def assert_empty(self):
        assert self.exchange() == []
