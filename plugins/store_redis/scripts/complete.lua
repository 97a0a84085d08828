-- Ends units and applies what their ends bring about.
if redis.call('EXISTS', REQUEST) == 0 then return {'missing'} end
go_on_when_full()

local function apply(worker, counters, errors, groups, new_units, message)
    if message ~= '' then redis.call('HSET', DETAIL, worker, message) end
    for i = 1, #counters, 2 do count(counters[i], counters[i + 1]) end
    for _, packed in ipairs(errors) do record_error(packed) end
    for _, group in ipairs(groups) do open_group(unpack(group)) end
    for _, new in ipairs(new_units) do add_unit(new) end
end

local ids = {}
for i, item in ipairs(args) do ids[i] = item[1] end
fetch(ids)

local outcomes = {}
local applied = false
for i, item in ipairs(args) do
    local id, epoch, number = item[1], item[2], item[3]
    local unit = leased(id, epoch, number)
    if unit then
        apply(unit.holder, unpack(item, 4))
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
