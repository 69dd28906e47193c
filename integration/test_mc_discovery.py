"""Auto discovery as ElastiCache's memcached nodes serve it, byte for byte."""

import time

import servers
import slipring
import wire

KEY = b"AmazonElastiCache:cluster"


def config_reply(payload):
    return b"CONFIG cluster 0 %d\r\n%s\r\nEND\r\n" % (len(payload), payload)


def value_reply(payload, cas=b""):
    return b"VALUE %s 0 %d%s\r\n%s\r\nEND\r\n" % (KEY, len(payload), cas, payload)


def read_config(proxy, name=None):
    """The version and the line of nodes that the proxy tells, every length checked."""
    with wire.Connection(proxy.address(name)) as conn:
        conn.send(b"config get cluster\r\n")
        word, cluster, flags, size = conn.read_line().split()
        assert (word, cluster, flags) == (b"CONFIG", b"cluster", b"0")
        payload = conn.read(int(size))
        conn.expect(b"\r\nEND\r\n")
        assert payload.endswith(b"\n") and payload.count(b"\n") == 2, payload
        version, nodes = payload[:-1].split(b"\n")
        assert conn.is_silent(0.05)
        return int(version), nodes


def line_of(nodes):
    return b" ".join(b"127.0.0.1|127.0.0.1|%d" % node.port for node in nodes)


def exchange(proxy, request, reply, name=None):
    with wire.Connection(proxy.address(name)) as conn:
        conn.send(request)
        conn.expect(reply)
        assert conn.is_silent(0.05)


def test_the_nodes(make_proxy, memcacheds):
    """What a client that knows ElastiCache asks, and exactly what it must be told."""
    before = int(time.time())
    proxy = make_proxy(slipring.pool("memcached", memcacheds[:3]))
    version, nodes = read_config(proxy)
    assert before <= version <= time.time()
    assert nodes == line_of(memcacheds[:3])
    payload = b"%d\n%s\n" % (version, nodes)
    exchange(proxy, b"config get cluster\r\n", config_reply(payload))
    exchange(proxy, b"get %s\r\n" % KEY, value_reply(payload))
    exchange(proxy, b"gets %s\r\n" % KEY, value_reply(payload, b" %d" % version))
    exchange(proxy, b"config get other\r\n", b"END\r\n")
    exchange(proxy, b"config set cluster 0 3\r\n", b"ERROR\r\n")
    exchange(proxy, b"config\r\n", b"ERROR\r\n")


def test_one_byte_at_a_time_and_in_a_pipeline(make_proxy, memcacheds, fresh):
    proxy = make_proxy(slipring.pool("memcached", memcacheds[:2]))
    version, nodes = read_config(proxy)
    reply = config_reply(b"%d\n%s\n" % (version, nodes))
    key = fresh()
    with wire.Connection(proxy.address()) as conn:
        for byte in b"config get cluster\r\n":
            conn.send(bytes([byte]))
        conn.expect(reply)
        conn.send(b"set %s 0 0 1\r\nx\r\nconfig get cluster\r\nget %s\r\n" % (key, key) * 50)
        for _ in range(50):
            conn.expect(b"STORED\r\n" + reply + b"VALUE %s 0 1\r\nx\r\nEND\r\n" % key)
        assert conn.is_silent(0.05)


def test_every_worker_tells_the_same(make_proxy, memcacheds):
    proxy = make_proxy(slipring.pool("memcached", memcacheds[:3]), workers=3)
    assert len({read_config(proxy) for _ in range(12)}) == 1


def test_a_list_of_proxies(make_proxy, memcacheds):
    told = ["proxy-1.internal:11211", "10.0.0.9:11311", "[2001:db8::9]:1"]
    proxy = make_proxy({
        "listed": slipring.pool("memcached", memcacheds[:3], cluster_config=told),
        "one": slipring.pool("memcached", memcacheds[:3], cluster_config="proxy-1.internal:7"),
        "spelt": slipring.pool("memcached", memcacheds[:3], cluster_config="nodes"),
    })
    version, nodes = read_config(proxy, "listed")
    assert nodes == (b"proxy-1.internal||11211 10.0.0.9|10.0.0.9|11311 "
                     b"2001:db8::9|2001:db8::9|1")
    assert read_config(proxy, "one") == (version, b"proxy-1.internal||7")
    assert read_config(proxy, "spelt") == (version, line_of(memcacheds[:3]))


def test_a_later_process_has_a_later_version(make_proxy, memcacheds):
    """Clients ignore a version below the one they know."""
    first = read_config(make_proxy(slipring.pool("memcached", memcacheds[:1])))[0]
    wire.wait_until(lambda: time.time() >= first + 1, "the next second")
    assert read_config(make_proxy(slipring.pool("memcached", memcacheds[:1])))[0] > first


def test_the_key_among_others_is_an_ordinary_one(make_proxy, memcacheds, fresh):
    proxy = make_proxy(slipring.pool("memcached", memcacheds[:3]))
    key = fresh()
    with proxy.connect() as conn:
        assert conn.set(key, b"v") == b"STORED\r\n"
        assert conn.call(b"get %s %s" % (KEY, key)) == b"VALUE %s 0 1\r\nv\r\nEND\r\n" % key
        assert conn.call(b"get %s %s" % (key, KEY)) == b"VALUE %s 0 1\r\nv\r\nEND\r\n" % key
        conn.assert_empty()


def test_it_is_told_while_every_node_is_down(make_proxy, own_servers):
    nodes = own_servers(servers.Memcached, 2)
    proxy = make_proxy(slipring.pool("memcached", nodes))
    for node in nodes:
        node.kill()
    assert read_config(proxy)[1] == line_of(nodes)


def test_sockets_are_left_out(make_proxy, memcacheds, tmp_path):
    """They are no node that another machine could use; a pool of nothing else tells nothing."""
    gone = f"unix:{tmp_path}/s"
    proxy = make_proxy({
        "mixed": slipring.pool("memcached", [gone, memcacheds[0].name]),
        "sockets": slipring.pool("memcached", [gone]),
    }, wait="healthz")
    assert read_config(proxy, "mixed")[1] == line_of(memcacheds[:1])
    exchange(proxy, b"config get cluster\r\n", b"END\r\n", "sockets")


def test_without_a_file(make_proxy, memcacheds):
    port = servers.free_port()
    make_proxy(arguments=["run", "--memcached", memcacheds[0].name,
                          "--listen", f"{servers.LOOPBACK}:{port}"])
    address = (servers.LOOPBACK, port)

    def listens():
        try:
            wire.connect_socket(address).close()
        except OSError:
            return False
        return True

    wire.wait_until(listens, "the proxy")
    with wire.Connection(address) as conn:
        conn.send(b"config get cluster\r\n")
        head, version, nodes = conn.read_line(), conn.read_line(), conn.read_line()
        conn.expect(b"\r\nEND\r\n")
        assert head == b"CONFIG cluster 0 %d\r\n" % (len(version) + len(nodes))
        assert nodes == line_of(memcacheds[:1]) + b"\n"


def test_check_says_where_a_list_is_wrong(tmp_path):
    path = tmp_path / "slipring.yaml"
    path.write_text("pools:\n  p:\n    protocol: memcached\n    listen: 127.0.0.1:1\n"
                    "    cluster_config: [proxy:1, unix:/x]\n    shards: [a:1]\n")
    run = slipring.subprocess.run([slipring.binary(), "check", "-c", str(path)],
                                  capture_output=True, text=True, timeout=wire.WAIT, check=False)
    assert run.returncode == 1
    assert ":5:31: pools.p.cluster_config[1]: 'unix:/x' is not valid; expected nodes, HOST:PORT" in (
        run.stdout + run.stderr)
