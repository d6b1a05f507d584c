--[[ caught-up.lua: a group has got the outcomes up to a place from the results file.
  KEYS[1]  results        stream
  ARGV[1]  group, ARGV[2] position   <generation>-<sequence> of the last of them
  Returns  1, 0 when there is no such group
  Never goes back: another consumer of the group may be further. ]]
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
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', ARGV[2], 1000)
    while #pending > 0 do
      for _, entry in ipairs(pending) do redis.call('XACK', KEYS[1], ARGV[1], entry[1]) end
      pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', ARGV[2], 1000)
    end
    if isBefore(is['last-delivered-id'], ARGV[2]) then redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2]) end
    return 1
  end
end
return 0
