-- A wrk script: the same handoff in each request, under a handoff_id of its own.
-- LOAD_BODY names the body, LOAD_RUN makes the ids differ from those of other runs.
-- LOAD_TOKEN is the bearer token; without it, one that only open mode lets pass.
-- With LOAD_REQUESTS, wrk ends after so many answers instead of after its time.

local limit = tonumber(os.getenv("LOAD_REQUESTS"))
local before, after
local sent, answered, refused = 0, 0, 0

wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("LOAD_TOKEN") or "load")
wrk.headers["Content-Type"] = "application/json"

-- Ids are all as long as this one, so one Content-Length is right for every request: the text around the id is made
-- once, and wrk has the least to do for each.
local first = string.format("%s-%010d", os.getenv("LOAD_RUN"), 0)

function init()
  local file = assert(io.open(os.getenv("LOAD_BODY"), "rb"))
  local body = file:read("*a"):gsub("%s+$", ""):gsub("HANDOFF_ID", first)
  file:close()
  local text = wrk.format(nil, nil, nil, body)
  local from, to = text:find(first, 1, true)
  before, after = text:sub(1, from - 11 + #first), text:sub(to + 1)
end

function request()
  sent = sent + 1
  return before .. string.format("%010d", sent) .. after
end

-- Only where answers are counted: wrk is slower with it.
if limit then
  function response(status)
    answered = answered + 1
    if status < 200 or status > 299 then refused = refused + 1 end
    if answered == limit then
      io.write(string.format('RESULT {"requests":%d,"errors":%d}\n', answered, refused))
      -- wrk itself has no end but that of its time.
      os.exit(0)
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('RESULT {"requests":%d,"errors":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50), latency:percentile(99)))
end
