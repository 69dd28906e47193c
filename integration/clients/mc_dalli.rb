# Dalli. Usage: mc_dalli.rb STEP SERVERS PREFIX, with USER_NAME and PASSWORD for SASL; what each
# step prints, test_mc_clients says.

require "dalli"
require "json"

STEP, SERVERS, P = ARGV
Dalli.logger.level = Logger::FATAL

def client
  secret = { username: ENV["USER_NAME"], password: ENV["PASSWORD"] }.compact
  Dalli::Client.new(SERVERS.split(","), compress: false, socket_timeout: 20, **secret)
end

def keys(count)
  (0...count).map { |i| "#{P}:#{i}" }
end

RAW = { raw: true }.freeze

# A write that was done says its CAS, or true; one that was not, nil, false or 0.
def done(result)
  ![nil, false, 0].include?(result)
end

def basic
  m = client
  out = { miss: m.get(P), set: done(m.set(P, "v")), get: m.get(P) }
  out[:add] = [done(m.add(P, "w")), done(m.add("#{P}-2", "w"))]
  out[:replace] = [done(m.replace(P, "r")), done(m.replace("#{P}-3", "r"))]
  out[:delete] = [done(m.delete(P)), done(m.delete(P))]
  large = "line\r\n" * 120_000
  out[:large] = done(m.set(P, large)) && m.get(P) == large
  out[:empty] = done(m.set(P, "")) && m.get(P) == ""
  m.set(P, "m", nil, RAW)
  out[:append] = [m.append(P, "z"), m.prepend(P, "a"), m.append("#{P}-4", "x")]
  out.merge(appended: m.get(P, RAW))
end

def cas
  m = client
  m.set(P, "old")
  _, number = m.get_cas(P)
  out = { cas: [done(m.set_cas(P, "new", number)), done(m.set_cas(P, "no", number))] }
  out.merge(value: m.get(P))
end

# Writes within multi are quiet ones; get_multi is quiet too.
def many
  m = client
  items = keys(1000).to_h { |key| [key, "value of #{key}"] }
  m.multi { items.each { |key, value| m.set(key, value) } }
  out = { set: true }
  out[:found] = m.get_multi((0...100).map { |i| "#{P}:none:#{i}" } + items.keys).size
  out[:right] = m.get_multi(items.keys) == items
  m.multi { items.each_key { |key| m.delete(key) } }
  out.merge(left: m.get_multi(items.keys).size)
end

def count
  m = client
  m.set(P, "10", nil, RAW)
  { incr: m.incr(P, 5), decr: m.decr(P, 2), floor: m.decr(P, 100) }
end

def count_missing
  m = client
  { missing: m.incr(P, 5), after: m.get(P, RAW) }
end

def expire
  m = client
  out = { set: [m.set(P, "v", 1), m.set("#{P}-2", "v", 1), m.set("#{P}-3", "v")].all? }
  out[:touch] = [["-2", 100], ["-3", 1], ["-4", 1]].map { |tail, ttl| done(m.touch(P + tail, ttl)) }
  sleep 2.2
  out.merge(after: [P, "#{P}-2", "#{P}-3"].map { |key| m.get(key) })
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
  { set: done(m.set(P, "v")), get: m.get(P) == "v" }
rescue Dalli::DalliError
  { set: false, get: false }
end

puts JSON.generate(send(STEP))
