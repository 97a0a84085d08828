-- What every script of a request starts with: its keys, and the steps that units go through.
--
-- All keys of a request carry its id as hash tag and come declared, so that a script touches one
-- slot and nothing undeclared. ARGV: the arguments in MessagePack, the channel of the hints, the
-- request's id, the epoch of the connection.
local REQUEST,      -- HASH   document, state, counters c0.., pending p0.., leased l0.., last numbers
      UNITS,        -- HASH   unit -> what a unit is, and the lease it is under
      PAYLOADS,     -- HASH   unit -> offset, label and payload, which only claims read
      READY,        -- ZSET   position, all of score 0: claims take from its front
      WAITING,      -- ZSET   position by the time when a backoff has passed
      DEADLINES,    -- ZSET   unit by the deadline of its lease
      HOLDING,      -- ZSET   "worker unit", all of score 0
      HOLDERS,      -- HASH   worker -> how many leases it holds
      STAGES,       -- ZSET   stage by stage, those with a unit that has not ended
      STAGE_COUNTS, -- HASH   stage -> how many units of it have not ended
      GROUPS,       -- HASH   group:parts, group:ended, group:failed, group:then
      PARTS,        -- ZSET   "group unit", all of score 0: parts that have not ended
      ERRORS,       -- LIST   errors of files, packed
      DETAIL,       -- HASH   worker or "master" -> its latest message
      ENDED,        -- ZSET   "unit epoch number" of leases that ended, by time and kind of ending
      ATTACHMENT    -- STRING the long part of the document
      = unpack(KEYS)

local args = cmsgpack.unpack(ARGV[1])

local LISTING, CHUNK = 0, 1                     -- UnitKind
local TURNS = {[0] = 2, 1, 0, 3}                -- UnitKind -> its turn in claims
local PENDING = {[0] = 'p0', 'p1', 'p2', 'p3'}  -- UnitKind -> field of REQUEST
local LEASED = {[0] = 'l0', 'l1', 'l2', 'l3'}
local FILES_FAILED, BYTES_FAILED = 'c4', 'c13'  -- Count
local STEPS_GIVEN_UP, LISTINGS_GIVEN_UP = 'c27', 'c28'
local TERMINAL = {COMPLETED = true, COMPLETED_WITH_ERRORS = true, FAILED = true, CANCELLED = true}
local COMPLETED, FAILED, EXHAUSTED = 0, 1, 2    -- How a lease ended.
local ENDED_MAX = 4096                          -- Ended leases that are remembered,
local ENDED_TERMINAL_MAX = 1024                 -- and of a request that is terminal.
local ERRORS_MAX = 10000
local COUNTERS_LAST = 63                        -- More than there are.
local COUNTER_MAX = '9223372036854775807'
local EXACT = 2 ^ 51                            -- Lua's numbers are exact up to four times that.
local ARGUMENTS_MAX = 1000                      -- Even, and well below what unpack() can take.

-- Whole numbers as text: Lua itself prints large ones with an exponent.
local function text(number)
    return string.format('%d', number)
end

local clock = redis.call('TIME')
local now_us = clock[1] * 1000000 + clock[2]
local now = math.floor(now_us / 1000)

-- A full server refuses commands that may need memory, as the first write of a script. What ends
-- work has to go on, or nothing would ever become free: so its first write is one that removes.
local function go_on_when_full()
    redis.call('HDEL', REQUEST, '')
end

-- ------------------------------------------------------------- what is written once, by commit()

local tally = {}          -- field of REQUEST -> sum
local stage_deltas = {}   -- stage -> units more or less
local holder_deltas = {}  -- worker -> leases more or less
local queued = {HSET = {}, ZADD = {}, HDEL = {}, ZREM = {}}
local new_errors = {}
local units = {}          -- unit -> table, or false when it has ended
local changed = {}        -- unit -> true when its table has to be written
local last_unit           -- Id that was given out last; nil while it was not needed.

-- Counters stop at the ends of their range: what workers report cannot wrap them.
local function add_bounded(field, amount)
    local sum = redis.pcall('HINCRBY', REQUEST, field, amount)
    if type(sum) == 'table' then
        redis.call('HSET', REQUEST, field, COUNTER_MAX)
    elseif sum < 0 then
        redis.call('HSET', REQUEST, field, 0)
    end
end

-- `amount` is a number, or text that may not fit into one.
local function count(field, amount)
    local number = tonumber(amount)
    if math.abs(number) > EXACT then return add_bounded(field, amount) end
    local sum = (tally[field] or 0) + number
    if math.abs(sum) > EXACT then
        add_bounded(field, text(sum))
        sum = 0
    end
    tally[field] = sum
end

local function later(command, key, a, b)
    local list = queued[command][key]
    if not list then
        list = {}
        queued[command][key] = list
    end
    list[#list + 1] = a
    if b then list[#list + 1] = b end
end

local function in_pieces(command, key, list)
    for first = 1, #list, ARGUMENTS_MAX do
        local last = math.min(first + ARGUMENTS_MAX - 1, #list)
        redis.call(command, key, unpack(list, first, last))
    end
end

local function clear_errors()
    redis.call('HDEL', REQUEST, 'errors')
    redis.call('UNLINK', ERRORS)
end

local function record_error(packed)
    count('errors', 1)
    new_errors[#new_errors + 1] = packed
end

local function commit_errors()
    if #new_errors == 0 then return end
    local room = ERRORS_MAX - redis.call('LLEN', ERRORS)
    for i = #new_errors, math.max(room, 0) + 1, -1 do new_errors[i] = nil end
    in_pieces('RPUSH', ERRORS, new_errors)
end

-- In two commands, where all that is involved is exact in Lua's numbers.
local function commit_tally()
    local fields = {}
    for field, sum in pairs(tally) do
        if sum ~= 0 then fields[#fields + 1] = field end
    end
    if #fields == 0 then return end
    local before = redis.call('HMGET', REQUEST, unpack(fields))
    local written = {}
    for i, field in ipairs(fields) do
        local old = tonumber(before[i] or '0')
        if old > EXACT then
            add_bounded(field, text(tally[field]))
        else
            written[#written + 1] = field
            written[#written + 1] = text(math.max(old + tally[field], 0))
        end
    end
    if #written > 0 then redis.call('HSET', REQUEST, unpack(written)) end
end

local function commit_stages()
    for number, delta in pairs(stage_deltas) do
        if delta ~= 0 then
            local stage = text(number)
            local left = redis.call('HINCRBY', STAGE_COUNTS, stage, delta)
            if left <= 0 then
                redis.call('HDEL', STAGE_COUNTS, stage)
                redis.call('ZREM', STAGES, stage)
            elseif left == delta then
                redis.call('ZADD', STAGES, stage, stage)
            end
        end
    end
end

local function commit_holders()
    for worker, delta in pairs(holder_deltas) do
        if delta ~= 0 and redis.call('HINCRBY', HOLDERS, worker, delta) <= 0 then
            redis.call('HDEL', HOLDERS, worker)
        end
    end
end

-- What is added goes first: a unit that was put back may be dropped again by the same script.
local function commit()
    for id in pairs(changed) do
        if units[id] then later('HSET', UNITS, id, cmsgpack.pack(units[id])) end
    end
    for _, command in ipairs({'HSET', 'ZADD', 'HDEL', 'ZREM'}) do
        for key, list in pairs(queued[command]) do in_pieces(command, key, list) end
    end
    commit_tally()
    commit_stages()
    commit_holders()
    commit_errors()
    if last_unit then redis.call('HSET', REQUEST, 'unit', text(last_unit)) end
    if queued.ZADD[ENDED] then
        redis.call('ZREMRANGEBYRANK', ENDED, 0, -(ENDED_MAX + 1))
    end
    redis.call('HSET', REQUEST, 'updated', text(now))
end

-- Only a hint, after everything else: that it may not be published changes nothing.
local function hint()
    redis.pcall('PUBLISH', ARGV[2], ARGV[3])
end

-- ------------------------------------------------------------------------------------ one unit

local function fetch(ids)
    for first = 1, #ids, ARGUMENTS_MAX do
        local last = math.min(first + ARGUMENTS_MAX - 1, #ids)
        local found = redis.call('HMGET', UNITS, unpack(ids, first, last))
        for i = first, last do
            local packed = found[i - first + 1]
            if units[ids[i]] == nil then units[ids[i]] = packed and cmsgpack.unpack(packed) end
        end
    end
end

local function load(id)
    if units[id] == nil then fetch({id}) end
    return units[id]
end

-- Sorts as units are handed out: by stage, turn of the kind, rank, age.
local function position(id, unit)
    return string.format('%010d:%d:%010d:%016d', unit.stage, TURNS[unit.kind], unit.rank, id)
end

local function unit_at(place)
    return text(tonumber(string.sub(place, -16)))
end

local function count_pending(unit, sign)
    count(PENDING[unit.kind], sign)
    if unit.kind == CHUNK then
        if sign > 0 then count('bp', unit.bytes) else count('bp', '-' .. unit.bytes) end
    end
end

local function count_stage(unit, sign)
    stage_deltas[unit.stage] = (stage_deltas[unit.stage] or 0) + sign
end

-- `new`: kind, stage, rank, group, bytes, files, payload; as the plugin packs it.
local function insert(new, discard)
    last_unit = (last_unit or tonumber(redis.call('HGET', REQUEST, 'unit') or '0')) + 1
    local id = text(last_unit)
    local unit = {kind = new[1], stage = new[2], rank = new[3], group = new[4], bytes = new[5],
                  files = new[6], failures = 0, losses = 0, discard = discard}
    units[id] = unit
    changed[id] = true
    later('HSET', PAYLOADS, id, new[7])
    later('ZADD', READY, 0, position(id, unit))
    count_pending(unit, 1)
    count_stage(unit, 1)
    -- At once, because a group that fails in this very script looks for its parts.
    if unit.group ~= '' then redis.call('ZADD', PARTS, 0, unit.group .. ' ' .. id) end
end

-- ------------------------------------------------------------------------------------ groups

local failed_groups = {}

local function has_failed(group)
    if group == '' then return false end
    if failed_groups[group] == nil then
        failed_groups[group] = redis.call('HGET', GROUPS, group .. ':failed') ~= false
    end
    return failed_groups[group]
end

-- A loop, because what follows a group may itself be a part of one that has failed.
local function end_part(group)
    while true do
        local ended = redis.call('HINCRBY', GROUPS, group .. ':ended', 1)
        local parts = redis.call('HGET', GROUPS, group .. ':parts')
        if not parts or ended < tonumber(parts) then return end
        local following = cmsgpack.unpack(redis.call('HGET', GROUPS, group .. ':then'))
        local discard = has_failed(group)
        redis.call('HDEL', GROUPS, group .. ':ended', group .. ':parts', group .. ':then',
                   group .. ':failed')
        failed_groups[group] = nil
        if not has_failed(following[4]) then return insert(following, discard) end
        count(BYTES_FAILED, following[5])
        group = following[4]
    end
end

local function open_group(group, parts, following)
    redis.call('HSET', GROUPS, group .. ':parts', parts, group .. ':then',
               cmsgpack.pack(following))
    local ended = tonumber(redis.call('HGET', GROUPS, group .. ':ended') or '0')
    if ended < parts then return end
    -- All parts came and ended before the group was opened: the last one ends here.
    redis.call('HINCRBY', GROUPS, group .. ':ended', -1)
    end_part(group)
end

local function add_unit(new)
    local group = new[4]
    if not has_failed(group) then return insert(new, false) end
    count(BYTES_FAILED, new[5])
    end_part(group)
end

-- What the end of a unit brings about; as the plugin packs it.
local function apply_effects(worker, counters, errors, groups, new_units, message, resolution)
    if message ~= '' then redis.call('HSET', DETAIL, worker, message) end
    if resolution ~= '' then redis.call('HSETNX', REQUEST, 'resolution', resolution) end
    for i = 1, #counters, 2 do count(counters[i], counters[i + 1]) end
    for _, packed in ipairs(errors) do record_error(packed) end
    for _, group in ipairs(groups) do open_group(unpack(group)) end
    for _, new in ipairs(new_units) do add_unit(new) end
end

-- ------------------------------------------------------------------------------------ leases

-- The unit that is under this very lease, or nothing.
local function leased(id, epoch, number)
    local unit = load(id)
    return unit and unit.holder and unit.epoch == epoch and unit.number == number and unit
end

local ended_now = {}  -- Those of this script.

local function remember(id, epoch, number, ending)
    local lease = id .. ' ' .. epoch .. ' ' .. number
    ended_now[lease] = ending
    later('ZADD', ENDED, text(now * 4 + ending), lease)
end

-- How this lease ended; nothing when that is not known (any more).
local function ending_of(id, epoch, number)
    local lease = id .. ' ' .. epoch .. ' ' .. number
    if ended_now[lease] then return ended_now[lease] end
    local score = redis.call('ZSCORE', ENDED, lease)
    return score and tonumber(score) % 4
end

local function count_leased(unit, sign)
    count(LEASED[unit.kind], sign)
    holder_deltas[unit.holder] = (holder_deltas[unit.holder] or 0) + sign
end

local function end_lease(id, unit)
    later('ZREM', DEADLINES, id)
    later('ZREM', HOLDING, unit.holder .. ' ' .. id)
    count_leased(unit, -1)
    unit.holder, unit.epoch, unit.number = nil, nil, nil
    changed[id] = true
end

-- Of a unit that is under no lease, and in no queue or about to leave it.
local function end_unit(id, unit)
    units[id] = false
    later('HDEL', UNITS, id)
    later('HDEL', PAYLOADS, id)
    count_stage(unit, -1)
    if unit.group ~= '' then
        redis.call('ZREM', PARTS, unit.group .. ' ' .. id)
        end_part(unit.group)
    end
end

-- Ends a pending part of a file that has failed already.
local function drop_part(id, unit)
    local place = position(id, unit)
    later('ZREM', READY, place)
    later('ZREM', WAITING, place)
    count_pending(unit, -1)
    count(BYTES_FAILED, unit.bytes)
    end_unit(id, unit)
end

-- Pending again; at once without `not_before`.
local function put_back(id, unit, not_before)
    count_pending(unit, 1)
    if has_failed(unit.group) then
        drop_part(id, unit)
    elseif not_before then
        later('ZADD', WAITING, text(not_before), position(id, unit))
    else
        later('ZADD', READY, 0, position(id, unit))
    end
end

-- The unit is given up, and the group that it is a part of has failed.
local function exhaust(id, unit)
    local group = unit.group
    -- Its error names one path, which is not all that it was about.
    if group == '' and tonumber(unit.files) ~= 1 then count(STEPS_GIVEN_UP, 1) end
    if unit.kind == LISTING then count(LISTINGS_GIVEN_UP, 1) end
    count(BYTES_FAILED, unit.bytes)
    -- One file is one failure, however many of its parts were under way.
    if not has_failed(group) then count(FILES_FAILED, unit.files) end
    if group ~= '' then
        redis.call('HSET', GROUPS, group .. ':failed', 1)
        failed_groups[group] = true
        local parts = redis.call('ZRANGEBYLEX', PARTS, '[' .. group .. ' ', '(' .. group .. '!')
        for i, member in ipairs(parts) do parts[i] = string.sub(member, #group + 2) end
        fetch(parts)
        for _, other in ipairs(parts) do
            local part = units[other]
            if other ~= id and part and not part.holder then drop_part(other, part) end
        end
    end
    end_unit(id, unit)
end

-- A unit failed, or was lost: that it did so for the first time is remembered.
local function note_failure(unit)
    unit.first_failed = unit.first_failed or text(now)
end

-- As the plugin reads it: lease, holder, what came before, discard, then what makes the unit.
local function describe(id, unit, payload)
    return {id, unit.epoch, unit.number, unit.holder, unit.failures + 1, unit.losses,
            unit.failer or '', unit.first_failed or '', unit.discard and 1 or 0, unit.kind,
            unit.stage, unit.rank, unit.group, unit.bytes, unit.files, payload}
end

-- Of leases, in the order of their units.
local function describe_all(ids)
    local leases = {}
    for first = 1, #ids, ARGUMENTS_MAX do
        local last = math.min(first + ARGUMENTS_MAX - 1, #ids)
        local payloads = redis.call('HMGET', PAYLOADS, unpack(ids, first, last))
        for i = first, last do
            leases[i] = describe(ids[i], units[ids[i]], payloads[i - first + 1])
        end
    end
    return leases
end

local function units_held_by(worker, limit)
    local members = redis.call('ZRANGEBYLEX', HOLDING, '[' .. worker .. ' ', '(' .. worker .. '!',
                               'LIMIT', 0, limit)
    for i, member in ipairs(members) do members[i] = string.sub(member, #worker + 2) end
    return members
end

-- All that the plugin shows of a request.
local function show()
    local lowest = redis.call('ZRANGE', STAGES, 0, 0)
    return {text(now_us), redis.call('HGETALL', REQUEST), redis.call('HGETALL', HOLDERS),
            redis.call('HGETALL', DETAIL), lowest[1] or '0'}
end
