-- The long part of the document.
if redis.call('EXISTS', REQUEST) == 0 then return {'missing'} end
return {'ok', redis.call('GET', ATTACHMENT) or ''}
