--[[ backlog.lua: how much of the outcomes waits in Redis, and for whom.
  KEYS[1]  active         set of jobs with rows open or outcomes not yet delivered
  KEYS[2]  held           set of jobs that are over while a durable group has outcomes of them to come
  ARGV[1]  jobPrefix      key prefix of job hashes; the stream of one is its hash's key and :results
  Returns  {used memory, maxmemory or 0, {job, bytes of its stream, entries of it, {durable group, entries that it has not
           acknowledged, …}} …} ]]
local info = redis.call('INFO', 'memory')
local reply = { tonumber(string.match(info, 'used_memory:(%d+)')), tonumber(string.match(info, 'maxmemory:(%d+)') or '0') }
for _, id in ipairs(redis.call('SUNION', KEYS[1], KEYS[2])) do
  local stream = ARGV[1] .. id .. ':results'
  if redis.call('EXISTS', stream) == 1 then
    local last = tonumber(redis.call('HGET', ARGV[1] .. id, 'sequence') or '0')
    local groups = {}
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
      local is = {}
      for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
      if string.sub(is.name, 1, 8) == 'durable:' then
        local read = tonumber(string.match(is['last-delivered-id'], '-(%d+)'))
        groups[#groups + 1] = is.name
        groups[#groups + 1] = math.max(0, last - read) + is.pending
      end
    end
    reply[#reply + 1] = { id, redis.call('MEMORY', 'USAGE', stream), redis.call('XLEN', stream), groups }
  end
end
return reply
