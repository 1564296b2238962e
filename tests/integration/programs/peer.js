// A peer of Node's own servers, http or http2: node peer.js PORT [http2].  What it answers is told in tests/integration/peers.py.
"use strict";
const http = require(process.argv[3] || "http");

const kept = new Map();
let connections = 0;

function answer(request, response, status, body = "", fields = {}) {
  const framing = status === 304 ? {} : { "Content-Length": Buffer.byteLength(body) };
  response.writeHead(status, { "X-Peer-Connection": (request.stream ? request.stream.session.socket : request.socket).number, ...framing, ...fields });
  response.end(request.method === "HEAD" || status === 304 ? undefined : body);
}

function get(request, response) {
  const [, first, name] = request.url.split("/");
  switch (first) {
    case "hello": return answer(request, response, 200, "hello\n");
    case "kept": return answer(request, response, 200, kept.get(name));
    case "error": return answer(request, response, 503, "out of order\n");
    case "tagged": {
      const known = request.headers["if-none-match"] === '"v1"';
      return answer(request, response, known ? 304 : 200, "tagged\n", { ETag: '"v1"' });
    }
    case "chunked":
      for (const piece of ["one ", "two ", "three"]) response.write(piece);
      return response.end();
    case "slow":
      response.writeHead(200, { "Content-Length": 3000 });
      response.write("s".repeat(1500));
      return setTimeout(() => response.end("s".repeat(1500)), 400);
    default: return answer(request, response, 404);
  }
}

function put(request, response) {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces);
    if (request.method === "POST") return answer(request, response, 200, body);
    kept.set(request.url.split("/")[2], body);
    return answer(request, response, 201);
  });
}

const server = http.createServer((request, response) =>
  ["GET", "HEAD"].includes(request.method) ? get(request, response) : put(request, response));
server.on("connection", (socket) => { socket.number = ++connections; });
server.listen(Number(process.argv[2]), "127.0.0.1");
