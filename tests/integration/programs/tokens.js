// A language model whose words a test chooses: node tokens.js PORT.
//   POST /v1/…            an event stream, or with {"poll": true} an answer when there is a word
//   POST /word?TEXT       one more word for all who wait; answered when it is handed to the system
//   GET  /open            how many wait
"use strict";
const http = require("http");

const streams = new Set();
const polls = new Set();

function speak(word, done) {
  for (const poll of polls) poll.end(word);
  const waiting = [...streams];
  if (!waiting.length) return done();
  let left = waiting.length;
  for (const stream of waiting) stream.write(`data: ${word}\n\n`, () => { if (!--left) done(); });
}

function listen(body, response) {
  const among = body.includes("poll") ? polls : streams;
  among.add(response);
  response.on("close", () => among.delete(response));
  if (among === streams) {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
    response.flushHeaders();
  }
}

http.createServer((request, response) => {
  const [path, word] = request.url.split("?");
  if (path === "/word") return speak(word, () => response.end());
  if (path === "/open") return response.end(String(streams.size + polls.size));
  let body = "";
  request.on("data", (piece) => { body += piece; });
  request.on("end", () => listen(body, response));
}).listen(Number(process.argv[2]), "127.0.0.1");
