--[[ caught-up.lua: a group has got the outcomes between two places from the results file.
  KEYS[1]  results        stream
  ARGV[1]  group
  ARGV[2]  after, ARGV[3] position   <generation>-<sequence>: before the first of them, and of the last
  Returns  1, 0 when there is no such group
  What lies before them is another consumer's, who acknowledges it, or is found dead. Never goes back: another consumer of
  the group may be further. ]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local function isBefore(a, b)
  local ag, as = string.match(a, '(%d+)-(%d+)')
  local bg, bs = string.match(b, '(%d+)-(%d+)')
  return tonumber(ag) < tonumber(bg) or (ag == bg and tonumber(as) < tonumber(bs))
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local is = {}
  for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
  if is.name == ARGV[1] then
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '(' .. ARGV[2], ARGV[3], 1000)
    while #pending > 0 do
      for _, entry in ipairs(pending) do redis.call('XACK', KEYS[1], ARGV[1], entry[1]) end
      pending = redis.call('XPENDING', KEYS[1], ARGV[1], '(' .. ARGV[2], ARGV[3], 1000)
    end
    if isBefore(is['last-delivered-id'], ARGV[3]) then redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[3]) end
    return 1
  end
end
return 0
