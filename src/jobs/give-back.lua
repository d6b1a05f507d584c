--[[ give-back.lua: a consumer that is alive leaves what it was given to others, as if it were dead.
  KEYS[1]  results        stream
  ARGV[1]  group, ARGV[2] consumer, ARGV[3] idleMs   others take what is idle for so long
  ARGV[4…] ids            of entries
  Returns  how many others may take at once
  Entries that were trimmed meanwhile stay pending: to claim one that is gone takes it off the list, and nobody would have it.
  They are due when the consumer has been silent for as long as a dead one, from the results file. ]]
local given = 0
for i = 4, #ARGV do
  if #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) > 0 then
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', ARGV[3], 'JUSTID')
    given = given + #claimed
  end
end
return given
