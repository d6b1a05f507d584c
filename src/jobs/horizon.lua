--[[ horizon.lua: up to where the durable groups of a results stream have acknowledged it.
  KEYS[1]  results        stream
  Returns  <generation>-<sequence> of the last entry that all of them have acknowledged, '' where there is none of them
  Entries up to there may be trimmed. ]]
if redis.call('EXISTS', KEYS[1]) == 0 then return '' end
local horizon
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local is = {}
  for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
  if string.sub(is.name, 1, 8) == 'durable:' then
    local generation, sequence = string.match(is['last-delivered-id'], '(%d+)-(%d+)')
    if is.pending > 0 then
      generation, sequence = string.match(redis.call('XPENDING', KEYS[1], is.name)[2], '(%d+)-(%d+)')
      sequence = tonumber(sequence) - 1
    end
    generation, sequence = tonumber(generation), tonumber(sequence)
    if not horizon or generation < horizon[1] or (generation == horizon[1] and sequence < horizon[2]) then
      horizon = { generation, sequence }
    end
  end
end
return horizon and string.format('%.0f-%.0f', horizon[1], horizon[2]) or ''
