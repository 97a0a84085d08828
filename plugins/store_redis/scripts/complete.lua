-- Ends units and applies what their ends bring about.
if redis.call('EXISTS', REQUEST) == 0 then return {'missing'} end
go_on_when_full()

local ids = {}
for i, item in ipairs(args) do ids[i] = item[1] end
fetch(ids)

local outcomes = {}
local applied = false
for i, item in ipairs(args) do
    local id, epoch, number = item[1], item[2], item[3]
    local unit = leased(id, epoch, number)
    if unit then
        apply_effects(unit.holder, unpack(item, 4))
        end_lease(id, unit)
        end_unit(id, unit)
        remember(id, epoch, number, COMPLETED)
        outcomes[i] = 'applied'
        applied = true
    else
        local done = ending_of(id, epoch, number) == COMPLETED
        outcomes[i] = done and 'already_done' or 'lease_lost'
    end
end
if applied then
    commit()
    hint()
end
return {'ok', outcomes}
