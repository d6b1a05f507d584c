--[[ offer.lua: offer a prepared spool to the workers, who have not seen any of it.
  KEYS[1]  handover       hash, must not exist
  KEYS[2]  handovers      set of those that want a home
  ARGV[1]  id             of the handover
  ARGV[2]  offer          JSON: the job to be, and the files of its spool
  ARGV[3]  lifeMs         without a sign of life of the producer for so long it is gone
  Returns  'offered'
  Crash    before: nothing. After: it expires, and the next worker that looks takes it out of the set. Sent again it
           writes nothing. ]]
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'offer', ARGV[2], 'job', '', 'sent', 0, 'taken', 0, 'bytes', 0, 'answer', '')
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('SADD', KEYS[2], ARGV[1])
end
return 'offered'
