// A language model whose words a test chooses: node tokens.js PORT.
//   POST /v1/…            an event stream, or with {"poll": true} an answer when there is a word
//   POST /word?TEXT       one more word for all who wait; answered when it is handed to the system
//   GET  /open            how many wait
//   GET  /page?PATH       a page that has words said, one after the other, and hears them in an event stream at PATH
//   GET  /heard           what that page has heard
"use strict";
const http = require("http");

const streams = new Set();
const polls = new Set();

const PAGE = `<!doctype html><title>events</title><script>
  const words = ["one", "two", "three", "four"], heard = [];
  const source = new EventSource(location.search.slice(1));
  const say = () => setTimeout(() => fetch("/word?" + words[heard.length]), 300);
  source.onopen = say;
  source.onerror = () => heard.push("an error");
  source.onmessage = (event) => {
    heard.push(event.data);
    if (heard.length < words.length) return say();
    source.close();
    fetch("/heard?" + heard.join());
  };
</script>`;
let heard = "";

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
  if (path === "/page") return response.setHeader("Content-Type", "text/html").end(PAGE);
  if (path === "/heard") return response.end(heard ||= word || "");
  if (path === "/open") return response.end(String(streams.size + polls.size));
  let body = "";
  request.on("data", (piece) => { body += piece; });
  request.on("end", () => listen(body, response));
}).listen(Number(process.argv[2]), "127.0.0.1");
