--[[ prioritize.lua: change the priority of a job that is not over.
  KEYS[1]  job            hash
  KEYS[2]  events         stream of job changes
  ARGV[1]  priority       the new one
  ARGV[2…] from           states that allow it
  Returns  the state now, '' when there is no such job
  Also where the job has this priority already the event is told: feed looks again. ]]
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return '' end
for i = 2, #ARGV do
  if ARGV[i] == state then
    redis.call('HSET', KEYS[1], 'priority', ARGV[1])
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'job', string.match(KEYS[1], '[^:]+$'), 'event', 'priority',
      'state', state)
    return state
  end
end
return state
