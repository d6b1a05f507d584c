--[[ steer.lua: change the state of a job, if its present state allows it.
  KEYS[1]  job            hash
  KEYS[2]  events         stream of job changes
  KEYS[3]  bars           hash: From_Account -> why rows of it cannot pass; a resumed job finds out anew
  ARGV[1]  event          pause, resume, cancel, stop
  ARGV[2]  to             the new state
  ARGV[3]  reason         why, for a person
  ARGV[4]  force          1: resume also where the failure brake stopped the job, and brake no more
  ARGV[5…] from           states that allow it
  Returns  {1, new state} · {0, present state} · {0, ''}: no such job · {0, 'braked'}: stopped by the failure brake,
           and only force goes on ]]
local job = redis.call('HMGET', KEYS[1], 'state', 'brake')
local state = job[1]
if not state then return { 0, '' } end
for i = 5, #ARGV do
  if ARGV[i] == state then
    if ARGV[1] == 'resume' and state == 'stopped' and job[2] == 'pulled' then
      if ARGV[4] ~= '1' then return { 0, 'braked' } end
      redis.call('HSET', KEYS[1], 'brake', 'off')
    end
    if ARGV[1] == 'resume' then redis.call('DEL', KEYS[3]) end
    redis.call('HSET', KEYS[1], 'state', ARGV[2], 'reason', ARGV[3])
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'job', string.match(KEYS[1], '[^:]+$'), 'event', ARGV[1],
      'state', ARGV[2])
    return { 1, ARGV[2] }
  end
end
return { 0, state }
