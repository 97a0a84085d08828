-- Moves the deadlines of leases that are held.
if redis.call('EXISTS', REQUEST) == 0 then return {'missing'} end
go_on_when_full()
local lease_ms, items = unpack(args)

local ids = {}
for i, item in ipairs(items) do ids[i] = item[1] end
fetch(ids)

local deadlines, outcomes = {}, {}
for i, item in ipairs(items) do
    if leased(unpack(item)) then
        deadlines[#deadlines + 1] = text(now + lease_ms)
        deadlines[#deadlines + 1] = item[1]
        outcomes[i] = 'applied'
    else
        outcomes[i] = ending_of(unpack(item)) and 'already_done' or 'lease_lost'
    end
end
in_pieces('ZADD', DEADLINES, deadlines)
return {'ok', outcomes}
