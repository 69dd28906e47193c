"""Fleets behind the proxy, all real: a name server, Sentinels, primaries with replicas, clusters.

As the single servers of servers.py they have start() and kill(), so the fixture own_servers keeps
and ends them. Nodes of one group may share a port on loopback hosts of their own (127.0.0.2, ...),
so that a DNS record can move from one to the other.
"""

import binascii
import os
import shlex
import socket
import struct
import subprocess
import tempfile

import servers
import wire
from servers import LOOPBACK, program
from wire import wait_until

SLOTS = 16384


def hosts(count, first=1):
    """127.0.0.1, 127.0.0.2, ..."""
    return [f"127.0.0.{first + i}" for i in range(count)]


# -- names ----------------------------------------------------------------------------------------

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "SRV": 33}
RCODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


class Dnsmasq(servers.Server):
    """The name server of `.test`, and of nothing else. What it does not know of it is NXDOMAIN.

    A change of a record is a restart, so it counts at once, for the price of the milliseconds in
    which questions are refused. kill() and start() are an outage; the records outlast it.
    """

    def __init__(self, port=None, host=LOOPBACK, ttl=1):
        super().__init__(port, host)
        self.ttl = ttl  # seconds, of records without one of their own, and of SRV
        self.hosts, self.aliases, self.services = {}, {}, {}
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        os.chmod(self.folder.name, 0o755)

    def lines(self):
        for name, (addresses, ttl) in self.hosts.items():
            for address in addresses:
                yield f"host-record={name},{address},{ttl}"
        for name, (target, ttl) in self.aliases.items():
            yield f"cname={name},{target},{ttl}"
        for name, rows in self.services.items():
            for target, port, priority, weight in rows:
                yield f"srv-host={name},{target},{port},{priority},{weight}"

    def command(self):
        path = os.path.join(self.folder.name, "dnsmasq.conf")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(line + "\n" for line in self.lines())
        return [*as_nobody(), program("dnsmasq"), "--keep-in-foreground", f"--conf-file={path}", "--pid-file=",
                f"--port={self.port}", f"--listen-address={self.host}", "--bind-interfaces",
                "--no-resolv", "--no-hosts", "--local=/test/", f"--local-ttl={self.ttl}"]

    def start(self):
        """dnsmasq 2.90 that is asked while it starts may deny for ever a name that it was given, one
        start in some hundreds: such a one is started again."""
        for _ in range(5):
            super().start()
            known = [name for name, row in self.hosts.items() if row[0]]
            if all(self.ask(name)[0] == "NOERROR" for name in [*known, *self.services]):
                return self
            self.kill()
        raise wire.WireError(f"dnsmasq denies what it was given: {list(self.lines())[:5]}")

    def answers(self):
        assert self.process.poll() is None, f"dnsmasq ended: {self.process.returncode}"
        try:
            return bool(self.ask("nothing.test", seconds=0.2))
        except OSError:
            return False

    def ask(self, name, kind="A", seconds=2):
        """(RCODE, [(name, type, ttl, value)]) over UDP; a value is an address, a name, or for SRV
        (priority, weight, port, target)."""
        return ask_name(self.address, name, kind, seconds)

    def changed(self):
        if self.process:
            self.kill()
            self.start()

    # -- records

    def set(self, name, addresses, ttl=None):
        """The name has these addresses, IPv4 and IPv6, and no others; none: it does not exist."""
        addresses = [addresses] if isinstance(addresses, str) else list(addresses)
        self.hosts[name] = (addresses, self.ttl if ttl is None else ttl)
        self.changed()

    def alias(self, name, target, ttl=None):
        """A CNAME; the target is another name of this server."""
        self.aliases[name] = (target, self.ttl if ttl is None else ttl)
        self.changed()

    def serve(self, name, rows):
        """SRV records: (target, port) or (target, port, priority, weight)."""
        self.services[name] = [(*row, 0, 0)[:4] if len(row) == 2 else tuple(row) for row in rows]
        self.changed()

    def forget_host(self, name):
        """It has no address any more; if it has an SRV record it is still there."""
        self.hosts.pop(name)
        self.changed()

    def forget(self, *names):
        for name in names:
            for kind in (self.hosts, self.aliases, self.services):
                kind.pop(name, None)
        self.changed()


def as_nobody():
    """Root's dnsmasq gives up its rights by itself, and with them that it ends with the run."""
    if os.geteuid() != 0:
        return []
    return [program("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups",
            "--pdeathsig=KILL"]


def ask_name(server, name, kind, seconds):
    """One question by hand: the tests of the name server do not go through a resolver's cache."""
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    number = int.from_bytes(os.urandom(2), "big")
    packet = struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + question + b"\0"
    packet += struct.pack(">HH", TYPES[kind], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        sock.connect(server)
        sock.send(packet)
        data = sock.recv(65535)
    got, flags, _, count = struct.unpack_from(">4H", data)
    assert got == number, data
    rows, at = [], len(packet)
    for _ in range(count):
        row, at = read_record(data, at)
        rows.append(row)
    return RCODES[flags & 15], rows


def read_record(data, at):
    name, at = read_name(data, at)
    number, _, ttl, length = struct.unpack_from(">HHIH", data, at)
    at += 10
    kind = next(known for known, value in TYPES.items() if value == number)
    if kind == "A":
        value = socket.inet_ntop(socket.AF_INET, data[at : at + 4])
    elif kind == "AAAA":
        value = socket.inet_ntop(socket.AF_INET6, data[at : at + 16])
    elif kind == "CNAME":
        value = read_name(data, at)[0]
    else:
        value = (*struct.unpack_from(">HHH", data, at), read_name(data, at + 6)[0])
    return (name, kind, ttl, value), at + length


def read_name(data, at):
    """The name at an offset, and where it ends; pointers are followed."""
    parts, end = [], None
    while data[at]:
        if data[at] & 0xC0:
            end = end or at + 2
            at = struct.unpack_from(">H", data, at)[0] & 0x3FFF
            continue
        parts.append(data[at + 1 : at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(parts), end or at + 1


# -- a primary and its replicas -------------------------------------------------------------------


class Asked(servers.Redis):
    """A Redis that is asked one thing at a time, on a connection of its own."""

    def ask(self, *words):
        with self.connect() as conn:
            return conn.ask(*words)

    def role(self):
        """What ROLE says: master or slave; None where it does not answer, as while a Sentinel that
        gives it another role drops its clients."""
        try:
            return self.ask("ROLE")[0].decode()
        except (OSError, wire.WireError):
            return None


class Member(Asked):
    """One node of a replica set: it is told whom to follow, and starts as it last was told."""

    def __init__(self, port=None, host=LOOPBACK, options=()):
        super().__init__(port, host)
        self.leader, self.options = None, list(options)  # leader: a Member, or None for a primary
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with

    def command(self):
        follow = ["--replicaof", *map(str, self.leader.address)] if self.leader else []
        return super().command() + [
            "--dir", self.folder.name, "--repl-diskless-sync", "yes",
            "--repl-diskless-sync-delay", "0", "--repl-diskless-load", "swapdb",
            "--replica-announce-ip", self.host, "--replica-announce-port", str(self.port),
            *follow, *self.options]

    def follow(self, leader):
        """REPLICAOF; None makes it a primary."""
        self.leader = leader
        where = map(str, leader.address) if leader else ("NO", "ONE")
        assert self.ask("REPLICAOF", *where).startswith(b"OK")

    def follows(self, leader):
        """Its link is up, and it has all that its leader has."""
        mine, its = servers.info(self, "replication"), servers.info(leader, "replication")
        return (mine["role"] == "slave" and mine["master_host"] == leader.host
                and mine["master_port"] == str(leader.port)
                and mine["master_link_status"] == "up"
                and mine["slave_repl_offset"] == its["master_repl_offset"])


class ReplicaSet:
    """A primary, nodes[0] at first, and its replicas. one_port: they differ by their host alone."""

    def __init__(self, replicas=1, one_port=False, first_host=1, options=()):
        if one_port:
            places = hosts(replicas + 1, first_host)
            port = servers.free_port(places)
            self.nodes = [Member(port, host, options) for host in places]
        else:
            self.nodes = [Member(options=options) for _ in range(replicas + 1)]
        for node in self.nodes[1:]:
            node.leader = self.nodes[0]
        self.primary = self.nodes[0]  # as this class was told; Sentinels change it by themselves

    replicas = property(lambda self: [node for node in self.nodes if node is not self.primary])
    living = property(lambda self: [node for node in self.nodes if node.process])

    def start(self):
        for node in self.nodes:
            node.start()
        self.wait_synced()
        return self

    def kill(self):
        for node in self.nodes:
            node.kill()

    def roles(self):
        """The nodes' own words, None for one that does not run."""
        return [node.role() if node.process else None for node in self.nodes]

    def find_primary(self):
        """The one node that says it is the primary, whoever made it so."""
        found = [node for node in self.living if node.role() == "master"]
        return found[0] if len(found) == 1 else None

    def wait_synced(self):
        """Every living replica has all that the primary has."""
        others = [node for node in self.living if node is not self.primary]
        wait_until(lambda: all(node.follows(self.primary) for node in others), "the replicas")

    def failover(self, index):
        """FAILOVER: the primary holds writes until the replica has all, and follows it from then
        on. Nothing acknowledged is lost, and writes are READONLY at the old one."""
        old, new = self.primary, self.nodes[index]
        assert old.ask("FAILOVER", "TO", *map(str, new.address), "TIMEOUT", 10000) == b"OK"
        wait_until(lambda: new.role() == "master" and old.role() == "slave", "the failover")
        self.primary = new
        new.leader = None
        for node in self.living:
            if node is not new:
                node.follow(new)

    def promote(self, index):
        """It says that it is the primary; nobody else hears of it, and a primary remains one."""
        self.nodes[index].follow(None)
        self.primary = self.nodes[index]

    def demote(self, index):
        """It follows whom promote() made the primary, and forgets what that does not have."""
        self.nodes[index].follow(self.primary)

    def crash(self):
        """Kill the primary at a moment when the replicas have all that it acknowledged: what
        comes from now on waits in it and never runs."""
        assert self.primary.ask("CLIENT", "PAUSE", 60000, "WRITE") == b"OK"
        self.wait_synced()
        self.primary.kill()


# -- Sentinels ------------------------------------------------------------------------------------


class Sentinel(Asked):
    """One redis-sentinel that watches the sets of {name: ReplicaSet}; as quick as it can be."""

    # Not as short as they could be. While a primary is down its replicas are asked for INFO once a
    # second, and one whose INFO is older than five ping-periods is not promoted. Four times the
    # publish-period others wait for word of a failover before they take a promoted replica for one
    # that is astray, and make it follow the old primary again.
    PERIODS = {"info-period": 200, "ping-period": 300, "ask-period": 100, "publish-period": 700,
               "slave-reconf-timeout": 2000, "min-link-reconnect-period": 200,
               "election-timeout": 2000}

    def __init__(self, sets, quorum=2, down_ms=500, failover_ms=1500):
        super().__init__()
        self.sets, self.quorum = sets, quorum
        self.down_ms, self.failover_ms = down_ms, failover_ms
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.config = os.path.join(self.folder.name, "sentinel.conf")
        self.write_config()

    def write_config(self):
        """Once: from then on it is the Sentinel's own, where it keeps what it has learnt."""
        lines = [f"port {self.port}", f"bind {self.host}", f"dir {self.folder.name}"]
        for name, group in self.sets.items():
            host, port = group.primary.address
            lines += [f"sentinel monitor {name} {host} {port} {self.quorum}",
                      f"sentinel down-after-milliseconds {name} {self.down_ms}",
                      f"sentinel failover-timeout {name} {self.failover_ms}"]
        with open(self.config, "w", encoding="ascii") as file:
            file.writelines(line + "\n" for line in lines)

    def command(self):
        return [program("redis-server"), self.config, "--sentinel"]

    def start(self):
        super().start()
        for name, value in self.PERIODS.items():
            assert self.ask("SENTINEL", "DEBUG", name, value) == b"OK"
        return self

    def primary(self, name):
        """(host, port) of the primary, as this one sees it."""
        host, port = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
        return host.decode(), int(port)

    def sees(self, name):
        """What it knows of a set: {field: value}."""
        row = self.ask("SENTINEL", "MASTER", name)
        return {key.decode(): value.decode() for key, value in zip(row[::2], row[1::2])}

    def lie(self, name, address):
        """Say from now on that this is the primary, whatever the others say."""
        assert self.ask("SENTINEL", "REMOVE", name) == b"OK"
        assert self.ask("SENTINEL", "MONITOR", name, *map(str, address), 99) == b"OK"


class Sentinels:
    """Several that know each other; started when all see all."""

    def __init__(self, sets, count=3, quorum=None, **options):
        quorum = quorum or count // 2 + 1
        self.sets = sets
        self.nodes = [Sentinel(sets, quorum, **options) for _ in range(count)]

    names = property(lambda self: [node.name for node in self.nodes])

    def start(self):
        for node in self.nodes:
            node.start()
        wait_until(self.know_all, "the Sentinels to know each other", 30)
        return self

    def kill(self):
        for node in self.nodes:
            node.kill()

    def know_all(self):
        for node in self.nodes:
            for name, group in self.sets.items():
                seen = node.sees(name)
                if (seen["flags"], int(seen["num-other-sentinels"]), int(seen["num-slaves"])) != (
                        "master", len(self.nodes) - 1, len(group.nodes) - 1):
                    return False
        return True

    def wait_primary(self, name, address, seconds=30):
        """All that live say that this is the primary."""
        living = [node for node in self.nodes if node.process]
        wait_until(lambda: all(node.primary(name) == address for node in living),
                   f"the Sentinels to take {address} for the primary of {name}", seconds)


# -- Redis Cluster --------------------------------------------------------------------------------


def slot_of(key):
    """CRC16 of the key, or of its tag, modulo 16384."""
    key = wire.to_bytes(key)
    start = key.find(b"{")
    end = key.find(b"}", start + 1)
    if 0 <= start < end - 1:
        key = key[start + 1 : end]
    return binascii.crc_hqx(key, 0) % SLOTS


class ClusterNode(Asked):
    """It keeps its id over kill() and start(), but no data: nothing is on disk."""

    def __init__(self, node_timeout_ms=1000, full_coverage=True):
        super().__init__()
        self.bus_port = servers.free_port()
        self.node_timeout_ms, self.full_coverage = node_timeout_ms, full_coverage
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.id = None

    def command(self):
        return super().command() + [
            "--dir", self.folder.name, "--cluster-enabled", "yes",
            "--cluster-port", str(self.bus_port),
            "--cluster-node-timeout", str(self.node_timeout_ms),
            "--cluster-replica-validity-factor", "0",
            "--cluster-require-full-coverage", "yes" if self.full_coverage else "no",
            "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0",
            "--repl-diskless-load", "swapdb"]

    def start(self):
        super().start()
        self.id = self.ask("CLUSTER", "MYID").decode()
        return self

    def rows(self):
        """CLUSTER NODES: {id: (role, leader's id, slots, flags)}."""
        found = {}
        for line in self.ask("CLUSTER", "NODES").decode().splitlines():
            words = line.split(" ")
            flags = words[2].split(",")
            role = "master" if "master" in flags else "slave"
            found[words[0]] = (role, words[3], read_slots(words[8:]), flags)
        return found

    def view(self):
        """What all nodes of a settled cluster agree about."""
        return {key: row[:3] for key, row in self.rows().items()
                if not {"fail", "fail?", "noaddr", "handshake"} & set(row[3])}


def read_slots(words):
    """The slots of `0-5460 7000`; those on their way ("[5->-ID]") are still their owner's."""
    found = set()
    for word in words:
        if not word.startswith("["):
            first, _, last = word.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


class RedisCluster:
    """Masters with the same number of replicas each, made by redis-cli."""

    def __init__(self, masters=3, replicas=1, **options):
        self.count, self.per_master = masters, replicas
        self.nodes = [ClusterNode(**options) for _ in range(masters * (1 + replicas))]

    names = property(lambda self: [node.name for node in self.nodes])
    living = property(lambda self: [node for node in self.nodes if node.process])

    def start(self):
        for node in self.nodes:
            node.start()
        self.cli("create", *self.names, "--cluster-replicas", self.per_master)
        self.wait_ok()
        return self

    def kill(self):
        for node in self.nodes:
            node.kill()

    def cli(self, *words):
        """redis-cli --cluster, to its end; what it prints."""
        line = [program("redis-cli"), "--cluster", *map(str, words), "--cluster-yes"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False,
                              cwd="/", stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{shlex.join(line)}: {done.stdout[-1500:]} {done.stderr}"
        return done.stdout

    # -- who is who

    def rows(self):
        """{node: (role, leader, slots)} as the first living node has it."""
        by_id = {node.id: node for node in self.nodes}
        return {by_id[key]: (role, by_id.get(leader), slots)
                for key, (role, leader, slots, flags) in self.living[0].rows().items()
                if key in by_id and "fail" not in flags}

    def masters(self):
        """Those that have slots, by the lowest."""
        found = {node: slots for node, (role, _, slots) in self.rows().items()
                 if role == "master" and slots}
        return sorted(found, key=lambda node: min(found[node]))

    def replicas_of(self, master):
        return [node for node, row in self.rows().items() if row[1] is master]

    def owner(self, slot):
        return next(node for node, row in self.rows().items() if slot in row[2])

    def read(self, *words, key):
        """A command at the node that has the key."""
        return self.owner(slot_of(key)).ask(*words)

    # -- its health

    def is_ok(self):
        views = [node.view() for node in self.living]
        states = [servers.info_text(node.ask("CLUSTER", "INFO")) for node in self.living]
        return (all(view == views[0] for view in views)
                and len(views[0]) == len(self.living)
                and all(state["cluster_state"] == "ok" for state in states)
                and set().union(*(row[2] for row in views[0].values())) == set(range(SLOTS))
                and all(servers.info(node, "replication").get("master_link_status", "up") == "up"
                        for node in self.living))

    def wait_ok(self, seconds=30):
        """All that live agree, serve every slot, and the replicas have all."""
        wait_until(self.is_ok, "the cluster to be ok", seconds, 0.05)

    # -- moving slots

    def reshard(self, source, target, slots):
        """So many slots, their keys with them, by redis-cli; it wants all nodes to agree before."""
        self.wait_ok()
        self.cli("reshard", source.name, "--cluster-from", source.id, "--cluster-to", target.id,
                 "--cluster-slots", slots)

    def begin_move(self, slot, source, target):
        """From now on the source answers ASK for the slot's keys that it no longer has."""
        assert target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id) == b"OK"
        assert source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id) == b"OK"

    def move_keys(self, slot, source, target, count=1000):
        """How many keys were moved; at most `count`."""
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, count)
        if keys:
            assert source.ask("MIGRATE", *map(str, target.address), "", 0, 5000, "KEYS",
                              *keys) == b"OK"
        return len(keys)

    def end_move(self, slot, target):
        """The slot is the target's; from now on the source answers MOVED."""
        masters = self.masters()
        for node in [target] + [node for node in masters if node is not target]:
            assert node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id) == b"OK"

    def crash(self, master):
        """As ReplicaSet.crash, of one master."""
        assert master.ask("CLIENT", "PAUSE", 60000, "WRITE") == b"OK"
        offset = servers.info(master, "replication")["master_repl_offset"]
        wait_until(lambda: all(
            servers.info(node, "replication")["slave_repl_offset"] == offset
            for node in self.replicas_of(master)), "the replicas")
        master.kill()
