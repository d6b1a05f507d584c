--[[ finish.lua: the recorder has every outcome of a job on disk: the job is over.
  KEYS[1]  job            hash
  KEYS[2]  active         set of jobs with rows open or outcomes not yet delivered
  KEYS[3]  events         stream of job changes
  KEYS[4]  results        stream, every entry of it delivered
  KEYS[5]  bars           hash, of use only while rows are open
  KEYS[6]  held           set of jobs that are over while a durable group has outcomes of them to come
  ARGV[1]  position       <generation>-<sequence> of the last entry that is durable in the results file; 0-0: none
  ARGV[2]  at             ISO 8601
  ARGV[3]  keepSeconds    how long the delivered stream stays for its followers
  Returns  1 when the job is over now, 0 when a row is open or an entry is not delivered
  A running job becomes completed; a cancelled one stays cancelled. ]]
local job = redis.call('HMGET', KEYS[1], 'state', 'chunks', 'closed', 'last', 'delivered')
if not job[1] or job[5] == '1' or job[2] ~= job[3] or job[4] ~= ARGV[1] then return 0 end
local state = job[1]
if state == 'running' then state = 'completed' elseif state ~= 'cancelled' then return 0 end
redis.call('HSET', KEYS[1], 'state', state, 'reason', '', 'delivered', 1, 'finishedAt', ARGV[2])
local durable = false
if redis.call('EXISTS', KEYS[4]) == 1 then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[4])) do
    durable = durable or string.sub(group[2], 1, 8) == 'durable:'
  end
end
-- What these have acknowledged by now, release.lua finds out.
if durable then redis.call('SADD', KEYS[6], string.match(KEYS[1], '[^:]+$')) else redis.call('EXPIRE', KEYS[4], ARGV[3]) end
redis.call('DEL', KEYS[5])
redis.call('SREM', KEYS[2], string.match(KEYS[1], '[^:]+$'))
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'job', string.match(KEYS[1], '[^:]+$'), 'event', 'finished', 'state', state)
return 1
