--[[ forget.lua: remove all that Redis has of a job that is over.
  KEYS[1]  job            hash
  KEYS[2]  jobs           zset of all job ids by time of submission
  KEYS[3]  held           set of jobs that are over while a durable group has outcomes of them to come
  KEYS[4]  identity       string, job id by key: goes only where it names this job
  KEYS[5]  results, KEYS[6] counts, KEYS[7] closed, KEYS[8] open, KEYS[9] bars, KEYS[10] fed   of this job
  KEYS[11] events         stream of job changes
  ARGV[1]  id             of the job
  Returns  'forgotten' · 'unknown': there is no such job (any more) · 'kept': it is not over, its outcomes are not all in
           its file, or a durable group has not acknowledged them; nothing was written
  Crash    there is no between. Sent again it says 'unknown'. ]]
local job = redis.call('HMGET', KEYS[1], 'state', 'delivered')
if not job[1] then return 'unknown' end
if job[2] ~= '1' or redis.call('SISMEMBER', KEYS[3], ARGV[1]) == 1 then return 'kept' end
if redis.call('GET', KEYS[4]) == ARGV[1] then redis.call('DEL', KEYS[4]) end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10])
redis.call('XADD', KEYS[11], 'MAXLEN', '~', 1000, '*', 'job', ARGV[1], 'event', 'pruned', 'state', job[1])
return 'forgotten'
