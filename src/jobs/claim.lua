--[[ claim.lua: take an open chunk for one call.
  KEYS[1]  job            hash
  KEYS[2]  chunk          hash of the open chunk
  KEYS[3]  quiet          there while nobody of the app may call
  KEYS[4]  bars           hash of the job: From_Account -> why rows of it cannot pass
  ARGV[1]  lockPrefix     key prefix of account list locks
  ARGV[2]  owner          this chunk's name among lock owners: a chunk may take its own lock again
  ARGV[3]  leaseMs        life of the locks; the caller sends nothing after it, less its time-out
  ARGV[4]  onlyReads      1: take it only if that needs no lock
  Returns  {'claimed', epoch, block, items, notes, abandoned, bars or ''}
           {'cancelled', epoch, block, items, notes, abandoned, ''}: settle without a call
           abandoned = 1: the claim before this one was never recorded, so its call may have been sent
           {'held'}: the job is paused or stopped · {'busy', account}: another chunk writes this account's list
           {'quiet', ms}: nobody calls for so long · {'gone'}
           {'writes'}: it needs locks, and onlyReads was asked for
  Epoch    rises with every claim; only the record of the latest claim is taken.
  Crash    of the claimer: BullMQ finds the chunk stalled, the next claim raises the epoch and takes the locks over. ]]
local state = redis.call('HGET', KEYS[1], 'state')
local locks = redis.call('HGET', KEYS[2], 'locks')
if not state or not locks then return { 'gone' } end
if state ~= 'running' and state ~= 'cancelled' then return { 'held' } end
local verdict = 'cancelled'
local bars = ''
if state == 'running' then
  verdict = 'claimed'
  local quiet = redis.call('PTTL', KEYS[3])
  if quiet > 0 then return { 'quiet', quiet } end
  local accounts = cjson.decode(locks)
  if ARGV[4] == '1' and #accounts > 0 then return { 'writes' } end
  for _, account in ipairs(accounts) do
    local owner = redis.call('GET', ARGV[1] .. account)
    if owner and owner ~= ARGV[2] then return { 'busy', account } end
  end
  for _, account in ipairs(accounts) do redis.call('SET', ARGV[1] .. account, ARGV[2], 'PX', ARGV[3]) end
  -- The first list that a chunk writes is its From_Account's.
  if accounts[1] then bars = redis.call('HGET', KEYS[4], accounts[1]) or '' end
end
local chunk = redis.call('HMGET', KEYS[2], 'block', 'items', 'notes', 'epoch', 'recorded')
local epoch = redis.call('HINCRBY', KEYS[2], 'epoch', 1)
return { verdict, epoch, chunk[1], chunk[2], chunk[3], chunk[4] == chunk[5] and 0 or 1, bars }
