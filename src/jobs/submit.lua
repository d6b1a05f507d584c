--[[ submit.lua: create a job from a committed spool, unless its key already names one.
  KEYS[1]  identity       string, job id by key
  KEYS[2]  job            hash of the new job, must not exist
  KEYS[3]  active         set of jobs with rows open or outcomes not yet delivered
  KEYS[4]  jobs           zset of all job ids by time of submission
  KEYS[5]  events         stream of job changes
  KEYS[6]  withdrawn      there when the job's folder was taken for a leftover and removed (withdraw.lua)
  KEYS[7]  durable        set of durable groups of all jobs
  KEYS[8]  results        stream of the new job: these groups have it from its first outcome on
  ARGV[1]  id             of the new job
  ARGV[2]  fingerprint    digest of operation, options and content
  ARGV[3]  makesRoom      which job of the same key makes room for a new one: 'none', a 'finished' one, or 'any'
  ARGV[4]  nowMs          time of submission
  ARGV[5]  jobPrefix      key prefix of job hashes, to look at the job that the key names
  ARGV[6]  descriptor     JSON, immutable
  ARGV[7]  chunks         chunks of the spool
  Returns  {'created', id} · {'existing', id} · {'conflict', id}: same key, other content or options
           {'withdrawn', id}: its spool is gone, nothing was accepted
  Crash    before: nothing is accepted. After: the job exists whole. There is no between. Where the reply is lost the
           client sends the same again: it writes nothing and is told 'created'. ]]
local id, fingerprint = ARGV[1], ARGV[2]
local existing = redis.call('GET', KEYS[1])
if existing == id then return { 'created', id } end
if redis.call('EXISTS', KEYS[6]) == 1 then return { 'withdrawn', id } end
if existing then
  local known = redis.call('HMGET', ARGV[5] .. existing, 'fingerprint', 'state')
  if known[1] then
    if known[1] ~= fingerprint then return { 'conflict', existing } end
    local finished = known[2] == 'completed' or known[2] == 'cancelled'
    if ARGV[3] == 'none' or (ARGV[3] == 'finished' and not finished) then return { 'existing', existing } end
  end
end
redis.call('HSET', KEYS[2], 'descriptor', ARGV[6], 'fingerprint', fingerprint, 'state', 'running', 'reason', '',
  'chunks', ARGV[7], 'cursor', 0, 'closed', 0, 'openBytes', 0, 'generation', 0, 'sequence', 0, 'last', '0-0',
  'runId', '', 'delivered', 0)
for _, group in ipairs(redis.call('SMEMBERS', KEYS[7])) do
  redis.call('XGROUP', 'CREATE', KEYS[8], group, '0', 'MKSTREAM')
end
redis.call('SET', KEYS[1], id)
redis.call('SADD', KEYS[3], id)
redis.call('ZADD', KEYS[4], ARGV[4], id)
redis.call('XADD', KEYS[5], 'MAXLEN', '~', 1000, '*', 'job', id, 'event', 'submitted', 'state', 'running')
return { 'created', id }
