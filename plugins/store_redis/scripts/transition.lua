-- Changes the state, if the caller saw the current revision. A terminal request that becomes active
-- again must have been announced to the index shortly before: see index_announce.lua.
local expected, to, reason, detail, restart, new_units, stamp, stamp_age_max, replaced, added,
      errors_cleared = unpack(args)

local head = redis.call('HMGET', REQUEST, 'revision', 'state', 'member')
local revision, state, member = head[1], head[2], head[3]
if not revision then return {'missing'} end
if revision ~= expected then return {'conflict', revision} end
if TERMINAL[state] and not TERMINAL[to] then
    local fresh = stamp ~= '' and now_us - tonumber(stamp) <= tonumber(stamp_age_max)
    if not fresh then return {'announce', member} end
end
if TERMINAL[to] then go_on_when_full() end

if restart == 1 or TERMINAL[to] then
    redis.call('UNLINK', UNITS, PAYLOADS, READY, WAITING, DEADLINES, HOLDING, HOLDERS, STAGES,
               STAGE_COUNTS, GROUPS, PARTS)
    redis.call('HDEL', REQUEST, 'p0', 'p1', 'p2', 'p3', 'l0', 'l1', 'l2', 'l3', 'bp')
end
if restart == 1 then
    for i = 0, COUNTERS_LAST do redis.call('HDEL', REQUEST, 'c' .. i) end
    redis.call('HDEL', REQUEST, 'started')
    redis.call('UNLINK', DETAIL)
end
if restart == 1 or errors_cleared == 1 then clear_errors() end

redis.call('HSET', REQUEST, 'state', to, 'reason', reason)
if #replaced > 0 then redis.call('HSET', REQUEST, unpack(replaced)) end
for i = 1, #added, 2 do count(added[i], added[i + 1]) end
if detail ~= '' then redis.call('HSET', DETAIL, 'master', detail) end
if to == 'PROGRESS' then redis.call('HSETNX', REQUEST, 'started', text(now)) end
if TERMINAL[to] then
    redis.call('HSET', REQUEST, 'finished', text(now))
    redis.call('ZREMRANGEBYRANK', ENDED, 0, -(ENDED_TERMINAL_MAX + 1))
else
    redis.call('HDEL', REQUEST, 'finished')
    for _, new in ipairs(new_units) do add_unit(new) end
end
local after = redis.call('HINCRBY', REQUEST, 'revision', 1)
commit()
hint()
return {'ok', text(after), member, text(now_us)}
