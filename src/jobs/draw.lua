--[[ draw.lua: a worker has the first n pieces of a spool, and wants the next one.
  KEYS[1]  handover       hash
  KEYS[2]  pieces         list: pieces that were not taken yet, in order
  ARGV[1]  job            the adoption
  ARGV[2]  n              pieces that it has: they leave Redis
  Returns  {'piece', it} · {'none'}: the producer has not sent it yet · {'lost'}: it is another worker's, or gone
  Crash    there is no between. Sent again it gives the same piece. ]]
local now = redis.call('HMGET', KEYS[1], 'job', 'taken')
if now[1] ~= ARGV[1] then return { 'lost' } end
local taken, has = tonumber(now[2]), tonumber(ARGV[2])
while taken < has do
  -- First of all, so that it goes through in a Redis that is full.
  local piece = redis.call('LPOP', KEYS[2])
  -- Redis has lost its last second, and the producer sends the piece once more.
  if not piece then return { 'none' } end
  taken = taken + 1
  redis.call('HINCRBY', KEYS[1], 'taken', 1)
  redis.call('HINCRBY', KEYS[1], 'bytes', -#piece)
end
local piece = redis.call('LINDEX', KEYS[2], 0)
if not piece then return { 'none' } end
return { 'piece', piece }
