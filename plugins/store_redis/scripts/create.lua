-- Makes the request, unless its id is taken. `member` is its entry in the index, which must have been
-- announced shortly before: see index_announce.lua.
local generation, fingerprint, document, source, destination, priority, new_units, attachment,
      member, stamp, stamp_age_max = unpack(args)

local known = redis.call('HGET', REQUEST, 'fingerprint')
if known == fingerprint then return {'exists', show()} end
if known then return {'taken'} end
if member == '' or now_us - tonumber(stamp) > tonumber(stamp_age_max) then return {'announce', ''} end

-- Tokens count on from the time, so that those of an earlier request with this id are not met again.
redis.call('HSET', REQUEST, 'generation', generation, 'fingerprint', fingerprint,
           'document', document, 'source', source, 'destination', destination,
           'priority', priority, 'state', 'QUEUED', 'revision', 1, 'reason', '',
           'created', text(now), 'member', member, 'token', text(now_us), 'epoch', ARGV[4])
if attachment ~= '' then redis.call('SET', ATTACHMENT, attachment) end
for _, new in ipairs(new_units) do add_unit(new) end
commit()
hint()
return {'created', show()}
