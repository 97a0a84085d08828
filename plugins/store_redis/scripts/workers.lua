-- The server's time, then id, when it was seen and record of every worker.
local clock = redis.call('TIME')
local list = {string.format('%d', clock[1] * 1000 + math.floor(clock[2] / 1000))}
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
    local seen, _, record = unpack(cmsgpack.unpack(stored[i + 1]))
    list[#list + 1] = {stored[i], seen, record}
end
return list
