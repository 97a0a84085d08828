-- Records a worker as seen now; tells the incarnation that stood there before.
local WORKERS = KEYS[1]
local id, incarnation, record = unpack(ARGV)

local before = redis.call('HGET', WORKERS, id)
local clock = redis.call('TIME')
local now = string.format('%d', clock[1] * 1000 + math.floor(clock[2] / 1000))
redis.call('HSET', WORKERS, id, cmsgpack.pack({now, incarnation, record}))
return before and cmsgpack.unpack(before)[2] or ''
