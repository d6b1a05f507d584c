--[[ hand-over.lua: put the next piece of a spool into Redis.
  KEYS[1]  handover       hash
  KEYS[2]  pieces         list: pieces that were not taken yet, in order
  ARGV[1]  n              number of the piece, from 0
  ARGV[2]  piece
  ARGV[3]  lifeMs         without a sign of life of the producer for so long all of it is gone
  Returns  1 when it is in, 0 when it was not the one that is wanted: look again
  Crash    the script ran or it did not. Sent again, with the first answer lost, it writes nothing. ]]
if redis.call('HGET', KEYS[1], 'sent') ~= ARGV[1] then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[2])
redis.call('HINCRBY', KEYS[1], 'sent', 1)
redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
