--[[ lease.lua: hear what became of earlier slots, then grant some future ones, within the command's limit and the app's.

  A bucket holds N tokens. A token is a member of the sorted set: its score is an upper bound of when its call
  arrived. The next slot is never nearer than window + margin after the N-th largest score. So of any N + 1 calls the
  one granted last left more than a window after the earliest of the others, whatever order they were sent in.

  The command has a bucket, and the app has one for the calls of all its commands if its limit is known. A slot is the
  first instant that both allow, and its token goes into both. Slots of a command rise, those of an app do not: a slot
  of one command may come before one that another was granted earlier. So the app's bucket keeps also when its coming
  slots begin, and a slot needs room for any N + 1 calls that it is among, those after it counted from their slots.
  The app's state is there also without a limit: slot ids rise over all commands, and "too fast" for the app slows all
  of them.

  Callers are interactive or bulk. While an interactive one is attached, bulk ones get slots only a short reach ahead,
  so that the next slot of the line is never far. No slot is reserved. Bulk callers whom the reach or the horizon cuts
  short are told when to come again, one after the other, so that not all of them ask for every slot.

  KEYS[1]  state of the command, a hash   run: run_id of the server that keeps it · since: when it began (us) · last:
                           time of the last slot · smooth: of the next one in a line that is even · from: no slot
                           before · rate: rate in force after the last reduction (ppm of the ceiling) · reducedId: last slot granted before it · reducedAt · attached: an
                           interactive caller is, until then · turn: when the last of those cut short is to come again
                           · loss: the longest that was said since the state began · allowed: calls a second that an
                           operator allows; absent: all that there are
  KEYS[2]  tokens of the command, a sorted set   slot id -> upper bound of its call (us), and 'origin' -> 0 to notice a
                           lost key
  KEYS[3]  state of the app, the same   and next: id of the next slot. Without a limit only next, the reduction, and
                           last and from, so that whoever knows a limit later waits for calls that are not in its tokens
  KEYS[4]  tokens of the app, the same   and 'at:' .. slot id -> minus the slot, while it is to come
  ARGV[1]  calls           N of the command
  ARGV[2]  app calls       N of the app. 0: not known
  ARGV[3]  window          us
  ARGV[4]  margin          us
  ARGV[5]  pace            fraction of even spacing that slots stand apart once tokens come back, at least on average
  ARGV[6]  lead            us from now to the first slot, at least
  ARGV[7]  booked          us after its slot from which a new token counts: its call may leave so late, or arrive so late
                           where tokens are held until the answer
  ARGV[8]  horizon         us from now to the last slot, at most
  ARGV[9]  loss            us without slots after the state was lost, at least
  ARGV[10] want            slots wanted, may be 0
  ARGV[11] forget          `since` of a state that the clock has left behind, or that another one had replaced: drop
                           it. 0: none
  ARGV[12] throttled       highest slot id answered with "too fast" for the command. 0: none
  ARGV[13] app throttled   the same for the app
  ARGV[14] reach           us from now to the last slot of a bulk caller, at most, while an interactive one is attached
  ARGV[15] interactive     1: the caller is, and stays attached for some seconds. 0: bulk
  ARGV[16] until           us of this clock: nobody who asks waits for a slot after it
  ARGV[17] returned        how many slots are given back, then their ids, then (score, id) of every call to report
  Returns  {now, since, rate of the command, rate of the app, the slot that was too far away or 0, when to come again or
           0, id of the first slot, time of each slot ...}, times in us. `since` is the sum over the buckets: another one
           says that one was lost
  Clock    Redis TIME. A step backwards delays slots; a larger one loses the state, on purpose
  Crash    state and tokens change in this one script; a restart or fail-over is seen by the server's run_id, read
           here, since a process may not notice that another server answers
]]
local window = tonumber(ARGV[3])
local margin = tonumber(ARGV[4])
local pace = tonumber(ARGV[5])
local lead = tonumber(ARGV[6])
local booked = tonumber(ARGV[7])
local horizon = tonumber(ARGV[8])
local loss = tonumber(ARGV[9])
local want = tonumber(ARGV[10])
local forget = tonumber(ARGV[11])
local reach = tonumber(ARGV[14])
local interactive = ARGV[15] == '1'
local waits = tonumber(ARGV[16])
local returned = tonumber(ARGV[17])

local FULL = 1000000 -- ppm
local LEAST = 15625 -- ppm, 1/64: a lower rate would take longer to notice the recovery
local RECOVERY = 0.05 -- ppm of the ceiling per us: 5 % per second
local ATTACHED = 5000000 -- us after its last word; it has one every two seconds at least
local TURN = 0.5 -- of reach, horizon or what one asks for between two who come again: if one does not, the next makes it up
local TURNS = 20 -- are given out so far apart; more come closer together, and none later than twice the time of these

local SOON = 20000 -- us of lost time that may be caught up at once
local CLOSE = 0.5 -- of the pace, between two slots that catch up
local SMOOTH = 0.99 -- the pace where somebody interactive may come at any time: a hole in the line is a wait
local SMOOTH_SOON = 5000 -- us: the same there

local function int(number)
  return string.format('%.0f', number)
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if not run then
  return redis.error_reply('ERR befriend: INFO server does not tell run_id, which the limiter needs')
end

local function open(state, tokens, calls, throttled)
  local kept = redis.call('HMGET', state, 'run', 'since', 'last', 'from', 'rate', 'reducedId', 'reducedAt', 'next',
    'attached', 'turn', 'loss', 'smooth', 'allowed')
  return {
    state = state,
    tokens = tokens,
    calls = tonumber(calls),
    throttled = tonumber(throttled),
    run = kept[1],
    since = tonumber(kept[2]) or 0,
    last = tonumber(kept[3]) or 0,
    from = tonumber(kept[4]) or 0,
    rate = tonumber(kept[5]) or FULL,
    reducedId = tonumber(kept[6]) or 0,
    reducedAt = tonumber(kept[7]) or 0,
    -- Ids start at the clock: nobody ever granted that many, so an old slot is never taken for a new one.
    nextId = tonumber(kept[8]) or now,
    attached = tonumber(kept[9]) or 0,
    turn = tonumber(kept[10]) or 0,
    loss = tonumber(kept[11]) or 0,
    smooth = tonumber(kept[12]) or 0,
    -- ppm of the ceiling: of calls a second, since a second has as many us.
    allowed = kept[13] and math.max(1, math.floor(kept[13] * window / calls)) or FULL,
  }
end

local command = open(KEYS[1], KEYS[2], ARGV[1], ARGV[12])
local app = open(KEYS[3], KEYS[4], ARGV[2], ARGV[13])
local nextId = app.nextId
local buckets = app.calls > 0 and { command, app } or { command }

local function sinceOf()
  return command.since + (app.calls > 0 and app.since or 0)
end

local forgotten = forget ~= 0 and forget == sinceOf()
for _, bucket in ipairs(buckets) do
  local lost = bucket.run ~= run
    or not redis.call('ZSCORE', bucket.tokens, 'origin')
    or forgotten
    or bucket.last > now + horizon + loss
  if lost then
    bucket.since = math.max(now, bucket.since + 1)
    bucket.last = 0
    bucket.smooth = 0
    -- Processes that hold tokens longer may have called, and be gone.
    bucket.from = now + math.max(loss, bucket.loss)
    bucket.loss = 0
    bucket.turn = 0
    nextId = math.max(now, nextId)
    redis.call('DEL', bucket.tokens)
    redis.call('ZADD', bucket.tokens, 0, 'origin')
    redis.call('HSET', bucket.state, 'run', run, 'since', int(bucket.since), 'last', 0, 'from', int(bucket.from),
      'loss', 0, 'turn', 0, 'smooth', 0)
    redis.call('HSET', app.state, 'next', int(nextId))
  end
  -- Whoever began this state may know of a shorter wait.
  if loss > bucket.loss then
    bucket.loss = loss
    bucket.from = math.max(bucket.from, math.min(now, bucket.since) + loss)
    redis.call('HSET', bucket.state, 'loss', int(loss), 'from', int(bucket.from))
  end
end

-- Reports. A call of a lost state is a token again: it may still be on its way.
for _, bucket in ipairs(buckets) do
  if returned > 0 then
    redis.call('ZREM', bucket.tokens, unpack(ARGV, 18, 17 + returned))
  end
  if #ARGV > 17 + returned then
    redis.call('ZADD', bucket.tokens, unpack(ARGV, 18 + returned))
  end
end

if app.calls > 0 then
  for i = 18, 17 + returned do
    redis.call('ZREM', app.tokens, 'at:' .. ARGV[i])
  end
end

-- Throttling: half the rate, once for all the slots granted before the last reduction.
for _, bucket in ipairs({ command, app }) do
  local recovered = math.floor(bucket.rate + RECOVERY * math.max(0, now - bucket.reducedAt))
  bucket.rate = math.min(FULL, bucket.allowed, recovered)
  if bucket.throttled > bucket.reducedId then
    bucket.rate = math.max(math.min(LEAST, bucket.rate), math.floor(bucket.rate / 2))
    redis.call('HSET', bucket.state, 'rate', bucket.rate, 'reducedId', int(nextId - 1), 'reducedAt', int(now))
  end
end
-- An app that is too fast is slowed in every command: it may have had no other to do with it.
command.rate = math.min(command.rate, app.rate)

-- Classes. A clock that was set back does not leave anybody attached for long. Where the window is so short that the
-- horizon is no farther than the reach, there is nothing to leave.
local short = false
for _, bucket in ipairs(buckets) do
  if interactive then
    bucket.attached = now + ATTACHED
    redis.call('HSET', bucket.state, 'attached', int(bucket.attached))
  elseif bucket.attached > now and bucket.attached <= now + ATTACHED then
    short = reach <= horizon
  end
end
-- Also a cold process's lead is cut short: it would leave a hole in the line.
local nearest = now + (short and math.min(lead, reach / 2) or lead)
-- A slot that nobody waits for would be given back, and leave a hole.
local span = short and reach or horizon
-- How long those wait whose turn is the last. While turns are out that were given before an interactive caller came, and are
-- half a horizon apart, slots are granted as far ahead.
local queue = math.max(0, command.turn - now)
local early = short and queue > 2 * TURNS * TURN * reach
local farthest = math.min(waits, math.max(nearest, now + (early and math.max(reach, TURN * horizon) or span)))

local reply = { now, sinceOf(), command.rate, app.rate, 0, 0, nextId }
if want == 0 then
  return reply
end

-- No slot can need tokens up to this any more (twice, in case processes were given different margins).
local stale = now - 2 * (window + margin)

-- A line that starts is evenly spaced. Once tokens come back they set the pace, and lost time may be caught up: a little of
-- it at once, so that a late call does not hold up those after it; the rest slowly, so that no burst and no hole in the
-- line comes back in every window.
pace = short and math.max(pace, SMOOTH) or pace
local soon = short and SMOOTH_SOON or SOON

local function lineOf(bucket, full)
  local even = window / bucket.calls * FULL / bucket.rate
  if full and bucket.rate == FULL then
    return math.ceil(math.max(nearest, bucket.from, bucket.last + even * pace * CLOSE, bucket.smooth - soon))
  end
  return math.ceil(math.max(nearest, bucket.from, bucket.last + even))
end

local function moveLine(bucket, slot)
  bucket.last = slot
  bucket.smooth = math.ceil(math.max(bucket.smooth, slot) + window / bucket.calls * pace)
end

-- The command's tokens of rank N - want + 1 ... N, largest first: each new token moves the N-th one rank up, so these
-- will do.
local first = math.max(0, command.calls - want)
local found = redis.call('ZREVRANGE', command.tokens, first, command.calls - 1, 'WITHSCORES')
local ranks = {}
for i = 2, #found, 2 do
  local score = tonumber(found[i])
  ranks[#ranks + 1] = score > stale and score or 0
end
while #ranks < command.calls - first do
  ranks[#ranks + 1] = 0
end

local function commandDue()
  local nth = ranks[#ranks]
  return math.max(lineOf(command, nth > 0), nth > 0 and nth + window + margin or 0)
end

local function bookCommand(score)
  local place = 1
  while place < #ranks and ranks[place] >= score do
    place = place + 1
  end
  ranks[#ranks] = nil
  table.insert(ranks, place, score)
end

-- The app's tokens that may still have to arrive, with their slots; how many there are in all; and those of rank
-- N - want + 1 and below, as many as slots are to come: no others matter.
local coming = {}
local count = 0
local deep = {}
local below = math.max(0, app.calls - want)
if app.calls > 0 then
  local at = redis.call('ZRANGEBYSCORE', app.tokens, '-inf', int(-now), 'WITHSCORES')
  local slotOf = {}
  for i = 1, #at, 2 do
    slotOf[string.sub(at[i], 4)] = -tonumber(at[i + 1])
  end
  local open = redis.call('ZREVRANGEBYSCORE', app.tokens, '+inf', int(now), 'WITHSCORES')
  for i = 1, #open, 2 do
    coming[#coming + 1] = { score = tonumber(open[i + 1]), slot = slotOf[open[i]] or 0 }
  end
  count = redis.call('ZCOUNT', app.tokens, '(' .. int(math.max(0, stale)), '+inf')
  local ranked = redis.call('ZREVRANGE', app.tokens, below, math.min(count, app.calls + #at / 2) - 1, 'WITHSCORES')
  for i = 2, #ranked, 2 do
    deep[#deep + 1] = tonumber(ranked[i])
  end
end
local added = 0

-- The first instant from `at` on that the app allows. Slots of other commands may come after it: none of them may
-- become the last of N + 1 calls in a window by it either.
local function roomFrom(at)
  while true do
    local before = {}
    local after = {}
    for _, token in ipairs(coming) do
      if token.slot > at then
        after[#after + 1] = token.slot
      else
        before[#before + 1] = token.score
      end
    end
    table.sort(after)
    local function backBy(n)
      local bound = before[n] or deep[n + #after - added - below]
      return bound and bound + window + margin or 0
    end
    local free = backBy(app.calls)
    for n, slot in ipairs(after) do
      if n >= app.calls or slot < backBy(app.calls - n) then
        free = math.max(free, slot)
      end
    end
    if free <= at then
      return at
    end
    at = free
  end
end

local function bookApp(slot)
  local place = 1
  while coming[place] and coming[place].score >= slot + booked do
    place = place + 1
  end
  table.insert(coming, place, { score = slot + booked, slot = slot })
  added = added + 1
end

local swept = math.floor(command.last / window)
local tokens = {}
local ahead = {}
while #tokens < 2 * want do
  local slot = commandDue()
  local appLine = slot
  if app.calls > 0 then
    appLine = lineOf(app, count + added >= app.calls)
    slot = roomFrom(math.max(slot, appLine))
  end
  if slot > farthest then
    reply[5] = slot
    break
  end
  reply[#reply + 1] = slot
  tokens[#tokens + 1] = int(slot + booked)
  tokens[#tokens + 1] = int(nextId)
  ahead[#ahead + 1] = int(-slot)
  ahead[#ahead + 1] = 'at:' .. int(nextId)
  nextId = nextId + 1
  moveLine(command, slot)
  -- The app's line moves by one spacing, however late the slot is: whoever can use the time before it may.
  if app.calls > 0 then
    moveLine(app, appLine)
  else
    app.last = appLine
  end
  bookCommand(slot + booked)
  if app.calls > 0 then
    bookApp(slot)
  end
end

-- A turn for whom reach or horizon cut short, and while others wait for theirs. Where slots are so rare that a turn has
-- hardly one there are none: they would go to the same caller ever. Under a limit of the app a command of few calls needs
-- the line's end more often than a turn comes: there all ask as they need, but for the reach.
local even = window / command.calls * FULL / command.rate
local inTurn = short or (app.calls == 0 and even < TURN * span)
if not interactive and inTurn and (reply[5] > 0 or command.turn > now) then
  -- Who wants little need not wait behind those who want much.
  local apart = TURN * math.min(span, want * even)
  local most = TURNS * apart
  local turn = now + math.min(queue, 2 * most) + apart * math.max(0, math.min(1, 2 - queue / most))
  -- No sooner than there may be a slot; but those that are given back bring it nearer than it seems.
  turn = math.floor(math.max(turn, math.min(reply[5] - span, now + window / 4)))
  -- None for whoever is gone by then: the others would wait for it.
  if turn <= waits then
    command.turn = math.max(command.turn, turn)
    reply[6] = turn
  end
end
if #tokens > 0 or reply[6] > 0 then
  redis.call('HSET', command.state, 'last', int(command.last), 'smooth', int(command.smooth),
    'turn', int(command.turn))
end
if #tokens > 0 then
  for _, bucket in ipairs(buckets) do
    redis.call('ZADD', bucket.tokens, unpack(tokens))
  end
  if app.calls > 0 then
    redis.call('ZADD', app.tokens, unpack(ahead))
  else
    app.from = app.last + loss
  end
  -- Stale tokens are in nobody's way: swept out once in a window, they cost no command of every lease.
  if math.floor(command.last / window) > swept then
    for _, bucket in ipairs(buckets) do
      redis.call('ZREMRANGEBYSCORE', bucket.tokens, '(0', int(stale))
    end
    if app.calls > 0 then
      redis.call('ZREMRANGEBYSCORE', app.tokens, '(' .. int(-now), '(0')
    end
  end
  redis.call('HSET', app.state, 'next', int(nextId), 'last', int(app.last), 'smooth', int(app.smooth),
    'from', int(app.from))
end
return reply
