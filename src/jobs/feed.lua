--[[ feed.lua: move chunks from the spool into the ready window, and name the open chunks that nobody holds.
  KEYS[1]  job            hash
  KEYS[2]  open           set of open chunk numbers
  KEYS[3]  delayed        BullMQ's sorted set of the command's jobs that wait out a delay
  KEYS[4]  fed            there while a feeder that has the job's spool looks after it
  ARGV[1]  chunkPrefix    key prefix of open chunks
  ARGV[2]  queuePrefix    key prefix of this job's BullMQ jobs: prefix .. chunk number
  ARGV[3]  cursor         number of the first chunk offered; another feeder may have been faster
  ARGV[4…] block, items, locks   per offered chunk: deflated block, item count, JSON array of the account lists
                          that a call of it writes
  Returns  {state, cursor, open chunks, bytes of their blocks, {numbers of open chunks that no BullMQ job stands for},
           open chunks that wait out a delay, priority, '' where it is that of the descriptor, 1 when a feeder has said
           lately that it looks after the job, else 0}
           and {''} when the job is gone
  Crash    between this script and the queue's add leaves open chunks without a BullMQ job: the next feed names them. ]]
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return { '' } end
local cursor = tonumber(redis.call('HGET', KEYS[1], 'cursor'))
if (state == 'running' or state == 'cancelled') and cursor == tonumber(ARGV[3]) and #ARGV > 3 then
  local bytes = 0
  for i = 4, #ARGV, 3 do
    local items = tonumber(ARGV[i + 1])
    redis.call('HSET', ARGV[1] .. cursor, 'block', ARGV[i], 'epoch', 0, 'recorded', 0, 'items', string.rep('\0', items),
      'locks', ARGV[i + 2], 'notes', '')
    redis.call('SADD', KEYS[2], cursor)
    bytes = bytes + #ARGV[i]
    cursor = cursor + 1
  end
  redis.call('HSET', KEYS[1], 'cursor', cursor)
  redis.call('HINCRBY', KEYS[1], 'openBytes', bytes)
end
local unheld, delayed = {}, 0
local open = redis.call('SMEMBERS', KEYS[2])
local job = string.match(KEYS[1], '[^:]+$')
for _, chunk in ipairs(open) do
  if redis.call('ZSCORE', KEYS[3], job .. '.' .. chunk) then
    delayed = delayed + 1
  elseif redis.call('EXISTS', ARGV[2] .. chunk) == 0 then
    unheld[#unheld + 1] = tonumber(chunk)
  end
end
local now = redis.call('HMGET', KEYS[1], 'openBytes', 'priority')
return { state, cursor, #open, tonumber(now[1]), unheld, delayed, now[2] or '', redis.call('EXISTS', KEYS[4]) }
