-- Forgets the request; tells its entry in the index.
local member = redis.call('HGET', REQUEST, 'member')
if not member then return {'missing'} end
redis.call('UNLINK', unpack(KEYS))
hint()
return {'ok', member, text(now_us)}
