--[[ answer.lua: tell the producer what became of its spool.
  KEYS[1]  handover       hash
  KEYS[2]  pieces         list: pieces that were not taken yet, in order
  KEYS[3]  adopter        there while a worker is at it
  KEYS[4]  handovers      set of those that want a home
  ARGV[1]  id             of the handover
  ARGV[2]  job            the adoption
  ARGV[3]  answer         JSON
  Returns  1 when it is told, 0 when the spool is another worker's or gone
  Crash    there is no between. Sent again it writes the same. ]]
if redis.call('HGET', KEYS[1], 'job') ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('HSET', KEYS[1], 'bytes', 0, 'answer', ARGV[3])
redis.call('SREM', KEYS[4], ARGV[1])
return 1
