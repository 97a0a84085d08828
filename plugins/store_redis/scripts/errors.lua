-- A page of the recorded errors.
local first, limit = unpack(args)
if redis.call('EXISTS', REQUEST) == 0 then return {'missing'} end
local page = redis.call('LRANGE', ERRORS, first, first + limit - 1)
return {'ok', page, text(redis.call('LLEN', ERRORS))}
