--[[ leave.lua: remove a consumer group from all results streams; it holds nothing back any more.
  KEYS[1]  jobs           zset of all job ids by time of submission
  KEYS[2]  durable        set of durable groups of all jobs
  ARGV[1]  group          its name in the streams
  ARGV[2]  jobPrefix      key prefix of job hashes; the stream of one is its hash's key and :results
  Returns  of how many streams it was removed; -1 when nobody knows it ]]
local known = redis.call('SREM', KEYS[2], ARGV[1])
local left = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local stream = ARGV[2] .. id .. ':results'
  if redis.call('EXISTS', stream) == 1 then left = left + redis.call('XGROUP', 'DESTROY', stream, ARGV[1]) end
end
if known == 0 and left == 0 then return -1 end
return left
