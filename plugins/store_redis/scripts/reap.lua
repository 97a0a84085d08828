-- Takes leases away: those of a worker, or without one those past their deadline.
local worker, losses_max, limit = unpack(args)
if redis.call('EXISTS', REQUEST) == 0 then return {'missing'} end

local ids
if worker ~= '' then
    ids = units_held_by(worker, limit)
else
    ids = redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', text(now), 'LIMIT', 0, limit)
end
if #ids == 0 then return {'ok', {}, {}} end
go_on_when_full()
fetch(ids)
local leases = describe_all(ids)

-- Nobody is there to report more.
local function lost_error(unit, holder, payload)
    local offset, label = unpack(cmsgpack.unpack(payload))
    return cmsgpack.pack({label, 'worker_lost', '0', '1', offset, holder, text(unit.failures + 1),
                          unit.first_failed, text(now),
                          'lost ' .. text(unit.losses) .. ' times with the worker that had it'})
end

local exhausted = {}
for i, id in ipairs(ids) do
    local unit = units[id]
    local holder = unit.holder
    note_failure(unit)
    unit.losses = unit.losses + 1
    end_lease(id, unit)
    if unit.losses >= losses_max then
        record_error(lost_error(unit, holder, leases[i][#leases[i]]))
        exhaust(id, unit)
        exhausted[i] = '1'
    else
        put_back(id, unit)
        exhausted[i] = '0'
    end
end
commit()
hint()
return {'ok', leases, exhausted}
