// node h2_client.js URL NUMBER: that many requests, a hundred at a time, every fiftieth with a body that is echoed;
// prints how many were answered as they should, and what became of the others.
const http2 = require("http2");

const [, , url, number] = process.argv;
const body = Buffer.alloc(1 << 20, "x");
const wrong = {};
let session, right = 0, begun = 0, active = 0;

function connect() {
  // Megabytes of what a session may hold; by default 10, beyond which Node resets streams that are answered.  Fifty
  // bodies of 1 MiB may wait to be sent.
  session = http2.connect(url, { rejectUnauthorized: false, maxSessionMemory: 100 });
  session.on("error", () => {});
  session.on("goaway", connect);
}

function ask(place) {
  active++;
  if (session.closed || session.destroyed) connect();
  const posts = place % 50 === 0;
  const stream = session.request(posts ? { ":path": "/echo", ":method": "POST" } : { ":path": "/hello" });
  let length = 0, status = 0, failure = "";
  stream.on("response", (headers) => { status = headers[":status"]; });
  stream.on("data", (data) => { length += data.length; });
  stream.on("error", (error) => { failure = error.message; });
  stream.on("close", () => {
    active--;
    // What waited within the library when GOAWAY came it refuses itself: nobody has seen it, so it is asked again
    // (RFC 9113 8.7).
    if (!status && failure.includes("NGHTTP2_REFUSED_STREAM")) return ask(place);
    if (status === 200 && !failure && (!posts || length === body.length)) right++;
    else wrong[`${status} ${length} ${failure}`] = (wrong[`${status} ${length} ${failure}`] || 0) + 1;
    go();
  });
  stream.end(posts ? body : undefined);
}

function go() {
  while (active < 100 && begun < number) ask(begun++);
  if (begun >= number && active === 0) {
    console.log(right, JSON.stringify(wrong));
    process.exit(0);
  }
}

connect();
go();
