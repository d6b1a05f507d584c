--[[ lease.lua: hear what became of earlier slots, then grant some future ones.

  The bucket holds N tokens. A token is a member of the sorted set: its score is an upper bound of when its call
  arrived. The next slot is never nearer than window + margin after the N-th largest score. So of any N + 1 calls the
  one granted last left more than a window after the earliest of the others, whatever order they were sent in.

  KEYS[1]  state, a hash   run: run_id of the server that keeps it · since: when it began (us) · next: id of the next
                           slot · last: time of the last slot · from: no slot before · rate: rate in force after the
                           last reduction (ppm of the ceiling) · reducedId: last slot granted before it · reducedAt
  KEYS[2]  tokens, a sorted set   slot id -> upper bound of its call (us), and 'origin' -> 0 to notice a lost key
  ARGV[1]  calls           N
  ARGV[2]  window          us
  ARGV[3]  margin          us
  ARGV[4]  pace            fraction of even spacing that slots stand apart, at least, once tokens come back
  ARGV[5]  lead            us from now to the first slot, at least
  ARGV[6]  lateness        us after its slot that a call may leave: a new token counts from its slot + lateness
  ARGV[7]  horizon         us from now to the last slot, at most
  ARGV[8]  loss            us without slots after the state was lost
  ARGV[9]  want            slots wanted, may be 0
  ARGV[10] forget          `since` of a state that the clock has left behind: drop it. 0: none
  ARGV[11] throttled       highest slot id answered with "too fast". 0: none
  ARGV[12] returned        how many slots are given back, then their ids, then (score, id) of every call to report
  Returns  {now, since, rate, the slot that was too far away or 0, id of the first slot, time of each slot ...}, times in us
  Clock    Redis TIME. A step backwards delays slots; a larger one loses the state, on purpose
  Crash    state and tokens change in this one script; a restart or fail-over is seen by the server's run_id, read
           here, since a process may not notice that another server answers
]]
local calls = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local margin = tonumber(ARGV[3])
local pace = tonumber(ARGV[4])
local lead = tonumber(ARGV[5])
local lateness = tonumber(ARGV[6])
local horizon = tonumber(ARGV[7])
local loss = tonumber(ARGV[8])
local want = tonumber(ARGV[9])
local forget = tonumber(ARGV[10])
local throttled = tonumber(ARGV[11])
local returned = tonumber(ARGV[12])

local FULL = 1000000 -- ppm
local LEAST = 15625 -- ppm, 1/64: a lower rate would take longer to notice the recovery
local RECOVERY = 0.05 -- ppm of the ceiling per us: 5 % per second

local function int(number)
  return string.format('%.0f', number)
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if not run then
  return redis.error_reply('ERR befriend: INFO server does not tell run_id, which the limiter needs')
end

local state = redis.call('HMGET', KEYS[1], 'run', 'since', 'next', 'last', 'from', 'rate', 'reducedId', 'reducedAt')
local since = tonumber(state[2]) or 0
local nextId = tonumber(state[3]) or 0
local last = tonumber(state[4]) or 0
local from = tonumber(state[5]) or 0
local rate = tonumber(state[6]) or FULL
local reducedId = tonumber(state[7]) or 0
local reducedAt = tonumber(state[8]) or 0

local lost = state[1] ~= run
  or not redis.call('ZSCORE', KEYS[2], 'origin')
  or (forget ~= 0 and forget == since)
  or last > now + horizon + loss
if lost then
  -- Ids start at the clock: nobody ever granted that many, so an old slot is never taken for a new one.
  since = math.max(now, since + 1)
  nextId = math.max(now, nextId)
  last = 0
  from = now + loss
  redis.call('DEL', KEYS[2])
  redis.call('ZADD', KEYS[2], 0, 'origin')
  redis.call('HSET', KEYS[1], 'run', run, 'since', int(since), 'next', int(nextId), 'last', 0, 'from', int(from))
end

-- Reports. A call of a lost state is a token again: it may still be on its way.
if returned > 0 then
  redis.call('ZREM', KEYS[2], unpack(ARGV, 13, 12 + returned))
end
if #ARGV > 12 + returned then
  redis.call('ZADD', KEYS[2], unpack(ARGV, 13 + returned))
end

-- Throttling: half the rate, once for all the slots granted before the last reduction.
rate = math.min(FULL, math.floor(rate + RECOVERY * math.max(0, now - reducedAt)))
if throttled > reducedId then
  rate = math.max(LEAST, math.floor(rate / 2))
  redis.call('HSET', KEYS[1], 'rate', rate, 'reducedId', int(nextId - 1), 'reducedAt', int(now))
end

local reply = { now, since, rate, 0, nextId }
if want == 0 then
  return reply
end

-- No slot can need these any more (twice, in case processes were given different margins).
redis.call('ZREMRANGEBYSCORE', KEYS[2], '(0', int(now - 2 * (window + margin)))

-- The tokens of rank N - want + 1 ... N, largest first: each new token moves the N-th one rank up, so these will do.
local first = math.max(0, calls - want)
local found = redis.call('ZREVRANGE', KEYS[2], first, calls - 1, 'WITHSCORES')
local ranks = {}
for i = 2, #found, 2 do
  ranks[#ranks + 1] = tonumber(found[i])
end
while #ranks < calls - first do
  ranks[#ranks + 1] = 0
end

-- A line that starts is evenly spaced. Once tokens come back they set the pace, and lost time may be caught up.
local even = window / calls * FULL / rate
local tokens = {}
while #reply - 5 < want do
  local nth = ranks[#ranks]
  local free = nth > 0 and nth + window + margin or 0
  local spacing = nth > 0 and rate == FULL and even * pace or even
  local slot = math.ceil(math.max(now + lead, last + spacing, from, free))
  if slot > now + math.max(horizon, lead) then
    reply[4] = slot
    break
  end
  reply[#reply + 1] = slot
  local score = slot + lateness
  tokens[#tokens + 1] = int(score)
  tokens[#tokens + 1] = int(nextId)
  last = slot
  nextId = nextId + 1
  local place = 1
  while place < #ranks and ranks[place] >= score do
    place = place + 1
  end
  ranks[#ranks] = nil
  table.insert(ranks, place, score)
end
if #tokens > 0 then
  redis.call('ZADD', KEYS[2], unpack(tokens))
  redis.call('HSET', KEYS[1], 'next', int(nextId), 'last', int(last))
end
return reply
