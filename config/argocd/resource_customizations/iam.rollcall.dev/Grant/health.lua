-- The health of a Grant.
-- Before its startTime it is Suspended: it waits. After its expireTime it is Healthy: it has done what was asked of it, as a Job that is
-- complete.
local function health(status, message)
  return {status = status, message = message}
end

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "the operator has not seen it as it is now")
end

local function condition(type)
  for _, c in ipairs(obj.status.conditions or {}) do
    if c.type == type then
      return c
    end
  end
end

local stalled = condition("Stalled")
if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", stalled.message)
end
local ready = condition("Ready")
if ready == nil then
  return health("Progressing", "the operator is at work")
end
local reconciling = condition("Reconciling")
if ready.status ~= "True" or reconciling ~= nil and reconciling.status == "True" then
  return health("Progressing", ready.message)
end
if ready.reason == "NotStarted" then
  return health("Suspended", ready.message)
end
return health("Healthy", ready.message)
