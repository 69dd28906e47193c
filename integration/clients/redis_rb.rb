# redis-rb. Usage: redis_rb.rb STEP HOST PORT PREFIX; what each step prints, test_redis_clients
# says.

require "json"
require "redis"

STEP, HOST, PORT, P = ARGV
BUMP = "return redis.call('INCRBY', KEYS[1], ARGV[1])"

def client(**options)
  Redis.new(host: HOST, port: PORT.to_i, id: "driver", timeout: 20, **options)
end

def connect
  r = client
  hello = r.call("HELLO")
  {
    ping: r.ping, name: r.client("GETNAME"), id: r.client("ID") > 0,
    info: r.info("server").key?("redis_version"), proto: Hash[*hello]["proto"],
  }
end

def pipeline
  error = nil
  r = client
  futures = []
  r.pipelined do |pipe|
    400.times do |i|
      futures << pipe.set("#{P}:#{i}", i) << pipe.incr("#{P}:#{i}") << pipe.get("#{P}:#{i}")
    end
    futures << pipe.mget((0...50).map { |i| "#{P}:#{i}" })
  end
  begin
    r.pipelined { |pipe| pipe.ping; pipe.lpush("#{P}:0", "x"); pipe.ping }
  rescue Redis::CommandError => e
    error = e.message.split.first
  end
  got = futures.map(&:value)
  want = (0...400).flat_map { |i| ["OK", i + 1, (i + 1).to_s] }
  {
    replies: got.size + 1, right: got[0...1200] == want,
    error: error, mget: got.last == (1..50).map(&:to_s),
  }
end

def transaction
  r, other, k, out = client, client, "{#{P}}", {}
  out[:exec] = r.multi { |m| m.set("#{k}:a", 1); m.incr("#{k}:a"); m.get("#{k}:a") }
  out[:right] = (0...30).count do |i|
    t = "{#{P}#{i}}"
    r.multi { |m| m.set("#{t}:x", i); m.mget("#{t}:x", "#{t}:y") } == ["OK", [i.to_s, nil]]
  end
  r.watch("#{k}:a") do
    value = r.get("#{k}:a").to_i
    out[:watched] = r.multi { |m| m.set("#{k}:a", value + 1); m.get("#{k}:a") }[1]
  end
  r.watch("#{k}:a") do
    other.set("#{k}:a", "theirs")
    out[:touched] = r.multi { |m| m.set("#{k}:a", "mine") }
  end
  r.call("MULTI")
  r.call("SET", "#{k}:a", "no")
  r.call("DISCARD")
  out.merge(discarded: r.get("#{k}:a"))
end

def block
  k, out = "{#{P}}", {}
  producer = Thread.new do
    other = client
    { "b" => "job1", "src" => "job2" }.each do |key, job|
      sleep 0.15
      other.rpush("#{k}:#{key}", job)
    end
    sleep 0.15
    other.zadd("#{k}:z", 1.5, "m")
  end
  r = client
  key, out[:popped] = r.blpop("#{k}:a", "#{k}:b", timeout: 10)
  out[:key] = key == "#{k}:b"
  out[:moved] = r.blmove("#{k}:src", "#{k}:dst", "RIGHT", "LEFT", timeout: 10)
  out[:least] = r.bzpopmin("#{k}:z", timeout: 10)[1..]
  out[:nothing] = r.blpop("#{k}:a", timeout: 0.2)
  out[:dst] = r.lrange("#{k}:dst", 0, -1)
  producer.join
  out
end

# One call of the library a kind: within the block of the first, the second is added.
def subscribe
  r, sub, messages, patterns = client, client, [], []
  ready = Queue.new
  listener = Thread.new do
    sub.subscribe("#{P}:a", "#{P}:b") do |on|
      on.subscribe { |_, count| sub.psubscribe("#{P}-*") if count == 2 }
      on.psubscribe { ready << true }
      on.message { |channel, m| messages << [channel.sub(P, ""), m] }
      on.pmessage do |pattern, channel, m|
        patterns << [pattern.sub(P, ""), channel.sub(P, ""), m]
        sub.punsubscribe
        sub.unsubscribe
      end
    end
  end
  ready.pop
  sent = { ":a" => "m0", ":b" => "m1", "-c" => "m2" }
  received = sent.map { |channel, m| r.publish(P + channel, m) }
  listener.join
  {
    received: received, messages: messages, patterns: patterns, after: r.publish("#{P}:a", "m3"),
    ping: sub.ping,
  }
end

def scan
  r = client
  want = (0...300).map { |i| "#{P}:#{i}" }
  r.pipelined { |pipe| want.each { |key| pipe.set(key, 1) } }
  r.hset("#{P}-h", (0...600).to_h { |i| ["f#{i}", i] })
  got = r.scan_each(match: "#{P}:*", count: 25).to_a
  {
    found: got.size, distinct: got.uniq.size, same: got.sort == want.sort,
    fields: r.hscan_each("#{P}-h").to_a.size,
  }
end

# What applications do with this library, which has no helper of its own.
def bump(r, sha, key)
  r.evalsha(sha, [key], [2])
rescue Redis::CommandError => e
  raise unless e.message.start_with?("NOSCRIPT")
  r.eval(BUMP, [key], [2])
end

def script
  r = client
  keys = (0...30).map { |i| "#{P}:#{i}" }
  out = { eval: r.eval("return {KEYS[1], ARGV[1]}", [P], ["a"])[1] }
  sha = r.script(:load, BUMP)
  out[:first] = keys.sum { |key| bump(r, sha, key) }
  r.script(:flush)
  out[:exists] = r.script(:exists, sha)
  out[:second] = keys.sum { |key| bump(r, sha, key) }
  r.script(:flush)
  r.script(:load, BUMP)
  out.merge(loaded: keys.sum { |key| r.evalsha(sha, [key], [2]) })
end

def select
  r, own = client, client(db: 3)
  r.select(3)
  r.set(P, "three")
  out = { three: r.get(P), own: own.get(P) }
  r.select(0)
  out[:zero] = r.get(P)
  own.del(P)
  out
end

def reconnect
  r, other = client(db: 3), client
  r.set(P, "v")
  before = r.client("ID")
  other.client("KILL", "ID", before)
  sleep 0.2
  { value: r.get(P), name: r.client("GETNAME"), new: r.client("ID") != before }
end

puts JSON.generate(send(STEP))
