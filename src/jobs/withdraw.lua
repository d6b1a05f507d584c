--[[ withdraw.lua: make sure that a folder which no job names never becomes a job, so that it may be removed.
  KEYS[1]  job            hash that a submission of this folder would make
  KEYS[2]  withdrawn      there once it may not be submitted any more: submit.lua refuses
  ARGV[1]  keepSeconds    how long a process that froze in the middle of submitting may take to thaw
  Returns  1 when no job of it can come any more, 0 when there is one; nothing was written then ]]
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[2], 1, 'EX', ARGV[1])
return 1
