-- For wrk: prints its figures as JSON.  With UNIQUE in the environment no two requests have the same header section.
if os.getenv("UNIQUE") then
    local count = 0
    function request()
        count = count + 1
        wrk.headers["X-Request-Id"] = string.format("%012d", count)
        return wrk.format()
    end
end

function done(summary, latency)
    local failed = 0
    for _, number in pairs(summary.errors) do failed = failed + number end
    local figures = '{"done": %d, "seconds": %f, "bytes": %d, "failed": %d, "p50": %f, "p99": %f}\n'
    io.write(string.format(figures, summary.requests, summary.duration / 1e6, summary.bytes, failed,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
