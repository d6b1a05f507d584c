--[[ abandon.lua: the producer gives up, or has its answer. It deletes the hash when it knows that this came through.
  KEYS[1]  handover       hash
  KEYS[2]  pieces         list: pieces that were not taken yet, in order
  KEYS[3]  adopter        there while a worker is at it
  KEYS[4]  handovers      set of those that want a home
  ARGV[1]  id             of the handover
  ARGV[2]  jobPrefix      key prefix of job hashes, to see whether it was submitted
  ARGV[3]  withdrawnPrefix  prefix of the keys that say which job may not be submitted any more (submit.lua)
  ARGV[4]  keepSeconds    how long a worker that froze in the middle of submitting may take to thaw
  Returns  the job that it has become meanwhile, or '': it is none, and never will be
  Crash    there is no between; what is left expires. Sent again, with the first answer lost, it says the same. ]]
local now = redis.call('HMGET', KEYS[1], 'job', 'abandoned', 'answer')
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('SREM', KEYS[4], ARGV[1])
if not now[1] then return '' end
local job = now[2] or now[1]
if job ~= '' and redis.call('EXISTS', ARGV[2] .. job) == 1 then return job end
-- Where it is answered there is nobody who could submit it any more.
if now[3] ~= '' then return '' end
redis.call('HSET', KEYS[1], 'job', '', 'abandoned', job, 'answer', '{}')
if job ~= '' then redis.call('SET', ARGV[3] .. job, 1, 'EX', ARGV[4]) end
return ''
