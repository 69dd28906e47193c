<?php
// php-memcached. Usage: mc_php.php STEPS SERVERS PREFIX, with PROTOCOL=text or binary, and
// USER_NAME and PASSWORD for SASL; what each step prints, test_mc_clients says.

[, $list, $servers, $prefix] = $argv;

function client(): Memcached
{
    global $servers;
    $m = new Memcached();
    $binary = getenv('PROTOCOL') === 'binary';
    $m->setOption(Memcached::OPT_BINARY_PROTOCOL, $binary);
    $m->setOption(Memcached::OPT_TCP_NODELAY, true);
    $m->setOption(Memcached::OPT_COMPRESSION, false);
    $m->setOption(Memcached::OPT_LIBKETAMA_COMPATIBLE, true);
    foreach ([Memcached::OPT_CONNECT_TIMEOUT, Memcached::OPT_POLL_TIMEOUT] as $timeout) {
        $m->setOption($timeout, 20000);
    }
    if (getenv('USER_NAME')) {
        $m->setSaslAuthData(getenv('USER_NAME'), getenv('PASSWORD'));
    }
    foreach (explode(',', $servers) as $server) {
        [$host, $port] = explode(':', $server);
        $m->addServer($host, (int)$port);
    }
    return $m;
}

/** What was got, or null for a miss, which is told from an error. */
function got(Memcached $m, $value)
{
    $code = $m->getResultCode();
    if (!in_array($code, [Memcached::RES_SUCCESS, Memcached::RES_NOTFOUND])) {
        throw new Exception($m->getResultMessage());
    }
    return $code === Memcached::RES_SUCCESS ? $value : null;
}

function keys(int $count): array
{
    global $P;
    return array_map(fn($i) => "$P:$i", range(0, $count - 1));
}

$steps = [
    'basic' => function () {
        global $P;
        $m = client();
        $out = ['miss' => got($m, $m->get($P)), 'set' => $m->set($P, 'v')];
        $out['get'] = got($m, $m->get($P));
        $out['add'] = [$m->add($P, 'w'), $m->add("$P-2", 'w')];
        $out['replace'] = [$m->replace($P, 'r'), $m->replace("$P-3", 'r')];
        $out['delete'] = [$m->delete($P), $m->delete($P)];
        $large = str_repeat("line\r\n", 120000);
        $out['large'] = $m->set($P, $large) && $m->get($P) === $large;
        $out['empty'] = $m->set($P, '') && got($m, $m->get($P)) === '';
        $m->set($P, 'm');
        $out['append'] = [$m->append($P, 'z'), $m->prepend($P, 'a'), $m->append("$P-4", 'x')];
        return $out + ['appended' => $m->get($P)];
    },

    'cas' => function () {
        global $P;
        $m = client();
        $m->set($P, 'old');
        $cas = $m->get($P, null, Memcached::GET_EXTENDED)['cas'];
        $out = ['cas' => [$m->cas($cas, $P, 'new'), $m->cas($cas, $P, 'no')]];
        return $out + ['value' => $m->get($P)];
    },

    'many' => function () {
        global $P;
        $m = client();
        $keys = keys(1000);
        $items = array_combine($keys, array_map(fn($key) => "value of $key", $keys));
        $out = ['set' => $m->setMulti($items)];
        $asked = [...array_map(fn($i) => "$P:none:$i", range(0, 99)), ...$keys];
        $found = $m->getMulti($asked, Memcached::GET_PRESERVE_ORDER);
        $out['found'] = count(array_filter($found, fn($value) => $value !== null));
        $out['right'] = $m->getMulti($keys, Memcached::GET_PRESERVE_ORDER) === $items;
        $m->deleteMulti($keys);
        return $out + ['left' => count($m->getMulti($keys))];
    },

    'count' => function () {
        global $P;
        $m = client();
        $m->set($P, 10);
        $out = ['incr' => $m->increment($P, 5), 'decr' => $m->decrement($P, 2)];
        return $out + ['floor' => $m->decrement($P, 100)];
    },

    'count_missing' => function () {
        global $P;
        $m = client();
        return ['missing' => got($m, $m->increment($P, 5)), 'after' => got($m, $m->get($P))];
    },

    'expire' => function () {
        global $P;
        $m = client();
        $out = ['set' => $m->set($P, 'v', 1) && $m->set("$P-2", 'v', 1) && $m->set("$P-3", 'v')];
        $out['touch'] = [$m->touch("$P-2", 100), $m->touch("$P-3", 1), $m->touch("$P-4", 1)];
        sleep(2);
        usleep(200000);
        return $out + ['after' => array_map(fn($k) => got($m, $m->get($k)), [$P, "$P-2", "$P-3"])];
    },

    'all' => function () {
        $m = client();
        foreach (keys(60) as $key) {
            $m->set($key, 'v');
        }
        $out = ['version' => (bool)preg_match('/^\d+\.\d+/', current($m->getVersion()))];
        $out['stats'] = current($m->getStats())['curr_items'] >= 60;
        $out['flush'] = $m->flush();
        return $out + ['left' => count($m->getMulti(keys(60)))];
    },

    'quiet' => function () {
        $m = client();
        $m->setOption(Memcached::OPT_NOREPLY, true);
        $m->setOption(Memcached::OPT_BUFFER_WRITES, true);
        foreach (keys(500) as $key) {
            $m->set($key, $key);
        }
        $m->flushBuffers();
        $m->setOption(Memcached::OPT_NOREPLY, false);
        $m->setOption(Memcached::OPT_BUFFER_WRITES, false);
        // The option closes the connection: the last sets may be under way on the old one still.
        for ($try = 0, $right = 0; $right < 500 && $try < 100; $try++, usleep(20000)) {
            $right = count($m->getMulti(keys(500)));
        }
        return ['right' => $right];
    },

    'fill' => function () {
        $m = client();
        return ['set' => count(array_filter(keys(300), fn($key) => $m->set($key, $key)))];
    },

    'found' => function () {
        $found = client()->getMulti(keys(300));
        return ['found' => count(array_filter($found, fn($v, $k) => $v === $k, 1))];
    },

    'login' => function () {
        global $P;
        $m = client();
        $set = $m->set($P, 'v');
        return ['set' => $set, 'get' => $m->get($P) === 'v'];
    },
];

$out = [];
foreach (explode(',', $list) as $i => $step) {
    $P = "$prefix-$i";
    $out[$step] = $steps[$step]();
}
echo json_encode($out), "\n";
