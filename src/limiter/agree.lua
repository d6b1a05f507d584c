--[[ agree.lua: say which limits this process has, and hear which others have.
  KEYS[1]  limits   zset: limits as JSON -> when they were last said (us)
  ARGV[1]  mine     JSON
  ARGV[2]  memory   us: what was said longer ago is forgotten
  Returns  every limits said within memory
  Clock    Redis TIME
  Crash    of a process that said it: forgotten after memory ]]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2]) / 1000))
return redis.call('ZRANGE', KEYS[1], 0, -1)
