-- The epoch of the tokens that are handed out through this connection.
--
-- A server that was started again may have lost the last claims, and would count the same numbers once
-- more: so a run of the server that was not met before gets an epoch of its own. It goes by the clock,
-- because the last epoch may be among what was lost. `run` is empty where the server does not tell it:
-- then each connection has its own epoch, which is as safe, as none outlives the server's process.
local SERVER = KEYS[1]  -- HASH  run, epoch
local run = ARGV[1]

local known = redis.call('HMGET', SERVER, 'run', 'epoch')
if run ~= '' and known[1] == run and known[2] then return known[2] end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local epoch = string.format('%d', math.max(now, tonumber(known[2] or '0') + 1))
redis.call('HSET', SERVER, 'run', run, 'epoch', epoch)
return epoch
