"""Real client libraries, against the servers themselves and through the proxy."""

import json
import shutil
import subprocess

import pytest

pylibmc = pytest.importorskip("pylibmc")
pymemcache = pytest.importorskip("pymemcache.client.base")
redis_py = pytest.importorskip("redis")


@pytest.fixture(params=["direct", "proxy"])
def mc_address(request, memcacheds):
    if request.param == "direct":
        return memcacheds[3].address
    return request.getfixturevalue("mc_proxy").address()


@pytest.fixture(params=["direct", "proxy"])
def redis_address(request, redises):
    if request.param == "direct":
        return redises[3].address
    return request.getfixturevalue("redis_proxy").address()


@pytest.fixture
def text(fresh):
    return lambda: fresh().decode()


# -- Redis ----------------------------------------------------------------------------------------


@pytest.fixture
def redis(redis_address):
    host, port = redis_address
    client = redis_py.Redis(host, port, decode_responses=True, client_name="test",
                            health_check_interval=1, socket_timeout=20)
    yield client
    client.close()


def test_redis_py_commands(redis, text):
    k = text()
    assert redis.ping() and redis.echo("hi") == "hi"
    assert redis.set(k, "é") and redis.get(k) == "é"
    assert redis.set(k, 1, nx=True) is None and redis.set(k, 1, ex=100) and redis.ttl(k) == 100
    assert redis.incrby(k, 4) == 5 and redis.incrbyfloat(k, 0.5) == 5.5
    assert redis.delete(k) == 1 and not redis.exists(k)
    h = text()
    assert redis.hset(h, mapping={"a": 1, "b": 2}) == 2
    assert redis.hgetall(h) == {"a": "1", "b": "2"}
    assert dict(redis.hscan_iter(h)) == {"a": "1", "b": "2"}
    s = text()
    assert redis.sadd(s, "x", "y") == 2 and redis.smembers(s) == {"x", "y"}
    z = text()
    assert redis.zadd(z, {"a": 1, "b": 2.5}) == 2
    assert redis.zrange(z, 0, -1, withscores=True) == [("a", 1.0), ("b", 2.5)]
    x = text()
    assert redis.xadd(x, {"f": "v"}, id="5-1") == "5-1"
    assert redis.xrange(x) == [("5-1", {"f": "v"})]
    with pytest.raises(redis_py.ResponseError, match="WRONGTYPE"):
        redis.get(h)
    assert redis.client_getname() == "test"
    assert redis.client_id() > 0


def test_redis_py_many_keys(redis, text):
    pairs = {text(): str(i) for i in range(300)}
    assert redis.mset(pairs)
    assert redis.mget(list(pairs)) == list(pairs.values())
    assert redis.mget([text(), *pairs])[0] is None
    assert redis.exists(*pairs) == redis.touch(*pairs) == 300
    assert redis.delete(*list(pairs)[:100]) == 100
    assert redis.unlink(*pairs) == 200


def test_redis_py_pipelines(redis, text):
    keys = [text() for _ in range(1000)]
    with redis.pipeline(transaction=False) as pipe:
        for i, key in enumerate(keys):
            pipe.set(key, i).incr(key).get(key)
        pipe.mget(keys[:50])
        replies = pipe.execute()
    assert replies[:-1] == [part for i in range(1000) for part in (True, i + 1, str(i + 1))]
    assert replies[-1] == [str(i + 1) for i in range(50)]


def test_redis_py_pipeline_with_errors_inside(redis, text):
    k = text()
    with redis.pipeline(transaction=False) as pipe:
        pipe.rpush(k, 1).get(k).execute_command("NOPE").lrange(k, 0, -1)
        replies = pipe.execute(raise_on_error=False)
    assert replies[0] == 1 and replies[3] == ["1"]
    assert all(isinstance(one, redis_py.ResponseError) for one in replies[1:3])


def test_redis_py_scripts_and_locks_on_one_key(redis, text):
    k = text()
    redis.set(k, "before")
    assert redis.eval("return redis.call('GET', KEYS[1])", 1, k) == "before"


def test_redis_py_blocking_pool_of_threads(redis, text):
    """Many connections of one pool at once."""
    import threading

    wrong = []

    def work():
        for _ in range(30):
            key = text()
            redis.set(key, key)
            if redis.get(key) != key:
                wrong.append(key)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_redis_py_transaction(redis_proxy, text):
    host, port = redis_proxy.address()
    with redis_py.Redis(host, port) as client:
        k = text()
        assert client.pipeline(transaction=True).set(k, 1).get(k).execute() == [True, b"1"]
        assert client.set(k, 2) and client.get(k) == b"2"


def php(code, *arguments):
    """The JSON that a php script prints."""
    if not shutil.which("php"):
        pytest.skip("php is not installed")
    done = subprocess.run(["php", "-d", "display_errors=stderr", "-r", code, "--",
                           *map(str, arguments)], capture_output=True, text=True, timeout=50,
                          check=False)
    assert done.returncode == 0 and not done.stderr, (done.returncode, done.stderr, done.stdout)
    return json.loads(done.stdout)


def test_phpredis(redis_address, text):
    k = text()
    got = php("""
        [$_, $host, $port, $k] = $argv;
        $r = new Redis();
        $out = ['connect' => $r->connect($host, (int)$port, 5)];
        $out['ping'] = $r->ping('x');
        $out['set'] = $r->set($k, 'v', ['nx', 'ex' => 100]);
        $out['nx'] = $r->set($k, 'v', ['nx']);
        $out['get'] = $r->get($k);
        $out['miss'] = $r->get("$k-none");
        $many = [];
        for ($i = 0; $i < 100; $i++) { $many["$k-$i"] = "$i"; }
        $out['mset'] = $r->mset($many);
        $out['mget'] = $r->mget(array_keys($many)) === array_values($many);
        $out['del'] = $r->del(array_keys($many));
        $out['exists'] = $r->exists($k, "$k-0");
        $r->hMSet("$k-h", ['a' => 1, 'b' => 2]);
        $out['hash'] = $r->hGetAll("$k-h");
        $pipe = $r->multi(Redis::PIPELINE);
        for ($i = 0; $i < 200; $i++) { $pipe->incr("$k-n"); }
        $pipe->get($k);
        $out['pipe'] = array_slice($pipe->exec(), -2);
        $out['large'] = $r->set("$k-l", str_repeat('x', 3000000)) && strlen($r->get("$k-l"));
        try { $out['error'] = $r->incr("$k-h"); } catch (RedisException $e) { $out['error'] = 1; }
        $r->clearLastError();
        $out['after'] = $r->get($k);
        echo json_encode($out);
    """, *redis_address, k)
    assert got == {
        "connect": True, "ping": "x", "set": True, "nx": False, "get": "v", "miss": False,
        "mset": True, "mget": True, "del": 100, "exists": 1, "hash": {"a": "1", "b": "2"},
        "pipe": [200, "v"], "large": True, "error": False, "after": "v",
    }


# -- memcached ------------------------------------------------------------------------------------


def test_pymemcache(mc_address, text):
    client = pymemcache.Client(mc_address, timeout=20, connect_timeout=20)
    k = text()
    assert client.set(k, "v", noreply=False) and client.get(k) == b"v"
    assert client.add(k, "w", noreply=False) is False
    assert client.replace(k, "10", noreply=False) is True
    assert client.incr(k, 5) == 15 and client.decr(k, 1) == 14
    assert client.append(k, "x", noreply=False) and client.prepend(k, "x", noreply=False)
    value, cas = client.gets(k)
    assert value == b"x14x"
    assert client.cas(k, "new", cas) is True and client.cas(k, "no", cas) is False
    assert client.touch(k, 100, noreply=False) is True
    assert client.delete(k, noreply=False) is True and client.get(k) is None
    many = {text(): b"%d" % i for i in range(400)}
    assert client.set_many(many) == []
    assert client.get_many(list(many)) == many
    assert set(client.gets_many(list(many)[:20])) == set(list(many)[:20])
    assert client.delete_many(list(many)) is True
    assert client.get_many(list(many)) == {}
    for i in range(200):  # noreply is this client's default
        client.set(k, str(i))
    assert client.get(k) == b"199"
    assert client.version()
    assert client.stats()[b"version"]
    with pytest.raises(pymemcache.MemcacheIllegalInputError):
        client.get("k" * 251)
    assert client.flush_all(noreply=False) is True
    assert client.get(k) is None
    client.quit()


def test_pylibmc_text(mc_address, text):
    client = pylibmc.Client([f"{mc_address[0]}:{mc_address[1]}"], binary=False,
                            behaviors={"tcp_nodelay": True, "cas": True})
    k = text()
    assert client.set(k, {"a": [1, 2]}) and client.get(k) == {"a": [1, 2]}
    assert not client.add(k, 1) and client.replace(k, "5")
    assert client.set(k, 5) and client.incr(k) == 6 and client.decr(k, 2) == 4
    value, cas = client.gets(k)
    assert value == 4 and client.cas(k, 9, cas) and not client.cas(k, 10, cas)
    many = {text(): "value-%d" % i * (i % 9) for i in range(500)}
    assert client.set_multi(many) == []
    assert client.get_multi(list(many)) == many
    assert client.delete_multi(list(many)) and client.get_multi(list(many)) == {}
    assert client.set(k, "x" * 900_000) and client.get(k) == "x" * 900_000
    assert client.delete(k) and client.get(k) is None
    assert client.get_stats()


@pytest.mark.parametrize("buffered", [False, True])
def test_pylibmc_pipelined_writes(mc_address, text, buffered):
    """libmemcached's noreply and buffered modes send many writes before any read."""
    client = pylibmc.Client([f"{mc_address[0]}:{mc_address[1]}"], binary=False,
                            behaviors={"_noreply": 1, "buffer_requests": int(buffered)})
    keys = [text() for _ in range(300)]
    for key in keys:
        client.set(key, key)
    assert client.get_multi(keys) == {key: key for key in keys}


def test_php_memcached_text(mc_address, text):
    k = text()
    got = php("""
        [$_, $host, $port, $k] = $argv;
        $m = new Memcached();
        $m->setOption(Memcached::OPT_BINARY_PROTOCOL, false);
        $m->setOption(Memcached::OPT_TCP_NODELAY, true);
        $m->addServer($host, (int)$port);
        $out = ['set' => $m->set($k, ['a' => 1]), 'get' => $m->get($k)];
        $out['miss'] = [$m->get("$k-none"), $m->getResultCode() === Memcached::RES_NOTFOUND];
        $out['add'] = $m->add($k, 1);
        $out['incr'] = [$m->set("$k-n", 5), $m->increment("$k-n", 2), $m->decrement("$k-n")];
        $row = $m->get($k, null, Memcached::GET_EXTENDED);
        $out['cas'] = [$m->cas($row['cas'], $k, 'new'), $m->cas($row['cas'], $k, 'no')];
        $many = [];
        for ($i = 0; $i < 300; $i++) { $many["$k-$i"] = "v$i"; }
        $out['setMulti'] = $m->setMulti($many);
        $back = $m->getMulti(array_keys($many), Memcached::GET_PRESERVE_ORDER);
        $out['getMulti'] = $back === $many;
        $m->getDelayed(array_keys($many), true);
        $out['delayed'] = count($m->fetchAll());
        $out['touch'] = $m->touch($k, 100);
        $out['append'] = [$m->setOption(Memcached::OPT_COMPRESSION, false),
                          $m->set("$k-s", 'a'), $m->append("$k-s", 'b'), $m->get("$k-s")];
        $out['large'] = $m->set("$k-l", random_bytes(700000)) && strlen($m->get("$k-l")) === 700000;
        $out['delete'] = [$m->delete($k), $m->delete($k)];
        $out['version'] = count($m->getVersion());
        $out['stats'] = count($m->getStats()) === 1;
        echo json_encode($out);
    """, *mc_address, k)
    assert got == {
        "set": True, "get": {"a": 1}, "miss": [False, True], "add": False, "incr": [True, 7, 6],
        "cas": [True, False], "setMulti": True, "getMulti": True, "delayed": 300, "touch": True,
        "append": [True, True, True, "ab"], "large": True, "delete": [True, False], "version": 1,
        "stats": True,
    }


def test_php_memcached_noreply_and_buffering(mc_address, text):
    k = text()
    got = php("""
        [$_, $host, $port, $k] = $argv;
        $m = new Memcached();
        $m->setOption(Memcached::OPT_NOREPLY, true);
        $m->setOption(Memcached::OPT_BUFFER_WRITES, true);
        $m->addServer($host, (int)$port);
        for ($i = 0; $i < 500; $i++) { $m->set("$k-$i", "v$i"); }
        $m->flushBuffers();
        $m->setOption(Memcached::OPT_BUFFER_WRITES, false);
        // The option closes the connection: the last sets may be under way on the old one still.
        for ($try = 0, $right = 0; $right < 500 && $try < 200; $try++, usleep(20000)) {
            $right = 0;
            for ($i = 0; $i < 500; $i++) { $right += $m->get("$k-$i") === "v$i"; }
        }
        echo json_encode($right);
    """, *mc_address, k)
    assert got == 500
