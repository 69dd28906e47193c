# Dalli. Usage: mc_dalli.rb STEPS SERVERS PREFIX, with USER_NAME and PASSWORD for SASL; what each
# step prints, test_mc_clients says.

require "dalli"
require "json"

STEPS, SERVERS, PREFIX = ARGV
Dalli.logger.level = Logger::FATAL

def client
  secret = { username: ENV["USER_NAME"], password: ENV["PASSWORD"] }.compact
  Dalli::Client.new(SERVERS.split(","), compress: false, socket_timeout: 20, **secret)
end

def keys(count)
  (0...count).map { |i| "#{$p}:#{i}" }
end

RAW = { raw: true }.freeze

# A write that was done says its CAS, or true; one that was not, nil, false or 0.
def done(result)
  ![nil, false, 0].include?(result)
end

def basic
  m = client
  out = { miss: m.get($p), set: done(m.set($p, "v")), get: m.get($p) }
  out[:add] = [done(m.add($p, "w")), done(m.add("#{$p}-2", "w"))]
  out[:replace] = [done(m.replace($p, "r")), done(m.replace("#{$p}-3", "r"))]
  out[:delete] = [done(m.delete($p)), done(m.delete($p))]
  large = "line\r\n" * 120_000
  out[:large] = done(m.set($p, large)) && m.get($p) == large
  out[:empty] = done(m.set($p, "")) && m.get($p) == ""
  m.set($p, "m", nil, RAW)
  out[:append] = [m.append($p, "z"), m.prepend($p, "a"), m.append("#{$p}-4", "x")]
  out.merge(appended: m.get($p, RAW))
end

def cas
  m = client
  m.set($p, "old")
  _, number = m.get_cas($p)
  out = { cas: [done(m.set_cas($p, "new", number)), done(m.set_cas($p, "no", number))] }
  out.merge(value: m.get($p))
end

# Writes within multi are quiet ones; get_multi is quiet too.
def many
  m = client
  items = keys(1000).to_h { |key| [key, "value of #{key}"] }
  m.multi { items.each { |key, value| m.set(key, value) } }
  out = { set: true }
  out[:found] = m.get_multi((0...100).map { |i| "#{$p}:none:#{i}" } + items.keys).size
  out[:right] = m.get_multi(items.keys) == items
  m.multi { items.each_key { |key| m.delete(key) } }
  out.merge(left: m.get_multi(items.keys).size)
end

def count
  m = client
  m.set($p, "10", nil, RAW)
  { incr: m.incr($p, 5), decr: m.decr($p, 2), floor: m.decr($p, 100) }
end

def count_missing
  m = client
  { missing: m.incr($p, 5), after: m.get($p, RAW) }
end

def expire
  m = client
  out = { set: [m.set($p, "v", 1), m.set("#{$p}-2", "v", 1), m.set("#{$p}-3", "v")].all? }
  ttls = { "-2" => 100, "-3" => 1, "-4" => 1 }
  out[:touch] = ttls.map { |tail, ttl| done(m.touch($p + tail, ttl)) }
  sleep 2.2
  out.merge(after: [$p, "#{$p}-2", "#{$p}-3"].map { |key| m.get(key) })
end

def all
  m = client
  keys(60).each { |key| m.set(key, "v") }
  out = { version: m.version.values.first.match?(/\A\d+\.\d+/) }
  out[:stats] = m.stats.values.first["curr_items"].to_i >= 60
  out[:flush] = m.flush.all?
  out.merge(left: m.get_multi(keys(60)).size)
end

def quiet
  m = client
  m.multi { keys(500).each { |key| m.set(key, key) } }
  { right: m.get_multi(keys(500)).count { |key, value| key == value } }
end

def fill
  m = client
  { set: keys(300).count { |key| m.set(key, key) } }
end

def found
  { found: client.get_multi(keys(300)).count { |key, value| key == value } }
end

def login
  m = client
  { set: done(m.set($p, "v")), get: m.get($p) == "v" }
rescue Dalli::DalliError
  { set: false, get: false }
end

said = STEPS.split(",").each_with_index.to_h do |step, number|
  $p = "#{PREFIX}-#{number}"
  [step, send(step)]
end
puts JSON.generate(said)
