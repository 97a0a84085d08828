-- Everything about the request but its units.
if redis.call('EXISTS', REQUEST) == 0 then return {'missing', text(now_us)} end
return {'ok', show()}
