"""What Redis does in one step, in Lua; it runs on Redis 6 and newer, without modules.

The last argument is the time in seconds; where it is empty, the server's own clock counts. Keys end by themselves,
always by the server's clock, a while that is relative to the call: a rate's when it would be full again, a place's
with its last note. A clock that goes back, as after a fail-over, costs nobody what was refilled.
"""

_NOW = """
local now = tonumber(ARGV[#ARGV])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
"""

TAKE = (
    _NOW
    + """
local limit, per_s, amount, leaving = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local speed = limit / per_s
local left = limit
local kept = redis.call('GET', KEYS[1])
if kept then
  local had, at = string.match(kept, '^(%S+) (%S+)$')
  left = math.min(limit, tonumber(had) + math.max(0, now - tonumber(at)) * speed)
end
local granted = left >= amount + leaving
local wait = 0
if granted then left = left - amount else wait = (amount + leaving - left) / speed end
local full_ms = math.max(1, math.ceil((limit - left) / speed * 1000))
redis.call('SET', KEYS[1], string.format('%.17g %.17g', left, now), 'PX', string.format('%d', full_ms))
return {granted and 1 or 0, string.format('%.17g', wait)}
"""
)
"""Take from a rate. Keys: the rate. Arguments: limit, seconds, amount, what must be left, time. Gives 1 or 0, and the
wait."""

NOTE = (
    _NOW
    + """
local values, ends = KEYS[1], KEYS[2]
local name, value, ttl_s = ARGV[1], ARGV[2], tonumber(ARGV[3])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.17g', now), 'LIMIT', 0, 1000)) do
  redis.call('HDEL', values, gone)
  redis.call('ZREM', ends, gone)
end
if value ~= '' and ttl_s > 0 then
  redis.call('HSET', values, name, value)
  redis.call('ZADD', ends, string.format('%.17g', now + ttl_s), name)
else
  redis.call('HDEL', values, name)
  redis.call('ZREM', ends, name)
end
local last = redis.call('ZREVRANGE', ends, 0, 0, 'WITHSCORES')[2]
if last then
  local rest_ms = string.format('%d', math.max(1, math.ceil((tonumber(last) - now) * 1000)))
  redis.call('PEXPIRE', values, rest_ms)
  redis.call('PEXPIRE', ends, rest_ms)
end
"""
)
"""Leave or remove a note. Keys: the place's values, and when they end. Arguments: name, value, seconds, time."""

NOTES = (
    _NOW
    + """
local values, ends = KEYS[1], KEYS[2]
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.17g', now))) do
  redis.call('HDEL', values, gone)
  redis.call('ZREM', ends, gone)
end
return redis.call('HGETALL', values)
"""
)
"""Read the notes of a place. Keys: as for a note. Argument: time. Gives names and values in turn."""
