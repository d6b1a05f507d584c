--[[ record.lua: write what one claim ended with: outcomes, item states, counts; close the chunk when nothing is open.
  KEYS[1]  job            hash
  KEYS[2]  chunk          hash of the open chunk
  KEYS[3]  open           set of open chunk numbers
  KEYS[4]  closed         bitmap, a bit per closed chunk
  KEYS[5]  counts         hash: status:…, code:…, relation:…, calls:…
  KEYS[6]  results        stream
  KEYS[7]  bars           hash: From_Account -> why other rows of it cannot pass
  KEYS[8]  events         stream of job changes
  ARGV[1]  number         of the chunk
  ARGV[2]  epoch          of the claim
  ARGV[3]  lockPrefix     key prefix of account list locks
  ARGV[4]  owner          this chunk's name among lock owners
  ARGV[5]  keepLocksMs    0: release the locks; else let them expire after this time (an unanswered write may still run)
  ARGV[6]  holdFromMs     From_Account's list is left alone by every other chunk for so long; 0: it is not held
  ARGV[7]  onlyReads      1: what is open waits for reads, which take no locks
  ARGV[8]  items          a byte per item: calls that carried it, or 255 when settled
  ARGV[9]  notes          JSON, what the caller remembers of the open items; opaque here
  ARGV[10] close          1: no item is open any more
  ARGV[11] from, ARGV[12] attempt, ARGV[13] at, ARGV[14] n, ARGV[15] outcomes   one results entry; n = 0: none
  ARGV[16] bars           JSON, why rows of From_Account cannot pass, where this claim found out more; '': it did not
  ARGV[17] knownBars      what the claim was told of them: where that is no longer so the job was resumed meanwhile, and
                           whoever comes next finds out anew
  ARGV[18] mostBars       From_Accounts that the job remembers bars of: without one a chunk finds out by itself
  ARGV[19] brakeAfter     outcomes after which the job is looked at; 0: never
  ARGV[20] brakePercent   the job stops when more than this share of them failed or are unknown
  ARGV[21…] field, by     counts to raise
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
if ARGV[14] ~= '0' then
  sequence = sequence + 1
  local last = generation .. '-' .. string.format('%d', sequence)
  redis.call('XADD', KEYS[6], last, 'chunk', ARGV[1], 'from', ARGV[11],
    'attempt', ARGV[12], 'at', ARGV[13], 'n', ARGV[14], 'outcomes', ARGV[15])
  redis.call('HSET', KEYS[1], 'sequence', string.format('%d', sequence), 'last', last)
end
for i = 21, #ARGV, 2 do redis.call('HINCRBY', KEYS[5], ARGV[i], ARGV[i + 1]) end
if ARGV[16] ~= '' and (redis.call('HGET', KEYS[7], ARGV[11]) or '') == ARGV[17] then
  if ARGV[17] ~= '' or redis.call('HLEN', KEYS[7]) < tonumber(ARGV[18]) then
    redis.call('HSET', KEYS[7], ARGV[11], ARGV[16])
  end
end
for n, account in ipairs(locks) do
  local lock = ARGV[3] .. account
  if redis.call('GET', lock) == ARGV[4] then
    -- The first list that a chunk writes is its From_Account's.
    local keepMs = n == 1 and math.max(tonumber(ARGV[5]), tonumber(ARGV[6])) or tonumber(ARGV[5])
    if keepMs == 0 then redis.call('DEL', lock) else redis.call('PEXPIRE', lock, keepMs) end
  end
end
if ARGV[10] == '1' then
  -- Made as long as it will be: one that grows takes up to twice the memory.
  if redis.call('HINCRBY', KEYS[1], 'closed', 1) == 1 then
    redis.call('SETBIT', KEYS[4], redis.call('HGET', KEYS[1], 'chunks') - 1, 0)
  end
  redis.call('SETBIT', KEYS[4], ARGV[1], 1)
  redis.call('SREM', KEYS[3], ARGV[1])
  redis.call('DEL', KEYS[2])
  redis.call('HINCRBY', KEYS[1], 'openBytes', -#chunk[3])
else
  redis.call('HSET', KEYS[2], 'items', ARGV[8], 'notes', ARGV[9], 'recorded', ARGV[2])
  if ARGV[7] == '1' then redis.call('HSET', KEYS[2], 'locks', '[]') end
end

-- The brake: looked at once, when enough outcomes are there and rows are left to save.
local now = redis.call('HMGET', KEYS[1], 'state', 'brake', 'chunks', 'closed')
if ARGV[19] ~= '0' and now[1] == 'running' and not now[2] and now[3] ~= now[4] then
  local found = redis.call('HMGET', KEYS[5], 'status:ok', 'status:satisfied', 'status:pending', 'status:failed', 'status:unknown')
  local sum = 0
  for i = 1, 5 do sum = sum + (tonumber(found[i]) or 0) end
  if sum >= tonumber(ARGV[19]) then
    local bad = (tonumber(found[4]) or 0) + (tonumber(found[5]) or 0)
    local pulled = bad * 100 > sum * tonumber(ARGV[20])
    redis.call('HSET', KEYS[1], 'brake', pulled and 'pulled' or 'passed')
    if pulled then
      redis.call('HSET', KEYS[1], 'state', 'stopped', 'reason', 'failure brake: ' .. string.format('%d', bad) ..
        ' of the first ' .. string.format('%d', sum) .. ' outcomes failed')
      redis.call('XADD', KEYS[8], 'MAXLEN', '~', 1000, '*', 'job', string.match(KEYS[1], '[^:]+$'), 'event', 'stop',
        'state', 'stopped')
    end
  end
end
return 'recorded'
