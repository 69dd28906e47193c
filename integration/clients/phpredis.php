<?php
// phpredis. Usage: phpredis.php STEP HOST PORT PREFIX; what each step prints, test_redis_clients
// says.

[, $step, $host, $port, $P] = $argv;
const BUMP = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

function client(int $db = 0): Redis
{
    global $host, $port;
    $r = new Redis();
    $r->connect($host, (int)$port, 10, null, 0, 20);
    if ($db) {
        $r->select($db);
    }
    $r->client('SETNAME', 'driver');
    return $r;
}

/** Runs a function in a process of its own; the function returned waits for what it returned. */
function beside(callable $work): callable
{
    [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    if (pcntl_fork() === 0) {
        fwrite($theirs, json_encode($work()));
        posix_kill(posix_getpid(), SIGKILL); // no destructor: the connections are the parent's
    }
    fclose($theirs);
    return fn() => json_decode(stream_get_contents($ours));
}

$steps = [
    'connect' => function () {
        $r = client();
        $hello = $r->rawCommand('HELLO');
        return [
            'ping' => $r->ping('PONG'), 'name' => $r->client('GETNAME'),
            'id' => $r->rawCommand('CLIENT', 'ID') > 0,
            'info' => isset($r->info('server')['redis_version']),
            'proto' => $hello[array_search('proto', $hello) + 1],
        ];
    },

    'pipeline' => function () use ($P) {
        $r = client();
        $pipe = $r->multi(Redis::PIPELINE);
        $want = $names = [];
        for ($i = 0; $i < 400; $i++) {
            $pipe->set("$P:$i", $i)->incr("$P:$i")->get("$P:$i");
            array_push($want, true, $i + 1, (string)($i + 1));
        }
        for ($i = 0; $i < 50; $i++) {
            $names[] = "$P:$i";
        }
        $pipe->lPush("$P:0", 'x')->mGet($names);
        $replies = $pipe->exec();
        return [
            'replies' => count($replies), 'right' => array_slice($replies, 0, 1200) === $want,
            'error' => $replies[1200] === false ? explode(' ', $r->getLastError())[0] : null,
            'mget' => $replies[1201] === array_map('strval', range(1, 50)),
        ];
    },

    'transaction' => function () use ($P) {
        [$r, $other, $k] = [client(), client(), "{{$P}}"];
        $out = ['exec' => $r->multi()->set("$k:a", 1)->incr("$k:a")->get("$k:a")->exec()];
        $out['exec'][0] = $out['exec'][0] ? 'OK' : null;
        $out['right'] = 0;
        for ($i = 0; $i < 30; $i++) {
            $t = "{{$P}$i}";
            $got = $r->multi()->set("$t:x", $i)->mGet(["$t:x", "$t:y"])->exec();
            $out['right'] += $got === [true, ["$i", false]];
        }
        $r->watch("$k:a");
        $value = (int)$r->get("$k:a");
        $out['watched'] = $r->multi()->set("$k:a", $value + 1)->get("$k:a")->exec()[1];
        $r->watch("$k:a");
        $other->set("$k:a", 'theirs');
        $out['touched'] = $r->multi()->set("$k:a", 'mine')->exec() ?: null;
        $r->multi()->set("$k:a", 'no');
        $r->discard();
        $out['discarded'] = $r->get("$k:a");
        return $out;
    },

    'block' => function () use ($P) {
        $k = "{{$P}}";
        $producer = beside(function () use ($k) {
            $r = client();
            foreach (['b' => 'job1', 'src' => 'job2'] as $key => $job) {
                usleep(150000);
                $r->rPush("$k:$key", $job);
            }
            usleep(150000);
            $r->zAdd("$k:z", 1.5, 'm');
        });
        $r = client();
        [$key, $popped] = $r->blPop(["$k:a", "$k:b"], 10);
        $out = ['popped' => $popped, 'key' => $key === "$k:b"];
        $out['moved'] = $r->bRPopLPush("$k:src", "$k:dst", 10);
        [, $member, $score] = $r->bzPopMin("$k:z", 10);
        $out['least'] = [$member, (float)$score];
        $out['nothing'] = $r->rawCommand('BLPOP', "$k:a", '0.2') ?: null;
        $out['dst'] = $r->lRange("$k:dst", 0, -1);
        $producer();
        return $out;
    },

    // subscribe() comes back, with an exception, when its callback has closed the connection.
    'subscribe' => function () use ($P) {
        $publish = fn(array $what) => beside(function () use ($P, $what) {
            usleep(300000);
            $r = client();
            return array_map(fn($m) => $r->publish($P . $m[0], $m[1]), $what);
        });
        $until_closed = function (callable $listen) {
            try {
                $listen();
            } catch (RedisException $e) {
                if ($e->getMessage() !== 'Connection closed') {
                    throw $e;
                }
            }
        };
        $sub = client();
        $out = ['messages' => [], 'patterns' => []];
        $strip = fn(...$all) => array_map(fn($one) => str_replace($P, '', $one), $all);
        $plain = function ($r, $channel, $m) use (&$out, $strip) {
            $out['messages'][] = $strip($channel, $m);
            if (count($out['messages']) === 2) {
                $r->close();
            }
        };
        $pattern = function ($r, $pattern, $channel, $m) use (&$out, $strip) {
            $out['patterns'][] = $strip($pattern, $channel, $m);
            $r->close();
        };
        $first = $publish([[':a', 'm0'], [':b', 'm1']]);
        $until_closed(fn() => $sub->subscribe(["$P:a", "$P:b"], $plain));
        $second = $publish([['-c', 'm2']]);
        $until_closed(fn() => $sub->psubscribe(["$P-*"], $pattern));
        usleep(100000);
        return $out + [
            'received' => [...$first(), ...$second()], 'after' => client()->publish("$P:a", 'm3'),
            'ping' => $sub->ping('PONG'),
        ];
    },

    'scan' => function () use ($P) {
        $r = client();
        $r->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
        $want = $fields = $got = [];
        for ($i = 0; $i < 300; $i++) {
            $r->set($want[] = "$P:$i", 1);
        }
        for ($i = 0; $i < 600; $i++) {
            $fields["f$i"] = $i;
        }
        $r->hMSet("$P-h", $fields);
        for ($at = null; $page = $r->scan($at, "$P:*", 25);) {
            array_push($got, ...$page);
        }
        $count = 0;
        for ($at = null; $page = $r->hScan("$P-h", $at);) {
            $count += count($page);
        }
        $distinct = array_unique($got);
        sort($got);
        sort($want);
        return ['found' => count($got), 'distinct' => count($distinct), 'same' => $got === $want,
                'fields' => $count];
    },

    // evalSha says false to NOSCRIPT; what applications do then.
    'script' => function () use ($P) {
        $r = client();
        $out = ['eval' => $r->eval('return {KEYS[1], ARGV[1]}', [$P, 'a'], 1)[1]];
        $bump = function ($sha) use ($r, $P) {
            for ($i = 0, $sum = 0; $i < 30; $i++) {
                $r->clearLastError();
                $got = $r->evalSha($sha, ["$P:$i", 2], 1);
                if ($got === false && strncmp($r->getLastError(), 'NOSCRIPT', 8) === 0) {
                    $got = $r->eval(BUMP, ["$P:$i", 2], 1);
                }
                $sum += $got;
            }
            return $sum;
        };
        $sha = $r->script('load', BUMP);
        $out['first'] = $bump($sha);
        $r->script('flush');
        $out['exists'] = (bool)$r->script('exists', $sha)[0];
        $out['second'] = $bump($sha);
        $r->script('flush');
        $r->script('load', BUMP);
        for ($i = 0, $out['loaded'] = 0; $i < 30; $i++) {
            $out['loaded'] += $r->evalSha($sha, ["$P:$i", 2], 1);
        }
        return $out;
    },

    'select' => function () use ($P) {
        [$r, $own] = [client(), client(3)];
        $r->select(3);
        $r->set($P, 'three');
        $out = ['three' => $r->get($P), 'own' => $own->get($P)];
        $r->select(0);
        $out['zero'] = $r->get($P) ?: null;
        $own->del($P);
        return $out;
    },

    // It connects again by itself and selects the database, but knows nothing of the name.
    'reconnect' => function () use ($P) {
        [$r, $other] = [client(3), client()];
        $r->set($P, 'v');
        $before = $r->rawCommand('CLIENT', 'ID');
        $other->rawCommand('CLIENT', 'KILL', 'ID', $before);
        usleep(200000);
        $out = ['value' => $r->get($P)];
        $r->client('SETNAME', 'driver');
        $out['name'] = $r->client('GETNAME');
        return $out + ['new' => $r->rawCommand('CLIENT', 'ID') !== $before];
    },
];

echo json_encode($steps[$step]()), "\n";
