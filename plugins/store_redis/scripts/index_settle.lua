-- Takes an entry out of the index, unless it was announced again after `cutoff`: out of the active
-- ones when its request has become terminal, out of all when there is no such request.
local ALL, ACTIVE, ANNOUNCED = unpack(KEYS)
local member, scope, cutoff = unpack(ARGV)

local announced = redis.call('HGET', ANNOUNCED, member)
if announced and tonumber(announced) > tonumber(cutoff) then return 0 end
redis.call('ZREM', ACTIVE, member)
redis.call('HDEL', ANNOUNCED, member)
if scope == 'all' then redis.call('ZREM', ALL, member) end
return 1
