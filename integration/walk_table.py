"""What test_resp_walk.py sends of each command: a script a command, its lines one after another.

Every script begins with empty servers. `@k` is the key {t}k: keys that begin so are on one shard;
other keys are anywhere. A mark before a line says how its replies are compared; without one they
are the same bytes.

    $   the same but for the order of aggregates' elements: several shards' replies joined
    %   the same kinds, and aggregates as long: times, ids, random things, memory
    !   refused by the proxy, by name; not sent to the server
    ?   the same, of the same kinds, or refused by name
    &   one after the other until the cursor is 0: the same elements
    ~   the same kind
    *   +OK, whatever the server says

<dump> and <functions> are what the server itself dumped, "sha:TEXT" is a script's name, NO a name
that no script has.
"""

import hashlib
import shlex

LIB = b"""#!lua name=walk
redis.register_function{function_name='f', flags={'no-writes'},
callback=function(k, a) return {k[1], a[1], 7, false, true} end}"""
WORDS = {b"LIB": LIB, b"OTHER": LIB.replace(b"walk", b"other").replace(b"'f'", b"'g'")}

TABLE = r"""
append: SET @k a | APPEND @k bc | APPEND @n x | GET @k | LPUSH @l 1 | APPEND @l x
bitcount: SET @k foobar | BITCOUNT @k | BITCOUNT @k 0 0 | BITCOUNT @k 5 30 BIT | BITCOUNT @n |
    BITCOUNT @k 1
bitfield: BITFIELD @k SET u8 0 255 GET u4 2 INCRBY i5 100 1 |
    BITFIELD @k OVERFLOW FAIL INCRBY u2 0 9 | BITFIELD @k GET x 0 | BITFIELD @k
bitfield_ro: SET @k abc | BITFIELD_RO @k GET u8 0 GET i4 #2 | BITFIELD_RO @k SET u8 0 1
bitop: SET @a abc | SET @b axz | BITOP AND @d @a @b | GET @d | BITOP NOT @d @a | GET @d |
    BITOP XOR @d @a @n | BITOP NOT @d @a @b | BITOP NAND @d @a
bitpos: SET @k "\xff\xf0" | BITPOS @k 0 | BITPOS @k 1 1 | BITPOS @k 0 3 9 BIT | BITPOS @n 0 |
    BITPOS @k 2
copy: SET @a 1 | COPY @a @b | COPY @a @b | COPY @a @b REPLACE | GET @b | COPY @n @b | COPY @a @a
copy: SET @a 1 | COPY @a @b DB 1 | EXISTS @b | SELECT 1 | GET @b | DEL @b
decr: DECR @k | SET @k 10 | DECR @k | SET @k x | DECR @k
decrby: DECRBY @k 5 | DECRBY @k -7 | DECRBY @k x
del: MSET a 1 b 2 c 3 d 4 | DEL a b c nope | DEL d | DEL d | EXISTS a b c d
dump: SET @k hello | DUMP @k | DUMP @n | RPUSH @l a b 3 | DUMP @l
exists: MSET a 1 b 2 c 3 | EXISTS a | EXISTS a b c d a | EXISTS d
expire: SET @k 1 | EXPIRE @k 100 | TTL @k | EXPIRE @k 200 NX | EXPIRE @k 50 GT | EXPIRE @n 100 |
    EXPIRE @k x | EXPIRE @k -1 | EXISTS @k | SET @k 1 | EXPIRE @k 1 NX GT
expireat: SET @k 1 | EXPIREAT @k 99999999999 | EXPIRETIME @k | EXPIREAT @k 1 XX | EXISTS @k |
    EXPIREAT @k x
expiretime: EXPIRETIME @k | SET @k 1 | EXPIRETIME @k | EXPIREAT @k 99999999999 | EXPIRETIME @k
geoadd: GEOADD @g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania |
    GEOADD @g NX CH 13 38 Palermo | GEOADD @g XX CH 14 38 Palermo | GEOADD @g 200 0 x
geodist: GEOADD @g 13.361389 38.115556 a 15.087269 37.502669 b | GEODIST @g a b |
    GEODIST @g a b km | GEODIST @g a nope | GEODIST @n a b | GEODIST @g a b xx
geohash: GEOADD @g 13.361389 38.115556 a | GEOHASH @g a nope | GEOHASH @n a | GEOHASH @g
geopos: GEOADD @g 13.361389 38.115556 a | GEOPOS @g a nope | GEOPOS @n a | SET @k 1 | GEOPOS @k a
georadius: GEOADD @g 13.361389 38.115556 a 15.087269 37.502669 b | GEORADIUS @g 15 37 200 km ASC |
    GEORADIUS @g 15 37 200 km WITHCOORD WITHDIST WITHHASH DESC |
    GEORADIUS @g 15 37 200 km STORE @d | ZRANGE @d 0 -1 WITHSCORES | GEORADIUS @n 15 37 200 km |
    GEORADIUS @g 15 37 x km
georadius_ro: GEOADD @g 13.361389 38.115556 a 15.087269 37.502669 b |
    GEORADIUS_RO @g 15 37 200 km COUNT 1 ASC | GEORADIUS_RO @g 15 37 100 km STORE @d
georadiusbymember: GEOADD @g 13.361389 38.115556 a 15.087269 37.502669 b |
    GEORADIUSBYMEMBER @g a 300 km ASC | GEORADIUSBYMEMBER @g nope 300 km |
    GEORADIUSBYMEMBER @g a 300 km STOREDIST @d | ZCARD @d
georadiusbymember_ro: GEOADD @g 13.361389 38.115556 a 15.087269 37.502669 b |
    GEORADIUSBYMEMBER_RO @g a 300 km DESC WITHDIST | GEORADIUSBYMEMBER_RO @g a 300
geosearch: GEOADD @g 13.361389 38.115556 a 15.087269 37.502669 b |
    GEOSEARCH @g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST |
    GEOSEARCH @g FROMMEMBER a BYRADIUS 1 km | GEOSEARCH @n FROMLONLAT 1 1 BYRADIUS 1 m |
    GEOSEARCH @g BYRADIUS 1 m
geosearchstore: GEOADD @g 13.361389 38.115556 a 15.087269 37.502669 b |
    GEOSEARCHSTORE @d @g FROMLONLAT 15 37 BYRADIUS 200 km |
    GEOSEARCHSTORE @d @g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST | ZCARD @d
get: SET @k v | GET @k | GET @n | LPUSH @l 1 | GET @l | GET
getbit: SET @k a | GETBIT @k 1 | GETBIT @k 2 | GETBIT @k 99999 | GETBIT @n 0 | GETBIT @k -1
getdel: SET @k v | GETDEL @k | GETDEL @k
getex: SET @k v | GETEX @k EX 100 | TTL @k | GETEX @k PERSIST | TTL @k |
    GETEX @k PXAT 99999999999999 | GETEX @n | GETEX @k EX 0 | GETEX @k EX
getrange: SET @k hello | GETRANGE @k 1 3 | GETRANGE @k -3 -1 | GETRANGE @n 0 1 | GETRANGE @k a 1
getset: GETSET @k a | GETSET @k b | LPUSH @l 1 | GETSET @l x
substr: SET @k hello | SUBSTR @k 1 3 | SUBSTR @n 0 1
incr: INCR @k | INCR @k | SET @k 9223372036854775807 | INCR @k
incrby: INCRBY @k 5 | INCRBY @k -7 | INCRBY @k 1.5
incrbyfloat: INCRBYFLOAT @k 0.1 | INCRBYFLOAT @k 5.0e3 | INCRBYFLOAT @k x | INCRBYFLOAT @k nan
lcs: MSET @a ohmytext @b mynewtext | LCS @a @b | LCS @a @b LEN |
    LCS @a @b IDX MINMATCHLEN 4 WITHMATCHLEN | LCS @a @n
mget: MSET a 1 b 2 c 3 | MGET a b c | MGET c nope a a | MGET nope | LPUSH l 1 | MGET l a
mset: MSET a 1 b 2 c 3 | MGET a b c | MSET a 9 a 8 | GET a | MSET a
msetnx: MSETNX @a 1 @b 2 | MSETNX @b 3 @c 4 | MGET @a @b @c | MSETNX @a
set: SET @k v | SET @k w NX | SET @k w XX GET | SET @k x EX 100 | TTL @k | SET @k y KEEPTTL |
    TTL @k | SET @k z PXAT 99999999999999 | SET @n v XX | SET @k v EX 0 | SET @k v NX XX |
    SET @n q GET
setbit: SETBIT @k 7 1 | SETBIT @k 7 0 | GET @k | SETBIT @k 7 2 | SETBIT @k 4294967296 1
setex: SETEX @k 100 v | TTL @k | SETEX @k 0 v | SETEX @k x v
psetex: PSETEX @k 100000 v | TTL @k | PSETEX @k -1 v
setnx: SETNX @k v | SETNX @k w | GET @k
setrange: SET @k hello | SETRANGE @k 1 EYY | SETRANGE @n 3 x | GET @n | SETRANGE @k -1 x |
    SETRANGE @k 536870912 x
strlen: SET @k hello | STRLEN @k | STRLEN @n | LPUSH @l 1 | STRLEN @l
keys: KEYS * | MSET a1 1 a2 2 a3 3 b1 1 b2 2 c 3 | $ KEYS * | $ KEYS a* | KEYS c | KEYS nope* |
    $ KEYS ?1
move: SET @k v | MOVE @k 1 | EXISTS @k | SELECT 1 | GET @k | MOVE @k 0 | MOVE @k 0 | MOVE @k 1 |
    MOVE @k 99 | MOVE @k x
object:
object|encoding: SET @k 1 | OBJECT ENCODING @k | SET @k abc | OBJECT ENCODING @k | RPUSH @l 1 |
    OBJECT ENCODING @l | SADD @s 1 | OBJECT ENCODING @s | OBJECT ENCODING @n | OBJECT ENCODING
object|freq: SET @k 1 | OBJECT FREQ @k | OBJECT FREQ @n
object|help: OBJECT HELP
object|idletime: SET @k 1 | % OBJECT IDLETIME @k | OBJECT IDLETIME @n
object|refcount: SET @k abc | OBJECT REFCOUNT @k | SET @k 5 | OBJECT REFCOUNT @k |
    OBJECT REFCOUNT @n
persist: SET @k 1 EX 100 | PERSIST @k | PERSIST @k | TTL @k | PERSIST @n
pexpire: SET @k 1 | PEXPIRE @k 100000 | TTL @k | PEXPIRE @k 1000 LT |
    PEXPIRE @k 9223372036854775807 | PEXPIRE @k 0 | EXISTS @k
pexpireat: SET @k 1 | PEXPIREAT @k 99999999999999 | PEXPIRETIME @k | PEXPIREAT @k 1 | EXISTS @k
pexpiretime: SET @k 1 | PEXPIRETIME @k | PEXPIREAT @k 99999999999999 | PEXPIRETIME @k |
    PEXPIRETIME @n
pttl: SET @k 1 | PTTL @k | PEXPIRE @k 100000 | % PTTL @k | PTTL @n
ttl: SET @k 1 | TTL @k | EXPIRE @k 100 | TTL @k | TTL @n
randomkey: RANDOMKEY | SET only 1 | RANDOMKEY | MSET a 1 b 2 c 3 | % RANDOMKEY
rename: SET @a 1 | RENAME @a @b | GET @b | RENAME @n @b | RENAME @b @b
renamenx: SET @a 1 | RENAMENX @a @b | SET @a 2 | RENAMENX @a @b | RENAMENX @n @b
restore: RESTORE @k 0 <dump> | GET @k | RESTORE @k 0 <dump> | RESTORE @k 100000 <dump> REPLACE |
    TTL @k | RESTORE @n 0 nonsense | RESTORE @n x <dump>
scan: & SCAN | MSET a 1 b 2 c 3 d 4 e 5 f 6 | & SCAN | & SCAN COUNT 2 | & SCAN MATCH [a-c]* |
    & SCAN TYPE string | & SCAN TYPE list | SCAN x | SCAN 0 COUNT 0 | SCAN 0 NOPE
sort: RPUSH @l 3 1 2 | SORT @l | SORT @l DESC LIMIT 0 2 | SORT @l BY nosort | SORT @l STORE @d |
    LRANGE @d 0 -1 | RPUSH @m b a | SORT @m ALPHA | SORT @m | SORT @n |
    MSET w_{t}1 3 w_{t}2 2 w_{t}3 1 | SORT @l BY w_{t}* GET # GET w_{t}*
sort_ro: RPUSH @l 3 1 2 | SORT_RO @l | SORT_RO @l LIMIT 1 1 | SORT_RO @l STORE @d
touch: MSET a 1 b 2 c 3 | TOUCH a b c nope | TOUCH a | TOUCH nope
type: SET @k 1 | TYPE @k | LPUSH @l 1 | TYPE @l | XADD @x 1-1 a b | TYPE @x | TYPE @n
unlink: MSET a 1 b 2 c 3 | UNLINK a b c nope | UNLINK a
hdel: HSET @h a 1 b 2 | HDEL @h a nope | HDEL @h b | EXISTS @h | HDEL @n a
hexists: HSET @h a 1 | HEXISTS @h a | HEXISTS @h b | HEXISTS @n a
hget: HSET @h a 1 | HGET @h a | HGET @h b | SET @k 1 | HGET @k a
hgetall: HSET @h a 1 b 2 | HGETALL @h | HGETALL @n | SET @k 1 | HGETALL @k
hincrby: HINCRBY @h a 5 | HINCRBY @h a -7 | HSET @h b x | HINCRBY @h b 1
hincrbyfloat: HINCRBYFLOAT @h a 1.5 | HINCRBYFLOAT @h a 1e2 | HINCRBYFLOAT @h a x
hkeys: HSET @h a 1 b 2 | HKEYS @h | HKEYS @n
hlen: HSET @h a 1 b 2 | HLEN @h | HLEN @n
hmget: HSET @h a 1 b 2 | HMGET @h a nope b | HMGET @n a | HMGET @h
hmset: HMSET @h a 1 b 2 | HGETALL @h | HMSET @h a
hrandfield: HSET @h a 1 | HRANDFIELD @h | HRANDFIELD @h 2 | HRANDFIELD @h -3 |
    HRANDFIELD @h 1 WITHVALUES | HRANDFIELD @n | HRANDFIELD @n 2 | HRANDFIELD @h -2 WITHVALUES
hscan: HSET @h a 1 b 2 | HSCAN @h 0 | HSCAN @h 0 MATCH a* COUNT 10 | HSCAN @n 0 | HSCAN @h x
hset: HSET @h a 1 | HSET @h a 2 b 3 | HSET @h a | HGETALL @h
hsetnx: HSETNX @h a 1 | HSETNX @h a 2 | HGET @h a
hstrlen: HSET @h a hello | HSTRLEN @h a | HSTRLEN @h b
hvals: HSET @h a 1 b 2 | HVALS @h | HVALS @n
blmove: RPUSH @l a b | BLMOVE @l @m LEFT RIGHT 1 | BLMOVE @l @m RIGHT LEFT 0 | LRANGE @m 0 -1 |
    BLMOVE @n @m LEFT LEFT 0.01 | BLMOVE @l @m UP LEFT 1 | BLMOVE @m @l LEFT LEFT -1
blmpop: RPUSH @l a b c | BLMPOP 1 1 @l LEFT | BLMPOP 0 2 @n @l RIGHT COUNT 5 |
    BLMPOP 0.01 2 @n @l LEFT | BLMPOP x 1 @l LEFT | BLMPOP 1 0 @l LEFT
blpop: RPUSH @l a b c | BLPOP @l 1 | BLPOP @n @l 0 | BLPOP @n 0.01 | BLPOP @n -1 | BLPOP @n x |
    SET @k 1 | BLPOP @k 1
brpop: RPUSH @l a b c | BRPOP @l 1 | BRPOP @n @l 0 | BRPOP @n 0.01
brpoplpush: RPUSH @l a | BRPOPLPUSH @l @m 1 | BRPOPLPUSH @l @m 0.01 | LRANGE @m 0 -1
lindex: RPUSH @l a b | LINDEX @l 0 | LINDEX @l -1 | LINDEX @l 9 | LINDEX @n 0
linsert: RPUSH @l a c | LINSERT @l BEFORE c b | LINSERT @l AFTER z x | LINSERT @n BEFORE a b |
    LINSERT @l UP a b | LRANGE @l 0 -1
llen: RPUSH @l a b | LLEN @l | LLEN @n | SET @k 1 | LLEN @k
lmove: RPUSH @l a b | LMOVE @l @m LEFT RIGHT | LMOVE @n @m LEFT LEFT | LMOVE @l @l LEFT RIGHT |
    LMOVE @l @m UP LEFT
lmpop: RPUSH @l a b c | LMPOP 1 @l LEFT | LMPOP 2 @n @l RIGHT COUNT 2 | LMPOP 1 @n LEFT |
    LMPOP 0 @l LEFT | LMPOP x @l LEFT
lpop: RPUSH @l a b c d | LPOP @l | LPOP @l 2 | LPOP @l 0 | LPOP @n | LPOP @n 2 | LPOP @l -1
lpos: RPUSH @l a b a c a | LPOS @l a | LPOS @l a RANK 2 | LPOS @l a COUNT 0 | LPOS @l z |
    LPOS @l z COUNT 1 | LPOS @l a MAXLEN 1 COUNT 0
lpush: LPUSH @l a b | LPUSH @l c | LRANGE @l 0 -1 | SET @k 1 | LPUSH @k a
lpushx: LPUSHX @l a | LPUSH @l a | LPUSHX @l b c
lrange: RPUSH @l a b c | LRANGE @l 0 -1 | LRANGE @l -2 9 | LRANGE @l 5 6 | LRANGE @n 0 1 |
    LRANGE @l a b
lrem: RPUSH @l a b a c a | LREM @l -2 a | LREM @l 0 z | LRANGE @l 0 -1
lset: RPUSH @l a b | LSET @l 1 z | LSET @l 9 z | LSET @n 0 z | LRANGE @l 0 -1
ltrim: RPUSH @l a b c | LTRIM @l 1 -1 | LRANGE @l 0 -1 | LTRIM @l 5 9 | EXISTS @l
rpop: RPUSH @l a b c | RPOP @l | RPOP @l 5 | RPOP @l | RPOP @n 1
rpoplpush: RPUSH @l a b | RPOPLPUSH @l @m | RPOPLPUSH @l @l | RPOPLPUSH @n @m | LRANGE @m 0 -1
rpush: RPUSH @l a b | RPUSH @l c | LRANGE @l 0 -1
rpushx: RPUSHX @l a | RPUSH @l a | RPUSHX @l b
sadd: SADD @s 1 2 3 | SADD @s 3 4 | SET @k 1 | SADD @k a
scard: SADD @s 1 2 | SCARD @s | SCARD @n
sdiff: SADD @a 1 2 3 | SADD @b 2 | SDIFF @a @b | SDIFF @n @a | SDIFF @a
sdiffstore: SADD @a 1 2 3 | SADD @b 2 | SDIFFSTORE @d @a @b | SMEMBERS @d | SDIFFSTORE @d @n
sinter: SADD @a 1 2 3 | SADD @b 2 3 | SINTER @a @b | SINTER @a @n
sintercard: SADD @a 1 2 3 | SADD @b 2 3 | SINTERCARD 2 @a @b | SINTERCARD 2 @a @b LIMIT 1 |
    SINTERCARD 0 @a | SINTERCARD 3 @a @b
sinterstore: SADD @a 1 2 3 | SADD @b 2 3 | SINTERSTORE @d @a @b | SMEMBERS @d
sismember: SADD @s 1 | SISMEMBER @s 1 | SISMEMBER @s 2 | SISMEMBER @n 1
smembers: SADD @s 1 2 3 | SMEMBERS @s | SMEMBERS @n | $ SMEMBERS @s
smismember: SADD @s 1 2 | SMISMEMBER @s 1 9 2 | SMISMEMBER @n 1
smove: SADD @a 1 2 | SMOVE @a @b 1 | SMOVE @a @b 9 | SMEMBERS @b
spop: SADD @s 1 | SPOP @s | SPOP @s | SADD @s 1 2 | $ SPOP @s 9 | SPOP @s 1 | SPOP @s -1
srandmember: SADD @s 1 | SRANDMEMBER @s | SRANDMEMBER @s 3 | SRANDMEMBER @s -3 | SRANDMEMBER @n |
    SRANDMEMBER @n 1
srem: SADD @s 1 2 3 | SREM @s 1 9 | SREM @n 1
sscan: SADD @s 1 2 3 | SSCAN @s 0 | SSCAN @s 0 MATCH 9 | SSCAN @n 0
sunion: SADD @a 1 2 | SADD @b 2 3 | SUNION @a @b | SUNION @n
sunionstore: SADD @a 1 2 | SADD @b 2 3 | SUNIONSTORE @d @a @b | SMEMBERS @d
bzmpop: ZADD @z 1 a 2 b 3 c | BZMPOP 1 1 @z MIN | BZMPOP 0 2 @n @z MAX COUNT 5 |
    BZMPOP 0.01 1 @n MIN | BZMPOP 1 1 @z UP
bzpopmax: ZADD @z 1 a 2 b | BZPOPMAX @z 1 | BZPOPMAX @n @z 0 | BZPOPMAX @n 0.01
bzpopmin: ZADD @z 1 a 2.5 b | BZPOPMIN @z 1 | BZPOPMIN @n @z 0 | BZPOPMIN @n 0.01 | BZPOPMIN @n x
zadd: ZADD @z 1 a 2 b | ZADD @z NX CH 9 a 3 c | ZADD @z XX GT CH 5 a | ZADD @z INCR 1.5 a |
    ZADD @z NX INCR 1 a | ZADD @z x a | ZADD @z inf i -inf j | ZADD @z NX XX 1 a
zcard: ZADD @z 1 a | ZCARD @z | ZCARD @n
zcount: ZADD @z 1 a 2 b | ZCOUNT @z -inf +inf | ZCOUNT @z (1 2 | ZCOUNT @z x 2
zdiff: ZADD @a 1 x 2 y | ZADD @b 1 x | ZDIFF 2 @a @b | ZDIFF 2 @a @b WITHSCORES | ZDIFF 1 @n
zdiffstore: ZADD @a 1 x 2 y | ZADD @b 1 x | ZDIFFSTORE @d 2 @a @b | ZRANGE @d 0 -1
zincrby: ZINCRBY @z 1.5 a | ZINCRBY @z -3 a | ZINCRBY @z x a
zinter: ZADD @a 1 x 2 y | ZADD @b 5 x | ZINTER 2 @a @b |
    ZINTER 2 @a @b WEIGHTS 2 3 AGGREGATE MAX WITHSCORES | ZINTER 0 @a
zintercard: ZADD @a 1 x 2 y | ZADD @b 5 x | ZINTERCARD 2 @a @b | ZINTERCARD 1 @a LIMIT 1
zinterstore: ZADD @a 1 x 2 y | ZADD @b 5 x | ZINTERSTORE @d 2 @a @b | ZRANGE @d 0 -1 WITHSCORES
zlexcount: ZADD @z 0 a 0 b 0 c | ZLEXCOUNT @z - + | ZLEXCOUNT @z [b (c | ZLEXCOUNT @z x y
zmpop: ZADD @z 1 a 2 b 3 c | ZMPOP 1 @z MIN | ZMPOP 2 @n @z MAX COUNT 2 | ZMPOP 1 @n MIN
zmscore: ZADD @z 1 a 2.5 b | ZMSCORE @z a nope b | ZMSCORE @n a
zpopmax: ZADD @z 1 a 2 b 3 c | ZPOPMAX @z | ZPOPMAX @z 5 | ZPOPMAX @z | ZPOPMAX @z -1
zpopmin: ZADD @z 1 a 2 b 3 c | ZPOPMIN @z | ZPOPMIN @z 5 | ZPOPMIN @n 2
zrandmember: ZADD @z 1 a | ZRANDMEMBER @z | ZRANDMEMBER @z 2 | ZRANDMEMBER @z -2 WITHSCORES |
    ZRANDMEMBER @n | ZRANDMEMBER @n 2
zrange: ZADD @z 1 a 2 b 3 c | ZRANGE @z 0 -1 | ZRANGE @z 0 1 REV WITHSCORES |
    ZRANGE @z (1 3 BYSCORE LIMIT 0 1 | ZRANGE @z [a [b BYLEX | ZRANGE @n 0 -1 | ZRANGE @z a b
zrangebylex: ZADD @z 0 a 0 b 0 c | ZRANGEBYLEX @z - [b | ZRANGEBYLEX @z [b + LIMIT 1 1 |
    ZRANGEBYLEX @z b c
zrangebyscore: ZADD @z 1 a 2 b 3 c | ZRANGEBYSCORE @z (1 +inf |
    ZRANGEBYSCORE @z 1 3 WITHSCORES LIMIT 1 1
zrangestore: ZADD @z 1 a 2 b 3 c | ZRANGESTORE @d @z 0 1 | ZRANGE @d 0 -1 | ZRANGESTORE @d @n 0 1
zrank: ZADD @z 1 a 2 b | ZRANK @z b | ZRANK @z nope | ZRANK @n a
zrem: ZADD @z 1 a 2 b | ZREM @z a nope | ZREM @n a
zremrangebylex: ZADD @z 0 a 0 b 0 c | ZREMRANGEBYLEX @z [a (c | ZCARD @z
zremrangebyrank: ZADD @z 1 a 2 b | ZREMRANGEBYRANK @z 0 0 | ZRANGE @z 0 -1
zremrangebyscore: ZADD @z 1 a 2 b | ZREMRANGEBYSCORE @z (1 2 | ZRANGE @z 0 -1
zrevrange: ZADD @z 1 a 2 b | ZREVRANGE @z 0 -1 | ZREVRANGE @z 0 0 WITHSCORES
zrevrangebylex: ZADD @z 0 a 0 b | ZREVRANGEBYLEX @z + -
zrevrangebyscore: ZADD @z 1 a 2 b | ZREVRANGEBYSCORE @z +inf (1 WITHSCORES
zrevrank: ZADD @z 1 a 2 b | ZREVRANK @z a | ZREVRANK @z nope
zscan: ZADD @z 1 a 2.5 b | ZSCAN @z 0 | ZSCAN @n 0
zscore: ZADD @z 1.5 a inf b | ZSCORE @z a | ZSCORE @z b | ZSCORE @z nope | ZSCORE @n a
zunion: ZADD @a 1 x | ZADD @b 2 x 3 y | ZUNION 2 @a @b | ZUNION 2 @a @b WITHSCORES AGGREGATE MIN
zunionstore: ZADD @a 1 x | ZADD @b 2 x 3 y | ZUNIONSTORE @d 2 @a @b WEIGHTS 1 10 |
    ZRANGE @d 0 -1 WITHSCORES
pfadd: PFADD @p a b c | PFADD @p a | PFADD @q | SET @k 1 | PFADD @k a
pfcount: PFADD @p a b c | PFADD @q c d | PFCOUNT @p | PFCOUNT @p @q | PFCOUNT @n
pfmerge: PFADD @p a b | PFADD @q c | PFMERGE @d @p @q | PFCOUNT @d | PFMERGE @e
pfdebug: ! PFDEBUG ENCODING @p
pfselftest: ! PFSELFTEST
xack: XADD @x 1-1 a b | XGROUP CREATE @x g 0 | XREADGROUP GROUP g c STREAMS @x > |
    XACK @x g 1-1 2-2 | XACK @x nope 1-1 | XACK @x g z
xadd: XADD @x 1-1 a b | XADD @x 1-1 a b | XADD @x 1-* a b | XADD @x MAXLEN 2 3-0 a b |
    XADD @n NOMKSTREAM * a b | % XADD @x * a b | XADD @x 5 a | XADD @x MAXLEN = 1 NOPE
xautoclaim: XADD @x 1-1 a b | XGROUP CREATE @x g 0 | XREADGROUP GROUP g c STREAMS @x > |
    XAUTOCLAIM @x g d 0 0 | XAUTOCLAIM @x g d 0 0 COUNT 1 JUSTID | XAUTOCLAIM @x nope d 0 0
xclaim: XADD @x 1-1 a b | XGROUP CREATE @x g 0 | XREADGROUP GROUP g c STREAMS @x > |
    XCLAIM @x g d 0 1-1 | XCLAIM @x g d 0 1-1 JUSTID | XCLAIM @x nope d 0 1-1
xdel: XADD @x 1-1 a b | XDEL @x 1-1 2-2 | XDEL @n 1-1 | XDEL @x z
xgroup:
xgroup|create: XADD @x 1-1 a b | XGROUP CREATE @x g $ | XGROUP CREATE @x g $ |
    XGROUP CREATE @n g $ | XGROUP CREATE @n g 0 MKSTREAM | XLEN @n
xgroup|createconsumer: XGROUP CREATE @x g 0 MKSTREAM | XGROUP CREATECONSUMER @x g c |
    XGROUP CREATECONSUMER @x g c | XGROUP CREATECONSUMER @x nope c
xgroup|delconsumer: XGROUP CREATE @x g 0 MKSTREAM | XGROUP CREATECONSUMER @x g c |
    XGROUP DELCONSUMER @x g c | XGROUP DELCONSUMER @x g c
xgroup|destroy: XGROUP CREATE @x g 0 MKSTREAM | XGROUP DESTROY @x g | XGROUP DESTROY @x g
xgroup|help: XGROUP HELP
xgroup|setid: XGROUP CREATE @x g 0 MKSTREAM | XGROUP SETID @x g 5-5 | XGROUP SETID @x nope 0
xinfo:
xinfo|consumers: XGROUP CREATE @x g 0 MKSTREAM | XINFO CONSUMERS @x g |
    XGROUP CREATECONSUMER @x g c | % XINFO CONSUMERS @x g | XINFO CONSUMERS @x nope
xinfo|groups: XGROUP CREATE @x g 0 MKSTREAM | XINFO GROUPS @x | XINFO GROUPS @n
xinfo|help: XINFO HELP
xinfo|stream: XADD @x 1-1 a b | XGROUP CREATE @x g 0 | XINFO STREAM @x | % XINFO STREAM @x FULL |
    XINFO STREAM @n
xlen: XADD @x 1-1 a b | XLEN @x | XLEN @n
xpending: XADD @x 1-1 a b | XGROUP CREATE @x g 0 | XPENDING @x g |
    XREADGROUP GROUP g c STREAMS @x > | XPENDING @x g | % XPENDING @x g - + 10 | XPENDING @x nope
xrange: XADD @x 1-1 a b | XADD @x 2-1 c d | XRANGE @x - + | XRANGE @x (1-1 + COUNT 1 |
    XRANGE @n - + | XRANGE @x z +
xread: XADD @x 1-1 a b | XADD @y 1-1 c d | XREAD STREAMS @x 0 | XREAD COUNT 1 STREAMS @x @y 0 0 |
    XREAD STREAMS @x 9 | XREAD BLOCK 10 STREAMS @x $ | XREAD BLOCK 0 STREAMS @x 0 |
    XREAD STREAMS @x | XREAD STREAMS @x @y 0
xreadgroup: XADD @x 1-1 a b | XGROUP CREATE @x g 0 | XREADGROUP GROUP g c STREAMS @x > |
    XREADGROUP GROUP g c COUNT 1 STREAMS @x 0 | XREADGROUP GROUP g c BLOCK 10 STREAMS @x > |
    XREADGROUP GROUP nope c STREAMS @x > | XREADGROUP GROUP g c NOACK STREAMS @x >
xrevrange: XADD @x 1-1 a b | XADD @x 2-1 c d | XREVRANGE @x + - | XREVRANGE @x + - COUNT 1
xsetid: XADD @x 1-1 a b | XSETID @x 9-9 | XSETID @x 1-0 | XSETID @n 1-1 | XADD @x 9-9 a b
xtrim: XADD @x 1-1 a b | XADD @x 2-1 a b | XTRIM @x MAXLEN 1 | XTRIM @x MINID 5 |
    XTRIM @n MAXLEN 1 | XTRIM @x NOPE 1
eval: EVAL "return 1" 0 | EVAL "return {KEYS[1],ARGV[1],2.7,false,true,{ok='fine'}}" 1 @k a |
    EVAL "return redis.call('set',KEYS[1],ARGV[1])" 1 @k v | GET @k |
    EVAL "return redis.call('nope')" 0 | EVAL "return redis.error_reply('MY own')" 1 @k |
    EVAL "return redis.status_reply('yes')" 2 @a @b | EVAL "nonsense(" 0 | EVAL "return 1" -1 |
    EVAL "return 1" 2 @a | EVAL "return 1" x |
    EVAL "redis.setresp(3) return redis.call('hgetall',KEYS[1])" 1 @h
eval_ro: SET @k v | EVAL_RO "return redis.call('get',KEYS[1])" 1 @k |
    EVAL_RO "return redis.call('set',KEYS[1],1)" 1 @k
evalsha: SCRIPT LOAD "return KEYS[1] or 'none'" | EVALSHA "sha:return KEYS[1] or 'none'" 1 @k |
    EVALSHA NO 0 | EVALSHA NO 1 @k | EVALSHA short 0 | EVALSHA NO -1
evalsha: EVAL "return 'walk'" 0 | EVALSHA "sha:return 'walk'" 0 | EVAL "return ARGV[1]" 1 @k a |
    EVALSHA "sha:return ARGV[1]" 1 @k b
evalsha_ro: EVALSHA_RO NO 1 @k | EVAL "return ARGV[1]" 1 @k a |
    EVALSHA_RO "sha:return ARGV[1]" 1 @k b
script:
script|debug: ! SCRIPT DEBUG NO
script|exists: SCRIPT LOAD "return 'walk 1'" | SCRIPT EXISTS "sha:return 'walk 1'" NO
script|flush: SCRIPT LOAD "return 'walk 2'" | SCRIPT FLUSH | SCRIPT FLUSH ASYNC |
    SCRIPT FLUSH NOPE | EVAL "return ARGV[1]" 1 @k a | SCRIPT FLUSH SYNC |
    EVALSHA "sha:return ARGV[1]" 1 @k b
script|help: SCRIPT HELP
script|kill: SCRIPT KILL
script|load: SCRIPT LOAD "return 1" | SCRIPT LOAD "nonsense(" | SCRIPT LOAD
fcall: FUNCTION LOAD LIB | FCALL f 1 @k a | FCALL f 0 | FCALL nope 1 @k | FCALL f x | FCALL f 2 @k |
    FCALL f -1
fcall_ro: FUNCTION LOAD LIB | FCALL_RO f 1 @k a | FCALL_RO nope 0
function:
function|delete: FUNCTION LOAD LIB | FUNCTION DELETE walk | FUNCTION DELETE walk | FCALL f 1 @k
function|dump: FUNCTION LOAD LIB | FUNCTION DUMP
function|flush: FUNCTION LOAD LIB | FUNCTION FLUSH | FUNCTION LIST | FUNCTION FLUSH SYNC |
    FUNCTION FLUSH NOPE
function|help: FUNCTION HELP
function|kill: FUNCTION KILL
function|list: FUNCTION LIST | FUNCTION LOAD LIB | FUNCTION LIST |
    FUNCTION LIST WITHCODE LIBRARYNAME walk | FUNCTION LIST LIBRARYNAME nope* |
    FUNCTION LOAD OTHER | $ FUNCTION LIST | FUNCTION LIST NOPE
function|load: FUNCTION LOAD LIB | FUNCTION LOAD LIB | FUNCTION LOAD REPLACE LIB |
    FUNCTION LOAD nonsense | FUNCTION LOAD "#!lua name=x\n"
function|restore: FUNCTION RESTORE <functions> | FUNCTION LIST | FUNCTION RESTORE <functions> |
    FUNCTION RESTORE <functions> REPLACE | FUNCTION RESTORE nonsense
function|stats: FUNCTION STATS | FUNCTION LOAD LIB | FUNCTION STATS
publish: PUBLISH c m | PUBLISH c | PUBLISH
spublish: SPUBLISH c m | SPUBLISH c
pubsub:
pubsub|channels: PUBSUB CHANNELS | PUBSUB CHANNELS a*
pubsub|help: PUBSUB HELP
pubsub|numpat: PUBSUB NUMPAT
pubsub|numsub: PUBSUB NUMSUB | PUBSUB NUMSUB a b c
pubsub|shardchannels: PUBSUB SHARDCHANNELS | PUBSUB SHARDCHANNELS a*
pubsub|shardnumsub: PUBSUB SHARDNUMSUB | PUBSUB SHARDNUMSUB a b
subscribe: SUBSCRIBE c | SUBSCRIBE c | SUBSCRIBE d | UNSUBSCRIBE c | UNSUBSCRIBE
unsubscribe: UNSUBSCRIBE | UNSUBSCRIBE c
psubscribe: PSUBSCRIBE c* | PSUBSCRIBE d* | PUNSUBSCRIBE c* | PUNSUBSCRIBE
punsubscribe: PUNSUBSCRIBE | PUNSUBSCRIBE c*
ssubscribe: SSUBSCRIBE c | SSUBSCRIBE c | SUNSUBSCRIBE c
sunsubscribe: SUNSUBSCRIBE | SUNSUBSCRIBE c
multi: MULTI | SET @k 1 | INCR @k | EXEC | MULTI x
exec: EXEC | MULTI | EXEC | MULTI | GET @n | HSET @h a 1 | HGETALL @h | EXEC
discard: DISCARD | MULTI | SET @k 1 | DISCARD | EXISTS @k
watch: WATCH @k @l | SET @k 1 | MULTI | GET @k | EXEC | WATCH @k | MULTI | GET @k | EXEC
unwatch: UNWATCH | WATCH @k | SET @k 1 | UNWATCH | MULTI | GET @k | EXEC
auth: AUTH secret | AUTH default secret | AUTH nobody x | AUTH a b c | AUTH
echo: ECHO hello | ECHO "" | ECHO a b
hello: % HELLO 3 SETNAME walk | CLIENT GETNAME | % HELLO | % HELLO 2 | HELLO 4 | HELLO 1 | HELLO x |
    HELLO 3 NOPE | HELLO 3 AUTH | HELLO 3 SETNAME "a b" | % HELLO 3
ping: PING | PING hello | PING a b
quit: SET @k 1 | QUIT
reset: CLIENT SETNAME n | SELECT 1 | MULTI | RESET | CLIENT GETNAME | GET @k | RESET x
select: SELECT 1 | SET a 1 | SET b 1 | DBSIZE | SELECT 0 | EXISTS a b | SELECT 15 | SELECT 16 |
    SELECT -1 | SELECT x | SELECT 1 | EXISTS a b | DEL a b
client: CLIENT | CLIENT NOPE
client|caching: ? CLIENT CACHING YES
client|getname: CLIENT GETNAME | CLIENT SETNAME walk | CLIENT GETNAME
client|getredir: ? CLIENT GETREDIR
client|help: CLIENT HELP
client|id: % CLIENT ID
client|info: % CLIENT INFO
client|kill: ? CLIENT KILL ID 987654321 | ? CLIENT KILL 1.2.3.4:5
client|list: % CLIENT LIST | ? CLIENT LIST TYPE normal | ? CLIENT LIST ID 987654321
client|no-evict: ? CLIENT NO-EVICT OFF
client|pause: ? CLIENT PAUSE 1
client|reply: ? CLIENT REPLY ON | ? CLIENT REPLY NOPE
client|setname: CLIENT SETNAME a | CLIENT GETNAME | CLIENT SETNAME "a b" | CLIENT SETNAME "" |
    CLIENT GETNAME
client|tracking: ? CLIENT TRACKING OFF | ? CLIENT TRACKING ON NOPE
client|trackinginfo: ? CLIENT TRACKINGINFO
client|unblock: ? CLIENT UNBLOCK 987654321
client|unpause: ? CLIENT UNPAUSE
command: $ COMMAND | COMMAND NOPE
command|count: COMMAND COUNT
command|docs: $ COMMAND DOCS | $ COMMAND DOCS get nope
command|getkeys: COMMAND GETKEYS MSET a 1 b 2 | COMMAND GETKEYS PING | COMMAND GETKEYS NOPE a |
    COMMAND GETKEYS EVAL x 1 k
command|getkeysandflags: $ COMMAND GETKEYSANDFLAGS LMOVE a b LEFT RIGHT |
    COMMAND GETKEYSANDFLAGS PING
command|help: COMMAND HELP
command|info: $ COMMAND INFO get nope mset | $ COMMAND INFO
command|list: $ COMMAND LIST | $ COMMAND LIST FILTERBY PATTERN z* |
    $ COMMAND LIST FILTERBY ACLCAT bitmap | COMMAND LIST FILTERBY NOPE x
config: CONFIG | CONFIG NOPE
config|get: ~ CONFIG GET maxmemory | CONFIG GET nosuchsetting
config|help: CONFIG HELP
config|resetstat: ! CONFIG RESETSTAT
config|rewrite: ! CONFIG REWRITE
config|set: ! CONFIG SET maxmemory 1
dbsize: DBSIZE | MSET a 1 b 2 c 3 d 4 | DBSIZE
flushall: MSET a 1 b 2 c 3 | FLUSHALL | DBSIZE | FLUSHALL ASYNC | FLUSHALL SYNC | FLUSHALL NOPE
flushdb: MSET a 1 b 2 c 3 | SELECT 1 | SET a 1 | FLUSHDB | DBSIZE | SELECT 0 | DBSIZE |
    FLUSHDB SYNC | DBSIZE
info: SET a 1 | % INFO | % INFO keyspace | % INFO server clients | % INFO all | % INFO nosuchsection
lastsave: % LASTSAVE
latency:
latency|doctor: ! LATENCY DOCTOR
latency|graph: ! LATENCY GRAPH command
latency|help: LATENCY HELP
latency|histogram: ! LATENCY HISTOGRAM
latency|history: LATENCY HISTORY nosuchevent
latency|latest: LATENCY LATEST
latency|reset: LATENCY RESET | LATENCY RESET nosuchevent
lolwut: % LOLWUT | % LOLWUT VERSION 5
memory:
memory|doctor: ! MEMORY DOCTOR
memory|help: MEMORY HELP
memory|malloc-stats: ! MEMORY MALLOC-STATS
memory|purge: MEMORY PURGE
memory|stats: ! MEMORY STATS
memory|usage: SET @k hello | % MEMORY USAGE @k | MEMORY USAGE @n | % MEMORY USAGE @k SAMPLES 0 |
    MEMORY USAGE @k NOPE 1
role: % ROLE
slowlog:
slowlog|get: SLOWLOG RESET | % SLOWLOG GET | SLOWLOG GET 0 | SLOWLOG GET -2
slowlog|help: SLOWLOG HELP
slowlog|len: SLOWLOG RESET | % SLOWLOG LEN
slowlog|reset: SLOWLOG RESET
time: % TIME
asking: ? ASKING
readonly: * READONLY
readwrite: * READWRITE
acl:
acl|cat: ! ACL CAT
acl|deluser: ! ACL DELUSER nobody
acl|dryrun: ! ACL DRYRUN default get k
acl|genpass: ! ACL GENPASS
acl|getuser: ! ACL GETUSER default
acl|help: ACL HELP
acl|list: ! ACL LIST
acl|load: ! ACL LOAD
acl|log: ! ACL LOG
acl|save: ! ACL SAVE
acl|setuser: ! ACL SETUSER walk
acl|users: ! ACL USERS
acl|whoami: ! ACL WHOAMI
bgrewriteaof: ! BGREWRITEAOF
bgsave: ! BGSAVE | ! BGSAVE SCHEDULE
save: ! SAVE
shutdown: ! SHUTDOWN NOSAVE | ! SHUTDOWN
cluster: CLUSTER
cluster|addslots: ? CLUSTER ADDSLOTS 1
cluster|addslotsrange: ? CLUSTER ADDSLOTSRANGE 1 2
cluster|bumpepoch: ? CLUSTER BUMPEPOCH
cluster|count-failure-reports: ? CLUSTER COUNT-FAILURE-REPORTS x
cluster|countkeysinslot: ? CLUSTER COUNTKEYSINSLOT 1
cluster|delslots: ? CLUSTER DELSLOTS 1
cluster|delslotsrange: ? CLUSTER DELSLOTSRANGE 1 2
cluster|failover: ? CLUSTER FAILOVER
cluster|flushslots: ? CLUSTER FLUSHSLOTS
cluster|forget: ? CLUSTER FORGET x
cluster|getkeysinslot: ? CLUSTER GETKEYSINSLOT 1 1
cluster|help: ? CLUSTER HELP
cluster|info: ? CLUSTER INFO
cluster|keyslot: ? CLUSTER KEYSLOT x
cluster|links: ? CLUSTER LINKS
cluster|meet: ? CLUSTER MEET 127.0.0.1 1
cluster|myid: ? CLUSTER MYID
cluster|nodes: ? CLUSTER NODES
cluster|replicas: ? CLUSTER REPLICAS x
cluster|replicate: ? CLUSTER REPLICATE x
cluster|reset: ? CLUSTER RESET
cluster|saveconfig: ? CLUSTER SAVECONFIG
cluster|set-config-epoch: ? CLUSTER SET-CONFIG-EPOCH 1
cluster|setslot: ? CLUSTER SETSLOT 1 STABLE
cluster|shards: ? CLUSTER SHARDS
cluster|slaves: ? CLUSTER SLAVES x
cluster|slots: ? CLUSTER SLOTS
debug: ! DEBUG SLEEP 0 | ! DEBUG SEGFAULT
failover: ! FAILOVER
migrate: ! MIGRATE 127.0.0.1 1 @k 0 1
module:
module|help: MODULE HELP
module|list: ! MODULE LIST
module|load: ! MODULE LOAD /nowhere
module|loadex: ! MODULE LOADEX /nowhere
module|unload: ! MODULE UNLOAD x
monitor: ! MONITOR
psync: ! PSYNC ? -1
replconf: ! REPLCONF ACK 1
replicaof: ! REPLICAOF NO ONE
restore-asking: ! RESTORE-ASKING @k 0 <dump>
slaveof: ! SLAVEOF NO ONE
swapdb: ! SWAPDB 0 1
sync: ! SYNC
wait: ! WAIT 0 0
"""

MARKS = "$%!?&~*"


def word_of(text):
    """A word's bytes: @k is a key, sha:TEXT a script's name, and \xff a byte."""
    word = text.encode().decode("unicode_escape").encode("latin-1")
    if word == b"NO":
        return b"f" * 40
    if word.startswith(b"sha:"):
        return hashlib.sha1(word[4:]).hexdigest().encode()
    return b"{t}" + word[1:] if word.startswith(b"@") else WORDS.get(word, word)


def lines_of(text):
    """(mark or "", words) of each command of a row."""
    for line in filter(None, (part.strip() for part in text.split(" | "))):
        mark = line[0] if line[1] == " " and line[0] in MARKS else ""
        yield mark, [word_of(word) for word in shlex.split(line[2:] if mark else line)]


def scripts():
    """{id: (command, [(mark, words)])}; a container's empty row asks it without a subcommand."""
    found = {}
    for row in TABLE.strip().replace("\n    ", " ").split("\n"):
        name, text = row.split(":", 1)
        lines = list(lines_of(text or f"{name} | {name} NOPE"))
        number = sum(1 for other, _ in found.values() if other == name)
        found[f"{name}-{number}" if number else name] = name, lines
    return found
