--[[ steer.lua: change the state of a job, if its present state allows it.
  KEYS[1]  job            hash
  KEYS[2]  events         stream of job changes
  ARGV[1]  event          pause, resume, cancel, stop
  ARGV[2]  to             the new state
  ARGV[3]  reason         why, for a person
  ARGV[4…] from           states that allow it
  Returns  {1, new state} · {0, present state} · {0, ''}: no such job ]]
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return { 0, '' } end
for i = 4, #ARGV do
  if ARGV[i] == state then
    redis.call('HSET', KEYS[1], 'state', ARGV[2], 'reason', ARGV[3])
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'job', string.match(KEYS[1], '[^:]+$'), 'event', ARGV[1],
      'state', ARGV[2])
    return { 1, ARGV[2] }
  end
end
return { 0, state }
