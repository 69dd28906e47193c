"""memcached's binary protocol over one node and over three, and as memcached itself speaks it.

What a test says of a `place` is asked of memcached, of a proxy over one node and of one over three.
A `pair` is memcached and one of the proxies: both get the same bytes, on connections of their own,
and their replies are compared one by one (CAS numbers only by whether they are there). What the
proxy is meant to do otherwise is in tests of its own, which say why.
"""

import re
import struct
import time

import pytest

import mc_compare
import mc_wire
import servers
import slipring
import wire
from mc_compare import PLACES, no_direct, place, proxied
from mc_wire import (
    EXISTS, INVALID, NEVER, NOT_FOUND, NOT_NUMERIC, NOT_STORED, OK, OPCODES, TEMPORARY,
    TEXTS, TOO_LARGE, UNKNOWN_COMMAND, BinConnection, Reply, count, flush, normal, packet, show,
    store, touch,
)

MIB = 1 << 20
PAST = 2592001  # a time in January 1970: more than 30 days is counted from there
BATCHES = 60
CONFIG_GET = 0x60  # not memcached's: some clouds', which the proxy may answer


class Pair(mc_compare.Pair):
    connection = BinConnection

    def differs(self, *pieces):
        """What each says to these bytes until it closes, if that differs."""
        both = [[normal(reply) for reply in replies] for replies in self.ask(*pieces)]
        if both[0] == both[1]:
            return None
        at = next((i for i, two in enumerate(zip(*both)) if two[0] != two[1]), min(map(len, both)))
        return f"from reply {at} on\n memcached %s\n proxy %s" % tuple(
            show(one[max(at - 1, 0) : at + 3]) for one in both)

    def compare(self, cases):
        """Each case (a name, bytes) by itself."""
        wrong = [f"{name}: {found}" for name, data in cases if (found := self.differs(data))]
        assert not wrong, "\n".join(wrong)


@pytest.fixture(params=PLACES[1:])
def pair(request, mc_places):
    return Pair(mc_places, request.param)


@pytest.fixture
def conn(place):
    with BinConnection(place.address) as one:
        yield one
        one.assert_empty()


# -- one command after the other ------------------------------------------------------------------


def ok(value=b"", key=b"", extras=b"", cas=False):
    return {"status": OK, "value": value, "key": key, "extras": extras, "cas": cas}


def hit(value, flags=0, key=b""):
    return ok(value, key, struct.pack(">I", flags), cas=True)


def error(status, key=b""):
    """With its text, or the key in its place, as GETK says a miss."""
    return {"status": status, "value": b"" if key else TEXTS[status], "key": key, "extras": b"",
            "cas": False}


def number(value):
    return ok(struct.pack(">Q", value), cas=True)


STORED, DONE = ok(cas=True), ok()
MISS = error(NOT_FOUND)
WRONG_CAS = 0xFFFFFFFFFFFFFFF0


# For the keys k and l, the packets and what comes back; None: nothing.
SCRIPTS = {
    "get": lambda k, l: [
        (packet("GET", k), MISS),
        (store("SET", k, b"v", flags=0xDEADBEEF), STORED),
        (packet("GET", k), hit(b"v", 0xDEADBEEF)),
        (packet("GET", l), MISS),
    ],
    "getk": lambda k, l: [
        (packet("GETK", k), error(NOT_FOUND, key=k)),
        (store("SET", k, b"v\r\n\x00", flags=1), STORED),
        (packet("GETK", k), hit(b"v\r\n\x00", 1, key=k)),
    ],
    "getq": lambda k, l: [
        (packet("GETQ", k), None), (packet("GETKQ", k), None),
        (store("SET", k, b"v"), STORED),
        (packet("GETQ", k), hit(b"v")), (packet("GETKQ", k), hit(b"v", key=k)),
        (packet("GETQ", l), None), (packet("GETKQ", l), None),
    ],
    "set": lambda k, l: [
        (store("SET", k, b"a", flags=1), STORED), (store("SET", k, b"b", flags=2), STORED),
        (packet("GET", k), hit(b"b", 2)),
        (store("SETQ", k, b"c"), None), (packet("GET", k), hit(b"c")),
        (store("SET", k, b""), STORED), (packet("GET", k), hit(b"")),
        (store("SET", k, b"a", exptime=PAST), STORED), (packet("GET", k), MISS),
    ],
    "set_cas": lambda k, l: [
        (store("SET", k, b"a", cas=5), MISS), (store("SETQ", k, b"a", cas=5), MISS),
        (store("SET", k, b"a"), STORED),
        (store("SET", k, b"b", cas=WRONG_CAS), error(EXISTS)),
        (store("SETQ", k, b"b", cas=WRONG_CAS), error(EXISTS)),
        (packet("GET", k), hit(b"a")),
    ],
    "add": lambda k, l: [
        (store("ADD", k, b"a", flags=3), STORED), (store("ADD", k, b"b"), error(EXISTS)),
        (store("ADDQ", k, b"b"), error(EXISTS)), (store("ADDQ", l, b"c"), None),
        (packet("GET", k), hit(b"a", 3)), (packet("GET", l), hit(b"c")),
    ],
    "replace": lambda k, l: [
        (store("REPLACE", k, b"a"), MISS), (store("REPLACEQ", k, b"a"), MISS),
        (store("SET", k, b"a"), STORED), (store("REPLACE", k, b"b", flags=4), STORED),
        (packet("GET", k), hit(b"b", 4)),
        (store("REPLACEQ", k, b"c"), None), (packet("GET", k), hit(b"c")),
        (store("REPLACE", k, b"d", cas=WRONG_CAS), error(EXISTS)), (packet("GET", k), hit(b"c")),
    ],
    "append_prepend": lambda k, l: [
        (packet("APPEND", k, value=b"b"), error(NOT_STORED)),
        (packet("PREPEND", k, value=b"b"), error(NOT_STORED)),
        (packet("APPENDQ", k, value=b"b"), error(NOT_STORED)),
        (packet("PREPENDQ", k, value=b"b"), error(NOT_STORED)),
        (store("SET", k, b"m", flags=9), STORED),
        (packet("APPEND", k, value=b"y"), STORED), (packet("PREPEND", k, value=b"b"), STORED),
        (packet("APPENDQ", k, value=b"z"), None), (packet("PREPENDQ", k, value=b"a"), None),
        (packet("APPEND", k), STORED), (packet("GET", k), hit(b"abmyz", 9)),
        (packet("APPEND", k, value=b"!", cas=WRONG_CAS), error(EXISTS)),
        (packet("PREPENDQ", k, value=b"!", cas=WRONG_CAS), error(EXISTS)),
        (packet("GET", k), hit(b"abmyz", 9)),
    ],
    "delete": lambda k, l: [
        (packet("DELETE", k), MISS), (packet("DELETEQ", k), MISS),
        (store("SET", k, b"a"), STORED),
        (packet("DELETE", k, cas=WRONG_CAS), error(EXISTS)),
        (packet("DELETEQ", k, cas=WRONG_CAS), error(EXISTS)),
        (packet("DELETE", k), DONE), (packet("GET", k), MISS),
        (store("SET", k, b"a"), STORED), (packet("DELETEQ", k), None), (packet("GET", k), MISS),
    ],
    "counters": lambda k, l: [
        (count("INCREMENT", k, 5, 100), number(100)), (count("INCREMENT", k, 5, 9), number(105)),
        (count("DECREMENT", k, 6), number(99)), (count("DECREMENT", k, 1000), number(0)),
        (count("INCREMENT", k, (1 << 63) - 1), number((1 << 63) - 1)),
        (count("INCREMENT", k, (1 << 63) + 3), number(2)),
        (count("INCREMENTQ", k, 8), None), (count("DECREMENTQ", k, 1), None),
        (count("INCREMENT", k, 0), number(9)),
        (count("DECREMENT", l, 1, (1 << 64) - 1), number((1 << 64) - 1)),
        (packet("GET", l), hit(b"18446744073709551615")),
    ],
    "counters_not_made": lambda k, l: [
        (count("INCREMENT", k, 1, 1, NEVER), MISS), (count("DECREMENT", k, 1, 1, NEVER), MISS),
        (count("INCREMENTQ", k, 1, 1, NEVER), MISS), (count("DECREMENTQ", k, 1, 1, NEVER), MISS),
        (packet("GET", k), MISS),
        (count("INCREMENTQ", k, 1, 7, 0), None), (count("DECREMENTQ", l, 1, 8, 0), None),
        (packet("GET", k), hit(b"7")), (packet("GET", l), hit(b"8")),
        (count("INCREMENT", k, 1, 1, NEVER), number(8)),
    ],
    "counters_on_text": lambda k, l: [
        (store("SET", k, b"ten", flags=1), STORED),
        (count("INCREMENT", k), error(NOT_NUMERIC)), (count("DECREMENT", k), error(NOT_NUMERIC)),
        (count("INCREMENTQ", k), error(NOT_NUMERIC)), (count("DECREMENTQ", k), error(NOT_NUMERIC)),
        (store("SET", k, b"10", flags=1), STORED), (count("DECREMENT", k), number(9)),
        (packet("GET", k), hit(b"9 ", 1)),
        (count("INCREMENT", k, cas=WRONG_CAS), error(EXISTS)),
    ],
    "touch": lambda k, l: [
        (touch("TOUCH", k, 100), MISS), (touch("GAT", k, 100), MISS),
        (touch("GATQ", k, 100), None), (touch("GATKQ", k, 100), None),
        (touch("GATK", k, 100), error(NOT_FOUND, key=k)),
        (store("SET", k, b"v", flags=6), STORED),
        (touch("TOUCH", k, 100), hit(b"", 6)), (touch("GAT", k, 100), hit(b"v", 6)),
        (touch("GATQ", k, 100), hit(b"v", 6)), (touch("GATK", k, 0), hit(b"v", 6, key=k)),
        (touch("GATKQ", k, 100), hit(b"v", 6, key=k)),
        (touch("GAT", k, PAST), hit(b"v", 6)), (packet("GET", k), MISS),
        (store("SET", k, b"v"), STORED), (touch("TOUCH", k, PAST), hit(b"")),
        (packet("GET", k), MISS),
    ],
    "flush": lambda k, l: [
        (store("SET", k, b"v"), STORED), (store("SET", l, b"v"), STORED),
        (flush(), DONE), (packet("GET", k), MISS), (packet("GET", l), MISS),
        (store("SET", k, b"w"), STORED), (packet("GET", k), hit(b"w")),
        (flush(exptime=0), DONE), (packet("GET", k), MISS),
        (store("SET", l, b"w"), STORED), (flush("FLUSHQ"), None), (packet("GET", l), MISS),
        (store("SET", k, b"x"), STORED), (flush("FLUSHQ", 0), None), (packet("GET", k), MISS),
    ],
    "noop": lambda k, l: [
        (packet("NOOP"), DONE), (packet("GETQ", k), None), (packet("NOOP"), DONE),
        (store("SETQ", k, b"v"), None), (packet("NOOP"), DONE), (packet("NOOP"), DONE),
    ],
    "binary_keys": lambda k, l: [
        (store("SET", k + b"\x00 \r\n\xff", b"v"), STORED), (packet("GET", k + b"\x00"), MISS),
        (packet("GETK", k + b"\x00 \r\n\xff"), hit(b"v", key=k + b"\x00 \r\n\xff")),
        (store("SET", k.ljust(250, b"\n"), b"w"), STORED),
        (packet("GETKQ", k.ljust(250, b"\n")), hit(b"w", key=k.ljust(250, b"\n"))),
        (packet("DELETE", k.ljust(250, b"\n")), DONE),
    ],
    "no_such_command": lambda k, l: [
        (packet("VERBOSITY"), error(UNKNOWN_COMMAND)),
        (packet("VERBOSITY", extras=b"", value=b"\0\0\0\1"), error(UNKNOWN_COMMAND)),
        (packet(0x1F), error(UNKNOWN_COMMAND)), (packet(0x25), error(UNKNOWN_COMMAND)),
        (packet(0xFF, value=b"x" * 30), error(UNKNOWN_COMMAND)), (packet("NOOP"), DONE),
        (packet("SASL_LIST"), error(UNKNOWN_COMMAND)),
        (packet("SASL_AUTH", b"PLAIN", value=b"\0me\0secret"), error(UNKNOWN_COMMAND)),
        (packet("SASL_STEP", b"PLAIN", value=b"\0me\0secret"), error(UNKNOWN_COMMAND)),
    ],
}


def with_opaque(data, opaque):
    """The same packet, and its opcode."""
    return data[:12] + struct.pack(">I", opaque) + data[16:], data[1]


def numbered(rows, rng):
    """The rows' packets with random opaques; the replies that they ask for."""
    packets, wanted = [], []
    for data, reply in rows:
        opaque = rng.randrange(1 << 32)
        data, opcode = with_opaque(data, opaque)
        packets.append(data)
        wanted.append(reply and Reply(opcode=opcode, opaque=opaque, data_type=0, **reply))
    return packets, wanted


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_step_by_step(conn, fresh, rng, name):
    for data, wanted in zip(*numbered(SCRIPTS[name](fresh(), fresh()), rng)):
        got = [normal(reply) for reply in conn.exchange(data)]
        assert got == ([wanted] if wanted else []), (show(got), data)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_in_one_write(conn, fresh, rng, name):
    packets, wanted = numbered(SCRIPTS[name](fresh(), fresh()), rng)
    got = [normal(reply) for reply in conn.exchange(b"".join(packets))]
    assert got == [one for one in wanted if one], show(got)


def test_scripts_byte_by_byte(conn, fresh, rng):
    for name in ("append_prepend", "getq", "touch", "noop", "no_such_command"):
        packets, wanted = numbered(SCRIPTS[name](fresh(), fresh()), rng)
        data = b"".join(packets)
        got = conn.exchange(*(data[i : i + 1] for i in range(len(data))))
        assert [normal(reply) for reply in got] == [one for one in wanted if one], show(got)


def test_a_script_cut_in_two_anywhere(pair, fresh, rng):
    """Each cut of a packet with extras, key and value, behind and before others."""
    key = fresh()
    data = b"".join(numbered([
        (store("SET", key, b"value", flags=5), 0), (packet("GETKQ", key), 0),
        (packet("APPENDQ", key, value=b"!"), 0), (touch("GAT", key, 0), 0),
    ], rng)[0])
    wanted = None
    with BinConnection(pair.proxied.address) as conn:
        for at in range(1, len(data)):
            got = [normal(reply) for reply in conn.exchange(data[:at], data[at:])]
            wanted = wanted or got
            assert got == wanted and len(got) == 3, (at, show(got))


def test_other_header_fields_are_of_no_account(conn, fresh):
    key = fresh()
    for data_type, vbucket in ((1, 0), (255, 0), (0, 1), (7, 65535)):
        replies = conn.exchange(
            store("SET", key, b"v", data_type=data_type, vbucket=vbucket),
            packet("GET", key, data_type=data_type, vbucket=vbucket),
            packet("NOOP", opaque=1, data_type=data_type, vbucket=vbucket),
        )
        assert [(one.status, one.data_type) for one in replies] == [(OK, 0)] * 3
        assert replies[1].value == b"v"


@pytest.mark.parametrize("opaque", [0, 1, 0xDEADBEEF, 0xFFFFFFFF])
def test_an_opaque_comes_back(conn, fresh, opaque):
    key = fresh()
    for data, _ in (row for script in SCRIPTS.values() for row in script(key, fresh())):
        data, opcode = with_opaque(data, opaque)
        for reply in conn.exchange(data):
            assert (reply.opcode, reply.opaque) == (opcode, opaque)


def test_version(conn):
    reply = conn.ask(packet("VERSION", opaque=3))
    assert re.match(rb"\d+\.\d+", reply.value), show(reply)
    assert reply._replace(value=b"") == Reply(OPCODES["VERSION"], OK, 3, 0, b"", b"", b"", 0)


# -- CAS ------------------------------------------------------------------------------------------


def changed_by(opcode, key, cas):
    """A packet of the command that changes the key's item if it is that of this CAS."""
    name = opcode.removesuffix("Q")
    if name in ("SET", "REPLACE"):
        return store(opcode, key, b"7", cas=cas)
    if name in ("INCREMENT", "DECREMENT"):
        return count(opcode, key, cas=cas)
    return packet(opcode, key, value=b"" if name == "DELETE" else b"1", cas=cas)


CHANGES = [name + quiet for quiet in ("", "Q") for name in (
    "SET", "REPLACE", "APPEND", "PREPEND", "INCREMENT", "DECREMENT", "DELETE")]


@pytest.mark.parametrize("read", ["GET", "GETK", "GETQ", "GETKQ", "GAT", "GATQ", "GATK", "GATKQ"])
def test_a_cas_that_was_read_is_good_once(conn, fresh, read):
    for opcode in CHANGES:
        key = fresh()
        conn.set(key, b"50")
        cas = conn.ask(touch(read, key, 0) if "GAT" in read else packet(read, key)).cas
        assert cas
        done, refused = (conn.exchange(changed_by(opcode, key, cas)) for _ in range(2))
        if opcode[-1] == "Q":
            assert done == []
        else:
            assert done[0].status == OK and (done[0].cas not in (0, cas) or opcode == "DELETE")
        assert [one.status for one in refused] == [NOT_FOUND if "DELETE" in opcode else EXISTS]


def test_the_cas_of_a_change_is_good_for_the_next(conn, fresh):
    for opcode in CHANGES[:6]:
        key = fresh()
        conn.set(key, b"50")
        cas = conn.ask(packet("GET", key)).cas
        for _ in range(3):
            reply = conn.ask(changed_by(opcode, key, cas))
            assert reply.status == OK, show(reply)
            cas = reply.cas
        assert conn.ask(packet("GET", key)).cas == cas


def test_a_touch_keeps_the_cas(conn, fresh):
    key = fresh()
    conn.set(key, b"v")
    cas = conn.ask(packet("GET", key)).cas
    assert conn.ask(touch("TOUCH", key, 50)).cas == cas
    assert conn.ask(packet("DELETE", key, cas=cas)).status == OK


# -- quiet commands -------------------------------------------------------------------------------


def test_quiet_floods(conn, fresh, rng):
    """Many keys: only what must be said is said, in order, and all of it before the barrier."""
    keys = [fresh() for _ in range(3000)]
    index = {key: i for i, key in enumerate(keys)}
    assert conn.exchange(b"".join(store("SETQ", key, b"%d" % i, flags=i, opaque=i)
                                  for i, key in enumerate(keys))) == []
    asked = keys + [fresh() for _ in range(1000)]
    rng.shuffle(asked)
    for opcode in ("GETQ", "GETKQ", "GATQ", "GATKQ"):
        data = b"".join(
            touch(opcode, key, 0, opaque=i) if "GAT" in opcode else packet(opcode, key, opaque=i)
            for i, key in enumerate(asked))
        got = conn.exchange(data)
        wanted = [
            Reply(OPCODES[opcode], OK, i, True, struct.pack(">I", index[key]),
                  key if "K" in opcode else b"", b"%d" % index[key], 0)
            for i, key in enumerate(asked) if key in index
        ]
        assert [normal(reply) for reply in got] == wanted
    got = conn.exchange(b"".join(packet("DELETEQ", key, opaque=i) for i, key in enumerate(asked)))
    assert [(one.status, one.opaque) for one in got] == [
        (NOT_FOUND, i) for i, key in enumerate(asked) if key not in index]
    assert conn.exchange(b"".join(packet("GETQ", key) for key in asked)) == []


def test_quiet_writes_and_their_errors(conn, fresh, rng):
    keys = [fresh() for _ in range(500)]
    there = set(rng.sample(keys, 250))
    for write, said in (
        (lambda key, i: store("REPLACEQ", key, b"5", opaque=i), NOT_FOUND),
        (lambda key, i: count("INCREMENTQ", key, 1, 1, NEVER, opaque=i), NOT_FOUND),
        (lambda key, i: packet("APPENDQ", key, value=b"0", opaque=i), NOT_STORED),
        (lambda key, i: packet("DELETEQ", key, opaque=i), NOT_FOUND),
    ):
        conn.exchange(*(store("SETQ", key, b"4") for key in there))
        got = conn.exchange(b"".join(write(key, i) for i, key in enumerate(keys)))
        assert [(one.opaque, one.status, one.value) for one in got] == [
            (i, said, TEXTS[said]) for i, key in enumerate(keys) if key not in there]
    conn.exchange(*(store("SETQ", key, b"4") for key in there))
    got = conn.exchange(b"".join(store("ADDQ", key, b"5", opaque=i) for i, key in enumerate(keys)))
    assert [(one.opaque, one.status) for one in got] == [
        (i, EXISTS) for i, key in enumerate(keys) if key in there]


def test_barriers_between_quiet_commands(conn, fresh):
    """Each NOOP comes when all before it is said, and not before."""
    keys = [fresh() for _ in range(30)]
    data, wanted = b"", []
    for i, key in enumerate(keys):
        data += store("SETQ", key, b"v") + packet("GETQ", key, opaque=i)
        data += packet("GETQ", key + b"-", opaque=i) + packet("NOOP", opaque=i)
        wanted += [("GETQ", i), ("NOOP", i)]
    got = conn.exchange(data)
    assert [(mc_wire.NAMES[one.opcode], one.opaque) for one in got] == wanted


def test_many_large_hits_to_a_slow_reader(conn, fresh):
    values = {fresh(): bytes([i % 251]) * (150_000 + i) for i in range(60)}
    for key, value in values.items():
        assert conn.set(key, value) == OK
    sender = conn.send_beside([b"".join(packet("GETKQ", key) for key in values) * 2,
                               packet("NOOP")])
    time.sleep(0.1)
    for _ in range(2):
        for key, value in values.items():
            reply = conn.read_reply()
            assert (reply.key, reply.value == value) == (key, True)
    assert conn.read_reply().opcode == OPCODES["NOOP"]
    sender.join()


# -- ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", ["QUIT", "QUITQ"])
def test_quit_closes_after_what_came_before_it(place, fresh, opcode):
    keys = [fresh() for _ in range(20)]
    with BinConnection(place.address) as conn:
        data = b"".join(store("SET", key, b"v") + packet("GETQ", key + b"-") for key in keys)
        conn.send(data + packet(opcode, opaque=77) + store("SET", keys[0], b"after"))
        replies, rest = mc_wire.parse_replies(conn.read_to_end())
        assert not rest and [one.status for one in replies[:20]] == [OK] * 20
        wanted = [Reply(OPCODES["QUIT"], OK, 77, 0, b"", b"", b"", 0)] if opcode == "QUIT" else []
        assert replies[20:] == wanted
    with BinConnection(place.address) as conn:
        assert conn.get(keys[0]) == b"v"


@pytest.mark.parametrize("end", ["half", "cut"])
def test_a_client_that_leaves_within_a_packet(place, fresh, end):
    key = fresh()
    data = store("SET", key, b"v" * 100)
    for at in (1, 23, 24, 30, 60, len(data) - 1):
        with BinConnection(place.address) as conn:
            conn.send(packet("NOOP") + data[:at])
            if end == "cut":
                conn.read_reply()
                conn.reset()
            else:
                conn.half_close()
                replies, rest = mc_wire.parse_replies(conn.read_to_end())
                assert [one.opcode for one in replies] == [OPCODES["NOOP"]] and not rest
    with BinConnection(place.address) as conn:
        assert conn.get(key) is None


def test_protocols_side_by_side_on_one_listener(place, fresh):
    """Each connection by its first byte; all see the same items."""
    key, other = fresh(), fresh()
    with wire.McConnection(place.address) as text, BinConnection(place.address) as binary:
        with mc_wire.MetaConnection(place.address) as meta:
            assert text.set(key, b"by text", flags=5) == b"STORED\r\n"
            reply = binary.ask(packet("GET", key))
            assert normal(reply)._asdict().items() >= hit(b"by text", 5).items(), show(reply)
            assert meta.ask(b"mg %s f v" % key) == b"VA 7 f5\r\nby text\r\n"
            assert binary.set(other, b"by binary", flags=6) == OK
            assert text.get(other) == ({other: (6, b"by binary")}, b"END\r\n")
            cas = binary.ask(packet("GET", other)).cas
            assert text.call(b"cas %s 0 0 1 %d\r\nx" % (other, cas)) == b"STORED\r\n"
            assert binary.set(other, b"no", cas=cas) == EXISTS
            assert meta.ask(b"md %s" % other) == b"HD\r\n"
            assert binary.get(other) is None
            assert normal(binary.ask(count("INCREMENT", other, 1, 41))).value[-1] == 41
            assert text.call(b"incr %s 1" % other) == b"42\r\n"


def test_the_first_byte_chooses_for_good(pair):
    noop = packet("NOOP", opaque=5)
    for data in (noop + b"version\r\n", b"nope\r\n" + noop + b"\r\n", b"\x81" + noop[1:] + b"\r\n",
                 b"\r\n" + noop + b"\r\n", b"\x00" + noop[1:] + b"\r\n", noop + b"\x80"):
        both = []
        for one in (pair.direct, pair.proxied):
            with mc_wire.MetaConnection(one.address) as conn:
                both.append(conn.drain(data))
        assert both[0] == both[1], data


# -- sizes ----------------------------------------------------------------------------------------

SIZES = sorted({
    0, 1, 1000, *(p + d for p in (2048, 16384, 65536, 131072) for d in (-33, -32, -24, -1, 0, 1)),
    3 * 65536 + 17, 1_000_000,
})


def test_values_of_many_sizes(conn, fresh):
    for size in SIZES:
        key, value = fresh(), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        got = conn.exchange(store("SETQ", key, value, flags=9), packet("GETK", key),
                            packet("APPEND", key, value=b"!"), packet("GETQ", key))
        assert [one.status for one in got] == [OK] * 3, size
        assert got[0].value == value and got[2].value == value + b"!", size


@pytest.mark.parametrize("size", [MIB + 1000, 3 * MIB, 5 * MIB])
def test_a_value_too_large_for_the_node(conn, fresh, size):
    """Or, at last, for the pool: the old item is gone, as it is out of date, unless the command
    would have left it alone."""
    value = b"x" * size
    rows = [
        (lambda key: store("SET", key, value, opaque=4), None),
        (lambda key: store("SETQ", key, value, opaque=4), None),
        (lambda key: store("ADD", key, value, opaque=4), b"old"),
        (lambda key: store("REPLACEQ", key, value, opaque=4), b"old"),
        (lambda key: packet("APPEND", key, value=value, opaque=4), b"old"),
        (lambda key: packet("PREPENDQ", key, value=value, opaque=4), b"old"),
    ]
    for make, after in rows:
        key = fresh()
        conn.set(key, b"old")
        data = make(key)
        got = conn.exchange(data, packet("GETKQ", key))
        assert normal(got[0])._asdict().items() >= error(TOO_LARGE).items(), show(got[0])
        assert (got[0].opcode, got[0].opaque) == (data[1], 4)
        assert [one.value for one in got[1:]] == ([after] if after else []), mc_wire.NAMES[data[1]]


def test_a_value_that_grows_too_large(conn, fresh):
    key = fresh()
    conn.set(key, b"x" * 700_000)
    reply = conn.ask(packet("APPEND", key, value=b"y" * 700_000))
    assert reply.status in (NOT_STORED, TOO_LARGE, mc_wire.NO_MEMORY), show(reply)
    assert conn.get(key) == b"x" * 700_000


# -- wrong packets: what is said before the close --------------------------------------------------

EXTRAS = {"SET": 8, "ADD": 8, "REPLACE": 8, "INCREMENT": 20, "DECREMENT": 20,
          "TOUCH": 4, "GAT": 4, "GATK": 4}
KEYLESS = ("QUIT", "FLUSH", "NOOP", "VERSION", "SASL_LIST", "STAT")
KNOWN = [name for name in OPCODES if name != "VERBOSITY"]
END = packet("NOOP", opaque=0xE)


def base(name):
    return name.removesuffix("Q") if name != "SASL_STEP" else name


def test_extras_of_the_wrong_length(pair, fresh):
    for name in KNOWN:
        right = EXTRAS.get(base(name), 0)
        key = b"" if base(name) in KEYLESS else fresh()
        lengths = sorted({0, 1, 3, 4, 5, 7, 8, 9, 19, 20, 21, 24, 255} - {right})
        if base(name) == "FLUSH":
            lengths.remove(4)
        pair.compare(
            (f"{name}, {length} bytes",
             END + packet(name, key, b"\0" * length, b"v", opaque=7) + END)
            for length in lengths)


def test_a_key_too_many_or_missing(pair, fresh):
    for name in KNOWN:
        extras = b"\0" * EXTRAS.get(base(name), 0)
        if base(name) in KEYLESS:
            if base(name) != "STAT":
                pair.compare([(name, packet(name, b"k", extras) + END),
                              (name, packet(name, value=b"v") + END),
                              (name, packet(name, b"k", b"\0\0\0\0") + END)])
        else:
            pair.compare([(name, packet(name, b"", extras) + END),
                          (name, packet(name, b"", extras, b"v") + END)])


def test_a_value_where_none_belongs(pair, fresh):
    """Not GAT and TOUCH, see below."""
    for name in KNOWN:
        if base(name) in ("GET", "GETK", "DELETE", "INCREMENT", "DECREMENT"):
            data = packet(name, fresh(), b"\0" * EXTRAS.get(base(name), 0), b"value", opaque=1)
            pair.compare([(name, END + data + END)])


@pytest.mark.parametrize("length", [250, 251, 255, 256, 257, 1000, 2047, 2048, 16384, 65535])
def test_keys_of_length(pair, fresh, length):
    for name in KNOWN:
        if base(name) in KEYLESS and base(name) != "STAT" or name.startswith("SASL"):
            continue
        key = fresh().ljust(length, b"k")
        data = packet(name, key, b"\0" * EXTRAS.get(base(name), 0), opaque=2)
        if base(name) == "STAT" and length == 250:
            continue
        if length < 16384 - 100:
            pair.compare([(name, END + data + END)])
        else:  # more than memcached's buffer holds: it waits, and never answers
            with BinConnection(pair.proxied.address) as conn:
                replies = [(one.opcode, one.status) for one in conn.drain(END + data + END)]
                assert replies in ([(END[1], OK)], [(END[1], OK), (data[1], INVALID)])


def test_a_body_shorter_than_what_is_in_it(pair, fresh):
    for name in KNOWN:
        extras = b"\0" * EXTRAS.get(base(name), 0)
        key = b"" if base(name) in KEYLESS else fresh()
        whole = len(key) + len(extras)
        pair.compare(
            (f"{name}, body {length} for {whole}",
             END + packet(name, key, extras, body_length=length, opaque=3) + END)
            for length in {0, 1, whole - 1} if 0 <= length < whole)
    for opcode in (0x1B, 0x1F, 0x25, 0x61, 0xFF):
        pair.compare([(opcode, END + packet(opcode, b"key", b"12345678", body_length=10) + END)])


def test_another_magic_ends_the_connection(pair, fresh):
    """As the first packet's it would be text; see above."""
    for magic in (0x00, 0x0A, 0x47, 0x7F, 0x81, 0x82, 0xFF):
        with BinConnection(pair.direct.address) as conn:
            conn.exchange()
            assert conn.drain(packet("NOOP", magic=magic) + END) == []
        with BinConnection(pair.proxied.address) as conn:
            assert [one.opaque for one in conn.drain(
                store("SET", fresh(), b"v", opaque=1) + packet("NOOP", opaque=2)
                + packet("GET", fresh(), magic=magic) + END)] in ([1, 2], [])
            conn.close()
        with BinConnection(pair.proxied.address) as conn:
            conn.exchange()
            assert conn.drain(packet("NOOP", magic=magic) + END) == []


@pytest.mark.parametrize("length", [0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_body_longer_than_anything(pair, fresh, length):
    """No memory for it; an error at once where memcached says one; nobody else is troubled."""
    proxy = pair.proxied.proxy
    before = proxy.memory() if proxy else 0
    for name in KNOWN:
        data = packet(name, b"" if base(name) in KEYLESS else fresh(),
                      b"\0" * EXTRAS.get(base(name), 0), b"some of it", body_length=length,
                      opaque=3)
        if base(name) in ("GET", "GETK", "DELETE", "INCREMENT", "DECREMENT", "QUIT", "FLUSH",
                          "NOOP", "VERSION", "SASL_LIST"):
            pair.compare([(name, END + data)])
            continue
        with BinConnection(pair.proxied.address) as conn:
            noop, *replies = conn.drain(END + data)
            assert noop.opaque == 0xE and all(one.opcode == data[1] for one in replies)
            if base(name) not in ("STAT", "TOUCH", "GAT", "GATK"):  # whose bodies nobody checks
                assert [one.status for one in replies] in ([], [TOO_LARGE], [INVALID],
                                                           [UNKNOWN_COMMAND]), show(replies)
    with BinConnection(pair.proxied.address) as conn:
        conn.set(fresh(), b"v")
    if proxy and not slipring.is_sanitized():
        assert proxy.memory() < before + 16 * MIB


def test_a_body_at_the_pools_limit_and_over(proxied, fresh):
    """What is over it is refused before it has come, and skipped."""
    with BinConnection(proxied.address) as conn:
        key = fresh()
        for size in (4 * MIB - 1000, 4 * MIB + 1, 20 * MIB):
            data = store("SET", key, b"x" * size, opaque=5)
            reply, = conn.exchange(data)
            assert (reply.status, reply.value) == (TOO_LARGE, TEXTS[TOO_LARGE]), size


def test_unknown_commands(pair):
    """All but the one of some clouds."""
    cases = []
    for opcode in (*range(0x25, 0x60), *range(0x61, 0x100), 0x1B, 0x1F):
        cases += [(hex(opcode), END + packet(opcode, opaque=opcode) + END),
                  (hex(opcode), END + packet(opcode, value=b"v" * opcode, opaque=1, cas=9) + END)]
    pair.compare(cases)


# -- where the proxy differs ----------------------------------------------------------------------


def test_an_unknown_commands_key_and_extras_are_skipped(mc_places, proxied):
    """memcached counts them twice, and loses its place in what follows."""
    data = packet(0x55, b"key", b"12345678", b"value", opaque=6) + END
    with BinConnection(mc_places["direct"].address) as conn:
        assert [one.opaque for one in conn.drain(data)] == [6]
    with BinConnection(proxied.address) as conn:
        for opcode in (0x1B, 0x1F, 0x25, 0x41, 0xFE):
            reply, = conn.exchange(packet(opcode, b"key", b"12345678", b"value" * 50, opaque=6))
            assert (reply.opcode, reply.status, reply.opaque, reply.value) == (
                opcode, UNKNOWN_COMMAND, 6, TEXTS[UNKNOWN_COMMAND])


def test_a_value_for_touch_is_no_command(mc_places, proxied, fresh):
    """memcached answers, and takes what follows the key for the next packet."""
    inner = packet("NOOP", opaque=0x666)
    for name in ("TOUCH", "GAT", "GATQ", "GATK", "GATKQ"):
        data = packet(name, fresh(), b"\0" * 4, inner, opaque=6) + END
        with BinConnection(mc_places["direct"].address) as conn:
            assert 0x666 in [one.opaque for one in conn.drain(data)]
        with BinConnection(proxied.address) as conn:
            assert 0x666 not in [one.opaque for one in conn.drain(data)]
    with BinConnection(proxied.address) as conn:
        data = packet("STAT", b"slabs", value=inner, opaque=6) + END
        assert 0x666 not in [one.opaque for one in conn.drain(data)]


# -- commands that concern all nodes --------------------------------------------------------------


@pytest.mark.parametrize("opcode", ["FLUSH", "FLUSHQ"])
@pytest.mark.parametrize("exptime", [None, 0])
def test_flush_reaches_every_node(conn, fresh, opcode, exptime):
    keys = [fresh() for _ in range(60)]
    got = conn.exchange(b"".join(store("SETQ", key, b"v") for key in keys)
                        + flush(opcode, exptime, opaque=8)
                        + b"".join(packet("GETQ", key) for key in keys)
                        + b"".join(store("SETQ", key, b"w") for key in keys))
    assert [(one.status, one.opaque) for one in got] == [(OK, 8)] * (opcode == "FLUSH")
    assert len(conn.exchange(b"".join(packet("GETQ", key) for key in keys))) == 60


def test_what_time_does(mc_places, fresh):
    """Expirations of 1 s, which end, are put off or brought on; then a flush to come. The
    same everywhere, and at once, since it takes seconds."""
    keys = [fresh() for _ in range(30)]
    conns = [BinConnection(place.address) for place in mc_places.values()]
    kinds = {
        "kept": lambda key: store("SETQ", key, b"5"),
        "expires": lambda key: store("SETQ", key, b"5", exptime=1),
        "put off": lambda key: store("SETQ", key, b"5", exptime=1) + touch("TOUCH", key, 100),
        "got": lambda key: store("SETQ", key, b"5", exptime=1) + touch("GATQ", key, 0),
        "brought on": lambda key: store("SETQ", key, b"5") + touch("TOUCH", key, 1),
        "counter": lambda key: count("INCREMENTQ", key, 1, 5, exptime=1),
        "absolute": lambda key: store("SETQ", key, b"5", exptime=int(time.time()) + 1),
        "far": lambda key: store("SETQ", key, b"5", exptime=int(time.time()) + 1000),
    }
    there = {"kept", "put off", "got", "far"}

    def found(conn):
        got = conn.exchange(*(packet("GETKQ", name.encode() + b":" + key)
                              for name in kinds for key in keys))
        return {name: sum(one.key.startswith(name.encode() + b":") for one in got)
                for name in kinds}

    for conn in conns:
        conn.exchange(*(make(name.encode() + b":" + key)
                        for name, make in kinds.items() for key in keys))
    time.sleep(2.1)
    for conn in conns:
        assert found(conn) == {name: 30 * (name in there) for name in kinds}
        conn.exchange(*(store("SETQ", b"kept:" + key, b"5") for key in keys))
        assert conn.ask(flush(exptime=3)).status == OK
        assert found(conn)["kept"] == 30
    time.sleep(3.2)
    for conn in conns:
        assert sum(found(conn).values()) == 0
        key = fresh()
        assert conn.set(key, b"v") == OK and conn.get(key) == b"v"
        conn.close()


def test_stats(conn, fresh):
    conn.set(fresh(), b"v")
    names = [name for name, _ in conn.stats()]
    assert {b"uptime", b"version", b"curr_items", b"cmd_get", b"bytes"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("what", [b"items", b"slabs", b"settings", b"sizes"])
def test_stats_of_a_kind(conn, fresh, what):
    for _ in range(20):
        conn.set(fresh(), b"v")
    names = [name for name, _ in conn.stats(what)]
    assert names and all(names) and len(set(names)) == len(names)


def test_stats_conns(conn):
    """Which memcached does not know in this protocol; the proxy may."""
    got = conn.exchange(packet("STAT", b"conns", opaque=4))
    assert {(one.opcode, one.opaque) for one in got} == {(OPCODES["STAT"], 4)}
    assert [one.status for one in got] == [NOT_FOUND] or (got[-1].status, got[-1].key) == (OK, b"")


def test_stats_reset(conn, fresh):
    conn.get(fresh())
    assert conn.stats(b"reset") == []
    assert int(dict(conn.stats())[b"get_misses"]) <= 1


def test_stats_of_something_unknown(conn):
    """The proxy may say how to ask for details, as memcached's text protocol does."""
    for what in (b"nope", b"detail nope", b"\x00", b"k" * 250):
        reply, = conn.exchange(packet("STAT", what, opaque=4))
        assert (reply.opcode, reply.opaque) == (OPCODES["STAT"], 4)
        assert reply.status == NOT_FOUND or b"usage" in reply.value, show(reply)


def test_stats_between_other_commands(conn, fresh):
    """A reply of many packets keeps its place."""
    key = fresh()
    got = conn.exchange(packet("GET", key, opaque=1) + packet("STAT", opaque=2)
                        + packet("GET", key, opaque=3) + packet("STAT", b"settings", opaque=4)
                        + packet("GETQ", key, opaque=5))
    opaques = [one.opaque for one in got]
    assert opaques == sorted(opaques) and set(opaques) == {1, 2, 3, 4}
    for opaque in (2, 4):
        mine = [one for one in got if one.opaque == opaque]
        assert [bool(one.key) for one in mine] == [True] * (len(mine) - 1) + [False]


def test_stats_are_summed(proxied, fresh):
    with BinConnection(proxied.address) as conn:
        conn.exchange(*(store("SETQ", fresh(), b"x" * i) for i in range(90)))

        def of_nodes(name):
            return sum(int(node.connect().stats()[name]) for node in proxied.nodes)

        for name in (b"curr_items", b"total_items", b"cmd_set", b"bytes", b"limit_maxbytes"):
            wire.wait_until(
                lambda n=name: int(dict(conn.stats())[n]) == of_nodes(n), name.decode())


def test_keys_are_where_ketama_says(proxied, fresh, ring):
    """Also those that text cannot name."""
    keys = [fresh() + tail for tail in (b"", b"\x00", b" \r\n", b"\xff") for _ in range(60)]
    with BinConnection(proxied.address) as conn:
        conn.exchange(*(store("SETQ", key, b"v") for key in keys))
    for index, node in enumerate(proxied.nodes):
        with BinConnection(node.address) as conn:
            found = {one.key for one in conn.exchange(*(packet("GETKQ", key) for key in keys))}
        assert found == {key for key in keys if ring.index(key) == index}


# -- random batches -------------------------------------------------------------------------------


# A number that no batch makes shorter: whether memcached then leaves blanks behind it depends on
# whether the item is being sent. It is below 1 << 63 if it is appended to itself: of others
# memcached reads on behind the end, looking for "-".
NUMBER = b"150500000"


def random_packet(rng, keys):
    """Any command, mostly right ones; nothing that ends a connection."""
    key, opaque = rng.choice(keys), rng.randrange(1 << 32)
    rest = {"opaque": opaque, "cas": rng.choice((0, 0, 0, 0, WRONG_CAS)),
            "data_type": rng.choice((0, 0, 0, 9)), "vbucket": rng.choice((0, 0, 1, 65535))}
    name = rng.choice(KNOWN)
    if base(name) in ("SET", "ADD", "REPLACE"):
        value = rng.choice((b"", NUMBER, NUMBER, rng.randbytes(rng.randrange(3000)), b"x" * 70000))
        exptime = rng.choice((0, 0, 0, 100, PAST, NEVER))
        return store(name, key, value, rng.randrange(1 << 32), exptime, **rest)
    if base(name) in ("APPEND", "PREPEND"):
        return packet(name, key, value=rng.choice((b"", NUMBER, rng.randbytes(50))), **rest)
    if base(name) in ("INCREMENT", "DECREMENT"):
        exptime = rng.choice((0, NEVER, PAST, 1000))
        return count(name, key, rng.randrange(1000), int(NUMBER), exptime, **rest)
    if base(name) in ("TOUCH", "GAT", "GATK"):
        return touch(name, key, rng.choice((0, 100, PAST, NEVER)), **rest)
    if base(name) in ("GET", "GETK", "DELETE"):
        return packet(name, key, **rest)
    if base(name) == "FLUSH":
        return flush(name, rng.choice((None, 0)), **rest)
    if base(name) == "STAT":
        return packet(name, rng.choice((b"nope", b"reset", b"detail off")), **rest)
    if name in ("SASL_AUTH", "SASL_STEP"):
        return packet(name, b"PLAIN", value=b"\0user\0password", **rest)
    if base(name) == "QUIT":
        value = rng.randbytes(rng.randrange(99))
        return packet(rng.choice((0x1B, 0x1F, 0x99)), value=value, **rest)
    return packet(name, **rest)


FLUSHES = (OPCODES["FLUSH"], OPCODES["FLUSHQ"])
# What may come last, since the connection ends with it.
LAST = [
    packet("QUIT", opaque=1), packet("QUITQ", opaque=1), packet("GET", opaque=1),
    packet("SET", b"key", opaque=1), packet("NOOP", value=b"x", opaque=1),
    packet("GET", b"k" * 251, opaque=1), packet("GETQ", b"key", b"1234", opaque=1),
    packet("DELETEQ", b"k", body_length=0, opaque=1), packet("GET", b"key")[:20], b"",
]


@pytest.mark.parametrize("cut", ["whole", "pieces"])
def test_random_batches_are_answered_as_by_memcached(pair, fresh, rng, cut):
    for _ in range(BATCHES):
        keys = [fresh() for _ in range(rng.randint(1, 6))]
        packets = [random_packet(rng, keys) for _ in range(rng.randint(2, 60))]
        packets.append(rng.choice(LAST))
        pieces = [b"".join(packets)]
        if cut == "pieces":
            data = pieces[0]
            ends = sorted(rng.sample(range(len(data)), min(len(data), 20))) + [len(data)]
            pieces = [data[a:b] for a, b in zip([0, *ends], ends)]
        found = pair.differs(*pieces)
        assert not found, f"{packets}\n{found}"


def test_broken_batches_harm_nobody(proxied, fresh, rng):
    """Bytes changed, lost and doubled: an answer or an end, and others' items as they were."""
    witness, value = fresh(), b"untouched"
    with BinConnection(proxied.address) as other:
        assert other.set(witness, value) == OK
        for _ in range(200):
            keys = [fresh() for _ in range(3)]
            packets = [random_packet(rng, keys) for _ in range(rng.randint(1, 20))]
            data = bytearray(b"".join(one for one in packets if one[1] not in FLUSHES))
            for _ in range(rng.randint(1, 4)):
                if data:
                    at = rng.randrange(min(len(data), 400))
                    data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
            with wire.Connection(proxied.address) as conn:
                conn.send(bytes(data))
                conn.half_close()
                conn.read_to_end()
        assert other.get(witness) in (value, None)  # since a byte may make it a FLUSH
        other.assert_empty()
    assert proxied.proxy.alive()


# -- a dead node ----------------------------------------------------------------------------------


@pytest.fixture
def dead_shard(no_direct, own_servers, make_proxy, ring, fresh):
    """(proxy, nodes, {shard: keys}); the node of shard b has crashed."""
    nodes = own_servers(servers.Memcached, 3)
    proxy = make_proxy(slipring.pool("memcached", nodes, timeouts={
        "connect": "200ms", "request": "1s"}))
    prefix = fresh()
    keys = {name: ring.keys(name, 20, prefix) for name in ring.names}
    with BinConnection(proxy.address()) as conn:
        conn.exchange(*(store("SETQ", key, b"v") for some in keys.values() for key in some))
    nodes[1].kill()
    yield proxy, nodes, keys


def is_slipring_error(reply):
    return reply.status == TEMPORARY and reply.value.startswith(b"slipring") and not reply.cas \
        and not reply.key and not reply.extras


def one_of_each(key):
    for name in KNOWN:
        if base(name) in KEYLESS or name.startswith("SASL"):
            continue
        if base(name) in ("SET", "ADD", "REPLACE"):
            yield store(name, key, b"v")
        elif base(name) in ("INCREMENT", "DECREMENT"):
            yield count(name, key)
        elif "T" in name and base(name) in ("TOUCH", "GAT", "GATK"):
            yield touch(name, key, 0)
        else:
            yield packet(name, key)


def test_a_dead_shards_keys_are_errors_and_others_are_not(dead_shard):
    proxy, _, keys = dead_shard
    with BinConnection(proxy.address()) as conn:
        for i, data in enumerate(one_of_each(keys["b"][0])):
            data, opcode = with_opaque(data, i)
            got = conn.exchange(packet("GET", keys["a"][0]), data, packet("GETK", keys["c"][0]))
            assert [one.status for one in got] == [OK, TEMPORARY, OK], (hex(opcode), show(got))
            assert is_slipring_error(got[1]) and (got[1].opcode, got[1].opaque) == (opcode, i)


def test_quiet_gets_over_a_dead_shard(dead_shard, rng):
    proxy, _, keys = dead_shard
    asked = [key for some in keys.values() for key in some] * 5
    rng.shuffle(asked)
    dead = set(keys["b"])
    with BinConnection(proxy.address()) as conn:
        got = conn.exchange(b"".join(packet("GETKQ", key, opaque=i)
                                     for i, key in enumerate(asked)))
        assert [one.opaque for one in got] == list(range(len(asked)))
        for key, one in zip(asked, got):
            if key in dead:
                assert is_slipring_error(one), show(one)
            else:
                assert (one.status, one.key, one.value) == (OK, key, b"v")


def test_all_nodes_commands_over_a_dead_shard(dead_shard):
    proxy, _, keys = dead_shard
    with BinConnection(proxy.address()) as conn:
        reply, = conn.exchange(flush(opaque=3))
        assert is_slipring_error(reply), show(reply)
        reply, = conn.exchange(flush("FLUSHQ", opaque=4))
        assert is_slipring_error(reply) and reply.opaque == 4, show(reply)
        assert conn.get(keys["a"][0]) is None
        got = conn.exchange(packet("STAT", opaque=5))
        assert {one.opaque for one in got} == {5}
        assert is_slipring_error(got[-1]) or (got[-1].status, got[-1].key) == (OK, b""), show(got)


def test_a_shard_that_comes_back(dead_shard):
    proxy, nodes, keys = dead_shard
    with BinConnection(proxy.address()) as conn:
        assert conn.ask(packet("GET", keys["b"][0])).status == TEMPORARY
        nodes[1].start()
        wire.wait_until(lambda: conn.ask(store("SET", keys["b"][0], b"w")).status == OK, "shard b")
        assert conn.get(keys["b"][0]) == b"w"


def test_a_hung_shard_is_an_error_in_time(no_direct, own_servers, make_proxy, ring, fresh):
    """The rest is not held up in its turn: what is before it comes at once."""
    nodes = own_servers(servers.Memcached, 3)
    proxy = make_proxy(slipring.pool("memcached", nodes, timeouts={"request": "500ms"}))
    prefix = fresh()
    keys = [ring.key(name, prefix) for name in ring.names]
    with BinConnection(proxy.address()) as conn:
        conn.exchange(*(store("SETQ", key, b"v") for key in keys))
        nodes[1].pause()
        try:
            got = conn.exchange(*(packet("GETQ", key, opaque=i) for i, key in enumerate(keys)))
        finally:
            nodes[1].resume()
        assert [one.status for one in got] == [OK, TEMPORARY, OK] and is_slipring_error(got[1])
