-- What a worker holds on the request.
local ids = units_held_by(args[1], -1)
fetch(ids)
return {'ok', describe_all(ids)}
