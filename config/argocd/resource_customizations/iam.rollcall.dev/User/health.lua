-- The health of a User.
-- Whom spec.state suspends is Suspended. Who may not act for another reason (disabled in the directory, locked, expired) is Healthy, as
-- everything is as declared; the message says why they may not.
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
local active = condition("Active")
if active ~= nil and active.status ~= "True" then
  if active.reason == "Suspended" then
    return health("Suspended", active.message)
  end
  return health("Healthy", active.message)
end
return health("Healthy", ready.message)
