<?php
// phpredis's own tests, each to its end whatever it throws. Usage: phpredis_own.php FOLDER HOST
// PORT [NAME...]; prints {NAME: [what failed, or "skipped"]}.

error_reporting(E_ALL & ~E_DEPRECATED);
[, $folder, $host, $port] = $argv;
$only = array_slice($argv, 4);
define('PHPREDIS_TESTRUN', true);
$_SERVER['PHP_SELF'] = "$folder/TestRedis.php"; // from where it finds its parts
require "$folder/RedisTest.php";

$out = [];
foreach (get_class_methods('Redis_Test') as $name) {
    // The tests of sessions start programs with an extension that was built beside them.
    if (!preg_match('/^test(?!Session)/', $name) || $only && !in_array($name, $only)) {
        continue;
    }
    Redis_Test::$errors = [];
    ob_start(); // a warning that a test provokes
    try {
        $test = new Redis_Test($host, (int)$port, null);
        $test->setUp();
        $test->redis->flushAll();
        $test->redis->set('one-for-RANDOMKEY', 1);
        $test->$name();
    } catch (TestSkippedException $e) {
        Redis_Test::$errors[] = 'skipped';
    } catch (Throwable $e) {
        Redis_Test::$errors[] = get_class($e) . ": {$e->getMessage()} at line {$e->getLine()}";
    }
    ob_end_clean();
    $short = fn($one) => str_replace("$folder/", '', substr(trim($one), -300));
    $out[$name] = array_map($short, array_slice(Redis_Test::$errors, 0, 3));
}
echo json_encode($out, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
