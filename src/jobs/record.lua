--[[ record.lua: write what one claim ended with: outcomes, item states, counts; close the chunk when nothing is open.
  KEYS[1]  job            hash
  KEYS[2]  chunk          hash of the open chunk
  KEYS[3]  open           set of open chunk numbers
  KEYS[4]  closed         bitmap, a bit per closed chunk
  KEYS[5]  counts         hash: status:…, code:…, relation:…, calls:…
  KEYS[6]  results        stream
  ARGV[1]  number         of the chunk
  ARGV[2]  epoch          of the claim
  ARGV[3]  lockPrefix     key prefix of account list locks
  ARGV[4]  owner          this chunk's name among lock owners
  ARGV[5]  keepLocksMs    0: release the locks; else let them expire after this time (an unanswered write may still run)
  ARGV[6]  items          a byte per item: calls that carried it, or 255 when settled
  ARGV[7]  notes          JSON, what the caller remembers of the open items; opaque here
  ARGV[8]  close          1: no item is open any more
  ARGV[9]  from, ARGV[10] attempt, ARGV[11] at, ARGV[12] n, ARGV[13] outcomes   one results entry; n = 0: none
  ARGV[14…] field, by     counts to raise
  Returns  'recorded' · 'stale': another claim followed, or the chunk is closed; nothing was written
  Order    every check stands before the first write: a script is not rolled back.
  Crash    there is no between. Where the reply is lost the client sends the same record again: it writes nothing, and
           is told 'recorded', or 'stale' when it has closed the chunk. ]]
local chunk = redis.call('HMGET', KEYS[2], 'epoch', 'locks', 'block', 'recorded')
local job = redis.call('HMGET', KEYS[1], 'runId', 'generation', 'sequence', 'last')
if not job[1] or chunk[1] ~= ARGV[2] then return 'stale' end
if chunk[4] == ARGV[2] then return 'recorded' end
local locks = cjson.decode(chunk[2])

local generation, sequence = job[2], tonumber(job[3])
-- Asked here (3 µs) and not passed in: a caller's knowledge may be older than its connection.
local runId = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if job[1] ~= runId then
  -- The server is another one than at the last record, so the end of the stream may have been lost with the old one.
  -- Microseconds since 1970 keep generations rising even where a restored server has forgotten the last one, and
  -- where it was started again within the second.
  local time = redis.call('TIME')
  generation = string.format('%.0f', math.max(tonumber(generation) + 1, tonumber(time[1]) * 1000000 + tonumber(time[2])))
  redis.call('HSET', KEYS[1], 'runId', runId, 'generation', generation, 'before:' .. generation, job[4])
end
if ARGV[12] ~= '0' then
  sequence = sequence + 1
  local last = generation .. '-' .. string.format('%d', sequence)
  redis.call('XADD', KEYS[6], last, 'chunk', ARGV[1], 'from', ARGV[9],
    'attempt', ARGV[10], 'at', ARGV[11], 'n', ARGV[12], 'outcomes', ARGV[13])
  redis.call('HSET', KEYS[1], 'sequence', string.format('%d', sequence), 'last', last)
end
for i = 14, #ARGV, 2 do redis.call('HINCRBY', KEYS[5], ARGV[i], ARGV[i + 1]) end
for _, account in ipairs(locks) do
  local lock = ARGV[3] .. account
  if redis.call('GET', lock) == ARGV[4] then
    if ARGV[5] == '0' then redis.call('DEL', lock) else redis.call('PEXPIRE', lock, ARGV[5]) end
  end
end
if ARGV[8] == '1' then
  redis.call('SETBIT', KEYS[4], ARGV[1], 1)
  redis.call('SREM', KEYS[3], ARGV[1])
  redis.call('DEL', KEYS[2])
  redis.call('HINCRBY', KEYS[1], 'closed', 1)
  redis.call('HINCRBY', KEYS[1], 'openBytes', -#chunk[3])
else
  redis.call('HSET', KEYS[2], 'items', ARGV[6], 'notes', ARGV[7], 'recorded', ARGV[2])
end
return 'recorded'
