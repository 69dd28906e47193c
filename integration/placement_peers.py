"""Asks other programs where they place keys: nutcracker, libmemcached's clients, pymemcache, Dalli.

Clients that tell are asked offline. Of the others it is observed: they set each key, and scripted
nodes write down who got it. A node is a pair (host, port), or the path of a UNIX socket.
"""

import base64
import contextlib
import json
import selectors
import shutil
import socket
import subprocess
import threading

import servers
import slipring
import wire

SECONDS = 30
NUTCRACKER_HASHES = (
    "md5", "fnv1a_64", "fnv1_64", "fnv1a_32", "fnv1_32", "one_at_a_time",
    "crc16", "crc32", "crc32a", "murmur", "hsieh", "jenkins",
)  # fmt: skip


def address(node):
    """As slipring writes it."""
    if isinstance(node, str):
        return f"unix:{node}"
    host, port = node
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ascii_keys(count=1000):
    """Keys of each length up to memcached's limit and of the shapes that people use."""
    shapes = ("key:{}", "user:{}:name", "{}", "session-{:08x}", "a.b.c/{}?x={}", "{{user{}}}:f")
    keys = [shapes[i % len(shapes)].format(i, i) for i in range(count - 200)]
    keys += [f"{i}-".ljust(i + 51, "x") for i in range(200)]
    return [key.encode() for key in keys]


def all_keys(count=1000):
    """As above; every fifth has bytes above 0x7f, in UTF-8 and not."""
    keys = ascii_keys(count)
    keys[::10] = [b"caf\xc3\xa9:" + key[:200] for key in keys[::10]]
    keys[5::10] = [key[:200] + b"\xff\x80\xfe" for key in keys[5::10]]
    return keys


# -- slipring -------------------------------------------------------------------------------------


def slipring_places(tmp_path, nodes, keys, weights=None, names=None, **settings):
    """The address of each key's node, as `slipring route` says."""
    shards = []
    for i, node in enumerate(nodes):
        if names or weights:
            shards.append({"primary": address(node), "weight": weights[i] if weights else 1})
            if names:
                shards[-1]["name"] = names[i]
        else:
            shards.append(address(node))
    pool = {"protocol": "memcached", "listen": "127.0.0.1:11211", **settings, "shards": shards}
    path = tmp_path / "placement.yaml"
    path.write_text(slipring.to_yaml({"pools": {"p": pool}}) + "\n")
    return route(path, "p", keys)


def route(path, pool, keys):
    output = run([slipring.binary(), "route", "-c", str(path), pool], b"\n".join(keys) + b"\n")
    lines = output.splitlines()
    assert [line.split(b"\t")[0] for line in lines] == keys
    return [line.split(b"\t")[2].decode() for line in lines]


def run(command, stdin=b""):
    done = subprocess.run(
        command, input=stdin, capture_output=True, timeout=SECONDS, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout


# -- scripted nodes -------------------------------------------------------------------------------


class Nodes:
    """Listeners that answer `set` and write down which of them got which key."""

    def __init__(self, nodes):
        self.keys = {}
        self.selector = selectors.DefaultSelector()
        self.wake, self.waker = socket.socketpair()
        self.selector.register(self.wake, selectors.EVENT_READ, None)
        self.listeners = [self.listen(node) for node in nodes]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def listen(self, node):
        family = socket.AF_UNIX if isinstance(node, str) else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(node)
        listener.listen(128)
        self.selector.register(listener, selectors.EVENT_READ, (node, None))
        return listener

    def run(self):
        while True:
            for event, _ in self.selector.select():
                if event.data is None:
                    return
                node, buffered = event.data
                if buffered is None:
                    connection, _ = event.fileobj.accept()
                    data = (node, bytearray())
                    self.selector.register(connection, selectors.EVENT_READ, data)
                else:
                    self.serve(event.fileobj, node, buffered)

    def serve(self, connection, node, buffered):
        try:
            received = connection.recv(65536)
        except OSError:
            received = b""
        if not received:
            self.selector.unregister(connection)
            connection.close()
            return
        buffered += received
        with contextlib.suppress(OSError):  # it may be gone again
            while (reply := self.take(node, buffered)) is not None:
                connection.sendall(reply)

    def take(self, node, buffered):
        """The reply to the first whole command, which is cut off; None: there is none yet."""
        line, end, rest = bytes(buffered).partition(b"\r\n")
        if not end:
            return None
        words = line.split(b" ")
        if words[0] != b"set":
            del buffered[: len(line) + 2]
            return b"VERSION 1.6.18\r\n" if words[0] == b"version" else b""
        body = int(words[4]) + 2
        if len(rest) < body:
            return None
        del buffered[: len(line) + 2 + body]
        self.keys[words[1]] = node
        return b"STORED\r\n"

    def close(self):
        self.waker.send(b"x")
        self.thread.join(SECONDS)
        self.selector.unregister(self.wake)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
        self.wake.close()
        self.waker.close()

    def places(self, keys):
        """Where each key went since the last time."""
        seen, self.keys = self.keys, {}
        assert set(seen) == set(keys), f"{len(seen)} of {len(keys)} keys arrived"
        return [address(seen[key]) for key in keys]


@contextlib.contextmanager
def listening(nodes):
    running = Nodes(nodes)
    try:
        yield running
    finally:
        running.close()


def loopback_nodes(count, ports):
    """Nodes on loopback addresses of their own, which 11211 is free on; ports in turn, 0: free."""
    for subnet in range(16, 240):
        nodes = []
        for i in range(count):
            host = f"127.77.{subnet}.{i + 1}"
            nodes.append((host, ports[i % len(ports)] or servers.free_port()))
        if all(can_bind(node) for node in nodes):
            return nodes
    raise AssertionError("no loopback subnet has its port 11211 free")


def can_bind(node):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(node)
        except OSError:
            return False
    return True


# -- nutcracker -----------------------------------------------------------------------------------


def nutcracker_pool(path, nodes, weights, names, **settings):
    lines = [f"  listen: {path}", "  preconnect: false", "  timeout: 20000"]
    lines += [f"  {key}: {value}" for key, value in settings.items()]
    lines.append("  servers:")
    for i, node in enumerate(nodes):
        place = node if isinstance(node, str) else f"{node[0]}:{node[1]}"
        name = f" {names[i]}" if names else ""
        lines.append(f"  - {place}:{weights[i] if weights else 1}{name}")
    return "\n".join(lines) + "\n"


def nutcracker_order(nodes, names=None):
    """The indices of the nodes in nutcracker's own order: by length of label, then by bytes."""
    labels = names or [
        node + ":" if isinstance(node, str)
        else node[0] if node[1] == 11211
        else f"{node[0]}:{node[1]}"
        for node in nodes
    ]  # fmt: skip
    return sorted(range(len(nodes)), key=lambda i: (len(labels[i]), labels[i]))


def imported(tmp_path):
    """The file that `slipring import` makes of the one nutcracker was last asked with."""
    path = tmp_path / "imported.yaml"
    path.write_bytes(run([slipring.binary(), "import", str(tmp_path / "nutcracker.yml")]))
    return path


def set_all(connection, keys):
    connection.sendall(b"".join(b"set %s 0 0 1\r\nx\r\n" % key for key in keys))
    received = b""
    while len(received) < len(keys) * len(b"STORED\r\n"):
        part = connection.recv(65536)
        assert part, "the proxy closed the connection"
        received += part
    assert received == b"STORED\r\n" * len(keys)


def nutcracker_places(tmp_path, nodes, keys, variants, weights=None, names=None):
    """Where nutcracker places the keys, for each mapping of pool settings in `variants`.

    Its configuration stays at tmp_path/nutcracker.yml, with the variants as pool0, pool1, ...
    """
    paths = [str(tmp_path / f"{i}.sock") for i in range(len(variants))]
    config = tmp_path / "nutcracker.yml"
    config.write_text("".join(
        f"pool{i}:\n" + nutcracker_pool(paths[i], nodes, weights, names, **settings)
        for i, settings in enumerate(variants)
    ))  # fmt: skip
    command = [servers.program("nutcracker"), "-c", str(config), "-a", "127.0.0.1"]
    command += ["-s", str(servers.free_port()), "-o", str(tmp_path / "nutcracker.log")]
    with listening(nodes) as running:
        process = subprocess.Popen(command, cwd="/")
        try:
            return [running_places(running, path, keys) for path in paths]
        finally:
            process.kill()
            process.wait(SECONDS)


def running_places(running, path, keys):
    def connect():
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            return None
        return connection

    with wire.wait_until(connect, f"nutcracker on {path}") as connection:
        set_all(connection, keys)
    return running.places(keys)


# -- libmemcached: php-memcached, pylibmc ---------------------------------------------------------

PHP = """
$in = json_decode(stream_get_contents(STDIN), true);
$client = new Memcached();
foreach ($in["options"] as [$name, $value])
    if (!$client->setOption(constant("Memcached::$name"),
                            is_string($value) ? constant("Memcached::$value") : $value[0]))
        throw new Exception("php-memcached knows no $name");
$client->addServers($in["servers"]);
$out = [];
foreach ($in["keys"] as $key) {
    $server = $client->getServerByKey(base64_decode($key));
    $out[] = [$server["host"], $server["port"]];
}
echo json_encode($out);
"""


def ask(command, question):
    """A program that reads JSON and writes JSON."""
    return json.loads(run(command, json.dumps(question).encode()))


def has_php():
    if shutil.which("php") is None:
        return False
    return b"memcached" in subprocess.run(["php", "-m"], capture_output=True, check=True).stdout


def php_places(nodes, keys, options, weights=None):
    """`options`: pairs of constants' names, or a name and a list of one plain value."""
    weights = weights or [0] * len(nodes)
    listed = [
        [node, 0, weight] if isinstance(node, str) else [*node, weight]
        for node, weight in zip(nodes, weights)
    ]
    encoded = [base64.b64encode(key).decode() for key in keys]
    question = {"servers": listed, "options": options, "keys": encoded}
    paths = {node for node in nodes if isinstance(node, str)}
    found = ask(["php", "-r", PHP], question)
    return [address(host if host in paths else (host, port)) for host, port in found]


def pylibmc_places(nodes, keys, weights=None, **behaviors):
    import pylibmc

    listed = [
        node if isinstance(node, str) else f"{node[0]}:{node[1]}:{weights[i] if weights else 1}"
        for i, node in enumerate(nodes)
    ]
    with listening(nodes) as running:
        client = pylibmc.Client(listed, binary=False, behaviors=behaviors)
        for key in keys:
            client.set(key, b"x")
        client.disconnect_all()
        return running.places(keys)


# -- pymemcache, Dalli ----------------------------------------------------------------------------


def pymemcache_places(nodes, keys):
    """By the client's own choice of a client, which connects nowhere."""
    from pymemcache.client.hash import HashClient

    client = HashClient(nodes)
    return [address(client._get_client(key.decode()).server) for key in keys]


# A server counts as alive without being asked; everything else is Dalli's own.
DALLI = """
require "dalli"
require "json"
require "base64"
question = JSON.parse(STDIN.read)
servers = question["servers"].map { |server| Dalli::Protocol::Binary.new(server) }
servers.each { |server| server.define_singleton_method(:alive?) { true } }
ring = Dalli::Ring.new(servers, threadsafe: false)
puts JSON.dump(question["keys"].map { |key| ring.server_for_key(Base64.decode64(key)).name })
"""


def has_dalli():
    if shutil.which("ruby") is None:
        return False
    return subprocess.run(["ruby", "-rdalli", "-e", ""], capture_output=True).returncode == 0


def dalli_places(nodes, keys, weights=None):
    listed = []
    for i, node in enumerate(nodes):
        weight = weights[i] if weights else 1
        listed.append(f"{node}:{weight}" if isinstance(node, str) else f"{address(node)}:{weight}")
    encoded = [base64.b64encode(key).decode() for key in keys]
    found = ask(["ruby", "-e", DALLI], {"servers": listed, "keys": encoded})
    by_name = {node if isinstance(node, str) else f"{node[0]}:{node[1]}": node for node in nodes}
    return [address(by_name[name]) for name in found]
