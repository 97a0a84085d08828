-- Puts a request into the index, before it is made or becomes active again.
--
-- The index lives in a slot of its own, so that it and a request cannot change in one step. The order
-- keeps them true: a request is announced here first, and the script that makes it active then checks
-- that this was a short while ago. So every request is in the index, and a crash between the two
-- writes leaves at most an entry without a request, which list() takes out once it is too old to be
-- waited for (index_settle.lua).
local ALL,        -- ZSET  "microseconds of creation:id", all of score 0: every request, oldest first
      ACTIVE,     -- ZSET  those of them that are not terminal
      ANNOUNCED   -- HASH  entry -> when it was last announced, in microseconds
      = unpack(KEYS)
local id, member = ARGV[1], ARGV[2]

local clock = redis.call('TIME')
local now_us = string.format('%d', clock[1] * 1000000 + clock[2])
if member == '' then member = string.format('%016d:%s', now_us, id) end
redis.call('ZADD', ALL, 0, member)
redis.call('ZADD', ACTIVE, 0, member)
redis.call('HSET', ANNOUNCED, member, now_us)
return {member, now_us}
