// A client of WebSockets of Node's "ws": node ws_client.js URL, where an echo is; tells as JSON what came back.
"use strict";
const WebSocket = require("ws");

const url = process.argv[2];
const big = Buffer.alloc(1 << 20, "0123456789abcdef");
const socket = new WebSocket(url, ["chat.v1", "chat.v9"], { rejectUnauthorized: false });
const told = { messages: [], deflated: false, pong: "" };

socket.on("open", () => {
  told.protocol = socket.protocol;
  told.deflated = socket.extensions.startsWith("permessage-deflate");
  socket.send("grüß");
  socket.send(Buffer.from([0, 255, 1]));
  socket.send("one ", { fin: false });
  socket.send("two", { fin: true });
  socket.send("");
  socket.send(big);
  socket.ping("there?");
});
socket.on("pong", (data) => (told.pong = data.toString()));
socket.on("message", (data, binary) => {
  told.messages.push(data.equals(big) ? "big" : binary ? data.toString("hex") : data.toString());
  if (told.messages.length === 5) socket.close(4001, "enough");
});
socket.on("close", (code, reason) => {
  told.code = code;
  told.reason = reason.toString();
  process.stdout.write(JSON.stringify(told));
});
