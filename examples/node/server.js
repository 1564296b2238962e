// An application behind examples/node/proxy.py: node examples/node/server.js PORT
"use strict";
const http = require("http");

// Whom the client is, and by which scheme it came, says the proxy; nobody else reaches this port.
// In Express: app.set("trust proxy", "loopback"), and then request.ip and request.protocol.
function asked(request) {
  return {
    address: request.headers["x-real-ip"],
    scheme: request.headers["x-forwarded-proto"],
    host: request.headers["x-forwarded-host"],
  };
}

function events(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  let number = 0;
  const clock = setInterval(() => response.write(`data: ${++number}\n\n`), 1000);
  // The client has left, or the proxy has: nobody is to be told any more.
  response.on("close", () => clearInterval(clock));
  response.write("data: welcome\n\n");
}

const server = http.createServer((request, response) => {
  if (request.url === "/events") return events(response);
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ process: process.pid, ...asked(request) }) + "\n");
});

// On the loopback alone: who could come past the proxy could be anybody.
server.listen(Number(process.argv[2] || 3000), "127.0.0.1");

// Answer what is under way, then end; the proxy asks the other process meanwhile.
process.on("SIGTERM", () => server.close(() => process.exit()));
