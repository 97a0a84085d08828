-- Puts units back for another attempt, or ends them when their attempts are used up.
if redis.call('EXISTS', REQUEST) == 0 then return {'missing'} end
go_on_when_full()

-- Leaves of a leased unit what is left to do; its place and its group stay.
local function narrow(id, unit, rest)
    unit.bytes, unit.files = rest[5], rest[6]
    later('HSET', PAYLOADS, id, rest[7])
end

-- Gives how the lease ended.
local function apply(id, unit, item)
    local worker, released, backoff_ms, attempts_max, packed_error, message, rest = unpack(item, 4)
    apply_effects(worker, unpack(item, 11))
    if message ~= '' then redis.call('HSET', DETAIL, worker, message) end
    if #rest > 0 then narrow(id, unit, rest) end
    end_lease(id, unit)
    if released == 1 then
        put_back(id, unit)
        return FAILED
    end
    note_failure(unit)
    unit.failures = unit.failures + 1
    unit.failer = worker
    if unit.failures >= attempts_max then
        record_error(packed_error)
        exhaust(id, unit)
        return EXHAUSTED
    end
    put_back(id, unit, backoff_ms > 0 and now + backoff_ms)
    return FAILED
end

local ids = {}
for i, item in ipairs(args) do ids[i] = item[1] end
fetch(ids)

local replies = {}
local applied = false
for i, item in ipairs(args) do
    local id, epoch, number = item[1], item[2], item[3]
    local unit = leased(id, epoch, number)
    local ending, outcome
    if unit then
        ending = apply(id, unit, item)
        remember(id, epoch, number, ending)
        outcome = 'applied'
        applied = true
    else
        ending = ending_of(id, epoch, number)
        local known = ending == FAILED or ending == EXHAUSTED
        outcome = known and 'already_done' or 'lease_lost'
    end
    replies[i] = {outcome, ending == EXHAUSTED and '1' or '0'}
end
if applied then
    commit()
    hint()
end
return {'ok', replies}
