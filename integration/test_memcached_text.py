"""memcached text: every command over three nodes, byte for byte.

Tests with the `mc` fixture run twice: against one memcached itself, which proves that the
expectation is memcached's, and against the proxy.
"""

import base64

import pytest

import servers
import slipring
import wire

MIB = 1 << 20


@pytest.fixture(params=["direct", "proxy"])
def mc(request, memcacheds):
    """A connected client; no reply may be left over at the end."""
    if request.param == "direct":
        conn = memcacheds[3].connect()
    else:
        conn = request.getfixturevalue("mc_proxy").connect()
    with conn:
        yield conn
        conn.assert_empty()


@pytest.fixture
def proxied(mc_proxy):
    """A client of the proxy only, where the proxy is meant to differ."""
    with mc_proxy.connect() as conn:
        yield conn
        conn.assert_empty()


# Each row: what is sent, what comes back. K and L are keys of the test's own.
SCRIPTS = {
    "get_miss": [("get K", "END")],
    "get_hit": [("set K 0 0 3\r\nabc", "STORED"), ("get K", "VALUE K 0 3\r\nabc\r\nEND")],
    "get_same_key_twice": [
        ("set K 0 0 1\r\na", "STORED"),
        ("get K K", "VALUE K 0 1\r\na\r\nVALUE K 0 1\r\na\r\nEND"),
    ],
    "get_without_key": [("get", "ERROR"), ("gets", "ERROR")],
    "gat": [
        ("set K 7 0 1\r\na", "STORED"),
        ("gat 100 K", "VALUE K 7 1\r\na\r\nEND"),
        ("gat 100 L", "END"),
        ("gat -1 K", "VALUE K 7 1\r\na\r\nEND"),
        ("get K", "END"),
    ],
    "gat_wrong": [("gat", "ERROR"), ("gat x K", "CLIENT_ERROR invalid exptime argument")],
    "set_flags": [
        ("set K 4294967295 0 2\r\nhi", "STORED"),
        ("get K", "VALUE K 4294967295 2\r\nhi\r\nEND"),
    ],
    "set_value_with_line_ends": [
        ("set K 0 0 8\r\n\r\nEND\r\n\n", "STORED"),
        ("get K", "VALUE K 0 8\r\n\r\nEND\r\n\n\r\nEND"),
    ],
    "set_already_expired": [("set K 0 -1 1\r\na", "STORED"), ("get K", "END")],
    "set_empty_value": [("set K 0 0 0\r\n", "STORED"), ("get K", "VALUE K 0 0\r\n\r\nEND")],
    "add": [
        ("add K 1 0 1\r\na", "STORED"),
        ("add K 2 0 1\r\nb", "NOT_STORED"),
        ("get K", "VALUE K 1 1\r\na\r\nEND"),
    ],
    "replace": [
        ("replace K 0 0 1\r\na", "NOT_STORED"),
        ("set K 0 0 1\r\nb", "STORED"),
        ("replace K 3 0 1\r\nc", "STORED"),
        ("get K", "VALUE K 3 1\r\nc\r\nEND"),
    ],
    "append_prepend": [
        ("append K 0 0 1\r\na", "NOT_STORED"),
        ("prepend K 0 0 1\r\na", "NOT_STORED"),
        ("set K 5 0 1\r\nb", "STORED"),
        ("append K 0 0 1\r\nc", "STORED"),
        ("prepend K 0 0 1\r\na", "STORED"),
        ("get K", "VALUE K 5 3\r\nabc\r\nEND"),
    ],
    "cas_without_item": [("cas K 0 0 1 5\r\na", "NOT_FOUND")],
    "cas_of_another": [
        ("set K 0 0 1\r\na", "STORED"),
        ("cas K 0 0 1 999999999999\r\nb", "EXISTS"),
        ("get K", "VALUE K 0 1\r\na\r\nEND"),
    ],
    "incr_decr": [
        ("incr K 1", "NOT_FOUND"),
        ("decr K 1", "NOT_FOUND"),
        ("set K 0 0 2\r\n99", "STORED"),
        ("incr K 1", "100"),
        ("decr K 2", "98"),
        ("decr K 5000", "0"),
        ("incr K 18446744073709551615", "18446744073709551615"),
        ("incr K 1", "0"),
    ],
    "incr_wrong": [
        ("set K 0 0 1\r\nz", "STORED"),
        ("incr K 1", "CLIENT_ERROR cannot increment or decrement non-numeric value"),
        ("incr K x", "CLIENT_ERROR invalid numeric delta argument"),
        ("decr K -1", "CLIENT_ERROR invalid numeric delta argument"),
        ("incr K 18446744073709551616", "CLIENT_ERROR invalid numeric delta argument"),
        ("incr K", "ERROR"),
    ],
    "touch": [
        ("touch K 0", "NOT_FOUND"),
        ("set K 0 0 1\r\na", "STORED"),
        ("touch K 100", "TOUCHED"),
        ("get K", "VALUE K 0 1\r\na\r\nEND"),
        ("touch K -1", "TOUCHED"),
        ("get K", "END"),
        ("touch K x", "CLIENT_ERROR invalid exptime argument"),
        ("touch K", "ERROR"),
    ],
    "delete": [
        ("delete K", "NOT_FOUND"),
        ("set K 0 0 1\r\na", "STORED"),
        ("delete K", "DELETED"),
        ("get K", "END"),
        ("set K 0 0 1\r\na", "STORED"),
        ("delete K 0", "DELETED"),
        ("delete K 5", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"),
        ("delete K 0 0 0", "ERROR"),
        ("delete", "ERROR"),
    ],
    "verbosity": [
        ("verbosity 0", "OK"),
        ("verbosity", "ERROR"),
        ("verbosity x", "CLIENT_ERROR bad command line format"),
    ],
    "flush_all_wrong": [("flush_all x", "CLIENT_ERROR invalid exptime argument")],
    "unknown": [("nope", "ERROR"), ("nope K 0 0 1", "ERROR"), ("GET K", "ERROR"), ("", "ERROR")],
    "spaces": [
        ("set  K  0  0  1 \r\na", "STORED"),
        ("  get   K  ", "VALUE K 0 1\r\na\r\nEND"),
    ],
    "set_numbers_spelt_oddly": [
        ("set K 0 0 0003\r\nabc", "STORED"),
        ("set L 0 0 1 noise\r\na", "STORED"),
        ("get K", "VALUE K 0 3\r\nabc\r\nEND"),
    ],
}

NOREPLY = {
    "set": ("set K 0 0 1 noreply\r\nb", "VALUE K 0 1\r\nb\r\nEND"),
    "add": ("add L 0 0 1 noreply\r\nb", "VALUE K 0 1\r\n5\r\nEND"),
    "add_there": ("add K 0 0 1 noreply\r\nb", "VALUE K 0 1\r\n5\r\nEND"),
    "replace": ("replace K 0 0 1 noreply\r\nb", "VALUE K 0 1\r\nb\r\nEND"),
    "append": ("append K 0 0 1 noreply\r\nb", "VALUE K 0 2\r\n5b\r\nEND"),
    "prepend": ("prepend K 0 0 1 noreply\r\nb", "VALUE K 0 2\r\nb5\r\nEND"),
    "cas": ("cas K 0 0 1 999999999999 noreply\r\nb", "VALUE K 0 1\r\n5\r\nEND"),
    "incr": ("incr K 2 noreply", "VALUE K 0 1\r\n7\r\nEND"),
    "decr": ("decr K 2 noreply", "VALUE K 0 1\r\n3\r\nEND"),
    "touch": ("touch K -1 noreply", "END"),
    "delete": ("delete K noreply", "END"),
    "delete_0": ("delete K 0 noreply", "END"),
    "verbosity": ("verbosity 0 noreply", "VALUE K 0 1\r\n5\r\nEND"),
}


def fill_in(text, key, other):
    """The text as bytes, K and L (as words) replaced."""
    words = {b"K": key, b"L": other}
    return b"\r\n".join(
        b" ".join(words.get(word, word) for word in line.split(b" "))
        for line in text.encode().split(b"\r\n")
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(mc, fresh, name):
    key, other = fresh(), fresh()
    for sent, wanted in SCRIPTS[name]:
        got = mc.call(fill_in(sent, key, other))
        assert got == fill_in(wanted, key, other) + b"\r\n", sent


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_in_one_write(mc, fresh, name):
    key, other = fresh(), fresh()
    rows = [[fill_in(text, key, other) + b"\r\n" for text in row] for row in SCRIPTS[name]]
    mc.send(b"".join(sent for sent, _ in rows))
    mc.expect(b"".join(wanted for _, wanted in rows))


def test_script_byte_by_byte(mc, fresh):
    key, other = fresh(), fresh()
    for name in ("get_hit", "append_prepend", "unknown"):
        for sent, wanted in SCRIPTS[name]:
            for byte in fill_in(sent, key, other) + b"\r\n":
                mc.send(bytes([byte]))
            mc.expect(fill_in(wanted, key, other) + b"\r\n")
        mc.call(b"delete " + key)


@pytest.mark.parametrize("name", NOREPLY)
def test_noreply_hides_its_reply_and_no_other(mc, fresh, name):
    key, other = fresh(), fresh()
    sent, after = NOREPLY[name]
    assert mc.set(key, b"5") == b"STORED\r\n"
    mc.send(fill_in(sent, key, other) + b"\r\nget " + key + b"\r\n")
    mc.expect(fill_in(after, key, other) + b"\r\n")


def test_many_noreply_writes_then_a_get(mc, fresh):
    key = fresh()
    mc.set(key, b"0")
    mc.send((b"incr %s 1 noreply\r\n" % key) * 500 + b"get %s\r\n" % key)
    mc.expect(b"VALUE %s 0 3\r\n500\r\nEND\r\n" % key)


@pytest.mark.parametrize("line", [
    b"incr K x noreply", b"touch K x noreply", b"delete K 5 noreply", b"verbosity x noreply",
    b"delete " + b"k" * 251 + b" noreply", b"flush_all x noreply",
])
def test_an_error_to_noreply_is_at_most_its_own_line(mc, fresh, line):
    """memcached may send the error or not; the replies after it are right either way."""
    key = fresh()
    mc.set(key, b"5")
    mc.send(line.replace(b"K", key) + b"\r\nget %s\r\n" % key)
    reply = mc.read_reply()
    if reply.startswith(b"CLIENT_ERROR"):
        reply = mc.read_reply()
    assert reply == b"VALUE %s 0 1\r\n5\r\nEND\r\n" % key


@pytest.mark.parametrize("word", [b"get", b"gets", b"gat 100", b"gats 100"])
def test_many_keys_over_all_shards(mc, fresh, word):
    values = {fresh(): b"value-%d" % i * (i % 7) for i in range(1000)}
    mc.send(b"".join(
        b"set %s %d 0 %d noreply\r\n%s\r\n" % (key, i, len(value), value)
        for i, (key, value) in enumerate(values.items())
    ))
    asked = list(values) + [fresh() for _ in range(10)]
    # memcached takes only get and gets with lines over 2,048 bytes
    step = len(asked) if word in (b"get", b"gets") else 50
    found = {}
    for i in range(0, len(asked), step):
        reply = mc.call(b"%s %s" % (word, b" ".join(asked[i : i + step])))
        blocks, last = wire.value_blocks(reply)
        assert last == b"END\r\n"
        for block in blocks:
            words = block.split(b"\r\n")[0].split()
            assert len(words) == 4 + word.startswith((b"gets", b"gats"))
            assert words[1] not in found
            found[words[1]] = block.split(b"\r\n", 1)[1][:-2]
    assert found == values


def test_cas_of_gets(mc, fresh):
    keys = [fresh() for _ in range(6)]
    for key in keys:
        mc.set(key, b"old")
    for block in wire.value_blocks(mc.call(b"gets " + b" ".join(keys)))[0]:
        _, key, _, _, cas = block.split(b"\r\n")[0].split()
        assert mc.call(b"cas %s 0 0 3 %s\r\nnew" % (key, cas)) == b"STORED\r\n"
        assert mc.call(b"cas %s 0 0 3 %s\r\nbad" % (key, cas)) == b"EXISTS\r\n"
    assert set(mc.get(*keys)[0].values()) == {(0, b"new")}


SIZES = sorted({
    0, 1, 2, 100, 1000, *(p + d for p in (2048, 16384, 65536, 131072, MIB) for d in (-1, 0, 1)),
    65536 - 64, 3 * 65536 + 17, 2 * MIB,
})


@pytest.mark.parametrize("size", SIZES)
def test_value_of_size(mc, fresh, size):
    key, value = fresh(), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    mc.send(
        b"set %s 9 0 %d\r\n%s\r\nget %s\r\n" % (key, size, value, key)
        + b"append %s 0 0 1\r\n!\r\ngets %s\r\n" % (key, key)
    )
    mc.expect(b"STORED\r\nVALUE %s 9 %d\r\n%s\r\nEND\r\nSTORED\r\n" % (key, size, value))
    (flags, got), = mc_values(mc.read_reply()).values()
    assert (flags, got == value + b"!") == (9, True)


def mc_values(reply):
    found, last = wire.parse_values(reply)
    assert last == b"END\r\n"
    return found


def test_several_large_values_in_one_get(mc, fresh):
    values = {fresh(): bytes([65 + i]) * (300_000 + i) for i in range(9)}
    for key, value in values.items():
        assert mc.set(key, value) == b"STORED\r\n"
    found = mc_values(mc.call(b"get " + b" ".join(values)))
    assert {key: value for key, (_, value) in found.items()} == values


# -- limits of keys, lines, values ----------------------------------------------------------------


def test_longest_key(mc, fresh):
    key = fresh().ljust(250, b"k")
    assert mc.set(key, b"v") == b"STORED\r\n"
    assert mc.call(b"get " + key) == b"VALUE %s 0 1\r\nv\r\nEND\r\n" % key
    assert mc.call(b"delete " + key) == b"DELETED\r\n"


@pytest.mark.parametrize("line", [
    b"get %s", b"gets %s", b"gat 0 %s", b"gats 0 %s", b"delete %s", b"touch %s 0", b"incr %s 1",
    b"decr %s 1", b"get a %s b",
])
def test_key_too_long(mc, line):
    mc.send(line % (b"k" * 251) + b"\r\n")
    mc.expect(b"CLIENT_ERROR bad command line format\r\n")


@pytest.mark.parametrize("line", [
    b"set %s 0 0 1", b"add %s 0 0 1", b"replace %s 0 0 1", b"append %s 0 0 1", b"cas %s 0 0 1 5",
])
def test_key_too_long_with_value(mc, line):
    mc.send(line % (b"k" * 251) + b"\r\nx\r\n")
    mc.expect(b"CLIENT_ERROR bad command line format\r\nERROR\r\n")


@pytest.mark.parametrize("line", [
    b"set K x 0 1", b"set K 0 x 1", b"set K 0 0 x", b"set K 0 0 -1", b"set K -1 0 1",
    b"set K 0 0 9223372036854775808", b"set K 0 0 2147483648", b"cas K 0 0 1 x",
])
def test_storage_line_with_a_bad_number(mc, fresh, line):
    mc.send(line.replace(b"K", fresh()) + b"\r\nx\r\n")
    mc.expect(b"CLIENT_ERROR bad command line format\r\nERROR\r\n")


@pytest.mark.parametrize("line", [b"set K", b"set K 0 0", b"set K 0 0 1 noreply 1", b"cas K 0 0 1"])
def test_storage_line_with_a_wrong_word_count(mc, fresh, line):
    mc.send(line.replace(b"K", fresh()) + b"\r\nx\r\n")
    mc.expect(b"ERROR\r\nERROR\r\n")


def test_resync_after_bad_data_chunk(mc, fresh):
    key = fresh()
    mc.send(b"set %s 0 0 3\r\nabcdefg\r\nget %s\r\n" % (key, key))
    mc.expect(b"CLIENT_ERROR bad data chunk\r\nERROR\r\nEND\r\n")


def test_value_too_large_for_the_node(mc, fresh):
    """Direct, memcached's own limit of 8 MiB; through the proxy, the pool's of 4 MiB."""
    key, value = fresh(), b"x" * (9 * MIB)
    mc.set(key, b"old")
    mc.send(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value))
    mc.expect(b"SERVER_ERROR object too large for cache\r\n")
    mc.send(b"set %s 0 0 %d noreply\r\n%s\r\nget %s-2\r\n" % (key, len(value), value, key))
    reply = mc.read_reply()
    if reply != b"END\r\n":  # the error may be sent to noreply too
        assert reply == b"SERVER_ERROR object too large for cache\r\n"
        mc.expect(b"END\r\n")


@pytest.mark.parametrize("noreply", [b"", b" noreply"])
def test_refused_set_leaves_no_stale_value(mc, fresh, noreply):
    """memcached removes the item that it had no room to replace; so does a refusal of the proxy."""
    key, size = fresh(), 9 * MIB
    assert mc.set(key, b"old") == b"STORED\r\n"
    mc.send(b"set %s 0 0 %d%s\r\n" % (key, size, noreply) + b"x" * size + b"\r\nget %s\r\n" % key)
    if not noreply:
        mc.expect(b"SERVER_ERROR object too large for cache\r\n")
    mc.expect(b"END\r\n")


@pytest.mark.parametrize("flags", [b"", b"MS", b"MA", b"MR", b"q O1 k", b"C5", b"b"])
def test_refused_meta_set_leaves_no_stale_value(mc, fresh, flags):
    """Whatever its mode, and told in spite of q."""
    key, size = fresh(), 9 * MIB
    named = base64.b64encode(key) if flags == b"b" else key
    assert mc.set(key, b"old") == b"STORED\r\n"
    mc.send(b"ms %s %d %s\r\n" % (named, size, flags) + b"x" * size + b"\r\nget %s\r\n" % key)
    mc.expect(b"SERVER_ERROR object too large for cache\r\nEND\r\n")


@pytest.mark.parametrize("line", [b"add %s 0 0 %d", b"replace %s 0 0 %d", b"append %s 0 0 %d",
                                  b"prepend %s 0 0 %d", b"cas %s 0 0 %d 1"])
def test_other_refused_stores_leave_the_value(mc, fresh, line):
    key, size = fresh(), 9 * MIB
    assert mc.set(key, b"old") == b"STORED\r\n"
    mc.send(line % (key, size) + b"\r\n" + b"x" * size + b"\r\nget %s\r\n" % key)
    mc.expect(b"SERVER_ERROR object too large for cache\r\n")
    mc.expect(b"VALUE %s 0 3\r\nold\r\nEND\r\n" % key)


def test_refused_set_is_answered_once_its_key_is_deleted(make_proxy, scripted):
    node, = scripted("memcached")
    proxy = make_proxy(slipring.pool("memcached", [node], limits={"request": "1k"}))
    with proxy.connect() as conn:
        conn.send(b"set k 0 0 1025\r\n" + b"x" * 1025 + b"\r\nget k\r\n")
        peer = node.expect(b"delete k")
        node.expect(b"get k")
        assert conn.is_silent(0.2)
        peer.send(b"DELETED\r\n")
        conn.expect(b"SERVER_ERROR object too large for cache\r\n")
        peer.send(b"END\r\n")
        conn.expect(b"END\r\n")
        conn.send(b"set k 0 0 1025\r\n" + b"x" * 1025 + b"\r\n")
        node.expect(b"delete k")
        node.stop()
        conn.expect(b"SERVER_ERROR object too large for cache\r\n")
        conn.send(b"set k 0 0 1025\r\n" + b"x" * 1025 + b"\r\n")
        conn.expect(b"SERVER_ERROR object too large for cache\r\n")
        conn.assert_empty()


def test_value_at_the_pools_limit_and_over(proxied, fresh):
    key = fresh()
    assert proxied.set(key, b"x" * (4 * MIB)) == b"STORED\r\n"
    reply = proxied.set(key, b"x" * (4 * MIB + 1))
    assert reply == b"SERVER_ERROR object too large for cache\r\n"
    assert proxied.call(b"get " + key) == b"END\r\n"


def test_nodes_own_limit_is_passed_on(make_proxy, own_servers, fresh):
    nodes = own_servers(servers.Memcached, 1, item_max="1m")
    with make_proxy(slipring.pool("memcached", nodes)).connect() as conn:
        key = fresh()
        for size, wanted in ((MIB // 2, b"STORED\r\n"),
                             (2 * MIB, b"SERVER_ERROR object too large for cache\r\n")):
            assert conn.set(key, b"x" * size) == wanted
        conn.assert_empty()


def test_endless_line_is_closed(mc_proxy):
    with mc_proxy.connect() as conn:
        try:
            conn.send(b"x" * 200_000)
        except OSError:
            pass
        rest = conn.read_to_end()
        assert rest == b"" or rest.startswith((b"CLIENT_ERROR", b"ERROR")), rest[:200]


@pytest.mark.parametrize("line", [
    b"get a\x00b", b"delete a\x00b", b"incr a\x00b 1", b"touch a\x00b 0",
])
def test_binary_zero_in_a_key_slips_nothing(proxied, fresh, line):
    """memcached ends its line at the zero; a proxy that passed it on could miscount replies."""
    key = fresh()
    proxied.send(line + b"\r\nset %s 0 0 1\r\nx\r\nget %s\r\n" % (key, key))
    first = proxied.read_reply()
    assert first.startswith((b"CLIENT_ERROR", b"ERROR", b"END", b"NOT_FOUND")), first
    proxied.expect(b"STORED\r\nVALUE %s 0 1\r\nx\r\nEND\r\n" % key)


def test_binary_zero_in_a_stored_key_slips_nothing(proxied, fresh):
    key = fresh()
    proxied.send(b"set a\x00b 0 0 1\r\n1\r\nget %s\r\n" % key)
    replies = [proxied.read_reply()]
    while replies[-1] != b"END\r\n":
        replies.append(proxied.read_reply())
    assert all(reply.startswith((b"CLIENT_ERROR", b"ERROR")) for reply in replies[:-1]), replies
    assert 1 <= len(replies) - 1 <= 2


# -- commands that concern all nodes --------------------------------------------------------------


@pytest.mark.parametrize("line", [b"flush_all", b"flush_all 0", b"flush_all noreply",
                                  b"flush_all 0 noreply"])
def test_flush_all_reaches_every_node(mc, fresh, line):
    keys = [fresh() for _ in range(60)]
    for key in keys:
        mc.set(key, b"v")
    mc.send(line + b"\r\n")
    if b"noreply" not in line:
        mc.expect(b"OK\r\n")
    assert mc.call(b"get " + b" ".join(keys)) == b"END\r\n"


def test_version(mc):
    assert mc.call(b"version").startswith(b"VERSION ")


def test_verbosity_noreply(mc):
    mc.send(b"verbosity 0 noreply\r\nverbosity 0\r\n")
    mc.expect(b"OK\r\n")


def test_quit_closes_after_earlier_replies(mc_proxy, fresh):
    key = fresh()
    with mc_proxy.connect() as conn:
        conn.send(b"set %s 0 0 1\r\nx\r\nget %s\r\nquit\r\nget %s\r\n" % (key, key, key))
        conn.expect(b"STORED\r\nVALUE %s 0 1\r\nx\r\nEND\r\n" % key)
        conn.expect_closed()


def test_stats_are_summed(proxied, mc_proxy, memcacheds, fresh):
    for i in range(90):
        proxied.set(fresh(), b"x" * i)

    def of_nodes(name):
        total = 0
        for node in memcacheds[:3]:
            with node.connect() as conn:
                total += int(conn.stats()[name])
        return total

    for name in (b"curr_items", b"total_items", b"cmd_set", b"bytes", b"limit_maxbytes"):
        # some of these move by themselves when memcached finds an item expired
        wire.wait_until(lambda n=name: int(proxied.stats()[n]) == of_nodes(n), name)
    mine = proxied.stats()
    assert mine[b"version"].startswith(b"1.") and b"+" not in mine[b"version"]
    assert mc_proxy.alive()


@pytest.mark.parametrize("what", [b"items", b"slabs", b"settings"])
def test_stats_node_by_node(proxied, memcacheds, fresh, what):
    for _ in range(60):
        proxied.set(fresh(), b"x")
    mine = proxied.stats(what)
    for name, node in zip((b"a", b"b", b"c"), memcacheds):
        with node.connect() as conn:
            count = len(conn.stats(what))
        address = node.name.encode()
        lines = [key for key in mine if key.startswith((name + b":", address, name + b" "))]
        assert len(lines) >= count > 0, (name, sorted(mine)[:5])


def test_stats_proxy(proxied):
    mine = proxied.stats(b"proxy")
    assert mine
    assert all(key for key in mine)


def test_stats_of_something_unknown(proxied):
    reply = proxied.call(b"stats nope")
    assert reply.startswith((b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")), reply


# -- what is not there ----------------------------------------------------------------------------


@pytest.mark.parametrize("line", [
    b"shutdown", b"shutdown graceful", b"lru_crawler enable", b"cache_memlimit 64", b"watch",
    b"slabs automove 0", b"config set cluster", b"misbehave", b"refresh_certs", b"lru mode flat",
])
def test_refused_commands_keep_the_connection(proxied, mc_proxy, memcacheds, line):
    reply = proxied.call(line)
    assert reply.startswith((b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")), reply
    assert all(node.answers() for node in memcacheds)
    assert mc_proxy.alive()


def test_http_is_closed_or_refused(mc_proxy):
    with mc_proxy.connect() as conn:
        conn.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        conn.half_close()
        rest = conn.read_to_end()
        assert all(line.startswith(b"ERROR") for line in rest.splitlines() if line), rest


# -- routing --------------------------------------------------------------------------------------


def test_keys_are_where_ketama_says(proxied, memcacheds, ring, fresh):
    keys = [fresh() for _ in range(300)]
    for key in keys:
        proxied.set(key, key)
    for index, node in enumerate(memcacheds[:3]):
        mine = [key for key in keys if ring.index(key) == index]
        assert len(mine) > 30
        with node.connect() as conn:
            found, _ = conn.get(*keys)
        assert sorted(found) == sorted(mine)
