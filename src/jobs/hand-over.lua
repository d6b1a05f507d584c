--[[ hand-over.lua: put the next piece of a spool into Redis.
  KEYS[1]  handover       hash
  KEYS[2]  pieces         list: pieces that were not taken yet, in order
  ARGV[1]  n              number of the piece, from 0
  ARGV[2]  job            the adoption that it is for; another one wants all from the first piece on
  ARGV[3]  piece
  ARGV[4]  lifeMs         without a sign of life of the producer for so long all of it is gone
  Returns  1 when it is in, 0 when it was not the one that is wanted: look again
  Crash    the script ran or it did not. Sent again, with the first answer lost, it writes nothing. ]]
local now = redis.call('HMGET', KEYS[1], 'sent', 'job')
if now[1] ~= ARGV[1] or now[2] ~= ARGV[2] then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[3])
redis.call('HINCRBY', KEYS[1], 'sent', 1)
redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
