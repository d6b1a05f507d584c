--[[ take.lua: the next outcomes of a job for one consumer of a group: first those that were given out and never
     acknowledged, then new ones. Between them and the group's place nothing is missing, or it is said so.
  KEYS[1]  job            hash
  KEYS[2]  results        stream
  ARGV[1]  group, ARGV[2] consumer, ARGV[3] count   most entries
  ARGV[4]  idleMs         given out so long ago and not acknowledged: its consumer is taken for dead
                          What this consumer's own name was given it takes up at once: it has begun anew
  Returns  {'entries', entries}
           {'behind', after, until}: entries between are in the stream no more, the results file has them
           {'none'}: nothing now · {'over'}: the job is over, and the group has acknowledged all of it
           {'gone'}: there is no such job, or no such group of it
  Crash    of the consumer: what it had stays pending, and comes again to it or to another one. ]]
local job = redis.call('HMGET', KEYS[1], 'last', 'delivered')
if not job[1] or redis.call('EXISTS', KEYS[2]) == 0 then return { 'gone' } end
local place
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
  local is = {}
  for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
  if is.name == ARGV[1] then place = is end
end
if not place then return { 'gone' } end
local function parts(id)
  local generation, sequence = string.match(id, '(%d+)-(%d+)')
  return tonumber(generation), tonumber(sequence)
end
local function isBefore(a, b)
  local ag, as = parts(a)
  local bg, bs = parts(b)
  return ag < bg or (ag == bg and as < bs)
end
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
first = first and first[1]
local function behind(after)
  if not first then return { 'behind', after, job[1] } end
  local generation, sequence = parts(first)
  return { 'behind', after, string.format('%.0f-%.0f', generation, sequence - 1) }
end

local minIdle = '0'
local again = redis.call('XPENDING', KEYS[2], ARGV[1], '-', '+', ARGV[3], ARGV[2])
if not again[1] then
  minIdle = ARGV[4]
  again = redis.call('XPENDING', KEYS[2], ARGV[1], 'IDLE', minIdle, '-', '+', ARGV[3])
end
if again[1] then
  local oldest = again[1][1]
  if not first or isBefore(oldest, first) then
    local generation, sequence = parts(oldest)
    return behind(string.format('%.0f-%.0f', generation, sequence - 1))
  end
  local claim = { 'XCLAIM', KEYS[2], ARGV[1], ARGV[2], minIdle }
  for _, pending in ipairs(again) do claim[#claim + 1] = pending[1] end
  local entries = redis.call(unpack(claim))
  if #entries > 0 then return { 'entries', entries } end
end

-- Sequences have no gap, whatever the generation.
local _, at = parts(place['last-delivered-id'])
if first then
  local _, sequence = parts(first)
  if sequence > at + 1 then return behind(place['last-delivered-id']) end
elseif isBefore(place['last-delivered-id'], job[1]) then
  return behind(place['last-delivered-id'])
end
local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[2], '>')
if read and read[1] then return { 'entries', read[1][2] } end
if job[2] == '1' and place.pending == 0 and not isBefore(place['last-delivered-id'], job[1]) then return { 'over' } end
return { 'none' }
