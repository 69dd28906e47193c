"""Real programs and `slipring route` place the same 1,000 keys on the same nodes."""

import shutil

import placement_peers as peers
import pytest

PORTS = {"11211": [11211], "others": [11212, 22122, 1, 65535], "mixed": [11211, 11212]}
# Of live nodes the other ports are free ones, whatever they are.
LIVE_PORTS = {"11211": [11211], "others": [0], "mixed": [11211, 0]}
WEIGHTS = {"equal": None, "weighted": [1, 2, 3, 4, 5], "skewed": [1, 1, 1, 1, 100]}

needs_nutcracker = pytest.mark.skipif(
    shutil.which("nutcracker", path="/usr/sbin:/usr/bin:/usr/local/bin") is None,
    reason="nutcracker is not installed",
)
needs_php = pytest.mark.skipif(not peers.has_php(), reason="php-memcached is not installed")
needs_dalli = pytest.mark.skipif(not peers.has_dalli(), reason="Dalli is not installed")

every_size = pytest.mark.parametrize("count", [1, 5, 25])
every_port = pytest.mark.parametrize("ports", list(PORTS))
every_weight = pytest.mark.parametrize("weights", ["equal", "weighted"])


def weights_of(name, count):
    return WEIGHTS[name] and (WEIGHTS[name] * count)[:count]


def hosts(count, ports):
    """Nodes that nobody connects to: IPs and names, in no order."""
    names = [f"10.{i * 37 % 251}.0.{i}" if i % 2 else f"cache-{i}.internal" for i in range(count)]
    return [(name, PORTS[ports][i % len(PORTS[ports])]) for i, name in enumerate(names)]


def check_same(keys, ours, theirs):
    differ = [f"{key}: {us}, not {them}" for key, us, them in zip(keys, ours, theirs) if us != them]
    assert len(ours) == len(theirs) == len(keys) == 1000
    assert not differ, f"{len(differ)} of {len(keys)} keys differ, as " + "; ".join(differ[:3])


# -- nutcracker -----------------------------------------------------------------------------------


def check_nutcracker(tmp_path, nodes, variants, weights=None, names=None):
    """As configured by hand, in nutcracker's order for modula, and as `slipring import` does."""
    keys = peers.all_keys()
    theirs = peers.nutcracker_places(tmp_path, nodes, keys, variants, weights, names)
    order = peers.nutcracker_order(nodes, names)
    nodes, weights, names = (each and [each[i] for i in order] for each in (nodes, weights, names))
    imported = peers.imported(tmp_path)
    for i, (variant, placed) in enumerate(zip(variants, theirs)):
        ours = peers.slipring_places(tmp_path, nodes, keys, weights, names, **variant)
        check_same(keys, ours, placed)
        check_same(keys, peers.route(imported, f"pool{i}", keys), placed)


@needs_nutcracker
@pytest.mark.parametrize("distribution", ["ketama", "modula"])
def test_nutcracker_every_hash(tmp_path, distribution):
    nodes = peers.loopback_nodes(5, LIVE_PORTS["mixed"])
    variants = [{"distribution": distribution, "hash": h} for h in peers.NUTCRACKER_HASHES]
    check_nutcracker(tmp_path, nodes, variants)


@needs_nutcracker
@every_size
@every_port
@pytest.mark.parametrize("weights", list(WEIGHTS))
def test_nutcracker(tmp_path, count, ports, weights):
    nodes = peers.loopback_nodes(count, LIVE_PORTS[ports])
    variants = [{"distribution": d, "hash": h}
                for d in ("ketama", "modula") for h in ("fnv1a_64", "md5")]  # fmt: skip
    check_nutcracker(tmp_path, nodes, variants, weights_of(weights, count))


@needs_nutcracker
@every_weight
def test_nutcracker_named_servers(tmp_path, weights):
    """Names decide, and weights count as well, whatever nutcracker's README says."""
    nodes = peers.loopback_nodes(5, LIVE_PORTS["11211"])
    names = ["alpha", "beta", "gamma", "delta", "epsilon"]
    variants = [{"distribution": "ketama", "hash": "murmur"}]
    check_nutcracker(tmp_path, nodes, variants, weights_of(weights, 5), names)


@needs_nutcracker
@pytest.mark.parametrize("tag", ["{}", "::", "er"])
def test_nutcracker_hash_tags(tmp_path, tag):
    nodes = peers.loopback_nodes(5, LIVE_PORTS["11211"])
    keys = peers.all_keys()
    quoted = {"distribution": "ketama", "hash": "crc32a", "hash_tag": f'"{tag}"'}
    [theirs] = peers.nutcracker_places(tmp_path, nodes, keys, [quoted])
    check_same(keys, peers.route(peers.imported(tmp_path), "pool0", keys), theirs)
    ours = peers.slipring_places(
        tmp_path, nodes, keys, distribution="ketama", hash="crc32a", hash_tag=tag
    )
    check_same(keys, ours, theirs)


@needs_nutcracker
def test_nutcracker_unix_sockets(tmp_path):
    """An unnamed socket's label there is its path and the colon before the weight."""
    nodes = [str(tmp_path / f"node{i}.sock") for i in range(5)]
    keys = peers.all_keys()
    variant = {"distribution": "ketama", "hash": "fnv1a_64"}
    [theirs] = peers.nutcracker_places(tmp_path, nodes, keys, [variant])
    names = [f"{node}:" for node in nodes]
    check_same(keys, peers.slipring_places(tmp_path, nodes, keys, names=names, **variant), theirs)
    check_same(keys, peers.route(peers.imported(tmp_path), "pool0", keys), theirs)


# -- libmemcached ---------------------------------------------------------------------------------

PHP_HASHES = {
    "HASH_DEFAULT": "one_at_a_time",
    "HASH_MD5": "md5",
    "HASH_CRC": "crc32",
    "HASH_FNV1_64": "fnv1_64",
    "HASH_FNV1A_64": "fnv1a_64",
    "HASH_FNV1_32": "fnv1_32",
    "HASH_FNV1A_32": "fnv1a_32",
    "HASH_MURMUR": "murmur",
}
KETAMA = [["OPT_LIBKETAMA_COMPATIBLE", [True]]]
CONSISTENT = [["OPT_DISTRIBUTION", "DISTRIBUTION_CONSISTENT"]]
MODULA = [["OPT_DISTRIBUTION", "DISTRIBUTION_MODULA"]]


def check_php(tmp_path, nodes, options, weights=None, **settings):
    keys = peers.all_keys()
    theirs = peers.php_places(nodes, keys, options, weights)
    check_same(keys, peers.slipring_places(tmp_path, nodes, keys, weights, **settings), theirs)


@needs_php
@every_size
@every_port
@every_weight
def test_php_ketama(tmp_path, count, ports, weights):
    nodes = hosts(count, ports)
    check_php(tmp_path, nodes, KETAMA, weights_of(weights, count))


@needs_php
@every_size
@every_port
@every_weight
def test_php_consistent(tmp_path, count, ports, weights):
    """With weights it silently becomes another ring."""
    nodes = hosts(count, ports)
    weights = weights_of(weights, count)
    check_php(tmp_path, nodes, CONSISTENT, weights, distribution="libmemcached-consistent")


@needs_php
@pytest.mark.parametrize("theirs, ours", PHP_HASHES.items())
def test_php_every_hash(tmp_path, theirs, ours):
    nodes = hosts(5, "mixed")
    hashed = [["OPT_HASH", theirs]]
    check_php(tmp_path, nodes, KETAMA + hashed, distribution="ketama", hash=ours)
    check_php(tmp_path, nodes, MODULA + hashed, distribution="modula", hash=ours)
    check_php(
        tmp_path, nodes, CONSISTENT + hashed, distribution="libmemcached-consistent", hash=ours
    )


@needs_php
def test_php_prefix_is_not_hashed(tmp_path):
    nodes = hosts(5, "11211")
    keys = peers.all_keys()
    theirs = peers.php_places(nodes, keys, KETAMA)
    assert theirs == peers.php_places(nodes, keys, [*KETAMA, ["OPT_PREFIX_KEY", ["app1:"]]])
    on_the_wire = [b"app1:" + key for key in keys]
    ours = peers.slipring_places(tmp_path, nodes, on_the_wire, key_prefix_ignored="app1:")
    check_same(keys, ours, theirs)


@needs_php
def test_php_sockets_and_ipv6(tmp_path):
    """As addServers has sockets; addServer would take the path for a host on port 11211."""
    nodes = ["/run/a.sock", "/run/b.sock", ("::1", 11211), ("2001:db8::1", 11212), ("h", 11211)]
    check_php(tmp_path, nodes, KETAMA)


@every_port
@pytest.mark.parametrize("count", [5, 25])
@every_weight
def test_pylibmc_ketama(tmp_path, count, ports, weights):
    pytest.importorskip("pylibmc")
    nodes = peers.loopback_nodes(count, LIVE_PORTS[ports])
    keys = peers.all_keys()
    weights = weights_of(weights, count)
    # Two switches: the second makes a weighted ring even of equal weights.
    behaviors = {"ketama": True, "ketama_weighted": True}
    theirs = peers.pylibmc_places(nodes, keys, weights, **behaviors)
    check_same(keys, peers.slipring_places(tmp_path, nodes, keys, weights), theirs)


def test_pylibmc_sockets(tmp_path):
    pytest.importorskip("pylibmc")
    nodes = [str(tmp_path / f"node{i}.sock") for i in range(5)]
    keys = peers.all_keys()
    theirs = peers.pylibmc_places(nodes, keys, ketama=True, ketama_weighted=True)
    check_same(keys, peers.slipring_places(tmp_path, nodes, keys), theirs)


@pytest.mark.parametrize("hash_name", ["md5", "fnv1a_32", "jenkins", "murmur", "crc"])
def test_pylibmc_hashes(tmp_path, hash_name):
    pytest.importorskip("pylibmc")
    nodes = peers.loopback_nodes(5, LIVE_PORTS["mixed"])
    keys = peers.all_keys()
    ours = "crc32" if hash_name == "crc" else hash_name
    for distribution in ("modula", "consistent"):
        theirs = peers.pylibmc_places(nodes, keys, hash=hash_name, distribution=distribution)
        same = {"consistent": "libmemcached-consistent"}.get(distribution, distribution)
        placed = peers.slipring_places(tmp_path, nodes, keys, distribution=same, hash=ours)
        check_same(keys, placed, theirs)


# -- pymemcache, Dalli ----------------------------------------------------------------------------


@every_size
@every_port
def test_pymemcache(tmp_path, count, ports):
    pytest.importorskip("pymemcache")
    nodes = hosts(count, ports)
    keys = peers.ascii_keys()
    theirs = peers.pymemcache_places(nodes, keys)
    ours = peers.slipring_places(tmp_path, nodes, keys, distribution="pymemcache")
    check_same(keys, ours, theirs)


@needs_dalli
@every_size
@every_port
@pytest.mark.parametrize("weights", list(WEIGHTS))
def test_dalli(tmp_path, count, ports, weights):
    nodes = hosts(count, ports)
    keys = peers.all_keys()
    weights = weights_of(weights, count)
    theirs = peers.dalli_places(nodes, keys, weights)
    ours = peers.slipring_places(tmp_path, nodes, keys, weights, distribution="dalli")
    check_same(keys, ours, theirs)


@needs_dalli
def test_dalli_sockets(tmp_path):
    nodes = ["/run/a.sock", "/run/b.sock", ("cache-1", 11211)]
    keys = peers.all_keys()
    theirs = peers.dalli_places(nodes, keys)
    check_same(keys, peers.slipring_places(tmp_path, nodes, keys, distribution="dalli"), theirs)
