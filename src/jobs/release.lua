--[[ release.lua: let go of a job that is over once no durable group has outcomes of it to come.
  KEYS[1]  job            hash
  KEYS[2]  results        stream
  KEYS[3]  held           set of jobs that are over while a durable group has outcomes of them to come
  ARGV[1]  id             of the job
  ARGV[2]  keepSeconds    how long the delivered stream stays for its followers
  ARGV[3]  keepBytes      and about how much of it
  Returns  1 when it is held no longer, 0 when it is ]]
local last = redis.call('HGET', KEYS[1], 'last')
local there = redis.call('EXISTS', KEYS[2]) == 1
if last and there then
  local generation, sequence = string.match(last, '(%d+)-(%d+)')
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
    local is = {}
    for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
    local g, s = string.match(is['last-delivered-id'], '(%d+)-(%d+)')
    local behind = tonumber(g) < tonumber(generation) or (g == generation and tonumber(s) < tonumber(sequence))
    if string.sub(is.name, 1, 8) == 'durable:' and (behind or is.pending > 0) then return 0 end
  end
end
redis.call('SREM', KEYS[3], ARGV[1])
if there then
  local bytes = redis.call('MEMORY', 'USAGE', KEYS[2])
  if bytes > tonumber(ARGV[3]) then
    redis.call('XTRIM', KEYS[2], 'MAXLEN', math.floor(redis.call('XLEN', KEYS[2]) * tonumber(ARGV[3]) / bytes))
  end
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
return 1
