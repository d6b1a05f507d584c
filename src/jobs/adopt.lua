--[[ adopt.lua: a worker takes a spool into its home, as a job of an id that it has made.
  KEYS[1]  handover       hash
  KEYS[2]  pieces         list: pieces that were not taken yet, in order
  KEYS[3]  adopter        there while a worker is at it. Expires
  KEYS[4]  handovers      set of those that want a home
  ARGV[1]  id             of the handover
  ARGV[2]  job            id of the job that it is going to be, of this adoption alone
  ARGV[3]  leaseMs        a worker that gives no sign of life for so long is taken for dead
  ARGV[4]  jobPrefix      key prefix of job hashes, to see whether the adoption before was submitted
  ARGV[5]  withdrawnPrefix  prefix of the keys that say which job may not be submitted any more (submit.lua)
  ARGV[6]  keepSeconds    how long a worker that froze in the middle of submitting may take to thaw
  Returns  'adopted' · 'held': another worker is at it · 'over': it is answered, or gone
  Crash    there is no between. Sent again, with the first answer lost, it says 'adopted'.
  The adoption before, whose worker is dead or frozen, either became a job, and that is the answer; or it never may. So
  no two homes have the files of one job. The producer has all of the spool: it starts again with the first piece. ]]
local now = redis.call('HMGET', KEYS[1], 'job', 'answer')
if not now[1] or now[2] ~= '' then
  redis.call('SREM', KEYS[4], ARGV[1])
  return 'over'
end
if now[1] == ARGV[2] then return 'adopted' end
if redis.call('EXISTS', KEYS[3]) == 1 then return 'held' end
-- First of all, so that the rest goes through in a Redis that is full.
redis.call('DEL', KEYS[2])
if now[1] ~= '' then
  if redis.call('EXISTS', ARGV[4] .. now[1]) == 1 then
    redis.call('HSET', KEYS[1], 'bytes', 0, 'answer', cjson.encode({ kind = 'created', job = now[1] }))
    redis.call('SREM', KEYS[4], ARGV[1])
    return 'over'
  end
  redis.call('SET', ARGV[5] .. now[1], 1, 'EX', ARGV[6])
end
redis.call('HSET', KEYS[1], 'job', ARGV[2], 'sent', 0, 'taken', 0, 'bytes', 0)
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
return 'adopted'
