-- Leases units to a worker, from the front of the lowest stage that has not ended.
local worker, lease_ms, units_max, planning_window, avoid, workers_max, generation = unpack(args)
local WAKE_MAX = 1000  -- Units whose backoff has passed that one claim makes ready.

local head = redis.call('HMGET', REQUEST, 'state', 'epoch', PENDING[CHUNK], 'pin',
                        'generation')
local state, epoch, pin = head[1], head[2], head[4] or ''
if not state then return {'missing'} end
if generation ~= '0' and generation ~= head[5] then return {'missing'} end
if state ~= 'QUEUED' and state ~= 'PROGRESS' then return {'ok', {}} end
if pin ~= '' and pin ~= worker then return {'ok', {}} end
local crowded = workers_max > 0 and redis.call('HLEN', HOLDERS) >= workers_max
if crowded and redis.call('HEXISTS', HOLDERS, worker) == 0 then return {'ok', {}} end

local function wake()
    local due = redis.call('ZRANGEBYSCORE', WAITING, '-inf', text(now), 'LIMIT', 0, WAKE_MAX)
    if #due == 0 then return end
    local ready = {}
    for _, place in ipairs(due) do
        ready[#ready + 1] = 0
        ready[#ready + 1] = place
    end
    redis.call('ZADD', READY, unpack(ready))
    redis.call('ZREM', WAITING, unpack(due))
end

local taken, places = {}, {}

-- Takes from the turns `first` to `last` of a stage until there are enough.
local function take(stage, first, last)
    local from = '[' .. stage .. ':' .. first
    local to = '(' .. stage .. ':' .. (last + 1)
    while #taken < units_max do
        local page = redis.call('ZRANGEBYLEX', READY, from, to, 'LIMIT', 0, units_max - #taken)
        if #page == 0 then return end
        local ids = {}
        for i, place in ipairs(page) do ids[i] = unit_at(place) end
        fetch(ids)
        for i, id in ipairs(ids) do
            if avoid == 0 or units[id].failer ~= worker then
                taken[#taken + 1] = id
                places[#places + 1] = page[i]
            end
        end
        from = '(' .. page[#page]
    end
end

wake()
local lowest = redis.call('ZRANGE', STAGES, 0, 0)[1]
if not lowest then return {'ok', {}} end
local stage = string.format('%010d', lowest)
if tonumber(head[3] or '0') < tonumber(planning_window) then
    take(stage, 0, 3)
else
    take(stage, 0, 1)
    take(stage, 3, 3)
end
if #taken == 0 then return {'ok', {}} end

-- The connection's epoch is newer than the request's when the server was started meanwhile.
if tonumber(ARGV[4]) > tonumber(epoch) then
    epoch = ARGV[4]
    redis.call('HSET', REQUEST, 'epoch', epoch)
end
local last_number = redis.call('HINCRBY', REQUEST, 'token', #taken)
local deadline = text(now + lease_ms)
for i, id in ipairs(taken) do
    local unit = units[id]
    unit.holder, unit.epoch, unit.number = worker, epoch, text(last_number - #taken + i)
    changed[id] = true
    later('ZREM', READY, places[i])
    later('ZADD', DEADLINES, deadline, id)
    later('ZADD', HOLDING, 0, worker .. ' ' .. id)
    count_pending(unit, -1)
    count_leased(unit, 1)
end
commit()
return {'ok', describe_all(taken)}
