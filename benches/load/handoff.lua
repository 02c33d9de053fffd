-- A wrk script that sends the same handoff in each request, with a new handoff_id.
-- LOAD_BODY is the file with the body. LOAD_RUN is part of the ids, so that they differ between runs.
-- LOAD_TOKEN is the bearer token; the default is a token that passes only in open mode.
-- LOAD_REQUESTS makes wrk stop after this number of answers instead of after its duration.

local limit = tonumber(os.getenv("LOAD_REQUESTS"))
local before, after
local sent, answered, refused = 0, 0, 0

wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("LOAD_TOKEN") or "load")
wrk.headers["Content-Type"] = "application/json"

-- All ids have the same length, so every request has the same Content-Length. The text around the id is built once, to
-- keep the work per request small.
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

-- Defined only if answers must be counted, because it slows wrk down.
if limit then
  function response(status)
    answered = answered + 1
    if status < 200 or status > 299 then refused = refused + 1 end
    if answered == limit then
      io.write(string.format('RESULT {"requests":%d,"errors":%d}\n', answered, refused))
      -- wrk can stop by itself only when its duration is over.
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
