--[[ join.lua: make a consumer group of results streams known, from the first outcome on.
  KEYS[1]  active         set of jobs with rows open or outcomes not yet delivered
  KEYS[2]  jobs           zset of all job ids by time of submission
  KEYS[3]  held           set of jobs that are over while a durable group has outcomes of them to come
  KEYS[4]  durable        set of durable groups of all jobs, those to come included (submit.lua)
  ARGV[1]  group          its name in the streams; that of a durable one begins with durable:
  ARGV[2]  job            one job, or '' for all that are not over and those that it has begun with
  ARGV[3]  jobPrefix      key prefix of job hashes; the stream of one is its hash's key and :results
  ARGV[4]  keepSeconds    life of the stream of a job that is over
  Returns  the ids of jobs to read
  A group that exists stays where it is. ]]
local durable = string.sub(ARGV[1], 1, 8) == 'durable:'
local function has(stream)
  if redis.call('EXISTS', stream) == 0 then return false end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    if group[2] == ARGV[1] then return true end
  end
  return false
end
local function join(id)
  local job, stream = ARGV[3] .. id, ARGV[3] .. id .. ':results'
  if has(stream) then return end
  redis.call('XGROUP', 'CREATE', stream, ARGV[1], '0', 'MKSTREAM')
  if redis.call('HGET', job, 'delivered') ~= '1' then return end
  if durable then
    redis.call('SADD', KEYS[3], id)
    redis.call('PERSIST', stream)
  elseif redis.call('TTL', stream) == -1 and redis.call('SISMEMBER', KEYS[3], id) == 0 then
    redis.call('EXPIRE', stream, ARGV[4])
  end
end
if ARGV[2] ~= '' then
  if redis.call('EXISTS', ARGV[3] .. ARGV[2]) == 0 then return {} end
  join(ARGV[2])
  return { ARGV[2] }
end
if durable then redis.call('SADD', KEYS[4], ARGV[1]) end
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do join(id) end
local ids = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if has(ARGV[3] .. id .. ':results') then ids[#ids + 1] = id end
end
return ids
