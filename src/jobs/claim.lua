--[[ claim.lua: take an open chunk for one call.
  KEYS[1]  job            hash
  KEYS[2]  chunk          hash of the open chunk
  ARGV[1]  lockPrefix     key prefix of account list locks
  ARGV[2]  owner          this chunk's name among lock owners: a chunk may take its own lock again
  ARGV[3]  leaseMs        life of the locks; the caller sends nothing after it, less its time-out
  Returns  {'claimed', epoch, block, items, notes, abandoned}
           {'cancelled', epoch, block, items, notes, abandoned}: settle without a call
           abandoned = 1: the claim before this one was never recorded, so its call may have been sent
           {'held'}: the job is paused or stopped · {'busy', ms}: another chunk writes one of the lists · {'gone'}
  Epoch    rises with every claim; only the record of the latest claim is taken.
  Crash    of the claimer: BullMQ finds the chunk stalled, the next claim raises the epoch and takes the locks over. ]]
local state = redis.call('HGET', KEYS[1], 'state')
local locks = redis.call('HGET', KEYS[2], 'locks')
if not state or not locks then return { 'gone' } end
if state ~= 'running' and state ~= 'cancelled' then return { 'held' } end
local verdict = 'cancelled'
if state == 'running' then
  verdict = 'claimed'
  local accounts = cjson.decode(locks)
  for _, account in ipairs(accounts) do
    local owner = redis.call('GET', ARGV[1] .. account)
    if owner and owner ~= ARGV[2] then return { 'busy', redis.call('PTTL', ARGV[1] .. account) } end
  end
  for _, account in ipairs(accounts) do redis.call('SET', ARGV[1] .. account, ARGV[2], 'PX', ARGV[3]) end
end
local chunk = redis.call('HMGET', KEYS[2], 'block', 'items', 'notes', 'epoch', 'recorded')
local epoch = redis.call('HINCRBY', KEYS[2], 'epoch', 1)
return { verdict, epoch, chunk[1], chunk[2], chunk[3], chunk[4] == chunk[5] and 0 or 1 }
